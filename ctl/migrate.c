/* SPDX-License-Identifier: Apache-2.0 */
/*
 * migrate.c - chatctl migrate: a database gets the schema this program carries.
 *
 * The scripts of sql/ may run on an empty database and on one of any earlier
 * version, and leave rows as they are. What happens here around them is one
 * transaction: wait until no other migrate is at it, ask which version is
 * there, run the script, see that it brought the version it says, commit.
 * Whatever fails leaves the database as it was; who waited finds the work done.
 *
 * On PostgreSQL that wait is an advisory lock and may take minutes. The
 * script's own locks may not: a table that is asked for exclusively is closed
 * to everybody who comes behind, so they are given up after seconds.
 */
#include "migrate.h"
#include "options.h"
#include "script.h"

#include <apr_file_info.h>
#include <apr_strings.h>

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define SQLITE_PATIENCE apr_time_from_sec(60)
#define PGSQL_PATIENCE "10s"
#define PGSQL_TURN "10min"

static const char help[] =
    "usage: chatctl migrate [OPTION...] (--database TARGET | --config FILE)\n"
    "\n"
    "Make the chat's tables, views and triggers in a database, or upgrade them "
    "to\n"
    "the version of this program. May be run again and while the chat is "
    "running.\n"
    "\n"
    "  --database TARGET  sqlite:/path/file.db (made when missing) or\n"
    "                     postgresql://user:password@host/database\n"
    "  --config FILE      take database.url of chat-push's settings\n"
    "  --check            change nothing; name what is missing or wrong\n"
    "  --repair           put back what --check named, at the same version\n"
    "  --sample           load sample people, when there are no users yet\n"
    "  --adapt KIND       laravel: an existing application's tables are used\n"
    "                     (PostgreSQL); none: the chat has its own. Found out "
    "by\n"
    "                     itself when not given\n"
    "  --json             print one JSON object\n"
    "\n"
    "Exit status: 0 done or right, 1 failed or not right, 2 wrong arguments.\n";

/* --- arguments --- */

/* @param done  --help was asked for and answered */
static int arguments(ctl_migrate_t *m, int *json, int *done, int argc,
                     const char *const *argv, apr_pool_t *p)
{
    ctl_target_t given = { NULL, NULL };
    const char *adapt = NULL;
    ctl_words_t words;
    int status;
    const ctl_opt_t opts[] = { { "check", NULL, &m->check, NULL },
                               { "repair", NULL, &m->repair, NULL },
                               { "sample", NULL, &m->sample, NULL },
                               { "adapt", &adapt, NULL, NULL },
                               { "database", &given.database, NULL, NULL },
                               { "config", &given.config, NULL, NULL },
                               { "json", NULL, json, NULL },
                               { NULL, NULL, NULL, NULL } };

    status = ctl_options(&words, done, opts, "migrate", help, argc, argv, p);
    if (status != CTL_OK || *done) {
        return status;
    }
    if (words.n > 0) {
        return ctl_usage("migrate", "'%s' is one argument too many",
                         words.word[0]);
    }
    m->adapt = adapt == NULL                ? -1
               : !strcmp(adapt, "laravel") ? 1
               : !strcmp(adapt, "none")    ? 0
                                           : -2;
    if (m->adapt == -2) {
        return ctl_usage("migrate", "--adapt is laravel or none, not '%s'",
                         adapt);
    }
    if (m->check && (m->sample || m->repair)) {
        return ctl_usage("migrate", "--check changes nothing, so it goes "
                                    "without --sample and --repair");
    }
    status = ctl_target(&m->target, &given, "migrate", p);
    return status == CTL_OK && m->adapt == 1 &&
                   strncmp(m->target, "sqlite:", 7) == 0
               ? ctl_usage("migrate", "--adapt laravel is for PostgreSQL")
               : status;
}

/* --- what is there --- */

const char *ctl_schema_script(const char **name, chat_db_engine_t engine,
                              int laravel)
{
    *name = engine == CHAT_DB_SQLITE ? "schema.sqlite.sql"
            : laravel                ? "laravel.pgsql.sql"
                                     : "schema.pgsql.sql";
    return chat_db_script_text(*name);
}

