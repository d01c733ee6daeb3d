/* SPDX-License-Identifier: Apache-2.0 */
/*
 * places.h - how many bodies an account and an address send at once.
 *
 * A body that comes slowly holds one of httpd's threads for as long as it comes, and
 * mod_reqtimeout minds only its pace: a few hundred such bodies are all of httpd.
 * So who sends one takes a place before it is read, and there are few for each
 * account and each address (ChatUploadsAtOnce). Bodies with files take places of
 * both; a small body takes one of the address, and only if it is not there within half
 * a second.
 *
 * Places are leases (lease.h) in memory of all children, kept over graceful
 * restarts because the old children go on. Those of a child that was killed are
 * given back by the parent, when it hears of its end.
 */
#ifndef CHAT_PLACES_H
#define CHAT_PLACES_H

#include <httpd.h>
#include <mpm_common.h>

#include "request.h"

/** Make or find the memory. In the parent, each time it configures itself. */
apr_status_t chat_places_prepare(server_rec *s);

/**
 * Take the places that a body with files needs: one of the caller's account, one
 * of the address. They are given back by chat_places_give() or with the request.
 * @return 0: there are none; nothing is held then
 */
int chat_places_take_upload(chat_request_t *q);

/** The same of the address alone. */
int chat_places_take_body(chat_request_t *q);

/** The request's body is done with: before its answer leaves, so that who hears
 * that one is done may send the next. */
void chat_places_give(chat_request_t *q);

/** Answer 429: too many at once. @return for httpd */
int chat_places_refused(chat_request_t *q);

/** The hook: a child has ended, and so has what it was reading. */
void chat_places_child_status(server_rec *s, pid_t pid, ap_generation_t gen,
                              int slot, mpm_child_status state);

#endif
