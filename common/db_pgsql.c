/* SPDX-License-Identifier: Apache-2.0 */
/*
 * db_pgsql.c - PostgreSQL behind the door.
 *
 * apr_dbd connects and closes; statements run on the PGconn. Each is prepared
 * under its label when first used on a connection, so a new connection prepares
 * again by itself. Values go as text, and the server infers types; results come
 * in binary where db_binary.h knows all of a statement's types, else as text.
 *
 * A connection may have died while it was idle (the server restarted). That is
 * seen before a statement is sent, without a round trip, and a new connection
 * takes over. Once a statement has been sent and the connection breaks, nobody
 * knows whether it was executed: it is never sent again.
 */
#include "db_private.h"

#include "db_binary.h"

#include <apr_strings.h>
#include <libpq-fe.h>

#include <poll.h>
#include <stdio.h>
#include <string.h>

static PGconn *native(const chat_db_conn_t *conn) { return conn->native; }

/* --- opening ------------------------------------------------------------ */

/* One `keyword='value'` for libpq, quotes and backslashes escaped. */
static const char *keyword_text(const char *keyword, const char *value,
                                apr_pool_t *p)
{
    char *quoted = apr_palloc(p, 2 * strlen(value) + 1);
    char *to = quoted;

    for (; *value != '\0'; value++) {
        if (*value == '\'' || *value == '\\') {
            *to++ = '\\';
        }
        *to++ = *value;
    }
    *to = '\0';
    return apr_pstrcat(p, keyword, "='", quoted, "' ", NULL);
}

/* What a URI may leave open. An unreachable host must not hold a request for
 * minutes, nor one that vanishes without a word (the kernel asks after two
 * hours), for others queue behind it; the name tells our commits from foreign ones. */
static const struct {
    const char *keyword;
    const char *value;
} defaults[] = {
    { "connect_timeout", "5" },
    { "keepalives_idle", "10" },
    { "keepalives_interval", "5" },
    { "keepalives_count", "3" },
    { "tcp_user_timeout", "15000" },
    { "application_name", "mod_chat" },
};

static const char *defaults_text(const PQconninfoOption *options, apr_pool_t *p)
{
    const char *text = "";
    const PQconninfoOption *o;
    apr_size_t i;

    for (i = 0; i < sizeof(defaults) / sizeof(defaults[0]); i++) {
        for (o = options; o->keyword != NULL; o++) {
            if (strcmp(o->keyword, defaults[i].keyword) == 0 &&
                o->val == NULL) {
                text = apr_pstrcat(
                    p, text,
                    keyword_text(defaults[i].keyword, defaults[i].value, p),
                    NULL);
            }
        }
    }
    return text;
}

/* libpq's own words would repeat the URI, and a password may be in it. */
static apr_status_t pgsql_target(const char **params, const char *target,
                                 const char **why, apr_pool_t *p)
{
    PQconninfoOption *options, *o;
    const char *text = "";

    options = PQconninfoParse(target, NULL);
    if (options == NULL) {
        *why = "not a PostgreSQL URI: "
               "postgresql://user:password@host:port/database?key=value";
        return APR_EINVAL;
    }
    for (o = options; o->keyword != NULL; o++) {
        if (o->val != NULL && strcmp(o->keyword, "client_encoding") != 0) {
            text = apr_pstrcat(p, text, keyword_text(o->keyword, o->val, p),
                               NULL);
        }
    }
    *params = apr_pstrcat(p, text, defaults_text(options, p),
                          "client_encoding='UTF8'", NULL);
    PQconninfoFree(options);
    return APR_SUCCESS;
}

/* libpq prints notices to stderr, which in httpd is the error log. */
static void notice_ignore(void *arg, const PGresult *res)
{
    (void)arg;
    (void)res;
}

static apr_status_t pgsql_exec(chat_db_conn_t *conn, const char *what,
                               const char *sql);

