/* SPDX-License-Identifier: Apache-2.0 */
/*
 * query.c - the query of an HTTP API request, see query.h.
 */
#include "query.h"
#include "text.h"
#include "utf8.h"

#include <string.h>
#include <apr_strings.h>

static int plain(http_span_t s)
{
    apr_size_t i;

    for (i = 0; i < s.len; i++) {
        if (s.at[i] == '%' || s.at[i] == '+') {
            return 0;
        }
    }
    return 1;
}

/* The decoded span, copied only when it had escapes. */
static int decode(const char **out, apr_size_t *len, http_span_t s,
                  apr_pool_t *p)
{
    apr_ssize_t n;
    char *to;

    if (plain(s)) {
        *out = s.at;
        *len = s.len;
        return 1;
    }
    to = apr_palloc(p, s.len + 1);
    n = http_decode(to, s, 1);
    *out = to;
    *len = n < 0 ? 0 : (apr_size_t)n;
    return n >= 0;
}

static void lower(query_param_t *param, apr_pool_t *p)
{
    char *to = NULL;
    apr_size_t i;

    for (i = 0; i < param->name_len; i++) {
        if (param->name[i] >= 'A' && param->name[i] <= 'Z') {
            if (to == NULL) {
                to = apr_pmemdup(p, param->name, param->name_len);
                param->name = to;
            }
            to[i] = (char)(to[i] + ('a' - 'A'));
        }
    }
}

static int after(const query_param_t *a, const query_param_t *b)
{
    apr_size_t len = a->name_len < b->name_len ? a->name_len : b->name_len;
    int order = memcmp(a->name, b->name, len);

    return order != 0 ? order > 0 : a->name_len > b->name_len;
}

/* SDKs send them sorted, so this hardly ever moves anything. */
static void insert(query_t *q, const query_param_t *param)
{
    int i = q->n++;

    while (i > 0 && after(&q->params[i - 1], param)) {
        q->params[i] = q->params[i - 1];
        i--;
    }
    q->params[i] = *param;
}

/* Whether text that is signed has one reading only; see query.h. */
static int unambiguous(const query_param_t *param)
{
    return (param->name_len == 0 ||
            (memchr(param->name, '&', param->name_len) == NULL &&
             memchr(param->name, '=', param->name_len) == NULL)) &&
           (param->value_len == 0 ||
            memchr(param->value, '&', param->value_len) == NULL);
}

const char *query_read(query_t *q, http_span_t query, apr_pool_t *p)
{
    http_span_t name, value;
    query_param_t param;

    q->n = 0;
    while (http_query_next(&name, &value, &query)) {
        if (q->n == QUERY_MAX) {
            return "The query string has too many parameters";
        }
        if (!decode(&param.name, &param.name_len, name, p) ||
            !decode(&param.value, &param.value_len, value, p)) {
            return "The query string has a broken escape";
        }
        if (!unambiguous(&param)) {
            return "The query string has an escaped & or =, which no "
                   "signature can cover: send it in the body";
        }
        lower(&param, p);
        insert(q, &param);
    }
    return NULL;
}

static int is(const query_param_t *param, const char *name)
{
    apr_size_t len = strlen(name);

    return param->name_len == len && !memcmp(param->name, name, len);
}

const query_param_t *query_get(const query_t *q, const char *name)
{
    int i;

    for (i = 0; i < q->n; i++) {
        if (is(&q->params[i], name)) {
            return &q->params[i];
        }
    }
    return NULL;
}

static char *put(char *to, const char *bytes, apr_size_t len)
{
    if (len > 0) { /* a parameter without value points nowhere */
        memcpy(to, bytes, len);
    }
    return to + len;
}

char *query_signed(const query_t *q, http_span_t method, const char *path,
                   apr_size_t path_len, apr_size_t *len, apr_pool_t *p)
{
    apr_size_t room = method.len + path_len + 2;
    char *text, *to;
    int first = 1;
    int i;

    for (i = 0; i < q->n; i++) {
        room += q->params[i].name_len + q->params[i].value_len + 2;
    }
    text = apr_palloc(p, room);
    to = put(text, method.at, method.len);
    *to++ = '\n';
    to = put(to, path, path_len);
    *to++ = '\n';
    for (i = 0; i < q->n; i++) {
        const query_param_t *param = &q->params[i];

        if (is(param, "auth_signature")) {
            continue;
        }
        if (!first) {
            *to++ = '&';
        }
        first = 0;
        to = put(to, param->name, param->name_len);
        *to++ = '=';
        to = put(to, param->value, param->value_len);
    }
    *len = (apr_size_t)(to - text);
    return text;
}

static int is_auth(const query_param_t *param)
{
    return (param->name_len >= 5 && !memcmp(param->name, "auth_", 5)) ||
           is(param, "body_md5");
}

static int is_list(const query_param_t *param)
{
    return param->name_len > 2 &&
           !memcmp(param->name + param->name_len - 2, "[]", 2);
}

/* Parameters are sorted, so those of one list stand together. */
static int same_list(const query_param_t *a, const query_param_t *b)
{
    return is_list(a) && a->name_len == b->name_len &&
           !memcmp(a->name, b->name, a->name_len);
}

char *query_json(const query_t *q, apr_size_t *len, apr_pool_t *p)
{
    push_text_t t = { NULL, 0, 0 };
    const query_param_t *last = NULL;
    char *json;
    int i;

    push_text_str(&t, "{");
    for (i = 0; i < q->n; i++) {
        const query_param_t *param = &q->params[i];
        int list = is_list(param);

        if (is_auth(param)) {
            continue;
        }
        if (!chat_utf8_valid(param->name, param->name_len) ||
            !chat_utf8_valid(param->value, param->value_len)) {
            push_text_free(&t);
            return NULL;
        }
        if (last != NULL && same_list(last, param)) {
            t.len--; /* the list goes on */
            push_text_str(&t, ",");
        }
        else {
            push_text_str(&t, last ? "," : "");
            push_text_quote(&t, param->name, param->name_len - (list ? 2 : 0));
            push_text_str(&t, list ? ":[" : ":");
        }
        push_text_quote(&t, param->value, param->value_len);
        push_text_str(&t, list ? "]" : "");
        last = param;
    }
    push_text_str(&t, "}");
    json = apr_pmemdup(p, t.at, t.len);
    *len = t.len;
    push_text_free(&t);
    return json;
}
