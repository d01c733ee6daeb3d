-- SPDX-License-Identifier: Apache-2.0
--
-- The statements of mod_chat. Each says which handler runs it and what its
-- values are. People and conversations come from the three views, so that a site
-- with other tables only writes other views. README.md in the folder above
-- describes both.
--
-- Whether an id is a number or a text only SQL knows: it gives ids as JSON. A
-- message has one shape wherever it is shown (schema.sqlite.sql).

-- --- who is asking (auth.c) ----------------------------------------------------
-- One statement says who it is and, when the path names a conversation, whether
-- it exists and they belong to it. The columns are the same for all three:
-- the user (id, name, email, role, as JSON), what was shown (its digest, the CSRF
-- token, seconds since it was last used), the conversation (id, id as JSON,
-- messages in it, 1 for a member), and for the first two when the log-in ends, in
-- Unix seconds (NULL: it does not); for a token what it may, as Sanctum's list
-- (ability.h).

-- $1 the cookie's digest, $2 conversation id or NULL
-- :name who_session sqlite
SELECT u.id, u.name, u.email, u.role,
       json_object('id', u.id, 'name', CAST(u.name AS TEXT), 'role', CAST(u.role AS TEXT)),
       json_object('id', u.id, 'name', CAST(u.name AS TEXT), 'email', CAST(u.email AS TEXT),
                   'role', CAST(u.role AS TEXT)),
       s.token_hash, s.csrf_token,
       strftime('%s', 'now') - strftime('%s', s.last_seen_at),
       c.id, json_quote(c.id), c.message_count,
       EXISTS (SELECT 1 FROM chat_members m
               WHERE m.conversation_id = c.id AND m.user_id = u.id),
       CAST(strftime('%s', s.expires_at) AS INTEGER)
FROM chat_sessions s
JOIN chat_users u ON u.id = s.user_id
LEFT JOIN chat_conversations c ON c.id = $2
WHERE s.token_hash = $1 AND u.active
  AND s.expires_at > strftime('%Y-%m-%d %H:%M:%f', 'now')

-- $1 the token's digest, $2 conversation id or NULL, $3 the token's id or 0
-- :name who_bearer sqlite
SELECT u.id, u.name, u.email, u.role,
       json_object('id', u.id, 'name', CAST(u.name AS TEXT), 'role', CAST(u.role AS TEXT)),
       json_object('id', u.id, 'name', CAST(u.name AS TEXT), 'email', CAST(u.email AS TEXT),
                   'role', CAST(u.role AS TEXT)),
       t.token, NULL,
       strftime('%s', 'now') - strftime('%s', t.last_used_at),
       c.id, json_quote(c.id), c.message_count,
       EXISTS (SELECT 1 FROM chat_members m
               WHERE m.conversation_id = c.id AND m.user_id = u.id),
       CAST(strftime('%s', t.expires_at) AS INTEGER),
       t.abilities
FROM personal_access_tokens t
JOIN chat_users u ON u.id = t.tokenable_id
LEFT JOIN chat_conversations c ON c.id = $2
WHERE t.token = $1 AND u.active AND t.tokenable_type IN (SELECT name FROM chat_token_types)
  AND ($3 = 0 OR t.id = $3)
  AND (t.expires_at IS NULL
       OR t.expires_at > strftime('%Y-%m-%d %H:%M:%f', 'now'))

-- $1 the name Apache authenticated, $2 conversation id or NULL. An e-mail address
-- is one person's; a name counts only while nobody else has it.
-- :name who_name sqlite
SELECT u.id, u.name, u.email, u.role,
       json_object('id', u.id, 'name', CAST(u.name AS TEXT), 'role', CAST(u.role AS TEXT)),
       json_object('id', u.id, 'name', CAST(u.name AS TEXT), 'email', CAST(u.email AS TEXT),
                   'role', CAST(u.role AS TEXT)),
       NULL, NULL, NULL,
       c.id, json_quote(c.id), c.message_count,
       EXISTS (SELECT 1 FROM chat_members m
               WHERE m.conversation_id = c.id AND m.user_id = u.id)
