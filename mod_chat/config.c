/* SPDX-License-Identifier: Apache-2.0 */
/*
 * config.c - the directives.
 *
 * Everything that can be wrong is found while the configuration is read, so
 * that httpd names file and line and does not start. Times take httpd's
 * suffixes (ms, s, min, h).
 */
#include "config.h"

#include <limits.h>
#include <string.h>
#include <strings.h>
#include <apr_file_info.h>
#include <apr_strings.h>
#include <http_core.h>

#include "channel_rule.h"
#include "chat_module.h"
#include "form.h"
#include "idle.h"
#include "json.h"
#include "laravel.h"
#include "keyring.h"
#include "origin.h"
#include "path.h"
#include "phc.h"

#define UNSET (-1)

#define DEFAULT_DB_MAX 15
#define DEFAULT_DB_WAIT apr_time_from_sec(2)
#define DEFAULT_DB_BUSY apr_time_from_sec(5)
#define DEFAULT_SESSION apr_time_from_sec(14 * 24 * 3600)
#define DEFAULT_EDIT apr_time_from_sec(15 * 60)
#define DEFAULT_DELETE apr_time_from_sec(30 * 60)
#define DEFAULT_MAX_BODY 65536
#define DEFAULT_COST 12             /* Laravel's */
#define DEFAULT_MEMORY (128 * 1024) /* kB */
#define DEFAULT_AT_ONCE 4
#define DEFAULT_UPLOADS_ACCOUNT 16
#define DEFAULT_UPLOADS_ADDRESS 64
#define MAX_UPLOADS 1000
#define MINUTE_MS 60000
#define MAX_PER_MINUTE 6000 /* the interval is kept in whole milliseconds */
#define MAX_BURST 100000

/* 300 a minute with a burst of 100; 10 failed log-ins in 15 minutes. */
static const chat_rate_t default_send = { MINUTE_MS / 300, 100 };
static const chat_rate_t default_login = { 15 * MINUTE_MS / 10, 10 };
/* 1,200 a minute with a burst of 300: the page searches while somebody types. */
static const chat_rate_t default_search = { MINUTE_MS / 1200, 300 };

/* A rate that no directive set has a burst of 0. */
static int rate_unset(const chat_rate_t *rate) { return rate->burst == 0; }

void *chat_dir_create(apr_pool_t *p, char *dir)
{
    chat_dir_t *conf = apr_pcalloc(p, sizeof(*conf));

    (void)dir;
    conf->on = UNSET;
    conf->handoff = CHAT_HANDOFF_UNSET;
    return conf;
}

void *chat_dir_merge(apr_pool_t *p, void *base, void *add)
{
    const chat_dir_t *under = base, *over = add;
    chat_dir_t *conf = apr_pmemdup(p, over, sizeof(*over));

    if (over->on == UNSET) {
        conf->on = under->on;
    }
    if (over->handoff == CHAT_HANDOFF_UNSET) {
        conf->handoff = under->handoff;
    }
    return conf;
}

void *chat_server_create(apr_pool_t *p, server_rec *s)
{
    chat_server_t *conf = apr_pcalloc(p, sizeof(*conf));

    (void)s;
    conf->db_max = UNSET;
    conf->db_wait = UNSET;
    conf->db_busy = UNSET;
    conf->db_normal = UNSET;
    conf->session_lifetime = UNSET;
    conf->edit_window = UNSET;
    conf->last_seen = UNSET;
    conf->delete_window = UNSET;
    chat_scan_conf_init(&conf->scan);
    conf->max_body = UNSET;
    conf->uploads_account = UNSET;
    conf->audit = CHAT_AUDIT_UNSET;
    conf->break_glass = UNSET;
    chat_files_conf_init(&conf->files);
    conf->user_from = "";
    conf->user_by = UNSET;
    conf->logins.rehash = UNSET;
    return conf;
}

const char *chat_server_path(const server_rec *s, const char *uri)
{
    const chat_server_t *conf = ap_get_module_config(s->module_config,
                                                     &chat_module);

    return chat_path_behind(uri, conf->prefix);
}

/* What was said of the one replaces what was said of the other. */
static void hashing_merge(chat_hashing_t *under, const chat_hashing_t *over)
{
    chat_hashing_t merged = over->cost > 0 ? *over : *under;

    merged.memory = over->memory > 0 ? over->memory : under->memory;
    merged.at_once = over->at_once > 0 ? over->at_once : under->at_once;
    *under = merged;
}

/* Fill what no directive said. */
static void hashing_default(chat_hashing_t *conf)
{
    if (conf->cost == 0) {
        conf->cost = DEFAULT_COST;
    }
    if (conf->memory == 0) {
        conf->memory = DEFAULT_MEMORY;
    }
    if (conf->at_once == 0) {
        conf->at_once = DEFAULT_AT_ONCE;
    }
}

void *chat_server_merge(apr_pool_t *p, void *base, void *add)
{
    const chat_server_t *under = base, *over = add;
    chat_server_t *conf = apr_pmemdup(p, under, sizeof(*under));

    conf->used = over->used || under->used;
    conf->where = over->where != NULL ? over->where : under->where;
    if (over->database != NULL) {
        conf->database = over->database;
    }
    if (over->db_max != UNSET) {
        conf->db_max = over->db_max;
    }
    if (over->db_wait != UNSET) {
        conf->db_wait = over->db_wait;
    }
    if (over->db_busy != UNSET) {
        conf->db_busy = over->db_busy;
    }
    if (over->db_normal != UNSET) {
        conf->db_normal = over->db_normal;
    }
    if (over->ring_setting != NULL) {
        conf->ring = over->ring;
        conf->ring_setting = over->ring_setting;
    }
    if (over->htdocs != NULL) {
        conf->htdocs = over->htdocs;
    }
    if (over->prefix != NULL) {
        conf->prefix = over->prefix;
    }
    if (over->push != NULL) {
        conf->push = over->push;
    }
    if (over->session_lifetime != UNSET) {
        conf->session_lifetime = over->session_lifetime;
    }
    if (!rate_unset(&over->send)) {
        conf->send = over->send;
    }
    if (!rate_unset(&over->request)) {
        conf->request = over->request;
    }
    if (!rate_unset(&over->login)) {
        conf->login = over->login;
    }
    if (!rate_unset(&over->search)) {
        conf->search = over->search;
    }
    if (over->uploads_account != UNSET) {
        conf->uploads_account = over->uploads_account;
        conf->uploads_address = over->uploads_address;
    }
    chat_scan_conf_merge(&conf->scan, &over->scan);
    if (over->max_body != UNSET) {
        conf->max_body = over->max_body;
    }
    if (over->origins != NULL) {
        conf->origins = over->origins;
    }
    if (over->frames != NULL) {
        conf->frames = over->frames;
    }
    if (over->audit != CHAT_AUDIT_UNSET) {
        conf->audit = over->audit;
    }
    if (over->break_glass != UNSET) {
        conf->break_glass = over->break_glass;
    }
    if (over->audit_ring_set) {
        conf->audit_ring = over->audit_ring;
        conf->audit_ring_set = 1;
    }
    if (over->audit_spool != NULL) {
        conf->audit_spool = over->audit_spool;
    }
    if (over->staff_roles != NULL) {
        conf->staff_roles = over->staff_roles;
    }
    if (over->last_seen != UNSET) {
        conf->last_seen = over->last_seen;
    }
    hashing_merge(&conf->password, &over->password);
    if (over->user_from == NULL || *over->user_from != '\0') {
        conf->user_from = over->user_from;
    }
    if (over->user_by != UNSET) {
        conf->user_by = over->user_by;
    }
    if (over->logout_url != NULL) {
        conf->logout_url = over->logout_url;
    }
    chat_logins_merge(&conf->logins, &over->logins);
    if (over->laravel_keys != NULL) {
        conf->laravel_keys = over->laravel_keys;
    }
    if (over->laravel_cookie != NULL) {
        conf->laravel_cookie = over->laravel_cookie;
    }
    if (over->laravel_lifetime != 0) {
        conf->laravel_lifetime = over->laravel_lifetime;
    }
    if (over->idle != NULL) {
        conf->idle = over->idle;
    }
    if (over->channels != NULL) {
        conf->channels = over->channels;
    }
    if (over->edit_window != UNSET) {
        conf->edit_window = over->edit_window;
    }
    if (over->delete_window != UNSET) {
        conf->delete_window = over->delete_window;
    }
    if (over->closed_list != NULL) {
        conf->closed_list = over->closed_list;
    }
    chat_files_conf_merge(&conf->files, &under->files, &over->files);
    return conf;
}

