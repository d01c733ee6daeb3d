/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_conn.c - a connection from the other end of its socket.
 *
 * A loop runs in a thread of its own; the tests talk to it over socket pairs,
 * with blocking reads. What the protocol saw is noted under a mutex.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>
#include <apr_general.h>
#include <apr_strings.h>

#include "conn.h"
#include "ws.h"

#define MAX_BODY 100000
#define MAX_MESSAGE 70000
#define MAX_QUEUE 1000000
#define MAX_UNFINISHED 200000
#define HTTP_IDLE 2 /* seconds */
#define BIG 3000000 /* bytes of the answer to /big */

static apr_pool_t *pool;
static apr_pool_t *loop_pool; /* for the loop's thread */
static push_loop_t *loop;
static push_conns_t *conns;
static pthread_t thread;
static int batched; /* sends may go out in batches (push_conns_batch_open) */

/* What the protocol saw. */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static int marked; /* requests and messages before the one for /mark */
static int nheads, nrequests, nmessages, nclosed, nsweeps, last_code, last_why;
static int nearly; /* sweeps that came before the second that was wanted */
static const apr_uint32_t pauses[] = { 1, 2, 1 }; /* seconds between them */

typedef struct {
    int magic; /* 0 from the slab, 7 once upgraded */
    apr_uint32_t wanted; /* second the next sweep is to come in, 0: any */
} client_t;

/* --- the protocol -------------------------------------------------------- */

static int path_is(const http_head_t *head, const char *path)
{
    return http_span_is(&head->path, path);
}

static apr_size_t on_head(push_conn_t *c, const http_head_t *head)
{
    pthread_mutex_lock(&lock);
    nheads++;
    pthread_mutex_unlock(&lock);
    if (path_is(head, "/no")) {
        push_conn_reply(c, head, 401, NULL, NULL, "no", 2);
    }
    return path_is(head, "/small") ? 10 : MAX_BODY;
}

static void on_request(push_conn_t *c, const http_head_t *head, char *body,
                       apr_size_t len)
{
    static char big[BIG];
    client_t *client = push_conn_client(c);

    pthread_mutex_lock(&lock);
    marked = path_is(head, "/mark") ? nrequests + nmessages : marked;
    nrequests++;
    pthread_mutex_unlock(&lock);
    if (push_conn_of(client) != c) {
        abort();
    }
    if (path_is(head, "/ws")) {
        client->magic = push_conn_upgrade(c, head, 1) ? 7 : 0;
    }
    else if (path_is(head, "/kill")) {
        push_conn_reply(c, head, 200, NULL, NULL, "never", 5);
        push_conn_kill(c, PUSH_END_US);
        push_conn_reply(c, head, 200, NULL, NULL, "never", 5);
    }
    else if (path_is(head, "/big")) {
        memset(big, 'b', sizeof(big));
        push_conn_reply(c, head, 200, "text/plain", NULL, big, sizeof(big));
    }
    else if (!path_is(head, "/silent")) {
        push_conn_reply(c, head, 200, "text/plain", "X-Extra: 1\r\n", body,
                        len);
    }
}

/* A frame for everybody, as the fan-out sends it. */
static void send_all(push_conn_t *c, void *frame)
{
    push_conn_send(c, frame);
}

static void spread(push_frame_t *f)
{
    push_conns_batch_begin(conns);
    push_conns_each(conns, PUSH_CONN_OPEN, send_all, f);
    push_conns_batch_end(conns);
}

/* Echo, and a few words that mean something. */
/* Bytes of messages in this turn, and in the largest so far. */
static apr_size_t turn_bytes, turn_bytes_most;

static void turn_ended(push_loop_t *l, void *baton)
{
    (void)l;
    (void)baton;
    pthread_mutex_lock(&lock);
    if (turn_bytes > turn_bytes_most) {
        turn_bytes_most = turn_bytes;
    }
    turn_bytes = 0;
    pthread_mutex_unlock(&lock);
}

static void on_message(push_conn_t *c, int opcode, char *data, apr_size_t len)
{
    push_frame_t *f;
    int i;

    if (((client_t *)push_conn_client(c))->magic != 7 || data[len] != '\0') {
        abort();
    }
    pthread_mutex_lock(&lock);
    nmessages++;
    turn_bytes += len;
    pthread_mutex_unlock(&lock);
    if (strcmp(data, "kill") == 0) {
        push_conn_text(c, "never", 5);
        push_conn_kill(c, PUSH_END_US);
        push_conn_text(c, "never", 5);
    }
    else if (strcmp(data, "close") == 0) {
        push_conn_close(c, 4200, "come back");
        push_conn_close(c, 4201, "twice");
        push_conn_text(c, "never", 5);
    }
    else if (strcmp(data, "spread") == 0) {
        push_conn_text(c, "before", 6);
        f = push_frame_ws(WS_TEXT, "all", 3);
        spread(f);
        push_frame_release(f);
        push_conn_text(c, "after", 5);
    }
    else if (strncmp(data, "flood ", 6) == 0) {
        f = push_frame_ws(WS_BINARY, data, 6000);
        for (i = atoi(data + 6); i > 0; i--) {
            push_conn_send(c, f);
        }
        push_frame_release(f);
    }
    else {
        f = push_frame_ws(opcode, data, len);
        push_conn_send(c, f);
        push_frame_release(f);
    }
}

static apr_uint32_t on_sweep(push_conn_t *c, apr_uint32_t now)
{
    client_t *client = push_conn_client(c);

    if (push_conn_state(c) != PUSH_CONN_OPEN || now < push_conn_heard(c)) {
        abort();
    }
    pthread_mutex_lock(&lock);
    nsweeps++;
    nearly += client->wanted != 0 && now < client->wanted;
    pthread_mutex_unlock(&lock);
    client->wanted = now + pauses[nsweeps % 3];
    return client->wanted;
}

static void on_closed(push_conn_t *c, push_end_t why, int code)
{
    if (((client_t *)push_conn_client(c))->magic != 7) {
        abort();
    }
    ((client_t *)push_conn_client(c))->magic = 8; /* a second call aborts */
    pthread_mutex_lock(&lock);
    nclosed++;
    last_why = why;
    last_code = code;
    pthread_mutex_unlock(&lock);
}

static const push_protocol_t protocol = {
    .client_size = sizeof(client_t),
    .max_body = MAX_BODY,
    .max_message = MAX_MESSAGE,
    .max_queue = MAX_QUEUE,
    .max_input = MAX_UNFINISHED,
    .http_idle = HTTP_IDLE,
    .head = on_head,
    .request = on_request,
    .message = on_message,
    .sweep = on_sweep,
    .closed = on_closed,
};

/* --- the other end ------------------------------------------------------- */

static void *run(void *baton)
{
    (void)baton;
    /* On this thread, because the end of a ring interrupts, some time later,
     * what the thread that made it waits for: the next test, else. */
    if (batched) {
        push_conns_batch_open(conns, loop_pool);
    }
    push_loop_run(loop);
    return NULL;
}

typedef struct {
    push_task_t task;
    int fd;
} give_t;

