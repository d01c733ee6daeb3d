/* SPDX-License-Identifier: Apache-2.0 */
/*
 * db.c - the pool, the labels, and the rules both engines share.
 *
 * apr_reslist makes its resources under its lock. Opening a database may take
 * long (a remote server, another's lock), and nobody must wait for that but the
 * thread that asked, so a resource is only a place for a connection; it is
 * opened by chat_db_acquire() after the lock is left, and reopened there when
 * it was found broken.
 *
 * Every pool here is a root of its own with its own allocator: threads open and
 * close connections side by side, and the caller's pool may not be shared.
 */
#include "db_private.h"

#include <apr_errno.h>
#include <apr_lib.h>
#include <apr_strings.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <strings.h>

#define DEFAULT_MAX 8
#define DEFAULT_WAIT apr_time_from_sec(2)
#define DEFAULT_BUSY apr_time_from_sec(5)

/* A reading statement waits so long for one of the first places. When none
 * becomes free by then, those who have them are at something long, or the server is
 * far away: all go at once, for a while. */
#define READERS_WAIT_MS 100
#define READERS_SLOW apr_time_from_sec(10)

/* The words of this thread's last failure: they outlive its connection, and a
 * connection that could not be had leaves none to ask. */
static __thread char thread_error[CHAT_DB_ERROR_LEN];

/* --- values and results --------------------------------------------------- */

chat_db_value_t chat_db_null(void)
{
    chat_db_value_t v = { CHAT_DB_NULL, NULL, 0 };

    return v;
}

chat_db_value_t chat_db_text(const char *s)
{
    chat_db_value_t v = { s == NULL ? CHAT_DB_NULL : CHAT_DB_TEXT, s, 0 };

    return v;
}

chat_db_value_t chat_db_int(apr_int64_t n)
{
    chat_db_value_t v = { CHAT_DB_INT, NULL, n };

    return v;
}

int chat_db_rows(const chat_db_result_t *res) { return res->rows; }

int chat_db_cols(const chat_db_result_t *res) { return res->cols; }

int chat_db_told(const chat_db_result_t *res) { return res->told; }

const char *chat_db_get(const chat_db_result_t *res, int row, int col)
{
    if (row < 0 || row >= res->rows || col < 0 || col >= res->cols) {
        return NULL;
    }
    return APR_ARRAY_IDX(res->fields, row * res->cols + col, const char *);
}

chat_db_result_t *chat_db_pick(const chat_db_result_t *res, int row,
                               const int *cols, int n, apr_pool_t *p)
{
    chat_db_result_t *picked = apr_pcalloc(p, sizeof(*picked));
    int i;

    picked->rows = 1;
    picked->cols = n;
    picked->fields = apr_array_make(p, n, sizeof(const char *));
    for (i = 0; i < n; i++) {
        APR_ARRAY_PUSH(picked->fields, const char *) = chat_db_get(res, row,
                                                                   cols[i]);
    }
    return picked;
}

apr_int64_t chat_db_get_int(const chat_db_result_t *res, int row, int col,
                            apr_int64_t otherwise)
{
    const char *text = chat_db_get(res, row, col);
    char *end;
    apr_int64_t n;

    if (text == NULL || *text == '\0') {
        return otherwise;
    }
    errno = 0;
    n = apr_strtoi64(text, &end, 10);
    return *end == '\0' && errno == 0 ? n : otherwise;
}

/* --- failures ------------------------------------------------------------- */

apr_status_t chat_db_fail(chat_db_conn_t *conn, apr_status_t rv,
                          const char *what, const char *text)
{
    char *c;

    snprintf(thread_error, sizeof(thread_error), "%s: %s", what,
             text != NULL && *text != '\0' ? text : chat_db_strerror(rv));
    for (c = thread_error; *c != '\0'; c++) {
        if (apr_iscntrl(*c)) {
            *c = ' ';
        }
    }
    while (c > thread_error && c[-1] == ' ') {
        *--c = '\0';
    }
    if (conn != NULL) {
        memcpy(conn->error, thread_error, sizeof(conn->error));
    }
    return rv;
}

