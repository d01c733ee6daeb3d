/* SPDX-License-Identifier: Apache-2.0 */
/*
 * broadcasting.c - may this user's socket join that channel?
 *
 * Pusher clients ask here with their socket's id and a channel's name, as a
 * form or as JSON, and take the signature to chat-push. Who may have which
 * channel is said by rules (channel_rule.h); a name no rule is about is
 * refused. For an encrypted channel there is also the key that its members
 * share, which chat-push never sees. Source: Pusher Channels documents,
 * "Authorizing users", "Authenticating users" and "End-to-end encryption".
 */
#include "handlers.h"

#include <string.h>
#include <apr_base64.h>
#include <apr_strings.h>

#include "auth.h"
#include "channel.h"
#include "channel_rule.h"
#include "companion.h"
#include "json.h"
#include "owner.h"
#include "reply.h"
#include "secret.h"
#include "signature.h"

static const char *quoted(const char *s, apr_pool_t *p)
{
    return chat_json_quote(s, strlen(s), p);
}

/* {"name","role","avatar"}: what members of a presence channel see of each
 * other. The picture is the site's to keep: none is null, and a database that
 * cannot say is no reason to refuse the channel. */
static const char *user_info(const chat_request_t *q, apr_pool_t *p)
{
    chat_db_value_t id = chat_auth_id(q->user->id);
    const char *avatar = NULL;
    chat_db_result_t *res;

    if (chat_db_query(&res, q->conf->db, "user_avatar", &id, 1, p) ==
        APR_SUCCESS) {
        avatar = chat_db_get(res, 0, 0);
    }
    return apr_pstrcat(p, "{\"name\":", quoted(q->user->name, p),
                       ",\"role\":", quoted(q->user->role, p), ",\"avatar\":",
                       avatar != NULL ? quoted(avatar, p) : "null", "}", NULL);
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

/* Whether the user may join; *may is left alone when that cannot be said. */
static apr_status_t may_join(int *may, const chat_request_t *q,
                             const char *channel)
{
    const chat_user_t *user = q->user;
    const chat_conversation_t *conv = NULL;
    const chat_channel_rule_t *rule;
    char id[CHAT_ID_SIZE];
    apr_status_t rv = APR_SUCCESS;

    rule = chat_channel_rule_find(q->conf->channels, channel, id);
    *may = rule != NULL &&
           ((rule->may & CHAT_MAY_ANY) ||
            ((rule->may & CHAT_MAY_SELF) && strcmp(id, user->id) == 0) ||
            ((rule->may & CHAT_MAY_STAFF) && user->staff) ||
            ((rule->may & CHAT_MAY_ROLE) &&
             chat_channel_rule_role(rule, user->role)));
    if (rule != NULL && !*may && (rule->may & CHAT_MAY_MEMBER)) {
        rv = chat_auth_conversation(&conv, q, id);
        *may = conv != NULL;
    }
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

/* The key of an encrypted channel in base64, as the servers' libraries make it:
 * it need not be kept, since name and master key give it again. */
static const char *shared_secret(const chat_app_t *app, const char *channel,
                                 apr_pool_t *p)
{
    apr_size_t len = strlen(channel);
    char *both = apr_palloc(p, len + CHAT_APP_ENCRYPTION_KEY);
    unsigned char secret[CHAT_SHA256];
    char *text = apr_palloc(p, CHAT_SHA256 * 2);

    memcpy(both, channel, len);
    memcpy(both + len, app->encryption_key, CHAT_APP_ENCRYPTION_KEY);
    if (!chat_sha256(secret, both, len + CHAT_APP_ENCRYPTION_KEY)) {
        return NULL;
    }
    apr_base64_encode_binary(text, secret, sizeof(secret));
    return text;
}

static int channel_reply(chat_request_t *q, const char *socket,
                         const char *channel)
{
    const int presence = strncmp(channel, "presence-", 9) == 0;
    const chat_app_t *app = q->conf->push->app;
    apr_pool_t *p = q->r->pool;
    const char *data = NULL, *auth, *json, *shared;
    chat_signer_t *signer;
    apr_status_t rv;

    rv = chat_signer_create(&signer, app->secrets[0], p);
    if (rv != APR_SUCCESS) {
        return chat_reply_failed(q, rv, "signing a channel");
    }
    if (presence) {
        data = apr_pstrcat(p, "{\"user_id\":", quoted(q->user->id, p),
                           ",\"user_info\":", user_info(q, p), "}", NULL);
    }
    auth = chat_sign_channel(signer, app->key, socket, channel, data, p);
    json = apr_pstrcat(p, "{\"auth\":", quoted(auth, p), log_in(q), NULL);
    if (chat_channel_encrypted(channel)) {
        shared = shared_secret(app, channel, p);
        if (shared == NULL) {
            return chat_reply_failed(q, APR_EGENERAL, "deriving a key");
        }
        json = apr_pstrcat(p, json, ",\"shared_secret\":", quoted(shared, p),
                           NULL);
    }
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
    int may, answer;
    apr_status_t rv;

    if (!socket_field(&socket, q, &answer)) {
        return answer;
    }
    if (chat_fields_text(&q->body, "channel_name", &channel) != CHAT_JSON_OK) {
        return chat_reply_invalid(q, "channel_name", "is required");
    }
    q->object = channel;
    rv = may_join(&may, q, channel);
    if (rv != APR_SUCCESS) {
        return chat_reply_failed(q, rv, "authorizing a channel");
    }
    if (!may) {
        return chat_reply_error(q, HTTP_FORBIDDEN,
                                "this channel is not for you");
    }
    if (chat_channel_encrypted(channel) &&
        q->conf->push->app->encryption_key == NULL) {
        return chat_reply_error(q, HTTP_FORBIDDEN,
                                "this site has no key for encrypted channels");
    }
    socket_note(q, socket);
    return channel_reply(q, socket, channel);
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
                       ",\"user_info\":", user_info(q, p), "}", NULL);
    auth = chat_sign_user(signer, app->key, socket, data, p);
    return chat_reply(q, HTTP_OK,
                      apr_pstrcat(p, "{\"auth\":", quoted(auth, p),
                                  ",\"user_data\":", quoted(data, p), "}",
                                  NULL));
}