static apr_status_t pgsql_settle(chat_db_conn_t *conn)
{
    char sql[400];

    PQsetNoticeReceiver(native(conn), notice_ignore, NULL);
    /* Planned with its values, a page of a conversation that statistics call
     * common walks the whole primary key; the generic plan takes the index. And a
     * plan made while a table was empty reads all of it until the next ANALYZE:
     * the relay read the whole event log with each look. Each of our statements
     * has an index for what it wants. A table of one row has none, and reading it
     * nevertheless is then called so dear that PostgreSQL compiles the statement,
     * for 100 ms: none of ours is worth that, nor the start of other processes. */
    snprintf(sql, sizeof(sql),
             "SET plan_cache_mode = force_generic_plan;"
             "SET enable_seqscan = off;"
             "SET jit = off;"
             "SET max_parallel_workers_per_gather = 0;"
             "SET timezone = 'UTC';"
             "SET datestyle = 'ISO';" /* shape.c reads it */
             "SET standard_conforming_strings = on;"
             "SET lock_timeout = %d",
             (int)apr_time_as_msec(conn->db->conf.busy));
    return pgsql_exec(conn, conn->db->opening, sql);
}

static void pgsql_unsettle(chat_db_conn_t *conn)
{
    (void)conn; /* prepared statements end with their connection */
}

/* An idle connection has nothing to say. When its socket is readable it either
 * was closed, or holds a notice that libpq takes in here. */
static int pgsql_alive(chat_db_conn_t *conn)
{
    PGconn *pg = native(conn);
    struct pollfd fd = { PQsocket(pg), POLLIN, 0 };
    int turns;

    for (turns = 0; turns < 8 && PQstatus(pg) == CONNECTION_OK; turns++) {
        if (poll(&fd, 1, 0) <= 0) {
            return 1;
        }
        if (!PQconsumeInput(pg)) {
            return 0;
        }
        PQisBusy(pg); /* parses what came */
    }
    return 0;
}

/* --- failures ----------------------------------------------------------- */

/* SQLSTATEs by prefix; the first that fits decides. */
/* clang-format off */
static const struct {
    const char *prefix;
    apr_status_t rv;
} sqlstates[] = {
    { "23505", CHAT_DB_EUNIQUE },
    { "23",    CHAT_DB_ECONSTRAINT },
    { "22",    CHAT_DB_EINPUT },
    { "25006", CHAT_DB_EFULL },  /* read-only transaction or standby */
    { "53100", CHAT_DB_EFULL },  /* disk full */
    { "53",    CHAT_DB_EAWAY },  /* too many connections, out of memory */
    { "40",    CHAT_DB_EBUSY },  /* deadlock, serialization */
    { "55P03", CHAT_DB_EBUSY },  /* lock_timeout */
    { "57014", CHAT_DB_EBUSY },  /* statement_timeout, cancelled */
    { "57",    CHAT_DB_EAWAY },  /* shutting down, starting up */
    { "58",    CHAT_DB_EAWAY },  /* the server's files failed it */
    { "08P01", CHAT_DB_ESQL },   /* wrong number of values */
    { "08",    CHAT_DB_EAWAY },
    { "28",    CHAT_DB_EAWAY },  /* it does not know us any more */
    { "",      CHAT_DB_ESQL },
};
/* clang-format on */

static apr_status_t sqlstate_status(const char *sqlstate)
{
    apr_size_t i = 0;

    while (strncmp(sqlstate, sqlstates[i].prefix,
                   strlen(sqlstates[i].prefix)) != 0) {
        i++;
    }
    return sqlstates[i].rv;
}

/* A session that may only read stays so when the database may be written to
 * again, or when its name leads to another server by then: the next one asks
 * anew. */
static int session_over(const PGconn *pg, const char *sqlstate)
{
    return PQstatus(pg) != CONNECTION_OK ||
           (sqlstate != NULL && strcmp(sqlstate, "25006") == 0);
}

