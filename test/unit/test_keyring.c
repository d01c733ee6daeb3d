/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_keyring.c - keys of a file and of a program: what is taken, what is
 * refused and in which words, and that only the right key unwraps.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <apr_general.h>
#include <apr_strings.h>

#include "keyring.h"

#define A "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY="
#define B "QUJDREVGR0hJSktMTU5PUFFSU1RVVldYWVphYmNkZWY="

static const unsigned char
    data_key[CHAT_SEAL_KEY] = "a data key of thirty-two bytes.";
static apr_pool_t *pool;
static char dir[] = "/tmp/keyring.XXXXXX";

static int setup(void **state)
{
    (void)state;
    return apr_pool_create(&pool, NULL) != APR_SUCCESS || mkdtemp(dir) == NULL;
}

static int teardown(void **state)
{
    (void)state;
    apr_pool_destroy(pool);
    return rmdir(dir);
}

static chat_keyring_t *ring_of(const char *text)
{
    const char *why = NULL;
    chat_keyring_t *ring = NULL;

    if (chat_keyring_parse(&ring, text, &why, pool) != APR_SUCCESS) {
        fail_msg("%s", why);
    }
    return ring;
}

static void the_first_line_wraps_and_all_unwrap(void **state)
{
    chat_keyring_t *old = ring_of("2025 " A "\n");
    chat_keyring_t *both = ring_of("# newest first\n2026 " B
                                   " # made in May\n\n2025\t" A);
    const char *why = NULL, *first = chat_keyring_wrap(
                                old, data_key, "conversation 7", &why, pool);
    const char *second = chat_keyring_wrap(both, data_key, "conversation 7",
                                           &why, pool);
    unsigned char key[CHAT_SEAL_KEY];

    (void)state;
    assert_memory_equal(first, "2025:", 5);
    assert_memory_equal(second, "2026:", 5);
    assert_true(
        chat_keyring_unwrap(both, key, first, "conversation 7", &why, pool));
    assert_memory_equal(key, data_key, sizeof(key));
    assert_true(
        chat_keyring_unwrap(both, key, second, "conversation 7", &why, pool));
    assert_false(
        chat_keyring_unwrap(old, key, second, "conversation 7", &why, pool));
    assert_non_null(strstr(why, "2026"));
    assert_false(
        chat_keyring_unwrap(both, key, first, "conversation 8", &why, pool));
    assert_non_null(strstr(why, "conversation 8"));
    assert_false(
        chat_keyring_unwrap(both, key, "", "conversation 7", &why, pool));
    assert_false(
        chat_keyring_unwrap(both, key, "2025", "conversation 7", &why, pool));
    assert_true(chat_keyring_current(both, second));
    assert_false(chat_keyring_current(both, first));
    assert_true(chat_keyring_current(old, first));
}

static void lines_that_will_not_do_are_named(void **state)
{
    static const struct {
        const char *text, *why;
    } cases[] = {
        { "", "no key" },
        { "# nothing\n\n", "no key" },
        { "a\n", "line 1" },
        { "a " A "\nb QUJD\n", "line 2" },
        { "a " A "\na " B "\n", "two lines" },
        { "a/b " A "\n", "begins with an id" },
        { "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa " A "\n", "begins with an id" },
        { "a " A A "\n", "32 bytes" },
        { "a !!!!\n", "32 bytes" },
    };
    chat_keyring_t *ring;

    (void)state;
    for (apr_size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        const char *why = NULL;

        assert_int_not_equal(
            chat_keyring_parse(&ring, cases[i].text, &why, pool), APR_SUCCESS);
        assert_non_null(strstr(why, cases[i].why));
        assert_null(strstr(why, A));
    }
}

static const char *file_with(const char *name, const char *text, mode_t mode)
{
    const char *path = apr_pstrcat(pool, dir, "/", name, NULL);
    FILE *f = fopen(path, "w");

    fputs(text, f);
    fclose(f);
    chmod(path, mode);
    return path;
}

static void a_file_is_for_its_owner_and_group(void **state)
{
    const char *path = file_with("keys", "a " A "\n", 0640), *why = NULL;
    const char *setting = apr_pstrcat(pool, "file:", path, NULL);
    chat_keyring_t *ring;

    (void)state;
    assert_int_equal(chat_keyring_open(&ring, setting, &why, pool),
                     APR_SUCCESS);
    chmod(path, 0644);
    assert_int_not_equal(chat_keyring_open(&ring, setting, &why, pool),
                         APR_SUCCESS);
    assert_non_null(strstr(why, "chmod 640"));
    unlink(path);
    assert_int_not_equal(chat_keyring_open(&ring, setting, &why, pool),
                         APR_SUCCESS);
    assert_int_not_equal(chat_keyring_open(&ring, "keys", &why, pool),
                         APR_SUCCESS);
    assert_int_not_equal(
        chat_keyring_open(&ring, "command:/nowhere", &why, pool), APR_SUCCESS);
}

static void a_program_wraps_and_unwraps(void **state)
{
    const char *path = file_with("kms",
                                 "#!/bin/sh\nread line\ncase $1 in\n"
                                 "wrap) echo \"kms.$line\" ;;\n"
                                 "unwrap) test \"$2\" = 'conversation 7' && "
                                 "echo \"${line#kms.}\" ;;\nesac\n",
                                 0755);
    const char *why = NULL, *wrapped;
    unsigned char key[CHAT_SEAL_KEY];
    chat_keyring_t *ring;

    (void)state;
    assert_int_equal(
        chat_keyring_open(&ring, apr_pstrcat(pool, "command:", path, NULL),
                          &why, pool),
        APR_SUCCESS);
    wrapped = chat_keyring_wrap(ring, data_key, "conversation 7", &why, pool);
    assert_non_null(wrapped);
    assert_memory_equal(wrapped, "kms.", 4);
    assert_true(
        chat_keyring_unwrap(ring, key, wrapped, "conversation 7", &why, pool));
    assert_memory_equal(key, data_key, sizeof(key));
    assert_false(
        chat_keyring_unwrap(ring, key, wrapped, "conversation 8", &why, pool));
    assert_non_null(strstr(why, "conversation 8"));
    assert_true(chat_keyring_current(ring, wrapped));
    assert_false(chat_keyring_unwrap(ring, key, "kms.no-key", "conversation 7",
                                     &why, pool));
    unlink(path);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_first_line_wraps_and_all_unwrap),
        cmocka_unit_test(lines_that_will_not_do_are_named),
        cmocka_unit_test(a_file_is_for_its_owner_and_group),
        cmocka_unit_test(a_program_wraps_and_unwraps),
    };

    apr_initialize();
    return cmocka_run_group_tests(tests, setup, teardown);
}
