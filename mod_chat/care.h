/* SPDX-License-Identifier: Apache-2.0 */
/*
 * care.h - what is to be done for files by and by.
 *
 *   each second   answers of chat-files that came late are written down; messages
 *                 whose files are all clean now are sent, those with others are
 *                 dropped (AttachmentRejected tells the sender); with ChatKeys,
 *                 files that were looked at are sealed (file_sealing.h)
 *   each minute   what processes left that died: incoming/ of more than an hour,
 *                 files without a row; uploads that nobody sent
 *                 (ChatUploadExpires), files of messages that are no more
 *
 * Every child has a thread that would do it; the one that holds the lock of the
 * directory does. When its process dies the lock is free and the next one has it
 * within a second, and goes through all files once. Nothing here is in a hurry
 * with files younger than ten minutes: somebody may still be about to commit.
 */
#ifndef CHAT_CARE_H
#define CHAT_CARE_H

#include <apr_errno.h>

#include "config.h"

/** Start the threads of a child; they end with p. */
apr_status_t chat_care_start(server_rec *first, apr_pool_t *p);

#endif
