/* SPDX-License-Identifier: Apache-2.0 */
/*
 * reply.h - every answer that is not a page.
 *
 * JSON in UTF-8, never cached, never sniffed. Errors have one shape,
 * {"error": "…", "errors": {"field": ["…"]}}. A browser that wanted a page gets
 * httpd's own error page for the status instead, so a site's ErrorDocument
 * works.
 */
#ifndef CHAT_REPLY_H
#define CHAT_REPLY_H

#include "request.h"

/* Laravel's status for a missing or wrong CSRF token; httpd does not know it.
 */
#define CHAT_HTTP_PAGE_EXPIRED 419

/** Set the headers that belong to every answer, errors of httpd's included. */
void chat_reply_headers(request_rec *r);

/** Set the status, 419 included. */
void chat_reply_status(request_rec *r, int status);

/** Answer with JSON text; a GET whose If-Match names what we cannot know with 412.
 * @return OK, for httpd */
int chat_reply(chat_request_t *q, int status, const char *json);

/**
 * 200 with a list that a client may have already: the answer names it by an ETag
 * made of its bytes, and is 304 without a body when If-None-Match knows that one
 * (RFC 9110 13.1.2), 412 when If-Match names others only. Nobody on the way may keep
 * it all the same.
 */
int chat_reply_list(chat_request_t *q, const char *json);

/**
 * What the conditions of a GET say, with the ETag that headers_out has.
 * @return OK, HTTP_NOT_MODIFIED or HTTP_PRECONDITION_FAILED
 */
int chat_reply_conditions(request_rec *r);

/**
 * Whether a request that changes something may, by its If-Match and If-None-Match.
 * @param shown  the path has a GET: there is something that "*" names
 */
int chat_reply_may_change(const request_rec *r, int shown);

/** 412 for both. */
int chat_reply_precondition(chat_request_t *q);

/** Answer with an error and a sentence that may be shown to people. */
int chat_reply_error(chat_request_t *q, int status, const char *message);

/** 422: a field will not do. @param message  "must be true or false" */
int chat_reply_invalid(chat_request_t *q, const char *field,
                       const char *message);

/** The same with a whole sentence. */
int chat_reply_field(chat_request_t *q, const char *field,
                     const char *sentence);

/** Set Retry-After. @param wait  milliseconds */
void chat_reply_retry_after(request_rec *r, apr_uint32_t wait);

/** 429: come back in so many milliseconds. */
int chat_reply_limited(chat_request_t *q, apr_uint32_t wait,
                       const char *message);

/** 405: `allow` lists the methods, "GET, HEAD". */
int chat_reply_method(chat_request_t *q, const char *allow);

/** Something failed that the answer does not depend on: logged only. */
void chat_reply_note(chat_request_t *q, apr_status_t rv, const char *doing);

/**
 * Something failed that is not the caller's fault: logged here, once, with
 * `doing` ("storing a message"); 503 when it will pass, else 500.
 */
int chat_reply_failed(chat_request_t *q, apr_status_t rv, const char *doing);

/** 302 to a path of ours, without its prefix. */
int chat_reply_redirect(chat_request_t *q, const char *to);

/** 302 to an address or path as it stands; it lives as long as the request. */
int chat_reply_redirect_away(chat_request_t *q, const char *to);

#endif