FROM chat_users u
LEFT JOIN chat_conversations c ON c.id = $2
WHERE u.active
  AND u.id = coalesce((SELECT x.id FROM chat_users x WHERE x.email = $1),
                      (SELECT min(x.id) FROM chat_users x WHERE x.name = $1
                       HAVING count(*) = 1))

-- broadcasting.c: the same four columns for a conversation named in a body.
-- $1 user id, $2 conversation id
-- :name conversation_of sqlite
SELECT c.id, json_quote(c.id), c.message_count,
       EXISTS (SELECT 1 FROM chat_members m
               WHERE m.conversation_id = c.id AND m.user_id = $1)
FROM chat_conversations c
WHERE c.id = $2

-- At most once a minute for each.  $1 digests as a JSON list
-- :name session_touch sqlite
UPDATE chat_sessions SET last_seen_at = strftime('%Y-%m-%d %H:%M:%f', 'now')
WHERE token_hash IN (SELECT value FROM json_each($1))

-- :name token_touch sqlite
UPDATE personal_access_tokens
SET last_used_at = strftime('%Y-%m-%d %H:%M:%f', 'now')
WHERE token IN (SELECT value FROM json_each($1))

-- --- logging in and out (login.c) ------------------------------------------------

-- Always one row, because an unknown address must take as long as a known one:
-- the fourth column is one of this site's hashes, for the time it takes.  $1 e-mail
-- :name login_user sqlite
SELECT u.id, u.password,
       json_object('id', u.id, 'name', CAST(u.name AS TEXT), 'email', CAST(u.email AS TEXT),
                   'role', CAST(u.role AS TEXT)),
       (SELECT password FROM chat_users LIMIT 1), u.role
FROM (SELECT 1)
LEFT JOIN chat_users u ON u.email = $1 AND u.active

-- Looking at a password takes its time. Meanwhile it may have become another one, or its
-- owner been suspended, which ends all log-ins there are: nothing is inserted then.
-- $1 digest of the new cookie, $2 user, $3 CSRF token, $4 lifetime in seconds,
-- $5 address, $6 user agent, $7 the hash that was looked at.  A row when it was done
-- :name session_insert sqlite
INSERT INTO chat_sessions (token_hash, user_id, csrf_token, expires_at,
                           address, user_agent)
SELECT $1, u.id, $3,
       strftime('%Y-%m-%d %H:%M:%f', 'now', '+' || $4 || ' seconds'),
       $5, $6
FROM chat_users u
WHERE u.id = $2 AND u.active AND u.password = $7
RETURNING 1

-- The one that is logged out or replaced, and all that have expired. $1 digest
-- :name session_delete sqlite
DELETE FROM chat_sessions
WHERE token_hash = $1
   OR expires_at <= strftime('%Y-%m-%d %H:%M:%f', 'now')

-- As session_insert. $1 user, $2 name of the device, $3 digest, $4 abilities, a JSON list,
-- $5 when it ends, Unix seconds, NULL: it does not, $6 the hash that was looked at
-- :name token_insert sqlite
INSERT INTO personal_access_tokens (tokenable_type, tokenable_id, name, token,
                                    abilities, expires_at)
SELECT (SELECT name FROM chat_token_types ORDER BY place LIMIT 1),
       u.id, $2, $3, $4, datetime($5, 'unixepoch')
FROM chat_users u
WHERE u.id = $1 AND u.active AND u.password = $6
RETURNING id

-- $1 digest
-- :name token_delete
DELETE FROM personal_access_tokens WHERE token = $1

-- --- conversations (conversation.c) ----------------------------------------------

