/* SPDX-License-Identifier: Apache-2.0 */
/* companion.c - links to chat-push; see companion.h. */
#include "companion.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stddef.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>
#include <apr_strings.h>

#define IDLE_MAX 16  /* links kept; more are made and dropped under load */
#define PATIENCE 500 /* ms for an answer; a busy loop's turn takes tens */
#define FEW 16       /* threads that may wait for so long */
#define HURRY 100    /* ms for the others: they are httpd's workers */

/* A link is over: its chat-push has ended. Nobody outside sees it. */
#define GONE ((chat_companion_result_t)-1)

struct chat_companion_t {
    struct sockaddr_un to;
    socklen_t to_len;
    pthread_mutex_t lock; /* around the rest */
    int idle[IDLE_MAX];   /* nidle of them, the last one used on top */
    int nidle;
    int overdue; /* a link that waits for its answer; -1: all is well */
    int asking;  /* threads that are in chat_companion_ask() */
};

static void idle_drop(chat_companion_t *cp)
{
    while (cp->nidle > 0) {
        close(cp->idle[--cp->nidle]);
    }
}

static apr_status_t destroy(void *data)
{
    chat_companion_t *cp = data;

    idle_drop(cp);
    if (cp->overdue >= 0) {
        close(cp->overdue);
    }
    return APR_SUCCESS;
}

chat_companion_t *chat_companion_create(const char *path, apr_pool_t *p)
{
    chat_companion_t *cp = apr_pcalloc(p, sizeof(*cp));
    size_t len = strlen(path);

    if (len == 0 || len >= sizeof(cp->to.sun_path)) {
        return NULL;
    }
    cp->to.sun_family = AF_UNIX;
    memcpy(cp->to.sun_path, path, len + 1);
    cp->to_len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + len + 1);
    cp->overdue = -1;
    pthread_mutex_init(&cp->lock, NULL);
    apr_pool_cleanup_register(p, cp, destroy, apr_pool_cleanup_null);
    return cp;
}

const char *chat_companion_path(const chat_companion_t *cp)
{
    return cp->to.sun_path;
}

const char *chat_companion_why(chat_companion_result_t result)
{
    switch (result) {
    case CHAT_COMPANION_ABSENT:
        return "nobody listens there, or not to httpd's user";
    case CHAT_COMPANION_SILENT:
        return "it does not answer";
    case CHAT_COMPANION_FULL:
        return "it has the most files open that it may have";
    case CHAT_COMPANION_STRANGER:
        return "it speaks another version of the handoff: install both "
               "programs of one release";
    case CHAT_COMPANION_TOO_LARGE:
        return "the request is larger than the kernel passes on";
    case CHAT_COMPANION_READY:
        break;
    }
    return "all is well";
}

