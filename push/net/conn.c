/* SPDX-License-Identifier: Apache-2.0 */
/*
 * conn.c - the life of a connection: slot, list, reading, ticking, reaping
 * (conn.h, conn_inside.h).
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>
#include <apr_strings.h>
#include <apr_time.h>

#include "conn_inside.h"

#define CLOSE_SECONDS 5  /* how long a closing connection may take */
#define SWEEP_SLICE 256  /* WebSockets looked at in one turn */
#define CROWD_RESERVE 64 /* descriptors kept for HTTP */
#define SHARE_READ CONN_READ /* most bytes of costly input in one turn */
#define INPUT_MIN 256    /* bytes of the smallest input buffer */
#define INPUT_FREE 4096  /* bytes of input that every connection may keep */
#define CONN_SIZE APR_ALIGN(sizeof(push_conn_t), 16) /* then the client */

/* --- lists and states ---------------------------------------------------- */

static void list_add(conn_list_t *list, push_conn_t *c)
{
    c->next = NULL;
    c->prev = list->last;
    if (list->last != NULL) {
        list->last->next = c;
    }
    else {
        list->first = c;
    }
    list->last = c;
}

static void list_remove(conn_list_t *list, push_conn_t *c)
{
    if (c->prev != NULL) {
        c->prev->next = c->next;
    }
    else {
        list->first = c->next;
    }
    if (c->next != NULL) {
        c->next->prev = c->prev;
    }
    else {
        list->last = c->prev;
    }
}

static conn_list_t *list_of(push_conn_t *c)
{
    return c->state == PUSH_CONN_OPEN ? &c->all->wheel[c->deadline % CONN_WHEEL]
                                      : &c->all->lists[c->state];
}

static void deadline_set(push_conn_t *c)
{
    apr_uint32_t now = push_loop_seconds(c->all->loop);

    c->deadline = now + (c->state == PUSH_CONN_HTTP   ? c->all->proto->http_idle
                         : c->state == PUSH_CONN_OPEN ? 1
                                                      : CLOSE_SECONDS);
}

/* Join the list of a state, at its end. */
static void state_join(push_conn_t *c, push_conn_state_t state)
{
    c->state = (unsigned char)state;
    deadline_set(c);
    list_add(list_of(c), c);
    conn_count(&c->all->counters.states[state], 1);
}

static void state_leave(push_conn_t *c)
{
    if (c == c->all->untold) {
        c->all->untold = c->next;
    }
    list_remove(list_of(c), c);
    conn_count(&c->all->counters.states[c->state], (apr_uint64_t)-1);
}

/* A parked one ends. Its place stays, so that who waits with it is still counted right. */
static void parked_forget(push_conn_t *c)
{
    push_conns_t *conns = c->all;
    apr_uint32_t i;

    for (i = 0; i < conns->nparked; i++) {
        if (conns->parked[i] == c) {
            conns->parked[i] = NULL;
        }
    }
    c->parked = CONN_NOT_PARKED;
}

void conn_enter(push_conn_t *c, push_conn_state_t next)
{
    if (c->parked != CONN_NOT_PARKED) {
        parked_forget(c);
    }
    state_leave(c);
    state_join(c, next);
    if (next == PUSH_CONN_CLOSING && c->all->untold == NULL) {
        c->all->untold = c;
    }
}

void conn_restart(push_conn_t *c)
{
    deadline_set(c);
    list_remove(list_of(c), c);
    list_add(list_of(c), c);
}

void conn_end(push_conn_t *c, push_end_t why, int code)
{
    c->why = (unsigned char)why;
    if (c->code != 0) {
        c->code = (apr_uint16_t)code;
    }
    conn_enter(c, PUSH_CONN_CLOSING);
}

void push_conn_kill(push_conn_t *c, push_end_t why)
{
    if (c->state == PUSH_CONN_DEAD) {
        return;
    }
    if (c->state != PUSH_CONN_CLOSING) {
        c->why = (unsigned char)why;
    }
    conn_enter(c, PUSH_CONN_DEAD);
}

/* --- reading ------------------------------------------------------------- */

