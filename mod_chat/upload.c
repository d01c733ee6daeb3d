/* SPDX-License-Identifier: Apache-2.0 */
/* upload.c - bodies with files; see upload.h. */
#include "upload.h"

#include <errno.h>
#include <string.h>
#include <apr_strings.h>
#include <http_protocol.h>
#include <util_filter.h>

#include "attachment.h"
#include "body.h"
#include "chat_module.h"
#include "filename.h"
#include "form.h"
#include "multipart.h"
#include "reply.h"
#include "sniff.h"
#include "utf8.h"

APLOG_USE_MODULE(chat);

#define PIECE 65536     /* bytes asked of httpd at once */
#define FIELDS_MAX 64   /* text fields of a body */
#define OVERHEAD 131072 /* bytes of a body that are no file's, at most, beside
                           ChatMaxBody */

/* A body while it is read. */
typedef struct {
    chat_request_t *q;
    const chat_files_conf_t *conf;
    chat_upload_t *upload;
    chat_upload_file_t *file; /* being received; NULL: a text field is, or
                                 nothing */
    char *buffer;             /* of all files, one after the other */
    apr_off_t left; /* bytes that quotas leave; -1: no limit */
    apr_off_t taken;          /* of the files that are whole */
    apr_time_t began;         /* when it was first read */
    apr_off_t received;       /* bytes of the body */
    /* Text fields. */
    apr_array_header_t *pairs; /* chat_pair_t */
    const char *field;         /* its name; NULL: none is being read */
    char *text;                /* room for ChatMaxBody and a terminator, for all
                                  fields; NULL: none came */
    apr_size_t text_start;     /* of the field being read */
    apr_size_t text_len;
    /* The refusal: status, field ("" for none), sentence. */
    int status;
    const char *where;
    const char *why;
} reading_t;

static int refuse(reading_t *in, int status, const char *where, const char *why)
{
    if (in->status == OK) {
        in->status = status;
        in->where = where;
        in->why = why;
    }
    return 0;
}

/* A call of store.c that failed. A full disk is no fault of ours. */
static int refuse_disk(reading_t *in, apr_status_t rv)
{
    int full = APR_STATUS_IS_ENOSPC(rv) || rv == EDQUOT;

    ap_log_rerror(APLOG_MARK, APLOG_ERR, rv, in->q->r,
                  "storing an uploaded file below %s", in->conf->dir);
    return refuse(in, full ? HTTP_INSUFFICIENT_STORAGE
                           : HTTP_INTERNAL_SERVER_ERROR,
                  "", full ? "there is no room for more files"
                           : "something went wrong on our side");
}

/* --- files -----------------------------------------------------------------------
 */

static const char *taken_words(const reading_t *in)
{
    char words[256];

    chat_filetype_words(words, sizeof(words), in->conf->types);
    return apr_pstrcat(in->q->r->pool,
                       "This kind of file is not taken here; those that are: ",
                       words, ".", NULL);
}

/* What the first bytes say, and whether all else agrees. */
static int settle_type(reading_t *in)
{
    chat_upload_file_t *file = in->file;
    apr_pool_t *p = in->q->r->pool;
    apr_size_t head = file->store->held < CHAT_FILETYPE_HEAD
                          ? file->store->held
                          : CHAT_FILETYPE_HEAD;
    char ext[CHAT_FILENAME_EXT + 1], own[16];

    if (file->store->size == 0) {
        return refuse(in, HTTP_UNPROCESSABLE_ENTITY, file->field,
                      "The file is empty.");
    }
    file->type = chat_filetype_of(chat_magic_of(in->buffer, head, p),
                                  in->conf->types);
    if (file->type == NULL) {
        return refuse(in, HTTP_UNPROCESSABLE_ENTITY, file->field,
                      taken_words(in));
    }
    chat_filename_extension(ext, file->name);
    if (!chat_filetype_agrees(file->type, file->said, ext)) {
        return refuse(in, HTTP_UNPROCESSABLE_ENTITY, file->field,
                      "The file is not what its name or its type says.");
    }
    if (chat_filetype_masked(file->type, in->buffer, head, NULL, 0)) {
        return refuse(in, HTTP_UNPROCESSABLE_ENTITY, file->field,
                      "The file is of two kinds at once.");
    }
    file->mime = chat_filetype_mime(file->type, file->said);
    file->name = chat_filename_with(
        file->name, chat_filetype_extension(file->type, own), p);
    return 1;
}

