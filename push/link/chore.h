/* SPDX-License-Identifier: Apache-2.0 */
/*
 * chore.h - work on the database that comes round: look, do a batch, rest.
 *
 * retention, indexer, readers and due are chores. Here is what they share: the
 * thread, the wait between two rounds (longer after one that failed), the
 * connection, the rest between two batches, what the log says when the database
 * goes away and comes back, the count of failures, and the end. What a round
 * does is theirs.
 *
 * Each chore has a thread and a connection of its own, and one thread for all
 * four was weighed: it would save three that sleep. But a statement can take
 * long without anybody's fault. It waits a second for a lock, 15 s for a server
 * that is gone, for ever for one that is stopped, and filling a new index is one
 * round of hours; plans would expire that much later and read marks wait. Cutting
 * all work into turns of a scheduler would not help against a statement that
 * waits. A thread that sleeps costs some 20 kB, and a connection only who keeps
 * one (`keeps`): those that look every second or two.
 *
 * Nothing here makes sure that only one node does the work. Each chore's
 * statements are such that several may do it side by side, see their headers.
 *
 * Create, start and stop are called by the main thread; round, batches and what
 * they use by the chore's thread, or by somebody who has started none; nudge and
 * failures by any.
 */
#ifndef PUSH_CHORE_H
#define PUSH_CHORE_H

#include "db.h"

#include <apr_pools.h>
#include <apr_errno.h>

typedef struct push_chore_t push_chore_t;

/* A round's answer: it did not look, so nothing is known of the database. */
#define PUSH_CHORE_IDLE APR_EOF

/* What a chore is; everything pointed to outlives it. Times are milliseconds. */
typedef struct {
    const char *name;     /* before its lines in the log */
    const char *trouble;  /* what does not work with the database away */
    const char *again;    /* that it works again */
    const char *database; /* as chat_db_conf_t's target */
    int normal;           /* as chat_db_conf_t's */
    int keeps;    /* the connection stays open from round to round */
    int optional; /* a database may lack its tables: CHAT_DB_ESQL, which is
                     neither told nor counted */
    int first_ms; /* from the start to the first round */
    int every_ms; /* between two */
    int failed_ms; /* after one that failed, doubled for each in a row */
    int failed_most_ms; /* up to here */
    int rest_times;     /* between two batches: as often as one took */
    int rest_least_ms;
    int rest_most_ms;
    /* One round; what was done before it broke off is done. */
    apr_status_t (*round)(push_chore_t *chore, void *baton);
    void *baton; /* of round and of batches */
    /* A line for the log, see push_relay_conf_t. On the chore's thread. */
    void (*log)(int trouble, const char *line);
} push_chore_conf_t;

/**
 * Prepare; no connection is opened and no thread is started. p's cleanup stops
 * it.
 * @param conf  kept, not copied
 * @param why   a sentence when not APR_SUCCESS
 */
apr_status_t push_chore_create(push_chore_t **chore,
                               const push_chore_conf_t *conf, const char **why,
                               apr_pool_t *p);

/** Start the thread. */
apr_status_t push_chore_start(push_chore_t *chore);

/** End threads, each after the statement under way; all are told first, so the
 * waits go side by side. Those that were not started are left alone. */
void push_chores_stop(push_chore_t *const *chores, int n);

/** Something has changed: the next round is at once, one under way ends with its
 * batch. */
void push_chore_nudge(push_chore_t *chore);

/**
 * One round, with a connection and with what the log is told. What the thread
 * does, or somebody who has started none.
 * @return the round's status
 */
apr_status_t push_chore_round(push_chore_t *chore);

/** Rounds that the database broke off, ever. */
apr_uint64_t push_chore_failures(const push_chore_t *chore);

const char *push_chore_name(const push_chore_t *chore);

/* --- for a round ---------------------------------------------------------- */

/** The database; it connects with the first statement. */
chat_db_t *push_chore_db(const push_chore_t *chore);

/** A pool that is cleared before each round and each batch. */
apr_pool_t *push_chore_pool(const push_chore_t *chore);

/**
 * Batch after batch until one says that it was the last, fails, or somebody
 * stops or nudges the chore; with a rest after each, so that others have the
 * database for as long.
 * @param one  sets `more` to whether there may be another
 */
apr_status_t push_chore_batches(push_chore_t *chore,
                                apr_status_t (*one)(void *baton, int *more),
                                void *baton);

#endif
