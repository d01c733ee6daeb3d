/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sync.c - what happened since a cursor.
 *
 * The same events that chat-push delivers, from the same log, for those who
 * were away: a client stores the last cursor it was given, from a pushed event
 * or from here, and misses nothing. Each event is listed once, whatever
 * channels it went to. When the log no longer reaches back to the cursor the
 * answer is `reset`: load everything anew and go on from the cursor given with
 * it.
 */
#include "handlers.h"

#include <string.h>
#include <apr_strings.h>

#include "auth.h"
#include "channel.h"
#include "event.h"
#include "json.h"
#include "reply.h"
#include "utf8.h"

#define LIMIT_DEFAULT 200
#define LIMIT_MAX 500

/* The columns of sync_head and sync_events. */
enum { HEAD_EPOCH, HEAD_LAST, HEAD_OLDEST };
enum { COL_ID, COL_EVENT, COL_CONVERSATION, COL_PAYLOAD };

/* Where the log stands. */
typedef struct {
    const char *epoch;
    apr_int64_t last;   /* the last id ever given */
    apr_int64_t oldest; /* the oldest event kept; last + 1 when none is */
} head_t;

static apr_status_t head_read(head_t *head, const chat_request_t *q)
{
    chat_db_result_t *res;
    apr_status_t rv;

    rv = chat_db_query(&res, q->conf->db, "sync_head", NULL, 0, q->r->pool);
    if (rv != APR_SUCCESS) {
        return rv;
    }
    if (chat_db_rows(res) != 1) {
        return CHAT_DB_ESQL; /* a log without a name: the schema is broken */
    }
    head->epoch = chat_db_get(res, 0, HEAD_EPOCH);
    head->last = chat_db_get_int(res, 0, HEAD_LAST, 0);
    head->oldest = chat_db_get_int(res, 0, HEAD_OLDEST, head->last + 1);
    return APR_SUCCESS;
}

/* Whether all that came after the cursor is still there. */
static int reaches_back(const head_t *head, const chat_cursor_t *since)
{
    return strcmp(since->epoch, head->epoch) == 0 && since->id <= head->last &&
           since->id >= head->oldest - 1;
}

static const char *cursor_at(const head_t *head, apr_int64_t id, apr_pool_t *p)
{
    chat_cursor_t cursor = { head->epoch, id };

    return chat_cursor_text(&cursor, p);
}

static int sync_reply(chat_request_t *q, const char *events, const char *cursor,
                      const char *status)
{
    apr_pool_t *p = q->r->pool;

    return chat_reply(q, HTTP_OK,
                      apr_pstrcat(p, "{\"events\":[", events, "],\"cursor\":",
                                  chat_json_quote(cursor, strlen(cursor), p),
                                  ",\"status\":\"", status, "\"}", NULL));
}

/* NULL for a row that is no event of ours: it is passed over, like by
 * chat-push, because it would make the whole answer unreadable. */
static const char *event_json(const head_t *head, const chat_db_result_t *res,
                              int row, apr_pool_t *p)
{
    apr_int64_t id = chat_db_get_int(res, row, COL_ID, 0);
    const char *payload = chat_db_get(res, row, COL_PAYLOAD);
    const char *name = chat_db_get(res, row, COL_EVENT);
    const char *channel = apr_pstrcat(p, CHAT_CHANNEL_CONVERSATION,
                                      chat_db_get(res, row, COL_CONVERSATION),
                                      NULL);
    const char *data;

    if (payload == NULL) {
        return NULL;
    }
    data = chat_event_data(payload, id, cursor_at(head, id, p), p);
    if (data == NULL) {
        return NULL;
    }
    name = chat_utf8_repaired(name, p);
    return apr_psprintf(p,
                        "{\"id\":%" APR_INT64_T_FMT
                        ",\"channel\":%s,\"event\":%s,\"data\":%s}",
                        id, chat_json_quote(channel, strlen(channel), p),
                        chat_json_quote(name, strlen(name), p), data);
}

static apr_status_t events_read(chat_db_result_t **res, const chat_request_t *q,
                                apr_int64_t since, int limit)
{
    chat_db_value_t args[] = { chat_auth_id(q->user->id), chat_db_int(since),
                               chat_db_int(limit) };

    if (q->user->staff) {
        return chat_db_query(res, q->conf->db, "sync_events_all", args + 1, 2,
                             q->r->pool);
    }
    return chat_db_query(res, q->conf->db, "sync_events", args, 3, q->r->pool);
}

/* The head was read before the events, so everything up to it has been seen
 * when no event is left over; the last event may be newer still. */
static int events_reply(chat_request_t *q, const head_t *head,
                        const chat_db_result_t *res, int limit)
{
    apr_pool_t *p = q->r->pool;
    int n = chat_db_rows(res), more = n > limit;
    apr_int64_t at = head->last, last = 0;
    apr_array_header_t *parts;

    n -= more;
    parts = apr_array_make(p, n, sizeof(const char *));
    for (int i = 0; i < n; i++) {
        const char *event = event_json(head, res, i, p);

        if (event != NULL) {
            APR_ARRAY_PUSH(parts, const char *) = event;
        }
    }
    if (n > 0) {
        last = chat_db_get_int(res, n - 1, COL_ID, 0);
    }
    if (more || last > at) {
        at = last;
    }
    return sync_reply(q, apr_array_pstrcat(p, parts, ','),
                      cursor_at(head, at, p), more ? "more" : "complete");
}

/* How many events at most. @return 0 when the field is no such number */
static int limit_field(int *limit, const chat_request_t *q)
{
    const char *text = chat_form_get(&q->query, "limit");
    apr_int64_t n = LIMIT_DEFAULT;

    if (text != NULL && (!chat_form_number(&n, text) || n < 1)) {
        return 0;
    }
    *limit = n > LIMIT_MAX ? LIMIT_MAX : (int)n;
    return 1;
}

/* GET /chat/sync - without `since`, where the log stands now. */
int chat_sync(chat_request_t *q)
{
    const char *text = chat_form_get(&q->query, "since");
    apr_pool_t *p = q->r->pool;
    chat_cursor_t since;
    chat_db_result_t *res;
    head_t head;
    apr_status_t rv;
    int limit;

    if (!limit_field(&limit, q)) {
        return chat_reply_invalid(q, "limit",
                                  "must be a whole number, at least 1");
    }
    if (text != NULL && !chat_cursor_parse(&since, text, p)) {
        return chat_reply_invalid(q, "since", "must be a cursor");
    }
    rv = head_read(&head, q);
    if (rv != APR_SUCCESS) {
        return chat_reply_failed(q, rv, "reading the event log");
    }
    if (text == NULL) {
        return sync_reply(q, "", cursor_at(&head, head.last, p), "complete");
    }
    if (!reaches_back(&head, &since)) {
        return sync_reply(q, "", cursor_at(&head, head.last, p), "reset");
    }
    rv = events_read(&res, q, since.id, limit + 1);
    return rv == APR_SUCCESS
               ? events_reply(q, &head, res, limit)
               : chat_reply_failed(q, rv, "reading the event log");
}
