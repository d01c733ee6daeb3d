/* SPDX-License-Identifier: Apache-2.0 */
/*
 * listener.h - an address that clients connect to: TCP, TCP with TLS, or a name
 * in the file system.
 *
 * Of a TCP address each loop has a socket of its own on the address
 * (SO_REUSEPORT), so the kernel spreads new connections over the loops and no
 * loop waits for another. That option would also let another process of the
 * same user share the port unnoticed; so the address is first bound without it,
 * which fails in one clear sentence when somebody has it.
 *
 * A name in the file system is one socket. The first loop accepts on it and
 * gives the connections to all loops in turn, because a WebSocket stays where
 * it came to for hours: the idlest of several waiting loops would get them all.
 *
 * A socket that has been listened on since before this process began (held.h)
 * is used as it is. Where there are fewer of them than loops, or no more were
 * meant to share a port, loops take turns as with a name.
 *
 * When descriptors or memory run out, clients that wait are turned away with a
 * descriptor kept for that, and the socket rests until the loop's next tick
 * instead of reporting ready over and over.
 */
#ifndef PUSH_LISTENER_H
#define PUSH_LISTENER_H

#include "conn.h"

typedef struct push_listener_t push_listener_t;

/**
 * Listen. Call it before the loops run; it ends with p.
 * @param conns  who gets the connections, one per loop
 * @param n      how many
 * @param host   address or name (every address of it); NULL: all addresses,
 *               IPv6 and IPv4
 * @param port   0: a free one, see push_listener_port()
 * @param why    a sentence for the operator when not APR_SUCCESS
 */
apr_status_t push_listener_open(push_listener_t **listener,
                                push_conns_t *const *conns, int n,
                                const char *host, int port, const char **why,
                                apr_pool_t *p);

/**
 * Listen at a path (unix_socket.h). It is the same otherwise; the name goes
 * when the listener is closed or p goes.
 * @param mode  of the name, as 0660
 */
apr_status_t push_listener_open_path(push_listener_t **listener,
                                     push_conns_t *const *conns, int n,
                                     const char *path, int mode,
                                     const char **why, apr_pool_t *p);

/** Speak TLS on it. Call it before the loops run.
 * @param tls  outlives the listener */
void push_listener_secure(push_listener_t *listener, push_tls_t *tls);

/** The port listened on, 0: a path. */
int push_listener_port(const push_listener_t *listener);

/** Accept no more; connections stay. Any thread, once, while the loops run. */
void push_listener_close(push_listener_t *listener);

/** Wait until no loop accepts any more, a second at most. */
void push_listener_closed(const push_listener_t *listener);

#endif
