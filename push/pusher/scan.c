/* SPDX-License-Identifier: Apache-2.0 */
/*
 * scan.c - JSON in one pass, see scan.h.
 *
 * A recursive descent; SCAN_DEPTH bounds the stack it takes. Each function
 * leaves the cursor behind what it read and answers 0 when that was wrong,
 * with the reason in the cursor.
 */
#include "scan.h"

#include <string.h>

typedef struct {
    const char *at;
    const char *end;
    const char *why;
} cursor_t;

static int wrong(cursor_t *c, const char *why)
{
    c->why = c->at >= c->end ? "it ends too early" : why;
    return 0;
}

static void space(cursor_t *c)
{
    while (c->at < c->end && (*c->at == ' ' || *c->at == '\t' ||
                              *c->at == '\n' || *c->at == '\r')) {
        c->at++;
    }
}

/* Bytes of a string that need no look: no quote, backslash, control character
 * or byte above 0x7f among the next eight. The usual test for a zero byte,
 * three times (Bit Twiddling Hacks, "Determine if a word has a byte…"). */
static int plain8(const char *at)
{
    const apr_uint64_t ones = ~(apr_uint64_t)0 / 255;
    const apr_uint64_t tops = ones * 128;
    apr_uint64_t w, quote, slash;

    memcpy(&w, at, 8);
    quote = w ^ (ones * '"');
    slash = w ^ (ones * '\\');
    return ((((w - ones * 0x20) & ~w) | ((quote - ones) & ~quote) |
             ((slash - ones) & ~slash) | w) &
            tops) == 0;
}

/* One character of two to four bytes: RFC 3629, the table of section 4. */
static int utf8(cursor_t *c)
{
    const unsigned char *s = (const unsigned char *)c->at;
    apr_size_t left = (apr_size_t)(c->end - c->at);
    unsigned low = 0x80;
    unsigned high = 0xbf;
    apr_size_t n, i;

    if (s[0] < 0xc2 || s[0] > 0xf4) {
        return wrong(c, "it is not UTF-8");
    }
    n = s[0] < 0xe0 ? 2 : s[0] < 0xf0 ? 3 : 4;
    if (s[0] == 0xe0) {
        low = 0xa0;
    }
    else if (s[0] == 0xed) {
        high = 0x9f;
    }
    else if (s[0] == 0xf0) {
        low = 0x90;
    }
    else if (s[0] == 0xf4) {
        high = 0x8f;
    }
    if (left < n || s[1] < low || s[1] > high) {
        return wrong(c, "it is not UTF-8");
    }
    for (i = 2; i < n; i++) {
        if ((s[i] & 0xc0) != 0x80) {
            return wrong(c, "it is not UTF-8");
        }
    }
    c->at += n;
    return 1;
}

/* Four hex digits; -1 when they are not. */
static int hex4(const char *at, const char *end)
{
    int value = 0;
    int i;

    if (end - at < 4) {
        return -1;
    }
    for (i = 0; i < 4; i++) {
        char d = at[i];

        if (d >= '0' && d <= '9') {
            value = value * 16 + (d - '0');
        }
        else if ((d | 0x20) >= 'a' && (d | 0x20) <= 'f') {
            value = value * 16 + ((d | 0x20) - 'a' + 10);
        }
        else {
            return -1;
        }
    }
    return value;
}

/* The code point of a \u escape at `at`, behind the u. A pair of surrogates is
 * one. `used` are the bytes read. @return -1 when it is none */
static int code_point(const char *at, const char *end, int *used)
{
    int high = hex4(at, end);
    int low;

    *used = 4;
    if (high < 0xd800 || high > 0xdfff) {
        return high;
    }
    if (high > 0xdbff || end - at < 10 || at[4] != '\\' || at[5] != 'u') {
        return -1;
    }
    low = hex4(at + 6, end);
    if (low < 0xdc00 || low > 0xdfff) {
        return -1;
    }
    *used = 10;
    return 0x10000 + ((high - 0xd800) << 10) + (low - 0xdc00);
}

static apr_uint32_t utf8_len(int code)
{
    return code < 0x80 ? 1 : code < 0x800 ? 2 : code < 0x10000 ? 3 : 4;
}

/* A backslash and what follows. `saved` grows by the bytes that the escape is
 * longer than its text. */
static int escape(cursor_t *c, apr_uint32_t *saved)
{
    int used, code;

    if (c->end - c->at < 2) {
        c->at = c->end;
        return wrong(c, NULL);
    }
    if (c->at[1] != 'u') {
        /* strchr would also find the terminator. */
        if (c->at[1] == '\0' || !strchr("\"\\/bfnrt", c->at[1])) {
            return wrong(c, "a string has an unknown escape");
        }
        c->at += 2;
        *saved += 1;
        return 1;
    }
    code = code_point(c->at + 2, c->end, &used);
    if (code <= 0) {
        return wrong(c, code == 0 ? "a string holds the character U+0000"
                                  : "a string has a broken \\u escape");
    }
    c->at += 2 + used;
    *saved += 2 + (apr_uint32_t)used - utf8_len(code);
    return 1;
}

