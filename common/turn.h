/* SPDX-License-Identifier: Apache-2.0 */
/*
 * turn.h - whose turn it is to write into a file, across processes.
 *
 * SQLite lets a second writer poll for its lock, which is neither fair nor
 * cheap: with eight of them the unluckiest message waited 1.7 s. Here they
 * stand in a queue that the kernel keeps: a System V semaphore named after the
 * file's device, inode and time of birth. The kernel hands it to the one who has waited
 * longest, a wait has an end, and a process that is killed gives it back
 * (SEM_UNDO).
 *
 * The turn is for fairness only; SQLite's own lock keeps the data right. So
 * where there is no turn to be had (another IPC namespace, a forbidden call)
 * writers go on without, and so do programs that know nothing of it.
 *
 * A semaphore belongs to whom the file belongs, with the file's mode, so that
 * who may write the one may use the other. It stays when the last process is
 * gone: a few hundred bytes of the kernel's, until the machine restarts.
 */
#ifndef CHAT_TURN_H
#define CHAT_TURN_H

#include <apr_errno.h>
#include <apr_time.h>
#include <sys/types.h>

/* One for each connection; used by one thread at a time. */
typedef struct {
    int id;    /* of the semaphore; -1: none */
    int taken; /* it is ours now */
} chat_turn_t;

#define CHAT_TURN_NONE                                                         \
    {                                                                          \
        -1, 0                                                                  \
    }

/** Find, or make, the queue of a file. What goes wrong leaves id at -1. */
void chat_turn_find(chat_turn_t *turn, const char *path);

/**
 * Wait until it is our turn. Any thread; the kernel sees processes, so within
 * one only one thread may hold it at a time.
 * @param wait  longest wait, microseconds
 * @return APR_TIMEUP when it did not come; APR_SUCCESS when it is ours, and
 *         when there is no queue (taken tells)
 */
apr_status_t chat_turn_take(chat_turn_t *turn, apr_interval_time_t wait);

/** Let the next one. Nothing happens when it is not ours. */
void chat_turn_give(chat_turn_t *turn);

#endif
