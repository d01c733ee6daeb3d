/* SPDX-License-Identifier: Apache-2.0 */
/*
 * credential.h - what a request shows to say who it is from.
 *
 * Reads the Authorization and Cookie headers; checking what they hold is
 * auth.c's. Both carry secrets, so nothing here is ever logged. Pure.
 * Sources: RFC 6750 2.1 (bearer), RFC 6265 4.2 (cookies); `id|secret` is how
 * Laravel Sanctum hands out its tokens.
 */
#ifndef CHAT_CREDENTIAL_H
#define CHAT_CREDENTIAL_H

#include <apr_pools.h>

#define CHAT_BEARER_MAX 512 /* bytes of a token we look at */
#define CHAT_TOKEN_LEN 43   /* characters of 32 random bytes in base64url */

typedef enum {
    CHAT_BEARER_NONE, /* no header, or another scheme */
    CHAT_BEARER_OK,
    CHAT_BEARER_BAD /* says Bearer but holds no token */
} chat_bearer_result_t;

typedef struct {
    apr_int64_t id;     /* the part before `|`; 0 when there is none */
    const char *secret; /* the part behind it, terminated */
} chat_bearer_t;

/**
 * Read an Authorization header.
 * @param out     set on CHAT_BEARER_OK only; lives in p
 * @param header  may be NULL
 */
chat_bearer_result_t chat_bearer_parse(chat_bearer_t *out, const char *header,
                                       apr_pool_t *p);

/**
 * The value of a cookie of ours: CHAT_TOKEN_LEN characters of base64url.
 * A cookie of that name with another value is passed over, so that a stray one
 * set by a neighbour host does not hide the right one.
 * @param header  the Cookie header, may be NULL
 * @return from p, NULL when there is none
 */
const char *chat_cookie_token(const char *header, const char *name,
                              apr_pool_t *p);

#endif
