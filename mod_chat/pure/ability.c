/* SPDX-License-Identifier: Apache-2.0 */
/* ability.c - what a bearer token may do; see ability.h. */
#include "ability.h"

#include <stddef.h>
#include <string.h>

#define ABILITY_MAX 64 /* bytes */

/* Whether a name is one of the list's texts. They are walked from quote to quote:
 * one inside of a text has a backslash before it and ends nothing. */
static int is_named(const char *list, const char *name)
{
    size_t len = strlen(name);

    while ((list = strchr(list, '"')) != NULL) {
        const char *text = ++list;

        while (*list != '"' && *list != '\0') {
            list += *list == '\\' && list[1] != '\0' ? 2 : 1;
        }
        if (*list == '\0') {
            return 0;
        }
        if ((size_t)(list - text) == len && strncmp(text, name, len) == 0) {
            return 1;
        }
        list++;
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
