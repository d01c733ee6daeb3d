/* SPDX-License-Identifier: Apache-2.0 */
/*
 * secret.h - random tokens, digests, and comparing without telling.
 *
 * Everything that compares something secret in this project comes here, so that
 * "constant time" is one function. Safe from every thread.
 */
#ifndef CHAT_SECRET_H
#define CHAT_SECRET_H

#include <apr_pools.h>

#define CHAT_SHA256_HEX 65 /* 64 lower-case hex digits and the terminator */
#define CHAT_SHA256 32 /* bytes */
#define CHAT_MD5_HEX 33

/**
 * A token nobody can guess: `bytes` random bytes as base64url without padding.
 * @return allocated from p; NULL when the system gives no randomness
 */
char *chat_secret_token(apr_size_t bytes, apr_pool_t *p);

/** SHA-256 of `len` bytes as lower-case hex, terminated. */
void chat_sha256_hex(char out[CHAT_SHA256_HEX], const void *data,
                     apr_size_t len);

/** SHA-256 as bytes. @return 0 when this OpenSSL cannot */
int chat_sha256(unsigned char out[CHAT_SHA256], const void *data,
                apr_size_t len);

/** MD5 of `len` bytes as lower-case hex (only where a protocol says MD5). */
void chat_md5_hex(char out[CHAT_MD5_HEX], const void *data, apr_size_t len);

/**
 * Whether two byte strings are equal, in a time that depends on the lengths
 * only. Different lengths are different.
 */
int chat_secret_equal(const void *a, apr_size_t alen, const void *b,
                      apr_size_t blen);

#endif
