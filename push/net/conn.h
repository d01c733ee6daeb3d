/* SPDX-License-Identifier: Apache-2.0 */
/*
 * conn.h - one connected socket: an HTTP client, then maybe a WebSocket.
 *
 * Where a listener has a certificate the bytes go through TLS; nobody above
 * notices. Counted are the bytes inside.
 *
 * Transport only. It knows HTTP requests and WebSocket messages, not Pusher;
 * what they mean is the protocol's (client.c, api.c; ws-echo has its own). The
 * protocol's per-socket struct lies behind ours in the same slab slot, so a
 * connection is one piece of memory.
 *
 * push_conn_close() and push_conn_kill() only mark a connection, because
 * callers up the stack still hold it; the end of the loop turn tells the
 * protocol, closes the socket and returns the slot. Bytes wait in a buffer of
 * the connection only while a request or message is unfinished; frames wait in
 * its queue only while the socket is full. What is sent to a connection while
 * its own input is being handled goes out together when that is done, unless
 * the connection is killed before.
 *
 * Everything here runs on the loop's thread; there are no locks. Only the
 * counters may be read from elsewhere.
 */
#ifndef PUSH_CONN_H
#define PUSH_CONN_H

#include "forwarded.h"
#include "frame.h"
#include "http.h"
#include "identity.h"
#include "loop.h"
#include "tls.h"

typedef struct push_conn_t push_conn_t;
typedef struct push_conns_t push_conns_t; /* all connections of one loop */

typedef enum {
    PUSH_CONN_HTTP,    /* reading requests; idle time bounded */
    PUSH_CONN_OPEN,    /* WebSocket: frames flow both ways */
    PUSH_CONN_CLOSING, /* last words queued, input ignored, time bounded */
    PUSH_CONN_DEAD     /* closed and freed when this loop turn ends */
} push_conn_state_t;
#define PUSH_CONN_STATES 4

/* Why a connection ended, for metrics and logs. */
typedef enum {
    PUSH_END_PEER,    /* it closed */
    PUSH_END_US,      /* we closed it: a protocol error or a request to */
    PUSH_END_SLOW,    /* its queue passed the limit */
    PUSH_END_TIMEOUT, /* silent too long, or slow with its request */
    PUSH_END_ERROR    /* the socket failed */
} push_end_t;
#define PUSH_ENDS 5

#define PUSH_CLOSES 37 /* close codes that are counted, see push_close_name() */

/* What one loop has seen. Written by the loop's thread only; read it anywhere
 * with push_counter_get(). Everything but `states`, `queued` and `secure`
 * only grows. */
typedef struct {
    apr_uint64_t accepts;      /* sockets taken over */
    apr_uint64_t adopted;      /* those of them that came through httpd */
    apr_uint64_t refused;      /* sockets closed for want of memory */
    apr_uint64_t requests;     /* HTTP requests, once their head is whole */
    apr_uint64_t bad_requests; /* requests the transport refused itself */
    apr_uint64_t upgrades;     /* WebSockets opened */
    apr_uint64_t bytes_in, bytes_out;
    apr_uint64_t messages_in, messages_out;  /* text and binary, WebSockets */
    apr_uint64_t ends[PUSH_ENDS];            /* WebSockets, by push_end_t */
    apr_uint64_t http_ends[PUSH_ENDS];       /* other connections */
    apr_uint64_t closes[PUSH_CLOSES];        /* WebSockets, by push_close_slot() */
    apr_uint64_t states[PUSH_CONN_STATES];   /* connections now, by state */
    apr_uint64_t queued;                     /* bytes waiting for sockets now */
    apr_uint64_t queue_peak;                 /* the longest queue of one, bytes */
    apr_uint64_t secure;                     /* connections with TLS now */
} push_counters_t;

static inline apr_uint64_t push_counter_get(const apr_uint64_t *counter)
{
    return __atomic_load_n(counter, __ATOMIC_RELAXED);
}

