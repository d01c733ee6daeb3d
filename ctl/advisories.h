/* SPDX-License-Identifier: Apache-2.0 */
/*
 * advisories.h - what is known to be wrong with releases of httpd 2.4, as far
 * as it touches a site with this chat: the core and the modules it uses.
 *
 * The table is as old as this program, says so, and asks nobody. Pure.
 */
#ifndef CTL_ADVISORIES_H
#define CTL_ADVISORIES_H

/* The day up to which advisories were read, as 20261129. */
#define ADVISORIES_DAY 20261129

/* A flaw that a later release does not have. */
typedef struct {
    int since;          /* the first 2.4.x that has it */
    int fixed;          /* the first one that has not */
    const char *module; /* that has to be loaded; NULL: the core */
    const char *id;     /* "CVE-…" */
    const char *what;   /* a few words */
} advisory_t;

/**
 * The next flaw of a release, in no order.
 * @param patch  of 2.4.patch
 * @param at     0 at first; goes on
 * @return NULL when there are no more
 */
const advisory_t *advisory_next(int patch, int *at);

/** The release without any of the flaws, as 2.4.N. */
int advisory_best(void);

#endif
