/* SPDX-License-Identifier: Apache-2.0 */
/*
 * rounds.h - requests that are answered once all loops have handled what came in
 * before them.
 *
 * A client that closes its socket and then asks who is there expects not to be
 * among them. Its close and its question reach different loops, or one loop in the
 * same turn, which tells of ends when it is over. So such a question is put aside
 * until each loop has been seen asleep or has gone once around.
 */
#ifndef PUSH_ROUNDS_H
#define PUSH_ROUNDS_H

#include <apr_pools.h>

#include "conn.h"
#include "loop.h"

typedef struct push_rounds_t push_rounds_t;

/**
 * @param loops  n of them, kept, not copied
 * @param conns  of each loop: whose requests may wait; likewise
 */
push_rounds_t *push_rounds_create(push_loop_t *const *loops,
                                    push_conns_t *const *conns, int n,
                                    apr_pool_t *p);

/**
 * Put the request aside that the protocol is being asked about; it is asked again
 * soon. On the connection's loop.
 * @return 0 when it has to be answered now, see push_conn_park()
 */
int push_rounds_wait(push_rounds_t *s, push_conn_t *c);

#endif
