/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_relay.c - the relay's thread with a real database and real loops.
 *
 * The hub is played by this file, which defines the two functions that the
 * relay calls and writes down what they get; what reaches sockets is the site
 * tests' matter.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <fcntl.h>
#include <pthread.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>
#include <apr_general.h>
#include <apr_strings.h>
#include <apr_thread_proc.h>

#include "db.h"
#include "relay.h"
#include "relay_state.h"

#define LOOPS 2
#define PATIENCE_MS 10000

typedef struct {
    apr_pool_t *p;
    char dir[32];
    char *file;
    char *hidden; /* where the database is when it is away */
    sqlite3 *other;
    push_relay_conf_t conf;
    /* One life of chat-push; a test may lead several. */
    apr_pool_t *life;
    push_loop_t *loops[LOOPS];
    apr_thread_t *threads[LOOPS];
    push_relay_t *relay;
} world_t;

static world_t w;

/* What the relay said and did in this test, line by line. */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static char log_text[8192];
static char published[8192]; /* "id channel", `+` before the backlog's */

static void add_line(char *text, size_t room, const char *before,
                     const char *line)
{
    size_t len;

    pthread_mutex_lock(&lock);
    len = strlen(text);
    snprintf(text + len, room - len, "%s%s\n", before, line);
    pthread_mutex_unlock(&lock);
}

static void log_line(int trouble, const char *line)
{
    add_line(log_text, sizeof(log_text), trouble ? "! " : "", line);
}

/* How often `lines` hold a text. */
static int times(const char *lines, const char *text)
{
    const char *at = lines;
    int n = 0;

    pthread_mutex_lock(&lock);
    while ((at = strstr(at, text)) != NULL) {
        n++;
        at++;
    }
    pthread_mutex_unlock(&lock);
    return n;
}

static int logged(const char *text) { return times(log_text, text); }

/* The lines are exactly these. */
static void lines_are(const char *lines, const char *expected)
{
    pthread_mutex_lock(&lock);
    assert_string_equal(lines, expected);
    pthread_mutex_unlock(&lock);
}

/* --- the hub -------------------------------------------------------------- */

/* On the relay's thread, where cmocka's assertions cannot be used. */
static void note(const char *how, const char *channel, const char *event,
                 const char *data, apr_size_t len)
{
    const char *id = strstr(data, "\"id\":");
    char line[200];

    if (strcmp(event, "E") != 0 || strlen(data) != len) {
        abort();
    }
    snprintf(line, sizeof(line), "%d %s", id ? atoi(id + 5) : -1, channel);
    add_line(published, sizeof(published), how, line);
}

void push_hub_event(push_hubs_t *hubs, push_app_t *app, const char *channel,
                    const char *event, const char *data, apr_size_t len)
{
    (void)hubs;
    (void)app;
    note("", channel, event, data, len);
}

void push_hub_backlog(push_hubs_t *hubs, push_app_t *app, const char *channel,
                      const char *event, const char *data, apr_size_t len,
                      apr_uint32_t seconds)
{
    assert_int_equal(seconds, w.conf.replay_seconds);
    (void)hubs;
    (void)app;
    note("+", channel, event, data, len);
}

int push_hub_awaited(push_hubs_t *hubs, push_app_t *app, const char *channel)
{
    (void)hubs;
    (void)app;
    (void)channel;
    return 0;
}

void push_hub_replay(push_hubs_t *hubs, apr_uint32_t seconds)
{
    (void)hubs;
    assert_int_equal(seconds, w.conf.replay_seconds);
}

static apr_uint32_t subscriptions; /* atomic */

apr_uint32_t push_hub_subscriptions(const push_hubs_t *hubs)
{
    (void)hubs;
    return __atomic_load_n(&subscriptions, __ATOMIC_RELAXED);
}

static void clients_are(apr_uint32_t n)
{
    __atomic_store_n(&subscriptions, n, __ATOMIC_RELAXED);
}

/* --- the world ------------------------------------------------------------ */

static void sql(const char *text)
{
    char *error = NULL;

    if (sqlite3_exec(w.other, text, NULL, NULL, &error) != SQLITE_OK) {
        fail_msg("%s: %s", text, error);
    }
}

static void insert(void)
{
    sql("INSERT INTO chat_events (event, conversation_id, channels, payload) "
        "VALUES ('E', 1, '[\"private-conversation.1\",\"private-user.2\"]', "
        "'{\"a\":1}')");
}

