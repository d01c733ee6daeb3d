/* SPDX-License-Identifier: Apache-2.0 */
/*
 * may.h - what a user may do with a file, asked by somebody else: the first
 * thing on the way that is in it, in words. Reads the file system; changes
 * nothing. Access lists beside the mode are not looked at.
 */
#ifndef CTL_MAY_H
#define CTL_MAY_H

#include <apr_pools.h>

#include <sys/types.h>

#define WHO_GROUPS 64

/* A user, as an account or as a process has it. */
typedef struct {
    const char *name; /* NULL: nobody is known */
    uid_t uid;
    gid_t groups[WHO_GROUPS]; /* the first is its own */
    int ngroups;
} who_t;

/** An account by name, or "#1000". @return 0 when there is none */
int who_named(who_t *who, const char *name, apr_pool_t *p);

/** Make a group the own one: by name, or "#1000". @return 0: there is none */
int who_group(who_t *who, const char *name);

/** The user of a process, with the groups it has. @return 0: no such process */
int who_runs(who_t *who, pid_t pid, apr_pool_t *p);

int who_has_group(const who_t *who, gid_t gid);

/** A user's name, or its number. */
const char *who_uid_name(uid_t uid, apr_pool_t *p);
const char *who_gid_name(gid_t gid, apr_pool_t *p);

/**
 * Whether a user may use a file.
 * @param want  of 4 (read), 2 (write), 1 (enter)
 * @param at    the file or directory that is in the way, when it is not NULL
 * @return NULL: yes; else why not: "is root:root 0700, and www-data may not
 *         enter it"
 */
const char *may_use(const char **at, const who_t *who, const char *path,
                    int want, apr_pool_t *p);

/** "alice:staff 0640" of what is at a path; NULL when nothing is. */
const char *may_owner(const char *path, apr_pool_t *p);

#endif
