/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_quota.c - connections by user and address, counted by many threads.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <string.h>
#include <apr_general.h>

#include "quota.h"

static push_quota_t quota;

static int setup(void **state)
{
    (void)state;
    return push_quota_init(&quota) == APR_SUCCESS ? 0 : -1;
}

/* Nothing may be left, memory included. */
static int teardown(void **state)
{
    int i;

    (void)state;
    for (i = 0; i < PUSH_QUOTA_SHARDS; i++) {
        assert_int_equal(quota.shards[i].n, 0);
        assert_null(quota.shards[i].chains);
    }
    push_quota_destroy(&quota);
    return 0;
}

static push_seat_t *user(const void *app, const char *name, int max)
{
    return push_quota_take(&quota, app, PUSH_QUOTA_USER, name, strlen(name),
                           max);
}

static void a_name_has_so_many_and_no_more(void **state)
{
    push_seat_t *a, *b;

    (void)state;
    a = user(NULL, "ann", 2);
    b = user(NULL, "ann", 2);
    assert_non_null(a);
    assert_ptr_equal(a, b);
    assert_null(user(NULL, "ann", 2));
    push_quota_give(&quota, a);
    assert_non_null(user(NULL, "ann", 2));
    assert_null(user(NULL, "ann", 2));
    push_quota_give(&quota, a);
    push_quota_give(&quota, a);
    push_quota_give(&quota, NULL);
    assert_null(user(NULL, "ann", 0));
}

static void apps_kinds_and_names_are_counted_apart(void **state)
{
    const int one = 1, two = 2;
    push_seat_t *seats[5];
    int i, j;

    (void)state;
    seats[0] = user(&one, "ann", 1);
    seats[1] = user(&two, "ann", 1);
    seats[2] = user(&one, "anne", 1);
    seats[3] = push_quota_take(&quota, &one, PUSH_QUOTA_ADDRESS, "ann", 3, 1);
    seats[4] = push_quota_take(&quota, &one, PUSH_QUOTA_ADDRESS, "an\0", 3, 1);
    for (i = 0; i < 5; i++) {
        assert_non_null(seats[i]);
        for (j = 0; j < i; j++) {
            assert_ptr_not_equal(seats[i], seats[j]);
        }
    }
    for (i = 0; i < 5; i++) {
        push_quota_give(&quota, seats[i]);
    }
}

static void a_storm_of_names_leaves_no_memory(void **state)
{
    enum { NAMES = 5000 };
    static push_seat_t *seats[NAMES];
    char name[16];
    int round, i;

    (void)state;
    for (round = 0; round < 3; round++) {
        for (i = 0; i < NAMES; i++) {
            snprintf(name, sizeof(name), "n%d", i);
            seats[i] = user(NULL, name, 1);
            assert_non_null(seats[i]);
        }
        for (i = 0; i < NAMES; i++) {
            snprintf(name, sizeof(name), "n%d", i);
            assert_null(user(NULL, name, 1));
            push_quota_give(&quota, seats[i]);
        }
    }
}

#define THREADS 4
#define MOST 3

static int over; /* atomic: counts above the most that were seen */
static int held; /* atomic */

static void *take_and_give(void *baton)
{
    push_seat_t *seat;
    int i;

    (void)baton;
    for (i = 0; i < 20000; i++) {
        seat = user(NULL, "ann", MOST);
        if (seat != NULL) {
            if (__atomic_add_fetch(&held, 1, __ATOMIC_SEQ_CST) > MOST) {
                __atomic_add_fetch(&over, 1, __ATOMIC_SEQ_CST);
            }
            __atomic_sub_fetch(&held, 1, __ATOMIC_SEQ_CST);
            push_quota_give(&quota, seat);
        }
    }
    return NULL;
}

static void threads_never_take_more_than_there_is(void **state)
{
    pthread_t threads[THREADS];
    int i;

    (void)state;
    for (i = 0; i < THREADS; i++) {
        pthread_create(&threads[i], NULL, take_and_give, NULL);
    }
    for (i = 0; i < THREADS; i++) {
        pthread_join(threads[i], NULL);
    }
    assert_int_equal(over, 0);
}

#define QUOTA_TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        QUOTA_TEST(a_name_has_so_many_and_no_more),
        QUOTA_TEST(apps_kinds_and_names_are_counted_apart),
        QUOTA_TEST(a_storm_of_names_leaves_no_memory),
        QUOTA_TEST(threads_never_take_more_than_there_is),
    };
    int failed;

    apr_initialize();
    failed = cmocka_run_group_tests(tests, NULL, NULL);
    apr_terminate();
    return failed;
}
