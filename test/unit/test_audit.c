/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_audit.c - an entry of the audit log as line and hash.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "audit_entry.h"

static const chat_audit_entry_t plain = {
    { "2026-11-29T16:32:58.123Z", "7", "token", "messages.read", "5", "",
      "127.0.0.1", "phone/1", "200", "" }
};

static void an_entry_is_a_line_of_ten_fields(void **state)
{
    char line[CHAT_AUDIT_LINE];
    apr_size_t len = chat_audit_line(line, &plain);

    (void)state;
    assert_int_equal(len, 73);
    assert_memory_equal(line,
                        "2026-11-29T16:32:58.123Z\t7\ttoken\tmessages.read\t5"
                        "\t\t127.0.0.1\tphone/1\t200\t\n",
                        len);
}

/* Computed by sha256sum of the text that audit_entry.h describes. */
static void the_hash_is_the_one_that_is_documented(void **state)
{
    char hash[CHAT_SHA256_HEX], next[CHAT_SHA256_HEX];

    (void)state;
    chat_audit_hash(hash, CHAT_AUDIT_GENESIS, 1, &plain);
    assert_string_equal(hash, "f816ae7f7b8a205ca3b0b60bf509b5a012d6cdd3e12e7d42f3bc7ef3579ac26b");
    chat_audit_hash(next, hash, 2, &plain);
    assert_string_equal(next, "383bb1b4fdac0ba9acecdb89cd8b2235f89fb991524454289a5c4be9d35f9d57");
}

/* Two entries must not have the same text: a separator in a field would let one
 * field's end move into the next. */
static void separators_and_control_characters_do_not_get_in(void **state)
{
    char line[CHAT_AUDIT_LINE + 1];
    chat_audit_entry_t e = plain;
    apr_size_t len;

    (void)state;
    e.field[CHAT_AUDIT_AGENT] = "a\tb\nc\x7f\x01";
    len = chat_audit_line(line, &e);
    line[len] = '\0';
    assert_non_null(strstr(line, "\ta?b?c??\t200\t\n"));
    assert_true(chat_audit_parse(&e, line, len - 1));
    assert_string_equal(e.field[CHAT_AUDIT_AGENT], "a?b?c??");
}

static void what_is_no_utf8_and_what_is_too_long_is_cut(void **state)
{
    char line[CHAT_AUDIT_LINE + 1], agent[400];
    chat_audit_entry_t e = plain;
    apr_size_t len;

    (void)state;
    e.field[CHAT_AUDIT_AGENT] = "\xc3\xa9 and \xe9";
    len = chat_audit_line(line, &e);
    assert_true(chat_audit_parse(&e, line, len - 1));
    assert_string_equal(e.field[CHAT_AUDIT_AGENT], "?? and ?");

    /* 119 letters and a character of two bytes: it does not stay in half. */
    memset(agent, 'a', 119);
    strcpy(agent + 119, "\xc3\xa9 and more");
    e.field[CHAT_AUDIT_AGENT] = agent;
    len = chat_audit_line(line, &e);
    assert_true(chat_audit_parse(&e, line, len - 1));
    assert_int_equal(strlen(e.field[CHAT_AUDIT_AGENT]), 119);
}

static void the_longest_entry_fits(void **state)
{
    char line[CHAT_AUDIT_LINE], text[1000];
    chat_audit_entry_t e;
    apr_size_t len;

    (void)state;
    memset(text, 'x', sizeof(text) - 1);
    text[sizeof(text) - 1] = '\0';
    for (int i = 0; i < CHAT_AUDIT_FIELDS; i++) {
        e.field[i] = text;
    }
    len = chat_audit_line(line, &e);
    assert_true(len <= CHAT_AUDIT_LINE);
    assert_true(chat_audit_parse(&e, line, len - 1));
}

static void a_line_that_we_did_not_write_is_refused(void **state)
{
    static const char *const bad[] = {
        "", "a", "a\tb\tc\td\te\tf\tg\th\ti", "a\tb\tc\td\te\tf\tg\th\ti\tj\tk",
        "a\tb\tc\td\te\tf\tg\t\xff\ti\tj", "a\tb\tc\td\te\tf\tg\t\x01\ti\tj",
        "a\tb\tc\td\te\tf\tg\th\t123456\tj"
    };
    chat_audit_entry_t e;
    char line[CHAT_AUDIT_LINE];

    (void)state;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        strcpy(line, bad[i]);
        assert_false(chat_audit_parse(&e, line, strlen(line)));
    }
}

static void a_time_has_milliseconds_and_is_utc(void **state)
{
    char at[CHAT_AUDIT_TIME];

    (void)state;
    chat_audit_time(at, apr_time_from_sec(1795969978) + 123999);
    assert_string_equal(at, "2026-11-29T16:32:58.123Z");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_entry_is_a_line_of_ten_fields),
        cmocka_unit_test(the_hash_is_the_one_that_is_documented),
        cmocka_unit_test(separators_and_control_characters_do_not_get_in),
        cmocka_unit_test(what_is_no_utf8_and_what_is_too_long_is_cut),
        cmocka_unit_test(the_longest_entry_fits),
        cmocka_unit_test(a_line_that_we_did_not_write_is_refused),
        cmocka_unit_test(a_time_has_milliseconds_and_is_utc),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
