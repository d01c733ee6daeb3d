/* SPDX-License-Identifier: Apache-2.0 */
/*
 * db_private.h - what the files behind the door (db.h) share.
 *
 * db.c owns the pool, the labels and the rules of transactions; db_sqlite.c and
 * db_pgsql.c each are one chat_db_ops_t: how an engine opens, runs and closes.
 * A connection is used by one thread at a time, so nothing here locks but the
 * gate that writers pass (gate.h) and, on SQLite, the turn (turn.h). db_group.c
 * lets SQLite's writers share a commit.
 */
#ifndef CHAT_DB_PRIVATE_H
#define CHAT_DB_PRIVATE_H

#include "db.h"
#include "gate.h"
#include "turn.h"

#include <apr_dbd.h>
#include <apr_reslist.h>
#include <apr_tables.h>

#include <semaphore.h>

#define CHAT_DB_ERROR_LEN 512

/* One labelled statement; the table is made from sql/statements/. */
typedef struct {
    const char *label;
    const char *text[2]; /* by chat_db_engine_t; NULL: not for this engine */
} chat_statement_t;

/* One file of sql/, by its name. */
typedef struct {
    const char *name; /* "schema.sqlite.sql" */
    const char *text;
} chat_script_t;

extern const chat_statement_t chat_statements[]; /* sorted by label */
extern const int chat_statements_n;
extern const chat_script_t chat_scripts[];
extern const int chat_scripts_n;

/*
 * What an engine does. Each function says what went wrong through
 * chat_db_fail() and returns the status of that. Lock-free: the caller has the
 * connection.
 */
typedef struct {
    const char *driver;  /* apr_dbd's name of it */
    const char *package; /* Debian's package of that driver */
    const char *begin;   /* opens a transaction that will write */

    /* Turn the target into what apr_dbd_open wants; `why` as chat_db_open. */
    apr_status_t (*target)(const char **params, const char *target,
                           const char **why, apr_pool_t *p);
    /* Before apr_dbd_open: is there anything to open? NULL: no need to ask. */
    apr_status_t (*look)(chat_db_conn_t *conn);
    /* After apr_dbd_open: the settings of a connection. */
    apr_status_t (*settle)(chat_db_conn_t *conn);
    /* Before apr_dbd_close: drop what hangs on the native handle. */
    void (*unsettle)(chat_db_conn_t *conn);
    /* Whether a connection outside a transaction still has its database at the
     * other end; no round trip. */
    int (*alive)(chat_db_conn_t *conn);
    /* Run statement i of the table. `stale` is set when nothing was executed
     * and a fresh connection would do; never set inside a transaction. */
    apr_status_t (*run)(chat_db_result_t *res, chat_db_conn_t *conn, int i,
                        const chat_db_value_t *args, int n, int *stale,
                        apr_pool_t *p);
    /* Run SQL without values and rows. */
    apr_status_t (*exec)(chat_db_conn_t *conn, const char *what,
                         const char *sql);
    /* Before anything is written, outside a transaction: wait for the other
     * processes that write, no longer than until conn->until. NULL: the engine
     * lets writers in side by side. */
    apr_status_t (*writing)(chat_db_conn_t *conn);
    /* After it was written, committed or not; also when nobody waited. */
    void (*written)(chat_db_conn_t *conn);
    /* Whether the engine has a transaction open right now. */
    int (*in_transaction)(chat_db_conn_t *conn);
    /* NULL: the engine has no socket. */
    int (*descriptor)(const chat_db_conn_t *conn);
    int (*notified)(chat_db_conn_t *conn);
    /* NULL: the engine has no such number. */
    apr_status_t (*data_version)(chat_db_conn_t *conn, apr_int64_t *version);
} chat_db_ops_t;

extern const chat_db_ops_t chat_db_sqlite;
extern const chat_db_ops_t chat_db_pgsql;

struct chat_db_t {
    apr_pool_t *pool; /* its own root, holds this too; see db_close() */
    chat_db_engine_t engine;
    const chat_db_ops_t *ops;
    chat_db_conf_t conf; /* defaults filled in; strings from pool */
    const char *params;  /* for apr_dbd_open; may hold a password */
    const char *opening; /* "opening /path/chat.db", for chat_db_fail() */
    const apr_dbd_driver_t *driver;
    apr_reslist_t *list; /* of chat_db_conn_t, open or not */
    chat_gate_t writers; /* SQLite: who writes, one at a time */
    chat_gate_t many;    /* PostgreSQL: who leads statements that go together */
    sem_t readers;       /* PostgreSQL: who asks first, see readers_first() */
    apr_time_t slow_until; /* till then nobody waits there; read and set atomically */
    int *twin; /* PostgreSQL: by statement, the one that does many of it; -1 */
};

struct chat_db_conn_t {
    chat_db_t *db;
    apr_pool_t *pool;   /* its own root while open; NULL: not open */
    apr_dbd_t *handle;  /* apr_dbd's */
    void *native;       /* sqlite3* or PGconn*, inside handle */
    void **prepared;    /* by statement; an engine's own mark, NULL: not yet */
    void *version;      /* SQLite: the statement of chat_db_data_version */
    int opened;         /* how many times */
    int in_tx;          /* between chat_db_begin and its end */
    int broken;         /* to be closed when it is given back */
    int writes;         /* its thread is inside db->writers */
    apr_time_t until;   /* when its waits for other writers end; 0: not said */
    chat_turn_t turn;   /* SQLite: among the processes that write */
    apr_status_t tx_rv; /* first failure of the transaction */
    char error[CHAT_DB_ERROR_LEN]; /* what the last failure said */
};

struct chat_db_result_t {
    int rows;
    int cols;
    int told;                   /* chat_db_told() */
    apr_array_header_t *fields; /* of const char *, row by row */
};

/**
 * Run statement i of the table: its rows, or what went wrong.
 * @param args  as many as the statement has; n of them
 */
apr_status_t chat_db_statement(chat_db_result_t **res, chat_db_conn_t *conn,
                               int i, const chat_db_value_t *args, int n,
                               apr_pool_t *p);

/**
 * SQLite: run a writing statement in a transaction that others may share
 * (db_group.c). Values and pool are used by the thread that leads.
 * @param wait  longest wait for other writers, microseconds
 */
apr_status_t chat_db_grouped(chat_db_result_t **res, chat_db_t *db, int i,
                             const chat_db_value_t *args, int n,
                             apr_interval_time_t wait, apr_pool_t *p);

/**
 * PostgreSQL: run a statement that has a twin for many (db->twin), together with
 * those of others when they wait; alone otherwise.
 */
apr_status_t chat_db_together(chat_db_result_t **res, chat_db_t *db, int i,
                              const chat_db_value_t *args, int n,
                              apr_pool_t *p);

/** Take a connection, run, give it back: nobody else's statements with it. */
apr_status_t chat_db_alone(chat_db_result_t **res, chat_db_t *db, int i,
                           const chat_db_value_t *args, int n, apr_pool_t *p);

/**
 * Keep the text of a failure, for its connection and for the calling thread.
 * @param conn  may be NULL when there is none
 * @param what  the statement's label or what was tried
 * @param text  the engine's words; control characters become blanks
 * @return rv
 */
apr_status_t chat_db_fail(chat_db_conn_t *conn, apr_status_t rv,
                          const char *what, const char *text);

/** What another thread's chat_db_fail() has kept becomes this thread's. */
apr_status_t chat_db_fail_again(apr_status_t rv, const char *words);

#endif
