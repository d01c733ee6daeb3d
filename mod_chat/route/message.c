/* SPDX-License-Identifier: Apache-2.0 */
/*
 * message.c - writing, reading and marking messages of one conversation.
 *
 * That the caller may is settled before a handler here runs (routes.c). The
 * events that tell others are written by triggers in the same transaction as
 * the rows; here chat-push only gets a hint to look.
 */
#include "handlers.h"

#include <string.h>
#include <apr_strings.h>
#include <http_core.h>

#include "auth.h"
#include "body.h"
#include "channel.h"
#include "content.h"
#include "json.h"
#include "limiter.h"
#include "message.h"
#include "message_files.h"
#include "receipts.h"
#include "reply.h"
#include "rows.h"
#include "sealing.h"
#include "upload.h"
#include "wakeup.h"

#define MARK_MAX 500 /* message_ids in one request; marked by one at once */
#define COUNT_MAX 5000 /* unread messages that are counted, then marked */

/* What is wrong with reply_to. */
#define NOT_HERE "must be the id of a message of this conversation"

/* --- sending ----------------------------------------------------------------
 */

/* `content`, or `message` as the first version of this API called it. */
static chat_json_result_t content_field(const chat_fields_t *body,
                                        const char **content)
{
    chat_json_result_t result = chat_fields_text(body, "content", content);

    return result == CHAT_JSON_MISSING
               ? chat_fields_text(body, "message", content)
               : result;
}

const char *chat_message_content(const char **content, const chat_request_t *q)
{
    switch (content_field(&q->body, content)) {
    case CHAT_JSON_OK:
        break;
    case CHAT_JSON_MISSING:
        return "is required";
    case CHAT_JSON_TYPE:
        return "must be a text";
    }
    switch (chat_content_clean(content, *content, q->r->pool)) {
    case CHAT_CONTENT_OK:
        return NULL;
    case CHAT_CONTENT_EMPTY:
        return "is required";
    case CHAT_CONTENT_LONG:
        break;
    }
    return "must not be longer than 2000 characters";
}

/* Whether there is a text, be it a wrong one. */
static int has_content(const chat_request_t *q)
{
    const char *content;

    switch (content_field(&q->body, &content)) {
    case CHAT_JSON_OK:
        return content[strspn(content, " \t\r\n")] != '\0';
    case CHAT_JSON_MISSING:
        return 0;
    case CHAT_JSON_TYPE:
        break;
    }
    return 1;
}

/* With files the type may be left to them: NULL. */
static const char *type_complaint(const char **type, const char *files,
                                  const chat_request_t *q)
{
    switch (chat_fields_text(&q->body, "type", type)) {
    case CHAT_JSON_MISSING:
        *type = "text";
        break;
    case CHAT_JSON_OK:
        break;
    case CHAT_JSON_TYPE:
        return "must be a text";
    }
    if (strcmp(*type, "text") == 0) {
        *type = files != NULL ? NULL : *type;
        return NULL;
    }
    if (files == NULL) {
        return "must be text";
    }
    return strcmp(*type, "image") == 0 || strcmp(*type, "file") == 0 ||
                   strcmp(*type, "voice") == 0
               ? NULL
               : "must be text, image, file or voice";
}

static const char *client_id_complaint(const char **id, const chat_request_t *q)
{
    switch (chat_fields_text(&q->body, "client_id", id)) {
    case CHAT_JSON_MISSING:
        *id = NULL;
        return NULL;
    case CHAT_JSON_OK:
        if (chat_client_id_valid(*id)) {
            return NULL;
        }
        break;
    case CHAT_JSON_TYPE:
        break;
    }
    return "must be 1 to 64 letters, digits, dots, colons, hyphens or "
           "underscores";
}

/* Whether it is a living message of the conversation the INSERT finds out. */
static const char *reply_to_complaint(apr_int64_t *id, const chat_request_t *q)
{
    *id = 0;
    return chat_fields_id(&q->body, "reply_to", id) == CHAT_JSON_TYPE
               ? NOT_HERE
               : NULL;
}

