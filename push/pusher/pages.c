/* SPDX-License-Identifier: Apache-2.0 */
/* pages.c - who may read the HTTP API's answers in a browser; see pages.h. */
#include "pages.h"

#include <string.h>
#include <strings.h>
#include <apr_lib.h>
#include <apr_strings.h>
#include <apr_tables.h>

#define WORDS_MOST 256 /* of one setting */

/* What chat-push has methods for, and Soketi's headers. */
static const char usual_methods[] = "GET, POST, OPTIONS";
static const char usual_headers
    [] = "Origin, Content-Type, X-Auth-Token, X-Requested-With, Accept, "
         "Authorization, X-CSRF-TOKEN, XSRF-TOKEN, X-Socket-Id";

/* A word that can stand in a header's list: a token, or an origin. */
static int word_fits(const char *word)
{
    if (*word == '\0') {
        return 0;
    }
    for (; *word != '\0'; word++) {
        if (!apr_isgraph(*word) || strchr(",\"<>\\", *word) != NULL) {
            return 0;
        }
    }
    return 1;
}

/* One word more. @return 0: it is none, or too many */
static int word_add(apr_array_header_t *words, const char *word)
{
    if (word == NULL || !word_fits(word) || words->nelts == WORDS_MOST) {
        return 0;
    }
    APR_ARRAY_PUSH(words, const char *) = word;
    return 1;
}

/* The words of a setting. @return NULL when it is neither list nor text */
static apr_array_header_t *words_of(const json_t *value, const char *usual,
                                    apr_pool_t *p)
{
    apr_array_header_t *words = apr_array_make(p, 8, sizeof(const char *));
    const char *text = value == NULL || json_is_null(value)
                           ? usual
                           : json_string_value(value);
    char *word, *rest = NULL;
    apr_size_t i;

    if (text == NULL && !json_is_array(value)) {
        return NULL;
    }
    for (i = 0; text == NULL && i < json_array_size(value); i++) {
        const char *item = json_string_value(json_array_get(value, i));

        if (item == NULL || !word_add(words, apr_pstrdup(p, item))) {
            return NULL;
        }
    }
    for (word = text != NULL ? apr_strtok(apr_pstrdup(p, text), ", ", &rest)
                             : NULL;
         word != NULL; word = apr_strtok(NULL, ", ", &rest)) {
        if (!word_add(words, word)) {
            return NULL;
        }
    }
    return words;
}

/* The words as a header has them. */
static const char *joined(const apr_array_header_t *words, apr_pool_t *p)
{
    const char *text = "";

    for (int i = 0; i < words->nelts; i++) {
        text = apr_pstrcat(p, text, i > 0 ? ", " : "",
                           APR_ARRAY_IDX(words, i, const char *), NULL);
    }
    return text;
}

const char *push_pages_read(push_pages_t *out, const json_t *origin,
                            const json_t *methods, const json_t *headers,
                            apr_pool_t *p)
{
    apr_array_header_t *origins = words_of(origin, "*", p);
    apr_array_header_t *verbs = words_of(methods, usual_methods, p);
    apr_array_header_t *names = words_of(headers, usual_headers, p);

    if (origins == NULL) {
        return "cors.origin must be a list of origins, as https://host, or *";
    }
    if (verbs == NULL) {
        return "cors.methods must be a list of methods";
    }
    if (names == NULL) {
        return "cors.allowedHeaders must be a list of names of headers";
    }
    APR_ARRAY_PUSH(origins, const char *) = NULL;
    out->origins = (const char *const *)(void *)origins->elts;
    out->lines = apr_pstrcat(
        p, "Access-Control-Allow-Methods: ", joined(verbs, p),
        "\r\nAccess-Control-Allow-Headers: ", joined(names, p), "\r\n", NULL);
    return NULL;
}

const char *push_pages_lines(const push_pages_t *pages,
                             const http_span_t *origin, apr_pool_t *p)
{
    const char *const *one = pages->origins;

    if (origin == NULL) {
        return NULL;
    }
    for (; *one != NULL; one++) {
        if (strcmp(*one, "*") == 0) {
            return apr_pstrcat(p, "Access-Control-Allow-Origin: *\r\n",
                               pages->lines, NULL);
        }
        if (strlen(*one) == origin->len &&
            strncasecmp(*one, origin->at, origin->len) == 0) {
            return apr_pstrcat(p, "Access-Control-Allow-Origin: ",
                               apr_pstrmemdup(p, origin->at, origin->len),
                               "\r\nVary: Origin\r\n", pages->lines, NULL);
        }
    }
    return NULL;
}

int push_pages_same(const push_pages_t *a, const push_pages_t *b)
{
    int i;

    for (i = 0; a->origins[i] != NULL && b->origins[i] != NULL &&
                strcmp(a->origins[i], b->origins[i]) == 0;
         i++) {
    }
    return a->origins[i] == NULL && b->origins[i] == NULL &&
           strcmp(a->lines, b->lines) == 0;
}
