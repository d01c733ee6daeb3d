/* SPDX-License-Identifier: Apache-2.0 */
/*
 * publisher.c - clients of the Pusher HTTP API (load.h).
 *
 * Each has one keep-alive connection and up to `depth` requests on it. With
 * `pin` a channel always goes through the same one, which defines an order for
 * its messages. With a rate, a publish whose connection is busy waits in that
 * publisher's queue and its clock runs from the moment it was due.
 *
 * The signature is HMAC-SHA256 with a keyed context that is made once, so that
 * the generator costs less than the server.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/params.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "load.h"

#define QUEUE 131072u /* publishes that may wait; a power of two */
#define FLYING 256u   /* requests on the wire; a power of two */

typedef struct {
    uint64_t due;
    uint32_t channel;
} job_t;

typedef struct {
    uint64_t sent;
    uint32_t channel;
} flight_t;

typedef struct {
    int fd;
    uint32_t out;   /* requests on the wire */
    uint32_t first; /* the oldest of them in flight */
    flight_t flight[FLYING];
    job_t *queue;
    uint32_t head, tail; /* of queue; grow without end */
    uint32_t len;        /* bytes in answer */
    char answer[16384];  /* read and not yet handled, a string */
} pub_t;

static pub_t *pubs;
static uint32_t turn_of; /* whose turn it is when channels are not pinned */
static uint32_t *channel_number; /* the last number given out, by channel */
static EVP_MAC_CTX *signer;      /* keyed with the secret */
static EVP_MD *md5;
static EVP_MD_CTX *md5_ctx;
static char *data; /* the event's data; the mark in it changes */
static char *mark;

/* --- requests ------------------------------------------------------------ */

static void signer_create(void)
{
    EVP_MAC *mac = EVP_MAC_fetch(NULL, "HMAC", NULL);
    char digest[] = "SHA256";
    OSSL_PARAM params[] = { OSSL_PARAM_construct_utf8_string(
                                OSSL_MAC_PARAM_DIGEST, digest, 0),
                            OSSL_PARAM_construct_end() };

    signer = EVP_MAC_CTX_new(mac);
    md5 = EVP_MD_fetch(NULL, "MD5", NULL);
    md5_ctx = EVP_MD_CTX_new();
    if (md5 == NULL || md5_ctx == NULL ||
        !EVP_MAC_init(signer, (const unsigned char *)opt.secret,
                      strlen(opt.secret), params)) {
        load_die("OpenSSL lacks MD5 or HMAC-SHA256");
    }
    EVP_MAC_free(mac);
}

/* An escaped JSON object with text in UTF-8, as an application sends it, or
 * just letters. */
static void data_create(void)
{
    static const char
        head[] = "{\\\"message\\\":{\\\"id\\\":12345,\\\"content\\\":\\\"";
    static const char
        text[] = "\xd9\x85\xd8\xb1\xd8\xad\xd8\xa8\xd8\xa7 doctor\\n\\\\ ";
    static const char tail[] = "\\\"}}";
    size_t size = (size_t)opt.size, h = sizeof(head) - 1, m = sizeof(text) - 1,
           t = sizeof(tail) - 1;

    data = malloc(size + 1);
    memset(data, 'x', size);
    data[size] = '\0';
    mark = data;
    if (!opt.json) {
        return;
    }
    if (size < h + MARK_LEN + m + t) {
        load_die("--data json needs --size %zu or more", h + MARK_LEN + m + t);
    }
    mark = data + h;
    memcpy(data, head, h);
    memcpy(mark + MARK_LEN, text, m);
    memcpy(data + size - t, tail, t);
}

static void mark_write(uint64_t due, uint32_t number, uint32_t channel)
{
    char text[MARK_LEN + 1];

    snprintf(text, sizeof(text), "@@%016llx%08x%06x", (unsigned long long)due,
             number, channel & 0xffffffu);
    memcpy(mark, text, MARK_LEN);
}

static void hex_write(char *out, const unsigned char *bytes, size_t n)
{
    static const char digits[] = "0123456789abcdef";
    size_t i;

    for (i = 0; i < n; i++) {
        out[2 * i] = digits[bytes[i] >> 4];
        out[2 * i + 1] = digits[bytes[i] & 15];
    }
    out[2 * n] = '\0';
}

/* The whole signed request.
 * @return its bytes */
