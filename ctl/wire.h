/* SPDX-License-Identifier: Apache-2.0 */
/*
 * wire.h - a client that asks a server a few short questions: plain or TLS,
 * HTTP or WebSocket, each wait bounded.
 *
 * TLS goes on whatever the certificate is worth; what is wrong with it is asked
 * for afterwards, so that a bad certificate hides nothing else.
 */
#ifndef CTL_WIRE_H
#define CTL_WIRE_H

#include "response.h"

#include <apr_errno.h>
#include <apr_pools.h>
#include <apr_time.h>

typedef struct wire_t wire_t;

typedef struct {
    const char *host;    /* its name: Host, SNI, and to be in the certificate */
    const char *connect; /* an address to connect to instead; or NULL */
    int port;
    int tls;
    const char *cafile; /* authorities beside the system's; or NULL */
    int seconds;        /* each wait at most */
} wire_to_t;

/* What a server showed of itself. */
typedef struct {
    int seen;            /* 0: no TLS */
    long error;          /* X509_V_OK or why the chain is not trusted */
    const char *reason;  /* that in words */
    int self_signed;     /* the certificate vouches for itself */
    int named;           /* it is for the host's name */
    int sent;            /* certificates that were sent */
    const char *subject; /* of the first */
    const char *names;   /* whom it is for */
    const char *issuer;  /* of the last one that was sent */
    apr_time_t until;    /* when the first one of them expires */
} wire_tls_t;

/**
 * Connect.
 * @param why  in words, when not APR_SUCCESS
 * @return APR_TIMEUP when nobody answered in time
 */
apr_status_t wire_open(wire_t **w, const wire_to_t *to, const char **why,
                       apr_pool_t *p);
void wire_close(wire_t *w);

void wire_tls(wire_tls_t *out, const wire_t *w);

/* What came back. */
typedef struct {
    int status;           /* 0: nothing that is HTTP */
    const char *why;      /* in words, with status 0 */
    const char *body;     /* terminated, at most 64 kB of it */
    const char *location; /* header, or NULL */
    apr_time_t date;      /* the server's clock; 0: not said */
} wire_answer_t;

/**
 * One request on a connection of its own, closed afterwards.
 * @param path    with its query
 * @param extra   more header lines, each with its end; or ""
 * @param tls     may be NULL
 */
void wire_ask(wire_answer_t *out, wire_tls_t *tls, const wire_to_t *to,
              const char *path, const char *extra, apr_pool_t *p);

/**
 * Ask for a WebSocket.
 * @param w  open when the status is 101, else NULL
 */
void wire_upgrade(wire_t **w, wire_answer_t *out, wire_tls_t *tls,
                  const wire_to_t *to, const char *path, const char *origin,
                  apr_pool_t *p);

/** The next text message; NULL: why says what came instead. */
const char *wire_hear(wire_t *w, const char **why);

/** The code the server closed the socket with, as far as it was heard; 0. */
int wire_closed(const wire_t *w);

/** Send a text message of at most 125 bytes. */
apr_status_t wire_tell(wire_t *w, const char *text);

#endif
