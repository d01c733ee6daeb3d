/* SPDX-License-Identifier: Apache-2.0 */
/*
 * notify.c - see notify.h.
 */
#include "notify.h"

#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

/* The address in the environment; 0 when there is none we can use. */
static socklen_t address_read(struct sockaddr_un *to)
{
    const char *name = getenv("NOTIFY_SOCKET");
    apr_size_t len = name != NULL ? strlen(name) : 0;

    if (len < 2 || len > sizeof(to->sun_path) - 1 ||
        (name[0] != '/' && name[0] != '@')) {
        return 0;
    }
    memset(to, 0, sizeof(*to));
    to->sun_family = AF_UNIX;
    memcpy(to->sun_path, name, len);
    if (name[0] == '@') {
        to->sun_path[0] = '\0'; /* abstract: its length ends it */
        return (socklen_t)(offsetof(struct sockaddr_un, sun_path) + len);
    }
    return sizeof(*to);
}

void push_notify(const char *state)
{
    struct sockaddr_un to;
    socklen_t len = address_read(&to);
    int fd;

    if (len == 0) {
        return;
    }
    fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd < 0) {
        return;
    }
    sendto(fd, state, strlen(state), MSG_NOSIGNAL | MSG_DONTWAIT,
           (struct sockaddr *)&to, len);
    close(fd);
}

/* This one waits a second for room: what is lost here is closed at our end. */
void push_notify_store(int fd, const char *name)
{
    const struct timeval patience = { 1, 0 };
    char state[300];
    union {
        struct cmsghdr align;
        char room[CMSG_SPACE(sizeof(int))];
    } control;
    struct sockaddr_un to;
    struct iovec iov = { state, 0 };
    struct msghdr msg = { .msg_name = &to,
                          .msg_namelen = address_read(&to),
                          .msg_iov = &iov,
                          .msg_iovlen = 1,
                          .msg_control = &control,
                          .msg_controllen = sizeof(control) };
    struct cmsghdr *c = CMSG_FIRSTHDR(&msg);
    int by;

    if (msg.msg_namelen == 0) {
        return;
    }
    by = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (by < 0) {
        return;
    }
    iov.iov_len = (size_t)snprintf(state, sizeof(state),
                                   "FDSTORE=1\nFDPOLL=0\nFDNAME=%s", name);
    memset(&control, 0, sizeof(control));
    c->cmsg_level = SOL_SOCKET;
    c->cmsg_type = SCM_RIGHTS;
    c->cmsg_len = CMSG_LEN(sizeof(int));
    memcpy(CMSG_DATA(c), &fd, sizeof(int));
    setsockopt(by, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience));
    sendmsg(by, &msg, MSG_NOSIGNAL);
    close(by);
}

void push_notify_reloading(void)
{
    struct timespec ts;
    char state[80];

    clock_gettime(CLOCK_MONOTONIC, &ts);
    snprintf(
        state, sizeof(state), "RELOADING=1\nMONOTONIC_USEC=%" APR_UINT64_T_FMT,
        (apr_uint64_t)ts.tv_sec * 1000000 + (apr_uint64_t)ts.tv_nsec / 1000);
    push_notify(state);
}

apr_uint32_t push_notify_watchdog(void)
{
    const char *usec = getenv("WATCHDOG_USEC");
    const char *pid = getenv("WATCHDOG_PID");
    apr_uint64_t n = usec != NULL ? strtoull(usec, NULL, 10) : 0;

    /* The variables may be meant for a process that has started us. */
    if (pid != NULL && strtoull(pid, NULL, 10) != (apr_uint64_t)getpid()) {
        return 0;
    }
    n /= 1000;
    return n > APR_INT32_MAX ? APR_INT32_MAX : (apr_uint32_t)n;
}
