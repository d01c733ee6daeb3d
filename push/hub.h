/* SPDX-License-Identifier: Apache-2.0 */
/*
 * hub.h - channels and who listens: the fan-out.
 *
 * Each loop has a hub with its own subscribers, so delivering takes no lock.
 * One directory, shared by all loops, knows for every occupied channel how many
 * subscribers each loop has, the presence members, and the last event of a
 * cache channel. It is sharded by hash, each shard with a mutex held for a few
 * lines at subscribe and unsubscribe, never while sending. Whether a loop has
 * subscribers for a channel is an atomic counter table by hash, so that a
 * publish asks without the mutex (a false yes costs one look-up there).
 *
 * A subscription is an entry in the channel's array and an entry in the
 * client's; each names the other's index, so leaving swaps the last one in:
 * O(1) in both. A client's first subscription lies inside the client.
 *
 * push_hub_publish() may be called from any thread: it posts one task to each
 * loop that has subscribers. Events of one caller for one channel arrive in
 * order.
 */
#ifndef PUSH_HUB_H
#define PUSH_HUB_H

#include "app.h"
#include "conn.h"

typedef struct push_hubs_t push_hubs_t; /* all loops' hubs and the directory */
typedef struct push_hub_t push_hub_t;   /* one loop's */
typedef struct push_channel_t push_channel_t;

/* One subscription as its client holds it. */
typedef struct {
    push_channel_t *channel; /* NULL: empty */
    apr_uint32_t index;      /* ours in the channel's array */
    apr_uint32_t after;      /* presence events up to this number are known */
} push_subscription_t;

/* The subscriptions of a client; embedded in it, all zero is none. */
typedef struct {
    push_subscription_t one;   /* the first */
    push_subscription_t *more; /* the others, malloc'ed */
    apr_uint32_t n;            /* in all */
    apr_uint32_t room;         /* of `more` */
} push_subscriptions_t;

#endif
