/* SPDX-License-Identifier: Apache-2.0 */
/*
 * conn_out.c - what a connection sends (conn.h, conn_inside.h).
 *
 * Three places, always in this order: the queue (the socket is full), the cork
 * (its input is being handled, so more may follow), the socket. A connection
 * with a queue is not corked and nothing overtakes it. epoll watches for room
 * only while there is a queue.
 *
 * A frame for many sockets reaches them in batches where that is possible: what
 * would go to the socket is noted, and done together. Nothing may be sent to a
 * connection between the two, see push_conns_batch_begin().
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include "conn_inside.h"

#define QUEUE_MIN 4  /* frames */
#define FLUSH_MAX 64 /* frames written by one system call */

/* --- what epoll waits for ------------------------------------------------ */

int conn_reads(const push_conn_t *c)
{
    return !c->eof && !(c->state == PUSH_CONN_HTTP &&
                        (c->out != NULL || c->parked == CONN_PARKED));
}

void conn_rewatch(push_conn_t *c)
{
    apr_uint32_t events = (conn_reads(c) ? EPOLLIN : 0) |
                          (c->out != NULL ? EPOLLOUT : 0);

    if (c->tls) {
        events = conn_tls_events(c, events);
    }
    if (push_loop_change(c->all->loop, &c->watch, events) != APR_SUCCESS) {
        push_conn_kill(c, PUSH_END_ERROR);
    }
}

/* --- the queue ----------------------------------------------------------- */

void conn_queue_free(push_conn_t *c)
{
    conn_queue_t *q = c->out;

    if (q == NULL) {
        return;
    }
    conn_count(&c->all->counters.queued, (apr_uint64_t)0 - q->bytes);
    for (; q->n > 0; q->n--, q->first++) {
        push_frame_release(q->frames[q->first & (q->room - 1)]);
    }
    free(q);
    c->out = NULL;
}

/* A queue with room for one more frame, oldest at index 0; NULL: no memory. */
static conn_queue_t *queue_grow(conn_queue_t *q)
{
    apr_uint32_t room = q != NULL ? 2 * q->room : QUEUE_MIN;
    conn_queue_t *grown;
    apr_uint32_t i;

    if (q != NULL && q->n < q->room) {
        return q;
    }
    grown = malloc(sizeof(*grown) + room * sizeof(grown->frames[0]));
    if (grown == NULL) {
        return NULL;
    }
    memset(grown, 0, sizeof(*grown));
    grown->room = room;
    if (q != NULL) {
        grown->bytes = q->bytes;
        grown->offset = q->offset;
        grown->n = q->n;
        for (i = 0; i < q->n; i++) {
            grown->frames[i] = q->frames[(q->first + i) & (q->room - 1)];
        }
        free(q);
    }
    return grown;
}

/* Put a frame last. The queue takes over the caller's reference.
 * @param offset  bytes of it that are sent already; the queue is empty then */
static void queue_add(push_conn_t *c, push_frame_t *f, apr_uint32_t offset)
{
    int was_empty = c->out == NULL;
    conn_queue_t *q = queue_grow(c->out);

    if (q == NULL) {
        push_frame_release(f);
        push_conn_kill(c, PUSH_END_ERROR);
        return;
    }
    c->out = q;
    q->frames[(q->first + q->n) & (q->room - 1)] = f;
    q->n++;
    if (was_empty) {
        q->offset = offset;
    }
    q->bytes += f->len - offset;
    conn_count(&c->all->counters.queued, f->len - offset);
    if (q->bytes > c->all->counters.queue_peak) {
        conn_count(&c->all->counters.queue_peak,
                   q->bytes - c->all->counters.queue_peak);
    }
    /* Only a WebSocket's queue can grow without end: an HTTP client is not
     * read again before its answer is gone, a closing one gets nothing more. */
    if (c->state == PUSH_CONN_OPEN && q->bytes > c->all->proto->max_queue) {
        push_conn_kill(c, PUSH_END_SLOW);
    }
    else if (was_empty) {
        conn_rewatch(c);
    }
}

/* Some bytes of the queue were written. */
static void queue_drop(push_conn_t *c, apr_size_t n)
{
    conn_queue_t *q = c->out;
    apr_size_t left;
    push_frame_t *f;

    q->bytes -= n;
    conn_count(&c->all->counters.queued, (apr_uint64_t)0 - n);
    while (n > 0) {
        f = q->frames[q->first & (q->room - 1)];
        left = f->len - q->offset;
        if (n < left) {
            q->offset += (apr_uint32_t)n;
            return;
        }
        n -= left;
        push_frame_release(f);
        q->first++;
        q->n--;
        q->offset = 0;
    }
}