static void give_run(push_loop_t *l, push_task_t *task)
{
    (void)l;
    push_conn_accept(conns, ((give_t *)task)->fd, NULL, 0);
    free(task);
}

static void give(int fd)
{
    give_t *task = calloc(1, sizeof(*task));

    fcntl(fd, F_SETFL, O_NONBLOCK);
    task->task.run = give_run;
    task->fd = fd;
    push_loop_post(loop, &task->task);
}

/* A connection of the loop; we hold the other end, which gives up after 10 s.
 */
static int open_pair(void)
{
    struct timeval patience = { 10, 0 };
    int fds[2];

    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
    setsockopt(fds[0], SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
    setsockopt(fds[0], SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience));
    give(fds[1]);
    return fds[0];
}

static void say(int fd, const char *bytes, apr_size_t len)
{
    ssize_t n;

    for (; len > 0; bytes += n, len -= (apr_size_t)n) {
        n = send(fd, bytes, len, MSG_NOSIGNAL);
        assert_true(n > 0);
    }
}

static void say_text(int fd, const char *text) { say(fd, text, strlen(text)); }

/* A byte at a time, so that everything is cut everywhere. */
static void say_slowly(int fd, const char *text)
{
    for (; *text != '\0'; text++) {
        say(fd, text, 1);
        usleep(300);
    }
}

static void hear(int fd, char *buf, apr_size_t len)
{
    ssize_t n;

    for (; len > 0; buf += n, len -= (apr_size_t)n) {
        n = recv(fd, buf, len, 0);
        assert_true(n > 0);
    }
}

/* Everything up to the end of the connection. */
static char *hear_all(int fd)
{
    static char all[BIG + 4096];
    apr_size_t len = 0;
    ssize_t n;

    while ((n = recv(fd, all + len, sizeof(all) - 1 - len, 0)) > 0) {
        len += (apr_size_t)n;
    }
    assert_true(n == 0 || errno == ECONNRESET);
    all[len] = '\0';
    return all;
}

/* One answer: its head, and its body of Content-Length bytes behind it. */
static char *hear_answer(int fd)
{
    static char answer[BIG + 4096];
    apr_size_t len = 0, body = 0;
    char *at;

    do {
        hear(fd, answer + len++, 1);
        answer[len] = '\0';
    } while (len < 4 || strcmp(answer + len - 4, "\r\n\r\n") != 0);
    at = strstr(answer, "Content-Length: ");
    if (at != NULL) {
        body = (apr_size_t)atol(at + 16);
    }
    hear(fd, answer + len, body);
    answer[len + body] = '\0';
    return answer;
}

static void assert_begins(const char *text, const char *with)
{
    if (strncmp(text, with, strlen(with)) != 0) {
        fail_msg("\"%.60s\" does not begin with \"%s\"", text, with);
    }
}

static void assert_ends(const char *text, const char *with)
{
    if (strlen(text) < strlen(with) ||
        strcmp(text + strlen(text) - strlen(with), with) != 0) {
        fail_msg("\"%s\" does not end with \"%s\"", text, with);
    }
}

/* A number the loop's thread writes. */
static int seen(const int *number)
{
    int now;

    pthread_mutex_lock(&lock);
    now = *number;
    pthread_mutex_unlock(&lock);
    return now;
}

static void wait_for(const int *number, int wanted)
{
    int i;

    for (i = 0; i < 1000 && seen(number) != wanted; i++) {
        usleep(5000);
    }
    assert_int_equal(seen(number), wanted);
}

#define UPGRADE_WITH(more)                                                     \
    "GET /ws HTTP/1.1\r\nHost: h\r\nUpgrade: websocket\r\n"                    \
    "Connection: keep-alive, Upgrade\r\nSec-WebSocket-Version: 13\r\n"         \
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n" more "\r\n"
#define UPGRADE UPGRADE_WITH("")
#define UPGRADE_DEFLATE                                                        \
    UPGRADE_WITH("Sec-WebSocket-Extensions: permessage-deflate\r\n")

static int open_ws(void)
{
    int fd = open_pair();

    say_text(fd, UPGRADE);
    assert_begins(hear_answer(fd), "HTTP/1.1 101 ");
    return fd;
}

/* A text frame, masked with zeroes. */
static void say_frame(int fd, const char *text)
{
    char frame[126 + 6] = { (char)0x81, (char)(0x80 | strlen(text)) };

    memcpy(frame + 6, text, strlen(text));
    say(fd, frame, 6 + strlen(text));
}

static int setup(void **state)
{
    (void)state;
    marked = -1;
    nheads = nrequests = nmessages = nclosed = nsweeps = last_code = nearly = 0;
    apr_pool_create(&pool, NULL);
    push_loop_create(&loop, 0, pool);
    push_conns_create(&conns, loop, &protocol, pool);
    push_loop_on_turn_end(loop, turn_ended, NULL);
    turn_bytes = turn_bytes_most = 0;
    apr_pool_create(&loop_pool, pool);
    return pthread_create(&thread, NULL, run, NULL);
}

/* The same where the kernel is asked to do many sends at once. */
static int setup_batched(void **state)
{
    batched = 1;
    return setup(state);
}

static int teardown(void **state)
{
    (void)state;
    push_loop_stop(loop);
    pthread_join(thread, NULL);
    apr_pool_destroy(pool);
    batched = 0;
    return 0;
}

/* --- HTTP ---------------------------------------------------------------- */

static void a_request_is_answered_and_another_may_follow(void **state)
{
    int fd = open_pair();
    char *answer;

    (void)state;
    say_text(fd, "POST /x HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\n\r\nhi");
    answer = hear_answer(fd);
    assert_begins(answer, "HTTP/1.1 200 OK\r\nDate: ");
    assert_non_null(strstr(answer, " GMT\r\nContent-Length: 2\r\n"));
    assert_non_null(strstr(answer, "\r\nContent-Type: text/plain\r\n"));
    assert_non_null(strstr(answer, "\r\nX-Extra: 1\r\n"));
    assert_null(strstr(answer, "Connection"));
    assert_ends(answer, "\r\n\r\nhi");
    say_text(fd, "GET /x HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n");
    answer = hear_all(fd);
    assert_non_null(strstr(answer, "\r\nConnection: close\r\n"));
    close(fd);
}

static void a_request_in_single_bytes_is_the_same_request(void **state)
{
    int fd = open_pair();

    (void)state;
    say_slowly(fd, "POST /x HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\n"
                   "hello"
                   "POST /x HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked"
                   "\r\n\r\n3\r\nabc\r\n2;x=y\r\nde\r\n0\r\nT: v\r\n\r\n"
                   "GET /x HTTP/1.0\r\n\r\n");
    assert_ends(hear_answer(fd), "\r\n\r\nhello");
    assert_ends(hear_answer(fd), "\r\n\r\nabcde");
    assert_non_null(strstr(hear_all(fd), "Connection: close"));
    assert_int_equal(seen(&nrequests), 3);
    close(fd);
}

#define PIPELINED 2000

/* Writes on while the test reads: the server stops reading when its answers
 * are not taken, so one thread cannot do first the one and then the other. */
