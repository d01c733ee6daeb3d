/* SPDX-License-Identifier: Apache-2.0 */
/* person.c - who is behind a connection; see person.h. */
#include "person.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <apr_strings.h>
#include <apr_time.h>

#include "client_inside.h"
#include "directory.h"
#include "server.h"
#include "trace.h"
#include "vouch.h"

#define SESSION_CHANNEL                                                        \
    "#session-" /* a log-in's connections; its name follows */
#define SESSION_NAME (sizeof(SESSION_CHANNEL) + CHAT_IDENTITY_SESSION)
#define REST 3600 /* seconds a look ahead may be: the clock may be set */

/* --- who ------------------------------------------------------------------ */

/* Whether a header that says what it should comes from mod_chat, for this very
 * upgrade, now and for the first time. */
static int vouched(const push_conn_t *c, const push_client_t *me,
                   const http_head_t *head, const chat_vouch_t *v)
{
    const http_span_t *ws_key = http_header(head, "Sec-WebSocket-Key");
    const char *key = me->app->conf->key;
    chat_piece_t pieces[CHAT_VOUCH_PIECES];
    int n;

    if (ws_key == NULL ||
        !chat_vouch_fresh(v, apr_time_as_msec(apr_time_now()))) {
        return 0;
    }
    n = chat_vouch_identity_pieces(pieces, v, key, strlen(key), ws_key->at,
                                   ws_key->len);
    return push_app_signed(me->app, push_loop_index(push_conn_loop(c)),
                           v->signature, CHAT_SIGNATURE_HEX - 1, pieces, n) &&
           push_recent_add(&push_server.vouched, v->signature,
                           CHAT_SIGNATURE_HEX - 1,
                           push_loop_seconds(push_conn_loop(c))) == 1;
}

/* What a proxy's mod_chat says. A header that is not believed makes nobody of
 * its sender, and is worth a line: either somebody tries, or two clocks or
 * secrets differ. */
static void from_header(chat_identity_t *who, const push_conn_t *c,
                        const push_client_t *me, const http_head_t *head)
{
    const http_span_t *header = http_header(head, CHAT_VOUCH_IDENTITY);
    chat_vouch_t v;

    if (header == NULL) {
        return;
    }
    if (http_header_count(head, CHAT_VOUCH_IDENTITY) == 1 &&
        chat_vouch_identity_parse(&v, header->at, header->len) &&
        vouched(c, me, head, &v)) {
        *who = v.identity;
        return;
    }
    push_trace_unbelieved(c, me);
}

static push_person_t *person_create(push_client_t *me,
                                    const chat_identity_t *who)
{
    me->person = push_must(calloc(1, sizeof(*me->person)));
    me->person->who = *who;
    return me->person;
}

const char *push_person_user(const push_client_t *me)
{
    return me->person != NULL && me->person->who.user[0] != '\0'
               ? me->person->who.user
               : NULL;
}

const char *push_person_whose(const push_client_t *me)
{
    const char *user = push_person_user(me);

    return user != NULL || me->person == NULL || me->person->noted[0] == '\0'
               ? user
               : me->person->noted;
}

/* --- what it shows -------------------------------------------------------- */

static push_value_t value_of(const http_head_t *head, const char *name)
{
    const http_span_t *span = http_header(head, name);
    push_value_t v = { NULL, 0 };

    if (span != NULL && span->len > 0 && http_header_count(head, name) == 1) {
        v.at = span->at;
        v.len = span->len;
    }
    return v;
}

/* Whether a page of this origin may use what the browser adds by itself: one
 * that the app lists by its name ("*" lets everybody connect and nobody speak
 * for others), or one from where the endpoint is. */
static int origin_trusted(const push_conn_t *c, const chat_app_t *app,
                          push_value_t origin)
{
    const char *const *entry = app->origins;
    const char *text = apr_pstrmemdup(push_loop_scratch(push_conn_loop(c)),
                                      origin.at, origin.len);

    for (; entry != NULL && *entry != NULL; entry++) {
        if (strcmp(*entry, "*") != 0 && chat_app_origin_is(*entry, text)) {
            return 1;
        }
    }
    return strncasecmp(app->auth_endpoint, text, origin.len) == 0 &&
           strchr("/?", app->auth_endpoint[origin.len]) != NULL &&
           strstr(text, "://") != NULL;
}

static int is_bearer(push_value_t v)
{
    static const char scheme[] = "bearer ";

    return v.at != NULL && v.len > sizeof(scheme) - 1 &&
           !strncasecmp(v.at, scheme, sizeof(scheme) - 1);
}

/* Keep what the endpoint will be asked with. */
static void shown_keep(push_conn_t *c, push_client_t *me,
                       const http_head_t *head)
{
    static const chat_identity_t nobody;
    push_value_t cookie = value_of(head, "Cookie");
    push_value_t authorization = value_of(head, "Authorization");
    push_value_t origin = value_of(head, "Origin");
    push_shown_t *shown;

    if (http_header_count(head, "Origin") > 0 &&
        (origin.at == NULL || !origin_trusted(c, me->app->conf, origin))) {
        cookie.at = NULL;
        if (!is_bearer(authorization)) {
            authorization.at = NULL;
        }
    }
    shown = push_shown_create(cookie, authorization, origin);
    if (shown != NULL) {
        person_create(me, &nobody)->shown = shown;
    }
}

