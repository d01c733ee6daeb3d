/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_paging.c - which messages are asked for, and the paginator around them.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>
#include <apr_general.h>
#include <apr_strings.h>

#include "json.h"
#include "paging.h"

static apr_pool_t *pool;

static int open_pool(void **state)
{
    (void)state;
    apr_initialize();
    return apr_pool_create(&pool, NULL) != APR_SUCCESS;
}
static int close_pool(void **state)
{
    (void)state;
    apr_pool_destroy(pool);
    apr_terminate();
    return 0;
}

#define PATH "http://example.org/chat/conversation/7/messages"

/* @return NULL when it was taken, else the field that is wrong */
static const char *parse(chat_paging_t *paging, const char *query)
{
    const char *field = NULL, *why = NULL;
    chat_form_t form;

    assert_int_equal(chat_form_parse(&form, query, strlen(query), pool),
                     CHAT_FORM_OK);
    if (chat_paging_parse(paging, &form, &field, &why)) {
        return NULL;
    }
    assert_non_null(why);
    return field;
}

static apr_int64_t oldest_id; /* of the next paginator's page */

/* The paginator of a page of `n` messages among `total`, parsed again. */
static json_t *paginator(const char *query, int n, apr_int64_t total)
{
    chat_page_t page = { "[]", n, total, oldest_id, PATH };
    chat_paging_t paging;
    const char *text, *why;
    json_t *json;

    assert_null(parse(&paging, query));
    text = chat_paging_json(&paging, &page, pool);
    json = chat_json_parse_pool(text, strlen(text), &why, pool);
    assert_non_null(json);
    return json;
}

static json_int_t number(const json_t *json, const char *key)
{
    const json_t *value = json_object_get(json, key);

    assert_true(json_is_integer(value));
    return json_integer_value(value);
}

static const char *text(const json_t *json, const char *key)
{
    const char *value = json_string_value(json_object_get(json, key));

    assert_non_null(value);
    return value;
}

static int is_null(const json_t *json, const char *key)
{
    return json_is_null(json_object_get(json, key));
}

/* The labels of `links` with blanks between, the active one in brackets. */
static const char *labels(const json_t *json)
{
    const json_t *link, *links = json_object_get(json, "links");
    const char *all = "";
    size_t i;

    json_array_foreach((json_t *)links, i, link)
    {
        int active = json_is_true(json_object_get(link, "active"));

        all = apr_pstrcat(pool, all, i > 0 ? " " : "", active ? "[" : "",
                          text(link, "label"), active ? "]" : "", NULL);
    }
    return all;
}

static void nothing_asked_is_the_first_page_of_twenty(void **state)
{
    chat_paging_t paging;

    (void)state;
    assert_null(parse(&paging, ""));
    assert_int_equal(paging.way, CHAT_PAGING_PAGE);
    assert_int_equal(paging.page, 1);
    assert_int_equal(paging.per_page, 20);
    assert_int_equal(chat_paging_offset(&paging), 0);
}

static void more_than_fifty_is_brought_down_to_fifty(void **state)
{
    chat_paging_t paging;

    (void)state;
    assert_null(parse(&paging, "per_page=51&page=3"));
    assert_int_equal(paging.per_page, 50);
    assert_int_equal(chat_paging_offset(&paging), 100);
    assert_null(parse(&paging, "per_page=999999999999999999"));
    assert_int_equal(paging.per_page, 50);
}

static void before_and_after_start_at_a_message(void **state)
{
    chat_paging_t paging;

    (void)state;
    assert_null(parse(&paging, "before=41&per_page=5"));
    assert_int_equal(paging.way, CHAT_PAGING_BEFORE);
    assert_int_equal(paging.id, 41);
    assert_int_equal(paging.per_page, 5);
    assert_null(parse(&paging, "after=0"));
    assert_int_equal(paging.way, CHAT_PAGING_AFTER);
    assert_int_equal(paging.id, 0);
}

static void what_is_no_number_is_refused_by_name(void **state)
{
    static const struct {
        const char *query;
        const char *field;
    } cases[] = {
        { "page=0", "page" },
        { "page=x", "page" },
        { "page=-1", "page" },
        { "page=1.5", "page" },
        { "per_page=0", "per_page" },
        { "per_page=ten", "per_page" },
        { "before=0", "before" },
        { "before=x", "before" },
        { "after=-", "after" },
        { "before=1&after=2", "after" },
        { "page=99999999999999999999", "page" },
    };
    chat_paging_t paging;

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        const char *field = parse(&paging, cases[i].query);

        assert_non_null(field);
        assert_string_equal(field, cases[i].field);
    }
}

static void a_field_left_empty_is_not_asked(void **state)
{
    chat_paging_t paging;

    (void)state;
    assert_null(parse(&paging, "page=&per_page=&before=&after="));
    assert_int_equal(paging.way, CHAT_PAGING_PAGE);
    assert_int_equal(paging.page, 1);
}

static void a_page_in_the_middle_points_both_ways(void **state)
{
    json_t *json = paginator("page=2&per_page=7", 7, 20);

    (void)state;
    assert_int_equal(number(json, "current_page"), 2);
    assert_int_equal(number(json, "last_page"), 3);
    assert_int_equal(number(json, "from"), 8);
    assert_int_equal(number(json, "to"), 14);
    assert_int_equal(number(json, "per_page"), 7);
    assert_int_equal(number(json, "total"), 20);
    assert_string_equal(text(json, "path"), PATH);
    assert_string_equal(text(json, "first_page_url"),
                        PATH "?per_page=7&page=1");
    assert_string_equal(text(json, "prev_page_url"), PATH "?per_page=7&page=1");
    assert_string_equal(text(json, "next_page_url"), PATH "?per_page=7&page=3");
    assert_string_equal(text(json, "last_page_url"), PATH "?per_page=7&page=3");
    assert_string_equal(labels(json), "&laquo; Previous 1 [2] 3 Next &raquo;");
}

