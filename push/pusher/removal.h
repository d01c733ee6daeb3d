/* SPDX-License-Identifier: Apache-2.0 */
/*
 * removal.h - somebody is no member of a conversation any more.
 *
 * The news comes from the event log (relay.h). On every loop their sockets are
 * taken out of the conversation's channels and told so with
 * pusher:subscription_error; a presence channel's others hear member_removed.
 * A socket whose user nobody has named may be theirs: it is closed with 4200,
 * comes back at once and has to ask for a new signature. All others stay.
 *
 * A site's own rules (ChatChannel … member) make further channels a
 * conversation's. They are not known here, but a channel's name ends in the id,
 * or has it before one of . = @ , ; - so who was taken out, or may be the one,
 * and has such a channel that needs a signature, is closed with 4200 as well,
 * and asks mod_chat anew for each channel.
 *
 * What is on its way meanwhile is found out when it subscribes: a socket that
 * was open before the removal and subscribes after it may have an old signature
 * or an old answer (departed.h), and is closed with 4200 likewise.
 */
#ifndef PUSH_REMOVAL_H
#define PUSH_REMOVAL_H

#include "client.h"

/**
 * Take a user out of a conversation's channels. Any thread.
 * @param user  NULL: everybody, the conversation is gone
 */
void push_removal(const char *conversation, const char *user);

/**
 * Whether a socket may not join, because it was open when its user, or somebody
 * it may be, was taken out of the channel's conversation.
 * @param name      as the client spelled it
 * @param presence  whom the signature names; NULL: nobody
 */
int push_removal_stale(const push_conn_t *c, const push_client_t *me,
                       const char *name, apr_size_t len,
                       const push_user_t *presence);

#endif
