/* SPDX-License-Identifier: Apache-2.0 */
/*
 * client.c - one WebSocket that speaks the Pusher protocol, see client.h.
 *
 * From top to bottom: opening, signs of life, and one function per event a
 * client may send (the table `events` near the end). Subscribing is in
 * subscribe.c.
 */
#include "client.h"
#include "client_inside.h"
#include "hash.h"
#include "json.h"
#include "person.h"
#include "pusher.h"
#include "server.h"
#include "trace.h"
#include "utf8.h"
#include "ws.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <apr_strings.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

void push_client_send(push_conn_t *c, push_client_t *me, push_frame_t *frame)
{
    if (me->app != NULL) {
        push_traffic_t *t = push_app_traffic(
            me->app, push_loop_index(push_conn_loop(c)));

        push_count(&t->messages_out, 1);
        push_count(&t->bytes_out, frame->len);
    }
    push_conn_send(c, frame);
    push_frame_release(frame);
}

const char *push_client_text(push_conn_t *c, const scan_value_t *v)
{
    char *text;

    if (!v->escaped) {
        return v->at + 1;
    }
    text = apr_palloc(push_loop_scratch(push_conn_loop(c)), v->size + 1u);
    scan_text(text, v);
    return text;
}

/* Who knows one socket's id shall not guess another's: mod_chat signs for any id
 * it is shown. The number's two halves of HALF bits are mixed in turn, as a
 * Feistel network does, so that each number has one id and the way back is the
 * same one in the other order. */
#define HALF 31
#define HALF_MASK ((apr_uint64_t)0x7fffffff)
#define ROUNDS 4

static apr_uint64_t half_mixed(apr_uint64_t half, apr_uint64_t round)
{
    return push_hash_fold(push_hash_fold(half + round, push_server.mix | 1) ^
                              push_server.mix,
                          (push_server.mix >> 7) | 1) &
           HALF_MASK;
}

static apr_uint64_t number_mixed(apr_uint64_t number)
{
    apr_uint64_t left = number >> HALF & HALF_MASK, right = number & HALF_MASK;
    apr_uint64_t round, next;

    for (round = 1; round <= ROUNDS; round++) {
        next = left ^ half_mixed(right, round << HALF);
        left = right;
        right = next;
    }
    return left << HALF | right;
}

static apr_uint64_t number_unmixed(apr_uint64_t mixed)
{
    apr_uint64_t left = mixed >> HALF & HALF_MASK, right = mixed & HALF_MASK;
    apr_uint64_t round, before;

    for (round = ROUNDS; round >= 1; round--) {
        before = right ^ half_mixed(left, round << HALF);
        right = left;
        left = before;
    }
    return left << HALF | right;
}

apr_size_t push_client_socket_id(char out[PUSH_SOCKET_ID_MAX],
                                 const push_client_t *me)
{
    return (apr_size_t)snprintf(out, PUSH_SOCKET_ID_MAX,
                                "%" APR_UINT64_T_FMT ".%" APR_UINT64_T_FMT,
                                push_server.boot, number_mixed(me->hub.number));
}

/* Digits up to the end; 0 when they are more than a number holds. */
static apr_uint64_t digits(const char *at, const char *end)
{
    apr_uint64_t n = 0;

    for (; at < end; at++) {
        if (n > (APR_UINT64_MAX - 9) / 10) {
            return 0;
        }
        n = n * 10 + (apr_uint64_t)(*at - '0');
    }
    return n;
}

apr_uint64_t push_client_number(const char *socket_id, apr_size_t len)
{
    const char *dot = memchr(socket_id, '.', len);
    apr_uint64_t mixed;

    if (dot == NULL || digits(socket_id, dot) != push_server.boot) {
        return 0;
    }
    mixed = digits(dot + 1, socket_id + len);
    return mixed >> (2 * HALF) == 0 ? number_unmixed(mixed) : 0;
}

/* --- opening --- */

/* Close with a code and its reason. Versions below 6 do not look at these, so
 * they are told in a message before. */
static void refuse(push_conn_t *c, push_client_t *me, int code,
                   const char *reason)
{
    if (me->protocol < 6) {
        push_client_send(c, me, pusher_error(code, NULL, reason));
    }
    push_conn_close(c, code, reason);
}

