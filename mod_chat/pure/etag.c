/* SPDX-License-Identifier: Apache-2.0 */
/* etag.c - see etag.h. */
#include "etag.h"

#include <pthread.h>
#include <string.h>
#include <apr_siphash.h>
#include <apr_strings.h>
#include <openssl/evp.h>

#include "secret.h"

#define TAG 16

/* Fetched once a process, as the digests of common/secret.c are. */
static pthread_once_t fetched = PTHREAD_ONCE_INIT;
static EVP_CIPHER *gcm; /* NULL when this OpenSSL does not provide it */

static void fetch(void) { gcm = EVP_CIPHER_fetch(NULL, "AES-128-GCM", NULL); }

void chat_etag_key(chat_etag_key_t *key, const char *secret)
{
    unsigned char both[CHAT_SHA256] = { 0 };
    char text[CHAT_SHA256_HEX + 8];

    chat_sha256_hex(text, secret != NULL ? secret : "",
                    secret != NULL ? strlen(secret) : 0);
    memcpy(text + CHAT_SHA256_HEX - 1, "etag", 5);
    chat_sha256(both, text, strlen(text));
    memcpy(key->block, both, sizeof(key->block));
    memcpy(key->last, both + sizeof(key->block), sizeof(key->last));
}

/* @return 0 when OpenSSL does not do it */
static int tag_make(unsigned char tag[TAG], const chat_etag_key_t *key,
                    const char *bytes, int len)
{
    static const unsigned char nonce[12];
    EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
    unsigned char none[TAG];
    int n, good;

    good = ctx != NULL &&
           EVP_EncryptInit_ex2(ctx, gcm, key->block, nonce, NULL) &&
           EVP_EncryptUpdate(ctx, NULL, &n, (const unsigned char *)bytes,
                             len) &&
           EVP_EncryptFinal_ex(ctx, none, &n) &&
           EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_GET_TAG, TAG, tag);
    EVP_CIPHER_CTX_free(ctx);
    return good;
}

void chat_etag(char out[CHAT_ETAG], const chat_etag_key_t *key,
               const char *bytes, apr_size_t len)
{
    unsigned char tag[TAG];
    apr_uint64_t name;

    pthread_once(&fetched, fetch);
    name = gcm != NULL && len <= APR_INT32_MAX &&
                   tag_make(tag, key, bytes, (int)len)
               ? apr_siphash24(tag, sizeof(tag), key->last)
               : apr_siphash24(bytes, len, key->last);
    apr_snprintf(out, CHAT_ETAG,
                 "\"%016" APR_UINT64_T_HEX_FMT "-%" APR_SIZE_T_FMT "\"", name,
                 len);
}
