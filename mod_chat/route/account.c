/* SPDX-License-Identifier: Apache-2.0 */
/*
 * account.c - one's own password, sessions and tokens.
 *
 * A session is known outside by half of its digest, which opens nothing; whose
 * it is stands in every statement, so that another's is no more there than one
 * that never was. What ends here ends in the database, whose triggers tell
 * chat-push: sockets of it are closed within a second.
 */
#include "handlers.h"

#include <string.h>
#include <apr_lib.h>
#include <apr_strings.h>

#include "auth.h"
#include "limiter.h"
#include "password.h"
#include "reply.h"
#include "utf8.h"
#include "wakeup.h"

#define PASSWORD_MIN 8 /* characters */
#define PASSWORD_MAX 1024
#define BCRYPT_MAX 72 /* bytes; bcrypt does not look at more */

/* The digest of the caller's own session or token, "" when Apache knows them. */
static const char *own_digest(const chat_request_t *q)
{
    return q->user->digest != NULL ? q->user->digest : "";
}

/* {"name": […]}: the first column of the rows is JSON. */
static int reply_list(chat_request_t *q, const char *name,
                      const chat_db_result_t *res)
{
    apr_pool_t *p = q->r->pool;
    int n = chat_db_rows(res);
    apr_array_header_t *items = apr_array_make(p, n, sizeof(const char *));

    for (int i = 0; i < n; i++) {
        APR_ARRAY_PUSH(items, const char *) = chat_db_get(res, i, 0);
    }
    return chat_reply_list(q,
                           apr_pstrcat(p, "{\"", name, "\":[",
                                       apr_array_pstrcat(p, items, ','), "]}",
                                       NULL));
}

/* What the end of log-ins is answered with. @param n  how many there were */
static int reply_ended(chat_request_t *q, int n)
{
    chat_wakeup_send(q->conf->wakeup);
    return chat_reply(q, HTTP_OK,
                      apr_psprintf(q->r->pool,
                                   "{\"status\":\"ended\",\"ended\":%d}", n));
}

/* --- sessions ------------------------------------------------------------- */

/* GET /chat/sessions - the browsers I am logged in with. */
int chat_session_list(chat_request_t *q)
{
    chat_db_value_t args[] = { chat_auth_id(q->user->id),
                               chat_db_text(own_digest(q)) };
    chat_db_result_t *res;
    apr_status_t rv = chat_db_query(&res, q->conf->db, "session_list", args, 2,
                                    q->r->pool);

    return rv == APR_SUCCESS ? reply_list(q, "sessions", res)
                             : chat_reply_failed(q, rv, "listing sessions");
}

/* DELETE /chat/sessions/{id} - log one of them out. */
int chat_session_end(chat_request_t *q)
{
    chat_db_value_t args[] = { chat_auth_id(q->user->id),
                               chat_db_text(q->item) };
    chat_db_result_t *res;
    apr_status_t rv = chat_db_query(&res, q->conf->db, "session_end", args, 2,
                                    q->r->pool);

    if (rv != APR_SUCCESS) {
        return chat_reply_failed(q, rv, "ending a session");
    }
    return chat_db_rows(res) > 0
               ? reply_ended(q, 1)
               : chat_reply_error(q, HTTP_NOT_FOUND, "no such session");
}

/* DELETE /chat/sessions - log out everywhere else. */
int chat_session_end_others(chat_request_t *q)
{
    chat_db_value_t args[] = { chat_auth_id(q->user->id),
                               chat_db_text(own_digest(q)) };
    chat_db_result_t *res;
    apr_status_t rv = chat_db_query(&res, q->conf->db, "session_end_others",
                                    args, 2, q->r->pool);

    return rv == APR_SUCCESS ? reply_ended(q, chat_db_rows(res))
                             : chat_reply_failed(q, rv, "ending sessions");
}

/* --- tokens --------------------------------------------------------------- */

/* GET /chat/tokens - the phones and programs I have given a token. */
int chat_token_list(chat_request_t *q)
{
    chat_db_value_t args[] = { chat_auth_id(q->user->id),
                               chat_db_text(own_digest(q)) };
    chat_db_result_t *res;
    apr_status_t rv = chat_db_query(&res, q->conf->db, "token_list", args, 2,
                                    q->r->pool);

    return rv == APR_SUCCESS ? reply_list(q, "tokens", res)
                             : chat_reply_failed(q, rv, "listing tokens");
}

/* DELETE /chat/tokens/{id} - take one of them back. */
int chat_token_end(chat_request_t *q)
{
    chat_db_value_t args[] = { chat_auth_id(q->user->id),
                               chat_auth_id(q->item) };
    chat_db_result_t *res;
    apr_status_t rv = chat_db_query(&res, q->conf->db, "token_end", args, 2,
                                    q->r->pool);

    if (rv != APR_SUCCESS && rv != CHAT_DB_EINPUT) {
        return chat_reply_failed(q, rv, "taking a token back");
    }
    return rv == APR_SUCCESS && chat_db_rows(res) > 0
               ? reply_ended(q, 1)
               : chat_reply_error(q, HTTP_NOT_FOUND, "no such token");
}

/* DELETE /chat/tokens - take all back but the one that asks. */
int chat_token_end_others(chat_request_t *q)
{
    chat_db_value_t args[] = { chat_auth_id(q->user->id),
                               chat_db_text(own_digest(q)) };
    chat_db_result_t *res;
    apr_status_t rv = chat_db_query(&res, q->conf->db, "token_end_others", args,
                                    2, q->r->pool);

    return rv == APR_SUCCESS ? reply_ended(q, chat_db_rows(res))
                             : chat_reply_failed(q, rv, "taking tokens back");
}

