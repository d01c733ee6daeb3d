/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_adopt.c - the door through httpd: who may use it, what is taken, what is
 * not.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>
#include <apr_general.h>
#include <apr_strings.h>

#include "adopt.h"
#include "handoff.h"
#include "rounds.h"

#define LOOPS 2
#define HEAD "GET /who HTTP/1.1\r\nHost: h\r\n\r\n"
#define UPGRADE                                                                \
    "GET /ws HTTP/1.1\r\nHost: h\r\nUpgrade: websocket\r\n"                    \
    "Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"                     \
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"

static apr_pool_t *pool;
static push_loop_t *loops[LOOPS];
static push_conns_t *conns[LOOPS];
static pthread_t threads[LOOPS];
static push_adopt_t *adopt;
static push_rounds_t *rounds;
static char dir[40];
static const char *path;
static int complaints; /* atomic */

/* --- the protocol: says who came, echoes ---------------------------------- */

static void on_request(push_conn_t *c, const http_head_t *head, char *body,
                       apr_size_t len)
{
    char address[PUSH_IP_TEXT];
    char text[200];
    int n;

    (void)body;
    (void)len;
    if (http_span_is(&head->path, "/late") && push_rounds_wait(rounds, c)) {
        return;
    }
    if (http_span_is(&head->path, "/ws") ||
        http_span_is(&head->path, "/late")) {
        push_conn_upgrade(c, head, 0);
        return;
    }
    push_conn_address(c, address);
    n = snprintf(text, sizeof(text), "%s %s %s", address,
                 push_conn_identity(c) != NULL ? push_conn_identity(c)->user
                                               : "nobody",
                 push_conn_is_tls(c) ? "tls" : "plain");
    push_conn_reply(c, head, 200, NULL, NULL, text, (apr_size_t)n);
}

static void on_message(push_conn_t *c, int opcode, char *data, apr_size_t len)
{
    (void)opcode;
    push_conn_text(c, data, len);
}

static apr_uint32_t on_sweep(push_conn_t *c, apr_uint32_t now)
{
    (void)c;
    return now + 60;
}

static void on_closed(push_conn_t *c, push_end_t why, int code)
{
    (void)c;
    (void)why;
    (void)code;
}

static const push_protocol_t protocol = {
    .max_body = 100,
    .max_message = 100000,
    .max_queue = 1000000,
    .http_idle = 60,
    .request = on_request,
    .message = on_message,
    .sweep = on_sweep,
    .closed = on_closed,
};

static void complain(int trouble, const char *line)
{
    assert_true(trouble);
    assert_non_null(line);
    __atomic_add_fetch(&complaints, 1, __ATOMIC_SEQ_CST);
}

static void *run(void *baton)
{
    push_loop_run(baton);
    return NULL;
}

static int setup(void **state)
{
    const char *why = NULL;
    int i;

    (void)state;
    complaints = 0;
    apr_pool_create(&pool, NULL);
    strcpy(dir, "/tmp/test_adopt-XXXXXX");
    assert_non_null(mkdtemp(dir));
    chmod(dir, 0755);
    path = apr_pstrcat(pool, dir, "/handoff.sock", NULL);
    for (i = 0; i < LOOPS; i++) {
        push_loop_create(&loops[i], i, pool);
        push_conns_create(&conns[i], loops[i], &protocol, pool);
    }
    rounds = push_rounds_create(loops, conns, LOOPS, pool);
    if (push_adopt_open(&adopt, conns, LOOPS, path, 0660, complain, &why,
                        pool) != APR_SUCCESS) {
        fail_msg("%s", why);
    }
    for (i = 0; i < LOOPS; i++) {
        pthread_create(&threads[i], NULL, run, loops[i]);
    }
    return 0;
}

static int teardown(void **state)
{
    int i;

    (void)state;
    for (i = 0; i < LOOPS; i++) {
        push_loop_stop(loops[i]);
        pthread_join(threads[i], NULL);
    }
    apr_pool_destroy(pool);
    assert_int_equal(access(path, F_OK), -1);
    assert_int_equal(rmdir(dir), 0);
    return 0;
}

