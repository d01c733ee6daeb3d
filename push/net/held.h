/* SPDX-License-Identifier: Apache-2.0 */
/*
 * held.h - listening sockets that outlive this process.
 *
 * A socket that somebody keeps open goes on listening while no chat-push runs:
 * who connects waits in its queue until the next one accepts, instead of being
 * refused. Three keep them:
 *
 *   systemd's store  what we open is sent there (FDSTORE=1) and comes back at
 *                    each start, also after a crash. The environment says
 *                    FDSTORE: from version 254 on by itself, before by the unit
 *   a socket unit    or any program that passes LISTEN_FDS: opened by others,
 *                    taken when a setting names the same address
 *   ourselves        on SIGUSR2, when this process turns into the next one
 *
 * All speak sd_listen_fds(3): descriptors from 3 on, LISTEN_PID, LISTEN_FDS,
 * LISTEN_FDNAMES. The settings decide where we listen: a socket is taken for
 * its address, whatever it is called, and one that no setting names any more is
 * closed. Names are ours to recognize a Unix socket's name in the file system
 * by device and inode: when somebody has removed it, nobody can reach the
 * socket.
 *
 * There is one such state of a process. Main thread, before the loops run and
 * after they have ended.
 */
#ifndef PUSH_HELD_H
#define PUSH_HELD_H

#include <sys/socket.h>
#include <sys/stat.h>

/** Look at what we were given, before anything else is opened; the variables
 * are removed, so that no child takes them for its own. */
void push_held_begin(void);

/** Say what was wrong with what we were given.
 * @param log  trouble: 1 for what somebody should look at */
void push_held_tell(void (*log)(int trouble, const char *line));

/**
 * A TCP socket that we were given for an address. Call it again for more of
 * the same.
 * @param want    port 0: any port
 * @param v6only  of an IPv6 address: whether it shall not take IPv4
 * @return non-blocking, the caller's; -1: there is none
 */
int push_held_port(const struct sockaddr *want, int v6only);

/**
 * A socket that we were given for a path.
 * @param type  SOCK_STREAM or SOCK_SEQPACKET
 * @param name  of the path, as lstat() shows it now
 * @return non-blocking, the caller's; -1: there is none
 */
int push_held_path(int type, const char *path, const struct stat *name);

/** Close what we were given for a port and is not taken: it is in the way.
 * @return whether there was any; the port may take a moment to be free */
int push_held_clear(int port);

/** The same for a path, with its name. */
void push_held_clear_path(const char *path);

/** A TCP socket of ours that somebody may keep. The descriptor stays open as
 * long as this process listens. */
void push_held_keep_port(int fd);

/** The same at a path. @param name  of the path, as lstat() shows it */
void push_held_keep_path(int fd, const struct stat *name);

/** Close what was given and nobody took, with a line about each. */
void push_held_rest(void (*log)(int trouble, const char *line));

/** Whether sockets go on listening when we end: their names must stay. */
int push_held_outlive(void);

/** Another process of ours follows: keep the sockets through what comes. */
void push_held_prepare(void);

/** Become that process, with everything else closed. It returns only when that
 * fails. @return errno */
int push_held_exec(char **argv);

#endif
