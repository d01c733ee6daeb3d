-- SPDX-License-Identifier: Apache-2.0
--
-- The statements of who is in a conversation, how far each has got, and when they were
-- last seen (mod_chat/route/members.c, receipts.c).

-- --- members ------------------------------------------------------------------------

-- What somebody is in a conversation; no row: nothing.  $1 conversation, $2 user
-- :name member_role
SELECT m.role FROM chat_members m
WHERE m.conversation_id = $1 AND m.user_id = $2

-- Everybody, or one: patient, doctor, then the others as they came.
-- $1 conversation, $2 user or NULL for all, $3 1: with when they were last seen.
-- Columns: the member as JSON
-- :name member_list sqlite
SELECT json_object(
           'user', json_object('id', u.id, 'name', CAST(u.name AS TEXT),
                               'role', CAST(u.role AS TEXT)),
           'role', m.role,
           'added_at', (SELECT strftime('%Y-%m-%dT%H:%M:%fZ', x.created_at)
                        FROM chat_conversation_members x
                        WHERE x.conversation_id = $1 AND x.user_id = u.id),
           'last_seen_at',
           CASE WHEN $3 = 1 THEN strftime('%Y-%m-%dT%H:%M:%fZ', (
               SELECT max(seen) FROM (
                   SELECT s.last_seen_at AS seen FROM chat_sessions s
                   WHERE s.user_id = u.id
                   UNION ALL
                   SELECT t.last_used_at FROM personal_access_tokens t
                   WHERE t.tokenable_type IN (SELECT name FROM chat_token_types)
                     AND t.tokenable_id = u.id
                   UNION ALL
                   SELECT l.at FROM chat_last_seen l
                   WHERE l.user_id = u.id))) END,
           'delivered_to',
           (SELECT max(r.up_to) FROM chat_receipts r
            WHERE r.conversation_id = $1 AND r.user_id = u.id
              AND r.kind = 'delivered'),
           'read_to',
           (SELECT max(r.up_to) FROM chat_receipts r
            WHERE r.conversation_id = $1 AND r.user_id = u.id
              AND r.kind IN ('read', 'joined', 'looked')))
FROM chat_members m
JOIN chat_users u ON u.id = m.user_id
WHERE m.conversation_id = $1 AND ($2 IS NULL OR m.user_id = $2)
ORDER BY CASE m.role WHEN 'patient' THEN 0 WHEN 'doctor' THEN 1 ELSE 2 END,
         (SELECT x.created_at FROM chat_conversation_members x
          WHERE x.conversation_id = $1 AND x.user_id = u.id), u.id
LIMIT 100

-- :name member_list pgsql
SELECT json_build_object(
           'user', chat_person_json(u), 'role', m.role,
           'added_at', chat_time(x.created_at),
           'last_seen_at',
           CASE WHEN $3::int = 1 THEN chat_time((
               SELECT max(seen) FROM (
                   SELECT s.last_seen_at AS seen FROM chat_sessions s
                   WHERE s.user_id = u.id
                   UNION ALL
                   SELECT t.last_used_at FROM personal_access_tokens t
                   WHERE t.tokenable_type IN (SELECT name FROM chat_token_types)
                     AND t.tokenable_id = u.id
                   UNION ALL
                   SELECT l.at FROM chat_last_seen l
                   WHERE l.user_id = u.id) AS w)) END,
           'delivered_to',
           (SELECT r.up_to FROM chat_receipts r
            WHERE r.conversation_id = $1 AND r.user_id = u.id
              AND r.kind = 'delivered' ORDER BY r.up_to DESC LIMIT 1),
           'read_to',
           (SELECT r.up_to FROM chat_receipts r
            WHERE r.conversation_id = $1 AND r.user_id = u.id
              AND r.kind IN ('read', 'joined', 'looked')
            ORDER BY r.up_to DESC LIMIT 1))
FROM chat_members m
JOIN chat_users u ON u.id = m.user_id
LEFT JOIN chat_conversation_members x
  ON x.conversation_id = m.conversation_id AND x.user_id = m.user_id
WHERE m.conversation_id = $1
  AND ($2::text IS NULL OR m.user_id::text = $2::text)
ORDER BY CASE m.role WHEN 'patient' THEN 0 WHEN 'doctor' THEN 1 ELSE 2 END,
         x.created_at, u.id
LIMIT 100

-- Somebody who may be added.  $1 the id
-- :name member_find_id
SELECT u.id FROM chat_users u WHERE u.active AND u.id = $1

