/* SPDX-License-Identifier: Apache-2.0 */
/* attachment.c - rows of files; see attachment.h. */
#include "attachment.h"

#include <string.h>
#include <apr_strings.h>

#include "auth.h"
#include "chat_module.h"
#include "file_sealing.h"
#include "files_ask.h"
#include "reply.h"
#include "sealing.h"
#include "shape.h"
#include "store.h"
#include "upload.h"

APLOG_USE_MODULE(chat);

/* --- quotas ----------------------------------------------------------------------
 */

static void usage_values(chat_db_value_t args[2], const chat_request_t *q)
{
    apr_pool_t *p = q->r->pool;

    args[0] = chat_db_text(apr_pstrcat(p, "u", q->user->id, NULL));
    args[1] = chat_db_text(apr_pstrcat(p, "c", q->conversation->id, NULL));
}

/* What one quota leaves, -1: there is none. */
static apr_int64_t left_of(apr_int64_t quota, apr_int64_t used)
{
    return quota == 0 ? -1 : used < quota ? quota - used : 0;
}

apr_status_t chat_attachment_room(apr_off_t *left, const chat_request_t *q)
{
    const chat_files_conf_t *conf = &q->conf->files;
    apr_int64_t user, talk;
    chat_db_value_t args[2];
    chat_db_result_t *res;
    apr_status_t rv;

    *left = -1;
    if (conf->user == 0 && conf->talk == 0) {
        return APR_SUCCESS;
    }
    usage_values(args, q);
    rv = chat_db_query(&res, q->conf->db, "file_usage", args, 2, q->r->pool);
    if (rv != APR_SUCCESS) {
        return rv;
    }
    user = left_of(conf->user, chat_db_get_int(res, 0, 0, 0));
    talk = left_of(conf->talk, chat_db_get_int(res, 0, 1, 0));
    *left = user < 0 || (talk >= 0 && talk < user) ? talk : user;
    return APR_SUCCESS;
}

/* Asked behind the INSERTs, whose transaction holds both rows: what it sees is
 * what there will be. */
static apr_status_t within_quota(const chat_request_t *q, chat_db_conn_t *conn)
{
    const chat_files_conf_t *conf = &q->conf->files;
    chat_db_value_t args[2];
    chat_db_result_t *res;
    apr_status_t rv;

    usage_values(args, q);
    rv = chat_db_run(&res, conn, "file_usage", args, 2, q->r->pool);
    if (rv == APR_SUCCESS &&
        ((conf->user != 0 && chat_db_get_int(res, 0, 0, 0) > conf->user) ||
         (conf->talk != 0 && chat_db_get_int(res, 0, 1, 0) > conf->talk))) {
        rv = CHAT_DB_ECONSTRAINT;
    }
    return rv;
}

/* --- rows ------------------------------------------------------------------------
 */

static const char *text_of(const chat_db_result_t *res, int row, int col)
{
    const char *s = chat_db_get(res, row, col);

    return s != NULL ? s : "";
}

chat_attachment_t chat_attachment_of(const chat_db_result_t *res, int row)
{
    chat_attachment_t a = {
        .id = text_of(res, row, CHAT_FILE_ID),
        .name = text_of(res, row, CHAT_FILE_NAME),
        .mime = text_of(res, row, CHAT_FILE_MIME),
        .kind = text_of(res, row, CHAT_FILE_KIND),
        .state = text_of(res, row, CHAT_FILE_STATE),
        .size = chat_db_get_int(res, row, CHAT_FILE_SIZE, 0),
        .width = chat_db_get_int(res, row, CHAT_FILE_WIDTH, 0),
        .height = chat_db_get_int(res, row, CHAT_FILE_HEIGHT, 0),
        .thumb = chat_db_get_int(res, row, CHAT_FILE_THUMB, 0) != 0,
    };

    return a;
}

static const char *number_or_null(apr_int64_t n, apr_pool_t *p)
{
    return n > 0 ? apr_psprintf(p, "%" APR_INT64_T_FMT, n) : "null";
}

