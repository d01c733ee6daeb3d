/* SPDX-License-Identifier: Apache-2.0 */
/*
 * identity.h - whose socket it is, and from which log-in they have it.
 *
 * A log-in is a browser's session, ours or a Laravel application's, a bearer
 * token, or a user whom Apache itself
 * has authenticated. It has an opaque name, so that the sockets that came by it
 * can be found when it ends: a letter for its kind and, of a session or token,
 * half of the digest under which the database keeps it (128 bits: no two have
 * the same, and it opens nothing); of a user of Apache's, the user's id. SQL
 * triggers make the same names (schema.*.sql, chat_session_ended).
 *
 * Pure: no sockets, no allocation.
 */
#ifndef CHAT_IDENTITY_H
#define CHAT_IDENTITY_H

#include <apr.h>

#define CHAT_IDENTITY_USER 64    /* most bytes of a user's id */
#define CHAT_IDENTITY_SESSION 65 /* most bytes of a log-in's name */

typedef enum {
    CHAT_SESSION_COOKIE = 's',
    CHAT_SESSION_TOKEN = 't',
    CHAT_SESSION_APACHE = 'u',
    CHAT_SESSION_LARAVEL = 'l' /* a session of a Laravel application */
} chat_session_kind_t;

typedef struct {
    char user[CHAT_IDENTITY_USER + 1];       /* "": nobody */
    char session[CHAT_IDENTITY_SESSION + 1]; /* the log-in; "": none is known */
    apr_int64_t until; /* Unix seconds when the log-in ends by itself; 0: it
                          does not */
} chat_identity_t;

/**
 * Name a log-in.
 * @param of  the digest of cookie or token in hex, or Apache's user's id
 * @return 0 when `of` is neither; out is "" then
 */
int chat_identity_session(char out[CHAT_IDENTITY_SESSION + 1],
                          chat_session_kind_t kind, const char *of);

/** Whether a text is the name of a log-in. */
int chat_identity_session_valid(const char *text, apr_size_t len);

#endif
