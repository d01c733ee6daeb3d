/* SPDX-License-Identifier: Apache-2.0 */
/*
 * api_inside.h - what the files of the HTTP API share.
 *
 * api.c routes and checks signatures, publish.c takes events, channels.c tells
 * about channels and users.
 */
#ifndef PUSH_API_INSIDE_H
#define PUSH_API_INSIDE_H

#include "api.h"
#include "hub.h"
#include "query.h"
#include "server.h"

typedef struct {
    push_conn_t *c;
    const http_head_t *head;
    push_app_t *app;
    push_hub_t *hub; /* of the connection's loop */
    int loop;
    http_span_t arg;      /* the {} of the path, decoded */
    const query_t *query; /* its parameters, decoded */
    char *body;           /* of len bytes */
    apr_size_t len;
    apr_pool_t *pool; /* until the end of the loop's turn */
} api_request_t;

/** Answer with JSON; the text is freed. */
void api_reply(api_request_t *r, int status, push_text_t *json);

/** Answer with an error. */
void api_error(api_request_t *r, int status, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* The handlers, see the table in api.c. */
void api_events(api_request_t *r);
void api_batch(api_request_t *r);
void api_user_event(api_request_t *r);
void api_user_terminate(api_request_t *r);
void api_channels(api_request_t *r);
void api_channel(api_request_t *r);
void api_channel_users(api_request_t *r);
void api_connections(api_request_t *r);

/* Attributes that may be asked for with `info`. */
#define API_USER_COUNT 1
#define API_SUBSCRIPTION_COUNT 2
#define API_CACHE 4

/**
 * Read a comma-separated list of attributes.
 * @param known  those allowed here
 * @return them, or -1 for an unknown one
 */
int api_info(const char *text, apr_size_t len, int known);

/** Add {"user_count":…,…} for a channel: what was asked and applies to it. */
void api_attributes(push_text_t *out, const push_name_t *name, int info);

#endif
