/* SPDX-License-Identifier: Apache-2.0 */
/*
 * slab.h - slots of one size, cheap by the ten thousand.
 *
 * Slots are cut from pages of 64 kB that are mapped for the slab alone, so that
 * a page goes back to the system as soon as its last slot is given back: after
 * a storm of connections the memory returns, whatever malloc's heap looks like.
 * One empty page is kept, so that a single connection coming and going does not
 * map and unmap. New slots come from the page that has been partly filled the
 * longest, which lets the others run empty.
 *
 * One thread owns a slab; there are no locks.
 */
#ifndef PUSH_SLAB_H
#define PUSH_SLAB_H

#include <apr_pools.h>
#include <apr_errno.h>

typedef struct push_slab_t push_slab_t;

#define PUSH_SLAB_PAGE 65536 /* bytes of a page, and its alignment */

/**
 * Make a slab; its pages are unmapped when p goes.
 * @param size  bytes of a slot, at most 4,096
 */
apr_status_t push_slab_create(push_slab_t **slab, apr_size_t size,
                              apr_pool_t *p);

/** A slot of zeroes, aligned to 16 bytes; NULL when there is no memory. */
void *push_slab_take(push_slab_t *slab);

/** Give a slot back. */
void push_slab_give(push_slab_t *slab, void *slot);

/** Call fn for every slot in use; fn must neither take nor give slots. */
void push_slab_each(push_slab_t *slab, void (*fn)(void *slot, void *baton),
                    void *baton);

/** Bytes mapped now. */
apr_size_t push_slab_mapped(const push_slab_t *slab);

#endif
