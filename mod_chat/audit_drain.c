/* SPDX-License-Identifier: Apache-2.0 */
/*
 * audit_drain.c - spool files into the audit log's table; see audit.h.
 *
 * All of this runs in the thread of one child that holds the directory's lock;
 * in the others it only asks for that lock now and then.
 */
#include "audit_private.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>
#include <apr_strings.h>
#include <http_log.h>

#include "chat_module.h"

APLOG_USE_MODULE(chat);

/* Between two looks of the leader. Each is a commit that those who write messages
 * wait behind, for the disk: five a second took a tenth of their rate. */
#define ROUND_MS 1000
#define FOLLOW_MS 1000  /* between two tries to become it */
#define FAILED_MS 2000  /* after a failure of the database */
#define BATCH 2000      /* entries of one transaction */
#define BATCH_ALONE 500 /* on SQLite, where nobody else writes meanwhile */
#define PIECE (BATCH * (CHAT_AUDIT_LINE + CHAT_AUDIT_MAC + 1)) /* bytes read at once */
#define SAY_AFTER apr_time_from_sec(10) /* a database may be busy */
#define SAY_EVERY apr_time_from_sec(60)

/* A spool that the leader knows. */
typedef struct known_t {
    struct known_t *next;
    char *name;     /* malloc */
    int fd;         /* open for reading */
    apr_off_t upto; /* bytes that are in the table */
} known_t;

typedef struct {
    chat_audit_log_t *log;
    apr_pool_t *pool; /* of one file's piece */
    int lead;         /* descriptor of the lock; -1: somebody else leads */
    known_t *files;
    chat_audit_seals_t seals;
    int ending;         /* this is the last round */
    apr_time_t failing; /* since when; 0: it is not */
    apr_time_t said;
} drain_t;

/* Sleep. @return 0 when the child ends */
static int rest(chat_audit_log_t *log, int ms)
{
    struct timespec until;
    int stopping;

    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_nsec += (long)ms * 1000000L;
    until.tv_sec += until.tv_nsec / 1000000000L;
    until.tv_nsec %= 1000000000L;
    pthread_mutex_lock(&log->lock);
    while (!log->stopping &&
           pthread_cond_timedwait(&log->moved, &log->lock, &until) == 0) {
    }
    stopping = log->stopping;
    pthread_mutex_unlock(&log->lock);
    return !stopping;
}

/* The kernel gives the lock on when its holder dies. */
static int lead_try(drain_t *d)
{
    char path[CHAT_AUDIT_PATH];

    if (d->lead >= 0) {
        return 1;
    }
    apr_snprintf(path, sizeof(path), "%s/lock", d->log->dir);
    d->lead = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (d->lead >= 0 && flock(d->lead, LOCK_EX | LOCK_NB) != 0) {
        close(d->lead);
        d->lead = -1;
    }
    return d->lead >= 0;
}

/* Once a minute, because it will be tried again; and nothing of what passes by
 * itself. */
static void complain(drain_t *d, apr_status_t rv, const char *doing)
{
    apr_time_t now = apr_time_now();

    if (d->failing == 0) {
        d->failing = now;
    }
    if (now - d->failing < SAY_AFTER || now - d->said < SAY_EVERY) {
        return;
    }
    d->said = now;
    ap_log_error(APLOG_MARK, APLOG_ERR, 0, d->log->server,
                 "audit log: %s: %s: entries wait in %s", doing,
                 rv >= CHAT_DB_EAWAY && rv <= CHAT_DB_ESQL
                     ? chat_db_error(NULL)
                     : chat_db_strerror(rv),
                 d->log->dir);
}

/* --- one file --------------------------------------------------------------- */

static int batch_of(const drain_t *d)
{
    return chat_db_engine(d->log->db) == CHAT_DB_SQLITE ? BATCH_ALONE : BATCH;
}

/* An entry that says where in a spool something was wrong. */
static void wrong_at(chat_audit_entry_t *e, const char *action,
                     const known_t *f, apr_off_t at, apr_pool_t *p)
{
    char *now = apr_palloc(p, CHAT_AUDIT_TIME);

    memset(e, 0, sizeof(*e));
    chat_audit_time(now, apr_time_now());
    e->field[CHAT_AUDIT_AT] = now;
    e->field[CHAT_AUDIT_VIA] = "none";
    e->field[CHAT_AUDIT_ACTION] = action;
    e->field[CHAT_AUDIT_STATUS] = "500";
    e->field[CHAT_AUDIT_OBJECT] = apr_psprintf(p, "%.200s:%" APR_OFF_T_FMT,
                                               f->name, at);
}