chat_server_t *chat_server_of(server_rec *s)
{
    return ap_get_module_config(s->module_config, &chat_module);
}

const chat_dir_t *chat_dir_of(const request_rec *r)
{
    return ap_get_module_config(r->per_dir_config, &chat_module);
}

/* The roles as PostgreSQL reads an array: quoted, with what would end the quote
 * escaped. */
static const char *staff_list_of(const apr_array_header_t *roles, apr_pool_t *p)
{
    const char *list = "";
    int i;

    for (i = 0; i < roles->nelts; i++) {
        const char *role = APR_ARRAY_IDX(roles, i, const char *);
        char *quoted = apr_palloc(p, 2 * strlen(role) + 1);
        char *to = quoted;

        for (; *role != '\0'; role++) {
            if (*role == '"' || *role == '\\') {
                *to++ = '\\';
            }
            *to++ = *role;
        }
        *to = '\0';
        list = apr_pstrcat(p, list, i > 0 ? ",\"" : "\"", quoted, "\"", NULL);
    }
    return apr_pstrcat(p, "{", list, "}", NULL);
}

const char *chat_server_check(chat_server_t *conf, apr_pool_t *p)
{
    const char *missing = conf->database == NULL ? "ChatDatabase"
                          : conf->push == NULL   ? "ChatPushConfig"
                          : conf->htdocs == NULL ? "ChatHtdocs"
                          : conf->audit > CHAT_AUDIT_OFF &&
                                    conf->audit_spool == NULL
                              ? "ChatAuditSpool"
                              : NULL;

    if (missing != NULL) {
        return apr_psprintf(p, "Chat is On (%s) but there is no %s",
                            conf->where, missing);
    }
    if (conf->db_max == UNSET) {
        conf->db_max = DEFAULT_DB_MAX;
    }
    if (conf->db_wait == UNSET) {
        conf->db_wait = DEFAULT_DB_WAIT;
    }
    if (conf->db_busy == UNSET) {
        conf->db_busy = DEFAULT_DB_BUSY;
    }
    if (conf->db_normal == UNSET) {
        conf->db_normal = 0;
    }
    if (conf->session_lifetime == UNSET) {
        conf->session_lifetime = DEFAULT_SESSION;
    }
    if (rate_unset(&conf->send)) {
        conf->send = default_send;
    }
    if (rate_unset(&conf->request)) {
        conf->request.burst = 1; /* and no interval: off */
    }
    if (rate_unset(&conf->login)) {
        conf->login = default_login;
    }
    if (rate_unset(&conf->search)) {
        conf->search = default_search;
    }
    if (conf->uploads_account == UNSET) {
        conf->uploads_account = DEFAULT_UPLOADS_ACCOUNT;
        conf->uploads_address = DEFAULT_UPLOADS_ADDRESS;
    }
    if (conf->max_body == UNSET) {
        conf->max_body = DEFAULT_MAX_BODY;
    }
    if (conf->origins == NULL) {
        conf->origins = apr_array_make(p, 0, sizeof(const char *));
    }
    if (conf->staff_roles == NULL) {
        conf->staff_roles = apr_array_make(p, 1, sizeof(const char *));
        APR_ARRAY_PUSH(conf->staff_roles, const char *) = "admin";
    }
    hashing_default(&conf->password);
    if (conf->password.argon2 &&
        conf->password.kilobytes > conf->password.memory) {
        return "ChatPasswordHash wants more memory than ChatPasswordMemory "
               "allows: nobody could log in with a new password";
    }
    if (conf->user_from != NULL && *conf->user_from == '\0') {
        conf->user_from = NULL;
    }
    if (conf->laravel_keys != NULL && strncmp(conf->database, "sqlite:", 7) == 0) {
        return "ChatLaravelKey needs the application's database, on PostgreSQL";
    }
    if (conf->laravel_cookie == NULL) {
        conf->laravel_cookie = "laravel_session";
    }
    if (conf->laravel_lifetime == 0) {
        conf->laravel_lifetime = apr_time_from_sec(120 * 60);
    }
    if (conf->user_by == UNSET) {
        conf->user_by = CHAT_BY_EMAIL_OR_NAME;
    }
    chat_files_conf_defaults(&conf->files);
    if (conf->break_glass == UNSET) {
        conf->break_glass = 0;
    }
    /* With ChatBreakGlass no statement takes them for anybody special. */
    conf->staff_list = conf->break_glass > 0
                           ? "{}"
                           : staff_list_of(conf->staff_roles, p);
    if (conf->last_seen == UNSET) {
        conf->last_seen = 1;
    }
    if (conf->edit_window == UNSET) {
        conf->edit_window = DEFAULT_EDIT;
    }
    if (conf->delete_window == UNSET) {
        conf->delete_window = DEFAULT_DELETE;
    }
    if (conf->closed_list == NULL) {
        conf->closed_list = "|completed|cancelled|";
    }
    chat_logins_defaults(&conf->logins, p);
    return chat_scan_conf_check(&conf->scan, conf->files.dir != NULL, p);
}

/* What hosts of one database say of log-ins is kept there, once for all. */
static const char *logins_clash(server_rec *first, server_rec *s, apr_pool_t *p)
{
    const chat_server_t *conf = chat_server_of(s);

    for (; conf->used && first != s; first = first->next) {
        const chat_server_t *other = chat_server_of(first);

        if (other->used && strcmp(other->database, conf->database) == 0 &&
            !chat_logins_same(&other->logins, &conf->logins)) {
            return apr_psprintf(p,
                                "two hosts with Chat On (%s, %s) and one "
                                "ChatDatabase differ in ChatTokenType or "
                                "ChatForeignRehash",
                                other->where, conf->where);
        }
    }
    return NULL;
}

