/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_origin.c - which origins are the same, and what is none.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>
#include <apr_general.h>
#include <apr_strings.h>

#include "origin.h"

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

static void case_and_the_schemes_own_port_do_not_matter(void **state)
{
    static const struct {
        const char *sent;
        const char *same;
    } cases[] = {
        { "http://example.org", "http://example.org" },
        { "HTTP://Example.ORG", "http://example.org" },
        { "http://example.org:80", "http://example.org" },
        { "https://example.org:443", "https://example.org" },
        { "https://example.org:80", "https://example.org:80" },
        { "http://127.0.0.1:8080", "http://127.0.0.1:8080" },
        { "http://[::1]:8080", "http://[::1]:8080" },
        { "http://[2001:DB8::1]", "http://[2001:db8::1]" },
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        const char *canonical = chat_origin_canonical(cases[i].sent, pool);

        assert_non_null(canonical);
        assert_string_equal(canonical, cases[i].same);
    }
}

static void what_is_no_web_origin_is_none(void **state)
{
    static const char *const wrong[] = {
        "",
        "null",
        "http://",
        "https://:443",
        "example.org",
        "//example.org",
        "ftp://example.org",
        "file://",
        "http://example.org/",
        "http://example.org/path",
        "http://example.org?",
        "http://example.org#",
        "http://user@example.org",
        "http://example.org:",
        "http://example.org:port",
        "http://example.org:123456",
        "http://example.org:80:80",
        "http://exam ple.org",
        "http://example.org http://other.example",
        "http://[::1",
        "http://[]",
        "http://[::1]x",
        "http://[evil.example]",
        "http://ex\xc3\xa4mple.org",
    };

    (void)state;
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        assert_null(chat_origin_canonical(wrong[i], pool));
    }
}

static void scheme_and_host_header_make_the_own_origin(void **state)
{
    (void)state;
    assert_string_equal(chat_origin_of("http", "Example.org:80", pool),
                        "http://example.org");
    assert_string_equal(chat_origin_of("https", "example.org:8443", pool),
                        "https://example.org:8443");
    assert_null(chat_origin_of("http", "", pool));
    assert_null(chat_origin_of("http", "evil.example/example.org", pool));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(case_and_the_schemes_own_port_do_not_matter),
        cmocka_unit_test(what_is_no_web_origin_is_none),
        cmocka_unit_test(scheme_and_host_header_make_the_own_origin),
    };

    return cmocka_run_group_tests(tests, open_pool, close_pool);
}
