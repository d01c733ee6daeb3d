/* SPDX-License-Identifier: Apache-2.0 */
/* care.c - keeping files and rows together; see care.h. */
#include "care.h"

#include <dirent.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>
#include <apr_strings.h>
#include <apr_thread_cond.h>
#include <apr_thread_proc.h>

#include "attachment.h"
#include "auth.h"
#include "chat_module.h"
#include "checkup.h"
#include "file_sealing.h"
#include "rows.h"
#include "store.h"
#include "wakeup.h"

APLOG_USE_MODULE(chat);

#define TICK apr_time_from_sec(1)
#define MINUTE apr_time_from_sec(60)
#define LEFT_INCOMING 3600 /* s without a byte */
#define YOUNG 600          /* s in which a file may still get its row */
#define SEAL_AGAIN apr_time_from_sec(15)
#define DIRS 256           /* 00 to ff */
#define DIRS_A_MINUTE 16   /* of them looked through */
#define BATCH 200          /* ids asked about at once */
#define SOME 50            /* rows done in a tick */
#define EXPIRE 500         /* rows removed by one statement */
#define LOOKED_AT 2000     /* rows a minute, whether their message is there */

typedef struct {
    server_rec *s;
    const chat_server_t *conf;
    apr_pool_t *pool; /* cleared each tick */
    apr_thread_t *thread;
    apr_thread_mutex_t *lock;
    apr_thread_cond_t *wake;
    int stop;         /* under lock */
    int held;         /* descriptor of the lock file, -1: somebody else has it */
    int dir;          /* the next of DIRS */
    char looked[CHAT_CHECKUP_ID + 1]; /* the last id whose message was looked for */
    apr_time_t swept; /* when a minute's work was done last; 0: never */
    apr_time_t seal_at; /* not before: the keys could not be had */
} care_t;

static void complain(const care_t *c, apr_status_t rv, const char *doing)
{
    if (rv != APR_SUCCESS && rv != CHAT_DB_EBUSY) {
        ap_log_error(APLOG_MARK, APLOG_WARNING, 0, c->s, "%s: %s", doing,
                     chat_db_strerror(rv));
    }
}

/* --- each second ---------------------------------------------------------------------
 */

static apr_status_t check_pending(care_t *c)
{
    chat_db_value_t arg = chat_db_int(SOME);
    chat_db_result_t *res;
    apr_status_t rv;

    if (c->conf->files_worker == NULL) {
        return APR_SUCCESS;
    }
    rv = chat_db_query(&res, c->conf->db, "attachments_pending", &arg, 1,
                       c->pool);
    for (int i = 0; rv == APR_SUCCESS && i < chat_db_rows(res); i++) {
        chat_attachment_t a = { .id = chat_db_get(res, i, 0),
                                .mime = chat_db_get(res, i, 1),
                                .state = "pending" };

        rv = chat_attachment_check(&a, c->conf, 0, c->pool);
        if (strcmp(a.state, "pending") != 0) {
            chat_wakeup_send(c->conf->wakeup); /* perhaps it was rejected */
        }
    }
    return rv;
}

/* The columns of held_due. */
enum {
    HELD_ID,
    HELD_CONVERSATION,
    HELD_USER,
    HELD_BODY,
    HELD_TYPE,
    HELD_CLIENT_ID,
    HELD_REPLY_TO,
    HELD_FILES,
    HELD_CLEAN,
    HELD_MEMBER,
    HELD_ROLE
};

/* The message's row. That files are missing then, or the conversation is closed,
 * is no error: it is not sent. */
static apr_status_t send_held(care_t *c, chat_db_conn_t *conn,
                              const chat_db_result_t *held, int row)
{
    const char *reply_to = chat_db_get(held, row, HELD_REPLY_TO);
    chat_db_value_t args[] = {
        chat_auth_id(chat_db_get(held, row, HELD_USER)),
        chat_auth_id(chat_db_get(held, row, HELD_CONVERSATION)),
        chat_db_text(chat_db_get(held, row, HELD_BODY)),
        chat_db_text(chat_db_get(held, row, HELD_TYPE)),
        chat_db_text(chat_db_get(held, row, HELD_CLIENT_ID)),
        reply_to != NULL ? chat_auth_id(reply_to) : chat_db_null(),
        chat_db_text(chat_db_get(held, row, HELD_FILES)),
        chat_db_text(c->conf->closed_list)
    };

    return chat_db_run(NULL, conn, "message_insert", args, 8, c->pool);
}

/* The database will not have it, however often it is asked: others shall not wait
 * behind it. Its files stay for a while as uploads that nobody sent. */
