/* SPDX-License-Identifier: Apache-2.0 */
/*
 * retention.c - look, remove, rest, see retention.h.
 */
#include "retention.h"
#include "db.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>
#include <apr_strings.h>
#include <apr_thread_proc.h>

#define EVERY_MS 60000   /* between two sweeps; also before the first */
#define FAILED_MS 5000   /* after a sweep that failed, doubled each time */
#define REST_LEAST_MS 50 /* between two batches */
#define REST_MOST_MS 1000
#define REST_TIMES 4 /* as long as the batch took */
/* A stop shall not wait long while another program holds the database. */
#define BUSY_WAIT apr_time_from_sec(1)

struct push_retention_t {
    const push_retention_conf_t *conf;
    apr_pool_t *pool;     /* what it was made in; main thread only */
    apr_pool_t *scratch;  /* of a sweep, its connection too */
    apr_pool_t *rows;     /* below it: of one statement */
    apr_thread_t *thread; /* NULL: not started */
    int nudge;            /* eventfd: stop, or another window */
    int stopping;         /* atomic */
    int seconds;          /* atomic: the window; 0: for ever */
    int failing;          /* sweeps that failed in a row */
    int away;             /* 1: that the database is away has been said */
    push_retention_counters_t counters; /* atomic, each for itself */
};

/* One sweep. */
typedef struct {
    push_retention_t *ret;
    chat_db_t *db;
    int seconds;
    apr_int64_t removed;
    apr_int64_t last; /* the last id that is gone */
} sweep_t;

static int stopping(const push_retention_t *ret)
{
    return __atomic_load_n(&ret->stopping, __ATOMIC_ACQUIRE);
}

static int window(const push_retention_t *ret)
{
    return __atomic_load_n(&ret->seconds, __ATOMIC_RELAXED);
}

/* Sleep until the time is over or somebody has something to say. @return
 * whether somebody had */
static int rest(const push_retention_t *ret, int ms)
{
    struct pollfd fd = { ret->nudge, POLLIN, 0 };

    return poll(&fd, 1, ms) > 0;
}

/* --- a sweep -------------------------------------------------------------- */

/* No connection is opened yet. */
static apr_status_t database_open(chat_db_t **db,
                                  const push_retention_conf_t *conf,
                                  const char **why, apr_pool_t *p)
{
    chat_db_conf_t c = { 0 };

    c.target = conf->database;
    c.max = 1;
    c.busy = BUSY_WAIT;
    return chat_db_open(db, &c, why, p);
}

/* How old the oldest row is. @param due  set to whether it is too old */
static apr_status_t oldest_read(sweep_t *s, int *due)
{
    chat_db_result_t *res;
    apr_int64_t age = 0;
    apr_status_t rv;

    rv = chat_db_query(&res, s->db, "retention_oldest", NULL, 0, s->ret->rows);
    if (rv != APR_SUCCESS) {
        return rv;
    }
    *due = 0;
    if (chat_db_rows(res) > 0) {
        age = chat_db_get_int(res, 0, 0, s->seconds);
        *due = age >= s->seconds;
    }
    __atomic_store_n(&s->ret->counters.oldest, age > 0 ? age : 0,
                     __ATOMIC_RELAXED);
    return APR_SUCCESS;
}

static apr_status_t batch_remove(sweep_t *s, int *rows)
{
    push_retention_t *ret = s->ret;
    chat_db_value_t args[] = { chat_db_int(s->seconds),
                               chat_db_int(ret->conf->upto(ret->conf->baton)) };
    chat_db_result_t *res;
    apr_status_t rv;
    int i;

    *rows = 0;
    if (args[1].num <= 0) {
        return APR_SUCCESS;
    }
    apr_pool_clear(ret->rows);
    rv = chat_db_query(&res, s->db, "retention_remove", args, 2, ret->rows);
    if (rv != APR_SUCCESS) {
        return rv;
    }
    *rows = chat_db_rows(res);
    for (i = 0; i < *rows; i++) {
        apr_int64_t id = chat_db_get_int(res, i, 0, 0);

        s->last = id > s->last ? id : s->last;
    }
    s->removed += *rows;
    __atomic_fetch_add(&ret->counters.removed, (apr_uint64_t)*rows,
                       __ATOMIC_RELAXED);
    return APR_SUCCESS;
}

/* The longer the others have made us wait, or we them, the longer the rest. */
static int rest_time(apr_time_t begun)
{
    apr_int64_t ms = apr_time_as_msec(apr_time_now() - begun) * REST_TIMES;

    if (ms < REST_LEAST_MS) {
        return REST_LEAST_MS;
    }
    return ms > REST_MOST_MS ? REST_MOST_MS : (int)ms;
}

/* Batch after batch until one is not full. A nudge ends it early: what it is
 * about is looked at first. */
static apr_status_t batches_remove(sweep_t *s)
{
    apr_time_t begun;
    apr_status_t rv;
    int rows;

    do {
        begun = apr_time_now();
        rv = batch_remove(s, &rows);
    } while (rv == APR_SUCCESS && rows >= PUSH_RETENTION_BATCH &&
             !rest(s->ret, rest_time(begun)));
    return rv;
}

static apr_status_t sweep(sweep_t *s)
{
    const char *why; /* push_retention_create() has seen the target */
    apr_status_t rv;
    int due = 0;

    rv = database_open(&s->db, s->ret->conf, &why, s->ret->scratch);
    if (rv == APR_SUCCESS) {
        rv = oldest_read(s, &due);
    }
    if (rv == APR_SUCCESS && due) {
        rv = batches_remove(s);
        if (rv == APR_SUCCESS && s->removed > 0) {
            rv = oldest_read(s, &due);
        }
    }
    return rv;
}

