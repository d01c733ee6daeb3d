/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_pusher.c - the messages of the Pusher protocol as bytes.
 *
 * Every message built is parsed by jansson again, and data that the documents
 * call a string of JSON once more.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>
#include <jansson.h>

#include "pusher.h"
#include "ws.h"

static scan_value_t value_of(const char *object, const char *name)
{
    scan_value_t v;
    const scan_field_t fields[] = { { name, &v } };

    assert_null(scan_object(object, strlen(object), fields, 1));
    return v;
}

/* The message within a frame, released. */
static json_t *message_of(push_frame_t *f)
{
    apr_size_t head = f->data[1] < 126 ? 2 : f->data[1] == 126 ? 4 : 10;
    json_error_t error;
    json_t *json;

    assert_int_equal(f->data[0], 0x80 | WS_TEXT);
    if (head == 2) {
        assert_int_equal(f->data[1], f->len - 2);
    }
    else if (head == 4) {
        assert_int_equal(f->data[2] * 256 + f->data[3], f->len - 4);
    }
    json = json_loadb((const char *)f->data + head, f->len - head,
                      JSON_REJECT_DUPLICATES, &error);
    if (json == NULL) {
        print_error("%s: %.*s\n", error.text, (int)(f->len - head),
                    f->data + head);
    }
    assert_non_null(json);
    push_frame_release(f);
    return json;
}

static const char *text_in(const json_t *json, const char *key)
{
    const char *text = json_string_value(json_object_get(json, key));

    assert_non_null(text);
    return text;
}

/* data as the documents want it: a string that holds JSON. */
static json_t *data_of(const json_t *json)
{
    json_t *data = json_loads(text_in(json, "data"), 0, NULL);

    assert_non_null(data);
    return data;
}

static void an_established_connection_learns_its_socket_id(void **state)
{
    json_t *m = message_of(pusher_established("12.34", 120));
    json_t *data = data_of(m);

    (void)state;
    assert_string_equal(text_in(m, "event"), "pusher:connection_established");
    assert_string_equal(text_in(data, "socket_id"), "12.34");
    assert_int_equal(
        json_integer_value(json_object_get(data, "activity_timeout")), 120);
    json_decref(data);
    json_decref(m);
    m = message_of(pusher_established("12.34", 0));
    data = data_of(m);
    assert_null(json_object_get(data, "activity_timeout"));
    json_decref(data);
    json_decref(m);
}

static void an_event_carries_name_and_data_as_they_came(void **state)
{
    const char
        body[] = "{\"name\":\"a \\\"b\\u00e9\",\"data\":\"{\\\"x\\\":1}\"}";
    scan_value_t name = value_of(body, "name");
    scan_value_t data = value_of(body, "data");
    apr_uint32_t name_at;
    apr_size_t len;
    push_frame_t *f = pusher_event(&name, "my-channel", 10, &data, NULL,
                                   &name_at);
    const char *at = pusher_data(f, name_at, 10, &len);
    json_t *m;

    (void)state;
    assert_memory_equal(f->data + name_at, "my-channel", 10);
    assert_int_equal(len, data.len);
    assert_memory_equal(at, data.at, len);
    m = message_of(f);
    assert_string_equal(text_in(m, "event"), "a \"b\xc3\xa9");
    assert_string_equal(text_in(m, "channel"), "my-channel");
    assert_string_equal(text_in(m, "data"), "{\"x\":1}");
    assert_null(json_object_get(m, "user_id"));
    json_decref(m);
}

static void data_that_is_no_string_becomes_one(void **state)
{
    const char body[] = "{\"name\":\"n\",\"data\":{\"x\":[\"\\\"\",1]}}";
    scan_value_t name = value_of(body, "name");
    scan_value_t data = value_of(body, "data");
    const push_user_t user = { "7", 1, "7", 1, "{}", 2 };
    apr_uint32_t name_at;
    json_t *m = message_of(
        pusher_event(&name, "presence-x", 10, &data, &user, &name_at));

    (void)state;
    assert_string_equal(text_in(m, "data"), "{\"x\":[\"\\\"\",1]}");
    assert_int_equal(json_integer_value(json_object_get(m, "user_id")), 7);
    json_decref(m);
}

static void an_event_may_have_no_data(void **state)
{
    scan_value_t name = value_of("{\"name\":\"n\"}", "name");
    scan_value_t none = { 0 };
    apr_uint32_t name_at;
    json_t *m = message_of(
        pusher_event(&name, "private-x", 9, &none, NULL, &name_at));

    (void)state;
    assert_null(json_object_get(m, "data"));
    json_decref(m);
}

static void a_long_event_has_the_long_header(void **state)
{
    char *data = malloc(70000);
    apr_uint32_t name_at;
    push_frame_t *f;

    (void)state;
    memset(data, 'x', 70000);
    f = pusher_event_text("e", "c", data, 70000, &name_at);
    assert_int_equal(f->data[1], 127);
    assert_memory_equal(f->data + name_at, "c\"", 2);
    json_decref(message_of(f));
    f = pusher_event_text("e", "c", data, 200, &name_at);
    assert_int_equal(f->data[1], 126);
    assert_memory_equal(f->data + name_at, "c\"", 2);
    json_decref(message_of(f));
    free(data);
}

