/* SPDX-License-Identifier: Apache-2.0 */
/*
 * server.c - which request goes where, see server.h.
 */
#include "server.h"
#include "api.h"
#include "client.h"
#include "pusher.h"

#include <string.h>
#include <apr_general.h>

push_server_t push_server;

/* Ten random digits: another number at each start, also when two processes
 * start in the same moment. */
static apr_status_t boot_number(apr_uint64_t *boot)
{
    const apr_uint64_t first = 1000000000;
    apr_uint64_t random = 0;
    apr_status_t rv;

    rv = apr_generate_random_bytes((unsigned char *)&random, sizeof(random));
    *boot = first + random % (9 * first);
    return rv;
}

apr_status_t push_server_prepare(void)
{
    apr_status_t rv;

    push_server.started = apr_time_sec(apr_time_now());
    push_server.pong = pusher_pong();
    push_server.ping = pusher_ping(PUSHER_NEWEST);
    push_server.ping_4 = pusher_ping(PUSHER_OLDEST);
    rv = push_quota_init(&push_server.quota);
    if (rv == APR_SUCCESS) {
        rv = push_knocks_init(&push_server.knocks);
    }
    if (rv == APR_SUCCESS) {
        rv = push_recent_init(&push_server.vouched);
    }
    if (rv == APR_SUCCESS) {
        rv = push_recent_init(&push_server.ended);
    }
    if (rv == APR_SUCCESS) {
        rv = apr_generate_random_bytes((unsigned char *)&push_server.mix,
                                       sizeof(push_server.mix));
    }
    return rv == APR_SUCCESS ? boot_number(&push_server.boot) : rv;
}

push_hub_t *push_server_hub(const push_conn_t *c)
{
    return push_hub_of(push_server.hubs, push_loop_index(push_conn_loop(c)));
}

push_apps_t *push_server_apps(const push_conn_t *c)
{
    push_apps_t *own = push_server.canary != NULL
                           ? push_canary_apps(push_server.canary, c)
                           : NULL;

    return own != NULL ? own : push_server.apps;
}

int push_server_closing(void)
{
    return __atomic_load_n(&push_server.closing, __ATOMIC_RELAXED);
}

/* The path behind the configured prefix; at NULL when it has another one. A
 * proxy may have taken the prefix off already. */
static http_span_t without_prefix(http_span_t path)
{
    apr_size_t len = strlen(push_server.conf->path_prefix);

    if (len > 0 && path.len > len &&
        !memcmp(path.at, push_server.conf->path_prefix, len) &&
        path.at[len] == '/') {
        path.at += len;
        path.len -= len;
    }
    return path;
}

static int is_upgrade(const http_head_t *head)
{
    const http_span_t *upgrade = http_header(head, "Upgrade");

    return upgrade != NULL && http_has_token(upgrade, "websocket");
}

/* Whether a request is a client's; `key` is set to what follows /app/, at NULL
 * with another path. */
static int is_client(const http_head_t *head, http_span_t path,
                     http_span_t *key)
{
    static const char app[] = "/app/";
    const apr_size_t skip = sizeof(app) - 1;

    key->at = NULL;
    key->len = 0;
    if (path.len > skip && !memcmp(path.at, app, skip)) {
        key->at = path.at + skip;
        key->len = path.len - skip;
        return 1;
    }
    return is_upgrade(head);
}

static apr_size_t request_head(push_conn_t *c, const http_head_t *head)
{
    http_span_t path = without_prefix(head->path);
    http_span_t key;

    return is_client(head, path, &key) ? PUSH_API_OPEN_BODY
                                       : push_api_head(c, head, path);
}

static void request(push_conn_t *c, const http_head_t *head, char *body,
                    apr_size_t len)
{
    http_span_t path = without_prefix(head->path);
    http_span_t key;

    if (is_client(head, path, &key)) {
        push_client_open(c, head, key);
    }
    else {
        push_api_request(c, head, path, body, len);
    }
}

void push_server_limits(push_protocol_t *proto, const push_conf_t *conf)
{
    proto->max_body = conf->max_body;
    proto->max_message = conf->max_message;
    proto->max_queue = conf->max_queue;
    proto->max_input = conf->max_input;
}

void push_server_protocol(push_protocol_t *proto, const push_conf_t *conf)
{
    memset(proto, 0, sizeof(*proto));
    proto->client_size = sizeof(push_client_t);
    push_server_limits(proto, conf);
    proto->http_idle = 60;
    proto->head = request_head;
    proto->request = request;
    proto->message = push_client_message;
    proto->sweep = push_client_sweep;
    proto->closed = push_client_closed;
}

void push_server_close(void)
{
    __atomic_store_n(&push_server.closing, 1, __ATOMIC_RELAXED);
}
