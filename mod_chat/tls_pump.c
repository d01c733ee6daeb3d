/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tls_pump.c - bytes between TLS connections and chat-push; see tls_pump.h.
 *
 * The thread waits in epoll, edge-triggered: what an event said of a descriptor
 * is kept until a call finds it untrue (side_t). That suits mod_ssl, which may
 * hold decrypted bytes when the socket has none left: reading goes on until the
 * filters have nothing, not until the socket has.
 *
 * Nothing here may wait for a client:
 *   - The socket's timeout is 0. What the core's output filter cannot write it
 *     keeps, and we read nothing more of chat-push until that is gone. A filter
 *     that insists on a flush fails instead of waiting, and the client is cut.
 *   - Data is followed by a metadata bucket of our own that asks for nothing.
 *     It keeps mod_ssl's coalescing filter from sitting on small frames, as a
 *     FLUSH would, and unlike that one makes nobody wait.
 *   - A client could send nothing but records without data (KeyUpdate), behind
 *     each of which mod_ssl stops reading, whatever else is there. An input
 *     filter below it, the meter, tells whether the socket was asked for more
 *     than it had, and lets a connection have so many bytes in a turn.
 * So each direction holds at most one chunk, and the rest waits in the kernel
 * at whoever sent it.
 *
 * Who may touch a connection: the worker that runs the request, up to and
 * including the hook suspend_connection, which gives it to us; from then on
 * this thread alone. But event has two more assignments to do to the connection
 * after that hook has returned. So the connection's memory must not go before
 * the worker is past them. It has no way to tell us; what it does next is to
 * set its slot of the scoreboard to "ready". The hook sets that to "closing",
 * and a connection is not ended while its worker still says so (worker_left).
 *
 * Ending it ourselves: httpd 2.4 has no call to give a suspended connection
 * back to the MPM. What event does to end one is done here, in its order: the
 * request is logged by its EOR bucket, ap_start_lingering_close() says goodbye,
 * what the client still sends is read away for two seconds, and the
 * connection's pool is destroyed. That pool is event's "transaction" pool, with
 * an allocator of its own, unlocked as it belongs to one thread at a time: now
 * ours. Its parent's list of children is guarded by the parent's allocator,
 * event itself destroys such pools in any thread, and its cleanups count with
 * atomics: by the connection's state, hence that is SUSPENDED again before the
 * end.
 */
#include "tls_pump.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>
#include <unistd.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <apr_portable.h>
#include <http_connection.h>
#include <http_core.h>
#include <http_protocol.h>
#include <http_request.h>
#include <scoreboard.h>
#include <util_filter.h>

#include "chat_module.h"
#include "retained.h"

APLOG_USE_MODULE(chat);

#define CHILDREN 1024 /* children at once that server-status can tell apart */

/* Most bytes at a time: of a client what mod_ssl gives at once, of chat-push
 * what with TLS's own fits two pages of an allocator. */
#define IN 8192
#define OUT 7936
#define CHUNKS_PER_TURN 16 /* each way; then the others have a turn */
#define RAW_PER_TURN 65536 /* bytes of a client below TLS, likewise */
#define METER "CHAT_PUMP"  /* the filter that counts them */
#define EVENTS 256
#define LAST_WORDS_MS 30000 /* for a client that does not read them */
#define LINGER_MS 2000      /* as httpd's SECONDS_TO_LINGER */
#define WORKER_MS 5000      /* longer than any thread is kept from running */
#define SOON_MS 5           /* how often is looked whether a worker has left */
#define USER_TIMEOUT_MS 30000 /* as of chat-push's own sockets */

/* One of the two descriptors of a connection, and what is known of it. */
typedef struct {
    chat_pumped_t *of;
    int fd;       /* -1: closed */
    int readable; /* not yet found empty since it was last said to be */
    int writable; /* likewise full */
    int ended;    /* behind what can be read is the end */
    int broken;   /* nothing can be written any more either */
} side_t;

typedef enum {
    PUMP_MADE,    /* the worker's */
    PUMP_GIVEN,   /* in pump.given, the worker is leaving */
    PUMP_OPEN,    /* bytes flow both ways; in pump.open */
    PUMP_LAST,    /* chat-push has ended; its last words are on their way.
                     In pump.ending, as the next two */
    PUMP_LEAVING, /* nothing flows; as soon as its worker has left it ends */
    PUMP_LINGER,  /* TLS has ended, what the client still says is dropped */
    PUMP_GONE     /* freed at the end of the turn; in pump.gone or pump.ready */
} phase_t;

