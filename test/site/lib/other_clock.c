/* SPDX-License-Identifier: Apache-2.0 */
/*
 * other_clock.c - a program's clock, CLOCK_AHEAD seconds ahead of everybody
 * else's. Preloaded (LD_PRELOAD); only what tells the time of day is moved.
 */
#include <dlfcn.h>
#include <stdlib.h>
#include <sys/time.h>
#include <time.h>

static time_t ahead(void)
{
    const char *seconds = getenv("CLOCK_AHEAD");

    return seconds != NULL ? (time_t)atol(seconds) : 0;
}

int clock_gettime(clockid_t clock, struct timespec *now)
{
    static int (*real)(clockid_t, struct timespec *);
    int got;

    if (real == NULL) {
        real = (int (*)(clockid_t, struct timespec *))dlsym(RTLD_NEXT,
                                                            "clock_gettime");
    }
    got = real(clock, now);
    if (got == 0 && clock == CLOCK_REALTIME) {
        now->tv_sec += ahead();
    }
    return got;
}

int gettimeofday(struct timeval *restrict now, void *restrict zone)
{
    struct timespec at;

    (void)zone;
    clock_gettime(CLOCK_REALTIME, &at);
    now->tv_sec = at.tv_sec;
    now->tv_usec = at.tv_nsec / 1000;
    return 0;
}

time_t time(time_t *to)
{
    struct timespec at;

    clock_gettime(CLOCK_REALTIME, &at);
    if (to != NULL) {
        *to = at.tv_sec;
    }
    return at.tv_sec;
}