static void *APR_THREAD_FUNC loop_thread(apr_thread_t *thread, void *loop)
{
    (void)thread;
    push_loop_run(loop);
    return NULL;
}

static void loops_start(void)
{
    int i;

    for (i = 0; i < LOOPS; i++) {
        apr_thread_create(&w.threads[i], NULL, loop_thread, w.loops[i], w.life);
    }
}

static void loops_stop(void)
{
    apr_status_t rv;
    int i;

    for (i = 0; i < LOOPS; i++) {
        if (w.threads[i] != NULL) {
            push_loop_stop(w.loops[i]);
            apr_thread_join(&rv, w.threads[i]);
            w.threads[i] = NULL;
        }
    }
}

static void database_make(void)
{
    assert_int_equal(sqlite3_open(w.file, &w.other), SQLITE_OK);
    sqlite3_busy_timeout(w.other, 5000);
    sql(chat_db_script_text("schema.sqlite.sql"));
}

/* A new process: loops that do not run yet, hubs, the relay, its backlog. */
static void life_begin(void)
{
    const char *why = NULL;
    int i;

    apr_pool_create(&w.life, NULL);
    for (i = 0; i < LOOPS; i++) {
        assert_int_equal(push_loop_create(&w.loops[i], i, w.life), APR_SUCCESS);
    }
    w.conf.loops = w.loops;
    w.conf.nloops = LOOPS;
    if (push_relay_create(&w.relay, &w.conf, &why, w.life) != APR_SUCCESS) {
        fail_msg("%s", why);
    }
    push_relay_backlog(w.relay);
}

/* Its relay runs; the loops too, if so wanted. */
static void life_run(int with_loops)
{
    life_begin();
    if (with_loops) {
        loops_start();
    }
    assert_int_equal(push_relay_start(w.relay), APR_SUCCESS);
}

static void life_end(void)
{
    if (w.life != NULL) {
        push_relay_stop(w.relay);
        loops_stop();
        apr_pool_destroy(w.life);
        w.life = NULL;
    }
}

static int setup(void **state)
{
    (void)state;
    memset(&w, 0, sizeof(w));
    log_text[0] = '\0';
    published[0] = '\0';
    clients_are(0);
    apr_pool_create(&w.p, NULL);
    strncpy(w.dir, "/tmp/test_relay-XXXXXX", sizeof(w.dir) - 1);
    assert_non_null(mkdtemp(w.dir));
    w.file = apr_pstrcat(w.p, w.dir, "/chat.db", NULL);
    w.hidden = apr_pstrcat(w.p, w.dir, "/hidden.db", NULL);
    database_make();
    w.conf.database = apr_pstrcat(w.p, "sqlite:", w.file, NULL);
    w.conf.wake = apr_pstrcat(w.p, w.dir, "/wake.sock", NULL);
    w.conf.state = apr_pstrcat(w.p, w.dir, "/relay.state", NULL);
    w.conf.poll_ms = 20;
    w.conf.replay_seconds = 60;
    w.conf.log = log_line;
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    life_end();
    sqlite3_close(w.other);
    unlink(w.file);
    unlink(apr_pstrcat(w.p, w.file, "-wal", NULL));
    unlink(apr_pstrcat(w.p, w.file, "-shm", NULL));
    unlink(apr_pstrcat(w.p, w.dir, "/relay.state", NULL));
    apr_pool_destroy(w.p); /* removes the socket's name, if one is left */
    rmdir(w.dir);
    return 0;
}

static push_relay_counters_t counters(void)
{
    push_relay_counters_t c;

    push_relay_counters(w.relay, &c);
    return c;
}

/* Wait until the relay has reached an id. */
static void reaches(apr_int64_t id)
{
    int ms;

    for (ms = 0; counters().last_id != id; ms++) {
        if (ms > PATIENCE_MS) {
            fail_msg("the relay is at %d and not at %d",
                     (int)counters().last_id, (int)id);
        }
        usleep(1000);
    }
}

/* Wait until retention may have everything up to an id. */
static void needless_reaches(apr_int64_t id)
{
    int ms;

    for (ms = 0; counters().needless != id; ms++) {
        assert_true(ms < PATIENCE_MS);
        usleep(1000);
    }
}