/* --- httpd's end -----------------------------------------------------------
 */

static int link_to(void)
{
    struct sockaddr_un to = { .sun_family = AF_UNIX };
    int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);

    apr_cpystrn(to.sun_path, path, sizeof(to.sun_path));
    if (connect(fd, (struct sockaddr *)&to, sizeof(to)) != 0) {
        close(fd);
        return -1;
    }
    return fd;
}

/* Wait for bytes. @return how many, 0 at the end, -1 when none came */
static ssize_t hear(int fd, char *buf, apr_size_t room)
{
    struct pollfd p = { .fd = fd, .events = POLLIN };
    ssize_t n;

    if (poll(&p, 1, 10000) != 1) {
        return -1;
    }
    n = recv(fd, buf, room - 1, 0);
    buf[n > 0 ? n : 0] = '\0';
    return n < 0 ? 0 : n;
}

/* @return the verdict, -1 when the link was closed instead. It asserts nothing:
 * a child process asks, too */
static int ask(int link)
{
    unsigned char out[CHAT_HANDOFF_SHORT];
    chat_handoff_verdict_t verdict;
    char in[16];
    ssize_t n;

    chat_handoff_ask(out);
    if (send(link, out, sizeof(out), MSG_NOSIGNAL) != sizeof(out)) {
        return -1;
    }
    n = hear(link, in, sizeof(in));
    return n > 0 && chat_handoff_parse_answer(&verdict, (unsigned char *)in,
                                              (apr_size_t)n) == CHAT_HANDOFF_OK
               ? (int)verdict
               : -1;
}

/* Bytes with descriptors beside them, which stay ours too. */
static int send_with(int link, const void *bytes, apr_size_t len,
                     const int *fds, int n)
{
    union {
        struct cmsghdr align;
        char room[CMSG_SPACE(4 * sizeof(int))];
    } control;
    struct iovec iov = { (void *)bytes, len };
    struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1 };
    struct cmsghdr *c;

    if (n > 0) {
        memset(&control, 0, sizeof(control));
        msg.msg_control = &control;
        msg.msg_controllen = CMSG_SPACE((apr_size_t)n * sizeof(int));
        c = CMSG_FIRSTHDR(&msg);
        c->cmsg_level = SOL_SOCKET;
        c->cmsg_type = SCM_RIGHTS;
        c->cmsg_len = CMSG_LEN((apr_size_t)n * sizeof(int));
        memcpy(CMSG_DATA(c), fds, (apr_size_t)n * sizeof(int));
    }
    return sendmsg(link, &msg, MSG_NOSIGNAL) == (ssize_t)len;
}

static apr_size_t message(unsigned char *out, const char *user,
                          const char *head, const char *early,
                          apr_size_t early_len)
{
    chat_handoff_t m = { .secure = user[0] != '\0',
                         .head = head,
                         .head_len = strlen(head),
                         .early = early,
                         .early_len = early_len };
    apr_size_t n;

    apr_cpystrn(m.identity.user, user, sizeof(m.identity.user));
    m.address[10] = m.address[11] = 0xff;
    memcpy(m.address + 12, "\xc0\x00\x02\x07", 4);
    n = chat_handoff_front(out, &m);
    memcpy(out + n, head, m.head_len);
    memcpy(out + n + m.head_len, early, early_len);
    return n + m.head_len + early_len;
}

/* Hand over one end of a pair as httpd does. @return the client's end */
static int handed(int link, const char *user, const char *head,
                  const char *early, apr_size_t early_len)
{
    static unsigned char out[CHAT_HANDOFF_MAX];
    int pair[2];

    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair),
                     0);
    assert_true(send_with(link, out, message(out, user, head, early, early_len),
                          &pair[0], 1));
    close(pair[0]);
    return pair[1];
}

