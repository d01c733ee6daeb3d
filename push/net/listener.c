/* SPDX-License-Identifier: Apache-2.0 */
/*
 * listener.c - accepting connections (listener.h).
 *
 * A door is one listening socket on one loop. TCP_NODELAY and TCP_USER_TIMEOUT
 * are set on it and inherited by what it accepts, which saves two system calls
 * per connection.
 */
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>
#include <apr_strings.h>

#include "held.h"
#include "listener.h"
#include "unix_socket.h"

#define BACKLOG 4096          /* the kernel lowers it to net.core.somaxconn */
#define ACCEPTS_PER_TURN 128  /* then the loop's other sockets have a turn */
#define TURNED_AWAY 16        /* clients refused before a rest */
#define USER_TIMEOUT_MS 30000 /* unacknowledged bytes end a connection */
#define CLEARED_TRIES 200     /* 10 ms each */
#define CLOSED_TRIES 1000     /* 1 ms each; a loop's turn takes tens */

typedef struct door_t door_t;
struct door_t {
    push_watch_t watch; /* first: epoll gives it back; fd is ours, -1: closed */
    push_task_t closing;
    push_conns_t *conns;
    push_tls_t *tls;    /* NULL: plain */
    push_conns_t **all; /* who takes turns, NULL: conns alone */
    int nall;
    int turn;    /* whose it is, in `all` */
    int resting; /* not watched until the next tick */
    int spare;   /* a descriptor to give up for accepting once more */
    int closed;  /* atomic: by push_listener_close() */
    door_t *next;
};

struct push_listener_t {
    door_t *doors;
    int port;
    push_unix_socket_t name; /* with a path; its fd is the door's */
};

/* A connection on its way to another loop. */
typedef struct {
    push_task_t task;
    push_conns_t *to;
    push_tls_t *tls; /* NULL: plain */
    int fd;
} handover_t;

static void accept_on(push_conns_t *conns, int fd, push_tls_t *tls)
{
    if (tls != NULL) {
        push_conn_accept_tls(conns, fd, tls);
    }
    else {
        push_conn_accept(conns, fd, NULL, 0);
    }
}

static int spare_open(void) { return open("/dev/null", O_RDONLY | O_CLOEXEC); }

static void door_rest(door_t *d)
{
    push_loop_unwatch(push_conns_loop(d->conns), &d->watch);
    d->resting = 1;
}

/* No descriptor is left: turn some of those away who wait, so that they learn
 * it now, and rest. */
