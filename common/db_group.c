/* SPDX-License-Identifier: Apache-2.0 */
/*
 * db_group.c - writers who wait share what a commit costs.
 *
 * A commit that survives a power cut waits for the disk, and only one writer is
 * inside at a time: alone, each message would pay for a wait of its own. So who
 * is inside leads: it opens a transaction, runs its own statement, then those
 * of the threads that queue behind it (gate.h), commits once, and tells them.
 * The others sleep meanwhile, so the leader may read their values and put rows
 * into their pools.
 *
 * A statement that SQLite refuses undoes itself and leaves the transaction as
 * it was: its owner hears it, the others go on. When the transaction itself is
 * gone (disk full), or the commit fails, all of them hear that: nobody is told
 * "done" before the commit is.
 *
 * On PostgreSQL writers go side by side, and what costs is the number of
 * statements: each is sent, started, committed, and wakes two processes. There
 * a statement may have a twin that does many of it, each value being an array
 * of theirs. Few lead at once; who comes meanwhile waits and goes with the
 * next. The twin waits for nobody's lock for long. When it fails for whatever
 * one of them has (an id of the wrong kind, a conversation that is locked),
 * nothing was done, and each goes alone: so one that has to wait keeps nobody
 * else waiting.
 */
#include "db_private.h"

#include <apr_strings.h>

#include <string.h>

/* So many statements in one commit: the first of them waits for the last. */
#define GROUP_MAX 64

/* So many in one statement; and so many values has each at most. */
#define MANY_MAX 32
#define VALUES_MAX 16

/* A statement somebody wants run. Its owner's, on its stack; the leader's
 * between chat_gate_jobs() and chat_gate_served(). */
typedef struct {
    int i; /* of chat_statements */
    const chat_db_value_t *args;
    int n;
    apr_pool_t *p;
    chat_db_result_t *res;
    apr_status_t rv;
    int alone; /* it was not done with the others: its owner does it */
    char error[CHAT_DB_ERROR_LEN]; /* when rv is not APR_SUCCESS */
} job_t;

static void job_fail(job_t *job, apr_status_t rv, const char *words)
{
    job->res = NULL;
    job->rv = rv;
    apr_cpystrn(job->error, words, sizeof(job->error));
}

/* @return APR_SUCCESS, also when the statement was refused; what went wrong
 * when the transaction went with it */
static apr_status_t job_run(job_t *job, chat_db_conn_t *conn)
{
    job->rv = chat_db_statement(&job->res, conn, job->i, job->args, job->n,
                                job->p);
    if (job->rv == APR_SUCCESS) {
        return APR_SUCCESS;
    }
    job_fail(job, job->rv, conn->error);
    return conn->broken || !conn->db->ops->in_transaction(conn) ? job->rv
                                                                : APR_SUCCESS;
}

/* Those that had gone well are not stored after all. */
static void all_fail(job_t *mine, chat_gate_wait_t *list, apr_status_t rv,
                     const char *words)
{
    if (mine->rv == APR_SUCCESS) {
        job_fail(mine, rv, words);
    }
    for (; list != NULL; list = list->next) {
        job_t *job = list->job;

        if (job->rv == APR_SUCCESS) {
            job_fail(job, rv, words);
        }
    }
}

/* The jobs of those who wait, in the open transaction. @return as job_run() */
static apr_status_t others_run(chat_gate_wait_t **list, chat_db_conn_t *conn)
{
    apr_status_t rv = APR_SUCCESS;
    chat_gate_wait_t *at;

    *list = chat_gate_jobs(&conn->db->writers, GROUP_MAX - 1);
    for (at = *list; at != NULL && rv == APR_SUCCESS; at = at->next) {
        rv = job_run(at->job, conn);
    }
    return rv;
}