/* The peer has sent its last byte. A request may still await its answer and a
 * closing connection its last words; a WebSocket without a close frame is over.
 */
static void conn_eof(push_conn_t *c)
{
    c->eof = 1;
    if (c->state == PUSH_CONN_CLOSING && c->out != NULL) {
        conn_rewatch(c);
        return;
    }
    push_conn_kill(c, PUSH_END_PEER);
}

static push_end_t end_of_errno(int err)
{
    switch (err) {
    case ECONNRESET:
    case EPIPE:
        return PUSH_END_PEER;
    case ETIMEDOUT:
        return PUSH_END_TIMEOUT;
    default:
        return PUSH_END_ERROR;
    }
}

void conn_failed(push_conn_t *c, int err)
{
    push_conn_kill(c, end_of_errno(err));
}

/* What a buffer counts for. Small ones are free, so that publishing goes on
 * while somebody fills the loop with bodies that never end. */
static apr_size_t input_charge(apr_size_t room)
{
    return room > INPUT_FREE ? room : 0;
}

void conn_input_free(conn_input_t *in)
{
    if (in != NULL) {
        *in->held -= input_charge(in->room);
        free(in);
    }
}

static apr_size_t *input_held(push_conn_t *c)
{
    return c->state == PUSH_CONN_OPEN ? &c->all->held_messages
                                      : &c->all->held_requests;
}

/* Whether c's buffer may become so large. */
static int input_fits(push_conn_t *c, apr_size_t room)
{
    apr_size_t max = c->all->proto->max_input;
    apr_size_t now = c->in != NULL ? input_charge(c->in->room) : 0;

    return max == 0 || input_charge(room) == 0 ||
           *input_held(c) - now + room <= max;
}

static void input_full(push_conn_t *c)
{
    if (c->state == PUSH_CONN_OPEN) {
        conn_ws_full(c);
    }
    else {
        conn_http_full(c);
    }
}

int conn_input_grow(push_conn_t *c, apr_size_t more)
{
    conn_input_t *in = c->in;
    apr_size_t need = (in != NULL ? in->len : 0) + more;
    apr_size_t charged = in != NULL ? input_charge(in->room) : 0;
    apr_size_t room = in != NULL ? 2 * in->room : INPUT_MIN;

    if (in != NULL && need <= in->room) {
        return 1;
    }
    if (room < need) {
        room = need;
    }
    if (!input_fits(c, room)) {
        input_full(c);
        return 0;
    }
    in = realloc(in, sizeof(*in) + room + 1);
    if (in == NULL) {
        push_conn_kill(c, PUSH_END_ERROR);
        return 0;
    }
    if (c->in == NULL) {
        memset(in, 0, sizeof(*in));
        in->held = input_held(c);
    }
    *in->held += input_charge(room) - charged;
    in->room = room;
    c->in = in;
    return 1;
}

void conn_take(push_conn_t *c, char *buf, apr_size_t len)
{
    conn_cork(c);
    if (c->state == PUSH_CONN_HTTP) {
        conn_http_take(c, buf, len);
    }
    else if (c->state == PUSH_CONN_OPEN) {
        conn_ws_take(c, buf, len);
    }
    conn_uncork(c);
}

static void conn_read(push_conn_t *c)
{
    push_loop_t *loop = c->all->loop;
    char *buf = (char *)push_loop_buffer(loop);
    /* A buffer may be full of small requests, or of messages that unpack to a
     * thousand times their size: who sends such has a share of each turn, and
     * the others wait no longer than that. */
    apr_size_t room = c->state == PUSH_CONN_HTTP || c->window != 0
                          ? SHARE_READ
                          : PUSH_LOOP_BUFFER;
    ssize_t n;

    if (c->window != 0 && conn_turn_full(c->all)) {
        return; /* epoll will tell again */
    }
    n = c->tls ? conn_tls_recv(c, buf, room)
               : recv(c->watch.fd, buf, room, MSG_DONTWAIT);
    if (n < 0) {
        if (errno != EAGAIN && errno != EINTR) {
            conn_failed(c, errno);
        }
        return;
    }
    if (n == 0) {
        conn_eof(c);
        return;
    }
    conn_count(&c->all->counters.bytes_in, (apr_uint64_t)n);
    c->heard = push_loop_seconds(loop);
    conn_take(c, buf, (apr_size_t)n);
}

