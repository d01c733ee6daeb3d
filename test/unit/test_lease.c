/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_lease.c - how many at once: never more than allowed, whoever dies.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>
#include <pthread.h>

#include "lease.h"

#define N 64
#define THREADS 4
#define EACH 20000
#define MOST 3

/* The leases of one test, all free. */
static chat_leases_t table(void)
{
    static apr_uint64_t words[N];
    chat_leases_t t = { words, N };

    memset(words, 0, sizeof(words));
    return t;
}

/* A key whose search begins at `at`. */
static apr_uint64_t key(apr_uint64_t tag, apr_uint64_t at)
{
    return tag << 24 | at;
}

static void so_many_and_no_more(void **state)
{
    chat_leases_t t = table();
    chat_lease_t held[MOST];

    (void)state;
    for (int i = 0; i < MOST; i++) {
        held[i] = chat_lease_take(&t, key(7, 5), 100, MOST);
        assert_int_not_equal(held[i], 0);
    }
    assert_int_equal(chat_lease_take(&t, key(7, 5), 101, MOST), 0);
    chat_lease_give(&t, held[1]);
    held[1] = chat_lease_take(&t, key(7, 5), 101, MOST);
    assert_int_not_equal(held[1], 0);
    assert_int_equal(chat_lease_take(&t, key(7, 5), 101, MOST), 0);
}

static void a_refusal_leaves_nothing(void **state)
{
    chat_leases_t t = table();
    apr_uint64_t before[N];

    (void)state;
    assert_int_not_equal(chat_lease_take(&t, key(7, 5), 100, 1), 0);
    memcpy(before, t.words, sizeof(before));
    for (int i = 0; i < 1000; i++) {
        assert_int_equal(chat_lease_take(&t, key(7, 5), 100, 1), 0);
    }
    assert_memory_equal(before, t.words, sizeof(before));
}

static void keys_do_not_share(void **state)
{
    chat_leases_t t = table();

    (void)state;
    assert_int_not_equal(chat_lease_take(&t, key(7, 5), 100, 1), 0);
    assert_int_not_equal(chat_lease_take(&t, key(8, 5), 100, 1), 0);
    assert_int_equal(chat_lease_take(&t, key(8, 5), 100, 1), 0);
}

static void what_a_dead_process_held_is_free(void **state)
{
    chat_leases_t t = table();

    (void)state;
    assert_int_not_equal(chat_lease_take(&t, key(7, 5), 100, 3), 0);
    assert_int_not_equal(chat_lease_take(&t, key(7, 5), 100, 3), 0);
    assert_int_not_equal(chat_lease_take(&t, key(7, 5), 4194304, 3), 0);
    assert_int_equal(chat_lease_end(&t, 99), 0);
    assert_int_equal(chat_lease_end(&t, 100), 2);
    assert_int_equal(chat_lease_end(&t, 100), 0);
    assert_int_not_equal(chat_lease_take(&t, key(7, 5), 101, 2), 0);
    assert_int_equal(chat_lease_take(&t, key(7, 5), 101, 2), 0);
    assert_int_equal(chat_lease_end(&t, 4194304), 1);
}

static void a_full_table_lets_nobody_in(void **state)
{
    chat_leases_t t = table();

    (void)state;
    for (apr_uint64_t i = 0; i < N; i++) {
        assert_int_not_equal(chat_lease_take(&t, key(i + 1, 60), 100, 9), 0);
    }
    assert_int_equal(chat_lease_take(&t, key(1000, 60), 100, 9), 0);
    chat_lease_give(&t, 0);
    chat_lease_give(&t, N);
    assert_int_equal(chat_lease_take(&t, key(1000, 60), 100, 9), N);
}

static int inside;

static void *take_and_give(void *baton)
{
    const chat_leases_t *t = baton;
    intptr_t most = 0;

    for (int i = 0; i < EACH; i++) {
        chat_lease_t lease = chat_lease_take(t, key(7, 5), 100, MOST);

        if (lease != 0) {
            int now = __atomic_add_fetch(&inside, 1, __ATOMIC_SEQ_CST);

            most = now > most ? now : most;
            __atomic_sub_fetch(&inside, 1, __ATOMIC_SEQ_CST);
            chat_lease_give(t, lease);
        }
    }
    return (void *)most;
}

static void threads_never_hold_more_than_allowed(void **state)
{
    chat_leases_t t = table();
    pthread_t threads[THREADS];
    apr_uint64_t none[N] = { 0 };
    intptr_t any = 0;

    (void)state;
    for (int i = 0; i < THREADS; i++) {
        assert_int_equal(pthread_create(&threads[i], NULL, take_and_give, &t),
                         0);
    }
    for (int i = 0; i < THREADS; i++) {
        void *most;

        /* One may have been refused each time, all cannot. */
        pthread_join(threads[i], &most);
        assert_in_range((intptr_t)most, 0, MOST);
        any = (intptr_t)most > any ? (intptr_t)most : any;
    }
    assert_in_range(any, 1, MOST);
    assert_memory_equal(t.words, none, sizeof(none));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(so_many_and_no_more),
        cmocka_unit_test(a_refusal_leaves_nothing),
        cmocka_unit_test(keys_do_not_share),
        cmocka_unit_test(what_a_dead_process_held_is_free),
        cmocka_unit_test(a_full_table_lets_nobody_in),
        cmocka_unit_test(threads_never_hold_more_than_allowed),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
