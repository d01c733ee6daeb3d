/* SPDX-License-Identifier: Apache-2.0 */
/*
 * filename.h - the name of a file as it may be shown and offered for saving.
 *
 * A stranger's name is never part of a path here: files lie under random ids.
 * But people see it, and their systems save under it. Pure: bytes and a pool.
 */
#ifndef CHAT_FILENAME_H
#define CHAT_FILENAME_H

#include <apr_pools.h>

#define CHAT_FILENAME_CHARS 100 /* characters of a name, extension included */
#define CHAT_FILENAME_EXT 10    /* bytes of an extension, without its dot */

/**
 * A name as a header has it, percent-encoded: %XX are bytes, but %00 is nothing, and
 * what is broken stays as it is.
 * @param raw  terminated
 * @return from p
 */
const char *chat_filename_decoded(const char *raw, apr_pool_t *p);

/**
 * A name without what deceives or harms: only the part behind the last slash or
 * backslash; no control characters, none that change the direction of what
 * follows, none without a width (but the joiners that Arabic and Persian are
 * written with); no dot or hyphen at the start and none of the characters that
 * Windows keeps for itself; at most CHAT_FILENAME_CHARS. Dots before the extension
 * become `_` when a program's or a page's extension stands behind them, so that
 * a.php.jpg is a_php.jpg. What is no UTF-8 becomes U+FFFD.
 * @param raw  terminated
 * @return from p; "" when nothing is left
 */
const char *chat_filename_clean(const char *raw, apr_pool_t *p);

/**
 * The extension of a cleaned name in lower case, without its dot.
 * @return 0 when it has none of 1 to CHAT_FILENAME_EXT letters and digits
 */
int chat_filename_extension(char out[CHAT_FILENAME_EXT + 1], const char *name);

/** A cleaned name, given this extension when it has none; "file" when it is
 * empty. From p. */
const char *chat_filename_with(const char *name, const char *ext,
                               apr_pool_t *p);

/**
 * Content-Disposition with the name twice, for old and new clients (RFC 6266).
 * @param kind  "inline" or "attachment"
 * @param name  any valid UTF-8
 */
const char *chat_filename_disposition(const char *kind, const char *name,
                                      apr_pool_t *p);

#endif
