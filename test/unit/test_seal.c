/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_seal.c - sealed texts, keys and files: what goes in comes out, and
 * nothing that was touched does.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>
#include <apr_general.h>
#include <apr_strings.h>

#include "seal.h"

static const unsigned char
    key[CHAT_SEAL_KEY] = "0123456789abcdef0123456789abcde";
static const unsigned char
    other[CHAT_SEAL_KEY] = "another key, which is not right";
static apr_pool_t *pool;

static int setup(void **state)
{
    (void)state;
    return apr_pool_create(&pool, NULL) != APR_SUCCESS;
}

static int teardown(void **state)
{
    (void)state;
    apr_pool_destroy(pool);
    return 0;
}

static void a_text_comes_out_as_it_went_in(void **state)
{
    const char *const texts[] = { "", "x", "a secret, \"quoted\" \n",
                                  "\xd8\xb3\xd8\xb1" };
    chat_sealed_t sealed;
    apr_size_t len;

    (void)state;
    for (int i = 0; i < 4; i++) {
        char *text = chat_seal_text(key, "7", texts[i], strlen(texts[i]), pool);
        char *again = chat_seal_text(key, "7", texts[i], strlen(texts[i]),
                                     pool);

        assert_memory_equal(text, "sealed:1:7:", 11);
        assert_string_not_equal(text, again);
        assert_true(chat_sealed_parse(&sealed, text, strlen(text)));
        assert_string_equal(sealed.key_id, "7");
        assert_string_equal(chat_seal_open(&len, key, &sealed, pool), texts[i]);
        assert_int_equal(len, strlen(texts[i]));
        assert_null(chat_seal_open(&len, other, &sealed, pool));
    }
}

static void what_was_touched_stays_shut(void **state)
{
    char *text = chat_seal_text(key, "12", "hello", 5, pool);
    apr_size_t len = strlen(text), n;
    chat_sealed_t sealed;

    (void)state;
    for (apr_size_t i = sizeof("sealed:1:") - 1; i < len; i++) {
        char *copy = apr_pstrdup(pool, text);

        copy[i] = copy[i] == '3' ? '4' : '3';
        if (chat_sealed_parse(&sealed, copy, len)) {
            char *plain = chat_seal_open(&n, key, &sealed, pool);

            /* The last character has bits that are nobody's. */
            assert_true(plain == NULL || i == len - 1);
        }
    }
    for (apr_size_t i = 0; i < len; i++) {
        if (chat_sealed_parse(&sealed, text, i)) {
            assert_null(chat_seal_open(&n, key, &sealed, pool));
        }
    }
}

static void other_texts_are_none(void **state)
{
    const char *const texts[] = { "",
                                  "sealed:1:",
                                  "sealed:1:7",
                                  "sealed:1:7:",
                                  "sealed:1::QQ",
                                  "sealed:1:x:QQ",
                                  "sealed:2:7:QQ",
                                  "sealed:1:7:Q Q",
                                  "sealed:1:7:QQ=",
                                  "sealed:1:12345678901234567890:QQ",
                                  " sealed:1:7:QQ" };
    chat_sealed_t sealed;

    (void)state;
    for (apr_size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        assert_false(chat_sealed_parse(&sealed, texts[i], strlen(texts[i])));
    }
}

static void a_key_is_wrapped_for_one_purpose(void **state)
{
    unsigned char out[CHAT_SEAL_KEY];
    char *wrapped = chat_seal_wrap(key, "conversation 7", other, pool);
    apr_size_t len = strlen(wrapped);

    (void)state;
    assert_true(
        chat_seal_unwrap(out, key, "conversation 7", wrapped, len, pool));
    assert_memory_equal(out, other, sizeof(out));
    assert_false(
        chat_seal_unwrap(out, key, "conversation 8", wrapped, len, pool));
    assert_false(
        chat_seal_unwrap(out, other, "conversation 7", wrapped, len, pool));
    assert_false(
        chat_seal_unwrap(out, key, "conversation 7", wrapped, len - 4, pool));
    assert_false(chat_seal_unwrap(out, key, "conversation 7", "*", 1, pool));
    assert_false(chat_seal_unwrap(out, key, "conversation 7", "", 0, pool));
}

static const unsigned char *find(void *baton, const char *key_id)
{
    (void)baton;
    return strcmp(key_id, "7") == 0 ? key : NULL;
}

