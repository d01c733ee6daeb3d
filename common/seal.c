/* SPDX-License-Identifier: Apache-2.0 */
/*
 * seal.c - AES-256-GCM from OpenSSL; see seal.h.
 *
 * The cipher is fetched once per process and stays, as in secret.c.
 */
#include "seal.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <apr_encode.h>
#include <apr_lib.h>
#include <apr_strings.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>

#include "secret.h"

#define NONCE 12
#define MARK_LEN (sizeof(CHAT_SEAL_MARK) - 1)
#define DIGITS_MAX 19

/* The head of a file: "CHATSEAL", a version, then at these places. */
#define HEAD_MAGIC "CHATSEAL2"
#define HEAD_MAGIC_LEN 9
#define HEAD_KEY 16   /* the key's id, NUL behind it to the end of its room */
#define HEAD_SIZE 40  /* 64 bits, big endian */
#define HEAD_NONCE 48 /* 8 random bytes */
#define HEAD_REST 56  /* zeros */
#define FILE_MAX ((apr_int64_t)CHAT_SEAL_BLOCK * UINT32_MAX)

static pthread_once_t fetched = PTHREAD_ONCE_INIT;
static EVP_CIPHER *aes; /* NULL when this OpenSSL does not provide it */

static void fetch(void) { aes = EVP_CIPHER_fetch(NULL, "AES-256-GCM", NULL); }

/* --- AES --- */

/* @param out  len + CHAT_SEAL_TAG bytes */
static int encrypt(unsigned char *out, const unsigned char *key,
                   const unsigned char *nonce, const void *about,
                   apr_size_t about_len, const unsigned char *in,
                   apr_size_t len)
{
    EVP_CIPHER_CTX *c = EVP_CIPHER_CTX_new();
    int n, ok;

    pthread_once(&fetched, fetch);
    ok = c != NULL && aes != NULL &&
         EVP_EncryptInit_ex2(c, aes, key, nonce, NULL) &&
         EVP_EncryptUpdate(c, NULL, &n, about, (int)about_len) &&
         EVP_EncryptUpdate(c, out, &n, in, (int)len) &&
         EVP_EncryptFinal_ex(c, out + len, &n) &&
         EVP_CIPHER_CTX_ctrl(c, EVP_CTRL_AEAD_GET_TAG, CHAT_SEAL_TAG,
                             out + len);
    EVP_CIPHER_CTX_free(c);
    return ok;
}

/* @param len  with the tag, at least CHAT_SEAL_TAG */
static int decrypt(unsigned char *out, const unsigned char *key,
                   const unsigned char *nonce, const void *about,
                   apr_size_t about_len, const unsigned char *in,
                   apr_size_t len)
{
    EVP_CIPHER_CTX *c = EVP_CIPHER_CTX_new();
    unsigned char tag[CHAT_SEAL_TAG];
    int n, ok;

    len -= CHAT_SEAL_TAG;
    memcpy(tag, in + len, CHAT_SEAL_TAG);
    pthread_once(&fetched, fetch);
    ok = c != NULL && aes != NULL &&
         EVP_DecryptInit_ex2(c, aes, key, nonce, NULL) &&
         EVP_DecryptUpdate(c, NULL, &n, about, (int)about_len) &&
         EVP_DecryptUpdate(c, out, &n, in, (int)len) &&
         EVP_CIPHER_CTX_ctrl(c, EVP_CTRL_AEAD_SET_TAG, CHAT_SEAL_TAG, tag) &&
         EVP_DecryptFinal_ex(c, out + len, &n) > 0;
    EVP_CIPHER_CTX_free(c);
    if (!ok) {
        OPENSSL_cleanse(out, len);
    }
    return ok;
}

static int draw(unsigned char *out, apr_size_t len)
{
    return getrandom(out, len, 0) == (ssize_t)len;
}

