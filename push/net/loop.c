/* SPDX-License-Identifier: Apache-2.0 */
/*
 * loop.c - one thread, one epoll set (loop.h).
 *
 * Tasks come in through a stack that posters push to with one compare and
 * exchange; the loop takes the whole stack at once and turns it round, so tasks
 * of one poster keep their order. The eventfd is written only when the loop
 * sleeps: it announces that in `sleeping` before it looks at the stack a last
 * time, and a poster looks at `sleeping` after it has pushed, so one of the two
 * always sees the other (both sides are sequentially consistent).
 *
 * The eventfd is edge-triggered and never read: every write is a new edge.
 */
#include <errno.h>
#include <poll.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>
#include <apr_allocator.h>

#include "loop.h"

#define EVENTS_PER_TURN 256
#define TICK_MS 1000
#define SCRATCH_KEPT 65536 /* bytes the scratch pool keeps between turns */

/* A function registered with on_tick or on_turn_end. */
typedef struct hook_t hook_t;
struct hook_t {
    hook_t *next;
    push_tick_fn fn;
    void *baton;
};

struct push_loop_t {
    apr_pool_t *pool;
    int index;
    int epoll;           /* ours */
    int wake;            /* eventfd; ours */
    push_task_t *tasks;  /* atomic: newest first */
    push_task_t *taken;  /* of them, what this turn has still to run; in order */
    int sleeping;        /* atomic: a poster must write to `wake` */
    int stopping;        /* atomic */
    apr_uint64_t micros; /* monotonic, when this turn began */
    apr_uint64_t millis; /* the same */
    push_histogram_t turns; /* how long turns took */
    apr_uint64_t tick;   /* monotonic millisecond of the next tick */
    hook_t *ticks;
    hook_t *turn_ends;
    apr_pool_t *scratch;
    int scratch_used; /* since it was last cleared */
    unsigned char *buffer;
    int nevents; /* of this turn's batch */
    unsigned int batches; /* with events, ever */
    struct epoll_event events[EVENTS_PER_TURN];
};

static void clock_read(push_loop_t *loop)
{
    loop->micros = push_micros();
    loop->millis = loop->micros / 1000;
}

/* Ticks come at the beginning of a second, so that what is due in a second is
 * not done at its end. */
static apr_uint64_t next_tick(const push_loop_t *loop)
{
    return (loop->millis / TICK_MS + 1) * TICK_MS;
}

static apr_status_t loop_cleanup(void *baton)
{
    push_loop_t *loop = baton;

    close(loop->wake);
    close(loop->epoll);
    return APR_SUCCESS;
}

/* The scratch pool has an allocator of its own, so that two loops never meet at
 * one allocator's lock. */
static apr_status_t scratch_create(push_loop_t *loop)
{
    apr_allocator_t *allocator;
    apr_status_t rv = apr_allocator_create(&allocator);

    if (rv != APR_SUCCESS) {
        return rv;
    }
    apr_allocator_max_free_set(allocator, SCRATCH_KEPT);
    rv = apr_pool_create_ex(&loop->scratch, loop->pool, NULL, allocator);
    if (rv != APR_SUCCESS) {
        apr_allocator_destroy(allocator);
        return rv;
    }
    apr_allocator_owner_set(allocator, loop->scratch);
    return APR_SUCCESS;
}

apr_status_t push_loop_create(push_loop_t **out, int index, apr_pool_t *p)
{
    push_loop_t *loop = apr_pcalloc(p, sizeof(*loop));
    struct epoll_event ev = { .events = EPOLLIN | EPOLLET };
    apr_status_t rv;

    loop->pool = p;
    loop->index = index;
    loop->buffer = apr_palloc(p, PUSH_LOOP_BUFFER + 1);
    rv = scratch_create(loop);
    if (rv != APR_SUCCESS) {
        return rv;
    }
    loop->epoll = epoll_create1(EPOLL_CLOEXEC);
    if (loop->epoll < 0) {
        return APR_FROM_OS_ERROR(errno);
    }
    loop->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (loop->wake < 0) {
        rv = APR_FROM_OS_ERROR(errno);
        close(loop->epoll);
        return rv;
    }
    apr_pool_cleanup_register(p, loop, loop_cleanup, apr_pool_cleanup_null);
    /* data.ptr NULL is the eventfd: nothing to do but to have woken up. */
    if (epoll_ctl(loop->epoll, EPOLL_CTL_ADD, loop->wake, &ev) != 0) {
        return APR_FROM_OS_ERROR(errno);
    }
    clock_read(loop);
    loop->tick = next_tick(loop);
    *out = loop;
    return APR_SUCCESS;
}

