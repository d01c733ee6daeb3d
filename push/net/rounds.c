/* SPDX-License-Identifier: Apache-2.0 */
/*
 * rounds.c - requests that wait until all loops are through, see rounds.h.
 *
 * Each loop has one round at a time, for all requests that were put aside when it
 * began; those that come later wait for the next. A round posts a task to every
 * loop that is not asleep, which posts itself again until that loop has waited for
 * events after the round began, has handled them and has told of the ends. A loop
 * that is asleep costs a system call and is not woken.
 */
#include "rounds.h"

#include <stddef.h>

/* Tasks run before a turn's events and behind them; ends are told when it is over.
 * Posted when a turn has just waited, one runs at worst before these events, behind
 * them, before those of the next turn, which waited later, behind them, and, these
 * being told, before those of the turn after. */
#define HOPS 4
/* On the asking loop the turn under way has them already: behind its events, and
 * before the next ones. */
#define HOPS_HERE 1

typedef struct round_t round_t;

typedef struct {
    push_task_t task; /* first: the loop gives us this back */
    round_t *round;
    int left; /* times it goes on */
} hop_t;

struct round_t {
    push_rounds_t *all;
    push_task_t done;  /* on our loop */
    int loop;          /* whose requests wait */
    apr_uint32_t asks; /* parked ones it is for; 0: none is under way */
    int left;          /* atomic: loops that are not through */
    hop_t *hops;       /* one for each loop */
};

struct push_rounds_t {
    push_loop_t *const *loops;
    push_conns_t *const *conns;
    int n;
    round_t *rounds; /* of each loop, touched there */
};

/* One loop less, or us at the beginning. */
static void round_less(round_t *r)
{
    if (__atomic_sub_fetch(&r->left, 1, __ATOMIC_ACQ_REL) == 0) {
        push_loop_post(r->all->loops[r->loop], &r->done);
    }
}

static void hop_run(push_loop_t *loop, push_task_t *task)
{
    hop_t *hop = (hop_t *)(void *)task;

    if (hop->left-- > 0) {
        push_loop_post(loop, task);
        return;
    }
    round_less(hop->round);
}

static void round_begin(round_t *r)
{
    push_rounds_t *s = r->all;
    int i;

    r->asks = push_conns_parked(s->conns[r->loop]);
    r->left = s->n + 1; /* nobody is the last one before all are asked */
    for (i = 0; i < s->n; i++) {
        if (i != r->loop && push_loop_idle(s->loops[i])) {
            round_less(r);
            continue;
        }
        r->hops[i].left = i == r->loop ? HOPS_HERE : HOPS;
        push_loop_post(s->loops[i], &r->hops[i].task);
    }
    round_less(r);
}

static void round_done(push_loop_t *loop, push_task_t *task)
{
    int here = push_loop_index(loop);
    round_t *r = (round_t *)(void *)((char *)task - offsetof(round_t, done));
    push_conns_t *conns = r->all->conns[here];
    apr_uint32_t n = r->asks;

    r->asks = 0;
    push_conns_unpark(conns, n);
    if (r->asks == 0 && push_conns_parked(conns) > 0) {
        round_begin(r);
    }
}

int push_rounds_wait(push_rounds_t *s, push_conn_t *c)
{
    int here = push_loop_index(push_conn_loop(c));
    round_t *r = &s->rounds[here];

    if (push_conn_all(c) != s->conns[here] || !push_conn_park(c)) {
        return 0;
    }
    if (r->asks == 0) {
        round_begin(r);
    }
    return 1;
}

push_rounds_t *push_rounds_create(push_loop_t *const *loops,
                                    push_conns_t *const *conns, int n,
                                    apr_pool_t *p)
{
    push_rounds_t *s = apr_pcalloc(p, sizeof(*s));
    int i, k;

    s->loops = loops;
    s->conns = conns;
    s->n = n;
    s->rounds = apr_pcalloc(p, (apr_size_t)n * sizeof(*s->rounds));
    for (i = 0; i < n; i++) {
        round_t *r = &s->rounds[i];

        r->all = s;
        r->loop = i;
        r->done.run = round_done;
        r->hops = apr_pcalloc(p, (apr_size_t)n * sizeof(*r->hops));
        for (k = 0; k < n; k++) {
            r->hops[k].task.run = hop_run;
            r->hops[k].round = r;
        }
    }
    return s;
}
