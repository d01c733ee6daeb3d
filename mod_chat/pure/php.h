/* SPDX-License-Identifier: Apache-2.0 */
/*
 * php.h - values as PHP's serialize() writes them, read as far as a Laravel
 * session needs: a text, and the text that an array has under a key.
 *
 * Everything beside them, objects too, is stepped over and never made: no class
 * is looked for and nothing is called. Every length is held against the bytes
 * that are there. Pure: bytes and no memory of its own; what is found points into
 * what was given.
 */
#ifndef CHAT_PHP_H
#define CHAT_PHP_H

#include <stddef.h>

#define CHAT_PHP_DEPTH 64 /* arrays and objects within one another */

/**
 * A text that fills all of the bytes: `s:5:"hello";`.
 * @param out, out_len  set when 1 is returned; the text may hold any byte
 */
int chat_php_text(const char **out, size_t *out_len, const char *bytes,
                  size_t len);

/**
 * The text under a key of an array, `a:1:{s:1:"k";s:5:"hello";}`. The rest of the
 * array has to be well formed up to there; of two with this key the last counts,
 * as it does for PHP.
 * @param key  terminated
 * @return 0 when there is none, when it is no text, or when this is no array that
 *         fills all of the bytes
 */
int chat_php_member(const char **out, size_t *out_len, const char *bytes,
                    size_t len, const char *key);

#endif
