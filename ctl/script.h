/* SPDX-License-Identifier: Apache-2.0 */
/*
 * script.h - the scripts of sql/ as text: which version one brings, what is
 * inside its transaction, and whether two texts say the same. Pure: no
 * database, no file.
 */
#ifndef CTL_SCRIPT_H
#define CTL_SCRIPT_H

#include <apr_pools.h>
#include <apr_tables.h>

/**
 * The version a schema's script brings a database to: the highest number that
 * it puts into chat_schema.
 * @param script  NULL gives 0
 * @return 0 when it puts none
 */
int ctl_script_version(const char *script);

/**
 * What stands between BEGIN and COMMIT. The scripts have a transaction of their
 * own, for the engines' shells; whoever has one open already wants the inside.
 * @return the text between the first line "BEGIN…;" and the last line
 * "COMMIT;"; a line that is not there takes nothing away
 */
const char *ctl_script_body(const char *script, apr_pool_t *p);

/**
 * SQL without comments and with one blank where any white space was, so that
 * two texts can be compared however they came into their databases (the sqlite3
 * shell and psql keep comments, the compiled-in scripts have none). What is
 * quoted stays.
 * @param sql  NULL gives ""
 */
const char *ctl_sql_plain(const char *sql, apr_pool_t *p);

/**
 * The CHECK constraints of a CREATE TABLE, without their names: SQLite keeps
 * them nowhere else.
 * @param sql  as it was written; NULL has none
 * @return const char *, each a "CHECK (…)", plain
 */
apr_array_header_t *ctl_sql_checks(const char *sql, apr_pool_t *p);

#endif
