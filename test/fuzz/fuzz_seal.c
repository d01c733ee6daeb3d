/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fuzz_seal.c - sealed texts and heads of sealed files: what is understood lies
 * within the bytes; JSON without a sealed string stays as it is, and what
 * cannot be opened never shows its ciphertext as text.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <apr_general.h>

#include "seal_json.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(int holds)
{
    if (!holds) {
        abort();
    }
}

static const chat_seal_key_t *find(void *baton, const char *key_id)
{
    static const chat_seal_key_t key = { { 0 }, "3" };

    (void)baton;
    must(strlen(key_id) > 0 && strlen(key_id) < CHAT_SEAL_KEY_ID);
    return key_id[0] == '7' ? &key : NULL;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static apr_pool_t *pool;
    chat_seal_head_t head;
    chat_sealed_t sealed;
    const char *json;
    int failed = 0;
    char *text;

    if (pool == NULL) {
        apr_initialize();
        apr_pool_create(&pool, NULL);
    }
    if (chat_sealed_parse(&sealed, (const char *)data, size)) {
        apr_size_t len = 0;

        must(sealed.base64 + sealed.len == (const char *)data + size);
        must(strlen(sealed.author) < CHAT_SEAL_ID &&
             strlen(sealed.name) < CHAT_SEAL_NAME);
        chat_seal_open(&len, find(NULL, "7"), &sealed, pool);
        must(len <= size);
    }
    if (chat_seal_head_parse(&head, data, size)) {
        must(head.size >= 0 && chat_seal_file_size(&head) > head.size);
        must(memcmp(head.bytes, data, CHAT_SEAL_HEAD) == 0);
    }
    text = malloc(size + 1);
    memcpy(text, data, size);
    text[size] = '\0';
    json = chat_seal_open_json(text, size % 2 ? "3" : NULL, find, NULL, &failed,
                               pool);
    must(strstr(text, CHAT_SEAL_MARK) != NULL || json == text);
    must(failed == 0 || strstr(json, "\"unreadable\":true") != NULL);
    free(text);
    apr_pool_clear(pool);
    return 0;
}
