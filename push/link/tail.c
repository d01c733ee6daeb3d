/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tail.c - head, completeness, batch, see tail.h.
 *
 * A read asks the log for its head (name and last id), decides from head and
 * place where to begin, and takes the rows between. On SQLite writers come one
 * after the other, so that is all. On PostgreSQL ids are missing when their
 * transactions are still under way: they are noted (gaps.h) and asked for again
 * with each read, and the place is the last id below which none is missing.
 */
#include "tail.h"
#include "channel.h"
#include "db.h"
#include "event.h"
#include "gaps.h"
#include "json.h"
#include "utf8.h"

#include <string.h>
#include <apr_strings.h>

/* The relay shall notice a stop and a wake-up while another holds the database:
 * it waits for a lock this long and then tries again later. */
#define BUSY_WAIT apr_time_from_sec(1)

struct push_tail_t {
    chat_db_t *db;           /* of one connection */
    chat_db_conn_t *conn;    /* ours until it fails; NULL: not connected */
    push_relay_place_t at;   /* everything up to here was handed over */
    apr_int64_t high;        /* the last id handed over; at.id and above */
    apr_int64_t oldest_tx;   /* PostgreSQL: oldest transaction running when the
                                head was read */
    push_gaps_t *gaps;       /* missing between at.id and high; NULL: SQLite */
    char *gaps_text[2];      /* PUSH_GAPS_TEXT bytes each */
    apr_uint64_t given_up;   /* by gaps, and told */
    apr_int64_t rewind;      /* ids to go back at the first read */
    push_tail_open_t open;   /* NULL: payloads are what they are */
    void *baton;             /* of open */
    push_relay_place_t head; /* the log at the last read */
    apr_int64_t version;     /* of the data at the last read, see db.h */
    int versioned;           /* whether `version` was read on `conn` */
    char why[256];           /* the last failure in words */
};

/* The door closes only when every connection is back. */
static apr_status_t connection_return(void *data)
{
    push_tail_t *tail = data;

    if (tail->conn != NULL) {
        chat_db_release(tail->conn);
        tail->conn = NULL;
    }
    return APR_SUCCESS;
}

apr_status_t push_tail_create(push_tail_t **out, const char *target,
                              const push_relay_place_t *saved, const char **why,
                              apr_pool_t *p)
{
    chat_db_conf_t conf = { 0 };
    push_tail_t *tail = apr_pcalloc(p, sizeof(*tail));
    apr_status_t rv;

    conf.target = target;
    conf.max = 1;
    conf.busy = BUSY_WAIT;
    rv = chat_db_open(&tail->db, &conf, why, p);
    if (rv != APR_SUCCESS) {
        return rv;
    }
    apr_pool_cleanup_register(p, tail, connection_return,
                              apr_pool_cleanup_null);
    if (chat_db_engine(tail->db) == CHAT_DB_PGSQL) {
        tail->gaps = apr_pcalloc(p, sizeof(*tail->gaps));
        tail->gaps_text[0] = apr_palloc(p, PUSH_GAPS_TEXT);
        tail->gaps_text[1] = apr_palloc(p, PUSH_GAPS_TEXT);
    }
    tail->at = *saved;
    tail->high = saved->id;
    *out = tail;
    return APR_SUCCESS;
}

void push_tail_rewind(push_tail_t *tail, apr_int64_t from)
{
    tail->rewind = tail->at.id - from;
}

const push_relay_place_t *push_tail_place(const push_tail_t *tail)
{
    return &tail->at;
}

apr_int64_t push_tail_head(const push_tail_t *tail) { return tail->head.id; }

int push_tail_fd(const push_tail_t *tail)
{
    return tail->conn != NULL && tail->gaps != NULL
               ? chat_db_descriptor(tail->conn)
               : -1;
}

int push_tail_notified(push_tail_t *tail)
{
    return tail->conn == NULL || chat_db_notified(tail->conn);
}

const char *push_tail_why(const push_tail_t *tail) { return tail->why; }

/* --- the connection ------------------------------------------------------- */

static apr_status_t tail_connect(push_tail_t *tail)
{
    apr_status_t rv;

    if (tail->conn != NULL) {
        return APR_SUCCESS;
    }
    rv = chat_db_acquire(&tail->conn, tail->db);
    if (rv == APR_SUCCESS && tail->gaps != NULL) {
        rv = chat_db_script(tail->conn, "LISTEN chat_events");
    }
    return rv;
}

