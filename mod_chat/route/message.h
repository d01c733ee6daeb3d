/* SPDX-License-Identifier: Apache-2.0 */
/*
 * message.h - what conversation.c shares with message.c.
 */
#ifndef CHAT_MESSAGE_H
#define CHAT_MESSAGE_H

#include "paging.h"
#include "request.h"

/**
 * A page of the conversation's messages as the paginator's JSON.
 * @param newest  set to the id of its newest message, 0 when it is empty; may
 *                be NULL
 */
apr_status_t chat_message_page(const char **json, apr_int64_t *newest,
                               const chat_request_t *q,
                               const chat_paging_t *paging, const char *path);

/**
 * Mark what others wrote to the user as read, with one event for all.
 * @param ids     JSON list of message ids, NULL: all
 * @param newest  none with a higher id; 0: no such bound
 * @param n       how many were marked
 */
apr_status_t chat_message_mark_read(const chat_request_t *q, const char *ids,
                                    apr_int64_t newest, apr_int64_t *n);

/**
 * Whether nothing may be written in the conversation, because of its status
 * (ChatClosedStatus), or the database could not say.
 * @param answer  how it was refused, when it is
 */
int chat_message_closed(chat_request_t *q, int *answer);

/**
 * `content` of the body, or `message` as the first version of this API called it.
 * @param content  trimmed
 * @return what is wrong with it ("is required"), NULL when it will do
 */
const char *chat_message_content(const char **content, const chat_request_t *q);

/** A URL of ours as clients outside can use it. */
const char *chat_message_url(const chat_request_t *q, const char *suffix);

#endif