static size_t request_write(char *out, size_t room, uint32_t channel)
{
    static char body[70000];
    unsigned char digest[EVP_MAX_MD_SIZE];
    char sum[33], signature[65], query[256], text[400];
    size_t len = 0;
    int n;

    n = snprintf(body, sizeof(body),
                 "{\"name\":\"m\",\"channel\":\"%s%u\",\"data\":\"%s\"}",
                 opt.prefix, channel, data);
    EVP_DigestInit_ex2(md5_ctx, md5, NULL);
    EVP_DigestUpdate(md5_ctx, body, (size_t)n);
    EVP_DigestFinal_ex(md5_ctx, digest, NULL);
    hex_write(sum, digest, 16);
    snprintf(query, sizeof(query),
             "auth_key=%s&auth_timestamp=%lld&auth_version=1.0&body_md5=%s",
             opt.key, (long long)time(NULL), sum);
    snprintf(text, sizeof(text), "POST\n/apps/%s/events\n%s", opt.app_id,
             query);
    EVP_MAC_init(signer, NULL, 0, NULL);
    EVP_MAC_update(signer, (const unsigned char *)text, strlen(text));
    EVP_MAC_final(signer, digest, &len, sizeof(digest));
    hex_write(signature, digest, 32);
    n = snprintf(out, room,
                 "POST /apps/%s/events?%s&auth_signature=%s HTTP/1.1\r\n"
                 "Host: %s\r\nContent-Type: application/json\r\n"
                 "Content-Length: %d\r\n\r\n%s",
                 opt.app_id, query, signature, opt.host, n, body);
    return (size_t)n;
}

static void pub_send(pub_t *p, uint32_t channel, uint64_t due)
{
    static char request[72000];
    uint64_t now = load_now();
    size_t n;

    if (due != 0 && load_recording) {
        hist_add(&hist_late, now > due ? now - due : 0);
    }
    mark_write(due != 0 ? due : now, ++channel_number[channel], channel);
    n = request_write(request, sizeof(request), channel);
    p->flight[(p->first + p->out++) & (FLYING - 1)] = (flight_t){ now,
                                                                  channel };
    count.sent++;
    count.expected += channel_subs[channel];
    if (send(p->fd, request, n, MSG_NOSIGNAL) != (ssize_t)n) {
        load_die("publisher send: %s", strerror(errno));
    }
}

/* --- answers ------------------------------------------------------------- */