static apr_status_t refuse_held(care_t *c, chat_db_value_t id)
{
    ap_log_error(APLOG_MARK, APLOG_ERR, 0, c->s,
                 "a message with files is dropped, the database refuses it: %s",
                 chat_db_error(NULL));
    return chat_db_query(NULL, c->conf->db, "held_take", &id, 1, c->pool);
}

/* Taken and sent in one transaction: neither lost nor sent twice. */
static apr_status_t settle_held(care_t *c, const chat_db_result_t *held, int row)
{
    const char *role = chat_db_get(held, row, HELD_ROLE);
    int may = chat_db_get_int(held, row, HELD_MEMBER, 0) != 0 ||
              chat_auth_staff(c->conf, chat_db_get(held, row, HELD_USER), role,
                              chat_db_get(held, row, HELD_CONVERSATION), c->pool);
    chat_db_value_t id = chat_auth_id(chat_db_get(held, row, HELD_ID));
    chat_db_conn_t *conn;
    chat_db_result_t *taken;
    apr_status_t rv = chat_db_acquire_to_write(&conn, c->conf->db);

    if (rv != APR_SUCCESS) {
        return rv;
    }
    rv = chat_db_begin(conn);
    if (rv == APR_SUCCESS) {
        rv = chat_db_run(&taken, conn, "held_take", &id, 1, c->pool);
    }
    if (rv == APR_SUCCESS && chat_db_rows(taken) > 0 && may &&
        chat_db_get_int(held, row, HELD_CLEAN, 0)) {
        rv = send_held(c, conn, held, row);
    }
    if (rv == APR_SUCCESS) {
        rv = chat_db_commit(conn);
    }
    else {
        chat_db_rollback(conn);
    }
    chat_db_release(conn);
    if (rv == CHAT_DB_ECONSTRAINT || rv == CHAT_DB_EUNIQUE ||
        rv == CHAT_DB_EINPUT) {
        rv = refuse_held(c, id);
    }
    chat_wakeup_send(c->conf->wakeup);
    return rv;
}

static apr_status_t settle_all_held(care_t *c)
{
    chat_db_value_t arg = chat_db_int(SOME);
    chat_db_result_t *res;
    apr_status_t rv = chat_db_query(&res, c->conf->db, "held_due", &arg, 1,
                                    c->pool);

    for (int i = 0; rv == APR_SUCCESS && i < chat_db_rows(res); i++) {
        rv = settle_held(c, res, i);
    }
    return rv;
}

/* A key that cannot be had now will not be had each second. */
static apr_status_t seal_waiting(care_t *c)
{
    apr_status_t rv;

    if (c->conf->keys == NULL || apr_time_now() < c->seal_at) {
        return APR_SUCCESS;
    }
    rv = chat_file_sealing_waiting(c->s, c->conf, c->pool);
    c->seal_at = rv == APR_SUCCESS ? 0 : apr_time_now() + SEAL_AGAIN;
    return rv;
}

/* --- each minute ------------------------------------------------------------------------
 */

static int older(const char *path, long seconds)
{
    struct stat st;

    return stat(path, &st) == 0 && st.st_mtime < time(NULL) - seconds;
}

static void sweep_incoming(const care_t *c)
{
    const char *dir = apr_pstrcat(c->pool, c->conf->files.dir, "/incoming",
                                  NULL);
    char path[CHAT_CHECKUP_PATH];
    struct dirent *e;
    DIR *d = opendir(dir);

    while (d != NULL && (e = readdir(d)) != NULL) {
        snprintf(path, sizeof(path), "%s/%s", dir, e->d_name);
        if (e->d_name[0] != '.' && older(path, LEFT_INCOMING)) {
            unlink(path);
        }
    }
    if (d != NULL) {
        closedir(d);
    }
}

/* Those of the ids that have no row are nobody's. */
static apr_status_t sweep_ids(const care_t *c, const apr_array_header_t *ids)
{
    const char *list = apr_array_pstrcat(c->pool, ids, ',');
    chat_db_value_t arg;
    chat_db_result_t *res;
    apr_status_t rv;

    if (ids->nelts == 0) {
        return APR_SUCCESS;
    }
    arg = chat_db_text(apr_pstrcat(c->pool, "[", list, "]", NULL));
    rv = chat_db_query(&res, c->conf->db, "attachments_known", &arg, 1, c->pool);
    for (int i = 0; rv == APR_SUCCESS && i < ids->nelts; i++) {
        const char *id = APR_ARRAY_IDX(ids, i, const char *) + 1; /* quoted */
        int known = 0;

        for (int k = 0; !known && k < chat_db_rows(res); k++) {
            known = strncmp(chat_db_get(res, k, 0), id, CHAT_CHECKUP_ID) == 0;
        }
        if (!known) {
            id = apr_pstrndup(c->pool, id, CHAT_CHECKUP_ID);
            ap_log_error(APLOG_MARK, APLOG_INFO, 0, c->s,
                         "removing file %s, which has no row", id);
            chat_store_remove(c->conf->files.dir, id, c->pool);
        }
    }
    return rv;
}

