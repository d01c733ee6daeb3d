/* SPDX-License-Identifier: Apache-2.0 */
/*
 * indexer.h - the words of messages, for those who search.
 *
 * A chore (chore.h): every few seconds it asks which ids have no words yet and puts
 * theirs into the index, a batch at a time, with a rest after each: an INSERT of a
 * message costs nothing, and writers wait for one batch at most. mod_chat reads what
 * is not there yet by itself, so nobody waits for the index either.
 *
 * It goes up from where it began with new messages, and down from there with those
 * that were there before: a database of a million messages that is upgraded is filled
 * while people write. Messages that were changed or removed come by a list that
 * triggers keep. On PostgreSQL, where an id may appear behind its neighbours, the
 * last minute is looked through once more.
 *
 * Several nodes on one database do the same work side by side, which does no harm.
 * Create is called by the main thread, counters by any.
 */
#ifndef PUSH_INDEXER_H
#define PUSH_INDEXER_H

#include "chore.h"

typedef struct push_indexer_t push_indexer_t;

/* What it is told; everything pointed to outlives it. */
typedef struct {
    const char *database; /* as chat_db_conf_t's target */
    /* A line for the log, see push_relay_conf_t. On its own thread. */
    void (*log)(int trouble, const char *line);
} push_indexer_conf_t;

/* For metrics. */
typedef struct {
    apr_uint64_t indexed;  /* messages, ever */
    apr_uint64_t failures; /* rounds that the database broke off */
    apr_int64_t behind;    /* ids above and below the index at the last look */
} push_indexer_counters_t;

/**
 * Prepare; no connection is opened and no thread is started.
 * @param conf  its log is kept and its database, not itself
 * @param why   a sentence when not APR_SUCCESS
 */
apr_status_t push_indexer_create(push_indexer_t **ix,
                                 const push_indexer_conf_t *conf,
                                 const char **why, apr_pool_t *p);

/** To be started and stopped. */
push_chore_t *push_indexer_chore(const push_indexer_t *ix);

void push_indexer_counters(const push_indexer_t *ix,
                           push_indexer_counters_t *out);

#endif
