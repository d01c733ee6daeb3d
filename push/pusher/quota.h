/* SPDX-License-Identifier: Apache-2.0 */
/*
 * quota.h - how many connections a user or an address has.
 *
 * Counters by name in a table that all loops share: sharded by hash, each shard
 * with a mutex held for a few lines. A counter exists while it is above zero,
 * and a shard without counters has no memory, so what a storm of addresses
 * takes comes back.
 */
#ifndef PUSH_QUOTA_H
#define PUSH_QUOTA_H

#include <pthread.h>
#include <apr_errno.h>

#define PUSH_QUOTA_SHARDS 16

typedef enum { PUSH_QUOTA_USER, PUSH_QUOTA_ADDRESS } push_quota_kind_t;

/* A counter; whoever holds one of its counts may keep the pointer. */
typedef struct push_seat_t push_seat_t;

typedef struct {
    pthread_mutex_t lock;
    apr_uint32_t n;    /* counters */
    apr_uint32_t room; /* of chains, a power of two or 0 */
    push_seat_t **chains;
} push_quota_shard_t;

typedef struct {
    apr_uint64_t seed; /* of hashes */
    push_quota_shard_t shards[PUSH_QUOTA_SHARDS];
} push_quota_t;

apr_status_t push_quota_init(push_quota_t *q);

/** Free what is left of it: nobody counts any more. */
void push_quota_destroy(push_quota_t *q);

/** Whether push_quota_take() would find no place now. Any thread. */
int push_quota_full(push_quota_t *q, const void *owner, push_quota_kind_t kind,
                    const void *name, apr_size_t len, apr_int64_t max);

/**
 * One connection more. Any thread.
 * @param owner  the app, as nothing but a part of the name
 * @param name   of the user or address, len bytes
 * @param max    most connections
 * @return the counter, for push_quota_give(); NULL when it is at its most
 */
push_seat_t *push_quota_take(push_quota_t *q, const void *owner,
                             push_quota_kind_t kind, const void *name,
                             apr_size_t len, apr_int64_t max);

/** One less. @param seat  NULL: nothing was counted */
void push_quota_give(push_quota_t *q, push_seat_t *seat);

#endif