static void conn_ready(push_watch_t *w, apr_uint32_t events)
{
    push_conn_t *c = (push_conn_t *)w;

    if (c->tls) {
        events = conn_tls_ready(c, events);
    }
    /* Somebody handled earlier in this turn may have ended it. */
    if (c->state != PUSH_CONN_DEAD && (events & EPOLLOUT)) {
        conn_flush(c);
    }
    if (c->state == PUSH_CONN_DEAD) {
        return;
    }
    if (conn_reads(c)) {
        if (events & (EPOLLIN | EPOLLHUP | EPOLLERR)) {
            conn_read(c);
        }
    }
    else if (events & (EPOLLHUP | EPOLLERR)) {
        push_conn_kill(c, PUSH_END_PEER);
    }
}

/* --- making -------------------------------------------------------------- */

push_conn_t *conn_make(push_conns_t *conns, int fd, push_slab_t *slab)
{
    push_conn_t *c = slab != NULL ? push_slab_take(slab) : NULL;

    if (c == NULL) {
        conn_count(&conns->counters.refused, 1);
        close(fd);
        return NULL;
    }
    c->watch.ready = conn_ready;
    c->watch.fd = fd;
    c->all = conns;
    c->id = ++conns->next_id;
    c->heard = push_loop_seconds(conns->loop);
    state_join(c, PUSH_CONN_HTTP);
    conn_count(&conns->counters.accepts, 1);
    if (push_loop_watch(conns->loop, &c->watch, EPOLLIN) != APR_SUCCESS) {
        push_conn_kill(c, PUSH_END_ERROR);
    }
    return c;
}

/* Bytes that somebody else has read, as if they came in now. */
static void conn_feed(push_conn_t *c, const char *at, apr_size_t len)
{
    char *buf = (char *)push_loop_buffer(c->all->loop);
    apr_size_t n;

    for (; len > 0; at += n, len -= n) {
        n = len < PUSH_LOOP_BUFFER ? len : PUSH_LOOP_BUFFER;
        memmove(buf, at, n);
        conn_take(c, buf, n);
    }
}

push_conn_t *push_conn_accept(push_conns_t *conns, int fd, const void *head,
                              apr_size_t len)
{
    push_conn_t *c = conn_make(conns, fd, conns->slab);

    if (c != NULL) {
        conn_feed(c, head, len);
    }
    return c;
}

/* --- through httpd -------------------------------------------------------- */

static conn_given_t *given_of(const push_conn_t *c)
{
    return (conn_given_t *)(void *)((char *)c + c->all->tls_at);
}

push_conn_t *push_conn_adopt(push_conns_t *conns, int fd,
                             const push_given_t *given, const void *bytes,
                             apr_size_t len)
{
    push_conn_t *c = conn_make(conns, fd, conns->given_slab);
    conn_given_t *g;

    if (c == NULL) {
        return NULL;
    }
    c->given = 1;
    g = given_of(c);
    g->ip = given->ip;
    g->secure = given->secure;
    g->identity = NULL;
    if (given->identity != NULL) {
        g->identity = malloc(sizeof(*g->identity));
        if (g->identity != NULL) { /* else it is nobody's */
            *g->identity = *given->identity;
        }
    }
    conn_count(&conns->counters.adopted, 1);
    conn_count(&conns->counters.bytes_in, len);
    conn_feed(c, bytes, len);
    if (c->state == PUSH_CONN_HTTP && c->parked != CONN_PARKED) {
        conn_http_stray(c);
    }
    return c;
}

/* httpd may not have closed its copy yet. Until then our close() would leave the
 * socket open for the client and, with a slot that is free, in the epoll set. */
static void given_leave(push_conn_t *c)
{
    push_loop_unwatch(c->all->loop, &c->watch);
    shutdown(c->watch.fd, SHUT_RDWR);
    push_conn_identity_drop(c);
}

