/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_db.c - what the door to the database promises, on SQLite.
 *
 * The statements are this file's own: it defines the table that is otherwise
 * made from sql/statements/. Every test has a directory and a database file of
 * its own; a second program is played by a plain sqlite3 handle.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <apr_general.h>
#include <apr_strings.h>
#include <fcntl.h>
#include <libpq-fe.h>
#include <pthread.h>
#include <sched.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sem.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "db_private.h"

#define INT64_LARGEST APR_INT64_C(9223372036854775807)
#define INT64_SMALLEST (-INT64_LARGEST - 1)

/* Sorted by label, as the real one. */
/* clang-format off */
const chat_statement_t chat_statements[] = {
    { "count",        { "SELECT count(*) FROM person", NULL } },
    { "echo",         { "SELECT $1, typeof($1), $2", NULL } },
    { "insert",       { "INSERT INTO person (id, name, boss) VALUES ($1, $2, $3)"
                        " RETURNING id, name", NULL } },
    { "insert_plain", { "INSERT INTO person (name) VALUES ($1)", NULL } },
    { "names",        { "SELECT name FROM person ORDER BY id;\n", NULL } },
    { "only_pgsql",   { NULL, "SELECT now()" } },
    { "question",     { "SELECT ?", NULL } },
    { "two",          { "SELECT 1; SELECT 2", NULL } },
    { "wrong",        { "SELECT no_such_column FROM person", NULL } },
    { NULL, { NULL, NULL } }
};
/* clang-format on */
const int chat_statements_n = 9;

static const char schema[] = "CREATE TABLE person ("
                             "  id INTEGER PRIMARY KEY,"
                             "  name TEXT UNIQUE NOT NULL CHECK (name <> ''),"
                             "  boss INTEGER REFERENCES person (id));";

typedef struct {
    apr_pool_t *p;
    char dir[64];
    char *file; /* the database */
    chat_db_t *db;
} world_t;

static chat_db_conf_t conf_of(const world_t *w)
{
    chat_db_conf_t conf = { .max = 2 };

    conf.target = apr_pstrcat(w->p, "sqlite:", w->file, NULL);
    conf.wait = apr_time_from_msec(100);
    conf.busy = apr_time_from_msec(400);
    return conf;
}

static chat_db_t *door(const world_t *w, const chat_db_conf_t *conf)
{
    const char *why = NULL;
    chat_db_t *db;
    apr_status_t rv;

    rv = chat_db_open(&db, conf, &why, w->p);
    if (rv != APR_SUCCESS) {
        fail_msg("%s", why);
    }
    return db;
}

/* Another program with the same file. */
static sqlite3 *shell(const world_t *w)
{
    sqlite3 *s;

    assert_int_equal(sqlite3_open(w->file, &s), SQLITE_OK);
    return s;
}

static void says(sqlite3 *s, const char *sql)
{
    char *error = NULL;

    if (sqlite3_exec(s, sql, NULL, NULL, &error) != SQLITE_OK) {
        fail_msg("%s: %s", sql, error);
    }
}

static int world_make(void **state)
{
    world_t *w;
    apr_pool_t *p;
    chat_db_conf_t conf;
    sqlite3 *s;

    apr_pool_create(&p, NULL);
    w = apr_pcalloc(p, sizeof(*w));
    w->p = p;
    snprintf(w->dir, sizeof(w->dir), "/tmp/chat-db-XXXXXX");
    assert_non_null(mkdtemp(w->dir));
    w->file = apr_pstrcat(p, w->dir, "/chat.db", NULL);
    s = shell(w);
    says(s, schema);
    sqlite3_close(s);
    conf = conf_of(w);
    w->db = door(w, &conf);
    *state = w;
    return 0;
}

static int world_end(void **state)
{
    world_t *w = *state;
    const char *const names[] = { "chat.db", "chat.db-wal", "chat.db-shm",
                                  "chat.db-journal", "old.db" };
    apr_size_t i;
    chat_turn_t turn = CHAT_TURN_NONE;
    char path[128];

    chmod(w->dir, 0700);
    chat_turn_find(&turn, w->file);
    if (turn.id >= 0) {
        semctl(turn.id, 0, IPC_RMID); /* the kernel would keep it */
    }
    snprintf(path, sizeof(path), "%s", w->dir);
    apr_pool_destroy(w->p);
    for (i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        char file[160];

        snprintf(file, sizeof(file), "%s/%s", path, names[i]);
        unlink(file);
    }
    return rmdir(path);
}

static chat_db_conn_t *acquired(world_t *w)
{
    chat_db_conn_t *conn;

    if (chat_db_acquire(&conn, w->db) != APR_SUCCESS) {
        fail_msg("%s", chat_db_error(NULL));
    }
    return conn;
}

static apr_status_t person(chat_db_conn_t *conn, const char *name,
                           apr_pool_t *p)
{
    chat_db_value_t args[] = { chat_db_text(name) };

    return chat_db_run(NULL, conn, "insert_plain", args, 1, p);
}

static int people(world_t *w)
{
    chat_db_result_t *res;

    assert_int_equal(chat_db_query(&res, w->db, "count", NULL, 0, w->p),
                     APR_SUCCESS);
    return (int)chat_db_get_int(res, 0, 0, -1);
}

/* --- values -------------------------------------------------------------- */

