/* SPDX-License-Identifier: Apache-2.0 */
/*
 * mod_chat.c - the module: where httpd calls us, and what each child is given.
 *
 *   configuration  directives are read and checked (config.c); limits get their
 *                  shared memory (limiter.c)
 *   child          a database pool, a link to chat-push's HTTP API, one to its
 *                  wake-up socket and some over which sockets are handed over;
 *                  virtual hosts with equal settings share them
 *   request        URLs of ours skip the file system and go to routes.c, and
 *                  WebSockets to upgrade.c, before mod_proxy can have them
 *                  A browser's question about a page of another origin is answered
 *                  by cors.c before anybody has to log in
 *
 * Threads: what a child is given is made before its threads start and is safe
 * for all of them; everything else belongs to one request.
 */
#include <httpd.h>
#include <string.h>
#include <apr_strings.h>
#include <http_config.h>
#include <http_core.h>
#include <http_log.h>
#include <http_protocol.h>
#include <http_request.h>
#include <mod_status.h>
#include <mpm_common.h>

#include "access_log.h"
#include "appkeys.h"
#include "audit.h"
#include "auth.h"
#include "care.h"
#include "chat_module.h"
#include "companion.h"
#include "config.h"
#include "cors.h"
#include "errors.h"
#include "files_worker.h"
#include "handlers.h"
#include "keys.h"
#include "limiter.h"
#include "sniff.h"
#include "owner.h"
#include "routes.h"
#include "startup.h"
#include "status.h"
#include "outcome.h"
#include "places.h"
#include "tls_pump.h"
#include "tls_room.h"
#include "trigger.h"
#include "upgrade.h"
#include "wakeup.h"

/* What marks a request as ours, from its name to its handler: one of the chat's
 * URLs, a browser's question whether a page may ask for one, or a WebSocket that
 * nobody else would serve. */
static const char HANDLER[] = "chat";
static const char PREFLIGHT[] = "chat-preflight";
static const char UPGRADE[] = "chat-upgrade";

/* Every host that answers chat URLs has all it needs, or httpd does not start.
 */
static int check_config(apr_pool_t *p, apr_pool_t *plog, apr_pool_t *ptemp,
                        server_rec *s)
{
    server_rec *first = s;

    (void)plog;
    (void)ptemp;
    for (; s != NULL; s = s->next) {
        chat_server_t *conf = chat_server_of(s);
        const char *why;

        if (conf->prefix == NULL) {
            conf->prefix = "";
        }
        why = conf->used ? chat_server_check(conf, p) : NULL;
        if (why == NULL) {
            why = chat_server_clash(first, s, p);
        }
        if (why == NULL && conf->used) {
            why = chat_files_conf_check(&conf->files, first, 0, p);
        }
        if (why != NULL) {
            ap_log_error(APLOG_MARK, APLOG_STARTUP | APLOG_EMERG, 0, s, "%s",
                         why);
            return HTTP_INTERNAL_SERVER_ERROR;
        }
    }
    return OK;
}

/* Where uploads are to be kept, before privileges are dropped, and who looks at
 * them. */
static int files_prepare(server_rec *first, apr_pool_t *p, apr_pool_t *ptemp)
{
    apr_status_t rv;

    for (server_rec *s = first; s != NULL; s = s->next) {
        chat_server_t *conf = chat_server_of(s);
        const char *why = conf->used ? chat_files_conf_check(&conf->files,
                                                             first, 1, ptemp)
                                     : NULL;

        if (why != NULL) {
            ap_log_error(APLOG_MARK, APLOG_STARTUP | APLOG_EMERG, 0, s, "%s",
                         why);
            return HTTP_INTERNAL_SERVER_ERROR;
        }
    }
    rv = chat_files_workers_start(first, p);
    if (rv != APR_SUCCESS) {
        ap_log_error(APLOG_MARK, APLOG_STARTUP | APLOG_EMERG, rv, first,
                     "chat-files gets no socket in DefaultRuntimeDir");
        return HTTP_INTERNAL_SERVER_ERROR;
    }
    return OK;
}

