/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tally.c - how often a channel tells its count, see tally.h.
 */
#include "tally.h"
#include "text.h"

#include <stdlib.h>

static void begin(push_tally_t **owner, push_tally_t **list, void *channel,
                  apr_uint32_t now)
{
    push_tally_t *t = push_must(calloc(1, sizeof(*t)));

    t->owner = owner;
    t->channel = channel;
    t->due = now + PUSH_TALLY_PAUSE;
    t->next = *list;
    t->link = list;
    if (t->next != NULL) {
        t->next->link = &t->next;
    }
    *list = t;
    *owner = t;
}

int push_tally_change(push_tally_t **owner, push_tally_t **list, void *channel,
                      apr_uint32_t n, apr_uint32_t now)
{
    push_tally_t *t = *owner;

    if (n <= PUSH_TALLY_SMALL) {
        if (t != NULL) {
            t->changed = 0; /* what waited is out of date */
        }
        return 1;
    }
    if (t != NULL) {
        t->changed = 1;
        return 0;
    }
    begin(owner, list, channel, now);
    return 1;
}

void push_tallies_due(push_tally_t **list, apr_uint32_t now,
                      void (*fn)(void *baton, void *channel), void *baton)
{
    push_tally_t *t, *next;

    for (t = *list; t != NULL; t = next) {
        next = t->next;
        if (now < t->due) {
            continue;
        }
        if (!t->changed) {
            push_tally_end(t->owner);
            continue;
        }
        t->changed = 0;
        t->due = now + PUSH_TALLY_PAUSE;
        fn(baton, t->channel);
    }
}

void push_tally_end(push_tally_t **owner)
{
    push_tally_t *t = *owner;

    if (t == NULL) {
        return;
    }
    *owner = NULL;
    *t->link = t->next;
    if (t->next != NULL) {
        t->next->link = t->link;
    }
    free(t);
}
