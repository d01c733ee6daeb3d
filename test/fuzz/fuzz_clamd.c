/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fuzz_clamd.c - the same bytes as clamd's answer, whole and in pieces, and as
 * the setting of ChatScan.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "clamd.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(int holds)
{
    if (!holds) {
        abort();
    }
}

static void reply(const char *bytes, size_t size)
{
    char name[CLAMD_NAME + 1];
    size_t len = size < CLAMD_REPLY ? size : CLAMD_REPLY, i;
    clamd_reply_t said = clamd_reply(name, bytes, len, 1);

    must(said != CLAMD_MORE && strlen(name) <= CLAMD_NAME);
    must((said == CLAMD_FOUND) || name[0] == '\0');
    for (i = 0; name[i] != '\0'; i++) {
        must(name[i] >= ' ' && name[i] <= '~');
    }
    for (i = 0; i < len; i++) {
        must(clamd_reply(name, bytes, i, 0) == CLAMD_MORE ||
             memchr(bytes, '\0', i) != NULL);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char a[SCANNER_ROOM], b[SCANNER_ROOM];
    char *setting = malloc(size + 1);

    reply((const char *)data, size);
    memcpy(setting, data, size);
    setting[size] = '\0';
    switch (scanner_read(a, b, setting)) {
    case SCANNER_UNIX:
    case SCANNER_COMMAND:
        must(a[0] == '/' && b[0] == '\0');
        break;
    case SCANNER_TCP:
        must(a[0] != '\0' && b[0] >= '0' && b[0] <= '9');
        break;
    default:
        break;
    }
    free(setting);
    return 0;
}
