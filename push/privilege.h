/* SPDX-License-Identifier: Apache-2.0 */
/*
 * privilege.h - from root to an ordinary user, for good.
 *
 * Only root may listen on a port below 1024 or read a key of mode 0600. Who
 * starts as root with `user` set becomes that user once listeners are open and
 * keys are read, and before anything is made in the file system: the wake-up
 * socket, the relay's state file and the database's own files belong to the
 * user. From then on no way leads back, also not through a program with the
 * setuid bit.
 *
 * A supervisor that starts the process as the right user (systemd's User=) is
 * better; then `user` is not needed, and does no harm when it is the same one.
 */
#ifndef PUSH_PRIVILEGE_H
#define PUSH_PRIVILEGE_H

#include <apr_pools.h>
#include <apr_errno.h>

/**
 * Become a user. Before other threads run.
 * @param user   a name; NULL: stay who we are, `group` has to be NULL too
 * @param group  a name; NULL: the user's own group
 * @param paths  of files made before, which become the user's; NULLs are
 *               passed over
 * @param n      how many
 * @param why    a sentence for the operator when not APR_SUCCESS
 */
apr_status_t push_privilege_drop(const char *user, const char *group,
                                 const char *const *paths, int n,
                                 const char **why, apr_pool_t *p);

#endif
