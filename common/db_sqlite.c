/* SPDX-License-Identifier: Apache-2.0 */
/*
 * db_sqlite.c - SQLite behind the door.
 *
 * apr_dbd opens and closes; everything else happens on the sqlite3 handle,
 * where a thread that waits for a writer's lock holds nothing but its own
 * connection. Prepared statements stay with the connection; SQLite itself
 * prepares them again after a change of schema.
 *
 * WAL lets readers go on beside the one writer. A lock is waited for by busy
 * timeout, and transactions begin IMMEDIATE, because one that reads first and
 * writes later cannot wait: SQLite refuses it at once when another has written
 * in between. That lock goes to whoever polls at the right moment; so our own
 * processes wait for their turn (turn.h) before they ask for it.
 */
#include "db_private.h"

#include <apr_file_info.h>
#include <apr_strings.h>
#include <sqlite3.h>

#include <errno.h>
#include <stdio.h>
#include <string.h>

static sqlite3 *native(const chat_db_conn_t *conn) { return conn->native; }

/* Our status for one of SQLite's extended result codes. `broken`: this
 * connection is of no more use, a new one might be. */
static apr_status_t code_status(int code, int *broken)
{
    *broken = 0;
    switch (code) {
    case SQLITE_CONSTRAINT_UNIQUE:
    case SQLITE_CONSTRAINT_PRIMARYKEY:
    case SQLITE_CONSTRAINT_ROWID:
        return CHAT_DB_EUNIQUE;
    case SQLITE_READONLY_DBMOVED: /* the file was taken from under us */
        *broken = 1;
        return CHAT_DB_EAWAY;
    default:
        break;
    }
    switch (code & 0xff) {
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
        return CHAT_DB_EBUSY;
    case SQLITE_CONSTRAINT:
        return CHAT_DB_ECONSTRAINT;
    case SQLITE_MISMATCH:
    case SQLITE_TOOBIG:
        return CHAT_DB_EINPUT;
    case SQLITE_FULL:
        return CHAT_DB_EFULL;
    case SQLITE_READONLY: /* and it stays so when the file's mode is changed */
        *broken = 1;
        return CHAT_DB_EFULL;
    case SQLITE_CANTOPEN:
    case SQLITE_PERM:
        return CHAT_DB_EAWAY;
    case SQLITE_IOERR:
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
        *broken = 1;
        return CHAT_DB_EAWAY;
    case SQLITE_NOMEM:
        return APR_ENOMEM;
    default:
        return CHAT_DB_ESQL;
    }
}

/* Whether the system's reason is that nothing can be written there. */
static int errno_full(int code)
{
    return code == ENOSPC || code == EDQUOT || code == EROFS;
}

/* The last call on the handle failed. "disk I/O error" and "unable to open" are
 * no reasons; the system's own goes with them. */
static apr_status_t call_failed(chat_db_conn_t *conn, const char *what)
{
    int code = sqlite3_extended_errcode(native(conn));
    int system = sqlite3_system_errno(native(conn));
    const char *text = sqlite3_errmsg(native(conn));
    char because[100], words[200];
    int broken;
    apr_status_t rv;

    rv = code_status(code, &broken);
    conn->broken |= broken;
    code &= 0xff;
    if (system == 0 || (code != SQLITE_IOERR && code != SQLITE_CANTOPEN)) {
        return chat_db_fail(conn, rv, what, text);
    }
    snprintf(words, sizeof(words), "%s (%s)", text,
             apr_strerror(APR_FROM_OS_ERROR(system), because, sizeof(because)));
    return chat_db_fail(conn, errno_full(system) ? CHAT_DB_EFULL : rv, what,
                        words);
}

/* --- opening ------------------------------------------------------------ */

