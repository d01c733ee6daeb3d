/* SPDX-License-Identifier: Apache-2.0 */
/*
 * readers.c - look, mark a part, rest, see readers.h.
 */
#include "readers.h"
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

#define EVERY_MS 1000 /* between two looks */
#define PART 1000     /* messages that one part looks at */
#define REST_LEAST_MS 5
#define REST_MOST_MS 1000
/* A stop shall not wait long while another program holds the database. */
#define BUSY_WAIT apr_time_from_sec(1)

struct push_readers_t {
    const push_readers_conf_t *conf;
    apr_pool_t *pool;     /* what it was made in; main thread only */
    apr_pool_t *scratch;  /* of the connection, until a look fails */
    apr_pool_t *rows;     /* below it: of one part */
    chat_db_t *db;        /* NULL: none yet, or the last look failed */
    apr_thread_t *thread; /* NULL: not started */
    int nudge;            /* eventfd: stop */
    int stopping;         /* atomic */
    int away;             /* 1: that the database is away has been said */
    push_readers_counters_t counters; /* atomic, each for itself */
};

static int stopping(const push_readers_t *readers)
{
    return __atomic_load_n(&readers->stopping, __ATOMIC_ACQUIRE);
}

/* Sleep, unless it is to stop. */
static void rest(const push_readers_t *readers, int ms)
{
    struct pollfd fd = { readers->nudge, POLLIN, 0 };

    poll(&fd, 1, ms);
}

/* No connection is opened yet. */
static apr_status_t database_open(chat_db_t **db,
                                  const push_readers_conf_t *conf,
                                  const char **why, apr_pool_t *p)
{
    chat_db_conf_t c = { 0 };

    c.target = conf->database;
    c.max = 1;
    c.busy = BUSY_WAIT;
    return chat_db_open(db, &c, why, p);
}

/* --- a look -----------------------------------------------------------------
 */

/* One part of what one reader has read.
 * @param any  set to 0 when nobody waits */
static apr_status_t part_mark(push_readers_t *readers, int *any)
{
    apr_pool_t *p = readers->rows;
    chat_db_value_t args[4];
    chat_db_result_t *res;
    apr_status_t rv;

    rv = chat_db_query(&res, readers->db, "read_due", NULL, 0, p);
    *any = rv == APR_SUCCESS && chat_db_rows(res) > 0;
    if (!*any) {
        return rv;
    }
    args[0] = chat_db_text(chat_db_get(res, 0, 0));
    args[1] = chat_db_text(chat_db_get(res, 0, 1));
    args[2] = chat_db_int(chat_db_get_int(res, 0, 2, 0));
    args[3] = chat_db_int(PART);
    rv = chat_db_query(&res, readers->db, "read_due_mark", args, 4, p);
    if (rv == APR_SUCCESS) {
        __atomic_fetch_add(&readers->counters.marked,
                           (apr_uint64_t)chat_db_rows(res), __ATOMIC_RELAXED);
        rv = chat_db_query(&res, readers->db, "read_due_move", args, 4, p);
    }
    if (rv == APR_SUCCESS) {
        rv = chat_db_query(&res, readers->db, "read_due_done", args, 2, p);
    }
    return rv;
}

/* As long as the part took, so that others get as much of the database. */
static int rest_time(apr_time_t begun)
{
    apr_int64_t ms = apr_time_as_msec(apr_time_now() - begun);

    if (ms < REST_LEAST_MS) {
        return REST_LEAST_MS;
    }
    return ms > REST_MOST_MS ? REST_MOST_MS : (int)ms;
}

/* Part after part until nobody waits. */
static apr_status_t look(push_readers_t *readers)
{
    const char *why; /* push_readers_create() has seen the target */
    apr_status_t rv = APR_SUCCESS;
    int any = 1;

    if (readers->db == NULL) {
        rv = database_open(&readers->db, readers->conf, &why, readers->scratch);
        if (rv == APR_SUCCESS) {
            rv = apr_pool_create(&readers->rows, readers->scratch);
        }
    }
    while (rv == APR_SUCCESS && any && !stopping(readers)) {
        apr_time_t begun = apr_time_now();

        apr_pool_clear(readers->rows);
        rv = part_mark(readers, &any);
        if (rv == APR_SUCCESS && any) {
            rest(readers, rest_time(begun));
        }
    }
    return rv;
}

