/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fuzz_conn.c - a whole connection: the same bytes in one packet and in many
 * must get the same answers.
 *
 * The first byte of the input says how long the packets are, in its top bit
 * whether the connection is a WebSocket already, and in the next one whether
 * that compresses. The rest goes through a socket
 * pair to a real loop. The protocol behind it echoes; what asks for /wait is put aside
 * for some turns first. Dates and 100 Continue
 * are left out of the comparison: the one depends on the clock, the other on
 * whether the body is there yet. So are killed connections, which lose what was
 * gathered for the packet.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include <apr_general.h>

#include "conn.h"
#include "ws.h"

#define INPUT_MAX 16384
#define OUTPUT_MAX (4 * 1024 * 1024)
#define TURNS_MAX 200000

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define UPGRADE                                                                \
    "GET /ws HTTP/1.1\r\nHost: h\r\nUpgrade: websocket\r\n"                    \
    "Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"                     \
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
static const char *const upgrades[] = {
    UPGRADE "\r\n",
    UPGRADE "Sec-WebSocket-Extensions: permessage-deflate\r\n\r\n"
};

static int killed; /* the message "kill" came */

static void must(int holds)
{
    if (!holds) {
        abort();
    }
}

/* --- the protocol -------------------------------------------------------- */

/* Some heads are refused, some bodies limited, most are let in. */
static apr_size_t on_head(push_conn_t *c, const http_head_t *head)
{
    if (http_span_is(&head->path, "/no")) {
        push_conn_reply(c, head, 401, NULL, NULL, "no", 2);
    }
    return http_span_is(&head->path, "/small") ? 4 : 8000;
}

static void on_request(push_conn_t *c, const http_head_t *head, char *body,
                       apr_size_t len)
{
    if (http_span_is(&head->path, "/wait") && push_conn_park(c)) {
        return;
    }
    if (http_header(head, "upgrade") != NULL) {
        push_conn_upgrade(c, head, 1);
        return;
    }
    push_conn_reply(c, head, 200, "text/plain", NULL, body, len);
}

static void on_message(push_conn_t *c, int opcode, char *data, apr_size_t len)
{
    push_frame_t *f;

    must(data[len] == '\0');
    must(opcode == WS_BINARY || chat_utf8_valid(data, len));
    if (strcmp(data, "kill") == 0) {
        killed = 1;
        push_conn_kill(c, PUSH_END_US);
        return;
    }
    f = push_frame_ws(opcode, data, len);
    push_conn_send(c, f);
    push_frame_release(f);
}

static apr_uint32_t on_sweep(push_conn_t *c, apr_uint32_t now)
{
    (void)c;
    return now + 1;
}

static void on_closed(push_conn_t *c, push_end_t why, int code)
{
    int *told = push_conn_client(c);

    (void)why;
    must(code >= 1000 && code < 5000);
    must(++*told == 1);
}

static const push_protocol_t protocol = {
    .client_size = sizeof(int),
    .max_body = 8000,
    .max_message = 8000,
    .max_queue = 4 * 1024 * 1024,
    .http_idle = 60,
    .head = on_head,
    .request = on_request,
    .message = on_message,
    .sweep = on_sweep,
    .closed = on_closed,
};

/* --- the other end ------------------------------------------------------- */

typedef struct {
    push_task_t task; /* first; runs in every turn of the loop */
    push_conns_t *conns;
    int fd;
    const uint8_t *data;
    size_t size;   /* not sent yet */
    size_t packet; /* bytes sent in one turn */
    int turns;
    char *heard; /* OUTPUT_MAX bytes of room */
    size_t nheard;
} peer_t;

static void peer_hear(peer_t *p)
{
    ssize_t n;

    while ((n = recv(p->fd, p->heard + p->nheard, OUTPUT_MAX - p->nheard,
                     MSG_DONTWAIT)) > 0) {
        p->nheard += (size_t)n;
    }
}

/* The next packet; after the last one our end of the socket is closed. */
static void peer_say(peer_t *p)
{
    size_t len = p->packet < p->size ? p->packet : p->size;
    ssize_t n;

    if (p->size == 0) {
        shutdown(p->fd, SHUT_WR);
        return;
    }
    n = send(p->fd, p->data, len, MSG_DONTWAIT | MSG_NOSIGNAL);
    if (n > 0) {
        p->data += n;
        p->size -= (size_t)n;
    }
    else if (errno != EAGAIN) {
        p->size = 0; /* it does not listen any more */
    }
}

