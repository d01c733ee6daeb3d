/* SPDX-License-Identifier: Apache-2.0 */
/*
 * wire.c - see wire.h. Blocking sockets whose waits the kernel bounds
 * (SO_RCVTIMEO, SO_SNDTIMEO, which connect() obeys as well).
 */
#include "wire.h"

#include <apr_date.h>
#include <apr_strings.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include <errno.h>
#include <netdb.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define ANSWER_MOST (64 << 10)

struct wire_t {
    int fd;
    SSL_CTX *ctx; /* NULL: plain */
    SSL *ssl;
    const wire_to_t *to;
    char *in; /* ANSWER_MOST bytes and a terminator: what was read */
    apr_size_t len;
    apr_size_t used; /* of it was taken */
    int closed;      /* the code of a close frame; 0: none came */
    apr_pool_t *p;
};

/* --- connecting --- */

static int socket_to(const struct addrinfo *ai, int seconds)
{
    struct timeval wait = { .tv_sec = seconds };
    int err, fd = socket(ai->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0);

    if (fd < 0) {
        return -1;
    }
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof(wait));
    setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &wait, sizeof(wait));
    if (connect(fd, ai->ai_addr, ai->ai_addrlen) != 0) {
        err = errno;
        close(fd);
        errno = err;
        return -1;
    }
    return fd;
}

static apr_status_t dial(wire_t *w, const char **why)
{
    const wire_to_t *to = w->to;
    const char *name = to->connect != NULL ? to->connect : to->host;
    struct addrinfo hints = { .ai_socktype = SOCK_STREAM };
    struct addrinfo *all, *ai;
    int err;

    err = getaddrinfo(name, apr_itoa(w->p, to->port), &hints, &all);
    if (err != 0) {
        *why = apr_psprintf(w->p, "the name %s is not known: %s", name,
                            gai_strerror(err));
        return APR_EGENERAL;
    }
    for (ai = all; ai != NULL && w->fd < 0; ai = ai->ai_next) {
        w->fd = socket_to(ai, to->seconds);
        err = errno;
    }
    freeaddrinfo(all);
    if (w->fd >= 0) {
        return APR_SUCCESS;
    }
    if (err == EINPROGRESS || err == EAGAIN || err == ETIMEDOUT) {
        *why = apr_psprintf(w->p, "nobody answered within %d s", to->seconds);
        return APR_TIMEUP;
    }
    *why = strerror(err);
    return APR_FROM_OS_ERROR(err);
}

static int is_address(const char *host)
{
    return strchr(host, ':') != NULL ||
           strspn(host, "0123456789.") == strlen(host);
}

static apr_status_t shake_hands(wire_t *w, const char **why)
{
    w->ctx = SSL_CTX_new(TLS_client_method());
    if (w->ctx == NULL) {
        *why = "OpenSSL cannot be used";
        return APR_EGENERAL;
    }
    SSL_CTX_set_default_verify_paths(w->ctx);
    if (w->to->cafile != NULL &&
        !SSL_CTX_load_verify_locations(w->ctx, w->to->cafile, NULL)) {
        *why = apr_pstrcat(w->p, w->to->cafile,
                           " holds no certificate that can be read", NULL);
        return APR_EGENERAL;
    }
    w->ssl = SSL_new(w->ctx);
    SSL_set_fd(w->ssl, w->fd);
    if (!is_address(w->to->host)) {
        SSL_set_tlsext_host_name(w->ssl, w->to->host);
    }
    if (SSL_connect(w->ssl) != 1) {
        *why = errno == EAGAIN ? "the TLS handshake was not answered"
                               : "it does not speak TLS there";
        return errno == EAGAIN ? APR_TIMEUP : APR_EGENERAL;
    }
    return APR_SUCCESS;
}

apr_status_t wire_open(wire_t **out, const wire_to_t *to, const char **why,
                       apr_pool_t *p)
{
    wire_t *w = apr_pcalloc(p, sizeof(*w));
    apr_status_t rv;

    signal(SIGPIPE, SIG_IGN);
    w->fd = -1;
    w->to = to;
    w->p = p;
    w->in = apr_palloc(p, ANSWER_MOST + 1);
    rv = dial(w, why);
    if (rv == APR_SUCCESS && to->tls) {
        errno = 0;
        rv = shake_hands(w, why);
    }
    if (rv != APR_SUCCESS) {
        wire_close(w);
        w = NULL;
    }
    *out = w;
    return rv;
}

void wire_close(wire_t *w)
{
    if (w != NULL) {
        SSL_free(w->ssl);
        SSL_CTX_free(w->ctx);
        if (w->fd >= 0) {
            close(w->fd);
        }
        w->fd = -1;
        w->ssl = NULL;
        w->ctx = NULL;
    }
}

/* --- certificates --- */

static const char *name_text(X509_NAME *name, apr_pool_t *p)
{
    char text[256];

    return apr_pstrdup(p, X509_NAME_get_text_by_NID(name, NID_commonName, text,
                                                    sizeof(text)) > 0
                              ? text
                              : X509_NAME_oneline(name, text, sizeof(text)));
}

