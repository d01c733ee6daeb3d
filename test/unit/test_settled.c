/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_settled.c - how far PostgreSQL's event log is settled.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "settled.h"

static void nothing_is_settled_at_first(void **state)
{
    chat_settled_t s = { 0 };

    (void)state;
    chat_settled_note(&s, 10, 100, 11);
    assert_int_equal(s.floor, 0);
}

static void a_look_counts_once_its_fence_is_passed(void **state)
{
    chat_settled_t s = { 0 };

    (void)state;
    chat_settled_note(&s, 10, 100, 11);
    chat_settled_note(&s, 10, 120, 15);
    assert_int_equal(s.floor, 0);
    chat_settled_note(&s, 12, 130, 20);
    assert_int_equal(s.floor, 100);
    chat_settled_note(&s, 30, 140, 31);
    assert_int_equal(s.floor, 130);
}

/* The transaction 12 stays open: what was there when it began is settled, and
 * all of the rest as soon as it ends, however many looks came meanwhile. */
static void a_transaction_that_stays_open_holds_it_where_it_began(void **state)
{
    chat_settled_t s = { 0 };
    int i;

    (void)state;
    chat_settled_note(&s, 11, 100, 11);
    for (i = 0; i < 50; i++) {
        chat_settled_note(&s, 12, 101 + i, 13 + i);
    }
    assert_int_equal(s.floor, 100);
    chat_settled_note(&s, 70, 160, 71);
    assert_int_equal(s.floor, 150);
    chat_settled_forget(&s);
    assert_int_equal(s.floor, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_is_settled_at_first),
        cmocka_unit_test(a_look_counts_once_its_fence_is_passed),
        cmocka_unit_test(a_transaction_that_stays_open_holds_it_where_it_began),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
