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

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>
#include <apr_strings.h>
#include <apr_thread_proc.h>

#define EVERY_MS 2000 /* between two rounds */
#define FAILED_MS 5000
#define FAILED_MOST_MS 60000
#define BATCH 500        /* messages at once */
#define REST_LEAST_MS 5  /* between two batches */
#define REST_MOST_MS 1000
#define REST_TIMES 3     /* as long as the batch took */
#define SECOND_LOOK_MS 10000 /* between two searches for ids that came late */
#define LATE_MS 60000        /* how late they may come */
/* A stop shall not wait long while another program holds the database. */
#define BUSY_WAIT apr_time_from_sec(1)

/* The columns of statements that give messages. */
enum { COL_ID, COL_TALK, COL_TEXT, COL_ROW };

struct push_indexer_t {
    const push_indexer_conf_t *conf;
    apr_pool_t *pool;     /* what it was made in; main thread only */
    apr_pool_t *scratch;  /* of the connection, until a round fails */
    apr_pool_t *rows;     /* below it: of one batch */
    chat_db_t *db;        /* NULL: none yet, or the last round failed */
    apr_thread_t *thread; /* NULL: not started */
    int nudge;            /* eventfd: stop */
    int stopping;         /* atomic */
    int failing;          /* rounds that failed in a row */
    int away;             /* 1: that the database is away has been said */
    apr_int64_t last;     /* the last id at the round before; -1: none yet */
    apr_int64_t sure;     /* ids up to here come no more; -1: not known yet */
    apr_int64_t soon;     /* up to here from `soon_at` on */
    apr_time_t soon_at;   /* 0: nothing is waited for */
    apr_time_t looked;    /* when ids that came late were looked for */
    push_indexer_counters_t counters; /* atomic, each for itself */
};

/* One round. */
typedef struct {
    push_indexer_t *ix;
    chat_db_t *db;
    apr_int64_t low, high, last;
    int fold;
    int changed; /* whether the list of triggers has any */
} round_t;

/* A text that grows; from malloc, because a batch may be large. */
typedef struct {
    char *text;
    apr_size_t len, room;
} buffer_t;

static int stopping(const push_indexer_t *ix)
{
    return __atomic_load_n(&ix->stopping, __ATOMIC_ACQUIRE);
}

