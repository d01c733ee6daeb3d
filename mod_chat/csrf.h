/* SPDX-License-Identifier: Apache-2.0 */
/*
 * csrf.h - did one of our own pages send this?
 *
 * A cookie and Apache's own authentication go along with every request a
 * browser makes, also with one that another site's page started. Two
 * independent checks tell: the Origin header must be ours, and the request must
 * show a token that only our pages can read. Bearer tokens are never sent by a
 * browser on its own, so they need neither.
 */
#ifndef CHAT_CSRF_H
#define CHAT_CSRF_H

#include "request.h"

/**
 * Whether the Origin header, if there is one, is the request's own or one of
 * ChatOrigin; `null` is not. A browser that says cross-site in Sec-Fetch-Site
 * is refused too, unless its Origin is listed.
 */
int chat_csrf_origin_ok(const chat_request_t *q);

/**
 * Whether chat-push asks, on behalf of a socket whose upgrade showed this
 * cookie: it signs socket and channel, which no page can, and has looked at the
 * Origin of the upgrade itself.
 */
int chat_csrf_push_asks(const chat_request_t *q);

/**
 * Whether header X-CSRF-TOKEN or field _token holds the user's token. Of a Laravel
 * application's session its own token does as well, there or as the value of the
 * cookie XSRF-TOKEN in the header X-XSRF-TOKEN.
 */
int chat_csrf_token_ok(const chat_request_t *q);

/**
 * The token of somebody whom Apache authenticated, who has no session row to
 * keep one in: a signature of their id, from p.
 */
const char *chat_csrf_derived(const chat_server_t *conf, const char *user_id,
                              apr_pool_t *p);

#endif
