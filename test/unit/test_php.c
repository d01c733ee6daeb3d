/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_php.c - the token of a session, as PHP's serialize() writes it.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

#include "php.h"

static const char *text;
static size_t n;

static int member(const char *bytes)
{
    return chat_php_member(&text, &n, bytes, strlen(bytes), "_token");
}

/* What PHP 8.2 wrote for ['a' => 1, 'b' => [true, null, -2.5], 'o' => an object with
 * a private property, '_token' => 'secret', 'z' => NAN]. */
static void a_token_behind_values_of_all_kinds(void **state)
{
    static const char made[] =
        "a:5:{s:1:\"a\";i:1;s:1:\"b\";a:3:{i:0;b:1;i:1;N;i:2;d:-2.5;}"
        "s:1:\"o\";O:1:\"K\":1:{s:4:\"\0K\0v\";s:3:\"x;}\";}"
        "s:6:\"_token\";s:6:\"secret\";s:1:\"z\";d:NAN;}";

    (void)state;
    assert_true(chat_php_member(&text, &n, made, sizeof(made) - 1, "_token"));
    assert_int_equal(n, 6);
    assert_memory_equal(text, "secret", 6);
    assert_false(chat_php_member(&text, &n, made, sizeof(made) - 1, "a"));
    assert_false(chat_php_member(&text, &n, made, sizeof(made) - 1, "v"));
    for (size_t cut = 0; cut < sizeof(made) - 1; cut++) {
        assert_false(chat_php_member(&text, &n, made, cut, "_token"));
    }
}

static void only_a_key_of_the_outermost_array_counts(void **state)
{
    (void)state;
    assert_false(member("a:1:{i:0;a:1:{s:6:\"_token\";s:1:\"x\";}}"));
    assert_false(member("a:1:{i:0;s:6:\"_token\";}"));
    assert_false(member("O:1:\"K\":1:{s:6:\"_token\";s:1:\"x\";}"));
    assert_false(member("s:25:\"a:1:{s:6:\"_token\";s:1:\"x\";}\";"));
    assert_true(member("a:1:{s:6:\"_token\";s:0:\"\";}"));
    assert_int_equal(n, 0);
    assert_false(member("a:1:{s:6:\"_token\";i:7;}"));
    assert_true(member("a:2:{s:6:\"_token\";s:1:\"x\";s:6:\"_token\";s:1:\"y\";}"));
    assert_memory_equal(text, "y", 1);
    assert_false(member("a:2:{s:6:\"_token\";s:1:\"x\";s:6:\"_token\";i:1;}"));
}

static void what_is_not_well_formed_is_nothing(void **state)
{
    static const char *const wrong[] = {
        "",
        "a",
        "a:",
        "a:0:",
        "a:-1:{}",
        "a:99999999999999999999:{}",
        "a:1:{s:6:\"_token\";s:2:\"x\";}",
        "a:1:{s:6:\"_token\";s:99999999999999999999:\"x\";}",
        "a:1:{s:6:\"_token\";s:1:\"x\";}}",
        "a:1:{s:6:\"_token\";s:1:\"x\";} ",
        "a:2:{s:6:\"_token\";s:1:\"x\";}",
        "a:1:{i:0;x:1;s:6:\"_token\";s:1:\"x\";}",
        "a:1:{i:0;C:1:\"K\":9:{x}}",
    };

    (void)state;
    for (size_t i = 0; i < sizeof(wrong) / sizeof(*wrong); i++) {
        assert_false(member(wrong[i]));
    }
    assert_true(member("a:3:{i:0;C:1:\"K\":1:{x}i:1;E:3:\"K:A\";"
                       "s:6:\"_token\";s:1:\"x\";}"));
    assert_true(member("a:3:{i:0;R:1;i:1;r:2;s:6:\"_token\";s:1:\"x\";}"));
}

/* A session in an array without end must not become a stack without end. */
static void nesting_is_bounded(void **state)
{
    char deep[2000] = "a:2:{i:0;";
    int depth;

    (void)state;
    for (depth = 0; depth < CHAT_PHP_DEPTH; depth++) {
        strcat(deep, "a:1:{i:0;");
    }
    strcat(deep, "N;");
    for (depth = 0; depth < CHAT_PHP_DEPTH; depth++) {
        strcat(deep, "}");
    }
    strcat(deep, "s:6:\"_token\";s:1:\"x\";}");
    assert_true(member(deep));
    memmove(deep + 18, deep + 9, strlen(deep + 9) + 1);
    memcpy(deep + 9, "a:1:{i:0;", 9);
    *strstr(deep, "N;") = 'N';
    memmove(strstr(deep, "N;") + 3, strstr(deep, "N;") + 2,
            strlen(strstr(deep, "N;") + 2) + 1);
    strstr(deep, "N;")[2] = '}';
    assert_false(member(deep));
}

static void a_text_fills_all_of_the_bytes(void **state)
{
    (void)state;
    assert_true(chat_php_text(&text, &n, "s:2:\"a\"\";", 9));
    assert_int_equal(n, 2);
    assert_false(chat_php_text(&text, &n, "s:2:\"ab\";x", 10));
    assert_false(chat_php_text(&text, &n, "i:1;", 4));
    assert_false(chat_php_text(&text, &n, "", 0));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_token_behind_values_of_all_kinds),
        cmocka_unit_test(only_a_key_of_the_outermost_array_counts),
        cmocka_unit_test(what_is_not_well_formed_is_nothing),
        cmocka_unit_test(nesting_is_bounded),
        cmocka_unit_test(a_text_fills_all_of_the_bytes),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