const chat_identity_t *push_conn_identity(const push_conn_t *c)
{
    return c->given ? given_of(c)->identity : NULL;
}

void push_conn_identity_drop(push_conn_t *c)
{
    if (c->given) {
        free(given_of(c)->identity);
        given_of(c)->identity = NULL;
    }
}

/* --- requests that are put aside ------------------------------------------ */

int push_conn_park(push_conn_t *c)
{
    push_conns_t *conns = c->all;

    if (c->state != PUSH_CONN_HTTP || c->parked != CONN_NOT_PARKED ||
        !conns->bodiless || conns->nparked == PUSH_CONNS_PARKED) {
        return 0;
    }
    c->parked = CONN_PARKED;
    conns->parked[conns->nparked++] = c;
    conn_rewatch(c);
    return 1;
}

apr_uint32_t push_conns_parked(const push_conns_t *conns)
{
    return conns->nparked;
}

/* Nobody's slot is given away before the turn ends. */
void push_conns_unpark(push_conns_t *conns, apr_uint32_t n)
{
    push_conn_t *first[PUSH_CONNS_PARKED];
    push_conn_t *c;
    apr_uint32_t i;

    memcpy(first, conns->parked, n * sizeof(first[0]));
    conns->nparked -= n;
    memmove(conns->parked, conns->parked + n,
            conns->nparked * sizeof(conns->parked[0]));
    for (i = 0; i < n; i++) {
        c = first[i];
        if (c == NULL || c->parked != CONN_PARKED) {
            continue;
        }
        c->parked = CONN_RESUMED;
        conn_rewatch(c);
        if (c->state == PUSH_CONN_HTTP) {
            conn_take(c, (char *)push_loop_buffer(conns->loop), 0);
        }
    }
}

/* --- the end -------------------------------------------------------------- */

static void conn_free(push_conn_t *c)
{
    if (c->tls) {
        conn_count(&c->all->counters.secure, (apr_uint64_t)-1);
        conn_tls_free(c);
    }
    if (c->given) {
        given_leave(c);
    }
    conn_queue_free(c);
    conn_input_free(c->in);
    close(c->watch.fd);
}

static void slot_free(void *slot, void *baton)
{
    (void)baton;
    conn_free(slot);
}

static apr_status_t conns_cleanup(void *baton)
{
    push_conns_t *conns = baton;

    push_slab_each(conns->slab, slot_free, NULL);
    push_slab_each(conns->tls_slab, slot_free, NULL);
    push_slab_each(conns->given_slab, slot_free, NULL);
    push_deflate_clear(&conns->deflate);
    return APR_SUCCESS;
}

static int crowd_begin(void)
{
    struct rlimit limit;

    if (getrlimit(RLIMIT_NOFILE, &limit) != 0 ||
        limit.rlim_cur == RLIM_INFINITY || limit.rlim_cur > APR_INT32_MAX) {
        return APR_INT32_MAX;
    }
    return (int)limit.rlim_cur > 2 * CROWD_RESERVE
               ? (int)limit.rlim_cur - CROWD_RESERVE
               : APR_INT32_MAX;
}

/* --- telling and reaping ------------------------------------------------- */

/* Count a connection's end and let the protocol know, once. */
static void conn_tell(push_conn_t *c)
{
    push_counters_t *counters = &c->all->counters;

    if (c->told) {
        return;
    }
    c->told = 1;
    if (c->code == 0) {
        conn_count(&counters->http_ends[c->why], 1);
        return;
    }
    conn_count(&counters->ends[c->why], 1);
    conn_count(&counters->closes[push_close_slot(c->code)], 1);
    c->all->proto->closed(c, (push_end_t)c->why, c->code);
}

/* A closing connection keeps its slot for its last words, but not the input it
 * will never finish. */
static void closing_tell(push_conns_t *conns)
{
    push_conn_t *c = conns->untold;

    conns->untold = c->next;
    conn_input_free(c->in);
    c->in = NULL;
    conn_tell(c);
}

