/* SPDX-License-Identifier: Apache-2.0 */
/*
 * broadcasting.c - may this user's socket join that channel?
 *
 * Pusher clients ask here with their socket's id and a channel's name, as a
 * form or as JSON, and take the signature to chat-push. A user has their own
 * `private-user.{id}`, and the two channels of every conversation they may
 * read. Whatever else is asked for is refused, unknown names included. Source:
 * Pusher Channels documents, "Authorizing users" and "Authenticating users".
 */
#include "handlers.h"

#include <string.h>
#include <apr_strings.h>

#include "auth.h"
#include "channel.h"
#include "companion.h"
#include "json.h"
#include "owner.h"
#include "reply.h"
#include "signature.h"

static const char *quoted(const char *s, apr_pool_t *p)
{
    return chat_json_quote(s, strlen(s), p);
}

/* {"name","role"}: what members of a presence channel see of each other. */
static const char *user_info(const chat_user_t *user, apr_pool_t *p)
{
    return apr_pstrcat(p, "{\"name\":", quoted(user->name, p),
                       ",\"role\":", quoted(user->role, p), "}", NULL);
}

/* The socket that asks. @return 0 when it was refused with *answer */
static int socket_field(const char **socket, chat_request_t *q, int *answer)
{
    if (chat_fields_text(&q->body, "socket_id", socket) == CHAT_JSON_OK &&
        chat_socket_id_valid(*socket, strlen(*socket))) {
        return 1;
    }
    *answer = chat_reply_invalid(q, "socket_id", "must be a socket's id");
    return 0;
}

/* Whether the user may join. @param presence  set when it is a presence channel
 */
static apr_status_t may_join(int *may, int *presence, const chat_request_t *q,
                             const char *channel)
{
    const chat_conversation_t *conv = NULL;
    const char *id = chat_channel_id(channel, CHAT_CHANNEL_USER);
    apr_status_t rv;

    *presence = 0;
    if (id != NULL) {
        *may = strcmp(id, q->user->id) == 0;
        return APR_SUCCESS;
    }
    *may = 0;
    id = chat_channel_id(channel, CHAT_CHANNEL_CONVERSATION);
    if (id == NULL) {
        id = chat_channel_id(channel, CHAT_CHANNEL_PRESENCE);
        *presence = 1;
    }
    if (id == NULL) {
        return APR_SUCCESS;
    }
    rv = chat_auth_conversation(&conv, q, id);
    *may = conv != NULL;
    return rv;
}

/* What chat-push is told besides: from which log-in the socket has its right,
 * and when that ends. */
static const char *log_in(const chat_request_t *q)
{
    chat_identity_t id = { .user = "" };

    if (!q->by_push) {
        return "";
    }
    chat_owner_fill(&id, q);
    return apr_psprintf(q->r->pool,
                        ",\"session\":%s,\"until\":%" APR_INT64_T_FMT,
                        quoted(id.session, q->r->pool), id.until);
}

/* Before the answer goes out, so that the socket is found when the log-in or a
 * membership ends. A chat-push that cannot be told has no such socket, or is on
 * another machine: doc/security.md says what remains. */
static void socket_note(chat_request_t *q, const char *socket)
{
    chat_handoff_note_t note;

    if (q->conf->companion == NULL ||
        strlen(socket) > CHAT_HANDOFF_SOCKET) {
        return;
    }
    memset(&note, 0, sizeof(note));
    chat_owner_fill(&note.identity, q);
    apr_cpystrn(note.socket, socket, sizeof(note.socket));
    chat_companion_note(q->conf->companion, &note);
}

static int channel_reply(chat_request_t *q, const char *socket,
                         const char *channel, int presence)
{
    const chat_app_t *app = q->conf->push->app;
    apr_pool_t *p = q->r->pool;
    const char *data = NULL, *auth, *json;
    chat_signer_t *signer;
    apr_status_t rv;

    rv = chat_signer_create(&signer, app->secrets[0], p);
    if (rv != APR_SUCCESS) {
        return chat_reply_failed(q, rv, "signing a channel");
    }
    if (presence) {
        data = apr_pstrcat(p, "{\"user_id\":", quoted(q->user->id, p),
                           ",\"user_info\":", user_info(q->user, p), "}", NULL);
    }
    auth = chat_sign_channel(signer, app->key, socket, channel, data, p);
    json = apr_pstrcat(p, "{\"auth\":", quoted(auth, p), log_in(q), NULL);
    if (presence) {
        json = apr_pstrcat(p, json, ",\"channel_data\":", quoted(data, p),
                           NULL);
    }
    return chat_reply(q, HTTP_OK, apr_pstrcat(p, json, "}", NULL));
}

/* POST /broadcasting/auth, POST /pusher/auth - socket_id and channel_name. */
int chat_broadcasting_auth(chat_request_t *q)
{
    const char *socket, *channel;
    int may, presence, answer;
    apr_status_t rv;

    if (!socket_field(&socket, q, &answer)) {
        return answer;
    }
    if (chat_fields_text(&q->body, "channel_name", &channel) != CHAT_JSON_OK) {
        return chat_reply_invalid(q, "channel_name", "is required");
    }
    q->object = channel;
    rv = may_join(&may, &presence, q, channel);
    if (rv != APR_SUCCESS) {
        return chat_reply_failed(q, rv, "authorizing a channel");
    }
    if (!may) {
        return chat_reply_error(q, HTTP_FORBIDDEN,
                                "this channel is not for you");
    }
    socket_note(q, socket);
    return channel_reply(q, socket, channel, presence);
}

/* POST /pusher/user-auth - socket_id, for pusher:signin. */
int chat_broadcasting_user(chat_request_t *q)
{
    const chat_app_t *app = q->conf->push->app;
    apr_pool_t *p = q->r->pool;
    const char *socket, *data, *auth;
    chat_signer_t *signer;
    apr_status_t rv;
    int answer;

    if (!socket_field(&socket, q, &answer)) {
        return answer;
    }
    rv = chat_signer_create(&signer, app->secrets[0], p);
    if (rv != APR_SUCCESS) {
        return chat_reply_failed(q, rv, "signing a user");
    }
    socket_note(q, socket);
    data = apr_pstrcat(p, "{\"id\":", quoted(q->user->id, p),
                       ",\"user_info\":", user_info(q->user, p), "}", NULL);
    auth = chat_sign_user(signer, app->key, socket, data, p);
    return chat_reply(q, HTTP_OK,
                      apr_pstrcat(p, "{\"auth\":", quoted(auth, p),
                                  ",\"user_data\":", quoted(data, p), "}",
                                  NULL));
}
