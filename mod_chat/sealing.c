/* SPDX-License-Identifier: Apache-2.0 */
/* sealing.c - what is sealed on its way in, and opened on its way out. */
#include "sealing.h"

#include <string.h>
#include <apr_strings.h>
#include <http_log.h>

#include "auth.h"
#include "chat_module.h"
#include "keys.h"
#include "secret.h"

APLOG_USE_MODULE(chat);

static void note(const chat_request_t *q, const char *doing, const char *why)
{
    ap_log_rerror(APLOG_MARK, APLOG_ERR, 0, q->r, "%s: %s", doing, why);
}

chat_seal_about_t chat_sealing_own(const chat_request_t *q, chat_seal_kind_t kind,
                                   const char *name)
{
    char *hashed = apr_palloc(q->r->pool, CHAT_SEAL_NAME);

    chat_seal_name(hashed, name, name != NULL ? strlen(name) : 0);
    return (chat_seal_about_t){ kind, q->conversation->id, q->user->id, hashed };
}

apr_status_t chat_sealing_text(const char **stored, const chat_request_t *q,
                               const chat_seal_about_t *about, const char *text)
{
    const char *why = "";
    apr_status_t rv;

    *stored = text;
    if (q->conf->keys == NULL) {
        return APR_SUCCESS;
    }
    rv = chat_keys_seal(stored, q->conf->keys, chat_auth_id(about->conversation),
                        about, text, &why, q->r->pool);
    if (rv != APR_SUCCESS) {
        note(q, "sealing a text", why);
    }
    return rv;
}

const char *chat_sealing_open(const chat_request_t *q, const chat_seal_about_t *about,
                              const char *text)
{
    const char *why;

    if (q->conf->keys == NULL || text == NULL) {
        return text;
    }
    text = chat_keys_open(q->conf->keys, text, about, &why, q->r->pool);
    if (why != NULL) {
        note(q, "opening a sealed text", why);
    }
    return text;
}

const char *chat_sealing_client_id(const chat_request_t *q, const char *given)
{
    return given != NULL || q->conf->keys == NULL
               ? given
               : chat_secret_token(16, q->r->pool);
}

const char *chat_sealing_json(const chat_request_t *q, const char *json)
{
    const char *why;

    if (q->conf->keys == NULL || strstr(json, CHAT_SEAL_MARK) == NULL) {
        return json;
    }
    json = chat_keys_open_json(q->conf->keys, json,
                               q->conversation != NULL ? q->conversation->id : NULL,
                               &why, q->r->pool);
    if (why != NULL) {
        note(q, "opening a sealed text", why);
    }
    return json;
}
