/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_chore.c - what all chores share, with one that only asks how old the
 * oldest event of a SQLite database is. What each does is tested where it is.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <apr_general.h>
#include <apr_strings.h>
#include <apr_time.h>

#include "chore.h"

#define HOUR_MS 3600000
#define PATIENCE apr_time_from_sec(20)

static apr_pool_t *pool;
static char file[64];
static push_chore_conf_t conf;
static push_chore_t *chore;
static char said[1024];

/* Of the chore's thread; read while it has not begun or has ended. */
static chat_db_t *used;       /* by the last round */
static apr_status_t answer;   /* instead of the database's, when not 0 */
static int left;              /* batches that say there are more */
static int rounds;            /* atomic */

static void note(int trouble, const char *line)
{
    apr_size_t len = strlen(said);

    snprintf(said + len, sizeof(said) - len, "%s%s\n", trouble ? "! " : "",
             line);
}

static apr_status_t batch(void *baton, int *more)
{
    push_chore_t *c = baton;

    *more = left-- > 0;
    return chat_db_query(NULL, push_chore_db(c), "retention_oldest", NULL, 0,
                         push_chore_pool(c));
}

static apr_status_t one_round(push_chore_t *c, void *baton)
{
    (void)baton;
    used = push_chore_db(c);
    __atomic_fetch_add(&rounds, 1, __ATOMIC_RELAXED);
    return answer != APR_SUCCESS ? answer : push_chore_batches(c, batch, c);
}

static int rounds_now(void)
{
    return __atomic_load_n(&rounds, __ATOMIC_RELAXED);
}

static void rounds_wait(int n)
{
    apr_time_t begun = apr_time_now();

    while (rounds_now() < n) {
        assert_true(apr_time_now() < begun + PATIENCE);
        apr_sleep(apr_time_from_msec(2));
    }
}

static void make_file(const char *schema)
{
    sqlite3 *db;

    assert_int_equal(sqlite3_open(file, &db), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db, schema, NULL, NULL, NULL), SQLITE_OK);
    sqlite3_close(db);
}

static int setup(void **state)
{
    const char *why = NULL;

    (void)state;
    said[0] = '\0';
    used = NULL;
    answer = APR_SUCCESS;
    rounds = left = 0;
    apr_pool_create(&pool, NULL);
    snprintf(file, sizeof(file), "/tmp/test_chore-%d.db", (int)getpid());
    make_file(chat_db_script_text("schema.sqlite.sql"));
    memset(&conf, 0, sizeof(conf));
    conf.name = "asking";
    conf.trouble = "cannot ask";
    conf.again = "can ask again";
    conf.database = apr_pstrcat(pool, "sqlite:", file, NULL);
    conf.every_ms = conf.failed_ms = conf.failed_most_ms = HOUR_MS;
    conf.rest_least_ms = conf.rest_most_ms = 1;
    conf.round = one_round;
    conf.log = note;
    assert_int_equal(push_chore_create(&chore, &conf, &why, pool),
                     APR_SUCCESS);
    return 0;
}

static int teardown(void **state)
{
    static const char *const ends[] = { "", "-wal", "-shm" };
    char name[80];
    int i;

    (void)state;
    apr_pool_destroy(pool);
    for (i = 0; i < 3; i++) {
        snprintf(name, sizeof(name), "%s%s", file, ends[i]);
        unlink(name);
    }
    return 0;
}

static void trouble_is_told_once_and_counted_each_time(void **state)
{
    (void)state;
    assert_int_equal(unlink(file), 0);
    assert_int_equal(push_chore_round(chore), CHAT_DB_EAWAY);
    assert_int_equal(push_chore_round(chore), CHAT_DB_EAWAY);
    assert_int_equal(push_chore_failures(chore), 2);
    assert_memory_equal(said, "! asking: cannot ask, trying again: ", 36);
    assert_int_equal(strchr(said, '\n')[1], '\0');
    said[0] = '\0';
    make_file(chat_db_script_text("schema.sqlite.sql"));
    assert_int_equal(push_chore_round(chore), APR_SUCCESS);
    assert_int_equal(push_chore_round(chore), APR_SUCCESS);
    assert_string_equal(said, "asking: can ask again\n");
    assert_int_equal(push_chore_failures(chore), 2);
}