static void *say_many(void *baton)
{
    int fd = *(int *)baton, i;
    char request[128];

    for (i = 0; i < PIPELINED; i++) {
        snprintf(request, sizeof(request),
                 i % 2 ? "POST /x HTTP/1.1\r\nHost: h\r\n"
                         "Content-Length: 4\r\n\r\n%04d"
                       : "POST /x HTTP/1.1\r\nHost: h\r\n"
                         "Transfer-Encoding: chunked\r\n\r\n"
                         "4\r\n%04d\r\n0\r\n\r\n",
                 i);
        say_text(fd, request);
    }
    return NULL;
}

static void pipelined_requests_are_answered_in_order(void **state)
{
    int fd = open_pair(), i;
    pthread_t writer;
    char end[16];

    (void)state;
    pthread_create(&writer, NULL, say_many, &fd);
    usleep(100000); /* the answers have filled the socket by now */
    for (i = 0; i < PIPELINED; i++) {
        snprintf(end, sizeof(end), "\r\n\r\n%04d", i);
        assert_ends(hear_answer(fd), end);
    }
    pthread_join(writer, NULL);
    close(fd);
}

/* --- what clients say while the loop stands ------------------------------- */

typedef struct {
    push_task_t task;
    int stands; /* its thread is here; under lock */
    int goes_on;
    pthread_cond_t changed; /* one of them has */
} stand_t;

static void stand_run(push_loop_t *l, push_task_t *task)
{
    stand_t *stand = (stand_t *)(void *)task;

    (void)l;
    pthread_mutex_lock(&lock);
    stand->stands = 1;
    pthread_cond_broadcast(&stand->changed);
    while (!stand->goes_on) {
        pthread_cond_wait(&stand->changed, &lock);
    }
    pthread_mutex_unlock(&lock);
    pthread_cond_destroy(&stand->changed);
    free(stand);
}

/* The loop's thread stands still from here to go_on(). It has every connection
 * that was opened before: tasks stay in order. */
static stand_t *stand_still(void)
{
    stand_t *stand = calloc(1, sizeof(*stand));

    pthread_cond_init(&stand->changed, NULL);
    stand->task.run = stand_run;
    push_loop_post(loop, &stand->task);
    pthread_mutex_lock(&lock);
    while (!stand->stands) {
        pthread_cond_wait(&stand->changed, &lock);
    }
    pthread_mutex_unlock(&lock);
    return stand;
}

static void go_on(stand_t *stand)
{
    pthread_mutex_lock(&lock);
    stand->goes_on = 1; /* the loop's from here */
    pthread_cond_broadcast(&stand->changed);
    pthread_mutex_unlock(&lock);
}

/* With 200 clients of this kind another one waited for five seconds. */
static void a_flood_of_requests_leaves_others_their_turn(void **state)
{
    static const char request[] = "GET /x HTTP/1.1\r\nHost: h\r\n\r\n";
    static char many[1000 * (sizeof(request) - 1)];
    int flood = open_pair(), other = open_pair(), i;
    stand_t *stand;

    (void)state;
    stand = stand_still(); /* meanwhile both say all they have to say */
    for (i = 0; i < 1000; i++) {
        memcpy(many + i * strlen(request), request, strlen(request));
    }
    say(flood, many, sizeof(many));
    say_text(other, "GET /mark HTTP/1.1\r\nHost: h\r\n\r\n");
    go_on(stand);
    hear_answer(other);
    assert_in_range(seen(&marked), 0, 16384 / strlen(request));
    close(flood);
    close(other);
}

/* Each of these few bytes may be a thousand once unpacked. */
static void a_flood_of_packed_messages_leaves_others_their_turn(void **state)
{
    static const char packed[] = "\xc1\x87\0\0\0\0\xf2\x48\xcd\xc9\xc9\x07";
    static char many[3000 * sizeof(packed)]; /* with the NUL at its end */
    int flood = open_pair(), other = open_pair(), i;
    stand_t *stand;

    (void)state;
    say_text(flood, UPGRADE_DEFLATE);
    hear_answer(flood);
    stand = stand_still(); /* meanwhile both say all they have to say */
    for (i = 0; i < 3000; i++) {
        memcpy(many + i * sizeof(packed), packed, sizeof(packed));
    }
    say(flood, many, sizeof(many));
    say_text(other, "GET /mark HTTP/1.1\r\nHost: h\r\n\r\n");
    go_on(stand);
    hear_answer(other);
    assert_in_range(seen(&marked), 0, 16384 / sizeof(packed) + 2);
    close(flood);
    close(other);
}

/* Nor may hundreds of them together, each with its share: what is unpacked in one
 * turn has a limit for all. */
static void many_that_unpack_share_a_turn(void **state)
{
    enum { CLIENTS = 120 };
    static char text[MAX_MESSAGE];
    push_deflate_t d = { 0 };
    stand_t *stand;
    unsigned char *packed, frame[8] = { 0xc1, 0xfe };
    int fds[CLIENTS], i;
    apr_size_t len;

    (void)state;
    memset(text, 'a', sizeof(text));
    len = push_deflate_pack(&d, PUSH_DEFLATE_WIDE, &packed, text, sizeof(text));
    assert_in_range(len, 126, 1000);
    frame[2] = (unsigned char)(len >> 8);
    frame[3] = (unsigned char)len;
    for (i = 0; i < CLIENTS; i++) {
        fds[i] = open_pair();
        say_text(fds[i], UPGRADE_DEFLATE);
        hear_answer(fds[i]);
    }
    stand = stand_still(); /* meanwhile all say what they have to say */
    for (i = 0; i < CLIENTS; i++) {
        say(fds[i], (char *)frame, sizeof(frame)); /* its mask is 0 */
        say(fds[i], (char *)packed, len);
    }
    go_on(stand);
    push_deflate_clear(&d);
    for (i = 0; i < CLIENTS; i++) {
        hear(fds[i], (char *)frame, 4); /* each has its answer */
        close(fds[i]);
    }
    pthread_mutex_lock(&lock);
    len = turn_bytes > turn_bytes_most ? turn_bytes : turn_bytes_most;
    pthread_mutex_unlock(&lock);
    assert_int_equal(seen(&nmessages), CLIENTS);
    assert_in_range(len, MAX_MESSAGE, 5 * 1024 * 1024);
}

static void a_client_that_leaves_answers_lying_is_not_read(void **state)
{
    static const char request[] = "GET /big HTTP/1.1\r\nHost: h\r\n\r\n";
    int fd = open_pair(), i;

    (void)state;
    for (i = 0; i < 20; i++) {
        say_text(fd, request);
    }
    usleep(200000);
    assert_int_equal(seen(&nrequests), 1);
    assert_true(push_conns_queued(conns) < BIG + 1000);
    for (i = 0; i < 20; i++) {
        assert_int_equal(strlen(strstr(hear_answer(fd), "\r\n\r\n")), BIG + 4);
    }
    close(fd);
}

