/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_utf8.c - what is UTF-8 and what is not (RFC 3629), also in pieces.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>
#include <apr_general.h>

#include "utf8.h"

/* Every case of the tables below, with its length, because some hold NUL. */
typedef struct {
    const char *bytes;
    apr_size_t len;
    const char *what;
} sample_t;

#define SAMPLE(s, what)                                                        \
    {                                                                          \
        s, sizeof(s) - 1, what                                                 \
    }

/* clang-format off */
static const sample_t valid[] = {
    SAMPLE("", "nothing"),
    SAMPLE("\x00", "U+0000"),
    SAMPLE("\x7f", "U+007F, last of one byte"),
    SAMPLE("\xc2\x80", "U+0080, first of two"),
    SAMPLE("\xdf\xbf", "U+07FF, last of two"),
    SAMPLE("\xe0\xa0\x80", "U+0800, first of three"),
    SAMPLE("\xed\x9f\xbf", "U+D7FF, before the surrogates"),
    SAMPLE("\xee\x80\x80", "U+E000, after the surrogates"),
    SAMPLE("\xef\xbf\xbf", "U+FFFF, last of three"),
    SAMPLE("\xf0\x90\x80\x80", "U+10000, first of four"),
    SAMPLE("\xf4\x8f\xbf\xbf", "U+10FFFF, the last"),
    SAMPLE("\xef\xbb\xbf""text", "a byte order mark is a character"),
    SAMPLE("\xd9\x85\xd8\xb1\xd8\xad\xd8\xa8\xd8\xa7", "Arabic"),
    SAMPLE("twenty-four ASCII bytes.\xf0\x9f\x91\x8b", "ASCII, then a wave"),
};

static const sample_t invalid[] = {
    SAMPLE("\x80", "a lone continuation byte"),
    SAMPLE("\xbf", "the last continuation byte alone"),
    SAMPLE("\xc0\x80", "overlong U+0000 of two"),
    SAMPLE("\xc1\xbf", "overlong U+007F"),
    SAMPLE("\xe0\x80\x80", "overlong U+0000 of three"),
    SAMPLE("\xe0\x9f\xbf", "overlong U+07FF"),
    SAMPLE("\xf0\x80\x80\x80", "overlong U+0000 of four"),
    SAMPLE("\xf0\x8f\xbf\xbf", "overlong U+FFFF"),
    SAMPLE("\xed\xa0\x80", "the first surrogate"),
    SAMPLE("\xed\xbf\xbf", "the last surrogate"),
    SAMPLE("\xed\xa0\xbd\xed\xb8\x80", "CESU-8 pair"),
    SAMPLE("\xf4\x90\x80\x80", "U+110000"),
    SAMPLE("\xf5\x80\x80\x80", "lead byte F5"),
    SAMPLE("\xfe", "FE never occurs"),
    SAMPLE("\xff", "FF never occurs"),
    SAMPLE("\xf8\x88\x80\x80\x80", "five bytes, RFC 2279"),
    SAMPLE("\xc2", "two cut after one"),
    SAMPLE("\xe2\x82", "three cut after two"),
    SAMPLE("\xf0\x9f\x91", "four cut after three"),
    SAMPLE("\xc2""A", "a letter where a continuation byte must be"),
    SAMPLE("\xe2\x82\xe2\x82\xac", "a character begins inside another"),
    SAMPLE("twenty-four ASCII bytes.\x80", "ASCII, then a lone byte"),
};
/* clang-format on */

static void
whole_characters_of_every_length_and_their_edges_are_valid(void **state)
{
    apr_size_t i;

    (void)state;
    for (i = 0; i < sizeof(valid) / sizeof(valid[0]); i++) {
        if (!chat_utf8_valid(valid[i].bytes, valid[i].len)) {
            fail_msg("refused: %s", valid[i].what);
        }
    }
}

static void
overlong_surrogate_too_high_and_cut_characters_are_invalid(void **state)
{
    apr_size_t i;

    (void)state;
    for (i = 0; i < sizeof(invalid) / sizeof(invalid[0]); i++) {
        if (chat_utf8_valid(invalid[i].bytes, invalid[i].len)) {
            fail_msg("accepted: %s", invalid[i].what);
        }
    }
}

