/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fuzz_utf8.c - the validator against a naive one, whole and in pieces.
 *
 * The reference decodes each character to its code point and then asks whether
 * that point may be written so, which is how RFC 3629 says it and nothing like
 * how utf8.c does it. The first byte of the input says where to cut. Repaired
 * text is valid, and valid text is not touched.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <apr_general.h>

#include "utf8.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Bytes of the character at `s`, 0 when there is none. */
static size_t reference_char(const uint8_t *s, size_t len)
{
    static const uint32_t smallest[] = { 0, 0, 0x80, 0x800, 0x10000 };
    uint32_t point;
    size_t bytes;
    size_t i;

    if (s[0] < 0x80) {
        return 1;
    }
    bytes = s[0] >= 0xf0 ? 4 : s[0] >= 0xe0 ? 3 : 2;
    if (s[0] < 0xc0 || s[0] > 0xf7 || bytes > len) {
        return 0;
    }
    point = s[0] & (0x7fu >> bytes);
    for (i = 1; i < bytes; i++) {
        if ((s[i] & 0xc0) != 0x80) {
            return 0;
        }
        point = point << 6 | (s[i] & 0x3fu);
    }
    if (point < smallest[bytes] || point > 0x10ffff ||
        (point >= 0xd800 && point <= 0xdfff)) {
        return 0;
    }
    return bytes;
}

static int reference(const uint8_t *s, size_t len, size_t *count)
{
    size_t n;

    for (*count = 0; len > 0; (*count)++) {
        n = reference_char(s, len);
        if (n == 0) {
            return 0;
        }
        s += n;
        len -= n;
    }
    return 1;
}

static apr_pool_t *scratch(void)
{
    static apr_pool_t *pool;

    if (pool == NULL && (apr_initialize() != APR_SUCCESS ||
                         apr_pool_create(&pool, NULL) != APR_SUCCESS)) {
        abort();
    }
    return pool;
}

static void repair(const uint8_t *data, size_t size)
{
    char *text = malloc(size + 1); /* exact size: ASan sees a read past it */
    const char *repaired;

    if (text == NULL) {
        abort();
    }
    memcpy(text, data, size);
    text[size] = '\0';
    repaired = chat_utf8_repaired(text, scratch());
    if (!chat_utf8_valid(repaired, strlen(repaired)) ||
        (repaired == text) != chat_utf8_valid(text, strlen(text))) {
        abort();
    }
    free(text);
    apr_pool_clear(scratch());
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    chat_utf8_state_t whole, piecewise;
    size_t count, cut;

    if (size == 0) {
        return 0;
    }
    cut = data[0];
    data++;
    size--;
    cut = cut > size ? size : cut;

    whole = chat_utf8_feed(CHAT_UTF8_ACCEPT, data, size);
    piecewise = chat_utf8_feed(CHAT_UTF8_ACCEPT, data, cut);
    piecewise = chat_utf8_feed(piecewise, data + cut, size - cut);
    if (whole != piecewise) {
        abort();
    }
    if (reference(data, size, &count) != (whole == CHAT_UTF8_ACCEPT)) {
        abort();
    }
    if (whole == CHAT_UTF8_ACCEPT && chat_utf8_count(data, size) != count) {
        abort();
    }
    repair(data, size);
    return 0;
}
