/* SPDX-License-Identifier: Apache-2.0 */
/*
 * etag.h - a strong validator of an answer's bytes (RFC 9110, section 8.8.3).
 *
 * Nobody shall be able to write a message with which a page has the name that it
 * had before: whoever asks with If-None-Match would not see it. So the name is a keyed
 * hash, made as GMAC is (NIST SP 800-38D) and hidden by SipHash under a second key,
 * since GMAC with one nonce for all gives its key away. For 8 kB that takes a
 * quarter of the time of SipHash or SHA-256 alone. Pure functions, any thread.
 */
#ifndef CHAT_ETAG_H
#define CHAT_ETAG_H

#include <apr.h>

#define CHAT_ETAG 40 /* bytes of a validator in its quotes, its NUL included */

typedef struct {
    unsigned char block[16]; /* of AES */
    unsigned char last[16];  /* of SipHash */
} chat_etag_key_t;

/**
 * @param secret  what all servers that give the same answers have in common; NULL and
 *                empty are allowed, then the key is known to everybody
 */
void chat_etag_key(chat_etag_key_t *key, const char *secret);

/** The validator of these bytes, in quotes: as many bytes and no other ones have
 * it. */
void chat_etag(char out[CHAT_ETAG], const chat_etag_key_t *key,
               const char *bytes, apr_size_t len);

#endif
