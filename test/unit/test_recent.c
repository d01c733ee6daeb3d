/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_recent.c - what happened lately is remembered long enough, and not for
 * ever.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <string.h>
#include <apr_general.h>

#include "recent.h"

#define BEGIN 1000 /* the first second */

static push_recent_t recent;

static int setup(void **state)
{
    (void)state;
    apr_initialize();
    return push_recent_init(&recent);
}

static int teardown(void **state)
{
    (void)state;
    push_recent_destroy(&recent);
    apr_terminate();
    return 0;
}

static int add(const char *name, apr_uint32_t now)
{
    return push_recent_add(&recent, name, strlen(name), now);
}

static int has(const char *name, apr_uint32_t now)
{
    return push_recent_has(&recent, name, strlen(name), now);
}

static void a_name_is_new_once(void **state)
{
    (void)state;
    assert_false(has("a", BEGIN));
    assert_int_equal(add("a", BEGIN), 1);
    assert_int_equal(add("a", BEGIN), 0);
    assert_int_equal(add("b", BEGIN), 1);
    assert_true(has("a", BEGIN));
}

static void
it_is_remembered_for_its_time_and_no_longer_than_twice_that(void **state)
{
    apr_uint32_t t;

    (void)state;
    add("early", BEGIN);
    add("late", BEGIN + PUSH_RECENT_SECONDS - 1);
    for (t = 0; t < PUSH_RECENT_SECONDS; t++) {
        assert_true(has("early", BEGIN + t));
    }
    for (; t < 2 * PUSH_RECENT_SECONDS - 1; t++) {
        assert_true(has("late", BEGIN + t));
    }
    assert_false(has("early", BEGIN + 2 * PUSH_RECENT_SECONDS));
    assert_false(has("late", BEGIN + 3 * PUSH_RECENT_SECONDS));
}

/* Loops read the clock when a turn begins, so one may be behind the other that
 * has just let the tables change places: all that was remembered was gone. */
static void who_is_a_second_behind_takes_nothing_away(void **state)
{
    const apr_uint32_t later = BEGIN + 2 * PUSH_RECENT_SECONDS - 1;

    (void)state;
    add("before", BEGIN + PUSH_RECENT_SECONDS);
    add("a", later);
    add("b", later + 1); /* they change places */
    assert_true(has("a", later));
    assert_true(has("b", later));
    assert_int_equal(add("a", later), 0);
    assert_true(has("a", later + 1));
    assert_true(has("b", later + PUSH_RECENT_SECONDS));
}

static void after_a_long_silence_nothing_is_left(void **state)
{
    (void)state;
    add("a", BEGIN);
    assert_false(has("a", BEGIN + 5 * PUSH_RECENT_SECONDS));
}

static void a_name_that_is_forgotten_is_new_again(void **state)
{
    (void)state;
    add("a", BEGIN);
    push_recent_forget(&recent, "a", 1, BEGIN + PUSH_RECENT_SECONDS);
    push_recent_forget(&recent, "never", 5, BEGIN + PUSH_RECENT_SECONDS);
    assert_false(has("a", BEGIN + PUSH_RECENT_SECONDS));
    assert_int_equal(add("a", BEGIN + PUSH_RECENT_SECONDS), 1);
}

static void very_many_are_told_apart(void **state)
{
    char name[32];
    int i;

    (void)state;
    for (i = 0; i < 100000; i++) {
        snprintf(name, sizeof(name), "name-%d", i);
        assert_int_equal(add(name, BEGIN), 1);
        if (i % 3 == 0) {
            push_recent_forget(&recent, name, strlen(name), BEGIN);
        }
    }
    for (i = 0; i < 100000; i++) {
        snprintf(name, sizeof(name), "name-%d", i);
        assert_int_equal(has(name, BEGIN), i % 3 != 0);
    }
    assert_false(has("name-100000", BEGIN));
}

int main(void)
{
#define RECENT_TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        RECENT_TEST(a_name_is_new_once),
        RECENT_TEST(
            it_is_remembered_for_its_time_and_no_longer_than_twice_that),
        RECENT_TEST(after_a_long_silence_nothing_is_left),
        RECENT_TEST(who_is_a_second_behind_takes_nothing_away),
        RECENT_TEST(a_name_that_is_forgotten_is_new_again),
        RECENT_TEST(very_many_are_told_apart),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
