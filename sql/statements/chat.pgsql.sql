-- SPDX-License-Identifier: Apache-2.0
--
-- The statements of mod_chat for PostgreSQL; chat.sql says what each is for, what
-- its values and columns are. Shapes of JSON are functions of the schema.

-- --- who is asking (auth.c) ----------------------------------------------------
-- The two that every conversation has come with it; whoever else belongs to it is in
-- chat_other_members.

-- :name who_session pgsql
SELECT u.id, u.name, u.email, u.role, chat_person_json(u),
       json_build_object('id', u.id, 'name', u.name, 'email', u.email,
                         'role', u.role),
       s.token_hash, s.csrf_token,
       floor(extract(epoch FROM now() AT TIME ZONE 'UTC' - s.last_seen_at))
           ::bigint,
       c.id, to_json(c.id), c.message_count,
       (u.id IN (c.patient_id, c.doctor_id)
        OR EXISTS (SELECT 1 FROM chat_other_members m
                   WHERE m.conversation_id = c.id AND m.user_id = u.id))::int,
       CASE WHEN isfinite(s.expires_at)
            THEN floor(extract(epoch FROM s.expires_at))::bigint END
FROM chat_sessions s
JOIN chat_users u ON u.id = s.user_id
LEFT JOIN chat_conversations c ON c.id = $2
WHERE s.token_hash = $1 AND u.active
  AND s.expires_at > now() AT TIME ZONE 'UTC'

-- :name who_bearer pgsql
SELECT u.id, u.name, u.email, u.role, chat_person_json(u),
       json_build_object('id', u.id, 'name', u.name, 'email', u.email,
                         'role', u.role),
       t.token, NULL,
       floor(extract(epoch FROM now() AT TIME ZONE 'UTC' - t.last_used_at))
           ::bigint,
       c.id, to_json(c.id), c.message_count,
       (u.id IN (c.patient_id, c.doctor_id)
        OR EXISTS (SELECT 1 FROM chat_other_members m
                   WHERE m.conversation_id = c.id AND m.user_id = u.id))::int,
       CASE WHEN isfinite(t.expires_at)
            THEN floor(extract(epoch FROM t.expires_at))::bigint END,
       t.abilities
FROM personal_access_tokens t
JOIN chat_users u ON u.id = t.tokenable_id
LEFT JOIN chat_conversations c ON c.id = $2
WHERE t.token = $1 AND u.active AND t.tokenable_type = ANY (ARRAY(SELECT name FROM chat_token_types))
  AND ($3::bigint = 0 OR t.id = $3)
  AND (t.expires_at IS NULL OR t.expires_at > now() AT TIME ZONE 'UTC')

-- :name who_name pgsql
SELECT u.id, u.name, u.email, u.role, chat_person_json(u),
       json_build_object('id', u.id, 'name', u.name, 'email', u.email,
                         'role', u.role),
       NULL, NULL, NULL,
       c.id, to_json(c.id), c.message_count,
       (u.id IN (c.patient_id, c.doctor_id)
        OR EXISTS (SELECT 1 FROM chat_other_members m
                   WHERE m.conversation_id = c.id AND m.user_id = u.id))::int
FROM chat_users u
LEFT JOIN chat_conversations c ON c.id = $2
WHERE u.active
  AND u.id = coalesce((SELECT x.id FROM chat_users x
                       WHERE lower(x.email) = lower($1)),
                      (SELECT (array_agg(x.id))[1] FROM chat_users x
                       WHERE x.name = $1
                       HAVING count(*) = 1))

-- :name conversation_of pgsql
SELECT c.id, to_json(c.id), c.message_count,
       ($1 IN (c.patient_id, c.doctor_id)
        OR EXISTS (SELECT 1 FROM chat_other_members m
                   WHERE m.conversation_id = c.id AND m.user_id = $1))::int
FROM chat_conversations c
WHERE c.id = $2

-- Whoever holds a row is noting the same, or more.
-- :name session_touch pgsql
UPDATE chat_sessions SET last_seen_at = now() AT TIME ZONE 'UTC'
WHERE token_hash IN (SELECT s.token_hash
                     FROM json_array_elements_text($1::json) AS d (digest)
                     JOIN chat_sessions s ON s.token_hash = d.digest
                     FOR NO KEY UPDATE OF s SKIP LOCKED)

-- :name token_touch pgsql
UPDATE personal_access_tokens SET last_used_at = now() AT TIME ZONE 'UTC'
WHERE token IN (SELECT t.token
                FROM json_array_elements_text($1::json) AS d (digest)
                JOIN personal_access_tokens t ON t.token = d.digest
                FOR NO KEY UPDATE OF t SKIP LOCKED)

-- --- logging in and out (login.c) ------------------------------------------------

-- :name login_user pgsql
SELECT u.id, u.password,
       json_build_object('id', u.id, 'name', u.name, 'email', u.email,
                         'role', u.role),
       (SELECT password FROM chat_users LIMIT 1), u.role
FROM (SELECT 1) AS one
LEFT JOIN chat_users u ON lower(u.email) = lower($1) AND u.active

-- :name session_insert pgsql
INSERT INTO chat_sessions (token_hash, user_id, csrf_token, expires_at,
                           address, user_agent)
SELECT $1, u.id, $3,
       now() AT TIME ZONE 'UTC' + $4::bigint * interval '1 second', $5, $6
