/* SPDX-License-Identifier: Apache-2.0 */
/* php.c - values as PHP's serialize() writes them; see php.h. */
#include "php.h"

#include <string.h>

/* What is still to be read. */
typedef struct {
    const char *at;
    const char *end;
} rest_t;

/* One fixed character. @return 0 when something else, or nothing, is there */
static int take(rest_t *rest, char c)
{
    if (rest->at == rest->end || *rest->at != c) {
        return 0;
    }
    rest->at++;
    return 1;
}

/* A length or count, and the colon behind it. No more than the bytes that are left:
 * whatever is counted takes one at least. */
static int take_size(rest_t *rest, size_t *n)
{
    size_t left = (size_t)(rest->end - rest->at), digits = 0;

    for (*n = 0; digits < left && rest->at[digits] >= '0' &&
                 rest->at[digits] <= '9';
         digits++) {
        *n = *n * 10 + (size_t)(rest->at[digits] - '0');
        if (*n > left) {
            return 0;
        }
    }
    rest->at += digits;
    return digits > 0 && take(rest, ':');
}

/* `n` bytes between two quotes, behind their length. */
static int take_quoted(rest_t *rest, const char **out, size_t *n)
{
    if (!take_size(rest, n) || !take(rest, '"') ||
        (size_t)(rest->end - rest->at) < *n) {
        return 0;
    }
    *out = rest->at;
    rest->at += *n;
    return take(rest, '"');
}

/* A number, a boolean or a reference: all up to the semicolon. */
static int skip_scalar(rest_t *rest)
{
    static const char digits[] = "0123456789+-.eEINFA";

    while (rest->at < rest->end && *rest->at != '\0' &&
           strchr(digits, *rest->at) != NULL) {
        rest->at++;
    }
    return take(rest, ';');
}

/* A class's name and what it wrote itself. */
static int skip_custom(rest_t *rest)
{
    const char *name;
    size_t n;

    if (!take_quoted(rest, &name, &n) || !take(rest, ':') ||
        !take_size(rest, &n) || !take(rest, '{') ||
        (size_t)(rest->end - rest->at) < n) {
        return 0;
    }
    rest->at += n;
    return take(rest, '}');
}

/* The head of an array or object, up to and with its brace.
 * @param values  keys and values that follow */
static int take_head(rest_t *rest, char kind, size_t *values)
{
    const char *name;
    size_t n;

    if (kind == 'O' &&
        (!take_quoted(rest, &name, &n) || !take(rest, ':'))) {
        return 0;
    }
    if (!take_size(rest, &n) || !take(rest, '{')) {
        return 0;
    }
    *values = 2 * n;
    return 1;
}

/* A value that holds no others. */
static int skip_leaf(rest_t *rest, char kind)
{
    const char *text;
    size_t n;

    switch (kind) {
    case 'N':
        return take(rest, ';');
    case 's':
    case 'E':
        return take(rest, ':') && take_quoted(rest, &text, &n) &&
               take(rest, ';');
    case 'C':
        return take(rest, ':') && skip_custom(rest);
    case 'i':
    case 'd':
    case 'b':
    case 'r':
    case 'R':
        return take(rest, ':') && skip_scalar(rest);
    default:
        return 0;
    }
}

/* Any value, with all that is in it. */
static int skip(rest_t *rest)
{
    size_t open[CHAT_PHP_DEPTH]; /* values to come, of each that is not closed */
    int depth = 0;

    do {
        char kind = rest->at < rest->end ? *rest->at++ : '\0';

        if (kind == 'a' || kind == 'O') {
            if (depth == CHAT_PHP_DEPTH || !take(rest, ':') ||
                !take_head(rest, kind, &open[depth])) {
                return 0;
            }
            depth++;
        }
        else if (!skip_leaf(rest, kind)) {
            return 0;
        }
        else if (depth > 0) {
            open[depth - 1]--;
        }
        while (depth > 0 && open[depth - 1] == 0) {
            if (!take(rest, '}')) {
                return 0;
            }
            depth--;
            if (depth > 0) {
                open[depth - 1]--;
            }
        }
    } while (depth > 0);
    return 1;
}

/* @return 0, and nothing is consumed, when no text is there */
static int take_text(rest_t *rest, const char **out, size_t *n)
{
    rest_t next = *rest;

    if (!take(&next, 's') || !take(&next, ':') ||
        !take_quoted(&next, out, n) || !take(&next, ';')) {
        return 0;
    }
    *rest = next;
    return 1;
}

int chat_php_text(const char **out, size_t *out_len, const char *bytes,
                  size_t len)
{
    rest_t rest = { bytes, bytes + len };

    return take_text(&rest, out, out_len) && rest.at == rest.end;
}

int chat_php_member(const char **out, size_t *out_len, const char *bytes,
                    size_t len, const char *key)
{
    rest_t rest = { bytes, bytes + len };
    size_t values, n, wanted = strlen(key);
    const char *text;
    int found = 0;

    if (!take(&rest, 'a') || !take(&rest, ':') ||
        !take_head(&rest, 'a', &values)) {
        return 0;
    }
    for (; values > 0; values -= 2) {
        int is_text = take_text(&rest, &text, &n);

        if (!is_text && !skip(&rest)) {
            return 0;
        }
        if (is_text && n == wanted && memcmp(text, key, n) == 0) {
            found = take_text(&rest, out, out_len);
            if (found) {
                continue;
            }
        }
        if (!skip(&rest)) {
            return 0;
        }
    }
    return found && take(&rest, '}') && rest.at == rest.end;
}
