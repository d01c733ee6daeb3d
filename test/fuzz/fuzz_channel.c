/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fuzz_channel.c - names read from bytes that end where they end.
 *
 * A canonical name promises what its alias does, is its own canonical name, and
 * is no alias; a name that is accepted is no server's name.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "channel.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_canonical(const chat_channel_t *c, const char *name,
                            size_t len)
{
    char *canonical = malloc(len ? len : 1);
    chat_channel_t again;

    if (canonical == NULL) {
        abort();
    }
    chat_channel_canonical(canonical, name, len);
    if (chat_channel_parse(&again, canonical, len, len) != CHAT_CHANNEL_OK ||
        again.kind != c->kind || again.cache != c->cache || again.alias) {
        abort();
    }
    if (c->alias == (memcmp(canonical, name, len) == 0)) {
        abort();
    }
    free(canonical);
}

static void check_id(const char *text)
{
    const char *id = chat_channel_id(text, CHAT_CHANNEL_CONVERSATION);

    if (id != NULL && (!chat_id_valid(id) || strlen(id) > 64)) {
        abort();
    }
    chat_channel_id(text, CHAT_CHANNEL_USER);
    chat_channel_id(text, CHAT_CHANNEL_PRESENCE);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const char *name = (const char *)data;
    char *text = malloc(size + 1);
    chat_channel_t c;

    if (text == NULL) {
        abort();
    }
    memcpy(text, data, size);
    text[size] = '\0';
    check_id(text);
    free(text);
    if (chat_channel_parse(&c, name, size, CHAT_CHANNEL_NAME_MAX) ==
        CHAT_CHANNEL_OK) {
        if (size > CHAT_CHANNEL_NAME_MAX ||
            chat_channel_is_server(name, size)) {
            abort();
        }
        check_canonical(&c, name, size);
    }
    return 0;
}
