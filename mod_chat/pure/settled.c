/* SPDX-License-Identifier: Apache-2.0 */
/* settled.c - see settled.h. */
#include "settled.h"

#include <string.h>

#define LAST (CHAT_SETTLED_LOOKS - 1)

void chat_settled_forget(chat_settled_t *s) { memset(s, 0, sizeof(*s)); }

/* The looks that are still open, without holes. @return how many */
static int looks_settle(chat_settled_t *s, apr_int64_t oldest)
{
    int i, n = 0;

    for (i = 0; i < CHAT_SETTLED_LOOKS && s->looks[i].fence > 0; i++) {
        if (s->looks[i].fence > oldest) {
            s->looks[n++] = s->looks[i];
        }
        else if (s->looks[i].upto > s->floor) {
            s->floor = s->looks[i].upto;
        }
    }
    memset(&s->looks[n], 0,
           (apr_size_t)(CHAT_SETTLED_LOOKS - n) * sizeof(s->looks[0]));
    return n;
}

/* With no room left the newest is replaced: what waits longest is what a
 * transaction that stays open will release first. */
void chat_settled_note(chat_settled_t *s, apr_int64_t oldest, apr_int64_t upto,
                       apr_int64_t fence)
{
    int n = looks_settle(s, oldest);

    if (upto > s->floor) {
        s->looks[n <= LAST ? n : LAST].upto = upto;
        s->looks[n <= LAST ? n : LAST].fence = fence;
    }
}
