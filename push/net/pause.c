/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pause.c - all loops stand still for a moment, see pause.h.
 */
#include "pause.h"

#include <pthread.h>

typedef struct pause_t pause_t;

typedef struct {
    push_task_t task; /* first: the loop gives us this back */
    pause_t *pause;
} stop_t;

/* On the caller's stack: it leaves last. */
struct pause_t {
    pthread_mutex_t lock; /* of the next three */
    pthread_cond_t changed;
    int standing; /* loops that have come */
    int ended;    /* loops that go on */
    int over;     /* the change is made */
    void (*after)(push_loop_t *loop, void *baton);
    void *baton;
};

static void count(pause_t *p, int *what)
{
    pthread_mutex_lock(&p->lock);
    (*what)++;
    pthread_cond_broadcast(&p->changed);
    pthread_mutex_unlock(&p->lock);
}

static void wait_until(pause_t *p, const int *what, int n)
{
    pthread_mutex_lock(&p->lock);
    while (*what < n) {
        pthread_cond_wait(&p->changed, &p->lock);
    }
    pthread_mutex_unlock(&p->lock);
}

/* On a loop. */
static void stand(push_loop_t *loop, push_task_t *task)
{
    pause_t *p = ((stop_t *)task)->pause;

    count(p, &p->standing);
    wait_until(p, &p->over, 1);
    if (p->after != NULL) {
        p->after(loop, p->baton);
    }
    count(p, &p->ended);
}

void push_loops_pause(push_loop_t *const *loops, int n, void (*fn)(void *baton),
                      void (*after)(push_loop_t *loop, void *baton),
                      void *baton, apr_pool_t *pool)
{
    stop_t *stops = apr_pcalloc(pool, (apr_size_t)n * sizeof(*stops));
    pause_t p = { .lock = PTHREAD_MUTEX_INITIALIZER,
                  .changed = PTHREAD_COND_INITIALIZER,
                  .after = after,
                  .baton = baton };
    int i;

    for (i = 0; i < n; i++) {
        stops[i].task.run = stand;
        stops[i].pause = &p;
        push_loop_post(loops[i], &stops[i].task);
    }
    wait_until(&p, &p.standing, n);
    fn(baton);
    count(&p, &p.over);
    wait_until(&p, &p.ended, n);
    pthread_cond_destroy(&p.changed);
    pthread_mutex_destroy(&p.lock);
}
