/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ws.c - RFC 6455 frames as bytes (ws.h).
 */
#include <string.h>
#include <apr_base64.h>
#include <apr_sha1.h>

#include "ws.h"

#define FIN 0x80
#define RSV1 0x40
#define RSV23 0x30
#define MASKED 0x80
#define LENGTH_16 126
#define LENGTH_64 127

int ws_is_control(int opcode) { return (opcode & 0x8) != 0; }

static int opcode_known(int opcode)
{
    return opcode <= WS_BINARY || (opcode >= WS_CLOSE && opcode <= WS_PONG);
}

/* The first byte: FIN, reserved bits, opcode. */
static ws_result_t first_parse(ws_head_t *out, unsigned char b, int rsv1)
{
    out->fin = (b & FIN) != 0;
    out->rsv1 = (b & RSV1) != 0;
    out->opcode = b & 0xf;
    if ((b & RSV23) != 0 || !opcode_known(out->opcode)) {
        return WS_PROTOCOL;
    }
    /* RSV1 marks a message's first frame only (RFC 7692, section 6.1). */
    if (out->rsv1 && (!rsv1 || ws_is_control(out->opcode) ||
                      out->opcode == WS_CONTINUATION)) {
        return WS_PROTOCOL;
    }
    if (ws_is_control(out->opcode) && !out->fin) {
        return WS_PROTOCOL;
    }
    return WS_DONE;
}

/* The second byte: mask bit and short length; it decides the header's size. */
static ws_result_t second_parse(ws_head_t *out, unsigned char b)
{
    int length = b & 0x7f;

    if (!(b & MASKED) ||
        (ws_is_control(out->opcode) && length > WS_CONTROL_MAX)) {
        return WS_PROTOCOL;
    }
    out->size = 2 + 4;
    if (length == LENGTH_16) {
        out->size += 2;
    }
    else if (length == LENGTH_64) {
        out->size += 8;
    }
    return WS_DONE;
}

static apr_uint64_t big_endian(const unsigned char *at, int bytes)
{
    apr_uint64_t n = 0;

    while (bytes-- > 0) {
        n = n << 8 | *at++;
    }
    return n;
}

/* The length, and whether it was written in the shortest way. */
static ws_result_t length_parse(apr_uint64_t *length, const unsigned char *buf)
{
    *length = buf[1] & 0x7f;
    if (*length == LENGTH_16) {
        *length = big_endian(buf + 2, 2);
        return *length < LENGTH_16 ? WS_PROTOCOL : WS_DONE;
    }
    if (*length == LENGTH_64) {
        *length = big_endian(buf + 2, 8);
        return *length <= 0xffff || *length >> 63 ? WS_PROTOCOL : WS_DONE;
    }
    return WS_DONE;
}

ws_result_t ws_head_parse(ws_head_t *out, const unsigned char *buf,
                          apr_size_t len, apr_size_t limit, int rsv1)
{
    apr_uint64_t length;

    out->size = 2;
    if (len >= 1 && first_parse(out, buf[0], rsv1) != WS_DONE) {
        return WS_PROTOCOL;
    }
    if (len >= 2 && second_parse(out, buf[1]) != WS_DONE) {
        return WS_PROTOCOL;
    }
    /* All of the length is there when the mask is still to come. */
    if (len < 2 || len + 4 < out->size) {
        return WS_MORE;
    }
    if (length_parse(&length, buf) != WS_DONE) {
        return WS_PROTOCOL;
    }
    if (length > limit && !ws_is_control(out->opcode)) {
        return WS_TOO_BIG;
    }
    if (len < out->size) {
        return WS_MORE;
    }
    out->len = (apr_size_t)length;
    memcpy(out->mask, buf + out->size - 4, 4);
    return WS_DONE;
}

void ws_unmask(unsigned char *data, apr_size_t len, const unsigned char *mask,
               apr_size_t at)
{
    unsigned char turned[8];
    apr_uint64_t key, word;
    apr_size_t i;

    for (i = 0; i < sizeof(turned); i++) {
        turned[i] = mask[(at + i) & 3];
    }
    memcpy(&key, turned, sizeof(key));
    for (; len >= sizeof(word); data += sizeof(word), len -= sizeof(word)) {
        memcpy(&word, data, sizeof(word));
        word ^= key;
        memcpy(data, &word, sizeof(word));
    }
    for (i = 0; i < len; i++) {
        data[i] ^= turned[i];
    }
}

