/* SPDX-License-Identifier: Apache-2.0 */
/*
 * trigger.h - client of chat-push's signed HTTP API, for events without a row.
 *
 * POST /apps/{id}/events as the Pusher documents have it, so any Pusher server
 * could be on the other side. One trigger per child: it keeps a few curl
 * handles with their connections; a thread takes one and puts it back.
 * Everything is bounded: a server that does not answer costs a request
 * CHAT_TRIGGER_MS once, and is then left alone for a while.
 */
#ifndef CHAT_TRIGGER_H
#define CHAT_TRIGGER_H

#include <apr_errno.h>
#include <apr_pools.h>

#include "config.h"

#define CHAT_TRIGGER_MS 300    /* for the whole exchange */
#define CHAT_TRIGGER_REST 2000 /* ms without a try after one that failed */

typedef struct chat_trigger_t chat_trigger_t;

/** One time per child, before its threads start. @param p  the child's pool */
apr_status_t chat_trigger_create(chat_trigger_t **t, const chat_push_t *push,
                                 apr_pool_t *p);

/**
 * Send an event.
 * @param channel  of a conversation: the one older pages have for it as well
 * @param data    JSON text
 * @param except  socket that shall not get it, or NULL
 * @param why     a sentence for the log when not APR_SUCCESS, from p
 * @return APR_EAGAIN while it is left alone after a failure
 */
apr_status_t chat_trigger_send(chat_trigger_t *t, const char *event,
                               const char *channel, const char *data,
                               const char *except, const char **why,
                               apr_pool_t *p);

#endif
