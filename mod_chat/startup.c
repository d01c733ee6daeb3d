/* SPDX-License-Identifier: Apache-2.0 */
/*
 * startup.c - reading httpd's configuration for pure/hazard.c; see startup.h.
 *
 *   processes  what the MPM tells, and where the directives stand
 *   hosts      which way the WebSockets of each go, and what is on that way
 *   companion  whether httpd's children can reach chat-push's socket
 *   pages      whether those of ChatOrigin get a WebSocket
 *
 * In httpd's tree included files and the insides of <IfModule> and the like
 * stand as if they had been written in their place. A directive of a virtual
 * host comes before the main server's, the last of several holds, and a
 * <Location> of the host comes behind the main server's. Patterns
 * (<LocationMatch>, ProxyPassMatch) are not judged: nothing is said of what is
 * not understood.
 */
#include "startup.h"

#include <errno.h>
#include <grp.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <apr_strings.h>
#include <ap_mpm.h>
#include <http_config.h>
#include <http_core.h>
#include <http_log.h>
#include <unixd.h>
#include <util_cfgtree.h>

#include "chat_module.h"
#include "config.h"
#include "hazard.h"

APLOG_USE_MODULE(chat);

#define GROUPS_MAX 64 /* of httpd's user that are looked at */

/* Where a host's directives are. */
typedef struct {
    server_rec *s;
    const chat_server_t *conf;
    const ap_directive_t *own; /* inside of its <VirtualHost>; NULL: main */
    const char *app;           /* "/clinic/app/" */
    apr_pool_t *p;
} scope_t;

/* --- the tree --------------------------------------------------------------
 */

static int is(const ap_directive_t *d, const char *name)
{
    return strcasecmp(d->directive, name) == 0;
}

/* The nth word of a directive, from 0, without quotes and the `>` of a section.
 * "" when there is none. */
static const char *word(const ap_directive_t *d, int n, apr_pool_t *p)
{
    const char *args = d->args != NULL ? d->args : "";
    char *found = NULL;
    size_t len;

    do {
        found = ap_getword_conf(p, &args);
    } while (n-- > 0);
    len = strlen(found);
    if (d->directive[0] == '<' && len > 0 && found[len - 1] == '>') {
        found[len - 1] = '\0';
    }
    return found;
}

static const char *place(const ap_directive_t *d, apr_pool_t *p)
{
    return apr_psprintf(p, "%s:%d", d->filename, d->line_num);
}

/* The last directive of a name that stands here, not deeper. */
static const ap_directive_t *last_here(const ap_directive_t *d,
                                       const char *name)
{
    const ap_directive_t *found = NULL;

    for (; d != NULL; d = d->next) {
        if (is(d, name)) {
            found = d;
        }
    }
    return found;
}

/* The one that holds for a host. */
static const ap_directive_t *last_of(const scope_t *scope, const char *name)
{
    const ap_directive_t *d = last_here(scope->own, name);

    return d != NULL ? d : last_here(ap_conftree, name);
}

/* The processes' directives stand outside of hosts, some under an older name.
 */
static const char *place_of(const char *name, const char *older, apr_pool_t *p)
{
    const ap_directive_t *d = last_here(ap_conftree, name);

    if (d == NULL && older != NULL) {
        d = last_here(ap_conftree, older);
    }
    return d != NULL ? place(d, p) : NULL;
}

/* What the host is in the tree. */
static const ap_directive_t *inside_of(const server_rec *s)
{
    const ap_directive_t *d = ap_conftree;

    for (; d != NULL && s->is_virtual; d = d->next) {
        if (is(d, "<VirtualHost") && s->defn_name != NULL &&
            strcmp(d->filename, s->defn_name) == 0 &&
            d->line_num == (int)s->defn_line_number) {
            return d->first_child;
        }
    }
    return NULL;
}

/* --- paths -----------------------------------------------------------------
 */

/* Whether what holds for `path` holds for all below /app/. */
static int covers(const char *path, const scope_t *scope)
{
    const size_t len = strlen(path);

    return len > 0 && path[0] == '/' && strncmp(scope->app, path, len) == 0 &&
           (path[len - 1] == '/' || scope->app[len] == '/');
}

/* A <Location> of a plain path around /app/. */
static int is_around(const ap_directive_t *d, const scope_t *scope)
{
    return is(d, "<Location") && covers(word(d, 0, scope->p), scope);
}

