/* SPDX-License-Identifier: Apache-2.0 */
/*
 * template.h - the few values a page is served with.
 *
 * A page of htdocs may hold `%%NAME%%` where a value goes. Every value is
 * escaped for HTML text and quoted attributes here, so no caller can forget it.
 * Pure: bytes in, bytes out.
 */
#ifndef CHAT_TEMPLATE_H
#define CHAT_TEMPLATE_H

#include <apr_pools.h>

typedef struct {
    const char *name;  /* what stands between the signs: "CSRF" */
    const char *value; /* as it should be read; escaped on the way in */
} chat_slot_t;

/** Text that may stand in HTML text and in attributes in quotes, from p. */
const char *chat_html_escape(const char *s, apr_pool_t *p);

/**
 * Fill the slots of a page; slots nobody names stay as they are.
 * @param out_len  length of the answer, which is terminated too
 */
char *chat_template_fill(apr_size_t *out_len, const char *page, apr_size_t len,
                         const chat_slot_t *slots, int n, apr_pool_t *p);

#endif
