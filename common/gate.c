/* SPDX-License-Identifier: Apache-2.0 */
/*
 * gate.c - see gate.h. Each waiter sleeps at a lock and a condition of its own,
 * so leaving wakes exactly the one whose turn it is, and who is woken meets
 * nobody: at the gate's lock those of a group would stand in line once more,
 * behind the one who is still waking the others. All threads. Who takes both
 * locks takes the gate's first.
 */
#include "gate.h"

#include <errno.h>
#include <stddef.h>
#include <time.h>

/* Where one who waits is. */
enum {
    WAITS,  /* in the queue */
    INSIDE, /* it is handed the gate */
    TAKEN,  /* somebody inside does its job: it waits for the end of that */
    SERVED  /* its job is done */
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

/* --- the queue; the gate's lock is held ---------------------------------- */

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

/* --- one who waits ------------------------------------------------------- */

static void wait_init(chat_gate_wait_t *me, void *job)
{
    pthread_condattr_t attr;

    me->next = NULL;
    me->job = job;
    me->state = WAITS;
    pthread_mutex_init(&me->lock, NULL);
    pthread_condattr_init(&attr);
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    pthread_cond_init(&me->turn, &attr);
    pthread_condattr_destroy(&attr);
}

/* It may be gone when this returns. */
static void wait_tell(chat_gate_wait_t *waits, int state)
{
    pthread_mutex_lock(&waits->lock);
    waits->state = state;
    if (state != TAKEN) {
        pthread_cond_signal(&waits->turn);
    }
    pthread_mutex_unlock(&waits->lock);
}

/* Sleep until we are told, at most until then. @return our state */
static int wait_until(chat_gate_wait_t *me, const struct timespec *until)
{
    int rv = 0, state;

    pthread_mutex_lock(&me->lock);
    while (me->state == WAITS && rv != ETIMEDOUT) {
        rv = pthread_cond_timedwait(&me->turn, &me->lock, until);
    }
    state = me->state;
    pthread_mutex_unlock(&me->lock);
    return state;
}

static void wait_end(chat_gate_wait_t *me)
{
    pthread_mutex_lock(&me->lock);
    while (me->state == TAKEN) {
        pthread_cond_wait(&me->turn, &me->lock);
    }
    pthread_mutex_unlock(&me->lock);
}

/* Give up, unless we were told at the last moment. */
static void wait_leave(chat_gate_t *gate, chat_gate_wait_t *me)
{
    pthread_mutex_lock(&gate->lock);
    pthread_mutex_lock(&me->lock);
    if (me->state == WAITS) {
        queue_remove(gate, me);
    }
    pthread_mutex_unlock(&me->lock);
    pthread_mutex_unlock(&gate->lock);
}

static struct timespec moment(apr_interval_time_t wait)
{
    struct timespec at;

    clock_gettime(CLOCK_MONOTONIC, &at);
    at.tv_sec += (time_t)apr_time_sec(wait);
    at.tv_nsec += (long)apr_time_usec(wait) * 1000;
    if (at.tv_nsec >= 1000000000L) {
        at.tv_nsec -= 1000000000L;
        at.tv_sec++;
    }
    return at;
}

/* --- in and out ---------------------------------------------------------- */

apr_status_t chat_gate_enter_or_served(chat_gate_t *gate, void *job,
                                       apr_interval_time_t wait, int *served)
{
    struct timespec until;
    chat_gate_wait_t me;

    *served = 0;
    pthread_mutex_lock(&gate->lock);
    if (gate->room > 0) {
        gate->room--;
        pthread_mutex_unlock(&gate->lock);
        return APR_SUCCESS;
    }
    wait_init(&me, job);
    queue_add(gate, &me);
    pthread_mutex_unlock(&gate->lock);
    until = moment(wait);
    if (wait_until(&me, &until) == WAITS) {
        wait_leave(gate, &me);
    }
    wait_end(&me);
    pthread_cond_destroy(&me.turn);
    pthread_mutex_destroy(&me.lock);
    *served = me.state == SERVED;
    return me.state == WAITS ? APR_TIMEUP : APR_SUCCESS;
}

apr_status_t chat_gate_enter(chat_gate_t *gate, apr_interval_time_t wait)
{
    int served;

    return chat_gate_enter_or_served(gate, NULL, wait, &served);
}

chat_gate_wait_t *chat_gate_jobs(chat_gate_t *gate, int max)
{
    chat_gate_wait_t *list = NULL, **end = &list, *next;

    pthread_mutex_lock(&gate->lock);
    while (max-- > 0 && (next = gate->first) != NULL && next->job != NULL) {
        queue_remove(gate, next);
        next->next = NULL;
        wait_tell(next, TAKEN);
        *end = next;
        end = &next->next;
    }
    pthread_mutex_unlock(&gate->lock);
    return list;
}

void chat_gate_served(chat_gate_wait_t *list)
{
    chat_gate_wait_t *next;

    for (; list != NULL; list = next) {
        next = list->next; /* it may be gone once it is told */
        wait_tell(list, SERVED);
    }
}

void chat_gate_leave(chat_gate_t *gate)
{
    chat_gate_wait_t *next;

    pthread_mutex_lock(&gate->lock);
    next = gate->first;
    if (next != NULL) {
        queue_remove(gate, next);
        wait_tell(next, INSIDE); /* our place goes from us to them */
    }
    else {
        gate->room++;
    }
    pthread_mutex_unlock(&gate->lock);
}