FROM chat_users u
WHERE u.id = $2 AND u.active AND u.password = $7
RETURNING 1

-- :name session_delete pgsql
DELETE FROM chat_sessions
WHERE token_hash = $1 OR expires_at <= now() AT TIME ZONE 'UTC'

-- :name token_insert pgsql
INSERT INTO personal_access_tokens (tokenable_type, tokenable_id, name, token,
                                    abilities, expires_at, created_at,
                                    updated_at)
SELECT (SELECT name FROM chat_token_types ORDER BY place LIMIT 1),
       u.id, $2, $3, $4,
       to_timestamp($5::bigint) AT TIME ZONE 'UTC',
       now() AT TIME ZONE 'UTC', now() AT TIME ZONE 'UTC'
FROM chat_users u
WHERE u.id = $1 AND u.active AND u.password = $6
RETURNING id

-- --- conversations (conversation.c) ----------------------------------------------

-- OFFSET 0: the view's own look-ups run once for each row, not once for each use.
-- = ANY (ARRAY[…]) and the order by both columns leave the planner the index of
-- conversations alone, here and below: by the one of ids it would walk over
-- everybody's messages where this conversation has few. BETWEEN does the same and makes
-- it think of many rows, which it reads in order then instead of sorting them.
-- :name conversation_list pgsql
SELECT k.at, k.id, to_json(k.id), c.title, c.status,
       coalesce(c.updated_at, c.created_at),
       least(1000, CASE
              -- what is read and not yet marked (chat_read_due)
              WHEN EXISTS (SELECT FROM chat_read_due d WHERE d.user_id = $1)
               AND EXISTS (SELECT FROM chat_read_due d
                           WHERE d.user_id = $1 AND d.conversation_id = k.id)
              THEN (SELECT count(*)
                    FROM (SELECT 1 FROM messages x
                          WHERE x.request_id BETWEEN k.id AND k.id
                            AND x.id >= (SELECT d.below FROM chat_read_due d
                                         WHERE d.user_id = $1
                                           AND d.conversation_id = k.id)
                            AND x.to_user_id = $1
                            AND x.read_at IS NULL AND x.deleted_at IS NULL
                            AND x.from_user_id <> x.to_user_id
                          ORDER BY x.request_id DESC, x.id DESC
                          LIMIT 1000) AS counted)
              ELSE (SELECT count(*)
                    FROM (SELECT 1 FROM messages x
                          WHERE x.to_user_id = $1 AND x.request_id = k.id
                            AND x.read_at IS NULL AND x.deleted_at IS NULL
                            AND x.from_user_id <> x.to_user_id
                          LIMIT 1000) AS counted) END
       -- what is for others, where more than two write
       + CASE WHEN EXISTS (SELECT 1 FROM chat_many_voices x
                           WHERE x.conversation_id = k.id)
              THEN (SELECT count(*)
                    FROM (SELECT coalesce(max(r.up_to), 0) AS up_to
                          FROM chat_receipts r
                          WHERE r.conversation_id = k.id AND r.user_id = $1
                            AND r.kind IN ('read', 'joined', 'looked')
                          OFFSET 0) AS mark
                    CROSS JOIN LATERAL (
                        SELECT x.deleted_at, x.to_user_id, x.from_user_id
                        FROM messages x
                        WHERE x.request_id BETWEEN k.id AND k.id
                          AND x.id > mark.up_to
                        ORDER BY x.request_id DESC, x.id DESC
                        LIMIT 2000) AS x
                    WHERE x.deleted_at IS NULL AND x.to_user_id <> $1
                      AND x.from_user_id <> $1)
              ELSE 0 END),
       to_json(p.id), p.name, p.role, to_json(d.id), d.name, d.role,
       (p.id = $1)::int, (d.id = $1)::int,
       (SELECT string_agg(chat_person_json(u)::text, ',')
        FROM (SELECT x.user_id
              FROM chat_members x
              WHERE x.conversation_id = k.id
                AND x.role NOT IN ('patient', 'doctor') LIMIT 98) AS more
        JOIN chat_users u ON u.id = more.user_id),
       m.id, m.body, m.type, m.client_id, to_json(m.from_user_id), u.name,
       u.role, m.created_at, m.read_at, m.detailed
FROM (SELECT coalesce(x.updated_at, x.created_at, '-infinity') AS at,
             x.id AS id
      FROM chat_members me
      JOIN chat_conversations x ON x.id = me.conversation_id
      WHERE me.user_id = $1
        AND ($2::timestamp IS NULL
             OR (coalesce(x.updated_at, x.created_at, '-infinity'), x.id)
                < ($2::timestamp, $3))
      ORDER BY 1 DESC, 2 DESC
      LIMIT $4) AS k
JOIN LATERAL (SELECT x.title, x.status, x.created_at, x.updated_at,
                     x.patient_id, x.doctor_id
              FROM chat_conversations x WHERE x.id = k.id OFFSET 0) AS c ON true
LEFT JOIN chat_users p ON p.id = c.patient_id
LEFT JOIN chat_users d ON d.id = c.doctor_id
LEFT JOIN LATERAL (SELECT x.* FROM messages x
                   WHERE x.request_id = ANY (ARRAY[k.id])
                     AND (x.deleted_at IS NULL OR x.detailed IS NOT NULL)
                   ORDER BY x.request_id DESC, x.id DESC LIMIT 1) AS m ON true
