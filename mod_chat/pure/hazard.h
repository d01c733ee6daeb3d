/* SPDX-License-Identifier: Apache-2.0 */
/*
 * hazard.h - which of httpd's settings will cut WebSockets or starve the site.
 *
 * mod_chat/hazard.c reads the settings off httpd's configuration; the
 * arithmetic and the sentences are here. Three ways lead a WebSocket to
 * chat-push, and each wants something else of the settings:
 *
 *   handed over  costs httpd nothing: only what keeps it from coming counts
 *   pumped       holds a connection of a child, no thread; while it is open its
 *                child stays, after a graceful restart too, in a slot of its
 * own tunnelled    holds a thread of a child as well, and mod_proxy's timeout
 *
 * Every finding is one sentence: the directive and where it stands, its value,
 * what comes of it, and what to set. Nothing is said of a setting that does no
 * harm with the ways there are. Pure: no httpd here.
 */
#ifndef CHAT_HAZARD_H
#define CHAT_HAZARD_H

#include <apr_pools.h>
#include <apr_tables.h>

/* A directive's value. */
typedef struct {
    const char *name; /* as it is written; NULL: there is none to judge */
    const char *at;   /* "file:line"; NULL: nobody has set it */
    int value;
} chat_setting_t;

typedef enum {
    CHAT_WAY_NONE,    /* no chat, and no app of chat-push, on this host */
    CHAT_WAY_HANDED,  /* the socket goes to chat-push */
    CHAT_WAY_PUMPED,  /* TLS ends here, and mod_chat moves the bytes */
    CHAT_WAY_TUNNEL,  /* mod_proxy */
    CHAT_WAY_REFUSED, /* nobody takes it */
} chat_way_t;

/* One virtual host. */
typedef struct {
    const char *name;       /* for people: "chat.example.org:443" */
    chat_way_t way;         /* of its WebSockets */
    const char *why;        /* REFUSED: a part of a sentence */
    chat_setting_t timeout; /* seconds a tunnel may be quiet; TUNNEL */
    chat_setting_t
        untimed;       /* `ProxyWebsocketFallbackToProxyHttp Off`; TUNNEL */
    chat_setting_t h2; /* `H2WebSockets on` */
    chat_setting_t keepalive; /* `KeepAlive Off` */
    chat_setting_t fields;    /* LimitRequestFields; 0: any number */
    chat_setting_t denied;    /* a <Location> that lets nobody in to /app/ */
} chat_hazard_host_t;

/* The processes. */
typedef struct {
    int prefork;            /* one thread a child, which is then no setting */
    chat_setting_t workers; /* MaxRequestWorkers */
    chat_setting_t threads; /* ThreadsPerChild */
    chat_setting_t slots;   /* ServerLimit */
    chat_setting_t spare;   /* MaxSpareThreads */
    chat_setting_t recycle; /* MaxConnectionsPerChild; 0: never */
    int ping; /* seconds after which a quiet client pings (activityTimeout) */
} chat_hazard_mpm_t;

#define CHAT_HAZARD_REQUESTS 50 /* threads left for requests beside tunnels */
#define CHAT_HAZARD_FEW 100     /* tunnels that are no number for a chat */
#define CHAT_HAZARD_MARGIN 60   /* seconds for a ping to come through */
#define CHAT_HAZARD_FIELDS 40   /* a browser sends 15 to 20, proxies add some */

/** Children that are needed for all workers. */
int chat_hazard_children(const chat_hazard_mpm_t *mpm);

/** Slots that are left for old children while all of these run. */
int chat_hazard_spare_slots(const chat_hazard_mpm_t *mpm);

/**
 * Judge the processes.
 * @param out      const char *: sentences are added to it
 * @param host     whose sockets stay in httpd, for the sentences
 * @param tunnels  they hold threads; 0: they are pumped
 */
void chat_hazard_of_mpm(apr_array_header_t *out, const chat_hazard_mpm_t *mpm,
                        const char *host, int tunnels, apr_pool_t *p);

/** Judge a host. */
void chat_hazard_of_host(apr_array_header_t *out,
                         const chat_hazard_host_t *host,
                         const chat_hazard_mpm_t *mpm, apr_pool_t *p);

#endif
