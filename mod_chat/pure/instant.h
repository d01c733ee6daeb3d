/* SPDX-License-Identifier: Apache-2.0 */
/*
 * instant.h - a point in time that a client has written. Pure.
 */
#ifndef CHAT_INSTANT_H
#define CHAT_INSTANT_H

#include <apr_time.h>

/**
 * Read RFC 3339 with seconds: 2030-01-31T12:00:00Z, also with a fraction (which is
 * dropped) and with an offset in place of the Z.
 * @param out   microseconds since 1970; set when 1 is returned
 * @param text  terminated
 * @return 0 when it is none, or a day that no calendar has
 */
int chat_instant_parse(apr_time_t *out, const char *text);

#endif
