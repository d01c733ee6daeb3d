-- SPDX-License-Identifier: Apache-2.0
--
-- What chatctl does with people's data: removing content (ctl/removal.c) for an
-- erasure or by age, legal holds, and giving a person what is stored about them
-- (ctl/export.c).

-- --- whose content, and where ----------------------------------------------------------

-- Conversations a person is in, or has written in, and whether they are in it still.
-- $1 user
-- :name care_conversations sqlite
SELECT CAST(c.id AS TEXT), max(c.member)
FROM (SELECT conversation_id AS id, 1 AS member FROM chat_members WHERE user_id = $1
      UNION ALL
      SELECT request_id, 0 FROM messages
      WHERE (from_user_id = $1 OR to_user_id = $1) AND request_id IS NOT NULL) AS c
GROUP BY c.id
ORDER BY 1

-- :name care_conversations pgsql
SELECT c.id::text, max(c.member)
FROM (SELECT conversation_id AS id, 1 AS member FROM chat_members WHERE user_id = $1
      UNION ALL
      SELECT request_id, 0 FROM messages
      WHERE (from_user_id = $1 OR to_user_id = $1) AND request_id IS NOT NULL) AS c
GROUP BY c.id
ORDER BY 1

-- Those of which a person is the patient.  $1 user
-- :name care_patient_of sqlite
SELECT CAST(id AS TEXT) FROM chat_conversations WHERE patient_id = $1 ORDER BY 1

-- :name care_patient_of pgsql
SELECT id::text FROM chat_conversations WHERE patient_id = $1 ORDER BY 1

-- Conversations whose time is over and that still have content, oldest first. A rule
-- '*' is for statuses without one.
-- :name care_due sqlite
SELECT CAST(c.id AS TEXT)
FROM chat_conversations c
JOIN chat_retention r
  ON r.status = c.status
  OR (r.status = '*'
      AND NOT EXISTS (SELECT 1 FROM chat_retention x WHERE x.status = c.status))
WHERE coalesce(c.updated_at, c.created_at)
      < strftime('%Y-%m-%d %H:%M:%f', 'now', '-' || r.days || ' days')
  AND NOT EXISTS (SELECT 1 FROM chat_legal_holds h
                  WHERE h.conversation_id = CAST(c.id AS TEXT)
                    AND h.released_at IS NULL)
  AND (c.title <> ''
       OR EXISTS (SELECT 1 FROM treatment_plans p
                  WHERE p.treatment_request_id = c.id
                    AND (p.title <> '' OR p.description <> '' OR p.reason <> ''))
       OR EXISTS (SELECT 1 FROM messages m
                  WHERE m.request_id = c.id
                    AND (m.deleted_at IS NULL OR m.body <> '')))
ORDER BY coalesce(c.updated_at, c.created_at), c.id

-- :name care_due pgsql
SELECT c.id::text
FROM chat_conversations c
JOIN chat_retention r
  ON r.status = c.status::text
  OR (r.status = '*'
      AND NOT EXISTS (SELECT FROM chat_retention x WHERE x.status = c.status::text))
WHERE coalesce(c.updated_at, c.created_at)
      < (now() AT TIME ZONE 'UTC') - make_interval(days => r.days)
  AND NOT EXISTS (SELECT FROM chat_legal_holds h
                  WHERE h.conversation_id = c.id::text AND h.released_at IS NULL)
  AND (to_regproc('chat_subject_erase') IS NOT NULL AND c.title <> ''
       OR EXISTS (SELECT FROM messages m
                  WHERE m.request_id = c.id
                    AND (m.deleted_at IS NULL OR m.body <> ''))
       OR chat_plan_words(c.id))
ORDER BY coalesce(c.updated_at, c.created_at), c.id

-- --- removing content --------------------------------------------------------------------
-- Rows, ids and times stay. $1 conversation, $2 author or NULL: everybody's. Triggers
-- on messages tell clients and empty the event log.

-- How many messages have content.
-- :name care_count sqlite
SELECT count(*) FROM messages
WHERE request_id = $1 AND ($2 IS NULL OR from_user_id = $2)
  AND (body <> '' OR deleted_at IS NULL OR file_ids IS NOT NULL)

-- :name care_count pgsql
SELECT count(*) FROM messages
WHERE request_id = $1 AND ($2::text IS NULL OR from_user_id::text = $2::text)
  AND (body <> '' OR deleted_at IS NULL OR file_ids IS NOT NULL)