apr_status_t chat_db_fail_again(apr_status_t rv, const char *words)
{
    apr_cpystrn(thread_error, words, sizeof(thread_error));
    return rv;
}

const char *chat_db_error(const chat_db_conn_t *conn)
{
    return conn != NULL ? conn->error : thread_error;
}

const char *chat_db_strerror(apr_status_t rv)
{
    static __thread char buf[128];

    switch (rv) {
    case CHAT_DB_EAWAY:
        return "the database cannot be reached";
    case CHAT_DB_EBUSY:
        return "the database stayed busy for too long";
    case CHAT_DB_EUNIQUE:
        return "such a row exists already";
    case CHAT_DB_ECONSTRAINT:
        return "a constraint of the database refuses the row";
    case CHAT_DB_EINPUT:
        return "a value is not of the type the database wants";
    case CHAT_DB_EFULL:
        return "the database cannot be written to";
    case CHAT_DB_ESQL:
        return "a statement of ours is wrong";
    default:
        return apr_strerror(rv, buf, sizeof(buf));
    }
}

/* --- labels --------------------------------------------------------------- */

static int statement_compare(const void *label, const void *statement)
{
    return strcmp(label, ((const chat_statement_t *)statement)->label);
}

/* The index of a label that has a text for the engine, or -1. */
static int statement_find(const char *label, chat_db_engine_t engine)
{
    const chat_statement_t *found;

    found = bsearch(label, chat_statements, (size_t)chat_statements_n,
                    sizeof(chat_statements[0]), statement_compare);
    if (found == NULL || found->text[engine] == NULL) {
        return -1;
    }
    return (int)(found - chat_statements);
}

int chat_db_has(const char *label, chat_db_engine_t engine)
{
    return statement_find(label, engine) >= 0;
}

const char *chat_db_script_text(const char *name)
{
    int i;

    for (i = 0; i < chat_scripts_n; i++) {
        if (strcmp(chat_scripts[i].name, name) == 0) {
            return chat_scripts[i].text;
        }
    }
    return NULL;
}

/* --- one connection ------------------------------------------------------- */

static void connection_close(chat_db_conn_t *conn)
{
    if (conn->pool == NULL) {
        return;
    }
    if (conn->handle != NULL) {
        conn->db->ops->unsettle(conn);
        apr_dbd_close(conn->db->driver, conn->handle);
    }
    apr_pool_destroy(conn->pool);
    conn->pool = NULL;
    conn->handle = NULL;
    conn->native = NULL;
    conn->prepared = NULL;
    conn->version = NULL;
    conn->in_tx = 0;
    conn->broken = 0;
}

static apr_status_t connection_open(chat_db_conn_t *conn)
{
    chat_db_t *db = conn->db;
    const char *error = NULL;
    apr_status_t rv;

    if (db->ops->look != NULL) {
        rv = db->ops->look(conn);
        if (rv != APR_SUCCESS) {
            return rv;
        }
    }
    rv = apr_pool_create_unmanaged_ex(&conn->pool, NULL, NULL);
    if (rv != APR_SUCCESS) {
        conn->pool = NULL;
        return chat_db_fail(conn, rv, db->opening, NULL);
    }
    rv = apr_dbd_open_ex(db->driver, conn->pool, db->params, &conn->handle,
                         &error);
    if (rv != APR_SUCCESS) {
        conn->handle = NULL;
        rv = chat_db_fail(conn, CHAT_DB_EAWAY, db->opening, error);
        goto leave;
    }
    conn->opened++;
    conn->native = apr_dbd_native_handle(db->driver, conn->handle);
    conn->prepared = apr_pcalloc(
        conn->pool, sizeof(void *) * (apr_size_t)(chat_statements_n + 1));
    rv = db->ops->settle(conn);
leave:
    if (rv != APR_SUCCESS) {
        connection_close(conn);
    }
    return rv;
}

/* Outside a transaction: open, or open again what has died meanwhile. */
static apr_status_t connection_ready(chat_db_conn_t *conn)
{
    const chat_db_ops_t *ops = conn->db->ops;

    if (conn->handle != NULL && !ops->alive(conn)) {
        connection_close(conn);
    }
    return conn->handle != NULL ? APR_SUCCESS : connection_open(conn);
}

