/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_tls.c - certificates and keys that TLS can use or not, their reload, and
 * connections that speak TLS. The certificates are made here, in a directory of
 * their own; the other end is OpenSSL's client.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
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

#include "listener.h"
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

/* --- connections ---------------------------------------------------------- */

#define BODY_MAX 3000000

static push_loop_t *loop;
static push_conns_t *conns;
static pthread_t thread;
static int port;

/* The answer is the request's body. */
static void on_request(push_conn_t *c, const http_head_t *head, char *body,
                       apr_size_t len)
{
    push_conn_reply(c, head, 200, NULL, NULL, body, len);
}

static const push_protocol_t protocol = {
    .max_body = BODY_MAX,
    .max_queue = 2 * BODY_MAX,
    .http_idle = 2,
    .request = on_request,
};

static void *run(void *baton)
{
    push_loop_run(baton);
    return NULL;
}

static int serve(void **state)
{
    push_tls_files_t files;
    push_listener_t *l;
    const char *why;

    setup(state);
    pair_make("a", NULL);
    files = files_of("a.crt", "a.key");
    push_loop_create(&loop, 0, pool);
    push_conns_create(&conns, loop, &protocol, pool);
    assert_int_equal(
        push_listener_open(&l, &conns, 1, "127.0.0.1", 0, &why, pool),
        APR_SUCCESS);
    push_listener_secure(l, tls_open(&files));
    port = push_listener_port(l);
    return pthread_create(&thread, NULL, run, loop);
}

static int unserve(void **state)
{
    push_loop_stop(loop);
    pthread_join(thread, NULL);
    return teardown(state);
}

static int dial(void)
{
    struct sockaddr_in in = { .sin_family = AF_INET,
                              .sin_port = htons((apr_uint16_t)port),
                              .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    struct timeval patience = { 10, 0 };
    int small = 4096, fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &small, sizeof(small));
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
    setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience));
    assert_int_equal(connect(fd, (struct sockaddr *)&in, sizeof(in)), 0);
    return fd;
}

static SSL *client_make(int version)
{
    SSL_CTX *context = SSL_CTX_new(TLS_client_method());
    SSL *ssl = SSL_new(context);

    SSL_CTX_free(context);
    SSL_set_min_proto_version(ssl, version);
    SSL_set_max_proto_version(ssl, version);
    SSL_set_connect_state(ssl);
    return ssl;
}

static SSL *client_dial(int version)
{
    SSL *ssl = client_make(version);

    SSL_set_fd(ssl, dial());
    assert_int_equal(SSL_connect(ssl), 1);
    return ssl;
}

static void client_free(SSL *ssl)
{
    close(SSL_get_fd(ssl));
    SSL_free(ssl);
    ERR_clear_error();
}

/* A request with a body of n bytes; which ones depends on the place. */
static char *request_make(int n, int *len)
{
    char *text = malloc((apr_size_t)n + 100);
    int i, head;

    head = sprintf(
        text, "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: %d\r\n\r\n", n);
    for (i = 0; i < n; i++) {
        text[head + i] = (char)('a' + (i + i / 16384) % 26);
    }
    *len = head + n;
    return text;
}

/* Read an answer to the end of its body, `step` bytes at a time.
 * @return whether it is the request's body of n bytes */
static int is_echoed(SSL *ssl, const char *request, int len, int n, int step)
{
    char *got = malloc((apr_size_t)n + 1000), *body = NULL;
    int have = 0, rv, same;

    do {
        rv = SSL_read(ssl, got + have, step);
        have += rv > 0 ? rv : 0;
        got[have] = '\0';
        if (body == NULL && strstr(got, "\r\n\r\n") != NULL) {
            body = strstr(got, "\r\n\r\n") + 4;
        }
    } while (rv > 0 && (body == NULL || got + have < body + n));
    same = body != NULL && got + have == body + n &&
           !memcmp(body, request + len - n, (apr_size_t)n);
    free(got);
    return same;
}

static void write_all(SSL *ssl, const char *bytes, int len)
{
    int n;

    for (; len > 0; bytes += n, len -= n) {
        n = SSL_write(ssl, bytes, len);
        assert_true(n > 0);
    }
}

/* 3 MB through a socket that holds little: every record is refused, queued and
 * offered again from elsewhere. */
