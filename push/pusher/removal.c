/* SPDX-License-Identifier: Apache-2.0 */
/* removal.c - out of a conversation's channels, on all loops; see removal.h. */
#include "removal.h"

#include <stdlib.h>
#include <string.h>
#include <apr_strings.h>

#include "client_inside.h"
#include "identity.h"
#include "person.h"
#include "server.h"

/* The channels of a conversation, which mod_chat's built-in rules give its
 * members; its id follows. */
static const char *const channels[] = {
    CHAT_CHANNEL_CONVERSATION,         CHAT_CHANNEL_PRESENCE,
    CHAT_CHANNEL_CONSULTATION,         "presence-consultation.",
    "private-encrypted-conversation.", "private-encrypted-consultation."
};
#define NCHANNELS (sizeof(channels) / sizeof(channels[0]))

/* Channels whose id is a user's, and which therefore are no conversation's. */
static const char *const users[] = { CHAT_CHANNEL_USER, "presence-user.",
                                     "private-encrypted-user.",
                                     "private-App.Models.User." };
#define NUSERS (sizeof(users) / sizeof(users[0]))

/* What departed.h remembers: the conversation, a blank and one of these, or a
 * user's id. No id has such letters. */
#define EVERYBODY "*"
#define SOMEBODY "?"
#define DEPARTED_MAX (CHAT_IDENTITY_USER + 1 + CHAT_IDENTITY_USER + 1)

/* One loop's part of a removal. */
typedef struct {
    push_task_t task;
    char user[CHAT_IDENTITY_USER + 1]; /* "": everybody */
    char conversation[CHAT_IDENTITY_USER + 1];
} removal_t;

static const char why[] = "You are no member of the conversation any more";

static apr_size_t departed_name(char out[DEPARTED_MAX],
                                const char *conversation, const char *user)
{
    return (apr_size_t)apr_snprintf(out, DEPARTED_MAX, "%s %s", conversation,
                                    user);
}

static void note(push_departed_t *t, const removal_t *r)
{
    char name[DEPARTED_MAX];

    if (r->user[0] == '\0') {
        push_departed_note(t, name,
                           departed_name(name, r->conversation, EVERYBODY));
        return;
    }
    push_departed_note(t, name, departed_name(name, r->conversation, r->user));
    push_departed_note(t, name, departed_name(name, r->conversation, SOMEBODY));
}

/* --- channels of a site's own rules ----------------------------------------
 */

static int is_id_byte(char c)
{
    return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') ||
           (c >= 'a' && c <= 'z') || c == '_' || c == '-';
}

static int is_digit(char c) { return c >= '0' && c <= '9'; }

/* What an id may stand in: a channel that needs a signature and is not one of
 * those that are known. Returns where to look from, NULL: nowhere. */
static const char *unknown_channel(const char *name, apr_size_t len)
{
    chat_channel_t kind;
    apr_size_t i;

    if (chat_channel_parse(&kind, name, len, CHAT_CHANNEL_NAME_MAX) !=
            CHAT_CHANNEL_OK ||
        kind.kind == CHAT_CHANNEL_PUBLIC) {
        return NULL;
    }
    for (i = 0; i < NCHANNELS + NUSERS; i++) {
        const char *known = i < NCHANNELS ? channels[i] : users[i - NCHANNELS];
        const apr_size_t n = strlen(known);

        if (len > n && memcmp(name, known, n) == 0) {
            return NULL;
        }
    }
    return name;
}

/* Whether an id may begin here: 17 does not begin with the 7 of 17. */
static int may_begin(const char *name, const char *at)
{
    return is_id_byte(*at) &&
           (at == name || !is_digit(*at) || !is_digit(at[-1]));
}

/* Whether a channel's name has the id as a rule would find it there. */
static int has_id(const char *name, apr_size_t len, void *baton)
{
    const char *id = baton, *at = unknown_channel(name, len);
    const apr_size_t n = strlen(id);

    for (; at != NULL && at + n <= name + len; at++) {
        if (memcmp(at, id, n) == 0 && may_begin(name, at) &&
            (at + n == name + len || !is_id_byte(at[n]))) {
            return 1;
        }
    }
    return 0;
}

