/* SPDX-License-Identifier: Apache-2.0 */
/*
 * attachment.c - files by themselves: uploading one to be sent later, listing,
 * fetching and removing them.
 *
 * A file is shown to current members of its conversation and staff while its
 * message lives, and to who uploaded it before it is sent. To all others it is
 * not there (404). It goes out by httpd's own file bucket, or by one that opens
 * what is sealed (sealed_bucket.h); httpd's filters answer HEAD, Range, If-Range.
 *
 * A signed link works without a log-in for a short time, for programs that can
 * send no header (media players of phones). It names a user, who is asked about
 * anew each time it is used.
 */
#include "handlers.h"

#include <stdlib.h>
#include <string.h>
#include <apr_portable.h>
#include <apr_strings.h>
#include <http_core.h>
#include <http_protocol.h>
#include <http_request.h>
#include <util_filter.h>

#include "attachment.h"
#include "audit.h"
#include "auth.h"
#include "checkup.h"
#include "filename.h"
#include "file_sealing.h"
#include "files_ask.h"
#include "filetype.h"
#include "message.h"
#include "reply.h"
#include "routes.h"
#include "seal_file.h"
#include "sealing.h"
#include "secret.h"
#include "shape.h"
#include "signature.h"
#include "store.h"
#include "upload.h"

#define LIST_DEFAULT 50
#define LIST_MAX 100

/* Columns of attachment_get behind those of the file. */
enum {
    GET_CONVERSATION = CHAT_FILE_COLUMNS,
    GET_OWN,
    GET_SENT,
    GET_LIVES,
    GET_MEMBER,
    GET_ROLE,
    GET_SHA256,
    GET_USER
};

/* A file and what its asker may do with it. */
typedef struct {
    chat_attachment_t file;
    const char *sha256;
    const char *conversation; /* id */
    int own;     /* the asker uploaded it, and it was not sent yet */
} found_t;

/* --- uploading --------------------------------------------------------------------
 */

static int reply_file(chat_request_t *q, int status, const chat_attachment_t *a)
{
    apr_pool_t *p = q->r->pool;

    return chat_reply(q, status,
                      apr_pstrcat(p, "{\"attachment\":",
                                  chat_attachment_json(a, "", p), "}", NULL));
}

/* POST /chat/conversation/{id}/attachment - one file. `kind=voice` in the query
 * or the form says that it is a recording. 201, or 202 while it is being looked
 * at. */
int chat_attachment_upload(chat_request_t *q)
{
    const char *kind = chat_form_get(&q->query, "kind");
    apr_array_header_t *list;
    chat_attachment_t *a;
    apr_status_t rv;
    int voice;

    if (q->upload->files->nelts != 1) {
        return chat_reply_invalid(q, "file", "must be one file");
    }
    if (kind == NULL) {
        kind = chat_form_get(&q->body.form, "kind");
    }
    voice = kind != NULL && strcmp(kind, "voice") == 0;
    if (kind != NULL && kind[0] != '\0' && !voice) {
        return chat_reply_invalid(q, "kind", "can only be voice");
    }
    if (voice && APR_ARRAY_IDX(q->upload->files, 0, chat_upload_file_t *)
                         ->type->audio == NULL) {
        return chat_reply_invalid(q, "kind", "does not fit the file");
    }
    rv = chat_attachment_keep(&list, q, voice);
    if (rv == CHAT_DB_ECONSTRAINT) {
        return chat_reply_field(q, "file", CHAT_QUOTA_SENTENCE);
    }
    if (rv != APR_SUCCESS) {
        return chat_reply_failed(q, rv, "keeping an uploaded file");
    }
    a = &APR_ARRAY_IDX(list, 0, chat_attachment_t);
    rv = chat_attachment_check(a, q->conf, q->conf->files.wait, q->r->pool);
    if (rv != APR_SUCCESS) {
        chat_reply_note(q, rv, "writing down what a file is");
    }
    if (strcmp(a->state, "infected") == 0 || strcmp(a->state, "failed") == 0) {
        const char *state = a->state;

        chat_attachment_undo(q, list);
        return chat_reply_field(q, "file",
                                strcmp(state, "infected") == 0
                                    ? "The file is infected."
                                    : "The file could not be checked.");
    }
    return reply_file(q, strcmp(a->state, "clean") == 0 ? HTTP_CREATED
                                                        : HTTP_ACCEPTED,
                      a);
}

