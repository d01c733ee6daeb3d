/* SPDX-License-Identifier: Apache-2.0 */
/*
 * subscriber.c - WebSocket clients that speak the Pusher protocol (load.h).
 *
 * Each subscribes to one channel and then counts what it hears. It knows the
 * last 64 numbers of its channel that arrived, so a duplicate and a late one
 * are told apart. Nothing is allocated for one but the frame that a read has
 * cut in two.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "load.h"

#define CONNECT_SECONDS 120 /* for all of them together */

typedef enum {
    SUB_NONE,
    SUB_CONNECT, /* connect() is under way */
    SUB_UPGRADE, /* waiting for the 101 */
    SUB_GREET,   /* waiting for connection_established */
    SUB_WAIT,    /* waiting for subscription_succeeded */
    SUB_READY,
    SUB_DEAD
} sub_state_t;

typedef struct {
    int fd;
    sub_state_t state;
    uint32_t channel;
    uint32_t newest;    /* highest number heard */
    uint64_t heard;     /* bit d: number `newest` - d was heard */
    uint64_t connected; /* when connect() was called */
    uint32_t npart;     /* bytes in part */
    uint8_t *part;      /* unfinished frame, kept for the next read */
} sub_t;

uint32_t *channel_subs;

static sub_t *subs;
static int ready, connecting, dead;
static uint8_t hex_value[256];

void subscribers_create(void)
{
    int i;

    for (i = 0; i < 10; i++) {
        hex_value['0' + i] = (uint8_t)i;
    }
    for (i = 0; i < 6; i++) {
        hex_value['a' + i] = (uint8_t)(10 + i);
    }
    subs = calloc((size_t)opt.conns, sizeof(*subs));
    channel_subs = calloc((size_t)opt.channels, sizeof(*channel_subs));
    for (i = 0; i < opt.conns; i++) {
        subs[i].fd = -1;
        subs[i].channel = (uint32_t)(i % opt.channels);
    }
}

static void sub_die(sub_t *s)
{
    if (s->state == SUB_DEAD) {
        return;
    }
    if (s->state < SUB_READY) {
        connecting--;
    }
    else {
        ready--;
    }
    s->state = SUB_DEAD;
    dead++;
    count.closed++;
    close(s->fd);
    s->fd = -1;
}

/* --- sending ------------------------------------------------------------- */

/* A masked frame of up to 65,535 bytes; the mask's value does not matter. */
static void sub_send(sub_t *s, int opcode, const char *data, size_t n)
{
    static const uint8_t mask[4] = { 0x37, 0xfa, 0x21, 0x3d };
    uint8_t frame[512];
    size_t head = 2, i;

    frame[0] = (uint8_t)(0x80 | opcode);
    frame[1] = (uint8_t)(0x80 | (n < 126 ? n : 126));
    if (n >= 126) {
        frame[2] = (uint8_t)(n >> 8);
        frame[3] = (uint8_t)n;
        head = 4;
    }
    memcpy(frame + head, mask, sizeof(mask));
    head += sizeof(mask);
    for (i = 0; i < n; i++) {
        frame[head + i] = (uint8_t)((uint8_t)data[i] ^ mask[i & 3]);
    }
    if (send(s->fd, frame, head + n, MSG_NOSIGNAL) != (ssize_t)(head + n)) {
        sub_die(s);
    }
}

static void sub_subscribe(sub_t *s)
{
    char text[160];
    int n = snprintf(text, sizeof(text),
                     "{\"event\":\"pusher:subscribe\","
                     "\"data\":{\"channel\":\"%s%u\"}}",
                     opt.prefix, s->channel);

    s->state = SUB_WAIT;
    sub_send(s, 1, text, (size_t)n);
}

/* connect() has ended: ask for the upgrade. */
static void sub_upgrade(sub_t *s)
{
    struct epoll_event event = { .events = EPOLLIN,
                                 .data.u64 = (uint64_t)(s - subs) };
    char head[512];
    int err = 0, n;
    socklen_t len = sizeof(err);

    getsockopt(s->fd, SOL_SOCKET, SO_ERROR, &err, &len);
    if (err != 0) {
        if (count.errors++ == 0) {
            fprintf(stderr, "connect: %s\n", strerror(err));
        }
        sub_die(s);
        return;
    }
    n = snprintf(head, sizeof(head),
                 "GET /app/%s?protocol=7&client=wsload&version=1.0 HTTP/1.1\r\n"
                 "Host: %s\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                 "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
                 "Sec-WebSocket-Version: 13\r\n\r\n",
                 opt.key, opt.host);
    if (send(s->fd, head, (size_t)n, MSG_NOSIGNAL) != n) {
        sub_die(s);
        return;
    }
    s->state = SUB_UPGRADE;
    epoll_ctl(load_epoll, EPOLL_CTL_MOD, s->fd, &event);
}

