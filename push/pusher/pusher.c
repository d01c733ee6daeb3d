/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pusher.c - the messages of the Pusher protocol as bytes, see pusher.h.
 *
 * Every message that goes out is a list of pieces: constant text between texts
 * of others. Lengths are added up first, so a message is written once, into
 * memory of its size.
 */
#include "pusher.h"
#include "json.h"
#include "utf8.h"
#include "ws.h"

#include <stdio.h>
#include <string.h>

#define USER_ID_MAX 128 /* characters, "Presence channels" */

#define COUNT(array) ((int)(sizeof(array) / sizeof((array)[0])))

const char *pusher_message_read(pusher_message_t *out, const char *text,
                                apr_size_t len)
{
    const scan_field_t fields[] = { { "event", &out->event },
                                    { "channel", &out->channel },
                                    { "data", &out->data } };
    const char *why = scan_object(text, len, fields, COUNT(fields));

    if (why != NULL) {
        return why;
    }
    if (out->event.type != SCAN_STRING) {
        return "it has no event, a string";
    }
    return NULL;
}

const char *pusher_publish_read(pusher_publish_t *out, const char *text,
                                apr_size_t len)
{
    const scan_field_t fields[] = {
        { "name", &out->name },           { "data", &out->data },
        { "channel", &out->channel },     { "channels", &out->channels },
        { "socket_id", &out->socket_id }, { "info", &out->info }
    };

    return scan_object(text, len, fields, COUNT(fields));
}

const char *pusher_subscribe_read(pusher_subscribe_t *out,
                                  const scan_value_t *data)
{
    const scan_field_t fields[] = { { "channel", &out->channel },
                                    { "auth", &out->auth },
                                    { "channel_data", &out->channel_data } };

    if (data->type != SCAN_OBJECT) {
        return "data must be an object";
    }
    return scan_members(data, fields, COUNT(fields));
}

const char *pusher_signin_read(pusher_signin_t *out, const scan_value_t *data)
{
    const scan_field_t fields[] = { { "auth", &out->auth },
                                    { "user_data", &out->user_data } };

    if (data->type != SCAN_OBJECT) {
        return "data must be an object";
    }
    return scan_members(data, fields, COUNT(fields));
}

const char *pusher_user_read(push_user_t *out, const char *id, const char *text,
                             apr_size_t len, char *scratch)
{
    scan_value_t user_id, info;
    const scan_field_t fields[] = { { id, &user_id }, { "user_info", &info } };
    const char *why = scan_object(text, len, fields, COUNT(fields));

    if (why != NULL) {
        return why;
    }
    if (user_id.type == SCAN_STRING && user_id.size > 0) {
        scan_text(scratch, &user_id);
        out->id = scratch;
        out->id_len = user_id.size;
    }
    else if (scan_integer(&user_id)) {
        out->id = user_id.at;
        out->id_len = user_id.len;
    }
    else {
        return "the user id must be a string or a whole number";
    }
    if (chat_utf8_count(out->id, out->id_len) > USER_ID_MAX) {
        return "the user id is longer than 128 characters";
    }
    out->json = user_id.at;
    out->json_len = user_id.len;
    out->info = info.type == SCAN_ABSENT ? "{}" : info.at;
    out->info_len = info.type == SCAN_ABSENT ? 2 : info.len;
    return NULL;
}

const char *pusher_watchlist_read(scan_value_t *out, const char *text,
                                  apr_size_t len)
{
    const scan_field_t fields[] = { { "watchlist", out } };
    const char *why = scan_object(text, len, fields, COUNT(fields));
    const char *at = NULL;
    scan_value_t v;

    if (why != NULL) {
        return why;
    }
    if (out->type == SCAN_NULL) {
        out->type = SCAN_ABSENT;
    }
    if (out->type != SCAN_ARRAY && out->type != SCAN_ABSENT) {
        return "the watchlist must be a list of user ids";
    }
    while (out->type == SCAN_ARRAY && scan_next(out, &at, &v)) {
        if (v.type != SCAN_STRING && !scan_integer(&v)) {
            return "a user id of the watchlist must be a string or a whole "
                   "number";
        }
    }
    return NULL;
}

#define LITERAL(text)                                                          \
    {                                                                          \
        text, sizeof(text) - 1, 0                                              \
    }
#define RAW(text, length)                                                      \
    {                                                                          \
        text, length, 0                                                        \
    }
#define ESCAPED(text, length)                                                  \
    {                                                                          \
        text, length, 1                                                        \
    }

static apr_size_t piece_len(const pusher_piece_t *p)
{
    return p->escape ? chat_json_escaped(p->at, p->len) : p->len;
}

static char *piece_write(char *to, const pusher_piece_t *p)
{
    if (p->escape) {
        return chat_json_escape(to, p->at, p->len);
    }
    memcpy(to, p->at, p->len);
    return to + p->len;
}

