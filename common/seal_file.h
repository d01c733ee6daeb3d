/* SPDX-License-Identifier: Apache-2.0 */
/*
 * seal_file.h - sealed files on disk (their format is seal.h's).
 *
 * A file says by its head whether it is sealed, so whatever dies in the middle
 * leaves one that is told right: a new file is written beside the old one,
 * synced, and takes its name. Each call takes two blocks of memory, however
 * long the file is. Safe from every thread and process.
 */
#ifndef CHAT_SEAL_FILE_H
#define CHAT_SEAL_FILE_H

#include "seal.h"

/** Whether the file at fd is a sealed one; head is set then, but which file it
 * is (head->file) is the caller's to say before a block is opened. */
int chat_seal_file_head(chat_seal_head_t *head, int fd);

/**
 * Open one block of a sealed file.
 * @param out      CHAT_SEAL_BLOCK bytes
 * @param scratch  CHAT_SEAL_BLOCK + CHAT_SEAL_TAG bytes
 * @param len      set to the bytes in out
 * @return APR_EGENERAL when it is not what this key has sealed
 */
apr_status_t chat_seal_file_block(unsigned char *out, apr_size_t *len,
                                  unsigned char *scratch, int fd,
                                  const unsigned char key[CHAT_SEAL_KEY],
                                  const chat_seal_head_t *head,
                                  apr_int64_t number);

/**
 * Write a file sealed: `size` bytes of `from`, from its beginning, to the empty
 * file `to`.
 * @param file  which it is (chat_seal_file_name)
 */
apr_status_t chat_seal_file_copy(int to, int from, apr_int64_t size,
                                 const unsigned char key[CHAT_SEAL_KEY],
                                 const char *key_id, const char *file);

/** Write a sealed file open: to the empty file `to`. */
apr_status_t chat_seal_file_open(int to, int from,
                                 const unsigned char key[CHAT_SEAL_KEY],
                                 const chat_seal_head_t *head);

/**
 * Put a sealed file in a file's place, unless it is sealed with this key.
 * @param beside  where the new one is written; in the same directory
 * @param old     what it is sealed with now, NULL: it lies open
 * @param file    which it is (chat_seal_file_name)
 * @return APR_EAGAIN when somebody else is at it or `old` does not fit what
 *         lies there (any more), APR_ENOENT when it is not there (any more)
 */
apr_status_t chat_seal_file_replace(const char *path, const char *beside,
                                    const unsigned char *old,
                                    const unsigned char key[CHAT_SEAL_KEY],
                                    const char *key_id, const char *file);

#endif
