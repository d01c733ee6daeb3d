/* SPDX-License-Identifier: Apache-2.0 */
/*
 * message.h - what other routes share with message.c.
 */
#ifndef CHAT_MESSAGE_H
#define CHAT_MESSAGE_H

#include "db.h"
#include "paging.h"
#include "request.h"
#include "shape.h"

/* A message as it was sent to us. */
typedef struct {
    const char *content;   /* trimmed; "" with files alone */
    const char *type;      /* "text"; NULL: what its files are */
    const char *client_id; /* NULL: none */
    apr_int64_t reply_to;  /* id of the message it answers; 0: none */
    const char *files;     /* ids of attachments, a JSON list; "": they came with
                              the request; NULL: none */
} chat_draft_t;

#define CHAT_DRAFT_VALUES 8 /* of message_insert */

/** The values of message_insert. @param stored  its text as it is to lie in the
 * database (sealing.h) */
void chat_message_values(chat_db_value_t args[CHAT_DRAFT_VALUES],
                         const chat_request_t *q, const chat_draft_t *draft,
                         const char *stored);

/** 201: it was sent. */
int chat_message_sent(chat_request_t *q, chat_message_t *m);

/**
 * Whether the caller has sent a message of the draft's client_id before.
 * @return 1: *answer is the answer, 201 again or 409
 */
int chat_message_before(chat_request_t *q, const chat_draft_t *draft,
                        int *answer);

/** Nothing was inserted: say why, or what was sent before. */
int chat_message_again(chat_request_t *q, const chat_draft_t *draft);

/**
 * A page of the conversation's messages as the paginator's JSON.
 * @param newest  set to the id of its newest message, 0 when it is empty; may
 *                be NULL
 */
apr_status_t chat_message_page(const char **json, apr_int64_t *newest,
                               const chat_request_t *q,
                               const chat_paging_t *paging, const char *path);

/**
 * Mark what others wrote to the user as read, with one event for all. Of more
 * than 500 the newest are marked here; that the older ones are read as well is
 * noted, and chat-push marks them (push/link/readers.h).
 * @param ids     JSON list of message ids, at most 500; NULL: all
 * @param newest  none with a higher id; 0: no such bound
 * @param n       how many were unread; counted to 5,000
 */
apr_status_t chat_message_mark_read(const chat_request_t *q, const char *ids,
                                    apr_int64_t newest, apr_int64_t *n);

/**
 * Whether nothing may be written in the conversation, because of its status
 * (ChatClosedStatus), or the database could not say.
 * @param answer  how it was refused, when it is
 */
int chat_message_closed(chat_request_t *q, int *answer);

/** The same of a conversation that the path does not name. @param id  as text */
int chat_message_closed_in(chat_request_t *q, const char *id, int *answer);

/**
 * `content` of the body, or `message` as the first version of this API called it.
 * @param content  trimmed
 * @return what is wrong with it ("is required"), NULL when it will do
 */
const char *chat_message_content(const char **content, const chat_request_t *q);

/** A URL of ours as clients outside can use it. */
const char *chat_message_url(const chat_request_t *q, const char *suffix);

#endif