/* --- which file, and may they --------------------------------------------------------
 */

/* What a link's signature is made of. No signature of the Pusher protocol
 * begins so. */
static const char *link_signature(const chat_request_t *q, const char *user,
                                  const char *expires)
{
    static const char purpose[] = "file:";
    chat_piece_t pieces[] = { { purpose, sizeof(purpose) - 1 },
                              { q->item, strlen(q->item) },
                              { ":", 1 },
                              { expires, strlen(expires) },
                              { ":", 1 },
                              { user, strlen(user) } };
    char hex[CHAT_SIGNATURE_HEX];
    chat_signer_t *signer;

    if (chat_signer_create(&signer, q->conf->push->app->secrets[0],
                           q->r->pool) != APR_SUCCESS) {
        return NULL;
    }
    chat_sign(signer, hex, pieces, 6);
    return apr_pstrdup(q->r->pool, hex);
}

/* Who a signed link says it is. NULL: it says nothing that could be believed */
static const char *link_user(const chat_request_t *q)
{
    const char *user = chat_form_get(&q->query, "user");
    const char *expires = chat_form_get(&q->query, "expires");
    const char *signature = chat_form_get(&q->query, "signature");
    const char *right;
    apr_int64_t until;

    if (user == NULL || expires == NULL || signature == NULL ||
        !chat_form_number(&until, expires)) {
        return NULL;
    }
    right = link_signature(q, user, expires);
    if (right == NULL || !chat_secret_equal(signature, strlen(signature), right,
                                            strlen(right))) {
        return NULL;
    }
    return until > apr_time_sec(apr_time_now()) ? user : NULL;
}

static int not_there(chat_request_t *q)
{
    return chat_reply_error(q, HTTP_NOT_FOUND, "no such file");
}

/* The file of q->item, if the user may see it. @return 0: refused with *answer */
static int find(found_t *f, chat_request_t *q, const char *user, int *answer)
{
    chat_db_value_t args[] = { chat_db_text(q->item), chat_auth_id(user) };
    chat_db_result_t *res;
    apr_status_t rv;
    const char *role;
    int member, sent;

    *answer = OK;
    if (q->conf->files.dir == NULL ||
        !chat_checkup_id_valid(q->item, strlen(q->item))) {
        *answer = not_there(q);
        return 0;
    }
    rv = chat_db_query(&res, q->conf->db, "attachment_get", args, 2, q->r->pool);
    if (rv == APR_SUCCESS && chat_db_rows(res) == 1) {
        f->file = chat_attachment_of(res, 0);
        f->conversation = chat_db_get(res, 0, GET_CONVERSATION);
        f->sha256 = chat_db_get(res, 0, GET_SHA256);
        apr_cpystrn(q->id, f->conversation, sizeof(q->id)); /* for the audit log */
        role = chat_db_get(res, 0, GET_ROLE);
        sent = chat_db_get_int(res, 0, GET_SENT, 0) != 0;
        f->own = !sent && chat_db_get_int(res, 0, GET_OWN, 0) != 0;
        member = chat_db_get_int(res, 0, GET_MEMBER, 0) != 0 ||
                 chat_auth_staff(q->conf, user, role, f->conversation,
                                 q->r->pool);
        if (member && (f->own || (sent && chat_db_get_int(res, 0, GET_LIVES, 0) &&
                                  strcmp(f->file.state, "clean") == 0))) {
            return 1;
        }
    }
    *answer = rv == APR_SUCCESS || rv == CHAT_DB_EINPUT
                  ? not_there(q)
                  : chat_reply_failed(q, rv, "finding a file");
    return 0;
}

/* The same for whoever asks, by log-in or by link. */
static int find_shown(found_t *f, chat_request_t *q, int *answer)
{
    const char *user = NULL;

    if (chat_form_get(&q->query, "signature") != NULL) {
        user = link_user(q);
        if (user == NULL) {
            *answer = chat_reply_error(q, HTTP_FORBIDDEN,
                                       "this link is wrong or too old");
            return 0;
        }
        q->link = user;
    }
    else if (!chat_routes_user(q, answer)) {
        return 0;
    }
    return find(f, q, user != NULL ? user : q->user->id, answer);
}

