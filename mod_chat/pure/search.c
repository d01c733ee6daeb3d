/* SPDX-License-Identifier: Apache-2.0 */
/* search.c - questions and matches; see search.h. */
#include "search.h"

#include <string.h>
#include <apr_strings.h>

#include "json.h"
#include "utf8.h"

/* Words of a text that are looked at; those of our own messages are 2000 at most. */
#define TEXT_WORDS 4096

/* --- the question --------------------------------------------------------- */

/* Characters in a word. */
static apr_size_t characters(const chat_word_t *word)
{
    return chat_utf8_count(word->text, (apr_size_t)word->len);
}

/* The words of one piece, which follow each other.
 * @param joined  1: and follow what was there before. @return 0: too many */
static int piece_add(chat_search_t *out, const char *s, apr_size_t len,
                     int joined)
{
    chat_words_t w;
    chat_word_t word;

    chat_words_begin(&w, s, len);
    while (chat_words_next(&word, &w)) {
        if (out->n == CHAT_SEARCH_WORDS) {
            return 0;
        }
        out->words[out->n] = word;
        out->follows[out->n] = joined && out->n > 0;
        out->n++;
        joined = 1;
    }
    return 1;
}

static int blank(char c)
{
    return c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == '\f' ||
           c == '\v';
}

/* Bytes up to the end of a piece: a quote, or a blank where none is open. */
static apr_size_t piece_len(const char *s, int quoted)
{
    apr_size_t n = 0;

    while (s[n] != '\0' && s[n] != '"' && (quoted || !blank(s[n]))) {
        n++;
    }
    return n;
}

chat_search_result_t chat_search_parse(chat_search_t *out, const char *q)
{
    int quoted = 0;

    memset(out, 0, sizeof(*out));
    if (strlen(q) > CHAT_SEARCH_MAX * 4 ||
        chat_utf8_count(q, strlen(q)) > CHAT_SEARCH_MAX) {
        return CHAT_SEARCH_LONG;
    }
    while (*q != '\0') {
        apr_size_t len = piece_len(q, quoted);
        int before = out->n;

        if (!piece_add(out, q, len, 0)) {
            return CHAT_SEARCH_LONG;
        }
        if (out->n > before) {
            /* Quotes that are still open are those of somebody still typing. */
            out->beginning = !(quoted && q[len] == '"');
        }
        q += len;
        if (*q == '"') {
            quoted = !quoted;
        }
        q += *q != '\0';
    }
    if (out->n == 0) {
        return CHAT_SEARCH_EMPTY;
    }
    out->beginning = out->beginning && characters(&out->words[out->n - 1]) > 1;
    return CHAT_SEARCH_OK;
}

/* --- the match ------------------------------------------------------------ */

typedef struct {
    apr_uint16_t is; /* a bit for each word of the question that it is */
    apr_uint32_t from, to;
} seen_t;

static int same(const char *a, int a_len, const char *b, int b_len,
                int beginning)
{
    return (beginning ? a_len <= b_len : a_len == b_len) &&
           memcmp(a, b, (size_t)a_len) == 0;
}

/* Whether a word of a text is one that is asked for, in either form. */
static int word_is(const chat_word_t *asked, const chat_word_t *word,
                   int beginning)
{
    for (int i = 0; i < 2; i++) {
        int a = i == 0 ? 0 : asked->stem;

        if (i == 1 && a == 0) {
            break;
        }
        if (same(asked->text + a, asked->len - a, word->text, word->len,
                 beginning) ||
            (word->stem > 0 &&
             same(asked->text + a, asked->len - a, word->text + word->stem,
                  word->len - word->stem, beginning))) {
            return 1;
        }
    }
    return 0;
}

static apr_uint16_t which(const chat_search_t *s, const chat_word_t *word)
{
    apr_uint16_t is = 0;

    for (int i = 0; i < s->n; i++) {
        if (word_is(&s->words[i], word, s->beginning && i == s->n - 1)) {
            is |= (apr_uint16_t)(1u << i);
        }
    }
    return is;
}

/* Words of the question from `first` on that have to follow each other. */
static int run_of(const chat_search_t *s, int first)
{
    int n = 1;

    while (first + n < s->n && s->follows[first + n]) {
        n++;
    }
    return n;
}

static int run_at(const seen_t *seen, int n, int first)
{
    for (int i = 0; i < n; i++) {
        if (!(seen[i].is & 1u << (first + i))) {
            return 0;
        }
    }
    return 1;
}

/* A place to show; they come in order of their runs, so they are sorted in. */
static void mark(chat_search_marks_t *marks, apr_uint32_t from, apr_uint32_t to)
{
    int i = marks->n;

    for (int j = 0; j < marks->n; j++) {
        if (from < marks->at[j].to && marks->at[j].from < to) {
            return; /* shown already */
        }
    }
    if (i == CHAT_SEARCH_MARKS) {
        return;
    }
    for (; i > 0 && marks->at[i - 1].from > from; i--) {
        marks->at[i] = marks->at[i - 1];
    }
    marks->at[i].from = from;
    marks->at[i].to = to;
    marks->n++;
}

