/* SPDX-License-Identifier: Apache-2.0 */
/*
 * serve.c - see serve.h.
 *
 * Each thread takes a connection, looks at one file, answers and takes the
 * next; who comes meanwhile waits in the socket's queue, which is bounded. Who
 * asked need not wait for the answer: it is kept beside the file.
 */
#include "serve.h"

#include <errno.h>
#include <pthread.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "check.h"
#include "claims.h"
#include "errorlog.h"
#include "thumbs.h"

#define THREADS 8 /* most of their time they wait for the scanner */
#define RETRIERS 2
#define PATIENCE 5 /* s in which a request has to come */

/* An answer is known: kept, told to nobody yet. */
static void settle(const files_settings_t *set, const char *id,
                   const chat_checkup_t *c)
{
    files_keep(set, id, c);
    if (c->state != CHAT_CHECKUP_CLEAN) {
        files_log("%s: %s, %s", id, chat_checkup_state_name(c->state), c->why);
    }
    if (c->thumb) {
        files_thumbs_want(id);
    }
}

/* Look at a claimed file; what cannot be told yet is tried again. */
static void look(chat_checkup_t *c, const files_settings_t *set, int claim,
                 const chat_checkup_request_t *request)
{
    files_check(c, set, request->id, request->mime);
    if (c->state == CHAT_CHECKUP_PENDING) {
        if (files_later(claim, set->scan_retries)) {
            return; /* it stays claimed */
        }
        c->state = CHAT_CHECKUP_FAILED;
    }
    settle(set, request->id, c);
    files_release(claim);
}

static void check(chat_checkup_t *c, const files_settings_t *set,
                  const chat_checkup_request_t *request)
{
    int claim;

    memset(c, 0, sizeof(*c));
    if (files_kept(c, set, request->id)) {
        return;
    }
    claim = files_claim(request);
    if (claim >= 0) {
        look(c, set, claim, request);
    }
}

/* Whoever may connect is httpd's user or root; the socket's mode says so, too.
 */
static int is_httpd(int fd)
{
    struct ucred who;
    socklen_t len = sizeof(who);

    return getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &who, &len) == 0 &&
           (who.uid == geteuid() || who.uid == 0);
}

static void answer(const files_settings_t *set, int fd)
{
    char bytes[CHAT_CHECKUP_ANSWER];
    chat_checkup_request_t request;
    chat_checkup_t c;
    ssize_t n = recv(fd, bytes, CHAT_CHECKUP_REQUEST, MSG_TRUNC);

    if (n <= 0 || n > CHAT_CHECKUP_REQUEST ||
        !chat_checkup_asked(&request, bytes, (apr_size_t)n)) {
        return;
    }
    if (request.verb == CHAT_CHECKUP_THUMB) {
        files_thumbs_want(request.id);
        return;
    }
    check(&c, set, &request);
    (void)!send(fd, bytes, chat_checkup_tell(bytes, &c), MSG_NOSIGNAL);
}

static void *serve(void *data)
{
    const files_settings_t *set = data;
    struct timeval patience = { PATIENCE, 0 };

    for (;;) {
        int fd = accept4(set->listener, NULL, NULL, SOCK_CLOEXEC);

        if (fd < 0) {
            if (errno != EINTR && errno != ECONNABORTED) {
                files_log("accepting a request: %s", strerror(errno));
                sleep(1); /* no descriptors, no memory: it may pass */
            }
            continue;
        }
        setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
        setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience));
        if (is_httpd(fd)) {
            answer(set, fd);
        }
        close(fd);
    }
    return NULL;
}

static void *retry(void *data)
{
    const files_settings_t *set = data;
    chat_checkup_request_t request;
    chat_checkup_t c;

    for (;;) {
        int claim = files_due(&request);

        look(&c, set, claim, &request);
    }
    return NULL;
}

int files_serve_start(const files_settings_t *set)
{
    pthread_t thread;
    int i, rv = 0;

    for (i = 0; rv == 0 && i < THREADS + RETRIERS; i++) {
        rv = pthread_create(&thread, NULL, i < THREADS ? serve : retry,
                            (void *)set);
    }
    return rv;
}