/* The primary line only: the details of a key's violation show its values. */
static apr_status_t result_failed(chat_db_conn_t *conn, const char *what,
                                  const PGresult *r)
{
    const char *sqlstate = PQresultErrorField(r, PG_DIAG_SQLSTATE);
    const char *text = PQresultErrorField(r, PG_DIAG_MESSAGE_PRIMARY);

    conn->broken |= session_over(native(conn), sqlstate);
    if (PQstatus(native(conn)) != CONNECTION_OK) {
        return chat_db_fail(conn, CHAT_DB_EAWAY, what,
                            text != NULL ? text : PQerrorMessage(native(conn)));
    }
    if (sqlstate == NULL) {
        return chat_db_fail(conn, CHAT_DB_EAWAY, what,
                            PQerrorMessage(native(conn)));
    }
    return chat_db_fail(conn, sqlstate_status(sqlstate), what, text);
}

/* Whether a connection that prepares afresh will be heard: the server has
 * forgotten the prepared statement (26000), or a table was altered and the plan
 * does not fit (0A000). Outside a transaction a refusal has executed nothing.
 */
static int result_stale(const PGresult *r)
{
    const char *sqlstate = PQresultErrorField(r, PG_DIAG_SQLSTATE);

    return sqlstate != NULL &&
           (strcmp(sqlstate, "26000") == 0 || strcmp(sqlstate, "0A000") == 0);
}

static int result_good(const PGresult *r)
{
    ExecStatusType status = PQresultStatus(r);

    return status == PGRES_TUPLES_OK || status == PGRES_COMMAND_OK ||
           status == PGRES_EMPTY_QUERY;
}

/* --- statements --------------------------------------------------------- */

static apr_status_t pgsql_exec(chat_db_conn_t *conn, const char *what,
                               const char *sql)
{
    PGresult *r = PQexec(native(conn), sql);
    apr_status_t rv = APR_SUCCESS;

    if (!result_good(r)) {
        rv = result_failed(conn, what, r);
    }
    PQclear(r);
    return rv;
}

/* What is remembered of a statement that is prepared: how its results come. */
static char as_text, as_binary;

/* Whether all that statement gives is known in binary. @return its mark */
static void *results_ask(chat_db_conn_t *conn, const char *label)
{
    PGresult *r = PQdescribePrepared(native(conn), label);
    void *mark = result_good(r) ? &as_binary : &as_text;
    int col;

    for (col = 0; col < PQnfields(r); col++) {
        if (chat_db_binary_kind(PQftype(r, col)) == CHAT_DB_BINARY_NOT) {
            mark = &as_text;
        }
    }
    PQclear(r);
    return mark;
}

static apr_status_t statement_prepare(chat_db_conn_t *conn, int i)
{
    const chat_statement_t *statement = &chat_statements[i];
    apr_status_t rv = APR_SUCCESS;
    PGresult *r;

    r = PQprepare(native(conn), statement->label,
                  statement->text[CHAT_DB_PGSQL], 0, NULL);
    if (result_good(r)) {
        conn->prepared[i] = results_ask(conn, statement->label);
    }
    else {
        rv = result_failed(conn, statement->label, r);
    }
    PQclear(r);
    return rv;
}

static const char **values_text(const chat_db_value_t *args, int n,
                                apr_pool_t *p)
{
    const char **values = apr_pcalloc(p, sizeof(char *) * (apr_size_t)(n + 1));
    int i;

    for (i = 0; i < n; i++) {
        if (args[i].type == CHAT_DB_TEXT) {
            values[i] = args[i].text;
        }
        else if (args[i].type == CHAT_DB_INT) {
            values[i] = apr_psprintf(p, "%" APR_INT64_T_FMT, args[i].num);
        }
    }
    return values;
}

