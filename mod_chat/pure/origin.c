/* SPDX-License-Identifier: Apache-2.0 */
/* origin.c - serialised origins; see origin.h. */
#include "origin.h"

#include <string.h>
#include <strings.h>
#include <apr_lib.h>
#include <apr_strings.h>

#define PORT_DIGITS 5

/* Names, IPv4 addresses, and IPv6 addresses in brackets. */
static const char host_bytes
    [] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._";
static const char ipv6_bytes[] = "0123456789abcdefABCDEF:.";

/* How many bytes at the start are a host; 0: none. */
static size_t host_len(const char *s)
{
    size_t len;

    if (*s != '[') {
        return strspn(s, host_bytes);
    }
    len = strspn(s + 1, ipv6_bytes);
    return len > 0 && s[len + 1] == ']' ? len + 2 : 0;
}

/* `:port` that ends the string, or nothing. @return 0 when it is neither */
static int port_fits(const char *s)
{
    size_t digits;

    if (*s == '\0') {
        return 1;
    }
    if (*s != ':') {
        return 0;
    }
    digits = strspn(s + 1, "0123456789");
    return digits > 0 && digits <= PORT_DIGITS && s[digits + 1] == '\0';
}

const char *chat_origin_of(const char *scheme, const char *host, apr_pool_t *p)
{
    size_t len = host_len(host);
    const char *port = host + len;
    const char *standard = strcasecmp(scheme, "https") == 0 ? ":443" : ":80";
    char *origin;

    if (len == 0 || !port_fits(port)) {
        return NULL;
    }
    if (strcmp(port, standard) == 0) {
        port = "";
    }
    origin = apr_pstrcat(p, scheme, "://", apr_pstrmemdup(p, host, len), port,
                         NULL);
    for (char *c = origin; *c != '\0'; c++) {
        *c = (char)apr_tolower(*c);
    }
    return origin;
}

const char *chat_origin_canonical(const char *origin, apr_pool_t *p)
{
    if (strncasecmp(origin, "http://", 7) == 0) {
        return chat_origin_of("http", origin + 7, p);
    }
    if (strncasecmp(origin, "https://", 8) == 0) {
        return chat_origin_of("https", origin + 8, p);
    }
    return NULL;
}
