/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_known.c - whose tokens were seen lately.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include "known.h"

/* The first eight letters choose the set. */
#define TAIL "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"
#define A "00000001aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define A2 "00000001" TAIL
#define B "00000002" TAIL

static chat_known_t known;

static int clear(void **state)
{
    (void)state;
    memset(&known, 0, sizeof(known));
    return 0;
}

static void a_token_is_its_owners(void **state)
{
    char user[CHAT_ID_SIZE];

    (void)state;
    assert_false(chat_known_find(&known, A, user));
    chat_known_note(&known, A, "7");
    chat_known_note(&known, B, "0b6c1a6e-0000-4000-8000-000000000000");
    assert_true(chat_known_find(&known, A, user));
    assert_string_equal(user, "7");
    assert_true(chat_known_find(&known, B, user));
    assert_string_equal(user, "0b6c1a6e-0000-4000-8000-000000000000");
}

static void two_tokens_of_one_set_are_not_confused(void **state)
{
    char user[CHAT_ID_SIZE];

    (void)state;
    chat_known_note(&known, A, "7");
    assert_false(chat_known_find(&known, A2, user));
    chat_known_note(&known, A2, "8");
    assert_true(chat_known_find(&known, A, user));
    assert_string_equal(user, "7");
    assert_true(chat_known_find(&known, A2, user));
    assert_string_equal(user, "8");
}

static void a_full_set_gives_up_its_oldest(void **state)
{
    char user[CHAT_ID_SIZE], digest[] = A2;

    (void)state;
    chat_known_note(&known, A, "0");
    for (int i = 1; i <= CHAT_KNOWN_WAYS; i++) {
        chat_known_note(&known, A, "0"); /* known already: no second place */
        digest[8] = (char)('0' + i);
        chat_known_note(&known, digest, "n");
        assert_int_equal(chat_known_find(&known, A, user), i < CHAT_KNOWN_WAYS);
    }
    for (int i = 1; i < CHAT_KNOWN_WAYS; i++) {
        digest[8] = (char)('0' + i);
        assert_true(chat_known_find(&known, digest, user));
    }
}

static void what_is_no_digest_or_no_id_is_not_kept(void **state)
{
    char user[CHAT_ID_SIZE], longest[CHAT_ID_SIZE + 1];

    (void)state;
    memset(longest, 'x', CHAT_ID_SIZE);
    longest[CHAT_ID_SIZE] = '\0';
    chat_known_note(&known, "short", "7");
    chat_known_note(&known, "G" A, "7");
    assert_false(chat_known_find(&known, "short", user));
    chat_known_note(&known, A, "");
    chat_known_note(&known, A, longest);
    assert_false(chat_known_find(&known, A, user));
    longest[CHAT_ID_SIZE - 1] = '\0';
    chat_known_note(&known, A, longest);
    assert_true(chat_known_find(&known, A, user));
    assert_string_equal(user, longest);
}

static void what_a_column_can_read(void **state)
{
    static const char uuid[] = "019a8f4e-7a7b-7c2d-8E3f-0123456789ab";

    (void)state;
    assert_int_equal(chat_id_kind("7"), CHAT_ID_KIND_NUMBER);
    assert_int_equal(chat_id_kind("999999999"), CHAT_ID_KIND_NUMBER);
    assert_int_equal(chat_id_kind("1000000000"), CHAT_ID_KIND_UNKNOWN);
    assert_int_equal(chat_id_kind(uuid), CHAT_ID_KIND_UUID);
    assert_int_equal(chat_id_kind("019a8f4e-7a7b-7c2d-8e3f-0123456789a"),
                     CHAT_ID_KIND_TEXT);
    assert_int_equal(chat_id_kind("019a8f4e-7a7b-7c2d-8e3f-0123456789abc"),
                     CHAT_ID_KIND_TEXT);
    assert_int_equal(chat_id_kind("019a8f4e-7a7b-7c2d-8e3f_0123456789ab"),
                     CHAT_ID_KIND_TEXT);
    assert_int_equal(chat_id_kind("019a8f4g-7a7b-7c2d-8e3f-0123456789ab"),
                     CHAT_ID_KIND_TEXT);
    assert_int_equal(chat_id_kind("-1"), CHAT_ID_KIND_TEXT);
    assert_int_equal(chat_id_kind("7a"), CHAT_ID_KIND_TEXT);
    assert_int_equal(chat_id_kind(""), CHAT_ID_KIND_TEXT);

    assert_false(chat_id_fits(CHAT_ID_KIND_UNKNOWN, "7"));
    assert_false(chat_id_fits(CHAT_ID_KIND_UNKNOWN, "1000000000"));
    assert_true(chat_id_fits(CHAT_ID_KIND_NUMBER, "8"));
    assert_false(chat_id_fits(CHAT_ID_KIND_NUMBER, "1000000000"));
    assert_false(chat_id_fits(CHAT_ID_KIND_NUMBER, "abc"));
    assert_false(chat_id_fits(CHAT_ID_KIND_NUMBER, uuid));
    assert_true(chat_id_fits(CHAT_ID_KIND_UUID, uuid));
    assert_false(chat_id_fits(CHAT_ID_KIND_UUID, "8"));
    assert_true(chat_id_fits(CHAT_ID_KIND_TEXT, "anything"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(a_token_is_its_owners, clear),
        cmocka_unit_test_setup(two_tokens_of_one_set_are_not_confused, clear),
        cmocka_unit_test_setup(a_full_set_gives_up_its_oldest, clear),
        cmocka_unit_test_setup(what_is_no_digest_or_no_id_is_not_kept, clear),
        cmocka_unit_test(what_a_column_can_read),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