static void an_answer_larger_than_the_socket_arrives_whole(void **state)
{
    static const int versions[] = { TLS1_2_VERSION, TLS1_3_VERSION };
    int i, len;
    char *request = request_make(BODY_MAX, &len);
    SSL *ssl;

    (void)state;
    for (i = 0; i < 2; i++) {
        ssl = client_dial(versions[i]);
        write_all(ssl, request, len);
        assert_true(is_echoed(ssl, request, len, BODY_MAX, 10000));
        client_free(ssl);
    }
    free(request);
}

/* Each record holds more than one request; nothing may be left in OpenSSL. */
static void requests_that_come_together_are_all_answered(void **state)
{
    SSL *ssl = client_dial(TLS1_3_VERSION);
    char all[20000], *request;
    int i, len, used = 0, n = 0;

    (void)state;
    request = request_make(3, &len);
    for (; used + len <= (int)sizeof(all); used += len, n++) {
        memcpy(all + used, request, (apr_size_t)len);
    }
    write_all(ssl, all, used);
    for (i = 0; i < n; i++) {
        /* The answers are equally long, so a read of one takes one. */
        char got[1000] = "";
        int have = 0;

        while (strstr(got, "abc") == NULL) {
            assert_int_equal(SSL_read(ssl, got + have, 1), 1);
            got[++have] = '\0';
        }
    }
    free(request);
    client_free(ssl);
}

/* The handshake, and a request, one byte at a time. */
static void bytes_may_come_one_by_one(void **state)
{
    SSL *ssl = client_make(TLS1_3_VERSION);
    BIO *in = BIO_new(BIO_s_mem()), *out = BIO_new(BIO_s_mem());
    int fd = dial(), wrote = 0;
    char byte, buf[4096];
    ssize_t n;

    (void)state;
    SSL_set_bio(ssl, in, out);
    for (;;) {
        if (SSL_is_init_finished(ssl) && !wrote) {
            wrote = SSL_write(ssl, "GET / HTTP/1.1\r\nHost: h\r\n\r\n", 27);
        }
        n = SSL_read(ssl, buf, sizeof(buf));
        if (n > 0) {
            break;
        }
        while (BIO_read(out, &byte, 1) == 1) {
            assert_int_equal(send(fd, &byte, 1, MSG_NOSIGNAL), 1);
            usleep(100);
        }
        if (SSL_is_init_finished(ssl) && !wrote) {
            continue;
        }
        n = recv(fd, buf, sizeof(buf), 0);
        assert_true(n > 0);
        BIO_write(in, buf, (int)n);
    }
    assert_memory_equal(buf, "HTTP/1.1 200 ", 13);
    close(fd);
    SSL_free(ssl);
    ERR_clear_error();
}

static void new_keys_in_between_are_no_trouble(void **state)
{
    int len, i;
    char *request = request_make(100000, &len);
    SSL *ssl = client_dial(TLS1_3_VERSION);

    (void)state;
    for (i = 0; i < 3; i++) {
        assert_int_equal(SSL_key_update(ssl, SSL_KEY_UPDATE_REQUESTED), 1);
        write_all(ssl, request, len);
        assert_true(is_echoed(ssl, request, len, 100000, 777));
    }
    free(request);
    client_free(ssl);
}

/* What a raw socket says until its end. */
static int raw_read(int fd, char *buf, apr_size_t size)
{
    apr_size_t have = 0;
    ssize_t n;

    do {
        n = recv(fd, buf + have, size - 1 - have, 0);
        have += n > 0 ? (apr_size_t)n : 0;
    } while (n > 0);
    buf[have] = '\0';
    return n == 0;
}

static void plain_http_is_told_so(void **state)
{
    static const char request[] = "GET / HTTP/1.1\r\nHost: h\r\n\r\n";
    char buf[1000];
    int fd = dial();

    (void)state;
    assert_true(send(fd, request, sizeof(request) - 1, 0) > 0);
    assert_true(raw_read(fd, buf, sizeof(buf)));
    assert_memory_equal(buf, "HTTP/1.1 400 ", 13);
    assert_non_null(strstr(buf, "This port speaks TLS"));
    close(fd);
}

static apr_size_t alive(void)
{
    apr_size_t n = 0;
    int s;

    for (s = 0; s < PUSH_CONN_STATES; s++) {
        n += push_conns_count(conns, (push_conn_state_t)s);
    }
    return n;
}

static int all_gone(void)
{
    int i;

    for (i = 0; i < 500 && alive() > 0; i++) {
        usleep(20000);
    }
    return alive() == 0;
}

