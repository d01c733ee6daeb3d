/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_scan.c - JSON in one pass: what is right, what is refused, and spans.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "scan.h"

/* A copy of exactly its size, so that a read past the end is seen. */
static char *exact(const char *text, size_t len)
{
    char *copy = malloc(len ? len : 1);

    assert_non_null(copy);
    memcpy(copy, text, len);
    return copy;
}

static const char *scan_of(const char *text, size_t len, scan_value_t *a)
{
    const scan_field_t fields[] = { { "a", a } };
    char *copy = exact(text, len);
    const char *why = scan_object(copy, len, fields, 1);

    free(copy);
    return why;
}

static void right(const char *text)
{
    scan_value_t a;
    const char *why = scan_of(text, strlen(text), &a);

    if (why != NULL) {
        print_error("%s: %s\n", text, why);
    }
    assert_null(why);
}

static void refused(const char *text)
{
    scan_value_t a;

    if (scan_of(text, strlen(text), &a) == NULL) {
        print_error("accepted: %s\n", text);
        fail();
    }
}

static void every_kind_of_value_is_read(void **state)
{
    (void)state;
    right("{}");
    right(" { } ");
    right("{\"a\":1}");
    right("{\"a\":-0.5e+10,\"b\":[],\"c\":{},\"d\":[1,[2,{\"e\":null}]]}");
    right("{\"a\":true,\"b\":false,\"c\":null}");
    right("{\"a\":\"\\\"\\\\\\/\\b\\f\\n\\r\\t\\u00e9\\ud83d\\ude00\"}");
    right("\r\n\t{ \"a\" : [ 1 , 2 ] }\n");
    right("{\"a\":\"\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80\"}");
}

static void what_is_no_json_object_is_refused(void **state)
{
    static const char *const wrong[] = { "",
                                         " ",
                                         "null",
                                         "[]",
                                         "\"a\"",
                                         "1",
                                         "{",
                                         "}",
                                         "{\"a\"",
                                         "{\"a\":",
                                         "{\"a\":1",
                                         "{\"a\":1,",
                                         "{\"a\":1,}",
                                         "{,}",
                                         "{a:1}",
                                         "{'a':1}",
                                         "{\"a\":01}",
                                         "{\"a\":1.}",
                                         "{\"a\":.5}",
                                         "{\"a\":+1}",
                                         "{\"a\":1e}",
                                         "{\"a\":-}",
                                         "{\"a\":tru}",
                                         "{\"a\":nul}",
                                         "{\"a\":NaN}",
                                         "{\"a\":[1,]}",
                                         "{\"a\":[1 2]}",
                                         "{\"a\":[}",
                                         "{\"a\":1}}",
                                         "{\"a\":1} x",
                                         "{\"a\" 1}",
                                         "{\"a\":1 \"b\":2}",
                                         "{\"a\":}",
                                         "{\"a\":\"\\x\"}",
                                         "{\"a\":\"\\u12\"}",
                                         "{\"a\":\"\\u12g4\"}",
                                         "{\"a\":\"\n\"}",
                                         "{\"a\":\"\x01\"}",
                                         "{\"a\":\"",
                                         "{\"a\":\"\\",
                                         "{\"a\":\"\\u",
                                         "{\"a\":[[[",
                                         "{1:2}" };
    size_t i;

    (void)state;
    for (i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        refused(wrong[i]);
    }
}

static void what_is_no_unicode_is_refused(void **state)
{
    static const char *const wrong[] = { "\\ud800",          "\\udc00",
                                         "\\ud800\\u0041",   "\\ud800x",
                                         "\\u0000",          "\x80",
                                         "\xc0\xaf",         "\xc3",
                                         "\xe0\x80\x80",     "\xed\xa0\x80",
                                         "\xf0\x80\x80\x80", "\xf4\x90\x80\x80",
                                         "\xf5\x80\x80\x80", "\xff",
                                         "\xe2\x82",         "\xe2\x28\xa1" };
    char text[64];
    size_t i;

    (void)state;
    for (i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        snprintf(text, sizeof(text), "{\"a\":\"%s\"}", wrong[i]);
        refused(text);
    }
    assert_non_null(scan_of("{\"a\":\"\0\"}", 9, &(scan_value_t){ 0 }));
}

static void nesting_is_bounded(void **state)
{
    char text[256];
    int i, n;

    (void)state;
    for (n = 31; n <= 32; n++) {
        char *at = text;

        memcpy(at, "{\"a\":", 5);
        at += 5;
        for (i = 0; i < n; i++) {
            *at++ = '[';
        }
        for (i = 0; i < n; i++) {
            *at++ = ']';
        }
        *at++ = '}';
        *at = '\0';
        if (n < SCAN_DEPTH) {
            right(text);
        }
        else {
            refused(text);
        }
    }
}

