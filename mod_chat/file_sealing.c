/* SPDX-License-Identifier: Apache-2.0 */
/* file_sealing.c - see file_sealing.h. */
#include "file_sealing.h"

#include <stdlib.h>
#include <unistd.h>
#include <apr_portable.h>
#include <apr_strings.h>
#include <http_log.h>
#include <openssl/crypto.h>

#include "auth.h"
#include "chat_module.h"
#include "checkup.h"
#include "files_ask.h"
#include "keys.h"
#include "seal_file.h"
#include "sealed_bucket.h"

APLOG_USE_MODULE(chat);

#define SOME 50 /* rows at once */

apr_status_t chat_file_sealing_new(char key_id[CHAT_SEAL_KEY_ID],
                                   chat_store_t *in, const chat_request_t *q)
{
    const char *id = q->conversation->id, *why = "";
    unsigned char key[CHAT_SEAL_KEY];
    apr_status_t rv = chat_keys_newest(key, key_id, q->conf->keys,
                                       chat_auth_id(id), id, &why, q->r->pool);

    if (rv != APR_SUCCESS) {
        ap_log_rerror(APLOG_MARK, APLOG_ERR, 0, q->r, "sealing a file: %s",
                      why);
        return rv;
    }
    rv = chat_store_seal(in, key, key_id, id);
    OPENSSL_cleanse(key, sizeof(key));
    return rv;
}

apr_bucket *chat_file_sealing_bucket(apr_off_t *size, const chat_request_t *q,
                                     int fd, const chat_seal_head_t *head)
{
    const char *why = "there is no ChatKeys";
    unsigned char key[CHAT_SEAL_KEY];
    apr_bucket *b = NULL;

    if (q->conf->keys != NULL &&
        chat_keys_find(key, q->conf->keys, head->key_id, &why, q->r->pool) ==
            APR_SUCCESS) {
        why = "it was changed, is another file, or another key's";
        b = chat_sealed_bucket(q->r, fd, key, head);
        OPENSSL_cleanse(key, sizeof(key));
    }
    if (b == NULL) {
        ap_log_rerror(APLOG_MARK, APLOG_ERR, 0, q->r,
                      "opening a sealed file: %s", why);
        return NULL;
    }
    *size = (apr_off_t)head->size;
    return b;
}

/* --- what waits --- */

/* A file to be sealed, and what with. */
typedef struct {
    server_rec *s;
    const chat_server_t *conf;
    const char *id, *conversation;
    unsigned char key[CHAT_SEAL_KEY];
    char key_id[CHAT_SEAL_KEY_ID];
    apr_pool_t *p;
} waiting_t;

/* Seal one of its files. */
static apr_status_t seal(const waiting_t *w, const char *suffix)
{
    const char *dir = w->conf->files.dir;
    const char *path = chat_store_path(dir, w->id, suffix, w->p);
    char file[CHAT_SEAL_FILE];

    return path == NULL ||
                   !chat_seal_file_name(file, w->conversation, w->id, suffix)
               ? APR_ENOENT
               : chat_seal_file_replace(
                     path,
                     chat_store_path(
                         dir, w->id,
                         apr_pstrcat(w->p, suffix, "-sealing", NULL), w->p),
                     NULL, w->key, w->key_id, file);
}

/* Whether the thumbnail that is to come is not there yet. An empty one says
 * that there is none. */
static int thumb_missing(const waiting_t *w)
{
    const char *path = chat_store_path(w->conf->files.dir, w->id, ".thumb",
                                       w->p);

    if (w->conf->files_worker == NULL || path == NULL ||
        access(path, F_OK) == 0) {
        return 0;
    }
    chat_files_want_thumb(w->conf->files_worker, w->id);
    return 1;
}

/* What lies sealed already was sealed by a process that has died before it
 * could say so; its head has the key. */
static void sealed_before(waiting_t *w)
{
    const char *path = chat_store_path(w->conf->files.dir, w->id, "", w->p);
    chat_seal_head_t head;
    apr_file_t *file;
    apr_os_file_t fd;

    if (path == NULL ||
        apr_file_open(&file, path, APR_FOPEN_READ | APR_FOPEN_BINARY,
                      APR_FPROT_OS_DEFAULT, w->p) != APR_SUCCESS) {
        return;
    }
    if (apr_os_file_get(&fd, file) == APR_SUCCESS &&
        chat_seal_file_head(&head, fd)) {
        apr_cpystrn(w->key_id, head.key_id, sizeof(w->key_id));
    }
    apr_file_close(file);
}

/* The thumbnail first: while the file lies open it can be made anew. */
static apr_status_t seal_both(waiting_t *w, int thumb)
{
    apr_status_t rv = APR_SUCCESS;

    if (thumb) {
        rv = seal(w, ".thumb");
    }
    if (rv == APR_SUCCESS || APR_STATUS_IS_ENOENT(rv)) {
        sealed_before(w);
        rv = seal(w, "");
    }
    return rv;
}

static apr_status_t settle(waiting_t *w, apr_status_t rv)
{
    chat_db_value_t args[] = { chat_db_text(w->id),
                               APR_STATUS_IS_ENOENT(rv)
                                   ? chat_db_null()
                                   : chat_db_int(apr_atoi64(w->key_id)) };

    if (rv != APR_SUCCESS && !APR_STATUS_IS_ENOENT(rv)) {
        if (!APR_STATUS_IS_EAGAIN(rv)) {
            ap_log_error(APLOG_MARK, APLOG_ERR, rv, w->s,
                         "sealing file %s below %s", w->id, w->conf->files.dir);
        }
        return APR_SUCCESS;
    }
    return chat_db_query(NULL, w->conf->db, "attachment_sealed", args, 2, w->p);
}

static apr_status_t row(waiting_t *w, const chat_db_result_t *res, int i)
{
    const char *conversation = chat_db_get(res, i, 1), *why = "";
    int thumb = chat_db_get_int(res, i, 2, 0) != 0;
    apr_status_t rv;

    w->id = chat_db_get(res, i, 0);
    w->conversation = conversation;
    if (thumb && thumb_missing(w)) {
        return APR_SUCCESS;
    }
    rv = chat_keys_newest(w->key, w->key_id, w->conf->keys,
                          chat_auth_id(conversation), conversation, &why, w->p);
    if (rv != APR_SUCCESS) {
        ap_log_error(APLOG_MARK, APLOG_ERR, 0, w->s,
                     "sealing file %s, which lies open until then: %s", w->id,
                     why);
        return rv;
    }
    rv = seal_both(w, thumb);
    OPENSSL_cleanse(w->key, sizeof(w->key));
    return settle(w, rv);
}

apr_status_t chat_file_sealing_waiting(server_rec *s, const chat_server_t *conf,
                                       apr_pool_t *p)
{
    waiting_t w = { .s = s, .conf = conf, .p = p };
    const char *last = "";
    apr_status_t rv = APR_SUCCESS;
    int n = SOME;

    while (rv == APR_SUCCESS && n == SOME) {
        chat_db_value_t args[] = { chat_db_text(last), chat_db_int(SOME) };
        chat_db_result_t *res;

        rv = chat_db_query(&res, conf->db, "attachments_unsealed", args, 2, p);
        n = rv == APR_SUCCESS ? chat_db_rows(res) : 0;
        for (int i = 0; rv == APR_SUCCESS && i < n; i++) {
            rv = row(&w, res, i);
        }
        last = n > 0 ? chat_db_get(res, n - 1, 0) : last;
    }
    return rv;
}
