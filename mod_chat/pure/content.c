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

/* What is there and cannot be seen, besides spaces: controls, joiners, marks that
 * turn the direction, selectors of variants, tags, fillers. Each row is a range of
 * characters of three bytes that differ in the last one. */
static const struct {
    char lead[3];
    unsigned char from, to;
} hidden[] = {
    { "\xe2\x80", 0x8c, 0x8f }, /* U+200C to U+200F */
    { "\xe2\x80", 0xaa, 0xae }, /* U+202A to U+202E */
    { "\xe2\x81", 0xa0, 0xaf }, /* U+2060 to U+206F */
    { "\xe1\xa0", 0x8b, 0x8e }, /* U+180B to U+180E */
    { "\xe1\x85", 0x9f, 0xa0 }, /* U+115F, U+1160 */
    { "\xe2\xa0", 0x80, 0x80 }, /* U+2800 */
    { "\xe3\x85", 0xa4, 0xa4 }, /* U+3164 */
    { "\xef\xb8", 0x80, 0x8f }, /* U+FE00 to U+FE0F */
};

/* Bytes of such a character at the beginning, 0 when it is none. */
static size_t hidden_first(const char *s, size_t len)
{
    if (len >= 1 && ((unsigned char)*s < ' ' || *s == 0x7f)) { /* C0, delete */
        return 1;
    }
    if (len >= 2 && ((*s == '\xc2' && (unsigned char)s[1] < 0xa0) || /* C1 */
                     memcmp(s, "\xc2\xad", 2) == 0 ||  /* soft hyphen */
                     memcmp(s, "\xcd\x8f", 2) == 0)) { /* grapheme joiner */
        return 2;
    }
    if (len >= 4 && memcmp(s, "\xf3\xa0", 2) == 0) { /* tags, U+E0000 and on */
        return 4;
    }
    for (size_t i = 0; len >= 3 && i < sizeof(hidden) / sizeof(hidden[0]);
         i++) {
        unsigned char last = (unsigned char)s[2];

        if (memcmp(s, hidden[i].lead, 2) == 0 && last >= hidden[i].from &&
            last <= hidden[i].to) {
            return 3;
        }
    }
    return 0;
}

/* Whether nobody would see anything. Most texts are decided by their first
 * byte. */
static int is_blank(const char *s, size_t len)
{
    size_t n;

    while (len > 0) {
        if ((unsigned char)*s > ' ' && (unsigned char)*s < 0x7f) {
            return 0;
        }
        n = space_first(s, len);
        n = n > 0 ? n : hidden_first(s, len);
        if (n == 0) {
            return 0;
        }
        s += n;
        len -= n;
    }
    return 1;
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
    if (is_blank(s, len)) {
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