/* Absolute, because a server's working directory is nobody's choice. */
static apr_status_t sqlite_target(const char **params, const char *target,
                                  const char **why, apr_pool_t *p)
{
    const char *path = target + strlen("sqlite:");

    if (*path != '/') {
        *why = apr_psprintf(
            p, "'%s': sqlite: wants the absolute path of a file", target);
        return APR_EINVAL;
    }
    *params = path;
    return APR_SUCCESS;
}

/* SQLite would make an empty file of a mistyped path, and every statement would
 * then miss its tables; say what is wrong instead. */
static apr_status_t sqlite_look(chat_db_conn_t *conn)
{
    const chat_db_t *db = conn->db;
    char because[120];
    apr_pool_t *scratch;
    apr_finfo_t finfo;
    apr_status_t rv;

    rv = apr_pool_create_unmanaged_ex(&scratch, NULL, NULL);
    if (rv != APR_SUCCESS) {
        return chat_db_fail(conn, rv, db->opening, NULL);
    }
    rv = apr_stat(&finfo, db->params, APR_FINFO_TYPE, scratch);
    apr_pool_destroy(scratch);
    if (APR_STATUS_IS_ENOENT(rv) || APR_STATUS_IS_ENOTDIR(rv)) {
        if (db->conf.create) {
            return APR_SUCCESS;
        }
        return chat_db_fail(conn, CHAT_DB_EAWAY, db->opening,
                            "the file does not exist");
    }
    if (rv != APR_SUCCESS && rv != APR_INCOMPLETE) {
        return chat_db_fail(conn, CHAT_DB_EAWAY, db->opening,
                            apr_strerror(rv, because, sizeof(because)));
    }
    if (finfo.filetype != APR_REG) {
        return chat_db_fail(conn, CHAT_DB_EAWAY, db->opening, "it is no file");
    }
    return APR_SUCCESS;
}

static apr_status_t sqlite_exec(chat_db_conn_t *conn, const char *what,
                                const char *sql)
{
    if (sqlite3_exec(native(conn), sql, NULL, NULL, NULL) != SQLITE_OK) {
        return call_failed(conn, what);
    }
    return APR_SUCCESS;
}

/* journal_mode is the file's, so setting it is for files somebody else made. A
 * file that may not be written can still be read in the mode it has; the longer
 * codes of READONLY mean that not even that can be done. */
static apr_status_t wal_set(chat_db_conn_t *conn)
{
    apr_status_t rv;

    rv = sqlite_exec(conn, conn->db->opening, "PRAGMA journal_mode=WAL");
    if (sqlite3_extended_errcode(native(conn)) == SQLITE_READONLY) {
        conn->broken = 0;
        return APR_SUCCESS;
    }
    return rv;
}

static apr_status_t sqlite_settle(chat_db_conn_t *conn)
{
    const chat_db_conf_t *conf = &conn->db->conf;
    apr_status_t rv;

    chat_turn_find(&conn->turn, conn->db->params);
    sqlite3_extended_result_codes(native(conn), 1);
    sqlite3_busy_timeout(native(conn), (int)apr_time_as_msec(conf->busy));
    rv = wal_set(conn);
    if (rv != APR_SUCCESS) {
        return rv;
    }
    return sqlite_exec(conn, conn->db->opening,
                       conf->normal ? "PRAGMA foreign_keys=ON;"
                                      "PRAGMA recursive_triggers=OFF;"
                                      "PRAGMA synchronous=NORMAL"
                                    : "PRAGMA foreign_keys=ON;"
                                      "PRAGMA recursive_triggers=OFF;"
                                      "PRAGMA synchronous=FULL");
}

static void sqlite_unsettle(chat_db_conn_t *conn)
{
    int i;

    if (conn->prepared != NULL) {
        for (i = 0; i < chat_statements_n; i++) {
            sqlite3_finalize(conn->prepared[i]);
        }
    }
    sqlite3_finalize(conn->version);
    chat_turn_give(&conn->turn);
}

/* A file that was moved away or replaced (a backup put back) is another
 * database: what we would still read and write has no name any more. */
