/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fuzz_cursor.c - a cursor has one spelling: what is accepted is written back
 * byte for byte.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <apr_general.h>
#include <apr_strings.h>

#include "event.h"

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

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    apr_pool_t *p = scratch();
    char *text = malloc(size + 1); /* exact size: ASan sees a read past it */
    chat_cursor_t c;

    if (text == NULL) {
        abort();
    }
    memcpy(text, data, size);
    text[size] = '\0';
    if (chat_cursor_parse(&c, text, p) &&
        (c.id < 0 || strcmp(chat_cursor_text(&c, p), text) != 0)) {
        abort();
    }
    free(text);
    apr_pool_clear(p);
    return 0;
}