static int begin_file(reading_t *in, const char *field, const char *name,
                      const char *said)
{
    apr_pool_t *p = in->q->r->pool;
    apr_status_t rv;

    if (in->upload->files->nelts >= in->conf->most) {
        return refuse(in, HTTP_REQUEST_ENTITY_TOO_LARGE, "",
                      "too many files for one message");
    }
    if (in->buffer == NULL) {
        in->buffer = apr_palloc(p, CHAT_STORE_BUFFER);
    }
    in->file = apr_pcalloc(p, sizeof(*in->file));
    in->file->field = field;
    in->file->name = chat_filename_clean(name, p);
    in->file->said = said;
    rv = chat_store_begin(&in->file->store, in->conf->dir, in->buffer, p);
    if (rv != APR_SUCCESS) {
        return refuse_disk(in, rv);
    }
    in->file->store->unhurried = in->q->conf->keys != NULL;
    APR_ARRAY_PUSH(in->upload->files, chat_upload_file_t *) = in->file;
    return 1;
}

static int file_bytes(reading_t *in, const char *bytes, apr_size_t len)
{
    chat_upload_file_t *file = in->file;
    apr_off_t size = file->store->size + (apr_off_t)len;
    apr_size_t room;
    apr_status_t rv;

    if (size > in->conf->max) {
        return refuse(in, HTTP_REQUEST_ENTITY_TOO_LARGE, file->field,
                      "The file is too large.");
    }
    if (in->left >= 0 && in->taken + size > in->left) {
        return refuse(in, HTTP_UNPROCESSABLE_ENTITY, file->field,
                      CHAT_QUOTA_SENTENCE);
    }
    /* The buffer is looked at while it still holds the beginning. */
    room = CHAT_STORE_BUFFER - file->store->held;
    if (file->type == NULL && len >= room) {
        memcpy(in->buffer + file->store->held, bytes, room - 1);
        file->store->held += room - 1;
        file->store->size += (apr_off_t)room - 1;
        bytes += room - 1;
        len -= room - 1;
        if (!settle_type(in)) {
            return 0;
        }
    }
    rv = chat_store_write(file->store, bytes, len);
    return rv == APR_SUCCESS ? 1 : refuse_disk(in, rv);
}

static int end_file(reading_t *in)
{
    chat_upload_file_t *file = in->file;
    apr_status_t rv;
    apr_size_t len;

    if (file->type == NULL && !settle_type(in)) {
        return 0;
    }
    rv = chat_store_end(file->store);
    if (rv != APR_SUCCESS) {
        return refuse_disk(in, rv);
    }
    /* All of it is on disk: the buffer is free for its last bytes. */
    len = chat_store_tail(file->store, in->buffer, CHAT_FILETYPE_TAIL);
    if (chat_filetype_masked(file->type, NULL, 0, in->buffer, len)) {
        return refuse(in, HTTP_UNPROCESSABLE_ENTITY, file->field,
                      "The file is of two kinds at once.");
    }
    in->taken += file->store->size;
    in->file = NULL;
    return 1;
}

/* --- text fields -------------------------------------------------------------------
 */

static int begin_text(reading_t *in, const char *name)
{
    if (in->pairs->nelts >= FIELDS_MAX) {
        return refuse(in, HTTP_REQUEST_ENTITY_TOO_LARGE, "", "too many fields");
    }
    if (in->text == NULL) {
        in->text = apr_palloc(in->q->r->pool,
                              (apr_size_t)in->q->conf->max_body + FIELDS_MAX +
                                  1);
    }
    in->field = name;
    in->text_start = in->text_len;
    return 1;
}

