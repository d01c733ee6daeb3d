/* SPDX-License-Identifier: Apache-2.0 */
/*
 * signature.h - the three things a Pusher app secret signs.
 *
 *   channel    HMAC-SHA256(secret, socket_id:channel[:channel_data])
 *   user       HMAC-SHA256(secret, socket_id::user::user_data)
 *   request    HMAC-SHA256(secret, METHOD\npath\nsorted query)
 *
 * all as lower-case hex; for channel and user the client sends `key:hex`.
 * Source: Pusher Channels documents, "Authentication signatures" and "HTTP API
 * reference, Authentication".
 *
 * A signer is a secret made ready once: fetching the HMAC per request costs five
 * times the signature. A signer belongs to one thread at a time (chat-push has
 * one per app and loop; mod_chat makes one per request, which is rare enough).
 */
#ifndef CHAT_SIGNATURE_H
#define CHAT_SIGNATURE_H

#include <apr_pools.h>
#include <apr_errno.h>

#define CHAT_SIGNATURE_HEX 65 /* 64 lower-case hex digits and the terminator */

typedef struct chat_signer_t chat_signer_t;

/** A piece of what is signed; pieces are signed one after the other. */
typedef struct {
    const void *data;
    apr_size_t len;
} chat_piece_t;

/**
 * Make a secret ready for signing.
 * @param signer  freed with the pool
 * @return APR_EGENERAL when OpenSSL cannot provide HMAC-SHA256
 */
apr_status_t chat_signer_create(chat_signer_t **signer, const char *secret,
                                apr_pool_t *p);

/** Sign the pieces as one message. Allocates nothing. */
void chat_sign(chat_signer_t *signer, char out[CHAT_SIGNATURE_HEX],
               const chat_piece_t *pieces, int n);

/**
 * Whether `hex` (`len` bytes) is the signature of the pieces; constant time.
 */
int chat_signed(chat_signer_t *signer, const char *hex, apr_size_t len,
                const chat_piece_t *pieces, int n);

/**
 * The `auth` a client needs for a channel: "key:hex".
 * @param channel_data  NULL unless a presence channel
 */
char *chat_sign_channel(chat_signer_t *signer, const char *key,
                        const char *socket_id, const char *channel,
                        const char *channel_data, apr_pool_t *p);

/** The `auth` for pusher:signin: "key:hex" over socket_id::user::user_data. */
char *chat_sign_user(chat_signer_t *signer, const char *key,
                     const char *socket_id, const char *user_data,
                     apr_pool_t *p);

/**
 * The whole query string of a signed HTTP API request, signature included.
 * @param method  upper case
 * @param path    as sent, without query
 * @param body    the body; its MD5 is part of the query when len > 0
 * @param now     seconds since 1970
 */
char *chat_sign_request(chat_signer_t *signer, const char *key,
                        const char *method, const char *path, const char *body,
                        apr_size_t len, apr_int64_t now, apr_pool_t *p);

/** Whether a string is a socket id as chat-push gives them: digits.digits */
int chat_socket_id_valid(const char *s, apr_size_t len);

#endif
