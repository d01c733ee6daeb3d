/* SPDX-License-Identifier: Apache-2.0 */
/*
 * gate.c - see gate.h. Each waiter sleeps on a condition of its own, so leaving
 * wakes exactly the one whose turn it is. All threads.
 */
#include "gate.h"

#include <stddef.h>
#include <time.h>

struct chat_gate_wait_t {
    pthread_cond_t turn;
    chat_gate_wait_t *next;
    int inside; /* the gate was handed to us */
};

void chat_gate_init(chat_gate_t *gate, int room)
{
    pthread_mutex_init(&gate->lock, NULL);
    gate->first = NULL;
    gate->last = NULL;
    gate->room = room;
}

void chat_gate_destroy(chat_gate_t *gate)
{
    pthread_mutex_destroy(&gate->lock);
}

static void queue_add(chat_gate_t *gate, chat_gate_wait_t *me)
{
    if (gate->last != NULL) {
        gate->last->next = me;
    }
    else {
        gate->first = me;
    }
    gate->last = me;
}

static void queue_remove(chat_gate_t *gate, const chat_gate_wait_t *me)
{
    chat_gate_wait_t **at = &gate->first;
    chat_gate_wait_t *before = NULL;

    while (*at != me) {
        before = *at;
        at = &before->next;
    }
    *at = me->next;
    if (gate->last == me) {
        gate->last = before;
    }
}

/* Sleep until it is our turn or too late. */
static void turn_await(chat_gate_t *gate, chat_gate_wait_t *me,
                       apr_interval_time_t wait)
{
    pthread_condattr_t attr;
    struct timespec until;

    pthread_condattr_init(&attr);
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    pthread_cond_init(&me->turn, &attr);
    pthread_condattr_destroy(&attr);
    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec += (time_t)apr_time_sec(wait);
    until.tv_nsec += (long)apr_time_usec(wait) * 1000;
    if (until.tv_nsec >= 1000000000L) {
        until.tv_nsec -= 1000000000L;
        until.tv_sec++;
    }
    queue_add(gate, me);
    while (!me->inside &&
           pthread_cond_timedwait(&me->turn, &gate->lock, &until) == 0) {
        /* woken for nothing: sleep on */
    }
    if (!me->inside) {
        queue_remove(gate, me);
    }
}

apr_status_t chat_gate_enter(chat_gate_t *gate, apr_interval_time_t wait)
{
    chat_gate_wait_t me = { .next = NULL, .inside = 0 };

    pthread_mutex_lock(&gate->lock);
    if (gate->room > 0) {
        gate->room--;
        pthread_mutex_unlock(&gate->lock);
        return APR_SUCCESS;
    }
    turn_await(gate, &me, wait);
    pthread_mutex_unlock(&gate->lock);
    pthread_cond_destroy(&me.turn);
    return me.inside ? APR_SUCCESS : APR_TIMEUP;
}

void chat_gate_leave(chat_gate_t *gate)
{
    chat_gate_wait_t *next;

    pthread_mutex_lock(&gate->lock);
    next = gate->first;
    if (next != NULL) {
        queue_remove(gate, next);
        next->inside = 1; /* our place goes from us to them */
        pthread_cond_signal(&next->turn);
    }
    else {
        gate->room++;
    }
    pthread_mutex_unlock(&gate->lock);
}
