/* SPDX-License-Identifier: Apache-2.0 */
/*
 * canary.c - a round of the canary, see canary.h.
 *
 * The thread's ends of the socket pairs are read with a deadline, and what is
 * looked for are words in the bytes: the server's frames carry them as they
 * are, because nothing here asks for compression. A loop that does not turn
 * keeps the one task per visit it has, and gets no second one.
 */
#include "canary.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>
#include <apr_general.h>
#include <apr_strings.h>

#define ID "canary"
#define CHANNEL "private-canary"
#define PATH "/apps/" ID "/events"
#define FIRST_CONN ((apr_uint64_t)1 << 40) /* far from the clients' numbers */

/* One end for a loop, as a task: the loop takes it as a connection. */
typedef struct {
    push_task_t task;
    push_conns_t *conns;
    int fd;      /* the loop's once posted */
    int waiting; /* atomic: the loop has not run it yet */
} visit_t;

/* What a loop has of the canary, and our end of its connection. */
typedef struct {
    push_conns_t *conns;
    visit_t subscriber;
    visit_t publisher; /* used on one loop of a round */
    int fd;            /* ours; -1: none */
    apr_size_t len;    /* bytes in seen */
    char seen[4096];   /* what the loop has sent in this round */
} perch_t;

struct push_canary_t {
    push_apps_t *apps; /* one */
    const chat_app_t *app;
    chat_signer_t *signer; /* the thread's */
    apr_pool_t *pool;      /* of a round */
    apr_uint32_t period;
    int n;
    perch_t *perches; /* one per loop */
    apr_uint64_t end; /* of this round: monotonic microseconds */
    pthread_t thread;
    pthread_mutex_t lock; /* for what follows */
    pthread_cond_t turn;  /* a round has ended, or the canary shall */
    int started;
    int stopping;      /* atomic */
    apr_uint64_t done; /* when the last round ended, 0: none has */
    push_canary_figures_t figures;
    char why[PUSH_CANARY_WHY]; /* "": it came back */
};

static apr_uint64_t now_us(void)
{
    struct timespec ts;

    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (apr_uint64_t)ts.tv_sec * 1000000 + (apr_uint64_t)ts.tv_nsec / 1000;
}

/* --- visits --- */

static void run_visit(push_loop_t *loop, push_task_t *task)
{
    visit_t *v = (visit_t *)(void *)task;
    int fd = v->fd;

    (void)loop;
    __atomic_store_n(&v->waiting, 0, __ATOMIC_RELEASE);
    push_conn_accept(v->conns, fd, NULL, 0);
}

/* Why the round cannot go on; NULL goes on. */
typedef const char *why_t;

static why_t connect_to(visit_t *v, int *fd)
{
    int ends[2];

    if (__atomic_load_n(&v->waiting, __ATOMIC_ACQUIRE)) {
        return "does not turn";
    }
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0,
                   ends) != 0) {
        return "could not be given a socket";
    }
    *fd = ends[1];
    v->fd = ends[0];
    v->task.run = run_visit;
    __atomic_store_n(&v->waiting, 1, __ATOMIC_RELAXED);
    push_loop_post(push_conns_loop(v->conns), &v->task);
    return NULL;
}

#define GLANCE 50 /* milliseconds after which `stopping` is looked at */

/* Wait for bytes. @return 0 when the round is over or shall be */
static int readable(const push_canary_t *k, int fd)
{
    struct pollfd p = { fd, POLLIN, 0 };
    apr_uint64_t now = now_us();
    apr_uint64_t left = now < k->end ? (k->end - now + 999) / 1000 : 0;

    if (left == 0 || __atomic_load_n(&k->stopping, __ATOMIC_RELAXED)) {
        return 0;
    }
    poll(&p, 1, (int)(left < GLANCE ? left : GLANCE));
    return 1;
}

/* Read until the bytes seen hold some words.
 * @return them, NULL when they do not come */
