/* SPDX-License-Identifier: Apache-2.0 */
/*
 * directory.c - what all loops share about channels, see directory.h.
 */
#include "directory.h"
#include "hash.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <apr_general.h>

#define ALIAS_AT 7 /* where `private.` and `private-` differ */

apr_uint32_t push_seconds(void)
{
    struct timespec ts;

    clock_gettime(CLOCK_MONOTONIC_COARSE, &ts);
    return (apr_uint32_t)ts.tv_sec;
}

apr_status_t push_directory_init(push_directory_t *d, int loops,
                                 apr_uint32_t ttl)
{
    int i;

    memset(d, 0, sizeof(*d));
    d->loops = loops;
    d->ttl = ttl;
    for (i = 0; i < PUSH_SHARDS; i++) {
        pthread_mutex_init(&d->shards[i].lock, NULL);
    }
    return apr_generate_random_bytes((unsigned char *)&d->seed,
                                     sizeof(d->seed));
}

static void entry_free(push_entry_t *e)
{
    apr_uint32_t i;

    push_tally_end(&e->tally);
    if (e->cached != NULL) {
        push_frame_release(e->cached->frame);
        free(e->cached);
    }
    if (e->members != NULL) {
        for (i = 0; i < e->members->n; i++) {
            free(e->members->list[i]);
        }
        push_members_clear(e->members);
        free(e->members);
    }
    free(e);
}

void push_directory_destroy(push_directory_t *d)
{
    push_entry_t *e, *next;
    apr_uint32_t c;
    int i;

    for (i = 0; i < PUSH_SHARDS; i++) {
        push_shard_t *s = &d->shards[i];

        for (c = 0; c < s->room; c++) {
            for (e = s->chains[c]; e != NULL; e = next) {
                next = e->next;
                entry_free(e);
            }
        }
        free(s->chains);
        pthread_mutex_destroy(&s->lock);
    }
}

apr_uint32_t push_directory_hash(const push_directory_t *d, apr_uint32_t app,
                                 const char *name, apr_size_t len, int alias)
{
    const apr_uint64_t odd = 0x9e3779b97f4a7c15u;
    apr_uint64_t h = push_hash_fold(d->seed ^ app, odd ^ len);
    apr_uint64_t w;
    apr_size_t n;
    int first = 1;

    while (len > 0) {
        w = 0;
        n = len < 8 ? len : 8;
        memcpy(&w, name, n);
        if (first && alias) {
            ((char *)&w)[ALIAS_AT] = '-';
        }
        h = push_hash_fold(h ^ w, d->seed | 1);
        name += n;
        len -= n;
        first = 0;
    }
    h = push_hash_fold(h, odd);
    return (apr_uint32_t)(h ^ (h >> 32));
}

push_shard_t *push_shard_of(push_directory_t *d, apr_uint32_t hash)
{
    return &d->shards[hash >> 26];
}

void push_shard_lock(push_shard_t *s) { pthread_mutex_lock(&s->lock); }

void push_shard_unlock(push_shard_t *s) { pthread_mutex_unlock(&s->lock); }

static char *name_of(const push_directory_t *d, push_entry_t *e)
{
    return (char *)&e->counts[d->loops];
}

const char *push_entry_name(const push_directory_t *d, const push_entry_t *e)
{
    return (const char *)&e->counts[d->loops];
}

int push_entry_is(const push_directory_t *d, const push_entry_t *e,
                  const push_name_t *name)
{
    const char *kept = push_entry_name(d, e);

    if (e->hash != name->hash || e->app != name->app || e->len != name->len) {
        return 0;
    }
    if (!name->alias) {
        return !memcmp(kept, name->name, name->len);
    }
    return !memcmp(kept, "private-", ALIAS_AT + 1) &&
           !memcmp(kept + ALIAS_AT + 1, name->name + ALIAS_AT + 1,
                   name->len - ALIAS_AT - 1);
}

push_entry_t *push_entry_find(push_directory_t *d, push_shard_t *s,
                              const push_name_t *name)
{
    push_entry_t *e;

    if (s->room == 0) {
        return NULL;
    }
    for (e = s->chains[name->hash & (s->room - 1)]; e != NULL; e = e->next) {
        if (push_entry_is(d, e, name)) {
            return e;
        }
    }
    return NULL;
}

/* Twice the chains, half as long. */
static void shard_grow(push_shard_t *s)
{
    apr_uint32_t room = s->room ? s->room * 2 : 16;
    push_entry_t **chains = push_must(calloc(room, sizeof(push_entry_t *)));
    push_entry_t *e, *next;
    apr_uint32_t i;

    for (i = 0; i < s->room; i++) {
        for (e = s->chains[i]; e != NULL; e = next) {
            next = e->next;
            e->next = chains[e->hash & (room - 1)];
            chains[e->hash & (room - 1)] = e;
        }
    }
    free(s->chains);
    s->chains = chains;
    s->room = room;
}

