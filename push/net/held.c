/* SPDX-License-Identifier: Apache-2.0 */
/*
 * held.c - see held.h.
 *
 * One table of sockets: those we were given and those we have opened. A name is
 * "tcp.127.0.0.1.6001" or "unix.DEVICE.INODE"; the store removes by name, and
 * all of a name are of one address.
 */
#include "held.h"
#include "notify.h"

#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/un.h>
#include <unistd.h>
#include <apr_strings.h>
#include <apr_tables.h>

#define FIRST 3   /* SD_LISTEN_FDS_START */
#define MOST 1024 /* sockets; as many as our unit's store holds */
#define NAME 256  /* a name has at most 255 bytes (FDNAME) */

typedef enum {
    GIVEN, /* to us, and not taken yet */
    OURS,  /* we listen on it */
    GONE   /* closed */
} state_t;

typedef struct {
    int fd; /* who listens closes it */
    state_t state;
    int inherited; /* it was there before us; the rest of what it is: */
    int type;      /* SOCK_STREAM or SOCK_SEQPACKET */
    int v6only;
    int again; /* a copy for the next process; -1: none */
    union {
        struct sockaddr any;
        struct sockaddr_in in;
        struct sockaddr_in6 in6;
        struct sockaddr_un un;
    } at;            /* of one that was inherited */
    char name[NAME]; /* to who keeps it */
} held_t;

static apr_array_header_t *table;      /* of held_t */
static int outlive;                    /* somebody keeps what we open */
static int stored;                     /* and it is systemd's store */
static apr_array_header_t *complaints; /* of texts */
static apr_pool_t *pool;

static held_t *held_at(int i) { return &APR_ARRAY_IDX(table, i, held_t); }

/* 0 also where push_held_begin() was not called, in a test. */
static int held_count(void) { return table != NULL ? table->nelts : 0; }

static held_t *add(int fd, state_t state, const char *name)
{
    held_t *h;

    if (table->nelts == MOST) {
        return NULL;
    }
    h = apr_array_push(table);
    memset(h, 0, sizeof(*h));
    h->fd = fd;
    h->state = state;
    h->again = -1;
    apr_cpystrn(h->name, name, sizeof(h->name));
    return h;
}

static int option_of(int fd, int level, int option)
{
    int value = -1;
    socklen_t len = sizeof(value);

    return getsockopt(fd, level, option, &value, &len) == 0 ? value : -1;
}

/* --- what we were given -------------------------------------------------- */

static void complain(int fd, const char *name, const char *what)
{
    APR_ARRAY_PUSH(complaints, const char *) = apr_psprintf(
        pool, "inherited descriptor %d (%s) %s: not used", fd, name, what);
}

/* What keeps a descriptor from being listened on; NULL: nothing. */
static const char *unfit(int fd)
{
    int domain, type;

    if (fcntl(fd, F_GETFD) < 0) {
        return "is announced by LISTEN_FDS and not open";
    }
    domain = option_of(fd, SOL_SOCKET, SO_DOMAIN);
    type = option_of(fd, SOL_SOCKET, SO_TYPE);
    if (domain < 0) {
        return "is no socket";
    }
    if (domain != AF_INET && domain != AF_INET6 && domain != AF_UNIX) {
        return "is neither a TCP nor a Unix socket";
    }
    if (type != SOCK_STREAM && (type != SOCK_SEQPACKET || domain != AF_UNIX)) {
        return "is a socket of another type than we listen on";
    }
    if (option_of(fd, SOL_SOCKET, SO_ACCEPTCONN) != 1) {
        return "is a socket that does not listen (a socket unit must not say "
               "Accept=yes)";
    }
    return NULL;
}

static void look_at(int fd, const char *name)
{
    const char *why = unfit(fd);
    socklen_t len;
    held_t *h;

    h = why == NULL ? add(fd, GIVEN, name) : NULL;
    if (h == NULL) {
        complain(fd, name, why != NULL ? why : "is one too many");
        close(fd);
        return;
    }
    len = sizeof(h->at);
    h->inherited = 1;
    h->type = option_of(fd, SOL_SOCKET, SO_TYPE);
    h->v6only = option_of(fd, IPPROTO_IPV6, IPV6_V6ONLY) == 1;
    getsockname(fd, &h->at.any, &len);
    fcntl(fd, F_SETFD, FD_CLOEXEC);
    fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK);
}

