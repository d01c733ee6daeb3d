/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_hub.c - channels and who listens, with real connections.
 *
 * A loop that has been stopped still does what is posted to it when it is run
 * again, and no more. So the test's own thread runs the loops step by step:
 * nothing happens at once with anything else, and what a client got is what is
 * in its socket.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include <apr_general.h>

#include "hub.h"
#include "pusher.h"

#define LOOPS 2
#define CLIENTS 48 /* enough on each loop for batches of sends */
#define QUEUE 100000000 /* bytes that may wait, unless a test wants less */

#define UPGRADE                                                                \
    "GET /app/k HTTP/1.1\r\nHost: h\r\nUpgrade: websocket\r\n"                 \
    "Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"                     \
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
#define DEFLATE "Sec-WebSocket-Extensions: permessage-deflate"

/* A third of the peers compresses, a third does with a small window. */
static const char *const upgrades[] = {
    UPGRADE "\r\n", UPGRADE DEFLATE "\r\n\r\n",
    UPGRADE DEFLATE "; server_max_window_bits=9\r\n\r\n"
};
#define KIND(i) ((i) / LOOPS % 3) /* of a peer, an index of upgrades */

/* A client and the far end of its socket. */
typedef struct {
    push_conn_t *conn;
    push_subscriber_t *sub;
    int fd;
    int loop;
} peer_t;

static apr_pool_t *pool;
static chat_app_t conf; /* of the app; a test may change it */
static push_loop_t *loops[LOOPS];
static push_conns_t *conns[LOOPS];
static push_hubs_t *hubs;
static push_app_t *app;
static push_conn_t *accepted; /* by the last request */
static peer_t peers[CLIENTS];
static int batched; /* sends may go out in batches */

static void on_request(push_conn_t *c, const http_head_t *head, char *body,
                       apr_size_t len)
{
    (void)body;
    (void)len;
    assert_true(push_conn_upgrade(c, head, 1));
    accepted = c;
}

static void on_message(push_conn_t *c, int opcode, char *data, apr_size_t len)
{
    (void)c;
    (void)opcode;
    (void)data;
    (void)len;
}

static apr_uint32_t on_sweep(push_conn_t *c, apr_uint32_t now)
{
    (void)c;
    return now + 1;
}

static void on_closed(push_conn_t *c, push_end_t why, int code)
{
    (void)why;
    (void)code;
    push_hub_leave_all(push_hub_of(hubs, push_loop_index(push_conn_loop(c))),
                       push_conn_client(c));
}

static push_protocol_t protocol = { .client_size = sizeof(
                                              push_subscriber_t),
                                          .max_body = 1000,
                                          .max_message = 1000,
                                          .max_queue = QUEUE,
                                          .http_idle = 60,
                                          .request = on_request,
                                          .message = on_message,
                                          .sweep = on_sweep,
                                          .closed = on_closed };

/* Let a loop do what is posted to it. */
static void turn(int i)
{
    push_loop_stop(loops[i]);
    push_loop_run(loops[i]);
}

static void turns(void)
{
    int i;

    for (i = 0; i < LOOPS; i++) {
        turn(i);
        turn(i);
    }
}

/* What has come to a peer since the last look: a count of messages; the last
 * one's text in `last`. */
static char last[65536];
static int last_packed; /* it was compressed */

static void take(const unsigned char *data, size_t len, int packed)
{
    static push_deflate_t unpacker;
    apr_size_t n = len;
    char *text = (char *)data;

    if (packed) {
        assert_int_equal(push_deflate_unpack(&unpacker, WS_TEXT, &text, &n,
                                             data, len, sizeof(last) - 1),
                         WS_DONE);
    }
    memcpy(last, text, n);
    last[n] = '\0';
    last_packed = packed;
    push_deflate_clear(&unpacker);
}

static int received(peer_t *p)
{
    static unsigned char buf[1 << 20];
    ssize_t n = recv(p->fd, buf, sizeof(buf), MSG_DONTWAIT);
    ssize_t at = 0;
    int messages = 0;

    while (at < n) {
        int packed = (buf[at] & 0x40) != 0;
        size_t len = buf[at + 1];

        at += 2;
        if (len == 126) {
            len = (size_t)buf[at] * 256 + buf[at + 1];
            at += 2;
        }
        take(buf + at, len, packed);
        at += (ssize_t)len;
        messages++;
    }
    return messages;
}

static void connect_peers(void)
{
    char answer[1024];
    int pair[2];
    int i;

    for (i = 0; i < CLIENTS; i++) {
        peer_t *p = &peers[i];

        assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
        fcntl(pair[0], F_SETFL, O_NONBLOCK);
        p->loop = i % LOOPS;
        p->fd = pair[1];
        accepted = NULL;
        assert_non_null(push_conn_accept(conns[p->loop], pair[0],
                                         upgrades[KIND(i)],
                                         strlen(upgrades[KIND(i)])));
        turn(p->loop);
        turn(p->loop);
        assert_non_null(accepted);
        p->conn = accepted;
        p->sub = push_conn_client(accepted);
        p->sub->number = push_conn_id(accepted) * LOOPS + (apr_uint64_t)p->loop;
        assert_true(recv(p->fd, answer, sizeof(answer), 0) > 12);
    }
}

