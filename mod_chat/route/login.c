/* SPDX-License-Identifier: Apache-2.0 */
/*
 * login.c - logging in and out, tokens for phones, and who am I.
 *
 * Checking a password takes a tenth of a second or more (password.h), so no database connection is held meanwhile, and a wrong
 * address takes as long as a wrong password (a decoy hash of the same cost), so
 * that nobody can ask which addresses have an account. Failures are counted per
 * address and per account before the password is looked at; a success takes its
 * own count back.
 *
 * A log-in always makes a new session and ends the one whose cookie came along,
 * so a cookie planted beforehand is worth nothing.
 */
#include "handlers.h"

#include <string.h>
#include <apr_lib.h>
#include <apr_strings.h>
#include <http_protocol.h>

#include "ability.h"
#include "auth.h"
#include "channel.h"
#include "chat_module.h"
#include "content.h"
#include "credential.h"
#include "csrf.h"
#include "idle.h"
#include "instant.h"
#include "json.h"
#include "limiter.h"
#include "page.h"
#include "password.h"
#include "path.h"
#include "reply.h"
#include "secret.h"
#include "utf8.h"
#include "wakeup.h"

APLOG_USE_MODULE(chat);

#define HOME "/chat"
#define LOGIN "/chat/login"
#define CONVERSATION "/chat/conversation/"

#define TOKEN_BYTES 32 /* CHAT_TOKEN_LEN characters of base64url */
#define EMAIL_MAX 254  /* bytes, RFC 5321 */
#define PASSWORD_MAX 1024
#define DEVICE_MAX 255
#define ABILITIES_MOST 20
#define AGENT_MAX 255 /* bytes of User-Agent that are kept */

/* The columns of login_user. */
enum { COL_ID, COL_HASH, COL_ME_JSON, COL_LIKE, COL_ROLE };

/* Somebody whose password was right. */
typedef struct {
    const char *id;
    const char *me_json; /* {"id","name","email","role"} */
    const char *role;
    const char *hash; /* of the password, as it was stored then */
} known_t;

/* Why not; rendered as JSON or into the page. */
typedef struct {
    int status;
    const char *field; /* 422: the field that is wrong */
    const char *why;   /* a sentence */
    apr_uint32_t wait; /* 429: milliseconds */
} refusal_t;

static void refuse(refusal_t *no, int status, const char *field,
                   const char *why)
{
    no->status = status;
    no->field = field;
    no->why = why;
    no->wait = 0;
}

/* What was typed into the form.
 * @return 0 with `no` filled when it cannot be a log-in */
static int read_form(const char **email, const char **password,
                     const chat_request_t *q, refusal_t *no)
{
    if (chat_fields_text(&q->body, "email", email) != CHAT_JSON_OK ||
        chat_content_clean(email, *email, q->r->pool) != CHAT_CONTENT_OK) {
        *email = "";
        refuse(no, HTTP_UNPROCESSABLE_ENTITY, "email",
               "The email field is required.");
        return 0;
    }
    if (strlen(*email) > EMAIL_MAX) {
        refuse(no, HTTP_UNPROCESSABLE_ENTITY, "email",
               "The email field is too long.");
        return 0;
    }
    if (chat_fields_text(&q->body, "password", password) != CHAT_JSON_OK) {
        refuse(no, HTTP_UNPROCESSABLE_ENTITY, "password",
               "The password field is required.");
        return 0;
    }
    if (strlen(*password) > PASSWORD_MAX) {
        refuse(no, HTTP_UNPROCESSABLE_ENTITY, "password",
               "The password field is too long.");
        return 0;
    }
    return 1;
}

/* The key under which an account's failures are counted: case does not matter
 * to the database either. */
static const char *account_key(const char *email, apr_pool_t *p)
{
    char *key = apr_pstrdup(p, email);

    for (char *c = key; *c != '\0'; c++) {
        *c = (char)apr_tolower(*c);
    }
    return key;
}

/* Count the attempt against the address and the account.
 * @return 0 with `no` filled when one of them has had enough */
