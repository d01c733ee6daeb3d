/* SPDX-License-Identifier: Apache-2.0 */
/* owner.c - whose WebSocket it is; see owner.h. */
#include "owner.h"

#include <string.h>
#include <apr_strings.h>

#include "ability.h"
#include "auth.h"
#include "channel.h"
#include "chat_module.h"
#include "config.h"
#include "csrf.h"
#include "vouch.h"

APLOG_USE_MODULE(chat);

void chat_owner_fill(chat_identity_t *id, const chat_request_t *q)
{
    const chat_user_t *user = q->user;
    static const chat_session_kind_t kinds[] = {
        [CHAT_VIA_APACHE] = CHAT_SESSION_APACHE,
        [CHAT_VIA_BEARER] = CHAT_SESSION_TOKEN,
        [CHAT_VIA_SESSION] = CHAT_SESSION_COOKIE,
        [CHAT_VIA_LARAVEL] = CHAT_SESSION_LARAVEL,
    };

    chat_identity_session(id->session, kinds[user->via],
                          user->via == CHAT_VIA_APACHE ? user->id
                                                       : user->digest);
    apr_cpystrn(id->user, user->id, sizeof(id->user));
    id->until = q->until;
}

apr_status_t chat_owner_of(const chat_identity_t **out, request_rec *r)
{
    chat_identity_t *id = apr_pcalloc(r->pool, sizeof(*id));
    chat_request_t *q = apr_pcalloc(r->pool, sizeof(*q));
    chat_shown_t shown;
    apr_status_t rv;

    *out = id;
    q->r = r;
    q->conf = chat_server_of(r->server);
    if (q->conf->db == NULL || !chat_auth_shown(&shown, q)) {
        return APR_SUCCESS;
    }
    if (shown.via != CHAT_VIA_BEARER && !chat_csrf_origin_ok(q)) {
        ap_log_rerror(APLOG_MARK, APLOG_INFO, 0, r,
                      "a WebSocket of another site's page comes with a log-in, "
                      "which does not count");
        return APR_SUCCESS;
    }
    chat_logins_settle(q->conf, q->r);
    rv = chat_auth(q);
    if (rv != APR_SUCCESS) {
        return rv;
    }
    if (q->user != NULL && shown.via == CHAT_VIA_BEARER &&
        !chat_ability_has(q->abilities, CHAT_ABILITY_READ)) {
        ap_log_rerror(APLOG_MARK, APLOG_INFO, 0, r,
                      "a WebSocket comes with a token that may not read: it is "
                      "nobody's");
        return APR_SUCCESS;
    }
    if (q->user == NULL || !chat_id_valid(q->user->id)) {
        ap_log_rerror(APLOG_MARK, APLOG_INFO, 0, r,
                      "a WebSocket comes with a log-in that is not valid: it "
                      "is nobody's");
        return APR_SUCCESS;
    }
    chat_owner_fill(id, q);
    return APR_SUCCESS;
}

apr_status_t chat_owner_vouch(request_rec *r, const chat_app_t *app)
{
    const char *ws_key = apr_table_get(r->headers_in, "Sec-WebSocket-Key");
    const chat_identity_t *id = NULL;
    chat_signer_t *signer;
    apr_status_t rv;
    const char *value;

    rv = ws_key != NULL ? chat_owner_of(&id, r) : APR_SUCCESS;
    if (rv != APR_SUCCESS || id == NULL || id->user[0] == '\0' ||
        chat_signer_create(&signer, app->secrets[0], r->pool) != APR_SUCCESS) {
        return rv;
    }
    value = chat_vouch_identity(signer, id, app->key, ws_key,
                                apr_time_as_msec(apr_time_now()), r->pool);
    if (value != NULL) {
        apr_table_setn(r->headers_in, CHAT_VOUCH_IDENTITY, value);
    }
    return APR_SUCCESS;
}

int chat_owner_unvouch(request_rec *r)
{
    apr_table_unset(r->headers_in, CHAT_VOUCH_IDENTITY);
    return DECLINED;
}
