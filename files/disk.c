/* SPDX-License-Identifier: Apache-2.0 */
/* disk.c - see disk.h. */
#include "disk.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <openssl/evp.h>

int files_open(const char *path)
{
    struct stat st;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);

    if (fd >= 0 && (fstat(fd, &st) != 0 || !S_ISREG(st.st_mode))) {
        close(fd);
        errno = EINVAL;
        return -1;
    }
    return fd;
}

/* Up to `want` bytes, fewer at the file's end only. -1: errno */
static ssize_t fill(int fd, void *to, size_t want)
{
    size_t n = 0;

    while (n < want) {
        ssize_t got = read(fd, (char *)to + n, want - n);

        if (got < 0 && errno == EINTR) {
            continue;
        }
        if (got < 0) {
            return -1;
        }
        if (got == 0) {
            break;
        }
        n += (size_t)got;
    }
    return (ssize_t)n;
}

unsigned char *files_read(size_t *len, const char *path)
{
    int fd = files_open(path);
    unsigned char *bytes = NULL;
    struct stat st;
    ssize_t n = -1;

    if (fd < 0) {
        return NULL;
    }
    if (fstat(fd, &st) == 0) {
        if (st.st_size > (off_t)FILES_WHOLE) {
            errno = EFBIG;
        }
        else if ((bytes = malloc((size_t)st.st_size + 1)) != NULL) {
            n = fill(fd, bytes, (size_t)st.st_size);
        }
    }
    close(fd);
    if (n < 0) {
        free(bytes);
        return NULL;
    }
    *len = (size_t)n;
    return bytes;
}

static void hex(char *to, const unsigned char *bytes, size_t n)
{
    size_t i;

    for (i = 0; i < n; i++) {
        to[2 * i] = "0123456789abcdef"[bytes[i] >> 4];
        to[2 * i + 1] = "0123456789abcdef"[bytes[i] & 15];
    }
    to[2 * n] = '\0';
}

static int digest(chat_checkup_t *c, int fd, EVP_MD_CTX *md)
{
    unsigned char piece[65536], sum[EVP_MAX_MD_SIZE];
    ssize_t n;

    c->size = 0;
    while ((n = fill(fd, piece, sizeof(piece))) > 0) {
        EVP_DigestUpdate(md, piece, (size_t)n);
        c->size += n;
    }
    if (n < 0) {
        return errno;
    }
    EVP_DigestFinal_ex(md, sum, NULL);
    hex(c->sha256, sum, CHAT_CHECKUP_SHA256 / 2);
    return 0;
}

int files_measure(chat_checkup_t *c, const char *path)
{
    int fd = files_open(path), rv;
    EVP_MD_CTX *md;

    if (fd < 0) {
        return errno;
    }
    md = EVP_MD_CTX_new();
    rv = md != NULL && EVP_DigestInit_ex(md, EVP_sha256(), NULL)
             ? digest(c, fd, md)
             : ENOMEM;
    EVP_MD_CTX_free(md);
    close(fd);
    return rv;
}

static int write_all(int fd, const char *bytes, size_t len)
{
    while (len > 0) {
        ssize_t n = write(fd, bytes, len);

        if (n < 0 && errno != EINTR) {
            return errno;
        }
        if (n > 0) {
            bytes += n;
            len -= (size_t)n;
        }
    }
    return 0;
}

/* So that the new name is there after a power cut. */
static void sync_directory(const char *path)
{
    char dir[CHAT_CHECKUP_PATH];
    char *slash;
    int fd;

    snprintf(dir, sizeof(dir), "%s", path);
    slash = strrchr(dir, '/');
    if (slash != NULL) {
        *slash = '\0';
        fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (fd >= 0) {
            fsync(fd);
            close(fd);
        }
    }
}

int files_rename(const char *from, const char *to, const char *must)
{
    int rv = 0;

    if (access(must, F_OK) != 0) {
        rv = errno;
    }
    else if (rename(from, to) != 0) {
        rv = errno;
    }
    if (rv != 0) {
        unlink(from);
        return rv;
    }
    sync_directory(to);
    return 0;
}

int files_replace(const char *path, const char *beside, const void *bytes,
                  size_t len, const char *must)
{
    int fd = open(beside, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW,
                  0600);
    int rv;

    if (fd < 0) {
        return errno;
    }
    rv = write_all(fd, bytes, len);
    if (rv == 0 && fsync(fd) != 0) {
        rv = errno;
    }
    if (close(fd) != 0 && rv == 0) {
        rv = errno;
    }
    if (rv != 0) {
        unlink(beside);
        return rv;
    }
    return files_rename(beside, path, must);
}