static void null_and_the_empty_text_stay_apart(void **state)
{
    world_t *w = *state;
    chat_db_value_t args[] = { chat_db_text(NULL), chat_db_text("") };
    chat_db_result_t *res;

    assert_int_equal(chat_db_query(&res, w->db, "echo", args, 2, w->p),
                     APR_SUCCESS);
    assert_int_equal(chat_db_rows(res), 1);
    assert_int_equal(chat_db_cols(res), 3);
    assert_null(chat_db_get(res, 0, 0));
    assert_string_equal(chat_db_get(res, 0, 1), "null");
    assert_string_equal(chat_db_get(res, 0, 2), "");
    assert_int_equal(chat_db_get_int(res, 0, 0, -7), -7);
    assert_int_equal(chat_db_get_int(res, 0, 2, -7), -7);
}

static void the_extreme_integers_come_back_exact(void **state)
{
    world_t *w = *state;
    chat_db_value_t args[] = { chat_db_int(INT64_LARGEST),
                               chat_db_int(INT64_SMALLEST) };
    chat_db_result_t *res;

    assert_int_equal(chat_db_query(&res, w->db, "echo", args, 2, w->p),
                     APR_SUCCESS);
    assert_true(chat_db_get_int(res, 0, 0, 0) == INT64_LARGEST);
    assert_string_equal(chat_db_get(res, 0, 1), "integer");
    assert_true(chat_db_get_int(res, 0, 2, 0) == INT64_SMALLEST);
}

static void a_field_that_is_no_number_gives_the_callers_default(void **state)
{
    world_t *w = *state;
    chat_db_value_t args[] = { chat_db_text("12 apples"),
                               chat_db_text("99999999999999999999") };
    chat_db_result_t *res;

    assert_int_equal(chat_db_query(&res, w->db, "echo", args, 2, w->p),
                     APR_SUCCESS);
    assert_int_equal(chat_db_get_int(res, 0, 0, -1), -1);
    assert_int_equal(chat_db_get_int(res, 0, 2, -1), -1);
}

static void text_is_bound_and_never_becomes_sql(void **state)
{
    world_t *w = *state;
    const char *nasty = "'); DROP TABLE person; -- $1 \xd8\xb9\xd9\x85";
    chat_db_value_t args[] = { chat_db_text(nasty) };
    chat_db_result_t *res;

    assert_int_equal(chat_db_query(NULL, w->db, "insert_plain", args, 1, w->p),
                     APR_SUCCESS);
    assert_int_equal(chat_db_query(&res, w->db, "names", NULL, 0, w->p),
                     APR_SUCCESS);
    assert_string_equal(chat_db_get(res, 0, 0), nasty);
}

static void a_field_outside_the_result_is_null(void **state)
{
    world_t *w = *state;
    chat_db_result_t *res;

    assert_int_equal(chat_db_query(&res, w->db, "names", NULL, 0, w->p),
                     APR_SUCCESS);
    assert_int_equal(chat_db_rows(res), 0);
    assert_int_equal(chat_db_cols(res), 1);
    assert_null(chat_db_get(res, 0, 0));
    assert_null(chat_db_get(res, -1, 0));
}

static void an_insert_returns_its_rows(void **state)
{
    world_t *w = *state;
    chat_db_value_t args[] = { chat_db_int(41), chat_db_text("Ada"),
                               chat_db_null() };
    chat_db_result_t *res;

    assert_int_equal(chat_db_query(&res, w->db, "insert", args, 3, w->p),
                     APR_SUCCESS);
    assert_int_equal(chat_db_rows(res), 1);
    assert_int_equal(chat_db_get_int(res, 0, 0, 0), 41);
    assert_string_equal(chat_db_get(res, 0, 1), "Ada");
}

/* --- failures ------------------------------------------------------------ */

static void a_refused_row_says_why_it_was_refused(void **state)
{
    world_t *w = *state;
    chat_db_value_t ada[] = { chat_db_int(1), chat_db_text("Ada"),
                              chat_db_null() };
    chat_db_value_t ada_again[] = { chat_db_int(2), chat_db_text("Ada"),
                                    chat_db_null() };
    chat_db_value_t same_id[] = { chat_db_int(1), chat_db_text("Bo"),
                                  chat_db_null() };
    chat_db_value_t no_boss[] = { chat_db_int(3), chat_db_text("Cy"),
                                  chat_db_int(99) };
    chat_db_value_t no_name[] = { chat_db_int(4), chat_db_null(),
                                  chat_db_null() };
    chat_db_value_t empty[] = { chat_db_int(5), chat_db_text(""),
                                chat_db_null() };
    chat_db_value_t no_id[] = { chat_db_text("x"), chat_db_text("Di"),
                                chat_db_null() };
    /* clang-format off */
    const struct {
        const chat_db_value_t *args;
        apr_status_t rv;
        const char *words;
    } rows[] = {
        { ada,       APR_SUCCESS,         "" },
        { ada_again, CHAT_DB_EUNIQUE,     "UNIQUE" },
        { same_id,   CHAT_DB_EUNIQUE,     "UNIQUE" },
        { no_boss,   CHAT_DB_ECONSTRAINT, "FOREIGN KEY" },
        { no_name,   CHAT_DB_ECONSTRAINT, "NOT NULL" },
        { empty,     CHAT_DB_ECONSTRAINT, "CHECK" },
        { no_id,     CHAT_DB_EINPUT,      "mismatch" },
    };
    /* clang-format on */
    chat_db_conn_t *conn = acquired(w);
    chat_db_result_t *res;
    apr_size_t i;

    for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        assert_int_equal(
            chat_db_run(&res, conn, "insert", rows[i].args, 3, w->p),
            rows[i].rv);
        assert_non_null(strstr(chat_db_error(conn), rows[i].words));
        assert_true((res != NULL) == (rows[i].rv == APR_SUCCESS));
    }
    chat_db_release(conn);
    assert_int_equal(people(w), 1);
}

