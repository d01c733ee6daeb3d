/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_departed.c - whoever was there before a departure is found out, however
 * long ago it was; whoever came after is not.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <string.h>
#include <apr_general.h>

#include "departed.h"

static push_departed_t table;

static int setup(void **state)
{
    (void)state;
    apr_initialize();
    return push_departed_init(&table);
}

static int teardown(void **state)
{
    (void)state;
    push_departed_destroy(&table);
    apr_terminate();
    return 0;
}

static void note(const char *name)
{
    push_departed_note(&table, name, strlen(name));
}

static int since(const char *name, apr_uint32_t born)
{
    return push_departed_since(&table, name, strlen(name), born);
}

static void nobody_has_departed_at_first(void **state)
{
    (void)state;
    assert_false(since("7 1", 0));
}

static void the_old_are_found_and_the_young_are_not(void **state)
{
    apr_uint32_t before = table.count;

    (void)state;
    note("7 1");
    assert_true(since("7 1", before));
    assert_false(since("7 1", table.count));
    assert_false(since("7 2", before));
}

static void a_second_departure_makes_the_young_old(void **state)
{
    apr_uint32_t between;

    (void)state;
    note("7 1");
    between = table.count;
    note("7 1");
    assert_true(since("7 1", between));
    assert_int_equal(table.n, 1);
}

/* Nobody slips through when there is no room: everybody counts as old. */
static void a_full_table_forgets_nobody(void **state)
{
    apr_uint32_t first = table.count, full;
    char name[32];
    int i;

    (void)state;
    note("first 1");
    for (i = 0; i < PUSH_DEPARTED_MOST; i++) {
        snprintf(name, sizeof(name), "%d 1", i);
        note(name);
    }
    full = table.count;
    note("one more");
    assert_true(since("first 1", first));
    assert_true(since("never departed", first));
    assert_false(since("never departed", table.count));
    assert_true(since("one more", full));
    assert_true(table.n < PUSH_DEPARTED_MOST);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(nobody_has_departed_at_first, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(the_old_are_found_and_the_young_are_not,
                                        setup, teardown),
        cmocka_unit_test_setup_teardown(a_second_departure_makes_the_young_old,
                                        setup, teardown),
        cmocka_unit_test_setup_teardown(a_full_table_forgets_nobody, setup,
                                        teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