/* Wait until it was logged. */
static void says(const char *text)
{
    int ms;

    for (ms = 0; logged(text) == 0; ms++) {
        if (ms > PATIENCE_MS) {
            fail_msg("the relay never said \"%s\"", text);
        }
        usleep(1000);
    }
}

static push_relay_state_t state_file(void)
{
    push_relay_state_t state = { { "", -1 }, -1, 0 };
    char bytes[PUSH_RELAY_STATE_SIZE + 1];
    int fd = open(w.conf.state, O_RDONLY);
    ssize_t n = read(fd, bytes, sizeof(bytes));

    close(fd);
    push_relay_state_parse(&state, bytes, n < 0 ? 0 : (apr_size_t)n);
    return state;
}

static void state_reaches(apr_int64_t id)
{
    int ms;

    for (ms = 0; state_file().at.id != id; ms++) {
        if (ms > PATIENCE_MS) {
            fail_msg("the state file never said %d", (int)id);
        }
        usleep(1000);
    }
}

/* ... and says of whom it is not known whether they have everything. */
static void state_awaits(apr_int64_t from, apr_uint32_t awaited)
{
    int ms;

    for (ms = 0; state_file().from != from || state_file().awaited != awaited;
         ms++) {
        if (ms > PATIENCE_MS) {
            fail_msg("the state file never said from %d and %u awaited",
                     (int)from, awaited);
        }
        usleep(1000);
    }
}

static void shout(void)
{
    struct sockaddr_un to = { .sun_family = AF_UNIX };
    int fd = socket(AF_UNIX, SOCK_DGRAM, 0);

    strncpy(to.sun_path, w.conf.wake, sizeof(to.sun_path) - 1);
    assert_int_equal(sendto(fd, "", 0, 0, (struct sockaddr *)&to, sizeof(to)),
                     0);
    close(fd);
}

static void a_foreign_commit_is_noticed_without_a_wake_up(void **state)
{
    (void)state;
    life_run(1);
    insert();
    reaches(1);
    assert_int_equal(counters().relayed, 1);
    assert_int_equal(counters().wakes, 0);
    assert_int_equal(counters().behind, 0);
    assert_true(counters().connected);
    lines_are(published, "1 private-conversation.1\n"
                         "1 private-user.2\n");
    lines_are(log_text, "");
}

/* Forty megabytes of events, and loops that do not turn: what they have not run lies
 * in memory, and is a part of it. */
static void loops_that_are_slow_are_waited_for(void **state)
{
    const char *const files[] = { w.conf.state, NULL }; /* also without one */
    apr_uint64_t relayed;

    (void)state;
    for (int file = 0; file < 2; file++) {
        w.conf.state = files[file];
        life_run(0);
        sql("WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n "
            "WHERE i < 5000) INSERT INTO chat_events (event, conversation_id, "
            "channels, payload) SELECT 'E', 1, "
            "'[\"private-conversation.1\",\"private-user.2\"]', "
            "'{\"a\":\"' || hex(zeroblob(4000)) || '\"}' FROM n");
        for (int ms = 0; counters().relayed < 1000; ms++) {
            assert_true(ms < PATIENCE_MS);
            usleep(1000);
        }
        usleep(300 * 1000);
        relayed = counters().relayed;
        assert_in_range(relayed, 1000, 2500);
        loops_start();
        reaches(5000 * (file + 1));
        assert_int_equal(counters().relayed, 5000);
        assert_int_equal(counters().behind, 0);
        life_end();
    }
}

static void a_datagram_is_faster_than_the_clock(void **state)
{
    (void)state;
    w.conf.poll_ms = 60 * 1000;
    life_run(1);
    usleep(50 * 1000);
    insert();
    shout();
    reaches(1);
    assert_int_equal(counters().wakes, 1);
}

static void
what_was_relayed_is_remembered_at_once_and_not_repeated(void **state)
{
    (void)state;
    life_run(1);
    insert();
    insert();
    state_reaches(2);
    life_end();
    insert();
    life_begin();
    assert_int_equal(counters().last_id, 3);
    lines_are(published, "1 private-conversation.1\n"
                         "1 private-user.2\n"
                         "2 private-conversation.1\n"
                         "2 private-user.2\n"
                         "+3 private-conversation.1\n"
                         "+3 private-consultation.1\n"
                         "+3 private-user.2\n");
}

