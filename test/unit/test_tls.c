/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_tls.c - certificates and keys that TLS can use or not, and their reload.
 * They are made here, in a directory of their own.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>
#include <apr_general.h>
#include <apr_strings.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include "tls.h"

static apr_pool_t *pool;
static char dir[] = "/tmp/test_tls.XXXXXX";

/* --- making certificates ------------------------------------------------- */

static const char *file_of(const char *name)
{
    return apr_pstrcat(pool, dir, "/", name, NULL);
}

static void cert_write(const char *name, const char *mode, X509 *cert)
{
    FILE *f = fopen(file_of(name), mode);

    assert_non_null(f);
    assert_int_equal(PEM_write_X509(f, cert), 1);
    fclose(f);
}

static void key_write(const char *name, EVP_PKEY *key, const char *passphrase)
{
    FILE *f = fopen(file_of(name), "w");

    assert_non_null(f);
    assert_int_equal(
        PEM_write_PKCS8PrivateKey(
            f, key, passphrase != NULL ? EVP_aes_128_cbc() : NULL, passphrase,
            passphrase != NULL ? (int)strlen(passphrase) : 0, NULL, NULL),
        1);
    fclose(f);
}

static void text_write(const char *name, const char *text)
{
    FILE *f = fopen(file_of(name), "w");

    assert_non_null(f);
    fputs(text, f);
    fclose(f);
}

/* A certificate for `cn`, signed by an issuer or by itself. */
static X509 *cert_make(EVP_PKEY *key, const char *cn, X509 *issuer,
                       EVP_PKEY *issuer_key)
{
    X509 *cert = X509_new();
    X509_NAME *name = X509_get_subject_name(cert);

    X509_set_version(cert, 2);
    ASN1_INTEGER_set(X509_get_serialNumber(cert), 1);
    X509_gmtime_adj(X509_getm_notBefore(cert), -60);
    X509_gmtime_adj(X509_getm_notAfter(cert), 3600);
    X509_set_pubkey(cert, key);
    X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC,
                               (const unsigned char *)cn, -1, -1, 0);
    X509_set_issuer_name(cert,
                         issuer != NULL ? X509_get_subject_name(issuer) : name);
    assert_true(
        X509_sign(cert, issuer != NULL ? issuer_key : key, EVP_sha256()) > 0);
    return cert;
}

/* NAME.crt and NAME.key, with a passphrase or NULL. */
static void pair_make(const char *name, const char *passphrase)
{
    EVP_PKEY *key = EVP_EC_gen("P-256");
    X509 *cert = cert_make(key, name, NULL, NULL);

    cert_write(apr_pstrcat(pool, name, ".crt", NULL), "w", cert);
    key_write(apr_pstrcat(pool, name, ".key", NULL), key, passphrase);
    X509_free(cert);
    EVP_PKEY_free(key);
}

static push_tls_files_t files_of(const char *cert, const char *key)
{
    push_tls_files_t files = { .cert = file_of(cert), .key = file_of(key) };

    return files;
}

/* --- the world ----------------------------------------------------------- */

static int setup(void **state)
{
    (void)state;
    apr_pool_create(&pool, NULL);
    strcpy(dir, "/tmp/test_tls.XXXXXX");
    assert_non_null(mkdtemp(dir));
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    assert_int_equal(ERR_peek_error(), 0); /* nothing is left behind */
    assert_int_equal(system(apr_pstrcat(pool, "rm -r ", dir, NULL)), 0);
    apr_pool_destroy(pool);
    return 0;
}

/* Shake hands in memory. @return the name in the certificate shown, NULL: no
 * connection was made */
static const char *shown_by(SSL *server, SSL *client)
{
    int pair[2], i, client_rv = 0, server_rv = 0;
    char cn[64] = "";
    X509 *cert;

    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, pair),
                     0);
    SSL_set_fd(server, pair[0]);
    SSL_set_fd(client, pair[1]);
    SSL_set_connect_state(client);
    for (i = 0; i < 20 && (client_rv != 1 || server_rv != 1); i++) {
        client_rv = SSL_do_handshake(client);
        server_rv = SSL_do_handshake(server);
    }
    ERR_clear_error();
    cert = SSL_get1_peer_certificate(client);
    if (cert != NULL) {
        X509_NAME_get_text_by_NID(X509_get_subject_name(cert), NID_commonName,
                                  cn, sizeof(cn));
        X509_free(cert);
    }
    SSL_free(server);
    close(pair[0]);
    close(pair[1]);
    return client_rv == 1 && server_rv == 1 ? apr_pstrdup(pool, cn) : NULL;
}