/* @return NULL when the draft will do, else the field that will not */
static const char *draft_read(chat_draft_t *draft, const chat_request_t *q,
                              const char **why)
{
    *why = chat_message_files(&draft->files, q);
    if (*why != NULL) {
        return "attachments";
    }
    *why = chat_message_content(&draft->content, q);
    if (*why != NULL && draft->files != NULL && !has_content(q)) {
        draft->content = ""; /* files need no words */
        *why = NULL;
    }
    if (*why != NULL) {
        return "content";
    }
    *why = type_complaint(&draft->type, draft->files, q);
    if (*why != NULL) {
        return "type";
    }
    *why = client_id_complaint(&draft->client_id, q);
    if (*why != NULL) {
        return "client_id";
    }
    *why = reply_to_complaint(&draft->reply_to, q);
    return *why != NULL ? "reply_to" : NULL;
}

int chat_message_sent(chat_request_t *q, chat_message_t *m)
{
    static const char before[] = "{\"message\":";
    static const char after[] = ",\"status\":\"sent\"}";
    apr_status_t rv = chat_rows_detail(q, m, 1);
    char *json, *to;

    if (rv != APR_SUCCESS) {
        return chat_reply_failed(q, rv, "reading a message that was sent");
    }
    json = to = apr_palloc(q->r->pool, sizeof(before) + chat_shape_size(m) +
                                           sizeof(after));
    q->object = m->id;
    memcpy(to, before, sizeof(before) - 1);
    to = chat_shape_message(to + sizeof(before) - 1, m);
    memcpy(to, after, sizeof(after));
    return chat_reply(q, HTTP_CREATED, json);
}

/* Columns behind those of the message that message_sent gives. */
enum {
    AGAIN_CONTENT = CHAT_ROW_COLUMNS, /* what it said before it was edited */
    AGAIN_REPLY_TO,
    AGAIN_FILES
};

int chat_message_closed(chat_request_t *q, int *answer)
{
    return chat_message_closed_in(q, q->conversation->id, answer);
}

int chat_message_closed_in(chat_request_t *q, const char *id, int *answer)
{
    chat_db_value_t args[] = { chat_auth_id(id),
                               chat_db_text(q->conf->closed_list) };
    chat_db_result_t *res;
    apr_status_t rv = chat_db_query(&res, q->conf->db, "conversation_closed",
                                    args, 2, q->r->pool);

    if (rv != APR_SUCCESS) {
        *answer = chat_reply_failed(q, rv, "asking whether it is closed");
        return 1;
    }
    if (chat_db_rows(res) == 0 || !chat_db_get_int(res, 0, 0, 0)) {
        return 0;
    }
    *answer = chat_reply_error(q, HTTP_FORBIDDEN,
                               "this consultation is closed: nothing can be "
                               "written in it any more");
    return 1;
}

static int same(const char *a, const char *b)
{
    return a == NULL || b == NULL ? a == b : strcmp(a, b) == 0;
}

/* Nothing was inserted, and no message of this client_id is there. */
static int reply_unsent(chat_request_t *q, const chat_draft_t *draft)
{
    int answer;

    if (chat_message_closed(q, &answer)) {
        return answer;
    }
    if (draft->reply_to != 0) {
        return chat_reply_invalid(q, "reply_to", NOT_HERE);
    }
    /* The conversation went away between the check and the insert. */
    return chat_reply_error(q, HTTP_NOT_FOUND, "no such conversation");
}

int chat_message_before(chat_request_t *q, const chat_draft_t *draft,
                        int *answer)
{
    chat_db_value_t args[] = { chat_auth_id(q->conversation->id),
                               chat_auth_id(q->user->id),
                               chat_db_text(draft->client_id) };
    chat_db_result_t *res;
    chat_seal_about_t about = chat_sealing_own(q, CHAT_SEAL_MESSAGE,
                                               draft->client_id);
    chat_message_t m;
    apr_status_t rv;
    int files = 0;

    if (draft->client_id == NULL) {
        return 0;
    }
    rv = chat_db_query(&res, q->conf->db, "message_sent", args, 3, q->r->pool);
    if (rv == APR_SUCCESS && chat_db_rows(res) == 0) {
        return 0;
    }
    if (rv == APR_SUCCESS) {
        rv = chat_message_files_same(&files, q, draft,
                                     chat_db_get(res, 0, AGAIN_FILES));
    }
    if (rv != APR_SUCCESS) {
        *answer = chat_reply_failed(q, rv, "finding a message sent before");
        return 1;
    }
    m = chat_rows_message(res, 0, 0, q->conversation->id_json);
    *answer = !files ||
                      !same(chat_sealing_open(q, &about,
                                              chat_db_get(res, 0, AGAIN_CONTENT)),
                            draft->content) ||
                      (draft->type != NULL && !same(m.type, draft->type)) ||
                      chat_db_get_int(res, 0, AGAIN_REPLY_TO, 0) !=
                          draft->reply_to
                  ? chat_reply_error(q, HTTP_CONFLICT,
                                     "another message has this client_id")
                  : chat_message_sent(q, &m);
    return 1;
}

