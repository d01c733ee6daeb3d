/* SPDX-License-Identifier: Apache-2.0 */
/*
 * gaps.h - ids of the event log that were missing when we went past them.
 *
 * PostgreSQL's transactions take their ids in one order and commit in another,
 * so the id before the newest may still appear, or never: its transaction was
 * rolled back. The relay does not wait for it. It hands over what is there,
 * remembers what is missing and asks for it again.
 *
 * When it stops asking: a transaction has its own id before it takes an event
 * id (sql/schema.pgsql.sql). A transaction id drawn after the missing id was
 * noticed, the fence, is therefore younger than the transaction it belongs to;
 * once no transaction older than the fence is running and the id is not there,
 * it never will be.
 *
 * Pure: no clock, no database. Used by one thread.
 */
#ifndef PUSH_GAPS_H
#define PUSH_GAPS_H

#include <apr.h>

/* Most ranges remembered; the oldest give way. A transaction of any size is one
 * range or few, so there are as many only after thousands of roll-backs beside
 * a transaction that does not end. */
#define PUSH_GAPS_MAX 4096

/* Ids without a hole between them. */
typedef struct {
    apr_int64_t first, last; /* of the events that are missing */
    apr_int64_t fence;       /* a transaction id; 0 until one was drawn */
} push_gap_t;

typedef struct {
    push_gap_t list[PUSH_GAPS_MAX]; /* by id, lowest first */
    int n;
    apr_uint64_t given_up; /* ids that gave way to newer ones, ever */
} push_gaps_t;

/** The ids from `first` to `last`, above all known ones, are missing. */
void push_gaps_add(push_gaps_t *gaps, apr_int64_t first, apr_int64_t last);

/** An id is there after all. @return whether it was missing */
int push_gaps_fill(push_gaps_t *gaps, apr_int64_t id);

/** Whether some have no fence yet. */
int push_gaps_unfenced(const push_gaps_t *gaps);

/** A fence for those that have none. */
void push_gaps_fence(push_gaps_t *gaps, apr_int64_t fence);

/**
 * Forget those that will never be there.
 * @param oldest  the oldest transaction running when, or before, the log was
 *                last asked for the missing ids
 * @param upto    the last id it was asked for
 */
void push_gaps_settle(push_gaps_t *gaps, apr_int64_t oldest, apr_int64_t upto);

/** Forget those up to an id. */
void push_gaps_forget(push_gaps_t *gaps, apr_int64_t last);

/** Up to which id nothing is missing, `high` when nothing is at all. */
apr_int64_t push_gaps_low(const push_gaps_t *gaps, apr_int64_t high);

/** The ranges as two PostgreSQL arrays, "{5,9}" and "{7,9}".
 * @param firsts, lasts  PUSH_GAPS_TEXT bytes each */
#define PUSH_GAPS_TEXT (PUSH_GAPS_MAX * 20 + 3)
void push_gaps_text(const push_gaps_t *gaps, char *firsts, char *lasts);

#endif