apr_status_t ctl_shape_read(ctl_shape_t *shape, const ctl_migrate_t *m,
                            chat_db_conn_t *conn, apr_pool_t *p)
{
    chat_db_result_t *res;
    apr_status_t rv;

    memset(shape, 0, sizeof(*shape));
    rv = chat_db_run(&res, conn, "migrate_shape", NULL, 0, p);
    if (rv != APR_SUCCESS) {
        return rv;
    }
    shape->foreign = chat_db_get(res, 0, 1);
    shape->laravel = m->adapt >= 0 ? m->adapt
                                   : (int)chat_db_get_int(res, 0, 2, 0);
    if (chat_db_get_int(res, 0, 0, 0) == 0) {
        return APR_SUCCESS;
    }
    rv = chat_db_run(&res, conn, "migrate_version", NULL, 0, p);
    if (rv == APR_SUCCESS) {
        shape->version = (int)chat_db_get_int(res, 0, 0, 0);
    }
    return rv;
}

int ctl_newer(chat_db_engine_t engine, int version, int ours)
{
    return ctl_fail("%s: the database is at schema version %d and this program "
                    "knows %d: install the release that made it",
                    ctl_engine_name(engine), version, ours);
}

/* --- doing it --- */

static apr_status_t patience(chat_db_conn_t *conn, const char *time,
                             apr_pool_t *p)
{
    chat_db_value_t value = chat_db_text(time);

    return chat_db_run(NULL, conn, "migrate_patience", &value, 1, p);
}

/* A transaction in which nobody else migrates. */
static apr_status_t turn_take(chat_db_conn_t *conn, const ctl_migrate_t *m,
                              apr_pool_t *p)
{
    apr_status_t rv = chat_db_begin(conn);

    if (rv != APR_SUCCESS || m->engine == CHAT_DB_SQLITE) {
        return rv;
    }
    rv = patience(conn, PGSQL_TURN, p);
    if (rv == APR_SUCCESS) {
        rv = chat_db_run(NULL, conn, "migrate_lock", NULL, 0, p);
    }
    return rv == APR_SUCCESS ? patience(conn, PGSQL_PATIENCE, p) : rv;
}

/* Two who make a SQLite file at once may refuse each other while it is opened,
 * where SQLite does not wait. */
static apr_status_t connect_to_write(chat_db_conn_t **conn, chat_db_t *db)
{
    apr_time_t until = apr_time_now() + SQLITE_PATIENCE;
    apr_status_t rv;

    for (;;) {
        rv = chat_db_acquire_to_write(conn, db);
        if (rv != CHAT_DB_EBUSY || apr_time_now() > until) {
            return rv;
        }
        apr_sleep(apr_time_from_msec(50));
    }
}

/* Give the tables of an earlier version the columns they lack. */
static apr_status_t columns_add(chat_db_conn_t *conn, apr_pool_t *p)
{
    chat_db_result_t *res;
    apr_status_t rv = chat_db_run(&res, conn, "migrate_columns", NULL, 0, p);

    for (int i = 0; rv == APR_SUCCESS && i < chat_db_rows(res); i++) {
        rv = chat_db_script(conn, chat_db_get(res, i, 0));
    }
    return rv;
}

/* Run the schema's script inside the transaction that is open. */
static int schema_run(const ctl_migrate_t *m, chat_db_conn_t *conn,
                      const char *script, int ours, apr_pool_t *p)
{
    chat_db_result_t *res;
    apr_status_t rv = APR_SUCCESS;

    if (m->engine == CHAT_DB_SQLITE) {
        rv = columns_add(conn, p);
    }
    if (rv == APR_SUCCESS) {
        rv = chat_db_script(conn, ctl_script_body(script, p));
    }
    if (rv == APR_SUCCESS) {
        rv = chat_db_run(&res, conn, "migrate_version", NULL, 0, p);
    }
    if (rv != APR_SUCCESS) {
        return ctl_db_fail(m->engine, conn, rv);
    }
    if (chat_db_get_int(res, 0, 0, 0) != ours) {
        return ctl_fail("%s: the script did not bring version %d, so nothing "
                        "was changed: report this",
                        ctl_engine_name(m->engine), ours);
    }
    return CTL_OK;
}