static int hubs_setup(void **state)
{
    static const char *const secrets[] = { "secret", NULL };
    static chat_apps_t list = { &conf, 1 };
    push_apps_t *apps;
    int i;

    (void)state;
    memset(&conf, 0, sizeof(conf));
    conf.id = "1";
    conf.key = "k";
    conf.secrets = secrets;
    protocol.max_queue = QUEUE;
    apr_pool_create(&pool, NULL);
    for (i = 0; i < LOOPS; i++) {
        assert_int_equal(push_loop_create(&loops[i], i, pool), APR_SUCCESS);
        assert_int_equal(
            push_conns_create(&conns[i], loops[i], &protocol, pool),
            APR_SUCCESS);
        if (batched) {
            push_conns_batch_open(conns[i], pool);
        }
    }
    assert_int_equal(push_apps_create(&apps, &list, LOOPS, pool), APR_SUCCESS);
    app = push_apps_at(apps, 0);
    assert_int_equal(push_hubs_create(&hubs, loops, LOOPS, 1800, 1, pool),
                     APR_SUCCESS);
    connect_peers();
    return 0;
}

static int hubs_teardown(void **state)
{
    int i;

    (void)state;
    for (i = 0; i < CLIENTS; i++) {
        if (peers[i].conn != NULL) {
            push_conn_kill(peers[i].conn, PUSH_END_US);
        }
        close(peers[i].fd);
    }
    turns();
    assert_int_equal(push_hubs_count(hubs), 0);
    apr_pool_destroy(pool);
    return 0;
}

static push_name_t name_of(const char *text)
{
    push_name_t name;
    chat_channel_t kind;

    push_name_set(&name, hubs, app, text, strlen(text),
                  chat_channel_parse(&kind, text, strlen(text), 164) ==
                          CHAT_CHANNEL_OK
                      ? &kind
                      : NULL);
    return name;
}

static push_subscription_t *join(int i, const char *channel)
{
    push_name_t name = name_of(channel);
    push_subscription_t *sub = NULL;

    assert_int_equal(push_hub_join(push_hub_of(hubs, peers[i].loop), &name,
                                   peers[i].sub, NULL, 0, &sub),
                     PUSH_JOIN_OK);
    return sub;
}

static push_join_t join_as(int i, const char *channel, const char *user,
                           apr_size_t max)
{
    push_name_t name = name_of(channel);
    push_user_t who = { user, strlen(user), user, strlen(user), "{}", 2 };
    push_subscription_t *sub = NULL;

    return push_hub_join(push_hub_of(hubs, peers[i].loop), &name, peers[i].sub,
                         &who, max, &sub);
}

static int leave(int i, const char *channel)
{
    push_name_t name = name_of(channel);

    return push_hub_leave(push_hub_of(hubs, peers[i].loop), &name,
                          peers[i].sub);
}

/* From loop `from`, or from a thread of its own when negative. */
static void publish(int from, const char *channel, const char *data,
                    apr_uint64_t except)
{
    push_name_t name = name_of(channel);
    push_event_t event = { NULL, 0, except, 1 };

    event.frame = pusher_event_text("e", channel, data, strlen(data),
                                    &event.name_at);
    push_hub_publish(hubs, from < 0 ? NULL : push_hub_of(hubs, from), &name,
                     &event);
    push_frame_release(event.frame);
}

static void an_event_reaches_every_subscriber_of_every_loop_once(void **state)
{
    int i;

    (void)state;
    for (i = 0; i < CLIENTS; i++) {
        join(i, i < 10 ? "a" : "b");
    }
    publish(0, "a", "x", 0);
    publish(1, "a", "y", 0);
    publish(-1, "a", "z", 0);
    turns();
    for (i = 0; i < CLIENTS; i++) {
        assert_int_equal(received(&peers[i]), i < 10 ? 3 : 0);
    }
    publish(-1, "nobody", "x", 0);
    turns();
}

static void who_compresses_hears_the_same(void **state)
{
    char data[2001];
    int i, from;

    (void)state;
    memset(data, 'x', sizeof(data) - 1);
    data[sizeof(data) - 1] = '\0';
    for (i = 0; i < CLIENTS; i++) {
        join(i, i % 4 < 2 ? "private-a" : "private.a");
    }
    for (from = -1; from < LOOPS; from++) {
        data[0] = (char)('a' + from + 1);
        publish(from, "private-a", data, 0);
        turns();
        for (i = 0; i < CLIENTS; i++) {
            assert_int_equal(received(&peers[i]), 1);
            assert_non_null(strstr(last, data));
            assert_non_null(strstr(last, i % 4 < 2 ? "\"private-a\""
                                                   : "\"private.a\""));
            assert_int_equal(last_packed, KIND(i) != 0);
        }
    }
}

/* Read what is there; it must be one frame again and again, of which `had`
 * bytes came before. @return bytes read */