const char *chat_server_clash(server_rec *first, server_rec *s, apr_pool_t *p)
{
    const chat_server_t *conf = chat_server_of(s);
    const char *why = logins_clash(first, s, p);

    if (why != NULL || !conf->used || conf->push->handoff == NULL) {
        return why;
    }
    for (; first != s; first = first->next) {
        const chat_server_t *other = chat_server_of(first);

        if (other->used && other->push->handoff != NULL &&
            strcmp(other->push->handoff, conf->push->handoff) == 0 &&
            strcmp(other->database, conf->database) != 0) {
            return apr_psprintf(
                p,
                "two hosts with Chat On (%s, %s) differ in ChatDatabase and "
                "hand sockets to one chat-push (handoff.path %s), which would "
                "take the users of one for those of the other: give each a "
                "chat-push and a ChatPushConfig of its own",
                other->where, conf->where, conf->push->handoff);
        }
    }
    return NULL;
}

/* --- one function per directive ------------------------------------------- */

static chat_server_t *conf_of(cmd_parms *cmd)
{
    return chat_server_of(cmd->server);
}

static const char *set_on(cmd_parms *cmd, void *dir, int on)
{
    chat_server_t *conf = conf_of(cmd);

    ((chat_dir_t *)dir)->on = on;
    if (on) {
        conf->used = 1;
        conf->where = apr_psprintf(cmd->pool, "%s:%d", cmd->directive->filename,
                                   cmd->directive->line_num);
    }
    return NULL;
}

/* A bare chat_db_open tells whether the target can be understood; the pool it
 * made opened nothing and goes with ptemp. */
static const char *set_database(cmd_parms *cmd, void *dir, const char *target)
{
    chat_db_conf_t db_conf = { .target = target };
    chat_db_t *db;
    const char *why = NULL;

    (void)dir;
    if (chat_db_open(&db, &db_conf, &why, cmd->temp_pool) != APR_SUCCESS) {
        return apr_pstrcat(cmd->pool, "ChatDatabase: ", why, NULL);
    }
    if (!chat_db_has("who_session", chat_db_engine(db))) {
        return "ChatDatabase: this version of mod_chat has no statements for "
               "that kind of database";
    }
    conf_of(cmd)->database = target;
    return NULL;
}

static const char *set_db_max(cmd_parms *cmd, void *dir, const char *arg)
{
    apr_int64_t n;

    (void)dir;
    if (!chat_form_number(&n, arg) || n < 1 || n > 1000) {
        return "ChatDatabasePool: a number of connections from 1 to 1000";
    }
    conf_of(cmd)->db_max = (int)n;
    return NULL;
}

/* A time of at least `least`, in a directive whose default unit is seconds. */
static const char *parse_time(cmd_parms *cmd, apr_interval_time_t *to,
                              const char *arg, apr_interval_time_t least)
{
    apr_interval_time_t value;

    if (ap_timeout_parameter_parse(arg, &value, "s") != APR_SUCCESS ||
        value < least) {
        return least < apr_time_from_sec(1)
                   ? apr_psprintf(cmd->pool, "%s: a time of at least %d ms",
                                  cmd->cmd->name, (int)apr_time_as_msec(least))
                   : apr_psprintf(cmd->pool, "%s: a time of at least %d s",
                                  cmd->cmd->name, (int)apr_time_sec(least));
    }
    *to = value;
    return NULL;
}

static const char *set_db_wait(cmd_parms *cmd, void *dir, const char *arg)
{
    (void)dir;
    return parse_time(cmd, &conf_of(cmd)->db_wait, arg, apr_time_from_msec(1));
}

static const char *set_db_busy(cmd_parms *cmd, void *dir, const char *arg)
{
    (void)dir;
    return parse_time(cmd, &conf_of(cmd)->db_busy, arg, apr_time_from_msec(1));
}

static const char *set_db_sync(cmd_parms *cmd, void *dir, const char *arg)
{
    (void)dir;
    if (strcasecmp(arg, "Full") != 0 && strcasecmp(arg, "Normal") != 0) {
        return "ChatDatabaseSync: Full or Normal";
    }
    conf_of(cmd)->db_normal = strcasecmp(arg, "Normal") == 0;
    return NULL;
}

static const char *set_session(cmd_parms *cmd, void *dir, const char *arg)
{
    (void)dir;
    return parse_time(cmd, &conf_of(cmd)->session_lifetime, arg,
                      apr_time_from_sec(60));
}

static const char *set_htdocs(cmd_parms *cmd, void *dir, const char *arg)
{
    const char *path = ap_server_root_relative(cmd->pool, arg);
    apr_finfo_t info;

    (void)dir;
    if (path == NULL ||
        apr_stat(&info, path, APR_FINFO_TYPE, cmd->temp_pool) != APR_SUCCESS ||
        info.filetype != APR_DIR) {
        return apr_pstrcat(cmd->pool, "ChatHtdocs: ", arg,
                           " is not a directory that can be read", NULL);
    }
    conf_of(cmd)->htdocs = path;
    return NULL;
}

static const char *set_prefix(cmd_parms *cmd, void *dir, const char *arg)
{
    size_t len = strlen(arg);
    char *prefix = apr_pstrdup(cmd->pool, arg);

    (void)dir;
    if (len > 0 && prefix[len - 1] == '/') {
        prefix[len - 1] = '\0'; /* "/clinic/" is "/clinic", and "/" is "" */
    }
    if (len == 0 || !chat_prefix_valid(prefix)) {
        return "ChatPrefix: / or a path as /clinic/, of letters, digits and "
               ". _ ~ -";
    }
    conf_of(cmd)->prefix = prefix;
    return NULL;
}

/* Where to reach a server that listens on `host`. */
static const char *reachable(const char *host)
{
    if (strcmp(host, "0.0.0.0") == 0 || host[0] == '\0') {
        return "127.0.0.1";
    }
    return strcmp(host, "::") == 0 ? "::1" : host;
}

/* Whose event log the database holds: chat-push reads the same key. NULL: an
 * app that is not there. */
static const chat_app_t *log_app(const chat_apps_t *apps, const json_t *root)
{
    const char *id = json_string_value(chat_conf_find(root, "database.app"));

    if (id == NULL) {
        return &apps->list[0];
    }
    for (int i = 0; i < apps->n; i++) {
        if (strcmp(apps->list[i].id, id) == 0) {
            return &apps->list[i];
        }
    }
    return NULL;
}

/* The keys beside the apps. @return a complaint, NULL when all is well */
static const char *push_read(chat_push_t *push, const json_t *root,
                             apr_pool_t *p)
{
    const json_t *host = chat_conf_find(root, "host");
    const json_t *port = chat_conf_find(root, "port");
    const json_t *wake = chat_conf_find(root, "database.wake");
    const json_t *handoff = chat_conf_find(root, "handoff.path");
    const json_t *ping = chat_conf_find(root, "activityTimeout");

    push->ping = json_is_integer(ping) ? (int)json_integer_value(ping) : 120;
    push->host = "127.0.0.1";
    push->port = 6001;
    if (host != NULL) {
        if (!json_is_string(host)) {
            return "host must be a text";
        }
        push->host = apr_pstrdup(p, reachable(json_string_value(host)));
    }
    if (port != NULL) {
        json_int_t n = json_integer_value(port);

        if (n < 1 || n > 65535) {
            return "port must be a number from 1 to 65535";
        }
        push->port = (int)n;
    }
    if (wake != NULL && !json_is_null(wake)) {
        if (!json_is_string(wake)) {
            return "database.wake must be the path of a socket";
        }
        push->wake = apr_pstrdup(p, json_string_value(wake));
    }
    if (json_is_string(handoff) && json_string_length(handoff) > 0) {
        push->handoff = apr_pstrdup(p, json_string_value(handoff));
    }
    else if (handoff != NULL && !json_is_null(handoff)) {
        return "handoff.path must be the path of a socket";
    }
    return NULL;
}