-- The caller's conversations, newest activity first. Which ones is settled
-- before anything is looked up about them.
-- $1 user, $2 and $3 updated_at and id of the last row seen (NULL: from the
-- top), $4 limit.  Columns: where it stands in the list (updated_at), id; id as
-- JSON, title, status, updated_at, unread (counted to 1,000, and of what is written to
-- others among the newest 2,000 messages only); patient and doctor, each id as JSON,
-- name and role (they may be one); whether each is the caller; others as `{…},{…}`, NULL: none; the
-- last message with the columns of message_page
-- :name conversation_list sqlite
SELECT k.at, k.id, json_quote(k.id), CAST(c.title AS TEXT), CAST(c.status AS TEXT),
       strftime('%Y-%m-%dT%H:%M:%fZ', coalesce(c.updated_at, c.created_at)),
       min(1000, CASE
              -- what is read and not yet marked (chat_read_due)
              WHEN EXISTS (SELECT 1 FROM chat_read_due d WHERE d.user_id = $1)
               AND EXISTS (SELECT 1 FROM chat_read_due d
                           WHERE d.user_id = $1 AND d.conversation_id = k.id)
              THEN (SELECT count(*)
                    FROM (SELECT 1 FROM messages x
                          WHERE x.request_id = k.id
                            AND x.id >= (SELECT d.below FROM chat_read_due d
                                         WHERE d.user_id = $1
                                           AND d.conversation_id = k.id)
                            AND +x.to_user_id = $1
                            AND x.read_at IS NULL AND x.deleted_at IS NULL
                            AND x.from_user_id <> x.to_user_id
                          LIMIT 1000))
              ELSE (SELECT count(*)
                    FROM (SELECT 1 FROM messages x
                          WHERE x.to_user_id = $1 AND x.request_id = k.id
                            AND x.read_at IS NULL AND x.deleted_at IS NULL
                            AND x.from_user_id <> x.to_user_id
                          LIMIT 1000)) END
       -- what is for others, where more than two write
       + CASE WHEN EXISTS (SELECT 1 FROM chat_many_voices x
                           WHERE x.conversation_id = k.id)
              THEN (SELECT count(*)
                    FROM (SELECT x.deleted_at, x.to_user_id, x.from_user_id
                          FROM messages x
                          WHERE x.request_id = k.id
                            AND x.id > coalesce(
                                (SELECT max(r.up_to) FROM chat_receipts r
                                 WHERE r.conversation_id = k.id
                                   AND r.user_id = $1
                                   AND r.kind IN ('read', 'joined', 'looked')),
                                0)
                          ORDER BY x.id DESC LIMIT 2000) AS x
                    WHERE x.deleted_at IS NULL AND x.to_user_id <> $1
                      AND x.from_user_id <> $1)
              ELSE 0 END),
       json_quote(p.id), CAST(p.name AS TEXT), CAST(p.role AS TEXT),
       json_quote(d.id), CAST(d.name AS TEXT), CAST(d.role AS TEXT),
       p.id = $1, d.id = $1,
       (SELECT group_concat(one)
        FROM (SELECT json_object('id', u.id, 'name', CAST(u.name AS TEXT),
                                 'role', CAST(u.role AS TEXT)) AS one
              FROM chat_members x
              JOIN chat_users u ON u.id = x.user_id
              WHERE x.conversation_id = k.id
                AND x.role NOT IN ('patient', 'doctor') LIMIT 98)),
       m.id, CAST(m.body AS TEXT), CAST(m.type AS TEXT),
       CAST(m.client_id AS TEXT), json_quote(m.from_user_id),
       CAST(u.name AS TEXT), CAST(u.role AS TEXT),
       strftime('%Y-%m-%dT%H:%M:%fZ', m.created_at),
       strftime('%Y-%m-%dT%H:%M:%fZ', m.read_at), m.detailed
FROM (SELECT coalesce(x.updated_at, x.created_at, '') AS at, x.id AS id
      FROM chat_members me
      JOIN chat_conversations x ON x.id = me.conversation_id
      WHERE me.user_id = $1
        AND ($2 IS NULL
             OR (coalesce(x.updated_at, x.created_at, ''), x.id) < ($2, $3))
      ORDER BY 1 DESC, 2 DESC
      LIMIT $4) AS k
JOIN chat_conversations c ON c.id = k.id
LEFT JOIN chat_users p ON p.id = c.patient_id
LEFT JOIN chat_users d ON d.id = c.doctor_id
LEFT JOIN messages m ON m.id = (SELECT x.id FROM messages x
                                WHERE x.request_id = k.id
                                  AND (x.deleted_at IS NULL
                                       OR x.detailed IS NOT NULL)
                                ORDER BY x.id DESC LIMIT 1)
