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

/* What a request shows of itself, before anybody is asked about it. */
typedef struct {
    chat_via_t via;
    const char *shown;    /* Apache's name (NULL: the variable that should hold
                             it is not there), or the secret's digest (hex) */
    apr_int64_t token_id; /* of a bearer token; 0: it named none */
    const char *laravel;  /* the id of a Laravel application's session */
} chat_shown_t;

/** @return 0 when it shows nothing that could be looked up */
int chat_auth_shown(chat_shown_t *shown, const chat_request_t *q);

/**
 * For a statement that answers who it is along with something else: its first
 * columns are those of the who_… statements.
 * @param res  its first row counts; fills q->user and q->conversation. With no row, or one
 *             of another secret, they stay NULL
 */
void chat_auth_found(chat_request_t *q, const chat_shown_t *shown,
                     const chat_db_result_t *res);

#define CHAT_AUTH_COLUMNS 13 /* how many the who_… statements have */

/** The account a token was found to belong to lately; its name is for counting
 * only (known.h). @return NULL when it is not known */
const char *chat_auth_known(const chat_request_t *q, const chat_shown_t *shown);

/** Whether the id in the path can be read as one of a conversation: it has the form of
 * those that were found. @return 0 when it cannot, or none was found yet */
int chat_auth_fits(const chat_request_t *q);

/** What a child remembers of a database's tokens; lives in p. */
struct chat_memory_t *chat_auth_memory(apr_pool_t *p);

/**
 * A conversation named elsewhere than in the path, under the same rule, but for
 * what staff have opened by saying why.
 * @param conv  NULL when there is none of that id for the user
 */
apr_status_t chat_auth_conversation(const chat_conversation_t **conv,
                                    const chat_request_t *q, const char *id);

/**
 * Whether a user may have a conversation as staff: the role is one of
 * ChatStaffRoles and, with ChatBreakGlass, they have opened it, saying why.
 * @param user, conversation  their ids
 */
int chat_auth_staff(const chat_server_t *conf, const char *user,
                    const char *role, const char *conversation, apr_pool_t *p);

/** An id as a value of a statement: a number when it looks like one. */
chat_db_value_t chat_auth_id(const char *id);

#endif