static const char *set_push(cmd_parms *cmd, void *dir, const char *arg)
{
    const char *path = ap_server_root_relative(cmd->pool, arg);
    chat_push_t *push = apr_pcalloc(cmd->pool, sizeof(*push));
    chat_apps_t apps = { NULL, 0 };
    json_t *root = NULL;
    const char *why = NULL;

    (void)dir;
    if (path == NULL) {
        return apr_pstrcat(cmd->pool, "ChatPushConfig: ", arg, " is no path",
                           NULL);
    }
    if (chat_conf_load(&root, path, &why, cmd->pool) != APR_SUCCESS) {
        return apr_pstrcat(cmd->pool, "ChatPushConfig: ", why, NULL);
    }
    if (chat_apps_read(&apps, root, &why, cmd->pool) == APR_SUCCESS) {
        why = apps.n == 0 ? "it names no app (appManager.array.apps)"
                          : push_read(push, root, cmd->pool);
    }
    push->apps = apps;
    push->app = why == NULL ? log_app(&push->apps, root) : NULL;
    json_decref(root);
    if (why == NULL && push->app == NULL) {
        why = "database.app names no app";
    }
    if (why != NULL) {
        return apr_pstrcat(cmd->pool, "ChatPushConfig ", path, ": ", why, NULL);
    }
    push->path = path;
    conf_of(cmd)->push = push;
    return NULL;
}

static const char *set_keys(cmd_parms *cmd, void *dir, const char *arg)
{
    chat_server_t *conf = conf_of(cmd);
    const char *why = "";
    chat_keyring_t *ring;

    (void)dir;
    if (strcasecmp(arg, "off") == 0) {
        conf->ring_setting = "";
        conf->ring = NULL;
        return NULL;
    }
    if (chat_keyring_open(&ring, arg, &why, cmd->pool) != APR_SUCCESS) {
        return apr_pstrcat(cmd->pool, "ChatKeys: ", why, NULL);
    }
    conf->ring = ring;
    conf->ring_setting = arg;
    return NULL;
}

static const char *set_handoff(cmd_parms *cmd, void *dir, const char *arg)
{
    int *to = &((chat_dir_t *)dir)->handoff;

    (void)cmd;
    if (strcasecmp(arg, "On") == 0) {
        *to = CHAT_HANDOFF_ON;
    }
    else if (strcasecmp(arg, "PlainOnly") == 0) {
        *to = CHAT_HANDOFF_PLAIN_ONLY;
    }
    else if (strcasecmp(arg, "Off") == 0) {
        *to = CHAT_HANDOFF_OFF;
    }
    else {
        return "ChatHandoff: On, PlainOnly or Off";
    }
    return NULL;
}

/* So many a minute, and how many of them at once. @return 0: it is neither that nor off
 */
static int rate_per_minute(chat_rate_t *to, const char *rate, const char *burst,
                           apr_int64_t most)
{
    apr_int64_t n, at_once = to->burst;

    if (strcasecmp(rate, "off") == 0 && burst == NULL) {
        to->interval = 0;
        to->burst = 1;
        return 1;
    }
    if (!chat_form_number(&n, rate) || n < 1 || n > most ||
        (burst != NULL && (!chat_form_number(&at_once, burst) || at_once < 1 ||
                           at_once > MAX_BURST))) {
        return 0;
    }
    to->interval = (apr_uint32_t)(MINUTE_MS / n);
    to->burst = (apr_uint32_t)at_once;
    return 1;
}

static const char *set_send_rate(cmd_parms *cmd, void *dir, const char *rate,
                                 const char *burst)
{
    chat_rate_t *to = &conf_of(cmd)->send;

    (void)dir;
    *to = default_send;
    return rate_per_minute(to, rate, burst, MAX_PER_MINUTE)
               ? NULL
               : "ChatSendRate: messages per minute (1 to 6000) and how many "
                 "at once, or off";
}

static const char *set_request_rate(cmd_parms *cmd, void *dir, const char *rate,
                                    const char *burst)
{
    chat_rate_t *to = &conf_of(cmd)->request;

    (void)dir;
    to->burst = 100;
    return rate_per_minute(to, rate, burst, MINUTE_MS)
               ? NULL
               : "ChatRequestRate: requests per minute (1 to 60000) and how "
                 "many at once, or off";
}

static const char *set_login_rate(cmd_parms *cmd, void *dir, const char *count,
                                  const char *window)
{
    chat_rate_t *to = &conf_of(cmd)->login;
    apr_interval_time_t time = apr_time_from_sec(900);
    apr_int64_t n;

    (void)dir;
    if (strcasecmp(count, "off") == 0 && window == NULL) {
        to->interval = 0;
        to->burst = 1;
        return NULL;
    }
    if (!chat_form_number(&n, count) || n < 1 || n > MAX_BURST ||
        (window != NULL &&
         (ap_timeout_parameter_parse(window, &time, "s") != APR_SUCCESS ||
          time < apr_time_from_sec(1) ||
          time > apr_time_from_sec(7 * 24 * 3600)))) {
        return "ChatLoginRate: failed log-ins and the time they count, or off";
    }
    to->interval = (apr_uint32_t)(apr_time_as_msec(time) / n);
    if (to->interval == 0) {
        to->interval = 1;
    }
    to->burst = (apr_uint32_t)n;
    return NULL;
}

static const char *set_search_rate(cmd_parms *cmd, void *dir, const char *rate,
                                   const char *burst)
{
    chat_rate_t *to = &conf_of(cmd)->search;

    (void)dir;
    *to = default_search;
    return rate_per_minute(to, rate, burst, MAX_PER_MINUTE)
               ? NULL
               : "ChatSearchRate: searches per minute (1 to 6000) and how many "
                 "at once, or off";
}

static const char *set_uploads(cmd_parms *cmd, void *dir, const char *account,
                               const char *address)
{
    chat_server_t *conf = conf_of(cmd);
    apr_int64_t own, all = DEFAULT_UPLOADS_ADDRESS;

    (void)dir;
    if (strcasecmp(account, "off") == 0 && address == NULL) {
        conf->uploads_account = conf->uploads_address = 0;
        return NULL;
    }
    if (!chat_form_number(&own, account) || own < 1 || own > MAX_UPLOADS ||
        (address != NULL && (!chat_form_number(&all, address) || all < own ||
                             all > MAX_UPLOADS))) {
        return "ChatUploadsAtOnce: uploads of an account (1 to 1000) and of an "
               "address (not fewer), or off";
    }
    conf->uploads_account = (int)own;
    conf->uploads_address = (int)(all < own ? own : all);
    return NULL;
}

