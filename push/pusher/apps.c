/* SPDX-License-Identifier: Apache-2.0 */
/*
 * apps.c - the apps while chat-push runs, see apps.h.
 *
 * A table of pointers belongs to one state of the settings and is replaced as a
 * whole; what it points to stays.
 */
#include "apps.h"
#include "secret.h"
#include "text.h"

#include <stdlib.h>
#include <string.h>
#include <apr_hash.h>

/* What one loop counts of one app, alone on its cache lines: two loops counting
 * do not slow each other down. */
typedef struct {
    push_traffic_t traffic;
} __attribute__((aligned(128))) row_t;

/* Counters go by the id, which is their label in the metrics: an app that gets
 * another key goes on counting. */
struct push_counts_t {
    int users; /* apps that point here */
    int loops;
    row_t rows[]; /* one per loop */
};

/* The apps of one state of the settings; in its pool. */
typedef struct push_app_table_t {
    push_app_t **list; /* in the order of the settings */
    int n;
    chat_signer_t ****signers; /* [app][loop][secret] */
    apr_hash_t *by_id;
    apr_hash_t *by_key;
} push_app_table_t;

struct push_apps_t {
    int loops;
    apr_uint32_t numbers; /* given to apps so far */
    push_app_table_t *table;
    push_app_t *all;       /* those of the table and removed ones, by next */
    chat_signer_t ***none; /* signers of a removed one: for each loop none */
};

static const char *const no_texts[] = { NULL };

/* --- making and freeing --- */

static push_counts_t *counts_create(int loops)
{
    apr_size_t size = sizeof(push_counts_t) + (apr_size_t)loops * sizeof(row_t);
    push_counts_t *counts = push_must(
        aligned_alloc(_Alignof(row_t), APR_ALIGN(size, _Alignof(row_t))));

    memset(counts, 0, size);
    counts->loops = loops;
    return counts;
}

static void app_free(push_app_t *app)
{
    if (--app->counts->users == 0) {
        free(app->counts);
    }
    free(app->id);
    free(app);
}

static apr_status_t apps_cleanup(void *data)
{
    push_apps_t *apps = data;
    push_app_t *app;

    while ((app = apps->all) != NULL) {
        apps->all = app->next;
        app_free(app);
    }
    return APR_SUCCESS;
}

/* The counters of an id, of whichever app had it last; NULL if none had. */
static push_counts_t *counts_find(push_apps_t *apps, const char *id)
{
    push_app_t *app = push_app_by_id(apps, id, strlen(id));

    return app != NULL ? app->counts : NULL;
}

static push_app_t *app_create(push_apps_t *apps, const chat_app_t *conf)
{
    push_app_t *app = push_must(calloc(1, sizeof(*app)));

    app->counts = counts_find(apps, conf->id);
    if (app->counts == NULL) {
        app->counts = counts_create(apps->loops);
    }
    app->counts->users++;
    app->number = apps->numbers++;
    app->id = push_must(strdup(conf->id));
    app->nothing.id = app->id;
    app->nothing.key = "";
    app->nothing.secrets = no_texts;
    app->nothing.origins = no_texts;
    return app;
}

static apr_status_t signers_create(chat_signer_t ****out, int loops,
                                   const char *const *secrets, apr_pool_t *p)
{
    apr_status_t rv;
    int n = 0;
    int loop, i;

    while (secrets[n] != NULL) {
        n++;
    }
    *out = apr_pcalloc(p, (apr_size_t)loops * sizeof(chat_signer_t **));
    for (loop = 0; loop < loops; loop++) {
        (*out)[loop] = apr_pcalloc(p, (apr_size_t)(n + 1) *
                                          sizeof(chat_signer_t *));
        for (i = 0; i < n; i++) {
            rv = chat_signer_create(&(*out)[loop][i], secrets[i], p);
            if (rv != APR_SUCCESS) {
                return rv;
            }
        }
    }
    return APR_SUCCESS;
}

