/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_listener.c - ports that are taken, loops that share one, descriptors
 * that run out, names in the file system.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include <apr_general.h>

#include "listener.h"

#define LOOPS 2
#define CLIENTS 200

static apr_pool_t *pool;
static push_loop_t *loops[LOOPS];
static push_conns_t *conns[LOOPS];
static pthread_t threads[LOOPS];

static void on_request(push_conn_t *c, const http_head_t *head, char *body,
                       apr_size_t len)
{
    char address[46];

    (void)body;
    (void)len;
    push_conn_address(c, address);
    push_conn_reply(c, head, 200, NULL, NULL, address, strlen(address));
}

static const push_protocol_t protocol = {
    .max_body = 100,
    .max_queue = 1000000,
    .http_idle = 60,
    .request = on_request,
};

static void *run(void *baton)
{
    push_loop_run(baton);
    return NULL;
}

static int setup(void **state)
{
    int i;

    (void)state;
    apr_pool_create(&pool, NULL);
    for (i = 0; i < LOOPS; i++) {
        push_loop_create(&loops[i], i, pool);
        push_conns_create(&conns[i], loops[i], &protocol, pool);
    }
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    apr_pool_destroy(pool);
    return 0;
}

static void loops_start(void)
{
    int i;

    for (i = 0; i < LOOPS; i++) {
        pthread_create(&threads[i], NULL, run, loops[i]);
    }
}

static void loops_stop(void)
{
    int i;

    for (i = 0; i < LOOPS; i++) {
        push_loop_stop(loops[i]);
        pthread_join(threads[i], NULL);
    }
}

static int connect_to(int family, int port)
{
    struct sockaddr_in in = { .sin_family = AF_INET,
                              .sin_port = htons((apr_uint16_t)port),
                              .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    struct sockaddr_in6 in6 = { .sin6_family = AF_INET6,
                                .sin6_port = htons((apr_uint16_t)port),
                                .sin6_addr = in6addr_loopback };
    int rv, fd = socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0);

    rv = family == AF_INET ? connect(fd, (struct sockaddr *)&in, sizeof(in))
                           : connect(fd, (struct sockaddr *)&in6, sizeof(in6));
    if (rv != 0) {
        close(fd);
        return -1;
    }
    return fd;
}

/* Ask, and take the answer, which is our address. @return whether it came */
static int is_answered_to(int fd, const char *address)
{
    static const char request[] = "GET / HTTP/1.1\r\nHost: h\r\n\r\n";
    struct pollfd p = { .fd = fd, .events = POLLIN };
    char buf[512] = "", *body;

    if (send(fd, request, sizeof(request) - 1, MSG_NOSIGNAL) < 0 ||
        poll(&p, 1, 5000) != 1 || recv(fd, buf, sizeof(buf) - 1, 0) <= 0) {
        return 0;
    }
    body = strstr(buf, "\r\n\r\n");
    return body != NULL && strcmp(body + 4, address) == 0;
}

static int is_answered(int fd) { return is_answered_to(fd, "127.0.0.1"); }

static void loops_share_a_port_and_its_connections(void **state)
{
    push_listener_t *l;
    int fds[CLIENTS];
    const char *why;
    apr_size_t n[LOOPS];
    int i;

    (void)state;
    assert_int_equal(
        push_listener_open(&l, conns, LOOPS, "127.0.0.1", 0, &why, pool),
        APR_SUCCESS);
    assert_true(push_listener_port(l) > 0);
    loops_start();
    for (i = 0; i < CLIENTS; i++) {
        fds[i] = connect_to(AF_INET, push_listener_port(l));
        assert_true(is_answered(fds[i]));
    }
    for (i = 0; i < LOOPS; i++) {
        n[i] = push_conns_count(conns[i], PUSH_CONN_HTTP);
        assert_true(n[i] > CLIENTS / 4);
    }
    assert_int_equal(n[0] + n[1], CLIENTS);
    for (i = 0; i < CLIENTS; i++) {
        close(fds[i]);
    }
    loops_stop();
}

static void closing_a_listener_keeps_its_connections(void **state)
{
    push_listener_t *l;
    const char *why;
    int fd, i, late = 0;

    (void)state;
    push_listener_open(&l, conns, LOOPS, "127.0.0.1", 0, &why, pool);
    loops_start();
    fd = connect_to(AF_INET, push_listener_port(l));
    assert_true(is_answered(fd));
    push_listener_close(l);
    for (i = 0; i < 100 && late >= 0; i++) {
        usleep(10000);
        late = connect_to(AF_INET, push_listener_port(l));
        if (late >= 0) {
            close(late);
        }
    }
    assert_int_equal(late, -1);
    assert_true(is_answered(fd));
    close(fd);
    loops_stop();
}

