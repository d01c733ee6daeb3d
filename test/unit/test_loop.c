/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_loop.c - tasks keep their order, events stop when told, idling is idle.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>
#include <apr_general.h>

#include "loop.h"

#define POSTERS 4
#define TASKS 20000

static apr_pool_t *pool;
static push_loop_t *loop;

typedef struct {
    push_task_t task;
    int poster;
    int number;
} counted_t;

static int next_of[POSTERS]; /* the number each poster's next task must have */
static int done;

static void counted_run(push_loop_t *l, push_task_t *task)
{
    counted_t *t = (counted_t *)task;

    if (t->number != next_of[t->poster]) {
        abort();
    }
    next_of[t->poster]++;
    free(t);
    if (++done == POSTERS * TASKS) {
        push_loop_stop(l);
    }
}

static void *post_many(void *baton)
{
    int poster = (int)(intptr_t)baton;
    counted_t *t;
    int i;

    for (i = 0; i < TASKS; i++) {
        t = calloc(1, sizeof(*t));
        t->task.run = counted_run;
        t->poster = poster;
        t->number = i;
        push_loop_post(loop, &t->task);
        if (i % 1000 == 0) {
            usleep(1000); /* let it fall asleep between */
        }
    }
    return NULL;
}

static void tasks_of_each_poster_run_once_and_in_order(void **state)
{
    pthread_t threads[POSTERS];
    int i;

    (void)state;
    assert_int_equal(push_loop_create(&loop, 0, pool), APR_SUCCESS);
    for (i = 0; i < POSTERS; i++) {
        pthread_create(&threads[i], NULL, post_many, (void *)(intptr_t)i);
    }
    push_loop_run(loop);
    for (i = 0; i < POSTERS; i++) {
        pthread_join(threads[i], NULL);
        assert_int_equal(next_of[i], TASKS);
    }
}

static void again_run(push_loop_t *l, push_task_t *task)
{
    if (++done < 5) {
        push_loop_post(l, task);
        return;
    }
    push_loop_stop(l);
}

static void a_task_may_post_to_its_own_loop(void **state)
{
    push_task_t task = { .run = again_run };

    (void)state;
    done = 0;
    push_loop_create(&loop, 0, pool);
    push_loop_post(loop, &task);
    push_loop_run(loop);
    assert_int_equal(done, 5);
}

static void a_stop_before_the_start_still_runs_what_was_posted(void **state)
{
    push_task_t task = { .run = again_run };

    (void)state;
    done = 4;
    push_loop_create(&loop, 0, pool);
    push_loop_post(loop, &task);
    push_loop_stop(loop);
    push_loop_run(loop);
    assert_int_equal(done, 5);
}

static push_watch_t watches[2];

/* Whichever is handled first removes both; both were in the same batch. */
static void first_ready(push_watch_t *w, apr_uint32_t events)
{
    (void)w;
    assert_true(events & EPOLLIN);
    done++;
    push_loop_unwatch(loop, &watches[0]);
    push_loop_unwatch(loop, &watches[1]);
    push_loop_stop(loop);
}

static void what_is_no_longer_watched_is_not_called(void **state)
{
    int a[2], b[2];

    (void)state;
    done = 0;
    push_loop_create(&loop, 0, pool);
    socketpair(AF_UNIX, SOCK_STREAM, 0, a);
    socketpair(AF_UNIX, SOCK_STREAM, 0, b);
    assert_int_equal(write(a[1], "x", 1), 1);
    assert_int_equal(write(b[1], "x", 1), 1);
    watches[0].fd = a[0];
    watches[1].fd = b[0];
    watches[0].ready = watches[1].ready = first_ready;
    push_loop_watch(loop, &watches[0], EPOLLIN);
    push_loop_watch(loop, &watches[1], EPOLLIN);
    push_loop_run(loop);
    assert_int_equal(done, 1);
    close(a[0]);
    close(a[1]);
    close(b[0]);
    close(b[1]);
}

static void mark_run(push_loop_t *l, push_task_t *task)
{
    (void)l;
    (void)task;
    assert_int_equal(done, 0);
    done = 1;
}

static void after_the_task(push_watch_t *w, apr_uint32_t events)
{
    (void)w;
    (void)events;
    assert_int_equal(done, 1);
    push_loop_unwatch(loop, &watches[0]);
    push_loop_stop(loop);
}

static push_task_t marking = { .run = mark_run };
static int both[2];

/* While this runs, somebody posts a task and then writes to a socket. */
static void meanwhile_run(push_loop_t *l, push_task_t *task)
{
    (void)task;
    push_loop_post(l, &marking);
    assert_int_equal(write(both[1], "x", 1), 1);
}

/* An event published through one loop came after the answer to a ping on another
 * that was sent when the publish had been answered. */
static void what_was_posted_before_a_byte_came_is_done_before_it(void **state)
{
    push_task_t task = { .run = meanwhile_run };

    (void)state;
    done = 0;
    push_loop_create(&loop, 0, pool);
    socketpair(AF_UNIX, SOCK_STREAM, 0, both);
    watches[0].fd = both[0];
    watches[0].ready = after_the_task;
    push_loop_watch(loop, &watches[0], EPOLLIN);
    push_loop_post(loop, &task);
    push_loop_run(loop);
    assert_int_equal(done, 1);
    close(both[0]);
    close(both[1]);
}

static int turns, ticks;

static void on_tick(push_loop_t *l, void *baton)
{
    (void)baton;
    if (++ticks == 2) {
        push_loop_stop(l);
    }
}

static void on_turn_end(push_loop_t *l, void *baton)
{
    (void)baton;
    turns++;
    assert_non_null(apr_palloc(push_loop_scratch(l), 100));
}

static void an_idle_loop_wakes_once_a_second(void **state)
{
    apr_uint64_t begin;

    (void)state;
    push_loop_create(&loop, 3, pool);
    push_loop_on_tick(loop, on_tick, NULL);
    push_loop_on_turn_end(loop, on_turn_end, NULL);
    begin = push_loop_millis(loop);
    push_loop_run(loop);
    assert_int_equal(ticks, 2);
    assert_true(turns <= 5); /* two ticks, the stop, and a wait cut short */
    assert_true(push_loop_millis(loop) - begin >= 1000); /* of the second */
    assert_int_equal(push_loop_index(loop), 3);
    assert_int_equal(push_loop_seconds(loop), push_loop_millis(loop) / 1000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tasks_of_each_poster_run_once_and_in_order),
        cmocka_unit_test(a_task_may_post_to_its_own_loop),
        cmocka_unit_test(a_stop_before_the_start_still_runs_what_was_posted),
        cmocka_unit_test(what_is_no_longer_watched_is_not_called),
        cmocka_unit_test(what_was_posted_before_a_byte_came_is_done_before_it),
        cmocka_unit_test(an_idle_loop_wakes_once_a_second),
    };
    int failed;

    apr_initialize();
    apr_pool_create(&pool, NULL);
    failed = cmocka_run_group_tests(tests, NULL, NULL);
    apr_terminate();
    return failed;
}
