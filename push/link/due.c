/* SPDX-License-Identifier: Apache-2.0 */
/*
 * due.c - look, expire, remind, see due.h.
 */
#include "due.h"
#include "db.h"

#define BATCH 100  /* plans changed by one statement; also in sql/statements */
#define ROUNDS 100 /* batches of one look; more is the next one's */
#define REST_MS 50 /* between two batches: others write as well */

struct push_due_t {
    const push_due_conf_t *conf;
    push_chore_conf_t what;
    push_chore_t *chore;
    push_due_counters_t counters; /* atomic, each for itself; failures are the
                                     chore's */
};

/* One look. */
typedef struct {
    push_due_t *due;
    chat_db_value_t args[2]; /* seconds between reminders, how many */
    int rounds;
} look_t;

/* Run a statement and count the plans it has changed.
 * @param full  set to 1 when there may be more */
static apr_status_t change(look_t *l, const char *label,
                           const chat_db_value_t *args, int n,
                           apr_uint64_t *counter, int *full)
{
    push_chore_t *chore = l->due->chore;
    chat_db_result_t *res;
    apr_status_t rv;

    rv = chat_db_query(&res, push_chore_db(chore), label, args, n,
                       push_chore_pool(chore));
    if (rv == APR_SUCCESS) {
        *full |= chat_db_rows(res) >= BATCH;
        __atomic_fetch_add(counter, (apr_uint64_t)chat_db_rows(res),
                           __ATOMIC_RELAXED);
    }
    return rv;
}

static apr_status_t batch(void *data, int *more)
{
    look_t *l = data;
    push_due_counters_t *counters = &l->due->counters;
    apr_status_t rv;

    rv = change(l, "plan_expire", NULL, 0, &counters->expired, more);
    if (rv == APR_SUCCESS) {
        rv = change(l, "plan_remind", l->args, 2, &counters->reminded, more);
    }
    *more = *more && ++l->rounds < ROUNDS;
    return rv;
}

static apr_status_t look(push_chore_t *chore, void *data)
{
    push_due_t *due = data;
    look_t l = { due,
                 { chat_db_int(due->conf->reminder_seconds),
                   chat_db_int(due->conf->reminders) },
                 0 };
    chat_db_result_t *res;
    apr_status_t rv;

    rv = chat_db_query(&res, push_chore_db(chore), "plan_due", l.args, 2,
                       push_chore_pool(chore));
    if (rv != APR_SUCCESS || chat_db_rows(res) == 0) {
        return rv;
    }
    return push_chore_batches(chore, batch, &l);
}

/* --- for the main thread -------------------------------------------------- */

apr_status_t push_due_create(push_due_t **out, const push_due_conf_t *conf,
                             const char **why, apr_pool_t *p)
{
    push_due_t *due = apr_pcalloc(p, sizeof(*due));
    const push_chore_conf_t what = {
        .name = "plans",
        .trouble = "cannot see what is due",
        .again = "the database can be asked again",
        .database = conf->database,
        .optional = 1,
        .every_ms = conf->every_seconds * 1000,
        .failed_ms = conf->every_seconds * 1000,
        .failed_most_ms = conf->every_seconds * 1000,
        .rest_least_ms = REST_MS,
        .rest_most_ms = REST_MS,
        .round = look,
        .baton = due,
        .log = conf->log,
    };

    due->conf = conf;
    due->what = what;
    *out = due;
    return push_chore_create(&due->chore, &due->what, why, p);
}

push_chore_t *push_due_chore(const push_due_t *due) { return due->chore; }

void push_due_counters(const push_due_t *due, push_due_counters_t *out)
{
    const push_due_counters_t *c = &due->counters;

    out->expired = __atomic_load_n(&c->expired, __ATOMIC_RELAXED);
    out->reminded = __atomic_load_n(&c->reminded, __ATOMIC_RELAXED);
    out->failures = push_chore_failures(due->chore);
}
