/* SPDX-License-Identifier: Apache-2.0 */
/* sniff.c - libmagic; see sniff.h. */
#include "sniff.h"

#include <pthread.h>
#include <magic.h>
#include <apr_strings.h>

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static magic_t reader; /* under the lock; NULL: not loaded */

static apr_status_t unload(void *unused)
{
    (void)unused;
    pthread_mutex_lock(&lock);
    if (reader != NULL) {
        magic_close(reader);
        reader = NULL;
    }
    pthread_mutex_unlock(&lock);
    return APR_SUCCESS;
}

apr_status_t chat_magic_load(const char **why, apr_pool_t *p)
{
    magic_t m = magic_open(MAGIC_MIME_TYPE | MAGIC_NO_CHECK_COMPRESS |
                           MAGIC_NO_CHECK_TAR | MAGIC_NO_CHECK_ELF);

    if (m == NULL || magic_load(m, NULL) != 0) {
        *why = m != NULL ? apr_pstrdup(p, magic_error(m)) : "no memory";
        if (m != NULL) {
            magic_close(m);
        }
        return APR_EGENERAL;
    }
    reader = m;
    apr_pool_cleanup_register(p, NULL, unload, apr_pool_cleanup_null);
    return APR_SUCCESS;
}

const char *chat_magic_of(const void *bytes, apr_size_t len, apr_pool_t *p)
{
    const char *found = NULL;

    pthread_mutex_lock(&lock);
    if (reader != NULL) {
        found = magic_buffer(reader, bytes, len);
        found = found != NULL ? apr_pstrdup(p, found) : NULL;
    }
    pthread_mutex_unlock(&lock);
    return found != NULL ? found : "";
}
