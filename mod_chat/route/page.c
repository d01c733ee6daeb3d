/* SPDX-License-Identifier: Apache-2.0 */
/* page.c - the HTML pages; see page.h. */
#include "page.h"

#include <string.h>
#include <apr_file_io.h>
#include <apr_strings.h>
#include <http_protocol.h>

#include "chat_module.h"
#include "json.h"
#include "origin.h"
#include "reply.h"

APLOG_USE_MODULE(chat);

#define PAGE_MAX (1024 * 1024) /* bytes; a page of ours has a few thousand */

/* Read a whole file. On failure *text is NULL. */
static apr_status_t read_file(const char **text, apr_size_t *len,
                              const char *path, apr_pool_t *p)
{
    apr_file_t *file;
    apr_finfo_t info;
    apr_status_t rv;
    char *buf;

    *text = NULL;
    rv = apr_file_open(&file, path, APR_READ | APR_BINARY, APR_OS_DEFAULT, p);
    if (rv != APR_SUCCESS) {
        return rv;
    }
    rv = apr_file_info_get(&info, APR_FINFO_SIZE, file);
    if (rv == APR_SUCCESS && info.size > PAGE_MAX) {
        rv = APR_ENOSPC;
    }
    if (rv == APR_SUCCESS) {
        *len = (apr_size_t)info.size;
        buf = apr_palloc(p, *len + 1);
        rv = apr_file_read_full(file, buf, *len, len);
        *text = rv == APR_SUCCESS || APR_STATUS_IS_EOF(rv) ? buf : NULL;
    }
    apr_file_close(file);
    return *text != NULL ? APR_SUCCESS : rv;
}

/* Who may show our pages in a frame, as the policy says it. */
static const char *frame_ancestors(const chat_request_t *q)
{
    const apr_array_header_t *list = q->conf->frames;

    return list == NULL ? "'none'"
                        : apr_array_pstrcat(q->r->pool, list, ' ');
}

/* Older Safaris do not count a WebSocket to the own host as 'self', so the host
 * is named as well, when the Host header holds one. */
static const char *content_policy(const chat_request_t *q)
{
    request_rec *r = q->r;
    const char *host = apr_table_get(r->headers_in, "Host");
    const char *sockets = "";

    if (host != NULL && chat_origin_of("http", host, r->pool) != NULL) {
        sockets = apr_pstrcat(r->pool, " ws://", host, " wss://", host, NULL);
    }
    return apr_pstrcat(
        r->pool,
        "default-src 'self'; script-src 'self'; style-src 'self'; "
        "img-src 'self' data: blob:; connect-src 'self'",
        sockets,
        "; frame-ancestors ", frame_ancestors(q),
        "; base-uri 'none'; form-action 'self'; object-src 'none'", NULL);
}

static void page_headers(const chat_request_t *q)
{
    request_rec *r = q->r;
    const char *frames = frame_ancestors(q);
    apr_table_t *out = r->err_headers_out;

    apr_table_setn(out, "Content-Security-Policy", content_policy(q));
    apr_table_setn(out, "Cache-Control", "no-store");
    apr_table_setn(out, "X-Content-Type-Options", "nosniff");
    /* For browsers that do not know frame-ancestors; it cannot name a page. */
    if (strcmp(frames, "'none'") == 0) {
        apr_table_setn(out, "X-Frame-Options", "DENY");
    }
    else if (strcmp(frames, "'self'") == 0) {
        apr_table_setn(out, "X-Frame-Options", "SAMEORIGIN");
    }
    /* Not no-referrer: browsers would then send `Origin: null` with our own
     * forms, which the Origin check refuses. */
    apr_table_setn(out, "Referrer-Policy", "same-origin");
    apr_table_setn(out, "Cross-Origin-Opener-Policy", "same-origin");
    apr_table_setn(out, "Permissions-Policy",
                   "camera=(), geolocation=(), microphone=(self), payment=()");
    apr_table_mergen(out, "Vary", "Accept");
}