/* --- the pool ------------------------------------------------------------- */

static apr_status_t place_make(void **resource, void *params, apr_pool_t *p)
{
    chat_db_conn_t *conn = apr_pcalloc(p, sizeof(*conn));

    conn->db = params;
    *resource = conn;
    return APR_SUCCESS;
}

static apr_status_t place_drop(void *resource, void *params, apr_pool_t *p)
{
    (void)params;
    (void)p;
    connection_close(resource);
    return APR_SUCCESS;
}

/* With a connection still out, its thread may be inside the engine and will
 * give it back to a list that must then exist; the process is ending anyway. */
static apr_status_t db_close(void *data)
{
    chat_db_t *db = data;

    if (apr_reslist_acquired_count(db->list) == 0) {
        chat_gate_destroy(&db->writers);
        chat_gate_destroy(&db->many);
        sem_destroy(&db->readers);
        apr_pool_destroy(db->pool);
    }
    return APR_SUCCESS;
}

static const chat_db_ops_t *target_ops(chat_db_engine_t *engine,
                                       const char *target)
{
    if (strncmp(target, "sqlite:", 7) == 0) {
        *engine = CHAT_DB_SQLITE;
        return &chat_db_sqlite;
    }
    if (strncmp(target, "postgresql://", 13) == 0 ||
        strncmp(target, "postgres://", 11) == 0) {
        *engine = CHAT_DB_PGSQL;
        return &chat_db_pgsql;
    }
    return NULL;
}

static void conf_fill(chat_db_conf_t *to, const chat_db_conf_t *from,
                      apr_pool_t *p)
{
    *to = *from;
    to->target = apr_pstrdup(p, from->target);
    if (to->max <= 0) {
        to->max = DEFAULT_MAX;
    }
    if (to->wait <= 0) {
        to->wait = DEFAULT_WAIT;
    }
    if (to->busy <= 0) {
        to->busy = DEFAULT_BUSY;
    }
}

/* apr-util loads the engine's driver, once per process. */
static apr_status_t driver_load(chat_db_t *db, const char **why, apr_pool_t *p)
{
    apr_status_t rv;

    rv = apr_dbd_init(p);
    if (rv == APR_SUCCESS) {
        rv = apr_dbd_get_driver(p, db->ops->driver, &db->driver);
    }
    if (rv != APR_SUCCESS) {
        *why = apr_psprintf(p,
                            "apr-util's %s driver is not installed: on Debian "
                            "it is the package %s",
                            db->ops->driver, db->ops->package);
        return APR_EDSOOPEN;
    }
    return APR_SUCCESS;
}

/* Who leads has a connection beside the writers'. Two at once: one waits for the
 * disk, one has the server work. On a machine of one or two cores a second one
 * only halves what goes together, and doubles the commits. */
static int leaders_at_most(const chat_db_t *db)
{
    return db->conf.max < 8 || sysconf(_SC_NPROCESSORS_ONLN) <= 2 ? 1 : 2;
}

/* A quarter of PostgreSQL's connections is for those who only read; of one or
 * two nothing can be set aside. */
static int writers_at_most(const chat_db_t *db)
{
    int n;

    if (db->engine == CHAT_DB_SQLITE) {
        return 1;
    }
    n = (db->conf.max < 4 ? (db->conf.max + 1) / 2 : db->conf.max * 3 / 4) -
        leaders_at_most(db);
    return n > 0 ? n : 1;
}

/* As many reading statements as the server's cores can be at, when they are those
 * of this machine, and some that are on their way. More of them at once are not
 * done sooner: each process finds the caches full of another's, and does its own
 * in half as much time again. */
static int readers_first(const chat_db_t *db)
{
    int n = 2 * (int)sysconf(_SC_NPROCESSORS_ONLN) + 1;

    return n < db->conf.max ? n : db->conf.max;
}

