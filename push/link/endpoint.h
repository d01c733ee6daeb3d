/* SPDX-License-Identifier: Apache-2.0 */
/*
 * endpoint.h - asking an app's auth endpoint on behalf of a socket.
 *
 * For sockets that came to chat-push without httpd naming their user: what
 * their upgrade showed of itself (Cookie, Authorization) goes to the app's
 * `authEndpoint` with socket id and channel, as the client library would have
 * sent it, and the answer's `auth` is checked like any. A loop must not wait,
 * so it leaves a question here and goes on; one thread asks (libcurl), many at
 * a time, and posts the answer back to the loop.
 *
 * Everything is bounded: questions that wait, that are asked at once, the time
 * of each from its arrival, the size of an answer. Redirects are not followed.
 * What a socket showed is in no log line.
 */
#ifndef PUSH_ENDPOINT_H
#define PUSH_ENDPOINT_H

#include <apr_errno.h>
#include <apr_pools.h>

#include "loop.h"
#include "verdict.h"
#include "vouch.h"

#define PUSH_ENDPOINT_MOST 4096 /* questions that may wait */
#define PUSH_ENDPOINT_MS 5000   /* from a question to its answer */

/* What a socket showed of itself; counted, because questions outlive it. */
typedef struct {
    apr_uint32_t refs;  /* atomic */
    apr_size_t size;    /* bytes that it takes */
    const char *cookie; /* header values; NULL: it had none */
    const char *authorization;
    const char *origin;
    char bytes[]; /* the values */
} push_shown_t;

#define PUSH_SHOWN_MOST 8192      /* bytes of one socket's */
#define PUSH_SHOWN_ALL (64 << 20) /* bytes of all sockets' */

/** A header value that is to be kept; at NULL: there is none. */
typedef struct {
    const char *at;
    apr_size_t len;
} push_value_t;

/**
 * Keep what a socket showed.
 * @return one reference; NULL when it is nothing, too much, or no room is left
 */
push_shown_t *push_shown_create(push_value_t cookie, push_value_t authorization,
                                push_value_t origin);

push_shown_t *push_shown_retain(push_shown_t *shown);
void push_shown_release(push_shown_t *shown); /* NULL is fine */

/* A question; embed it first in your own struct, which the task that runs with
 * the answer frees. Texts live as long as this. */
typedef struct push_endpoint_ask_t push_endpoint_ask_t;
struct push_endpoint_ask_t {
    push_task_t task;          /* run on `loop` once `answer` is there */
    push_loop_t *loop;         /* who asks */
    push_endpoint_ask_t *next; /* in the queue */
    apr_uint64_t since;        /* when it came; set by push_endpoint_ask() */
    const char *url;
    push_shown_t *shown; /* a reference of the asker's */
    const char *socket_id;
    const char *channel;
    const char *question; /* value of CHAT_VOUCH_QUESTION */
    push_answer_t answer;
};

typedef struct push_endpoint_t push_endpoint_t;

/**
 * Prepare; nothing is opened.
 * @param log  told when an endpoint cannot say, and when it can again
 */
apr_status_t push_endpoint_create(push_endpoint_t **out,
                                  void (*log)(int trouble, const char *line),
                                  apr_pool_t *p);

apr_status_t push_endpoint_start(push_endpoint_t *e);

/** End the thread; what waits is answered UNKNOWN. Loops must still run. */
void push_endpoint_stop(push_endpoint_t *e);

/** Any loop. @return 0: too many questions wait, this one was not taken */
int push_endpoint_ask(push_endpoint_t *e, push_endpoint_ask_t *ask);

/**
 * The token that a double-submit cookie named XSRF-TOKEN holds, decoded, as a
 * page of the application would send it along (X-XSRF-TOKEN). Pure.
 * @param out  room for len + 1 bytes
 * @return 0 when there is none, or it is no header value
 */
int push_endpoint_xsrf(char *out, const char *cookie, apr_size_t len);

#endif
