/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sandbox.c - see sandbox.h.
 *
 * The sanitizers need memory without limit and system calls of their own: under
 * them only the time and the files are limited.
 */
#include "sandbox.h"

#include <errno.h>
#include <seccomp.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define SANITIZED 1
#else
#define SANITIZED 0
#endif

#define CPU 10               /* s */
#define OUTPUT (1 << 20)     /* bytes */
#define PROGRAM (96ul << 20) /* bytes of libraries, stack and small things */
#define PIXEL 9              /* bytes: gd's copy, a decoder's, and rows */

static int limit(int what, unsigned long long most)
{
    struct rlimit r = { (rlim_t)most, (rlim_t)most };

    return setrlimit((__rlimit_resource_t)what, &r) == 0;
}

/* Read, write, memory, the end. What a library may look for and can do without
 * is refused; anything else is the end, too. */
static int filter(void)
{
    static const int allowed[] = {
        SCMP_SYS(read),     SCMP_SYS(write),         SCMP_SYS(mmap),
        SCMP_SYS(munmap),   SCMP_SYS(mremap),        SCMP_SYS(mprotect),
        SCMP_SYS(madvise),  SCMP_SYS(brk),           SCMP_SYS(futex),
        SCMP_SYS(exit),     SCMP_SYS(exit_group),    SCMP_SYS(rt_sigreturn),
        SCMP_SYS(close),    SCMP_SYS(clock_gettime), SCMP_SYS(rt_sigprocmask),
        SCMP_SYS(getrandom)
    };
    static const int refused[] = { SCMP_SYS(open),  SCMP_SYS(openat),
                                   SCMP_SYS(fstat), SCMP_SYS(newfstatat),
                                   SCMP_SYS(ioctl), SCMP_SYS(lseek),
                                   SCMP_SYS(sched_getaffinity) };
    scmp_filter_ctx ctx = seccomp_init(SCMP_ACT_KILL_PROCESS);
    size_t i;
    int good = ctx != NULL;

    for (i = 0; good && i < sizeof(allowed) / sizeof(allowed[0]); i++) {
        good = seccomp_rule_add(ctx, SCMP_ACT_ALLOW, allowed[i], 0) == 0;
    }
    for (i = 0; good && i < sizeof(refused) / sizeof(refused[0]); i++) {
        good = seccomp_rule_add(ctx, SCMP_ACT_ERRNO(EACCES), refused[i], 0) ==
               0;
    }
    good = good && seccomp_load(ctx) == 0;
    seccomp_release(ctx);
    return good;
}

int files_sandbox(unsigned long long pixels, size_t bytes)
{
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 ||
        prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) != 0 || !limit(RLIMIT_CORE, 0) ||
        !limit(RLIMIT_CPU, CPU) || !limit(RLIMIT_FSIZE, OUTPUT)) {
        return 0;
    }
    if (SANITIZED) {
        return 1;
    }
    return limit(RLIMIT_AS, pixels * PIXEL + 2 * bytes + PROGRAM) &&
           limit(RLIMIT_NOFILE, 0) && filter();
}
