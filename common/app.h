/* SPDX-License-Identifier: Apache-2.0 */
/*
 * app.h - the apps: one JSON file that chat-push and mod_chat both read.
 *
 * The keys are Soketi's, nested ({"appManager":{"array":{"apps":[…]}}}) or
 * dotted ("appManager.array.apps": […], or "appManager.array.apps.0.key": … one
 * by one), so that a Soketi file works as it is.
 * This file reads the apps only; chat-push's other settings are push/conf.h,
 * which uses chat_conf_find() for the same two spellings.
 *
 * Limits a file does not give have the values the Pusher documents name. Of how
 * many and how often -1 is no limit, as Soketi's documents have it, and 0 is none
 * at all, for each of them. Lengths, sizes and what a request or channel may have
 * begin at 1. All sizes are bytes here, whatever unit the key has
 * (maxEventPayloadInKb: kB).
 * Everything lives in the pool given and is read-only after loading.
 */
#ifndef CHAT_APP_H
#define CHAT_APP_H

#include <apr_pools.h>
#include <apr_errno.h>
#include <jansson.h>

/* One receiver of webhooks (webhooks[] of an app). */
typedef struct {
    const char *url;            /* http:// or https:// */
    const char *const *events;  /* event_types, NULL-terminated; none: all */
    const char *prefix;         /* filter.channel_name_starts_with or NULL */
    const char *suffix;         /* filter.channel_name_ends_with or NULL */
    const char *const *headers; /* "Name: value" to send, NULL-terminated */
} chat_webhook_t;

#define CHAT_APP_ENCRYPTION_KEY 32 /* bytes, as the protocol's users have it */

typedef struct {
    const char *id;             /* in HTTP API paths */
    const char *key;            /* in /app/{key}; public */
    const char *const *secrets; /* NULL-terminated, first one signs: rotation */
    int enabled;                /* 0: connections refused with 4003 */
    int client_events;          /* enableClientMessages */
    int user_authentication;    /* enableUserAuthentication: must sign in */
    int subscription_count;     /* enableSubscriptionCount: count events sent */
    int watchlist;              /* enableWatchlist */
    int deflate;                /* perMessageDeflate */
    int tls_only;               /* requireTls: plain sockets refused, 4000 */
    const char *const *origins; /* allowedOrigins, NULL-terminated; NULL: any */
    const char *auth_endpoint;  /* authEndpoint, or NULL: no `private.` names */
    const char *encryption_key; /* encryptionMasterKeyBase64, decoded:
                                   CHAT_APP_ENCRYPTION_KEY bytes; NULL: none */
    apr_int64_t max_connections;    /* -1: no limit */
    apr_int64_t max_per_user;       /* of these, signed in as one; -1 */
    apr_int64_t max_per_address;    /* of these, of one client's address; -1 */
    apr_int64_t max_connects; /* per minute and client's address, 60,000 at most;
                                 -1 */
    apr_int64_t max_backend_events; /* per second, -1: no limit */
    apr_int64_t max_client_events; /* per second and socket; 10; -1: no limit */
    apr_int64_t max_subscribes; /* per minute and socket; 10,000, or twice
                                   max_channels if more; -1: no limit */
    apr_int64_t max_read_requests; /* per second, -1: no limit */
    apr_size_t max_channel_name;   /* bytes; 164 */
    apr_size_t max_event_name;     /* bytes; 200 */
    apr_size_t max_event_payload;  /* bytes; 10,240 */
    apr_size_t max_event_channels; /* channels a trigger may name; 100 */
    apr_size_t max_event_batch;    /* items of a batch; 10 */
    apr_size_t max_presence_members; /* users of one channel; 100 */
    apr_size_t max_presence_member;  /* bytes of one's user_info; 1,024 */
    apr_size_t max_channels;         /* channels per socket; 1,000 */
    apr_size_t max_watchlist;        /* users a user may watch; 100 */
    const chat_webhook_t *webhooks;  /* nwebhooks of them */
    int nwebhooks;
} chat_app_t;

typedef struct {
    const chat_app_t *list;
    int n;
} chat_apps_t;

/* What nobody configured and everybody knows: Soketi's default app. */
#define CHAT_APP_DEFAULT_ID "app-id"
#define CHAT_APP_DEFAULT_KEY "app-key"
#define CHAT_APP_DEFAULT_SECRET "app-secret"

/**
 * A setting by its dotted name, spelled either way in the file.
 * @return borrowed; NULL when the file has no such key
 */
json_t *chat_conf_find(const json_t *root, const char *dotted);

/**
 * Read the apps of a parsed file: appManager.array.apps, with the limits that
 * eventLimits, channelLimits and presence set for all of them. Numbers may be
 * strings, as in files made from an environment.
 * @param apps  n is 0 when the file names none
 * @param why   names the key and what is wrong with it when not APR_SUCCESS
 */
apr_status_t chat_apps_read(chat_apps_t *apps, const json_t *root,
                            const char **why, apr_pool_t *p);

/** Whether an entry of allowedOrigins names an Origin: "*", a whole origin, a
 * host, or "*.host" for everything below it. */
int chat_app_origin_is(const char *entry, const char *origin);

/** Whether an app may have a key of this name (else it is a mistake). */
int chat_app_knows(const char *key);

/** Whether a dotted name is a limit read for all apps. */
int chat_app_global(const char *dotted);

/**
 * Load and parse a JSON file of at most 1 MB; keys of apps by number are in the
 * list of apps then.
 * @param root  a new reference (json_decref)
 * @param why   as above
 */
apr_status_t chat_conf_load(json_t **root, const char *path, const char **why,
                            apr_pool_t *p);

/** Whether two settings of an app say the same, its webhooks included. */
int chat_app_same(const chat_app_t *a, const chat_app_t *b);

/** Whether the receivers of two settings are the same, in the same order. */
int chat_webhooks_same(const chat_app_t *a, const chat_app_t *b);

const chat_app_t *chat_app_by_key(const chat_apps_t *apps, const char *key,
                                  apr_size_t len);
const chat_app_t *chat_app_by_id(const chat_apps_t *apps, const char *id,
                                 apr_size_t len);

#endif
