/* SPDX-License-Identifier: Apache-2.0 */
/* laravel.c - a Laravel application's sessions and tokens; see laravel.h. */
#include "laravel.h"

#include <string.h>
#include <apr_base64.h>
#include <apr_escape.h>
#include <apr_strings.h>
#include <jansson.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

#include "json.h"
#include "php.h"
#include "secret.h"

#define BASE64                                                                 \
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
#define ALNUM                                                                  \
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
#define PREFIX 40 /* hex digits of HMAC-SHA1, a `|` behind them */

typedef struct {
    const unsigned char *bytes; /* a NUL behind them */
    int len;
} bytes_t;

/* @param most  bytes of text
 * @return 0 when it is longer, or no base64 with its padding */
static int decode_most(bytes_t *out, const char *text, size_t most,
                       apr_pool_t *p)
{
    size_t len = strlen(text), body = strspn(text, BASE64);
    unsigned char *to;

    if (len == 0 || len > most || len % 4 != 0 ||
        body + strspn(text + body, "=") != len || len - body > 2) {
        return 0;
    }
    to = apr_palloc(p, (apr_size_t)apr_base64_decode_len(text) + 1);
    out->len = apr_base64_decode_binary(to, text);
    to[out->len] = '\0';
    out->bytes = to;
    return 1;
}

static int decode(bytes_t *out, const char *text, apr_pool_t *p)
{
    return decode_most(out, text, CHAT_LARAVEL_PAYLOAD, p);
}

int chat_laravel_key(unsigned char key[CHAT_LARAVEL_KEY], const char *text,
                     apr_pool_t *p)
{
    static const char prefix[] = "base64:";
    char *line = apr_pstrndup(p, text, 100);
    bytes_t raw;

    line[strcspn(line, "\r\n")] = '\0';
    if (strncmp(line, prefix, sizeof(prefix) - 1) != 0 ||
        !decode(&raw, line + sizeof(prefix) - 1, p) ||
        raw.len != CHAT_LARAVEL_KEY) {
        return 0;
    }
    memcpy(key, raw.bytes, CHAT_LARAVEL_KEY);
    return 1;
}

/* The value of a cookie, decoded. The first of its name counts. */
static const char *cookie_value(const char *header, const char *name,
                                apr_pool_t *p)
{
    size_t n = strlen(name);

    while (header != NULL && *header != '\0') {
        size_t len;

        header += strspn(header, "; ");
        len = strcspn(header, ";");
        if (len > n && strncmp(header, name, n) == 0 && header[n] == '=') {
            return len - n - 1 > CHAT_LARAVEL_COOKIE
                       ? NULL
                       : apr_punescape_url(
                             p, apr_pstrmemdup(p, header + n + 1, len - n - 1),
                             NULL, NULL, 0);
        }
        header += len;
    }
    return NULL;
}

static int hmac_hex(char *hex, const EVP_MD *md,
                    const unsigned char key[CHAT_LARAVEL_KEY],
                    const char *text)
{
    static const char digits[] = "0123456789abcdef";
    unsigned char raw[EVP_MAX_MD_SIZE];
    unsigned int n = 0;

    if (HMAC(md, key, CHAT_LARAVEL_KEY, (const unsigned char *)text,
             strlen(text), raw, &n) == NULL) {
        return 0;
    }
    for (unsigned int i = 0; i < n; i++) {
        *hex++ = digits[raw[i] >> 4];
        *hex++ = digits[raw[i] & 15];
    }
    *hex = '\0';
    return 1;
}

static const char *text_of(const json_t *object, const char *name)
{
    const char *text = json_string_value(json_object_get(object, name));

    return text != NULL ? text : "";
}

/* @param tag  of GCM, len 0: CBC. @return 0 when it cannot be decrypted */
static int decrypt(bytes_t *out, const bytes_t *value, const bytes_t *iv,
                   const bytes_t *tag,
                   const unsigned char key[CHAT_LARAVEL_KEY], apr_pool_t *p)
{
    EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
    unsigned char *to = apr_palloc(p, (apr_size_t)value->len + 33);
    int n = 0, rest = 0, well;

    well = ctx != NULL &&
           EVP_DecryptInit_ex(
               ctx, tag->len > 0 ? EVP_aes_256_gcm() : EVP_aes_256_cbc(), NULL,
               key, iv->bytes) == 1 &&
           EVP_DecryptUpdate(ctx, to, &n, value->bytes, value->len) == 1 &&
           (tag->len == 0 ||
            EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_GCM_SET_TAG, tag->len,
                                (void *)tag->bytes) == 1) &&
           EVP_DecryptFinal_ex(ctx, to + n, &rest) == 1;
    EVP_CIPHER_CTX_free(ctx);
    if (!well) {
        return 0;
    }
    to[n + rest] = '\0';
    out->bytes = to;
    out->len = n + rest;
    return 1;
}

