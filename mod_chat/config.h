/* SPDX-License-Identifier: Apache-2.0 */
/*
 * config.h - what the directives said, per virtual host.
 *
 * The directive table is in config.c, and conf/chat.conf explains every
 * directive. A virtual host starts from the main server's settings. What needs
 * a process to live in (database pool, links to chat-push) is made per child by
 * mod_chat.c and shared by all hosts with equal settings; it hangs here so that
 * a handler finds everything in one place. Read-only once a child runs.
 */
#ifndef CHAT_CONFIG_H
#define CHAT_CONFIG_H

#include <httpd.h>
#include <http_config.h>

#include "app.h"
#include "bucket.h"
#include "db.h"
#include "etag.h"
#include "files_conf.h"
#include "laravel.h"
#include "logins.h"
#include "scan_conf.h"

/* How accesses are written down (audit.h). */
typedef enum {
    CHAT_AUDIT_UNSET = -1, /* as Off */
    CHAT_AUDIT_OFF,
    CHAT_AUDIT_ON,
    CHAT_AUDIT_STRICT /* before they are answered */
} chat_audit_switch_t;

/* The part of chat-push.json that mod_chat uses. */
typedef struct {
    const chat_app_t *app; /* whose event log it is: key, secret, id */
    const char *host;      /* where its HTTP API listens; never a wildcard */
    int port;
    const char *wake; /* path of its wake-up socket, NULL: it polls */
    const char *handoff; /* path where it takes sockets, NULL: it does not */
    int ping; /* s after which a quiet client pings (activityTimeout) */
    chat_apps_t apps;    /* all of the file */
    const char *path;    /* of the file */
    struct chat_appkeys_t *more; /* appkeys.c: what the file has got since */
} chat_push_t;

/* What passwords cost (password.h). */
typedef struct {
    int argon2;             /* 1: new ones by argon2id, 0: by bcrypt */
    int cost;               /* bcrypt: 2 to the power of it */
    apr_uint32_t kilobytes; /* argon2id: memory; passes; threads */
    apr_uint32_t passes;
    apr_uint32_t lanes;
    apr_uint32_t memory; /* kB that checking one may take */
    int at_once;         /* how many a child checks or makes at a time */
} chat_hashing_t;

/* What Apache's word for a user is, and how it is looked up (auth.c). */
typedef enum {
    CHAT_BY_EMAIL_OR_NAME, /* the name when it is one person's */
    CHAT_BY_EMAIL,
    CHAT_BY_NAME,
    CHAT_BY_ID,
    CHAT_BY_TABLE /* chat_logins */
} chat_user_by_t;

