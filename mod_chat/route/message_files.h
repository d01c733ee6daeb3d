/* SPDX-License-Identifier: Apache-2.0 */
/*
 * message_files.h - messages with files: what message.c leaves to
 * message_files.c.
 *
 * The files came with the request (multipart) or before it and are named in it
 * (`attachments`). A message whose files are still being looked at is held: the
 * answer is 202, and care.c sends it when all are clean.
 */
#ifndef CHAT_MESSAGE_FILES_H
#define CHAT_MESSAGE_FILES_H

#include "message.h"

/**
 * The ids of the files a message is sent with, as JSON.
 * @param files  NULL: none
 * @return what is wrong with the field `attachments`, NULL: nothing
 */
const char *chat_message_files(const char **files, const chat_request_t *q);

/** The type of a message with files, when it says none. NULL: `type` will not
 * do for them */
const char *chat_message_files_type(const char *type, const chat_request_t *q);

/** Send it: 201, 202, 404, 409, 422. */
int chat_message_send_files(chat_request_t *q, const chat_draft_t *draft);

/** Whether the files of a message sent before are those of the draft.
 * @param sent  messages.file_ids */
apr_status_t chat_message_files_same(int *same, const chat_request_t *q,
                                     const chat_draft_t *draft,
                                     const char *sent);

#endif