/* The statements of which another does many: it has their label and "_many". */
static void twins_find(chat_db_t *db)
{
    char label[80];
    int i;

    if (db->engine != CHAT_DB_PGSQL) {
        return;
    }
    db->twin = apr_palloc(db->pool, sizeof(int) * (apr_size_t)(
                                                      chat_statements_n + 1));
    for (i = 0; i < chat_statements_n; i++) {
        snprintf(label, sizeof(label), "%s_many", chat_statements[i].label);
        db->twin[i] = statement_find(label, db->engine);
    }
}

apr_status_t chat_db_open(chat_db_t **out, const chat_db_conf_t *conf,
                          const char **why, apr_pool_t *p)
{
    const chat_db_ops_t *ops;
    chat_db_engine_t engine;
    apr_pool_t *pool;
    chat_db_t *db;
    apr_status_t rv;

    *out = NULL;
    ops = conf->target != NULL ? target_ops(&engine, conf->target) : NULL;
    if (ops == NULL) {
        *why = "a database is sqlite:/path/file.db or postgresql://…";
        return APR_EINVAL;
    }
    rv = apr_pool_create_unmanaged_ex(&pool, NULL, NULL);
    if (rv != APR_SUCCESS) {
        *why = "out of memory";
        return rv;
    }
    db = apr_pcalloc(pool, sizeof(*db));
    db->pool = pool;
    db->engine = engine;
    db->ops = ops;
    conf_fill(&db->conf, conf, pool);
    rv = ops->target(&db->params, db->conf.target, why, pool);
    if (rv != APR_SUCCESS) {
        *why = apr_pstrdup(p, *why);
        goto leave;
    }
    db->opening = apr_pstrcat(
        pool, "opening ", engine == CHAT_DB_SQLITE ? db->params : "PostgreSQL",
        NULL);
    rv = driver_load(db, why, p);
    if (rv != APR_SUCCESS) {
        goto leave;
    }
    rv = apr_reslist_create(&db->list, 0, db->conf.max, db->conf.max, 0,
                            place_make, place_drop, db, pool);
    if (rv != APR_SUCCESS) {
        *why = "the pool of connections cannot be made";
        goto leave;
    }
    apr_reslist_timeout_set(db->list, db->conf.wait);
    chat_gate_init(&db->writers, writers_at_most(db));
    chat_gate_init(&db->many, leaders_at_most(db));
    sem_init(&db->readers, 0, (unsigned)readers_first(db));
    twins_find(db);
    apr_pool_cleanup_register(p, db, db_close, apr_pool_cleanup_null);
    *out = db;
    return APR_SUCCESS;
leave:
    apr_pool_destroy(pool);
    return rv;
}

chat_db_engine_t chat_db_engine(const chat_db_t *db) { return db->engine; }

chat_db_engine_t chat_db_engine_of(const chat_db_conn_t *conn)
{
    return conn->db->engine;
}

apr_status_t chat_db_acquire(chat_db_conn_t **out, chat_db_t *db)
{
    chat_db_conn_t *conn;
    void *place;
    char text[80];
    apr_status_t rv;

    *out = NULL;
    rv = apr_reslist_acquire(db->list, &place);
    if (APR_STATUS_IS_TIMEUP(rv)) {
        snprintf(text, sizeof(text),
                 "none of %d connections became free in %d ms", db->conf.max,
                 (int)apr_time_as_msec(db->conf.wait));
        return chat_db_fail(NULL, CHAT_DB_EBUSY, "acquiring", text);
    }
    if (rv != APR_SUCCESS) {
        return chat_db_fail(NULL, rv, "acquiring", NULL);
    }
    conn = place;
    conn->error[0] = '\0';
    rv = connection_ready(conn);
    if (rv != APR_SUCCESS) {
        apr_reslist_release(db->list, conn);
        return rv;
    }
    *out = conn;
    return APR_SUCCESS;
}

