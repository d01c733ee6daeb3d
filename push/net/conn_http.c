/* SPDX-License-Identifier: Apache-2.0 */
/*
 * conn_http.c - a connection's requests and their answers (conn.h).
 *
 * A request that is whole in the read buffer is handled there, without a copy.
 * Otherwise what is there goes to c->in and the rest is appended as it comes;
 * how far we are is remembered, so that no byte is looked at twice. Pipelined
 * requests are handled one after the other, and no further than the client
 * takes its answers.
 */
#include <string.h>
#include <strings.h>
#include <apr_strings.h>

#include "conn_inside.h"

#define ANSWER_HEAD 256 /* bytes of our own part of an answer's head */

/* --- answers ------------------------------------------------------------- */

/* Text being put together; the room is known to suffice. */
static char *put(char *at, const char *text)
{
    apr_size_t len = strlen(text);

    memcpy(at, text, len);
    return at + len;
}

static char *put_number(char *at, apr_uint64_t n)
{
    char digits[20];
    int len = 0;

    do {
        digits[len++] = (char)('0' + n % 10);
        n /= 10;
    } while (n > 0);
    while (len > 0) {
        *at++ = digits[--len];
    }
    return at;
}

/* 1xx, 204 and 304 have no body and no Content-Length (RFC 9110, 8.6). */
static int has_body(int status)
{
    return status >= 200 && status != 204 && status != 304;
}

/* Our part of the head. @return its length */
static apr_size_t answer_head(const push_conn_t *c, char *out,
                              const http_head_t *head, int status, int keep,
                              apr_size_t len)
{
    char *at = put(out, "HTTP/1.1 ");

    at = put_number(at, (apr_uint64_t)status);
    *at++ = ' ';
    at = put(at, http_reason(status));
    at = put(at, "\r\nDate: ");
    at = put(at, c->all->date);
    if (has_body(status)) {
        at = put(at, "\r\nContent-Length: ");
        at = put_number(at, len);
    }
    if (!keep) {
        at = put(at, "\r\nConnection: close");
    }
    else if (head->minor == 0) {
        at = put(at, "\r\nConnection: keep-alive");
    }
    at = put(at, "\r\n");
    return (apr_size_t)(at - out);
}

static int iov_put(struct iovec *iov, int n, const void *at, apr_size_t len)
{
    iov[n].iov_base = (void *)at;
    iov[n].iov_len = len;
    return n + (len > 0);
}

void push_conn_reply(push_conn_t *c, const http_head_t *head, int status,
                     const char *type, const char *extra, const void *body,
                     apr_size_t len)
{
    int keep = head != NULL && head->keep_alive && !c->all->retiring &&
               !c->given && !push_conn_crowded(c);
    char own[ANSWER_HEAD];
    struct iovec iov[7];
    int n = 0;

    if (c->state != PUSH_CONN_HTTP || c->answered) {
        return;
    }
    c->answered = 1;
    n = iov_put(iov, n, own, answer_head(c, own, head, status, keep, len));
    if (type != NULL) {
        n = iov_put(iov, n, "Content-Type: ", 14);
        n = iov_put(iov, n, type, strlen(type));
        n = iov_put(iov, n, "\r\n", 2);
    }
    if (extra != NULL) {
        n = iov_put(iov, n, extra, strlen(extra));
    }
    n = iov_put(iov, n, "\r\n", 2);
    if (has_body(status) &&
        (head == NULL || !http_span_is(&head->method, "HEAD"))) {
        n = iov_put(iov, n, body, len);
    }
    conn_write(c, iov, n);
    if (!keep && c->state == PUSH_CONN_HTTP) {
        conn_end(c, PUSH_END_US, 0);
        conn_settle(c);
    }
}

static void refuse(push_conn_t *c, const http_head_t *head, int status,
                   const char *extra, const char *why)
{
    char body[256];
    int n = apr_snprintf(body, sizeof(body), "{\"error\":\"%s\",\"code\":%d}",
                         why, status);

    push_conn_reply(c, head, status, "application/json", extra, body,
                    (apr_size_t)n);
}

