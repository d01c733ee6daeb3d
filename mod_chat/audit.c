/* SPDX-License-Identifier: Apache-2.0 */
/* audit.c - entries into spool files; see audit.h. audit_drain.c takes them
 * out. */
#include "audit.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>
#include <apr_strings.h>
#include <http_log.h>

#include "audit_private.h"
#include "chat_module.h"
#include "reply.h"

APLOG_USE_MODULE(chat);

#define SPOOL_MOST (16 << 20) /* bytes, then the child begins another one */
#define SAY_EVERY apr_time_from_sec(60)

/* Entries without anybody known, failed log-ins for the most part: who floods
 * us with these shall not fill the disk. */
#define UNKNOWN_BURST 200
#define UNKNOWN_EVERY apr_time_from_msec(50)

/* --- the spool --------------------------------------------------------------
 */

/* Under the lock. */
static int spool_open(chat_audit_log_t *log)
{
    char fresh[CHAT_AUDIT_PATH], name[CHAT_AUDIT_PATH];
    const char *stem = apr_psprintf(log->scratch, "%s/%s.%d.%" APR_TIME_T_FMT,
                                    log->dir, log->host, (int)getpid(),
                                    apr_time_now());
    int fd;

    apr_snprintf(fresh, sizeof(fresh), "%s.new", stem);
    apr_snprintf(name, sizeof(name), "%s" CHAT_AUDIT_SPOOL, stem);
    apr_pool_clear(log->scratch);
    fd = open(fresh, O_WRONLY | O_APPEND | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd < 0) {
        return 0;
    }
    /* It has its owner before it has the name that the leader looks for. */
    if (flock(fd, LOCK_EX | LOCK_NB) != 0 || rename(fresh, name) != 0) {
        close(fd);
        unlink(fresh);
        return 0;
    }
    log->fd = fd;
    log->size = 0;
    apr_cpystrn(log->name, strrchr(name, '/') + 1, sizeof(log->name));
    return 1;
}

/* Under the lock, and nobody waits for the disk. */
static void spool_close(chat_audit_log_t *log)
{
    if (log->strict) {
        fdatasync(log->fd);
        log->synced = log->written;
    }
    close(log->fd);
    log->fd = -1;
}

/* Under the lock: a line is signed for where it will be. @return its bytes */
static apr_size_t line_sign(char *line, apr_size_t len,
                            const chat_audit_log_t *log)
{
    char mac[CHAT_SHA256_HEX];

    if (log->ring == NULL ||
        !chat_audit_line_sign(mac, log->ring, log->name, log->size, line,
                              len - 1)) {
        return len;
    }
    line[len - 1] = '\t';
    memcpy(line + len, mac, CHAT_AUDIT_MAC);
    line[len + CHAT_AUDIT_MAC] = '\n';
    return len + CHAT_AUDIT_MAC + 1;
}

/* Under the lock. @param line  with room for a signature. @return 0 with errno
 * set */
static int spool_write(chat_audit_log_t *log, char *line, apr_size_t len)
{
    if (log->fd >= 0 && log->size > SPOOL_MOST && !log->syncing) {
        spool_close(log);
    }
    if (log->fd < 0 && !spool_open(log)) {
        return 0;
    }
    len = line_sign(line, len, log);
    if (write(log->fd, line, len) != (ssize_t)len) {
        /* A piece of it may be there: the next one begins in another file. */
        int why = errno != 0 ? errno : ENOSPC;

        if (!log->syncing) {
            spool_close(log);
        }
        errno = why;
        return 0;
    }
    log->size += (apr_off_t)len;
    log->written++;
    return 1;
}

/* Wait until what was written so far is on the disk. One waits for all that
 * came before it began. Under the lock, which is left meanwhile. */
static int spool_sync(chat_audit_log_t *log)
{
    apr_uint64_t mine = log->written;
    int good = 1;

    while (good && log->synced < mine) {
        apr_uint64_t upto = log->written;
        int fd = log->fd;

        if (log->syncing) {
            pthread_cond_wait(&log->moved, &log->lock);
            continue;
        }
        log->syncing = 1;
        pthread_mutex_unlock(&log->lock);
        good = fdatasync(fd) == 0;
        pthread_mutex_lock(&log->lock);
        log->syncing = 0;
        if (good && log->synced < upto) {
            log->synced = upto;
        }
        pthread_cond_broadcast(&log->moved);
    }
    return good;
}

/* Whether an entry of nobody known may be written now; how many could not be
 * is told by the next that can. Under the lock. */
static int unknown_may(chat_audit_log_t *log, apr_time_t now)
{
    if (log->unknown_full < now) {
        log->unknown_full = now;
    }
    if (log->unknown_full - now > UNKNOWN_BURST * UNKNOWN_EVERY) {
        log->unknown_passed++;
        return 0;
    }
    log->unknown_full += UNKNOWN_EVERY;
    return 1;
}

/* Once a minute. Under the lock. */
static void say_lost(chat_audit_log_t *log, const request_rec *r, int err)
{
    apr_time_t now = apr_time_now();

    log->lost++;
    if (now - log->said < SAY_EVERY) {
        return;
    }
    log->said = now;
    ap_log_rerror(APLOG_MARK, APLOG_ERR, err, r,
                  "the audit log cannot be written in %s: %d entries are "
                  "missing so far",
                  log->dir, log->lost);
}