/* A line's signature, behind its last TAB, is taken off.
 * @return whether it is one of its place, or none is asked for */
static int signature_take(const drain_t *d, const known_t *f, apr_off_t where,
                          const char *line, apr_size_t *len)
{
    const char *tab = memrchr(line, '\t', *len);
    int tabs = 0, has;

    for (apr_size_t i = 0; i < *len; i++) {
        tabs += line[i] == '\t';
    }
    has = tabs == CHAT_AUDIT_FIELDS &&
          line + *len - tab == CHAT_AUDIT_MAC + 1;
    if (has) {
        *len = (apr_size_t)(tab - line);
    }
    return d->log->ring == NULL ||
           (has && chat_audit_line_check(tab + 1, d->log->ring, f->name, where,
                                         line, *len));
}

/* Entries of lines; the bytes up to the last LF are used up. What is no entry
 * (a disk that was full tore it) leaves one that says where it was, and so does
 * an entry that nobody with the key has signed, beside itself. */
static int entries_read(chat_audit_entry_t *list, apr_size_t *used, char *text,
                        apr_size_t len, const drain_t *d, const known_t *f)
{
    char *at = text, *end = text + len, *lf;
    int n = 0, most = batch_of(d);

    while (n < most && (lf = memchr(at, '\n', (apr_size_t)(end - at))) != NULL) {
        apr_off_t where = f->upto + (apr_off_t)(at - text);
        apr_size_t bytes = (apr_size_t)(lf - at);

        if (!signature_take(d, f, where, at, &bytes)) {
            wrong_at(&list[n++], "audit.unsigned", f, where, d->pool);
        }
        if (!chat_audit_parse(&list[n], at, bytes)) {
            wrong_at(&list[n], "audit.damaged", f, where, d->pool);
        }
        n++;
        at = lf + 1;
    }
    *used = (apr_size_t)(at - text);
    return n;
}

static apr_status_t store(drain_t *d, const known_t *f,
                          const chat_audit_entry_t *list, int n, apr_off_t upto)
{
    chat_db_value_t args[] = { chat_db_text(f->name), chat_db_int(upto) };
    chat_db_conn_t *conn;
    apr_status_t rv;

    rv = chat_db_acquire_to_write(&conn, d->log->db);
    if (rv != APR_SUCCESS) {
        return rv;
    }
    rv = chat_db_begin(conn);
    if (rv == APR_SUCCESS) {
        /* What fails is remembered, and the commit says it. */
        chat_audit_append(conn, list, n, d->pool);
        chat_db_run(NULL, conn, "audit_spool_move", args, 2, d->pool);
        rv = chat_db_commit(conn);
    }
    chat_db_release(conn);
    return rv;
}

/* A piece of a file into the table. @param more  whether another may follow */
static apr_status_t piece_move(drain_t *d, known_t *f, int *more)
{
    chat_audit_entry_t *list;
    apr_size_t used;
    char *text;
    ssize_t got;
    apr_status_t rv;
    int n;

    *more = 0;
    apr_pool_clear(d->pool);
    text = apr_palloc(d->pool, PIECE + 1);
    got = pread(f->fd, text, PIECE, f->upto);
    if (got <= 0) {
        return got < 0 ? errno : APR_SUCCESS;
    }
    list = apr_palloc(d->pool, (BATCH + 1) * sizeof(*list));
    n = entries_read(list, &used, text, (apr_size_t)got, d, f);
    if (n == 0) {
        return APR_SUCCESS;
    }
    rv = store(d, f, list, n, f->upto + (apr_off_t)used);
    if (rv == APR_SUCCESS) {
        f->upto += (apr_off_t)used;
        d->seals.due = 1;
        *more = n >= batch_of(d);
    }
    return rv;
}

/* Read to its end by us and left by its owner: it goes. A torn end (a disk that
 * was full, then a kill) was no entry of an answer that was given. */
