/* SPDX-License-Identifier: Apache-2.0 */
/*
 * audit_seals.c - the leader of the drain seals the audit log's chain
 * (common/audit_seal.h), and looks whether its last seal is still there.
 *
 * A second after an entry, and at the latest ten seconds after one of
 * chatctl's, `audit.sealed` is added. Who takes the end of the chain away, that
 * seal with it, is found out by the next one: the leader remembers its last
 * seal, also in the file `sealed` beside the spools, which carries an HMAC.
 * What is missed leaves `audit.damaged`, which chatctl audit verify reports.
 */
#include "audit_private.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <apr_strings.h>
#include <http_log.h>

#include "audit_seal.h"
#include "chat_module.h"

APLOG_USE_MODULE(chat);

#define SOON apr_time_from_sec(1)
#define SURELY apr_time_from_sec(10)
#define MEMO "sealed"

static void memo_path(char path[CHAT_AUDIT_PATH], const chat_audit_log_t *log,
                      const char *end)
{
    apr_snprintf(path, CHAT_AUDIT_PATH, "%s/" MEMO "%s", log->dir, end);
}

static void memo_write(const chat_audit_log_t *log,
                       const chat_audit_seals_t *seals)
{
    char path[CHAT_AUDIT_PATH], fresh[CHAT_AUDIT_PATH], line[192];
    FILE *f;

    memo_path(path, log, "");
    memo_path(fresh, log, ".new");
    if (!chat_audit_memo_make(line, log->ring, seals->seq, seals->hash)) {
        return;
    }
    f = fopen(fresh, "we");
    if (f == NULL || fprintf(f, "%s\n", line) < 0 || fflush(f) != 0 ||
        fsync(fileno(f)) != 0 || rename(fresh, path) != 0) {
        ap_log_error(APLOG_MARK, APLOG_ERR, errno, log->server,
                     "audit log: %s cannot be written", path);
    }
    if (f != NULL) {
        fclose(f);
    }
}

/* What an earlier leader remembers. @return 0: there is none, 1: it is ours,
 * -1: it is not */
static int memo_read(const chat_audit_log_t *log, chat_audit_seals_t *seals)
{
    char path[CHAT_AUDIT_PATH], line[192] = "";
    FILE *f;

    memo_path(path, log, "");
    f = fopen(path, "re");
    if (f == NULL) {
        return 0;
    }
    if (fgets(line, sizeof(line), f) == NULL) {
        line[0] = '\0';
    }
    fclose(f);
    return chat_audit_memo_read(&seals->seq, seals->hash, log->ring, line) ? 1
                                                                          : -1;
}

/* --- under chat_audit_head's lock --- */

/* Whether the last seal is where it was, or was purged since. */
static apr_status_t last_there(int *there, chat_db_conn_t *conn,
                               const chat_audit_seals_t *seals,
                               apr_int64_t purged, apr_pool_t *p)
{
    chat_db_value_t args[] = { chat_db_int(seals->seq - 1), chat_db_int(1) };
    chat_db_result_t *res;
    const char *hash;
    apr_status_t rv;

    *there = 1;
    if (seals->seq <= purged) {
        return APR_SUCCESS;
    }
    rv = chat_db_run(&res, conn, "audit_page", args, 2, p);
    if (rv != APR_SUCCESS) {
        return rv;
    }
    hash = chat_db_rows(res) > 0 ? chat_db_get(res, 0, 1 + CHAT_AUDIT_FIELDS)
                                 : NULL;
    *there = hash != NULL &&
             chat_db_get_int(res, 0, 0, 0) == seals->seq &&
             chat_secret_equal(hash, strlen(hash), seals->hash,
                               strlen(seals->hash));
    return APR_SUCCESS;
}

/* An entry of our own. */
static apr_status_t add(chat_db_conn_t *conn, const char *action,
                        const char *object, const char *status, apr_pool_t *p)
{
    char at[CHAT_AUDIT_TIME];
    chat_audit_entry_t e = { { NULL } };

    chat_audit_time(at, apr_time_now());
    e.field[CHAT_AUDIT_AT] = at;
    e.field[CHAT_AUDIT_VIA] = "none";
    e.field[CHAT_AUDIT_ACTION] = action;
    e.field[CHAT_AUDIT_OBJECT] = object;
    e.field[CHAT_AUDIT_STATUS] = status;
    return chat_audit_append(conn, &e, 1, p);
}

static apr_status_t damaged(chat_audit_log_t *log, chat_db_conn_t *conn,
                            const char *object, apr_pool_t *p)
{
    ap_log_error(APLOG_MARK, APLOG_CRIT, 0, log->server,
                 "audit log: somebody has changed it: %s", object);
    return add(conn, "audit.damaged", object, "500", p);
}

