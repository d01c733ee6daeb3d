/* SPDX-License-Identifier: Apache-2.0 */
/*
 * members.c - who is in a conversation, who comes, who goes.
 *
 * Patient and doctor are what the consultation's row says. Others are added and
 * removed by the doctor and by staff, and may leave by themselves. Triggers
 * tell everybody, and chat-push takes the sockets of whoever has gone out of
 * the conversation's channels.
 */
#include "handlers.h"

#include <string.h>
#include <apr_strings.h>

#include "auth.h"
#include "channel.h"
#include "pace.h"
#include "reply.h"
#include "wakeup.h"

#define MOST 50 /* members besides patient and doctor */

/* What somebody is in the conversation; NULL: no member. */
static apr_status_t role_of(const char **role, const chat_request_t *q,
                            const char *user)
{
    chat_db_value_t args[] = { chat_auth_id(q->conversation->id),
                               chat_auth_id(user) };
    chat_db_result_t *res;
    apr_status_t rv;

    *role = NULL;
    rv = chat_db_query(&res, q->conf->db, "member_role", args, 2, q->r->pool);
    if (rv == CHAT_DB_EINPUT) {
        return APR_SUCCESS; /* an id of another kind is nobody's */
    }
    if (rv == APR_SUCCESS && chat_db_rows(res) > 0) {
        *role = chat_db_get(res, 0, 0);
    }
    return rv;
}

/* Whether the caller decides who is in it. */
static apr_status_t may_manage(int *may, const chat_request_t *q)
{
    const char *role;
    apr_status_t rv;

    *may = q->user->staff;
    if (*may) {
        return APR_SUCCESS;
    }
    rv = role_of(&role, q, q->user->id);
    *may = role != NULL && strcmp(role, "doctor") == 0;
    return rv;
}

/* The members as a JSON list's inside. @param user  one of them, NULL: all */
static apr_status_t members_json(const char **json, const chat_request_t *q,
                                 const char *user)
{
    chat_db_value_t args[] = { chat_auth_id(q->conversation->id),
                               user != NULL ? chat_auth_id(user)
                                            : chat_db_null(),
                               chat_db_int(q->conf->last_seen) };
    apr_array_header_t *parts;
    chat_db_result_t *res;
    apr_status_t rv;

    rv = chat_db_query(&res, q->conf->db, "member_list", args, 3, q->r->pool);
    if (rv != APR_SUCCESS) {
        return rv;
    }
    parts = apr_array_make(q->r->pool, chat_db_rows(res), sizeof(char *));
    for (int i = 0; i < chat_db_rows(res); i++) {
        APR_ARRAY_PUSH(parts, const char *) = chat_db_get(res, i, 0);
    }
    *json = apr_array_pstrcat(q->r->pool, parts, ',');
    return APR_SUCCESS;
}

/* GET /chat/conversation/{id}/members. */
int chat_member_list(chat_request_t *q)
{
    const char *json = "";
    apr_status_t rv;
    int may = 0;

    rv = may_manage(&may, q);
    if (rv == APR_SUCCESS) {
        rv = members_json(&json, q, NULL);
    }
    if (rv != APR_SUCCESS) {
        return chat_reply_failed(q, rv, "listing members");
    }
    return chat_reply_list(
        q, apr_pstrcat(q->r->pool, "{\"members\":[", json,
                       "],\"may_manage\":", may ? "true" : "false", "}", NULL));
}

/* Whom the body names: a user's id or e-mail address.
 * @return 0 when it was refused with *answer */
static int body_user(const char **user, chat_request_t *q, int *answer)
{
    const char *text = NULL, *field = "user_id", *label = "member_find_id";
    apr_int64_t number;
    chat_db_value_t arg;
    chat_db_result_t *res;
    apr_status_t rv;

    if (chat_fields_id(&q->body, field, &number) == CHAT_JSON_OK) {
        arg = chat_db_int(number);
    }
    else if (chat_fields_text(&q->body, field, &text) == CHAT_JSON_OK &&
             chat_id_valid(text)) {
        arg = chat_auth_id(text);
    }
    else if (text == NULL &&
             chat_fields_text(&q->body, "email", &text) == CHAT_JSON_OK) {
        field = "email";
        label = "member_find_email";
        arg = chat_db_text(text);
    }
    else {
        *answer = chat_reply_invalid(q, "user_id",
                                     "or email must name a person");
        return 0;
    }
    rv = chat_db_query(&res, q->conf->db, label, &arg, 1, q->r->pool);
    if (rv != APR_SUCCESS && rv != CHAT_DB_EINPUT) {
        *answer = chat_reply_failed(q, rv, "finding a person");
        return 0;
    }
    if (rv == CHAT_DB_EINPUT || chat_db_rows(res) == 0) {
        *answer = chat_reply_invalid(q, field, "is nobody's here");
        return 0;
    }
    *user = chat_db_get(res, 0, 0);
    return 1;
}

