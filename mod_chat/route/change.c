/* SPDX-License-Identifier: Apache-2.0 */
/*
 * change.c - one message: showing, editing and deleting it.
 *
 * Its author may change a text for ChatEditWindow and delete a message for
 * ChatDeleteWindow; staff may delete always. Triggers keep the earlier texts and
 * tell the others. Of two who edit at once the last one wins, and both texts are
 * in the history.
 */
#include "handlers.h"

#include <string.h>
#include <apr_strings.h>

#include "auth.h"
#include "change.h"
#include "limiter.h"
#include "message.h"
#include "reply.h"
#include "sealing.h"
#include "wakeup.h"

/* Behind the columns of the message in message_one. */
enum { ONE_MINE = CHAT_ROW_COLUMNS, ONE_AGE };

apr_status_t chat_change_find(chat_change_t *c, chat_request_t *q)
{
    chat_db_value_t args[3];
    chat_db_result_t *res;
    apr_status_t rv;
    const char *deleted;

    memset(c, 0, sizeof(*c));
    if (!chat_form_number(&c->id, q->item)) {
        return APR_SUCCESS;
    }
    args[0] = chat_auth_id(q->conversation->id);
    args[1] = chat_db_int(c->id);
    args[2] = chat_auth_id(q->user->id);
    rv = chat_db_query(&res, q->conf->db, "message_one", args, 3, q->r->pool);
    if (rv != APR_SUCCESS || chat_db_rows(res) == 0) {
        return rv;
    }
    c->message = chat_rows_message(res, 0, 0, q->conversation->id_json);
    c->mine = chat_db_get_int(res, 0, ONE_MINE, 0) != 0;
    c->age = chat_db_get_int(res, 0, ONE_AGE, APR_INT32_MAX);
    rv = chat_rows_detail(q, &c->message, 1);
    deleted = c->message.details != NULL
                  ? c->message.details[CHAT_DETAIL_DELETED_AT]
                  : NULL;
    c->deleted = deleted != NULL && strcmp(deleted, "null") != 0;
    c->found = 1;
    return rv;
}

int chat_change_settle(chat_change_t *c, chat_request_t *q, int *answer)
{
    apr_status_t rv = chat_change_find(c, q);

    if (rv != APR_SUCCESS) {
        *answer = chat_reply_failed(q, rv, "finding a message");
        return 0;
    }
    if (!c->found) {
        *answer = chat_reply_error(q, HTTP_NOT_FOUND, "no such message");
        return 0;
    }
    return 1;
}

int chat_change_living(chat_change_t *c, chat_request_t *q, int *answer)
{
    if (!chat_change_settle(c, q, answer)) {
        return 0;
    }
    if (c->deleted) {
        *answer = chat_reply_error(q, HTTP_GONE, "the message was deleted");
        return 0;
    }
    return !chat_message_closed(q, answer);
}

int chat_change_reply(chat_request_t *q, const chat_change_t *c)
{
    return chat_reply(q, HTTP_OK,
                      apr_pstrcat(q->r->pool, "{\"message\":",
                                  chat_rows_object(&c->message, q->r->pool),
                                  "}", NULL));
}

int chat_change_reply_anew(chat_request_t *q, int changed)
{
    chat_change_t now;
    int answer;

    if (changed) {
        chat_wakeup_send(q->conf->wakeup);
    }
    return chat_change_settle(&now, q, &answer) ? chat_change_reply(q, &now)
                                                : answer;
}

/* GET /chat/conversation/{id}/message/{message} */
int chat_message_show(chat_request_t *q)
{
    chat_change_t c;
    int answer;

    return chat_change_settle(&c, q, &answer) ? chat_change_reply(q, &c)
                                              : answer;
}

/* GET …/history - what it said before, oldest first. A message that is deleted
 * has none. */
int chat_message_history(chat_request_t *q)
{
    apr_pool_t *p = q->r->pool;
    apr_array_header_t *list;
    chat_db_value_t args[2];
    chat_db_result_t *res;
    chat_seal_about_t about;
    chat_change_t c;
    apr_status_t rv;
    int answer;

    if (!chat_change_settle(&c, q, &answer)) {
        return answer;
    }
    /* An earlier text is sealed like the message itself, and by its author, whom the
     * client_id is enough to tell. */
    about = chat_sealing_own(q, CHAT_SEAL_MESSAGE, c.message.client_id);
    about.author = NULL;
    args[0] = chat_auth_id(q->conversation->id);
    args[1] = chat_db_int(c.id);
    rv = chat_db_query(&res, q->conf->db, "message_history", args, 2, p);
    if (rv != APR_SUCCESS) {
        return chat_reply_failed(q, rv, "reading a message's history");
    }
    list = apr_array_make(p, chat_db_rows(res), sizeof(const char *));
    for (int i = 0; i < chat_db_rows(res); i++) {
        const char *who = chat_db_get(res, i, 1), *was = chat_db_get(res, i, 0);
        const char *text = chat_sealing_open(q, &about, was);

        APR_ARRAY_PUSH(list, const char *) = apr_pstrcat(
            p, "{\"content\":", chat_shape_text(text, p),
            *text == '\0' && *was != '\0' ? ",\"unreadable\":true" : "",
            ",\"edited_by\":", who != NULL ? who : "null", ",\"edited_at\":",
            chat_shape_time_json(chat_db_get(res, i, 2), p), "}", NULL);
    }
    return chat_reply_list(
        q, apr_pstrcat(p, "{\"message_id\":", c.message.id, ",\"history\":[",
                       apr_array_pstrcat(p, list, ','), "]}", NULL));
}

