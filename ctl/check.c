/* SPDX-License-Identifier: Apache-2.0 */
/*
 * check.c - chatctl migrate --check: whether a database has all this program
 * needs.
 *
 * What it needs is what the schema's script makes: the script runs on the side,
 * and the two databases are compared thing by thing. On SQLite the side is a
 * database in memory; on PostgreSQL a schema beside the real one, in a
 * transaction that is rolled back, because nothing else knows how the server
 * writes a definition down.
 *
 * Nothing is changed. So a SQLite file is opened here and not through
 * common/db, which would set its journal mode.
 */
#include "inventory.h"
#include "migrate.h"
#include "script.h"

#include <apr_strings.h>
#include <sqlite3.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* --- what to do about it --- */

/* How a thing is found, its kind (NULL: any), what helps; first match wins. */
/* clang-format off */
static const struct {
    ctl_fit_t fit;
    const char *kind;
    const char *remedy;
} remedies[] = {
    { CTL_OBJECT_MISSING,   "column",
      "add it as the schema's script has it (an application's: --repair does)" },
    { CTL_OBJECT_DIFFERENT, "column",
      "change it to what the schema's script has" },
    { CTL_OBJECT_MISSING,   "constraint",
      "add it to the table as the schema's script has it" },
    { CTL_OBJECT_DIFFERENT, "constraint",
      "change it to what the schema's script has" },
    { CTL_OBJECT_DIFFERENT, "index",
      "drop it, then run chatctl migrate --repair" },
    { CTL_OBJECT_IDLE,      "index",
      "drop it, then run chatctl migrate --repair" },
    { CTL_OBJECT_MISSING,   NULL, "run chatctl migrate --repair" },
    { CTL_OBJECT_DIFFERENT, NULL, "run chatctl migrate --repair" },
    { CTL_OBJECT_IDLE,      NULL, "run chatctl migrate --repair" },
};
/* clang-format on */

static const char *remedy_of(ctl_fit_t fit, const char *kind)
{
    apr_size_t i = 0;

    while (remedies[i].fit != fit ||
           (remedies[i].kind != NULL && strcmp(remedies[i].kind, kind))) {
        i++;
    }
    return remedies[i].remedy;
}

static const char *verdict(ctl_fit_t fit, const char *kind)
{
    switch (fit) {
    case CTL_OBJECT_MISSING:
        return "is missing";
    case CTL_OBJECT_IDLE:
        return strcmp(kind, "index") ? "is disabled" : "is invalid";
    default:
        return "is another one than this program's";
    }
}

/* --- comparing --- */

static ctl_object_t *object_add(apr_array_header_t *list, const char *kind,
                                const char *key, const char *name,
                                const char *state, const char *text,
                                apr_pool_t *p)
{
    ctl_object_t *o = apr_array_push(list);

    o->kind = apr_pstrdup(p, kind);
    o->key = apr_pstrdup(p, key);
    o->name = apr_pstrdup(p, name);
    o->state = apr_pstrdup(p, state);
    o->text = ctl_sql_plain(text, p);
    return o;
}

/* What belongs to a table that is missing goes without saying. */
static int is_of_missing(const ctl_object_t *o,
                         const apr_array_header_t *missing)
{
    const char *table;
    apr_size_t len;
    int i;

    for (i = 0; i < missing->nelts; i++) {
        table = APR_ARRAY_IDX(missing, i, const char *);
        len = strlen(table);
        if (!strncmp(o->name, table, len) && o->name[len] == '.') {
            return 1;
        }
    }
    return 0;
}

static int compare(const ctl_migrate_t *m, const apr_array_header_t *wanted,
                   const apr_array_header_t *there, int version, apr_pool_t *p)
{
    apr_array_header_t *missing = apr_array_make(p, 4, sizeof(char *));
    const char *engine = ctl_engine_name(m->engine);
    const ctl_object_t *o;
    int i, wrong = 0;
    ctl_fit_t fit;

    for (i = 0; i < wanted->nelts; i++) {
        o = &APR_ARRAY_IDX(wanted, i, ctl_object_t);
        fit = ctl_inventory_fit(o, there);
        if (fit == CTL_OBJECT_FITS || is_of_missing(o, missing)) {
            continue;
        }
        if (fit == CTL_OBJECT_MISSING && !strcmp(o->kind, "table")) {
            APR_ARRAY_PUSH(missing, const char *) = o->name;
        }
        wrong++;
        printf("%s: the %s %s %s: %s\n", engine, o->kind, o->name,
               verdict(fit, o->kind), remedy_of(fit, o->kind));
    }
    if (wrong > 0) {
        return CTL_FAILED;
    }
    printf("%s: schema version %d, complete\n", engine, version);
    return CTL_OK;
}