int chat_message_again(chat_request_t *q, const chat_draft_t *draft)
{
    int answer;

    return chat_message_before(q, draft, &answer) ? answer
                                                  : reply_unsent(q, draft);
}

void chat_message_values(chat_db_value_t args[CHAT_DRAFT_VALUES],
                         const chat_request_t *q, const chat_draft_t *draft,
                         const char *stored)
{
    args[0] = chat_auth_id(q->user->id);
    args[1] = chat_auth_id(q->conversation->id);
    args[2] = chat_db_text(stored);
    args[3] = chat_db_text(draft->type);
    args[4] = chat_db_text(draft->client_id);
    args[5] = draft->reply_to != 0 ? chat_db_int(draft->reply_to)
                                   : chat_db_null();
    args[6] = chat_db_text(draft->files);
    args[7] = chat_db_text(q->conf->closed_list);
}

/* A staff list, an id as a value and as it must come back: what the statements
 * that do it all need to say whether the conversation is theirs. */
#define AT_ONCE_VALUES 5

static void at_once_values(chat_db_value_t *args, const chat_request_t *q,
                           const chat_shown_t *shown)
{
    args[0] = chat_db_text(shown->shown);
    args[1] = chat_auth_id(q->id);
    args[2] = chat_db_int(shown->token_id);
    args[3] = chat_db_text(q->conf->staff_list);
    args[4] = chat_db_text(q->id);
}

/* Whether it was done: an id of the wrong kind, a stranger and a conversation
 * that is not theirs are left to the steps. */
static int at_once_theirs(chat_request_t *q, const chat_shown_t *shown,
                          const chat_db_result_t *res, apr_status_t rv)
{
    if (rv != APR_SUCCESS) {
        return 0;
    }
    chat_auth_found(q, shown, res);
    return q->user != NULL && q->conversation != NULL;
}

/* What staff write who are no members is for both, though the row says it is for
 * one: from then on counts look at more than that (chat_many_voices). */
static apr_status_t voice_note(const chat_request_t *q)
{
    chat_db_value_t arg = chat_auth_id(q->conversation->id);
    chat_db_result_t *res;
    apr_status_t rv;

    if (q->conversation->member) {
        return APR_SUCCESS;
    }
    /* Asked first, which takes no lock: only the first of theirs writes. */
    rv = chat_db_query(&res, q->conf->db, "voice_there", &arg, 1, q->r->pool);
    return rv != APR_SUCCESS || chat_db_rows(res) > 0
               ? rv
               : chat_db_query(&res, q->conf->db, "voice_note", &arg, 1,
                               q->r->pool);
}

/* The same for those who show a token, in one statement, where the engine has
 * one. An id of a kind that no conversation has goes alone: what the database
 * cannot read spoils what many share. A message with a token that this child has
 * not seen to be good is counted behind the fact, so a token may be one ahead of
 * the limit once. */
