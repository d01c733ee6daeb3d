/* SPDX-License-Identifier: Apache-2.0 */
/*
 * page.h - the two HTML pages, from ChatHtdocs.
 *
 * A page is read from disk for each request (they are small, and an update
 * needs no restart), its slots are filled (template.h), and it goes out with
 * the headers that keep it harmless: no script or style but our own files, no
 * framing, no referrer to other sites.
 */
#ifndef CHAT_PAGE_H
#define CHAT_PAGE_H

#include "request.h"
#include "template.h"

/**
 * Send a page.
 * @param file   its name below ChatHtdocs
 * @param slots  n of them
 * @return what the handler returns
 */
int chat_page_send(chat_request_t *q, int status, const char *file,
                   const chat_slot_t *slots, int n);

/** The chat itself, for the user who is logged in.
 * @param status  404 when the conversation of the URL is not theirs: the page says it */
int chat_page_app(chat_request_t *q, int status);

/** The form to log in.
 * @param error         a sentence, or ""
 * @param conversation  the id of the one that was asked for, or ""; the form gives it
 *                      back */
int chat_page_login(chat_request_t *q, int status, const char *error,
                    const char *email, const char *conversation);

#endif
