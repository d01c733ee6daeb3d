/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_sizing.c - what an MPM's settings carry, against figures that were
 * measured on httpd 2.4.
 */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "sizing.h"

static chat_sizing_t event(int server_limit, int threads, int workers)
{
    chat_sizing_t s;

    chat_sizing_default(&s, CHAT_MPM_EVENT);
    s.server_limit = server_limit;
    s.thread_limit = threads;
    s.threads_per_child = threads;
    s.max_workers = workers;
    return s;
}

static chat_capacity_t capacity(chat_sizing_t s)
{
    chat_capacity_t out;

    chat_sizing_settle(&s);
    chat_sizing_capacity(&out, &s);
    return out;
}

static void what_nobody_configured_is_four_hundred_workers(void **state)
{
    chat_sizing_t s;

    (void)state;
    chat_sizing_default(&s, CHAT_MPM_WORKER);
    chat_sizing_settle(&s);
    assert_int_equal(s.max_workers, 400);
    assert_int_equal(capacity(s).children, 16);
    assert_int_equal(capacity(s).restarts, 0);
    assert_int_equal(capacity(s).pumped, 0);
}

/* Half of the factor's worth in each child that MinSpareThreads keeps. */
static void the_pump_has_half_of_what_the_factor_gives(void **state)
{
    chat_sizing_t s = event(16, 25, 400);

    (void)state;
    assert_int_equal(capacity(s).pumped, 75); /* 25 in each of three */
    s.async_factor = 2700;
    assert_int_equal(capacity(s).pumped, 1011);
    assert_int_equal(chat_sizing_factor_for(&s, 1000), 27);
    s.min_spare = 1;
    assert_int_equal(capacity(s).pumped, 337);
    s.min_spare = 100000; /* more than there may be */
    assert_int_equal(capacity(s).pumped, 337 * 16);
}

/* Two full children of tunnels, no slot for a third: every request waited. */
static void a_restart_needs_as_many_slots_again(void **state)
{
    chat_sizing_t s = event(2, 50, 100);

    (void)state;
    assert_int_equal(capacity(s).restarts, 0);
    s.server_limit = 3;
    assert_int_equal(capacity(s).restarts, 0);
    assert_int_equal(chat_sizing_limit_for(&s, 1), 4);
    s.server_limit = 4;
    assert_int_equal(capacity(s).restarts, 1);
}

static void more_than_the_limits_allow_is_cut_as_httpd_does(void **state)
{
    chat_sizing_t s = event(4, 64, 1000);

    (void)state;
    chat_sizing_settle(&s);
    assert_int_equal(s.max_workers, 256);
    s = event(16, 50, 120); /* no multiple: two children */
    chat_sizing_settle(&s);
    assert_int_equal(s.max_workers, 100);
    s = event(16, 50, 7); /* less than a child */
    chat_sizing_settle(&s);
    assert_int_equal(s.max_workers, 50);
    s = event(16, 200, 0);
    s.thread_limit = 64;
    chat_sizing_settle(&s);
    assert_int_equal(s.threads_per_child, 64);
}

static void nonsense_overflows_nothing(void **state)
{
    chat_sizing_t s = { .mpm = CHAT_MPM_EVENT,
                        .server_limit = 1 << 30,
                        .thread_limit = 1 << 30,
                        .threads_per_child = 1 << 30,
                        .min_spare = 1 << 30,
                        .async_factor = 1 << 30 };
    chat_sizing_t none = { .mpm = CHAT_MPM_PREFORK };

    (void)state;
    assert_true(capacity(s).pumped > 0);
    assert_int_equal(capacity(none).proxied, 1);
    chat_sizing_settle(&none);
    assert_true(chat_sizing_factor_for(&none, 100) >= 100);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_nobody_configured_is_four_hundred_workers),
        cmocka_unit_test(the_pump_has_half_of_what_the_factor_gives),
        cmocka_unit_test(a_restart_needs_as_many_slots_again),
        cmocka_unit_test(more_than_the_limits_allow_is_cut_as_httpd_does),
        cmocka_unit_test(nonsense_overflows_nothing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
