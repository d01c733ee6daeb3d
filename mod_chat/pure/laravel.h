/* SPDX-License-Identifier: Apache-2.0 */
/*
 * laravel.h - which session a Laravel application's cookie names.
 *
 * The cookie is base64 of {"iv","value","mac","tag"}. Under AES-256-CBC `mac` is
 * HMAC-SHA256 over iv and value as they stand there; under AES-256-GCM `tag`
 * does that. What is encrypted begins with HMAC-SHA1 of the cookie's name and
 * "v2", so that no other cookie's value passes for this one's, and a `|`; the
 * session's id follows. All of it with the application's APP_KEY.
 *
 * Pure: bytes, a key and a pool. Nothing of it may be logged.
 */
#ifndef CHAT_LARAVEL_H
#define CHAT_LARAVEL_H

#include <apr_pools.h>

#define CHAT_LARAVEL_KEY 32        /* bytes */
#define CHAT_LARAVEL_ID 40         /* characters of a session's id */
#define CHAT_LARAVEL_COOKIE 4096   /* most bytes of a cookie that is looked at */

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
                         const char *name,
                         const unsigned char key[CHAT_LARAVEL_KEY],
                         apr_pool_t *p);

#endif