static int count_attempt(const chat_request_t *q, const char *account,
                         refusal_t *no)
{
    request_rec *r = q->r;
    const char *address = chat_limiter_address(r);
    apr_uint32_t wait;

    wait = chat_limiter_take(q->conf, CHAT_LIMIT_ADDRESS, address, r->pool);
    if (wait == 0) {
        wait = chat_limiter_take(q->conf, CHAT_LIMIT_ACCOUNT, account, r->pool);
        if (wait > 0) {
            chat_limiter_give(q->conf, CHAT_LIMIT_ADDRESS, address, r->pool);
        }
    }
    chat_limiter_say(r, q->conf, CHAT_LIMIT_ADDRESS, address);
    chat_limiter_say(r, q->conf, CHAT_LIMIT_ACCOUNT, account);
    if (wait == 0) {
        return 1;
    }
    ap_log_rerror(APLOG_MARK, APLOG_INFO, 0, r, "too many failed log-ins");
    refuse(no, HTTP_TOO_MANY_REQUESTS, NULL,
           "Too many log-ins have failed. Please try again later.");
    no->wait = wait;
    return 0;
}

static void uncount_attempt(const chat_request_t *q, const char *account)
{
    chat_limiter_give(q->conf, CHAT_LIMIT_ADDRESS, chat_limiter_address(q->r),
                      q->r->pool);
    chat_limiter_give(q->conf, CHAT_LIMIT_ACCOUNT, account, q->r->pool);
}

/*
 * Whose e-mail address and password these are.
 * @param known  set when 1 is returned
 * @param no     why not, when 0 is returned and *rv is APR_SUCCESS
 * @param email  as typed, for the page
 */
static int identify(known_t *known, refusal_t *no, const char **email,
                    apr_status_t *rv, chat_request_t *q)
{
    const char *password, *account, *hash;
    chat_db_result_t *res;
    chat_db_value_t arg;
    int exists, right;

    *rv = APR_SUCCESS;
    *email = "";
    if (!read_form(email, &password, q, no)) {
        return 0;
    }
    account = account_key(*email, q->r->pool);
    if (!count_attempt(q, account, no)) {
        return 0;
    }
    arg = chat_db_text(*email);
    *rv = chat_db_query(&res, q->conf->db, "login_user", &arg, 1, q->r->pool);
    if (*rv != APR_SUCCESS) {
        uncount_attempt(q, account);
        return 0;
    }
    hash = chat_db_get(res, 0, COL_HASH);
    q->login_id = chat_db_get(res, 0, COL_ID);
    exists = hash != NULL;
    if (!exists) {
        hash = chat_password_decoy(chat_db_get(res, 0, COL_LIKE), q->r->pool);
    }
    *rv = chat_password_check(&right, q, password, hash);
    if (*rv != APR_SUCCESS) {
        uncount_attempt(q, account);
        return 0;
    }
    if (!right || !exists) {
        ap_log_rerror(APLOG_MARK, APLOG_INFO, 0, q->r, "a log-in failed");
        refuse(no, HTTP_UNPROCESSABLE_ENTITY, "email",
               "These credentials do not match our records.");
        return 0;
    }
    uncount_attempt(q, account);
    known->id = chat_db_get(res, 0, COL_ID);
    known->me_json = chat_db_get(res, 0, COL_ME_JSON);
    known->role = chat_db_get(res, 0, COL_ROLE);
    known->hash = hash;
    return 1;
}

/* The conversation that was asked for before the log-in: an id and never an address,
 * so that no link to the form leads anywhere else. @return "" when there is none */
static const char *asked_for(const chat_request_t *q)
{
    char id[CHAT_ID_SIZE], item[CHAT_ID_SIZE];
    const char *text = chat_form_given(&q->query, "conversation");
    apr_pool_t *p = q->r->pool;

    if (text == NULL &&
        chat_fields_text(&q->body, "conversation", &text) != CHAT_JSON_OK) {
        return "";
    }
    return chat_path_match(CONVERSATION "{id}",
                           apr_pstrcat(p, CONVERSATION, text, NULL), id, item)
               ? apr_pstrdup(p, id)
               : "";
}

/* Where a browser goes that is logged in. */
static int send_home(chat_request_t *q)
{
    const char *id = asked_for(q);

    return chat_reply_redirect(
        q, *id == '\0' ? HOME
                       : apr_pstrcat(q->r->pool, CONVERSATION, id, NULL));
}

int chat_login_ask(chat_request_t *q)
{
    char id[CHAT_ID_SIZE], item[CHAT_ID_SIZE];

    return chat_reply_redirect(
        q, chat_path_match(CONVERSATION "{id}", q->path, id, item)
               ? apr_pstrcat(q->r->pool, LOGIN "?conversation=", id, NULL)
               : LOGIN);
}

/* A refusal as JSON, or as the form with the reason above it. */
static int send_refusal(chat_request_t *q, const refusal_t *no,
                        const char *email)
{
    if (!q->html) {
        return no->status == HTTP_TOO_MANY_REQUESTS
                   ? chat_reply_limited(q, no->wait, no->why)
               : no->field != NULL ? chat_reply_field(q, no->field, no->why)
                                   : chat_reply_error(q, no->status, no->why);
    }
    if (no->status == HTTP_TOO_MANY_REQUESTS) {
        chat_reply_retry_after(q->r, no->wait);
    }
    return chat_page_login(q, no->status, no->why, email, asked_for(q));
}