static void a_port_somebody_has_is_refused_in_a_sentence(void **state)
{
    struct sockaddr_in in = { .sin_family = AF_INET,
                              .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    socklen_t len = sizeof(in);
    push_listener_t *l;
    const char *why = NULL;
    int one = 1, fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    (void)state;
    /* Also when the other one would share it. */
    setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &one, sizeof(one));
    assert_int_equal(bind(fd, (struct sockaddr *)&in, sizeof(in)), 0);
    assert_int_equal(listen(fd, 1), 0);
    getsockname(fd, (struct sockaddr *)&in, &len);
    assert_int_not_equal(push_listener_open(&l, conns, LOOPS, "127.0.0.1",
                                            ntohs(in.sin_port), &why, pool),
                         APR_SUCCESS);
    assert_non_null(why);
    assert_non_null(strstr(why, "cannot listen on 127.0.0.1:"));
    assert_non_null(strstr(why, ": another process has it"));
    close(fd);
}

static void a_name_that_is_none_is_refused_in_a_sentence(void **state)
{
    push_listener_t *l;
    const char *why = NULL;

    (void)state;
    assert_int_not_equal(
        push_listener_open(&l, conns, 1, "256.1.1.1.invalid", 0, &why, pool),
        APR_SUCCESS);
    assert_non_null(strstr(why, "cannot listen on \"256.1.1.1.invalid\": "));
}

static int has_ipv6(void)
{
    struct sockaddr_in6 in6 = { .sin6_family = AF_INET6,
                                .sin6_addr = in6addr_loopback };
    int rv, fd = socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0);

    if (fd < 0) {
        return 0;
    }
    rv = bind(fd, (struct sockaddr *)&in6, sizeof(in6));
    close(fd);
    return rv == 0;
}

static void no_address_means_all_of_both_families(void **state)
{
    push_listener_t *l;
    const char *why;
    int fd;

    (void)state;
    assert_int_equal(push_listener_open(&l, conns, LOOPS, NULL, 0, &why, pool),
                     APR_SUCCESS);
    loops_start();
    fd = connect_to(AF_INET, push_listener_port(l));
    assert_true(is_answered(fd));
    close(fd);
    if (has_ipv6()) {
        fd = connect_to(AF_INET6, push_listener_port(l));
        assert_true(is_answered_to(fd, "::1"));
        close(fd);
    }
    loops_stop();
}

/* --- names in the file system -------------------------------------------- */

static char dir[] = "/tmp/test_listener.XXXXXX";
static char path[64];

static int path_setup(void **state)
{
    strcpy(dir, "/tmp/test_listener.XXXXXX");
    assert_non_null(mkdtemp(dir));
    snprintf(path, sizeof(path), "%s/push.sock", dir);
    return setup(state);
}

static int path_teardown(void **state)
{
    teardown(state);
    return rmdir(dir); /* nothing is left in it */
}

static push_listener_t *path_open(int mode)
{
    push_listener_t *l;
    const char *why = "";

    if (push_listener_open_path(&l, conns, LOOPS, path, mode, &why, pool) !=
        APR_SUCCESS) {
        fail_msg("%s", why);
    }
    return l;
}

static void path_is_refused(const char *at, const char *words)
{
    push_listener_t *l;
    const char *why = NULL;

    assert_int_not_equal(
        push_listener_open_path(&l, conns, LOOPS, at, 0660, &why, pool),
        APR_SUCCESS);
    assert_non_null(strstr(why, at));
    if (strstr(why, words) == NULL) {
        fail_msg("\"%s\" does not say: %s", why, words);
    }
}

/* A socket bound to the path, as by another process. */
static int path_bind(int type)
{
    struct sockaddr_un un = { .sun_family = AF_UNIX };
    int fd = socket(AF_UNIX, type | SOCK_CLOEXEC, 0);

    strcpy(un.sun_path, path);
    assert_int_equal(bind(fd, (struct sockaddr *)&un, sizeof(un)), 0);
    return fd;
}

static int path_connect(void)
{
    struct sockaddr_un un = { .sun_family = AF_UNIX };
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    strcpy(un.sun_path, path);
    if (connect(fd, (struct sockaddr *)&un, sizeof(un)) != 0) {
        close(fd);
        return -1;
    }
    return fd;
}

static void loops_share_a_path_evenly(void **state)
{
    int fds[CLIENTS], i;

    (void)state;
    assert_int_equal(push_listener_port(path_open(0660)), 0);
    loops_start();
    for (i = 0; i < CLIENTS; i++) {
        fds[i] = path_connect();
        assert_true(is_answered_to(fds[i], "")); /* it has no address */
    }
    for (i = 0; i < LOOPS; i++) {
        assert_int_equal(push_conns_count(conns[i], PUSH_CONN_HTTP),
                         CLIENTS / LOOPS);
    }
    for (i = 0; i < CLIENTS; i++) {
        close(fds[i]);
    }
    loops_stop();
}

static void a_path_has_the_mode_from_the_first_moment(void **state)
{
    mode_t mask = umask(0);
    struct stat st;

    (void)state;
    path_open(0620);
    assert_int_equal(umask(mask), 0); /* put back */
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0620);
}