/* --- tests ------------------------------------------------------------------
 */

static void what_httpd_said_of_a_client_is_known(void **state)
{
    int link = link_to(), fd;
    char buf[512];

    (void)state;
    assert_int_equal(ask(link), CHAT_HANDOFF_YES);
    fd = handed(link, "41", HEAD, "", 0);
    assert_true(hear(fd, buf, sizeof(buf)) > 0);
    assert_non_null(strstr(buf, "\r\n\r\n192.0.2.7 41 tls"));
    close(fd);
    fd = handed(link, "", HEAD, "", 0);
    assert_true(hear(fd, buf, sizeof(buf)) > 0);
    assert_non_null(strstr(buf, "\r\n\r\n192.0.2.7 nobody plain"));
    close(fd);
    close(link);
}

/* It came through httpd, which has not looked at a second request. */
static void whatever_is_no_websocket_is_closed(void **state)
{
    static const char *const heads[] = { HEAD, "GET /who HTTP/1.1\r\nHo", "x" };
    static const char *const answers[] = { "200", "400", "400" };
    int link = link_to();
    char buf[512];

    (void)state;
    for (int i = 0; i < 3; i++) {
        int fd = handed(link, "", heads[i], HEAD,
                        i == 0 ? sizeof(HEAD) - 1 : 0);

        assert_true(hear(fd, buf, sizeof(buf)) > 0);
        assert_memory_equal(buf + 9, answers[i], 3);
        assert_non_null(strstr(buf, "Connection: close"));
        assert_null(strstr(buf + 9, "HTTP/1.1"));
        assert_int_equal(hear(fd, buf, sizeof(buf)), 0);
        close(fd);
    }
    close(link);
}

/* A frame in the packet of the request, one that httpd left in the socket, and
 * a message cut in two by that. */
static void early_bytes_come_first(void **state)
{
    int link = link_to(), fd;
    char buf[1024];
    apr_size_t have = 0;
    ssize_t n;

    (void)state;
    fd = handed(link, "", UPGRADE, "\x81\x82\0\0\0\0hi\x81\x82\0\0", 12);
    assert_int_equal(send(fd, "\0\0ho", 4, MSG_NOSIGNAL), 4);
    while (memmem(buf, have, "\x81\x02hi\x81\x02ho", 8) == NULL) {
        n = hear(fd, buf + have, sizeof(buf) - have);
        assert_true(n > 0);
        have += (apr_size_t)n;
    }
    assert_memory_equal(buf, "HTTP/1.1 101", 12);
    close(fd);
    close(link);
}

/* Nor are they lost, or taken for another request, while the request is put aside
 * until all loops have gone around. */
static void a_request_that_waits_keeps_what_follows(void **state)
{
    char head[sizeof(UPGRADE) + 8];
    int link = link_to();
    char buf[1024];
    int i;

    (void)state;
    snprintf(head, sizeof(head), "GET /late%s", UPGRADE + sizeof("GET /ws") - 1);
    for (i = 0; i < 50; i++) {
        int fd = handed(link, "", head, "\x81\x82\0\0\0\0hi", 8);
        apr_size_t have = 0;
        ssize_t n;

        while (memmem(buf, have, "\x81\x02hi", 4) == NULL) {
            n = hear(fd, buf + have, sizeof(buf) - have);
            assert_true(n > 0);
            have += (apr_size_t)n;
        }
        assert_memory_equal(buf, "HTTP/1.1 101", 12);
        close(fd);
    }
    close(link);
}

static void loops_get_sockets_in_turn(void **state)
{
    int link = link_to(), fds[20];
    char buf[512];
    int i;

    (void)state;
    for (i = 0; i < 20; i++) {
        fds[i] = handed(link, "", UPGRADE, "", 0);
        assert_true(hear(fds[i], buf, sizeof(buf)) > 0);
    }
    assert_int_equal(push_conns_count(conns[0], PUSH_CONN_OPEN), 10);
    assert_int_equal(push_conns_count(conns[1], PUSH_CONN_OPEN), 10);
    assert_int_equal(push_counter_get(&push_conns_counters(conns[0])->adopted),
                     10);
    for (i = 0; i < 20; i++) {
        close(fds[i]);
    }
    close(link);
}