static void plain_texts_are_quoted(void **state)
{
    apr_uint32_t name_at;
    json_t *m = message_of(
        pusher_event_text("a\"b", "c", "x\n\x01\\\"", 5, &name_at));

    (void)state;
    assert_string_equal(text_in(m, "event"), "a\"b");
    assert_string_equal(text_in(m, "data"), "x\n\x01\\\"");
    json_decref(m);
}

static void errors_have_a_code_and_a_sentence(void **state)
{
    scan_value_t channel = value_of("{\"channel\":\"a\\\"b\"}", "channel");
    json_t *m = message_of(pusher_error(4301, &channel, "too \"many\""));
    json_t *data = json_object_get(m, "data");

    (void)state;
    assert_string_equal(text_in(m, "channel"), "a\"b");
    assert_int_equal(json_integer_value(json_object_get(data, "code")), 4301);
    assert_string_equal(text_in(data, "message"), "too \"many\"");
    json_decref(m);
    m = message_of(pusher_error(0, NULL, "what"));
    assert_true(
        json_is_null(json_object_get(json_object_get(m, "data"), "code")));
    json_decref(m);
    m = message_of(pusher_subscription_error(&channel, "AuthError", 401, "no"));
    data = json_object_get(m, "data");
    assert_string_equal(text_in(data, "type"), "AuthError");
    assert_string_equal(text_in(data, "error"), "no");
    assert_int_equal(json_integer_value(json_object_get(data, "status")), 401);
    json_decref(m);
}

static void presence_messages_are_encoded_twice(void **state)
{
    const push_user_t user = { "7", 1, "\"7\"", 3, "{\"n\":\"\\\"\"}", 10 };
    push_text_t members = { NULL, 0, 0 };
    json_t *m, *data;

    (void)state;
    m = message_of(pusher_member_added("presence-a", 10, &user));
    data = data_of(m);
    assert_string_equal(text_in(data, "user_id"), "7");
    assert_string_equal(text_in(json_object_get(data, "user_info"), "n"), "\"");
    json_decref(data);
    json_decref(m);
    m = message_of(pusher_member_removed("presence-a", 10, &user));
    data = data_of(m);
    assert_string_equal(text_in(data, "user_id"), "7");
    json_decref(data);
    json_decref(m);
    push_text_str(&members, "{\"presence\":{\"count\":0}}");
    m = message_of(pusher_subscribed("presence-a", 10, &members));
    data = data_of(m);
    assert_non_null(json_object_get(data, "presence"));
    json_decref(data);
    json_decref(m);
    push_text_free(&members);
    m = message_of(pusher_subscribed("a", 1, NULL));
    assert_string_equal(text_in(m, "data"), "{}");
    json_decref(m);
}

static void signin_success_holds_the_user_data_that_was_signed(void **state)
{
    scan_value_t v = value_of("{\"u\":\"{\\\"id\\\":\\\"7\\\"}\"}", "u");
    json_t *m = message_of(pusher_signed_in(&v));
    json_t *data = data_of(m);

    (void)state;
    assert_string_equal(text_in(data, "user_data"), "{\"id\":\"7\"}");
    json_decref(data);
    json_decref(m);
}

static const char *watchlist(const char *user_data)
{
    scan_value_t list;

    return pusher_watchlist_read(&list, user_data, strlen(user_data));
}

static void a_watchlist_is_a_list_of_user_ids_or_absent(void **state)
{
    (void)state;
    assert_null(watchlist("{\"id\":\"7\"}"));
    assert_null(watchlist("{\"watchlist\":null}"));
    assert_null(watchlist("{\"watchlist\":[]}"));
    assert_null(watchlist("{\"watchlist\":[\"a\\u0062\",7,-7,\"\"]}"));
    assert_non_null(watchlist("{\"watchlist\":\"a\"}"));
    assert_non_null(watchlist("{\"watchlist\":{}}"));
    assert_non_null(watchlist("{\"watchlist\":[1.5]}"));
    assert_non_null(watchlist("{\"watchlist\":[\"a\",null]}"));
    assert_non_null(watchlist("{\"watchlist\":[[\"a\"]]}"));
    assert_non_null(watchlist("{\"watchlist\":[\"a\"]"));
}

/* The events of pusher_internal:watchlist_events as compact JSON. */
static void watchlist_is(const char *online, const char *offline,
                         const char *expected)
{
    push_text_t on = { NULL, 0, 0 };
    push_text_t off = { NULL, 0, 0 };
    json_t *m, *data;
    char *text;

    push_text_str(&on, online);
    push_text_str(&off, offline);
    m = message_of(pusher_watchlist(&on, &off));
    assert_null(json_object_get(m, "channel"));
    assert_string_equal(text_in(m, "event"),
                        "pusher_internal:watchlist_events");
    data = data_of(m);
    text = json_dumps(data, JSON_COMPACT);
    assert_string_equal(text, expected);
    free(text);
    json_decref(data);
    json_decref(m);
    push_text_free(&on);
    push_text_free(&off);
}

