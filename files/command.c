/* SPDX-License-Identifier: Apache-2.0 */
/*
 * command.c - starting and ending other programs; see command.h.
 *
 * posix_spawn, because a process with threads must not do more between fork and
 * exec. What runs is noted, so that nothing outlives us.
 */
#include "command.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "clock.h"

#define RUNNING 64 /* more than there are threads */
#define LOOK 10    /* ms between two looks at a program's end */

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pid_t running[RUNNING];

/* Put `to` where `from` is. */
static void note(pid_t from, pid_t to)
{
    int i;

    pthread_mutex_lock(&lock);
    for (i = 0; i < RUNNING && running[i] != from; i++) {
    }
    if (i < RUNNING) {
        running[i] = to;
    }
    pthread_mutex_unlock(&lock);
}

void files_kill_all(void)
{
    int i;

    pthread_mutex_lock(&lock);
    for (i = 0; i < RUNNING; i++) {
        if (running[i] > 0) {
            kill(-running[i], SIGKILL);
        }
    }
    pthread_mutex_unlock(&lock);
}

static int attributes(posix_spawnattr_t *attr)
{
    sigset_t none, all;

    sigemptyset(&none);
    sigfillset(&all);
    return posix_spawnattr_init(attr) == 0 &&
           posix_spawnattr_setflags(attr, POSIX_SPAWN_SETPGROUP |
                                              POSIX_SPAWN_SETSIGMASK |
                                              POSIX_SPAWN_SETSIGDEF) == 0 &&
           posix_spawnattr_setpgroup(attr, 0) == 0 &&
           posix_spawnattr_setsigmask(attr, &none) == 0 &&
           posix_spawnattr_setsigdefault(attr, &all) == 0;
}

pid_t files_spawn(const char *program, char *const argv[], int in, int out)
{
    static char *const env[] = { "PATH=/usr/local/bin:/usr/bin:/bin", "LC_ALL=C",
                                 NULL };
    posix_spawn_file_actions_t files;
    posix_spawnattr_t attr;
    pid_t pid = -1;
    int rv = ENOMEM;

    if (attributes(&attr) && posix_spawn_file_actions_init(&files) == 0) {
        posix_spawn_file_actions_adddup2(&files, in, STDIN_FILENO);
        posix_spawn_file_actions_adddup2(&files, out, STDOUT_FILENO);
        rv = posix_spawn(&pid, program, &files, &attr, argv, env);
        posix_spawn_file_actions_destroy(&files);
    }
    posix_spawnattr_destroy(&attr);
    if (rv != 0) {
        errno = rv;
        return -1;
    }
    note(0, pid);
    return pid;
}

int files_wait(pid_t pid, long long until)
{
    int status, late = 0;

    while (waitpid(pid, &status, late ? 0 : WNOHANG) == 0) {
        if (files_now() >= until) {
            kill(-pid, SIGKILL);
            late = 1;
            continue;
        }
        poll(NULL, 0, LOOK);
    }
    note(pid, 0);
    kill(-pid, SIGKILL); /* what it has left behind */
    return late ? -1 : status;
}

/* What it prints, until it closes its end or is late; the first line counts. */
static void listen_to(char why[CHAT_CHECKUP_WHY + 1], int fd, long long until)
{
    char piece[512];
    size_t n = 0, i;
    ssize_t got;

    for (;;) {
        struct pollfd p = { .fd = fd, .events = POLLIN };
        long long left = until - files_now();

        if (left <= 0 || poll(&p, 1, (int)left) != 1 ||
            (got = read(fd, piece, sizeof(piece))) <= 0) {
            break;
        }
        for (i = 0; i < (size_t)got && n < CHAT_CHECKUP_WHY; i++) {
            why[n++] = piece[i];
        }
    }
    why[n] = '\0';
    why[strcspn(why, "\r\n")] = '\0';
}

static scan_result_t result_of(char why[CHAT_CHECKUP_WHY + 1], int status)
{
    if (status != -1 && WIFEXITED(status) && WEXITSTATUS(status) == 0) {
        why[0] = '\0';
        return SCAN_CLEAN;
    }
    if (status != -1 && WIFEXITED(status) && WEXITSTATUS(status) == 1) {
        if (why[0] == '\0') {
            strcpy(why, "infected");
        }
        return SCAN_INFECTED;
    }
    strcpy(why, status == -1 ? "the scanner gives no answer in time"
                             : "the scanner could not look");
    return SCAN_AWAY;
}

scan_result_t files_command(char why[CHAT_CHECKUP_WHY + 1], const char *program,
                            const char *path, long long until)
{
    char *const argv[] = { (char *)program, (char *)path, NULL };
    int null = open("/dev/null", O_RDONLY | O_CLOEXEC), pair[2];
    pid_t pid;

    strcpy(why, "the scanner is away");
    if (null < 0 || pipe2(pair, O_CLOEXEC) != 0) {
        if (null >= 0) {
            close(null);
        }
        return SCAN_AWAY;
    }
    pid = files_spawn(program, argv, null, pair[1]);
    close(null);
    close(pair[1]);
    if (pid > 0) {
        listen_to(why, pair[0], until);
    }
    close(pair[0]);
    return pid > 0 ? result_of(why, files_wait(pid, until)) : SCAN_AWAY;
}