/* Compare what is remembered with what is there. */
static apr_status_t remembered(chat_audit_log_t *log, chat_audit_seals_t *seals,
                               chat_db_conn_t *conn, apr_int64_t purged,
                               apr_pool_t *p)
{
    char object[64];
    apr_status_t rv = APR_SUCCESS;
    int there = 1;

    if (!seals->known) {
        int memo = memo_read(log, seals);

        seals->known = 1;
        if (memo < 0) {
            seals->seq = 0;
            return damaged(log, conn, "the file " MEMO, p);
        }
        if (memo == 0) {
            chat_db_result_t *res;

            rv = chat_db_run(&res, conn, "audit_any_seal", NULL, 0, p);
            /* Another host began with it; or somebody took the file away. */
            return rv == APR_SUCCESS && chat_db_rows(res) > 0
                       ? add(conn, "audit.unremembered", log->host, "200", p)
                       : rv;
        }
    }
    if (seals->seq > 0) {
        rv = last_there(&there, conn, seals, purged, p);
    }
    if (rv == APR_SUCCESS && !there) {
        apr_snprintf(object, sizeof(object), "seal %" APR_INT64_T_FMT,
                     seals->seq);
        rv = damaged(log, conn, object, p);
    }
    return rv;
}

static apr_status_t head(apr_int64_t *seq, char hash[CHAT_SHA256_HEX],
                         apr_int64_t *purged, chat_db_conn_t *conn,
                         apr_pool_t *p)
{
    chat_db_result_t *res;
    apr_status_t rv = chat_db_run(&res, conn, "audit_head", NULL, 0, p);

    if (rv != APR_SUCCESS) {
        return rv;
    }
    if (chat_db_rows(res) != 1 || chat_db_get(res, 0, 1) == NULL) {
        return CHAT_DB_ECONSTRAINT;
    }
    *seq = chat_db_get_int(res, 0, 0, 0);
    *purged = chat_db_get_int(res, 0, 2, 0);
    apr_cpystrn(hash, chat_db_get(res, 0, 1), CHAT_SHA256_HEX);
    return APR_SUCCESS;
}

static apr_status_t seal(chat_audit_log_t *log, chat_audit_seals_t *seals,
                         chat_db_conn_t *conn, apr_pool_t *p)
{
    char hash[CHAT_SHA256_HEX], object[CHAT_AUDIT_SEAL_ROOM];
    apr_int64_t seq, purged;
    apr_status_t rv = head(&seq, hash, &purged, conn, p);

    if (rv == APR_SUCCESS) {
        rv = remembered(log, seals, conn, purged, p);
    }
    if (rv == APR_SUCCESS) {
        rv = head(&seq, hash, &purged, conn, p);
    }
    if (rv == APR_SUCCESS &&
        !chat_audit_seal_make(object, log->ring, seq + 1, hash)) {
        rv = APR_EGENERAL;
    }
    if (rv == APR_SUCCESS) {
        rv = add(conn, "audit.sealed", object, "200", p);
    }
    return rv == APR_SUCCESS ? head(&seals->seq, seals->hash, &purged, conn, p)
                             : rv;
}

apr_status_t chat_audit_seal(chat_audit_log_t *log, chat_audit_seals_t *seals,
                             int ending, apr_pool_t *p)
{
    apr_time_t now = apr_time_now();
    chat_audit_seals_t before = *seals;
    chat_db_conn_t *conn;
    chat_db_result_t *res;
    apr_status_t rv;

    if (log->ring == NULL ||
        (!(ending && seals->due) &&
         now - seals->at < (seals->due ? SOON : SURELY))) {
        return APR_SUCCESS;
    }
    seals->at = now;
    rv = chat_db_query(&res, log->db, "audit_unsealed", NULL, 0, p);
    if (rv != APR_SUCCESS || chat_db_rows(res) == 0) {
        seals->due = rv != APR_SUCCESS;
        return rv;
    }
    rv = chat_db_acquire_to_write(&conn, log->db);
    if (rv != APR_SUCCESS) {
        return rv;
    }
    rv = chat_db_begin(conn);
    if (rv == APR_SUCCESS) {
        rv = seal(log, seals, conn, p);
    }
    if (rv == APR_SUCCESS) {
        rv = chat_db_commit(conn);
    }
    else {
        chat_db_rollback(conn);
    }
    chat_db_release(conn);
    if (rv != APR_SUCCESS) {
        *seals = before;
        return rv;
    }
    seals->due = 0;
    memo_write(log, seals);
    return rv;
}