static size_t read_repeated(peer_t *p, const push_frame_t *f, size_t had)
{
    static unsigned char buf[1 << 20];
    ssize_t n = recv(p->fd, buf, sizeof(buf), MSG_DONTWAIT);
    ssize_t i;

    for (i = 0; i < n; i++) {
        if (buf[i] != f->data[(had + (size_t)i) % f->len]) {
            fail_msg("byte %zu is wrong", had + (size_t)i);
        }
    }
    return n > 0 ? (size_t)n : 0;
}

/* Who is left out, who uses the other name and who reads slowly: each gets what
 * is for it, in a large channel too. */
static void a_large_channel_is_served_like_a_small_one(void **state)
{
    static char data[30000];
    static size_t had[CLIENTS];
    push_frame_t *frames[2];
    apr_uint32_t name_at;
    size_t missing = 0;
    int i, round;

    (void)state;
    memset(data, 'd', sizeof(data) - 1);
    memset(had, 0, sizeof(had));
    frames[0] = pusher_event_text("e", "private.user.7", data, strlen(data),
                                  &name_at);
    frames[1] = pusher_event_text("e", "private-user.7", data, strlen(data),
                                  &name_at);
    for (i = 0; i < CLIENTS; i++) {
        join(i, i % 4 ? "private-user.7" : "private.user.7");
    }
    for (round = 0; round < 20; round++) { /* more than a socket holds */
        publish(round % 3 - 1, "private-user.7", data, peers[7].sub->number);
        turns();
        for (i = 0; i < CLIENTS; i += 3) { /* some of them read */
            if (KIND(i) == 0) {
                had[i] += read_repeated(&peers[i], frames[i % 4 > 0], had[i]);
            }
        }
    }
    for (i = 0; i < CLIENTS; i++) {
        if (KIND(i) > 0) { /* compressed, all of it fits */
            assert_int_equal(received(&peers[i]), i == 7 ? 0 : 20);
            continue;
        }
        had[i] += read_repeated(&peers[i], frames[i % 4 > 0], had[i]);
        if (i % 3 == 0 || i == 7) {
            assert_int_equal(had[i], i == 7 ? 0 : 20 * frames[i % 4 > 0]->len);
        }
        missing += i == 7 ? 0 : 20 * frames[i % 4 > 0]->len - had[i];
    }
    assert_true(missing > 0); /* it waits for their sockets, all of it */
    assert_int_equal(push_conns_queued(conns[0]) + push_conns_queued(conns[1]),
                     missing);
    push_frame_release(frames[0]);
    push_frame_release(frames[1]);
}

static void the_excluded_socket_gets_nothing(void **state)
{
    int i;

    (void)state;
    for (i = 0; i < 4; i++) {
        join(i, "a");
    }
    publish(0, "a", "x", peers[1].sub->number);
    publish(-1, "a", "x", peers[2].sub->number);
    turns();
    assert_int_equal(received(&peers[0]), 2);
    assert_int_equal(received(&peers[1]), 1);
    assert_int_equal(received(&peers[2]), 1);
    assert_int_equal(received(&peers[3]), 2);
}

static void events_of_one_publisher_arrive_in_order(void **state)
{
    char data[16];
    int i;

    (void)state;
    join(0, "a");
    join(1, "a");
    for (i = 0; i < 100; i++) {
        snprintf(data, sizeof(data), "n%d.", i);
        publish(i % 2 ? 0 : -1, "a", data, 0);
        if (i == 49) {
            turns();
        }
    }
    turns();
    assert_int_equal(received(&peers[1]), 100);
    assert_non_null(strstr(last, "n99."));
}

/* PHP opens a connection for each request, and each may end on another loop:
 * what is published there after the answer was overtaking what still waited to
 * be delivered, one event in some hundreds under load. */
static void an_answered_event_is_not_passed_by_the_next_on_another_loop(
    void **state)
{
    (void)state;
    join(0, "a");
    join(1, "a");
    publish(0, "a", "first", 0); /* to loop 1 by task */
    publish(1, "a", "second", 0);
    turns();
    assert_int_equal(received(&peers[0]), 2);
    assert_non_null(strstr(last, "second"));
    assert_int_equal(received(&peers[1]), 2);
    assert_non_null(strstr(last, "second"));
}

/* Who publishes through one loop does not feel that another one does not keep up. */
static void a_loop_with_too_much_before_it_is_behind_until_it_has_run(void **state)
{
    static char data[1000001];
    const int most = PUSH_HUB_WAITING_MOST / 1000000;
    int i;

    (void)state;
    memset(data, 'x', sizeof(data) - 1);
    join(1, "a"); /* on loop 1 */
    for (i = 0; i < most; i++) {
        publish(0, "a", data, 0);
    }
    assert_false(push_hubs_behind(hubs));
    publish(0, "a", data, 0);
    publish(0, "a", data, 0);
    assert_true(push_hubs_behind(hubs));
    turn(0);
    assert_true(push_hubs_behind(hubs));
    push_conn_kill(peers[1].conn, PUSH_END_US); /* nobody reads all that */
    turn(1);
    peers[1].conn = NULL;
    assert_false(push_hubs_behind(hubs));
}