push_frame_t *pusher_frame(const pusher_piece_t *pieces, int n)
{
    unsigned char header[WS_HEADER_MAX];
    apr_size_t head, len = 0;
    push_frame_t *f;
    char *to;
    int i;

    for (i = 0; i < n; i++) {
        len += piece_len(&pieces[i]);
    }
    head = ws_header(header, 1, 0, WS_TEXT, len);
    f = push_frame_create(head + len);
    memcpy(f->data, header, head);
    to = (char *)f->data + head;
    for (i = 0; i < n; i++) {
        to = piece_write(to, &pieces[i]);
    }
    return f;
}

/* How long the header of a frame is whose payload has been written. */
static apr_uint32_t header_len(const push_frame_t *f)
{
    return f->data[1] < 126 ? 2 : f->data[1] == 126 ? 4 : 10;
}

static const char to_channel[] = ",\"channel\":\"";
static const char to_data[] = "\",\"data\":";
static const char to_user[] = ",\"user_id\":";

push_frame_t *pusher_event(const scan_value_t *event, const char *channel,
                           apr_size_t len, const scan_value_t *data,
                           const push_user_t *user, apr_uint32_t *name_at)
{
    int absent = data->type == SCAN_ABSENT;
    int quote = !absent && data->type != SCAN_STRING;
    const pusher_piece_t pieces[] = {
        LITERAL("{\"event\":"),
        RAW(event->at, event->len),
        LITERAL(to_channel),
        RAW(channel, len),
        RAW(to_data, absent ? 1 : sizeof(to_data) - 1),
        RAW("\"", (apr_size_t)quote),
        { absent ? "" : data->at, absent ? 0 : data->len, quote },
        RAW("\"", (apr_size_t)quote),
        RAW(to_user, user ? sizeof(to_user) - 1 : 0),
        RAW(user ? user->json : "", user ? user->json_len : 0),
        LITERAL("}")
    };
    push_frame_t *f = pusher_frame(pieces, COUNT(pieces));

    *name_at = header_len(f) +
               (apr_uint32_t)(pieces[0].len + pieces[1].len + pieces[2].len);
    return f;
}

const char *pusher_data(const push_frame_t *event, apr_uint32_t name_at,
                        apr_size_t name_len, apr_size_t *len)
{
    apr_size_t at = name_at + name_len + sizeof(to_data) - 1;

    *len = event->len - 1 - at;
    return (const char *)event->data + at;
}

push_frame_t *pusher_event_text(const char *event, const char *channel,
                                const char *data, apr_size_t len,
                                apr_uint32_t *name_at)
{
    const pusher_piece_t pieces[] = { LITERAL("{\"event\":\""),
                                      ESCAPED(event, strlen(event)),
                                      LITERAL("\",\"channel\":\""),
                                      RAW(channel, strlen(channel)),
                                      LITERAL("\",\"data\":\""),
                                      ESCAPED(data, len),
                                      LITERAL("\"}") };
    push_frame_t *f = pusher_frame(pieces, COUNT(pieces));

    *name_at = header_len(f) +
               (apr_uint32_t)(pieces[0].len + piece_len(&pieces[1]) +
                              pieces[2].len);
    return f;
}

push_frame_t *pusher_established(const char *socket_id, int timeout)
{
    char seconds[48];
    int n = timeout == 0 ? 0
                         : snprintf(seconds, sizeof(seconds),
                                    ",\\\"activity_timeout\\\":%d", timeout);
    const pusher_piece_t pieces[] = {
        LITERAL("{\"event\":\"pusher:connection_established\","
                "\"data\":\"{\\\"socket_id\\\":\\\""),
        RAW(socket_id, strlen(socket_id)), LITERAL("\\\""),
        RAW(seconds, (apr_size_t)n), LITERAL("}\"}")
    };

    return pusher_frame(pieces, COUNT(pieces));
}

push_frame_t *pusher_error(int code, const scan_value_t *channel,
                           const char *message)
{
    char number[16];
    int n = snprintf(number, sizeof(number), code ? "%d" : "null", code);
    const pusher_piece_t pieces[] = {
        LITERAL("{\"event\":\"pusher:error\""),
        RAW(",\"channel\":", channel ? sizeof(",\"channel\":") - 1 : 0),
        RAW(channel ? channel->at : "", channel ? channel->len : 0),
        LITERAL(",\"data\":{\"code\":"),
        RAW(number, (apr_size_t)n),
        LITERAL(",\"message\":\""),
        ESCAPED(message, strlen(message)),
        LITERAL("\"}}")
    };

    return pusher_frame(pieces, COUNT(pieces));
}

push_frame_t *pusher_subscription_error(const scan_value_t *channel,
                                        const char *type, int status,
                                        const char *message)
{
    char number[16];
    int n = snprintf(number, sizeof(number), "%d", status);
    const pusher_piece_t pieces[] = {
        LITERAL("{\"event\":\"pusher:subscription_error\",\"channel\":"),
        RAW(channel->at, channel->len),
        LITERAL(",\"data\":{\"type\":\""),
        RAW(type, strlen(type)),
        LITERAL("\",\"error\":\""),
        ESCAPED(message, strlen(message)),
        LITERAL("\",\"status\":"),
        RAW(number, (apr_size_t)n),
        LITERAL("}}")
    };

    return pusher_frame(pieces, COUNT(pieces));
}