static void strings_of_json_are_opened_where_they_stand(void **state)
{
    const char *sealed = chat_seal_text(key, "7", "a \"b\"\n", 6, pool);
    const char *foreign = chat_seal_text(key, "8", "x", 1, pool);
    const char *json = apr_pstrcat(
        pool, "{\"content\":\"", sealed, "\",\"n\":[{\"content\":\"", foreign,
        "\"},\"c\",{\"content\":\"see "
        ":\\\"sealed:1:7:QQ\\\"\",\"body\":\"sealed:1: no\"}]}",
        NULL);
    int failed = 0;

    (void)state;
    assert_string_equal(
        chat_seal_open_json(json, find, NULL, &failed, pool),
        "{\"content\":\"a \\\"b\\\"\\n\",\"n\":[{\"content\":\"\"},\"c\","
        "{\"content\":\"see :\\\"sealed:1:7:QQ\\\"\",\"body\":\"sealed:1: "
        "no\"}]}");
    assert_int_equal(failed, 1);
    json = apr_pstrcat(pool, "{\"a\" : \"", sealed, "\", \"b\":\t \"", sealed,
                       "\", \"l\": [\"sealed:1:7:QQ\"]}", NULL);
    assert_string_equal(chat_seal_open_json(json, find, NULL, NULL, pool),
                        "{\"a\" : \"a \\\"b\\\"\\n\", \"b\":\t \"a "
                        "\\\"b\\\"\\n\", \"l\": [\"sealed:1:7:QQ\"]}");
    json = "{\"content\":\"plain\"}";
    assert_ptr_equal(chat_seal_open_json(json, find, NULL, NULL, pool), json);
    json = "{\"content\":\"sealed:1:7:QQ";
    assert_string_equal(chat_seal_open_json(json, find, NULL, NULL, pool),
                        json);
}

static void a_file_is_opened_block_by_block(void **state)
{
    const apr_int64_t sizes[] = { 0, 1, CHAT_SEAL_BLOCK, CHAT_SEAL_BLOCK + 1,
                                  3 * CHAT_SEAL_BLOCK - 5 };
    unsigned char *in = malloc(CHAT_SEAL_BLOCK),
                  *out = malloc(CHAT_SEAL_BLOCK + CHAT_SEAL_TAG);
    unsigned char *back = malloc(CHAT_SEAL_BLOCK);

    (void)state;
    memset(in, 'x', CHAT_SEAL_BLOCK);
    for (int i = 0; i < 5; i++) {
        chat_seal_head_t head, read;
        apr_int64_t at = CHAT_SEAL_HEAD, n = 0;

        assert_true(
            chat_seal_head_make(&head, "1234567890123456789", sizes[i]));
        assert_true(chat_seal_head_parse(&read, head.bytes, CHAT_SEAL_HEAD));
        assert_int_equal(read.size, sizes[i]);
        assert_string_equal(read.key_id, "1234567890123456789");
        do {
            apr_int64_t left = sizes[i] - n * CHAT_SEAL_BLOCK;
            apr_size_t len = left > CHAT_SEAL_BLOCK ? CHAT_SEAL_BLOCK
                                                    : (apr_size_t)left;

            assert_int_equal(chat_seal_block_at(n), at);
            assert_true(chat_seal_block(out, key, &head, n, in, len));
            assert_true(chat_seal_block_open(back, key, &read, n, out,
                                             len + CHAT_SEAL_TAG));
            assert_memory_equal(back, in, len);
            assert_false(chat_seal_block_open(back, key, &read, n + 1, out,
                                              len + CHAT_SEAL_TAG));
            assert_false(chat_seal_block_open(back, other, &read, n, out,
                                              len + CHAT_SEAL_TAG));
            read.bytes[47] ^= 1; /* another size, another file */
            assert_false(chat_seal_block_open(back, key, &read, n, out,
                                              len + CHAT_SEAL_TAG));
            read.bytes[47] ^= 1;
            at += (apr_int64_t)len + CHAT_SEAL_TAG;
            n++;
        } while (n * CHAT_SEAL_BLOCK < sizes[i]);
        assert_int_equal(chat_seal_file_size(&head), at);
    }
    free(in);
    free(out);
    free(back);
}

static void heads_that_are_none(void **state)
{
    chat_seal_head_t head, read;

    (void)state;
    assert_false(chat_seal_head_make(&head, "", 1));
    assert_false(chat_seal_head_make(&head, "x", 1));
    assert_false(chat_seal_head_make(&head, "1", -1));
    assert_true(chat_seal_head_make(&head, "1", 5));
    assert_false(chat_seal_head_parse(&read, head.bytes, CHAT_SEAL_HEAD - 1));
    for (int i = 0; i < CHAT_SEAL_HEAD; i++) {
        int random = i >= 48 && i < 56, size = i >= 40 && i < 48, id = i == 16;

        head.bytes[i] ^= 0x41;
        if (!random && !size && !id) {
            assert_false(
                chat_seal_head_parse(&read, head.bytes, CHAT_SEAL_HEAD));
        }
        head.bytes[i] ^= 0x41;
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_text_comes_out_as_it_went_in),
        cmocka_unit_test(what_was_touched_stays_shut),
        cmocka_unit_test(other_texts_are_none),
        cmocka_unit_test(a_key_is_wrapped_for_one_purpose),
        cmocka_unit_test(strings_of_json_are_opened_where_they_stand),
        cmocka_unit_test(a_file_is_opened_block_by_block),
        cmocka_unit_test(heads_that_are_none),
    };

    apr_initialize();
    return cmocka_run_group_tests(tests, setup, teardown);
}
