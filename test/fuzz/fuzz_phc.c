/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fuzz_phc.c - a password's hash, and below a line break a time. What is taken
 * for argon2 has its numbers, and a prefix that another hash can be made with.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "instant.h"
#include "phc.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(int fact)
{
    if (!fact) {
        abort();
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *text = malloc(size + 1), *time;
    chat_phc_t phc;
    apr_time_t t;

    must(text != NULL);
    if (size > 0) {
        memcpy(text, data, size);
    }
    text[size] = '\0';
    time = strchr(text, '\n');
    if (time != NULL) {
        *time++ = '\0';
        must(!chat_instant_parse(&t, time) || t > -apr_time_from_sec(86400));
    }
    chat_phc_parse(&phc, text);
    must(phc.prefix <= strlen(text));
    if (phc.kind == CHAT_PHC_ARGON2I || phc.kind == CHAT_PHC_ARGON2ID) {
        must(phc.memory > 0 && phc.passes > 0 && phc.lanes > 0);
        must(text[phc.prefix - 1] == '$');
    }
    must(phc.kind != CHAT_PHC_BROKEN || !chat_phc_affordable(&phc, 1u << 31));
    free(text);
    return 0;
}
