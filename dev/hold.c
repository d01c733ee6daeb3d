/* SPDX-License-Identifier: Apache-2.0 */
/*
 * hold.c - systemd's store of descriptors, for `make run` and the tests.
 *
 *   hold keep PATH                    keep what is sent to PATH (FDSTORE=1)
 *   hold run PATH PROGRAM ARGUMENT…   become PROGRAM, which gets what is
 *                                     kept, as sd_listen_fds(3) says
 *
 * Beside the notify protocol PATH knows one more message, "TAKE" with a socket:
 * descriptors and names are sent there. The keeper runs until it is killed;
 * with it everything kept is closed.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#define FIRST 3  /* SD_LISTEN_FDS_START */
#define MOST 250 /* descriptors; the kernel passes 253 at once */
#define NAME 256

typedef union {
    struct cmsghdr align;
    char room[CMSG_SPACE(MOST * sizeof(int))];
} control_t;

static int fds[MOST];
static char names[MOST][NAME];
static int n;

static int fail(const char *what)
{
    fprintf(stderr, "hold: %s: %s\n", what, strerror(errno));
    return 1;
}

static int address(struct sockaddr_un *at, const char *path)
{
    memset(at, 0, sizeof(*at));
    at->sun_family = AF_UNIX;
    if (strlen(path) >= sizeof(at->sun_path)) {
        errno = ENAMETOOLONG;
        return 0;
    }
    strcpy(at->sun_path, path);
    return 1;
}

/* A message of bytes and descriptors. */
static int say(int by, const struct sockaddr_un *to, const char *text,
               const int *give, int count)
{
    control_t control;
    struct iovec iov = { (char *)text, strlen(text) };
    struct msghdr msg = { .msg_name = (void *)to,
                          .msg_namelen = to != NULL ? sizeof(*to) : 0,
                          .msg_iov = &iov,
                          .msg_iovlen = 1 };
    struct cmsghdr *c;

    memset(&control, 0, sizeof(control));
    if (count > 0) {
        msg.msg_control = &control;
        msg.msg_controllen = CMSG_SPACE((size_t)count * sizeof(int));
        c = CMSG_FIRSTHDR(&msg);
        c->cmsg_level = SOL_SOCKET;
        c->cmsg_type = SCM_RIGHTS;
        c->cmsg_len = CMSG_LEN((size_t)count * sizeof(int));
        memcpy(CMSG_DATA(c), give, (size_t)count * sizeof(int));
    }
    return sendmsg(by, &msg, MSG_NOSIGNAL) >= 0;
}

/* @param got  at least MOST of them. @return how many came; -1: an error */
static int hear(int by, char *text, size_t size, int *got)
{
    control_t control;
    struct iovec iov = { text, size - 1 };
    struct msghdr msg = { .msg_iov = &iov,
                          .msg_iovlen = 1,
                          .msg_control = &control,
                          .msg_controllen = sizeof(control) };
    ssize_t len = recvmsg(by, &msg, MSG_CMSG_CLOEXEC);
    struct cmsghdr *c;
    int count = 0;

    if (len < 0) {
        return -1;
    }
    text[len] = '\0';
    c = CMSG_FIRSTHDR(&msg);
    if (c != NULL && c->cmsg_type == SCM_RIGHTS) {
        count = (int)((c->cmsg_len - CMSG_LEN(0)) / sizeof(int));
        memcpy(got, CMSG_DATA(c), (size_t)count * sizeof(int));
    }
    return count;
}

/* --- keeping ------------------------------------------------------------- */

static void removed(const char *name)
{
    int i, kept = 0;

    for (i = 0; i < n; i++) {
        if (strcmp(names[i], name) == 0) {
            close(fds[i]);
            continue;
        }
        fds[kept] = fds[i];
        memmove(names[kept], names[i], NAME);
        kept++;
    }
    n = kept;
}

static void give_all(int to)
{
    static char text[MOST * NAME + 2];
    int i;

    strcpy(text, "."); /* an empty message would look like an end */
    for (i = 0; i < n; i++) {
        strcat(strcat(text, i > 0 ? ":" : ""), names[i]);
    }
    say(to, NULL, text, fds, n);
}

/* The value of NAME=value, a line of a message; NULL: there is none. */
static const char *value_of(const char *text, const char *name, char *out)
{
    const size_t len = strlen(name);
    const char *line;

    for (line = text; line != NULL; line = strchr(line, '\n')) {
        line += *line == '\n';
        if (strncmp(line, name, len) == 0 && line[len] == '=') {
            snprintf(out, NAME, "%.*s", (int)strcspn(line + len + 1, "\n"),
                     line + len + 1);
            return out;
        }
    }
    return NULL;
}

static void message(const char *text, int *got, int count)
{
    char value[NAME], name[NAME];

    if (value_of(text, "FDNAME", name) == NULL) {
        strcpy(name, "stored");
    }
    if (value_of(text, "FDSTORE", value) != NULL) {
        while (count > 0 && n < MOST) {
            fds[n] = got[--count];
            strcpy(names[n++], name);
        }
    }
    else if (value_of(text, "FDSTOREREMOVE", value) != NULL) {
        removed(name);
    }
    else if (strcmp(text, "TAKE") == 0 && count == 1) {
        give_all(got[0]);
    }
    while (count > 0) {
        close(got[--count]);
    }
}

static int keep(const char *path)
{
    struct sockaddr_un at;
    char text[4096];
    int got[MOST], count;
    int by = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);

    umask(0077);
    if (by < 0 || !address(&at, path) ||
        bind(by, (struct sockaddr *)&at, sizeof(at)) != 0) {
        return fail(path);
    }
    while ((count = hear(by, text, sizeof(text), got)) >= 0 || errno == EINTR) {
        message(text, got, count);
    }
    return fail(path);
}

/* --- running ------------------------------------------------------------- */

/* Put them where they are looked for, out of each other's way first. */
static void place(int *got, int count)
{
    int i;

    for (i = 0; i < count; i++) {
        got[i] = fcntl(got[i], F_DUPFD_CLOEXEC, FIRST + MOST);
    }
    for (i = 0; i < count; i++) {
        dup2(got[i], FIRST + i);
    }
}

static int run(const char *path, char **argv)
{
    static char list[MOST * NAME + 2];
    struct sockaddr_un at;
    char number[20];
    int got[MOST], pair[2], count;

    if (!address(&at, path) ||
        socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) != 0 ||
        (count = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0)) < 0 ||
        !say(count, &at, "TAKE", &pair[1], 1)) {
        return fail(path);
    }
    close(pair[1]);
    count = hear(pair[0], list, sizeof(list), got);
    if (count < 0) {
        return fail(path);
    }
    place(got, count);
    if (count > 0) {
        snprintf(number, sizeof(number), "%d", count);
        setenv("LISTEN_FDS", number, 1);
        setenv("LISTEN_FDNAMES", list + 1, 1);
        snprintf(number, sizeof(number), "%ld", (long)getpid());
        setenv("LISTEN_PID", number, 1);
    }
    setenv("NOTIFY_SOCKET", path, 1);
    setenv("FDSTORE", "250", 1);
    execv(argv[0], argv);
    return fail(argv[0]);
}

int main(int argc, char **argv)
{
    if (argc == 3 && strcmp(argv[1], "keep") == 0) {
        return keep(argv[2]);
    }
    if (argc > 3 && strcmp(argv[1], "run") == 0) {
        return run(argv[2], argv + 3);
    }
    fputs("usage: hold keep PATH | hold run PATH PROGRAM ...\n", stderr);
    return 1;
}
