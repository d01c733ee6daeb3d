/* SPDX-License-Identifier: Apache-2.0 */
/*
 * file_sealing.h - files that lie encrypted, where a site has ChatKeys.
 *
 * What chat-files has nothing to do with is sealed before it gets its last
 * name. What it looks at lies open until its verdict is written down and its
 * thumbnail is there: both are sealed then, within a second, by the process
 * that has the care of the directory (care.h). Sealing while the file comes in
 * and a second, open copy for chat-files would put the same bytes on the disk
 * for the same time, and the sealed one could not lose its metadata; so there
 * is one file.
 *
 * chat_attachments.key_id says how a file is to lie: NULL as it came (there
 * were no keys), 0 to be sealed, else sealed with that key. How it does lie is
 * said by its head alone (common/seal_file.h), so nothing that dies in between
 * makes a wrong answer.
 */
#ifndef CHAT_FILE_SEALING_H
#define CHAT_FILE_SEALING_H

#include "request.h"
#include "store.h"

/**
 * Seal an ended file of a request that is not kept yet.
 * @param key_id  set to the key's
 */
apr_status_t chat_file_sealing_new(char key_id[CHAT_SEAL_KEY_ID],
                                   chat_store_t *in, const chat_request_t *q);

/**
 * Seal what waits for it. For the care thread.
 * @param p  cleared now and then
 * @return why it did not end; what one file refuses is logged and tried again
 */
apr_status_t chat_file_sealing_waiting(server_rec *s, const chat_server_t *conf,
                                       apr_pool_t *p);

/**
 * The bucket of a file that is sealed.
 * @param size  set to the content's bytes
 * @param head  with which file it is
 * @return NULL when it cannot be opened; the log says why
 */
apr_bucket *chat_file_sealing_bucket(apr_off_t *size, const chat_request_t *q,
                                     int fd, const chat_seal_head_t *head);

#endif
