/* SPDX-License-Identifier: Apache-2.0 */
/* emoji.c - whether a text is one emoji; see emoji.h. */
#include "emoji.h"

#include <string.h>
#include <apr.h>

#define JOINER 0x200d
#define IN_COLOUR 0xfe0f
#define KEYCAP 0x20e3
#define TAG_END 0xe007f

/* What pictures there are, in order of their code points: the blocks of them, and
 * those among older signs that have the property Emoji. */
/* clang-format off */
static const struct {
    apr_uint32_t first;
    apr_uint32_t last;
} pictures[] = {
    { 0xa9, 0xa9 },       { 0xae, 0xae },       { 0x203c, 0x203c },
    { 0x2049, 0x2049 },   { 0x2122, 0x2122 },   { 0x2139, 0x2139 },
    { 0x2194, 0x2199 },   { 0x21a9, 0x21aa },   { 0x231a, 0x231b },
    { 0x2328, 0x2328 },   { 0x23cf, 0x23cf },   { 0x23e9, 0x23f3 },
    { 0x23f8, 0x23fa },   { 0x24c2, 0x24c2 },   { 0x25aa, 0x25ab },
    { 0x25b6, 0x25b6 },   { 0x25c0, 0x25c0 },   { 0x25fb, 0x25fe },
    { 0x2600, 0x27bf },   { 0x2934, 0x2935 },   { 0x2b05, 0x2b07 },
    { 0x2b1b, 0x2b1c },   { 0x2b50, 0x2b50 },   { 0x2b55, 0x2b55 },
    { 0x3030, 0x3030 },   { 0x303d, 0x303d },   { 0x3297, 0x3297 },
    { 0x3299, 0x3299 },   { 0x1f004, 0x1f004 }, { 0x1f0cf, 0x1f0cf },
    { 0x1f170, 0x1f171 }, { 0x1f17e, 0x1f17f }, { 0x1f18e, 0x1f18e },
    { 0x1f191, 0x1f19a }, { 0x1f201, 0x1f202 }, { 0x1f21a, 0x1f21a },
    { 0x1f22f, 0x1f22f }, { 0x1f232, 0x1f23a }, { 0x1f250, 0x1f251 },
    { 0x1f300, 0x1f64f }, { 0x1f680, 0x1f6ff }, { 0x1f7e0, 0x1f7eb },
    { 0x1f7f0, 0x1f7f0 }, { 0x1f90c, 0x1f9ff }, { 0x1fa70, 0x1faff },
};
/* clang-format on */

static int is_picture(apr_uint32_t c)
{
    for (size_t i = 0; i < sizeof(pictures) / sizeof(pictures[0]); i++) {
        if (c <= pictures[i].last) {
            return c >= pictures[i].first;
        }
    }
    return 0;
}

static int is_tone(apr_uint32_t c) { return c >= 0x1f3fb && c <= 0x1f3ff; }

static int is_region(apr_uint32_t c) { return c >= 0x1f1e6 && c <= 0x1f1ff; }

static int is_tag(apr_uint32_t c) { return c >= 0xe0020 && c < TAG_END; }

/* The code point at s, 0 at the end. @param len  set to its bytes */
static apr_uint32_t look(const char *s, size_t *len)
{
    const unsigned char *b = (const unsigned char *)s;
    apr_uint32_t c = b[0];

    *len = c < 0x80 ? (c != 0) : c < 0xe0 ? 2 : c < 0xf0 ? 3 : 4;
    if (*len > 1) {
        c &= 0x7fu >> *len;
        for (size_t i = 1; i < *len; i++) {
            if ((b[i] & 0xc0) != 0x80) {
                *len = 0;
                return 0; /* cut short: no emoji */
            }
            c = c << 6 | (b[i] & 0x3fu);
        }
    }
    return c;
}

/* Behind the next code point when it is that one, else where we are. */
static const char *skip(const char *s, apr_uint32_t c)
{
    size_t len;

    return look(s, &len) == c && len > 0 ? s + len : s;
}

/* One picture with what changes it. @return behind it, NULL: there is none */
static const char *take_picture(const char *s)
{
    size_t len;
    apr_uint32_t c = look(s, &len);

    if (!is_picture(c)) {
        return NULL;
    }
    s += len;
    if (is_tone(look(s, &len))) {
        s += len;
    }
    else {
        s = skip(s, IN_COLOUR);
    }
    if (is_tag(look(s, &len))) { /* flags of parts of countries */
        while (is_tag(look(s, &len))) {
            s += len;
        }
        return skip(s, TAG_END) != s ? skip(s, TAG_END) : NULL;
    }
    return s;
}

/* Two letters that make a flag, or a digit on a key; likewise. */
static const char *take_flag_or_key(const char *s)
{
    const char *end;
    size_t len;

    if (is_region(look(s, &len))) {
        s += len;
        return is_region(look(s, &len)) ? s + len : NULL;
    }
    if (*s != '\0' && strchr("0123456789#*", *s) != NULL) {
        s = skip(s + 1, IN_COLOUR);
        end = skip(s, KEYCAP);
        return end != s ? end : NULL;
    }
    return NULL;
}

int chat_emoji_valid(const char *s)
{
    const char *end;

    if (strlen(s) > CHAT_EMOJI_SIZE) {
        return 0;
    }
    end = take_flag_or_key(s);
    if (end != NULL) {
        return *end == '\0';
    }
    for (;;) {
        end = take_picture(s);
        if (end == NULL || *end == '\0') {
            return end != NULL;
        }
        s = skip(end, JOINER);
        if (s == end) {
            return 0;
        }
    }
}
