/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_bucket.c - rate limits: how many, how soon again, and from many threads.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>
#include <apr_general.h>
#include <apr_strings.h>
#include <pthread.h>

#include "bucket.h"

#define SETS 4
#define START 1000000 /* ms; any time */
#define THREADS 4
#define EACH 2000

/* Room for the buckets of one test, all full. */
static chat_buckets_t table(void)
{
    static apr_uint64_t words[SETS * CHAT_BUCKET_WAYS]
        __attribute__((aligned(64)));
    chat_buckets_t t = { words, SETS };

    assert_int_equal(chat_buckets_size(SETS), sizeof(words));
    memset(words, 0, sizeof(words));
    return t;
}

/* A key of set `set` with a tag of its own. */
static apr_uint64_t key(apr_uint64_t tag, apr_uint64_t set)
{
    return tag << 40 | set;
}

static int takes(const chat_buckets_t *t, apr_uint64_t k,
                 const chat_rate_t *rate, apr_uint64_t now)
{
    int n = 0;

    while (n < 100000 && chat_bucket_take(t, k, rate, now) == 0) {
        n++;
    }
    return n;
}

static void what_is_left_is_told(void **state)
{
    chat_rate_t rate = { 200, 100 }, off = { 0, 1 };
    chat_buckets_t t = table();
    apr_uint32_t full;

    (void)state;
    assert_int_equal(chat_bucket_left(&t, key(1, 0), &rate, START, &full), 100);
    assert_int_equal(full, 0);
    assert_int_equal(chat_bucket_take(&t, key(1, 0), &rate, START), 0);
    assert_int_equal(chat_bucket_left(&t, key(1, 0), &rate, START, &full), 99);
    assert_int_equal(full, 200);
    assert_int_equal(chat_bucket_left(&t, key(1, 0), &rate, START + 1, &full),
                     99);
    assert_int_equal(takes(&t, key(1, 0), &rate, START), 99);
    assert_int_equal(chat_bucket_left(&t, key(1, 0), &rate, START, &full), 0);
    assert_int_equal(full, 20000);
    assert_int_equal(chat_bucket_left(&t, key(1, 0), &rate, START + 200, &full),
                     1);
    assert_int_equal(chat_bucket_left(&t, key(1, 0), &rate, START + 20000,
                                      &full),
                     100);
    assert_int_equal(chat_bucket_left(&t, key(2, 0), &rate, START, &full), 100);
    assert_int_equal(chat_bucket_left(&t, key(1, 0), &off, START, &full), 1);
}

static void a_burst_is_allowed_and_then_one_per_interval(void **state)
{
    chat_rate_t rate = { 200, 100 };
    chat_buckets_t t = table();

    (void)state;
    assert_int_equal(takes(&t, key(1, 0), &rate, START), 100);
    assert_int_equal(chat_bucket_take(&t, key(1, 0), &rate, START), 200);
    assert_int_equal(chat_bucket_take(&t, key(1, 0), &rate, START + 150), 50);
    assert_int_equal(chat_bucket_take(&t, key(1, 0), &rate, START + 200), 0);
    assert_int_equal(chat_bucket_take(&t, key(1, 0), &rate, START + 200), 200);
    assert_int_equal(takes(&t, key(1, 0), &rate, START + 1200), 5);
}

static void a_bucket_is_full_again_after_a_while_and_no_fuller(void **state)
{
    chat_rate_t rate = { 200, 100 };
    chat_buckets_t t = table();

    (void)state;
    takes(&t, key(1, 0), &rate, START);
    assert_int_equal(takes(&t, key(1, 0), &rate, START + 86400000), 100);
}

static void ten_failures_count_for_fifteen_minutes(void **state)
{
    chat_rate_t rate = { 90000, 10 };
    chat_buckets_t t = table();

    (void)state;
    assert_int_equal(takes(&t, key(1, 0), &rate, START), 10);
    assert_int_equal(chat_bucket_take(&t, key(1, 0), &rate, START + 89999), 1);
    assert_int_equal(takes(&t, key(1, 0), &rate, START + 900000), 10);
}