/* The last directive of a name in such a <Location>. */
static const ap_directive_t *last_around(const scope_t *scope, const char *name)
{
    const ap_directive_t *const lists[] = { ap_conftree, scope->own };
    const ap_directive_t *found = NULL, *d, *in;

    for (size_t i = 0; i < 2; i++) {
        for (d = lists[i]; d != NULL; d = d->next) {
            in = is_around(d, scope) ? last_here(d->first_child, name) : NULL;
            found = in != NULL ? in : found;
        }
    }
    return found;
}

/* --- mod_proxy -------------------------------------------------------------
 */

/* What takes /app/. */
typedef struct {
    const ap_directive_t *d; /* NULL: nothing */
    int is_tunnel;           /* it lets WebSockets through */
    int timeout;             /* seconds, its own; -1: none */
} proxied_t;

static int seconds_of(const char *text)
{
    apr_interval_time_t t;

    return ap_timeout_parameter_parse(text, &t, "s") == APR_SUCCESS
               ? (int)apr_time_sec(t)
               : -1;
}

/* @param at  which word is the address */
static void read_proxy(proxied_t *out, const ap_directive_t *d, int at,
                       apr_pool_t *p)
{
    const char *w = word(d, at, p);

    out->d = d;
    out->is_tunnel = strstr(w, "ws://") != NULL || strstr(w, "wss://") != NULL;
    out->timeout = -1;
    for (at++; *(w = word(d, at, p)) != '\0'; at++) {
        if (strncasecmp(w, "timeout=", 8) == 0) {
            out->timeout = seconds_of(w + 8);
        }
        else if (strncasecmp(w, "upgrade=", 8) == 0) {
            out->is_tunnel = 1;
        }
    }
}

/* Outside of a <Location> the first that fits is taken. */
static const ap_directive_t *first_pass(const scope_t *scope,
                                        const ap_directive_t *d)
{
    for (; d != NULL; d = d->next) {
        if (is(d, "ProxyPass") && covers(word(d, 0, scope->p), scope)) {
            return d;
        }
    }
    return NULL;
}

/* A rule that gives WebSockets to mod_proxy, as many sites have one. */
static const ap_directive_t *rewritten(const ap_directive_t *d, apr_pool_t *p)
{
    for (; d != NULL; d = d->next) {
        if (is(d, "RewriteRule") && strstr(word(d, 1, p), "ws://") != NULL) {
            return d;
        }
    }
    return NULL;
}

static proxied_t proxied_of(const scope_t *scope)
{
    proxied_t out = { NULL, 0, -1 };
    const ap_directive_t *d = last_around(scope, "ProxyPass");

    if (d != NULL) {
        read_proxy(&out, d, 0, scope->p);
        return out;
    }
    d = first_pass(scope, scope->own);
    d = d != NULL ? d : first_pass(scope, ap_conftree);
    if (d != NULL) {
        read_proxy(&out, d, 1, scope->p);
    }
    else {
        out.d = rewritten(scope->s->is_virtual ? scope->own : ap_conftree,
                          scope->p);
        out.is_tunnel = out.d != NULL;
    }
    return out;
}

/* How long a tunnel may be quiet: its own word, the host's, everybody's. */
static void timeout_of(chat_setting_t *out, const scope_t *scope,
                       const proxied_t *proxied)
{
    const ap_directive_t *d = last_of(scope, "ProxyTimeout");

    if (proxied->timeout >= 0) {
        out->name = "timeout= of ProxyPass";
        out->value = proxied->timeout;
        d = proxied->d;
    }
    else if (d != NULL) {
        out->name = "ProxyTimeout";
        out->value = seconds_of(word(d, 0, scope->p));
    }
    else {
        out->name = "Timeout";
        out->value = (int)apr_time_sec(scope->s->timeout);
        d = last_of(scope, "Timeout");
    }
    out->at = d != NULL ? place(d, scope->p) : NULL;
}

/* --- a host ----------------------------------------------------------------
 */

/* A switch that stands the way it should not; else no name is set. */
static void flagged(chat_setting_t *out, const scope_t *scope, const char *name,
                    const char *wrong)
{
    const ap_directive_t *d = last_of(scope, name);

    if (d != NULL && strcasecmp(word(d, 0, scope->p), wrong) == 0) {
        out->name = name;
        out->at = place(d, scope->p);
    }
}

static int has_tls(const scope_t *scope)
{
    const ap_directive_t *d = last_of(scope, "SSLEngine");

    return d != NULL && strcasecmp(word(d, 0, scope->p), "off") != 0;
}