-- Messages that wait for their files, which are removed before.
-- :name care_waiting sqlite
DELETE FROM chat_held_messages
WHERE conversation_id = $1 AND ($2 IS NULL OR user_id = $2)

-- :name care_waiting pgsql
DELETE FROM chat_held_messages
WHERE conversation_id = $1 AND ($2::text IS NULL OR user_id::text = $2::text)

-- In a transaction with care_quiet before it and care_loud behind it: the log is emptied
-- as a whole (care_scrub), not once for each message by the triggers.
-- $3 how many at most, $4 the last id of the batch before
-- :name care_empty sqlite
UPDATE messages
SET body = '', deleted_at = coalesce(deleted_at, strftime('%Y-%m-%d %H:%M:%f', 'now')),
    attachment_path = NULL, attachments_json = NULL, file_ids = NULL
WHERE id IN (SELECT id FROM messages
             WHERE request_id = $1 AND id > $4
               AND ($2 IS NULL OR from_user_id = $2)
               AND (body <> '' OR deleted_at IS NULL OR file_ids IS NOT NULL)
             ORDER BY id LIMIT $3)
RETURNING id

-- Locked in the order of message_mark_read, so that a reader and this never wait for each
-- other in a circle.
-- :name care_empty pgsql
WITH batch AS MATERIALIZED (
    SELECT id FROM messages
    WHERE request_id BETWEEN $1 AND $1 AND id > $4
      AND ($2::text IS NULL OR from_user_id::text = $2::text)
      AND (body <> '' OR deleted_at IS NULL OR file_ids IS NOT NULL)
    ORDER BY request_id, id LIMIT $3 FOR NO KEY UPDATE
)
UPDATE messages m
SET body = '', deleted_at = coalesce(m.deleted_at, (now() AT TIME ZONE 'UTC')),
    file_ids = NULL
FROM batch WHERE m.id = batch.id
RETURNING m.id

-- :name care_quiet sqlite
INSERT INTO chat_wipes (one) VALUES (1)

-- :name care_quiet pgsql
SELECT set_config('chat.wiping', 'on', true)

-- :name care_loud sqlite
DELETE FROM chat_wipes

-- :name care_loud pgsql
SELECT set_config('chat.wiping', 'off', true)

-- Where the next part of the log ends; NULL: there is no more of this conversation.
-- $1 conversation, $2 behind which id, $3 how many
-- :name care_scrub_end sqlite
SELECT max(id) FROM (SELECT id FROM chat_events
                     WHERE conversation_id = $1 AND id > $2
                     ORDER BY id LIMIT $3)

-- :name care_scrub_end pgsql
SELECT max(id) FROM (SELECT id FROM chat_events
                     WHERE conversation_id BETWEEN $1 AND $1 AND id > $2::bigint
                     ORDER BY conversation_id, id LIMIT $3) AS part

-- What such a part tells of messages, as chat_events_scrub does it for one, unless it is
-- done: an edit meanwhile writes into what was emptied, so it is looked through twice.
-- $1 conversation, $2 author or NULL, $3 behind which id, $4 up to which
-- :name care_scrub sqlite
UPDATE chat_events
SET payload = json_set(payload, '$.message.content', '',
                       '$.message.edited_at', NULL, '$.message.reply_to', NULL,
                       '$.message.plan', NULL, '$.message.deleted_at',
                       strftime('%Y-%m-%dT%H:%M:%fZ', 'now'),
                       '$.message.reactions', json('[]'),
                       '$.message.attachments', json('[]'))
WHERE conversation_id = $1 AND id > $3 AND id <= $4
  AND event IN ('MessageSent', 'MessageEdited') AND json_valid(payload)
  AND (json_extract(payload, '$.message.deleted_at') IS NULL
       OR json_extract(payload, '$.message.content') <> '')
  AND ($2 IS NULL OR json_extract(payload, '$.message.user_id') = $2)

-- :name care_scrub pgsql
UPDATE chat_events
SET payload = jsonb_set(
        payload::jsonb, '{message}',
        (payload::jsonb -> 'message')
        || jsonb_build_object(
            'content', '', 'edited_at', NULL, 'reply_to', NULL, 'plan', NULL,
            'deleted_at', chat_time(now()), 'reactions', '[]'::jsonb,
            'attachments', '[]'::jsonb))::json
