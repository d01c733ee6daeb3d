-- SPDX-License-Identifier: Apache-2.0
--
-- PostgreSQL's texts of files.sql.

-- :name attachment_checked pgsql
UPDATE chat_attachments
SET state = $2, why = $3, width = coalesce($4::integer, width),
    height = coalesce($5::integer, height), thumb = coalesce($6::integer, thumb),
    size = coalesce($7::bigint, size), sha256 = coalesce($8::text, sha256)
WHERE id = $1 AND state = 'pending'
RETURNING id

-- :name attachment_get pgsql
SELECT a.id, a.name, a.mime, a.kind, a.size, a.width, a.height, a.state, a.thumb,
       a.conversation_id, (a.user_id = u.id)::int, (a.message_id IS NOT NULL)::int,
       (m.id IS NOT NULL AND m.deleted_at IS NULL
        AND m.request_id = a.conversation_id)::int,
       EXISTS (SELECT 1 FROM chat_members x
               WHERE x.conversation_id = a.conversation_id
                 AND x.user_id = u.id)::int,
       u.role, a.sha256, u.id
FROM chat_attachments a
JOIN chat_conversations c ON c.id = a.conversation_id
JOIN chat_users u ON u.id = $2 AND u.active
LEFT JOIN messages m ON m.id = a.message_id
WHERE a.id = $1::text

-- :name attachments_unsent pgsql
SELECT a.id, a.name, a.mime, a.kind, a.size, a.width, a.height, a.state, a.thumb
FROM chat_attachments a
WHERE a.id IN (SELECT value FROM json_array_elements_text($1::json)) AND a.user_id = $2
  AND a.conversation_id = $3 AND a.message_id IS NULL
  AND NOT EXISTS (SELECT 1 FROM chat_held_messages h
                  WHERE h.conversation_id = $3 AND h.user_id = $2
                    AND position(a.id IN h.file_ids) > 0)

-- :name attachments_sent pgsql
SELECT count(*) FROM chat_attachments a
WHERE a.message_id = $1
  AND NOT EXISTS (SELECT 1 FROM chat_held_messages h
                  WHERE h.conversation_id = a.conversation_id
                    AND h.user_id = a.user_id
                    AND position(a.id IN h.file_ids) > 0)

-- :name attachments_lock pgsql
SELECT id FROM chat_attachments
WHERE id IN (SELECT value FROM json_array_elements_text($1::json))
ORDER BY id FOR NO KEY UPDATE

-- :name attachments_hashes pgsql
SELECT a.sent_sha256 FROM chat_attachments a
WHERE a.id IN (SELECT value FROM json_array_elements_text($1::json))
ORDER BY position(a.id IN $1::text)

-- :name attachment_list pgsql
SELECT a.id, a.name, a.mime, a.kind, a.size, a.width, a.height, a.state, a.thumb,
       to_json(a.message_id), to_json(a.user_id), a.created_at
FROM chat_attachments a
JOIN messages m ON m.id = a.message_id AND m.deleted_at IS NULL
WHERE a.conversation_id = $1 AND a.state = 'clean'
  AND ($2::text IS NULL
       OR (a.created_at, a.id) < (SELECT x.created_at, x.id
                                  FROM chat_attachments x WHERE x.id = $2))
ORDER BY a.created_at DESC, a.id DESC
LIMIT $3

-- :name attachment_delete pgsql
DELETE FROM chat_attachments
WHERE id = $1::text AND user_id = $2 AND message_id IS NULL
  AND NOT EXISTS (SELECT 1 FROM chat_held_messages h
                  WHERE h.user_id = $2 AND position($1::text IN h.file_ids) > 0)
RETURNING id

-- :name attachments_undo pgsql
DELETE FROM chat_attachments
WHERE id IN (SELECT value FROM json_array_elements_text($1::json))
  AND message_id IS NULL

-- :name held_insert pgsql
INSERT INTO chat_held_messages (conversation_id, user_id, body, type, client_id,
                                reply_to_id, file_ids)
VALUES ($1, $2, $3, $4, $5, $6, $7)
ON CONFLICT DO NOTHING
RETURNING id

-- :name held_due pgsql
SELECT h.id, h.conversation_id, h.user_id, h.body, h.type, h.client_id,
       h.reply_to_id, h.file_ids,
       ((SELECT count(*) FROM chat_attachments a
         WHERE a.id IN (SELECT value FROM json_array_elements_text(h.file_ids::json))
           AND a.state = 'clean') = json_array_length(h.file_ids::json))::int,
       EXISTS (SELECT 1 FROM chat_members x
               WHERE x.conversation_id = h.conversation_id
                 AND x.user_id = h.user_id)::int,
       (SELECT u.role FROM chat_users u WHERE u.id = h.user_id AND u.active)
FROM chat_held_messages h
WHERE NOT EXISTS (SELECT 1 FROM chat_attachments a
                  WHERE a.id IN (SELECT value
                                 FROM json_array_elements_text(h.file_ids::json))
                    AND a.state = 'pending')
ORDER BY h.id LIMIT $1

-- :name attachments_unsealed pgsql
SELECT id, conversation_id::text, thumb FROM chat_attachments
WHERE key_id = 0 AND state <> 'pending' AND id > $1::text ORDER BY id LIMIT $2

-- :name attachments_expire pgsql
DELETE FROM chat_attachments
WHERE message_id IS NULL
  AND id IN (SELECT a.id FROM chat_attachments a
             WHERE a.message_id IS NULL
               AND a.created_at < (now() AT TIME ZONE 'UTC')
                                  - $1::bigint * interval '1 second'
               AND NOT EXISTS (SELECT 1 FROM chat_held_messages h
                               WHERE position(a.id IN h.file_ids) > 0)
             ORDER BY a.created_at LIMIT $2
             FOR UPDATE SKIP LOCKED)
RETURNING id

-- :name attachments_lost pgsql
SELECT a.id, (a.message_id IS NOT NULL
              AND NOT EXISTS (SELECT FROM messages m
                              WHERE m.id = a.message_id))::int
FROM chat_attachments a WHERE a.id > $1::text ORDER BY a.id LIMIT $2

-- :name attachments_lost_gone pgsql
DELETE FROM chat_attachments a
WHERE a.id IN (SELECT value FROM json_array_elements_text($1::json))
  AND a.message_id IS NOT NULL
  AND NOT EXISTS (SELECT FROM messages m WHERE m.id = a.message_id)
RETURNING id

-- :name attachments_known pgsql
SELECT id FROM chat_attachments
WHERE id IN (SELECT value FROM json_array_elements_text($1::json))