/* --- the log-in ----------------------------------------------------------- */

static void session_name(push_name_t *name, char text[SESSION_NAME],
                         push_app_t *app, const char *session)
{
    apr_snprintf(text, SESSION_NAME, SESSION_CHANNEL "%s", session);
    push_name_set(name, push_server.hubs, app, text, strlen(text), NULL);
}

static void over(push_conn_t *c, push_client_t *me)
{
    static const char why[] = "The log-in has ended";

    if (push_conn_state(c) == PUSH_CONN_OPEN) {
        push_client_send(c, me, pusher_error(PUSHER_UNAUTHORIZED, NULL, why));
        push_conn_close(c, PUSHER_UNAUTHORIZED, why);
    }
}

static int is_over(const chat_identity_t *who)
{
    return who->until != 0 && apr_time_sec(apr_time_now()) > who->until;
}

int push_person_listed(const push_client_t *me)
{
    return me->person != NULL && me->person->who.session[0] != '\0' &&
           me->app == push_server.chat;
}

/* Be found when the log-in ends. On the channel first and then the question
 * whether it has: push_person_until() does it the other way round. */
static void session_join(push_conn_t *c, push_client_t *me)
{
    const chat_identity_t *who = &me->person->who;
    push_subscription_t *sub;
    char text[SESSION_NAME];
    push_name_t name;

    if (!push_person_listed(me)) {
        return;
    }
    session_name(&name, text, me->app, who->session);
    push_hub_join(push_server_hub(c), &name, &me->hub, NULL, 0, &sub);
    if (is_over(who) ||
        push_recent_has(&push_server.ended, who->session, strlen(who->session),
                        push_loop_seconds(push_conn_loop(c)))) {
        over(c, me);
        return;
    }
    push_conn_look(c);
}

void push_person_find(push_conn_t *c, push_client_t *me,
                      const http_head_t *head)
{
    const chat_identity_t *given = push_conn_identity(c);
    chat_identity_t who = { .user = "" };

    /* mod_chat's people are users of one app only. */
    if (given != NULL && me->app == push_server.chat) {
        who = *given;
    }
    else if (me->app == push_server.chat) {
        from_header(&who, c, me, head);
    }
    push_conn_identity_drop(c);
    if (who.user[0] != '\0') {
        person_create(me, &who);
        session_join(c, me);
    }
    else if (me->app->conf->auth_endpoint != NULL &&
             push_server.endpoint != NULL) {
        shown_keep(c, me, head);
    }
}

void push_person_session(push_conn_t *c, push_client_t *me, const char *session,
                         apr_int64_t until)
{
    chat_identity_t *who = &me->person->who;

    if (who->session[0] != '\0' || session[0] == '\0') {
        return;
    }
    apr_cpystrn(who->session, session, sizeof(who->session));
    who->until = until;
    session_join(c, me);
}

void push_person_note(push_conn_t *c, push_client_t *me,
                      const chat_identity_t *who)
{
    static const chat_identity_t nobody;
    const char *user = push_person_whose(me);

    if (user != NULL) {
        if (strcmp(user, who->user) != 0) {
            push_conn_close(c, PUSHER_RECONNECT,
                            "The connection is another user's");
        }
        return;
    }
    if (me->person == NULL) {
        person_create(me, &nobody);
    }
    apr_cpystrn(me->person->noted, who->user, sizeof(me->person->noted));
    push_person_session(c, me, who->session, who->until);
}

void push_person_forget(push_client_t *me)
{
    if (me->person != NULL) {
        push_shown_release(me->person->shown);
    }
    free(me->person);
    me->person = NULL;
}

apr_uint32_t push_person_sweep(push_conn_t *c, push_client_t *me,
                               apr_uint32_t now)
{
    const chat_identity_t *who = me->person != NULL ? &me->person->who : NULL;
    apr_int64_t left;

    if (who == NULL || who->until == 0) {
        return 0;
    }
    if (is_over(who)) {
        over(c, me);
        return 0;
    }
    left = who->until - apr_time_sec(apr_time_now()) + 1;
    return now + (apr_uint32_t)(left < REST ? left : REST);
}

/* For push_hub_each(): this connection's log-in has another end. */
static void until_set(push_subscriber_t *client, apr_int64_t until)
{
    push_client_t *me = (push_client_t *)(void *)client;
    push_conn_t *c = push_conn_of(me);

    if (me->person == NULL) {
        return;
    }
    if (until == 0) {
        over(c, me);
        return;
    }
    me->person->who.until = until > 0 ? until : 0;
    push_conn_look(c);
}

void push_person_until(const char *session, apr_int64_t until)
{
    const apr_size_t len = strlen(session);
    char text[SESSION_NAME];
    push_name_t name;

    if (push_server.chat == NULL ||
        !chat_identity_session_valid(session, len)) {
        return;
    }
    if (until >= 0 && until <= apr_time_sec(apr_time_now())) {
        until = 0;
        push_recent_add(&push_server.ended, session, len, push_seconds());
    }
    else {
        push_recent_forget(&push_server.ended, session, len, push_seconds());
    }
    session_name(&name, text, push_server.chat, session);
    push_hub_each(push_server.hubs, &name, until_set, until);
}
