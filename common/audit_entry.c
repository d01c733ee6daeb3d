/* SPDX-License-Identifier: Apache-2.0 */
/* audit_entry.c - an entry of the audit log as bytes, see audit_entry.h. */
#include "audit_entry.h"

#include <stdio.h>
#include <string.h>

#include "utf8.h"

/* Bytes of each field at most; with the separators CHAT_AUDIT_LINE. */
static const apr_size_t longest[CHAT_AUDIT_FIELDS] = {
    [CHAT_AUDIT_AT] = CHAT_AUDIT_TIME - 1,
    [CHAT_AUDIT_USER] = 64,
    [CHAT_AUDIT_VIA] = 16,
    [CHAT_AUDIT_ACTION] = 40,
    [CHAT_AUDIT_CONVERSATION] = 64,
    [CHAT_AUDIT_OBJECT] = 240,
    [CHAT_AUDIT_ADDRESS] = 46,
    [CHAT_AUDIT_AGENT] = 120,
    [CHAT_AUDIT_STATUS] = 5,
    [CHAT_AUDIT_REQUEST] = 64,
};

/* @return behind `digits` digits of n, and what stands behind them */
static char *number_put(char *to, int n, int digits, char behind)
{
    for (int i = digits - 1; i >= 0; i--, n /= 10) {
        to[i] = (char)('0' + n % 10);
    }
    to[digits] = behind;
    return to + digits + 1;
}

void chat_audit_time(char out[CHAT_AUDIT_TIME], apr_time_t at)
{
    apr_time_exp_t t;

    apr_time_exp_gmt(&t, at);
    out = number_put(out, t.tm_year + 1900, 4, '-');
    out = number_put(out, t.tm_mon + 1, 2, '-');
    out = number_put(out, t.tm_mday, 2, 'T');
    out = number_put(out, t.tm_hour, 2, ':');
    out = number_put(out, t.tm_min, 2, ':');
    out = number_put(out, t.tm_sec, 2, '.');
    out = number_put(out, t.tm_usec / 1000, 3, 'Z');
    *out = '\0';
}

/* Control characters, and all that is not ASCII when it is no UTF-8. */
static int bad_byte(unsigned char c, int ascii)
{
    return c < 0x20 || c == 0x7f || (ascii && c >= 0x80);
}

/* How many of `len` bytes fit without cutting a character in two. */
static apr_size_t cut(const char *s, apr_size_t len, apr_size_t most)
{
    if (len <= most) {
        return len;
    }
    while (most > 0 && ((unsigned char)s[most] & 0xc0) == 0x80) {
        most--;
    }
    return most;
}

/* @return behind the field's last byte */
static char *put(char *to, const char *s, apr_size_t most)
{
    apr_size_t all = strnlen(s, most + 1);
    apr_size_t len = cut(s, all, most), i = 0;
    int ascii;

    /* Nearly all of it, as a rule. */
    for (; i < len && s[i] >= 0x20 && s[i] < 0x7f; i++) {
        *to++ = s[i];
    }
    ascii = i < len && !chat_utf8_valid(s, len);
    for (; i < len; i++) {
        *to++ = bad_byte((unsigned char)s[i], ascii) ? '?' : s[i];
    }
    return to;
}

apr_size_t chat_audit_line(char to[CHAT_AUDIT_LINE],
                           const chat_audit_entry_t *entry)
{
    char *at = to;

    for (int i = 0; i < CHAT_AUDIT_FIELDS; i++) {
        const char *s = entry->field[i];

        if (i > 0) {
            *at++ = '\t';
        }
        if (s != NULL) {
            at = put(at, s, longest[i]);
        }
    }
    *at++ = '\n';
    return (apr_size_t)(at - to);
}

/* Whether a field is as put() leaves it. */
static int clean(const char *s, apr_size_t len, apr_size_t most)
{
    if (len > most || !chat_utf8_valid(s, len)) {
        return 0;
    }
    for (apr_size_t i = 0; i < len; i++) {
        if (bad_byte((unsigned char)s[i], 0)) {
            return 0;
        }
    }
    return 1;
}

int chat_audit_parse(chat_audit_entry_t *entry, char *line, apr_size_t len)
{
    char *end = line + len;
    char *at = line;

    for (int i = 0; i < CHAT_AUDIT_FIELDS; i++) {
        char *tab = memchr(at, '\t', (apr_size_t)(end - at));
        int last = i == CHAT_AUDIT_FIELDS - 1;

        if ((tab == NULL) != last) {
            return 0; /* too few or too many */
        }
        if (tab == NULL) {
            tab = end;
        }
        if (!clean(at, (apr_size_t)(tab - at), longest[i])) {
            return 0;
        }
        entry->field[i] = at;
        *tab = '\0';
        at = tab + 1;
    }
    return 1;
}

void chat_audit_hash(char out[CHAT_SHA256_HEX], const char *previous,
                     apr_int64_t seq, const chat_audit_entry_t *entry)
{
    char text[CHAT_SHA256_HEX + 24 + CHAT_AUDIT_LINE];
    int n = snprintf(text, CHAT_SHA256_HEX + 24, "%.64s\t%" APR_INT64_T_FMT
                     "\t", previous, seq);
    apr_size_t len = chat_audit_line(text + n, entry);

    chat_sha256_hex(out, text, (apr_size_t)n + len - 1); /* without the LF */
}
