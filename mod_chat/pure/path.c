/* SPDX-License-Identifier: Apache-2.0 */
/* path.c - patterns of the routes table; see path.h. */
#include "path.h"

#include <string.h>

#include "channel.h"

/* Copy the segment that stands where a `{…}` is in the pattern.
 * @return the path behind it, NULL when it is no id */
static const char *take_id(const char *path, char id[CHAT_ID_SIZE])
{
    size_t len = strcspn(path, "/");

    if (len >= CHAT_ID_SIZE) {
        return NULL;
    }
    memcpy(id, path, len);
    id[len] = '\0';
    return chat_id_valid(id) ? path + len : NULL;
}

int chat_path_match(const char *pattern, const char *path,
                    char id[CHAT_ID_SIZE], char item[CHAT_ID_SIZE])
{
    char *into = id;

    id[0] = item[0] = '\0';
    for (;;) {
        size_t head = strcspn(pattern, "{");

        if (strncmp(path, pattern, head) != 0) {
            return 0;
        }
        path += head;
        pattern += head;
        if (*pattern == '\0') {
            break;
        }
        path = take_id(path, into);
        if (path == NULL) {
            return 0;
        }
        into = item;
        pattern += strcspn(pattern, "}") + 1;
    }
    return path[0] == '\0' || (path[0] == '/' && path[1] == '\0');
}

int chat_path_below(const char *path, const char *prefix)
{
    size_t len = strlen(prefix);

    return strncmp(path, prefix, len) == 0 &&
           (path[len] == '\0' || path[len] == '/');
}

int chat_prefix_valid(const char *prefix)
{
    static const char allowed[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                  "abcdefghijklmnopqrstuvwxyz"
                                  "0123456789._~-";

    while (*prefix == '/') {
        size_t len = strspn(++prefix, allowed);

        if (len == 0 || (prefix[0] == '.' &&
                         (len == 1 || (len == 2 && prefix[1] == '.')))) {
            return 0;
        }
        prefix += len;
    }
    return *prefix == '\0';
}

const char *chat_path_behind(const char *path, const char *prefix)
{
    size_t len = strlen(prefix);

    return strncmp(path, prefix, len) == 0 && path[len] == '/' ? path + len
                                                               : NULL;
}
