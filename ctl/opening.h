/* SPDX-License-Identifier: Apache-2.0 */
/*
 * opening.h - commands that give people what lies encrypted (ChatKeys): texts
 * in the JSON of rows, and files.
 *
 * What cannot be opened is given as it lies and counted, never left out or made
 * empty: the sealed text can still be opened when the key is found.
 */
#ifndef CTL_OPENING_H
#define CTL_OPENING_H

#include "ctl.h"
#include "keys.h"

typedef struct {
    const char *setting; /* --keys, or database.keys of --config; NULL: none */
    chat_keys_t *keys;   /* by it */
    apr_int64_t shut;    /* texts and files that could not be opened */
    const char *why;     /* of the last one, from the command's pool */
    apr_pool_t *p;       /* of the command */
} ctl_opening_t;

/**
 * Begin; without a setting everything that is sealed stays so.
 * @param db  must outlive it
 * @return CTL_OK, else said already
 */
int ctl_opening_start(ctl_opening_t *o, const ctl_target_t *given,
                      chat_db_t *db, apr_pool_t *p);

/** A row's JSON with its texts opened. @return json itself, or from p */
const char *ctl_opening_json(ctl_opening_t *o, const char *json, apr_pool_t *p);

/** A copy of a file, opened when it is sealed. @param to  must not exist
 * @param conversation, id  which file it is */
apr_status_t ctl_opening_copy(ctl_opening_t *o, const char *from,
                              const char *to, const char *conversation,
                              const char *id, apr_pool_t *p);

/** Say what could not be opened. @return CTL_OK when there was nothing */
int ctl_opening_end(const ctl_opening_t *o);

#endif
