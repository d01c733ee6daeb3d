/* SPDX-License-Identifier: Apache-2.0 */
/*
 * lease.h - how many of something are under way at once, in a fixed piece of
 * memory that processes share.
 *
 * The table is an array of 64-bit words. Each one in use is a lease: 40 bits say
 * what for, 24 bits which process holds it. They change by compare-and-swap only,
 * so there is no lock that somebody who is killed could keep; what a dead process
 * held is found by its id and given back.
 *
 * A taker writes its lease first and counts then, so there are never more than
 * allowed. The price: two who come at the same time for the last one may both be
 * refused. Pure: the memory is the caller's.
 */
#ifndef CHAT_LEASE_H
#define CHAT_LEASE_H

#include <apr.h>

typedef struct {
    apr_uint64_t *words; /* n of them, zeroed at first */
    apr_uint32_t n;      /* a power of two */
} chat_leases_t;

/** What names a lease that is held; 0: none. */
typedef apr_uint32_t chat_lease_t;

/**
 * Take one of those that a key may have.
 * @param key   a keyed hash of who and what
 * @param pid   the process that holds it, 1 to 16,777,215 (Linux: 4,194,304)
 * @param most  how many may be held at once
 * @return 0: that many are held, or the table is full
 */
chat_lease_t chat_lease_take(const chat_leases_t *t, apr_uint64_t key,
                             apr_uint32_t pid, apr_uint32_t most);

/** Give it back. @param lease  0: nothing is done */
void chat_lease_give(const chat_leases_t *t, chat_lease_t lease);

/** A process is no more: give back what it held. @return how many it were */
apr_uint32_t chat_lease_end(const chat_leases_t *t, apr_uint32_t pid);

#endif
