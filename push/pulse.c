/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pulse.c - see pulse.h.
 *
 * A loop that has not run its task gets no second one, so a hanging loop costs
 * nothing and answers once it turns again.
 */
#include "pulse.h"

typedef struct {
    push_task_t task;
    int waiting; /* atomic: posted and not run yet */
} beat_t;

struct push_pulse_t {
    push_loop_t *const *loops;
    int n;
    beat_t beats[]; /* one per loop */
};

void push_pulse_create(push_pulse_t **out, push_loop_t *const *loops, int n,
                       apr_pool_t *p)
{
    push_pulse_t *pulse = apr_pcalloc(p, sizeof(*pulse) +
                                             (apr_size_t)n * sizeof(beat_t));

    pulse->loops = loops;
    pulse->n = n;
    *out = pulse;
}

static void run_beat(push_loop_t *loop, push_task_t *task)
{
    beat_t *beat = (beat_t *)(void *)task;

    (void)loop;
    __atomic_store_n(&beat->waiting, 0, __ATOMIC_RELEASE);
}

int push_pulse_beat(push_pulse_t *pulse)
{
    int hanging = -1;
    int i;

    for (i = 0; i < pulse->n; i++) {
        beat_t *beat = &pulse->beats[i];

        if (__atomic_load_n(&beat->waiting, __ATOMIC_ACQUIRE)) {
            hanging = i;
            continue;
        }
        beat->task.run = run_beat;
        __atomic_store_n(&beat->waiting, 1, __ATOMIC_RELAXED);
        push_loop_post(pulse->loops[i], &beat->task);
    }
    return hanging;
}
