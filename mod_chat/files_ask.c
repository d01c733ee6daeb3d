/* SPDX-License-Identifier: Apache-2.0 */
/*
 * files_ask.c - see files_ask.h.
 *
 * A connection for each question. The parent keeps the socket that is connected
 * to, so a chat-files that is being started again is waited for; one that dies
 * with a question is asked once more.
 */
#include "files_ask.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <ap_mpm.h>

#define LEAST apr_time_from_msec(20) /* where nobody wants to wait */

/* A child that is to end and does not is killed by httpd after some seconds, and
 * with it what its other threads are at. */
#define SLICE 250 /* ms between two looks at whether it is to end */
#define LEAVE apr_time_from_sec(2) /* what is waited for then */

/* Ask. @return the connection, or -1: errno */
static int send_request(const chat_files_worker_t *worker,
                        const chat_checkup_request_t *request)
{
    struct sockaddr_un to = { .sun_family = AF_UNIX };
    char bytes[CHAT_CHECKUP_REQUEST];
    apr_size_t len = chat_checkup_ask(bytes, request);
    int fd;

    if (len == 0 || strlen(worker->socket) >= sizeof(to.sun_path)) {
        errno = EINVAL;
        return -1;
    }
    strcpy(to.sun_path, worker->socket);
    fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0) {
        return -1;
    }
    /* Never waits: EAGAIN when too many wait in there already. */
    if (connect(fd, (const struct sockaddr *)&to, sizeof(to)) != 0 ||
        send(fd, bytes, len, MSG_NOSIGNAL) != (ssize_t)len) {
        int why = errno;

        close(fd);
        errno = why;
        return -1;
    }
    return fd;
}

/* This child of httpd is to end, gracefully or not. */
static int is_ending(void)
{
    int state;

    return ap_mpm_query(AP_MPMQ_MPM_STATE, &state) == APR_SUCCESS &&
           state == AP_MPMQ_STOPPING;
}

/* Wait until there is something to read. @return 0: there is not, in time */
static int readable(int fd, apr_time_t until)
{
    struct pollfd p = { .fd = fd, .events = POLLIN };
    int ready = 0, leaving = 0;

    for (;;) {
        apr_interval_time_t left = until - apr_time_now();

        if (ready < 0 && errno != EINTR) {
            return 0;
        }
        if (ready > 0 || left < 0) {
            return ready > 0;
        }
        if (!leaving && is_ending()) {
            leaving = 1;
            left = left < LEAVE ? left : LEAVE;
            until = apr_time_now() + left;
        }
        left = apr_time_as_msec(left) + 1;
        ready = poll(&p, 1, (int)(left < SLICE ? left : SLICE));
    }
}

/* Hear the answer. @return APR_EOF: it ended without one */
static apr_status_t hear(chat_checkup_t *answer, int fd, apr_time_t until)
{
    char bytes[CHAT_CHECKUP_ANSWER];
    ssize_t n;

    if (!readable(fd, until)) {
        return APR_TIMEUP;
    }
    n = recv(fd, bytes, sizeof(bytes), MSG_TRUNC);
    if (n <= 0 || n > (ssize_t)sizeof(bytes)) {
        return APR_EOF;
    }
    return chat_checkup_told(answer, bytes, (apr_size_t)n) ? APR_SUCCESS
                                                           : APR_EGENERAL;
}

/* What lies beside the file, if anything does. */
static int kept(chat_checkup_t *answer, const chat_files_worker_t *worker,
                const char *id)
{
    char path[CHAT_CHECKUP_PATH], bytes[CHAT_CHECKUP_ANSWER + 1];
    ssize_t n;
    int fd;

    if (!chat_checkup_path(path, worker->dir, id, ".verdict") ||
        (fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW)) < 0) {
        return 0;
    }
    n = read(fd, bytes, sizeof(bytes));
    close(fd);
    return n > 0 && chat_checkup_told(answer, bytes, (apr_size_t)n);
}

static apr_status_t ask(chat_checkup_t *answer,
                        const chat_files_worker_t *worker,
                        const chat_checkup_request_t *request,
                        apr_time_t until)
{
    apr_status_t rv = APR_EOF;
    int tries;

    for (tries = 0; tries < 2 && rv == APR_EOF; tries++) {
        int fd = send_request(worker, request);

        if (fd < 0) {
            return errno;
        }
        rv = hear(answer, fd, until);
        close(fd);
    }
    return rv;
}

apr_status_t chat_files_ask(chat_checkup_t *answer,
                            const chat_files_worker_t *worker, const char *id,
                            const char *mime, apr_interval_time_t wait)
{
    chat_checkup_request_t request = { .verb = CHAT_CHECKUP_CHECK };
    apr_status_t rv;

    memset(answer, 0, sizeof(*answer));
    if (kept(answer, worker, id)) {
        return APR_SUCCESS;
    }
    if (strlen(id) >= sizeof(request.id) ||
        strlen(mime) >= sizeof(request.mime)) {
        return APR_EINVAL;
    }
    strcpy(request.id, id);
    strcpy(request.mime, mime);
    rv = ask(answer, worker, &request,
             apr_time_now() + (wait > LEAST ? wait : LEAST));
    if (rv != APR_SUCCESS) {
        memset(answer, 0, sizeof(*answer));
    }
    return APR_STATUS_IS_TIMEUP(rv) ? APR_SUCCESS : rv;
}

void chat_files_taken(const chat_files_worker_t *worker, const char *id)
{
    char path[CHAT_CHECKUP_PATH];

    if (chat_checkup_path(path, worker->dir, id, ".verdict")) {
        unlink(path);
    }
}

void chat_files_want_thumb(const chat_files_worker_t *worker, const char *id)
{
    chat_checkup_request_t request = { .verb = CHAT_CHECKUP_THUMB };
    int fd = -1;

    if (strlen(id) < sizeof(request.id)) {
        strcpy(request.id, id);
        fd = send_request(worker, &request);
    }
    if (fd >= 0) {
        close(fd);
    }
}
