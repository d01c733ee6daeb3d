/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_membership.c - questions to a real SQLite database, answers on a loop.
 *
 * Of the schema only what the statement names is there.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <pthread.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include <apr_general.h>
#include <apr_strings.h>

#include "membership.h"

static apr_pool_t *pool;
static push_loop_t *loop;
static pthread_t thread;
static push_membership_t *membership;
static char dir[40];
static const char *file;
static int troubles, news; /* atomic: lines of the log */

static void log_line(int trouble, const char *line)
{
    assert_non_null(line);
    __atomic_add_fetch(trouble ? &troubles : &news, 1, __ATOMIC_SEQ_CST);
}

static void *run(void *baton)
{
    push_loop_run(baton);
    return NULL;
}

static void database_make(void)
{
    sqlite3 *db;

    assert_int_equal(sqlite3_open(file, &db), SQLITE_OK);
    assert_int_equal(
        sqlite3_exec(db,
                     "CREATE TABLE chat_conversations (id, message_count);"
                     "CREATE TABLE chat_members (conversation_id, user_id);"
                     "INSERT INTO chat_conversations VALUES (7, 0), (8, 0), "
                     "('a-b', 0);"
                     "INSERT INTO chat_members VALUES (7, 41), ('a-b', 'u_1');",
                     NULL, NULL, NULL),
        SQLITE_OK);
    sqlite3_close(db);
}

static int setup(void **state)
{
    const char *why = NULL;

    (void)state;
    troubles = news = 0;
    apr_pool_create(&pool, NULL);
    strcpy(dir, "/tmp/test_membership-XXXXXX");
    assert_non_null(mkdtemp(dir));
    file = apr_pstrcat(pool, dir, "/chat.db", NULL);
    assert_int_equal(push_loop_create(&loop, 0, pool), APR_SUCCESS);
    if (push_membership_create(&membership,
                               apr_pstrcat(pool, "sqlite:", file, NULL),
                               log_line, &why, pool) != APR_SUCCESS) {
        fail_msg("%s", why);
    }
    assert_int_equal(push_membership_start(membership), APR_SUCCESS);
    pthread_create(&thread, NULL, run, loop);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    push_membership_stop(membership);
    push_loop_stop(loop);
    pthread_join(thread, NULL);
    apr_pool_destroy(pool);
    unlink(file);
    return rmdir(dir);
}

typedef struct {
    push_membership_ask_t ask; /* first */
    int done;                  /* under lock */
} question_t;

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t answered = PTHREAD_COND_INITIALIZER;
static int order[8], norder; /* whose answers came, under lock */

static void done(push_loop_t *l, push_task_t *task)
{
    question_t *q = (question_t *)(void *)task;

    assert_ptr_equal(l, loop);
    pthread_mutex_lock(&lock);
    q->done = 1;
    order[norder++ % 8] = q->ask.conversation[0];
    pthread_cond_broadcast(&answered);
    pthread_mutex_unlock(&lock);
}

static int put_to(push_membership_t *to, question_t *q, const char *user,
                  const char *conversation)
{
    memset(q, 0, sizeof(*q));
    q->ask.task.run = done;
    q->ask.loop = loop;
    q->ask.user = user;
    q->ask.conversation = conversation;
    return push_membership_ask(to, &q->ask);
}

static int put(question_t *q, const char *user, const char *conversation)
{
    return put_to(membership, q, user, conversation);
}

static push_membership_verdict_t wait_for(question_t *q)
{
    pthread_mutex_lock(&lock);
    while (!q->done) {
        pthread_cond_wait(&answered, &lock);
    }
    pthread_mutex_unlock(&lock);
    return q->ask.verdict;
}

static push_membership_verdict_t verdict(const char *user,
                                         const char *conversation)
{
    question_t q;

    assert_true(put(&q, user, conversation));
    return wait_for(&q);
}

static void members_and_nobody_else(void **state)
{
    (void)state;
    database_make();
    assert_int_equal(verdict("41", "7"), PUSH_MEMBERSHIP_YES);
    assert_int_equal(verdict("u_1", "a-b"), PUSH_MEMBERSHIP_YES);
    assert_int_equal(verdict("41", "8"), PUSH_MEMBERSHIP_NO);
    assert_int_equal(verdict("42", "7"), PUSH_MEMBERSHIP_NO);
    assert_int_equal(verdict("41", "9"), PUSH_MEMBERSHIP_NO);
    assert_int_equal(verdict("41", "a-b"), PUSH_MEMBERSHIP_NO);
    assert_int_equal(troubles, 0);
}