static void dead_reap(push_conn_t *c)
{
    conn_tell(c);
    state_leave(c);
    conn_free(c);
    push_slab_give(c->tls     ? c->all->tls_slab
                   : c->given ? c->all->given_slab
                              : c->all->slab,
                   c);
}

/* Telling one may end others (a member left, and who hears of it is too slow),
 * so this goes on until nobody is left. */
static void conns_turn_end(push_loop_t *loop, void *baton)
{
    push_conns_t *conns = baton;
    const conn_list_t *dead = &conns->lists[PUSH_CONN_DEAD];

    (void)loop;
    conns->cost = 0;
    while (conns->untold != NULL || dead->first != NULL) {
        if (conns->untold != NULL) {
            closing_tell(conns);
        }
        else {
            dead_reap(dead->first);
        }
    }
}

/* --- ticking ------------------------------------------------------------- */

static void date_renew(push_conns_t *conns)
{
    apr_rfc822_date(conns->date, apr_time_now());
}

/* The first of a list when its time is over. */
static push_conn_t *overdue(push_conns_t *conns, push_conn_state_t state,
                            apr_uint32_t now)
{
    push_conn_t *c = conns->lists[state].first;

    return c != NULL && now >= c->deadline ? c : NULL;
}

/* OPEN: the next look is in that second. */
static void conn_put_off(push_conn_t *c, apr_uint32_t second, apr_uint32_t now)
{
    list_remove(list_of(c), c);
    c->deadline = second <= now                ? now + 1
                  : second - now >= CONN_WHEEL ? now + CONN_WHEEL - 1
                                               : second;
    list_add(list_of(c), c);
}

void push_conn_look(push_conn_t *c)
{
    if (c->state == PUSH_CONN_OPEN) {
        conn_put_off(c, 0, push_loop_seconds(c->all->loop));
    }
}

/* Look at the WebSockets of one list whose second has come: the first ones,
 * since whoever is put off goes to the end of a list.
 * @return how many of `most` are left */
static int list_sweep(push_conns_t *conns, conn_list_t *list, apr_uint32_t now,
                      int most)
{
    apr_uint32_t next;
    push_conn_t *c;

    while (most > 0 && (c = list->first) != NULL && c->deadline <= now) {
        next = conns->proto->sweep(c, now);
        if (c->state == PUSH_CONN_OPEN) {
            conn_put_off(c, next, now);
        }
        most--;
    }
    return most;
}

/* Turn the wheel up to now. Ten thousand that have come in one second may all
 * want to be asked in one second: others have their turns in between. */
static void conns_sweep(push_conns_t *conns, apr_uint32_t now)
{
    int left = SWEEP_SLICE;

    if (now - conns->swept > CONN_WHEEL) {
        conns->swept = now - CONN_WHEEL;
    }
    while (conns->swept != now) {
        left = list_sweep(conns, &conns->wheel[(conns->swept + 1) % CONN_WHEEL],
                          now, left);
        if (left == 0) {
            break;
        }
        conns->swept++;
    }
    if (left == 0 && !conns->sweeping_posted) {
        conns->sweeping_posted = 1;
        push_loop_post(conns->loop, &conns->sweeping);
    }
}

static void run_sweeping(push_loop_t *loop, push_task_t *task)
{
    push_conns_t *conns = (push_conns_t *)(void *)((char *)task -
                                                   offsetof(push_conns_t,
                                                            sweeping));

    conns->sweeping_posted = 0;
    conns_sweep(conns, push_loop_seconds(loop));
}

/* The time of a closing one is over. An answer that is still being read has as long
 * as on a connection that stays. */
static void closing_expire(push_conn_t *c, apr_uint32_t now)
{
    if (c->code == 0 && c->out != NULL &&
        now < c->heard + c->all->proto->http_idle) {
        conn_restart(c);
    }
    else {
        push_conn_kill(c, PUSH_END_TIMEOUT);
    }
}

