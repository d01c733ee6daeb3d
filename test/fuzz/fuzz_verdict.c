/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fuzz_verdict.c - the same bytes as an auth endpoint's answer and as a Cookie
 * header: what is taken out of them fits, and is a header value or a name of
 * ours.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <apr_general.h>

#include "endpoint.h"
#include "verdict.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(int holds)
{
    if (!holds) {
        abort();
    }
}

static apr_pool_t *scratch(void)
{
    static apr_pool_t *pool;

    must(pool != NULL || (apr_initialize() == APR_SUCCESS &&
                          apr_pool_create(&pool, NULL) == APR_SUCCESS));
    return pool;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const char *text = (const char *)data;
    char *xsrf = malloc(size + 1);
    push_answer_t a;
    size_t i;

    push_verdict_read(&a, 200, text, size, scratch());
    must(strlen(a.auth) <= PUSH_VERDICT_AUTH && a.until >= 0);
    must(a.verdict == PUSH_VERDICT_YES || a.verdict == PUSH_VERDICT_UNKNOWN);
    must(a.session[0] == '\0' ||
         chat_identity_session_valid(a.session, strlen(a.session)));
    apr_pool_clear(scratch());
    if (push_endpoint_xsrf(xsrf, text, size)) {
        must(xsrf[0] != '\0' && strlen(xsrf) < size);
        for (i = 0; xsrf[i] != '\0'; i++) {
            must((unsigned char)xsrf[i] > ' ' && (unsigned char)xsrf[i] < 127);
        }
    }
    free(xsrf);
    return 0;
}