/* Events go to the channel of the id as the database writes it. */
static void an_id_written_otherwise_is_another(void **state)
{
    (void)state;
    database_make();
    assert_int_equal(verdict("41", "007"), PUSH_MEMBERSHIP_NO);
    assert_int_equal(verdict("41", "7 "), PUSH_MEMBERSHIP_NO);
    assert_int_equal(verdict("41", "99999999999999999999"), PUSH_MEMBERSHIP_NO);
}

/* Nobody is let in, nobody is told that they may not for good. */
static void a_database_that_is_away_is_unknown(void **state)
{
    (void)state;
    assert_int_equal(verdict("41", "7"), PUSH_MEMBERSHIP_UNKNOWN);
    assert_int_equal(verdict("41", "7"), PUSH_MEMBERSHIP_UNKNOWN);
    assert_int_equal(troubles, 1);
    database_make();
    assert_int_equal(verdict("41", "7"), PUSH_MEMBERSHIP_YES);
    assert_int_equal(news, 1);
}

/* A server that takes connections and says nothing: each attempt takes five
 * seconds. What came with the first one is not asked behind it. */
static void nobody_waits_for_the_questions_before_when_a_server_hangs(void **state)
{
    struct sockaddr_in at = { .sin_family = AF_INET };
    socklen_t len = sizeof(at);
    int server = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
    push_membership_t *other;
    question_t q[20];
    const char *why;
    int i, attempts = 0;

    (void)state;
    at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    assert_int_equal(bind(server, (struct sockaddr *)&at, sizeof(at)), 0);
    assert_int_equal(listen(server, 64), 0);
    getsockname(server, (struct sockaddr *)&at, &len);
    if (push_membership_create(
            &other,
            apr_psprintf(pool, "postgresql://a@127.0.0.1:%d/b?sslmode=disable",
                         ntohs(at.sin_port)),
            log_line, &why, pool) != APR_SUCCESS) {
        fail_msg("%s", why);
    }
    assert_int_equal(push_membership_start(other), APR_SUCCESS);
    for (i = 0; i < 20; i++) {
        assert_true(put_to(other, &q[i], "41", "7"));
    }
    for (i = 0; i < 20; i++) {
        assert_int_equal(wait_for(&q[i]), PUSH_MEMBERSHIP_UNKNOWN);
    }
    while ((i = accept(server, NULL, NULL)) >= 0) {
        close(i);
        attempts++;
    }
    assert_in_range(attempts, 1, 2);
    close(server);
    push_membership_stop(other);
}

static void questions_are_answered_in_their_order(void **state)
{
    static const char *const ids[] = { "1", "2", "3", "4", "5" };
    question_t q[5];

    (void)state;
    database_make();
    norder = 0;
    for (int i = 0; i < 5; i++) {
        assert_true(put(&q[i], "41", ids[i]));
    }
    assert_int_equal(wait_for(&q[4]), PUSH_MEMBERSHIP_NO);
    for (int i = 0; i < 5; i++) {
        assert_int_equal(order[i], ids[i][0]);
    }
}

static void the_end_answers_everybody(void **state)
{
    question_t q[8], late;

    (void)state;
    database_make();
    for (int i = 0; i < 8; i++) {
        assert_true(put(&q[i], "41", "7"));
    }
    push_membership_stop(membership);
    for (int i = 0; i < 8; i++) {
        assert_int_not_equal(wait_for(&q[i]), PUSH_MEMBERSHIP_NO);
    }
    assert_false(put(&late, "41", "7"));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(members_and_nobody_else),
        TEST(an_id_written_otherwise_is_another),
        TEST(a_database_that_is_away_is_unknown),
        TEST(nobody_waits_for_the_questions_before_when_a_server_hangs),
        TEST(questions_are_answered_in_their_order),
        TEST(the_end_answers_everybody),
    };
    int failed;

    apr_initialize();
    failed = cmocka_run_group_tests(tests, NULL, NULL);
    apr_terminate();
    return failed;
}