static void conns_tick(push_loop_t *loop, void *baton)
{
    push_conns_t *conns = baton;
    apr_uint32_t now = push_loop_seconds(loop);
    push_conn_t *c;

    date_renew(conns);
    while ((c = overdue(conns, PUSH_CONN_HTTP, now)) != NULL) {
        conn_http_expire(c);
    }
    while ((c = overdue(conns, PUSH_CONN_CLOSING, now)) != NULL) {
        closing_expire(c, now);
    }
    conns_sweep(conns, now);
}

apr_status_t push_conns_create(push_conns_t **out, push_loop_t *loop,
                               const push_protocol_t *proto, apr_pool_t *p)
{
    push_conns_t *conns = apr_pcalloc(p, sizeof(*conns));
    apr_status_t rv;

    conns->loop = loop;
    conns->proto = proto;
    conns->crowd = crowd_begin();
    conns->cork = apr_palloc(p, CONN_CORK);
    conns->tls_at = APR_ALIGN(CONN_SIZE + proto->client_size, 16);
    rv = push_slab_create(&conns->slab, CONN_SIZE + proto->client_size, p);
    if (rv == APR_SUCCESS) {
        rv = push_slab_create(&conns->tls_slab,
                              conns->tls_at + sizeof(conn_tls_t), p);
    }
    if (rv == APR_SUCCESS) {
        rv = push_slab_create(&conns->given_slab,
                              conns->tls_at + sizeof(conn_given_t), p);
    }
    if (rv != APR_SUCCESS) {
        return rv;
    }
    /* Runs before the slab's own, which was registered earlier. */
    apr_pool_cleanup_register(p, conns, conns_cleanup, apr_pool_cleanup_null);
    date_renew(conns);
    conns->swept = push_loop_seconds(loop);
    conns->sweeping.run = run_sweeping;
    push_loop_on_tick(loop, conns_tick, conns);
    push_loop_on_turn_end(loop, conns_turn_end, conns);
    *out = conns;
    return APR_SUCCESS;
}

/* --- asking -------------------------------------------------------------- */

void push_conns_number(push_conns_t *conns, apr_uint64_t first)
{
    conns->next_id = first - 1;
}

void *push_conn_client(push_conn_t *c) { return (char *)c + CONN_SIZE; }

push_conn_t *push_conn_of(void *client)
{
    return (push_conn_t *)((char *)client - CONN_SIZE);
}

push_loop_t *push_conn_loop(const push_conn_t *c) { return c->all->loop; }

push_conns_t *push_conn_all(const push_conn_t *c) { return c->all; }

push_loop_t *push_conns_loop(const push_conns_t *conns) { return conns->loop; }

push_conn_state_t push_conn_state(const push_conn_t *c)
{
    return (push_conn_state_t)c->state;
}

apr_uint32_t push_conn_heard(const push_conn_t *c) { return c->heard; }

int push_conn_fd(const push_conn_t *c) { return c->watch.fd; }

const char *push_end_name(push_end_t why)
{
    static const char *const names[] = { "peer", "server", "slow", "timeout",
                                         "error" };

    return names[why];
}

apr_uint64_t push_conn_id(const push_conn_t *c) { return c->id; }

int push_conn_crowded(const push_conn_t *c)
{
    return c->watch.fd >= c->all->crowd;
}

int push_conn_is_tls(const push_conn_t *c)
{
    return c->tls || (c->given && given_of(c)->secure);
}

void push_conn_ip(const push_conn_t *c, push_ip_t *ip)
{
    struct sockaddr_storage ss;
    socklen_t len = sizeof(ss);

    if (c->given) {
        *ip = given_of(c)->ip;
        return;
    }
    memset(&ss, 0, sizeof(ss));
    ss.ss_family = AF_UNSPEC;
    getpeername(c->watch.fd, (struct sockaddr *)&ss, &len);
    push_ip_of(ip, (struct sockaddr *)&ss);
}

void push_conn_address(const push_conn_t *c, char out[PUSH_IP_TEXT])
{
    push_ip_t ip;

    push_conn_ip(c, &ip);
    push_ip_text(&ip, out);
}

