/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_channel.c - what a channel's name promises.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

#include "channel.h"

static chat_channel_t parsed(const char *name)
{
    chat_channel_t c = { CHAT_CHANNEL_PUBLIC, -1, -1 };

    if (chat_channel_parse(&c, name, strlen(name), CHAT_CHANNEL_NAME_MAX) !=
        CHAT_CHANNEL_OK) {
        fail_msg("refused: %s", name);
    }
    return c;
}

static chat_channel_result_t result(const char *name)
{
    chat_channel_t c;

    return chat_channel_parse(&c, name, strlen(name), CHAT_CHANNEL_NAME_MAX);
}

static void the_prefix_decides_who_may_subscribe(void **state)
{
    /* clang-format off */
    static const struct {
        const char *name;
        chat_channel_kind_t kind;
        int cache;
    } rows[] = {
        { "news",                        CHAT_CHANNEL_PUBLIC,    0 },
        { "cache-news",                  CHAT_CHANNEL_PUBLIC,    1 },
        { "private-user.7",              CHAT_CHANNEL_PRIVATE,   0 },
        { "private-cache-user.7",        CHAT_CHANNEL_PRIVATE,   1 },
        { "private-encrypted-x",         CHAT_CHANNEL_ENCRYPTED, 0 },
        { "private-encrypted-cache-x",   CHAT_CHANNEL_ENCRYPTED, 1 },
        { "private-cache-encrypted-x",   CHAT_CHANNEL_PRIVATE,   1 },
        { "presence-conversation.7",     CHAT_CHANNEL_MEMBERS,   0 },
        { "presence-cache-room",         CHAT_CHANNEL_MEMBERS,   1 },
        { "private-",                    CHAT_CHANNEL_PRIVATE,   0 },
        { "presence-",                   CHAT_CHANNEL_MEMBERS,   0 },
    };
    /* clang-format on */
    chat_channel_t c;
    apr_size_t i;

    (void)state;
    for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        c = parsed(rows[i].name);
        if (c.kind != rows[i].kind || c.cache != rows[i].cache || c.alias) {
            fail_msg("%s: kind %d cache %d alias %d", rows[i].name, c.kind,
                     c.cache, c.alias);
        }
    }
}

/* Soketi matches `cache-` anywhere; `my-cache-x` became a cache channel. */
static void a_prefix_counts_only_at_the_start_and_in_lower_case(void **state)
{
    (void)state;
    assert_int_equal(parsed("my-cache-x").cache, 0);
    assert_int_equal(parsed("xprivate-a").kind, CHAT_CHANNEL_PUBLIC);
    assert_int_equal(parsed("Private-a").kind, CHAT_CHANNEL_PUBLIC);
    assert_int_equal(parsed("private").kind, CHAT_CHANNEL_PUBLIC);
    assert_int_equal(parsed("presence.room").kind, CHAT_CHANNEL_PUBLIC);
    assert_int_equal(parsed("presence.room").alias, 0);
}

static void a_private_dot_name_is_an_alias_and_promises_what_its_canonical_does(
    void **state)
{
    static const char *const names[] = {
        "private.user.7",      "private.conversation.7",    "private.cache-x",
        "private.encrypted-x", "private.encrypted-cache-x", "private."
    };
    char canonical[64];
    chat_channel_t alias, real;
    apr_size_t i;

    (void)state;
    for (i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        memset(canonical, 0, sizeof(canonical));
        chat_channel_canonical(canonical, names[i], strlen(names[i]));
        alias = parsed(names[i]);
        real = parsed(canonical);
        assert_int_equal(alias.alias, 1);
        assert_int_equal(real.alias, 0);
        assert_int_equal(alias.kind, real.kind);
        assert_int_equal(alias.cache, real.cache);
    }
}

static void only_the_alias_dot_changes_in_the_canonical_name(void **state)
{
    char name[] = "private.user.7";
    char other[] = "news.private.7";

    (void)state;
    chat_channel_canonical(name, name, strlen(name));
    assert_string_equal(name, "private-user.7");
    chat_channel_canonical(name, name, strlen(name));
    assert_string_equal(name, "private-user.7");
    chat_channel_canonical(other, other, strlen(other));
    assert_string_equal(other, "news.private.7");
}