static void a_mistake_of_ours_names_the_statement(void **state)
{
    world_t *w = *state;
    chat_db_value_t one[] = { chat_db_int(1), chat_db_int(2) };
    /* clang-format off */
    const struct {
        const char *label;
        int n;
    } rows[] = {
        { "no_such_label", 0 },
        { "only_pgsql",    0 },
        { "wrong",         0 },
        { "two",           0 },
        { "question",      1 },
        { "names",         1 },
        { "echo",          1 },
    };
    /* clang-format on */
    apr_size_t i;

    for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        assert_int_equal(
            chat_db_query(NULL, w->db, rows[i].label, one, rows[i].n, w->p),
            CHAT_DB_ESQL);
        assert_ptr_equal(strstr(chat_db_error(NULL), rows[i].label),
                         chat_db_error(NULL));
    }
}

static void labels_are_known_by_engine(void **state)
{
    (void)state;
    assert_true(chat_db_has("count", CHAT_DB_SQLITE));
    assert_false(chat_db_has("count", CHAT_DB_PGSQL));
    assert_true(chat_db_has("only_pgsql", CHAT_DB_PGSQL));
    assert_false(chat_db_has("only_pgsql", CHAT_DB_SQLITE));
    assert_false(chat_db_has("zzz", CHAT_DB_SQLITE));
}

static void every_status_of_ours_has_words(void **state)
{
    apr_status_t rv;

    (void)state;
    for (rv = CHAT_DB_EAWAY; rv <= CHAT_DB_ESQL; rv++) {
        assert_true(strlen(chat_db_strerror(rv)) > 10);
        assert_null(strstr(chat_db_strerror(rv), "specified"));
    }
}

/* --- transactions -------------------------------------------------------- */

static void a_commit_keeps_and_a_rollback_forgets(void **state)
{
    world_t *w = *state;
    chat_db_conn_t *conn = acquired(w);

    assert_int_equal(chat_db_begin(conn), APR_SUCCESS);
    assert_int_equal(person(conn, "Ada", w->p), APR_SUCCESS);
    assert_int_equal(chat_db_commit(conn), APR_SUCCESS);
    assert_int_equal(chat_db_begin(conn), APR_SUCCESS);
    assert_int_equal(person(conn, "Bo", w->p), APR_SUCCESS);
    chat_db_rollback(conn);
    chat_db_rollback(conn); /* harmless without a transaction */
    chat_db_release(conn);
    assert_int_equal(people(w), 1);
}

static void a_transaction_remembers_its_first_failure(void **state)
{
    world_t *w = *state;
    chat_db_conn_t *conn = acquired(w);

    assert_int_equal(chat_db_begin(conn), APR_SUCCESS);
    assert_int_equal(person(conn, "Ada", w->p), APR_SUCCESS);
    assert_int_equal(person(conn, "Ada", w->p), CHAT_DB_EUNIQUE);
    /* Nothing runs any more, good or bad, and the words stay. */
    assert_int_equal(person(conn, "Bo", w->p), CHAT_DB_EUNIQUE);
    assert_int_equal(chat_db_run(NULL, conn, "wrong", NULL, 0, w->p),
                     CHAT_DB_EUNIQUE);
    assert_int_equal(chat_db_commit(conn), CHAT_DB_EUNIQUE);
    assert_non_null(strstr(chat_db_error(conn), "UNIQUE"));
    /* The connection goes on. */
    assert_int_equal(person(conn, "Cy", w->p), APR_SUCCESS);
    chat_db_release(conn);
    assert_int_equal(people(w), 1);
}

static void a_transaction_given_back_open_is_rolled_back(void **state)
{
    world_t *w = *state;
    chat_db_conn_t *conn = acquired(w);

    assert_int_equal(chat_db_begin(conn), APR_SUCCESS);
    assert_int_equal(person(conn, "Ada", w->p), APR_SUCCESS);
    chat_db_release(conn);
    assert_int_equal(people(w), 0);
    conn = acquired(w);
    assert_int_equal(chat_db_begin(conn), APR_SUCCESS);
    assert_int_equal(chat_db_commit(conn), APR_SUCCESS);
    chat_db_release(conn);
}

static void transactions_neither_nest_nor_end_twice(void **state)
{
    world_t *w = *state;
    chat_db_conn_t *conn = acquired(w);

    assert_int_equal(chat_db_commit(conn), CHAT_DB_ESQL);
    assert_int_equal(chat_db_begin(conn), APR_SUCCESS);
    assert_int_equal(person(conn, "Ada", w->p), APR_SUCCESS);
    assert_int_equal(chat_db_begin(conn), CHAT_DB_ESQL);
    assert_int_equal(chat_db_commit(conn), CHAT_DB_ESQL);
    assert_int_equal(chat_db_commit(conn), CHAT_DB_ESQL);
    chat_db_release(conn);
    assert_int_equal(people(w), 0);
}

