/* SPDX-License-Identifier: Apache-2.0 */
/*
 * audit_private.h - what audit.c (requests into spools) and audit_drain.c
 * (spools into the table) share.
 */
#ifndef CHAT_AUDIT_PRIVATE_H
#define CHAT_AUDIT_PRIVATE_H

#include <pthread.h>
#include <httpd.h>

#include "audit.h"
#include "audit_log.h"
#include "audit_seal.h"

#define CHAT_AUDIT_SPOOL ".spool" /* how a spool's name ends */
#define CHAT_AUDIT_PATH 1024 /* bytes of a path */

struct chat_audit_log_t {
    const char *dir;    /* of the spools */
    char host[64];      /* begins their names: hosts may share a database */
    chat_db_t *db;      /* the child's */
    server_rec *server; /* for the error log */
    int strict;         /* an answer waits for the disk */
    const chat_keyring_t *ring; /* ChatAuditKey; NULL: nothing is signed */
    pthread_t thread;

    pthread_mutex_t lock; /* all below, but the thread's own */
    pthread_cond_t moved; /* the disk has more; or the end has come */
    apr_pool_t *scratch;  /* of one call */
    int stopping;
    int fd;               /* the spool; -1: none yet */
    char name[256];       /* its name, without the directory */
    apr_off_t size;       /* of it */
    apr_uint64_t written; /* entries so far */
    apr_uint64_t synced;  /* of these on the disk; strict only */
    int syncing;          /* somebody waits for the disk: fd stays */
    int lost;             /* entries that could not be written */
    apr_time_t said;      /* when that was logged last */
    apr_time_t unknown_full; /* GCRA of entries of nobody known, see bucket.h */
    int unknown_passed;      /* of these left out */
};

/* What the leader knows of its seals; one thread's. */
typedef struct {
    int due;        /* entries came since the last */
    int known;      /* seq and hash are what they are to be */
    apr_time_t at;  /* of the last look */
    apr_int64_t seq; /* of the last; 0: none */
    char hash[CHAT_SHA256_HEX];
} chat_audit_seals_t;

/**
 * Seal the chain when it is time. @param ending  whether or not it is
 */
apr_status_t chat_audit_seal(chat_audit_log_t *log, chat_audit_seals_t *seals,
                             int ending, apr_pool_t *p);

/** The thread. @param log  chat_audit_log_t * */
void *chat_audit_drain(void *log);

#endif
