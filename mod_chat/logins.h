/* SPDX-License-Identifier: Apache-2.0 */
/*
 * logins.h - what a site says of log-ins that others make: whose tokens are
 * people's (ChatTokenType), and what a changed password hash may mean
 * (ChatForeignRehash).
 *
 * Triggers decide by this too, and chatctl makes tokens, so it is kept in the
 * database (chat_token_types, chat_login_settings). A child compares that with its
 * directives before its first request and writes what differs. Hosts of one database
 * say the same.
 */
#ifndef CHAT_LOGINS_H
#define CHAT_LOGINS_H

#include <httpd.h>
#include <http_config.h>

struct chat_server_t;
struct chat_logins_t; /* whether a child has compared them; any thread */

/* Part of chat_server_t (config.h), read-only once a child runs. */
typedef struct {
    apr_array_header_t *types; /* const char *; NULL: not said */
    const char *types_json;    /* the same, as a JSON list */
    const char *types_array;   /* the same, as an array of PostgreSQL's */
    int rehash;                /* 1, 0, or -1: not said */
} chat_logins_conf_t;

/** A virtual host's over the main server's. */
void chat_logins_merge(chat_logins_conf_t *conf,
                       const chat_logins_conf_t *over);

/** Fill the defaults, from p. */
void chat_logins_defaults(chat_logins_conf_t *conf, apr_pool_t *p);

/** Whether two hosts say the same, defaults included. */
int chat_logins_same(const chat_logins_conf_t *a, const chat_logins_conf_t *b);

/** One per database of a child, from p. */
struct chat_logins_t *chat_logins_create(apr_pool_t *p);

/** Make the database say what the directives do, unless this child has seen to it.
 * While that fails it is tried every five seconds, and requests go on. */
void chat_logins_settle(const struct chat_server_t *conf, request_rec *r);

/* One function per directive. */
const char *chat_logins_add_type(cmd_parms *cmd, void *dir, const char *arg);
const char *chat_logins_set_rehash(cmd_parms *cmd, void *dir, int on);

#endif
