/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_relay_state.c - the line that remembers the relay's place, and where the
 * relay begins.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

#include "relay_state.h"

#define EPOCH "00ff                             "
#define ID "0000000000000000042"
#define LINE EPOCH ID " 0000000000000000040 0000000007\n"

static const push_relay_place_t nothing = { "", 0 };

static void a_place_comes_back_as_it_was_written(void **state)
{
    static const push_relay_state_t places[] = {
        { { "00ff", 42 }, 40, 7 },
        { { "a", 0 }, 0, 0 },
        { { "0123456789abcdef0123456789abcdef", APR_INT64_MAX },
          APR_INT64_MAX,
          APR_UINT32_MAX },
    };
    char line[PUSH_RELAY_STATE_SIZE];
    push_relay_state_t out;
    apr_size_t i;

    (void)state;
    for (i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
        push_relay_state_format(line, &places[i]);
        assert_true(push_relay_state_parse(&out, line, sizeof(line)));
        assert_string_equal(out.at.epoch, places[i].at.epoch);
        assert_true(out.at.id == places[i].at.id);
        assert_true(out.from == places[i].from);
        assert_true(out.awaited == places[i].awaited);
    }
    push_relay_state_format(line, &places[0]);
    assert_memory_equal(line, LINE, sizeof(line));
}

/* What a full disk, an editor or a crash of the machine may leave behind. */
static void anything_else_is_refused(void **state)
{
    static const char *const rows[] = {
        "",
        "00ff 42\n",
        EPOCH ID "\n",
        EPOCH ID " " ID " 0000000007",
        EPOCH ID " " ID " 0000000007\n\n",
        EPOCH "000000000000000004x " ID " 0000000007\n",
        EPOCH "-000000000000000042 " ID " 0000000007\n",
        EPOCH "9223372036854775808 " ID " 0000000007\n",
        "00FF                             " ID " " ID " 0000000007\n",
        "                                 " ID " " ID " 0000000007\n",
        "00ff x                           " ID " " ID " 0000000007\n",
        "0123456789abcdef0123456789abcdef0" ID " " ID " 0000000007\n",
        EPOCH ID " 0000000000000000043 0000000007\n",
        EPOCH ID " 000000000000000004x 0000000007\n",
        EPOCH ID " " ID " 4294967296\n",
        EPOCH ID " " ID " -000000007\n",
        EPOCH ID "_" ID " 0000000007\n",
        EPOCH ID " " ID "_0000000007\n",
    };
    char zeros[PUSH_RELAY_STATE_SIZE] = { 0 };
    push_relay_state_t out = { { "untouched", 7 }, 8, 9 };
    apr_size_t i;

    (void)state;
    for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        if (push_relay_state_parse(&out, rows[i], strlen(rows[i]))) {
            fail_msg("accepted: \"%s\"", rows[i]);
        }
    }
    assert_false(push_relay_state_parse(&out, zeros, sizeof(zeros)));
    assert_string_equal(out.at.epoch, "untouched");
    assert_int_equal(out.at.id, 7);
    assert_int_equal(out.from, 8);
    assert_int_equal(out.awaited, 9);
}

static void start_of(push_relay_place_t *from, push_relay_start_t *start,
                     const push_relay_place_t *saved, apr_int64_t most)
{
    static const push_relay_place_t head = { "ab", 100 };

    *start = push_relay_start_at(from, saved, &head, most);
    assert_string_equal(from->epoch, "ab");
}

static void a_saved_place_is_resumed(void **state)
{
    push_relay_place_t at_end = { "ab", 100 }, behind = { "ab", 40 }, from;
    push_relay_start_t start;

    (void)state;
    start_of(&from, &start, &behind, 60);
    assert_int_equal(start, PUSH_RELAY_RESUME);
    assert_int_equal(from.id, 40);
    start_of(&from, &start, &at_end, 0);
    assert_int_equal(start, PUSH_RELAY_RESUME);
    assert_int_equal(from.id, 100);
    start_of(&from, &start, &behind, -1);
    assert_int_equal(start, PUSH_RELAY_RESUME);
    assert_int_equal(from.id, 40);
}

static void without_a_place_the_log_begins_at_its_end(void **state)
{
    push_relay_place_t from;
    push_relay_start_t start;

    (void)state;
    start_of(&from, &start, &nothing, 10);
    assert_int_equal(start, PUSH_RELAY_FIRST);
    assert_int_equal(from.id, 100);
}

/* Ids of another database mean other events: relaying from there would push
 * strangers' old messages, or hold new ones back for ever. */
static void another_log_begins_at_its_end(void **state)
{
    push_relay_place_t other = { "abc", 40 }, ahead = { "ab", 101 }, from;
    push_relay_start_t start;

    (void)state;
    start_of(&from, &start, &other, -1);
    assert_int_equal(start, PUSH_RELAY_OTHER_LOG);
    assert_int_equal(from.id, 100);
    start_of(&from, &start, &ahead, -1);
    assert_int_equal(start, PUSH_RELAY_BACKWARDS);
    assert_int_equal(from.id, 100);
}

static void of_a_long_absence_the_newest_are_kept(void **state)
{
    push_relay_place_t saved = { "ab", 1 }, from;
    push_relay_start_t start;

    (void)state;
    start_of(&from, &start, &saved, 10);
    assert_int_equal(start, PUSH_RELAY_SKIPPED);
    assert_int_equal(from.id, 90);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_place_comes_back_as_it_was_written),
        cmocka_unit_test(anything_else_is_refused),
        cmocka_unit_test(a_saved_place_is_resumed),
        cmocka_unit_test(without_a_place_the_log_begins_at_its_end),
        cmocka_unit_test(another_log_begins_at_its_end),
        cmocka_unit_test(of_a_long_absence_the_newest_are_kept),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
