/* SPDX-License-Identifier: Apache-2.0 */
/*
 * conn_inside.h - what the files of a connection share: conn.c (life and
 * death), conn_out.c (everything that is sent), conn_tls.c (TLS between us and
 * the socket), conn_http.c (requests and answers), conn_ws.c (frames and
 * messages). Nobody else includes it.
 *
 * A connection is in one list at a time, the one of its state; conn_enter() is
 * the only place that changes either. The lists of HTTP and CLOSING connections
 * are sorted by deadline, because every deadline is set to the same time from
 * now on and a connection moves to the end then; so the tick looks at their
 * heads only and no connection has a timer.
 *
 * OPEN ones have no such order: each is looked at when the protocol wants, and
 * most often that is put off again because something came in. They lie in a
 * wheel of lists, one for each second of the next four minutes, so putting one
 * off costs the same however many there are, and a tick sees only those whose
 * second has come.
 */
#ifndef PUSH_CONN_INSIDE_H
#define PUSH_CONN_INSIDE_H

#include <sys/uio.h>

#include "conn.h"
#include "deflate.h"
#include "slab.h"
#include "uring.h"
#include "ws.h"

/* How far an unfinished request is. */
typedef struct {
    apr_size_t scanned;   /* bytes that were parsed and hold no whole head */
    apr_size_t head_len;  /* bytes of the head, 0 until it is whole */
    apr_size_t end;       /* where the body ends, or its decoded part so far */
    apr_size_t limit;     /* longest body it may have */
    int is_chunked;
    int admitted;         /* the protocol has seen the head */
    int doubted;          /* and is to see it again: push_conn_doubt() */
    int continued;        /* 100 Continue was sent */
    http_chunked_t chunked;
} conn_http_t;

/* How far an unfinished message is. */
typedef struct {
    ws_message_t message;
    ws_head_t head;      /* of the data frame whose payload is coming in */
    apr_size_t left;     /* bytes of that payload still to come */
    apr_uint32_t nstash; /* bytes in stash */
    unsigned char stash[WS_HEADER_MAX + WS_CONTROL_MAX]; /* start of a frame:
                            a part of its header, or of a control frame */
} conn_ws_t;

/* Input that waits for the rest of it. */
typedef struct {
    apr_size_t len;  /* bytes in data: a request so far, or the payload of the
                        message so far, unmasked */
    apr_size_t room; /* bytes data can hold; one more is allocated */
    apr_size_t *held; /* where `room` is counted, see input_charge() */
    union {
        conn_http_t http; /* in state HTTP */
        conn_ws_t ws;     /* in state OPEN */
    } at;
    char data[];
} conn_input_t;

/* Frames that wait for the socket: a ring, oldest at `first`. */
typedef struct {
    apr_size_t bytes;    /* still to be written, of all frames */
    apr_uint32_t first;  /* index of the oldest */
    apr_uint32_t n;      /* frames */
    apr_uint32_t room;   /* a power of two */
    apr_uint32_t offset; /* bytes of the oldest already written */
    push_frame_t *frames[];
} conn_queue_t;

/* Whether a request has been put aside, see push_conn_park(). */
typedef enum {
    CONN_NOT_PARKED,
    CONN_PARKED, /* it waits, nothing is read meanwhile */
    CONN_RESUMED /* it has waited, and is being handled again */
} conn_parked_t;

struct push_conn_t {
    push_watch_t watch;      /* fd: ours, non-blocking */
    /* What a fan-out looks at lies together: from here to `window`, and fd. */
    push_conns_t *all;       /* the loop's connections; outlives us */
    conn_queue_t *out;       /* unsent frames, NULL: none */
    unsigned char state;     /* push_conn_state_t; conn_enter() changes it */
    unsigned char why;       /* push_end_t, once CLOSING or DEAD */
    apr_uint16_t code;       /* close code, 0 before the upgrade */
    unsigned char told;      /* its end was counted and the protocol told */
    unsigned char answered;  /* the request being handled has its answer */
    unsigned char eof : 1;   /* the peer sends no more */
    unsigned char shut : 1;  /* we send no more */
    unsigned char tls : 1;   /* has a conn_tls_t, and its slot is of tls_slab */
    unsigned char window : 4; /* what was agreed on compression (deflate.h), 0:
                                 none */
    unsigned char given : 1;  /* has a conn_given_t, its slot is of given_slab */
    unsigned char parked;    /* conn_parked_t */
    apr_uint32_t heard;      /* monotonic second of the last byte */
    apr_uint32_t deadline;   /* monotonic second; OPEN: of the next sweep */
    push_conn_t *next, *prev; /* in the list of our state */
    apr_uint64_t id;
    conn_input_t *in;        /* unfinished input, NULL: none */
};