/* What stands behind the transport. Called on the loop's thread. */
typedef struct {
    apr_size_t client_size; /* bytes of the protocol's struct per connection,
                               zeroed when the connection is made */
    apr_size_t max_body;    /* longest HTTP body, bytes: 413 above */
    apr_size_t max_message; /* longest WebSocket message, bytes: 1009 above */
    apr_size_t max_queue;   /* most bytes waiting for a socket; above: dead */
    apr_size_t max_input;   /* most bytes a loop keeps of unfinished requests,
                               and as many of messages: 503, 1013 above. What
                               is small is always kept. 0: no limit */
    apr_uint32_t http_idle; /* seconds an HTTP client may take or idle */

    /* The head of a request, before its body is waited for; may be NULL. It
     * comes once for every request, and again after push_conn_doubt(). To refuse it answer with push_conn_reply():
     * `request` is not called then, and the connection closes when there is a
     * body, because nobody reads that.
     * @return longest body this request may have, bytes: 413 above */
    apr_size_t (*head)(push_conn_t *c, const http_head_t *head);
    /* A whole request that was not refused. Answer with push_conn_reply() or
     * push_conn_upgrade() before returning; without an answer 500 is sent. head
     * and body are valid during the call only; the body may be written to. */
    void (*request)(push_conn_t *c, const http_head_t *head, char *body,
                    apr_size_t len);
    /* A whole WebSocket message (WS_TEXT or WS_BINARY); text is valid UTF-8.
     * data may be written to and is valid during the call only; data[len] is
     * a byte we own and set to 0. */
    void (*message)(push_conn_t *c, int opcode, char *data, apr_size_t len);
    /* An open WebSocket is looked at: time to ping, or to end it? The first
     * time within two seconds of its opening.
     * @return monotonic second of the next look; it comes at the beginning of
     *         that second, or earlier when that is minutes away */
    apr_uint32_t (*sweep)(push_conn_t *c, apr_uint32_t now);
    /* The end of every connection that was upgraded, exactly once, at the end of
     * the turn in which it left the state OPEN. No call for it follows; its
     * last words may still be on their way.
     * @param code  of the close frame sent or received, 1006 when there was
     *              none */
    void (*closed)(push_conn_t *c, push_end_t why, int code);
} push_protocol_t;

/**
 * Connections for one loop; registers its tick and turn end with the loop. What
 * is left of them when p goes is closed without a word to the protocol.
 * @param proto  kept, not copied
 */
apr_status_t push_conns_create(push_conns_t **conns, push_loop_t *loop,
                               const push_protocol_t *proto, apr_pool_t *p);

/**
 * Take over a connected, non-blocking socket.
 * @param head  bytes already read from it, or NULL
 * @return NULL when no slot could be had; the socket is closed then
 */
push_conn_t *push_conn_accept(push_conns_t *conns, int fd, const void *head,
                              apr_size_t len);

/* What is known of a socket that came through httpd. */
typedef struct {
    push_ip_t ip;     /* the client's, as httpd sees it; not the peer's where a
                         proxy stands before httpd */
    int secure;       /* between the client and httpd is TLS */
    const chat_identity_t *identity; /* who had logged in; NULL: nobody */
} push_given_t;

/**
 * The same for such a socket. One request is handled, the upgrade that httpd
 * looked at: whatever is no WebSocket afterwards is closed, because every other
 * request is httpd's.
 * @param given  copied
 * @param bytes  the request's head and what was read behind it
 */
push_conn_t *push_conn_adopt(push_conns_t *conns, int fd,
                             const push_given_t *given, const void *bytes,
                             apr_size_t len);

/** The same with TLS, and without bytes already read. */
push_conn_t *push_conn_accept_tls(push_conns_t *conns, int fd, push_tls_t *tls);

/**
 * Number the connections from here on: where a loop has several sets of them
 * that share a protocol, their ids must differ. Before the first one.
 */
void push_conns_number(push_conns_t *conns, apr_uint64_t first);

/** The protocol's struct of a connection. */
void *push_conn_client(push_conn_t *c);
/** The connection of a protocol's struct. */
push_conn_t *push_conn_of(void *client);

push_loop_t *push_conn_loop(const push_conn_t *c);
push_conns_t *push_conn_all(const push_conn_t *c);
push_conn_state_t push_conn_state(const push_conn_t *c);
push_loop_t *push_conns_loop(const push_conns_t *conns);

/**
 * Whether it has one of the last 64 descriptors the process may open. These are
 * for HTTP requests, so that publishing goes on when WebSockets have taken all
 * the others: answer an upgrade with an error or close it as over capacity.
 */
int push_conn_crowded(const push_conn_t *c);

/** Monotonic second any byte last came in. */
apr_uint32_t push_conn_heard(const push_conn_t *c);

/** From 1, never used again among its loop's connections: log and socket id. */
apr_uint64_t push_conn_id(const push_conn_t *c);

/** Its descriptor, to ask the kernel about it. */
int push_conn_fd(const push_conn_t *c);

/** Whether TLS is between the client and us, or httpd if it came through that.
 */
int push_conn_is_tls(const push_conn_t *c);

/** The peer's address, or what httpd said; unknown for a Unix socket's. */
void push_conn_ip(const push_conn_t *c, push_ip_t *ip);

/** Whose log-in came with the upgrade through httpd; known until
 * push_conn_identity_drop(). NULL: nobody's, or it did not come that way. */
const chat_identity_t *push_conn_identity(const push_conn_t *c);

/** It has been read: free it. */
void push_conn_identity_drop(push_conn_t *c);

/** The same as text, "" if unknown. */
void push_conn_address(const push_conn_t *c, char out[PUSH_IP_TEXT]);