static void joining_again_changes_nothing(void **state)
{
    push_name_t name = name_of("a");
    push_subscription_t *first, *again = NULL;
    push_channel_info_t info;

    (void)state;
    first = join(0, "a");
    assert_int_equal(push_hub_join(push_hub_of(hubs, 0), &name, peers[0].sub,
                                   NULL, 0, &again),
                     PUSH_JOIN_AGAIN);
    assert_ptr_equal(first, again);
    push_hub_info(hubs, &name, &info);
    assert_int_equal(info.subscriptions, 1);
    assert_true(leave(0, "a"));
    assert_false(leave(0, "a"));
    push_hub_info(hubs, &name, &info);
    assert_int_equal(info.subscriptions, 0);
    publish(0, "a", "x", 0);
    turns();
    assert_int_equal(received(&peers[0]), 0);
}

/* A model says who is where; the hub must agree after every step. */
static void any_order_of_joins_and_leaves_keeps_the_books(void **state)
{
    enum { CHANNELS = 60 };
    static unsigned char model[CLIENTS][CHANNELS];
    unsigned seed = 7;
    char channel[16];
    int i, c, step, n;

    (void)state;
    memset(model, 0, sizeof(model));
    for (step = 0; step < 30000; step++) {
        seed = seed * 1103515245u + 12345u;
        i = (int)((seed >> 8) % CLIENTS);
        c = (int)((seed >> 16) % CHANNELS);
        snprintf(channel, sizeof(channel), "c%d", c);
        if (model[i][c]) {
            assert_true(leave(i, channel));
        }
        else {
            join(i, channel);
        }
        model[i][c] ^= 1;
    }
    for (c = 0; c < CHANNELS; c++) {
        push_channel_info_t info;
        push_name_t name;

        snprintf(channel, sizeof(channel), "c%d", c);
        name = name_of(channel);
        for (i = 0, n = 0; i < CLIENTS; i++) {
            n += model[i][c];
            assert_int_equal(push_hub_find(push_hub_of(hubs, peers[i].loop),
                                           &name, peers[i].sub) != NULL,
                             model[i][c]);
        }
        push_hub_info(hubs, &name, &info);
        assert_int_equal(info.subscriptions, n);
        publish(c % 2, channel, "x", 0);
    }
    turns();
    for (i = 0; i < CLIENTS; i++) {
        for (c = 0, n = 0; c < CHANNELS; c++) {
            n += model[i][c];
        }
        assert_int_equal(peers[i].sub->subs.n, n);
        assert_int_equal(received(&peers[i]), n);
    }
}

static void
only_the_first_and_the_last_connection_of_a_user_are_news(void **state)
{
    (void)state;
    assert_int_equal(join_as(0, "presence-a", "1", 10), PUSH_JOIN_OK);
    assert_int_equal(join_as(1, "presence-a", "2", 10), PUSH_JOIN_OK);
    assert_int_equal(join_as(2, "presence-a", "2", 10), PUSH_JOIN_OK);
    turns();
    assert_int_equal(received(&peers[0]), 1);
    assert_non_null(strstr(last, "member_added"));
    assert_int_equal(received(&peers[1]), 0); /* not its own */
    assert_int_equal(received(&peers[2]), 0);
    assert_true(leave(1, "presence-a"));
    turns();
    assert_int_equal(received(&peers[0]), 0);
    assert_true(leave(2, "presence-a"));
    turns();
    assert_int_equal(received(&peers[0]), 1);
    assert_non_null(strstr(last, "member_removed"));
    assert_int_equal(received(&peers[1]), 0);
}

/* The news of a member is on its way to us when we join: the list has it, so
 * we must not hear it again. */
static void a_newcomer_hears_only_what_its_list_does_not_have(void **state)
{
    push_text_t members = { NULL, 0, 0 };
    push_subscription_t *sub;
    push_name_t name = name_of("presence-a");

    (void)state;
    assert_int_equal(join_as(0, "presence-a", "1", 10), PUSH_JOIN_OK);
    assert_int_equal(join_as(1, "presence-a", "2", 10), PUSH_JOIN_OK);
    assert_int_equal(join_as(2, "presence-a", "3", 10), PUSH_JOIN_OK);
    sub = push_hub_find(push_hub_of(hubs, 0), &name, peers[2].sub);
    push_hub_members(push_hub_of(hubs, 0), sub, 0, &members);
    assert_int_equal(strncmp(members.at, "{\"presence\":{\"count\":3,", 23), 0);
    push_text_free(&members);
    assert_int_equal(join_as(3, "presence-a", "4", 10), PUSH_JOIN_OK);
    turns();
    assert_int_equal(received(&peers[0]), 3);
    assert_int_equal(received(&peers[1]), 2);
    assert_int_equal(received(&peers[2]), 1);
    assert_int_equal(received(&peers[3]), 0);
}

/* Asking again for the members must not hide what is on its way. */
static void joining_again_misses_no_event(void **state)
{
    push_text_t members = { NULL, 0, 0 };
    push_subscription_t *sub;
    push_name_t name = name_of("presence-cache-a");

    (void)state;
    assert_int_equal(join_as(0, "presence-cache-a", "1", 10), PUSH_JOIN_OK);
    sub = push_hub_find(push_hub_of(hubs, 0), &name, peers[0].sub);
    push_hub_members(push_hub_of(hubs, 0), sub, 0, &members);
    publish(-1, "presence-cache-a", "on its way", 0);
    assert_int_equal(join_as(0, "presence-cache-a", "1", 10), PUSH_JOIN_AGAIN);
    push_hub_members(push_hub_of(hubs, 0), sub, 1, &members);
    push_text_free(&members);
    turns();
    assert_int_equal(received(&peers[0]), 1);
    assert_non_null(strstr(last, "on its way"));
}