/* Inside the gate: run `mine` and what others want, and commit. */
static void group_lead(job_t *mine, chat_db_t *db, apr_time_t until)
{
    chat_gate_wait_t *others = NULL;
    chat_db_conn_t *conn;
    apr_status_t rv;

    rv = chat_db_acquire(&conn, db);
    if (rv != APR_SUCCESS) {
        job_fail(mine, rv, chat_db_error(NULL));
        return;
    }
    conn->until = until;
    rv = chat_db_begin(conn);
    if (rv != APR_SUCCESS) {
        job_fail(mine, rv, conn->error);
        chat_db_release(conn);
        return;
    }
    rv = job_run(mine, conn);
    if (rv == APR_SUCCESS) {
        rv = others_run(&others, conn);
    }
    if (rv == APR_SUCCESS) {
        rv = chat_db_commit(conn);
    }
    if (rv != APR_SUCCESS) {
        all_fail(mine, others, rv, conn->error);
    }
    chat_db_release(conn);
    if (others != NULL) {
        chat_gate_served(others);
    }
}

apr_status_t chat_db_grouped(chat_db_result_t **res, chat_db_t *db, int i,
                             const chat_db_value_t *args, int n,
                             apr_interval_time_t wait, apr_pool_t *p)
{
    apr_time_t until = apr_time_now() + wait;
    job_t job = { .i = i, .args = args, .n = n, .p = p };
    int served;

    if (chat_gate_enter_or_served(&db->writers, &job, wait, &served) !=
        APR_SUCCESS) {
        return chat_db_fail(NULL, CHAT_DB_EBUSY, chat_statements[i].label,
                            "other writers took too long");
    }
    if (!served) {
        group_lead(&job, db, until);
        chat_gate_leave(&db->writers);
    }
    if (job.rv != APR_SUCCESS) {
        return chat_db_fail_again(job.rv, job.error);
    }
    if (res != NULL) {
        *res = job.res;
    }
    return APR_SUCCESS;
}

/* --- PostgreSQL: many in one statement
 * ---------------------------------------- */

/* A text as an element of an array's literal, behind what is there. */
static char *element_put(char *to, const char *text)
{
    *to++ = '"';
    for (; *text != '\0'; text++) {
        if (*text == '"' || *text == '\\') {
            *to++ = '\\';
        }
        *to++ = *text;
    }
    *to++ = '"';
    return to;
}

/* Bytes of a value in an array's literal at most, its comma included. */
static apr_size_t element_size(const chat_db_value_t *v)
{
    return v->type == CHAT_DB_TEXT ? 2 * strlen(v->text) + 3 : 24;
}

/* Value `at` of all jobs as an array. */
static const char *array_of(job_t *const *jobs, int n, int at, apr_pool_t *p)
{
    apr_size_t size = 3;
    char *array, *to;
    int i;

    for (i = 0; i < n; i++) {
        size += element_size(&jobs[i]->args[at]);
    }
    array = to = apr_palloc(p, size);
    *to++ = '{';
    for (i = 0; i < n; i++) {
        const chat_db_value_t *v = &jobs[i]->args[at];

        if (i > 0) {
            *to++ = ',';
        }
        if (v->type == CHAT_DB_TEXT) {
            to = element_put(to, v->text);
        }
        else if (v->type == CHAT_DB_INT) {
            to += apr_snprintf(to, 22, "%" APR_INT64_T_FMT, v->num);
        }
        else {
            memcpy(to, "NULL", 4);
            to += 4;
        }
    }
    memcpy(to, "}", 2);
    return array;
}

/* Row `row` without its first column becomes the result of a job, in its pool.
 */
static void row_give(job_t *job, const chat_db_result_t *all, int row)
{
    int col;

    job->res->rows++;
    for (col = 1; col < all->cols; col++) {
        APR_ARRAY_PUSH(job->res->fields, const char *) = apr_pstrdup(
            job->p, chat_db_get(all, row, col));
    }
}

