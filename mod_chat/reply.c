/* SPDX-License-Identifier: Apache-2.0 */
/* reply.c - answers; see reply.h. */
#include "reply.h"

#include <string.h>
#include <apr_strings.h>
#include <http_protocol.h>

#include "audit.h"
#include "chat_module.h"
#include "db.h"
#include "etag.h"
#include "json.h"
#include "sealing.h"

APLOG_USE_MODULE(chat);

#define RETRY_SECONDS "2" /* after which a database is worth another try */

void chat_reply_headers(request_rec *r)
{
    apr_table_setn(r->err_headers_out, "Cache-Control", "no-store");
    apr_table_setn(r->err_headers_out, "X-Content-Type-Options", "nosniff");
    apr_table_mergen(r->err_headers_out, "Vary", "Accept");
}

void chat_reply_status(request_rec *r, int status)
{
    r->status = status;
    if (status == CHAT_HTTP_PAGE_EXPIRED) {
        r->status_line = "419 Page Expired";
    }
}

/* @param json  valid UTF-8 */
static int json_reply(chat_request_t *q, int status, const char *json,
                      apr_size_t len)
{
    request_rec *r = q->r;

    if (!chat_audit_answer(q, status)) {
        static const char no[] = "{\"error\":\"the audit log cannot be written\","
                                 "\"errors\":{}}";

        status = HTTP_SERVICE_UNAVAILABLE;
        json = no;
        len = sizeof(no) - 1;
    }
    chat_reply_headers(r);
    chat_reply_status(r, status);
    ap_set_content_type(r, "application/json; charset=utf-8");
    ap_set_content_length(r, (apr_off_t)len);
    if (!r->header_only) {
        ap_rwrite(json, (int)len, r);
    }
    return OK;
}

/* What has no validator is not what If-Match names, only what "*" means (RFC 9110,
 * 13.1.1). */
static int names_another(const request_rec *r)
{
    const char *names = apr_table_get(r->headers_in, "If-Match");

    return names != NULL && strcmp(names, "*") != 0;
}

int chat_reply_precondition(chat_request_t *q)
{
    return chat_reply_error(q, HTTP_PRECONDITION_FAILED,
                            "If-Match or If-None-Match says not to");
}

int chat_reply_may_change(const request_rec *r, int shown)
{
    const char *none = apr_table_get(r->headers_in, "If-None-Match");

    return !names_another(r) &&
           (none == NULL || !shown || strcmp(none, "*") != 0);
}

int chat_reply_conditions(request_rec *r)
{
    /* What we show has no time of its last change, so these are not looked at
     * (13.1.3, 13.1.4); httpd would take now for it. */
    apr_table_unset(r->headers_in, "If-Modified-Since");
    apr_table_unset(r->headers_in, "If-Unmodified-Since");
    return ap_meets_conditions(r);
}

int chat_reply(chat_request_t *q, int status, const char *json)
{
    if (status == HTTP_OK && q->r->method_number == M_GET &&
        names_another(q->r)) {
        return chat_reply_precondition(q);
    }
    /* SQL made it of rows that other programs may have written. */
    json = chat_json_repaired(chat_sealing_json(q, json), q->r->pool);
    return json_reply(q, status, json, strlen(json));
}

int chat_reply_list(chat_request_t *q, const char *json)
{
    request_rec *r = q->r;
    char *name = apr_palloc(r->pool, CHAT_ETAG);
    apr_size_t len;

    json = chat_json_repaired(chat_sealing_json(q, json), r->pool);
    len = strlen(json);
    chat_etag(name, &q->conf->etag_key, json, len);
    apr_table_setn(r->headers_out, "ETag", name);
    switch (chat_reply_conditions(r)) {
    case HTTP_NOT_MODIFIED:
        chat_reply_headers(r);
        r->status = HTTP_NOT_MODIFIED;
        return OK; /* routes.c has it written down */
    case HTTP_PRECONDITION_FAILED:
        return chat_reply_precondition(q);
    default:
        return json_reply(q, HTTP_OK, json, len);
    }
}