struct chat_pumped_t {
    phase_t phase;
    conn_rec *c;
    request_rec *r;             /* NULL once logged */
    const worker_score *worker; /* whose slot says whether it has left */
    side_t client;              /* fd is c's own */
    side_t pair;                /* our end, ours to close */
    ap_filter_t *core; /* the last output filter: writes what it kept */
    apr_bucket_brigade *bb;
    apr_size_t chunk; /* bytes of chat-push at a time */
    char *held;       /* of the client, chat-push has no room; malloc */
    apr_size_t held_at, held_end;
    int in_over;          /* the client sends nothing more, or nobody listens */
    int out_over;         /* all that chat-push said has been read */
    int failed;           /* no goodbye is possible */
    apr_off_t raw;        /* bytes it may still read in this turn */
    int dry;              /* the meter has been asked for more than there was */
    apr_int64_t until;    /* ms; LAST, LEAVING and LINGER end then */
    chat_pumped_t **list; /* which of the two below */
    chat_pumped_t *next, *prev; /* pump.open or pump.ending */
    chat_pumped_t *next_ready;  /* pump.given, pump.ready or pump.gone */
    int is_ready;               /* in pump.ready */
};

/* A child's sockets, for server-status. A child that dies leaves its slot to
 * the parent, which empties it. */
typedef struct {
    pid_t pid; /* 0: free */
    apr_uint32_t open;
} slot_t;

typedef struct {
    apr_uint64_t opened; /* since httpd's start, of all children */
    apr_uint64_t full;   /* not taken as there was no room */
    apr_uint64_t in;     /* bytes of clients */
    apr_uint64_t out;    /* bytes of chat-push */
    slot_t child[CHILDREN];
} tally_t;

static tally_t *tally; /* set by the parent before it forks */

/* The child's one. */
static struct {
    int room;
    apr_uint32_t taken; /* sockets; atomic */
    slot_t *slot;       /* our number in server-status; NULL: none was free */
    pthread_mutex_t lock;
    int started;          /* the thread is there; under the lock */
    int stopping;         /* the child ends; under the lock */
    chat_pumped_t *given; /* from workers; under the lock */
    pthread_t thread;
    int epoll, wake; /* an epoll set and an eventfd in it */

    /* The thread's own. */
    chat_pumped_t *open, *ending;
    chat_pumped_t *ready; /* who has something to do, in no order */
    chat_pumped_t *gone;
    char buf[IN];
} pump = { .lock = PTHREAD_MUTEX_INITIALIZER, .epoll = -1, .wake = -1 };

