/* SPDX-License-Identifier: Apache-2.0 */
/*
 * frame.h - bytes ready for the wire, shared by everyone who gets them.
 *
 * A publish builds one frame; each subscriber's queue holds a reference. The
 * bytes never change after they are built. The count is atomic, because a frame
 * crosses loops; push_frame_release() may free on any thread.
 *
 * Who agreed on compression (deflate.h) gets a frame's twin, which says the
 * same in fewer bytes. The first such receiver of any loop has it made, all
 * others share it. A twin is a frame like any other; the original holds it.
 */
#ifndef PUSH_FRAME_H
#define PUSH_FRAME_H

#include <apr.h>

#include "deflate.h"

typedef struct push_frame_t {
    int refs;         /* atomic; the maker holds the first */
    apr_uint32_t len; /* bytes in data */
    struct push_frame_t *twins[PUSH_WIDTHS]; /* atomic; a reference each. NULL:
                         not tried yet; the frame itself: it would not pay */
    unsigned char data[]; /* what goes to the socket, header included */
} push_frame_t;

/**
 * Room for `len` bytes, one reference held by the caller. Never NULL: out of
 * memory ends the process, since no event could be delivered any more.
 */
push_frame_t *push_frame_create(apr_size_t len);

/**
 * An unmasked RFC 6455 frame (FIN set) around a payload.
 * @param opcode  ws.h
 */
push_frame_t *push_frame_ws(int opcode, const void *payload, apr_size_t len);

/**
 * The frame's twin of a width, made when there is none. It lives as long as f.
 * @param d  the calling loop's
 * @return f itself when it is a control frame, several frames, or would not
 *         become shorter
 */
push_frame_t *push_frame_twin(push_frame_t *f, push_width_t width,
                              push_deflate_t *d);

/**
 * What of a frame a connection gets.
 * @param window  as it agreed (ws_deflate_t), 0: no compression
 */
static inline push_frame_t *push_frame_for(push_frame_t *f, int window,
                                           push_deflate_t *d)
{
    return window == 0
               ? f
               : push_frame_twin(f, push_deflate_width(window, f->len), d);
}

void push_frame_retain(push_frame_t *f);
void push_frame_release(push_frame_t *f);

#endif
