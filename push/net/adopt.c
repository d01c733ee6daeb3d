/* SPDX-License-Identifier: Apache-2.0 */
/*
 * adopt.c - sockets that httpd hands over (adopt.h).
 *
 * A link is never read further than the loop's other sockets can bear, and what
 * is sent to it is 8 bytes for each question: if these do not fit, the other
 * side does not read its answers and is dropped.
 */
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>
#include <apr_strings.h>

#include "adopt.h"
#include "handoff.h"
#include "unix_socket.h"

#define BACKLOG 1024
#define ACCEPTS_PER_TURN 64
#define MESSAGES_PER_TURN 64  /* of a link; then the others have a turn */
#define GROUPS_MAX 256        /* groups of a peer that are looked at */
#define USER_TIMEOUT_MS 30000 /* as of the sockets listener.c accepts */

typedef struct link_t link_t;
struct link_t {
    push_watch_t watch; /* first; fd is ours */
    push_adopt_t *adopt;
    link_t *next, *prev;
};

struct push_adopt_t {
    push_watch_t watch; /* first: the listening socket; fd -1: closed */
    push_task_t closing;
    push_conns_t *const *conns;
    int n;
    int turn;    /* whose the next socket is */
    int resting; /* no descriptor was left: not watched until the next tick */
    link_t *links;
    push_unix_socket_t name; /* main.c's thread removes it */
    const char *path;        /* the same, for ours */
    void (*note)(const chat_handoff_note_t *note); /* NULL: nobody cares */
    void (*log)(int trouble, const char *line);
    apr_uint32_t told; /* monotonic second of the last line: one a second */
    unsigned char message[CHAT_HANDOFF_MAX + 1]; /* one more: a longer one
                                                    shows */
};

/* A socket on its way to its loop. */
typedef struct {
    push_task_t task;
    push_conns_t *to;
    int fd;
    push_given_t given;
    chat_identity_t identity;
    apr_size_t len;
    char bytes[];
} parcel_t;

static push_loop_t *loop_of(const push_adopt_t *a)
{
    return push_conns_loop(a->conns[0]);
}

/* Whoever can connect can make us say this: not more than once a second. */
static void complain(push_adopt_t *a, const char *line)
{
    apr_uint32_t now = push_loop_seconds(loop_of(a));

    if (a->told != now) {
        a->told = now;
        a->log(1, line);
    }
}

/* --- who may ------------------------------------------------------------- */

/* Whether a peer has a group, as the kernel knew it when it connected. */
static int has_group(int fd, gid_t primary, gid_t wanted)
{
    gid_t groups[GROUPS_MAX];
    socklen_t len = sizeof(groups);
    apr_size_t i;

    if (primary == wanted) {
        return 1;
    }
    if (getsockopt(fd, SOL_SOCKET, SO_PEERGROUPS, groups, &len) != 0) {
        return 0;
    }
    for (i = 0; i < len / sizeof(gid_t); i++) {
        if (groups[i] == wanted) {
            return 1;
        }
    }
    return 0;
}

/* The mode of the name and of its directory say the same, unless somebody has
 * made them too wide. */
static int peer_allowed(const push_adopt_t *a, int fd, struct ucred *peer)
{
    socklen_t len = sizeof(*peer);
    struct stat st;

    if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, peer, &len) != 0) {
        peer->uid = (uid_t)-1;
        return 0;
    }
    return peer->uid == 0 || peer->uid == geteuid() ||
           (lstat(a->path, &st) == 0 && has_group(fd, peer->gid, st.st_gid));
}

/* --- links --------------------------------------------------------------- */

static void link_close(link_t *l)
{
    push_adopt_t *a = l->adopt;

    push_loop_unwatch(loop_of(a), &l->watch);
    close(l->watch.fd);
    if (l->prev != NULL) {
        l->prev->next = l->next;
    }
    else {
        a->links = l->next;
    }
    if (l->next != NULL) {
        l->next->prev = l->prev;
    }
    free(l);
}

/* Whether there is a descriptor for what would be given next. */
static int has_room(int fd)
{
    int probe = fcntl(fd, F_DUPFD_CLOEXEC, 0);

    if (probe < 0) {
        return 0;
    }
    close(probe);
    return 1;
}

static int answer(const link_t *l, chat_handoff_verdict_t verdict)
{
    unsigned char out[CHAT_HANDOFF_SHORT];
    apr_size_t n = chat_handoff_answer(out, verdict);

    return send(l->watch.fd, out, n, MSG_DONTWAIT | MSG_NOSIGNAL) == (ssize_t)n;
}

/* --- sockets ------------------------------------------------------------- */

static void parcel_run(push_loop_t *loop, push_task_t *task)
{
    parcel_t *parcel = (parcel_t *)task;

    (void)loop;
    push_conn_adopt(parcel->to, parcel->fd, &parcel->given, parcel->bytes,
                    parcel->len);
    free(parcel);
}

/* Not blocking, and lost bytes end it soon: as listener.c's are. httpd has
 * closed its copy or is about to, so nobody else minds. */
