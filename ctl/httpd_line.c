/* SPDX-License-Identifier: Apache-2.0 */
/* httpd_line.c - see httpd_line.h. Pure functions. */
#include "httpd_line.h"

#include <apr_lib.h>

#include <string.h>

/* Take one line of the file, without its end.
 * @return whether the next one belongs to it; then the backslash is gone */
static int line_take(httpd_lines_t *lines, const char **from, apr_size_t *len)
{
    const char *end = memchr(lines->at, '\n',
                             (apr_size_t)(lines->end - lines->at));

    *from = lines->at;
    *len = (apr_size_t)((end != NULL ? end : lines->end) - *from);
    lines->at = end != NULL ? end + 1 : lines->end;
    lines->line++;
    if (*len > 0 && (*from)[*len - 1] == '\r') {
        --*len;
    }
    if (*len > 0 && (*from)[*len - 1] == '\\') {
        --*len;
        return 1;
    }
    return 0;
}

/* Without the white space around it, and terminated. */
static apr_size_t trim(char *line, apr_size_t len)
{
    apr_size_t from = 0;

    while (len > 0 && apr_isspace(line[len - 1])) {
        len--;
    }
    while (from < len && apr_isspace(line[from])) {
        from++;
    }
    memmove(line, line + from, len - from);
    line[len - from] = '\0';
    return len - from;
}

httpd_line_result_t httpd_line_next(httpd_lines_t *lines, char *out,
                                    apr_size_t room, int *number)
{
    const char *from;
    apr_size_t len, used, i;
    int more, first, fits;

    while (lines->at < lines->end) {
        first = lines->line;
        used = 0;
        fits = 1;
        do {
            more = line_take(lines, &from, &len);
            fits = fits && used + len < room;
            for (i = 0; fits && i < len; i++) {
                out[used++] = from[i] != '\0' ? from[i] : ' ';
            }
        } while (more && lines->at < lines->end);
        if (!fits) {
            *number = first;
            return HTTPD_LINE_LONG;
        }
        if (trim(out, used) > 0 && out[0] != '#') {
            *number = first;
            return HTTPD_LINE;
        }
    }
    return HTTPD_LINES_END;
}

/* The length of the name in a "${NAME}" at s, 0: there is none. */
static apr_size_t name_length(const char *s)
{
    apr_size_t len;

    if (s[0] != '$' || s[1] != '{') {
        return 0;
    }
    len = strcspn(s + 2, "}");
    return s[2 + len] == '}' ? len : 0;
}

int httpd_line_expand(char *out, apr_size_t room, const char *in,
                      httpd_lookup_t lookup, void *ctx)
{
    const char *value;
    apr_size_t used = 0;
    apr_size_t len, take;

    while (*in != '\0') {
        len = name_length(in);
        value = len > 0 ? lookup(ctx, in + 2, len) : NULL;
        take = value != NULL ? strlen(value) : 1;
        if (used + take >= room) {
            return 0;
        }
        memcpy(out + used, value != NULL ? value : in, take);
        used += take;
        in += value != NULL ? len + 3 : 1;
    }
    if (used >= room) {
        return 0;
    }
    out[used] = '\0';
    return 1;
}

/* The end of a word that begins at s: at its quote, or at white space. */
static char *word_end(char *s, char quote)
{
    while (*s != '\0' && (quote ? *s != quote : !apr_isspace(*s))) {
        if (s[0] == '\\' && (s[1] == '\\' || (quote && s[1] == quote))) {
            s++;
        }
        s++;
    }
    return s;
}

/* Take the backslashes out that kept something. */
static void unescape(char *word, char quote)
{
    char *to = word;

    for (; *word != '\0'; word++) {
        if (word[0] == '\\' &&
            (word[1] == '\\' || (quote && word[1] == quote))) {
            word++;
        }
        *to++ = *word;
    }
    *to = '\0';
}

char *httpd_word_next(char **rest)
{
    char *word = *rest;
    char *end;
    char quote;

    while (apr_isspace(*word)) {
        word++;
    }
    if (*word == '\0') {
        *rest = word;
        return NULL;
    }
    quote = *word == '"' || *word == '\'' ? *word++ : '\0';
    end = word_end(word, quote);
    *rest = *end != '\0' ? end + 1 : end;
    *end = '\0';
    unescape(word, quote);
    return word;
}