static const char *set_max_body(cmd_parms *cmd, void *dir, const char *arg)
{
    apr_int64_t n;

    (void)dir;
    if (!chat_form_number(&n, arg) || n < 1024 || n > 16 * 1024 * 1024) {
        return "ChatMaxBody: bytes from 1024 to 16777216";
    }
    conf_of(cmd)->max_body = n;
    return NULL;
}

static const char *add_origin(cmd_parms *cmd, void *dir, const char *arg)
{
    chat_server_t *conf = conf_of(cmd);
    const char *origin = chat_origin_canonical(arg, cmd->pool);

    (void)dir;
    if (origin == NULL) {
        return apr_pstrcat(cmd->pool, "ChatOrigin: ", arg,
                           " is not of the form scheme://host[:port]: ",
                           chat_origin_why(arg), NULL);
    }
    if (conf->origins == NULL) {
        conf->origins = apr_array_make(cmd->pool, 4, sizeof(const char *));
    }
    APR_ARRAY_PUSH(conf->origins, const char *) = origin;
    return NULL;
}

/* none, self or an origin; in the form the policy wants. */
static const char *add_frame_ancestor(cmd_parms *cmd, void *dir,
                                      const char *arg)
{
    chat_server_t *conf = conf_of(cmd);
    const char *source = strcasecmp(arg, "none") == 0 ? "'none'"
                         : strcasecmp(arg, "self") == 0
                             ? "'self'"
                             : chat_origin_canonical(arg, cmd->pool);

    (void)dir;
    if (source == NULL) {
        return apr_pstrcat(cmd->pool, "ChatFrameAncestors: ", arg,
                           " is neither none, self nor of the form "
                           "https://host[:port]",
                           NULL);
    }
    if (conf->frames == NULL) {
        conf->frames = apr_array_make(cmd->pool, 2, sizeof(const char *));
    }
    APR_ARRAY_PUSH(conf->frames, const char *) = source;
    if (conf->frames->nelts > 1 &&
        (strcmp(source, "'none'") == 0 ||
         strcmp(APR_ARRAY_IDX(conf->frames, 0, const char *), "'none'") == 0)) {
        return "ChatFrameAncestors: none stands alone";
    }
    return NULL;
}

static const char *add_staff_role(cmd_parms *cmd, void *dir, const char *arg)
{
    chat_server_t *conf = conf_of(cmd);

    (void)dir;
    if (conf->staff_roles == NULL) {
        conf->staff_roles = apr_array_make(cmd->pool, 4, sizeof(const char *));
    }
    APR_ARRAY_PUSH(conf->staff_roles, const char *) = arg;
    return NULL;
}

static const char *set_last_seen(cmd_parms *cmd, void *dir, int on)
{
    (void)dir;
    conf_of(cmd)->last_seen = on;
    return NULL;
}

static const char *set_edit_window(cmd_parms *cmd, void *dir, const char *arg)
{
    (void)dir;
    return parse_time(cmd, &conf_of(cmd)->edit_window, arg, 0);
}

static const char *set_delete_window(cmd_parms *cmd, void *dir, const char *arg)
{
    (void)dir;
    return parse_time(cmd, &conf_of(cmd)->delete_window, arg, 0);
}

/* A text between bars, which statements look for likewise. */
static const char *add_closed_status(cmd_parms *cmd, void *dir, const char *arg)
{
    chat_server_t *conf = conf_of(cmd);

    (void)dir;
    if (*arg == '\0' || strchr(arg, '|') != NULL) {
        return "ChatClosedStatus takes names of a consultation's status";
    }
    if (conf->closed_list == NULL) {
        conf->closed_list = "|";
    }
    if (strcasecmp(arg, "none") != 0) {
        conf->closed_list = apr_pstrcat(cmd->pool, conf->closed_list, arg, "|",
                                        NULL);
    }
    return NULL;
}

static const char *set_audit(cmd_parms *cmd, void *dir, const char *arg)
{
    int *to = &conf_of(cmd)->audit;

    (void)dir;
    if (strcasecmp(arg, "On") == 0) {
        *to = CHAT_AUDIT_ON;
    }
    else if (strcasecmp(arg, "Strict") == 0) {
        *to = CHAT_AUDIT_STRICT;
    }
    else if (strcasecmp(arg, "Off") == 0) {
        *to = CHAT_AUDIT_OFF;
    }
    else {
        return "ChatAudit: Off, On or Strict";
    }
    return NULL;
}

static const char *set_audit_key(cmd_parms *cmd, void *dir, const char *arg)
{
    chat_server_t *conf = conf_of(cmd);
    const char *why = "", *id;
    chat_keyring_t *ring;

    (void)dir;
    conf->audit_ring_set = 1;
    conf->audit_ring = NULL;
    if (strcasecmp(arg, "off") == 0) {
        return NULL;
    }
    if (chat_keyring_open(&ring, arg, &why, cmd->pool) != APR_SUCCESS) {
        return apr_pstrcat(cmd->pool, "ChatAuditKey: ", why, NULL);
    }
    if (chat_keyring_key(ring, 0, &id) == NULL) {
        return "ChatAuditKey: file:/path, or off";
    }
    conf->audit_ring = ring;
    return NULL;
}

static const char *set_audit_spool(cmd_parms *cmd, void *dir, const char *arg)
{
    (void)dir;
    if (arg[0] != '/' || strlen(arg) > 512) {
        return "ChatAuditSpool: the absolute path of a directory";
    }
    conf_of(cmd)->audit_spool = arg;
    return NULL;
}

static const char *set_break_glass(cmd_parms *cmd, void *dir, const char *arg)
{
    (void)dir;
    if (strcasecmp(arg, "Off") == 0) {
        conf_of(cmd)->break_glass = 0;
        return NULL;
    }
    return parse_time(cmd, &conf_of(cmd)->break_glass, arg,
                      apr_time_from_sec(1));
}

/* A number within bounds. */
static int number_in(apr_uint32_t *to, const char *arg, apr_int64_t least,
                     apr_int64_t most)
{
    apr_int64_t n;

    if (!chat_form_number(&n, arg) || n < least || n > most) {
        return 0;
    }
    *to = (apr_uint32_t)n;
    return 1;
}

static const char *set_password_hash(cmd_parms *cmd, void *dir, int argc,
                                     char *const argv[])
{
    chat_hashing_t *to = &conf_of(cmd)->password;
    apr_uint32_t cost = DEFAULT_COST;

    (void)dir;
    to->argon2 = argc > 0 && strcasecmp(argv[0], "argon2id") == 0;
    to->kilobytes = 65536;
    to->passes = 4;
    to->lanes = 1;
    if (argc == 0 ||
        (!to->argon2 && (strcasecmp(argv[0], "bcrypt") != 0 || argc > 2 ||
                         (argc == 2 && !number_in(&cost, argv[1], 4, 17)))) ||
        (to->argon2 &&
         (argc > 4 ||
          (argc > 1 && !number_in(&to->kilobytes, argv[1], 8192, 4194304)) ||
          (argc > 2 && !number_in(&to->passes, argv[2], 1,
                                  CHAT_PHC_PASSES_MAX)) ||
          (argc > 3 &&
           !number_in(&to->lanes, argv[3], 1, CHAT_PHC_LANES_MAX))))) {
        return "ChatPasswordHash: bcrypt and a cost (4 to 17), or argon2id and "
               "kB (8192 or more), passes (1 to 64) and threads (1 to 16)";
    }
    to->cost = (int)cost;
    return NULL;
}

