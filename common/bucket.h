/* SPDX-License-Identifier: Apache-2.0 */
/*
 * bucket.h - how often may who do what: rate limits in a fixed piece of memory.
 *
 * The method is GCRA, the token bucket kept as one number: the time at which
 * the bucket would be full again (TAT). A take moves it `interval` ahead; when
 * that is more than `burst` intervals from now, the answer is no, and the
 * distance says how long to wait.
 *
 * The table is an array of 64-bit words, 24 bits of the key and 40 bits of TAT
 * in milliseconds, changed by compare-and-swap only: processes and threads
 * share it without a lock, and one killed in the middle leaves nothing behind.
 * A key lives in one of the eight words of its set. A word whose TAT has passed
 * is free. When all eight are in use the least loaded one is given up, so
 * somebody who floods us with fresh keys drives out other fresh keys first, and
 * never the loaded bucket of an attack.
 *
 * Not exact on purpose: two keys share a bucket when set and tag agree (one in
 * sixteen million within a set), and two first takes at once may open two
 * buckets. Pure: memory and clock are the caller's.
 */
#ifndef CHAT_BUCKET_H
#define CHAT_BUCKET_H

#include <apr.h>

#define CHAT_BUCKET_WAYS 8 /* words of a set: one cache line */

/* A limit. Off when interval is 0. */
typedef struct {
    apr_uint32_t interval; /* milliseconds that earn one more */
    apr_uint32_t burst;    /* how many at once, at least 1 */
} chat_rate_t;

typedef struct {
    apr_uint64_t *words; /* sets * CHAT_BUCKET_WAYS, zeroed at first */
    apr_uint32_t sets;   /* a power of two */
} chat_buckets_t;

/** Bytes that `sets` sets take. */
apr_size_t chat_buckets_size(apr_uint32_t sets);

/**
 * Take one from a key's bucket.
 * @param key   a keyed hash of who and what
 * @param now   milliseconds of a clock that never steps back
 * @return 0 when taken, else milliseconds until it is worth trying again
 */
apr_uint32_t chat_bucket_take(const chat_buckets_t *t, apr_uint64_t key,
                              const chat_rate_t *rate, apr_uint64_t now);

/**
 * What a key's bucket has left.
 * @param full  milliseconds until it would be full again
 * @return how many may be taken at once now; the burst where there is no limit
 */
apr_uint32_t chat_bucket_left(const chat_buckets_t *t, apr_uint64_t key,
                              const chat_rate_t *rate, apr_uint64_t now,
                              apr_uint32_t *full);

/** Give one back (a log-in that turned out to be right). */
void chat_bucket_give(const chat_buckets_t *t, apr_uint64_t key,
                      const chat_rate_t *rate, apr_uint64_t now);

#endif
