/* SPDX-License-Identifier: Apache-2.0 */
/*
 * turn.c - see turn.h.
 *
 * The semaphore counts those inside: 0 or 1. A new one is 0, so it is good from
 * its first moment on and needs no initial value that another could miss. To
 * come in is one operation of two parts, wait for 0 and add 1; such operations
 * wait in the order they came (sem_array.pending_alter in the kernel).
 */
#include "turn.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <string.h>
#include <sys/ipc.h>
#include <sys/sem.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

/* The fourth argument of semctl(); POSIX has the caller declare it. */
union semun {
    int val;
    struct semid_ds *buf;
    unsigned short *array;
};

/* When a file was made, in ns; 0 where the filesystem does not know. */
static apr_int64_t born(const char *path)
{
    struct statx sx;

    if (statx(AT_FDCWD, path, 0, STATX_BTIME, &sx) != 0 ||
        !(sx.stx_mask & STATX_BTIME)) {
        return 0;
    }
    return sx.stx_btime.tv_sec * 1000000000 + sx.stx_btime.tv_nsec;
}

/* FNV-1a over what the file is; two files with the same key would only wait for
 * each other. An inode's number is used again, and then the queue of the file
 * that had it may be a stranger's: hence the time as well. */
static key_t key_of(const char *path, const struct stat *st)
{
    const struct {
        char name[8];
        apr_uint64_t device, inode;
        apr_int64_t born;
    } what = { "modchat", st->st_dev, st->st_ino, born(path) };
    const unsigned char *c = (const unsigned char *)&what;
    apr_uint32_t hash = 2166136261u;
    apr_size_t i;

    for (i = 0; i < sizeof(what); i++) {
        hash = (hash ^ c[i]) * 16777619u;
    }
    return (key_t)(hash == (apr_uint32_t)IPC_PRIVATE ? 1 : hash);
}

/* @return the id, or -1 */
static int semaphore_make(key_t key, const struct stat *st)
{
    struct semid_ds set;
    union semun arg = { .buf = &set };
    int id = semget(key, 1, IPC_CREAT | IPC_EXCL | (int)(st->st_mode & 0666));

    if (id < 0) {
        return errno == EEXIST ? semget(key, 1, 0) : -1;
    }
    if (semctl(id, 0, IPC_STAT, arg) == 0) {
        set.sem_perm.uid = st->st_uid;
        set.sem_perm.gid = st->st_gid;
        set.sem_perm.mode = st->st_mode & 0666;
        semctl(id, 0, IPC_SET, arg); /* else it stays ours: the best there is */
    }
    return id;
}

#define GROUPS_MOST 256 /* of a user that are looked at */

/* Whether a user may write the file by its group, which is how two programs
 * with a user each share one. */
static int is_member(uid_t uid, const struct stat *st)
{
    gid_t groups[GROUPS_MOST];
    struct passwd pw, *found = NULL;
    char names[4096];
    int i, n = GROUPS_MOST;

    if (!(st->st_mode & S_IWGRP) ||
        getpwuid_r(uid, &pw, names, sizeof(names), &found) != 0 ||
        found == NULL) {
        return 0;
    }
    if (getgrouplist(pw.pw_name, pw.pw_gid, groups, &n) < 0) {
        n = GROUPS_MOST; /* there are more */
    }
    for (i = 0; i < n; i++) {
        if (groups[i] == st->st_gid) {
            return 1;
        }
    }
    return 0;
}

/* Whoever can see the file knows the key, and could have made the queue first
 * to hold it for ever: ours is from root, from ourselves, or from somebody who
 * may write the file and could hold SQLite's own lock as well. */
static int is_trusted(int id, const struct stat *st)
{
    struct semid_ds set;
    union semun arg = { .buf = &set };

    return semctl(id, 0, IPC_STAT, arg) == 0 &&
           (set.sem_perm.cuid == 0 || set.sem_perm.cuid == st->st_uid ||
            set.sem_perm.cuid == geteuid() || is_member(set.sem_perm.cuid, st));
}

void chat_turn_find(chat_turn_t *turn, const char *path)
{
    struct stat st;
    key_t key;

    turn->id = -1;
    turn->taken = 0;
    if (stat(path, &st) != 0) {
        return;
    }
    key = key_of(path, &st);
    turn->id = semget(key, 1, 0);
    if (turn->id < 0 && errno == ENOENT) {
        turn->id = semaphore_make(key, &st);
    }
    if (turn->id >= 0 && !is_trusted(turn->id, &st)) {
        turn->id = -1;
    }
}

static void time_left(struct timespec *left, apr_time_t until)
{
    apr_interval_time_t us = until - apr_time_now();

    us = us > 0 ? us : 0;
    left->tv_sec = (time_t)apr_time_sec(us);
    left->tv_nsec = (long)apr_time_usec(us) * 1000;
}

apr_status_t chat_turn_take(chat_turn_t *turn, apr_interval_time_t wait)
{
    struct sembuf in[2] = { { 0, 0, 0 }, { 0, 1, SEM_UNDO } };
    apr_time_t until = apr_time_now() + wait;
    struct timespec left;

    if (turn->id < 0) {
        return APR_SUCCESS;
    }
    do {
        time_left(&left, until);
        if (semtimedop(turn->id, in, 2, &left) == 0) {
            turn->taken = 1;
            return APR_SUCCESS;
        }
    } while (errno == EINTR);
    if (errno == EAGAIN) {
        return APR_TIMEUP;
    }
    turn->id = -1; /* somebody removed it, or we may not: go without */
    return APR_SUCCESS;
}

void chat_turn_give(chat_turn_t *turn)
{
    struct sembuf out = { 0, -1, SEM_UNDO | IPC_NOWAIT };

    if (!turn->taken) {
        return;
    }
    turn->taken = 0;
    while (semop(turn->id, &out, 1) != 0 && errno == EINTR) {
        /* again */
    }
}
