/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_content.c - what is a message, and what is a client's id for one.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>
#include <apr_general.h>
#include <apr_strings.h>

#include "content.h"

static apr_pool_t *pool;

static int open_pool(void **state)
{
    (void)state;
    apr_initialize();
    return apr_pool_create(&pool, NULL) != APR_SUCCESS;
}

static int close_pool(void **state)
{
    (void)state;
    apr_pool_destroy(pool);
    apr_terminate();
    return 0;
}

static const char *clean(const char *s)
{
    const char *out = NULL;

    return chat_content_clean(&out, s, pool) == CHAT_CONTENT_OK ? out : NULL;
}

static void white_space_around_goes_and_inside_stays(void **state)
{
    (void)state;
    assert_string_equal(clean("  a\n b \t\r\n"), "a\n b");
    assert_string_equal(clean("\xc2\xa0\xe3\x80\x80"
                              "a"
                              "\xe2\x80\xa8\xe2\x80\x8b"),
                        "a");
    assert_string_equal(clean("\xef\xbb\xbf"
                              "a"),
                        "a");
    assert_string_equal(clean("a"), "a");
}

/* A right-to-left mark at an end decides how Arabic with figures is laid out.
 */
static void direction_marks_are_not_white_space(void **state)
{
    (void)state;
    assert_string_equal(clean("\xe2\x80\x8f\xd9\x85 1\xe2\x80\x8f"),
                        "\xe2\x80\x8f\xd9\x85 1\xe2\x80\x8f");
}

/* U+3000 is e3 80 80; its last bytes also end other characters. */
static void the_end_of_another_character_is_not_a_space(void **state)
{
    (void)state;
    assert_string_equal(clean("\xf0\x90\x80\x80"), "\xf0\x90\x80\x80");
    assert_string_equal(clean("\xe4\x80\xa0"), "\xe4\x80\xa0");
}

static void nothing_but_white_space_is_empty(void **state)
{
    const char *out;

    (void)state;
    assert_int_equal(chat_content_clean(&out, "", pool), CHAT_CONTENT_EMPTY);
    assert_int_equal(
        chat_content_clean(&out, " \t\r\n\xc2\xa0\xe2\x80\x83", pool),
        CHAT_CONTENT_EMPTY);
}

static void what_nobody_can_see_is_empty_and_beside_words_it_stays(void **state)
{
    static const char *const blank[] = {
        "\xe2\x80\xae\xe2\x80\xad", "\xe2\x80\x8d", " \xe2\x80\x8f \xc2\xad",
        "\xe2\xa0\x80\xe3\x85\xa4", "\xef\xb8\x8f", "\xe2\x81\xa6\xe2\x81\xa9",
        "\xcd\x8f\xe1\x85\xa0", "\x01\x07", "\x1b \x7f\xc2\x80\xc2\x9f",
        "\xf3\xa0\x80\xa0\xf3\xa0\x84\x80",
    };
    static const char *const seen[] = {
        "\xe2\x80\xae.",
        "1\xef\xb8\x8f\xe2\x83\xa3",
        "\xe2\x9d\xa4\xef\xb8\x8f",
        "\xe2\x80\x8f\xd9\x85",
        "\xe2\x80\xa2",
        "\x1b[0m",
        "\xc2\xa1",
    };
    const char *out;

    (void)state;
    for (size_t i = 0; i < sizeof(blank) / sizeof(blank[0]); i++) {
        assert_int_equal(chat_content_clean(&out, blank[i], pool),
                         CHAT_CONTENT_EMPTY);
    }
    for (size_t i = 0; i < sizeof(seen) / sizeof(seen[0]); i++) {
        assert_string_equal(clean(seen[i]), seen[i]);
    }
}

static void characters_are_counted_and_after_trimming(void **state)
{
    char *text = apr_palloc(pool, 2 + 4 * (CHAT_CONTENT_MAX + 1) + 1);
    const char *out;
    char *to = text;

    (void)state;
    *to++ = ' ';
    for (int i = 0; i < CHAT_CONTENT_MAX; i++, to += 4) {
        memcpy(to, "\xf0\x9f\x98\x80", 4);
    }
    memcpy(to, " ", 2);
    assert_int_equal(chat_content_clean(&out, text, pool), CHAT_CONTENT_OK);
    assert_int_equal(strlen(out), 4 * CHAT_CONTENT_MAX);
    memcpy(to, "x", 2);
    assert_int_equal(chat_content_clean(&out, text, pool), CHAT_CONTENT_LONG);
}

static void a_client_id_is_64_plain_characters_at_most(void **state)
{
    char id[CHAT_CLIENT_ID_MAX + 2];

    (void)state;
    assert_true(chat_client_id_valid("a"));
    assert_true(chat_client_id_valid("9b1deb4d-3b7d-4bad-9bdd-2b0d7b3dcb6d"));
    assert_true(chat_client_id_valid("A_b.c:d-9"));
    assert_false(chat_client_id_valid(""));
    assert_false(chat_client_id_valid("a b"));
    assert_false(chat_client_id_valid("a/b"));
    assert_false(chat_client_id_valid("\xc3\xa9"));
    memset(id, 'a', sizeof(id));
    id[CHAT_CLIENT_ID_MAX] = '\0';
    assert_true(chat_client_id_valid(id));
    id[CHAT_CLIENT_ID_MAX] = 'a';
    id[CHAT_CLIENT_ID_MAX + 1] = '\0';
    assert_false(chat_client_id_valid(id));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(white_space_around_goes_and_inside_stays),
        cmocka_unit_test(direction_marks_are_not_white_space),
        cmocka_unit_test(the_end_of_another_character_is_not_a_space),
        cmocka_unit_test(nothing_but_white_space_is_empty),
        cmocka_unit_test(
            what_nobody_can_see_is_empty_and_beside_words_it_stays),
        cmocka_unit_test(characters_are_counted_and_after_trimming),
        cmocka_unit_test(a_client_id_is_64_plain_characters_at_most),
    };

    return cmocka_run_group_tests(tests, open_pool, close_pool);
}