static const char *await(const push_canary_t *k, perch_t *at, int fd,
                         const char *words)
{
    const char *found;
    ssize_t n;

    for (;;) {
        found = memmem(at->seen, at->len, words, strlen(words));
        if (found != NULL) {
            return found;
        }
        n = recv(fd, at->seen + at->len, sizeof(at->seen) - 1 - at->len, 0);
        if (n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR)) {
            return NULL;
        }
        if (n > 0) {
            at->len += (apr_size_t)n;
            at->seen[at->len] = '\0';
        }
        else if (!readable(k, fd)) {
            return NULL;
        }
    }
}

/* The socket is new and takes so little at once. */
static int put(int fd, const void *bytes, apr_size_t len)
{
    return send(fd, bytes, len, MSG_NOSIGNAL) == (ssize_t)len;
}

/* A text message, under the mask of zeroes: nobody is between us. */
static int put_message(int fd, const char *text)
{
    apr_size_t len = strlen(text);
    unsigned char frame[8 + 512] = { 0x81, 0x80 | 126,
                                     (unsigned char)(len >> 8),
                                     (unsigned char)len };

    if (len > 512) {
        return 0;
    }
    memcpy(frame + 8, text, len);
    return put(fd, frame, 8 + len);
}

/* --- a round --- */

static why_t open_websocket(push_canary_t *k, perch_t *at)
{
    const char *head = apr_psprintf(
        k->pool,
        "GET /app/%s?protocol=7&client=canary&version=1 HTTP/1.1\r\n"
        "Host: canary\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        "Sec-WebSocket-Key: Y2FuYXJ5IGNhbmFyeSBjYQ==\r\n"
        "Sec-WebSocket-Version: 13\r\n\r\n",
        k->app->key);
    why_t why = connect_to(&at->subscriber, &at->fd);

    if (why != NULL) {
        return why;
    }
    if (!put(at->fd, head, strlen(head)) ||
        await(k, at, at->fd, "connection_established") == NULL) {
        return "did not open a WebSocket";
    }
    return NULL;
}

static why_t subscribe(push_canary_t *k, perch_t *at)
{
    static const char before[] = "\\\"socket_id\\\":\\\"";
    const char *id = await(k, at, at->fd, before);
    const char *auth;

    if (id == NULL) {
        return "did not give a socket id";
    }
    id += sizeof(before) - 1;
    id = apr_pstrmemdup(k->pool, id, strspn(id, "0123456789."));
    auth = chat_sign_channel(k->signer, k->app->key, id, CHANNEL, NULL,
                             k->pool);
    if (!put_message(at->fd,
                     apr_psprintf(k->pool,
                                  "{\"event\":\"pusher:subscribe\",\"data\":{"
                                  "\"channel\":\"" CHANNEL
                                  "\",\"auth\":\"%s\"}}",
                                  auth)) ||
        await(k, at, at->fd, "subscription_succeeded") == NULL) {
        return "did not subscribe";
    }
    return NULL;
}

static why_t publish(push_canary_t *k, perch_t *at, const char *words)
{
    const char *body = apr_psprintf(
        k->pool,
        "{\"name\":\"canary\",\"channel\":\"" CHANNEL "\",\"data\":\"%s\"}",
        words);
    const char *query = chat_sign_request(k->signer, k->app->key, "POST", PATH,
                                          body, strlen(body),
                                          (apr_int64_t)time(NULL), k->pool);
    const char *request = apr_psprintf(
        k->pool,
        "POST " PATH "?%s HTTP/1.1\r\nHost: canary\r\n"
        "Content-Type: application/json\r\nContent-Length: %d\r\n"
        "Connection: close\r\n\r\n%s",
        query, (int)strlen(body), body);
    perch_t answer = { .len = 0 };
    int fd = -1;
    why_t why = connect_to(&at->publisher, &fd);

    if (why != NULL) {
        return why;
    }
    if (!put(fd, request, strlen(request)) ||
        await(k, &answer, fd, "HTTP/1.1 200 ") == NULL) {
        why = "did not take an event";
    }
    close(fd);
    return why;
}

