/* SPDX-License-Identifier: Apache-2.0 */
/*
 * doctor_files.c - what the chat keeps beside its database: the files that
 * people send and who looks at them, the audit log's spools, the keys that
 * texts are sealed with, and whether what is over is removed.
 *
 * chat-files is asked nothing: it closes on a question that is none, and by
 * that it is known to be there.
 */
#include "doctor.h"
#include "keyring.h"
#include "process.h"

#include <apr_network_io.h>
#include <apr_strings.h>

#include <dirent.h>
#include <openssl/crypto.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#define ROOM_LEAST 5 /* percent of a file system that shall be free */
#define SPOOL_OLD                                                              \
    60 /* seconds; an entry is in the table in a quarter of one                \
        */
#define SPOOL ".spool"                /* how a spool's name ends */
#define SYSTEMD "/run/systemd/system" /* is there where systemd runs */

static const httpd_directive_t *last(const doctor_t *d, const char *name)
{
    return httpd_conf_last(d->conf, d->site.vhost, name);
}

static const char *httpd_name(const doctor_t *d)
{
    return d->httpd_user.name != NULL ? d->httpd_user.name : "httpd's user";
}

/* --- directories of httpd's own ---------------------------------------------
 */

/* Whether a directory is there, httpd's user's and nobody else's. */
static int check_directory(doctor_t *d, const char *check,
                           const httpd_directive_t *said, const char *dir)
{
    const char *at = NULL, *why;
    struct stat st;

    if (stat(dir, &st) != 0 || !S_ISDIR(st.st_mode)) {
        doctor_say(d, DOCTOR_FAIL, check, doctor_at(d, said),
                   apr_psprintf(d->p, "install -d -m 700 -o %s %s",
                                httpd_name(d), dir),
                   "%s is no directory that is there", dir);
        return 0;
    }
    why = d->httpd_user.name != NULL
              ? may_use(&at, &d->httpd_user, dir, 7, d->p)
              : NULL;
    if (why != NULL) {
        doctor_say(d, DOCTOR_FAIL, check, at,
                   apr_psprintf(d->p, "chown %s %s; chmod 700 %s",
                                httpd_name(d), dir, dir),
                   "httpd cannot use %s: it %s", dir, why);
        return 0;
    }
    if ((st.st_mode & 0077) != 0) {
        doctor_say(d, DOCTOR_WARN, check, dir,
                   apr_psprintf(d->p, "chmod 700 %s", dir),
                   "others than httpd's user may look into it (%s)",
                   may_owner(dir, d->p));
        return 0;
    }
    return 1;
}

/* --- files ------------------------------------------------------------------
 */

static void check_files(doctor_t *d, const httpd_directive_t *said,
                        const char *dir)
{
    struct statvfs fs;
    int percent;

    if (!check_directory(d, "files", said, dir)) {
        return;
    }
    if (statvfs(dir, &fs) != 0 || fs.f_blocks == 0) {
        doctor_say(d, DOCTOR_UNKNOWN, "files", dir, "run as root",
                   "its file system does not say how much room it has");
        return;
    }
    percent = (int)((double)fs.f_bavail * 100 / (double)fs.f_blocks);
    if (percent < ROOM_LEAST) {
        doctor_say(d, DOCTOR_WARN, "files", dir,
                   "make room, or a larger file system: uploads will be "
                   "refused with 507",
                   "%d %% of its file system is free", percent);
        return;
    }
    doctor_say(d, DOCTOR_OK, "files", NULL, NULL,
               "files lie in %s, %d %% of its file system is free", dir,
               percent);
}

