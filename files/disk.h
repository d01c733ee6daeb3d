/* SPDX-License-Identifier: Apache-2.0 */
/*
 * disk.h - files read whole, measured, and replaced so that a crash leaves
 * the old one or the new one.
 */
#ifndef FILES_DISK_H
#define FILES_DISK_H

#include "checkup.h"

/* An image larger than this is refused; others are never read whole. */
#define FILES_WHOLE (64u << 20)

/** Open a file to be read: a regular file, never through a link. -1: errno */
int files_open(const char *path);

/**
 * A file's bytes, malloc'ed.
 * @param more  room behind them
 * @return NULL: errno, EFBIG when there are more than FILES_WHOLE
 */
unsigned char *files_read(size_t *len, const char *path);

/** Size and SHA-256 of a file, read in pieces. @return 0, or errno */
int files_measure(chat_checkup_t *c, const char *path);

/**
 * Put bytes in place of a file: written beside it, synced, renamed.
 * @param path    of the file
 * @param beside  of the new one until it is renamed
 * @param must    a path that must still exist, or nothing is put
 * @return 0, or errno
 */
int files_replace(const char *path, const char *beside, const void *bytes,
                  size_t len, const char *must);

/** Rename, if `must` still exists, and sync the directory. @return 0, errno */
int files_rename(const char *from, const char *to, const char *must);

#endif
