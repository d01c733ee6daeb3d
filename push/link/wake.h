/* SPDX-License-Identifier: Apache-2.0 */
/*
 * wake.h - the socket on which mod_chat says "look now".
 *
 * A Unix datagram socket with a name in the file system. What a datagram holds
 * does not matter and losing one costs only time, because the relay also looks
 * by the clock. Owner and group may write to it (0660); others may not, so that
 * nobody else can keep the relay busy.
 *
 * Used by the relay thread, after it was opened by the thread that starts it.
 */
#ifndef PUSH_WAKE_H
#define PUSH_WAKE_H

#include <apr_pools.h>
#include <apr_errno.h>

typedef struct push_wake_t push_wake_t;

/**
 * Bind the socket. A socket that a dead process left at the path is replaced;
 * one that somebody listens on, or anything that is no socket, is left alone.
 * @param path  absolute, at most 107 bytes
 * @param why   a sentence naming path and reason when not APR_SUCCESS, from p
 * @return freed with p; the name is removed then
 */
apr_status_t push_wake_open(push_wake_t **wake, const char *path,
                            const char **why, apr_pool_t *p);

/** For poll(): readable when somebody has woken us. */
int push_wake_fd(const push_wake_t *wake);

/** Read what has come, without waiting. @return whether anything had */
int push_wake_drain(push_wake_t *wake);

#endif