static void every_documented_character_is_accepted_and_no_other(void **state)
{
    static const char alphabet
        [] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
             "_-=@,.;";
    chat_channel_t c;
    char name[3] = "xx";
    int byte;

    (void)state;
    for (byte = 0; byte < 256; byte++) {
        name[1] = (char)byte;
        assert_int_equal(chat_channel_parse(&c, name, 2, CHAT_CHANNEL_NAME_MAX),
                         byte != 0 && strchr(alphabet, byte) != NULL
                             ? CHAT_CHANNEL_OK
                             : CHAT_CHANNEL_ALPHABET);
    }
}

static void the_longest_name_is_accepted_and_one_byte_more_is_not(void **state)
{
    char name[CHAT_CHANNEL_NAME_MAX + 1];
    chat_channel_t c;

    (void)state;
    memset(name, 'a', sizeof(name));
    assert_int_equal(chat_channel_parse(&c, name, CHAT_CHANNEL_NAME_MAX,
                                        CHAT_CHANNEL_NAME_MAX),
                     CHAT_CHANNEL_OK);
    assert_int_equal(
        chat_channel_parse(&c, name, sizeof(name), CHAT_CHANNEL_NAME_MAX),
        CHAT_CHANNEL_TOO_LONG);
    assert_int_equal(chat_channel_parse(&c, name, sizeof(name), 200),
                     CHAT_CHANNEL_OK);
    assert_int_equal(result(""), CHAT_CHANNEL_EMPTY);
}

static void a_refused_name_leaves_the_answer_untouched(void **state)
{
    chat_channel_t c = { CHAT_CHANNEL_MEMBERS, 7, 8 };

    (void)state;
    chat_channel_parse(&c, "private-a b", 11, CHAT_CHANNEL_NAME_MAX);
    assert_int_equal(c.kind, CHAT_CHANNEL_MEMBERS);
    assert_int_equal(c.cache, 7);
    assert_int_equal(c.alias, 8);
}

/* Soketi lets anybody join #server-to-user-7 and read another's messages. */
static void a_server_name_is_no_subscription(void **state)
{
    const char *name = "#server-to-user-7";

    (void)state;
    assert_int_equal(result(name), CHAT_CHANNEL_ALPHABET);
    assert_true(chat_channel_is_server(name, strlen(name)));
    assert_false(chat_channel_is_server("#server-to-use", 14));
    assert_false(chat_channel_is_server("server-to-user-7", 16));
}

static void an_id_behind_a_prefix_is_found_only_if_it_is_one(void **state)
{
    const char *name = "private-conversation.41";

    (void)state;
    assert_ptr_equal(chat_channel_id(name, CHAT_CHANNEL_CONVERSATION),
                     name + strlen(CHAT_CHANNEL_CONVERSATION));
    assert_null(chat_channel_id(name, CHAT_CHANNEL_USER));
    assert_null(chat_channel_id("private-user.", CHAT_CHANNEL_USER));
    assert_null(chat_channel_id("private-user.7.8", CHAT_CHANNEL_USER));
    assert_null(chat_channel_id("private-user.7;8", CHAT_CHANNEL_USER));
    assert_null(chat_channel_id("private-use", CHAT_CHANNEL_USER));
}

static void an_id_is_1_to_64_of_its_alphabet(void **state)
{
    char longest[66];

    (void)state;
    memset(longest, 'a', sizeof(longest));
    longest[65] = '\0';
    assert_false(chat_id_valid(longest));
    longest[64] = '\0';
    assert_true(chat_id_valid(longest));
    assert_true(chat_id_valid("7"));
    assert_true(chat_id_valid("0b2c6f5e-8a52-4f0e-9a51-7a55c0f3e7aa"));
    assert_false(chat_id_valid(""));
    assert_false(chat_id_valid("1/2"));
    assert_false(chat_id_valid("1.2"));
    assert_false(chat_id_valid("1 "));
    assert_false(chat_id_valid("\xd9\xa1"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_prefix_decides_who_may_subscribe),
        cmocka_unit_test(a_prefix_counts_only_at_the_start_and_in_lower_case),
        cmocka_unit_test(
            a_private_dot_name_is_an_alias_and_promises_what_its_canonical_does),
        cmocka_unit_test(only_the_alias_dot_changes_in_the_canonical_name),
        cmocka_unit_test(every_documented_character_is_accepted_and_no_other),
        cmocka_unit_test(the_longest_name_is_accepted_and_one_byte_more_is_not),
        cmocka_unit_test(a_refused_name_leaves_the_answer_untouched),
        cmocka_unit_test(a_server_name_is_no_subscription),
        cmocka_unit_test(an_id_behind_a_prefix_is_found_only_if_it_is_one),
        cmocka_unit_test(an_id_is_1_to_64_of_its_alphabet),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
