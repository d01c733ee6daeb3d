/* SPDX-License-Identifier: Apache-2.0 */
/*
 * break_glass.c - staff open a conversation that is not theirs, and say why.
 *
 * With ChatBreakGlass staff are to all rules people like others; only this route
 * tells them apart. A row of chat_break_glass opens one conversation for its
 * time (auth.c asks), and its trigger tells the people of it. The reason stays
 * in that table: it may be about somebody, and neither the audit log nor an
 * event is the place for it.
 */
#include "handlers.h"

#include <string.h>
#include <apr_strings.h>

#include "auth.h"
#include "content.h"
#include "pace.h"
#include "reply.h"
#include "utf8.h"
#include "wakeup.h"

#define REASON_LEAST 10 /* characters: "x" is no reason */
#define REASON_MOST 500

/* @return NULL when it will do */
static const char *reason_complaint(const char **reason, const chat_request_t *q)
{
    apr_size_t n;

    switch (chat_fields_text(&q->body, "reason", reason)) {
    case CHAT_JSON_OK:
        break;
    case CHAT_JSON_MISSING:
        return "is required";
    case CHAT_JSON_TYPE:
        return "must be a text";
    }
    if (chat_content_clean(reason, *reason, q->r->pool) == CHAT_CONTENT_EMPTY) {
        return "is required";
    }
    n = chat_utf8_count(*reason, strlen(*reason));
    return n >= REASON_LEAST && n <= REASON_MOST
               ? NULL
               : "must be 10 to 500 characters long";
}

/* POST /chat/conversation/{id}/break-glass - reason. */
int chat_break_glass(chat_request_t *q)
{
    const char *reason = NULL, *why;
    chat_db_value_t args[4];
    chat_db_result_t *res;
    int answer;
    apr_status_t rv;

    if (!q->user->may_break || (!q->locked && q->conversation == NULL)) {
        return chat_reply_error(q, HTTP_NOT_FOUND, "no such conversation");
    }
    why = reason_complaint(&reason, q);
    if (why != NULL) {
        return chat_reply_invalid(q, "reason", why);
    }
    if (q->conversation != NULL && q->conversation->member) {
        return chat_reply_error(q, HTTP_CONFLICT, "this conversation is yours");
    }
    /* Each is told to all of its people. */
    if (!chat_pace(q, CHAT_LIMIT_SEND, "too many conversations, slow down",
                   &answer)) {
        return answer;
    }
    args[0] = chat_auth_id(q->id);
    args[1] = chat_auth_id(q->user->id);
    args[2] = chat_db_text(reason);
    args[3] = chat_db_int(apr_time_sec(q->conf->break_glass));
    rv = chat_db_query(&res, q->conf->db, "break_glass", args, 4, q->r->pool);
    if (rv != APR_SUCCESS || chat_db_rows(res) == 0) {
        return chat_reply_failed(q, rv, "opening a conversation");
    }
    chat_wakeup_send(q->conf->wakeup);
    q->object = chat_db_get(res, 0, 0);
    return chat_reply(q, HTTP_CREATED,
                      apr_pstrcat(q->r->pool, "{\"status\":\"opened\",\"until\":\"",
                                  chat_db_get(res, 0, 1), "\"}", NULL));
}
