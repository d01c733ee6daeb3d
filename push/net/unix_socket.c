/* SPDX-License-Identifier: Apache-2.0 */
/*
 * unix_socket.c - names of sockets in the file system (unix_socket.h).
 */
#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>
#include <apr_strings.h>

#include "held.h"
#include "unix_socket.h"

/* @param err  an errno that says more, or 0 */
static apr_status_t refuse(const char **why, const char *path, int err,
                           const char *what, apr_pool_t *p)
{
    char text[128];
    apr_status_t rv = err != 0 ? APR_FROM_OS_ERROR(err) : APR_EINVAL;

    *why = apr_psprintf(p, "cannot listen on %s: %s%s%s", path, what,
                        err != 0 ? ": " : "",
                        err != 0 ? apr_strerror(rv, text, sizeof(text)) : "");
    return rv;
}

static int socket_of(int type)
{
    return socket(AF_UNIX, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
}

/* Whether a process listens there. One whose queue is full does. */
static int is_alive(const struct sockaddr_un *where, int type)
{
    int fd = socket_of(type);
    int alive;

    if (fd < 0) {
        return 1; /* cannot tell: leave it alone */
    }
    alive = connect(fd, (const struct sockaddr *)where, sizeof(*where)) == 0 ||
            (errno != ECONNREFUSED && errno != ENOENT);
    close(fd);
    return alive;
}

/* Clear the name for binding, if it may be cleared. */
static apr_status_t name_clear(const struct sockaddr_un *where, int type,
                               const char **why, apr_pool_t *p)
{
    const char *path = where->sun_path;
    struct stat st;

    if (lstat(path, &st) != 0) {
        return errno == ENOENT
                   ? APR_SUCCESS
                   : refuse(why, path, errno, "cannot look at it", p);
    }
    if (!S_ISSOCK(st.st_mode)) {
        return refuse(why, path, 0, "it is there and no socket", p);
    }
    if (is_alive(where, type)) {
        return refuse(why, path, 0, "another process has it", p);
    }
    if (unlink(path) != 0 && errno != ENOENT) {
        return refuse(why, path, errno,
                      "cannot remove what a dead process left", p);
    }
    return APR_SUCCESS;
}

/* The name gets its mode as it appears: at no time is it open to more. */
static int name_bind(int fd, const struct sockaddr_un *where, mode_t mode)
{
    mode_t mask = umask(~mode & 0777);
    int rv = bind(fd, (const struct sockaddr *)where, sizeof(*where));
    int err = errno;

    umask(mask);
    errno = err;
    return rv;
}

static apr_status_t name_open(push_unix_socket_t *s,
                              const struct sockaddr_un *where, mode_t mode,
                              int backlog, const char **why, apr_pool_t *p)
{
    struct stat st;

    if (name_bind(s->fd, where, mode) != 0) {
        return refuse(why, s->path, errno, "cannot be bound", p);
    }
    if (lstat(s->path, &st) != 0 || listen(s->fd, backlog) != 0) {
        int err = errno;

        unlink(s->path);
        return refuse(why, s->path, err, "cannot be listened on", p);
    }
    s->dev = st.st_dev;
    s->ino = st.st_ino;
    push_held_keep_path(s->fd, &st);
    return APR_SUCCESS;
}

/* One that listens there since before we began. @return 0: there is none */
static int name_take(push_unix_socket_t *s, const char *path, mode_t mode,
                     int backlog)
{
    struct stat st;

    if (lstat(path, &st) != 0) {
        return 0;
    }
    s->fd = push_held_path(s->type, path, &st);
    if (s->fd < 0) {
        return 0;
    }
    if ((st.st_mode & 0777) != mode) {
        chmod(path, mode); /* another one may own it, a socket unit */
    }
    listen(s->fd, backlog);
    s->dev = st.st_dev;
    s->ino = st.st_ino;
    return 1;
}

apr_status_t push_unix_socket_open(push_unix_socket_t *s, const char *path,
                                   mode_t mode, int backlog, const char **why,
                                   apr_pool_t *p)
{
    struct sockaddr_un where = { .sun_family = AF_UNIX };
    apr_status_t rv;

    if (path[0] != '/') {
        return refuse(why, path, 0, "the path is not absolute", p);
    }
    if (strlen(path) >= sizeof(where.sun_path)) {
        return refuse(why, path, 0, "the path is longer than 107 bytes", p);
    }
    apr_cpystrn(where.sun_path, path, sizeof(where.sun_path));
    s->path = apr_pstrdup(p, path);
    if (name_take(s, path, mode, backlog)) {
        return APR_SUCCESS;
    }
    push_held_clear_path(path);
    rv = name_clear(&where, s->type, why, p);
    if (rv != APR_SUCCESS) {
        s->path = NULL;
        return rv;
    }
    s->fd = socket_of(s->type);
    if (s->fd < 0) {
        return refuse(why, path, errno, "no socket is to be had", p);
    }
    rv = name_open(s, &where, mode, backlog, why, p);
    if (rv != APR_SUCCESS) {
        close(s->fd);
    }
    return rv;
}

void push_unix_socket_remove(push_unix_socket_t *s)
{
    struct stat st;

    if (s->path == NULL || push_held_outlive()) {
        return;
    }
    if (lstat(s->path, &st) == 0 && st.st_dev == s->dev &&
        st.st_ino == s->ino) {
        unlink(s->path);
    }
    /* Another process may now take the name, and the number of its inode. */
    s->path = NULL;
}