LEFT JOIN chat_users u ON u.id = m.from_user_id
ORDER BY k.at DESC, k.id DESC

-- The same for staff, who see every conversation.  $1 to $4 as above
-- :name conversation_list_all sqlite
SELECT k.at, k.id, json_quote(k.id), CAST(c.title AS TEXT), CAST(c.status AS TEXT),
       strftime('%Y-%m-%dT%H:%M:%fZ', coalesce(c.updated_at, c.created_at)),
       min(1000, CASE
              -- what is read and not yet marked (chat_read_due)
              WHEN EXISTS (SELECT 1 FROM chat_read_due d WHERE d.user_id = $1)
               AND EXISTS (SELECT 1 FROM chat_read_due d
                           WHERE d.user_id = $1 AND d.conversation_id = k.id)
              THEN (SELECT count(*)
                    FROM (SELECT 1 FROM messages x
                          WHERE x.request_id = k.id
                            AND x.id >= (SELECT d.below FROM chat_read_due d
                                         WHERE d.user_id = $1
                                           AND d.conversation_id = k.id)
                            AND +x.to_user_id = $1
                            AND x.read_at IS NULL AND x.deleted_at IS NULL
                            AND x.from_user_id <> x.to_user_id
                          LIMIT 1000))
              ELSE (SELECT count(*)
                    FROM (SELECT 1 FROM messages x
                          WHERE x.to_user_id = $1 AND x.request_id = k.id
                            AND x.read_at IS NULL AND x.deleted_at IS NULL
                            AND x.from_user_id <> x.to_user_id
                          LIMIT 1000)) END
       -- what is for others, where more than two write
       + CASE WHEN EXISTS (SELECT 1 FROM chat_many_voices x
                           WHERE x.conversation_id = k.id)
               AND EXISTS (SELECT 1 FROM chat_members me
                           WHERE me.conversation_id = k.id
                             AND me.user_id = $1)
              THEN (SELECT count(*)
                    FROM (SELECT x.deleted_at, x.to_user_id, x.from_user_id
                          FROM messages x
                          WHERE x.request_id = k.id
                            AND x.id > coalesce(
                                (SELECT max(r.up_to) FROM chat_receipts r
                                 WHERE r.conversation_id = k.id
                                   AND r.user_id = $1
                                   AND r.kind IN ('read', 'joined', 'looked')),
                                0)
                          ORDER BY x.id DESC LIMIT 2000) AS x
                    WHERE x.deleted_at IS NULL AND x.to_user_id <> $1
                      AND x.from_user_id <> $1)
              ELSE 0 END),
       json_quote(p.id), CAST(p.name AS TEXT), CAST(p.role AS TEXT),
       json_quote(d.id), CAST(d.name AS TEXT), CAST(d.role AS TEXT),
       p.id = $1, d.id = $1,
       (SELECT group_concat(one)
        FROM (SELECT json_object('id', u.id, 'name', CAST(u.name AS TEXT),
                                 'role', CAST(u.role AS TEXT)) AS one
              FROM chat_members x
              JOIN chat_users u ON u.id = x.user_id
              WHERE x.conversation_id = k.id
                AND x.role NOT IN ('patient', 'doctor') LIMIT 98)),
       m.id, CAST(m.body AS TEXT), CAST(m.type AS TEXT),
       CAST(m.client_id AS TEXT), json_quote(m.from_user_id),
       CAST(u.name AS TEXT), CAST(u.role AS TEXT),
       strftime('%Y-%m-%dT%H:%M:%fZ', m.created_at),
       strftime('%Y-%m-%dT%H:%M:%fZ', m.read_at), m.detailed
FROM (SELECT coalesce(x.updated_at, x.created_at, '') AS at, x.id AS id
      FROM chat_conversations x
      WHERE $2 IS NULL
         OR (coalesce(x.updated_at, x.created_at, ''), x.id) < ($2, $3)
      ORDER BY 1 DESC, 2 DESC
      LIMIT $4) AS k
