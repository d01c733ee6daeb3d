/* SPDX-License-Identifier: Apache-2.0 */
/* tally.c - counters in shared memory; see tally.h. */
#include "tally.h"

#include <string.h>
#include <apr_shm.h>
#include <http_core.h>

#define RETAINED "mod_chat-tally" /* httpd's name for where they are */

/* CHAT_TALLY_N of them. Set by the parent before it forks. */
static apr_uint64_t *tally;

apr_status_t chat_tally_prepare(server_rec *s)
{
    const apr_size_t size = CHAT_TALLY_N * sizeof(*tally);
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
    tally = *kept;
    return APR_SUCCESS;
}

void chat_tally_count(chat_tally_t what)
{
    __atomic_add_fetch(&tally[what], 1, __ATOMIC_RELAXED);
}

apr_uint64_t chat_tally_of(chat_tally_t what)
{
    return __atomic_load_n(&tally[what], __ATOMIC_RELAXED);
}
