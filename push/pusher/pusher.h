/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pusher.h - the messages of the Pusher protocol as bytes.
 *
 * What clients and servers send is read into spans of the caller's buffer; what
 * chat-push sends is built straight into a frame ready for the wire. Pure: no
 * socket, no clock, and memory only for the frames.
 *
 * Values that came as JSON and go out as JSON (event names, data, user ids) are
 * copied as they are, escapes and all, since scan.h has checked them.
 *
 * Source: Pusher Channels documents, "Pusher Channels Protocol" version 7 and
 * "HTTP API reference". Data that the documents call a string of JSON is
 * encoded twice here too.
 */
#ifndef PUSH_PUSHER_H
#define PUSH_PUSHER_H

#include "frame.h"
#include "presence.h"
#include "scan.h"

/* Close and error codes, "Error codes" of the protocol page. */
#define PUSHER_TLS_ONLY 4000
#define PUSHER_NO_APP 4001
#define PUSHER_APP_DISABLED 4003
#define PUSHER_OVER_QUOTA 4004
#define PUSHER_NO_PATH 4005
#define PUSHER_BAD_VERSION 4006
#define PUSHER_UNSUPPORTED 4007
#define PUSHER_NO_VERSION 4008
#define PUSHER_UNAUTHORIZED 4009
#define PUSHER_OVER_CAPACITY 4100
#define PUSHER_RECONNECT 4200
#define PUSHER_NO_PONG 4201
#define PUSHER_INACTIVE 4202
#define PUSHER_CLIENT_EVENT 4301
#define PUSHER_WATCHLIST 4302

#define PUSHER_OLDEST 4 /* protocol versions served */
#define PUSHER_NEWEST 7

/* A message of a client. */
typedef struct {
    scan_value_t event;
    scan_value_t channel;
    scan_value_t data;
} pusher_message_t;

/* An event of the HTTP API: the body of POST /events, or one of a batch. */
typedef struct {
    scan_value_t name;
    scan_value_t channel;
    scan_value_t channels;
    scan_value_t data;
    scan_value_t socket_id;
    scan_value_t info;
} pusher_publish_t;

/* data of pusher:subscribe. */
typedef struct {
    scan_value_t channel;
    scan_value_t auth;
    scan_value_t channel_data;
} pusher_subscribe_t;

/* data of pusher:signin. */
typedef struct {
    scan_value_t auth;
    scan_value_t user_data;
} pusher_signin_t;

/**
 * Read a message of a client: an object whose event is a string.
 * @return NULL when it is right, else a sentence for the client
 */
const char *pusher_message_read(pusher_message_t *out, const char *text,
                                apr_size_t len);

/** Read an event of the HTTP API; types are the caller's to check. */
const char *pusher_publish_read(pusher_publish_t *out, const char *text,
                                apr_size_t len);

/** Read the data of pusher:subscribe or pusher:unsubscribe. */
const char *pusher_subscribe_read(pusher_subscribe_t *out,
                                  const scan_value_t *data);

const char *pusher_signin_read(pusher_signin_t *out, const scan_value_t *data);

/**
 * Read who joins a presence channel: channel_data, as text.
 * @param id      the name of the id's member: "user_id" here, "id" in the
 *                user_data of a signin
 * @param out     its texts point into text and into scratch
 * @param scratch at least len bytes
 * @return NULL when it is right, else a sentence for the client
 */
const char *pusher_user_read(push_user_t *out, const char *id, const char *text,
                             apr_size_t len, char *scratch);

/**
 * Read whom a user wants to watch: the watchlist of a signin's user_data, which
 * pusher_user_read() has read.
 * @param out  an array of strings and whole numbers; SCAN_ABSENT: nobody
 * @return NULL when it is right, else a sentence for the client
 */
const char *pusher_watchlist_read(scan_value_t *out, const char *text,
                                  apr_size_t len);

/* Bytes that go out; `escape` makes them the inside of a JSON string. */
typedef struct {
    const char *at;
    apr_size_t len;
    int escape;
} pusher_piece_t;

/** A WebSocket text frame of the pieces, one after the other. */
push_frame_t *pusher_frame(const pusher_piece_t *pieces, int n);

/**
 * An event on a channel: {"event":…,"channel":"…","data":…[,"user_id":…]}
 * @param event    as JSON string
 * @param channel  its name, of the documented alphabet
 * @param data     as JSON; what is no string becomes one. SCAN_ABSENT: left out
 * @param user     whose user_id is added; NULL: nobody's
 * @param name_at  set to where in the frame the channel's name begins
 */
push_frame_t *pusher_event(const scan_value_t *event, const char *channel,
                           apr_size_t len, const scan_value_t *data,
                           const push_user_t *user, apr_uint32_t *name_at);

/** The same from plain texts, which become JSON strings. */
push_frame_t *pusher_event_text(const char *event, const char *channel,
                                const char *data, apr_size_t len,
                                apr_uint32_t *name_at);

/** The JSON of data within an event that has one and no user_id. */
const char *pusher_data(const push_frame_t *event, apr_uint32_t name_at,
                        apr_size_t name_len, apr_size_t *len);

/** @param timeout  seconds; 0: left out, for protocol versions below 7 */
push_frame_t *pusher_established(const char *socket_id, int timeout);

/**
 * pusher:error.
 * @param code     0: null
 * @param channel  a JSON string, or NULL when it is about none
 */
push_frame_t *pusher_error(int code, const scan_value_t *channel,
                           const char *message);

/** pusher:subscription_error. @param channel  a JSON string */
push_frame_t *pusher_subscription_error(const scan_value_t *channel,
                                        const char *type, int status,
                                        const char *message);

/** @param members  of a presence channel as JSON; NULL on other channels */
push_frame_t *pusher_subscribed(const char *channel, apr_size_t len,
                                const push_text_t *members);

/** Without data, as other servers send it: there is none. */
push_frame_t *pusher_cache_miss(const char *channel, apr_size_t len);

/** @param n  subscribers of the channel */
push_frame_t *pusher_subscription_count(const char *channel, apr_size_t len,
                                        apr_uint32_t n);

push_frame_t *pusher_member_added(const char *channel, apr_size_t len,
                                  const push_user_t *user);
push_frame_t *pusher_member_removed(const char *channel, apr_size_t len,
                                    const push_user_t *user);

/** @param user_data  the JSON string that was signed */
push_frame_t *pusher_signed_in(const scan_value_t *user_data);

/**
 * Who of those a client watches is or has become online or offline.
 * @param online  ids as JSON strings with commas between; may be empty
 */
push_frame_t *pusher_watchlist(const push_text_t *online,
                               const push_text_t *offline);

push_frame_t *pusher_pong(void);

/** Asks a silent client for a sign of life: pusher:ping and a ping frame. */
push_frame_t *pusher_ping(int protocol);

#endif
