/* SPDX-License-Identifier: Apache-2.0 */
/*
 * wake.c - bind, drain and remove the wake-up socket, see wake.h.
 */
#include "wake.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>
#include <apr_strings.h>

#define MODE 0660

/* Datagrams read in a row: whoever sends without end shall not hold us. */
#define DRAIN_MOST 256

struct push_wake_t {
    int fd;                   /* non-blocking; ours */
    struct sockaddr_un where; /* the name we bound */
    dev_t dev;                /* the socket file at that name, so that only */
    ino_t ino;                /* our own is removed at the end */
};

static apr_status_t complain(const char **why, const char *path, int error,
                             const char *what, apr_pool_t *p)
{
    *why = apr_psprintf(p, "wake-up socket %s: %s%s%s", path, what,
                        error != 0 ? ": " : "",
                        error != 0 ? strerror(error) : "");
    return error != 0 ? APR_FROM_OS_ERROR(error) : APR_EINVAL;
}

/* Whether somebody has the socket at this name open: a datagram socket accepts
 * a connection only then. */
static int in_use(const struct sockaddr_un *where)
{
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    int used;

    if (fd < 0) {
        return 1; /* cannot tell: leave it alone */
    }
    used = connect(fd, (const struct sockaddr *)where, sizeof(*where)) == 0 ||
           errno != ECONNREFUSED;
    close(fd);
    return used;
}

/* Clear the name for binding, if it may be cleared. */
static apr_status_t stale_remove(const struct sockaddr_un *where,
                                 const char **why, apr_pool_t *p)
{
    struct stat st;

    if (lstat(where->sun_path, &st) != 0) {
        return errno == ENOENT ? APR_SUCCESS
                               : complain(why, where->sun_path, errno,
                                          "cannot look at it", p);
    }
    if (!S_ISSOCK(st.st_mode)) {
        return complain(why, where->sun_path, 0,
                        "the path names something that is no socket", p);
    }
    if (in_use(where)) {
        return complain(why, where->sun_path, 0,
                        "another process is listening on it", p);
    }
    if (unlink(where->sun_path) != 0 && errno != ENOENT) {
        return complain(why, where->sun_path, errno,
                        "cannot remove what a dead process left", p);
    }
    return APR_SUCCESS;
}

static apr_status_t wake_cleanup(void *data)
{
    push_wake_t *wake = data;
    struct stat st;

    if (lstat(wake->where.sun_path, &st) == 0 && st.st_dev == wake->dev &&
        st.st_ino == wake->ino) {
        unlink(wake->where.sun_path);
    }
    close(wake->fd);
    return APR_SUCCESS;
}

/* The mode is set on the socket first, so that the name is at no time open to
 * more than it shall be; the umask can take bits away, hence again after. */
static apr_status_t bind_it(push_wake_t *wake, const char **why, apr_pool_t *p)
{
    const char *path = wake->where.sun_path;
    struct stat st;

    if (fchmod(wake->fd, MODE) != 0 ||
        bind(wake->fd, (struct sockaddr *)&wake->where, sizeof(wake->where)) !=
            0) {
        return complain(why, path, errno, "cannot be bound", p);
    }
    if (chmod(path, MODE) != 0 || lstat(path, &st) != 0) {
        int error = errno;

        unlink(path);
        return complain(why, path, error, "cannot set its mode", p);
    }
    wake->dev = st.st_dev;
    wake->ino = st.st_ino;
    return APR_SUCCESS;
}

apr_status_t push_wake_open(push_wake_t **out, const char *path,
                            const char **why, apr_pool_t *p)
{
    push_wake_t *wake = apr_pcalloc(p, sizeof(*wake));
    apr_size_t len = strlen(path);
    apr_status_t rv;

    if (path[0] != '/') {
        return complain(why, path, 0, "the path is not absolute", p);
    }
    if (len >= sizeof(wake->where.sun_path)) {
        return complain(why, path, 0, "the path is longer than 107 bytes", p);
    }
    wake->where.sun_family = AF_UNIX;
    memcpy(wake->where.sun_path, path, len);
    rv = stale_remove(&wake->where, why, p);
    if (rv != APR_SUCCESS) {
        return rv;
    }
    wake->fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (wake->fd < 0) {
        return complain(why, path, errno, "cannot be made", p);
    }
    rv = bind_it(wake, why, p);
    if (rv != APR_SUCCESS) {
        close(wake->fd);
        return rv;
    }
    apr_pool_cleanup_register(p, wake, wake_cleanup, apr_pool_cleanup_null);
    *out = wake;
    return APR_SUCCESS;
}

int push_wake_fd(const push_wake_t *wake) { return wake->fd; }

int push_wake_drain(push_wake_t *wake)
{
    char byte; /* what does not fit of a datagram is dropped with it */
    int n = 0;

    while (n < DRAIN_MOST &&
           (recv(wake->fd, &byte, 1, MSG_DONTWAIT) >= 0 || errno == EINTR)) {
        n++;
    }
    return n > 0;
}
