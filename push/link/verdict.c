/* SPDX-License-Identifier: Apache-2.0 */
/* verdict.c - reading an auth endpoint's answer; see verdict.h. */
#include "verdict.h"

#include <string.h>
#include <jansson.h>

#include "json.h"

/* What a status alone says. 408, 421, 425 and 429 are about the request's time
 * or place, and a redirect about the setting: none of them is a no. */
static push_verdict_t by_status(long status)
{
    if (status / 100 == 2) {
        return PUSH_VERDICT_YES;
    }
    return status / 100 == 4 && status != 408 && status != 421 &&
                   status != 425 && status != 429
               ? PUSH_VERDICT_NO
               : PUSH_VERDICT_UNKNOWN;
}

/* The log-in, where it is told. */
static void session_read(push_answer_t *out, const json_t *body)
{
    const json_t *session = json_object_get(body, "session");
    const json_t *until = json_object_get(body, "until");

    if (json_is_string(session) &&
        chat_identity_session_valid(json_string_value(session),
                                    json_string_length(session))) {
        memcpy(out->session, json_string_value(session),
               json_string_length(session) + 1);
        if (json_is_integer(until) && json_integer_value(until) > 0) {
            out->until = json_integer_value(until);
        }
    }
}

void push_verdict_read(push_answer_t *out, long status, const char *body,
                       apr_size_t len, apr_pool_t *p)
{
    const json_t *root, *auth;

    memset(out, 0, sizeof(*out));
    out->verdict = by_status(status);
    if (out->verdict != PUSH_VERDICT_YES) {
        return;
    }
    root = chat_json_parse_pool(body, len, NULL, p);
    auth = json_object_get(root, "auth");
    if (!json_is_string(auth) || json_string_length(auth) > PUSH_VERDICT_AUTH ||
        strlen(json_string_value(auth)) != json_string_length(auth)) {
        out->verdict = PUSH_VERDICT_UNKNOWN; /* that is no auth endpoint */
        return;
    }
    memcpy(out->auth, json_string_value(auth), json_string_length(auth) + 1);
    session_read(out, root);
}