/* The password has become another one while it was looked at, or the account was
 * closed. */
static int reply_outdated(chat_request_t *q, const char *email)
{
    refusal_t no;

    refuse(&no, HTTP_UNPROCESSABLE_ENTITY, "email",
           "These credentials do not match our records.");
    return send_refusal(q, &no, email);
}

/* Secure whenever the browser came over TLS, so that the cookie never travels
 * in the clear. */
static void set_cookie(const chat_request_t *q, const char *value,
                       apr_interval_time_t lifetime)
{
    request_rec *r = q->r;
    const char *prefix = q->conf->prefix;

    apr_table_addn(
        r->err_headers_out, "Set-Cookie",
        apr_psprintf(
            r->pool,
            CHAT_COOKIE "=%s; Path=%s; Max-Age=%" APR_TIME_T_FMT
                        "; HttpOnly; SameSite=Lax%s",
            value, *prefix != '\0' ? prefix : "/", apr_time_sec(lifetime),
            strcmp(ap_http_scheme(r), "https") == 0 ? "; Secure" : ""));
}

/* The browser's name for the record; NULL when it is no text. */
static const char *user_agent(const request_rec *r)
{
    const char *agent = apr_table_get(r->headers_in, "User-Agent");

    if (agent == NULL || strlen(agent) > AGENT_MAX ||
        !chat_utf8_valid(agent, strlen(agent))) {
        return NULL;
    }
    return agent;
}

/* How long a new session lasts when nothing is done. */
static apr_int64_t session_seconds(const chat_request_t *q, const char *role)
{
    apr_int64_t most = apr_time_sec(q->conf->session_lifetime);
    int idle = chat_idle_of(q->conf->idle, role);

    return idle > 0 && idle < most ? idle : most;
}

/* Store the session in place of the one whose cookie came with the request.
 * @return APR_NOTFOUND when the password is not right any more */
static apr_status_t session_store(const chat_request_t *q, const char *digest,
                                  const known_t *known, const char *csrf)
{
    apr_pool_t *p = q->r->pool;
    const char *cookie = chat_cookie_token(
        apr_table_get(q->r->headers_in, "Cookie"), CHAT_COOKIE, p);
    char replaced[CHAT_SHA256_HEX] = "";
    chat_db_value_t old = chat_db_text(replaced);
    chat_db_value_t args[] = { chat_db_text(digest),
                               chat_auth_id(known->id),
                               chat_db_text(csrf),
                               chat_db_int(session_seconds(q, known->role)),
                               chat_db_text(q->r->useragent_ip),
                               chat_db_text(user_agent(q->r)),
                               chat_db_text(known->hash) };
    chat_db_result_t *made;
    chat_db_conn_t *conn;
    int gone = 0;
    apr_status_t rv;

    if (cookie != NULL) {
        chat_sha256_hex(replaced, cookie, strlen(cookie));
    }
    rv = chat_db_acquire_to_write(&conn, q->conf->db);
    if (rv != APR_SUCCESS) {
        return rv;
    }
    rv = chat_db_begin(conn);
    if (rv == APR_SUCCESS) {
        /* What fails is remembered, and the commit says it. */
        chat_db_run(NULL, conn, "session_delete", &old, 1, p);
        gone = chat_db_run(&made, conn, "session_insert", args, 7, p) ==
                   APR_SUCCESS &&
               chat_db_rows(made) == 0;
        rv = chat_db_commit(conn);
    }
    chat_db_release(conn);
    return rv == APR_SUCCESS && gone ? APR_NOTFOUND : rv;
}

/* Make a session and hand out its cookie. @param csrf  its token, from the pool
 */
static apr_status_t session_start(chat_request_t *q, const known_t *known,
                                  const char **csrf)
{
    apr_pool_t *p = q->r->pool;
    const char *token = chat_secret_token(TOKEN_BYTES, p);
    char digest[CHAT_SHA256_HEX];
    apr_status_t rv;

    *csrf = chat_secret_token(TOKEN_BYTES, p);
    if (token == NULL || *csrf == NULL) {
        return APR_EGENERAL;
    }
    chat_sha256_hex(digest, token, strlen(token));
    rv = session_store(q, digest, known, *csrf);
    if (rv == APR_SUCCESS) {
        set_cookie(q, token, q->conf->session_lifetime);
    }
    return rv;
}

