-- SPDX-License-Identifier: Apache-2.0
--
-- The data keys of conversations, wrapped (common/keys.c, chatctl keys).

-- $1 conversation.  The key's id and the wrapped key
-- :name key_newest
SELECT id, wrapped FROM chat_keys
WHERE conversation_id = $1
ORDER BY id DESC
LIMIT 1

-- $1 conversation, $2 the wrapped key
-- :name key_insert
INSERT INTO chat_keys (conversation_id, wrapped) VALUES ($1, $2)
RETURNING id

-- $1 the key's id.  The wrapped key and the conversation as text
-- :name key_by_id sqlite
SELECT wrapped, CAST(conversation_id AS TEXT) FROM chat_keys WHERE id = $1

-- :name key_by_id pgsql
SELECT wrapped, conversation_id::text FROM chat_keys WHERE id = $1

-- All keys, some at a time: id, wrapped key, conversation as text. $1 the last id seen
-- :name keys_all sqlite
SELECT id, wrapped, CAST(conversation_id AS TEXT) FROM chat_keys
WHERE id > $1 ORDER BY id LIMIT 200

-- :name keys_all pgsql
SELECT id, wrapped, conversation_id::text FROM chat_keys
WHERE id > $1::bigint ORDER BY id LIMIT 200

-- Files of a conversation that were looked at, but those that httpd is about to seal:
-- id, name, key, thumb, user; some at a time.  $1 conversation, $2 the last id seen
-- :name reseal_files sqlite
SELECT id, CAST(name AS TEXT), key_id, thumb, CAST(user_id AS TEXT)
FROM chat_attachments
WHERE conversation_id = $1 AND state <> 'pending' AND key_id IS NOT 0 AND id > $2
ORDER BY id LIMIT 200

-- :name reseal_files pgsql
SELECT id, name, key_id, thumb, user_id::text FROM chat_attachments
WHERE conversation_id = $1 AND state <> 'pending' AND key_id IS DISTINCT FROM 0
  AND id > $2::text
ORDER BY id LIMIT 200

-- $1 id, $2 key, $3 name
-- :name reseal_file
UPDATE chat_attachments SET key_id = $2, name = $3 WHERE id = $1

-- Wrapped anew, unless somebody else did so meanwhile.
-- $1 the key's id, $2 as it was wrapped, $3 as it is now
-- :name key_rewrap
UPDATE chat_keys SET wrapped = $3 WHERE id = $1 AND wrapped = $2
RETURNING 1

-- --- sealed texts of a conversation (ctl/sealed_texts.c) -----------------------------
-- $1 conversation, $2 the key behind which, $3 how many.  Columns: that key, id, who
-- wrote it, what its name is made of, the text

-- :name texts_messages sqlite
SELECT id, id, CAST(from_user_id AS TEXT), client_id, CAST(body AS TEXT)
FROM messages
WHERE request_id = $1 AND id > $2 AND body <> '' AND coalesce(type, 'text') <> 'plan'
ORDER BY id LIMIT $3

-- :name texts_messages pgsql
SELECT id, id, from_user_id::text, client_id, body
FROM messages
WHERE request_id = $1 AND id > $2::bigint AND body <> ''
  AND coalesce(type::text, 'text') <> 'plan'
ORDER BY id LIMIT $3

-- :name texts_edits sqlite
SELECT e.id, e.id, CAST(m.from_user_id AS TEXT), m.client_id, e.body
FROM chat_message_edits e JOIN messages m ON m.id = e.message_id
WHERE m.request_id = $1 AND e.id > $2 AND e.body <> ''
ORDER BY e.id LIMIT $3

-- :name texts_edits pgsql
SELECT e.id, e.id, m.from_user_id::text, m.client_id, e.body
FROM chat_message_edits e JOIN messages m ON m.id = e.message_id
WHERE m.request_id = $1 AND e.id > $2::bigint AND e.body <> ''
ORDER BY e.id LIMIT $3

-- :name texts_held sqlite
SELECT id, id, CAST(user_id AS TEXT), client_id, body FROM chat_held_messages
WHERE conversation_id = $1 AND id > $2 AND body <> '' ORDER BY id LIMIT $3

-- :name texts_held pgsql
SELECT id, id, user_id::text, client_id, body FROM chat_held_messages
WHERE conversation_id = $1 AND id > $2::bigint AND body <> '' ORDER BY id LIMIT $3

-- Of plans: who wrote it is the doctor, its name that of a text which is sealed.
-- :name texts_titles sqlite
SELECT id, id, CAST(doctor_id AS TEXT),
       CASE WHEN title LIKE 'sealed:2:%' THEN title
            WHEN description LIKE 'sealed:2:%' THEN description ELSE reason END, title
