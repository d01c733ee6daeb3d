/* SPDX-License-Identifier: Apache-2.0 */
/*
 * password.h - checking passwords and making their hashes.
 *
 * Both cost a tenth of a second and more, on purpose, and argon2 tens of
 * megabytes. So a child does at most ChatPasswordAtOnce of them at a time, a hash
 * that wants more memory than ChatPasswordMemory is not checked at all, and
 * nobody calls this while holding a database connection.
 *
 * Checked are bcrypt, argon2i and argon2id as PHP's password_hash() writes
 * them, and what else crypt(3) knows. bcrypt looks at 72 bytes of a password.
 */
#ifndef CHAT_PASSWORD_H
#define CHAT_PASSWORD_H

#include <apr_errno.h>

#include "request.h"

/**
 * Whether a password is the one of a hash.
 * @param right  0 also when the hash is none that can be checked here, which is
 *               logged
 * @return APR_TIMEUP when too many others were at it for too long
 */
apr_status_t chat_password_check(int *right, const chat_request_t *q,
                                 const char *password, const char *hash);

/**
 * Hash a new password as ChatPasswordHash says.
 * @param hash  from r->pool
 */
apr_status_t chat_password_make(const char **hash, const chat_request_t *q,
                                const char *password);

/**
 * A hash no password has, that takes as long to check as a real one.
 * @param like  a hash of this site's, NULL: there is none
 */
const char *chat_password_decoy(const char *like, apr_pool_t *p);

#endif