static int socket_ready(int fd)
{
    const int timeout = USER_TIMEOUT_MS, yes = 1;
    int flags = fcntl(fd, F_GETFL), type = 0;
    socklen_t len = sizeof(type);

    if (flags < 0 || fcntl(fd, F_SETFL, flags | O_NONBLOCK) != 0 ||
        getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &len) != 0 ||
        type != SOCK_STREAM) {
        return 0;
    }
    /* Of a Unix socket, which a pump may give, they fail: it needs none. */
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof(yes));
    setsockopt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &timeout, sizeof(timeout));
    return 1;
}

/* Pass a socket on. @return 0 when that cannot be; it is closed then */
static int give(push_adopt_t *a, int fd, const chat_handoff_t *m)
{
    parcel_t *parcel;

    parcel = malloc(sizeof(*parcel) + m->head_len + m->early_len);
    if (parcel == NULL || !socket_ready(fd)) {
        free(parcel);
        close(fd);
        return 0;
    }
    a->turn = (a->turn + 1) % a->n;
    parcel->task.run = parcel_run;
    parcel->to = a->conns[a->turn];
    parcel->fd = fd;
    memcpy(parcel->given.ip.at, m->address, sizeof(m->address));
    parcel->given.secure = m->secure;
    parcel->identity = m->identity;
    parcel->given.identity = m->identity.user[0] != '\0' ? &parcel->identity
                                                         : NULL;
    parcel->len = m->head_len + m->early_len;
    memcpy(parcel->bytes, m->head, parcel->len); /* early lies behind it */
    push_loop_post(push_conns_loop(parcel->to), &parcel->task);
    return 1;
}

/* --- messages ------------------------------------------------------------ */

/* What recvmsg() brought besides the bytes: the descriptor, -1 for none, -2 for
 * several, which are closed. */
static int descriptor_of(struct msghdr *msg)
{
    struct cmsghdr *c;
    int fd = -1, next;
    apr_size_t i, n;

    for (c = CMSG_FIRSTHDR(msg); c != NULL; c = CMSG_NXTHDR(msg, c)) {
        if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS) {
            continue;
        }
        n = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);
        for (i = 0; i < n; i++) {
            memcpy(&next, CMSG_DATA(c) + i * sizeof(int), sizeof(int));
            if (fd == -1) {
                fd = next;
                continue;
            }
            close(next);
            if (fd >= 0) {
                close(fd);
            }
            fd = -2;
        }
    }
    return fd;
}

static const char broken[] = "handoff: a message of httpd cannot be "
                             "understood, its connection is closed";

/* Whose socket one is. It is answered before the socket's loop has heard it,
 * which is before the socket does: what comes of it is told to clients. */
static int noted(link_t *l, apr_size_t len)
{
    push_adopt_t *a = l->adopt;
    chat_handoff_note_t note;

    if (chat_handoff_parse_note(&note, a->message, len) != CHAT_HANDOFF_OK) {
        complain(a, broken);
        return 0;
    }
    if (a->note != NULL) {
        a->note(&note);
    }
    return answer(l, CHAT_HANDOFF_YES);
}

/* @return 0: the link is of no more use */
static int message(link_t *l, apr_size_t len, int fd)
{
    push_adopt_t *a = l->adopt;
    chat_handoff_kind_t kind = CHAT_HANDOFF_ASK;
    chat_handoff_t m;

    switch (chat_handoff_parse(&kind, &m, a->message, len)) {
    case CHAT_HANDOFF_OK:
        break;
    case CHAT_HANDOFF_OTHER:
        complain(a, "handoff: httpd's mod_chat speaks another version of the "
                    "handoff; install both programs of one release");
        answer(l, CHAT_HANDOFF_STRANGER);
        goto refuse;
    default:
        complain(a, broken);
        goto refuse;
    }
    if (kind == CHAT_HANDOFF_ASK && fd == -1) {
        return answer(l, has_room(l->watch.fd) ? CHAT_HANDOFF_YES
                                               : CHAT_HANDOFF_FULL);
    }
    if (kind == CHAT_HANDOFF_NOTE && fd == -1) {
        return noted(l, len);
    }
    if (kind == CHAT_HANDOFF_GIVE && fd >= 0) {
        give(a, fd, &m); /* else the client sees its connection close */
        return 1;
    }
    if (kind == CHAT_HANDOFF_GIVE && fd == -1) {
        complain(a, "handoff: no descriptor is left for a client's socket");
        return 1;
    }
    complain(a, broken);
refuse:
    if (fd >= 0) {
        close(fd);
    }
    return 0;
}

