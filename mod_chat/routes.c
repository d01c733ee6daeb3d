/* SPDX-License-Identifier: Apache-2.0 */
/*
 * routes.c - START HERE: every URL, and the way of a request through this
 * module.
 *
 *   route   the table below: path and method          404, 405
 *   pace    limiter.c: ChatRequestRate of its address  429
 *   who     auth.c: Apache's user, bearer, cookie      401 or 302, 403, 503
 *           ability.h: what a token was given out for  403
 *   body    body.c: form or JSON into fields           400, 413, 415, 422
 *   theirs  csrf.c: Origin and token, unless bearer or   419
 *           chat-push itself
 *   member  auth.c: is the {id} one of theirs?         404, for strangers too
 *   files   upload.c: a body with files, instead of    400, 403, 408, 413, 415,
 *           `body` above                                422, 507
 *   do      the handler
 *
 * The steps are taken here for every route alike, as far as its row asks, so
 * that a handler can neither forget one nor do them in another order.
 *
 * Two routes are asked for so often that they have a shortcut: one statement
 * that says who it is, whether the conversation is theirs, and does it. It
 * takes a request that will succeed; for every other one it declines, and the
 * steps say what is wrong, in their order.
 */
#include "routes.h"

#include <string.h>
#include <apr_strings.h>
#include <http_protocol.h>

#include "ability.h"
#include "audit.h"
#include "auth.h"
#include "body.h"
#include "chat_module.h"
#include "csrf.h"
#include "handlers.h"
#include "limiter.h"
#include "message.h"
#include "page.h"
#include "path.h"
#include "reply.h"
#include "upload.h"

/* What must be settled before a handler runs. */
typedef enum {
    ANYBODY, /* nothing: the handler looks itself */
    USER,    /* somebody we know; an {id} is of no conversation: q->item */
    VISITOR, /* the same, and {id} is a conversation's, theirs or not: the handler
                decides */
    MEMBER /* and the path's conversation is one of theirs, or they are staff */
} need_t;

typedef struct {
    int method; /* M_GET answers HEAD as well */
    const char *path;
    need_t need;
    int (*handler)(chat_request_t *q);
    int (*at_once)(chat_request_t *q); /* NULL, or see above */
    /* What the audit log calls it. NULL: it is not written down, because nothing
     * is shown or changed that was not asked for by another URL. */
    const char *action;
} route_t;

/* Every URL this module answers, behind ChatPrefix. {id} is 1-64 characters of
 * [A-Za-z0-9_-] and reaches the handler as q->id, a second one as q->item. */
