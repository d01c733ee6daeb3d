/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fuzz_keyring.c - a file of keys, and below the first NUL a wrapped key as a
 * database may hold it. What is taken for a ring unwraps what it has wrapped, for
 * what it was wrapped for and for nothing else.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <apr_general.h>

#include "keyring.h"

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

static void use(const chat_keyring_t *ring, const char *wrapped, apr_pool_t *p)
{
    unsigned char key[CHAT_SEAL_KEY] = "a key of thirty-two bytes, not 3";
    unsigned char back[CHAT_SEAL_KEY];
    const char *why = NULL;
    const char *ours = chat_keyring_wrap(ring, key, "conversation 7", &why, p);

    must(ours != NULL && strlen(ours) <= CHAT_WRAPPED_MAX);
    must(chat_keyring_current(ring, ours));
    must(chat_keyring_unwrap(ring, back, ours, "conversation 7", &why, p));
    must(memcmp(key, back, sizeof(key)) == 0);
    must(!chat_keyring_unwrap(ring, back, ours, "conversation 8", &why, p) &&
         why != NULL);
    chat_keyring_current(ring, wrapped);
    chat_keyring_unwrap(ring, back, wrapped, "conversation 7", &why, p);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    apr_pool_t *p = scratch();
    char *text = malloc(size + 1);
    chat_keyring_t *ring;
    const char *why = NULL;

    must(text != NULL);
    memcpy(text, data, size);
    text[size] = '\0';
    if (chat_keyring_parse(&ring, text, &why, p) == APR_SUCCESS) {
        size_t line = strlen(text);

        use(ring, line < size ? text + line + 1 : "", p);
    }
    else {
        must(why != NULL);
    }
    free(text);
    apr_pool_clear(p);
    return 0;
}
