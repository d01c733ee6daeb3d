/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fuzz_api.c - the query of an HTTP API request.
 *
 * Whatever is accepted comes sorted, is signed in no more bytes than it had,
 * and as a body is JSON that the scanner and jansson both read.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <apr_general.h>
#include <jansson.h>

#include "pusher.h"
#include "query.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(int fact)
{
    if (!fact) {
        abort();
    }
}

static apr_pool_t *scratch(void)
{
    static apr_pool_t *pool;

    if (pool == NULL && (apr_initialize() != APR_SUCCESS ||
                         apr_pool_create(&pool, NULL) != APR_SUCCESS)) {
        abort();
    }
    return pool;
}

static void sorted(const query_t *q)
{
    int i;

    for (i = 1; i < q->n; i++) {
        const query_param_t *a = &q->params[i - 1];
        const query_param_t *b = &q->params[i];
        size_t len = a->name_len < b->name_len ? a->name_len : b->name_len;
        int order = memcmp(a->name, b->name, len);

        must(order < 0 || (order == 0 && a->name_len <= b->name_len));
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    apr_pool_t *p = scratch();
    http_span_t method = { "POST", 4 };
    http_span_t query = { (const char *)data, size };
    pusher_publish_t pub;
    apr_size_t len;
    query_t q;
    json_t *json;
    char *text;

    if (size > 0 && memchr(data, 0, size) != NULL) {
        return 0; /* no request head has one */
    }
    if (query_read(&q, query, p) == NULL) {
        sorted(&q);
        text = query_signed(&q, method, "/apps/1/events", 14, &len, p);
        must(len >= 20 && len <= size + 2 * (size_t)q.n + 20);
        must(!memcmp(text, "POST\n/apps/1/events\n", 20));
        query_get(&q, "auth_key");
        text = query_json(&q, &len, p);
        if (text != NULL) {
            json = json_loadb(text, len, 0, NULL);
            must(json_is_object(json));
            json_decref(json);
            pusher_publish_read(&pub, text, len);
        }
    }
    apr_pool_clear(p);
    return 0;
}
