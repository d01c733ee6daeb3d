/* SPDX-License-Identifier: Apache-2.0 */
/* outcome.c - counters in shared memory; see outcome.h. */
#include "outcome.h"

#include "retained.h"

/* CHAT_OUTCOME_N of them. Set by the parent before it forks. */
static apr_uint64_t *counted;

apr_status_t chat_outcome_prepare(server_rec *s)
{
    void *memory = NULL;
    apr_status_t rv = chat_retained(&memory, NULL, "outcomes",
                                    CHAT_OUTCOME_N * sizeof(*counted), s);

    counted = memory;
    return rv;
}

void chat_outcome_count(chat_outcome_t what)
{
    __atomic_add_fetch(&counted[what], 1, __ATOMIC_RELAXED);
}

apr_uint64_t chat_outcome_of(chat_outcome_t what)
{
    return __atomic_load_n(&counted[what], __ATOMIC_RELAXED);
}
