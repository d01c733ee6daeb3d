/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_keys.c - data keys in a database: one for each conversation, made once,
 * found again by another process, and useless without the key that wrapped
 * them.
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
#include <unistd.h>

#include "keys.h"
#include "script.h"

#define A "one MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=\n"
#define B "two QUJDREVGR0hJSktMTU5PUFFSU1RVVldYWVphYmNkZWY=\n"

static apr_pool_t *pool;
static chat_db_t *db;
static char dir[] = "/tmp/keys.XXXXXX";

static int setup(void **state)
{
    chat_db_conf_t conf = { .max = 2, .create = 1 };
    chat_db_conn_t *conn;
    const char *why;
    int failed;

    (void)state;
    apr_pool_create(&pool, NULL);
    if (mkdtemp(dir) == NULL) {
        return 1;
    }
    conf.target = apr_pstrcat(pool, "sqlite:", dir, "/chat.db", NULL);
    if (chat_db_open(&db, &conf, &why, pool) != APR_SUCCESS ||
        chat_db_acquire_to_write(&conn, db) != APR_SUCCESS) {
        return 1;
    }
    failed = chat_db_begin(conn) != APR_SUCCESS ||
             chat_db_script(
                 conn, ctl_script_body(chat_db_script_text("schema.sqlite.sql"),
                                       pool)) != APR_SUCCESS ||
             chat_db_commit(conn) != APR_SUCCESS;
    chat_db_release(conn);
    return failed;
}

static int teardown(void **state)
{
    (void)state;
    apr_pool_destroy(pool);
    for (const char *const *end =
             (const char *const[]){ "", "-wal", "-shm", NULL };
         *end != NULL; end++) {
        char *name = strcat(strcat(strcpy(malloc(64), dir), "/chat.db"), *end);

        unlink(name);
        free(name);
    }
    return rmdir(dir);
}

/* The keys as a process has them that was just started. */
static const chat_seal_about_t anywhere = { CHAT_SEAL_MESSAGE, NULL, NULL, NULL };

static chat_keys_t *fresh(const char *lines)
{
    chat_keyring_t *ring = NULL;
    chat_keys_t *keys = NULL;
    const char *why = NULL;

    assert_int_equal(chat_keyring_parse(&ring, lines, &why, pool), APR_SUCCESS);
    assert_int_equal(chat_keys_create(&keys, ring, db, pool), APR_SUCCESS);
    return keys;
}

static const char *sealed(chat_keys_t *keys, int conversation, const char *text)
{
    const char *out = NULL, *why = NULL;
    chat_seal_about_t about = { CHAT_SEAL_MESSAGE, apr_itoa(pool, conversation),
                                "3", "" };

    if (chat_keys_seal(&out, keys, chat_db_int(conversation), &about, text,
                       &why, pool) != APR_SUCCESS) {
        fail_msg("%s", why);
    }
    return out;
}

static apr_int64_t count(void)
{
    chat_db_value_t from = chat_db_int(0);
    chat_db_result_t *res;

    assert_int_equal(chat_db_query(&res, db, "keys_all", &from, 1, pool),
                     APR_SUCCESS);
    return chat_db_rows(res);
}

static void
a_conversation_has_one_key_and_another_process_finds_it(void **state)
{
    chat_keys_t *keys = fresh(A);
    const char *first = sealed(keys, 7, "hello"), *why = "";
    apr_int64_t n = count();

    (void)state;
    assert_null(strstr(first, "hello"));
    sealed(keys, 7, "again");
    sealed(fresh(A), 7, "elsewhere");
    assert_int_equal(count(), n);
    sealed(keys, 8, "another");
    assert_int_equal(count(), n + 1);
    assert_string_equal(chat_keys_open(fresh(A), first, &anywhere, &why, pool), "hello");
    assert_null(why);
    assert_string_equal(chat_keys_open(keys, "plain", &anywhere, &why, pool), "plain");
    assert_null(why);
}

static void a_key_in_the_ring_no_more_opens_nothing(void **state)
{
    const char *text = sealed(fresh(A), 9, "hello"), *why = NULL;
    const char *json = apr_pstrcat(pool, "{\"content\":\"", text, "\"}", NULL);

    (void)state;
    assert_string_equal(chat_keys_open(fresh(B), text, &anywhere, &why, pool), "");
    assert_non_null(strstr(why, "conversation 9"));
    assert_string_equal(chat_keys_open(fresh(B A), text, &anywhere, &why, pool), "hello");
    assert_string_equal(chat_keys_open_json(fresh(B A), json, NULL, &why, pool),
                        "{\"content\":\"hello\"}");
    assert_null(why);
    assert_string_equal(chat_keys_open_json(fresh(B), json, NULL, &why, pool),
                        "{\"content\":\"\",\"unreadable\":true}");
    assert_non_null(why);
    assert_string_equal(
        chat_keys_open(
            fresh(A),
            "sealed:2:99999:m.3.:QUJDREVGR0hJSktMTU5PUFFSU1RVVldYWVphYmNkZWY",
            &anywhere, &why, pool),
        "");
    assert_non_null(strstr(why, "no data key 99999"));
}

static void a_text_elsewhere_is_not_opened(void **state)
{
    chat_keys_t *keys = fresh(A);
    const char *text = sealed(keys, 11, "hello"), *why = NULL;
    chat_seal_about_t where = { CHAT_SEAL_MESSAGE, "11", "3", "" };
    chat_seal_about_t others[] = { where, where, where, where };

    (void)state;
    assert_string_equal(chat_keys_open(keys, text, &where, &why, pool), "hello");
    others[0].conversation = "12";
    others[1].author = "4";
    others[2].name = "abc";
    others[3].kind = CHAT_SEAL_TITLE;
    for (int i = 0; i < 4; i++) {
        assert_string_equal(chat_keys_open(keys, text, &others[i], &why, pool),
                            "");
        assert_non_null(strstr(why, "belongs elsewhere"));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(
            a_conversation_has_one_key_and_another_process_finds_it),
        cmocka_unit_test(a_key_in_the_ring_no_more_opens_nothing),
        cmocka_unit_test(a_text_elsewhere_is_not_opened),
    };

    apr_initialize();
    return cmocka_run_group_tests(tests, setup, teardown);
}