static void a_script_that_forgets_its_commit_is_undone(void **state)
{
    world_t *w = *state;
    chat_db_conn_t *conn = acquired(w);

    assert_int_equal(
        chat_db_script(conn, "BEGIN; INSERT INTO person (name) VALUES ('x')"),
        CHAT_DB_ESQL);
    assert_int_equal(chat_db_script(conn,
                                    "BEGIN; INSERT INTO person (name)"
                                    " VALUES ('x'); SELECT nonsense; COMMIT"),
                     CHAT_DB_ESQL);
    assert_non_null(strstr(chat_db_error(conn), "nonsense"));
    assert_int_equal(chat_db_script(conn,
                                    "INSERT INTO person (name) VALUES ('a');"
                                    "INSERT INTO person (name) VALUES ('b')"),
                     APR_SUCCESS);
    chat_db_release(conn);
    assert_int_equal(people(w), 2);
}

static void a_full_disk_is_told_and_nothing_stays_half_written(void **state)
{
    world_t *w = *state;
    chat_db_conn_t *conn = acquired(w);
    char *large = apr_palloc(w->p, 100001);

    memset(large, 'x', 100000);
    large[100000] = '\0';
    assert_int_equal(chat_db_script(conn, "PRAGMA max_page_count = 8"),
                     APR_SUCCESS);
    assert_int_equal(chat_db_begin(conn), APR_SUCCESS);
    assert_int_equal(person(conn, "Ada", w->p), APR_SUCCESS);
    assert_int_equal(person(conn, large, w->p), CHAT_DB_EFULL);
    assert_int_equal(chat_db_commit(conn), CHAT_DB_EFULL);
    assert_int_equal(person(conn, "Bo", w->p), APR_SUCCESS);
    chat_db_release(conn);
    assert_int_equal(people(w), 1);
}

/* --- waiting ------------------------------------------------------------- */

static void the_wait_for_a_connection_is_bounded(void **state)
{
    world_t *w = *state;
    chat_db_conn_t *a = acquired(w), *b = acquired(w), *c;
    apr_time_t began = apr_time_now(), took;

    assert_int_equal(chat_db_acquire(&c, w->db), CHAT_DB_EBUSY);
    took = apr_time_now() - began;
    assert_null(c);
    assert_true(took >= apr_time_from_msec(90));
    assert_true(took < apr_time_from_msec(1500));
    assert_non_null(strstr(chat_db_error(NULL), "none of 2 connections"));
    chat_db_release(b);
    assert_int_equal(chat_db_acquire(&c, w->db), APR_SUCCESS);
    chat_db_release(c);
    chat_db_release(a);
}

typedef struct {
    world_t *w;
    apr_status_t rv;
    apr_time_t took;
    int stage; /* atomic: 0: not begun, 1: it waits, 2: it has ended */
} waiter_t;

static void *wait_for_the_writer(void *data)
{
    waiter_t *waiter = data;
    chat_db_conn_t *conn;
    apr_time_t began = apr_time_now();

    __atomic_store_n(&waiter->stage, 1, __ATOMIC_SEQ_CST);
    waiter->rv = chat_db_acquire_to_write(&conn, waiter->w->db);
    if (waiter->rv == APR_SUCCESS) {
        waiter->rv = chat_db_begin(conn);
        chat_db_release(conn);
    }
    waiter->took = apr_time_now() - began;
    __atomic_store_n(&waiter->stage, 2, __ATOMIC_SEQ_CST);
    return NULL;
}

/* apr_dbd's own calls stopped every reader of the process for as long as one
 * thread waited for another program's lock: one read had begun, and ended with that. */
static void a_waiting_writer_stops_no_reader(void **state)
{
    world_t *w = *state;
    waiter_t waiter = { w, APR_SUCCESS, 0, 0 };
    sqlite3 *other = shell(w);
    pthread_t thread;
    int reads = 0;

    people(w); /* its connection is open */
    says(other, "BEGIN IMMEDIATE; INSERT INTO person (name) VALUES ('x')");
    assert_int_equal(
        pthread_create(&thread, NULL, wait_for_the_writer, &waiter), 0);
    while (__atomic_load_n(&waiter.stage, __ATOMIC_SEQ_CST) == 0) {
        sched_yield();
    }
    while (__atomic_load_n(&waiter.stage, __ATOMIC_SEQ_CST) == 1) {
        assert_int_equal(people(w), 0);
        reads += __atomic_load_n(&waiter.stage, __ATOMIC_SEQ_CST) == 1;
    }
    assert_int_equal(pthread_join(thread, NULL), 0);
    says(other, "COMMIT");
    sqlite3_close(other);
    assert_int_equal(waiter.rv, CHAT_DB_EBUSY);
    assert_true(waiter.took >= apr_time_from_msec(350));
    assert_true(reads > 1);
    assert_int_equal(people(w), 1);
}

/* Once eight writers waited for another program's lock they held all pooled
 * connections, and every read was answered with 503. */
static void more_writers_than_connections_leave_one_to_read(void **state)
{
    enum { WRITERS = 12 };
    world_t *w = *state;
    waiter_t waiters[WRITERS];
    pthread_t threads[WRITERS];
    sqlite3 *other = shell(w);
    apr_time_t until;

    people(w); /* its connection is open */
    says(other, "BEGIN IMMEDIATE; INSERT INTO person (name) VALUES ('x')");
    for (int i = 0; i < WRITERS; i++) {
        waiters[i] = (waiter_t){ w, APR_SUCCESS, 0, 0 };
        assert_int_equal(
            pthread_create(&threads[i], NULL, wait_for_the_writer, &waiters[i]),
            0);
    }
    until = apr_time_now() + apr_time_from_msec(200);
    while (apr_time_now() < until) {
        assert_int_equal(people(w), 0);
    }
    says(other, "COMMIT");
    sqlite3_close(other);
    for (int i = 0; i < WRITERS; i++) {
        assert_int_equal(pthread_join(threads[i], NULL), 0);
        assert_true(waiters[i].rv == APR_SUCCESS ||
                    waiters[i].rv == CHAT_DB_EBUSY ||
                    waiters[i].rv == CHAT_DB_EUNIQUE);
    }
}