static void rows_give(job_t *const *jobs, int n, const chat_db_result_t *all)
{
    int i, row;

    for (i = 0; i < n; i++) {
        jobs[i]->res = apr_pcalloc(jobs[i]->p, sizeof(*jobs[i]->res));
        jobs[i]->res->cols = all->cols - 1;
        jobs[i]->res->fields = apr_array_make(jobs[i]->p, all->cols,
                                              sizeof(const char *));
    }
    for (row = 0; row < chat_db_rows(all); row++) {
        apr_int64_t k = chat_db_get_int(all, row, 0, 0);

        if (k >= 1 && k <= n) {
            row_give(jobs[k - 1], all, row);
        }
    }
}

/* Whether a failure of many says nothing about each of them. A database that is
 * away is away for all, and what became of the statement is not known. */
static int goes_alone(apr_status_t rv) { return rv != CHAT_DB_EAWAY; }

/* One word for all of them, before any of them goes on. */
static void tell_all(job_t *const *jobs, int n, const chat_db_t *db)
{
    int i;

    if (db->conf.told != NULL) {
        db->conf.told(db->conf.told_data);
        for (i = 0; i < n; i++) {
            jobs[i]->res->told = 1;
        }
    }
}

/* Run the twin for n jobs of one statement. The next one begins as soon as ours
 * is committed: what its leader has to do until the server hears of it, and
 * what we have to do for ours, is time in which the server does nothing. */
static void many_run(job_t *const *jobs, int n, chat_db_t *db)
{
    chat_db_value_t values[VALUES_MAX];
    chat_db_result_t *all;
    apr_pool_t *p = jobs[0]->p;
    chat_db_conn_t *conn;
    apr_status_t rv;
    int i;

    for (i = 0; i < jobs[0]->n; i++) {
        values[i] = chat_db_text(array_of(jobs, n, i, p));
    }
    rv = chat_db_acquire(&conn, db);
    if (rv == APR_SUCCESS) {
        rv = chat_db_statement(&all, conn, db->twin[jobs[0]->i], values,
                               jobs[0]->n, p);
        chat_db_release(conn);
    }
    chat_gate_leave(&db->many);
    if (rv == APR_SUCCESS) {
        rows_give(jobs, n, all);
        tell_all(jobs, n, db);
        return;
    }
    for (i = 0; i < n; i++) {
        jobs[i]->alone = goes_alone(rv);
        job_fail(jobs[i], rv, chat_db_error(NULL));
    }
}

/* Inside the gate, and out of it: our own and, of those who wait, what is the
 * same statement. */
static void many_lead(job_t *mine, chat_db_t *db)
{
    chat_gate_wait_t *others = chat_gate_jobs(&db->many, MANY_MAX - 1), *at;
    job_t *jobs[MANY_MAX] = { mine };
    int n = 1;

    for (at = others; at != NULL; at = at->next) {
        job_t *job = at->job;

        if (job->i == mine->i && job->n == mine->n) {
            jobs[n++] = job;
        }
        else {
            job->alone = 1;
        }
    }
    many_run(jobs, n, db);
    if (others != NULL) {
        chat_gate_served(others);
    }
}

apr_status_t chat_db_together(chat_db_result_t **res, chat_db_t *db, int i,
                              const chat_db_value_t *args, int n, apr_pool_t *p)
{
    job_t job = { .i = i, .args = args, .n = n, .p = p };
    int served;

    if (n > VALUES_MAX) {
        return chat_db_alone(res, db, i, args, n, p);
    }
    if (chat_gate_enter_or_served(&db->many, &job, db->conf.busy, &served) !=
        APR_SUCCESS) {
        return chat_db_fail(NULL, CHAT_DB_EBUSY, chat_statements[i].label,
                            "other writers took too long");
    }
    if (!served) {
        many_lead(&job, db);
    }
    if (job.alone) {
        return chat_db_alone(res, db, i, args, n, p);
    }
    if (job.rv != APR_SUCCESS) {
        return chat_db_fail_again(job.rv, job.error);
    }
    if (res != NULL) {
        *res = job.res;
    }
    return APR_SUCCESS;
}
