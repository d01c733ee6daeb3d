/* SPDX-License-Identifier: Apache-2.0 */
/* limiter.c - shared rate limits; see limiter.h. */
#include "limiter.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <netinet/in.h>
#include <apr_general.h>
#include <apr_siphash.h>
#include <apr_strings.h>

#include "retained.h"

#define SETS 8192 /* of 8 buckets: 512 kB, room for 65,536 keys at once */

/* The start of the shared memory; the buckets follow it. */
typedef struct {
    unsigned char key[APR_SIPHASH_KSIZE]; /* so that nobody can aim at a set */
    unsigned char pad[64 - APR_SIPHASH_KSIZE]; /* sets begin on cache lines */
} header_t;

/* Set by the parent before it forks. */
static header_t *header;
static chat_buckets_t buckets;

apr_status_t chat_limiter_prepare(server_rec *s)
{
    void *memory = NULL;
    int is_new = 0;
    apr_status_t rv = chat_retained(&memory, &is_new, "limits",
                                    sizeof(header_t) + chat_buckets_size(SETS),
                                    s);

    if (rv != APR_SUCCESS) {
        return rv;
    }
    header = memory;
    buckets.words = (apr_uint64_t *)(header + 1);
    buckets.sets = SETS;
    return is_new ? apr_generate_random_bytes(header->key, sizeof(header->key))
                  : APR_SUCCESS;
}

static apr_uint64_t now_ms(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (apr_uint64_t)now.tv_sec * 1000 +
           (apr_uint64_t)now.tv_nsec / 1000000;
}

static apr_uint64_t key_of(const chat_server_t *conf, chat_limit_t what,
                           const char *who, apr_pool_t *p)
{
    const char *text = apr_psprintf(p, "%c%s\n%s", (int)what, conf->database,
                                    who);

    return apr_siphash24(text, strlen(text), header->key);
}

static const chat_rate_t *rate_of(const chat_server_t *conf, chat_limit_t what)
{
    return what == CHAT_LIMIT_ACCOUNT || what == CHAT_LIMIT_ADDRESS
               ? &conf->login
           : what == CHAT_LIMIT_REQUEST ? &conf->request
           : what == CHAT_LIMIT_SEARCH  ? &conf->search
                                        : &conf->send;
}

apr_uint32_t chat_limiter_take(const chat_server_t *conf, chat_limit_t what,
                               const char *who, apr_pool_t *p)
{
    return chat_bucket_take(&buckets, key_of(conf, what, who, p),
                            rate_of(conf, what), now_ms());
}

/* The lowest number the answer says already; UINT_MAX: none. */
static apr_uint32_t said(const request_rec *r)
{
    const char *text = apr_table_get(r->err_headers_out, "RateLimit-Remaining");

    return text != NULL ? (apr_uint32_t)strtoul(text, NULL, 10) : UINT_MAX;
}

void chat_limiter_say(request_rec *r, const chat_server_t *conf,
                      chat_limit_t what, const char *who)
{
    const chat_rate_t *rate = rate_of(conf, what);
    apr_uint32_t left, full;
    apr_uint64_t window;

    if (rate->interval == 0) {
        return;
    }
    left = chat_bucket_left(&buckets, key_of(conf, what, who, r->pool), rate,
                            now_ms(), &full);
    if (left > said(r)) {
        return;
    }
    window = ((apr_uint64_t)rate->interval * rate->burst + 999) / 1000;
    apr_table_setn(r->err_headers_out, "RateLimit-Limit",
                   apr_psprintf(r->pool, "%u", rate->burst));
    apr_table_setn(r->err_headers_out, "RateLimit-Remaining",
                   apr_psprintf(r->pool, "%u", left));
    apr_table_setn(r->err_headers_out, "RateLimit-Reset",
                   apr_psprintf(r->pool, "%u", (full + 999) / 1000));
    apr_table_setn(r->err_headers_out, "RateLimit-Policy",
                   apr_psprintf(r->pool, "%u;w=%" APR_UINT64_T_FMT,
                                rate->burst, window));
}

void chat_limiter_give(const chat_server_t *conf, chat_limit_t what,
                       const char *who, apr_pool_t *p)
{
    chat_bucket_give(&buckets, key_of(conf, what, who, p), rate_of(conf, what),
                     now_ms());
}

const char *chat_limiter_address(const request_rec *r)
{
#if APR_HAVE_IPV6
    const apr_sockaddr_t *a = r->useragent_addr;

    if (a->family == APR_INET6 &&
        !IN6_IS_ADDR_V4MAPPED(&a->sa.sin6.sin6_addr)) {
        apr_uint64_t half;

        memcpy(&half, &a->sa.sin6.sin6_addr, sizeof(half));
        return apr_psprintf(r->pool, "%" APR_UINT64_T_HEX_FMT "/64", half);
    }
#endif
    return r->useragent_ip;
}