static void *insert_many(void *data)
{
    waiter_t *writer = data;
    apr_pool_t *p;
    chat_db_value_t args[1];
    int i;

    apr_pool_create_unmanaged_ex(&p, NULL, NULL);
    for (i = 0; i < 50; i++) {
        args[0] = chat_db_text(apr_psprintf(p, "%pp %d", (void *)writer, i));
        writer->rv |= chat_db_query(NULL, writer->w->db, "insert_plain", args,
                                    1, p);
    }
    apr_pool_destroy(p);
    return NULL;
}

/* --- one commit for many --------------------------------------------------- */

typedef struct {
    world_t *w;
    const char *name;
    apr_pool_t *p;
    chat_db_result_t *res;
    apr_status_t rv;
    char words[CHAT_DB_ERROR_LEN];
} sharer_t;

static void *share(void *data)
{
    sharer_t *s = data;
    chat_db_value_t args[] = { chat_db_null(), chat_db_text(s->name),
                               chat_db_null() };

    s->rv = chat_db_query(&s->res, s->w->db, "insert", args, 3, s->p);
    apr_cpystrn(s->words, chat_db_error(NULL), sizeof(s->words));
    return NULL;
}

static int commit_count(void *data)
{
    ++*(int *)data;
    return 0;
}

static int commit_refuse(void *data)
{
    ++*(int *)data;
    return 1;
}

/* Wait until n are in the queue before the door. */
static void queue_holds(chat_db_t *db, int n)
{
    int there = -1;

    while (there < n) {
        chat_gate_wait_t *at;

        apr_sleep(1000);
        pthread_mutex_lock(&db->writers.lock);
        there = 0;
        for (at = db->writers.first; at != NULL; at = at->next) {
            there++;
        }
        pthread_mutex_unlock(&db->writers.lock);
    }
}

/* Have all of them wait for the door, then open it.
 * @param refuse  1: no commit succeeds
 * @return how many commits it took */
static int share_all(world_t *w, sharer_t *sharers, int n, int refuse)
{
    chat_db_conn_t *conn;
    pthread_t threads[8];
    int commits = 0, i;

    assert_int_equal(chat_db_acquire_to_write(&conn, w->db), APR_SUCCESS);
    sqlite3_commit_hook(conn->native, refuse ? commit_refuse : commit_count,
                        &commits);
    for (i = 0; i < n; i++) {
        assert_int_equal(pthread_create(&threads[i], NULL, share, &sharers[i]),
                         0);
        queue_holds(w->db, i + 1);
    }
    chat_db_release(conn);
    for (i = 0; i < n; i++) {
        assert_int_equal(pthread_join(threads[i], NULL), 0);
    }
    return commits;
}

static sharer_t *sharers_of(world_t *w, const char *const *names, int n)
{
    sharer_t *sharers = apr_pcalloc(w->p, (apr_size_t)n * sizeof(*sharers));
    chat_db_conf_t conf = conf_of(w);
    int i;

    conf.max = 1; /* all of them, and the hook, on one connection */
    conf.busy = apr_time_from_sec(30);
    w->db = door(w, &conf);
    for (i = 0; i < n; i++) {
        sharers[i].w = w;
        sharers[i].name = names[i];
        apr_pool_create_unmanaged_ex(&sharers[i].p, NULL, NULL);
    }
    return sharers;
}

static void sharers_end(sharer_t *sharers, int n)
{
    while (n-- > 0) {
        apr_pool_destroy(sharers[n].p);
    }
}

static void writers_that_wait_share_a_commit_and_not_an_error(void **state)
{
    static const char *const names[] = { "a", "b", "", "c", "a", "d" };
    world_t *w = *state;
    sharer_t *s = sharers_of(w, names, 6);

    assert_int_equal(share_all(w, s, 6, 0), 1);
    for (int i = 0; i < 6; i++) {
        if (i == 2 || i == 4) {
            continue;
        }
        assert_int_equal(s[i].rv, APR_SUCCESS);
        assert_string_equal(chat_db_get(s[i].res, 0, 1), names[i]);
    }
    assert_int_equal(s[2].rv, CHAT_DB_ECONSTRAINT);
    assert_non_null(strstr(s[2].words, "CHECK"));
    assert_null(s[2].res);
    assert_int_equal(s[4].rv, CHAT_DB_EUNIQUE);
    assert_int_equal(people(w), 4);
    sharers_end(s, 6);
}

/* Nobody may be told "stored" when one takes the transaction with it, */
static void a_shared_transaction_that_is_lost_fails_for_all(void **state)
{
    static const char *const names[] = { "a", "boom", "c" };
    world_t *w = *state;
    sqlite3 *other = shell(w);
    sharer_t *s = sharers_of(w, names, 3);

    says(other, "CREATE TRIGGER boom AFTER INSERT ON person"
                " WHEN NEW.name = 'boom'"
                " BEGIN SELECT RAISE(ROLLBACK, 'gone'); END");
    sqlite3_close(other);
    assert_int_equal(share_all(w, s, 3, 0), 0);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(s[i].rv, CHAT_DB_ECONSTRAINT);
        assert_non_null(strstr(s[i].words, "gone"));
        assert_null(s[i].res);
    }
    assert_int_equal(people(w), 0);
    sharers_end(s, 3);
}