/* httpd closes its copy whenever its thread comes to it: until then ours must
 * be out of the epoll set and the client's end told. */
static void a_copy_that_is_still_open_does_no_harm(void **state)
{
    static unsigned char out[CHAT_HANDOFF_MAX];
    apr_size_t len = message(out, "7", UPGRADE, "\x88\x80\0\0\0\0", 6);
    int link = link_to(), pairs[50][2];
    char buf[512];
    int i;

    (void)state;
    for (i = 0; i < 50; i++) {
        assert_int_equal(
            socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pairs[i]), 0);
        assert_true(send_with(link, out, len, &pairs[i][0], 1));
    }
    for (i = 0; i < 50; i++) {
        while (hear(pairs[i][1], buf, sizeof(buf)) > 0) {
        }
        /* An event for a slot that is free, or somebody else's by now. */
        close(pairs[i][1]);
    }
    for (i = 0; i < 50; i++) {
        close(handed(link, "", UPGRADE, "", 0));
    }
    assert_int_equal(ask(link), CHAT_HANDOFF_YES);
    for (i = 0; i < 50; i++) {
        close(pairs[i][0]);
    }
    close(link);
}

/* Open descriptors of this process. */
static int descriptors(void)
{
    int n = 0;

    for (int fd = 0; fd < 1000; fd++) {
        n += fcntl(fd, F_GETFD) >= 0;
    }
    return n;
}

/* Each costs its sender the link, and nothing is left open. */
static void messages_that_are_none_end_the_link(void **state)
{
    static unsigned char out[CHAT_HANDOFF_MAX + 100];
    apr_size_t len = message(out, "7", HEAD, "", 0);
    int before = descriptors(), three[3], link, i;
    char buf[16];

    (void)state;
    assert_int_equal(pipe(three), 0);
    three[2] = three[0];
    for (i = 0; i < 6; i++) {
        link = link_to();
        switch (i) {
        case 0: /* two descriptors */
            assert_true(send_with(link, out, len, three, 2));
            break;
        case 1: /* more than there is room for */
            assert_true(send_with(link, out, len, three, 3));
            break;
        case 2: /* one beside a question */
            chat_handoff_ask((unsigned char *)buf);
            assert_true(send_with(link, buf, CHAT_HANDOFF_SHORT, three, 1));
            break;
        case 3: /* another version, which is told so */
            assert_true(send_with(link, "CH\x09\x01", 4, three, 0));
            assert_int_equal(hear(link, buf, sizeof(buf)), CHAT_HANDOFF_SHORT);
            assert_int_equal(buf[4], CHAT_HANDOFF_STRANGER);
            break;
        case 4: /* longer than any */
            assert_true(send_with(link, out, sizeof(out), three, 1));
            break;
        default:
            assert_true(send_with(link, "hello", 5, three, 1));
            break;
        }
        assert_int_equal(hear(link, buf, sizeof(buf)), 0);
        close(link);
    }
    close(three[0]);
    close(three[1]);
    assert_true(__atomic_load_n(&complaints, __ATOMIC_SEQ_CST) > 0);
    link = link_to(); /* what came before is done once this is answered */
    assert_int_equal(ask(link), CHAT_HANDOFF_YES);
    close(link);
    /* Our end of that link may still be open. */
    assert_true(descriptors() <= before + 1);
}

/* A pipe, a message without a descriptor: the link itself stays. */
static void a_descriptor_that_is_no_stream_is_dropped(void **state)
{
    static unsigned char out[CHAT_HANDOFF_MAX];
    apr_size_t len = message(out, "7", HEAD, "", 0);
    int link = link_to(), ends[2];
    char buf[16];

    (void)state;
    assert_int_equal(pipe(ends), 0);
    assert_true(send_with(link, out, len, &ends[1], 1));
    close(ends[1]);
    assert_int_equal(hear(ends[0], buf, sizeof(buf)), 0);
    assert_true(send_with(link, out, len, NULL, 0));
    assert_int_equal(ask(link), CHAT_HANDOFF_YES);
    close(ends[0]);
    close(link);
}

