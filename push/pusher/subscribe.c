/* SPDX-License-Identifier: Apache-2.0 */
/*
 * subscribe.c - a client asks for a channel: may it, and what it is told.
 *
 * The name alone decides what is asked: nothing for a public channel, a
 * signature for a private one, a signature over channel_data or a signed-in
 * user for a presence channel, being that user for a user's own channel.
 *
 * An answer is a list of things in this order: subscription_succeeded, the
 * count of subscribers where the app tells it, the cached event or cache_miss,
 * and what was missed while chat-push was away.
 */
#include "client_inside.h"
#include "server.h"

#include <string.h>
#include <apr_strings.h>

#define COUNT(array) ((int)(sizeof(array) / sizeof((array)[0])))

/* A refusal as the protocol's users know it: type, status and a sentence. */
typedef struct {
    const char *type;
    int status;
    const char *why;
} refusal_t;

/* One request under way. */
typedef struct {
    push_conn_t *c;
    push_client_t *me;
    pusher_subscribe_t in;
    const char *name; /* in.channel's text, in.channel.size bytes */
    chat_channel_t kind;
    push_user_t user; /* presence: who joins */
} ask_t;

chat_channel_result_t push_client_channel(chat_channel_t *kind,
                                          const char *name, apr_size_t len,
                                          apr_size_t max)
{
    chat_channel_result_t result = chat_channel_parse(kind, name, len, max);

    if (result == CHAT_CHANNEL_OK && kind->alias && !push_server.identities) {
        kind->kind = CHAT_CHANNEL_PUBLIC;
        kind->cache = 0;
        kind->alias = 0;
    }
    return result;
}

static int refuse(refusal_t *r, const char *type, int status, const char *why)
{
    r->type = type;
    r->status = status;
    r->why = why;
    return 0;
}

static int not_authorized(refusal_t *r, const char *why)
{
    return refuse(r, "AuthError", 401, why);
}

/* auth over the pieces after the socket id. */
static int auth_right(const ask_t *ask, const char *channel_data,
                      apr_size_t len)
{
    char socket_id[PUSH_SOCKET_ID_MAX];
    const chat_piece_t pieces[] = { { socket_id, push_client_socket_id(
                                                     socket_id, ask->me) },
                                    { ":", 1 },
                                    { ask->name, ask->in.channel.size },
                                    { ":", 1 },
                                    { channel_data, len } };

    return push_app_auth(ask->me->app, push_loop_index(push_conn_loop(ask->c)),
                         push_client_text(ask->c, &ask->in.auth),
                         ask->in.auth.size, pieces,
                         channel_data ? COUNT(pieces) : 3);
}

static int may_private(const ask_t *ask, refusal_t *r)
{
    if (ask->in.auth.type != SCAN_STRING) {
        return not_authorized(r, "The channel needs auth, a string");
    }
    if (!auth_right(ask, NULL, 0)) {
        return not_authorized(r, "The signature in auth is wrong");
    }
    return 1;
}

/* Who joins is said in channel_data, else by having signed in. */
static int may_presence(ask_t *ask, refusal_t *r)
{
    const chat_app_t *app = ask->me->app->conf;
    const scan_value_t *data = &ask->in.channel_data;
    const char *text, *why;

    if (data->type == SCAN_ABSENT || data->type == SCAN_NULL) {
        if (ask->me->login == NULL) {
            return not_authorized(r, "A presence channel needs channel_data or "
                                     "a signed-in user");
        }
        ask->user = ask->me->login->user;
        if (!may_private(ask, r)) {
            return 0;
        }
    }
    else {
        if (ask->in.auth.type != SCAN_STRING || data->type != SCAN_STRING) {
            return not_authorized(r, "auth and channel_data must be strings");
        }
        text = push_client_text(ask->c, data);
        if (!auth_right(ask, text, data->size)) {
            return not_authorized(r, "The signature in auth is wrong");
        }
        why = pusher_user_read(
            &ask->user, "user_id", text, data->size,
            apr_palloc(push_loop_scratch(push_conn_loop(ask->c)),
                       data->size + 1u));
        if (why != NULL) {
            return not_authorized(
                r, apr_pstrcat(push_loop_scratch(push_conn_loop(ask->c)),
                               "channel_data: ", why, NULL));
        }
    }
    if (ask->user.info_len > app->max_presence_member) {
        return refuse(
            r, "LimitReached", PUSHER_CLIENT_EVENT,
            apr_psprintf(push_loop_scratch(push_conn_loop(ask->c)),
                         "user_info has %" APR_SIZE_T_FMT
                         " bytes, at most %" APR_SIZE_T_FMT " are allowed",
                         ask->user.info_len, app->max_presence_member));
    }
    return 1;
}