static const char *set_password_memory(cmd_parms *cmd, void *dir,
                                       const char *arg)
{
    apr_uint32_t mb;

    (void)dir;
    if (!number_in(&mb, arg, 8, 4096)) {
        return "ChatPasswordMemory: MB, 8 to 4096";
    }
    conf_of(cmd)->password.memory = mb * 1024;
    return NULL;
}

static const char *set_password_at_once(cmd_parms *cmd, void *dir,
                                        const char *arg)
{
    apr_uint32_t n;

    (void)dir;
    if (!number_in(&n, arg, 1, 1000)) {
        return "ChatPasswordAtOnce: a number from 1 to 1000";
    }
    conf_of(cmd)->password.at_once = (int)n;
    return NULL;
}

/* A variable that CGI makes of a header is the client's word. */
static const char *set_user_from(cmd_parms *cmd, void *dir, const char *arg)
{
    (void)dir;
    if (strcasecmp(arg, "REMOTE_USER") == 0) {
        conf_of(cmd)->user_from = NULL;
        return NULL;
    }
    if (strncmp(arg, "env:", 4) != 0 || arg[4] == '\0' ||
        strncasecmp(arg + 4, "HTTP_", 5) == 0) {
        return "ChatUserFrom: REMOTE_USER, or env: and the name of a variable "
               "that an authentication module sets (not HTTP_…, which are the "
               "client's headers)";
    }
    conf_of(cmd)->user_from = arg + 4;
    return NULL;
}

static const char *set_user_by(cmd_parms *cmd, void *dir, const char *arg)
{
    static const char *const ways[] = { [CHAT_BY_EMAIL_OR_NAME] = "any",
                                        [CHAT_BY_EMAIL] = "email",
                                        [CHAT_BY_NAME] = "name",
                                        [CHAT_BY_ID] = "id",
                                        [CHAT_BY_TABLE] = "table" };

    (void)dir;
    for (int i = 0; i < (int)(sizeof(ways) / sizeof(ways[0])); i++) {
        if (strcasecmp(arg, ways[i]) == 0) {
            conf_of(cmd)->user_by = i;
            return NULL;
        }
    }
    return "ChatUserBy: any, email, name, id or table";
}

/* A path of this site, or an address; it comes to stand in a header and in JSON
 * that a page holds. */
static const char *set_logout_url(cmd_parms *cmd, void *dir, const char *arg)
{
    int path = arg[0] == '/' && arg[1] != '/' && arg[1] != '\\';

    (void)dir;
    if ((!path && strncmp(arg, "https://", 8) != 0 &&
         strncmp(arg, "http://", 7) != 0) ||
        strlen(arg) > 1000) {
        return "ChatLogoutURL: a path that begins with one /, or http:// or "
               "https:// and the rest";
    }
    for (const char *c = arg; *c != '\0'; c++) {
        if (*c <= ' ' || *c >= 0x7f || strchr("\"<>\\", *c) != NULL) {
            return "ChatLogoutURL: ASCII without spaces, quotes and < >";
        }
    }
    conf_of(cmd)->logout_url = arg;
    return NULL;
}

/* A key to those the host has already. */
static const char *laravel_key_add(cmd_parms *cmd, const char *text)
{
    chat_server_t *conf = conf_of(cmd);

    if (conf->laravel_keys == NULL) {
        conf->laravel_keys = apr_pcalloc(cmd->pool,
                                         sizeof(*conf->laravel_keys));
    }
    if (conf->laravel_keys->n == CHAT_LARAVEL_KEYS) {
        return "ChatLaravelKey: at most 8 keys";
    }
    if (!chat_laravel_key(conf->laravel_keys->key[conf->laravel_keys->n], text,
                          cmd->temp_pool)) {
        return "ChatLaravelKey: the application's APP_KEY, base64: and 32 "
               "bytes, or file: and a file with it";
    }
    conf->laravel_keys->n++;
    return NULL;
}

/* The key itself, or file: and where it stands, on a line of its own. */
static const char *add_laravel_key(cmd_parms *cmd, void *dir, const char *arg)
{
    const char *path, *wrong = NULL;
    char line[128];
    apr_file_t *file;
    int n = 0;

    (void)dir;
    if (strncmp(arg, "file:", 5) != 0) {
        return laravel_key_add(cmd, arg);
    }
    path = ap_server_root_relative(cmd->temp_pool, arg + 5);
    if (path == NULL || apr_file_open(&file, path, APR_FOPEN_READ, 0,
                                      cmd->temp_pool) != APR_SUCCESS) {
        return apr_pstrcat(cmd->pool, "ChatLaravelKey: cannot read ", arg + 5,
                           NULL);
    }
    while (wrong == NULL &&
           apr_file_gets(line, sizeof(line), file) == APR_SUCCESS) {
        if (line[strspn(line, " \t\r\n")] != '\0') {
            wrong = laravel_key_add(cmd, line);
            n++;
        }
    }
    apr_file_close(file);
    return n == 0 ? laravel_key_add(cmd, "") : wrong;
}

static const char *set_laravel_cookie(cmd_parms *cmd, void *dir,
                                      const char *arg)
{
    (void)dir;
    if (*arg == '\0' || arg[strcspn(arg, "=;, \t")] != '\0') {
        return "ChatLaravelCookie: the name of a cookie";
    }
    conf_of(cmd)->laravel_cookie = arg;
    return NULL;
}

static const char *set_laravel_lifetime(cmd_parms *cmd, void *dir,
                                        const char *arg)
{
    (void)dir;
    return parse_time(cmd, &conf_of(cmd)->laravel_lifetime, arg,
                      apr_time_from_sec(60));
}

/* role=time */
static const char *add_idle(cmd_parms *cmd, void *dir, const char *arg)
{
    chat_server_t *conf = conf_of(cmd);
    const char *time = strchr(arg, '=');
    apr_interval_time_t value = 0;
    const char *wrong;
    chat_idle_t *rule;

    (void)dir;
    if (time == NULL || time == arg) {
        return "ChatIdle: a role and a time, as doctor=15min";
    }
    wrong = parse_time(cmd, &value, time + 1, apr_time_from_sec(60));
    if (wrong != NULL || apr_time_sec(value) > INT_MAX) {
        return wrong != NULL ? wrong : "ChatIdle: the time is too long";
    }
    if (conf->idle == NULL) {
        conf->idle = apr_array_make(cmd->pool, 4, sizeof(chat_idle_t));
    }
    rule = apr_array_push(conf->idle);
    rule->role = apr_pstrmemdup(cmd->pool, arg, (apr_size_t)(time - arg));
    rule->seconds = (int)apr_time_sec(value);
    return NULL;
}