static int text_bytes(reading_t *in, const char *bytes, apr_size_t len)
{
    if (len > (apr_size_t)in->q->conf->max_body -
                  (in->text_len - (apr_size_t)in->pairs->nelts)) {
        return refuse(in, HTTP_REQUEST_ENTITY_TOO_LARGE, "",
                      "the request is too large");
    }
    memcpy(in->text + in->text_len, bytes, len);
    in->text_len += len;
    return 1;
}

static int end_text(reading_t *in)
{
    const char *value = in->text + in->text_start;
    apr_size_t len = in->text_len - in->text_start;
    chat_pair_t *pair;

    if (memchr(value, '\0', len) != NULL || !chat_utf8_valid(value, len) ||
        !chat_utf8_valid(in->field, strlen(in->field))) {
        return refuse(in, HTTP_BAD_REQUEST, "",
                      chat_form_why(CHAT_FORM_BYTES));
    }
    in->text[in->text_len++] = '\0';
    pair = apr_array_push(in->pairs);
    pair->name = in->field;
    pair->value = value;
    in->field = NULL;
    return 1;
}

/* --- what the parser says --------------------------------------------------------------
 */

/* A file field that was left empty in a page's form is sent as a file without a
 * name and without bytes: it is passed over when nothing comes. */
static int on_begin(void *to, const chat_part_t *part)
{
    reading_t *in = to;
    apr_pool_t *p = in->q->r->pool;
    const char *name = apr_pstrdup(p, part->name);

    if (!part->has_file) {
        return begin_text(in, name);
    }
    if (part->filename[0] == '\0') {
        in->field = NULL;
        in->file = NULL;
        return 1;
    }
    /* The last one is what clients of the existing application send. */
    if (strcmp(name, "files[]") != 0 && strcmp(name, "files") != 0 &&
        strcmp(name, "file") != 0 && strcmp(name, "attachment") != 0) {
        return refuse(in, HTTP_UNPROCESSABLE_ENTITY, name,
                      "Files belong into the field files[].");
    }
    return begin_file(in, "files", part->filename,
                      apr_pstrdup(p, part->type));
}

static int on_bytes(void *to, const char *bytes, size_t len)
{
    reading_t *in = to;

    if (in->file != NULL) {
        return file_bytes(in, bytes, len);
    }
    return in->field != NULL ? text_bytes(in, bytes, len)
                             : refuse(in, HTTP_UNPROCESSABLE_ENTITY, "files",
                                      "A file needs a name.");
}

static int on_end(void *to)
{
    reading_t *in = to;

    if (in->file != NULL) {
        return end_file(in);
    }
    return in->field == NULL || end_text(in);
}

/* --- the body ----------------------------------------------------------------------------
 */

/* Where its bytes go. @return 0 to stop */
typedef int (*taker_t)(void *to, const char *bytes, apr_size_t len);

/* httpd's word for a body that did not come. */
static int refuse_body(reading_t *in, apr_status_t rv)
{
    int status = chat_body_status(rv);

    return refuse(in, status, "", chat_body_why(status));
}

/* mod_reqtimeout lets a body come for hours. Looked at whenever some of it has come;
 * that something does, is mod_reqtimeout's and Timeout's to mind. */
static int too_slow(const reading_t *in)
{
    apr_interval_time_t took = apr_time_now() - in->began;

    return in->conf->pace > 0 && took > in->conf->grace &&
           in->received / in->conf->pace < apr_time_sec(took);
}

/* One brigade. @return 0 to stop, with *last set at the body's end */
static int take_brigade(reading_t *in, apr_bucket_brigade *bb, taker_t take,
                        void *to, apr_off_t *most, int *last)
{
    apr_bucket *b;

    for (b = APR_BRIGADE_FIRST(bb); b != APR_BRIGADE_SENTINEL(bb);
         b = APR_BUCKET_NEXT(b)) {
        const char *bytes;
        apr_size_t len;
        apr_status_t rv;

        if (APR_BUCKET_IS_EOS(b)) {
            *last = 1;
            return 1;
        }
        if (APR_BUCKET_IS_METADATA(b)) {
            continue;
        }
        rv = apr_bucket_read(b, &bytes, &len, APR_BLOCK_READ);
        if (rv != APR_SUCCESS) {
            return refuse_body(in, rv);
        }
        *most -= (apr_off_t)len;
        in->received += (apr_off_t)len;
        if (*most < 0) {
            return refuse(in, HTTP_REQUEST_ENTITY_TOO_LARGE, "",
                          "the request is too large");
        }
        if (len > 0 && !take(to, bytes, len)) {
            return 0;
        }
    }
    return 1;
}