/**
 * Answer an HTTP request. A HEAD request gets no body. The connection closes
 * afterwards unless the head says it may stay.
 * @param head  of the request; NULL: unparsable, the connection will close
 * @param type  Content-Type, or NULL for no body type
 * @param extra more header lines, each ended by CRLF, or NULL
 */
void push_conn_reply(push_conn_t *c, const http_head_t *head, int status,
                     const char *type, const char *extra, const void *body,
                     apr_size_t len);

/**
 * Answer 101 and become a WebSocket; RFC 6455 section 4.2 is checked here.
 * @param deflate  whether messages may be compressed if the client offers it
 * @return 0 when the request is no valid upgrade: a 4xx has been sent
 */
int push_conn_upgrade(push_conn_t *c, const http_head_t *head, int deflate);

/** Answer with {"error": why, "code": status}; why is plain ASCII. */
void push_conn_refuse(push_conn_t *c, const http_head_t *head, int status,
                      const char *why);

/**
 * Send a frame: at once when the socket takes it, else queued. The caller keeps
 * its reference. Past max_queue the connection is dead with PUSH_END_SLOW.
 */
void push_conn_send(push_conn_t *c, push_frame_t *f);

/**
 * Let these connections send in batches, where the kernel allows it (uring.h).
 * @return an error when it does not: they go on with a system call a frame
 */
apr_status_t push_conns_batch_open(push_conns_t *conns, apr_pool_t *p);

/* Sends worth a batch: 8 cost more in one than without, 16 a little less, 64
 * save a tenth, 500 a seventh. */
#define PUSH_CONNS_BATCH 16

/**
 * From here on to push_conns_batch_end() push_conn_send() may gather its frames;
 * to whom it is called is the caller's affair, but
 * - nothing else is sent to any of these connections, and to each one frame,
 * - the caller keeps its references until the end.
 * Then everything is as if each frame had been sent at once.
 */
void push_conns_batch_begin(push_conns_t *conns);
void push_conns_batch_end(push_conns_t *conns);

/** Bytes that can be sent at once without filling the queue past its half. */
apr_size_t push_conn_room(const push_conn_t *c);

/** Send a text message of the caller's bytes. */
void push_conn_text(push_conn_t *c, const char *text, apr_size_t len);

/**
 * Start closing a WebSocket: a close frame with code and reason (at most 123
 * bytes of it), input ignored, gone when the peer answers or after 5 seconds.
 */
void push_conn_close(push_conn_t *c, int code, const char *reason);

/** Gone at the end of this turn, nothing more is sent. */
void push_conn_kill(push_conn_t *c, push_end_t why);

/** Call fn for every connection of the loop in a state; it may close any. */
void push_conns_each(push_conns_t *conns, push_conn_state_t state,
                     void (*fn)(push_conn_t *c, void *baton), void *baton);

/**
 * What the protocol's `head` has said of a request whose body is still coming
 * may not hold any more: it is asked again when the body is here.
 */
void push_conn_doubt(push_conn_t *c);

/* Requests of a loop that may be put aside at once. */
#define PUSH_CONNS_PARKED 256

/**
 * Put the request that the protocol is being asked about aside instead of
 * answering it. It is asked again after push_conns_unpark(); meanwhile nothing
 * is read from the connection.
 * @return 0 when this request has to be answered now: it has waited already, it
 *         has a body, or too many others wait
 */
int push_conn_park(push_conn_t *c);

/** How many requests of a loop are put aside, with those that have ended since. */
apr_uint32_t push_conns_parked(const push_conns_t *conns);

/** Ask the protocol again about the n that were put aside first. */
void push_conns_unpark(push_conns_t *conns, apr_uint32_t n);

/** Look at an open WebSocket in the next second, whatever sweep has said. */
void push_conn_look(push_conn_t *c);

/** The connection of a state whose time comes first; NULL: none. */
push_conn_t *push_conns_first(push_conns_t *conns, push_conn_state_t state);

/**
 * The process is about to end: from here on every answer to a request closes
 * its connection.
 * @return requests that are not whole or whose answer is not taken yet
 */
apr_size_t push_conns_retire(push_conns_t *conns);

/** Connections in a state; bytes queued in all. Any thread. */
apr_size_t push_conns_count(const push_conns_t *conns, push_conn_state_t s);
apr_size_t push_conns_queued(const push_conns_t *conns);

/** Any thread; see push_counter_get(). */
const push_counters_t *push_conns_counters(const push_conns_t *conns);

/** The name of a reason, for metrics and logs. */
const char *push_end_name(push_end_t why);

/**
 * Where a close code is counted: codes that mean something have a place of
 * their own, the others share one with what is like them.
 */
int push_close_slot(int code);

/** What is counted there: "4200", or "42xx" for others like it. */
const char *push_close_name(int slot);

#endif
