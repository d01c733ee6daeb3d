/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_search.c - words of a text, questions, matches, and what the engines are
 * asked. Arabic stands here as UTF-8 with its meaning beside it in Latin letters.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <apr_general.h>
#include <apr_strings.h>

#include "search.h"
#include "words.h"

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

/* The words of a text as they go into the index. */
static const char *words(const char *text)
{
    apr_size_t len = strlen(text);
    char *out = apr_palloc(pool, chat_words_room(len) + 1);

    *chat_words_put(out, text, len) = '\0';
    return out;
}

static chat_search_t asked(const char *q)
{
    chat_search_t s;

    assert_int_equal(chat_search_parse(&s, q), CHAT_SEARCH_OK);
    return s;
}

static int found(const char *q, const char *text)
{
    chat_search_t s = asked(q);

    return chat_search_match(&s, text, strlen(text), NULL);
}

/* Text with its marks in brackets; the text is ASCII. */
static const char *marked(const char *q, const char *text)
{
    chat_search_t s = asked(q);
    chat_search_marks_t marks;
    char *out = apr_pstrdup(pool, "");
    apr_uint32_t at = 0;

    if (!chat_search_match(&s, text, strlen(text), &marks)) {
        return NULL;
    }
    for (int i = 0; i < marks.n; i++) {
        out = apr_pstrcat(pool, out,
                          apr_pstrmemdup(pool, text + at,
                                         marks.at[i].from - at),
                          "[",
                          apr_pstrmemdup(pool, text + marks.at[i].from,
                                         marks.at[i].to - marks.at[i].from),
                          "]", NULL);
        at = marks.at[i].to;
    }
    return apr_pstrcat(pool, out, text + at, NULL);
}

static void words_are_letters_and_digits_in_lower_case(void **state)
{
    (void)state;
    assert_string_equal(words("The  quick, BROWN fox_7 (of 12)!"),
                        "the quick brown fox 7 of 12");
    assert_string_equal(words(""), "");
    assert_string_equal(words(" .,;"), "");
    assert_string_equal(words("\xf0\x9f\xa6\xb7"), ""); /* a tooth */
    assert_string_equal(words("a\xc2\xad" "b"), "ab");   /* soft hyphen */
}

static void accents_and_forms_are_folded(void **state)
{
    (void)state;
    assert_string_equal(words("Cr\xc3\xa8me BR\xc3\x9bL\xc3\x89" "E"),
                        "creme brulee");
    assert_string_equal(words("Zu\xcc\x88rich"), "zurich");
    assert_string_equal(words("Stra\xc3\x9f" "e"), "strasse");
    /* ahmad with hamza, mustashfa with alef maqsura, su'al */
    assert_string_equal(words("\xd8\xa3\xd8\xad\xd9\x85\xd8\xaf"),
                        "\xd8\xa7\xd8\xad\xd9\x85\xd8\xaf");
    assert_string_equal(words("\xd9\x81\xd9\x89"), "\xd9\x81\xd9\x8a");
    assert_string_equal(words("\xd8\xb3\xd8\xa4\xd8\xa7\xd9\x84"),
                        "\xd8\xb3\xd9\x88\xd8\xa7\xd9\x84");
    /* k, tatweel, t with a vowel sign */
    assert_string_equal(words("\xd9\x83\xd9\x80\xd8\xaa\xd9\x8e"),
                        "\xd9\x83\xd8\xaa");
    /* One character that stands for a sentence stays as it is. */
    assert_string_equal(words("\xef\xb7\xba"), "\xef\xb7\xba");
    assert_string_equal(words("\xd9\xa2\xd9\xa5\xd9\xa0 \xdb\xb7"), "250 7");
}

static void an_article_gives_a_second_form(void **state)
{
    (void)state;
    /* al-tabib */
    assert_string_equal(words("\xd8\xa7\xd9\x84\xd8\xb7\xd8\xa8\xd9\x8a\xd8\xa8"),
                        "\xd8\xa7\xd9\x84\xd8\xb7\xd8\xa8\xd9\x8a\xd8\xa8 "
                        "\xd8\xb7\xd8\xa8\xd9\x8a\xd8\xa8");
    /* alam, pain: the first letters are no article */
    assert_string_equal(words("\xd8\xa3\xd9\x84\xd9\x85"),
                        "\xd8\xa7\xd9\x84\xd9\x85");
}

static void bytes_that_are_no_text_stand_between_words(void **state)
{
    (void)state;
    assert_string_equal(words("ab\xff" "cd\xc3"), "ab cd");
    assert_string_equal(words("\xed\xa0\x80x\xf4\x90\x80\x80y"), "x y");
}

static void a_word_ends_somewhere(void **state)
{
    char text[4000];
    chat_words_t w;
    chat_word_t word;

    (void)state;
    memset(text, 'a', sizeof(text));
    chat_words_begin(&w, text, sizeof(text));
    assert_true(chat_words_next(&word, &w));
    assert_int_equal(word.len, CHAT_WORD_MAX);
    assert_int_equal(word.to, sizeof(text));
    assert_false(chat_words_next(&word, &w));
}

