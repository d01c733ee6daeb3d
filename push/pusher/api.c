/* SPDX-License-Identifier: Apache-2.0 */
/*
 * api.c - the HTTP API: routes, signatures and answers, see api.h.
 *
 * A signed request is checked in the order a caller can put right: the app,
 * the path, the parameters, the time, the signature; all of that before its
 * body is read, because the signature covers not the body but its digest. When
 * the body is here it has to have that digest. The answer says what failed.
 */
#include "api_inside.h"
#include "client.h"
#include "secret.h"
#include "trace.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sysinfo.h>
#include <unistd.h>
#include <apr_strings.h>
#include <apr_time.h>

#define CLOCK_SLACK 600 /* seconds a request may be old or early */
#define JSON_TYPE "application/json"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* What is below /apps/{id}/, {} being anything but a slash; first match wins.
 * `asks`: it is about who is there, so those who left before are to be gone.
 */
/* clang-format off */
typedef struct {
    const char *method;
    const char *path;
    void (*handle)(api_request_t *r);
    int asks;
} route_t;

static const route_t routes[] = {
    { "POST", "events",                           api_events, 0 },
    { "POST", "batch_events",                     api_batch, 0 },
    { "POST", "users/{}/events",                  api_user_event, 0 },
    { "POST", "users/{}/terminate_connections",   api_user_terminate, 0 },
    { "GET",  "channels",                         api_channels, 1 },
    { "GET",  "channels/{}",                      api_channel, 1 },
    { "GET",  "channels/{}/users",                api_channel_users, 1 },
    { "GET",  "connections",                      api_connections, 1 },
};
/* clang-format on */

/* --- answers --- */

/* What the page that asks is told (pages.h). */
static const char *cors(const api_request_t *r)
{
    return push_pages_lines(&push_server.conf->pages,
                            http_header(r->head, "Origin"), r->pool);
}

void api_reply(api_request_t *r, int status, push_text_t *json)
{
    const char *extra = cors(r);
    push_traffic_t *t;

    if (status == 429) { /* rates are for a second */
        extra = apr_pstrcat(r->pool, "Retry-After: 1\r\n", extra, NULL);
    }
    if (r->app != NULL) {
        t = push_app_traffic(r->app, r->loop);
        push_count(&t->http_calls, 1);
        push_count(&t->http_in, r->len);
        push_count(&t->http_out, json->len);
    }
    push_conn_reply(r->c, r->head, status, JSON_TYPE, extra, json->at,
                    json->len);
    push_text_free(json);
}

static void error_json(push_text_t *out, int status, const char *why)
{
    push_text_str(out, "{\"error\":");
    push_text_quote(out, why, strlen(why));
    push_text_printf(out, ",\"code\":%d}", status);
}

void api_error(api_request_t *r, int status, const char *format, ...)
{
    push_text_t out = { NULL, 0, 0 };
    const char *why;
    va_list args;

    va_start(args, format);
    why = apr_pvsprintf(r->pool, format, args);
    va_end(args);
    push_trace_request(r->c, r->app, status, why);
    error_json(&out, status, why);
    api_reply(r, status, &out);
}

/* --- the signature --- */

static int equal(const query_param_t *param, const char *text)
{
    return chat_secret_equal(param->value, param->value_len, text,
                             strlen(text));
}

/* Digits only, so that there is one way to write a time. */
static int in_time(const query_param_t *param)
{
    apr_int64_t now = apr_time_sec(apr_time_now());
    apr_int64_t then = 0;
    apr_size_t i;

    if (param->value_len == 0 || param->value_len > 12) {
        return 0;
    }
    for (i = 0; i < param->value_len; i++) {
        if (param->value[i] < '0' || param->value[i] > '9') {
            return 0;
        }
        then = then * 10 + (param->value[i] - '0');
    }
    return then >= now - CLOCK_SLACK && then <= now + CLOCK_SLACK;
}

/* Whether the body is the one that was signed; answers itself when not. */
static int body_right(api_request_t *r)
{
    const query_param_t *md5 = query_get(r->query, "body_md5");
    char digest[CHAT_MD5_HEX];

    if (md5 == NULL) {
        if (r->len == 0) {
            return 1;
        }
        api_error(r, 401, "body_md5 is missing");
        return 0;
    }
    chat_md5_hex(digest, r->body, r->len);
    if (!equal(md5, digest)) {
        api_error(r, 401, "body_md5 is not the MD5 of the body");
        return 0;
    }
    return 1;
}

