/* SPDX-License-Identifier: Apache-2.0 */
/*
 * rows.h - rows of messages on their way to JSON.
 *
 * Statements that give messages have the columns below. Most messages are plain:
 * their row says all there is to say. What else there is (answers, reactions,
 * files, that one was edited or deleted) comes for all rows of an answer in one
 * more statement, which is not run when there are plain ones only. All of it is
 * in the request's pool.
 */
#ifndef CHAT_ROWS_H
#define CHAT_ROWS_H

#include "request.h"
#include "shape.h"

/* The columns of a statement that gives messages. */
enum {
    CHAT_ROW_ID,
    CHAT_ROW_CONTENT,
    CHAT_ROW_TYPE,
    CHAT_ROW_CLIENT_ID,
    CHAT_ROW_USER_ID, /* as JSON */
    CHAT_ROW_NAME,
    CHAT_ROW_ROLE,
    CHAT_ROW_CREATED,
    CHAT_ROW_READ,
    CHAT_ROW_DETAILED,
    CHAT_ROW_COLUMNS
};

/**
 * The message in a row, without its details.
 * @param col  the first of its columns; when that is NULL there is none, and
 *             the message's id is NULL
 * @param conversation  its id as JSON
 */
chat_message_t chat_rows_message(const chat_db_result_t *res, int row, int col,
                                 const char *conversation);

/**
 * Give those of n messages that are `detailed` their details. One that is deleted
 * loses its text here.
 */
apr_status_t chat_rows_detail(const chat_request_t *q, chat_message_t *list,
                              int n);

/** Room for n messages. */
chat_message_t *chat_rows_list(int n, apr_pool_t *p);

/** n messages, with their details, as a JSON list. */
apr_status_t chat_rows_json(const char **json, const chat_request_t *q,
                            chat_message_t *list, int n);

/** One message that has its details, as JSON; "null" when it has no id. */
const char *chat_rows_object(const chat_message_t *m, apr_pool_t *p);

#endif