/* A look at all sockets of a loop. */
typedef struct {
    push_hub_t *hub;
    removal_t *removal;
} sockets_t;

static void look(push_conn_t *c, void *baton)
{
    const sockets_t *s = baton;
    push_client_t *me = push_conn_client(c);
    const char *gone = s->removal->user, *user;

    if (me->app != push_server.chat || push_conn_state(c) != PUSH_CONN_OPEN) {
        return;
    }
    user = push_person_whose(me);
    if ((gone[0] == '\0' || user == NULL || strcmp(user, gone) == 0) &&
        push_hub_any(s->hub, &me->hub, has_id, s->removal->conversation)) {
        push_conn_close(c, PUSHER_RECONNECT,
                        "Who belongs to a conversation has changed");
    }
}

/* --- those who are in ----------------------------------------------------- */

/* Leave the channel under one of its names, and say so. */
static void leave(push_conn_t *c, push_client_t *me, const char *name)
{
    const apr_size_t len = strlen(name);
    char quoted[CHAT_CHANNEL_NAME_MAX + 3];
    scan_value_t channel = { .at = quoted,
                             .len = (apr_uint32_t)len + 2,
                             .size = (apr_uint32_t)len,
                             .type = SCAN_STRING };
    chat_channel_t kind;
    push_name_t left;

    if (push_client_channel(&kind, name, len, CHAT_CHANNEL_NAME_MAX) !=
        CHAT_CHANNEL_OK) {
        return;
    }
    push_name_set(&left, push_server.hubs, me->app, name, len, &kind);
    if (push_hub_leave(push_server_hub(c), &left, &me->hub)) {
        apr_snprintf(quoted, sizeof(quoted), "\"%s\"", name);
        push_client_send(
            c, me, pusher_subscription_error(&channel, "AuthError", 403, why));
    }
}

/* `private-conversation.7` is `private.conversation.7` too. */
static void leave_both(push_conn_t *c, push_client_t *me, const char *name)
{
    char alias[CHAT_CHANNEL_NAME_MAX + 1];

    leave(c, me, name);
    if (strncmp(name, "private-", 8) == 0) {
        apr_cpystrn(alias, name, sizeof(alias));
        alias[7] = '.';
        leave(c, me, alias);
    }
}

/* Where the visit is. */
typedef struct {
    const removal_t *removal;
    const char *channel;
} visit_t;

/* Whether a presence member is the one. */
static int is_member(const push_member_t *member, const char *user)
{
    return member->user.id_len == strlen(user) &&
           memcmp(member->user.id, user, member->user.id_len) == 0;
}

static void visit(push_subscriber_t *client, const push_member_t *member,
                  void *baton)
{
    const visit_t *v = baton;
    push_client_t *me = (push_client_t *)(void *)client;
    push_conn_t *c = push_conn_of(me);
    const char *gone = v->removal->user, *user = push_person_whose(me);

    if (gone[0] == '\0' || (user != NULL && strcmp(user, gone) == 0) ||
        (member != NULL && is_member(member, gone))) {
        leave_both(c, me, v->channel);
    }
    else if (user == NULL && member == NULL &&
             push_conn_state(c) == PUSH_CONN_OPEN) {
        push_conn_close(c, PUSHER_RECONNECT,
                        "Who belongs to a conversation has changed");
    }
}