static const char *shown(push_tls_t *tls)
{
    SSL_CTX *context = SSL_CTX_new(TLS_client_method());
    SSL *client = SSL_new(context);
    const char *cn = shown_by(push_tls_accept(tls, -1), client);

    SSL_free(client);
    SSL_CTX_free(context);
    return cn;
}

static push_tls_t *tls_open(const push_tls_files_t *files)
{
    push_tls_t *tls = NULL;
    const char *why = "";

    if (push_tls_create(&tls, files, &why, pool) != APR_SUCCESS) {
        fail_msg("%s", why);
    }
    return tls;
}

static void refused(const push_tls_files_t *files, const char *sentence)
{
    push_tls_t *tls;
    const char *why = NULL;

    assert_int_not_equal(push_tls_create(&tls, files, &why, pool), APR_SUCCESS);
    assert_string_equal(why, sentence);
}

/* --- the files ----------------------------------------------------------- */

static void what_cannot_be_used_is_refused_in_a_sentence(void **state)
{
    push_tls_files_t files;

    (void)state;
    pair_make("a", NULL);
    pair_make("b", NULL);
    text_write("text", "this is no key\n");

    files = files_of("none", "a.key");
    refused(&files, apr_pstrcat(pool, "ssl.certPath: ", dir,
                                "/none cannot be read: No such file or "
                                "directory",
                                NULL));
    files = files_of("text", "a.key");
    refused(&files, apr_pstrcat(pool, "ssl.certPath: ", dir,
                                "/text holds no certificate in PEM that TLS "
                                "can use",
                                NULL));
    files = files_of("a.crt", "none");
    refused(&files, apr_pstrcat(pool, "ssl.keyPath: ", dir,
                                "/none cannot be read: No such file or "
                                "directory",
                                NULL));
    files = files_of("a.crt", "");
    refused(&files, apr_pstrcat(pool, "ssl.keyPath: ", dir,
                                "/ holds no private key in PEM", NULL));
    files = files_of("a.crt", "text");
    refused(&files, apr_pstrcat(pool, "ssl.keyPath: ", dir,
                                "/text holds no private key in PEM", NULL));
    files = files_of("a.crt", "b.key");
    refused(&files, apr_pstrcat(pool, "ssl.keyPath: ", dir,
                                "/b.key is not the key of the certificate in "
                                "ssl.certPath",
                                NULL));
    files = files_of("a.crt", "a.key");
    files.ca = file_of("none");
    refused(&files, apr_pstrcat(pool, "ssl.caPath: ", dir,
                                "/none cannot be read: No such file or "
                                "directory",
                                NULL));
    files.ca = file_of("a.key");
    refused(&files, apr_pstrcat(pool, "ssl.caPath: ", dir,
                                "/a.key holds no certificate in PEM", NULL));
}

static void a_passphrase_must_be_there_and_right(void **state)
{
    push_tls_files_t files;

    (void)state;
    pair_make("a", "sesame");
    files = files_of("a.crt", "a.key");
    refused(&files, apr_pstrcat(pool, "ssl.keyPath: ", dir,
                                "/a.key is encrypted, and ssl.passphrase is "
                                "not set",
                                NULL));
    files.passphrase = "wrong one";
    refused(&files, apr_pstrcat(pool, "ssl.keyPath: ", dir,
                                "/a.key is encrypted, and not with "
                                "ssl.passphrase",
                                NULL));
    files.passphrase = "sesame";
    assert_string_equal(shown(tls_open(&files)), "a");
}

/* A client that knows the root alone can follow the chain only when all of
 * fullchain.pem is sent. */
static void the_whole_chain_is_sent(void **state)
{
    EVP_PKEY *key = EVP_EC_gen("P-256");
    X509 *root = cert_make(key, "root", NULL, NULL);
    X509 *middle = cert_make(key, "middle", root, key);
    X509 *leaf = cert_make(key, "leaf", middle, key);
    SSL_CTX *context = SSL_CTX_new(TLS_client_method());
    push_tls_files_t files;
    SSL *client;

    (void)state;
    cert_write("chain.crt", "w", leaf);
    cert_write("chain.crt", "a", middle);
    key_write("chain.key", key, NULL);
    files = files_of("chain.crt", "chain.key");
    client = SSL_new(context);
    assert_string_equal(shown_by(push_tls_accept(tls_open(&files), -1), client),
                        "leaf");
    assert_int_equal(sk_X509_num(SSL_get_peer_cert_chain(client)), 2);
    SSL_free(client);
    SSL_CTX_free(context);
    X509_free(root);
    X509_free(middle);
    X509_free(leaf);
    EVP_PKEY_free(key);
}

/* --- reload -------------------------------------------------------------- */