void push_conn_refuse(push_conn_t *c, const http_head_t *head, int status,
                      const char *why)
{
    refuse(c, head, status, NULL, why);
}

/* A request the transport refuses itself. The connection closes, because where
 * the next request begins is not known. */
static void reject(push_conn_t *c, int status, const char *extra,
                   const char *why)
{
    conn_count(&c->all->counters.bad_requests, 1);
    c->answered = 0;
    refuse(c, NULL, status, extra, why);
}

static void reject_head(push_conn_t *c, http_result_t r)
{
    switch (r) {
    case HTTP_TOO_LARGE:
        reject(c, 431, NULL, "the request head is too large");
        break;
    case HTTP_VERSION:
        reject(c, 505, NULL, "only HTTP/1.0 and HTTP/1.1 are spoken here");
        break;
    case HTTP_CODING:
        reject(c, 501, NULL, "the only transfer coding known is chunked");
        break;
    default:
        reject(c, 400, NULL, "the request head cannot be understood");
        break;
    }
}

/* `length`: of the body, bytes; 0 when only its chunks told that it is longer
 * than `limit`. */
static void reject_large(push_conn_t *c, apr_uint64_t length, apr_size_t limit)
{
    char why[128];

    if (length > 0) {
        apr_snprintf(why, sizeof(why),
                     "the request body has %" APR_UINT64_T_FMT
                     " bytes, at most %" APR_SIZE_T_FMT " are allowed",
                     length, limit);
    }
    else {
        apr_snprintf(why, sizeof(why),
                     "the request body is longer than the %" APR_SIZE_T_FMT
                     " bytes that are allowed",
                     limit);
    }
    reject(c, 413, NULL, why);
}

void conn_http_full(push_conn_t *c)
{
    reject(c, 503, NULL, "too many unfinished requests");
}

void conn_http_expire(push_conn_t *c)
{
    /* Silence between requests is the usual end of a kept connection. */
    if (c->in == NULL || c->out != NULL) {
        push_conn_kill(c, PUSH_END_TIMEOUT);
        return;
    }
    reject(c, 408, NULL, "the request took too long");
    if (c->state == PUSH_CONN_CLOSING) {
        c->why = PUSH_END_TIMEOUT;
    }
}

void conn_http_stray(push_conn_t *c)
{
    reject(c, 400, NULL, "this is no whole upgrade request");
}

/* --- requests ------------------------------------------------------------ */

/* Where a request lies that is being taken in: in the read buffer or c->in. */
typedef struct {
    char *buf;
    apr_size_t len; /* bytes there; decoding a chunked body shortens it */
    conn_http_t *at;
    http_head_t head;
    int head_here; /* head is parsed; it is not kept between two packets */
} request_t;

/* Whether parsing the head can say more than last time: a line has ended. So a
 * head in drops is parsed once for each of its few lines and not for each drop.
 */
static int head_news(const request_t *rq)
{
    const conn_http_t *at = rq->at;

    return at->scanned == 0 || rq->len >= HTTP_HEAD_MAX ||
           memchr(rq->buf + at->scanned, '\n', rq->len - at->scanned) != NULL;
}

/* The head. @return HTTP_DONE, or HTTP_MORE, or HTTP_BAD when refused */
static http_result_t request_head(push_conn_t *c, request_t *rq)
{
    conn_http_t *at = rq->at;
    http_result_t r = HTTP_MORE;

    if (at->head_len > 0) {
        return HTTP_DONE;
    }
    if (head_news(rq)) {
        r = http_head_parse(&rq->head, &at->head_len, rq->buf, rq->len,
                            HTTP_HEAD_MAX);
    }
    if (r == HTTP_MORE) {
        at->scanned = rq->len;
        return HTTP_MORE;
    }
    if (r != HTTP_DONE) {
        reject_head(c, r);
        return HTTP_BAD;
    }
    rq->head_here = 1;
    conn_count(&c->all->counters.requests, 1);
    return HTTP_DONE;
}

