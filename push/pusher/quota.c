/* SPDX-License-Identifier: Apache-2.0 */
/*
 * quota.c - counters of connections by user and address, see quota.h.
 */
#include "quota.h"
#include "hash.h"
#include "text.h"

#include <stdlib.h>
#include <string.h>
#include <apr_general.h>

#define ROOM_FIRST 16 /* chains of a shard at first */

struct push_seat_t {
    push_seat_t *next; /* in its chain */
    const void *owner;
    apr_uint64_t hash;
    apr_int64_t taken; /* connections, under the shard's mutex */
    apr_uint32_t len;
    push_quota_kind_t kind;
    char name[];
};

apr_status_t push_quota_init(push_quota_t *q)
{
    int i;

    memset(q, 0, sizeof(*q));
    for (i = 0; i < PUSH_QUOTA_SHARDS; i++) {
        pthread_mutex_init(&q->shards[i].lock, NULL);
    }
    return apr_generate_random_bytes((unsigned char *)&q->seed,
                                     sizeof(q->seed));
}

void push_quota_destroy(push_quota_t *q)
{
    push_seat_t *seat, *next;
    apr_uint32_t c;
    int i;

    for (i = 0; i < PUSH_QUOTA_SHARDS; i++) {
        push_quota_shard_t *s = &q->shards[i];

        for (c = 0; c < s->room; c++) {
            for (seat = s->chains[c]; seat != NULL; seat = next) {
                next = seat->next;
                free(seat);
            }
        }
        free(s->chains);
        pthread_mutex_destroy(&s->lock);
    }
}

static push_quota_shard_t *shard_of(push_quota_t *q, apr_uint64_t hash)
{
    return &q->shards[(hash >> 32) % PUSH_QUOTA_SHARDS];
}

static push_seat_t **chain_of(push_quota_shard_t *s, apr_uint64_t hash)
{
    return &s->chains[hash & (s->room - 1)];
}

static void resize(push_quota_shard_t *s, apr_uint32_t room)
{
    push_seat_t **old = s->chains;
    apr_uint32_t n = s->room;
    push_seat_t *seat, *next;
    apr_uint32_t i;

    s->room = room;
    s->chains = room ? push_must(calloc(room, sizeof(*old))) : NULL;
    for (i = 0; i < n; i++) {
        for (seat = old[i]; seat != NULL; seat = next) {
            next = seat->next;
            seat->next = *chain_of(s, seat->hash);
            *chain_of(s, seat->hash) = seat;
        }
    }
    free(old);
}

static push_seat_t *find(push_quota_shard_t *s, apr_uint64_t hash,
                         const void *owner, push_quota_kind_t kind,
                         const void *name, apr_size_t len)
{
    push_seat_t *seat = s->room ? *chain_of(s, hash) : NULL;

    while (seat != NULL &&
           (seat->hash != hash || seat->owner != owner || seat->kind != kind ||
            seat->len != len || memcmp(seat->name, name, len) != 0)) {
        seat = seat->next;
    }
    return seat;
}

static push_seat_t *add(push_quota_shard_t *s, apr_uint64_t hash,
                        const void *owner, push_quota_kind_t kind,
                        const void *name, apr_size_t len)
{
    push_seat_t *seat = push_must(malloc(sizeof(*seat) + len));

    if (s->n >= s->room) {
        resize(s, s->room ? s->room * 2 : ROOM_FIRST);
    }
    seat->owner = owner;
    seat->hash = hash;
    seat->taken = 0;
    seat->len = (apr_uint32_t)len;
    seat->kind = kind;
    memcpy(seat->name, name, len);
    seat->next = *chain_of(s, hash);
    *chain_of(s, hash) = seat;
    s->n++;
    return seat;
}

static apr_uint64_t hash_of(const push_quota_t *q, const void *owner,
                            push_quota_kind_t kind, const void *name,
                            apr_size_t len)
{
    return push_hash_text(q->seed ^ (apr_uintptr_t)owner ^ (apr_uint64_t)kind,
                          q->seed, name, len);
}

int push_quota_full(push_quota_t *q, const void *owner, push_quota_kind_t kind,
                    const void *name, apr_size_t len, apr_int64_t max)
{
    apr_uint64_t hash = hash_of(q, owner, kind, name, len);
    push_quota_shard_t *s = shard_of(q, hash);
    const push_seat_t *seat;
    int full;

    pthread_mutex_lock(&s->lock);
    seat = find(s, hash, owner, kind, name, len);
    full = (seat != NULL ? seat->taken : 0) >= max;
    pthread_mutex_unlock(&s->lock);
    return full;
}

push_seat_t *push_quota_take(push_quota_t *q, const void *owner,
                             push_quota_kind_t kind, const void *name,
                             apr_size_t len, apr_int64_t max)
{
    apr_uint64_t hash = hash_of(q, owner, kind, name, len);
    push_quota_shard_t *s = shard_of(q, hash);
    push_seat_t *seat;

    pthread_mutex_lock(&s->lock);
    seat = find(s, hash, owner, kind, name, len);
    if ((seat != NULL ? seat->taken : 0) >= max) {
        pthread_mutex_unlock(&s->lock);
        return NULL;
    }
    if (seat == NULL) {
        seat = add(s, hash, owner, kind, name, len);
    }
    seat->taken++;
    pthread_mutex_unlock(&s->lock);
    return seat;
}

static void drop(push_quota_shard_t *s, push_seat_t *seat)
{
    push_seat_t **link = chain_of(s, seat->hash);

    while (*link != seat) {
        link = &(*link)->next;
    }
    *link = seat->next;
    free(seat);
    s->n--;
    if (s->n == 0) {
        resize(s, 0);
    }
    else if (s->room > ROOM_FIRST && s->n < s->room / 8) {
        resize(s, s->room / 2);
    }
}

void push_quota_give(push_quota_t *q, push_seat_t *seat)
{
    push_quota_shard_t *s;

    if (seat == NULL) {
        return;
    }
    s = shard_of(q, seat->hash);
    pthread_mutex_lock(&s->lock);
    if (--seat->taken == 0) {
        drop(s, seat);
    }
    pthread_mutex_unlock(&s->lock);
}
