/* SPDX-License-Identifier: Apache-2.0 */
/*
 * indexer.c - look, read a batch, put its words in, rest; see indexer.h.
 *
 * Each step may be done twice: what the index has of a message is replaced. So no
 * transaction is needed; how far we are is written behind the words.
 */
#include "indexer.h"
#include "db.h"
#include "fold.h"
#include "seal.h"
#include "words.h"

#include <stdlib.h>
#include <string.h>
#include <apr_strings.h>

#define EVERY_MS 2000 /* between two rounds */
#define FAILED_MS 5000
#define FAILED_MOST_MS 60000
#define BATCH 500        /* messages at once */
#define REST_LEAST_MS 5  /* between two batches */
#define REST_MOST_MS 1000
#define REST_TIMES 3     /* as long as the batch took */
#define SECOND_LOOK_MS 10000 /* between two searches for ids that came late */
#define LATE_MS 60000        /* how late they may come */

/* The columns of statements that give messages. */
enum { COL_ID, COL_TALK, COL_TEXT, COL_ROW };

struct push_indexer_t {
    push_chore_conf_t what;
    push_chore_t *chore;
    apr_int64_t last;     /* the last id at the round before; -1: none yet */
    apr_int64_t sure;     /* ids up to here come no more; -1: not known yet */
    apr_int64_t soon;     /* up to here from `soon_at` on */
    apr_time_t soon_at;   /* 0: nothing is waited for */
    apr_time_t looked;    /* when ids that came late were looked for */
    push_indexer_counters_t counters; /* atomic, each for itself; failures are
                                         the chore's */
};

/* One round. */
typedef struct {
    push_indexer_t *ix;
    apr_int64_t low, high, last;
    int fold;
    int changed; /* whether the list of triggers has any */
} round_t;

/* A text that grows; from malloc, because a batch may be large. */
typedef struct {
    char *text;
    apr_size_t len, room;
} buffer_t;

static apr_status_t query(round_t *r, chat_db_result_t **res, const char *label,
                          const chat_db_value_t *args, int n)
{
    push_chore_t *chore = r->ix->chore;

    return chat_db_query(res, push_chore_db(chore), label, args, n,
                         push_chore_pool(chore));
}

/* --- a batch -------------------------------------------------------------- */

/* Room for so many more bytes. @return where they go */
static char *buffer_room(buffer_t *b, apr_size_t more)
{
    if (b->len + more > b->room) {
        b->room = (b->len + more) * 2;
        b->text = realloc(b->text, b->room);
        if (b->text == NULL) {
            abort(); /* as APR does */
        }
    }
    return b->text + b->len;
}

static void buffer_add(buffer_t *b, const char *s)
{
    apr_size_t len = strlen(s);

    memcpy(buffer_room(b, len), s, len);
    b->len += len;
}

/* A message as [id, "words"]: those of its text, its conversation, its segment. Words
 * need no escape in JSON. */
static void buffer_message(buffer_t *b, const chat_db_result_t *res, int row,
                           int segments, apr_pool_t *p)
{
    const char *text = chat_db_get(res, row, COL_TEXT);
    apr_size_t len = strlen(text);
    apr_int64_t id = chat_db_get_int(res, row, COL_ID, 0);
    char *end;

    buffer_add(b, b->len == 0 ? "[[" : ",[");
    buffer_add(b, chat_db_get(res, row, COL_ID));
    buffer_add(b, ",\"" CHAT_SEARCH_TALK);
    buffer_add(b, chat_db_get(res, row, COL_TALK));
    if (segments) {
        buffer_add(b, apr_psprintf(p, " " CHAT_SEARCH_PART "%" APR_INT64_T_FMT,
                                   id >> CHAT_SEARCH_SEGMENT));
    }
    buffer_add(b, " ");
    end = chat_words_put(buffer_room(b, chat_words_room(len)), text, len);
    b->len = (apr_size_t)(end - b->text);
    if (b->text[b->len - 1] == ' ') {
        b->len--; /* a text without words */
    }
    buffer_add(b, "\"]");
}

/* Add to a JSON list of ids. */
static void buffer_id(buffer_t *b, const char *id)
{
    buffer_add(b, b->len == 0 ? "[" : ",");
    buffer_add(b, id);
}

/* Run a statement with a list, if that has anything. */
static apr_status_t buffer_run(round_t *r, const char *label, buffer_t *b)
{
    chat_db_value_t arg;
    apr_status_t rv = APR_SUCCESS;

    if (b->len > 0) {
        memcpy(buffer_room(b, 2), "]", 2);
        arg = chat_db_text(b->text);
        rv = query(r, NULL, label, &arg, 1);
    }
    free(b->text);
    return rv;
}

/* The text whose words are to be found; NULL: none. What lies encrypted stays so. */
static const char *text_of(const chat_db_result_t *res, int row)
{
    const char *text = chat_db_get(res, row, COL_TEXT);
    chat_sealed_t sealed;

    return text != NULL && !chat_sealed_parse(&sealed, text, strlen(text))
               ? text
               : NULL;
}