static void a_body_is_asked_for_when_the_client_waits(void **state)
{
    int fd = open_pair();

    (void)state;
    say_text(fd, "POST /x HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\n"
                 "Expect: 100-continue\r\n\r\n");
    assert_string_equal(hear_answer(fd), "HTTP/1.1 100 Continue\r\n\r\n");
    say_text(fd, "h");
    usleep(20000);
    say_text(fd, "i");
    assert_ends(hear_answer(fd), "\r\n\r\nhi");
    close(fd);
}

static void a_head_request_gets_no_body(void **state)
{
    int fd = open_pair();
    char *all;

    (void)state;
    say_text(fd, "HEAD /big HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n");
    all = hear_all(fd);
    assert_non_null(strstr(all, "Content-Length: 3000000\r\n"));
    assert_ends(all, "\r\n\r\n");
    close(fd);
}

static void what_is_refused_is_refused_before_it_is_stored(void **state)
{
    static const struct {
        const char *request;
        const char *answer;
    } cases[] = {
        { "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 100001\r\n\r\n",
          "HTTP/1.1 413 " },
        { "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: "
          "99999999999999\r\n\r\n",
          "HTTP/1.1 413 " },
        { "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n"
          "186a1\r\n",
          "HTTP/1.1 413 " },
        { "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\nx",
          "HTTP/1.1 400 " },
        { "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: gzip\r\n\r\n",
          "HTTP/1.1 501 " },
        { "GET / HTTP/3.0\r\n\r\n", "HTTP/1.1 505 " },
        { "GET / HTTP/1.1\r\n\r\n", "HTTP/1.1 400 " },
        { "\x16\x03\x01\x02\n\n", "HTTP/1.1 400 " },
    };
    char *all;
    int fd;
    apr_size_t i;

    (void)state;
    for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        fd = open_pair();
        say_text(fd, cases[i].request);
        all = hear_all(fd);
        assert_begins(all, cases[i].answer);
        assert_non_null(strstr(all, "Content-Type: application/json\r\n"));
        assert_non_null(strstr(all, "Connection: close\r\n"));
        assert_non_null(strstr(all, "\r\n\r\n{\"error\":\""));
        close(fd);
    }
    assert_int_equal(seen(&nrequests), 0);
}

static void a_refused_head_ends_the_wait_for_its_body(void **state)
{
    int fd = open_pair();
    char *all;

    (void)state;
    say_text(fd, "POST /no HTTP/1.1\r\nHost: h\r\nContent-Length: 9\r\n"
                 "Expect: 100-continue\r\n\r\n");
    all = hear_all(fd);
    assert_begins(all, "HTTP/1.1 401 ");
    assert_non_null(strstr(all, "Connection: close\r\n"));
    assert_ends(all, "\r\n\r\nno");
    close(fd);
    fd = open_pair();
    say_text(fd, "POST /no HTTP/1.1\r\nHost: h\r\n"
                 "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n"
                 "GET /x HTTP/1.1\r\nHost: h\r\n\r\n");
    assert_ends(hear_all(fd), "Connection: close\r\n\r\nno");
    assert_int_equal(seen(&nrequests), 0);
    assert_int_equal(seen(&nheads), 2);
    close(fd);
}

static void a_refused_head_without_a_body_ends_nothing(void **state)
{
    int fd = open_pair();

    (void)state;
    say_text(fd, "GET /no HTTP/1.1\r\nHost: h\r\n\r\n"
                 "POST /x HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\n\r\nhi");
    assert_ends(hear_answer(fd), "\r\n\r\nno");
    assert_ends(hear_answer(fd), "\r\n\r\nhi");
    assert_int_equal(seen(&nrequests), 1);
    assert_int_equal(seen(&nheads), 2);
    close(fd);
}

static void a_head_is_shown_once_and_limits_its_body(void **state)
{
    int fd = open_pair();

    (void)state;
    say_slowly(fd, "POST /small HTTP/1.1\r\nHost: h\r\n"
                   "Content-Length: 10\r\n\r\n0123456789");
    assert_ends(hear_answer(fd), "0123456789");
    assert_int_equal(seen(&nheads), 1);
    say_text(fd, "POST /small HTTP/1.1\r\nHost: h\r\n"
                 "Content-Length: 11\r\n\r\n");
    assert_begins(hear_all(fd), "HTTP/1.1 413 ");
    close(fd);
    fd = open_pair();
    say_text(fd, "POST /small HTTP/1.1\r\nHost: h\r\n"
                 "Transfer-Encoding: chunked\r\n\r\n6\r\n012345\r\n5\r\n");
    assert_begins(hear_all(fd), "HTTP/1.1 413 ");
    close(fd);
}

#define PART 90000 /* bytes of a body or message that stays unfinished */

/* Whether something was said to us. */
static int answered_soon(int fd)
{
    char ch;

    usleep(100000);
    return recv(fd, &ch, 1, MSG_PEEK | MSG_DONTWAIT) == 1;
}

/* A request of which a byte is missing. */
static int open_unfinished(void)
{
    static char body[PART];
    int fd = open_pair();

    say_text(fd, "POST /x HTTP/1.1\r\nHost: h\r\nContent-Length: 90001"
                 "\r\n\r\n");
    say(fd, body, sizeof(body));
    return fd;
}

/* 300 bodies of 1 MB that never ended were 310 MB for a minute. How much room
 * one takes depends on its packets, so two or three of these are the limit. */
static void unfinished_requests_have_so_much_room_together(void **state)
{
    int first = open_unfinished(), more[2] = { -1, -1 }, fd;

    (void)state;
    assert_false(answered_soon(first));
    more[0] = open_unfinished();
    if (!answered_soon(more[0])) {
        more[1] = open_unfinished();
        assert_true(answered_soon(more[1]));
    }
    assert_begins(hear_all(more[more[1] < 0 ? 0 : 1]), "HTTP/1.1 503 ");
    fd = open_pair();
    say_slowly(fd, "POST /x HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\n\r\n"
                   "hi");
    assert_ends(hear_answer(fd), "\r\n\r\nhi");
    close(fd);
    close(more[0]);
    close(more[1]);
    say(first, "x", 1);
    assert_begins(hear_answer(first), "HTTP/1.1 200 ");
    close(first);
    fd = open_unfinished();
    say(fd, "x", 1);
    assert_begins(hear_answer(fd), "HTTP/1.1 200 ");
    close(fd);
}

static void a_head_without_end_is_refused_at_its_limit(void **state)
{
    int fd = open_pair();
    char piece[1024];
    int i;

    (void)state;
    memset(piece, 'a', sizeof(piece));
    say_text(fd, "GET / HTTP/1.1\r\nX: ");
    for (i = 0; i < HTTP_HEAD_MAX / 1024; i++) {
        say(fd, piece, sizeof(piece));
        usleep(1000);
    }
    assert_begins(hear_all(fd), "HTTP/1.1 431 ");
    close(fd);
}

/* Dripping bytes does not prolong the time for a request. */
static void a_slow_request_is_ended_in_time(void **state)
{
    int fd = open_pair(), i;
    char *all;

    (void)state;
    say_text(fd, "GET / HTTP/1.1\r\nX: ");
    for (i = 0; i < (HTTP_IDLE + 2) * 5; i++) {
        send(fd, "a", 1, MSG_NOSIGNAL);
        usleep(200000);
    }
    all = hear_all(fd);
    assert_begins(all, "HTTP/1.1 408 ");
    close(fd);
}