static void wake_write(push_loop_t *loop)
{
    apr_uint64_t one = 1;

    while (write(loop->wake, &one, sizeof(one)) < 0 && errno == EINTR) {
    }
}

void push_loop_stop(push_loop_t *loop)
{
    int err = errno; /* it may be a signal handler that stops us */

    __atomic_store_n(&loop->stopping, 1, __ATOMIC_SEQ_CST);
    wake_write(loop);
    errno = err;
}

void push_loop_post(push_loop_t *loop, push_task_t *task)
{
    task->next = __atomic_load_n(&loop->tasks, __ATOMIC_RELAXED);
    while (!__atomic_compare_exchange_n(&loop->tasks, &task->next, task, 1,
                                        __ATOMIC_SEQ_CST, __ATOMIC_RELAXED)) {
    }
    if (__atomic_load_n(&loop->sleeping, __ATOMIC_SEQ_CST) &&
        __atomic_exchange_n(&loop->sleeping, 0, __ATOMIC_SEQ_CST)) {
        wake_write(loop);
    }
}

/* It says that it sleeps before it waits, and an epoll set is readable while
 * something in it is ready, also when that has been told already. */
int push_loop_idle(push_loop_t *loop)
{
    struct pollfd set = { .fd = loop->epoll, .events = POLLIN };

    return __atomic_load_n(&loop->sleeping, __ATOMIC_SEQ_CST) &&
           __atomic_load_n(&loop->tasks, __ATOMIC_SEQ_CST) == NULL &&
           poll(&set, 1, 0) == 0;
}

static void tasks_run(push_loop_t *loop)
{
    push_task_t *task, *next, *list;

    if (__atomic_load_n(&loop->tasks, __ATOMIC_RELAXED) == NULL) {
        return;
    }
    list = __atomic_exchange_n(&loop->tasks, NULL, __ATOMIC_ACQUIRE);
    while (list != NULL) { /* oldest first */
        next = list->next;
        list->next = loop->taken;
        loop->taken = list;
        list = next;
    }
    while (loop->taken != NULL) {
        task = loop->taken;
        loop->taken = task->next; /* running a task may free it */
        task->run(loop, task);
    }
}

int push_loop_pending(const push_loop_t *loop)
{
    return loop->taken != NULL ||
           __atomic_load_n(&loop->tasks, __ATOMIC_ACQUIRE) != NULL;
}

static void hooks_run(push_loop_t *loop, const hook_t *hook)
{
    for (; hook != NULL; hook = hook->next) {
        hook->fn(loop, hook->baton);
    }
}

/* How long the next wait may last: milliseconds, -1 for ever. */
static int wait_time(push_loop_t *loop)
{
    __atomic_store_n(&loop->sleeping, 1, __ATOMIC_SEQ_CST);
    if (__atomic_load_n(&loop->tasks, __ATOMIC_SEQ_CST) != NULL ||
        __atomic_load_n(&loop->stopping, __ATOMIC_SEQ_CST)) {
        return 0;
    }
    if (loop->ticks == NULL) {
        return -1;
    }
    return loop->tick > loop->millis ? (int)(loop->tick - loop->millis) : 0;
}

static void events_wait(push_loop_t *loop)
{
    loop->nevents = epoll_wait(loop->epoll, loop->events, EVENTS_PER_TURN,
                               wait_time(loop));
    __atomic_store_n(&loop->sleeping, 0, __ATOMIC_RELAXED);
    clock_read(loop);
}

/* From another place each turn: those at the end of a full batch, which come too
 * late when there is only so much that a turn does, are first in another. */