/* The protocol's word about a head, before room is made for a body. */
static apr_size_t head_show(push_conn_t *c, http_head_t *head)
{
    const push_protocol_t *proto = c->all->proto;
    int keep = head->keep_alive;
    apr_size_t limit = proto->max_body;

    if (proto->head == NULL) {
        return limit;
    }
    /* Where the next request begins is not known while a body stands before
     * it that nobody reads. */
    head->keep_alive = keep && !head->chunked && head->length == 0;
    limit = proto->head(c, head);
    head->keep_alive = keep;
    return limit < proto->max_body ? limit : proto->max_body;
}

/* Whether the body is wanted; asked once. @return HTTP_DONE, also when the
 * request has no body and its answer already, or HTTP_BAD when refused */
static http_result_t request_admit(push_conn_t *c, request_t *rq)
{
    conn_http_t *at = rq->at;

    if (at->admitted) {
        return HTTP_DONE;
    }
    at->admitted = 1;
    at->is_chunked = rq->head.chunked;
    c->answered = 0;
    at->limit = head_show(c, &rq->head);
    if (c->state != PUSH_CONN_HTTP) {
        return HTTP_BAD;
    }
    if ((apr_uint64_t)rq->head.length > at->limit) {
        reject_large(c, (apr_uint64_t)rq->head.length, at->limit);
        return HTTP_BAD;
    }
    at->end = at->head_len + (apr_size_t)rq->head.length;
    return HTTP_DONE;
}

/* Decode what has come in of a chunked body and close the gap behind it. */
static http_result_t request_chunks(push_conn_t *c, request_t *rq)
{
    conn_http_t *at = rq->at;
    char *raw = rq->buf + at->end;
    apr_size_t len = rq->len - at->end;
    apr_size_t used, body;
    http_result_t r;

    r = http_chunked(&at->chunked, raw, len, &used, &body, at->limit);
    if (r != HTTP_DONE && r != HTTP_MORE) {
        if (r == HTTP_TOO_LARGE) {
            reject_large(c, 0, at->limit);
        }
        else {
            reject(c, 400, NULL, "the chunked body cannot be understood");
        }
        return HTTP_BAD;
    }
    memmove(raw + body, raw + used, len - used);
    at->end += body;
    rq->len -= used - body;
    return r;
}

/* The body is not here yet; does the client wait for us to ask for it? */
static void request_continue(push_conn_t *c, request_t *rq)
{
    static const char go[] = "HTTP/1.1 100 Continue\r\n\r\n";
    struct iovec iov = { (char *)go, sizeof(go) - 1 };

    if (rq->head_here && rq->head.expect_continue && !rq->at->continued &&
        rq->len == rq->at->head_len) {
        rq->at->continued = 1;
        conn_write(c, &iov, 1);
    }
}

void push_conn_doubt(push_conn_t *c)
{
    if (c->state == PUSH_CONN_HTTP && c->in != NULL) {
        c->in->at.http.doubted = c->in->at.http.admitted;
    }
}

static void request_handle(push_conn_t *c, request_t *rq)
{
    conn_http_t *at = rq->at;
    apr_size_t used;

    if (c->answered) {
        return;
    }
    if (!rq->head_here) {
        http_head_parse(&rq->head, &used, rq->buf, at->head_len, HTTP_HEAD_MAX);
    }
    if (at->doubted) {
        head_show(c, &rq->head);
        if (c->state != PUSH_CONN_HTTP || c->answered) {
            return;
        }
    }
    c->all->bodiless = !at->is_chunked && at->end == at->head_len;
    c->all->proto->request(c, &rq->head, rq->buf + at->head_len,
                           at->end - at->head_len);
    if (c->state == PUSH_CONN_HTTP && !c->answered &&
        c->parked != CONN_PARKED) {
        push_conn_refuse(c, &rq->head, 500, "this request has no answer");
    }
}

