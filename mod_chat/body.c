/* SPDX-License-Identifier: Apache-2.0 */
/* body.c - request bodies; see body.h. */
#include "body.h"

#include <string.h>
#include <apr_strings.h>
#include <http_protocol.h>

#include "chat_module.h"
#include "reply.h"

#define CHUNK 8192 /* bytes read at once, and the first size of the buffer */

/* A buffer that doubles; what it leaves behind goes with the request. */
typedef struct {
    char *bytes;
    apr_size_t len;
    apr_size_t room;
} growing_t;

static void grow(growing_t *b, apr_size_t need, apr_pool_t *p)
{
    apr_size_t room = b->room > 0 ? b->room : CHUNK;
    char *bytes;

    if (b->room - b->len >= need) {
        return;
    }
    while (room - b->len < need) {
        room *= 2;
    }
    bytes = apr_palloc(p, room);
    if (b->len > 0) {
        memcpy(bytes, b->bytes, b->len);
    }
    b->bytes = bytes;
    b->room = room;
}

/* All of the body, chunked or not.
 * @return OK or the HTTP status that says why not */
static int read_all(growing_t *b, request_rec *r, apr_off_t max)
{
    int status = ap_setup_client_block(r, REQUEST_CHUNKED_DECHUNK);
    long n;

    if (status != OK) {
        return status;
    }
    if (!ap_should_client_block(r)) {
        return OK;
    }
    if (r->remaining > max) {
        return HTTP_REQUEST_ENTITY_TOO_LARGE;
    }
    for (;;) {
        grow(b, CHUNK, r->pool);
        n = ap_get_client_block(r, b->bytes + b->len, CHUNK);
        if (n <= 0) {
            return n == 0 ? OK : HTTP_BAD_REQUEST;
        }
        b->len += (apr_size_t)n;
        if ((apr_off_t)b->len > max) {
            return HTTP_REQUEST_ENTITY_TOO_LARGE;
        }
    }
}

/* What is left of a body that could not be read is not worth reading. */
static void unreadable(chat_request_t *q, int status)
{
    q->r->connection->keepalive = AP_CONN_CLOSE;
    q->body_status = status;
    q->body_why = status == HTTP_REQUEST_ENTITY_TOO_LARGE
                      ? "the request is too large"
                      : "the request's body could not be read";
}

static void parse(chat_request_t *q, const growing_t *b)
{
    request_rec *r = q->r;

    switch (chat_fields_parse(
        &q->body, chat_media_of(apr_table_get(r->headers_in, "Content-Type")),
        b->bytes, b->len, &q->body_why, r->pool)) {
    case CHAT_FIELDS_OK:
        q->body_status = OK;
        break;
    case CHAT_FIELDS_BROKEN:
        q->body_status = HTTP_BAD_REQUEST;
        break;
    case CHAT_FIELDS_SHAPE:
        q->body_status = HTTP_UNPROCESSABLE_ENTITY;
        break;
    case CHAT_FIELDS_MEDIA:
        q->body_status = HTTP_UNSUPPORTED_MEDIA_TYPE;
        break;
    }
}

int chat_body_take(chat_request_t *q)
{
    growing_t b = { NULL, 0, 0 };
    int status;

    if (!q->body_read) {
        q->body_read = 1;
        status = read_all(&b, q->r, q->conf->max_body);
        if (status != OK) {
            unreadable(q, status);
        }
        else {
            parse(q, &b);
        }
    }
    return q->body_status == OK;
}

int chat_body_read(chat_request_t *q, int *answer)
{
    if (chat_body_take(q)) {
        return 1;
    }
    *answer = chat_reply_error(q, q->body_status, q->body_why);
    return 0;
}
