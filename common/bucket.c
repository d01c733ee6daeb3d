/* SPDX-License-Identifier: Apache-2.0 */
/* bucket.c - rate limits without locks; see bucket.h. */
#include "bucket.h"

#include <stddef.h>

#define TAT_BITS 40
#define TAT_MASK ((UINT64_C(1) << TAT_BITS) - 1)

/* Compare-and-swap rounds before we let it pass: somebody else made progress in
 * each of them, and a limit is no reason to spin. */
#define TRIES 32

static apr_uint64_t tag_of(apr_uint64_t key) { return key & ~TAT_MASK; }

static apr_uint64_t *set_of(const chat_buckets_t *t, apr_uint64_t key)
{
    return t->words + (key & (t->sets - 1)) * CHAT_BUCKET_WAYS;
}

static apr_uint64_t load(const apr_uint64_t *word)
{
    return __atomic_load_n(word, __ATOMIC_RELAXED);
}

static int swap(apr_uint64_t *word, apr_uint64_t from, apr_uint64_t to)
{
    return __atomic_compare_exchange_n(word, &from, to, 0, __ATOMIC_RELAXED,
                                       __ATOMIC_RELAXED);
}

/* The word a key lives in, or the best one to give it.
 * @param seen   what the word held when we looked
 * @param owned  whether it is the key's own */
static apr_uint64_t *find(const chat_buckets_t *t, apr_uint64_t key,
                          apr_uint64_t now, apr_uint64_t *seen, int *owned)
{
    apr_uint64_t *set = set_of(t, key), *best = set;
    apr_uint64_t least = UINT64_MAX;

    *owned = 0;
    for (int i = 0; i < CHAT_BUCKET_WAYS; i++) {
        apr_uint64_t word = load(&set[i]);
        apr_uint64_t tat = word & TAT_MASK;

        if (tat > now && (word & ~TAT_MASK) == tag_of(key)) {
            *seen = word;
            *owned = 1;
            return &set[i];
        }
        if (tat < least) {
            least = tat;
            best = &set[i];
            *seen = word;
        }
    }
    return best;
}

apr_size_t chat_buckets_size(apr_uint32_t sets)
{
    return (apr_size_t)sets * CHAT_BUCKET_WAYS * sizeof(apr_uint64_t);
}

apr_uint32_t chat_bucket_take(const chat_buckets_t *t, apr_uint64_t key,
                              const chat_rate_t *rate, apr_uint64_t now)
{
    apr_uint64_t limit = now + (apr_uint64_t)rate->interval * rate->burst;

    if (rate->interval == 0) {
        return 0;
    }
    for (int i = 0; i < TRIES; i++) {
        apr_uint64_t seen, next;
        int owned;
        apr_uint64_t *word = find(t, key, now, &seen, &owned);

        next = (owned ? seen & TAT_MASK : now) + rate->interval;
        if (next > limit) {
            return (apr_uint32_t)(next - limit);
        }
        if (swap(word, seen, tag_of(key) | (next & TAT_MASK))) {
            return 0;
        }
    }
    return 0;
}

apr_uint32_t chat_bucket_left(const chat_buckets_t *t, apr_uint64_t key,
                              const chat_rate_t *rate, apr_uint64_t now,
                              apr_uint32_t *full)
{
    apr_uint64_t seen = 0, ahead;
    int owned = 0;

    *full = 0;
    if (rate->interval == 0) {
        return rate->burst;
    }
    find(t, key, now, &seen, &owned);
    ahead = owned ? (seen & TAT_MASK) - now : 0;
    if (ahead >= (apr_uint64_t)rate->interval * rate->burst) {
        ahead = (apr_uint64_t)rate->interval * rate->burst;
    }
    *full = (apr_uint32_t)ahead;
    return rate->burst -
           (apr_uint32_t)((ahead + rate->interval - 1) / rate->interval);
}

void chat_bucket_give(const chat_buckets_t *t, apr_uint64_t key,
                      const chat_rate_t *rate, apr_uint64_t now)
{
    if (rate->interval == 0) {
        return;
    }
    for (int i = 0; i < TRIES; i++) {
        apr_uint64_t seen, next;
        int owned;
        apr_uint64_t *word = find(t, key, now, &seen, &owned);

        if (!owned) {
            return; /* full already */
        }
        next = (seen & TAT_MASK) - rate->interval;
        if (swap(word, seen, tag_of(key) | (next & TAT_MASK))) {
            return;
        }
    }
}
