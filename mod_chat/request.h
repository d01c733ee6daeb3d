/* SPDX-License-Identifier: Apache-2.0 */
/*
 * request.h - one request on its way from URL to answer.
 *
 * routes.c fills it step by step (which route, who, body, conversation) before
 * a handler sees it, so that no handler can forget a step. Everything lives in
 * the request's pool and belongs to the thread that serves it.
 */
#ifndef CHAT_REQUEST_H
#define CHAT_REQUEST_H

#include <httpd.h>

#include "config.h"
#include "fields.h"
#include "path.h"

/* How we know who it is. */
typedef enum {
    CHAT_VIA_APACHE, /* an Apache authentication set r->user */
    CHAT_VIA_BEARER, /* a token in the Authorization header */
    CHAT_VIA_SESSION, /* our own cookie */
    CHAT_VIA_LARAVEL  /* the session cookie of a Laravel application */
} chat_via_t;

typedef struct {
    const char *id; /* as text, for channel names and values of statements */
    const char *name;
    const char *email; /* may be NULL */
    const char *role;
    const char *json;    /* {"id","name","role"}: what others may see */
    const char *me_json; /* the same and "email": for the user */
    int staff;           /* the role is one of ChatStaffRoles; 0 with ChatBreakGlass */
    int may_break;       /* it is, and ChatBreakGlass is on: see break_glass.c */
    chat_via_t via;
    const char *digest; /* of the token or cookie shown; NULL: via Apache */
    const char *csrf;   /* the token POSTs must show; NULL: via bearer */
} chat_user_t;

typedef struct {
    const char *id;      /* as text */
    const char *id_json; /* as it stands in JSON: a number or a text */
    apr_int64_t total;   /* messages in it */
    int member;          /* the user is one of its people (staff need not be) */
} chat_conversation_t;

typedef struct {
    request_rec *r;
    const chat_server_t *conf;
    const char *path;      /* of the URL, behind ChatPrefix */
    char id[CHAT_ID_SIZE]; /* the path's {id}, a conversation's; "": none */
    char item[CHAT_ID_SIZE]; /* its second id, as {message}, or one that is of no
                                conversation; likewise */
    int html;              /* the caller would rather have a page than JSON */
    chat_form_t query;
    chat_fields_t body;      /* empty unless a POST */
    int body_read;           /* it was read; what was wrong is in: */
    int body_status;         /* OK or the HTTP status of its refusal */
    const char *body_why;    /* a sentence for that */
    struct chat_upload_t *upload; /* upload.h: files that came; NULL: none */
    struct chat_places_t *places; /* places.h: what its body holds; NULL: nothing */
    const chat_user_t *user; /* NULL: nobody we know */
    apr_int64_t until; /* Unix seconds when their log-in ends; 0: it does not */
    const char *abilities; /* of a bearer token (ability.h) */
    int by_push; /* chat-push asks, for a socket that showed their log-in */
    const char *stranger;    /* Apache knows this name, the chat does not */
    const chat_conversation_t *conversation; /* of id; NULL: none of theirs */
    int locked;           /* it is there, and may be opened by saying why */
    const char *ability;  /* the route's: what a token needs (ability.h) */
    const char *action;   /* the route's, for the audit log; NULL: none */
    const char *object;   /* id of what it is about, for that too; may be NULL */
    const char *login_id; /* whose password was right or wrong; may be NULL */
    const char *link; /* the user whom a signed link names; NULL: none does */
    int page;         /* the answer is a page of ours, which holds no data */
    int audited;          /* its entry is written */
} chat_request_t;

#endif