/* Where the words from `first` on stand together. @return 0: nowhere */
static int run_find(const chat_search_t *s, int first, const seen_t *seen,
                    int n, chat_search_marks_t *marks)
{
    int len = run_of(s, first), found = 0;

    for (int i = 0; i + len <= n; i++) {
        if (!run_at(seen + i, len, first)) {
            continue;
        }
        found++;
        if (marks == NULL || found > CHAT_SEARCH_MARKS) {
            break;
        }
        mark(marks, seen[i].from, seen[i + len - 1].to);
    }
    return found > 0;
}

int chat_search_match(const chat_search_t *s, const char *text, apr_size_t len,
                      chat_search_marks_t *marks)
{
    apr_uint16_t all = 0;
    chat_words_t w;
    chat_word_t word;
    seen_t seen[TEXT_WORDS];
    int n = 0;

    chat_words_begin(&w, text, len);
    while (n < TEXT_WORDS && chat_words_next(&word, &w)) {
        seen[n] = (seen_t){ which(s, &word), word.from, word.to };
        all |= seen[n].is;
        n++;
    }
    if (all != (apr_uint16_t)((1u << s->n) - 1)) {
        return 0;
    }
    if (marks != NULL) {
        marks->n = 0;
    }
    for (int i = 0; i < s->n; i += run_of(s, i)) {
        if (!run_find(s, i, seen, n, marks)) {
            return 0;
        }
    }
    return 1;
}

/* --- for the engines ------------------------------------------------------ */

typedef struct {
    const char *open, *close;   /* around a word */
    const char *begin;          /* behind one that may be a beginning */
    const char *and_, *or_;
} language_t;

static const char *word_text(const language_t *l, const char *text,
                             int beginning, apr_pool_t *p)
{
    return apr_pstrcat(p, l->open, text, l->close, beginning ? l->begin : "",
                       NULL);
}

static char *expression(const chat_search_t *s, const language_t *l,
                        const char *within, apr_pool_t *p)
{
    char *all = apr_pstrdup(p, within != NULL ? within : "");

    for (int i = 0; i < s->n; i++) {
        const chat_word_t *word = &s->words[i];
        int beginning = s->beginning && i == s->n - 1;
        const char *one = word_text(l, word->text, beginning, p);

        if (word->stem > 0) {
            one = apr_pstrcat(p, "(", one, l->or_,
                              word_text(l, word->text + word->stem, beginning,
                                        p),
                              ")", NULL);
        }
        all = apr_pstrcat(p, all, *all != '\0' ? l->and_ : "", one, NULL);
    }
    return all;
}

char *chat_search_fts5(const chat_search_t *s, const char *within,
                       apr_pool_t *p)
{
    static const language_t fts5 = { "\"", "\"", " *", " AND ", " OR " };

    return expression(s, &fts5, within, p);
}

char *chat_search_tsquery(const chat_search_t *s, const char *within,
                          apr_pool_t *p)
{
    static const language_t tsquery = { "'", "'", ":*", " & ", " | " };

    return expression(s, &tsquery, within, p);
}

/* --- what is shown -------------------------------------------------------- */

/* Bytes of a text up to a UTF-16 offset, at a whole character. */
static apr_size_t bytes_to(const char *text, apr_uint32_t units)
{
    const unsigned char *s = (const unsigned char *)text;
    apr_size_t i = 0;
    apr_uint32_t n = 0;

    while (s[i] != '\0' && n < units) {
        n += s[i] >= 0xf0 ? 2 : 1;
        for (i++; (s[i] & 0xc0) == 0x80; i++) {
        }
    }
    return i;
}

static apr_uint32_t units_of(const char *text, apr_size_t len)
{
    apr_uint32_t n = 0;

    for (apr_size_t i = 0; i < len; i++) {
        unsigned char c = (unsigned char)text[i];

        n += c >= 0xf0 ? 2 : (c & 0xc0) != 0x80;
    }
    return n;
}

/* Where the part begins: some way before the first mark, behind a blank if there is
 * one near. */
static apr_size_t begin_at(const char *text, apr_uint32_t first)
{
    apr_size_t mark_at = bytes_to(text, first);
    apr_size_t at = bytes_to(text, first > 50 ? first - 50 : 0);

    if (at == 0) {
        return 0;
    }
    for (apr_size_t i = at; i < mark_at; i++) {
        if (blank(text[i])) {
            return i + 1;
        }
    }
    return at;
}

char *chat_search_snippet(const char *text, const chat_search_marks_t *marks,
                          apr_pool_t *p)
{
    apr_size_t begin = begin_at(text, marks->n > 0 ? marks->at[0].from : 0);
    apr_size_t end = begin + bytes_to(text + begin, CHAT_SEARCH_SNIPPET);
    apr_uint32_t from = units_of(text, begin);
    apr_uint32_t len = units_of(text + begin, end - begin);
    char *json = apr_pstrcat(p, "{\"text\":",
                             chat_json_quote(text + begin, end - begin, p),
                             ",\"marks\":[", NULL);
    const char *comma = "";

    for (int i = 0; i < marks->n; i++) {
        apr_uint32_t a = marks->at[i].from, b = marks->at[i].to;

        if (a < from || b - from > len) {
            continue;
        }
        json = apr_psprintf(p, "%s%s[%u,%u]", json, comma, a - from, b - from);
        comma = ",";
    }
    return apr_pstrcat(p, json, "],\"before\":", begin > 0 ? "true" : "false",
                       ",\"after\":", text[end] != '\0' ? "true" : "false", "}",
                       NULL);
}
