/* SPDX-License-Identifier: Apache-2.0 */
/* content.c - the text of a message; see content.h. */
#include "content.h"

#include <string.h>
#include <apr_strings.h>

#include "utf8.h"

/* What is trimmed, as UTF-8: ASCII white space, no-break space, ogham space,
 * U+2000 to U+200B, line and paragraph separator, narrow no-break space,
 * mathematical space, ideographic space, byte order mark. */
static const char *const spaces[] = { " ",
                                      "\t",
                                      "\n",
                                      "\r",
                                      "\v",
                                      "\f",
                                      "\xc2\xa0",
                                      "\xe1\x9a\x80",
                                      "\xe2\x80\x80",
                                      "\xe2\x80\x81",
                                      "\xe2\x80\x82",
                                      "\xe2\x80\x83",
                                      "\xe2\x80\x84",
                                      "\xe2\x80\x85",
                                      "\xe2\x80\x86",
                                      "\xe2\x80\x87",
                                      "\xe2\x80\x88",
                                      "\xe2\x80\x89",
                                      "\xe2\x80\x8a",
                                      "\xe2\x80\x8b",
                                      "\xe2\x80\xa8",
                                      "\xe2\x80\xa9",
                                      "\xe2\x80\xaf",
                                      "\xe2\x81\x9f",
                                      "\xe3\x80\x80",
                                      "\xef\xbb\xbf",
                                      NULL };

/* Bytes of the space the text begins with, 0 when it begins with none. */
static size_t space_first(const char *s, size_t len)
{
    for (int i = 0; spaces[i] != NULL; i++) {
        size_t n = strlen(spaces[i]);

        if (n <= len && memcmp(s, spaces[i], n) == 0) {
            return n;
        }
    }
    return 0;
}

static size_t space_last(const char *s, size_t len)
{
    for (int i = 0; spaces[i] != NULL; i++) {
        size_t n = strlen(spaces[i]);

        if (n <= len && memcmp(s + len - n, spaces[i], n) == 0) {
            return n;
        }
    }
    return 0;
}

chat_content_result_t chat_content_clean(const char **out, const char *s,
                                         apr_pool_t *p)
{
    size_t len = strlen(s), n;

    while ((n = space_first(s, len)) > 0) {
        s += n;
        len -= n;
    }
    while ((n = space_last(s, len)) > 0) {
        len -= n;
    }
    if (len == 0) {
        return CHAT_CONTENT_EMPTY;
    }
    if (chat_utf8_count(s, len) > CHAT_CONTENT_MAX) {
        return CHAT_CONTENT_LONG;
    }
    *out = apr_pstrmemdup(p, s, len);
    return CHAT_CONTENT_OK;
}

int chat_client_id_valid(const char *s)
{
    size_t len = strspn(s, "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
                           "abcdefghijklmnopqrstuvwxyz0123456789_.:-");

    return len > 0 && len <= CHAT_CLIENT_ID_MAX && s[len] == '\0';
}
