/* SPDX-License-Identifier: Apache-2.0 */
/*
 * appkeys.h - keys of apps that came into ChatPushConfig's file after the
 * start.
 *
 * SIGHUP gives chat-push new apps, and their WebSockets are to be handed over
 * as well. The file holds secrets, so httpd's children may not read it; the
 * parent may, and looks whether it has changed when httpd calls its monitors,
 * every ten seconds or so. What it finds goes into shared memory: keys, no
 * secrets.
 *
 * A key that has gone stays known until the next restart: chat-push says no to
 * it.
 */
#ifndef CHAT_APPKEYS_H
#define CHAT_APPKEYS_H

#include <httpd.h>

#include "config.h"

/** Make room for the keys of each file; before httpd forks. */
apr_status_t chat_appkeys_prepare(apr_pool_t *p, server_rec *s);

/** httpd's hook, in the parent: look at the files. */
int chat_appkeys_monitor(apr_pool_t *p, server_rec *s);

/** Whether the file had an app of that key when it was looked at last. Any
 * thread of any child. */
int chat_appkeys_has(const chat_push_t *push, const char *key);

#endif