/* @param loaded  0 when there are users already */
static int sample_run(int *loaded, const ctl_migrate_t *m, chat_db_conn_t *conn,
                      apr_pool_t *p)
{
    const char *rows = chat_db_script_text(
        m->engine == CHAT_DB_SQLITE ? "sample.sqlite.sql" : "sample.pgsql.sql");
    chat_db_result_t *res;
    apr_status_t rv;

    rv = chat_db_run(&res, conn, "migrate_people", NULL, 0, p);
    *loaded = rv == APR_SUCCESS && chat_db_get_int(res, 0, 0, 1) == 0;
    if (*loaded) {
        rv = chat_db_script(
            conn,
            ctl_script_body(
                apr_pstrcat(p, chat_db_script_text("sample.sql"), rows, NULL),
                p));
    }
    return rv == APR_SUCCESS ? CTL_OK : ctl_db_fail(m->engine, conn, rv);
}

/* What the adaptation found that an operator should know. */
static apr_status_t notes_say(chat_db_conn_t *conn, apr_pool_t *p)
{
    chat_db_result_t *res;
    apr_status_t rv;
    apr_int64_t several;

    rv = chat_db_run(&res, conn, "migrate_notes", NULL, 0, p);
    if (rv != APR_SUCCESS) {
        return rv;
    }
    if (chat_db_get_int(res, 0, 0, 0)) {
        ctl_say("postgresql: treatment_plans is not there, or in another "
                "shape: plans will raise no events");
    }
    several = chat_db_get_int(res, 0, 1, 0);
    if (several > 0) {
        ctl_say("postgresql: %" APR_INT64_T_FMT " treatment requests have "
                "several doctors that accepted: the first of each chats",
                several);
    }
    return APR_SUCCESS;
}

static void done_say(const ctl_migrate_t *m, const ctl_shape_t *shape, int ours,
                     int sampled)
{
    const char *engine = ctl_engine_name(m->engine);

    if (shape->version == ours) {
        ctl_say(m->repair ? "%s: version %d renewed"
                          : "%s: already at version %d",
                engine, ours);
    }
    else {
        ctl_say("%s: schema version %d -> %d%s", engine, shape->version, ours,
                shape->laravel ? ", a Laravel application's tables" : "");
    }
    if (m->sample) {
        ctl_say(sampled ? "%s: sample people loaded"
                        : "%s: there are users already, no sample people "
                          "loaded",
                engine);
    }
}

/* What keeps us from touching this database. */
static int refusal(const ctl_migrate_t *m, const ctl_shape_t *shape,
                   const char *script, const char *name)
{
    const char *engine = ctl_engine_name(m->engine);

    if (script == NULL) {
        return ctl_fail("%s: this program carries no %s: install a release "
                        "that has it",
                        engine, name);
    }
    if (shape->version > ctl_script_version(script)) {
        return ctl_newer(m->engine, shape->version, ctl_script_version(script));
    }
    if (shape->laravel && m->sample) {
        return ctl_fail("%s: this is an application's database: sample people "
                        "are for one of the chat's own",
                        engine);
    }
    if (shape->version == 0 && shape->foreign != NULL && m->adapt < 0 &&
        !shape->laravel) {
        return ctl_fail("%s: the database has a table %s that is not the "
                        "chat's: give an empty database, or say with --adapt "
                        "what this one is",
                        engine, shape->foreign);
    }
    return CTL_OK;
}

