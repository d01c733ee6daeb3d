/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_fields.c - bodies by field name, whichever way they were sent.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>
#include <apr_general.h>
#include <apr_strings.h>

#include "fields.h"

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

static chat_fields_t json(const char *text)
{
    chat_fields_t f;
    const char *why = NULL;

    assert_int_equal(
        chat_fields_parse(&f, CHAT_MEDIA_JSON, text, strlen(text), &why, pool),
        CHAT_FIELDS_OK);
    return f;
}

static chat_fields_t form(const char *text)
{
    chat_fields_t f;
    const char *why = NULL;

    assert_int_equal(
        chat_fields_parse(&f, CHAT_MEDIA_FORM, text, strlen(text), &why, pool),
        CHAT_FIELDS_OK);
    return f;
}

static chat_fields_result_t result(chat_media_t media, const char *text)
{
    chat_fields_t f;
    const char *why = NULL;
    chat_fields_result_t r = chat_fields_parse(&f, media, text, strlen(text),
                                               &why, pool);

    assert_true(r == CHAT_FIELDS_OK || why != NULL);
    return r;
}

static void a_text_is_the_same_from_form_and_json(void **state)
{
    chat_fields_t both[] = { json("{\"content\":\"a b\"}"),
                             form("content=a+b") };
    const char *text;

    (void)state;
    for (int i = 0; i < 2; i++) {
        assert_int_equal(chat_fields_text(&both[i], "content", &text),
                         CHAT_JSON_OK);
        assert_string_equal(text, "a b");
        assert_int_equal(chat_fields_text(&both[i], "other", &text),
                         CHAT_JSON_MISSING);
    }
}

static void an_empty_text_and_null_are_missing(void **state)
{
    chat_fields_t f = json("{\"a\":\"\",\"b\":null}");
    chat_fields_t g = form("a=&b");
    const char *text = "untouched";

    (void)state;
    assert_int_equal(chat_fields_text(&f, "a", &text), CHAT_JSON_MISSING);
    assert_int_equal(chat_fields_text(&f, "b", &text), CHAT_JSON_MISSING);
    assert_int_equal(chat_fields_text(&g, "a", &text), CHAT_JSON_MISSING);
    assert_int_equal(chat_fields_text(&g, "b", &text), CHAT_JSON_MISSING);
    assert_string_equal(text, "untouched");
}

static void what_is_no_text_is_not_made_one(void **state)
{
    chat_fields_t f = json(
        "{\"a\":1,\"b\":true,\"c\":[\"x\"],\"d\":{\"x\":1}}");
    const char *text;

    (void)state;
    for (const char *name = "abcd"; *name != '\0'; name++) {
        char one[2] = { *name, '\0' };

        assert_int_equal(chat_fields_text(&f, one, &text), CHAT_JSON_TYPE);
    }
}

static void a_body_is_broken_misshapen_or_of_the_wrong_kind(void **state)
{
    (void)state;
    assert_int_equal(result(CHAT_MEDIA_JSON, "{"), CHAT_FIELDS_BROKEN);
    assert_int_equal(result(CHAT_MEDIA_JSON, "{\"a\":1,\"a\":2}"),
                     CHAT_FIELDS_BROKEN);
    assert_int_equal(result(CHAT_MEDIA_JSON, "{\"a\":\"\\u0000\"}"),
                     CHAT_FIELDS_BROKEN);
    assert_int_equal(result(CHAT_MEDIA_FORM, "a=%"), CHAT_FIELDS_BROKEN);
    assert_int_equal(result(CHAT_MEDIA_JSON, "[]"), CHAT_FIELDS_SHAPE);
    assert_int_equal(result(CHAT_MEDIA_JSON, "\"a\""), CHAT_FIELDS_SHAPE);
    assert_int_equal(result(CHAT_MEDIA_MULTIPART, "--x"), CHAT_FIELDS_MEDIA);
    assert_int_equal(result(CHAT_MEDIA_OTHER, "x"), CHAT_FIELDS_MEDIA);
    assert_int_equal(result(CHAT_MEDIA_NONE, "x"), CHAT_FIELDS_MEDIA);
}

static void no_bytes_are_no_fields_whatever_their_type(void **state)
{
    (void)state;
    assert_int_equal(result(CHAT_MEDIA_NONE, ""), CHAT_FIELDS_OK);
    assert_int_equal(result(CHAT_MEDIA_FORM, ""), CHAT_FIELDS_OK);
    assert_int_equal(result(CHAT_MEDIA_OTHER, ""), CHAT_FIELDS_OK);
    assert_int_equal(result(CHAT_MEDIA_JSON, ""), CHAT_FIELDS_OK);
}

static void yes_and_no_have_several_spellings(void **state)
{
    chat_fields_t f = json("{\"a\":true,\"b\":1,\"c\":\"on\",\"d\":\"1\"}");
    chat_fields_t g = json("{\"a\":false,\"b\":0,\"c\":\"no\",\"d\":\"0\"}");
    chat_fields_t h = form("a=true&b=1&c=on&d=yes");
    int value;

    (void)state;
    for (const char *name = "abcd"; *name != '\0'; name++) {
        char one[2] = { *name, '\0' };

        assert_int_equal(chat_fields_bool(&f, one, &value), CHAT_JSON_OK);
        assert_int_equal(value, 1);
        assert_int_equal(chat_fields_bool(&g, one, &value), CHAT_JSON_OK);
        assert_int_equal(value, 0);
        assert_int_equal(chat_fields_bool(&h, one, &value), CHAT_JSON_OK);
        assert_int_equal(value, 1);
    }
    assert_int_equal(chat_fields_bool(&f, "e", &value), CHAT_JSON_MISSING);
}