apr_status_t chat_db_acquire_to_write(chat_db_conn_t **out, chat_db_t *db)
{
    apr_time_t until = apr_time_now() + db->conf.busy;
    apr_status_t rv;

    *out = NULL;
    if (chat_gate_enter(&db->writers, db->conf.busy) != APR_SUCCESS) {
        return chat_db_fail(NULL, CHAT_DB_EBUSY, "acquiring",
                            "other writers took too long");
    }
    rv = chat_db_acquire(out, db);
    if (rv != APR_SUCCESS) {
        chat_gate_leave(&db->writers);
        return rv;
    }
    (*out)->writes = 1;
    (*out)->until = until;
    return APR_SUCCESS;
}

void chat_db_release(chat_db_conn_t *conn)
{
    chat_db_t *db = conn->db;
    int writes = conn->writes;

    chat_db_rollback(conn);
    if (conn->broken) {
        connection_close(conn);
    }
    conn->writes = 0;
    conn->until = 0;
    apr_reslist_release(db->list, conn);
    if (writes) {
        chat_gate_leave(&db->writers);
    }
}

/* --- statements ----------------------------------------------------------- */

/* Whether a statement writes, by its first word; those that read begin with
 * SELECT, or with WITH and return nothing of what they wrote. */
static int statement_writes(int i, chat_db_engine_t engine)
{
    const char *text = chat_statements[i].text[engine];

    text += strspn(text, " \t\r\n");
    if (strncasecmp(text, "WITH", 4) == 0) {
        return strstr(text, "RETURNING") != NULL;
    }
    return strncasecmp(text, "SELECT", 6) != 0 && *text != '(';
}

/* Other processes that write; see chat_db_ops_t. */
static apr_status_t writing(chat_db_conn_t *conn)
{
    const chat_db_ops_t *ops = conn->db->ops;
    apr_status_t rv = ops->writing != NULL ? connection_ready(conn)
                                           : APR_SUCCESS;

    return rv == APR_SUCCESS && ops->writing != NULL ? ops->writing(conn) : rv;
}

static void written(chat_db_conn_t *conn)
{
    if (conn->db->ops->written != NULL) {
        conn->db->ops->written(conn);
    }
}

/* What fails in a transaction is what its commit will say. */
static apr_status_t transaction_note(chat_db_conn_t *conn, apr_status_t rv)
{
    if (rv != APR_SUCCESS && conn->in_tx && conn->tx_rv == APR_SUCCESS) {
        conn->tx_rv = rv;
    }
    return rv;
}

apr_status_t chat_db_statement(chat_db_result_t **res, chat_db_conn_t *conn,
                               int i, const chat_db_value_t *args, int n,
                               apr_pool_t *p)
{
    chat_db_result_t *rows = apr_pcalloc(p, sizeof(*rows));
    int stale = 0;
    apr_status_t rv;

    rv = conn->in_tx ? APR_SUCCESS : connection_ready(conn);
    if (rv == APR_SUCCESS) {
        rv = conn->db->ops->run(rows, conn, i, args, n, &stale, p);
    }
    if (stale) {
        connection_close(conn);
        rv = connection_open(conn);
        if (rv == APR_SUCCESS) {
            rv = conn->db->ops->run(rows, conn, i, args, n, &stale, p);
        }
    }
    if (rv == APR_SUCCESS && res != NULL) {
        *res = rows;
    }
    return rv;
}

apr_status_t chat_db_run(chat_db_result_t **res, chat_db_conn_t *conn,
                         const char *label, const chat_db_value_t *args, int n,
                         apr_pool_t *p)
{
    apr_status_t rv;
    int i;

    if (res != NULL) {
        *res = NULL;
    }
    if (conn->in_tx && conn->tx_rv != APR_SUCCESS) {
        return conn->tx_rv;
    }
    i = statement_find(label, conn->db->engine);
    if (i < 0) {
        return transaction_note(
            conn, chat_db_fail(conn, CHAT_DB_ESQL, label,
                               "no statement of this name for this engine"));
    }
    if (conn->in_tx || !statement_writes(i, conn->db->engine)) {
        return transaction_note(conn,
                                chat_db_statement(res, conn, i, args, n, p));
    }
    rv = writing(conn);
    if (rv == APR_SUCCESS) {
        rv = chat_db_statement(res, conn, i, args, n, p);
    }
    written(conn);
    return rv;
}

