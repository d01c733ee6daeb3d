/* SPDX-License-Identifier: Apache-2.0 */
/*
 * wsfloor.c - the floor to hold a push server against.
 *
 *   wsfloor PORT          epoll, one send() for each subscriber
 *   wsfloor PORT uring    the sends of one publish go to io_uring in batches
 *                         (registered files, no completion on success)
 *
 * The smallest server that does the same work on the wire as chat-push: the
 * handshake, the subscription and the events of the Pusher protocol, a frame
 * built once for each publish. It checks nothing: no signature, no limits, no
 * escaping, no slow readers (a send that would block is counted and dropped).
 * Channels must be called c<number>, data must be the last member of a publish,
 * and a request must arrive in one read, which holds on loopback. So it is no
 * server; it is what the kernel asks of any.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <linux/io_uring.h>
#include <netinet/tcp.h>
#include <openssl/evp.h>
#include <openssl/sha.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#define FD_MAX 65536
#define BATCH 1024u /* sends handed to io_uring at once */
#define CHANNEL_MAX 10000000

typedef struct {
    int is_ws;
    int channel;  /* -1: none */
    int position; /* in the channel's list */
} conn_t;

typedef struct {
    int *fds, n, room; /* its subscribers */
} channel_t;

static conn_t conns[FD_MAX]; /* by descriptor */
static channel_t *channels;
static int nchannels, use_uring;
static unsigned long publishes, sends, drops;
static volatile sig_atomic_t quit;

static void on_signal(int signo)
{
    (void)signo;
    quit = 1;
}

/* --- io_uring ------------------------------------------------------------ */

static struct {
    int fd;
    unsigned int *sq_tail, *sq_mask, *sq_array, *cq_head, *cq_tail, *cq_mask;
    struct io_uring_sqe *sqes;
    struct io_uring_cqe *cqes;
    unsigned int pending;
} ring;

static void *ring_map(size_t size, off_t what)
{
    return mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE,
                ring.fd, what);
}

/* One slot for each descriptor, empty yet. */
static int slots_register(void)
{
    static int slots[FD_MAX];
    struct rlimit limit;

    memset(slots, -1, sizeof(slots));
    getrlimit(RLIMIT_NOFILE, &limit);
    return syscall(SYS_io_uring_register, ring.fd, IORING_REGISTER_FILES, slots,
                   limit.rlim_cur < FD_MAX ? (unsigned int)limit.rlim_cur
                                           : FD_MAX) == 0;
}

static int ring_create(void)
{
    struct io_uring_params p = { .flags = IORING_SETUP_SINGLE_ISSUER |
                                          IORING_SETUP_DEFER_TASKRUN };
    uint8_t *sq, *cq;

    ring.fd = (int)syscall(SYS_io_uring_setup, BATCH, &p);
    if (ring.fd < 0) {
        return 0;
    }
    sq = ring_map(p.sq_off.array + p.sq_entries * 4, IORING_OFF_SQ_RING);
    cq = ring_map(p.cq_off.cqes + p.cq_entries * sizeof(struct io_uring_cqe),
                  IORING_OFF_CQ_RING);
    ring.sqes = ring_map(p.sq_entries * sizeof(struct io_uring_sqe),
                         IORING_OFF_SQES);
    if (sq == MAP_FAILED || cq == MAP_FAILED || ring.sqes == MAP_FAILED) {
        return 0;
    }
    ring.sq_tail = (unsigned int *)(sq + p.sq_off.tail);
    ring.sq_mask = (unsigned int *)(sq + p.sq_off.ring_mask);
    ring.sq_array = (unsigned int *)(sq + p.sq_off.array);
    ring.cq_head = (unsigned int *)(cq + p.cq_off.head);
    ring.cq_tail = (unsigned int *)(cq + p.cq_off.tail);
    ring.cq_mask = (unsigned int *)(cq + p.cq_off.ring_mask);
    ring.cqes = (struct io_uring_cqe *)(cq + p.cq_off.cqes);
    return slots_register();
}

static void slot_set(int slot, int fd)
{
    struct io_uring_files_update update = { .offset = (unsigned int)slot,
                                            .fds = (uint64_t)(uintptr_t)&fd };

    if (syscall(SYS_io_uring_register, ring.fd, IORING_REGISTER_FILES_UPDATE,
                &update, 1) < 0) {
        perror("io_uring files update");
    }
}

static void ring_flush(void)
{
    unsigned int head;
    long n;

    while (ring.pending > 0) {
        n = syscall(SYS_io_uring_enter, ring.fd, ring.pending, 0,
                    IORING_ENTER_GETEVENTS, NULL, 0);
        if (n < 0 && errno != EINTR) {
            perror("io_uring_enter");
            exit(1);
        }
        ring.pending -= n > 0 ? (unsigned int)n : 0;
    }
    head = *ring.cq_head; /* only failures post a completion */
    while (head != __atomic_load_n(ring.cq_tail, __ATOMIC_ACQUIRE)) {
        drops += ring.cqes[head & *ring.cq_mask].res < 0;
        head++;
    }
    __atomic_store_n(ring.cq_head, head, __ATOMIC_RELEASE);
}

