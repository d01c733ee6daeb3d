/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_retention.c - old events leave a real SQLite database, and no others.
 *
 * Another program is played by a plain sqlite3 handle; the log is the one of
 * the schema that everybody uses.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <pthread.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <apr_general.h>
#include <apr_strings.h>
#include <apr_time.h>

#include "db.h"
#include "retention.h"

#define WEEK 604800
#define PATIENCE apr_time_from_sec(20)

typedef struct {
    apr_pool_t *p;
    char dir[40];
    const char *file;
    sqlite3 *other; /* the other program */
    push_retention_conf_t conf;
    push_retention_t *ret;
} world_t;

static world_t w;
static apr_int64_t upto; /* atomic */

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static char log_text[2048];

static void log_line(int trouble, const char *line)
{
    size_t len;

    pthread_mutex_lock(&lock);
    len = strlen(log_text);
    snprintf(log_text + len, sizeof(log_text) - len, "%s%s\n",
             trouble ? "! " : "", line);
    pthread_mutex_unlock(&lock);
}

static int logged(const char *text)
{
    const char *at = log_text;
    int n = 0;

    pthread_mutex_lock(&lock);
    while ((at = strstr(at, text)) != NULL) {
        n++;
        at++;
    }
    pthread_mutex_unlock(&lock);
    return n;
}

static apr_int64_t upto_get(void *baton)
{
    (void)baton;
    return __atomic_load_n(&upto, __ATOMIC_RELAXED);
}

static void sql(const char *text)
{
    char *error = NULL;

    if (sqlite3_exec(w.other, text, NULL, NULL, &error) != SQLITE_OK) {
        fail_msg("%s: %s", text, error);
    }
}

static apr_int64_t number(const char *text)
{
    sqlite3_stmt *stmt;
    apr_int64_t n;

    assert_int_equal(sqlite3_prepare_v2(w.other, text, -1, &stmt, NULL),
                     SQLITE_OK);
    assert_int_equal(sqlite3_step(stmt), SQLITE_ROW);
    n = sqlite3_column_int64(stmt, 0);
    sqlite3_finalize(stmt);
    return n;
}

/* The ids that are left, "1,2,3". */
static void left_are(const char *want)
{
    sqlite3_stmt *stmt;

    assert_int_equal(sqlite3_prepare_v2(w.other,
                                        "SELECT coalesce(group_concat(id), '') "
                                        "FROM (SELECT id FROM chat_events "
                                        "ORDER BY id)",
                                        -1, &stmt, NULL),
                     SQLITE_OK);
    assert_int_equal(sqlite3_step(stmt), SQLITE_ROW);
    assert_string_equal((const char *)sqlite3_column_text(stmt, 0), want);
    sqlite3_finalize(stmt);
}

/* So many events, each of an age given by an expression of its number i. */
static void insert(int n, const char *seconds)
{
    char text[512];

    snprintf(text, sizeof(text),
             "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n "
             "WHERE i < %d) INSERT INTO chat_events (event, conversation_id, "
             "channels, payload, created_at) SELECT 'E', 1, '[\"c\"]', "
             "'{\"of\":\"some length, as events are\"}', "
             "strftime('%%Y-%%m-%%d %%H:%%M:%%f', 'now', -(%s) || ' seconds') "
             "FROM n",
             n, seconds);
    sql(text);
}

static int setup(void **state)
{
    const char *schema = chat_db_script_text("schema.sqlite.sql");
    const char *why = NULL;

    (void)state;
    memset(&w, 0, sizeof(w));
    log_text[0] = '\0';
    upto = APR_INT64_MAX;
    apr_pool_create(&w.p, NULL);
    strncpy(w.dir, "/tmp/test_retention-XXXXXX", sizeof(w.dir) - 1);
    assert_non_null(mkdtemp(w.dir));
    w.file = apr_pstrcat(w.p, w.dir, "/chat.db", NULL);
    assert_int_equal(sqlite3_open(w.file, &w.other), SQLITE_OK);
    sqlite3_busy_timeout(w.other, 5000);
    sql(schema);
    w.conf.database = apr_pstrcat(w.p, "sqlite:", w.file, NULL);
    w.conf.upto = upto_get;
    w.conf.log = log_line;
    if (push_retention_create(&w.ret, &w.conf, WEEK, &why, w.p) !=
        APR_SUCCESS) {
        fail_msg("%s", why);
    }
    return 0;
}

