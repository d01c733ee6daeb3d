/* SPDX-License-Identifier: Apache-2.0 */
/*
 * api.h - the HTTP API: what application servers ask and tell.
 *
 * Everything below /apps/{id} is signed with a secret of the app; a few paths
 * beside it say how the process is. Every answer but the plain ones is JSON;
 * an error is {"error": sentence, "code": status} under that status.
 *
 * Source: Pusher Channels documents, "HTTP API reference".
 */
#ifndef PUSH_API_H
#define PUSH_API_H

#include "conn.h"
#include "text.h"

/**
 * Answer a request.
 * @param path  of the request, without the configured prefix
 */
void push_api_request(push_conn_t *c, const http_head_t *head, http_span_t path,
                      char *body, apr_size_t len);

/** The answer to GET /usage. */
void push_api_usage(push_text_t *out);

#endif
