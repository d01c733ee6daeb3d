/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_verdict.c - what an auth endpoint's answer means, and what a socket
 * shows to one.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>
#include <apr_general.h>

#include "endpoint.h"
#include "verdict.h"

static apr_pool_t *pool;

static int setup(void **state)
{
    (void)state;
    apr_initialize();
    return apr_pool_create(&pool, NULL);
}

static int teardown(void **state)
{
    (void)state;
    apr_pool_destroy(pool);
    apr_terminate();
    return 0;
}

static push_answer_t read_answer(long status, const char *body)
{
    push_answer_t a;

    push_verdict_read(&a, status, body, strlen(body), pool);
    return a;
}

static void a_yes_brings_its_signature_and_maybe_the_log_in(void **state)
{
    push_answer_t a = read_answer(200, "{\"auth\":\"key:0f\"}");

    (void)state;
    assert_int_equal(a.verdict, PUSH_VERDICT_YES);
    assert_string_equal(a.auth, "key:0f");
    assert_string_equal(a.session, "");
    a = read_answer(201, "{\"auth\":\"k:1\",\"session\":\"s0f\",\"until\":7}");
    assert_string_equal(a.session, "s0f");
    assert_int_equal(a.until, 7);
    a = read_answer(200, "{\"auth\":\"k:1\",\"session\":\"q!\",\"until\":7}");
    assert_string_equal(a.session, "");
    assert_int_equal(a.until, 0);
    a = read_answer(200, "{\"auth\":\"k:1\",\"session\":\"s1\",\"until\":-7}");
    assert_int_equal(a.until, 0);
}

static void a_refusal_is_a_no_and_trouble_is_neither(void **state)
{
    static const long no[] = { 400, 401, 403, 404, 419, 422 };
    static const long unknown[] = { 0,   100, 301, 302, 408,
                                    421, 425, 429, 500, 503 };
    size_t i;

    (void)state;
    for (i = 0; i < sizeof(no) / sizeof(no[0]); i++) {
        assert_int_equal(read_answer(no[i], "{\"auth\":\"k:1\"}").verdict,
                         PUSH_VERDICT_NO);
    }
    for (i = 0; i < sizeof(unknown) / sizeof(unknown[0]); i++) {
        assert_int_equal(read_answer(unknown[i], "{\"auth\":\"k:1\"}").verdict,
                         PUSH_VERDICT_UNKNOWN);
    }
}

static void what_is_no_answer_is_trouble(void **state)
{
    static const char *const bodies[] = {
        "",
        "x",
        "[]",
        "{}",
        "{\"auth\":1}",
        "{\"auth\":null}",
        "{\"auth\":\"a\\u0000b\"}",
        "\"auth\"",
        "{\"auth\":\"k:1\"",
    };
    size_t i;

    (void)state;
    for (i = 0; i < sizeof(bodies) / sizeof(bodies[0]); i++) {
        assert_int_equal(read_answer(200, bodies[i]).verdict,
                         PUSH_VERDICT_UNKNOWN);
    }
}

static void the_token_of_a_double_submit_cookie_is_found(void **state)
{
    static const struct {
        const char *cookie, *token; /* NULL: there is none */
    } cases[] = {
        { "XSRF-TOKEN=abc", "abc" },
        { "a=b; XSRF-TOKEN=a%3D%3d; c=d", "a==" },
        { "a=b;XSRF-TOKEN=x;", "x" },
        { "XSRF-TOKEN=", NULL },
        { "XSRF-TOKEN=;a=b", NULL },
        { "AXSRF-TOKEN=abc", NULL },
        { "a=XSRF-TOKEN=abc", NULL },
        { "XSRF-TOKEN=a%0d%0aX: y", NULL },
        { "XSRF-TOKEN=a%0", NULL },
        { "XSRF-TOKEN=a%gg", NULL },
        { "XSRF-TOKEN=a%00b", NULL },
        { "; ; ;", NULL },
        { "", NULL },
    };
    char out[64];
    size_t i;

    (void)state;
    for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        int found = push_endpoint_xsrf(out, cases[i].cookie,
                                       strlen(cases[i].cookie));

        assert_int_equal(found, cases[i].token != NULL);
        if (found) {
            assert_string_equal(out, cases[i].token);
        }
    }
}

static push_value_t value(const char *text)
{
    push_value_t v = { text, text != NULL ? strlen(text) : 0 };

    return v;
}

static void what_is_shown_is_bounded_and_one_line(void **state)
{
    static char much[PUSH_SHOWN_MOST + 2];
    push_shown_t *shown;

    (void)state;
    assert_null(push_shown_create(value(NULL), value(NULL), value("http://h")));
    assert_null(push_shown_create(value("a\r\nb"), value(NULL), value(NULL)));
    assert_null(push_shown_create(value(NULL), value("a\nb"), value(NULL)));
    memset(much, 'c', sizeof(much) - 1);
    assert_null(push_shown_create(value(much), value(NULL), value(NULL)));
    much[PUSH_SHOWN_MOST - 1] = '\0';
    shown = push_shown_create(value(much), value(NULL), value(NULL));
    assert_non_null(shown);
    push_shown_release(push_shown_retain(shown));
    assert_string_equal(shown->cookie, much);
    assert_null(shown->origin);
    push_shown_release(shown);
    push_shown_release(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_yes_brings_its_signature_and_maybe_the_log_in),
        cmocka_unit_test(a_refusal_is_a_no_and_trouble_is_neither),
        cmocka_unit_test(what_is_no_answer_is_trouble),
        cmocka_unit_test(the_token_of_a_double_submit_cookie_is_found),
        cmocka_unit_test(what_is_shown_is_bounded_and_one_line),
    };

    return cmocka_run_group_tests(tests, setup, teardown);
}