static apr_size_t alive(const push_conns_t *conns)
{
    return push_conns_count(conns, PUSH_CONN_HTTP) +
           push_conns_count(conns, PUSH_CONN_OPEN) +
           push_conns_count(conns, PUSH_CONN_CLOSING) +
           push_conns_count(conns, PUSH_CONN_DEAD);
}

static void peer_run(push_loop_t *loop, push_task_t *task)
{
    peer_t *p = (peer_t *)task;

    peer_hear(p);
    must(++p->turns < TURNS_MAX);
    if (alive(p->conns) == 0) {
        push_loop_stop(loop);
        return;
    }
    peer_say(p);
    if (p->turns % 3 == 0) {
        push_conns_unpark(p->conns, push_conns_parked(p->conns));
    }
    push_loop_post(loop, task);
}

/* Send the input in packets of a size. @return what was heard */
static peer_t converse(const uint8_t *data, size_t size, size_t packet)
{
    push_loop_t *loop;
    apr_pool_t *pool;
    peer_t p;
    int fds[2];

    memset(&p, 0, sizeof(p));
    must(apr_pool_create(&pool, NULL) == APR_SUCCESS);
    must(push_loop_create(&loop, 0, pool) == APR_SUCCESS);
    must(push_conns_create(&p.conns, loop, &protocol, pool) == APR_SUCCESS);
    must(socketpair(AF_UNIX, SOCK_STREAM, 0, fds) == 0);
    fcntl(fds[1], F_SETFL, O_NONBLOCK);
    must(push_conn_accept(p.conns, fds[1], NULL, 0) != NULL);
    p.fd = fds[0];
    p.data = data;
    p.size = size;
    p.packet = packet;
    p.heard = malloc(OUTPUT_MAX);
    must(p.heard != NULL);
    p.task.run = peer_run;
    push_loop_post(loop, &p.task);
    push_loop_run(loop);
    must(push_conns_queued(p.conns) == 0);
    apr_pool_destroy(pool);
    close(fds[0]);
    return p;
}

/* Cut out every stretch from `begin` on up to a line end. */
static void cut_lines(peer_t *p, const char *begin, size_t after)
{
    char *at = p->heard, *end;

    while ((at = memmem(at, p->nheard - (size_t)(at - p->heard), begin,
                        strlen(begin))) != NULL) {
        end = memchr(at, '\n', p->nheard - (size_t)(at - p->heard));
        must(end != NULL && (size_t)(end - p->heard) + 1 + after <= p->nheard);
        end += 1 + after;
        memmove(at, end, p->nheard - (size_t)(end - p->heard));
        p->nheard -= (size_t)(end - at);
    }
}

static void compare(const uint8_t *data, size_t size, size_t packet)
{
    peer_t whole, cut;

    killed = 0;
    whole = converse(data, size, size);
    cut = converse(data, size, packet);
    cut_lines(&whole, "HTTP/1.1 100 Continue", 2);
    cut_lines(&cut, "HTTP/1.1 100 Continue", 2);
    cut_lines(&whole, "Date: ", 0);
    cut_lines(&cut, "Date: ", 0);
    must(killed || whole.nheard == cut.nheard);
    must(killed || memcmp(whole.heard, cut.heard, whole.nheard) == 0);
    free(whole.heard);
    free(cut.heard);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static int started;
    const char *upgrade = upgrades[size > 0 && (data[0] & 0x40) != 0];
    uint8_t *all;
    size_t head;

    if (size < 2 || size > INPUT_MAX) {
        return 0;
    }
    if (!started) {
        started = apr_initialize() == APR_SUCCESS;
    }
    head = data[0] & 0x80 ? strlen(upgrade) : 0;
    all = malloc(head + size);
    must(all != NULL);
    memcpy(all, upgrade, head);
    memcpy(all + head, data + 1, size - 1);
    compare(all, head + size - 1, (data[0] & 0x3f) + 1);
    free(all);
    return 0;
}
