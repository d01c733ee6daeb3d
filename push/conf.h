/* SPDX-License-Identifier: Apache-2.0 */
/*
 * conf.h - what chat-push is told: a JSON file and the environment.
 *
 * The keys are Soketi's, nested or dotted, with ours beside them; the
 * environment (SOKETI_*, PUSHER_APP_*, CHAT_PUSH_LOOPS) overrides the file, as
 * it does there. A key nobody knows is named in a warning, because it is most
 * often a misspelt one.
 *
 * Read before anything runs, and again when it shall change (push_conf_follow).
 * Everything lives in the pool given.
 */
#ifndef PUSH_CONF_H
#define PUSH_CONF_H

#include "app.h"
#include "forwarded.h"
#include "pages.h"

#include <apr_tables.h>

typedef struct {
    const char *host; /* to listen on; "::" or "0.0.0.0": every address */
    int port; /* -1: no TCP but ssl.port */
    const char *user;  /* to become when started as root; NULL: stay */
    const char *group; /* NULL: the user's */
    int loops;               /* threads; 0: one per core */
    int uring;               /* batches of sends, where the kernel has them */
    const char *path_prefix; /* before /app and /apps; "" or "/…" */
    const char *tls_cert;    /* PEM files; NULL: no TLS */
    const char *tls_key;
    const char *tls_pass;    /* the key's passphrase or NULL */
    const char *tls_ca;      /* authorities of clients' certificates or NULL */
    int tls_port;            /* TLS there, `port` plain; -1: TLS on `port` */
    const char *unix_path;   /* of a socket to listen on as well, or NULL */
    int unix_mode;           /* of its name, as 0660 */
    const char *handoff_path; /* where httpd hands sockets over, or NULL */
    int handoff_mode;
    int metrics_enabled;     /* -1: not said, so a taken port is no error */
    const char *metrics_host;
    int metrics_port;
    const char *metrics_prefix;  /* of every series */
    apr_size_t max_body;         /* bytes of an HTTP request's body */
    apr_size_t max_message;      /* bytes of a WebSocket message */
    apr_size_t max_input;        /* bytes of unfinished requests, per loop; as
                                    many of messages */
    apr_size_t max_queue;        /* bytes that may wait for a slow reader */
    int memory_percent;          /* /accept-traffic says no above this */
    int cache_ttl;               /* seconds a cached event is kept */
    int default_protocol;        /* of sockets that name none; 0: 4008 */
    int activity_timeout;        /* seconds of silence before a ping */
    int pong_timeout;            /* seconds of silence after it */
    int auth_timeout;            /* ms to sign in where an app demands it */
    int canary_ms;               /* between two canaries; 0: none */
    int drain_ms;                /* over which clients are sent away */
    int shutdown_grace;          /* ms then for those that do not answer */
    const char *log_format; /* text, logfmt or json */
    const char *log_level_name;
    int log_style; /* push_log_style_t and push_log_level_t of these */
    int log_level;
    int log_most; /* lines a second that clients may cause */
    const char *database_url;    /* the event log; NULL: none */
    const char *database_wake;   /* path of the wake-up socket or NULL */
    const char *database_state;  /* file of the relay's place or NULL */
    const char *database_keys;   /* what opens sealed texts; NULL: nothing */
    const char *database_app;    /* id of the log's app; NULL: the first */
    int poll_ms;                 /* between two looks at the log */
    int replay_seconds;          /* how long missed events are given out */
    int retention_seconds;       /* how long the log keeps events; 0: for ever */
    int plans_every;             /* seconds between two looks; 0: none */
    int plans_reminder;          /* seconds between reminders; 0: none */
    int plans_reminders;         /* for one plan at most */
    int webhooks_private;        /* targets may be private addresses */
    int webhooks_batching;       /* several events in one request */
    int webhooks_gather;         /* ms an event waits for company */
    push_nets_t trusted;         /* proxies whose X-Forwarded-For counts */
    push_pages_t pages;          /* who may read the HTTP API's answers */
    chat_apps_t apps;            /* at least one */
    const char *const *warnings; /* sentences for the log, NULL-terminated */
} push_conf_t;

/**
 * Read the settings.
 * @param root  the parsed file; changed: the environment is laid over it. An
 *              empty object when there is no file
 * @param env   NAME=value strings, NULL-terminated
 * @param why   a sentence naming the key when not APR_SUCCESS
 */
apr_status_t push_conf_read(push_conf_t *conf, json_t *root,
                            const char *const *env, const char **why,
                            apr_pool_t *p);

/**
 * The same from a file.
 * @param file  NULL: only the environment
 */
apr_status_t push_conf_load(push_conf_t *conf, const char *file,
                            const char *const *env, const char **why,
                            apr_pool_t *p);

/**
 * Make new settings such that a running process can take them: what is looked
 * at only once, at the start, stays as it is.
 * @param next     read with push_conf_read(); its texts of that kind are now
 *                 those of `now`, whose pool must outlive it
 * @param changed  keys are added that differ and may
 * @param kept     keys are added that differ and need a restart
 */
void push_conf_follow(push_conf_t *next, const push_conf_t *now,
                      apr_array_header_t *changed, apr_array_header_t *kept);

#endif
