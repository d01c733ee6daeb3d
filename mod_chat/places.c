/* SPDX-License-Identifier: Apache-2.0 */
/* places.c - bodies at once; see places.h. */
#include "places.h"

#include <string.h>
#include <unistd.h>
#include <apr_general.h>
#include <apr_siphash.h>
#include <apr_strings.h>

#include "lease.h"
#include "limiter.h"
#include "reply.h"
#include "retained.h"

#define LEASES 4096     /* 32 kB; an upload takes two */
#define RETRY_MS 2000   /* when a place may have come free */

/* The start of the shared memory; the leases follow it. */
typedef struct {
    unsigned char key[APR_SIPHASH_KSIZE]; /* so that nobody can aim at another */
} header_t;

/* Of one request. */
typedef struct chat_places_t {
    chat_lease_t account;
    chat_lease_t address;
} places_t;

/* Set by the parent before it forks. */
static header_t *header;
static chat_leases_t leases;

apr_status_t chat_places_prepare(server_rec *s)
{
    void *memory = NULL;
    int is_new = 0;
    apr_status_t rv = chat_retained(&memory, &is_new, "places",
                                    sizeof(header_t) +
                                        LEASES * sizeof(apr_uint64_t),
                                    s);

    if (rv != APR_SUCCESS) {
        return rv;
    }
    header = memory;
    leases.words = (apr_uint64_t *)(header + 1);
    leases.n = LEASES;
    return is_new ? apr_generate_random_bytes(header->key, sizeof(header->key))
                  : APR_SUCCESS;
}

static void give(places_t *places)
{
    chat_lease_give(&leases, places->account);
    chat_lease_give(&leases, places->address);
    places->account = places->address = 0;
}

static apr_status_t give_cleanup(void *places)
{
    give(places);
    return APR_SUCCESS;
}

/* The request's own record of what it holds. */
static places_t *places_of(chat_request_t *q)
{
    if (q->places == NULL) {
        q->places = apr_pcalloc(q->r->pool, sizeof(*q->places));
        apr_pool_cleanup_register(q->r->pool, q->places, give_cleanup,
                                  apr_pool_cleanup_null);
    }
    return q->places;
}

/* @param kind  a letter: accounts and addresses are not the same */
static chat_lease_t take(const chat_request_t *q, char kind, const char *who,
                         int most)
{
    const char *text = apr_psprintf(q->r->pool, "%c%s\n%s", kind,
                                    q->conf->database, who);

    return chat_lease_take(&leases,
                           apr_siphash24(text, strlen(text), header->key),
                           (apr_uint32_t)getpid(), (apr_uint32_t)most);
}

int chat_places_take_body(chat_request_t *q)
{
    places_t *places;

    if (q->conf->uploads_address == 0) {
        return 1;
    }
    places = places_of(q);
    if (places->address == 0) {
        places->address = take(q, 'i', chat_limiter_address(q->r),
                               q->conf->uploads_address);
    }
    return places->address != 0;
}

int chat_places_take_upload(chat_request_t *q)
{
    places_t *places;

    if (q->conf->uploads_account == 0) {
        return 1;
    }
    places = places_of(q);
    places->account = take(q, 'a', q->user->id, q->conf->uploads_account);
    if (places->account != 0 && chat_places_take_body(q)) {
        return 1;
    }
    give(places);
    return 0;
}

void chat_places_give(chat_request_t *q)
{
    if (q->places != NULL) {
        give(q->places);
    }
}

int chat_places_refused(chat_request_t *q)
{
    q->r->connection->keepalive = AP_CONN_CLOSE;
    return chat_reply_limited(q, RETRY_MS - 1000,
                              "too many uploads at once, wait for one to end");
}

void chat_places_child_status(server_rec *s, pid_t pid, ap_generation_t gen,
                              int slot, mpm_child_status state)
{
    (void)s;
    (void)gen;
    (void)slot;
    if (header != NULL && pid > 0 && state == MPM_CHILD_EXITED) {
        chat_lease_end(&leases, (apr_uint32_t)pid);
    }
}