/* The body: HTTP_DONE once all of it is here. */
static http_result_t request_body(push_conn_t *c, request_t *rq)
{
    http_result_t r = rq->len < rq->at->end ? HTTP_MORE : HTTP_DONE;

    if (rq->at->is_chunked) {
        r = request_chunks(c, rq);
    }
    if (r == HTTP_MORE) {
        request_continue(c, rq);
    }
    return r;
}

/* Handle one request when it is whole.
 * @return bytes it took, 0 when it is not whole, was refused or put aside */
static apr_size_t request_take(push_conn_t *c, request_t *rq)
{
    apr_size_t used;

    rq->head_here = 0;
    if (request_head(c, rq) != HTTP_DONE || request_admit(c, rq) != HTTP_DONE ||
        request_body(c, rq) != HTTP_DONE) {
        return 0;
    }
    request_handle(c, rq);
    if (c->parked == CONN_PARKED) {
        return 0;
    }
    c->parked = CONN_NOT_PARKED;
    used = rq->at->end;
    memset(rq->at, 0, sizeof(*rq->at));
    return used;
}

/* Keep what is not handled yet. `in` is the buffer it lies in already, or NULL;
 * it is taken over when nothing of it was used. */
static conn_input_t *request_keep(push_conn_t *c, const request_t *rq,
                                  conn_input_t *in)
{
    if (in != NULL && rq->buf == in->data) {
        in->len = rq->len;
        c->in = in;
        return NULL;
    }
    if (conn_input_grow(c, rq->len)) {
        memcpy(c->in->data, rq->buf, rq->len);
        c->in->len = rq->len;
        c->in->at.http = *rq->at;
    }
    return in;
}

/* Handle requests as long as they are whole and their answers are taken.
 * @return whether one was handled */
static int requests_run(push_conn_t *c, request_t *rq)
{
    apr_size_t used;
    int any = 0;

    while (rq->len > 0 && c->state == PUSH_CONN_HTTP && c->out == NULL &&
           c->parked != CONN_PARKED) {
        used = request_take(c, rq);
        if (used == 0) {
            break;
        }
        rq->buf += used;
        rq->len -= used;
        any = 1;
    }
    return any;
}

/* Append what came in to what is there already and take it out of c->in: the
 * requests are handled from a buffer that nobody else holds. */
static conn_input_t *input_detach(push_conn_t *c, const char *buf,
                                  apr_size_t len)
{
    conn_input_t *in;

    if (!conn_input_grow(c, len)) {
        return NULL;
    }
    in = c->in;
    memcpy(in->data + in->len, buf, len);
    in->len += len;
    c->in = NULL;
    return in;
}

void conn_http_take(push_conn_t *c, char *buf, apr_size_t len)
{
    int restart = c->in == NULL; /* a request begins now */
    conn_input_t *in = NULL;
    conn_http_t fresh;
    request_t rq = { .buf = buf, .len = len, .at = &fresh };

    memset(&fresh, 0, sizeof(fresh));
    if (c->in != NULL) {
        in = input_detach(c, buf, len);
        if (in == NULL) {
            return;
        }
        rq.buf = in->data;
        rq.len = in->len;
        rq.at = &in->at.http;
    }
    restart |= requests_run(c, &rq);
    if (c->state == PUSH_CONN_OPEN) {
        /* Frames may follow the upgrade in the same packet. */
        conn_ws_take(c, rq.buf, rq.len);
    }
    else if (c->state == PUSH_CONN_HTTP) {
        if (rq.len > 0) {
            in = request_keep(c, &rq, in);
        }
        if (restart && c->state == PUSH_CONN_HTTP) {
            conn_restart(c);
        }
    }
    conn_input_free(in);
}

/* --- the upgrade --------------------------------------------------------- */

/* A header that must be there exactly once. */
static const http_span_t *header_once(const http_head_t *head, const char *name)
{
    return http_header_count(head, name) == 1 ? http_header(head, name) : NULL;
}

static int header_is(const http_header_t *h, const char *name)
{
    return h->name.len == strlen(name) &&
           strncasecmp(h->name.at, name, h->name.len) == 0;
}

