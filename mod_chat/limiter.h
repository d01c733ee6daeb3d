/* SPDX-License-Identifier: Apache-2.0 */
/*
 * limiter.h - the site's rate limits, in memory that all children share.
 *
 * The memory is made once by the parent, before it forks, and kept over
 * graceful restarts, so that a restart does not give an attacker a fresh start.
 * Buckets and their arithmetic are bucket.h; here they get their keys: a keyed
 * hash of what is limited, the database (two sites' user 7 are two people) and
 * who. Addresses are those Apache believes in: mod_remoteip decides about
 * headers.
 */
#ifndef CHAT_LIMITER_H
#define CHAT_LIMITER_H

#include <apr_errno.h>
#include <httpd.h>

#include "config.h"

/* What is limited; a letter each, the first of the key. */
typedef enum {
    CHAT_LIMIT_SEND = 's',    /* messages of an account */
    CHAT_LIMIT_SEARCH = 'q', /* searches of an account */
    CHAT_LIMIT_TYPING = 't',  /* typing notices of an account */
    CHAT_LIMIT_ACCOUNT = 'a', /* failed log-ins with an e-mail address */
    CHAT_LIMIT_ADDRESS = 'i', /* failed log-ins from an IP address */
    CHAT_LIMIT_REQUEST = 'r'  /* requests from an IP address */
} chat_limit_t;

/** Make or find the memory. In the parent, each time it configures itself. */
apr_status_t chat_limiter_prepare(server_rec *s);

/**
 * Count one more.
 * @return 0: within the limit; else milliseconds to wait
 */
apr_uint32_t chat_limiter_take(const chat_server_t *conf, chat_limit_t what,
                               const char *who, apr_pool_t *p);

/**
 * Say in the answer's headers how much is left: RateLimit-Limit, -Remaining and
 * -Reset (seconds until all of it is there again), and RateLimit-Policy (that
 * many in so many seconds), as draft-ietf-httpapi-ratelimit-headers-06 has them.
 * Of several limits the one with least left is said; no limit says nothing.
 */
void chat_limiter_say(request_rec *r, const chat_server_t *conf,
                      chat_limit_t what, const char *who);

/** Take it back: the log-in was right after all. */
void chat_limiter_give(const chat_server_t *conf, chat_limit_t what,
                       const char *who, apr_pool_t *p);

/** The client's address as a key: all of IPv4, the first half of IPv6 (which
 * is what one subscriber is given), from r->pool. */
const char *chat_limiter_address(const request_rec *r);

#endif
