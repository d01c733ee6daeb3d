/* SPDX-License-Identifier: Apache-2.0 */
/*
 * server.h - what one chat-push process shares, and which request goes where.
 *
 * There is one push_server of a process. main.c fills it before the loops run;
 * afterwards only `closing` changes, and a reload changes what conf and apps
 * say, and webhooks, while the loops stand still. The transport's callbacks carry no pointer
 * of ours, so this is how they find their way.
 */
#ifndef PUSH_SERVER_H
#define PUSH_SERVER_H

#include "knocks.h"
#include "canary.h"
#include "conf.h"
#include "due.h"
#include "departed.h"
#include "endpoint.h"
#include "hub.h"
#include "indexer.h"
#include "membership.h"
#include "quota.h"
#include "recent.h"
#include "relay.h"
#include "readers.h"
#include "retention.h"
#include "rounds.h"
#include "webhook.h"

typedef struct {
    const push_conf_t *conf;
    push_apps_t *apps;
    push_hubs_t *hubs;
    push_loop_t *const *loops;  /* nloops of them */
    push_conns_t *const *conns; /* the clients' connections of each loop */
    int nloops;
    push_rounds_t *rounds;      /* NULL: no question waits */
    push_relay_t *relay;       /* NULL: no event log */
    push_retention_t *retention; /* NULL: no event log */
    push_indexer_t *indexer;     /* likewise */
    push_readers_t *readers;     /* NULL: no event log */
    push_due_t *due;             /* NULL: likewise, or not wanted */
    push_membership_t *membership; /* NULL: no database */
    push_endpoint_t *endpoint;     /* NULL: `private.` names are public ones */
    push_app_t *chat;          /* whose users httpd names; NULL: no database */
    push_webhooks_t *webhooks; /* NULL: no app has any */
    push_canary_t *canary;     /* NULL: none */
    apr_uint64_t boot;    /* first half of socket ids: differs at each start */
    apr_uint64_t mix;     /* random: what second halves are made with */
    push_quota_t quota;   /* connections by user and address */
    push_knocks_t knocks; /* connects by address */
    push_recent_t vouched; /* signed identities that were used */
    push_recent_t ended;   /* log-ins */
    push_departed_t *departed; /* of each loop; NULL: no database */
    int identities;       /* whether `private.` names are private here */
    int port;             /* really listened on */
    apr_time_t started; /* seconds since 1970 */
    int closing;          /* atomic: no new clients; the others are sent away */
    push_frame_t *pong;   /* messages that are always the same */
    push_frame_t *ping;   /* protocol 5 and above */
    push_frame_t *ping_4; /* protocol 4 knows no pusher:ping */
} push_server_t;

extern push_server_t push_server;

/** Fill the rest once conf, apps, hubs and loops are set. */
apr_status_t push_server_prepare(void);

/** What the transport calls for clients, with the limits of the settings. */
void push_server_protocol(push_protocol_t *proto, const push_conf_t *conf);

/** The part of it that other settings may change, while the loops stand still. */
void push_server_limits(push_protocol_t *proto, const push_conf_t *conf);

/** The hub of the loop a connection lives on. */
push_hub_t *push_server_hub(const push_conn_t *c);

/** The apps a connection can name. */
push_apps_t *push_server_apps(const push_conn_t *c);

int push_server_closing(void);

/** From here on nobody new gets in and /ready says no. Any thread. */
void push_server_close(void);

#endif
