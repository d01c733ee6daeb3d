/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fuzz_pusher.c - messages of clients and of the HTTP API, against jansson.
 *
 * What the scanner accepts jansson must accept too, and the other way round,
 * but for what each knowingly leaves open; members found must hold the same
 * text. A message built from what was accepted must be JSON again.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <jansson.h>

#include "pusher.h"
#include "utf8.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(int fact)
{
    if (!fact) {
        abort();
    }
}

/* Whether jansson reads it as an object whose members differ in name. Deeper
 * repetitions are none of the scanner's business, and numbers too large for C
 * none of jansson's complaints that count. */
static json_t *reference(const char *text, size_t len,
                         enum json_error_code *code)
{
    json_error_t error;
    json_t *json = json_loadb(text, len, 0, &error);

    *code = json == NULL ? json_error_code(&error) : json_error_unknown;
    return json;
}

static void same_text(const scan_value_t *v, const json_t *json)
{
    char *text;

    if (v->type != SCAN_STRING) {
        must(!json_is_string(json));
        return;
    }
    text = malloc(v->size ? v->size : 1u); /* exact: ASan watches */
    must(text != NULL);
    scan_text(text, v);
    must(json_is_string(json) && json_string_length(json) == v->size &&
         !memcmp(text, json_string_value(json), v->size));
    free(text);
}

static void frame_is_json(push_frame_t *f)
{
    size_t head = f->data[1] < 126 ? 2 : f->data[1] == 126 ? 4 : 10;
    json_t *json = json_loadb((const char *)f->data + head, f->len - head, 0,
                              NULL);

    must(json_is_object(json));
    json_decref(json);
    push_frame_release(f);
}

/* An event like a publish or client event makes it. */
static void build(const scan_value_t *event, const scan_value_t *data)
{
    const push_user_t user = { "7", 1, "7", 1, "{}", 2 };
    apr_uint32_t name_at;
    push_frame_t *f = pusher_event(event, "private-x", 9, data, &user,
                                   &name_at);

    must(!memcmp(f->data + name_at, "private-x", 9));
    frame_is_json(f);
    frame_is_json(pusher_error(4301, event, "why"));
    frame_is_json(pusher_subscription_error(event, "AuthError", 401, "why"));
}

static void walk(const scan_value_t *array, const json_t *json)
{
    const char *at = NULL;
    scan_value_t v;
    size_t n = 0;

    while (scan_next(array, &at, &v)) {
        same_text(&v, json_array_get(json, n));
        n++;
    }
    must(n == json_array_size(json));
}

static void read_user(const char *text, size_t len)
{
    char *scratch = malloc(len ? len : 1);
    push_user_t user;

    must(scratch != NULL);
    if (pusher_user_read(&user, "user_id", text, len, scratch) == NULL) {
        must(user.id_len > 0 && chat_utf8_valid(user.id, user.id_len));
        frame_is_json(pusher_member_added("presence-x", 10, &user));
    }
    free(scratch);
}

static void read_watchlist(const char *text, size_t len)
{
    push_text_t ids = { NULL, 0, 0 };
    const char *at = NULL;
    scan_value_t list, v;
    char *id;

    if (pusher_watchlist_read(&list, text, len) != NULL) {
        return;
    }
    must(list.type == SCAN_ABSENT || list.type == SCAN_ARRAY);
    while (list.type == SCAN_ARRAY && scan_next(&list, &at, &v)) {
        must(v.type == SCAN_STRING || scan_integer(&v));
        if (v.type == SCAN_STRING) {
            id = malloc(v.size ? v.size : 1u);
            must(id != NULL);
            scan_text(id, &v);
            push_text_add(&ids, ",", ids.len > 0);
            push_text_quote(&ids, id, v.size);
            free(id);
        }
    }
    frame_is_json(pusher_watchlist(&ids, &ids));
    push_text_free(&ids);
}

/* Numbers beyond C's are the one thing that jansson alone refuses. */
static int jansson_alone(enum json_error_code code)
{
    return code == json_error_numeric_overflow;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const char *text = (const char *)data;
    enum json_error_code code;
    json_t *json = reference(text, size, &code);
    pusher_subscribe_t sub;
    pusher_publish_t pub;
    pusher_message_t m;
    pusher_signin_t in;
    const char *why = pusher_publish_read(&pub, text, size);

    if (why == NULL) {
        must(json_is_object(json) || jansson_alone(code));
    }
    if (why == NULL && json != NULL) {
        same_text(&pub.name, json_object_get(json, "name"));
        same_text(&pub.data, json_object_get(json, "data"));
        if (pub.channels.type == SCAN_ARRAY) {
            walk(&pub.channels, json_object_get(json, "channels"));
        }
        if (pub.name.type == SCAN_STRING && pub.data.type != SCAN_ABSENT) {
            build(&pub.name, &pub.data);
        }
    }
    if (pusher_message_read(&m, text, size) == NULL) {
        must(m.event.type == SCAN_STRING);
        if (json != NULL) {
            same_text(&m.event, json_object_get(json, "event"));
            build(&m.event, &m.data);
        }
        if (pusher_subscribe_read(&sub, &m.data) == NULL && json != NULL) {
            same_text(
                &sub.channel,
                json_object_get(json_object_get(json, "data"), "channel"));
        }
        pusher_signin_read(&in, &m.data);
    }
    read_user(text, size);
    read_watchlist(text, size);
    json_decref(json);
    return 0;
}
