/* SPDX-License-Identifier: Apache-2.0 */
/*
 * conversation.c - the list of conversations, and one of them opened.
 */
#include "handlers.h"

#include <string.h>
#include <apr_escape.h>
#include <apr_strings.h>

#include "ability.h"
#include "auth.h"
#include "channel.h"
#include "chat_module.h"
#include "json.h"
#include "message.h"
#include "page.h"
#include "reply.h"
#include "rows.h"

APLOG_USE_MODULE(chat);

#define LIST_MAX 50 /* conversations in one answer */

/* The columns of conversation_list. */
enum {
    COL_UPDATED, /* where it stands in the list */
    COL_ID,
    COL_ID_JSON,
    COL_TITLE,
    COL_STATUS,
    COL_AT, /* updated_at */
    COL_UNREAD,
    COL_PATIENT, /* id as JSON, name, role */
    COL_DOCTOR = COL_PATIENT + 3,
    COL_I_AM_PATIENT = COL_DOCTOR + 3,
    COL_I_AM_DOCTOR,
    COL_OTHERS,
    COL_LAST /* a message, as of message_page */
};

/* Where the list goes on: "<updated_at>|<id>" of the last row seen.
 * @return 0 when it is no such place */
static int place_parse(const char **updated, const char **id, const char *text,
                       apr_pool_t *p)
{
    const char *bar = strrchr(text, '|');

    if (bar == NULL || !chat_id_valid(bar + 1)) {
        return 0;
    }
    *updated = apr_pstrmemdup(p, text, (apr_size_t)(bar - text));
    *id = bar + 1;
    return 1;
}

/* The path of the next part as JSON; "null" after the last. */
static const char *next_path(const chat_db_result_t *res, int shown,
                             const char *prefix, apr_pool_t *p)
{
    const char *path;

    if (chat_db_rows(res) <= shown) {
        return "null";
    }
    path = apr_pstrcat(p, chat_db_get(res, shown - 1, COL_UPDATED), "|",
                       chat_db_get(res, shown - 1, COL_ID), NULL);
    path = apr_pstrcat(p, prefix,
                       "/chat?before=", apr_pescape_urlencoded(p, path), NULL);
    return chat_json_quote(path, strlen(path), p);
}

/* The person whose three columns begin at `col`; NULL when there is none
 * (SQLite's json_quote() makes "null" of it). */
static const char *person_json(const chat_db_result_t *res, int row, int col,
                               apr_pool_t *p)
{
    const char *id = chat_db_get(res, row, col);

    return id == NULL || strcmp(id, "null") == 0
               ? NULL
               : chat_shape_person(id, chat_db_get(res, row, col + 1),
                                   chat_db_get(res, row, col + 2), p);
}

/* `"other":…,"members":[…]`: everybody, and the first who is not the caller.
 * For staff everybody is somebody else, so `other` is nobody. */
static const char *people_json(const chat_request_t *q,
                               const chat_db_result_t *res, int row)
{
    apr_pool_t *p = q->r->pool;
    const char *patient = person_json(res, row, COL_PATIENT, p);
    const char *doctor = person_json(res, row, COL_DOCTOR, p);
    const char *more = chat_db_get(res, row, COL_OTHERS);
    const char *other = NULL, *members;

    if (patient != NULL && doctor != NULL && strcmp(patient, doctor) == 0) {
        doctor = NULL; /* one person in both parts */
    }
    if (!q->user->staff) {
        other = !chat_db_get_int(res, row, COL_I_AM_PATIENT, 0)  ? patient
                : !chat_db_get_int(res, row, COL_I_AM_DOCTOR, 0) ? doctor
                                                                 : NULL;
    }
    members = apr_pstrcat(p, patient != NULL ? patient : "",
                          patient != NULL && doctor != NULL ? "," : "",
                          doctor != NULL ? doctor : "", NULL);
    if (more != NULL) {
        members = apr_pstrcat(p, members, *members != '\0' ? "," : "", more,
                              NULL);
    }
    return apr_pstrcat(p, "\"other\":", other != NULL ? other : "null",
                       ",\"members\":[", members, "]", NULL);
}

static const char *conversation_json(const chat_request_t *q,
                                     const chat_db_result_t *res, int row,
                                     const chat_message_t *last)
{
    const char *id = chat_db_get(res, row, COL_ID_JSON);
    const char *unread = chat_db_get(res, row, COL_UNREAD);
    apr_pool_t *p = q->r->pool;

    return apr_pstrcat(
        p, "{\"id\":", id,
        ",\"title\":", chat_shape_text(chat_db_get(res, row, COL_TITLE), p),
        ",\"status\":", chat_shape_text(chat_db_get(res, row, COL_STATUS), p),
        ",\"unread\":", unread, ",\"updated_at\":",
        chat_shape_time_json(chat_db_get(res, row, COL_AT), p),
        ",\"last_message\":", chat_rows_object(last, p), ",",
        people_json(q, res, row), "}", NULL);
}

