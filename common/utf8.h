/* SPDX-License-Identifier: Apache-2.0 */
/*
 * utf8.h - is it UTF-8, and how many characters.
 *
 * One validator for HTTP bodies, JSON and WebSocket text. It can be fed piece
 * by piece, because RFC 6455 (section 8.1) wants a text message refused as soon
 * as it can no longer be valid, also across fragments. Overlong forms,
 * surrogates and code points above U+10FFFF are invalid (RFC 3629).
 */
#ifndef CHAT_UTF8_H
#define CHAT_UTF8_H

#include <apr_pools.h>

/* State between two pieces: 0 at a character's end (start with 0),
 * CHAT_UTF8_REJECT once invalid (stays so), anything else inside a character.
 */
typedef apr_uint32_t chat_utf8_state_t;
#define CHAT_UTF8_ACCEPT 0u
#define CHAT_UTF8_REJECT 1u

/** Feed `len` more bytes. @return the new state */
chat_utf8_state_t chat_utf8_feed(chat_utf8_state_t state, const void *bytes,
                                 apr_size_t len);

/** Whether `len` bytes are whole, valid UTF-8. */
int chat_utf8_valid(const void *bytes, apr_size_t len);

/** The number of code points of valid UTF-8. */
apr_size_t chat_utf8_count(const void *bytes, apr_size_t len);

/**
 * Text that somebody else wrote, made fit to be sent: every piece that is no
 * character becomes U+FFFD, as browsers do it (Unicode, "substitution of
 * maximal subparts").
 * @return `s` itself when it is valid, else from p
 */
const char *chat_utf8_repaired(const char *s, apr_pool_t *p);

#endif
