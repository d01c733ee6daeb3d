/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_form.c - urlencoded forms: what comes out, and what is refused.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>
#include <apr_general.h>
#include <apr_strings.h>

#include "form.h"

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

static chat_form_result_t parse(chat_form_t *form, const char *s)
{
    return chat_form_parse(form, s, strlen(s), pool);
}

static void plus_and_percent_are_decoded_in_names_and_values(void **state)
{
    chat_form_t form;

    (void)state;
    assert_int_equal(parse(&form, "a+b=c+d&e%3d=%26%2B%25&u=%D9%85"),
                     CHAT_FORM_OK);
    assert_int_equal(form.n, 3);
    assert_string_equal(chat_form_get(&form, "a b"), "c d");
    assert_string_equal(chat_form_get(&form, "e="), "&+%");
    assert_string_equal(chat_form_get(&form, "u"), "\xd9\x85");
}

static void a_name_without_a_value_has_an_empty_one(void **state)
{
    chat_form_t form;

    (void)state;
    assert_int_equal(parse(&form, "a&b=&=c&&d=1&"), CHAT_FORM_OK);
    assert_int_equal(form.n, 4);
    assert_string_equal(chat_form_get(&form, "a"), "");
    assert_string_equal(chat_form_get(&form, "b"), "");
    assert_string_equal(chat_form_get(&form, ""), "c");
    assert_string_equal(chat_form_get(&form, "d"), "1");
    assert_null(chat_form_get(&form, "e"));
}

static void
the_value_ends_at_the_next_field_and_holds_equals_signs(void **state)
{
    chat_form_t form;

    (void)state;
    assert_int_equal(parse(&form, "a=b=c==&d=e"), CHAT_FORM_OK);
    assert_string_equal(chat_form_get(&form, "a"), "b=c==");
    assert_string_equal(chat_form_get(&form, "d"), "e");
}

static void of_a_name_sent_twice_the_last_counts(void **state)
{
    chat_form_t form;

    (void)state;
    assert_int_equal(parse(&form, "a=1&a=2"), CHAT_FORM_OK);
    assert_int_equal(form.n, 2);
    assert_string_equal(chat_form_get(&form, "a"), "2");
}

static void a_broken_escape_is_refused(void **state)
{
    static const char *const wrong[] = { "a=%", "a=%4", "a=%4g", "a=%g4",
                                         "%=a", "%4",   "a=%%41" };
    chat_form_t form;

    (void)state;
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        assert_int_equal(parse(&form, wrong[i]), CHAT_FORM_ESCAPE);
    }
    /* The escape must not be completed by the next field. */
    assert_int_equal(parse(&form, "a=%4&1=b"), CHAT_FORM_ESCAPE);
}

static void nul_and_broken_utf8_are_refused(void **state)
{
    static const char nul[] = "a=b\0c";
    chat_form_t form;

    (void)state;
    assert_int_equal(parse(&form, "a=%00"), CHAT_FORM_BYTES);
    assert_int_equal(parse(&form, "%00=a"), CHAT_FORM_BYTES);
    assert_int_equal(chat_form_parse(&form, nul, sizeof(nul) - 1, pool),
                     CHAT_FORM_BYTES);
    assert_int_equal(parse(&form, "a=%ff"), CHAT_FORM_BYTES);
    assert_int_equal(parse(&form, "a=\xc3"), CHAT_FORM_BYTES);
    assert_int_equal(parse(&form, "a=%ed%a0%80"), CHAT_FORM_BYTES);
}

static void nothing_is_an_empty_form(void **state)
{
    chat_form_t form;

    (void)state;
    assert_int_equal(chat_form_parse(&form, NULL, 0, pool), CHAT_FORM_OK);
    assert_int_equal(form.n, 0);
    assert_int_equal(parse(&form, "&&&"), CHAT_FORM_OK);
    assert_int_equal(form.n, 0);
}

static void a_thousand_fields_are_enough(void **state)
{
    char *many = apr_palloc(pool, 2 * CHAT_FORM_PAIRS + 2);
    chat_form_t form;

    (void)state;
    for (int i = 0; i <= CHAT_FORM_PAIRS; i++) {
        many[2 * i] = 'a';
        many[2 * i + 1] = '&';
    }
    assert_int_equal(
        chat_form_parse(&form, many, 2 * CHAT_FORM_PAIRS - 1, pool),
        CHAT_FORM_OK);
    assert_int_equal(form.n, CHAT_FORM_PAIRS);
    assert_int_equal(
        chat_form_parse(&form, many, 2 * CHAT_FORM_PAIRS + 1, pool),
        CHAT_FORM_MANY);
}

static void a_number_is_digits_that_fit(void **state)
{
    static const char *const wrong[] = { "",    "-1",  "+1",
                                         " 1",  "1 ",  "0x1",
                                         "1e3", "1.0", "1234567890123456789" };
    apr_int64_t n = -1;

    (void)state;
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        assert_false(chat_form_number(&n, wrong[i]));
        assert_int_equal(n, -1);
    }
    assert_true(chat_form_number(&n, "0"));
    assert_int_equal(n, 0);
    assert_true(chat_form_number(&n, "999999999999999999"));
    assert_true(n == APR_INT64_C(999999999999999999));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(plus_and_percent_are_decoded_in_names_and_values),
        cmocka_unit_test(a_name_without_a_value_has_an_empty_one),
        cmocka_unit_test(
            the_value_ends_at_the_next_field_and_holds_equals_signs),
        cmocka_unit_test(of_a_name_sent_twice_the_last_counts),
        cmocka_unit_test(a_broken_escape_is_refused),
        cmocka_unit_test(nul_and_broken_utf8_are_refused),
        cmocka_unit_test(nothing_is_an_empty_form),
        cmocka_unit_test(a_thousand_fields_are_enough),
        cmocka_unit_test(a_number_is_digits_that_fit),
    };

    return cmocka_run_group_tests(tests, open_pool, close_pool);
}
