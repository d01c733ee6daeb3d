/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_tail.c - the event log read from a real SQLite database.
 *
 * Another program is played by a plain sqlite3 handle; the log is the one of
 * the schema that everybody uses.
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
#include <jansson.h>

#include "db.h"
#include "tail.h"

static const push_relay_place_t nowhere = { "", 0 };

typedef struct {
    apr_pool_t *p;
    char dir[32];
    const char *file;
    const char *target;
    sqlite3 *other; /* the other program */
    char *seen;     /* "id:event:channel,channel;" of what was handed over */
    char *data;     /* of the last event */
} world_t;

static world_t w;

static void sql(const char *text)
{
    char *error = NULL;

    if (sqlite3_exec(w.other, text, NULL, NULL, &error) != SQLITE_OK) {
        fail_msg("%s: %s", text, error);
    }
}

static void other_open(const char *file)
{
    assert_int_equal(sqlite3_open(file, &w.other), SQLITE_OK);
    sqlite3_busy_timeout(w.other, 5000);
    sql(chat_db_script_text("schema.sqlite.sql"));
}

static int setup(void **state)
{
    (void)state;
    memset(&w, 0, sizeof(w));
    apr_pool_create(&w.p, NULL);
    strncpy(w.dir, "/tmp/test_tail-XXXXXX", sizeof(w.dir) - 1);
    assert_non_null(mkdtemp(w.dir));
    w.file = apr_pstrcat(w.p, w.dir, "/chat.db", NULL);
    w.target = apr_pstrcat(w.p, "sqlite:", w.file, NULL);
    other_open(w.file);
    w.seen = apr_pstrdup(w.p, "");
    return 0;
}

static void remove_database(void)
{
    unlink(w.file);
    unlink(apr_pstrcat(w.p, w.file, "-wal", NULL));
    unlink(apr_pstrcat(w.p, w.file, "-shm", NULL));
}

static int teardown(void **state)
{
    (void)state;
    sqlite3_close(w.other);
    apr_pool_destroy(w.p);
    apr_pool_create(&w.p, NULL);
    w.file = apr_pstrcat(w.p, w.dir, "/chat.db", NULL);
    remove_database();
    rmdir(w.dir);
    apr_pool_destroy(w.p);
    return 0;
}

static void insert(const char *event, const char *channels, const char *payload)
{
    char *text = sqlite3_mprintf("INSERT INTO chat_events (event, "
                                 "conversation_id, channels, payload) "
                                 "VALUES (%Q, 1, %Q, %Q)",
                                 event, channels, payload);

    sql(text);
    sqlite3_free(text);
}

static void insert_many(int n)
{
    char text[256];

    snprintf(text, sizeof(text),
             "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n "
             "WHERE i < %d) INSERT INTO chat_events (event, conversation_id, "
             "channels, payload) SELECT 'E', 1, '[\"c\"]', '{}' FROM n",
             n);
    sql(text);
}

static void note(void *baton, const push_tail_event_t *e)
{
    int i;

    (void)baton;
    w.seen = apr_psprintf(w.p, "%s%" APR_INT64_T_FMT ":%s:", w.seen, e->id,
                          e->event);
    for (i = 0; e->channels[i] != NULL; i++) {
        w.seen = apr_pstrcat(w.p, w.seen, i ? "," : "", e->channels[i], NULL);
    }
    w.seen = apr_pstrcat(w.p, w.seen, ";", NULL);
    w.data = apr_pstrmemdup(w.p, e->data, e->len);
}

/* Where only their number matters. */
static void pass(void *baton, const push_tail_event_t *e)
{
    (void)baton;
    (void)e;
}

static push_tail_t *tail_at(const push_relay_place_t *place)
{
    const char *why = NULL;
    push_tail_t *tail = NULL;

    if (push_tail_create(&tail, w.target, place, &why, w.p) != APR_SUCCESS) {
        fail_msg("%s", why);
    }
    return tail;
}

static push_tail_batch_t read_on(push_tail_t *tail, push_tail_fn fn)
{
    push_tail_batch_t batch;

    if (push_tail_read(tail, &batch, -1, fn, NULL, w.p) != APR_SUCCESS) {
        fail_msg("%s", push_tail_why(tail));
    }
    return batch;
}

static push_relay_place_t place_in_this_log(apr_int64_t id)
{
    push_tail_t *tail = tail_at(&nowhere);
    push_relay_place_t place;

    read_on(tail, pass);
    place = *push_tail_place(tail);
    place.id = id;
    return place;
}

