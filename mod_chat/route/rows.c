/* SPDX-License-Identifier: Apache-2.0 */
/* rows.c - rows of messages on their way to JSON; see rows.h. */
#include "rows.h"

#include <string.h>
#include <apr_strings.h>

chat_message_t chat_rows_message(const chat_db_result_t *res, int row, int col,
                                 const char *conversation)
{
    chat_message_t m = {
        .id = chat_db_get(res, row, col + CHAT_ROW_ID),
        .content = chat_db_get(res, row, col + CHAT_ROW_CONTENT),
        .type = chat_db_get(res, row, col + CHAT_ROW_TYPE),
        .client_id = chat_db_get(res, row, col + CHAT_ROW_CLIENT_ID),
        .user_id = chat_db_get(res, row, col + CHAT_ROW_USER_ID),
        .conversation = conversation,
        .created_at = chat_db_get(res, row, col + CHAT_ROW_CREATED),
        .read_at = chat_db_get(res, row, col + CHAT_ROW_READ),
        .name = chat_db_get(res, row, col + CHAT_ROW_NAME),
        .role = chat_db_get(res, row, col + CHAT_ROW_ROLE),
        .detailed = chat_db_get(res, row, col + CHAT_ROW_DETAILED) != NULL,
    };

    return m;
}

/* The ids of those that are detailed as a JSON list, NULL when none is. */
static const char *detailed_ids(const chat_message_t *list, int n,
                                apr_pool_t *p)
{
    apr_array_header_t *ids = NULL;

    for (int i = 0; i < n; i++) {
        if (list[i].detailed && list[i].id != NULL) {
            if (ids == NULL) {
                ids = apr_array_make(p, n, sizeof(const char *));
            }
            APR_ARRAY_PUSH(ids, const char *) = list[i].id;
        }
    }
    return ids == NULL
               ? NULL
               : apr_pstrcat(p, "[", apr_array_pstrcat(p, ids, ','), "]", NULL);
}

/* The details in a row of message_details; its first column is the id. */
static void detail(chat_message_t *m, const chat_db_result_t *res, int row,
                   apr_pool_t *p)
{
    const char **details = apr_palloc(p, CHAT_DETAILS * sizeof(*details));
    const char *deleted;

    for (int i = 0; i < CHAT_DETAILS; i++) {
        details[i] = chat_db_get(res, row, i + 1);
    }
    m->details = details;
    deleted = details[CHAT_DETAIL_DELETED_AT];
    if (deleted != NULL && strcmp(deleted, "null") != 0) {
        m->content = "";
    }
}

apr_status_t chat_rows_detail(const chat_request_t *q, chat_message_t *list,
                              int n)
{
    const char *ids = detailed_ids(list, n, q->r->pool);
    chat_db_value_t args[] = { chat_db_text(ids) };
    chat_db_result_t *res;
    apr_status_t rv;

    if (ids == NULL) {
        return APR_SUCCESS;
    }
    rv = chat_db_query(&res, q->conf->db, "message_details", args, 1,
                       q->r->pool);
    if (rv != APR_SUCCESS) {
        return rv;
    }
    /* In any order, and not of one that went for good meanwhile. */
    for (int row = 0; row < chat_db_rows(res); row++) {
        const char *id = chat_db_get(res, row, 0);

        for (int i = 0; i < n; i++) {
            if (list[i].detailed && list[i].id != NULL && id != NULL &&
                strcmp(list[i].id, id) == 0) {
                detail(&list[i], res, row, q->r->pool);
                break;
            }
        }
    }
    return APR_SUCCESS;
}

chat_message_t *chat_rows_list(int n, apr_pool_t *p)
{
    return apr_palloc(p, ((apr_size_t)n + 1) * sizeof(chat_message_t));
}

apr_status_t chat_rows_json(const char **json, const chat_request_t *q,
                            chat_message_t *list, int n)
{
    apr_status_t rv = chat_rows_detail(q, list, n);
    apr_size_t size = sizeof("[]");
    char *to;
    int i;

    if (rv != APR_SUCCESS) {
        return rv;
    }
    for (i = 0; i < n; i++) {
        size += chat_shape_size(&list[i]) + 1;
    }
    to = apr_palloc(q->r->pool, size);
    *json = to;
    *to++ = '[';
    for (i = 0; i < n; i++) {
        if (i > 0) {
            *to++ = ',';
        }
        to = chat_shape_message(to, &list[i]);
    }
    memcpy(to, "]", 2);
    return APR_SUCCESS;
}

const char *chat_rows_object(const chat_message_t *m, apr_pool_t *p)
{
    char *json;

    if (m->id == NULL) {
        return "null";
    }
    json = apr_palloc(p, chat_shape_size(m) + 1);
    *chat_shape_message(json, m) = '\0';
    return json;
}
