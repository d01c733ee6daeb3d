/* SPDX-License-Identifier: Apache-2.0 */
/*
 * retention.c - look, remove, rest, see retention.h.
 */
#include "retention.h"
#include "db.h"

#include <apr_strings.h>

#define EVERY_MS 60000   /* between two sweeps; also before the first */
#define FAILED_MS 5000   /* after one that failed, doubled up to as much */
#define REST_LEAST_MS 50 /* between two batches */
#define REST_MOST_MS 1000
#define REST_TIMES 4 /* as long as the batch took */

struct push_retention_t {
    const push_retention_conf_t *conf;
    push_chore_conf_t what;
    push_chore_t *chore;
    int seconds; /* atomic: the window; 0: for ever */
    push_retention_counters_t counters; /* atomic, each for itself; failures are
                                           the chore's */
};

/* One sweep. */
typedef struct {
    push_retention_t *ret;
    int seconds;
    apr_int64_t removed;
    apr_int64_t last; /* the last id that is gone */
} sweep_t;

static apr_status_t query(sweep_t *s, chat_db_result_t **res, const char *label,
                          const chat_db_value_t *args, int n)
{
    push_chore_t *chore = s->ret->chore;

    return chat_db_query(res, push_chore_db(chore), label, args, n,
                         push_chore_pool(chore));
}

/* How old the oldest row is. @param due  set to whether it is too old */
static apr_status_t oldest_read(sweep_t *s, int *due)
{
    chat_db_result_t *res;
    apr_int64_t age = 0;
    apr_status_t rv;

    rv = query(s, &res, "retention_oldest", NULL, 0);
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

static apr_status_t batch_remove(void *data, int *more)
{
    sweep_t *s = data;
    push_retention_t *ret = s->ret;
    chat_db_value_t args[] = { chat_db_int(s->seconds),
                               chat_db_int(ret->conf->upto(ret->conf->baton)) };
    chat_db_result_t *res;
    apr_status_t rv;
    int rows, i;

    if (args[1].num <= 0) {
        return APR_SUCCESS;
    }
    rv = query(s, &res, "retention_remove", args, 2);
    if (rv != APR_SUCCESS) {
        return rv;
    }
    rows = chat_db_rows(res);
    for (i = 0; i < rows; i++) {
        apr_int64_t id = chat_db_get_int(res, i, 0, 0);

        s->last = id > s->last ? id : s->last;
    }
    s->removed += rows;
    __atomic_fetch_add(&ret->counters.removed, (apr_uint64_t)rows,
                       __ATOMIC_RELAXED);
    *more = rows >= PUSH_RETENTION_BATCH;
    return APR_SUCCESS;
}

static apr_status_t sweep(sweep_t *s)
{
    apr_status_t rv;
    int due;

    rv = oldest_read(s, &due);
    if (rv == APR_SUCCESS && due) {
        rv = push_chore_batches(s->ret->chore, batch_remove, s);
        if (rv == APR_SUCCESS && s->removed > 0) {
            rv = oldest_read(s, &due);
        }
    }
    return rv;
}

static apr_status_t sweep_run(push_chore_t *chore, void *data)
{
    push_retention_t *ret = data;
    sweep_t s = { ret, __atomic_load_n(&ret->seconds, __ATOMIC_RELAXED), 0, 0 };
    apr_status_t rv;

    if (s.seconds == 0) {
        return PUSH_CHORE_IDLE;
    }
    rv = sweep(&s);
    if (s.removed > 0) {
        ret->conf->log(0,
                       apr_psprintf(push_chore_pool(chore),
                                    "retention: %" APR_INT64_T_FMT
                                    " events older than %d s removed from the "
                                    "log, up to id %" APR_INT64_T_FMT,
                                    s.removed, s.seconds, s.last));
    }
    return rv;
}

apr_status_t push_retention_sweep(push_retention_t *ret)
{
    return push_chore_round(ret->chore);
}

/* --- for the main thread -------------------------------------------------- */

apr_status_t push_retention_create(push_retention_t **out,
                                   const push_retention_conf_t *conf,
                                   int seconds, const char **why, apr_pool_t *p)
{
    push_retention_t *ret = apr_pcalloc(p, sizeof(*ret));
    const push_chore_conf_t what = {
        .name = "retention",
        .trouble = "cannot clear the event log of old events",
        .again = "the event log can be cleared of old events again",
        .database = conf->database,
        .first_ms = EVERY_MS,
        .every_ms = EVERY_MS,
        .failed_ms = FAILED_MS,
        .failed_most_ms = EVERY_MS,
        .rest_times = REST_TIMES,
        .rest_least_ms = REST_LEAST_MS,
        .rest_most_ms = REST_MOST_MS,
        .round = sweep_run,
        .baton = ret,
        .log = conf->log,
    };

    ret->conf = conf;
    ret->what = what;
    ret->seconds = seconds;
    *out = ret;
    return push_chore_create(&ret->chore, &ret->what, why, p);
}

push_chore_t *push_retention_chore(const push_retention_t *ret)
{
    return ret->chore;
}

void push_retention_follow(push_retention_t *ret, int seconds)
{
    __atomic_store_n(&ret->seconds, seconds, __ATOMIC_RELAXED);
    push_chore_nudge(ret->chore);
}

void push_retention_counters(const push_retention_t *ret,
                             push_retention_counters_t *out)
{
    const push_retention_counters_t *c = &ret->counters;

    out->removed = __atomic_load_n(&c->removed, __ATOMIC_RELAXED);
    out->failures = push_chore_failures(ret->chore);
    out->oldest = __atomic_load_n(&c->oldest, __ATOMIC_RELAXED);
}