static void events_run(push_loop_t *loop)
{
    const struct epoll_event *event;
    push_watch_t *w;
    int i, at;

    if (loop->nevents <= 0) {
        return;
    }
    at = (int)(loop->batches++ % (unsigned int)loop->nevents);
    for (i = 0; i < loop->nevents; i++, at++) {
        at = at < loop->nevents ? at : 0;
        event = &loop->events[at];
        w = event->data.ptr;
        if (w != NULL) {
            w->ready(w, event->events);
        }
    }
    loop->nevents = 0;
}

static void tick_run(push_loop_t *loop)
{
    if (loop->millis >= loop->tick) {
        loop->tick = next_tick(loop);
        hooks_run(loop, loop->ticks);
    }
}

static void turn_finish(push_loop_t *loop)
{
    hooks_run(loop, loop->turn_ends);
    if (loop->scratch_used) {
        apr_pool_clear(loop->scratch);
        loop->scratch_used = 0;
    }
}

void push_loop_run(push_loop_t *loop)
{
    clock_read(loop);
    while (!__atomic_load_n(&loop->stopping, __ATOMIC_ACQUIRE)) {
        events_wait(loop);
        tasks_run(loop);
        events_run(loop);
        tasks_run(loop);
        tick_run(loop);
        turn_finish(loop);
        push_histogram_add(&loop->turns, push_micros() - loop->micros);
    }
    /* What was posted before the stop is done, so that nothing leaks. */
    tasks_run(loop);
    turn_finish(loop);
}

static apr_status_t control(push_loop_t *loop, int op, push_watch_t *w,
                            apr_uint32_t events)
{
    struct epoll_event ev = { .events = events, .data.ptr = w };

    if (epoll_ctl(loop->epoll, op, w->fd, &ev) != 0) {
        return APR_FROM_OS_ERROR(errno);
    }
    return APR_SUCCESS;
}

apr_status_t push_loop_watch(push_loop_t *loop, push_watch_t *w,
                             apr_uint32_t events)
{
    return control(loop, EPOLL_CTL_ADD, w, events);
}

apr_status_t push_loop_change(push_loop_t *loop, push_watch_t *w,
                              apr_uint32_t events)
{
    return control(loop, EPOLL_CTL_MOD, w, events);
}

void push_loop_unwatch(push_loop_t *loop, push_watch_t *w)
{
    int i;

    control(loop, EPOLL_CTL_DEL, w, 0);
    /* It may be in the batch that is being handled right now. */
    for (i = 0; i < loop->nevents; i++) {
        if (loop->events[i].data.ptr == w) {
            loop->events[i].data.ptr = NULL;
        }
    }
}

/* Append: hooks run in the order they were registered. */
static void hook_add(push_loop_t *loop, hook_t **list, push_tick_fn fn,
                     void *baton)
{
    hook_t *hook = apr_pcalloc(loop->pool, sizeof(*hook));

    hook->fn = fn;
    hook->baton = baton;
    while (*list != NULL) {
        list = &(*list)->next;
    }
    *list = hook;
}

void push_loop_on_tick(push_loop_t *loop, push_tick_fn fn, void *baton)
{
    hook_add(loop, &loop->ticks, fn, baton);
}

void push_loop_on_turn_end(push_loop_t *loop, push_tick_fn fn, void *baton)
{
    hook_add(loop, &loop->turn_ends, fn, baton);
}

int push_loop_index(const push_loop_t *loop) { return loop->index; }

apr_uint32_t push_loop_seconds(const push_loop_t *loop)
{
    return (apr_uint32_t)(loop->millis / 1000);
}

apr_uint64_t push_loop_millis(const push_loop_t *loop) { return loop->millis; }

apr_uint64_t push_loop_micros(const push_loop_t *loop) { return loop->micros; }

const push_histogram_t *push_loop_turns(const push_loop_t *loop)
{
    return &loop->turns;
}

apr_pool_t *push_loop_scratch(push_loop_t *loop)
{
    loop->scratch_used = 1;
    return loop->scratch;
}

unsigned char *push_loop_buffer(push_loop_t *loop) { return loop->buffer; }