/* How many we were given; 0 also when they are for another process. */
static long given(void)
{
    const char *pid = getenv("LISTEN_PID");
    const char *fds = getenv("LISTEN_FDS");
    char *end = NULL;
    long count;

    if (pid == NULL || fds == NULL ||
        strtoul(pid, NULL, 10) != (unsigned long)getpid()) {
        return 0;
    }
    errno = 0;
    count = strtol(fds, &end, 10);
    if (errno != 0 || end == fds || *end != '\0' || count < 0) {
        APR_ARRAY_PUSH(complaints, const char *) = apr_psprintf(
            pool, "LISTEN_FDS=%s is no number of descriptors: none is used",
            fds);
        return 0;
    }
    return count;
}

static int stored_by_systemd(void)
{
    const char *room = getenv("FDSTORE");

    return room != NULL && atoi(room) > 0 && getenv("NOTIFY_SOCKET") != NULL;
}

void push_held_begin(void)
{
    const char *names = getenv("LISTEN_FDNAMES");
    char *list, *next;
    long count, i;

    apr_pool_create(&pool, NULL); /* it outlives the process's */
    complaints = apr_array_make(pool, 4, sizeof(const char *));
    table = apr_array_make(pool, 8, sizeof(held_t));
    stored = outlive = stored_by_systemd();
    count = given();
    list = apr_pstrdup(pool, names != NULL ? names : "");
    for (i = 0; i < count && i < MOST; i++) {
        next = strsep(&list, ":");
        look_at(FIRST + (int)i,
                next != NULL && *next != '\0' ? next : "unknown");
    }
    if (count > MOST) {
        APR_ARRAY_PUSH(complaints, const char *) = apr_psprintf(
            pool, "LISTEN_FDS=%ld: more than %d sockets cannot be taken over",
            count, MOST);
        close_range(FIRST + MOST, ~0U, 0);
    }
    unsetenv("LISTEN_PID");
    unsetenv("LISTEN_FDS");
    unsetenv("LISTEN_FDNAMES");
}

void push_held_tell(void (*log)(int trouble, const char *line))
{
    int i;

    for (i = 0; i < complaints->nelts; i++) {
        log(1, APR_ARRAY_IDX(complaints, i, const char *));
    }
}

/* --- taking -------------------------------------------------------------- */

static int port_of(const struct sockaddr *sa)
{
    return ntohs(
        sa->sa_family == AF_INET6
            ? ((const struct sockaddr_in6 *)(const void *)sa)->sin6_port
            : ((const struct sockaddr_in *)(const void *)sa)->sin_port);
}

static int is_tcp(const held_t *h)
{
    return h->at.any.sa_family == AF_INET || h->at.any.sa_family == AF_INET6;
}

static int same_address(const held_t *h, const struct sockaddr *want,
                        int v6only)
{
    if (h->at.any.sa_family != want->sa_family ||
        (port_of(want) != 0 && port_of(want) != port_of(&h->at.any))) {
        return 0;
    }
    if (want->sa_family == AF_INET) {
        const struct sockaddr_in *in = (const void *)want;

        return in->sin_addr.s_addr == h->at.in.sin_addr.s_addr;
    }
    return h->v6only == v6only &&
           IN6_ARE_ADDR_EQUAL(
               &((const struct sockaddr_in6 *)(const void *)want)->sin6_addr,
               &h->at.in6.sin6_addr);
}

static void path_name(char *out, const struct stat *st)
{
    apr_snprintf(out, NAME, "unix.%" APR_UINT64_T_FMT ".%" APR_UINT64_T_FMT,
                 (apr_uint64_t)st->st_dev, (apr_uint64_t)st->st_ino);
}

/* Whether a socket is still reached by its path. One that we have stored says
 * which name it made; of another we know no more than that there is one. */
static int is_reached(const held_t *h, const struct stat *st)
{
    char name[NAME];

    path_name(name, st);
    return S_ISSOCK(st->st_mode) &&
           (strncmp(h->name, "unix.", 5) != 0 || strcmp(h->name, name) == 0);
}

int push_held_port(const struct sockaddr *want, int v6only)
{
    int i;

    for (i = 0; i < held_count(); i++) {
        held_t *h = held_at(i);

        if (h->state == GIVEN && is_tcp(h) && same_address(h, want, v6only)) {
            h->state = OURS;
            return h->fd;
        }
    }
    return -1;
}

int push_held_path(int type, const char *path, const struct stat *st)
{
    int i;

    for (i = 0; i < held_count(); i++) {
        held_t *h = held_at(i);

        if (h->state == GIVEN && h->at.any.sa_family == AF_UNIX &&
            h->type == type && strcmp(h->at.un.sun_path, path) == 0 &&
            is_reached(h, st)) {
            h->state = OURS;
            return h->fd;
        }
    }
    return -1;
}

/* --- what nobody wants --------------------------------------------------- */

static void let_go(held_t *h)
{
    if (stored) {
        push_notify(apr_psprintf(pool, "FDSTOREREMOVE=1\nFDNAME=%s", h->name));
    }
    close(h->fd);
    h->state = GONE;
}

