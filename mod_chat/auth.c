/* SPDX-License-Identifier: Apache-2.0 */
/* auth.c - who is asking; see auth.h. */
#include "auth.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <apr_strings.h>

#include "chat_module.h"
#include "credential.h"
#include "csrf.h"
#include "idle.h"
#include "known.h"
#include "laravel.h"
#include "secret.h"
#include "touch.h"
#include "wakeup.h"

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
    COL_CONVERSATION,
    COL_UNTIL = CHAT_AUTH_COLUMNS, /* of who_session and who_bearer alone */
    COL_ABILITIES                  /* of who_bearer alone */
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
    if (q->conf->break_glass > 0) {
        user->may_break = user->staff;
        user->staff = 0; /* to all rules one like others, but for that */
    }
    user->via = via;
    user->digest = chat_db_get(res, 0, COL_DIGEST);
    user->csrf = via == CHAT_VIA_APACHE || via == CHAT_VIA_LARAVEL
                     ? chat_csrf_derived(q->conf, user->id, q->r->pool)
                     : chat_db_get(res, 0, COL_CSRF);
    return user;
}

/* Whether a user has opened a conversation lately, saying why. */
static int is_open(const chat_server_t *conf, const char *user, const char *id,
                   apr_pool_t *p)
{
    chat_db_value_t args[] = { chat_auth_id(id), chat_auth_id(user) };
    chat_db_result_t *res;

    return chat_db_query(&res, conf->db, "break_glass_open", args, 2, p) ==
               APR_SUCCESS &&
           chat_db_rows(res) > 0;
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

    if (found == NULL || strcmp(found, id) != 0 ||
        (!member && !user->staff &&
         !(user->may_break && is_open(q->conf, user->id, found, q->r->pool)))) {
        return NULL;
    }
    conv = apr_pcalloc(q->r->pool, sizeof(*conv));
    conv->id = found;
    conv->id_json = chat_db_get(res, 0, col + CONV_JSON);
    conv->total = chat_db_get_int(res, 0, col + CONV_TOTAL, 0);
    conv->member = member != 0;
    return conv;
}

/* Whom Apache means, by the ways of ChatUserBy that take a look-up of their own.
 * @param user  their id, NULL: nobody's */
static apr_status_t look_up(chat_db_value_t *user, const chat_request_t *q,
                            const char *name)
{
    chat_db_value_t arg = chat_db_text(name);
    chat_db_t *db = q->conf->db;
    apr_pool_t *p = q->r->pool;
    chat_db_result_t *res = NULL;
    const char *id;
    apr_status_t rv = APR_SUCCESS;

    switch (q->conf->user_by) {
    case CHAT_BY_EMAIL:
        rv = chat_db_query(&res, db, "user_by_email", &arg, 1, p);
        break;
    case CHAT_BY_NAME:
        rv = chat_db_query(&res, db, "user_by_name", &arg, 1, p);
        break;
    case CHAT_BY_TABLE:
        rv = chat_db_query(&res, db, "user_by_table", &arg, 1, p);
        break;
    }
    id = q->conf->user_by == CHAT_BY_ID ? name : NULL;
    if (res != NULL && chat_db_rows(res) > 0) {
        id = chat_db_get(res, 0, 0);
    }
    *user = id != NULL ? chat_auth_id(id) : chat_db_null();
    return rv;
}

/* The statement of each way; the third value only who_bearer takes.
 * @param id  of a conversation, "" for none */
static apr_status_t ask(chat_db_result_t **res, const chat_request_t *q,
                        const chat_shown_t *from, const char *id)
{
    chat_db_value_t args[3] = { chat_db_text(from->shown),
                                id[0] != '\0' ? chat_auth_id(id)
                                              : chat_db_null(),
                                chat_db_int(from->token_id) };
    apr_status_t rv;

    switch (from->via) {
    case CHAT_VIA_APACHE:
        if (q->conf->user_by == CHAT_BY_EMAIL_OR_NAME) {
            return chat_db_query(res, q->conf->db, "who_name", args, 2,
                                 q->r->pool);
        }
        rv = look_up(&args[0], q, from->shown);
        return rv != APR_SUCCESS ? rv
                                 : chat_db_query(res, q->conf->db, "who_id",
                                                 args, 2, q->r->pool);
    case CHAT_VIA_BEARER:
        return chat_db_query(res, q->conf->db, "who_bearer", args, 3,
                             q->r->pool);
    case CHAT_VIA_LARAVEL:
        args[0] = chat_db_text(from->laravel);
        args[2] = chat_db_int(apr_time_sec(q->conf->laravel_lifetime));
        return chat_db_query(res, q->conf->db, "who_laravel", args, 3,
                             q->r->pool);
    case CHAT_VIA_SESSION:
        return chat_db_query(res, q->conf->db, "who_session", args, 2,
                             q->r->pool);
    }
    return APR_EGENERAL;
}

