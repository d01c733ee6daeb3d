/* SPDX-License-Identifier: Apache-2.0 */
/*
 * body.h - reading a request's body into fields, within ChatMaxBody.
 */
#ifndef CHAT_BODY_H
#define CHAT_BODY_H

#include "request.h"

/**
 * Read and parse the body into q->body, unless that was done before.
 * @return 0 when it cannot be used; nothing was answered yet
 */
int chat_body_take(chat_request_t *q);

/**
 * The same, and refuse the request when it cannot be used.
 * @param answer  what to return to httpd when 0 is returned: the refusal (400,
 *                408, 413, 415, 422 or 429) has been sent
 */
int chat_body_read(chat_request_t *q, int *answer);

/** Whether a body is compressed, which none may be; the answer's headers say so
 * then (415). */
int chat_body_encoded(request_rec *r);

/** The HTTP status for a body that httpd could not give us: 400, 408, 413. */
int chat_body_status(apr_status_t rv);

/** A sentence for a status of a body that could not be read. */
const char *chat_body_why(int status);

#endif
