/* SPDX-License-Identifier: Apache-2.0 */
/*
 * signature.c - HMAC-SHA256 with a secret that was made ready once.
 *
 * A signer holds an EVP_MAC_CTX keyed with its secret; each signature starts it
 * again without a key, which keeps the key and skips the two hash blocks of the
 * key schedule and the fetch. EVP_MAC itself is fetched once per process and
 * stays (secret.c says why that leaks nothing).
 */
#include "signature.h"
#include "secret.h"

#include <pthread.h>
#include <string.h>
#include <apr_strings.h>
#include <openssl/core_names.h>
#include <openssl/evp.h>

#define MAC_BYTES 32

/* The longest socket id we take: two 64-bit numbers would fit in it. */
#define SOCKET_ID_MAX 41

struct chat_signer_t {
    EVP_MAC_CTX *ctx; /* keyed; freed by the pool's cleanup */
};

static pthread_once_t fetched = PTHREAD_ONCE_INIT;
static EVP_MAC *hmac; /* NULL when this OpenSSL does not provide it */

static void fetch(void) { hmac = EVP_MAC_fetch(NULL, "HMAC", NULL); }

static apr_status_t signer_cleanup(void *data)
{
    chat_signer_t *signer = data;

    EVP_MAC_CTX_free(signer->ctx);
    return APR_SUCCESS;
}

apr_status_t chat_signer_create(chat_signer_t **signer, const char *secret,
                                apr_pool_t *p)
{
    char digest[] = "SHA256";
    OSSL_PARAM params[2];
    chat_signer_t *s = apr_palloc(p, sizeof(*s));

    pthread_once(&fetched, fetch);
    s->ctx = hmac == NULL ? NULL : EVP_MAC_CTX_new(hmac);
    if (s->ctx == NULL) {
        return APR_EGENERAL;
    }
    apr_pool_cleanup_register(p, s, signer_cleanup, apr_pool_cleanup_null);
    params[0] = OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, digest,
                                                 0);
    params[1] = OSSL_PARAM_construct_end();
    if (!EVP_MAC_init(s->ctx, (const unsigned char *)secret, strlen(secret),
                      params)) {
        return APR_EGENERAL;
    }
    *signer = s;
    return APR_SUCCESS;
}

static int mac(chat_signer_t *signer, unsigned char raw[MAC_BYTES],
               const chat_piece_t *pieces, int n)
{
    size_t len = 0;
    int i;

    if (!EVP_MAC_init(signer->ctx, NULL, 0, NULL)) {
        return 0;
    }
    for (i = 0; i < n; i++) {
        if (!EVP_MAC_update(signer->ctx, pieces[i].data, pieces[i].len)) {
            return 0;
        }
    }
    return EVP_MAC_final(signer->ctx, raw, &len, MAC_BYTES) && len == MAC_BYTES;
}

/* As chat_sign; 0 when OpenSSL failed, and then `out` is "", which is no
 * signature, so whatever would have been signed is refused. */
static int sign(chat_signer_t *signer, char out[CHAT_SIGNATURE_HEX],
                const chat_piece_t *pieces, int n)
{
    static const char hex[] = "0123456789abcdef";
    unsigned char raw[MAC_BYTES];
    int i;

    out[0] = '\0';
    if (!mac(signer, raw, pieces, n)) {
        return 0;
    }
    for (i = 0; i < MAC_BYTES; i++) {
        out[i * 2] = hex[raw[i] >> 4];
        out[i * 2 + 1] = hex[raw[i] & 15];
    }
    out[CHAT_SIGNATURE_HEX - 1] = '\0';
    return 1;
}

void chat_sign(chat_signer_t *signer, char out[CHAT_SIGNATURE_HEX],
               const chat_piece_t *pieces, int n)
{
    sign(signer, out, pieces, n);
}

int chat_signed(chat_signer_t *signer, const char *hex, apr_size_t len,
                const chat_piece_t *pieces, int n)
{
    char expected[CHAT_SIGNATURE_HEX];

    if (len != CHAT_SIGNATURE_HEX - 1 || !sign(signer, expected, pieces, n)) {
        return 0;
    }
    return chat_secret_equal(expected, CHAT_SIGNATURE_HEX - 1, hex, len);
}

static chat_piece_t piece(const char *s)
{
    chat_piece_t made = { s, strlen(s) };

    return made;
}

char *chat_sign_channel(chat_signer_t *signer, const char *key,
                        const char *socket_id, const char *channel,
                        const char *channel_data, apr_pool_t *p)
{
    char hex[CHAT_SIGNATURE_HEX];
    chat_piece_t pieces[5];
    int n = 0;

    pieces[n++] = piece(socket_id);
    pieces[n++] = piece(":");
    pieces[n++] = piece(channel);
    if (channel_data != NULL) {
        pieces[n++] = piece(":");
        pieces[n++] = piece(channel_data);
    }
    chat_sign(signer, hex, pieces, n);
    return apr_pstrcat(p, key, ":", hex, NULL);
}

char *chat_sign_user(chat_signer_t *signer, const char *key,
                     const char *socket_id, const char *user_data,
                     apr_pool_t *p)
{
    char hex[CHAT_SIGNATURE_HEX];
    chat_piece_t pieces[3];

    pieces[0] = piece(socket_id);
    pieces[1] = piece("::user::");
    pieces[2] = piece(user_data);
    chat_sign(signer, hex, pieces, 3);
    return apr_pstrcat(p, key, ":", hex, NULL);
}

char *chat_sign_request(chat_signer_t *signer, const char *key,
                        const char *method, const char *path, const char *body,
                        apr_size_t len, apr_int64_t now, apr_pool_t *p)
{
    char hex[CHAT_SIGNATURE_HEX];
    char md5[CHAT_MD5_HEX];
    chat_piece_t whole;
    char *query;

    /* In the order the signature wants: sorted by name. */
    query = apr_psprintf(
        p, "auth_key=%s&auth_timestamp=%" APR_INT64_T_FMT "&auth_version=1.0",
        key, now);
    if (len > 0) {
        chat_md5_hex(md5, body, len);
        query = apr_pstrcat(p, query, "&body_md5=", md5, NULL);
    }
    whole = piece(apr_pstrcat(p, method, "\n", path, "\n", query, NULL));
    chat_sign(signer, hex, &whole, 1);
    return apr_pstrcat(p, query, "&auth_signature=", hex, NULL);
}

int chat_socket_id_valid(const char *s, apr_size_t len)
{
    apr_size_t dot = 0; /* where it is; 0 while there was none */
    apr_size_t i;

    if (len == 0 || len > SOCKET_ID_MAX) {
        return 0;
    }
    for (i = 0; i < len; i++) {
        if (s[i] == '.' && dot == 0 && i > 0) {
            dot = i;
        }
        else if (s[i] < '0' || s[i] > '9') {
            return 0;
        }
    }
    return dot > 0 && dot + 1 < len;
}