/* After a failure: whether the connection is still good is for the door to
 * find out, which looks at it when it is taken again. */
static apr_status_t tail_failed(push_tail_t *tail, apr_status_t rv)
{
    const char *why = rv == APR_EGENERAL ? "chat_log does not hold the name of "
                                           "the event log"
                                         : chat_db_error(NULL);

    apr_cpystrn(tail->why, why, sizeof(tail->why));
    connection_return(tail);
    tail->versioned = 0;
    return rv;
}

/* Remember the data's version before reading, so that a commit during the read
 * counts as a change after it. */
static apr_status_t version_note(push_tail_t *tail, int *changed)
{
    apr_int64_t version;
    apr_status_t rv = chat_db_data_version(tail->conn, &version);

    if (rv == CHAT_DB_EINPUT) { /* this engine has none */
        *changed = 1;
        return APR_SUCCESS;
    }
    if (rv != APR_SUCCESS) {
        return rv;
    }
    *changed = !tail->versioned || version != tail->version;
    tail->version = version;
    tail->versioned = 1;
    return APR_SUCCESS;
}

apr_status_t push_tail_changed(push_tail_t *tail, int *changed)
{
    apr_status_t rv = tail_connect(tail);

    if (rv == APR_SUCCESS) {
        rv = version_note(tail, changed);
    }
    if (rv == APR_SUCCESS && *changed) {
        tail->versioned = 0; /* a change stays one until it was read */
    }
    return rv == APR_SUCCESS ? rv : tail_failed(tail, rv);
}

/* --- head ----------------------------------------------------------------- */

/* The log as it is now. `oldest` is past its end when it keeps no row. */
static apr_status_t head_read(push_tail_t *tail, apr_int64_t *oldest,
                              apr_pool_t *p)
{
    chat_db_result_t *res;
    const char *epoch;
    apr_status_t rv;

    rv = chat_db_run(&res, tail->conn, "relay_head", NULL, 0, p);
    if (rv != APR_SUCCESS) {
        return rv;
    }
    epoch = chat_db_get(res, 0, 0);
    if (epoch == NULL || !push_relay_epoch_valid(epoch)) {
        return APR_EGENERAL; /* tail_failed() has words for it */
    }
    apr_cpystrn(tail->head.epoch, epoch, sizeof(tail->head.epoch));
    tail->head.id = chat_db_get_int(res, 0, 1, 0);
    *oldest = chat_db_get_int(res, 0, 2, tail->head.id + 1);
    tail->oldest_tx = chat_db_get_int(res, 0, 3, 0);
    return APR_SUCCESS;
}

/* --- rows ----------------------------------------------------------------- */

static int is_channel(const json_t *name)
{
    chat_channel_t kind;

    return json_is_string(name) &&
           chat_channel_parse(&kind, json_string_value(name),
                              json_string_length(name),
                              CHAT_CHANNEL_NAME_MAX) == CHAT_CHANNEL_OK;
}

static int is_among(const char *const *names, size_t n, const char *name)
{
    size_t i;

    for (i = 0; i < n; i++) {
        if (strcmp(names[i], name) == 0) {
            return 1;
        }
    }
    return 0;
}

/* The names of a row's list, each once; NULL when it is no list of channel
 * names. Lists are short: a conversation and its members. */
static const char *const *channels_read(const char *text, apr_pool_t *p)
{
    json_t *list = chat_json_parse_pool(text, strlen(text), NULL, p);
    const char **names;
    const json_t *name;
    size_t i, n = 0;

    if (!json_is_array(list)) {
        return NULL;
    }
    names = apr_palloc(p, (json_array_size(list) + 1) * sizeof(*names));
    for (i = 0; i < json_array_size(list); i++) {
        name = json_array_get(list, i);
        if (!is_channel(name)) {
            return NULL;
        }
        if (!is_among(names, n, json_string_value(name))) {
            names[n++] = json_string_value(name);
        }
    }
    names[n] = NULL;
    return names;
}

/* The last id up to which whoever has got event `id` has got everything. */
static apr_int64_t complete_at(const push_tail_t *tail, apr_int64_t id)
{
    return tail->gaps != NULL ? push_gaps_low(tail->gaps, id) : id;
}

void push_tail_open_with(push_tail_t *tail, push_tail_open_t open, void *baton)
{
    tail->open = open;
    tail->baton = baton;
}

