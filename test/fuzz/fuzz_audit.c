/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fuzz_audit.c - a line of the audit log's spool: what is taken apart is written
 * back byte for byte, and what is written can be taken apart; no bytes pass for a
 * seal or a memo of who has the key.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <apr_general.h>

#include "audit_seal.h"
#include "audit_entry.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* A seal and a memo that nobody with the key has made. */
static void others(const char *text)
{
    static apr_pool_t *pool;
    static chat_keyring_t *ring;
    char hash[CHAT_SHA256_HEX] = "";
    const char *why;
    apr_int64_t seq = 0;

    if (pool == NULL) {
        apr_initialize();
        apr_pool_create(&pool, NULL);
        chat_keyring_parse(&ring,
                           "a MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=\n",
                           &why, pool);
    }
    if (chat_audit_memo_read(&seq, hash, ring, text) ||
        chat_audit_seal_check(text, ring, 1, CHAT_AUDIT_GENESIS) ==
            CHAT_AUDIT_SEAL_GOOD) {
        abort();
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *line = malloc(size + 1); /* exact size: ASan sees a read past it */
    char back[CHAT_AUDIT_LINE];
    chat_audit_entry_t e = { { NULL } };
    apr_size_t len;

    if (line == NULL) {
        abort();
    }
    memcpy(line, data, size);
    if (chat_audit_parse(&e, line, size)) {
        len = chat_audit_line(back, &e);
        if (len != size + 1 || memcmp(back, data, size) != 0) {
            abort();
        }
    }
    /* The same bytes as a header of a stranger's. */
    memcpy(line, data, size);
    line[size] = '\0';
    memset(&e, 0, sizeof(e));
    e.field[CHAT_AUDIT_AGENT] = line;
    e.field[CHAT_AUDIT_OBJECT] = line;
    len = chat_audit_line(back, &e);
    if (!chat_audit_parse(&e, back, len - 1)) {
        abort();
    }
    others(line);
    free(line);
    return 0;
}
