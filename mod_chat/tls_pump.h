/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tls_pump.h - WebSockets whose TLS ends in httpd, without a worker for each.
 *
 * Such a socket cannot be given away: what comes over it is read by mod_ssl. So
 * chat-push is given one end of a socket pair, which looks to it as a client's
 * socket does, and the handler returns SUSPENDED: the worker goes on to other
 * requests. From then on one thread in each child, the pump, moves bytes
 * between the connection's filters and the other end of the pair, until one
 * side ends.
 *
 *   client ══ TLS ══ mod_ssl ── pump ── socket pair ── chat-push
 *
 * The request stays with the connection, so the access log tells of it when the
 * socket has ended: 101, and how long it lived.
 *
 * A graceful restart leaves the old child with its pump until the last of its
 * sockets has ended; when httpd is stopped they end with it. Only MPM event can
 * suspend a connection. Elsewhere, and for HTTP/2, mod_proxy has to do it.
 *
 * How many a child may have is bounded (tls_room.h), because event stops
 * accepting connections when there are too many suspended ones.
 */
#ifndef CHAT_TLS_PUMP_H
#define CHAT_TLS_PUMP_H

#include <httpd.h>
#include <ap_mpm.h>
#include <mpm_common.h>

typedef struct chat_pumped_t chat_pumped_t;

/** Its filter; while hooks are registered. */
void chat_pump_register(void);

/** Counters that outlive restarts; post_config. */
apr_status_t chat_pump_prepare(server_rec *s);

/**
 * The pump of a child; child_init. Its thread starts with the first socket.
 * @param room  how many sockets it takes
 * @param p     of the child; before it goes all sockets are ended
 */
void chat_pump_child(int room, apr_pool_t *p);

/** Whether this MPM can leave a connection to the pump. */
int chat_pump_possible(const conn_rec *c);

/**
 * Make room for a connection and the socket pair. Any worker, also the next
 * two.
 * @param pumped  to be started or dropped
 * @param end     chat-push's end of the pair; the caller's, to be given and
 *                closed
 * @return APR_ENOSPC: the child has as many as it may; else what went wrong
 */
apr_status_t chat_pump_open(chat_pumped_t **pumped, int *end, request_rec *r);

/** chat-push did not take it. */
void chat_pump_drop(chat_pumped_t *pumped);

/** chat-push has its end. @return what the handler has to return: SUSPENDED */
int chat_pump_start(chat_pumped_t *pumped);

/** Hook suspend_connection: the worker is done with a connection. */
void chat_pump_suspended(conn_rec *c, request_rec *r);

/** Hook child_status, in the parent: a child has ended, however it did. */
void chat_pump_child_status(server_rec *s, pid_t pid, ap_generation_t gen,
                            int slot, mpm_child_status state);

/** Our lines in mod_status' page: those of `?auto`, or a part of a list. */
void chat_pump_status(request_rec *r, int is_auto);

#endif
