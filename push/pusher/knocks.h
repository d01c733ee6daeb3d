/* SPDX-License-Identifier: Apache-2.0 */
/*
 * knocks.h - how often an address comes to an app's door.
 *
 * maxConnectionsPerAddress bounds how many connections an address has; this how
 * many it begins, also when it ends each at once. Counted in buckets
 * (common/bucket.h) of a fixed size that all loops share without a lock.
 */
#ifndef PUSH_KNOCKS_H
#define PUSH_KNOCKS_H

#include <apr_errno.h>

#include "bucket.h"

#define PUSH_KNOCKS_SETS 1024 /* room for 8,192 addresses at once */

/* 64 kB, of which a site without such a limit never touches a page. */
typedef struct {
    apr_uint64_t words[PUSH_KNOCKS_SETS * CHAT_BUCKET_WAYS];
    chat_buckets_t buckets;
    apr_uint64_t seed; /* of hashes */
} push_knocks_t;

/** @param k  stays where it is; zeroed, or as a former use has left it */
apr_status_t push_knocks_init(push_knocks_t *k);

/**
 * One connection more. Any thread.
 * @param owner  the app's number
 * @param name   of the address, len bytes
 * @param most   how many a minute, and at once; 0: none, below 0: no limit
 * @param now    monotonic second
 * @return 0: it may; else seconds until it is worth coming again
 */
apr_uint32_t push_knocks_take(push_knocks_t *k, apr_uint64_t owner,
                              const char *name, apr_size_t len,
                              apr_int64_t most, apr_uint32_t now);

#endif