static int string(cursor_t *c, scan_value_t *out)
{
    const char *start = c->at;
    apr_uint32_t saved = 0;

    c->at++;
    for (;;) {
        while (c->end - c->at >= 8 && plain8(c->at)) {
            c->at += 8;
        }
        if (c->at >= c->end) {
            return wrong(c, NULL);
        }
        if (*c->at == '"') {
            break;
        }
        if (*c->at == '\\') {
            if (!escape(c, &saved)) {
                return 0;
            }
        }
        else if ((unsigned char)*c->at >= 0x80) {
            if (!utf8(c)) {
                return 0;
            }
        }
        else if ((unsigned char)*c->at < 0x20) {
            return wrong(c, "a string holds a bare control character");
        }
        else {
            c->at++;
        }
    }
    c->at++;
    out->type = SCAN_STRING;
    out->at = start;
    out->len = (apr_uint32_t)(c->at - start);
    out->size = out->len - 2 - saved;
    out->escaped = saved > 0;
    return 1;
}

static int digits(cursor_t *c)
{
    const char *start = c->at;

    while (c->at < c->end && *c->at >= '0' && *c->at <= '9') {
        c->at++;
    }
    return c->at > start;
}

static int number(cursor_t *c)
{
    static const char why[] = "a number is malformed";

    if (*c->at != '-' && (*c->at < '0' || *c->at > '9')) {
        return wrong(c, "the syntax is wrong");
    }
    if (*c->at == '-') {
        c->at++;
    }
    if (c->at < c->end && *c->at == '0') {
        c->at++;
    }
    else if (!digits(c)) {
        return wrong(c, why);
    }
    if (c->at < c->end && *c->at == '.') {
        c->at++;
        if (!digits(c)) {
            return wrong(c, why);
        }
    }
    if (c->at < c->end && (*c->at | 0x20) == 'e') {
        c->at++;
        if (c->at < c->end && (*c->at == '+' || *c->at == '-')) {
            c->at++;
        }
        if (!digits(c)) {
            return wrong(c, why);
        }
    }
    return 1;
}

static int word(cursor_t *c, const char *text)
{
    apr_size_t len = strlen(text);

    if ((apr_size_t)(c->end - c->at) < len || memcmp(c->at, text, len)) {
        return wrong(c, "the syntax is wrong");
    }
    c->at += len;
    return 1;
}

static int value(cursor_t *c, int depth, scan_value_t *out);

/* What stands between elements and behind the last: sets `more` after a
 * comma. */
static int separator(cursor_t *c, char closing, int *more)
{
    space(c);
    if (c->at < c->end && (*c->at == ',' || *c->at == closing)) {
        *more = *c->at++ == ',';
        space(c);
        return 1;
    }
    return wrong(c, "the syntax is wrong");
}

/* "name": up to the value. */
static int name(cursor_t *c, scan_value_t *out)
{
    if (c->at >= c->end || *c->at != '"') {
        return wrong(c, "the syntax is wrong");
    }
    if (!string(c, out)) {
        return 0;
    }
    space(c);
    if (c->at >= c->end || *c->at != ':') {
        return wrong(c, "the syntax is wrong");
    }
    c->at++;
    space(c);
    return 1;
}

/* Whether the container just opened ends at once. */
static int empty(cursor_t *c, char closing)
{
    c->at++;
    space(c);
    if (c->at < c->end && *c->at == closing) {
        c->at++;
        return 1;
    }
    return 0;
}

static int container(cursor_t *c, int depth, int object)
{
    char closing = object ? '}' : ']';
    scan_value_t ignored;
    int more = 1;

    if (depth >= SCAN_DEPTH) {
        return wrong(c, "it is nested too deeply");
    }
    if (empty(c, closing)) {
        return 1;
    }
    while (more) {
        if ((object && !name(c, &ignored)) || !value(c, depth + 1, &ignored) ||
            !separator(c, closing, &more)) {
            return 0;
        }
    }
    return 1;
}

static int value(cursor_t *c, int depth, scan_value_t *out)
{
    int ok;

    out->at = c->at;
    out->size = 0;
    out->escaped = 0;
    if (c->at >= c->end) {
        return wrong(c, NULL);
    }
    switch (*c->at) {
    case '"':
        return string(c, out);
    case '{':
        out->type = SCAN_OBJECT;
        ok = container(c, depth, 1);
        break;
    case '[':
        out->type = SCAN_ARRAY;
        ok = container(c, depth, 0);
        break;
    case 't':
        out->type = SCAN_BOOL;
        ok = word(c, "true");
        break;
    case 'f':
        out->type = SCAN_BOOL;
        ok = word(c, "false");
        break;
    case 'n':
        out->type = SCAN_NULL;
        ok = word(c, "null");
        break;
    default:
        out->type = SCAN_NUMBER;
        ok = number(c);
        break;
    }
    out->len = (apr_uint32_t)(c->at - out->at);
    return ok;
}