/* A process that has relayed event 1 to three subscriptions and ends, and
 * event 2, which nobody was there to hear. */
static void an_absence(void)
{
    clients_are(3);
    life_run(1);
    insert();
    state_reaches(1);
    state_awaits(1, 3);
    life_end();
    clients_are(0);
    insert();
}

static int missed(void) { return times(published, "+2 private-user.2"); }

static void what_was_missed_outlives_ends_before_all_are_back(void **state)
{
    (void)state;
    an_absence();
    life_run(1);
    assert_int_equal(missed(), 1);
    clients_are(2); /* one is still looking for us */
    insert();
    state_reaches(3);
    state_awaits(1, 3);
    life_end();
    clients_are(0);
    life_run(1);
    assert_int_equal(missed(), 2);
    assert_int_equal(times(published, "+3 private-user.2"), 1);
    state_awaits(1, 3);
}

static void when_all_are_back_nothing_is_repeated(void **state)
{
    (void)state;
    an_absence();
    life_run(1);
    state_awaits(1, 3);
    clients_are(3);
    state_awaits(2, 3);
    clients_are(1); /* who leaves now has everything */
    state_awaits(2, 1);
    life_end();
    life_begin();
    assert_int_equal(missed(), 1);
}

/* What a next start would give to somebody is no retention's. */
static void what_somebody_may_still_miss_is_not_needless(void **state)
{
    (void)state;
    an_absence();
    life_run(1);
    state_awaits(1, 3);
    assert_int_equal(counters().last_id, 2);
    assert_int_equal(counters().needless, 1);
    clients_are(3);
    state_awaits(2, 3);
    needless_reaches(2);
    insert();
    needless_reaches(3);
}

/* Not before the file says so: the next start begins where that says. */
static void what_is_not_written_down_is_not_needless(void **state)
{
    (void)state;
    life_run(0);
    insert();
    reaches(1);
    assert_int_equal(counters().needless, 0);
    loops_start();
    needless_reaches(1);
}

static void without_a_state_file_what_was_relayed_is_needless(void **state)
{
    (void)state;
    w.conf.state = NULL;
    life_run(0);
    insert();
    needless_reaches(1);
}

static void who_does_not_come_back_in_time_is_not_waited_for(void **state)
{
    (void)state;
    w.conf.replay_seconds = 1;
    an_absence();
    life_run(1);
    state_awaits(1, 3);
    state_awaits(2, 0);
}

static void without_replay_nobody_is_waited_for(void **state)
{
    (void)state;
    w.conf.replay_seconds = 0;
    an_absence();
    life_run(1);
    state_awaits(2, 0);
}

/* A loop that is busy has not yet sent what it was given: killed now, the next
 * process must relay it again. */
static void the_place_waits_for_every_loop(void **state)
{
    (void)state;
    life_run(0);
    insert();
    reaches(1);
    usleep(100 * 1000);
    assert_int_equal(state_file().at.id, -1);
    loops_start();
    state_reaches(1);
}

static void a_stop_keeps_the_place_of_the_last_event(void **state)
{
    int i;

    (void)state;
    life_run(1);
    for (i = 0; i < 1200; i++) {
        insert();
    }
    reaches(1200);
    push_relay_stop(w.relay);
    assert_int_equal(state_file().at.id, 1200);
}

static void a_stop_with_dead_loops_does_not_hang(void **state)
{
    (void)state;
    life_run(0);
    insert();
    reaches(1);
    push_relay_stop(w.relay);
    assert_int_equal(state_file().at.id, -1);
}

static void garbage_in_the_state_file_is_said_and_replaced(void **state)
{
    int fd = open(w.conf.state, O_CREAT | O_WRONLY, 0600);
    char garbage[100];

    (void)state;
    memset(garbage, 'x', sizeof(garbage));
    assert_int_equal(write(fd, garbage, sizeof(garbage)), sizeof(garbage));
    close(fd);
    insert();
    life_run(1);
    assert_int_equal(logged("! relay: "), 1);
    assert_int_equal(logged("is no state file"), 1);
    state_reaches(1);
    assert_int_equal(counters().relayed, 0);
    insert();
    state_reaches(2);
}

