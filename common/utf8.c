/* SPDX-License-Identifier: Apache-2.0 */
/*
 * utf8.c - RFC 3629 as a state of three numbers.
 *
 * Inside a character the state says how many continuation bytes are missing and
 * between which two values the next one must lie; only the first continuation
 * byte ever has narrower bounds than 80..BF, and those narrower bounds are what
 * refuses overlong forms, surrogates and code points above U+10FFFF (table in
 * RFC 3629, section 4). Nothing is allocated and no state is shared.
 */
#include "utf8.h"

#include <string.h>

/* A state inside a character; never 0 or 1, because `need` is at least one. */
#define INSIDE(need, low, high)                                                \
    ((chat_utf8_state_t)((need) << 16 | (low) << 8 | (high)))

/* The state after the first byte of a character. */
static chat_utf8_state_t lead(unsigned char c)
{
    if (c < 0x80) {
        return CHAT_UTF8_ACCEPT;
    }
    if (c < 0xc2) { /* a continuation byte, or an overlong form of ASCII */
        return CHAT_UTF8_REJECT;
    }
    if (c < 0xe0) {
        return INSIDE(1u, 0x80u, 0xbfu);
    }
    if (c < 0xf0) {
        if (c == 0xe0) {
            return INSIDE(2u, 0xa0u, 0xbfu);
        }
        if (c == 0xed) { /* ED A0.. would be a surrogate */
            return INSIDE(2u, 0x80u, 0x9fu);
        }
        return INSIDE(2u, 0x80u, 0xbfu);
    }
    if (c == 0xf0) {
        return INSIDE(3u, 0x90u, 0xbfu);
    }
    if (c < 0xf4) {
        return INSIDE(3u, 0x80u, 0xbfu);
    }
    if (c == 0xf4) { /* F4 90.. would be above U+10FFFF */
        return INSIDE(3u, 0x80u, 0x8fu);
    }
    return CHAT_UTF8_REJECT;
}

/* The state after a further byte of a character. */
static chat_utf8_state_t follow(chat_utf8_state_t state, unsigned char c)
{
    chat_utf8_state_t need = state >> 16;

    if (c < ((state >> 8) & 0xff) || c > (state & 0xff)) {
        return CHAT_UTF8_REJECT;
    }
    return need == 1 ? CHAT_UTF8_ACCEPT : INSIDE(need - 1, 0x80u, 0xbfu);
}

/* How many bytes from `s` on are ASCII for sure, in steps of eight: chat text
 * is mostly that, and JSON around it is nothing else. */
static apr_size_t ascii_run(const unsigned char *s, apr_size_t len)
{
    apr_size_t n = 0;
    apr_uint64_t eight;

    while (len - n >= sizeof(eight)) {
        memcpy(&eight, s + n, sizeof(eight));
        if (eight & APR_UINT64_C(0x8080808080808080)) {
            break;
        }
        n += sizeof(eight);
    }
    return n;
}

chat_utf8_state_t chat_utf8_feed(chat_utf8_state_t state, const void *bytes,
                                 apr_size_t len)
{
    const unsigned char *s = bytes;
    apr_size_t i = 0;

    while (i < len && state != CHAT_UTF8_REJECT) {
        if (state != CHAT_UTF8_ACCEPT) {
            state = follow(state, s[i++]);
            continue;
        }
        i += ascii_run(s + i, len - i);
        if (i < len) {
            state = lead(s[i++]);
        }
    }
    return state;
}

int chat_utf8_valid(const void *bytes, apr_size_t len)
{
    return chat_utf8_feed(CHAT_UTF8_ACCEPT, bytes, len) == CHAT_UTF8_ACCEPT;
}

apr_size_t chat_utf8_count(const void *bytes, apr_size_t len)
{
    const unsigned char *s = bytes;
    apr_size_t n = 0;
    apr_size_t i;

    for (i = 0; i < len; i++) {
        n += (s[i] & 0xc0) != 0x80;
    }
    return n;
}

/* How many bytes at `s` are one character; or, with `valid` 0, how many belong
 * to one broken piece. At least one. */
static apr_size_t piece_at(const char *s, apr_size_t len, int *valid)
{
    chat_utf8_state_t state = CHAT_UTF8_ACCEPT;
    apr_size_t n;

    for (n = 0; n < len; n++) {
        state = chat_utf8_feed(state, s + n, 1);
        if (state == CHAT_UTF8_ACCEPT) {
            *valid = 1;
            return n + 1;
        }
        if (state == CHAT_UTF8_REJECT) {
            break; /* this byte may begin the next character */
        }
    }
    *valid = 0;
    return n > 0 ? n : 1;
}

const char *chat_utf8_repaired(const char *s, apr_pool_t *p)
{
    static const char replacement[] = "\xef\xbf\xbd";
    apr_size_t len = strlen(s);
    apr_size_t n;
    char *text, *end;
    int valid;

    if (chat_utf8_valid(s, len)) {
        return s;
    }
    text = apr_palloc(p, len * (sizeof(replacement) - 1) + 1);
    for (end = text; len > 0; s += n, len -= n) {
        n = piece_at(s, len, &valid);
        memcpy(end, valid ? s : replacement,
               valid ? n : sizeof(replacement) - 1);
        end += valid ? n : sizeof(replacement) - 1;
    }
    *end = '\0';
    return text;
}
