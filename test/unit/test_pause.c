/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_pause.c - all loops stand still for a moment.
 *
 * Each loop reads two numbers that are always equal, without a lock and as
 * often as it can; they are changed one after the other in pauses. Under
 * ThreadSanitizer this is the whole proof.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <pthread.h>
#include <stdlib.h>
#include <apr_general.h>

#include "pause.h"

#define LOOPS 3
#define PAUSES 200

static apr_pool_t *pool;
static push_loop_t *loops[LOOPS];
static int first, second; /* plain: only pauses make this right */
static int unequal[LOOPS];
static int turns[LOOPS];
static int afterwards[LOOPS]; /* of the loop's own thread */
static int over;              /* atomic: reading has an end */

/* Read, and do it again in the next turn. */
static void read_both(push_loop_t *loop, push_task_t *task)
{
    int i = push_loop_index(loop);

    unequal[i] += first != second;
    turns[i]++;
    if (__atomic_load_n(&over, __ATOMIC_RELAXED)) {
        free(task);
        return;
    }
    push_loop_post(loop, task);
}

static void *run(void *loop)
{
    push_loop_run(loop);
    return NULL;
}

static void change(void *baton)
{
    (void)baton;
    first++;
    second++;
}

static void count(push_loop_t *loop, void *baton)
{
    assert_ptr_equal(baton, &over);
    afterwards[push_loop_index(loop)] += first == second;
}

static void whatever_changes_in_a_pause_is_seen_whole(void **state)
{
    pthread_t threads[LOOPS];
    int i;

    (void)state;
    for (i = 0; i < LOOPS; i++) {
        push_task_t *task = calloc(1, sizeof(*task));

        assert_non_null(task);
        task->run = read_both;
        assert_int_equal(push_loop_create(&loops[i], i, pool), APR_SUCCESS);
        push_loop_post(loops[i], task);
        assert_int_equal(pthread_create(&threads[i], NULL, run, loops[i]), 0);
    }
    for (i = 0; i < PAUSES; i++) {
        apr_pool_t *p;

        apr_pool_create(&p, pool);
        push_loops_pause(loops, LOOPS, change, count, &over, p);
        assert_int_equal(first, i + 1);
        apr_pool_destroy(p);
    }
    __atomic_store_n(&over, 1, __ATOMIC_RELAXED);
    for (i = 0; i < LOOPS; i++) {
        push_loop_stop(loops[i]);
        pthread_join(threads[i], NULL);
        assert_int_equal(unequal[i], 0);
        assert_int_equal(afterwards[i], PAUSES);
        assert_true(turns[i] > 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(whatever_changes_in_a_pause_is_seen_whole),
    };
    int failed;

    apr_initialize();
    apr_pool_create(&pool, NULL);
    failed = cmocka_run_group_tests(tests, NULL, NULL);
    apr_pool_destroy(pool);
    apr_terminate();
    return failed;
}
