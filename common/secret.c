/* SPDX-License-Identifier: Apache-2.0 */
/*
 * secret.c - randomness from the kernel, digests from OpenSSL.
 *
 * The digests are fetched once per process: a fetch costs several times what
 * hashing a token does. OpenSSL keeps fetched methods in its own store, so what
 * stays behind when httpd unloads the module at a restart is a count there, not
 * memory, and freeing them at exit would race OpenSSL's own exit handler.
 */
#include "secret.h"

#include <errno.h>
#include <pthread.h>
#include <string.h>
#include <sys/random.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>

static pthread_once_t fetched = PTHREAD_ONCE_INIT;
static EVP_MD *sha256; /* NULL when this OpenSSL does not provide it */
static EVP_MD *md5;

static void fetch(void)
{
    sha256 = EVP_MD_fetch(NULL, "SHA256", NULL);
    /* Our MD5 is a checksum that protocols prescribe, so a machine whose
     * policy forbids it for security may still provide it here. */
    md5 = EVP_MD_fetch(NULL, "MD5", "-fips");
}

/* Where the digest cannot be had, what is left is the right length and not hex:
 * it equals no digest that anybody sends or that a table holds. */
static void digest_hex(char *out, apr_size_t digits, const EVP_MD *md,
                       const void *data, apr_size_t len)
{
    static const char hex[] = "0123456789abcdef";
    unsigned char raw[EVP_MAX_MD_SIZE];
    unsigned int n = 0;
    unsigned int i;

    memset(out, 'x', digits);
    out[digits] = '\0';
    if (md == NULL || !EVP_Digest(data, len, raw, &n, md, NULL)) {
        return;
    }
    for (i = 0; i < n && i * 2 < digits; i++) {
        out[i * 2] = hex[raw[i] >> 4];
        out[i * 2 + 1] = hex[raw[i] & 15];
    }
}

void chat_sha256_hex(char out[CHAT_SHA256_HEX], const void *data,
                     apr_size_t len)
{
    pthread_once(&fetched, fetch);
    digest_hex(out, CHAT_SHA256_HEX - 1, sha256, data, len);
}

int chat_sha256(unsigned char out[CHAT_SHA256], const void *data,
                apr_size_t len)
{
    pthread_once(&fetched, fetch);
    return sha256 != NULL && EVP_Digest(data, len, out, NULL, sha256, NULL);
}

void chat_md5_hex(char out[CHAT_MD5_HEX], const void *data, apr_size_t len)
{
    pthread_once(&fetched, fetch);
    digest_hex(out, CHAT_MD5_HEX - 1, md5, data, len);
}

/* Fill from the kernel; requests above 256 bytes may be cut short or
 * interrupted by a signal (getrandom(2)). */
static int random_bytes(unsigned char *to, apr_size_t len)
{
    ssize_t n;

    while (len > 0) {
        n = getrandom(to, len, 0);
        if (n < 0 && errno == EINTR) {
            continue;
        }
        if (n < 0) {
            return 0;
        }
        to += n;
        len -= (apr_size_t)n;
    }
    return 1;
}

char *chat_secret_token(apr_size_t bytes, apr_pool_t *p)
{
    static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                   "abcdefghijklmnopqrstuvwxyz0123456789-_";
    unsigned char *raw = apr_palloc(p, bytes + 1);
    char *text = apr_palloc(p, bytes * 4 / 3 + 3);
    apr_uint32_t bits = 0;
    int have = 0; /* bits of `bits` not yet written */
    apr_size_t out = 0;
    apr_size_t i;

    if (!random_bytes(raw, bytes)) {
        return NULL;
    }
    for (i = 0; i < bytes; i++) {
        bits = (bits << 8 | raw[i]) & 0xffff;
        for (have += 8; have >= 6; have -= 6) {
            text[out++] = alphabet[(bits >> (have - 6)) & 63];
        }
    }
    if (have > 0) {
        text[out++] = alphabet[(bits << (6 - have)) & 63];
    }
    text[out] = '\0';
    OPENSSL_cleanse(raw, bytes);
    return text;
}

int chat_secret_equal(const void *a, apr_size_t alen, const void *b,
                      apr_size_t blen)
{
    return alen == blen && CRYPTO_memcmp(a, b, alen) == 0;
}
