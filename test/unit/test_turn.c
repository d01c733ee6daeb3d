/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_turn.c - the queue of processes that write into one file. Each process
 * is a fork; order is made certain by letting each come only when the kernel
 * says that the one before waits.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <fcntl.h>
#include <pwd.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sem.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "turn.h"

#define LONG apr_time_from_sec(30)

typedef struct {
    char path[40];
    chat_turn_t turn;
    int told[2]; /* a pipe: the processes say their letters */
} world_t;

/* A file of its own. A queue that somebody else has made for a file that is
 * gone may have been left behind, and this one's number be the same: then
 * another. */
static int file_make(world_t *w)
{
    char gone[sizeof(w->path)] = "";
    int fd, tries = 0;

    do {
        snprintf(w->path, sizeof(w->path), "/tmp/chat-turn-XXXXXX");
        fd = mkstemp(w->path);
        assert_true(fd >= 0);
        close(fd);
        if (gone[0] != '\0') {
            unlink(gone);
        }
        memcpy(gone, w->path, sizeof(gone));
        chat_turn_find(&w->turn, w->path);
    } while (w->turn.id < 0 && ++tries < 100);
    return w->turn.id >= 0;
}

static int world_make(void **state)
{
    static world_t w;

    assert_int_equal(pipe(w.told), 0);
    assert_true(file_make(&w));
    *state = &w;
    return 0;
}

static int world_end(void **state)
{
    world_t *w = *state;

    semctl(w->turn.id, 0, IPC_RMID);
    close(w->told[0]);
    close(w->told[1]);
    return unlink(w->path);
}

/* How many processes wait, as the kernel counts them. */
static void await_waiting(const world_t *w, int n)
{
    while (semctl(w->turn.id, 0, GETZCNT) < n) {
        usleep(1000);
    }
}

/* Another process: finds the file's queue, takes the turn, says a letter. */
static pid_t visitor(const world_t *w, char letter, int stays)
{
    pid_t pid = fork();
    chat_turn_t turn;

    if (pid != 0) {
        return pid;
    }
    chat_turn_find(&turn, w->path);
    if (chat_turn_take(&turn, LONG) == APR_SUCCESS && turn.taken &&
        write(w->told[1], &letter, 1) == 1) {
        if (stays) {
            pause();
        }
        chat_turn_give(&turn);
        _exit(0);
    }
    _exit(1);
}

static char heard(const world_t *w)
{
    char letter = '-';

    assert_int_equal(read(w->told[0], &letter, 1), 1);
    return letter;
}

static void ends_well(pid_t pid)
{
    int status;

    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0);
}

static void processes_take_their_turns_as_they_came(void **state)
{
    world_t *w = *state;
    pid_t pids[5];

    assert_int_equal(chat_turn_take(&w->turn, 0), APR_SUCCESS);
    for (int i = 0; i < 5; i++) {
        pids[i] = visitor(w, (char)('a' + i), 0);
        await_waiting(w, i + 1);
    }
    chat_turn_give(&w->turn);
    for (int i = 0; i < 5; i++) {
        assert_int_equal(heard(w), 'a' + i);
    }
    for (int i = 0; i < 5; i++) {
        ends_well(pids[i]);
    }
}

static void who_comes_back_at_once_waits_behind_the_others(void **state)
{
    world_t *w = *state;
    pid_t pid;

    assert_int_equal(chat_turn_take(&w->turn, 0), APR_SUCCESS);
    pid = visitor(w, 'a', 0);
    await_waiting(w, 1);
    chat_turn_give(&w->turn);
    assert_int_equal(chat_turn_take(&w->turn, LONG), APR_SUCCESS);
    assert_int_equal(heard(w), 'a'); /* said before it was ours again */
    chat_turn_give(&w->turn);
    ends_well(pid);
}

static void a_wait_has_an_end(void **state)
{
    world_t *w = *state;
    chat_turn_t other;
    pid_t pid = visitor(w, 'a', 1);

    assert_int_equal(heard(w), 'a');
    chat_turn_find(&other, w->path);
    assert_int_equal(chat_turn_take(&other, 20000), APR_TIMEUP);
    assert_false(other.taken);
    chat_turn_give(&other); /* not ours: nothing happens */
    assert_int_equal(chat_turn_take(&other, 20000), APR_TIMEUP);
    kill(pid, SIGKILL);
    waitpid(pid, NULL, 0);
}

static void a_killed_process_gives_its_turn_back(void **state)
{
    world_t *w = *state;
    pid_t pid = visitor(w, 'a', 1);

    assert_int_equal(heard(w), 'a');
    kill(pid, SIGKILL);
    assert_int_equal(chat_turn_take(&w->turn, LONG), APR_SUCCESS);
    assert_true(w->turn.taken);
    chat_turn_give(&w->turn);
    waitpid(pid, NULL, 0);
}

static void a_queue_that_was_removed_is_gone_without(void **state)
{
    world_t *w = *state;
    int id = w->turn.id;

    semctl(id, 0, IPC_RMID);
    assert_int_equal(chat_turn_take(&w->turn, 0), APR_SUCCESS);
    assert_false(w->turn.taken);
    chat_turn_give(&w->turn);
    chat_turn_find(&w->turn, w->path);
    assert_true(w->turn.id >= 0);
    chat_turn_find(&w->turn, "/no/such/file");
    assert_int_equal(w->turn.id, -1);
    assert_int_equal(chat_turn_take(&w->turn, 0), APR_SUCCESS);
    chat_turn_find(&w->turn, w->path);
}

