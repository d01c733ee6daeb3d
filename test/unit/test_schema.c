/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_schema.c - what the schema's triggers and views promise to every writer.
 *
 * The scripts run on a plain sqlite3 handle, as any other program would run
 * them. The few people of this file stand in for the sample, which has a test
 * of its own. A conversation is 7 here and its users are 1 (patient), 2
 * (doctor), 3 (staff) and 4 (a stranger), so that a confusion of ids would
 * show.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <apr_general.h>
#include <jansson.h>
#include <sqlite3.h>
#include <stdio.h>
#include <string.h>

#include "db_private.h"

static const char people[] =
    "INSERT INTO users (id, name, email, password, role) VALUES"
    " (1, 'Pat \"x\" \xd8\xb9\xd9\x85\xd8\xb1', 'pat@example.com', 'h',"
    "  'patient'),"
    " (2, 'Doc', 'doc@example.com', 'h', 'doctor'),"
    " (3, 'Staff', 'staff@example.com', 'h', 'admin'),"
    " (4, 'Other', 'other@example.com', 'h', 'patient');"
    "INSERT INTO treatment_requests (id, patient_id, doctor_id, title, status)"
    " VALUES (7, 1, 2, 'Tooth', 'in_progress'), (8, 4, 2, 'Gum', 'pending'),"
    " (9, 4, NULL, 'Waiting', 'pending');";

/* A message of the patient's, as the existing system writes one. */
#define FOREIGN_INSERT                                                         \
    "INSERT INTO messages (from_user_id, to_user_id, request_id, body, type,"  \
    " created_at, updated_at) VALUES (1, 2, 7, 'hello', 'text',"               \
    " '2026-11-22 10:00:00', '2026-11-22 10:00:00');"

static void says(sqlite3 *db, const char *sql)
{
    char *error = NULL;

    if (sqlite3_exec(db, sql, NULL, NULL, &error) != SQLITE_OK) {
        fail_msg("%s: %s", sql, error);
    }
}

static void refuses(sqlite3 *db, const char *sql, const char *words)
{
    char *error = NULL;

    assert_int_equal(sqlite3_exec(db, sql, NULL, NULL, &error),
                     SQLITE_CONSTRAINT);
    assert_non_null(strstr(error, words));
    sqlite3_free(error);
}

/* The first field of the first row; good until the next call. */
static const char *one(sqlite3 *db, const char *sql)
{
    static char text[4096];
    sqlite3_stmt *stmt;
    const char *field = NULL;

    if (sqlite3_prepare_v2(db, sql, -1, &stmt, NULL) != SQLITE_OK) {
        fail_msg("%s: %s", sql, sqlite3_errmsg(db));
    }
    if (sqlite3_step(stmt) == SQLITE_ROW &&
        sqlite3_column_type(stmt, 0) != SQLITE_NULL) {
        snprintf(text, sizeof(text), "%s",
                 (const char *)sqlite3_column_text(stmt, 0));
        field = text;
    }
    sqlite3_finalize(stmt);
    return field;
}

static void is(sqlite3 *db, const char *sql, const char *wanted)
{
    const char *field = one(db, sql);

    if (wanted == NULL) {
        assert_null(field);
        return;
    }
    if (field == NULL || strcmp(field, wanted) != 0) {
        fail_msg("%s\n  gave   %s\n  wanted %s", sql,
                 field != NULL ? field : "NULL", wanted);
    }
}

static sqlite3 *bare(void)
{
    sqlite3 *db;

    assert_int_equal(sqlite3_open(":memory:", &db), SQLITE_OK);
    says(db, chat_db_script_text("schema.sqlite.sql"));
    return db;
}

static int world_make(void **state)
{
    sqlite3 *db = bare();

    says(db, people);
    *state = db;
    return 0;
}

static int world_end(void **state)
{
    return sqlite3_close(*state) == SQLITE_OK ? 0 : -1;
}

/* The newest event is of this name, for these channels, with this data; and
 * there are `n` events in all. The order of keys is part of the comparison. */
static void event_is(sqlite3 *db, int n, const char *event,
                     const char *conversation, const char *channels,
                     const char *payload)
{
    char count[16];
    json_t *data;

    snprintf(count, sizeof(count), "%d", n);
    is(db, "SELECT count(*) FROM chat_events", count);
    is(db, "SELECT event FROM chat_events ORDER BY id DESC", event);
    is(db, "SELECT conversation_id FROM chat_events ORDER BY id DESC",
       conversation);
    is(db, "SELECT channels FROM chat_events ORDER BY id DESC", channels);
    is(db, "SELECT payload FROM chat_events ORDER BY id DESC", payload);
    data = json_loads(
        one(db, "SELECT payload FROM chat_events ORDER BY id DESC"),
        JSON_REJECT_DUPLICATES, NULL);
    assert_true(json_is_object(data));
    json_decref(data);
}

