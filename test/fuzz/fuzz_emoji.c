/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fuzz_emoji.c - any bytes as an emoji. What is one is short, valid UTF-8 and has
 * no letter, space or control in it.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "emoji.h"
#include "utf8.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *text = malloc(size + 1);

    if (text == NULL) {
        abort();
    }
    if (size > 0) {
        memcpy(text, data, size);
    }
    text[size] = '\0';
    /* Handlers are given valid UTF-8 only; other bytes must not lead it astray. */
    if (chat_emoji_valid(text) && chat_utf8_valid(text, strlen(text))) {
        if (strlen(text) == 0 || strlen(text) > CHAT_EMOJI_SIZE) {
            abort();
        }
        for (const char *s = text; *s != '\0'; s++) {
            if ((unsigned char)*s < 0x80 &&
                strchr("0123456789#*", *s) == NULL) {
                abort();
            }
        }
    }
    free(text);
    return 0;
}