/* Not a gate (gate.h), which hands a place to who has waited longest and leaves it empty
 * until they are awake.
 * @return whether we have one of the first places, to be given back */
static int readers_enter(chat_db_t *db)
{
    struct timespec until;
    int rv;

    if (db->engine != CHAT_DB_PGSQL ||
        apr_time_now() < __atomic_load_n(&db->slow_until, __ATOMIC_RELAXED)) {
        return 0;
    }
    if (sem_trywait(&db->readers) == 0) {
        return 1;
    }
    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_nsec += READERS_WAIT_MS * 1000000L;
    until.tv_sec += until.tv_nsec / 1000000000L;
    until.tv_nsec %= 1000000000L;
    do {
        rv = sem_clockwait(&db->readers, CLOCK_MONOTONIC, &until);
    } while (rv != 0 && errno == EINTR);
    if (rv != 0) {
        __atomic_store_n(&db->slow_until, apr_time_now() + READERS_SLOW,
                         __ATOMIC_RELAXED);
    }
    return rv == 0;
}

apr_status_t chat_db_alone(chat_db_result_t **res, chat_db_t *db, int i,
                           const chat_db_value_t *args, int n, apr_pool_t *p)
{
    int writes = statement_writes(i, db->engine);
    int entered = !writes && readers_enter(db);
    chat_db_conn_t *conn;
    apr_status_t rv;

    rv = writes ? chat_db_acquire_to_write(&conn, db)
                : chat_db_acquire(&conn, db);
    if (rv == APR_SUCCESS) {
        rv = chat_db_run(res, conn, chat_statements[i].label, args, n, p);
        chat_db_release(conn);
    }
    if (entered) {
        sem_post(&db->readers);
    }
    return rv;
}

/* @param shared  together with those of others, where that is possible */
static apr_status_t query(chat_db_result_t **res, chat_db_t *db,
                          const char *label, const chat_db_value_t *args, int n,
                          int shared, apr_pool_t *p)
{
    int i = statement_find(label, db->engine);

    if (res != NULL) {
        *res = NULL;
    }
    if (i < 0) {
        return chat_db_fail(NULL, CHAT_DB_ESQL, label,
                            "no statement of this name for this engine");
    }
    if (db->engine == CHAT_DB_SQLITE && statement_writes(i, db->engine)) {
        return chat_db_grouped(res, db, i, args, n, db->conf.busy, p);
    }
    if (shared && db->twin != NULL && db->twin[i] >= 0) {
        return chat_db_together(res, db, i, args, n, p);
    }
    return chat_db_alone(res, db, i, args, n, p);
}

apr_status_t chat_db_query(chat_db_result_t **res, chat_db_t *db,
                           const char *label, const chat_db_value_t *args,
                           int n, apr_pool_t *p)
{
    return query(res, db, label, args, n, 1, p);
}

apr_status_t chat_db_query_alone(chat_db_result_t **res, chat_db_t *db,
                                 const char *label, const chat_db_value_t *args,
                                 int n, apr_pool_t *p)
{
    return query(res, db, label, args, n, 0, p);
}

apr_status_t chat_db_try(chat_db_t *db, const char *label,
                         const chat_db_value_t *args, int n, apr_pool_t *p)
{
    int i = statement_find(label, db->engine);
    chat_db_conn_t *conn;
    apr_status_t rv;

    if (i >= 0 && db->engine == CHAT_DB_SQLITE) {
        return chat_db_grouped(NULL, db, i, args, n, 0, p);
    }
    if (chat_gate_enter(&db->writers, 0) != APR_SUCCESS) {
        return chat_db_fail(NULL, CHAT_DB_EBUSY, label, "others are writing");
    }
    rv = chat_db_acquire(&conn, db);
    if (rv == APR_SUCCESS) {
        rv = chat_db_run(NULL, conn, label, args, n, p);
        chat_db_release(conn);
    }
    chat_gate_leave(&db->writers);
    return rv;
}

/* --- transactions --------------------------------------------------------- */

