/* SPDX-License-Identifier: Apache-2.0 */
/*
 * conn_tls.c - TLS between a connection and its socket (conn.h, conn_inside.h).
 *
 * A connection of a TLS listener is one as any other, but its bytes go through
 * OpenSSL, and its slot comes from a slab of its own, with room for conn_tls_t
 * behind the protocol's struct; the others pay nothing for it.
 *
 * Either direction may have to wait for the other one of the socket: a
 * handshake that has much to say, an answer to a change of keys. `read_stuck`
 * and `write_stuck` say so, conn_tls_events() turns them into what epoll shall
 * wait for and conn_tls_ready() turns back what epoll says.
 *
 * The receive buffer holds more than a record, and one read gives at most one
 * record; so no decrypted bytes stay in OpenSSL, where epoll does not see them.
 *
 * A record that the socket took a part of is kept by OpenSSL and must be
 * offered again with at least as many bytes. That holds by itself: what was not
 * sent is first in the queue and stays there.
 */
#include <errno.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <openssl/err.h>
#include <openssl/ssl.h>

#include "conn_inside.h"

#define RECORD SSL3_RT_MAX_PLAIN_LENGTH /* bytes in a record */

_Static_assert(CONN_READ >= RECORD, "a read takes a whole record");

static conn_tls_t *tls_of(const push_conn_t *c)
{
    return (conn_tls_t *)((char *)c + c->all->tls_at);
}

static void stuck_set(push_conn_t *c, unsigned char *stuck, int value)
{
    if (*stuck != value) {
        *stuck = (unsigned char)value;
        conn_rewatch(c);
    }
}

/* --- what epoll waits for ------------------------------------------------ */

apr_uint32_t conn_tls_events(const push_conn_t *c, apr_uint32_t events)
{
    const conn_tls_t *t = tls_of(c);
    apr_uint32_t in = t->read_stuck ? EPOLLOUT : EPOLLIN;
    apr_uint32_t out = t->write_stuck ? EPOLLIN : EPOLLOUT;

    if (t->phase == CONN_TLS_SHAKING) {
        return in;
    }
    return (events & EPOLLIN ? in : 0) | (events & EPOLLOUT ? out : 0) |
           (t->phase == CONN_TLS_LEAVING ? EPOLLOUT : 0);
}

/* --- the handshake ------------------------------------------------------- */

/* Plain HTTP, as somebody sends who took the wrong scheme. */
static void plain_refuse(push_conn_t *c)
{
    static const char
        answer[] = "HTTP/1.1 400 Bad Request\r\n"
                   "Content-Type: text/plain\r\n"
                   "Content-Length: 45\r\n"
                   "Connection: close\r\n"
                   "\r\n"
                   "This port speaks TLS: say https:// or wss://\n";

    send(c->watch.fd, answer, sizeof(answer) - 1, MSG_DONTWAIT | MSG_NOSIGNAL);
}

/* TLS is no way to go on. OpenSSL has said why to the peer, who gets the time
 * to read it: closing at once could destroy it on its way. */
static void handshake_refuse(push_conn_t *c, conn_tls_t *t)
{
    int reason = ERR_GET_REASON(ERR_peek_error());

    ERR_clear_error();
    if (reason == SSL_R_HTTP_REQUEST) {
        plain_refuse(c);
    }
    t->phase = CONN_TLS_BROKEN;
    t->read_stuck = 0;
    conn_end(c, PUSH_END_ERROR, 0);
    c->shut = 1;
    shutdown(c->watch.fd, SHUT_WR);
    conn_rewatch(c);
}

/* @return whether the handshake is done */
static int handshake(push_conn_t *c, conn_tls_t *t)
{
    int rv, err;

    ERR_clear_error();
    errno = 0;
    rv = SSL_do_handshake(t->ssl);
    err = errno;
    c->heard = push_loop_seconds(c->all->loop);
    switch (SSL_get_error(t->ssl, rv)) {
    case SSL_ERROR_NONE:
        t->phase = CONN_TLS_OPEN;
        stuck_set(c, &t->read_stuck, 0);
        return c->state != PUSH_CONN_DEAD;
    case SSL_ERROR_WANT_READ:
        stuck_set(c, &t->read_stuck, 0);
        return 0;
    case SSL_ERROR_WANT_WRITE:
        stuck_set(c, &t->read_stuck, 1);
        return 0;
    case SSL_ERROR_SSL:
        handshake_refuse(c, t);
        return 0;
    default:
        ERR_clear_error();
        t->phase = CONN_TLS_BROKEN;
        conn_failed(c, err != 0 ? err : ECONNRESET);
        return 0;
    }
}

apr_uint32_t conn_tls_ready(push_conn_t *c, apr_uint32_t events)
{
    conn_tls_t *t = tls_of(c);

    if (c->state == PUSH_CONN_DEAD) {
        return 0;
    }
    if (t->phase == CONN_TLS_SHAKING) {
        if (conn_turn_full(c->all)) {
            return 0; /* epoll will tell again */
        }
        c->all->cost += CONN_SHAKE_COST;
        return handshake(c, t) ? EPOLLIN : 0;
    }
    if (t->phase == CONN_TLS_LEAVING && (events & EPOLLOUT)) {
        conn_settle(c);
    }
    if ((t->read_stuck || t->write_stuck) && (events & (EPOLLIN | EPOLLOUT))) {
        events |= EPOLLIN | EPOLLOUT;
    }
    return events;
}