/* Whether httpd's page for the status says it as well. */
static int wants_page(const chat_request_t *q, int status)
{
    return q->html && status != CHAT_HTTP_PAGE_EXPIRED &&
           status != HTTP_UNPROCESSABLE_ENTITY;
}

/* `errors` is {} or {"field":["…"]}. */
static int error_reply(chat_request_t *q, int status, const char *message,
                       const char *errors)
{
    const char *quoted = chat_json_quote(message, strlen(message), q->r->pool);

    if (wants_page(q, status)) {
        chat_reply_headers(q->r);
        return status;
    }
    return chat_reply(q, status,
                      apr_pstrcat(q->r->pool, "{\"error\":", quoted,
                                  ",\"errors\":", errors, "}", NULL));
}

int chat_reply_error(chat_request_t *q, int status, const char *message)
{
    if (status == HTTP_UNAUTHORIZED) {
        apr_table_setn(q->r->err_headers_out, "WWW-Authenticate", "Bearer");
    }
    return error_reply(q, status, message, "{}");
}

int chat_reply_field(chat_request_t *q, const char *field, const char *sentence)
{
    apr_pool_t *p = q->r->pool;
    const char *quoted = chat_json_quote(sentence, strlen(sentence), p);

    return error_reply(q, HTTP_UNPROCESSABLE_ENTITY, sentence,
                       apr_pstrcat(p, "{",
                                   chat_json_quote(field, strlen(field), p),
                                   ":[", quoted, "]}", NULL));
}

int chat_reply_invalid(chat_request_t *q, const char *field,
                       const char *message)
{
    return chat_reply_field(
        q, field,
        apr_pstrcat(q->r->pool, "The ", field, " field ", message, ".", NULL));
}

void chat_reply_retry_after(request_rec *r, apr_uint32_t wait)
{
    /* Rounded up: who comes back on the second is let in. */
    apr_table_setn(r->err_headers_out, "Retry-After",
                   apr_psprintf(r->pool, "%u", wait / 1000 + 1));
}

int chat_reply_limited(chat_request_t *q, apr_uint32_t wait,
                       const char *message)
{
    chat_reply_retry_after(q->r, wait);
    return error_reply(q, HTTP_TOO_MANY_REQUESTS, message, "{}");
}

int chat_reply_method(chat_request_t *q, const char *allow)
{
    apr_table_setn(q->r->err_headers_out, "Allow", allow);
    return error_reply(q, HTTP_METHOD_NOT_ALLOWED,
                       "this method is not allowed here", "{}");
}

void chat_reply_note(chat_request_t *q, apr_status_t rv, const char *doing)
{
    int of_db = rv >= CHAT_DB_EAWAY && rv <= CHAT_DB_ESQL;

    ap_log_rerror(APLOG_MARK, APLOG_ERR, 0, q->r, "%s: %s%s%s", doing,
                  chat_db_strerror(rv), of_db ? ": " : "",
                  of_db ? chat_db_error(NULL) : "");
}

int chat_reply_failed(chat_request_t *q, apr_status_t rv, const char *doing)
{
    chat_reply_note(q, rv, doing);
    if (rv == CHAT_DB_EAWAY || rv == CHAT_DB_EBUSY || rv == CHAT_DB_EFULL ||
        rv == APR_TIMEUP) {
        apr_table_setn(q->r->err_headers_out, "Retry-After", RETRY_SECONDS);
        return error_reply(q, HTTP_SERVICE_UNAVAILABLE,
                           "the chat is not available right now", "{}");
    }
    return error_reply(q, HTTP_INTERNAL_SERVER_ERROR,
                       "something went wrong on our side", "{}");
}

int chat_reply_redirect(chat_request_t *q, const char *to)
{
    return chat_reply_redirect_away(
        q, apr_pstrcat(q->r->pool, q->conf->prefix, to, NULL));
}

int chat_reply_redirect_away(chat_request_t *q, const char *to)
{
    chat_reply_headers(q->r);
    apr_table_setn(q->r->headers_out, "Location", to);
    return HTTP_MOVED_TEMPORARILY;
}