static int list_reply(chat_request_t *q, const chat_db_result_t *res)
{
    apr_pool_t *p = q->r->pool;
    int n = chat_db_rows(res);
    apr_array_header_t *parts;
    chat_message_t *last;
    apr_status_t rv;

    n = n > LIST_MAX ? LIST_MAX : n;
    last = chat_rows_list(n, p);
    for (int i = 0; i < n; i++) {
        last[i] = chat_rows_message(res, i, COL_LAST,
                                    chat_db_get(res, i, COL_ID_JSON));
    }
    rv = chat_rows_detail(q, last, n);
    if (rv != APR_SUCCESS) {
        return chat_reply_failed(q, rv, "reading last messages");
    }
    parts = apr_array_make(p, n, sizeof(const char *));
    for (int i = 0; i < n; i++) {
        APR_ARRAY_PUSH(parts, const char *) = conversation_json(q, res, i,
                                                                &last[i]);
    }
    return chat_reply_list(
        q, apr_pstrcat(p, "{\"user\":", q->user->me_json,
                       ",\"conversations\":[", apr_array_pstrcat(p, parts, ','),
                       "],\"next\":", next_path(res, n, q->conf->prefix, p),
                       "}", NULL));
}

/* GET /chat - the page, or the caller's conversations, latest activity first,
 * with last message and unread count. `next` is where it goes on. */
int chat_conversation_list(chat_request_t *q)
{
    const char *before = chat_form_given(&q->query, "before");
    const char *updated = NULL, *id = NULL;
    chat_db_value_t args[4];
    chat_db_result_t *res;
    apr_status_t rv;

    if (q->html) {
        return chat_page_app(q, HTTP_OK);
    }
    if (before != NULL && !place_parse(&updated, &id, before, q->r->pool)) {
        return chat_reply_invalid(q, "before",
                                  "must be taken from a next link");
    }
    args[0] = chat_auth_id(q->user->id);
    args[1] = chat_db_text(updated);
    args[2] = id != NULL ? chat_auth_id(id) : chat_db_null();
    args[3] = chat_db_int(LIST_MAX + 1);
    rv = q->user->staff
             ? chat_db_query(&res, q->conf->db, "conversation_list_all", args,
                             4, q->r->pool)
             : chat_db_query(&res, q->conf->db, "conversation_list", args, 4,
                             q->r->pool);
    return rv == APR_SUCCESS
               ? list_reply(q, res)
               : chat_reply_failed(q, rv, "listing conversations");
}

/* GET /chat/conversation/{id} - the page, or the conversation with the first
 * page of its history. Opening it marks what others wrote as read; a HEAD, a
 * page that asks for the JSON itself, and a token that may only read do not. */
int chat_conversation_show(chat_request_t *q)
{
    chat_db_value_t arg = chat_auth_id(q->id);
    const char *field, *why, *messages;
    chat_paging_t paging;
    chat_db_result_t *res;
    apr_int64_t newest = 0, n;
    apr_status_t rv;

    if (q->html) {
        return chat_page_app(q, HTTP_OK);
    }
    if (!chat_paging_parse(&paging, &q->query, &field, &why)) {
        return chat_reply_invalid(q, field, why);
    }
    paging.way = CHAT_PAGING_PAGE;
    paging.per_page = paging.per_page_given ? paging.per_page : CHAT_PAGE_MAX;
    rv = chat_db_query(&res, q->conf->db, "conversation_show", &arg, 1,
                       q->r->pool);
    if (rv == APR_SUCCESS && chat_db_rows(res) == 0) {
        return chat_reply_error(q, HTTP_NOT_FOUND, "no such conversation");
    }
    if (rv == APR_SUCCESS) {
        rv = chat_message_page(&messages, &newest, q, &paging,
                               chat_message_url(q, ""));
    }
    if (rv != APR_SUCCESS) {
        return chat_reply_failed(q, rv, "opening a conversation");
    }
    /* What came after this page was read is not seen yet; and who cannot be
     * marked as a reader right now (another writer, a full disk) reads all the
     * same. */
    if (newest > 0 && !q->r->header_only &&
        chat_ability_has(q->abilities, CHAT_ABILITY_WRITE)) {
        rv = chat_message_mark_read(q, NULL, newest, &n);
        if (rv != APR_SUCCESS) {
            chat_reply_note(q, rv, "marking a conversation read");
        }
    }
    return chat_reply_list(
        q, apr_pstrcat(q->r->pool, "{\"consultation\":", chat_db_get(res, 0, 0),
                       ",\"messages\":", messages, "}", NULL));
}
