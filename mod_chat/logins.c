/* SPDX-License-Identifier: Apache-2.0 */
/* logins.c - what a site says of log-ins that others make; see logins.h. */
#include "logins.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <apr_atomic.h>
#include <apr_strings.h>

#include "chat_module.h"
#include "config.h"
#include "db.h"
#include "json.h"
#include "utf8.h"

APLOG_USE_MODULE(chat);

#define DEFAULT_TYPE "App\\Models\\User"
#define MOST_TYPES 8
#define MOST_BYTES 255 /* as Laravel's column */
#define AGAIN apr_time_from_sec(5)

struct chat_logins_t {
    apr_uint32_t settled; /* atomic; 1: seen to */
    pthread_mutex_t lock; /* held by the one who sees to it */
    apr_time_t next;      /* not before, after a failure; under the lock */
};

void chat_logins_merge(chat_logins_conf_t *conf,
                       const chat_logins_conf_t *over)
{
    if (over->types != NULL) {
        conf->types = over->types;
    }
    if (over->rehash != -1) {
        conf->rehash = over->rehash;
    }
}

static int has(const chat_logins_conf_t *conf, const char *type)
{
    for (int i = 0; i < conf->types->nelts; i++) {
        if (strcmp(APR_ARRAY_IDX(conf->types, i, const char *), type) == 0) {
            return 1;
        }
    }
    return 0;
}

void chat_logins_defaults(chat_logins_conf_t *conf, apr_pool_t *p)
{
    const char *list = "", *array = "";

    if (conf->rehash == -1) {
        conf->rehash = 0;
    }
    if (conf->types == NULL) {
        conf->types = apr_array_make(p, 1, sizeof(const char *));
        APR_ARRAY_PUSH(conf->types, const char *) = DEFAULT_TYPE;
    }
    for (int i = 0; i < conf->types->nelts; i++) {
        const char *type = APR_ARRAY_IDX(conf->types, i, const char *);
        apr_size_t len = strlen(type);
        /* In quotes an array of PostgreSQL's escapes quotes and backslashes as JSON
         * does; a type has no control characters. */
        char *item = apr_palloc(p, chat_json_size(type, len) + 1);

        *chat_json_put(item, type, len) = '\0';
        list = apr_pstrcat(p, list, i > 0 ? "," : "",
                           chat_json_quote(type, len, p), NULL);
        array = apr_pstrcat(p, array, i > 0 ? "," : "", item, NULL);
    }
    conf->types_json = apr_pstrcat(p, "[", list, "]", NULL);
    conf->types_array = apr_pstrcat(p, "{", array, "}", NULL);
}

int chat_logins_same(const chat_logins_conf_t *a, const chat_logins_conf_t *b)
{
    return strcmp(a->types_json, b->types_json) == 0 && a->rehash == b->rehash;
}

static apr_status_t logins_free(void *logins)
{
    free(logins);
    return APR_SUCCESS;
}

struct chat_logins_t *chat_logins_create(apr_pool_t *p)
{
    struct chat_logins_t *l = calloc(1, sizeof(*l));

    if (l == NULL) {
        abort(); /* as httpd's pools do */
    }
    pthread_mutex_init(&l->lock, NULL);
    apr_pool_cleanup_register(p, l, logins_free, apr_pool_cleanup_null);
    return l;
}

/* What the database lacks is added before what it has too many is taken away, so
 * that no token is refused in between that was good before and is after. */
static apr_status_t write_down(const chat_server_t *conf, apr_pool_t *p)
{
    chat_db_value_t types = chat_db_text(conf->logins.types_json);
    chat_db_value_t rehash = chat_db_int(conf->logins.rehash);
    apr_status_t rv;

    rv = chat_db_query(NULL, conf->db, "token_types_add", &types, 1, p);
    if (rv == APR_SUCCESS) {
        rv = chat_db_query(NULL, conf->db, "token_types_keep", &types, 1, p);
    }
    if (rv == APR_SUCCESS) {
        rv = chat_db_query(NULL, conf->db, "login_settings_set", &rehash, 1, p);
    }
    return rv;
}

/* Reading first: most children find all as it should be and need no writer's turn. */
static apr_status_t settle(const chat_server_t *conf, apr_pool_t *p)
{
    chat_db_value_t args[2] = { chat_db_text(conf->logins.types_json),
                                chat_db_int(conf->logins.rehash) };
    chat_db_result_t *res;
    apr_status_t rv;

    rv = chat_db_query(&res, conf->db, "login_settings_are", args, 2, p);
    if (rv != APR_SUCCESS) {
        return rv;
    }
    return chat_db_rows(res) > 0 ? APR_SUCCESS : write_down(conf, p);
}

void chat_logins_settle(const chat_server_t *conf, request_rec *r)
{
    struct chat_logins_t *l = conf->logins_settled;
    apr_status_t rv;

    if (apr_atomic_read32(&l->settled)) {
        return;
    }
    pthread_mutex_lock(&l->lock);
    if (!apr_atomic_read32(&l->settled) && apr_time_now() >= l->next) {
        rv = settle(conf, r->pool);
        if (rv == APR_SUCCESS) {
            apr_atomic_set32(&l->settled, 1);
        }
        else {
            l->next = apr_time_now() + AGAIN;
            ap_log_rerror(APLOG_MARK, APLOG_WARNING, 0, r,
                          "telling the database what ChatTokenType and "
                          "ChatForeignRehash say: %s",
                          chat_db_strerror(rv));
        }
    }
    pthread_mutex_unlock(&l->lock);
}

/* --- directives ------------------------------------------------------------------ */

const char *chat_logins_add_type(cmd_parms *cmd, void *dir, const char *arg)
{
    chat_logins_conf_t *conf = &chat_server_of(cmd->server)->logins;
    size_t len = strlen(arg);

    (void)dir;
    if (len == 0 || len > MOST_BYTES || !chat_utf8_valid(arg, len)) {
        return "ChatTokenType: values of tokenable_type, of 1 to 255 bytes";
    }
    for (const char *c = arg; *c != '\0'; c++) {
        if ((unsigned char)*c < 0x20 || *c == 0x7f) {
            return "ChatTokenType: no control characters";
        }
    }
    if (conf->types == NULL) {
        conf->types = apr_array_make(cmd->pool, 2, sizeof(const char *));
    }
    if (has(conf, arg)) {
        return NULL;
    }
    if (conf->types->nelts == MOST_TYPES) {
        return "ChatTokenType: at most 8 values";
    }
    APR_ARRAY_PUSH(conf->types, const char *) = arg;
    return NULL;
}

const char *chat_logins_set_rehash(cmd_parms *cmd, void *dir, int on)
{
    (void)dir;
    chat_server_of(cmd->server)->logins.rehash = on;
    return NULL;
}
