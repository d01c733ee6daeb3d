/* SPDX-License-Identifier: Apache-2.0 */
/*
 * touch.h - log-ins whose use has to be noted, gathered.
 *
 * Once a minute the use of a token or session is written down. Where thousands
 * are in use that is a commit each, many of them in the same second; so what
 * comes within a second of the last time waits here and goes in one statement.
 * A child of httpd has two of these, for tokens and for sessions. What is still
 * here when the child ends is not noted; the next request of that log-in is.
 *
 * Pure; the caller locks and says what time it is.
 */
#ifndef CHAT_TOUCH_H
#define CHAT_TOUCH_H

#include <apr_pools.h>
#include <apr_time.h>

#define CHAT_TOUCH_DIGEST 64 /* letters of a SHA-256 in hex */
#define CHAT_TOUCH_MAX 512   /* so many wait; who comes then, comes again */
#define CHAT_TOUCH_EVERY apr_time_from_sec(1)

typedef struct {
    char digests[CHAT_TOUCH_MAX][CHAT_TOUCH_DIGEST]; /* no NUL behind one */
    int n;
    apr_time_t last; /* when they went the last time; 0: never */
} chat_touch_t;      /* all zero at first */

/** One more. What is no digest, is there already or finds no room is not kept. */
void chat_touch_add(chat_touch_t *touch, const char *digest);

/**
 * All that wait, when it is time; they are here no more.
 * @return a JSON list of texts, from p; NULL: nobody waits, or it is too early
 */
const char *chat_touch_take(chat_touch_t *touch, apr_time_t now, apr_pool_t *p);

#endif
