/* SPDX-License-Identifier: Apache-2.0 */
/*
 * retention.h - the event log loses what is older than its window.
 *
 * A chore (chore.h), so delivery never waits for it. Once a minute it asks how
 * old the log's oldest row is, which costs next to nothing; only when that is too
 * old it writes. It removes the log's beginning in the order of ids, a small
 * batch at a time, and after each it rests four times as long as the batch took:
 * writers wait for one batch at most, and have the database to themselves most of
 * the time.
 *
 * What the relay has not handed over to everybody stays, however old. So a
 * chat-push that was down for longer than the window relays first and removes
 * then. Several nodes on one database do the same work side by side, each a
 * batch of its own; whichever goes further says how far the log is gone.
 *
 * Between two looks no connection is held. With the database away it tries
 * again more and more slowly, and says so once.
 *
 * Create is called by the main thread, follow and counters by any.
 */
#ifndef PUSH_RETENTION_H
#define PUSH_RETENTION_H

#include "chore.h"

#define PUSH_RETENTION_BATCH                                                   \
    500 /* rows removed at once; also in                                       \
           sql/statements */

typedef struct push_retention_t push_retention_t;

/* What it is told; everything pointed to outlives it. */
typedef struct {
    const char *database; /* as chat_db_conf_t's target */
    /* The last id that may go, because nobody waits for it; 0: none may. */
    apr_int64_t (*upto)(void *baton);
    void *baton;
    /* A line for the log, see push_relay_conf_t. On its own thread. */
    void (*log)(int trouble, const char *line);
} push_retention_conf_t;

/* For metrics. */
typedef struct {
    apr_uint64_t removed;  /* rows, ever */
    apr_uint64_t failures; /* sweeps that the database broke off */
    apr_int64_t oldest; /* age of the oldest row at the last look, in seconds;
                           0: there is none */
} push_retention_counters_t;

/**
 * Prepare; no connection is opened and no thread is started.
 * @param conf     kept, not copied
 * @param seconds  the window; 0: everything is kept
 * @param why      a sentence when not APR_SUCCESS
 */
apr_status_t push_retention_create(push_retention_t **ret,
                                   const push_retention_conf_t *conf,
                                   int seconds, const char **why,
                                   apr_pool_t *p);

/** To be started and stopped. */
push_chore_t *push_retention_chore(const push_retention_t *ret);

/** Another window, from now on: the thread sweeps at once. */
void push_retention_follow(push_retention_t *ret, int seconds);

/**
 * One sweep: remove until nothing is too old. What the thread does, or somebody
 * who has started none.
 * @return why it was broken off; what was removed until then is
 */
apr_status_t push_retention_sweep(push_retention_t *ret);

void push_retention_counters(const push_retention_t *ret,
                             push_retention_counters_t *out);

#endif
