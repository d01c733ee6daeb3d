/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sizing.c - see sizing.h.
 *
 * Bounds and defaults are those of httpd 2.4's MPMs. event stops to accept when
 * a child has more connections than its threads and its idle threads times
 * AsyncRequestWorkerFactor; with all threads idle that is threads times one and
 * the factor.
 */
#include "sizing.h"

#include <limits.h>

void chat_sizing_default(chat_sizing_t *s, chat_mpm_t mpm)
{
    s->mpm = mpm;
    s->max_workers = 0;
    s->async_factor = 200;
    if (mpm == CHAT_MPM_PREFORK) {
        s->server_limit = 256;
        s->thread_limit = 1;
        s->threads_per_child = 1;
        s->max_spare = 10;
    }
    else {
        s->server_limit = 16;
        s->thread_limit = 64;
        s->threads_per_child = 25;
        s->max_spare = 250;
    }
}

static int at_least_one(int n)
{
    return n < 1 ? 1 : n;
}

static int times(int a, int b)
{
    long long n = (long long)a * b;

    return n > INT_MAX ? INT_MAX : (int)n;
}

void chat_sizing_settle(chat_sizing_t *s)
{
    int most;

    s->server_limit = at_least_one(s->server_limit);
    s->thread_limit = at_least_one(s->thread_limit);
    s->threads_per_child = at_least_one(s->threads_per_child);
    if (s->mpm == CHAT_MPM_PREFORK) {
        s->threads_per_child = 1;
    }
    else if (s->threads_per_child > s->thread_limit) {
        s->threads_per_child = s->thread_limit;
    }
    most = times(s->server_limit, s->threads_per_child);
    if (s->max_workers <= 0 || s->max_workers > most) {
        s->max_workers = most;
    }
    if (s->max_workers < s->threads_per_child) {
        s->max_workers = s->threads_per_child;
    }
    s->max_workers -= s->max_workers % s->threads_per_child;
}

void chat_sizing_capacity(chat_capacity_t *out, const chat_sizing_t *s)
{
    long long pumped;

    out->children = s->max_workers / s->threads_per_child;
    out->proxied = s->max_workers;
    pumped = (long long)s->max_workers * (100 + s->async_factor) / 100;
    out->pumped = s->mpm != CHAT_MPM_EVENT ? 0
                  : pumped > INT_MAX       ? INT_MAX
                                           : (int)pumped;
    out->restarts = s->server_limit / at_least_one(out->children) - 1;
}

int chat_sizing_factor_for(const chat_sizing_t *s, int sockets)
{
    int factor = sockets / at_least_one(s->max_workers) +
                 (sockets % at_least_one(s->max_workers) != 0);

    return factor < 2 ? 2 : factor;
}

int chat_sizing_limit_for(const chat_sizing_t *s, int restarts)
{
    return times(s->max_workers / s->threads_per_child, 1 + restarts);
}