/* ASan says whether anything was left of them. */
static void two_hundred_that_never_finish_leave_nothing(void **state)
{
    SSL *ssl;
    char hello[2000];
    int fds[200], i, len;
    BIO *out;

    (void)state;
    ssl = client_make(TLS1_3_VERSION);
    out = BIO_new(BIO_s_mem());
    SSL_set_bio(ssl, BIO_new(BIO_s_mem()), out);
    SSL_do_handshake(ssl);
    len = BIO_read(out, hello, sizeof(hello));
    assert_true(len > 100);
    for (i = 0; i < 200; i++) {
        fds[i] = dial();
        switch (i % 4) {
        case 0: /* leaves after a whole hello, and does not read the answer */
            send(fds[i], hello, (apr_size_t)len, MSG_NOSIGNAL);
            break;
        case 1: /* in the middle of it */
            send(fds[i], hello, (apr_size_t)len / 2, MSG_NOSIGNAL);
            break;
        case 2: /* says something else, which begins alike */
            memset(hello + 60, i, 20);
            send(fds[i], hello, (apr_size_t)len, MSG_NOSIGNAL);
            send(fds[i], hello, (apr_size_t)len, MSG_NOSIGNAL);
            break;
        default:
            send(fds[i], "\xff\xfe garbage \0\r\n", 14, MSG_NOSIGNAL);
        }
    }
    usleep(100000);
    for (i = 0; i < 200; i++) {
        close(fds[i]);
    }
    assert_true(all_gone());
    ssl = (SSL_free(ssl), client_dial(TLS1_3_VERSION)); /* it goes on */
    client_free(ssl);
    assert_true(all_gone());
}

static void a_handshake_has_the_time_of_a_request(void **state)
{
    const push_counters_t *counters = push_conns_counters(conns);
    char buf[100];
    int fd = dial();

    (void)state;
    assert_true(send(fd, "\x16\x03\x01", 3, 0) == 3);
    assert_true(raw_read(fd, buf, sizeof(buf))); /* it ends by itself */
    assert_string_equal(buf, "");
    close(fd);
    assert_true(all_gone());
    assert_int_equal(push_counter_get(&counters->http_ends[PUSH_END_TIMEOUT]),
                     1);
}

static void the_end_is_said_in_tls(void **state)
{
    static const char
        request[] = "GET / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n";
    SSL *ssl = client_dial(TLS1_3_VERSION);
    char buf[1000];
    int n;

    (void)state;
    write_all(ssl, request, sizeof(request) - 1);
    do {
        n = SSL_read(ssl, buf, sizeof(buf));
    } while (n > 0);
    assert_int_equal(SSL_get_error(ssl, n), SSL_ERROR_ZERO_RETURN);
    client_free(ssl);

    /* When the client says it first it is answered. */
    ssl = client_dial(TLS1_3_VERSION);
    assert_int_equal(SSL_shutdown(ssl), 0);
    assert_int_equal(SSL_shutdown(ssl), 1);
    client_free(ssl);
}

static void bytes_are_counted_as_the_client_sees_them(void **state)
{
    const push_counters_t *counters = push_conns_counters(conns);
    int len;
    char *request = request_make(50000, &len);
    SSL *ssl = client_dial(TLS1_3_VERSION);
    apr_uint64_t out;

    (void)state;
    write_all(ssl, request, len);
    assert_true(is_echoed(ssl, request, len, 50000, 10000));
    assert_int_equal(push_counter_get(&counters->bytes_in), len);
    out = push_counter_get(&counters->bytes_out);
    assert_true(out > 50000 && out < 50000 + 300);
    free(request);
    client_free(ssl);
}

#define TLS_TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
#define SERVE_TEST(f) cmocka_unit_test_setup_teardown(f, serve, unserve)

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
        SERVE_TEST(an_answer_larger_than_the_socket_arrives_whole),
        SERVE_TEST(requests_that_come_together_are_all_answered),
        SERVE_TEST(bytes_may_come_one_by_one),
        SERVE_TEST(new_keys_in_between_are_no_trouble),
        SERVE_TEST(plain_http_is_told_so),
        SERVE_TEST(two_hundred_that_never_finish_leave_nothing),
        SERVE_TEST(a_handshake_has_the_time_of_a_request),
        SERVE_TEST(the_end_is_said_in_tls),
        SERVE_TEST(bytes_are_counted_as_the_client_sees_them),
    };
    int failed;

    signal(SIGPIPE, SIG_IGN);
    apr_initialize();
    failed = cmocka_run_group_tests(tests, NULL, NULL);
    apr_terminate();
    return failed;
}