/* The n-th socket of chat-files that httpd's parent listens on; NULL: none. */
static const char *door(const doctor_t *d, int n)
{
    const char *wanted = apr_psprintf(d->p, "/chat-files.%d.",
                                      (int)d->httpd_pid);
    FILE *list = fopen("/proc/net/unix", "re");
    const char *found = NULL;
    char line[512], *path;

    while (list != NULL && found == NULL &&
           fgets(line, sizeof(line), list) != NULL) {
        path = strchr(line, '/');
        if (path != NULL && strstr(path, wanted) != NULL && n-- == 0) {
            found = apr_pstrmemdup(d->p, path, strcspn(path, "\n"));
        }
    }
    if (list != NULL) {
        fclose(list);
    }
    return found;
}

/* Whether somebody takes what is said there, and closes. */
static int is_answered(const doctor_t *d, const char *path)
{
    struct sockaddr_un to = { .sun_family = AF_UNIX };
    struct timeval wait = { .tv_sec = d->o.seconds };
    int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0), there;
    char byte;

    if (fd < 0) {
        return 0;
    }
    if (strlen(path) >= sizeof(to.sun_path)) {
        close(fd);
        return 0;
    }
    strcpy(to.sun_path, path);
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof(wait));
    setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &wait, sizeof(wait));
    there = connect(fd, (const struct sockaddr *)&to, sizeof(to)) == 0 &&
            send(fd, "?", 1, MSG_NOSIGNAL) == 1 && recv(fd, &byte, 1, 0) == 0;
    close(fd);
    return there;
}

static void check_worker(doctor_t *d, const httpd_directive_t *said,
                         const char *dir)
{
    const pid_t pid = process_called("chat-files", dir, d->p);
    const char *path;
    int n;

    if (d->httpd_pid == 0) {
        doctor_say(d, DOCTOR_SKIP, "files-worker", NULL, NULL,
                   "httpd does not run, and it starts chat-files");
        return;
    }
    if (pid == 0) {
        doctor_say(d, DOCTOR_FAIL, "files-worker", doctor_at(d, said),
                   "see httpd's error log for chat-files; systemctl restart "
                   "apache2",
                   "no chat-files runs for %s: what is sent waits", dir);
        return;
    }
    if (process_state(pid, d->p) == 'T') {
        doctor_say(d, DOCTOR_FAIL, "files-worker",
                   apr_psprintf(d->p, "process %d", (int)pid),
                   apr_psprintf(d->p, "kill -CONT %d", (int)pid),
                   "chat-files is stopped (SIGSTOP)");
        return;
    }
    if (door(d, 0) == NULL) {
        doctor_say(d, DOCTOR_UNKNOWN, "files-worker",
                   apr_psprintf(d->p, "process %d", (int)pid),
                   "systemctl restart apache2",
                   "chat-files runs, and its socket is not found");
        return;
    }
    for (n = 0; (path = door(d, n)) != NULL; n++) {
        if (access(path, W_OK) != 0 && geteuid() != 0) {
            doctor_say(d, DOCTOR_UNKNOWN, "files-worker", path, "run as root",
                       "this user may not ask chat-files");
            return;
        }
        if (!is_answered(d, path)) {
            doctor_say(
                d, DOCTOR_FAIL, "files-worker", path,
                apr_psprintf(d->p, "kill %d: httpd starts it again", (int)pid),
                "chat-files does not answer");
            return;
        }
    }
    doctor_say(d, DOCTOR_OK, "files-worker", NULL, NULL,
               "chat-files runs as process %d and answers", (int)pid);
}

/* --- who looks for what infects ----------------------------------------------
 */

/* Say a word to clamd. @return whether it is there */
static int clamd_pong(int fd)
{
    static const char ping[] = "zPING"; /* and its NUL */
    char said[5];

    return send(fd, ping, sizeof(ping), MSG_NOSIGNAL) ==
               (ssize_t)sizeof(ping) &&
           recv(fd, said, sizeof(said), MSG_WAITALL) == 5 &&
           memcmp(said, "PONG", 5) == 0;
}