static void no_event(sqlite3 *db)
{
    is(db, "SELECT count(*) FROM chat_events", "0");
}

/* What a plain message says of itself besides. */
#define PLAIN                                                                  \
    ",\"edited_at\":null,\"deleted_at\":null,\"reply_to\":null,"                 \
    "\"reactions\":[],\"attachments\":[],\"plan\":null"

/* --- messages ------------------------------------------------------------ */

static void a_foreign_row_is_complete_and_raises_message_sent(void **state)
{
    says(*state, FOREIGN_INSERT);
    event_is(*state, 1, "MessageSent", "7",
             "[\"private-conversation.7\",\"private-user.2\","
             "\"private-user.1\"]",
             "{\"message\":{\"id\":1,\"content\":\"hello\",\"type\":\"text\","
             "\"client_id\":null,\"user_id\":1,\"consultation_id\":7,"
             "\"created_at\":\"2026-11-22T10:00:00.000Z\",\"read_at\":null,"
             "\"user\":{\"id\":1,\"name\":\"Pat \\\"x\\\" "
             "\xd8\xb9\xd9\x85\xd8\xb1\",\"role\":\"patient\"}" PLAIN "},"
             "\"consultation\":{\"id\":7,\"status\":\"in_progress\"}}");
}

static void ids_given_as_text_are_numbers_in_the_event(void **state)
{
    says(*state, "INSERT INTO messages (from_user_id, to_user_id, request_id,"
                 " body, client_id, created_at) VALUES ('2', '1', '7',"
                 " 'line 1\nline 2 \\ \"q\"', 'c-1',"
                 " '2026-11-22 10:00:00.123')");
    event_is(*state, 1, "MessageSent", "7",
             "[\"private-conversation.7\",\"private-user.1\","
             "\"private-user.2\"]",
             "{\"message\":{\"id\":1,"
             "\"content\":\"line 1\\nline 2 \\\\ \\\"q\\\"\","
             "\"type\":\"text\",\"client_id\":\"c-1\",\"user_id\":2,"
             "\"consultation_id\":7,"
             "\"created_at\":\"2026-11-22T10:00:00.123Z\",\"read_at\":null,"
             "\"user\":{\"id\":2,\"name\":\"Doc\",\"role\":\"doctor\"}" PLAIN "},"
             "\"consultation\":{\"id\":7,\"status\":\"in_progress\"}}");
}

static void a_message_touches_its_conversation(void **state)
{
    says(*state, "UPDATE treatment_requests"
                 " SET updated_at = '2020-01-01 00:00:00'");
    says(*state, FOREIGN_INSERT FOREIGN_INSERT);
    is(*state, "SELECT message_count FROM chat_conversations WHERE id = 7",
       "2");
    is(*state,
       "SELECT updated_at > '2026' FROM chat_conversations WHERE id = 7", "1");
    is(*state,
       "SELECT message_count || updated_at FROM chat_conversations"
       " WHERE id = 8",
       "02020-01-01 00:00:00");
}

static void rows_without_times_get_the_present(void **state)
{
    says(*state, "INSERT INTO messages (from_user_id, to_user_id, request_id,"
                 " body, created_at) VALUES (1, 2, 7, 'x', NULL)");
    says(*state, "INSERT INTO messages (from_user_id, to_user_id, request_id,"
                 " body) VALUES (1, 2, 7, 'x')");
    is(*state,
       "SELECT count(*) FROM messages WHERE abs(julianday('now') -"
       " julianday(created_at)) < 0.01",
       "2");
    is(*state,
       "SELECT count(*) FROM chat_events WHERE"
       " json_extract(payload, '$.message.created_at') LIKE"
       " '____-__-__T__:__:__.___Z'",
       "2");
}

static void a_rolled_back_message_leaves_no_event(void **state)
{
    says(*state, "BEGIN; " FOREIGN_INSERT " ROLLBACK");
    no_event(*state);
    is(*state, "SELECT message_count FROM chat_conversations WHERE id = 7",
       "0");
}

/* The existing system stores such rows; an event nobody could be a member of
 * must not refuse them. */