static int post_config(apr_pool_t *p, apr_pool_t *plog, apr_pool_t *ptemp,
                       server_rec *s)
{
    apr_status_t rv;

    (void)plog;
    if (ap_state_query(AP_SQ_MAIN_STATE) == AP_SQ_MS_CREATE_PRE_CONFIG) {
        return OK; /* the first of two readings at start */
    }
    rv = chat_limiter_prepare(s);
    if (rv != APR_SUCCESS) {
        ap_log_error(APLOG_MARK, APLOG_EMERG, rv, s,
                     "making shared memory for the rate limits");
        return HTTP_INTERNAL_SERVER_ERROR;
    }
    rv = chat_places_prepare(s);
    if (rv != APR_SUCCESS) {
        ap_log_error(APLOG_MARK, APLOG_EMERG, rv, s,
                     "making shared memory for uploads at once");
        return HTTP_INTERNAL_SERVER_ERROR;
    }
    rv = chat_appkeys_prepare(p, s);
    if (rv != APR_SUCCESS) {
        ap_log_error(APLOG_MARK, APLOG_EMERG, rv, s,
                     "making shared memory for the keys of apps");
        return HTTP_INTERNAL_SERVER_ERROR;
    }
    rv = chat_outcome_prepare(s);
    if (rv == APR_SUCCESS) {
        rv = chat_pump_prepare(s);
    }
    if (rv != APR_SUCCESS) {
        ap_log_error(APLOG_MARK, APLOG_EMERG, rv, s,
                     "making shared memory for the counters of WebSockets");
        return HTTP_INTERNAL_SERVER_ERROR;
    }
    chat_tls_room_prepare(s, ptemp);
    chat_startup_report(s, ptemp);
    return files_prepare(s, p, ptemp);
}

/* `httpd -t` says it as well. */
static void test_config(apr_pool_t *p, server_rec *s)
{
    chat_startup_report(s, p);
}

static int same_wakeup(const chat_push_t *a, const chat_push_t *b)
{
    return a->wake == b->wake || (a->wake != NULL && b->wake != NULL &&
                                  strcmp(a->wake, b->wake) == 0);
}

/* Whether two hosts can use one pool of connections: what is committed together
 * is told to one chat-push. */
static int same_database(const chat_server_t *a, const chat_server_t *b)
{
    return strcmp(a->database, b->database) == 0 && a->db_max == b->db_max &&
           a->db_wait == b->db_wait && a->db_busy == b->db_busy &&
           a->db_normal == b->db_normal && same_wakeup(a->push, b->push);
}

/* A host before `s` that has already been given what `conf` wants. */
static const chat_server_t *database_twin(server_rec *first, server_rec *s,
                                          const chat_server_t *conf)
{
    for (; first != s; first = first->next) {
        const chat_server_t *other = chat_server_of(first);

        if (other->db != NULL && same_database(other, conf)) {
            return other;
        }
    }
    return NULL;
}

static const chat_server_t *push_twin(server_rec *first, server_rec *s,
                                      const chat_server_t *conf)
{
    for (; first != s; first = first->next) {
        const chat_server_t *other = chat_server_of(first);

        if (other->trigger != NULL && other->push == conf->push) {
            return other;
        }
    }
    return NULL;
}

/* New in the event log: chat-push hears it once for all whose rows it is. */
static void wakeup(void *data) { chat_wakeup_send(data); }

/* What opens and seals texts of the host's database. */
static apr_status_t give_keys(chat_server_t *conf, const chat_server_t *twin,
                              apr_pool_t *p)
{
    if (conf->ring == NULL) {
        return APR_SUCCESS;
    }
    if (twin != NULL && twin->ring == conf->ring) {
        conf->keys = twin->keys;
        return APR_SUCCESS;
    }
    return chat_keys_create(&conf->keys, conf->ring, conf->db, p);
}

static apr_status_t give_database(chat_server_t *conf,
                                  const chat_server_t *twin, apr_pool_t *p)
{
    chat_db_conf_t db = { .target = conf->database,
                          .max = conf->db_max,
                          .wait = conf->db_wait,
                          .busy = conf->db_busy,
                          .normal = conf->db_normal,
                          .told = wakeup,
                          .told_data = conf->wakeup };
    const char *why;
    apr_status_t rv;

    if (twin != NULL) {
        conf->db = twin->db;
        conf->marks = twin->marks;
        conf->memory = twin->memory;
        conf->logins_settled = twin->logins_settled;
        return give_keys(conf, twin, p);
    }
    conf->marks = chat_sync_marks(p);
    conf->memory = chat_auth_memory(p);
    conf->logins_settled = chat_logins_create(p);
    rv = chat_db_open(&conf->db, &db, &why, p);
    return rv == APR_SUCCESS ? give_keys(conf, NULL, p) : rv;
}