-- The same by e-mail address
-- :name member_find_email sqlite
SELECT u.id FROM chat_users u WHERE u.active AND u.email = $1

-- :name member_find_email pgsql
SELECT u.id FROM chat_users u
WHERE u.active AND lower(u.email) = lower($1)

-- Nothing is added to what is full, nor twice.  $1 conversation, $2 user, $3 who adds,
-- $4 most members besides patient and doctor
-- :name member_add sqlite
INSERT INTO chat_conversation_members (conversation_id, user_id, added_by)
SELECT $1, $2, $3
WHERE (SELECT count(*) FROM chat_conversation_members
       WHERE conversation_id = $1) < $4
  AND NOT EXISTS (SELECT 1 FROM chat_members
                  WHERE conversation_id = $1 AND user_id = $2)
ON CONFLICT DO NOTHING
RETURNING 1

-- The conversation's row lock is taken first, as by every writer of it.
-- :name member_add pgsql
WITH talk AS MATERIALIZED (
    SELECT id FROM chat_conversations WHERE id = $1 FOR NO KEY UPDATE
)
INSERT INTO chat_conversation_members (conversation_id, user_id, added_by)
SELECT talk.id, $2, $3 FROM talk
WHERE (SELECT count(*) FROM chat_conversation_members
       WHERE conversation_id = $1) < $4
  AND NOT EXISTS (SELECT 1 FROM chat_members
                  WHERE conversation_id = $1 AND user_id = $2)
ON CONFLICT DO NOTHING
RETURNING 1

-- $1 conversation, $2 user
-- :name member_remove
DELETE FROM chat_conversation_members
WHERE conversation_id = $1 AND user_id = $2
RETURNING 1

-- Somebody who is no member writes: from now on that counts for everybody.
-- $1 conversation
-- :name voice_there
SELECT 1 FROM chat_many_voices WHERE conversation_id = $1

-- :name voice_note
INSERT INTO chat_many_voices (conversation_id) VALUES ($1) ON CONFLICT DO NOTHING

-- --- receipts -----------------------------------------------------------------------

-- Whether there is a step to note, and which; asked first because it takes no lock. The
-- newest of the messages named that is not by the reader decides. Reading of what is
-- written to them is messages.read_at, so steps 'read' are of the other messages, and
-- there are such only where more than two write in a conversation. Staff who are no members
-- leave no steps. Looked at are the newest 2,000 messages behind the last step, so that
-- it costs the same in a long conversation; where there is nothing for the reader among
-- a hundred and more, a step 'looked' spares the next one the walk. Where all 2,000 were
-- seen it is a step 'read': what is behind them is read as well, whoever it was for.
-- $1 conversation, $2 who, $3 JSON list of ids or NULL, $4 newest id or NULL
-- Columns: up to which message, how many are new by it, the step's kind
-- :name receipt_read_due sqlite
WITH walk AS MATERIALIZED (
    SELECT m.id, m.deleted_at IS NULL AND m.from_user_id <> $2
                 AND m.to_user_id <> $2 AS theirs
    FROM messages m
    WHERE m.request_id = $1
      AND m.id > coalesce((SELECT max(r.up_to) FROM chat_receipts r
                           WHERE r.conversation_id = $1 AND r.user_id = $2
                             AND r.kind IN ('read', 'joined', 'looked')), 0)
      AND m.id <= min(coalesce($4, 9223372036854775807),
                      coalesce((SELECT max(CAST(value AS INTEGER))
                                FROM json_each($3)), 9223372036854775807))
      AND EXISTS (SELECT 1 FROM chat_many_voices
                  WHERE conversation_id = $1)
      AND EXISTS (SELECT 1 FROM chat_members
                  WHERE conversation_id = $1 AND user_id = $2)
    ORDER BY m.id DESC LIMIT 2000
), top AS MATERIALIZED (
    SELECT max(id) AS id FROM walk
    WHERE theirs AND ($3 IS NULL OR id IN (SELECT value FROM json_each($3)))
)
SELECT top.id, (SELECT count(*) FROM walk WHERE theirs AND walk.id <= top.id),
       'read'
FROM top WHERE top.id IS NOT NULL
UNION ALL
SELECT max(id), 0, CASE WHEN count(*) < 2000 THEN 'looked' ELSE 'read' END
FROM walk
WHERE $3 IS NULL AND NOT EXISTS (SELECT 1 FROM walk WHERE theirs)
HAVING count(*) >= 100