/* @param at  "/path" or "host:port" @return a connection, -1: none */
static int clamd_connect(const doctor_t *d, const char *at)
{
    struct sockaddr_un to = { .sun_family = AF_UNIX };
    struct timeval wait = { .tv_sec = d->o.seconds };
    const char *colon = strrchr(at, ':');
    apr_sockaddr_t *address;
    int fd;

    if (at[0] == '/') {
        fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
        apr_cpystrn(to.sun_path, at, sizeof(to.sun_path));
    }
    else if (colon == NULL ||
             apr_sockaddr_info_get(
                 &address, apr_pstrmemdup(d->p, at, (apr_size_t)(colon - at)),
                 APR_UNSPEC, (apr_port_t)atoi(colon + 1), 0,
                 d->p) != APR_SUCCESS) {
        return -1;
    }
    else {
        fd = socket(address->family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    }
    if (fd < 0) {
        return -1;
    }
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof(wait));
    setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &wait, sizeof(wait));
    if (at[0] == '/'
            ? connect(fd, (const struct sockaddr *)&to, sizeof(to)) != 0
            : connect(fd, (const struct sockaddr *)&address->sa,
                      (socklen_t)address->salen) != 0) {
        close(fd);
        return -1;
    }
    return fd;
}

static void check_scan(doctor_t *d)
{
    const httpd_directive_t *said = last(d, "ChatScan");
    const char *how = said != NULL ? httpd_directive_word(said, 0) : "off";
    const char *at = NULL, *why = NULL;
    int fd, there;

    if (strncasecmp(how, "clamd:", 6) != 0) {
        return; /* whether a program can be run httpd says */
    }
    how += 6;
    if (how[0] == '/' && d->httpd_user.name != NULL && access(how, F_OK) == 0) {
        why = may_use(&at, &d->httpd_user, how, 2, d->p);
    }
    if (why != NULL) {
        doctor_say(d, DOCTOR_FAIL, "scan", at,
                   apr_psprintf(d->p,
                                "usermod -a -G clamav %s, and restart "
                                "httpd",
                                httpd_name(d)),
                   "httpd's user cannot reach clamd: it %s", why);
        return;
    }
    fd = clamd_connect(d, how);
    there = fd >= 0 && clamd_pong(fd);
    if (fd >= 0) {
        close(fd);
    }
    if (!there) {
        doctor_say(d, DOCTOR_FAIL, "scan", doctor_at(d, said),
                   "systemctl start clamav-daemon, or correct ChatScan",
                   "clamd at %s %s: files wait and are refused in the end", how,
                   fd >= 0 ? "does not answer" : "is not there");
        return;
    }
    doctor_say(d, DOCTOR_OK, "scan", NULL, NULL, "clamd at %s answers", how);
}

/* --- the audit log's spools
 * --------------------------------------------------- */

/* Bytes of a spool that are in the table. */
static apr_int64_t moved(chat_db_t *db, const char *name, apr_pool_t *p)
{
    chat_db_value_t arg = chat_db_text(name);
    chat_db_result_t *res;

    return chat_db_query(&res, db, "audit_spool", &arg, 1, p) == APR_SUCCESS
               ? chat_db_get_int(res, 0, 0, 0)
               : 0;
}

/* The oldest of the spools with entries that are in no table yet, and how many
 * bytes these are in all. @return seconds since somebody wrote there, -1: none
 */
static long backlog(apr_int64_t *bytes, const doctor_t *d, chat_db_t *db,
                    const char *dir)
{
    DIR *list = opendir(dir);
    const struct dirent *each;
    struct stat st;
    long oldest = -1, age;

    *bytes = 0;
    while (list != NULL && (each = readdir(list)) != NULL) {
        const apr_size_t len = strlen(each->d_name), n = strlen(SPOOL);
        apr_int64_t rest;

        if (len <= n || strcmp(each->d_name + len - n, SPOOL) != 0 ||
            stat(apr_psprintf(d->p, "%s/%s", dir, each->d_name), &st) != 0) {
            continue;
        }
        rest = (apr_int64_t)st.st_size - moved(db, each->d_name, d->p);
        age = (long)(time(NULL) - st.st_mtim.tv_sec);
        if (rest > 0 && age > oldest) {
            oldest = age;
        }
        *bytes += rest > 0 ? rest : 0;
    }
    if (list != NULL) {
        closedir(list);
    }
    return oldest;
}