static void odd_rows_are_stored_and_raise_nothing(void **state)
{
    says(*state, "INSERT INTO messages (from_user_id, to_user_id, body)"
                 " VALUES (1, 2, 'no conversation')");
    says(*state, "INSERT INTO messages (from_user_id, to_user_id, request_id,"
                 " body, deleted_at) VALUES (1, 2, 7, 'deleted',"
                 " '2026-11-22 10:00:00')");
    says(*state, "UPDATE treatment_requests SET deleted_at ="
                 " '2026-11-22 10:00:00' WHERE id = 8");
    says(*state, "INSERT INTO messages (from_user_id, to_user_id, request_id,"
                 " body) VALUES (4, 2, 8, 'conversation deleted')");
    says(*state, "UPDATE messages SET read_at = '2026-11-22 10:00:00'");
    says(*state, "INSERT INTO chat_read_marks (conversation_id, user_id)"
                 " VALUES (8, 2), (99, 2), (7, 99)");
    says(*state, "UPDATE treatment_requests SET status = 'cancelled'"
                 " WHERE id = 8");
    says(*state, "INSERT INTO treatment_plans (treatment_request_id,"
                 " doctor_id, title, status) VALUES (8, 2, 'x', 'submitted')");
    no_event(*state);
    is(*state, "SELECT count(*) FROM messages", "3");
    is(*state, "SELECT count(*) FROM chat_read_marks", "0");
    is(*state, "SELECT message_count FROM chat_conversations WHERE id = 7",
       "0");
}

static void an_orphan_of_a_shell_without_foreign_keys_is_stored(void **state)
{
    says(*state, "PRAGMA foreign_keys = OFF");
    says(*state, "INSERT INTO messages (from_user_id, to_user_id, request_id,"
                 " body) VALUES (77, 78, 79, 'x')");
    no_event(*state);
}

static void a_message_to_oneself_names_each_channel_once(void **state)
{
    says(*state, "INSERT INTO messages (from_user_id, to_user_id, request_id,"
                 " body) VALUES (4, 4, 9, 'anybody there?')");
    is(*state, "SELECT channels FROM chat_events",
       "[\"private-conversation.9\",\"private-user.4\"]");
}

static void the_counter_follows_deleting_restoring_and_moving(void **state)
{
    sqlite3 *db = *state;
    const char *counts = "SELECT group_concat(message_count) FROM"
                         " (SELECT message_count FROM treatment_requests"
                         "  ORDER BY id)";

    says(db, FOREIGN_INSERT FOREIGN_INSERT FOREIGN_INSERT);
    is(db, counts, "3,0,0");
    /* A mark stays where it was, and goes along. */
    says(db, "UPDATE messages SET deleted_at = '2026-11-22' WHERE id = 1");
    is(db, counts, "3,0,0");
    says(db, "UPDATE messages SET deleted_at = '2026-11-23' WHERE id = 1");
    is(db, counts, "3,0,0");
    says(db, "UPDATE messages SET request_id = 8 WHERE id IN (1, 2)");
    is(db, counts, "1,2,0");
    says(db, "UPDATE messages SET deleted_at = NULL WHERE id = 1");
    is(db, counts, "1,2,0");
    /* One that was deleted when it came is none until it is restored. */
    says(db, "INSERT INTO messages (from_user_id, to_user_id, request_id, body,"
             " deleted_at) VALUES (1, 2, 7, 'imported', '2020-01-01')");
    is(db, counts, "1,2,0");
    says(db, "UPDATE messages SET deleted_at = NULL WHERE id = 4");
    is(db, counts, "2,2,0");
    says(db, "DELETE FROM messages WHERE id = 4");
    says(db, "UPDATE messages SET request_id = NULL WHERE id = 1");
    is(db, counts, "1,1,0");
    says(db, "UPDATE messages SET deleted_at = '2026-11-22' WHERE id = 2;"
             " DELETE FROM messages");
    is(db, counts, "0,0,0");
}

static void a_client_id_counts_once_for_each_sender(void **state)
{
    const char *sent = "INSERT INTO messages (from_user_id, to_user_id,"
                       " request_id, body, client_id)"
                       " VALUES (1, 2, 7, 'x', 'a') ON CONFLICT (request_id,"
                       " from_user_id, client_id) WHERE client_id IS NOT NULL"
                       " DO NOTHING";

    says(*state, sent);
    says(*state, sent);
    is(*state, "SELECT count(*) FROM chat_events", "1");
    refuses(*state,
            "INSERT INTO messages (from_user_id, to_user_id, request_id, body,"
            " client_id) VALUES (1, 2, 7, 'y', 'a')",
            "UNIQUE");
    says(*state, "INSERT INTO messages (from_user_id, to_user_id, request_id,"
                 " body, client_id) VALUES (2, 1, 7, 'y', 'a')");
}

/* --- read ---------------------------------------------------------------- */

#define READ_CHANNELS                                                          \
    "[\"private-conversation.7\",\"private-user.1\",\"private-user.2\"]"

