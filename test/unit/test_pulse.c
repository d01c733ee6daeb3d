/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_pulse.c - a loop that hangs is found, and what the supervisor is told
 * arrives at both kinds of address.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>
#include <apr_general.h>

#include "notify.h"
#include "pulse.h"

static apr_pool_t *pool;

static void *run(void *loop)
{
    push_loop_run(loop);
    return NULL;
}

static int hangs;   /* atomic */
static int gate[2]; /* a pipe: the loop hangs in its task until a byte comes */

static void run_hang(push_loop_t *loop, push_task_t *task)
{
    char byte;

    (void)loop;
    (void)task;
    __atomic_store_n(&hangs, 1, __ATOMIC_RELEASE);
    assert_int_equal(read(gate[0], &byte, 1), 1);
}

static void a_loop_that_hangs_is_found_and_may_come_back(void **state)
{
    push_task_t hang = { NULL, run_hang };
    push_loop_t *loops[2];
    push_pulse_t *pulse;
    pthread_t threads[2];
    int i;

    (void)state;
    assert_int_equal(pipe(gate), 0);
    for (i = 0; i < 2; i++) {
        push_loop_create(&loops[i], i, pool);
        pthread_create(&threads[i], NULL, run, loops[i]);
    }
    push_pulse_create(&pulse, loops, 2, pool);
    push_pulse_beat(pulse);
    while (push_pulse_beat(pulse) != -1) {
        usleep(1000);
    }
    push_loop_post(loops[1], &hang);
    while (!__atomic_load_n(&hangs, __ATOMIC_ACQUIRE)) {
        usleep(1000);
    }
    push_pulse_beat(pulse); /* the last one may have been answered before */
    for (i = 0; i < 3; i++) {
        assert_int_equal(push_pulse_beat(pulse), 1);
    }
    assert_int_equal(write(gate[1], "", 1), 1);
    while (push_pulse_beat(pulse) != -1) {
        usleep(1000);
    }
    for (i = 0; i < 2; i++) {
        push_loop_stop(loops[i]);
        pthread_join(threads[i], NULL);
    }
}

/* A supervisor's socket at a name; @ is an abstract one. */
static int supervisor(const char *name)
{
    struct sockaddr_un at = { .sun_family = AF_UNIX };
    apr_size_t len = strlen(name);
    int fd = socket(AF_UNIX, SOCK_DGRAM, 0);

    memcpy(at.sun_path, name, len);
    if (name[0] == '@') {
        at.sun_path[0] = '\0';
    }
    assert_int_equal(
        bind(fd, (struct sockaddr *)&at,
             (socklen_t)(offsetof(struct sockaddr_un, sun_path) + len)),
        0);
    setenv("NOTIFY_SOCKET", name, 1);
    return fd;
}

static void what_is_told_arrives(void **state)
{
    char path[] = "/tmp/test_pulse.XXXXXX";
    char name[100], buf[200];
    unsigned long long usec;
    ssize_t n;
    int i, fd;

    (void)state;
    assert_non_null(mkdtemp(path));
    for (i = 0; i < 2; i++) {
        snprintf(name, sizeof(name), i ? "%s/socket" : "@%s", path);
        fd = supervisor(name);
        push_notify("READY=1\nSTATUS=well");
        n = recv(fd, buf, sizeof(buf), MSG_DONTWAIT);
        assert_int_equal(n, 19);
        assert_memory_equal(buf, "READY=1\nSTATUS=well", 19);
        push_notify_reloading();
        n = recv(fd, buf, sizeof(buf) - 1, MSG_DONTWAIT);
        assert_true(n > 0);
        buf[n] = '\0';
        assert_int_equal(sscanf(buf, "RELOADING=1\nMONOTONIC_USEC=%llu", &usec),
                         1);
        close(fd);
        push_notify("nobody is there"); /* and that is no trouble */
    }
    unlink(name);
    rmdir(path);
    setenv("NOTIFY_SOCKET", "relative", 1);
    push_notify("READY=1");
    unsetenv("NOTIFY_SOCKET");
    push_notify("READY=1");
}

static void the_watchdog_is_ours_when_it_names_us(void **state)
{
    char pid[20];

    (void)state;
    unsetenv("WATCHDOG_USEC");
    assert_int_equal(push_notify_watchdog(), 0);
    setenv("WATCHDOG_USEC", "30000000", 1);
    unsetenv("WATCHDOG_PID");
    assert_int_equal(push_notify_watchdog(), 30000);
    setenv("WATCHDOG_PID", "1", 1);
    assert_int_equal(push_notify_watchdog(), 0);
    snprintf(pid, sizeof(pid), "%d", (int)getpid());
    setenv("WATCHDOG_PID", pid, 1);
    assert_int_equal(push_notify_watchdog(), 30000);
    setenv("WATCHDOG_USEC", "nonsense", 1);
    assert_int_equal(push_notify_watchdog(), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_loop_that_hangs_is_found_and_may_come_back),
        cmocka_unit_test(what_is_told_arrives),
        cmocka_unit_test(the_watchdog_is_ours_when_it_names_us),
    };
    int failed;

    apr_initialize();
    apr_pool_create(&pool, NULL);
    failed = cmocka_run_group_tests(tests, NULL, NULL);
    apr_pool_destroy(pool);
    apr_terminate();
    return failed;
}
