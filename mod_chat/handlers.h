/* SPDX-License-Identifier: Apache-2.0 */
/*
 * handlers.h - the functions the routes table names, by the file they are in.
 *
 * A handler reads top to bottom: may they, do it, answer. It returns what an
 * Apache handler returns; chat_reply() and its like (reply.h) give that.
 */
#ifndef CHAT_HANDLERS_H
#define CHAT_HANDLERS_H

#include "request.h"

/* login.c */
int chat_login_page(chat_request_t *q);
int chat_login(chat_request_t *q);
/** Send a browser that nobody knows to the form, which leads back to the conversation
 * it asked for. */
int chat_login_ask(chat_request_t *q);
int chat_logout(chat_request_t *q);
int chat_token(chat_request_t *q);
int chat_me(chat_request_t *q);

/* account.c */
int chat_password(chat_request_t *q);
int chat_session_list(chat_request_t *q);
int chat_session_end(chat_request_t *q);
int chat_session_end_others(chat_request_t *q);
int chat_token_list(chat_request_t *q);
int chat_token_end(chat_request_t *q);
int chat_token_end_others(chat_request_t *q);

/* conversation.c */
int chat_conversation_list(chat_request_t *q);
int chat_conversation_show(chat_request_t *q);

/* message.c */
int chat_message_list(chat_request_t *q);
int chat_message_send(chat_request_t *q);
/* Instead of the steps before these two and themselves (routes.c). */
int chat_message_list_at_once(chat_request_t *q);
int chat_message_send_at_once(chat_request_t *q);
int chat_message_read(chat_request_t *q);

/* search.c */
int chat_search_all(chat_request_t *q);
int chat_search_in(chat_request_t *q);

/* change.c */
int chat_message_show(chat_request_t *q);
int chat_message_history(chat_request_t *q);
int chat_message_edit(chat_request_t *q);
int chat_message_delete(chat_request_t *q);

/* reaction.c */
int chat_reaction_add(chat_request_t *q);
int chat_reaction_remove(chat_request_t *q);

/* plan.c */
int chat_plan_list(chat_request_t *q);
int chat_plan_create(chat_request_t *q);
int chat_plan_show(chat_request_t *q);
int chat_plan_edit(chat_request_t *q);
int chat_plan_submit(chat_request_t *q);
int chat_plan_accept(chat_request_t *q);
int chat_plan_reject(chat_request_t *q);
int chat_plan_cancel(chat_request_t *q);
int chat_plan_acknowledge(chat_request_t *q);
/* receipts.c */
int chat_receipt_delivered(chat_request_t *q);
int chat_receipt_list(chat_request_t *q);

/* members.c */
int chat_member_list(chat_request_t *q);
int chat_member_add(chat_request_t *q);
int chat_member_remove(chat_request_t *q);
/* attachment.c */
int chat_attachment_upload(chat_request_t *q);
int chat_attachment_list(chat_request_t *q);
int chat_attachment_show(chat_request_t *q);
int chat_attachment_thumb(chat_request_t *q);
int chat_attachment_delete(chat_request_t *q);
int chat_attachment_link(chat_request_t *q);

/* typing.c */
int chat_typing(chat_request_t *q);

/* break_glass.c */
int chat_break_glass(chat_request_t *q);

/* sync.c */
int chat_sync(chat_request_t *q);
/** What a child remembers of a database's event log; lives in p. */
struct chat_marks_t *chat_sync_marks(apr_pool_t *p);

/* broadcasting.c */
int chat_broadcasting_auth(chat_request_t *q);
int chat_broadcasting_user(chat_request_t *q);

#endif
