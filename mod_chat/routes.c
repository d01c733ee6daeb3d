/* SPDX-License-Identifier: Apache-2.0 */
/*
 * routes.c - START HERE: every URL, and the way of a request through this
 * module.
 *
 *   route   routes.def: path and method               404, 405
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
#include <util_filter.h>

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
#include "places.h"
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

/* A row of routes.def. */
typedef struct {
    int method;
    const char *path;
    need_t need;
    const char *ability;
    int (*handler)(chat_request_t *q);
    int (*at_once)(chat_request_t *q); /* NULL, or see above */
    const char *action;
} route_t;

static const route_t routes[] = {
#define ROUTE(method, path, need, ability, handler, at_once, action)           \
    { method, path, need, ability, handler, at_once, action },
#include "routes.def"
#undef ROUTE
};
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

/* httpd makes /chat/tokens/ of /chat/tokens/. and of an id that is empty: who meant to
 * remove one thing does not remove all. */
static int lost_its_id(const chat_request_t *q)
{
    apr_size_t len = strlen(q->path);

    return q->r->method_number == M_DELETE && len > 0 &&
           q->path[len - 1] == '/';
}

/* The row for a request.
 * @param allow  the methods the path has, "" when there is no such path */
static const route_t *find(chat_request_t *q, const char **allow)
{
    char id[CHAT_ID_SIZE], item[CHAT_ID_SIZE];

    *allow = "";
    for (size_t i = 0; i < NROUTES; i++) {
        const route_t *route = &routes[i];

        if (!chat_path_match(route->path, q->path, id, item) ||
            lost_its_id(q)) {
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
        return chat_login_ask(q);
    }
    return chat_reply_error(q, HTTP_UNAUTHORIZED, "log in first");
}

/* Whether a token was given out for this. Sessions may do everything. */
static int is_able(const chat_request_t *q)
{
    return q->user->via != CHAT_VIA_BEARER || q->ability == NULL ||
           chat_ability_has(q->abilities, q->ability);
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
    apr_uint32_t wait;

    if (chat_message_closed(q, answer)) {
        return 0;
    }
    /* A file by itself counts as the message it is for: here, before it comes. */
    if (route->handler == chat_attachment_upload) {
        wait = chat_limiter_take(q->conf, CHAT_LIMIT_SEND, q->user->id,
                                 q->r->pool);
        chat_limiter_say(q->r, q->conf, CHAT_LIMIT_SEND, q->user->id);
        if (wait > 0) {
            *answer = chat_reply_limited(q, wait, "too many files, slow down");
            return 0;
        }
    }
    if (!chat_places_take_upload(q)) {
        *answer = chat_places_refused(q);
        return 0;
    }
    if (!chat_upload_read(q, route->handler == chat_attachment_upload,
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

/* Whether what is to be changed is what the request says it is: nothing that can
 * be has a validator. Looked at last, since who may not is told that. */
static int may_change(const chat_request_t *q, const char *allow)
{
    return chat_reply_may_change(q->r, ap_strstr_c(allow, "GET") != NULL);
}

/* The way of a request, see above. */
static int answer_request(chat_request_t *q)
{
    request_rec *r = q->r;
    const route_t *route;
    const char *allow;
    int answer = OK, files, may;

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
    q->ability = route->ability;
    if (!settle_query(q, &answer) || !settle_pace(q, &answer)) {
        return answer;
    }
    chat_logins_settle(q->conf, r);
    may = route->method == M_GET || may_change(q, allow);
    if (route->at_once != NULL && may) {
        answer = route->at_once(q);
        if (answer != DECLINED) {
            return answer;
        }
        q->user = NULL;
        q->conversation = NULL;
    }
    files = brings_files(q, route);
    if ((route->need != ANYBODY && !settle_user(q, &answer)) ||
        (route->method != M_GET && !files && !chat_body_read(q, &answer)) ||
        (route->method != M_GET && q->user != NULL &&
         !settle_intent(q, route, &answer))) {
        return answer;
    }
    if (route->need == MEMBER && q->locked) {
        if (q->html && route->handler == chat_conversation_show) {
            return chat_page_app(q, HTTP_OK); /* it asks why */
        }
        return chat_reply_error(q, HTTP_FORBIDDEN,
                                "say why you need this conversation, with POST "
                                "to its /break-glass");
    }
    /* 404 and not 403: a stranger need not learn that the id exists. */
    if (route->need == MEMBER && q->conversation == NULL) {
        if (q->html && route->handler == chat_conversation_show) {
            return chat_page_app(q, HTTP_NOT_FOUND); /* it says so */
        }
        return chat_reply_error(q, HTTP_NOT_FOUND, "no such conversation");
    }
    if (!may) {
        return chat_reply_precondition(q);
    }
    if (files && !settle_files(q, route, &answer)) {
        return answer;
    }
    return route->handler(q);
}

/* Whether a body may come; by HTTP/2 without a word of it. */
static int brings_body(const request_rec *r)
{
    const char *length = apr_table_get(r->headers_in, "Content-Length");

    return (length != NULL && strcmp(length, "0") != 0) ||
           apr_table_get(r->headers_in, "Transfer-Encoding") != NULL ||
           (length == NULL && r->connection->master != NULL &&
            r->method_number != M_GET);
}

void chat_routes_leave_body(request_rec *r)
{
    if (brings_body(r)) {
        /* Taken back by who reads all of it (body.c, settle_files()). Otherwise httpd
         * would read on before it sends our answer, for as long as something comes. */
        r->connection->keepalive = AP_CONN_CLOSE;
    }
}

/* Pages and httpd's own error pages do not come by chat_reply(), which writes
 * into the audit log what is answered. */
int chat_routes_answer(request_rec *r)
{
    chat_request_t *q = apr_pcalloc(r->pool, sizeof(*q));
    int answer;

    q->r = r;
    chat_routes_leave_body(r);
    answer = answer_request(q);
    chat_places_give(q);
    return chat_audit_answer(q, answer == OK || answer == AP_FILTER_ERROR
                                    ? r->status
                                    : answer)
               ? answer
               : HTTP_SERVICE_UNAVAILABLE;
}