int chat_message_send_at_once(chat_request_t *q)
{
    enum {
        SENT_NAME = 1, /* of the who_… columns */
        SENT_ROLE = 3,
        SENT_USER = CHAT_AUTH_COLUMNS,
        SENT_ID,
        SENT_CREATED
    };
    chat_db_value_t args[AT_ONCE_VALUES + 4];
    const char *account, *why;
    chat_db_result_t *res;
    chat_shown_t shown;
    chat_message_t m;
    chat_draft_t draft;
    apr_status_t rv;

    if (!chat_db_has("send_bearer", chat_db_engine(q->conf->db)) ||
        !chat_auth_shown(&shown, q) || shown.via != CHAT_VIA_BEARER) {
        return DECLINED;
    }
    if (chat_upload_is(q)) {
        return DECLINED;
    }
    account = chat_auth_known(q, &shown);
    if (!chat_body_take(q) || draft_read(&draft, q, &why) != NULL ||
        draft.reply_to != 0 || draft.files != NULL || q->conf->keys != NULL ||
        (account != NULL && chat_limiter_take(q->conf, CHAT_LIMIT_SEND, account,
                                              q->r->pool) > 0)) {
        return DECLINED;
    }
    if (account != NULL) {
        chat_limiter_say(q->r, q->conf, CHAT_LIMIT_SEND, account);
    }
    at_once_values(args, q, &shown);
    args[5] = chat_db_text(draft.content);
    args[6] = chat_db_text(draft.type);
    args[7] = chat_db_text(draft.client_id);
    args[8] = chat_db_text(q->conf->closed_list);
    rv = chat_auth_fits(q)
             ? chat_db_query(&res, q->conf->db, "send_bearer", args, 9,
                             q->r->pool)
             : chat_db_query_alone(&res, q->conf->db, "send_bearer", args, 9,
                                   q->r->pool);
    if (!at_once_theirs(q, &shown, res, rv)) {
        return rv == APR_SUCCESS || rv == CHAT_DB_EINPUT
                   ? DECLINED
                   : chat_reply_failed(q, rv, "storing a message");
    }
    if (account == NULL) {
        chat_limiter_take(q->conf, CHAT_LIMIT_SEND, q->user->id, q->r->pool);
        chat_limiter_say(q->r, q->conf, CHAT_LIMIT_SEND, q->user->id);
    }
    m = (chat_message_t){ .id = chat_db_get(res, 0, SENT_ID),
                          .content = draft.content,
                          .type = draft.type,
                          .client_id = draft.client_id,
                          .user_id = chat_db_get(res, 0, SENT_USER),
                          .conversation = q->conversation->id_json,
                          .created_at = chat_db_get(res, 0, SENT_CREATED),
                          .name = chat_db_get(res, 0, SENT_NAME),
                          .role = chat_db_get(res, 0, SENT_ROLE) };
    rv = voice_note(q);
    if (rv != APR_SUCCESS) {
        chat_reply_note(q, rv, "noting who writes"); /* it is sent all the same */
    }
    if (m.id == NULL) {
        return chat_message_again(q, &draft);
    }
    if (!chat_db_told(res)) {
        chat_wakeup_send(q->conf->wakeup);
    }
    return chat_message_sent(q, &m);
}

/* POST /chat/conversation/{id}/message - content, type, client_id, reply_to. */
int chat_message_send(chat_request_t *q)
{
    const char *field, *why, *stored;
    chat_db_value_t args[CHAT_DRAFT_VALUES];
    chat_db_result_t *res;
    chat_seal_about_t about;
    apr_uint32_t wait;
    chat_message_t m;
    chat_draft_t draft;
    apr_status_t rv;

    field = draft_read(&draft, q, &why);
    if (field != NULL) {
        return chat_reply_invalid(q, field, why);
    }
    wait = chat_limiter_take(q->conf, CHAT_LIMIT_SEND, q->user->id, q->r->pool);
    chat_limiter_say(q->r, q->conf, CHAT_LIMIT_SEND, q->user->id);
    if (wait > 0) {
        return chat_reply_limited(q, wait, "too many messages, slow down");
    }
    rv = voice_note(q);
    if (rv != APR_SUCCESS) {
        return chat_reply_failed(q, rv, "storing a message");
    }
    if (draft.files != NULL) {
        return chat_message_send_files(q, &draft);
    }
    draft.client_id = chat_sealing_client_id(q, draft.client_id);
    about = chat_sealing_own(q, CHAT_SEAL_MESSAGE, draft.client_id);
    rv = chat_sealing_text(&stored, q, &about, draft.content);
    if (rv != APR_SUCCESS) {
        return chat_reply_failed(q, rv, "storing a message");
    }
    chat_message_values(args, q, &draft, stored);
    rv = chat_db_query(&res, q->conf->db, "message_insert", args,
                       CHAT_DRAFT_VALUES, q->r->pool);
    if (rv != APR_SUCCESS) {
        return chat_reply_failed(q, rv, "storing a message");
    }
    if (chat_db_rows(res) == 0) {
        return chat_message_again(q, &draft);
    }
    chat_wakeup_send(q->conf->wakeup);
    m = chat_rows_message(res, 0, 0, q->conversation->id_json);
    return chat_message_sent(q, &m);
}

/* --- history -----------------------------------------------------------------
 */