static void ring_send(int slot, const void *data, unsigned int len)
{
    unsigned int tail = *ring.sq_tail, i = tail & *ring.sq_mask;
    struct io_uring_sqe *e = &ring.sqes[i];

    memset(e, 0, sizeof(*e));
    e->opcode = IORING_OP_SEND;
    e->flags = IOSQE_FIXED_FILE | IOSQE_CQE_SKIP_SUCCESS;
    e->fd = slot;
    e->addr = (uint64_t)(uintptr_t)data;
    e->len = len;
    e->msg_flags = MSG_DONTWAIT | MSG_NOSIGNAL;
    ring.sq_array[i] = i;
    __atomic_store_n(ring.sq_tail, tail + 1, __ATOMIC_RELEASE);
    if (++ring.pending == BATCH) {
        ring_flush();
    }
}

/* --- channels ------------------------------------------------------------ */

static void channels_grow(int number)
{
    int n = number * 2 + 64;

    channels = realloc(channels, (size_t)n * sizeof(*channels));
    memset(channels + nchannels, 0,
           (size_t)(n - nchannels) * sizeof(*channels));
    nchannels = n;
}

static void subscribe(int fd, int number)
{
    channel_t *ch;

    if (number < 0 || number > CHANNEL_MAX) {
        return;
    }
    if (number >= nchannels) {
        channels_grow(number);
    }
    ch = &channels[number];
    if (ch->n == ch->room) {
        ch->room = ch->room > 0 ? ch->room * 2 : 2;
        ch->fds = realloc(ch->fds, (size_t)ch->room * sizeof(*ch->fds));
    }
    conns[fd] = (conn_t){ 1, number, ch->n };
    ch->fds[ch->n++] = fd;
    if (use_uring) {
        slot_set(fd, fd);
    }
}

static void gone(int fd)
{
    conn_t *c = &conns[fd];
    channel_t *ch;
    int last;

    if (c->is_ws && c->channel >= 0) {
        ch = &channels[c->channel];
        last = ch->fds[--ch->n];
        ch->fds[c->position] = last;
        conns[last].position = c->position;
        if (use_uring) {
            slot_set(fd, -1);
        }
    }
    c->is_ws = 0;
    close(fd);
}

static void send_all(int fd, const void *data, size_t len)
{
    if (send(fd, data, len, MSG_DONTWAIT | MSG_NOSIGNAL) != (ssize_t)len) {
        drops++;
    }
}

/* The header of a text frame; returns its bytes. */
static size_t frame_head(uint8_t *f, size_t n)
{
    f[0] = 0x81;
    if (n < 126) {
        f[1] = (uint8_t)n;
        return 2;
    }
    f[1] = 126;
    f[2] = (uint8_t)(n >> 8);
    f[3] = (uint8_t)n;
    return 4;
}

static void publish(int number, const char *payload, size_t n)
{
    static uint8_t frame[70000];
    size_t head = frame_head(frame, n);
    channel_t *ch;
    int i;

    memcpy(frame + head, payload, n);
    publishes++;
    if (number < 0 || number >= nchannels) {
        return;
    }
    ch = &channels[number];
    sends += (unsigned long)ch->n;
    if (!use_uring) {
        for (i = 0; i < ch->n; i++) {
            send_all(ch->fds[i], frame, head + n);
        }
        return;
    }
    for (i = 0; i < ch->n; i++) {
        ring_send(ch->fds[i], frame, (unsigned int)(head + n));
    }
    ring_flush();
}

/* --- requests ------------------------------------------------------------ */

static void upgrade(int fd, const char *request)
{
    static const char guid[] = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
    const char *key = strcasestr(request, "sec-websocket-key: ");
    char out[512], text[160], joined[64];
    unsigned char digest[SHA_DIGEST_LENGTH], accept[32];
    int n, len;

    snprintf(joined, sizeof(joined), "%.24s%s", key != NULL ? key + 19 : "",
             guid);
    SHA1((unsigned char *)joined, strlen(joined), digest);
    EVP_EncodeBlock(accept, digest, sizeof(digest));
    n = snprintf(out, sizeof(out),
                 "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n"
                 "Connection: Upgrade\r\nSec-WebSocket-Accept: %s\r\n\r\n",
                 accept);
    len = snprintf(text, sizeof(text),
                   "{\"event\":\"pusher:connection_established\",\"data\":"
                   "\"{\\\"socket_id\\\":\\\"%d.1\\\","
                   "\\\"activity_timeout\\\":120}\"}",
                   fd);
    n += (int)frame_head((uint8_t *)out + n, (size_t)len);
    memcpy(out + n, text, (size_t)len);
    conns[fd] = (conn_t){ 1, -1, 0 };
    send_all(fd, out, (size_t)(n + len));
}

static void subscribed(int fd, int number)
{
    uint8_t frame[256];
    char text[200];
    int len = snprintf(text, sizeof(text),
                       "{\"event\":\"pusher_internal:subscription_succeeded\","
                       "\"channel\":\"c%d\"}",
                       number);
    size_t head = frame_head(frame, (size_t)len);

    memcpy(frame + head, text, (size_t)len);
    subscribe(fd, number);
    send_all(fd, frame, head + (size_t)len);
}

