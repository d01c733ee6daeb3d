/* SPDX-License-Identifier: Apache-2.0 */
/*
 * laravel.h - which session a Laravel application's cookie names, and which token
 * its pages have to show.
 *
 * The cookie is base64 of {"iv","value","mac","tag"}. Under AES-256-CBC `mac` is
 * HMAC-SHA256 over iv and value as they stand there; under AES-256-GCM `tag`
 * does that. What is encrypted begins with HMAC-SHA1 of the cookie's name and
 * "v2", so that no other cookie's value passes for this one's, and a `|`; the
 * session's id follows. All of it with the application's APP_KEY, or one that it
 * had before (APP_PREVIOUS_KEYS).
 *
 * The session's row holds base64 of its data: an array as serialize() writes it
 * (php.h), or JSON. With SESSION_ENCRYPT that is encrypted as a cookie is, as a
 * serialized text. `_token` in it is what the application's forms show as they
 * are, and axios in the header X-XSRF-TOKEN: the value of the cookie XSRF-TOKEN.
 *
 * Pure: bytes, a key and a pool. Nothing of it may be logged.
 */
#ifndef CHAT_LARAVEL_H
#define CHAT_LARAVEL_H

#include <apr_pools.h>

#define CHAT_LARAVEL_KEY 32        /* bytes */
#define CHAT_LARAVEL_ID 40         /* characters of a session's id */
#define CHAT_LARAVEL_COOKIE 4096   /* most bytes of a cookie that is looked at */
#define CHAT_LARAVEL_PAYLOAD 262144 /* most bytes of a session likewise */
#define CHAT_LARAVEL_KEYS 8

/* The application's keys; what one of them has made is believed. */
typedef struct {
    int n; /* 1 or more, the present one first */
    unsigned char key[CHAT_LARAVEL_KEYS][CHAT_LARAVEL_KEY];
} chat_laravel_keys_t;

/**
 * Read an APP_KEY: `base64:` and 32 bytes.
 * @param text  a line break at its end is passed over
 * @return 0 when it is none
 */
int chat_laravel_key(unsigned char key[CHAT_LARAVEL_KEY], const char *text,
                     apr_pool_t *p);

/**
 * The session of a Cookie header.
 * @param id      terminated, set when 1 is returned
 * @param header  may be NULL
 * @param name    of the cookie
 */
int chat_laravel_session(char id[CHAT_LARAVEL_ID + 1], const char *header,
                         const char *name, const chat_laravel_keys_t *keys,
                         apr_pool_t *p);

/**
 * The token of a session's data.
 * @param payload  as it stands in the table, terminated
 * @return from p, NULL: there is none that could be read
 */
const char *chat_laravel_token(const char *payload,
                               const chat_laravel_keys_t *keys, apr_pool_t *p);

/**
 * The token that a header X-XSRF-TOKEN shows.
 * @param header  may be NULL
 * @return from p, NULL: none, or not made by the application
 */
const char *chat_laravel_xsrf(const char *header,
                              const chat_laravel_keys_t *keys, apr_pool_t *p);

#endif