/* A user's own channel, for the one who has signed in as that user. */
static int may_server(const ask_t *ask, refusal_t *r)
{
    const apr_size_t prefix = sizeof(PUSH_USER_EVENTS) - 1;
    const push_login_t *login = ask->me->login;

    if (chat_channel_is_server(ask->name, ask->in.channel.size) &&
        login != NULL && ask->in.channel.size == prefix + login->user.id_len &&
        !memcmp(ask->name + prefix, login->user.id, login->user.id_len)) {
        return 1;
    }
    return not_authorized(r, "The channel is for its signed-in user alone");
}

static int may_subscribe(ask_t *ask, refusal_t *r)
{
    const chat_app_t *app = ask->me->app->conf;

    if (ask->name[0] == '#') {
        return may_server(ask, r);
    }
    switch (push_client_channel(&ask->kind, ask->name, ask->in.channel.size,
                                app->max_channel_name)) {
    case CHAT_CHANNEL_OK:
        break;
    case CHAT_CHANNEL_TOO_LONG:
        return refuse(
            r, "LimitReached", PUSHER_UNAUTHORIZED,
            apr_psprintf(push_loop_scratch(push_conn_loop(ask->c)),
                         "The channel name is longer than the allowed "
                         "%" APR_SIZE_T_FMT " characters",
                         app->max_channel_name));
    default:
        return refuse(r, "InvalidChannel", PUSHER_UNAUTHORIZED,
                      "The channel name has characters that are not allowed");
    }
    /* No signature could be asked for: the client libraries do not see these
     * names as private. Without an identity there is nothing to go by. */
    if (ask->kind.alias) {
        return not_authorized(r, "The connection has no identity");
    }
    switch (ask->kind.kind) {
    case CHAT_CHANNEL_PUBLIC:
        return 1;
    case CHAT_CHANNEL_MEMBERS:
        return may_presence(ask, r);
    default:
        return may_private(ask, r);
    }
}

static void answer(const ask_t *ask, const push_name_t *name,
                   push_subscription_t *sub, int again)
{
    push_hub_t *hub = push_server_hub(ask->c);
    push_text_t members = { NULL, 0, 0 };
    int news;

    if (name->members) {
        push_hub_members(hub, sub, again, &members);
    }
    push_client_send(ask->c, ask->me,
                     pusher_subscribed(name->name, name->len,
                                       name->members ? &members : NULL));
    push_text_free(&members);
    push_hub_send_count(hub, name, &ask->me->hub);
    if (name->cache && !push_hub_send_cached(hub, name, &ask->me->hub, &news)) {
        push_client_send(ask->c, ask->me,
                         pusher_cache_miss(name->name, name->len));
        if (news) {
            push_webhook_channel(name->app, PUSH_HOOK_CACHE_MISS, name->name,
                                 name->len);
        }
    }
    if (!again) {
        push_hub_send_backlog(hub, name, &ask->me->hub);
    }
}

/* A signed-in one is also on the list of its user's connections, on the channel
 * of its user's events, and on the lists of the users it watches. */
