-- SPDX-License-Identifier: Apache-2.0
--
-- Files that are uploaded (attachment.c, route/attachment.c, route/message_files.c,
-- care.c). Times are given in seconds.

-- How much an account and a conversation have.  $1 'u' and the user, $2 'c' and the
-- conversation
-- :name file_usage
SELECT coalesce((SELECT bytes FROM chat_file_usage WHERE owner = $1), 0),
       coalesce((SELECT bytes FROM chat_file_usage WHERE owner = $2), 0)

-- $1 id, $2 conversation, $3 user, $4 name, $5 media type, $6 kind, $7 bytes, $8
-- SHA-256, $9 state, $10 key_id
-- :name attachment_insert
INSERT INTO chat_attachments (id, conversation_id, user_id, name, mime, kind, size,
                              sha256, sent_sha256, state, key_id)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $8, $9, $10)

-- What chat-files found out.  $1 id, $2 state, $3 why, $4 width, $5 height, $6 thumb,
-- $7 bytes, $8 SHA-256 (the last five may be NULL: as before)
-- :name attachment_checked sqlite
UPDATE chat_attachments
SET state = $2, why = $3, width = coalesce($4, width), height = coalesce($5, height),
    thumb = coalesce($6, thumb), size = coalesce($7, size),
    sha256 = coalesce($8, sha256)
WHERE id = $1 AND state = 'pending'
RETURNING id

-- A file, as this user may see it. Columns: those of an attachment's JSON (id, name,
-- mime, kind, size, width, height, state, thumb); conversation as text; whether it is
-- theirs, was sent, in a message that lives, whether they are a member; their role;
-- SHA-256.  $1 id, $2 user
-- :name attachment_get sqlite
SELECT a.id, CAST(a.name AS TEXT), CAST(a.mime AS TEXT), a.kind, a.size, a.width,
       a.height, a.state, a.thumb, a.conversation_id,
       a.user_id = u.id, a.message_id IS NOT NULL,
       m.id IS NOT NULL AND m.deleted_at IS NULL AND m.request_id = a.conversation_id,
       EXISTS (SELECT 1 FROM chat_members x
               WHERE x.conversation_id = a.conversation_id AND x.user_id = u.id),
       CAST(u.role AS TEXT), a.sha256, u.id
FROM chat_attachments a
JOIN chat_conversations c ON c.id = a.conversation_id
JOIN chat_users u ON u.id = $2 AND u.active
LEFT JOIN messages m ON m.id = a.message_id
WHERE a.id = $1

-- Those named that this user may still send in this conversation.  $1 JSON list of
-- ids, $2 user, $3 conversation.  Columns of an attachment's JSON
-- :name attachments_unsent sqlite
SELECT a.id, CAST(a.name AS TEXT), CAST(a.mime AS TEXT), a.kind, a.size, a.width,
       a.height, a.state, a.thumb
FROM chat_attachments a
WHERE a.id IN (SELECT value FROM json_each($1)) AND a.user_id = $2
  AND a.conversation_id = $3 AND a.message_id IS NULL
  AND NOT EXISTS (SELECT 1 FROM chat_held_messages h
                  WHERE h.conversation_id = $3 AND h.user_id = $2
                    AND instr(h.file_ids, a.id) > 0)

-- How many a message has got that no other one on its way names.  $1 message
-- :name attachments_sent sqlite
SELECT count(*) FROM chat_attachments a
WHERE a.message_id = $1
  AND NOT EXISTS (SELECT 1 FROM chat_held_messages h
                  WHERE h.conversation_id = a.conversation_id
                    AND h.user_id = a.user_id AND instr(h.file_ids, a.id) > 0)

-- Files that a message waits for are locked in one order, before it is asked whether
-- they may still be sent: of two messages that name one the second sees the first.
-- $1 JSON list of ids.  On SQLite only one writes anyway
-- :name attachments_lock sqlite
SELECT id FROM chat_attachments WHERE id IN (SELECT value FROM json_each($1))

-- What the bytes of a message's files were when they came, in their order.  $1 the
-- list of their ids, as the message has it
-- :name attachments_hashes sqlite
SELECT a.sent_sha256 FROM chat_attachments a
WHERE a.id IN (SELECT value FROM json_each($1))
ORDER BY instr($1, a.id)

-- The files of a conversation, newest first, below one of them.  $1 conversation, $2
-- id or NULL, $3 limit.  Columns of an attachment's JSON, then message, user, time
-- :name attachment_list sqlite
SELECT a.id, CAST(a.name AS TEXT), CAST(a.mime AS TEXT), a.kind, a.size, a.width,
       a.height, a.state, a.thumb, json_quote(a.message_id), json_quote(a.user_id),
       a.created_at
FROM chat_attachments a
JOIN messages m ON m.id = a.message_id AND m.deleted_at IS NULL
WHERE a.conversation_id = $1 AND a.state = 'clean'
  AND ($2 IS NULL
       OR (a.created_at, a.id) < (SELECT x.created_at, x.id
                                  FROM chat_attachments x WHERE x.id = $2))