const char *chat_attachment_json(const chat_attachment_t *a, const char *more,
                                 apr_pool_t *p)
{
    return apr_pstrcat(
        p, "{\"id\":\"", a->id, "\",\"name\":", chat_shape_text(a->name, p),
        ",\"mime\":", chat_shape_text(a->mime, p), ",\"kind\":\"", a->kind,
        "\",\"size\":", apr_psprintf(p, "%" APR_INT64_T_FMT, a->size),
        ",\"width\":", number_or_null(a->width, p),
        ",\"height\":", number_or_null(a->height, p), ",\"state\":\"", a->state,
        "\",\"thumb\":", a->thumb ? "true" : "false", more, "}", NULL);
}

const char *chat_attachment_ids(const apr_array_header_t *list, apr_pool_t *p)
{
    const char *json = "[";

    for (int i = 0; i < list->nelts; i++) {
        const chat_attachment_t *a = &APR_ARRAY_IDX(list, i, chat_attachment_t);

        json = apr_pstrcat(p, json, i > 0 ? "," : "", "\"", a->id, "\"", NULL);
    }
    return apr_pstrcat(p, json, "]", NULL);
}

static apr_status_t insert(const chat_request_t *q, chat_db_conn_t *conn,
                           const chat_attachment_t *a,
                           const chat_upload_file_t *file)
{
    chat_db_value_t args[] = { chat_db_text(a->id),
                               chat_auth_id(q->conversation->id),
                               chat_auth_id(q->user->id),
                               chat_db_text(file->stored_name),
                               chat_db_text(a->mime),
                               chat_db_text(a->kind),
                               chat_db_int(a->size),
                               chat_db_text(file->store->sha256),
                               chat_db_text(a->state),
                               file->key_id[0] != '\0'
                                   ? chat_db_int(apr_atoi64(file->key_id))
                                   : chat_db_null() };

    return chat_db_run(NULL, conn, "attachment_insert", args, 10, q->r->pool);
}

/* All rows, or none. */
static apr_status_t insert_all(const chat_request_t *q,
                               const apr_array_header_t *list)
{
    chat_db_conn_t *conn;
    apr_status_t rv = chat_db_acquire_to_write(&conn, q->conf->db);

    if (rv != APR_SUCCESS) {
        return rv;
    }
    rv = chat_db_begin(conn);
    for (int i = 0; rv == APR_SUCCESS && i < list->nelts; i++) {
        const chat_upload_file_t *file =
            APR_ARRAY_IDX(q->upload->files, i, chat_upload_file_t *);

        rv = insert(q, conn, &APR_ARRAY_IDX(list, i, chat_attachment_t), file);
    }
    if (rv == APR_SUCCESS) {
        rv = within_quota(q, conn);
    }
    if (rv == APR_SUCCESS) {
        rv = chat_db_commit(conn);
    }
    else {
        chat_db_rollback(conn);
    }
    chat_db_release(conn);
    return rv;
}

/* Whether chat-files has anything to do with it: all images lose what they say of
 * place and time, the rest is for the scanner. */
static int wants_check(const chat_server_t *conf, const chat_filetype_t *type)
{
    return conf->files_worker != NULL &&
           (type->image || strcmp(conf->scan.scan, "off") != 0);
}

/* With ChatKeys: the name, and the file if nobody has to see it open. */
static apr_status_t seal(const chat_request_t *q, chat_upload_file_t *file)
{
    chat_seal_about_t about = chat_sealing_own(q, CHAT_SEAL_FILENAME,
                                               file->store->id);
    apr_status_t rv = chat_sealing_text(&file->stored_name, q, &about, file->name);

    if (rv != APR_SUCCESS || q->conf->keys == NULL) {
        return rv;
    }
    if (wants_check(q->conf, file->type)) {
        strcpy(file->key_id, "0");
        return APR_SUCCESS;
    }
    return chat_file_sealing_new(file->key_id, file->store, q);
}

