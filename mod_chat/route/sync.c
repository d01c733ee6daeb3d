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

#include <pthread.h>
#include <string.h>
#include <apr_strings.h>

#include "auth.h"
#include "channel.h"
#include "event.h"
#include "json.h"
#include "reply.h"
#include "settled.h"
#include "utf8.h"

#define LIMIT_DEFAULT 200
#define LIMIT_MAX 500

/* The columns of sync_head and sync_events. */
enum { HEAD_EPOCH, HEAD_LAST, HEAD_OLDEST, HEAD_FENCE };
enum { COL_ID, COL_EVENT, COL_CONVERSATION, COL_PAYLOAD };

/* Where the log stands. */
typedef struct {
    const char *epoch;
    apr_int64_t last;   /* the last id ever given */
    apr_int64_t oldest; /* the oldest event kept; last + 1 when none is */
    apr_int64_t fence;  /* a transaction id younger than all that may still
                           bring an id up to `last`; 0: none can */
    apr_int64_t settled; /* up to here nothing can appear any more */
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
    head->fence = chat_db_get_int(res, 0, HEAD_FENCE, 0);
    head->settled = head->last;
    return APR_SUCCESS;
}

/* What the looks of this child have shown; any thread. */
struct chat_marks_t {
    pthread_mutex_t lock;
    chat_settled_t settled; /* of the log `epoch` */
    char epoch[40];
};

struct chat_marks_t *chat_sync_marks(apr_pool_t *p)
{
    struct chat_marks_t *marks = apr_pcalloc(p, sizeof(*marks));

    pthread_mutex_init(&marks->lock, NULL);
    return marks;
}

/* Add a look to the marks. @return up to which id the log is settled */
static apr_int64_t marks_note(struct chat_marks_t *marks, const head_t *head,
                              apr_int64_t oldest_tx)
{
    apr_int64_t floor;

    pthread_mutex_lock(&marks->lock);
    if (strcmp(marks->epoch, head->epoch) != 0) {
        chat_settled_forget(&marks->settled);
        apr_cpystrn(marks->epoch, head->epoch, sizeof(marks->epoch));
    }
    chat_settled_note(&marks->settled, oldest_tx, head->last, head->fence);
    floor = marks->settled.floor;
    pthread_mutex_unlock(&marks->lock);
    return floor < head->last ? floor : head->last;
}

/* Up to the first id that is missing; between there and the last one everything
 * may still change. */
static apr_status_t settled_search(head_t *head, const chat_request_t *q,
                                   apr_int64_t from)
{
    chat_db_value_t args[] = { chat_db_int(from), chat_db_int(head->last) };
    chat_db_result_t *res;
    apr_status_t rv;

    rv = chat_db_query(&res, q->conf->db, "sync_settled", args, 2, q->r->pool);
    if (rv == APR_SUCCESS) {
        head->settled = chat_db_get_int(res, 0, 0, from);
    }
    return rv;
}

/* How far the log is settled. Asked before the events are read: a transaction
 * that ends in between is counted as running here, and read again next time. */
static apr_status_t settled_read(head_t *head, const chat_request_t *q,
                                 const chat_cursor_t *since)
{
    apr_int64_t from, floor, oldest_tx;
    chat_db_result_t *res;
    apr_status_t rv;

    if (head->fence == 0) {
        return APR_SUCCESS;
    }
    rv = chat_db_query(&res, q->conf->db, "sync_oldest", NULL, 0, q->r->pool);
    if (rv != APR_SUCCESS) {
        return rv;
    }
    oldest_tx = chat_db_get_int(res, 0, 0, 0);
    floor = marks_note(q->conf->marks, head, oldest_tx);
    from = oldest_tx >= since->fence ? since->upto : since->id;
    from = from > floor ? from : floor;
    if (oldest_tx >= head->fence || from >= head->last) {
        head->settled = from > head->last ? from : head->last;
        return APR_SUCCESS;
    }
    return settled_search(head, q, from);
}

/* Whether all that came after the cursor is still there. */
static int reaches_back(const head_t *head, const chat_cursor_t *since)
{
    return strcmp(since->epoch, head->epoch) == 0 && since->id <= head->last &&
           since->id >= head->oldest - 1;
}

/* A cursor for whoever has seen all events up to `id`. */
static const char *cursor_at(const head_t *head, apr_int64_t id, apr_pool_t *p)
{
    chat_cursor_t cursor = chat_cursor_at(
        head->epoch, id < head->settled ? id : head->settled);

    return chat_cursor_text(&cursor, p);
}

/* Where the next sync goes on. A sync of several pages keeps the marks of its
 * first page, when everything up to `id` was settled.
 * @param last  id of the last event given, 0: none
 */
static const char *cursor_next(const head_t *head, const chat_cursor_t *since,
                               apr_int64_t last, int more, apr_pool_t *p)
{
    chat_cursor_t next = { head->epoch, head->settled, head->last, head->fence,
                           head->settled };

    if (since->page > since->id) {
        next = *since;
        next.page = since->id;
    }
    if (head->fence == 0) {
        next = chat_cursor_at(head->epoch,
                              more || last > head->last ? last : head->last);
    }
    else if (more && last > next.id) {
        next.page = last;
    }
    else if (more) {
        next = chat_cursor_at(head->epoch, last);
    }
    if (next.upto <= next.id) {
        next.upto = next.id;
        next.fence = 0;
    }
    return chat_cursor_text(&next, p);
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
                        const chat_cursor_t *since,
                        const chat_db_result_t *res, int limit)
{
    apr_pool_t *p = q->r->pool;
    int n = chat_db_rows(res), more = n > limit;
    apr_int64_t last = 0;
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
    return sync_reply(q, apr_array_pstrcat(p, parts, ','),
                      cursor_next(head, since, last, more, p),
                      more ? "more" : "complete");
}

/* Where the log stands now. Nothing was seen yet of what is under way, so the
 * cursor stays behind it. */
static int begin_reply(chat_request_t *q, head_t *head, const char *status)
{
    chat_cursor_t begin = chat_cursor_at(head->epoch, head->oldest - 1);
    apr_status_t rv = settled_read(head, q, &begin);

    if (rv != APR_SUCCESS) {
        return chat_reply_failed(q, rv, "reading the event log");
    }
    return sync_reply(q, "", cursor_next(head, &begin, 0, 0, q->r->pool),
                      status);
}

/* How many events at most. @return 0 when the field is no such number */
static int limit_field(int *limit, const chat_request_t *q)
{
    const char *text = chat_form_given(&q->query, "limit");
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
    const char *text = chat_form_given(&q->query, "since");
    apr_pool_t *p = q->r->pool;
    chat_cursor_t since;
    chat_db_result_t *res;
    head_t head, after;
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
    if (text == NULL || !reaches_back(&head, &since)) {
        return begin_reply(q, &head, text == NULL ? "complete" : "reset");
    }
    rv = settled_read(&head, q, &since);
    if (rv == APR_SUCCESS) {
        rv = events_read(&res, q, since.page, limit + 1);
    }
    if (rv == APR_SUCCESS) {
        /* Retention may have been here since the head was read. */
        rv = head_read(&after, q);
        if (rv == APR_SUCCESS && !reaches_back(&after, &since)) {
            return begin_reply(q, &after, "reset");
        }
    }
    return rv == APR_SUCCESS
               ? events_reply(q, &head, &since, res, limit)
               : chat_reply_failed(q, rv, "reading the event log");
}
