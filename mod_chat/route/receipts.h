/* SPDX-License-Identifier: Apache-2.0 */
/*
 * receipts.h - how far somebody has got in a conversation, in steps.
 */
#ifndef CHAT_RECEIPTS_H
#define CHAT_RECEIPTS_H

#include "request.h"

/**
 * Note that the caller has read what was not written to them in particular:
 * in conversations of more than two. No step, no write.
 * @param ids     a JSON list of message ids, NULL: all
 * @param newest  only messages up to this one; 0: all
 * @param n       how many are new by it
 */
apr_status_t chat_receipts_read(const chat_request_t *q, const char *ids,
                                apr_int64_t newest, apr_int64_t *n);

#endif
