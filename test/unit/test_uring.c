/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_uring.c - sends in batches do what send() would have done.
 *
 * Where the kernel has no io_uring or forbids it there is nothing to test, and
 * the tests say so; test_conn.c then still tests how we go on without.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <unistd.h>
#include <apr_general.h>

#include "uring.h"

#define UNSEEN 1000000000 /* no answer came */

static apr_pool_t *pool;
static push_uring_t *ring;
static apr_int32_t results[PUSH_URING_ROOM];
static int answers;

static int setup(void **state)
{
    (void)state;
    apr_pool_create(&pool, NULL);
    ring = NULL;
    push_uring_create(&ring, pool);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    apr_pool_destroy(pool);
    return 0;
}

static void needs_ring(void)
{
    if (ring == NULL) {
        print_message("no io_uring here\n");
        skip();
    }
}

static void note(void *baton, apr_uint32_t nth, apr_int32_t result)
{
    assert_ptr_equal(baton, results);
    assert_in_range(nth, 0, PUSH_URING_ROOM - 1);
    assert_int_equal(results[nth], UNSEEN); /* each is answered once */
    results[nth] = result;
    answers++;
}

static void submit(void)
{
    int i;

    for (i = 0; i < PUSH_URING_ROOM; i++) {
        results[i] = UNSEEN;
    }
    answers = 0;
    push_uring_submit(ring, note, results);
}

