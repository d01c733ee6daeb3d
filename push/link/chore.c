/* SPDX-License-Identifier: Apache-2.0 */
/*
 * chore.c - wait, connect, do a round, tell; see chore.h.
 */
#include "chore.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>
#include <apr_strings.h>
#include <apr_thread_proc.h>

/* A stop shall not wait long while another program holds the database. */
#define BUSY_WAIT apr_time_from_sec(1)

struct push_chore_t {
    const push_chore_conf_t *conf;
    apr_pool_t *pool;     /* what it was made in; main thread only */
    apr_pool_t *scratch;  /* of the connection */
    apr_pool_t *rows;     /* below it: of one batch; NULL with db */
    chat_db_t *db;        /* NULL: none yet, or the last round failed */
    apr_thread_t *thread; /* NULL: not started */
    int nudge;            /* eventfd: stop, or a round at once */
    int stopping;         /* atomic */
    int failing;          /* rounds that failed in a row */
    int away;             /* 1: that the database is away has been said */
    apr_uint64_t failures; /* atomic */
};

static int stopping(const push_chore_t *chore)
{
    return __atomic_load_n(&chore->stopping, __ATOMIC_ACQUIRE);
}

/* Sleep until the time is over or somebody has something to say. @return
 * whether somebody had */
static int rest(const push_chore_t *chore, int ms)
{
    struct pollfd fd = { chore->nudge, POLLIN, 0 };

    return poll(&fd, 1, ms) > 0;
}

/* --- a round -------------------------------------------------------------- */

/* No connection is opened yet. */
static apr_status_t database_open(chat_db_t **db, const push_chore_conf_t *conf,
                                  const char **why, apr_pool_t *p)
{
    chat_db_conf_t c = { 0 };

    c.target = conf->database;
    c.max = 1;
    c.busy = BUSY_WAIT;
    c.normal = conf->normal;
    return chat_db_open(db, &c, why, p);
}

static apr_status_t database_have(push_chore_t *chore)
{
    const char *why; /* push_chore_create() has seen the target */
    apr_status_t rv = APR_SUCCESS;

    if (chore->db == NULL) {
        rv = apr_pool_create(&chore->rows, chore->scratch);
        if (rv == APR_SUCCESS) {
            rv = database_open(&chore->db, chore->conf, &why, chore->scratch);
        }
    }
    return rv;
}

static void database_forget(push_chore_t *chore)
{
    apr_pool_clear(chore->scratch); /* and with it the connection */
    chore->db = NULL;
    chore->rows = NULL;
}

/* Each change is said once. A database that others are busy with is nothing to
 * tell: they go first. */
static void tell(push_chore_t *chore, apr_status_t rv)
{
    const push_chore_conf_t *conf = chore->conf;

    if (rv == APR_SUCCESS && chore->away) {
        conf->log(0, apr_pstrcat(chore->scratch, conf->name, ": ", conf->again,
                                 NULL));
        chore->away = 0;
    }
    if (rv != APR_SUCCESS && rv != CHAT_DB_EBUSY && !chore->away) {
        conf->log(1, apr_pstrcat(chore->scratch, conf->name, ": ",
                                 conf->trouble, ", trying again: ",
                                 chat_db_error(NULL), NULL));
        chore->away = 1;
    }
}

apr_status_t push_chore_round(push_chore_t *chore)
{
    const push_chore_conf_t *conf = chore->conf;
    apr_status_t rv = database_have(chore);

    if (rv == APR_SUCCESS) {
        apr_pool_clear(chore->rows);
        rv = conf->round(chore, conf->baton);
    }
    if (rv == PUSH_CHORE_IDLE) {
        return APR_SUCCESS;
    }
    if (rv != CHAT_DB_ESQL || !conf->optional) {
        tell(chore, rv);
        __atomic_fetch_add(&chore->failures, rv != APR_SUCCESS,
                           __ATOMIC_RELAXED);
    }
    if (rv != APR_SUCCESS || !conf->keeps) {
        database_forget(chore);
    }
    return rv;
}

/* The longer the others have made us wait, or we them, the longer. */
static int rest_time(const push_chore_conf_t *conf, apr_time_t begun)
{
    apr_int64_t ms = apr_time_as_msec(apr_time_now() - begun) *
                     conf->rest_times;

    if (ms < conf->rest_least_ms) {
        return conf->rest_least_ms;
    }
    return ms > conf->rest_most_ms ? conf->rest_most_ms : (int)ms;
}

