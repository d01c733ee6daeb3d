/* SPDX-License-Identifier: Apache-2.0 */
/* Names of answers: other bytes, another name; the same everywhere for one secret. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "etag.h"

static chat_etag_key_t key_of(const char *secret)
{
    chat_etag_key_t key;

    chat_etag_key(&key, secret);
    return key;
}

static void same(void **state)
{
    chat_etag_key_t a = key_of("a secret"), again = key_of("a secret");
    char one[CHAT_ETAG], two[CHAT_ETAG];

    (void)state;
    chat_etag(one, &a, "{\"data\":[]}", 11);
    chat_etag(two, &again, "{\"data\":[]}", 11);
    assert_string_equal(one, two);
    assert_int_equal(one[0], '"');
    assert_string_equal(one + 17, "-11\"");
    assert_int_equal(strlen(one), 21);
}

static void keyed(void **state)
{
    static const char *const secrets[] = { NULL, "a", "b", "a secret" };
    char names[4][CHAT_ETAG];

    (void)state;
    for (int i = 0; i < 4; i++) {
        chat_etag_key_t key = key_of(secrets[i]);

        chat_etag(names[i], &key, "text", 4);
        for (int k = 0; k < i; k++) {
            assert_string_not_equal(names[i], names[k]);
        }
    }
    chat_etag_key_t empty = key_of("");
    char name[CHAT_ETAG];

    chat_etag(name, &empty, "text", 4);
    assert_string_equal(name, names[0]);
}

/* Each bit of each byte counts, wherever blocks begin and end. */
static void bits(void **state)
{
    static char text[10000], name[CHAT_ETAG], other[CHAT_ETAG];
    static const apr_size_t lengths[] = { 1, 15, 16, 17, 31, 32, 33, 127, 128, 129, 300 };
    chat_etag_key_t key = key_of("a secret");

    (void)state;
    memset(text, 'x', sizeof(text));
    for (apr_size_t i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++) {
        apr_size_t len = lengths[i];

        chat_etag(name, &key, text, len);
        for (apr_size_t bit = 0; bit < 8 * len; bit++) {
            text[bit / 8] ^= (char)(1 << bit % 8);
            chat_etag(other, &key, text, len);
            assert_string_not_equal(name, other);
            text[bit / 8] = 'x';
        }
    }
    chat_etag(name, &key, text, sizeof(text));
    for (apr_size_t i = 0; i < sizeof(text); i += 97) {
        text[i] = 'y';
        chat_etag(other, &key, text, sizeof(text));
        assert_string_not_equal(name, other);
        text[i] = 'x';
    }
    chat_etag(name, &key, text, 0);
    chat_etag(other, &key, "", 0);
    assert_string_equal(name, other);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(same),
        cmocka_unit_test(keyed),
        cmocka_unit_test(bits),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