static void a_silent_client_is_ended_in_time(void **state)
{
    int fd = open_pair();
    const push_counters_t *n = push_conns_counters(conns);

    (void)state;
    assert_string_equal(hear_all(fd), "");
    close(fd);
    usleep(50000);
    assert_int_equal(push_counter_get(&n->http_ends[PUSH_END_TIMEOUT]), 1);
    assert_int_equal(push_conns_count(conns, PUSH_CONN_HTTP), 0);
}

static void a_connection_killed_by_its_own_request_is_gone(void **state)
{
    int fd = open_pair();

    (void)state;
    say_text(fd, "GET /kill HTTP/1.1\r\nHost: h\r\n\r\n"
                 "GET /x HTTP/1.1\r\nHost: h\r\n\r\n");
    assert_string_equal(hear_all(fd), "");
    assert_int_equal(seen(&nrequests), 1);
    close(fd);
}

static void a_request_nobody_answers_is_an_error(void **state)
{
    int fd = open_pair();

    (void)state;
    say_text(fd, "GET /silent HTTP/1.1\r\nHost: h\r\n\r\n");
    assert_begins(hear_answer(fd), "HTTP/1.1 500 ");
    close(fd);
}

static void the_last_descriptors_are_for_single_requests(void **state)
{
    struct rlimit limit, few;
    int fd, fds[2];

    (void)state;
    teardown(NULL);
    getrlimit(RLIMIT_NOFILE, &limit);
    few = limit;
    few.rlim_cur = 300;
    setrlimit(RLIMIT_NOFILE, &few);
    setup(NULL);
    fd = open_pair();
    say_text(fd, "GET /x HTTP/1.1\r\nHost: h\r\n\r\n");
    assert_null(strstr(hear_answer(fd), "Connection: close"));
    close(fd);
    socketpair(AF_UNIX, SOCK_STREAM, 0, fds);
    fd = fcntl(fds[1], F_DUPFD, 300 - 64);
    close(fds[1]);
    give(fd);
    say_text(fds[0], "GET /x HTTP/1.1\r\nHost: h\r\n\r\n");
    assert_non_null(strstr(hear_all(fds[0]), "Connection: close"));
    close(fds[0]);
    setrlimit(RLIMIT_NOFILE, &limit);
}

/* --- WebSocket ----------------------------------------------------------- */

static void frames_in_the_packet_of_the_upgrade_are_heard(void **state)
{
    static const char both[] = UPGRADE "\x81\x85\0\0\0\0hello\x89\x80\0\0\0\0";
    int fd = open_pair();
    char echo[9];

    (void)state;
    say(fd, both, sizeof(both) - 1);
    assert_non_null(strstr(hear_answer(fd), "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="));
    hear(fd, echo, 9);
    assert_memory_equal(echo, "\x81\x05hello\x8a\x00", 9);
    close(fd);
}

static void the_same_holds_when_the_upgrade_came_in_pieces(void **state)
{
    static const char both[] = UPGRADE "\x81\x85\0\0\0\0hello";
    int fd = open_pair();
    char echo[7];

    (void)state;
    say(fd, both, 50);
    usleep(20000);
    say(fd, both + 50, sizeof(both) - 1 - 50);
    assert_begins(hear_answer(fd), "HTTP/1.1 101 ");
    hear(fd, echo, 7);
    assert_memory_equal(echo, "\x81\x05hello", 7);
    close(fd);
}

static void an_end_is_told_once_with_its_code(void **state)
{
    char close_frame[13];
    int fd = open_ws();

    (void)state;
    say_frame(fd, "close");
    hear(fd, close_frame, 13);
    assert_memory_equal(close_frame,
                        "\x88\x0b\x10\x68"
                        "come back",
                        13);
    /* It is told when the closing begins, not when the peer has agreed. */
    wait_for(&nclosed, 1);
    assert_int_equal(seen(&last_code), 4200);
    assert_int_equal(seen(&last_why), PUSH_END_US);
    assert_string_equal(hear_all(fd), "");
    close(fd);
    usleep(20000);
    assert_int_equal(seen(&nclosed), 1);
    assert_int_equal(
        push_counter_get(
            &push_conns_counters(conns)->closes[push_close_slot(4200)]),
        1);
}

static void a_peer_that_vanishes_is_told_as_1006(void **state)
{
    int fd = open_ws();

    (void)state;
    close(fd);
    wait_for(&nclosed, 1);
    assert_int_equal(seen(&last_code), 1006);
    assert_int_equal(seen(&last_why), PUSH_END_PEER);
}

static void a_connection_killed_by_its_own_message_is_gone(void **state)
{
    int fd = open_ws();

    (void)state;
    say_frame(fd, "kill");
    assert_string_equal(hear_all(fd), "");
    wait_for(&nclosed, 1);
    assert_int_equal(seen(&last_why), PUSH_END_US);
    close(fd);
}

static void a_closing_peer_that_never_answers_is_ended_in_time(void **state)
{
    int fd = open_ws(), i;

    (void)state;
    say_frame(fd, "close");
    for (i = 0; i < 80 && push_conns_count(conns, PUSH_CONN_CLOSING) +
                                  push_conns_count(conns, PUSH_CONN_OPEN) >
                              0;
         i++) {
        usleep(100000);
    }
    assert_int_equal(push_conns_count(conns, PUSH_CONN_CLOSING), 0);
    assert_true(i > 30);
    close(fd);
}

static void a_slow_reader_gets_everything_below_the_limit(void **state)
{
    static char frame[6004];
    int fd = open_ws(), i;

    (void)state;
    say_frame(fd, "flood 150");
    usleep(100000);
    assert_true(push_conns_queued(conns) > 0);
    for (i = 0; i < 150; i++) {
        hear(fd, frame, sizeof(frame));
        assert_memory_equal(frame,
                            "\x82\x7e\x17\x70"
                            "flood 150",
                            13);
    }
    say_frame(fd, "hello");
    hear(fd, frame, 7);
    assert_memory_equal(frame, "\x81\x05hello", 7);
    assert_int_equal(push_conns_queued(conns), 0);
    close(fd);
}

static void a_reader_past_the_limit_is_dropped_alone(void **state)
{
    int slow = open_ws(), fine = open_ws();
    char echo[7];

    (void)state;
    say_frame(slow, "flood 1000");
    wait_for(&nclosed, 1);
    assert_int_equal(seen(&last_why), PUSH_END_SLOW);
    assert_int_equal(seen(&last_code), 1006);
    say_frame(fine, "hello");
    hear(fine, echo, 7);
    assert_memory_equal(echo, "\x81\x05hello", 7);
    usleep(20000);
    assert_int_equal(push_conns_queued(conns), 0);
    close(slow);
    close(fine);
}

/* The limit is on what waits, and what waits is compressed: a flood that ends a
 * plain reader is a few hundred kilobytes here. */