/* @return whether it is written, and on the disk where that is asked for */
static int spool(chat_audit_log_t *log, const request_rec *r,
                 chat_audit_entry_t *e, int known)
{
    char line[CHAT_AUDIT_LINE + CHAT_AUDIT_MAC + 1], more[32];
    apr_size_t len = known ? chat_audit_line(line, e) : 0;
    int good = 1;

    pthread_mutex_lock(&log->lock);
    if (!known) {
        if (!unknown_may(log, r->request_time)) {
            pthread_mutex_unlock(&log->lock);
            return 1;
        }
        if (log->unknown_passed > 0) {
            apr_snprintf(more, sizeof(more), "left out: %d",
                         log->unknown_passed);
            e->field[CHAT_AUDIT_OBJECT] = more;
            log->unknown_passed = 0;
        }
        len = chat_audit_line(line, e);
    }
    errno = 0;
    good = spool_write(log, line, len) && (!log->strict || spool_sync(log));
    if (!good) {
        say_lost(log, r, errno);
    }
    pthread_mutex_unlock(&log->lock);
    return good;
}

/* --- what is written down ---------------------------------------------------
 */

/* A log-in that fails is told as such. */
static int is_login(const char *action)
{
    return strncmp(action, "login", 5) == 0;
}

/* Whether an answer is one: what was done or shown, an access that was refused,
 * a log-in that failed. Not what was merely wrong (422), and not what broke:
 * that gave nothing away. */
static int counts(const chat_request_t *q, int status)
{
    switch (status) {
    case HTTP_FORBIDDEN:
    case HTTP_NOT_FOUND:
    case CHAT_HTTP_PAGE_EXPIRED:
    case HTTP_TOO_MANY_REQUESTS:
        return q->user != NULL || q->stranger != NULL || q->link != NULL ||
               is_login(q->action);
    case HTTP_UNPROCESSABLE_ENTITY:
        return is_login(q->action);
    default:
        /* A page for people holds no data: its script asks for them. Whether the
         * caller would have liked a page says nothing: data are data. */
        return status < 400 && !(q->r->method_number == M_GET &&
                                 (q->page || (ap_is_HTTP_REDIRECT(status) &&
                                              status != HTTP_NOT_MODIFIED)));
    }
}

static const char *via_word(const chat_request_t *q)
{
    if (q->user == NULL) {
        return q->link != NULL ? "link" : "none";
    }
    return q->user->via == CHAT_VIA_APACHE   ? "apache"
           : q->user->via == CHAT_VIA_BEARER ? "token"
                                             : "session";
}

int chat_audit_answer(chat_request_t *q, int status)
{
    const request_rec *r = q->r;
    char at[CHAT_AUDIT_TIME], answer[8];
    chat_audit_entry_t e;
    const char *user = q->user != NULL   ? q->user->id
                       : q->link != NULL ? q->link
                                         : q->login_id;

    if (q->conf->audit_log == NULL || q->action == NULL || q->audited ||
        !counts(q, status)) {
        return 1;
    }
    q->audited = 1;
    chat_audit_time(at, r->request_time);
    apr_snprintf(answer, sizeof(answer), "%d", status);
    e.field[CHAT_AUDIT_AT] = at;
    e.field[CHAT_AUDIT_USER] = user;
    e.field[CHAT_AUDIT_VIA] = via_word(q);
    e.field[CHAT_AUDIT_ACTION] = status >= 400 && is_login(q->action)
                                     ? "login.failed"
                                     : q->action;
    e.field[CHAT_AUDIT_CONVERSATION] = q->conversation != NULL
                                           ? q->conversation->id
                                           : q->id;
    e.field[CHAT_AUDIT_OBJECT] = q->object != NULL ? q->object : q->item;
    e.field[CHAT_AUDIT_ADDRESS] = r->useragent_ip;
    e.field[CHAT_AUDIT_AGENT] = apr_table_get(r->headers_in, "User-Agent");
    e.field[CHAT_AUDIT_STATUS] = answer;
    e.field[CHAT_AUDIT_REQUEST] = apr_table_get(r->subprocess_env, "UNIQUE_ID");
    return spool(q->conf->audit_log, r, &e, user != NULL) ||
           !q->conf->audit_log->strict;
}

/* --- a child's beginning and end --------------------------------------------
 */

static apr_status_t audit_end(void *data)
{
    chat_audit_log_t *log = data;

    pthread_mutex_lock(&log->lock);
    log->stopping = 1;
    pthread_cond_broadcast(&log->moved);
    pthread_mutex_unlock(&log->lock);
    pthread_join(log->thread, NULL);
    if (log->fd >= 0) {
        close(log->fd);
        log->fd = -1;
    }
    return APR_SUCCESS;
}

apr_status_t chat_audit_start(chat_audit_log_t **out, const char *dir,
                              chat_db_t *db, int strict,
                              const chat_keyring_t *ring, server_rec *s,
                              apr_pool_t *p)
{
    chat_audit_log_t *log = apr_pcalloc(p, sizeof(*log));
    sigset_t all, before;
    int err;

    if (mkdir(dir, 0700) != 0 && errno != EEXIST) {
        return errno;
    }
    if (access(dir, W_OK | X_OK) != 0) {
        return errno;
    }
    log->dir = dir;
    log->db = db;
    log->server = s;
    log->strict = strict;
    log->ring = ring;
    log->fd = -1;
    gethostname(log->host, sizeof(log->host) - 1);
    for (char *c = log->host; *c != '\0'; c++) {
        if (*c == '/') {
            *c = '_'; /* part of a file's name */
        }
    }
    apr_pool_create(&log->scratch, p);
    pthread_mutex_init(&log->lock, NULL);
    pthread_cond_init(&log->moved, NULL);
    /* Signals are for the MPM's own threads. */
    sigfillset(&all);
    pthread_sigmask(SIG_BLOCK, &all, &before);
    err = pthread_create(&log->thread, NULL, chat_audit_drain, log);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (err != 0) {
        return err;
    }
    apr_pool_pre_cleanup_register(p, log, audit_end);
    *out = log;
    return APR_SUCCESS;
}
