/* SPDX-License-Identifier: Apache-2.0 */
/*
 * gate.h - so many at a time, in the order they came, and not for ever.
 *
 * SQLite lets one writer in and makes the others poll, which is neither fair
 * nor cheap, and each of them would sit on a pooled connection meanwhile. So
 * the writing threads of a process queue here before they take a connection:
 * the readers always find one. PostgreSQL's writers wait for each other's rows
 * only, but they could hold all connections while they do; so some of these are
 * never theirs.
 *
 * Who waits may leave word of what it wants (a job): then whoever is inside can
 * do it along with its own, and the one who waited goes without having been in.
 * That is how SQLite's writers share a commit (db_group.c).
 */
#ifndef CHAT_GATE_H
#define CHAT_GATE_H

#include <apr_errno.h>
#include <apr_time.h>
#include <pthread.h>

/* One who waits, on its own stack. */
typedef struct chat_gate_wait_t {
    pthread_mutex_t lock; /* what it sleeps at: who wakes many does not make
                             them queue again at the gate's own */
    pthread_cond_t turn;
    struct chat_gate_wait_t *next; /* the gate's lock */
    void *job; /* what it wants done; NULL: to come in itself */
    int state; /* gate.c's; its lock, and to begin with the gate's as well */
} chat_gate_wait_t;

typedef struct {
    pthread_mutex_t lock;    /* guards the rest */
    chat_gate_wait_t *first; /* those who wait, on their own stacks */
    chat_gate_wait_t *last;
    int room; /* how many more may come in */
} chat_gate_t;

/** @param room  how many may be inside at once */
void chat_gate_init(chat_gate_t *gate, int room);
void chat_gate_destroy(chat_gate_t *gate);

/**
 * Come in, after everybody who came before.
 * @param wait  longest wait, microseconds
 * @return APR_TIMEUP when it was not our turn in time
 */
apr_status_t chat_gate_enter(chat_gate_t *gate, apr_interval_time_t wait);

/**
 * Come in, or have a job done by somebody inside, whichever comes first.
 * @param job  must live until the return; once somebody does it, the wait lasts
 *             as long as that takes
 * @param served  1: it was done, and we never were inside; 0: we are inside
 * @return APR_TIMEUP when neither happened in time
 */
apr_status_t chat_gate_enter_or_served(chat_gate_t *gate, void *job,
                                       apr_interval_time_t wait, int *served);

/**
 * For one inside: take over the jobs of those who wait longest, up to the first
 * who wants to come in itself.
 * @return a list linked by `next`, in order; NULL: none. Each must be given to
 *         chat_gate_served()
 */
chat_gate_wait_t *chat_gate_jobs(chat_gate_t *gate, int max);

/** The jobs of this list are done, by one who is or was inside. The list is
 * gone with this call. */
void chat_gate_served(chat_gate_wait_t *list);

/** Go; the one who has waited longest comes in. */
void chat_gate_leave(chat_gate_t *gate);

#endif