static apr_int64_t now_ms(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (apr_int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* Wait for the answer. @param ms  0: look only */
static chat_companion_result_t answer_read(int link, int ms)
{
    unsigned char buf[CHAT_HANDOFF_SHORT + 1];
    const apr_int64_t end = now_ms() + ms;
    struct pollfd p = { .fd = link, .events = POLLIN };
    chat_handoff_verdict_t verdict = CHAT_HANDOFF_YES;
    ssize_t n;
    int got;

    while ((got = poll(&p, 1, ms)) < 0 && errno == EINTR) {
        apr_int64_t left = end - now_ms();

        ms = left > 0 ? (int)left : 0;
    }
    if (got == 0) {
        return CHAT_COMPANION_SILENT;
    }
    n = recv(link, buf, sizeof(buf), MSG_DONTWAIT);
    if (n <= 0) {
        return GONE;
    }
    switch (chat_handoff_parse_answer(&verdict, buf, (apr_size_t)n)) {
    case CHAT_HANDOFF_OK:
        return verdict == CHAT_HANDOFF_YES    ? CHAT_COMPANION_READY
               : verdict == CHAT_HANDOFF_FULL ? CHAT_COMPANION_FULL
                                              : CHAT_COMPANION_STRANGER;
    case CHAT_HANDOFF_OTHER:
        return CHAT_COMPANION_STRANGER;
    default:
        return GONE;
    }
}

/* A question: an ASK or a NOTE. */
typedef struct {
    unsigned char bytes[CHAT_HANDOFF_NOTE_MAX];
    apr_size_t len;
} question_t;

static chat_companion_result_t ask_over(int link, const question_t *q,
                                        int patience)
{
    if (send(link, q->bytes, q->len, MSG_DONTWAIT | MSG_NOSIGNAL) < 0) {
        return errno == EAGAIN ? CHAT_COMPANION_SILENT : GONE;
    }
    return answer_read(link, patience);
}

/* @return -1: errno says why */
static int dial(const chat_companion_t *cp)
{
    int err,
        fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

    if (fd < 0) {
        return -1;
    }
    if (connect(fd, (const struct sockaddr *)&cp->to, cp->to_len) == 0) {
        return fd;
    }
    err = errno;
    close(fd);
    errno = err;
    return -1;
}

void chat_companion_keep(chat_companion_t *cp, int link)
{
    pthread_mutex_lock(&cp->lock);
    if (cp->nidle < IDLE_MAX) {
        cp->idle[cp->nidle++] = link;
        link = -1;
    }
    pthread_mutex_unlock(&cp->lock);
    if (link >= 0) {
        close(link);
    }
}

/* A link to ask over, if there is one.
 * @param link      -1: none is idle
 * @param patience  ms for the answer
 * @return SILENT while an answer is overdue; on READY settle() follows */
static chat_companion_result_t take(int *link, int *patience,
                                    chat_companion_t *cp)
{
    chat_companion_result_t result = CHAT_COMPANION_READY;

    *link = -1;
    pthread_mutex_lock(&cp->lock);
    if (cp->overdue >= 0) {
        result = answer_read(cp->overdue, 0);
        if (result != CHAT_COMPANION_SILENT) {
            /* It is back, or another one is. */
            close(cp->overdue);
            cp->overdue = -1;
            result = CHAT_COMPANION_READY;
        }
    }
    if (result == CHAT_COMPANION_READY && cp->nidle > 0) {
        *link = cp->idle[--cp->nidle];
    }
    if (result == CHAT_COMPANION_READY) {
        *patience = cp->asking++ < FEW ? PATIENCE : HURRY;
    }
    pthread_mutex_unlock(&cp->lock);
    return result;
}

/* What becomes of a link over which was asked.
 * @param link  -1: there was none */
static void settle(chat_companion_t *cp, int link,
                   chat_companion_result_t result)
{
    pthread_mutex_lock(&cp->lock);
    cp->asking--;
    if (result == CHAT_COMPANION_READY) {
        link = -1; /* the asker's */
    }
    if (result == CHAT_COMPANION_SILENT && link >= 0 && cp->overdue < 0) {
        cp->overdue = link;
        link = -1;
    }
    pthread_mutex_unlock(&cp->lock);
    if (link >= 0) {
        close(link);
    }
}

/* A link leads nowhere, nor do the others: they led to the same process. */
static void gone(chat_companion_t *cp, int link)
{
    close(link);
    pthread_mutex_lock(&cp->lock);
    idle_drop(cp);
    pthread_mutex_unlock(&cp->lock);
}

/* Ask over a link, a new one if need be. @param link  as of _ask() */
static chat_companion_result_t question_ask(int *link, chat_companion_t *cp,
                                            const question_t *q)
{
    int patience = 0;
    chat_companion_result_t result = take(link, &patience, cp);

    if (result != CHAT_COMPANION_READY) {
        return result;
    }
    result = GONE;
    if (*link >= 0) {
        result = ask_over(*link, q, patience);
    }
    if (result == GONE) {
        if (*link >= 0) {
            gone(cp, *link);
        }
        *link = dial(cp);
        /* Its queue of connections may be full: nobody accepts them. */
        result = *link >= 0        ? ask_over(*link, q, patience)
                 : errno == EAGAIN ? CHAT_COMPANION_SILENT
                                   : CHAT_COMPANION_ABSENT;
    }
    settle(cp, *link, result);
    return result == GONE ? CHAT_COMPANION_ABSENT : result;
}

chat_companion_result_t chat_companion_ask(int *link, chat_companion_t *cp)
{
    question_t q;

    q.len = chat_handoff_ask(q.bytes);
    return question_ask(link, cp, &q);
}

chat_companion_result_t chat_companion_note(chat_companion_t *cp,
                                            const chat_handoff_note_t *note)
{
    chat_companion_result_t result;
    question_t q;
    int link;

    q.len = chat_handoff_note(q.bytes, note);
    if (q.len == 0) {
        return CHAT_COMPANION_TOO_LARGE;
    }
    result = question_ask(&link, cp, &q);
    if (result == CHAT_COMPANION_READY) {
        chat_companion_keep(cp, link);
    }
    return result;
}

static ssize_t send_socket(int link, int fd, struct iovec *iov, int n)
{
    union {
        struct cmsghdr align;
        char room[CMSG_SPACE(sizeof(int))];
    } control;
    struct msghdr msg = { .msg_iov = iov,
                          .msg_iovlen = (size_t)n,
                          .msg_control = &control,
                          .msg_controllen = sizeof(control) };
    struct cmsghdr *c = CMSG_FIRSTHDR(&msg);

    memset(&control, 0, sizeof(control));
    c->cmsg_level = SOL_SOCKET;
    c->cmsg_type = SCM_RIGHTS;
    c->cmsg_len = CMSG_LEN(sizeof(int));
    memcpy(CMSG_DATA(c), &fd, sizeof(int));
    return sendmsg(link, &msg, MSG_DONTWAIT | MSG_NOSIGNAL);
}

chat_companion_result_t chat_companion_give(chat_companion_t *cp, int link,
                                            int socket, const chat_handoff_t *m)
{
    unsigned char front[CHAT_HANDOFF_FRONT];
    struct iovec iov[3] = { { front, chat_handoff_front(front, m) },
                            { (char *)m->head, m->head_len },
                            { (char *)m->early, m->early_len } };
    int err;

    if (iov[0].iov_len == 0) {
        chat_companion_keep(cp, link);
        return CHAT_COMPANION_TOO_LARGE;
    }
    if (send_socket(link, socket, iov, 3) >= 0) {
        chat_companion_keep(cp, link);
        return CHAT_COMPANION_READY;
    }
    err = errno;
    close(link);
    return err == EMSGSIZE                        ? CHAT_COMPANION_TOO_LARGE
           : err == EAGAIN || err == ETOOMANYREFS ? CHAT_COMPANION_SILENT
                                                  : CHAT_COMPANION_ABSENT;
}
