/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fold.h - characters that a search takes for one another.
 *
 * Upper and lower case, letters with and without accents, the forms of alef and of
 * yeh, teh marbuta and heh, hamza on its seats, the digits of every script, the
 * wide and the presentation forms; Arabic vowel signs and tatweel are left out. The
 * tables (fold_table.c, made by dev/fold.mjs) are the one definition for both
 * engines: neither folds by itself.
 *
 * Pure, and one look-up a character.
 */
#ifndef CHAT_FOLD_H
#define CHAT_FOLD_H

#include <apr.h>

/* Raise it when the same text would give other words: what was indexed by another
 * version is indexed anew. */
#define CHAT_FOLD_VERSION 1

#define CHAT_FOLD_APART 0xffff   /* no part of a word: blanks, punctuation */
#define CHAT_FOLD_NOTHING 0xfffe /* left out, as if it were not there */
#define CHAT_FOLD_ALONE 0xfffd   /* a word of its own: Chinese, Japanese */
#define CHAT_FOLD_SEVERAL 0xe000 /* up to the three above: several characters */

/* Which table a character's upper byte has; each entry is one of the above, 0 for
 * a character that stays as it is, or the other one. */
extern const apr_byte_t chat_fold_pages[256];
extern const apr_uint16_t chat_fold_to[][256];
/* By entry less CHAT_FOLD_SEVERAL; 0 behind the last. */
extern const apr_uint16_t chat_fold_several[][3];

#endif
