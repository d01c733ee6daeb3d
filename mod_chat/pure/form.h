/* SPDX-License-Identifier: Apache-2.0 */
/*
 * form.h - application/x-www-form-urlencoded: form bodies and query strings.
 *
 * Strict, because what comes out goes to SQL and JSON: a broken escape, a NUL
 * and bytes that are no UTF-8 are refused instead of repaired. A name may come
 * several times (`message_ids[]`); who asks for one value gets the last, as PHP
 * gives it. Pure: bytes and a pool.
 */
#ifndef CHAT_FORM_H
#define CHAT_FORM_H

#include <apr_pools.h>

#define CHAT_FORM_PAIRS 1000 /* name=value pairs in one form, at most */

typedef struct {
    const char *name;  /* decoded, terminated, valid UTF-8 */
    const char *value; /* likewise; "" when there was no `=` */
} chat_pair_t;

typedef struct {
    const chat_pair_t *pairs; /* n of them, in the order sent */
    int n;
} chat_form_t;

typedef enum {
    CHAT_FORM_OK,
    CHAT_FORM_ESCAPE, /* `%` without two hex digits */
    CHAT_FORM_BYTES,  /* a NUL, or not UTF-8 */
    CHAT_FORM_MANY    /* more than CHAT_FORM_PAIRS */
} chat_form_result_t;

/**
 * Decode a form.
 * @param out  set on CHAT_FORM_OK only; lives in p
 * @param s    `len` bytes, need not be terminated; NULL when len is 0
 */
chat_form_result_t chat_form_parse(chat_form_t *out, const char *s,
                                   apr_size_t len, apr_pool_t *p);

/** The last value of a name, NULL when it was not sent. */
const char *chat_form_get(const chat_form_t *form, const char *name);

/** The same of a parameter that may be missing, where an empty one is as none. */
const char *chat_form_given(const chat_form_t *form, const char *name);

/**
 * A value that is a number: decimal digits and nothing else.
 * @return 0 when it is none, or too long for 64 bits
 */
int chat_form_number(apr_int64_t *out, const char *s);

/** What a result means, for the one who sent the form. */
const char *chat_form_why(chat_form_result_t result);

#endif
