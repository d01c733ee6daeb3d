/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sealing.h - texts that lie encrypted in the database, where a site has ChatKeys.
 *
 * What people write is sealed before it is stored (common/keys.h), and whatever is
 * answered is opened on its way out (reply.c), in one place for all routes. Without
 * ChatKeys nothing is sealed, and what was sealed before is shown as it lies there.
 */
#ifndef CHAT_SEALING_H
#define CHAT_SEALING_H

#include "request.h"

/**
 * A text as it is to be stored in q->conversation.
 * @param stored  text itself without ChatKeys, else from the request's pool
 */
apr_status_t chat_sealing_text(const char **stored, const chat_request_t *q,
                               const char *text);

/** The same of a conversation that the request's path does not name. */
apr_status_t chat_sealing_text_of(const char **stored, const chat_request_t *q,
                                  const char *conversation, const char *text);

/** A text out of a row. "" when it cannot be opened; the log says why. */
const char *chat_sealing_open(const chat_request_t *q, const char *text);

/** The same for every string of an answer. */
const char *chat_sealing_json(const chat_request_t *q, const char *json);

#endif
