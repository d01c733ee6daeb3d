/* SPDX-License-Identifier: Apache-2.0 */
/*
 * uring.h - many sends to sockets in one system call (Linux's io_uring).
 *
 * The caller adds sends and submits them together. The kernel does them in that
 * order, never waits for a socket, and is done with all of them, and with their
 * bytes, when push_uring_submit() returns. It reports only those that were not
 * done whole; so a batch in which all goes well costs no more than its sends.
 *
 * The kernel may not have it, may forbid it (seccomp, the sysctl
 * io_uring_disabled), or may be too old to report a short send faithfully. So
 * push_uring_create() tries one out on sockets of its own, and what does not
 * behave as said here is not used.
 *
 * Knows nothing of connections. One thread at a time.
 */
#ifndef PUSH_URING_H
#define PUSH_URING_H

#include <apr_errno.h>
#include <apr_pools.h>

typedef struct push_uring_t push_uring_t;

/* Most sends of a batch. More would save nothing (a system call is then a five
 * hundredth of the work); less than a hundred saves less. */
#define PUSH_URING_ROOM 512

/**
 * A send that was not done whole.
 * @param nth     which of the batch, from 0 in the order they were added
 * @param result  bytes the socket took, fewer than there were, 0 when it is
 *                full; negative: the errno with which it failed
 */
typedef void (*push_uring_fn)(void *baton, apr_uint32_t nth,
                              apr_int32_t result);

/**
 * Make one, and try it out.
 * @return an error when there is none to be had; nothing is left behind
 */
apr_status_t push_uring_create(push_uring_t **ring, apr_pool_t *p);

/**
 * Add a send to the batch, which must have room for it.
 * @param data  stays the caller's and as it is until the batch is submitted
 */
void push_uring_add(push_uring_t *ring, int fd, const void *data,
                    apr_uint32_t len);

/** Do the batch; then fn is called for what was not done whole. */
void push_uring_submit(push_uring_t *ring, push_uring_fn fn, void *baton);

#endif
