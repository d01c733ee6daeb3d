/* SPDX-License-Identifier: Apache-2.0 */
/*
 * relay.h - from the event log to the channels.
 *
 * One thread follows the log (tail.h) and publishes each event on its channels.
 * It looks when mod_chat wakes it (wake.h), when the database says that
 * somebody has committed, which it asks every `poll_ms`, and again at once
 * while there is more. With the database away it keeps trying and loses
 * nothing: it goes on behind the last event it has relayed.
 *
 * That place is kept in a file, so that events written while chat-push was away
 * are relayed when it is back. The file moves on only when every loop has done
 * what was posted to it, that is, has given the events to the kernel or put them
 * into its sockets' queues. What a killed process had in the queues of slow
 * sockets is gone; their clients find it by GET /chat/sync.
 *
 * After a start what was missed is in memory only, for those who come back. As
 * long as some of them have not, the file also says where that begins, and a
 * process that ends now leaves it all to the next. Whether all are back is told
 * by a count: as many subscriptions as there were when the last process ended,
 * and not before clients had 20 s (a sixth of replay_seconds, if that is less),
 * for who has come may be somebody else.
 * So an end with everybody there repeats nothing, and one soon after a start
 * may repeat to some what they have. Clients drop repeats by the event's id;
 * losses they could not see.
 *
 * Create, backlog, start and stop are called by the main thread; everything
 * else here is the relay's own thread. Counters may be read by any.
 */
#ifndef PUSH_RELAY_H
#define PUSH_RELAY_H

#include "hub.h"
#include "loop.h"
#include "tail.h"

/* The event of a log-in that ends, or is to at another time; for no client. */
#define PUSH_RELAY_SESSION "chat:session"

typedef struct push_relay_t push_relay_t;

/* What it is told; everything pointed to outlives the relay. */
typedef struct {
    const char *database; /* "sqlite:/path/file.db" */
    const char *wake;     /* path of the wake-up socket; NULL: none */
    const char *state;    /* file of the relay's place; NULL: begin at the
                             log's end at every start */
    apr_uint32_t poll_ms; /* between two looks; 0: 250 */
    apr_uint32_t replay_seconds; /* for how long after the start whoever joins
                                    gets what was missed and said since; 0:
                                    clients get nothing of an absence */
    push_hubs_t *hubs;
    push_app_t *app; /* whose channels they are */
    push_loop_t *const *loops;
    int nloops;
    /* Called with a log-in's new end (PUSH_RELAY_SESSION); NULL: nobody cares.
     * Unix seconds, 0: it has ended, negative: it does not by itself. */
    void (*session)(const char *session, apr_int64_t until);
    /* Sees each event's payload before it is published; NULL: nobody. */
    push_tail_open_t open;
    void *open_baton;
    /* A line for the log, without line break. trouble: 1 for what somebody
     * should look at, 0 for information. Called on the main thread before the
     * start and on the relay's after. */
    void (*log)(int trouble, const char *line);
} push_relay_conf_t;

/* For metrics. */
typedef struct {
    apr_uint64_t relayed;    /* events, each counted once for all channels */
    apr_uint64_t unreadable; /* rows of the log that were no events */
    apr_uint64_t wakes;      /* times somebody woke us */
    apr_uint64_t failures;   /* looks that failed: the database was away */
    apr_int64_t last_id;     /* of the last event relayed */
    apr_int64_t needless;    /* nobody waits for events up to this id: they were
                                relayed, and those who were away have theirs */
    apr_int64_t behind; /* ids in the log not yet relayed, at the last look */
    apr_uint64_t lag_ms; /* since it last was at the log's end */
    int connected;      /* whether the last look succeeded */
} push_relay_counters_t;

/**
 * Bind the wake-up socket and read the state file. The database need not be
 * there yet.
 * @param conf  kept, not copied
 * @param why   a sentence when not APR_SUCCESS: something to put right
 */
apr_status_t push_relay_create(push_relay_t **relay,
                               const push_relay_conf_t *conf, const char **why,
                               apr_pool_t *p);

/**
 * Give the hub what was written while chat-push was away, and have it keep what
 * follows until clients had time to come back (push_hub_replay). Before the
 * loops run and before listeners open. When the database is away it returns at
 * once, and these events are published when it is back.
 */
void push_relay_backlog(push_relay_t *relay);

apr_status_t push_relay_start(push_relay_t *relay);

/** End the thread and keep its place; while the loops still run. */
void push_relay_stop(push_relay_t *relay);

void push_relay_counters(const push_relay_t *relay, push_relay_counters_t *out);

#endif