static int take_body(reading_t *in, taker_t take, void *to, apr_off_t most)
{
    request_rec *r = in->q->r;
    apr_bucket_brigade *bb = apr_brigade_create(
        r->pool, r->connection->bucket_alloc);
    int last = 0;

    while (!last) {
        apr_status_t rv = ap_get_brigade(r->input_filters, bb,
                                         AP_MODE_READBYTES, APR_BLOCK_READ,
                                         PIECE);

        if (rv != APR_SUCCESS) {
            return refuse_body(in, rv);
        }
        if (!take_brigade(in, bb, take, to, &most, &last)) {
            return 0;
        }
        apr_brigade_cleanup(bb);
        if (!last && too_slow(in)) {
            return refuse_body(in, APR_TIMEUP);
        }
    }
    return 1;
}

static int to_parser(void *to, const char *bytes, apr_size_t len)
{
    return chat_multipart_feed(to, bytes, len) == CHAT_MULTIPART_OK;
}

/* What the parser ended with, when nobody has refused anything yet. */
static int parsed(reading_t *in, chat_multipart_result_t result)
{
    if (result != CHAT_MULTIPART_OK) {
        refuse(in,
               result == CHAT_MULTIPART_MANY ? HTTP_REQUEST_ENTITY_TOO_LARGE
                                             : HTTP_BAD_REQUEST,
               "", chat_multipart_why(result));
    }
    return in->status == OK;
}

static apr_off_t body_max(const reading_t *in)
{
    return in->conf->most * in->conf->max + in->q->conf->max_body + OVERHEAD;
}

static int take_multipart(reading_t *in)
{
    chat_multipart_sink_t sink = { on_begin, on_bytes, on_end, in };
    chat_multipart_t *m = apr_palloc(in->q->r->pool, sizeof(*m));
    char boundary[CHAT_MULTIPART_BOUNDARY + 1];

    if (!chat_multipart_boundary(boundary,
                                 apr_table_get(in->q->r->headers_in,
                                               "Content-Type"))) {
        return refuse(in, HTTP_BAD_REQUEST, "",
                      "the Content-Type has no boundary that could be used");
    }
    chat_multipart_init(m, boundary, &sink);
    if (!take_body(in, to_parser, m, body_max(in))) {
        return parsed(in, m->failed);
    }
    return parsed(in, chat_multipart_end(m));
}

static int to_file(void *to, const char *bytes, apr_size_t len)
{
    return file_bytes(to, bytes, len);
}

/* A body that is one file: its name stands in X-File-Name (percent-encoded) or
 * Content-Disposition, its type is the body's. */
static int take_raw(reading_t *in)
{
    apr_table_t *headers = in->q->r->headers_in;
    const char *type = apr_table_get(headers, "Content-Type");
    const char *name = apr_table_get(headers, "X-File-Name");
    const char *disposition = apr_table_get(headers, "Content-Disposition");
    char found[CHAT_MULTIPART_FILENAME + 1] = "";
    apr_pool_t *p = in->q->r->pool;
    char *said;

    if (name != NULL && strlen(name) <= 3 * CHAT_MULTIPART_FILENAME) {
        name = chat_filename_decoded(name, p);
    }
    else if (disposition != NULL &&
             chat_disposition_filename(found, disposition)) {
        name = apr_pstrdup(p, found);
    }
    else {
        name = "";
    }
    type = type != NULL ? type : "";
    said = apr_pstrndup(p, type, strcspn(type, "; \t"));
    ap_str_tolower(said);
    return begin_file(in, "file", name, said) &&
           take_body(in, to_file, in, in->conf->max + 1) && end_file(in);
}

