/* SPDX-License-Identifier: Apache-2.0 */
/* access_log.c - no queries in access logs; see access_log.h. */
#include "access_log.h"

#include <string.h>
#include <apr_strings.h>

#include "config.h"
#include "path.h"

/* Below these, behind the prefix, lie the chat's URLs and its WebSockets. */
static const char *const ours[] = { "/chat", "/broadcasting", "/pusher", "/app",
                                    "/apps" };

static int is_ours(const request_rec *r)
{
    const char *path;

    if (r->uri == NULL || !chat_server_of(r->server)->used) {
        return 0;
    }
    path = chat_server_path(r->server, r->uri);
    if (path == NULL) {
        return 0;
    }
    for (apr_size_t i = 0; i < sizeof(ours) / sizeof(ours[0]); i++) {
        if (chat_path_below(path, ours[i])) {
            return 1;
        }
    }
    return 0;
}

/* "GET /chat/search?q=x HTTP/1.1" without what begins at the question mark. */
static char *without_query(char *line, apr_pool_t *p)
{
    char *mark = strchr(line, '?');
    char *end;

    if (mark == NULL) {
        return line;
    }
    end = strrchr(mark, ' ');
    return apr_pstrcat(p, apr_pstrmemdup(p, line, (apr_size_t)(mark - line)),
                       end, NULL);
}

int chat_access_log_redact(request_rec *r)
{
    if (!is_ours(r)) {
        return DECLINED;
    }
    for (; r != NULL; r = r->next) {
        r->args = NULL;
        if (r->the_request != NULL) {
            r->the_request = without_query(r->the_request, r->pool);
        }
    }
    return DECLINED;
}
