/* SPDX-License-Identifier: Apache-2.0 */
/*
 * reload.c - SIGHUP: the settings are read again, see reload.h.
 *
 * From top to bottom: reading and refusing, the change, what each loop does
 * afterwards, and the line that says what has changed.
 */
#include "reload.h"
#include "client.h"
#include "directory.h"
#include "pause.h"

#include <string.h>
#include <apr_strings.h>

#define NAMED_MOST 20 /* apps or settings named in one line */

/* One reload under way; all of it lives in `pool`. */
typedef struct {
    push_reload_t *r;
    apr_pool_t *pool; /* becomes r->current */
    push_conf_t conf;
    push_apps_change_t apps;
    apr_array_header_t *changed; /* keys */
    apr_array_header_t *kept;    /* keys that need a restart */
    push_webhooks_t *sender;     /* a new one; NULL: there is one, or no need */
    apr_status_t webhooks;       /* what went wrong with them */
} change_t;

/* --- reading --- */

void push_webhooks_settings(push_webhooks_conf_t *out, const push_conf_t *conf,
                            void (*log)(int trouble, const char *line))
{
    out->allow_private = conf->webhooks_private;
    out->batching = conf->webhooks_batching;
    out->gather_ms = conf->webhooks_gather;
    out->log = log;
}

int push_webhooks_wanted(const chat_apps_t *apps)
{
    int i;

    for (i = 0; i < apps->n; i++) {
        if (apps->list[i].nwebhooks > 0) {
            return 1;
        }
    }
    return 0;
}

/* The event log goes to one app for as long as the process runs. */
static const char *log_app_kept(const change_t *c)
{
    const push_app_t *app = c->r->log_app;
    const chat_app_t *next;

    if (app == NULL) {
        return NULL;
    }
    next = chat_app_by_id(&c->conf.apps, app->conf->id, strlen(app->conf->id));
    if (next != NULL && !strcmp(next->key, app->conf->key)) {
        return NULL;
    }
    return apr_psprintf(c->pool,
                        "app %s gets the event log (database.app), so it must "
                        "stay, with its key",
                        app->conf->id);
}

/* A file that lists no apps begins with Soketi's default app, as at a start.
 * While apps are served it is a file that was cut short or filled in wrongly:
 * with it all sockets would end by 4001, after which clients do not come back,
 * and whoever knows the default secret could publish. */
static const char *apps_lost(const change_t *c)
{
    const chat_app_t *next = c->conf.apps.list;

    if (c->conf.apps.n != 1 || strcmp(next->id, CHAT_APP_DEFAULT_ID) ||
        strcmp(next->key, CHAT_APP_DEFAULT_KEY) ||
        strcmp(next->secrets[0], CHAT_APP_DEFAULT_SECRET) ||
        chat_app_by_id(&c->r->conf->apps, next->id, strlen(next->id))) {
        return NULL;
    }
    return "no app is listed (appManager.array.apps); the default app, which "
           "everybody knows, is for a start alone";
}

/* Channels that were joined under one meaning of `private.` cannot change to
 * the other. */
static void identities_check(change_t *c)
{
    int i;

    for (i = 0; i < c->conf.apps.n && !push_server.identities; i++) {
        if (c->conf.apps.list[i].auth_endpoint != NULL) {
            APR_ARRAY_PUSH(c->kept, const char *) = "authEndpoint, the first";
            return;
        }
    }
}

/* A sender, when there are receivers for the first time. */
static apr_status_t sender_create(change_t *c)
{
    push_webhooks_conf_t settings;
    apr_status_t rv;

    if (push_server.webhooks != NULL || !push_webhooks_wanted(&c->conf.apps)) {
        return APR_SUCCESS;
    }
    push_webhooks_settings(&settings, &c->conf, c->r->log);
    rv = push_webhooks_create(&c->sender, &settings, c->r->pool);
    return rv == APR_SUCCESS ? push_webhooks_start(c->sender) : rv;
}

/* Everything that may go wrong. */
static apr_status_t prepare(change_t *c, const char **why)
{
    push_reload_t *r = c->r;
    apr_status_t rv;

    rv = push_conf_load(&c->conf, r->file, r->env, why, c->pool);
    if (rv != APR_SUCCESS) {
        return rv;
    }
    *why = apps_lost(c);
    if (*why == NULL) {
        *why = log_app_kept(c);
    }
    if (*why != NULL) {
        return APR_EINVAL;
    }
    push_conf_follow(&c->conf, r->conf, c->changed, c->kept);
    identities_check(c);
    *why = "no memory for signatures or webhooks";
    rv = push_apps_prepare(&c->apps, push_server.apps, &c->conf.apps, c->pool);
    if (rv != APR_SUCCESS) {
        return rv;
    }
    if (r->tls != NULL) {
        rv = push_tls_reload(r->tls, why);
    }
    if (rv == APR_SUCCESS) {
        rv = sender_create(c);
    }
    if (rv != APR_SUCCESS) {
        push_apps_forget(&c->apps);
    }
    return rv;
}

/* --- the change --- */

static int receivers_same(const push_app_change_t *one)
{
    return one->before != NULL && one->after != NULL &&
           chat_webhooks_same(one->before, one->after) &&
           !strcmp(one->before->secrets[0], one->after->secrets[0]);
}

