/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tail.h - the event log, read as it grows.
 *
 * A tail knows its place in the log and hands over what lies behind it, in the
 * order of ids, a batch at a time. It holds one connection for as long as that
 * works, because SQLite tells "somebody else has committed" per connection. A
 * read that fails leaves the place where it was, so the next one begins with
 * the same event; a log that was exchanged under us is found out and said.
 *
 * Used by one thread at a time: the one that starts, then the relay's.
 */
#ifndef PUSH_TAIL_H
#define PUSH_TAIL_H

#include "relay_state.h"

#include <apr_pools.h>
#include <apr_errno.h>

#define PUSH_TAIL_BATCH 500 /* rows read at once; also in sql/statements */

typedef struct push_tail_t push_tail_t;

/* An event as it goes to its channels. Valid during the call. */
typedef struct {
    apr_int64_t id;
    const char *event;
    const char *const *channels; /* NULL-terminated; each name once */
    const char *data;            /* JSON with id and cursor, valid UTF-8 */
    apr_size_t len;              /* of data */
} push_tail_event_t;

typedef void (*push_tail_fn)(void *baton, const push_tail_event_t *e);

/* What one read did. */
typedef struct {
    push_relay_start_t start; /* PUSH_RELAY_RESUME unless the place was moved */
    int events;               /* handed over */
    int unreadable;           /* rows left out because they are no events */
    int more;                 /* the log goes on: read again */
    apr_int64_t missed;       /* ids passed over: removed from the log before we
                                 read them, or left out by PUSH_RELAY_SKIPPED */
    apr_int64_t given_up;        /* ids that were missing and are asked for no
                                 longer: too many holes (PUSH_GAPS_MAX) */
} push_tail_batch_t;

/**
 * Prepare; nothing is opened yet.
 * @param target  as chat_db_conf_t
 * @param saved   the place to go on from; an empty epoch: the log's end
 * @param why     a sentence when not APR_SUCCESS
 */
apr_status_t push_tail_create(push_tail_t **tail, const char *target,
                              const push_relay_place_t *saved, const char **why,
                              apr_pool_t *p);

/* An event's payload as it is to be handed over, from p or itself. */
typedef const char *(*push_tail_open_t)(void *baton, const char *payload,
                                        apr_pool_t *p);

/** Before the first read: have each payload seen by a function. */
void push_tail_open_with(push_tail_t *tail, push_tail_open_t open, void *baton);

/**
 * Before the first read: begin behind an earlier id than the saved place, if
 * that still is a place in this log.
 * @param from  not past the saved place's id
 */
void push_tail_rewind(push_tail_t *tail, apr_int64_t from);

/**
 * Whether anything may have been committed since the last read.
 * @param changed  set; 1 also where the engine cannot tell
 */
apr_status_t push_tail_changed(push_tail_t *tail, int *changed);

/**
 * Read one batch.
 * @param batch  what happened, also before a failure
 * @param most   events to catch up at most, negative: no limit
 * @param fn     called for each event, in order
 * @param p      for this call; may be cleared after
 */
apr_status_t push_tail_read(push_tail_t *tail, push_tail_batch_t *batch,
                            apr_int64_t most, push_tail_fn fn, void *baton,
                            apr_pool_t *p);

/** Where it is; the epoch is empty before the first read without a saved one.
 */
const push_relay_place_t *push_tail_place(const push_tail_t *tail);

/** The last id the log had at the last read. */
apr_int64_t push_tail_head(const push_tail_t *tail);

/** PostgreSQL: the descriptor that is readable when a foreign program has
 * written (NOTIFY) or the server is going away; for poll(). Else -1. */
int push_tail_fd(const push_tail_t *tail);

/** When it is readable: take what came. @return whether there is reason to look
 */
int push_tail_notified(push_tail_t *tail);

/** What the last failure said, for the log. */
const char *push_tail_why(const push_tail_t *tail);

#endif
