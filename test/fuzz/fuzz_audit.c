/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fuzz_audit.c - a line of the audit log's spool: what is taken apart is written
 * back byte for byte, and what is written can be taken apart.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "audit_entry.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

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
    free(line);
    return 0;
}