-- :name receipt_read_due pgsql
WITH walk AS MATERIALIZED (
    SELECT m.id, m.deleted_at IS NULL AND m.from_user_id <> $2
                 AND m.to_user_id <> $2 AS theirs
    FROM messages m
    WHERE m.request_id BETWEEN $1 AND $1
      AND m.id > coalesce((SELECT max(r.up_to) FROM chat_receipts r
                           WHERE r.conversation_id = $1 AND r.user_id = $2
                             AND r.kind IN ('read', 'joined', 'looked')), 0)
      AND m.id <= least($4::bigint, (SELECT max(value::bigint)
                                     FROM json_array_elements_text($3::json)),
                        9223372036854775807)
      AND EXISTS (SELECT FROM chat_many_voices
                  WHERE conversation_id = $1)
      AND EXISTS (SELECT FROM chat_members
                  WHERE conversation_id = $1 AND user_id = $2)
    ORDER BY m.request_id DESC, m.id DESC LIMIT 2000
), top AS MATERIALIZED (
    SELECT max(id) AS id FROM walk
    WHERE theirs
      AND ($3::json IS NULL
           OR id::text IN (SELECT value
                           FROM json_array_elements_text($3::json)))
)
SELECT top.id, (SELECT count(*) FROM walk WHERE theirs AND walk.id <= top.id),
       'read'
FROM top WHERE top.id IS NOT NULL
UNION ALL
SELECT max(id), 0, CASE WHEN count(*) < 2000 THEN 'looked' ELSE 'read' END
FROM walk
WHERE $3::json IS NULL AND NOT EXISTS (SELECT FROM walk WHERE theirs)
HAVING count(*) >= 100

-- The same for what has been delivered: to anybody, unless it is read already.
-- :name receipt_delivered_due sqlite
SELECT k.id, 0
FROM (SELECT m.id, m.to_user_id, m.read_at
      FROM (SELECT x.id, x.to_user_id, x.read_at, x.from_user_id, x.deleted_at
            FROM messages x
            WHERE x.request_id = $1
              AND x.id > coalesce((SELECT max(r.up_to) FROM chat_receipts r
                                   WHERE r.conversation_id = $1
                                     AND r.user_id = $2
                                     AND r.kind <> 'looked'), 0)
              AND x.id <= min(coalesce($4, 9223372036854775807),
                              coalesce((SELECT max(CAST(value AS INTEGER))
                                        FROM json_each($3)),
                                       9223372036854775807))
            ORDER BY x.id DESC LIMIT 2000) AS m
      WHERE m.deleted_at IS NULL AND m.from_user_id <> $2
        AND ($3 IS NULL OR m.id IN (SELECT value FROM json_each($3)))
      ORDER BY m.id DESC LIMIT 1) AS k
WHERE (k.to_user_id <> $2 OR k.read_at IS NULL)
  AND EXISTS (SELECT 1 FROM chat_members
              WHERE conversation_id = $1 AND user_id = $2)

-- :name receipt_delivered_due pgsql
SELECT k.id, 0
FROM (SELECT m.id, m.to_user_id, m.read_at
      FROM (SELECT x.id, x.to_user_id, x.read_at, x.from_user_id, x.deleted_at
            FROM messages x
            WHERE x.request_id BETWEEN $1 AND $1
              AND x.id > coalesce((SELECT max(r.up_to) FROM chat_receipts r
                                   WHERE r.conversation_id = $1
                                     AND r.user_id = $2
                                     AND r.kind <> 'looked'), 0)
              AND x.id <= least($4::bigint,
                                (SELECT max(value::bigint)
                                 FROM json_array_elements_text($3::json)),
                                9223372036854775807)
            ORDER BY x.request_id DESC, x.id DESC LIMIT 2000) AS m
      WHERE m.deleted_at IS NULL AND m.from_user_id <> $2
        AND ($3::json IS NULL
             OR m.id::text IN (SELECT value
                               FROM json_array_elements_text($3::json)))
      ORDER BY m.id DESC LIMIT 1) AS k
WHERE (k.to_user_id <> $2 OR k.read_at IS NULL)
  AND EXISTS (SELECT 1 FROM chat_members
              WHERE conversation_id = $1 AND user_id = $2)

