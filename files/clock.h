/* SPDX-License-Identifier: Apache-2.0 */
/*
 * clock.h - milliseconds that only ever go forward.
 */
#ifndef FILES_CLOCK_H
#define FILES_CLOCK_H

#include <time.h>

static inline long long files_now(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (long long)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

#endif
