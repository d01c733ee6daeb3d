/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pulse.h - whether every loop still turns.
 *
 * Each beat hands every loop a task that notes that it ran. When one has not
 * run by the next beat, that loop hangs, or is so busy that its clients cannot
 * tell: the watchdog is not fed then, and the supervisor starts us anew.
 */
#ifndef PUSH_PULSE_H
#define PUSH_PULSE_H

#include "loop.h"

typedef struct push_pulse_t push_pulse_t;

/** @param loops  n of them; outlive the answer */
void push_pulse_create(push_pulse_t **pulse, push_loop_t *const *loops, int n,
                       apr_pool_t *p);

/**
 * Ask all loops again; one thread.
 * @return -1 when each has answered the last time, else the number of one that
 *         has not
 */
int push_pulse_beat(push_pulse_t *pulse);

#endif
