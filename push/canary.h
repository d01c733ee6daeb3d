/* SPDX-License-Identifier: Apache-2.0 */
/*
 * canary.h - an event that chat-push sends to itself, over and over.
 *
 * A process may live and deliver nothing. So every `canary.seconds` a thread of
 * its own does what everybody does: on each loop it connects, subscribes to a
 * signed channel, then one of the loops gets a signed request of the HTTP API,
 * and the event has to arrive at every loop's subscriber. All of that goes
 * through sockets (socket pairs, of which a loop gets one end as if it had
 * accepted it), so it tests what clients use, whatever the listeners are.
 *
 * /ready says yes while the last canary came back in time. When it did not, the
 * reason names the loop and how far it got.
 *
 * The canary has an app of its own, with a key and secret made at the start,
 * that only its own sockets can name; and sets of connections of its own. So it
 * is in no figure, no limit and no webhook of anybody. It holds no socket
 * between two rounds.
 */
#ifndef PUSH_CANARY_H
#define PUSH_CANARY_H

#include "apps.h"
#include "conn.h"

typedef struct push_canary_t push_canary_t;

/* What it has seen. */
typedef struct {
    apr_uint64_t rounds;
    apr_uint64_t failures; /* rounds that did not come back in time */
    apr_uint64_t micros;   /* from the request to the last loop's event, of the
                              last round that came back; 0: none yet */
} push_canary_figures_t;

#define PUSH_CANARY_WHY 128 /* bytes that hold every reason */

/**
 * Before the loops run.
 * @param loops   n of them
 * @param proto   of clients; kept
 * @param period  milliseconds between two rounds, and most that one may take
 */
apr_status_t push_canary_create(push_canary_t **canary,
                                push_loop_t *const *loops, int n,
                                const push_protocol_t *proto,
                                apr_uint32_t period, apr_pool_t *p);

/** Begin, once the loops run, and wait for the end of the first round. */
apr_status_t push_canary_start(push_canary_t *canary);

/** End its thread, within a few milliseconds; the loops still run. */
void push_canary_stop(push_canary_t *canary);

/** The apps that a connection can name: the canary's; NULL: not its own. */
push_apps_t *push_canary_apps(push_canary_t *canary, const push_conn_t *c);

/** Whether it came back; else why not, in words. Any thread. */
int push_canary_well(push_canary_t *canary, char why[PUSH_CANARY_WHY]);

/** Any thread. */
void push_canary_figures(push_canary_t *canary, push_canary_figures_t *out);

#endif
