/* SPDX-License-Identifier: Apache-2.0 */
/*
 * client_inside.h - what client.c and subscribe.c share.
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

#endif
