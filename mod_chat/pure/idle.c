/* SPDX-License-Identifier: Apache-2.0 */
/* idle.c - who is logged off for doing nothing; see idle.h. */
#include "idle.h"

#include <string.h>

int chat_idle_of(const apr_array_header_t *rules, const char *role)
{
    for (int i = 0; rules != NULL && role != NULL && i < rules->nelts; i++) {
        const chat_idle_t *rule = &APR_ARRAY_IDX(rules, i, chat_idle_t);

        if (strcmp(rule->role, role) == 0) {
            return rule->seconds;
        }
    }
    return 0;
}

int chat_idle_is_act(int page, const char *path)
{
    /* What pages ask by themselves. */
    static const char *const theirs[] = { "/chat",
                                          "/chat/me",
                                          "/chat/sync",
                                          "/chat/sessions",
                                          "/chat/tokens",
                                          "/broadcasting/auth",
                                          "/pusher/auth",
                                          "/pusher/user-auth" };
    static const char *const ends[] = { "/read", "/delivered", "/received" };

    if (path == NULL || page) {
        return path != NULL;
    }
    for (size_t i = 0; i < sizeof(theirs) / sizeof(theirs[0]); i++) {
        if (strcmp(path, theirs[i]) == 0) {
            return 0;
        }
    }
    for (size_t i = 0; i < sizeof(ends) / sizeof(ends[0]); i++) {
        size_t len = strlen(path), n = strlen(ends[i]);

        if (len >= n && strcmp(path + len - n, ends[i]) == 0) {
            return 0;
        }
    }
    return 1;
}
