/* SPDX-License-Identifier: Apache-2.0 */
/*
 * files_ask.h - asking chat-files, which looks at what was uploaded.
 *
 * For each upload, once the file lies whole at its final place and its row
 * (state pending) is committed:
 *
 *   chat_files_ask(&c, worker, id, mime, wait)
 *       state clean, infected, failed  write the row: state, size, sha256,
 *                                      width, height, thumb; commit; then
 *       chat_files_taken(worker, id)
 *       state pending                  the row stays pending
 *
 * A pending row is asked about again, with `wait` 0, whenever somebody looks at
 * it (the file, its message being sent): an answer that came late lies on disk
 * and is given at once, one that was lost with its process is found anew, a
 * file that is being worked at is only pending. So asking twice is harmless,
 * and no row stays pending while somebody cares for it.
 *
 * The thumbnail is made after the answer. `thumb` 1 in the row means that it is
 * there or will be; its route opens <id>.thumb:
 *
 *   not there  chat_files_want_thumb(), 404 with Retry-After: 1
 *   empty      there is none and will be none: 404
 *   else       image/jpeg
 *
 * Deleting a file: unlink <id>, <id>.thumb and <id>.verdict in this order; what
 * chat-files is doing with it then comes to nothing.
 */
#ifndef CHAT_FILES_ASK_H
#define CHAT_FILES_ASK_H

#include <httpd.h>

#include "checkup.h"

/* One chat-files process as a child sees it; read-only, any thread. Hangs at
 * chat_server_t.files_worker; NULL: the host has no ChatFiles. */
typedef struct chat_files_worker_t {
    const char *dir;    /* of ChatFiles, absolute */
    const char *socket; /* path */
} chat_files_worker_t;

/**
 * What is known of a file.
 * @param answer  filled in any case; state pending when nothing is known
 * @param wait    µs to wait for an answer at most; 0: only what is known or
 *                can be had in some milliseconds. A child of httpd that is to
 *                end waits for two seconds more: httpd kills those that stay
 * @return APR_SUCCESS, or why chat-files could not be asked (the answer is
 *         pending then, too)
 */
apr_status_t chat_files_ask(chat_checkup_t *answer,
                            const chat_files_worker_t *worker, const char *id,
                            const char *mime, apr_interval_time_t wait);

/** The row says what the answer said: forget the answer. */
void chat_files_taken(const chat_files_worker_t *worker, const char *id);

/** Have a thumbnail made that is not there. Never waits. */
void chat_files_want_thumb(const chat_files_worker_t *worker, const char *id);

#endif
