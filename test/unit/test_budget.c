/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_budget.c - so much a second, for events of clients and of servers.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "apps.h"

static void a_second_holds_so_much_and_the_next_as_much_again(void **state)
{
    push_budget_t b = { 0 };

    (void)state;
    assert_true(push_budget_spend(&b, 3, 2, 7));
    assert_false(push_budget_spend(&b, 3, 2, 7));
    assert_true(push_budget_spend(&b, 3, 1, 7));
    assert_false(push_budget_spend(&b, 3, 1, 7));
    assert_true(push_budget_spend(&b, 3, 3, 8));
    assert_false(push_budget_spend(&b, 0, 1, 9));
    assert_true(push_budget_spend(&b, -1, 1000, 9));
}

/* Loops read the clock when a turn begins: what an app may do in a second is not
 * more when two of them take turns around its beginning. */
static void who_is_a_second_behind_begins_no_new_one(void **state)
{
    push_budget_t b = { 0 };

    (void)state;
    assert_true(push_budget_spend(&b, 3, 3, 7));
    assert_true(push_budget_spend(&b, 3, 2, 8));
    assert_true(push_budget_spend(&b, 3, 1, 7));
    assert_false(push_budget_spend(&b, 3, 1, 8));
    assert_false(push_budget_spend(&b, 3, 1, 7));
    assert_true(push_budget_spend(&b, 3, 3, 9));
}

/* Client events were counted in 16 bits, and 65,536 of them were none. */
static void a_limit_above_65535_is_a_limit(void **state)
{
    push_budget_t b = { 0 };
    int i;

    (void)state;
    for (i = 0; i < 70000; i++) {
        assert_true(push_budget_spend(&b, 70000, 1, 7));
    }
    assert_false(push_budget_spend(&b, 70000, 1, 7));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_second_holds_so_much_and_the_next_as_much_again),
        cmocka_unit_test(who_is_a_second_behind_begins_no_new_one),
        cmocka_unit_test(a_limit_above_65535_is_a_limit),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