/* A row as an event; 0 when it is none. */
static int event_read(push_tail_event_t *e, const push_tail_t *tail,
                      const chat_db_result_t *res, int row, apr_pool_t *p)
{
    chat_cursor_t cursor = chat_cursor_at(tail->at.epoch,
                                          complete_at(tail, e->id));
    const char *channels = chat_db_get(res, row, 2);
    const char *payload = chat_db_get(res, row, 3);

    e->event = chat_db_get(res, row, 1);
    if (e->event == NULL || channels == NULL || payload == NULL) {
        return 0;
    }
    if (tail->open != NULL) {
        payload = tail->open(tail->baton, payload, p);
    }
    e->event = chat_utf8_repaired(e->event, p);
    e->channels = channels_read(channels, p);
    e->data = chat_event_data(payload, e->id, chat_cursor_text(&cursor, p), p);
    if (e->channels == NULL || e->data == NULL) {
        return 0;
    }
    e->len = strlen(e->data);
    return 1;
}

/* Of what was missing, forget what came with these rows and what will never be
 * there: before they are handed over, so that their cursors do not stay behind
 * it. @return whether more of it may be there than fits in a batch */
static int gaps_close(push_tail_t *tail, const chat_db_result_t *res)
{
    apr_int64_t asked = APR_INT64_MAX;
    apr_int64_t id = 0;
    int row;

    for (row = 0; row < chat_db_rows(res); row++) {
        id = chat_db_get_int(res, row, 0, 0);
        if (id > tail->high) {
            break; /* rows are in order: from here on they are new */
        }
        push_gaps_fill(tail->gaps, id);
        if (row + 1 == PUSH_TAIL_BATCH) {
            asked = id;
            break;
        }
    }
    push_gaps_settle(tail->gaps, tail->oldest_tx, asked);
    return asked != APR_INT64_MAX;
}

/* Go past an id: those stepped over are missing. */
static void pass(push_tail_t *tail, apr_int64_t id)
{
    if (tail->gaps != NULL && id > tail->high + 1) {
        push_gaps_add(tail->gaps, tail->high + 1, id - 1);
    }
    if (id > tail->high) {
        tail->high = id;
    }
}

/* The log's last id was not among the rows: retention has taken it, or it was
 * drawn by a transaction that is under way, while no row is there to be last. */
static void end_pass(push_tail_t *tail)
{
    if (tail->gaps != NULL) {
        push_gaps_add(tail->gaps, tail->high + 1, tail->head.id);
    }
    tail->high = tail->head.id;
    tail->at.id = complete_at(tail, tail->high);
}

/* Hand the first n rows over; the place moves with each, readable or not. */
static void rows_hand_over(push_tail_t *tail, push_tail_batch_t *batch,
                           const chat_db_result_t *res, int n, push_tail_fn fn,
                           void *baton, apr_pool_t *p)
{
    push_tail_event_t e;
    int row;

    for (row = 0; row < n; row++) {
        e.id = chat_db_get_int(res, row, 0, tail->high);
        pass(tail, e.id);
        if (event_read(&e, tail, res, row, p)) {
            fn(baton, &e);
            batch->events++;
        }
        else {
            batch->unreadable++;
        }
        tail->at.id = complete_at(tail, tail->high);
    }
}

/* What is new, and what was missing and is there now. */
static apr_status_t rows_ask(push_tail_t *tail, chat_db_result_t **res,
                             apr_pool_t *p)
{
    chat_db_value_t args[4] = { chat_db_int(tail->high),
                                chat_db_int(tail->head.id) };

    if (tail->gaps != NULL) {
        push_gaps_text(tail->gaps, tail->gaps_text[0], tail->gaps_text[1]);
        args[2] = chat_db_text(tail->gaps_text[0]);
        args[3] = chat_db_text(tail->gaps_text[1]);
    }
    return chat_db_run(res, tail->conn, "relay_events", args,
                       tail->gaps != NULL ? 4 : 2, p);
}