JOIN chat_conversations c ON c.id = k.id
LEFT JOIN chat_users p ON p.id = c.patient_id
LEFT JOIN chat_users d ON d.id = c.doctor_id
LEFT JOIN messages m ON m.id = (SELECT x.id FROM messages x
                                WHERE x.request_id = k.id
                                  AND (x.deleted_at IS NULL
                                       OR x.detailed IS NOT NULL)
                                ORDER BY x.id DESC LIMIT 1)
LEFT JOIN chat_users u ON u.id = m.from_user_id
ORDER BY k.at DESC, k.id DESC

-- $1 conversation
-- :name conversation_show sqlite
SELECT json_object(
           'id', c.id, 'title', CAST(c.title AS TEXT), 'status', CAST(c.status AS TEXT),
           'created_at', strftime('%Y-%m-%dT%H:%M:%fZ', c.created_at),
           'updated_at',
           strftime('%Y-%m-%dT%H:%M:%fZ',
                    coalesce(c.updated_at, c.created_at)),
           'members',
           json((SELECT json_group_array(json(one))
                 FROM (SELECT json_object('id', u.id, 'name', CAST(u.name AS TEXT),
                                          'role', CAST(u.role AS TEXT)) AS one
                       FROM chat_members x
                       JOIN chat_users u ON u.id = x.user_id
                       WHERE x.conversation_id = c.id LIMIT 100))))
FROM chat_conversations c
WHERE c.id = $1

-- --- messages (message.c) ----------------------------------------------------------
-- Those that give messages have ten columns, of which pure/shape.c makes JSON: id,
-- text, type, client_id, the author's id as JSON, name and role, created_at,
-- read_at, and `detailed`: NULL for a plain message, of which there is no more to
-- say; message_details gives the rest of the others. One that is deleted stands in
-- history as a mark, if it was there before (`detailed`); its text is not shown.

-- Sent to the other one; to the patient when staff writes, or while there is no
-- doctor yet. No row comes back when the sender has used the client_id before, when
-- the conversation is closed, or what is answered is no living message of it.
-- $1 sender, $2 conversation, $3 text, $4 type, $5 client_id or NULL, $6 the message
-- that is answered or NULL, $7 ids of attachments as a JSON list or NULL, $8 in which
-- status a conversation is closed, as |completed|cancelled|
-- :name message_insert sqlite
INSERT INTO messages (from_user_id, to_user_id, request_id, body, type,
                      client_id, created_at, updated_at, reply_to_id, file_ids,
                      detailed)
SELECT u.id,
       CASE WHEN c.patient_id = u.id THEN coalesce(c.doctor_id, c.patient_id)
            ELSE coalesce(c.patient_id, c.doctor_id) END,
       c.id, $3, $4, $5,
       strftime('%Y-%m-%d %H:%M:%f', 'now'),
       strftime('%Y-%m-%d %H:%M:%f', 'now'), $6, $7,
       CASE WHEN $6 IS NOT NULL OR $7 IS NOT NULL THEN 1 END
FROM chat_conversations c
JOIN chat_users u ON u.id = $1
WHERE c.id = $2 AND (instr($8, '|' || c.status || '|') > 0) IS NOT TRUE
  AND ($6 IS NULL
       OR EXISTS (SELECT 1 FROM messages x
                  WHERE x.id = $6 AND x.request_id = c.id
                    AND x.deleted_at IS NULL))
ON CONFLICT DO NOTHING
RETURNING id, CAST(body AS TEXT), CAST(type AS TEXT),
    CAST(client_id AS TEXT), json_quote(from_user_id),
    (SELECT CAST(u.name AS TEXT) FROM chat_users u WHERE u.id = from_user_id),
    (SELECT CAST(u.role AS TEXT) FROM chat_users u WHERE u.id = from_user_id),
    strftime('%Y-%m-%dT%H:%M:%fZ', created_at),
    strftime('%Y-%m-%dT%H:%M:%fZ', read_at), detailed

-- Why none came: 1 when the conversation is closed.  $1 conversation, $2 as $8 above
-- :name conversation_closed sqlite
SELECT instr($2, '|' || c.status || '|') > 0 FROM chat_conversations c
WHERE c.id = $1