/* Before anything is compared. @return CTL_OK when the versions are the same */
static int version_check(const ctl_migrate_t *m, int version,
                         const char *script, const char *name)
{
    const char *engine = ctl_engine_name(m->engine);
    int ours = ctl_script_version(script);

    if (script == NULL) {
        return ctl_fail("%s: this program carries no %s: install a release "
                        "that has it",
                        engine, name);
    }
    if (version > ours) {
        return ctl_newer(m->engine, version, ours);
    }
    if (version == ours) {
        return CTL_OK;
    }
    if (version == 0) {
        printf("%s: the database has no schema of the chat: run chatctl "
               "migrate\n",
               engine);
    }
    else {
        printf("%s: schema version %d, this program needs %d: run chatctl "
               "migrate\n",
               engine, version, ours);
    }
    return CTL_FAILED;
}

/* --- SQLite --- */

static int file_failed(sqlite3 *db, const char *path)
{
    return ctl_fail("sqlite: %s: %s: see that the database is there and that "
                    "this user may open it",
                    path, sqlite3_errmsg(db));
}

static const char *column(sqlite3_stmt *stmt, int i)
{
    const char *text = (const char *)sqlite3_column_text(stmt, i);

    return text != NULL ? text : "";
}

/* The CHECKs of a table, from the statement that made it. */
static void checks_add(apr_array_header_t *list, const char *table,
                       const char *sql, apr_pool_t *p)
{
    apr_array_header_t *checks = ctl_sql_checks(sql, p);
    const char *check;
    int i;

    for (i = 0; i < checks->nelts; i++) {
        check = APR_ARRAY_IDX(checks, i, const char *);
        object_add(list, "constraint", apr_pstrcat(p, table, " ", check, NULL),
                   apr_pstrcat(p, table, ".", check, NULL), "", check, p);
    }
}

/* @return SQLITE_OK, or the handle knows what went wrong */
static int file_objects(apr_array_header_t *list, sqlite3 *db, apr_pool_t *p)
{
    const char *sql = chat_db_script_text("objects.sqlite.sql");
    sqlite3_stmt *stmt;

    if (sqlite3_prepare_v2(db, sql, -1, &stmt, NULL) != SQLITE_OK) {
        return sqlite3_errcode(db);
    }
    while (sqlite3_step(stmt) == SQLITE_ROW) {
        if (!strcmp(column(stmt, 0), "checks")) {
            checks_add(list, column(stmt, 1), column(stmt, 4), p);
            continue;
        }
        object_add(list, column(stmt, 0), column(stmt, 1), column(stmt, 2),
                   column(stmt, 3), column(stmt, 4), p);
    }
    return sqlite3_finalize(stmt);
}

static int version_take(void *version, int n, char **values, char **names)
{
    (void)n;
    (void)names;
    *(int *)version = values[0] != NULL ? atoi(values[0]) : 0;
    return 0;
}

/* The version stands in a table that may not be there. */
static int file_version(int *version, const apr_array_header_t *there,
                        sqlite3 *db)
{
    static const ctl_object_t versions = { "table", "chat_schema",
                                           "chat_schema", "", "" };

    *version = 0;
    if (ctl_inventory_fit(&versions, there) != CTL_OBJECT_FITS) {
        return SQLITE_OK;
    }
    return sqlite3_exec(db, "SELECT max(version) FROM chat_schema",
                        version_take, version, NULL);
}

static int file_check(const ctl_migrate_t *m, sqlite3 *file, sqlite3 *side,
                      const char *path, apr_pool_t *p)
{
    apr_array_header_t *there = apr_array_make(p, 64, sizeof(ctl_object_t));
    apr_array_header_t *wanted = apr_array_make(p, 64, sizeof(ctl_object_t));
    const char *script, *name;
    int version, status;

    script = ctl_schema_script(&name, CHAT_DB_SQLITE, 0);
    if (file_objects(there, file, p) != SQLITE_OK ||
        file_version(&version, there, file) != SQLITE_OK) {
        return file_failed(file, path);
    }
    status = version_check(m, version, script, name);
    if (status != CTL_OK) {
        return status;
    }
    if (sqlite3_exec(side, script, NULL, NULL, NULL) != SQLITE_OK ||
        file_objects(wanted, side, p) != SQLITE_OK) {
        return file_failed(side, "a database in memory");
    }
    return compare(m, wanted, there, version, p);
}