/* What this child remembers; any thread. */
struct chat_memory_t {
    pthread_mutex_t lock;
    chat_known_t known;    /* tokens it has seen */
    chat_touch_t tokens;   /* whose use has to be noted */
    chat_touch_t sessions; /* likewise */
    chat_id_kind_t talks;     /* what ids of conversations look like */
};

static apr_status_t memory_free(void *memory)
{
    free(memory);
    return APR_SUCCESS;
}

struct chat_memory_t *chat_auth_memory(apr_pool_t *p)
{
    struct chat_memory_t *memory = calloc(1, sizeof(*memory));

    if (memory == NULL) {
        abort(); /* as httpd's pools do */
    }
    pthread_mutex_init(&memory->lock, NULL);
    apr_pool_cleanup_register(p, memory, memory_free, apr_pool_cleanup_null);
    return memory;
}

static void remember(const chat_request_t *q, const chat_shown_t *shown)
{
    struct chat_memory_t *memory = q->conf->memory;
    chat_id_kind_t kind = q->conversation != NULL
                           ? chat_id_kind(q->conversation->id)
                           : CHAT_ID_KIND_UNKNOWN;

    if (shown->via == CHAT_VIA_BEARER) {
        pthread_mutex_lock(&memory->lock);
        chat_known_note(&memory->known, shown->shown, q->user->id);
        if (kind != CHAT_ID_KIND_UNKNOWN) {
            memory->talks = kind;
        }
        pthread_mutex_unlock(&memory->lock);
    }
}

/* Note those whose turn it is. Not worth failing a request for, nor waiting:
 * while others write, the next request is as good. */
static void note(const chat_request_t *q, const char *digests, chat_via_t via)
{
    chat_db_value_t arg = chat_db_text(digests);
    apr_status_t rv;

    rv = via == CHAT_VIA_SESSION
             ? chat_db_try(q->conf->db, "session_touch", &arg, 1, q->r->pool)
             : chat_db_try(q->conf->db, "token_touch", &arg, 1, q->r->pool);
    if (rv != APR_SUCCESS && rv != CHAT_DB_EBUSY) {
        ap_log_rerror(APLOG_MARK, APLOG_INFO, 0, q->r,
                      "noting the last use of log-ins: %s",
                      chat_db_strerror(rv));
    }
}

/* How long a session may go without a note, in seconds. */
static int note_after(int idle)
{
    return idle == 0 || idle / 4 > TOUCH_SECONDS ? TOUCH_SECONDS : idle / 4;
}

/* A session that ends when nothing is done lasts on when something is. */
static void extend(const chat_request_t *q, const chat_db_result_t *res,
                   int idle)
{
    chat_db_value_t args[] = {
        chat_db_text(chat_db_get(res, 0, COL_DIGEST)),
        chat_db_int(apr_time_sec(q->conf->session_lifetime)), chat_db_int(idle)
    };
    apr_status_t rv;

    if (!chat_idle_is_act(q->html, q->path) ||
        chat_db_get_int(res, 0, COL_IDLE, TOUCH_SECONDS) < note_after(idle)) {
        return;
    }
    rv = chat_db_try(q->conf->db, "session_extend", args, 3, q->r->pool);
    if (rv != APR_SUCCESS && rv != CHAT_DB_EBUSY) {
        ap_log_rerror(APLOG_MARK, APLOG_INFO, 0, q->r,
                      "noting that somebody is there: %s",
                      chat_db_strerror(rv));
    }
}

/* Whether nothing was done for longer than the role may. Such a session has ended by
 * itself, but for one from before the site said so: that one ends now. */
