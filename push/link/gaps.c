/* SPDX-License-Identifier: Apache-2.0 */
/*
 * gaps.c - a short sorted list of ranges, see gaps.h.
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

/* Room for one more. @return how many gave way: 1 or 0 */
static int room_make(push_gaps_t *gaps)
{
    if (gaps->n < PUSH_GAPS_MAX) {
        return 0;
    }
    gaps->given_up += (apr_uint64_t)(gaps->list[0].last - gaps->list[0].first +
                                     1);
    drop(gaps, 0, 1);
    return 1;
}

void push_gaps_add(push_gaps_t *gaps, apr_int64_t first, apr_int64_t last)
{
    const push_gap_t gap = { first, last, 0 };

    room_make(gaps);
    gaps->list[gaps->n++] = gap;
}

/* The first range that does not end before an id. */
static int range_find(const push_gaps_t *gaps, apr_int64_t id)
{
    int low = 0, high = gaps->n;

    while (low < high) {
        int at = low + (high - low) / 2;

        if (gaps->list[at].last < id) {
            low = at + 1;
        }
        else {
            high = at;
        }
    }
    return low;
}

/* A range falls apart around an id. The first may have to give way for that,
 * also when it is this one. */
static void range_split(push_gaps_t *gaps, int at, apr_int64_t id)
{
    push_gap_t above = gaps->list[at];

    above.first = id + 1;
    gaps->list[at].last = id - 1;
    at -= room_make(gaps);
    memmove(gaps->list + at + 2, gaps->list + at + 1,
            (apr_size_t)(gaps->n - at - 1) * sizeof(above));
    gaps->list[at + 1] = above;
    gaps->n++;
}

int push_gaps_fill(push_gaps_t *gaps, apr_int64_t id)
{
    int at = range_find(gaps, id);
    push_gap_t *gap = &gaps->list[at];

    if (at == gaps->n || gap->first > id) {
        return 0;
    }
    if (gap->first == gap->last) {
        drop(gaps, at, 1);
    }
    else if (gap->first == id) {
        gap->first++;
    }
    else if (gap->last == id) {
        gap->last--;
    }
    else {
        range_split(gaps, at, id);
    }
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

void push_gaps_settle(push_gaps_t *gaps, apr_int64_t oldest, apr_int64_t upto)
{
    int i, kept = 0;

    for (i = 0; i < gaps->n; i++) {
        push_gap_t gap = gaps->list[i];

        if (gap.fence != 0 && gap.fence <= oldest && gap.first <= upto) {
            if (gap.last <= upto) {
                continue;
            }
            gap.first = upto + 1;
        }
        gaps->list[kept++] = gap;
    }
    gaps->n = kept;
}

void push_gaps_forget(push_gaps_t *gaps, apr_int64_t last)
{
    int n = range_find(gaps, last + 1);

    drop(gaps, 0, n);
    if (gaps->n > 0 && gaps->list[0].first <= last) {
        gaps->list[0].first = last + 1;
    }
}

apr_int64_t push_gaps_low(const push_gaps_t *gaps, apr_int64_t high)
{
    return gaps->n > 0 && gaps->list[0].first <= high ? gaps->list[0].first - 1
                                                      : high;
}

static char *number_put(char *out, const char *before, apr_int64_t number)
{
    return out + snprintf(out, 21, "%s%" APR_INT64_T_FMT, before, number);
}

void push_gaps_text(const push_gaps_t *gaps, char *firsts, char *lasts)
{
    const char *before = "";
    int i;

    *firsts++ = '{';
    *lasts++ = '{';
    for (i = 0; i < gaps->n; i++) {
        firsts = number_put(firsts, before, gaps->list[i].first);
        lasts = number_put(lasts, before, gaps->list[i].last);
        before = ",";
    }
    memcpy(firsts, "}", 2);
    memcpy(lasts, "}", 2);
}
