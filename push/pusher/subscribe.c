/* SPDX-License-Identifier: Apache-2.0 */
/*
 * subscribe.c - a client asks for a channel: may it, and what it is told.
 *
 * The name alone decides what is asked: nothing for a public channel, a
 * signature for a private one, a signature over channel_data or a signed-in
 * user for a presence channel, being that user for a user's own channel.
 *
 * A socket that came through httpd may have a user. It needs no signature for
 * the user's own channel nor for those of the user's conversations; whether one
 * is, is asked of the database, and the answer comes in a later turn. For one
 * that came otherwise the app's auth endpoint is asked for a signature,
 * likewise. Where the page has brought one it is let in at once, and the
 * endpoint is still asked: for the log-in, with which the socket ends.
 *
 * An answer is a list of things in this order: subscription_succeeded, the
 * count of subscribers where the app tells it, the cached event or cache_miss,
 * and what was missed while chat-push was away.
 */
#include "client_inside.h"
#include "person.h"
#include "removal.h"
#include "server.h"

#include <stdlib.h>
#include <string.h>
#include <apr_strings.h>
#include <apr_time.h>

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

/* What a rule says of a request. */
typedef enum {
    MAY_NOT,
    MAY,
    MAY_BE /* the database or the endpoint is asked */
} may_t;

/* A request that waits for an answer. */
typedef struct push_pending_t pending_t;
struct push_pending_t {
    union { /* first: this is how the answer knows it */
        push_task_t task;
        push_membership_ask_t members;
        push_endpoint_ask_t endpoint;
    } ask;
    int by_endpoint;   /* which of them it is */
    int for_login;     /* it is in the channel, whose log-in is asked */
    push_client_t *me; /* NULL: the connection has ended */
    pending_t *next;   /* of the same connection */
    int cancelled;     /* it has unsubscribed meanwhile */
    apr_uint32_t len;  /* bytes of the channel's name */
    char user[CHAT_IDENTITY_USER + 1];
    char conversation[CHAT_IDENTITY_USER + 1];
    char socket_id[PUSH_SOCKET_ID_MAX];
    char question[CHAT_VOUCH_MAX];
    char *canonical; /* the channel's name as the endpoint is asked */
    char json[];     /* the channel's name in quotes; behind it lie those two */
};

#define PENDING_MAX 64 /* of one connection */

static pending_t *pending_of(const push_client_t *me)
{
    return me->person != NULL ? me->person->pending : NULL;
}

void push_client_forget(push_client_t *me)
{
    pending_t *p = pending_of(me);

    for (; p != NULL; p = p->next) {
        p->me = NULL;
    }
    if (me->person != NULL) {
        me->person->pending = NULL;
    }
}

static void pending_remove(push_client_t *me, const pending_t *gone)
{
    pending_t *p = me->person->pending;

    if (p == gone) {
        me->person->pending = gone->next;
        return;
    }
    while (p->next != gone) {
        p = p->next;
    }
    p->next = gone->next;
}

static void pending_cancel(push_client_t *me, const char *name, apr_size_t len)
{
    pending_t *p = pending_of(me);

    for (; p != NULL; p = p->next) {
        p->cancelled |= p->len == len && !memcmp(p->json + 1, name, len);
    }
}

static void pending_run(push_loop_t *loop, push_task_t *task);

/* A request that is going to wait. @param more  bytes behind the name
 * @return NULL: too many of the connection's do */
static pending_t *pending_create(const ask_t *ask, apr_size_t more,
                                 refusal_t *r)
{
    const apr_size_t len = ask->in.channel.size;
    pending_t *p = pending_of(ask->me);
    int n = 0;

    for (; p != NULL; p = p->next) {
        n++;
    }
    p = n < PENDING_MAX ? calloc(1, sizeof(*p) + len + 2 + more) : NULL;
    if (p == NULL) {
        refuse(r, "LimitReached", PUSHER_OVER_CAPACITY,
               "The connection asks for too many channels at once");
        return NULL;
    }
    p->ask.task.run = pending_run;
    p->me = ask->me;
    p->len = (apr_uint32_t)len;
    p->json[0] = p->json[len + 1] = '"';
    memcpy(p->json + 1, ask->name, len); /* no character of it is escaped */
    return p;
}

static void pending_free(pending_t *p)
{
    if (p->by_endpoint) {
        push_shown_release(p->ask.endpoint.shown);
    }
    free(p);
}