/* A value as text; libpq's own where that is one: it ends with a NUL. */
static const char *field_of(const PGresult *r, int row, int col,
                            chat_db_binary_t kind, apr_pool_t *p)
{
    char *text;

    if (PQgetisnull(r, row, col)) {
        return NULL;
    }
    if (kind != CHAT_DB_BINARY_MADE) {
        return PQgetvalue(r, row, col);
    }
    text = apr_palloc(p, CHAT_DB_BINARY_TEXT);
    return chat_db_binary_text(text, PQftype(r, col), PQgetvalue(r, row, col),
                               (apr_size_t)PQgetlength(r, row, col))
               ? text
               : NULL;
}

static apr_status_t rows_end(void *data)
{
    PQclear(data);
    return APR_SUCCESS;
}

/* The rows are the pool's from here on. */
static void rows_take(chat_db_result_t *res, PGresult *r, apr_pool_t *p)
{
    int rows = PQntuples(r), cols = PQnfields(r), row, col;
    const char **fields;

    res->rows = rows;
    res->cols = cols;
    res->fields = apr_array_make(p, rows * cols + 1, sizeof(const char *));
    res->fields->nelts = rows * cols;
    fields = (const char **)(void *)res->fields->elts;
    for (col = 0; col < cols; col++) {
        chat_db_binary_t kind = PQfformat(r, col) == 0
                                    ? CHAT_DB_BINARY_SAME
                                    : chat_db_binary_kind(PQftype(r, col));

        for (row = 0; row < rows; row++) {
            fields[row * cols + col] = field_of(r, row, col, kind, p);
        }
    }
    if (rows > 0) {
        apr_pool_cleanup_register(p, r, rows_end, apr_pool_cleanup_null);
    }
    else {
        PQclear(r);
    }
}

static apr_status_t pgsql_run(chat_db_result_t *res, chat_db_conn_t *conn,
                              int i, const chat_db_value_t *args, int n,
                              int *stale, apr_pool_t *p)
{
    const char *label = chat_statements[i].label;
    apr_status_t rv = APR_SUCCESS;
    PGresult *r;

    *stale = 0;
    if (conn->prepared[i] == NULL) {
        rv = statement_prepare(conn, i);
        if (rv != APR_SUCCESS) {
            return rv;
        }
    }
    r = PQexecPrepared(native(conn), label, n, values_text(args, n, p), NULL,
                       NULL, conn->prepared[i] == &as_binary);
    if (result_good(r)) {
        rows_take(res, r, p);
        return APR_SUCCESS;
    }
    *stale = !conn->in_tx && result_stale(r);
    rv = result_failed(conn, label, r);
    PQclear(r);
    return rv;
}

static int pgsql_in_transaction(chat_db_conn_t *conn)
{
    PGTransactionStatusType status = PQtransactionStatus(native(conn));

    return status == PQTRANS_INTRANS || status == PQTRANS_INERROR;
}

static int pgsql_descriptor(const chat_db_conn_t *conn)
{
    return PQsocket(native(conn));
}

static int pgsql_notified(chat_db_conn_t *conn)
{
    int any = !PQconsumeInput(native(conn));
    PGnotify *n;

    while ((n = PQnotifies(native(conn))) != NULL) {
        PQfreemem(n);
        any = 1;
    }
    return any;
}

/* clang-format off */
const chat_db_ops_t chat_db_pgsql = {
    .driver         = "pgsql",
    .package        = "libaprutil1-dbd-pgsql",
    .begin          = "BEGIN",
    .target         = pgsql_target,
    .look           = NULL,
    .settle         = pgsql_settle,
    .unsettle       = pgsql_unsettle,
    .alive          = pgsql_alive,
    .run            = pgsql_run,
    .exec           = pgsql_exec,
    .writing        = NULL,
    .written        = NULL,
    .in_transaction = pgsql_in_transaction,
    .descriptor     = pgsql_descriptor,
    .notified       = pgsql_notified,
    .data_version   = NULL,
};
/* clang-format on */
