/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_drain.c - clients leave evenly, and a request under way is waited for.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <pthread.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>
#include <apr_general.h>

#include "drain.h"

#define CLIENTS 40

static apr_pool_t *pool;

static void on_request(push_conn_t *c, const http_head_t *head, char *body,
                       apr_size_t len)
{
    if (http_span_is(&head->path, "/ws")) {
        push_conn_upgrade(c, head, 0);
    }
    else {
        push_conn_reply(c, head, 200, NULL, NULL, body, len);
    }
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
    (void)c;
    (void)why;
    assert_int_equal(code, 4200);
}

static const push_protocol_t proto = { .max_body = 1000,
                                       .max_message = 1000,
                                       .max_queue = 100000,
                                       .http_idle = 60,
                                       .request = on_request,
                                       .message = on_message,
                                       .sweep = on_sweep,
                                       .closed = on_closed };

static void *run(void *loop)
{
    push_loop_run(loop);
    return NULL;
}

/* A connected pair: one end the loop's, whose other end gets `head` sent. */
static int visitor(push_conns_t *conns, const char *head)
{
    struct timeval limit = { 10, 0 };
    int ends[2];

    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
    setsockopt(ends[1], SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
    assert_non_null(push_conn_accept(conns, ends[0], head, strlen(head)));
    return ends[1];
}

static void what_may_be_left_falls_evenly(void **state)
{
    (void)state;
    assert_int_equal(push_drain_left(10000, 0, 30000), 10000);
    assert_int_equal(push_drain_left(10000, 3000, 30000), 9000);
    assert_int_equal(push_drain_left(10000, 29999, 30000), 0);
    assert_int_equal(push_drain_left(10000, 30000, 30000), 0);
    assert_int_equal(push_drain_left(10000, 0, 0), 0);
    assert_int_equal(push_drain_left(0, 10, 1000), 0);
    assert_int_equal(push_drain_left(3, 1, 1000), 2); /* no rest at the end */
}

static void wait_for(push_conns_t *conns, apr_size_t n)
{
    while (push_conns_count(conns, PUSH_CONN_OPEN) != n) {
        usleep(1000);
    }
}

static void a_loop_closes_its_share_and_waits_for_requests(void **state)
{
    static const char upgrade[] = "GET /ws HTTP/1.1\r\nHost: x\r\n"
                                  "Upgrade: websocket\r\nConnection: Upgrade\r\n"
                                  "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
                                  "Sec-WebSocket-Version: 13\r\n\r\n";
    static const char half[] = "POST / HTTP/1.1\r\nHost: x\r\n"
                               "Content-Length: 4\r\n\r\nbo";
    push_conns_t *conns;
    push_loop_t *loop;
    push_drain_t *d;
    pthread_t thread;
    char buf[1000];
    int fds[CLIENTS];
    int i, http;

    (void)state;
    assert_int_equal(push_loop_create(&loop, 0, pool), APR_SUCCESS);
    assert_int_equal(push_conns_create(&conns, loop, &proto, pool),
                     APR_SUCCESS);
    for (i = 0; i < CLIENTS; i++) {
        fds[i] = visitor(conns, upgrade);
    }
    http = visitor(conns, half);
    pthread_create(&thread, NULL, run, loop);
    push_drain_begin(&d, &conns, 1, 1000, pool);
    push_drain_step(d, 250);
    wait_for(conns, CLIENTS * 3 / 4);
    push_drain_step(d, 500);
    wait_for(conns, CLIENTS / 2);
    assert_false(push_drain_done(d));
    push_drain_step(d, 1000);
    wait_for(conns, 0);
    for (i = 0; i < CLIENTS; i++) {
        close(fds[i]);
    }
    while (push_conns_count(conns, PUSH_CONN_CLOSING) > 0) {
        usleep(1000);
    }
    push_drain_step(d, 1000);
    assert_false(push_drain_done(d)); /* a request is not whole */
    assert_int_equal(write(http, "dy", 2), 2);
    memset(buf, 0, sizeof(buf));
    for (i = 0; strstr(buf, "body") == NULL;) {
        ssize_t n = read(http, buf + i, sizeof(buf) - 1 - (apr_size_t)i);

        assert_true(n > 0);
        i += (int)n;
    }
    assert_non_null(strstr(buf, "Connection: close\r\n"));
    close(http);
    while (!push_drain_done(d)) {
        push_drain_step(d, 1000);
        usleep(1000);
    }
    push_loop_stop(loop);
    pthread_join(thread, NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_may_be_left_falls_evenly),
        cmocka_unit_test(a_loop_closes_its_share_and_waits_for_requests),
    };
    int failed;

    apr_initialize();
    apr_pool_create(&pool, NULL);
    failed = cmocka_run_group_tests(tests, NULL, NULL);
    apr_pool_destroy(pool);
    apr_terminate();
    return failed;
}