static int queue_iov(const conn_queue_t *q, struct iovec *iov)
{
    apr_uint32_t offset = q->offset;
    push_frame_t *f;
    apr_uint32_t i;

    for (i = 0; i < q->n && i < FLUSH_MAX; i++) {
        f = q->frames[(q->first + i) & (q->room - 1)];
        iov[i].iov_base = f->data + offset;
        iov[i].iov_len = f->len - offset;
        offset = 0;
    }
    return (int)i;
}

/* --- the socket ---------------------------------------------------------- */

static apr_size_t iov_total(const struct iovec *iov, int n)
{
    apr_size_t total = 0;

    while (n-- > 0) {
        total += iov[n].iov_len;
    }
    return total;
}

/* Offer bytes to the socket.
 * @return bytes it took; the connection may be dead afterwards */
static apr_size_t socket_send(push_conn_t *c, const struct iovec *iov, int n)
{
    struct msghdr msg = { .msg_iov = (struct iovec *)iov,
                          .msg_iovlen = (apr_size_t)n };
    ssize_t sent;

    if (c->tls) {
        sent = (ssize_t)conn_tls_send(c, iov, n);
        conn_count(&c->all->counters.bytes_out, (apr_uint64_t)sent);
        return (apr_size_t)sent;
    }
    do {
        /* send() takes half the work that sendmsg() does in the kernel. */
        sent = n == 1 ? send(c->watch.fd, iov->iov_base, iov->iov_len,
                             MSG_DONTWAIT | MSG_NOSIGNAL)
                      : sendmsg(c->watch.fd, &msg, MSG_DONTWAIT | MSG_NOSIGNAL);
    } while (sent < 0 && errno == EINTR);
    if (sent < 0) {
        if (errno != EAGAIN) {
            conn_failed(c, errno);
        }
        return 0;
    }
    conn_count(&c->all->counters.bytes_out, (apr_uint64_t)sent);
    return (apr_size_t)sent;
}

/* Queue what is left of some bytes after the first `skip` of them. */
static void queue_rest(push_conn_t *c, const struct iovec *iov, int n,
                       apr_size_t skip)
{
    push_frame_t *f = push_frame_create(iov_total(iov, n) - skip);
    unsigned char *at = f->data;
    int i;

    for (i = 0; i < n; i++) {
        if (skip >= iov[i].iov_len) {
            skip -= iov[i].iov_len;
            continue;
        }
        memcpy(at, (char *)iov[i].iov_base + skip, iov[i].iov_len - skip);
        at += iov[i].iov_len - skip;
        skip = 0;
    }
    queue_add(c, f, 0);
}

/* Past the cork: to the socket, or behind the queue. */
static void write_through(push_conn_t *c, const struct iovec *iov, int n)
{
    apr_size_t sent = 0;

    if (c->state == PUSH_CONN_DEAD) {
        return;
    }
    if (c->out == NULL) {
        sent = socket_send(c, iov, n);
    }
    if (c->state != PUSH_CONN_DEAD && sent < iov_total(iov, n)) {
        queue_rest(c, iov, n, sent);
    }
}

/* --- the cork ------------------------------------------------------------ */

void conn_cork(push_conn_t *c) { c->all->corked = c; }

static void cork_empty(push_conn_t *c)
{
    struct iovec iov = { c->all->cork, c->all->ncork };

    c->all->ncork = 0;
    if (iov.iov_len > 0) {
        write_through(c, &iov, 1);
    }
}

void conn_uncork(push_conn_t *c)
{
    cork_empty(c);
    c->all->corked = NULL;
    conn_settle(c);
}

/* Keep bytes in the cork when that is possible now.
 * @return 0 when they must go through; the cork is empty then */
static int cork_take(push_conn_t *c, const struct iovec *iov, int n)
{
    push_conns_t *all = c->all;
    int i;

    if (all->corked != c || c->out != NULL) {
        return 0;
    }
    if (all->ncork + iov_total(iov, n) > CONN_CORK) {
        cork_empty(c);
        return 0;
    }
    for (i = 0; i < n; i++) {
        memcpy(all->cork + all->ncork, iov[i].iov_base, iov[i].iov_len);
        all->ncork += iov[i].iov_len;
    }
    return 1;
}

/* --- batches ------------------------------------------------------------- */

apr_status_t push_conns_batch_open(push_conns_t *conns, apr_pool_t *p)
{
    conn_batch_t *batch = apr_pcalloc(p, sizeof(*batch));
    apr_status_t rv = push_uring_create(&batch->ring, p);

    if (rv == APR_SUCCESS) {
        conns->batch = batch;
    }
    return rv;
}

/* The socket took a part of a frame, or failed. */
static void batch_short(void *baton, apr_uint32_t nth, apr_int32_t result)
{
    conn_batch_t *batch = baton;
    push_conn_t *c = batch->sends[nth].c;
    push_frame_t *f = batch->sends[nth].f;

    batch->bytes -= f->len - (result > 0 ? (apr_uint32_t)result : 0);
    if (c->state != PUSH_CONN_OPEN) {
        return;
    }
    if (result < 0) {
        conn_failed(c, -result);
        return;
    }
    push_frame_retain(f);
    queue_add(c, f, (apr_uint32_t)result);
}