/* nor when the commit itself fails. */
static void a_shared_commit_that_fails_fails_for_all(void **state)
{
    static const char *const names[] = { "a", "", "c" };
    world_t *w = *state;
    sharer_t *s = sharers_of(w, names, 3);

    assert_int_equal(share_all(w, s, 3, 1), 1);
    assert_int_equal(s[0].rv, CHAT_DB_ECONSTRAINT);
    assert_non_null(strstr(s[1].words, "CHECK")); /* its own reason */
    assert_int_equal(s[2].rv, CHAT_DB_ECONSTRAINT);
    assert_string_equal(s[0].words, s[2].words);
    assert_int_equal(people(w), 0);
    sharers_end(s, 3);
}

static void threads_share_the_pool(void **state)
{
    world_t *w = *state;
    chat_db_conf_t conf = conf_of(w);
    waiter_t writers[4];
    pthread_t threads[4];
    int i;

    conf.wait = apr_time_from_sec(20);
    conf.busy = apr_time_from_sec(20);
    conf.normal = 1;
    w->db = door(w, &conf);
    for (i = 0; i < 4; i++) {
        writers[i] = (waiter_t){ w, APR_SUCCESS, 0, 0 };
        assert_int_equal(
            pthread_create(&threads[i], NULL, insert_many, &writers[i]), 0);
    }
    for (i = 0; i < 4; i++) {
        assert_int_equal(pthread_join(threads[i], NULL), 0);
        assert_int_equal(writers[i].rv, APR_SUCCESS);
    }
    assert_int_equal(people(w), 200);
}

/* --- the file ------------------------------------------------------------ */

static void a_missing_file_is_an_error_and_stays_missing(void **state)
{
    world_t *w = *state;
    chat_db_conn_t *conn;
    struct stat st;

    assert_int_equal(unlink(w->file), 0);
    assert_int_equal(chat_db_acquire(&conn, w->db), CHAT_DB_EAWAY);
    assert_null(conn);
    assert_non_null(strstr(chat_db_error(NULL), w->file));
    assert_non_null(strstr(chat_db_error(NULL), "does not exist"));
    assert_int_equal(stat(w->file, &st), -1);
}

static void a_missing_file_is_made_when_asked_for(void **state)
{
    world_t *w = *state;
    chat_db_conf_t conf = conf_of(w);
    chat_db_conn_t *conn;

    assert_int_equal(unlink(w->file), 0);
    conf.create = 1;
    w->db = door(w, &conf);
    conn = acquired(w);
    assert_int_equal(chat_db_script(conn, schema), APR_SUCCESS);
    chat_db_release(conn);
    assert_int_equal(people(w), 0);
}

static void a_file_that_is_no_database_is_told(void **state)
{
    world_t *w = *state;
    chat_db_conn_t *conn;
    int fd = open(w->file, O_WRONLY | O_TRUNC);
    const char text[] = "These are sixteen bytes and more, but no database.";

    assert_int_equal(write(fd, text, sizeof(text)), (ssize_t)sizeof(text));
    close(fd);
    assert_int_equal(chat_db_acquire(&conn, w->db), CHAT_DB_EAWAY);
    assert_non_null(strstr(chat_db_error(NULL), "not a database"));
    assert_int_equal(unlink(w->file), 0);
    assert_int_equal(mkdir(w->file, 0700), 0);
    assert_int_equal(chat_db_acquire(&conn, w->db), CHAT_DB_EAWAY);
    assert_non_null(strstr(chat_db_error(NULL), "it is no file"));
    assert_int_equal(rmdir(w->file), 0);
}

/* A backup put in place of the file: the old one has no name any more, and
 * whoever went on with it would lose every message from then on. */
static void a_file_that_was_replaced_is_opened_anew(void **state)
{
    world_t *w = *state;
    char *old = apr_pstrcat(w->p, w->dir, "/old.db", NULL);
    chat_db_conn_t *conn = acquired(w);
    apr_int64_t before, after;
    sqlite3 *s;

    assert_int_equal(person(conn, "Ada", w->p), APR_SUCCESS);
    assert_int_equal(chat_db_data_version(conn, &before), APR_SUCCESS);
    s = shell(w);
    says(s, "PRAGMA wal_checkpoint(TRUNCATE)");
    sqlite3_close(s);
    assert_int_equal(rename(w->file, old), 0);
    s = shell(w);
    says(s, schema);
    sqlite3_close(s);
    assert_int_equal(chat_db_data_version(conn, &after), APR_SUCCESS);
    assert_true(before != after);
    chat_db_release(conn);
    assert_int_equal(people(w), 0);
}

static void a_target_of_unknown_form_is_refused(void **state)
{
    world_t *w = *state;
    const char *const targets[] = { "chat.db",
                                    "sqlite:chat.db",
                                    "sqlite:",
                                    "mysql://localhost/chat",
                                    "postgresql://[",
                                    "",
                                    NULL };
    chat_db_conf_t conf = conf_of(w);
    chat_db_t *db;
    apr_size_t i;

    for (i = 0; i < sizeof(targets) / sizeof(targets[0]); i++) {
        const char *why = NULL;

        conf.target = targets[i];
        assert_int_equal(chat_db_open(&db, &conf, &why, w->p), APR_EINVAL);
        assert_null(db);
        assert_non_null(why);
    }
}

