/* SPDX-License-Identifier: Apache-2.0 */
/*
 * person.h - who is behind a connection, and how we know.
 *
 * When it opens, the first of these that it has:
 *   - what httpd said when it handed the socket over,
 *   - the signed header that httpd's mod_chat adds to an upgrade which goes
 *     through mod_proxy (vouch.h); each is good once.
 *   - what the upgrade showed of itself (Cookie, Authorization), where the app
 *     has an authEndpoint: that one is asked for each channel (endpoint.h). A
 *     cookie counts only when a page of the app may have sent it: the browser
 *     adds it to any page's WebSocket.
 * Without, nobody is: the connection may do what needs no identity.
 *
 * Such a connection's log-in is named by the endpoint's first answer; who brings
 * signatures alone is asked for with the first of these (subscribe.c).
 *
 * A connection with an identity is also on a channel of its log-in's, so that
 * it is found when that ends; and a log-in that has ended lately is refused
 * when its socket comes later than the news. Such a connection is closed with
 * 4009, after which the client libraries do not try again by themselves.
 */
#ifndef PUSH_PERSON_H
#define PUSH_PERSON_H

#include "client.h"
#include "endpoint.h"
#include "identity.h"

struct push_pending_t;

struct push_person_t {
    chat_identity_t who; /* user "": only its log-in is known, or nothing */
    char noted[CHAT_IDENTITY_USER + 1]; /* whom mod_chat has given signatures;
                                           "": nobody, or it is `who` */
    push_shown_t *shown; /* to be asked with; NULL: nobody is asked */
    struct push_pending_t *pending; /* its requests under way; subscribe.c */
    int asked; /* for its log-in alone, and there is an answer or will be */
};

/** Find out who it is; the client has its app and number. It may be closing
 * afterwards. */
void push_person_find(push_conn_t *c, push_client_t *me,
                      const http_head_t *head);

/** The user's id, NULL: nobody's. */
const char *push_person_user(const push_client_t *me);

/** Whose it is as far as anybody has said, NULL: nobody has. It opens nothing:
 * sockets are found by it. */
const char *push_person_whose(const push_client_t *me);

/** The app's auth endpoint has named the log-in. It may be closing afterwards.
 */
void push_person_session(push_conn_t *c, push_client_t *me, const char *session,
                         apr_int64_t until);

/** mod_chat has given its socket a signature, for somebody (noted.h). It may be
 * closing afterwards. */
void push_person_note(push_conn_t *c, push_client_t *me,
                      const chat_identity_t *who);

/** Whether it is on its log-in's channel. */
int push_person_listed(const push_client_t *me);

/** The connection has ended. */
void push_person_forget(push_client_t *me);

/** For the sweep: close it when its log-in's time is over.
 * @return monotonic second of the next look, 0: none is needed */
apr_uint32_t push_person_sweep(push_conn_t *c, push_client_t *me,
                               apr_uint32_t now);

/**
 * A log-in has another end. Its connections are closed when that has come,
 * those that are on their way to us as well. Any thread.
 * @param until  Unix seconds; 0: now; negative: it does not end by itself
 */
void push_person_until(const char *session, apr_int64_t until);

#endif
