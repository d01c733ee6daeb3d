/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pace.h - whether an account asks for something too often.
 *
 * One step for handlers of routes that cost something or could be used to guess:
 * count it (limiter.h), say in the answer's headers what is left, and refuse it
 * when that is nothing.
 */
#ifndef CHAT_PACE_H
#define CHAT_PACE_H

#include "limiter.h"
#include "request.h"

/**
 * Count one of the caller's.
 * @param why     a sentence for who is refused
 * @param answer  429 has been sent when 0 is returned: return it to httpd
 */
int chat_pace(chat_request_t *q, chat_limit_t what, const char *why,
              int *answer);

#endif