-- What there is to say of messages besides their row: a column of JSON for each key
-- (pure/shape.h), NULL is null.  $1 ids as a JSON list
-- :name message_details sqlite
SELECT d.id, d.edited_at, d.deleted_at, d.reply_to, d.reactions, d.attachments,
       d.plan
FROM chat_message_details d
WHERE d.id IN (SELECT value FROM json_each($1))

-- What a retried POST sent the first time; behind it the text it had then, what it
-- answers, its attachments.  $1 conversation, $2 sender, $3 client_id
-- :name message_sent sqlite
SELECT m.id, CAST(m.body AS TEXT), CAST(m.type AS TEXT),
       CAST(m.client_id AS TEXT), json_quote(m.from_user_id),
       CAST(u.name AS TEXT), CAST(u.role AS TEXT),
       strftime('%Y-%m-%dT%H:%M:%fZ', m.created_at),
       strftime('%Y-%m-%dT%H:%M:%fZ', m.read_at), m.detailed,
       CAST(coalesce((SELECT x.body FROM chat_message_edits x
                      WHERE x.message_id = m.id ORDER BY x.id LIMIT 1),
                     m.body) AS TEXT), m.reply_to_id, m.file_ids
FROM messages m
JOIN chat_users u ON u.id = m.from_user_id
WHERE m.request_id = $1 AND m.from_user_id = $2 AND m.client_id = $3

-- The ids come from the index alone, so that a far page costs little.
-- $1 conversation, $2 limit, $3 offset.  Newest first
-- :name message_page sqlite
SELECT m.id, CAST(m.body AS TEXT), CAST(m.type AS TEXT),
       CAST(m.client_id AS TEXT), json_quote(m.from_user_id),
       CAST(u.name AS TEXT), CAST(u.role AS TEXT),
       strftime('%Y-%m-%dT%H:%M:%fZ', m.created_at),
       strftime('%Y-%m-%dT%H:%M:%fZ', m.read_at), m.detailed
FROM (SELECT id FROM messages
      WHERE request_id = $1
        AND (deleted_at IS NULL OR detailed IS NOT NULL)
      ORDER BY id DESC LIMIT $2 OFFSET $3) AS k
JOIN messages m ON m.id = k.id
JOIN chat_users u ON u.id = m.from_user_id
ORDER BY m.id DESC

-- $1 conversation, $2 message id, $3 limit.  Newest first
-- :name message_before sqlite
SELECT m.id, CAST(m.body AS TEXT), CAST(m.type AS TEXT),
       CAST(m.client_id AS TEXT), json_quote(m.from_user_id),
       CAST(u.name AS TEXT), CAST(u.role AS TEXT),
       strftime('%Y-%m-%dT%H:%M:%fZ', m.created_at),
       strftime('%Y-%m-%dT%H:%M:%fZ', m.read_at), m.detailed
FROM messages m
JOIN chat_users u ON u.id = m.from_user_id
WHERE m.request_id = $1 AND m.id < $2
  AND (m.deleted_at IS NULL OR m.detailed IS NOT NULL)
ORDER BY m.id DESC
LIMIT $3

-- Those that follow at once. Oldest first
-- :name message_after sqlite
SELECT m.id, CAST(m.body AS TEXT), CAST(m.type AS TEXT),
       CAST(m.client_id AS TEXT), json_quote(m.from_user_id),
       CAST(u.name AS TEXT), CAST(u.role AS TEXT),
       strftime('%Y-%m-%dT%H:%M:%fZ', m.created_at),
       strftime('%Y-%m-%dT%H:%M:%fZ', m.read_at), m.detailed
FROM messages m
JOIN chat_users u ON u.id = m.from_user_id
WHERE m.request_id = $1 AND m.id > $2
  AND (m.deleted_at IS NULL OR m.detailed IS NOT NULL)
ORDER BY m.id
LIMIT $3

-- How much there is to mark, asked first because it takes no lock; no row: nothing.
-- $1 conversation, $2 reader, $3 JSON list of ids or NULL, $4 newest id or NULL,
-- $5 up to how many are counted.  Columns: how many; 1: older ones are being marked
-- :name message_unread sqlite
SELECT count(*), EXISTS (SELECT 1 FROM chat_read_due d
                         WHERE d.user_id = $2 AND d.conversation_id = $1)
