/* SPDX-License-Identifier: Apache-2.0 */
/* departed.c - a table of names and counts; see departed.h. */
#include "departed.h"

#include <stdlib.h>
#include <string.h>
#include <apr_general.h>

#include "hash.h"

#define ROOM_FIRST 64

apr_status_t push_departed_init(push_departed_t *t)
{
    memset(t, 0, sizeof(*t));
    return apr_generate_random_bytes((unsigned char *)&t->seed,
                                     sizeof(t->seed));
}

void push_departed_destroy(push_departed_t *t)
{
    free(t->slots);
    t->slots = NULL;
    t->room = t->n = 0;
}

static apr_uint64_t hash_of(const push_departed_t *t, const char *name,
                            apr_size_t len)
{
    apr_uint64_t hash = push_hash_text(t->seed, t->seed, name, len);

    return hash != 0 ? hash : 1;
}

/* Where a hash is, or would be; the table has room. */
static push_departed_slot_t *slot_of(const push_departed_t *t,
                                     apr_uint64_t hash)
{
    apr_uint64_t i = hash & (t->room - 1);

    while (t->slots[i].hash != 0 && t->slots[i].hash != hash) {
        i = (i + 1) & (t->room - 1);
    }
    return &t->slots[i];
}

/* Begin anew. What was known may hold for whoever was there by now. */
static void forget(push_departed_t *t)
{
    push_departed_destroy(t);
    t->floor = t->count;
}

/* Room for one more, half of the slots staying empty. @return 0: there is none
 */
static int grow(push_departed_t *t)
{
    push_departed_t more = *t;
    apr_uint32_t i;

    if (2 * (t->n + 1) <= t->room) {
        return 1;
    }
    more.room = t->room > 0 ? 2 * t->room : ROOM_FIRST;
    more.slots = t->n < PUSH_DEPARTED_MOST
                     ? calloc(more.room, sizeof(*more.slots))
                     : NULL;
    if (more.slots == NULL) {
        return 0;
    }
    for (i = 0; i < t->room; i++) {
        if (t->slots[i].hash != 0) {
            *slot_of(&more, t->slots[i].hash) = t->slots[i];
        }
    }
    free(t->slots);
    *t = more;
    return 1;
}

void push_departed_note(push_departed_t *t, const char *name, apr_size_t len)
{
    const apr_uint64_t hash = hash_of(t, name, len);
    push_departed_slot_t *slot;

    t->count++;
    if (!grow(t)) {
        forget(t);
        if (!grow(t)) {
            return; /* no memory: everybody who is there counts as old */
        }
    }
    slot = slot_of(t, hash);
    t->n += slot->hash == 0;
    slot->hash = hash;
    slot->at = t->count;
}

int push_departed_since(const push_departed_t *t, const char *name,
                        apr_size_t len, apr_uint32_t born)
{
    const push_departed_slot_t *slot;

    if (born < t->floor) {
        return 1;
    }
    if (t->room == 0) {
        return 0;
    }
    slot = slot_of(t, hash_of(t, name, len));
    return slot->hash != 0 && born < slot->at;
}
