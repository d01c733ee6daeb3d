/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sizing.c - see sizing.h.
 *
 * Bounds and defaults are those of httpd 2.4's MPMs.
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
        s->min_spare = 5;
        s->max_spare = 10;
    }
    else {
        s->server_limit = 16;
        s->thread_limit = 64;
        s->threads_per_child = 25;
        s->min_spare = 75;
        s->max_spare = 250;
    }
}

static int at_least_one(int n) { return n < 1 ? 1 : n; }

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

/* Children that are there however little there is to do. */
static int children_always(const chat_sizing_t *s)
{
    int n = s->min_spare / s->threads_per_child +
            (s->min_spare % s->threads_per_child != 0);
    int most = s->max_workers / s->threads_per_child;

    return at_least_one(n < most ? n : most);
}

void chat_sizing_capacity(chat_capacity_t *out, const chat_sizing_t *s)
{
    long long room = (long long)s->threads_per_child * s->async_factor / 200;

    out->children = s->max_workers / s->threads_per_child;
    out->proxied = s->max_workers;
    out->pumped = s->mpm == CHAT_MPM_EVENT
                      ? times(room > INT_MAX ? INT_MAX : (int)room,
                              children_always(s))
                      : 0;
    out->restarts = s->server_limit / at_least_one(out->children) - 1;
}

int chat_sizing_factor_for(const chat_sizing_t *s, int sockets)
{
    long long threads = (long long)s->threads_per_child * children_always(s);
    long long factor = (2LL * sockets + threads - 1) / threads;

    return factor < 2 ? 2 : factor > INT_MAX ? INT_MAX : (int)factor;
}

int chat_sizing_limit_for(const chat_sizing_t *s, int restarts)
{
    return times(s->max_workers / s->threads_per_child, 1 + restarts);
}
