/* SPDX-License-Identifier: Apache-2.0 */
/* words.c - read a character, fold it, join or end a word; see words.h. */
#include "words.h"

#include <string.h>

#include "fold.h"
#include "utf8.h"

#define NO_CHARACTER 0xffffffffu

/* The character at w->at; `n` is set to its bytes. */
static apr_uint32_t character(const chat_words_t *w, apr_size_t *n)
{
    const unsigned char *s = w->s + w->at;
    apr_size_t left = w->len - w->at;
    apr_size_t need = s[0] < 0x80   ? 1
                      : s[0] < 0xe0 ? 2
                      : s[0] < 0xf0 ? 3
                                    : 4;
    apr_uint32_t c;

    *n = 1;
    if (need == 1) {
        return s[0];
    }
    if (need > left || !chat_utf8_valid(s, need)) {
        return NO_CHARACTER;
    }
    *n = need;
    c = s[0] & (0xffu >> (need + 1));
    for (apr_size_t i = 1; i < need; i++) {
        c = c << 6 | (s[i] & 0x3fu);
    }
    return c;
}

/* What becomes of a character, as in the table, which has those up to U+FFFF. */
static apr_uint16_t folded(apr_uint32_t c)
{
    if (c > 0xffff) {
        if (c >= 0x20000 && c < 0x40000) {
            return CHAT_FOLD_ALONE;
        }
        /* Pictures, tags and private use. */
        return (c >= 0x1f000 && c < 0x20000) || c >= 0xe0000 ? CHAT_FOLD_APART
                                                             : 0;
    }
    return chat_fold_to[chat_fold_pages[c >> 8]][c & 0xff];
}

/* Add a character, while there is room for a whole one. */
static void word_add(chat_word_t *word, apr_uint32_t c)
{
    char *to = word->text + word->len;
    int need = c < 0x80 ? 1 : c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;

    if (word->len + need > CHAT_WORD_MAX) {
        return;
    }
    if (need == 1) {
        to[0] = (char)c;
    }
    else {
        for (int i = need - 1; i > 0; i--) {
            to[i] = (char)(0x80 | (c & 0x3f));
            c >>= 6;
        }
        to[0] = (char)((0xf00u >> need & 0xffu) | c);
    }
    word->len += need;
}

static void word_add_folded(chat_word_t *word, apr_uint32_t c, apr_uint16_t to)
{
    if (to == 0 || to == CHAT_FOLD_ALONE) {
        word_add(word, c);
    }
    else if (to >= CHAT_FOLD_SEVERAL) {
        const apr_uint16_t *more = chat_fold_several[to - CHAT_FOLD_SEVERAL];

        for (int i = 0; i < 3 && more[i] != 0; i++) {
            word_add(word, more[i]);
        }
    }
    else {
        word_add(word, to);
    }
}

/* The article, alone or behind one of four words that are one letter each; with
 * "to" it is written otherwise. At least three letters have to follow: shorter
 * words only look as if they had one. */
static int stem_of(const char *text, int len)
{
    static const char *const articles[] = {
        "\xd8\xa7\xd9\x84",         /* al- */
        "\xd9\x88\xd8\xa7\xd9\x84", /* wa-l- */
        "\xd8\xa8\xd8\xa7\xd9\x84", /* bi-l- */
        "\xd9\x81\xd8\xa7\xd9\x84", /* fa-l- */
        "\xd9\x83\xd8\xa7\xd9\x84", /* ka-l- */
        "\xd9\x84\xd9\x84",         /* li-l- */
    };

    for (size_t i = 0; i < sizeof(articles) / sizeof(articles[0]); i++) {
        int n = (int)strlen(articles[i]);

        if (len >= n + 6 && memcmp(text, articles[i], (size_t)n) == 0) {
            return n;
        }
    }
    return 0;
}

void chat_words_begin(chat_words_t *w, const char *s, apr_size_t len)
{
    *w = (chat_words_t){ (const unsigned char *)s, len, 0, 0 };
}

/* Go past a character of n bytes. */
static void pass(chat_words_t *w, apr_size_t n)
{
    w->at += n;
    w->units += n == 4 ? 2 : 1;
}

int chat_words_next(chat_word_t *out, chat_words_t *w)
{
    apr_size_t n;

    out->len = 0;
    while (w->at < w->len) {
        apr_uint32_t c = character(w, &n);
        apr_uint16_t to = c == NO_CHARACTER ? CHAT_FOLD_APART : folded(c);

        if (to == CHAT_FOLD_APART || (to == CHAT_FOLD_ALONE && out->len > 0)) {
            if (out->len > 0) {
                break;
            }
            pass(w, n);
            continue;
        }
        if (to != CHAT_FOLD_NOTHING && out->len == 0) {
            out->from = w->units;
        }
        pass(w, n);
        if (to != CHAT_FOLD_NOTHING) {
            word_add_folded(out, c, to);
        }
        out->to = w->units;
        if (to == CHAT_FOLD_ALONE) {
            break;
        }
    }
    if (out->len == 0) {
        return 0;
    }
    out->text[out->len] = '\0';
    out->stem = (unsigned char)out->text[0] >= 0x80
                    ? stem_of(out->text, out->len)
                    : 0;
    return 1;
}

apr_size_t chat_words_room(apr_size_t len)
{
    /* A character of two bytes or more becomes three of three at most, another one
     * byte; both forms, and blanks. */
    return len * 10 + 2;
}

char *chat_words_put(char *out, const char *s, apr_size_t len)
{
    char *begin = out;
    chat_words_t w;
    chat_word_t word;

    chat_words_begin(&w, s, len);
    while (chat_words_next(&word, &w)) {
        if (out > begin) {
            *out++ = ' ';
        }
        memcpy(out, word.text, (size_t)word.len);
        out += word.len;
        if (word.stem > 0) {
            *out++ = ' ';
            memcpy(out, word.text + word.stem,
                   (size_t)(word.len - word.stem));
            out += word.len - word.stem;
        }
    }
    return out;
}
