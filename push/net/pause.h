/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pause.h - all loops stand still for a moment.
 *
 * What every loop reads without a lock may be changed while none of them runs.
 * Each loop gets a task in which it waits until the last one has come and the
 * caller has made its change; so no handler is under way anywhere, and whatever
 * was changed is seen by all of them at once. The pause is as long as the
 * longest turn under way, so this is for what happens rarely, like a reload.
 */
#ifndef PUSH_PAUSE_H
#define PUSH_PAUSE_H

#include "loop.h"

/**
 * Stop all loops, change something, let them go on. For a thread that is no
 * loop's, and one at a time.
 * @param loops  n of them, all running
 * @param fn     runs on the caller's thread while they stand still: no longer
 *               than it must
 * @param after  runs on each loop before anything else does there; it has
 *               ended on all of them when this returns. May be NULL
 * @param p      for the tasks; nothing uses it afterwards
 */
void push_loops_pause(push_loop_t *const *loops, int n, void (*fn)(void *baton),
                      void (*after)(push_loop_t *loop, void *baton),
                      void *baton, apr_pool_t *p);

#endif