static void a_slow_reader_that_compresses_has_more_patience(void **state)
{
    char head[4], frame[6000];
    apr_size_t len;
    int fd = open_pair(), i;

    (void)state;
    say_text(fd, UPGRADE_DEFLATE);
    assert_non_null(strstr(hear_answer(fd), "permessage-deflate"));
    say_frame(fd, "flood 1000");
    usleep(100000);
    assert_int_equal(seen(&nclosed), 0);
    for (i = 0; i < 1000; i++) {
        hear(fd, head, 2);
        assert_int_equal((unsigned char)head[0], 0xc2); /* RSV1, binary */
        len = (unsigned char)head[1];
        if (len == 126) {
            hear(fd, head + 2, 2);
            len = (apr_size_t)((unsigned char)head[2] << 8 |
                               (unsigned char)head[3]);
        }
        assert_true(len < 1000);
        hear(fd, frame, len);
    }
    say_frame(fd, "hello");
    hear(fd, frame, 7);
    assert_memory_equal(frame, "\x81\x05hello", 7);
    assert_int_equal(push_conns_queued(conns), 0);
    close(fd);
}

/* A message of 70,000 bytes of which some are missing. */
static int open_unfinished_ws(void)
{
    static char part[10 + 4 + 69000] = "\x82\xff\0\0\0\0\0\x01\x11\x70";
    int fd = open_ws();

    say(fd, part, sizeof(part));
    return fd;
}

static void unfinished_messages_have_so_much_room_together(void **state)
{
    int fds[3] = { -1, -1, -1 }, i;
    char end[4];

    (void)state;
    for (i = 0; i < 3; i++) {
        fds[i] = open_unfinished_ws();
        if (answered_soon(fds[i])) {
            break;
        }
    }
    assert_in_range(i, 1, 2);
    hear(fds[i], end, 4);
    assert_memory_equal(end + 2, "\x03\xf5", 2); /* 1013 */
    wait_for(&nclosed, 1);
    assert_int_equal(last_code, 1013);
    close(fds[i]);
    fds[i] = open_ws();
    say_frame(fds[i], "hello");
    hear(fds[i], end, 4);
    assert_memory_equal(end, "\x81\x05he", 4);
    for (i = 0; i < 3; i++) {
        close(fds[i]);
    }
}

/* Each in the second it asked for. Late ones there may be on a busy machine,
 * early ones never. */
static void open_websockets_are_looked_at_when_they_want(void **state)
{
    int fds[20], i;

    (void)state;
    for (i = 0; i < 20; i++) {
        fds[i] = open_ws();
    }
    for (i = 0; i < 1000 && seen(&nsweeps) < 60; i++) {
        usleep(10000);
    }
    assert_true(seen(&nsweeps) >= 60);
    assert_int_equal(seen(&nearly), 0);
    for (i = 0; i < 20; i++) {
        close(fds[i]);
    }
}

/* More than a turn looks at, all due in one second: they are looked at in one
 * tick, over several turns. */
static void a_crowd_that_is_due_at_once_is_looked_at_in_slices(void **state)
{
    enum { CROWD = 300 };
    static int fds[CROWD];
    int i;

    (void)state;
    for (i = 0; i < CROWD; i++) {
        fds[i] = open_ws();
    }
    for (i = 0; i < 1000 && seen(&nsweeps) < 3 * CROWD; i++) {
        usleep(10000);
    }
    assert_true(seen(&nsweeps) >= 3 * CROWD);
    assert_int_equal(seen(&nearly), 0);
    for (i = 0; i < CROWD; i++) {
        close(fds[i]);
    }
}

static void close_one(push_conn_t *c, void *baton)
{
    (void)baton;
    push_conn_close(c, 4200, "restart");
}

static void close_all_run(push_loop_t *l, push_task_t *task)
{
    (void)l;
    (void)task;
    push_conns_each(conns, PUSH_CONN_OPEN, close_one, NULL);
}

/* --- one frame for many -------------------------------------------------- */

#define MANY 40
#define WAVES 60 /* frames for each */

/* Do something on the loop's thread, and wait until it is done. */
typedef struct {
    push_task_t task;
    void (*fn)(void *baton);
    void *baton;
    int done;
} on_loop_t;

static void on_loop_run(push_loop_t *l, push_task_t *task)
{
    on_loop_t *job = (on_loop_t *)task;

    (void)l;
    job->fn(job->baton);
    pthread_mutex_lock(&lock);
    job->done = 1;
    pthread_mutex_unlock(&lock);
}

static void on_loop(void (*fn)(void *), void *baton)
{
    on_loop_t job = { .task.run = on_loop_run, .fn = fn, .baton = baton };

    push_loop_post(loop, &job.task);
    wait_for(&job.done, 1);
}

/* A loop counts what it has sent after the peer has it: when this returns it
 * has counted, too. */
static void settle_run(void *nothing) { (void)nothing; }

static void spread_run(void *frame) { spread(frame); }

/* A WebSocket over TCP, or over a pair of sockets; with `narrow` its socket
 * takes a few kilobytes only. */