static void a_closed_listener_leaves_no_name(void **state)
{
    push_listener_t *l = path_open(0660);
    int fd;

    (void)state;
    loops_start();
    fd = path_connect();
    assert_true(is_answered_to(fd, ""));
    push_listener_close(l);
    assert_int_equal(access(path, F_OK), -1);
    assert_true(is_answered_to(fd, "")); /* who is in stays */
    close(fd);

    /* The next process has the name now, and this one leaves it alone. */
    fd = path_bind(SOCK_STREAM);
    loops_stop();
    apr_pool_clear(pool);
    assert_int_equal(access(path, F_OK), 0);
    unlink(path);
    close(fd);
}

static void the_socket_of_a_dead_process_is_replaced(void **state)
{
    int fd;

    (void)state;
    close(path_bind(SOCK_STREAM));
    path_open(0660);
    loops_start();
    fd = path_connect();
    assert_true(is_answered_to(fd, ""));
    close(fd);
    loops_stop();
}

static void a_living_socket_is_left_alone(void **state)
{
    int fd = path_bind(SOCK_STREAM);

    (void)state;
    assert_int_equal(listen(fd, 1), 0);
    path_is_refused(path, "another process has it");
    assert_int_equal(access(path, F_OK), 0);
    close(fd);
    unlink(path);
    /* So is one of another kind. */
    fd = path_bind(SOCK_DGRAM);
    path_is_refused(path, "another process has it");
    close(fd);
    unlink(path);
}

static void a_path_that_is_none_is_refused_in_a_sentence(void **state)
{
    char longest[200];
    int fd = open(path, O_CREAT | O_WRONLY, 0600);

    (void)state;
    path_is_refused(path, "it is there and no socket");
    close(fd);
    unlink(path);
    path_is_refused("push.sock", "the path is not absolute");
    memset(longest, 'x', sizeof(longest));
    longest[0] = '/';
    longest[sizeof(longest) - 1] = '\0';
    path_is_refused(longest, "longer than 107 bytes");
    path_is_refused("/nowhere/push.sock", "No such file or directory");
}

/* --- descriptors run out ------------------------------------------------- */

#define FEW 40 /* descriptors the server may have */

/* The server of the next test, in a process of its own. */
static int serve_with_few(int report)
{
    struct rlimit limit = { FEW, FEW };
    push_listener_t *l;
    const char *why;
    int port;

    setup(NULL);
    setrlimit(RLIMIT_NOFILE, &limit);
    if (push_listener_open(&l, conns, 1, "127.0.0.1", 0, &why, pool) !=
        APR_SUCCESS) {
        return 1;
    }
    port = push_listener_port(l);
    if (write(report, &port, sizeof(port)) != sizeof(port)) {
        return 1;
    }
    push_loop_run(loops[0]);
    return 0;
}

static double cpu_seconds(pid_t pid)
{
    struct timespec ts;
    clockid_t clock;

    assert_int_equal(clock_getcpuclockid(pid, &clock), 0);
    clock_gettime(clock, &ts);
    return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

static void without_descriptors_it_rests_and_recovers(void **state)
{
    int report[2], fds[3 * FEW], port, fd, i, answered;
    double before;
    pid_t pid;

    (void)state;
    assert_int_equal(pipe(report), 0);
    pid = fork();
    if (pid == 0) {
        _exit(serve_with_few(report[1]));
    }
    assert_int_equal(read(report[0], &port, sizeof(port)), sizeof(port));
    for (i = 0; i < 3 * FEW; i++) {
        fds[i] = connect_to(AF_INET, port);
        assert_true(fds[i] >= 0); /* into the backlog at least */
    }
    assert_true(is_answered(fds[0]));
    usleep(100000);
    before = cpu_seconds(pid);
    usleep(1500000);
    assert_true(cpu_seconds(pid) - before < 0.3);
    for (i = 0; i < 3 * FEW; i++) {
        close(fds[i]);
    }
    for (i = 0, answered = 0; i < 50 && !answered; i++) {
        usleep(100000);
        fd = connect_to(AF_INET, port);
        answered = fd >= 0 && is_answered(fd);
        close(fd);
    }
    assert_true(answered);
    kill(pid, SIGKILL);
    waitpid(pid, NULL, 0);
    close(report[0]);
    close(report[1]);
}

#define LISTENER_TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
#define PATH_TEST(f)                                                           \
    cmocka_unit_test_setup_teardown(f, path_setup, path_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(without_descriptors_it_rests_and_recovers),
        LISTENER_TEST(loops_share_a_port_and_its_connections),
        LISTENER_TEST(closing_a_listener_keeps_its_connections),
        LISTENER_TEST(a_port_somebody_has_is_refused_in_a_sentence),
        LISTENER_TEST(a_name_that_is_none_is_refused_in_a_sentence),
        LISTENER_TEST(no_address_means_all_of_both_families),
        PATH_TEST(loops_share_a_path_evenly),
        PATH_TEST(a_path_has_the_mode_from_the_first_moment),
        PATH_TEST(a_closed_listener_leaves_no_name),
        PATH_TEST(the_socket_of_a_dead_process_is_replaced),
        PATH_TEST(a_living_socket_is_left_alone),
        PATH_TEST(a_path_that_is_none_is_refused_in_a_sentence),
    };
    int failed;

    apr_initialize();
    failed = cmocka_run_group_tests(tests, NULL, NULL);
    apr_terminate();
    return failed;
}
