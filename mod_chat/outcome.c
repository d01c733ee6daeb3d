/* SPDX-License-Identifier: Apache-2.0 */
/* outcome.c - counters in shared memory; see outcome.h. */
#include "outcome.h"

#include <string.h>
#include <apr_shm.h>
#include <http_core.h>

#define RETAINED "mod_chat-outcomes" /* httpd's name for where they are */

/* CHAT_OUTCOME_N of them. Set by the parent before it forks. */
static apr_uint64_t *counted;

apr_status_t chat_outcome_prepare(server_rec *s)
{
    const apr_size_t size = CHAT_OUTCOME_N * sizeof(*counted);
    void **kept = ap_retained_data_get(RETAINED);
    apr_shm_t *shm;
    apr_status_t rv;

    if (kept == NULL) {
        rv = apr_shm_create(&shm, size, NULL, s->process->pool);
        if (rv != APR_SUCCESS) {
            return rv;
        }
        memset(apr_shm_baseaddr_get(shm), 0, size);
        kept = ap_retained_data_create(RETAINED, sizeof(*kept));
        *kept = apr_shm_baseaddr_get(shm);
    }
    counted = *kept;
    return APR_SUCCESS;
}

void chat_outcome_count(chat_outcome_t what)
{
    __atomic_add_fetch(&counted[what], 1, __ATOMIC_RELAXED);
}

apr_uint64_t chat_outcome_of(chat_outcome_t what)
{
    return __atomic_load_n(&counted[what], __ATOMIC_RELAXED);
}
