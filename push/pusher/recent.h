/* SPDX-License-Identifier: Apache-2.0 */
/*
 * recent.h - what happened lately, by name.
 *
 * Two uses: signed identities that were used (each is good once), and log-ins
 * that have ended (a socket of one may still be on its way here). A name is
 * remembered for PUSH_RECENT_SECONDS at least and twice that at most: names go
 * into the younger of two tables, and when its time is over it becomes the
 * older and that one is emptied.
 *
 * Kept are 64 bits of a keyed hash and not the name: two names that share them
 * are one in 2^64 pairs, and nobody outside knows the key.
 *
 * Any thread; a mutex is held for a few lines.
 */
#ifndef PUSH_RECENT_H
#define PUSH_RECENT_H

#include <pthread.h>
#include <apr_errno.h>

#define PUSH_RECENT_SECONDS 120
#define PUSH_RECENT_MOST 1048576 /* names of a table; no more are kept */

typedef struct {
    apr_uint64_t *slots; /* open addressing; 0: empty, 1: forgotten */
    apr_uint32_t room;   /* a power of two, or 0 */
    apr_uint32_t n;      /* slots that are not empty */
} push_recent_table_t;

/* All zero but for what push_recent_init() sets. */
typedef struct {
    pthread_mutex_t lock;
    apr_uint64_t seed;
    apr_uint32_t since; /* monotonic second in which `young` was begun */
    push_recent_table_t young, old;
} push_recent_t;

apr_status_t push_recent_init(push_recent_t *recent);

/** Free its tables. */
void push_recent_destroy(push_recent_t *recent);

/**
 * Remember a name.
 * @param now  monotonic seconds
 * @return 1 when it is new, 0 when it was here, -1 when there is no room for it
 */
int push_recent_add(push_recent_t *recent, const char *name, apr_size_t len,
                    apr_uint32_t now);

/** Whether a name is remembered. */
int push_recent_has(push_recent_t *recent, const char *name, apr_size_t len,
                    apr_uint32_t now);

/** Remember a name no longer. */
void push_recent_forget(push_recent_t *recent, const char *name, apr_size_t len,
                        apr_uint32_t now);

#endif
