/* SPDX-License-Identifier: Apache-2.0 */
/* errors.c - see errors.h. */
#include "errors.h"

#include <string.h>
#include <apr_strings.h>
#include <http_config.h>
#include <http_core.h>
#include <http_protocol.h>
#include <http_request.h>
#include <util_filter.h>

#include "chat_module.h"
#include "config.h"
#include "cors.h"
#include "json.h"
#include "negotiate.h"
#include "reply.h"
#include "routes.h"

#define PATH_LOOKED_AT 512 /* bytes of a request line that was never read whole */

static ap_filter_rec_t *filter;

/* A sentence where one helps more than the status' own words. */
static const struct {
    int status;
    const char *why;
} sentences[] = {
    { HTTP_BAD_REQUEST, "the request cannot be understood" },
    { HTTP_UNAUTHORIZED, "log in first" },
    { HTTP_FORBIDDEN, "this is not allowed" },
    { HTTP_NOT_FOUND, "there is nothing here" },
    { HTTP_METHOD_NOT_ALLOWED, "this method is not allowed here" },
    { HTTP_REQUEST_TIME_OUT, "the request came too slowly" },
    { HTTP_REQUEST_ENTITY_TOO_LARGE, "the request is too large" },
    { HTTP_REQUEST_URI_TOO_LARGE, "the address is too long" },
    { HTTP_RANGE_NOT_SATISFIABLE, "there is no such part of the file" },
    { HTTP_EXPECTATION_FAILED, "what Expect asks for is not done here" },
    { HTTP_TOO_MANY_REQUESTS, "too many requests, slow down" },
    { HTTP_INTERNAL_SERVER_ERROR, "something went wrong on our side" },
    { HTTP_NOT_IMPLEMENTED, "this server does not know that method or coding" },
    { HTTP_SERVICE_UNAVAILABLE, "the chat is not available right now" },
};

/* "Upgrade Required" of "426 Upgrade Required". */
static const char *sentence(int status)
{
    const char *line;

    for (size_t i = 0; i < sizeof(sentences) / sizeof(sentences[0]); i++) {
        if (sentences[i].status == status) {
            return sentences[i].why;
        }
    }
    line = ap_get_status_line(status);
    return strlen(line) > 4 ? line + 4 : "the request was refused";
}

/* The path of a request, also of one that was never taken apart.
 * @return NULL: there is none */
static const char *path_of(const request_rec *r)
{
    const char *at;

    if (r->uri != NULL) {
        return r->uri;
    }
    at = r->the_request != NULL ? strchr(r->the_request, ' ') : NULL;
    if (at == NULL || at[1] != '/') {
        return NULL;
    }
    at = apr_pstrndup(r->pool, at + 1, PATH_LOOKED_AT);
    return apr_pstrndup(r->pool, at, strcspn(at, " ?#"));
}

static int is_ours(const request_rec *r)
{
    const chat_server_t *conf = chat_server_of(r->server);
    const char *path = path_of(r);

    if (!conf->used || path == NULL) {
        return 0;
    }
    path = chat_server_path(r->server, path);
    return path != NULL && chat_routes_own(path);
}

/* All of httpd's page becomes one object, before its first bytes leave. */
static apr_status_t to_json(ap_filter_t *f, apr_bucket_brigade *page)
{
    request_rec *r = f->r;
    const char *why = sentence(r->status);
    const char *json = apr_pstrcat(r->pool, "{\"error\":",
                                   chat_json_quote(why, strlen(why), r->pool),
                                   ",\"errors\":{}}", NULL);
    apr_bucket_brigade *bb;

    if (f->ctx != NULL) { /* it has been sent */
        apr_brigade_cleanup(page);
        return APR_SUCCESS;
    }
    f->ctx = r;
    chat_reply_headers(r);
    ap_set_content_type(r, "application/json; charset=utf-8");
    ap_set_content_length(r, (apr_off_t)strlen(json));
    bb = apr_brigade_create(r->pool, f->c->bucket_alloc);
    if (!r->header_only) {
        APR_BRIGADE_INSERT_TAIL(
            bb, apr_bucket_pool_create(json, strlen(json), r->pool,
                                       f->c->bucket_alloc));
    }
    APR_BRIGADE_INSERT_TAIL(bb, apr_bucket_eos_create(f->c->bucket_alloc));
    apr_brigade_cleanup(page);
    return ap_pass_brigade(f->next, bb);
}

static void insert(request_rec *r)
{
    if (r->status < HTTP_BAD_REQUEST || r->assbackwards || !is_ours(r)) {
        return;
    }
    if (chat_dir_of(r)->on != 0) {
        chat_cors_settle(r); /* it failed before it was known to be ours */
    }
    if (!chat_accepts_html(apr_table_get(r->headers_in, "Accept"))) {
        ap_add_output_filter_handle(filter, NULL, r, r->connection);
    }
}

void chat_errors_register(apr_pool_t *p)
{
    (void)p;
    filter = ap_register_output_filter("CHAT_ERRORS", to_json, NULL,
                                       AP_FTYPE_CONTENT_SET);
    ap_hook_insert_error_filter(insert, NULL, NULL, APR_HOOK_MIDDLE);
}