static int is_idle(const chat_request_t *q, const chat_db_result_t *res,
                   int idle)
{
    chat_db_value_t digest = chat_db_text(chat_db_get(res, 0, COL_DIGEST));

    if (idle == 0 || chat_db_get_int(res, 0, COL_IDLE, 0) < idle) {
        return 0;
    }
    if (chat_db_query(NULL, q->conf->db, "session_delete", &digest, 1,
                      q->r->pool) == APR_SUCCESS) {
        chat_wakeup_send(q->conf->wakeup);
    }
    return 1;
}

/* Note that a session or token is in use. */
static void touch(const chat_request_t *q, const chat_db_result_t *res,
                  chat_via_t via)
{
    struct chat_memory_t *memory = q->conf->memory;
    chat_touch_t *list = via == CHAT_VIA_SESSION ? &memory->sessions
                                                 : &memory->tokens;
    const char *due;

    if (via == CHAT_VIA_APACHE) {
        return;
    }
    pthread_mutex_lock(&memory->lock);
    if (chat_db_get_int(res, 0, COL_IDLE, TOUCH_SECONDS) >= TOUCH_SECONDS) {
        chat_touch_add(list, chat_db_get(res, 0, COL_DIGEST));
    }
    due = chat_touch_take(list, apr_time_now(), q->r->pool);
    pthread_mutex_unlock(&memory->lock);
    if (due != NULL) {
        note(q, due, via);
    }
}

/* The session of a Laravel application, whose cookie came along. */
static const char *laravel_session(const chat_request_t *q)
{
    apr_pool_t *p = q->r->pool;
    char *id = apr_palloc(p, CHAT_LARAVEL_ID + 1);

    return q->conf->laravel_keys != NULL &&
                   chat_laravel_session(
                       id, apr_table_get(q->r->headers_in, "Cookie"),
                       q->conf->laravel_cookie, q->conf->laravel_keys, p)
               ? id
               : NULL;
}

/* It is in use there as well: at most once a minute. */
static void laravel_touch(const chat_request_t *q, const chat_shown_t *shown,
                          const chat_db_result_t *res)
{
    chat_db_value_t id = chat_db_text(shown->laravel);
    apr_status_t rv;

    if (chat_db_get_int(res, 0, COL_IDLE, 0) < TOUCH_SECONDS ||
        !chat_idle_is_act(q->html, q->path)) {
        return;
    }
    rv = chat_db_try(q->conf->db, "laravel_touch", &id, 1, q->r->pool);
    if (rv != APR_SUCCESS && rv != CHAT_DB_EBUSY) {
        ap_log_rerror(APLOG_MARK, APLOG_INFO, 0, q->r,
                      "noting the use of a session: %s", chat_db_strerror(rv));
    }
}

const char *chat_auth_known(const chat_request_t *q, const chat_shown_t *shown)
{
    struct chat_memory_t *memory = q->conf->memory;
    char user[CHAT_ID_SIZE];
    int known = 0;

    if (shown->via == CHAT_VIA_BEARER) {
        pthread_mutex_lock(&memory->lock);
        known = chat_known_find(&memory->known, shown->shown, user);
        pthread_mutex_unlock(&memory->lock);
    }
    return known ? apr_pstrdup(q->r->pool, user) : NULL;
}

int chat_auth_fits(const chat_request_t *q)
{
    struct chat_memory_t *memory = q->conf->memory;
    int fits;

    pthread_mutex_lock(&memory->lock);
    fits = chat_id_fits(memory->talks, q->id);
    pthread_mutex_unlock(&memory->lock);
    return fits;
}

void chat_auth_found(chat_request_t *q, const chat_shown_t *shown,
                     const chat_db_result_t *res)
{
    const char *digest = chat_db_get(res, 0, COL_DIGEST);
    int idle = 0;

    if (chat_db_rows(res) == 0 ||
        (shown->via != CHAT_VIA_APACHE &&
         (digest == NULL ||
          !chat_secret_equal(digest, strlen(digest), shown->shown,
                             strlen(shown->shown))))) {
        return;
    }
    if (shown->via == CHAT_VIA_SESSION) {
        idle = chat_idle_of(q->conf->idle, chat_db_get(res, 0, COL_ROLE));
    }
    if (is_idle(q, res, idle)) {
        return;
    }
    if (shown->via == CHAT_VIA_LARAVEL) {
        laravel_touch(q, shown, res);
    }
    else if (idle > 0) {
        extend(q, res, idle);
    }
    else {
        touch(q, res, shown->via);
    }
    q->user = user_of(q, res, shown->via);
    if (q->id[0] != '\0') {
        const char *found = chat_db_get(res, 0, COL_CONVERSATION);

        q->conversation = conversation_of(q, q->user, res, COL_CONVERSATION,
                                          q->id);
        q->locked = q->conversation == NULL && q->user->may_break &&
                    found != NULL && strcmp(found, q->id) == 0;
    }
    remember(q, shown);
}

