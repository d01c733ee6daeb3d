/* SPDX-License-Identifier: Apache-2.0 */
/* wakeup.c - the hint to chat-push; see wakeup.h. */
#include "wakeup.h"

#include <stddef.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

struct chat_wakeup_t {
    int fd;                /* unconnected, so a restarted chat-push is found */
    struct sockaddr_un to; /* its socket */
    socklen_t to_len;
};

static apr_status_t close_socket(void *data)
{
    const chat_wakeup_t *w = data;

    close(w->fd);
    return APR_SUCCESS;
}

chat_wakeup_t *chat_wakeup_create(const char *path, apr_pool_t *p)
{
    chat_wakeup_t *w = apr_pcalloc(p, sizeof(*w));
    size_t len = path != NULL ? strlen(path) : 0;

    if (len == 0 || len >= sizeof(w->to.sun_path)) {
        return NULL;
    }
    w->fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (w->fd < 0) {
        return NULL;
    }
    w->to.sun_family = AF_UNIX;
    memcpy(w->to.sun_path, path, len + 1);
    w->to_len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + len + 1);
    apr_pool_cleanup_register(p, w, close_socket, apr_pool_cleanup_null);
    return w;
}

void chat_wakeup_send(const chat_wakeup_t *w)
{
    static const char hint = 1;

    if (w != NULL) {
        /* Full, gone or never there: chat-push polls as well. */
        (void)!sendto(w->fd, &hint, sizeof(hint), MSG_NOSIGNAL,
                      (const struct sockaddr *)&w->to, w->to_len);
    }
}
