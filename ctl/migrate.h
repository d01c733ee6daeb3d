/* SPDX-License-Identifier: Apache-2.0 */
/*
 * migrate.h - what the two halves of the migrate command share: migrate.c makes
 * a database right, check.c says whether it is.
 */
#ifndef CTL_MIGRATE_H
#define CTL_MIGRATE_H

#include "ctl.h"

typedef struct {
    const char *target;      /* may hold a password */
    chat_db_engine_t engine; /* by the target */
    int adapt;               /* --adapt: 1 laravel, 0 none, -1: found out */
    int sample;              /* --sample */
    int repair;              /* --repair */
    int check;               /* --check */
} ctl_migrate_t;

/* What a database is, before anything is done to it. */
typedef struct {
    int version;         /* of its schema; 0: it has none */
    int laravel;         /* an application's, to be adapted */
    const char *foreign; /* version 0: a table where ours would go, or NULL */
} ctl_shape_t;

/** Ask what a database is. @param m  its --adapt decides where it is given */
apr_status_t ctl_shape_read(ctl_shape_t *shape, const ctl_migrate_t *m,
                            chat_db_conn_t *conn, apr_pool_t *p);

/** The script that makes a schema. @param name  its name, for people */
const char *ctl_schema_script(const char **name, chat_db_engine_t engine,
                              int laravel);

/** Say that a database is newer than this program. @return CTL_FAILED */
int ctl_newer(chat_db_engine_t engine, int version, int ours);

/** Say whether a database has all that this program needs, and what it lacks;
 * changes nothing. @return an exit status */
int ctl_check(const ctl_migrate_t *m, chat_db_t *db, apr_pool_t *p);

#endif
