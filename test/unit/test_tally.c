/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_tally.c - how often a channel tells its count, with a clock of our own.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "tally.h"

#define SMALL PUSH_TALLY_SMALL
#define PAUSE PUSH_TALLY_PAUSE

static int told; /* by due(), of all channels */
static void *last;

static void tell(void *baton, void *channel)
{
    (void)baton;
    told++;
    last = channel;
}

static int due(push_tally_t **list, apr_uint32_t now)
{
    told = 0;
    push_tallies_due(list, now, tell, NULL);
    return told;
}

static void a_small_channel_tells_every_change_and_keeps_no_tally(void **state)
{
    push_tally_t *tally = NULL, *list = NULL;
    apr_uint32_t n;

    (void)state;
    for (n = 0; n <= SMALL; n++) {
        assert_true(push_tally_change(&tally, &list, &tally, n, 7));
    }
    assert_null(tally);
    assert_null(list);
}

static void a_large_channel_tells_at_once_and_then_every_five_seconds(
    void **state)
{
    push_tally_t *tally = NULL, *list = NULL;
    apr_uint32_t i;

    (void)state;
    assert_true(push_tally_change(&tally, &list, &tally, SMALL + 1, 100));
    for (i = 2; i < 5000; i++) {
        assert_false(push_tally_change(&tally, &list, &tally, SMALL + i, 101));
    }
    assert_int_equal(due(&list, 100 + PAUSE - 1), 0);
    assert_int_equal(due(&list, 100 + PAUSE), 1);
    assert_ptr_equal(last, &tally);
    assert_int_equal(due(&list, 100 + PAUSE), 0);
    assert_false(push_tally_change(&tally, &list, &tally, SMALL + 9, 106));
    assert_int_equal(due(&list, 100 + 2 * PAUSE), 1);
    push_tally_end(&tally);
    assert_null(list);
}

static void five_seconds_without_a_change_end_the_tally(void **state)
{
    push_tally_t *tally = NULL, *list = NULL;

    (void)state;
    assert_true(push_tally_change(&tally, &list, &tally, 5000, 100));
    assert_int_equal(due(&list, 100 + PAUSE), 0);
    assert_null(tally);
    assert_null(list);
    assert_true(push_tally_change(&tally, &list, &tally, 5001, 200));
    push_tally_end(&tally);
}

/* The crowd leaves: below the limit each change is told again, and what had
 * waited is not told after it. */
static void a_channel_that_shrinks_tells_at_once_again(void **state)
{
    push_tally_t *tally = NULL, *list = NULL;

    (void)state;
    assert_true(push_tally_change(&tally, &list, &tally, SMALL + 2, 100));
    assert_false(push_tally_change(&tally, &list, &tally, SMALL + 1, 101));
    assert_true(push_tally_change(&tally, &list, &tally, SMALL, 101));
    assert_int_equal(due(&list, 100 + PAUSE), 0);
    assert_null(tally);
}

static void channels_end_in_any_order(void **state)
{
    enum { N = 20 };
    push_tally_t *tallies[N] = { NULL };
    push_tally_t *list = NULL;
    int i;

    (void)state;
    for (i = 0; i < N; i++) {
        push_tally_change(&tallies[i], &list, &tallies[i], 200, 1);
        push_tally_change(&tallies[i], &list, &tallies[i], 201, 1);
    }
    for (i = 0; i < N; i += 3) {
        push_tally_end(&tallies[i]);
    }
    assert_int_equal(due(&list, 1 + PAUSE), N - (N + 2) / 3);
    for (i = N - 1; i >= 0; i--) {
        push_tally_end(&tallies[i]);
    }
    assert_null(list);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_small_channel_tells_every_change_and_keeps_no_tally),
        cmocka_unit_test(
            a_large_channel_tells_at_once_and_then_every_five_seconds),
        cmocka_unit_test(five_seconds_without_a_change_end_the_tally),
        cmocka_unit_test(a_channel_that_shrinks_tells_at_once_again),
        cmocka_unit_test(channels_end_in_any_order),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
