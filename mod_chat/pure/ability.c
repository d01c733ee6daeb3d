/* SPDX-License-Identifier: Apache-2.0 */
/* ability.c - what a bearer token may do; see ability.h. */
#include "ability.h"

#include <stddef.h>
#include <string.h>

#define ABILITY_MAX 64 /* bytes */

/* Whether a name stands in the list, in its quotes. A quote inside of another
 * text has a backslash before it, so it cannot look like that. */
static int is_named(const char *list, const char *name)
{
    size_t len = strlen(name);

    for (; (list = strchr(list, '"')) != NULL; list++) {
        if (strncmp(list + 1, name, len) == 0 && list[1 + len] == '"') {
            return 1;
        }
    }
    return 0;
}

int chat_ability_has(const char *list, const char *ability)
{
    return list == NULL || is_named(list, "*") || is_named(list, ability);
}

int chat_ability_valid(const char *text)
{
    static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                   "abcdefghijklmnopqrstuvwxyz0123456789:._-";
    size_t len = strlen(text);

    return strcmp(text, "*") == 0 ||
           (len > 0 && len <= ABILITY_MAX && strspn(text, alphabet) == len);
}
