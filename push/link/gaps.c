/* SPDX-License-Identifier: Apache-2.0 */
/*
 * gaps.c - a short sorted list, see gaps.h.
 */
#include "gaps.h"

#include <stdio.h>
#include <string.h>

static void drop(push_gaps_t *gaps, int at, int n)
{
    gaps->n -= n;
    memmove(gaps->list + at, gaps->list + at + n,
            (apr_size_t)(gaps->n - at) * sizeof(gaps->list[0]));
}

void push_gaps_add(push_gaps_t *gaps, apr_int64_t first, apr_int64_t last)
{
    apr_int64_t n = last - first + 1;
    int over;

    if (n > PUSH_GAPS_MAX) {
        gaps->given_up += (apr_uint64_t)(n - PUSH_GAPS_MAX);
        first = last - PUSH_GAPS_MAX + 1;
        n = PUSH_GAPS_MAX;
    }
    over = gaps->n + (int)n - PUSH_GAPS_MAX;
    if (over > 0) {
        gaps->given_up += (apr_uint64_t)over;
        drop(gaps, 0, over);
    }
    for (; first <= last; first++) {
        gaps->list[gaps->n].id = first;
        gaps->list[gaps->n].fence = 0;
        gaps->n++;
    }
}

int push_gaps_fill(push_gaps_t *gaps, apr_int64_t id)
{
    int low = 0, high = gaps->n;

    while (low < high) {
        int at = low + (high - low) / 2;

        if (gaps->list[at].id < id) {
            low = at + 1;
        }
        else {
            high = at;
        }
    }
    if (low == gaps->n || gaps->list[low].id != id) {
        return 0;
    }
    drop(gaps, low, 1);
    return 1;
}

/* The newest come last, so those without a fence do too. */
int push_gaps_unfenced(const push_gaps_t *gaps)
{
    return gaps->n > 0 && gaps->list[gaps->n - 1].fence == 0;
}

void push_gaps_fence(push_gaps_t *gaps, apr_int64_t fence)
{
    int i;

    for (i = gaps->n; i > 0 && gaps->list[i - 1].fence == 0; i--) {
        gaps->list[i - 1].fence = fence;
    }
}

void push_gaps_settle(push_gaps_t *gaps, apr_int64_t oldest)
{
    int i, kept = 0;

    for (i = 0; i < gaps->n; i++) {
        if (gaps->list[i].fence == 0 || gaps->list[i].fence > oldest) {
            gaps->list[kept++] = gaps->list[i];
        }
    }
    gaps->n = kept;
}

void push_gaps_forget(push_gaps_t *gaps, apr_int64_t last)
{
    int n = 0;

    while (n < gaps->n && gaps->list[n].id <= last) {
        n++;
    }
    drop(gaps, 0, n);
}

apr_int64_t push_gaps_low(const push_gaps_t *gaps, apr_int64_t high)
{
    return gaps->n > 0 && gaps->list[0].id <= high ? gaps->list[0].id - 1
                                                    : high;
}

void push_gaps_text(const push_gaps_t *gaps, char *out)
{
    int i;

    *out++ = '{';
    for (i = 0; i < gaps->n; i++) {
        out += snprintf(out, 21, i > 0 ? ",%" APR_INT64_T_FMT : "%" APR_INT64_T_FMT,
                       gaps->list[i].id);
    }
    memcpy(out, "}", 2);
}