static void one_given_back_was_never_taken(void **state)
{
    chat_rate_t rate = { 90000, 2 };
    chat_buckets_t t = table();

    (void)state;
    for (int i = 0; i < 100; i++) {
        assert_int_equal(chat_bucket_take(&t, key(1, 0), &rate, START), 0);
        chat_bucket_give(&t, key(1, 0), &rate, START);
    }
    assert_int_equal(takes(&t, key(1, 0), &rate, START), 2);
    /* What is full cannot be given more. */
    chat_bucket_give(&t, key(2, 0), &rate, START);
    assert_int_equal(takes(&t, key(2, 0), &rate, START), 2);
}

static void off_is_off(void **state)
{
    chat_rate_t rate = { 0, 1 };
    chat_buckets_t t = table();

    (void)state;
    assert_int_equal(takes(&t, key(1, 0), &rate, START), 100000);
    chat_bucket_give(&t, key(1, 0), &rate, START);
    assert_int_equal(t.words[0], 0);
}

static void keys_do_not_share(void **state)
{
    chat_rate_t rate = { 200, 3 };
    chat_buckets_t t = table();

    (void)state;
    for (apr_uint64_t set = 0; set < SETS; set++) {
        for (apr_uint64_t tag = 0; tag < CHAT_BUCKET_WAYS; tag++) {
            assert_int_equal(takes(&t, key(tag, set), &rate, START), 3);
        }
    }
    for (apr_uint64_t tag = 0; tag < CHAT_BUCKET_WAYS; tag++) {
        assert_int_equal(takes(&t, key(tag, 0), &rate, START), 0);
    }
}

/* Whoever guesses passwords must not get a fresh start by also sending from a
 * thousand other addresses. */
static void fresh_keys_do_not_drive_out_a_loaded_one(void **state)
{
    chat_rate_t rate = { 90000, 10 };
    chat_buckets_t t = table();

    (void)state;
    assert_int_equal(takes(&t, key(1, 0), &rate, START), 10);
    for (apr_uint64_t tag = 2; tag < 1000; tag++) {
        assert_int_equal(chat_bucket_take(&t, key(tag, 0), &rate, START), 0);
    }
    assert_true(chat_bucket_take(&t, key(1, 0), &rate, START) > 0);
}

static void a_bucket_that_is_full_again_makes_room(void **state)
{
    chat_rate_t rate = { 200, 3 };
    chat_buckets_t t = table();

    (void)state;
    for (apr_uint64_t tag = 0; tag < CHAT_BUCKET_WAYS; tag++) {
        takes(&t, key(tag, 0), &rate, START);
    }
    assert_int_equal(takes(&t, key(99, 0), &rate, START + 600), 3);
    assert_int_equal(takes(&t, key(99, 0), &rate, START + 600), 0);
}

/* One thread's part: as many takes as it gets out of EACH. */
static void *take_many(void *data)
{
    static const chat_rate_t rate = { 1000, 3000 };
    const chat_buckets_t *t = data;
    intptr_t got = 0;

    for (int i = 0; i < EACH; i++) {
        got += chat_bucket_take(t, key(7, 1), &rate, START) == 0;
    }
    return (void *)got;
}

static void threads_together_get_what_one_would(void **state)
{
    static const chat_rate_t rate = { 1000, 3000 };
    chat_buckets_t t = table();
    pthread_t threads[THREADS];
    intptr_t sum = 1;

    (void)state;
    /* The first take opens the bucket: two at once could open two. */
    assert_int_equal(chat_bucket_take(&t, key(7, 1), &rate, START), 0);
    for (int i = 0; i < THREADS; i++) {
        assert_int_equal(pthread_create(&threads[i], NULL, take_many, &t), 0);
    }
    for (int i = 0; i < THREADS; i++) {
        void *got;

        pthread_join(threads[i], &got);
        sum += (intptr_t)got;
    }
    /* A take that lost the race too often passes without a count; rare. */
    assert_in_range(sum, 3000, 3010);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_left_is_told),
        cmocka_unit_test(a_burst_is_allowed_and_then_one_per_interval),
        cmocka_unit_test(a_bucket_is_full_again_after_a_while_and_no_fuller),
        cmocka_unit_test(ten_failures_count_for_fifteen_minutes),
        cmocka_unit_test(one_given_back_was_never_taken),
        cmocka_unit_test(off_is_off),
        cmocka_unit_test(keys_do_not_share),
        cmocka_unit_test(fresh_keys_do_not_drive_out_a_loaded_one),
        cmocka_unit_test(a_bucket_that_is_full_again_makes_room),
        cmocka_unit_test(threads_together_get_what_one_would),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