FROM treatment_plans
WHERE treatment_request_id = $1 AND id > $2 AND title <> '' ORDER BY id LIMIT $3

-- :name texts_titles pgsql
SELECT id::text, id, chat_plan_doctor(p)::text,
       CASE WHEN title LIKE 'sealed:2:%' THEN title
            WHEN description LIKE 'sealed:2:%' THEN description ELSE reason END, title
FROM treatment_plans p
WHERE treatment_request_id = $1 AND id::text COLLATE "C" > $2::text AND title <> ''
ORDER BY id::text COLLATE "C" LIMIT $3

-- :name texts_descriptions sqlite
SELECT id, id, CAST(doctor_id AS TEXT),
       CASE WHEN title LIKE 'sealed:2:%' THEN title
            WHEN description LIKE 'sealed:2:%' THEN description ELSE reason END,
       description
FROM treatment_plans
WHERE treatment_request_id = $1 AND id > $2 AND description <> '' ORDER BY id LIMIT $3

-- :name texts_descriptions pgsql
SELECT id::text, id, chat_plan_doctor(p)::text,
       CASE WHEN title LIKE 'sealed:2:%' THEN title
            WHEN description LIKE 'sealed:2:%' THEN description ELSE reason END,
       description
FROM treatment_plans p
WHERE treatment_request_id = $1 AND id::text COLLATE "C" > $2::text
  AND description <> ''
ORDER BY id::text COLLATE "C" LIMIT $3

-- :name texts_reasons sqlite
SELECT id, id, NULL,
       CASE WHEN title LIKE 'sealed:2:%' THEN title
            WHEN description LIKE 'sealed:2:%' THEN description ELSE reason END, reason
FROM treatment_plans
WHERE treatment_request_id = $1 AND id > $2 AND reason <> '' ORDER BY id LIMIT $3

-- :name texts_reasons pgsql
SELECT id::text, id, NULL,
       CASE WHEN title LIKE 'sealed:2:%' THEN title
            WHEN description LIKE 'sealed:2:%' THEN description ELSE reason END, reason
FROM treatment_plans p
WHERE treatment_request_id = $1 AND id::text COLLATE "C" > $2::text AND reason <> ''
ORDER BY id::text COLLATE "C" LIMIT $3

-- There is one.
-- :name texts_subject sqlite
SELECT 1, id, NULL, NULL, CAST(title AS TEXT) FROM chat_conversations
WHERE id = $1 AND title <> '' AND $2 = 0 LIMIT $3

-- :name texts_subject pgsql
SELECT 1, id, NULL, NULL, title FROM chat_conversations
WHERE id = $1 AND title <> '' AND $2::text = '0' LIMIT $3

-- :name texts_names sqlite
SELECT id, id, CAST(user_id AS TEXT), id, CAST(name AS TEXT) FROM chat_attachments
WHERE conversation_id = $1 AND id > CAST($2 AS TEXT) AND name <> ''
ORDER BY id LIMIT $3

-- :name texts_names pgsql
SELECT id, id, user_id::text, id, name FROM chat_attachments
WHERE conversation_id = $1 AND id COLLATE "C" > $2::text AND name <> ''
ORDER BY id COLLATE "C" LIMIT $3

-- The same text under another key.  $1 id, $2 sealed, $3 as it was
-- :name text_message
UPDATE messages SET body = $2 WHERE id = $1 AND body = $3

-- :name text_edit
UPDATE chat_message_edits SET body = $2 WHERE id = $1 AND body = $3

-- :name text_held
UPDATE chat_held_messages SET body = $2 WHERE id = $1 AND body = $3

-- :name text_title
UPDATE treatment_plans SET title = $2 WHERE id = $1 AND title = $3

-- :name text_description
UPDATE treatment_plans SET description = $2 WHERE id = $1 AND description = $3

-- :name text_reason
UPDATE treatment_plans SET reason = $2 WHERE id = $1 AND reason = $3

-- :name text_subject
UPDATE treatment_requests SET title = $2 WHERE id = $1 AND title = $3

-- What follows in this transaction is no change that anybody is told of.
-- :name resealing_begins sqlite
INSERT OR IGNORE INTO chat_resealing (one) VALUES (1)

-- :name resealing_begins pgsql
SELECT set_config('mod_chat.resealing', 'on', true)

-- :name resealing_ends sqlite
DELETE FROM chat_resealing

-- :name resealing_ends pgsql
SELECT set_config('mod_chat.resealing', 'off', true)

-- All conversations, some at a time.  $1 behind which
-- :name texts_conversations sqlite
SELECT id FROM chat_conversations WHERE id > $1 ORDER BY id LIMIT 200

-- :name texts_conversations pgsql
SELECT id::text FROM chat_conversations WHERE id::text COLLATE "C" > $1::text
ORDER BY id::text COLLATE "C" LIMIT 200
