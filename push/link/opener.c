/* SPDX-License-Identifier: Apache-2.0 */
/* opener.c - sealed texts of events; see opener.h. */
#include "opener.h"

#include <string.h>
#include <apr_strings.h>

#include "keys.h"

struct push_opener_t {
    chat_keys_t *keys;
    void (*log)(int trouble, const char *line);
    char said[256]; /* the last reason, "": the last one could be opened */
};

apr_status_t push_opener_create(push_opener_t **opener, const char *database,
                                const char *keys,
                                void (*log)(int trouble, const char *line),
                                const char **why, apr_pool_t *p)
{
    const chat_db_conf_t conf = { .target = database, .max = 1 };
    push_opener_t *o = apr_pcalloc(p, sizeof(*o));
    chat_keyring_t *ring;
    chat_db_t *db;
    apr_status_t rv;

    o->log = log;
    rv = chat_keyring_open(&ring, keys, why, p);
    if (rv == APR_SUCCESS) {
        rv = chat_db_open(&db, &conf, why, p);
    }
    if (rv == APR_SUCCESS) {
        *why = "out of memory";
        rv = chat_keys_create(&o->keys, ring, db, p);
    }
    if (rv == APR_SUCCESS) {
        *opener = o;
    }
    return rv;
}

const char *push_opener_open(void *opener, const char *payload, apr_pool_t *p)
{
    push_opener_t *o = opener;
    const char *why;

    if (strstr(payload, CHAT_SEAL_MARK) == NULL) {
        return payload;
    }
    payload = chat_keys_open_json(o->keys, payload, NULL, &why, p);
    if (why != NULL && strncmp(why, o->said, sizeof(o->said) - 1) != 0) {
        o->log(1,
               apr_pstrcat(p, "relay: a sealed text is left out: ", why, NULL));
    }
    apr_cpystrn(o->said, why != NULL ? why : "", sizeof(o->said));
    return payload;
}