/* The first n rows as a JSON list, or these backwards. */
static apr_status_t list_of(const char **json, const chat_request_t *q,
                            const chat_db_result_t *res, int n, int backwards)
{
    chat_message_t *list = chat_rows_list(n, q->r->pool);
    int i;

    for (i = 0; i < n; i++) {
        list[i] = chat_rows_message(res, backwards ? n - 1 - i : i, 0,
                                    q->conversation->id_json);
    }
    return chat_rows_json(json, q, list, n);
}

const char *chat_message_url(const chat_request_t *q, const char *suffix)
{
    return ap_construct_url(q->r->pool,
                            apr_pstrcat(q->r->pool, q->conf->prefix,
                                        "/chat/conversation/",
                                        q->conversation->id, suffix, NULL),
                            q->r);
}

/* Page `paging` as JSON, its messages being there: n of them, as a JSON list,
 * newest first. */
static const char *page_json(const chat_request_t *q,
                             const chat_paging_t *paging, const char *list,
                             int n, apr_int64_t oldest, const char *path)
{
    chat_page_t page = { list, n, q->conversation->total, oldest, path };

    return chat_paging_json(paging, &page, q->r->pool);
}

/* The same below a message, however far back it is. */
static apr_status_t page_below(const char **json, apr_int64_t *newest,
                               const chat_request_t *q,
                               const chat_paging_t *paging, const char *path)
{
    chat_db_value_t args[] = { chat_auth_id(q->conversation->id),
                               chat_db_int(paging->below),
                               chat_db_int(paging->per_page) };
    chat_db_result_t *res;
    const char *list;
    apr_status_t rv;
    int n;

    rv = chat_db_query(&res, q->conf->db, "message_before", args, 3,
                       q->r->pool);
    if (rv != APR_SUCCESS) {
        return rv;
    }
    n = chat_db_rows(res);
    if (newest != NULL) {
        *newest = chat_db_get_int(res, 0, CHAT_ROW_ID, 0);
    }
    rv = list_of(&list, q, res, n, 0);
    if (rv == APR_SUCCESS) {
        *json = page_json(q, paging, list, n,
                          chat_db_get_int(res, n - 1, CHAT_ROW_ID, 0), path);
    }
    return rv;
}

apr_status_t chat_message_page(const char **json, apr_int64_t *newest,
                               const chat_request_t *q,
                               const chat_paging_t *paging, const char *path)
{
    chat_db_value_t args[] = { chat_auth_id(q->conversation->id),
                               chat_db_int(paging->per_page),
                               chat_db_int(chat_paging_offset(paging)) };
    chat_page_t page = { "[]", 0, q->conversation->total, 0, path };
    chat_db_result_t *res;
    apr_status_t rv;

    if (paging->below > 0) {
        return page_below(json, newest, q, paging, path);
    }
    if (newest != NULL) {
        *newest = 0;
    }
    /* A page behind the end need not walk all of the index to find nothing. */
    if (chat_paging_offset(paging) < page.total) {
        rv = chat_db_query(&res, q->conf->db, "message_page", args, 3,
                           q->r->pool);
        if (rv != APR_SUCCESS) {
            return rv;
        }
        page.n = chat_db_rows(res);
        rv = list_of(&page.data, q, res, page.n, 0);
        if (rv != APR_SUCCESS) {
            return rv;
        }
        page.oldest = chat_db_get_int(res, page.n - 1, CHAT_ROW_ID, 0);
        if (newest != NULL) {
            *newest = chat_db_get_int(res, 0, CHAT_ROW_ID, 0);
        }
    }
    *json = chat_paging_json(paging, &page, q->r->pool);
    return APR_SUCCESS;
}

/* An id as JSON, "null" unless `given`. */
static const char *id_or_null(const char *id, int given)
{
    return given ? id : "null";
}

