/* SPDX-License-Identifier: Apache-2.0 */
/* recent.c - two tables that take turns; see recent.h. */
#include "recent.h"

#include <stdlib.h>
#include <string.h>
#include <apr_general.h>

#include "hash.h"

#define ROOM_FIRST 64
#define GONE 1 /* a slot whose name was forgotten */

apr_status_t push_recent_init(push_recent_t *recent)
{
    memset(recent, 0, sizeof(*recent));
    pthread_mutex_init(&recent->lock, NULL);
    return apr_generate_random_bytes((unsigned char *)&recent->seed,
                                     sizeof(recent->seed));
}

static void table_clear(push_recent_table_t *t)
{
    free(t->slots);
    memset(t, 0, sizeof(*t));
}

void push_recent_destroy(push_recent_t *recent)
{
    table_clear(&recent->young);
    table_clear(&recent->old);
}

/* Where a hash is, or would be. */
static apr_uint64_t *slot_of(const push_recent_table_t *t, apr_uint64_t hash)
{
    apr_uint64_t i = hash & (t->room - 1);

    while (t->slots[i] != 0 && t->slots[i] != hash) {
        i = (i + 1) & (t->room - 1);
    }
    return &t->slots[i];
}

static int table_has(const push_recent_table_t *t, apr_uint64_t hash)
{
    return t->room > 0 && *slot_of(t, hash) != 0;
}

/* Room for one more, half of the slots staying empty. @return 0: there is none
 */
static int table_grow(push_recent_table_t *t)
{
    push_recent_table_t more = { NULL, t->room > 0 ? 2 * t->room : ROOM_FIRST,
                                 t->n };
    apr_uint32_t i;

    if (2 * (t->n + 1) <= t->room) {
        return 1;
    }
    if (t->n >= PUSH_RECENT_MOST) {
        return 0;
    }
    more.slots = calloc(more.room, sizeof(*more.slots));
    if (more.slots == NULL) {
        return 0;
    }
    for (i = 0; i < t->room; i++) {
        if (t->slots[i] > GONE) {
            *slot_of(&more, t->slots[i]) = t->slots[i];
        }
    }
    free(t->slots);
    *t = more;
    return 1;
}

static void table_forget(push_recent_table_t *t, apr_uint64_t hash)
{
    if (table_has(t, hash)) {
        *slot_of(t, hash) = GONE;
    }
}

/* `now` may be a second before what another thread said last. */
static void turn(push_recent_t *recent, apr_uint32_t now)
{
    const apr_int32_t passed = (apr_int32_t)(now - recent->since);

    if (passed < PUSH_RECENT_SECONDS) {
        return;
    }
    table_clear(&recent->old);
    /* Nobody came for so long that the younger one is over as well. */
    if (passed >= 2 * PUSH_RECENT_SECONDS) {
        table_clear(&recent->young);
    }
    recent->old = recent->young;
    memset(&recent->young, 0, sizeof(recent->young));
    recent->since = now;
}

static apr_uint64_t hash_of(const push_recent_t *recent, const char *name,
                            apr_size_t len)
{
    apr_uint64_t hash = push_hash_text(recent->seed, recent->seed, name, len);

    return hash > GONE ? hash : GONE + 1;
}

int push_recent_add(push_recent_t *recent, const char *name, apr_size_t len,
                    apr_uint32_t now)
{
    const apr_uint64_t hash = hash_of(recent, name, len);
    int answer = 0;

    pthread_mutex_lock(&recent->lock);
    turn(recent, now);
    if (!table_has(&recent->young, hash) && !table_has(&recent->old, hash)) {
        answer = table_grow(&recent->young) ? 1 : -1;
    }
    if (answer == 1) {
        *slot_of(&recent->young, hash) = hash;
        recent->young.n++;
    }
    pthread_mutex_unlock(&recent->lock);
    return answer;
}

int push_recent_has(push_recent_t *recent, const char *name, apr_size_t len,
                    apr_uint32_t now)
{
    const apr_uint64_t hash = hash_of(recent, name, len);
    int has;

    pthread_mutex_lock(&recent->lock);
    turn(recent, now);
    has = table_has(&recent->young, hash) || table_has(&recent->old, hash);
    pthread_mutex_unlock(&recent->lock);
    return has;
}

void push_recent_forget(push_recent_t *recent, const char *name, apr_size_t len,
                        apr_uint32_t now)
{
    const apr_uint64_t hash = hash_of(recent, name, len);

    pthread_mutex_lock(&recent->lock);
    turn(recent, now);
    table_forget(&recent->young, hash);
    table_forget(&recent->old, hash);
    pthread_mutex_unlock(&recent->lock);
}
