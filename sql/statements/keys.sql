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
-- id, name, key, thumb; some at a time.  $1 conversation, $2 the last id seen
-- :name reseal_files sqlite
SELECT id, CAST(name AS TEXT), key_id, thumb FROM chat_attachments
WHERE conversation_id = $1 AND state <> 'pending' AND key_id IS NOT 0 AND id > $2
ORDER BY id LIMIT 200

-- :name reseal_files pgsql
SELECT id, name, key_id, thumb FROM chat_attachments
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