static int teardown(void **state)
{
    static const char *const ends[] = { "", "-wal", "-shm", ".away" };
    char name[64];
    int i;

    (void)state;
    apr_pool_destroy(w.p);
    sqlite3_close(w.other);
    for (i = 0; i < 4; i++) {
        snprintf(name, sizeof(name), "%s/chat.db%s", w.dir, ends[i]);
        unlink(name);
    }
    return rmdir(w.dir);
}

static void stop(void)
{
    push_chore_t *chore = push_retention_chore(w.ret);

    push_chores_stop(&chore, 1);
}

static push_retention_counters_t counters(void)
{
    push_retention_counters_t c;

    push_retention_counters(w.ret, &c);
    return c;
}

static void what_is_old_goes_and_what_is_young_stays(void **state)
{
    (void)state;
    insert(3, "604800 + 60");
    insert(3, "604800 - 60");
    assert_int_equal(push_retention_sweep(w.ret), APR_SUCCESS);
    left_are("4,5,6");
    assert_int_equal(counters().removed, 3);
    assert_in_range(counters().oldest, WEEK - 61, WEEK - 30);
    assert_string_equal(log_text, "retention: 3 events older than 604800 s "
                                  "removed from the log, up to id 3\n");
    assert_int_equal(push_retention_sweep(w.ret), APR_SUCCESS);
    assert_int_equal(logged("\n"), 1); /* nothing to tell the second time */
}

/* More than a batch, and not a multiple of one. */
static void many_go_batch_by_batch(void **state)
{
    apr_int64_t log_end;

    (void)state;
    insert(2 * PUSH_RETENTION_BATCH + 7, "604800 + 60");
    log_end = number("SELECT max(id) FROM chat_events");
    assert_int_equal(push_retention_sweep(w.ret), APR_SUCCESS);
    left_are("");
    assert_int_equal(counters().removed, log_end);
    assert_int_equal(counters().oldest, 0);
    /* The log has not forgotten how far it was. */
    insert(1, "0");
    assert_int_equal(number("SELECT max(id) FROM chat_events"), log_end + 1);
}

/* Whoever reads concludes from the first id that is there on all before it. An
 * old row behind a young one (a clock was put back, a long transaction) waits.
 */
static void only_the_beginning_goes(void **state)
{
    (void)state;
    insert(4, "CASE WHEN i = 3 THEN 0 ELSE 604800 + 60 END");
    assert_int_equal(push_retention_sweep(w.ret), APR_SUCCESS);
    left_are("3,4");
}

static void a_time_that_cannot_be_read_keeps_nobody(void **state)
{
    (void)state;
    insert(3, "604800 + 60");
    insert(1, "0");
    sql("UPDATE chat_events SET created_at = 'yesterday' WHERE id IN (1, 3);"
        "UPDATE chat_events SET created_at = '2020-01-01T00:00:00Z' "
        "WHERE id = 2");
    assert_int_equal(push_retention_sweep(w.ret), APR_SUCCESS);
    left_are("4");
}

static void what_was_not_relayed_stays(void **state)
{
    (void)state;
    insert(1000, "604800 + 60");
    upto = 0;
    assert_int_equal(push_retention_sweep(w.ret), APR_SUCCESS);
    assert_int_equal(counters().removed, 0);
    upto = 998;
    assert_int_equal(push_retention_sweep(w.ret), APR_SUCCESS);
    left_are("999,1000");
    assert_true(counters().oldest >= WEEK); /* and somebody can see it */
}

static void a_window_of_nothing_keeps_all(void **state)
{
    (void)state;
    insert(2, "90000000");
    push_retention_follow(w.ret, 0);
    assert_int_equal(push_retention_sweep(w.ret), APR_SUCCESS);
    left_are("1,2");
}

/* The freed pages are used again: a log of the same size fits where the one
 * before was. */