FROM (SELECT 1 FROM messages
      WHERE to_user_id = $2 AND request_id = $1
        AND read_at IS NULL AND deleted_at IS NULL
        AND ($3 IS NULL OR id IN (SELECT value FROM json_each($3)))
        AND ($4 IS NULL OR id <= $4)
        AND id >= coalesce((SELECT d.below FROM chat_read_due d
                            WHERE d.user_id = $2 AND d.conversation_id = $1),
                           id)
      LIMIT $5)
HAVING count(*) > 0

-- The instruction that marks them all with one event. Values as above
-- :name message_mark_read sqlite
INSERT INTO chat_read_marks (conversation_id, user_id, message_ids, marked)
SELECT $1, $2,
       CASE WHEN $4 IS NULL
                 AND NOT EXISTS (SELECT 1 FROM chat_read_due d
                                 WHERE d.user_id = $2 AND d.conversation_id = $1)
            THEN $3 ELSE json_group_array(id) END,
       count(*)
FROM messages
WHERE to_user_id = $2 AND request_id = $1
  AND read_at IS NULL AND deleted_at IS NULL
  AND ($3 IS NULL OR id IN (SELECT value FROM json_each($3)))
  AND ($4 IS NULL OR id <= $4)
  AND id >= coalesce((SELECT d.below FROM chat_read_due d
                      WHERE d.user_id = $2 AND d.conversation_id = $1), id)
HAVING count(*) > 0
RETURNING marked

-- The newest ones, and an instruction for what is older (chat_read_due).
-- $1 conversation, $2 reader, $3 newest id or NULL, $4 how many
-- :name message_mark_newest sqlite
INSERT INTO chat_read_marks (conversation_id, user_id, message_ids, marked, below)
SELECT $1, $2, json_group_array(id), count(*), min(id)
FROM (SELECT id FROM messages
      WHERE request_id = $1 AND +to_user_id = $2
        AND read_at IS NULL AND deleted_at IS NULL
        AND ($3 IS NULL OR id <= $3)
        AND id >= coalesce((SELECT d.below FROM chat_read_due d
                            WHERE d.user_id = $2 AND d.conversation_id = $1), 0)
      ORDER BY id DESC LIMIT $4)
HAVING count(*) > 0
RETURNING marked

-- --- one message, and what becomes of it (change.c, reaction.c) ------------------------

-- $1 conversation, $2 message.  Behind the columns of a message: 1 when the caller
-- ($3) wrote it, seconds since it was sent (NULL: nobody knows)
-- :name message_one sqlite
SELECT m.id, CAST(m.body AS TEXT), CAST(m.type AS TEXT),
       CAST(m.client_id AS TEXT), json_quote(m.from_user_id),
       CAST(u.name AS TEXT), CAST(u.role AS TEXT),
       strftime('%Y-%m-%dT%H:%M:%fZ', m.created_at),
       strftime('%Y-%m-%dT%H:%M:%fZ', m.read_at), m.detailed,
       m.from_user_id = $3,
       strftime('%s', 'now') - strftime('%s', m.created_at)
FROM messages m
JOIN chat_users u ON u.id = m.from_user_id
WHERE m.request_id = $1 AND m.id = $2
  AND (m.deleted_at IS NULL OR m.detailed IS NOT NULL)

-- $1 conversation, $2 message, $3 the new text.  No row: it is the text it has, or
-- the message cannot be edited any more
-- :name message_edit sqlite
UPDATE messages
SET body = $3, edited_at = strftime('%Y-%m-%d %H:%M:%f', 'now'),
    updated_at = strftime('%Y-%m-%d %H:%M:%f', 'now')
WHERE id = $2 AND request_id = $1 AND deleted_at IS NULL
  AND CAST(body AS TEXT) <> $3
  AND EXISTS (SELECT 1 FROM chat_conversations c
              WHERE c.id = $1
                AND (instr($4, '|' || c.status || '|') > 0) IS NOT TRUE)
RETURNING id

