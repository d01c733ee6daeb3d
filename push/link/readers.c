/* SPDX-License-Identifier: Apache-2.0 */
/*
 * readers.c - look, mark a part, rest, see readers.h.
 */
#include "readers.h"
#include "db.h"

#define EVERY_MS 1000 /* between two looks, whether they fail or not */
#define PART 1000     /* messages that one part looks at */
#define REST_TIMES 1  /* as long as the part took: others get as much */
#define REST_LEAST_MS 5
#define REST_MOST_MS 1000

struct push_readers_t {
    push_chore_conf_t what;
    push_chore_t *chore;
    push_readers_counters_t counters; /* atomic, each for itself; failures are
                                         the chore's */
};

/* One part of what one reader has read. The last one finds that nobody waits. */
static apr_status_t part_mark(void *data, int *more)
{
    push_readers_t *readers = data;
    chat_db_t *db = push_chore_db(readers->chore);
    apr_pool_t *p = push_chore_pool(readers->chore);
    chat_db_value_t args[4];
    chat_db_result_t *res;
    apr_status_t rv;

    rv = chat_db_query(&res, db, "read_due", NULL, 0, p);
    *more = rv == APR_SUCCESS && chat_db_rows(res) > 0;
    if (!*more) {
        return rv;
    }
    args[0] = chat_db_text(chat_db_get(res, 0, 0));
    args[1] = chat_db_text(chat_db_get(res, 0, 1));
    args[2] = chat_db_int(chat_db_get_int(res, 0, 2, 0));
    args[3] = chat_db_int(PART);
    rv = chat_db_query(&res, db, "read_due_mark", args, 4, p);
    if (rv == APR_SUCCESS) {
        __atomic_fetch_add(&readers->counters.marked,
                           (apr_uint64_t)chat_db_rows(res), __ATOMIC_RELAXED);
        rv = chat_db_query(&res, db, "read_due_move", args, 4, p);
    }
    if (rv == APR_SUCCESS) {
        rv = chat_db_query(&res, db, "read_due_done", args, 2, p);
    }
    return rv;
}

static apr_status_t look(push_chore_t *chore, void *data)
{
    return push_chore_batches(chore, part_mark, data);
}

/* --- for the main thread -------------------------------------------------- */

apr_status_t push_readers_create(push_readers_t **out,
                                 const push_readers_conf_t *conf,
                                 const char **why, apr_pool_t *p)
{
    push_readers_t *readers = apr_pcalloc(p, sizeof(*readers));
    const push_chore_conf_t what = {
        .name = "readers",
        .trouble = "cannot mark messages read",
        .again = "messages can be marked read again",
        .database = conf->database,
        .keeps = 1,
        .optional = 1, /* a database of an earlier version */
        .every_ms = EVERY_MS,
        .failed_ms = EVERY_MS,
        .failed_most_ms = EVERY_MS,
        .rest_times = REST_TIMES,
        .rest_least_ms = REST_LEAST_MS,
        .rest_most_ms = REST_MOST_MS,
        .round = look,
        .baton = readers,
        .log = conf->log,
    };

    readers->what = what;
    *out = readers;
    return push_chore_create(&readers->chore, &readers->what, why, p);
}

push_chore_t *push_readers_chore(const push_readers_t *readers)
{
    return readers->chore;
}

void push_readers_counters(const push_readers_t *readers,
                           push_readers_counters_t *out)
{
    out->marked = __atomic_load_n(&readers->counters.marked, __ATOMIC_RELAXED);
    out->failures = push_chore_failures(readers->chore);
}