static int sqlite_alive(chat_db_conn_t *conn)
{
    int moved = 0;

    sqlite3_file_control(native(conn), "main", SQLITE_FCNTL_HAS_MOVED, &moved);
    return !moved;
}

/* --- statements --------------------------------------------------------- */

/* Compile one statement and nothing behind it. */
static apr_status_t statement_prepare(sqlite3_stmt **stmt, chat_db_conn_t *conn,
                                      const char *what, const char *sql)
{
    const char *tail;

    if (sqlite3_prepare_v3(native(conn), sql, -1, SQLITE_PREPARE_PERSISTENT,
                           stmt, &tail) != SQLITE_OK) {
        return call_failed(conn, what);
    }
    if (*stmt == NULL || tail[strspn(tail, " \t\r\n;")] != '\0') {
        sqlite3_finalize(*stmt);
        *stmt = NULL;
        return chat_db_fail(conn, CHAT_DB_ESQL, what,
                            "a label stands for exactly one statement");
    }
    return APR_SUCCESS;
}

/* Bind by name, `$1` for the first value: a text may use one twice. */
static apr_status_t values_bind(chat_db_conn_t *conn, sqlite3_stmt *stmt,
                                const char *what, const chat_db_value_t *args,
                                int n)
{
    char name[16];
    int i, at, code;

    if (sqlite3_bind_parameter_count(stmt) != n) {
        return chat_db_fail(conn, CHAT_DB_ESQL, what,
                            "wants another number of values");
    }
    for (i = 0; i < n; i++) {
        snprintf(name, sizeof(name), "$%d", i + 1);
        at = sqlite3_bind_parameter_index(stmt, name);
        if (at == 0) {
            return chat_db_fail(conn, CHAT_DB_ESQL, what,
                                "its values are not named $1, $2 …");
        }
        if (args[i].type == CHAT_DB_INT) {
            code = sqlite3_bind_int64(stmt, at, args[i].num);
        }
        else if (args[i].type == CHAT_DB_TEXT) {
            code = sqlite3_bind_text(stmt, at, args[i].text, -1, SQLITE_STATIC);
        }
        else {
            code = sqlite3_bind_null(stmt, at);
        }
        if (code != SQLITE_OK) {
            return call_failed(conn, what);
        }
    }
    return APR_SUCCESS;
}

/* A field's text, from p. What another program has stored may have a NUL in it,
 * and behind that nothing of it would be seen. */
static const char *field_copy(const char *text, int len, apr_pool_t *p)
{
    static const char replacement[] = "\xef\xbf\xbd";
    char *copy, *end;
    int i;

    if (memchr(text, '\0', (apr_size_t)len) == NULL) {
        return apr_pstrmemdup(p, text, (apr_size_t)len);
    }
    copy = apr_palloc(p, (apr_size_t)len * (sizeof(replacement) - 1) + 1);
    for (i = 0, end = copy; i < len; i++) {
        if (text[i] != '\0') {
            *end++ = text[i];
        }
        else {
            memcpy(end, replacement, sizeof(replacement) - 1);
            end += sizeof(replacement) - 1;
        }
    }
    *end = '\0';
    return copy;
}

static apr_status_t rows_read(chat_db_result_t *res, chat_db_conn_t *conn,
                              sqlite3_stmt *stmt, const char *what,
                              apr_pool_t *p)
{
    int code, col;

    res->rows = 0;
    res->cols = sqlite3_column_count(stmt);
    res->fields = apr_array_make(p, 8, sizeof(const char *));
    for (;;) {
        code = sqlite3_step(stmt);
        if (code == SQLITE_DONE) {
            return APR_SUCCESS;
        }
        if (code != SQLITE_ROW) {
            return call_failed(conn, what);
        }
        for (col = 0; col < res->cols; col++) {
            const char *text = (const char *)sqlite3_column_text(stmt, col);
            int len = sqlite3_column_bytes(stmt, col);

            APR_ARRAY_PUSH(res->fields, const char *) = text != NULL
                                                            ? field_copy(text,
                                                                         len, p)
                                                            : NULL;
        }
        res->rows++;
    }
}