/* Put the words of a result's messages into the index; take out those that have no
 * text, when they may be in it. */
static apr_status_t words_put(round_t *r, const chat_db_result_t *res, int drop)
{
    int segments = chat_db_engine(push_chore_db(r->ix->chore)) == CHAT_DB_PGSQL;
    buffer_t put = { 0 }, gone = { 0 };
    apr_status_t rv;
    int n = 0;

    for (int i = 0; i < chat_db_rows(res); i++) {
        if (text_of(res, i) != NULL) {
            buffer_message(&put, res, i, segments,
                           push_chore_pool(r->ix->chore));
            n++;
        }
        else if (drop) {
            buffer_id(&gone, chat_db_get(res, i, COL_ID));
        }
    }
    rv = buffer_run(r, "indexer_put", &put);
    if (rv != APR_SUCCESS) {
        free(gone.text);
        return rv;
    }
    __atomic_fetch_add(&r->ix->counters.indexed, (apr_uint64_t)n,
                       __ATOMIC_RELAXED);
    return buffer_run(r, "indexer_drop", &gone);
}

static apr_status_t number_run(round_t *r, const char *label, apr_int64_t n)
{
    chat_db_value_t arg = chat_db_int(n);

    return query(r, NULL, label, &arg, 1);
}

/* --- what there is to do --------------------------------------------------- */

static apr_status_t state_read(round_t *r)
{
    chat_db_result_t *res;
    apr_status_t rv;
    apr_int64_t behind;

    rv = query(r, &res, "indexer_state", NULL, 0);
    if (rv != APR_SUCCESS) {
        return rv;
    }
    r->low = chat_db_get_int(res, 0, 0, 0);
    r->high = chat_db_get_int(res, 0, 1, 0);
    r->fold = (int)chat_db_get_int(res, 0, 2, 0);
    r->last = chat_db_get_int(res, 0, 3, 0);
    r->changed = (int)chat_db_get_int(res, 0, 4, 0);
    behind = r->low + (r->last > r->high ? r->last - r->high : 0);
    __atomic_store_n(&r->ix->counters.behind, behind, __ATOMIC_RELAXED);
    return APR_SUCCESS;
}

/* An index of another folding, or none yet. */
static apr_status_t begin_anew(round_t *r)
{
    apr_status_t rv = APR_SUCCESS;

    if (r->fold != 0) {
        rv = query(r, NULL, "indexer_clear", NULL, 0);
    }
    if (rv == APR_SUCCESS) {
        rv = number_run(r, "indexer_restart", CHAT_FOLD_VERSION);
    }
    return rv == APR_SUCCESS ? state_read(r) : rv;
}

/* Messages that were changed or removed. What is still to be indexed is left to
 * that, but for the list. */
static apr_status_t changed_batch(void *data, int *more)
{
    round_t *r = data;
    chat_db_value_t arg = chat_db_int(BATCH);
    buffer_t done = { 0 };
    chat_db_result_t *res;
    apr_status_t rv;
    int rows = 0;

    rv = query(r, &res, "indexer_changed", &arg, 1);
    if (rv != APR_SUCCESS) {
        return rv;
    }
    rows = chat_db_rows(res);
    *more = rows >= BATCH;
    for (int i = 0; i < rows; i++) {
        buffer_id(&done, chat_db_get(res, i, COL_ROW));
    }
    rv = words_put(r, res, 1);
    if (rv != APR_SUCCESS) {
        free(done.text);
        return rv;
    }
    return buffer_run(r, "indexer_done", &done);
}

static apr_status_t new_batch(void *data, int *more)
{
    round_t *r = data;
    chat_db_value_t args[] = { chat_db_int(r->high), chat_db_int(r->ix->last),
                               chat_db_int(BATCH) };
    chat_db_result_t *res;
    apr_status_t rv;
    int rows = 0;

    if (r->high >= r->ix->last) {
        return APR_SUCCESS;
    }
    rv = query(r, &res, "indexer_new", args, 3);
    if (rv == APR_SUCCESS) {
        rows = chat_db_rows(res);
        *more = rows >= BATCH;
        rv = words_put(r, res, 0);
    }
    if (rv == APR_SUCCESS) {
        r->high = rows < BATCH ? r->ix->last
                               : chat_db_get_int(res, rows - 1, COL_ID, 0);
        rv = number_run(r, "indexer_up", r->high);
    }
    return rv;
}

