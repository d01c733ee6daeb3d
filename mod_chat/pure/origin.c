/* SPDX-License-Identifier: Apache-2.0 */
/* origin.c - serialised origins; see origin.h. */
#include "origin.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <arpa/inet.h>
#include <apr_lib.h>
#include <apr_strings.h>

#define PORT_DIGITS 5
#define PORT_MAX 65535
#define SCHEME_SIZE 64 /* bytes of a scheme, its NUL included */
#define PIECES 8       /* numbers of an IPv6 address */

/* Names, IPv4 addresses, and IPv6 addresses in brackets. */
static const char host_bytes
    [] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._";
static const char ipv6_bytes[] = "0123456789abcdefABCDEF:.";
static const char scheme_bytes
    [] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789+-.";

/* What a page may be of and have no origin by which it is known: browsers send
 * `null` with it, or what all of its kind have. */
static const char *const nobodys[] = { "about",     "blob",       "data",
                                       "file",      "filesystem", "ftp",
                                       "javascript" };

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
    if (*s != ':' || s[1] == '0') {
        return 0;
    }
    digits = strspn(s + 1, "0123456789");
    return digits > 0 && digits <= PORT_DIGITS && s[digits + 1] == '\0' &&
           atoi(s + 1) <= PORT_MAX;
}

/* How many bytes at the start are a scheme and "://"; 0: they are not. */
static size_t scheme_len(const char *s)
{
    size_t len = apr_isalpha(*s) ? strspn(s, scheme_bytes) : 0;

    return len > 0 && len < SCHEME_SIZE && strncmp(s + len, "://", 3) == 0
               ? len + 3
               : 0;
}

static int scheme_is(const char *s, size_t len, const char *name)
{
    return strlen(name) == len && strncasecmp(s, name, len) == 0;
}

static int is_nobodys(const char *s, size_t len)
{
    for (size_t i = 0; i < sizeof(nobodys) / sizeof(nobodys[0]); i++) {
        if (scheme_is(s, len, nobodys[i])) {
            return 1;
        }
    }
    return 0;
}

/* A WebSocket's Origin is that of its page. */
static int is_socket(const char *s, size_t len)
{
    return scheme_is(s, len, "ws") || scheme_is(s, len, "wss");
}

/* The zeros that "::" stands for: the first of the longest rows of two or more.
 * @return how many; 0: nothing is left out */
static int longest_zeros(int *from, const uint16_t *pieces)
{
    int most = 1;

    *from = -1;
    for (int i = 0; i < PIECES; i++) {
        int n = 0;

        while (i + n < PIECES && pieces[i + n] == 0) {
            n++;
        }
        if (n > most) {
            *from = i;
            most = n;
        }
        i += n;
    }
    return *from < 0 ? 0 : most;
}

/* As the URL standard writes one, which has no IPv4 address at its end, as
 * inet_ntop() would write it.
 * @param host  with its brackets
 * @return NULL when it is no address */
static const char *ipv6_canonical(const char *host, size_t len, apr_pool_t *p)
{
    unsigned char bytes[2 * PIECES];
    uint16_t pieces[PIECES];
    char text[PIECES * 5 + 4] = "[";
    size_t at = 1;
    int from, zeros;

    if (inet_pton(AF_INET6, apr_pstrmemdup(p, host + 1, len - 2), bytes) != 1) {
        return NULL;
    }
    for (int i = 0; i < PIECES; i++) {
        pieces[i] = (uint16_t)(bytes[2 * i] << 8 | bytes[2 * i + 1]);
    }
    zeros = longest_zeros(&from, pieces);
    for (int i = 0; i < PIECES; i++) {
        if (i == from) {
            at += (size_t)snprintf(text + at, sizeof(text) - at, "%s",
                                   i == 0 ? "::" : ":");
            i += zeros - 1;
            continue;
        }
        at += (size_t)snprintf(text + at, sizeof(text) - at, "%x%s", pieces[i],
                               i < PIECES - 1 ? ":" : "");
    }
    return apr_pstrcat(p, text, "]", NULL);
}

/* @param standard  the scheme's own port with its colon, "" when it has none */
static const char *origin_of(const char *scheme, const char *host,
                             const char *standard, apr_pool_t *p)
{
    size_t len = host_len(host);
    const char *port = host + len;
    const char *name;
    char *origin;

    if (len == 0 || !port_fits(port)) {
        return NULL;
    }
    name = host[0] == '[' ? ipv6_canonical(host, len, p)
                          : apr_pstrmemdup(p, host, len);
    if (name == NULL) {
        return NULL;
    }
    if (strcmp(port, standard) == 0) {
        port = "";
    }
    origin = apr_pstrcat(p, scheme, "://", name, port, NULL);
    for (char *c = origin; *c != '\0'; c++) {
        *c = (char)apr_tolower(*c);
    }
    return origin;
}

static const char *standard_of(const char *scheme)
{
    return strcasecmp(scheme, "https") == 0  ? ":443"
           : strcasecmp(scheme, "http") == 0 ? ":80"
                                             : "";
}

const char *chat_origin_of(const char *scheme, const char *host, apr_pool_t *p)
{
    return origin_of(scheme, host, standard_of(scheme), p);
}

const char *chat_origin_canonical(const char *origin, apr_pool_t *p)
{
    size_t len = scheme_len(origin);
    const char *scheme;

    if (len == 0 || is_nobodys(origin, len - 3) || is_socket(origin, len - 3)) {
        return NULL;
    }
    scheme = apr_pstrmemdup(p, origin, len - 3);
    return origin_of(scheme, origin + len, standard_of(scheme), p);
}

const char *chat_origin_why(const char *text)
{
    size_t len = scheme_len(text);

    if (strchr(text, '*') != NULL) {
        return "there are no wildcards, each origin is named";
    }
    if (strcasecmp(text, "null") == 0) {
        return "null is sent for files and sandboxed frames of anybody";
    }
    if (len == 0) {
        return "it begins with no scheme, as https://";
    }
    if (is_nobodys(text, len - 3)) {
        return "browsers tell nobody by pages of that scheme";
    }
    if (is_socket(text, len - 3)) {
        return "the Origin of a WebSocket is its page's, as https://";
    }
    for (const char *c = text; *c != '\0'; c++) {
        if ((unsigned char)*c > 0x7e) {
            return "a name of other letters stands as browsers send it, xn--…";
        }
    }
    if (strpbrk(text + len, "/?#") != NULL) {
        return "nothing stands behind host and port, no slash either";
    }
    return host_len(text + len) == 0 ? "it has no host"
                                     : "what stands behind the scheme is no "
                                       "host, or no port from 1 to 65535";
}

int chat_origin_listed(const apr_array_header_t *origins, const char *origin)
{
    for (int i = 0; origins != NULL && i < origins->nelts; i++) {
        if (strcmp(APR_ARRAY_IDX(origins, i, const char *), origin) == 0) {
            return 1;
        }
    }
    return 0;
}