/* It waits, if it was taken. */
static may_t pending_wait(const ask_t *ask, pending_t *p, int taken,
                          refusal_t *r)
{
    if (!taken) {
        pending_free(p);
        return refuse(r, "LimitReached", PUSHER_OVER_CAPACITY,
                      "Too many channels are asked for, try again");
    }
    p->next = ask->me->person->pending;
    ask->me->person->pending = p;
    return MAY_BE;
}

static may_t conversation_ask(const ask_t *ask, const char *id, refusal_t *r)
{
    pending_t *p = pending_create(ask, 0, r);

    if (p == NULL) {
        return MAY_NOT;
    }
    p->ask.members.loop = push_conn_loop(ask->c);
    apr_cpystrn(p->user, push_person_user(ask->me), sizeof(p->user));
    p->ask.members.user = p->user;
    apr_cpystrn(p->conversation, id, sizeof(p->conversation));
    p->ask.members.conversation = p->conversation;
    return pending_wait(
        ask, p, push_membership_ask(push_server.membership, &p->ask.members),
        r);
}

/* Ask as the client library would for the canonical name, which is one that
 * other endpoints know as well. */
static may_t endpoint_ask(const ask_t *ask, int for_login, refusal_t *r)
{
    const char *url = ask->me->app->conf->auth_endpoint;
    const apr_size_t len = ask->in.channel.size, room = strlen(url) + 1;
    const int loop = push_loop_index(push_conn_loop(ask->c));
    pending_t *p = pending_create(ask, len + 1 + room, r);

    if (p == NULL) {
        return MAY_NOT;
    }
    p->by_endpoint = 1;
    p->for_login = for_login;
    p->canonical = p->json + len + 2;
    chat_channel_canonical(p->canonical, ask->name, len);
    push_client_socket_id(p->socket_id, ask->me);
    chat_vouch_question(p->question, ask->me->app->signers[loop][0],
                        p->socket_id, p->canonical, len,
                        apr_time_as_msec(apr_time_now()));
    p->ask.endpoint.loop = push_conn_loop(ask->c);
    p->ask.endpoint.url = memcpy(p->canonical + len + 1, url, room);
    p->ask.endpoint.shown = push_shown_retain(ask->me->person->shown);
    p->ask.endpoint.socket_id = p->socket_id;
    p->ask.endpoint.channel = p->canonical;
    p->ask.endpoint.question = p->question;
    return pending_wait(
        ask, p, push_endpoint_ask(push_server.endpoint, &p->ask.endpoint), r);
}

/* Whether the app can be asked what the connection may. */
static int is_askable(const push_client_t *me)
{
    return me->person != NULL && me->person->shown != NULL &&
           me->app->conf->auth_endpoint != NULL;
}

/* What the user that httpd has named may hear without a signature. */
static may_t may_by_identity(const ask_t *ask, refusal_t *r)
{
    const char *user = push_person_user(ask->me);
    char name[CHAT_CHANNEL_NAME_MAX + 1];
    apr_size_t len = ask->in.channel.size;
    const char *id;

    if (user == NULL && is_askable(ask->me)) {
        return endpoint_ask(ask, 0, r);
    }
    if (user == NULL || len >= sizeof(name)) {
        return not_authorized(r, "The connection has no identity");
    }
    chat_channel_canonical(name, ask->name, len);
    name[len] = '\0';
    id = chat_channel_id(name, CHAT_CHANNEL_USER);
    if (id != NULL && !strcmp(id, user)) {
        return MAY;
    }
    id = chat_channel_id(name, CHAT_CHANNEL_CONVERSATION);
    if (id == NULL) {
        id = chat_channel_id(name, CHAT_CHANNEL_CONSULTATION);
    }
    if (id != NULL) {
        return conversation_ask(ask, id, r);
    }
    return not_authorized(r, "The channel is not this user's");
}

/* Whether a request shows no signature where the socket's user may do. */
static int is_by_identity(const ask_t *ask)
{
    return ask->kind.alias ||
           ((ask->in.auth.type == SCAN_ABSENT ||
             ask->in.auth.type == SCAN_NULL) &&
            ask->kind.kind == CHAT_CHANNEL_PRIVATE &&
            (push_person_user(ask->me) != NULL || is_askable(ask->me)));
}

/* The server SDKs sign channel_data along where an application gives some, also
 * for a private channel, and the client libraries send it. There nobody reads it,
 * so a signature without it is as good. No name has a colon: the two never look
 * alike. */