/* Each change is said once, and what was removed each time. A database that
 * others are busy with is nothing to tell: they go first. */
static void sweep_tell(const sweep_t *s, apr_status_t rv)
{
    push_retention_t *ret = s->ret;
    apr_pool_t *p = ret->scratch;

    if (s->removed > 0) {
        ret->conf->log(0,
                       apr_psprintf(p,
                                    "retention: %" APR_INT64_T_FMT
                                    " events older than %d s removed from the "
                                    "log, up to id %" APR_INT64_T_FMT,
                                    s->removed, s->seconds, s->last));
    }
    if (rv == APR_SUCCESS && ret->away) {
        ret->conf->log(0, "retention: the event log can be cleared of old "
                          "events again");
        ret->away = 0;
    }
    if (rv != APR_SUCCESS && rv != CHAT_DB_EBUSY && !ret->away) {
        ret->conf->log(1, apr_pstrcat(p,
                                      "retention: cannot clear the event log "
                                      "of old events, trying again: ",
                                      chat_db_error(NULL), NULL));
        ret->away = 1;
    }
}

apr_status_t push_retention_sweep(push_retention_t *ret)
{
    sweep_t s = { ret, NULL, window(ret), 0, 0 };
    apr_status_t rv;

    if (s.seconds == 0) {
        return APR_SUCCESS;
    }
    rv = apr_pool_create(&ret->rows, ret->scratch);
    if (rv != APR_SUCCESS) {
        return rv;
    }
    rv = sweep(&s);
    sweep_tell(&s, rv);
    if (rv != APR_SUCCESS) {
        __atomic_fetch_add(&ret->counters.failures, 1, __ATOMIC_RELAXED);
    }
    apr_pool_clear(ret->scratch); /* and with it the connection */
    return rv;
}

/* --- the thread ----------------------------------------------------------- */

/* Milliseconds until the next sweep. */
static int wait_time(const push_retention_t *ret)
{
    int ms = FAILED_MS;
    int i;

    for (i = 1; i < ret->failing && ms < EVERY_MS; i++) {
        ms *= 2;
    }
    return ret->failing > 0 && ms < EVERY_MS ? ms : EVERY_MS;
}

static void *APR_THREAD_FUNC retention_run(apr_thread_t *thread, void *data)
{
    push_retention_t *ret = data;
    eventfd_t n;
    sigset_t all;

    sigfillset(&all); /* signals are the main thread's */
    pthread_sigmask(SIG_BLOCK, &all, NULL);
    while (!stopping(ret)) {
        if (rest(ret, wait_time(ret))) {
            eventfd_read(ret->nudge, &n);
        }
        if (!stopping(ret)) {
            ret->failing = push_retention_sweep(ret) != APR_SUCCESS
                               ? ret->failing + 1
                               : 0;
        }
    }
    apr_thread_exit(thread, APR_SUCCESS);
    return NULL;
}

/* --- for the main thread -------------------------------------------------- */

static apr_status_t retention_cleanup(void *data)
{
    push_retention_t *ret = data;

    push_retention_stop(ret);
    apr_pool_destroy(ret->scratch);
    close(ret->nudge);
    return APR_SUCCESS;
}

apr_status_t push_retention_create(push_retention_t **out,
                                   const push_retention_conf_t *conf,
                                   int seconds, const char **why, apr_pool_t *p)
{
    push_retention_t *ret = apr_pcalloc(p, sizeof(*ret));
    chat_db_t *db;
    apr_status_t rv;

    /* The driver is loaded here, into a pool that lives as long as we do. */
    rv = database_open(&db, conf, why, p);
    if (rv != APR_SUCCESS) {
        return rv;
    }
    ret->conf = conf;
    ret->pool = p;
    ret->seconds = seconds;
    ret->nudge = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    if (ret->nudge < 0) {
        *why = apr_psprintf(p, "eventfd: %s", strerror(errno));
        return APR_FROM_OS_ERROR(errno);
    }
    /* An allocator of its own: the thread meets nobody at its lock. */
    rv = apr_pool_create_unmanaged_ex(&ret->scratch, NULL, NULL);
    if (rv != APR_SUCCESS) {
        *why = "out of memory";
        close(ret->nudge);
        return rv;
    }
    apr_pool_pre_cleanup_register(p, ret, retention_cleanup);
    *out = ret;
    return APR_SUCCESS;
}

apr_status_t push_retention_start(push_retention_t *ret)
{
    return apr_thread_create(&ret->thread, NULL, retention_run, ret, ret->pool);
}

void push_retention_stop(push_retention_t *ret)
{
    apr_status_t rv;

    if (ret->thread == NULL) {
        return;
    }
    __atomic_store_n(&ret->stopping, 1, __ATOMIC_RELEASE);
    eventfd_write(ret->nudge, 1);
    apr_thread_join(&rv, ret->thread);
    ret->thread = NULL;
}

void push_retention_follow(push_retention_t *ret, int seconds)
{
    __atomic_store_n(&ret->seconds, seconds, __ATOMIC_RELAXED);
    eventfd_write(ret->nudge, 1);
}

void push_retention_counters(const push_retention_t *ret,
                             push_retention_counters_t *out)
{
    const push_retention_counters_t *c = &ret->counters;

    out->removed = __atomic_load_n(&c->removed, __ATOMIC_RELAXED);
    out->failures = __atomic_load_n(&c->failures, __ATOMIC_RELAXED);
    out->oldest = __atomic_load_n(&c->oldest, __ATOMIC_RELAXED);
}