static void what_was_there_before_the_first_start_stays_unsaid(void **state)
{
    push_tail_t *tail = tail_at(&nowhere);

    (void)state;
    insert("Old", "[\"c\"]", "{}");
    assert_int_equal(read_on(tail, note).start, PUSH_RELAY_FIRST);
    insert("New", "[\"c\"]", "{}");
    read_on(tail, note);
    read_on(tail, note);
    assert_string_equal(w.seen, "2:New:c;");
}

static void an_event_carries_its_id_and_cursor(void **state)
{
    push_tail_t *tail = tail_at(&nowhere);
    json_error_t error;
    json_t *data;
    char *cursor;

    (void)state;
    read_on(tail, note);
    insert("MessageSent",
           "[\"private-conversation.3\",\"private-user.1\","
           "\"private-user.1\"]",
           "{\"message\":{\"id\":8}}");
    read_on(tail, note);
    assert_string_equal(w.seen,
                        "1:MessageSent:private-conversation.3,private-user.1;");
    data = json_loads(w.data, 0, &error);
    assert_non_null(data);
    assert_int_equal(json_integer_value(json_object_get(data, "id")), 1);
    cursor = apr_psprintf(w.p, "c1.%s.1", push_tail_place(tail)->epoch);
    assert_string_equal(json_string_value(json_object_get(data, "cursor")),
                        cursor);
    json_decref(data);
}

static void a_restart_goes_on_behind_the_saved_place(void **state)
{
    push_tail_t *tail = tail_at(&nowhere);
    push_relay_place_t saved;

    (void)state;
    insert("A", "[\"c\"]", "{}");
    read_on(tail, note);
    saved = *push_tail_place(tail);
    insert("B", "[\"c\"]", "{}");
    insert("C", "[\"c\"]", "{}");
    tail = tail_at(&saved);
    assert_int_equal(read_on(tail, note).start, PUSH_RELAY_RESUME);
    assert_string_equal(w.seen, "2:B:c;3:C:c;");
}

static void a_long_log_comes_in_batches_that_join(void **state)
{
    push_tail_t *tail = tail_at(&nowhere);
    push_tail_batch_t batch;

    (void)state;
    read_on(tail, pass);
    insert_many(2 * PUSH_TAIL_BATCH + 1);
    batch = read_on(tail, pass);
    assert_int_equal(batch.events, PUSH_TAIL_BATCH);
    assert_true(batch.more);
    batch = read_on(tail, pass);
    assert_int_equal(batch.events, PUSH_TAIL_BATCH);
    assert_true(batch.more);
    batch = read_on(tail, pass);
    assert_int_equal(batch.events, 1);
    assert_false(batch.more);
    assert_int_equal(push_tail_place(tail)->id, 2 * PUSH_TAIL_BATCH + 1);
}

static void of_too_long_an_absence_the_newest_are_read(void **state)
{
    push_tail_t *tail = tail_at(&nowhere);
    push_relay_place_t saved;
    push_tail_batch_t batch;

    (void)state;
    read_on(tail, pass);
    saved = *push_tail_place(tail);
    insert_many(100);
    tail = tail_at(&saved);
    assert_int_equal(push_tail_read(tail, &batch, 3, note, NULL, w.p),
                     APR_SUCCESS);
    assert_int_equal(batch.start, PUSH_RELAY_SKIPPED);
    assert_int_equal(batch.missed, 97);
    assert_string_equal(w.seen, "98:E:c;99:E:c;100:E:c;");
}

static void only_what_was_committed_is_a_change(void **state)
{
    push_tail_t *tail = tail_at(&nowhere);
    int changed = 0;

    (void)state;
    assert_int_equal(push_tail_changed(tail, &changed), APR_SUCCESS);
    assert_true(changed); /* nothing was read yet */
    read_on(tail, note);
    assert_int_equal(push_tail_changed(tail, &changed), APR_SUCCESS);
    assert_false(changed);
    sql("BEGIN");
    insert("A", "[\"c\"]", "{}");
    assert_int_equal(push_tail_changed(tail, &changed), APR_SUCCESS);
    assert_false(changed);
    sql("COMMIT");
    assert_int_equal(push_tail_changed(tail, &changed), APR_SUCCESS);
    assert_true(changed);
    assert_int_equal(push_tail_changed(tail, &changed), APR_SUCCESS);
    assert_true(changed); /* still: nobody has read it */
    read_on(tail, note);
    assert_int_equal(push_tail_changed(tail, &changed), APR_SUCCESS);
    assert_false(changed);
    assert_string_equal(w.seen, "1:A:c;");
}