/* clang-format off */
static const route_t routes[] = {
    { M_GET,  "/chat/login",                      ANYBODY, chat_login_page, NULL, NULL },
    { M_POST, "/chat/login",                      ANYBODY, chat_login, NULL, "login" },
    { M_POST, "/chat/logout",                     USER,    chat_logout, NULL, "logout" },
    { M_POST, "/chat/token",                      ANYBODY, chat_token, NULL, "login.token" },
    { M_GET,  "/chat/tokens",                     USER,    chat_token_list, NULL, "token.list" },
    { M_DELETE, "/chat/tokens",                   USER,    chat_token_end_others, NULL, "token.revoked" },
    { M_DELETE, "/chat/tokens/{id}",              USER,    chat_token_end, NULL, "token.revoked" },
    { M_GET,  "/chat/sessions",                   USER,    chat_session_list, NULL, "session.list" },
    { M_DELETE, "/chat/sessions",                 USER,    chat_session_end_others, NULL, "session.ended" },
    { M_DELETE, "/chat/sessions/{id}",            USER,    chat_session_end, NULL, "session.ended" },
    { M_POST, "/chat/password",                   USER,    chat_password, NULL, "password.changed" },
    { M_GET,  "/chat/me",                         USER,    chat_me, NULL, NULL },
    { M_GET,  "/chat/sync",                       USER,    chat_sync, NULL, "messages.sync" },
    { M_GET,  "/chat/search",                     USER,    chat_search_all, NULL, "messages.search" },
    { M_GET,  "/chat/conversation/{id}/search",   MEMBER,  chat_search_in, NULL, "messages.search" },
    { M_GET,  "/chat",                            USER,    chat_conversation_list, NULL, "conversation.list" },
    { M_GET,  "/chat/conversation/{id}",          MEMBER,  chat_conversation_show, NULL, "conversation.read" },
    { M_GET,  "/chat/conversation/{id}/messages", MEMBER,  chat_message_list, chat_message_list_at_once, "messages.read" },
    { M_POST, "/chat/conversation/{id}/message",  MEMBER,  chat_message_send, chat_message_send_at_once, "message.sent" },
    { M_GET,    "/chat/conversation/{id}/message/{message}",          MEMBER, chat_message_show, NULL, "message.read" },
    { M_PATCH,  "/chat/conversation/{id}/message/{message}",          MEMBER, chat_message_edit, NULL, "message.edited" },
    { M_DELETE, "/chat/conversation/{id}/message/{message}",          MEMBER, chat_message_delete, NULL, "message.deleted" },
    { M_GET,    "/chat/conversation/{id}/message/{message}/history",  MEMBER, chat_message_history, NULL, "message.history" },
    { M_PUT,    "/chat/conversation/{id}/message/{message}/reaction", MEMBER, chat_reaction_add, NULL, "message.reacted" },
    { M_DELETE, "/chat/conversation/{id}/message/{message}/reaction", MEMBER, chat_reaction_remove, NULL, "message.unreacted" },
    { M_POST,   "/chat/conversation/{id}/attachment",  MEMBER, chat_attachment_upload, NULL, "file.uploaded" },
    { M_GET,    "/chat/conversation/{id}/attachments", MEMBER, chat_attachment_list, NULL, "file.list" },
    { M_GET,    "/chat/attachment/{id}",               ANYBODY, chat_attachment_show, NULL, "file.read" },
    { M_GET,    "/chat/attachment/{id}/thumb",         ANYBODY, chat_attachment_thumb, NULL, "file.read" },
    { M_DELETE, "/chat/attachment/{id}",               USER, chat_attachment_delete, NULL, "file.deleted" },
    { M_POST,   "/chat/attachment/{id}/link",          USER, chat_attachment_link, NULL, "file.linked" },
    { M_POST, "/chat/conversation/{id}/read",     MEMBER,  chat_message_read, NULL, "messages.marked" },
    { M_POST,   "/chat/conversation/{id}/delivered",                  MEMBER, chat_receipt_delivered, NULL, NULL },
    { M_GET,    "/chat/conversation/{id}/message/{message}/receipts", MEMBER, chat_receipt_list, NULL, "message.receipts" },
    { M_GET,    "/chat/conversation/{id}/members",                    MEMBER, chat_member_list, NULL, "member.list" },
    { M_POST,   "/chat/conversation/{id}/members",                    MEMBER, chat_member_add, NULL, "member.added" },
    { M_DELETE, "/chat/conversation/{id}/members/{user}",             MEMBER, chat_member_remove, NULL, "member.removed" },
    { M_POST, "/chat/conversation/{id}/typing",   MEMBER,  chat_typing, NULL, NULL },
    { M_GET,   "/chat/conversation/{id}/plans",   MEMBER,  chat_plan_list, NULL, "plan.list" },
    { M_POST,  "/chat/conversation/{id}/plan",    MEMBER,  chat_plan_create, NULL, "plan.created" },
    { M_GET,   "/chat/plan/{id}",                 USER,    chat_plan_show, NULL, "plan.read" },
    { M_PATCH, "/chat/plan/{id}",                 USER,    chat_plan_edit, NULL, "plan.edited" },
    { M_POST,  "/chat/plan/{id}/submit",          USER,    chat_plan_submit, NULL, "plan.submitted" },
    { M_POST,  "/chat/plan/{id}/accept",          USER,    chat_plan_accept, NULL, "plan.accepted" },
    { M_POST,  "/chat/plan/{id}/reject",          USER,    chat_plan_reject, NULL, "plan.rejected" },
    { M_POST,  "/chat/plan/{id}/cancel",          USER,    chat_plan_cancel, NULL, "plan.cancelled" },
    { M_POST,  "/chat/plan/{id}/acknowledge",     USER,    chat_plan_acknowledge, NULL, "plan.acknowledged" },
    { M_POST, "/chat/conversation/{id}/break-glass", VISITOR, chat_break_glass, NULL, "breakglass" },
    { M_POST, "/broadcasting/auth",               USER,    chat_broadcasting_auth, NULL, "channel.joined" },
    { M_POST, "/pusher/auth",                     USER,    chat_broadcasting_auth, NULL, "channel.joined" },
    { M_POST, "/pusher/user-auth",                USER,    chat_broadcasting_user, NULL, NULL },
};
/* clang-format on */
#define NROUTES (sizeof(routes) / sizeof(routes[0]))

