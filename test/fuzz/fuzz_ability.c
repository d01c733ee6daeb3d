/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fuzz_ability.c - a token's list of abilities, which an application may have
 * written, against jansson: what is found in it stands there as a text of its
 * own.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <jansson.h>

#include "ability.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(int fact)
{
    if (!fact) {
        abort();
    }
}

static int contains(const json_t *list, const char *name)
{
    const json_t *one;
    size_t i;

    json_array_foreach(list, i, one)
    {
        if (json_is_string(one) && strcmp(json_string_value(one), name) == 0) {
            return 1;
        }
    }
    return 0;
}

/* Whether the list has nothing but texts, so that both mean the same by it. */
static int is_plain(const json_t *list)
{
    const json_t *one;
    size_t i;

    json_array_foreach(list, i, one)
    {
        if (!json_is_string(one)) {
            return 0;
        }
    }
    return json_is_array(list);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *text = malloc(size + 1); /* exact size: ASan sees a read past it */
    json_t *list = json_loadb((const char *)data, size, 0, NULL);
    int has;

    must(text != NULL);
    memcpy(text, data, size);
    text[size] = '\0';
    has = chat_ability_has(text, CHAT_ABILITY_READ);
    chat_ability_valid(text);
    if (is_plain(list) && strlen(text) == size) {
        int there = contains(list, "*") || contains(list, CHAT_ABILITY_READ);

        must(!has || there);
        must(has || !there || strchr(text, '\\') != NULL);
    }
    json_decref(list);
    free(text);
    return 0;
}