typedef struct chat_server_t {
    int used;                    /* some `Chat On` stands in this host */
    const char *where;           /* file:line of that, for complaints */
    const char *database;        /* target, as chat_db_open wants it */
    int db_max;                  /* connections of one child */
    apr_interval_time_t db_wait; /* µs for a free connection */
    apr_interval_time_t db_busy; /* µs for another writer's lock */
    int db_normal;               /* SQLite: 1 synchronous=NORMAL, 0 FULL */
    const struct chat_keyring_t *ring; /* ChatKeys; NULL: texts lie open */
    const char *ring_setting; /* as it stands; "": off; NULL: not said */
    const char *htdocs;          /* directory of the pages */
    const char *prefix;          /* of every URL, "" or as "/clinic" (path.h) */
    const chat_push_t *push;
    apr_interval_time_t session_lifetime; /* µs from log-in to its end */
    chat_rate_t send;                     /* messages, per account */
    chat_rate_t request; /* requests, per address */
    chat_rate_t login;  /* failed log-ins, per account and per address */
    chat_rate_t search; /* searches, per account */
    int uploads_account; /* bodies with files at once, per account; 0: no limit */
    int uploads_address; /* bodies at once, per address; 0: no limit */
    apr_off_t max_body; /* bytes of a request body */
    chat_scan_conf_t scan; /* how chat-files looks at files */
    apr_array_header_t *origins;     /* const char *, canonical */
    apr_array_header_t *frames; /* const char *, sources of the policy's
                                   frame-ancestors; NULL: not said */
    apr_array_header_t *staff_roles; /* const char * */
    apr_interval_time_t break_glass; /* µs staff may see what they opened; 0:
                                        they see all without */
    int audit;               /* chat_audit_switch_t */
    const char *audit_spool; /* directory of entries on their way */
    const struct chat_keyring_t *audit_ring; /* ChatAuditKey; NULL: none */
    int audit_ring_set;
    const char *staff_list; /* the same as a PostgreSQL array, `{"admin"}` */
    chat_hashing_t password; /* cost, memory, at_once of 0: not said */
    const char *user_from; /* the environment variable that names the user whom
                              Apache authenticated; NULL: r->user; "": not said */
    const char *logout_url; /* where such a user goes to log out; NULL: nowhere */
    int user_by;           /* chat_user_by_t, or -1: not said */
    chat_laravel_keys_t *laravel_keys; /* NULL: no cookies of a Laravel
                                          application are looked at */
    const char *laravel_cookie; /* their name; NULL: not said */
    apr_interval_time_t laravel_lifetime; /* µs; 0: not said */
    chat_logins_conf_t logins; /* what others' tokens and passwords mean */
    apr_array_header_t *idle; /* chat_idle_t; NULL: nobody is logged off */
    apr_array_header_t *channels; /* chat_channel_rule_t; NULL: built-in ones */
    apr_interval_time_t edit_window;   /* µs in which a text may be changed */
    apr_interval_time_t delete_window; /* µs in which its author may delete it */
    int last_seen; /* 1: members see when each other was last there */
    const char *closed_list; /* ChatClosedStatus, as `|completed|cancelled|` */
    chat_files_conf_t files;

    /* One per child, see above. */
    chat_db_t *db;
    struct chat_keys_t *keys;     /* by ring; NULL without */
    struct chat_memory_t *memory; /* auth.c: whose tokens were seen lately */
    struct chat_logins_t *logins_settled; /* whether the database knows logins */
    struct chat_marks_t *marks;   /* sync.c: how far its log is settled */
    struct chat_trigger_t *trigger;
    chat_etag_key_t etag_key;     /* by the app's secret */
    struct chat_wakeup_t *wakeup;
    struct chat_audit_log_t *audit_log; /* audit.c; NULL: ChatAudit Off */
    /* NULL: no chat-files looks at what was uploaded. */
    const struct chat_files_worker_t *files_worker;
    struct chat_companion_t *companion; /* NULL: no sockets are handed over */
} chat_server_t;

/* Which WebSockets leave httpd (upgrade.h). */
typedef enum {
    CHAT_HANDOFF_UNSET = -1, /* as On */
    CHAT_HANDOFF_OFF,
    CHAT_HANDOFF_PLAIN_ONLY, /* those without TLS */
    CHAT_HANDOFF_ON          /* all that can */
} chat_handoff_switch_t;

/* What may stand in a <Location> as well. */
typedef struct {
    int on;      /* `Chat On|Off`: 1, 0, or -1: not said */
    int handoff; /* chat_handoff_switch_t */
} chat_dir_t;

extern const command_rec chat_commands[];

void *chat_dir_create(apr_pool_t *p, char *dir);
void *chat_dir_merge(apr_pool_t *p, void *base, void *add);
void *chat_server_create(apr_pool_t *p, server_rec *s);
void *chat_server_merge(apr_pool_t *p, void *base, void *add);

chat_server_t *chat_server_of(server_rec *s);
const chat_dir_t *chat_dir_of(const request_rec *r);

/** A request's path behind the host's ChatPrefix. NULL: none of ours. */
const char *chat_server_path(const server_rec *s, const char *uri);

/**
 * Fill the defaults of what no directive set, and see that all that is needed
 * is there.
 * @return a sentence saying what is missing, from p; NULL when all is well
 */
const char *chat_server_check(chat_server_t *conf, apr_pool_t *p);

/** A sentence when a host, checked, cannot stand beside one of those before it;
 * NULL when it can. */
const char *chat_server_clash(server_rec *first, server_rec *s, apr_pool_t *p);

#endif
