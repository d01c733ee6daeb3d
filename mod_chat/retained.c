/* SPDX-License-Identifier: Apache-2.0 */
/* retained.c - see retained.h. */
#include "retained.h"

#include <string.h>
#include <apr_shm.h>
#include <apr_strings.h>
#include <http_config.h>
#include <http_core.h>

#define NAME 80 /* bytes; httpd copies it */

apr_status_t chat_retained(void **memory, int *is_new, const char *what,
                           apr_size_t size, server_rec *s)
{
    char name[NAME];
    apr_shm_t *shm;
    apr_status_t rv;
    void **kept;

    apr_snprintf(name, sizeof(name), "mod_chat-%s-%" APR_SIZE_T_FMT, what,
                 size);
    kept = ap_retained_data_get(name);
    if (is_new != NULL) {
        *is_new = kept == NULL;
    }
    if (kept == NULL) {
        rv = apr_shm_create(&shm, size, NULL, s->process->pool);
        if (rv != APR_SUCCESS) {
            return rv;
        }
        memset(apr_shm_baseaddr_get(shm), 0, size);
        kept = ap_retained_data_create(name, sizeof(*kept));
        *kept = apr_shm_baseaddr_get(shm);
    }
    *memory = *kept;
    return APR_SUCCESS;
}
