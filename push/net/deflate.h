/* SPDX-License-Identifier: Apache-2.0 */
/*
 * deflate.h - permessage-deflate (RFC 7692): what is agreed about it, and
 * messages packed and unpacked.
 *
 * The client offers, we take its first offer that we can keep. Our answer
 * always forbids context takeover in both directions: every message begins
 * with an empty window. So nothing has to be remembered between two messages,
 * and
 *
 *   - one event is packed once for all who get it (frame.h);
 *   - a loop needs one packer and one unpacker, not a pair of a third of a
 *     megabyte for each connection;
 *   - what one message holds never shows in the size of another.
 *
 * A client may ask that we look back less far (server_max_window_bits), because
 * it has little memory to unpack with. Two widths serve all: the full 32 kB,
 * and a narrow one that looks back less than 256 bytes, which is the least that
 * can be asked for.
 *
 * No sockets and no clock. A packer belongs to the thread of its loop; its
 * memory is taken when it is first needed.
 */
#ifndef PUSH_DEFLATE_H
#define PUSH_DEFLATE_H

#include <zlib.h>
#include <apr.h>

#include "ws.h"

/* --- agreeing ------------------------------------------------------------ */

#define WS_WINDOW_MIN 8 /* log2 of the bytes a packer may look back */
#define WS_WINDOW_MAX 15

/* What was agreed with a client; all zero is nothing. */
typedef struct {
    unsigned char window; /* WS_WINDOW_MIN-WS_WINDOW_MAX: how far back what we
                             send it may reach; 0: no compression */
    unsigned char asked;  /* it asked for that window, so the answer names it */
} ws_deflate_t;

/**
 * Look through one Sec-WebSocket-Extensions header (RFC 6455, section 9.1) for
 * an offer of permessage-deflate we can keep. An offer with a parameter that is
 * unknown, twice there, or has a value it cannot have is passed over. A request
 * may have several such headers: call this for each, in order.
 * @param out  set by the first good offer, left alone when window is set
 * @return 0 when the header breaks the grammar: refuse the request with 400
 */
int ws_deflate_offered(ws_deflate_t *out, const char *value, apr_size_t len);

/* Bytes that suffice for any answer. */
#define WS_DEFLATE_ANSWER 160

/**
 * Our answer as a header line with CRLF.
 * @param out  WS_DEFLATE_ANSWER bytes
 * @return bytes written, 0 when nothing was agreed
 */
apr_size_t ws_deflate_answer(char *out, const ws_deflate_t *agreed);

/* --- packing and unpacking ----------------------------------------------- */

/* A message shorter than this is sent as it is: with so little to look back at
 * packing saves next to nothing. */
#define PUSH_DEFLATE_LEAST 128 /* bytes */

/* How far back a packed message reaches. */
typedef enum {
    PUSH_DEFLATE_WIDE,  /* 32 kB */
    PUSH_DEFLATE_NARROW /* less than 256 bytes */
} push_width_t;
#define PUSH_WIDTHS 2

/* A result lies here until the next one of its kind. */
typedef struct {
    unsigned char *at; /* malloc, NULL at first */
    apr_size_t room;   /* bytes */
} push_deflate_buf_t;

/* What one loop packs and unpacks with; all zero is the start. */
typedef struct {
    z_stream packers[PUSH_WIDTHS];
    z_stream unpacker;
    unsigned char packing[PUSH_WIDTHS]; /* that packer has its memory */
    unsigned char unpacking;            /* the unpacker has */
    push_deflate_buf_t packed, unpacked; /* two: while a message is handled,
                                            answers are packed */
} push_deflate_t;

/**
 * Which width suits a client.
 * @param window  as agreed; the largest suffices for every message
 * @param len     of the message: nothing reaches back further than that
 */
static inline push_width_t push_deflate_width(int window, apr_size_t len)
{
    return window == WS_WINDOW_MAX || len <= (apr_size_t)1 << window
               ? PUSH_DEFLATE_WIDE
               : PUSH_DEFLATE_NARROW;
}

/**
 * Pack a message (7.2.1).
 * @param out  the packed payload, valid until the next one is packed
 * @return its length, 0 when it would not be shorter or there is no memory
 */
apr_size_t push_deflate_pack(push_deflate_t *d, push_width_t width,
                             unsigned char **out, const void *data,
                             apr_size_t len);

/**
 * Unpack a message (7.2.2). It is unpacked and looked at piece by piece: what
 * is too long or wrong is found before the rest of it takes memory.
 * @param opcode  text must be UTF-8
 * @param out     the message, valid until the next one is unpacked; out[len]
 *                is a byte of ours too
 * @param limit   most bytes of it
 * @return WS_DONE, WS_TOO_BIG, WS_NOT_UTF8, or WS_CORRUPT
 */
ws_result_t push_deflate_unpack(push_deflate_t *d, int opcode, char **out,
                                apr_size_t *len, const void *data,
                                apr_size_t size, apr_size_t limit);

/** The result in this buffer is done with: do not keep the memory of a large
 * one. */
void push_deflate_trim(push_deflate_buf_t *b);

/** Free everything; it may be used again. */
void push_deflate_clear(push_deflate_t *d);

#endif