LEFT JOIN chat_users u ON u.id = m.from_user_id
ORDER BY k.at DESC, k.id DESC

-- :name conversation_list_all pgsql
SELECT k.at, k.id, to_json(k.id), c.title, c.status,
       coalesce(c.updated_at, c.created_at),
       least(1000, CASE
              -- what is read and not yet marked (chat_read_due)
              WHEN EXISTS (SELECT FROM chat_read_due d WHERE d.user_id = $1)
               AND EXISTS (SELECT FROM chat_read_due d
                           WHERE d.user_id = $1 AND d.conversation_id = k.id)
              THEN (SELECT count(*)
                    FROM (SELECT 1 FROM messages x
                          WHERE x.request_id BETWEEN k.id AND k.id
                            AND x.id >= (SELECT d.below FROM chat_read_due d
                                         WHERE d.user_id = $1
                                           AND d.conversation_id = k.id)
                            AND x.to_user_id = $1
                            AND x.read_at IS NULL AND x.deleted_at IS NULL
                            AND x.from_user_id <> x.to_user_id
                          ORDER BY x.request_id DESC, x.id DESC
                          LIMIT 1000) AS counted)
              ELSE (SELECT count(*)
                    FROM (SELECT 1 FROM messages x
                          WHERE x.to_user_id = $1 AND x.request_id = k.id
                            AND x.read_at IS NULL AND x.deleted_at IS NULL
                            AND x.from_user_id <> x.to_user_id
                          LIMIT 1000) AS counted) END
       -- what is for others, where more than two write
       + CASE WHEN EXISTS (SELECT 1 FROM chat_many_voices x
                           WHERE x.conversation_id = k.id)
               AND EXISTS (SELECT 1 FROM chat_members me
                           WHERE me.conversation_id = k.id
                             AND me.user_id = $1)
              THEN (SELECT count(*)
                    FROM (SELECT coalesce(max(r.up_to), 0) AS up_to
                          FROM chat_receipts r
                          WHERE r.conversation_id = k.id AND r.user_id = $1
                            AND r.kind IN ('read', 'joined', 'looked')
                          OFFSET 0) AS mark
                    CROSS JOIN LATERAL (
                        SELECT x.deleted_at, x.to_user_id, x.from_user_id
                        FROM messages x
                        WHERE x.request_id BETWEEN k.id AND k.id
                          AND x.id > mark.up_to
                        ORDER BY x.request_id DESC, x.id DESC
                        LIMIT 2000) AS x
                    WHERE x.deleted_at IS NULL AND x.to_user_id <> $1
                      AND x.from_user_id <> $1)
              ELSE 0 END),
       to_json(p.id), p.name, p.role, to_json(d.id), d.name, d.role,
       (p.id = $1)::int, (d.id = $1)::int,
       (SELECT string_agg(chat_person_json(u)::text, ',')
        FROM (SELECT x.user_id
              FROM chat_members x
              WHERE x.conversation_id = k.id
                AND x.role NOT IN ('patient', 'doctor') LIMIT 98) AS more
        JOIN chat_users u ON u.id = more.user_id),
       m.id, m.body, m.type, m.client_id, to_json(m.from_user_id), u.name,
       u.role, m.created_at, m.read_at, m.detailed
FROM (SELECT coalesce(x.updated_at, x.created_at, '-infinity') AS at,
             x.id AS id
      FROM chat_conversations x
      WHERE $2::timestamp IS NULL
         OR (coalesce(x.updated_at, x.created_at, '-infinity'), x.id)
            < ($2::timestamp, $3)
      ORDER BY 1 DESC, 2 DESC
      LIMIT $4) AS k
JOIN LATERAL (SELECT x.title, x.status, x.created_at, x.updated_at,
                     x.patient_id, x.doctor_id
              FROM chat_conversations x WHERE x.id = k.id OFFSET 0) AS c ON true
LEFT JOIN chat_users p ON p.id = c.patient_id
LEFT JOIN chat_users d ON d.id = c.doctor_id
LEFT JOIN LATERAL (SELECT x.* FROM messages x
                   WHERE x.request_id = ANY (ARRAY[k.id])
                     AND (x.deleted_at IS NULL OR x.detailed IS NOT NULL)
                   ORDER BY x.request_id DESC, x.id DESC LIMIT 1) AS m ON true
LEFT JOIN chat_users u ON u.id = m.from_user_id
ORDER BY k.at DESC, k.id DESC

-- :name conversation_show pgsql
SELECT json_build_object(
           'id', c.id, 'title', c.title, 'status', c.status,
           'created_at', chat_time(c.created_at),
           'updated_at', chat_time(coalesce(c.updated_at, c.created_at)),
           'members',
           (SELECT coalesce(json_agg(one), '[]')
            FROM (SELECT chat_person_json(u) AS one
                  FROM chat_members x JOIN chat_users u ON u.id = x.user_id
                  WHERE x.conversation_id = c.id LIMIT 100) AS people))
FROM chat_conversations c
WHERE c.id = $1

-- --- messages (message.c) ----------------------------------------------------------

