/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tls.c - certificate, key and what TLS may do with them (tls.h).
 *
 * Every refusal names setting and file. A file that cannot be opened is told
 * apart from one that holds something else, a passphrase that is missing from
 * one that is wrong, because each needs something else of the operator.
 */
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <apr_strings.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>

#include "tls.h"

#define WHY_MAX 512 /* bytes of a refusal */

/* For TLS 1.2; what OpenSSL offers for 1.3 is as good. */
#define CIPHERS "ECDHE+AESGCM:ECDHE+CHACHA20"

struct push_tls_t {
    push_tls_files_t files;
    pthread_mutex_t lock; /* around `context` */
    SSL_CTX *context;     /* for new connections */
    char why[WHY_MAX];    /* the last refusal */
};

/* A context in the making. */
typedef struct {
    const push_tls_files_t *files;
    SSL_CTX *context;
    char *why;
    int asked; /* the key wanted a passphrase */
} making_t;

/* --- refusing ------------------------------------------------------------ */

static int refuse(making_t *m, const char *setting, const char *file,
                  const char *what)
{
    ERR_clear_error();
    apr_snprintf(m->why, WHY_MAX, "%s: %s %s", setting, file, what);
    return 0;
}

/* Open a file, or say why not. */
static FILE *file_open(making_t *m, const char *setting, const char *file)
{
    char text[128], what[160];
    FILE *f = fopen(file, "re");

    if (f == NULL) {
        apr_snprintf(
            what, sizeof(what), "cannot be read: %s",
            apr_strerror(APR_FROM_OS_ERROR(errno), text, sizeof(text)));
        refuse(m, setting, file, what);
    }
    return f;
}

static int is_readable(making_t *m, const char *setting, const char *file)
{
    FILE *f = file_open(m, setting, file);

    if (f == NULL) {
        return 0;
    }
    fclose(f);
    return 1;
}

/* --- the files ----------------------------------------------------------- */

static int cert_read(making_t *m)
{
    const char *file = m->files->cert;

    if (!is_readable(m, "ssl.certPath", file)) {
        return 0;
    }
    if (SSL_CTX_use_certificate_chain_file(m->context, file) != 1) {
        return refuse(m, "ssl.certPath", file,
                      "holds no certificate in PEM that TLS can use");
    }
    return 1;
}

/* OpenSSL asks here and never at a terminal. */
static int passphrase_give(char *buf, int size, int writing, void *baton)
{
    making_t *m = baton;
    const char *passphrase = m->files->passphrase;
    apr_size_t len = passphrase != NULL ? strlen(passphrase) : 0;

    (void)writing;
    m->asked = 1;
    if (len == 0 || len > (apr_size_t)size) {
        return -1;
    }
    memcpy(buf, passphrase, len);
    return (int)len;
}

static const char *key_trouble(const making_t *m)
{
    if (!m->asked) {
        return "holds no private key in PEM";
    }
    return m->files->passphrase != NULL
               ? "is encrypted, and not with ssl.passphrase"
               : "is encrypted, and ssl.passphrase is not set";
}

static int key_read(making_t *m)
{
    const char *file = m->files->key;
    FILE *f = file_open(m, "ssl.keyPath", file);
    EVP_PKEY *key;
    int fits;

    if (f == NULL) {
        return 0;
    }
    /* The key's bytes do not stay in a buffer of stdio. */
    setvbuf(f, NULL, _IONBF, 0);
    key = PEM_read_PrivateKey(f, NULL, passphrase_give, m);
    fclose(f);
    if (key == NULL) {
        return refuse(m, "ssl.keyPath", file, key_trouble(m));
    }
    fits = SSL_CTX_use_PrivateKey(m->context, key) == 1 &&
           SSL_CTX_check_private_key(m->context) == 1;
    EVP_PKEY_free(key);
    return fits ? 1
                : refuse(m, "ssl.keyPath", file,
                         "is not the key of the certificate in ssl.certPath");
}

/* As Soketi's transport does: who shows no certificate is let in as well. */
static int ca_read(making_t *m)
{
    static const unsigned char id[] = "chat-push";
    const char *file = m->files->ca;
    STACK_OF(X509_NAME) * names;

    if (file == NULL) {
        return 1;
    }
    if (!is_readable(m, "ssl.caPath", file)) {
        return 0;
    }
    names = SSL_load_client_CA_file(file);
    if (names == NULL ||
        SSL_CTX_load_verify_locations(m->context, file, NULL) != 1) {
        sk_X509_NAME_pop_free(names, X509_NAME_free);
        return refuse(m, "ssl.caPath", file, "holds no certificate in PEM");
    }
    SSL_CTX_set_client_CA_list(m->context, names);
    SSL_CTX_set_verify(m->context, SSL_VERIFY_PEER, NULL);
    /* Without it a resumed session of a client with a certificate fails. */
    return SSL_CTX_set_session_id_context(m->context, id, sizeof(id) - 1);
}

