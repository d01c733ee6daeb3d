/* SPDX-License-Identifier: Apache-2.0 */
/* identity.c - the names of log-ins; see identity.h. */
#include "identity.h"

#include <string.h>

#include "channel.h"

#define DIGEST 64 /* hex digits of a digest */
#define KEPT 32   /* of them in a name */

int chat_identity_session(char out[CHAT_IDENTITY_SESSION + 1],
                          chat_session_kind_t kind, const char *of)
{
    apr_size_t len = strlen(of);

    out[0] = '\0';
    if (kind == CHAT_SESSION_APACHE
            ? !chat_id_valid(of)
            : len != DIGEST || strspn(of, "0123456789abcdef") != DIGEST) {
        return 0;
    }
    if (kind != CHAT_SESSION_APACHE) {
        len = KEPT;
    }
    out[0] = (char)kind;
    memcpy(out + 1, of, len);
    out[1 + len] = '\0';
    return 1;
}

int chat_identity_session_valid(const char *text, apr_size_t len)
{
    char id[CHAT_IDENTITY_SESSION];

    if (len < 2 || len > CHAT_IDENTITY_SESSION ||
        (text[0] != CHAT_SESSION_COOKIE && text[0] != CHAT_SESSION_TOKEN &&
         text[0] != CHAT_SESSION_APACHE && text[0] != CHAT_SESSION_LARAVEL)) {
        return 0;
    }
    memcpy(id, text + 1, len - 1);
    id[len - 1] = '\0';
    return memchr(text, '\0', len) == NULL && chat_id_valid(id);
}