static void watchlist_events_name_only_the_states_that_somebody_has(
    void **state)
{
    (void)state;
    watchlist_is("\"a\",\"b\\\"c\"", "\"d\"",
                 "{\"events\":[{\"name\":\"online\",\"user_ids\":[\"a\","
                 "\"b\\\"c\"]},{\"name\":\"offline\",\"user_ids\":[\"d\"]}]}");
    watchlist_is("\"a\"", "",
                 "{\"events\":[{\"name\":\"online\",\"user_ids\":[\"a\"]}]}");
    watchlist_is("", "\"a\"",
                 "{\"events\":[{\"name\":\"offline\",\"user_ids\":[\"a\"]}]}");
}

static void a_ping_is_of_both_kinds_where_the_protocol_knows_both(void **state)
{
    push_frame_t *f = pusher_ping(7);

    (void)state;
    assert_int_equal(f->data[0], 0x80 | WS_PING);
    assert_int_equal(f->data[1], 0);
    assert_int_equal(f->data[2], 0x80 | WS_TEXT);
    assert_int_equal(f->len, 4 + f->data[3]);
    push_frame_release(f);
    f = pusher_ping(4);
    assert_int_equal(f->len, 2);
    push_frame_release(f);
    json_decref(message_of(pusher_pong()));
}

static const char *user_of(const char *json, push_user_t *user, char *scratch)
{
    return pusher_user_read(user, "user_id", json, strlen(json), scratch);
}

static void a_user_id_is_a_string_or_a_whole_number(void **state)
{
    static const char *const wrong[] = { "{}",
                                         "{\"user_id\":null}",
                                         "{\"user_id\":\"\"}",
                                         "{\"user_id\":{}}",
                                         "{\"user_id\":[]}",
                                         "{\"user_id\":1.5}",
                                         "{\"user_id\":true}",
                                         "7",
                                         "null",
                                         "[]",
                                         "",
                                         "{\"user_id\":1,\"user_id\":2}" };
    push_user_t user;
    char scratch[256];
    size_t i;

    (void)state;
    for (i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        assert_non_null(user_of(wrong[i], &user, scratch));
    }
    assert_null(user_of("{\"user_id\":7}", &user, scratch));
    assert_memory_equal(user.id, "7", user.id_len);
    assert_memory_equal(user.json, "7", user.json_len);
    assert_memory_equal(user.info, "{}", user.info_len);
    assert_null(
        user_of("{\"user_id\":\"\\u0037\",\"user_info\":[1]}", &user, scratch));
    assert_int_equal(user.id_len, 1);
    assert_memory_equal(user.id, "7", 1);
    assert_memory_equal(user.info, "[1]", 3);
}

static void a_user_id_has_at_most_128_characters(void **state)
{
    char json[512] = "{\"user_id\":\"";
    size_t at = strlen(json);
    push_user_t user;
    char scratch[512];
    int i;

    (void)state;
    for (i = 0; i < 128; i++) {
        memcpy(json + at, "\xc3\xa9", 2); /* characters, not bytes */
        at += 2;
    }
    memcpy(json + at, "\"}", 3);
    assert_null(user_of(json, &user, scratch));
    memcpy(json + at, "x\"}", 4);
    assert_non_null(user_of(json, &user, scratch));
}

static void a_message_needs_an_event(void **state)
{
    static const char *const wrong[] = { "",
                                         "null",
                                         "[]",
                                         "{}",
                                         "{\"event\":1}",
                                         "{\"event\":null}",
                                         "{\"event\":{}}",
                                         "{\"event\":\"a\",\"event\":\"b\"}",
                                         "{\"event\":\"a\"" };
    pusher_message_t m;
    size_t i;

    (void)state;
    for (i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        assert_non_null(pusher_message_read(&m, wrong[i], strlen(wrong[i])));
    }
    assert_null(pusher_message_read(&m, "{\"event\":\"a\"}", 13));
    assert_int_equal(m.data.type, SCAN_ABSENT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_established_connection_learns_its_socket_id),
        cmocka_unit_test(an_event_carries_name_and_data_as_they_came),
        cmocka_unit_test(data_that_is_no_string_becomes_one),
        cmocka_unit_test(an_event_may_have_no_data),
        cmocka_unit_test(a_long_event_has_the_long_header),
        cmocka_unit_test(plain_texts_are_quoted),
        cmocka_unit_test(errors_have_a_code_and_a_sentence),
        cmocka_unit_test(presence_messages_are_encoded_twice),
        cmocka_unit_test(signin_success_holds_the_user_data_that_was_signed),
        cmocka_unit_test(a_watchlist_is_a_list_of_user_ids_or_absent),
        cmocka_unit_test(
            watchlist_events_name_only_the_states_that_somebody_has),
        cmocka_unit_test(a_ping_is_of_both_kinds_where_the_protocol_knows_both),
        cmocka_unit_test(a_user_id_is_a_string_or_a_whole_number),
        cmocka_unit_test(a_user_id_has_at_most_128_characters),
        cmocka_unit_test(a_message_needs_an_event),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