static int has_h2(const scope_t *scope)
{
    const ap_directive_t *d = last_of(scope, "Protocols");
    const char *w;

    for (int i = 0; d != NULL && *(w = word(d, i, scope->p)) != '\0'; i++) {
        if (strcasecmp(w, "h2") == 0) {
            return 1;
        }
    }
    return 0;
}

static int handoff_of(const scope_t *scope)
{
    const ap_directive_t *d = last_around(scope, "ChatHandoff");
    const chat_dir_t *dir = ap_get_module_config(scope->s->lookup_defaults,
                                                 &chat_module);
    const char *said = d != NULL ? word(d, 0, scope->p) : "";

    return strcasecmp(said, "On") == 0          ? CHAT_HANDOFF_ON
           : strcasecmp(said, "PlainOnly") == 0 ? CHAT_HANDOFF_PLAIN_ONLY
           : strcasecmp(said, "Off") == 0       ? CHAT_HANDOFF_OFF
                                                : dir->handoff;
}

/* As upgrade.c decides for each request. */
static int leaves_httpd(chat_way_t *way, const scope_t *scope)
{
    const int handoff = handoff_of(scope);
    const int tls = has_tls(scope);
    int async = 0;

    if (scope->conf->push == NULL || scope->conf->push->handoff == NULL ||
        handoff == CHAT_HANDOFF_OFF) {
        return 0;
    }
    ap_mpm_query(AP_MPMQ_IS_ASYNC, &async);
    if (tls && (!async || handoff == CHAT_HANDOFF_PLAIN_ONLY)) {
        return 0;
    }
    *way = tls ? CHAT_WAY_PUMPED : CHAT_WAY_HANDED;
    return 1;
}

/* A module that a ProxyPass of ws:// does not work without. NULL: all are there
 */
static const char *lacking(void)
{
    static const char *const needed[] = { "mod_proxy.c", "mod_proxy_http.c",
                                          "mod_proxy_wstunnel.c" };

    for (size_t i = 0; i < sizeof(needed) / sizeof(needed[0]); i++) {
        if (ap_find_linked_module(needed[i]) == NULL) {
            return needed[i];
        }
    }
    return NULL;
}

static void way_of(chat_hazard_host_t *host, const scope_t *scope)
{
    const proxied_t proxied = proxied_of(scope);
    const char *missing = lacking();

    if (leaves_httpd(&host->way, scope)) {
        return;
    }
    if (proxied.d != NULL && !proxied.is_tunnel) {
        /* Somebody else's: what it does with them we do not know. */
        host->way = CHAT_WAY_NONE;
        return;
    }
    if (proxied.d != NULL && missing == NULL) {
        host->way = CHAT_WAY_TUNNEL;
        timeout_of(&host->timeout, scope, &proxied);
        flagged(&host->untimed, scope, "ProxyWebsocketFallbackToProxyHttp",
                "Off");
        return;
    }
    host->way = scope->conf->used ? CHAT_WAY_REFUSED : CHAT_WAY_NONE;
    if (proxied.d != NULL) {
        host->why = apr_psprintf(scope->p,
                                 "ProxyPass (%s) needs %.*s, which is not "
                                 "loaded",
                                 place(proxied.d, scope->p),
                                 (int)strlen(missing) - 2, missing);
    }
    else {
        host->why = apr_psprintf(
            scope->p,
            "they are not handed over (%s) and no ProxyPass takes %s; give it "
            "to chat-push as conf/chat.conf does",
            scope->conf->push->handoff == NULL
                ? "ChatPushConfig has no handoff.path"
            : has_tls(scope) && handoff_of(scope) != CHAT_HANDOFF_OFF
                ? "TLS ends here, which needs MPM event and ChatHandoff On"
                : "ChatHandoff is Off",
            scope->app);
    }
}

static void denied_of(chat_setting_t *out, const scope_t *scope)
{
    const ap_directive_t *d = last_around(scope, "Require");

    if (d != NULL && strcasecmp(word(d, 0, scope->p), "all") == 0 &&
        strcasecmp(word(d, 1, scope->p), "denied") == 0) {
        out->name = "Require";
        out->at = place(d, scope->p);
    }
}

static const char *name_of(const server_rec *s, apr_pool_t *p)
{
    const int port = s->addrs != NULL ? s->addrs->host_port : 0;

    if (!s->is_virtual) {
        return "the main server";
    }
    return port > 0 ? apr_psprintf(p, "%s:%d", s->server_hostname, port)
                    : s->server_hostname;
}

