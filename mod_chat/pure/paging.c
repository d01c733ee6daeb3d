/* SPDX-License-Identifier: Apache-2.0 */
/* paging.c - pages of history; see paging.h. */
#include "paging.h"

#include <string.h>
#include <apr_strings.h>

#include "json.h"

/* Beyond any real page, and page * per_page still fits 64 bits easily. */
#define PAGE_LIMIT APR_INT64_C(1000000000000)

/* Laravel's window of page links: all of them up to this many… */
#define LINKS_ALL 14
/* …else this many around the page, or at the end the page is near to. */
#define LINKS_SIDE 3
#define LINKS_END 10

/* A number field of at least `least`.
 * @return 0 when it was given and is wrong; *out stays when it was not given */
static int number_field(apr_int64_t *out, const chat_form_t *query,
                        const char *name, apr_int64_t least, const char **field)
{
    const char *value = chat_form_get(query, name);
    apr_int64_t n;

    if (value == NULL || value[0] == '\0') {
        return 1;
    }
    if (!chat_form_number(&n, value) || n < least) {
        *field = name;
        return 0;
    }
    *out = n;
    return 1;
}

int chat_paging_parse(chat_paging_t *out, const chat_form_t *query,
                      const char **field, const char **why)
{
    apr_int64_t page = 1, per_page = 0, below = 0, before = -1, after = -1;

    *why = "must be a whole number, at least 1";
    if (!number_field(&page, query, "page", 1, field) ||
        !number_field(&per_page, query, "per_page", 1, field) ||
        !number_field(&below, query, "below", 1, field) ||
        !number_field(&before, query, "before", 1, field)) {
        return 0;
    }
    if (!number_field(&after, query, "after", 0, field)) {
        *why = "must be a message id, or 0";
        return 0;
    }
    if (before >= 0 && after >= 0) {
        *field = "after";
        *why = "cannot be used together with before";
        return 0;
    }
    out->per_page_given = per_page > 0;
    out->per_page = per_page == 0              ? CHAT_PAGE_DEFAULT
                    : per_page > CHAT_PAGE_MAX ? CHAT_PAGE_MAX
                                               : (int)per_page;
    out->page = page < PAGE_LIMIT ? page : PAGE_LIMIT;
    out->below = page > 1 ? below : 0; /* the first page is the newest */
    out->id = before >= 0 ? before : after;
    out->way = before >= 0  ? CHAT_PAGING_BEFORE
               : after >= 0 ? CHAT_PAGING_AFTER
                            : CHAT_PAGING_PAGE;
    return 1;
}

apr_int64_t chat_paging_offset(const chat_paging_t *paging)
{
    return (paging->page - 1) * paging->per_page;
}

/* What all links of one paginator share. */
typedef struct {
    const chat_paging_t *paging;
    const char *path; /* the inside of a JSON string */
    apr_int64_t last; /* the last page, at least 1 */
    apr_pool_t *p;
} linker_t;

/* The URL of a page as a JSON string; "null" for one that does not exist. The
 * path is quoted already, and nothing else in it needs to be. */
static const char *page_url(const linker_t *l, apr_int64_t page)
{
    if (page < 1 || page > l->last) {
        return "null";
    }
    return l->paging->per_page_given
               ? apr_psprintf(l->p,
                              "\"%s?per_page=%d&page=%" APR_INT64_T_FMT "\"",
                              l->path, l->paging->per_page, page)
               : apr_psprintf(l->p, "\"%s?page=%" APR_INT64_T_FMT "\"", l->path,
                              page);
}

/* The next page's, which says where that begins: it stays right while messages
 * arrive, and costs the same however far back it is. */
static const char *next_url(const linker_t *l, apr_int64_t oldest)
{
    const char *url = page_url(l, l->paging->page + 1);

    return oldest == 0 || *url != '"'
               ? url
               : apr_psprintf(l->p, "%.*s&below=%" APR_INT64_T_FMT "\"",
                              (int)strlen(url) - 1, url, oldest);
}

/* The links between two pages, both included, each with a comma in front. */
static const char *page_links(const linker_t *l, apr_int64_t from,
                              apr_int64_t to)
{
    const char *links = "";

    for (; from <= to; from++) {
        links = apr_psprintf(l->p,
                             "%s,{\"url\":%s,\"label\":\"%" APR_INT64_T_FMT
                             "\",\"active\":%s}",
                             links, page_url(l, from), from,
                             from == l->paging->page ? "true" : "false");
    }
    return links;
}

/* The middle of `links`: every page, or both ends and the page's surroundings
 * with dots between, as Laravel's UrlWindow cuts it. */
static const char *page_window(const linker_t *l)
{
    static const char
        dots[] = ",{\"url\":null,\"label\":\"...\",\"active\":false}";
    apr_int64_t page = l->paging->page, last = l->last;

    if (last < LINKS_ALL) {
        return page_links(l, 1, last);
    }
    if (page <= LINKS_SIDE + 4) {
        return apr_pstrcat(l->p, page_links(l, 1, LINKS_END), dots,
                           page_links(l, last - 1, last), NULL);
    }
    if (page > last - (LINKS_SIDE + 4)) {
        return apr_pstrcat(l->p, page_links(l, 1, 2), dots,
                           page_links(l, last - LINKS_END + 1, last), NULL);
    }
    return apr_pstrcat(l->p, page_links(l, 1, 2), dots,
                       page_links(l, page - LINKS_SIDE, page + LINKS_SIDE),
                       dots, page_links(l, last - 1, last), NULL);
}

char *chat_paging_json(const chat_paging_t *paging, const chat_page_t *page,
                       apr_pool_t *p)
{
    apr_int64_t first_row = chat_paging_offset(paging) + 1;
    const char *path = chat_json_quote(page->path, strlen(page->path), p);
    const char *from = "null", *to = "null", *prev, *next;
    linker_t l = { paging, NULL, 1, p };

    l.path = apr_pstrmemdup(p, path + 1, strlen(path) - 2);

    if (page->total > 0) {
        l.last = (page->total + paging->per_page - 1) / paging->per_page;
    }
    if (page->n > 0) {
        from = apr_psprintf(p, "%" APR_INT64_T_FMT, first_row);
        to = apr_psprintf(p, "%" APR_INT64_T_FMT, first_row + page->n - 1);
    }
    prev = page_url(&l, paging->page - 1);
    next = next_url(&l, page->oldest);
    return apr_psprintf(
        p,
        "{\"current_page\":%" APR_INT64_T_FMT ",\"data\":%s,"
        "\"first_page_url\":%s,\"from\":%s,"
        "\"last_page\":%" APR_INT64_T_FMT ",\"last_page_url\":%s,"
        "\"links\":[{\"url\":%s,\"label\":\"&laquo; Previous\","
        "\"active\":false}%s,"
        "{\"url\":%s,\"label\":\"Next &raquo;\",\"active\":false}],"
        "\"next_page_url\":%s,\"path\":%s,\"per_page\":%d,"
        "\"prev_page_url\":%s,\"to\":%s,\"total\":%" APR_INT64_T_FMT "}",
        paging->page, page->data, page_url(&l, 1), from, l.last,
        page_url(&l, l.last), prev, page_window(&l), next, next, path,
        paging->per_page, prev, to, page->total);
}