/* Feed a sample cut in two at every place; the answer must not change. */
static void feed_in_two(const sample_t *s)
{
    chat_utf8_state_t whole = chat_utf8_feed(0, s->bytes, s->len);
    chat_utf8_state_t state;
    apr_size_t cut;

    for (cut = 0; cut <= s->len; cut++) {
        state = chat_utf8_feed(0, s->bytes, cut);
        state = chat_utf8_feed(state, s->bytes + cut, s->len - cut);
        if (state != whole) {
            fail_msg("%s: differs when cut at %d", s->what, (int)cut);
        }
    }
}

static void a_cut_between_two_pieces_changes_nothing(void **state)
{
    apr_size_t i;

    (void)state;
    for (i = 0; i < sizeof(valid) / sizeof(valid[0]); i++) {
        feed_in_two(&valid[i]);
    }
    for (i = 0; i < sizeof(invalid) / sizeof(invalid[0]); i++) {
        feed_in_two(&invalid[i]);
    }
}

/* RFC 6455, 8.1: a text message fails as soon as it cannot become valid. */
static void the_first_impossible_byte_rejects_without_waiting(void **state)
{
    (void)state;
    assert_int_equal(chat_utf8_feed(0, "\xed\xa0", 2), CHAT_UTF8_REJECT);
    assert_int_equal(chat_utf8_feed(0, "\xf4\x90", 2), CHAT_UTF8_REJECT);
    assert_int_equal(chat_utf8_feed(0, "\xe0\x80", 2), CHAT_UTF8_REJECT);
}

static void what_was_rejected_stays_rejected(void **state)
{
    chat_utf8_state_t at = chat_utf8_feed(0, "\xff", 1);

    (void)state;
    assert_int_equal(chat_utf8_feed(at, "fine", 4), CHAT_UTF8_REJECT);
    assert_int_equal(chat_utf8_feed(at, "", 0), CHAT_UTF8_REJECT);
}

static void inside_a_character_is_neither_accepted_nor_rejected(void **state)
{
    chat_utf8_state_t at = chat_utf8_feed(0, "\xf0\x9f", 2);

    (void)state;
    assert_int_not_equal(at, CHAT_UTF8_ACCEPT);
    assert_int_not_equal(at, CHAT_UTF8_REJECT);
}

static void characters_are_counted_not_bytes(void **state)
{
    (void)state;
    assert_int_equal(chat_utf8_count("", 0), 0);
    assert_int_equal(chat_utf8_count("abc", 3), 3);
    assert_int_equal(chat_utf8_count("\xd9\x85\xd8\xb1", 4), 2);
    assert_int_equal(chat_utf8_count("\xf0\x9f\x91\x8b!", 5), 2);
}

/* Unicode 15, table 3-8 and following: what each broken piece becomes. */
static void broken_pieces_become_replacement_characters(void **state)
{
    /* clang-format off */
    static const struct { const char *in, *out; } rows[] = {
        { "a\xff""b",                 "a\xef\xbf\xbd""b" },
        { "\xc0\xaf",                "\xef\xbf\xbd\xef\xbf\xbd" },
        { "\xed\xa0\x80",           "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd" },
        { "\xe1\x80\xe2\xf0\x91\x92\xf1\xbf""A",
          "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd""A" },
        { "\xd9\x85\xd9",           "\xd9\x85\xef\xbf\xbd" },
        { "\xe2\x82\xe2\x82\xac",  "\xef\xbf\xbd\xe2\x82\xac" },
    };
    /* clang-format on */
    apr_pool_t *pool;
    apr_size_t i;

    (void)state;
    assert_int_equal(apr_pool_create(&pool, NULL), APR_SUCCESS);
    for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        assert_string_equal(chat_utf8_repaired(rows[i].in, pool), rows[i].out);
    }
    assert_ptr_equal(chat_utf8_repaired(rows[0].out, pool), rows[0].out);
    apr_pool_destroy(pool);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(
            whole_characters_of_every_length_and_their_edges_are_valid),
        cmocka_unit_test(
            overlong_surrogate_too_high_and_cut_characters_are_invalid),
        cmocka_unit_test(a_cut_between_two_pieces_changes_nothing),
        cmocka_unit_test(the_first_impossible_byte_rejects_without_waiting),
        cmocka_unit_test(what_was_rejected_stays_rejected),
        cmocka_unit_test(inside_a_character_is_neither_accepted_nor_rejected),
        cmocka_unit_test(characters_are_counted_not_bytes),
        cmocka_unit_test(broken_pieces_become_replacement_characters),
    };

    apr_initialize();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
