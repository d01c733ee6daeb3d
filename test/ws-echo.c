/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ws-echo.c - a WebSocket echo server made of chat-push's own transport.
 *
 *   build/ws-echo PORT     (0: any free port)
 *
 * Conformance suites need an echo; this one sends every message back as it
 * came, compressed when the client offers permessage-deflate. It prints "listening on PORT" when it is ready and runs until SIGTERM
 * or SIGINT. For tests only, it is not installed.
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <apr_general.h>

#include "listener.h"
#include "ws.h"

#define MESSAGE_MAX (64 * 1024 * 1024)
#define QUEUE_MAX (256 * 1024 * 1024)

static push_loop_t *loop;

static void request(push_conn_t *c, const http_head_t *head, char *body,
                    apr_size_t len)
{
    (void)body;
    (void)len;
    push_conn_upgrade(c, head, 1);
}

static void message(push_conn_t *c, int opcode, char *data, apr_size_t len)
{
    push_frame_t *f = push_frame_ws(opcode, data, len);

    push_conn_send(c, f);
    push_frame_release(f);
}

static apr_uint32_t sweep(push_conn_t *c, apr_uint32_t now)
{
    (void)c;
    return now + 60;
}

static void closed(push_conn_t *c, push_end_t why, int code)
{
    (void)c;
    (void)why;
    (void)code;
}

static const push_protocol_t echo = {
    .max_body = 65536,
    .max_message = MESSAGE_MAX,
    .max_queue = QUEUE_MAX,
    .http_idle = 10,
    .request = request,
    .message = message,
    .sweep = sweep,
    .closed = closed,
};

/* Only stores and writes to an eventfd, both allowed in a signal handler. */
static void on_signal(int sig)
{
    (void)sig;
    push_loop_stop(loop);
}

static int fail(const char *what)
{
    fprintf(stderr, "ws-echo: %s\n", what);
    return 1;
}

int main(int argc, char **argv)
{
    push_listener_t *listener;
    push_conns_t *conns;
    const char *why = "";
    char *end = NULL;
    apr_pool_t *p;
    long port;

    port = argc == 2 ? strtol(argv[1], &end, 10) : -1;
    if (port < 0 || port > 65535 || *end != '\0' || end == argv[1]) {
        return fail("usage: ws-echo PORT");
    }
    apr_initialize();
    apr_pool_create(&p, NULL);
    if (push_loop_create(&loop, 0, p) != APR_SUCCESS ||
        push_conns_create(&conns, loop, &echo, p) != APR_SUCCESS) {
        return fail("no event loop");
    }
    if (push_listener_open(&listener, &conns, 1, "127.0.0.1", (int)port,
                           &why, p) != APR_SUCCESS) {
        return fail(why);
    }
    signal(SIGTERM, on_signal);
    signal(SIGINT, on_signal);
    printf("listening on %d\n", push_listener_port(listener));
    fflush(stdout);
    push_loop_run(loop);
    apr_terminate();
    return 0;
}