/* Sleep until the time is over or it is to stop. @return whether it is */
static int rest(const push_indexer_t *ix, int ms)
{
    struct pollfd fd = { ix->nudge, POLLIN, 0 };

    return poll(&fd, 1, ms) > 0;
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
        rv = chat_db_query(NULL, r->db, label, &arg, 1, r->ix->rows);
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
    int segments = chat_db_engine(r->db) == CHAT_DB_PGSQL;
    buffer_t put = { 0 }, gone = { 0 };
    apr_status_t rv;
    int n = 0;

    for (int i = 0; i < chat_db_rows(res); i++) {
        if (text_of(res, i) != NULL) {
            buffer_message(&put, res, i, segments, r->ix->rows);
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

    return chat_db_query(NULL, r->db, label, &arg, 1, r->ix->rows);
}

/* --- what there is to do --------------------------------------------------- */

static apr_status_t state_read(round_t *r)
{
    chat_db_result_t *res;
    apr_status_t rv;
    apr_int64_t behind;

    apr_pool_clear(r->ix->rows);
    rv = chat_db_query(&res, r->db, "indexer_state", NULL, 0, r->ix->rows);
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
        rv = chat_db_query(NULL, r->db, "indexer_clear", NULL, 0, r->ix->rows);
    }
    if (rv == APR_SUCCESS) {
        rv = number_run(r, "indexer_restart", CHAT_FOLD_VERSION);
    }
    return rv == APR_SUCCESS ? state_read(r) : rv;
}

/* Messages that were changed or removed. What is still to be indexed is left to
 * that, but for the list. @param rows  set to how many */
static apr_status_t changed_batch(round_t *r, int *rows)
{
    chat_db_value_t arg = chat_db_int(BATCH);
    buffer_t done = { 0 };
    chat_db_result_t *res;
    apr_status_t rv;

    rv = chat_db_query(&res, r->db, "indexer_changed", &arg, 1, r->ix->rows);
    if (rv != APR_SUCCESS) {
        return rv;
    }
    *rows = chat_db_rows(res);
    for (int i = 0; i < *rows; i++) {
        buffer_id(&done, chat_db_get(res, i, COL_ROW));
    }
    rv = words_put(r, res, 1);
    if (rv != APR_SUCCESS) {
        free(done.text);
        return rv;
    }
    return buffer_run(r, "indexer_done", &done);
}

static apr_status_t new_batch(round_t *r, int *rows)
{
    chat_db_value_t args[] = { chat_db_int(r->high), chat_db_int(r->ix->last),
                               chat_db_int(BATCH) };
    chat_db_result_t *res;
    apr_status_t rv;

    *rows = 0;
    if (r->high >= r->ix->last) {
        return APR_SUCCESS;
    }
    rv = chat_db_query(&res, r->db, "indexer_new", args, 3, r->ix->rows);
    if (rv == APR_SUCCESS) {
        *rows = chat_db_rows(res);
        rv = words_put(r, res, 0);
    }
    if (rv == APR_SUCCESS) {
        r->high = *rows < BATCH ? r->ix->last
                                : chat_db_get_int(res, *rows - 1, COL_ID, 0);
        rv = number_run(r, "indexer_up", r->high);
    }
    return rv;
}

static apr_status_t old_batch(round_t *r, int *rows)
{
    chat_db_value_t args[] = { chat_db_int(r->low), chat_db_int(BATCH) };
    chat_db_result_t *res;
    apr_status_t rv;

    *rows = 0;
    if (r->low <= 0) {
        return APR_SUCCESS;
    }
    rv = chat_db_query(&res, r->db, "indexer_old", args, 2, r->ix->rows);
    if (rv == APR_SUCCESS) {
        *rows = chat_db_rows(res);
        rv = words_put(r, res, 0);
    }
    if (rv == APR_SUCCESS) {
        r->low = *rows < BATCH ? 0
                               : chat_db_get_int(res, *rows - 1, COL_ID, 1) - 1;
        rv = number_run(r, "indexer_down", r->low);
    }
    return rv;
}

static apr_status_t missed_batch(round_t *r, int *rows)
{
    chat_db_value_t args[] = { chat_db_int(r->ix->sure), chat_db_int(r->high),
                               chat_db_int(BATCH) };
    chat_db_result_t *res;
    apr_status_t rv;

    rv = chat_db_query(&res, r->db, "indexer_missed", args, 3, r->ix->rows);
    if (rv == APR_SUCCESS) {
        *rows = chat_db_rows(res);
        rv = words_put(r, res, 0);
    }
    return rv;
}

/* The longer a batch took, by the others' doing or ours, the longer the rest. */
static int rest_time(apr_time_t begun)
{
    apr_int64_t ms = apr_time_as_msec(apr_time_now() - begun) * REST_TIMES;

    if (ms < REST_LEAST_MS) {
        return REST_LEAST_MS;
    }
    return ms > REST_MOST_MS ? REST_MOST_MS : (int)ms;
}

/* One kind of batch until one is not full. */
static apr_status_t batches(round_t *r,
                            apr_status_t (*one)(round_t *, int *))
{
    apr_time_t begun;
    apr_status_t rv;
    int rows;

    do {
        begun = apr_time_now();
        apr_pool_clear(r->ix->rows);
        rv = one(r, &rows);
    } while (rv == APR_SUCCESS && rows >= BATCH &&
             !rest(r->ix, rest_time(begun)));
    return rv;
}

/* Ids may appear for a while below those that are indexed; then they are sure. */
static apr_status_t second_look(round_t *r)
{
    push_indexer_t *ix = r->ix;
    apr_time_t now = apr_time_now();
    apr_status_t rv;

    if (chat_db_engine(r->db) != CHAT_DB_PGSQL || ix->sure >= r->high ||
        now - ix->looked < apr_time_from_msec(SECOND_LOOK_MS)) {
        return APR_SUCCESS;
    }
    if (ix->sure < 0) { /* a restart: what came a while before it, too */
        ix->sure = r->high > 20000 ? r->high - 20000 : 0;
        ix->sure = ix->sure < r->low ? r->low : ix->sure;
    }
    rv = batches(r, missed_batch);
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
        rv = batches(r, changed_batch);
    }
    if (rv == APR_SUCCESS) {
        rv = batches(r, new_batch);
    }
    if (rv == APR_SUCCESS) {
        rv = second_look(r);
    }
    if (rv == APR_SUCCESS) {
        rv = batches(r, old_batch);
    }
    r->ix->last = r->last;
    return rv;
}

/* No connection is opened yet. */
static apr_status_t database_open(chat_db_t **db,
                                  const push_indexer_conf_t *conf,
                                  const char **why, apr_pool_t *p)
{
    chat_db_conf_t c = { 0 };

    c.target = conf->database;
    c.max = 1;
    c.busy = BUSY_WAIT;
    c.normal = 1; /* what is lost when the power fails is indexed again */
    return chat_db_open(db, &c, why, p);
}

/* Each change is said once. A database that others are busy with is nothing to
 * tell: they go first. */
