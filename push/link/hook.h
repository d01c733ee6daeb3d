/* SPDX-License-Identifier: Apache-2.0 */
/*
 * hook.h - what webhooks do between an event and its request.
 *
 * Plain data structures: no thread, no socket, no clock; the time comes in as
 * milliseconds of any clock that does not jump. webhook.c drives them on its
 * thread.
 *
 * An event goes through the hold first: channel_vacated and member_removed
 * wait there, and whoever comes back meanwhile takes the waiting event out
 * again, so a page that is reloaded is no event at all. Then it is copied into
 * the line of every receiver that wants it. A line sends one request at a
 * time, a batch of its oldest events, until the receiver takes it or five
 * minutes have passed; so what a receiver gets is in order.
 *
 * Source: Pusher Channels documents, "Webhooks".
 */
#ifndef PUSH_HOOK_H
#define PUSH_HOOK_H

#include "app.h"
#include "text.h"

#define PUSH_HOOK_DELAY 3000         /* ms a leaving waits in the hold */
#define PUSH_HOOK_HELD_MOST 100000   /* leavings that wait; more go early */
#define PUSH_HOOK_BACKOFF 1000       /* ms to the first retry, then doubling */
#define PUSH_HOOK_BACKOFF_MOST 60000 /* ms between two tries */
#define PUSH_HOOK_RETRY 300000       /* ms after which a batch is given up */
#define PUSH_HOOK_NEVER APR_UINT64_MAX

typedef enum {
    PUSH_HOOK_OCCUPIED,
    PUSH_HOOK_VACATED,
    PUSH_HOOK_ADDED,
    PUSH_HOOK_REMOVED,
    PUSH_HOOK_CLIENT_EVENT,
    PUSH_HOOK_CACHE_MISS,
    PUSH_HOOK_COUNT,
    PUSH_HOOK_TYPES
} push_hook_type_t;

/** The name of a type in event_types and in bodies. */
const char *push_hook_name(push_hook_type_t type);

/** Whether a name is one of them. */
int push_hook_known(const char *name);

/** Whether a receiver wants events of a type of a channel. */
int push_hook_wants(const chat_webhook_t *hook, push_hook_type_t type,
                    const char *channel, apr_size_t len);

/**
 * Whether an event must be made for an app: a receiver wants it, or wants the
 * leaving that it would cancel.
 */
int push_hook_needed(const chat_app_t *app, push_hook_type_t type,
                     const char *channel, apr_size_t len);

/* --- an event --- */

typedef struct push_hook_event_t {
    struct push_hook_event_t *next; /* in the list that has it */
    struct push_hook_event_t *prev; /* in the hold */
    struct push_hook_event_t *link; /* in its hash chain of the hold */
    void *owner;                    /* the app's receivers; webhook.c */
    const char *channel;            /* the texts lie behind the struct */
    const char *id;                 /* of the user, as text; "" if nobody */
    const char *json;
    apr_uint64_t due;  /* in the hold: when it goes on */
    apr_uint64_t hash; /* in the hold */
    apr_uint32_t channel_len;
    apr_uint32_t id_len;
    apr_uint32_t json_len;
    push_hook_type_t type;
} push_hook_event_t;

/**
 * An event, malloc'ed; the caller frees it.
 * @param json  the object that stands in `events`
 */
push_hook_event_t *push_hook_event(void *owner, push_hook_type_t type,
                                   const char *channel, apr_size_t len,
                                   const char *id, apr_size_t id_len,
                                   const push_text_t *json);

/* --- the hold --- */

#define PUSH_HOLD_CHAINS 4096

typedef struct {
    push_hook_event_t *head; /* oldest */
    push_hook_event_t *tail;
    apr_uint32_t n;
    apr_uint64_t seed; /* of hashes: nobody outside can aim at a chain */
    push_hook_event_t *chains[PUSH_HOLD_CHAINS];
} push_hold_t;

/**
 * An event happens. The hold takes it over.
 * @return the event when it goes on at once; NULL when it waits, or when it
 *         has cancelled a leaving, and then both are freed
 */
push_hook_event_t *push_hold_pass(push_hold_t *hold, push_hook_event_t *event,
                                  apr_uint64_t now);

/** Take out an event that has waited long enough; NULL when there is none. */
push_hook_event_t *push_hold_due(push_hold_t *hold, apr_uint64_t now);

/** When the next one will be due; PUSH_HOOK_NEVER when nothing waits. */
apr_uint64_t push_hold_next(const push_hold_t *hold);

/** Free everything that waits. */
void push_hold_clear(push_hold_t *hold);

/* --- the line of one receiver --- */

typedef struct push_hook_item_t {
    struct push_hook_item_t *next;
    apr_uint64_t since; /* when it came */
    apr_size_t len;
    char json[];
} push_hook_item_t;

typedef struct {
    apr_uint32_t batch_events; /* most events of one request */
    apr_size_t batch_bytes;    /* most bytes of them; one always fits */
    apr_uint32_t gather;       /* ms to wait for company */
    apr_uint32_t events;       /* most events of a line */
    apr_size_t bytes;          /* most bytes of a line */
} push_line_limits_t;

/* All zero is empty. */
typedef struct {
    push_hook_item_t *head; /* oldest; the batch is the first ones */
    push_hook_item_t *tail;
    apr_uint32_t n;
    apr_size_t bytes;
    apr_uint32_t batch;   /* events being sent or retried, 0: none */
    apr_uint32_t tries;   /* of the batch that have failed */
    apr_uint64_t first;   /* when the batch was tried first */
    apr_uint64_t at;      /* when to send next, if anything is there */
    apr_uint64_t time_ms; /* of the batch: Unix time in ms */
    int sending;
} push_line_t;

/** Another event. @return 0 when the line is full: it was not taken */
int push_line_add(push_line_t *line, const push_line_limits_t *limits,
                  const char *json, apr_size_t len, apr_uint64_t now);

/** When to send next; PUSH_HOOK_NEVER while sending or empty. */
apr_uint64_t push_line_next(const push_line_t *line);

/**
 * Send: make the body, the same one for each try of a batch.
 * @param time_ms  Unix time in ms
 */
void push_line_begin(push_line_t *line, const push_line_limits_t *limits,
                     apr_uint64_t now, apr_uint64_t time_ms, push_text_t *body);

/** The receiver has taken the batch. @return how many events it was */
apr_uint32_t push_line_taken(push_line_t *line, apr_uint64_t now);

/**
 * It has not. The batch will be tried again, later each time, unless its five
 * minutes are over: then it is dropped with everything else of that age.
 * @return how many events were given up
 */
apr_uint32_t push_line_failed(push_line_t *line, apr_uint64_t now);

/** Give up the batch at once: no retry can help. @return how many events */
apr_uint32_t push_line_drop(push_line_t *line, apr_uint64_t now);

/** Free everything. @return how many events */
apr_uint32_t push_line_clear(push_line_t *line);

#endif
