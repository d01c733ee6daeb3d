/* SPDX-License-Identifier: Apache-2.0 */
/*
 * db.h - the one door to the database.
 *
 * Callers say a statement's label and its values; the text stands in sql/ and
 * is compiled in (one text for both engines, or one each). The engine is SQLite
 * or PostgreSQL, told by the target's form. Values are always bound.
 *
 * apr_dbd finds and loads the driver, opens and closes. Statements run on the
 * native handle (sqlite3*, PGconn*), because apr_dbd's own calls turn NULL into
 * "", lose SQLSTATE, forget prepared statements after a reconnect, and hold one
 * process-wide mutex on SQLite even while they wait for another's lock.
 *
 * Connections are pooled per process with a bounded wait. A connection belongs
 * to one thread between acquire and release: hold it around statements only,
 * never while hashing a password, reading a body or writing a reply.
 *
 * A statement that fails is remembered by its transaction: chat_db_commit()
 * then rolls back and says the first error, so a caller cannot commit half.
 */
#ifndef CHAT_DB_H
#define CHAT_DB_H

#include <apr_pools.h>
#include <apr_errno.h>
#include <apr_time.h>

typedef struct chat_db_t chat_db_t;           /* the pool; thread-safe */
typedef struct chat_db_conn_t chat_db_conn_t; /* one connection, one thread */
typedef struct chat_db_result_t chat_db_result_t; /* rows, copied to a pool */

/* What went wrong, as apr_status_t, so that it travels like any other error. */
#define CHAT_DB_EAWAY (APR_OS_START_USERERR + 1)   /* cannot be reached */
#define CHAT_DB_EBUSY (APR_OS_START_USERERR + 2)   /* lock or pool wait over */
#define CHAT_DB_EUNIQUE (APR_OS_START_USERERR + 3) /* a unique key exists */
#define CHAT_DB_ECONSTRAINT (APR_OS_START_USERERR + 4) /* FK, CHECK, NULL */
#define CHAT_DB_EINPUT (APR_OS_START_USERERR + 5) /* value not of the type */
#define CHAT_DB_EFULL (APR_OS_START_USERERR + 6)  /* disk full or read-only */
#define CHAT_DB_ESQL (APR_OS_START_USERERR + 7)   /* our statement is wrong */

typedef enum { CHAT_DB_SQLITE, CHAT_DB_PGSQL } chat_db_engine_t;

typedef struct {
    const char *target; /* "sqlite:/path/file.db" or "postgresql://…" */
    int max;            /* connections of this process at most; default 8 */
    apr_interval_time_t wait; /* µs to wait for a free one; default 2 s */
    apr_interval_time_t busy; /* µs to wait for another's lock; default 5 s */
    int create; /* SQLite: make the file when there is none; default 0 */
    int normal; /* SQLite: synchronous=NORMAL, which may lose the last commits
                   when the power fails; default 0: FULL */
    /* PostgreSQL: called after a commit that may have been several threads',
     * once for all of them, by one of them; chat_db_told() is true for each.
     * Must be quick. NULL: nobody wants to know. */
    void (*told)(void *data);
    void *told_data; /* must outlive the pool of connections */
} chat_db_conf_t;

typedef enum { CHAT_DB_NULL, CHAT_DB_TEXT, CHAT_DB_INT } chat_db_type_t;

/* A value to bind; make it with the three functions below. Texts stay the
 * caller's and must live until the call that binds them returns. */
typedef struct {
    chat_db_type_t type;
    const char *text; /* CHAT_DB_TEXT: UTF-8, terminated, the caller's */
    apr_int64_t num;  /* CHAT_DB_INT */
} chat_db_value_t;

chat_db_value_t chat_db_null(void);
chat_db_value_t chat_db_text(const char *s); /* NULL gives SQL NULL */
chat_db_value_t chat_db_int(apr_int64_t n);

/**
 * Prepare a pool of connections; none is opened yet. After a fork the child may
 * use it only if the parent never took a connection: neither engine survives
 * being inherited open. Everything is closed when p is cleared; connections
 * still out then (a process that is torn down around its threads) are left
 * alone.
 * @param conf  zero in a field means its default
 * @param why  a sentence naming what is wrong with the target, from p
 * @return APR_EINVAL for a target of unknown form, APR_EDSOOPEN when apr-util's
 *         driver for it is not installed
 */
apr_status_t chat_db_open(chat_db_t **db, const chat_db_conf_t *conf,
                          const char **why, apr_pool_t *p);

chat_db_engine_t chat_db_engine(const chat_db_t *db);
chat_db_engine_t chat_db_engine_of(const chat_db_conn_t *conn);

/**
 * Take a connection, opening one when the pool has none idle.
 * @param conn  NULL when not APR_SUCCESS; chat_db_error(NULL) says why
 * @return CHAT_DB_EBUSY when none became free in time, CHAT_DB_EAWAY when the
 *         database cannot be opened (a SQLite file that does not exist is not
 *         made, unless conf->create)
 */