int chat_routes_own(const char *path)
{
    char id[CHAT_ID_SIZE], item[CHAT_ID_SIZE];

    if (chat_path_below(path, "/chat")) {
        return 1; /* what is in no row too: its 404 is JSON like the rest */
    }
    for (size_t i = 0; i < NROUTES; i++) {
        if (chat_path_match(routes[i].path, path, id, item)) {
            return 1;
        }
    }
    return 0;
}

/* As `Allow` has it. */
static const char *method_name(int method)
{
    switch (method) {
    case M_GET:
        return "GET, HEAD";
    case M_PUT:
        return "PUT";
    case M_PATCH:
        return "PATCH";
    case M_DELETE:
        return "DELETE";
    default:
        return "POST";
    }
}

/* The row for a request.
 * @param allow  the methods the path has, "" when there is no such path */
static const route_t *find(chat_request_t *q, const char **allow)
{
    char id[CHAT_ID_SIZE], item[CHAT_ID_SIZE];

    *allow = "";
    for (size_t i = 0; i < NROUTES; i++) {
        const route_t *route = &routes[i];

        if (!chat_path_match(route->path, q->path, id, item)) {
            continue;
        }
        if (route->method == q->r->method_number) {
            /* Who is asked about a conversation is asked with the id. */
            if (route->need == MEMBER || route->need == VISITOR) {
                memcpy(q->id, id, sizeof(id));
                memcpy(q->item, item, sizeof(item));
            }
            else {
                memcpy(q->item, id, sizeof(id));
            }
            return route;
        }
        *allow = apr_pstrcat(q->r->pool, *allow, **allow != '\0' ? ", " : "",
                             method_name(route->method), NULL);
    }
    return NULL;
}

/* A browser on its way to a page is shown the form, a program is told. */
static int nobody(chat_request_t *q)
{
    if (q->stranger != NULL) {
        return chat_reply_error(q, HTTP_FORBIDDEN,
                                "this account has no part in the chat");
    }
    if (q->html) {
        return chat_reply_redirect(q, "/chat/login");
    }
    return chat_reply_error(q, HTTP_UNAUTHORIZED, "log in first");
}

/* Whether a token was given out for this. Sessions may do everything. */
static int is_able(const chat_request_t *q)
{
    const char *needed = chat_ability_needed(q->r->method_number == M_GET,
                                             q->path);

    return q->user->via != CHAT_VIA_BEARER || needed == NULL ||
           chat_ability_has(q->abilities, needed);
}

/* Who it is. @return 0 when it was refused with *answer */
static int settle_user(chat_request_t *q, int *answer)
{
    apr_status_t rv = chat_auth(q);

    if (rv != APR_SUCCESS) {
        *answer = chat_reply_failed(q, rv, "looking up who is asking");
        return 0;
    }
    if (q->user == NULL) {
        *answer = nobody(q);
        return 0;
    }
    if (!is_able(q)) {
        *answer = chat_reply_error(q, HTTP_FORBIDDEN,
                                   "this token lacks the ability for that");
        return 0;
    }
    return 1;
}

int chat_routes_user(chat_request_t *q, int *answer)
{
    return settle_user(q, answer);
}

/* Whether its body may bring files, which go to disk as they come: nobody's do
 * before all else is settled (upload.h). */
static int brings_files(const chat_request_t *q, const route_t *route)
{
    return route->handler == chat_attachment_upload ||
           (route->handler == chat_message_send && chat_upload_is(q));
}

/* The last step of such a request. Likewise. */
static int settle_files(chat_request_t *q, const route_t *route, int *answer)
{
    if (chat_message_closed(q, answer) ||
        !chat_upload_read(q, route->handler == chat_attachment_upload,
                          answer)) {
        return 0;
    }
    q->r->connection->keepalive = AP_CONN_UNKNOWN;
    return 1;
}

