/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ws.h - RFC 6455 frames as bytes. No sockets, no allocation, no clock: what
 * goes in decides what comes out, so unit tests and fuzzers drive it directly.
 *
 * ws_parse() takes one frame off a buffer; ws_message_t follows a message over
 * its fragments and says which frames may come next. The caller keeps bytes.
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
#define WS_ACCEPT_LEN 28      /* characters of Sec-WebSocket-Accept */

typedef enum {
    WS_DONE,     /* one frame parsed; `used` bytes consumed */
    WS_MORE,     /* incomplete; nothing consumed, call again with more bytes */
    WS_PROTOCOL, /* peer broke the protocol: close with 1002 */
    WS_TOO_BIG,  /* payload announced above `limit`: close with 1009 */
    WS_NOT_UTF8  /* text that is not UTF-8: close with 1007 */
} ws_result_t;

typedef struct {
    int fin;       /* last frame of its message */
    int rsv1;      /* compressed, when permessage-deflate was agreed */
    int opcode;    /* WS_… */
    unsigned char *payload; /* into the caller's buffer, unmasked */
    apr_size_t len;         /* bytes of payload */
} ws_frame_t;

/**
 * Parse the frame at the start of a buffer, unmasking the payload in place.
 * RFC 6455 section 5.2; a client's frame must be masked (5.1), lengths must be
 * minimal, a control frame is whole and at most 125 bytes (5.5).
 * @param out    the frame; its payload points into buf, no copy is made
 * @param used   bytes consumed, set on WS_DONE only
 * @param need   when WS_MORE: bytes the whole frame will have, 0 while unknown
 * @param limit  largest payload we accept, in bytes
 * @param rsv1   whether RSV1 may be set (permessage-deflate agreed)
 */
ws_result_t ws_parse(ws_frame_t *out, apr_size_t *used, apr_size_t *need,
                     unsigned char *buf, apr_size_t len, apr_size_t limit,
                     int rsv1);

/* Where a connection stands between frames; all zero is the start. */
typedef struct {
    unsigned char opcode;     /* of the message under way, 0: none */
    unsigned char compressed; /* its first frame had RSV1 */
    chat_utf8_state_t utf8;   /* of a text message so far */
    apr_uint32_t len;         /* bytes of it so far */
} ws_message_t;

/**
 * Take the next frame of a connection: order of fragments (5.4), total length,
 * UTF-8 as it comes (8.1; not for compressed text, which the caller checks
 * after inflating).
 * @param limit  largest message, in bytes
 * @return WS_DONE when the frame is acceptable; a message ends with its FIN
 */
ws_result_t ws_message_take(ws_message_t *m, const ws_frame_t *f,
                            apr_size_t limit);

/**
 * Check the payload of a close frame (5.5.1, 7.4).
 * @param code  1005 when it carries none
 */
ws_result_t ws_close_parse(int *code, const ws_frame_t *f);

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