/* Numbers are the shard's: a quiet channel may be thousands of millions behind
 * when its next event comes. */
static void a_channel_may_be_quiet_for_billions_of_events(void **state)
{
    push_subscription_t *sub;

    (void)state;
    sub = join(0, "cache-a");
    sub->after -= 0x80000005u;
    publish(-1, "cache-a", "at last", 0);
    turns();
    assert_int_equal(received(&peers[0]), 1);
    sub->after += 0x80000005u;
    publish(-1, "cache-a", "and again", 0);
    turns();
    assert_int_equal(received(&peers[0]), 1);
}

static void a_full_channel_refuses_users_but_not_connections(void **state)
{
    (void)state;
    assert_int_equal(join_as(0, "presence-a", "1", 1), PUSH_JOIN_OK);
    assert_int_equal(join_as(1, "presence-a", "2", 1), PUSH_JOIN_FULL);
    assert_int_equal(join_as(1, "presence-a", "1", 1), PUSH_JOIN_OK);
    assert_int_equal(peers[1].sub->subs.n, 1);
    turns();
    assert_int_equal(received(&peers[0]), 0);
}

static int news; /* the last miss was one the app is to hear of */

static int cached_to(int loop, const push_name_t *name, int peer)
{
    return push_hub_send_cached(push_hub_of(hubs, loop), name, peers[peer].sub,
                                &news);
}

static void a_cache_channel_tells_the_last_event_to_whoever_joins(void **state)
{
    push_name_t name = name_of("cache-a");
    push_channel_info_t info;

    (void)state;
    publish(-1, "cache-a", "one", 0); /* nobody is there */
    publish(0, "cache-a", "two", 0);
    join(0, "cache-a");
    assert_true(cached_to(0, &name, 0));
    turns();
    assert_int_equal(received(&peers[0]), 1);
    assert_non_null(strstr(last, "two"));
    publish(1, "cache-a", "three", 0);
    join(1, "cache-a");
    assert_true(cached_to(1, &name, 1));
    turns();
    assert_int_equal(received(&peers[0]), 1);
    assert_int_equal(received(&peers[1]), 1); /* once, not also by delivery */
    push_hub_info(hubs, &name, &info);
    assert_non_null(info.cached);
    assert_true(info.cached_ttl > 1700);
    push_frame_release(info.cached);
    assert_true(leave(0, "cache-a"));
    assert_true(leave(1, "cache-a"));
    push_hub_info(hubs, &name, &info);
    assert_non_null(info.cached); /* outlives its subscribers */
    push_frame_release(info.cached);
    name = name_of("cache-b");
    join(2, "cache-b");
    assert_false(cached_to(0, &name, 2));
    assert_true(news);
    join(0, "cache-b");
    assert_false(cached_to(0, &name, 0));
    assert_false(news); /* once for many */
}

static void each_subscriber_hears_the_name_it_used(void **state)
{
    push_channel_info_t info;
    push_name_t name = name_of("private.user.7");

    (void)state;
    join(0, "private-user.7");
    join(1, "private.user.7");
    join(2, "private.user.7");
    publish(0, "private-user.7", "x", 0);
    turns();
    assert_int_equal(received(&peers[0]), 1);
    assert_non_null(strstr(last, "\"private-user.7\""));
    assert_int_equal(received(&peers[1]), 1);
    assert_non_null(strstr(last, "\"private.user.7\""));
    assert_int_equal(received(&peers[2]), 1);
    assert_non_null(strstr(last, "\"private.user.7\""));
    push_hub_info(hubs, &name, &info);
    assert_int_equal(info.subscriptions, 3);
    assert_true(leave(1, "private.user.7"));
}

/* Two names of one channel are two subscriptions to whoever uses both, in a
 * small channel and in one whose frames go out in batches. */
static void who_uses_both_names_hears_an_event_under_each(void **state)
{
    push_channel_info_t info;
    push_name_t name = name_of("private.user.7");
    int i, round;

    (void)state;
    for (round = 0; round < 2; round++) {
        for (i = round ? 2 : 0; i < (round ? CLIENTS : 2); i++) {
            join(i, "private-user.7");
            join(i, "private.user.7");
        }
        publish(0, "private-user.7", "x", 0);
        turns();
        for (i = 0; i < (round ? CLIENTS : 2); i++) {
            assert_int_equal(received(&peers[i]), 2);
            assert_non_null(strstr(last, "\"private.user.7\""));
        }
    }
    push_hub_info(hubs, &name, &info);
    assert_int_equal(info.subscriptions, CLIENTS);
    assert_true(leave(0, "private-user.7"));
    assert_false(leave(0, "private-user.7"));
    publish(-1, "private-user.7", "y", 0);
    turns();
    assert_int_equal(received(&peers[0]), 1);
    assert_non_null(strstr(last, "\"private.user.7\""));
    assert_true(leave(0, "private.user.7"));
    publish(-1, "private-user.7", "z", 0);
    turns();
    assert_int_equal(received(&peers[0]), 0);
    push_hub_info(hubs, &name, &info);
    assert_int_equal(info.subscriptions, CLIENTS - 1);
}

