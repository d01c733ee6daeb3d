/* SPDX-License-Identifier: Apache-2.0 */
/* laravel.c - a Laravel application's session cookie; see laravel.h. */
#include "laravel.h"

#include <string.h>
#include <apr_base64.h>
#include <apr_escape.h>
#include <apr_strings.h>
#include <jansson.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

#include "json.h"
#include "secret.h"

#define BASE64                                                                 \
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
#define ALNUM                                                                  \
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
#define PREFIX 40 /* hex digits of HMAC-SHA1, a `|` behind them */

typedef struct {
    const unsigned char *bytes;
    int len;
} bytes_t;

/* @return 0 when it is no base64 with its padding */
static int decode(bytes_t *out, const char *text, apr_pool_t *p)
{
    size_t len = strlen(text), body = strspn(text, BASE64);
    unsigned char *to;

    if (len == 0 || len > CHAT_LARAVEL_COOKIE || len % 4 != 0 ||
        body + strspn(text + body, "=") != len || len - body > 2) {
        return 0;
    }
    to = apr_palloc(p, (apr_size_t)apr_base64_decode_len(text) + 1);
    out->len = apr_base64_decode_binary(to, text);
    out->bytes = to;
    return 1;
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

/* @param tag  of GCM, len 0: CBC. @return NULL when it cannot be decrypted */
static const char *decrypt(const bytes_t *value, const bytes_t *iv,
                           const bytes_t *tag,
                           const unsigned char key[CHAT_LARAVEL_KEY],
                           apr_pool_t *p)
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
        return NULL;
    }
    to[n + rest] = '\0';
    return strlen((const char *)to) == (size_t)(n + rest) ? (const char *)to
                                                           : NULL;
}

/* What the JSON holds, if it was made with the key. */
static const char *opened(const json_t *object,
                          const unsigned char key[CHAT_LARAVEL_KEY],
                          apr_pool_t *p)
{
    const char *iv_text = text_of(object, "iv");
    const char *value_text = text_of(object, "value");
    const char *mac = text_of(object, "mac"), *tag_text = text_of(object, "tag");
    bytes_t iv, value, tag = { NULL, 0 };
    char right[2 * EVP_MAX_MD_SIZE + 1];

    if (!decode(&iv, iv_text, p) || !decode(&value, value_text, p)) {
        return NULL;
    }
    if (*tag_text != '\0') {
        return decode(&tag, tag_text, p) && tag.len == 16 && iv.len == 12
                   ? decrypt(&value, &iv, &tag, key, p)
                   : NULL;
    }
    if (iv.len != 16 ||
        !hmac_hex(right, EVP_sha256(), key,
                  apr_pstrcat(p, iv_text, value_text, NULL)) ||
        !chat_secret_equal(mac, strlen(mac), right, strlen(right))) {
        return NULL;
    }
    return decrypt(&value, &iv, &tag, key, p);
}

int chat_laravel_session(char id[CHAT_LARAVEL_ID + 1], const char *header,
                         const char *name,
                         const unsigned char key[CHAT_LARAVEL_KEY],
                         apr_pool_t *p)
{
    const char *value = cookie_value(header, name, p), *why, *plain;
    char right[2 * EVP_MAX_MD_SIZE + 1];
    json_t *object;
    bytes_t json;

    if (value == NULL || !decode(&json, value, p)) {
        return 0;
    }
    object = chat_json_parse_pool((const char *)json.bytes,
                                  (apr_size_t)json.len, &why, p);
    plain = json_is_object(object) ? opened(object, key, p) : NULL;
    if (plain == NULL || strlen(plain) != PREFIX + 1 + CHAT_LARAVEL_ID ||
        plain[PREFIX] != '|' ||
        strspn(plain + PREFIX + 1, ALNUM) != CHAT_LARAVEL_ID ||
        !hmac_hex(right, EVP_sha1(), key, apr_pstrcat(p, name, "v2", NULL)) ||
        !chat_secret_equal(plain, PREFIX, right, PREFIX)) {
        return 0;
    }
    memcpy(id, plain + PREFIX + 1, CHAT_LARAVEL_ID + 1);
    return 1;
}
