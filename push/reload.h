/* SPDX-License-Identifier: Apache-2.0 */
/*
 * reload.h - SIGHUP: the settings are read again, and no socket is lost.
 *
 * The file and the environment are read into a pool of their own. When anything
 * in them is wrong, nothing changes and one line says why. Else what takes time
 * is prepared beside the running loops, and the change itself is made while
 * they stand still (pause.h): whatever a handler reads is of one state of the
 * settings, and no read takes a lock. The settings before are freed at once,
 * because nothing points into them beyond a turn; only those of the start stay,
 * whose texts are in use for ever (where it listens, its database).
 *
 * Main thread only.
 */
#ifndef PUSH_RELOAD_H
#define PUSH_RELOAD_H

#include "server.h"
#include "tls.h"

typedef struct {
    const char *file;       /* NULL: environment only */
    const char *const *env; /* NAME=value, as at the start */
    push_conf_t *conf;      /* those in use, as push_server.conf; written to */
    push_protocol_t *clients; /* its limits follow the settings */
    push_tls_t *tls;          /* the certificate shown; NULL: none */
    push_app_t *log_app;      /* the event log's; NULL: there is no log */
    apr_pool_t *pool;         /* of the process */
    apr_pool_t *current; /* of the settings in use; NULL: those of the start */
    /* A line for the log, see push_relay_conf_t. */
    void (*log)(int trouble, const char *line);
} push_reload_t;

/** Read the settings again and take over what may change. */
void push_reload(push_reload_t *r);

/** Settings for the sender of webhooks. */
void push_webhooks_settings(push_webhooks_conf_t *out, const push_conf_t *conf,
                            void (*log)(int trouble, const char *line));

/** Whether apps have receivers of webhooks, so that a sender is needed. */
int push_webhooks_wanted(const chat_apps_t *apps);

#endif
