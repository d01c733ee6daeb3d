/* SPDX-License-Identifier: Apache-2.0 */
/*
 * doctor_db.c - the database: whether both programs mean the same one, may use
 * it, and find all they need in it. Reads only. The target may hold a password
 * and is never printed.
 */
#include "doctor.h"
#include "migrate.h"
#include "sizing.h"

#include <apr_strings.h>
#include <sqlite3.h>

#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

#define PGSQL_LEAST 130000 /* server_version_num */
#define SKEW_MOST 5        /* seconds between the clocks of two machines */

static const char sqlite[] = "sqlite:";

static int is_sqlite(const char *target)
{
    return !strncmp(target, sqlite, strlen(sqlite));
}

/* Without user and password. */
static const char *shown(const char *target, apr_pool_t *p)
{
    const char *from, *at;

    if (is_sqlite(target)) {
        return target + strlen(sqlite);
    }
    from = strstr(target, "://");
    if (from == NULL) {
        return "the database";
    }
    from += 3;
    at = from + strcspn(from, "/?");
    while (at > from && at[-1] != '@') {
        at--;
    }
    return apr_psprintf(p, "postgresql://%.*s", (int)strcspn(at, "?"), at);
}

/* --- one database for both --- */

static void check_same(doctor_t *d)
{
    const httpd_directive_t *said = d->conf != NULL
                                        ? httpd_conf_last(d->conf,
                                                          d->site.vhost,
                                                          "ChatDatabase")
                                        : NULL;
    const char *ours = doctor_push_text(d, "database.url");
    const char *theirs = httpd_directive_word(said, 0);
    struct stat a, b;

    if (said == NULL || d->push == NULL) {
        return;
    }
    if (ours == NULL) {
        doctor_say(d, DOCTOR_FAIL, "database",
                   doctor_setting(d, "database.url"),
                   "set it to what ChatDatabase says",
                   "chat-push has no database, so nothing that is written "
                   "reaches anybody");
        return;
    }
    if (strcmp(ours, theirs) != 0 &&
        (!is_sqlite(ours) || !is_sqlite(theirs) ||
         stat(shown(ours, d->p), &a) != 0 ||
         stat(shown(theirs, d->p), &b) != 0 || a.st_ino != b.st_ino)) {
        doctor_say(d, DOCTOR_FAIL, "database", doctor_at(d, said),
                   apr_psprintf(d->p, "say the same in both, here and in %s",
                                doctor_setting(d, "database.url")),
                   "httpd writes to %s and chat-push reads %s",
                   shown(theirs, d->p), shown(ours, d->p));
    }
}

/* --- files --- */

static int file_usable(doctor_t *d, const who_t *who, const char *program,
                       const char *path, int want)
{
    const char *at = path;
    const char *why;

    if (who->name == NULL) {
        return 1;
    }
    why = may_use(&at, who, path, want, d->p);
    if (why == NULL) {
        return 1;
    }
    d->db_down = 1;
    doctor_say(d, DOCTOR_FAIL, "database-files", at,
               apr_psprintf(d->p,
                            "give it to a group that %s and chat-push share "
                            "(chgrp mod_chat, chmod g+rw, directories 2770), "
                            "both its users in it",
                            d->httpd_user.name != NULL ? d->httpd_user.name
                                                       : "httpd's user"),
               "%s cannot use the database: it %s", program, why);
    return 0;
}

static void check_files(doctor_t *d, const char *path)
{
    const char *slash = strrchr(path, '/');
    const char *dir = slash != NULL && slash > path
                          ? apr_pstrmemdup(d->p, path,
                                           (apr_size_t)(slash - path))
                          : "/";
    struct stat st;

    if (stat(path, &st) != 0) {
        return; /* opening it will say so */
    }
    if (file_usable(d, &d->httpd_user, "httpd", path, 6) &&
        file_usable(d, &d->httpd_user, "httpd", dir, 3) &&
        file_usable(d, &d->push_user, "chat-push", path, 6) &&
        file_usable(d, &d->push_user, "chat-push", dir, 3)) {
        if ((st.st_mode & 0007) != 0) {
            doctor_say(d, DOCTOR_WARN, "database-files", path,
                       apr_psprintf(d->p, "chmod o= %s", path),
                       "every user of this machine may read what people wrote "
                       "(%s)",
                       may_owner(path, d->p));
            return;
        }
        doctor_say(d, DOCTOR_OK, "database-files", NULL, NULL,
                   "both programs may write %s", path);
    }
}

