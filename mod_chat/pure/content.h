/* SPDX-License-Identifier: Apache-2.0 */
/*
 * content.h - is this a message, is this a client's id for it. Pure.
 */
#ifndef CHAT_CONTENT_H
#define CHAT_CONTENT_H

#include <apr_pools.h>

#define CHAT_CONTENT_MAX 2000 /* characters (code points) of a message */
#define CHAT_CLIENT_ID_MAX 64 /* bytes */

typedef enum {
    CHAT_CONTENT_OK,
    CHAT_CONTENT_EMPTY, /* nothing that could be seen */
    CHAT_CONTENT_LONG   /* more than CHAT_CONTENT_MAX characters */
} chat_content_result_t;

/**
 * A message's text without the white space around it; Unicode's spaces count,
 * direction marks do not (they mean something in Arabic and Hebrew). A text of
 * nothing else is empty, though.
 * @param out  set on CHAT_CONTENT_OK; from p
 * @param s    valid UTF-8
 */
chat_content_result_t chat_content_clean(const char **out, const char *s,
                                         apr_pool_t *p);

/** Whether a client's id is 1-64 of [A-Za-z0-9_.:-]. */
int chat_client_id_valid(const char *s);

#endif