static void without_descriptors_the_answer_is_full(void **state)
{
    struct rlimit limit, none;
    int link = link_to();

    (void)state;
    assert_int_equal(ask(link), CHAT_HANDOFF_YES);
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &limit), 0);
    none = limit;
    none.rlim_cur = 3;
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
    assert_int_equal(ask(link), CHAT_HANDOFF_FULL);
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
    assert_int_equal(ask(link), CHAT_HANDOFF_YES);
    close(link);
}

/* What was given before the end is not lost, and nobody is told yes after. */
static void closing_takes_what_was_given(void **state)
{
    int link = link_to(), fd, i, late = 0;
    char buf[512];

    (void)state;
    assert_int_equal(ask(link), CHAT_HANDOFF_YES);
    fd = handed(link, "", UPGRADE, "", 0);
    push_adopt_close(adopt);
    assert_true(hear(fd, buf, sizeof(buf)) > 0);
    assert_memory_equal(buf, "HTTP/1.1 101", 12);
    assert_int_equal(hear(link, buf, sizeof(buf)), 0);
    for (i = 0; i < 3 && late >= 0; i++) {
        late = link_to();
    }
    assert_int_equal(late, -1);
    close(fd);
    close(link);
}

/* Ask as somebody else. @return the child's verdict: 0 yes, 1 no, 2 it could
 * not even connect */
static int as_stranger(gid_t gid, int ngroups, const gid_t *groups)
{
    pid_t pid = fork();
    int status = 0;

    if (pid == 0) {
        int link;

        if (setgroups((size_t)ngroups, groups) != 0 || setgid(gid) != 0 ||
            setuid(65533) != 0) {
            _exit(3);
        }
        link = link_to();
        _exit(link < 0 ? 2 : ask(link) == CHAT_HANDOFF_YES ? 0 : 1);
    }
    waitpid(pid, &status, 0);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

/* The mode says who can connect; where it was made too wide, who we are said.
 */
static void a_stranger_is_turned_away(void **state)
{
    const gid_t group[] = { 65532 };

    (void)state;
    if (geteuid() != 0) {
        /* Only root can be somebody else; that it is us is tried above. */
        assert_int_equal(chmod(path, 0660), 0);
        return;
    }
    assert_int_equal(chown(path, (uid_t)-1, 65532), 0);
    assert_int_equal(as_stranger(65531, 0, NULL), 2);
    assert_int_equal(as_stranger(65532, 0, NULL), 0);
    assert_int_equal(as_stranger(65531, 1, group), 0);
    assert_int_equal(chmod(path, 0666), 0);
    assert_int_equal(as_stranger(65531, 0, NULL), 1);
    assert_int_equal(__atomic_load_n(&complaints, __ATOMIC_SEQ_CST), 1);
    assert_int_equal(as_stranger(65531, 1, group), 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(what_httpd_said_of_a_client_is_known),
        TEST(whatever_is_no_websocket_is_closed),
        TEST(early_bytes_come_first),
        TEST(a_request_that_waits_keeps_what_follows),
        TEST(loops_get_sockets_in_turn),
        TEST(a_copy_that_is_still_open_does_no_harm),
        TEST(messages_that_are_none_end_the_link),
        TEST(a_descriptor_that_is_no_stream_is_dropped),
        TEST(without_descriptors_the_answer_is_full),
        TEST(closing_takes_what_was_given),
        TEST(a_stranger_is_turned_away),
    };
    int failed;

    apr_initialize();
    failed = cmocka_run_group_tests(tests, NULL, NULL);
    apr_terminate();
    return failed;
}