/* Nobody looked, so nobody knows. */
static void a_round_that_does_not_look_takes_no_trouble_back(void **state)
{
    (void)state;
    answer = CHAT_DB_EAWAY;
    push_chore_round(chore);
    said[0] = '\0';
    answer = PUSH_CHORE_IDLE;
    assert_int_equal(push_chore_round(chore), APR_SUCCESS);
    assert_string_equal(said, "");
    answer = APR_SUCCESS;
    assert_int_equal(push_chore_round(chore), APR_SUCCESS);
    assert_string_equal(said, "asking: can ask again\n");
}

/* A database without the table is trouble for those who must have it. */
static void tables_that_may_lack_are_no_trouble(void **state)
{
    (void)state;
    assert_int_equal(unlink(file), 0);
    make_file("CREATE TABLE other (id)");
    conf.optional = 1;
    assert_int_equal(push_chore_round(chore), CHAT_DB_ESQL);
    assert_string_equal(said, "");
    assert_int_equal(push_chore_failures(chore), 0);
    conf.optional = 0;
    assert_int_equal(push_chore_round(chore), CHAT_DB_ESQL);
    assert_string_not_equal(said, "");
    assert_int_equal(push_chore_failures(chore), 1);
}

/* How many descriptors of the database's file are open here. */
static int connections(void)
{
    char link[64], name[80];
    int fd, n = 0;

    for (fd = 0; fd < 256; fd++) {
        ssize_t len;

        snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
        len = readlink(link, name, sizeof(name) - 1);
        name[len > 0 ? len : 0] = '\0';
        n += !strcmp(name, file);
    }
    return n;
}

static void a_connection_is_kept_by_those_who_keep_one_until_they_fail(
    void **state)
{
    (void)state;
    push_chore_round(chore);
    assert_int_equal(connections(), 0);
    conf.keeps = 1;
    push_chore_round(chore);
    assert_int_equal(connections(), 1);
    push_chore_round(chore);
    assert_int_equal(connections(), 1);
    answer = CHAT_DB_EAWAY;
    push_chore_round(chore);
    assert_int_equal(connections(), 0);
}

/* The wait is an hour, so only the nudge can be why. */
static void a_nudge_is_a_round_at_once_and_a_stop_does_not_wait(void **state)
{
    apr_time_t begun;

    (void)state;
    conf.first_ms = HOUR_MS;
    assert_int_equal(push_chore_start(chore), APR_SUCCESS);
    push_chore_nudge(chore);
    rounds_wait(1);
    push_chore_nudge(chore);
    rounds_wait(2);
    begun = apr_time_now();
    push_chores_stop(&chore, 1);
    assert_true(apr_time_now() < begun + PATIENCE);
    assert_int_equal(rounds_now(), 2);
    push_chores_stop(&chore, 1); /* once more does no harm */
}

static void the_first_round_may_be_at_once(void **state)
{
    (void)state;
    assert_int_equal(push_chore_start(chore), APR_SUCCESS);
    rounds_wait(1);
    push_chores_stop(&chore, 1);
}

/* Batches that rest for an hour each. */
static void a_stop_or_a_nudge_ends_a_rest(void **state)
{
    (void)state;
    conf.rest_least_ms = conf.rest_most_ms = HOUR_MS;
    left = 1000;
    assert_int_equal(push_chore_start(chore), APR_SUCCESS);
    rounds_wait(1);
    push_chore_nudge(chore);
    rounds_wait(2);
    push_chores_stop(&chore, 1);
    assert_in_range(left, 1000 - 3, 1000 - 2);
}

static void batches_go_on_until_the_last(void **state)
{
    (void)state;
    left = 3;
    assert_int_equal(push_chore_round(chore), APR_SUCCESS);
    assert_int_equal(left, -1);
}

static void one_that_never_started_may_be_stopped(void **state)
{
    (void)state;
    push_chores_stop(&chore, 1);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(trouble_is_told_once_and_counted_each_time),
        TEST(a_round_that_does_not_look_takes_no_trouble_back),
        TEST(tables_that_may_lack_are_no_trouble),
        TEST(a_connection_is_kept_by_those_who_keep_one_until_they_fail),
        TEST(a_nudge_is_a_round_at_once_and_a_stop_does_not_wait),
        TEST(the_first_round_may_be_at_once),
        TEST(a_stop_or_a_nudge_ends_a_rest),
        TEST(batches_go_on_until_the_last),
        TEST(one_that_never_started_may_be_stopped),
    };

    apr_initialize();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
