/* SPDX-License-Identifier: Apache-2.0 */
/*
 * directory.h - what all loops share about channels; for hub.c alone.
 *
 * An entry exists while a loop has subscribers for its channel, while a cached
 * event is kept, or while the user whose watchers it has is online. Entries lie in shards by hash. A shard's mutex guards
 * its chains and everything in its entries except `counts`: a loop writes its
 * own count and anybody may read it, atomically.
 *
 * A loop with subscribers holds the entry, so its hub may keep a pointer to it
 * and read app, hash and name without the mutex.
 */
#ifndef PUSH_DIRECTORY_H
#define PUSH_DIRECTORY_H

#include <pthread.h>

#include "hub.h"
#include "tally.h"

#define PUSH_SHARDS 64

/* The last event of a cache channel. */
typedef struct {
    push_frame_t *frame;  /* a reference */
    apr_uint32_t name_at; /* where in it the channel's name stands */
    apr_uint32_t expires; /* monotonic second */
    apr_uint64_t number;  /* as every numbered event of the channel has one */
} push_cached_t;

typedef struct push_entry_t {
    struct push_entry_t *next; /* in its chain */
    push_app_t *app;
    push_cached_t *cached;   /* NULL: none */
    push_members_t *members; /* NULL: none */
    push_tally_t *tally;     /* NULL: its count was not told lately, or is told
                                at each change */
    apr_uint32_t hash;
    apr_uint32_t len;      /* of the name */
    apr_uint32_t occupied; /* loops that have subscribers */
    apr_uint32_t online;   /* connections of the user that is watched here */
    apr_uint32_t missed;   /* second of the last cache_miss to webhooks since
                              its last event, 0: none */
    apr_uint32_t counts[]; /* subscribers of each loop; the name follows */
} push_entry_t;

typedef struct {
    pthread_mutex_t lock;
    apr_uint64_t number; /* of the last numbered event */
    apr_uint32_t n;      /* entries */
    apr_uint32_t room;   /* chains, a power of two or 0 */
    push_entry_t **chains;
    push_tally_t *tallies; /* of its entries */
} push_shard_t;

typedef struct {
    int loops;
    apr_uint32_t ttl;  /* atomic: seconds a cached event is kept */
    apr_uint64_t seed; /* of hashes: nobody outside can aim at a chain */
    apr_uint32_t occupied; /* atomic: entries with subscribers, '#' not counted */
    apr_uint32_t users;    /* atomic: users' own entries with subscribers */
    push_shard_t shards[PUSH_SHARDS];
} push_directory_t;

apr_status_t push_directory_init(push_directory_t *d, int loops,
                                 apr_uint32_t ttl);

/** Free everything, also what is still occupied: nobody uses it any more. */
void push_directory_destroy(push_directory_t *d);

/** The hash of a channel's canonical name. */
apr_uint32_t push_directory_hash(const push_directory_t *d, apr_uint32_t app,
                                 const char *name, apr_size_t len, int alias);

push_shard_t *push_shard_of(push_directory_t *d, apr_uint32_t hash);
void push_shard_lock(push_shard_t *s);
void push_shard_unlock(push_shard_t *s);

/** The name behind an entry, e->len bytes. */
const char *push_entry_name(const push_directory_t *d, const push_entry_t *e);

/** Whether an entry is the one of a name. */
int push_entry_is(const push_directory_t *d, const push_entry_t *e,
                  const push_name_t *name);

/* With the shard locked. */
push_entry_t *push_entry_find(push_directory_t *d, push_shard_t *s,
                              const push_name_t *name);
push_entry_t *push_entry_get(push_directory_t *d, push_shard_t *s,
                             const push_name_t *name);

/** A loop has its first subscriber, or no subscriber any more. */
void push_entry_occupy(push_directory_t *d, push_entry_t *e, int loop);
void push_entry_vacate(push_directory_t *d, push_entry_t *e, int loop);

/** Free an entry that nothing holds any more. */
void push_entry_settle(push_shard_t *s, push_entry_t *e);

/** Keep an event as the channel's last one. @return its number */
apr_uint64_t push_entry_keep(push_directory_t *d, push_shard_t *s,
                             push_entry_t *e, const push_event_t *event,
                             apr_uint32_t now);

/** The cached event, NULL when there is none or its time is over. */
const push_cached_t *push_entry_cached(const push_entry_t *e, apr_uint32_t now);

/** Subscribers of all loops. */
apr_uint32_t push_entry_subscriptions(const push_directory_t *d,
                                      const push_entry_t *e);

/** Drop the expired events of one shard. */
void push_shard_expire(push_shard_t *s, apr_uint32_t now);

/** Drop the cached events of one app. */
void push_shard_clear(push_shard_t *s, const push_app_t *app);

/** Monotonic seconds, on any thread. */
apr_uint32_t push_seconds(void);

#endif
