/* SPDX-License-Identifier: Apache-2.0 */
/*
 * hub.h - channels and who listens: the fan-out.
 *
 * Each loop has a hub with its own subscribers, so delivering takes no lock.
 * One directory, shared by all loops, knows for every occupied channel how many
 * subscribers each loop has, the presence members, and the last event of a
 * cache channel. It is sharded by hash, each shard with a mutex held for a few
 * lines when a loop's first subscriber comes or its last one leaves, never
 * while sending. Whether a loop has subscribers for a channel is an atomic
 * counter table by hash, so that a publish asks without the mutex (a false yes
 * costs one look-up there).
 *
 * A subscription is an entry in the channel's array and an entry in the
 * client's; each names the other's index, so leaving swaps the last one in:
 * O(1) in both. A client's first subscription lies inside the client; the
 * others in a small hash table, so that a client of a thousand channels finds
 * one as fast as a client of two.
 *
 * Publishing may be done from any thread: the caller's own loop is served at
 * once, each other loop that has subscribers gets one task. Events of one
 * caller for one channel arrive in order.
 *
 * Events about which a new subscriber is told in another way (members, the
 * cached event) carry a number, given under the shard's mutex together with
 * the state they change. A subscription remembers the number its snapshot had,
 * so it sees every change exactly once although tasks are still under way. In
 * apps with enableSubscriptionCount the number of subscribers is told by
 * numbered events too, so that the last one told is the right one (tally.h).
 *
 * `private.user.7` and `private-user.7` are one channel when identities are
 * known (push_hubs_create, aliases): it is kept under the `private-` name and
 * each subscription remembers the names it used. Who used both gets an event
 * under each, and is one subscriber where they are counted.
 */
#ifndef PUSH_HUB_H
#define PUSH_HUB_H

#include "apps.h"
#include "channel.h"
#include "conn.h"
#include "presence.h"

typedef struct push_hubs_t push_hubs_t; /* all loops' hubs and the directory */
typedef struct push_hub_t push_hub_t;   /* one loop's */
typedef struct push_channel_t push_channel_t;

#define PUSH_WATCH_CHANNEL "#watch-" /* then a user's id: who watches it */

/**
 * The channel that only a user's connections are on. It is in no list and
 * nobody can subscribe to it.
 */
#define PUSH_USER_CHANNEL "#user-"

#define PUSH_NUMBER_BITS 40 /* of an event's number: 34 years of 1,000/s */

/* One subscription as its client holds it. There is one per socket and channel,
 * so two numbers share a word; the kernel lets a process have far fewer sockets
 * than an index can count. */
typedef struct {
    push_channel_t *channel; /* NULL: empty */
    push_member_t *member;   /* who the client is there; presence only */
    apr_uint64_t index : 64 - PUSH_NUMBER_BITS; /* in the channel's array */
    apr_uint64_t after : PUSH_NUMBER_BITS; /* numbered events up to this one are
                                              known */
} push_subscription_t;

/* The subscriptions of a client; embedded in it, all zero is none. */
typedef struct {
    push_subscription_t one;   /* any one of them, NULL channel: none */
    push_subscription_t *more; /* the others: open addressing by channel */
    apr_uint32_t n;            /* in all */
    apr_uint32_t room;         /* slots of `more`, a power of two or 0 */
} push_subscriptions_t;

/* A client as the hub sees it: the first part of the protocol's struct. */
typedef struct {
    push_subscriptions_t subs;
    apr_uint64_t number; /* unique in the process; second half of socket_id */
} push_subscriber_t;

/* A channel's name with what is asked of it again and again. */
typedef struct {
    push_app_t *app;
    const char *name; /* as the caller spelled it, len bytes */
    apr_size_t len;
    apr_uint32_t hash;     /* of app and canonical name */
    unsigned char alias;   /* spelled `private.`, kept as `private-` */
    unsigned char members; /* a presence channel */
    unsigned char cache;   /* a cache channel */
} push_name_t;

/* What a publish hands over. */
typedef struct {
    push_frame_t *frame;  /* of pusher.h; the caller keeps its reference */
    apr_uint32_t name_at; /* where in it the canonical name stands */
    apr_uint64_t except;  /* number of the subscriber left out; 0: nobody */
    int keep;             /* as the last event, if it is a cache channel */
} push_event_t;

