/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sniff.h - what libmagic takes the first bytes of a file for.
 *
 * One of its readers belongs to each child, behind a lock: it takes well under a
 * millisecond. It never unpacks anything and sees bytes only, no file.
 */
#ifndef CHAT_SNIFF_H
#define CHAT_SNIFF_H

#include <apr_errno.h>
#include <apr_pools.h>

/** Load the system's table. @param why  libmagic's words when it fails */
apr_status_t chat_magic_load(const char **why, apr_pool_t *p);

/** The media type of the bytes, from p; "" when nobody knows. Any thread. */
const char *chat_magic_of(const void *bytes, apr_size_t len, apr_pool_t *p);

#endif