/* The ways a caller may have spelled the path it signed: as sent; without the
 * prefix, which some SDKs put before the address only; and, where an id of a
 * user may need escapes, before escaping. */
static int signature_right(const api_request_t *r, http_span_t path)
{
    const query_param_t *given = query_get(r->query, "auth_signature");
    http_span_t paths[3] = { r->head->path, path, { NULL, 0 } };
    chat_piece_t piece;
    char *decoded;
    apr_ssize_t n;
    int i;

    if (memchr(path.at, '%', path.len) != NULL && r->arg.at != NULL) {
        decoded = apr_palloc(r->pool, path.len + 1);
        n = http_decode(decoded, path, 0);
        /* A line end would begin the part where parameters are signed. */
        if (n > 0 && memchr(decoded, '\n', (apr_size_t)n) == NULL) {
            paths[2].at = decoded;
            paths[2].len = (apr_size_t)n;
        }
    }
    for (i = 0; i < 3; i++) {
        if (paths[i].at == NULL || (i == 1 && paths[1].at == paths[0].at)) {
            continue;
        }
        piece.data = query_signed(r->query, r->head->method, paths[i].at,
                                  paths[i].len, &piece.len, r->pool);
        if (push_app_signed(r->app, r->loop, given->value, given->value_len,
                            &piece, 1)) {
            return 1;
        }
    }
    return 0;
}

/* Whether the request comes from somebody who knows the app's secret; answers
 * itself when not. */
static int authenticated(api_request_t *r, http_span_t path)
{
    static const char *const needed[] = { "auth_key", "auth_timestamp",
                                          "auth_version", "auth_signature" };
    apr_size_t i;

    for (i = 0; i < COUNT(needed); i++) {
        if (query_get(r->query, needed[i]) == NULL) {
            api_error(r, 401, "%s is missing", needed[i]);
            return 0;
        }
    }
    if (!equal(query_get(r->query, "auth_key"), r->app->conf->key)) {
        api_error(r, 401, "auth_key is not the key of this app");
        return 0;
    }
    if (!equal(query_get(r->query, "auth_version"), "1.0")) {
        api_error(r, 401, "auth_version must be 1.0");
        return 0;
    }
    if (!in_time(query_get(r->query, "auth_timestamp"))) {
        api_error(r, 401,
                  "auth_timestamp is not within %d seconds of the server's "
                  "time, %" APR_INT64_T_FMT,
                  CLOCK_SLACK, (apr_int64_t)apr_time_sec(apr_time_now()));
        return 0;
    }
    if (r->head->length > 0 && query_get(r->query, "body_md5") == NULL) {
        api_error(r, 401, "body_md5 is missing");
        return 0;
    }
    if (!signature_right(r, path)) {
        api_error(r, 401, "auth_signature is wrong");
        return 0;
    }
    return 1;
}

/* --- routes --- */

/* Whether a path is of a pattern; `arg` is set to what its {} stands for. */
static int matches(const char *pattern, http_span_t path, http_span_t *arg)
{
    const char *at = path.at;
    const char *end = path.at + path.len;
    const char *slash;

    arg->at = NULL;
    arg->len = 0;
    while (*pattern != '\0') {
        if (pattern[0] == '{') {
            slash = memchr(at, '/', (apr_size_t)(end - at));
            arg->at = at;
            arg->len = (apr_size_t)((slash ? slash : end) - at);
            at += arg->len;
            pattern += 2;
            if (arg->len == 0) {
                return 0;
            }
        }
        else if (at == end || *at++ != *pattern++) {
            return 0;
        }
    }
    return at == end;
}

static int arg_decode(api_request_t *r)
{
    char *to;
    apr_ssize_t n;

    if (r->arg.at == NULL) {
        return 1;
    }
    to = apr_palloc(r->pool, r->arg.len + 1);
    n = http_decode(to, r->arg, 0);
    r->arg.at = to;
    r->arg.len = n < 0 ? 0 : (apr_size_t)n;
    return n > 0;
}

