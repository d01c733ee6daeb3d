/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fuzz_search.c - a question, a line feed, a text: words stay within their bounds and
 * hold nothing that an engine would take for an operator, marks lie in the text, and
 * what matches is in the words that the index gets of it.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <apr_general.h>
#include <apr_strings.h>

#include "search.h"
#include "utf8.h"
#include "words.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static apr_pool_t *scratch(void)
{
    static apr_pool_t *pool;

    if (pool == NULL && (apr_initialize() != APR_SUCCESS ||
                         apr_pool_create(&pool, NULL) != APR_SUCCESS)) {
        abort();
    }
    return pool;
}

static void must(int fact)
{
    if (!fact) {
        abort();
    }
}

static apr_uint32_t units(const char *s)
{
    apr_uint32_t n = 0;

    for (; *s != '\0'; s++) {
        unsigned char c = (unsigned char)*s;

        n += c >= 0xf0 ? 2 : (c & 0xc0) != 0x80;
    }
    return n;
}

/* The words of a text, on the heap with not a byte to spare; and their form. */
static char *indexed(const char *text, apr_size_t len)
{
    apr_size_t room = chat_words_room(len);
    char *out = malloc(room + 1), *end;

    must(out != NULL);
    end = chat_words_put(out, text, len);
    must((apr_size_t)(end - out) <= room);
    *end = '\0';
    must(chat_utf8_valid(out, (apr_size_t)(end - out)));
    must(strpbrk(out, "\"'\\()*:&|!<>-_^ABCDEFGHIJKLMNOPQRSTUVWXYZ\t\n") ==
         NULL);
    must(strstr(out, CHAT_SEARCH_TALK) == NULL &&
         strstr(out, CHAT_SEARCH_PART) == NULL);
    return out;
}

/* Whether a word stands between two blanks, or begins there. */
static int has(const char *all, const char *word, int beginning)
{
    apr_size_t len = strlen(word);

    for (const char *at = all; at != NULL; at = strchr(at, ' ')) {
        at += *at == ' ';
        if (strncmp(at, word, len) == 0 &&
            (beginning || at[len] == ' ' || at[len] == '\0')) {
            return 1;
        }
    }
    return 0;
}

static void marks_lie_in(const chat_search_marks_t *marks, const char *text)
{
    apr_uint32_t at = 0;

    must(marks->n > 0 && marks->n <= CHAT_SEARCH_MARKS);
    for (int i = 0; i < marks->n; i++) {
        must(marks->at[i].from >= at && marks->at[i].from < marks->at[i].to);
        at = marks->at[i].to;
    }
    must(at <= units(text));
}

static void look(const char *q, const char *text, apr_pool_t *p)
{
    char *all = indexed(text, strlen(text));
    chat_search_t s;
    chat_search_marks_t marks;
    const char *json;

    if (chat_search_parse(&s, q) == CHAT_SEARCH_OK) {
        must(s.n > 0 && s.n <= CHAT_SEARCH_WORDS);
        must(strlen(chat_search_fts5(&s, NULL, p)) > 0);
        must(strlen(chat_search_tsquery(&s, NULL, p)) > 0);
        if (chat_search_match(&s, text, strlen(text), &marks)) {
            marks_lie_in(&marks, text);
            for (int i = 0; i < s.n; i++) {
                int beginning = s.beginning && i == s.n - 1;

                must(has(all, s.words[i].text, beginning) ||
                     (s.words[i].stem > 0 &&
                      has(all, s.words[i].text + s.words[i].stem, beginning)));
            }
            json = chat_search_snippet(text, &marks, p);
            must(chat_utf8_valid(json, strlen(json)));
        }
    }
    free(all);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    apr_pool_t *p = scratch();
    char *bytes = malloc(size + 1), *line;

    must(bytes != NULL);
    if (size > 0) {
        memcpy(bytes, data, size);
    }
    bytes[size] = '\0';
    free(indexed(bytes, size)); /* any bytes at all, NUL too */
    line = strchr(bytes, '\n');
    if (line != NULL) {
        *line = '\0';
        look(chat_utf8_repaired(bytes, p), chat_utf8_repaired(line + 1, p), p);
    }
    free(bytes);
    apr_pool_clear(p);
    return 0;
}