apr_status_t chat_db_begin(chat_db_conn_t *conn)
{
    apr_status_t rv;

    if (conn->in_tx) {
        return transaction_note(conn,
                                chat_db_fail(conn, CHAT_DB_ESQL, "BEGIN",
                                             "a transaction is open already"));
    }
    rv = connection_ready(conn);
    if (rv == APR_SUCCESS) {
        rv = writing(conn);
    }
    if (rv == APR_SUCCESS) {
        rv = conn->db->ops->exec(conn, "BEGIN", conn->db->ops->begin);
    }
    if (rv != APR_SUCCESS) {
        written(conn);
        return rv;
    }
    conn->in_tx = 1;
    conn->tx_rv = APR_SUCCESS;
    return APR_SUCCESS;
}

/* End whatever transaction the engine has open; one that cannot be ended takes
 * its connection with it. The failure that led here keeps its words. */
static void transaction_undo(chat_db_conn_t *conn)
{
    char words[CHAT_DB_ERROR_LEN];
    const chat_db_ops_t *ops = conn->db->ops;

    if (conn->broken || !ops->in_transaction(conn)) {
        return;
    }
    memcpy(words, conn->error, sizeof(words));
    if (ops->exec(conn, "ROLLBACK", "ROLLBACK") != APR_SUCCESS) {
        conn->broken = 1;
        memcpy(conn->error, words, sizeof(words));
        memcpy(thread_error, words, sizeof(words));
    }
}

apr_status_t chat_db_commit(chat_db_conn_t *conn)
{
    apr_status_t rv;

    if (!conn->in_tx) {
        return chat_db_fail(conn, CHAT_DB_ESQL, "COMMIT",
                            "no transaction is open");
    }
    rv = conn->tx_rv;
    if (rv == APR_SUCCESS) {
        rv = conn->db->ops->exec(conn, "COMMIT", "COMMIT");
    }
    if (rv != APR_SUCCESS) {
        transaction_undo(conn);
    }
    conn->in_tx = 0;
    written(conn);
    return rv;
}

void chat_db_rollback(chat_db_conn_t *conn)
{
    if (!conn->in_tx) {
        return;
    }
    transaction_undo(conn);
    conn->in_tx = 0;
    written(conn);
}

apr_status_t chat_db_script(chat_db_conn_t *conn, const char *sql)
{
    apr_status_t rv;

    if (conn->in_tx && conn->tx_rv != APR_SUCCESS) {
        return conn->tx_rv;
    }
    rv = conn->in_tx ? APR_SUCCESS : writing(conn);
    if (rv == APR_SUCCESS) {
        rv = conn->db->ops->exec(conn, "script", sql);
    }
    if (conn->in_tx) {
        return transaction_note(conn, rv);
    }
    written(conn);
    if (conn->handle != NULL && conn->db->ops->in_transaction(conn)) {
        if (rv == APR_SUCCESS) {
            rv = chat_db_fail(conn, CHAT_DB_ESQL, "script",
                              "it left a transaction open");
        }
        transaction_undo(conn);
    }
    return rv;
}

int chat_db_descriptor(const chat_db_conn_t *conn)
{
    return conn->db->ops->descriptor != NULL ? conn->db->ops->descriptor(conn)
                                             : -1;
}

int chat_db_notified(chat_db_conn_t *conn)
{
    return conn->db->ops->notified != NULL && conn->db->ops->notified(conn);
}

apr_status_t chat_db_data_version(chat_db_conn_t *conn, apr_int64_t *version)
{
    const chat_db_ops_t *ops = conn->db->ops;
    apr_status_t rv;

    if (ops->data_version == NULL) {
        return chat_db_fail(conn, CHAT_DB_EINPUT, "data_version",
                            "this engine has no such number");
    }
    rv = conn->in_tx ? APR_SUCCESS : connection_ready(conn);
    if (rv == APR_SUCCESS) {
        rv = ops->data_version(conn, version);
    }
    if (rv == APR_SUCCESS) {
        /* A reopened connection begins anew: never with its old number. */
        *version |= (apr_int64_t)conn->opened << 32;
    }
    return rv;
}
