/* SPDX-License-Identifier: Apache-2.0 */
/*
 * origin.h - serialised origins: scheme://host[:port].
 *
 * A browser says in the Origin header which page made it send a request. We
 * compare it with the request's own origin and with those the site allows.
 * Pure. Source: RFC 6454, section 6.2; the Fetch standard for `null`.
 */
#ifndef CHAT_ORIGIN_H
#define CHAT_ORIGIN_H

#include <apr_pools.h>

/**
 * The canonical form of an origin: lower case, the scheme's own port left out.
 * @return from p; NULL when it is no http or https origin (`null`, a path
 *         behind it, user info, an empty host…)
 */
const char *chat_origin_canonical(const char *origin, apr_pool_t *p);

/** The same, of a scheme and a Host header; NULL when host is no host. */
const char *chat_origin_of(const char *scheme, const char *host, apr_pool_t *p);

#endif
