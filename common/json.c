/* SPDX-License-Identifier: Apache-2.0 */
/*
 * json.c - jansson with the doors closed that it leaves open, see json.h.
 *
 * Nesting is counted before jansson sees the text: its own limit (2,048) is
 * compiled in, and each level costs it stack. Errors are said in our words,
 * because jansson's quote the text, which may end in half a character.
 */
#include "json.h"

#include <stdlib.h>
#include <string.h>
#include <apr_strings.h>

#include "utf8.h"

/* The deepest nesting outside of strings. Text that is not JSON may give any
 * number; the parser refuses it afterwards. */
static int depth_of(const char *text, apr_size_t len)
{
    int depth = 0;
    int deepest = 0;
    int in_string = 0;
    apr_size_t i;

    for (i = 0; i < len; i++) {
        if (in_string) {
            if (text[i] == '\\') {
                i++; /* whatever follows cannot end the string */
            }
            else if (text[i] == '"') {
                in_string = 0;
            }
        }
        else if (text[i] == '"') {
            in_string = 1;
        }
        else if (text[i] == '{' || text[i] == '[') {
            depth++;
            deepest = depth > deepest ? depth : deepest;
        }
        else if (text[i] == '}' || text[i] == ']') {
            depth--;
        }
    }
    return deepest;
}

/* What a jansson error code means to whoever wrote the text. */
static const char *complaint(enum json_error_code code)
{
    switch (code) {
    case json_error_premature_end_of_input:
        return "it ends too early";
    case json_error_end_of_input_expected:
        return "something follows the value";
    case json_error_invalid_utf8:
        return "it is not UTF-8";
    case json_error_duplicate_key:
        return "a key is there twice";
    case json_error_null_character:
    case json_error_null_byte_in_key:
        return "a string holds the character U+0000";
    case json_error_numeric_overflow:
        return "a number is too large";
    case json_error_out_of_memory:
        return "there is no memory left for it";
    default:
        return "the syntax is wrong";
    }
}

json_t *chat_json_parse(const char *text, apr_size_t len, const char **why,
                        apr_pool_t *p)
{
    const char *unwanted;
    json_error_t error;
    json_t *value;

    if (why == NULL) {
        why = &unwanted;
    }
    *why = NULL;
    if (len > CHAT_JSON_SIZE) {
        *why = "JSON: it is too large";
        return NULL;
    }
    if (depth_of(text, len) > CHAT_JSON_DEPTH) {
        *why = "JSON: it is nested too deeply";
        return NULL;
    }
    value = json_loadb(text, len, JSON_DECODE_ANY | JSON_REJECT_DUPLICATES,
                       &error);
    if (value == NULL) {
        *why = apr_psprintf(p, "JSON: %s (line %d, column %d)",
                            complaint(json_error_code(&error)), error.line,
                            error.column);
    }
    return value;
}

static apr_status_t drop(void *data)
{
    json_decref(data);
    return APR_SUCCESS;
}

json_t *chat_json_parse_pool(const char *text, apr_size_t len, const char **why,
                             apr_pool_t *p)
{
    json_t *value = chat_json_parse(text, len, why, p);

    if (value != NULL) {
        apr_pool_cleanup_register(p, value, drop, apr_pool_cleanup_null);
    }
    return value;
}

chat_json_result_t chat_json_string(const json_t *obj, const char *key,
                                    const char **out)
{
    const json_t *value = json_object_get(obj, key);

    if (value == NULL || json_is_null(value)) {
        return CHAT_JSON_MISSING;
    }
    if (!json_is_string(value)) {
        return CHAT_JSON_TYPE;
    }
    *out = json_string_value(value);
    return CHAT_JSON_OK;
}

chat_json_result_t chat_json_bool(const json_t *obj, const char *key, int *out)
{
    const json_t *value = json_object_get(obj, key);

    if (value == NULL || json_is_null(value)) {
        return CHAT_JSON_MISSING;
    }
    if (!json_is_boolean(value)) {
        return CHAT_JSON_TYPE;
    }
    *out = json_is_true(value);
    return CHAT_JSON_OK;
}

/* 3.0 is the integer 3 to JSON. Beyond 2^53 a double does not say which
 * integer was meant. */
static int real_as_int(double real, apr_int64_t *out)
{
    const double exact = 9007199254740992.0;

    if (!(real >= -exact && real <= exact) ||
        (double)(apr_int64_t)real != real) {
        return 0;
    }
    *out = (apr_int64_t)real;
    return 1;
}

chat_json_result_t chat_json_int(const json_t *obj, const char *key,
                                 apr_int64_t *out)
{
    const json_t *value = json_object_get(obj, key);

    if (value == NULL || json_is_null(value)) {
        return CHAT_JSON_MISSING;
    }
    if (json_is_integer(value)) {
        *out = json_integer_value(value);
        return CHAT_JSON_OK;
    }
    if (json_is_real(value) && real_as_int(json_real_value(value), out)) {
        return CHAT_JSON_OK;
    }
    return CHAT_JSON_TYPE;
}

chat_json_result_t chat_json_id(const json_t *obj, const char *key,
                                const char **out, apr_pool_t *p)
{
    chat_json_result_t result = chat_json_string(obj, key, out);
    apr_int64_t number;

    if (result != CHAT_JSON_TYPE) {
        return result;
    }
    result = chat_json_int(obj, key, &number);
    if (result == CHAT_JSON_OK) {
        *out = apr_psprintf(p, "%" APR_INT64_T_FMT, number);
    }
    return result;
}

