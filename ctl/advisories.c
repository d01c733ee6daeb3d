/* SPDX-License-Identifier: Apache-2.0 */
/* advisories.c - see advisories.h. */
#include "advisories.h"

#include <stddef.h>

/* A line for a flaw: releases from, up to but without; module; name; words.
 * Source: the project's own list of vulnerabilities of 2.4. */
/* clang-format off */
static const advisory_t advisories[] = {
    { 49, 51, NULL,             "CVE-2021-42013", "files outside of the site are served, programs run" },
    {  0, 52, "proxy_module",   "CVE-2021-44224", "a forward proxy can be made to crash" },
    {  0, 53, NULL,             "CVE-2022-22720", "requests can be smuggled" },
    {  0, 54, "proxy_module",   "CVE-2022-31813", "X-Forwarded headers can be taken away" },
    {  0, 55, "proxy_module",   "CVE-2022-37436", "a backend can split the response" },
    {  0, 56, "proxy_module",   "CVE-2023-25690", "requests can be smuggled by RewriteRule or ProxyPassMatch" },
    { 17, 58, "http2_module",   "CVE-2023-45802", "memory of streams that are reset stays in use" },
    { 17, 59, "http2_module",   "CVE-2024-27316", "endless headers exhaust memory" },
    { 55, 60, "http2_module",   "CVE-2024-36387", "a WebSocket over HTTP/2 can crash a child" },
    {  0, 60, NULL,             "CVE-2024-38476", "a backend's headers can run local handlers" },
    {  0, 60, "proxy_module",   "CVE-2024-38477", "a request can crash a proxying child" },
    { 35, 64, "ssl_module",     "CVE-2025-23048", "client certificates of one host count for another" },
    {  0, 64, NULL,             "CVE-2024-42516", "a backend can split the response" },
    { 64, 65, "rewrite_module", "CVE-2025-54090", "every RewriteCond expr is true" },
    { 66, 67, "http2_module",   "CVE-2026-23918", "memory is freed twice; a client may run code" },
    {  0, 67, NULL,             "CVE-2026-33523", "a backend can split the response by its status line" },
    { 17, 68, "http2_module",   "CVE-2026-49975", "a client can exhaust memory" },
    { 55, 68, "http2_module",   "CVE-2026-48913", "freed memory is used when no file can be opened" },
    {  0, 68, "proxy_module",   "CVE-2026-34356", "a backend's cookies overflow a buffer" },
};
/* clang-format on */

#define ADVISORIES ((int)(sizeof(advisories) / sizeof(advisories[0])))

const advisory_t *advisory_next(int patch, int *at)
{
    const advisory_t *a;

    while (*at < ADVISORIES) {
        a = &advisories[(*at)++];
        if (patch >= a->since && patch < a->fixed) {
            return a;
        }
    }
    return NULL;
}

int advisory_best(void)
{
    int i, best = 0;

    for (i = 0; i < ADVISORIES; i++) {
        best = advisories[i].fixed > best ? advisories[i].fixed : best;
    }
    return best;
}
