/* SPDX-License-Identifier: Apache-2.0 */
/*
 * loop.h - one thread, one epoll set, and everything that lives on it.
 *
 * chat-push runs N of these (CHAT_PUSH_LOOPS, default one per core). A
 * connection belongs to one loop for life. Other threads talk to a loop by
 * posting a task: a lock-free list and an eventfd, so the fan-out path takes no
 * lock. A turn of the loop is: wait, run posted tasks, handle ready sockets, run
 * what was posted meanwhile, once a second the sweep, then reap what died during
 * the turn. Tasks come first because of what a client may know: who publishes,
 * has the answer and asks something of another loop finds the event delivered.
 *
 * epoll is used directly: an apr_socket_t per connection costs 512 bytes and an
 * apr_pool 8 kB; ours is about a hundred.
 */
#ifndef PUSH_LOOP_H
#define PUSH_LOOP_H

#include <apr_pools.h>
#include <apr_errno.h>
#include <apr_time.h>

#include "histogram.h"

typedef struct push_loop_t push_loop_t;
typedef struct push_watch_t push_watch_t;
typedef struct push_task_t push_task_t;

/* Something with a descriptor; embed it first in your own struct. */
struct push_watch_t {
    void (*ready)(push_watch_t *w, apr_uint32_t events); /* EPOLLIN … */
    int fd;
};

/* Something to do on a loop's thread; embed it, the runner frees it. */
struct push_task_t {
    push_task_t *next;
    void (*run)(push_loop_t *loop, push_task_t *task);
};

/* Called at about the beginning of each second on the loop's thread. */
typedef void (*push_tick_fn)(push_loop_t *loop, void *baton);

/**
 * Make a loop; push_loop_run() makes it live.
 * @param index  0..N-1, its name in logs and metrics
 */
apr_status_t push_loop_create(push_loop_t **loop, int index, apr_pool_t *p);

/** Run until push_loop_stop(); the calling thread becomes the loop's thread. */
void push_loop_run(push_loop_t *loop);

/** Ask a loop to end after its current turn. Any thread or signal handler. */
void push_loop_stop(push_loop_t *loop);

/** Hand a task to a loop. Any thread; tasks of one poster stay in order. */
void push_loop_post(push_loop_t *loop, push_task_t *task);

/** Whether a loop sleeps and has handled all that came in before this call. Any
 * thread; while it wakes up the answer is no. */
int push_loop_idle(push_loop_t *loop);

/* The rest is for the loop's own thread. */

/** Whether tasks wait that were posted before now. Who has been told that their
 * poster is done must not overtake them (hub.c). */
int push_loop_pending(const push_loop_t *loop);

apr_status_t push_loop_watch(push_loop_t *loop, push_watch_t *w,
                             apr_uint32_t events);
apr_status_t push_loop_change(push_loop_t *loop, push_watch_t *w,
                              apr_uint32_t events);
void push_loop_unwatch(push_loop_t *loop, push_watch_t *w);

/** Call fn about once a second until the loop ends. */
void push_loop_on_tick(push_loop_t *loop, push_tick_fn fn, void *baton);

/** Call fn at the end of every turn (reaping). */
void push_loop_on_turn_end(push_loop_t *loop, push_tick_fn fn, void *baton);

int push_loop_index(const push_loop_t *loop);

/** Monotonic seconds, milliseconds, microseconds, read when a turn begins. */
apr_uint32_t push_loop_seconds(const push_loop_t *loop);
apr_uint64_t push_loop_millis(const push_loop_t *loop);
apr_uint64_t push_loop_micros(const push_loop_t *loop);

/** How long turns took, from what was ready to the next wait. Any thread. */
const push_histogram_t *push_loop_turns(const push_loop_t *loop);

/** A pool cleared at the end of every turn: for answers and JSON. */
apr_pool_t *push_loop_scratch(push_loop_t *loop);

/** The loop's one read buffer; valid until the reader returns. */
#define PUSH_LOOP_BUFFER 65536
unsigned char *push_loop_buffer(push_loop_t *loop);

#endif