static void the_state_file_of_another_database_is_said(void **state)
{
    int fd = open(w.conf.state, O_CREAT | O_WRONLY, 0600);
    push_relay_state_t place = { { "abc", 1 }, 1, 0 };
    char bytes[PUSH_RELAY_STATE_SIZE];

    (void)state;
    push_relay_state_format(bytes, &place);
    assert_int_equal(write(fd, bytes, sizeof(bytes)), sizeof(bytes));
    close(fd);
    insert();
    insert();
    life_begin();
    assert_int_equal(logged("of another event log"), 1);
    assert_int_equal(counters().relayed, 0);
    assert_int_equal(counters().last_id, 2);
}

static void a_database_that_comes_later_is_waited_for(void **state)
{
    (void)state;
    life_run(1);
    insert();
    state_reaches(1);
    life_end();
    insert();
    sqlite3_close(w.other); /* the last one out writes all to the file */
    w.other = NULL;
    assert_int_equal(rename(w.file, w.hidden), 0);
    life_run(1);
    assert_int_equal(logged("! relay: cannot read the event log"), 1);
    usleep(200 * 1000);
    assert_int_equal(logged("cannot read"), 1); /* said once */
    assert_false(counters().connected);
    assert_int_equal(rename(w.hidden, w.file), 0);
    reaches(2);
    assert_int_equal(times(published, "2 private-conversation.1"), 1);
    says("reading the event log again");
}

static void a_log_without_tables_is_waited_for(void **state)
{
    (void)state;
    sql("ALTER TABLE chat_log RENAME TO gone");
    life_run(1);
    assert_int_equal(logged("no such table"), 1);
    sql("ALTER TABLE gone RENAME TO chat_log");
    insert();
    reaches(1);
}

static void what_cannot_be_opened_is_said_at_start(void **state)
{
    push_relay_t *relay;
    const char *why = NULL;

    (void)state;
    w.conf.state = apr_pstrcat(w.p, w.dir, "/no/where", NULL);
    assert_int_not_equal(push_relay_create(&relay, &w.conf, &why, w.p),
                         APR_SUCCESS);
    assert_non_null(strstr(why, "/no/where"));
    w.conf.state = NULL;
    w.conf.wake = NULL;
    w.conf.database = "mysql://";
    assert_int_not_equal(push_relay_create(&relay, &w.conf, &why, w.p),
                         APR_SUCCESS);
    assert_non_null(strstr(why, "sqlite:"));
}

static void without_a_state_file_it_begins_at_the_end_and_stops(void **state)
{
    (void)state;
    w.conf.state = NULL;
    w.conf.wake = NULL;
    insert();
    life_run(1);
    insert();
    reaches(2);
    assert_int_equal(counters().relayed, 1);
    push_relay_stop(w.relay);
    push_relay_stop(w.relay); /* harmless */
}

#define RELAY_TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        RELAY_TEST(a_foreign_commit_is_noticed_without_a_wake_up),
        RELAY_TEST(loops_that_are_slow_are_waited_for),
        RELAY_TEST(a_datagram_is_faster_than_the_clock),
        RELAY_TEST(what_was_relayed_is_remembered_at_once_and_not_repeated),
        RELAY_TEST(what_was_missed_outlives_ends_before_all_are_back),
        RELAY_TEST(when_all_are_back_nothing_is_repeated),
        RELAY_TEST(what_somebody_may_still_miss_is_not_needless),
        RELAY_TEST(what_is_not_written_down_is_not_needless),
        RELAY_TEST(without_a_state_file_what_was_relayed_is_needless),
        RELAY_TEST(who_does_not_come_back_in_time_is_not_waited_for),
        RELAY_TEST(without_replay_nobody_is_waited_for),
        RELAY_TEST(the_place_waits_for_every_loop),
        RELAY_TEST(a_stop_keeps_the_place_of_the_last_event),
        RELAY_TEST(a_stop_with_dead_loops_does_not_hang),
        RELAY_TEST(garbage_in_the_state_file_is_said_and_replaced),
        RELAY_TEST(the_state_file_of_another_database_is_said),
        RELAY_TEST(a_database_that_comes_later_is_waited_for),
        RELAY_TEST(a_log_without_tables_is_waited_for),
        RELAY_TEST(what_cannot_be_opened_is_said_at_start),
        RELAY_TEST(without_a_state_file_it_begins_at_the_end_and_stops),
    };

    apr_initialize();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
