-- SPDX-License-Identifier: Apache-2.0
--
-- Takes away what laravel.pgsql.sql added, and nothing else: the application's
-- tables and rows are as if it had never been there. Messages that were written
-- through mod_chat stay, they are the application's; the event log, browser
-- sessions and the senders' client_id go.
--
--   psql -v ON_ERROR_STOP=1 -f laravel-undo.pgsql.sql postgresql://…/application
--
-- Stop mod_chat and chat-push first. May be run again. personal_access_tokens goes
-- only when laravel.pgsql.sql made it, with the tokens in it. What is ours has a
-- name that begins with chat_ or a comment that begins with "mod_chat:"; on the
-- stand-alone schema, where nothing is marked so, nothing is done.

BEGIN;
SET LOCAL client_min_messages = warning; -- not what IF EXISTS passes over

-- A database of a later release keeps what that has made.
DO $$
DECLARE
    found integer;
BEGIN
    IF to_regclass('chat_schema') IS NOT NULL THEN
        SELECT max(version) INTO found FROM chat_schema;
        IF found > 4 THEN
            RAISE EXCEPTION 'the database is at schema version %, and this script knows 4: take that of its release', found;
        END IF;
    END IF;
END $$;

DO $$
DECLARE
    ours record;
BEGIN
    IF NOT EXISTS (
        SELECT FROM pg_attribute
        WHERE attrelid = to_regclass('treatment_requests')
          AND attname = 'message_count' AND NOT attisdropped
          AND col_description(attrelid, attnum) LIKE 'mod_chat:%') THEN
        RAISE WARNING 'laravel.pgsql.sql has not been run here: nothing to undo';
        RETURN;
    END IF;

    DROP TRIGGER IF EXISTS messages_sent ON messages;
    DROP TRIGGER IF EXISTS messages_removed ON messages;
    DROP TRIGGER IF EXISTS messages_recounted ON messages;
    DROP TRIGGER IF EXISTS messages_read ON messages;
    DROP TRIGGER IF EXISTS messages_changing ON messages;
    DROP TRIGGER IF EXISTS messages_changed ON messages;
    DROP TRIGGER IF EXISTS messages_gone ON messages;
    DROP TRIGGER IF EXISTS treatment_requests_updated ON treatment_requests;
    IF to_regclass('treatment_plans') IS NOT NULL THEN
        DROP TRIGGER IF EXISTS treatment_plans_event ON treatment_plans;
        DROP TRIGGER IF EXISTS treatment_plans_stamp ON treatment_plans;
    END IF;
    DROP TRIGGER IF EXISTS chat_people_set ON treatment_requests;
    DROP TRIGGER IF EXISTS chat_dispatch_changed ON treatment_request_doctors;
    DROP TRIGGER IF EXISTS chat_dispatch_emptied ON treatment_request_doctors;
    DROP TRIGGER IF EXISTS chat_patient_changed ON patients;
    DROP TRIGGER IF EXISTS chat_doctor_changed ON doctors;
    DROP TRIGGER IF EXISTS chat_users_moved ON users;
    DROP TRIGGER IF EXISTS chat_users_role ON users;
    DROP TRIGGER IF EXISTS chat_users_ended ON users;
    DROP TRIGGER IF EXISTS chat_users_password ON users;
    IF to_regclass('sessions') IS NOT NULL THEN
        DROP TRIGGER IF EXISTS chat_laravel_ended ON sessions;
        DROP TRIGGER IF EXISTS chat_laravel_moved ON sessions;
    END IF;
    DROP TRIGGER IF EXISTS chat_tokens_ended ON personal_access_tokens;
    DROP TRIGGER IF EXISTS chat_tokens_moved ON personal_access_tokens;
    DROP TRIGGER IF EXISTS chat_search_followed ON messages;
    -- with chat_search_words and chat_search_changed_message, their indexes
    DROP TABLE IF EXISTS chat_search, chat_search_state, chat_search_changed;
    DROP TRIGGER IF EXISTS chat_messages_scrubbed ON messages;
    DROP TRIGGER IF EXISTS chat_messages_scrubbed_gone ON messages;
    -- With them go chat_audit_kept, chat_audit_emptied, chat_legal_holds_open,
    -- chat_break_glass_open and chat_break_glass_told.
    DROP TABLE IF EXISTS chat_audit, chat_audit_head, chat_audit_spools,
                         chat_retention, chat_legal_holds, chat_break_glass;
    DROP TRIGGER IF EXISTS chat_people_moved ON treatment_requests;
    DROP TRIGGER IF EXISTS chat_conversation_closed_away ON treatment_requests;
    DROP TRIGGER IF EXISTS chat_conversation_gone ON treatment_requests;
    DROP TRIGGER IF EXISTS chat_conversation_members_moved
        ON chat_conversation_members;
    DROP TRIGGER IF EXISTS chat_tokens_last_seen ON personal_access_tokens;
    DROP TRIGGER IF EXISTS chat_sessions_last_seen ON chat_sessions;
    DROP TABLE IF EXISTS chat_receipts, chat_last_seen;
    DROP TABLE IF EXISTS chat_read_due, chat_many_voices;
    DROP TABLE IF EXISTS chat_events, chat_log, chat_sessions, chat_schema,
                         chat_keys, chat_plan_settings, chat_logins,
                         chat_token_types, chat_login_settings;
    DROP TABLE IF EXISTS chat_message_edits, chat_message_reactions;
    DROP TABLE IF EXISTS chat_attachments, chat_file_usage, chat_held_messages;

    FOR ours IN
        SELECT oid::regprocedure AS signature FROM pg_proc
        WHERE proname IN ('messages_sent', 'messages_recounted', 'messages_read',
                          'conversation_updated', 'treatment_plans_event',
                          'chat_events_pruned', 'chat_event_write', 'chat_time',
                          'chat_resealing', 'chat_words_erase',
                          'chat_plan_words',
                          'chat_subject_erase',
                          'chat_person_json', 'chat_message_json',
                          'chat_message_reply_json',
                          'chat_message_reactions_json',
                          'chat_message_attachments_json',
                          'chat_message_plan_json', 'messages_changing',
                          'messages_changed', 'messages_gone',
                          'chat_channels', 'chat_reacted',
                          'chat_attachments_counted', 'chat_files_count',
                          'chat_attachments_rejected',
                          'chat_plan_json', 'chat_people_set',
                          'chat_plan_mark', 'chat_plan_word',
                          'chat_plan_doctor', 'chat_plan_insert',
                          'chat_plan_edit', 'chat_plan_cancel', 'chat_plan_of',
                          'chat_plan_cards', 'treatment_plans_stamp',
                          'chat_doctor_renew', 'chat_dispatch_changed',
                          'chat_patient_changed', 'chat_doctor_changed',
                          'chat_session_write', 'chat_sessions_moved',
                          'chat_tokens_moved', 'chat_users_moved',
                          'chat_search_followed',
                          'chat_audit_guard', 'chat_events_scrub',
                          'chat_break_glass_tell',
                          'chat_member_event', 'chat_member_out',
                          'chat_member_came', 'chat_member_went',
                          'chat_conversation_members_moved',
                          'conversation_people_moved', 'conversation_gone',
                          'chat_receipts_told', 'chat_last_seen_keep',
                          'chat_hash_kind', 'chat_users_password',
                          'chat_laravel_reopened',
                          'chat_password_set', 'chat_laravel_ended')
          AND pg_function_is_visible(oid)
        -- chat_message_json calls chat_time, but only its text knows
    LOOP
        EXECUTE format('DROP FUNCTION %s', ours.signature);
    END LOOP;
    DROP VIEW IF EXISTS chat_other_members, chat_members, chat_conversations,
                        chat_counters, chat_users;
    DROP TABLE IF EXISTS chat_conversation_members;

    DROP INDEX IF EXISTS chat_messages_history, chat_messages_unread,
                         chat_messages_client_id, chat_users_email,
                         chat_users_name, chat_patients_user, chat_doctors_user,
                         chat_requests_patient, chat_requests_patient_user,
                         chat_requests_doctor_user, chat_dispatch_doctor,
                         chat_dispatch_accepted, chat_tokens_token,
                         chat_conversation_members_user,
                         chat_keys_conversation, chat_message_edits_message,
                         chat_message_reactions_user, chat_attachments_message,
                         chat_attachments_conversation, chat_attachments_user,
                         chat_plans_request, chat_plans_open,
                         chat_plans_client_id;

    FOR ours IN
        SELECT attrelid::regclass AS tab, attname AS col FROM pg_attribute
        WHERE attrelid IN (to_regclass('messages'),
                           to_regclass('treatment_requests'),
                           to_regclass('treatment_plans'))
          AND attnum > 0 AND NOT attisdropped
          AND col_description(attrelid, attnum) LIKE 'mod_chat:%'
    LOOP
        EXECUTE format('ALTER TABLE %s DROP COLUMN %I', ours.tab, ours.col);
    END LOOP;
    IF obj_description(to_regclass('personal_access_tokens'), 'pg_class')
       LIKE 'mod_chat:%' THEN
        DROP TABLE personal_access_tokens;
    END IF;
END $$;

COMMIT;
