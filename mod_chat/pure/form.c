/* SPDX-License-Identifier: Apache-2.0 */
/* form.c - urlencoded forms; see form.h. */
#include "form.h"

#include <string.h>
#include <apr_strings.h>

#include "utf8.h"

#define NUMBER_DIGITS 18 /* any number of so many digits fits 64 bits */

static int hex_value(char c)
{
    if (c >= '0' && c <= '9') {
        return c - '0';
    }
    if (c >= 'a' && c <= 'f') {
        return c - 'a' + 10;
    }
    if (c >= 'A' && c <= 'F') {
        return c - 'A' + 10;
    }
    return -1;
}

/* Decode in place and terminate; there is room for the terminator because the
 * separator behind the bytes (or the copy's own terminator) gives its place. */
static chat_form_result_t decode(char *s, apr_size_t len)
{
    apr_size_t from = 0, to = 0;

    while (from < len) {
        char c = s[from++];

        if (c == '+') {
            c = ' ';
        }
        else if (c == '%') {
            int high = from + 1 < len ? hex_value(s[from]) : -1;
            int low = high >= 0 ? hex_value(s[from + 1]) : -1;

            if (low < 0) {
                return CHAT_FORM_ESCAPE;
            }
            c = (char)(high << 4 | low);
            from += 2;
        }
        if (c == '\0') {
            return CHAT_FORM_BYTES;
        }
        s[to++] = c;
    }
    s[to] = '\0';
    return chat_utf8_valid(s, to) ? CHAT_FORM_OK : CHAT_FORM_BYTES;
}

/* One `name=value` or `name`, len bytes with a writable byte behind them. */
static chat_form_result_t pair_parse(chat_pair_t *pair, char *s, apr_size_t len)
{
    char *equals = memchr(s, '=', len);
    apr_size_t name_len = equals != NULL ? (apr_size_t)(equals - s) : len;
    chat_form_result_t result;

    pair->name = s;
    pair->value = "";
    if (equals != NULL) {
        pair->value = equals + 1;
        result = decode(equals + 1, len - name_len - 1);
        if (result != CHAT_FORM_OK) {
            return result;
        }
    }
    return decode(s, name_len);
}

static int count_separators(const char *s, apr_size_t len)
{
    int n = 0;

    for (apr_size_t i = 0; i < len; i++) {
        n += s[i] == '&';
    }
    return n;
}

chat_form_result_t chat_form_parse(chat_form_t *out, const char *s,
                                   apr_size_t len, apr_pool_t *p)
{
    chat_pair_t *pairs;
    char *copy;
    apr_size_t at = 0;
    int most, n = 0;

    most = count_separators(s, len) + 1;
    if (most > CHAT_FORM_PAIRS) {
        return CHAT_FORM_MANY;
    }
    copy = apr_pstrmemdup(p, s != NULL ? s : "", len);
    pairs = apr_palloc(p, (apr_size_t)most * sizeof(*pairs));
    while (at < len) {
        char *end = memchr(copy + at, '&', len - at);
        apr_size_t size = end != NULL ? (apr_size_t)(end - copy) - at
                                      : len - at;
        chat_form_result_t result;

        if (size > 0) {
            result = pair_parse(&pairs[n], copy + at, size);
            if (result != CHAT_FORM_OK) {
                return result;
            }
            n++;
        }
        at += size + 1;
    }
    out->pairs = pairs;
    out->n = n;
    return CHAT_FORM_OK;
}

const char *chat_form_get(const chat_form_t *form, const char *name)
{
    for (int i = form->n - 1; i >= 0; i--) {
        if (strcmp(form->pairs[i].name, name) == 0) {
            return form->pairs[i].value;
        }
    }
    return NULL;
}

const char *chat_form_given(const chat_form_t *form, const char *name)
{
    const char *value = chat_form_get(form, name);

    return value == NULL || *value == '\0' ? NULL : value;
}

int chat_form_number(apr_int64_t *out, const char *s)
{
    size_t len = strlen(s);

    if (len == 0 || len > NUMBER_DIGITS || strspn(s, "0123456789") != len) {
        return 0;
    }
    *out = apr_atoi64(s);
    return 1;
}

const char *chat_form_why(chat_form_result_t result)
{
    switch (result) {
    case CHAT_FORM_OK:
        return "well formed";
    case CHAT_FORM_ESCAPE:
        return "a % is not followed by two hexadecimal digits";
    case CHAT_FORM_BYTES:
        return "text must be UTF-8 without NUL";
    case CHAT_FORM_MANY:
        return "too many fields";
    }
    return "not a form";
}