/* nonce, ciphertext and tag as base64url, behind `before`, from p. */
static char *enclose(const char *before, const unsigned char *key,
                     const char *about, const void *data, apr_size_t len,
                     apr_pool_t *p)
{
    apr_size_t raw_len = NONCE + len + CHAT_SEAL_TAG, before_len;
    unsigned char *raw;
    apr_size_t n;
    char *out;

    raw = apr_palloc(p, raw_len);
    if (!draw(raw, NONCE) ||
        !encrypt(raw + NONCE, key, raw, about, strlen(about), data, len) ||
        apr_encode_base64_binary(NULL, raw, (apr_ssize_t)raw_len,
                                 APR_ENCODE_BASE64URL | APR_ENCODE_NOPADDING,
                                 &n) != APR_SUCCESS) {
        return NULL;
    }
    before_len = strlen(before);
    out = apr_palloc(p, before_len + n);
    memcpy(out, before, before_len);
    apr_encode_base64_binary(out + before_len, raw, (apr_ssize_t)raw_len,
                             APR_ENCODE_BASE64URL | APR_ENCODE_NOPADDING, &n);
    return out;
}

/* The content of such, terminated, from p; NULL when it is not ours. */
static unsigned char *disclose(apr_size_t *len, const unsigned char *key,
                               const char *about, const char *base64,
                               apr_size_t base64_len, apr_pool_t *p)
{
    unsigned char *raw, *out;
    apr_size_t n;

    if (base64_len > APR_INT32_MAX / 2) {
        return NULL;
    }
    raw = apr_palloc(p, base64_len + 3);
    if (apr_decode_base64_binary(raw, base64, (apr_ssize_t)base64_len,
                                 APR_ENCODE_BASE64URL, &n) != APR_SUCCESS ||
        n < NONCE + CHAT_SEAL_TAG) {
        return NULL;
    }
    *len = n - NONCE - CHAT_SEAL_TAG;
    out = apr_palloc(p, *len + 1);
    if (!decrypt(out, key, raw, about, strlen(about), raw + NONCE, n - NONCE)) {
        return NULL;
    }
    out[*len] = '\0';
    return out;
}

/* --- texts --- */

static int is_base64url(char c)
{
    return apr_isalnum(c) || c == '-' || c == '_';
}

/* The digits at text. @return how many; 0: none, or too many for an id */
static apr_size_t digits(const char *text, apr_size_t len)
{
    apr_size_t n = 0;

    while (n < len && apr_isdigit(text[n])) {
        n++;
    }
    return n <= DIGITS_MAX ? n : 0;
}

static int is_id(char c) { return is_base64url(c); }

/* The characters of an id at text. @return how many; -1: more than max */
static int id_len(const char *text, apr_size_t len, int max)
{
    int n = 0;

    while ((apr_size_t)n < len && is_id(text[n])) {
        n++;
    }
    return n <= max ? n : -1;
}

/* "KIND.AUTHOR.NAME:" @return how many characters; 0: it is none */
static apr_size_t parse_claims(chat_sealed_t *out, const char *text,
                               apr_size_t len)
{
    const char *at = text, *end = text + len;
    int n;

    if (len < 2 || strchr("mftdrs", at[0]) == NULL || at[1] != '.') {
        return 0;
    }
    out->kind = (chat_seal_kind_t)at[0];
    at += 2;
    n = id_len(at, (apr_size_t)(end - at), CHAT_SEAL_ID - 1);
    if (n < 0 || at + n == end || at[n] != '.') {
        return 0;
    }
    apr_cpystrn(out->author, at, (apr_size_t)n + 1);
    at += n + 1;
    n = id_len(at, (apr_size_t)(end - at), CHAT_SEAL_NAME - 1);
    if (n < 0 || at + n == end || at[n] != ':') {
        return 0;
    }
    apr_cpystrn(out->name, at, (apr_size_t)n + 1);
    return (apr_size_t)(at + n + 1 - text);
}

int chat_sealed_parse(chat_sealed_t *out, const char *text, apr_size_t len)
{
    apr_size_t n, claims;

    if (len < MARK_LEN || memcmp(text, CHAT_SEAL_MARK, MARK_LEN) != 0) {
        return 0;
    }
    text += MARK_LEN;
    len -= MARK_LEN;
    n = digits(text, len);
    if (n == 0 || n == len || text[n] != ':') {
        return 0;
    }
    memcpy(out->key_id, text, n);
    out->key_id[n] = '\0';
    claims = parse_claims(out, text + n + 1, len - n - 1);
    if (claims == 0) {
        return 0;
    }
    out->about = text;
    out->about_len = n + 1 + claims;
    out->base64 = text + out->about_len;
    out->len = len - out->about_len;
    for (apr_size_t i = 0; i < out->len; i++) {
        if (!is_base64url(out->base64[i])) {
            return 0;
        }
    }
    return out->len > 0;
}