/* --- showing it -------------------------------------------------------------------------
 */

/* Whatever is in the file: it runs nowhere, is sniffed by nobody, embedded by no
 * other site and kept by no cache. */
static void file_headers(request_rec *r)
{
    apr_table_setn(r->headers_out, "X-Content-Type-Options", "nosniff");
    apr_table_setn(r->headers_out, "Content-Security-Policy",
                   "sandbox; default-src 'none'");
    apr_table_setn(r->headers_out, "Cross-Origin-Resource-Policy",
                   "same-origin");
    apr_table_setn(r->headers_out, "Cache-Control", "private, no-store");
    apr_table_setn(r->headers_out, "Accept-Ranges", "bytes");
}

/* The file, or the small picture of it, as the answer, which is written down before it goes out.
 * @return for httpd; HTTP_NOT_FOUND when it is not there, 500 when what is sealed
 *         cannot be opened; nothing is sent then */
static int send_file(chat_request_t *q, const found_t *f, const char *suffix,
                     const char *type)
{
    const char *path = chat_store_path(q->conf->files.dir, f->file.id, suffix,
                                       q->r->pool);
    request_rec *r = q->r;
    apr_bucket_brigade *bb = apr_brigade_create(r->pool,
                                                r->connection->bucket_alloc);
    apr_file_t *file;
    apr_bucket *sealed = NULL;
    chat_seal_head_t head;
    apr_finfo_t info;
    apr_os_file_t fd;
    int answer;

    if (apr_file_open(&file, path,
                      APR_FOPEN_READ | APR_FOPEN_BINARY |
                          APR_FOPEN_SENDFILE_ENABLED,
                      APR_FPROT_OS_DEFAULT, r->pool) != APR_SUCCESS) {
        return HTTP_NOT_FOUND;
    }
    if (apr_file_info_get(&info, APR_FINFO_SIZE, file) != APR_SUCCESS ||
        info.size == 0) {
        apr_file_close(file);
        return HTTP_NOT_FOUND;
    }
    apr_os_file_get(&fd, file);
    if (chat_seal_file_head(&head, fd)) {
        if (head.size == 0 ||
            !chat_seal_file_name(head.file, f->conversation, f->file.id, suffix)) {
            return HTTP_NOT_FOUND;
        }
        sealed = chat_file_sealing_bucket(&info.size, q, fd, &head);
        if (sealed == NULL) {
            return HTTP_INTERNAL_SERVER_ERROR;
        }
        APR_BRIGADE_INSERT_TAIL(bb, sealed);
    }
    file_headers(r);
    ap_set_content_type(r, type);
    ap_set_content_length(r, info.size);
    answer = chat_reply_conditions(r);
    if (answer != OK) {
        return answer;
    }
    if (!chat_audit_answer(q, HTTP_OK)) {
        apr_brigade_destroy(bb);
        return HTTP_SERVICE_UNAVAILABLE;
    }
    if (sealed == NULL) {
        apr_brigade_insert_file(bb, file, 0, info.size, r->pool);
    }
    APR_BRIGADE_INSERT_TAIL(bb,
                            apr_bucket_eos_create(r->connection->bucket_alloc));
    ap_pass_brigade(r->output_filters, bb);
    return OK;
}

/* The answer instead of a file. */
static int not_sent(chat_request_t *q, int answer)
{
    apr_table_unset(q->r->headers_out, "Content-Disposition");
    apr_table_unset(q->r->headers_out, "ETag");
    return answer == HTTP_NOT_FOUND             ? not_there(q)
           : answer == HTTP_PRECONDITION_FAILED ? chat_reply_precondition(q)
               : chat_reply_error(q, answer, "something went wrong on our side");
}

/* One's own that is not clean says what it is instead. */
static int reply_state(chat_request_t *q, const found_t *f)
{
    int pending = strcmp(f->file.state, "pending") == 0;

    return reply_file(q, pending ? HTTP_ACCEPTED : HTTP_GONE, &f->file);
}

