/* SPDX-License-Identifier: Apache-2.0 */
/*
 * client_inside.h - what client.c, subscribe.c and watchlist.c share.
 */
#ifndef PUSH_CLIENT_INSIDE_H
#define PUSH_CLIENT_INSIDE_H

#include "client.h"
#include "pusher.h"

/** Count and send a frame, and drop the caller's reference. */
void push_client_send(push_conn_t *c, push_client_t *me, push_frame_t *frame);

/** The text of a string: v->size bytes, in the message or the scratch pool. */
const char *push_client_text(push_conn_t *c, const scan_value_t *v);

/**
 * Read a channel name as this process sees it: where nobody's identity is
 * known, `private.` names are public ones.
 */
chat_channel_result_t push_client_channel(chat_channel_t *kind,
                                          const char *name, apr_size_t len,
                                          apr_size_t max);

/* Events of a client, see the table in client.c. */
void push_client_subscribe(push_conn_t *c, push_client_t *me,
                           const pusher_message_t *m);
void push_client_unsubscribe(push_conn_t *c, push_client_t *me,
                             const pusher_message_t *m);

/** A connection ends: what it has asked and is not answered yet is nobody's. */
void push_client_forget(push_client_t *me);

/**
 * A connection has shown that the app wants it: what did not count against the
 * app's connections does now.
 * @return 0 when there are too many; it is being closed
 */
int push_client_authorize(push_conn_t *c, push_client_t *me);

/** A client event or subscribe was within its rate. */
void push_client_within(push_client_t *me, push_limit_t limit);

/** One was not, and has been refused: who goes on and on is closed with 4301. */
void push_client_beyond(push_conn_t *c, push_client_t *me, push_limit_t limit,
                        const char *why);

/** A connection has signed in where users are watched. */
void push_client_online(push_conn_t *c, push_client_t *me);

/** It ends; the login is still there. */
void push_client_offline(push_conn_t *c, push_client_t *me);

/**
 * Watch the users of a list and tell who of them is online.
 * @param list  of pusher_watchlist_read()
 */
void push_client_watch(push_conn_t *c, push_client_t *me,
                       const scan_value_t *list);

#endif
