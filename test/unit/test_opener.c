/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_opener.c - sealed texts of events on their way to sockets: opened with
 * the right key, "" with another one, and the log says so once.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <apr_general.h>
#include <apr_strings.h>

#include "keys.h"
#include "opener.h"
#include "script.h"

static apr_pool_t *pool;
static const char *target;
static char dir[] = "/tmp/opener.XXXXXX";
static int lines;

static void count_line(int trouble, const char *line)
{
    assert_true(trouble);
    assert_null(strstr(line, "hello"));
    lines++;
}

/* A file of keys, in the form of a setting. */
static const char *ring_file(const char *name, const char *text)
{
    const char *path = apr_pstrcat(pool, dir, "/", name, NULL);
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);

    assert_int_equal(write(fd, text, strlen(text)), strlen(text));
    close(fd);
    return apr_pstrcat(pool, "file:", path, NULL);
}

static chat_db_t *schema_made(void)
{
    const chat_db_conf_t conf = { .target = target, .max = 1, .create = 1 };
    chat_db_conn_t *conn;
    const char *why;
    chat_db_t *db;

    assert_int_equal(chat_db_open(&db, &conf, &why, pool), APR_SUCCESS);
    assert_int_equal(chat_db_acquire_to_write(&conn, db), APR_SUCCESS);
    assert_int_equal(chat_db_begin(conn), APR_SUCCESS);
    assert_int_equal(
        chat_db_script(
            conn,
            ctl_script_body(chat_db_script_text("schema.sqlite.sql"), pool)),
        APR_SUCCESS);
    assert_int_equal(chat_db_commit(conn), APR_SUCCESS);
    chat_db_release(conn);
    return db;
}

static void sealed_texts_of_events_are_opened(void **state)
{
    const chat_seal_about_t about = { CHAT_SEAL_MESSAGE, "7", "3", "" };
    const char *right, *wrong, *text, *payload, *why = NULL;
    push_opener_t *opener;
    chat_keyring_t *ring;
    chat_keys_t *keys;
    chat_db_t *db;

    (void)state;
    target = apr_pstrcat(pool, "sqlite:", dir, "/chat.db", NULL);
    right = ring_file("right",
                      "a MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=\n");
    wrong = ring_file("wrong",
                      "b QUJDREVGR0hJSktMTU5PUFFSU1RVVldYWVphYmNkZWY=\n");
    db = schema_made();
    assert_int_equal(chat_keyring_open(&ring, right, &why, pool), APR_SUCCESS);
    assert_int_equal(chat_keys_create(&keys, ring, db, pool), APR_SUCCESS);
    assert_int_equal(
        chat_keys_seal(&text, keys, chat_db_int(7), &about, "hello", &why, pool),
        APR_SUCCESS);
    payload = apr_pstrcat(pool, "{\"message\":{\"content\":\"", text, "\"}}",
                          NULL);

    assert_int_equal(
        push_opener_create(&opener, target, right, count_line, &why, pool),
        APR_SUCCESS);
    assert_string_equal(push_opener_open(opener, payload, pool),
                        "{\"message\":{\"content\":\"hello\"}}");
    assert_string_equal(push_opener_open(opener, "{\"content\":\"x\"}", pool),
                        "{\"content\":\"x\"}");
    assert_int_equal(lines, 0);

    assert_int_equal(
        push_opener_create(&opener, target, wrong, count_line, &why, pool),
        APR_SUCCESS);
    assert_string_equal(push_opener_open(opener, payload, pool),
                        "{\"message\":{\"content\":\"\",\"unreadable\":true}}");
    assert_string_equal(push_opener_open(opener, payload, pool),
                        "{\"message\":{\"content\":\"\",\"unreadable\":true}}");
    assert_int_equal(lines, 1);

    assert_int_not_equal(push_opener_create(&opener, target, "file:/nowhere",
                                            count_line, &why, pool),
                         APR_SUCCESS);
    assert_non_null(strstr(why, "/nowhere"));
}

static int setup(void **state)
{
    (void)state;
    return apr_pool_create(&pool, NULL) != APR_SUCCESS || mkdtemp(dir) == NULL;
}

static int teardown(void **state)
{
    static const char *const names[] = { "/chat.db", "/chat.db-wal",
                                         "/chat.db-shm", "/right", "/wrong" };

    (void)state;
    apr_pool_destroy(pool);
    for (int i = 0; i < 5; i++) {
        char name[64];

        strcat(strcpy(name, dir), names[i]);
        unlink(name);
    }
    return rmdir(dir);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sealed_texts_of_events_are_opened),
    };

    apr_initialize();
    return cmocka_run_group_tests(tests, setup, teardown);
}