static void
what_was_missed_is_told_in_order_and_under_the_name_used(void **state)
{
    push_name_t name = name_of("private.user.7");

    (void)state;
    push_hub_backlog(hubs, app, "private-user.7", "e", "1", 1, 60);
    push_hub_backlog(hubs, app, "private-user.8", "e", "other", 5, 60);
    push_hub_backlog(hubs, app, "private-user.7", "e", "2", 1, 60);
    join(0, "private.user.7");
    push_hub_send_backlog(push_hub_of(hubs, 0), &name, peers[0].sub);
    turns();
    assert_int_equal(received(&peers[0]), 2);
    assert_non_null(strstr(last, "\"private.user.7\",\"data\":\"2\""));
}

/* More at once would end it as a slow reader, at every try. */
static void a_newcomer_is_told_the_newest_that_its_queue_can_take(void **state)
{
    push_name_t name = name_of("private-user.7");
    char data[500];
    int i;

    (void)state;
    protocol.max_queue = 4000;
    memset(data, 'x', sizeof(data));
    for (i = 0; i < 10; i++) {
        data[0] = (char)('0' + i);
        push_hub_backlog(hubs, app, "private-user.7", "e", data, sizeof(data),
                         60);
    }
    join(0, "private-user.7");
    push_hub_send_backlog(push_hub_of(hubs, 0), &name, peers[0].sub);
    turns();
    assert_int_equal(received(&peers[0]), 3);
    assert_non_null(strstr(last, "\"data\":\"9x"));
}

static int kept_for(int i, const char *channel)
{
    push_name_t name = name_of(channel);

    join(i, channel);
    push_hub_send_backlog(push_hub_of(hubs, peers[i].loop), &name,
                          peers[i].sub);
    return received(&peers[i]);
}

static void of_too_much_that_was_missed_the_oldest_give_way(void **state)
{
    static char data[1000000];
    int i;

    (void)state;
    memset(data, 'x', sizeof(data));
    push_hub_backlog(hubs, app, "private-user.1", "e", "1", 1, 60);
    push_hub_backlog(hubs, app, "private-user.2", "e", "2", 1, 60);
    for (i = 0; i < 60; i++) {
        push_hub_backlog(hubs, app, "private-user.3", "e", data, sizeof(data),
                         60);
    }
    assert_int_equal(kept_for(0, "private-user.1"), 1);
    for (i = 0; i < 10; i++) {
        push_hub_backlog(hubs, app, "private-user.3", "e", data, sizeof(data),
                         60);
    }
    push_hub_backlog(hubs, app, "private-user.1", "e", "3", 1, 60);
    assert_int_equal(kept_for(1, "private-user.2"), 0);
    assert_int_equal(kept_for(2, "private-user.1"), 1);
    assert_non_null(strstr(last, "\"data\":\"3\""));
}

static void subscriptions_are_counted_over_all_loops(void **state)
{
    (void)state;
    assert_int_equal(push_hub_subscriptions(hubs), 0);
    join(0, "a");
    join(1, "a");
    join(1, "b");
    assert_int_equal(push_hub_subscriptions(hubs), 3);
    leave(0, "a");
    assert_int_equal(push_hub_subscriptions(hubs), 2);
    push_hub_leave_all(push_hub_of(hubs, 1), peers[1].sub);
    assert_int_equal(push_hub_subscriptions(hubs), 0);
}

/* What a peer was told of a channel's count: how often; 0 for no message. */
static int counts_told(int i, apr_uint32_t *count)
{
    const char *at;
    int n = received(&peers[i]);

    *count = 0;
    if (n > 0) {
        assert_non_null(strstr(last, "pusher_internal:subscription_count"));
        at = strstr(last, "subscription_count\\\":");
        assert_non_null(at);
        *count = (apr_uint32_t)atoi(strchr(at, ':') + 1);
    }
    return n;
}

static void a_count_is_told_to_all_loops_at_each_change(void **state)
{
    push_name_t name = name_of("a");
    apr_uint32_t count;

    (void)state;
    conf.subscription_count = 1;
    join(0, "a");
    join(1, "a");
    join(2, "a");
    turns();
    /* Who joins is told by the answer, not by the event of it. */
    assert_int_equal(counts_told(0, &count), 2);
    assert_int_equal(count, 3);
    assert_int_equal(counts_told(1, &count), 1);
    assert_int_equal(count, 3);
    assert_int_equal(counts_told(2, &count), 0);
    push_hub_send_count(push_hub_of(hubs, 0), &name, peers[2].sub);
    assert_int_equal(counts_told(2, &count), 1);
    assert_int_equal(count, 3);
    leave(2, "a");
    push_hub_leave_all(push_hub_of(hubs, 0), peers[0].sub);
    turns();
    assert_int_equal(counts_told(1, &count), 2);
    assert_int_equal(count, 1);
    assert_int_equal(counts_told(0, &count), 0);
}