/* What push_conns_each() looks for. */
typedef struct {
    push_conn_state_t state;
    void (*fn)(push_conn_t *c, void *baton);
    void *baton;
} each_t;

static void slot_visit(void *slot, void *baton)
{
    const each_t *each = baton;
    push_conn_t *c = slot;

    if (c->state == each->state) {
        each->fn(c, each->baton);
    }
}

push_conn_t *push_conns_first(push_conns_t *conns, push_conn_state_t state)
{
    push_conn_t *c = conns->lists[state].first;
    apr_uint32_t i;

    for (i = 1; state == PUSH_CONN_OPEN && c == NULL && i <= CONN_WHEEL; i++) {
        c = conns->wheel[(conns->swept + i) % CONN_WHEEL].first;
    }
    return c;
}

apr_size_t push_conns_retire(push_conns_t *conns)
{
    const push_conn_t *c = conns->lists[PUSH_CONN_HTTP].first;
    apr_size_t busy = 0;

    conns->retiring = 1;
    for (; c != NULL; c = c->next) {
        busy += c->in != NULL || c->out != NULL;
    }
    return busy;
}

/* Through the slab and not the list: fn may move any connection to another
 * list, but slots stay where they are until the turn ends. */
void push_conns_each(push_conns_t *conns, push_conn_state_t state,
                     void (*fn)(push_conn_t *c, void *baton), void *baton)
{
    each_t each = { state, fn, baton };

    push_slab_each(conns->slab, slot_visit, &each);
    push_slab_each(conns->tls_slab, slot_visit, &each);
    push_slab_each(conns->given_slab, slot_visit, &each);
}

apr_size_t push_conns_count(const push_conns_t *conns, push_conn_state_t s)
{
    return (apr_size_t)push_counter_get(&conns->counters.states[s]);
}

apr_size_t push_conns_queued(const push_conns_t *conns)
{
    return (apr_size_t)push_counter_get(&conns->counters.queued);
}

const push_counters_t *push_conns_counters(const push_conns_t *conns)
{
    return &conns->counters;
}

/* Codes with a place of their own; then what the others share: the first class
 * that begins at the code or below. */
/* clang-format off */
static const struct {
    int code;
    const char *name;
} codes[] = {
    { 1000, "1000" }, { 1001, "1001" }, { 1002, "1002" }, { 1003, "1003" }, { 1005, "1005" },
    { 1006, "1006" }, { 1007, "1007" }, { 1008, "1008" }, { 1009, "1009" }, { 1010, "1010" },
    { 1011, "1011" }, { 1012, "1012" }, { 1013, "1013" }, { 4000, "4000" }, { 4001, "4001" },
    { 4003, "4003" }, { 4004, "4004" }, { 4005, "4005" }, { 4006, "4006" }, { 4007, "4007" },
    { 4008, "4008" }, { 4009, "4009" }, { 4100, "4100" }, { 4200, "4200" }, { 4201, "4201" },
    { 4202, "4202" }, { 4300, "4300" }, { 4301, "4301" }, { 4302, "4302" },
};
static const struct {
    int from;
    const char *name;
} classes[] = {
    { 5000, "other" }, { 4400, "4xxx" }, { 4300, "43xx" }, { 4200, "42xx" },
    { 4100, "41xx" },  { 4000, "40xx" }, { 3000, "3xxx" }, { 0, "1xxx" },
};
/* clang-format on */
#define CODES (int)(sizeof(codes) / sizeof(codes[0]))
#define CLASSES (int)(sizeof(classes) / sizeof(classes[0]))
_Static_assert(PUSH_CLOSES == sizeof(codes) / sizeof(codes[0]) +
                                  sizeof(classes) / sizeof(classes[0]),
               "every code and class has its counter");

int push_close_slot(int code)
{
    int i;

    for (i = 0; i < CODES; i++) {
        if (codes[i].code == code) {
            return i;
        }
    }
    for (i = 0; i < CLASSES - 1 && code < classes[i].from; i++) {
    }
    return CODES + i;
}

const char *push_close_name(int slot)
{
    return slot < CODES ? codes[slot].name : classes[slot - CODES].name;
}
