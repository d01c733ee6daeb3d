/* SPDX-License-Identifier: Apache-2.0 */
/*
 * departed.h - who was taken out of which conversation, as one loop remembers
 * it.
 *
 * A signature for a channel is good for as long as its socket is open, so a
 * member who is removed could come back with an old one. Therefore each loop
 * counts departures and a socket remembers the count at its opening: whoever
 * wants into a conversation from which they were taken since then has a stale
 * signature, however long ago it was. A new socket has a new id, and needs a
 * new signature.
 *
 * Kept are 64 bits of a keyed hash of a name and the count at that time. With
 * PUSH_DEPARTED_MOST names the table begins anew, and sockets that were opened
 * before count as old for every name: they are asked to come again once, and
 * nobody slips through.
 *
 * One loop's thread owns a table; there are no locks.
 */
#ifndef PUSH_DEPARTED_H
#define PUSH_DEPARTED_H

#include <apr_errno.h>

#define PUSH_DEPARTED_MOST 65536 /* names a table keeps */

/* Of one name; hash 0: an empty slot. */
typedef struct {
    apr_uint64_t hash;
    apr_uint32_t at; /* the count when it was noted last */
} push_departed_slot_t;

/* All zero but for what push_departed_init() sets. */
typedef struct {
    apr_uint64_t seed;
    push_departed_slot_t *slots; /* open addressing */
    apr_uint32_t room;           /* a power of two, or 0 */
    apr_uint32_t n;
    apr_uint32_t count; /* of all departures so far */
    apr_uint32_t floor; /* what was noted up to this count is forgotten */
} push_departed_t;

apr_status_t push_departed_init(push_departed_t *t);

/** Free its table. */
void push_departed_destroy(push_departed_t *t);

/** Remember a name as departed now. */
void push_departed_note(push_departed_t *t, const char *name, apr_size_t len);

/**
 * Whether a name may have departed since.
 * @param born  the table's count when the socket was opened
 */
int push_departed_since(const push_departed_t *t, const char *name,
                        apr_size_t len, apr_uint32_t born);

#endif
