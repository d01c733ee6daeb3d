/* SPDX-License-Identifier: Apache-2.0 */
/*
 * verdict.h - what an auth endpoint's answer says.
 *
 *   {"auth":"key:signature"}, and from mod_chat also "session" and "until"
 *
 * The status says whether it is worth reading: 2xx is a yes that still has to
 * be signed, most of 4xx is a no, everything else says nothing about the user.
 *
 * Pure: no sockets, no clock.
 */
#ifndef PUSH_VERDICT_H
#define PUSH_VERDICT_H

#include <apr_pools.h>

#include "identity.h"

#define PUSH_VERDICT_BODY 16384 /* most bytes of an answer */
#define PUSH_VERDICT_AUTH 512   /* most bytes of `auth` */

typedef enum {
    PUSH_VERDICT_NO,
    PUSH_VERDICT_YES,    /* if `auth` is the right one */
    PUSH_VERDICT_UNKNOWN /* it could not say: try again later */
} push_verdict_t;

typedef struct {
    push_verdict_t verdict;
    char auth[PUSH_VERDICT_AUTH + 1];        /* YES */
    char session[CHAT_IDENTITY_SESSION + 1]; /* the log-in, "": not told */
    apr_int64_t until; /* Unix seconds, 0: it does not end by itself */
} push_answer_t;

/**
 * Read an answer.
 * @param status  of HTTP
 * @param p       for this call; may be cleared after
 */
void push_verdict_read(push_answer_t *out, long status, const char *body,
                       apr_size_t len, apr_pool_t *p);

#endif