static int open_kind(int tcp, int narrow)
{
    struct sockaddr_in at = { .sin_family = AF_INET,
                              .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    struct timeval patience = { 10, 0 };
    socklen_t len = sizeof(at);
    int least = 1, listener, fds[2];

    if (tcp) {
        listener = socket(AF_INET, SOCK_STREAM, 0);
        assert_int_equal(bind(listener, (struct sockaddr *)&at, len), 0);
        assert_int_equal(listen(listener, 1), 0);
        getsockname(listener, (struct sockaddr *)&at, &len);
        fds[0] = socket(AF_INET, SOCK_STREAM, 0);
        if (narrow) {
            setsockopt(fds[0], SOL_SOCKET, SO_RCVBUF, &least, sizeof(least));
        }
        assert_int_equal(connect(fds[0], (struct sockaddr *)&at, len), 0);
        fds[1] = accept(listener, NULL, NULL);
        close(listener);
    }
    else {
        assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
    }
    if (narrow) {
        setsockopt(fds[1], SOL_SOCKET, SO_SNDBUF, &least, sizeof(least));
    }
    setsockopt(fds[0], SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
    give(fds[1]);
    say_text(fds[0], UPGRADE);
    assert_begins(hear_answer(fds[0]), "HTTP/1.1 101 ");
    return fds[0];
}

static unsigned int seed;

static apr_size_t chance(apr_size_t below)
{
    seed = seed * 1103515245 + 12345;
    return (seed >> 8) % below;
}

static push_frame_t *random_frame(void)
{
    static char payload[40000];
    apr_size_t len = chance(8) ? 1 + chance(3000) : 1 + chance(sizeof(payload));
    apr_size_t i;

    for (i = 0; i < len; i++) {
        payload[i] = (char)chance(256);
    }
    return push_frame_ws(WS_BINARY, payload, len);
}

/* Readers of every speed, sockets of every size, frames larger than some of
 * them: everybody gets every byte once and in order, and the books are right. */
static void many_get_the_same_bytes_however_they_read(void **state)
{
    static char in[BIG], wanted[BIG];
    const push_counters_t *n = push_conns_counters(conns);
    apr_uint64_t bytes_before, messages_before;
    apr_size_t len = 0, had[MANY] = { 0 }, took;
    int fds[MANY], wave, i;

    (void)state;
    seed = 7;
    for (i = 0; i < MANY; i++) {
        fds[i] = open_kind(i % 2, i % 4 > 1);
    }
    on_loop(settle_run, NULL);
    bytes_before = push_counter_get(&n->bytes_out);
    messages_before = push_counter_get(&n->messages_out);
    for (wave = 0; wave < WAVES; wave++) {
        push_frame_t *f = random_frame();

        memcpy(wanted + len, f->data, f->len);
        len += f->len;
        on_loop(spread_run, f);
        push_frame_release(f);
        for (i = 0; i < MANY; i++) {
            took = chance(3) ? 0 : chance(len - had[i] + 1);
            took = took > 20000 ? 20000 : took;
            hear(fds[i], in, took);
            assert_memory_equal(in, wanted + had[i], took);
            had[i] += took;
        }
    }
    assert_true(len < MAX_QUEUE);
    assert_true(push_conns_queued(conns) > 0);
    for (i = 0; i < MANY; i++) {
        hear(fds[i], in, len - had[i]);
        assert_memory_equal(in, wanted + had[i], len - had[i]);
        say_frame(fds[i], "hello"); /* and nothing comes twice */
        hear(fds[i], in, 7);
        assert_memory_equal(in, "\x81\x05hello", 7);
    }
    on_loop(settle_run, NULL);
    assert_int_equal(push_conns_queued(conns), 0);
    assert_int_equal(push_counter_get(&n->messages_out) - messages_before,
                     MANY * WAVES + MANY);
    assert_int_equal(push_counter_get(&n->bytes_out) - bytes_before,
                     MANY * len + MANY * 7);
    for (i = 0; i < MANY; i++) {
        close(fds[i]);
    }
}

/* Some peers' ends vanish right before the frame goes out: nobody can have
 * noticed by then. */
typedef struct {
    int gone[2];
    push_frame_t *f;
} vanish_t;

static void vanish_run(void *baton)
{
    static const struct linger reset = { 1, 0 };
    vanish_t *v = baton;

    setsockopt(v->gone[1], SOL_SOCKET, SO_LINGER, &reset, sizeof(reset));
    close(v->gone[0]);
    close(v->gone[1]);
    spread(v->f);
}

static void a_peer_that_is_gone_ends_alone(void **state)
{
    vanish_t v = { .f = push_frame_ws(WS_TEXT, "hello", 5) };
    int fds[MANY], i;
    char in[14];

    (void)state;
    for (i = 0; i < MANY; i++) {
        fds[i] = open_kind(i % 2, 0);
    }
    v.gone[0] = fds[10];
    v.gone[1] = fds[21];
    on_loop(vanish_run, &v);
    wait_for(&nclosed, 2);
    assert_int_equal(seen(&last_why), PUSH_END_PEER);
    on_loop(spread_run, v.f);
    for (i = 0; i < MANY; i++) {
        if (i != 10 && i != 21) {
            hear(fds[i], in, 14);
            assert_memory_equal(in, "\x81\x05hello\x81\x05hello", 14);
            close(fds[i]);
        }
    }
    push_frame_release(v.f);
}

/* Read to the end of the connection or until nothing comes; count frames. */
static void hear_all_of(int fd, char *in, int *whole)
{
    struct timeval soon = { 0, 20000 };

    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &soon, sizeof(soon));
    while (recv(fd, in, 7, MSG_WAITALL) == 7) {
        assert_memory_equal(in, "\x81\x05hello", 7);
        ++*whole;
    }
    close(fd);
}

/* In the middle of a batch the owner of some connections ends them. */
typedef struct {
    int at;
    push_frame_t *f;
} kill_t;

static void kill_some(push_conn_t *c, void *baton)
{
    kill_t *k = baton;
    static push_conn_t *first;

    if (k->at == 0) {
        first = c;
    }
    if (k->at == 20) {
        push_conn_kill(first, PUSH_END_US);
        push_conn_kill(c, PUSH_END_US);
    }
    push_conn_send(c, k->f);
    k->at++;
}

static void kill_run(void *baton)
{
    push_conns_batch_begin(conns);
    push_conns_each(conns, PUSH_CONN_OPEN, kill_some, baton);
    push_conns_batch_end(conns);
}

static void one_killed_in_the_middle_of_a_batch_gets_no_more(void **state)
{
    kill_t k = { 0, push_frame_ws(WS_TEXT, "hello", 5) };
    int fds[MANY], whole = 0, i;
    char in[8];

    (void)state;
    for (i = 0; i < MANY; i++) {
        fds[i] = open_kind(i % 2, 1);
    }
    on_loop(kill_run, &k);
    wait_for(&nclosed, 2);
    assert_int_equal(push_counter_get(
                         &push_conns_counters(conns)->messages_out),
                     MANY - 1);
    on_loop(spread_run, k.f);
    for (i = 0; i < MANY; i++) {
        hear_all_of(fds[i], in, &whole);
    }
    /* The first had its frame before it was killed. */
    assert_int_equal(whole, 2 * (MANY - 2) + 1);
    push_frame_release(k.f);
}

static void who_does_not_read_is_dropped_alone(void **state)
{
    static char payload[50000], in[sizeof(payload) + 4];
    push_frame_t *f = push_frame_ws(WS_BINARY, payload, sizeof(payload));
    int fds[MANY], wave, i;

    (void)state;
    for (i = 0; i < MANY; i++) {
        fds[i] = open_kind(i % 2, i == 8 || i == 15);
    }
    for (wave = 0; wave < 25; wave++) { /* 1.25 MB */
        on_loop(spread_run, f);
        for (i = 0; i < MANY; i++) {
            if (i != 8 && i != 15) {
                hear(fds[i], in, sizeof(in));
                assert_memory_equal(in, f->data, sizeof(in));
            }
        }
    }
    wait_for(&nclosed, 2);
    assert_int_equal(seen(&last_why), PUSH_END_SLOW);
    usleep(20000);
    assert_int_equal(push_conns_queued(conns), 0);
    for (i = 0; i < MANY; i++) {
        close(fds[i]);
    }
    push_frame_release(f);
}

/* What is said before it in answer to the same input comes before it. */
static void a_frame_for_many_keeps_its_place_in_an_answer(void **state)
{
    int fds[MANY], i;
    char in[20];

    (void)state;
    for (i = 0; i < MANY; i++) {
        fds[i] = open_kind(0, 0);
    }
    say_frame(fds[5], "spread");
    for (i = 0; i < MANY; i++) {
        hear(fds[i], in, i == 5 ? 20 : 5);
        assert_memory_equal(in,
                            i == 5 ? "\x81\x06" "before\x81\x03"
                                     "all\x81\x05" "after"
                                   : "\x81\x03" "all",
                            i == 5 ? 20 : 5);
    }
    for (i = 0; i < MANY; i++) {
        close(fds[i]);
    }
}

#define CROWD 700 /* more than a batch holds */

static void more_than_a_batch_holds_get_it_in_several(void **state)
{
    push_frame_t *f = push_frame_ws(WS_TEXT, "hello", 5);
    struct rlimit limit, more;
    int fds[CROWD], i;
    char in[7];

    (void)state;
    getrlimit(RLIMIT_NOFILE, &limit);
    more = limit;
    more.rlim_cur = more.rlim_max;
    setrlimit(RLIMIT_NOFILE, &more);
    for (i = 0; i < CROWD; i++) {
        fds[i] = open_kind(0, 0);
    }
    on_loop(spread_run, f);
    for (i = 0; i < CROWD; i++) {
        hear(fds[i], in, 7);
        assert_memory_equal(in, f->data, 7);
        close(fds[i]);
    }
    wait_for(&nclosed, CROWD);
    setrlimit(RLIMIT_NOFILE, &limit);
    push_frame_release(f);
}

static void all_can_be_closed_at_once(void **state)
{
    push_task_t task = { .run = close_all_run };
    int fds[100], i;

    (void)state;
    for (i = 0; i < 100; i++) {
        fds[i] = open_ws();
    }
    push_loop_post(loop, &task);
    wait_for(&nclosed, 100);
    for (i = 0; i < 100; i++) {
        assert_ends(hear_all(fds[i]), "restart");
        close(fds[i]);
    }
}

static void the_counters_add_up(void **state)
{
    const push_counters_t *n = push_conns_counters(conns);
    int fd = open_ws();
    char echo[7];

    (void)state;
    say_frame(fd, "hello");
    hear(fd, echo, 7);
    assert_int_equal(push_counter_get(&n->accepts), 1);
    assert_int_equal(push_counter_get(&n->upgrades), 1);
    assert_int_equal(push_counter_get(&n->requests), 1);
    assert_int_equal(push_counter_get(&n->messages_in), 1);
    assert_int_equal(push_counter_get(&n->messages_out), 1);
    assert_int_equal(push_counter_get(&n->bytes_in), strlen(UPGRADE) + 11);
    assert_int_equal(push_conns_count(conns, PUSH_CONN_OPEN), 1);
    assert_int_equal(push_conns_count(conns, PUSH_CONN_HTTP), 0);
    close(fd);
    wait_for(&nclosed, 1);
    usleep(20000);
    assert_int_equal(push_conns_count(conns, PUSH_CONN_OPEN), 0);
    assert_int_equal(push_counter_get(&n->ends[PUSH_END_PEER]), 1);
}

static void close_codes_have_classes(void **state)
{
    (void)state;
    static const struct {
        int code;
        const char *name;
    } cases[] = { { 1000, "1000" }, { 1006, "1006" }, { 4009, "4009" },
                  { 4301, "4301" }, { 1004, "1xxx" }, { 0, "1xxx" },
                  { 3999, "3xxx" }, { 4002, "40xx" }, { 4101, "41xx" },
                  { 4203, "42xx" }, { 4399, "43xx" }, { 4999, "4xxx" },
                  { 5000, "other" }, { 65535, "other" } };
    apr_size_t i;

    for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        int slot = push_close_slot(cases[i].code);

        assert_true(slot >= 0 && slot < PUSH_CLOSES);
        assert_string_equal(push_close_name(slot), cases[i].name);
    }
}