static void pub_connect(pub_t *p)
{
    int port = opt.pubport > 0 ? opt.pubport : opt.port;
    struct sockaddr_in addr = { .sin_family = AF_INET,
                                .sin_port = htons((uint16_t)port) };
    struct epoll_event event = {
        .events = EPOLLIN, .data.u64 = LOAD_PUBLISHER | (uint64_t)(p - pubs)
    };
    int one = 1;

    inet_pton(AF_INET, opt.host, &addr.sin_addr);
    p->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    setsockopt(p->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
    if (connect(p->fd, (struct sockaddr *)&addr, sizeof(addr)) != 0) {
        load_die("publisher connect: %s", strerror(errno));
    }
    epoll_ctl(load_epoll, EPOLL_CTL_ADD, p->fd, &event);
}

/* The oldest request got its answer, or will not get one. */
static void flight_end(pub_t *p, int accepted)
{
    flight_t *f = &p->flight[p->first];

    if (accepted) {
        count.acked++;
    }
    else {
        count.failed++;
        count.expected -= channel_subs[f->channel];
    }
    if (load_recording) {
        hist_add(&hist_answer, load_now() - f->sent);
    }
    p->first = (p->first + 1) & (FLYING - 1);
    p->out--;
}

/* The server closed the connection or said that it will; what is still on the
 * wire failed. */
static void pub_again(pub_t *p)
{
    while (p->out > 0) {
        flight_end(p, 0);
    }
    close(p->fd);
    p->len = 0;
    count.reconnects++;
    pub_connect(p);
}

/* Handle the answer at the start of a string.
 * @param bye  set when the connection ends with it
 * @return its bytes, 0 when it is not whole */
static size_t answer_take(pub_t *p, char *at, size_t n, int *bye)
{
    char *end = memmem(at, n, "\r\n\r\n", 4);
    const char *length;
    size_t len = 0;
    int code;

    if (end == NULL) {
        return 0;
    }
    *end = '\0';
    code = n > 9 ? atoi(at + 9) : 0;
    *bye = strcasestr(at, "connection: close") != NULL;
    length = strcasestr(at, "content-length:");
    if (length != NULL) {
        len = (size_t)atoi(length + 15);
    }
    len += (size_t)(end + 4 - at);
    if ((code < 200 || code > 299) && count.failed == 0) {
        fprintf(stderr, "publish refused: %s\n", at);
    }
    *end = '\r';
    if (len > n) {
        return 0;
    }
    flight_end(p, code >= 200 && code <= 299);
    return len;
}

static void queue_drain(pub_t *p)
{
    job_t job;

    while (p->head != p->tail && p->out < (uint32_t)opt.depth) {
        job = p->queue[p->head++ & (QUEUE - 1)];
        pub_send(p, job.channel, job.due);
    }
}

static void pub_read(pub_t *p)
{
    ssize_t n = recv(p->fd, p->answer + p->len, sizeof(p->answer) - p->len - 1,
                     MSG_DONTWAIT);
    size_t used = 0, took;
    int bye = 0;

    if (n < 0 && (errno == EAGAIN || errno == EINTR)) {
        return;
    }
    if (n <= 0) {
        pub_again(p);
        return;
    }
    p->len += (uint32_t)n;
    p->answer[p->len] = '\0';
    while (p->out > 0 && !bye &&
           (took = answer_take(p, p->answer + used, p->len - used, &bye)) > 0) {
        used += took;
    }
    if (bye) {
        pub_again(p);
        return;
    }
    memmove(p->answer, p->answer + used, p->len - used);
    p->len -= (uint32_t)used;
}

void publisher_event(uint32_t index)
{
    pub_read(&pubs[index]);
    queue_drain(&pubs[index]);
}

/* --- what to publish ----------------------------------------------------- */

static pub_t *pub_free(void)
{
    pub_t *p;
    int i;

    for (i = 0; i < opt.pubconns; i++) {
        p = &pubs[turn_of++ % (uint32_t)opt.pubconns];
        if (p->out < (uint32_t)opt.depth) {
            return p;
        }
    }
    return &pubs[turn_of++ % (uint32_t)opt.pubconns];
}

void publish_due(uint64_t ts)
{
    uint32_t channel = load_random((uint32_t)opt.channels);
    pub_t *p = opt.pin ? &pubs[channel % (uint32_t)opt.pubconns] : pub_free();

    if (p->tail - p->head >= QUEUE) {
        count.shed++;
        return;
    }
    p->queue[p->tail++ & (QUEUE - 1)] = (job_t){ ts, channel };
    queue_drain(p);
}

/* A random channel, one of the publisher's own when channels are pinned. */
static uint32_t channel_for(uint32_t publisher)
{
    uint32_t n = (uint32_t)opt.pubconns;
    uint32_t channel = load_random((uint32_t)opt.channels);

    if (!opt.pin) {
        return channel;
    }
    channel = channel / n * n + publisher;
    return channel < (uint32_t)opt.channels ? channel : publisher;
}

void publish_all_it_takes(void)
{
    uint32_t channel;
    int i;

    for (i = 0; i < opt.pubconns; i++) {
        while (pubs[i].out < (uint32_t)opt.depth) {
            channel = channel_for((uint32_t)i);
            if (opt.window > 0 &&
                count.expected >= count.unique + (uint64_t)opt.window *
                                                     channel_subs[channel]) {
                return;
            }
            pub_send(&pubs[i], channel, 0);
        }
    }
}

int publishers_busy(void)
{
    int i;

    for (i = 0; i < opt.pubconns; i++) {
        if (pubs[i].out > 0 || pubs[i].head != pubs[i].tail) {
            return 1;
        }
    }
    return 0;
}

void publishers_create(void)
{
    int i;

    signer_create();
    data_create();
    channel_number = calloc((size_t)opt.channels, sizeof(*channel_number));
    pubs = calloc((size_t)opt.pubconns, sizeof(*pubs));
    for (i = 0; i < opt.pubconns; i++) {
        pubs[i].queue = malloc(QUEUE * sizeof(job_t));
    }
}

void publishers_connect(void)
{
    int i;

    for (i = 0; i < opt.pubconns; i++) {
        pub_connect(&pubs[i]);
    }
}
