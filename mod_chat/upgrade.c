/* SPDX-License-Identifier: Apache-2.0 */
/*
 * upgrade.c - from an upgrade request to a socket of chat-push; see upgrade.h.
 *
 *   fit     may this connection leave httpd at all?      else DECLINED
 *   who     whose log-in came along; nobody's is fine     503
 *   ask     does chat-push take it?                      503
 *   drain   what httpd has read behind the request       400
 *   give    one message with the descriptor              503
 *   detach  httpd forgets the connection without a word on it
 *
 * Until `give` everything can still be answered by httpd. Where TLS ends here
 * nothing is drained: chat-push is given the end of a pair instead of the
 * client's socket, and the connection goes to the pump (tls_pump.h).
 */
#include "upgrade.h"

#include <pthread.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>
#include <netinet/in.h>
#include <apr_portable.h>
#include <apr_strings.h>
#include <http_connection.h>
#include <http_core.h>
#include <http_protocol.h>
#include <http_request.h>
#include <http_ssl.h>
#include <util_filter.h>

#include "appkeys.h"
#include "chat_module.h"
#include "companion.h"
#include "config.h"
#include "limiter.h"
#include "owner.h"
#include "outcome.h"
#include "reply.h"
#include "tls_pump.h"

APLOG_USE_MODULE(chat);

#define PREFIX "/app/"
#define QUIET_SECONDS 60 /* between two log lines of the same trouble */
#define RETRY_SECONDS "1"

/* When this child last wrote a line of a kind; microseconds. Atomic. */
static apr_time_t told_unfit, told_trouble, told_full, told_unknown;
static apr_uint32_t missed; /* refused with 503 since. Atomic */

/* Whether a line may be written: not every one of ten thousand clients that
 * come back each second is news. */
static int is_news(apr_time_t *told)
{
    apr_time_t now = apr_time_now();
    apr_time_t then = __atomic_load_n(told, __ATOMIC_RELAXED);

    return now - then > apr_time_from_sec(QUIET_SECONDS) &&
           __atomic_compare_exchange_n(told, &then, now, 0, __ATOMIC_RELAXED,
                                       __ATOMIC_RELAXED);
}

/* --- is it one ------------------------------------------------------------ */

/* Whether a list of tokens holds one. */
static int lists(const request_rec *r, const char *header, const char *token)
{
    const char *value = apr_table_get(r->headers_in, header);

    return value != NULL && ap_find_token(r->pool, value, token);
}

/* Whether something is said to follow that is no WebSocket yet. Some clients
 * say of every request that nothing does. */
static int has_body(const request_rec *r)
{
    const char *length = apr_table_get(r->headers_in, "Content-Length");

    return apr_table_get(r->headers_in, "Transfer-Encoding") != NULL ||
           (length != NULL && strcmp(length, "0") != 0);
}

static int header_is(const request_rec *r, const char *header,
                     const char *value)
{
    const char *is = apr_table_get(r->headers_in, header);

    return is != NULL && strcmp(is, value) == 0;
}

/* What no WebSocket begins with and mod_proxy would mend: it sends HTTP/1.1 and a
 * Connection of its own, and no chunks. Then chat-push would take it for a good
 * one, the client would get no head, and a worker would be held. */
static int is_mended(const request_rec *r)
{
    return r->proto_num < HTTP_VERSION(1, 1) ||
           !lists(r, "Connection", "upgrade") ||
           apr_table_get(r->headers_in, "Transfer-Encoding") != NULL;
}

/* The app's key of a WebSocket's request below /app/, which itself may stand
 * behind ChatPrefix. NULL: it is none. */
static const char *key_of(const request_rec *r)
{
    const char *path = chat_server_path(r->server, r->uri);

    if (path == NULL || r->main != NULL || r->prev != NULL ||
        r->method_number != M_GET || r->header_only ||
        strncmp(path, PREFIX, strlen(PREFIX)) != 0 ||
        !lists(r, "Upgrade", "websocket")) {
        return NULL;
    }
    return path + strlen(PREFIX);
}

/* An app of chat-push's own; other WebSockets below /app/ are none of ours. */
static const chat_app_t *app_of(const request_rec *r)
{
    const chat_push_t *push = chat_server_of(r->server)->push;
    const char *key = push != NULL ? key_of(r) : NULL;

    return key != NULL ? chat_app_by_key(&push->apps, key, strlen(key)) : NULL;
}

