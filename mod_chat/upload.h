/* SPDX-License-Identifier: Apache-2.0 */
/*
 * upload.h - a request whose body brings files.
 *
 * The body is multipart/form-data, or one file as it is. It is read piece by
 * piece: text fields become those of a form, files go to disk (store.h) as they
 * come, and nothing is kept in memory but one buffer. What each file is, is
 * settled when its first bytes are there, so that what is not taken is refused
 * before the rest of it was read.
 *
 * Before this the caller has been found to be who they are, to have meant it and
 * to belong to the conversation (routes.c): strangers store nothing.
 *
 * Files stay below incoming/ until chat_upload_keep(). Whatever ends the request
 * before chat_upload_given(), they are removed with its pool.
 */
#ifndef CHAT_UPLOAD_H
#define CHAT_UPLOAD_H

#include "filetype.h"
#include "request.h"
#include "store.h"

/* One file; all texts live in the request's pool. */
typedef struct {
    chat_store_t *store;
    const char *field; /* it came in */
    const char *name;  /* as it is shown (filename.h) */
    const char *said;  /* media type the sender named, "" */
    const chat_filetype_t *type; /* NULL: its first bytes are not there yet */
    const char *mime;  /* as it is kept */
    const char *stored_name; /* as its row has it: name, or that sealed */
    char key_id[CHAT_SEAL_KEY_ID]; /* its row's key_id (file_sealing.h); "": NULL */
} chat_upload_file_t;

typedef struct chat_upload_t {
    apr_array_header_t *files; /* chat_upload_file_t *, in their order */
} chat_upload_t;

/** Whether the body is multipart/form-data. */
int chat_upload_is(const chat_request_t *q);

/**
 * Read the body into q->upload and, the fields, q->body.
 * @param raw  a body that is no multipart is one file
 * @return 0 when the request was refused: 400 (cut off, no multipart), 404 (no
 *         files here), 408 (too slow), 413 (a file, the body, too many), 415 (no
 *         multipart), 422 (not one of ours, empty, over quota), 507 (disk full)
 *         has been sent; return *answer to httpd
 */
int chat_upload_read(chat_request_t *q, int raw, int *answer);

/** Put all files on disk for good, under their last names. */
apr_status_t chat_upload_keep(chat_request_t *q);

/** Their rows are committed. */
void chat_upload_given(chat_request_t *q);

#endif
