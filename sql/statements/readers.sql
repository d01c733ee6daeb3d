-- SPDX-License-Identifier: Apache-2.0
--
-- What chat-push does for who has opened a conversation with much unread
-- (push/link/readers.c): a request marks the newest messages and leaves a row of
-- chat_read_due for the others. Each step may be done twice.

-- Where there is something to mark, the oldest reader first; conversation, reader, next
-- :name read_due sqlite
SELECT CAST(conversation_id AS TEXT), CAST(user_id AS TEXT), next
FROM chat_read_due ORDER BY read_at LIMIT 1

-- :name read_due pgsql
SELECT conversation_id::text, user_id::text, next
FROM chat_read_due ORDER BY read_at LIMIT 1

-- Mark what is unread among the messages below `next`.  $1 conversation, $2 reader,
-- $3 next, $4 how many are looked at
-- :name read_due_mark sqlite
UPDATE messages
SET read_at = (SELECT d.read_at FROM chat_read_due d
               WHERE d.user_id = $2 AND d.conversation_id = $1)
WHERE id IN (SELECT id FROM (SELECT id, to_user_id, read_at, deleted_at FROM messages
                             WHERE request_id = $1 AND id < $3
                             ORDER BY id DESC LIMIT $4)
             WHERE to_user_id = $2 AND read_at IS NULL AND deleted_at IS NULL)
  AND EXISTS (SELECT 1 FROM chat_read_due d
              WHERE d.user_id = $2 AND d.conversation_id = $1)
RETURNING 1

-- Locked in the order of message_mark_read.
-- :name read_due_mark pgsql
WITH part AS MATERIALIZED (
    SELECT id, to_user_id, read_at, deleted_at FROM messages
    WHERE request_id BETWEEN $1 AND $1 AND id < $3::bigint
    ORDER BY request_id DESC, id DESC LIMIT $4
), held AS MATERIALIZED (
    SELECT m.id FROM messages m JOIN part USING (id)
    WHERE part.to_user_id = $2 AND part.read_at IS NULL
      AND part.deleted_at IS NULL AND m.read_at IS NULL
    ORDER BY m.id FOR NO KEY UPDATE OF m
)
UPDATE messages m SET read_at = d.read_at
FROM held, chat_read_due d
WHERE m.id = held.id AND m.read_at IS NULL
  AND d.user_id = $2 AND d.conversation_id = $1
RETURNING 1

-- Those are behind us, unless somebody has begun anew above them. Values as before
-- :name read_due_move sqlite
UPDATE chat_read_due
SET next = coalesce((SELECT min(id) FROM (SELECT id FROM messages
                                          WHERE request_id = $1 AND id < $3
                                          ORDER BY id DESC LIMIT $4)), 0)
WHERE user_id = $2 AND conversation_id = $1 AND next = $3

-- :name read_due_move pgsql
UPDATE chat_read_due
SET next = coalesce((SELECT min(id) FROM (SELECT id FROM messages
                                          WHERE request_id BETWEEN $1 AND $1
                                            AND id < $3::bigint
                                          ORDER BY request_id DESC, id DESC
                                          LIMIT $4) AS part), 0)
WHERE user_id = $2 AND conversation_id = $1 AND next = $3::bigint

-- The row goes when nothing is left.  $1 conversation, $2 reader
-- :name read_due_done sqlite
DELETE FROM chat_read_due
WHERE user_id = $2 AND conversation_id = $1
  AND NOT EXISTS (SELECT 1 FROM messages m
                  WHERE m.to_user_id = $2 AND m.request_id = $1
                    AND m.read_at IS NULL AND m.deleted_at IS NULL
                    AND m.id < chat_read_due.next)

-- :name read_due_done pgsql
DELETE FROM chat_read_due d
WHERE d.user_id = $2 AND d.conversation_id = $1
  AND NOT EXISTS (SELECT FROM messages m
                  WHERE m.to_user_id = $2 AND m.request_id = $1
                    AND m.read_at IS NULL AND m.deleted_at IS NULL
                    AND m.id < d.next)