static apr_int64_t now_ms(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (apr_int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* --- counters ------------------------------------------------------------- */

apr_status_t chat_pump_prepare(server_rec *s)
{
    void *memory = NULL;
    apr_status_t rv = chat_retained(&memory, NULL, "pumped", sizeof(tally_t),
                                    s);

    tally = memory;
    return rv;
}

static void slot_take(void)
{
    int i;

    for (i = 0; i < CHILDREN && pump.slot == NULL; i++) {
        pid_t nobody = 0;

        if (__atomic_compare_exchange_n(&tally->child[i].pid, &nobody, getpid(),
                                        0, __ATOMIC_ACQ_REL,
                                        __ATOMIC_RELAXED)) {
            pump.slot = &tally->child[i];
        }
    }
}

static void slot_free(slot_t *slot)
{
    __atomic_store_n(&slot->open, 0, __ATOMIC_RELAXED);
    __atomic_store_n(&slot->pid, 0, __ATOMIC_RELEASE);
}

void chat_pump_child_status(server_rec *s, pid_t pid, ap_generation_t gen,
                            int slot, mpm_child_status state)
{
    int i;

    (void)s;
    (void)gen;
    (void)slot;
    if (tally == NULL || pid <= 0 || state == MPM_CHILD_STARTED) {
        return;
    }
    for (i = 0; i < CHILDREN; i++) {
        if (tally->child[i].pid == pid && state == MPM_CHILD_EXITED) {
            slot_free(&tally->child[i]);
        }
    }
}

void chat_pump_status(request_rec *r, int is_auto)
{
    apr_uint32_t open = 0;
    apr_uint64_t bytes = tally->in + tally->out;
    int i;

    for (i = 0; i < CHILDREN; i++) {
        open += __atomic_load_n(&tally->child[i].open, __ATOMIC_RELAXED);
    }
    if (is_auto) {
        ap_rprintf(r,
                   "ChatPumpedNow: %u\nChatPumped: %" APR_UINT64_T_FMT
                   "\nChatPumpedBytes: %" APR_UINT64_T_FMT
                   "\nChatPumpFull: %" APR_UINT64_T_FMT "\n",
                   open, tally->opened, bytes, tally->full);
        return;
    }
    ap_rprintf(r,
               "<dt>%u by TLS now, %" APR_UINT64_T_FMT
               " in all, %" APR_UINT64_T_FMT
               " bytes moved</dt><dt>%" APR_UINT64_T_FMT
               " by TLS refused for want of room</dt>",
               open, tally->opened, bytes, tally->full);
}

static void count_open(int by)
{
    __atomic_add_fetch(&pump.taken, (apr_uint32_t)by, __ATOMIC_RELAXED);
    if (pump.slot != NULL) {
        __atomic_add_fetch(&pump.slot->open, (apr_uint32_t)by,
                           __ATOMIC_RELAXED);
    }
}

static void count_bytes(apr_uint64_t *counter, apr_size_t n)
{
    __atomic_add_fetch(counter, n, __ATOMIC_RELAXED);
}

/* --- lists ------------------------------------------------------------- */

static void ready_add(chat_pumped_t *p)
{
    if (!p->is_ready) {
        p->is_ready = 1;
        p->next_ready = pump.ready;
        pump.ready = p;
    }
}

static void gone_add(chat_pumped_t *p)
{
    p->next_ready = pump.gone;
    pump.gone = p;
}

static void list_remove(chat_pumped_t *p)
{
    if (p->next != NULL) {
        p->next->prev = p->prev;
    }
    if (p->prev != NULL) {
        p->prev->next = p->next;
    }
    else if (p->list != NULL) {
        *p->list = p->next;
    }
    p->list = NULL;
}

static void list_add(chat_pumped_t **list, chat_pumped_t *p)
{
    p->list = list;
    p->prev = NULL;
    p->next = *list;
    if (p->next != NULL) {
        p->next->prev = p;
    }
    *list = p;
}

/* The only place where a phase of the thread's begins.
 * @param ms  when the phase is to end at the latest */
static void enter(chat_pumped_t *p, phase_t phase, int ms)
{
    list_remove(p);
    p->phase = phase;
    p->until = now_ms() + ms;
    if (phase == PUMP_GONE) {
        if (!p->is_ready) {
            gone_add(p);
        }
        return;
    }
    list_add(phase == PUMP_OPEN ? &pump.open : &pump.ending, p);
}

/* --- the end of a connection ---------------------------------------------- */

static void side_leave(side_t *side)
{
    if (side->fd >= 0) {
        /* By name: a program that is just being forked may have the file open,
         * and then close() alone leaves it in the set. */
        epoll_ctl(pump.epoll, EPOLL_CTL_DEL, side->fd, NULL);
    }
}

static void pair_close(chat_pumped_t *p)
{
    if (p->pair.fd >= 0) {
        side_leave(&p->pair);
        close(p->pair.fd);
        p->pair.fd = -1;
    }
    free(p->held);
    p->held = NULL;
}

/* Whether the worker that suspended a connection has no more to do with it. */
static int worker_left(const chat_pumped_t *p)
{
    return p->worker != NULL &&
           __atomic_load_n(&p->worker->status, __ATOMIC_ACQUIRE) !=
               SERVER_CLOSING;
}

/* The connection and all that is in its pool. */
static void pumped_end(chat_pumped_t *p)
{
    conn_rec *c = p->c;

    side_leave(&p->client);
    p->client.fd = -1;
    enter(p, PUMP_GONE, 0);
    ap_set_module_config(c->conn_config, &chat_module, NULL);
    c->cs->state = CONN_STATE_SUSPENDED; /* as event counts it */
    apr_pool_destroy(c->pool);
    count_open(-1);
}

/* Into the access log, and goodbye. */
static void pumped_close(chat_pumped_t *p)
{
    conn_rec *c = p->c;
    request_rec *r = p->r;

    pair_close(p);
    if (p->failed) {
        c->aborted = 1;
    }
    p->r = NULL;
    ap_process_request_after_handler(r);
    c->cs->state = CONN_STATE_SUSPENDED;
    if (ap_start_lingering_close(c) != 0) {
        pumped_end(p);
        return;
    }
    enter(p, PUMP_LINGER, LINGER_MS);
    ready_add(p); /* what is there already makes no event */
}

/* Nothing flows any more. */
static void pumped_leave(chat_pumped_t *p)
{
    pair_close(p);
    enter(p, PUMP_LEAVING, WORKER_MS);
    if (worker_left(p)) {
        pumped_close(p);
    }
}

static void pumped_fail(chat_pumped_t *p)
{
    p->failed = 1;
    pumped_leave(p);
}

/* --- from the client to chat-push ------------------------------------------
 */

/* Nobody takes what the client says, or it says nothing any more. */
static void in_end(chat_pumped_t *p)
{
    p->in_over = 1;
    free(p->held);
    p->held = NULL;
    shutdown(p->pair.fd, SHUT_WR);
}

/* @return how many bytes chat-push's end has taken; fewer: it is full or gone
 */
static apr_size_t in_write(chat_pumped_t *p, const char *from, apr_size_t len)
{
    apr_size_t done = 0;

    while (done < len) {
        ssize_t n = send(p->pair.fd, from + done, len - done,
                         MSG_DONTWAIT | MSG_NOSIGNAL);

        if (n >= 0) {
            done += (apr_size_t)n;
        }
        else if (errno == EAGAIN) {
            p->pair.writable = 0;
            break;
        }
        else if (errno != EINTR) {
            in_end(p);
            break;
        }
    }
    count_bytes(&tally->in, done);
    return done;
}

/* What chat-push had no room for. */
static void in_hold(chat_pumped_t *p, const char *from, apr_size_t len)
{
    p->held = malloc(len);
    if (p->held == NULL) {
        p->failed = 1;
        return;
    }
    memcpy(p->held, from, len);
    p->held_at = 0;
    p->held_end = len;
}

/* @return 0: there is no more to be done now */
static int in_held(chat_pumped_t *p)
{
    p->held_at += in_write(p, p->held + p->held_at, p->held_end - p->held_at);
    if (p->held != NULL && p->held_at == p->held_end) {
        free(p->held);
        p->held = NULL;
        return 1;
    }
    return 0;
}

/* The input filter between mod_ssl and the socket. An empty brigade is how the
 * core says EAGAIN. */
static apr_status_t meter(ap_filter_t *f, apr_bucket_brigade *bb,
                          ap_input_mode_t mode, apr_read_type_e block,
                          apr_off_t len)
{
    chat_pumped_t *p = f->ctx;
    apr_off_t got = 0;
    apr_status_t rv;

    if (p->raw <= 0) {
        p->dry = 1;
        return APR_SUCCESS;
    }
    rv = ap_get_brigade(f->next, bb, mode, block, len);
    if (rv == APR_SUCCESS && apr_brigade_length(bb, 0, &got) == APR_SUCCESS) {
        p->raw -= got;
    }
    p->dry = got == 0;
    return rv;
}

void chat_pump_register(void)
{
    ap_register_input_filter(METER, meter, NULL, AP_FTYPE_NETWORK - 1);
}

/* Whether mod_ssl has read something and then said EAGAIN without looking for
 * more: it does so behind a record that carries no data. */
static int stopped_early(const chat_pumped_t *p, apr_off_t raw_before)
{
    return !p->dry && p->raw < raw_before;
}

/* The next bytes of the client, in pump.buf. @return as ap_get_brigade();
 * EAGAIN only when the filters and the socket have none */
static apr_status_t in_read(chat_pumped_t *p, apr_size_t *len)
{
    apr_status_t rv;
    apr_off_t raw;
    int again = p->client.ended;

    do {
        raw = p->raw;
        p->dry = 0;
        *len = sizeof(pump.buf);
        rv = ap_get_brigade(p->c->input_filters, p->bb, AP_MODE_READBYTES,
                            APR_NONBLOCK_READ, (apr_off_t)*len);
        if (rv == APR_SUCCESS) {
            rv = apr_brigade_flatten(p->bb, pump.buf, len);
        }
        apr_brigade_cleanup(p->bb);
        if (rv == APR_SUCCESS && *len == 0) {
            rv = APR_EAGAIN;
        }
        /* The core reads a connection's end as nothing the first time. */
    } while (APR_STATUS_IS_EAGAIN(rv) &&
             (stopped_early(p, raw) || again-- > 0));
    return rv;
}

/* One chunk. @return 0: there is no more to be done now */
static int in_step(chat_pumped_t *p)
{
    apr_size_t len, done;
    apr_status_t rv;

    if (p->client.broken && (p->in_over || !p->pair.writable)) {
        p->failed = 1;
        return 0;
    }
    if (p->in_over || !p->pair.writable) {
        return 0;
    }
    if (p->held != NULL) {
        return in_held(p);
    }
    if (!p->client.readable) {
        return 0;
    }
    rv = in_read(p, &len);
    if (APR_STATUS_IS_EAGAIN(rv)) {
        p->client.readable = p->raw <= 0;
        return 0;
    }
    if (APR_STATUS_IS_EOF(rv)) {
        in_end(p);
        return 0;
    }
    if (rv != APR_SUCCESS) {
        p->failed = 1;
        return 0;
    }
    done = in_write(p, pump.buf, len);
    if (done < len && !p->in_over) {
        in_hold(p, pump.buf + done, len - done);
    }
    return !p->failed;
}

/* --- from chat-push to the client ------------------------------------------
 */

static apr_status_t mark_read(apr_bucket *b, const char **str, apr_size_t *len,
                              apr_read_type_e block)
{
    (void)b;
    (void)block;
    *str = NULL;
    *len = 0;
    return APR_SUCCESS;
}

/* Behind each piece of data; see the top. */
static const apr_bucket_type_t mark_type = {
    "CHAT-PUMP",
    5,
    APR_BUCKET_METADATA,
    apr_bucket_destroy_noop,
    mark_read,
    apr_bucket_setaside_noop,
    apr_bucket_split_notimpl,
    apr_bucket_simple_copy,
};

static apr_bucket *mark_create(apr_bucket_alloc_t *list)
{
    apr_bucket *b = apr_bucket_alloc(sizeof(*b), list);

    APR_BUCKET_INIT(b);
    b->free = apr_bucket_free;
    b->list = list;
    b->type = &mark_type;
    b->length = 0;
    b->start = -1;
    b->data = NULL;
    return b;
}

/* Write what the core has kept. @return 0: some is left, or it failed */
static int out_drive(chat_pumped_t *p)
{
    if (p->core->frec->filter_func.out_func(p->core, NULL) != APR_SUCCESS ||
        p->c->aborted) {
        p->failed = 1;
        return 0;
    }
    if (p->c->data_in_output_filters) {
        p->client.writable = 0;
        return 0;
    }
    return 1;
}

static int out_pass(chat_pumped_t *p, const char *from, apr_size_t len)
{
    apr_bucket_alloc_t *list = p->c->bucket_alloc;
    apr_status_t rv;

    APR_BRIGADE_INSERT_TAIL(p->bb,
                            apr_bucket_transient_create(from, len, list));
    APR_BRIGADE_INSERT_TAIL(p->bb, mark_create(list));
    rv = ap_pass_brigade(p->c->output_filters, p->bb);
    apr_brigade_cleanup(p->bb);
    if (rv != APR_SUCCESS || p->c->aborted) {
        p->failed = 1;
        return 0;
    }
    count_bytes(&tally->out, len);
    return out_drive(p);
}

/* One chunk. @return 0: there is no more to be done now */
static int out_step(chat_pumped_t *p)
{
    ssize_t n;

    if (p->c->data_in_output_filters) {
        return p->client.writable && out_drive(p);
    }
    if (p->out_over || !p->pair.readable) {
        return 0;
    }
    n = recv(p->pair.fd, pump.buf, p->chunk, MSG_DONTWAIT);
    if (n > 0) {
        return out_pass(p, pump.buf, (apr_size_t)n);
    }
    if (n < 0 && (errno == EAGAIN || errno == EINTR)) {
        p->pair.readable = errno == EINTR;
        return errno == EINTR;
    }
    /* The end, or chat-push died with unread bytes of ours. */
    p->out_over = 1;
    return 0;
}

/* --- a turn of the thread ---------------------------------------------------
 */

static void flow(chat_pumped_t *p)
{
    int i, more = 1;

    /* chat-push says goodbye by ending its side, and hears no more then. */
    if (p->phase == PUMP_OPEN && p->pair.ended) {
        enter(p, PUMP_LAST, LAST_WORDS_MS);
    }
    p->raw = RAW_PER_TURN;
    for (i = 0; i < CHUNKS_PER_TURN && more && !p->failed; i++) {
        more = out_step(p);
        if (p->phase == PUMP_OPEN && !p->failed) {
            more |= in_step(p);
        }
    }
    if (p->failed) {
        pumped_fail(p);
    }
    else if (p->out_over && !p->c->data_in_output_filters) {
        pumped_leave(p);
    }
    else if (more || p->raw <= 0) {
        ready_add(p);
    }
}

/* Read away what comes, so that our last words are not lost by a reset. */
static void linger(chat_pumped_t *p)
{
    ssize_t n;
    int i;

    for (i = 0; i < CHUNKS_PER_TURN; i++) {
        n = recv(p->client.fd, pump.buf, sizeof(pump.buf), MSG_DONTWAIT);
        if (n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR)) {
            pumped_end(p);
            return;
        }
        if (n < 0) {
            return;
        }
    }
    ready_add(p);
}

static void run(chat_pumped_t *p)
{
    switch (p->phase) {
    case PUMP_OPEN:
    case PUMP_LAST:
        flow(p);
        break;
    case PUMP_LINGER:
        linger(p);
        break;
    case PUMP_GONE: /* ended while it was in the list of the ready */
        gone_add(p);
        break;
    default:
        break;
    }
}

/* Who has waited long enough, or waited for a worker that has left.
 * @return ms until there is reason to look again, -1: none */
static int overdue(void)
{
    const apr_int64_t now = now_ms();
    apr_int64_t left, least = -1;
    chat_pumped_t *p, *next;

    for (p = pump.ending; p != NULL; p = next) {
        next = p->next;
        if (p->phase == PUMP_LEAVING && (worker_left(p) || now >= p->until)) {
            pumped_close(p);
        }
        else if (p->phase == PUMP_LAST && now >= p->until) {
            pumped_fail(p);
        }
        else if (p->phase == PUMP_LINGER && now >= p->until) {
            pumped_end(p);
        }
        if (p->phase == PUMP_GONE) {
            continue;
        }
        left = p->phase == PUMP_LEAVING ? SOON_MS : p->until - now + 1;
        if (least < 0 || left < least) {
            least = left;
        }
    }
    return (int)least;
}

/* Lost bytes end it soon, as with the sockets that chat-push has itself. */
static void client_ready(const chat_pumped_t *p)
{
    const int timeout = USER_TIMEOUT_MS, yes = 1;

    setsockopt(p->client.fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof(yes));
    setsockopt(p->client.fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &timeout,
               sizeof(timeout));
    apr_socket_timeout_set(ap_get_conn_socket(p->c), 0);
}

static int watch(side_t *side)
{
    struct epoll_event e = {
        .events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET,
        .data.ptr = side,
    };

    return epoll_ctl(pump.epoll, EPOLL_CTL_ADD, side->fd, &e) == 0;
}

/* A connection that its worker has given us. */
static void adopt(chat_pumped_t *p)
{
    const core_server_config *core = ap_get_core_module_config(
        p->c->base_server->module_config);

    p->bb = apr_brigade_create(p->c->pool, p->c->bucket_alloc);
    ap_add_input_filter(METER, p, NULL, p->c);
    for (p->core = p->c->output_filters; p->core->next != NULL;
         p->core = p->core->next) {
    }
    /* More than the threshold at once would be flushed. */
    p->chunk = core->flush_max_threshold > 2 * OUT
                   ? OUT
                   : core->flush_max_threshold / 2 + 1;
    client_ready(p);
    /* What mod_ssl has decrypted behind the request makes no event. */
    p->client.readable = p->client.writable = p->pair.writable = 1;
    enter(p, PUMP_OPEN, 0);
    if (watch(&p->client) && watch(&p->pair)) {
        ready_add(p);
    }
    else {
        pumped_fail(p);
    }
}

/* @return 0: the child ends */
static int take_given(void)
{
    chat_pumped_t *p, *next;
    int go_on;

    pthread_mutex_lock(&pump.lock);
    p = pump.given;
    pump.given = NULL;
    go_on = !pump.stopping;
    pthread_mutex_unlock(&pump.lock);
    for (; p != NULL; p = next) {
        next = p->next_ready;
        adopt(p);
    }
    return go_on;
}

static void run_ready(void)
{
    chat_pumped_t *p = pump.ready, *next;

    pump.ready = NULL;
    for (; p != NULL; p = next) {
        next = p->next_ready;
        p->is_ready = 0;
        run(p); /* may make it ready again, for the next turn */
    }
}

/* Whoever is looked at now cannot be free yet: a connection leaves the set
 * when it ends, and is freed before the set is asked again. */
static void note(const struct epoll_event *e)
{
    side_t *side = e->data.ptr;
    eventfd_t n;

    if (side == NULL) {
        eventfd_read(pump.wake, &n);
        return;
    }
    if (e->events & (EPOLLIN | EPOLLRDHUP | EPOLLHUP | EPOLLERR)) {
        side->readable = 1;
    }
    if (e->events & (EPOLLOUT | EPOLLHUP | EPOLLERR)) {
        side->writable = 1;
    }
    if (e->events & (EPOLLRDHUP | EPOLLHUP | EPOLLERR)) {
        side->ended = 1;
    }
    if (e->events & (EPOLLHUP | EPOLLERR)) {
        side->broken = 1;
    }
    ready_add(side->of);
}

static void free_gone(void)
{
    while (pump.gone != NULL) {
        chat_pumped_t *p = pump.gone;

        pump.gone = p->next_ready;
        free(p);
    }
}

/* httpd is stopped: nobody waits for a client now, but each is told. */
static void farewell(void)
{
    chat_pumped_t *p;

    while ((p = pump.open) != NULL) {
        p->failed |= p->c->data_in_output_filters;
        enter(p, PUMP_LEAVING, 0);
    }
    while ((p = pump.ending) != NULL) {
        if (p->phase != PUMP_LINGER && worker_left(p)) {
            p->failed |= p->c->data_in_output_filters;
            pumped_close(p);
        }
        if (p->phase == PUMP_LINGER) {
            pumped_end(p);
        }
        else if (p->phase != PUMP_GONE) {
            list_remove(p); /* its worker is stuck: the process ends it */
        }
    }
    run_ready();
    free_gone();
}

static void *thread_main(void *unused)
{
    struct epoll_event events[EVENTS];
    int i, n, ms;

    (void)unused;
    while (take_given()) {
        run_ready();
        ms = overdue();
        free_gone();
        n = epoll_wait(pump.epoll, events, EVENTS, pump.ready != NULL ? 0 : ms);
        for (i = 0; i < n; i++) {
            note(&events[i]);
        }
    }
    farewell();
    return NULL;
}

/* --- the thread ----------------------------------------------------------- */

/* Signals are for the MPM's own threads. Under the lock. */
static apr_status_t thread_start(void)
{
    struct epoll_event e = { .events = EPOLLIN, .data.ptr = NULL };
    sigset_t all, before;
    int err = 0;

    if (pump.epoll < 0) {
        pump.epoll = epoll_create1(EPOLL_CLOEXEC);
    }
    if (pump.wake < 0) {
        pump.wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    }
    if (pump.epoll < 0 || pump.wake < 0 ||
        (epoll_ctl(pump.epoll, EPOLL_CTL_ADD, pump.wake, &e) != 0 &&
         errno != EEXIST)) {
        return errno;
    }
    sigfillset(&all);
    pthread_sigmask(SIG_BLOCK, &all, &before);
    err = pthread_create(&pump.thread, NULL, thread_main, NULL);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (err == 0) {
        slot_take();
        pump.started = 1;
    }
    return err;
}

static apr_status_t thread_need(void)
{
    apr_status_t rv = APR_SUCCESS;

    pthread_mutex_lock(&pump.lock);
    if (pump.stopping) {
        rv = APR_EOF;
    }
    else if (!pump.started) {
        rv = thread_start();
    }
    pthread_mutex_unlock(&pump.lock);
    return rv;
}

static apr_status_t child_end(void *unused)
{
    int started;

    (void)unused;
    pthread_mutex_lock(&pump.lock);
    pump.stopping = 1;
    started = pump.started;
    pthread_mutex_unlock(&pump.lock);
    if (started) {
        eventfd_write(pump.wake, 1);
        pthread_join(pump.thread, NULL);
    }
    return APR_SUCCESS;
}

/* Before anything of the child goes, mod_ssl and the logs included. */
void chat_pump_child(int room, apr_pool_t *p)
{
    pump.room = room;
    apr_pool_pre_cleanup_register(p, NULL, child_end);
}

/* --- a worker's side --------------------------------------------------------
 */

int chat_pump_possible(const conn_rec *c)
{
    int is_async = 0;

    return c->cs != NULL && c->master == NULL &&
           ap_mpm_query(AP_MPMQ_IS_ASYNC, &is_async) == APR_SUCCESS && is_async;
}

/* The pool of a connection that was never suspended goes. */
static apr_status_t made_cleanup(void *data)
{
    chat_pumped_t *p = data;

    if (p->phase == PUMP_MADE) {
        close(p->pair.fd);
        free(p);
        count_open(-1);
    }
    return APR_SUCCESS;
}

static apr_status_t make(chat_pumped_t **out, int *end, request_rec *r)
{
    conn_rec *c = r->connection;
    chat_pumped_t *p = calloc(1, sizeof(*p));
    int pair[2];

    if (p == NULL) {
        return APR_ENOMEM;
    }
    if (apr_os_sock_get(&p->client.fd, ap_get_conn_socket(c)) != APR_SUCCESS ||
        socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0,
                   pair) != 0) {
        free(p);
        return errno;
    }
    p->c = c;
    p->r = r;
    p->client.of = p->pair.of = p;
    p->pair.fd = pair[0];
    *end = pair[1];
    apr_pool_cleanup_register(c->pool, p, made_cleanup, apr_pool_cleanup_null);
    *out = p;
    return APR_SUCCESS;
}

