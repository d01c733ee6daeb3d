/* SPDX-License-Identifier: Apache-2.0 */
/*
 * origin.h - serialised origins: scheme://host[:port].
 *
 * A browser says in the Origin header which page made it send a request. We
 * compare it with the request's own origin and with those the site allows.
 * Apps that show pages of their own in a web view have schemes of their own,
 * as capacitor://localhost and app://-. Pure. Sources: RFC 6454, section 6.2;
 * the Fetch standard for `null`; the URL standard for IPv6 addresses.
 */
#ifndef CHAT_ORIGIN_H
#define CHAT_ORIGIN_H

#include <apr_pools.h>
#include <apr_tables.h>

/**
 * The canonical form of an origin, by which two are compared: lower case, the
 * scheme's own port left out, IPv6 addresses as browsers write them.
 * @return from p; NULL when it is none (`null`, a path behind it, user info, an
 *         empty host, a scheme whose pages are nobody's…)
 */
const char *chat_origin_canonical(const char *origin, apr_pool_t *p);

/** The same, of http or https and a Host header; NULL when host is no host. */
const char *chat_origin_of(const char *scheme, const char *host, apr_pool_t *p);

/**
 * What is wrong with a text of which chat_origin_canonical() made NULL, for who
 * wrote it into a configuration.
 * @return a part of a sentence, static
 */
const char *chat_origin_why(const char *text);

/** Whether a canonical origin is one of these (const char *); NULL: there are
 * none. */
int chat_origin_listed(const apr_array_header_t *origins, const char *origin);

#endif
