/* SPDX-License-Identifier: Apache-2.0 */
/* auth.c - who is asking; see auth.h. */
#include "auth.h"

#include <string.h>
#include <apr_strings.h>

#include "chat_module.h"
#include "credential.h"
#include "csrf.h"
#include "secret.h"

APLOG_USE_MODULE(chat);

#define TOUCH_SECONDS 60 /* how stale last_seen_at may be */

/* The columns of the who_… statements. */
enum {
    COL_ID,
    COL_NAME,
    COL_EMAIL,
    COL_ROLE,
    COL_JSON,
    COL_ME_JSON,
    COL_DIGEST,
    COL_CSRF,
    COL_IDLE,
    COL_CONVERSATION
};

/* The columns of conversation_of, and of who_… from COL_CONVERSATION on. */
enum { CONV_ID, CONV_JSON, CONV_TOTAL, CONV_MEMBER };

chat_db_value_t chat_auth_id(const char *id)
{
    apr_int64_t n;

    return chat_form_number(&n, id) ? chat_db_int(n) : chat_db_text(id);
}

static int is_staff(const chat_server_t *conf, const char *role)
{
    for (int i = 0; i < conf->staff_roles->nelts; i++) {
        if (strcmp(APR_ARRAY_IDX(conf->staff_roles, i, const char *), role) ==
            0) {
            return 1;
        }
    }
    return 0;
}

static const chat_user_t *user_of(const chat_request_t *q,
                                  const chat_db_result_t *res, chat_via_t via)
{
    chat_user_t *user = apr_pcalloc(q->r->pool, sizeof(*user));
    const char *name = chat_db_get(res, 0, COL_NAME);
    const char *role = chat_db_get(res, 0, COL_ROLE);

    user->id = chat_db_get(res, 0, COL_ID);
    user->name = name != NULL ? name : "";
    user->email = chat_db_get(res, 0, COL_EMAIL);
    user->role = role != NULL ? role : "";
    user->json = chat_db_get(res, 0, COL_JSON);
    user->me_json = chat_db_get(res, 0, COL_ME_JSON);
    user->staff = is_staff(q->conf, user->role);
    user->via = via;
    user->digest = chat_db_get(res, 0, COL_DIGEST);
    user->csrf = via == CHAT_VIA_APACHE
                     ? chat_csrf_derived(q->conf, user->id, q->r->pool)
                     : chat_db_get(res, 0, COL_CSRF);
    return user;
}

/* The conversation in the columns from `col` on, when the user may have it. The
 * id must come back letter for letter: a database may take "007" for 7, but
 * events go to the channel named 7. */
static const chat_conversation_t *conversation_of(const chat_request_t *q,
                                                  const chat_user_t *user,
                                                  const chat_db_result_t *res,
                                                  int col, const char *id)
{
    const char *found = chat_db_get(res, 0, col + CONV_ID);
    apr_int64_t member = chat_db_get_int(res, 0, col + CONV_MEMBER, 0);
    chat_conversation_t *conv;

    if (found == NULL || strcmp(found, id) != 0 || (!member && !user->staff)) {
        return NULL;
    }
    conv = apr_pcalloc(q->r->pool, sizeof(*conv));
    conv->id = found;
    conv->id_json = chat_db_get(res, 0, col + CONV_JSON);
    conv->total = chat_db_get_int(res, 0, col + CONV_TOTAL, 0);
    conv->member = member != 0;
    return conv;
}

/* Note that a session or token is in use. Not worth failing a request for. */
static void touch(const chat_request_t *q, const chat_db_result_t *res,
                  chat_via_t via)
{
    chat_db_value_t digest = chat_db_text(chat_db_get(res, 0, COL_DIGEST));
    apr_status_t rv = APR_SUCCESS;

    if (chat_db_get_int(res, 0, COL_IDLE, TOUCH_SECONDS) < TOUCH_SECONDS) {
        return;
    }
    if (via == CHAT_VIA_SESSION) {
        rv = chat_db_query(NULL, q->conf->db, "session_touch", &digest, 1,
                           q->r->pool);
    }
    else if (via == CHAT_VIA_BEARER) {
        rv = chat_db_query(NULL, q->conf->db, "token_touch", &digest, 1,
                           q->r->pool);
    }
    if (rv != APR_SUCCESS) {
        ap_log_rerror(APLOG_MARK, APLOG_INFO, 0, q->r,
                      "noting the last use of a log-in: %s",
                      chat_db_strerror(rv));
    }
}

