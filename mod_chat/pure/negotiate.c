/* SPDX-License-Identifier: Apache-2.0 */
/* negotiate.c - Accept and Content-Type; see negotiate.h. */
#include "negotiate.h"

#include <string.h>
#include <strings.h>

#define Q_ONE 1000 /* a quality of 1, in thousandths */

/* Whether the `len` bytes are `name`, in any case. */
static int is(const char *s, size_t len, const char *name)
{
    return strlen(name) == len && strncasecmp(s, name, len) == 0;
}

static size_t spaces(const char *s) { return strspn(s, " \t"); }

/* The media type at the start: bytes up to a separator or a space. */
static size_t type_len(const char *s) { return strcspn(s, " \t;,"); }

/* A quality as thousandths; what is not a number counts as 1, as if unsaid. */
static int quality_value(const char *s)
{
    int q, unit = 100;

    if (*s != '0' && *s != '1') {
        return Q_ONE;
    }
    q = (*s++ - '0') * Q_ONE;
    if (*s++ != '.') {
        return q;
    }
    for (; unit > 0 && *s >= '0' && *s <= '9'; unit /= 10) {
        q += (*s++ - '0') * unit;
    }
    return q > Q_ONE ? Q_ONE : q;
}

/* The `q` among a media range's parameters, `s` up to the next comma. */
static int quality(const char *s)
{
    const char *end = s + strcspn(s, ",");

    while ((s = memchr(s, ';', (size_t)(end - s))) != NULL) {
        s++;
        s += spaces(s);
        if ((*s == 'q' || *s == 'Q') && s[1] == '=') {
            return quality_value(s + 2);
        }
    }
    return Q_ONE;
}

int chat_accepts_html(const char *accept)
{
    int html = 0, json = 0; /* best quality of each, 0: not named */
    int html_first = 0;     /* at equal quality the first one named wins */

    while (accept != NULL && *accept != '\0') {
        size_t len;

        accept += spaces(accept);
        len = type_len(accept);
        if (is(accept, len, "text/html") ||
            is(accept, len, "application/xhtml+xml")) {
            int q = quality(accept + len);

            html_first |= json == 0;
            html = q > html ? q : html;
        }
        else if (is(accept, len, "application/json")) {
            int q = quality(accept + len);

            json = q > json ? q : json;
        }
        accept += strcspn(accept, ",");
        accept += *accept == ',';
    }
    return html > json || (html > 0 && html == json && html_first);
}

chat_media_t chat_media_of(const char *content_type)
{
    static const char suffix[] = "+json";
    size_t len;

    if (content_type == NULL) {
        return CHAT_MEDIA_NONE;
    }
    content_type += spaces(content_type);
    len = type_len(content_type);
    if (len == 0) {
        return CHAT_MEDIA_NONE;
    }
    if (is(content_type, len, "application/x-www-form-urlencoded")) {
        return CHAT_MEDIA_FORM;
    }
    if (is(content_type, len, "application/json")) {
        return CHAT_MEDIA_JSON;
    }
    if (is(content_type, len, "multipart/form-data")) {
        return CHAT_MEDIA_MULTIPART;
    }
    if (strncasecmp(content_type, "application/", 12) == 0 &&
        len > 12 + sizeof(suffix) - 1 &&
        is(content_type + len - (sizeof(suffix) - 1), sizeof(suffix) - 1,
           suffix)) {
        return CHAT_MEDIA_JSON;
    }
    return CHAT_MEDIA_OTHER;
}
