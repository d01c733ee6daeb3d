/* SPDX-License-Identifier: Apache-2.0 */
/* knocks.c - see knocks.h. */
#include "knocks.h"
#include "hash.h"

#include <apr_general.h>

#define MINUTE 60 /* seconds */
#define MINUTE_MS (MINUTE * 1000)

apr_status_t push_knocks_init(push_knocks_t *k)
{
    k->buckets.words = k->words;
    k->buckets.sets = PUSH_KNOCKS_SETS;
    return apr_generate_random_bytes((unsigned char *)&k->seed,
                                     sizeof(k->seed));
}

apr_uint32_t push_knocks_take(push_knocks_t *k, apr_uint64_t owner,
                              const char *name, apr_size_t len,
                              apr_int64_t most, apr_uint32_t now)
{
    apr_int64_t n = most < 1 ? 1 : most < MINUTE_MS ? most : MINUTE_MS;
    const chat_rate_t rate = { (apr_uint32_t)(MINUTE_MS / n), (apr_uint32_t)n };
    apr_uint32_t wait;

    if (most <= 0) {
        return most < 0 ? 0 : MINUTE;
    }
    /* A second later than it is: a time of 0 would be a bucket nobody has. */
    wait = chat_bucket_take(&k->buckets,
                            push_hash_text(k->seed ^ owner, k->seed, name, len),
                            &rate, ((apr_uint64_t)now + 1) * 1000);
    return wait > 0 ? wait / 1000 + 1 : 0;
}