static void check_audit(doctor_t *d, chat_db_t *db)
{
    const httpd_directive_t *on = last(d, "ChatAudit");
    const httpd_directive_t *said = last(d, "ChatAuditSpool");
    const char *dir;
    apr_int64_t bytes;
    long age;

    if (on == NULL || strcasecmp(httpd_directive_word(on, 0), "off") == 0 ||
        said == NULL) {
        return; /* httpd takes no ChatAudit without ChatAuditSpool */
    }
    dir = httpd_conf_path(d->conf, httpd_directive_word(said, 0), d->p);
    if (!check_directory(d, "audit-spool", said, dir)) {
        return;
    }
    if (db == NULL) {
        doctor_say(d, DOCTOR_SKIP, "audit-spool", NULL, NULL,
                   "the database cannot be asked what it has of %s", dir);
        return;
    }
    age = backlog(&bytes, d, db, dir);
    if (age > SPOOL_OLD) {
        doctor_say(d, DOCTOR_FAIL, "audit-spool", dir,
                   "see httpd's error log for the audit log; the entries are "
                   "moved when the database takes them",
                   "%" APR_INT64_T_FMT " bytes of the audit log are not in its "
                   "table, the oldest for %ld s",
                   bytes, age);
        return;
    }
    doctor_say(d, DOCTOR_OK, "audit-spool", NULL, NULL,
               "the audit log's entries go through %s into the database", dir);
}

/* --- keys
 * --------------------------------------------------------------------- */

/* How many of the first 200 wrapped keys the ring does not open. */
static int lost(int *n, const char **why, const chat_keyring_t *ring,
                chat_db_t *db, apr_pool_t *p)
{
    chat_db_value_t from = chat_db_int(0);
    unsigned char key[CHAT_SEAL_KEY];
    chat_db_result_t *res;
    int i, without = 0;

    *n = 0;
    if (db == NULL ||
        chat_db_query(&res, db, "keys_all", &from, 1, p) != APR_SUCCESS) {
        return 0;
    }
    *n = chat_db_rows(res);
    for (i = 0; i < *n; i++) {
        const char *what = apr_pstrcat(p, "conversation ",
                                       chat_db_get(res, i, 2), NULL);

        without += !chat_keyring_unwrap(ring, key, chat_db_get(res, i, 1), what,
                                        why, p);
    }
    OPENSSL_cleanse(key, sizeof(key));
    return without;
}

/* Whether chat-push, whose root is left when it reads keys, may do so. */
static int keys_readable(doctor_t *d, const char *setting)
{
    const char *at = NULL, *why;

    if (strncmp(setting, "file:", 5) != 0 || d->push_user.name == NULL) {
        return 1;
    }
    why = may_use(&at, &d->push_user, setting + 5, 4, d->p);
    if (why != NULL) {
        doctor_say(d, DOCTOR_FAIL, "keys", at,
                   apr_psprintf(d->p, "chown root:chat-push %s; chmod 640 %s",
                                setting + 5, setting + 5),
                   "chat-push cannot read the keys: it %s", why);
    }
    return why == NULL;
}

