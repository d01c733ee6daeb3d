/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tls_room.h - how many WebSockets by TLS a child may have (tls_pump.h).
 *
 * MPM event stops accepting connections in a child that has
 *
 *   ThreadsPerChild + idle workers * AsyncRequestWorkerFactor
 *
 * open ones, suspended ones included; and since a suspended one holds no
 * worker, nothing makes the MPM start another child for them. Half of what the
 * factor gives is theirs: then a child still takes connections when half of its
 * workers are busy, and half of the rest is left for connections that are kept
 * alive. And no more than the limit of open files allows.
 */
#ifndef CHAT_TLS_ROOM_H
#define CHAT_TLS_ROOM_H

#include <httpd.h>

/**
 * Work it out from the configuration and the MPM, and say so in the log when it
 * is little and httpd ends TLS; post_config.
 * @param s  the main server
 */
void chat_tls_room_prepare(server_rec *s, apr_pool_t *ptemp);

/** How many sockets a child's pump takes. */
int chat_tls_room(void);

#endif
