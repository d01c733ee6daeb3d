/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_shape.c - rows as the JSON that clients see.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include "shape.h"

#define PLAIN                                                                  \
    "\"edited_at\":null,\"deleted_at\":null,\"reply_to\":null,"                  \
    "\"reactions\":[],\"attachments\":[],\"plan\":null}"

static void shows(const chat_message_t *m, const char *wanted)
{
    char text[1024];
    char *end = chat_shape_message(text, m);

    assert_true((apr_size_t)(end - text) <= chat_shape_size(m));
    *end = '\0';
    assert_string_equal(text, wanted);
}

static void a_message_has_its_keys_in_order(void **state)
{
    static const chat_message_t m = {
        "12", "say \"hi\"\n",           "text", "a1",   "7",
        "3",  "2026-11-29 07:29:55.12", NULL,   "Mona", "patient",
        0,    NULL
    };

    (void)state;
    shows(&m, "{\"id\":12,\"content\":\"say \\\"hi\\\"\\n\",\"type\":\"text\","
              "\"client_id\":\"a1\",\"user_id\":7,\"consultation_id\":3,"
              "\"created_at\":\"2026-11-29T07:29:55.120Z\",\"read_at\":null,"
              "\"user\":{\"id\":7,\"name\":\"Mona\",\"role\":\"patient\"}," PLAIN);
}

static void what_is_not_there_is_null(void **state)
{
    static const chat_message_t m = { "12",     NULL,     NULL,        NULL,
                                      "\"0b\"", "\"0c\"", "yesterday", "",
                                      NULL,     NULL,     0,           NULL };

    (void)state;
    shows(&m, "{\"id\":12,\"content\":null,\"type\":null,\"client_id\":null,"
              "\"user_id\":\"0b\",\"consultation_id\":\"0c\","
              "\"created_at\":null,\"read_at\":null,"
              "\"user\":{\"id\":\"0b\",\"name\":null,\"role\":null}," PLAIN);
}

static void details_stand_behind_the_rest_under_their_keys(void **state)
{
    static const char *const details[CHAT_DETAILS] = {
        "\"2026-11-29T07:29:55.120Z\"", NULL, "{\"id\":3}", "[{}]", "[1,2]",
        "{\"id\":9}"
    };
    static const char *const nothing[CHAT_DETAILS] = { NULL, NULL, NULL,
                                                       "[]", "[]", NULL };
    chat_message_t m = { "12", "",   "text", NULL, "7",
                         "3",  NULL, NULL, "", "",
                         1,    details };

    (void)state;
    shows(&m, "{\"id\":12,\"content\":\"\",\"type\":\"text\",\"client_id\":null,"
              "\"user_id\":7,\"consultation_id\":3,\"created_at\":null,"
              "\"read_at\":null,"
              "\"user\":{\"id\":7,\"name\":\"\",\"role\":\"\"},"
              "\"edited_at\":\"2026-11-29T07:29:55.120Z\",\"deleted_at\":null,"
              "\"reply_to\":{\"id\":3},\"reactions\":[{}],"
              "\"attachments\":[1,2],\"plan\":{\"id\":9}}");
    m.details = nothing; /* as a plain one */
    shows(&m, "{\"id\":12,\"content\":\"\",\"type\":\"text\",\"client_id\":null,"
              "\"user_id\":7,\"consultation_id\":3,\"created_at\":null,"
              "\"read_at\":null,"
              "\"user\":{\"id\":7,\"name\":\"\",\"role\":\"\"}," PLAIN);
}

static void times_come_in_several_ways_and_go_out_in_one(void **state)
{
    static const char *const same[] = {
        "2026-11-29 07:29:55.123",       "2026-11-29T07:29:55.123Z",
        "2026-11-29 07:29:55.123456",    "2026-11-29 07:29:55.123+00",
        "2026-11-29 07:29:55.123+00:00", "2026-11-29T07:29:55.1239",
    };
    static const char *const none[] = { "",
                                        "2026-11-29",
                                        "2026-11-29 07:29",
                                        "2026-11-29 07:29:5x",
                                        "2026-11-29 07:29:55+02",
                                        "2026-11-29 07:29:55.1x",
                                        "20261-11-29 07:29:55",
                                        "2026-11-29x07:29:55",
                                        "infinity",
                                        "1764401395" };
    char out[CHAT_SHAPE_TIME];

    (void)state;
    for (size_t i = 0; i < sizeof(same) / sizeof(same[0]); i++) {
        assert_true(chat_shape_time(out, same[i]));
        assert_string_equal(out, "2026-11-29T07:29:55.123Z");
    }
    assert_true(chat_shape_time(out, "2026-11-29 07:29:55"));
    assert_string_equal(out, "2026-11-29T07:29:55.000Z");
    assert_true(chat_shape_time(out, "2026-11-29 07:29:55."));
    assert_string_equal(out, "2026-11-29T07:29:55.000Z");
    for (size_t i = 0; i < sizeof(none) / sizeof(none[0]); i++) {
        assert_false(chat_shape_time(out, none[i]));
    }
    assert_false(chat_shape_time(out, NULL));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_message_has_its_keys_in_order),
        cmocka_unit_test(what_is_not_there_is_null),
        cmocka_unit_test(details_stand_behind_the_rest_under_their_keys),
        cmocka_unit_test(times_come_in_several_ways_and_go_out_in_one),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
