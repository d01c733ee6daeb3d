/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_json.c - JSON from strangers: what is refused, and reads by type.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>
#include <apr_general.h>

#include "json.h"
#include "utf8.h"

static apr_pool_t *pool;

static int setup(void **state)
{
    (void)state;
    return apr_pool_create(&pool, NULL) != APR_SUCCESS;
}

static int teardown(void **state)
{
    (void)state;
    apr_pool_destroy(pool);
    return 0;
}

static json_t *parse(const char *text)
{
    const char *why;
    json_t *value = chat_json_parse_pool(text, strlen(text), &why, pool);

    if (value == NULL) {
        fail_msg("%s: %s", text, why);
    }
    return value;
}

static const char *refusal(const char *text, apr_size_t len)
{
    const char *why = NULL;
    json_t *value = chat_json_parse(text, len, &why, pool);

    if (value != NULL) {
        fail_msg("accepted: %s", text);
    }
    assert_non_null(why);
    assert_true(chat_utf8_valid(why, strlen(why)));
    return why;
}

static void any_value_may_stand_alone(void **state)
{
    (void)state;
    assert_true(json_is_object(parse(" {\"a\":1} \n")));
    assert_true(json_is_string(parse("\"text\"")));
    assert_true(json_is_integer(parse("7")));
    assert_true(json_is_null(parse("null")));
}

static void what_is_not_json_is_refused_with_a_sentence(void **state)
{
    (void)state;
    refusal("", 0);
    refusal("   ", 3);
    refusal("{", 1);
    refusal("{\"a\":1,}", 8);
    refusal("{'a':1}", 7);
    refusal("[01]", 4);
    refusal("[1e999]", 7);
    refusal("[99999999999999999999]", 22);
    refusal("nul", 3);
    refusal("\xef\xbb\xbf{}", 5); /* a byte order mark */
    assert_non_null(strstr(refusal("{} {}", 5), "something follows"));
    assert_non_null(strstr(refusal("{\"a\":1", 6), "ends too early"));
}

static void a_key_that_is_there_twice_is_refused(void **state)
{
    (void)state;
    assert_non_null(strstr(refusal("{\"a\":1,\"a\":2}", 13), "twice"));
    assert_non_null(strstr(refusal("{\"a\":1,\"\\u0061\":2}", 18), "twice"));
}

static void nul_never_gets_in(void **state)
{
    (void)state;
    refusal("\"a\\u0000b\"", 10);
    refusal("{\"a\\u0000b\":1}", 14);
    refusal("\"a\0b\"", 5);
    refusal("[1]\0", 4);
    refusal("\0", 1);
}

static void invalid_utf8_is_refused_and_not_quoted_back(void **state)
{
    (void)state;
    assert_non_null(strstr(refusal("\"\xff\"", 3), "not UTF-8"));
    refusal("\"\xed\xa0\x80\"", 5);
    refusal("\"\\ud800\"", 8);
    refusal("\"\\ud83dx\"", 9);
    /* jansson would quote what stands near, cut in half. */
    refusal("{\"\xd9\x85\" \xd9\x85\xd8\xb1\xd8\xad\xd8\xa8\xd8\xa7 }", 17);
}

static char *nested(int depth, const char *open, const char *close)
{
    char *text = calloc(1, (size_t)depth * 8 + 2);
    char *end = text;
    int i;

    for (i = 0; i < depth; i++) {
        end = stpcpy(end, open);
    }
    end = stpcpy(end, "1");
    for (i = 0; i < depth; i++) {
        end = stpcpy(end, close);
    }
    return text;
}

static void nesting_is_bounded(void **state)
{
    char *deepest = nested(CHAT_JSON_DEPTH, "[", "]");
    char *lists = nested(CHAT_JSON_DEPTH + 1, "[", "]");
    char *objects = nested(CHAT_JSON_DEPTH + 1, "{\"a\":", "}");

    (void)state;
    parse(deepest);
    assert_non_null(strstr(refusal(lists, strlen(lists)), "deep"));
    assert_non_null(strstr(refusal(objects, strlen(objects)), "deep"));
    free(deepest);
    free(lists);
    free(objects);
}

static void brackets_in_strings_do_not_nest(void **state)
{
    (void)state;
    parse("[\"[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[\"]");
    parse("[\"\\\"[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[\"]");
    parse("[\"\\\\\",[[[\"{{{{{{{{{{{{{{{{{{{{{{{{{{{{{{{{{{{{\"]]]]");
}

static void size_is_bounded_before_parsing(void **state)
{
    char *text = calloc(1, CHAT_JSON_SIZE + 1);

    (void)state;
    assert_non_null(strstr(refusal(text, CHAT_JSON_SIZE + 1), "too large"));
    free(text);
}

