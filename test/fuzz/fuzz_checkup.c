/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fuzz_checkup.c - the same bytes as a request to chat-files and as its answer:
 * what is understood fits and says the same when it is written again.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "checkup.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(int holds)
{
    if (!holds) {
        abort();
    }
}

static void request(const char *bytes, size_t size)
{
    char again[CHAT_CHECKUP_REQUEST], path[CHAT_CHECKUP_PATH];
    chat_checkup_request_t r;

    if (chat_checkup_asked(&r, bytes, size)) {
        must(chat_checkup_ask(again, &r) == size &&
             memcmp(again, bytes, size) == 0);
        must(chat_checkup_path(path, "/d", r.id, ".thumb") ==
             strlen("/d/ab/") + CHAT_CHECKUP_ID + strlen(".thumb"));
        must(strstr(path, "..") == NULL);
    }
}

static void answer(const char *bytes, size_t size)
{
    char text[CHAT_CHECKUP_ANSWER];
    chat_checkup_t a, b;
    size_t len;

    if (chat_checkup_told(&a, bytes, size)) {
        len = chat_checkup_tell(text, &a);
        must(len > 0 && len < sizeof(text));
        must(chat_checkup_told(&b, text, len));
        must(memcmp(&a, &b, sizeof(a)) == 0);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    request((const char *)data, size);
    answer((const char *)data, size);
    return 0;
}
