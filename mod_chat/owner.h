/* SPDX-License-Identifier: Apache-2.0 */
/*
 * owner.h - whose WebSocket an upgrade request begins, and how chat-push hears
 * of it.
 *
 * With a socket that is handed over the identity stands in the same message.
 * With one that goes through mod_proxy it stands in a signed header (vouch.h),
 * which is added in the last moment before mod_proxy has the request. What a
 * client sends under that name is removed from every request as soon as its
 * headers have been read.
 */
#ifndef CHAT_OWNER_H
#define CHAT_OWNER_H

#include <httpd.h>

#include "app.h"
#include "identity.h"
#include "request.h"

/**
 * Whose log-in came along. A browser sends the cookie with every WebSocket,
 * also one that another site's page opens: such a page gets a socket, but not
 * in the user's name.
 * @param id  from r->pool; user is "" when it is nobody's
 * @return not APR_SUCCESS when the database cannot say. The socket would be
 *         nobody's for as long as it is open, so nobody should get it
 */
apr_status_t chat_owner_of(const chat_identity_t **id, request_rec *r);

/** The log-in by which q->user is known, and when it ends. */
void chat_owner_fill(chat_identity_t *id, const chat_request_t *q);

/** Tell the chat-push behind mod_proxy. @return as chat_owner_of() */
apr_status_t chat_owner_vouch(request_rec *r, const chat_app_t *app);

/** Hook for post_read_request: no client speaks for us. */
int chat_owner_unvouch(request_rec *r);

#endif
