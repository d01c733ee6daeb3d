/* SPDX-License-Identifier: Apache-2.0 */
/*
 * idle.h - who is logged off for doing nothing, and what doing something is.
 *
 * A page that is left open goes on asking by itself: it catches up, authorizes
 * channels, says what has been read, renews its list. None of that is somebody
 * sitting there, nor is a socket that hears what others write. Pure.
 */
#ifndef CHAT_IDLE_H
#define CHAT_IDLE_H

#include <apr_tables.h>

typedef struct {
    const char *role;
    int seconds; /* without anything done, then the session ends */
} chat_idle_t;

/** @param rules  chat_idle_t, NULL: none. @return seconds, 0: never */
int chat_idle_of(const apr_array_header_t *rules, const char *role);

/**
 * Whether a request is something that a person does.
 * @param page  a page is asked for, not JSON
 * @param path  behind ChatPrefix; NULL (a WebSocket): it is not
 */
int chat_idle_is_act(int page, const char *path);

#endif
