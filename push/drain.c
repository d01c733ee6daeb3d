/* SPDX-License-Identifier: Apache-2.0 */
/*
 * drain.c - the share of each loop, and closing down to it, see drain.h.
 *
 * A loop's task is posted again only when it has run, so a busy loop has one
 * waiting and not one for every step.
 */
#include "drain.h"
#include "pusher.h"

#include <stddef.h>

typedef struct {
    push_task_t task;
    push_conns_t *conns;
    apr_size_t first; /* WebSockets at the beginning */
    apr_size_t left;  /* atomic: so many may be left */
    apr_size_t busy;  /* atomic: requests under way when it last ran */
    int posted;       /* atomic: the task has not run yet */
} share_t;

struct push_drain_t {
    apr_uint32_t whole;
    int n;
    share_t shares[];
};

apr_size_t push_drain_left(apr_size_t n, apr_uint32_t passed,
                           apr_uint32_t whole)
{
    if (passed >= whole) {
        return 0;
    }
    return (apr_size_t)((apr_uint64_t)n * (whole - passed) / whole);
}

static void run_share(push_loop_t *loop, push_task_t *task)
{
    share_t *s = (share_t *)(void *)task;
    apr_size_t left;
    push_conn_t *c;

    (void)loop;
    left = __atomic_load_n(&s->left, __ATOMIC_RELAXED);
    while (push_conns_count(s->conns, PUSH_CONN_OPEN) > left) {
        c = push_conns_first(s->conns, PUSH_CONN_OPEN);
        push_conn_close(c, PUSHER_RECONNECT, "Server is restarting");
    }
    __atomic_store_n(&s->busy, push_conns_retire(s->conns), __ATOMIC_RELAXED);
    __atomic_store_n(&s->posted, 0, __ATOMIC_RELEASE);
}

void push_drain_begin(push_drain_t **out, push_conns_t *const *conns, int n,
                      apr_uint32_t whole, apr_pool_t *p)
{
    push_drain_t *d = apr_pcalloc(p,
                                  sizeof(*d) + (apr_size_t)n * sizeof(share_t));
    int i;

    d->whole = whole;
    d->n = n;
    for (i = 0; i < n; i++) {
        d->shares[i].task.run = run_share;
        d->shares[i].conns = conns[i];
        d->shares[i].first = push_conns_count(conns[i], PUSH_CONN_OPEN);
    }
    *out = d;
}

void push_drain_step(push_drain_t *d, apr_uint32_t passed)
{
    int i;

    for (i = 0; i < d->n; i++) {
        share_t *s = &d->shares[i];

        __atomic_store_n(&s->left, push_drain_left(s->first, passed, d->whole),
                         __ATOMIC_RELAXED);
        if (!__atomic_exchange_n(&s->posted, 1, __ATOMIC_ACQUIRE)) {
            push_loop_post(push_conns_loop(s->conns), &s->task);
        }
    }
}

int push_drain_done(const push_drain_t *d)
{
    int i;

    for (i = 0; i < d->n; i++) {
        const share_t *s = &d->shares[i];

        if (__atomic_load_n(&s->posted, __ATOMIC_ACQUIRE) ||
            __atomic_load_n(&s->busy, __ATOMIC_RELAXED) > 0 ||
            push_conns_count(s->conns, PUSH_CONN_OPEN) > 0 ||
            push_conns_count(s->conns, PUSH_CONN_CLOSING) > 0) {
            return 0;
        }
    }
    return 1;
}