static int auth_private(const ask_t *ask)
{
    const scan_value_t *data = &ask->in.channel_data;

    return auth_right(ask, NULL, 0) ||
           (data->type == SCAN_STRING &&
            auth_right(ask, push_client_text(ask->c, data), data->size));
}

static int may_private(const ask_t *ask, refusal_t *r)
{
    if (ask->in.auth.type != SCAN_STRING) {
        return not_authorized(r, "The channel needs auth, a string");
    }
    if (!auth_private(ask)) {
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

static may_t may_subscribe(ask_t *ask, refusal_t *r)
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
    /* For `private.` names no signature could be asked: the client libraries do
     * not see them as private. */
    if (is_by_identity(ask)) {
        return may_by_identity(ask, r);
    }
    switch (ask->kind.kind) {
    case CHAT_CHANNEL_PUBLIC:
        return MAY;
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
 * of its user's events, and on the lists of the users it watches; one with an
 * identity on the list of its log-in's. */
static apr_size_t own_channels(const push_client_t *me)
{
    const int session = push_person_listed(me);

    return (me->login != NULL ? 2u + me->login->watching : 0) +
           (apr_size_t)session;
}

/* Let it in. @return 0 when there is no room */
static int join(ask_t *ask, refusal_t *r)
{
    const chat_app_t *app = ask->me->app->conf;
    push_subscription_t *sub;
    push_name_t name;
    push_join_t joined;

    push_name_set(&name, push_server.hubs, ask->me->app, ask->name,
                  ask->in.channel.size,
                  ask->name[0] == '#' ? NULL : &ask->kind);
    if (push_removal_stale(ask->c, ask->me, ask->name, ask->in.channel.size,
                           name.members ? &ask->user : NULL)) {
        push_conn_close(ask->c, PUSHER_RECONNECT,
                        "Who belongs to the conversation has changed");
        return 1; /* the close says it all */
    }
    if (ask->me->hub.subs.n >= app->max_channels + own_channels(ask->me) &&
        push_hub_find(push_server_hub(ask->c), &name, &ask->me->hub) == NULL) {
        return refuse(r, "LimitReached", PUSHER_OVER_CAPACITY,
                      "The connection has the most channels it may have");
    }
    if ((ask->name[0] == '#' || ask->kind.kind != CHAT_CHANNEL_PUBLIC) &&
        !push_client_authorize(ask->c, ask->me)) {
        return 1; /* the close says it all */
    }
    joined = push_hub_join(push_server_hub(ask->c), &name, &ask->me->hub,
                           name.members ? &ask->user : NULL,
                           app->max_presence_members, &sub);
    if (joined == PUSH_JOIN_FULL) {
        return refuse(r, "LimitReached", PUSHER_OVER_CAPACITY,
                      "The channel has the most members it may have");
    }
    answer(ask, &name, sub, joined == PUSH_JOIN_AGAIN);
    return 1;
}

/* A signature does not say by which log-in it was made, so a socket that has
 * shown one would outlive it. If there is no answer, the next channel tries
 * again; one that names no log-in, as other applications' do, is enough. */
static void login_ask(const ask_t *ask)
{
    push_person_t *person = ask->me->person;
    refusal_t unsaid;

    if (ask->in.auth.type == SCAN_STRING && ask->name[0] != '#' &&
        ask->kind.kind != CHAT_CHANNEL_PUBLIC &&
        ask->me->app == push_server.chat && is_askable(ask->me) &&
        person->who.session[0] == '\0' && !person->asked) {
        person->asked = endpoint_ask(ask, 1, &unsaid) == MAY_BE;
    }
}

static void login_answer(push_conn_t *c, const pending_t *p)
{
    const push_answer_t *answer = &p->ask.endpoint.answer;

    p->me->person->asked = answer->verdict != PUSH_VERDICT_UNKNOWN;
    if (answer->verdict == PUSH_VERDICT_YES &&
        push_conn_state(c) == PUSH_CONN_OPEN) {
        push_person_session(c, p->me, answer->session, answer->until);
    }
}

static int subscribe(ask_t *ask, refusal_t *r)
{
    switch (may_subscribe(ask, r)) {
    case MAY:
        if (!join(ask, r)) {
            return 0;
        }
        if (push_conn_state(ask->c) == PUSH_CONN_OPEN) {
            login_ask(ask);
        }
        return 1;
    case MAY_BE:
        return 1; /* it is answered later */
    default:
        return 0;
    }
}

static void refusal_send(const ask_t *ask, const refusal_t *r)
{
    push_client_send(ask->c, ask->me,
                     pusher_subscription_error(&ask->in.channel, r->type,
                                               r->status, r->why));
}

/* Whether what the endpoint signed is this channel for this socket. */
static int endpoint_signed(const ask_t *ask, const pending_t *p)
{
    const char *auth = p->ask.endpoint.answer.auth;
    const chat_piece_t pieces[] = { { p->socket_id, strlen(p->socket_id) },
                                    { ":", 1 },
                                    { p->canonical, p->len } };

    return push_app_auth(ask->me->app, push_loop_index(push_conn_loop(ask->c)),
                         auth, strlen(auth), pieces, COUNT(pieces));
}

/* Whether the database or the endpoint says yes; else r says why not. */
static int pending_may(ask_t *ask, pending_t *p, refusal_t *r)
{
    const push_answer_t *answer = &p->ask.endpoint.answer;

    if (!p->by_endpoint) {
        if (p->ask.members.verdict == PUSH_MEMBERSHIP_UNKNOWN) {
            return refuse(r, "AuthError", 503,
                          "Who belongs to the conversation cannot be found out "
                          "right now");
        }
        return p->ask.members.verdict == PUSH_MEMBERSHIP_YES ||
               not_authorized(r, "The channel is not this user's");
    }
    if (answer->verdict == PUSH_VERDICT_UNKNOWN) {
        return refuse(r, "AuthError", 503,
                      "The app's auth endpoint cannot be asked right now");
    }
    if (answer->verdict == PUSH_VERDICT_NO) {
        return not_authorized(r, "The app's auth endpoint says no");
    }
    if (!endpoint_signed(ask, p)) {
        return not_authorized(r, "The auth endpoint's signature is wrong");
    }
    push_person_session(ask->c, ask->me, answer->session, answer->until);
    return 1;
}

/* The answer is here. */
static void pending_answer(pending_t *p)
{
    push_conn_t *c = push_conn_of(p->me);
    ask_t ask = { .c = c,
                  .me = p->me,
                  .in.channel = { .at = p->json,
                                  .len = p->len + 2,
                                  .size = p->len,
                                  .type = SCAN_STRING },
                  .name = p->json + 1 };
    refusal_t r;

    pending_remove(p->me, p);
    if (p->for_login) {
        login_answer(c, p);
        return;
    }
    if (p->cancelled || push_conn_state(c) != PUSH_CONN_OPEN ||
        push_client_channel(&ask.kind, ask.name, p->len,
                            p->me->app->conf->max_channel_name) !=
            CHAT_CHANNEL_OK) {
        return;
    }
    if (!pending_may(&ask, p, &r)) {
        refusal_send(&ask, &r);
    }
    else if (push_conn_state(c) == PUSH_CONN_OPEN && !join(&ask, &r)) {
        refusal_send(&ask, &r);
    }
}

static void pending_run(push_loop_t *loop, push_task_t *task)
{
    pending_t *p = (pending_t *)(void *)task;

    (void)loop;
    if (p->me != NULL) {
        pending_answer(p);
    }
    pending_free(p);
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

/* A signature is checked for each, and some are asked of the database: so many a
 * minute. Subscribing again to what one has counts as well. */
static int within_rate(const ask_t *ask, refusal_t *r)
{
    return push_budget_spend(&ask->me->subscribes,
                             ask->me->app->conf->max_subscribes, 1,
                             push_loop_seconds(push_conn_loop(ask->c)) / 60) ||
           refuse(r, "LimitReached", PUSHER_CLIENT_EVENT,
                  "The rate limit for subscribing exceeded the quota");
}

void push_client_subscribe(push_conn_t *c, push_client_t *me,
                           const pusher_message_t *m)
{
    refusal_t r;
    ask_t ask;

    if (!ask_read(&ask, c, me, m)) {
        return;
    }
    if (!within_rate(&ask, &r)) {
        refusal_send(&ask, &r);
        push_client_beyond(c, me, PUSH_LIMIT_SUBSCRIBES, r.why);
        return;
    }
    push_client_within(me, PUSH_LIMIT_SUBSCRIBES);
    if (!subscribe(&ask, &r)) {
        refusal_send(&ask, &r);
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
    pending_cancel(me, ask.name, ask.in.channel.size);
    push_name_set(&name, push_server.hubs, me->app, ask.name,
                  ask.in.channel.size, ask.name[0] == '#' ? NULL : &ask.kind);
    push_hub_leave(push_server_hub(c), &name, &me->hub);
}
