/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ws.h - RFC 6455 frames as bytes. No sockets, no allocation, no clock: what
 * goes in decides what comes out, so unit tests and fuzzers drive it directly.
 *
 * A frame is judged as it arrives: ws_head_parse() takes its header off a
 * buffer, ws_message_begin() says whether such a frame may come now, and
 * ws_message_feed() looks at the text as far as it is there. So a peer learns
 * of its mistake with the first wrong byte and not after ten megabytes. The
 * caller keeps the bytes.
 *
 *       0                   1                   2                   3
 *       0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
 *      +-+-+-+-+-------+-+-------------+-------------------------------+
 *      |F|R|R|R| opcode|M| Payload len | Extended length               |
 *      |I|S|S|S|  (4)  |A|     (7)     | 126: 16 bits, 127: 64 bits    |
 *      |N|V|V|V|       |S|             |                               |
 *      | |1|2|3|       |K|             |                               |
 *      +-+-+-+-+-------+-+-------------+-------------------------------+
 *      | Masking key, 32 bits (client to server only), then payload    |
 */
#ifndef PUSH_WS_H
#define PUSH_WS_H

#include <apr.h>
#include "utf8.h"

#define WS_CONTINUATION 0x0
#define WS_TEXT 0x1
#define WS_BINARY 0x2
#define WS_CLOSE 0x8
#define WS_PING 0x9
#define WS_PONG 0xa

#define WS_HEADER_MAX 14      /* bytes: 2 + 8 length + 4 mask */
#define WS_CONTROL_MAX 125    /* bytes of a control frame's payload */
#define WS_ACCEPT_LEN 28      /* characters of Sec-WebSocket-Accept */

/* Close codes that mean something here (7.4.1). */
#define WS_CODE_NORMAL 1000
#define WS_CODE_PROTOCOL 1002
#define WS_CODE_NONE 1005     /* a close frame without a code; never sent */
#define WS_CODE_ABNORMAL 1006 /* no close frame at all; never sent */
#define WS_CODE_NOT_UTF8 1007 /* or otherwise not what it says it is */
#define WS_CODE_TOO_BIG 1009
#define WS_CODE_TRY_LATER 1013 /* registered with IANA after the RFC */

typedef enum {
    WS_DONE,     /* what was asked for is there and right */
    WS_MORE,     /* incomplete; call again with more bytes */
    WS_PROTOCOL, /* peer broke the protocol: close with 1002 */
    WS_TOO_BIG,  /* payload announced above `limit`: close with 1009 */
    WS_NOT_UTF8, /* text that is not UTF-8: close with 1007 */
    WS_CORRUPT   /* compressed data that cannot be unpacked: 1007 */
} ws_result_t;

typedef struct {
    int fin;               /* last frame of its message */
    int rsv1;              /* compressed, when permessage-deflate was agreed */
    int opcode;            /* WS_… */
    unsigned char mask[4]; /* of the payload */
    apr_size_t size;       /* bytes of the header; on WS_MORE the least it can
                              have, judged by what is there */
    apr_size_t len;        /* bytes of payload that follow */
} ws_head_t;

/**
 * Parse the frame header at the start of a buffer (5.2). A client's frame must
 * be masked (5.1), lengths must be minimal, a control frame is whole and has at
 * most 125 bytes (5.5). An error shows as soon as the byte with it is there.
 * @param limit  largest payload we accept, in bytes; ws_wire_limit() when it
 *               may be compressed
 * @param rsv1   whether RSV1 may be set (permessage-deflate agreed)
 */
ws_result_t ws_head_parse(ws_head_t *out, const unsigned char *buf,
                          apr_size_t len, apr_size_t limit, int rsv1);

/** Whether an opcode is a control frame's, which may come between fragments. */
int ws_is_control(int opcode);

/**
 * Unmask a piece of a payload in place (5.3).
 * @param at  bytes of the payload before this piece
 */
void ws_unmask(unsigned char *data, apr_size_t len, const unsigned char *mask,
               apr_size_t at);

/* Where a connection stands between frames; all zero is the start. */
typedef struct {
    unsigned char opcode;     /* of the message under way, 0: none */
    unsigned char compressed; /* its first frame had RSV1 */
    chat_utf8_state_t utf8;   /* of a text message so far */
    apr_uint32_t len;         /* bytes announced so far */
} ws_message_t;

/**
 * The most bytes a message may have on the wire when it may have `limit` bytes:
 * compressed data that cannot be compressed is a little longer than before.
 */
static inline apr_size_t ws_wire_limit(apr_size_t limit, int compressed)
{
    return compressed ? limit + (limit >> 8) + 64 : limit;
}

/**
 * Take the next data frame by its header: order of fragments (5.4) and length
 * of the whole message.
 * @param limit  largest message, in bytes; as long as it is compressed, a
 *               compressed one may have ws_wire_limit()
 */
ws_result_t ws_message_begin(ws_message_t *m, const ws_head_t *h,
                             apr_size_t limit);

/**
 * Look at the next unmasked bytes of the frame taken last: text must be UTF-8
 * (8.1). Compressed text is the caller's to check after inflating.
 */
ws_result_t ws_message_feed(ws_message_t *m, const void *bytes, apr_size_t len);

/**
 * The frame taken last is complete. When it had FIN, so is the message: text
 * must not end inside a character, and the caller starts again from zero.
 */
ws_result_t ws_message_end(const ws_message_t *m, const ws_head_t *h);

/**
 * Check the payload of a close frame (5.5.1, 7.4).
 * @param code  1005 when it carries none
 */
ws_result_t ws_close_parse(int *code, const unsigned char *payload,
                           apr_size_t len);

/** The close code that tells a peer of a result (7.4.1). */
int ws_result_code(ws_result_t result);

/**
 * Write the header of an unmasked frame.
 * @param out  WS_HEADER_MAX bytes
 * @return bytes written
 */
apr_size_t ws_header(unsigned char *out, int fin, int rsv1, int opcode,
                     apr_size_t len);

/**
 * The Sec-WebSocket-Accept for a Sec-WebSocket-Key (4.2.2).
 * @param out  WS_ACCEPT_LEN + 1 bytes, terminated
 */
void ws_accept(char *out, const char *key, apr_size_t len);

/** Whether a Sec-WebSocket-Key is base64 of 16 bytes (4.2.1). */
int ws_key_valid(const char *key, apr_size_t len);

#endif
