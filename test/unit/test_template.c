/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_template.c - values reach a page as text, whatever they hold.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>
#include <apr_general.h>
#include <apr_strings.h>

#include "template.h"

static apr_pool_t *pool;

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

static const char *fill(const char *page, const char *name, const char *value)
{
    chat_slot_t slot = { name, value };
    apr_size_t len;
    const char *out = chat_template_fill(&len, page, strlen(page), &slot, 1,
                                         pool);

    assert_int_equal(len, strlen(out));
    return out;
}

static void every_slot_of_a_name_is_filled(void **state)
{
    (void)state;
    assert_string_equal(fill("<p>%%A%%</p><b a=\"%%A%%\">", "A", "x"),
                        "<p>x</p><b a=\"x\">");
    assert_string_equal(fill("%%A%%", "A", ""), "");
    assert_string_equal(fill("", "A", "x"), "");
}

static void values_cannot_leave_text_or_quotes(void **state)
{
    (void)state;
    assert_string_equal(fill("\"%%A%%\"", "A", "\"><script>'&amp;"),
                        "\"&quot;&gt;&lt;script&gt;&#39;&amp;amp;\"");
    assert_string_equal(fill("%%A%%", "A", "\xd9\x85"), "\xd9\x85");
}

/* An e-mail address typed into the form must not open another slot. */
static void a_value_is_not_searched_for_slots(void **state)
{
    chat_slot_t slots[] = { { "A", "%%B%%" }, { "B", "%%A%%" } };
    apr_size_t len;

    (void)state;
    assert_string_equal(
        chat_template_fill(&len, "%%A%%-%%B%%", 11, slots, 2, pool),
        "%%B%%-%%A%%");
}

static void what_is_no_slot_stays(void **state)
{
    static const char *const pages[] = { "%",     "%%",    "%%A", "%%A%",
                                         "%%B%%", "100%%", "%A%", "%% A%%" };

    (void)state;
    for (size_t i = 0; i < sizeof(pages) / sizeof(pages[0]); i++) {
        assert_string_equal(fill(pages[i], "A", "x"), pages[i]);
    }
    assert_string_equal(fill("%%%A%%%", "A", "x"), "%x%");
    assert_string_equal(fill("%%B%%A%%", "A", "x"), "%%Bx");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_slot_of_a_name_is_filled),
        cmocka_unit_test(values_cannot_leave_text_or_quotes),
        cmocka_unit_test(a_value_is_not_searched_for_slots),
        cmocka_unit_test(what_is_no_slot_stays),
    };

    return cmocka_run_group_tests(tests, open_pool, close_pool);
}