ORDER BY a.created_at DESC, a.id DESC
LIMIT $3

-- One's own that was not sent; not one that is in a message on its way.  $1 id, $2 user
-- :name attachment_delete sqlite
DELETE FROM chat_attachments
WHERE id = $1 AND user_id = $2 AND message_id IS NULL
  AND NOT EXISTS (SELECT 1 FROM chat_held_messages h
                  WHERE h.user_id = $2 AND instr(h.file_ids, $1) > 0)
RETURNING id

-- Those of a request that came to nothing.  $1 JSON list of ids
-- :name attachments_undo sqlite
DELETE FROM chat_attachments
WHERE id IN (SELECT value FROM json_each($1)) AND message_id IS NULL

-- --- messages whose files are being looked at -----------------------------------------

-- $1 conversation, $2 user, $3 text, $4 type, $5 client_id, $6 reply_to, $7 files
-- :name held_insert sqlite
INSERT INTO chat_held_messages (conversation_id, user_id, body, type, client_id,
                                reply_to_id, file_ids)
VALUES ($1, $2, $3, $4, $5, $6, $7)
ON CONFLICT DO NOTHING
RETURNING id

-- $1 conversation, $2 user, $3 client_id
-- :name held_find
SELECT body, type, reply_to_id, file_ids FROM chat_held_messages
WHERE conversation_id = $1 AND user_id = $2 AND client_id = $3

-- All of whose files have been looked at; whether all are clean, whether the sender is
-- a member still, and their role.  $1 limit
-- :name held_due sqlite
SELECT h.id, h.conversation_id, h.user_id, CAST(h.body AS TEXT), h.type, h.client_id,
       h.reply_to_id, h.file_ids,
       (SELECT count(*) FROM chat_attachments a
        WHERE a.id IN (SELECT value FROM json_each(h.file_ids))
          AND a.state = 'clean') = json_array_length(h.file_ids),
       EXISTS (SELECT 1 FROM chat_members x
               WHERE x.conversation_id = h.conversation_id
                 AND x.user_id = h.user_id),
       (SELECT CAST(u.role AS TEXT) FROM chat_users u
        WHERE u.id = h.user_id AND u.active)
FROM chat_held_messages h
WHERE NOT EXISTS (SELECT 1 FROM chat_attachments a
                  WHERE a.id IN (SELECT value FROM json_each(h.file_ids))
                    AND a.state = 'pending')
ORDER BY h.id LIMIT $1

-- Taken by whoever gets the row.  $1 id
-- :name held_take
DELETE FROM chat_held_messages WHERE id = $1 RETURNING id

-- --- what is to be done by and by (care.c) ----------------------------------------------

-- The oldest first.  $1 limit
-- :name attachments_pending
SELECT id, mime FROM chat_attachments WHERE state = 'pending'
ORDER BY created_at LIMIT $1

-- Those that lie open and are to be sealed; id, conversation as text, thumb.  $1 the
-- last id seen, $2 limit
-- :name attachments_unsealed sqlite
SELECT id, CAST(conversation_id AS TEXT), thumb FROM chat_attachments
WHERE key_id = 0 AND state <> 'pending' AND id > $1 ORDER BY id LIMIT $2

-- $1 id, $2 the key it is sealed with; NULL: there is no file
-- :name attachment_sealed
UPDATE chat_attachments SET key_id = $2 WHERE id = $1

-- Uploads that nobody sent in time.  $1 seconds, $2 limit
-- :name attachments_expire sqlite
DELETE FROM chat_attachments
WHERE message_id IS NULL
  AND id IN (SELECT a.id FROM chat_attachments a
             WHERE a.message_id IS NULL
               AND a.created_at < strftime('%Y-%m-%d %H:%M:%f', 'now',
                                           '-' || $1 || ' seconds')
               AND NOT EXISTS (SELECT 1 FROM chat_held_messages h
                               WHERE instr(h.file_ids, a.id) > 0)
             ORDER BY a.created_at LIMIT $2)
RETURNING id

-- Some files by their ids, and whether each is of a message that is no more: so many a
-- minute, because only looking finds them.  $1 the last id seen, $2 limit
-- :name attachments_lost sqlite
SELECT a.id, a.message_id IS NOT NULL
             AND NOT EXISTS (SELECT 1 FROM messages m WHERE m.id = a.message_id)
FROM chat_attachments a WHERE a.id > $1 ORDER BY a.id LIMIT $2

-- $1 JSON list of ids
-- :name attachments_lost_gone sqlite
DELETE FROM chat_attachments
WHERE id IN (SELECT value FROM json_each($1)) AND message_id IS NOT NULL
  AND NOT EXISTS (SELECT 1 FROM messages m
                  WHERE m.id = chat_attachments.message_id)
RETURNING id

-- Which of these have a row.  $1 JSON list of ids
-- :name attachments_known sqlite
SELECT id FROM chat_attachments WHERE id IN (SELECT value FROM json_each($1))
