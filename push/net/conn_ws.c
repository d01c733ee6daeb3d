/* SPDX-License-Identifier: Apache-2.0 */
/*
 * conn_ws.c - a connection's frames and messages (conn.h, RFC 6455).
 *
 * A message that is whole in the read buffer is unmasked and delivered there.
 * Otherwise its payload is gathered in c->in, unmasked and checked as it comes
 * in, so that bad text ends the connection at once. A compressed message is
 * unpacked when it is whole. The beginning of a frame (its header, or a whole
 * control frame) waits in the stash.
 */
#include <string.h>

#include "conn_inside.h"

/* --- sending ------------------------------------------------------------- */

static void control_send(push_conn_t *c, int opcode, const void *payload,
                         apr_size_t len)
{
    unsigned char frame[WS_HEADER_MAX + WS_CONTROL_MAX];
    apr_size_t n = ws_header(frame, 1, 0, opcode, len);
    struct iovec iov = { frame, n + len };

    if (len > 0) {
        memcpy(frame + n, payload, len);
    }
    conn_write(c, &iov, 1);
}

/* Our close frame; what comes in from now on is ignored. */
static void closing_begin(push_conn_t *c, push_end_t why, int code,
                          const char *reason)
{
    unsigned char payload[WS_CONTROL_MAX];
    apr_size_t len = strlen(reason);

    if (len > sizeof(payload) - 2) {
        len = sizeof(payload) - 2;
    }
    payload[0] = (unsigned char)(code >> 8);
    payload[1] = (unsigned char)code;
    memcpy(payload + 2, reason, len);
    /* First the state: the queue's limit does not stop last words. */
    conn_end(c, why, code);
    control_send(c, WS_CLOSE, payload, code == WS_CODE_NONE ? 0 : 2 + len);
    conn_settle(c);
}

void push_conn_close(push_conn_t *c, int code, const char *reason)
{
    if (c->state == PUSH_CONN_HTTP) {
        push_conn_kill(c, PUSH_END_US);
    }
    else if (c->state == PUSH_CONN_OPEN) {
        closing_begin(c, PUSH_END_US, code, reason != NULL ? reason : "");
    }
}

void conn_ws_full(push_conn_t *c)
{
    closing_begin(c, PUSH_END_US, WS_CODE_TRY_LATER,
                  "too many unfinished messages");
}

/* The peer made a mistake. */
static void ws_fail(push_conn_t *c, ws_result_t r)
{
    switch (r) {
    case WS_TOO_BIG:
        push_conn_close(c, WS_CODE_TOO_BIG, "message too big");
        break;
    case WS_NOT_UTF8:
        push_conn_close(c, WS_CODE_NOT_UTF8, "text is not UTF-8");
        break;
    case WS_CORRUPT:
        push_conn_close(c, WS_CODE_NOT_UTF8, "data cannot be decompressed");
        break;
    default:
        push_conn_close(c, WS_CODE_PROTOCOL, "protocol error");
        break;
    }
}

/* --- control frames ------------------------------------------------------ */

static void close_take(push_conn_t *c, const unsigned char *payload,
                       apr_size_t len)
{
    ws_result_t r;
    int code;

    r = ws_close_parse(&code, payload, len);
    if (r != WS_DONE) {
        ws_fail(c, r);
        return;
    }
    closing_begin(c, PUSH_END_PEER, code, "");
}

static void control_take(push_conn_t *c, const ws_head_t *h,
                         unsigned char *payload)
{
    ws_unmask(payload, h->len, h->mask, 0);
    if (h->opcode == WS_PING) {
        control_send(c, WS_PONG, payload, h->len);
    }
    else if (h->opcode == WS_CLOSE) {
        close_take(c, payload, h->len);
    }
    /* A pong has done its work: conn.c noted when a byte last came in. */
}

/* --- messages ------------------------------------------------------------ */