/* --- all of it ---------------------------------------------------------------------------
 */

int chat_upload_is(const chat_request_t *q)
{
    return chat_media_of(apr_table_get(q->r->headers_in, "Content-Type")) ==
           CHAT_MEDIA_MULTIPART;
}

static int refused(reading_t *in, int *answer)
{
    chat_request_t *q = in->q;

    /* What is left of the body is not worth reading. */
    q->r->connection->keepalive = AP_CONN_CLOSE;
    for (int i = 0; i < in->upload->files->nelts; i++) {
        chat_store_drop(
            APR_ARRAY_IDX(in->upload->files, i, chat_upload_file_t *)->store);
    }
    if (in->status == AP_FILTER_ERROR) {
        *answer = AP_FILTER_ERROR; /* a filter of httpd's has answered */
        return 0;
    }
    *answer = in->where[0] != '\0' && in->status == HTTP_UNPROCESSABLE_ENTITY
                  ? chat_reply_field(q, in->where, in->why)
                  : chat_reply_error(q, in->status, in->why);
    return 0;
}

/* Whether the announced length alone is too much. */
static int announced_too_large(const reading_t *in)
{
    const char *length = apr_table_get(in->q->r->headers_in, "Content-Length");
    apr_int64_t n;

    return length != NULL &&
           (!chat_form_number(&n, length) || n > body_max(in));
}

int chat_upload_read(chat_request_t *q, int raw, int *answer)
{
    reading_t in = { .q = q,
                     .conf = &q->conf->files,
                     .began = apr_time_now(),
                     .status = OK,
                     .where = "" };
    apr_pool_t *p = q->r->pool;
    apr_status_t rv;

    if (in.conf->dir == NULL) {
        *answer = chat_reply_error(q, HTTP_NOT_FOUND, "no files are taken here");
        return 0;
    }
    in.upload = apr_pcalloc(p, sizeof(*in.upload));
    in.upload->files = apr_array_make(p, 2, sizeof(chat_upload_file_t *));
    in.pairs = apr_array_make(p, 8, sizeof(chat_pair_t));
    if (chat_body_encoded(q->r)) {
        refuse(&in, HTTP_UNSUPPORTED_MEDIA_TYPE, "",
               chat_body_why(HTTP_UNSUPPORTED_MEDIA_TYPE));
        return refused(&in, answer);
    }
    if (announced_too_large(&in)) {
        refuse(&in, HTTP_REQUEST_ENTITY_TOO_LARGE, "",
               "the request is too large");
        return refused(&in, answer);
    }
    rv = chat_attachment_room(&in.left, q);
    if (rv != APR_SUCCESS) {
        *answer = chat_reply_failed(q, rv, "asking how much room is left");
        return 0;
    }
    if (!raw && !chat_upload_is(q)) {
        refuse(&in, HTTP_UNSUPPORTED_MEDIA_TYPE, "",
               "the body must be multipart/form-data, or a file with its "
               "Content-Type");
        return refused(&in, answer);
    }
    if (!(chat_upload_is(q) ? take_multipart(&in) : take_raw(&in))) {
        return refused(&in, answer);
    }
    q->body.object = NULL;
    q->body.form.pairs = (const chat_pair_t *)(const void *)in.pairs->elts;
    q->body.form.n = in.pairs->nelts;
    q->body_read = 1;
    q->body_status = OK;
    q->upload = in.upload;
    return 1;
}

apr_status_t chat_upload_keep(chat_request_t *q)
{
    for (int i = 0; i < q->upload->files->nelts; i++) {
        apr_status_t rv = chat_store_keep(
            APR_ARRAY_IDX(q->upload->files, i, chat_upload_file_t *)->store,
            q->r->pool);

        if (rv != APR_SUCCESS) {
            return rv;
        }
    }
    return APR_SUCCESS;
}

void chat_upload_given(chat_request_t *q)
{
    for (int i = 0; i < q->upload->files->nelts; i++) {
        chat_store_given(
            APR_ARRAY_IDX(q->upload->files, i, chat_upload_file_t *)->store);
    }
}
