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
    const char *value = chat_form_given(query, name);
    apr_int64_t n;

    if (value == NULL) {
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

/* --- the paginator ----------------------------------------------------------
 * Written from front to back into memory that is large enough for the longest:
 * a formatted print takes longer than all the rest of a request. */

typedef struct {
    const chat_paging_t *paging;
    const char *path; /* the inside of a JSON string */
    apr_size_t path_len;
    apr_int64_t last; /* the last page, at least 1 */
    char *to;         /* where to write next */
} writer_t;

#define NUMBER_MAX 20 /* digits of one */
/* Both first and last links, two dots and a page's own. */
#define LINKS_MAX (LINKS_ALL + 2)
#define OWN_URLS 5
/* Around a path: quotes, the query, label, names. */
#define LINK_MAX 160
#define FRAME_MAX 640

static void put(writer_t *w, const char *text, apr_size_t len)
{
    memcpy(w->to, text, len);
    w->to += len;
}

#define PUT(w, literal) put(w, "" literal, sizeof(literal) - 1)

static void put_number(writer_t *w, apr_int64_t n)
{
    char digits[NUMBER_MAX];
    int i = NUMBER_MAX;

    if (n < 0) { /* a counter that is wrong */
        n = 0;
    }
    do {
        digits[--i] = (char)('0' + n % 10);
        n /= 10;
    } while (n > 0);
    put(w, digits + i, (apr_size_t)(NUMBER_MAX - i));
}

/* The URL of a page as a JSON string; null for one that does not exist. The path
 * is quoted already, and nothing else in it needs to be. */
static void put_url(writer_t *w, apr_int64_t page, apr_int64_t below)
{
    if (page < 1 || page > w->last) {
        PUT(w, "null");
        return;
    }
    PUT(w, "\"");
    put(w, w->path, w->path_len);
    if (w->paging->per_page_given) {
        PUT(w, "?per_page=");
        put_number(w, w->paging->per_page);
        PUT(w, "&page=");
    }
    else {
        PUT(w, "?page=");
    }
    put_number(w, page);
    if (below > 0) {
        PUT(w, "&below=");
        put_number(w, below);
    }
    PUT(w, "\"");
}

/* The links between two pages, both included, each with a comma in front. */
static void put_links(writer_t *w, apr_int64_t from, apr_int64_t to)
{
    for (; from <= to; from++) {
        PUT(w, ",{\"url\":");
        put_url(w, from, 0);
        PUT(w, ",\"label\":\"");
        put_number(w, from);
        if (from == w->paging->page) {
            PUT(w, "\",\"active\":true}");
        }
        else {
            PUT(w, "\",\"active\":false}");
        }
    }
}

static void put_dots(writer_t *w)
{
    PUT(w, ",{\"url\":null,\"label\":\"...\",\"active\":false}");
}

/* The middle of `links`: every page, or both ends and the page's surroundings
 * with dots between, as Laravel's UrlWindow cuts it. */
static void put_window(writer_t *w)
{
    apr_int64_t page = w->paging->page, last = w->last;

    if (last < LINKS_ALL) {
        put_links(w, 1, last);
    }
    else if (page <= LINKS_SIDE + 4) {
        put_links(w, 1, LINKS_END);
        put_dots(w);
        put_links(w, last - 1, last);
    }
    else if (page > last - (LINKS_SIDE + 4)) {
        put_links(w, 1, 2);
        put_dots(w);
        put_links(w, last - LINKS_END + 1, last);
    }
    else {
        put_links(w, 1, 2);
        put_dots(w);
        put_links(w, page - LINKS_SIDE, page + LINKS_SIDE);
        put_dots(w);
        put_links(w, last - 1, last);
    }
}

char *chat_paging_json(const chat_paging_t *paging, const chat_page_t *page,
                       apr_pool_t *p)
{
    apr_int64_t first_row = chat_paging_offset(paging) + 1;
    const char *path = chat_json_quote(page->path, strlen(page->path), p);
    writer_t w = { paging, path + 1, strlen(path) - 2, 1, NULL };
    apr_size_t data = strlen(page->data);
    char *json = apr_palloc(p, data + FRAME_MAX +
                                   (LINKS_MAX + OWN_URLS) *
                                       (w.path_len + LINK_MAX));

    w.to = json;
    if (page->total > 0) {
        w.last = (page->total + paging->per_page - 1) / paging->per_page;
    }
    PUT(&w, "{\"current_page\":");
    put_number(&w, paging->page);
    PUT(&w, ",\"data\":");
    put(&w, page->data, data);
    PUT(&w, ",\"first_page_url\":");
    put_url(&w, 1, 0);
    PUT(&w, ",\"from\":");
    if (page->n > 0) {
        put_number(&w, first_row);
    }
    else {
        PUT(&w, "null");
    }
    PUT(&w, ",\"last_page\":");
    put_number(&w, w.last);
    PUT(&w, ",\"last_page_url\":");
    put_url(&w, w.last, 0);
    PUT(&w, ",\"links\":[{\"url\":");
    put_url(&w, paging->page - 1, 0);
    PUT(&w, ",\"label\":\"&laquo; Previous\",\"active\":false}");
    put_window(&w);
    PUT(&w, ",{\"url\":");
    /* The next page's says where that begins: it stays right while messages
     * arrive, and costs the same however far back it is. */
    put_url(&w, paging->page + 1, page->oldest);
    PUT(&w, ",\"label\":\"Next &raquo;\",\"active\":false}]"
            ",\"next_page_url\":");
    put_url(&w, paging->page + 1, page->oldest);
    PUT(&w, ",\"path\":");
    put(&w, path, w.path_len + 2);
    PUT(&w, ",\"per_page\":");
    put_number(&w, paging->per_page);
    PUT(&w, ",\"prev_page_url\":");
    put_url(&w, paging->page - 1, 0);
    PUT(&w, ",\"to\":");
    if (page->n > 0) {
        put_number(&w, first_row + page->n - 1);
    }
    else {
        PUT(&w, "null");
    }
    PUT(&w, ",\"total\":");
    put_number(&w, page->total);
    PUT(&w, "}");
    *w.to = '\0';
    return json;
}