static void host_of(chat_hazard_host_t *host, const scope_t *scope)
{
    const ap_directive_t *d;

    host->name = name_of(scope->s, scope->p);
    way_of(host, scope);
    denied_of(&host->denied, scope);
    if (has_tls(scope) && has_h2(scope)) {
        flagged(&host->h2, scope, "H2WebSockets", "on");
    }
    flagged(&host->keepalive, scope, "KeepAlive", "Off");
    host->fields.name = "LimitRequestFields";
    host->fields.value = scope->s->limit_req_fields;
    d = last_of(scope, "LimitRequestFields");
    host->fields.at = d != NULL ? place(d, scope->p) : NULL;
}

/* What one line does to many hosts is said once. */
static void once(chat_setting_t *setting, apr_table_t *said)
{
    const char *key;

    if (setting->name == NULL || setting->at == NULL) {
        return;
    }
    key = apr_pstrcat(apr_table_elts(said)->pool, setting->name, " ",
                      setting->at, NULL);
    if (apr_table_get(said, key) != NULL) {
        setting->name = NULL;
    }
    apr_table_setn(said, key, "");
}

/* --- chat-push's socket ----------------------------------------------------
 */

/* Whether httpd's user may pass through a directory. ACLs are believed. */
static int may_enter(const char *dir, const struct stat *st)
{
    gid_t groups[GROUPS_MAX];
    int n = GROUPS_MAX;

    if (geteuid() != 0) {
        return access(dir, X_OK) == 0;
    }
    if (st->st_uid == ap_unixd_config.user_id) {
        return (st->st_mode & S_IXUSR) != 0;
    }
    if (getxattr(dir, "system.posix_acl_access", NULL, 0) > 0) {
        return 1;
    }
    if (getgrouplist(
            ap_unixd_config.user_name != NULL ? ap_unixd_config.user_name : "",
            ap_unixd_config.group_id, groups, &n) < 0) {
        n = GROUPS_MAX;
    }
    for (int i = 0; i < n && i < GROUPS_MAX; i++) {
        if (groups[i] == st->st_gid) {
            return (st->st_mode & S_IXGRP) != 0;
        }
    }
    return (st->st_mode & S_IXOTH) != 0;
}

/* chat-push may come later, its directory may not.
 * @return a sentence, NULL when all is well */
static const char *unreachable(const char *path, apr_pool_t *p)
{
    const char *end = path;
    struct stat st;

    while ((end = strchr(end + 1, '/')) != NULL) {
        const char *dir = apr_pstrmemdup(p, path, (apr_size_t)(end - path));

        if (stat(dir, &st) != 0) {
            return apr_psprintf(p,
                                "handoff.path %s of ChatPushConfig: %s: %s; "
                                "every WebSocket is answered 503 until "
                                "chat-push listens there",
                                path, dir, strerror(errno));
        }
        if (!may_enter(dir, &st)) {
            return apr_psprintf(
                p,
                "handoff.path %s of ChatPushConfig: httpd's user %s may not "
                "enter %s, so every WebSocket is answered 503; make it a "
                "member of the directory's group and restart httpd",
                path,
                ap_unixd_config.user_name != NULL ? ap_unixd_config.user_name
                                                  : "",
                dir);
        }
    }
    return NULL;
}

/* --- all of it -------------------------------------------------------------
 */

static int mpm(int what)
{
    int value = 0;

    return ap_mpm_query(what, &value) == APR_SUCCESS ? value : 0;
}

static void mpm_of(chat_hazard_mpm_t *out, apr_pool_t *p)
{
    const int threads = mpm(AP_MPMQ_MAX_THREADS);

    out->prefork = mpm(AP_MPMQ_IS_THREADED) == AP_MPMQ_NOT_SUPPORTED;
    out->workers.name = "MaxRequestWorkers";
    out->workers.value = mpm(AP_MPMQ_MAX_DAEMONS) *
                         (out->prefork ? 1 : threads);
    out->workers.at = place_of("MaxRequestWorkers", "MaxClients", p);
    out->threads.name = "ThreadsPerChild";
    out->threads.value = threads;
    out->threads.at = place_of("ThreadsPerChild", NULL, p);
    out->slots.name = "ServerLimit";
    out->slots.value = mpm(AP_MPMQ_HARD_LIMIT_DAEMONS);
    out->slots.at = place_of("ServerLimit", NULL, p);
    out->spare.name = "MaxSpareThreads";
    out->spare.value = mpm(AP_MPMQ_MAX_SPARE_THREADS);
    out->spare.at = place_of("MaxSpareThreads", NULL, p);
    out->recycle.name = "MaxConnectionsPerChild";
    out->recycle.value = mpm(AP_MPMQ_MAX_REQUESTS_DAEMON);
    out->recycle.at = place_of("MaxConnectionsPerChild", "MaxRequestsPerChild",
                               p);
}