/* One of the directories 00 to ff. What hangs on an id (.thumb) goes with it. */
static apr_status_t sweep_dir(const care_t *c, int n)
{
    const char *dir = apr_psprintf(c->pool, "%s/%02x", c->conf->files.dir, n);
    apr_array_header_t *ids = apr_array_make(c->pool, BATCH,
                                             sizeof(const char *));
    char path[CHAT_CHECKUP_PATH];
    apr_status_t rv = APR_SUCCESS;
    struct dirent *e;
    DIR *d = opendir(dir);

    while (d != NULL && rv == APR_SUCCESS && (e = readdir(d)) != NULL) {
        snprintf(path, sizeof(path), "%s/%s", dir, e->d_name);
        if (strlen(e->d_name) < CHAT_CHECKUP_ID ||
            !chat_checkup_id_valid(e->d_name, CHAT_CHECKUP_ID) ||
            !older(path, YOUNG)) {
            continue;
        }
        APR_ARRAY_PUSH(ids, const char *) = apr_psprintf(c->pool, "\"%.32s\"",
                                                         e->d_name);
        if (ids->nelts == BATCH) {
            rv = sweep_ids(c, ids);
            apr_array_clear(ids);
        }
    }
    if (d != NULL) {
        closedir(d);
    }
    return rv == APR_SUCCESS ? sweep_ids(c, ids) : rv;
}

/* Rows first, then files: a file without a row is found again, a row without a
 * file would be shown. */
static void remove_files(const care_t *c, const chat_db_result_t *gone)
{
    for (int i = 0; i < chat_db_rows(gone); i++) {
        chat_store_remove(c->conf->files.dir, chat_db_get(gone, i, 0), c->pool);
    }
}

static apr_status_t expire(const care_t *c)
{
    chat_db_value_t args[] = {
        chat_db_int(apr_time_sec(c->conf->files.expires)), chat_db_int(EXPIRE)
    };
    chat_db_result_t *res;
    apr_status_t rv;
    int n = EXPIRE;

    while (n == EXPIRE) {
        rv = chat_db_query(&res, c->conf->db, "attachments_expire", args, 2,
                           c->pool);
        if (rv != APR_SUCCESS) {
            return rv;
        }
        remove_files(c, res);
        n = chat_db_rows(res);
    }
    return APR_SUCCESS;
}

/* The ids among these rows whose message is no more, as a JSON list.
 * @return NULL when there is none */
static const char *lost_of(const care_t *c, const chat_db_result_t *res)
{
    apr_array_header_t *ids = apr_array_make(c->pool, 4, sizeof(const char *));

    for (int i = 0; i < chat_db_rows(res); i++) {
        if (chat_db_get_int(res, i, 1, 0) != 0) {
            APR_ARRAY_PUSH(ids, const char *) =
                apr_pstrcat(c->pool, "\"", chat_db_get(res, i, 0), "\"", NULL);
        }
    }
    return ids->nelts == 0 ? NULL
                           : apr_pstrcat(c->pool, "[",
                                         apr_array_pstrcat(c->pool, ids, ','),
                                         "]", NULL);
}

/* Files of messages that somebody removed for good. Nobody sees them any more;
 * the rows are walked through round and round, some each minute. */
static apr_status_t look_for_lost(care_t *c)
{
    chat_db_value_t args[] = { chat_db_text(c->looked), chat_db_int(LOOKED_AT) };
    chat_db_result_t *res;
    const char *lost;
    apr_status_t rv = chat_db_query(&res, c->conf->db, "attachments_lost", args,
                                    2, c->pool);
    int n;

    if (rv != APR_SUCCESS) {
        return rv;
    }
    n = chat_db_rows(res);
    apr_cpystrn(c->looked, n == LOOKED_AT ? chat_db_get(res, n - 1, 0) : "",
                sizeof(c->looked));
    lost = lost_of(c, res);
    if (lost == NULL) {
        return APR_SUCCESS;
    }
    args[0] = chat_db_text(lost);
    rv = chat_db_query(&res, c->conf->db, "attachments_lost_gone", args, 1,
                       c->pool);
    if (rv == APR_SUCCESS) {
        remove_files(c, res);
    }
    return rv;
}

