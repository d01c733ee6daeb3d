/* SPDX-License-Identifier: Apache-2.0 */
/*
 * text.c - a text that grows, and strings as JSON, see text.h.
 */
#include "text.h"

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

/* What a byte is as inside of a JSON string: 0 itself, u as \u00XX, else the
 * letter behind the backslash. RFC 8259 section 7. */
static char escape_of(unsigned char byte)
{
    switch (byte) {
    case '"':
    case '\\':
        return (char)byte;
    case '\n':
        return 'n';
    case '\r':
        return 'r';
    case '\t':
        return 't';
    default:
        return byte < 0x20 ? 'u' : 0;
    }
}

apr_size_t push_json_escaped(const char *bytes, apr_size_t len)
{
    apr_size_t more = 0;
    apr_size_t i;

    for (i = 0; i < len; i++) {
        char e = escape_of((unsigned char)bytes[i]);

        more += e == 0 ? 0 : e == 'u' ? 5 : 1;
    }
    return len + more;
}

char *push_json_escape(char *to, const char *bytes, apr_size_t len)
{
    static const char hex[] = "0123456789abcdef";
    apr_size_t i;

    for (i = 0; i < len; i++) {
        unsigned char byte = (unsigned char)bytes[i];
        char e = escape_of(byte);

        if (e == 0) {
            *to++ = (char)byte;
            continue;
        }
        *to++ = '\\';
        *to++ = e;
        if (e == 'u') {
            *to++ = '0';
            *to++ = '0';
            *to++ = hex[byte >> 4];
            *to++ = hex[byte & 15];
        }
    }
    return to;
}

void push_text_quote(push_text_t *t, const char *bytes, apr_size_t len)
{
    apr_size_t size = push_json_escaped(bytes, len) + 2;

    room_for(t, size);
    t->at[t->len] = '"';
    push_json_escape(t->at + t->len + 1, bytes, len);
    t->at[t->len + size - 1] = '"';
    t->len += size;
}

void push_text_free(push_text_t *t)
{
    free(t->at);
    memset(t, 0, sizeof(*t));
}
