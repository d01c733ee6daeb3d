/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fuzz_negotiate.c - the same bytes as Accept, Content-Type and Origin headers.
 * An origin's canonical form is its own canonical form.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <apr_general.h>
#include <apr_strings.h>

#include "negotiate.h"
#include "origin.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static apr_pool_t *scratch(void)
{
    static apr_pool_t *pool;

    if (pool == NULL && (apr_initialize() != APR_SUCCESS ||
                         apr_pool_create(&pool, NULL) != APR_SUCCESS)) {
        abort();
    }
    return pool;
}

static void must(int fact)
{
    if (!fact) {
        abort();
    }
}

/* The input terminated, on the heap: ASan sees a read past it. */
static char *terminated(const uint8_t *data, size_t size)
{
    char *text = malloc(size + 1);

    must(text != NULL);
    if (size > 0) {
        memcpy(text, data, size);
    }
    text[size] = '\0';
    return text;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    apr_pool_t *p = scratch();
    char *header = terminated(data, size);
    const char *origin = chat_origin_canonical(header, p);

    chat_accepts_html(header);
    chat_media_of(header);
    if (origin != NULL) {
        const char *again = chat_origin_canonical(origin, p);

        must(again != NULL && strcmp(again, origin) == 0);
        must(strstr(origin, "://") != NULL && !chat_origin_listed(NULL, origin));
        must(strpbrk(origin, " /?#@\\\"'<>\r\n") == strchr(origin, '/'));
    }
    must(origin != NULL || *chat_origin_why(header) != '\0');
    free(header);
    apr_pool_clear(p);
    return 0;
}
