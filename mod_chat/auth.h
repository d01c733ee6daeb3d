/* SPDX-License-Identifier: Apache-2.0 */
/*
 * auth.h - who is asking.
 *
 * In this order, and the first that applies decides: the name an Apache
 * authentication set; a bearer token; our session cookie. A bearer token that
 * is wrong is not saved by a cookie that is right. No password is looked at
 * here: that is login.c's, once.
 */
#ifndef CHAT_AUTH_H
#define CHAT_AUTH_H

#include <apr_errno.h>

#include "request.h"

#define CHAT_COOKIE "chat_session"

/**
 * Find out who asks and, when q->id is not "", whether the conversation of that
 * id is one of theirs. One read, and at most once a minute a note that the
 * session or token was used.
 * @return APR_SUCCESS with q->user NULL when it is nobody; an error when the
 *         database could not say
 */
apr_status_t chat_auth(chat_request_t *q);

/**
 * A conversation named elsewhere than in the path, under the same rule.
 * @param conv  NULL when there is none of that id for the user
 */
apr_status_t chat_auth_conversation(const chat_conversation_t **conv,
                                    const chat_request_t *q, const char *id);

/** An id as a value of a statement: a number when it looks like one. */
chat_db_value_t chat_auth_id(const char *id);

#endif