/* Whether any header of a name holds a token. */
static int header_lists(const http_head_t *head, const char *name,
                        const char *token)
{
    int i;

    for (i = 0; i < head->nheaders; i++) {
        const http_header_t *h = &head->headers[i];
        if (header_is(h, name) && http_has_token(&h->value, token)) {
            return 1;
        }
    }
    return 0;
}

/* RFC 6455 section 4.2.1. @return the key, or NULL when refused */
static const http_span_t *upgrade_check(push_conn_t *c, const http_head_t *head)
{
    static const char upgrade[] = "Upgrade: websocket\r\n"
                                  "Connection: Upgrade\r\n"
                                  "Sec-WebSocket-Version: 13\r\n";
    const http_span_t *key, *version, *host;

    if (!http_span_is(&head->method, "GET")) {
        reject(c, 405, "Allow: GET\r\n", "a WebSocket begins with GET");
        return NULL;
    }
    if (head->minor != 1 || head->chunked || head->length > 0) {
        reject(c, 400, NULL, "a WebSocket begins with HTTP/1.1 and no body");
        return NULL;
    }
    host = header_once(head, "host");
    if (host == NULL || host->len == 0) {
        reject(c, 400, NULL, "the Host header is missing");
        return NULL;
    }
    if (!header_lists(head, "upgrade", "websocket") ||
        !header_lists(head, "connection", "upgrade")) {
        reject(c, 426, upgrade, "this address speaks WebSocket");
        return NULL;
    }
    version = header_once(head, "sec-websocket-version");
    if (version == NULL || !http_span_is(version, "13")) {
        reject(c, 426, upgrade, "only WebSocket version 13 is spoken here");
        return NULL;
    }
    key = header_once(head, "sec-websocket-key");
    if (key == NULL || !ws_key_valid(key->at, key->len)) {
        reject(c, 400, NULL, "the Sec-WebSocket-Key is missing or wrong");
        return NULL;
    }
    return key;
}

/* What we agree on compression. @return 0 when the request was refused */
static int upgrade_deflate(push_conn_t *c, const http_head_t *head,
                           ws_deflate_t *agreed)
{
    int i;

    for (i = 0; i < head->nheaders; i++) {
        const http_header_t *h = &head->headers[i];
        if (header_is(h, "sec-websocket-extensions") &&
            !ws_deflate_offered(agreed, h->value.at, h->value.len)) {
            reject(c, 400, NULL, "the Sec-WebSocket-Extensions are malformed");
            return 0;
        }
    }
    return 1;
}

int push_conn_upgrade(push_conn_t *c, const http_head_t *head, int deflate)
{
    static const char start[] = "HTTP/1.1 101 Switching Protocols\r\n"
                                "Upgrade: websocket\r\n"
                                "Connection: Upgrade\r\n"
                                "Sec-WebSocket-Accept: ";
    char accept[WS_ACCEPT_LEN + 1];
    char extensions[WS_DEFLATE_ANSWER];
    struct iovec iov[5] = { { (char *)start, sizeof(start) - 1 },
                            { accept, WS_ACCEPT_LEN },
                            { (char *)"\r\n", 2 },
                            { extensions, 0 },
                            { (char *)"\r\n", 2 } };
    ws_deflate_t agreed = { 0, 0 };
    const http_span_t *key;

    if (c->state != PUSH_CONN_HTTP || c->answered) {
        return 0;
    }
    key = upgrade_check(c, head);
    if (key == NULL || (deflate && !upgrade_deflate(c, head, &agreed))) {
        return 0;
    }
    iov[3].iov_len = ws_deflate_answer(extensions, &agreed);
    c->window = agreed.window & 0xf;
    ws_accept(accept, key->at, key->len);
    c->answered = 1;
    c->code = WS_CODE_ABNORMAL; /* until a close frame says otherwise */
    conn_count(&c->all->counters.upgrades, 1);
    conn_enter(c, PUSH_CONN_OPEN);
    conn_write(c, iov, 5);
    return 1;
}
