/* SPDX-License-Identifier: Apache-2.0 */
/*
 * typing.c - "… is typing": an event without a row.
 *
 * It goes straight to chat-push. Nobody misses it, so the answer is 200 also
 * when chat-push is away, and soon.
 */
#include "handlers.h"

#include <string.h>
#include <apr_strings.h>

#include "channel.h"
#include "chat_module.h"
#include "limiter.h"
#include "message.h"
#include "reply.h"
#include "signature.h"
#include "trigger.h"

APLOG_USE_MODULE(chat);

/* The socket that shall not hear of its own typing; NULL when none is named. */
static const char *own_socket(const request_rec *r)
{
    const char *id = apr_table_get(r->headers_in, "X-Socket-ID");

    return id != NULL && chat_socket_id_valid(id, strlen(id)) ? id : NULL;
}

/* POST /chat/conversation/{id}/typing - typing: true or false. */
int chat_typing(chat_request_t *q)
{
    apr_pool_t *p = q->r->pool;
    const char *data, *why = NULL;
    apr_uint32_t wait;
    int typing = 0, answer;
    apr_status_t rv;

    if (chat_fields_bool(&q->body, "typing", &typing) == CHAT_JSON_TYPE) {
        return chat_reply_invalid(q, "typing", "must be true or false");
    }
    wait = chat_limiter_take(q->conf, CHAT_LIMIT_TYPING, q->user->id, p);
    chat_limiter_say(q->r, q->conf, CHAT_LIMIT_TYPING, q->user->id);
    if (wait > 0) {
        return chat_reply_limited(q, wait, "too many typing notices");
    }
    data = apr_pstrcat(p, "{\"user\":", q->user->json,
                       ",\"consultation_id\":", q->conversation->id_json,
                       ",\"is_typing\":", typing ? "true" : "false", "}", NULL);
    if (chat_message_closed(q, &answer)) {
        return answer;
    }
    rv = chat_trigger_send(
        q->conf->trigger, "UserTyping",
        apr_pstrcat(p, CHAT_CHANNEL_CONVERSATION, q->conversation->id, NULL),
        data, own_socket(q->r), &why, p);
    if (rv != APR_SUCCESS) {
        ap_log_rerror(APLOG_MARK,
                      rv == APR_EAGAIN ? APLOG_DEBUG : APLOG_WARNING, 0, q->r,
                      "chat-push did not take a typing notice: %s", why);
    }
    return chat_reply(q, HTTP_OK, "{\"status\":\"typing_status_updated\"}");
}