void chat_seal_name(char name[CHAT_SEAL_NAME], const char *text, apr_size_t len)
{
    unsigned char digest[CHAT_SHA256];

    name[0] = '\0';
    if (text != NULL && len > 0) {
        chat_sha256(digest, text, len);
        apr_encode_base64_binary(name, digest, (CHAT_SEAL_NAME - 1) * 3 / 4,
                                 APR_ENCODE_BASE64URL | APR_ENCODE_NOPADDING,
                                 NULL);
    }
}

int chat_sealed_fits(const chat_sealed_t *sealed, const char *conversation,
                     const chat_seal_about_t *where)
{
    return sealed->kind == where->kind &&
           (where->conversation == NULL ||
            strcmp(where->conversation, conversation) == 0) &&
           (where->author == NULL ||
            strcmp(where->author, sealed->author) == 0) &&
           (where->name == NULL || strcmp(where->name, sealed->name) == 0);
}

static int about_good(const chat_seal_about_t *about)
{
    apr_size_t author = strlen(about->author), name = strlen(about->name);

    return id_len(about->author, author, CHAT_SEAL_ID - 1) == (int)author &&
           id_len(about->name, name, CHAT_SEAL_NAME - 1) == (int)name &&
           strlen(about->conversation) < CHAT_SEAL_ID;
}

char *chat_seal_text(const unsigned char key[CHAT_SEAL_KEY], const char *key_id,
                     const chat_seal_about_t *about, const char *text,
                     apr_size_t len, apr_pool_t *p)
{
    const char *claims;

    if (!about_good(about)) {
        return NULL;
    }
    claims = apr_psprintf(p, "%s:%c.%s.%s:", key_id, (char)about->kind,
                          about->author, about->name);
    return enclose(apr_pstrcat(p, CHAT_SEAL_MARK, claims, NULL), key,
                   apr_pstrcat(p, claims, about->conversation, NULL), text, len,
                   p);
}

char *chat_seal_open(apr_size_t *len, const chat_seal_key_t *key,
                     const chat_sealed_t *sealed, apr_pool_t *p)
{
    const char *about = apr_pstrcat(
        p, apr_pstrmemdup(p, sealed->about, sealed->about_len),
        key->conversation, NULL);

    return (char *)disclose(len, key->bytes, about, sealed->base64, sealed->len,
                            p);
}

char *chat_seal_wrap(const unsigned char with[CHAT_SEAL_KEY], const char *about,
                     const unsigned char key[CHAT_SEAL_KEY], apr_pool_t *p)
{
    return enclose("", with, about, key, CHAT_SEAL_KEY, p);
}

int chat_seal_unwrap(unsigned char key[CHAT_SEAL_KEY],
                     const unsigned char with[CHAT_SEAL_KEY], const char *about,
                     const char *wrapped, apr_size_t len, apr_pool_t *p)
{
    unsigned char *raw;
    apr_size_t n;

    for (apr_size_t i = 0; i < len; i++) {
        if (!is_base64url(wrapped[i])) {
            return 0;
        }
    }
    raw = disclose(&n, with, about, wrapped, len, p);
    if (raw == NULL || n != CHAT_SEAL_KEY) {
        return 0;
    }
    memcpy(key, raw, CHAT_SEAL_KEY);
    OPENSSL_cleanse(raw, n);
    return 1;
}

/* --- files --- */

static void put64(unsigned char *to, apr_int64_t n)
{
    for (int i = 7; i >= 0; i--) {
        to[i] = (unsigned char)(n & 255);
        n >>= 8;
    }
}

static apr_int64_t get64(const unsigned char *from)
{
    apr_uint64_t n = 0;

    for (int i = 0; i < 8; i++) {
        n = n << 8 | from[i];
    }
    return n > APR_INT64_MAX ? -1 : (apr_int64_t)n;
}

int chat_seal_file_name(char file[CHAT_SEAL_FILE], const char *conversation,
                        const char *id, const char *suffix)
{
    int n = snprintf(file, CHAT_SEAL_FILE, "%s/%s%s", conversation, id, suffix);

    return n > 0 && n < CHAT_SEAL_FILE;
}