/* The statement of each way; the third value only who_bearer takes.
 * @param id  of a conversation, "" for none */
static apr_status_t ask(chat_db_result_t **res, const chat_request_t *q,
                        chat_via_t via, const char *id, const char *shown,
                        apr_int64_t token_id)
{
    chat_db_value_t args[3] = { chat_db_text(shown),
                                id[0] != '\0' ? chat_auth_id(id)
                                              : chat_db_null(),
                                chat_db_int(token_id) };

    switch (via) {
    case CHAT_VIA_APACHE:
        return chat_db_query(res, q->conf->db, "who_name", args, 2, q->r->pool);
    case CHAT_VIA_BEARER:
        return chat_db_query(res, q->conf->db, "who_bearer", args, 3,
                             q->r->pool);
    case CHAT_VIA_SESSION:
        return chat_db_query(res, q->conf->db, "who_session", args, 2,
                             q->r->pool);
    }
    return APR_EGENERAL;
}

/* Look up what was shown (a name, or the digest of a secret). */
static apr_status_t look_up(chat_request_t *q, chat_via_t via,
                            const char *shown, apr_int64_t token_id)
{
    chat_db_result_t *res;
    const char *digest;
    apr_status_t rv;

    rv = ask(&res, q, via, q->id, shown, token_id);
    if (rv == CHAT_DB_EINPUT && q->id[0] != '\0') {
        /* Perhaps an id that cannot exist here, as letters where ids are
         * numbers: that is for members and strangers alike no conversation. */
        rv = ask(&res, q, via, "", shown, token_id);
    }
    if (rv == CHAT_DB_EINPUT) {
        return APR_SUCCESS; /* a name that cannot exist here */
    }
    if (rv != APR_SUCCESS || chat_db_rows(res) != 1) {
        return rv;
    }
    digest = chat_db_get(res, 0, COL_DIGEST);
    if (via != CHAT_VIA_APACHE &&
        (digest == NULL ||
         !chat_secret_equal(digest, strlen(digest), shown, strlen(shown)))) {
        return APR_SUCCESS;
    }
    touch(q, res, via);
    q->user = user_of(q, res, via);
    if (q->id[0] != '\0') {
        q->conversation = conversation_of(q, q->user, res, COL_CONVERSATION,
                                          q->id);
    }
    return APR_SUCCESS;
}

static apr_status_t look_up_secret(chat_request_t *q, chat_via_t via,
                                   const char *secret, apr_int64_t token_id)
{
    char digest[CHAT_SHA256_HEX];

    chat_sha256_hex(digest, secret, strlen(secret));
    return look_up(q, via, digest, token_id);
}

apr_status_t chat_auth(chat_request_t *q)
{
    request_rec *r = q->r;
    chat_bearer_t bearer;
    const char *cookie;
    apr_status_t rv;

    if (r->user != NULL) {
        rv = look_up(q, CHAT_VIA_APACHE, r->user, 0);
        q->stranger = rv == APR_SUCCESS && q->user == NULL ? r->user : NULL;
        return rv;
    }
    switch (chat_bearer_parse(
        &bearer, apr_table_get(r->headers_in, "Authorization"), r->pool)) {
    case CHAT_BEARER_OK:
        return look_up_secret(q, CHAT_VIA_BEARER, bearer.secret, bearer.id);
    case CHAT_BEARER_BAD:
        return APR_SUCCESS;
    case CHAT_BEARER_NONE:
        break;
    }
    cookie = chat_cookie_token(apr_table_get(r->headers_in, "Cookie"),
                               CHAT_COOKIE, r->pool);
    if (cookie == NULL) {
        return APR_SUCCESS;
    }
    return look_up_secret(q, CHAT_VIA_SESSION, cookie, 0);
}

apr_status_t chat_auth_conversation(const chat_conversation_t **conv,
                                    const chat_request_t *q, const char *id)
{
    chat_db_value_t args[2] = { chat_auth_id(q->user->id), chat_auth_id(id) };
    chat_db_result_t *res;
    apr_status_t rv;

    *conv = NULL;
    rv = chat_db_query(&res, q->conf->db, "conversation_of", args, 2,
                       q->r->pool);
    if (rv == CHAT_DB_EINPUT) {
        return APR_SUCCESS;
    }
    if (rv == APR_SUCCESS && chat_db_rows(res) == 1) {
        *conv = conversation_of(q, q->user, res, 0, id);
    }
    return rv;
}
