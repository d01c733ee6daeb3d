/* SPDX-License-Identifier: Apache-2.0 */
/*
 * status.h - our part of mod_status' page: what became of WebSockets, and
 * whether chat-push takes them right now.
 *
 * For people a list like mod_status' own; at `?auto` one `Key: value` a line,
 * where a number stays a number and a name once given stays.
 */
#ifndef CHAT_STATUS_H
#define CHAT_STATUS_H

#include <httpd.h>

/** mod_status' hook. */
int chat_status(request_rec *r, int flags);

#endif
