/* SPDX-License-Identifier: Apache-2.0 */
/* csrf.c - requests that other sites made up; see csrf.h. */
#include "csrf.h"

#include <string.h>
#include <strings.h>
#include <apr_strings.h>
#include <http_protocol.h>

#include "auth.h"
#include "laravel.h"
#include "origin.h"
#include "secret.h"
#include "signature.h"
#include "vouch.h"

int chat_csrf_origin_ok(const chat_request_t *q)
{
    request_rec *r = q->r;
    const char *origin = apr_table_get(r->headers_in, "Origin");
    const char *host = apr_table_get(r->headers_in, "Host");
    const char *site = apr_table_get(r->headers_in, "Sec-Fetch-Site");
    const char *own;

    if (origin == NULL) {
        return site == NULL || strcasecmp(site, "cross-site") != 0;
    }
    origin = chat_origin_canonical(origin, r->pool);
    if (origin == NULL) {
        return 0;
    }
    own = host != NULL ? chat_origin_of(ap_http_scheme(r), host, r->pool)
                       : NULL;
    return (own != NULL && strcmp(origin, own) == 0) ||
           chat_origin_listed(q->conf->origins, origin);
}

static int same(const char *token, const char *right)
{
    return token != NULL && right != NULL &&
           chat_secret_equal(token, strlen(token), right, strlen(right));
}

/* The token of the Laravel session that asks; NULL: it has none, or the database
 * cannot say. */
static const char *laravel_right(const chat_request_t *q)
{
    chat_db_value_t args[2] = { chat_db_null(),
                                chat_db_int(CHAT_LARAVEL_PAYLOAD) };
    apr_pool_t *p = q->r->pool;
    chat_db_result_t *res;
    chat_shown_t shown;
    const char *payload;

    if (!chat_auth_shown(&shown, q) || shown.laravel == NULL) {
        return NULL;
    }
    args[0] = chat_db_text(shown.laravel);
    if (chat_db_query(&res, q->conf->db, "laravel_payload", args, 2, p) !=
            APR_SUCCESS ||
        chat_db_rows(res) == 0) {
        return NULL;
    }
    payload = chat_db_get(res, 0, 0);
    return payload != NULL
               ? chat_laravel_token(payload, q->conf->laravel_keys, p)
               : NULL;
}

/* Whether the application's own pages sent this: they show its token, or, by
 * axios, the cookie XSRF-TOKEN in a header. The row is read only for these. */
static int laravel_token_ok(const chat_request_t *q, const char *token)
{
    if (token == NULL || *token == '\0') {
        token = chat_laravel_xsrf(apr_table_get(q->r->headers_in,
                                                "X-XSRF-TOKEN"),
                                  q->conf->laravel_keys, q->r->pool);
    }
    return token != NULL && same(token, laravel_right(q));
}

int chat_csrf_token_ok(const chat_request_t *q)
{
    const char *token = apr_table_get(q->r->headers_in, "X-CSRF-TOKEN");

    if (token == NULL &&
        chat_fields_text(&q->body, "_token", &token) != CHAT_JSON_OK) {
        token = NULL;
    }
    return same(token, q->user->csrf) ||
           (q->user->via == CHAT_VIA_LARAVEL && laravel_token_ok(q, token));
}

int chat_csrf_push_asks(const chat_request_t *q)
{
    const char *header = apr_table_get(q->r->headers_in, CHAT_VOUCH_QUESTION);
    const char *const *secret = q->conf->push->app->secrets;
    const char *socket, *channel;
    chat_piece_t pieces[CHAT_VOUCH_PIECES];
    chat_signer_t *signer;
    chat_vouch_t v;
    int n;

    if (header == NULL ||
        !chat_vouch_question_parse(&v, header, strlen(header)) ||
        !chat_vouch_fresh(&v, apr_time_as_msec(apr_time_now())) ||
        chat_fields_text(&q->body, "socket_id", &socket) != CHAT_JSON_OK ||
        chat_fields_text(&q->body, "channel_name", &channel) != CHAT_JSON_OK) {
        return 0;
    }
    n = chat_vouch_question_pieces(pieces, &v, socket, strlen(socket), channel,
                                   strlen(channel));
    for (; *secret != NULL; secret++) {
        if (chat_signer_create(&signer, *secret, q->r->pool) == APR_SUCCESS &&
            chat_signed(signer, v.signature, CHAT_SIGNATURE_HEX - 1, pieces,
                        n)) {
            return 1;
        }
    }
    return 0;
}

const char *chat_csrf_derived(const chat_server_t *conf, const char *user_id,
                              apr_pool_t *p)
{
    /* No signature of the Pusher protocol begins with a letter and a colon, so
     * this one can never pass for a channel's. */
    static const char purpose[] = "csrf:";
    chat_piece_t pieces[] = { { purpose, sizeof(purpose) - 1 },
                              { user_id, strlen(user_id) } };
    chat_signer_t *signer;
    char hex[CHAT_SIGNATURE_HEX];

    if (chat_signer_create(&signer, conf->push->app->secrets[0], p) !=
        APR_SUCCESS) {
        return NULL; /* no POST is believed then */
    }
    chat_sign(signer, hex, pieces, 2);
    return apr_pstrdup(p, hex);
}