static apr_status_t sqlite_run(chat_db_result_t *res, chat_db_conn_t *conn,
                               int i, const chat_db_value_t *args, int n,
                               int *stale, apr_pool_t *p)
{
    const chat_statement_t *statement = &chat_statements[i];
    sqlite3_stmt *stmt = conn->prepared[i];
    apr_status_t rv;

    *stale = 0;
    if (stmt == NULL) {
        rv = statement_prepare(&stmt, conn, statement->label,
                               statement->text[CHAT_DB_SQLITE]);
        if (rv != APR_SUCCESS) {
            return rv;
        }
        conn->prepared[i] = stmt;
    }
    rv = values_bind(conn, stmt, statement->label, args, n);
    if (rv == APR_SUCCESS) {
        rv = rows_read(res, conn, stmt, statement->label, p);
    }
    /* The values are the caller's and soon gone; a reset statement holds no
     * lock. Its code repeats the failure that is told already. */
    sqlite3_reset(stmt);
    sqlite3_clear_bindings(stmt);
    return rv;
}

/* Our turn among the processes, then SQLite's own lock: both within the time
 * this writer has. Programs that know no turn hold only the latter. */
static apr_status_t sqlite_writing(chat_db_conn_t *conn)
{
    apr_time_t now = apr_time_now();
    apr_interval_time_t left;

    if (conn->until == 0) {
        conn->until = now + conn->db->conf.busy;
    }
    if (chat_turn_take(&conn->turn, conn->until - now) != APR_SUCCESS) {
        return chat_db_fail(conn, CHAT_DB_EBUSY, "waiting to write",
                            "other processes took too long");
    }
    left = conn->until - apr_time_now();
    sqlite3_busy_timeout(native(conn),
                         left > 1000 ? (int)apr_time_as_msec(left) : 1);
    return APR_SUCCESS;
}

static void sqlite_written(chat_db_conn_t *conn)
{
    chat_turn_give(&conn->turn);
    if (conn->handle != NULL) { /* a reader may have to wait for a recovery */
        sqlite3_busy_timeout(native(conn),
                             (int)apr_time_as_msec(conn->db->conf.busy));
    }
    if (!conn->writes) {
        conn->until = 0; /* the next one has its own time */
    }
}

static int sqlite_in_transaction(chat_db_conn_t *conn)
{
    return !sqlite3_get_autocommit(native(conn));
}

static apr_status_t sqlite_data_version(chat_db_conn_t *conn,
                                        apr_int64_t *version)
{
    sqlite3_stmt *stmt = conn->version;
    apr_status_t rv = APR_SUCCESS;

    if (stmt == NULL) {
        rv = statement_prepare(&stmt, conn, "data_version",
                               "PRAGMA data_version");
        if (rv != APR_SUCCESS) {
            return rv;
        }
        conn->version = stmt;
    }
    if (sqlite3_step(stmt) == SQLITE_ROW) {
        *version = sqlite3_column_int64(stmt, 0);
    }
    else {
        rv = call_failed(conn, "data_version");
    }
    sqlite3_reset(stmt);
    return rv;
}

/* clang-format off */
const chat_db_ops_t chat_db_sqlite = {
    .driver         = "sqlite3",
    .package        = "libaprutil1-dbd-sqlite3",
    .begin          = "BEGIN IMMEDIATE",
    .target         = sqlite_target,
    .look           = sqlite_look,
    .settle         = sqlite_settle,
    .unsettle       = sqlite_unsettle,
    .alive          = sqlite_alive,
    .run            = sqlite_run,
    .exec           = sqlite_exec,
    .writing        = sqlite_writing,
    .written        = sqlite_written,
    .in_transaction = sqlite_in_transaction,
    .data_version   = sqlite_data_version,
};
/* clang-format on */