/* The DNS names and addresses a certificate is for. */
static const char *names_text(X509 *cert, apr_pool_t *p)
{
    GENERAL_NAMES *all = X509_get_ext_d2i(cert, NID_subject_alt_name, NULL,
                                          NULL);
    const char *text = "";
    int i;

    for (i = 0; all != NULL && i < sk_GENERAL_NAME_num(all); i++) {
        const GENERAL_NAME *gn = sk_GENERAL_NAME_value(all, i);

        if (gn->type == GEN_DNS) {
            text = apr_psprintf(
                p, "%s%s%.*s", text, *text ? ", " : "",
                ASN1_STRING_length(gn->d.dNSName),
                (const char *)ASN1_STRING_get0_data(gn->d.dNSName));
        }
    }
    GENERAL_NAMES_free(all);
    return *text ? text : name_text(X509_get_subject_name(cert), p);
}

static apr_time_t expiry(const X509 *cert)
{
    int days = 0, seconds = 0;

    if (!ASN1_TIME_diff(&days, &seconds, NULL, X509_get0_notAfter(cert))) {
        return 0;
    }
    return apr_time_now() +
           apr_time_from_sec((apr_int64_t)days * 86400 + seconds);
}

void wire_tls(wire_tls_t *out, const wire_t *w)
{
    STACK_OF(X509) * chain;
    X509 *cert;
    apr_time_t until;
    int i;

    memset(out, 0, sizeof(*out));
    chain = w->ssl != NULL ? SSL_get_peer_cert_chain(w->ssl) : NULL;
    if (chain == NULL || sk_X509_num(chain) == 0) {
        return;
    }
    out->seen = 1;
    out->error = SSL_get_verify_result(w->ssl);
    out->reason = X509_verify_cert_error_string(out->error);
    out->sent = sk_X509_num(chain);
    cert = sk_X509_value(chain, 0);
    out->self_signed = X509_NAME_cmp(X509_get_subject_name(cert),
                                     X509_get_issuer_name(cert)) == 0;
    out->named = is_address(w->to->host)
                     ? X509_check_ip_asc(cert, w->to->host, 0) == 1
                     : X509_check_host(cert, w->to->host, 0, 0, NULL) == 1;
    out->subject = name_text(X509_get_subject_name(cert), w->p);
    out->names = names_text(cert, w->p);
    out->issuer = name_text(
        X509_get_issuer_name(sk_X509_value(chain, out->sent - 1)), w->p);
    out->until = expiry(cert);
    for (i = 1; i < out->sent; i++) {
        until = expiry(sk_X509_value(chain, i));
        out->until = until < out->until ? until : out->until;
    }
}

/* --- bytes --- */

static apr_status_t send_all(wire_t *w, const char *bytes, apr_size_t len)
{
    ssize_t n;

    while (len > 0) {
        n = w->ssl != NULL ? SSL_write(w->ssl, bytes, (int)len)
                           : send(w->fd, bytes, len, MSG_NOSIGNAL);
        if (n <= 0) {
            return APR_EGENERAL;
        }
        bytes += n;
        len -= (apr_size_t)n;
    }
    return APR_SUCCESS;
}

/* Read what there is. @return 1, 0 at the end, -1: not in time, or broken */
static int read_more(wire_t *w)
{
    apr_size_t room = ANSWER_MOST - w->len;
    ssize_t n;

    if (room == 0) {
        return 0;
    }
    errno = 0;
    n = w->ssl != NULL ? SSL_read(w->ssl, w->in + w->len, (int)room)
                       : recv(w->fd, w->in + w->len, room, 0);
    if (n > 0) {
        w->len += (apr_size_t)n;
        return 1;
    }
    return errno == EAGAIN || errno == ECONNRESET ? -1 : 0;
}

static const char *ended(const wire_t *w, int how)
{
    return how == 0 ? "the connection was closed"
           : errno == ECONNRESET
               ? "the connection was reset"
               : apr_psprintf(w->p, "no answer within %d s", w->to->seconds);
}

/* --- HTTP --- */

static apr_status_t head_hear(response_head_t *head, wire_t *w,
                              const char **why)
{
    response_result_t got;
    int how;

    while ((got = response_head_parse(head, w->in, w->len)) == RESPONSE_MORE) {
        how = read_more(w);
        if (how <= 0) {
            *why = ended(w, how);
            return APR_EGENERAL;
        }
    }
    if (got == RESPONSE_BAD) {
        *why = "what answers does not speak HTTP";
        return APR_EGENERAL;
    }
    w->used = head->head_len;
    return APR_SUCCESS;
}

static const char *field(const response_head_t *head, const char *name,
                         apr_pool_t *p)
{
    apr_size_t len;
    const char *value = response_field(&len, head, name);

    return value != NULL ? apr_pstrmemdup(p, value, len) : NULL;
}