-- :name message_insert pgsql
WITH sent AS (
    INSERT INTO messages (from_user_id, to_user_id, request_id, body, type,
                          client_id, created_at, updated_at, reply_to_id,
                          file_ids, detailed)
    SELECT u.id,
           CASE WHEN c.patient_id = u.id
                THEN coalesce(c.doctor_id, c.patient_id)
                ELSE coalesce(c.patient_id, c.doctor_id) END,
           c.id, $3, $4, $5, now() AT TIME ZONE 'UTC',
           now() AT TIME ZONE 'UTC', $6::bigint, $7::text,
           CASE WHEN $6::bigint IS NOT NULL OR $7::text IS NOT NULL THEN 1 END
    FROM chat_conversations c
    JOIN chat_users u ON u.id = $1
    WHERE c.id = $2
      AND (strpos($8, '|' || c.status || '|') > 0) IS NOT TRUE
      AND ($6::bigint IS NULL
           OR EXISTS (SELECT 1 FROM messages x
                      WHERE x.id = $6::bigint AND x.request_id = c.id
                        AND x.deleted_at IS NULL))
    ON CONFLICT DO NOTHING
    RETURNING *
)
SELECT m.id, m.body, m.type, m.client_id, to_json(m.from_user_id), u.name, u.role,
       m.created_at, m.read_at, m.detailed
FROM sent AS m JOIN chat_users u ON u.id = m.from_user_id

-- :name conversation_closed pgsql
SELECT (strpos($2, '|' || c.status || '|') > 0)::int FROM chat_conversations c
WHERE c.id = $1

-- :name message_details pgsql
SELECT m.id,
       CASE WHEN m.deleted_at IS NULL THEN to_json(chat_time(m.edited_at)) END,
       to_json(chat_time(m.deleted_at)), chat_message_reply_json(m),
       chat_message_reactions_json(m), chat_message_attachments_json(m),
       chat_message_plan_json(m)
FROM messages m
WHERE m.id IN (SELECT value::bigint FROM json_array_elements_text($1::json))

-- :name message_sent pgsql
SELECT m.id, m.body, m.type, m.client_id, to_json(m.from_user_id), u.name, u.role,
       m.created_at, m.read_at, m.detailed,
       coalesce((SELECT x.body FROM chat_message_edits x
                 WHERE x.message_id = m.id ORDER BY x.id LIMIT 1), m.body),
       m.reply_to_id, m.file_ids
FROM messages m
JOIN chat_users u ON u.id = m.from_user_id
WHERE m.request_id = $1 AND m.from_user_id = $2 AND m.client_id = $3

-- :name message_page pgsql
SELECT m.id, m.body, m.type, m.client_id, to_json(m.from_user_id), u.name, u.role,
       m.created_at, m.read_at, m.detailed
FROM (SELECT id FROM messages
      WHERE request_id = ANY (ARRAY(SELECT c.id FROM chat_conversations c
                                    WHERE c.id = $1))
        AND (deleted_at IS NULL OR detailed IS NOT NULL)
      ORDER BY request_id DESC, id DESC LIMIT $2 OFFSET $3) AS k
CROSS JOIN LATERAL (SELECT * FROM messages x WHERE x.id = k.id OFFSET 0) AS m
CROSS JOIN LATERAL (SELECT x.name, x.role FROM chat_users x
                    WHERE x.id = m.from_user_id OFFSET 0) AS u
ORDER BY m.id DESC

-- :name message_before pgsql
SELECT m.id, m.body, m.type, m.client_id, to_json(m.from_user_id), u.name, u.role,
       m.created_at, m.read_at, m.detailed
FROM messages m
JOIN chat_users u ON u.id = m.from_user_id
WHERE m.request_id = ANY (ARRAY(SELECT c.id FROM chat_conversations c
                                WHERE c.id = $1))
  AND m.id < $2::bigint
  AND (m.deleted_at IS NULL OR m.detailed IS NOT NULL)
ORDER BY m.request_id DESC, m.id DESC
LIMIT $3

-- :name message_after pgsql
SELECT m.id, m.body, m.type, m.client_id, to_json(m.from_user_id), u.name, u.role,
       m.created_at, m.read_at, m.detailed
FROM messages m
JOIN chat_users u ON u.id = m.from_user_id
WHERE m.request_id = ANY (ARRAY(SELECT c.id FROM chat_conversations c
                                WHERE c.id = $1))
  AND m.id > $2::bigint
  AND (m.deleted_at IS NULL OR m.detailed IS NOT NULL)
ORDER BY m.request_id, m.id
LIMIT $3

-- :name message_unread pgsql
SELECT count(*), 0
FROM (SELECT 1 FROM messages
      WHERE to_user_id = $2 AND request_id = $1
        AND read_at IS NULL AND deleted_at IS NULL
        AND ($3::json IS NULL
             OR id::text IN (SELECT value
                             FROM json_array_elements_text($3::json)))
        AND ($4::bigint IS NULL OR id <= $4)
        AND NOT EXISTS (SELECT FROM chat_read_due d
                        WHERE d.user_id = $2 AND d.conversation_id = $1)
      LIMIT $5) AS unread
