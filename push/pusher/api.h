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

#define PUSH_API_OPEN_BODY 16384 /* bytes of a body nobody signed for */

/**
 * Look at a request's head: who may not ask is refused before its body is read.
 * @param path  of the request, without the configured prefix
 * @return longest body to read, bytes; any when it was answered here
 */
apr_size_t push_api_head(push_conn_t *c, const http_head_t *head,
                         http_span_t path);

/**
 * Answer a request whose head was let in.
 * @param path  as above
 */
void push_api_request(push_conn_t *c, const http_head_t *head, http_span_t path,
                      char *body, apr_size_t len);

/** The answer to GET /usage. */
void push_api_usage(push_text_t *out);

#endif
