/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fuzz_route.c - a path and its query string, as after `GET `: which pattern
 * fits, which page is asked for. Every page that is taken has a paginator that
 * is JSON.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <apr_general.h>
#include <apr_strings.h>

#include "channel.h"
#include "json.h"
#include "paging.h"
#include "path.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static apr_pool_t *scratch(void)
{
    static apr_pool_t *pool;

    if (pool == NULL && (apr_initialize() != APR_SUCCESS ||
                         apr_pool_create(&pool, NULL) != APR_SUCCESS)) {
        abort();
    }
    return pool;
}

static void must(int fact)
{
    if (!fact) {
        abort();
    }
}

/* The input terminated, on the heap: ASan sees a read past it. */
static char *terminated(const uint8_t *data, size_t size)
{
    char *text = malloc(size + 1);

    must(text != NULL);
    if (size > 0) {
        memcpy(text, data, size);
    }
    text[size] = '\0';
    return text;
}

static void check_path(const char *path)
{
    static const char *const patterns[] = { "/chat", "/chat/conversation/{id}",
                                            "/chat/conversation/{id}/messages",
                                            "/c/{id}/message/{message}/history",
                                            "{id}{message}",
                                            "{id}" };
    char id[CHAT_ID_SIZE], item[CHAT_ID_SIZE];

    for (size_t i = 0; i < sizeof(patterns) / sizeof(patterns[0]); i++) {
        if (chat_path_match(patterns[i], path, id, item)) {
            must(strchr(patterns[i], '{') == NULL ? id[0] == '\0'
                                                  : chat_id_valid(id));
            must(item[0] == '\0' || chat_id_valid(item));
            must(strstr(patterns[i], "{m") == NULL || item[0] != '\0');
        }
    }
    must(!chat_path_match("/chat", path, id, item) || chat_path_below(path, "/chat"));
}

static void check_page(const chat_paging_t *paging, const char *path,
                       apr_pool_t *p)
{
    chat_page_t page = { "[]", paging->per_page, paging->page * 3,
                         paging->page, path };
    const char *json, *why;

    must(paging->per_page >= 1 && paging->per_page <= CHAT_PAGE_MAX);
    must(paging->way != CHAT_PAGING_PAGE || chat_paging_offset(paging) >= 0);
    if (paging->way == CHAT_PAGING_PAGE) {
        json = chat_paging_json(paging, &page, p);
        must(chat_json_parse_pool(json, strlen(json), &why, p) != NULL);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    apr_pool_t *p = scratch();
    char *url = terminated(data, size);
    char *query = strchr(url, '?');
    const char *field, *why;
    chat_form_t form;
    chat_paging_t paging;

    if (query != NULL) {
        *query++ = '\0';
        if (chat_form_parse(&form, query, strlen(query), p) == CHAT_FORM_OK &&
            chat_paging_parse(&paging, &form, &field, &why)) {
            check_page(&paging, "/chat/conversation/7/messages", p);
        }
    }
    check_path(url);
    free(url);
    apr_pool_clear(p);
    return 0;
}