int chat_page_send(chat_request_t *q, int status, const char *file,
                   const chat_slot_t *slots, int n)
{
    request_rec *r = q->r;
    const char *path = apr_pstrcat(r->pool, q->conf->htdocs, "/", file, NULL);
    const char *text;
    apr_size_t len = 0;
    apr_status_t rv;

    rv = read_file(&text, &len, path, r->pool);
    if (rv != APR_SUCCESS) {
        ap_log_rerror(APLOG_MARK, APLOG_ERR, rv, r, "reading %s", path);
        return HTTP_INTERNAL_SERVER_ERROR;
    }
    text = chat_template_fill(&len, text, len, slots, n, r->pool);
    q->page = 1;
    page_headers(q);
    chat_reply_status(r, status);
    ap_set_content_type(r, "text/html; charset=utf-8");
    ap_set_content_length(r, (apr_off_t)len);
    if (!r->header_only) {
        ap_rwrite(text, (int)len, r);
    }
    return OK;
}

/* What may be done with messages, so that the page offers nothing else: in which
 * status nothing is written, for how many seconds a message may be changed and
 * deleted, and whether the user may delete any. */
static const char *page_rules(chat_request_t *q)
{
    apr_pool_t *p = q->r->pool;
    char *names = apr_pstrdup(p, q->conf->closed_list), *last = NULL;
    const char *closed = "";

    for (char *name = apr_strtok(names, "|", &last); name != NULL;
         name = apr_strtok(NULL, "|", &last)) {
        closed = apr_pstrcat(p, closed, *closed != '\0' ? "," : "",
                             chat_json_quote(name, strlen(name), p), NULL);
    }
    return apr_psprintf(p,
                        "{\"closed\":[%s],\"edit\":%" APR_TIME_T_FMT
                        ",\"delete\":%" APR_TIME_T_FMT ",\"staff\":%s}",
                        closed, apr_time_sec(q->conf->edit_window),
                        apr_time_sec(q->conf->delete_window),
                        q->user->staff ? "true" : "false");
}

/* What may be attached; null: nothing. */
static const char *page_files(const chat_request_t *q)
{
    const chat_files_conf_t *files = &q->conf->files;

    return files->dir == NULL
               ? "null"
               : apr_psprintf(q->r->pool,
                              "{\"max\":%" APR_INT64_T_FMT
                              ",\"most\":%" APR_INT64_T_FMT "}",
                              files->max, files->most);
}

/* Where the page's button to sign out leads in the end; "null": there is no such
 * button, because whom Apache knows it would know again at once. */
static const char *page_logout(const chat_request_t *q)
{
    const char *url = q->conf->logout_url;

    if (q->user->via != CHAT_VIA_APACHE) {
        return apr_pstrcat(q->r->pool, "\"", q->conf->prefix, "/chat/login\"",
                           NULL);
    }
    return url != NULL ? chat_json_quote(url, strlen(url), q->r->pool) : "null";
}

/* What the page's script starts with: the public key, the way to the socket,
 * and who is looking. */
static const char *page_config(chat_request_t *q, const char *csrf)
{
    apr_pool_t *p = q->r->pool;
    const char *key = q->conf->push->app->key;
    const char *prefix = q->conf->prefix; /* nothing in it needs a quote */

    return apr_pstrcat(
        p, "{\"key\":", chat_json_quote(key, strlen(key), p), ",\"prefix\":\"",
        prefix, "\",\"wsPath\":\"", prefix,
        "\",\"cluster\":\"mt1\",\"user\":", q->user->me_json,
        ",\"csrf_token\":", chat_json_quote(csrf, strlen(csrf), p),
        ",\"logout\":", page_logout(q), ",\"rules\":", page_rules(q), ",\"files\":", page_files(q), "}",
        NULL);
}

int chat_page_app(chat_request_t *q, int status)
{
    const char *csrf = q->user->csrf != NULL ? q->user->csrf : "";
    chat_slot_t slots[] = { { "CSRF", csrf },
                            { "CONFIG", page_config(q, csrf) },
                            { "PREFIX", q->conf->prefix } };

    return chat_page_send(q, status, "index.html", slots, 3);
}

int chat_page_login(chat_request_t *q, int status, const char *error,
                    const char *email, const char *conversation)
{
    chat_slot_t slots[] = { { "ERROR", error },
                            { "EMAIL", email },
                            { "CONVERSATION", conversation },
                            { "PREFIX", q->conf->prefix } };

    return chat_page_send(q, status, "login.html", slots, 4);
}
