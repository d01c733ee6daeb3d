/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_secret.c - tokens, digests and comparing.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>
#include <apr_general.h>

#include "secret.h"

static int setup(void **state)
{
    return apr_pool_create((apr_pool_t **)state, NULL) != APR_SUCCESS;
}

static int teardown(void **state)
{
    apr_pool_destroy(*state);
    return 0;
}

/* FIPS 180-4 and RFC 1321 print these. */
static void digests_are_the_published_ones(void **state)
{
    char sha[CHAT_SHA256_HEX];
    char md5[CHAT_MD5_HEX];

    (void)state;
    chat_sha256_hex(sha, "abc", 3);
    assert_string_equal(sha, "ba7816bf8f01cfea414140de5dae2223"
                             "b00361a396177a9cb410ff61f20015ad");
    chat_sha256_hex(sha, "", 0);
    assert_string_equal(sha, "e3b0c44298fc1c149afbf4c8996fb924"
                             "27ae41e4649b934ca495991b7852b855");
    chat_md5_hex(md5, "message digest", 14);
    assert_string_equal(md5, "f96b697d7cb7938d525a2f31aaf161d0");
}

static void a_digest_covers_bytes_after_a_nul(void **state)
{
    char one[CHAT_SHA256_HEX], other[CHAT_SHA256_HEX];

    (void)state;
    chat_sha256_hex(one, "a\0b", 3);
    chat_sha256_hex(other, "a\0c", 3);
    assert_string_not_equal(one, other);
}

static void a_token_is_base64url_of_the_bytes_asked_for(void **state)
{
    static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                   "abcdefghijklmnopqrstuvwxyz0123456789-_";
    apr_size_t bytes;
    char *token;

    for (bytes = 0; bytes < 70; bytes++) {
        token = chat_secret_token(bytes, *state);
        assert_non_null(token);
        assert_int_equal(strlen(token), (bytes * 8 + 5) / 6);
        assert_int_equal(strspn(token, alphabet), strlen(token));
    }
}

/* Two bits of the last digit are padding of 32 bytes and must be zero, or the
 * same bytes would have several spellings. */
static void a_token_ends_in_zero_padding(void **state)
{
    int i;

    for (i = 0; i < 100; i++) {
        char *token = chat_secret_token(32, *state);

        assert_non_null(strchr("AEIMQUYcgkosw048", token[42]));
    }
}

static void tokens_do_not_repeat_and_use_the_whole_alphabet(void **state)
{
    char *all = chat_secret_token(4096, *state);
    int seen[128] = { 0 };
    int distinct = 0;
    char *c;

    assert_string_not_equal(chat_secret_token(16, *state),
                            chat_secret_token(16, *state));
    for (c = all; *c != '\0'; c++) {
        distinct += seen[(int)*c]++ == 0;
    }
    assert_int_equal(distinct, 64);
}

static void equal_means_same_length_and_same_bytes(void **state)
{
    (void)state;
    assert_true(chat_secret_equal("abc", 3, "abc", 3));
    assert_true(chat_secret_equal("", 0, "", 0));
    assert_true(chat_secret_equal("a\0b", 3, "a\0b", 3));
    assert_false(chat_secret_equal("a\0b", 3, "a\0c", 3));
    assert_false(chat_secret_equal("abc", 3, "abd", 3));
    assert_false(chat_secret_equal("abc", 3, "ab", 2));
    assert_false(chat_secret_equal("", 0, "a", 1));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(digests_are_the_published_ones),
        cmocka_unit_test(a_digest_covers_bytes_after_a_nul),
        cmocka_unit_test_setup_teardown(
            a_token_is_base64url_of_the_bytes_asked_for, setup, teardown),
        cmocka_unit_test_setup_teardown(a_token_ends_in_zero_padding, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(
            tokens_do_not_repeat_and_use_the_whole_alphabet, setup, teardown),
        cmocka_unit_test(equal_means_same_length_and_same_bytes),
    };

    apr_initialize();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