static void reload_shows_the_new_certificate(void **state)
{
    push_tls_files_t files;
    push_tls_t *tls;
    const char *why = NULL;
    SSL *before;

    (void)state;
    pair_make("old", NULL);
    pair_make("new", NULL);
    rename(file_of("old.crt"), file_of("live.crt"));
    rename(file_of("old.key"), file_of("live.key"));
    files = files_of("live.crt", "live.key");
    tls = tls_open(&files);
    assert_string_equal(shown(tls), "old");
    before = push_tls_accept(tls, -1);

    rename(file_of("new.crt"), file_of("live.crt"));
    rename(file_of("new.key"), file_of("live.key"));
    assert_string_equal(shown(tls), "old"); /* not before it is said */
    assert_int_equal(push_tls_reload(tls, &why), APR_SUCCESS);
    assert_string_equal(shown(tls), "new");

    /* Who came before keeps what was there then. */
    SSL_CTX *context = SSL_CTX_new(TLS_client_method());
    SSL *client = SSL_new(context);
    assert_string_equal(shown_by(before, client), "old");
    SSL_free(client);
    SSL_CTX_free(context);
}

static void a_reload_that_fails_changes_nothing(void **state)
{
    push_tls_files_t files;
    push_tls_t *tls;
    const char *why = NULL;

    (void)state;
    pair_make("a", NULL);
    pair_make("b", NULL);
    files = files_of("a.crt", "a.key");
    tls = tls_open(&files);
    rename(file_of("b.crt"), file_of("a.crt")); /* the key is still to come */
    assert_int_not_equal(push_tls_reload(tls, &why), APR_SUCCESS);
    assert_string_equal(why, apr_pstrcat(pool, "ssl.keyPath: ", dir,
                                         "/a.key is not the key of the "
                                         "certificate in ssl.certPath",
                                         NULL));
    assert_string_equal(shown(tls), "a");
    rename(file_of("b.key"), file_of("a.key"));
    assert_int_equal(push_tls_reload(tls, &why), APR_SUCCESS);
    assert_string_equal(shown(tls), "b");
}

/* --- what is spoken ------------------------------------------------------ */

static const char *shown_to(push_tls_t *tls, int version,
                            const unsigned char *alpn, unsigned int alpn_len)
{
    SSL_CTX *context = SSL_CTX_new(TLS_client_method());
    SSL *client = SSL_new(context);
    const char *cn;

    SSL_set_security_level(client, 0); /* this client would do anything */
    SSL_set_min_proto_version(client, version);
    SSL_set_max_proto_version(client, version);
    if (alpn != NULL) {
        assert_int_equal(SSL_set_alpn_protos(client, alpn, alpn_len), 0);
    }
    cn = shown_by(push_tls_accept(tls, -1), client);
    SSL_free(client);
    SSL_CTX_free(context);
    return cn;
}

static void versions_before_1_2_are_refused(void **state)
{
    push_tls_files_t files;
    push_tls_t *tls;

    (void)state;
    pair_make("a", NULL);
    files = files_of("a.crt", "a.key");
    tls = tls_open(&files);
    assert_null(shown_to(tls, TLS1_VERSION, NULL, 0));
    assert_null(shown_to(tls, TLS1_1_VERSION, NULL, 0));
    assert_non_null(shown_to(tls, TLS1_2_VERSION, NULL, 0));
    assert_non_null(shown_to(tls, TLS1_3_VERSION, NULL, 0));
}

static void alpn_knows_http_1_1_only(void **state)
{
    static const unsigned char both[] = "\x02h2\x08http/1.1";
    static const unsigned char h2[] = "\x02h2";
    push_tls_files_t files;
    push_tls_t *tls;

    (void)state;
    pair_make("a", NULL);
    files = files_of("a.crt", "a.key");
    tls = tls_open(&files);
    assert_non_null(shown_to(tls, TLS1_3_VERSION, both, sizeof(both) - 1));
    assert_null(shown_to(tls, TLS1_3_VERSION, h2, sizeof(h2) - 1));
}

#define TLS_TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TLS_TEST(what_cannot_be_used_is_refused_in_a_sentence),
        TLS_TEST(a_passphrase_must_be_there_and_right),
        TLS_TEST(the_whole_chain_is_sent),
        TLS_TEST(reload_shows_the_new_certificate),
        TLS_TEST(a_reload_that_fails_changes_nothing),
        TLS_TEST(versions_before_1_2_are_refused),
        TLS_TEST(alpn_knows_http_1_1_only),
    };
    int failed;

    apr_initialize();
    failed = cmocka_run_group_tests(tests, NULL, NULL);
    apr_terminate();
    return failed;
}
