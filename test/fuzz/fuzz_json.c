/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fuzz_json.c - whatever is accepted comes out again as what went in.
 *
 * Accepted text is written, parsed again and compared; string members are
 * quoted by our own writer and read back. A refusal has a sentence. What is
 * JSON but for its NULs and broken characters is repaired to what is accepted.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <apr_general.h>
#include <apr_strings.h>

#include "json.h"
#include "utf8.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static apr_pool_t *scratch(void)
{
    static apr_pool_t *pool;

    if (pool == NULL && (apr_initialize() != APR_SUCCESS ||
                         apr_pool_create(&pool, NULL) != APR_SUCCESS)) {
        abort();
    }
    return pool;
}

static void same_again(const json_t *value, const char *text, apr_pool_t *p)
{
    const char *why;
    json_t *back;

    if (text == NULL) {
        abort();
    }
    back = chat_json_parse_pool(text, strlen(text), &why, p);
    if (back == NULL || !json_equal(back, value)) {
        abort();
    }
}

static void quoted_again(const json_t *string, apr_pool_t *p)
{
    const char *s = json_string_value(string);
    size_t len = json_string_length(string);
    char *literal = malloc(chat_json_size(s, len)); /* exact: ASan watches */
    char *end;

    if (literal == NULL) {
        abort();
    }
    end = chat_json_put(literal, s, len);
    same_again(string, chat_json_quote(s, len, p), p);
    same_again(string, apr_pstrmemdup(p, literal, (apr_size_t)(end - literal)),
               p);
    free(literal);
}

static void read_members(json_t *obj, apr_pool_t *p)
{
    apr_int64_t number;
    const char *key;
    const char *text;
    json_t *value;
    int flag;

    json_object_foreach(obj, key, value)
    {
        if (chat_json_string(obj, key, &text) == CHAT_JSON_OK) {
            quoted_again(value, p);
        }
        chat_json_bool(obj, key, &flag);
        chat_json_int(obj, key, &number);
        if (chat_json_id(obj, key, &text, p) == CHAT_JSON_OK && !*text &&
            !json_is_string(value)) {
            abort(); /* a number has digits */
        }
    }
}

static void repaired(const uint8_t *data, size_t size, apr_pool_t *p)
{
    const char *text = apr_pstrmemdup(p, (const char *)data, size);
    const char *fit = chat_json_repaired(text, p);
    json_t *value;

    if (!chat_utf8_valid(fit, strlen(fit)) ||
        strcmp(chat_json_repaired(fit, p), fit) != 0) {
        abort();
    }
    value = json_loads(fit, JSON_ALLOW_NUL | JSON_DECODE_ANY, NULL);
    if (value != NULL) {
        json_decref(value);
        value = json_loads(fit, JSON_DECODE_ANY, NULL);
        if (value == NULL) {
            abort();
        }
        json_decref(value);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    apr_pool_t *p = scratch();
    const char *why = NULL;
    json_t *value = chat_json_parse_pool((const char *)data, size, &why, p);

    if (value == NULL && (why == NULL || !chat_utf8_valid(why, strlen(why)))) {
        abort();
    }
    if (value != NULL) {
        same_again(value, chat_json_text(value, p), p);
        read_members(value, p);
    }
    repaired(data, size, p);
    apr_pool_clear(p);
    return 0;
}
