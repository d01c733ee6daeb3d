/* SPDX-License-Identifier: Apache-2.0 */
/* lease.c - counts without locks; see lease.h. */
#include "lease.h"

#define PID_BITS 24
#define PID_MASK ((UINT64_C(1) << PID_BITS) - 1)

static apr_uint64_t load(const apr_uint64_t *word)
{
    return __atomic_load_n(word, __ATOMIC_SEQ_CST);
}

/* All of these are in one order: who counts late sees who has written early. */
static int swap(apr_uint64_t *word, apr_uint64_t from, apr_uint64_t to)
{
    return __atomic_compare_exchange_n(word, &from, to, 0, __ATOMIC_SEQ_CST,
                                       __ATOMIC_SEQ_CST);
}

static apr_uint32_t held(const chat_leases_t *t, apr_uint64_t tag)
{
    apr_uint32_t count = 0;

    for (apr_uint32_t i = 0; i < t->n; i++) {
        count += (load(&t->words[i]) & ~PID_MASK) == tag;
    }
    return count;
}

/* A free word, from where the key's search begins. */
static chat_lease_t claim(const chat_leases_t *t, apr_uint64_t key,
                          apr_uint64_t word)
{
    for (apr_uint32_t i = 0; i < t->n; i++) {
        apr_uint32_t at = ((apr_uint32_t)key + i) & (t->n - 1);

        if (load(&t->words[at]) == 0 && swap(&t->words[at], 0, word)) {
            return at + 1;
        }
    }
    return 0;
}

chat_lease_t chat_lease_take(const chat_leases_t *t, apr_uint64_t key,
                             apr_uint32_t pid, apr_uint32_t most)
{
    apr_uint64_t tag = key & ~PID_MASK;
    chat_lease_t lease = claim(t, key, tag | (pid & PID_MASK));

    if (lease != 0 && held(t, tag) > most) {
        chat_lease_give(t, lease);
        return 0;
    }
    return lease;
}

void chat_lease_give(const chat_leases_t *t, chat_lease_t lease)
{
    if (lease != 0) {
        __atomic_store_n(&t->words[lease - 1], 0, __ATOMIC_SEQ_CST);
    }
}

apr_uint32_t chat_lease_end(const chat_leases_t *t, apr_uint32_t pid)
{
    apr_uint32_t count = 0;

    for (apr_uint32_t i = 0; i < t->n; i++) {
        apr_uint64_t word = load(&t->words[i]);

        count += word != 0 && (word & PID_MASK) == pid &&
                 swap(&t->words[i], word, 0);
    }
    return count;
}