/* The protocol parameter; 0 with a code when it is not one we serve. */
static int version_read(const http_head_t *head, int *code, const char **why)
{
    http_span_t v;
    int n = 0;
    apr_size_t i;

    if (!http_query_get(&v, head->query, "protocol") || v.len == 0) {
        n = push_server.conf->default_protocol; /* other servers do not ask */
        v.len = 0;
        if (n == 0) {
            *code = PUSHER_NO_VERSION;
            *why = "No protocol version supplied";
            return 0;
        }
    }
    for (i = 0; i < v.len; i++) {
        if (v.at[i] < '0' || v.at[i] > '9' || i > 3) {
            *code = PUSHER_BAD_VERSION;
            *why = "Invalid version string format";
            return 0;
        }
        n = n * 10 + (v.at[i] - '0');
    }
    *code = n >= PUSHER_OLDEST && n <= PUSHER_NEWEST ? 0 : PUSHER_UNSUPPORTED;
    *why = "Unsupported protocol version, 4 to 7 are served";
    return n;
}

/* A browser says where its page comes from; phones and servers do not. @return the
 * Origin when it is not allowed, else NULL */
static const char *origin_foreign(const push_conn_t *c, const chat_app_t *app,
                                  const http_head_t *head)
{
    const http_span_t *span = http_header(head, "Origin");
    const char *const *entry = app->origins;
    const char *origin;

    if (span == NULL || entry == NULL) {
        return NULL;
    }
    if (http_header_count(head, "Origin") > 1) {
        return "several"; /* no browser's; httpd joins them, which is on no
                             list either */
    }
    origin = apr_pstrmemdup(push_loop_scratch(push_conn_loop(c)), span->at,
                            span->len);
    for (; *entry != NULL; entry++) {
        if (chat_app_origin_is(*entry, origin)) {
            return NULL;
        }
    }
    return origin;
}

/* Whether nobody on the way can read along: TLS with us, or with a proxy that
 * we trust and that says so. */
static int is_secret(const push_conn_t *c, const http_head_t *head)
{
    const http_span_t *proto = http_header(head, "X-Forwarded-Proto");
    push_ip_t peer;

    if (push_conn_is_tls(c)) {
        return 1;
    }
    push_conn_ip(c, &peer);
    return proto != NULL &&
           push_nets_have(&push_server.conf->trusted, &peer) &&
           ((proto->len == 5 && !strncasecmp(proto->at, "https", 5)) ||
            (proto->len == 3 && !strncasecmp(proto->at, "wss", 3)));
}

/* Why a client may not come in; 0 when it may. */
static int entry_code(push_conn_t *c, push_client_t *me,
                      const http_head_t *head, http_span_t key,
                      const push_app_t *app, const char **why)
{
    int code;

    me->protocol = (apr_byte_t)version_read(head, &code, why);
    if (key.at == NULL) {
        *why = "Path not found";
        return PUSHER_NO_PATH;
    }
    if (app == NULL) {
        *why = "Application does not exist";
        return PUSHER_NO_APP;
    }
    if (!app->conf->enabled) {
        *why = "Application disabled";
        return PUSHER_APP_DISABLED;
    }
    if (code != 0) {
        return code;
    }
    if (app->conf->tls_only && !is_secret(c, head)) {
        *why = "Application only accepts TLS connections, reconnect using wss";
        return PUSHER_TLS_ONLY;
    }
    if (push_server_closing()) {
        /* Not 4200: they would be here again at once. */
        *why = "Server is restarting";
        return PUSHER_OVER_CAPACITY;
    }
    if (push_conn_crowded(c)) {
        *why = "Over capacity";
        return PUSHER_OVER_CAPACITY;
    }
    return 0;
}

static const char over_quota[] = "Application is over its connection quota";

/* Take a place among the connections the app may have; given back in closed. */
static int place_take(push_app_t *app, push_client_t *me)
{
    apr_int64_t max = app->conf->max_connections;

    if (__atomic_add_fetch(&app->places, 1, __ATOMIC_RELAXED) > max &&
        max >= 0) {
        __atomic_sub_fetch(&app->places, 1, __ATOMIC_RELAXED);
        return 0;
    }
    me->placed = 1;
    return 1;
}