static void the_file_does_not_grow(void **state)
{
    apr_int64_t pages;
    int i;

    (void)state;
    insert(5000, "604800 + 60");
    assert_int_equal(push_retention_sweep(w.ret), APR_SUCCESS);
    pages = number("PRAGMA page_count");
    for (i = 0; i < 3; i++) {
        insert(5000, "604800 + 60");
        assert_int_equal(push_retention_sweep(w.ret), APR_SUCCESS);
    }
    left_are("");
    assert_int_equal(counters().removed, 20000);
    assert_true(pages > 50);
    assert_in_range(number("PRAGMA page_count"), 1, pages * 11 / 10);
}

static void a_database_that_is_away_is_told_once_and_tried_again(void **state)
{
    char *away = apr_pstrcat(w.p, w.file, ".away", NULL);

    (void)state;
    insert(2, "604800 + 60");
    sqlite3_close(w.other); /* all of it is in the one file then */
    w.other = NULL;
    assert_int_equal(rename(w.file, away), 0);
    assert_int_equal(push_retention_sweep(w.ret), CHAT_DB_EAWAY);
    assert_int_equal(push_retention_sweep(w.ret), CHAT_DB_EAWAY);
    assert_int_equal(logged("! retention: cannot clear the event log"), 1);
    assert_int_equal(counters().failures, 2);
    assert_int_equal(rename(away, w.file), 0);
    assert_int_equal(push_retention_sweep(w.ret), APR_SUCCESS);
    assert_int_equal(logged("again"), 2); /* "trying again", "again" */
    assert_int_equal(counters().removed, 2);
    assert_int_equal(sqlite3_open(w.file, &w.other), SQLITE_OK);
    left_are("");
}

/* Others write first; that is no trouble of anybody. */
static void a_database_that_is_busy_is_tried_later_in_silence(void **state)
{
    (void)state;
    insert(2, "604800 + 60");
    sql("BEGIN IMMEDIATE");
    assert_int_equal(push_retention_sweep(w.ret), CHAT_DB_EBUSY);
    sql("COMMIT");
    assert_string_equal(log_text, "");
    assert_int_equal(push_retention_sweep(w.ret), APR_SUCCESS);
    left_are("");
}

/* The thread sleeps a minute at first, so only another window can be why. */
static void another_window_holds_at_once_and_a_stop_does_not_wait(void **state)
{
    apr_time_t begun;

    (void)state;
    insert(5, "7200");
    assert_int_equal(push_chore_start(push_retention_chore(w.ret)), APR_SUCCESS);
    push_retention_follow(w.ret, 3600);
    begun = apr_time_now();
    while (counters().removed < 5) {
        assert_true(apr_time_now() < begun + PATIENCE);
        apr_sleep(apr_time_from_msec(5));
    }
    begun = apr_time_now();
    stop();
    assert_true(apr_time_now() - begun < PATIENCE);
    left_are("");
}

/* A stop in the middle of much leaves a log whose beginning is gone. */
static void a_stop_between_two_batches_leaves_a_log(void **state)
{
    apr_int64_t first;

    (void)state;
    insert(40 * PUSH_RETENTION_BATCH, "604800 + 60");
    assert_int_equal(push_chore_start(push_retention_chore(w.ret)), APR_SUCCESS);
    push_retention_follow(w.ret, WEEK);
    while (counters().removed == 0) {
        apr_sleep(apr_time_from_msec(1));
    }
    stop();
    first = number("SELECT min(id) FROM chat_events");
    assert_int_equal(first, (apr_int64_t)counters().removed + 1);
    assert_int_equal(number("SELECT count(*) FROM chat_events"),
                     40 * PUSH_RETENTION_BATCH - first + 1);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(what_is_old_goes_and_what_is_young_stays),
        TEST(many_go_batch_by_batch),
        TEST(only_the_beginning_goes),
        TEST(a_time_that_cannot_be_read_keeps_nobody),
        TEST(what_was_not_relayed_stays),
        TEST(a_window_of_nothing_keeps_all),
        TEST(the_file_does_not_grow),
        TEST(a_database_that_is_away_is_told_once_and_tried_again),
        TEST(a_database_that_is_busy_is_tried_later_in_silence),
        TEST(another_window_holds_at_once_and_a_stop_does_not_wait),
        TEST(a_stop_between_two_batches_leaves_a_log),
    };

    apr_initialize();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
