/* SPDX-License-Identifier: Apache-2.0 */
/*
 * attachment.h - rows of files, and what chat-files says of them.
 *
 * Shared by the routes for files, by messages with files and by care.c. A row is
 * committed when its file is whole on disk; `pending` while it has not been
 * looked at, which needs not be when it is no image and there is no scanner.
 */
#ifndef CHAT_ATTACHMENT_H
#define CHAT_ATTACHMENT_H

#include "request.h"

#define CHAT_QUOTA_SENTENCE "There is no room for this file: delete others first."

/* The first columns of every statement that gives files. */
enum {
    CHAT_FILE_ID,
    CHAT_FILE_NAME,
    CHAT_FILE_MIME,
    CHAT_FILE_KIND,
    CHAT_FILE_SIZE,
    CHAT_FILE_WIDTH,
    CHAT_FILE_HEIGHT,
    CHAT_FILE_STATE,
    CHAT_FILE_THUMB,
    CHAT_FILE_COLUMNS
};

/* A file; all texts are the request's. */
typedef struct {
    const char *id;
    const char *name;
    const char *mime;
    const char *kind;  /* image, voice, file */
    const char *state; /* pending, clean, infected, failed */
    apr_int64_t size;
    apr_int64_t width; /* 0: not known */
    apr_int64_t height;
    int thumb;
} chat_attachment_t;

/** Bytes that the quotas leave to the caller in the conversation; -1: there are
 * none. */
apr_status_t chat_attachment_room(apr_off_t *left, const chat_request_t *q);

chat_attachment_t chat_attachment_of(const chat_db_result_t *res, int row);

/** The object as messages show it, from p. @param more  "" or `,"key":…` */
const char *chat_attachment_json(const chat_attachment_t *a, const char *more,
                                 apr_pool_t *p);

/**
 * Keep what came with the request: files on disk for good, rows committed.
 * @param voice  files with sound are of kind voice
 * @param list   chat_attachment_t, in their order
 * @return CHAT_DB_ECONSTRAINT when a quota would be passed; nothing is kept then
 */
apr_status_t chat_attachment_keep(apr_array_header_t **list, chat_request_t *q,
                                  int voice);

/**
 * Have a pending file looked at and write down what was found.
 * @param wait  µs
 */
apr_status_t chat_attachment_check(chat_attachment_t *a,
                                   const chat_server_t *conf,
                                   apr_interval_time_t wait, apr_pool_t *p);

/** Remove unsent files, rows first. */
void chat_attachment_undo(chat_request_t *q, const apr_array_header_t *list);

/** Their ids as a JSON list, as messages.file_ids has it. */
const char *chat_attachment_ids(const apr_array_header_t *list, apr_pool_t *p);

#endif