/* @param loop  set to the one that failed */
static why_t round_run(push_canary_t *k, int *loop)
{
    const char *words = apr_psprintf(k->pool, ID "-%" APR_UINT64_T_FMT,
                                     k->figures.rounds);
    apr_uint64_t begun;
    why_t why = NULL;

    for (*loop = 0; *loop < k->n; ++*loop) {
        perch_t *at = &k->perches[*loop];

        why = open_websocket(k, at);
        why = why == NULL ? subscribe(k, at) : why;
        if (why != NULL) {
            return why;
        }
    }
    begun = now_us();
    *loop = (int)(k->figures.rounds % (apr_uint64_t)k->n);
    why = publish(k, &k->perches[*loop], words);
    if (why != NULL) {
        return why;
    }
    for (*loop = 0; *loop < k->n; ++*loop) {
        if (await(k, &k->perches[*loop], k->perches[*loop].fd, words) == NULL) {
            return "did not deliver it";
        }
    }
    pthread_mutex_lock(&k->lock);
    k->figures.micros = now_us() - begun;
    pthread_mutex_unlock(&k->lock);
    return NULL;
}

/* Our ends are closed, and with them the loops'. */
static void perches_leave(push_canary_t *k)
{
    int i;

    for (i = 0; i < k->n; i++) {
        if (k->perches[i].fd >= 0) {
            close(k->perches[i].fd);
        }
        k->perches[i].fd = -1;
        k->perches[i].len = 0;
    }
    apr_pool_clear(k->pool);
}

static void round_note(push_canary_t *k, why_t why, int loop)
{
    pthread_mutex_lock(&k->lock);
    k->why[0] = '\0';
    if (why != NULL) {
        snprintf(k->why, sizeof(k->why), "loop %d %s", loop, why);
        k->figures.failures++;
    }
    k->figures.rounds++;
    k->done = now_us();
    pthread_cond_broadcast(&k->turn);
    pthread_mutex_unlock(&k->lock);
}

/* Until the next round. @return 0 when there shall be none */
static int rest(push_canary_t *k)
{
    apr_uint64_t until = k->end;
    struct timespec ts = { (time_t)(until / 1000000),
                           (long)(until % 1000000) * 1000 };
    int rc = 0;
    int go;

    pthread_mutex_lock(&k->lock);
    while (!k->stopping && rc == 0) {
        rc = pthread_cond_timedwait(&k->turn, &k->lock, &ts);
    }
    go = !k->stopping;
    pthread_mutex_unlock(&k->lock);
    return go;
}

static void *canary_run(void *baton)
{
    push_canary_t *k = baton;
    why_t why;
    int loop;

    do {
        k->end = now_us() + (apr_uint64_t)k->period * 1000;
        why = round_run(k, &loop);
        perches_leave(k);
        round_note(k, why, loop);
    } while (rest(k));
    return NULL;
}

/* --- making and asking --- */

static void hex(char *out, const unsigned char *bytes, int n)
{
    static const char digits[] = "0123456789abcdef";

    for (; n > 0; n--, bytes++) {
        *out++ = digits[*bytes >> 4];
        *out++ = digits[*bytes & 15];
    }
    *out = '\0';
}