apr_status_t push_chore_batches(push_chore_t *chore,
                                apr_status_t (*one)(void *baton, int *more),
                                void *baton)
{
    apr_time_t begun;
    apr_status_t rv;
    int more;

    do {
        begun = apr_time_now();
        more = 0;
        apr_pool_clear(chore->rows);
        rv = one(baton, &more);
    } while (rv == APR_SUCCESS && more &&
             !rest(chore, rest_time(chore->conf, begun)));
    return rv;
}

/* --- the thread ----------------------------------------------------------- */

/* Milliseconds until the next round. */
static int wait_time(const push_chore_t *chore)
{
    const push_chore_conf_t *conf = chore->conf;
    int ms = conf->failed_ms;
    int i;

    for (i = 1; i < chore->failing && ms < conf->failed_most_ms; i++) {
        ms *= 2;
    }
    if (chore->failing == 0) {
        return conf->every_ms;
    }
    return ms < conf->failed_most_ms ? ms : conf->failed_most_ms;
}

static void *APR_THREAD_FUNC chore_run(apr_thread_t *thread, void *data)
{
    push_chore_t *chore = data;
    int ms = chore->conf->first_ms;
    eventfd_t n;
    sigset_t all;

    sigfillset(&all); /* signals are the main thread's */
    pthread_sigmask(SIG_BLOCK, &all, NULL);
    while (!stopping(chore)) {
        if (rest(chore, ms)) {
            eventfd_read(chore->nudge, &n);
        }
        if (!stopping(chore)) {
            chore->failing = push_chore_round(chore) != APR_SUCCESS
                                 ? chore->failing + 1
                                 : 0;
            ms = wait_time(chore);
        }
    }
    apr_thread_exit(thread, APR_SUCCESS);
    return NULL;
}

/* --- for the main thread -------------------------------------------------- */

static apr_status_t chore_cleanup(void *data)
{
    push_chore_t *chore = data;

    push_chores_stop(&chore, 1);
    apr_pool_destroy(chore->scratch);
    close(chore->nudge);
    return APR_SUCCESS;
}

apr_status_t push_chore_create(push_chore_t **out,
                               const push_chore_conf_t *conf, const char **why,
                               apr_pool_t *p)
{
    push_chore_t *chore = apr_pcalloc(p, sizeof(*chore));
    chat_db_t *db;
    apr_status_t rv;

    /* The driver is loaded here, into a pool that lives as long as we do. */
    rv = database_open(&db, conf, why, p);
    if (rv != APR_SUCCESS) {
        return rv;
    }
    chore->conf = conf;
    chore->pool = p;
    chore->nudge = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    if (chore->nudge < 0) {
        rv = APR_FROM_OS_ERROR(errno);
        *why = apr_psprintf(p, "eventfd: %s", strerror(errno));
        return rv;
    }
    /* An allocator of its own: the thread meets nobody at its lock. */
    rv = apr_pool_create_unmanaged_ex(&chore->scratch, NULL, NULL);
    if (rv != APR_SUCCESS) {
        *why = "out of memory";
        close(chore->nudge);
        return rv;
    }
    apr_pool_pre_cleanup_register(p, chore, chore_cleanup);
    *out = chore;
    return APR_SUCCESS;
}

apr_status_t push_chore_start(push_chore_t *chore)
{
    return apr_thread_create(&chore->thread, NULL, chore_run, chore,
                             chore->pool);
}

void push_chores_stop(push_chore_t *const *chores, int n)
{
    apr_status_t rv;
    int i;

    for (i = 0; i < n; i++) {
        __atomic_store_n(&chores[i]->stopping, 1, __ATOMIC_RELEASE);
        push_chore_nudge(chores[i]);
    }
    for (i = 0; i < n; i++) {
        if (chores[i]->thread != NULL) {
            apr_thread_join(&rv, chores[i]->thread);
            chores[i]->thread = NULL;
        }
    }
}

void push_chore_nudge(push_chore_t *chore)
{
    eventfd_write(chore->nudge, 1);
}

apr_uint64_t push_chore_failures(const push_chore_t *chore)
{
    return __atomic_load_n(&chore->failures, __ATOMIC_RELAXED);
}

const char *push_chore_name(const push_chore_t *chore)
{
    return chore->conf->name;
}

chat_db_t *push_chore_db(const push_chore_t *chore) { return chore->db; }

apr_pool_t *push_chore_pool(const push_chore_t *chore) { return chore->rows; }