int chat_seal_head_make(chat_seal_head_t *head, const char *key_id,
                        const char *file, apr_int64_t size)
{
    apr_size_t n = strlen(key_id);

    if (n == 0 || digits(key_id, n) != n || size < 0 || size > FILE_MAX ||
        strlen(file) >= sizeof(head->file)) {
        return 0;
    }
    memset(head, 0, sizeof(*head));
    apr_cpystrn(head->file, file, sizeof(head->file));
    memcpy(head->key_id, key_id, n);
    head->size = size;
    memcpy(head->bytes, HEAD_MAGIC, HEAD_MAGIC_LEN);
    memcpy(head->bytes + HEAD_KEY, key_id, n);
    put64(head->bytes + HEAD_SIZE, size);
    return draw(head->bytes + HEAD_NONCE, HEAD_REST - HEAD_NONCE);
}

static int zeros(const unsigned char *from, const unsigned char *to)
{
    while (from < to && *from == 0) {
        from++;
    }
    return from == to;
}

int chat_seal_head_parse(chat_seal_head_t *head, const unsigned char *bytes,
                         apr_size_t len)
{
    const char *id = (const char *)bytes + HEAD_KEY;
    apr_size_t n;

    if (len < CHAT_SEAL_HEAD ||
        memcmp(bytes, HEAD_MAGIC, HEAD_MAGIC_LEN) != 0) {
        return 0;
    }
    n = digits(id, HEAD_SIZE - HEAD_KEY);
    if (n == 0 || !zeros(bytes + HEAD_MAGIC_LEN, bytes + HEAD_KEY) ||
        !zeros(bytes + HEAD_KEY + n, bytes + HEAD_SIZE) ||
        !zeros(bytes + HEAD_REST, bytes + CHAT_SEAL_HEAD)) {
        return 0;
    }
    memset(head, 0, sizeof(*head));
    memcpy(head->key_id, id, n);
    memcpy(head->bytes, bytes, CHAT_SEAL_HEAD);
    head->size = get64(bytes + HEAD_SIZE);
    return head->size >= 0 && head->size <= FILE_MAX;
}

apr_int64_t chat_seal_file_size(const chat_seal_head_t *head)
{
    apr_int64_t blocks = (head->size + CHAT_SEAL_BLOCK - 1) / CHAT_SEAL_BLOCK;

    /* An empty file has a block as well, so that its head is authenticated. */
    return CHAT_SEAL_HEAD + head->size +
           (blocks > 0 ? blocks : 1) * CHAT_SEAL_TAG;
}

apr_int64_t chat_seal_block_at(apr_int64_t number)
{
    return CHAT_SEAL_HEAD + number * (CHAT_SEAL_BLOCK + CHAT_SEAL_TAG);
}

static void block_nonce(unsigned char nonce[NONCE],
                        const chat_seal_head_t *head, apr_int64_t number)
{
    memcpy(nonce, head->bytes + HEAD_NONCE, HEAD_REST - HEAD_NONCE);
    for (int i = NONCE - 1; i >= HEAD_REST - HEAD_NONCE; i--) {
        nonce[i] = (unsigned char)(number & 255);
        number >>= 8;
    }
}

/* What is authenticated with each block. @return its bytes */
static apr_size_t block_about(unsigned char *about,
                              const chat_seal_head_t *head)
{
    apr_size_t n = strlen(head->file);

    memcpy(about, head->bytes, CHAT_SEAL_HEAD);
    memcpy(about + CHAT_SEAL_HEAD, head->file, n);
    return CHAT_SEAL_HEAD + n;
}

int chat_seal_block(unsigned char *out, const unsigned char key[CHAT_SEAL_KEY],
                    const chat_seal_head_t *head, apr_int64_t number,
                    const unsigned char *in, apr_size_t len)
{
    unsigned char nonce[NONCE], about[CHAT_SEAL_HEAD + CHAT_SEAL_FILE];

    block_nonce(nonce, head, number);
    return len <= CHAT_SEAL_BLOCK &&
           encrypt(out, key, nonce, about, block_about(about, head), in, len);
}

int chat_seal_block_open(unsigned char *out,
                         const unsigned char key[CHAT_SEAL_KEY],
                         const chat_seal_head_t *head, apr_int64_t number,
                         const unsigned char *in, apr_size_t len)
{
    unsigned char nonce[NONCE], about[CHAT_SEAL_HEAD + CHAT_SEAL_FILE];

    block_nonce(nonce, head, number);
    return len >= CHAT_SEAL_TAG && len <= CHAT_SEAL_BLOCK + CHAT_SEAL_TAG &&
           decrypt(out, key, nonce, about, block_about(about, head), in, len);
}