/* GET /chat/login - the form; for programs, whether they are logged in. */
int chat_login_page(chat_request_t *q)
{
    apr_pool_t *p = q->r->pool;
    const char *csrf = "null";

    if (chat_auth(q) != APR_SUCCESS) {
        q->user = NULL; /* the form can be shown without a database */
    }
    if (q->html) {
        return q->user != NULL
                   ? send_home(q)
                   : chat_page_login(q, HTTP_OK, "", "", asked_for(q));
    }
    if (q->user != NULL && q->user->csrf != NULL) {
        csrf = chat_json_quote(q->user->csrf, strlen(q->user->csrf), p);
    }
    return chat_reply(q, HTTP_OK,
                      apr_pstrcat(p, "{\"user\":",
                                  q->user != NULL ? q->user->me_json : "null",
                                  ",\"csrf_token\":", csrf, "}", NULL));
}

/* POST /chat/login - email and password, for a session cookie. There is no
 * session yet that could hold a CSRF token, so the Origin alone tells whether
 * another site is logging somebody in as itself. */
int chat_login(chat_request_t *q)
{
    const char *email = "", *csrf;
    refusal_t no;
    known_t known;
    apr_status_t rv;

    if (!chat_csrf_origin_ok(q)) {
        refuse(&no, CHAT_HTTP_PAGE_EXPIRED, NULL,
               "This log-in was sent by another site.");
        return send_refusal(q, &no, email);
    }
    for (int i = 0; i < 2; i++) { /* its application may have hashed it anew */
        if (!identify(&known, &no, &email, &rv, q)) {
            return rv == APR_SUCCESS ? send_refusal(q, &no, email)
                                     : chat_reply_failed(q, rv, "logging in");
        }
        rv = session_start(q, &known, &csrf);
        if (rv != APR_NOTFOUND) {
            break;
        }
    }
    if (rv == APR_NOTFOUND) {
        return reply_outdated(q, email);
    }
    if (rv != APR_SUCCESS) {
        return chat_reply_failed(q, rv, "starting a session");
    }
    if (q->html) {
        return send_home(q);
    }
    return chat_reply(
        q, HTTP_OK,
        apr_pstrcat(q->r->pool, "{\"user\":", known.me_json, ",\"csrf_token\":",
                    chat_json_quote(csrf, strlen(csrf), q->r->pool), "}",
                    NULL));
}

/* POST /chat/logout - ends the session, or takes the token back. */
int chat_logout(chat_request_t *q)
{
    chat_db_value_t digest = chat_db_text(q->user->digest);
    chat_shown_t shown;
    apr_status_t rv = APR_SUCCESS;

    if (q->user->via == CHAT_VIA_SESSION) {
        rv = chat_db_query(NULL, q->conf->db, "session_delete", &digest, 1,
                           q->r->pool);
        set_cookie(q, "", 0);
    }
    else if (q->user->via == CHAT_VIA_BEARER) {
        rv = chat_db_query(NULL, q->conf->db, "token_delete", &digest, 1,
                           q->r->pool);
    }
    else if (q->user->via == CHAT_VIA_LARAVEL && chat_auth_shown(&shown, q)) {
        digest = chat_db_text(shown.laravel);
        rv = chat_db_query(NULL, q->conf->db, "laravel_end", &digest, 1,
                           q->r->pool);
    }
    if (rv != APR_SUCCESS) {
        return chat_reply_failed(q, rv, "logging out");
    }
    chat_wakeup_send(q->conf->wakeup); /* sockets of the log-in end with it */
    if (q->html && q->user->via == CHAT_VIA_APACHE &&
        q->conf->logout_url != NULL) {
        return chat_reply_redirect_away(q, q->conf->logout_url);
    }
    return q->html ? chat_reply_redirect(q, LOGIN)
                   : chat_reply(q, HTTP_OK, "{\"status\":\"logged_out\"}");
}

/* The device a token is for. @return 0 when it will not do */
static int device_name(const char **name, const chat_request_t *q)
{
    switch (chat_fields_text(&q->body, "device_name", name)) {
    case CHAT_JSON_OK:
        return strlen(*name) <= DEVICE_MAX;
    case CHAT_JSON_MISSING:
        *name = "device";
        return 1;
    case CHAT_JSON_TYPE:
        break;
    }
    return 0;
}