static void round_tell(push_indexer_t *ix, apr_status_t rv)
{
    if (rv == APR_SUCCESS && ix->away) {
        ix->conf->log(0, "search: messages are indexed again");
        ix->away = 0;
    }
    if (rv != APR_SUCCESS && rv != CHAT_DB_EBUSY && !ix->away) {
        ix->conf->log(1, apr_pstrcat(ix->scratch,
                                     "search: cannot index messages, trying "
                                     "again: ",
                                     chat_db_error(NULL), NULL));
        ix->away = 1;
    }
}

static apr_status_t connect_to(push_indexer_t *ix)
{
    const char *why; /* push_indexer_create() has seen the target */
    apr_status_t rv = APR_SUCCESS;

    if (ix->db == NULL) {
        rv = apr_pool_create(&ix->rows, ix->scratch);
        if (rv == APR_SUCCESS) {
            rv = database_open(&ix->db, ix->conf, &why, ix->scratch);
        }
    }
    return rv;
}

apr_status_t push_indexer_round(push_indexer_t *ix)
{
    round_t r = { .ix = ix };
    apr_status_t rv = connect_to(ix);

    r.db = ix->db;
    if (rv == APR_SUCCESS) {
        rv = state_read(&r);
    }
    if (rv == APR_SUCCESS) {
        rv = work(&r);
    }
    round_tell(ix, rv);
    if (rv != APR_SUCCESS) {
        __atomic_fetch_add(&ix->counters.failures, 1, __ATOMIC_RELAXED);
        apr_pool_clear(ix->scratch); /* and with it the connection */
        ix->db = NULL;
    }
    return rv;
}

/* --- the thread ----------------------------------------------------------- */

/* Milliseconds until the next round. */
static int wait_time(const push_indexer_t *ix)
{
    int ms = FAILED_MS;
    int i;

    for (i = 1; i < ix->failing && ms < FAILED_MOST_MS; i++) {
        ms *= 2;
    }
    return ix->failing > 0 ? ms : EVERY_MS;
}

static void *APR_THREAD_FUNC indexer_run(apr_thread_t *thread, void *data)
{
    push_indexer_t *ix = data;
    sigset_t all;

    sigfillset(&all); /* signals are the main thread's */
    pthread_sigmask(SIG_BLOCK, &all, NULL);
    while (!stopping(ix) && !rest(ix, wait_time(ix))) {
        ix->failing = push_indexer_round(ix) != APR_SUCCESS ? ix->failing + 1
                                                            : 0;
    }
    apr_thread_exit(thread, APR_SUCCESS);
    return NULL;
}

/* --- for the main thread -------------------------------------------------- */

static apr_status_t indexer_cleanup(void *data)
{
    push_indexer_t *ix = data;

    push_indexer_stop(ix);
    apr_pool_destroy(ix->scratch);
    close(ix->nudge);
    return APR_SUCCESS;
}

apr_status_t push_indexer_create(push_indexer_t **out,
                                 const push_indexer_conf_t *conf,
                                 const char **why, apr_pool_t *p)
{
    push_indexer_t *ix = apr_pcalloc(p, sizeof(*ix));
    chat_db_t *db;
    apr_status_t rv;

    /* The driver is loaded here, into a pool that lives as long as we do. */
    rv = database_open(&db, conf, why, p);
    if (rv != APR_SUCCESS) {
        return rv;
    }
    ix->conf = conf;
    ix->pool = p;
    ix->last = ix->sure = -1;
    ix->nudge = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    if (ix->nudge < 0) {
        *why = apr_psprintf(p, "eventfd: %s", strerror(errno));
        return APR_FROM_OS_ERROR(errno);
    }
    /* An allocator of its own: the thread meets nobody at its lock. */
    rv = apr_pool_create_unmanaged_ex(&ix->scratch, NULL, NULL);
    if (rv != APR_SUCCESS) {
        *why = "out of memory";
        close(ix->nudge);
        return rv;
    }
    apr_pool_pre_cleanup_register(p, ix, indexer_cleanup);
    *out = ix;
    return APR_SUCCESS;
}

apr_status_t push_indexer_start(push_indexer_t *ix)
{
    return apr_thread_create(&ix->thread, NULL, indexer_run, ix, ix->pool);
}

void push_indexer_stop(push_indexer_t *ix)
{
    apr_status_t rv;

    if (ix->thread == NULL) {
        return;
    }
    __atomic_store_n(&ix->stopping, 1, __ATOMIC_RELEASE);
    eventfd_write(ix->nudge, 1);
    apr_thread_join(&rv, ix->thread);
    ix->thread = NULL;
}

void push_indexer_counters(const push_indexer_t *ix,
                           push_indexer_counters_t *out)
{
    const push_indexer_counters_t *c = &ix->counters;

    out->indexed = __atomic_load_n(&c->indexed, __ATOMIC_RELAXED);
    out->failures = __atomic_load_n(&c->failures, __ATOMIC_RELAXED);
    out->behind = __atomic_load_n(&c->behind, __ATOMIC_RELAXED);
}