/* Frames of a subscriber; only its first subscription means something. */
static void ws_input(int fd, uint8_t *p, size_t n)
{
    size_t len, head, i;
    char *name;

    while (n >= 8) {
        len = p[1] & 127;
        head = len == 126 ? 8 : 6;
        if (len == 126) {
            len = (size_t)p[2] << 8 | p[3];
        }
        if (head + len > n) {
            return;
        }
        for (i = 0; i < len; i++) {
            p[head + i] ^= p[head - 4 + (i & 3)];
        }
        name = memmem(p + head, len, "\"channel\":\"c", 12);
        if ((p[0] & 15) == 1 && conns[fd].channel < 0 && name != NULL) {
            subscribed(fd, atoi(name + 12));
        }
        p += head + len;
        n -= head + len;
    }
}

/* {"name":"m","channel":"c<number>","data":"…"}: the quote that closes data is
 * the body's last. */
static void events_post(const char *body, size_t len)
{
    static char text[66000];
    const char *channel = memmem(body, len, "\"channel\":\"c", 12);
    const char *data = memmem(body, len, "\"data\":\"", 8);
    const char *end = memrchr(body, '"', len);
    int number, n;

    if (channel == NULL || data == NULL || end < data + 8) {
        return;
    }
    data += 8;
    number = atoi(channel + 12);
    n = snprintf(text, sizeof(text),
                 "{\"event\":\"m\",\"channel\":\"c%d\",\"data\":\"%.*s\"}",
                 number, (int)(end - data), data);
    publish(number, text, (size_t)n);
}

static void http_input(int fd, char *p)
{
    static const char
        ok[] = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
               "Content-Length: 11\r\n\r\n{\"ok\":true}";
    const char *length;
    char *body;
    size_t len;

    while ((body = strstr(p, "\r\n\r\n")) != NULL) {
        body += 4;
        if (!strncmp(p, "GET ", 4)) {
            upgrade(fd, p);
            return;
        }
        length = strcasestr(p, "content-length: ");
        len = length != NULL ? (size_t)atoi(length + 16) : 0;
        if (len > strlen(body)) {
            return;
        }
        events_post(body, len);
        send_all(fd, ok, sizeof(ok) - 1);
        p = body + len;
    }
}

/* --- the loop ------------------------------------------------------------ */

static void accept_all(int ep, int listener)
{
    struct epoll_event event = { .events = EPOLLIN };
    int fd, one = 1;

    while ((fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK)) >= 0) {
        if (fd >= FD_MAX) {
            close(fd);
            continue;
        }
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
        conns[fd] = (conn_t){ 0, -1, 0 };
        event.data.fd = fd;
        epoll_ctl(ep, EPOLL_CTL_ADD, fd, &event);
    }
}

static void input(int fd)
{
    static char buf[1 << 17];
    ssize_t n = recv(fd, buf, sizeof(buf) - 1, 0);

    if (n <= 0) {
        if (n == 0 || (errno != EAGAIN && errno != EINTR)) {
            gone(fd);
        }
        return;
    }
    buf[n] = '\0';
    if (conns[fd].is_ws) {
        ws_input(fd, (uint8_t *)buf, (size_t)n);
    }
    else {
        http_input(fd, buf);
    }
}

static int listener_open(int port)
{
    struct sockaddr_in addr = { .sin_family = AF_INET,
                                .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
                                .sin_port = htons((uint16_t)port) };
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0), one = 1;

    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
    if (bind(fd, (struct sockaddr *)&addr, sizeof(addr)) != 0 ||
        listen(fd, 4096) != 0) {
        perror("listen");
        exit(1);
    }
    return fd;
}

int main(int argc, char **argv)
{
    struct epoll_event ready[256], event = { .events = EPOLLIN };
    struct rlimit limit;
    int ep = epoll_create1(0), listener, n, i;

    if (argc < 2) {
        fprintf(stderr, "usage: wsfloor PORT [uring]\n");
        return 1;
    }
    getrlimit(RLIMIT_NOFILE, &limit);
    limit.rlim_cur = limit.rlim_max;
    setrlimit(RLIMIT_NOFILE, &limit);
    signal(SIGTERM, on_signal);
    signal(SIGINT, on_signal);
    use_uring = argc > 2;
    if (use_uring && !ring_create()) {
        perror("io_uring");
        return 1;
    }
    listener = listener_open(atoi(argv[1]));
    event.data.fd = listener;
    epoll_ctl(ep, EPOLL_CTL_ADD, listener, &event);
    while (!quit) {
        n = epoll_wait(ep, ready, 256, -1);
        for (i = 0; i < n; i++) {
            if (ready[i].data.fd == listener) {
                accept_all(ep, listener);
            }
            else {
                input(ready[i].data.fd);
            }
        }
    }
    fprintf(stderr, "publishes %lu sends %lu dropped %lu\n", publishes, sends,
            drops);
    return 0;
}