/* Whether it is for one whose chat-push we have a line to. */
static int has_companion(const request_rec *r)
{
    const chat_server_t *conf = chat_server_of(r->server);
    const char *key = conf->companion != NULL ? key_of(r) : NULL;

    return key != NULL &&
           (chat_app_by_key(&conf->push->apps, key, strlen(key)) != NULL ||
            chat_appkeys_has(conf->push, key));
}

int chat_upgrade_is(const request_rec *r)
{
    return chat_dir_of(r)->handoff != CHAT_HANDOFF_OFF && has_companion(r);
}

int chat_upgrade_pace(request_rec *r)
{
    const chat_server_t *conf = chat_server_of(r->server);
    apr_uint32_t wait;

    if (conf->request.interval == 0 || key_of(r) == NULL) {
        return OK;
    }
    wait = chat_limiter_take(conf, CHAT_LIMIT_REQUEST, chat_limiter_address(r),
                             r->pool);
    if (wait == 0) {
        return OK;
    }
    apr_table_setn(r->err_headers_out, "Retry-After",
                   apr_psprintf(r->pool, "%u", (wait + 999) / 1000));
    return HTTP_TOO_MANY_REQUESTS;
}

/* --- fit -------------------------------------------------------------------
 */

/* Filters of a connection that, but for mod_ssl's, neither change its bytes nor
 * keep any back once it is drained. Any other might: then the socket is not all
 * there is. */
static const char *const plain_filters[] = {
    "core",
    "core_in",
    "reqtimeout",
    "log_input_output",
    "remoteip_input",
    /* mod_ssl's; the pump goes through them */
    "ssl/tls filter",
    "ssl/tls coalescing filter",
};
#define PLAIN (sizeof(plain_filters) / sizeof(plain_filters[0]))

/* The name of the first filter we do not know, NULL: there is none. */
static const char *stranger_of(const ap_filter_t *f)
{
    for (; f != NULL; f = f->next) {
        size_t i;

        for (i = 0; i < PLAIN; i++) {
            if (strcasecmp(f->frec->name, plain_filters[i]) == 0) {
                break;
            }
        }
        if (i == PLAIN) {
            return f->frec->name;
        }
    }
    return NULL;
}

/* Whether a connection can leave httpd. */
typedef enum {
    FIT,
    PUMPED,    /* its end of a pair can: TLS ends in httpd */
    MALFORMED, /* no upgrade request; chat-push says what is wrong with it */
    STAYS,     /* as it should: no TLS wanted or possible, or it is HTTP/2 */
    STRANGE    /* somebody should look */
} fit_t;

/* @param why  with STAYS and STRANGE: a part of a sentence */
static fit_t fit_of(request_rec *r, const char **why)
{
    conn_rec *c = r->connection;
    const int is_tls = ap_ssl_conn_is_ssl(c);
    const char *filter;

    if (c->master != NULL) {
        *why = "it came by HTTP/2";
        return STAYS;
    }
    if (is_tls && !chat_pump_possible(c)) {
        *why = "its TLS ends in httpd, which needs MPM event for that";
        return STAYS;
    }
    if (is_tls && chat_dir_of(r)->handoff == CHAT_HANDOFF_PLAIN_ONLY) {
        *why = "its TLS ends in httpd and ChatHandoff is PlainOnly";
        return STAYS;
    }
    if (is_mended(r) || !header_is(r, "Sec-WebSocket-Version", "13") ||
        apr_table_get(r->headers_in, "Sec-WebSocket-Key") == NULL ||
        has_body(r)) {
        return MALFORMED;
    }
    filter = stranger_of(c->input_filters);
    if (filter == NULL) {
        filter = stranger_of(c->output_filters);
    }
    if (filter == NULL) {
        return is_tls ? PUMPED : FIT;
    }
    *why = apr_pstrcat(r->pool, "the filter ", filter,
                       " stands between httpd and the client", NULL);
    return STRANGE;
}

/* Answered here, in chat-push's words: httpd's own page for this status speaks of
 * TLS, which misleads whoever has a proxy that drops Connection. */
static int malformed(request_rec *r)
{
    static const char why[] =
        "{\"error\":\"this address speaks WebSocket\",\"code\":426}";

    chat_outcome_count(CHAT_OUTCOME_MALFORMED);
    apr_table_setn(r->headers_out, "Upgrade", "websocket");
    apr_table_setn(r->headers_out, "Connection", "Upgrade");
    apr_table_setn(r->headers_out, "Sec-WebSocket-Version", "13");
    r->status = HTTP_UPGRADE_REQUIRED;
    ap_set_content_type(r, "application/json");
    ap_set_content_length(r, sizeof(why) - 1);
    ap_rwrite(why, sizeof(why) - 1, r);
    return OK;
}

