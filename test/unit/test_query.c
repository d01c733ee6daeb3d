/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_query.c - parameters of the HTTP API and the text that is signed.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <string.h>
#include <apr_general.h>
#include <apr_strings.h>

#include "query.h"
#include "signature.h"

static apr_pool_t *pool;

static http_span_t span(const char *text)
{
    http_span_t s = { text, strlen(text) };

    return s;
}

static const char *signed_text(const char *query, const char *path)
{
    apr_size_t len;
    query_t q;
    char *text;

    assert_null(query_read(&q, span(query), pool));
    text = query_signed(&q, span("POST"), path, strlen(path), &len, pool);
    return apr_pstrmemdup(pool, text, len);
}

/* The worked example of the documents, "Worked authentication example". */
static void the_documented_example_has_the_documented_signature(void **state)
{
    const char query
        [] = "auth_key=278d425bdf160c739803&auth_timestamp=1353088179&"
             "auth_version=1.0&body_md5=ec365a775a4cd0599faeb73354201b6f&"
             "auth_signature="
             "da454824c97ba181a32ccc17a72625ba02771f50b50e1e7430e47a1f3f457e6c";
    const char *text = signed_text(query, "/apps/3/events");
    chat_piece_t piece = { text, strlen(text) };
    chat_signer_t *signer;

    (void)state;
    assert_int_equal(chat_signer_create(&signer, "7ad3773142a6692b25b8", pool),
                     APR_SUCCESS);
    assert_true(chat_signed(
        signer,
        "da454824c97ba181a32ccc17a72625ba02771f50b50e1e7430e47a1f3f457e6c", 64,
        &piece, 1));
}

static void parameters_are_signed_sorted_decoded_and_in_lower_case(void **state)
{
    (void)state;
    assert_string_equal(
        signed_text("b=2&Name=Something%20else&auth_key=foo&a=1", "/x"),
        "POST\n/x\na=1&auth_key=foo&b=2&name=Something else");
    assert_string_equal(signed_text("auth_signature=z", "/x"), "POST\n/x\n");
    assert_string_equal(signed_text("", "/x"), "POST\n/x\n");
    assert_string_equal(signed_text("a&b=", "/x"), "POST\n/x\na=&b=");
}

static void a_broken_escape_or_too_many_parameters_are_refused(void **state)
{
    char many[1024] = "";
    query_t q;
    int i;

    (void)state;
    assert_non_null(query_read(&q, span("a=%zz"), pool));
    assert_non_null(query_read(&q, span("a=%"), pool));
    assert_non_null(query_read(&q, span("a%00=1"), pool));
    for (i = 0; i < QUERY_MAX; i++) {
        snprintf(many + strlen(many), sizeof(many) - strlen(many), "&a=%d", i);
    }
    assert_null(query_read(&q, span(many), pool));
    snprintf(many + strlen(many), sizeof(many) - strlen(many), "&z=1");
    assert_non_null(query_read(&q, span(many), pool));
}

/* "a=1&b=2" is signed for two parameters and for one. */
static void a_signature_stands_for_one_query_only(void **state)
{
    query_t q;

    (void)state;
    assert_string_equal(signed_text("a=1&b=2", "/x"), "POST\n/x\na=1&b=2");
    assert_non_null(query_read(&q, span("a=1%26b=2"), pool));
    assert_non_null(query_read(&q, span("a%26b=2"), pool));
    assert_non_null(query_read(&q, span("a%3D1=2"), pool));
    assert_string_equal(signed_text("a=1=2", "/x"), "POST\n/x\na=1=2");
    assert_string_equal(signed_text("a=1%3D2", "/x"), "POST\n/x\na=1=2");
}

static const char *json_text(const char *query)
{
    apr_size_t len;
    query_t q;
    char *text;

    assert_null(query_read(&q, span(query), pool));
    text = query_json(&q, &len, pool);
    return text == NULL ? NULL : apr_pstrmemdup(pool, text, len);
}

static void parameters_can_stand_for_a_body(void **state)
{
    (void)state;
    assert_string_equal(json_text("auth_key=k&body_md5=m&name=e&data=%22x%22"),
                        "{\"data\":\"\\\"x\\\"\",\"name\":\"e\"}");
    assert_string_equal(json_text("channels[]=a&name=n&channels%5B%5D=b"),
                        "{\"channels\":[\"a\",\"b\"],\"name\":\"n\"}");
    assert_string_equal(json_text(""), "{}");
    assert_null(json_text("name=%ff"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_documented_example_has_the_documented_signature),
        cmocka_unit_test(
            parameters_are_signed_sorted_decoded_and_in_lower_case),
        cmocka_unit_test(a_broken_escape_or_too_many_parameters_are_refused),
        cmocka_unit_test(a_signature_stands_for_one_query_only),
        cmocka_unit_test(parameters_can_stand_for_a_body),
    };
    int failed;

    apr_initialize();
    apr_pool_create(&pool, NULL);
    failed = cmocka_run_group_tests(tests, NULL, NULL);
    apr_pool_destroy(pool);
    apr_terminate();
    return failed;
}
