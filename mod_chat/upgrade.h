/* SPDX-License-Identifier: Apache-2.0 */
/*
 * upgrade.h - WebSockets leave httpd: GET /app/{key} with `Upgrade: websocket`.
 *
 * Such a request has gone through httpd like any other, its access rules
 * included. Then the client's socket, the request's head, what was read behind
 * it, the client's address and who is logged in go to chat-push, and httpd
 * closes its copy: no worker is held, and httpd may be restarted or stopped
 * without the client noticing. chat-push answers 101, the access log says so.
 *
 * What cannot leave goes the usual way, to mod_proxy where that is set up for
 * it: TLS, HTTP/2, connections with filters that we do not know, everything
 * with `ChatHandoff Off`.
 */
#ifndef CHAT_UPGRADE_H
#define CHAT_UPGRADE_H

#include <httpd.h>

/** Whether a request is a WebSocket's beginning that is ours to hand over. */
int chat_upgrade_is(const request_rec *r);

/**
 * Count a WebSocket's beginning, ours or mod_proxy's to serve, among the requests
 * of its address (ChatRequestRate).
 * @return OK, also for what is no WebSocket; 429 with Retry-After
 */
int chat_upgrade_pace(request_rec *r);

/** Hand it over. @return what an Apache handler returns; DECLINED: somebody
 * else shall serve it */
int chat_upgrade_handle(request_rec *r);

/**
 * Before mod_proxy gets a request: if it is a WebSocket of ours, tell whose it
 * is, and see that chat-push is not standing still. It would have its
 * connection accepted by the kernel and hold the worker for all of the
 * ProxyPass's timeout.
 * @return DECLINED: mod_proxy may have it; 426: it is none, and mod_proxy would
 *         make one of it; 503: no answer came, or the database cannot say whose
 *         it is
 */
int chat_upgrade_pass(request_rec *r);

#endif