/* What is known of a channel over all loops. */
typedef struct {
    apr_uint32_t subscriptions;
    apr_uint32_t users;      /* presence members */
    push_frame_t *cached;    /* a reference for the caller, or NULL */
    apr_uint32_t cached_at;  /* its name_at */
    apr_uint32_t cached_ttl; /* seconds it is kept from now */
} push_channel_info_t;

typedef enum {
    PUSH_JOIN_OK,
    PUSH_JOIN_AGAIN, /* was subscribed already under this name; nothing changed
                      */
    PUSH_JOIN_FULL   /* the presence channel has its most users */
} push_join_t;

/**
 * The directory and a hub for each loop.
 * @param loops      n of them, not yet running
 * @param cache_ttl  seconds a cached event is kept
 * @param aliases    whether `private.` names are `private-` channels
 */
apr_status_t push_hubs_create(push_hubs_t **hubs, push_loop_t *const *loops,
                              int n, apr_uint32_t cache_ttl, int aliases,
                              apr_pool_t *p);

push_hub_t *push_hub_of(push_hubs_t *hubs, int loop);
int push_hubs_loops(const push_hubs_t *hubs);

/**
 * Name a channel.
 * @param name  stays the caller's
 * @param kind  what chat_channel_parse() said; NULL for server-only names
 */
void push_name_set(push_name_t *out, const push_hubs_t *hubs, push_app_t *app,
                   const char *name, apr_size_t len,
                   const chat_channel_t *kind);

/**
 * Deliver an event to a channel's subscribers. Any thread. Everybody hears it
 * before what is published after this has returned, wherever that is done.
 * @param here  the caller's own hub, served at once unless older deliveries
 *              wait there; NULL on other threads
 */
void push_hub_publish(push_hubs_t *hubs, push_hub_t *here,
                      const push_name_t *name, const push_event_t *event);

/**
 * The same from its parts: build the message {"event","channel","data"} and
 * publish it. Any thread; for the relay and other senders of the server's own.
 * @param event  the event's name, UTF-8
 * @param data   UTF-8 text that becomes the message's data string
 */
void push_hub_event(push_hubs_t *hubs, push_app_t *app, const char *channel,
                    const char *event, const char *data, apr_size_t len);

/** Whether somebody may be waiting for an event on a channel; when in doubt
 * somebody is. Any thread. */
int push_hub_awaited(push_hubs_t *hubs, push_app_t *app, const char *channel);

/**
 * For `seconds` from now, keep what push_hub_event() sends for those who join
 * its channel later: after a restart clients need a while to come back, and the
 * first events would be over by then. Only before the loops run.
 */
void push_hub_replay(push_hubs_t *hubs, apr_uint32_t seconds);

/**
 * An event that happened while chat-push was away: whoever joins the channel
 * within `seconds` gets it after subscription_succeeded, before what is kept by
 * push_hub_replay(), in the order of these calls. Only before the loops run.
 * Too much of it, and the oldest give way.
 */
void push_hub_backlog(push_hubs_t *hubs, push_app_t *app, const char *channel,
                      const char *event, const char *data, apr_size_t len,
                      apr_uint32_t seconds);

/**
 * A user has a signed-in connection more (by 1) or less (-1); those who watch
 * are told of the first and of the last. Any thread.
 * @param name  PUSH_WATCH_CHANNEL and the id
 */
void push_hub_online(push_hubs_t *hubs, const push_name_t *name, int by);

/* The rest is for a hub's own loop. */

/**
 * Subscribe.
 * @param user       presence: who joins; NULL on other channels
 * @param max_users  presence: most users of the channel
 * @param sub        the subscription; valid until the client's next join or
 *                   leave
 */
push_join_t push_hub_join(push_hub_t *hub, const push_name_t *name,
                          push_subscriber_t *client, const push_user_t *user,
                          apr_size_t max_users, push_subscription_t **sub);

/** The client's subscription to a channel, NULL when it has none. */
push_subscription_t *push_hub_find(push_hub_t *hub, const push_name_t *name,
                                   push_subscriber_t *client);

/** Unsubscribe; 0 when there was no subscription under this name. */
int push_hub_leave(push_hub_t *hub, const push_name_t *name,
                   push_subscriber_t *client);

/** Whether fn says yes to the name of one of the client's channels. */
int push_hub_any(const push_hub_t *hub, const push_subscriber_t *client,
                 int (*fn)(const char *name, apr_size_t len, void *baton),
                 void *baton);

/** Unsubscribe from everything: the connection has ended. */
void push_hub_leave_all(push_hub_t *hub, push_subscriber_t *client);