/* Sentences on all hosts. @param holder  whose sockets stay in httpd, tunnels
 * before pumped ones; NULL: nobody's */
static void judge_hosts(apr_array_header_t *out, const char **holder,
                        int *tunnels, chat_hazard_mpm_t *processes,
                        server_rec *s, apr_pool_t *p)
{
    apr_table_t *said = apr_table_make(p, 8);
    const char *why;

    for (; s != NULL; s = s->next) {
        scope_t scope = { s, chat_server_of(s), inside_of(s), NULL, p };
        chat_hazard_host_t host = { .way = CHAT_WAY_NONE };

        if (!scope.conf->used && scope.conf->push == NULL) {
            continue;
        }
        scope.app = apr_pstrcat(p, scope.conf->prefix, "/app/", NULL);
        host_of(&host, &scope);
        if (host.way == CHAT_WAY_HANDED || host.way == CHAT_WAY_PUMPED) {
            why = unreachable(scope.conf->push->handoff, p);
            if (why != NULL && apr_table_get(said, why) == NULL) {
                APR_ARRAY_PUSH(out, const char *) = why;
                apr_table_setn(said, why, "");
            }
        }
        if (host.way == CHAT_WAY_TUNNEL && !*tunnels) {
            *tunnels = 1;
            *holder = host.name;
        }
        else if (host.way == CHAT_WAY_PUMPED && *holder == NULL) {
            *holder = host.name;
        }
        processes->ping = scope.conf->push != NULL ? scope.conf->push->ping
                                                   : 120;
        once(&host.timeout, said);
        once(&host.untimed, said);
        once(&host.denied, said);
        once(&host.h2, said);
        once(&host.keepalive, said);
        once(&host.fields, said);
        chat_hazard_of_host(out, &host, processes, p);
    }
}

/* --- pages of other origins ------------------------------------------------
 */

/* Whether chat-push lets a page of this origin connect. */
static int may_connect(const chat_app_t *app, const char *origin)
{
    const char *const *entry = app->origins;

    while (entry != NULL && *entry != NULL &&
           !chat_app_origin_is(*entry, origin)) {
        entry++;
    }
    return entry == NULL || *entry != NULL;
}

/* Sentences on origins whose pages can ask for everything and hear nothing. */
static void judge_pages(apr_array_header_t *out, server_rec *s,
                        apr_pool_t *p)
{
    apr_table_t *said = apr_table_make(p, 8);

    for (; s != NULL; s = s->next) {
        const chat_server_t *conf = chat_server_of(s);

        if (!conf->used || conf->push == NULL || conf->origins == NULL) {
            continue;
        }
        for (int i = 0; i < conf->origins->nelts; i++) {
            const char *origin = APR_ARRAY_IDX(conf->origins, i, const char *);
            const char *key = apr_pstrcat(p, conf->push->path, origin, NULL);

            if (may_connect(conf->push->app, origin) ||
                apr_table_get(said, key) != NULL) {
                continue;
            }
            apr_table_setn(said, key, "");
            APR_ARRAY_PUSH(out, const char *) = apr_pstrcat(
                p, "ChatOrigin names ", origin, ", and allowedOrigins of app ",
                conf->push->app->id, " (", conf->push->path,
                ") does not: its pages get no WebSocket; add \"", origin,
                "\" there", NULL);
        }
    }
}

void chat_startup_report(server_rec *s, apr_pool_t *p)
{
    apr_array_header_t *out = apr_array_make(p, 8, sizeof(const char *));
    chat_hazard_mpm_t processes = { .ping = 120 };
    const char *holder = NULL;
    int tunnels = 0;

    mpm_of(&processes, p);
    judge_hosts(out, &holder, &tunnels, &processes, s, p);
    if (holder != NULL) {
        chat_hazard_of_mpm(out, &processes, holder, tunnels, p);
    }
    judge_pages(out, s, p);
    for (int i = 0; i < out->nelts; i++) {
        ap_log_error(APLOG_MARK, APLOG_WARNING, 0, s, "%s",
                     APR_ARRAY_IDX(out, i, const char *));
    }
}