/* The transaction is open, and ends as its connection is released. */
static int migrate_locked(const ctl_migrate_t *m, chat_db_conn_t *conn,
                          apr_pool_t *p)
{
    const char *script, *name;
    int ours, sampled = 0, status;
    ctl_shape_t shape;
    apr_status_t rv;

    rv = ctl_shape_read(&shape, m, conn, p);
    if (rv != APR_SUCCESS) {
        return ctl_db_fail(m->engine, conn, rv);
    }
    script = ctl_schema_script(&name, m->engine, shape.laravel);
    ours = ctl_script_version(script);
    status = refusal(m, &shape, script, name);
    if (status == CTL_OK && (shape.version < ours || m->repair)) {
        status = schema_run(m, conn, script, ours, p);
    }
    if (status == CTL_OK && m->sample) {
        status = sample_run(&sampled, m, conn, p);
    }
    if (status != CTL_OK) {
        return status;
    }
    rv = shape.laravel && shape.version < ours ? notes_say(conn, p)
                                               : APR_SUCCESS;
    if (rv == APR_SUCCESS) {
        rv = chat_db_commit(conn);
    }
    if (rv != APR_SUCCESS) {
        return ctl_db_fail(m->engine, conn, rv);
    }
    done_say(m, &shape, ours, sampled);
    return CTL_OK;
}

/* Only SQLite's databases are files; NULL for others and where one is. */
static const char *file_to_make(const ctl_migrate_t *m, apr_pool_t *p)
{
    const char *path = m->target + strlen("sqlite:");
    apr_finfo_t info;

    return m->engine == CHAT_DB_SQLITE &&
                   apr_stat(&info, path, APR_FINFO_TYPE, p) != APR_SUCCESS
               ? path
               : NULL;
}

static int migrate(const ctl_migrate_t *m, chat_db_t *db, apr_pool_t *p)
{
    const char *made = file_to_make(m, p);
    chat_db_conn_t *conn;
    apr_status_t rv;
    int status;

    umask(umask(0) | 027); /* what people wrote is not for everybody */
    rv = connect_to_write(&conn, db);
    if (rv != APR_SUCCESS) {
        return ctl_db_fail(m->engine, NULL, rv);
    }
    rv = turn_take(conn, m, p);
    status = rv == APR_SUCCESS ? migrate_locked(m, conn, p)
                               : ctl_db_fail(m->engine, conn, rv);
    chat_db_release(conn);
    if (status == CTL_OK && made != NULL && geteuid() == 0) {
        ctl_say("sqlite: %s belongs to root: give it and its directory to the "
               "user that httpd's children and chat-push run as",
               made);
    }
    return status;
}

static int do_it(ctl_migrate_t *m, apr_pool_t *p)
{
    chat_db_conf_t conf = { .max = 1, .busy = SQLITE_PATIENCE };
    const char *why = NULL;
    chat_db_t *db;

    conf.target = m->target;
    conf.create = !m->check;
    if (chat_db_open(&db, &conf, &why, p) != APR_SUCCESS) {
        return ctl_fail("%s", why);
    }
    m->engine = chat_db_engine(db);
    return m->check ? ctl_check(m, db, p) : migrate(m, db, p);
}

/* What was said as JSON, also of what went wrong. */
static void said_print(const apr_array_header_t *said, int status)
{
    json_t *all = json_array();

    for (int i = 0; i < said->nelts; i++) {
        json_t *one = json_string(APR_ARRAY_IDX(said, i, const char *));

        json_array_append_new(all, one != NULL ? one : json_null());
    }
    ctl_json_line(json_pack("{s:b, s:o}", "ok", status == CTL_OK, "said", all));
}

int ctl_migrate(int argc, const char *const *argv, apr_pool_t *p)
{
    apr_array_header_t *said = NULL;
    ctl_migrate_t m = { 0 };
    int json = 0, done = 0;
    int status = arguments(&m, &json, &done, argc, argv, p);

    if (status != CTL_OK || done) {
        return status;
    }
    if (json) {
        said = apr_array_make(p, 8, sizeof(const char *));
        ctl_divert(said);
    }
    status = do_it(&m, p);
    if (json) {
        ctl_divert(NULL);
        said_print(said, status);
    }
    return status;
}
