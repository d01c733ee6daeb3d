/* SPDX-License-Identifier: Apache-2.0 */
/*
 * due.c - look, expire, remind, see due.h.
 */
#include "due.h"
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

#define BATCH 100  /* plans changed by one statement; also in sql/statements */
#define ROUNDS 100 /* batches of one look; more is the next one's */
#define REST_MS 50 /* between two batches: others write as well */
/* A stop shall not wait long while another program holds the database. */
#define BUSY_WAIT apr_time_from_sec(1)

struct push_due_t {
    const push_due_conf_t *conf;
    apr_pool_t *pool;     /* what it was made in; main thread only */
    apr_pool_t *scratch;  /* of a look, its connection too */
    apr_thread_t *thread; /* NULL: not started */
    int nudge;            /* eventfd: stop */
    int stopping;         /* atomic */
    int away;             /* 1: that the database is away has been said */
    push_due_counters_t counters; /* atomic, each for itself */
};

static int stopping(const push_due_t *due)
{
    return __atomic_load_n(&due->stopping, __ATOMIC_ACQUIRE);
}

/* Sleep, unless it is to stop. */
static void rest(const push_due_t *due, int ms)
{
    struct pollfd fd = { due->nudge, POLLIN, 0 };

    poll(&fd, 1, ms);
}

/* --- a look -----------------------------------------------------------------
 */

/* No connection is opened yet. */
static apr_status_t database_open(chat_db_t **db, const push_due_conf_t *conf,
                                  const char **why, apr_pool_t *p)
{
    chat_db_conf_t c = { 0 };

    c.target = conf->database;
    c.max = 1;
    c.busy = BUSY_WAIT;
    return chat_db_open(db, &c, why, p);
}

static apr_status_t expire(push_due_t *due, chat_db_t *db, int *n)
{
    chat_db_result_t *res;
    apr_status_t rv;

    rv = chat_db_query(&res, db, "plan_expire", NULL, 0, due->scratch);
    *n = rv == APR_SUCCESS ? chat_db_rows(res) : 0;
    __atomic_fetch_add(&due->counters.expired, (apr_uint64_t)*n,
                       __ATOMIC_RELAXED);
    return rv;
}

static apr_status_t remind(push_due_t *due, chat_db_t *db,
                           const chat_db_value_t *args, int *n)
{
    chat_db_result_t *res;
    apr_status_t rv;

    rv = chat_db_query(&res, db, "plan_remind", args, 2, due->scratch);
    *n = rv == APR_SUCCESS ? chat_db_rows(res) : 0;
    __atomic_fetch_add(&due->counters.reminded, (apr_uint64_t)*n,
                       __ATOMIC_RELAXED);
    return rv;
}

static apr_status_t look(push_due_t *due, chat_db_t *db)
{
    chat_db_value_t args[] = { chat_db_int(due->conf->reminder_seconds),
                               chat_db_int(due->conf->reminders) };
    chat_db_result_t *res;
    apr_status_t rv;
    int expired, reminded, i;

    rv = chat_db_query(&res, db, "plan_due", args, 2, due->scratch);
    if (rv != APR_SUCCESS || chat_db_rows(res) == 0) {
        return rv;
    }
    for (i = 0; i < ROUNDS && !stopping(due); i++) {
        rv = expire(due, db, &expired);
        if (rv == APR_SUCCESS) {
            rv = remind(due, db, args, &reminded);
        }
        if (rv != APR_SUCCESS || (expired < BATCH && reminded < BATCH)) {
            return rv;
        }
        rest(due, REST_MS);
    }
    return APR_SUCCESS;
}

/* Each change is said once. A database that others are busy with is nothing to
 * tell, nor is one without plans: its statements cannot be prepared. */
static void look_tell(push_due_t *due, apr_status_t rv)
{
    if (rv == APR_SUCCESS && due->away) {
        due->conf->log(0, "plans: the database can be asked again");
        due->away = 0;
    }
    if (rv != APR_SUCCESS && rv != CHAT_DB_EBUSY && rv != CHAT_DB_ESQL &&
        !due->away) {
        due->conf->log(1, apr_pstrcat(due->scratch,
                                      "plans: cannot see what is due, trying "
                                      "again: ",
                                      chat_db_error(NULL), NULL));
        due->away = 1;
    }
}

apr_status_t push_due_look(push_due_t *due)
{
    const char *why; /* push_due_create() has seen the target */
    chat_db_t *db;
    apr_status_t rv;

    rv = database_open(&db, due->conf, &why, due->scratch);
    if (rv == APR_SUCCESS) {
        rv = look(due, db);
    }
    look_tell(due, rv);
    if (rv != APR_SUCCESS && rv != CHAT_DB_ESQL) {
        __atomic_fetch_add(&due->counters.failures, 1, __ATOMIC_RELAXED);
    }
    apr_pool_clear(due->scratch); /* and with it the connection */
    return rv;
}

/* --- the thread -------------------------------------------------------------
 */

static void *APR_THREAD_FUNC due_run(apr_thread_t *thread, void *data)
{
    push_due_t *due = data;
    sigset_t all;

    sigfillset(&all); /* signals are the main thread's */
    pthread_sigmask(SIG_BLOCK, &all, NULL);
    while (!stopping(due)) {
        push_due_look(due);
        rest(due, due->conf->every_seconds * 1000);
    }
    apr_thread_exit(thread, APR_SUCCESS);
    return NULL;
}

/* --- for the main thread ----------------------------------------------------
 */

static apr_status_t due_cleanup(void *data)
{
    push_due_t *due = data;

    push_due_stop(due);
    apr_pool_destroy(due->scratch);
    close(due->nudge);
    return APR_SUCCESS;
}

apr_status_t push_due_create(push_due_t **out, const push_due_conf_t *conf,
                             const char **why, apr_pool_t *p)
{
    push_due_t *due = apr_pcalloc(p, sizeof(*due));
    chat_db_t *db;
    apr_status_t rv;

    /* The driver is loaded here, into a pool that lives as long as we do. */
    rv = database_open(&db, conf, why, p);
    if (rv != APR_SUCCESS) {
        return rv;
    }
    due->conf = conf;
    due->pool = p;
    due->nudge = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    if (due->nudge < 0) {
        *why = apr_psprintf(p, "eventfd: %s", strerror(errno));
        return APR_FROM_OS_ERROR(errno);
    }
    /* An allocator of its own: the thread meets nobody at its lock. */
    rv = apr_pool_create_unmanaged_ex(&due->scratch, NULL, NULL);
    if (rv != APR_SUCCESS) {
        *why = "out of memory";
        close(due->nudge);
        return rv;
    }
    apr_pool_pre_cleanup_register(p, due, due_cleanup);
    *out = due;
    return APR_SUCCESS;
}

apr_status_t push_due_start(push_due_t *due)
{
    return apr_thread_create(&due->thread, NULL, due_run, due, due->pool);
}

void push_due_stop(push_due_t *due)
{
    apr_status_t rv;

    if (due->thread == NULL) {
        return;
    }
    __atomic_store_n(&due->stopping, 1, __ATOMIC_RELEASE);
    eventfd_write(due->nudge, 1);
    apr_thread_join(&rv, due->thread);
    due->thread = NULL;
}

void push_due_counters(const push_due_t *due, push_due_counters_t *out)
{
    const push_due_counters_t *c = &due->counters;

    out->expired = __atomic_load_n(&c->expired, __ATOMIC_RELAXED);
    out->reminded = __atomic_load_n(&c->reminded, __ATOMIC_RELAXED);
    out->failures = __atomic_load_n(&c->failures, __ATOMIC_RELAXED);
}
