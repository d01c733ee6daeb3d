/* SPDX-License-Identifier: Apache-2.0 */
/*
 * scanner.c - clamd over a socket, see scanner.h; a command: command.c.
 *
 * INSTREAM: the file goes in pieces, each behind its length, and an empty one
 * ends it. clamd may answer before it has all and close: then writing fails and
 * the answer is there to be read all the same.
 */
#include "scanner.h"

#include <errno.h>
#include <netdb.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>
#include <arpa/inet.h>

#include "clock.h"
#include "command.h"
#include "disk.h"

#define PIECE 65536

static int wait_for(int fd, short what, long long until)
{
    struct pollfd p = { .fd = fd, .events = what };
    long long left = until - files_now();

    return left > 0 && poll(&p, 1, (int)left) == 1;
}

/* Connect within the time. @return -1: not */
static int dial(int family, const struct sockaddr *to, socklen_t len,
                long long until)
{
    int fd = socket(family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    socklen_t size = sizeof(int);
    int error = 0;

    if (fd < 0) {
        return -1;
    }
    if (connect(fd, to, len) == 0 ||
        (errno == EINPROGRESS && wait_for(fd, POLLOUT, until) &&
         getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &size) == 0 &&
         error == 0)) {
        return fd;
    }
    close(fd);
    return -1;
}

static int dial_path(const char *path, long long until)
{
    struct sockaddr_un to = { .sun_family = AF_UNIX };

    if (strlen(path) >= sizeof(to.sun_path)) {
        return -1;
    }
    strcpy(to.sun_path, path);
    return dial(AF_UNIX, (const struct sockaddr *)&to, sizeof(to), until);
}

static int dial_host(const char *host, const char *port, long long until)
{
    struct addrinfo hints = { .ai_socktype = SOCK_STREAM };
    struct addrinfo *list, *a;
    int fd = -1;

    if (getaddrinfo(host, port, &hints, &list) != 0) {
        return -1;
    }
    for (a = list; a != NULL && fd < 0; a = a->ai_next) {
        fd = dial(a->ai_family, a->ai_addr, a->ai_addrlen, until);
    }
    freeaddrinfo(list);
    return fd;
}

static int send_all(int fd, const void *bytes, size_t len, long long until)
{
    const char *at = bytes;

    while (len > 0) {
        ssize_t n = send(fd, at, len, MSG_NOSIGNAL);

        if (n > 0) {
            at += n;
            len -= (size_t)n;
        }
        else if ((errno != EAGAIN && errno != EINTR) ||
                 !wait_for(fd, POLLOUT, until)) {
            return 0;
        }
    }
    return 1;
}

/* The whole file. @return 0: clamd takes no more; -1: the file is not read */
static int stream(int fd, int file, long long until)
{
    char piece[4 + PIECE];
    ssize_t n;

    if (!send_all(fd, "zINSTREAM", sizeof("zINSTREAM"), until)) {
        return 0;
    }
    do {
        apr_uint32_t size;

        n = read(file, piece + 4, PIECE);
        if (n < 0) {
            return -1;
        }
        size = htonl((apr_uint32_t)n);
        memcpy(piece, &size, sizeof(size));
        if (!send_all(fd, piece, 4 + (size_t)n, until)) {
            return 0;
        }
    } while (n > 0);
    return 1;
}

static clamd_reply_t hear(char name[CLAMD_NAME + 1], int fd, long long until)
{
    char reply[CLAMD_REPLY];
    clamd_reply_t said = CLAMD_MORE;
    size_t len = 0;

    while (said == CLAMD_MORE) {
        ssize_t n = recv(fd, reply + len, sizeof(reply) - len, 0);

        if (n < 0 && (errno == EAGAIN || errno == EINTR)) {
            if (!wait_for(fd, POLLIN, until)) {
                return CLAMD_MORE; /* in time nothing */
            }
            continue;
        }
        len += n > 0 ? (size_t)n : 0;
        said = clamd_reply(name, reply, len, n <= 0);
    }
    return said;
}

static scan_result_t judge(char why[CHAT_CHECKUP_WHY + 1], clamd_reply_t said,
                           const char *name)
{
    switch (said) {
    case CLAMD_OK:
        return SCAN_CLEAN;
    case CLAMD_FOUND:
        snprintf(why, CHAT_CHECKUP_WHY + 1, "%s", name);
        return SCAN_INFECTED;
    case CLAMD_TOO_LARGE:
        strcpy(why, "larger than the scanner takes (StreamMaxLength)");
        return SCAN_REFUSED;
    case CLAMD_MORE:
        strcpy(why, "the scanner gives no answer in time");
        return SCAN_AWAY;
    default:
        strcpy(why, "the scanner could not look");
        return SCAN_AWAY;
    }
}

static scan_result_t ask_clamd(char why[CHAT_CHECKUP_WHY + 1], int fd,
                               const char *path, long long until)
{
    char name[CLAMD_NAME + 1];
    int file = files_open(path), sent;

    if (file < 0) {
        strcpy(why, "the file cannot be read");
        return SCAN_REFUSED;
    }
    sent = stream(fd, file, until);
    close(file);
    if (sent < 0) {
        strcpy(why, "the file cannot be read");
        return SCAN_AWAY;
    }
    return judge(why, hear(name, fd, until), name);
}

scan_result_t files_scan(char why[CHAT_CHECKUP_WHY + 1],
                         const files_settings_t *set, const char *path)
{
    long long until = files_now() + set->scan_timeout;
    scan_result_t result;
    int fd;

    why[0] = '\0';
    if (set->scanner == SCANNER_OFF) {
        return SCAN_CLEAN;
    }
    if (set->scanner == SCANNER_COMMAND) {
        return files_command(why, set->scan_a, path, until);
    }
    fd = set->scanner == SCANNER_UNIX
             ? dial_path(set->scan_a, until)
             : dial_host(set->scan_a, set->scan_b, until);
    if (fd < 0) {
        strcpy(why, "the scanner is away");
        return SCAN_AWAY;
    }
    result = ask_clamd(why, fd, path, until);
    close(fd);
    return result;
}