/* Two ends of a TCP connection, or of a socket pair. */
static void pair(int fds[2], int tcp)
{
    struct sockaddr_in at = { .sin_family = AF_INET,
                              .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    socklen_t len = sizeof(at);
    int listener;

    if (!tcp) {
        assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
        return;
    }
    listener = socket(AF_INET, SOCK_STREAM, 0);
    assert_int_equal(bind(listener, (struct sockaddr *)&at, len), 0);
    assert_int_equal(listen(listener, 1), 0);
    getsockname(listener, (struct sockaddr *)&at, &len);
    fds[1] = socket(AF_INET, SOCK_STREAM, 0);
    assert_int_equal(connect(fds[1], (struct sockaddr *)&at, len), 0);
    fds[0] = accept(listener, NULL, NULL);
    assert_true(fds[0] >= 0);
    close(listener);
}

static void unpair(int fds[2])
{
    close(fds[0]);
    close(fds[1]);
}

/* What lies in a socket; loopback needs no waiting. */
static apr_size_t take(int fd, char *buf, apr_size_t room)
{
    apr_size_t all = 0;
    ssize_t n;

    while (all < room &&
           (n = recv(fd, buf + all, room - all, MSG_DONTWAIT)) > 0) {
        all += (apr_size_t)n;
    }
    return all;
}

/* Else a fault of ours would look like a kernel's. */
static void a_recent_kernel_passes_the_trial(void **state)
{
    static char params[256]; /* more than struct io_uring_params has */
    struct utsname name;
    int fd = (int)syscall(SYS_io_uring_setup, 1, params);

    (void)state;
    if (fd < 0) {
        skip(); /* forbidden */
    }
    close(fd);
    uname(&name);
    if (atoi(name.release) < 7 && strncmp(name.release, "6.1", 3) < 0) {
        skip();
    }
    assert_non_null(ring);
}

static void what_goes_well_is_not_reported(void **state)
{
    char in[16] = "";
    int fds[2], i;

    (void)state;
    needs_ring();
    for (i = 0; i < 2; i++) {
        pair(fds, i);
        push_uring_add(ring, fds[0], "hello ", 6);
        push_uring_add(ring, fds[0], "world", 5);
        submit();
        assert_int_equal(answers, 0);
        assert_int_equal(take(fds[1], in, sizeof(in)), 11);
        assert_memory_equal(in, "hello world", 11);
        unpair(fds);
    }
}

/* Nothing is lost and nothing sent twice when a send is cut short: the answer
 * is where to go on. */
static void a_short_send_tells_how_much_was_sent(void **state)
{
    static char out[8000000], in[sizeof(out)];
    apr_size_t sent, got, i;
    int fds[2], least = 1, tcp, full;

    (void)state;
    needs_ring();
    for (i = 0; i < sizeof(out); i++) {
        out[i] = (char)(i * 31 >> 3);
    }
    for (tcp = 0; tcp < 2; tcp++) {
        pair(fds, tcp);
        setsockopt(fds[0], SOL_SOCKET, SO_SNDBUF, &least, sizeof(least));
        sent = got = 0;
        full = 0;
        while (sent < 100000 || full < 2) {
            push_uring_add(ring, fds[0], out + sent,
                           (apr_uint32_t)(sizeof(out) - sent));
            submit();
            assert_int_equal(answers, 1);
            assert_in_range(results[0], 0, sizeof(out) - sent - 1);
            sent += (apr_size_t)results[0];
            full += results[0] == 0;
            /* The reader pauses until the socket was full twice. */
            if (sent < 50000 || full >= 2) {
                got += take(fds[1], in + got, sizeof(in) - got);
            }
        }
        shutdown(fds[0], SHUT_WR);
        while (got < sent && recv(fds[1], in + got, 1, 0) == 1) {
            got++;
        }
        assert_int_equal(recv(fds[1], in + got, 1, 0), 0);
        assert_int_equal(got, sent);
        assert_memory_equal(in, out, got);
        unpair(fds);
    }
}

static void one_that_fails_is_no_trouble_to_the_others(void **state)
{
    static const struct linger reset = { 1, 0 };
    int fine[2], gone[2], broken[2], least = 1, i;
    char in[16];

    (void)state;
    needs_ring();
    pair(fine, 1);
    pair(gone, 0);
    pair(broken, 1);
    setsockopt(fine[0], SOL_SOCKET, SO_SNDBUF, &least, sizeof(least));
    close(gone[1]);
    setsockopt(broken[1], SOL_SOCKET, SO_LINGER, &reset, sizeof(reset));
    close(broken[1]);
    push_uring_add(ring, gone[0], "x", 1);
    push_uring_add(ring, broken[0], "x", 1);
    push_uring_add(ring, -1, "x", 1);
    push_uring_add(ring, fine[0], NULL, 1); /* no such memory */
    push_uring_add(ring, fine[0], "fine", 4);
    submit();
    assert_int_equal(answers, 4);
    assert_int_equal(results[0], -EPIPE);
    assert_int_equal(results[1], -ECONNRESET);
    assert_int_equal(results[2], -EBADF);
    assert_int_equal(results[3], -EFAULT);
    assert_int_equal(take(fine[1], in, sizeof(in)), 4);
    assert_memory_equal(in, "fine", 4);
    for (i = 0; i < 3; i++) { /* the next batch knows nothing of that */
        push_uring_add(ring, fine[0], "fine", 4);
        submit();
        assert_int_equal(answers, 0);
        assert_int_equal(take(fine[1], in, sizeof(in)), 4);
    }
    unpair(fine);
    close(gone[0]);
    close(broken[0]);
}

static void full_batches_follow_each_other(void **state)
{
    static unsigned char bytes[256];
    unsigned char in[PUSH_URING_ROOM];
    int fds[2], gone[2], batch, i;

    (void)state;
    needs_ring();
    pair(fds, 1);
    pair(gone, 0);
    close(gone[1]);
    for (i = 0; i < 256; i++) {
        bytes[i] = (unsigned char)i;
    }
    for (batch = 0; batch < 10; batch++) {
        for (i = 0; i < PUSH_URING_ROOM; i++) {
            push_uring_add(ring, fds[0], &bytes[(i + batch) % 256], 1);
        }
        submit();
        assert_int_equal(answers, 0);
        assert_int_equal(take(fds[1], (char *)in, sizeof(in)), sizeof(in));
        for (i = 0; i < PUSH_URING_ROOM; i++) {
            assert_int_equal(in[i], (i + batch) % 256);
        }
        for (i = 0; i < PUSH_URING_ROOM; i++) { /* as many answers */
            push_uring_add(ring, gone[0], bytes, 1);
        }
        submit();
        assert_int_equal(answers, PUSH_URING_ROOM);
    }
    unpair(fds);
    close(gone[0]);
}

/* --- a kernel that refuses ----------------------------------------------- */

/* From here on the process may not call this. */
static int forbid(int call)
{
    struct sock_filter code[] = {
        { BPF_LD | BPF_W | BPF_ABS, 0, 0, 0 }, /* the system call's number */
        { BPF_JMP | BPF_JEQ | BPF_K, 0, 1, (apr_uint32_t)call },
        { BPF_RET | BPF_K, 0, 0, SECCOMP_RET_ERRNO | EPERM },
        { BPF_RET | BPF_K, 0, 0, SECCOMP_RET_ALLOW },
    };
    struct sock_fprog program = { 4, code };

    return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 &&
           prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0;
}

/* In a process of its own, because what is forbidden stays so.
 * @return its exit status: 0 as it should be, 77 no seccomp here */
static int apart(int (*fn)(void))
{
    pid_t pid = fork();
    int status = -1;

    if (pid == 0) {
        _exit(fn());
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFEXITED(status));
    if (WEXITSTATUS(status) == 77) {
        skip();
    }
    return WEXITSTATUS(status);
}

static int create_forbidden(void)
{
    push_uring_t *none = NULL;

    if (!forbid(SYS_io_uring_setup)) {
        return 77;
    }
    return push_uring_create(&none, pool) == EPERM && none == NULL ? 0 : 1;
}

static void a_kernel_that_forbids_it_is_an_error(void **state)
{
    (void)state;
    needs_ring();
    assert_int_equal(apart(create_forbidden), 0);
}

static int fds_of_enter[2];
static int enter_results[3];

static void enter_note(void *baton, apr_uint32_t nth, apr_int32_t result)
{
    (void)baton;
    enter_results[nth] = result + 1;
}

static int enter_forbidden(void)
{
    char in[8];

    if (!forbid(SYS_io_uring_enter)) {
        return 77;
    }
    push_uring_add(ring, fds_of_enter[0], "a", 1);
    push_uring_add(ring, fds_of_enter[0], "b", 1);
    push_uring_submit(ring, enter_note, NULL);
    return enter_results[0] == 1 && enter_results[1] == 1 &&
                   enter_results[2] == 0 &&
                   take(fds_of_enter[1], in, sizeof(in)) == 0
               ? 0
               : 1;
}

/* It may also happen later, for want of memory: those are sent in another way
 * and must not be sent here as well. */
static void what_the_kernel_does_not_take_was_not_sent(void **state)
{
    (void)state;
    needs_ring();
    pair(fds_of_enter, 0);
    assert_int_equal(apart(enter_forbidden), 0);
    unpair(fds_of_enter);
}

#define RING_TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        RING_TEST(a_recent_kernel_passes_the_trial),
        RING_TEST(what_goes_well_is_not_reported),
        RING_TEST(a_short_send_tells_how_much_was_sent),
        RING_TEST(one_that_fails_is_no_trouble_to_the_others),
        RING_TEST(full_batches_follow_each_other),
        RING_TEST(a_kernel_that_forbids_it_is_an_error),
        RING_TEST(what_the_kernel_does_not_take_was_not_sent),
    };
    int failed;

    apr_initialize();
    failed = cmocka_run_group_tests(tests, NULL, NULL);
    apr_terminate();
    return failed;
}