/* Quotes may join words, as "role=doctor staff"; each is one condition. */
static const char *add_channel(cmd_parms *cmd, void *dir, int argc,
                               char *const argv[])
{
    chat_server_t *conf = conf_of(cmd);
    apr_array_header_t *words = apr_array_make(cmd->temp_pool, 4,
                                               sizeof(const char *));
    const char *why;

    (void)dir;
    if (argc == 0) {
        return "ChatChannel: a pattern, as doctor.{id}.availability, and who "
               "may";
    }
    for (int i = 1; i < argc; i++) {
        APR_ARRAY_PUSH(words, const char *) = argv[i];
    }
    if (conf->channels == NULL) {
        conf->channels = apr_array_make(cmd->pool, 4,
                                        sizeof(chat_channel_rule_t));
    }
    why = chat_channel_rule_parse(apr_array_push(conf->channels), argv[0],
                                  words, cmd->pool);
    return why != NULL ? apr_psprintf(cmd->pool, "ChatChannel %s: %s", argv[0],
                                      why)
                       : NULL;
}

/* Every directive. The sentence is also the one in conf/chat.conf and ends with
 * unit and default. */
/* clang-format off */
const command_rec chat_commands[] = {
    AP_INIT_FLAG("Chat", set_on, NULL, RSRC_CONF | ACCESS_CONF,
        "Whether the chat's URLs are answered here. On or Off; Off."),
    AP_INIT_TAKE1("ChatDatabase", set_database, NULL, RSRC_CONF,
        "The database: sqlite: and the absolute path of a file, or a "
        "postgresql:// URL. No default."),
    AP_INIT_TAKE1("ChatDatabasePool", set_db_max, NULL, RSRC_CONF,
        "How many database connections each child process may hold. "
        "Connections; 15."),
    AP_INIT_TAKE1("ChatDatabaseWait", set_db_wait, NULL, RSRC_CONF,
        "How long a request waits for a free connection before it is answered "
        "503. Seconds, or with ms; 2."),
    AP_INIT_TAKE1("ChatDatabaseBusy", set_db_busy, NULL, RSRC_CONF,
        "How long a request waits for another writer's lock before it is "
        "answered 503. Seconds, or with ms; 5."),
    AP_INIT_TAKE1("ChatDatabaseSync", set_db_sync, NULL, RSRC_CONF,
        "SQLite: whether an answered message survives a power cut (Full), or "
        "the last ones may be lost for fewer waits for the disk (Normal). "
        "Full or Normal; Full."),
    AP_INIT_TAKE1("ChatHtdocs", set_htdocs, NULL, RSRC_CONF,
        "The directory with index.html and login.html. No default."),
    AP_INIT_TAKE1("ChatPrefix", set_prefix, NULL, RSRC_CONF,
        "What the path of every URL of the chat begins with. A path as "
        "/clinic/; /."),
    AP_INIT_TAKE1("ChatPushConfig", set_push, NULL, RSRC_CONF,
        "chat-push's configuration file: key, secret, address and wake-up "
        "socket are read from it. No default."),
    AP_INIT_TAKE1("ChatKeys", set_keys, NULL, RSRC_CONF,
        "What wraps the keys that texts in the database and files below "
        "ChatFiles are encrypted with. file:/path, command:/path, or off; off."),
    AP_INIT_TAKE1("ChatHandoff", set_handoff, NULL, RSRC_CONF | ACCESS_CONF,
        "Which WebSockets are handed over to chat-push, where its "
        "configuration file has a handoff.path: all that can be (On), those "
        "without TLS (PlainOnly) or none (Off). On, PlainOnly or Off; On."),
    AP_INIT_TAKE1("ChatSessionLifetime", set_session, NULL, RSRC_CONF,
        "How long a log-in lasts. Seconds, or with min or h; 336h."),
    AP_INIT_TAKE12("ChatSendRate", set_send_rate, NULL, RSRC_CONF,
        "How many messages an account may send, and how many of them at once. "
        "Messages per minute and messages, or off; 300 100."),
    AP_INIT_TAKE12("ChatRequestRate", set_request_rate, NULL, RSRC_CONF,
        "How many requests an address may send, and how many of them at once. "
        "Requests per minute and requests, or off; off."),
    AP_INIT_TAKE12("ChatLoginRate", set_login_rate, NULL, RSRC_CONF,
        "How many log-ins may fail, per account and per address, before more "
        "are refused, and how long each counts. Log-ins and seconds, or off; "
        "10 900."),
    AP_INIT_TAKE12("ChatSearchRate", set_search_rate, NULL, RSRC_CONF,
        "How many searches an account may do, and how many of them at once. "
        "Searches per minute and searches, or off; 1200 300."),
    AP_INIT_TAKE12("ChatUploadsAtOnce", set_uploads, NULL, RSRC_CONF,
        "How many uploads an account may have under way at once, and how many "
        "bodies that do not come in one piece an address. Uploads and bodies, "
        "or off; 16 64."),
    AP_INIT_TAKE1("ChatMaxBody", set_max_body, NULL, RSRC_CONF,
        "The largest request body read. Bytes; 65536."),
    AP_INIT_TAKE1("ChatFilesProgram", chat_scan_set_program, NULL, RSRC_CONF,
        "The program that looks at uploaded files. A path; where make install "
        "has put chat-files."),
    AP_INIT_TAKE1("ChatScan", chat_scan_set_scanner, NULL, RSRC_CONF,
        "Who says whether an uploaded file is infected: clamd: and its socket "
        "or host:port, or command: and a program, which is given the file's "
        "path and exits with 0 (clean), 1 (infected) or anything else (could "
        "not tell). off, clamd:/path, clamd:host:port or command:/path; off."),
    AP_INIT_TAKE1("ChatScanTimeout", chat_scan_set_timeout, NULL, RSRC_CONF,
        "How long the scanner may take for a file. Seconds, or with ms; 30."),
    AP_INIT_TAKE1("ChatScanRetries", chat_scan_set_retries, NULL, RSRC_CONF,
        "How often a scanner that is away or late is asked again, after 1 s, "
        "2 s, 4 s and so on, before the file is refused. Times; 5."),
    AP_INIT_TAKE1("ChatMaxPixels", chat_scan_set_max_pixels, NULL, RSRC_CONF,
        "The largest image that a thumbnail is made of. Pixels; 50000000."),
    AP_INIT_ITERATE("ChatOrigin", add_origin, NULL, RSRC_CONF,
        "Other origins whose pages may use the chat's URLs, with a token or a "
        "user's cookie (CORS). scheme://host[:port]; the site's own only."),
    AP_INIT_ITERATE("ChatFrameAncestors", add_frame_ancestor, NULL, RSRC_CONF,
        "Whose pages may show the chat in a frame. none, self, or origins as "
        "https://host[:port]; none."),
    AP_INIT_ITERATE("ChatStaffRoles", add_staff_role, NULL, RSRC_CONF,
        "Roles that may read and write every conversation. Names; admin."),
    AP_INIT_TAKE1("ChatAudit", set_audit, NULL, RSRC_CONF,
        "Whether log-ins, reads, writes and refused accesses are written into "
        "the audit log, and whether an answer waits until its entry is on the "
        "disk (Strict). Off, On or Strict; Off."),
    AP_INIT_TAKE1("ChatAuditKey", set_audit_key, NULL, RSRC_CONF,
        "What the audit log is sealed with, so that nobody without it writes it "
        "anew. file:/path, or off; off."),
    AP_INIT_TAKE1("ChatAuditSpool", set_audit_spool, NULL, RSRC_CONF,
        "The directory where entries of the audit log wait for the database; "
        "httpd's children write it. An absolute path; no default."),
    AP_INIT_TAKE1("ChatLogoutURL", set_logout_url, NULL, RSRC_CONF,
        "Where the page sends a user whom Apache has authenticated and who signs "
        "out. A path or an address; no such page, and no button."),
    AP_INIT_ITERATE("ChatLaravelKey", add_laravel_key, NULL, RSRC_CONF,
        "The APP_KEY of a Laravel application in whose database the chat is: "
        "who is logged in there is logged in here; behind it those it had "
        "before. base64: and the key, or file: and a file with one a line; no "
        "such cookies are looked at."),
    AP_INIT_TAKE1("ChatLaravelCookie", set_laravel_cookie, NULL, RSRC_CONF,
        "The name of its session cookie. A name; laravel_session."),
    AP_INIT_TAKE1("ChatLaravelLifetime", set_laravel_lifetime, NULL, RSRC_CONF,
        "How long its sessions last without a request. Seconds, or with min or "
        "h; 120min."),
    AP_INIT_ITERATE("ChatTokenType", chat_logins_add_type, NULL, RSRC_CONF,
        "What tokenable_type says of a person's token, as the application's "
        "morph map has it; new tokens get the first. Names; what Laravel says "
        "without a map."),
    AP_INIT_FLAG("ChatForeignRehash", chat_logins_set_rehash, NULL, RSRC_CONF,
        "Whether a password's hash that another program replaces by one of "
        "another kind or cost is the same password hashed anew, as at a log-in "
        "of Laravel's: then log-ins stay. On or Off; Off."),
    AP_INIT_ITERATE("ChatIdle", add_idle, NULL, RSRC_CONF,
        "Who is logged off after doing nothing for how long. Roles and times, "
        "as doctor=15min patient=4h; nobody is."),
    AP_INIT_TAKE_ARGV("ChatPasswordHash", set_password_hash, NULL, RSRC_CONF,
        "How new passwords are hashed. bcrypt and its cost, or argon2id with "
        "kB, passes and threads; bcrypt 12."),
    AP_INIT_TAKE1("ChatPasswordMemory", set_password_memory, NULL, RSRC_CONF,
        "How much memory checking a password may take; hashes that want more "
        "are nobody's. MB; 128."),
    AP_INIT_TAKE1("ChatPasswordAtOnce", set_password_at_once, NULL, RSRC_CONF,
        "How many passwords each child process checks at a time. Passwords; 4."),
    AP_INIT_TAKE1("ChatUserFrom", set_user_from, NULL, RSRC_CONF,
        "What names the user whom Apache has authenticated. REMOTE_USER, or "
        "env: and an environment variable; REMOTE_USER."),
    AP_INIT_TAKE1("ChatUserBy", set_user_by, NULL, RSRC_CONF,
        "How that name is looked up: as an e-mail address or else a name "
        "(any), as one of the two, as the user's id, or in the table "
        "chat_logins. any, email, name, id or table; any."),
    AP_INIT_TAKE_ARGV("ChatChannel", add_channel, NULL, RSRC_CONF,
        "Who may subscribe to the channels of a name. A pattern, and one or "
        "more of any, self, member, staff and role=…, or nobody; the built-in "
        "rules."),
    AP_INIT_TAKE1("ChatEditWindow", set_edit_window, NULL, RSRC_CONF,
        "How long after it was sent the author may change a message's text. "
        "Seconds, or with min or h; 15min."),
    AP_INIT_TAKE1("ChatDeleteWindow", set_delete_window, NULL, RSRC_CONF,
        "How long after it was sent the author may delete a message; staff may "
        "always. Seconds, or with min or h; 30min."),
    AP_INIT_ITERATE("ChatClosedStatus", add_closed_status, NULL, RSRC_CONF,
        "In which status a consultation is closed: it can be read, and nothing "
        "written any more. Names, or none; completed cancelled."),
    AP_INIT_TAKE1("ChatBreakGlass", set_break_glass, NULL, RSRC_CONF,
        "How long staff may read and write a conversation that is not theirs "
        "once they have said why; its people are told. Off: they see all "
        "without. Seconds, or with min or h, or Off; Off."),
    AP_INIT_FLAG("ChatLastSeen", set_last_seen, NULL, RSRC_CONF,
        "Whether the members of a conversation see when each other was last "
        "there. On."),
    AP_INIT_TAKE1("ChatFiles", chat_files_set_dir, NULL, RSRC_CONF,
        "The directory that uploaded files are kept in, outside every "
        "DocumentRoot. An absolute path; none: no files are taken."),
    AP_INIT_TAKE1("ChatMaxFile", chat_files_set_size,
        (void *)APR_OFFSETOF(chat_files_conf_t, max), RSRC_CONF,
        "The largest file taken. Bytes; 10485760."),
    AP_INIT_TAKE1("ChatMaxFiles", chat_files_set_most, NULL, RSRC_CONF,
        "How many files a message may have. Files; 10."),
    AP_INIT_ITERATE("ChatFileTypes", chat_files_add_type, NULL, RSRC_CONF,
        "The kinds of files taken. Words; jpeg png gif webp pdf text mp4 webm "
        "ogg mp3 wav."),
    AP_INIT_TAKE1("ChatUserQuota", chat_files_set_size,
        (void *)APR_OFFSETOF(chat_files_conf_t, user), RSRC_CONF,
        "How much all files of an account may take. Bytes, or off; "
        "1073741824."),
    AP_INIT_TAKE1("ChatConversationQuota", chat_files_set_size,
        (void *)APR_OFFSETOF(chat_files_conf_t, talk), RSRC_CONF,
        "How much all files of a conversation may take. Bytes, or off; "
        "1073741824."),
    AP_INIT_TAKE1("ChatUploadExpires", chat_files_set_time,
        (void *)APR_OFFSETOF(chat_files_conf_t, expires), RSRC_CONF,
        "How long an uploaded file waits to be sent in a message. Seconds, or "
        "with min or h; 24h."),
    AP_INIT_TAKE1("ChatScanWait", chat_files_set_time,
        (void *)APR_OFFSETOF(chat_files_conf_t, wait), RSRC_CONF,
        "How long a request waits until its files have been looked at, before "
        "it is answered that this takes longer. Seconds, or with min; 10."),
    AP_INIT_TAKE12("ChatUploadPace", chat_files_set_pace, NULL, RSRC_CONF,
        "How fast a body with files has to come on average, and after which "
        "time that is looked at. Bytes per second and seconds, or off; 2048 "
        "30."),
    AP_INIT_TAKE1("ChatFileLink", chat_files_set_time,
        (void *)APR_OFFSETOF(chat_files_conf_t, link), RSRC_CONF,
        "How long a signed link to a file works. Seconds, or with min; 300."),
    { NULL }
};
/* clang-format on */
