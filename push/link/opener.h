/* SPDX-License-Identifier: Apache-2.0 */
/*
 * opener.h - events whose texts lie encrypted in the log (common/keys.h) are opened
 * before they are relayed.
 *
 * It has a connection of its own, because the relay holds its one while it reads.
 * Called on the relay's thread, and on the main thread before that runs.
 */
#ifndef PUSH_OPENER_H
#define PUSH_OPENER_H

#include <apr_errno.h>
#include <apr_pools.h>

typedef struct push_opener_t push_opener_t;

/**
 * @param database  the log's
 * @param keys      database.keys: what keyring.h reads
 * @param log       as the relay's
 * @param why       a sentence when not APR_SUCCESS: something to put right
 */
apr_status_t push_opener_create(push_opener_t **opener, const char *database,
                                const char *keys,
                                void (*log)(int trouble, const char *line),
                                const char **why, apr_pool_t *p);

/**
 * An event's payload with its sealed texts opened. One that cannot be opened is
 * "", and the log says why, once for each reason in a row.
 * @param opener  as void *, to be a push_tail_open_t
 * @return payload itself when nothing in it is sealed, else from p
 */
const char *push_opener_open(void *opener, const char *payload, apr_pool_t *p);

#endif
