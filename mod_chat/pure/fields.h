/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fields.h - the named values of a request body, form or JSON alike.
 *
 * A handler asks for `content` and need not know how it was sent. Types are
 * checked here: a list where a text belongs is CHAT_JSON_TYPE, not "Array".
 * Pure: bytes and a pool.
 */
#ifndef CHAT_FIELDS_H
#define CHAT_FIELDS_H

#include <apr_pools.h>
#include <jansson.h>

#include "form.h"
#include "json.h"
#include "negotiate.h"

typedef struct {
    const json_t *object; /* a JSON body, NULL for a form or no body */
    chat_form_t form;     /* a form body, empty otherwise */
} chat_fields_t;

typedef enum {
    CHAT_FIELDS_OK,
    CHAT_FIELDS_BROKEN, /* cannot be parsed: 400 */
    CHAT_FIELDS_SHAPE,  /* JSON, but no object: 422 */
    CHAT_FIELDS_MEDIA   /* neither form nor JSON: 415 */
} chat_fields_result_t;

/**
 * Read a body. No bytes are an empty body, whatever type was announced.
 * @param why  a sentence for the sender when not CHAT_FIELDS_OK
 */
chat_fields_result_t chat_fields_parse(chat_fields_t *out, chat_media_t media,
                                       const char *bytes, apr_size_t len,
                                       const char **why, apr_pool_t *p);

/** A text. "" counts as missing, as in the forms of browsers. */
chat_json_result_t chat_fields_text(const chat_fields_t *f, const char *name,
                                    const char **out);

/** A yes or no: JSON true and false, or 1, 0, "1", "0", "true", "false", "on",
 * "off", "yes", "no" in either. */
chat_json_result_t chat_fields_bool(const chat_fields_t *f, const char *name,
                                    int *out);

/** One message id: a positive integer or its decimal text. */
chat_json_result_t chat_fields_id(const chat_fields_t *f, const char *name,
                                  apr_int64_t *out);

/**
 * A list of message ids: a JSON list of positive integers (or their decimal
 * texts), or `name[]=1&name[]=2` in a form.
 * @param out  the list as JSON text, "[1,2]", from p
 * @param max  how many there may be; more is CHAT_JSON_TYPE
 */
chat_json_result_t chat_fields_ids(const chat_fields_t *f, const char *name,
                                   int max, const char **out, apr_pool_t *p);

#endif