/* What the JSON holds, if it was made with the key. */
static int opened(bytes_t *out, const json_t *object,
                  const unsigned char key[CHAT_LARAVEL_KEY], apr_pool_t *p)
{
    const char *iv_text = text_of(object, "iv");
    const char *value_text = text_of(object, "value");
    const char *mac = text_of(object, "mac"), *tag_text = text_of(object, "tag");
    bytes_t iv, value, tag = { NULL, 0 };
    char right[2 * EVP_MAX_MD_SIZE + 1];

    if (!decode(&iv, iv_text, p) || !decode(&value, value_text, p)) {
        return 0;
    }
    if (*tag_text != '\0') {
        return decode(&tag, tag_text, p) && tag.len == 16 && iv.len == 12 &&
               decrypt(out, &value, &iv, &tag, key, p);
    }
    if (iv.len != 16 ||
        !hmac_hex(right, EVP_sha256(), key,
                  apr_pstrcat(p, iv_text, value_text, NULL)) ||
        !chat_secret_equal(mac, strlen(mac), right, strlen(right))) {
        return 0;
    }
    return decrypt(out, &value, &iv, &tag, key, p);
}

/* What the application has encrypted: JSON, which one of the keys opens.
 * @return that key, NULL: none does */
static const unsigned char *unlock(bytes_t *out, const bytes_t *json,
                                   const chat_laravel_keys_t *keys,
                                   apr_pool_t *p)
{
    const char *why;
    json_t *object = chat_json_parse_pool((const char *)json->bytes,
                                          (apr_size_t)json->len, &why, p);

    for (int i = 0; i < keys->n && json_is_object(object); i++) {
        if (opened(out, object, keys->key[i], p)) {
            return keys->key[i];
        }
    }
    return NULL;
}

/* A cookie's value, without what says whose it is.
 * @param name  of the cookie
 * @return NULL when it is not this cookie's, or holds a NUL */
static const char *cookie_text(const char *value, const char *name,
                               const chat_laravel_keys_t *keys, apr_pool_t *p)
{
    char right[2 * EVP_MAX_MD_SIZE + 1];
    const unsigned char *key;
    const char *plain;
    bytes_t json, out;

    if (value == NULL || !decode_most(&json, value, CHAT_LARAVEL_COOKIE, p)) {
        return NULL;
    }
    key = unlock(&out, &json, keys, p);
    if (key == NULL || out.len <= PREFIX) {
        return NULL;
    }
    plain = (const char *)out.bytes;
    return strlen(plain) == (size_t)out.len && plain[PREFIX] == '|' &&
                   hmac_hex(right, EVP_sha1(), key,
                            apr_pstrcat(p, name, "v2", NULL)) &&
                   chat_secret_equal(plain, PREFIX, right, PREFIX)
               ? plain + PREFIX + 1
               : NULL;
}

int chat_laravel_session(char id[CHAT_LARAVEL_ID + 1], const char *header,
                         const char *name, const chat_laravel_keys_t *keys,
                         apr_pool_t *p)
{
    const char *text = cookie_text(cookie_value(header, name, p), name, keys, p);

    if (text == NULL || strlen(text) != CHAT_LARAVEL_ID ||
        strspn(text, ALNUM) != CHAT_LARAVEL_ID) {
        return 0;
    }
    memcpy(id, text, CHAT_LARAVEL_ID + 1);
    return 1;
}

const char *chat_laravel_xsrf(const char *header,
                              const chat_laravel_keys_t *keys, apr_pool_t *p)
{
    return cookie_text(header, "XSRF-TOKEN", keys, p);
}

/* `_token` of a session's data, as PHP or JSON wrote it. */
static const char *token_of(const bytes_t *data, apr_pool_t *p)
{
    const char *text = (const char *)data->bytes, *found, *why;
    json_t *object;
    size_t n;

    if (data->len > 0 && text[0] == '{') {
        object = chat_json_parse_pool(text, (apr_size_t)data->len, &why, p);
        return json_string_value(json_object_get(object, "_token"));
    }
    return chat_php_member(&found, &n, text, (size_t)data->len, "_token") &&
                   memchr(found, '\0', n) == NULL
               ? apr_pstrmemdup(p, found, n)
               : NULL;
}

const char *chat_laravel_token(const char *payload,
                               const chat_laravel_keys_t *keys, apr_pool_t *p)
{
    bytes_t data, json, box;
    const char *text, *token;
    size_t n;

    if (!decode(&data, payload, p)) {
        return NULL;
    }
    /* What is encrypted is base64 once more, in which no data can begin. */
    if (!decode(&json, (const char *)data.bytes, p)) {
        token = token_of(&data, p);
    }
    else if (unlock(&box, &json, keys, p) == NULL ||
             !chat_php_text(&text, &n, (const char *)box.bytes,
                            (size_t)box.len)) {
        token = NULL;
    }
    else {
        data.bytes = (const unsigned char *)text;
        data.len = (int)n;
        token = token_of(&data, p);
    }
    return token != NULL && *token != '\0' ? token : NULL;
}
