/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_credential.c - what Authorization and Cookie headers are taken for.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>
#include <apr_general.h>
#include <apr_strings.h>

#include "credential.h"

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

#define TOKEN "mi2wLEL9HSMTtIDPNOlI716AuzOz1oqupxB7VTBJbMM"

static void a_bearer_token_comes_with_or_without_its_number(void **state)
{
    chat_bearer_t b;

    (void)state;
    assert_int_equal(chat_bearer_parse(&b, "Bearer abc-._~+/=", pool),
                     CHAT_BEARER_OK);
    assert_int_equal(b.id, 0);
    assert_string_equal(b.secret, "abc-._~+/=");
    assert_int_equal(chat_bearer_parse(&b, "Bearer 17|abc", pool),
                     CHAT_BEARER_OK);
    assert_int_equal(b.id, 17);
    assert_string_equal(b.secret, "abc");
}

static void the_scheme_has_no_case_and_spaces_are_forgiven(void **state)
{
    chat_bearer_t b;

    (void)state;
    assert_int_equal(chat_bearer_parse(&b, "bEARER   abc  ", pool),
                     CHAT_BEARER_OK);
    assert_string_equal(b.secret, "abc");
}

static void another_scheme_is_no_bearer(void **state)
{
    chat_bearer_t b;

    (void)state;
    assert_int_equal(chat_bearer_parse(&b, NULL, pool), CHAT_BEARER_NONE);
    assert_int_equal(chat_bearer_parse(&b, "", pool), CHAT_BEARER_NONE);
    assert_int_equal(chat_bearer_parse(&b, "Basic YTpi", pool),
                     CHAT_BEARER_NONE);
    assert_int_equal(chat_bearer_parse(&b, "Bearers abc", pool),
                     CHAT_BEARER_NONE);
}

static void a_bearer_header_without_a_token_is_bad(void **state)
{
    static const char *const wrong[] = {
        "Bearer",         "Bearer ",
        "Bearer |",       "Bearer 1|",
        "Bearer |abc",    "Bearer x|abc",
        "Bearer -1|abc",  "Bearer 0|abc",
        "Bearer 1|a|b",   "Bearer a b",
        "Bearer a\tb",    "Bearer a,b",
        "Bearer \"abc\"", "Bearer \xc3\xa9",
        "Bearer 1 |abc",  "Bearer 1234567890123456789|abc"
    };
    chat_bearer_t b;

    (void)state;
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        assert_int_equal(chat_bearer_parse(&b, wrong[i], pool),
                         CHAT_BEARER_BAD);
    }
}

static void a_very_long_token_is_not_hashed(void **state)
{
    char header[7 + CHAT_BEARER_MAX + 2] = "Bearer ";
    chat_bearer_t b;

    (void)state;
    memset(header + 7, 'a', CHAT_BEARER_MAX + 1);
    assert_int_equal(chat_bearer_parse(&b, header, pool), CHAT_BEARER_BAD);
    header[7 + CHAT_BEARER_MAX] = '\0';
    assert_int_equal(chat_bearer_parse(&b, header, pool), CHAT_BEARER_OK);
}

static void the_cookie_is_found_among_others(void **state)
{
    static const char *const headers[] = {
        "chat_session=" TOKEN,         "a=b; chat_session=" TOKEN,
        "chat_session=" TOKEN "; a=b", "a=b;chat_session=" TOKEN ";c=d",
        "a; ; \t chat_session=" TOKEN,
    };

    (void)state;
    for (size_t i = 0; i < sizeof(headers) / sizeof(headers[0]); i++) {
        const char *token = chat_cookie_token(headers[i], "chat_session", pool);

        assert_non_null(token);
        assert_string_equal(token, TOKEN);
    }
}

static void a_cookie_of_another_name_or_form_is_passed_over(void **state)
{
    static const char *const headers[] = {
        "",
        "chat_session",
        "chat_session=",
        "chat_session=short",
        "chat_session=" TOKEN "x",
        "chat_session=\"" TOKEN "\"",
        "chat_session = " TOKEN,
        "xchat_session=" TOKEN,
        "chat_sessionx=" TOKEN,
        "Chat_Session=" TOKEN,
        "a=chat_session=" TOKEN,
        "chat_session=mi2wLEL9HSMTtIDPNOlI716AuzOz1oqupxB7VTBJbM!",
    };

    (void)state;
    assert_null(chat_cookie_token(NULL, "chat_session", pool));
    for (size_t i = 0; i < sizeof(headers) / sizeof(headers[0]); i++) {
        assert_null(chat_cookie_token(headers[i], "chat_session", pool));
    }
}

static void a_stray_cookie_in_front_does_not_hide_ours(void **state)
{
    const char *token = chat_cookie_token(
        "chat_session=planted; chat_session=" TOKEN, "chat_session", pool);

    (void)state;
    assert_non_null(token);
    assert_string_equal(token, TOKEN);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_bearer_token_comes_with_or_without_its_number),
        cmocka_unit_test(the_scheme_has_no_case_and_spaces_are_forgiven),
        cmocka_unit_test(another_scheme_is_no_bearer),
        cmocka_unit_test(a_bearer_header_without_a_token_is_bad),
        cmocka_unit_test(a_very_long_token_is_not_hashed),
        cmocka_unit_test(the_cookie_is_found_among_others),
        cmocka_unit_test(a_cookie_of_another_name_or_form_is_passed_over),
        cmocka_unit_test(a_stray_cookie_in_front_does_not_hide_ours),
    };

    return cmocka_run_group_tests(tests, open_pool, close_pool);
}