static void a_member_is_missing_wrong_or_right(void **state)
{
    json_t *obj = parse("{\"s\":\"x\",\"e\":\"\",\"n\":null,\"i\":-7,\"r\":3.0,"
                        "\"h\":0.5,\"t\":true,\"f\":false,\"l\":[],"
                        "\"big\":9223372036854775807,\"huge\":1e300}");
    const char *s = "untouched";
    apr_int64_t i = 42;
    int b = 42;

    (void)state;
    assert_int_equal(chat_json_string(obj, "none", &s), CHAT_JSON_MISSING);
    assert_int_equal(chat_json_string(obj, "n", &s), CHAT_JSON_MISSING);
    assert_int_equal(chat_json_string(obj, "i", &s), CHAT_JSON_TYPE);
    assert_string_equal(s, "untouched");
    assert_int_equal(chat_json_string(obj, "e", &s), CHAT_JSON_OK);
    assert_string_equal(s, "");

    assert_int_equal(chat_json_bool(obj, "i", &b), CHAT_JSON_TYPE);
    assert_int_equal(chat_json_bool(obj, "none", &b), CHAT_JSON_MISSING);
    assert_int_equal(b, 42);
    assert_int_equal(chat_json_bool(obj, "t", &b), CHAT_JSON_OK);
    assert_int_equal(b, 1);
    assert_int_equal(chat_json_bool(obj, "f", &b), CHAT_JSON_OK);
    assert_int_equal(b, 0);

    assert_int_equal(chat_json_int(obj, "s", &i), CHAT_JSON_TYPE);
    assert_int_equal(chat_json_int(obj, "h", &i), CHAT_JSON_TYPE);
    assert_int_equal(chat_json_int(obj, "huge", &i), CHAT_JSON_TYPE);
    assert_int_equal(chat_json_int(obj, "t", &i), CHAT_JSON_TYPE);
    assert_int_equal(chat_json_int(obj, "n", &i), CHAT_JSON_MISSING);
    assert_int_equal(i, 42);
    assert_int_equal(chat_json_int(obj, "i", &i), CHAT_JSON_OK);
    assert_int_equal(i, -7);
    assert_int_equal(chat_json_int(obj, "r", &i), CHAT_JSON_OK);
    assert_int_equal(i, 3);
    assert_int_equal(chat_json_int(obj, "big", &i), CHAT_JSON_OK);
    assert_true(i == APR_INT64_MAX);
}

static void reads_of_what_is_no_object_are_missing(void **state)
{
    const char *s;
    int b;

    (void)state;
    assert_int_equal(chat_json_string(parse("[1]"), "a", &s),
                     CHAT_JSON_MISSING);
    assert_int_equal(chat_json_bool(parse("\"a\""), "a", &b),
                     CHAT_JSON_MISSING);
    assert_int_equal(chat_json_string(NULL, "a", &s), CHAT_JSON_MISSING);
}

static void an_id_may_be_text_or_a_whole_number(void **state)
{
    json_t *obj = parse("{\"s\":\"a-1\",\"i\":12,\"r\":1.5,\"l\":[],"
                        "\"t\":true}");
    const char *id = NULL;

    (void)state;
    assert_int_equal(chat_json_id(obj, "s", &id, pool), CHAT_JSON_OK);
    assert_string_equal(id, "a-1");
    assert_int_equal(chat_json_id(obj, "i", &id, pool), CHAT_JSON_OK);
    assert_string_equal(id, "12");
    assert_int_equal(chat_json_id(obj, "r", &id, pool), CHAT_JSON_TYPE);
    assert_int_equal(chat_json_id(obj, "l", &id, pool), CHAT_JSON_TYPE);
    assert_int_equal(chat_json_id(obj, "t", &id, pool), CHAT_JSON_TYPE);
    assert_int_equal(chat_json_id(obj, "none", &id, pool), CHAT_JSON_MISSING);
    assert_string_equal(id, "12");
}

static void text_is_compact_utf8(void **state)
{
    (void)state;
    assert_string_equal(
        chat_json_text(parse("{ \"a\" : [ 1, \"\\u0645\" ] }"), pool),
        "{\"a\":[1,\"\xd9\x85\"]}");
    assert_string_equal(chat_json_text(parse("\"x\""), pool), "\"x\"");
}

static void a_quoted_string_may_stand_in_a_page(void **state)
{
    (void)state;
    assert_string_equal(chat_json_quote("</script>&", 10, pool),
                        "\"\\u003c/script\\u003e\\u0026\"");
    assert_string_equal(chat_json_quote("", 0, pool), "\"\"");
    assert_string_equal(chat_json_quote("a\"\\\n\r\t\x01\x7f\0", 9, pool),
                        "\"a\\\"\\\\\\n\\r\\t\\u0001\x7f\\u0000\"");
}

static void a_literal_is_as_long_as_its_size_says(void **state)
{
    static const char s[] = "<\"\xd9\x85\x1f\n>";
    char to[64];
    char *end;

    (void)state;
    memset(to, '!', sizeof(to));
    end = chat_json_put(to, s, sizeof(s) - 1);
    assert_int_equal(end - to, chat_json_size(s, sizeof(s) - 1));
    assert_memory_equal(to, "\"<\\\"\xd9\x85\\u001f\\n>\"!",
                        (size_t)(end - to) + 1);
}