/* How far a TLS connection is. */
typedef enum {
    CONN_TLS_SHAKING, /* no bytes of ours pass before the handshake is done */
    CONN_TLS_OPEN,
    CONN_TLS_LEAVING, /* close_notify waits for the socket */
    CONN_TLS_BROKEN   /* it failed: what comes in is thrown away as it is */
} conn_tls_phase_t;

/* What a TLS connection has behind the protocol's struct. */
typedef struct {
    SSL *ssl;                  /* ours */
    unsigned char phase;       /* conn_tls_phase_t */
    unsigned char read_stuck;  /* reading waits until the socket takes bytes */
    unsigned char write_stuck; /* writing waits until bytes come in */
} conn_tls_t;

/* What a connection that came through httpd has there. */
typedef struct {
    push_ip_t ip;
    chat_identity_t *identity; /* ours; NULL: nobody, or it was dropped */
    int secure;
} conn_given_t;

typedef struct {
    push_conn_t *first, *last;
} conn_list_t;

/* A frame on its way to a socket in a batch. The batch's owner holds the frame.
 */
typedef struct {
    push_conn_t *c;
    push_frame_t *f;
} conn_send_t;

/* Sends that go out together. */
typedef struct {
    push_uring_t *ring;
    int is_open;      /* between push_conns_batch_begin() and _end() */
    apr_size_t bytes; /* of all frames in it */
    apr_uint32_t n;   /* of sends; as many are in the ring */
    conn_send_t sends[PUSH_URING_ROOM];
} conn_batch_t;

/* Bytes a connection may gather while its input is handled. */
#define CONN_CORK 16384

#define CONN_WHEEL 256 /* seconds; who is to wait longer is put off again */

/* Least bytes a read has room for. */
#define CONN_READ 16384

#define CONN_DATE 30 /* "Sun, 22 Nov 2026 18:15:00 GMT" and its end */

struct push_conns_t {
    push_loop_t *loop;
    const push_protocol_t *proto;
    push_slab_t *slab;
    push_slab_t *tls_slab; /* slots with a conn_tls_t */
    apr_size_t tls_at;     /* where it begins in them */
    push_slab_t *given_slab; /* slots with a conn_given_t, at tls_at as well */
    conn_list_t lists[PUSH_CONN_STATES]; /* but for OPEN */
    conn_list_t wheel[CONN_WHEEL];       /* OPEN, by deadline */
    apr_uint32_t swept;   /* monotonic second the wheel has come to */
    push_task_t sweeping; /* the rest of a long sweep */
    int sweeping_posted;
    push_conn_t *untold; /* first CLOSING one whose end was not told yet; all
                            behind it in that list were not either */
    push_conn_t *parked[PUSH_CONNS_PARKED]; /* in the order they came; NULL:
                                               it has ended meanwhile */
    apr_uint32_t nparked;
    int bodiless;        /* the request being handled has no body */
    push_conn_t *corked; /* whose input is being handled, NULL: nobody's */
    apr_size_t ncork;    /* bytes in cork */
    char *cork;
    conn_batch_t *batch; /* NULL: none, sends are done one by one */
    apr_size_t held_requests; /* bytes of large unfinished requests */
    apr_size_t held_messages; /* bytes of large unfinished messages */
    int crowd; /* descriptors from this one on are for HTTP */
    int retiring; /* no connection is kept for another request */
    apr_uint64_t next_id;
    push_deflate_t deflate; /* packs and unpacks for all of them */
    apr_size_t cost;        /* of what this turn has done that was dear: bytes
                               unpacked, and handshakes as so many bytes */
    char date[CONN_DATE]; /* for the Date header; the tick renews it */
    push_counters_t counters;
};

