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

#include "seal.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(int holds)
{
    if (!holds) {
        abort();
    }
}

static const unsigned char *find(void *baton, const char *key_id)
{
    static const unsigned char key[CHAT_SEAL_KEY];

    (void)baton;
    must(strlen(key_id) > 0 && strlen(key_id) < CHAT_SEAL_KEY_ID);
    return key_id[0] == '7' ? key : NULL;
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
        chat_seal_open(
            &len,
            find(NULL, sealed.key_id) != NULL
                ? find(NULL, "7")
                : (const unsigned char *)"0123456789abcdef0123456789abcdef",
            &sealed, pool);
        must(len <= size);
    }
    if (chat_seal_head_parse(&head, data, size)) {
        must(head.size >= 0 && chat_seal_file_size(&head) > head.size);
        must(memcmp(head.bytes, data, CHAT_SEAL_HEAD) == 0);
    }
    text = malloc(size + 1);
    memcpy(text, data, size);
    text[size] = '\0';
    json = chat_seal_open_json(text, find, NULL, &failed, pool);
    must(strstr(text, CHAT_SEAL_MARK) != NULL || json == text);
    must(failed == 0 || strlen(json) < strlen(text));
    free(text);
    apr_pool_clear(pool);
    return 0;
}
