/* SPDX-License-Identifier: Apache-2.0 */
/*
 * webhook.h - telling an app's receivers what happens on its channels.
 *
 * The loops and the hub say what happened; whatever a receiver wants goes into
 * one list, and a thread of its own sends it (libcurl). A receiver that is slow
 * or away keeps only its own line waiting: every queue is bounded, and what
 * does not fit is dropped and counted. hook.h is the logic in between.
 *
 * Events of a channel's state are said with the channel's shard locked, so they
 * stand in the list in the order in which they happened.
 *
 * Only public addresses are called unless the settings allow others; the
 * address of each connection is judged, not the name in the URL. Redirects are
 * not followed and no proxy is used.
 *
 * When settings change, a receiver is the same one as long as it has its URL:
 * what waits for it goes on waiting, in order, and is sent with the new headers
 * and secret. One that is gone gets what waits for it and no more. Changes go
 * the way events go, so each event meets the receivers of its time.
 *
 * Create, start, change and stop are called by the main thread.
 */
#ifndef PUSH_WEBHOOK_H
#define PUSH_WEBHOOK_H

#include "apps.h"
#include "hook.h"
#include "presence.h"
#include "scan.h"

typedef struct push_webhooks_t push_webhooks_t; /* the sender */

typedef struct {
    int allow_private; /* receivers on this host or network may be called */
    int batching;      /* several events in one request */
    int gather_ms;     /* how long an event waits for company */
    /* A line for the log, see push_relay_conf_t. */
    void (*log)(int trouble, const char *line);
} push_webhooks_conf_t;

/* For metrics: events, counted once for each receiver. */
typedef struct {
    apr_uint64_t sent;    /* taken by the receiver */
    apr_uint64_t failed;  /* given up after retries, or not allowed */
    apr_uint64_t dropped; /* a queue was full */
    apr_uint64_t queued;  /* waiting now */
} push_webhooks_counters_t;

/**
 * Make the sender. No app has receivers yet, see push_webhooks_change().
 */
apr_status_t push_webhooks_create(push_webhooks_t **out,
                                  const push_webhooks_conf_t *conf,
                                  apr_pool_t *p);

/**
 * An app has other receivers, or its first ones, or none any more. While the
 * loops stand still or before they run.
 * @param conf  its settings; NULL: it is removed
 */
apr_status_t push_webhooks_change(push_webhooks_t *w, push_app_t *app,
                                  const chat_app_t *conf);

/** Other settings of the sender itself; `log` stays as it is. */
void push_webhooks_follow(push_webhooks_t *w, const push_webhooks_conf_t *conf);

apr_status_t push_webhooks_start(push_webhooks_t *w);

/**
 * Send what is ready, for `ms` at most, and end the thread. Who has left within
 * the last three seconds is not told of: a restart is no leaving. The loops
 * have ended.
 */
void push_webhooks_stop(push_webhooks_t *w, int ms);

void push_webhooks_counters(const push_webhooks_t *w,
                            push_webhooks_counters_t *out);

/* What happens. Any thread; nothing is done for an app without receivers. */

/** channel_occupied, channel_vacated or cache_miss; `name` is canonical. */
void push_webhook_channel(push_app_t *app, push_hook_type_t type,
                          const char *name, apr_size_t len);

/** subscription_count: the channel has n subscribers now. */
void push_webhook_count(push_app_t *app, const char *name, apr_size_t len,
                        apr_uint32_t n);

/** member_added or member_removed. */
void push_webhook_member(push_app_t *app, push_hook_type_t type,
                         const char *name, apr_size_t len,
                         const push_user_t *user);

/**
 * client_event. Data that is no string is sent as its JSON text, so that the
 * member always is one.
 * @param user  the sender on a presence channel, else NULL
 */
void push_webhook_client_event(push_app_t *app, const char *name,
                               apr_size_t len, const scan_value_t *event,
                               const scan_value_t *data, const char *socket_id,
                               const push_user_t *user);

#endif