static void links_keep_per_page_only_when_it_was_asked(void **state)
{
    json_t *json = paginator("", 20, 30);

    (void)state;
    assert_string_equal(text(json, "next_page_url"), PATH "?page=2");
}

static void an_empty_conversation_has_one_empty_page(void **state)
{
    json_t *json = paginator("", 0, 0);

    (void)state;
    assert_int_equal(number(json, "last_page"), 1);
    assert_true(is_null(json, "from"));
    assert_true(is_null(json, "to"));
    assert_true(is_null(json, "prev_page_url"));
    assert_true(is_null(json, "next_page_url"));
    assert_string_equal(labels(json), "&laquo; Previous [1] Next &raquo;");
}

static void a_page_behind_the_end_is_empty_and_leads_nowhere(void **state)
{
    json_t *json = paginator("page=9&per_page=10", 0, 25);

    (void)state;
    assert_int_equal(number(json, "current_page"), 9);
    assert_int_equal(number(json, "last_page"), 3);
    assert_true(is_null(json, "from"));
    assert_true(is_null(json, "next_page_url"));
}

static void the_largest_page_number_does_not_overflow(void **state)
{
    json_t *json = paginator("page=999999999999999999&per_page=50", 0,
                             APR_INT64_C(999999999999999));

    (void)state;
    assert_int_equal(number(json, "total"), APR_INT64_C(999999999999999));
}

/* The windows are those of Laravel's UrlWindow with three on each side. */
static void many_pages_are_shown_as_a_window(void **state)
{
    (void)state;
    assert_string_equal(
        labels(paginator("per_page=1&page=1", 1, 13)),
        "&laquo; Previous [1] 2 3 4 5 6 7 8 9 10 11 12 13 Next &raquo;");
    assert_string_equal(
        labels(paginator("per_page=1&page=7", 1, 30)),
        "&laquo; Previous 1 2 3 4 5 6 [7] 8 9 10 ... 29 30 Next &raquo;");
    assert_string_equal(
        labels(paginator("per_page=1&page=15", 1, 30)),
        "&laquo; Previous 1 2 ... 12 13 14 [15] 16 17 18 ... 29 30 "
        "Next &raquo;");
    assert_string_equal(
        labels(paginator("per_page=1&page=25", 1, 30)),
        "&laquo; Previous 1 2 ... 21 22 23 24 [25] 26 27 28 29 30 "
        "Next &raquo;");
}

static void the_next_page_begins_below_this_ones_last_message(void **state)
{
    chat_paging_t paging;
    json_t *json;

    (void)state;
    oldest_id = 481;
    json = paginator("per_page=5&page=2", 5, 30);
    assert_string_equal(text(json, "next_page_url"),
                        PATH "?per_page=5&page=3&below=481");
    assert_string_equal(text(json, "prev_page_url"),
                        PATH "?per_page=5&page=1");
    assert_true(is_null(paginator("per_page=5&page=6", 5, 30),
                        "next_page_url"));
    oldest_id = 0;
    assert_null(parse(&paging, "page=3&below=481"));
    assert_int_equal(paging.way, CHAT_PAGING_PAGE);
    assert_int_equal(paging.below, 481);
    assert_null(parse(&paging, "page=1&below=481"));
    assert_int_equal(paging.below, 0);
    assert_string_equal(parse(&paging, "page=3&below=0"), "below");
    assert_string_equal(parse(&paging, "page=3&below=x"), "below");
}

/* Every number as long as it can be; the sanitizers watch the memory. */
static void the_longest_paginator_fits(void **state)
{
    char *path = apr_palloc(pool, 3001);
    chat_page_t page = { "[]", 50, APR_INT64_MAX - 99, APR_INT64_MAX, path };
    static const apr_int64_t numbers[] = { 1, 7, 8, 1000000, 999999999999 };
    chat_paging_t paging;
    unsigned i;

    (void)state;
    memset(path, '"', 3000); /* each is two characters in JSON */
    path[3000] = '\0';
    for (i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
        const char *json, *why;

        assert_null(parse(&paging, "per_page=50"));
        paging.page = numbers[i];
        json = chat_paging_json(&paging, &page, pool);
        assert_non_null(chat_json_parse_pool(json, strlen(json), &why, pool));
    }
    assert_null(parse(&paging, "page=1"));
    page.total = -3; /* a counter that is wrong */
    page.n = 0;
    assert_non_null(strstr(chat_paging_json(&paging, &page, pool),
                           "\"total\":0}"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_asked_is_the_first_page_of_twenty),
        cmocka_unit_test(more_than_fifty_is_brought_down_to_fifty),
        cmocka_unit_test(before_and_after_start_at_a_message),
        cmocka_unit_test(what_is_no_number_is_refused_by_name),
        cmocka_unit_test(a_field_left_empty_is_not_asked),
        cmocka_unit_test(a_page_in_the_middle_points_both_ways),
        cmocka_unit_test(links_keep_per_page_only_when_it_was_asked),
        cmocka_unit_test(an_empty_conversation_has_one_empty_page),
        cmocka_unit_test(a_page_behind_the_end_is_empty_and_leads_nowhere),
        cmocka_unit_test(the_largest_page_number_does_not_overflow),
        cmocka_unit_test(many_pages_are_shown_as_a_window),
        cmocka_unit_test(the_next_page_begins_below_this_ones_last_message),
        cmocka_unit_test(the_longest_paginator_fits),
    };

    return cmocka_run_group_tests(tests, open_pool, close_pool);
}
