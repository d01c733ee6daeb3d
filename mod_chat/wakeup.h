/* SPDX-License-Identifier: Apache-2.0 */
/*
 * wakeup.h - telling chat-push that there is something new in the event log.
 *
 * One datagram to its Unix socket, of any content, after a commit. Only a hint:
 * when it is lost, chat-push finds the event at its next poll. So it never
 * waits and never fails. One socket per child, used by all threads at once.
 */
#ifndef CHAT_WAKEUP_H
#define CHAT_WAKEUP_H

#include <apr_pools.h>

typedef struct chat_wakeup_t chat_wakeup_t;

/**
 * @param path  chat-push's socket; it need not exist yet
 * @return NULL when the path does not fit a socket address or there is no
 *         descriptor left; chat_wakeup_send() then does nothing
 */
chat_wakeup_t *chat_wakeup_create(const char *path, apr_pool_t *p);

void chat_wakeup_send(const chat_wakeup_t *w);

#endif
