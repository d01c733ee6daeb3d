/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fuzz_laravel.c - a Cookie header, under a key of zeros, so that a corpus can
 * hold cookies that are right; below a line break an APP_KEY.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <apr_general.h>
#include <apr_strings.h>

#include "laravel.h"

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

    if (pool == NULL) {
        must(apr_initialize() == APR_SUCCESS &&
             apr_pool_create(&pool, NULL) == APR_SUCCESS);
    }
    return pool;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const unsigned char zeros[CHAT_LARAVEL_KEY];
    apr_pool_t *p = scratch();
    char *header = apr_pstrmemdup(p, (const char *)data, size);
    char *text = strchr(header, '\n');
    unsigned char key[CHAT_LARAVEL_KEY];
    char id[CHAT_LARAVEL_ID + 1];

    if (text != NULL) {
        *text++ = '\0';
        chat_laravel_key(key, text, p);
    }
    if (chat_laravel_session(id, header, "laravel_session", zeros, p)) {
        must(strlen(id) == CHAT_LARAVEL_ID);
    }
    apr_pool_clear(p);
    return 0;
}
