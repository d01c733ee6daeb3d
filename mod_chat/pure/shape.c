/* SPDX-License-Identifier: Apache-2.0 */
/* shape.c - rows as JSON; see shape.h. */
#include "shape.h"

#include <stddef.h>
#include <string.h>

#include <apr_strings.h>

#include "json.h"

static int are_digits(const char *s, int n)
{
    for (; n > 0; n--, s++) {
        if (*s < '0' || *s > '9') {
            return 0;
        }
    }
    return 1;
}

/* "YYYY-MM-DD HH:MM:SS" */
static int is_time(const char *s)
{
    return strlen(s) >= 19 && are_digits(s, 4) && s[4] == '-' &&
           are_digits(s + 5, 2) && s[7] == '-' && are_digits(s + 8, 2) &&
           (s[10] == ' ' || s[10] == 'T') && are_digits(s + 11, 2) &&
           s[13] == ':' && are_digits(s + 14, 2) && s[16] == ':' &&
           are_digits(s + 17, 2);
}

static int is_utc(const char *zone)
{
    return *zone == '\0' || strcmp(zone, "Z") == 0 ||
           strcmp(zone, "+00") == 0 || strcmp(zone, "+00:00") == 0;
}

int chat_shape_time(char *out, const char *text)
{
    apr_size_t digits = 0;

    if (text == NULL || !is_time(text)) {
        return 0;
    }
    memcpy(out, text, 19);
    memcpy(out + 19, ".000Z", 6);
    out[10] = 'T';
    text += 19;
    if (*text == '.') {
        digits = strspn(++text, "0123456789");
        memcpy(out + 20, text, digits < 3 ? digits : 3);
        text += digits;
    }
    return is_utc(text);
}

char *chat_shape_time_json(const char *text, apr_pool_t *p)
{
    char time[CHAT_SHAPE_TIME];

    return chat_shape_time(time, text) ? apr_pstrcat(p, "\"", time, "\"", NULL)
                                       : apr_pstrdup(p, "null");
}

char *chat_shape_text(const char *text, apr_pool_t *p)
{
    char *json;

    if (text == NULL) {
        return apr_pstrdup(p, "null");
    }
    json = apr_palloc(p, chat_json_size(text, strlen(text)) + 1);
    *chat_json_put(json, text, strlen(text)) = '\0';
    return json;
}

char *chat_shape_person(const char *id, const char *name, const char *role,
                        apr_pool_t *p)
{
    return apr_pstrcat(p, "{\"id\":", id,
                       ",\"name\":", chat_shape_text(name, p),
                       ",\"role\":", chat_shape_text(role, p), "}", NULL);
}

/* One key and its value. */
typedef enum { TEXT, RAW, TIME } kind_t;

typedef struct {
    const char *before; /* what stands before the value */
    apr_size_t len;     /* its bytes */
    kind_t kind;
    apr_size_t at; /* of the text in chat_message_t */
} part_t;

/* The object, in its order: written between these are the values. */
/* clang-format off */
#define PART(before, kind, field) \
    { before, sizeof(before) - 1, kind, offsetof(chat_message_t, field) }
static const part_t parts[] = {
    PART("{\"id\":",              RAW,  id),
    PART(",\"content\":",         TEXT, content),
    PART(",\"type\":",            TEXT, type),
    PART(",\"client_id\":",       TEXT, client_id),
    PART(",\"user_id\":",         RAW,  user_id),
    PART(",\"consultation_id\":", RAW,  conversation),
    PART(",\"created_at\":",      TIME, created_at),
    PART(",\"read_at\":",         TIME, read_at),
    PART(",\"user\":{\"id\":",    RAW,  user_id),
    PART(",\"name\":",            TEXT, name),
    PART(",\"role\":",            TEXT, role),
};
/* clang-format on */
#define NPARTS (sizeof(parts) / sizeof(parts[0]))

/* Behind them, in chat_detail_t's order; PLAIN is all of it for a message of which
 * there is no more to say. */
static const char *const detail_keys[CHAT_DETAILS] = {
    "},\"edited_at\":",  ",\"deleted_at\":",  ",\"reply_to\":",
    ",\"reactions\":", ",\"attachments\":", ",\"plan\":",
};
static const char plain[] =
    "},\"edited_at\":null,\"deleted_at\":null,\"reply_to\":null,"
    "\"reactions\":[],\"attachments\":[],\"plan\":null}";

static const char *value_of(const chat_message_t *m, const part_t *part)
{
    const char *text;

    memcpy(&text, (const char *)m + part->at, sizeof(text));
    return text;
}

apr_size_t chat_shape_size(const chat_message_t *m)
{
    apr_size_t size = sizeof(plain), i;

    for (i = 0; i < NPARTS; i++) {
        const char *text = value_of(m, &parts[i]);

        size += parts[i].len;
        size += text == NULL            ? strlen("null")
                : parts[i].kind == TEXT ? chat_json_size(text, strlen(text))
                : parts[i].kind == TIME ? CHAT_SHAPE_TIME + 2
                                        : strlen(text);
    }
    for (i = 0; m->details != NULL && i < CHAT_DETAILS; i++) {
        size += m->details[i] != NULL ? strlen(m->details[i]) : 0;
    }
    return size;
}

static char *put(char *to, const char *text, apr_size_t len)
{
    memcpy(to, text, len);
    return to + len;
}

char *chat_shape_message(char *to, const chat_message_t *m)
{
    char time[CHAT_SHAPE_TIME];
    apr_size_t i;

    for (i = 0; i < NPARTS; i++) {
        const char *text = value_of(m, &parts[i]);

        to = put(to, parts[i].before, parts[i].len);
        if (text != NULL && parts[i].kind == TEXT) {
            to = chat_json_put(to, text, strlen(text));
        }
        else if (text != NULL && parts[i].kind == RAW) {
            to = put(to, text, strlen(text));
        }
        else if (text != NULL && chat_shape_time(time, text)) {
            *to++ = '"';
            to = put(to, time, strlen(time));
            *to++ = '"';
        }
        else {
            to = put(to, "null", 4);
        }
    }
    if (m->details == NULL) {
        return put(to, plain, sizeof(plain) - 1);
    }
    for (i = 0; i < CHAT_DETAILS; i++) {
        const char *json = m->details[i] != NULL ? m->details[i] : "null";

        to = put(to, detail_keys[i], strlen(detail_keys[i]));
        to = put(to, json, strlen(json));
    }
    *to++ = '}';
    return to;
}