/* Somebody else's request, or nobody's. */
static int leave(request_rec *r, fit_t fit, const char *why)
{
    if ((fit == STRANGE || (fit == STAYS && !r->proxyreq)) &&
        is_news(&told_unfit)) {
        ap_log_rerror(APLOG_MARK, APLOG_WARNING, 0, r,
                      "a WebSocket cannot be handed over to chat-push: %s; it "
                      "%s",
                      why,
                      r->proxyreq ? "goes through mod_proxy and holds a worker"
                                  : "is refused, as there is no ProxyPass for "
                                    "it (load mod_proxy and "
                                    "mod_proxy_wstunnel, and give " PREFIX
                                    " to chat-push as conf/chat.conf does)");
    }
    if (r->proxyreq) {
        return DECLINED; /* chat_upgrade_pass() counts it */
    }
    if (fit == MALFORMED) {
        return malformed(r);
    }
    chat_outcome_count(CHAT_OUTCOME_UNFIT);
    return HTTP_NOT_IMPLEMENTED;
}

/* --- give ------------------------------------------------------------------
 */

/* The headers chat-push reads; no cookie, no token. */
static const char *const wanted[] = {
    "Host",
    "Upgrade",
    "Connection",
    "Sec-WebSocket-Key",
    "Sec-WebSocket-Version",
    "Sec-WebSocket-Extensions",
    "Sec-WebSocket-Protocol",
    "Origin",
    "X-Forwarded-For",
    "X-Forwarded-Proto",
};
#define WANTED (sizeof(wanted) / sizeof(wanted[0]))

/* The head as chat-push shall read it. NULL: a value could be read as two. */
static const char *head_of(request_rec *r)
{
    apr_array_header_t *head = apr_array_make(r->pool, 48, sizeof(char *));

    APR_ARRAY_PUSH(head, const char *) = "GET " PREFIX;
    APR_ARRAY_PUSH(head, const char *) = key_of(r);
    if (r->args != NULL) {
        APR_ARRAY_PUSH(head, const char *) = "?";
        APR_ARRAY_PUSH(head, const char *) = r->args;
    }
    APR_ARRAY_PUSH(head, const char *) = " HTTP/1.1\r\n";
    for (size_t i = 0; i < WANTED; i++) {
        const char *value = apr_table_get(r->headers_in, wanted[i]);

        if (value == NULL) {
            continue;
        }
        if (strpbrk(value, "\r\n") != NULL) {
            return NULL;
        }
        APR_ARRAY_PUSH(head, const char *) = wanted[i];
        APR_ARRAY_PUSH(head, const char *) = ": ";
        APR_ARRAY_PUSH(head, const char *) = value;
        APR_ARRAY_PUSH(head, const char *) = "\r\n";
    }
    APR_ARRAY_PUSH(head, const char *) = "\r\n";
    return apr_array_pstrcat(r->pool, head, 0);
}

/* The client's address as httpd sees it, mod_remoteip's included. */
static void address_of(chat_handoff_t *m, const request_rec *r)
{
    const apr_sockaddr_t *a = r->useragent_addr;

    m->port = a->port;
#if APR_HAVE_IPV6
    if (a->family == APR_INET6) {
        memcpy(m->address, &a->sa.sin6.sin6_addr, sizeof(m->address));
        return;
    }
#endif
    if (a->family == APR_INET) {
        m->address[10] = m->address[11] = 0xff;
        memcpy(m->address + 12, &a->sa.sin.sin_addr, 4);
    }
}

/* Everything httpd has still to write goes first: an answer before this request
 * may wait for more. @return 0: the client is gone */
static int flush(conn_rec *c, apr_pool_t *p)
{
    apr_bucket_brigade *bb = apr_brigade_create(p, c->bucket_alloc);

    APR_BRIGADE_INSERT_TAIL(bb, apr_bucket_flush_create(c->bucket_alloc));
    return ap_pass_brigade(c->output_filters, bb) == APR_SUCCESS && !c->aborted;
}

/* What httpd has read behind the request; the rest lies in the kernel and goes
 * with the socket. @return 0: there is more than may be, or the client has gone
 */