/* What the token may do, as JSON. @return a complaint, NULL when all is well */
static const char *token_abilities(const char **list, const chat_request_t *q)
{
    static const char why[] = "must be a list of at most 20 names, as "
                              "\"chat:read\"";
    const json_t *given = json_object_get(q->body.object, "abilities");
    const char *text = "";
    json_t *value;
    size_t i;

    *list = CHAT_ABILITIES_ALL;
    if (given == NULL || json_is_null(given)) {
        return chat_form_get(&q->body.form, "abilities") != NULL ? why : NULL;
    }
    if (!json_is_array(given) || json_array_size(given) == 0 ||
        json_array_size(given) > ABILITIES_MOST) {
        return why;
    }
    json_array_foreach(given, i, value)
    {
        const char *name = json_string_value(value);

        if (name == NULL || strlen(name) != json_string_length(value) ||
            !chat_ability_valid(name)) {
            return why;
        }
        text = apr_pstrcat(q->r->pool, text, i > 0 ? ",\"" : "\"", name, "\"",
                           NULL);
    }
    *list = apr_pstrcat(q->r->pool, "[", text, "]", NULL);
    return NULL;
}

/* When the token ends, as a value: NULL, or Unix seconds. Likewise. */
static const char *token_end(chat_db_value_t *until, const chat_request_t *q)
{
    const char *text;
    apr_time_t when;

    *until = chat_db_null();
    switch (chat_fields_text(&q->body, "expires_at", &text)) {
    case CHAT_JSON_MISSING:
        return NULL;
    case CHAT_JSON_OK:
        if (chat_instant_parse(&when, text) && when > apr_time_now()) {
            *until = chat_db_int(apr_time_sec(when));
            return NULL;
        }
        break;
    case CHAT_JSON_TYPE:
        break;
    }
    return "must be a time to come, as 2030-01-31T12:00:00Z";
}

/* POST /chat/token - email, password and device_name, for a bearer token. No
 * cookie comes of it, so it does not matter which page sent it. */
int chat_token(chat_request_t *q)
{
    apr_pool_t *p = q->r->pool;
    const char *email, *device, *secret, *abilities, *why;
    char digest[CHAT_SHA256_HEX];
    chat_db_value_t args[6];
    chat_db_result_t *res;
    refusal_t no;
    known_t known;
    apr_status_t rv;

    q->html = 0;
    if (!device_name(&device, q)) {
        return chat_reply_invalid(q, "device_name",
                                  "must be a text of at most 255 bytes");
    }
    why = token_abilities(&abilities, q);
    if (why != NULL) {
        return chat_reply_invalid(q, "abilities", why);
    }
    why = token_end(&args[4], q);
    if (why != NULL) {
        return chat_reply_invalid(q, "expires_at", why);
    }
    if (!identify(&known, &no, &email, &rv, q)) {
        return rv == APR_SUCCESS ? send_refusal(q, &no, email)
                                 : chat_reply_failed(q, rv, "logging in");
    }
    secret = chat_secret_token(TOKEN_BYTES, p);
    if (secret == NULL) {
        return chat_reply_failed(q, APR_EGENERAL, "drawing a token");
    }
    chat_sha256_hex(digest, secret, strlen(secret));
    args[0] = chat_auth_id(known.id);
    args[1] = chat_db_text(device);
    args[2] = chat_db_text(digest);
    args[3] = chat_db_text(abilities);
    args[5] = chat_db_text(known.hash);
    rv = chat_db_query(&res, q->conf->db, "token_insert", args, 6, p);
    if (rv != APR_SUCCESS) {
        return chat_reply_failed(q, rv, "storing a token");
    }
    if (chat_db_rows(res) == 0) {
        return reply_outdated(q, email);
    }
    return chat_reply(q, HTTP_CREATED,
                      apr_pstrcat(p, "{\"token\":\"", chat_db_get(res, 0, 0),
                                  "|", secret, "\",\"user\":", known.me_json,
                                  "}", NULL));
}

/* GET /chat/me - who I am, and how to reach the socket. */
int chat_me(chat_request_t *q)
{
    apr_pool_t *p = q->r->pool;
    const char *csrf = q->user->csrf;
    const char *key = q->conf->push->app->key;

    return chat_reply(
        q, HTTP_OK,
        apr_pstrcat(p, "{\"user\":", q->user->me_json, ",\"csrf_token\":",
                    csrf != NULL ? chat_json_quote(csrf, strlen(csrf), p)
                                 : "null",
                    ",\"push\":{\"key\":", chat_json_quote(key, strlen(key), p),
                    ",\"host\":null,\"path\":\"", q->conf->prefix,
                    "/app\"},\"channels\":[\"", CHAT_CHANNEL_USER, q->user->id,
                    "\"]}", NULL));
}
