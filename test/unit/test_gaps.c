/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_gaps.c - missing ids of the event log.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "gaps.h"

static push_gaps_t g;
static char firsts[PUSH_GAPS_TEXT];
static char lasts[PUSH_GAPS_TEXT];

static int setup(void **state)
{
    (void)state;
    memset(&g, 0, sizeof(g));
    return 0;
}

static void are(const char *want_firsts, const char *want_lasts)
{
    push_gaps_text(&g, firsts, lasts);
    assert_string_equal(firsts, want_firsts);
    assert_string_equal(lasts, want_lasts);
}

static void nothing_missing_leaves_the_place_at_the_end(void **state)
{
    (void)state;
    are("{}", "{}");
    assert_int_equal(push_gaps_low(&g, 17), 17);
    assert_false(push_gaps_unfenced(&g));
    assert_false(push_gaps_fill(&g, 1));
    push_gaps_forget(&g, 9);
    are("{}", "{}");
}

static void the_place_stays_below_what_is_missing(void **state)
{
    (void)state;
    push_gaps_add(&g, 5, 6);
    push_gaps_add(&g, 9, 9);
    are("{5,9}", "{6,9}");
    assert_int_equal(push_gaps_low(&g, 12), 4);
    assert_int_equal(push_gaps_low(&g, 3), 3);
    assert_true(push_gaps_fill(&g, 5));
    assert_int_equal(push_gaps_low(&g, 12), 5);
    assert_false(push_gaps_fill(&g, 5));
    assert_false(push_gaps_fill(&g, 7));
    assert_false(push_gaps_fill(&g, 10));
    assert_true(push_gaps_fill(&g, 9));
    are("{6}", "{6}");
    push_gaps_add(&g, 11, 13);
    push_gaps_forget(&g, 11);
    are("{12}", "{13}");
    push_gaps_forget(&g, 13);
    are("{}", "{}");
}

/* Two large transactions side by side: the ids of one lie among the other's. */
static void a_range_falls_apart_around_what_is_there(void **state)
{
    (void)state;
    push_gaps_add(&g, 10, 19);
    push_gaps_fence(&g, 7);
    push_gaps_add(&g, 30, 30);
    assert_true(push_gaps_fill(&g, 13));
    assert_true(push_gaps_fill(&g, 19));
    assert_true(push_gaps_fill(&g, 16));
    are("{10,14,17,30}", "{12,15,18,30}");
    assert_true(push_gaps_fill(&g, 15));
    assert_true(push_gaps_fill(&g, 14));
    are("{10,17,30}", "{12,18,30}");
    assert_true(push_gaps_unfenced(&g)); /* the last */
    push_gaps_settle(&g, 7, APR_INT64_MAX);
    are("{30}", "{30}"); /* the parts had the fence of the whole */
}

/* What is younger than the fence cannot have taken the id; what is older still
 * can bring it. */
static void an_id_is_given_up_when_no_older_transaction_runs(void **state)
{
    (void)state;
    push_gaps_add(&g, 5, 6);
    push_gaps_settle(&g, 1000, APR_INT64_MAX); /* no fence yet: who can tell? */
    are("{5}", "{6}");
    push_gaps_fence(&g, 100);
    push_gaps_add(&g, 8, 8);
    assert_true(push_gaps_unfenced(&g));
    push_gaps_fence(&g, 120);
    assert_false(push_gaps_unfenced(&g));
    push_gaps_settle(&g, 99, APR_INT64_MAX);
    are("{5,8}", "{6,8}");
    push_gaps_settle(&g, 100, APR_INT64_MAX);
    are("{8}", "{8}");
    push_gaps_settle(&g, 200, APR_INT64_MAX);
    are("{}", "{}");
}

/* Of a large transaction a batch was read: the rest is there and not yet read.
 */
static void what_was_not_asked_for_is_not_given_up(void **state)
{
    (void)state;
    push_gaps_add(&g, 5, 9);
    push_gaps_add(&g, 20, 29);
    push_gaps_add(&g, 40, 49);
    push_gaps_fence(&g, 100);
    push_gaps_settle(&g, 100, 24);
    are("{25,40}", "{29,49}");
    push_gaps_settle(&g, 100, 29);
    are("{40}", "{49}");
}

static void the_oldest_give_way_and_are_counted(void **state)
{
    int i;

    (void)state;
    push_gaps_add(&g, 1, 3);
    for (i = 1; i < PUSH_GAPS_MAX; i++) {
        push_gaps_add(&g, i * 10, i * 10 + 4);
    }
    assert_int_equal(g.n, PUSH_GAPS_MAX);
    assert_int_equal(g.given_up, 0);
    push_gaps_add(&g, PUSH_GAPS_MAX * 10, PUSH_GAPS_MAX * 10);
    assert_int_equal(g.n, PUSH_GAPS_MAX);
    assert_int_equal(g.given_up, 3);
    assert_int_equal(push_gaps_low(&g, APR_INT64_MAX), 9);
    /* Also when a range falls apart and there is no room for two. */
    assert_true(push_gaps_fill(&g, 32));
    assert_int_equal(g.n, PUSH_GAPS_MAX);
    assert_int_equal(g.given_up, 8);
    assert_int_equal(g.list[0].first, 20);
    assert_int_equal(g.list[1].last, 31);
    assert_int_equal(g.list[2].first, 33);
    assert_int_equal(g.list[3].first, 40);
    /* And when it is itself the oldest: what was below the id goes. */
    assert_true(push_gaps_fill(&g, 22));
    assert_int_equal(g.n, PUSH_GAPS_MAX);
    assert_int_equal(g.given_up, 10);
    assert_int_equal(g.list[0].first, 23);
    assert_int_equal(g.list[0].last, 24);
    assert_int_equal(g.list[1].first, 30);
    assert_int_equal(g.list[PUSH_GAPS_MAX - 1].first, PUSH_GAPS_MAX * 10);
}

static void a_transaction_of_any_size_is_one_range(void **state)
{
    apr_int64_t i;

    (void)state;
    push_gaps_add(&g, 1, 1000000);
    assert_int_equal(g.n, 1);
    for (i = 1; i <= 1000000; i++) {
        assert_true(push_gaps_fill(&g, i));
    }
    assert_int_equal(g.n, 0);
    assert_int_equal(g.given_up, 0);
}

static void the_longest_list_fits_its_text(void **state)
{
    int i;

    (void)state;
    for (i = 2 * PUSH_GAPS_MAX; i > 0; i -= 2) {
        push_gaps_add(&g, APR_INT64_MAX - i, APR_INT64_MAX - i);
    }
    push_gaps_text(&g, firsts, lasts);
    assert_int_equal(strlen(firsts), PUSH_GAPS_MAX * 20 + 1);
    assert_int_equal(strlen(lasts), PUSH_GAPS_MAX * 20 + 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(nothing_missing_leaves_the_place_at_the_end,
                               setup),
        cmocka_unit_test_setup(the_place_stays_below_what_is_missing, setup),
        cmocka_unit_test_setup(an_id_is_given_up_when_no_older_transaction_runs,
                               setup),
        cmocka_unit_test_setup(a_range_falls_apart_around_what_is_there, setup),
        cmocka_unit_test_setup(what_was_not_asked_for_is_not_given_up, setup),
        cmocka_unit_test_setup(the_oldest_give_way_and_are_counted, setup),
        cmocka_unit_test_setup(a_transaction_of_any_size_is_one_range, setup),
        cmocka_unit_test_setup(the_longest_list_fits_its_text, setup),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
