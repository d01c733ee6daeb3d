/* SPDX-License-Identifier: Apache-2.0 */
/*
 * due.h - what the clock does to treatment plans: they expire, and patients are
 * reminded of those they must acknowledge.
 *
 * A chore (chore.h): every half minute it asks whether anything is due, which
 * takes no lock; only then it writes. It changes rows and nothing else: the
 * events come from the triggers, in the same transaction, and count and time of
 * reminders stand in the row. So several nodes may do this at once, and one that
 * restarts goes on: what is done is not done again.
 *
 * Between two looks no connection is held. With the database away it tries
 * again at the next look, and says so once. Where there are no plans it says
 * nothing.
 *
 * Create is called by the main thread, counters by any.
 */
#ifndef PUSH_DUE_H
#define PUSH_DUE_H

#include "chore.h"

typedef struct push_due_t push_due_t;

/* What it is told; everything pointed to outlives it. */
typedef struct {
    const char *database; /* as chat_db_conf_t's target */
    int every_seconds;    /* between two looks, at least 1 */
    int reminder_seconds; /* between two reminders; 0: there are none */
    int reminders;        /* for one plan at most */
    /* A line for the log, see push_relay_conf_t. On its own thread. */
    void (*log)(int trouble, const char *line);
} push_due_conf_t;

/* For metrics. */
typedef struct {
    apr_uint64_t expired;  /* plans marked here, ever */
    apr_uint64_t reminded; /* reminders written here, ever */
    apr_uint64_t failures; /* looks that the database broke off */
} push_due_counters_t;

/**
 * Prepare; no connection is opened and no thread is started.
 * @param conf  kept, not copied
 * @param why   a sentence when not APR_SUCCESS
 */
apr_status_t push_due_create(push_due_t **due, const push_due_conf_t *conf,
                             const char **why, apr_pool_t *p);

/** To be started and stopped. */
push_chore_t *push_due_chore(const push_due_t *due);

void push_due_counters(const push_due_t *due, push_due_counters_t *out);

#endif
