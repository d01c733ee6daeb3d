/* SPDX-License-Identifier: Apache-2.0 */
/*
 * membership.c - questions, one after the other, see membership.h.
 */
#include "membership.h"

#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <apr_strings.h>
#include <apr_thread_proc.h>

#include "channel.h"
#include "db.h"

#define DIGITS 18 /* of a number that fits in 64 bits for sure */

/* The columns of conversation_of that matter here. */
enum { COL_ID = 0, COL_MEMBER = 3 };

struct push_membership_t {
    apr_pool_t *pool;    /* what it was made in; main thread only */
    apr_pool_t *scratch; /* of a question */
    chat_db_t *db;
    apr_thread_t *thread; /* NULL: not started */
    void (*log)(int trouble, const char *line);
    int away;             /* 1: that the database is away has been said */
    pthread_mutex_t lock; /* around the rest */
    pthread_cond_t more;
    push_membership_ask_t *first, *last;
    int n;
    int stopping;
};

/* An id as a value of a statement: a number when it looks like one. */
static chat_db_value_t id_value(const char *id)
{
    size_t len = strlen(id);

    return len <= DIGITS && strspn(id, "0123456789") == len
               ? chat_db_int(strtoll(id, NULL, 10))
               : chat_db_text(id);
}

/* The id must come back letter for letter: a database may take "007" for 7, but
 * events go to the channel named 7. */
static push_membership_verdict_t verdict_of(const chat_db_result_t *res,
                                            const char *conversation)
{
    const char *found = chat_db_rows(res) == 1 ? chat_db_get(res, 0, COL_ID)
                                               : NULL;

    return found != NULL && strcmp(found, conversation) == 0 &&
                   chat_db_get_int(res, 0, COL_MEMBER, 0)
               ? PUSH_MEMBERSHIP_YES
               : PUSH_MEMBERSHIP_NO;
}

static apr_uint64_t clock_ms(void)
{
    struct timespec ts;

    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (apr_uint64_t)ts.tv_sec * 1000 + (apr_uint64_t)ts.tv_nsec / 1000000;
}

static void tell(push_membership_t *m, apr_status_t rv)
{
    int away = rv != APR_SUCCESS;

    if (away && !m->away) {
        m->log(1, apr_pstrcat(m->scratch,
                              "membership: cannot ask who belongs to a "
                              "conversation: ",
                              chat_db_error(NULL), NULL));
    }
    else if (!away && m->away) {
        m->log(0, "membership: the database answers again");
    }
    m->away = away;
}

static push_membership_verdict_t look(push_membership_t *m,
                                      const push_membership_ask_t *ask)
{
    const chat_db_value_t args[] = { id_value(ask->user),
                                     id_value(ask->conversation) };
    push_membership_verdict_t verdict = PUSH_MEMBERSHIP_UNKNOWN;
    chat_db_result_t *res;
    apr_status_t rv = chat_db_query(&res, m->db, "conversation_of", args, 2,
                                    m->scratch);

    if (rv == APR_SUCCESS) {
        verdict = verdict_of(res, ask->conversation);
    }
    else if (rv == CHAT_DB_EINPUT) { /* an id that cannot exist here */
        verdict = PUSH_MEMBERSHIP_NO;
        rv = APR_SUCCESS;
    }
    tell(m, rv);
    apr_pool_clear(m->scratch);
    return verdict;
}

/* Wait for a question. @return NULL: it is time to end */
static push_membership_ask_t *next(push_membership_t *m)
{
    push_membership_ask_t *ask = NULL;

    pthread_mutex_lock(&m->lock);
    while (m->first == NULL && !m->stopping) {
        pthread_cond_wait(&m->more, &m->lock);
    }
    if (!m->stopping) {
        ask = m->first;
        m->first = ask->next;
        m->n--;
    }
    pthread_mutex_unlock(&m->lock);
    return ask;
}

static void answer(push_membership_ask_t *ask,
                   push_membership_verdict_t verdict)
{
    ask->verdict = verdict;
    push_loop_post(ask->loop, &ask->task);
}

static void *APR_THREAD_FUNC members_run(apr_thread_t *thread, void *data)
{
    push_membership_t *m = data;
    push_membership_ask_t *ask;
    sigset_t all;

    sigfillset(&all); /* signals are the main thread's */
    pthread_sigmask(SIG_BLOCK, &all, NULL);
    while ((ask = next(m)) != NULL) {
        answer(ask, m->away && clock_ms() - ask->since >= PUSH_MEMBERSHIP_MS
                        ? PUSH_MEMBERSHIP_UNKNOWN
                        : look(m, ask));
    }
    apr_thread_exit(thread, APR_SUCCESS);
    return NULL;
}

int push_membership_ask(push_membership_t *m, push_membership_ask_t *ask)
{
    int taken;

    ask->next = NULL;
    ask->since = clock_ms();
    pthread_mutex_lock(&m->lock);
    taken = !m->stopping && m->n < PUSH_MEMBERSHIP_MOST;
    if (taken) {
        if (m->first != NULL) {
            m->last->next = ask;
        }
        else {
            m->first = ask;
        }
        m->last = ask;
        m->n++;
        pthread_cond_signal(&m->more);
    }
    pthread_mutex_unlock(&m->lock);
    return taken;
}

void push_membership_stop(push_membership_t *m)
{
    push_membership_ask_t *ask, *after;
    apr_status_t rv;

    pthread_mutex_lock(&m->lock);
    m->stopping = 1;
    ask = m->first;
    m->first = NULL;
    pthread_cond_signal(&m->more);
    pthread_mutex_unlock(&m->lock);
    for (; ask != NULL; ask = after) {
        after = ask->next;
        answer(ask, PUSH_MEMBERSHIP_UNKNOWN);
    }
    if (m->thread != NULL) {
        apr_thread_join(&rv, m->thread);
        m->thread = NULL;
    }
}

static apr_status_t members_cleanup(void *data)
{
    push_membership_t *m = data;

    push_membership_stop(m);
    apr_pool_destroy(m->scratch);
    return APR_SUCCESS;
}

apr_status_t push_membership_create(push_membership_t **out,
                                    const char *database,
                                    void (*log)(int trouble, const char *line),
                                    const char **why, apr_pool_t *p)
{
    push_membership_t *m = apr_pcalloc(p, sizeof(*m));
    const chat_db_conf_t conf = { .target = database, .max = 1 };
    apr_status_t rv;

    m->pool = p;
    m->log = log;
    pthread_mutex_init(&m->lock, NULL);
    pthread_cond_init(&m->more, NULL);
    rv = chat_db_open(&m->db, &conf, why, p);
    if (rv != APR_SUCCESS) {
        return rv;
    }
    /* An allocator of its own: the thread meets nobody at its lock. */
    rv = apr_pool_create_unmanaged_ex(&m->scratch, NULL, NULL);
    if (rv != APR_SUCCESS) {
        *why = "out of memory";
        return rv;
    }
    apr_pool_pre_cleanup_register(p, m, members_cleanup);
    *out = m;
    return APR_SUCCESS;
}

apr_status_t push_membership_start(push_membership_t *m)
{
    return apr_thread_create(&m->thread, NULL, members_run, m, m->pool);
}