/* Where one must be authorized, strangers take nobody's place: they are counted
 * once they are, or sent away in time. */
static int app_enter(push_app_t *app, push_client_t *me)
{
    if (!app->conf->user_authentication && !place_take(app, me)) {
        return 0;
    }
    __atomic_add_fetch(&app->connections, 1, __ATOMIC_RELAXED);
    return 1;
}

static void app_leave(push_app_t *app, push_client_t *me)
{
    if (me->placed) {
        me->placed = 0;
        __atomic_sub_fetch(&app->places, 1, __ATOMIC_RELAXED);
    }
    __atomic_sub_fetch(&app->connections, 1, __ATOMIC_RELAXED);
}

int push_client_authorize(push_conn_t *c, push_client_t *me)
{
    if (!me->placed && !place_take(me->app, me)) {
        refuse(c, me, PUSHER_OVER_QUOTA, over_quota);
        return 0;
    }
    me->authorized = 1;
    return 1;
}

/* The client's own address, from its socket or a proxy that we trust. A proxy on a
 * Unix socket that names nobody leaves us without one to count for. @return 0: none */
static int address_of(push_ip_t *ip, push_conn_t *c, const http_head_t *head)
{
    push_conn_ip(c, ip);
    push_forwarded(ip, head, &push_server.conf->trusted);
    return push_ip_known(ip);
}

/* Take one of the places that the client's address may have; its own count is
 * given back with the app's. */
static int address_enter(push_conn_t *c, push_client_t *me, push_app_t *app,
                         const http_head_t *head)
{
    apr_int64_t max = app->conf->max_per_address;
    push_ip_t ip;

    if (max < 0 || !address_of(&ip, c, head)) {
        return 1;
    }
    me->seat = push_quota_take(&push_server.quota, app, PUSH_QUOTA_ADDRESS,
                               ip.at, push_ip_client(&ip), max);
    return me->seat != NULL;
}

/* Take every place that a connection needs; 0, or the code of what is full. */
static int places_take(push_conn_t *c, push_client_t *me, push_app_t *app,
                       const http_head_t *head, const char **why)
{
    if (!app_enter(app, me)) {
        *why = over_quota;
        return PUSHER_OVER_QUOTA;
    }
    if (!address_enter(c, me, app, head)) {
        app_leave(app, me);
        *why = "Address is over its connection quota";
        return PUSHER_OVER_QUOTA;
    }
    return 0;
}

/* Before anything is upgraded: a page of another site gets no socket, not even one
 * that is closed at once, and learns nothing of the app. @return 0: answered */
static int origin_settle(push_conn_t *c, const http_head_t *head,
                         push_app_t *app)
{
    static const char why[] = "Origin not allowed";
    const char *origin = app != NULL ? origin_foreign(c, app->conf, head)
                                     : NULL;

    if (origin == NULL) {
        return 1;
    }
    push_count(
        &push_app_traffic(app, push_loop_index(push_conn_loop(c)))->origins, 1);
    push_trace_door(c, app, PUSH_DOOR_ORIGIN, 403, why, origin);
    push_conn_refuse(c, head, 403, why);
    return 0;
}

/* Likewise: an address that begins too many connections. 429 and not a close code: the
 * libraries come back after it, more slowly each time. @return 0: answered */
static int knock_settle(push_conn_t *c, const http_head_t *head, push_app_t *app)
{
    static const char why[] = "The address connects too often";
    static const char body[] =
        "{\"error\":\"The address connects too often\",\"code\":429}";
    apr_int64_t max = app != NULL ? app->conf->max_connects : -1;
    apr_uint32_t wait;
    push_ip_t ip;

    if (max < 0 || !address_of(&ip, c, head)) {
        return 1;
    }
    wait = push_knocks_take(&push_server.knocks, app->number,
                            (const char *)ip.at, push_ip_client(&ip), max,
                            push_loop_seconds(push_conn_loop(c)));
    if (wait == 0) {
        return 1;
    }
    push_count(
        &push_app_traffic(app, push_loop_index(push_conn_loop(c)))->knocks, 1);
    push_trace_door(c, app, PUSH_DOOR_KNOCKS, 429, why, NULL);
    push_conn_reply(c, head, 429, "application/json",
                    apr_psprintf(push_loop_scratch(push_conn_loop(c)),
                                 "Retry-After: %u\r\n", wait),
                    body, sizeof(body) - 1);
    return 0;
}