static int mode_take(void *mode, int n, char **values, char **names)
{
    (void)n;
    (void)names;
    apr_cpystrn(mode, values[0] != NULL ? values[0] : "", 16);
    return 0;
}

static void check_journal(doctor_t *d, const char *path)
{
    char mode[16] = "";
    sqlite3 *db = NULL;

    if (sqlite3_open_v2(path, &db, SQLITE_OPEN_READWRITE, NULL) == SQLITE_OK) {
        sqlite3_busy_timeout(db, 2000);
        sqlite3_exec(db, "PRAGMA journal_mode", mode_take, mode, NULL);
    }
    sqlite3_close(db);
    if (*mode != '\0' && strcmp(mode, "wal") != 0) {
        doctor_say(
            d, DOCTOR_WARN, "database-journal", path,
            apr_psprintf(d->p, "sqlite3 %s 'PRAGMA journal_mode=WAL'", path),
            "the journal mode is %s: readers and writers wait for each "
            "other",
            mode);
    }
}

/* --- the schema --- */

/* "sqlite: the trigger x is missing: run …": what, and what to do. In sentences
 * of another form what to do comes last. */
static void finding(doctor_t *d, const char *sentence)
{
    const char *at = strstr(sentence, ": ");
    const char *colon = NULL;
    const char *next;

    at = at != NULL ? at + 2 : sentence;
    for (next = at; (next = strstr(next, ": ")) != NULL; next += 2) {
        colon = next;
        if (!strncmp(at, "the ", 4)) {
            break;
        }
    }
    doctor_say(d, DOCTOR_FAIL, "database-schema", shown(d->target, d->p),
               apr_psprintf(d->p, "%s%s%s",
                            colon != NULL ? colon + 2
                                          : "see "
                                            "the log",
                            d->push_file != NULL ? " --config " : "",
                            d->push_file != NULL ? d->push_file : ""),
               "%.*s", colon != NULL ? (int)(colon - at) : 500, at);
}

/* @return whether the database could be asked */
static int check_schema(doctor_t *d, chat_db_t *db)
{
    apr_array_header_t *said = apr_array_make(d->p, 8, sizeof(char *));
    ctl_migrate_t m = { .target = d->target,
                        .engine = chat_db_engine(db),
                        .adapt = -1,
                        .check = 1 };
    int i, status;

    ctl_divert(said);
    status = ctl_check(&m, db, d->p);
    ctl_divert(NULL);
    if (status == CTL_OK) {
        doctor_say(d, DOCTOR_OK, "database-schema", NULL, NULL, "%s",
                   APR_ARRAY_IDX(said, 0, const char *));
        return 1;
    }
    for (i = 0; i < said->nelts; i++) {
        finding(d, APR_ARRAY_IDX(said, i, const char *));
    }
    return 1;
}

/* --- PostgreSQL --- */

/* Connections that httpd's children may open together. */
static int pools(const doctor_t *d)
{
    const httpd_directive_t *pool, *said;
    int event, each, workers = 0, threads = 25;
    chat_sizing_t s;

    if (d->conf == NULL) {
        return 0;
    }
    pool = httpd_conf_last(d->conf, d->site.vhost, "ChatDatabasePool");
    each = pool != NULL ? atoi(httpd_directive_word(pool, 0)) : 15;
    event = !httpd_conf_module(d->conf, "mpm_prefork_module");
    said = httpd_conf_last(d->conf, HTTPD_SERVER, "MaxRequestWorkers");
    workers = said != NULL ? atoi(httpd_directive_word(said, 0)) : 0;
    said = httpd_conf_last(d->conf, HTTPD_SERVER, "ThreadsPerChild");
    threads = said != NULL ? atoi(httpd_directive_word(said, 0)) : threads;
    chat_sizing_default(&s, event ? CHAT_MPM_EVENT : CHAT_MPM_PREFORK);
    s.thread_limit = threads;
    s.threads_per_child = threads;
    s.max_workers = workers;
    chat_sizing_settle(&s);
    each = each < s.threads_per_child ? each : s.threads_per_child;
    return s.max_workers / s.threads_per_child * each;
}