static void anything_else_is_neither_yes_nor_no(void **state)
{
    chat_fields_t f = json(
        "{\"a\":2,\"b\":\"maybe\",\"c\":[],\"d\":1.0,\"e\":-1}");
    int value;

    (void)state;
    for (const char *name = "abcde"; *name != '\0'; name++) {
        char one[2] = { *name, '\0' };

        assert_int_equal(chat_fields_bool(&f, one, &value), CHAT_JSON_TYPE);
    }
}

static void ids_become_one_json_list(void **state)
{
    chat_fields_t f = json("{\"ids\":[3,\"41\",9007199254740993]}");
    chat_fields_t g = form("ids[]=3&x=1&ids%5B%5D=41");
    const char *ids;

    (void)state;
    assert_int_equal(chat_fields_ids(&f, "ids", 3, &ids, pool), CHAT_JSON_OK);
    assert_string_equal(ids, "[3,41,9007199254740993]");
    assert_int_equal(chat_fields_ids(&g, "ids", 3, &ids, pool), CHAT_JSON_OK);
    assert_string_equal(ids, "[3,41]");
}

static void an_id_is_a_number_however_it_is_written(void **state)
{
    chat_fields_t f = json("{\"a\":3,\"b\":\"41\",\"c\":null,\"d\":\"\",\"e\":0,"
                           "\"f\":-1,\"g\":1.5,\"h\":\"x\",\"i\":[],"
                           "\"j\":\"99999999999999999999\",\"k\":true}");
    chat_fields_t g = form("a=3&b=&c=x");
    apr_int64_t id = 0;

    (void)state;
    assert_int_equal(chat_fields_id(&f, "a", &id), CHAT_JSON_OK);
    assert_int_equal(id, 3);
    assert_int_equal(chat_fields_id(&f, "b", &id), CHAT_JSON_OK);
    assert_int_equal(id, 41);
    assert_int_equal(chat_fields_id(&f, "c", &id), CHAT_JSON_MISSING);
    assert_int_equal(chat_fields_id(&f, "d", &id), CHAT_JSON_MISSING);
    assert_int_equal(chat_fields_id(&f, "z", &id), CHAT_JSON_MISSING);
    for (const char *name = "efghijk"; *name != '\0'; name++) {
        char one[2] = { *name, '\0' };

        assert_int_equal(chat_fields_id(&f, one, &id), CHAT_JSON_TYPE);
    }
    assert_int_equal(chat_fields_id(&g, "a", &id), CHAT_JSON_OK);
    assert_int_equal(id, 3);
    assert_int_equal(chat_fields_id(&g, "b", &id), CHAT_JSON_MISSING);
    assert_int_equal(chat_fields_id(&g, "c", &id), CHAT_JSON_TYPE);
}

static void an_empty_list_of_ids_is_none(void **state)
{
    chat_fields_t f = json("{\"a\":[],\"b\":null}");
    const char *ids;

    (void)state;
    assert_int_equal(chat_fields_ids(&f, "a", 3, &ids, pool),
                     CHAT_JSON_MISSING);
    assert_int_equal(chat_fields_ids(&f, "b", 3, &ids, pool),
                     CHAT_JSON_MISSING);
    assert_int_equal(chat_fields_ids(&f, "c", 3, &ids, pool),
                     CHAT_JSON_MISSING);
}

static void what_is_no_list_of_ids_is_refused(void **state)
{
    static const char *const wrong[] = { "7",      "\"7\"",   "{}",
                                         "[0]",    "[-1]",    "[1.5]",
                                         "[\"\"]", "[\"x\"]", "[[1]]",
                                         "[null]", "[true]",  "[1,2,3,4]" };
    const char *ids;

    (void)state;
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        chat_fields_t f = json(
            apr_pstrcat(pool, "{\"ids\":", wrong[i], "}", NULL));

        assert_int_equal(chat_fields_ids(&f, "ids", 3, &ids, pool),
                         CHAT_JSON_TYPE);
    }
    chat_fields_t g = form("ids[]=1&ids[]=x");

    assert_int_equal(chat_fields_ids(&g, "ids", 3, &ids, pool), CHAT_JSON_TYPE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_text_is_the_same_from_form_and_json),
        cmocka_unit_test(an_empty_text_and_null_are_missing),
        cmocka_unit_test(what_is_no_text_is_not_made_one),
        cmocka_unit_test(a_body_is_broken_misshapen_or_of_the_wrong_kind),
        cmocka_unit_test(no_bytes_are_no_fields_whatever_their_type),
        cmocka_unit_test(yes_and_no_have_several_spellings),
        cmocka_unit_test(anything_else_is_neither_yes_nor_no),
        cmocka_unit_test(ids_become_one_json_list),
        cmocka_unit_test(an_id_is_a_number_however_it_is_written),
        cmocka_unit_test(an_empty_list_of_ids_is_none),
        cmocka_unit_test(what_is_no_list_of_ids_is_refused),
    };

    return cmocka_run_group_tests(tests, open_pool, close_pool);
}
