/* SPDX-License-Identifier: Apache-2.0 */
/*
 * routes.h - which requests are ours, and answering them.
 */
#ifndef CHAT_ROUTES_H
#define CHAT_ROUTES_H

#include <httpd.h>

#include "request.h"

/** Whether a path is ours to answer, with an error if need be. */
int chat_routes_own(const char *path);

/** Answer a request whose path is ours. @return for httpd */
int chat_routes_answer(request_rec *r);

/** Before a request is answered whose body may stay unread: if it brings one, the
 * connection ends with the answer, unless who reads all of it says otherwise. */
void chat_routes_leave_body(request_rec *r);

/** For handlers of routes that anybody may ask for: who it is.
 * @return 0: nobody; it was refused with *answer */
int chat_routes_user(chat_request_t *q, int *answer);

#endif