static inline void conn_count(apr_uint64_t *counter, apr_uint64_t n)
{
    __atomic_store_n(counter, *counter + n, __ATOMIC_RELAXED);
}

/* Most of `cost` in one turn. Who has dear work for us then waits for the next,
 * so that hundreds of them together cannot keep the others waiting either. */
#define CONN_TURN_COST (4 * 1024 * 1024)
#define CONN_SHAKE_COST (CONN_TURN_COST / 32)

/* Whether this turn has no room for more of what is dear. */
static inline int conn_turn_full(const push_conns_t *all)
{
    return all->cost >= CONN_TURN_COST;
}

/* conn.c */

/* A connection in a slot of `slab`. @return NULL: there is none, and the
 * descriptor is closed */
push_conn_t *conn_make(push_conns_t *conns, int fd, push_slab_t *slab);

/* The only place a connection changes state, and with it its list. */
void conn_enter(push_conn_t *c, push_conn_state_t next);

/* HTTP, and CLOSING once that was told: its time starts again now. */
void conn_restart(push_conn_t *c);

/* Begin the end: CLOSING, with why and the close code for the protocol. */
void conn_end(push_conn_t *c, push_end_t why, int code);

/* The socket failed with this errno. */
void conn_failed(push_conn_t *c, int err);

/* Bytes came in; buf[len] may be written to. Also called with none, when a
 * request that has waited in c->in may go on. */
void conn_take(push_conn_t *c, char *buf, apr_size_t len);

/* Room in c->in for `more` bytes, which is made when there is none. It grows
 * with what has come in, not with what was announced.
 * @return 0 when there is no memory or the loop holds too much already; the
 *         connection is ending then */
int conn_input_grow(push_conn_t *c, apr_size_t more);

/* Free input, which may be NULL. */
void conn_input_free(conn_input_t *in);

/* conn_out.c */

/* Send bytes after everything sent before; queue what the socket refuses. */
void conn_write(push_conn_t *c, const struct iovec *iov, int n);

/* The socket takes bytes again. */
void conn_flush(push_conn_t *c);

/* From here on to conn_uncork() what is sent to c is gathered. */
void conn_cork(push_conn_t *c);
void conn_uncork(push_conn_t *c);

/* CLOSING: when everything is sent, say so and wait for the peer's end. */
void conn_settle(push_conn_t *c);

/* Whether we read from it: not after its last byte, and not while an HTTP
 * client leaves its answer lying or its request is put aside. */
int conn_reads(const push_conn_t *c);

/* Tell epoll what we wait for now. */
void conn_rewatch(push_conn_t *c);

/* Drop what is queued. */
void conn_queue_free(push_conn_t *c);

/* conn_tls.c; all but for connections with `tls` set. */

/* What to ask of epoll where `events` would do for a plain connection. */
apr_uint32_t conn_tls_events(const push_conn_t *c, apr_uint32_t events);

/* epoll has spoken: go on with the handshake.
 * @return what that means for the connection, 0: nothing yet */
apr_uint32_t conn_tls_ready(push_conn_t *c, apr_uint32_t events);

/* As recv(); errno is EPROTO when TLS failed. */
ssize_t conn_tls_recv(push_conn_t *c, char *buf, apr_size_t room);

/* Offer bytes. @return how many were taken; it may be dead afterwards */
apr_size_t conn_tls_send(push_conn_t *c, const struct iovec *iov, int n);

/* Say close_notify. @return 0: it waits for the socket, conn_settle() is called
 * again */
int conn_tls_leave(push_conn_t *c);

void conn_tls_free(push_conn_t *c);

/* conn_http.c, conn_ws.c: the input of each kind. Both may end the connection;
 * bytes that are no use any more are dropped. */
void conn_http_take(push_conn_t *c, char *buf, apr_size_t len);
void conn_ws_take(push_conn_t *c, char *buf, apr_size_t len);

/* The time for a request is over: say so when one was under way. */
void conn_http_expire(push_conn_t *c);

/* It should be a WebSocket by now and is none: say so, unless it was answered,
 * and begin the end. */
void conn_http_stray(push_conn_t *c);

/* There is no room for more input: say so and begin the end. */
void conn_http_full(push_conn_t *c);
void conn_ws_full(push_conn_t *c);

#endif
