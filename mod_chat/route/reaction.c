/* SPDX-License-Identifier: Apache-2.0 */
/*
 * reaction.c - an emoji at a message, and taking it back.
 *
 * Both may be repeated. A trigger tells the others.
 */
#include "handlers.h"

#include "auth.h"
#include "change.h"
#include "emoji.h"
#include "limiter.h"
#include "message.h"
#include "reply.h"

#define DIFFERENT_MAX 20 /* emoji at one message */

/* `emoji` of the body, or of the URL: many clients send no body with DELETE.
 * @return NULL when it is none */
static const char *emoji_of(const chat_request_t *q)
{
    const char *emoji;

    if (chat_fields_text(&q->body, "emoji", &emoji) != CHAT_JSON_OK) {
        emoji = chat_form_get(&q->query, "emoji");
    }
    return emoji != NULL && chat_emoji_valid(emoji) ? emoji : NULL;
}

/* What both need: the emoji, a message that can have it, and not too many.
 * @return 0 when it was refused with *answer */
static int settle(const char **emoji, chat_change_t *c, chat_request_t *q,
                  int *answer)
{
    apr_uint32_t wait;

    *emoji = emoji_of(q);
    if (*emoji == NULL) {
        *answer = chat_reply_invalid(q, "emoji", "must be one emoji");
        return 0;
    }
    if (!chat_change_living(c, q, answer)) {
        return 0;
    }
    wait = chat_limiter_take(q->conf, CHAT_LIMIT_SEND, q->user->id, q->r->pool);
    chat_limiter_say(q->r, q->conf, CHAT_LIMIT_SEND, q->user->id);
    if (wait > 0) {
        *answer = chat_reply_limited(q, wait, "too many reactions, slow down");
        return 0;
    }
    return 1;
}

/* Nothing was added: it is there, the message was deleted meanwhile, or there
 * is no room for another.
 * @return 0 when it was refused with *answer */
static int settle_there(chat_request_t *q, const chat_change_t *c,
                        const char *emoji, int *answer)
{
    chat_db_value_t args[] = { chat_db_int(c->id), chat_auth_id(q->user->id),
                               chat_db_text(emoji) };
    chat_db_result_t *res;
    chat_change_t now;
    apr_status_t rv;

    if (!chat_change_living(&now, q, answer)) {
        return 0;
    }
    rv = chat_db_query(&res, q->conf->db, "reaction_there", args, 3,
                       q->r->pool);
    if (rv != APR_SUCCESS) {
        *answer = chat_reply_failed(q, rv, "reading reactions");
        return 0;
    }
    if (chat_db_rows(res) == 0) {
        *answer = chat_reply_field(q, "emoji",
                                   "A message has at most 20 different emoji.");
        return 0;
    }
    return 1;
}

/* PUT /chat/conversation/{id}/message/{message}/reaction - emoji. */
int chat_reaction_add(chat_request_t *q)
{
    chat_db_value_t args[6];
    chat_db_result_t *res;
    const char *emoji;
    chat_change_t c;
    apr_status_t rv;
    int answer;

    if (!settle(&emoji, &c, q, &answer)) {
        return answer;
    }
    args[0] = chat_auth_id(q->conversation->id);
    args[1] = chat_db_int(c.id);
    args[2] = chat_auth_id(q->user->id);
    args[3] = chat_db_text(emoji);
    args[4] = chat_db_int(DIFFERENT_MAX);
    args[5] = chat_db_text(q->conf->closed_list);
    rv = chat_db_query(&res, q->conf->db, "reaction_add", args, 6, q->r->pool);
    if (rv != APR_SUCCESS) {
        return chat_reply_failed(q, rv, "adding a reaction");
    }
    if (chat_db_rows(res) == 0 && !settle_there(q, &c, emoji, &answer)) {
        return answer;
    }
    return chat_change_reply_anew(q, chat_db_rows(res) > 0);
}

/* DELETE …/reaction - emoji, in the body or as ?emoji=. */
int chat_reaction_remove(chat_request_t *q)
{
    chat_db_value_t args[5];
    chat_db_result_t *res;
    const char *emoji;
    chat_change_t c;
    apr_status_t rv;
    int answer;

    if (!settle(&emoji, &c, q, &answer)) {
        return answer;
    }
    args[0] = chat_auth_id(q->conversation->id);
    args[1] = chat_db_int(c.id);
    args[2] = chat_auth_id(q->user->id);
    args[3] = chat_db_text(emoji);
    args[4] = chat_db_text(q->conf->closed_list);
    rv = chat_db_query(&res, q->conf->db, "reaction_remove", args, 5,
                       q->r->pool);
    if (rv != APR_SUCCESS) {
        return chat_reply_failed(q, rv, "taking back a reaction");
    }
    if (chat_db_rows(res) == 0 && chat_message_closed(q, &answer)) {
        return answer; /* a moment ago */
    }
    return chat_change_reply_anew(q, chat_db_rows(res) > 0);
}
