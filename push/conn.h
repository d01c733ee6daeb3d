/* SPDX-License-Identifier: Apache-2.0 */
/*
 * conn.h - one connected socket: an HTTP client, then maybe a WebSocket.
 *
 * Transport only. It knows HTTP requests and WebSocket messages, not Pusher;
 * what they mean is the protocol's (client.c, api.c; ws-echo has its own). The
 * protocol's per-socket struct lies behind ours in the same slab slot, so a
 * connection is one piece of memory.
 *
 * push_conn_close() only marks a connection dead, because callers up the stack
 * still hold it; the end of the loop turn tells the protocol, closes the socket
 * and returns the slot. Bytes wait in a buffer of the connection only while a
 * request or message is unfinished; frames wait in its queue only while the
 * socket is full.
 *
 * Everything here runs on the loop's thread; there are no locks.
 */
#ifndef PUSH_CONN_H
#define PUSH_CONN_H

#include "frame.h"
#include "http.h"
#include "loop.h"

typedef struct push_conn_t push_conn_t;
typedef struct push_conns_t push_conns_t; /* all connections of one loop */

typedef enum {
    PUSH_CONN_HTTP,    /* reading requests; idle time bounded */
    PUSH_CONN_OPEN,    /* WebSocket: frames flow both ways */
    PUSH_CONN_CLOSING, /* close frame queued, input ignored, time bounded */
    PUSH_CONN_DEAD     /* closed and freed when this loop turn ends */
} push_conn_state_t;

/* Why a connection ended, for metrics and logs. */
typedef enum {
    PUSH_END_PEER,    /* it closed */
    PUSH_END_US,      /* we closed it: a protocol error or a request to */
    PUSH_END_SLOW,    /* its queue passed the limit */
    PUSH_END_TIMEOUT, /* silent too long, or slow with its request */
    PUSH_END_ERROR    /* the socket failed */
} push_end_t;

/* What stands behind the transport. Called on the loop's thread. */
typedef struct {
    apr_size_t client_size; /* bytes of the protocol's struct per connection,
                               zeroed when the connection is made */
    apr_size_t max_body;    /* longest HTTP body, bytes: 413 above */
    apr_size_t max_message; /* longest WebSocket message, bytes: 1009 above */
    apr_size_t max_queue;   /* most bytes waiting for a socket; above: dead */
    apr_uint32_t http_idle; /* seconds an HTTP client may take or idle */

    /* A whole request. Answer with push_conn_reply() or push_conn_upgrade()
     * before returning. head and body are valid during the call only. */
    void (*request)(push_conn_t *c, const http_head_t *head, char *body,
                    apr_size_t len);
    /* A whole WebSocket message (WS_TEXT or WS_BINARY); text is valid UTF-8.
     * data may be written to and is valid during the call only; data[len] is
     * a byte we own and set to 0. */
    void (*message)(push_conn_t *c, int opcode, char *data, apr_size_t len);
    /* About once in ten seconds for each open WebSocket: time to ping? */
    void (*sweep)(push_conn_t *c, apr_uint32_t now);
    /* The end of every connection that was upgraded, exactly once.
     * @param code  of the close frame sent or received, 1006 when there was
     *              none */
    void (*closed)(push_conn_t *c, push_end_t why, int code);
} push_protocol_t;

/** Connections for one loop; registers its tick and turn end with the loop. */
apr_status_t push_conns_create(push_conns_t **conns, push_loop_t *loop,
                               const push_protocol_t *proto, apr_pool_t *p);

/**
 * Take over a connected, non-blocking socket.
 * @param head  bytes already read from it (handoff), or NULL
 * @return NULL when no slot could be had; the socket is closed then
 */
push_conn_t *push_conn_accept(push_conns_t *conns, int fd, const void *head,
                              apr_size_t len);

/** The protocol's struct of a connection. */
void *push_conn_client(push_conn_t *c);
/** The connection of a protocol's struct. */
push_conn_t *push_conn_of(void *client);

push_loop_t *push_conn_loop(const push_conn_t *c);
push_conns_t *push_conn_all(const push_conn_t *c);
push_conn_state_t push_conn_state(const push_conn_t *c);

/** Monotonic second any byte last came in. */
apr_uint32_t push_conn_heard(const push_conn_t *c);

/** A number unique on its loop for the process's life: log and socket id. */
apr_uint64_t push_conn_id(const push_conn_t *c);

/** The peer's address as text into buf (46 bytes suffice). */
void push_conn_address(const push_conn_t *c, char *buf, apr_size_t len);

/**
 * Answer an HTTP request.
 * @param type  Content-Type, or NULL for no body type
 * @param extra more header lines, each ended by CRLF, or NULL
 */
void push_conn_reply(push_conn_t *c, const http_head_t *head, int status,
                     const char *type, const char *extra, const void *body,
                     apr_size_t len);

/**
 * Answer 101 and become a WebSocket; RFC 6455 section 4.2 is checked here.
 * @return 0 when the request is no valid upgrade: a 4xx has been sent
 */
int push_conn_upgrade(push_conn_t *c, const http_head_t *head);

/**
 * Send a frame: at once when the socket takes it, else queued. The caller keeps
 * its reference. Past max_queue the connection is dead with PUSH_END_SLOW.
 */
void push_conn_send(push_conn_t *c, push_frame_t *f);

/** Send a text message of the caller's bytes. */
void push_conn_text(push_conn_t *c, const char *text, apr_size_t len);

/**
 * Start closing a WebSocket: a close frame with code and reason (at most 123
 * bytes of it), input ignored, gone when the peer answers or after 5 seconds.
 */
void push_conn_close(push_conn_t *c, int code, const char *reason);

/** Gone at the end of this turn, nothing more is sent. */
void push_conn_kill(push_conn_t *c, push_end_t why);

/** Call fn for every connection of the loop in a state. */
void push_conns_each(push_conns_t *conns, push_conn_state_t state,
                     void (*fn)(push_conn_t *c, void *baton), void *baton);

/** Connections by state; bytes queued in all. For metrics, loop thread. */
apr_size_t push_conns_count(const push_conns_t *conns, push_conn_state_t s);
apr_size_t push_conns_queued(const push_conns_t *conns);

#endif
