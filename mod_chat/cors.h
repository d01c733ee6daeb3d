/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cors.h - what pages of another origin may read (the Fetch standard, "CORS
 * protocol").
 *
 * A browser shows a page the answers of another origin only where these say so,
 * and asks before it sends what no form could (a bearer token, JSON, DELETE):
 * the preflight, OPTIONS without any credentials. Pages of ChatOrigin are told
 * yes for every URL of ours, with cookies; to all others no word is said, which
 * is no. Nothing is decided here about what a request may do: cookies need
 * their CSRF token as ever (csrf.h).
 */
#ifndef CHAT_CORS_H
#define CHAT_CORS_H

#include <httpd.h>

/**
 * Tell the browser of a page of ChatOrigin that it may read the answer,
 * whatever it will be: the headers go with errors and what is not modified,
 * too. To be called before anything can refuse the request; again, it does
 * nothing.
 * @return whether this is a preflight of such a page, for chat_cors_answer()
 */
int chat_cors_settle(request_rec *r);

/** Answer a preflight. @return for httpd */
int chat_cors_answer(request_rec *r);

#endif
