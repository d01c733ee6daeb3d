/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fuzz_cookie.c - the same bytes as a Cookie and as an Authorization header:
 * what comes out has the form that is looked up, and was in the header.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <apr_general.h>
#include <apr_strings.h>

#include "credential.h"

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
    const char *token = chat_cookie_token(header, "chat_session", p);
    chat_bearer_t bearer;

    if (token != NULL) {
        must(strlen(token) == CHAT_TOKEN_LEN);
        must(strstr(header, apr_pstrcat(p, "chat_session=", token, NULL)) !=
             NULL);
    }
    if (chat_bearer_parse(&bearer, header, p) == CHAT_BEARER_OK) {
        must(bearer.id >= 0);
        must(bearer.secret[0] != '\0');
        must(strlen(bearer.secret) <= CHAT_BEARER_MAX);
        must(strpbrk(bearer.secret, "| ,;\"") == NULL);
        must(strstr(header, bearer.secret) != NULL);
    }
    free(header);
    apr_pool_clear(p);
    return 0;
}