/* The next message of a link. @return 0: there is none; -1: the link is over */
static int link_read(link_t *l)
{
    push_adopt_t *a = l->adopt;
    union {
        struct cmsghdr align;
        char room[CMSG_SPACE(sizeof(int))];
    } control;
    struct iovec iov = { a->message, sizeof(a->message) };
    struct msghdr msg = { .msg_iov = &iov,
                          .msg_iovlen = 1,
                          .msg_control = &control,
                          .msg_controllen = sizeof(control) };
    ssize_t n = recvmsg(l->watch.fd, &msg, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);

    if (n < 0) {
        return errno == EAGAIN || errno == EINTR ? 0 : -1;
    }
    /* An empty message and the end look the same; both mean good-bye. */
    if (n == 0) {
        return -1;
    }
    return message(l, (apr_size_t)n, descriptor_of(&msg)) ? 1 : -1;
}

static void link_ready(push_watch_t *w, apr_uint32_t events)
{
    link_t *l = (link_t *)w;
    int i, got = 1;

    (void)events;
    for (i = 0; i < MESSAGES_PER_TURN && got > 0; i++) {
        got = link_read(l);
    }
    if (got < 0) {
        link_close(l);
    }
}

/* --- the door ------------------------------------------------------------ */

static void link_open(push_adopt_t *a, int fd)
{
    struct ucred peer;
    link_t *l;

    if (!peer_allowed(a, fd, &peer)) {
        char line[160];

        apr_snprintf(
            line, sizeof(line),
            "handoff: user %u may not hand sockets over: it is neither "
            "root nor our own user nor in the group of the path",
            (unsigned)peer.uid);
        complain(a, line);
        close(fd);
        return;
    }
    l = calloc(1, sizeof(*l));
    if (l == NULL) {
        close(fd);
        return;
    }
    l->watch.fd = fd;
    l->watch.ready = link_ready;
    l->adopt = a;
    l->next = a->links;
    if (l->next != NULL) {
        l->next->prev = l;
    }
    a->links = l;
    if (push_loop_watch(loop_of(a), &l->watch, EPOLLIN) != APR_SUCCESS) {
        link_close(l);
    }
}

static void door_ready(push_watch_t *w, apr_uint32_t events)
{
    push_adopt_t *a = (push_adopt_t *)w;
    int i, fd;

    (void)events;
    for (i = 0; i < ACCEPTS_PER_TURN; i++) {
        fd = accept4(w->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (fd >= 0) {
            link_open(a, fd);
        }
        else if (errno != EINTR && errno != ECONNABORTED) {
            if (errno != EAGAIN) { /* no descriptor, no memory */
                push_loop_unwatch(loop_of(a), &a->watch);
                a->resting = 1;
            }
            return;
        }
    }
}

static void door_tick(push_loop_t *loop, void *baton)
{
    push_adopt_t *a = baton;

    if (a->resting && a->watch.fd >= 0 &&
        push_loop_watch(loop, &a->watch, EPOLLIN) == APR_SUCCESS) {
        a->resting = 0;
    }
}

static void door_close(push_adopt_t *a)
{
    if (a->watch.fd < 0) {
        return;
    }
    if (!a->resting) {
        push_loop_unwatch(loop_of(a), &a->watch);
    }
    close(a->watch.fd);
    a->watch.fd = -1;
}

static void close_run(push_loop_t *loop, push_task_t *task)
{
    push_adopt_t *a = (push_adopt_t *)(void *)((char *)task -
                                               offsetof(push_adopt_t, closing));

    (void)loop;
    door_close(a);
    while (a->links != NULL) {
        while (link_read(a->links) > 0) {
        }
        link_close(a->links);
    }
}

void push_adopt_close(push_adopt_t *a)
{
    push_unix_socket_remove(&a->name);
    a->closing.run = close_run;
    push_loop_post(loop_of(a), &a->closing);
}

void push_adopt_on_note(push_adopt_t *a,
                        void (*fn)(const chat_handoff_note_t *note))
{
    a->note = fn;
}

static apr_status_t adopt_cleanup(void *baton)
{
    push_adopt_t *a = baton;

    push_unix_socket_remove(&a->name);
    door_close(a);
    while (a->links != NULL) {
        link_close(a->links);
    }
    return APR_SUCCESS;
}

apr_status_t push_adopt_open(push_adopt_t **out, push_conns_t *const *conns,
                             int n, const char *path, int mode,
                             void (*log)(int trouble, const char *line),
                             const char **why, apr_pool_t *p)
{
    push_adopt_t *a = apr_pcalloc(p, sizeof(*a));
    apr_status_t rv;

    a->conns = conns;
    a->n = n;
    a->log = log;
    a->path = apr_pstrdup(p, path);
    a->name.type = SOCK_SEQPACKET;
    rv = push_unix_socket_open(&a->name, path, (mode_t)mode, BACKLOG, why, p);
    if (rv != APR_SUCCESS) {
        return rv;
    }
    a->watch.fd = a->name.fd;
    a->watch.ready = door_ready;
    apr_pool_cleanup_register(p, a, adopt_cleanup, apr_pool_cleanup_null);
    push_loop_on_tick(loop_of(a), door_tick, a);
    rv = push_loop_watch(loop_of(a), &a->watch, EPOLLIN);
    if (rv != APR_SUCCESS) {
        *why = apr_psprintf(p, "cannot listen on %s", path);
    }
    *out = a;
    return rv;
}
