/* SPDX-License-Identifier: Apache-2.0 */
/*
 * errors.h - errors that httpd answers itself, below the chat's URLs.
 *
 * Much is refused before or behind our handler: a body that is broken, a range that
 * no file has, headers that are too large, an address with %2F, a log-in of Apache's
 * own. httpd writes a page for these. For programs they are given the one shape of
 * the chat's errors (reply.h) by a filter that every such page passes; browsers keep
 * the page, and an ErrorDocument of the site, which is another request, is not
 * touched.
 *
 * Where the request line was too long, httpd has not looked at it: what came of it
 * tells whose it is.
 */
#ifndef CHAT_ERRORS_H
#define CHAT_ERRORS_H

#include <httpd.h>

/** Register filter and hook. */
void chat_errors_register(apr_pool_t *p);

#endif