WHERE conversation_id = $1 AND id > $3::bigint AND id <= $4::bigint
  AND event IN ('MessageSent', 'MessageEdited')
  AND (payload #>> '{message,deleted_at}' IS NULL
       OR payload #>> '{message,content}' <> '')
  AND ($2::text IS NULL OR payload #>> '{message,user_id}' = $2::text)

-- And where others answer them.
-- :name care_scrub_quotes sqlite
UPDATE chat_events
SET payload = json_set(payload, '$.message.reply_to.content', '',
                       '$.message.reply_to.deleted', json('true'))
WHERE conversation_id = $1 AND id > $3 AND id <= $4
  AND event IN ('MessageSent', 'MessageEdited') AND json_valid(payload)
  AND json_type(payload, '$.message.reply_to') = 'object'
  AND (json_extract(payload, '$.message.reply_to.content') <> ''
       OR json_extract(payload, '$.message.reply_to.deleted') IS NOT 1)
  AND ($2 IS NULL OR json_extract(payload, '$.message.reply_to.user.id') = $2)

-- :name care_scrub_quotes pgsql
UPDATE chat_events
SET payload = jsonb_set(payload::jsonb, '{message,reply_to}',
                        (payload::jsonb #> '{message,reply_to}')
                        || '{"content": "", "deleted": true}'::jsonb)::json
WHERE conversation_id = $1 AND id > $3::bigint AND id <= $4::bigint
  AND event IN ('MessageSent', 'MessageEdited')
  AND json_typeof(payload #> '{message,reply_to}') = 'object'
  AND (payload #>> '{message,reply_to,content}' <> ''
       OR payload #>> '{message,reply_to,deleted}' IS DISTINCT FROM 'true')
  AND ($2::text IS NULL
       OR payload #>> '{message,reply_to,user,id}' = $2::text)

-- Another program's files are named in columns that only some applications have.
-- :name care_has_paths pgsql
SELECT count(*) FROM pg_attribute
WHERE attrelid = 'messages'::regclass AND NOT attisdropped
  AND attname IN ('attachment_path', 'attachments_json')

-- :name care_paths pgsql
UPDATE messages SET attachment_path = NULL, attachments_json = NULL
WHERE request_id = $1 AND ($2::text IS NULL OR from_user_id::text = $2::text)
  AND (attachment_path IS NOT NULL OR attachments_json IS NOT NULL)

-- Of no conversation.  $1 author
-- :name care_alone sqlite
UPDATE messages
SET body = '', deleted_at = coalesce(deleted_at, strftime('%Y-%m-%d %H:%M:%f', 'now')),
    attachment_path = NULL, attachments_json = NULL
WHERE request_id IS NULL AND from_user_id = $1 AND (body <> '' OR deleted_at IS NULL)
RETURNING 1

-- :name care_alone pgsql
UPDATE messages
SET body = '', deleted_at = coalesce(deleted_at, (now() AT TIME ZONE 'UTC'))
WHERE request_id IS NULL AND from_user_id = $1 AND (body <> '' OR deleted_at IS NULL)
RETURNING 1

-- Besides messages: the words of plans and what they are in (chat_words_erase).
-- $1 conversation, $2 author or NULL.  How many plans had any
-- :name care_words pgsql
SELECT chat_words_erase($1, $2::text)

-- SQLite does it one after the other.
-- :name care_plan_words sqlite
UPDATE treatment_plans SET title = '', description = '', client_digest = NULL
WHERE treatment_request_id = $1 AND ($2 IS NULL OR doctor_id = $2)
  AND (title <> '' OR description <> '')
RETURNING 1

-- :name care_plan_reasons sqlite
UPDATE treatment_plans SET reason = NULL
WHERE treatment_request_id = $1 AND reason IS NOT NULL
  AND ($2 IS NULL OR $2 = CASE WHEN status = 'rejected'
                               THEN (SELECT patient_id FROM chat_conversations
                                     WHERE id = $1)
                               ELSE doctor_id END)
RETURNING 1

-- Cards say what happened, not to which plan. No edit: nothing is to remember it.
-- $1 conversation
-- :name care_cards sqlite
UPDATE messages SET body = substr(body, 1, instr(body, ': ') - 1)
WHERE request_id = $1 AND plan_id IS NOT NULL AND instr(body, ': ') > 1
  AND EXISTS (SELECT 1 FROM treatment_plans p
              WHERE p.id = messages.plan_id AND p.title = '')

-- :name care_plan_events sqlite
UPDATE chat_events
SET payload = json_set(payload, '$.plan.title', CAST(p.title AS TEXT),
                       '$.plan.description', CAST(p.description AS TEXT),
                       '$.plan.reason', CAST(p.reason AS TEXT))
FROM treatment_plans p
WHERE conversation_id = $1 AND json_valid(payload)
  AND p.treatment_request_id = $1 AND json_extract(payload, '$.plan.id') = p.id

-- :name care_card_events sqlite
UPDATE chat_events
SET payload = json_set(payload, '$.message.plan.title', CAST(p.title AS TEXT),
                       '$.message.plan.description', CAST(p.description AS TEXT),
                       '$.message.plan.reason', CAST(p.reason AS TEXT),
                       '$.message.content', CAST(m.body AS TEXT))
FROM messages m JOIN treatment_plans p ON p.id = m.plan_id
WHERE conversation_id = $1 AND json_valid(payload) AND m.request_id = $1
  AND json_extract(payload, '$.message.id') = m.id
  AND json_extract(payload, '$.message.plan.id') = p.id

-- :name care_quote_events sqlite
UPDATE chat_events
SET payload = json_set(payload, '$.message.reply_to.content', CAST(m.body AS TEXT))
FROM messages m
WHERE conversation_id = $1 AND json_valid(payload) AND m.request_id = $1
  AND m.plan_id IS NOT NULL
  AND json_extract(payload, '$.message.reply_to.id') = m.id

-- What the patient has said it is about.  $1 conversation, $2 author or NULL
-- :name care_subject sqlite
UPDATE treatment_requests SET title = '', description = ''
WHERE id = $1 AND ($2 IS NULL OR patient_id = $2) AND (title <> '' OR description <> '')

-- :name care_subject_events sqlite
UPDATE chat_events SET payload = json_set(payload, '$.consultation.title', '')
WHERE conversation_id = $1 AND json_valid(payload)
  AND json_extract(payload, '$.consultation.title') <> ''
  AND EXISTS (SELECT 1 FROM treatment_requests
              WHERE id = $1 AND title = '')

-- :name care_edits sqlite
DELETE FROM chat_message_edits
WHERE message_id IN (SELECT id FROM messages
                     WHERE request_id = $1 AND ($2 IS NULL OR from_user_id = $2))

-- :name care_edits pgsql
DELETE FROM chat_message_edits
WHERE message_id IN (SELECT id FROM messages
                     WHERE request_id = $1
                       AND ($2::text IS NULL OR from_user_id::text = $2::text))

-- :name care_reactions sqlite
DELETE FROM chat_message_reactions
WHERE message_id IN (SELECT id FROM messages
                     WHERE request_id = $1 AND ($2 IS NULL OR from_user_id = $2))

-- :name care_reactions pgsql
DELETE FROM chat_message_reactions
WHERE message_id IN (SELECT id FROM messages
                     WHERE request_id = $1
                       AND ($2::text IS NULL OR from_user_id::text = $2::text))

-- :name care_files sqlite
SELECT id FROM chat_attachments
WHERE conversation_id = $1 AND ($2 IS NULL OR user_id = $2) LIMIT $3

-- :name care_files pgsql
SELECT id FROM chat_attachments
WHERE conversation_id = $1 AND ($2::text IS NULL OR user_id::text = $2::text)
LIMIT $3

-- $1 id
-- :name care_file_gone
DELETE FROM chat_attachments WHERE id = $1

-- The person's name in what the log of events still tells of a conversation.
-- $1 conversation, $2 user, $3 the other name, $4 where in an event: 'message,user'
-- :name care_event_names sqlite
UPDATE chat_events
SET payload = json_set(payload, '$.' || replace($4, ',', '.') || '.name', $3)
WHERE conversation_id = $1 AND json_valid(payload)
  AND json_extract(payload, '$.' || replace($4, ',', '.') || '.id') = $2

-- :name care_event_names pgsql
UPDATE chat_events
SET payload = jsonb_set(payload::jsonb,
                        string_to_array($4::text, ',') || ARRAY['name'],
                        to_jsonb($3::text))::json
WHERE conversation_id = $1
  AND payload #>> (string_to_array($4::text, ',') || ARRAY['id']) = $2

-- --- a person ------------------------------------------------------------------------------

-- $1 user, $2 name, $3 e-mail address, $4 what no password's hash is
-- :name care_person sqlite
UPDATE users
SET name = $2, email = $3, password = $4, phone = NULL, fcm_tokens = NULL,
    remember_token = NULL, email_verified_at = NULL, status = 'suspended'
WHERE id = $1

-- :name care_person pgsql
UPDATE users
SET name = $2, email = $3, password = $4, phone = NULL, fcm_tokens = NULL,
    remember_token = NULL, email_verified_at = NULL, status = 'suspended'
WHERE id = $1

-- The application's table, of which these columns are known.
-- :name care_person_adapted pgsql
UPDATE users SET name = $2, email = $3, password = $4 WHERE id = $1

-- But not where the conversation is on hold.  $1 user
-- :name care_reactions_of
DELETE FROM chat_message_reactions
WHERE user_id = $1
  AND NOT EXISTS (SELECT 1 FROM messages m
                  JOIN chat_legal_holds h
                    ON h.conversation_id = CAST(m.request_id AS TEXT)
                  WHERE m.id = message_id AND h.released_at IS NULL)

-- :name care_tokens sqlite
DELETE FROM personal_access_tokens
WHERE tokenable_type IN (SELECT name FROM chat_token_types) AND tokenable_id = $1

-- :name care_tokens pgsql
DELETE FROM personal_access_tokens
WHERE tokenable_type IN (SELECT name FROM chat_token_types) AND tokenable_id::text = $1::text

-- :name care_sessions
DELETE FROM chat_sessions WHERE user_id = $1

-- --- legal holds -----------------------------------------------------------------------------

-- $1 conversation, $2 why, $3 who, $4 time
-- :name care_hold
INSERT INTO chat_legal_holds (conversation_id, why, placed_by, placed_at)
VALUES ($1, $2, $3, $4)
ON CONFLICT DO NOTHING
RETURNING id

-- $1 conversation, $2 who, $3 time
-- :name care_release
UPDATE chat_legal_holds SET released_by = $2, released_at = $3
WHERE conversation_id = $1 AND released_at IS NULL
RETURNING id

-- :name care_holds
SELECT conversation_id, why, placed_by, placed_at, released_by, released_at
FROM chat_legal_holds ORDER BY id

-- $1 conversation
-- :name care_held
SELECT 1 FROM chat_legal_holds WHERE conversation_id = $1 AND released_at IS NULL

-- A conversation's id as it is stored, also of one that is deleted and has content left.
-- $1 id
-- :name care_exists
SELECT CAST(id AS TEXT) FROM chat_conversations WHERE id = $1
UNION ALL
SELECT CAST(request_id AS TEXT) FROM messages WHERE request_id = $1
LIMIT 1

-- --- rules of retention ------------------------------------------------------------------------

-- Whether a conversation has a status.  $1 it
-- :name care_status
SELECT 1 FROM chat_conversations WHERE status = $1 LIMIT 1

-- $1 status, $2 days
-- :name care_rule
INSERT INTO chat_retention (status, days) VALUES ($1, $2)
ON CONFLICT (status) DO UPDATE SET days = excluded.days

-- $1 status
-- :name care_rule_gone
DELETE FROM chat_retention WHERE status = $1 RETURNING status

-- :name care_rules
SELECT status, days FROM chat_retention ORDER BY status

-- --- export ------------------------------------------------------------------------------------
-- Each gives rows of a key, which the next page begins behind, and an object.
-- $1 user, $2 key or NULL, $3 limit

-- :name export_profile sqlite
SELECT id, json_object('id', id, 'name', CAST(name AS TEXT), 'email', CAST(email AS TEXT),
                       'role', CAST(role AS TEXT), 'locale', CAST(locale AS TEXT),
                       'active', json(CASE WHEN active THEN 'true' ELSE 'false' END))
FROM chat_users WHERE id = $1 AND $2 IS NULL LIMIT $3

-- :name export_profile pgsql
SELECT id::text, json_build_object('id', id, 'name', name, 'email', email, 'role', role,
                                   'locale', locale, 'active', active)
FROM chat_users WHERE id = $1 AND $2::text IS NULL LIMIT $3

-- :name export_conversations sqlite
SELECT c.id, json_object('id', c.id, 'title', CAST(c.title AS TEXT),
                         'status', CAST(c.status AS TEXT), 'role', m.role,
                         'created_at', strftime('%Y-%m-%dT%H:%M:%fZ', c.created_at),
                         'updated_at', strftime('%Y-%m-%dT%H:%M:%fZ', c.updated_at))
FROM chat_members m
JOIN chat_conversations c ON c.id = m.conversation_id
WHERE m.user_id = $1 AND ($2 IS NULL OR c.id > $2) ORDER BY c.id LIMIT $3

-- :name export_conversations pgsql
SELECT c.id::text, json_build_object('id', c.id, 'title', c.title, 'status', c.status,
                               'role', m.role, 'created_at', chat_time(c.created_at),
                               'updated_at', chat_time(c.updated_at))
FROM chat_members m
JOIN chat_conversations c ON c.id = m.conversation_id
WHERE m.user_id = $1 AND ($2::text IS NULL OR c.id::text COLLATE "C" > $2::text)
ORDER BY c.id::text COLLATE "C" LIMIT $3

-- :name export_reactions sqlite
SELECT message_id || ' ' || emoji,
       json_object('message_id', message_id, 'emoji', emoji,
                   'created_at', strftime('%Y-%m-%dT%H:%M:%fZ', created_at))
FROM chat_message_reactions
WHERE user_id = $1 AND ($2 IS NULL OR message_id || ' ' || emoji > $2)
ORDER BY 1 LIMIT $3

-- :name export_reactions pgsql
SELECT message_id::text || ' ' || emoji,
       json_build_object('message_id', message_id, 'emoji', emoji,
                         'created_at', chat_time(created_at))
FROM chat_message_reactions
WHERE user_id = $1
  AND ($2::text IS NULL OR (message_id::text || ' ' || emoji) COLLATE "C" > $2::text)
ORDER BY (message_id::text || ' ' || emoji) COLLATE "C" LIMIT $3

-- :name export_files sqlite
SELECT id, json_object('id', id, 'conversation_id', conversation_id,
                       'message_id', message_id, 'name', name, 'mime', mime,
                       'kind', kind, 'size', size, 'sha256', sha256,
                       'created_at', strftime('%Y-%m-%dT%H:%M:%fZ', created_at))
FROM chat_attachments
WHERE user_id = $1 AND ($2 IS NULL OR id > $2) ORDER BY id LIMIT $3

-- :name export_files pgsql
SELECT id, json_build_object('id', id, 'conversation_id', conversation_id,
                             'message_id', message_id, 'name', name, 'mime', mime,
                             'kind', kind, 'size', size, 'sha256', sha256,
                             'created_at', chat_time(created_at))
FROM chat_attachments
WHERE user_id = $1 AND ($2::text IS NULL OR id COLLATE "C" > $2::text)
ORDER BY id COLLATE "C" LIMIT $3

-- :name export_sessions sqlite
SELECT token_hash, json_object('created_at', strftime('%Y-%m-%dT%H:%M:%fZ', created_at),
                               'last_seen_at', strftime('%Y-%m-%dT%H:%M:%fZ', last_seen_at),
                               'expires_at', strftime('%Y-%m-%dT%H:%M:%fZ', expires_at),
                               'address', address, 'user_agent', user_agent)
FROM chat_sessions
WHERE user_id = $1 AND ($2 IS NULL OR token_hash > $2) ORDER BY token_hash LIMIT $3

-- :name export_sessions pgsql
SELECT token_hash, json_build_object('created_at', chat_time(created_at),
                                     'last_seen_at', chat_time(last_seen_at),
                                     'expires_at', chat_time(expires_at),
                                     'address', address, 'user_agent', user_agent)
FROM chat_sessions
WHERE user_id = $1 AND ($2::text IS NULL OR token_hash COLLATE "C" > $2::text)
ORDER BY token_hash COLLATE "C" LIMIT $3

-- :name export_tokens sqlite
SELECT id, json_object('id', id, 'name', name, 'abilities', abilities,
                       'created_at', strftime('%Y-%m-%dT%H:%M:%fZ', created_at),
                       'last_used_at', strftime('%Y-%m-%dT%H:%M:%fZ', last_used_at),
                       'expires_at', strftime('%Y-%m-%dT%H:%M:%fZ', expires_at))
FROM personal_access_tokens
WHERE tokenable_type IN (SELECT name FROM chat_token_types) AND tokenable_id = $1
  AND ($2 IS NULL OR id > $2) ORDER BY id LIMIT $3

-- :name export_tokens pgsql
SELECT id::text, json_build_object('id', id, 'name', name, 'abilities', abilities,
                                   'created_at', created_at,
                                   'last_used_at', last_used_at,
                                   'expires_at', expires_at)
FROM personal_access_tokens
WHERE tokenable_type IN (SELECT name FROM chat_token_types) AND tokenable_id::text = $1::text
  AND ($2::text IS NULL OR id::text COLLATE "C" > $2::text)
ORDER BY id::text COLLATE "C" LIMIT $3

-- :name export_audit sqlite
SELECT seq, json_object('seq', seq, 'at', at, 'via', via, 'action', action,
                        'conversation_id', conversation_id, 'object', object,
                        'address', address, 'agent', agent, 'status', status)
FROM chat_audit
WHERE user_id = CAST($1 AS TEXT) AND seq > coalesce($2, 0) ORDER BY seq LIMIT $3

-- :name export_audit pgsql
SELECT seq::text, json_build_object('seq', seq, 'at', at, 'via', via, 'action', action,
                              'conversation_id', conversation_id, 'object', object,
                              'address', address, 'agent', agent, 'status', status)
FROM chat_audit
WHERE user_id = $1::text AND seq > coalesce($2::text, '0')::bigint
ORDER BY seq LIMIT $3

-- The plans of the conversations they are in, as far as they may see them: what was
-- never offered is its doctor's alone.
-- :name export_plans sqlite
SELECT p.id, json_object('id', p.id, 'conversation_id', p.conversation_id,
                         'doctor_id', p.doctor_id,
                         'title', json_extract(p.json, '$.title'),
                         'description', json_extract(p.json, '$.description'),
                         'status', p.status,
                         'price_cents', json_extract(p.json, '$.price_cents'),
                         'currency', json_extract(p.json, '$.currency'),
                         'duration_days', json_extract(p.json, '$.duration_days'),
                         'reason', json_extract(p.json, '$.reason'),
                         'submitted_at', json_extract(p.json, '$.submitted_at'),
                         'decided_at', json_extract(p.json, '$.decided_at'),
                         'created_at', json_extract(p.json, '$.created_at'))
FROM chat_plans p
WHERE p.conversation_id IN (SELECT conversation_id FROM chat_members
                            WHERE user_id = $1)
  AND (p.doctor_id = $1 OR p.offered)
  AND ($2 IS NULL OR p.id > $2) ORDER BY p.id LIMIT $3

-- :name export_plans pgsql
SELECT p.id::text, json_build_object(
           'id', j.plan -> 'id', 'conversation_id', j.plan -> 'consultation_id',
           'doctor_id', j.plan -> 'doctor_id', 'title', j.plan -> 'title',
           'description', j.plan -> 'description', 'status', j.plan -> 'status',
           'price_cents', j.plan -> 'price_cents',
           'currency', j.plan -> 'currency',
           'duration_days', j.plan -> 'duration_days',
           'reason', j.plan -> 'reason', 'submitted_at', j.plan -> 'submitted_at',
           'decided_at', j.plan -> 'decided_at',
           'created_at', j.plan -> 'created_at')
FROM treatment_plans p
CROSS JOIN LATERAL (SELECT chat_plan_json(p) AS plan) AS j
WHERE p.treatment_request_id IN (SELECT conversation_id FROM chat_members
                                 WHERE user_id = $1)
  AND p.deleted_at IS NULL
  AND (chat_plan_mark(p) <> 'draft'
       AND (chat_plan_mark(p) <> 'cancelled' OR p.submitted_at IS NOT NULL)
       OR chat_plan_doctor(p) = $1)
  AND ($2::text IS NULL OR p.id::text COLLATE "C" > $2::text)
ORDER BY p.id::text COLLATE "C" LIMIT $3

-- All messages of a conversation they are in; of one that they have left, what they
-- wrote and what was written to them.
-- $1 user, $2 key or NULL, $3 limit, $4 conversation, $5 1: they are in it
-- :name export_messages sqlite
SELECT m.id, json_object('id', m.id, 'conversation_id', m.request_id,
                         'user_id', m.from_user_id, 'to_user_id', m.to_user_id,
                         'content', CAST(m.body AS TEXT), 'type', CAST(m.type AS TEXT),
                         'client_id', m.client_id, 'reply_to_id', m.reply_to_id,
                         'file_ids', json(coalesce(m.file_ids, '[]')),
                         'created_at', strftime('%Y-%m-%dT%H:%M:%fZ', m.created_at),
                         'edited_at', strftime('%Y-%m-%dT%H:%M:%fZ', m.edited_at),
                         'read_at', strftime('%Y-%m-%dT%H:%M:%fZ', m.read_at))
FROM messages m
WHERE m.request_id = $4 AND m.deleted_at IS NULL AND m.id > coalesce($2, 0)
  AND ($5 = 1 OR m.from_user_id = $1 OR m.to_user_id = $1)
ORDER BY m.id LIMIT $3

-- The first page has a statement of its own: an OR would read a conversation from its
-- beginning for each page.
-- :name export_messages_first pgsql
SELECT m.id, json_build_object('id', m.id, 'conversation_id', m.request_id,
                               'user_id', m.from_user_id, 'to_user_id', m.to_user_id,
                               'content', m.body, 'type', m.type,
                               'client_id', m.client_id, 'reply_to_id', m.reply_to_id,
                               'file_ids', coalesce(m.file_ids, '[]')::json,
                               'created_at', chat_time(m.created_at),
                               'edited_at', chat_time(m.edited_at),
                               'read_at', chat_time(m.read_at))
FROM messages m
WHERE m.request_id = $4 AND m.deleted_at IS NULL
  AND $2::text IS NULL
  AND ($5::int = 1 OR m.from_user_id = $1 OR m.to_user_id = $1)
ORDER BY m.id LIMIT $3

-- :name export_messages pgsql
SELECT m.id, json_build_object('id', m.id, 'conversation_id', m.request_id,
                               'user_id', m.from_user_id, 'to_user_id', m.to_user_id,
                               'content', m.body, 'type', m.type,
                               'client_id', m.client_id, 'reply_to_id', m.reply_to_id,
                               'file_ids', coalesce(m.file_ids, '[]')::json,
                               'created_at', chat_time(m.created_at),
                               'edited_at', chat_time(m.edited_at),
                               'read_at', chat_time(m.read_at))
FROM messages m
WHERE m.request_id = $4 AND m.deleted_at IS NULL
  AND m.id > $2
  AND ($5::int = 1 OR m.from_user_id = $1 OR m.to_user_id = $1)
ORDER BY m.id LIMIT $3

-- Those of no conversation, which other programs write.
-- :name export_alone sqlite
SELECT m.id, json_object('id', m.id, 'user_id', m.from_user_id,
                         'to_user_id', m.to_user_id, 'content', CAST(m.body AS TEXT),
                         'created_at', strftime('%Y-%m-%dT%H:%M:%fZ', m.created_at))
FROM messages m
WHERE m.request_id IS NULL AND m.deleted_at IS NULL AND m.id > coalesce($2, 0)
  AND (m.from_user_id = $1 OR m.to_user_id = $1)
ORDER BY m.id LIMIT $3

-- :name export_alone pgsql
SELECT m.id::text, json_build_object('id', m.id, 'user_id', m.from_user_id,
                               'to_user_id', m.to_user_id, 'content', m.body,
                               'created_at', chat_time(m.created_at))
FROM messages m
WHERE m.request_id IS NULL AND m.deleted_at IS NULL
  AND ($2::text IS NULL OR m.id::text COLLATE "C" > $2::text)
  AND (m.from_user_id = $1 OR m.to_user_id = $1)
ORDER BY m.id::text COLLATE "C" LIMIT $3

-- What their messages said before.  $4 conversation
-- :name export_edits sqlite
SELECT e.id, json_object('id', e.id, 'message_id', e.message_id,
                         'content', CAST(e.body AS TEXT),
                         'edited_at', strftime('%Y-%m-%dT%H:%M:%fZ', e.edited_at))
FROM messages m
JOIN chat_message_edits e ON e.message_id = m.id
WHERE m.request_id = $4 AND m.from_user_id = $1 AND e.id > coalesce($2, 0)
  AND $5 IS NOT NULL
ORDER BY e.id LIMIT $3

-- :name export_edits pgsql
SELECT e.id::text, json_build_object('id', e.id, 'message_id', e.message_id,
                               'content', e.body, 'edited_at', chat_time(e.edited_at))
FROM messages m
JOIN chat_message_edits e ON e.message_id = m.id
WHERE m.request_id = $4 AND m.from_user_id = $1
  AND e.id > coalesce($2::text, '0')::bigint AND $5::int IS NOT NULL
ORDER BY e.id LIMIT $3

-- Whether an adapted database has plans that we know.
-- :name care_has_plans pgsql
SELECT (to_regclass('treatment_plans') IS NOT NULL
        AND to_regproc('chat_plan_json') IS NOT NULL)::int
