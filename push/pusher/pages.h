/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pages.h - pages of which origins may read what the HTTP API answers (CORS).
 *
 * Soketi's `cors.origin`, `cors.methods` and `cors.allowedHeaders`. Of several
 * origins Soketi sends all in one header, which no browser takes; here the one
 * that asks is told yes, and one that is not listed is told nothing. It is the
 * browser that keeps a page from reading; who may ask at all is said by the
 * signature.
 *
 * Read with the other settings (conf.h), afterwards unchanged: any thread.
 */
#ifndef PUSH_PAGES_H
#define PUSH_PAGES_H

#include "http.h"

#include <apr_pools.h>
#include <jansson.h>

typedef struct {
    const char *const *origins; /* NULL-terminated; "*": all */
    const char *lines; /* the headers that are the same for each of them */
} push_pages_t;

/**
 * Read the settings.
 * @param origin   each a list of texts, or one text with commas or blanks
 * between them, or NULL or null: Soketi's defaults
 * @return NULL, or the key that is wrong and why, from p
 */
const char *push_pages_read(push_pages_t *out, const json_t *origin,
                            const json_t *methods, const json_t *headers,
                            apr_pool_t *p);

/**
 * The headers for a page.
 * @param origin  the request's Origin; NULL: there is none
 * @return whole lines, from p or static; NULL: nothing is to be said
 */
const char *push_pages_lines(const push_pages_t *pages,
                             const http_span_t *origin, apr_pool_t *p);

/** Whether two settings say the same. */
int push_pages_same(const push_pages_t *a, const push_pages_t *b);

#endif