static int is_full(const push_app_t *app)
{
    return !app->conf->user_authentication && app->conf->max_connections >= 0 &&
           __atomic_load_n(&app->places, __ATOMIC_RELAXED) >=
               app->conf->max_connections;
}

static int is_address_full(push_conn_t *c, const http_head_t *head,
                           push_app_t *app)
{
    apr_int64_t max = app->conf->max_per_address;
    push_ip_t ip;

    return max >= 0 && address_of(&ip, c, head) &&
           push_quota_full(&push_server.quota, app, PUSH_QUOTA_ADDRESS, ip.at,
                           push_ip_client(&ip), max);
}

/* Who comes when one has just closed finds its place free, also where that close is
 * another loop's: it is not told that all are taken before all have gone around.
 * @return 0: it is asked again */
static int place_settle(push_conn_t *c, const http_head_t *head,
                        push_app_t *app)
{
    return app == NULL || push_server.rounds == NULL ||
           (!is_full(app) && !is_address_full(c, head, app)) ||
           !push_rounds_wait(push_server.rounds, c);
}

void push_client_open(push_conn_t *c, const http_head_t *head, http_span_t key)
{
    push_client_t *me = push_conn_client(c);
    int loop = push_loop_index(push_conn_loop(c));
    char socket_id[PUSH_SOCKET_ID_MAX];
    push_app_t *app = key.at == NULL ? NULL
                                     : push_app_by_key(push_server_apps(c),
                                                       key.at, key.len);
    const char *why = NULL;
    int code;

    if (!origin_settle(c, head, app) || !place_settle(c, head, app) ||
        !knock_settle(c, head, app) ||
        !push_conn_upgrade(c, head, app != NULL && app->conf->deflate)) {
        return;
    }
    code = entry_code(c, me, head, key, app, &why);
    if (code == 0) {
        code = places_take(c, me, app, head, &why);
    }
    if (code != 0) {
        refuse(c, me, code, why);
        return;
    }
    me->app = app;
    me->opened = push_loop_seconds(push_conn_loop(c));
    if (push_server.departed != NULL) {
        me->born = push_server.departed[loop].count;
    }
    me->hub.number = push_conn_id(c) * (apr_uint64_t)push_server.nloops +
                     (apr_uint64_t)loop;
    push_count(&push_app_traffic(app, loop)->opened, 1);
    push_client_socket_id(socket_id, me);
    push_client_send(
        c, me,
        pusher_established(socket_id, me->protocol >= 7
                                          ? push_server.conf->activity_timeout
                                          : 0));
    push_person_find(c, me, head);
    push_trace_opened(c, me);
}

void push_client_closed(push_conn_t *c, push_end_t why, int code)
{
    push_client_t *me = push_conn_client(c);

    push_trace_closed(c, me, why, code);
    if (me->app == NULL) {
        return;
    }
    push_client_forget(me);
    push_person_forget(me);
    push_hub_leave_all(push_server_hub(c), &me->hub);
    if (me->login != NULL) {
        push_client_offline(c, me);
        push_quota_give(&push_server.quota, me->login->seat);
    }
    push_quota_give(&push_server.quota, me->seat);
    me->seat = NULL;
    app_leave(me->app, me);
    push_count(
        &push_app_traffic(me->app, push_loop_index(push_conn_loop(c)))->closed,
        1);
    free(me->login);
    me->login = NULL;
    me->app = NULL;
}

void push_client_terminate(push_subscriber_t *client, apr_int64_t unused)
{
    push_client_t *me = (push_client_t *)(void *)client;
    push_conn_t *c = push_conn_of(me);
    const char *why = "Terminated by the application";

    (void)unused;
    if (push_conn_state(c) != PUSH_CONN_OPEN) {
        return;
    }
    push_client_send(c, me, pusher_error(PUSHER_UNAUTHORIZED, NULL, why));
    push_conn_close(c, PUSHER_UNAUTHORIZED, why);
}