static void wrong_method(api_request_t *r, const char *allowed)
{
    push_text_t out = { NULL, 0, 0 };
    const char *extra = cors(r);

    error_json(&out, 405, apr_pstrcat(r->pool, "Use ", allowed, NULL));
    push_conn_reply(r->c, r->head, 405, JSON_TYPE,
                    apr_pstrcat(r->pool, "Allow: ", allowed, ", OPTIONS\r\n",
                                extra ? extra : "", NULL),
                    out.at, out.len);
    push_text_free(&out);
}

/* The app and the handler of a path below /apps/, with its {} in r->arg; NULL
 * when there is none, which has been answered then. */
static const route_t *route_find(api_request_t *r, http_span_t path)
{
    http_span_t rest = { path.at + 6, path.len - 6 };
    const char *slash = memchr(rest.at, '/', rest.len);
    const char *allowed = NULL;
    apr_size_t i;

    if (slash == NULL) {
        api_error(r, 404, "There is nothing at this path");
        return NULL;
    }
    r->app = push_app_by_id(push_server_apps(r->c), rest.at,
                            (apr_size_t)(slash - rest.at));
    if (r->app == NULL) {
        api_error(r, 404, "The app in the path does not exist");
        return NULL;
    }
    rest.len -= (apr_size_t)(slash + 1 - rest.at);
    rest.at = slash + 1;
    for (i = 0; i < COUNT(routes); i++) {
        if (!matches(routes[i].path, rest, &r->arg)) {
            continue;
        }
        if (http_span_is(&r->head->method, routes[i].method)) {
            return &routes[i];
        }
        allowed = routes[i].method;
    }
    if (allowed != NULL) {
        wrong_method(r, allowed);
    }
    else {
        api_error(r, 404, "There is nothing at this path");
    }
    return NULL;
}

static int query_parse(api_request_t *r, query_t *query)
{
    const char *why = query_read(query, r->head->query, r->pool);

    if (why != NULL) {
        api_error(r, 400, "%s", why);
        return 0;
    }
    r->query = query;
    return 1;
}

/* All that can be said about a signed request without its body; what may not
 * go on has been answered. */
static void signed_head(api_request_t *r, http_span_t path)
{
    query_t query;

    if (route_find(r, path) == NULL || !query_parse(r, &query) ||
        !authenticated(r, path)) {
        return;
    }
    if (!r->app->conf->enabled) {
        api_error(r, 403, "The app is disabled");
    }
}

/* The rest, once signed_head() had no objection. */
static void signed_request(api_request_t *r, http_span_t path)
{
    const route_t *route = route_find(r, path);
    query_t query;

    if (route == NULL || !query_parse(r, &query) || !body_right(r)) {
        return;
    }
    if (!arg_decode(r)) {
        api_error(r, 400, "The path has a broken escape");
        return;
    }
    if (route->asks && push_server.rounds != NULL &&
        push_rounds_wait(push_server.rounds, r->c)) {
        return; /* it comes again */
    }
    route->handle(r);
}

/* --- how the process is --- */

typedef struct {
    apr_uint64_t used;  /* bytes resident */
    apr_uint64_t total; /* of the machine */
} memory_t;

static memory_t memory_read(void)
{
    memory_t m = { 0, 1 };
    unsigned long pages = 0;
    struct sysinfo info;
    FILE *f = fopen("/proc/self/statm", "r");

    if (f != NULL) {
        if (fscanf(f, "%*u %lu", &pages) == 1) {
            m.used = (apr_uint64_t)pages * (apr_uint64_t)sysconf(_SC_PAGESIZE);
        }
        fclose(f);
    }
    if (sysinfo(&info) == 0) {
        m.total = (apr_uint64_t)info.totalram * info.mem_unit;
    }
    return m;
}

/* Anybody may ask for it, so the system is asked once in a second and not for
 * each of a flood. */
static memory_t memory_now(void)
{
    static __thread memory_t last;
    static __thread apr_int64_t when;
    apr_int64_t now = apr_time_sec(apr_time_now());

    if (now != when) {
        last = memory_read();
        when = now;
    }
    return last;
}

void push_api_usage(push_text_t *out)
{
    memory_t m = memory_now();

    push_text_printf(out,
                     "{\"memory\":{\"free\":%" APR_UINT64_T_FMT
                     ",\"used\":%" APR_UINT64_T_FMT
                     ",\"total\":%" APR_UINT64_T_FMT ",\"percent\":%.3f}}",
                     m.total - m.used, m.used, m.total,
                     100.0 * (double)m.used / (double)m.total);
}

