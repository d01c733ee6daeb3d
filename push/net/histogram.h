/* SPDX-License-Identifier: Apache-2.0 */
/*
 * histogram.h - how long things took, in classes.
 *
 * One thread adds, any thread reads, without a lock: every number only grows.
 * Times are microseconds; the bounds are the same for all histograms.
 */
#ifndef PUSH_HISTOGRAM_H
#define PUSH_HISTOGRAM_H

#include <apr.h>

#define PUSH_HISTOGRAM_BOUNDS 13

typedef struct {
    apr_uint64_t counts[PUSH_HISTOGRAM_BOUNDS + 1]; /* the last: above all */
    apr_uint64_t sum;                               /* microseconds */
} push_histogram_t;

/** The most that class i holds, microseconds. */
extern const apr_uint32_t push_histogram_bounds[PUSH_HISTOGRAM_BOUNDS];

void push_histogram_add(push_histogram_t *h, apr_uint64_t micros);

/** Add one histogram, which its thread may be writing, to our own. */
void push_histogram_sum(push_histogram_t *sum, const push_histogram_t *h);

/** Monotonic microseconds, now. */
apr_uint64_t push_micros(void);

#endif