/* GET /chat/attachment/{id} - `download=1` has it saved rather than shown. */
int chat_attachment_show(chat_request_t *q)
{
    request_rec *r = q->r;
    const chat_filetype_t *type;
    chat_seal_about_t about = { CHAT_SEAL_FILENAME, NULL, NULL, NULL };
    char name[CHAT_SEAL_NAME];
    const char *mime;
    int answer, shown;
    found_t f;

    if (!find_shown(&f, q, &answer)) {
        return answer;
    }
    if (strcmp(f.file.state, "pending") == 0) {
        (void)chat_attachment_check(&f.file, q->conf, 0, r->pool);
    }
    if (strcmp(f.file.state, "clean") != 0) {
        return reply_state(q, &f);
    }
    type = chat_filetype_served(f.file.mime);
    shown = type != NULL && type->shown &&
            chat_form_get(&q->query, "download") == NULL;
    mime = type == NULL                             ? "application/octet-stream"
           : strcmp(f.file.mime, "text/plain") == 0 ? "text/plain; charset=utf-8"
                                                    : f.file.mime;
    chat_seal_name(name, f.file.id, strlen(f.file.id));
    about.conversation = f.conversation;
    about.name = name;
    apr_table_setn(r->headers_out, "Content-Disposition",
                   chat_filename_disposition(shown ? "inline" : "attachment",
                                             chat_sealing_open(q, &about,
                                                               f.file.name),
                                             r->pool));
    if (f.sha256 != NULL) {
        apr_table_setn(r->headers_out, "ETag",
                       apr_psprintf(r->pool, "\"%.32s\"", f.sha256));
    }
    answer = send_file(q, &f, "", mime);
    return answer == HTTP_NOT_FOUND || answer == HTTP_PRECONDITION_FAILED ||
                   answer == HTTP_INTERNAL_SERVER_ERROR
               ? not_sent(q, answer)
               : answer;
}

/* GET /chat/attachment/{id}/thumb - a small picture of an image. It is made
 * behind the upload: 404 with Retry-After while it is not there. */
int chat_attachment_thumb(chat_request_t *q)
{
    request_rec *r = q->r;
    const char *path;
    int answer;
    found_t f;

    if (!find_shown(&f, q, &answer)) {
        return answer;
    }
    if (strcmp(f.file.state, "clean") != 0 || !f.file.thumb) {
        return not_there(q);
    }
    path = chat_store_path(q->conf->files.dir, f.file.id, ".thumb", r->pool);
    apr_table_setn(r->headers_out, "Content-Disposition",
                   chat_filename_disposition("inline", "thumbnail.jpg",
                                             r->pool));
    apr_table_setn(r->headers_out, "ETag",
                   apr_psprintf(r->pool, "\"t%.31s\"", f.file.id));
    answer = send_file(q, &f, ".thumb", "image/jpeg");
    if (answer == HTTP_INTERNAL_SERVER_ERROR ||
        answer == HTTP_PRECONDITION_FAILED) {
        return not_sent(q, answer);
    }
    if (answer == HTTP_NOT_FOUND) {
        apr_finfo_t info;

        if (q->conf->files_worker != NULL &&
            apr_stat(&info, path, APR_FINFO_SIZE, r->pool) != APR_SUCCESS) {
            chat_files_want_thumb(q->conf->files_worker, f.file.id);
            chat_reply_retry_after(r, 1);
        }
        return not_sent(q, answer);
    }
    return answer;
}

/* --- removing, linking, listing -------------------------------------------------------------
 */

/* DELETE /chat/attachment/{id} - one's own that was not sent. */
int chat_attachment_delete(chat_request_t *q)
{
    chat_db_value_t args[] = { chat_db_text(q->item), chat_auth_id(q->user->id) };
    chat_db_result_t *res;
    apr_status_t rv;

    if (q->conf->files.dir == NULL ||
        !chat_checkup_id_valid(q->item, strlen(q->item))) {
        return not_there(q);
    }
    rv = chat_db_query(&res, q->conf->db, "attachment_delete", args, 2,
                       q->r->pool);
    if (rv != APR_SUCCESS) {
        return chat_reply_failed(q, rv, "removing a file");
    }
    if (chat_db_rows(res) == 0) {
        return not_there(q);
    }
    chat_store_remove(q->conf->files.dir, q->item, q->r->pool);
    return chat_reply(q, HTTP_OK, "{\"status\":\"deleted\"}");
}