/* Whether they meant to send it. Likewise. */
static int settle_intent(chat_request_t *q, const route_t *route, int *answer)
{
    q->by_push = route->handler == chat_broadcasting_auth &&
                 chat_csrf_push_asks(q);
    if (q->by_push || q->user->via == CHAT_VIA_BEARER ||
        (chat_csrf_origin_ok(q) && chat_csrf_token_ok(q))) {
        return 1;
    }
    *answer = chat_reply_error(q, CHAT_HTTP_PAGE_EXPIRED,
                               "the CSRF token is missing or wrong, or the "
                               "request comes from another site");
    return 0;
}

/* The query string. Likewise. */
static int settle_query(chat_request_t *q, int *answer)
{
    const char *args = q->r->args != NULL ? q->r->args : "";
    chat_form_result_t result = chat_form_parse(&q->query, args, strlen(args),
                                                q->r->pool);

    if (result != CHAT_FORM_OK) {
        *answer = chat_reply_error(q, HTTP_BAD_REQUEST, chat_form_why(result));
        return 0;
    }
    return 1;
}

/* How many come from where this one does. Likewise. */
static int settle_pace(chat_request_t *q, int *answer)
{
    const char *address;
    apr_uint32_t wait;

    if (q->conf->request.interval == 0) {
        return 1;
    }
    address = chat_limiter_address(q->r);
    wait = chat_limiter_take(q->conf, CHAT_LIMIT_REQUEST, address, q->r->pool);
    chat_limiter_say(q->r, q->conf, CHAT_LIMIT_REQUEST, address);
    if (wait == 0) {
        return 1;
    }
    *answer = chat_reply_limited(q, wait, "too many requests, slow down");
    return 0;
}

/* The way of a request, see above. */
static int answer_request(chat_request_t *q)
{
    request_rec *r = q->r;
    const route_t *route;
    const char *allow;
    int answer = OK, files;

    q->conf = chat_server_of(r->server);
    q->path = chat_server_path(r->server, r->uri);
    q->html = chat_accepts_html(apr_table_get(r->headers_in, "Accept"));
    route = find(q, &allow);
    if (route == NULL) {
        return allow[0] == '\0' ? chat_reply_error(q, HTTP_NOT_FOUND,
                                                   "there is nothing here")
                                : chat_reply_method(q, allow);
    }
    q->action = route->action;
    if (!settle_query(q, &answer) || !settle_pace(q, &answer)) {
        return answer;
    }
    if (route->at_once != NULL) {
        answer = route->at_once(q);
        if (answer != DECLINED) {
            return answer;
        }
        q->user = NULL;
        q->conversation = NULL;
    }
    files = brings_files(q, route);
    if (files) {
        /* When it is refused, what is left of it is not worth reading. */
        r->connection->keepalive = AP_CONN_CLOSE;
    }
    if ((route->need != ANYBODY && !settle_user(q, &answer)) ||
        (route->method != M_GET && !files && !chat_body_read(q, &answer)) ||
        (route->method != M_GET && q->user != NULL &&
         !settle_intent(q, route, &answer))) {
        return answer;
    }
    if (route->need == MEMBER && q->locked) {
        if (q->html && route->handler == chat_conversation_show) {
            return chat_page_app(q); /* it asks why */
        }
        return chat_reply_error(q, HTTP_FORBIDDEN,
                                "say why you need this conversation, with POST "
                                "to its /break-glass");
    }
    /* 404 and not 403: a stranger need not learn that the id exists. */
    if (route->need == MEMBER && q->conversation == NULL) {
        return chat_reply_error(q, HTTP_NOT_FOUND, "no such conversation");
    }
    if (files && !settle_files(q, route, &answer)) {
        return answer;
    }
    return route->handler(q);
}

/* Pages and httpd's own error pages do not come by chat_reply(), which writes
 * into the audit log what is answered. */
int chat_routes_answer(request_rec *r)
{
    chat_request_t *q = apr_pcalloc(r->pool, sizeof(*q));
    int answer;

    q->r = r;
    answer = answer_request(q);
    return chat_audit_answer(q, answer == OK ? r->status : answer)
               ? answer
               : HTTP_SERVICE_UNAVAILABLE;
}