static void words_about_a_postgresql_target_hold_no_password(void **state)
{
    world_t *w = *state;
    chat_db_conf_t conf = conf_of(w);
    const char *why = NULL;
    chat_db_t *db;

    conf.target = "postgresql://chat:geheim@[host/db";
    assert_int_equal(chat_db_open(&db, &conf, &why, w->p), APR_EINVAL);
    assert_null(strstr(why, "geheim"));
}

/* What a connection to `target` is opened with. */
static void opens_with(world_t *w, const char *target, const char *keyword,
                       const char *value)
{
    const char *params, *why = NULL;
    PQconninfoOption *options, *o;

    assert_int_equal(chat_db_pgsql.target(&params, target, &why, w->p),
                     APR_SUCCESS);
    options = PQconninfoParse(params, NULL);
    assert_non_null(options);
    for (o = options; strcmp(o->keyword, keyword) != 0; o++) {
        assert_non_null(o->keyword);
    }
    assert_non_null(o->val);
    assert_string_equal(o->val, value);
    PQconninfoFree(options);
}

/* A server that vanished without a word held its connection for two hours. */
static void a_server_that_vanishes_is_found_out_soon(void **state)
{
    static const char plain[] = "postgresql://chat@host/db";
    static const char own[] =
        "postgresql://chat@host/db?tcp_user_timeout=70000&keepalives_idle=60&"
        "keepalives_interval=7&keepalives_count=9&connect_timeout=2&"
        "keepalives=0&application_name=mine";
    /* clang-format off */
    static const struct {
        const char *keyword;
        const char *ours, *theirs;
    } rows[] = {
        { "connect_timeout",     "5",        "2" },
        { "keepalives_idle",     "10",       "60" },
        { "keepalives_interval", "5",        "7" },
        { "keepalives_count",    "3",        "9" },
        { "tcp_user_timeout",    "15000",    "70000" },
        { "application_name",    "mod_chat", "mine" },
    };
    /* clang-format on */
    apr_size_t i;

    for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        opens_with(*state, plain, rows[i].keyword, rows[i].ours);
        opens_with(*state, own, rows[i].keyword, rows[i].theirs);
    }
    opens_with(*state, own, "keepalives", "0");
    opens_with(*state, own, "client_encoding", "UTF8");
}

/* Root may write everywhere, so an ordinary user tries. */
static int as_nobody(world_t *w, int (*check)(world_t *w))
{
    int status;
    pid_t pid = fork();

    if (pid == 0) {
        if (geteuid() == 0 && (setgid(65534) != 0 || setuid(65534) != 0)) {
            _exit(99);
        }
        _exit(check(w));
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFEXITED(status));
    return WEXITSTATUS(status);
}

static int file_is_read_only(world_t *w)
{
    chat_db_conn_t *conn;
    chat_db_result_t *res;

    if (chat_db_acquire(&conn, w->db) != APR_SUCCESS) {
        return 1;
    }
    if (chat_db_run(&res, conn, "count", NULL, 0, w->p) != APR_SUCCESS) {
        return 2;
    }
    if (person(conn, "Ada", w->p) != CHAT_DB_EFULL) {
        return 3;
    }
    if (strstr(chat_db_error(conn), "readonly") == NULL) {
        return 4;
    }
    chat_db_release(conn);
    return 0;
}

static void a_read_only_file_is_read_and_writing_is_told(void **state)
{
    world_t *w = *state;

    assert_int_equal(chmod(w->file, 0444), 0);
    assert_int_equal(chmod(w->dir, 0555), 0);
    assert_int_equal(as_nobody(w, file_is_read_only), 0);
}

static int wal_cannot_be_made(world_t *w)
{
    chat_db_conn_t *conn;

    if (chat_db_acquire(&conn, w->db) != CHAT_DB_EFULL) {
        return 1;
    }
    return strstr(chat_db_error(NULL), w->file) != NULL ? 0 : 2;
}

/* A WAL database needs its directory even to be read. */
static void a_wal_file_in_a_read_only_directory_is_told(void **state)
{
    world_t *w = *state;
    sqlite3 *s = shell(w);

    says(s, "PRAGMA journal_mode=WAL; INSERT INTO person (name) VALUES ('x')");
    sqlite3_close(s);
    assert_int_equal(chmod(w->file, 0444), 0);
    assert_int_equal(chmod(w->dir, 0555), 0);
    assert_int_equal(as_nobody(w, wal_cannot_be_made), 0);
}

static void has(chat_db_conn_t *conn, const char *pragma, const char *value)
{
    sqlite3_stmt *stmt;

    assert_int_equal(sqlite3_prepare_v2(conn->native, pragma, -1, &stmt, NULL),
                     SQLITE_OK);
    assert_int_equal(sqlite3_step(stmt), SQLITE_ROW);
    assert_string_equal((const char *)sqlite3_column_text(stmt, 0), value);
    sqlite3_finalize(stmt);
}

static void connections_use_wal_and_check_foreign_keys(void **state)
{
    world_t *w = *state;
    chat_db_conn_t *conn = acquired(w);
    /* clang-format off */
    const struct {
        const char *pragma;
        const char *value;
    } rows[] = {
        { "PRAGMA journal_mode",       "wal" },
        { "PRAGMA foreign_keys",       "1" },
        { "PRAGMA recursive_triggers", "0" },
        { "PRAGMA synchronous",        "2" },
        { "PRAGMA busy_timeout",       "400" },
    };
    /* clang-format on */
    apr_size_t i;

    for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        has(conn, rows[i].pragma, rows[i].value);
    }
    chat_db_release(conn);
}