/* Whether its text may be changed by the caller. @return why not, or NULL */
static const char *edit_refusal(const chat_request_t *q, const chat_change_t *c)
{
    if (!c->mine) {
        return "only who wrote a message can change it";
    }
    if (c->message.type == NULL || strcmp(c->message.type, "text") != 0) {
        return "only a text can be changed";
    }
    if (c->age > apr_time_sec(q->conf->edit_window)) {
        return "it is too late to change this message";
    }
    return NULL;
}

/* PATCH /chat/conversation/{id}/message/{message} - content. */
int chat_message_edit(chat_request_t *q)
{
    const char *content, *why;
    chat_db_value_t args[4];
    chat_db_result_t *res;
    chat_seal_about_t about;
    chat_change_t c;
    apr_uint32_t wait;
    apr_status_t rv;
    int answer;

    why = chat_message_content(&content, q);
    if (why != NULL) {
        return chat_reply_invalid(q, "content", why);
    }
    if (!chat_change_living(&c, q, &answer)) {
        return answer;
    }
    why = edit_refusal(q, &c);
    if (why != NULL) {
        return chat_reply_error(q, HTTP_FORBIDDEN, why);
    }
    wait = chat_limiter_take(q->conf, CHAT_LIMIT_SEND, q->user->id, q->r->pool);
    chat_limiter_say(q->r, q->conf, CHAT_LIMIT_SEND, q->user->id);
    if (wait > 0) {
        return chat_reply_limited(q, wait, "too many messages, slow down");
    }
    about = chat_sealing_own(q, CHAT_SEAL_MESSAGE, c.message.client_id);
    if (strcmp(chat_sealing_open(q, &about, c.message.content), content) == 0) {
        return chat_change_reply(q, &c);
    }
    rv = chat_sealing_text(&content, q, &about, content);
    if (rv != APR_SUCCESS) {
        return chat_reply_failed(q, rv, "changing a message");
    }
    args[0] = chat_auth_id(q->conversation->id);
    args[1] = chat_db_int(c.id);
    args[2] = chat_db_text(content);
    args[3] = chat_db_text(q->conf->closed_list);
    rv = chat_db_query(&res, q->conf->db, "message_edit", args, 4, q->r->pool);
    if (rv != APR_SUCCESS) {
        return chat_reply_failed(q, rv, "changing a message");
    }
    if (chat_db_rows(res) == 0 && chat_message_closed(q, &answer)) {
        return answer; /* a moment ago */
    }
    return chat_change_reply_anew(q, chat_db_rows(res) > 0);
}

/* DELETE /chat/conversation/{id}/message/{message} - deleting again is a success. A
 * closed consultation does not hinder it. */
int chat_message_delete(chat_request_t *q)
{
    chat_db_value_t args[2];
    chat_db_result_t *res;
    chat_change_t c;
    apr_status_t rv;
    int answer;

    if (!chat_change_settle(&c, q, &answer)) {
        return answer;
    }
    if (!c.mine && !q->user->staff) {
        return chat_reply_error(q, HTTP_FORBIDDEN,
                                "only who wrote a message can delete it");
    }
    if (c.deleted) {
        return chat_change_reply(q, &c);
    }
    if (c.message.type != NULL && strcmp(c.message.type, "plan") == 0) {
        return chat_reply_error(q, HTTP_FORBIDDEN,
                                "what became of a plan cannot be deleted");
    }
    if (!q->user->staff && c.age > apr_time_sec(q->conf->delete_window)) {
        return chat_reply_error(q, HTTP_FORBIDDEN,
                                "it is too late to delete this message");
    }
    args[0] = chat_auth_id(q->conversation->id);
    args[1] = chat_db_int(c.id);
    rv = chat_db_query(&res, q->conf->db, "message_delete", args, 2,
                       q->r->pool);
    if (rv != APR_SUCCESS) {
        return chat_reply_failed(q, rv, "deleting a message");
    }
    return chat_change_reply_anew(q, chat_db_rows(res) > 0);
}
