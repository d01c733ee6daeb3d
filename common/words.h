/* SPDX-License-Identifier: Apache-2.0 */
/*
 * words.h - a text as the words that a search finds it by.
 *
 * chat-push puts them into the index, mod_chat looks for those of a question and
 * shows where they stand; both split here, so that they agree. A word is letters and
 * digits of any script, folded (fold.h). An Arabic word with the article has a
 * second form, the one without: it is found by both.
 *
 * Pure: no memory is taken. Bytes that are no UTF-8 stand between words.
 */
#ifndef CHAT_WORDS_H
#define CHAT_WORDS_H

#include <apr.h>

#define CHAT_WORD_MAX 60 /* bytes of a folded word; the rest of it is cut off */

/* Words of an index that are none of a text: these characters are in none. Behind
 * the first a conversation's id, behind the second the message's id without its last
 * CHAT_SEARCH_SEGMENT bits (PostgreSQL only). */
#define CHAT_SEARCH_TALK "\xee\x80\x80"
#define CHAT_SEARCH_PART "\xee\x80\x81"
#define CHAT_SEARCH_SEGMENT 14

/* Where we are in a text; owned by the caller. */
typedef struct {
    const unsigned char *s;
    apr_size_t len;     /* bytes */
    apr_size_t at;      /* the next byte */
    apr_uint32_t units; /* UTF-16 code units before it */
} chat_words_t;

typedef struct {
    char text[CHAT_WORD_MAX + 1]; /* folded, terminated */
    int len;
    int stem; /* where the form without article begins in it; 0: there is none */
    apr_uint32_t from; /* where it stands, in UTF-16 code units, as JavaScript */
    apr_uint32_t to;   /* counts: behind its last one */
} chat_word_t;

/** Begin with a text, which stays the caller's. */
void chat_words_begin(chat_words_t *w, const char *s, apr_size_t len);

/** The next word. @return 0 when there is none */
int chat_words_next(chat_word_t *out, chat_words_t *w);

/**
 * All words of a text, both forms of those that have two, with a blank between two:
 * what stands in the index.
 * @param out  room for chat_words_room() bytes
 * @return behind the last byte; not terminated
 */
char *chat_words_put(char *out, const char *s, apr_size_t len);

/** The bytes chat_words_put() writes at most. */
apr_size_t chat_words_room(apr_size_t len);

#endif
