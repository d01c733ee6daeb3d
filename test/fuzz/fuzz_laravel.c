/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fuzz_laravel.c - a Cookie header, under a key of zeros, so that a corpus can
 * hold cookies that are right; below a line break an APP_KEY, which is tried as a
 * session's data and as a header X-XSRF-TOKEN as well.
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
    static const chat_laravel_keys_t zeros = { 2, { { 1 }, { 0 } } };
    apr_pool_t *p = scratch();
    char *header = apr_pstrmemdup(p, (const char *)data, size);
    char *text = strchr(header, '\n');
    unsigned char key[CHAT_LARAVEL_KEY];
    const char *token;
    char id[CHAT_LARAVEL_ID + 1];

    if (text != NULL) {
        *text++ = '\0';
        chat_laravel_key(key, text, p);
        token = chat_laravel_token(text, &zeros, p);
        must(token == NULL || *token != '\0');
        chat_laravel_xsrf(text, &zeros, p);
    }
    if (chat_laravel_session(id, header, "laravel_session", &zeros, p)) {
        must(strlen(id) == CHAT_LARAVEL_ID);
    }
    apr_pool_clear(p);
    return 0;
}
