/* SPDX-License-Identifier: Apache-2.0 */
/*
 * search.h - what somebody looks for, and whether a text has it.
 *
 * A question is words; a text has to have all of them, in any order. Words between
 * quotes, and those that only punctuation parts (o'neill), have to follow each other.
 * The last word may be the beginning of one, when it has two characters or more and
 * stands in no quotes. Nothing else in a question means anything: there are no
 * operators, neither ours nor the engines'.
 *
 * The index of a database says which messages may match; chat_search_match() says
 * which do. So the two engines give the same answer.
 *
 * Pure: a text in, a struct out; no memory is taken but where a pool is given.
 */
#ifndef CHAT_SEARCH_H
#define CHAT_SEARCH_H

#include <apr_pools.h>

#include "words.h"

#define CHAT_SEARCH_MAX 200   /* characters of a question */
#define CHAT_SEARCH_WORDS 16  /* words of one */
#define CHAT_SEARCH_MARKS 8   /* places that are shown of one text */
#define CHAT_SEARCH_SNIPPET 160 /* UTF-16 code units of a text that are shown, or a
                                   few more */

typedef enum {
    CHAT_SEARCH_OK,
    CHAT_SEARCH_EMPTY, /* no word in it */
    CHAT_SEARCH_LONG   /* more than CHAT_SEARCH_MAX or CHAT_SEARCH_WORDS */
} chat_search_result_t;

typedef struct {
    int n;                               /* words, 1 to CHAT_SEARCH_WORDS */
    chat_word_t words[CHAT_SEARCH_WORDS]; /* as asked for; their from and to mean
                                             nothing */
    int follows[CHAT_SEARCH_WORDS]; /* 1: directly behind the word before */
    int beginning;                  /* 1: the last may be a beginning */
} chat_search_t;

/* Where words that were looked for stand in a text, in UTF-16 code units. */
typedef struct {
    int n;
    struct {
        apr_uint32_t from, to;
    } at[CHAT_SEARCH_MARKS]; /* in their order; they do not overlap */
} chat_search_marks_t;

/** Read a question. @param q  valid UTF-8 */
chat_search_result_t chat_search_parse(chat_search_t *out, const char *q);

/**
 * Whether a text has what is looked for.
 * @param marks  the first places, on 1 only; NULL: nobody wants to know
 */
int chat_search_match(const chat_search_t *s, const char *text, apr_size_t len,
                      chat_search_marks_t *marks);

/** The question in the language of FTS5, from p. Nothing in it is the asker's but
 * words. @param within  a further word that must be there, as it is; NULL: none */
char *chat_search_fts5(const chat_search_t *s, const char *within,
                       apr_pool_t *p);

/** The same as a tsquery of PostgreSQL. @param within  an expression */
char *chat_search_tsquery(const chat_search_t *s, const char *within,
                          apr_pool_t *p);

/**
 * The part of a text around its first mark as {"text", "marks": [[from, to], …],
 * "cut": …}, from p; offsets are in UTF-16 code units of `text`.
 * @param text  valid UTF-8
 */
char *chat_search_snippet(const char *text, const chat_search_marks_t *marks,
                          apr_pool_t *p);

#endif