int chat_auth_shown(chat_shown_t *shown, const chat_request_t *q)
{
    request_rec *r = q->r;
    chat_bearer_t bearer = { 0, NULL };
    const char *secret = NULL;
    char digest[CHAT_SHA256_HEX];

    shown->token_id = 0;
    shown->laravel = NULL;
    if (r->user != NULL) {
        /* A variable counts only beside a user: alone it may be left over from
         * a module that let everybody pass. */
        shown->via = CHAT_VIA_APACHE;
        shown->shown = q->conf->user_from == NULL
                           ? r->user
                           : apr_table_get(r->subprocess_env,
                                           q->conf->user_from);
        return 1;
    }
    switch (chat_bearer_parse(
        &bearer, apr_table_get(r->headers_in, "Authorization"), r->pool)) {
    case CHAT_BEARER_OK:
        shown->via = CHAT_VIA_BEARER;
        shown->token_id = bearer.id;
        secret = bearer.secret;
        break;
    case CHAT_BEARER_BAD:
        return 0;
    case CHAT_BEARER_NONE:
        shown->via = CHAT_VIA_SESSION;
        secret = chat_cookie_token(apr_table_get(r->headers_in, "Cookie"),
                                   CHAT_COOKIE, r->pool);
        break;
    }
    if (secret == NULL && shown->via == CHAT_VIA_SESSION) {
        secret = laravel_session(q);
        shown->laravel = secret;
        shown->via = CHAT_VIA_LARAVEL;
    }
    if (secret == NULL) {
        return 0;
    }
    chat_sha256_hex(digest, secret, strlen(secret));
    shown->shown = apr_pstrdup(r->pool, digest);
    return 1;
}

apr_status_t chat_auth(chat_request_t *q)
{
    chat_db_result_t *res;
    chat_shown_t shown;
    apr_status_t rv;

    if (!chat_auth_shown(&shown, q)) {
        return APR_SUCCESS;
    }
    if (shown.shown == NULL || *shown.shown == '\0') {
        q->stranger = q->r->user; /* Apache's word says nothing of whom */
        return APR_SUCCESS;
    }
    rv = ask(&res, q, &shown, q->id);
    if (rv == CHAT_DB_EINPUT && q->id[0] != '\0') {
        /* Perhaps an id that cannot exist here, as letters where ids are
         * numbers: that is for members and strangers alike no conversation. */
        rv = ask(&res, q, &shown, "");
    }
    if (rv == APR_SUCCESS) {
        chat_auth_found(q, &shown, res);
        if (q->user != NULL && (shown.via == CHAT_VIA_BEARER ||
                                shown.via == CHAT_VIA_SESSION)) {
            q->until = chat_db_get_int(res, 0, COL_UNTIL, 0);
            q->abilities = shown.via == CHAT_VIA_BEARER
                               ? chat_db_get(res, 0, COL_ABILITIES)
                               : NULL;
        }
    }
    else if (rv == CHAT_DB_EINPUT) {
        rv = APR_SUCCESS; /* a name that cannot exist here */
    }
    if (rv == APR_SUCCESS && q->user == NULL && shown.via == CHAT_VIA_APACHE) {
        q->stranger = shown.shown;
    }
    return rv;
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
        /* A channel is for as long as the socket lives, and what was opened by
         * saying why is not. */
        if (*conv != NULL && !(*conv)->member && !q->user->staff) {
            *conv = NULL;
        }
    }
    return rv;
}

int chat_auth_staff(const chat_server_t *conf, const char *user,
                    const char *role, const char *conversation, apr_pool_t *p)
{
    return role != NULL && is_staff(conf, role) &&
           (conf->break_glass <= 0 || is_open(conf, user, conversation, p));
}