static void a_foreign_update_of_read_at_raises_one_event_a_row(void **state)
{
    says(*state, FOREIGN_INSERT FOREIGN_INSERT "DELETE FROM chat_events");
    says(*state, "UPDATE messages SET read_at = '2026-11-22 10:00:05'"
                 " WHERE id = 2");
    event_is(*state, 1, "MessageRead", "7", READ_CHANNELS,
             "{\"consultation_id\":7,\"user_id\":2,\"user\":{\"id\":2,"
             "\"name\":\"Doc\",\"role\":\"doctor\"},\"message_ids\":[2],"
             "\"read_at\":\"2026-11-22T10:00:05.000Z\"}");
    /* Once read is read: neither another time nor another column counts. */
    says(*state, "UPDATE messages SET read_at = '2026-11-22 11:00:00',"
                 " updated_at = '2026-11-22 11:00:00' WHERE id = 2");
    is(*state, "SELECT count(*) FROM chat_events", "1");
    says(*state, "UPDATE messages SET read_at = '2026-11-22 12:00:00'");
    is(*state, "SELECT count(*) FROM chat_events", "2");
}

static void a_bulk_read_is_one_event(void **state)
{
    const char *mark = "INSERT INTO chat_read_marks (conversation_id, user_id,"
                       " read_at) VALUES (7, 2, '2026-11-22 10:00:09.500')";

    says(*state, FOREIGN_INSERT FOREIGN_INSERT FOREIGN_INSERT);
    says(*state, "UPDATE messages SET deleted_at = '2026-11-22' WHERE id = 2;"
                 "INSERT INTO messages (from_user_id, to_user_id, request_id,"
                 " body) VALUES (2, 1, 7, 'mine'), (4, 2, 8, 'elsewhere');"
                 "DELETE FROM chat_events");
    says(*state, mark);
    event_is(*state, 1, "MessageRead", "7", READ_CHANNELS,
             "{\"consultation_id\":7,\"user_id\":2,\"user\":{\"id\":2,"
             "\"name\":\"Doc\",\"role\":\"doctor\"},\"message_ids\":[1,3],"
             "\"read_at\":\"2026-11-22T10:00:09.500Z\"}");
    is(*state, "SELECT group_concat(id) FROM messages WHERE read_at IS NULL",
       "2,4,5");
    is(*state, "SELECT count(*) FROM chat_read_marks", "0");
    says(*state, mark); /* nothing left to mark */
    is(*state, "SELECT count(*) FROM chat_events", "1");
}

static void a_list_of_ids_marks_only_those(void **state)
{
    says(*state, FOREIGN_INSERT FOREIGN_INSERT FOREIGN_INSERT
         "DELETE FROM chat_events");
    says(*state, "INSERT INTO chat_read_marks (conversation_id, user_id,"
                 " message_ids) VALUES (7, 2, '[3,99,1]')");
    is(*state, "SELECT json_extract(payload, '$.message_ids') FROM chat_events",
       "[1,3]");
    is(*state, "SELECT group_concat(id) FROM messages WHERE read_at IS NULL",
       "2");
    says(*state, "INSERT INTO chat_read_marks (conversation_id, user_id,"
                 " message_ids) VALUES (7, 2, '[]')");
    is(*state, "SELECT count(*) FROM chat_events", "1");
}

/* The statement of mod_chat: counts first, writes only when there is something.
 */
static void the_number_marked_comes_back(void **state)
{
    const chat_statement_t *s = chat_statements;
    sqlite3_stmt *stmt;
    int i;

    while (s->label != NULL && strcmp(s->label, "message_mark_read") != 0) {
        s++;
    }
    assert_non_null(s->label);
    says(*state, FOREIGN_INSERT FOREIGN_INSERT "DELETE FROM chat_events");
    assert_int_equal(
        sqlite3_prepare_v2(*state, s->text[CHAT_DB_SQLITE], -1, &stmt, NULL),
        SQLITE_OK);
    for (i = 0; i < 2; i++) {
        sqlite3_bind_int(stmt, 1, 7);
        sqlite3_bind_int(stmt, 2, 2);
        assert_int_equal(sqlite3_step(stmt), i == 0 ? SQLITE_ROW : SQLITE_DONE);
        if (i == 0) {
            assert_int_equal(sqlite3_column_int(stmt, 0), 2);
        }
        assert_int_equal(sqlite3_reset(stmt), SQLITE_OK);
        is(*state, "SELECT count(*) FROM chat_events", "1");
    }
    sqlite3_finalize(stmt);
}

/* --- consultations and plans --------------------------------------------- */