/* The Host of a request: the port is left out where it is the usual one. */
static const char *host_field(const wire_to_t *to, apr_pool_t *p)
{
    const char *host = strchr(to->host, ':') != NULL
                           ? apr_pstrcat(p, "[", to->host, "]", NULL)
                           : to->host;

    return to->port == (to->tls ? 443 : 80)
               ? host
               : apr_psprintf(p, "%s:%d", host, to->port);
}

/* Connect, send, read the head. @return whether there is one */
static int exchange(wire_t **w, response_head_t *head, wire_answer_t *out,
                    wire_tls_t *tls, const wire_to_t *to, const char *path,
                    const char *fields, apr_pool_t *p)
{
    const char *request = apr_pstrcat(
        p, "GET ", path, " HTTP/1.1\r\nHost: ", host_field(to, p),
        "\r\nUser-Agent: chatctl-doctor\r\n", fields, "\r\n", NULL);
    const char *date;

    memset(out, 0, sizeof(*out));
    out->body = "";
    if (wire_open(w, to, &out->why, p) != APR_SUCCESS) {
        return 0;
    }
    if (tls != NULL) {
        wire_tls(tls, *w);
    }
    if (send_all(*w, request, strlen(request)) != APR_SUCCESS) {
        out->why = "the connection was closed";
        return 0;
    }
    if (head_hear(head, *w, &out->why) != APR_SUCCESS) {
        return 0;
    }
    out->status = head->status;
    out->location = field(head, "Location", p);
    date = field(head, "Date", p);
    out->date = date != NULL ? apr_date_parse_http(date) : 0;
    return 1;
}

/* The rest until the connection ends, or as much as was announced. */
static void body_hear(wire_answer_t *out, wire_t *w,
                      const response_head_t *head)
{
    const char *said = field(head, "Content-Length", w->p);
    apr_size_t want = said != NULL ? (apr_size_t)apr_atoi64(said) : ANSWER_MOST;

    while (w->len - w->used < want && read_more(w) == 1) {
        ;
    }
    w->in[w->len] = '\0';
    out->body = w->in + w->used;
}

void wire_ask(wire_answer_t *out, wire_tls_t *tls, const wire_to_t *to,
              const char *path, const char *extra, apr_pool_t *p)
{
    const char *fields = apr_pstrcat(
        p, "Accept: application/json\r\nConnection: close\r\n", extra, NULL);
    response_head_t head;
    wire_t *w = NULL;

    if (exchange(&w, &head, out, tls, to, path, fields, p)) {
        body_hear(out, w, &head);
    }
    wire_close(w);
}

/* --- WebSocket --- */

void wire_upgrade(wire_t **w, wire_answer_t *out, wire_tls_t *tls,
                  const wire_to_t *to, const char *path, const char *origin,
                  apr_pool_t *p)
{
    const char *fields = apr_pstrcat(
        p,
        "Upgrade: websocket\r\nConnection: Upgrade\r\n"
        "Sec-WebSocket-Version: 13\r\n"
        "Sec-WebSocket-Key: Y2hhdGN0bCBkb2N0b3IhIQ==\r\n",
        origin != NULL ? "Origin: " : "", origin != NULL ? origin : "",
        origin != NULL ? "\r\n" : "", NULL);
    response_head_t head;

    *w = NULL;
    if (exchange(w, &head, out, tls, to, path, fields, p) &&
        out->status == 101) {
        return;
    }
    if (out->status != 0) {
        body_hear(out, *w, &head);
    }
    wire_close(*w);
    *w = NULL;
}

const char *wire_hear(wire_t *w, const char **why)
{
    response_result_t got;
    response_frame_t frame;
    apr_size_t used;
    int how;

    for (;;) {
        got = response_frame_parse(&frame, &used, w->in + w->used,
                                   w->len - w->used);
        if (got == RESPONSE_BAD) {
            *why = "what came is no WebSocket frame of a server";
            return NULL;
        }
        if (got == RESPONSE_DONE) {
            w->used += used;
            if (frame.opcode == 1) {
                return apr_pstrmemdup(w->p, frame.payload, frame.len);
            }
            if (frame.opcode == 8) {
                w->closed = frame.len < 2
                                ? 1005
                                : (unsigned char)frame.payload[0] * 256 +
                                      (unsigned char)frame.payload[1];
                *why = "the socket was closed";
                return NULL;
            }
            continue;
        }
        how = read_more(w);
        if (how <= 0) {
            *why = ended(w, how);
            return NULL;
        }
    }
}

int wire_closed(const wire_t *w) { return w->closed; }

apr_status_t wire_tell(wire_t *w, const char *text)
{
    apr_size_t len = strlen(text);
    char frame[6 + 125];

    if (len > 125) {
        return APR_EINVAL;
    }
    frame[0] = (char)0x81;
    frame[1] = (char)(0x80 | len);
    memset(frame + 2, 0, 4); /* a mask of zeros changes nothing */
    memcpy(frame + 6, text, len);
    return send_all(w, frame, 6 + len);
}