static apr_status_t file_finish(drain_t *d, known_t *f, int *gone)
{
    chat_db_value_t arg = chat_db_text(f->name);
    char path[CHAT_AUDIT_PATH];
    int more = 1;
    apr_status_t rv = APR_SUCCESS;

    *gone = 0;
    if (flock(f->fd, LOCK_EX | LOCK_NB) != 0) {
        return APR_SUCCESS; /* its owner lives */
    }
    while (rv == APR_SUCCESS && more) {
        rv = piece_move(d, f, &more); /* its last words */
    }
    if (rv == APR_SUCCESS) {
        apr_snprintf(path, sizeof(path), "%s/%s", d->log->dir, f->name);
        unlink(path);
        *gone = 1;
        rv = chat_db_query(NULL, d->log->db, "audit_spool_gone", &arg, 1,
                           d->pool);
    }
    else {
        flock(f->fd, LOCK_UN);
    }
    return rv;
}

/* --- all of them ------------------------------------------------------------ */

static apr_status_t file_known(known_t **out, drain_t *d, const char *name)
{
    chat_db_value_t arg = chat_db_text(name);
    char path[CHAT_AUDIT_PATH];
    chat_db_result_t *res;
    apr_status_t rv;
    known_t *f;

    for (f = d->files; f != NULL; f = f->next) {
        if (strcmp(f->name, name) == 0) {
            *out = f;
            return APR_SUCCESS;
        }
    }
    rv = chat_db_query(&res, d->log->db, "audit_spool", &arg, 1, d->pool);
    if (rv != APR_SUCCESS) {
        return rv;
    }
    f = calloc(1, sizeof(*f));
    if (f == NULL || (f->name = strdup(name)) == NULL) {
        free(f);
        return APR_ENOMEM;
    }
    apr_snprintf(path, sizeof(path), "%s/%s", d->log->dir, name);
    f->fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    if (f->fd < 0) {
        rv = errno;
        free(f->name);
        free(f);
        return rv;
    }
    f->upto = (apr_off_t)chat_db_get_int(res, 0, 0, 0);
    f->next = d->files;
    d->files = *out = f;
    return APR_SUCCESS;
}

static void file_forget(known_t **at)
{
    known_t *f = *at;

    *at = f->next;
    close(f->fd);
    free(f->name);
    free(f);
}

static int is_spool(const char *name)
{
    size_t len = strlen(name), end = sizeof(CHAT_AUDIT_SPOOL) - 1;

    return len > end && strcmp(name + len - end, CHAT_AUDIT_SPOOL) == 0;
}

/* @return whether the database took all that is there */
static int round_make(drain_t *d)
{
    DIR *dir = opendir(d->log->dir);
    const struct dirent *entry;
    apr_status_t rv = APR_SUCCESS;

    if (dir == NULL) {
        complain(d, errno, "reading the spools");
        return 0;
    }
    while (rv == APR_SUCCESS && (entry = readdir(dir)) != NULL) {
        known_t *f;
        int more = 1, gone;

        if (!is_spool(entry->d_name)) {
            continue;
        }
        rv = file_known(&f, d, entry->d_name);
        while (rv == APR_SUCCESS && more) {
            rv = piece_move(d, f, &more);
        }
        if (rv == APR_SUCCESS) {
            rv = file_finish(d, f, &gone);
        }
        if (rv == APR_SUCCESS && gone) {
            known_t **at = &d->files;

            while (*at != f) {
                at = &(*at)->next;
            }
            file_forget(at);
        }
    }
    closedir(dir);
    if (rv == APR_SUCCESS) {
        apr_pool_clear(d->pool);
        rv = chat_audit_seal(d->log, &d->seals, d->ending, d->pool);
    }
    if (rv != APR_SUCCESS) {
        complain(d, rv, "storing entries");
    }
    else {
        d->failing = 0;
    }
    return rv == APR_SUCCESS;
}

void *chat_audit_drain(void *data)
{
    drain_t d = { .log = data, .lead = -1 };
    int ms = ROUND_MS;

    if (apr_pool_create(&d.pool, NULL) != APR_SUCCESS) {
        return NULL;
    }
    while (rest(d.log, ms)) {
        ms = !lead_try(&d) ? FOLLOW_MS : round_make(&d) ? ROUND_MS : FAILED_MS;
    }
    /* What this child has written last; the next leader does what is left. */
    if (ms == ROUND_MS && lead_try(&d)) {
        d.ending = 1;
        round_make(&d);
    }
    while (d.files != NULL) {
        file_forget(&d.files);
    }
    if (d.lead >= 0) {
        close(d.lead);
    }
    apr_pool_destroy(d.pool);
    return NULL;
}