static void a_queue_has_the_mode_of_its_file(void **state)
{
    world_t *w = *state;
    struct semid_ds set;
    chat_turn_t turn;

    semctl(w->turn.id, 0, IPC_RMID);
    chmod(w->path, 0620);
    chat_turn_find(&turn, w->path);
    assert_int_equal(semctl(turn.id, 0, IPC_STAT, &set), 0);
    assert_int_equal(set.sem_perm.mode & 0777, 0620);
    assert_int_equal(set.sem_perm.uid, getuid());
    w->turn = turn;
}

/* The queue's key, as anybody finds it who can see the file. */
static key_t key_of(const world_t *w)
{
    struct semid_ds set;

    assert_int_equal(semctl(w->turn.id, 0, IPC_STAT, &set), 0);
    return set.sem_perm.__key;
}

/* Somebody with that user id makes the queue, open to all, and holds it. */
static void made_by(uid_t uid, key_t key)
{
    pid_t pid = fork();

    if (pid == 0) {
        struct sembuf take = { 0, 1, 0 };
        int id;

        if (geteuid() != uid && setuid(uid) != 0) {
            _exit(1);
        }
        umask(0);
        id = semget(key, 1, IPC_CREAT | IPC_EXCL | 0666);
        _exit(id >= 0 && semop(id, &take, 1) == 0 ? 0 : 2);
    }
    ends_well(pid);
}

/* Whether who has that user id takes the turn of a queue that is held for ever,
 * the file being owner's. */
static int believes(world_t *w, uid_t uid, uid_t owner)
{
    int status;
    pid_t pid = fork();

    assert_true(geteuid() != 0 || chown(w->path, owner, (gid_t)-1) == 0);
    if (pid == 0) {
        chat_turn_t turn;

        if (geteuid() != uid && setuid(uid) != 0) {
            _exit(99);
        }
        chat_turn_find(&turn, w->path);
        _exit(turn.id < 0                                 ? 0
              : chat_turn_take(&turn, 1000) == APR_TIMEUP ? 1
                                                          : 2);
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFEXITED(status));
    return WEXITSTATUS(status);
}

/* Whoever can see the file could make its queue first and never let go. An
 * ordinary user has nobody to play the others: there it is our own that counts.
 */
static void a_queue_that_a_stranger_made_is_not_waited_in(void **state)
{
    world_t *w = *state;
    uid_t self = geteuid();
    uid_t stranger = self == 0 ? 65534 : self;
    uid_t owner = self == 0 ? 65533 : self;
    key_t key = key_of(w);

    chmod(w->path, 0666);
    semctl(w->turn.id, 0, IPC_RMID);
    made_by(stranger, key);
    assert_int_equal(believes(w, self, self), self != 0);
    assert_int_equal(believes(w, owner, self), self != 0);
    assert_int_equal(believes(w, self, stranger), 1); /* the owner's own */
    assert_int_equal(believes(w, stranger, self), 1); /* their own */
    w->turn.id = semget(key, 1, 0);
    semctl(w->turn.id, 0, IPC_RMID);
    made_by(self, key); /* root, where others can be played */
    assert_int_equal(believes(w, owner, owner), 1);
    assert_int_equal(believes(w, stranger, owner), 1);
    w->turn.id = semget(key, 1, 0);
}

/* Two programs with a user each share a file by its group, and either may have
 * been first. Only root can play the others. */
static void a_queue_of_a_member_of_the_files_group_is_waited_in(void **state)
{
    const struct passwd *member = getpwnam("nobody");
    world_t *w = *state;
    key_t key = key_of(w);
    uid_t owner;

    assert_non_null(member);
    owner = geteuid() == 0 ? member->pw_uid - 1 : geteuid();
    semctl(w->turn.id, 0, IPC_RMID);
    if (geteuid() == 0) {
        assert_int_equal(chown(w->path, owner, member->pw_gid), 0);
    }
    made_by(geteuid() == 0 ? member->pw_uid : geteuid(), key);
    chmod(w->path, 0660);
    assert_int_equal(believes(w, owner, owner), 1);
    chmod(w->path, 0640); /* who may read alone is a stranger */
    assert_int_equal(believes(w, owner, owner), geteuid() != 0);
    w->turn.id = semget(key, 1, 0);
}

/* A file gets the number of one that was removed, whose queue is still there. */
static void another_file_has_another_queue(void **state)
{
    world_t *w = *state;
    const int old = w->turn.id;
    int fd;

    assert_int_equal(unlink(w->path), 0);
    fd = open(w->path, O_CREAT | O_EXCL | O_RDWR, 0600);
    assert_true(fd >= 0);
    close(fd);
    chat_turn_find(&w->turn, w->path);
    assert_true(w->turn.id >= 0);
    assert_int_not_equal(w->turn.id, old);
    assert_int_equal(semctl(old, 0, IPC_RMID), 0);
}

#define WITH_WORLD(t) cmocka_unit_test_setup_teardown(t, world_make, world_end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_WORLD(processes_take_their_turns_as_they_came),
        WITH_WORLD(who_comes_back_at_once_waits_behind_the_others),
        WITH_WORLD(a_wait_has_an_end),
        WITH_WORLD(another_file_has_another_queue),
        WITH_WORLD(a_killed_process_gives_its_turn_back),
        WITH_WORLD(a_queue_that_was_removed_is_gone_without),
        WITH_WORLD(a_queue_has_the_mode_of_its_file),
        WITH_WORLD(a_queue_that_a_stranger_made_is_not_waited_in),
        WITH_WORLD(a_queue_of_a_member_of_the_files_group_is_waited_in),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