char *chat_json_text(const json_t *value, apr_pool_t *p)
{
    char *dumped = json_dumps(value, JSON_COMPACT | JSON_ENCODE_ANY);
    char *text = dumped == NULL ? NULL : apr_pstrdup(p, dumped);

    free(dumped);
    return text;
}

const char *chat_json_repaired(const char *text, apr_pool_t *p)
{
    static const char nul[] = "\\u0000", replacement[] = "\\ufffd";
    char *copy, *at;

    text = chat_utf8_repaired(text, p);
    if (strstr(text, nul) == NULL) {
        return text;
    }
    copy = apr_pstrdup(p, text);
    /* From one escape to the next: a backslash that is escaped begins none. */
    for (at = strchr(copy, '\\'); at != NULL && at[1] != '\0';
         at = strchr(at + 2, '\\')) {
        if (strncmp(at, nul, sizeof(nul) - 1) == 0) {
            memcpy(at, replacement, sizeof(replacement) - 1);
        }
    }
    return copy;
}

/* --- string literals ---------------------------------------------------- */

/* How a byte is written inside a literal, by the bytes that takes. */
#define AS_IS 1
#define SHORT 2   /* \n and friends */
#define UNICODE 6 /* \u001f */

/* The letter of a short escape, 0 when the byte has none. */
static char short_escape(unsigned char c)
{
    switch (c) {
    case '"':
    case '\\':
        return (char)c;
    case '\n':
        return 'n';
    case '\r':
        return 'r';
    case '\t':
        return 't';
    default:
        return 0;
    }
}

static int width(unsigned char c, int for_html)
{
    if (short_escape(c) != 0) {
        return SHORT;
    }
    if (c < 0x20 || (for_html && (c == '<' || c == '>' || c == '&'))) {
        return UNICODE;
    }
    return AS_IS;
}

#define EACH (~(apr_uint64_t)0 / 255) /* a 1 in each byte */

/* Whether any of eight bytes is this one. */
static apr_uint64_t any_is(apr_uint64_t eight, unsigned char c)
{
    apr_uint64_t zero = eight ^ (EACH * c);

    return (zero - EACH) & ~zero & (EACH * 0x80);
}

/* How many bytes from here on are written as they are: eight at a time, for texts are
 * little else. */
static apr_size_t plain(const char *s, apr_size_t len, int for_html)
{
    apr_size_t i = 0;

    for (; len - i >= 8; i += 8) {
        apr_uint64_t eight, less;

        memcpy(&eight, s + i, 8);
        less = (eight - EACH * 0x20) & ~eight & (EACH * 0x80);
        if ((less | any_is(eight, '"') | any_is(eight, '\\')) != 0 ||
            (for_html && (any_is(eight, '<') | any_is(eight, '>') |
                          any_is(eight, '&')) != 0)) {
            break;
        }
    }
    while (i < len && width((unsigned char)s[i], for_html) == AS_IS) {
        i++;
    }
    return i;
}

static apr_size_t inside_size(const char *s, apr_size_t len, int for_html)
{
    apr_size_t size = 0, i = 0;

    while (i < len) {
        apr_size_t run = plain(s + i, len - i, for_html);

        size += run;
        i += run;
        if (i < len) {
            size += (apr_size_t)width((unsigned char)s[i++], for_html);
        }
    }
    return size;
}

static char *escape_put(char *to, unsigned char c, int how)
{
    static const char hex[] = "0123456789abcdef";

    *to++ = '\\';
    if (how == SHORT) {
        *to++ = short_escape(c);
        return to;
    }
    *to++ = 'u';
    *to++ = '0';
    *to++ = '0';
    *to++ = hex[c >> 4];
    *to++ = hex[c & 15];
    return to;
}

static char *inside_put(char *to, const char *s, apr_size_t len, int for_html)
{
    apr_size_t i = 0;

    while (i < len) {
        apr_size_t run = plain(s + i, len - i, for_html);

        memcpy(to, s + i, run);
        to += run;
        i += run;
        if (i < len) {
            unsigned char c = (unsigned char)s[i++];

            to = escape_put(to, c, width(c, for_html));
        }
    }
    return to;
}

static char *literal_put(char *to, const char *s, apr_size_t len, int for_html)
{
    *to++ = '"';
    to = inside_put(to, s, len, for_html);
    *to++ = '"';
    return to;
}

char *chat_json_quote(const char *s, apr_size_t len, apr_pool_t *p)
{
    char *text = apr_palloc(p, inside_size(s, len, 1) + 3);

    *literal_put(text, s, len, 1) = '\0';
    return text;
}

apr_size_t chat_json_size(const char *s, apr_size_t len)
{
    return inside_size(s, len, 0) + 2;
}

char *chat_json_put(char *to, const char *s, apr_size_t len)
{
    return literal_put(to, s, len, 0);
}

apr_size_t chat_json_escaped(const char *s, apr_size_t len)
{
    return inside_size(s, len, 0);
}

char *chat_json_escape(char *to, const char *s, apr_size_t len)
{
    return inside_put(to, s, len, 0);
}