static void a_text_has_all_words_in_any_order(void **state)
{
    (void)state;
    assert_true(found("dogs quick", "The quick brown fox, lazy dogs"));
    assert_false(found("dogs wolf", "The quick brown fox, lazy dogs"));
    assert_true(found("lazy do", "The quick brown fox, lazy dogs"));
    assert_false(found("laz dogs", "The quick brown fox, lazy dogs"));
    assert_false(found("d", "dogs")); /* one letter is no beginning */
    assert_true(found("d", "vitamin d"));
}

static void quotes_and_punctuation_keep_words_together(void **state)
{
    (void)state;
    assert_true(found("\"brown fox\"", "a brown fox"));
    assert_false(found("\"brown fox\"", "a fox brown"));
    assert_false(found("\"brown fo\"", "a brown fox"));
    assert_true(found("\"brown fo", "a brown fox")); /* still being typed */
    assert_true(found("o'neill", "Dr O\"Neill"));
    assert_false(found("o'neill", "neill o"));
    assert_true(found("a \"b c\" d", "d c b c a"));
}

static void places_are_shown_in_order_and_once(void **state)
{
    (void)state;
    assert_string_equal(marked("fox the", "The fox, the fox."),
                        "[The] [fox], [the] [fox].");
    assert_string_equal(marked("\"brown fox\" brown", "a brown fox"),
                        "a [brown fox]");
    assert_null(marked("cat", "a brown fox"));
}

static void a_question_has_words_and_an_end(void **state)
{
    chat_search_t s;
    char long_one[CHAT_SEARCH_MAX + 2];

    (void)state;
    assert_int_equal(chat_search_parse(&s, ""), CHAT_SEARCH_EMPTY);
    assert_int_equal(chat_search_parse(&s, " \"!\" * ( "), CHAT_SEARCH_EMPTY);
    memset(long_one, 'a', sizeof(long_one));
    long_one[CHAT_SEARCH_MAX + 1] = '\0';
    assert_int_equal(chat_search_parse(&s, long_one), CHAT_SEARCH_LONG);
    long_one[CHAT_SEARCH_MAX] = '\0';
    assert_int_equal(chat_search_parse(&s, long_one), CHAT_SEARCH_OK);
    assert_int_equal(chat_search_parse(&s, "a b c d e f g h i j k l m n o p"),
                     CHAT_SEARCH_OK);
    assert_int_equal(chat_search_parse(&s,
                                       "a b c d e f g h i j k l m n o p q"),
                     CHAT_SEARCH_LONG);
}

static void the_engines_are_asked_for_words_only(void **state)
{
    chat_search_t s = asked("x' OR \"y* NEAR\" z:b -- fo");

    (void)state;
    assert_string_equal(chat_search_fts5(&s, NULL, pool),
                        "\"x\" AND \"or\" AND \"y\" AND \"near\" AND \"z\" AND "
                        "\"b\" AND \"fo\" *");
    assert_string_equal(chat_search_tsquery(&s, "'t'", pool),
                        "'t' & 'x' & 'or' & 'y' & 'near' & 'z' & 'b' & 'fo':*");
}

static void a_snippet_is_what_stands_around(void **state)
{
    char text[1000];
    chat_search_t s = asked("needle");
    chat_search_marks_t marks;
    const char *json;

    (void)state;
    memset(text, '.', sizeof(text));
    memcpy(text + 500, "\xf0\x9f\xa6\xb7 needle", 11);
    text[sizeof(text) - 1] = '\0';
    assert_true(chat_search_match(&s, text, strlen(text), &marks));
    json = chat_search_snippet(text, &marks, pool);
    assert_non_null(strstr(json, "needle"));
    assert_non_null(strstr(json, "\"before\":true,\"after\":true"));
    assert_null(strstr(json, "\"marks\":[]"));
    assert_string_equal(
        (assert_true(chat_search_match(&s, "needle", 6, &marks)),
         chat_search_snippet("needle", &marks, pool)),
        "{\"text\":\"needle\",\"marks\":[[0,6]],\"before\":false,"
        "\"after\":false}");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(words_are_letters_and_digits_in_lower_case),
        cmocka_unit_test(accents_and_forms_are_folded),
        cmocka_unit_test(an_article_gives_a_second_form),
        cmocka_unit_test(bytes_that_are_no_text_stand_between_words),
        cmocka_unit_test(a_word_ends_somewhere),
        cmocka_unit_test(a_text_has_all_words_in_any_order),
        cmocka_unit_test(quotes_and_punctuation_keep_words_together),
        cmocka_unit_test(places_are_shown_in_order_and_once),
        cmocka_unit_test(a_question_has_words_and_an_end),
        cmocka_unit_test(the_engines_are_asked_for_words_only),
        cmocka_unit_test(a_snippet_is_what_stands_around),
    };

    return cmocka_run_group_tests(tests, open_pool, close_pool);
}