/* --- bytes --------------------------------------------------------------- */

/* What a failed read or write comes to in terms of the system's calls: 0 or an
 * errno. `err` is the errno it left. */
static int errno_of(conn_tls_t *t, int rv, int err)
{
    switch (SSL_get_error(t->ssl, rv)) {
    case SSL_ERROR_WANT_READ:
    case SSL_ERROR_WANT_WRITE:
        return EAGAIN;
    case SSL_ERROR_ZERO_RETURN:
        return 0;
    case SSL_ERROR_SYSCALL:
        break;
    default:
        err = EPROTO;
        break;
    }
    ERR_clear_error();
    t->phase = CONN_TLS_BROKEN;
    return err;
}

ssize_t conn_tls_recv(push_conn_t *c, char *buf, apr_size_t room)
{
    conn_tls_t *t = tls_of(c);
    apr_size_t len = 0;
    int n, err;

    if (t->phase == CONN_TLS_BROKEN) {
        return recv(c->watch.fd, buf, room, MSG_DONTWAIT);
    }
    ERR_clear_error();
    errno = 0;
    do {
        n = SSL_read(t->ssl, buf + len, (int)(room - len));
        len += n > 0 ? (apr_size_t)n : 0;
    } while (n > 0 && len < room && SSL_pending(t->ssl) > 0);
    err = errno;
    stuck_set(c, &t->read_stuck,
              n <= 0 && SSL_get_error(t->ssl, n) == SSL_ERROR_WANT_WRITE);
    if (len > 0) {
        return (ssize_t)len;
    }
    errno = errno_of(t, n, err);
    return errno == 0 ? 0 : -1;
}

/* The bytes of the next record, behind the first `skip` of some: where they
 * lie, when one piece has enough of them, else gathered. None: all are sent. */
static struct iovec record_next(const struct iovec *iov, int n, apr_size_t skip,
                                char *gathered)
{
    struct iovec next = { gathered, 0 };
    apr_size_t len;
    char *at;

    for (; n > 0 && next.iov_len < RECORD; iov++, n--) {
        if (skip >= iov->iov_len) {
            skip -= iov->iov_len;
            continue;
        }
        at = (char *)iov->iov_base + skip;
        len = iov->iov_len - skip;
        skip = 0;
        if (next.iov_len == 0 && (n == 1 || len >= RECORD)) {
            next.iov_base = at;
            next.iov_len = len < RECORD ? len : RECORD;
            break;
        }
        if (len > RECORD - next.iov_len) {
            len = RECORD - next.iov_len;
        }
        memcpy(gathered + next.iov_len, at, len);
        next.iov_len += len;
    }
    return next;
}

apr_size_t conn_tls_send(push_conn_t *c, const struct iovec *iov, int n)
{
    conn_tls_t *t = tls_of(c);
    char gathered[RECORD];
    apr_size_t sent = 0;
    struct iovec next;
    int rv, err;

    if (t->phase != CONN_TLS_OPEN) {
        conn_failed(c, EPIPE);
        return 0;
    }
    while ((next = record_next(iov, n, sent, gathered)).iov_len > 0) {
        ERR_clear_error();
        errno = 0;
        rv = SSL_write(t->ssl, next.iov_base, (int)next.iov_len);
        err = errno;
        stuck_set(c, &t->write_stuck,
                  rv <= 0 && SSL_get_error(t->ssl, rv) == SSL_ERROR_WANT_READ);
        if (rv <= 0) {
            err = errno_of(t, rv, err);
            if (err != EAGAIN) {
                conn_failed(c, err != 0 ? err : EPIPE);
            }
            break;
        }
        sent += (apr_size_t)rv;
    }
    return sent;
}

/* --- the end ------------------------------------------------------------- */

int conn_tls_leave(push_conn_t *c)
{
    conn_tls_t *t = tls_of(c);
    int rv, wants;

    if (t->phase != CONN_TLS_OPEN && t->phase != CONN_TLS_LEAVING) {
        return 1;
    }
    ERR_clear_error();
    rv = SSL_shutdown(t->ssl);
    wants = rv < 0 && SSL_get_error(t->ssl, rv) == SSL_ERROR_WANT_WRITE;
    ERR_clear_error();
    if (wants != (t->phase == CONN_TLS_LEAVING)) {
        t->phase = wants ? CONN_TLS_LEAVING : CONN_TLS_OPEN;
        conn_rewatch(c);
    }
    return !wants;
}

void conn_tls_free(push_conn_t *c)
{
    conn_tls_t *t = tls_of(c);
    int is_orderly = c->why != PUSH_END_SLOW && c->why != PUSH_END_ERROR;

    if (t->phase == CONN_TLS_OPEN && is_orderly && c->out == NULL && !c->shut) {
        SSL_shutdown(t->ssl);
        ERR_clear_error();
    }
    SSL_free(t->ssl);
}

push_conn_t *push_conn_accept_tls(push_conns_t *conns, int fd, push_tls_t *tls)
{
    SSL *ssl = push_tls_accept(tls, fd);
    push_conn_t *c = conn_make(conns, fd, ssl != NULL ? conns->tls_slab : NULL);

    if (c == NULL) {
        SSL_free(ssl);
        return NULL;
    }
    c->tls = 1;
    conn_count(&conns->counters.secure, 1);
    tls_of(c)->ssl = ssl;
    return c;
}
