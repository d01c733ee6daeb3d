/* SPDX-License-Identifier: Apache-2.0 */
/*
 * known.h - whose tokens we have seen lately.
 *
 * A message is stored by the same statement that says whose token it came with
 * (message.c), but how often that person may send is better asked before it.
 * So a child remembers, for tokens the database has accepted, whose they were.
 * This decides under which name something is counted and nothing else: whether
 * a token is still good only the database says.
 *
 * A table of fixed size, its places in sets of four; a token whose set is full
 * drives the oldest of it out, whose next message is counted behind the fact. Pure;
 * the caller locks.
 *
 * It also remembers what ids of conversations look like here. Messages that come
 * together are one statement, which an id that the database cannot read makes fail
 * for all of them: one of another kind goes alone.
 */
#ifndef CHAT_KNOWN_H
#define CHAT_KNOWN_H

#include "path.h"

#define CHAT_KNOWN_SETS 8192
#define CHAT_KNOWN_WAYS 4    /* tokens of a set: 32,768 in all, 3.2 MB */
#define CHAT_KNOWN_DIGEST 64 /* letters of a SHA-256 in hex */
#define CHAT_KNOWN_PREFIX 32 /* of them we keep: 128 bits tell tokens apart */

/* What an id looks like. */
typedef enum {
    CHAT_ID_KIND_UNKNOWN, /* none was seen yet; a number too long to say */
    CHAT_ID_KIND_NUMBER,  /* fits an integer of four bytes */
    CHAT_ID_KIND_UUID,    /* 8-4-4-4-12 hexadecimal digits */
    CHAT_ID_KIND_TEXT     /* anything else: every column that has such takes all */
} chat_id_kind_t;

typedef struct {
    struct {
        char digest[CHAT_KNOWN_PREFIX]; /* its beginning; no NUL behind it */
        char user[CHAT_ID_SIZE];        /* "": the place is free */
    } places[CHAT_KNOWN_SETS][CHAT_KNOWN_WAYS];
    unsigned char next[CHAT_KNOWN_SETS]; /* which of the set is the oldest */
} chat_known_t;                          /* all zero at first */

/** Remember it. A digest of another length, or an id too long, is not. */
void chat_known_note(chat_known_t *known, const char *digest, const char *user);

/**
 * Whose token it was.
 * @param user  CHAT_ID_SIZE bytes
 * @return 0 when it is not known
 */
int chat_known_find(const chat_known_t *known, const char *digest, char *user);

/** What an id that a column has says of the column. */
chat_id_kind_t chat_id_kind(const char *id);

/**
 * Whether a column can read an id.
 * @param seen  the kind of one that is in it; CHAT_ID_KIND_UNKNOWN: nobody knows
 * @return 0 also when that is not sure
 */
int chat_id_fits(chat_id_kind_t seen, const char *id);

#endif