/* --- receiving ----------------------------------------------------------- */

static uint64_t unhex(const uint8_t *at, int n)
{
    uint64_t v = 0;

    while (n-- > 0) {
        v = v << 4 | hex_value[*at++];
    }
    return v;
}

/* A number that is not higher than the newest: again, or late? */
static void old_number(sub_t *s, uint32_t age)
{
    if (age < 64 && (s->heard >> age & 1)) {
        count.dup++;
        return;
    }
    if (age < 64) {
        s->heard |= (uint64_t)1 << age;
    }
    count.out_of_order++;
    count.unique++;
}

static void delivery(sub_t *s, const uint8_t *mark)
{
    uint64_t due = unhex(mark + 2, 16), now = load_now();
    uint32_t number = (uint32_t)unhex(mark + 18, 8), step;

    count.delivered++;
    load_last_delivery = now;
    if (load_recording) {
        hist_add(&hist_latency, now > due ? now - due : 0);
    }
    if (unhex(mark + 26, 6) != s->channel) {
        count.misrouted++;
        return;
    }
    if (number <= s->newest) {
        old_number(s, s->newest - number);
        return;
    }
    step = number - s->newest;
    s->heard = (step < 64 ? s->heard << step : 0) | 1;
    s->newest = number;
    count.unique++;
}

static const uint8_t *mark_find(const uint8_t *at, const uint8_t *end)
{
    while (at < end && (at = memchr(at, '@', (size_t)(end - at))) != NULL) {
        if (end - at >= MARK_LEN && at[1] == '@') {
            return at;
        }
        at++;
    }
    return NULL;
}

static int says(const uint8_t *text, size_t n, const char *word)
{
    return memmem(text, n, word, strlen(word)) != NULL;
}

static void message(sub_t *s, const uint8_t *text, size_t n)
{
    const uint8_t *mark;

    mark = s->state == SUB_READY ? mark_find(text, text + n) : NULL;
    if (mark != NULL) {
        delivery(s, mark);
    }
    else if (says(text, n, "pusher:ping")) {
        sub_send(s, 1, "{\"event\":\"pusher:pong\",\"data\":{}}", 33);
    }
    else if (says(text, n, "pusher:error")) {
        if (count.errors++ == 0) {
            fprintf(stderr, "server error: %.*s\n", (int)n, (const char *)text);
        }
    }
    else if (s->state == SUB_GREET && says(text, n, "connection_established")) {
        sub_subscribe(s);
    }
    else if (s->state == SUB_WAIT && says(text, n, "subscription_succeeded")) {
        s->state = SUB_READY;
        connecting--;
        ready++;
        hist_add(&hist_connect, load_now() - s->connected);
    }
}

/* Handle the frame at the start of a buffer.
 * @return its bytes, 0 when it is not whole */
static size_t frame_take(sub_t *s, const uint8_t *f, size_t n)
{
    size_t len, head = 2, i;

    if (n < 2) {
        return 0;
    }
    len = f[1] & 127;
    if (len >= 126) {
        head = len == 126 ? 4 : 10;
        if (n < head) {
            return 0;
        }
        for (len = 0, i = 2; i < head; i++) {
            len = len << 8 | f[i];
        }
    }
    if (n < head || n - head < len) {
        return 0;
    }
    switch (f[0] & 15) {
    case 1:
    case 2:
        message(s, f + head, len);
        break;
    case 8:
        sub_die(s);
        break;
    case 9:
        sub_send(s, 10, (const char *)f + head, len < 120 ? len : 120);
        break;
    default:
        break;
    }
    return head + len;
}

/* @return bytes of the answer to the upgrade, 0 when it is not whole */
static size_t upgrade_take(sub_t *s, const uint8_t *buf, size_t n)
{
    const uint8_t *end = memmem(buf, n, "\r\n\r\n", 4);

    if (end == NULL) {
        return 0;
    }
    if (memcmp(buf, "HTTP/1.1 101", 12) != 0) {
        if (count.errors++ == 0) {
            fprintf(stderr, "upgrade refused: %.60s\n", (const char *)buf);
        }
        sub_die(s);
        return n;
    }
    s->state = SUB_GREET;
    return (size_t)(end + 4 - buf);
}