-- $1 conversation, $2 who, $3 kind, $4 up to which message
-- :name receipt_add sqlite
INSERT INTO chat_receipts (conversation_id, user_id, kind, up_to)
SELECT $1, $2, $3, $4
WHERE NOT EXISTS (SELECT 1 FROM chat_receipts
                  WHERE conversation_id = $1 AND user_id = $2 AND kind = $3
                    AND up_to >= $4)
ON CONFLICT DO NOTHING
RETURNING up_to

-- :name receipt_add pgsql
WITH talk AS MATERIALIZED (
    SELECT id FROM chat_conversations WHERE id = $1 FOR NO KEY UPDATE
)
INSERT INTO chat_receipts (conversation_id, user_id, kind, up_to)
SELECT talk.id, $2, $3, $4 FROM talk
WHERE NOT EXISTS (SELECT 1 FROM chat_receipts
                  WHERE conversation_id = $1 AND user_id = $2 AND kind = $3
                    AND up_to >= $4)
ON CONFLICT DO NOTHING
RETURNING up_to

-- Who has had a message, and read it. Whoever has read it has had it.
-- Whoever came later is not asked about what was said before.
-- $1 conversation, $2 message.  Columns: each as JSON; one row of NULL when nobody
-- else is there, none when there is no such message
-- :name receipt_list sqlite
SELECT CASE WHEN u.id IS NOT NULL THEN json_object(
           'user', json_object('id', u.id, 'name', CAST(u.name AS TEXT),
                               'role', CAST(u.role AS TEXT)),
           'delivered_at',
           strftime('%Y-%m-%dT%H:%M:%fZ',
                    min(coalesce(k.had, k.saw), coalesce(k.saw, k.had))),
           'read_at', strftime('%Y-%m-%dT%H:%M:%fZ', k.saw)) END
FROM messages m
LEFT JOIN (SELECT x.user_id,
                  (SELECT r.at FROM chat_receipts r
                   WHERE r.conversation_id = $1 AND r.user_id = x.user_id
                     AND r.kind = 'delivered' AND r.up_to >= $2
                   ORDER BY r.up_to LIMIT 1) AS had,
                  coalesce((SELECT w.read_at FROM messages w
                            WHERE w.id = $2 AND w.to_user_id = x.user_id),
                           (SELECT r.at FROM chat_receipts r
                            WHERE r.conversation_id = $1
                              AND r.user_id = x.user_id
                              AND r.kind = 'read' AND r.up_to >= $2
                            ORDER BY r.up_to LIMIT 1)) AS saw
           FROM chat_members x WHERE x.conversation_id = $1) AS k
       ON k.user_id <> m.from_user_id
      AND (k.had IS NOT NULL OR k.saw IS NOT NULL
           OR NOT EXISTS (SELECT 1 FROM chat_receipts r
                          WHERE r.conversation_id = $1
                            AND r.user_id = k.user_id
                            AND r.kind = 'joined' AND r.up_to >= $2))
LEFT JOIN chat_users u ON u.id = k.user_id
WHERE m.id = $2 AND m.request_id = $1
LIMIT 100

-- :name receipt_list pgsql
SELECT CASE WHEN u.id IS NOT NULL THEN json_build_object(
           'user', chat_person_json(u),
           'delivered_at', chat_time(least(k.had, k.saw)),
           'read_at', chat_time(k.saw)) END
FROM messages m
LEFT JOIN LATERAL (
    SELECT x.user_id,
           (SELECT r.at FROM chat_receipts r
            WHERE r.conversation_id = $1 AND r.user_id = x.user_id
              AND r.kind = 'delivered' AND r.up_to >= m.id
            ORDER BY r.up_to LIMIT 1) AS had,
           coalesce(CASE WHEN m.to_user_id = x.user_id THEN m.read_at END,
                    (SELECT r.at FROM chat_receipts r
                     WHERE r.conversation_id = $1 AND r.user_id = x.user_id
                       AND r.kind = 'read' AND r.up_to >= m.id
                     ORDER BY r.up_to LIMIT 1)) AS saw
    FROM chat_members x
    WHERE x.conversation_id = $1 AND x.user_id <> m.from_user_id) AS k
       ON k.had IS NOT NULL OR k.saw IS NOT NULL
          OR NOT EXISTS (SELECT 1 FROM chat_receipts r
                         WHERE r.conversation_id = $1
                           AND r.user_id = k.user_id
                           AND r.kind = 'joined' AND r.up_to >= m.id)
LEFT JOIN chat_users u ON u.id = k.user_id
WHERE m.id = $2::bigint AND m.request_id = $1
LIMIT 100
