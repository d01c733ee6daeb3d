/* SPDX-License-Identifier: Apache-2.0 */
/*
 * gate.c - see gate.h. Each waiter sleeps on a condition of its own, so leaving
 * wakes exactly the one whose turn it is. All threads.
 */
#include "gate.h"

#include <errno.h>
#include <stddef.h>
#include <time.h>

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

/* Sleep until it is our turn, our job is done, or it is too late. */
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
    while (!me->inside && !me->served) {
        if (me->taken) {
            pthread_cond_wait(&me->turn, &gate->lock);
        }
        else if (pthread_cond_timedwait(&me->turn, &gate->lock, &until) ==
                     ETIMEDOUT &&
                 !me->inside && !me->taken) {
            queue_remove(gate, me);
            return;
        }
    }
}

apr_status_t chat_gate_enter_or_served(chat_gate_t *gate, void *job,
                                       apr_interval_time_t wait, int *served)
{
    chat_gate_wait_t me = { .job = job };

    *served = 0;
    pthread_mutex_lock(&gate->lock);
    if (gate->room > 0) {
        gate->room--;
        pthread_mutex_unlock(&gate->lock);
        return APR_SUCCESS;
    }
    turn_await(gate, &me, wait);
    pthread_mutex_unlock(&gate->lock);
    pthread_cond_destroy(&me.turn);
    *served = me.served;
    return me.inside || me.served ? APR_SUCCESS : APR_TIMEUP;
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
        next->taken = 1;
        next->next = NULL;
        *end = next;
        end = &next->next;
    }
    pthread_mutex_unlock(&gate->lock);
    return list;
}

void chat_gate_served(chat_gate_t *gate, chat_gate_wait_t *list)
{
    chat_gate_wait_t *next;

    pthread_mutex_lock(&gate->lock);
    for (; list != NULL; list = next) {
        next = list->next; /* it may be gone once the lock is left */
        list->served = 1;
        pthread_cond_signal(&list->turn);
    }
    pthread_mutex_unlock(&gate->lock);
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