static void a_key_may_be_there_once_however_it_is_spelled(void **state)
{
    (void)state;
    refused("{\"a\":1,\"a\":2}");
    refused("{\"b\":1,\"b\":2}");
    refused("{\"a\":1,\"\\u0061\":2}");
    refused("{\"\\u00e9\":1,\"\xc3\xa9\":2}");
    right("{\"a\":1,\"A\":2,\"aa\":3}");
}

static void a_member_is_found_also_when_its_name_is_escaped(void **state)
{
    const char text[] = "{\"x\":{\"a\":1},\"\\u0061\":\"v\\u00e9\"}";
    scan_value_t a;
    const scan_field_t fields[] = { { "a", &a } };
    char meant[8];

    (void)state;
    assert_null(scan_object(text, strlen(text), fields, 1));
    assert_int_equal(a.type, SCAN_STRING);
    assert_int_equal(a.size, 3);
    assert_true(a.escaped);
    scan_text(meant, &a);
    assert_memory_equal(meant, "v\xc3\xa9", 3);
    assert_memory_equal(a.at, "\"v\\u00e9\"", a.len);
}

static void an_absent_member_is_not_null(void **state)
{
    scan_value_t a, b;
    const scan_field_t fields[] = { { "a", &a }, { "b", &b } };

    (void)state;
    assert_null(scan_object("{\"b\":null}", 10, fields, 2));
    assert_int_equal(a.type, SCAN_ABSENT);
    assert_int_equal(b.type, SCAN_NULL);
}

static void every_escape_becomes_what_it_means(void **state)
{
    const char text[] = "{\"a\":\"\\\"\\\\\\/"
                        "\\b\\f\\n\\r\\t\\u0041\\u20ac\\ud83d\\ude00z\"}";
    const char meant[] = "\"\\/\b\f\n\r\tA\xe2\x82\xac\xf0\x9f\x98\x80z";
    scan_value_t a;
    const scan_field_t fields[] = { { "a", &a } };
    char out[64];

    (void)state;
    assert_null(scan_object(text, strlen(text), fields, 1));
    assert_int_equal(a.size, sizeof(meant) - 1);
    scan_text(out, &a);
    assert_memory_equal(out, meant, sizeof(meant) - 1);
}

static void elements_come_one_after_the_other(void **state)
{
    const char text[] = "{\"a\":[ 1 ,\"x\", {\"b\":[]} , [ ] ]}";
    scan_value_t a, v;
    const scan_field_t fields[] = { { "a", &a } };
    const char *at = NULL;
    const int types[] = { SCAN_NUMBER, SCAN_STRING, SCAN_OBJECT, SCAN_ARRAY };
    int n = 0;

    (void)state;
    assert_null(scan_object(text, strlen(text), fields, 1));
    while (scan_next(&a, &at, &v)) {
        assert_int_equal(v.type, types[n]);
        n++;
    }
    assert_int_equal(n, 4);
    assert_null(scan_object("{\"a\":[ ]}", 9, fields, 1));
    at = NULL;
    assert_false(scan_next(&a, &at, &v));
}

static void integers_are_told_from_other_numbers(void **state)
{
    static const struct {
        const char *text;
        int integer;
    } cases[] = { { "{\"a\":7}", 1 },
                  { "{\"a\":-7}", 1 },
                  { "{\"a\":7.0}", 0 },
                  { "{\"a\":7e1}", 0 },
                  { "{\"a\":\"7\"}", 0 } };
    scan_value_t a;
    const scan_field_t fields[] = { { "a", &a } };
    size_t i;

    (void)state;
    for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        assert_null(
            scan_object(cases[i].text, strlen(cases[i].text), fields, 1));
        assert_int_equal(scan_integer(&a), cases[i].integer);
    }
}

static void an_object_of_very_many_members_is_refused(void **state)
{
    char text[1024];
    int len = snprintf(text, sizeof(text), "{");
    int i;

    (void)state;
    for (i = 0; i < SCAN_MEMBERS; i++) {
        len += snprintf(text + len, sizeof(text) - (size_t)len, "%s\"k%d\":1",
                        i ? "," : "", i);
    }
    memcpy(text + len, "}", 2);
    right(text);
    memcpy(text + len, ",\"z\":1}", 8);
    refused(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_kind_of_value_is_read),
        cmocka_unit_test(what_is_no_json_object_is_refused),
        cmocka_unit_test(what_is_no_unicode_is_refused),
        cmocka_unit_test(nesting_is_bounded),
        cmocka_unit_test(a_key_may_be_there_once_however_it_is_spelled),
        cmocka_unit_test(a_member_is_found_also_when_its_name_is_escaped),
        cmocka_unit_test(an_absent_member_is_not_null),
        cmocka_unit_test(every_escape_becomes_what_it_means),
        cmocka_unit_test(elements_come_one_after_the_other),
        cmocka_unit_test(integers_are_told_from_other_numbers),
        cmocka_unit_test(an_object_of_very_many_members_is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