static void a_row_that_is_no_event_is_left_out_and_counted(void **state)
{
    static const char *const channels[] = { "",       "{}",        "[1]",
                                            "[null]", "[\"a b\"]", "[\"\"]",
                                            "\"c\"",  "[\"c\"" };
    push_tail_t *tail = tail_at(&nowhere);
    push_tail_batch_t batch;
    int n = sizeof(channels) / sizeof(channels[0]);
    int i;

    (void)state;
    read_on(tail, note);
    for (i = 0; i < n; i++) {
        insert("Bad", channels[i], "{}");
    }
    insert("Bad", "[\"c\"]", "[]");
    insert("Good", "[\"c\"]", "{}");
    insert("Nowhere", "[]", "{}");
    batch = read_on(tail, note);
    assert_int_equal(batch.unreadable, n + 1);
    assert_int_equal(batch.events, 2);
    assert_string_equal(w.seen, "10:Good:c;11:Nowhere:;");
}

static void retention_may_take_what_was_relayed(void **state)
{
    push_tail_t *tail = tail_at(&nowhere);
    push_tail_batch_t batch;

    (void)state;
    read_on(tail, note);
    insert_many(3);
    read_on(tail, pass);
    sql("DELETE FROM chat_events");
    batch = read_on(tail, note);
    assert_int_equal(batch.start, PUSH_RELAY_RESUME);
    assert_int_equal(batch.missed, 0);
    insert("Next", "[\"c\"]", "{}");
    read_on(tail, note);
    assert_string_equal(w.seen, "4:Next:c;");
}

static void what_retention_took_too_early_is_said(void **state)
{
    push_tail_t *tail = tail_at(&nowhere);
    push_tail_batch_t batch;

    (void)state;
    read_on(tail, note);
    insert_many(5);
    sql("DELETE FROM chat_events WHERE id <= 3");
    batch = read_on(tail, note);
    assert_int_equal(batch.missed, 3);
    assert_string_equal(w.seen, "4:E:c;5:E:c;");
    insert_many(2);
    sql("DELETE FROM chat_events");
    batch = read_on(tail, note);
    assert_int_equal(batch.missed, 2);
    assert_int_equal(batch.events, 0);
    assert_int_equal(push_tail_place(tail)->id, 7);
}

/* Somebody may still miss what was relayed. */
static void a_restart_may_go_further_back(void **state)
{
    push_relay_place_t saved;
    push_tail_t *tail;
    push_tail_batch_t batch;

    (void)state;
    insert_many(5);
    saved = place_in_this_log(3);
    tail = tail_at(&saved);
    push_tail_rewind(tail, 1);
    batch = read_on(tail, note);
    assert_int_equal(batch.start, PUSH_RELAY_RESUME);
    assert_int_equal(batch.events, 4);
    batch = read_on(tail, note); /* once */
    assert_int_equal(batch.events, 0);
}

/* Its ids mean other events, also those that the older log has. */
static void a_log_that_went_backwards_is_not_gone_back_in(void **state)
{
    push_relay_place_t saved;
    push_tail_t *tail;
    push_tail_batch_t batch;

    (void)state;
    insert_many(5);
    saved = place_in_this_log(9);
    tail = tail_at(&saved);
    push_tail_rewind(tail, 1);
    batch = read_on(tail, note);
    assert_int_equal(batch.start, PUSH_RELAY_BACKWARDS);
    assert_int_equal(batch.events, 0);
    assert_int_equal(push_tail_place(tail)->id, 5);
}

static void another_database_begins_at_its_end(void **state)
{
    push_tail_t *tail = tail_at(&nowhere);
    push_tail_batch_t batch;

    (void)state;
    insert("Old", "[\"c\"]", "{}");
    read_on(tail, note);
    sqlite3_close(w.other);
    remove_database();
    other_open(w.file);
    insert_many(7);
    batch = read_on(tail, note);
    assert_int_equal(batch.start, PUSH_RELAY_OTHER_LOG);
    assert_int_equal(push_tail_place(tail)->id, 7);
    insert("New", "[\"c\"]", "{}");
    read_on(tail, note);
    assert_string_equal(w.seen, "8:New:c;");
}

static void a_log_that_went_backwards_begins_at_its_end(void **state)
{
    push_tail_t *tail = tail_at(&nowhere);
    push_tail_batch_t batch;

    (void)state;
    insert_many(5);
    read_on(tail, note);
    sql("DELETE FROM chat_events; DELETE FROM sqlite_sequence");
    insert("Again", "[\"c\"]", "{}");
    batch = read_on(tail, note);
    assert_int_equal(batch.start, PUSH_RELAY_BACKWARDS);
    insert("New", "[\"c\"]", "{}");
    read_on(tail, note);
    assert_string_equal(w.seen, "2:New:c;");
}

