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
        { "https://example.org:65535", "https://example.org:65535" },
        { "https://xn--bcher-kva.example", "https://xn--bcher-kva.example" },
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        const char *canonical = chat_origin_canonical(cases[i].sent, pool);

        assert_non_null(canonical);
        assert_string_equal(canonical, cases[i].same);
    }
}

static void an_ipv6_address_is_written_as_browsers_do(void **state)
{
    static const struct {
        const char *sent;
        const char *same;
    } cases[] = {
        { "http://[0:0:0:0:0:0:0:1]", "http://[::1]" },
        { "http://[0:0:0:0:0:0:0:0]", "http://[::]" },
        { "http://[2001:0DB8:0000::0001]", "http://[2001:db8::1]" },
        { "http://[2001:db8:0:1:0:0:0:0]", "http://[2001:db8:0:1::]" },
        { "http://[1:0:0:2:0:0:3:4]", "http://[1::2:0:0:3:4]" },
        { "http://[1:0:2:3:4:5:6:7]", "http://[1:0:2:3:4:5:6:7]" },
        { "http://[1::3:4:5:6:7:8]", "http://[1:0:3:4:5:6:7:8]" },
        { "http://[::ffff:192.0.2.1]", "http://[::ffff:c000:201]" },
        { "http://[ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff]:65535",
          "http://[ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff]:65535" },
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        const char *canonical = chat_origin_canonical(cases[i].sent, pool);

        assert_non_null(canonical);
        assert_string_equal(canonical, cases[i].same);
    }
}

/* Their schemes have no port of their own. */
static void a_web_views_scheme_is_one(void **state)
{
    static const struct {
        const char *sent;
        const char *same;
    } cases[] = {
        { "capacitor://localhost", "capacitor://localhost" },
        { "Ionic://LocalHost", "ionic://localhost" },
        { "app://-", "app://-" },
        { "tauri://localhost:80", "tauri://localhost:80" },
        { "x-my.app+1://home", "x-my.app+1://home" },
        { "chrome-extension://abcdefghijklmnop",
          "chrome-extension://abcdefghijklmnop" },
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
        "http://example.org:0",
        "http://example.org:080",
        "http://example.org:65536",
        "http://[1:2]",
        "http://[::1%25eth0]",
        "http://[1:2:3:4:5:6:7:8:9]",
        "*",
        "https://*.example.org",
        "app://",
        "app:/-",
        "1app://-",
        "file://localhost",
        "FILE://localhost",
        "blob://x",
        "wss://example.org",
        "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
        "://x",
    };

    (void)state;
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        assert_null(chat_origin_canonical(wrong[i], pool));
        assert_true(strlen(chat_origin_why(wrong[i])) > 10);
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

static void one_of_a_list_is_found_and_nothing_near_it(void **state)
{
    apr_array_header_t *list = apr_array_make(pool, 2, sizeof(const char *));

    (void)state;
    assert_false(chat_origin_listed(NULL, "https://a.example"));
    assert_false(chat_origin_listed(list, "https://a.example"));
    APR_ARRAY_PUSH(list, const char *) = "https://a.example";
    APR_ARRAY_PUSH(list, const char *) = "app://-";
    assert_true(chat_origin_listed(list, "https://a.example"));
    assert_true(chat_origin_listed(list, "app://-"));
    assert_false(chat_origin_listed(list, "https://a.example.evil"));
    assert_false(chat_origin_listed(list, "https://a.exampl"));
    assert_false(chat_origin_listed(list, ""));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(case_and_the_schemes_own_port_do_not_matter),
        cmocka_unit_test(an_ipv6_address_is_written_as_browsers_do),
        cmocka_unit_test(a_web_views_scheme_is_one),
        cmocka_unit_test(what_is_no_web_origin_is_none),
        cmocka_unit_test(one_of_a_list_is_found_and_nothing_near_it),
        cmocka_unit_test(scheme_and_host_header_make_the_own_origin),
    };

    return cmocka_run_group_tests(tests, open_pool, close_pool);
}