/* POST /chat/attachment/{id}/link - an address that works without a log-in. */
int chat_attachment_link(chat_request_t *q)
{
    apr_pool_t *p = q->r->pool;
    apr_time_t until = apr_time_now() + q->conf->files.link;
    const char *expires = apr_psprintf(p, "%" APR_INT64_T_FMT,
                                       (apr_int64_t)apr_time_sec(until));
    char when[APR_RFC822_DATE_LEN + 10];
    apr_time_exp_t at;
    apr_size_t len;
    const char *signature, *path;
    int answer;
    found_t f;

    if (!find(&f, q, q->user->id, &answer)) {
        return answer;
    }
    signature = link_signature(q, q->user->id, expires);
    if (signature == NULL) {
        return chat_reply_failed(q, APR_EGENERAL, "signing a link");
    }
    apr_time_exp_gmt(&at, apr_time_from_sec(apr_time_sec(until)));
    apr_strftime(when, &len, sizeof(when), "%Y-%m-%dT%H:%M:%S.000Z", &at);
    path = apr_pstrcat(p, q->conf->prefix, "/chat/attachment/", q->item, "?user=",
                       q->user->id, "&expires=", expires, "&signature=",
                       signature, NULL);
    return chat_reply(q, HTTP_OK,
                      apr_pstrcat(p, "{\"url\":",
                                  chat_shape_text(
                                      ap_construct_url(p, path, q->r), p),
                                  ",\"expires_at\":\"", when, "\"}", NULL));
}

/* GET /chat/conversation/{id}/attachments - the files of its messages, newest
 * first; `before` is the id of the last one seen, `limit` up to 100. */
int chat_attachment_list(chat_request_t *q)
{
    enum { LIST_MESSAGE = CHAT_FILE_COLUMNS, LIST_USER, LIST_CREATED };
    const char *before = chat_form_given(&q->query, "before");
    const char *limit = chat_form_given(&q->query, "limit");
    apr_int64_t n = LIST_DEFAULT;
    apr_pool_t *p = q->r->pool;
    chat_db_value_t args[3];
    chat_db_result_t *res;
    apr_array_header_t *list;
    apr_status_t rv;
    int rows, more;

    if (limit != NULL &&
        (!chat_form_number(&n, limit) || n < 1 || n > LIST_MAX)) {
        return chat_reply_invalid(q, "limit", "must be a number from 1 to 100");
    }
    if (before != NULL && !chat_checkup_id_valid(before, strlen(before))) {
        return chat_reply_invalid(q, "before", "must be the id of a file");
    }
    args[0] = chat_auth_id(q->conversation->id);
    args[1] = chat_db_text(before);
    args[2] = chat_db_int(n + 1);
    rv = chat_db_query(&res, q->conf->db, "attachment_list", args, 3, p);
    if (rv != APR_SUCCESS) {
        return chat_reply_failed(q, rv, "listing files");
    }
    rows = chat_db_rows(res);
    more = rows > n;
    rows -= more;
    list = apr_array_make(p, rows, sizeof(const char *));
    for (int i = 0; i < rows; i++) {
        chat_attachment_t a = chat_attachment_of(res, i);
        const char *extra = apr_pstrcat(
            p, ",\"message_id\":", chat_db_get(res, i, LIST_MESSAGE),
            ",\"user_id\":", chat_db_get(res, i, LIST_USER), ",\"created_at\":",
            chat_shape_time_json(chat_db_get(res, i, LIST_CREATED), p), NULL);

        APR_ARRAY_PUSH(list, const char *) = chat_attachment_json(&a, extra, p);
    }
    return chat_reply_list(
        q,
        apr_pstrcat(p, "{\"data\":[", apr_array_pstrcat(p, list, ','), "],\"has_more\":",
                    more ? "true" : "false", ",\"next_before\":",
                    more ? apr_pstrcat(p, "\"",
                                       chat_db_get(res, rows - 1, CHAT_FILE_ID),
                                       "\"", NULL)
                         : "null",
                    "}", NULL));
}
