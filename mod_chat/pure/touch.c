/* SPDX-License-Identifier: Apache-2.0 */
/* touch.c - see touch.h. */
#include "touch.h"

#include <string.h>

void chat_touch_add(chat_touch_t *touch, const char *digest)
{
    int i;

    if (touch->n == CHAT_TOUCH_MAX || strlen(digest) != CHAT_TOUCH_DIGEST ||
        strspn(digest, "0123456789abcdef") != CHAT_TOUCH_DIGEST) {
        return;
    }
    for (i = 0; i < touch->n; i++) {
        if (memcmp(touch->digests[i], digest, CHAT_TOUCH_DIGEST) == 0) {
            return;
        }
    }
    memcpy(touch->digests[touch->n++], digest, CHAT_TOUCH_DIGEST);
}

const char *chat_touch_take(chat_touch_t *touch, apr_time_t now, apr_pool_t *p)
{
    apr_size_t each = CHAT_TOUCH_DIGEST + 3;
    char *list, *to;
    int i;

    if (touch->n == 0 || (touch->last != 0 && now >= touch->last &&
                          now - touch->last < CHAT_TOUCH_EVERY)) {
        return NULL;
    }
    list = to = apr_palloc(p, (apr_size_t)touch->n * each + 3);
    for (i = 0; i < touch->n; i++) {
        *to++ = i == 0 ? '[' : ',';
        *to++ = '"';
        memcpy(to, touch->digests[i], CHAT_TOUCH_DIGEST);
        to += CHAT_TOUCH_DIGEST;
        *to++ = '"';
    }
    memcpy(to, "]", 2);
    touch->n = 0;
    touch->last = now;
    return list;
}