/* --- the password --------------------------------------------------------- */

/* The two passwords. @return the field that is wrong, with *why, or NULL */
static const char *passwords_read(const char **old, const char **new,
                                  const chat_request_t *q, const char **why)
{
    const char *again;

    *why = "is required";
    if (chat_fields_text(&q->body, "current_password", old) != CHAT_JSON_OK) {
        return "current_password";
    }
    if (chat_fields_text(&q->body, "password", new) != CHAT_JSON_OK) {
        return "password";
    }
    *why = "is too long";
    if (strlen(*old) > PASSWORD_MAX) {
        return "current_password";
    }
    if (strlen(*new) > PASSWORD_MAX) {
        return "password";
    }
    *why = "must be at most 72 bytes, of which letters like \xc3\xa9 take two "
           "and more";
    if (!q->conf->password.argon2 && strlen(*new) > BCRYPT_MAX) {
        return "password";
    }
    *why = "must be at least 8 characters";
    if (chat_utf8_count(*new, strlen(*new)) < PASSWORD_MIN) {
        return "password";
    }
    *why = "does not match";
    switch (chat_fields_text(&q->body, "password_confirmation", &again)) {
    case CHAT_JSON_MISSING:
        return NULL;
    case CHAT_JSON_OK:
        return strcmp(again, *new) == 0 ? NULL : "password_confirmation";
    case CHAT_JSON_TYPE:
        break;
    }
    return "password_confirmation";
}

/* Who has somebody's session may guess no more than who has none: these count
 * with failed log-ins, of the same account. */
static const char *account_key(const chat_request_t *q)
{
    const char *of = q->user->email != NULL ? q->user->email : q->user->id;
    char *key = apr_pstrdup(q->r->pool, of);

    for (char *c = key; *c != '\0'; c++) {
        *c = (char)apr_tolower(*c);
    }
    return key;
}

/* Whether the old password is right. @param hash  of it, as it is stored */
static apr_status_t old_right(int *right, const char **hash,
                              const chat_request_t *q, const char *old)
{
    chat_db_value_t id = chat_auth_id(q->user->id);
    chat_db_result_t *res;
    apr_status_t rv = chat_db_query(&res, q->conf->db, "password_of", &id, 1,
                                    q->r->pool);

    *right = 0;
    *hash = rv == APR_SUCCESS ? chat_db_get(res, 0, 0) : NULL;
    return rv == APR_SUCCESS && *hash != NULL
               ? chat_password_check(right, q, old, *hash)
               : rv;
}

static apr_status_t password_store(int *done, const chat_request_t *q,
                                   const char *old_hash, const char *new)
{
    const char *hash;
    chat_db_value_t args[4];
    chat_db_result_t *res;
    apr_status_t rv = chat_password_make(&hash, q, new);

    if (rv != APR_SUCCESS) {
        return rv;
    }
    args[0] = chat_auth_id(q->user->id);
    args[1] = chat_db_text(hash);
    args[2] = chat_db_text(old_hash);
    args[3] = chat_db_text(own_digest(q));
    rv = chat_db_query(&res, q->conf->db, "password_set", args, 4, q->r->pool);
    *done = rv == APR_SUCCESS && chat_db_rows(res) > 0;
    return rv;
}

/* POST /chat/password - current_password and password; all other log-ins end. */
int chat_password(chat_request_t *q)
{
    const char *old, *new, *field, *why, *hash, *account = account_key(q);
    const char *address = chat_limiter_address(q->r);
    int right = 0, done = 0;
    apr_uint32_t wait;
    apr_status_t rv;

    field = passwords_read(&old, &new, q, &why);
    if (field != NULL) {
        return chat_reply_invalid(q, field, why);
    }
    wait = chat_limiter_take(q->conf, CHAT_LIMIT_ACCOUNT, account, q->r->pool);
    if (wait == 0) {
        wait = chat_limiter_take(q->conf, CHAT_LIMIT_ADDRESS, address,
                                 q->r->pool);
        if (wait > 0) {
            chat_limiter_give(q->conf, CHAT_LIMIT_ACCOUNT, account, q->r->pool);
        }
    }
    chat_limiter_say(q->r, q->conf, CHAT_LIMIT_ACCOUNT, account);
    chat_limiter_say(q->r, q->conf, CHAT_LIMIT_ADDRESS, address);
    if (wait > 0) {
        return chat_reply_limited(q, wait, "too many passwords were wrong");
    }
    rv = old_right(&right, &hash, q, old);
    if (rv == APR_SUCCESS && !right) {
        return chat_reply_invalid(q, "current_password", "is not right");
    }
    chat_limiter_give(q->conf, CHAT_LIMIT_ACCOUNT, account, q->r->pool);
    chat_limiter_give(q->conf, CHAT_LIMIT_ADDRESS, address, q->r->pool);
    if (rv == APR_SUCCESS) {
        rv = password_store(&done, q, hash, new);
    }
    if (rv != APR_SUCCESS) {
        return chat_reply_failed(q, rv, "changing a password");
    }
    if (!done) {
        return chat_reply_error(q, HTTP_CONFLICT,
                                "the password has just been changed elsewhere");
    }
    chat_wakeup_send(q->conf->wakeup);
    return chat_reply(q, HTTP_OK, "{\"status\":\"password_changed\"}");
}