static void no_count_is_told_where_it_is_not_asked_for(void **state)
{
    push_name_t name = name_of("a");
    push_name_t presence = name_of("presence-a");
    apr_uint32_t count;

    (void)state;
    join(0, "a");
    join(1, "a");
    push_hub_send_count(push_hub_of(hubs, 0), &name, peers[0].sub);
    turns();
    assert_int_equal(counts_told(0, &count), 0);
    conf.subscription_count = 1;
    join_as(2, "presence-a", "\"1\"", 9);
    join_as(3, "presence-a", "\"1\"", 9);
    join(4, "#user-1");
    join(5, "#user-1");
    push_hub_send_count(push_hub_of(hubs, 0), &presence, peers[2].sub);
    turns();
    assert_int_equal(received(&peers[2]), 0);
    assert_int_equal(received(&peers[3]), 0);
    assert_int_equal(counts_told(4, &count), 0);
}

/* A cached event and a count are both numbered: neither hides the other. */
static void a_newcomer_of_a_cache_channel_hears_the_event_and_the_count(
    void **state)
{
    push_name_t name = name_of("cache-a");

    (void)state;
    conf.subscription_count = 1;
    join(1, "cache-a");
    publish(-1, "cache-a", "kept", 0);
    join(0, "cache-a");
    assert_true(cached_to(0, &name, 0));
    turns();
    assert_int_equal(received(&peers[0]), 1);
    assert_int_equal(received(&peers[1]), 2);
    assert_non_null(strstr(last, "subscription_count"));
}

static int watch(int i, const char *channel)
{
    push_name_t name = name_of(channel);

    return push_hub_watch(push_hub_of(hubs, peers[i].loop), &name,
                          peers[i].sub);
}

static void online(const char *channel, int by)
{
    push_name_t name = name_of(channel);

    push_hub_online(hubs, &name, by);
}

static void watchers_hear_the_first_and_the_last_connection_of_a_user(
    void **state)
{
    (void)state;
    assert_int_equal(watch(0, "#watch-7"), 0);
    assert_int_equal(watch(1, "#watch-7"), 0);
    assert_int_equal(watch(1, "#watch-7"), -1);
    assert_int_equal(watch(2, "#watch-8"), 0);
    online("#watch-7", 1);
    online("#watch-7", 1);
    turns();
    assert_int_equal(received(&peers[0]), 1);
    assert_int_equal(received(&peers[1]), 1);
    assert_non_null(strstr(last, "online\\\",\\\"user_ids\\\":[\\\"7\\\"]"));
    online("#watch-7", -1);
    turns();
    assert_int_equal(received(&peers[0]), 0);
    online("#watch-7", -1);
    turns();
    assert_int_equal(received(&peers[0]), 1);
    assert_int_equal(received(&peers[1]), 1);
    assert_non_null(strstr(last, "offline"));
    assert_int_equal(received(&peers[2]), 0);
}

/* What is still under way when somebody begins to watch is in the answer
 * already, and what happens afterwards is not. */
static void who_begins_to_watch_hears_each_change_once(void **state)
{
    (void)state;
    assert_int_equal(watch(0, "#watch-7"), 0);
    online("#watch-7", 1);
    assert_int_equal(watch(2, "#watch-7"), 1);
    assert_int_equal(watch(1, "#watch-7"), 1);
    turns();
    assert_int_equal(received(&peers[0]), 1);
    assert_int_equal(received(&peers[1]), 0);
    assert_int_equal(received(&peers[2]), 0);
    online("#watch-7", -1);
    turns();
    assert_int_equal(received(&peers[1]), 1);
    assert_int_equal(received(&peers[2]), 1);
}

static void a_user_nobody_watches_is_forgotten_with_its_last_connection(
    void **state)
{
    push_channel_info_t info;
    push_name_t name = name_of("#watch-7");

    (void)state;
    online("#watch-7", 1);
    assert_int_equal(watch(0, "#watch-7"), 1);
    leave(0, "#watch-7");
    assert_int_equal(watch(0, "#watch-7"), 1); /* it was not forgotten */
    leave(0, "#watch-7");
    online("#watch-7", -1);
    push_hub_info(hubs, &name, &info);
    assert_int_equal(info.subscriptions, 0);
    assert_int_equal(watch(0, "#watch-7"), 0);
}

static void the_servers_own_events_reach_either_name(void **state)
{
    (void)state;
    join(0, "private-user.7");
    join(1, "private.user.7");
    push_hub_event(hubs, app, "private.user.7", "e", "{\"a\":1}", 7);
    turns();
    assert_int_equal(received(&peers[0]), 1);
    assert_non_null(strstr(last, "\"private-user.7\""));
    assert_int_equal(received(&peers[1]), 1);
    assert_non_null(strstr(last, "\"private.user.7\""));
}

static int visited;

static void visit(push_subscriber_t *client, apr_int64_t value)
{
    (void)client;
    assert_int_equal(value, 42);
    visited++;
}

