/* SPDX-License-Identifier: Apache-2.0 */
/*
 * text.c - a text that grows, see text.h.
 */
#include "text.h"
#include "json.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void *push_must(void *memory)
{
    if (memory == NULL) {
        abort();
    }
    return memory;
}

static void room_for(push_text_t *t, apr_size_t len)
{
    if (t->room - t->len < len) {
        t->room = (t->room + len) * 2;
        t->at = push_must(realloc(t->at, t->room));
    }
}

void push_text_add(push_text_t *t, const void *bytes, apr_size_t len)
{
    if (len > 0) {
        room_for(t, len);
        memcpy(t->at + t->len, bytes, len);
        t->len += len;
    }
}

void push_text_str(push_text_t *t, const char *s)
{
    push_text_add(t, s, strlen(s));
}

void push_text_num(push_text_t *t, apr_uint64_t n)
{
    char digits[20];
    apr_size_t at = sizeof(digits);

    do {
        digits[--at] = (char)('0' + n % 10);
        n /= 10;
    } while (n > 0);
    push_text_add(t, digits + at, sizeof(digits) - at);
}

void push_text_printf(push_text_t *t, const char *format, ...)
{
    va_list args;
    int n;

    va_start(args, format);
    n = vsnprintf(NULL, 0, format, args);
    va_end(args);
    if (n < 0) {
        return;
    }
    room_for(t, (apr_size_t)n + 1);
    va_start(args, format);
    vsnprintf(t->at + t->len, (apr_size_t)n + 1, format, args);
    va_end(args);
    t->len += (apr_size_t)n;
}

void push_text_quote(push_text_t *t, const char *bytes, apr_size_t len)
{
    apr_size_t size = chat_json_size(bytes, len);

    room_for(t, size);
    chat_json_put(t->at + t->len, bytes, len);
    t->len += size;
}

void push_text_free(push_text_t *t)
{
    free(t->at);
    memset(t, 0, sizeof(*t));
}