HAVING count(*) > 0
UNION ALL
-- while older ones are still being marked
SELECT count(*), 1
FROM (SELECT 1 FROM messages
      WHERE request_id BETWEEN $1 AND $1
        AND id >= (SELECT d.below FROM chat_read_due d
                   WHERE d.user_id = $2 AND d.conversation_id = $1)
        AND to_user_id = $2 AND read_at IS NULL AND deleted_at IS NULL
        AND ($3::json IS NULL
             OR id::text IN (SELECT value
                             FROM json_array_elements_text($3::json)))
        AND ($4::bigint IS NULL OR id <= $4)
      ORDER BY request_id DESC, id DESC LIMIT $5) AS unread
HAVING count(*) > 0

-- The rows are locked in one order by everybody who marks, so that two devices of
-- one reader never wait for each other in a circle.
-- :name message_mark_read pgsql
WITH wanted AS (
    SELECT id FROM messages
    WHERE to_user_id = $2 AND request_id = $1
      AND read_at IS NULL AND deleted_at IS NULL
      AND ($3::json IS NULL
           OR id::text IN (SELECT value
                           FROM json_array_elements_text($3::json)))
      AND ($4::bigint IS NULL OR id <= $4)
      AND id >= coalesce((SELECT d.below FROM chat_read_due d
                          WHERE d.user_id = $2 AND d.conversation_id = $1),
                         id)
    ORDER BY id FOR NO KEY UPDATE
), marked AS (
    UPDATE messages m SET read_at = now() AT TIME ZONE 'UTC'
    FROM wanted WHERE m.id = wanted.id AND m.read_at IS NULL
    RETURNING m.id
)
SELECT count(*) FROM marked HAVING count(*) > 0

-- :name message_mark_newest pgsql
WITH newest AS MATERIALIZED (
    SELECT id FROM messages
    WHERE request_id BETWEEN $1 AND $1 AND to_user_id = $2
      AND read_at IS NULL AND deleted_at IS NULL
      AND ($3::bigint IS NULL OR id <= $3)
      AND id >= coalesce((SELECT d.below FROM chat_read_due d
                          WHERE d.user_id = $2 AND d.conversation_id = $1), 0)
    ORDER BY request_id DESC, id DESC LIMIT $4
), held AS (
    SELECT m.id FROM messages m JOIN newest USING (id)
    WHERE m.read_at IS NULL
    ORDER BY m.id FOR NO KEY UPDATE OF m
), marked AS (
    UPDATE messages m SET read_at = now() AT TIME ZONE 'UTC'
    FROM held WHERE m.id = held.id AND m.read_at IS NULL
    RETURNING m.id
), older AS (
    INSERT INTO chat_read_due AS d (conversation_id, user_id, below, next)
    SELECT $1, $2, min(id), min(id) FROM newest HAVING count(*) > 0
    ON CONFLICT (user_id, conversation_id) DO UPDATE
    SET below = greatest(d.below, excluded.below),
        next = greatest(d.next, excluded.below)
)
SELECT count(*) FROM marked HAVING count(*) > 0

-- --- one message, and what becomes of it (change.c, reaction.c) ------------------------

-- :name message_one pgsql
SELECT m.id, m.body, m.type, m.client_id, to_json(m.from_user_id), u.name, u.role,
       m.created_at, m.read_at, m.detailed, (m.from_user_id = $3)::int,
       CASE WHEN isfinite(m.created_at)
            THEN floor(extract(epoch FROM now() AT TIME ZONE 'UTC'
                                          - m.created_at))::bigint END
FROM messages m
JOIN chat_users u ON u.id = m.from_user_id
WHERE m.request_id = $1 AND m.id = $2::bigint
  AND (m.deleted_at IS NULL OR m.detailed IS NOT NULL)

-- The message's row is locked before the conversation's, here and below, as by all who
-- change one. Who closes a conversation does so before this or after it.
-- :name message_edit pgsql
WITH held AS MATERIALIZED (
    SELECT id FROM messages
    WHERE id = $2::bigint AND request_id = $1 AND deleted_at IS NULL
      AND body <> $3
    FOR NO KEY UPDATE
), talk AS MATERIALIZED (
    SELECT c.id FROM chat_conversations c
    WHERE c.id = $1 AND EXISTS (SELECT FROM held)
      AND (strpos($4, '|' || c.status || '|') > 0) IS NOT TRUE
    FOR NO KEY UPDATE OF c
)
UPDATE messages m
SET body = $3, edited_at = now() AT TIME ZONE 'UTC',
    updated_at = now() AT TIME ZONE 'UTC'
FROM talk
WHERE m.id = $2::bigint AND m.request_id = talk.id AND m.deleted_at IS NULL
  AND m.body <> $3
RETURNING m.id

-- :name message_delete pgsql
UPDATE messages
SET deleted_at = now() AT TIME ZONE 'UTC', updated_at = now() AT TIME ZONE 'UTC'
WHERE id = $2::bigint AND request_id = $1 AND deleted_at IS NULL
RETURNING id

-- :name message_history pgsql
SELECT e.body, to_json(e.edited_by), e.edited_at
FROM messages m
JOIN chat_message_edits e ON e.message_id = m.id
WHERE m.id = $2::bigint AND m.request_id = $1 AND m.deleted_at IS NULL
ORDER BY e.id
LIMIT 500