/* Be counted where new settings count, as if one came now; over a limit, too:
 * nobody is sent away. */
static void catch_up(push_conn_t *c, push_client_t *me)
{
    if (!me->app->conf->user_authentication && !me->placed) {
        __atomic_add_fetch(&me->app->places, 1, __ATOMIC_RELAXED);
        me->placed = 1;
    }
    if (me->login != NULL && !me->login->online) {
        push_client_online(c, me);
    }
}

void push_client_review(push_conn_t *c, void *baton)
{
    push_client_t *me = push_conn_client(c);

    (void)baton;
    if (me->app == NULL) {
        return;
    }
    if (me->app->removed) {
        refuse(c, me, PUSHER_NO_APP, "Application does not exist");
    }
    else if (!me->app->conf->enabled) {
        refuse(c, me, PUSHER_APP_DISABLED, "Application disabled");
    }
    else {
        catch_up(c, me);
        push_conn_look(c);
    }
}

/* --- signs of life --- */

/* The second in which `wait` seconds since another one have passed. Times are
 * read without their fraction, so this is never early and at most one late. */
static apr_uint32_t after(apr_uint32_t second, apr_uint32_t wait)
{
    return second + wait + 1;
}

/* An app may demand that every connection proves who it is for: until when. 0:
 * it does not, or the connection has. */
static apr_uint32_t authorized_until(const push_client_t *me)
{
    apr_uint32_t ms = (apr_uint32_t)push_server.conf->auth_timeout;
    apr_uint32_t since = me->opened;

    if (!me->app->conf->user_authentication || me->authorized) {
        return 0;
    }
    /* Who was here before the app asked for it has as much time. */
    since = me->app->demands > since ? me->app->demands : since;
    return after(since, (ms + 999) / 1000);
}

/* Nothing came in since the ping. Protocol 4 knows no pusher:ping, so its
 * clients may have had nothing that they could answer. */
static void pong_missed(push_conn_t *c, push_client_t *me)
{
    if (me->protocol >= 5) {
        refuse(c, me, PUSHER_NO_PONG, "Pong reply not received");
    }
    else {
        refuse(c, me, PUSHER_INACTIVE, "Closed after inactivity");
    }
}

/* Ask for a sign of life, or act on having got none: whatever came in since the
 * ping is one, the transport counts every byte.
 * @return when to look again */
static apr_uint32_t liveness(push_conn_t *c, push_client_t *me,
                             apr_uint32_t now)
{
    apr_uint32_t silent = (apr_uint32_t)push_server.conf->activity_timeout;
    apr_uint32_t patience = (apr_uint32_t)push_server.conf->pong_timeout;
    apr_uint32_t heard = push_conn_heard(c);
    push_frame_t *ping;

    if (me->pinged != 0 && heard < me->pinged) {
        if (now - me->pinged >= patience) {
            pong_missed(c, me);
        }
        return me->pinged + patience;
    }
    me->pinged = 0;
    if (now < after(heard, silent)) {
        return after(heard, silent);
    }
    ping = me->protocol >= 5 ? push_server.ping : push_server.ping_4;
    push_frame_retain(ping);
    push_client_send(c, me, ping);
    me->pinged = now;
    return now + patience;
}

apr_uint32_t push_client_sweep(push_conn_t *c, apr_uint32_t now)
{
    push_client_t *me = push_conn_client(c);
    const char *why = "Connection not authorized in time";
    apr_uint32_t until, next, person;

    if (me->app == NULL) {
        return now + 1;
    }
    person = push_person_sweep(c, me, now);
    until = authorized_until(me);
    if (until != 0 && now >= until) {
        push_client_send(c, me, pusher_error(PUSHER_UNAUTHORIZED, NULL, why));
        push_conn_close(c, PUSHER_UNAUTHORIZED, why);
        return now + 1;
    }
    next = liveness(c, me, now);
    next = until != 0 && until < next ? until : next;
    return person != 0 && person < next ? person : next;
}

static void ping(push_conn_t *c, push_client_t *me, const pusher_message_t *m)
{
    (void)m;
    push_frame_retain(push_server.pong);
    push_client_send(c, me, push_server.pong);
}