static void a_changed_status_is_told_to_both(void **state)
{
    says(*state, "UPDATE treatment_requests SET status = 'in_progress',"
                 " title = 'Molar' WHERE id = 7");
    no_event(*state); /* as before */
    says(*state, "UPDATE treatment_requests SET status = 'completed'"
                 " WHERE id = 7");
    event_is(*state, 1, "ConversationUpdated", "7", READ_CHANNELS,
             "{\"consultation\":{\"id\":7,\"status\":\"completed\","
             "\"title\":\"Molar\"}}");
    says(*state, "UPDATE treatment_requests SET status = 'cancelled'"
                 " WHERE id = 9");
    is(*state, "SELECT channels FROM chat_events ORDER BY id DESC",
       "[\"private-conversation.9\",\"private-user.4\"]");
}

static void a_plan_tells_the_one_who_did_not_act(void **state)
{
    /* clang-format off */
    static const struct {
        const char *status;
        const char *event;
        const char *channels;
    } rows[] = {
        { "submitted", "PlanSubmitted",
          "[\"private-conversation.7\",\"private-user.1\"]" },
        { "accepted",  "PlanAccepted",
          "[\"private-conversation.7\",\"private-user.2\"]" },
        { "rejected",  "PlanRejected",
          "[\"private-conversation.7\",\"private-user.2\"]" },
    };
    /* clang-format on */
    char sql[200], payload[400];
    int i, n = 0;

    says(*state, "INSERT INTO treatment_plans (treatment_request_id,"
                 " doctor_id, title, description, price_cents, duration_days)"
                 " VALUES (7, 2, 'Crown', 'Ceramic', 64000, 14)");
    no_event(*state); /* a draft is the doctor's own */
    for (i = 0; i < 3; i++) {
        snprintf(sql, sizeof(sql), "UPDATE treatment_plans SET status = '%s'",
                 rows[i].status);
        snprintf(payload, sizeof(payload),
                 "{\"plan\":{\"id\":1,\"title\":\"Crown\",\"status\":\"%s\","
                 "\"description\":\"Ceramic\",\"price_cents\":64000,"
                 "\"currency\":\"USD\",\"duration_days\":14,\"doctor_id\":2,"
                 "\"consultation_id\":7},"
                 "\"consultation\":{\"id\":7,\"status\":\"in_progress\"}}",
                 rows[i].status);
        says(*state, sql);
        event_is(*state, ++n, rows[i].event, "7", rows[i].channels, payload);
        says(*state, sql); /* no change, no event */
        is(*state,
           "SELECT count(*) = (SELECT max(id) FROM chat_events)"
           " FROM chat_events",
           "1");
    }
    says(*state, "DELETE FROM treatment_plans");
    for (i = 0; i < 3; i++) {
        snprintf(sql, sizeof(sql),
                 "INSERT INTO treatment_plans (id, treatment_request_id,"
                 " doctor_id, title, description, status, price_cents,"
                 " duration_days)"
                 " VALUES (%d, 7, 2, 'Crown', '', '%s', 64000, 14)",
                 10 + i, rows[i].status);
        says(*state, sql);
        snprintf(payload, sizeof(payload),
                 "{\"plan\":{\"id\":%d,\"title\":\"Crown\",\"status\":\"%s\","
                 "\"description\":\"\",\"price_cents\":64000,"
                 "\"currency\":\"USD\",\"duration_days\":14,\"doctor_id\":2,"
                 "\"consultation_id\":7},"
                 "\"consultation\":{\"id\":7,\"status\":\"in_progress\"}}",
                 10 + i, rows[i].status);
        event_is(*state, ++n, rows[i].event, "7", rows[i].channels, payload);
    }
}

static void a_consultation_has_one_accepted_plan(void **state)
{
    says(*state, "INSERT INTO treatment_plans (treatment_request_id,"
                 " doctor_id, title, status)"
                 " VALUES (7, 2, 'A', 'accepted'), (8, 2, 'B', 'accepted'),"
                 " (7, 2, 'C', 'submitted')");
    refuses(*state,
            "UPDATE treatment_plans SET status = 'accepted'"
            " WHERE title = 'C'",
            "UNIQUE");
    is(*state, "SELECT count(*) FROM chat_events", "3");
    says(*state, "UPDATE treatment_plans SET deleted_at = '2026-11-22'"
                 " WHERE title = 'A'");
    says(*state, "UPDATE treatment_plans SET status = 'accepted'"
                 " WHERE title = 'C'");
}

/* --- views and the rest -------------------------------------------------- */

