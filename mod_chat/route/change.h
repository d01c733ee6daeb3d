/* SPDX-License-Identifier: Apache-2.0 */
/*
 * change.h - the message that a path names, for handlers that do something with it.
 */
#ifndef CHAT_CHANGE_H
#define CHAT_CHANGE_H

#include "request.h"
#include "rows.h"

/* The message of q->item in q->conversation. */
typedef struct {
    int found;
    apr_int64_t id;
    chat_message_t message; /* with its details */
    int mine;               /* the caller wrote it */
    int deleted;            /* it is a mark only */
    apr_int64_t age;        /* seconds since it was sent */
} chat_change_t;

/** Find it. @return APR_SUCCESS with `found` 0 when there is none */
apr_status_t chat_change_find(chat_change_t *c, chat_request_t *q);

/** The same; what is not there is refused. @return 0 when it was, with *answer */
int chat_change_settle(chat_change_t *c, chat_request_t *q, int *answer);

/** The same for those who want to write: a deleted message (410) and a closed
 * conversation (403) are refused, too. */
int chat_change_living(chat_change_t *c, chat_request_t *q, int *answer);

/** {"message": …} */
int chat_change_reply(chat_request_t *q, const chat_change_t *c);

/** The same as it is by now. @param changed  chat-push is to look */
int chat_change_reply_anew(chat_request_t *q, int changed);

#endif
