/* SPDX-License-Identifier: Apache-2.0 */
/*
 * histogram.c - see histogram.h.
 */
#include "histogram.h"

#include <time.h>

const apr_uint32_t push_histogram_bounds[PUSH_HISTOGRAM_BOUNDS] = {
    100,   200,   500,    1000,   2000,   5000,   10000,
    20000, 50000, 100000, 200000, 500000, 1000000
};

static void count(apr_uint64_t *counter, apr_uint64_t n)
{
    __atomic_store_n(counter, *counter + n, __ATOMIC_RELAXED);
}

void push_histogram_add(push_histogram_t *h, apr_uint64_t micros)
{
    int i = 0;

    while (i < PUSH_HISTOGRAM_BOUNDS && micros > push_histogram_bounds[i]) {
        i++;
    }
    count(&h->counts[i], 1);
    count(&h->sum, micros);
}

void push_histogram_sum(push_histogram_t *sum, const push_histogram_t *h)
{
    int i;

    for (i = 0; i <= PUSH_HISTOGRAM_BOUNDS; i++) {
        sum->counts[i] += __atomic_load_n(&h->counts[i], __ATOMIC_RELAXED);
    }
    sum->sum += __atomic_load_n(&h->sum, __ATOMIC_RELAXED);
}

apr_uint64_t push_micros(void)
{
    struct timespec ts;

    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (apr_uint64_t)ts.tv_sec * 1000000 + (apr_uint64_t)ts.tv_nsec / 1000;
}