ws_result_t ws_message_begin(ws_message_t *m, const ws_head_t *h,
                             apr_size_t limit)
{
    if ((h->opcode == WS_CONTINUATION) != (m->opcode != 0)) {
        return WS_PROTOCOL;
    }
    if (h->opcode != WS_CONTINUATION) {
        m->opcode = (unsigned char)h->opcode;
        m->compressed = h->rsv1 != 0;
    }
    limit = ws_wire_limit(limit, m->compressed);
    if (limit > APR_UINT32_MAX) {
        limit = APR_UINT32_MAX;
    }
    if (m->len > limit || h->len > limit - m->len) {
        return WS_TOO_BIG;
    }
    m->len += (apr_uint32_t)h->len;
    return WS_DONE;
}

ws_result_t ws_message_feed(ws_message_t *m, const void *bytes, apr_size_t len)
{
    if (m->opcode != WS_TEXT || m->compressed) {
        return WS_DONE;
    }
    m->utf8 = chat_utf8_feed(m->utf8, bytes, len);
    return m->utf8 == CHAT_UTF8_REJECT ? WS_NOT_UTF8 : WS_DONE;
}

ws_result_t ws_message_end(const ws_message_t *m, const ws_head_t *h)
{
    if (h->fin && m->utf8 != CHAT_UTF8_ACCEPT) {
        return WS_NOT_UTF8;
    }
    return WS_DONE;
}

/* Codes a peer may send: those RFC 6455 and the IANA registry define for the
 * wire, and 3000-4999 for libraries and applications. */
static int code_allowed(int code)
{
    if (code >= 3000 && code <= 4999) {
        return 1;
    }
    return code >= 1000 && code <= 1014 && code != 1004 &&
           code != WS_CODE_NONE && code != WS_CODE_ABNORMAL;
}

ws_result_t ws_close_parse(int *code, const unsigned char *payload,
                           apr_size_t len)
{
    *code = WS_CODE_NONE;
    if (len == 0) {
        return WS_DONE;
    }
    if (len == 1) {
        return WS_PROTOCOL;
    }
    *code = payload[0] << 8 | payload[1];
    if (!code_allowed(*code)) {
        return WS_PROTOCOL;
    }
    return chat_utf8_valid(payload + 2, len - 2) ? WS_DONE : WS_NOT_UTF8;
}

int ws_result_code(ws_result_t result)
{
    switch (result) {
    case WS_TOO_BIG:
        return WS_CODE_TOO_BIG;
    case WS_NOT_UTF8:
    case WS_CORRUPT:
        return WS_CODE_NOT_UTF8;
    case WS_PROTOCOL:
        return WS_CODE_PROTOCOL;
    default:
        return WS_CODE_NORMAL;
    }
}

apr_size_t ws_header(unsigned char *out, int fin, int rsv1, int opcode,
                     apr_size_t len)
{
    int i;

    out[0] = (unsigned char)((fin ? FIN : 0) | (rsv1 ? RSV1 : 0) | opcode);
    if (len < LENGTH_16) {
        out[1] = (unsigned char)len;
        return 2;
    }
    if (len <= 0xffff) {
        out[1] = LENGTH_16;
        out[2] = (unsigned char)(len >> 8);
        out[3] = (unsigned char)len;
        return 4;
    }
    out[1] = LENGTH_64;
    for (i = 0; i < 8; i++) {
        out[2 + i] = (unsigned char)((apr_uint64_t)len >> (56 - 8 * i));
    }
    return 10;
}

void ws_accept(char *out, const char *key, apr_size_t len)
{
    static const char guid[] = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
    unsigned char digest[APR_SHA1_DIGESTSIZE];
    apr_sha1_ctx_t sha1;

    apr_sha1_init(&sha1);
    apr_sha1_update(&sha1, key, (unsigned int)len);
    apr_sha1_update(&sha1, guid, sizeof(guid) - 1);
    apr_sha1_final(digest, &sha1);
    apr_base64_encode_binary(out, digest, sizeof(digest));
}

int ws_key_valid(const char *key, apr_size_t len)
{
    static const char alphabet
        [] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    apr_size_t i;

    /* 16 bytes are 21 full characters, one of 2 bits, and two of padding. */
    if (len != 24 || key[22] != '=' || key[23] != '=') {
        return 0;
    }
    for (i = 0; i < 22; i++) {
        if (key[i] == '\0' || strchr(alphabet, key[i]) == NULL) {
            return 0;
        }
    }
    return 1;
}
