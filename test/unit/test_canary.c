/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_canary.c - the canary comes back through every loop, and when one does
 * not turn it says which.
 *
 * The whole of chat-push but its listeners: real loops, hubs and the API.
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

#include "server.h"

#define LOOPS 2

static apr_pool_t *pool;
static push_conf_t conf;
static push_protocol_t proto;
static push_loop_t *loops[LOOPS];
static push_conns_t *conns[LOOPS];
static pthread_t threads[LOOPS];
static push_canary_t *canary;
static push_conn_t *mine; /* of the last answer() */

static void *run(void *loop)
{
    push_loop_run(loop);
    return NULL;
}

static int setup(void **state)
{
    static const char *const env[] = { NULL };
    json_t *root = json_object();
    const char *why;
    int i;

    (void)state;
    assert_int_equal(push_conf_read(&conf, root, env, &why, pool), APR_SUCCESS);
    json_decref(root);
    memset(&push_server, 0, sizeof(push_server));
    push_server.conf = &conf;
    push_server_protocol(&proto, &conf);
    for (i = 0; i < LOOPS; i++) {
        push_loop_create(&loops[i], i, pool);
        push_conns_create(&conns[i], loops[i], &proto, pool);
    }
    push_server.loops = loops;
    push_server.conns = conns;
    push_server.nloops = LOOPS;
    assert_int_equal(
        push_apps_create(&push_server.apps, &conf.apps, LOOPS, pool),
        APR_SUCCESS);
    assert_int_equal(
        push_hubs_create(&push_server.hubs, loops, LOOPS, 60, 0, pool),
        APR_SUCCESS);
    assert_int_equal(push_server_prepare(), APR_SUCCESS);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    push_frame_release(push_server.pong);
    push_frame_release(push_server.ping);
    push_frame_release(push_server.ping_4);
    return 0;
}

static void begin(int nrunning, apr_uint32_t period)
{
    int i;

    assert_int_equal(
        push_canary_create(&canary, loops, LOOPS, &proto, period, pool),
        APR_SUCCESS);
    push_server.canary = canary;
    for (i = 0; i < nrunning; i++) {
        pthread_create(&threads[i], NULL, run, loops[i]);
    }
    assert_int_equal(push_canary_start(canary), APR_SUCCESS);
}

static void finish(int nrunning)
{
    int i;

    push_canary_stop(canary);
    for (i = 0; i < nrunning; i++) {
        push_loop_stop(loops[i]);
        pthread_join(threads[i], NULL);
    }
    /* A loop that never ran has its tasks still; it is given the chance. */
    for (; i < LOOPS; i++) {
        push_loop_stop(loops[i]);
        push_loop_run(loops[i]);
    }
}

static void it_comes_back_through_every_loop_and_is_in_no_figure(void **state)
{
    push_canary_figures_t figures;
    char why[PUSH_CANARY_WHY];
    int i;

    (void)state;
    begin(LOOPS, 60000);
    assert_true(push_canary_well(canary, why));
    assert_string_equal(why, "");
    push_canary_figures(canary, &figures);
    assert_int_equal(figures.rounds, 1);
    assert_int_equal(figures.failures, 0);
    assert_true(figures.micros > 0);
    assert_int_equal(push_hubs_count(push_server.hubs), 0);
    assert_int_equal(push_hub_subscriptions(push_server.hubs), 0);
    for (i = 0; i < LOOPS; i++) {
        assert_int_equal(
            push_counter_get(&push_conns_counters(conns[i])->accepts), 0);
    }
    assert_int_equal(push_apps_at(push_server.apps, 0)->connections, 0);
    finish(LOOPS);
}

static void rounds_follow_each_other(void **state)
{
    push_canary_figures_t figures;
    char why[PUSH_CANARY_WHY];

    (void)state;
    begin(LOOPS, 300);
    do {
        usleep(10000);
        push_canary_figures(canary, &figures);
    } while (figures.rounds < 4);
    push_canary_well(canary, why);
    finish(LOOPS);
}

static void a_loop_that_does_not_turn_is_named(void **state)
{
    push_canary_figures_t figures;
    char why[PUSH_CANARY_WHY];

    (void)state;
    begin(1, 200);
    assert_false(push_canary_well(canary, why));
    assert_memory_equal(why, "loop 1 d", 8); /* which of two, the machine decides */
    /* On a slow machine the first rounds end before the loop's silence is told. */
    do {
        usleep(10000);
        push_canary_figures(canary, &figures);
        assert_false(push_canary_well(canary, why));
    } while (figures.rounds < 3 ||
             (strcmp(why, "loop 1 does not turn") != 0 && figures.rounds < 300));
    assert_string_equal(why, "loop 1 does not turn");
    push_canary_figures(canary, &figures);
    assert_int_equal(figures.failures, figures.rounds);
    finish(1);
}

/* What a loop answers to a client. */
static const char *answer(char *buf, apr_size_t size, const char *request)
{
    struct timeval limit = { 10, 0 };
    int ends[2];
    ssize_t n;

    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
    setsockopt(ends[1], SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
    mine = push_conn_accept(conns[0], ends[0], request, strlen(request));
    n = read(ends[1], buf, size - 1);
    assert_true(n > 0);
    buf[n] = '\0';
    close(ends[1]);
    return buf;
}

static void nobody_else_can_name_its_app(void **state)
{
    static const char ask[] = "GET /apps/canary/channels HTTP/1.1\r\n"
                              "Host: x\r\n\r\n";
    char buf[1000];

    (void)state;
    begin(LOOPS, 60000);
    finish(LOOPS);
    assert_non_null(strstr(answer(buf, sizeof(buf), ask), "HTTP/1.1 404 "));
    assert_null(push_canary_apps(canary, mine));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(
            it_comes_back_through_every_loop_and_is_in_no_figure, setup,
            teardown),
        cmocka_unit_test_setup_teardown(rounds_follow_each_other, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(a_loop_that_does_not_turn_is_named,
                                        setup, teardown),
        cmocka_unit_test_setup_teardown(nobody_else_can_name_its_app, setup,
                                        teardown),
    };
    int failed;

    apr_initialize();
    apr_pool_create(&pool, NULL);
    failed = cmocka_run_group_tests(tests, NULL, NULL);
    apr_pool_destroy(pool);
    apr_terminate();
    return failed;
}