static apr_status_t sweep(care_t *c)
{
    int n = c->swept == 0 ? DIRS : DIRS_A_MINUTE;
    apr_status_t rv;

    c->swept = apr_time_now();
    sweep_incoming(c);
    rv = expire(c);
    if (rv == APR_SUCCESS) {
        rv = look_for_lost(c);
    }
    while (rv == APR_SUCCESS && n-- > 0) {
        rv = sweep_dir(c, c->dir);
        c->dir = (c->dir + 1) % DIRS;
    }
    return rv;
}

/* --- the thread ----------------------------------------------------------------------------
 */

/* Whether this process is the one that does it. The lock is the kernel's and
 * ends with the process. */
static int is_ours(care_t *c)
{
    const char *path;

    if (c->held >= 0) {
        return 1;
    }
    path = apr_pstrcat(c->pool, c->conf->files.dir, "/.care", NULL);
    c->held = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (c->held >= 0 && flock(c->held, LOCK_EX | LOCK_NB) != 0) {
        close(c->held);
        c->held = -1;
    }
    return c->held >= 0;
}

static void tick(care_t *c)
{
    apr_interval_time_t pause = c->conf->files.expires < MINUTE
                                    ? c->conf->files.expires
                                    : MINUTE;

    if (!is_ours(c)) {
        return;
    }
    complain(c, check_pending(c), "asking again about uploaded files");
    complain(c, settle_all_held(c), "sending messages whose files are clean");
    complain(c, seal_waiting(c), "sealing files that were looked at");
    if (apr_time_now() - c->swept >= pause) {
        complain(c, sweep(c), "removing files that are nobody's");
    }
}

static void *APR_THREAD_FUNC run(apr_thread_t *thread, void *data)
{
    care_t *c = data;
    int stop;

    (void)thread;
    do {
        tick(c);
        apr_pool_clear(c->pool);
        apr_thread_mutex_lock(c->lock);
        if (!c->stop) {
            apr_thread_cond_timedwait(c->wake, c->lock, TICK);
        }
        stop = c->stop;
        apr_thread_mutex_unlock(c->lock);
    } while (!stop);
    return NULL;
}

static apr_status_t finish(void *data)
{
    care_t *c = data;
    apr_status_t rv;

    apr_thread_mutex_lock(c->lock);
    c->stop = 1;
    apr_thread_cond_signal(c->wake);
    apr_thread_mutex_unlock(c->lock);
    apr_thread_join(&rv, c->thread);
    if (c->held >= 0) {
        close(c->held);
    }
    return APR_SUCCESS;
}

static apr_status_t start(server_rec *s, apr_pool_t *p)
{
    care_t *c = apr_pcalloc(p, sizeof(*c));
    sigset_t all, before;
    apr_status_t rv;

    c->s = s;
    c->conf = chat_server_of(s);
    c->held = -1;
    apr_pool_create(&c->pool, p);
    rv = apr_thread_mutex_create(&c->lock, APR_THREAD_MUTEX_DEFAULT, p);
    if (rv == APR_SUCCESS) {
        rv = apr_thread_cond_create(&c->wake, p);
    }
    if (rv == APR_SUCCESS) {
        /* Signals are for httpd's own threads. */
        sigfillset(&all);
        pthread_sigmask(SIG_BLOCK, &all, &before);
        rv = apr_thread_create(&c->thread, NULL, run, c, p);
        pthread_sigmask(SIG_SETMASK, &before, NULL);
    }
    if (rv == APR_SUCCESS) {
        /* Before anything it uses is gone. */
        apr_pool_pre_cleanup_register(p, c, finish);
    }
    return rv;
}

/* Whether a host before this one has the directory, too. */
static int shared(server_rec *first, const server_rec *s)
{
    const char *dir = chat_server_of((server_rec *)s)->files.dir;

    for (; first != s; first = first->next) {
        const chat_server_t *other = chat_server_of(first);

        if (other->used && other->files.dir != NULL &&
            strcmp(other->files.dir, dir) == 0) {
            return 1;
        }
    }
    return 0;
}

apr_status_t chat_care_start(server_rec *first, apr_pool_t *p)
{
    apr_status_t rv = APR_SUCCESS;

    for (server_rec *s = first; s != NULL && rv == APR_SUCCESS; s = s->next) {
        const chat_server_t *conf = chat_server_of(s);

        if (conf->used && conf->files.dir != NULL && conf->db != NULL &&
            !shared(first, s)) {
            rv = start(s, p);
        }
    }
    return rv;
}