-- $1 conversation, $2 message
-- :name message_delete sqlite
UPDATE messages
SET deleted_at = strftime('%Y-%m-%d %H:%M:%f', 'now'),
    updated_at = strftime('%Y-%m-%d %H:%M:%f', 'now')
WHERE id = $2 AND request_id = $1 AND deleted_at IS NULL
RETURNING id

-- What it said before, oldest first.  $1 conversation, $2 message.  Columns: text, who
-- replaced it (JSON, null: not known) and when
-- :name message_history sqlite
SELECT CAST(e.body AS TEXT), json_quote(e.edited_by),
       strftime('%Y-%m-%dT%H:%M:%fZ', e.edited_at)
FROM messages m
JOIN chat_message_edits e ON e.message_id = m.id
WHERE m.id = $2 AND m.request_id = $1 AND m.deleted_at IS NULL
ORDER BY e.id
LIMIT 500

-- No row: it is there already, there are too many, or the message is gone.
-- $1 conversation, $2 message, $3 user, $4 emoji, $5 how many different there may be
-- :name reaction_add sqlite
INSERT INTO chat_message_reactions (message_id, user_id, emoji)
SELECT m.id, u.id, $4
FROM messages m
JOIN chat_users u ON u.id = $3
WHERE m.id = $2 AND m.request_id = $1 AND m.deleted_at IS NULL
  AND (SELECT count(DISTINCT x.emoji) FROM chat_message_reactions x
       WHERE x.message_id = m.id AND x.emoji <> $4) < $5
  AND EXISTS (SELECT 1 FROM chat_conversations c
              WHERE c.id = $1
                AND (instr($6, '|' || c.status || '|') > 0) IS NOT TRUE)
ON CONFLICT DO NOTHING
RETURNING 1

-- $1 conversation, $2 message, $3 user, $4 emoji
-- :name reaction_remove sqlite
DELETE FROM chat_message_reactions
WHERE message_id = (SELECT m.id FROM messages m
                    WHERE m.id = $2 AND m.request_id = $1
                      AND m.deleted_at IS NULL)
  AND user_id = $3 AND emoji = $4
  AND EXISTS (SELECT 1 FROM chat_conversations c
              WHERE c.id = $1
                AND (instr($5, '|' || c.status || '|') > 0) IS NOT TRUE)
RETURNING 1

-- Whether the user reacts so.  $1 message, $2 user, $3 emoji
-- :name reaction_there sqlite
SELECT 1 FROM chat_message_reactions
WHERE message_id = $1 AND user_id = $2 AND emoji = $3

-- --- catching up (sync.c) ------------------------------------------------------------

-- The log's name, the last id ever given, the oldest event still kept (NULL when
-- none is). sqlite_sequence remembers the last id when all rows are gone.
-- :name sync_head sqlite
SELECT epoch,
       coalesce((SELECT seq FROM sqlite_sequence WHERE name = 'chat_events'),
                0),
       (SELECT min(id) FROM chat_events)
FROM chat_log

-- A payload that is no JSON (somebody else wrote into the log) comes as NULL. What
-- became of an upload is its sender's alone to hear.
-- $1 user, $2 last id seen, $3 limit.  Columns: id, event, conversation, data
-- :name sync_events sqlite
SELECT e.id, e.event, e.conversation_id,
       CASE WHEN json_valid(e.payload) THEN e.payload END
FROM chat_events e
WHERE e.id > $2
  AND e.conversation_id IN (SELECT conversation_id FROM chat_members
                            WHERE user_id = $1)
  AND (e.event <> 'AttachmentRejected'
       OR CASE WHEN json_valid(e.payload)
               THEN json_extract(e.payload, '$.user_id') END = $1)
ORDER BY e.id
LIMIT $3

-- The same for staff; what is for chat-push alone has no member either.  $1 last id seen, $2 limit
-- :name sync_events_all sqlite
SELECT e.id, e.event, e.conversation_id,
       CASE WHEN json_valid(e.payload) THEN e.payload END
FROM chat_events e
WHERE e.id > $1 AND e.event NOT IN ('chat:session', 'chat:member')
ORDER BY e.id
LIMIT $2
