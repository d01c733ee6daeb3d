/* SPDX-License-Identifier: Apache-2.0 */
/*
 * receipts.c - what has been delivered to whom, and who has read it.
 *
 * A client says when messages have reached its screen's device; that a socket
 * took the bytes is no proof. Both are kept as steps, see chat_receipts in
 * sql/schema.sqlite.sql; triggers tell the others.
 */
#include "handlers.h"

#include <apr_strings.h>

#include "auth.h"
#include "receipts.h"
#include "reply.h"
#include "wakeup.h"

#define IDS_MAX 500 /* message_ids in one request */

/* Note a step of the caller's, if there is one to note.
 * @param due    the statement that knows; it may name another kind
 * @param up_to  the message, 0: there was none
 * @param n      how many are new by it */
static apr_status_t step(const chat_request_t *q, const char *due,
                         const char *kind, const char *ids, apr_int64_t newest,
                         apr_int64_t *up_to, apr_int64_t *n)
{
    chat_db_value_t args[] = { chat_auth_id(q->conversation->id),
                               chat_auth_id(q->user->id), chat_db_text(ids),
                               newest > 0 ? chat_db_int(newest)
                                          : chat_db_null() };
    chat_db_result_t *res;
    apr_status_t rv;

    *up_to = *n = 0;
    rv = chat_db_query(&res, q->conf->db, due, args, 4, q->r->pool);
    if (rv != APR_SUCCESS || chat_db_rows(res) == 0) {
        return rv;
    }
    args[2] = chat_db_text(chat_db_cols(res) > 2 ? chat_db_get(res, 0, 2)
                                               : kind);
    args[3] = chat_db_int(chat_db_get_int(res, 0, 0, 0));
    *n = chat_db_get_int(res, 0, 1, 0);
    rv = chat_db_query(&res, q->conf->db, "receipt_add", args, 4, q->r->pool);
    if (rv == APR_SUCCESS && chat_db_rows(res) > 0) {
        *up_to = chat_db_get_int(res, 0, 0, 0);
        chat_wakeup_send(q->conf->wakeup);
    }
    return rv;
}

apr_status_t chat_receipts_read(const chat_request_t *q, const char *ids,
                                apr_int64_t newest, apr_int64_t *n)
{
    apr_int64_t up_to;

    return step(q, "receipt_read_due", "read", ids, newest, &up_to, n);
}

/* POST /chat/conversation/{id}/delivered - up_to, or message_ids, or neither
 * for all there are: they have reached the caller. */
int chat_receipt_delivered(chat_request_t *q)
{
    const char *ids = NULL;
    apr_int64_t newest = 0, up_to, n;
    apr_status_t rv;

    if (chat_fields_ids(&q->body, "message_ids", IDS_MAX, &ids, q->r->pool) ==
        CHAT_JSON_TYPE) {
        return chat_reply_invalid(q, "message_ids",
                                  "must be a list of at most 500 message ids");
    }
    if (chat_fields_id(&q->body, "up_to", &newest) == CHAT_JSON_TYPE) {
        return chat_reply_invalid(q, "up_to", "must be a message's id");
    }
    rv = step(q, "receipt_delivered_due", "delivered", ids, newest, &up_to, &n);
    if (rv != APR_SUCCESS) {
        return chat_reply_failed(q, rv, "noting a delivery");
    }
    return chat_reply(q, HTTP_OK,
                      up_to == 0
                          ? "{\"status\":\"delivered\",\"up_to\":null}"
                          : apr_psprintf(q->r->pool,
                                         "{\"status\":\"delivered\",\"up_to\":"
                                         "%" APR_INT64_T_FMT "}",
                                         up_to));
}

/* GET /chat/conversation/{id}/message/{message}/receipts - who has had it, and
 * read it. */
int chat_receipt_list(chat_request_t *q)
{
    chat_db_value_t args[2];
    chat_db_result_t *res;
    apr_int64_t message;
    const char *one, *list = "";
    apr_status_t rv;

    if (!chat_form_number(&message, q->item)) {
        return chat_reply_error(q, HTTP_NOT_FOUND, "no such message");
    }
    args[0] = chat_auth_id(q->conversation->id);
    args[1] = chat_db_int(message);
    rv = chat_db_query(&res, q->conf->db, "receipt_list", args, 2, q->r->pool);
    if (rv != APR_SUCCESS) {
        return chat_reply_failed(q, rv, "reading receipts");
    }
    if (chat_db_rows(res) == 0) {
        return chat_reply_error(q, HTTP_NOT_FOUND, "no such message");
    }
    for (int i = 0; i < chat_db_rows(res); i++) {
        one = chat_db_get(res, i, 0);
        if (one != NULL) {
            list = apr_pstrcat(q->r->pool, list, *list != '\0' ? "," : "", one,
                               NULL);
        }
    }
    return chat_reply_list(
        q, apr_pstrcat(q->r->pool, "{\"receipts\":[", list, "]}", NULL));
}
