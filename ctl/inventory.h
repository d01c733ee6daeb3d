/* SPDX-License-Identifier: Apache-2.0 */
/*
 * inventory.h - what a database consists of, as a list; and what one lacks of
 * another. Pure: the lists come from check.c.
 *
 * What a program needs is not written down a second time: it is the list of a
 * database that the schema's script has just made.
 */
#ifndef CTL_INVENTORY_H
#define CTL_INVENTORY_H

#include <apr_tables.h>

/* One table, column, view, function, trigger, index or constraint (CHECK,
 * foreign key). */
typedef struct {
    const char *kind;  /* "table", "trigger", … */
    const char *key;   /* two of a kind with one key are the same thing */
    const char *name;  /* how people call it: "messages.client_id" */
    const char *state; /* "": it works; else "disabled" or "invalid" */
    const char *text;  /* its definition, plain (script.h); "": by its key */
} ctl_object_t;

typedef enum {
    CTL_OBJECT_FITS,
    CTL_OBJECT_MISSING,
    CTL_OBJECT_IDLE,     /* there, but disabled or invalid */
    CTL_OBJECT_DIFFERENT /* there, with another definition */
} ctl_fit_t;

/** How one thing that is wanted is found in a list of ctl_object_t; of several
 * with its key the one that fits best counts. */
ctl_fit_t ctl_inventory_fit(const ctl_object_t *wanted,
                            const apr_array_header_t *there);

#endif