#define CONN_TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
#define BATCH_TEST(f) cmocka_unit_test_setup_teardown(f, setup_batched, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CONN_TEST(a_request_is_answered_and_another_may_follow),
        CONN_TEST(a_request_in_single_bytes_is_the_same_request),
        CONN_TEST(pipelined_requests_are_answered_in_order),
        CONN_TEST(a_flood_of_requests_leaves_others_their_turn),
        CONN_TEST(a_flood_of_packed_messages_leaves_others_their_turn),
        CONN_TEST(many_that_unpack_share_a_turn),
        CONN_TEST(a_client_that_leaves_answers_lying_is_not_read),
        CONN_TEST(a_body_is_asked_for_when_the_client_waits),
        CONN_TEST(a_head_request_gets_no_body),
        CONN_TEST(what_is_refused_is_refused_before_it_is_stored),
        CONN_TEST(a_refused_head_ends_the_wait_for_its_body),
        CONN_TEST(a_refused_head_without_a_body_ends_nothing),
        CONN_TEST(a_head_is_shown_once_and_limits_its_body),
        CONN_TEST(unfinished_requests_have_so_much_room_together),
        CONN_TEST(a_head_without_end_is_refused_at_its_limit),
        CONN_TEST(a_slow_request_is_ended_in_time),
        CONN_TEST(a_silent_client_is_ended_in_time),
        CONN_TEST(a_connection_killed_by_its_own_request_is_gone),
        CONN_TEST(a_request_nobody_answers_is_an_error),
        CONN_TEST(the_last_descriptors_are_for_single_requests),
        CONN_TEST(frames_in_the_packet_of_the_upgrade_are_heard),
        CONN_TEST(the_same_holds_when_the_upgrade_came_in_pieces),
        CONN_TEST(an_end_is_told_once_with_its_code),
        CONN_TEST(a_peer_that_vanishes_is_told_as_1006),
        CONN_TEST(a_connection_killed_by_its_own_message_is_gone),
        CONN_TEST(a_closing_peer_that_never_answers_is_ended_in_time),
        CONN_TEST(a_slow_reader_gets_everything_below_the_limit),
        CONN_TEST(a_slow_reader_that_compresses_has_more_patience),
        CONN_TEST(a_reader_past_the_limit_is_dropped_alone),
        CONN_TEST(unfinished_messages_have_so_much_room_together),
        CONN_TEST(open_websockets_are_looked_at_when_they_want),
        CONN_TEST(a_crowd_that_is_due_at_once_is_looked_at_in_slices),
        CONN_TEST(all_can_be_closed_at_once),
        CONN_TEST(the_counters_add_up),
        CONN_TEST(many_get_the_same_bytes_however_they_read),
        BATCH_TEST(many_get_the_same_bytes_however_they_read),
        CONN_TEST(a_peer_that_is_gone_ends_alone),
        BATCH_TEST(a_peer_that_is_gone_ends_alone),
        CONN_TEST(one_killed_in_the_middle_of_a_batch_gets_no_more),
        BATCH_TEST(one_killed_in_the_middle_of_a_batch_gets_no_more),
        CONN_TEST(who_does_not_read_is_dropped_alone),
        BATCH_TEST(who_does_not_read_is_dropped_alone),
        CONN_TEST(a_frame_for_many_keeps_its_place_in_an_answer),
        BATCH_TEST(a_frame_for_many_keeps_its_place_in_an_answer),
        CONN_TEST(more_than_a_batch_holds_get_it_in_several),
        BATCH_TEST(more_than_a_batch_holds_get_it_in_several),
        BATCH_TEST(pipelined_requests_are_answered_in_order),
        BATCH_TEST(a_slow_reader_gets_everything_below_the_limit),
        BATCH_TEST(all_can_be_closed_at_once),
        cmocka_unit_test(close_codes_have_classes),
    };
    int failed;

    apr_initialize();
    failed = cmocka_run_group_tests(tests, NULL, NULL);
    apr_terminate();
    return failed;
}