/* The name of a socket of ours goes with it, unless it is another one's by now.
 */
static void name_remove(const held_t *h)
{
    struct stat st;

    if (!is_tcp(h) && strncmp(h->name, "unix.", 5) == 0 &&
        lstat(h->at.un.sun_path, &st) == 0 && is_reached(h, &st)) {
        unlink(h->at.un.sun_path);
    }
}

int push_held_clear(int port)
{
    int i, any = 0;

    for (i = 0; i < held_count(); i++) {
        held_t *h = held_at(i);

        if (h->state == GIVEN && is_tcp(h) && port_of(&h->at.any) == port) {
            let_go(h);
            any = 1;
        }
    }
    return any;
}

void push_held_clear_path(const char *path)
{
    int i;

    for (i = 0; i < held_count(); i++) {
        held_t *h = held_at(i);

        if (h->state == GIVEN && h->at.any.sa_family == AF_UNIX &&
            strcmp(h->at.un.sun_path, path) == 0) {
            name_remove(h);
            let_go(h);
        }
    }
}

static const char *address_of(const held_t *h)
{
    char host[NI_MAXHOST], serv[NI_MAXSERV];

    if (!is_tcp(h)) {
        return h->at.un.sun_path[0] != '\0' ? h->at.un.sun_path : "(no name)";
    }
    if (getnameinfo(&h->at.any, sizeof(h->at), host, sizeof(host), serv,
                    sizeof(serv), NI_NUMERICHOST | NI_NUMERICSERV) != 0) {
        return "(no address)";
    }
    return apr_psprintf(pool,
                        h->at.any.sa_family == AF_INET6 ? "[%s]:%s" : "%s:%s",
                        host, serv);
}

void push_held_rest(void (*log)(int trouble, const char *line))
{
    int i, taken = 0;

    for (i = 0; i < held_count(); i++) {
        held_t *h = held_at(i);

        taken += h->state == OURS && h->inherited;
        if (h->state == GIVEN) {
            log(1, apr_psprintf(pool,
                                "no setting names the inherited socket %s (%s) "
                                "any more: it is closed",
                                address_of(h), h->name));
            name_remove(h);
            let_go(h);
        }
    }
    if (taken > 0) {
        log(0, apr_psprintf(pool, "%d listening %s taken over", taken,
                            taken == 1 ? "socket" : "sockets"));
    }
}

/* --- what we open -------------------------------------------------------- */

static void keep(int fd, const char *name)
{
    if (table == NULL) {
        return; /* no process of its own: a test */
    }
    add(fd, OURS, name);
    if (stored) {
        push_notify_store(fd, name);
    }
}

void push_held_keep_port(int fd)
{
    struct sockaddr_storage at;
    socklen_t len = sizeof(at);
    char host[NI_MAXHOST], serv[NI_MAXSERV], name[NAME], *c;

    if (getsockname(fd, (struct sockaddr *)&at, &len) != 0 ||
        getnameinfo((struct sockaddr *)&at, len, host, sizeof(host), serv,
                    sizeof(serv), NI_NUMERICHOST | NI_NUMERICSERV) != 0) {
        return;
    }
    apr_snprintf(name, sizeof(name), "tcp.%.200s.%s", host, serv);
    for (c = name; *c != '\0'; c++) {
        *c = *c == ':' ? '_' : *c; /* it separates names */
    }
    keep(fd, name);
}

void push_held_keep_path(int fd, const struct stat *st)
{
    char name[NAME];

    path_name(name, st);
    keep(fd, name);
}

int push_held_outlive(void) { return outlive; }

/* --- the next process ---------------------------------------------------- */

/* The table's descriptors are closed with the listeners, so copies are made. */
void push_held_prepare(void)
{
    int i;

    for (i = 0; i < held_count(); i++) {
        held_t *h = held_at(i);

        if (h->state == OURS) {
            h->again = fcntl(h->fd, F_DUPFD_CLOEXEC, FIRST + table->nelts);
        }
    }
    outlive = 1;
}

int push_held_exec(char **argv)
{
    const char *names = "";
    int i, count = 0;

    for (i = 0; i < held_count(); i++) {
        const held_t *h = held_at(i);

        if (h->again >= 0 && dup2(h->again, FIRST + count) >= 0) {
            names = apr_pstrcat(pool, names, count > 0 ? ":" : "", h->name,
                                NULL);
            count++;
        }
    }
    setenv("LISTEN_PID", apr_psprintf(pool, "%ld", (long)getpid()), 1);
    setenv("LISTEN_FDS", apr_itoa(pool, count), 1);
    setenv("LISTEN_FDNAMES", names, 1);
    execvp(argv[0], argv);
    return errno;
}