static void run(push_loop_t *loop, push_task_t *task)
{
    removal_t *r = (removal_t *)(void *)task;
    push_hub_t *hub = push_hub_of(push_server.hubs, push_loop_index(loop));
    char channel[CHAT_CHANNEL_NAME_MAX + 1];
    sockets_t s = { hub, r };
    visit_t v = { r, channel };
    push_name_t name;
    chat_channel_t kind;
    apr_size_t i, len;

    note(&push_server.departed[push_loop_index(loop)], r);
    for (i = 0; i < NCHANNELS; i++) {
        len = (apr_size_t)apr_snprintf(channel, sizeof(channel), "%s%s",
                                       channels[i], r->conversation);
        if (push_client_channel(&kind, channel, len, CHAT_CHANNEL_NAME_MAX) ==
            CHAT_CHANNEL_OK) {
            push_name_set(&name, push_server.hubs, push_server.chat, channel,
                          len, &kind);
            push_hub_visit(hub, &name, visit, &v);
        }
    }
    push_conns_each(push_server.conns[push_loop_index(loop)], PUSH_CONN_OPEN,
                    look, &s);
    free(r);
}

void push_removal(const char *conversation, const char *user)
{
    int i;

    if (push_server.chat == NULL || push_server.departed == NULL ||
        !chat_id_valid(conversation) ||
        (user != NULL && !chat_id_valid(user))) {
        return;
    }
    for (i = 0; i < push_server.nloops; i++) {
        removal_t *r = push_must(calloc(1, sizeof(*r)));

        r->task.run = run;
        apr_cpystrn(r->conversation, conversation, sizeof(r->conversation));
        apr_cpystrn(r->user, user != NULL ? user : "", sizeof(r->user));
        push_loop_post(push_server.loops[i], &r->task);
    }
}

/* --- those who want in ---------------------------------------------------- */

/* Who wants in, and what is remembered. */
typedef struct {
    const push_departed_t *departed;
    const char *user; /* NULL: nobody knows */
    apr_uint32_t born;
} comer_t;

static int is_stale(const comer_t *who, const char *id)
{
    char text[DEPARTED_MAX];

    return push_departed_since(who->departed, text,
                               departed_name(text, id, EVERYBODY), who->born) ||
           push_departed_since(
               who->departed, text,
               departed_name(text, id,
                             who->user != NULL ? who->user : SOMEBODY),
               who->born);
}

/* A channel of a conversation by a rule that is built in. */
static int is_stale_known(const comer_t *who, const char *canonical)
{
    const char *id = NULL;
    apr_size_t i;

    for (i = 0; i < NCHANNELS && id == NULL; i++) {
        id = chat_channel_id(canonical, channels[i]);
    }
    return id != NULL && is_stale(who, id);
}

/* By a rule of the site: every id that may be in the name is asked for. */
static int is_stale_unknown(const comer_t *who, const char *canonical,
                            apr_size_t len)
{
    const char *at = unknown_channel(canonical, len), *end;
    char id[CHAT_IDENTITY_USER + 1];

    for (; at != NULL && *at != '\0'; at++) {
        for (end = at; is_id_byte(*end); end++) {
        }
        if (may_begin(canonical, at) && (apr_size_t)(end - at) < sizeof(id)) {
            apr_cpystrn(id, at, (apr_size_t)(end - at) + 1);
            if (is_stale(who, id)) {
                return 1;
            }
        }
    }
    return 0;
}

int push_removal_stale(const push_conn_t *c, const push_client_t *me,
                       const char *name, apr_size_t len,
                       const push_user_t *presence)
{
    char canonical[CHAT_CHANNEL_NAME_MAX + 1], member[CHAT_IDENTITY_USER + 1];
    comer_t who = { NULL, push_person_whose(me), me->born };

    if (me->app != push_server.chat || push_server.departed == NULL ||
        len > CHAT_CHANNEL_NAME_MAX) {
        return 0;
    }
    who.departed = &push_server.departed[push_loop_index(push_conn_loop(c))];
    if (who.departed->count == me->born) {
        return 0; /* nobody has departed since it came */
    }
    chat_channel_canonical(canonical, name, len);
    canonical[len] = '\0';
    if (presence != NULL && presence->id_len < sizeof(member)) {
        apr_cpystrn(member, presence->id, presence->id_len + 1);
        who.user = member;
    }
    return is_stale_known(&who, canonical) ||
           is_stale_unknown(&who, canonical, len);
}
