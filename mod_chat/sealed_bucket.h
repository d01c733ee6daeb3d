/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sealed_bucket.h - a sealed file as a bucket of httpd's.
 *
 * It has the content's length and can be split and copied, so HEAD and Range
 * are the filters' business as with any file. Read, it opens one block: memory
 * (two blocks, and what httpd keeps until it is sent) does not grow with the
 * file. A block that was tampered with gives no byte and
 * ends the connection, because the status line is gone already: the client
 * finds its answer cut off, never wrong.
 *
 * Belongs to a request and is read by its thread, or by the one that finishes
 * the answer.
 */
#ifndef CHAT_SEALED_BUCKET_H
#define CHAT_SEALED_BUCKET_H

#include <httpd.h>
#include <apr_buckets.h>

#include "seal.h"

/**
 * @param fd    open for as long as r->pool lives
 * @param key   copied, and wiped with r->pool
 * @return one bucket, head->size bytes long; NULL when its first block cannot
 * be opened
 */
apr_bucket *chat_sealed_bucket(request_rec *r, int fd,
                               const unsigned char key[CHAT_SEAL_KEY],
                               const chat_seal_head_t *head);

#endif