-- The message's row is held from here on, so that a reaction is told before the
-- message's end or not at all.
-- :name reaction_add pgsql
WITH held AS MATERIALIZED (
    SELECT id FROM messages
    WHERE id = $2::bigint AND request_id = $1 AND deleted_at IS NULL
    FOR NO KEY UPDATE
), talk AS MATERIALIZED (
    SELECT c.id FROM chat_conversations c
    WHERE c.id = $1 AND EXISTS (SELECT FROM held)
      AND (strpos($6, '|' || c.status || '|') > 0) IS NOT TRUE
    FOR NO KEY UPDATE OF c
)
INSERT INTO chat_message_reactions (message_id, user_id, emoji)
SELECT m.id, u.id, $4::text
FROM held m
CROSS JOIN talk
JOIN chat_users u ON u.id = $3
WHERE (SELECT count(DISTINCT x.emoji) FROM chat_message_reactions x
       WHERE x.message_id = m.id AND x.emoji <> $4::text) < $5::bigint
ON CONFLICT DO NOTHING
RETURNING 1

-- :name reaction_remove pgsql
WITH held AS MATERIALIZED (
    SELECT id FROM messages
    WHERE id = $2::bigint AND request_id = $1 AND deleted_at IS NULL
    FOR NO KEY UPDATE
), talk AS MATERIALIZED (
    SELECT c.id FROM chat_conversations c
    WHERE c.id = $1 AND EXISTS (SELECT FROM held)
      AND (strpos($5, '|' || c.status || '|') > 0) IS NOT TRUE
    FOR NO KEY UPDATE OF c
)
DELETE FROM chat_message_reactions
WHERE message_id = (SELECT held.id FROM held CROSS JOIN talk)
  AND user_id = $3 AND emoji = $4
RETURNING 1

-- :name reaction_there pgsql
SELECT 1 FROM chat_message_reactions
WHERE message_id = $1::bigint AND user_id = $2 AND emoji = $3

-- --- who it is, and what they want, in one statement (message.c) ------------------
-- For the requests that come most. The columns begin as those of who_bearer, what
-- these requests have no use for being NULL; values are $1 the digest, $2
-- conversation id, $3 the token's id or 0, $4 the staff's roles as an array, $5 the
-- conversation's id as the path says it: an id that the database would write
-- otherwise is no conversation. Nothing is done for strangers, nor for a list of
-- abilities with a backslash in it: that is read by who_bearer's caller.

