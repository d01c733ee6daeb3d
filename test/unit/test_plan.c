/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_plan.c - what a body says of a treatment plan.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>
#include <apr_general.h>

#include "plan.h"

/* 2026-11-29 17:00:00 UTC */
#define NOW apr_time_from_sec(1795971600)

static apr_pool_t *pool;
static const char *field, *why;

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

static chat_fields_t body(chat_media_t media, const char *text)
{
    chat_fields_t f;

    assert_int_equal(
        chat_fields_parse(&f, media, text, strlen(text), &why, pool),
        CHAT_FIELDS_OK);
    return f;
}

static int reads(chat_plan_t *plan, chat_media_t media, const char *text)
{
    chat_fields_t f = body(media, text);

    return chat_plan_read(plan, &f, NOW, &field, &why, pool);
}

static void a_whole_plan_is_read(void **state)
{
    chat_plan_t plan;

    (void)state;
    chat_plan_init(&plan);
    assert_true(reads(&plan, CHAT_MEDIA_JSON,
                      "{\"title\":\" Crown \",\"description\":\"x\","
                      "\"price_cents\":64000,\"currency\":\"JOD\","
                      "\"duration_days\":\"14\",\"must_acknowledge\":true,"
                      "\"expires_at\":\"2026-12-24T18:00:00.5Z\"}"));
    assert_string_equal(plan.title, "Crown");
    assert_string_equal(plan.currency, "JOD");
    assert_string_equal(plan.expires_at, "2026-12-24 18:00:00.500");
    assert_int_equal(plan.price_cents, 64000);
    assert_int_equal(plan.duration_days, 14);
    assert_int_equal(plan.must_acknowledge, 1);
}

static void a_form_says_the_same(void **state)
{
    chat_plan_t plan;

    (void)state;
    chat_plan_init(&plan);
    assert_true(reads(&plan, CHAT_MEDIA_FORM,
                      "title=Crown&price_cents=&valid_days=3"
                      "&must_acknowledge=on"));
    assert_int_equal(plan.price_cents, -1);
    assert_int_equal(plan.valid_days, 3);
    assert_int_equal(plan.must_acknowledge, 1);
    assert_string_equal(plan.currency, "USD");
}

static void what_is_not_named_stays_and_null_takes_away(void **state)
{
    chat_plan_t plan;

    (void)state;
    assert_true(chat_plan_load(
        &plan,
        "{\"title\":\"Crown\",\"description\":\"x\",\"price_cents\":5,"
        "\"currency\":\"EUR\",\"duration_days\":3,\"valid_days\":null,"
        "\"must_acknowledge\":true,"
        "\"expires_at\":\"2027-01-01T00:00:00.000Z\"}",
        pool));
    assert_true(reads(&plan, CHAT_MEDIA_JSON,
                      "{\"price_cents\":null,\"description\":null}"));
    assert_string_equal(plan.title, "Crown");
    assert_string_equal(plan.description, "");
    assert_int_equal(plan.price_cents, -1);
    assert_string_equal(plan.expires_at, "2027-01-01 00:00:00.000");
    assert_false(reads(&plan, CHAT_MEDIA_JSON, "{\"title\":null}"));
    assert_string_equal(field, "title");
}

static void an_empty_text_is_as_null(void **state)
{
    chat_plan_t plan;

    (void)state;
    assert_true(chat_plan_load(&plan,
                               "{\"title\":\"Crown\",\"description\":\"x\","
                               "\"price_cents\":5,\"currency\":\"EUR\","
                               "\"duration_days\":3,\"valid_days\":4,"
                               "\"must_acknowledge\":true}",
                               pool));
    assert_true(reads(&plan, CHAT_MEDIA_JSON,
                      "{\"description\":\"\",\"price_cents\":\"\","
                      "\"currency\":\"\",\"duration_days\":\"\","
                      "\"valid_days\":\"\",\"expires_at\":\"\","
                      "\"must_acknowledge\":\"\"}"));
    assert_string_equal(plan.description, "");
    assert_int_equal(plan.price_cents, -1);
    assert_string_equal(plan.currency, "USD");
    assert_int_equal(plan.duration_days, 0);
    assert_int_equal(plan.valid_days, 0);
    assert_null(plan.expires_at);
    assert_int_equal(plan.must_acknowledge, 0);
}

static void a_wrong_field_is_named(void **state)
{
    /* clang-format off */
    static const struct {
        const char *field;
        const char *text;
    } rows[] = {
        { "title", "{}" },
        { "title", "{\"title\":[]}" },
        { "description", "{\"title\":\"x\",\"description\":1}" },
        { "price_cents", "{\"title\":\"x\",\"price_cents\":10000000000}" },
        { "price_cents", "{\"title\":\"x\",\"price_cents\":0.5}" },
        { "currency", "{\"title\":\"x\",\"currency\":\"ABC\"}" },
        { "currency", "{\"title\":\"x\",\"currency\":\"D A\"}" },
        { "duration_days", "{\"title\":\"x\",\"duration_days\":0}" },
        { "valid_days", "{\"title\":\"x\",\"valid_days\":3651}" },
        { "expires_at", "{\"title\":\"x\",\"expires_at\":\"2026-11-29T16:59:59Z\"}" },
        { "expires_at", "{\"title\":\"x\",\"expires_at\":\"2027-02-29T00:00:00Z\"}" },
        { "expires_at", "{\"title\":\"x\",\"expires_at\":\"2027-13-01T00:00:00Z\"}" },
        { "expires_at", "{\"title\":\"x\",\"expires_at\":\"9999-99-99T99:99:99Z\"}" },
        { "must_acknowledge", "{\"title\":\"x\",\"must_acknowledge\":2}" },
    };
    /* clang-format on */
    chat_plan_t plan;
    size_t i;

    (void)state;
    for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        chat_plan_init(&plan);
        assert_false(reads(&plan, CHAT_MEDIA_JSON, rows[i].text));
        assert_string_equal(field, rows[i].field);
        assert_non_null(why);
    }
}

static void two_plans_have_two_texts(void **state)
{
    chat_plan_t a, b;

    (void)state;
    chat_plan_init(&a);
    a.title = "a|1:b";
    a.description = "c";
    b = a;
    b.title = "a";
    b.description = "b|1:c";
    assert_string_not_equal(chat_plan_text(&a, pool), chat_plan_text(&b, pool));
    assert_string_equal(chat_plan_text(&a, pool), chat_plan_text(&a, pool));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_whole_plan_is_read),
        cmocka_unit_test(a_form_says_the_same),
        cmocka_unit_test(what_is_not_named_stays_and_null_takes_away),
        cmocka_unit_test(an_empty_text_is_as_null),
        cmocka_unit_test(a_wrong_field_is_named),
        cmocka_unit_test(two_plans_have_two_texts),
    };

    return cmocka_run_group_tests(tests, open_pool, close_pool);
}
