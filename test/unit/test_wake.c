/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_wake.c - the wake-up socket: who may be replaced, who may write.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>
#include <apr_general.h>
#include <apr_strings.h>

#include "wake.h"

typedef struct {
    apr_pool_t *p;
    char dir[32];
    char *path;
} world_t;

static world_t w;

static int setup(void **state)
{
    (void)state;
    apr_pool_create(&w.p, NULL);
    memset(w.dir, 0, sizeof(w.dir));
    strncpy(w.dir, "/tmp/test_wake-XXXXXX", sizeof(w.dir) - 1);
    assert_non_null(mkdtemp(w.dir));
    w.path = apr_pstrcat(w.p, w.dir, "/wake.sock", NULL);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    unlink(w.path);
    rmdir(w.dir);
    apr_pool_destroy(w.p);
    return 0;
}

static push_wake_t *opened(apr_pool_t *p)
{
    push_wake_t *wake = NULL;
    const char *why = NULL;

    if (push_wake_open(&wake, w.path, &why, p) != APR_SUCCESS) {
        fail_msg("%s", why);
    }
    return wake;
}

static void refused(const char *path, const char *because)
{
    push_wake_t *wake;
    const char *why = NULL;

    assert_int_not_equal(push_wake_open(&wake, path, &why, w.p), APR_SUCCESS);
    if (strstr(why, because) == NULL || strstr(why, path) == NULL) {
        fail_msg("does not say \"%s\" of %s: %s", because, path, why);
    }
}

/* A datagram to the socket, as mod_chat sends it. @return 0 or -1 */
static int shout(const char *text)
{
    struct sockaddr_un to = { .sun_family = AF_UNIX };
    int fd = socket(AF_UNIX, SOCK_DGRAM, 0);
    ssize_t n;

    strncpy(to.sun_path, w.path, sizeof(to.sun_path) - 1);
    n = sendto(fd, text, strlen(text), MSG_DONTWAIT, (struct sockaddr *)&to,
               sizeof(to));
    close(fd);
    return n < 0 ? -1 : 0;
}

static int readable(const push_wake_t *wake)
{
    struct pollfd fd = { push_wake_fd(wake), POLLIN, 0 };

    return poll(&fd, 1, 0) == 1;
}

static void any_datagram_wakes_also_an_empty_one(void **state)
{
    push_wake_t *wake = opened(w.p);

    (void)state;
    assert_false(readable(wake));
    assert_false(push_wake_drain(wake));
    assert_int_equal(shout(""), 0);
    assert_true(readable(wake));
    assert_true(push_wake_drain(wake));
    assert_int_equal(shout("one"), 0);
    assert_int_equal(shout("and another that is longer"), 0);
    assert_true(push_wake_drain(wake));
    assert_false(readable(wake));
}

/* mod_chat runs as another user of the same group; nobody else may keep the
 * relay busy. The umask must not matter. */
static void owner_and_group_may_write_others_may_not(void **state)
{
    mode_t before = umask(0077);
    struct stat st;

    (void)state;
    opened(w.p);
    umask(before);
    assert_int_equal(stat(w.path, &st), 0);
    assert_int_equal(st.st_mode & 07777, 0660);
}

static void what_a_dead_process_left_is_replaced(void **state)
{
    struct sockaddr_un at = { .sun_family = AF_UNIX };
    int dead = socket(AF_UNIX, SOCK_DGRAM, 0);
    push_wake_t *wake;

    (void)state;
    strncpy(at.sun_path, w.path, sizeof(at.sun_path) - 1);
    assert_int_equal(bind(dead, (struct sockaddr *)&at, sizeof(at)), 0);
    close(dead); /* the name stays, as after SIGKILL */
    wake = opened(w.p);
    assert_int_equal(shout("x"), 0);
    assert_true(push_wake_drain(wake));
}

static void a_living_process_keeps_its_socket(void **state)
{
    push_wake_t *wake = opened(w.p);

    (void)state;
    refused(w.path, "another process");
    assert_int_equal(shout("x"), 0);
    assert_true(push_wake_drain(wake));
}

static void what_is_no_socket_is_left_alone(void **state)
{
    int fd = open(w.path, O_CREAT | O_WRONLY, 0600);
    struct stat st;

    (void)state;
    close(fd);
    refused(w.path, "no socket");
    assert_int_equal(stat(w.path, &st), 0);
    unlink(w.path);
    assert_int_equal(symlink("/etc/passwd", w.path), 0);
    refused(w.path, "no socket");
}

static void a_path_that_cannot_be_is_said_with_its_reason(void **state)
{
    char path[120];

    (void)state;
    memset(path, 'a', sizeof(path));
    path[0] = '/';
    path[108] = '\0';
    refused(path, "107");
    refused("run/wake.sock", "not absolute");
    refused(apr_pstrcat(w.p, w.dir, "/nowhere/wake.sock", NULL),
            "No such file");
}

static void the_name_goes_with_the_pool_if_it_is_still_ours(void **state)
{
    apr_pool_t *first, *second;
    struct stat st;

    (void)state;
    apr_pool_create(&first, w.p);
    apr_pool_create(&second, w.p);
    opened(first);
    apr_pool_destroy(first);
    assert_int_equal(lstat(w.path, &st), -1);

    apr_pool_create(&first, w.p);
    opened(first);
    unlink(w.path);
    opened(second);
    apr_pool_destroy(first);
    assert_int_equal(lstat(w.path, &st), 0);
    apr_pool_destroy(second);
    assert_int_equal(lstat(w.path, &st), -1);
}

/* The sender must never wait for us, and we not read for ever. */
static void a_flood_ends_at_the_queue(void **state)
{
    push_wake_t *wake = opened(w.p);
    int i;

    (void)state;
    for (i = 0; i < 5000 && shout("x") == 0; i++) {
    }
    assert_true(i < 5000);
    assert_true(push_wake_drain(wake));
    while (push_wake_drain(wake)) {
    }
    assert_int_equal(shout("x"), 0);
}

#define WAKE_TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WAKE_TEST(any_datagram_wakes_also_an_empty_one),
        WAKE_TEST(owner_and_group_may_write_others_may_not),
        WAKE_TEST(what_a_dead_process_left_is_replaced),
        WAKE_TEST(a_living_process_keeps_its_socket),
        WAKE_TEST(what_is_no_socket_is_left_alone),
        WAKE_TEST(a_path_that_cannot_be_is_said_with_its_reason),
        WAKE_TEST(the_name_goes_with_the_pool_if_it_is_still_ours),
        WAKE_TEST(a_flood_ends_at_the_queue),
    };

    apr_initialize();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
