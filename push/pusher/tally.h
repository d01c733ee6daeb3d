/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tally.h - how often a channel tells how many subscribers it has.
 *
 * Up to 100 subscribers every change is told at once. A larger channel tells
 * the first change and then keeps a tally: what changes while it has one is
 * told together after five seconds, and so on until five seconds pass without
 * a change. So a crowd that comes or goes costs one event in five seconds, and
 * a channel at rest has no tally and costs nothing.
 *
 * A plain data structure without locks: hub.c keeps a list of tallies in each
 * shard, under the shard's mutex.
 *
 * Source: Pusher Channels documents, "Events", pusher:subscription_count, and
 * "Webhooks", subscription_count: the same rule for both.
 */
#ifndef PUSH_TALLY_H
#define PUSH_TALLY_H

#include <apr.h>

#define PUSH_TALLY_SMALL 100 /* subscribers whose changes are told at once */
#define PUSH_TALLY_PAUSE 5   /* seconds between two events of more */

/* Of one channel. */
typedef struct push_tally_t {
    struct push_tally_t *next;   /* in its list */
    struct push_tally_t **link;  /* what points to it there */
    struct push_tally_t **owner; /* what points to it at its channel */
    void *channel;               /* whose it is; the caller's */
    apr_uint32_t due;            /* monotonic second of the next event */
    int changed;                 /* since the last one */
} push_tally_t;

/**
 * A subscriber more or less.
 * @param owner    where the channel keeps its tally, NULL there: none
 * @param list     gets the tally when one is begun
 * @param channel  to be found in push_tally_t
 * @param n        subscribers now
 * @param now      monotonic seconds
 * @return whether to tell it now
 */
int push_tally_change(push_tally_t **owner, push_tally_t **list, void *channel,
                      apr_uint32_t n, apr_uint32_t now);

/**
 * Call fn with the channel of each tally whose change is to be told now; fn
 * begins and ends none. Tallies without a change in their time are ended.
 */
void push_tallies_due(push_tally_t **list, apr_uint32_t now,
                      void (*fn)(void *baton, void *channel), void *baton);

/** End a channel's tally, if it has one. */
void push_tally_end(push_tally_t **owner);

#endif