static void accept_traffic(api_request_t *r)
{
    push_text_t out = { NULL, 0, 0 };
    memory_t m = memory_now();
    double percent = 100.0 * (double)m.used / (double)m.total;

    if (push_server_closing()) {
        api_error(r, 503, "The server is closing. Choose another server. :)");
        return;
    }
    if (percent > push_server.conf->memory_percent) {
        api_error(r, 503, "Low on memory here. Choose another server. :)");
        return;
    }
    push_text_printf(&out,
                     "{\"memory\":{\"usedSize\":%" APR_UINT64_T_FMT
                     ",\"totalSize\":%" APR_UINT64_T_FMT
                     ",\"percentUsage\":%.3f}}",
                     m.used, m.total, percent);
    api_reply(r, 200, &out);
}

static void usage(api_request_t *r)
{
    push_text_t out = { NULL, 0, 0 };

    push_api_usage(&out);
    api_reply(r, 200, &out);
}

static void health(api_request_t *r)
{
    push_conn_reply(r->c, r->head, 200, "text/plain", cors(r), "OK", 2);
}

/* Whether clients are served; answers itself when not. */
static int is_ready(api_request_t *r)
{
    char why[PUSH_CANARY_WHY];

    if (push_server_closing()) {
        api_error(r, 503, "The server is closing. Choose another server. :)");
        return 0;
    }
    if (push_server.canary != NULL &&
        !push_canary_well(push_server.canary, why)) {
        api_error(r, 503, "The canary did not come back: %s", why);
        return 0;
    }
    return 1;
}

static void ready(api_request_t *r)
{
    if (is_ready(r)) {
        health(r);
    }
}

/* Reverb's word for the same. */
static void up(api_request_t *r)
{
    push_text_t out = { NULL, 0, 0 };

    if (is_ready(r)) {
        push_text_str(&out, "{\"health\":\"OK\"}");
        api_reply(r, 200, &out);
    }
}

/* Paths that need no signature. */
static const struct {
    const char *path;
    void (*handle)(api_request_t *r);
} open_paths[] = {
    { "/", health },
    { "/ready", ready },
    { "/up", up },
    { "/accept-traffic", accept_traffic },
    { "/usage", usage },
};

static int is_get(const http_head_t *head)
{
    return http_span_is(&head->method, "GET") ||
           http_span_is(&head->method, "HEAD");
}

static int open_path(api_request_t *r, http_span_t path)
{
    apr_size_t i;

    for (i = 0; i < COUNT(open_paths); i++) {
        if (http_span_is(&path, open_paths[i].path)) {
            if (is_get(r->head)) {
                open_paths[i].handle(r);
            }
            else {
                wrong_method(r, "GET");
            }
            return 1;
        }
    }
    return 0;
}

static int is_signed(const http_head_t *head, http_span_t path)
{
    return path.len > 6 && !memcmp(path.at, "/apps/", 6) &&
           !http_span_is(&head->method, "OPTIONS");
}

static api_request_t request_of(push_conn_t *c, const http_head_t *head)
{
    push_loop_t *loop = push_conn_loop(c);
    api_request_t r = { .c = c,
                        .head = head,
                        .hub = push_server_hub(c),
                        .loop = push_loop_index(loop),
                        .pool = push_loop_scratch(loop) };

    return r;
}

apr_size_t push_api_head(push_conn_t *c, const http_head_t *head,
                         http_span_t path)
{
    api_request_t r = request_of(c, head);

    if (!is_signed(head, path)) {
        return PUSH_API_OPEN_BODY;
    }
    signed_head(&r, path);
    return push_server.conf->max_body;
}

void push_api_request(push_conn_t *c, const http_head_t *head, http_span_t path,
                      char *body, apr_size_t len)
{
    api_request_t r = request_of(c, head);

    r.body = body;
    r.len = len;
    if (is_signed(head, path)) {
        signed_request(&r, path);
    }
    else if (http_span_is(&head->method, "OPTIONS")) {
        push_conn_reply(c, head, 204, NULL, cors(&r), NULL, 0);
    }
    else if (!open_path(&r, path)) {
        api_error(&r, 404, "There is nothing at this path");
    }
}
