/* SPDX-License-Identifier: Apache-2.0 */
/*
 * keyring.h - the keys that wrap data keys, which are never in the database.
 *
 * Named by what a setting says:
 *
 *   file:/etc/mod_chat/keys   lines "ID BASE64": an id of 1 to 32 of
 *                             [A-Za-z0-9_-] and 32 bytes. The first line wraps,
 *                             all unwrap; # begins a comment. Nobody but its
 *                             owner and group may read it.
 *   command:/usr/local/sbin/x a program that has the keys, or asks who has. It
 * is run as `x wrap ABOUT` with 32 bytes as base64 on stdin and says the
 * wrapped key on stdout, one line of at most 1,024 printable characters; and as
 *                             `x unwrap ABOUT` the other way round. Exit status
 * 0, within ten seconds.
 *
 * ABOUT is what the key is for ("conversation 7"). A wrapped key of a file is
 * "ID:BASE64URL". Safe from every thread once it is open.
 */
#ifndef CHAT_KEYRING_H
#define CHAT_KEYRING_H

#include "seal.h"

#define CHAT_WRAPPED_MAX 1024 /* bytes of a wrapped key */

typedef struct chat_keyring_t chat_keyring_t;

/**
 * Read what the setting names; a file is read whole, a program only looked at.
 * @param why  a sentence, from p, when not APR_SUCCESS; never holds a key
 */
apr_status_t chat_keyring_open(chat_keyring_t **ring, const char *setting,
                               const char **why, apr_pool_t *p);

/** The lines of a file, as above. Pure. @param ring  from p, on success */
apr_status_t chat_keyring_parse(chat_keyring_t **ring, const char *text,
                                const char **why, apr_pool_t *p);

/** @return the wrapped key, from p; NULL: why says what kept it */
const char *chat_keyring_wrap(const chat_keyring_t *ring,
                              const unsigned char key[CHAT_SEAL_KEY],
                              const char *about, const char **why,
                              apr_pool_t *p);

/** @return whether key was set; else why says what kept it */
int chat_keyring_unwrap(const chat_keyring_t *ring,
                        unsigned char key[CHAT_SEAL_KEY], const char *wrapped,
                        const char *about, const char **why, apr_pool_t *p);

/** The bytes of a file's key, for what is signed rather than wrapped.
 * @param i   0 is the first line's
 * @param id  its id, set when there is one
 * @return NULL behind the last one, and of a program's ring */
const unsigned char *chat_keyring_key(const chat_keyring_t *ring, int i,
                                      const char **id);

/** Whether a wrapped key is one that the ring would wrap as it is now; always
 * for a program's. */
int chat_keyring_current(const chat_keyring_t *ring, const char *wrapped);

#endif