static void a_database_that_is_away_loses_nothing(void **state)
{
    char *hidden = apr_pstrcat(w.p, w.dir, "/hidden", NULL);
    push_tail_t *tail = tail_at(&nowhere);
    push_tail_batch_t batch;
    int changed;

    (void)state;
    insert("A", "[\"c\"]", "{}");
    read_on(tail, note);
    insert("B", "[\"c\"]", "{}");
    sqlite3_close(w.other); /* its last page is written to the file */
    assert_int_equal(rename(w.file, hidden), 0);
    assert_int_equal(push_tail_changed(tail, &changed), CHAT_DB_EAWAY);
    assert_int_equal(push_tail_read(tail, &batch, -1, note, NULL, w.p),
                     CHAT_DB_EAWAY);
    assert_non_null(strstr(push_tail_why(tail), "does not exist"));
    assert_int_equal(rename(hidden, w.file), 0);
    other_open(w.file);
    insert("C", "[\"c\"]", "{}");
    assert_int_equal(push_tail_changed(tail, &changed), APR_SUCCESS);
    assert_true(changed);
    assert_int_equal(read_on(tail, note).start, PUSH_RELAY_RESUME);
    assert_string_equal(w.seen, "2:B:c;3:C:c;");
}

static void a_log_without_a_name_is_no_log(void **state)
{
    push_tail_t *tail = tail_at(&nowhere);
    push_tail_batch_t batch;

    (void)state;
    sql("UPDATE chat_log SET epoch = 'no hex'");
    assert_int_not_equal(push_tail_read(tail, &batch, -1, note, NULL, w.p),
                         APR_SUCCESS);
    assert_non_null(strstr(push_tail_why(tail), "chat_log"));
    sql("DELETE FROM chat_log");
    assert_int_not_equal(push_tail_read(tail, &batch, -1, note, NULL, w.p),
                         APR_SUCCESS);
    assert_non_null(strstr(push_tail_why(tail), "chat_log"));
}

/* The trigger's own work, through the same eyes. */
static void a_foreign_message_row_becomes_an_event(void **state)
{
    push_tail_t *tail = tail_at(&nowhere);

    (void)state;
    sql("INSERT INTO users (id, name, email, password, role) VALUES "
        "(1, 'P', 'p@example.com', '', 'patient'),"
        "(2, 'D', 'd@example.com', '', 'doctor');"
        "INSERT INTO treatment_requests (id, patient_id, doctor_id, title, "
        "status) VALUES (5, 1, 2, 'T', 'in_progress');");
    read_on(tail, pass);
    sql("INSERT INTO messages (from_user_id, to_user_id, request_id, body, "
        "type, created_at, updated_at) VALUES (1, 2, 5, 'hello', 'text', "
        "datetime('now'), datetime('now'))");
    read_on(tail, note);
    assert_non_null(strstr(w.seen, ":MessageSent:private-conversation.5,"
                                   "private-user.2,private-user.1;"));
    assert_non_null(strstr(w.data, "\"content\":\"hello\""));
}

#define TAIL_TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TAIL_TEST(what_was_there_before_the_first_start_stays_unsaid),
        TAIL_TEST(an_event_carries_its_id_and_cursor),
        TAIL_TEST(a_restart_goes_on_behind_the_saved_place),
        TAIL_TEST(a_long_log_comes_in_batches_that_join),
        TAIL_TEST(of_too_long_an_absence_the_newest_are_read),
        TAIL_TEST(only_what_was_committed_is_a_change),
        TAIL_TEST(a_row_that_is_no_event_is_left_out_and_counted),
        TAIL_TEST(retention_may_take_what_was_relayed),
        TAIL_TEST(what_retention_took_too_early_is_said),
        TAIL_TEST(another_database_begins_at_its_end),
        TAIL_TEST(a_restart_may_go_further_back),
        TAIL_TEST(a_log_that_went_backwards_begins_at_its_end),
        TAIL_TEST(a_log_that_went_backwards_is_not_gone_back_in),
        TAIL_TEST(a_database_that_is_away_loses_nothing),
        TAIL_TEST(a_log_without_a_name_is_no_log),
        TAIL_TEST(a_foreign_message_row_becomes_an_event),
    };

    apr_initialize();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
