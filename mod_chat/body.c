/* SPDX-License-Identifier: Apache-2.0 */
/* body.c - request bodies; see body.h. */
#include "body.h"

#include <string.h>
#include <strings.h>
#include <apr_poll.h>
#include <apr_strings.h>
#include <http_core.h>
#include <http_protocol.h>
#include <util_filter.h>

#include "chat_module.h"
#include "form.h"
#include "places.h"
#include "reply.h"

#define CHUNK 8192 /* bytes read at once, and the first size of the buffer */

/* Many clients send head and body in packets of their own: so long what is missing may
 * take, once, before the request needs a place. */
#define SOON apr_time_from_msec(500)

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

/* What one brigade brings.
 * @param last  set at the body's end
 * @return OK or the HTTP status that says why not */
static int take_brigade(growing_t *b, apr_bucket_brigade *bb, apr_pool_t *p,
                        apr_off_t max, int *last)
{
    apr_bucket *e;

    for (e = APR_BRIGADE_FIRST(bb); e != APR_BRIGADE_SENTINEL(bb);
         e = APR_BUCKET_NEXT(e)) {
        const char *bytes;
        apr_size_t len;
        apr_status_t rv;

        if (APR_BUCKET_IS_EOS(e)) {
            *last = 1;
            return OK;
        }
        if (APR_BUCKET_IS_METADATA(e)) {
            continue;
        }
        rv = apr_bucket_read(e, &bytes, &len, APR_BLOCK_READ);
        if (rv != APR_SUCCESS) {
            return chat_body_status(rv);
        }
        if ((apr_off_t)(b->len + len) > max) {
            return HTTP_REQUEST_ENTITY_TOO_LARGE;
        }
        if (len > 0) {
            grow(b, len, p);
            memcpy(b->bytes + b->len, bytes, len);
            b->len += len;
        }
    }
    return OK;
}

/* How the next bytes are asked for. */
typedef struct {
    apr_read_type_e how;
    int waited; /* SOON is over */
} patience_t;

/* There is nothing more now: wait a little, and from then on with a place, which a
 * client that sends nothing at all needs like one that sends slowly.
 * @return 0: there is no place */
static int wait_on(patience_t *patience, chat_request_t *q)
{
    apr_pollfd_t it = { .p = q->r->pool,
                        .desc_type = APR_POLL_SOCKET,
                        .reqevents = APR_POLLIN };
    apr_int32_t n;

    if (!patience->waited) {
        patience->waited = 1;
        it.desc.s = ap_get_conn_socket(q->r->connection);
        apr_poll(&it, 1, &n, SOON); /* whatever it says, reading says it again */
        return 1;
    }
    patience->how = APR_BLOCK_READ;
    return chat_places_take_body(q);
}

/* All of the body, chunked or not. Streams of HTTP/2 have no socket to wait at, and
 * their bodies come behind their heads as a rule: there the first read may wait. Who
 * expects "100 Continue" sends nothing before: that comes with a read that waits.
 * @return OK or the HTTP status that says why not */
static int read_all(growing_t *b, chat_request_t *q)
{
    request_rec *r = q->r;
    const char *length = apr_table_get(r->headers_in, "Content-Length");
    patience_t patience = { APR_NONBLOCK_READ, 0 };
    apr_bucket_brigade *bb;
    apr_int64_t n;
    int last = 0;

    if (chat_body_encoded(r)) {
        return HTTP_UNSUPPORTED_MEDIA_TYPE;
    }
    if (length != NULL &&
        (!chat_form_number(&n, length) || n > q->conf->max_body)) {
        return HTTP_REQUEST_ENTITY_TOO_LARGE;
    }
    if (r->connection->master != NULL || r->expecting_100) {
        patience.how = APR_BLOCK_READ;
    }
    if (r->expecting_100 && !chat_places_take_body(q)) {
        return HTTP_TOO_MANY_REQUESTS;
    }
    bb = apr_brigade_create(r->pool, r->connection->bucket_alloc);
    for (;;) {
        apr_status_t rv = ap_get_brigade(r->input_filters, bb,
                                         AP_MODE_READBYTES, patience.how, CHUNK);
        int status;

        if (patience.how == APR_NONBLOCK_READ &&
            (APR_STATUS_IS_EAGAIN(rv) ||
             (rv == APR_SUCCESS && APR_BRIGADE_EMPTY(bb)))) {
            if (!wait_on(&patience, q)) {
                return HTTP_TOO_MANY_REQUESTS;
            }
            continue;
        }
        status = rv == APR_SUCCESS ? take_brigade(b, bb, r->pool,
                                                  q->conf->max_body, &last)
                                   : chat_body_status(rv);
        apr_brigade_cleanup(bb);
        if (status != OK || last) {
            return status;
        }
        if (patience.how == APR_BLOCK_READ && !chat_places_take_body(q)) {
            return HTTP_TOO_MANY_REQUESTS;
        }
    }
}

int chat_body_encoded(request_rec *r)
{
    const char *coding = apr_table_get(r->headers_in, "Content-Encoding");

    if (coding == NULL || *coding == '\0' ||
        strcasecmp(coding, "identity") == 0) {
        return 0;
    }
    apr_table_setn(r->err_headers_out, "Accept-Encoding", "identity");
    return 1;
}

int chat_body_status(apr_status_t rv)
{
    return ap_map_http_request_error(rv, HTTP_BAD_REQUEST);
}

const char *chat_body_why(int status)
{
    switch (status) {
    case HTTP_REQUEST_ENTITY_TOO_LARGE:
        return "the request is too large";
    case HTTP_REQUEST_TIME_OUT:
        return "the request's body came too slowly";
    case HTTP_UNSUPPORTED_MEDIA_TYPE:
        return "the body must not be compressed: no Content-Encoding is taken";
    default:
        return "the request's body could not be read";
    }
}

/* What is left of a body that could not be read is not worth reading. */
static void unreadable(chat_request_t *q, int status)
{
    q->r->connection->keepalive = AP_CONN_CLOSE;
    q->body_status = status;
    q->body_why = chat_body_why(status);
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
        status = read_all(&b, q);
        if (status != OK) {
            unreadable(q, status);
        }
        else {
            q->r->connection->keepalive = AP_CONN_UNKNOWN; /* see routes.c */
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
    if (q->body_status == HTTP_TOO_MANY_REQUESTS) {
        *answer = chat_places_refused(q);
        return 0;
    }
    if (q->body_status == AP_FILTER_ERROR) {
        *answer = AP_FILTER_ERROR; /* a filter of httpd's has answered */
        return 0;
    }
    *answer = chat_reply_error(q, q->body_status, q->body_why);
    return 0;
}
