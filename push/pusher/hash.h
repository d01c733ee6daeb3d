/* SPDX-License-Identifier: Apache-2.0 */
/*
 * hash.h - a keyed hash of short texts for tables that strangers can fill.
 *
 * The key is random at each start, so nobody outside can aim many names at one
 * chain. Eight bytes at a time by multiplying and folding; not for signatures.
 */
#ifndef PUSH_HASH_H
#define PUSH_HASH_H

#include <string.h>
#include <apr.h>

/* One step. */
static inline apr_uint64_t push_hash_fold(apr_uint64_t a, apr_uint64_t b)
{
    __uint128_t product = (__uint128_t)a * b;

    return (apr_uint64_t)product ^ (apr_uint64_t)(product >> 64);
}

/** Go on with a text from h. @param seed  random, the same for a table */
static inline apr_uint64_t push_hash_text(apr_uint64_t h, apr_uint64_t seed,
                                          const char *text, apr_size_t len)
{
    apr_uint64_t word;
    apr_size_t n;

    h = push_hash_fold(h ^ len, seed | 1);
    for (; len > 0; text += n, len -= n) {
        word = 0;
        n = len < sizeof(word) ? len : sizeof(word);
        memcpy(&word, text, n);
        h = push_hash_fold(h ^ word, seed | 1);
    }
    return h;
}

#endif