/* After a read: draw a fence for what is missing since. */
static apr_status_t gaps_fence(push_tail_t *tail, push_tail_batch_t *batch,
                               apr_pool_t *p)
{
    chat_db_result_t *res;
    apr_status_t rv = APR_SUCCESS;

    if (tail->gaps == NULL) {
        return APR_SUCCESS;
    }
    batch->given_up = (apr_int64_t)(tail->gaps->given_up - tail->given_up);
    tail->given_up = tail->gaps->given_up;
    if (push_gaps_unfenced(tail->gaps)) {
        rv = chat_db_run(&res, tail->conn, "relay_fence", NULL, 0, p);
        if (rv == APR_SUCCESS) {
            push_gaps_fence(tail->gaps, chat_db_get_int(res, 0, 0, 0));
        }
    }
    tail->at.id = push_gaps_low(tail->gaps, tail->high);
    return rv;
}

static apr_status_t rows_read(push_tail_t *tail, push_tail_batch_t *batch,
                              push_tail_fn fn, void *baton, apr_pool_t *p)
{
    apr_int64_t before = tail->high;
    chat_db_result_t *res;
    apr_status_t rv;
    int late; /* more than a batch of what was missing has come */

    if (tail->high >= tail->head.id &&
        (tail->gaps == NULL || tail->gaps->n == 0)) {
        return APR_SUCCESS;
    }
    rv = rows_ask(tail, &res, p);
    if (rv != APR_SUCCESS) {
        return rv;
    }
    late = tail->gaps != NULL && gaps_close(tail, res);
    /* What is new comes after all that was missing and is there: some of it may
     * be of the same conversation. */
    rows_hand_over(tail, batch, res,
                   late ? PUSH_TAIL_BATCH : chat_db_rows(res), fn, baton, p);
    batch->more = late || (tail->high < tail->head.id && tail->high > before &&
                           chat_db_rows(res) >= PUSH_TAIL_BATCH);
    if (!batch->more && tail->high < tail->head.id) {
        end_pass(tail);
    }
    return gaps_fence(tail, batch, p);
}

/* --- reading -------------------------------------------------------------- */

/* Begin somewhere else: what was missing there is no matter of ours. */
static void place_move(push_tail_t *tail, apr_int64_t id)
{
    tail->high = id;
    if (tail->gaps != NULL) {
        tail->gaps->n = 0;
    }
}

/* Retention went past the place. What we have handed over beyond it stays handed
 * over, and nobody will fill the gaps below. */
static void pruned(push_tail_t *tail, push_tail_batch_t *batch,
                   push_relay_place_t *from, apr_int64_t last)
{
    if (tail->gaps != NULL && from->id == tail->at.id && tail->high >= last) {
        push_gaps_forget(tail->gaps, last);
        tail->at.id = push_gaps_low(tail->gaps, tail->high);
        from->id = tail->at.id;
        return;
    }
    batch->missed = last - from->id;
    from->id = last;
}

/* Put the place where reading begins, from where it is and what the log says. */
static void place_begin(push_tail_t *tail, push_tail_batch_t *batch,
                        apr_int64_t oldest, apr_int64_t most)
{
    push_relay_place_t saved = tail->at;
    push_relay_place_t from;

    batch->start = push_relay_start_at(&from, &saved, &tail->head, -1);
    if (batch->start == PUSH_RELAY_RESUME) { /* it is the log we know */
        saved.id -= tail->rewind;
        batch->start = push_relay_start_at(&from, &saved, &tail->head, most);
    }
    tail->rewind = 0;
    if (batch->start == PUSH_RELAY_SKIPPED) {
        batch->missed = from.id - saved.id;
    }
    else if (batch->start == PUSH_RELAY_RESUME && oldest > from.id + 1) {
        pruned(tail, batch, &from, oldest - 1);
    }
    if (batch->start != PUSH_RELAY_RESUME || from.id != tail->at.id) {
        place_move(tail, from.id);
    }
    tail->at = from;
}

apr_status_t push_tail_read(push_tail_t *tail, push_tail_batch_t *batch,
                            apr_int64_t most, push_tail_fn fn, void *baton,
                            apr_pool_t *p)
{
    apr_int64_t oldest;
    int changed;
    apr_status_t rv;

    memset(batch, 0, sizeof(*batch));
    rv = tail_connect(tail);
    if (rv == APR_SUCCESS) {
        rv = version_note(tail, &changed);
    }
    if (rv == APR_SUCCESS) {
        rv = head_read(tail, &oldest, p);
    }
    if (rv == APR_SUCCESS) {
        place_begin(tail, batch, oldest, most);
        rv = rows_read(tail, batch, fn, baton, p);
    }
    return rv == APR_SUCCESS ? rv : tail_failed(tail, rv);
}