static apr_status_t give_push(chat_server_t *conf, const chat_server_t *twin,
                              apr_pool_t *p)
{
    chat_etag_key(&conf->etag_key, conf->push->app->secrets[0]);
    if (twin != NULL) {
        conf->trigger = twin->trigger;
        conf->wakeup = twin->wakeup;
        return APR_SUCCESS;
    }
    conf->wakeup = chat_wakeup_create(conf->push->wake, p);
    return chat_trigger_create(&conf->trigger, conf->push, p);
}

/* Links to chat-push, which a host needs no `Chat On` for. */
static void give_companion(server_rec *first, server_rec *s, apr_pool_t *p)
{
    chat_server_t *conf = chat_server_of(s);
    const char *path = conf->push != NULL ? conf->push->handoff : NULL;

    if (path == NULL) {
        return;
    }
    for (; first != s; first = first->next) {
        const chat_server_t *other = chat_server_of(first);

        if (other->companion != NULL &&
            strcmp(chat_companion_path(other->companion), path) == 0) {
            conf->companion = other->companion;
            return;
        }
    }
    conf->companion = chat_companion_create(path, p);
    if (conf->companion == NULL) {
        ap_log_error(APLOG_MARK, APLOG_ERR, 0, s,
                     "handoff.path of ChatPushConfig is longer than 107 bytes: "
                     "no sockets are handed over");
    }
}

/* Hosts of one database and one directory have one log. */
static apr_status_t give_audit(server_rec *first, server_rec *s, apr_pool_t *p)
{
    chat_server_t *conf = chat_server_of(s);

    for (; first != s; first = first->next) {
        const chat_server_t *other = chat_server_of(first);

        if (other->audit_log != NULL && other->db == conf->db &&
            other->audit == conf->audit &&
            other->audit_ring == conf->audit_ring &&
            strcmp(other->audit_spool, conf->audit_spool) == 0) {
            conf->audit_log = other->audit_log;
            return APR_SUCCESS;
        }
    }
    return chat_audit_start(&conf->audit_log, conf->audit_spool, conf->db,
                            conf->audit == CHAT_AUDIT_STRICT, conf->audit_ring,
                            s, p);
}

/* What a child needs to take files, if any host does. */
static void give_files(server_rec *first, apr_pool_t *p)
{
    apr_status_t rv = APR_SUCCESS;
    const char *why = "";
    server_rec *s;

    for (s = first; s != NULL; s = s->next) {
        if (chat_server_of(s)->used && chat_server_of(s)->files.dir != NULL) {
            break;
        }
    }
    if (s != NULL) {
        rv = chat_magic_load(&why, p);
    }
    if (s != NULL && rv == APR_SUCCESS) {
        rv = chat_care_start(first, p);
    }
    if (rv != APR_SUCCESS) {
        ap_log_error(APLOG_MARK, APLOG_ERR, rv, s,
                     "a child can take no files: %s", why);
    }
}

static void child_init(apr_pool_t *p, server_rec *first)
{
    chat_pump_child(chat_tls_room(), p);
    for (server_rec *s = first; s != NULL; s = s->next) {
        chat_server_t *conf = chat_server_of(s);
        apr_status_t rv;

        give_companion(first, s, p);
        if (!conf->used) {
            continue;
        }
        rv = give_push(conf, push_twin(first, s, conf), p);
        if (rv == APR_SUCCESS) {
            rv = give_database(conf, database_twin(first, s, conf), p);
        }
        if (rv == APR_SUCCESS && conf->audit > CHAT_AUDIT_OFF) {
            rv = give_audit(first, s, p);
            if (rv != APR_SUCCESS) {
                conf->db = NULL; /* no access without its entry */
            }
        }
        if (rv != APR_SUCCESS) {
            ap_log_error(APLOG_MARK, APLOG_EMERG, rv, s,
                         "a child cannot serve the chat");
        }
    }
    give_files(first, p);
}

static int is_ours(const request_rec *r, const char *as)
{
    return ap_get_module_config(r->request_config, &chat_module) == as;
}

static int claim(request_rec *r, const char *as)
{
    ap_set_module_config(r->request_config, &chat_module, (void *)as);
    r->handler = as;
    r->filename = apr_pstrdup(r->pool, r->uri); /* other modules expect one */
    return OK;
}

/* Decided here, because `Chat Off` of a <Location> is not to be seen when files
 * are mapped. Behind mod_rewrite, whose rules (to https, say) hold for us too;
 * before mod_proxy and mod_alias, which may have been given all the rest. */
static int translate_name(request_rec *r)
{
    const char *path = chat_server_path(r->server, r->uri);

    if (path == NULL || chat_dir_of(r)->on != 1 || !chat_routes_own(path)) {
        return DECLINED;
    }
    return claim(r, chat_cors_settle(r) ? PREFLIGHT : HANDLER);
}

