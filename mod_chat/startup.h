/* SPDX-License-Identifier: Apache-2.0 */
/*
 * startup.h - at its start, and at `httpd -t`, httpd says which of its settings
 * will cut WebSockets or starve the site.
 *
 * What is read is the configuration as it holds: httpd's own values where it
 * tells them, else its tree of directives, which also knows file and line. The
 * arithmetic and the sentences are in pure/hazard.c. How many sockets the pump
 * of a child takes (AsyncRequestWorkerFactor) is tls_room.h's.
 */
#ifndef CHAT_STARTUP_H
#define CHAT_STARTUP_H

#include <httpd.h>

/** Log a warning for each. Once the configuration is complete; the parent.
 * @param p  only while it works */
void chat_startup_report(server_rec *s, apr_pool_t *p);

#endif