/* Each change is said once. A database that others are busy with is nothing to
 * tell, nor is one of an earlier version: its statements cannot be prepared. */
static void look_tell(push_readers_t *readers, apr_status_t rv)
{
    if (rv == APR_SUCCESS && readers->away) {
        readers->conf->log(0, "readers: messages can be marked read again");
        readers->away = 0;
    }
    if (rv != APR_SUCCESS && rv != CHAT_DB_EBUSY && rv != CHAT_DB_ESQL &&
        !readers->away) {
        readers->conf->log(1, apr_pstrcat(readers->scratch,
                                          "readers: cannot mark messages read, "
                                          "trying again: ",
                                          chat_db_error(NULL), NULL));
        readers->away = 1;
    }
    if (rv != APR_SUCCESS) {
        __atomic_fetch_add(&readers->counters.failures, 1, __ATOMIC_RELAXED);
        apr_pool_clear(readers->scratch); /* and with it the connection */
        readers->db = NULL;
    }
}

/* --- the thread -------------------------------------------------------------
 */

static void *APR_THREAD_FUNC readers_run(apr_thread_t *thread, void *data)
{
    push_readers_t *readers = data;
    sigset_t all;

    sigfillset(&all); /* signals are the main thread's */
    pthread_sigmask(SIG_BLOCK, &all, NULL);
    while (!stopping(readers)) {
        look_tell(readers, look(readers));
        rest(readers, EVERY_MS);
    }
    apr_thread_exit(thread, APR_SUCCESS);
    return NULL;
}

/* --- for the main thread ----------------------------------------------------
 */

static apr_status_t readers_cleanup(void *data)
{
    push_readers_t *readers = data;

    push_readers_stop(readers);
    apr_pool_destroy(readers->scratch);
    close(readers->nudge);
    return APR_SUCCESS;
}

apr_status_t push_readers_create(push_readers_t **out,
                                 const push_readers_conf_t *conf,
                                 const char **why, apr_pool_t *p)
{
    push_readers_t *readers = apr_pcalloc(p, sizeof(*readers));
    chat_db_t *db;
    apr_status_t rv;

    /* The driver is loaded here, into a pool that lives as long as we do. */
    rv = database_open(&db, conf, why, p);
    if (rv != APR_SUCCESS) {
        return rv;
    }
    readers->conf = conf;
    readers->pool = p;
    readers->nudge = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    if (readers->nudge < 0) {
        *why = apr_psprintf(p, "eventfd: %s", strerror(errno));
        return APR_FROM_OS_ERROR(errno);
    }
    /* An allocator of its own: the thread meets nobody at its lock. */
    rv = apr_pool_create_unmanaged_ex(&readers->scratch, NULL, NULL);
    if (rv != APR_SUCCESS) {
        *why = "out of memory";
        close(readers->nudge);
        return rv;
    }
    apr_pool_pre_cleanup_register(p, readers, readers_cleanup);
    *out = readers;
    return APR_SUCCESS;
}

apr_status_t push_readers_start(push_readers_t *readers)
{
    return apr_thread_create(&readers->thread, NULL, readers_run, readers,
                             readers->pool);
}

void push_readers_stop(push_readers_t *readers)
{
    apr_status_t rv;

    if (readers->thread == NULL) {
        return;
    }
    __atomic_store_n(&readers->stopping, 1, __ATOMIC_RELEASE);
    eventfd_write(readers->nudge, 1);
    apr_thread_join(&rv, readers->thread);
    readers->thread = NULL;
}

void push_readers_counters(const push_readers_t *readers,
                           push_readers_counters_t *out)
{
    const push_readers_counters_t *c = &readers->counters;

    out->marked = __atomic_load_n(&c->marked, __ATOMIC_RELAXED);
    out->failures = __atomic_load_n(&c->failures, __ATOMIC_RELAXED);
}
