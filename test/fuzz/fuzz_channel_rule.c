/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fuzz_channel_rule.c - three lines: a channel's name, a pattern and its
 * conditions. A pattern that is taken fits what its {id} is replaced by, and what
 * is found in a name is an id.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <apr_general.h>
#include <apr_strings.h>

#include "channel_rule.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(int fact)
{
    if (!fact) {
        abort();
    }
}

static apr_pool_t *scratch(void)
{
    static apr_pool_t *pool;

    if (pool == NULL) {
        must(apr_initialize() == APR_SUCCESS &&
             apr_pool_create(&pool, NULL) == APR_SUCCESS);
    }
    return pool;
}

/* What a rule is about, it says of itself. */
static void check_rule(const chat_channel_rule_t *rule, apr_pool_t *p)
{
    const char *mark = strstr(rule->pattern, "{id}");
    const char *prefix = strncmp(rule->pattern, "private-", 8) == 0 ||
                                 strncmp(rule->pattern, "presence-", 9) == 0
                             ? ""
                             : "presence-";
    const char *name = rule->pattern;
    char id[CHAT_ID_SIZE];

    if (mark != NULL) {
        name = apr_pstrcat(p,
                           apr_pstrndup(p, name, (apr_size_t)(mark - name)),
                           "a-7_Z", mark + 4, NULL);
    }
    must(chat_channel_rule_fits(rule, apr_pstrcat(p, prefix, name, NULL), id));
    must(strcmp(id, mark != NULL ? "a-7_Z" : "") == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    apr_pool_t *p = scratch();
    char *text = apr_pstrmemdup(p, (const char *)data, size), *last, *word;
    char *pattern = strchr(text, '\n'), *words = NULL;
    apr_array_header_t *list = apr_array_make(p, 4, sizeof(const char *));
    apr_array_header_t *own = apr_array_make(p, 1, sizeof(chat_channel_rule_t));
    char id[CHAT_ID_SIZE] = "?";

    if (pattern != NULL) {
        *pattern++ = '\0';
        words = strchr(pattern, '\n');
    }
    if (words != NULL) {
        chat_channel_rule_t *rule = apr_array_push(own);

        *words++ = '\0';
        for (word = apr_strtok(words, " \n", &last); word != NULL;
             word = apr_strtok(NULL, " \n", &last)) {
            APR_ARRAY_PUSH(list, const char *) = word;
        }
        if (chat_channel_rule_parse(rule, pattern, list, p) == NULL) {
            check_rule(rule, p);
        }
        else {
            own->nelts = 0;
        }
    }
    if (chat_channel_rule_find(own, text, id) != NULL) {
        must(id[0] == '\0' || chat_id_valid(id));
    }
    apr_pool_clear(p);
    return 0;
}