static void check_keys(doctor_t *d, chat_db_t *db)
{
    const httpd_directive_t *said = last(d, "ChatKeys");
    const char *ours = doctor_push_text(d, "database.keys");
    const char *theirs = said != NULL ? httpd_directive_word(said, 0) : NULL;
    chat_keyring_t *ring;
    const char *why = "";
    int n, without;

    if (theirs != NULL && strcasecmp(theirs, "off") == 0) {
        theirs = NULL;
    }
    if (theirs == NULL && ours == NULL) {
        return;
    }
    if (theirs == NULL || ours == NULL || strcmp(ours, theirs) != 0) {
        doctor_say(
            d, DOCTOR_FAIL, "keys",
            theirs != NULL ? doctor_setting(d, "database.keys") : d->httpd_file,
            theirs != NULL ? apr_psprintf(d->p, "database.keys: \"%s\"", theirs)
                           : apr_psprintf(d->p, "ChatKeys %s", ours),
            "ChatKeys is %s and database.keys is %s: one program cannot "
            "read what the other seals",
            theirs != NULL ? theirs : "off", ours != NULL ? ours : "not there");
        return;
    }
    if (!keys_readable(d, ours)) {
        return;
    }
    if (chat_keyring_open(&ring, ours, &why, d->p) != APR_SUCCESS) {
        if (geteuid() != 0) {
            doctor_say(d, DOCTOR_UNKNOWN, "keys", doctor_at(d, said),
                       "run as root", "%s", why);
        }
        return; /* httpd does not take the directive: said already */
    }
    without = lost(&n, &why, ring, db, d->p);
    if (without > 0) {
        doctor_say(d, DOCTOR_FAIL, "keys", doctor_at(d, said),
                   "put the line of the key that wrapped them back into the "
                   "file; chatctl keys check names them all",
                   "%d of %d keys of conversations cannot be unwrapped: %s",
                   without, n, why);
        return;
    }
    doctor_say(d, DOCTOR_OK, "keys", NULL, NULL,
               "both programs have the same keys, which open %d of %d looked "
               "at",
               n, n);
}

/* --- what is over
 * -------------------------------------------------------------- */

static void check_purge(doctor_t *d, chat_db_t *db)
{
    chat_db_result_t *res;
    apr_int64_t overdue;

    if (db == NULL ||
        chat_db_query(&res, db, "doctor_overdue", NULL, 0, d->p) !=
            APR_SUCCESS ||
        chat_db_get_int(res, 0, 0, 0) == 0) {
        return; /* nothing is to go, or the schema is old: said already */
    }
    overdue = chat_db_get_int(res, 0, 1, 0);
    if (overdue > 0) {
        doctor_say(d, DOCTOR_WARN, "purge", "chat_retention",
                   access(SYSTEMD, F_OK) == 0
                       ? "systemctl enable --now chat-purge.timer, or see "
                         "journalctl -u chat-purge"
                       : "have cron run `chatctl purge run` every night",
                   "the content of %" APR_INT64_T_FMT
                   " conversations should be gone since two days",
                   overdue);
        return;
    }
    doctor_say(d, DOCTOR_OK, "purge", NULL, NULL,
               "what is over by the rules of retention is removed");
}

/* --- all of it
 * ------------------------------------------------------------------ */

/* The database, NULL: it cannot be asked, which others have said. */
static chat_db_t *open_database(doctor_t *d)
{
    chat_db_conf_t conf = { .target = d->target,
                            .max = 1,
                            .wait = apr_time_from_sec(2),
                            .busy = apr_time_from_sec(2) };
    const char *why;
    chat_db_t *db;

    return d->target != NULL && !d->db_down &&
                   chat_db_open(&db, &conf, &why, d->p) == APR_SUCCESS
               ? db
               : NULL;
}

void doctor_check_files(doctor_t *d)
{
    const httpd_directive_t *files;
    chat_db_t *db = open_database(d);
    const char *dir;

    if (d->conf == NULL || d->chat == NULL) {
        return;
    }
    files = last(d, "ChatFiles");
    if (files != NULL) {
        dir = httpd_conf_path(d->conf, httpd_directive_word(files, 0), d->p);
        check_files(d, files, dir);
        check_worker(d, files, dir);
        check_scan(d);
    }
    check_audit(d, db);
    check_keys(d, db);
    check_purge(d, db);
}
