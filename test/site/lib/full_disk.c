/* SPDX-License-Identifier: Apache-2.0 */
/*
 * full_disk.c - a directory on a full disk, where no file system can be
 * mounted.
 *
 * Loaded into a program by LD_PRELOAD: while a directory holds a file of the
 * name FULL, what would make a file in or below it larger fails with ENOSPC, as
 * on a disk without a free block. What lies inside the blocks a file has is
 * written, as there. Everything else is the C library's own.
 */
#include <dlfcn.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#define BLOCK 4096
#define FULL "disk-is-full"

/* Whether one of the directories above a path is marked. */
static int marked(char *path)
{
    char mark[PATH_MAX];
    char *slash;

    while ((slash = strrchr(path, '/')) != NULL) {
        *slash = '\0';
        snprintf(mark, sizeof(mark), "%s/" FULL, path);
        if (access(mark, F_OK) == 0) {
            return 1;
        }
    }
    return 0;
}

/* Whether a file would need another block to reach `end`, and there is none. */
static int full(int fd, off_t end)
{
    char link[64], path[PATH_MAX - sizeof(FULL)];
    struct stat st;
    ssize_t n;

    if (fstat(fd, &st) != 0 || !S_ISREG(st.st_mode) ||
        end <= (st.st_size + BLOCK - 1) / BLOCK * BLOCK) {
        return 0;
    }
    snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
    n = readlink(link, path, sizeof(path) - 1);
    if (n < 0) {
        return 0;
    }
    path[n] = '\0';
    return marked(path);
}

static void *next(const char *name) { return dlsym(RTLD_NEXT, name); }

ssize_t write(int fd, const void *buf, size_t len)
{
    ssize_t (*real)(int, const void *, size_t) = next("write");
    off_t at = lseek(fd, 0, SEEK_CUR);

    if (at >= 0 && full(fd, at + (off_t)len)) {
        errno = ENOSPC;
        return -1;
    }
    return real(fd, buf, len);
}

ssize_t pwrite(int fd, const void *buf, size_t len, off_t at)
{
    ssize_t (*real)(int, const void *, size_t, off_t) = next("pwrite");

    if (full(fd, at + (off_t)len)) {
        errno = ENOSPC;
        return -1;
    }
    return real(fd, buf, len, at);
}

ssize_t pwrite64(int fd, const void *buf, size_t len, off_t at)
{
    return pwrite(fd, buf, len, at);
}

ssize_t pwritev(int fd, const struct iovec *v, int n, off_t at)
{
    ssize_t (*real)(int, const struct iovec *, int, off_t) = next("pwritev");
    off_t end = at;
    int i;

    for (i = 0; i < n; i++) {
        end += (off_t)v[i].iov_len;
    }
    if (full(fd, end)) {
        errno = ENOSPC;
        return -1;
    }
    return real(fd, v, n, at);
}

int posix_fallocate(int fd, off_t at, off_t len)
{
    int (*real)(int, off_t, off_t) = next("posix_fallocate");

    return full(fd, at + len) ? ENOSPC : real(fd, at, len);
}

int posix_fallocate64(int fd, off_t at, off_t len)
{
    return posix_fallocate(fd, at, len);
}