apr_status_t push_apps_create(push_apps_t **out, const chat_apps_t *conf,
                              int loops, apr_pool_t *p)
{
    push_apps_t *apps = apr_pcalloc(p, sizeof(*apps));
    push_apps_change_t change;
    apr_status_t rv;

    apps->loops = loops;
    rv = signers_create(&apps->none, loops, no_texts, p);
    if (rv != APR_SUCCESS) {
        return rv;
    }
    rv = push_apps_prepare(&change, apps, conf, p);
    if (rv == APR_SUCCESS) {
        apr_pool_cleanup_register(p, apps, apps_cleanup, apr_pool_cleanup_null);
        push_apps_change(apps, &change, 0);
        *out = apps;
    }
    return rv;
}

/* --- changing --- */

/* The app that new settings are for, NULL when they are a new one's. */
static push_app_t *app_kept(push_apps_t *apps, const chat_app_t *conf)
{
    push_app_t *app = push_app_by_id(apps, conf->id, strlen(conf->id));

    return app != NULL && !strcmp(app->conf->key, conf->key) ? app : NULL;
}

static void change_add(push_apps_change_t *change, push_app_t *app,
                       const chat_app_t *before, const chat_app_t *after)
{
    push_app_change_t *one = &change->list[change->n++];

    one->app = app;
    one->before = before;
    one->after = after;
}

/* Apps of before whose place in the new table is nobody's. */
static void change_removals(push_apps_change_t *change, push_apps_t *apps,
                            const push_app_table_t *table)
{
    int i;

    for (i = 0; apps->table != NULL && i < apps->table->n; i++) {
        push_app_t *app = apps->table->list[i];

        if (apr_hash_get(table->by_key, app->conf->key, APR_HASH_KEY_STRING) !=
            app) {
            change_add(change, app, app->conf, NULL);
        }
    }
}

apr_status_t push_apps_prepare(push_apps_change_t *change, push_apps_t *apps,
                               const chat_apps_t *conf, apr_pool_t *p)
{
    push_app_table_t *table = apr_pcalloc(p, sizeof(*table));
    apr_size_t before = apps->table ? (apr_size_t)apps->table->n : 0;
    apr_size_t n = (apr_size_t)conf->n;
    apr_status_t rv = APR_SUCCESS;
    int i;

    change->n = 0;
    change->list = apr_pcalloc(p, (n + before) * sizeof(*change->list));
    change->table = table;
    table->list = apr_pcalloc(p, n * sizeof(push_app_t *));
    table->signers = apr_pcalloc(p, n * sizeof(chat_signer_t ***));
    table->by_id = apr_hash_make(p);
    table->by_key = apr_hash_make(p);
    for (i = 0; i < conf->n && rv == APR_SUCCESS; i++) {
        const chat_app_t *one = &conf->list[i];
        push_app_t *app = app_kept(apps, one);

        rv = signers_create(&table->signers[i], apps->loops, one->secrets, p);
        if (app != NULL) {
            change_add(change, app, app->conf, one);
        }
        else {
            app = app_create(apps, one);
            change_add(change, app, NULL, one);
        }
        table->list[table->n++] = app;
        apr_hash_set(table->by_id, one->id, APR_HASH_KEY_STRING, app);
        apr_hash_set(table->by_key, one->key, APR_HASH_KEY_STRING, app);
    }
    if (rv != APR_SUCCESS) {
        push_apps_forget(change);
        return rv;
    }
    change_removals(change, apps, table);
    return APR_SUCCESS;
}

void push_apps_forget(push_apps_change_t *change)
{
    int i;

    for (i = 0; i < change->n; i++) {
        if (change->list[i].before == NULL) {
            app_free(change->list[i].app);
        }
    }
    change->n = 0;
}

static void change_one(push_apps_t *apps, const push_app_change_t *one,
                       apr_uint32_t now)
{
    push_app_t *app = one->app;

    if (one->before == NULL) {
        app->next = apps->all;
        apps->all = app;
    }
    else if (one->after == NULL) {
        app->conf = &app->nothing;
        app->signers = apps->none;
        app->removed = 1;
        return;
    }
    else if (one->after->user_authentication &&
             !one->before->user_authentication) {
        app->demands = now;
    }
    app->conf = one->after;
}

