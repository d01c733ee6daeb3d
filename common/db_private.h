/* SPDX-License-Identifier: Apache-2.0 */
/*
 * db_private.h - what the files behind the door (db.h) share.
 *
 * db.c owns the pool, the labels and the rules of transactions; db_sqlite.c and
 * db_pgsql.c each are one chat_db_ops_t: how an engine opens, runs and closes.
 * A connection is used by one thread at a time, so nothing here locks.
 */
#ifndef CHAT_DB_PRIVATE_H
#define CHAT_DB_PRIVATE_H

#include "db.h"

#include <stddef.h>

/* One labelled statement; the table is made from sql/statements. */
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

#endif
