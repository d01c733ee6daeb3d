/* SPDX-License-Identifier: Apache-2.0 */
/* sealed_bucket.c - see sealed_bucket.h. */
#include "sealed_bucket.h"

#include <string.h>
#include <openssl/crypto.h>
#include <http_log.h>

#include "chat_module.h"
#include "seal_file.h"

APLOG_USE_MODULE(chat);

/* What all buckets of one answer share; the request's. */
typedef struct {
    apr_bucket_refcount refcount; /* must be first */
    request_rec *r;
    int fd;
    unsigned char key[CHAT_SEAL_KEY];
    chat_seal_head_t head;
    unsigned char scratch[CHAT_SEAL_BLOCK + CHAT_SEAL_TAG];
} sealed_t;

static apr_status_t wipe(void *data)
{
    sealed_t *s = data;

    OPENSSL_cleanse(s->key, sizeof(s->key));
    return APR_SUCCESS;
}

static void sealed_destroy(void *data) { apr_bucket_shared_destroy(data); }

/* The status is sent: all that is left is to send no more. */
static apr_status_t cut_off(const sealed_t *s, apr_int64_t block,
                            apr_status_t rv)
{
    conn_rec *c = s->r->connection;

    ap_log_rerror(APLOG_MARK, APLOG_ERR, rv, s->r,
                  "opening a sealed file: block %" APR_INT64_T_FMT
                  " was changed, or is another key's",
                  block);
    c->keepalive = AP_CONN_CLOSE;
    c->aborted = 1;
    return rv;
}

/* The block at the bucket's start becomes a bucket of its own; the rest goes
 * behind it. */
static apr_status_t sealed_read(apr_bucket *b, const char **bytes,
                                apr_size_t *len, apr_read_type_e block);

static const apr_bucket_type_t sealed_type = { "SEALED",
                                               5,
                                               APR_BUCKET_DATA,
                                               sealed_destroy,
                                               sealed_read,
                                               apr_bucket_setaside_noop,
                                               apr_bucket_shared_split,
                                               apr_bucket_shared_copy };

static apr_status_t sealed_read(apr_bucket *b, const char **bytes,
                                apr_size_t *len, apr_read_type_e block)
{
    sealed_t *s = b->data;
    apr_int64_t number = b->start / CHAT_SEAL_BLOCK;
    apr_size_t skip = (apr_size_t)(b->start % CHAT_SEAL_BLOCK);
    char *room = apr_bucket_alloc(CHAT_SEAL_BLOCK, b->list);
    apr_size_t got = 0, want;
    apr_bucket *rest;
    apr_status_t rv = chat_seal_file_block((unsigned char *)room, &got,
                                           s->scratch, s->fd, s->key, &s->head,
                                           number);

    (void)block;
    if (rv != APR_SUCCESS || got <= skip) {
        apr_bucket_free(room);
        return cut_off(s, number, rv != APR_SUCCESS ? rv : APR_EGENERAL);
    }
    want = got - skip < b->length ? got - skip : b->length;
    if (b->length > want) {
        /* It takes over our share of s. */
        rest = apr_bucket_alloc(sizeof(*rest), b->list);
        *rest = *b;
        rest->start += (apr_off_t)want;
        rest->length -= want;
        APR_BUCKET_INSERT_AFTER(b, rest);
    }
    else {
        apr_bucket_shared_destroy(s);
    }
    apr_bucket_heap_make(b, room, CHAT_SEAL_BLOCK, apr_bucket_free);
    b->start = (apr_off_t)skip;
    b->length = want;
    *bytes = room + skip;
    *len = want;
    return APR_SUCCESS;
}

apr_bucket *chat_sealed_bucket(request_rec *r, int fd,
                               const unsigned char key[CHAT_SEAL_KEY],
                               const chat_seal_head_t *head)
{
    apr_bucket_alloc_t *list = r->connection->bucket_alloc;
    sealed_t *s = apr_pcalloc(r->pool, sizeof(*s));
    char *first = apr_bucket_alloc(CHAT_SEAL_BLOCK, list);
    apr_size_t len;
    apr_status_t rv;
    apr_bucket *b;

    s->r = r;
    s->fd = fd;
    s->head = *head;
    memcpy(s->key, key, CHAT_SEAL_KEY);
    apr_pool_cleanup_register(r->pool, s, wipe, apr_pool_cleanup_null);
    rv = chat_seal_file_block((unsigned char *)first, &len, s->scratch, fd,
                              s->key, head, 0);
    apr_bucket_free(first);
    if (rv != APR_SUCCESS) {
        return NULL;
    }
    b = apr_bucket_alloc(sizeof(*b), list);
    APR_BUCKET_INIT(b);
    b->free = apr_bucket_free;
    b->list = list;
    b = apr_bucket_shared_make(b, s, 0, (apr_size_t)head->size);
    b->type = &sealed_type;
    return b;
}
