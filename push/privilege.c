/* SPDX-License-Identifier: Apache-2.0 */
/*
 * privilege.c - see privilege.h.
 *
 * First the groups, then the user, because the right to change groups goes with
 * root. What was done is then tried to be undone: only a refusal is a success.
 */
#include "privilege.h"

#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>
#include <apr_strings.h>

static apr_status_t refuse(const char **why, const char *sentence)
{
    *why = sentence;
    return APR_EINVAL;
}

static apr_status_t failed(const char **why, const char *what, apr_pool_t *p)
{
    int err = errno;

    *why = apr_psprintf(p, "user: %s: %s", what, strerror(err));
    return APR_FROM_OS_ERROR(err);
}

/* Whether we are the user and group already; then there is nothing to do. */
static int is_us(uid_t uid, gid_t gid, int group_said)
{
    return geteuid() == uid && getuid() == uid &&
           (!group_said || (getegid() == gid && getgid() == gid));
}

/* Whether nothing of root is left and nothing of it can be had again. */
static int is_final(uid_t uid, gid_t gid)
{
    uid_t r, e, s;
    gid_t rg, eg, sg;

    return getresuid(&r, &e, &s) == 0 && r == uid && e == uid && s == uid &&
           getresgid(&rg, &eg, &sg) == 0 && rg == gid && eg == gid &&
           sg == gid && setuid(0) != 0 && seteuid(0) != 0 &&
           (gid == 0 || (setgid(0) != 0 && setegid(0) != 0));
}

static apr_status_t become(const char *user, uid_t uid, gid_t gid,
                           const char **why, apr_pool_t *p)
{
    if (initgroups(user, gid) != 0 || setgid(gid) != 0 || setuid(uid) != 0) {
        return failed(why, apr_pstrcat(p, "cannot become ", user, NULL), p);
    }
    if (!is_final(uid, gid)) {
        return refuse(why, "user: root could be had again after leaving it");
    }
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) {
        return failed(why, "new privileges cannot be ruled out", p);
    }
    return APR_SUCCESS;
}

apr_status_t push_privilege_drop(const char *user, const char *group,
                                 const char *const *paths, int n,
                                 const char **why, apr_pool_t *p)
{
    const struct passwd *pw;
    const struct group *gr;
    uid_t uid;
    gid_t gid;

    if (user == NULL) {
        return group == NULL ? APR_SUCCESS
                             : refuse(why, "group is set without user");
    }
    pw = getpwnam(user);
    if (pw == NULL) {
        return refuse(why,
                      apr_psprintf(p, "user: there is no user \"%s\"", user));
    }
    uid = pw->pw_uid;
    gid = pw->pw_gid;
    gr = group != NULL ? getgrnam(group) : NULL;
    if (group != NULL && gr == NULL) {
        return refuse(
            why, apr_psprintf(p, "group: there is no group \"%s\"", group));
    }
    gid = gr != NULL ? gr->gr_gid : gid;
    if (is_us(uid, gid, gr != NULL)) {
        return APR_SUCCESS;
    }
    if (geteuid() != 0) {
        return refuse(why, apr_psprintf(p,
                                        "user: only root can become %s: start "
                                        "as root, or as that user",
                                        user));
    }
    for (int i = 0; i < n; i++) {
        if (paths[i] != NULL && lchown(paths[i], uid, gid) != 0) {
            return failed(why,
                          apr_pstrcat(p, "cannot give away ", paths[i], NULL),
                          p);
        }
    }
    return become(user, uid, gid, why, p);
}
