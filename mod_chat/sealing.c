/* SPDX-License-Identifier: Apache-2.0 */
/* sealing.c - what is sealed on its way in, and opened on its way out. */
#include "sealing.h"

#include <string.h>
#include <http_log.h>

#include "auth.h"
#include "chat_module.h"
#include "keys.h"

APLOG_USE_MODULE(chat);

static void note(const chat_request_t *q, const char *doing, const char *why)
{
    ap_log_rerror(APLOG_MARK, APLOG_ERR, 0, q->r, "%s: %s", doing, why);
}

apr_status_t chat_sealing_text(const char **stored, const chat_request_t *q,
                               const char *text)
{
    return chat_sealing_text_of(stored, q, q->conversation->id, text);
}

apr_status_t chat_sealing_text_of(const char **stored, const chat_request_t *q,
                                  const char *id, const char *text)
{
    const char *why = "";
    apr_status_t rv;

    *stored = text;
    if (q->conf->keys == NULL) {
        return APR_SUCCESS;
    }
    rv = chat_keys_seal(stored, q->conf->keys, chat_auth_id(id), id, text, &why,
                        q->r->pool);
    if (rv != APR_SUCCESS) {
        note(q, "sealing a text", why);
    }
    return rv;
}

const char *chat_sealing_open(const chat_request_t *q, const char *text)
{
    const char *why;

    if (q->conf->keys == NULL || text == NULL) {
        return text;
    }
    text = chat_keys_open(q->conf->keys, text, &why, q->r->pool);
    if (why != NULL) {
        note(q, "opening a sealed text", why);
    }
    return text;
}

const char *chat_sealing_json(const chat_request_t *q, const char *json)
{
    const char *why;

    if (q->conf->keys == NULL || strstr(json, CHAT_SEAL_MARK) == NULL) {
        return json;
    }
    json = chat_keys_open_json(q->conf->keys, json, &why, q->r->pool);
    if (why != NULL) {
        note(q, "opening a sealed text", why);
    }
    return json;
}