push_entry_t *push_entry_get(push_directory_t *d, push_shard_t *s,
                             const push_name_t *name)
{
    push_entry_t *e = push_entry_find(d, s, name);
    apr_size_t size = sizeof(*e) + (apr_size_t)d->loops * sizeof(e->counts[0]);

    if (e != NULL) {
        return e;
    }
    if (s->n >= s->room) {
        shard_grow(s);
    }
    e = push_must(calloc(1, size + name->len));
    e->app = name->app;
    e->hash = name->hash;
    e->len = (apr_uint32_t)name->len;
    memcpy(name_of(d, e), name->name, name->len);
    if (name->alias) {
        name_of(d, e)[ALIAS_AT] = '-';
    }
    e->next = s->chains[e->hash & (s->room - 1)];
    s->chains[e->hash & (s->room - 1)] = e;
    s->n++;
    return e;
}

/* Where an occupied entry is counted; NULL: nowhere. */
static apr_uint32_t *gauge_of(push_directory_t *d, const push_entry_t *e)
{
    static const char user[] = PUSH_USER_CHANNEL;
    const char *name = push_entry_name(d, e);

    if (e->app->hidden) {
        return NULL;
    }
    if (name[0] != '#') {
        return &d->occupied;
    }
    return e->len > sizeof(user) - 1 && !memcmp(name, user, sizeof(user) - 1)
               ? &d->users
               : NULL;
}

void push_entry_occupy(push_directory_t *d, push_entry_t *e, int loop)
{
    apr_uint32_t *gauge = gauge_of(d, e);

    __atomic_store_n(&e->counts[loop], 1, __ATOMIC_RELAXED);
    if (e->occupied++ == 0 && gauge != NULL) {
        __atomic_add_fetch(gauge, 1, __ATOMIC_RELAXED);
    }
}

void push_entry_vacate(push_directory_t *d, push_entry_t *e, int loop)
{
    apr_uint32_t *gauge = gauge_of(d, e);

    __atomic_store_n(&e->counts[loop], 0, __ATOMIC_RELAXED);
    if (--e->occupied == 0 && gauge != NULL) {
        __atomic_sub_fetch(gauge, 1, __ATOMIC_RELAXED);
    }
}

void push_entry_settle(push_shard_t *s, push_entry_t *e)
{
    push_entry_t **link;

    if (e->occupied > 0 || e->cached != NULL || e->online > 0) {
        return;
    }
    link = &s->chains[e->hash & (s->room - 1)];
    while (*link != e) {
        link = &(*link)->next;
    }
    *link = e->next;
    s->n--;
    entry_free(e);
    if (s->n == 0) {
        free(s->chains); /* memory goes back after a storm */
        s->chains = NULL;
        s->room = 0;
    }
}

apr_uint64_t push_entry_keep(push_directory_t *d, push_shard_t *s,
                             push_entry_t *e, const push_event_t *event,
                             apr_uint32_t now)
{
    if (e->cached == NULL) {
        e->cached = push_must(calloc(1, sizeof(*e->cached)));
    }
    else {
        push_frame_release(e->cached->frame);
    }
    push_frame_retain(event->frame);
    e->cached->frame = event->frame;
    e->cached->name_at = event->name_at;
    e->cached->number = ++s->number;
    e->missed = 0;
    e->cached->expires = now + __atomic_load_n(&d->ttl, __ATOMIC_RELAXED);
    return e->cached->number;
}

const push_cached_t *push_entry_cached(const push_entry_t *e, apr_uint32_t now)
{
    return e->cached != NULL && e->cached->expires > now ? e->cached : NULL;
}

apr_uint32_t push_entry_subscriptions(const push_directory_t *d,
                                      const push_entry_t *e)
{
    apr_uint32_t n = 0;
    int i;

    for (i = 0; i < d->loops; i++) {
        n += __atomic_load_n(&e->counts[i], __ATOMIC_RELAXED);
    }
    return n;
}

/* Give up the cached events of a shard: of one app, or when app is NULL those
 * whose time is over. */
static void shard_drop(push_shard_t *s, const push_app_t *app, apr_uint32_t now)
{
    push_entry_t *e, *next;
    apr_uint32_t i;

    for (i = 0; i < s->room; i++) {
        for (e = s->chains[i]; e != NULL; e = next) {
            next = e->next;
            if (e->cached != NULL &&
                (app != NULL ? e->app == app : e->cached->expires <= now)) {
                push_frame_release(e->cached->frame);
                free(e->cached);
                e->cached = NULL;
                push_entry_settle(s, e);
                if (s->room == 0) {
                    return;
                }
            }
        }
    }
}

void push_shard_expire(push_shard_t *s, apr_uint32_t now)
{
    shard_drop(s, NULL, now);
}

void push_shard_clear(push_shard_t *s, const push_app_t *app)
{
    shard_drop(s, app, 0);
}