push_frame_t *pusher_subscribed(const char *channel, apr_size_t len,
                                const push_text_t *members)
{
    const pusher_piece_t pieces[] = {
        LITERAL("{\"event\":\"pusher_internal:subscription_succeeded\","
                "\"channel\":\""),
        RAW(channel, len),
        LITERAL("\",\"data\":\""),
        { members ? members->at : "{}", members ? members->len : 2,
          members != NULL },
        LITERAL("\"}")
    };

    return pusher_frame(pieces, COUNT(pieces));
}

push_frame_t *pusher_cache_miss(const char *channel, apr_size_t len)
{
    const pusher_piece_t pieces[] = {
        LITERAL("{\"event\":\"pusher:cache_miss\",\"channel\":\""),
        RAW(channel, len), LITERAL("\"}")
    };

    return pusher_frame(pieces, COUNT(pieces));
}

push_frame_t *pusher_subscription_count(const char *channel, apr_size_t len,
                                        apr_uint32_t n)
{
    char number[16];
    int digits = snprintf(number, sizeof(number), "%u", n);
    const pusher_piece_t pieces[] = {
        LITERAL("{\"event\":\"pusher_internal:subscription_count\","
                "\"channel\":\""),
        RAW(channel, len), LITERAL("\",\"data\":\"{\\\"subscription_count\\\":"),
        RAW(number, (apr_size_t)digits), LITERAL("}\"}")
    };

    return pusher_frame(pieces, COUNT(pieces));
}

push_frame_t *pusher_member_added(const char *channel, apr_size_t len,
                                  const push_user_t *user)
{
    const pusher_piece_t pieces[] = {
        LITERAL("{\"event\":\"pusher_internal:member_added\",\"channel\":\""),
        RAW(channel, len),
        LITERAL("\",\"data\":\"{\\\"user_id\\\":"),
        ESCAPED(user->json, user->json_len),
        LITERAL(",\\\"user_info\\\":"),
        ESCAPED(user->info, user->info_len),
        LITERAL("}\"}")
    };

    return pusher_frame(pieces, COUNT(pieces));
}

push_frame_t *pusher_member_removed(const char *channel, apr_size_t len,
                                    const push_user_t *user)
{
    const pusher_piece_t pieces[] = {
        LITERAL("{\"event\":\"pusher_internal:member_removed\",\"channel\":\""),
        RAW(channel, len), LITERAL("\",\"data\":\"{\\\"user_id\\\":"),
        ESCAPED(user->json, user->json_len), LITERAL("}\"}")
    };

    return pusher_frame(pieces, COUNT(pieces));
}

push_frame_t *pusher_signed_in(const scan_value_t *user_data)
{
    const pusher_piece_t pieces[] = {
        LITERAL("{\"event\":\"pusher:signin_success\","
                "\"data\":\"{\\\"user_data\\\":"),
        ESCAPED(user_data->at, user_data->len), LITERAL("}\"}")
    };

    return pusher_frame(pieces, COUNT(pieces));
}

push_frame_t *pusher_watchlist(const push_text_t *online,
                               const push_text_t *offline)
{
    static const char on[] = "{\\\"name\\\":\\\"online\\\",\\\"user_ids\\\":[";
    static const char off[] = "{\\\"name\\\":\\\"offline\\\",\\\"user_ids\\\":[";
    int any_on = online->len > 0;
    int any_off = offline->len > 0;
    const pusher_piece_t pieces[] = {
        LITERAL("{\"event\":\"pusher_internal:watchlist_events\","
                "\"data\":\"{\\\"events\\\":["),
        RAW(on, any_on ? sizeof(on) - 1 : 0),
        ESCAPED(online->at, online->len),
        RAW("]}", any_on ? 2 : 0),
        RAW(",", any_on && any_off),
        RAW(off, any_off ? sizeof(off) - 1 : 0),
        ESCAPED(offline->at, offline->len),
        RAW("]}", any_off ? 2 : 0),
        LITERAL("]}\"}")
    };

    return pusher_frame(pieces, COUNT(pieces));
}

push_frame_t *pusher_pong(void)
{
    static const pusher_piece_t pieces[] = { LITERAL(
        "{\"event\":\"pusher:pong\",\"data\":\"{}\"}") };

    return pusher_frame(pieces, 1);
}

/* Some clients answer only one kind of ping, so both go out, in one write.
 * Protocol 4 knows no pusher:ping. */
push_frame_t *pusher_ping(int protocol)
{
    static const char text[] = "{\"event\":\"pusher:ping\",\"data\":\"{}\"}";
    unsigned char bytes[2 * WS_HEADER_MAX + sizeof(text)];
    apr_size_t len = ws_header(bytes, 1, 0, WS_PING, 0);
    push_frame_t *f;

    if (protocol >= 5) {
        len += ws_header(bytes + len, 1, 0, WS_TEXT, sizeof(text) - 1);
        memcpy(bytes + len, text, sizeof(text) - 1);
        len += sizeof(text) - 1;
    }
    f = push_frame_create(len);
    memcpy(f->data, bytes, len);
    return f;
}
