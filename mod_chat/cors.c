/* SPDX-License-Identifier: Apache-2.0 */
/* cors.c - what pages of another origin may read; see cors.h. */
#include "cors.h"

#include <http_protocol.h>

#include "config.h"
#include "origin.h"
#include "routes.h"

#define ALLOW_ORIGIN "Access-Control-Allow-Origin"

/* All of them at every URL, so that a page can read our 404 and 405, too. */
static const char methods[] = "GET, HEAD, POST, PUT, PATCH, DELETE";

/* What our routes read, and what scripts send by habit. A browser sends Accept
 * and Accept-Language without asking, but not with every value. */
static const char request_headers[] =
    "Accept, Accept-Language, Authorization, Cache-Control, "
    "Content-Disposition, Content-Type, If-Match, If-Modified-Since, "
    "If-None-Match, If-Range, If-Unmodified-Since, Pragma, Range, "
    "X-CSRF-TOKEN, X-File-Name, X-Requested-With, X-Socket-ID, X-XSRF-TOKEN";

/* What our answers say besides what every page may read. */
static const char answer_headers[] =
    "Accept-Ranges, Allow, Content-Disposition, Content-Range, ETag, Location, "
    "RateLimit-Limit, RateLimit-Policy, RateLimit-Remaining, RateLimit-Reset, "
    "Retry-After, WWW-Authenticate";

/* Browsers keep a preflight's answer for so long, and Chromium no longer.
 * Seconds. */
static const char keep[] = "7200";

/* An origin as it was sent, which is what the browser compares. NULL: nobody's
 * whom the site has named. */
static const char *named(const request_rec *r)
{
    const chat_server_t *conf = chat_server_of(r->server);
    const char *sent, *origin;

    if (conf->origins == NULL || conf->origins->nelts == 0) {
        return NULL;
    }
    sent = apr_table_get(r->headers_in, "Origin");
    if (sent == NULL || chat_origin_listed(conf->origins, sent)) {
        return sent;
    }
    origin = chat_origin_canonical(sent, r->pool);
    return origin != NULL && chat_origin_listed(conf->origins, origin) ? sent
                                                                       : NULL;
}

int chat_cors_settle(request_rec *r)
{
    const char *origin = named(r);
    int asks;

    if (origin == NULL) {
        return 0;
    }
    asks = r->method_number == M_OPTIONS &&
           apr_table_get(r->headers_in, "Access-Control-Request-Method") !=
               NULL;
    if (apr_table_get(r->err_headers_out, ALLOW_ORIGIN) != NULL) {
        return asks; /* the request has become an error's document */
    }
    apr_table_setn(r->err_headers_out, ALLOW_ORIGIN, origin);
    apr_table_setn(r->err_headers_out, "Access-Control-Allow-Credentials",
                   "true");
    apr_table_mergen(r->err_headers_out, "Vary", "Origin");
    if (!asks) {
        apr_table_setn(r->err_headers_out, "Access-Control-Expose-Headers",
                       answer_headers);
    }
    return asks;
}

int chat_cors_answer(request_rec *r)
{
    apr_table_t *out = r->err_headers_out;

    chat_routes_leave_body(r);
    apr_table_setn(out, "Access-Control-Allow-Methods", methods);
    apr_table_setn(out, "Access-Control-Allow-Headers", request_headers);
    apr_table_setn(out, "Access-Control-Max-Age", keep);
    apr_table_mergen(out, "Vary",
                     "Access-Control-Request-Method, "
                     "Access-Control-Request-Headers");
    r->status = HTTP_NO_CONTENT;
    return OK;
}