/* That it came is all it says. */
static void pong(push_conn_t *c, push_client_t *me, const pusher_message_t *m)
{
    (void)c;
    (void)me;
    (void)m;
}

/* --- client events --- */

/* The bytes a receiver will see: a string without its quotes and escapes. */
static apr_size_t payload_size(const scan_value_t *data)
{
    return data->type == SCAN_STRING ? data->size : data->len;
}

/* At most so many client events a second from one connection. */
static int within_rate(push_conn_t *c, push_client_t *me)
{
    return push_budget_spend(&me->events, me->app->conf->max_client_events, 1,
                             push_loop_seconds(push_conn_loop(c)));
}

/* So many client events, and as many subscribes, above the rate may be refused, and
 * each one within it takes back one: who goes on and on is sent away. Each has its own
 * count: 10,000 subscribes a minute may be had by everybody, and would take back what
 * 10 events a second have no time to. Fits push_client_t's `over`. */
#define PATIENCE 200

void push_client_within(push_client_t *me, push_limit_t limit)
{
    me->over[limit] -= me->over[limit] > 0;
}

void push_client_beyond(push_conn_t *c, push_client_t *me, push_limit_t limit,
                        const char *why)
{
    apr_byte_t *over = &me->over[limit];

    if (*over >= PATIENCE || ++*over == PATIENCE) {
        push_conn_close(c, PUSHER_CLIENT_EVENT, why);
    }
}

/* Why an event may not be sent; NULL when it may. `sub` is set to the sender's
 * subscription. */
static const char *event_refusal(push_conn_t *c, push_client_t *me,
                                 const pusher_message_t *m, push_name_t *name,
                                 push_subscription_t **sub, int *code,
                                 int *beyond)
{
    const chat_app_t *app = me->app->conf;
    chat_channel_t kind;
    const char *text;

    *code = PUSHER_CLIENT_EVENT;
    if (!app->client_events) {
        return "The app does not have client messaging enabled";
    }
    if (m->event.size > app->max_event_name) {
        return "The name of the client event is too long";
    }
    if (payload_size(&m->data) > app->max_event_payload) {
        return "The data of the client event is too large";
    }
    *code = PUSHER_UNAUTHORIZED;
    if (m->channel.type != SCAN_STRING) {
        return "Client event rejected - channel must be a string";
    }
    text = push_client_text(c, &m->channel);
    if (push_client_channel(&kind, text, m->channel.size,
                            app->max_channel_name) != CHAT_CHANNEL_OK ||
        kind.kind == CHAT_CHANNEL_PUBLIC) {
        return "Client event rejected - only supported on private and presence "
               "channels";
    }
    push_name_set(name, push_server.hubs, me->app, text, m->channel.size,
                  &kind);
    *sub = push_hub_find(push_server_hub(c), name, &me->hub);
    if (*sub == NULL) {
        return "Client event rejected - you are not subscribed to the channel";
    }
    *code = PUSHER_CLIENT_EVENT;
    if (push_hubs_behind(push_server.hubs)) {
        return "Earlier events are not delivered yet";
    }
    *beyond = !within_rate(c, me);
    if (*beyond) {
        return "The rate limit for sending client events exceeded the quota";
    }
    return NULL;
}

static void client_event(push_conn_t *c, push_client_t *me,
                         const pusher_message_t *m)
{
    push_event_t event = { NULL, 0, me->hub.number, 0 };
    push_subscription_t *sub = NULL;
    char socket_id[PUSH_SOCKET_ID_MAX];
    push_name_t name;
    const char *why;
    char *canonical;
    int code, beyond = 0;

    why = event_refusal(c, me, m, &name, &sub, &code, &beyond);
    if (why != NULL) {
        push_client_send(
            c, me,
            pusher_error(code,
                         m->channel.type == SCAN_STRING ? &m->channel : NULL,
                         why));
        if (beyond) {
            push_client_beyond(c, me, PUSH_LIMIT_EVENTS, why);
        }
        return;
    }
    push_client_within(me, PUSH_LIMIT_EVENTS);
    canonical = apr_pstrmemdup(push_loop_scratch(push_conn_loop(c)), name.name,
                               name.len);
    if (name.alias) {
        chat_channel_canonical(canonical, canonical, name.len);
        name.alias = 0;
    }
    name.name = canonical;
    event.frame = pusher_event(&m->event, canonical, name.len, &m->data,
                               sub->member ? &sub->member->user : NULL,
                               &event.name_at);
    push_hub_publish(push_server.hubs, push_server_hub(c), &name, &event);
    push_frame_release(event.frame);
    if (me->app->hooks != NULL) {
        push_client_socket_id(socket_id, me);
        push_webhook_client_event(me->app, name.name, name.len, &m->event,
                                  &m->data, socket_id,
                                  sub->member ? &sub->member->user : NULL);
    }
}