apr_status_t chat_db_acquire(chat_db_conn_t **conn, chat_db_t *db);

/**
 * Take a connection in order to write. The writing threads of a process come in
 * order and wait before they hold a connection, so that readers never wait for
 * them: on SQLite one after the other, on PostgreSQL as many as three quarters
 * of the connections.
 * @return as chat_db_acquire; CHAT_DB_EBUSY also when the turn did not come
 *         within `busy`
 */
apr_status_t chat_db_acquire_to_write(chat_db_conn_t **conn, chat_db_t *db);

/** Give it back; an open transaction is rolled back, a broken one is closed. */
void chat_db_release(chat_db_conn_t *conn);

/**
 * Run a statement and keep its rows.
 * @param res    may be NULL when no rows are wanted; lives in p
 * @param label  a label of sql/statements/
 * @param args   values for $1, $2 …; n of them, as many as the statement has
 * @return after a failure in the same transaction that failure's status, and
 *         nothing was run
 */
apr_status_t chat_db_run(chat_db_result_t **res, chat_db_conn_t *conn,
                         const char *label, const chat_db_value_t *args, int n,
                         apr_pool_t *p);

/** Acquire (to write, if the statement does), run, release: for a request that
 * needs one statement. */
apr_status_t chat_db_query(chat_db_result_t **res, chat_db_t *db,
                           const char *label, const chat_db_value_t *args,
                           int n, apr_pool_t *p);

/**
 * Some columns of a row as a result of one row, which shares its texts.
 * @param cols  n of them, in the new order; one below 0 is NULL
 */
chat_db_result_t *chat_db_pick(const chat_db_result_t *res, int row,
                               const int *cols, int n, apr_pool_t *p);

/** @return 1: conf->told was called after the commit of this statement */
int chat_db_told(const chat_db_result_t *res);

/** The same on behalf of somebody not known yet: on PostgreSQL never in one
 * statement with others (send_bearer_many), so its values can spoil nobody's. */
apr_status_t chat_db_query_alone(chat_db_result_t **res, chat_db_t *db,
                                 const char *label, const chat_db_value_t *args,
                                 int n, apr_pool_t *p);

/**
 * Run a statement that writes, if that is possible at once: for what may as well
 * be done later. Other writers are not waited for; a row that is locked the
 * statement itself has to pass over (SKIP LOCKED).
 * @return CHAT_DB_EBUSY when others are writing
 */
apr_status_t chat_db_try(chat_db_t *db, const char *label,
                         const chat_db_value_t *args, int n, apr_pool_t *p);

/**
 * A transaction that will write (BEGIN IMMEDIATE on SQLite). Ended by commit,
 * rollback or release, whichever comes first. Transactions do not nest.
 */
apr_status_t chat_db_begin(chat_db_conn_t *conn);
apr_status_t chat_db_commit(chat_db_conn_t *conn);
void chat_db_rollback(chat_db_conn_t *conn);

/**
 * Run a script of several statements without values (schema, migration). A
 * transaction the script opens and does not end is rolled back.
 */
apr_status_t chat_db_script(chat_db_conn_t *conn, const char *sql);

/** The text of a file of sql/ by its name; NULL when there is none. */
const char *chat_db_script_text(const char *name);

/**
 * A number that differs from this connection's previous answer when another
 * connection or process has committed since (SQLite: PRAGMA data_version).
 * Numbers of two connections mean nothing to each other. Reads no table.
 * @return CHAT_DB_EINPUT on an engine that has no such number
 */
apr_status_t chat_db_data_version(chat_db_conn_t *conn, apr_int64_t *version);

/** The socket of a connection, for poll(); -1 where there is none (SQLite). */
int chat_db_descriptor(const chat_db_conn_t *conn);

/**
 * Take in what came on a connection without being asked for, without waiting.
 * @return whether a notification (LISTEN) was among it, or the connection is
 *         over, so that the next statement will tell
 */
int chat_db_notified(chat_db_conn_t *conn);

/**
 * What the last failure on this connection said; for the log, not for users.
 * NULL asks for the calling thread's last failure, also when its connection is
 * gone or never came to be (chat_db_acquire, chat_db_query).
 */
const char *chat_db_error(const chat_db_conn_t *conn);

/** A status of ours or of APR as a short sentence for the log. */
const char *chat_db_strerror(apr_status_t rv);

int chat_db_rows(const chat_db_result_t *res);
int chat_db_cols(const chat_db_result_t *res);

/** A field as text; NULL when it is SQL NULL. A NUL within (SQLite) is U+FFFD.
 * Lives as long as the result. */
const char *chat_db_get(const chat_db_result_t *res, int row, int col);

/** A field as a number; `otherwise` when it is SQL NULL or no number. */
apr_int64_t chat_db_get_int(const chat_db_result_t *res, int row, int col,
                            apr_int64_t otherwise);

/** Whether a label exists for an engine; tests walk the table with it. */
int chat_db_has(const char *label, chat_db_engine_t engine);

#endif