/**
 * Watch a user: subscribe to the channel of its watchers.
 * @return 1 when the user is online, 0 when not: every change from here on is
 *         told; -1 when the client was watching already
 */
int push_hub_watch(push_hub_t *hub, const push_name_t *name,
                   push_subscriber_t *client);

/**
 * Add the members of a presence channel to a text, as the JSON that the
 * protocol wants.
 * @param again  0 when the client has just joined: from here on the
 *               subscription gets every change. Otherwise it goes on getting
 *               every numbered event, also a change that the text has already.
 */
void push_hub_members(push_hub_t *hub, push_subscription_t *sub, int again,
                      push_text_t *out);

#define PUSH_MISS_SECONDS 10 /* one cache_miss for all who come within */

/**
 * Send a new subscriber the cached event.
 * @param news  set to whether the app is to hear that there is none: it is told
 *              once for many subscribers
 * @return 0 when there is none
 */
int push_hub_send_cached(push_hub_t *hub, const push_name_t *name,
                         push_subscriber_t *client, int *news);

/** Send a new subscriber the count of subscribers, where counts are told. */
void push_hub_send_count(push_hub_t *hub, const push_name_t *name,
                         push_subscriber_t *client);

/**
 * Send a new subscriber what was missed or kept for it, in order: the newest of
 * it that fit in half of what may wait for its socket (push_conn_room). All of
 * it could end the socket as a slow one, at every new try.
 */
void push_hub_send_backlog(push_hub_t *hub, const push_name_t *name,
                           push_subscriber_t *client);

/**
 * Call fn on every loop for each subscriber of a channel there. Any thread; fn
 * runs on the subscriber's loop. Used to end all connections of a user.
 * @param value  handed to fn
 */
void push_hub_each(push_hubs_t *hubs, const push_name_t *name,
                   void (*fn)(push_subscriber_t *client, apr_int64_t value),
                   apr_int64_t value);

/**
 * Call fn for each subscriber of a channel on this loop; fn may unsubscribe
 * that one. The hub's own loop.
 * @param fn  with who it is there, NULL on other than presence channels
 */
void push_hub_visit(push_hub_t *hub, const push_name_t *name,
                    void (*fn)(push_subscriber_t *client,
                               const push_member_t *member, void *baton),
                    void *baton);

/* Asking, from any thread. */

/** What is known of a channel; all zero when it is not occupied. */
void push_hub_info(push_hubs_t *hubs, const push_name_t *name,
                   push_channel_info_t *info);

/**
 * Step over the occupied channels of an app. fn is called with the shard
 * locked: it must not call the hub. The cached frame is valid during the call.
 */
void push_hub_channels(push_hubs_t *hubs, push_app_t *app,
                       void (*fn)(void *baton, const char *name, apr_size_t len,
                                  const push_channel_info_t *info),
                       void *baton);

/** Step over the users of a presence channel; as above. */
void push_hub_users(push_hubs_t *hubs, const push_name_t *name,
                    void (*fn)(void *baton, const push_member_t *m),
                    void *baton);

/** Keep what is cached from now on for so many seconds. Any thread. */
void push_hubs_cache_ttl(push_hubs_t *hubs, apr_uint32_t seconds);

/** Drop what is cached of an app that has no subscribers. Any thread. */
void push_hubs_clear(push_hubs_t *hubs, const push_app_t *app);

/** Subscriptions of all clients of all apps. Any thread. */
apr_uint32_t push_hub_subscriptions(const push_hubs_t *hubs);

/** Users that have signed in on a connection still open. Any thread. */
apr_uint32_t push_hubs_users(const push_hubs_t *hubs);

/**
 * How long events took from their arrival here (the turn that read the request,
 * the relay's call) until a loop had sent them to its last subscriber; once for
 * each event and loop with subscribers. Any thread.
 */
void push_hubs_latency(const push_hubs_t *hubs, push_histogram_t *sum);

/* Bytes of events that may lie before one loop. */
#define PUSH_HUB_WAITING_MOST (64 * 1024 * 1024)

/**
 * Whether a loop has more than that before it. Who publishes by way of another
 * loop would not feel it, and what waits lies in memory: nothing more of
 * strangers' is to be taken then. Any thread.
 */
int push_hubs_behind(const push_hubs_t *hubs);

/** Occupied channels over all loops, server-only ones left out. */
apr_uint32_t push_hubs_count(push_hubs_t *hubs);

#endif
