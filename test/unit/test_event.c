/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_event.c - cursors, and event rows as clients see them.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>
#include <apr_general.h>
#include <jansson.h>

#include "event.h"

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

static void a_cursor_comes_back_as_it_went_out(void **state)
{
    static const apr_int64_t ids[] = { 0, 1, 10, 4711, APR_INT64_MAX };
    chat_cursor_t in, out;
    apr_size_t i;

    (void)state;
    for (i = 0; i < sizeof(ids) / sizeof(ids[0]); i++) {
        in = chat_cursor_at("00ff", ids[i]);
        assert_true(chat_cursor_parse(&out, chat_cursor_text(&in, pool), pool));
        assert_string_equal(out.epoch, "00ff");
        assert_true(out.id == ids[i]);
    }
}

static void a_cursor_needs_no_escaping_in_a_url(void **state)
{
    chat_cursor_t c = { "0123456789abcdef0123456789abcdef", 1, APR_INT64_MAX,
                        APR_INT64_MAX, APR_INT64_MAX };
    char *text = chat_cursor_text(&c, pool);

    (void)state;
    assert_int_equal(strspn(text, "0123456789abcdef."), strlen(text));
    assert_true(chat_cursor_parse(&c, text, pool));
    assert_true(c.id == 1 && c.upto == APR_INT64_MAX && c.page == c.upto);
}

/* Two spellings of one place would be two strings that clients compare. */
static void anything_else_is_no_cursor(void **state)
{
    /* clang-format off */
    static const char *const rows[] = {
        "", "1.2.3", "1.ab.7", "C1.ab.7", "c2.ab.7", "ab.7", "c1", "c1.",
        "c1..", "c1.ab", "c1.ab.", "c1..7",
        "c1.ab.-1", "c1.ab.+1", "c1.ab.07", "c1.ab.00", "c1.ab.7 ", " c1.ab.7",
        "c1.AB.7", "c1.xy.7", "c1.ab.7x", "c1.ab.7.8", "c1.ab.0x7",
        "c1.ab.9223372036854775808", "c1.ab.99999999999999999999",
        "c1.ab.18446744073709551617",
        "c1.0123456789abcdef0123456789abcdef0.7", "null", "c1.ab.7\n",
        "c2.ab.7.7.0.7", "c2.ab.7.9.0.7", "c2.ab.7.7.5.7", "c2.ab.7.6.5.7",
        "c2.ab.7.9.5.6", "c2.ab.7.9.5", "c2.ab.7.9.5.7.1", "c2.ab.7.9.5.7.",
        "c2.ab.7.9.5.07", "c2.ab..9.5.7", "c3.ab.7", "c2.ab.7.9.-5.7",
    };
    /* clang-format on */
    chat_cursor_t c = chat_cursor_at("untouched", -1);
    apr_size_t i;

    (void)state;
    for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        if (chat_cursor_parse(&c, rows[i], pool)) {
            fail_msg("accepted: \"%s\"", rows[i]);
        }
        assert_string_equal(c.epoch, "untouched");
        assert_int_equal(c.id, -1);
    }
}

static void id_and_cursor_are_the_last_members_of_data(void **state)
{
    (void)state;
    assert_string_equal(
        chat_event_data("{\"message\":{\"id\":3}}", 12, "1.ab.12", pool),
        "{\"message\":{\"id\":3},\"id\":12,\"cursor\":\"1.ab.12\"}");
    assert_string_equal(chat_event_data("{}", 1, "c", pool),
                        "{\"id\":1,\"cursor\":\"c\"}");
    assert_string_equal(chat_event_data("{ \n}", 1, "c", pool),
                        "{ \n\"id\":1,\"cursor\":\"c\"}");
}

static void a_payload_that_is_no_object_is_no_data(void **state)
{
    (void)state;
    assert_null(chat_event_data("", 1, "c", pool));
    assert_null(chat_event_data("{", 1, "c", pool));
    assert_null(chat_event_data("[]", 1, "c", pool));
    assert_null(chat_event_data("null", 1, "c", pool));
    assert_null(chat_event_data("\"{}\"", 1, "c", pool));
    assert_null(chat_event_data(" {}", 1, "c", pool));
}

/* A foreign program stored Latin-1: the sockets of both people must survive. */
static void data_is_utf8_whatever_the_row_holds(void **state)
{
    (void)state;
    assert_string_equal(chat_event_data("{\"a\":\"caf\xe9\"}", 1, "c", pool),
                        "{\"a\":\"caf\xef\xbf\xbd\",\"id\":1,"
                        "\"cursor\":\"c\"}");
}

static void a_nul_in_a_text_is_no_nul_in_data(void **state)
{
    (void)state;
    assert_string_equal(chat_event_data("{\"a\":\"b\\u0000c\"}", 1, "c", pool),
                        "{\"a\":\"b\\ufffdc\",\"id\":1,\"cursor\":\"c\"}");
}

static void a_message_carries_its_data_as_a_string(void **state)
{
    apr_size_t len;
    char *text = chat_event_message("MessageSent", "private-user.7",
                                    "{\"a\":\"x \\\"y\\\" \xd9\x85 <b>\"}",
                                    &len, pool);

    (void)state;
    assert_string_equal(text, "{\"event\":\"MessageSent\","
                              "\"channel\":\"private-user.7\","
                              "\"data\":\"{\\\"a\\\":\\\"x \\\\\\\"y\\\\\\\" "
                              "\xd9\x85 <b>\\\"}\"}");
    assert_int_equal(len, strlen(text));
}

static void data_survives_the_double_encoding(void **state)
{
    char payload[] = "{\"body\":\"line 1\\nline 2\\t\\u0001 \\\\ \\/ \x7f\"}";
    char *data = chat_event_data(payload, 9, "1.ab.9", pool);
    json_error_t error;
    json_t *outer;
    json_t *inner;
    apr_size_t len;
    char *text;

    (void)state;
    text = chat_event_message("a\"b", "c\\d", data, &len, pool);
    outer = json_loadb(text, len, 0, &error);
    assert_non_null(outer);
    assert_string_equal(json_string_value(json_object_get(outer, "event")),
                        "a\"b");
    assert_string_equal(json_string_value(json_object_get(outer, "channel")),
                        "c\\d");
    assert_string_equal(json_string_value(json_object_get(outer, "data")),
                        data);
    inner = json_loads(data, 0, &error);
    assert_non_null(inner);
    assert_string_equal(json_string_value(json_object_get(inner, "body")),
                        "line 1\nline 2\t\x01 \\ / \x7f");
    assert_int_equal(json_integer_value(json_object_get(inner, "id")), 9);
    json_decref(inner);
    json_decref(outer);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_cursor_comes_back_as_it_went_out),
        cmocka_unit_test(a_cursor_needs_no_escaping_in_a_url),
        cmocka_unit_test(anything_else_is_no_cursor),
        cmocka_unit_test(id_and_cursor_are_the_last_members_of_data),
        cmocka_unit_test(a_payload_that_is_no_object_is_no_data),
        cmocka_unit_test(data_is_utf8_whatever_the_row_holds),
        cmocka_unit_test(a_nul_in_a_text_is_no_nul_in_data),
        cmocka_unit_test(a_message_carries_its_data_as_a_string),
        cmocka_unit_test(data_survives_the_double_encoding),
    };

    apr_initialize();
    return cmocka_run_group_tests(tests, setup, teardown);
}