static void door_turn_away(door_t *d)
{
    int i, fd;

    for (i = 0; i < TURNED_AWAY && d->spare >= 0; i++) {
        close(d->spare);
        fd = accept4(d->watch.fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (fd >= 0) {
            close(fd);
        }
        d->spare = spare_open();
        if (fd < 0) {
            break;
        }
    }
    door_rest(d);
}

/* Errors of accept() that concern one client and not us. */
static int is_passing(int err)
{
    return err == EINTR || err == ECONNABORTED || err == EPROTO ||
           err == ENETDOWN || err == EHOSTUNREACH || err == ENETUNREACH ||
           err == EHOSTDOWN || err == ENONET || err == ENOPROTOOPT ||
           err == EOPNOTSUPP || err == EPERM;
}

static void handover_run(push_loop_t *loop, push_task_t *task)
{
    handover_t *h = (handover_t *)task;

    (void)loop;
    accept_on(h->to, h->fd, h->tls);
    free(h);
}

/* @return 0: it cannot be handed over */
static int handover(push_conns_t *to, int fd, push_tls_t *tls)
{
    handover_t *h = malloc(sizeof(*h));

    if (h == NULL) {
        return 0;
    }
    h->task.run = handover_run;
    h->to = to;
    h->tls = tls;
    h->fd = fd;
    push_loop_post(push_conns_loop(to), &h->task);
    return 1;
}

/* Whose connection the next one is. */
static push_conns_t *door_turn(door_t *d)
{
    if (d->all == NULL) {
        return d->conns;
    }
    d->turn = (d->turn + 1) % d->nall;
    return d->all[d->turn];
}

static void door_give(door_t *d, int fd)
{
    push_conns_t *to = door_turn(d);

    if (to == d->conns || !handover(to, fd, d->tls)) {
        accept_on(d->conns, fd, d->tls);
    }
}

static void door_ready(push_watch_t *w, apr_uint32_t events)
{
    door_t *d = (door_t *)w;
    int i, fd;

    (void)events;
    for (i = 0; i < ACCEPTS_PER_TURN; i++) {
        fd = accept4(w->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (fd >= 0) {
            door_give(d, fd);
        }
        else if (errno == EAGAIN) {
            return;
        }
        else if (errno == EMFILE || errno == ENFILE) {
            door_turn_away(d);
            return;
        }
        else if (!is_passing(errno)) {
            door_rest(d);
            return;
        }
    }
}

static void door_tick(push_loop_t *loop, void *baton)
{
    door_t *d = baton;

    if (d->watch.fd < 0) {
        return;
    }
    if (d->spare < 0) {
        d->spare = spare_open();
    }
    if (d->resting &&
        push_loop_watch(loop, &d->watch, EPOLLIN) == APR_SUCCESS) {
        d->resting = 0;
    }
}

static void door_close(door_t *d)
{
    if (d->spare >= 0) {
        close(d->spare);
        d->spare = -1;
    }
    if (d->watch.fd >= 0) {
        close(d->watch.fd);
        d->watch.fd = -1;
    }
}

static apr_status_t door_cleanup(void *baton)
{
    door_close(baton);
    return APR_SUCCESS;
}

static void close_run(push_loop_t *loop, push_task_t *task)
{
    door_t *d = (door_t *)((char *)task - offsetof(door_t, closing));

    if (!d->resting) {
        push_loop_unwatch(loop, &d->watch);
    }
    door_close(d);
    __atomic_store_n(&d->closed, 1, __ATOMIC_RELEASE);
}

void push_listener_close(push_listener_t *listener)
{
    door_t *d;

    push_unix_socket_remove(&listener->name);
    for (d = listener->doors; d != NULL; d = d->next) {
        d->closing.run = close_run;
        push_loop_post(push_conns_loop(d->conns), &d->closing);
    }
}

void push_listener_closed(const push_listener_t *listener)
{
    const struct timespec step = { 0, 1000000 };
    const door_t *d;
    int left = CLOSED_TRIES;

    for (d = listener->doors; d != NULL; d = d->next) {
        while (!__atomic_load_n(&d->closed, __ATOMIC_ACQUIRE) && left-- > 0) {
            nanosleep(&step, NULL);
        }
    }
}

void push_listener_secure(push_listener_t *listener, push_tls_t *tls)
{
    door_t *d;

    for (d = listener->doors; d != NULL; d = d->next) {
        d->tls = tls;
    }
}

int push_listener_port(const push_listener_t *listener)
{
    return listener->port;
}

/* --- opening ------------------------------------------------------------- */

static void port_set(struct sockaddr *sa, int port)
{
    if (sa->sa_family == AF_INET6) {
        ((struct sockaddr_in6 *)sa)->sin6_port = htons((apr_uint16_t)port);
    }
    else {
        ((struct sockaddr_in *)sa)->sin_port = htons((apr_uint16_t)port);
    }
}

static int port_get(int fd)
{
    struct sockaddr_storage ss;
    socklen_t len = sizeof(ss);

    if (getsockname(fd, (struct sockaddr *)&ss, &len) != 0) {
        return 0;
    }
    return ntohs(ss.ss_family == AF_INET6
                     ? ((struct sockaddr_in6 *)&ss)->sin6_port
                     : ((struct sockaddr_in *)&ss)->sin_port);
}

static int option_set(int fd, int level, int name, int value)
{
    return setsockopt(fd, level, name, &value, sizeof(value));
}

/* A socket bound to an address; errno tells when it is -1. */
static int socket_bind(const struct addrinfo *ai, int both, int shared)
{
    int err, fd = socket(ai->ai_family,
                         SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

    if (fd < 0) {
        return -1;
    }
    if (option_set(fd, SOL_SOCKET, SO_REUSEADDR, 1) == 0 &&
        (!shared || option_set(fd, SOL_SOCKET, SO_REUSEPORT, 1) == 0) &&
        (ai->ai_family != AF_INET6 ||
         option_set(fd, IPPROTO_IPV6, IPV6_V6ONLY, !both) == 0) &&
        bind(fd, ai->ai_addr, ai->ai_addrlen) == 0) {
        return fd;
    }
    err = errno;
    close(fd);
    errno = err;
    return -1;
}

static int socket_prepare(int fd)
{
    return option_set(fd, IPPROTO_TCP, TCP_NODELAY, 1) == 0 &&
           option_set(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, USER_TIMEOUT_MS) ==
               0 &&
           listen(fd, BACKLOG) == 0;
}

static int socket_listen(const struct addrinfo *ai, int both, int shared)
{
    int err, fd = socket_bind(ai, both, shared);

    if (fd < 0) {
        return -1;
    }
    if (socket_prepare(fd)) {
        return fd;
    }
    err = errno;
    close(fd);
    errno = err;
    return -1;
}

static apr_status_t door_open(push_listener_t *l, int fd, push_conns_t *conns,
                              apr_pool_t *p)
{
    push_loop_t *loop = push_conns_loop(conns);
    door_t *d = apr_pcalloc(p, sizeof(*d));

    d->watch.fd = fd;
    d->watch.ready = door_ready;
    d->conns = conns;
    d->spare = spare_open();
    d->next = l->doors;
    l->doors = d;
    apr_pool_cleanup_register(p, d, door_cleanup, apr_pool_cleanup_null);
    push_loop_on_tick(loop, door_tick, d);
    return push_loop_watch(loop, &d->watch, EPOLLIN);
}

/* Whether nobody else has the address. */
static apr_status_t address_probe(const struct addrinfo *ai, int both)
{
    int fd = socket_listen(ai, both, 0);

    if (fd < 0) {
        return APR_FROM_OS_ERROR(errno);
    }
    close(fd);
    return APR_SUCCESS;
}

/* Connections of this one go to all loops in turn. */
static void door_share(door_t *d, push_conns_t *const *conns, int n,
                       apr_pool_t *p)
{
    d->all = apr_pmemdup(p, conns, (apr_size_t)n * sizeof(*conns));
    d->nall = n;
}

/* The sockets we were given for an address, all of them: clients wait in each.
 * @return how many */
static int held_open(push_listener_t *l, struct addrinfo *ai, int both,
                     push_conns_t *const *conns, int n, apr_pool_t *p)
{
    door_t *const before = l->doors;
    door_t *d;
    int fd, m = 0;

    while ((fd = push_held_port(ai->ai_addr, !both)) >= 0) {
        if (l->port == 0) {
            l->port = port_get(fd);
            port_set(ai->ai_addr, l->port);
        }
        socket_prepare(fd);
        door_open(l, fd, conns[m % n], p);
        m++;
    }
    for (d = l->doors; d != before && m < n; d = d->next) {
        door_share(d, conns, n, p);
    }
    return m;
}

/* One socket for each loop. The first one settles the port when any will do. */
static apr_status_t sockets_open(push_listener_t *l, struct addrinfo *ai,
                                 int both, push_conns_t *const *conns, int n,
                                 apr_pool_t *p)
{
    apr_status_t rv = APR_SUCCESS;
    int i, fd;

    if (n > 1 && l->port != 0) {
        rv = address_probe(ai, both);
    }
    for (i = 0; i < n && rv == APR_SUCCESS; i++) {
        fd = socket_listen(ai, both, n > 1);
        if (fd < 0) {
            return APR_FROM_OS_ERROR(errno);
        }
        if (l->port == 0) {
            l->port = port_get(fd);
            port_set(ai->ai_addr, l->port);
        }
        push_held_keep_port(fd);
        rv = door_open(l, fd, conns[i], p);
    }
    return rv;
}

static apr_status_t address_open(push_listener_t *l, struct addrinfo *ai,
                                 int both, push_conns_t *const *conns, int n,
                                 apr_pool_t *p)
{
    const struct timespec step = { 0, 10000000 };
    apr_status_t rv;
    int i;

    port_set(ai->ai_addr, l->port);
    if (held_open(l, ai, both, conns, n, p) > 0) {
        return APR_SUCCESS;
    }
    rv = sockets_open(l, ai, both, conns, n, p);
    if (rv != APR_FROM_OS_ERROR(EADDRINUSE) || !push_held_clear(l->port)) {
        return rv;
    }
    /* The port is the same and the address another: what we were given had it,
     * and so has who keeps it, until our word has reached it. */
    for (i = 0; i < CLEARED_TRIES && rv == APR_FROM_OS_ERROR(EADDRINUSE); i++) {
        nanosleep(&step, NULL);
        rv = sockets_open(l, ai, both, conns, n, p);
    }
    return rv;
}

/* "127.0.0.1:6001" or "[::1]:6001" */
static const char *address_name(const struct addrinfo *ai, apr_pool_t *p)
{
    char host[NI_MAXHOST], serv[NI_MAXSERV];

    if (getnameinfo(ai->ai_addr, ai->ai_addrlen, host, sizeof(host), serv,
                    sizeof(serv), NI_NUMERICHOST | NI_NUMERICSERV) != 0) {
        return "the address";
    }
    return apr_psprintf(p, ai->ai_family == AF_INET6 ? "[%s]:%s" : "%s:%s",
                        host, serv);
}

static const char *open_failure(const struct addrinfo *ai, apr_status_t rv,
                                apr_pool_t *p)
{
    char text[128];

    if (rv == APR_FROM_OS_ERROR(EADDRINUSE)) {
        return apr_psprintf(p, "cannot listen on %s: another process has it",
                            address_name(ai, p));
    }
    return apr_psprintf(p, "cannot listen on %s: %s", address_name(ai, p),
                        apr_strerror(rv, text, sizeof(text)));
}

static int is_any6(const struct addrinfo *ai)
{
    return ai->ai_family == AF_INET6 &&
           IN6_IS_ADDR_UNSPECIFIED(
               &((struct sockaddr_in6 *)ai->ai_addr)->sin6_addr);
}

/* A family or address this machine does not have, though a name or "::" gave
 * it: the others may do. */
static int is_absent(apr_status_t rv)
{
    return rv == APR_FROM_OS_ERROR(EAFNOSUPPORT) ||
           rv == APR_FROM_OS_ERROR(EADDRNOTAVAIL);
}

/* Listen on every address of a name. */
static apr_status_t name_open(push_listener_t *l, push_conns_t *const *conns,
                              int n, const char *name, const char **why,
                              apr_pool_t *p)
{
    struct addrinfo hints = { .ai_socktype = SOCK_STREAM,
                              .ai_flags = AI_PASSIVE | AI_NUMERICSERV };
    apr_status_t rv = APR_SUCCESS;
    struct addrinfo *list, *ai;
    int err;

    err = getaddrinfo(name, "0", &hints, &list);
    if (err != 0) {
        *why = apr_psprintf(p, "cannot listen on \"%s\": %s", name,
                            gai_strerror(err));
        return APR_EINVAL;
    }
    for (ai = list; ai != NULL; ai = ai->ai_next) {
        /* "::" means IPv4 as well, as everywhere else. */
        rv = address_open(l, ai, is_any6(ai), conns, n, p);
        if (rv != APR_SUCCESS) {
            *why = open_failure(ai, rv, p);
        }
        if (rv != APR_SUCCESS && !is_absent(rv)) {
            break;
        }
    }
    freeaddrinfo(list);
    return l->doors != NULL && is_absent(rv) ? APR_SUCCESS : rv;
}

apr_status_t push_listener_open(push_listener_t **out,
                                push_conns_t *const *conns, int n,
                                const char *host, int port, const char **why,
                                apr_pool_t *p)
{
    push_listener_t *l = apr_pcalloc(p, sizeof(*l));
    apr_status_t rv;

    l->port = port;
    rv = name_open(l, conns, n, host != NULL ? host : "::", why, p);
    if (host == NULL && is_absent(rv)) {
        rv = name_open(l, conns, n, "0.0.0.0", why, p);
    }
    *out = l;
    return rv;
}

static apr_status_t name_cleanup(void *baton)
{
    push_unix_socket_remove(baton);
    return APR_SUCCESS;
}

apr_status_t push_listener_open_path(push_listener_t **out,
                                     push_conns_t *const *conns, int n,
                                     const char *path, int mode,
                                     const char **why, apr_pool_t *p)
{
    push_listener_t *l = apr_pcalloc(p, sizeof(*l));
    apr_status_t rv;

    *out = l;
    l->name.type = SOCK_STREAM;
    rv = push_unix_socket_open(&l->name, path, (mode_t)mode, BACKLOG, why, p);
    if (rv != APR_SUCCESS) {
        return rv;
    }
    apr_pool_cleanup_register(p, &l->name, name_cleanup, apr_pool_cleanup_null);
    rv = door_open(l, l->name.fd, conns[0], p);
    if (rv != APR_SUCCESS) {
        *why = apr_psprintf(p, "cannot listen on %s", path);
        return rv;
    }
    if (n > 1) {
        door_share(l->doors, conns, n, p);
    }
    return APR_SUCCESS;
}