static void each_visits_the_subscribers_on_all_loops(void **state)
{
    push_name_t name = name_of("#user-7");

    (void)state;
    join(0, "#user-7");
    join(1, "#user-7");
    join(2, "#user-8");
    visited = 0;
    push_hub_each(hubs, &name, visit, 42);
    turns();
    assert_int_equal(visited, 2);
    assert_int_equal(push_hubs_count(hubs), 0); /* server names do not count */
}

/* Other threads publish while the loops run and clients come and go: for the
 * thread sanitizer more than for the counts. */
static void *run_publisher(void *unused)
{
    int i;

    for (i = 0; i < 2000; i++) {
        publish(-1, i % 3 ? "a" : "cache-a", "x", 0);
    }
    return unused;
}

static int churn_left[LOOPS];

static void churn(push_loop_t *loop, push_task_t *task)
{
    int n = push_loop_index(loop);
    int i;

    for (i = n; i < CLIENTS; i += LOOPS) {
        if (churn_left[n] % 2) {
            leave(i, "a");
            leave(i, "cache-a");
            leave(i, "presence-a");
        }
        else {
            join(i, "a");
            join(i, "cache-a");
            join_as(i, "presence-a", i % 3 ? "1" : "2", 10);
        }
    }
    if (--churn_left[n] > 0) {
        push_loop_post(loop, task);
        return;
    }
    free(task);
}

static void *run_churn(void *loop)
{
    while (churn_left[push_loop_index(loop)] > 0) {
        push_loop_run(loop);
    }
    return NULL;
}

static void threads_publish_while_clients_come_and_go(void **state)
{
    pthread_t publishers[2], threads[LOOPS];
    char junk[65536];
    int i;

    (void)state;
    for (i = 0; i < LOOPS; i++) {
        push_task_t *task = calloc(1, sizeof(*task));

        churn_left[i] = 200;
        task->run = churn;
        push_loop_post(loops[i], task);
        pthread_create(&threads[i], NULL, run_churn, loops[i]);
    }
    for (i = 0; i < 2; i++) {
        pthread_create(&publishers[i], NULL, run_publisher, NULL);
    }
    for (i = 0; i < 2; i++) {
        pthread_join(publishers[i], NULL);
    }
    for (i = 0; i < LOOPS; i++) {
        pthread_join(threads[i], NULL);
    }
    turns();
    for (i = 0; i < CLIENTS; i++) {
        while (recv(peers[i].fd, junk, sizeof(junk), MSG_DONTWAIT) > 0) {
        }
    }
}

#define HUB_TEST(f)                                                            \
    cmocka_unit_test_setup_teardown(f, hubs_setup, hubs_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        HUB_TEST(an_event_reaches_every_subscriber_of_every_loop_once),
        HUB_TEST(who_compresses_hears_the_same),
        HUB_TEST(the_excluded_socket_gets_nothing),
        HUB_TEST(a_large_channel_is_served_like_a_small_one),
        HUB_TEST(events_of_one_publisher_arrive_in_order),
        HUB_TEST(an_answered_event_is_not_passed_by_the_next_on_another_loop),
        HUB_TEST(a_loop_with_too_much_before_it_is_behind_until_it_has_run),
        HUB_TEST(joining_again_changes_nothing),
        HUB_TEST(any_order_of_joins_and_leaves_keeps_the_books),
        HUB_TEST(only_the_first_and_the_last_connection_of_a_user_are_news),
        HUB_TEST(a_newcomer_hears_only_what_its_list_does_not_have),
        HUB_TEST(joining_again_misses_no_event),
        HUB_TEST(a_channel_may_be_quiet_for_billions_of_events),
        HUB_TEST(a_full_channel_refuses_users_but_not_connections),
        HUB_TEST(a_cache_channel_tells_the_last_event_to_whoever_joins),
        HUB_TEST(each_subscriber_hears_the_name_it_used),
        HUB_TEST(who_uses_both_names_hears_an_event_under_each),
        HUB_TEST(what_was_missed_is_told_in_order_and_under_the_name_used),
        HUB_TEST(a_newcomer_is_told_the_newest_that_its_queue_can_take),
        HUB_TEST(of_too_much_that_was_missed_the_oldest_give_way),
        HUB_TEST(subscriptions_are_counted_over_all_loops),
        HUB_TEST(a_count_is_told_to_all_loops_at_each_change),
        HUB_TEST(no_count_is_told_where_it_is_not_asked_for),
        HUB_TEST(a_newcomer_of_a_cache_channel_hears_the_event_and_the_count),
        HUB_TEST(watchers_hear_the_first_and_the_last_connection_of_a_user),
        HUB_TEST(who_begins_to_watch_hears_each_change_once),
        HUB_TEST(a_user_nobody_watches_is_forgotten_with_its_last_connection),
        HUB_TEST(the_servers_own_events_reach_either_name),
        HUB_TEST(each_visits_the_subscribers_on_all_loops),
        HUB_TEST(threads_publish_while_clients_come_and_go),
    };
    int failed = 0;

    apr_initialize();
    for (batched = 0; batched < 2; batched++) {
        failed += cmocka_run_group_tests_name(
            batched ? "with batches" : "one by one", tests, NULL, NULL);
    }
    apr_terminate();
    return failed;
}
