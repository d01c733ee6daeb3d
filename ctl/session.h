/* SPDX-License-Identifier: Apache-2.0 */
/*
 * session.h - what the commands share that look after people's data: audit,
 * export, erase, hold, purge. Each opens the database it is told of, does its
 * work in transactions of bounded size, and leaves entries in the audit log.
 */
#ifndef CTL_SESSION_H
#define CTL_SESSION_H

#include "audit_log.h"
#include "options.h"

typedef struct {
    chat_db_t *db;
    chat_db_conn_t *conn; /* the one that is used */
    chat_db_engine_t engine;
    const char *who;      /* for entries of the audit log */
    apr_pool_t *p;        /* of the command */
    apr_pool_t *rows;     /* of a statement; cleared between batches */
} ctl_session_t;

/**
 * Open the database that was named.
 * @param writes  whether the command will change rows
 * @return CTL_OK, else said already
 */
int ctl_session_open(ctl_session_t *s, const ctl_target_t *given, int writes,
                     const char *command, apr_pool_t *p);

/** Run a statement. @param res from s->rows, may be NULL */
apr_status_t ctl_session_run(chat_db_result_t **res, ctl_session_t *s,
                             const char *label, const chat_db_value_t *args,
                             int n);

/** Say what the database refused. @return CTL_FAILED */
int ctl_session_failed(const ctl_session_t *s, apr_status_t rv);

/** An id as a value: a number when it looks like one. */
chat_db_value_t ctl_id(const char *id);

#endif