static void members_are_the_two_people_of_a_consultation(void **state)
{
    sqlite3 *db = *state;
    const char *all = "SELECT group_concat(conversation_id || ':' || user_id"
                      " || ':' || role) FROM (SELECT * FROM chat_members"
                      " ORDER BY conversation_id, user_id)";

    is(db, all, "7:1:patient,7:2:doctor,8:2:doctor,8:4:patient,9:4:patient");
    says(db, "UPDATE treatment_requests SET deleted_at = '2026-11-22'"
             " WHERE id = 8");
    is(db, all, "7:1:patient,7:2:doctor,9:4:patient");
    is(db, "SELECT group_concat(id) FROM chat_conversations", "7,9");
    is(db,
       "SELECT title || '|' || status || '|' || patient_id || '|' ||"
       " doctor_id || '|' || message_count FROM chat_conversations"
       " WHERE id = 7",
       "Tooth|in_progress|1|2|0");
    is(db, "SELECT doctor_id FROM chat_conversations WHERE id = 9", NULL);
}

static void the_deleted_and_suspended_keep_their_names_only(void **state)
{
    sqlite3 *db = *state;

    says(db, "UPDATE users SET deleted_at = '2026-11-22' WHERE id = 2;"
             "UPDATE users SET status = 'suspended' WHERE id = 4");
    is(db, "SELECT group_concat(id || ':' || active) FROM chat_users",
       "1:1,2:0,3:1,4:0");
    is(db, "SELECT name FROM chat_users WHERE id = 2", "Doc");
    is(db, "SELECT id FROM chat_users WHERE email = 'PAT@Example.COM'", "1");
    refuses(db,
            "INSERT INTO users (name, email, password)"
            " VALUES ('x', 'Pat@example.com', 'h')",
            "UNIQUE");
}

static void the_log_has_a_name_and_ids_that_never_return(void **state)
{
    sqlite3 *db = *state;
    char first[40];
    sqlite3 *other = bare();

    snprintf(first, sizeof(first), "%s", one(db, "SELECT epoch FROM chat_log"));
    assert_int_equal(strlen(first), 16);
    assert_int_equal(strspn(first, "0123456789abcdef"), 16);
    assert_string_not_equal(first, one(other, "SELECT epoch FROM chat_log"));
    sqlite3_close(other);
    says(db, FOREIGN_INSERT FOREIGN_INSERT "DELETE FROM chat_events");
    says(db, FOREIGN_INSERT);
    is(db, "SELECT id FROM chat_events", "3");
}

static void the_schema_may_be_run_again(void **state)
{
    sqlite3 *db = *state;
    char epoch[40];

    says(db, FOREIGN_INSERT);
    snprintf(epoch, sizeof(epoch), "%s", one(db, "SELECT epoch FROM chat_log"));
    says(db, chat_db_script_text("schema.sqlite.sql"));
    is(db, "SELECT epoch FROM chat_log", epoch);
    is(db, "SELECT count(*) FROM messages", "1");
    is(db, "SELECT max(version) FROM chat_schema", "4");
    is(db, "PRAGMA integrity_check", "ok");
}

/* The statements the programs run, each against the schema it was written for.
 */
static void every_statement_compiles(void **state)
{
    const chat_statement_t *s;
    sqlite3_stmt *stmt;

    assert_true(chat_statements_n > 0);
    for (s = chat_statements; s->label != NULL; s++) {
        if (s->text[CHAT_DB_SQLITE] == NULL) {
            continue;
        }
        if (sqlite3_prepare_v2(*state, s->text[CHAT_DB_SQLITE], -1, &stmt,
                               NULL) != SQLITE_OK) {
            fail_msg("%s: %s", s->label, sqlite3_errmsg(*state));
        }
        sqlite3_finalize(stmt);
        if (s[1].label != NULL) {
            assert_true(strcmp(s->label, s[1].label) < 0); /* bsearch */
        }
    }
}

/* What each of the frequent questions costs: none may read a whole table. */
/* What the events since the last call say, for chat-push alone, in their order.
 */
static void ended(sqlite3 *db, const char *wanted)
{
    is(db,
       "SELECT group_concat(payload, ' ') FROM (SELECT payload FROM chat_events"
       " WHERE event = 'chat:session' AND channels = '[]'"
       " AND conversation_id = 0 ORDER BY id)",
       wanted);
    is(db, "SELECT count(*) FROM chat_events WHERE event <> 'chat:session'",
       "0");
    says(db, "DELETE FROM chat_events");
}

