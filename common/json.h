/* SPDX-License-Identifier: Apache-2.0 */
/*
 * json.h - JSON from strangers, read by type.
 *
 * jansson parses; this adds what it leaves open: a size limit before parsing,
 * duplicate keys refused, NUL in strings refused, depth bounded, and reads that
 * say whether a key was missing, of another type, or right, so that a handler
 * can tell its caller which.
 */
#ifndef CHAT_JSON_H
#define CHAT_JSON_H

#include <apr_pools.h>
#include <jansson.h>

#define CHAT_JSON_DEPTH 32        /* containers within containers */
#define CHAT_JSON_SIZE (16 << 20) /* bytes; callers have smaller limits */

typedef enum {
    CHAT_JSON_OK,
    CHAT_JSON_MISSING, /* no such key, or JSON null */
    CHAT_JSON_TYPE     /* there, but of another type */
} chat_json_result_t;

/**
 * Parse one JSON value that fills all of `len` bytes.
 * @param why  a sentence for the caller when NULL is returned, static or from
 *             p; it quotes nothing of the text. NULL when nobody wants to know
 * @return a new reference (json_decref), or NULL
 */
json_t *chat_json_parse(const char *text, apr_size_t len, const char **why,
                        apr_pool_t *p);

/** As chat_json_parse, and the reference is dropped when p is cleared. */
json_t *chat_json_parse_pool(const char *text, apr_size_t len, const char **why,
                             apr_pool_t *p);

/** A string member; `out` points into the object and lives as long as it. */
chat_json_result_t chat_json_string(const json_t *obj, const char *key,
                                    const char **out);

/** A boolean member. */
chat_json_result_t chat_json_bool(const json_t *obj, const char *key, int *out);

/** An integer member (a real that is no integer is another type). */
chat_json_result_t chat_json_int(const json_t *obj, const char *key,
                                 apr_int64_t *out);

/**
 * An id member: a string, or an integer as its decimal text.
 * @param out  from p when it was a number
 */
chat_json_result_t chat_json_id(const json_t *obj, const char *key,
                                const char **out, apr_pool_t *p);

/**
 * JSON that was made of what other programs have written, made fit to be sent:
 * what is no UTF-8 becomes U+FFFD (utf8.h), and so does a NUL in a string,
 * which few languages can hold. Text that is not JSON stays as little JSON as
 * it was.
 * @return `text` itself when nothing is wrong with it, else from p
 */
const char *chat_json_repaired(const char *text, apr_pool_t *p);

/** A value as compact JSON text (UTF-8, not ASCII-escaped), from p. */
char *chat_json_text(const json_t *value, apr_pool_t *p);

/**
 * A string as a JSON string literal with its quotes, from p. The input is valid
 * UTF-8; `<`, `>` and `&` come as \u escapes so that it may stand in HTML.
 */
char *chat_json_quote(const char *s, apr_size_t len, apr_pool_t *p);

/**
 * The same literal for messages that are JSON only, never part of a page: `<`,
 * `>` and `&` stay as they are. For callers that build a message in one buffer:
 * ask for the size, then put.
 * @return the bytes chat_json_put() will write, quotes included, no terminator
 */
apr_size_t chat_json_size(const char *s, apr_size_t len);

/** Write the literal at `to`. @return behind its last byte */
char *chat_json_put(char *to, const char *s, apr_size_t len);

/**
 * The inside of that literal alone: for texts that go into a string of JSON in
 * pieces, such as JSON within JSON.
 * @return the bytes chat_json_escape() will write
 */
apr_size_t chat_json_escaped(const char *s, apr_size_t len);

/** Write the inside at `to`. @return behind its last byte */
char *chat_json_escape(char *to, const char *s, apr_size_t len);

#endif
