/* SPDX-License-Identifier: Apache-2.0 */
/*
 * client.h - one WebSocket that speaks the Pusher protocol.
 *
 * It connects, is told its socket id, subscribes and is told what happens on
 * its channels. Whatever it sends is answered or refused; nothing of it can end
 * more than its own connection.
 *
 * The struct lies in the connection's slab slot. Everything runs on the
 * connection's loop.
 *
 * Source: Pusher Channels documents, "Pusher Channels Protocol" version 7.
 */
#ifndef PUSH_CLIENT_H
#define PUSH_CLIENT_H

#include "hub.h"
#include "quota.h"

/* Who has signed in on a connection; texts lie behind the struct. */
typedef struct {
    push_user_t user;
    push_seat_t *seat;     /* counted for the user; NULL: not counted */
    apr_uint32_t watching; /* users: so many of its channels are our own */
    int online;            /* counted for those who watch the user */
} push_login_t;

typedef struct push_person_t push_person_t; /* person.h */

/* What a connection may do only so often. */
typedef enum { PUSH_LIMIT_EVENTS, PUSH_LIMIT_SUBSCRIBES } push_limit_t;
#define PUSH_LIMITS 2

typedef struct {
    push_subscriber_t hub; /* first: this is how the hub knows it */
    push_app_t *app;       /* NULL until accepted */
    push_login_t *login;   /* malloc'ed; NULL until signed in */
    push_seat_t *seat;     /* counted for its address; NULL: not counted */
    push_person_t *person; /* malloc'ed; NULL: nobody, and nothing asked */
    push_budget_t events;  /* max_client_events */
    push_budget_t subscribes; /* max_subscribes, by minutes */
    apr_uint32_t opened;   /* monotonic second */
    apr_uint32_t born;     /* its loop's departures by then; departed.h */
    apr_uint32_t pinged;   /* second of an unanswered ping, 0: none */
    apr_byte_t protocol;   /* version asked for */
    apr_byte_t authorized; /* signed in, or in a channel that asks for it */
    apr_byte_t placed;     /* counted against max_connections */
    apr_byte_t over[PUSH_LIMITS]; /* of each: how many were above the rate, less
                                     those within it, 0 at least */
} push_client_t;

/**
 * Answer an upgrade request.
 * @param key  what follows /app/; at NULL: another path
 */
void push_client_open(push_conn_t *c, const http_head_t *head, http_span_t key);

/* The transport's callbacks. */
void push_client_message(push_conn_t *c, int opcode, char *data,
                         apr_size_t len);
apr_uint32_t push_client_sweep(push_conn_t *c, apr_uint32_t now);
void push_client_closed(push_conn_t *c, push_end_t why, int code);

/** End a connection whose user is no longer wanted; for push_hub_each(). */
void push_client_terminate(push_subscriber_t *client, apr_int64_t unused);

/**
 * After a change of the settings: close a connection that would not be let in
 * any more, because its app was removed or disabled, with the code that a new
 * one would get; look at the others, since times may be shorter now. For
 * push_conns_each().
 */
void push_client_review(push_conn_t *c, void *baton);

#define PUSH_SOCKET_ID_MAX 48

/** The socket id of a connection, terminated. @return its length */
apr_size_t push_client_socket_id(char out[PUSH_SOCKET_ID_MAX],
                                 const push_client_t *me);

/** The number within a socket id of this process, 0 for any other. */
apr_uint64_t push_client_number(const char *socket_id, apr_size_t len);

#define PUSH_USER_ID_MAX 512 /* bytes; the documents say 128 characters */

/** Whether an id can be a user's whom events are sent to. */
int push_client_user_id(const char *id, apr_size_t len);

/** The channel on which a user gets events. */
#define PUSH_USER_EVENTS "#server-to-user-"

#endif
