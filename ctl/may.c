/* SPDX-License-Identifier: Apache-2.0 */
/* may.c - see may.h. */
#include "may.h"

#include <apr_strings.h>

#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

const char *who_uid_name(uid_t uid, apr_pool_t *p)
{
    const struct passwd *pw = getpwuid(uid);

    return pw != NULL ? apr_pstrdup(p, pw->pw_name)
                      : apr_psprintf(p, "#%u", (unsigned)uid);
}

const char *who_gid_name(gid_t gid, apr_pool_t *p)
{
    const struct group *gr = getgrgid(gid);

    return gr != NULL ? apr_pstrdup(p, gr->gr_name)
                      : apr_psprintf(p, "#%u", (unsigned)gid);
}

int who_named(who_t *who, const char *name, apr_pool_t *p)
{
    const struct passwd *pw = *name == '#'
                                  ? getpwuid((uid_t)strtoul(name + 1, NULL, 10))
                                  : getpwnam(name);
    int n = WHO_GROUPS;

    memset(who, 0, sizeof(*who));
    if (pw == NULL) {
        return 0;
    }
    who->name = apr_pstrdup(p, pw->pw_name);
    who->uid = pw->pw_uid;
    who->ngroups = getgrouplist(pw->pw_name, pw->pw_gid, who->groups, &n) < 0
                       ? WHO_GROUPS
                       : n;
    return 1;
}

int who_group(who_t *who, const char *name)
{
    const struct group *gr = *name == '#' ? NULL : getgrnam(name);
    gid_t gid;

    if (gr == NULL && *name != '#') {
        return 0;
    }
    gid = gr != NULL ? gr->gr_gid : (gid_t)strtoul(name + 1, NULL, 10);
    if (!who_has_group(who, gid) && who->ngroups < WHO_GROUPS) {
        who->groups[who->ngroups++] = gid;
    }
    return 1;
}

/* The numbers of a line of /proc/PID/status. */
static void groups_read(who_t *who, const char *line)
{
    char *end;
    unsigned long gid;

    for (;;) {
        gid = strtoul(line, &end, 10);
        if (end == line) {
            return;
        }
        if (!who_has_group(who, (gid_t)gid) && who->ngroups < WHO_GROUPS) {
            who->groups[who->ngroups++] = (gid_t)gid;
        }
        line = end;
    }
}

int who_runs(who_t *who, pid_t pid, apr_pool_t *p)
{
    char line[4096];
    unsigned uid, gid;
    FILE *f;

    memset(who, 0, sizeof(*who));
    f = fopen(apr_psprintf(p, "/proc/%d/status", (int)pid), "re");
    if (f == NULL) {
        return 0;
    }
    while (fgets(line, sizeof(line), f) != NULL) {
        if (sscanf(line, "Uid: %*u %u", &uid) == 1) {
            who->uid = (uid_t)uid;
        }
        else if (sscanf(line, "Gid: %*u %u", &gid) == 1) {
            who->groups[0] = (gid_t)gid;
            who->ngroups = 1;
        }
        else if (!strncmp(line, "Groups:", 7)) {
            groups_read(who, line + 7);
        }
    }
    fclose(f);
    who->name = who_uid_name(who->uid, p);
    return 1;
}

int who_has_group(const who_t *who, gid_t gid)
{
    int i;

    for (i = 0; i < who->ngroups; i++) {
        if (who->groups[i] == gid) {
            return 1;
        }
    }
    return 0;
}

static const char *described(const struct stat *st, apr_pool_t *p)
{
    return apr_psprintf(p, "%s:%s %04o", who_uid_name(st->st_uid, p),
                        who_gid_name(st->st_gid, p),
                        (unsigned)st->st_mode & 07777);
}

static int allowed(const who_t *who, const struct stat *st, int want)
{
    int bits = (int)st->st_mode;

    if (who->uid == 0) {
        return 1;
    }
    bits = who->uid == st->st_uid           ? bits >> 6
           : who_has_group(who, st->st_gid) ? bits >> 3
                                            : bits;
    return (bits & want) == want;
}

/* One step of the way. */
static const char *step(const who_t *who, const char *path, int want,
                        apr_pool_t *p)
{
    struct stat st;

    if (stat(path, &st) != 0) {
        return errno == ENOENT ? "is not there"
                               : apr_psprintf(p, "cannot be looked at: %s",
                                              strerror(errno));
    }
    if (allowed(who, &st, want)) {
        return NULL;
    }
    return apr_psprintf(p, "is %s, and %s may not %s it", described(&st, p),
                        who->name,
                        S_ISDIR(st.st_mode) && !(want & 6) ? "enter"
                        : want & 2                         ? "write"
                                                           : "read");
}

const char *may_use(const char **at, const who_t *who, const char *path,
                    int want, apr_pool_t *p)
{
    const char *slash = path;
    const char *dir, *why;

    while ((slash = strchr(slash, '/')) != NULL) {
        dir = slash == path
                  ? "/"
                  : apr_pstrmemdup(p, path, (apr_size_t)(slash - path));
        why = step(who, dir, 1, p);
        if (why != NULL) {
            *at = dir;
            return why;
        }
        slash++;
    }
    *at = path;
    return step(who, path, want, p);
}

const char *may_owner(const char *path, apr_pool_t *p)
{
    struct stat st;

    return stat(path, &st) == 0 ? described(&st, p) : NULL;
}