/* data[len] may be the first byte of the next frame: it is put back. */
static void message_deliver(push_conn_t *c, int opcode, char *data,
                            apr_size_t len)
{
    char behind = data[len];

    conn_count(&c->all->counters.messages_in, 1);
    data[len] = '\0';
    c->all->proto->message(c, opcode, data, len);
    data[len] = behind;
}

/* All of a compressed message is here. It is gathered as it was sent, which is
 * less to keep, and unpacked in one go: so one unpacker does for the loop. */
static void message_unpack(push_conn_t *c, int opcode, const void *packed,
                           apr_size_t size)
{
    push_deflate_t *d = &c->all->deflate;
    apr_size_t len;
    char *data;
    ws_result_t r = push_deflate_unpack(d, opcode, &data, &len, packed, size,
                                        c->all->proto->max_message);

    if (r == WS_DONE) {
        c->all->cost += len;
        message_deliver(c, opcode, data, len);
    }
    else {
        c->all->cost += c->all->proto->max_message;
        ws_fail(c, r);
    }
    push_deflate_trim(&d->unpacked);
}

static void message_take(push_conn_t *c, const ws_message_t *m, char *data,
                         apr_size_t len)
{
    if (m->compressed) {
        message_unpack(c, m->opcode, data, len);
    }
    else {
        message_deliver(c, m->opcode, data, len);
    }
}

/* All of a frame's payload is in c->in. */
static void frame_end(push_conn_t *c)
{
    conn_input_t *in = c->in;
    conn_ws_t *at = &in->at.ws;
    ws_result_t r = ws_message_end(&at->message, &at->head);

    if (r != WS_DONE) {
        ws_fail(c, r);
        return;
    }
    if (!at->head.fin) {
        return;
    }
    c->in = NULL; /* whatever the protocol does, it cannot meet this one again
                   */
    message_take(c, &at->message, in->data, in->len);
    conn_input_free(in);
}

/* More payload of the frame under way. @return bytes taken */
static apr_size_t payload_take(push_conn_t *c, unsigned char *buf,
                               apr_size_t len)
{
    conn_ws_t *at = &c->in->at.ws;
    apr_size_t n = len < at->left ? len : at->left;
    ws_result_t r;

    ws_unmask(buf, n, at->head.mask, at->head.len - at->left);
    r = ws_message_feed(&at->message, buf, n);
    if (r != WS_DONE) {
        ws_fail(c, r);
        return n;
    }
    if (!conn_input_grow(c, n)) {
        return n;
    }
    memcpy(c->in->data + c->in->len, buf, n);
    c->in->len += n;
    c->in->at.ws.left -= n;
    if (c->in->at.ws.left == 0) {
        frame_end(c);
    }
    return n;
}

/* A message of one frame, all of it here. */
static void message_whole(push_conn_t *c, ws_message_t *m, const ws_head_t *h,
                          unsigned char *payload)
{
    ws_result_t r;

    ws_unmask(payload, h->len, h->mask, 0);
    r = ws_message_feed(m, payload, h->len);
    if (r == WS_DONE) {
        r = ws_message_end(m, h);
    }
    if (r != WS_DONE) {
        ws_fail(c, r);
        return;
    }
    message_take(c, m, (char *)payload, h->len);
}

/* The header of a data frame is here. @return bytes taken, header and all */
static apr_size_t data_take(push_conn_t *c, const ws_head_t *h,
                            unsigned char *buf, apr_size_t len)
{
    ws_message_t m;
    ws_result_t r;

    memset(&m, 0, sizeof(m));
    if (c->in != NULL) {
        m = c->in->at.ws.message;
    }
    r = ws_message_begin(&m, h, c->all->proto->max_message);
    if (r != WS_DONE) {
        ws_fail(c, r);
        return h->size;
    }
    if (c->in == NULL && h->fin && len - h->size >= h->len) {
        message_whole(c, &m, h, buf + h->size);
        return h->size + h->len;
    }
    if (!conn_input_grow(c, 0)) {
        return h->size;
    }
    c->in->at.ws.message = m;
    c->in->at.ws.head = *h;
    c->in->at.ws.left = h->len;
    if (h->len == 0) {
        frame_end(c);
    }
    return h->size;
}

