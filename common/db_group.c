/* SPDX-License-Identifier: Apache-2.0 */
/*
 * db_group.c - SQLite's writers share a commit.
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
 */
#include "db_private.h"

#include <apr_strings.h>

/* So many statements in one commit: the first of them waits for the last. */
#define GROUP_MAX 64

/* A statement somebody wants run. Its owner's, on its stack; the leader's
 * between chat_gate_jobs() and chat_gate_served(). */
typedef struct {
    int i; /* of chat_statements */
    const chat_db_value_t *args;
    int n;
    apr_pool_t *p;
    chat_db_result_t *res;
    apr_status_t rv;
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
        chat_gate_served(&db->writers, others);
    }
}

apr_status_t chat_db_grouped(chat_db_result_t **res, chat_db_t *db, int i,
                             const chat_db_value_t *args, int n, apr_pool_t *p)
{
    apr_time_t until = apr_time_now() + db->conf.busy;
    job_t job = { .i = i, .args = args, .n = n, .p = p };
    int served;

    if (chat_gate_enter_or_served(&db->writers, &job, db->conf.busy, &served) !=
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