static int settle_manager(chat_request_t *q, int *answer)
{
    apr_status_t rv;
    int may = 0;

    rv = may_manage(&may, q);
    if (rv != APR_SUCCESS) {
        *answer = chat_reply_failed(q, rv, "finding out who may add members");
        return 0;
    }
    if (!may) {
        *answer = chat_reply_error(q, HTTP_FORBIDDEN,
                                   "the doctor decides who is in here");
        return 0;
    }
    return 1;
}

/* POST /chat/conversation/{id}/members - user_id or email. Who is in already is
 * answered with 200. */
int chat_member_add(chat_request_t *q)
{
    const char *user = NULL, *json = "", *role = NULL;
    chat_db_value_t args[4];
    chat_db_result_t *res;
    apr_status_t rv;
    int answer = OK, added;

    if (!settle_manager(q, &answer)) {
        return answer;
    }
    /* Also because the answers tell which addresses have accounts. */
    if (!chat_pace(q, CHAT_LIMIT_SEND, "too many members, slow down", &answer)) {
        return answer;
    }
    if (!body_user(&user, q, &answer)) {
        return answer;
    }
    args[0] = chat_auth_id(q->conversation->id);
    args[1] = chat_auth_id(user);
    args[2] = chat_auth_id(q->user->id);
    args[3] = chat_db_int(MOST);
    rv = chat_db_query(&res, q->conf->db, "member_add", args, 4, q->r->pool);
    added = rv == APR_SUCCESS && chat_db_rows(res) > 0;
    if (rv == APR_SUCCESS && !added) {
        rv = role_of(&role, q, user);
    }
    if (rv == APR_SUCCESS && !added && role == NULL) {
        return chat_reply_field(q, "user_id",
                                "A conversation has at most 50 more members.");
    }
    if (rv == APR_SUCCESS) {
        rv = members_json(&json, q, user);
    }
    if (rv != APR_SUCCESS) {
        return chat_reply_failed(q, rv, "adding a member");
    }
    if (added) {
        chat_wakeup_send(q->conf->wakeup);
    }
    if (*json == '\0') { /* taken out again before we looked */
        return chat_reply_error(q, HTTP_NOT_FOUND, "no such member");
    }
    return chat_reply(q, added ? HTTP_CREATED : HTTP_OK,
                      apr_pstrcat(q->r->pool, "{\"member\":", json, "}", NULL));
}

/* DELETE /chat/conversation/{id}/members/{user} - by the doctor,
 * by staff, or by the member. */
int chat_member_remove(chat_request_t *q)
{
    chat_db_value_t args[] = { chat_auth_id(q->conversation->id),
                               chat_auth_id(q->item) };
    chat_db_result_t *res;
    const char *role = NULL;
    apr_status_t rv;
    int answer = OK;

    if (strcmp(q->item, q->user->id) != 0 && !settle_manager(q, &answer)) {
        return answer;
    }
    rv = role_of(&role, q, q->item);
    if (rv == APR_SUCCESS && role == NULL) {
        return chat_reply_error(q, HTTP_NOT_FOUND, "no such member");
    }
    if (rv == APR_SUCCESS &&
        (strcmp(role, "patient") == 0 || strcmp(role, "doctor") == 0)) {
        return chat_reply_error(q, HTTP_FORBIDDEN,
                                "patient and doctor belong to the "
                                "consultation");
    }
    if (rv == APR_SUCCESS) {
        rv = chat_db_query(&res, q->conf->db, "member_remove", args, 2,
                           q->r->pool);
    }
    if (rv != APR_SUCCESS) {
        return chat_reply_failed(q, rv, "removing a member");
    }
    if (chat_db_rows(res) == 0) {
        return chat_reply_error(q, HTTP_NOT_FOUND, "no such member");
    }
    chat_wakeup_send(q->conf->wakeup);
    return chat_reply(q, HTTP_OK, "{\"status\":\"removed\"}");
}
