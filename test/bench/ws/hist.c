/* SPDX-License-Identifier: Apache-2.0 */
/*
 * hist.c - times counted in buckets whose width grows with the time (load.h).
 */
#include "load.h"

hist_t hist_latency, hist_answer, hist_late, hist_connect;

#define BUCKETS (64 * HIST_SUB)

void hist_add(hist_t *h, uint64_t ns)
{
    unsigned int e;
    uint64_t i = ns;

    if (ns >= HIST_SUB) {
        e = 63u - (unsigned int)__builtin_clzll(ns) - 5u;
        i = e * HIST_SUB / 2 + (ns >> e);
    }
    h->bucket[i < BUCKETS ? i : BUCKETS - 1]++;
    h->n++;
    if (ns > h->max) {
        h->max = ns;
    }
}

/* The smallest time that falls into a bucket, nanoseconds. */
static uint64_t bucket_start(unsigned int i)
{
    unsigned int e;

    if (i < HIST_SUB) {
        return i;
    }
    e = (i - HIST_SUB / 2) / (HIST_SUB / 2);
    return (uint64_t)(i - e * HIST_SUB / 2) << e;
}

double hist_quantile(const hist_t *h, double q)
{
    uint64_t want = (uint64_t)(q * (double)h->n), seen = 0;
    unsigned int i;

    for (i = 0; i < BUCKETS && h->n > 0; i++) {
        seen += h->bucket[i];
        if (seen > want) {
            return (double)bucket_start(i) / 1000;
        }
    }
    return (double)h->max / 1000;
}