/* Sockets are found by these names: mod_chat makes the same (identity.c). */
static void the_end_of_a_log_in_is_told_by_its_name(void **state)
{
#define SESSION "0123456789abcdef0123456789abcdef"
#define TOKEN "fedcba9876543210fedcba9876543210"
    static const char log_ins
        [] = "INSERT INTO chat_sessions (token_hash, user_id, csrf_token,"
             " expires_at) VALUES ('" SESSION "xxxx', 1, 'c', '2100-01-01');"
             "INSERT INTO personal_access_tokens (tokenable_id, name, token)"
             " VALUES (1, 'phone', '" TOKEN "yyyy');";
    sqlite3 *db = *state;

    says(db, log_ins);
    says(db, "UPDATE chat_sessions SET last_seen_at = '2026-01-01';"
             "UPDATE personal_access_tokens SET last_used_at = '2026-01-01';"
             "UPDATE users SET name = 'New', updated_at = NULL WHERE id = 1;");
    ended(db, NULL);
    says(db, "UPDATE personal_access_tokens SET expires_at ="
             " '2100-01-01 00:00:00';"
             "UPDATE personal_access_tokens SET expires_at = NULL;");
    ended(db, "{\"session\":\"t" TOKEN "\",\"until\":4102444800} "
              "{\"session\":\"t" TOKEN "\",\"until\":null}");
    says(db, "UPDATE users SET status = 'suspended' WHERE id = 1;");
    ended(db, "{\"session\":\"s" SESSION "\",\"until\":0} "
              "{\"session\":\"t" TOKEN "\",\"until\":0} "
              "{\"session\":\"u1\",\"until\":0}");
    says(db, "UPDATE users SET deleted_at = '2026-01-01' WHERE id = 1;");
    ended(db, NULL); /* they had none any more */
    says(db, "UPDATE users SET deleted_at = NULL, status = 'active'"
             " WHERE id = 1;");
    ended(db, "{\"session\":\"s" SESSION "\",\"until\":4102444800} "
              "{\"session\":\"t" TOKEN "\",\"until\":null} "
              "{\"session\":\"u1\",\"until\":null}");
    says(db, "DELETE FROM chat_sessions; DELETE FROM personal_access_tokens;");
    ended(db, "{\"session\":\"s" SESSION "\",\"until\":0} "
              "{\"session\":\"t" TOKEN "\",\"until\":0}");
    /* Whose time has passed have ended by themselves. */
    says(db, log_ins);
    says(db, "UPDATE chat_sessions SET expires_at = '2020-01-01';"
             "UPDATE personal_access_tokens SET expires_at = '2020-01-01';"
             "DELETE FROM chat_events;"
             "DELETE FROM chat_sessions; DELETE FROM personal_access_tokens;");
    ended(db, NULL);
}

/* Also by a program that does not know foreign keys: then rows stay behind. */
static void a_user_who_is_removed_has_no_log_in_left(void **state)
{
    sqlite3 *db = *state;

    says(db, "PRAGMA foreign_keys = OFF;"
             "INSERT INTO personal_access_tokens (tokenable_id, name, token)"
             " VALUES (3, 'phone', '" TOKEN "yyyy');"
             "DELETE FROM users WHERE id = 3;");
    ended(db, "{\"session\":\"t" TOKEN "\",\"until\":0} "
              "{\"session\":\"u3\",\"until\":0}");
}

static void the_frequent_questions_use_an_index(void **state)
{
    static const char *const questions[] = {
        "SELECT id FROM messages WHERE request_id = 7 AND deleted_at IS NULL"
        " AND id < 99 ORDER BY id DESC LIMIT 20",
        "SELECT request_id, count(*) FROM messages WHERE to_user_id = 1"
        " AND read_at IS NULL AND deleted_at IS NULL GROUP BY request_id",
        "SELECT * FROM chat_members WHERE user_id = 1",
        "SELECT * FROM chat_members WHERE conversation_id = 7 AND user_id = 1",
        "SELECT * FROM chat_users WHERE email = 'a@example.com'",
        "SELECT * FROM chat_events WHERE id > 5 ORDER BY id LIMIT 500",
        "SELECT * FROM chat_events WHERE conversation_id = 7 AND id > 5",
        "SELECT * FROM personal_access_tokens WHERE token = 'x'",
        "SELECT * FROM chat_sessions WHERE token_hash = 'x'",
    };
    char sql[400];
    sqlite3_stmt *stmt;
    apr_size_t i;

    for (i = 0; i < sizeof(questions) / sizeof(questions[0]); i++) {
        snprintf(sql, sizeof(sql), "EXPLAIN QUERY PLAN %s", questions[i]);
        assert_int_equal(sqlite3_prepare_v2(*state, sql, -1, &stmt, NULL),
                         SQLITE_OK);
        while (sqlite3_step(stmt) == SQLITE_ROW) {
            const char *step = (const char *)sqlite3_column_text(stmt, 3);

            if (strncmp(step, "SCAN", 4) == 0 ||
                strstr(step, "TEMP B-TREE") != NULL) {
                fail_msg("%s: %s", questions[i], step);
            }
        }
        sqlite3_finalize(stmt);
    }
}