/* An app that nobody else can know. */
static apr_status_t app_create(push_canary_t *k, apr_pool_t *p)
{
    chat_apps_t *apps = apr_pcalloc(p, sizeof(*apps));
    unsigned char random[32];
    char key[33], secret[33];
    const char *why;
    apr_status_t rv;
    json_t *root;

    rv = apr_generate_random_bytes(random, sizeof(random));
    if (rv != APR_SUCCESS) {
        return rv;
    }
    hex(key, random, 16);
    hex(secret, random + 16, 16);
    root = json_pack("{s:[{s:s,s:s,s:s}]}", "appManager.array.apps", "id", ID,
                     "key", key, "secret", secret);
    rv = chat_apps_read(apps, root, &why, p);
    json_decref(root);
    if (rv == APR_SUCCESS) {
        rv = push_apps_create(&k->apps, apps, k->n, p);
    }
    if (rv == APR_SUCCESS) {
        push_apps_at(k->apps, 0)->hidden = 1;
        k->app = &apps->list[0];
        rv = chat_signer_create(&k->signer, secret, p);
    }
    return rv;
}

apr_status_t push_canary_create(push_canary_t **out, push_loop_t *const *loops,
                                int n, const push_protocol_t *proto,
                                apr_uint32_t period, apr_pool_t *p)
{
    push_canary_t *k = apr_pcalloc(p, sizeof(*k));
    pthread_condattr_t attr;
    apr_status_t rv;
    int i;

    k->n = n;
    k->period = period;
    k->perches = apr_pcalloc(p, (apr_size_t)n * sizeof(perch_t));
    pthread_mutex_init(&k->lock, NULL);
    pthread_condattr_init(&attr);
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    pthread_cond_init(&k->turn, &attr);
    pthread_condattr_destroy(&attr);
    apr_pool_create(&k->pool, p);
    rv = app_create(k, p);
    for (i = 0; i < n && rv == APR_SUCCESS; i++) {
        perch_t *at = &k->perches[i];

        at->fd = -1;
        rv = push_conns_create(&at->conns, loops[i], proto, p);
        if (rv == APR_SUCCESS) {
            push_conns_number(at->conns, FIRST_CONN);
            at->subscriber.conns = at->conns;
            at->publisher.conns = at->conns;
        }
    }
    *out = k;
    return rv;
}

apr_status_t push_canary_start(push_canary_t *k)
{
    int rc = pthread_create(&k->thread, NULL, canary_run, k);

    if (rc != 0) {
        return APR_FROM_OS_ERROR(rc);
    }
    k->started = 1;
    pthread_mutex_lock(&k->lock);
    while (k->done == 0) {
        pthread_cond_wait(&k->turn, &k->lock);
    }
    pthread_mutex_unlock(&k->lock);
    return APR_SUCCESS;
}

void push_canary_stop(push_canary_t *k)
{
    if (!k->started) {
        return;
    }
    pthread_mutex_lock(&k->lock);
    __atomic_store_n(&k->stopping, 1, __ATOMIC_RELAXED);
    pthread_cond_broadcast(&k->turn);
    pthread_mutex_unlock(&k->lock);
    pthread_join(k->thread, NULL);
    k->started = 0;
}

push_apps_t *push_canary_apps(push_canary_t *k, const push_conn_t *c)
{
    int loop = push_loop_index(push_conn_loop(c));

    return push_conn_all(c) == k->perches[loop].conns ? k->apps : NULL;
}

/* Two periods: a round takes one at most and begins one after the last. */
int push_canary_well(push_canary_t *k, char why[PUSH_CANARY_WHY])
{
    apr_uint64_t late = (apr_uint64_t)k->period * 2000 + 1000000;

    pthread_mutex_lock(&k->lock);
    memcpy(why, k->why, PUSH_CANARY_WHY);
    if (k->done == 0) {
        snprintf(why, PUSH_CANARY_WHY, "it has not been sent yet");
    }
    else if (now_us() > k->done + late) {
        snprintf(why, PUSH_CANARY_WHY, "its last round was long ago");
    }
    pthread_mutex_unlock(&k->lock);
    return why[0] == '\0';
}

void push_canary_figures(push_canary_t *k, push_canary_figures_t *out)
{
    pthread_mutex_lock(&k->lock);
    *out = k->figures;
    pthread_mutex_unlock(&k->lock);
}
