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
static char text[PUSH_GAPS_TEXT];

static int setup(void **state)
{
    (void)state;
    memset(&g, 0, sizeof(g));
    return 0;
}

static void are(const char *want)
{
    push_gaps_text(&g, text);
    assert_string_equal(text, want);
}

static void nothing_missing_leaves_the_place_at_the_end(void **state)
{
    (void)state;
    are("{}");
    assert_int_equal(push_gaps_low(&g, 17), 17);
    assert_false(push_gaps_unfenced(&g));
}

static void the_place_stays_below_what_is_missing(void **state)
{
    (void)state;
    push_gaps_add(&g, 5, 6);
    push_gaps_add(&g, 9, 9);
    are("{5,6,9}");
    assert_int_equal(push_gaps_low(&g, 12), 4);
    assert_int_equal(push_gaps_low(&g, 3), 3);
    assert_true(push_gaps_fill(&g, 5));
    assert_int_equal(push_gaps_low(&g, 12), 5);
    assert_false(push_gaps_fill(&g, 5));
    assert_false(push_gaps_fill(&g, 7));
    assert_true(push_gaps_fill(&g, 9));
    are("{6}");
    push_gaps_add(&g, 11, 13);
    push_gaps_forget(&g, 11);
    are("{12,13}");
}

/* What is younger than the fence cannot have taken the id; what is older still
 * can bring it. */
static void an_id_is_given_up_when_no_older_transaction_runs(void **state)
{
    (void)state;
    push_gaps_add(&g, 5, 6);
    push_gaps_settle(&g, 1000); /* no fence yet: nobody can tell */
    are("{5,6}");
    push_gaps_fence(&g, 100);
    push_gaps_add(&g, 8, 8);
    assert_true(push_gaps_unfenced(&g));
    push_gaps_fence(&g, 120);
    assert_false(push_gaps_unfenced(&g));
    push_gaps_settle(&g, 99);
    are("{5,6,8}");
    push_gaps_settle(&g, 100);
    are("{8}");
    push_gaps_settle(&g, 200);
    are("{}");
}

static void the_oldest_give_way_and_are_counted(void **state)
{
    (void)state;
    push_gaps_add(&g, 1, PUSH_GAPS_MAX);
    push_gaps_add(&g, PUSH_GAPS_MAX + 10, PUSH_GAPS_MAX + 11);
    assert_int_equal(g.n, PUSH_GAPS_MAX);
    assert_int_equal(g.given_up, 2);
    assert_int_equal(push_gaps_low(&g, APR_INT64_MAX), 2);
    push_gaps_add(&g, 100000, APR_INT64_MAX - 1);
    assert_int_equal(g.n, PUSH_GAPS_MAX);
    assert_true(g.list[0].id == APR_INT64_MAX - PUSH_GAPS_MAX);
}

static void the_longest_list_fits_its_text(void **state)
{
    (void)state;
    push_gaps_add(&g, APR_INT64_MAX - PUSH_GAPS_MAX, APR_INT64_MAX - 1);
    push_gaps_text(&g, text);
    assert_int_equal(strlen(text), PUSH_GAPS_MAX * 20 + 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(nothing_missing_leaves_the_place_at_the_end,
                               setup),
        cmocka_unit_test_setup(the_place_stays_below_what_is_missing, setup),
        cmocka_unit_test_setup(an_id_is_given_up_when_no_older_transaction_runs,
                               setup),
        cmocka_unit_test_setup(the_oldest_give_way_and_are_counted, setup),
        cmocka_unit_test_setup(the_longest_list_fits_its_text, setup),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