static void the_sample_is_as_large_and_whole_as_promised(void **state)
{
    sqlite3 *db = bare();

    (void)state;
    says(db, chat_db_script_text("sample.sql"));
    says(db, chat_db_script_text("sample.sqlite.sql"));
    is(db, "SELECT count(*) FROM users", "12");
    is(db, "SELECT count(*) FROM treatment_requests", "20");
    is(db, "SELECT count(*) >= 300 FROM messages", "1");
    is(db, "SELECT count(*) >= 5 FROM treatment_plans", "1");
    is(db,
       "SELECT group_concat(id) FROM (SELECT id FROM users WHERE email IN"
       " ('patient@example.com', 'doctor@example.com', 'admin@example.com')"
       " ORDER BY id)",
       "1,2,3");
    is(db, "SELECT min(id) FROM users WHERE role = 'patient'", "1");
    is(db, "SELECT min(id) FROM users WHERE role = 'doctor'", "2");
    is(db,
       "SELECT patient_id || ',' || doctor_id FROM chat_conversations"
       " ORDER BY id LIMIT 1",
       "1,2");
    is(db, "SELECT count(*) > 5 FROM chat_conversations WHERE patient_id <> 1",
       "1");
    is(db,
       "SELECT count(*) FROM users WHERE password NOT LIKE '$2y$10$%'"
       " OR length(password) <> 60",
       "0");
    /* Nobody writes where they are no member, and nothing comes too early. */
    is(db,
       "SELECT count(*) FROM messages m WHERE NOT EXISTS (SELECT 1 FROM"
       " chat_members WHERE conversation_id = m.request_id AND user_id ="
       " m.from_user_id) OR m.from_user_id = m.to_user_id",
       "0");
    is(db,
       "SELECT count(*) FROM messages a JOIN messages b ON a.request_id ="
       " b.request_id AND a.id < b.id AND a.created_at > b.created_at",
       "0");
    is(db,
       "SELECT count(*) FROM messages WHERE read_at < created_at OR"
       " max(created_at, coalesce(read_at, '')) >"
       " strftime('%Y-%m-%d %H:%M:%f', 'now')",
       "0");
    is(db,
       "SELECT count(*) BETWEEN 5 AND 40 FROM messages"
       " WHERE read_at IS NULL",
       "1");
    is(db,
       "SELECT count(*) FROM treatment_requests r WHERE message_count <>"
       " (SELECT count(*) FROM messages WHERE request_id = r.id)",
       "0");
    is(db, "SELECT count(*) FROM chat_events", "0");
    is(db, "SELECT seq > 300 FROM sqlite_sequence WHERE name = 'chat_events'",
       "1");
    is(db, "PRAGMA foreign_key_check", NULL);
    is(db, "PRAGMA integrity_check", "ok");
    sqlite3_close(db);
}

#define WITH_WORLD(t) cmocka_unit_test_setup_teardown(t, world_make, world_end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_WORLD(a_foreign_row_is_complete_and_raises_message_sent),
        WITH_WORLD(ids_given_as_text_are_numbers_in_the_event),
        WITH_WORLD(a_message_touches_its_conversation),
        WITH_WORLD(rows_without_times_get_the_present),
        WITH_WORLD(a_rolled_back_message_leaves_no_event),
        WITH_WORLD(odd_rows_are_stored_and_raise_nothing),
        WITH_WORLD(an_orphan_of_a_shell_without_foreign_keys_is_stored),
        WITH_WORLD(a_message_to_oneself_names_each_channel_once),
        WITH_WORLD(the_counter_follows_deleting_restoring_and_moving),
        WITH_WORLD(a_client_id_counts_once_for_each_sender),
        WITH_WORLD(a_foreign_update_of_read_at_raises_one_event_a_row),
        WITH_WORLD(a_bulk_read_is_one_event),
        WITH_WORLD(a_list_of_ids_marks_only_those),
        WITH_WORLD(the_number_marked_comes_back),
        WITH_WORLD(a_changed_status_is_told_to_both),
        WITH_WORLD(a_plan_tells_the_one_who_did_not_act),
        WITH_WORLD(a_consultation_has_one_accepted_plan),
        WITH_WORLD(members_are_the_two_people_of_a_consultation),
        WITH_WORLD(the_deleted_and_suspended_keep_their_names_only),
        WITH_WORLD(the_end_of_a_log_in_is_told_by_its_name),
        WITH_WORLD(a_user_who_is_removed_has_no_log_in_left),
        WITH_WORLD(the_log_has_a_name_and_ids_that_never_return),
        WITH_WORLD(the_schema_may_be_run_again),
        WITH_WORLD(every_statement_compiles),
        WITH_WORLD(the_frequent_questions_use_an_index),
        cmocka_unit_test(the_sample_is_as_large_and_whole_as_promised),
    };
    int failed;

    apr_initialize();
    failed = cmocka_run_group_tests(tests, NULL, NULL);
    apr_terminate();
    return failed;
}
