/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_touch.c - log-ins whose use has to be noted.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include <apr_general.h>

#include "touch.h"

#define TAIL "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"
#define A "00000001" TAIL
#define B "00000002" TAIL
#define SECONDS(n) apr_time_from_sec(1000 + (n))

static apr_pool_t *pool;
static chat_touch_t touch;

static int open_pool(void **state)
{
    (void)state;
    apr_initialize();
    return apr_pool_create(&pool, NULL) != APR_SUCCESS;
}

static int close_pool(void **state)
{
    (void)state;
    apr_pool_destroy(pool);
    apr_terminate();
    return 0;
}

static int clear(void **state)
{
    (void)state;
    memset(&touch, 0, sizeof(touch));
    return 0;
}

static void the_first_goes_at_once(void **state)
{
    (void)state;
    assert_null(chat_touch_take(&touch, SECONDS(0), pool));
    chat_touch_add(&touch, A);
    assert_string_equal(chat_touch_take(&touch, SECONDS(0), pool),
                        "[\"" A "\"]");
    assert_null(chat_touch_take(&touch, SECONDS(5), pool));
}

static void the_next_wait_for_each_other(void **state)
{
    (void)state;
    chat_touch_add(&touch, A);
    assert_non_null(chat_touch_take(&touch, SECONDS(0), pool));
    chat_touch_add(&touch, A);
    chat_touch_add(&touch, B);
    chat_touch_add(&touch, A);
    assert_null(chat_touch_take(&touch, SECONDS(0) + 1, pool));
    assert_string_equal(chat_touch_take(&touch, SECONDS(1), pool),
                        "[\"" A "\",\"" B "\"]");
}

/* Or nobody would be noted until the clock is where it was. */
static void a_clock_set_back_holds_nobody_up(void **state)
{
    (void)state;
    chat_touch_add(&touch, A);
    assert_non_null(chat_touch_take(&touch, SECONDS(100), pool));
    chat_touch_add(&touch, B);
    assert_non_null(chat_touch_take(&touch, SECONDS(0), pool));
}

static void what_is_no_digest_is_not_kept(void **state)
{
    (void)state;
    chat_touch_add(&touch, "");
    chat_touch_add(&touch, A "b");
    chat_touch_add(&touch, "0000000\"" TAIL);
    assert_null(chat_touch_take(&touch, SECONDS(0), pool));
}

static void who_finds_no_room_comes_again(void **state)
{
    char digest[CHAT_TOUCH_DIGEST + 1];
    int i;

    (void)state;
    for (i = 0; i < CHAT_TOUCH_MAX + 3; i++) {
        snprintf(digest, sizeof(digest), "%08x%s", (unsigned)i, TAIL);
        chat_touch_add(&touch, digest);
    }
    assert_int_equal(touch.n, CHAT_TOUCH_MAX);
    assert_int_equal(strlen(chat_touch_take(&touch, SECONDS(0), pool)),
                     CHAT_TOUCH_MAX * (CHAT_TOUCH_DIGEST + 3) + 1);
    chat_touch_add(&touch, digest);
    assert_int_equal(touch.n, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(the_first_goes_at_once, clear),
        cmocka_unit_test_setup(the_next_wait_for_each_other, clear),
        cmocka_unit_test_setup(a_clock_set_back_holds_nobody_up, clear),
        cmocka_unit_test_setup(what_is_no_digest_is_not_kept, clear),
        cmocka_unit_test_setup(who_finds_no_room_comes_again, clear),
    };

    return cmocka_run_group_tests(tests, open_pool, close_pool);
}