/* What may as well be done later left its connection without patience, and who
 * read on it next failed where it should have waited. */
static void who_comes_after_one_that_would_not_wait_waits(void **state)
{
    world_t *w = *state;
    chat_db_value_t ada[] = { chat_db_text("Ada") };
    chat_db_value_t bob[] = { chat_db_text("Bob") };
    sqlite3 *other = shell(w);
    chat_db_conn_t *conn;

    assert_int_equal(chat_db_try(w->db, "insert_plain", ada, 1, w->p),
                     APR_SUCCESS);
    conn = acquired(w);
    has(conn, "PRAGMA busy_timeout", "400");
    assert_int_equal(conn->opened, 1); /* it is the same one */
    chat_db_release(conn);
    says(other, "BEGIN IMMEDIATE");
    assert_int_equal(chat_db_try(w->db, "insert_plain", bob, 1, w->p),
                     CHAT_DB_EBUSY);
    conn = acquired(w);
    has(conn, "PRAGMA busy_timeout", "400");
    assert_int_equal(conn->opened, 1);
    chat_db_release(conn);
    sqlite3_close(other);
    assert_int_equal(people(w), 1);
}

static void the_data_version_moves_with_foreign_commits(void **state)
{
    world_t *w = *state;
    chat_db_conn_t *conn = acquired(w);
    sqlite3 *other = shell(w);
    apr_int64_t first, second;

    assert_int_equal(chat_db_data_version(conn, &first), APR_SUCCESS);
    assert_int_equal(chat_db_data_version(conn, &second), APR_SUCCESS);
    assert_true(first == second);
    says(other, "BEGIN IMMEDIATE; INSERT INTO person (name) VALUES ('x')");
    assert_int_equal(chat_db_data_version(conn, &second), APR_SUCCESS);
    assert_true(first == second);
    says(other, "COMMIT");
    assert_int_equal(chat_db_data_version(conn, &second), APR_SUCCESS);
    assert_true(first != second);
    sqlite3_close(other);
    chat_db_release(conn);
}

static void a_changed_schema_needs_no_new_connection(void **state)
{
    world_t *w = *state;
    sqlite3 *other = shell(w);

    assert_int_equal(people(w), 0);
    says(other, "ALTER TABLE person ADD COLUMN age INTEGER");
    sqlite3_close(other);
    assert_int_equal(people(w), 0);
}

#define WITH_WORLD(t) cmocka_unit_test_setup_teardown(t, world_make, world_end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_WORLD(null_and_the_empty_text_stay_apart),
        WITH_WORLD(the_extreme_integers_come_back_exact),
        WITH_WORLD(a_field_that_is_no_number_gives_the_callers_default),
        WITH_WORLD(text_is_bound_and_never_becomes_sql),
        WITH_WORLD(a_field_outside_the_result_is_null),
        WITH_WORLD(an_insert_returns_its_rows),
        WITH_WORLD(a_refused_row_says_why_it_was_refused),
        WITH_WORLD(a_mistake_of_ours_names_the_statement),
        cmocka_unit_test(labels_are_known_by_engine),
        cmocka_unit_test(every_status_of_ours_has_words),
        WITH_WORLD(a_commit_keeps_and_a_rollback_forgets),
        WITH_WORLD(a_transaction_remembers_its_first_failure),
        WITH_WORLD(a_transaction_given_back_open_is_rolled_back),
        WITH_WORLD(transactions_neither_nest_nor_end_twice),
        WITH_WORLD(a_script_that_forgets_its_commit_is_undone),
        WITH_WORLD(a_full_disk_is_told_and_nothing_stays_half_written),
        WITH_WORLD(the_wait_for_a_connection_is_bounded),
        WITH_WORLD(a_waiting_writer_stops_no_reader),
        WITH_WORLD(more_writers_than_connections_leave_one_to_read),
        WITH_WORLD(writers_that_wait_share_a_commit_and_not_an_error),
        WITH_WORLD(a_shared_transaction_that_is_lost_fails_for_all),
        WITH_WORLD(a_shared_commit_that_fails_fails_for_all),
        WITH_WORLD(threads_share_the_pool),
        WITH_WORLD(a_missing_file_is_an_error_and_stays_missing),
        WITH_WORLD(a_missing_file_is_made_when_asked_for),
        WITH_WORLD(a_file_that_is_no_database_is_told),
        WITH_WORLD(a_file_that_was_replaced_is_opened_anew),
        WITH_WORLD(a_target_of_unknown_form_is_refused),
        WITH_WORLD(words_about_a_postgresql_target_hold_no_password),
        WITH_WORLD(a_server_that_vanishes_is_found_out_soon),
        WITH_WORLD(a_read_only_file_is_read_and_writing_is_told),
        WITH_WORLD(a_wal_file_in_a_read_only_directory_is_told),
        WITH_WORLD(connections_use_wal_and_check_foreign_keys),
        WITH_WORLD(who_comes_after_one_that_would_not_wait_waits),
        WITH_WORLD(the_data_version_moves_with_foreign_commits),
        WITH_WORLD(a_changed_schema_needs_no_new_connection),
    };
    int failed;

    apr_initialize();
    failed = cmocka_run_group_tests(tests, NULL, NULL);
    apr_terminate();
    return failed;
}