/* One message more is asked for than shown, to know whether there are more. */
static apr_status_t around(const char **json, const chat_request_t *q,
                           const chat_paging_t *paging)
{
    int back = paging->way == CHAT_PAGING_BEFORE;
    chat_db_value_t args[] = { chat_auth_id(q->conversation->id),
                               chat_db_int(paging->id),
                               chat_db_int(paging->per_page + 1) };
    const char *newest = NULL, *oldest = NULL, *list;
    chat_db_result_t *res;
    apr_status_t rv;
    int n, more;

    rv = back ? chat_db_query(&res, q->conf->db, "message_before", args, 3,
                              q->r->pool)
              : chat_db_query(&res, q->conf->db, "message_after", args, 3,
                              q->r->pool);
    if (rv != APR_SUCCESS) {
        return rv;
    }
    n = chat_db_rows(res);
    more = n > paging->per_page;
    n -= more;
    if (n > 0) {
        newest = chat_db_get(res, back ? 0 : n - 1, CHAT_ROW_ID);
        oldest = chat_db_get(res, back ? n - 1 : 0, CHAT_ROW_ID);
    }
    rv = list_of(&list, q, res, n, !back);
    if (rv != APR_SUCCESS) {
        return rv;
    }
    *json = apr_psprintf(
        q->r->pool,
        "{\"data\":%s,\"per_page\":%d,\"next_before\":%s,\"next_after\":%s,"
        "\"has_more\":%s}",
        list, paging->per_page,
        id_or_null(oldest, n > 0 && (more || !back)),
        id_or_null(newest, n > 0 && (more || back)), more ? "true" : "false");
    return APR_SUCCESS;
}

/* The columns of page_…, of the first row and of those behind it. */
enum {
    FIRST_ID,
    FIRST_TALK,
    FIRST_OTHER, /* of the two; of a third person's page the patient */
    FIRST_TOTAL,
    FIRST_IDLE,
    FIRST_MEMBER,
    FIRST_NAME,
    FIRST_ROLE,
    FIRST_OTHER_NAME,
    FIRST_OTHER_ROLE,
    FIRST_DIGEST,
    FIRST_CSRF,
    FIRST_TALK_JSON,
    FIRST_ID_JSON
};
enum {
    PAGE_FROM = FIRST_ID,
    PAGE_ID = FIRST_TOTAL,
    PAGE_DETAILED = FIRST_MEMBER,
    PAGE_CONTENT,
    PAGE_TYPE,
    PAGE_CLIENT_ID,
    PAGE_CREATED = FIRST_ID_JSON + 1,
    PAGE_READ
};

/* Of the first row what the who_… statements have. */
static const int page_who[CHAT_AUTH_COLUMNS] = {
    FIRST_ID,     FIRST_NAME, -1,         FIRST_ROLE, -1,              -1,
    FIRST_DIGEST, FIRST_CSRF, FIRST_IDLE, FIRST_TALK, FIRST_TALK_JSON, FIRST_TOTAL,
    FIRST_MEMBER
};

/* Who has written. */
typedef struct {
    const char *id; /* NULL: there is none */
    const char *json;
    const char *name;
    const char *role;
} author_t;

/* An id is a text in JSON when the caller's is. */
static author_t author_of(const chat_request_t *q, const chat_db_result_t *page,
                          const char *id, const char *name, const char *role)
{
    const char *me = chat_db_get(page, 0, FIRST_ID_JSON);
    author_t a = { id, NULL, name, role };

    a.json = id != NULL && me != NULL && *me != '"'
                 ? id
                 : chat_shape_text(id, q->r->pool);
    return a;
}

/* @return NULL when they are not among them */
static const author_t *author_find(const apr_array_header_t *authors,
                                   const char *id)
{
    const author_t *list = (const author_t *)(const void *)authors->elts;

    for (int i = 0; i < authors->nelts; i++) {
        if (id == NULL ? list[i].id == NULL
                       : list[i].id != NULL && strcmp(list[i].id, id) == 0) {
            return &list[i];
        }
    }
    return NULL;
}

/* Names for those who have none yet: `ids`, between commas, each in quotes. */
static apr_status_t authors_name(apr_array_header_t *authors,
                                 const chat_request_t *q, const char *ids)
{
    chat_db_value_t arg = chat_db_text(
        apr_pstrcat(q->r->pool, "{", ids, "}", NULL));
    chat_db_result_t *res;
    apr_status_t rv = chat_db_query(&res, q->conf->db, "page_people", &arg, 1,
                                    q->r->pool);

    for (int row = 0; rv == APR_SUCCESS && row < chat_db_rows(res); row++) {
        const char *id = chat_db_get(res, row, 0);
        author_t *list = (author_t *)(void *)authors->elts;

        for (int i = 0; i < authors->nelts; i++) {
            if (list[i].id != NULL && strcmp(list[i].id, id) == 0) {
                list[i].name = chat_db_get(res, row, 1);
                list[i].role = chat_db_get(res, row, 2);
            }
        }
    }
    return rv;
}

/* The authors of a page: the caller and the other of the two, whom its first row
 * names, and third persons, who are asked for. */
