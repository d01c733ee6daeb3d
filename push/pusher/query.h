/* SPDX-License-Identifier: Apache-2.0 */
/*
 * query.h - the query of an HTTP API request: parameters, and what is signed.
 *
 * Pure: no socket, no clock; memory only from the pool given.
 *
 * Source: Pusher Channels documents, "HTTP API reference", Authentication: the
 * signed text is METHOD, path and the parameters but auth_signature, names in
 * lower case, sorted by name, not percent-encoded. So an escaped '&', or an
 * escaped '=' in a name, would let one signature stand for several queries;
 * SDKs send neither, as they escape nothing.
 */
#ifndef PUSH_QUERY_H
#define PUSH_QUERY_H

#include <apr_pools.h>
#include "http.h"

#define QUERY_MAX 64 /* parameters */

typedef struct {
    const char *name; /* decoded, lower case */
    apr_size_t name_len;
    const char *value; /* decoded */
    apr_size_t value_len;
} query_param_t;

typedef struct {
    int n;
    query_param_t params[QUERY_MAX]; /* sorted by name, else as they came */
} query_t;

/**
 * Read a query.
 * @return why it cannot be read, a sentence; NULL when it was
 */
const char *query_read(query_t *q, http_span_t query, apr_pool_t *p);

/** The first parameter of a name, NULL when there is none. */
const query_param_t *query_get(const query_t *q, const char *name);

/**
 * What is signed.
 * @param len  set to its length
 */
char *query_signed(const query_t *q, http_span_t method, const char *path,
                   apr_size_t path_len, apr_size_t *len, apr_pool_t *p);

/**
 * The parameters as the JSON body they stand for, for requests without a body:
 * name[]=… becomes a list. What begins with auth_ is left out.
 * @return NULL when a value is not UTF-8
 */
char *query_json(const query_t *q, apr_size_t *len, apr_pool_t *p);

#endif
