/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fuzz_php.c - what serialize() may have written: what is found lies within, and
 * a text that was found is found again when it is written.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "php.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(int fact)
{
    if (!fact) {
        abort();
    }
}

static void within(const char *text, size_t n, const char *bytes, size_t size)
{
    must(text >= bytes && n <= size && text + n <= bytes + size);
}

/* As serialize() writes it. */
static void again(const char *text, size_t n)
{
    char *made = malloc(n + 64);
    const char *found;
    size_t len, head;

    must(made != NULL);
    head = (size_t)sprintf(made, "a:1:{s:6:\"_token\";s:%zu:\"", n);
    memcpy(made + head, text, n);
    memcpy(made + head + n, "\";}", 3);
    must(chat_php_member(&found, &len, made, head + n + 3, "_token"));
    must(len == n && memcmp(found, text, n) == 0);
    free(made);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const char *bytes = (const char *)data, *text;
    size_t n;

    if (chat_php_text(&text, &n, bytes, size)) {
        within(text, n, bytes, size);
        again(text, n);
    }
    if (chat_php_member(&text, &n, bytes, size, "_token")) {
        within(text, n, bytes, size);
        again(text, n);
    }
    return 0;
}