static void webhooks_change(change_t *c)
{
    push_webhooks_conf_t settings;
    apr_status_t rv;
    int i;

    if (c->sender != NULL) {
        push_server.webhooks = c->sender;
    }
    if (push_server.webhooks == NULL) {
        return;
    }
    push_webhooks_settings(&settings, &c->conf, c->r->log);
    push_webhooks_follow(push_server.webhooks, &settings);
    for (i = 0; i < c->apps.n; i++) {
        const push_app_change_t *one = &c->apps.list[i];

        if (!receivers_same(one)) {
            rv = push_webhooks_change(push_server.webhooks, one->app,
                                      one->after);
            c->webhooks = rv != APR_SUCCESS ? rv : c->webhooks;
        }
    }
}

static void app_clear(push_app_t *app)
{
    push_hubs_clear(push_server.hubs, app);
}

/* While the loops stand still. */
static void make(void *baton)
{
    change_t *c = baton;

    push_apps_reap(push_server.apps, app_clear);
    webhooks_change(c);
    push_apps_change(push_server.apps, &c->apps, push_seconds());
    push_hubs_cache_ttl(push_server.hubs, (apr_uint32_t)c->conf.cache_ttl);
    *c->r->conf = c->conf;
    push_server_limits(c->r->clients, &c->conf);
}

static void request_doubt(push_conn_t *c, void *baton)
{
    (void)baton;
    push_conn_doubt(c);
}

/* On each loop, before anything else is done there. A request whose body is
 * still coming was let in under the settings before: by a secret that may be
 * void now, or because its path was not one that asks for a signature. */
static void review(push_loop_t *loop, void *baton)
{
    push_conns_t *conns = push_server.conns[push_loop_index(loop)];

    (void)baton;
    push_conns_each(conns, PUSH_CONN_HTTP, request_doubt, NULL);
    push_conns_each(conns, PUSH_CONN_OPEN, push_client_review, NULL);
}

/* --- what is said --- */

/* ", the others" when they are too many for a line. */
static void names_add(const char **text, const char *what,
                      const apr_array_header_t *names, apr_pool_t *p)
{
    int i;

    if (names->nelts == 0) {
        return;
    }
    *text = apr_pstrcat(p, *text, **text ? "; " : "", what, NULL);
    for (i = 0; i < names->nelts && i < NAMED_MOST; i++) {
        *text = apr_pstrcat(p, *text, i > 0 ? ", " : " ",
                            APR_ARRAY_IDX(names, i, const char *), NULL);
    }
    if (i < names->nelts) {
        *text = apr_psprintf(p, "%s and %d more", *text, names->nelts - i);
    }
}

/* What happens to an app, NULL when nothing does. */
static apr_array_header_t *app_list(const push_app_change_t *one,
                                    apr_array_header_t *added,
                                    apr_array_header_t *changed,
                                    apr_array_header_t *removed)
{
    if (one->before == NULL) {
        return added;
    }
    if (one->after == NULL) {
        return removed;
    }
    return chat_app_same(one->before, one->after) ? NULL : changed;
}

/* Before the change is made: what was is gone afterwards. */
static const char *summary(const change_t *c)
{
    apr_pool_t *p = c->pool;
    apr_array_header_t *lists[3];
    apr_array_header_t *list;
    const char *text = "";
    int i;

    for (i = 0; i < 3; i++) {
        lists[i] = apr_array_make(p, 4, sizeof(const char *));
    }
    for (i = 0; i < c->apps.n; i++) {
        const push_app_change_t *one = &c->apps.list[i];

        list = app_list(one, lists[0], lists[1], lists[2]);
        if (list != NULL) {
            APR_ARRAY_PUSH(list, const char *) = apr_pstrdup(
                p, one->after != NULL ? one->after->id : one->before->id);
        }
    }
    names_add(&text, "apps added:", lists[0], p);
    names_add(&text, "apps changed:", lists[1], p);
    names_add(&text, "apps removed:", lists[2], p);
    names_add(&text, "settings changed:", c->changed, p);
    return *text != '\0' ? text : "nothing has changed";
}

static void tell(const change_t *c, const char *done)
{
    apr_pool_t *p = c->pool;
    const char *kept = "";
    int i;

    for (i = 0; c->conf.warnings[i] != NULL; i++) {
        c->r->log(1, c->conf.warnings[i]);
    }
    names_add(&kept, "needs a restart:", c->kept, p);
    if (*kept != '\0') {
        c->r->log(1, kept);
    }
    if (c->webhooks != APR_SUCCESS) {
        c->r->log(1, "webhooks of an app go on as before: no memory");
    }
    c->r->log(0, apr_pstrcat(p, "settings reloaded: ", done, NULL));
}

void push_reload(push_reload_t *r)
{
    const char *why = NULL;
    const char *done;
    apr_pool_t *pool;
    change_t *c;

    apr_pool_create(&pool, r->pool);
    c = apr_pcalloc(pool, sizeof(*c));
    c->r = r;
    c->pool = pool;
    c->changed = apr_array_make(pool, 8, sizeof(const char *));
    c->kept = apr_array_make(pool, 8, sizeof(const char *));
    if (prepare(c, &why) != APR_SUCCESS) {
        r->log(1, apr_pstrcat(pool, "settings not reloaded, all stays as it "
                                    "was: ", why, NULL));
        apr_pool_destroy(pool);
        return;
    }
    done = summary(c);
    push_loops_pause(push_server.loops, push_server.nloops, make, review, c,
                     pool);
    if (push_server.retention != NULL) {
        push_retention_follow(push_server.retention,
                              r->conf->retention_seconds);
    }
    tell(c, done);
    if (r->current != NULL) {
        apr_pool_destroy(r->current);
    }
    r->current = pool;
}
