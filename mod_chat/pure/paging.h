/* SPDX-License-Identifier: Apache-2.0 */
/*
 * paging.h - which part of a conversation's history, and how a page is framed.
 *
 * Two ways: `page` and `per_page` with the paginator object that Laravel's
 * clients know, and `before`/`after` a message id, which neither shifts while
 * messages arrive nor slows down far back. Who follows the paginator's
 * next_page_url has the same: it says below which message the page begins.
 * Pure: a query in, JSON text out.
 */
#ifndef CHAT_PAGING_H
#define CHAT_PAGING_H

#include <apr_pools.h>

#include "form.h"

#define CHAT_PAGE_DEFAULT                                                      \
    20                   /* messages of a page when per_page is not given      \
                          */
#define CHAT_PAGE_MAX 50 /* more is brought down to this */

typedef enum {
    CHAT_PAGING_PAGE,
    CHAT_PAGING_BEFORE,
    CHAT_PAGING_AFTER
} chat_paging_way_t;

typedef struct {
    chat_paging_way_t way;
    int per_page;
    int per_page_given; /* keep it in the links */
    apr_int64_t page;   /* CHAT_PAGING_PAGE: from 1 */
    apr_int64_t below;  /* likewise: it begins below this message id; 0: where
                           its number says */
    apr_int64_t id;     /* else: the message id to start from, not included */
} chat_paging_t;

/* A page of messages as it goes out. */
typedef struct {
    const char *data;   /* the messages, newest first, as a JSON list */
    int n;              /* how many there are */
    apr_int64_t total;  /* of the whole conversation */
    apr_int64_t oldest; /* id of the last of them; 0: not known */
    const char *path;   /* URL without a query */
} chat_page_t;

/**
 * Read page, per_page, below, before and after.
 * @param field  set to the name of the field that is wrong when 0 is returned
 * @param why    likewise, to what is wrong with it
 */
int chat_paging_parse(chat_paging_t *out, const chat_form_t *query,
                      const char **field, const char **why);

/** How many rows come before a page. */
apr_int64_t chat_paging_offset(const chat_paging_t *paging);

/** The paginator of a page, as JSON, from p. */
char *chat_paging_json(const chat_paging_t *paging, const chat_page_t *page,
                       apr_pool_t *p);

#endif