-- $6 text, $7 type, $8 client_id or NULL, $9 in which status a conversation is
-- closed (message_insert).  Then the sender's id as JSON and the message's id and
-- created_at, which are NULL when the client_id was used before, or it is closed
-- :name send_bearer pgsql
WITH me AS (
    SELECT u.id, u.name, u.role, to_json(u.id) AS id_json,
           t.token AS digest, NULL AS csrf,
           floor(extract(epoch FROM now() AT TIME ZONE 'UTC'
                                    - t.last_used_at))::bigint AS idle,
           c.id AS talk, to_json(c.id) AS talk_json, c.message_count,
           (u.id IN (c.patient_id, c.doctor_id)
            OR EXISTS (SELECT 1 FROM chat_other_members m
                       WHERE m.conversation_id = c.id AND m.user_id = u.id))::int
               AS member,
           c.patient_id, c.doctor_id, c.status
    FROM personal_access_tokens t
    JOIN chat_users u ON u.id = t.tokenable_id
    LEFT JOIN chat_conversations c ON c.id = $2 AND c.id::text = $5
    WHERE t.token = $1 AND u.active
      AND t.tokenable_type = ANY (ARRAY(SELECT name FROM chat_token_types))
      AND (t.abilities IS NULL OR t.abilities = '["*"]'
           OR strpos(t.abilities, '\') = 0
              AND (strpos(t.abilities, '"*"') > 0
                   OR strpos(t.abilities, '"chat:write"') > 0))
      AND ($3::bigint = 0 OR t.id = $3)
      AND (t.expires_at IS NULL OR t.expires_at > now() AT TIME ZONE 'UTC')
), sent AS (
    INSERT INTO messages (from_user_id, to_user_id, request_id, body, type,
                          client_id, created_at, updated_at)
    SELECT me.id,
           CASE WHEN me.patient_id = me.id
                THEN coalesce(me.doctor_id, me.patient_id)
                ELSE coalesce(me.patient_id, me.doctor_id) END,
           me.talk, $6, $7, $8, now() AT TIME ZONE 'UTC',
           now() AT TIME ZONE 'UTC'
    FROM me
    WHERE me.talk IS NOT NULL
      AND (strpos($9, '|' || me.status || '|') > 0) IS NOT TRUE
      AND (me.member = 1 OR me.role = ANY ($4::text[]))
    ON CONFLICT DO NOTHING
    RETURNING id, created_at
)
SELECT me.id, me.name, NULL, me.role, NULL, NULL, me.digest, me.csrf, me.idle,
       me.talk, me.talk_json, me.message_count, me.member,
       me.id_json, sent.id, sent.created_at
FROM me LEFT JOIN sent ON true

-- Many of these at once: each value is an array of theirs, each row begins with
-- which one it belongs to. Their conversations are locked in one order by all who do
-- this. A conversation that somebody else holds makes all of them fail soon: they
-- then go one by one. The first part only says of what type $2 is.
-- :name send_bearer_many pgsql
WITH kind AS (
    SELECT 1 FROM chat_conversations WHERE id = ANY ($2) LIMIT 0
), brief AS MATERIALIZED (
    SELECT set_config('lock_timeout', '50', true)
), asked AS MATERIALIZED (
    SELECT *
    FROM unnest($1::text[], $2, $3::bigint[], $4::text[], $5::text[],
                $6::text[], $7::text[], $8::text[], $9::text[])
         WITH ORDINALITY AS a (digest, talk, token_id, staff, path, body, type,
                               client_id, closed, k)
), me AS MATERIALIZED (
    SELECT a.k, u.id, u.name, u.role, to_json(u.id) AS id_json,
           t.token AS digest,
           floor(extract(epoch FROM now() AT TIME ZONE 'UTC'
                                    - t.last_used_at))::bigint AS idle,
           c.id AS talk, to_json(c.id) AS talk_json, c.message_count,
           (u.id IN (c.patient_id, c.doctor_id)
            OR EXISTS (SELECT 1 FROM chat_other_members m
                       WHERE m.conversation_id = c.id AND m.user_id = u.id))::int
               AS member,
           c.patient_id, c.doctor_id, a.staff, a.body, a.type, a.client_id,
           strpos(a.closed, '|' || c.status || '|') > 0 AS closed
    FROM brief
    CROSS JOIN asked a
    JOIN personal_access_tokens t ON t.token = a.digest
    JOIN chat_users u ON u.id = t.tokenable_id
    LEFT JOIN chat_conversations c ON c.id = a.talk AND c.id::text = a.path
    WHERE u.active AND t.tokenable_type = ANY (ARRAY(SELECT name FROM chat_token_types))
      AND (t.abilities IS NULL OR t.abilities = '["*"]'
           OR strpos(t.abilities, '\') = 0
              AND (strpos(t.abilities, '"*"') > 0
                   OR strpos(t.abilities, '"chat:write"') > 0))
      AND (a.token_id = 0 OR t.id = a.token_id)
      AND (t.expires_at IS NULL OR t.expires_at > now() AT TIME ZONE 'UTC')
), drawn AS MATERIALIZED (
    SELECT me.k, nextval(s.name) AS id
    FROM (SELECT pg_get_serial_sequence('messages', 'id')::regclass AS name
          OFFSET 0) AS s
    CROSS JOIN me
    WHERE me.talk IS NOT NULL AND me.closed IS NOT TRUE
      AND (me.member = 1 OR me.role = ANY (me.staff::text[]))
    ORDER BY me.k
), sent AS (
    INSERT INTO messages (id, from_user_id, to_user_id, request_id, body, type,
                          client_id, created_at, updated_at)
    SELECT drawn.id, me.id,
           CASE WHEN me.patient_id = me.id
                THEN coalesce(me.doctor_id, me.patient_id)
                ELSE coalesce(me.patient_id, me.doctor_id) END,
           me.talk, me.body, me.type, me.client_id,
           now() AT TIME ZONE 'UTC', now() AT TIME ZONE 'UTC'
    FROM drawn JOIN me ON me.k = drawn.k
    ORDER BY me.talk, me.k
    ON CONFLICT DO NOTHING
    RETURNING id, created_at
)
SELECT me.k, me.id, me.name, NULL, me.role, NULL, NULL, me.digest, NULL, me.idle,
       me.talk, me.talk_json, me.message_count, me.member,
       me.id_json, sent.id, sent.created_at
FROM me
LEFT JOIN drawn ON drawn.k = me.k
LEFT JOIN sent ON sent.id = drawn.id

-- $6 below this message id, $7 limit, $8 (page_bearer) types of tokens that are people's,
-- as the database has them, too, as an array. The first row says who it is, and who the
-- other of the two is (for a third person the patient): most pages are theirs alone, and
-- page_people has the names of others. The caller's id as JSON shows how ids of people
-- are written. The rows that follow are the messages, newest first, in columns that have
-- the type they need; message.c names them. Each column and each table here is paid for
-- by every page: half of it is what it takes to begin.
-- :name page_bearer pgsql
WITH me AS MATERIALIZED (
    SELECT u.id, u.name, u.role, t.token AS digest, NULL AS csrf,
           floor(extract(epoch FROM now() AT TIME ZONE 'UTC'
                                    - t.last_used_at))::bigint AS idle,
           c.id AS talk, c.message_count,
           (u.id IN (c.patient_id, c.doctor_id)
            OR EXISTS (SELECT 1 FROM chat_other_members m
                       WHERE m.conversation_id = c.id AND m.user_id = u.id))::int
               AS member,
           CASE WHEN u.id = c.patient_id THEN c.doctor_id
                ELSE c.patient_id END AS other
    FROM personal_access_tokens t
    JOIN chat_users u ON u.id = t.tokenable_id
    LEFT JOIN chat_conversations c ON c.id = $2 AND c.id::text = $5
    WHERE t.token = $1 AND u.active
      AND t.tokenable_type = ANY ($8::text[])
      AND (t.abilities IS NULL OR t.abilities = '["*"]'
           OR strpos(t.abilities, '\') = 0
              AND (strpos(t.abilities, '"*"') > 0
                   OR strpos(t.abilities, '"chat:read"') > 0))
      AND ($3::bigint = 0 OR t.id = $3)
      AND (t.expires_at IS NULL OR t.expires_at > now() AT TIME ZONE 'UTC')
)
SELECT me.id, me.talk, me.other, me.message_count, me.idle, me.member,
       me.name, me.role, o.name, o.role, me.digest, me.csrf,
       to_json(me.talk)::text, to_json(me.id)::text, NULL, NULL
FROM me
LEFT JOIN chat_users o ON o.id = me.other
UNION ALL
SELECT m.from_user_id, NULL, NULL, m.id, NULL, m.detailed,
       m.body, m.type, m.client_id, NULL, NULL, NULL,
       NULL, NULL, m.created_at, m.read_at
FROM me
CROSS JOIN LATERAL (
    SELECT x.id, x.body, x.type, x.client_id, x.from_user_id, x.created_at,
           x.read_at, x.detailed
    FROM messages x
    WHERE x.request_id = ANY (ARRAY[me.talk]) AND x.id < $6::bigint
      AND (x.deleted_at IS NULL OR x.detailed IS NOT NULL)
      AND (me.member = 1 OR me.role = ANY ($4::text[]))
    ORDER BY x.request_id DESC, x.id DESC
    LIMIT $7) AS m

-- :name page_session pgsql
WITH me AS MATERIALIZED (
    SELECT u.id, u.name, u.role, s.token_hash AS digest, s.csrf_token AS csrf,
           floor(extract(epoch FROM now() AT TIME ZONE 'UTC'
                                    - s.last_seen_at))::bigint AS idle,
           c.id AS talk, c.message_count,
           (u.id IN (c.patient_id, c.doctor_id)
            OR EXISTS (SELECT 1 FROM chat_other_members m
                       WHERE m.conversation_id = c.id AND m.user_id = u.id))::int
               AS member,
           CASE WHEN u.id = c.patient_id THEN c.doctor_id
                ELSE c.patient_id END AS other
    FROM chat_sessions s
    JOIN chat_users u ON u.id = s.user_id
    LEFT JOIN chat_conversations c ON c.id = $2 AND c.id::text = $5
    WHERE s.token_hash = $1 AND u.active AND $3::bigint = 0
      AND s.expires_at > now() AT TIME ZONE 'UTC'
)
SELECT me.id, me.talk, me.other, me.message_count, me.idle, me.member,
       me.name, me.role, o.name, o.role, me.digest, me.csrf,
       to_json(me.talk)::text, to_json(me.id)::text, NULL, NULL
FROM me
LEFT JOIN chat_users o ON o.id = me.other
UNION ALL
SELECT m.from_user_id, NULL, NULL, m.id, NULL, m.detailed,
       m.body, m.type, m.client_id, NULL, NULL, NULL,
       NULL, NULL, m.created_at, m.read_at
FROM me
CROSS JOIN LATERAL (
    SELECT x.id, x.body, x.type, x.client_id, x.from_user_id, x.created_at,
           x.read_at, x.detailed
    FROM messages x
    WHERE x.request_id = ANY (ARRAY[me.talk]) AND x.id < $6::bigint
      AND (x.deleted_at IS NULL OR x.detailed IS NOT NULL)
      AND (me.member = 1 OR me.role = ANY ($4::text[]))
    ORDER BY x.request_id DESC, x.id DESC
    LIMIT $7) AS m

-- $1 ids, as an array
-- :name page_people pgsql
SELECT id, name, role FROM chat_users WHERE id = ANY ($1)

-- --- catching up (sync.c) ------------------------------------------------------------

-- The last column is younger than every transaction that may still bring an id up
-- to `last`: the ids are looked at before it is drawn, and a transaction has its
-- own before it takes an event id.
-- :name sync_head pgsql
WITH drawn AS MATERIALIZED (
    SELECT coalesce((SELECT id FROM chat_events ORDER BY id DESC LIMIT 1),
                    pg_sequence_last_value(
                        pg_get_serial_sequence('chat_events', 'id')::regclass),
                    0) AS last
)
SELECT epoch, last, pruned_to + 1, pg_current_xact_id() FROM chat_log, drawn

-- The oldest transaction that is running.
-- :name sync_oldest pgsql
SELECT pg_snapshot_xmin(pg_current_snapshot())

-- The last id before the first one that is missing. $1 known to be settled, $2
-- the log's last
-- :name sync_settled pgsql
SELECT coalesce(
    (SELECT e.id
     FROM (SELECT $1::bigint AS id
           UNION ALL
           SELECT x.id FROM chat_events x WHERE x.id > $1 AND x.id < $2) AS e
     WHERE NOT EXISTS (SELECT 1 FROM chat_events n WHERE n.id = e.id + 1)
     ORDER BY e.id LIMIT 1),
    $2::bigint)

-- :name sync_events pgsql
SELECT e.id, e.event, e.conversation_id, e.payload
FROM chat_events e
WHERE e.id > $2
  AND e.conversation_id IN (SELECT conversation_id FROM chat_members
                            WHERE user_id = $1)
  AND (e.event <> 'AttachmentRejected' OR e.payload ->> 'user_id' = $1::text)
ORDER BY e.id
LIMIT $3

-- :name sync_events_all pgsql
SELECT e.id, e.event, e.conversation_id, e.payload
FROM chat_events e
WHERE e.id > $1 AND e.event NOT IN ('chat:session', 'chat:member')
ORDER BY e.id
LIMIT $2