/* Put the start of a frame aside. @return bytes taken: all */
static apr_size_t stash_add(push_conn_t *c, const unsigned char *buf,
                            apr_size_t len)
{
    conn_ws_t *at;

    if (conn_input_grow(c, 0)) {
        at = &c->in->at.ws;
        memcpy(at->stash + at->nstash, buf, len);
        at->nstash += (apr_uint32_t)len;
    }
    return len;
}

static ws_result_t head_parse(push_conn_t *c, ws_head_t *h,
                              const unsigned char *buf, apr_size_t len)
{
    int deflate = c->window != 0;

    return ws_head_parse(h, buf, len,
                         ws_wire_limit(c->all->proto->max_message, deflate),
                         deflate);
}

/* A frame begins at buf. @return bytes taken */
static apr_size_t frame_take(push_conn_t *c, unsigned char *buf, apr_size_t len)
{
    ws_head_t h;
    ws_result_t r = head_parse(c, &h, buf, len);

    if (r == WS_MORE) {
        return stash_add(c, buf, len);
    }
    if (r != WS_DONE) {
        ws_fail(c, r);
        return len;
    }
    if (!ws_is_control(h.opcode)) {
        return data_take(c, &h, buf, len);
    }
    if (len - h.size < h.len) {
        return stash_add(c, buf, len);
    }
    control_take(c, &h, buf + h.size);
    return h.size + h.len;
}

/* Bytes the stash must hold before frame_take() gets on: as far as is known the
 * header, and with a control frame its payload. */
static ws_result_t stash_need(push_conn_t *c, apr_size_t *need)
{
    const conn_ws_t *at = &c->in->at.ws;
    ws_head_t h;
    ws_result_t r = head_parse(c, &h, at->stash, at->nstash);

    *need = h.size;
    if (r == WS_DONE && ws_is_control(h.opcode)) {
        *need += h.len;
    }
    return r == WS_MORE ? WS_DONE : r;
}

/* Nothing of a message is under way and nothing stashed. */
static void input_release(push_conn_t *c)
{
    if (c->in != NULL && c->in->at.ws.message.opcode == 0 &&
        c->in->at.ws.nstash == 0) {
        conn_input_free(c->in);
        c->in = NULL;
    }
}

/* The stash has what it needs: handle it as if it had come in one piece. */
static void stash_take(push_conn_t *c)
{
    unsigned char frame[sizeof(c->in->at.ws.stash) + 1];
    apr_size_t len = c->in->at.ws.nstash;

    memcpy(frame, c->in->at.ws.stash, len);
    c->in->at.ws.nstash = 0;
    input_release(c);
    frame_take(c, frame, len);
}

/* Complete the stash. @return bytes taken */
static apr_size_t stash_fill(push_conn_t *c, const unsigned char *buf,
                             apr_size_t len)
{
    apr_size_t need, n, taken = 0;
    ws_result_t r;

    for (;;) {
        r = stash_need(c, &need);
        if (r != WS_DONE) {
            ws_fail(c, r);
            return taken;
        }
        if (c->in->at.ws.nstash >= need) {
            stash_take(c);
            return taken;
        }
        if (taken == len) {
            return taken;
        }
        n = need - c->in->at.ws.nstash;
        n = n < len - taken ? n : len - taken;
        taken += stash_add(c, buf + taken, n);
    }
}

void conn_ws_take(push_conn_t *c, char *buf, apr_size_t len)
{
    unsigned char *at = (unsigned char *)buf;
    apr_size_t n;

    while (len > 0 && c->state == PUSH_CONN_OPEN) {
        if (c->in != NULL && c->in->at.ws.left > 0) {
            n = payload_take(c, at, len);
        }
        else if (c->in != NULL && c->in->at.ws.nstash > 0) {
            n = stash_fill(c, at, len);
        }
        else {
            n = frame_take(c, at, len);
        }
        at += n;
        len -= n;
    }
}
