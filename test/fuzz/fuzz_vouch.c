/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fuzz_vouch.c - the signed headers: what is understood lies within the header,
 * has one spelling, and holds nothing but ids; and no header is both.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "channel.h"
#include "vouch.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(int holds)
{
    if (!holds) {
        abort();
    }
}

static void within(const chat_vouch_t *v, const char *text, size_t size)
{
    must(v->issued >= 0 && v->text == text);
    must(v->signature == text + v->len + 1);
    must(v->signature + CHAT_SIGNATURE_HEX - 1 == text + size);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const char *text = (const char *)data;
    char again[CHAT_VOUCH_MAX + 1];
    chat_vouch_t v, q;
    int is_identity = chat_vouch_identity_parse(&v, text, size);

    if (is_identity) {
        within(&v, text, size);
        must(chat_id_valid(v.identity.user) && v.identity.until >= 0);
        must(chat_identity_session_valid(v.identity.session,
                                         strlen(v.identity.session)));
        snprintf(again, sizeof(again), "1.%lld.%.16s.%lld.%s.%s",
                 (long long)v.issued, strchr(text + 2, '.') + 1,
                 (long long)v.identity.until, v.identity.session,
                 v.identity.user);
        must(strlen(again) == v.len && memcmp(again, text, v.len) == 0);
    }
    if (chat_vouch_question_parse(&q, text, size)) {
        must(!is_identity);
        within(&q, text, size);
    }
    return 0;
}
