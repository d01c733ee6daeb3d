/* SPDX-License-Identifier: Apache-2.0 */
/*
 * unix_socket.h - a listening socket with a name in the file system.
 *
 * Such a name outlives its process: bind() fails on it for ever after. So what
 * stands at the path is looked at first: the socket of a dead process goes,
 * that of a living one stays and is a reason not to start, and anything else is
 * somebody's file. At the end only the very socket that was made is removed,
 * and that stays too when it goes on listening without us (held.h).
 */
#ifndef PUSH_UNIX_SOCKET_H
#define PUSH_UNIX_SOCKET_H

#include <sys/types.h>
#include <apr_errno.h>
#include <apr_pools.h>

typedef struct {
    int type;         /* set it before: SOCK_STREAM or SOCK_SEQPACKET */
    int fd;           /* listening, non-blocking; the caller's */
    const char *path; /* absolute; NULL once it is removed */
    dev_t dev;        /* the name made, so that another one is left alone */
    ino_t ino;
} push_unix_socket_t;

/**
 * Listen at a path. Changes the process's umask for a moment: before threads.
 * @param path     absolute, at most 107 bytes
 * @param mode     of the name, as 0660
 * @param backlog  see listen(2)
 * @param why      a sentence for the operator when not APR_SUCCESS
 */
apr_status_t push_unix_socket_open(push_unix_socket_t *s, const char *path,
                                   mode_t mode, int backlog, const char **why,
                                   apr_pool_t *p);

/** Remove the name, if it is still ours; the descriptor stays open. */
void push_unix_socket_remove(push_unix_socket_t *s);

#endif
