/* SPDX-License-Identifier: Apache-2.0 */
/* pace.c - see pace.h. */
#include "pace.h"

#include "reply.h"

int chat_pace(chat_request_t *q, chat_limit_t what, const char *why,
              int *answer)
{
    apr_uint32_t wait = chat_limiter_take(q->conf, what, q->user->id,
                                          q->r->pool);

    chat_limiter_say(q->r, q->conf, what, q->user->id);
    if (wait == 0) {
        return 1;
    }
    *answer = chat_reply_limited(q, wait, why);
    return 0;
}