static void rest_keep(sub_t *s, const uint8_t *rest, size_t n)
{
    free(s->part);
    s->part = NULL;
    s->npart = (uint32_t)n;
    if (n > 0) {
        s->part = malloc(n);
        memcpy(s->part, rest, n);
    }
}

static void sub_read(sub_t *s)
{
    static uint8_t buf[1 << 20];
    size_t have = s->npart, used = 0, took;
    ssize_t n;

    if (have > 0) {
        memcpy(buf, s->part, have);
    }
    n = recv(s->fd, buf + have, sizeof(buf) - have, 0);
    if (n <= 0) {
        if (n == 0 || (errno != EAGAIN && errno != EINTR)) {
            sub_die(s);
        }
        return;
    }
    count.bytes += (uint64_t)n;
    have += (size_t)n;
    if (s->state == SUB_UPGRADE) {
        used = upgrade_take(s, buf, have);
    }
    while (s->state > SUB_UPGRADE && s->state != SUB_DEAD &&
           (took = frame_take(s, buf + used, have - used)) > 0) {
        used += took;
    }
    if (s->npart > 0 || used < have) {
        rest_keep(s, buf + used, s->state == SUB_DEAD ? 0 : have - used);
    }
}

void subscriber_event(uint32_t index)
{
    sub_t *s = &subs[index];

    if (s->state == SUB_CONNECT) {
        sub_upgrade(s);
    }
    else if (s->state != SUB_DEAD) {
        sub_read(s);
    }
}

/* --- all of them --------------------------------------------------------- */

/* From one of several loopback addresses, because one has about 28,000 ports;
 * IP_BIND_ADDRESS_NO_PORT lets connect() pick the port, which is quicker. */
static void sub_start(int i)
{
    struct sockaddr_in addr = { .sin_family = AF_INET };
    struct epoll_event event = { .events = EPOLLOUT, .data.u64 = (uint64_t)i };
    sub_t *s = &subs[i];
    int one = 1;

    s->fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (s->fd < 0) {
        load_die("socket %d: %s", i, strerror(errno));
    }
    setsockopt(s->fd, SOL_IP, IP_BIND_ADDRESS_NO_PORT, &one, sizeof(one));
    setsockopt(s->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
    addr.sin_addr.s_addr = htonl(0x7f000002u + (uint32_t)(i % opt.srcs));
    if (bind(s->fd, (struct sockaddr *)&addr, sizeof(addr)) != 0) {
        load_die("bind: %s", strerror(errno));
    }
    addr.sin_port = htons((uint16_t)opt.port);
    inet_pton(AF_INET, opt.host, &addr.sin_addr);
    s->connected = load_now();
    connecting++;
    s->state = SUB_CONNECT;
    if (connect(s->fd, (struct sockaddr *)&addr, sizeof(addr)) != 0 &&
        errno != EINPROGRESS) {
        load_die("connect %d: %s", i, strerror(errno));
    }
    epoll_ctl(load_epoll, EPOLL_CTL_ADD, s->fd, &event);
}

int subscribers_connect(void (*turn)(uint64_t max_wait))
{
    uint64_t end = load_now() + CONNECT_SECONDS * (uint64_t)1000000000;
    int next = 0, i;

    while (ready + dead < opt.conns) {
        while (next < opt.conns && connecting < opt.inflight) {
            sub_start(next++);
        }
        turn(100000000);
        if (load_now() > end) {
            load_die("gave up connecting: %d ready, %d dead of %d", ready, dead,
                     opt.conns);
        }
    }
    for (i = 0; i < opt.conns; i++) {
        channel_subs[subs[i].channel] += subs[i].state == SUB_READY;
    }
    return ready;
}

void subscribers_close(void)
{
    struct linger reset = { 1, 0 };
    int i;

    for (i = 0; i < opt.conns; i++) {
        if (subs[i].fd >= 0) {
            setsockopt(subs[i].fd, SOL_SOCKET, SO_LINGER, &reset,
                       sizeof(reset));
            close(subs[i].fd);
        }
        free(subs[i].part);
    }
    free(subs);
    free(channel_subs);
}