static apr_status_t authors_of(apr_array_header_t **out,
                               const chat_request_t *q,
                               const chat_db_result_t *page)
{
    apr_array_header_t *authors = apr_array_make(q->r->pool, 4,
                                                 sizeof(author_t));
    const char *ids = NULL;

    *out = authors;
    APR_ARRAY_PUSH(authors, author_t) = author_of(
        q, page, chat_db_get(page, 0, FIRST_ID),
        chat_db_get(page, 0, FIRST_NAME), chat_db_get(page, 0, FIRST_ROLE));
    APR_ARRAY_PUSH(authors, author_t) = author_of(
        q, page, chat_db_get(page, 0, FIRST_OTHER),
        chat_db_get(page, 0, FIRST_OTHER_NAME),
        chat_db_get(page, 0, FIRST_OTHER_ROLE));
    for (int row = 1; row < chat_db_rows(page); row++) {
        const char *id = chat_db_get(page, row, PAGE_FROM);

        if (author_find(authors, id) == NULL) {
            APR_ARRAY_PUSH(authors, author_t) = author_of(q, page, id, NULL,
                                                          NULL);
            /* An id is text of a few characters, or it could not be in a URL. */
            if (id != NULL && chat_id_valid(id)) {
                ids = ids == NULL
                          ? apr_pstrcat(q->r->pool, "\"", id, "\"", NULL)
                          : apr_pstrcat(q->r->pool, ids, ",\"", id, "\"",
                                        NULL);
            }
        }
    }
    return ids != NULL ? authors_name(authors, q, ids) : APR_SUCCESS;
}

/* What a page_… statement gives as a JSON list. */
static apr_status_t page_list(const char **json, const chat_request_t *q,
                              const chat_db_result_t *res)
{
    int n = chat_db_rows(res) - 1, i;
    chat_message_t *list = chat_rows_list(n, q->r->pool);
    apr_array_header_t *authors;
    apr_status_t rv = authors_of(&authors, q, res);

    if (rv != APR_SUCCESS) {
        return rv;
    }
    for (i = 0; i < n; i++) {
        const author_t *a = author_find(authors,
                                        chat_db_get(res, i + 1, PAGE_FROM));

        list[i] = (chat_message_t){
            .id = chat_db_get(res, i + 1, PAGE_ID),
            .content = chat_db_get(res, i + 1, PAGE_CONTENT),
            .type = chat_db_get(res, i + 1, PAGE_TYPE),
            .client_id = chat_db_get(res, i + 1, PAGE_CLIENT_ID),
            .user_id = a->json,
            .conversation = q->conversation->id_json,
            .created_at = chat_db_get(res, i + 1, PAGE_CREATED),
            .read_at = chat_db_get(res, i + 1, PAGE_READ),
            .name = a->name,
            .role = a->role,
            .detailed = chat_db_get(res, i + 1, PAGE_DETAILED) != NULL,
        };
    }
    return chat_rows_json(json, q, list, n);
}

/* The newest page, and pages below a message, in one statement. */
int chat_message_list_at_once(chat_request_t *q)
{
    chat_db_value_t args[AT_ONCE_VALUES + 3];
    const char *field, *why, *list;
    chat_db_result_t *res;
    chat_paging_t paging;
    chat_shown_t shown;
    apr_status_t rv;
    int n;

    if (!chat_db_has("page_bearer", chat_db_engine(q->conf->db)) ||
        !chat_auth_shown(&shown, q) || shown.via == CHAT_VIA_APACHE ||
        !chat_paging_parse(&paging, &q->query, &field, &why) ||
        paging.way != CHAT_PAGING_PAGE ||
        (paging.page > 1 && paging.below == 0)) {
        return DECLINED;
    }
    at_once_values(args, q, &shown);
    args[5] = chat_db_int(paging.below > 0 ? paging.below : APR_INT64_MAX);
    args[6] = chat_db_int(paging.per_page);
    args[7] = chat_db_text(q->conf->logins.types_array);
    rv = shown.via == CHAT_VIA_BEARER
             ? chat_db_query(&res, q->conf->db, "page_bearer", args, 8,
                             q->r->pool)
             : chat_db_query(&res, q->conf->db, "page_session", args, 7,
                             q->r->pool);
    if (rv != APR_SUCCESS || chat_db_rows(res) == 0 ||
        !at_once_theirs(q, &shown,
                        chat_db_pick(res, 0, page_who, CHAT_AUTH_COLUMNS,
                                     q->r->pool),
                        rv)) {
        return rv == APR_SUCCESS || rv == CHAT_DB_EINPUT
                   ? DECLINED
                   : chat_reply_failed(q, rv, "reading messages");
    }
    n = chat_db_rows(res) - 1; /* the first row says who it is */
    rv = page_list(&list, q, res);
    if (rv != APR_SUCCESS) {
        return chat_reply_failed(q, rv, "reading messages");
    }
    return chat_reply_list(
        q, page_json(q, &paging, list, n,
                     n > 0 ? chat_db_get_int(res, n, PAGE_ID, 0) : 0,
                     chat_message_url(q, "/messages")));
}

