/* SPDX-License-Identifier: Apache-2.0 */
/*
 * drain.h - sending the clients away without a storm.
 *
 * A client that is closed with 4200 comes back at once. Ten thousand of them in
 * one moment would fall upon the servers that are left, or upon this one when
 * it starts again; so their ends are spread evenly over `drain.seconds`. Twenty
 * times a second the main thread asks each loop to have no more than a share of
 * its clients left, and a loop closes the first of its list until that is so:
 * no timer and no byte per connection, and one that leaves by itself is one
 * less to close.
 *
 * From its beginning /ready and /accept-traffic say no, nobody new gets in, and
 * who is still here gets what is published here.
 */
#ifndef PUSH_DRAIN_H
#define PUSH_DRAIN_H

#include "conn.h"

typedef struct push_drain_t push_drain_t;

#define PUSH_DRAIN_STEP 50 /* milliseconds between two looks */

/**
 * How many of n may be left.
 * @param passed  milliseconds since the beginning
 * @param whole   milliseconds it shall take; 0: at once
 */
apr_size_t push_drain_left(apr_size_t n, apr_uint32_t passed,
                           apr_uint32_t whole);

/**
 * Begin; the first are closed with the first step.
 * @param conns  n of them, each of a running loop
 * @param whole  milliseconds
 */
void push_drain_begin(push_drain_t **drain, push_conns_t *const *conns, int n,
                      apr_uint32_t whole, apr_pool_t *p);

/** Ask each loop to close what is over its share. Any one thread. */
void push_drain_step(push_drain_t *drain, apr_uint32_t passed);

/**
 * Whether nobody is left: no WebSocket, and no request whose answer has not
 * been taken. Any thread, after the first step.
 */
int push_drain_done(const push_drain_t *drain);

#endif
