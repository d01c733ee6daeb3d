/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sink.c - takes what the PHP stand-in publishes, at nearly no cost.
 *
 *   sink PORT
 *
 * Answers every HTTP request on 127.0.0.1 with 200 and keeps the connection. It
 * stands where the application's push server would: what that costs is left out
 * of PHP's bill. One thread, epoll; requests of at most 64 kB with
 * Content-Length.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

typedef struct {
    int fd;
    size_t n; /* bytes in b */
    char
        b[64 * 1024]; /* what has come and is not answered, with a NUL behind */
} conn_t;

static const char answer[] = "HTTP/1.1 200 OK\r\n"
                             "Content-Type: application/json\r\n"
                             "Content-Length: 2\r\n\r\n{}";

/* Bytes of the first request of c; 0: it is not whole yet. */
static size_t request_size(const conn_t *c)
{
    const char *head = strstr(c->b, "\r\n\r\n");
    const char *length;
    size_t size;

    if (head == NULL) {
        return 0;
    }
    size = (size_t)(head - c->b) + 4;
    length = strcasestr(c->b, "\r\ncontent-length:");
    if (length != NULL && length < head) {
        size += strtoul(length + 17, NULL, 10);
    }
    return size <= c->n ? size : 0;
}

/* @return 0 when the connection is over */
static int conn_read(conn_t *c)
{
    ssize_t n = read(c->fd, c->b + c->n, sizeof(c->b) - 1 - c->n);
    size_t size;

    if (n <= 0) {
        return n < 0 && errno == EAGAIN;
    }
    c->n += (size_t)n;
    c->b[c->n] = '\0';
    while ((size = request_size(c)) != 0) {
        if (write(c->fd, answer, sizeof(answer) - 1) < 0) {
            return 0;
        }
        memmove(c->b, c->b + size, c->n - size + 1);
        c->n -= size;
    }
    return c->n < sizeof(c->b) - 1;
}

static void accept_all(int listener, int epoll)
{
    int fd, one = 1;

    while ((fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK)) >= 0) {
        conn_t *c = malloc(sizeof(*c));
        struct epoll_event e = { .events = EPOLLIN, .data.ptr = c };

        if (c == NULL) {
            abort();
        }
        c->fd = fd;
        c->n = 0;
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
        epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &e);
    }
}

int main(int argc, char **argv)
{
    struct sockaddr_in at = { .sin_family = AF_INET };
    struct epoll_event e = { .events = EPOLLIN }, ready[64];
    int listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
    int epoll = epoll_create1(0);
    int one = 1;

    if (argc != 2) {
        fprintf(stderr, "usage: sink PORT\n");
        return 2;
    }
    at.sin_port = htons((unsigned short)atoi(argv[1]));
    inet_pton(AF_INET, "127.0.0.1", &at.sin_addr);
    setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
    if (bind(listener, (void *)&at, sizeof(at)) != 0 ||
        listen(listener, 1024) != 0) {
        perror("sink");
        return 1;
    }
    epoll_ctl(epoll, EPOLL_CTL_ADD, listener, &e);
    for (;;) {
        int n = epoll_wait(epoll, ready, 64, -1);

        for (int i = 0; i < n; i++) {
            conn_t *c = ready[i].data.ptr;

            if (c == NULL) {
                accept_all(listener, epoll);
            }
            else if (!conn_read(c)) {
                close(c->fd);
                free(c);
            }
        }
    }
}