static void check_server(doctor_t *d, const chat_db_result_t *res)
{
    apr_int64_t clock = chat_db_get_int(res, 0, 0, 0) / 1000;
    apr_int64_t version = chat_db_get_int(res, 0, 1, 0);
    apr_int64_t most = chat_db_get_int(res, 0, 2, 0);
    apr_int64_t skew = clock - apr_time_sec(apr_time_now());
    const char *sync = chat_db_get(res, 0, 3);
    const char *where = shown(d->target, d->p);
    int need = pools(d) + 3; /* relay, retention, and we */

    if (chat_db_get_int(res, 0, 4, 0)) {
        doctor_say(d, DOCTOR_FAIL, "database-server", where,
                   "name the primary server",
                   "it is a standby: nothing can "
                   "be written");
    }
    else if (version < PGSQL_LEAST) {
        doctor_say(d, DOCTOR_FAIL, "database-server", where,
                   "upgrade PostgreSQL to 13 or later",
                   "PostgreSQL %d is too old", (int)(version / 10000));
    }
    else if (need > most) {
        doctor_say(d, DOCTOR_WARN, "database-server", where,
                   apr_psprintf(d->p,
                                "max_connections %d in postgresql.conf, "
                                "or a smaller ChatDatabasePool",
                                need + 10),
                   "httpd's children and chat-push may want %d connections, "
                   "and the server has %d",
                   need, (int)most);
    }
    else if (sync != NULL && !strcmp(sync, "off")) {
        doctor_say(d, DOCTOR_WARN, "database-server", where,
                   "synchronous_commit = on in postgresql.conf",
                   "synchronous_commit is off: a power cut takes messages that "
                   "were answered 201");
    }
    else {
        doctor_say(d, DOCTOR_OK, "database-server", NULL, NULL,
                   "PostgreSQL %d, %d connections for %d",
                   (int)(version / 10000), (int)most, need);
    }
    if (llabs(skew) > SKEW_MOST) {
        doctor_say(d, DOCTOR_FAIL, "database-clock", where,
                   "set both clocks by NTP (timedatectl set-ntp true)",
                   "the database's clock is %d s %s of this machine's",
                   (int)llabs(skew), skew > 0 ? "ahead" : "behind");
    }
}

/* --- all of it --- */

static void check_events(doctor_t *d, chat_db_t *db)
{
    chat_db_result_t *res;

    if (chat_db_engine(db) == CHAT_DB_PGSQL &&
        chat_db_query(&res, db, "doctor_server", NULL, 0, d->p) ==
            APR_SUCCESS) {
        check_server(d, res);
    }
    if (chat_db_query(&res, db, "doctor_events", NULL, 0, d->p) ==
        APR_SUCCESS) {
        d->last_event = chat_db_get_int(res, 0, 0, 0);
    }
}

void doctor_check_database(doctor_t *d)
{
    chat_db_conf_t conf = { .max = 1,
                            .wait = apr_time_from_sec(2),
                            .busy = apr_time_from_sec(2) };
    const char *why = NULL, *path;
    chat_db_conn_t *conn;
    chat_db_t *db;

    d->last_event = -1;
    check_same(d);
    if (d->target == NULL) {
        if (d->push == NULL) {
            doctor_say(d, DOCTOR_UNKNOWN, "database", "--db", "say --db TARGET",
                       "no database is named");
        }
        return;
    }
    conf.target = d->target;
    if (chat_db_open(&db, &conf, &why, d->p) != APR_SUCCESS) {
        d->db_down = 1;
        doctor_say(d, DOCTOR_FAIL, "database",
                   doctor_setting(d, "database.url"),
                   "correct it, or install apr-util's driver "
                   "(libaprutil1-dbd-sqlite3, libaprutil1-dbd-pgsql)",
                   "%s", why);
        return;
    }
    path = is_sqlite(d->target) ? shown(d->target, d->p) : NULL;
    if (path != NULL && access(path, R_OK) != 0 && geteuid() != 0) {
        doctor_say(d, DOCTOR_UNKNOWN, "database", path, "run as root",
                   "this user may not read the database");
        return;
    }
    if (path == NULL || access(path, F_OK) != 0) {
        /* SQLite's is opened only where it is there: see check.c. */
        if (path != NULL || chat_db_acquire(&conn, db) != APR_SUCCESS) {
            d->db_down = 1;
            doctor_say(
                d, DOCTOR_FAIL, "database", shown(d->target, d->p),
                path != NULL ? "put it back from the backup, or make one: "
                               "chatctl migrate; then see its owner"
                             : "start it; see user, password, pg_hba.conf and "
                               "the database's name",
                "the database cannot be reached: %s",
                path != NULL ? "the file is not there" : chat_db_error(NULL));
            return;
        }
        chat_db_release(conn);
    }
    if (path != NULL) {
        check_files(d, path);
        check_journal(d, path);
    }
    if (check_schema(d, db)) {
        check_events(d, db);
    }
}