static apr_status_t old_batch(void *data, int *more)
{
    round_t *r = data;
    chat_db_value_t args[] = { chat_db_int(r->low), chat_db_int(BATCH) };
    chat_db_result_t *res;
    apr_status_t rv;
    int rows = 0;

    if (r->low <= 0) {
        return APR_SUCCESS;
    }
    rv = query(r, &res, "indexer_old", args, 2);
    if (rv == APR_SUCCESS) {
        rows = chat_db_rows(res);
        *more = rows >= BATCH;
        rv = words_put(r, res, 0);
    }
    if (rv == APR_SUCCESS) {
        r->low = rows < BATCH ? 0
                              : chat_db_get_int(res, rows - 1, COL_ID, 1) - 1;
        rv = number_run(r, "indexer_down", r->low);
    }
    return rv;
}

static apr_status_t missed_batch(void *data, int *more)
{
    round_t *r = data;
    chat_db_value_t args[] = { chat_db_int(r->ix->sure), chat_db_int(r->high),
                               chat_db_int(BATCH) };
    chat_db_result_t *res;
    apr_status_t rv;
    int rows = 0;

    rv = query(r, &res, "indexer_missed", args, 3);
    if (rv == APR_SUCCESS) {
        rows = chat_db_rows(res);
        *more = rows >= BATCH;
        rv = words_put(r, res, 0);
    }
    return rv;
}

/* Ids may appear for a while below those that are indexed; then they are sure. */
static apr_status_t second_look(round_t *r)
{
    push_indexer_t *ix = r->ix;
    apr_time_t now = apr_time_now();
    apr_status_t rv;

    if (chat_db_engine(push_chore_db(ix->chore)) != CHAT_DB_PGSQL ||
        ix->sure >= r->high ||
        now - ix->looked < apr_time_from_msec(SECOND_LOOK_MS)) {
        return APR_SUCCESS;
    }
    if (ix->sure < 0) { /* a restart: what came a while before it, too */
        ix->sure = r->high > 20000 ? r->high - 20000 : 0;
        ix->sure = ix->sure < r->low ? r->low : ix->sure;
    }
    rv = push_chore_batches(r->ix->chore, missed_batch, r);
    ix->looked = now;
    if (rv == APR_SUCCESS && ix->soon_at == 0) {
        ix->soon = r->high;
        ix->soon_at = now + apr_time_from_msec(LATE_MS);
    }
    else if (rv == APR_SUCCESS && now >= ix->soon_at) {
        ix->sure = ix->soon;
        ix->soon_at = 0;
    }
    return rv;
}

/* Only what was there at the round before: what is a moment old may have neighbours
 * with lower ids that are not committed yet. */
static apr_status_t work(round_t *r)
{
    apr_status_t rv = APR_SUCCESS;

    if (r->fold != CHAT_FOLD_VERSION) {
        rv = begin_anew(r);
    }
    if (rv == APR_SUCCESS && r->changed) {
        rv = push_chore_batches(r->ix->chore, changed_batch, r);
    }
    if (rv == APR_SUCCESS) {
        rv = push_chore_batches(r->ix->chore, new_batch, r);
    }
    if (rv == APR_SUCCESS) {
        rv = second_look(r);
    }
    if (rv == APR_SUCCESS) {
        rv = push_chore_batches(r->ix->chore, old_batch, r);
    }
    r->ix->last = r->last;
    return rv;
}

static apr_status_t index_round(push_chore_t *chore, void *data)
{
    round_t r = { .ix = data };
    apr_status_t rv = state_read(&r);

    (void)chore;
    return rv == APR_SUCCESS ? work(&r) : rv;
}

/* --- for the main thread -------------------------------------------------- */

apr_status_t push_indexer_create(push_indexer_t **out,
                                 const push_indexer_conf_t *conf,
                                 const char **why, apr_pool_t *p)
{
    push_indexer_t *ix = apr_pcalloc(p, sizeof(*ix));
    const push_chore_conf_t what = {
        .name = "search",
        .trouble = "cannot index messages",
        .again = "messages are indexed again",
        .database = conf->database,
        .normal = 1, /* what is lost when the power fails is indexed again */
        .keeps = 1,
        .first_ms = EVERY_MS,
        .every_ms = EVERY_MS,
        .failed_ms = FAILED_MS,
        .failed_most_ms = FAILED_MOST_MS,
        .rest_times = REST_TIMES,
        .rest_least_ms = REST_LEAST_MS,
        .rest_most_ms = REST_MOST_MS,
        .round = index_round,
        .baton = ix,
        .log = conf->log,
    };

    ix->what = what;
    ix->last = ix->sure = -1;
    *out = ix;
    return push_chore_create(&ix->chore, &ix->what, why, p);
}

push_chore_t *push_indexer_chore(const push_indexer_t *ix)
{
    return ix->chore;
}

void push_indexer_counters(const push_indexer_t *ix,
                           push_indexer_counters_t *out)
{
    const push_indexer_counters_t *c = &ix->counters;

    out->indexed = __atomic_load_n(&c->indexed, __ATOMIC_RELAXED);
    out->failures = push_chore_failures(ix->chore);
    out->behind = __atomic_load_n(&c->behind, __ATOMIC_RELAXED);
}
