/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_account.c - what a token may do, what a password's hash asks for, and
 * times that clients write.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

#include "ability.h"
#include "instant.h"
#include "phc.h"

#define GOOD "$argon2id$v=19$m=65536,t=4,p=1$c29tZXNhbHQ$O9uS3bY7vQ1mD5kX8cT2wQ"

static void an_ability_stands_in_the_list_as_a_whole(void **state)
{
    (void)state;
    assert_true(chat_ability_has(NULL, "chat:read"));
    assert_true(chat_ability_has("[\"*\"]", "chat:read"));
    assert_true(chat_ability_has("[\"a\", \"chat:read\"]", "chat:read"));
    assert_false(chat_ability_has("[]", "chat:read"));
    assert_false(chat_ability_has("", "chat:read"));
    assert_false(chat_ability_has("[\"chat:write\"]", "chat:read"));
    assert_false(chat_ability_has("[\"chat:reader\"]", "chat:read"));
    assert_false(chat_ability_has("[\"a\\\"chat:read\\\"b\"]", "chat:read"));
    assert_false(chat_ability_has("\"", "chat:read"));
    assert_false(chat_ability_has("[\"a\\\"chat:read\"]", "chat:read"));
    assert_false(chat_ability_has("[\"a\\\"*\"]", "chat:read"));
    assert_true(chat_ability_has("[\"a\\\\\",\"*\"]", "chat:read"));
    assert_false(chat_ability_has("[\"a\\", "chat:read"));
}

static void names_of_abilities(void **state)
{
    char name[67];

    (void)state;
    assert_true(chat_ability_valid("*"));
    assert_true(chat_ability_valid("chat:read.all_x-1"));
    assert_false(chat_ability_valid(""));
    assert_false(chat_ability_valid("**"));
    assert_false(chat_ability_valid("a b"));
    assert_false(chat_ability_valid("a\""));
    memset(name, 'a', sizeof(name));
    name[64] = '\0';
    assert_true(chat_ability_valid(name));
    name[64] = 'a';
    name[65] = '\0';
    assert_false(chat_ability_valid(name));
}

static void a_hash_says_what_it_costs(void **state)
{
    chat_phc_t phc;

    (void)state;
    chat_phc_parse(&phc, GOOD);
    assert_int_equal(phc.kind, CHAT_PHC_ARGON2ID);
    assert_int_equal(phc.memory, 65536);
    assert_int_equal(phc.passes, 4);
    assert_int_equal(phc.lanes, 1);
    assert_int_equal(phc.prefix, strlen("$argon2id$v=19$m=65536,t=4,p=1$"));
    assert_true(chat_phc_affordable(&phc, 65536));
    assert_false(chat_phc_affordable(&phc, 65535));
    chat_phc_parse(&phc, "$argon2i$v=19$m=8,t=65,p=1$c2FsdA$aGFzaA");
    assert_int_equal(phc.kind, CHAT_PHC_ARGON2I);
    assert_false(chat_phc_affordable(&phc, 65536));
    chat_phc_parse(&phc, "$argon2i$v=19$m=8,t=1,p=17$c2FsdA$aGFzaA");
    assert_false(chat_phc_affordable(&phc, 65536));
    chat_phc_parse(&phc, "$2y$10$abcdefghijklmnopqrstuuABCDEFGHIJKLMNOPQRSTUVWXY"
                         "ZabcdeXX");
    assert_int_equal(phc.kind, CHAT_PHC_OTHER); /* 59 bytes or 61 */
}

static void what_only_begins_like_argon2_is_broken(void **state)
{
    static const char *const wrong[] = {
        "$argon2",
        "$argon2id",
        "$argon2id$",
        "$argon2d$v=19$m=8,t=1,p=1$c2FsdA$aGFzaA",
        "$argon2id$m=8,t=1,p=1$c2FsdA$aGFzaA",
        "$argon2id$v=19$m=08,t=1,p=1$c2FsdA$aGFzaA",
        "$argon2id$v=19$m=-8,t=1,p=1$c2FsdA$aGFzaA",
        "$argon2id$v=19$m=9999999999,t=1,p=1$c2FsdA$aGFzaA",
        "$argon2id$v=19$m=8,t=1,p=0$c2FsdA$aGFzaA",
        "$argon2id$v=19$m=8,t=1,p=1$$aGFzaA",
        "$argon2id$v=19$m=8,t=1,p=1$c2FsdA$",
        "$argon2id$v=19$m=8,t=1,p=1$c2FsdA$aGFzaA$",
        "$argon2id$v=19$m=8,t=1,p=1$c2F=dA$aGFzaA",
    };
    chat_phc_t phc;

    (void)state;
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        chat_phc_parse(&phc, wrong[i]);
        assert_int_equal(phc.kind, CHAT_PHC_BROKEN);
        assert_false(chat_phc_affordable(&phc, 4194304));
    }
    chat_phc_parse(&phc, "");
    assert_int_equal(phc.kind, CHAT_PHC_OTHER);
}

static void a_time_is_read_in_each_of_its_spellings(void **state)
{
    static const char *const same[] = {
        "2030-01-31T12:00:00Z", "2030-01-31t12:00:00z",
        "2030-01-31 12:00:00Z", "2030-01-31T12:00:00.999Z",
        "2030-01-31T14:00:00+02:00", "2030-01-31T06:30:00-05:30",
    };
    apr_time_t t;

    (void)state;
    for (size_t i = 0; i < sizeof(same) / sizeof(same[0]); i++) {
        assert_true(chat_instant_parse(&t, same[i]));
        assert_int_equal(apr_time_sec(t), 1896091200);
    }
    assert_true(chat_instant_parse(&t, "2028-02-29T00:00:00Z"));
    assert_true(chat_instant_parse(&t, "9999-12-31T23:59:59Z"));
}

static void what_no_calendar_has_is_no_time(void **state)
{
    static const char *const wrong[] = {
        "",
        "now",
        "2030-01-31",
        "2030-01-31T12:00:00",
        "2030-01-31T12:00Z",
        "2030-02-29T00:00:00Z",
        "2030-04-31T00:00:00Z",
        "2030-00-01T00:00:00Z",
        "2030-13-01T00:00:00Z",
        "1969-12-31T00:00:00Z",
        "2030-01-01T24:00:00Z",
        "2030-01-01T00:60:00Z",
        "2030-01-01T00:00:60Z",
        "2030-01-01T00:00:00.Z",
        "2030-01-01T00:00:00.1234567890Z",
        "2030-01-01T00:00:00+24:00",
        "2030-01-01T00:00:00+0100",
        "2030-01-01T00:00:00Z ",
        "+2030-01-01T00:00:00Z",
    };
    apr_time_t t;

    (void)state;
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        assert_false(chat_instant_parse(&t, wrong[i]));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_ability_stands_in_the_list_as_a_whole),
        cmocka_unit_test(names_of_abilities),
        cmocka_unit_test(a_hash_says_what_it_costs),
        cmocka_unit_test(what_only_begins_like_argon2_is_broken),
        cmocka_unit_test(a_time_is_read_in_each_of_its_spellings),
        cmocka_unit_test(what_no_calendar_has_is_no_time),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
