/* SPDX-License-Identifier: Apache-2.0 */
/*
 * trace.h - what the log says of a connection.
 *
 * Its number, socket id, app and address, when it came and how it went: enough
 * to follow one client, and nothing it said but the Origin it is refused for. Coming and going is for
 * log.level debug; who was refused or cut off is said at info.
 */
#ifndef PUSH_TRACE_H
#define PUSH_TRACE_H

#include "client.h"

/** An accepted WebSocket. */
void push_trace_opened(push_conn_t *c, const push_client_t *me);

/** A header that says whose it is, which is not believed. */
void push_trace_unbelieved(const push_conn_t *c, const push_client_t *me);

/** The end of one, accepted or refused. */
void push_trace_closed(push_conn_t *c, const push_client_t *me, push_end_t why,
                       int code);

/**
 * A request of the HTTP API that was answered with an error.
 * @param app  NULL when it is not known
 * @param why  the answer's words, which are ours
 */
void push_trace_request(push_conn_t *c, const push_app_t *app, int status,
                        const char *why);

/**
 * An upgrade that was refused at an app's door. The libraries take that for an
 * outage and come again every minute for as long as their page is open, so there is
 * one line a minute for each app and reason, which says how many were refused
 * without a line before it; with log.level debug each has its own.
 * @param origin  the one that is not allowed, or NULL
 */
void push_trace_door(push_conn_t *c, push_app_t *app, push_door_t door,
                     int status, const char *why, const char *origin);

#endif