/* Comes last: a WebSocket that no ProxyPass and no Alias took is no file. */
static int translate_upgrade(request_rec *r)
{
    return chat_upgrade_is(r) ? claim(r, UPGRADE) : DECLINED;
}

/* Our URLs are no files: httpd need not look for them, and rules about
 * directories do not apply to them. <Location> does. */
static int map_to_storage(request_rec *r)
{
    return is_ours(r, HANDLER) || is_ours(r, UPGRADE) || is_ours(r, PREFLIGHT)
               ? OK
               : DECLINED;
}

/* A browser sends no credentials with this question, and what is answered tells
 * nothing: what Apache asks a user for, it does not ask here. */
static int let_preflight_in(request_rec *r)
{
    return is_ours(r, PREFLIGHT) ? OK : DECLINED;
}

static int handler(request_rec *r)
{
    const chat_server_t *conf = chat_server_of(r->server);

    if (is_ours(r, PREFLIGHT)) {
        return chat_cors_answer(r);
    }
    if (!is_ours(r, HANDLER)) {
        return DECLINED;
    }
    if (conf->db == NULL || conf->trigger == NULL) {
        return HTTP_SERVICE_UNAVAILABLE; /* child_init has said why */
    }
    return chat_routes_answer(r);
}

/* Before mod_proxy's handler, which gets what this one declines, and with it
 * whose WebSocket it is. */
static int handler_upgrade(request_rec *r)
{
    int answer = chat_upgrade_pace(r);

    if (answer != OK) {
        return answer;
    }
    answer = chat_upgrade_is(r) ? chat_upgrade_handle(r) : DECLINED;

    if (answer == DECLINED &&
        (r->proxyreq == PROXYREQ_REVERSE ||
         (r->handler != NULL && strncmp(r->handler, "proxy:", 6) == 0))) {
        answer = chat_upgrade_pass(r);
    }
    return answer;
}

static void register_hooks(apr_pool_t *p)
{
    static const char *const before[] = { "mod_rewrite.c", NULL };
    static const char *const behind[] = { "mod_proxy.c", "mod_alias.c", NULL };

    (void)p;
    ap_hook_check_config(check_config, NULL, NULL, APR_HOOK_MIDDLE);
    ap_hook_post_config(post_config, NULL, NULL, APR_HOOK_MIDDLE);
    ap_hook_test_config(test_config, NULL, NULL, APR_HOOK_MIDDLE);
    ap_hook_monitor(chat_appkeys_monitor, NULL, NULL, APR_HOOK_MIDDLE);
    ap_hook_monitor(chat_files_workers_monitor, NULL, NULL, APR_HOOK_MIDDLE);
    ap_hook_child_init(child_init, NULL, NULL, APR_HOOK_MIDDLE);
    ap_hook_post_read_request(chat_owner_unvouch, NULL, NULL, APR_HOOK_FIRST);
    ap_hook_log_transaction(chat_access_log_redact, NULL, NULL,
                            APR_HOOK_REALLY_FIRST);
    ap_hook_translate_name(translate_name, before, behind, APR_HOOK_FIRST);
    ap_hook_map_to_storage(map_to_storage, NULL, NULL, APR_HOOK_FIRST);
    ap_hook_check_access_ex(let_preflight_in, NULL, NULL,
                            APR_HOOK_REALLY_FIRST, AP_AUTH_INTERNAL_PER_CONF);
    ap_hook_translate_name(translate_upgrade, NULL, NULL, APR_HOOK_LAST);
    ap_hook_handler(handler_upgrade, NULL, behind, APR_HOOK_FIRST);
    ap_hook_handler(handler, NULL, NULL, APR_HOOK_MIDDLE);
    chat_pump_register();
    chat_errors_register(p);
    ap_hook_suspend_connection(chat_pump_suspended, NULL, NULL,
                               APR_HOOK_REALLY_LAST);
    ap_hook_child_status(chat_pump_child_status, NULL, NULL, APR_HOOK_MIDDLE);
    ap_hook_child_status(chat_places_child_status, NULL, NULL, APR_HOOK_MIDDLE);
    APR_OPTIONAL_HOOK(ap, status_hook, chat_status, NULL, NULL,
                      APR_HOOK_MIDDLE);
}

AP_DECLARE_MODULE(chat) = { STANDARD20_MODULE_STUFF, chat_dir_create,
                            chat_dir_merge,          chat_server_create,
                            chat_server_merge,       chat_commands,
                            register_hooks,          0 };