void push_apps_change(push_apps_t *apps, const push_apps_change_t *change,
                      apr_uint32_t now)
{
    int i;

    for (i = 0; i < change->n; i++) {
        change_one(apps, &change->list[i], now);
    }
    apps->table = change->table;
    for (i = 0; i < apps->table->n; i++) {
        apps->table->list[i]->signers = apps->table->signers[i];
    }
}

void push_apps_reap(push_apps_t *apps, void (*clear)(push_app_t *app))
{
    push_app_t **link = &apps->all;
    push_app_t *app;

    while ((app = *link) != NULL) {
        if (app->settled) {
            *link = app->next;
            app_free(app);
            continue;
        }
        if (app->removed &&
            __atomic_load_n(&app->connections, __ATOMIC_RELAXED) == 0) {
            clear(app);
            app->settled = 1;
        }
        link = &app->next;
    }
}

int push_apps_removed(const push_apps_t *apps)
{
    const push_app_t *app;
    int n = 0;

    for (app = apps->all; app != NULL; app = app->next) {
        n += app->removed;
    }
    return n;
}

/* --- asking --- */

int push_apps_count(const push_apps_t *apps) { return apps->table->n; }

push_app_t *push_apps_at(push_apps_t *apps, int number)
{
    return apps->table->list[number];
}

push_app_t *push_app_by_id(push_apps_t *apps, const char *id, apr_size_t len)
{
    return apps->table == NULL || len == 0
               ? NULL
               : apr_hash_get(apps->table->by_id, id, (apr_ssize_t)len);
}

push_app_t *push_app_by_key(push_apps_t *apps, const char *key, apr_size_t len)
{
    return apps->table == NULL || len == 0
               ? NULL
               : apr_hash_get(apps->table->by_key, key, (apr_ssize_t)len);
}

push_traffic_t *push_app_traffic(push_app_t *app, int loop)
{
    return &app->counts->rows[loop].traffic;
}

/* A row is all counters, so adding rows up is adding arrays up. */
void push_app_traffic_sum(push_traffic_t *sum, push_app_t *app)
{
    apr_uint64_t *to = (apr_uint64_t *)sum;
    int loop;
    apr_size_t i;

    memset(sum, 0, sizeof(*sum));
    for (loop = 0; loop < app->counts->loops; loop++) {
        apr_uint64_t *row = (apr_uint64_t *)push_app_traffic(app, loop);

        for (i = 0; i < sizeof(*sum) / sizeof(*to); i++) {
            to[i] += __atomic_load_n(&row[i], __ATOMIC_RELAXED);
        }
    }
}

int push_app_signed(push_app_t *app, int loop, const char *hex, apr_size_t len,
                    const chat_piece_t *pieces, int n)
{
    chat_signer_t **signer = app->signers[loop];

    for (; *signer != NULL; signer++) {
        if (chat_signed(*signer, hex, len, pieces, n)) {
            return 1;
        }
    }
    return 0;
}

int push_app_auth(push_app_t *app, int loop, const char *auth, apr_size_t len,
                  const chat_piece_t *pieces, int n)
{
    apr_size_t key = strlen(app->conf->key);

    if (len <= key + 1 || auth[key] != ':' ||
        !chat_secret_equal(auth, key, app->conf->key, key)) {
        return 0;
    }
    return push_app_signed(app, loop, auth + key + 1, len - key - 1, pieces, n);
}

int push_budget_spend(push_budget_t *b, apr_int64_t limit, apr_uint32_t cost,
                      apr_uint32_t now)
{
    apr_uint64_t seen, next;
    apr_uint64_t spent;
    apr_uint32_t window;

    if (limit < 0) {
        return 1;
    }
    seen = __atomic_load_n(&b->window, __ATOMIC_RELAXED);
    do {
        window = (apr_uint32_t)(seen >> 32);
        spent = (apr_uint32_t)seen;
        /* A loop whose turn began before the second spends from it, too. */
        if ((apr_int32_t)(now - window) > 0) {
            window = now;
            spent = 0;
        }
        if (spent + cost > (apr_uint64_t)limit) {
            return 0;
        }
        next = ((apr_uint64_t)window << 32) | (spent + cost);
    } while (!__atomic_compare_exchange_n(&b->window, &seen, next, 0,
                                          __ATOMIC_RELAXED, __ATOMIC_RELAXED));
    return 1;
}