static void the_inside_of_a_literal_is_the_literal_without_quotes(void **state)
{
    static const char s[] = "<\"\xd9\x85\x1f\n>";
    char whole[64], inside[64];
    char *end;

    (void)state;
    chat_json_put(whole, s, sizeof(s) - 1);
    end = chat_json_escape(inside, s, sizeof(s) - 1);
    assert_int_equal(end - inside, chat_json_escaped(s, sizeof(s) - 1));
    assert_int_equal(end - inside + 2, chat_json_size(s, sizeof(s) - 1));
    assert_memory_equal(inside, whole + 1, (size_t)(end - inside));
}

static void every_byte_of_ascii_survives_quoting(void **state)
{
    char s[127];
    char *quoted;
    json_t *back;
    int i;

    (void)state;
    for (i = 0; i < 127; i++) {
        s[i] = (char)(i + 1);
    }
    quoted = chat_json_quote(s, sizeof(s), pool);
    back = parse(quoted);
    assert_int_equal(json_string_length(back), sizeof(s));
    assert_memory_equal(json_string_value(back), s, sizeof(s));
}

/* Eight bytes are looked at together: each byte at each place among others. */
static void a_byte_is_escaped_wherever_it_stands(void **state)
{
    char s[24], want[64], got[64];

    (void)state;
    for (int c = 1; c < 256; c++) {
        for (size_t at = 0; at < sizeof(s); at++) {
            const char *one = chat_json_quote((char[]){ (char)c }, 1, pool);
            size_t n = strlen(one) - 2;

            memset(s, 'x', sizeof(s));
            s[at] = (char)c;
            snprintf(want, sizeof(want), "\"%.*s%.*s%.*s\"", (int)at,
                     "xxxxxxxxxxxxxxxxxxxxxxxx", (int)n, one + 1,
                     (int)(sizeof(s) - at - 1), "xxxxxxxxxxxxxxxxxxxxxxxx");
            assert_string_equal(chat_json_quote(s, sizeof(s), pool), want);
            if (c != '<' && c != '>' && c != '&') { /* these for pages only */
                *chat_json_put(got, s, sizeof(s)) = '\0';
                assert_string_equal(got, want);
            }
            assert_int_equal(chat_json_put(got, s, sizeof(s)) - got,
                             chat_json_size(s, sizeof(s)));
        }
        apr_pool_clear(pool);
    }
}

/* A text with a NUL in it was a letter in one answer and all of it in another.
 */
static void what_others_wrote_is_repaired_alike(void **state)
{
    static const char fine[] = "{\"a\":\"\\\\u0000 \\u0001 \\n\"}";

    (void)state;
    assert_ptr_equal(chat_json_repaired("[1]", pool), "[1]");
    assert_string_equal(chat_json_repaired(fine, pool), fine);
    assert_string_equal(
        chat_json_repaired("[\"a\\u0000b\\u0000\",\"\\\\\\u0000\"]", pool),
        "[\"a\\ufffdb\\ufffd\",\"\\\\\\ufffd\"]");
    assert_string_equal(chat_json_repaired("[\"\xe9\\u0000\"]", pool),
                        "[\"\xef\xbf\xbd\\ufffd\"]");
    assert_string_equal(chat_json_repaired("\\", pool), "\\");
    assert_string_equal(chat_json_repaired("\\u0000\\", pool), "\\ufffd\\");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(any_value_may_stand_alone),
        cmocka_unit_test(what_is_not_json_is_refused_with_a_sentence),
        cmocka_unit_test(a_key_that_is_there_twice_is_refused),
        cmocka_unit_test(nul_never_gets_in),
        cmocka_unit_test(invalid_utf8_is_refused_and_not_quoted_back),
        cmocka_unit_test(nesting_is_bounded),
        cmocka_unit_test(brackets_in_strings_do_not_nest),
        cmocka_unit_test(size_is_bounded_before_parsing),
        cmocka_unit_test(a_member_is_missing_wrong_or_right),
        cmocka_unit_test(reads_of_what_is_no_object_are_missing),
        cmocka_unit_test(an_id_may_be_text_or_a_whole_number),
        cmocka_unit_test(text_is_compact_utf8),
        cmocka_unit_test(a_quoted_string_may_stand_in_a_page),
        cmocka_unit_test(a_literal_is_as_long_as_its_size_says),
        cmocka_unit_test(the_inside_of_a_literal_is_the_literal_without_quotes),
        cmocka_unit_test(every_byte_of_ascii_survives_quoting),
        cmocka_unit_test(a_byte_is_escaped_wherever_it_stands),
        cmocka_unit_test(what_others_wrote_is_repaired_alike),
    };

    apr_initialize();
    return cmocka_run_group_tests(tests, setup, teardown);
}