/* --- the context --------------------------------------------------------- */

/* A client that offers protocols and not ours will not understand us. */
static int alpn_choose(SSL *ssl, const unsigned char **out,
                       unsigned char *outlen, const unsigned char *in,
                       unsigned int inlen, void *baton)
{
    static const unsigned char ours[] = "\x08http/1.1";
    unsigned char *chosen;

    (void)ssl;
    (void)baton;
    if (SSL_select_next_proto(&chosen, outlen, ours, sizeof(ours) - 1, in,
                              inlen) != OPENSSL_NPN_NEGOTIATED) {
        return SSL_TLSEXT_ERR_ALERT_FATAL;
    }
    *out = chosen;
    return SSL_TLSEXT_ERR_OK;
}

static int context_configure(SSL_CTX *context)
{
    SSL_CTX_set_options(
        context, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION |
                     SSL_OP_CIPHER_SERVER_PREFERENCE |
                     SSL_OP_PRIORITIZE_CHACHA | SSL_OP_IGNORE_UNEXPECTED_EOF);
    /* Idle connections hold no record buffers; what a full socket refused may
     * be offered again from elsewhere, a record at a time. */
    SSL_CTX_set_mode(context, SSL_MODE_RELEASE_BUFFERS |
                                  SSL_MODE_ENABLE_PARTIAL_WRITE |
                                  SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
    /* A read takes one record, also when that is none of ours: a flood of them
     * leaves others their turn. */
    SSL_CTX_clear_mode(context, SSL_MODE_AUTO_RETRY);
    SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
    SSL_CTX_set_alpn_select_cb(context, alpn_choose, NULL);
    return SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION) == 1 &&
           SSL_CTX_set_cipher_list(context, CIPHERS) == 1;
}

static SSL_CTX *context_make(const push_tls_files_t *files, char *why)
{
    making_t m = { .files = files, .why = why };

    m.context = SSL_CTX_new(TLS_server_method());
    if (m.context == NULL || !context_configure(m.context)) {
        apr_cpystrn(why, "OpenSSL gives no TLS context", WHY_MAX);
    }
    else if (cert_read(&m) && key_read(&m) && ca_read(&m)) {
        return m.context;
    }
    ERR_clear_error();
    SSL_CTX_free(m.context);
    return NULL;
}

static apr_status_t tls_cleanup(void *baton)
{
    push_tls_t *tls = baton;

    SSL_CTX_free(tls->context);
    pthread_mutex_destroy(&tls->lock);
    return APR_SUCCESS;
}

apr_status_t push_tls_create(push_tls_t **out, const push_tls_files_t *files,
                             const char **why, apr_pool_t *p)
{
    push_tls_t *tls = apr_pcalloc(p, sizeof(*tls));

    tls->files.cert = apr_pstrdup(p, files->cert);
    tls->files.key = apr_pstrdup(p, files->key);
    tls->files.passphrase = apr_pstrdup(p, files->passphrase);
    tls->files.ca = apr_pstrdup(p, files->ca);
    tls->context = context_make(&tls->files, tls->why);
    if (tls->context == NULL) {
        *why = tls->why;
        return APR_EINVAL;
    }
    pthread_mutex_init(&tls->lock, NULL);
    apr_pool_cleanup_register(p, tls, tls_cleanup, apr_pool_cleanup_null);
    *out = tls;
    return APR_SUCCESS;
}

apr_status_t push_tls_reload(push_tls_t *tls, const char **why)
{
    SSL_CTX *old, *fresh = context_make(&tls->files, tls->why);

    if (fresh == NULL) {
        *why = tls->why;
        return APR_EINVAL;
    }
    pthread_mutex_lock(&tls->lock);
    old = tls->context;
    tls->context = fresh;
    pthread_mutex_unlock(&tls->lock);
    SSL_CTX_free(old);
    return APR_SUCCESS;
}

SSL *push_tls_accept(push_tls_t *tls, int fd)
{
    SSL_CTX *context;
    SSL *ssl;

    pthread_mutex_lock(&tls->lock);
    context = tls->context;
    SSL_CTX_up_ref(context);
    pthread_mutex_unlock(&tls->lock);
    ssl = SSL_new(context);
    SSL_CTX_free(context);
    if (ssl == NULL) {
        ERR_clear_error();
        return NULL;
    }
    if (SSL_set_fd(ssl, fd) != 1) {
        ERR_clear_error();
        SSL_free(ssl);
        return NULL;
    }
    SSL_set_accept_state(ssl);
    return ssl;
}