apr_status_t chat_pump_open(chat_pumped_t **pumped, int *end, request_rec *r)
{
    apr_status_t rv = thread_need();

    if (rv != APR_SUCCESS) {
        return rv;
    }
    count_open(1);
    if (__atomic_load_n(&pump.taken, __ATOMIC_RELAXED) >
        (apr_uint32_t)pump.room) {
        __atomic_add_fetch(&tally->full, 1, __ATOMIC_RELAXED);
        rv = APR_ENOSPC;
    }
    else {
        rv = make(pumped, end, r);
    }
    if (rv != APR_SUCCESS) {
        count_open(-1);
    }
    return rv;
}

void chat_pump_drop(chat_pumped_t *p)
{
    apr_pool_cleanup_run(p->c->pool, p, made_cleanup);
}

/* mod_reqtimeout would go on measuring how fast the request comes in. */
static void untime(conn_rec *c)
{
    ap_filter_t *f, *next;

    for (f = c->input_filters; f != NULL; f = next) {
        next = f->next;
        if (strcasecmp(f->frec->name, "reqtimeout") == 0) {
            ap_remove_input_filter(f);
        }
    }
}

int chat_pump_start(chat_pumped_t *p)
{
    request_rec *r = p->r;

    r->status = HTTP_SWITCHING_PROTOCOLS; /* for the access log */
    r->eos_sent = 1;
    p->c->keepalive = AP_CONN_CLOSE;
    untime(p->c);
    ap_set_module_config(p->c->conn_config, &chat_module, p);
    __atomic_add_fetch(&tally->opened, 1, __ATOMIC_RELAXED);
    return SUSPENDED;
}

void chat_pump_suspended(conn_rec *c, request_rec *r)
{
    chat_pumped_t *p = ap_get_module_config(c->conn_config, &chat_module);
    int stopping;

    (void)r;
    if (p == NULL || p->phase != PUMP_MADE || c->cs == NULL ||
        c->cs->state != CONN_STATE_SUSPENDED) {
        return;
    }
    ap_update_child_status(c->sbh, SERVER_CLOSING, NULL);
    p->worker = ap_get_scoreboard_worker(c->sbh);
    pthread_mutex_lock(&pump.lock);
    stopping = pump.stopping; /* then the process ends it */
    if (!stopping) {
        p->phase = PUMP_GIVEN;
        p->next_ready = pump.given;
        pump.given = p;
    }
    pthread_mutex_unlock(&pump.lock);
    if (!stopping) {
        eventfd_write(pump.wake, 1);
    }
}
