/* SPDX-License-Identifier: Apache-2.0 */
/*
 * apps.h - the apps while chat-push runs: settings plus what is counted.
 *
 * common/app.h reads the settings; this adds what every loop needs beside them:
 * signers (one per secret and loop, because a signer serves one thread),
 * connection and rate counters, and traffic counters.
 *
 * A loop writes only its own row of counters, so counting takes no lock;
 * metrics adds the rows up. What all loops share is atomic.
 *
 * Settings may change while chat-push runs. An app is the same one as long as
 * it has its id and its key; then its push_app_t stays, with its connections
 * and counters, and gets other settings. An app that is removed is found no
 * more and allows nothing, but is there until nobody can point to it. All of
 * this happens while the loops stand still (push_loops_pause), so that they
 * read without a lock and within a turn see one state.
 */
#ifndef PUSH_APPS_H
#define PUSH_APPS_H

#include "app.h"
#include "signature.h"

typedef struct push_apps_t push_apps_t;
typedef struct push_hooks_t push_hooks_t; /* an app's webhooks; webhook.h */
typedef struct push_counts_t push_counts_t;

/* Traffic of one app on one loop since the start; written by the loop only. */
typedef struct {
    apr_uint64_t opened; /* WebSockets that reached the app */
    apr_uint64_t closed;
    apr_uint64_t messages_in;  /* WebSocket messages received */
    apr_uint64_t messages_out; /* WebSocket messages handed to sockets */
    apr_uint64_t bytes_in;     /* payload bytes of messages_in */
    apr_uint64_t bytes_out;    /* frame bytes of messages_out */
    apr_uint64_t http_calls;   /* HTTP API requests */
    apr_uint64_t http_in;      /* body bytes of those */
    apr_uint64_t http_out;     /* body bytes of the answers */
    apr_uint64_t published;    /* events taken, once per channel */
    apr_uint64_t origins;      /* handshakes refused for their Origin */
    apr_uint64_t knocks;       /* and because their address came too often */
} push_traffic_t;

/** Count up what only the calling loop writes and anybody may read. */
static inline void push_count(apr_uint64_t *counter, apr_uint64_t n)
{
    __atomic_store_n(counter, *counter + n, __ATOMIC_RELAXED);
}

/* A budget of so much a second, for any number of loops; all zero is full. */
typedef struct {
    apr_uint64_t window; /* atomic: second in the upper half, spent below */
} push_budget_t;

/* Why an upgrade is refused before it is one. */
typedef enum { PUSH_DOOR_ORIGIN, PUSH_DOOR_KNOCKS } push_door_t;
#define PUSH_DOORS 2

/* What the log has said of that; all zero: nothing. Atomic, each for itself. */
typedef struct {
    apr_uint32_t said;  /* monotonic second of the last line, and one; 0: none */
    apr_uint32_t since; /* refusals of which no line was written */
} push_door_told_t;

typedef struct push_app_t {
    const chat_app_t *conf; /* changes only while the loops stand still */
    chat_signer_t ***signers; /* [loop][secret], NULL-terminated; the same */
    push_counts_t *counts;    /* shared by all that had its id */
    push_hooks_t *hooks;      /* NULL: none; changes as conf does */
    apr_uint32_t number;      /* no other app has had it; for hashes */
    apr_uint32_t demands;     /* monotonic second since when one must sign in;
                                 0: since the start, or not at all */
    apr_int32_t connections;  /* atomic: open WebSockets */
    apr_int32_t places;       /* atomic: those that max_connections counts */
    push_budget_t publishes;  /* max_backend_events */
    push_budget_t reads;      /* max_read_requests */
    push_door_told_t told[PUSH_DOORS];
    struct push_app_t *next;  /* in the list of all */
    char *id;                 /* its own copy */
    chat_app_t nothing;       /* conf of a removed one: it allows nothing, and
                                 has its id for the log */
    int removed;              /* in no table any more */
    int hidden;               /* the canary's: in no figure and no log */
    int settled;              /* removed, and its last connection has gone */
} push_app_t;

/* What new settings say of one app. */
typedef struct {
    push_app_t *app;
    const chat_app_t *before; /* NULL: it is new */
    const chat_app_t *after;  /* NULL: it is removed */
} push_app_change_t;

/* A change that is ready to be made. */
typedef struct {
    push_app_change_t *list; /* every app there was or will be */
    int n;
    struct push_app_table_t *table; /* of those there will be */
} push_apps_change_t;

/**
 * Make the apps ready for `loops` loops.
 * @param conf  outlives the answer, or the next change
 */
apr_status_t push_apps_create(push_apps_t **apps, const chat_apps_t *conf,
                              int loops, apr_pool_t *p);

/**
 * Prepare a change to other settings: everything that takes time or may fail.
 * @param p  with conf it must outlive the settings; the pool of those before
 *           may go when the change is made
 */
apr_status_t push_apps_prepare(push_apps_change_t *change, push_apps_t *apps,
                               const chat_apps_t *conf, apr_pool_t *p);

/** Drop a change that is not made. */
void push_apps_forget(push_apps_change_t *change);

/**
 * Make a change, while the loops stand still.
 * @param now  monotonic seconds
 */
void push_apps_change(push_apps_t *apps, const push_apps_change_t *change,
                      apr_uint32_t now);

/**
 * Free removed apps, while the loops stand still. Tasks that were posted while
 * it had connections may point to an app, so it is freed by the second call
 * that finds none of them: what was posted before the first has been run then.
 * @param clear  called by the first one: give up what is kept of the app
 */
void push_apps_reap(push_apps_t *apps, void (*clear)(push_app_t *app));

/** Removed ones that are not freed yet. */
int push_apps_removed(const push_apps_t *apps);

int push_apps_count(const push_apps_t *apps);
push_app_t *push_apps_at(push_apps_t *apps, int number);

/** By id as in HTTP API paths, or by key as in /app/{key}; NULL if unknown. */
push_app_t *push_app_by_id(push_apps_t *apps, const char *id, apr_size_t len);
push_app_t *push_app_by_key(push_apps_t *apps, const char *key, apr_size_t len);

/** The counters a loop writes for an app. */
push_traffic_t *push_app_traffic(push_app_t *app, int loop);

/** The counters of all loops added up. Any thread. */
void push_app_traffic_sum(push_traffic_t *sum, push_app_t *app);

/** Whether `hex` signs the pieces with any secret of the app. */
int push_app_signed(push_app_t *app, int loop, const char *hex, apr_size_t len,
                    const chat_piece_t *pieces, int n);

/** As above for an `auth` of the form key:hex, as clients send it. */
int push_app_auth(push_app_t *app, int loop, const char *auth, apr_size_t len,
                  const chat_piece_t *pieces, int n);

/**
 * Spend from a budget.
 * @param limit  per second; negative: none
 * @param now    monotonic seconds
 * @return 0 when this second's budget does not hold `cost` any more
 */
int push_budget_spend(push_budget_t *b, apr_int64_t limit, apr_uint32_t cost,
                      apr_uint32_t now);

#endif