/* Texts are compared as they are meant: an escape hides no repetition. */
static int same_text(const scan_value_t *a, const scan_value_t *b)
{
    char one[128], two[128];

    if (a->size != b->size) {
        return 0;
    }
    if (!a->escaped && !b->escaped) {
        return !memcmp(a->at + 1, b->at + 1, a->size);
    }
    if (a->size > sizeof(one)) {
        return 1; /* nobody means well with such a name: refuse */
    }
    scan_text(one, a);
    scan_text(two, b);
    return !memcmp(one, two, a->size);
}

static int repeated(const scan_value_t *names, int n)
{
    int i;

    for (i = 0; i < n; i++) {
        if (same_text(&names[i], &names[n])) {
            return 1;
        }
    }
    return 0;
}

static scan_value_t *wanted(const scan_value_t *key, const scan_field_t *fields,
                            int n)
{
    int i;

    for (i = 0; i < n; i++) {
        if (scan_is(key, fields[i].name)) {
            return fields[i].to;
        }
    }
    return NULL;
}

static int members(cursor_t *c, const scan_field_t *fields, int n)
{
    scan_value_t names[SCAN_MEMBERS];
    scan_value_t ignored;
    scan_value_t *to;
    int more = 1;
    int seen;

    if (c->at >= c->end || *c->at != '{') {
        return wrong(c, "it is no object");
    }
    if (empty(c, '}')) {
        return 1;
    }
    for (seen = 0; more; seen++) {
        if (seen == SCAN_MEMBERS) {
            return wrong(c, "an object has too many members");
        }
        if (!name(c, &names[seen])) {
            return 0;
        }
        if (repeated(names, seen)) {
            return wrong(c, "a key is there twice");
        }
        to = wanted(&names[seen], fields, n);
        if (!value(c, 1, to ? to : &ignored) || !separator(c, '}', &more)) {
            return 0;
        }
    }
    return 1;
}

const char *scan_object(const char *text, apr_size_t len,
                        const scan_field_t *fields, int n)
{
    cursor_t c = { text, text + len, NULL };
    int i;

    for (i = 0; i < n; i++) {
        memset(fields[i].to, 0, sizeof(*fields[i].to));
    }
    if (len > APR_UINT32_MAX) {
        return "it is too large";
    }
    space(&c);
    if (!members(&c, fields, n)) {
        return c.why;
    }
    space(&c);
    return c.at == c.end ? NULL : "something follows the object";
}

const char *scan_members(const scan_value_t *object, const scan_field_t *fields,
                         int n)
{
    return scan_object(object->at, object->len, fields, n);
}

int scan_next(const scan_value_t *array, const char **at, scan_value_t *out)
{
    cursor_t c = { *at, array->at + array->len, NULL };
    int more;

    if (c.at == NULL) {
        c.at = array->at;
        if (empty(&c, ']')) {
            return 0;
        }
    }
    if (c.at >= c.end || !value(&c, 1, out) || !separator(&c, ']', &more)) {
        return 0;
    }
    *at = more ? c.at : c.end;
    return 1;
}

static char *utf8_put(char *to, int code)
{
    if (code < 0x80) {
        *to++ = (char)code;
        return to;
    }
    if (code < 0x800) {
        *to++ = (char)(0xc0 | (code >> 6));
    }
    else {
        if (code < 0x10000) {
            *to++ = (char)(0xe0 | (code >> 12));
        }
        else {
            *to++ = (char)(0xf0 | (code >> 18));
            *to++ = (char)(0x80 | ((code >> 12) & 0x3f));
        }
        *to++ = (char)(0x80 | ((code >> 6) & 0x3f));
    }
    *to++ = (char)(0x80 | (code & 0x3f));
    return to;
}

void scan_text(char *out, const scan_value_t *v)
{
    static const char letters[] = "bfnrt";
    static const char meant[] = "\b\f\n\r\t";
    const char *at = v->at + 1;
    const char *end = v->at + v->len - 1;
    const char *letter;
    int used;

    if (!v->escaped) {
        memcpy(out, at, v->size);
        return;
    }
    while (at < end) {
        if (*at != '\\') {
            *out++ = *at++;
        }
        else if (at[1] == 'u') {
            out = utf8_put(out, code_point(at + 2, end, &used));
            at += 2 + used;
        }
        else {
            letter = strchr(letters, at[1]);
            *out++ = letter ? meant[letter - letters] : at[1];
            at += 2;
        }
    }
}

int scan_is(const scan_value_t *v, const char *text)
{
    apr_size_t len = strlen(text);
    char meant[64];

    if (v->type != SCAN_STRING || v->size != len || len > sizeof(meant)) {
        return 0;
    }
    scan_text(meant, v);
    return !memcmp(meant, text, len);
}

int scan_integer(const scan_value_t *v)
{
    apr_uint32_t i = v->type == SCAN_NUMBER && v->at[0] == '-';

    for (; i < v->len; i++) {
        if (v->at[i] < '0' || v->at[i] > '9') {
            return 0;
        }
    }
    return v->type == SCAN_NUMBER;
}
