/* SPDX-License-Identifier: Apache-2.0 */
/*
 * negotiate.h - what the Accept and Content-Type headers of a request say.
 *
 * One path answers browsers with pages and programs with JSON. HTML is for
 * those who name it (browsers do when they navigate); `*` of fetch(), curl and
 * phones means JSON. Pure: header text in, an answer out. Source: RFC
 * 9110, 12.5.1.
 */
#ifndef CHAT_NEGOTIATE_H
#define CHAT_NEGOTIATE_H

typedef enum {
    CHAT_MEDIA_NONE,      /* no Content-Type */
    CHAT_MEDIA_FORM,      /* application/x-www-form-urlencoded */
    CHAT_MEDIA_JSON,      /* application/json, application/….+json */
    CHAT_MEDIA_MULTIPART, /* multipart/form-data */
    CHAT_MEDIA_OTHER
} chat_media_t;

/** Whether HTML is wanted more than JSON. @param accept  may be NULL */
int chat_accepts_html(const char *accept);

/** What a body is. @param content_type  may be NULL; parameters are ignored */
chat_media_t chat_media_of(const char *content_type);

#endif