static int sqlite_check(const ctl_migrate_t *m, apr_pool_t *p)
{
    const char *path = m->target + strlen("sqlite:");
    sqlite3 *file = NULL;
    sqlite3 *side = NULL;
    int status;

    if (sqlite3_open_v2(path, &file, SQLITE_OPEN_READWRITE, NULL) !=
        SQLITE_OK) {
        status = file_failed(file, path);
    }
    else if (sqlite3_open(":memory:", &side) != SQLITE_OK) {
        status = file_failed(side, "a database in memory");
    }
    else {
        sqlite3_busy_timeout(file, 5000);
        status = file_check(m, file, side, path, p);
    }
    sqlite3_close(side);
    sqlite3_close(file);
    return status;
}

/* --- PostgreSQL --- */

static apr_status_t server_objects(apr_array_header_t *list,
                                   chat_db_conn_t *conn, apr_pool_t *p)
{
    chat_db_result_t *res;
    apr_status_t rv;
    int i;

    rv = chat_db_run(&res, conn, "migrate_objects", NULL, 0, p);
    for (i = 0; rv == APR_SUCCESS && i < chat_db_rows(res); i++) {
        object_add(list, chat_db_get(res, i, 0), chat_db_get(res, i, 1),
                   chat_db_get(res, i, 2), chat_db_get(res, i, 3),
                   chat_db_get(res, i, 4), p);
    }
    return rv;
}

/* The schema made on the side; the transaction must be rolled back. An
 * application that lost a table is found out here, by the script. */
static int side_make(chat_db_conn_t *conn, const char *script, int laravel,
                     apr_pool_t *p)
{
    chat_db_value_t adapt = chat_db_text(laravel ? "laravel" : "none");
    apr_status_t rv;

    rv = chat_db_run(NULL, conn, "migrate_adapt", &adapt, 1, p);
    if (rv == APR_SUCCESS) {
        rv = chat_db_script(conn, chat_db_script_text("check.pgsql.sql"));
    }
    if (rv == CHAT_DB_ESQL) {
        return ctl_fail("postgresql: %s: to compare with, the schema is made "
                        "a second time and taken back, for which a role needs "
                        "CREATE on the database",
                        chat_db_error(conn));
    }
    if (rv == APR_SUCCESS) {
        rv = chat_db_script(conn, ctl_script_body(script, p));
    }
    return rv == APR_SUCCESS ? CTL_OK : ctl_db_fail(CHAT_DB_PGSQL, conn, rv);
}

static int server_check(const ctl_migrate_t *m, chat_db_conn_t *conn,
                        apr_pool_t *p)
{
    apr_array_header_t *there = apr_array_make(p, 256, sizeof(ctl_object_t));
    apr_array_header_t *wanted = apr_array_make(p, 256, sizeof(ctl_object_t));
    const char *script, *name;
    ctl_shape_t shape;
    apr_status_t rv;
    int status;

    rv = ctl_shape_read(&shape, m, conn, p);
    if (rv != APR_SUCCESS) {
        return ctl_db_fail(m->engine, conn, rv);
    }
    script = ctl_schema_script(&name, CHAT_DB_PGSQL, shape.laravel);
    status = version_check(m, shape.version, script, name);
    if (status != CTL_OK) {
        return status;
    }
    rv = server_objects(there, conn, p);
    if (rv != APR_SUCCESS) {
        return ctl_db_fail(m->engine, conn, rv);
    }
    status = side_make(conn, script, shape.laravel, p);
    if (status != CTL_OK) {
        return status;
    }
    rv = server_objects(wanted, conn, p);
    return rv == APR_SUCCESS ? compare(m, wanted, there, shape.version, p)
                             : ctl_db_fail(m->engine, conn, rv);
}

int ctl_check(const ctl_migrate_t *m, chat_db_t *db, apr_pool_t *p)
{
    chat_db_conn_t *conn;
    apr_status_t rv;
    int status;

    if (m->engine == CHAT_DB_SQLITE) {
        return sqlite_check(m, p);
    }
    rv = chat_db_acquire(&conn, db);
    if (rv != APR_SUCCESS) {
        return ctl_db_fail(m->engine, NULL, rv);
    }
    rv = chat_db_begin(conn);
    status = rv == APR_SUCCESS ? server_check(m, conn, p)
                               : ctl_db_fail(m->engine, conn, rv);
    chat_db_release(conn); /* and rolls back */
    return status;
}