static apr_size_t own_channels(const push_client_t *me)
{
    return me->login != NULL ? 2u + me->login->watching : 0;
}

static int subscribe(ask_t *ask, refusal_t *r)
{
    const chat_app_t *app = ask->me->app->conf;
    push_subscription_t *sub;
    push_name_t name;
    push_join_t join;

    if (!may_subscribe(ask, r)) {
        return 0;
    }
    push_name_set(&name, push_server.hubs, ask->me->app, ask->name,
                  ask->in.channel.size,
                  ask->name[0] == '#' ? NULL : &ask->kind);
    if (ask->me->hub.subs.n >= app->max_channels + own_channels(ask->me) &&
        push_hub_find(push_server_hub(ask->c), &name, &ask->me->hub) == NULL) {
        return refuse(r, "LimitReached", PUSHER_OVER_CAPACITY,
                      "The connection has the most channels it may have");
    }
    if ((ask->name[0] == '#' || ask->kind.kind != CHAT_CHANNEL_PUBLIC) &&
        !push_client_authorize(ask->c, ask->me)) {
        return 1; /* the close says it all */
    }
    join = push_hub_join(push_server_hub(ask->c), &name, &ask->me->hub,
                         name.members ? &ask->user : NULL,
                         app->max_presence_members, &sub);
    if (join == PUSH_JOIN_FULL) {
        return refuse(r, "LimitReached", PUSHER_OVER_CAPACITY,
                      "The channel has the most members it may have");
    }
    answer(ask, &name, sub, join == PUSH_JOIN_AGAIN);
    return 1;
}

/* The data of a subscribe or unsubscribe; 0 when it was refused. */
static int ask_read(ask_t *ask, push_conn_t *c, push_client_t *me,
                    const pusher_message_t *m)
{
    const char *why = pusher_subscribe_read(&ask->in, &m->data);

    if (why == NULL &&
        (ask->in.channel.type != SCAN_STRING || ask->in.channel.size == 0)) {
        why = "data.channel must be the name of a channel";
    }
    if (why != NULL) {
        push_client_send(
            c, me,
            pusher_error(0, NULL,
                         apr_pstrcat(push_loop_scratch(push_conn_loop(c)),
                                     "Invalid message: ", why, NULL)));
        return 0;
    }
    ask->c = c;
    ask->me = me;
    ask->name = push_client_text(c, &ask->in.channel);
    memset(&ask->kind, 0, sizeof(ask->kind));
    return 1;
}

void push_client_subscribe(push_conn_t *c, push_client_t *me,
                           const pusher_message_t *m)
{
    refusal_t r;
    ask_t ask;

    if (!ask_read(&ask, c, me, m)) {
        return;
    }
    if (!subscribe(&ask, &r)) {
        push_client_send(c, me,
                         pusher_subscription_error(&ask.in.channel, r.type,
                                                   r.status, r.why));
    }
}

/* No answer, whether there was a subscription or not: the protocol has none. */
void push_client_unsubscribe(push_conn_t *c, push_client_t *me,
                             const pusher_message_t *m)
{
    push_name_t name;
    ask_t ask;

    if (!ask_read(&ask, c, me, m)) {
        return;
    }
    /* The list of a user's connections can be left by disconnecting only. */
    if (ask.name[0] == '#' &&
        !chat_channel_is_server(ask.name, ask.in.channel.size)) {
        return;
    }
    if (push_client_channel(&ask.kind, ask.name, ask.in.channel.size,
                            me->app->conf->max_channel_name) !=
            CHAT_CHANNEL_OK &&
        ask.name[0] != '#') {
        return;
    }
    push_name_set(&name, push_server.hubs, me->app, ask.name,
                  ask.in.channel.size, ask.name[0] == '#' ? NULL : &ask.kind);
    push_hub_leave(push_server_hub(c), &name, &me->hub);
}
