/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tls.h - the certificate and key that TLS listeners show.
 *
 * One push_tls_t stands for the files the settings name. What is read from them
 * is a context of OpenSSL, which every new connection takes and keeps for its
 * life. push_tls_reload() makes another context of the same files and puts it
 * in the old one's place; connections that are open keep the old one, which is
 * freed with the last of them. So a renewed certificate needs no restart.
 *
 * TLS 1.2 and 1.3, forward secrecy and authenticated ciphers only, no
 * renegotiation, no compression, ALPN http/1.1. Sessions are resumed by
 * tickets; nothing is kept for them here, and a reload ends them.
 *
 * Taking a context is safe on any thread. Making and reloading is for one
 * thread at a time.
 */
#ifndef PUSH_TLS_H
#define PUSH_TLS_H

#include <apr_errno.h>
#include <apr_pools.h>
#include <openssl/types.h>

typedef struct push_tls_t push_tls_t;

/* Where certificate and key are; all PEM. */
typedef struct {
    const char *cert;       /* the certificate, then those that lead from it to
                               a known authority ("fullchain.pem") */
    const char *key;        /* its private key */
    const char *passphrase; /* of the key; NULL: it is not encrypted */
    const char *ca;         /* authorities of clients: a client is asked for a
                               certificate, and one it shows must be of these.
                               NULL: nobody is asked */
} push_tls_files_t;

/**
 * Read the files.
 * @param files  copied into p
 * @param why    a sentence naming the file when not APR_SUCCESS
 */
apr_status_t push_tls_create(push_tls_t **tls, const push_tls_files_t *files,
                             const char **why, apr_pool_t *p);

/**
 * Read the same files again; connections made from now on use what they hold
 * now. When something is wrong with them everything stays as it was. One thread
 * at a time, while the loops run. The files must be readable by the user the
 * process runs as now.
 * @param why  a sentence naming the file when not APR_SUCCESS; valid until the
 *             next call
 */
apr_status_t push_tls_reload(push_tls_t *tls, const char **why);

/**
 * The TLS side of a new connection, waiting for the client's first bytes.
 * Any thread.
 * @param fd  stays the caller's
 * @return NULL: no memory. The caller frees it
 */
SSL *push_tls_accept(push_tls_t *tls, int fd);

#endif
