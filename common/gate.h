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
 */
#ifndef CHAT_GATE_H
#define CHAT_GATE_H

#include <apr_errno.h>
#include <apr_time.h>
#include <pthread.h>

typedef struct chat_gate_wait_t chat_gate_wait_t;

typedef struct {
    pthread_mutex_t lock;    /* guards the rest */
    chat_gate_wait_t *first; /* those who wait, on their own stacks */
    chat_gate_wait_t *last;
    int room;  /* how many more may come in */
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

/** Go; the one who has waited longest comes in. */
void chat_gate_leave(chat_gate_t *gate);

#endif