/* --- signing in --- */

/* The id becomes a channel's name, which stands in messages as it is. */
int push_client_user_id(const char *id, apr_size_t len)
{
    return len > 0 && len <= PUSH_USER_ID_MAX && chat_utf8_valid(id, len) &&
           chat_json_escaped(id, len) == len;
}

static char *keep(char **at, const char *text, apr_size_t len)
{
    char *to = *at;

    memcpy(to, text, len);
    *at += len;
    return to;
}

static push_login_t *login_create(const push_user_t *user)
{
    push_login_t *login = push_must(malloc(sizeof(*login) + user->id_len +
                                           user->json_len + user->info_len));
    char *at = (char *)(login + 1);

    memset(login, 0, sizeof(*login));
    login->user = *user;
    login->user.id = keep(&at, user->id, user->id_len);
    login->user.json = keep(&at, user->json, user->json_len);
    login->user.info = keep(&at, user->info, user->info_len);
    return login;
}

/* Onto one of the channels that are the user's, named by prefix and id. */
static void login_join(push_conn_t *c, push_client_t *me, const char *prefix)
{
    const push_user_t *user = &me->login->user;
    push_subscription_t *sub;
    push_name_t name;
    char *text = apr_pstrcat(
        push_loop_scratch(push_conn_loop(c)), prefix,
        apr_pstrmemdup(push_loop_scratch(push_conn_loop(c)), user->id,
                       user->id_len),
        NULL);

    push_name_set(&name, push_server.hubs, me->app, text, strlen(text), NULL);
    push_hub_join(push_server_hub(c), &name, &me->hub, NULL, 0, &sub);
}

/* Where all connections of a user are found, and where it gets its events:
 * who signs in need not subscribe, and misses nothing until it has. */
static void login_list(push_conn_t *c, push_client_t *me)
{
    login_join(c, me, PUSH_USER_CHANNEL);
    login_join(c, me, PUSH_USER_EVENTS);
}

static int same_user(const push_user_t *a, const push_user_t *b)
{
    return a->id_len == b->id_len && !memcmp(a->id, b->id, a->id_len);
}

/* Why somebody is not signed in; NULL when the user may be. */
static const char *signin_refusal(push_conn_t *c, push_client_t *me,
                                  const pusher_message_t *m,
                                  pusher_signin_t *in, push_user_t *user,
                                  scan_value_t *watchlist)
{
    char socket_id[PUSH_SOCKET_ID_MAX];
    const char *why = pusher_signin_read(in, &m->data);
    const char *auth, *text;
    char *scratch;

    if (why != NULL) {
        return why;
    }
    if (in->auth.type != SCAN_STRING || in->user_data.type != SCAN_STRING) {
        return "Connection not authorized: auth and user_data must be strings";
    }
    auth = push_client_text(c, &in->auth);
    text = push_client_text(c, &in->user_data);
    {
        const chat_piece_t pieces[] = { { socket_id, push_client_socket_id(
                                                         socket_id, me) },
                                        { "::user::", sizeof("::user::") - 1 },
                                        { text, in->user_data.size } };

        if (!push_app_auth(me->app, push_loop_index(push_conn_loop(c)), auth,
                           in->auth.size, pieces, COUNT(pieces))) {
            return "Connection not authorized: the signature is wrong";
        }
    }
    scratch = apr_palloc(push_loop_scratch(push_conn_loop(c)),
                         in->user_data.size + 1u);
    why = pusher_user_read(user, "id", text, in->user_data.size, scratch);
    if (why != NULL) {
        return why;
    }
    if (!push_client_user_id(user->id, user->id_len)) {
        return "the user id has characters that are not allowed";
    }
    why = me->app->conf->watchlist
              ? pusher_watchlist_read(watchlist, text, in->user_data.size)
              : NULL;
    if (why != NULL) {
        return why;
    }
    return me->login != NULL && !same_user(user, &me->login->user)
               ? "Connection is signed in as another user"
               : NULL;
}

