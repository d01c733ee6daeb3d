/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_negotiate.c - who gets a page and who gets JSON, and what a body is.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>
#include <apr_general.h>
#include <apr_strings.h>

#include "negotiate.h"

static void a_browser_that_navigates_gets_a_page(void **state)
{
    static const char *const accepts[] = {
        "text/html",
        "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,"
        "image/webp,*/*;q=0.8",
        "TEXT/HTML; charset=utf-8",
        "application/json;q=0.5, text/html",
        "text/html, application/json",
        "application/xhtml+xml",
        "text/html;q=0.001",
    };

    (void)state;
    for (size_t i = 0; i < sizeof(accepts) / sizeof(accepts[0]); i++) {
        assert_true(chat_accepts_html(accepts[i]));
    }
}

static void a_program_gets_json(void **state)
{
    static const char *const accepts[] = {
        "",
        "*/*",
        "text/*",
        "application/json",
        "application/json, text/plain, */*",
        "application/json, text/html",
        "text/html;q=0.5, application/json",
        "text/html;q=0",
        "text/html ; q=0.0, */*",
        "text/htmlx",
        "text",
        ",,,;;;=",
    };

    (void)state;
    assert_false(chat_accepts_html(NULL));
    for (size_t i = 0; i < sizeof(accepts) / sizeof(accepts[0]); i++) {
        assert_false(chat_accepts_html(accepts[i]));
    }
}

static void parameters_in_front_of_the_quality_do_not_hide_it(void **state)
{
    (void)state;
    assert_false(chat_accepts_html(
        "text/html;level=1;q=0.2, application/json;charset=utf-8;q=0.3"));
    assert_true(chat_accepts_html(
        "text/html;level=1;q=0.4, application/json;charset=utf-8;q=0.3"));
}

static void a_body_is_known_by_its_type_alone(void **state)
{
    static const struct {
        const char *type;
        chat_media_t media;
    } cases[] = {
        { NULL, CHAT_MEDIA_NONE },
        { "", CHAT_MEDIA_NONE },
        { "  ", CHAT_MEDIA_NONE },
        { "application/json", CHAT_MEDIA_JSON },
        { "Application/JSON; charset=utf-8", CHAT_MEDIA_JSON },
        { " application/json", CHAT_MEDIA_JSON },
        { "application/vnd.api+json", CHAT_MEDIA_JSON },
        { "application/+json", CHAT_MEDIA_OTHER },
        { "text/json", CHAT_MEDIA_OTHER },
        { "text/x+json", CHAT_MEDIA_OTHER },
        { "application/jsonp", CHAT_MEDIA_OTHER },
        { "application/x-www-form-urlencoded", CHAT_MEDIA_FORM },
        { "application/x-www-form-urlencoded;charset=UTF-8", CHAT_MEDIA_FORM },
        { "multipart/form-data; boundary=x", CHAT_MEDIA_MULTIPART },
        { "text/plain;charset=UTF-8", CHAT_MEDIA_OTHER },
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        assert_int_equal(chat_media_of(cases[i].type), cases[i].media);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_browser_that_navigates_gets_a_page),
        cmocka_unit_test(a_program_gets_json),
        cmocka_unit_test(parameters_in_front_of_the_quality_do_not_hide_it),
        cmocka_unit_test(a_body_is_known_by_its_type_alone),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
