/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fuzz_ws.c - a client's frames, whole and cut.
 *
 * The input is a stream of frames after one byte that says where to cut, and in
 * its top bit whether frames may be compressed. A header cut short must wait or
 * fail as the whole one does; payload unmasked and fed in two pieces must end
 * as in one; what is echoed must parse again.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "ws.h"

#define LIMIT 100000

static int deflate; /* agreed on for this input */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(int holds)
{
    if (!holds) {
        abort();
    }
}

/* Parse from a copy of the exact size, so that ASan sees a read past it. */
static ws_result_t parse_exact(ws_head_t *h, const uint8_t *data, size_t len)
{
    uint8_t *copy = malloc(len ? len : 1);
    ws_result_t r;

    must(copy != NULL);
    memcpy(copy, data, len);
    r = ws_head_parse(h, copy, len, LIMIT, deflate);
    free(copy);
    return r;
}

/* Every shorter piece of a header waits, or fails just as the whole does. */
static ws_result_t head_check(ws_head_t *h, const uint8_t *data, size_t size)
{
    ws_result_t whole = parse_exact(h, data, size), r;
    ws_head_t cut;
    size_t len;

    for (len = 0; len < size && len < WS_HEADER_MAX; len++) {
        r = parse_exact(&cut, data, len);
        if (whole == WS_DONE && len >= h->size) {
            must(r == WS_DONE);
            continue;
        }
        must(r == WS_MORE || r == whole);
        must(r != WS_MORE || cut.size > len);
    }
    return whole;
}

static void control_check(const ws_head_t *h, uint8_t *payload)
{
    ws_result_t r;
    int code;

    must(h->fin && h->len <= WS_CONTROL_MAX && !h->rsv1);
    ws_unmask(payload, h->len, h->mask, 0);
    if (h->opcode == WS_CLOSE) {
        r = ws_close_parse(&code, payload, h->len);
        must(r != WS_MORE && r != WS_TOO_BIG);
        must(r != WS_DONE || (code >= 1000 && code < 5000));
    }
}

/* @return whether the message may go on */
static int data_check(ws_message_t *m, const ws_head_t *h, uint8_t *payload,
                      size_t cut)
{
    ws_message_t pieces;
    ws_result_t r;

    if (ws_message_begin(m, h, LIMIT) != WS_DONE) {
        return 0;
    }
    must(m->len <= ws_wire_limit(LIMIT, m->compressed));
    pieces = *m;
    cut = cut > h->len ? h->len : cut;
    ws_unmask(payload, cut, h->mask, 0);
    ws_unmask(payload + cut, h->len - cut, h->mask, cut);
    r = ws_message_feed(m, payload, h->len);
    ws_message_feed(&pieces, payload, cut);
    must(ws_message_feed(&pieces, payload + cut, h->len - cut) == r);
    must(pieces.utf8 == m->utf8);
    if (r != WS_DONE || ws_message_end(m, h) != WS_DONE) {
        must(m->opcode == WS_TEXT);
        return 0;
    }
    if (h->fin) {
        memset(m, 0, sizeof(*m));
    }
    return 1;
}

/* Our own header of this length, with a mask added, is understood. */
static void header_check(const ws_head_t *h)
{
    unsigned char out[WS_HEADER_MAX];
    apr_size_t n = ws_header(out, h->fin, h->rsv1, h->opcode, h->len);
    ws_head_t again;

    out[1] |= 0x80;
    memcpy(out + n, h->mask, 4);
    must(ws_head_parse(&again, out, n + 4, LIMIT, deflate) == WS_DONE);
    must(again.size == h->size && again.len == h->len &&
         again.opcode == h->opcode && again.fin == h->fin);
}

static void stream_check(uint8_t *at, size_t size, size_t cut)
{
    ws_message_t m;
    ws_head_t h;

    memset(&m, 0, sizeof(m));
    while (head_check(&h, at, size) == WS_DONE && size - h.size >= h.len) {
        header_check(&h);
        if (ws_is_control(h.opcode)) {
            control_check(&h, at + h.size);
        }
        else if (!data_check(&m, &h, at + h.size, cut)) {
            return;
        }
        at += h.size + h.len;
        size -= h.size + h.len;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    uint8_t *copy;

    if (size < 1) {
        return 0;
    }
    copy = malloc(size);
    must(copy != NULL);
    memcpy(copy, data + 1, size - 1);
    deflate = data[0] >> 7;
    stream_check(copy, size - 1, data[0] & 0x7f);
    free(copy);
    ws_key_valid((const char *)data, size);
    return 0;
}