/* The connection is the user's now; 0 when the user has the most it may. */
static int login_begin(push_conn_t *c, push_client_t *me,
                       const push_user_t *user)
{
    apr_int64_t max = me->app->conf->max_per_user;
    push_seat_t *seat = NULL;

    if (max >= 0) {
        seat = push_quota_take(&push_server.quota, me->app, PUSH_QUOTA_USER,
                               user->id, user->id_len, max);
        if (seat == NULL) {
            return 0;
        }
    }
    me->login = login_create(user);
    me->login->seat = seat;
    login_list(c, me);
    push_client_online(c, me);
    return 1;
}

static void signin(push_conn_t *c, push_client_t *me, const pusher_message_t *m)
{
    pusher_signin_t in;
    push_user_t user;
    scan_value_t watchlist = { .type = SCAN_ABSENT };
    const char *why = signin_refusal(c, me, m, &in, &user, &watchlist);
    int first = me->login == NULL;

    if (why != NULL) {
        push_client_send(c, me, pusher_error(PUSHER_UNAUTHORIZED, NULL, why));
        return;
    }
    if (first && !push_client_authorize(c, me)) {
        return;
    }
    if (first && !login_begin(c, me, &user)) {
        why = "User is over its connection quota";
        push_client_send(c, me, pusher_error(PUSHER_OVER_QUOTA, NULL, why));
        push_conn_close(c, PUSHER_OVER_QUOTA, why);
        return;
    }
    push_client_send(c, me, pusher_signed_in(&in.user_data));
    if (first) {
        push_client_watch(c, me, &watchlist);
    }
}

/* --- messages --- */

/* What a client may send; events that begin with client- besides. */
static const struct {
    const char *event;
    void (*handle)(push_conn_t *c, push_client_t *me,
                   const pusher_message_t *m);
} events[] = {
    { "pusher:ping", ping },
    { "pusher:subscribe", push_client_subscribe },
    { "pusher:unsubscribe", push_client_unsubscribe },
    { "pusher:pong", pong },
    { "pusher:signin", signin },
};

static int is_client_event(push_conn_t *c, const scan_value_t *event)
{
    static const char prefix[] = "client-";

    return event->size >= sizeof(prefix) - 1 &&
           !memcmp(push_client_text(c, event), prefix, sizeof(prefix) - 1);
}

static void handle(push_conn_t *c, push_client_t *me, const pusher_message_t *m)
{
    apr_size_t i;

    for (i = 0; i < COUNT(events); i++) {
        if (scan_is(&m->event, events[i].event)) {
            events[i].handle(c, me, m);
            return;
        }
    }
    if (is_client_event(c, &m->event)) {
        client_event(c, me, m);
        return;
    }
    push_client_send(c, me,
                     pusher_error(0, NULL,
                                  "Unknown event: clients may send pusher: "
                                  "messages and client- events"));
}

void push_client_message(push_conn_t *c, int opcode, char *data, apr_size_t len)
{
    push_client_t *me = push_conn_client(c);
    push_traffic_t *traffic;
    pusher_message_t m;
    const char *why;

    if (me->app == NULL) {
        return;
    }
    traffic = push_app_traffic(me->app, push_loop_index(push_conn_loop(c)));
    push_count(&traffic->messages_in, 1);
    push_count(&traffic->bytes_in, len);
    if (opcode != WS_TEXT) {
        push_conn_close(c, 1003, "Binary messages are not supported");
        return;
    }
    why = pusher_message_read(&m, data, len);
    if (why != NULL) {
        push_client_send(
            c, me,
            pusher_error(0, NULL,
                         apr_pstrcat(push_loop_scratch(push_conn_loop(c)),
                                     "Invalid message: ", why, NULL)));
        return;
    }
    handle(c, me, &m);
}