apr_status_t chat_attachment_keep(apr_array_header_t **list, chat_request_t *q,
                                  int voice)
{
    const apr_array_header_t *files = q->upload->files;
    apr_status_t rv = APR_SUCCESS;

    for (int i = 0; rv == APR_SUCCESS && i < files->nelts; i++) {
        rv = seal(q, APR_ARRAY_IDX(files, i, chat_upload_file_t *));
    }
    if (rv == APR_SUCCESS) {
        rv = chat_upload_keep(q);
    }
    *list = apr_array_make(q->r->pool, files->nelts, sizeof(chat_attachment_t));
    for (int i = 0; i < files->nelts; i++) {
        const chat_upload_file_t *file = APR_ARRAY_IDX(files, i,
                                                       chat_upload_file_t *);
        chat_attachment_t *a = apr_array_push(*list);

        memset(a, 0, sizeof(*a));
        a->id = file->store->id;
        a->name = file->name;
        a->mime = file->mime;
        a->kind = file->type->image                   ? "image"
                  : voice && file->type->audio != NULL ? "voice"
                                                       : "file";
        a->state = wants_check(q->conf, file->type) ? "pending" : "clean";
        a->size = file->store->size;
    }
    if (rv == APR_SUCCESS) {
        rv = insert_all(q, *list);
    }
    if (rv == APR_SUCCESS) {
        chat_upload_given(q);
    }
    return rv;
}

/* --- what chat-files says ---------------------------------------------------------
 */

apr_status_t chat_attachment_check(chat_attachment_t *a,
                                   const chat_server_t *conf,
                                   apr_interval_time_t wait, apr_pool_t *p)
{
    chat_db_value_t args[8];
    chat_checkup_t answer;
    chat_db_result_t *res;
    apr_status_t rv;
    int clean;

    if (conf->files_worker == NULL || strcmp(a->state, "pending") != 0) {
        return APR_SUCCESS;
    }
    /* That it cannot be asked is chat_files_ask's to say; the row waits. */
    (void)chat_files_ask(&answer, conf->files_worker, a->id, a->mime, wait);
    if (answer.state == CHAT_CHECKUP_PENDING) {
        return APR_SUCCESS;
    }
    clean = answer.state == CHAT_CHECKUP_CLEAN;
    args[0] = chat_db_text(a->id);
    args[1] = chat_db_text(chat_checkup_state_name(answer.state));
    args[2] = chat_db_text(answer.why[0] != '\0' ? answer.why : NULL);
    args[3] = clean && answer.width > 0 ? chat_db_int(answer.width)
                                        : chat_db_null();
    args[4] = clean && answer.height > 0 ? chat_db_int(answer.height)
                                         : chat_db_null();
    args[5] = clean ? chat_db_int(answer.thumb != 0) : chat_db_null();
    args[6] = clean ? chat_db_int(answer.size) : chat_db_null();
    args[7] = clean && answer.sha256[0] != '\0' ? chat_db_text(answer.sha256)
                                                : chat_db_null();
    rv = chat_db_query(&res, conf->db, "attachment_checked", args, 8, p);
    if (rv != APR_SUCCESS) {
        return rv;
    }
    chat_files_taken(conf->files_worker, a->id);
    a->state = chat_checkup_state_name(answer.state);
    if (clean) {
        a->width = answer.width;
        a->height = answer.height;
        a->thumb = answer.thumb != 0;
        a->size = answer.size;
    }
    return APR_SUCCESS;
}

void chat_attachment_undo(chat_request_t *q, const apr_array_header_t *list)
{
    chat_db_value_t arg = chat_db_text(chat_attachment_ids(list, q->r->pool));
    apr_status_t rv = chat_db_query(NULL, q->conf->db, "attachments_undo", &arg,
                                    1, q->r->pool);

    if (rv != APR_SUCCESS) {
        chat_reply_note(q, rv, "forgetting files that were not sent");
        return; /* they expire */
    }
    for (int i = 0; i < list->nelts; i++) {
        chat_store_remove(q->conf->files.dir,
                          APR_ARRAY_IDX(list, i, chat_attachment_t).id,
                          q->r->pool);
    }
}
