/* SPDX-License-Identifier: Apache-2.0 */
/*
 * frame.h - bytes ready for the wire, shared by everyone who gets them.
 *
 * A publish builds one frame; each subscriber's queue holds a reference. The
 * bytes never change after they are built. The count is atomic, because a frame
 * crosses loops; push_frame_release() may free on any thread.
 */
#ifndef PUSH_FRAME_H
#define PUSH_FRAME_H

#include <apr.h>

typedef struct push_frame_t {
    int refs;           /* atomic; the maker holds the first */
    apr_uint32_t len;   /* bytes in data */
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

void push_frame_retain(push_frame_t *f);
void push_frame_release(push_frame_t *f);

#endif