/* GET /chat/conversation/{id}/messages - history, newest first, by page or by
 * `before` and `after`. Reading it here marks nothing as read. */
int chat_message_list(chat_request_t *q)
{
    const char *field, *why, *json;
    chat_paging_t paging;
    apr_status_t rv;

    if (!chat_paging_parse(&paging, &q->query, &field, &why)) {
        return chat_reply_invalid(q, field, why);
    }
    rv = paging.way == CHAT_PAGING_PAGE
             ? chat_message_page(&json, NULL, q, &paging,
                                 chat_message_url(q, "/messages"))
             : around(&json, q, &paging);
    return rv == APR_SUCCESS ? chat_reply_list(q, json)
                             : chat_reply_failed(q, rv, "reading messages");
}

/* --- marking read
 * -------------------------------------------------------------- */

apr_status_t chat_message_mark_read(const chat_request_t *q, const char *ids,
                                    apr_int64_t newest, apr_int64_t *n)
{
    chat_db_value_t args[] = { chat_auth_id(q->conversation->id),
                               chat_auth_id(q->user->id), chat_db_text(ids),
                               newest > 0 ? chat_db_int(newest)
                                          : chat_db_null(),
                               chat_db_int(COUNT_MAX) };
    chat_db_value_t part[] = { args[0], args[1], args[3],
                               chat_db_int(MARK_MAX) };
    chat_db_result_t *res;
    apr_int64_t unread = 0, more;
    apr_status_t rv;
    int part_only = 0; /* older ones are left to chat-push */

    *n = 0;
    rv = chat_db_query(&res, q->conf->db, "message_unread", args, 5,
                       q->r->pool);
    if (rv == APR_SUCCESS && chat_db_rows(res) > 0) {
        /* With more than that chat-push marks the older ones afterwards, and
         * the counts know it at once (chat_read_due). */
        unread = chat_db_get_int(res, 0, 0, 0);
        part_only = unread > MARK_MAX ||
                    (ids == NULL && chat_db_get_int(res, 0, 1, 0));
        rv = part_only
                 ? chat_db_query(&res, q->conf->db, "message_mark_newest", part,
                                 4, q->r->pool)
                 : chat_db_query(&res, q->conf->db, "message_mark_read", args,
                                 4, q->r->pool);
        if (rv == APR_SUCCESS && chat_db_rows(res) > 0) {
            *n = part_only ? unread : chat_db_get_int(res, 0, 0, 0);
            chat_wakeup_send(q->conf->wakeup);
        }
    }
    if (rv == APR_SUCCESS) {
        rv = chat_receipts_read(q, ids, newest, &more);
        *n += more;
    }
    return rv;
}

/* POST /chat/conversation/{id}/read - the caller has seen what was written to
 * them. 0 is a success, apps call this on every scroll. */
int chat_message_read(chat_request_t *q)
{
    const char *ids = NULL;
    apr_int64_t n;
    apr_status_t rv;

    if (chat_fields_ids(&q->body, "message_ids", MARK_MAX, &ids, q->r->pool) ==
        CHAT_JSON_TYPE) {
        return chat_reply_invalid(q, "message_ids",
                                  "must be a list of at most 500 message ids");
    }
    rv = chat_message_mark_read(q, ids, 0, &n);
    if (rv != APR_SUCCESS) {
        return chat_reply_failed(q, rv, "marking messages read");
    }
    return chat_reply(
        q, HTTP_OK,
        apr_psprintf(q->r->pool,
                     "{\"status\":\"marked_as_read\",\"read\":%" APR_INT64_T_FMT
                     "}",
                     n));
}