static void batch_submit(push_conns_t *conns)
{
    conn_batch_t *batch = conns->batch;

    push_uring_submit(batch->ring, batch_short, batch);
    conn_count(&conns->counters.bytes_out, batch->bytes);
    batch->bytes = 0;
    batch->n = 0;
}

static void batch_add(conn_batch_t *batch, push_conn_t *c, push_frame_t *f)
{
    conn_send_t *to = &batch->sends[batch->n++];

    to->c = c;
    to->f = f;
    batch->bytes += f->len;
    push_uring_add(batch->ring, c->watch.fd, f->data, f->len);
    if (batch->n == PUSH_URING_ROOM) {
        batch_submit(c->all);
    }
}

void push_conns_batch_begin(push_conns_t *conns)
{
    if (conns->batch != NULL) {
        conns->batch->is_open = 1;
    }
}

void push_conns_batch_end(push_conns_t *conns)
{
    conn_batch_t *batch = conns->batch;

    if (batch != NULL && batch->is_open) {
        batch->is_open = 0;
        if (batch->n > 0) {
            batch_submit(conns);
        }
    }
}

/* --- sending ------------------------------------------------------------- */

void conn_write(push_conn_t *c, const struct iovec *iov, int n)
{
    if (c->state != PUSH_CONN_DEAD && !c->shut && !cork_take(c, iov, n)) {
        write_through(c, iov, n);
    }
}

void push_conn_send(push_conn_t *c, push_frame_t *f)
{
    struct iovec iov;
    apr_size_t sent = 0;

    if (c->state != PUSH_CONN_OPEN) {
        return;
    }
    f = push_frame_for(f, c->window, &c->all->deflate);
    iov.iov_base = f->data;
    iov.iov_len = f->len;
    conn_count(&c->all->counters.messages_out, 1);
    if (cork_take(c, &iov, 1)) {
        return;
    }
    if (c->out == NULL && c->state == PUSH_CONN_OPEN) {
        if (c->all->batch != NULL && c->all->batch->is_open && !c->tls) {
            batch_add(c->all->batch, c, f);
            return;
        }
        sent = socket_send(c, &iov, 1);
    }
    if (sent < f->len && c->state == PUSH_CONN_OPEN) {
        push_frame_retain(f);
        queue_add(c, f, (apr_uint32_t)sent);
    }
}

apr_size_t push_conn_room(const push_conn_t *c)
{
    apr_size_t half = c->all->proto->max_queue / 2;
    apr_size_t waiting = c->out == NULL ? 0 : c->out->bytes;

    if (c->all->corked == c) {
        waiting += c->all->ncork;
    }
    return waiting < half ? half - waiting : 0;
}

void push_conn_text(push_conn_t *c, const char *text, apr_size_t len)
{
    unsigned char head[WS_HEADER_MAX];
    struct iovec iov[2] = { { head, ws_header(head, 1, 0, WS_TEXT, len) },
                            { (char *)text, len } };

    if (c->state == PUSH_CONN_OPEN) {
        conn_count(&c->all->counters.messages_out, 1);
        conn_write(c, iov, 2);
    }
}

void conn_settle(push_conn_t *c)
{
    if (c->state != PUSH_CONN_CLOSING || c->out != NULL ||
        c->all->corked == c) {
        return;
    }
    if (c->eof) {
        push_conn_kill(c, (push_end_t)c->why);
    }
    else if (!c->shut && (!c->tls || conn_tls_leave(c))) {
        /* Not close(): unread input would turn it into a reset, which may
         * destroy our last words on their way. */
        c->shut = 1;
        shutdown(c->watch.fd, SHUT_WR);
    }
}

/* The queue is gone: epoll need not watch it, a request that waited for it can
 * be handled, a closing connection is done. */
static void conn_drained(push_conn_t *c)
{
    conn_queue_free(c);
    conn_rewatch(c);
    if (c->state == PUSH_CONN_HTTP && c->in != NULL) {
        conn_take(c, (char *)push_loop_buffer(c->all->loop), 0);
    }
    conn_settle(c);
}

void conn_flush(push_conn_t *c)
{
    struct iovec iov[FLUSH_MAX];
    apr_size_t sent;
    int n;

    while (c->out != NULL && c->state != PUSH_CONN_DEAD) {
        n = queue_iov(c->out, iov);
        sent = socket_send(c, iov, n);
        if (c->state == PUSH_CONN_DEAD) {
            return;
        }
        queue_drop(c, sent);
        if (c->out->n == 0) {
            conn_drained(c);
            return;
        }
        if (sent < iov_total(iov, n)) {
            return;
        }
    }
}
