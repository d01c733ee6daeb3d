/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fuzz_shape.c - the texts of a row, each ended by a NUL: content, type, client_id,
 * two times, name, role. Whatever they hold, the message fits the room that was
 * asked for, and of valid UTF-8 it is JSON with the same texts.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <apr_general.h>
#include <jansson.h>

#include "shape.h"
#include "utf8.h"

#define TEXTS 7

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(int fact)
{
    if (!fact) {
        abort();
    }
}

static apr_pool_t *scratch(void)
{
    static apr_pool_t *pool;

    if (pool == NULL && (apr_initialize() != APR_SUCCESS ||
                         apr_pool_create(&pool, NULL) != APR_SUCCESS)) {
        abort();
    }
    return pool;
}

/* What says `text` again, which may be NULL. */
static int says(const json_t *object, const char *key, const char *text)
{
    const json_t *v = json_object_get(object, key);

    return text == NULL ? json_is_null(v)
                        : json_is_string(v) &&
                              strcmp(json_string_value(v), text) == 0;
}

static void write_message(const chat_message_t *m, int valid)
{
    apr_size_t room = chat_shape_size(m);
    char *text = malloc(room); /* exact size: ASan sees a write past it */
    apr_size_t len;

    must(text != NULL);
    len = (apr_size_t)(chat_shape_message(text, m) - text);
    must(len <= room);
    if (valid) {
        json_t *o = json_loadb(text, len, JSON_REJECT_DUPLICATES, NULL);

        must(o != NULL && says(o, "content", m->content) &&
             says(o, "type", m->type) && says(o, "client_id", m->client_id) &&
             says(json_object_get(o, "user"), "name", m->name) &&
             says(json_object_get(o, "user"), "role", m->role));
        json_decref(o);
    }
    free(text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    apr_pool_t *p = scratch();
    char *bytes = malloc(size + 1);
    const char *text[TEXTS] = { NULL };
    char *at = bytes;
    int n;

    must(bytes != NULL);
    memcpy(bytes, data, size);
    bytes[size] = '\0';
    for (n = 0; n < TEXTS && at <= bytes + size; n++) {
        text[n] = at;
        at += strlen(at) + 1;
    }
    if (text[0] != NULL) {
        chat_message_t m = { .id = "1", .user_id = "7", .conversation = "1" };

        m.content = text[0];
        m.type = text[1] != NULL ? text[1] : "text";
        m.client_id = text[2];
        m.created_at = text[3];
        m.read_at = text[4];
        m.name = text[5] != NULL ? text[5] : "";
        m.role = text[6] != NULL ? text[6] : "";
        write_message(&m, chat_utf8_valid(bytes, size));
        chat_shape_text(text[0], p);
        chat_shape_time_json(text[0], p);
    }
    free(bytes);
    apr_pool_clear(p);
    return 0;
}