static int drain(chat_handoff_t *m, conn_rec *c, apr_pool_t *p)
{
    apr_bucket_brigade *bb = apr_brigade_create(p, c->bucket_alloc);
    char *to = apr_palloc(p, CHAT_HANDOFF_EARLY);
    apr_size_t have = 0, got;
    apr_status_t rv;

    do {
        rv = ap_get_brigade(c->input_filters, bb, AP_MODE_READBYTES,
                            APR_NONBLOCK_READ,
                            (apr_off_t)(CHAT_HANDOFF_EARLY - have));
        if (rv != APR_SUCCESS) {
            break;
        }
        got = CHAT_HANDOFF_EARLY - have;
        rv = apr_brigade_flatten(bb, to + have, &got);
        apr_brigade_cleanup(bb);
        have += got;
    } while (rv == APR_SUCCESS && got > 0 && have < CHAT_HANDOFF_EARLY);
    m->early = to;
    m->early_len = have;
    return (rv == APR_SUCCESS || APR_STATUS_IS_EAGAIN(rv)) &&
           have < CHAT_HANDOFF_EARLY;
}

/* httpd's copy of the socket is closed without shutdown(), which would reach
 * the client; nothing is written on its behalf and no further request is read.
 */
static int detach(request_rec *r)
{
    r->status = HTTP_SWITCHING_PROTOCOLS; /* for the access log */
    r->eos_sent = 1;
    r->connection->keepalive = AP_CONN_CLOSE;
    r->connection->aborted = 1;
    return OK;
}

static int refuse(request_rec *r, int status, const char *why)
{
    chat_outcome_count(status == HTTP_SERVICE_UNAVAILABLE ? CHAT_OUTCOME_FULL
                       : status == HTTP_BAD_REQUEST       ? CHAT_OUTCOME_EARLY
                                                          : CHAT_OUTCOME_LARGE);
    ap_log_rerror(APLOG_MARK, APLOG_INFO, 0, r,
                  "a WebSocket is refused with %d: %s", status, why);
    r->connection->keepalive = AP_CONN_CLOSE;
    return status;
}

/* The database cannot say whose it is. */
static int unknown(request_rec *r, apr_status_t rv)
{
    chat_request_t q = { .r = r };

    if (is_news(&told_unknown)) {
        chat_reply_note(&q, rv,
                        "looking up whose WebSocket it is; who comes with a "
                        "log-in is answered 503 until that can be said");
    }
    chat_outcome_count(CHAT_OUTCOME_UNKNOWN);
    apr_table_setn(r->err_headers_out, "Retry-After", RETRY_SECONDS);
    return HTTP_SERVICE_UNAVAILABLE;
}

/* chat-push does not take it. */
static int trouble(request_rec *r, const chat_companion_t *companion,
                   chat_companion_result_t result)
{
    if (result == CHAT_COMPANION_STRANGER && r->proxyreq) {
        return leave(r, STRANGE, chat_companion_why(result));
    }
    if (result == CHAT_COMPANION_TOO_LARGE) {
        return refuse(r, HTTP_REQUEST_HEADER_FIELDS_TOO_LARGE,
                      chat_companion_why(result));
    }
    chat_outcome_count(CHAT_OUTCOME_AWAY);
    __atomic_add_fetch(&missed, 1, __ATOMIC_RELAXED);
    if (is_news(&told_trouble)) {
        ap_log_rerror(APLOG_MARK, APLOG_WARNING, 0, r,
                      "chat-push takes no sockets at %s: %s; WebSockets are "
                      "answered 503 until it does",
                      chat_companion_path(companion),
                      chat_companion_why(result));
    }
    apr_table_setn(r->err_headers_out, "Retry-After", RETRY_SECONDS);
    return HTTP_SERVICE_UNAVAILABLE;
}

static void well_again(request_rec *r)
{
    apr_uint32_t n = __atomic_exchange_n(&missed, 0, __ATOMIC_RELAXED);

    if (n > 0) {
        __atomic_store_n(&told_trouble, 0, __ATOMIC_RELAXED);
        ap_log_rerror(APLOG_MARK, APLOG_INFO, 0, r,
                      "chat-push takes sockets again, %u were refused by this "
                      "process",
                      n);
    }
}

/* Head, early bytes and descriptor; the link goes back in any case. */
static int give(request_rec *r, chat_companion_t *companion, int link,
                chat_handoff_t *m)
{
    conn_rec *c = r->connection;
    chat_companion_result_t result;
    apr_os_sock_t fd;

    if (!drain(m, c, r->pool) ||
        apr_os_sock_get(&fd, ap_get_conn_socket(c)) != APR_SUCCESS) {
        chat_companion_keep(companion, link);
        return refuse(r, HTTP_BAD_REQUEST,
                      "the client has gone, or it sent too much before it got "
                      "an answer");
    }
    result = chat_companion_give(companion, link, fd, m);
    if (result != CHAT_COMPANION_READY) {
        c->keepalive = AP_CONN_CLOSE; /* what was drained is lost */
        return trouble(r, companion, result);
    }
    chat_outcome_count(CHAT_OUTCOME_HANDED);
    well_again(r);
    return detach(r);
}

