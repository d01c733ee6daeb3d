/* SPDX-License-Identifier: Apache-2.0 */
/*
 * readers.h - marks what somebody has read who opened a conversation with much
 * unread in it.
 *
 * httpd marks the newest messages while the reader waits, and leaves a row of
 * chat_read_due for the older ones: they are read, counts and receipts say so
 * already, only messages.read_at is still to be set, for programs that look at
 * nothing else. That is done here, part by part, by a chore (chore.h). Nobody is
 * told of it: triggers keep still for what stands below such a row.
 *
 * How far it has come stands in the row, and each step may be done twice. So
 * several nodes may do this at once, and one that is killed goes on. With the
 * database away it tries again every second, and says so once.
 *
 * Create is called by the main thread, counters by any.
 */
#ifndef PUSH_READERS_H
#define PUSH_READERS_H

#include "chore.h"

typedef struct push_readers_t push_readers_t;

/* What it is told; everything pointed to outlives it. */
typedef struct {
    const char *database; /* as chat_db_conf_t's target */
    /* A line for the log, see push_relay_conf_t. On its own thread. */
    void (*log)(int trouble, const char *line);
} push_readers_conf_t;

/* For metrics. */
typedef struct {
    apr_uint64_t marked;   /* messages marked here, ever */
    apr_uint64_t failures; /* looks that the database broke off */
} push_readers_counters_t;

/**
 * Prepare; no connection is opened and no thread is started.
 * @param conf  its log is kept and its database, not itself
 * @param why   a sentence when not APR_SUCCESS
 */
apr_status_t push_readers_create(push_readers_t **out,
                                 const push_readers_conf_t *conf,
                                 const char **why, apr_pool_t *p);

/** To be started and stopped. */
push_chore_t *push_readers_chore(const push_readers_t *readers);

void push_readers_counters(const push_readers_t *readers,
                           push_readers_counters_t *out);

#endif
