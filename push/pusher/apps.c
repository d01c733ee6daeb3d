/* SPDX-License-Identifier: Apache-2.0 */
/*
 * apps.c - the apps while chat-push runs, see apps.h.
 *
 * Rows of one loop stand together and begin on their own cache line, so that
 * two loops counting do not slow each other down.
 */
#include "apps.h"
#include "secret.h"

#include <stdlib.h>
#include <string.h>

/* What one loop has for one app. */
typedef struct {
    push_traffic_t traffic;
    chat_signer_t **signers; /* one per secret, NULL-terminated */
} app_row_t;

struct push_apps_t {
    int n;
    int loops;
    push_app_t *list;
    app_row_t **rows; /* [loop][app] */
};

static apr_status_t signers_create(chat_signer_t ***out,
                                   const char *const *secrets, apr_pool_t *p)
{
    chat_signer_t **list;
    apr_status_t rv;
    int n = 0;
    int i;

    while (secrets[n] != NULL) {
        n++;
    }
    list = apr_pcalloc(p, (apr_size_t)(n + 1) * sizeof(chat_signer_t *));
    for (i = 0; i < n; i++) {
        rv = chat_signer_create(&list[i], secrets[i], p);
        if (rv != APR_SUCCESS) {
            return rv;
        }
    }
    *out = list;
    return APR_SUCCESS;
}

apr_status_t push_apps_create(push_apps_t **out, const chat_apps_t *conf,
                              int loops, apr_pool_t *p)
{
    const apr_size_t line = 64;
    push_apps_t *apps = apr_pcalloc(p, sizeof(*apps));
    apr_status_t rv;
    int loop, i;

    apps->n = conf->n;
    apps->loops = loops;
    apps->list = apr_pcalloc(p, (apr_size_t)conf->n * sizeof(push_app_t));
    apps->rows = apr_pcalloc(p, (apr_size_t)loops * sizeof(app_row_t *));
    for (i = 0; i < conf->n; i++) {
        apps->list[i].conf = &conf->list[i];
        apps->list[i].all = apps;
        apps->list[i].number = (apr_uint32_t)i;
    }
    for (loop = 0; loop < loops; loop++) {
        char *at = apr_pcalloc(p, (apr_size_t)conf->n * sizeof(app_row_t) +
                                      2 * line);

        at += line - (apr_uintptr_t)at % line;
        apps->rows[loop] = (app_row_t *)(void *)at;
        for (i = 0; i < conf->n; i++) {
            rv = signers_create(&apps->rows[loop][i].signers,
                                conf->list[i].secrets, p);
            if (rv != APR_SUCCESS) {
                return rv;
            }
        }
    }
    *out = apps;
    return APR_SUCCESS;
}

int push_apps_count(const push_apps_t *apps) { return apps->n; }

push_app_t *push_apps_at(push_apps_t *apps, int number)
{
    return &apps->list[number];
}

static int is(const char *name, const char *text, apr_size_t len)
{
    return strlen(name) == len && !memcmp(name, text, len);
}

push_app_t *push_app_by_id(push_apps_t *apps, const char *id, apr_size_t len)
{
    int i;

    for (i = 0; i < apps->n; i++) {
        if (is(apps->list[i].conf->id, id, len)) {
            return &apps->list[i];
        }
    }
    return NULL;
}

push_app_t *push_app_by_key(push_apps_t *apps, const char *key, apr_size_t len)
{
    int i;

    for (i = 0; i < apps->n; i++) {
        if (is(apps->list[i].conf->key, key, len)) {
            return &apps->list[i];
        }
    }
    return NULL;
}

push_traffic_t *push_app_traffic(push_app_t *app, int loop)
{
    return &app->all->rows[loop][app->number].traffic;
}

/* A row is all counters, so adding rows up is adding arrays up. */
void push_app_traffic_sum(push_traffic_t *sum, push_app_t *app)
{
    apr_uint64_t *to = (apr_uint64_t *)sum;
    int loop;
    apr_size_t i;

    memset(sum, 0, sizeof(*sum));
    for (loop = 0; loop < app->all->loops; loop++) {
        apr_uint64_t *row = (apr_uint64_t *)push_app_traffic(app, loop);

        for (i = 0; i < sizeof(*sum) / sizeof(*to); i++) {
            to[i] += __atomic_load_n(&row[i], __ATOMIC_RELAXED);
        }
    }
}

int push_app_signed(push_app_t *app, int loop, const char *hex, apr_size_t len,
                    const chat_piece_t *pieces, int n)
{
    chat_signer_t **signer = app->all->rows[loop][app->number].signers;

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

    if (limit < 0) {
        return 1;
    }
    seen = __atomic_load_n(&b->window, __ATOMIC_RELAXED);
    do {
        spent = (seen >> 32) == now ? (apr_uint32_t)seen : 0;
        if (spent + cost > (apr_uint64_t)limit) {
            return 0;
        }
        next = ((apr_uint64_t)now << 32) | (spent + cost);
    } while (!__atomic_compare_exchange_n(&b->window, &seen, next, 0,
                                          __ATOMIC_RELAXED, __ATOMIC_RELAXED));
    return 1;
}