/* As give(), of a connection whose TLS ends here. */
static int give_pair(request_rec *r, chat_companion_t *companion, int link,
                     chat_pumped_t *pumped, int end, const chat_handoff_t *m)
{
    chat_companion_result_t result = chat_companion_give(companion, link, end,
                                                         m);

    close(end);
    if (result != CHAT_COMPANION_READY) {
        chat_pump_drop(pumped);
        return trouble(r, companion, result);
    }
    well_again(r);
    return chat_pump_start(pumped);
}

/* The child has as many as it may, or no descriptors. */
static int no_room(request_rec *r, apr_status_t rv)
{
    if (is_news(&told_full)) {
        ap_log_rerror(APLOG_MARK, APLOG_WARNING,
                      APR_STATUS_IS_ENOSPC(rv) ? 0 : rv, r,
                      APR_STATUS_IS_ENOSPC(rv)
                          ? "a child has as many WebSockets by TLS as "
                            "AsyncRequestWorkerFactor or the limit of open "
                            "files leaves it; more are answered 503"
                          : "a WebSocket by TLS is answered 503");
    }
    apr_table_setn(r->err_headers_out, "Retry-After", RETRY_SECONDS);
    return refuse(r, HTTP_SERVICE_UNAVAILABLE, "there is no room for it");
}

/* Ask and give. */
static int hand_over(request_rec *r, chat_companion_t *companion,
                     chat_handoff_t *m, int is_pumped)
{
    chat_companion_result_t result;
    chat_pumped_t *pumped;
    apr_status_t rv;
    int link, end;

    result = chat_companion_ask(&link, companion);
    if (result != CHAT_COMPANION_READY) {
        return trouble(r, companion, result);
    }
    if (!is_pumped) {
        return give(r, companion, link, m);
    }
    rv = chat_pump_open(&pumped, &end, r);
    if (rv != APR_SUCCESS) {
        chat_companion_keep(companion, link);
        return no_room(r, rv);
    }
    return give_pair(r, companion, link, pumped, end, m);
}

int chat_upgrade_handle(request_rec *r)
{
    chat_companion_t *companion = chat_server_of(r->server)->companion;
    chat_handoff_t m = { .secure = strcmp(ap_http_scheme(r), "https") == 0 };
    const chat_identity_t *id;
    apr_status_t rv;
    const char *why = "";
    const fit_t fit = fit_of(r, &why);

    if (fit != FIT && fit != PUMPED) {
        return leave(r, fit, why);
    }
    m.head = head_of(r);
    m.head_len = m.head != NULL ? strlen(m.head) : 0;
    if (m.head_len == 0 || m.head_len > CHAT_HANDOFF_HEAD) {
        return refuse(r, HTTP_REQUEST_HEADER_FIELDS_TOO_LARGE,
                      "what chat-push needs of its head is more than 16 kB");
    }
    rv = chat_owner_of(&id, r);
    if (rv != APR_SUCCESS) {
        return unknown(r, rv);
    }
    m.identity = *id;
    address_of(&m, r);
    if (!flush(r->connection, r->pool)) {
        return refuse(r, HTTP_BAD_REQUEST, "the client has gone");
    }
    return hand_over(r, companion, &m, fit == PUMPED);
}

int chat_upgrade_pass(request_rec *r)
{
    chat_companion_t *companion = chat_server_of(r->server)->companion;
    chat_companion_result_t result = CHAT_COMPANION_ABSENT;
    const chat_app_t *app = app_of(r);
    apr_status_t rv;
    int link;

    if ((app != NULL || has_companion(r)) && is_mended(r)) {
        return malformed(r);
    }
    if (has_companion(r)) {
        result = chat_companion_ask(&link, companion);
    }
    if (result == CHAT_COMPANION_SILENT) {
        return trouble(r, companion, result);
    }
    if (result == CHAT_COMPANION_READY) {
        chat_companion_keep(companion, link);
        well_again(r);
    }
    rv = app != NULL ? chat_owner_vouch(r, app) : APR_SUCCESS;
    if (rv != APR_SUCCESS) {
        return unknown(r, rv);
    }
    if (chat_upgrade_is(r)) {
        chat_outcome_count(CHAT_OUTCOME_PROXIED);
    }
    return DECLINED;
}
