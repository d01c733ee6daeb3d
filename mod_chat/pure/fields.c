/* SPDX-License-Identifier: Apache-2.0 */
/* fields.c - bodies by field name; see fields.h. */
#include "fields.h"

#include <string.h>
#include <apr_strings.h>
#include <apr_tables.h>

chat_fields_result_t chat_fields_parse(chat_fields_t *out, chat_media_t media,
                                       const char *bytes, apr_size_t len,
                                       const char **why, apr_pool_t *p)
{
    chat_form_result_t form;

    memset(out, 0, sizeof(*out));
    /* Many clients name JSON as the type of a body they do not send. */
    if (len == 0) {
        return CHAT_FIELDS_OK;
    }
    switch (media) {
    case CHAT_MEDIA_FORM:
        form = chat_form_parse(&out->form, bytes, len, p);
        if (form != CHAT_FORM_OK) {
            *why = chat_form_why(form);
            return CHAT_FIELDS_BROKEN;
        }
        return CHAT_FIELDS_OK;
    case CHAT_MEDIA_JSON:
        out->object = chat_json_parse_pool(bytes, len, why, p);
        if (out->object == NULL) {
            return CHAT_FIELDS_BROKEN;
        }
        if (!json_is_object(out->object)) {
            *why = "the body must be a JSON object";
            return CHAT_FIELDS_SHAPE;
        }
        return CHAT_FIELDS_OK;
    case CHAT_MEDIA_NONE:
    case CHAT_MEDIA_MULTIPART:
    case CHAT_MEDIA_OTHER:
        break;
    }
    *why = "send application/json or application/x-www-form-urlencoded";
    return CHAT_FIELDS_MEDIA;
}

chat_json_result_t chat_fields_text(const chat_fields_t *f, const char *name,
                                    const char **out)
{
    const char *value = NULL;
    chat_json_result_t result = CHAT_JSON_OK;

    if (f->object != NULL) {
        result = chat_json_string(f->object, name, &value);
    }
    else {
        value = chat_form_get(&f->form, name);
    }
    if (result == CHAT_JSON_OK && (value == NULL || value[0] == '\0')) {
        return CHAT_JSON_MISSING;
    }
    if (result == CHAT_JSON_OK) {
        *out = value;
    }
    return result;
}

static chat_json_result_t bool_text(const char *s, int *out)
{
    static const struct {
        const char *text;
        int value;
    } words[] = { { "1", 1 }, { "true", 1 },  { "on", 1 },  { "yes", 1 },
                  { "0", 0 }, { "false", 0 }, { "off", 0 }, { "no", 0 } };

    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
        if (strcmp(s, words[i].text) == 0) {
            *out = words[i].value;
            return CHAT_JSON_OK;
        }
    }
    return CHAT_JSON_TYPE;
}

chat_json_result_t chat_fields_bool(const chat_fields_t *f, const char *name,
                                    int *out)
{
    const char *text;
    chat_json_result_t result;

    if (f->object != NULL) {
        const json_t *value = json_object_get(f->object, name);

        if (json_is_boolean(value)) {
            *out = json_is_true(value);
            return CHAT_JSON_OK;
        }
        if (json_is_integer(value)) {
            json_int_t n = json_integer_value(value);

            *out = n == 1;
            return n == 0 || n == 1 ? CHAT_JSON_OK : CHAT_JSON_TYPE;
        }
    }
    result = chat_fields_text(f, name, &text);
    return result == CHAT_JSON_OK ? bool_text(text, out) : result;
}

/* One id of a list, from JSON. */
static int id_of(const json_t *value, apr_int64_t *id)
{
    if (json_is_string(value)) {
        return chat_form_number(id, json_string_value(value)) && *id > 0;
    }
    *id = json_integer_value(value); /* 0 when it is no integer */
    return *id > 0;
}

chat_json_result_t chat_fields_id(const chat_fields_t *f, const char *name,
                                  apr_int64_t *out)
{
    const char *text;
    chat_json_result_t result;

    if (f->object != NULL &&
        json_is_integer(json_object_get(f->object, name))) {
        return id_of(json_object_get(f->object, name), out) ? CHAT_JSON_OK
                                                            : CHAT_JSON_TYPE;
    }
    result = chat_fields_text(f, name, &text);
    if (result != CHAT_JSON_OK) {
        return result;
    }
    return chat_form_number(out, text) && *out > 0 ? CHAT_JSON_OK
                                                   : CHAT_JSON_TYPE;
}

/* The ids of a JSON list into `ids`. @return 0 when one of them is none */
static int ids_json(const json_t *list, int max, apr_array_header_t *ids)
{
    size_t i;
    json_t *value;

    if (!json_is_array(list) || json_array_size(list) > (size_t)max) {
        return 0;
    }
    json_array_foreach(list, i, value)
    {
        apr_int64_t id;

        if (!id_of(value, &id)) {
            return 0;
        }
        APR_ARRAY_PUSH(ids, apr_int64_t) = id;
    }
    return 1;
}

/* The same of a form's `name[]` fields. */
static int ids_form(const chat_form_t *form, const char *name, int max,
                    apr_array_header_t *ids)
{
    for (int i = 0; i < form->n; i++) {
        apr_int64_t id;

        if (strcmp(form->pairs[i].name, name) != 0) {
            continue;
        }
        if (ids->nelts == max || !chat_form_number(&id, form->pairs[i].value) ||
            id == 0) {
            return 0;
        }
        APR_ARRAY_PUSH(ids, apr_int64_t) = id;
    }
    return 1;
}

static const char *ids_text(const apr_array_header_t *ids, apr_pool_t *p)
{
    apr_array_header_t *texts = apr_array_make(p, ids->nelts,
                                               sizeof(const char *));

    for (int i = 0; i < ids->nelts; i++) {
        APR_ARRAY_PUSH(texts, const char *) = apr_psprintf(
            p, "%" APR_INT64_T_FMT, APR_ARRAY_IDX(ids, i, apr_int64_t));
    }
    return apr_pstrcat(p, "[", apr_array_pstrcat(p, texts, ','), "]", NULL);
}

chat_json_result_t chat_fields_ids(const chat_fields_t *f, const char *name,
                                   int max, const char **out, apr_pool_t *p)
{
    apr_array_header_t *ids = apr_array_make(p, 16, sizeof(apr_int64_t));
    const json_t *list;
    int fits;

    if (f->object != NULL) {
        list = json_object_get(f->object, name);
        if (list == NULL || json_is_null(list)) {
            return CHAT_JSON_MISSING;
        }
        fits = ids_json(list, max, ids);
    }
    else {
        fits = ids_form(&f->form, apr_pstrcat(p, name, "[]", NULL), max, ids);
    }
    if (!fits) {
        return CHAT_JSON_TYPE;
    }
    if (ids->nelts == 0) {
        return CHAT_JSON_MISSING;
    }
    *out = ids_text(ids, p);
    return CHAT_JSON_OK;
}
