/* SPDX-License-Identifier: Apache-2.0 */
/*
 * doctor.h - what the parts of chatctl doctor share.
 *
 * A part looks at one side of a site and says what it saw by doctor_say(), one
 * finding each, under the name of a check. A finding that is no praise says
 * where (file and line, setting or process) and what to do; doctor_say() takes
 * both, so that none can be forgotten.
 *
 *   doctor          the command: options, the order of the parts, the verdict
 *   doctor_report   findings as lines or as JSON
 *   doctor_find     what there is: programs, settings, processes, the site's
 * URL doctor_httpd    what httpd's configuration says doctor_push     what
 * chat-push's settings say, and its process doctor_db       the database
 *   doctor_files    what is kept beside it: files, audit log, keys
 *   doctor_doors    every way in, tried as a client does; certificates, clocks
 *   doctor_endpoint whom chat-push asks about sockets on its own port
 *
 * One cause, one finding: what cannot work because of something that was found
 * already is skipped. One thread; the pool lives as long as the process.
 */
#ifndef CTL_DOCTOR_H
#define CTL_DOCTOR_H

#include "app.h"
#include "ctl.h"
#include "httpd_conf.h"
#include "may.h"

#include <apr_time.h>
#include <jansson.h>

typedef enum {
    DOCTOR_OK,
    DOCTOR_WARN,    /* works, and may not for long or for everybody */
    DOCTOR_FAIL,    /* does not work */
    DOCTOR_UNKNOWN, /* could not be looked at */
    DOCTOR_SKIP     /* makes no sense here, or after another finding */
} doctor_status_t;

typedef struct doctor_report_t doctor_report_t;

/* What the user said; NULL and 0: nothing. */
typedef struct {
    const char *httpd_conf;
    const char *httpd; /* the program */
    const char *push_config;
    const char *url;
    const char *database;
    const char *key;    /* the app's key that pages use */
    const char *cafile; /* PEM: authorities to trust as well */
    int sockets;        /* how many the site is to carry */
    int seconds;        /* to wait for an answer */
    int json;
    int quiet;
    int strict;
} doctor_options_t;

/* The address the chat is asked at. */
typedef struct {
    const char *url;     /* "https://host:port", for people; NULL: unknown */
    const char *origin;  /* as a browser says it; NULL: the name is a guess */
    const char *host;    /* its name */
    const char *connect; /* the address to connect to; NULL: by its name */
    int port;
    int tls;
    const char *prefix; /* what the chat's paths begin with: "", "/clinic" */
    int vhost;          /* into conf->hosts, or HTTPD_SERVER */
} doctor_site_t;

typedef struct {
    apr_pool_t *p;
    doctor_options_t o;
    doctor_report_t *report;

    const char *httpd;             /* the program, or NULL */
    const char *httpd_version;     /* "2.4.71", or NULL */
    const char *httpd_platform;    /* "Debian", or "" */
    const char *httpd_file;        /* its first configuration file */
    apr_table_t *env;              /* its environment */
    httpd_conf_t *conf;            /* NULL: could not be read */
    pid_t httpd_pid;               /* its parent; 0: not found */
    who_t httpd_user;              /* whom its children run as */
    int chat_host;                 /* the host where Chat is On */
    const httpd_directive_t *chat; /* that Chat, NULL: none */
    doctor_site_t site;

    const char *push_file; /* chat-push's settings, or NULL */
    json_t *push;          /* NULL: could not be read */
    chat_apps_t apps;
    int app;               /* the chat's among them, -1: database.app is none */
    const char *push_host; /* where it is reached */
    int push_port;         /* -1: none */
    int push_tls;          /* that port speaks TLS */
    const char *handoff;   /* handoff.path, or NULL */
    pid_t push_pid;        /* 0: not found */
    who_t push_user;

    const char *target;     /* the database, may hold a password; or NULL */
    apr_int64_t skew;       /* seconds the site's clock is ahead of ours */
    int push_down;          /* chat-push does not answer: said already */
    int httpd_down;         /* httpd likewise */
    int db_down;            /* the database likewise */
    int access_denied;      /* the configuration refuses /app/: said already */
    int origin_refused;     /* said already */
    int handoff_broken;     /* said already */
    int app_unknown;        /* chat-push runs with other apps: said already */
    int api_failed;         /* said already */
    apr_int64_t last_event; /* id of the newest event; -1: unknown */
} doctor_t;

/* --- doctor_report.c --- */

doctor_report_t *doctor_report_make(apr_pool_t *p);

/**
 * Say what a check saw.
 * @param where   file and line, setting, process; NULL with OK and SKIP
 * @param remedy  what to do; NULL with OK and SKIP
 */
void doctor_say(doctor_t *d, doctor_status_t status, const char *check,
                const char *where, const char *remedy, const char *format, ...)
    __attribute__((format(printf, 6, 7)));

/** "FILE:LINE" of a directive. */
const char *doctor_at(const doctor_t *d, const httpd_directive_t *directive);

/** A setting of chat-push: "FILE: NAME". */
const char *doctor_setting(const doctor_t *d, const char *name);

/** Print all findings as was asked for. @return an exit status */
int doctor_report_print(const doctor_t *d);

/* --- the parts --- */

/** Find programs and settings, and read them. */
void doctor_find(doctor_t *d);

/** Find the processes; after doctor_find(). */
void doctor_find_processes(doctor_t *d);

void doctor_check_httpd(doctor_t *d);
void doctor_check_push(doctor_t *d);
void doctor_check_database(doctor_t *d);

/** Files, audit log, keys, retention; after doctor_check_database(). */
void doctor_check_files(doctor_t *d);

void doctor_check_doors(doctor_t *d);

/** After doctor_check_doors(). */
void doctor_check_endpoints(doctor_t *d);

/* --- shared by them --- */

/** A text among chat-push's settings; NULL when it is not there. */
const char *doctor_push_text(const doctor_t *d, const char *name);

/** A number among them, also one written as a text. */
apr_int64_t doctor_push_number(const doctor_t *d, const char *name,
                               apr_int64_t otherwise);

/** Whether sockets of the site stay in httpd: TLS, or ChatHandoff Off. */
int doctor_sockets_stay(const doctor_t *d);

/** The value of ChatHandoff for /app/ ("On" where it says nothing). */
const char *doctor_handoff_mode(const doctor_t *d);

/** The directive that carries /app/ to chat-push by mod_proxy, or NULL. */
const httpd_directive_t *doctor_tunnel(const doctor_t *d, const char **target);

#endif
