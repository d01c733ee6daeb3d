-- SPDX-License-Identifier: Apache-2.0
--
-- Searching: what mod_chat asks (route/search.c) and how chat-push keeps the index
-- (push/link/indexer.c). README.md in the folder above says how the two share it.

-- --- asking (route/search.c) ---------------------------------------------------------
-- The three that look for candidates give id and text of every row they went past,
-- newest first; the text is NULL of what the caller may not see. CROSS JOIN and
-- LATERAL … LIMIT 1 say in which order tables are read: planners know too little of
-- how many rows there will be. $1 below which id,
-- $2 above which, $3 rows at most, $4 the caller, $5 whether they are staff.

-- Which ids the index has, by which folding.  Columns: low, high, fold
-- :name search_state
SELECT low, high, fold FROM chat_search_state WHERE one = 1

-- The caller's conversations, if they are few.  $1 user, $2 limit
-- :name search_mine sqlite
SELECT conversation_id FROM chat_members WHERE user_id = $1 LIMIT $2

-- :name search_mine pgsql
SELECT conversation_id FROM chat_members WHERE user_id = $1 LIMIT $2

-- What has no index, or is found soonest without.
-- :name search_scan sqlite
SELECT k.id,
       CASE WHEN k.deleted_at IS NULL
             AND EXISTS (SELECT 1 FROM chat_conversations c
                         WHERE c.id = k.request_id
                           AND ($5 = 1 OR $4 IN (c.patient_id, c.doctor_id)
                                OR EXISTS (SELECT 1 FROM chat_members x
                                           WHERE x.conversation_id = c.id
                                             AND x.user_id = $4
                                             AND x.role NOT IN ('patient',
                                                                'doctor'))))
            THEN CAST(k.body AS TEXT) END
FROM (SELECT id, request_id, body, deleted_at FROM messages
      WHERE id < $1 AND id > $2
      ORDER BY id DESC LIMIT $3) AS k
ORDER BY k.id DESC

-- :name search_scan pgsql
SELECT k.id, CASE WHEN may.so THEN k.body END
FROM (SELECT id, request_id, body, deleted_at FROM messages
      WHERE id < $1::bigint AND id > $2::bigint
      ORDER BY id DESC LIMIT $3) AS k
LEFT JOIN LATERAL (
    SELECT true AS so FROM chat_conversations c
    WHERE c.id = k.request_id AND k.deleted_at IS NULL
      AND ($5::int = 1 OR $4 IN (c.patient_id, c.doctor_id)
           OR EXISTS (SELECT 1 FROM chat_members x
                      WHERE x.conversation_id = c.id AND x.user_id = $4
                        AND x.role NOT IN ('patient', 'doctor')))
    LIMIT 1) AS may ON true
ORDER BY k.id DESC

-- The same in one conversation, which is known to be theirs.
-- $1 to $3 as above, $4 the conversation
-- :name search_scan_in sqlite
SELECT id, CASE WHEN deleted_at IS NULL THEN CAST(body AS TEXT) END
FROM messages
WHERE request_id = $4 AND id < $1 AND id > $2
ORDER BY id DESC LIMIT $3

-- :name search_scan_in pgsql
SELECT id, CASE WHEN deleted_at IS NULL THEN body END
FROM messages
WHERE request_id = $4 AND id < $1::bigint AND id > $2::bigint
ORDER BY id DESC LIMIT $3

-- By the index. $6 what to match, $7 the one conversation or NULL.  FTS5 gives its
-- rows in this order by itself, and no more than are asked for.
-- :name search_index sqlite
SELECT k.id,
       CASE WHEN m.deleted_at IS NULL
             AND ($7 IS NULL OR m.request_id = $7)
             AND EXISTS (SELECT 1 FROM chat_conversations c
                         WHERE c.id = m.request_id
                           AND ($5 = 1 OR $4 IN (c.patient_id, c.doctor_id)
                                OR EXISTS (SELECT 1 FROM chat_members x
                                           WHERE x.conversation_id = c.id
                                             AND x.user_id = $4
                                             AND x.role NOT IN ('patient',
                                                                'doctor'))))
            THEN CAST(m.body AS TEXT) END
FROM (SELECT rowid AS id FROM chat_search
      WHERE chat_search MATCH $6 AND rowid < $1 AND rowid > $2
      ORDER BY rowid DESC LIMIT $3) AS k
LEFT JOIN messages m ON m.id = k.id
ORDER BY k.id DESC

-- `+ 0`: not by the primary key, which would be read from its end until enough match.
-- :name search_index pgsql
SELECT k.id, m.body
FROM (SELECT message_id AS id FROM chat_search
      WHERE words @@ $6::text::tsquery
        AND message_id + 0 < $1::bigint AND message_id + 0 > $2::bigint
      ORDER BY message_id + 0 DESC LIMIT $3) AS k
LEFT JOIN LATERAL (
    SELECT m.body
    FROM messages m
    JOIN chat_conversations c ON c.id = m.request_id
    WHERE m.id = k.id AND m.deleted_at IS NULL
      AND ($7::text IS NULL OR c.id::text = $7::text)
      AND ($5::int = 1 OR $4 IN (c.patient_id, c.doctor_id)
           OR EXISTS (SELECT 1 FROM chat_members x
                      WHERE x.conversation_id = c.id AND x.user_id = $4
                        AND x.role NOT IN ('patient', 'doctor')))
    LIMIT 1) AS m ON true
ORDER BY k.id DESC

-- Messages that were changed and whose words are still the old ones, or that are to
-- be taken out.  $1 below which id, $2 rows at most, $3 user, $4 staff, $5 the one
-- conversation or NULL
-- :name search_late sqlite
SELECT m.id, CAST(m.body AS TEXT)
FROM (SELECT DISTINCT message_id AS id FROM chat_search_changed
      WHERE message_id < $1 LIMIT $2) AS k
CROSS JOIN messages m ON m.id = k.id
CROSS JOIN chat_conversations c ON c.id = m.request_id
WHERE m.deleted_at IS NULL AND ($5 IS NULL OR m.request_id = $5)
  AND ($4 = 1 OR EXISTS (SELECT 1 FROM chat_members x
                         WHERE x.conversation_id = m.request_id
                           AND x.user_id = $3))
ORDER BY m.id DESC

-- :name search_late pgsql
SELECT k.id, m.body
FROM (SELECT DISTINCT message_id AS id FROM chat_search_changed
      WHERE message_id < $1::bigint LIMIT $2) AS k
JOIN LATERAL (
    SELECT m.body
    FROM messages m
    JOIN chat_conversations c ON c.id = m.request_id
    WHERE m.id = k.id AND m.deleted_at IS NULL
      AND ($5::text IS NULL OR c.id::text = $5::text)
      AND ($4::int = 1 OR EXISTS (SELECT 1 FROM chat_members x
                                  WHERE x.conversation_id = c.id
                                    AND x.user_id = $3))
    LIMIT 1) AS m ON true
ORDER BY k.id DESC

-- What is shown of those that match.  $1 JSON list of ids.  Columns: the message
-- as of message_page, the conversation's id as JSON, title and status. Newest first
-- :name search_found sqlite
SELECT m.id, CAST(m.body AS TEXT), CAST(m.type AS TEXT),
       CAST(m.client_id AS TEXT), json_quote(m.from_user_id),
       CAST(u.name AS TEXT), CAST(u.role AS TEXT),
       strftime('%Y-%m-%dT%H:%M:%fZ', m.created_at),
       strftime('%Y-%m-%dT%H:%M:%fZ', m.read_at), m.detailed,
       json_quote(c.id), CAST(c.title AS TEXT), CAST(c.status AS TEXT)
FROM json_each($1) AS k
CROSS JOIN messages m ON m.id = k.value
CROSS JOIN chat_users u ON u.id = m.from_user_id
CROSS JOIN chat_conversations c ON c.id = m.request_id
WHERE m.deleted_at IS NULL
ORDER BY m.id DESC

-- :name search_found pgsql
SELECT m.id, m.body, m.type, m.client_id, to_json(m.from_user_id), m.name,
       m.role, m.created_at, m.read_at, m.detailed, to_json(m.talk), m.title, m.status
FROM json_array_elements_text($1::json) AS k (id)
JOIN LATERAL (
    SELECT x.id, x.body, x.type, x.client_id, x.from_user_id, x.created_at,
           x.read_at, x.detailed, u.name, u.role, c.id AS talk, c.title, c.status
    FROM messages x
    JOIN chat_users u ON u.id = x.from_user_id
    JOIN chat_conversations c ON c.id = x.request_id
    WHERE x.id = k.id::bigint AND x.deleted_at IS NULL
    LIMIT 1) AS m ON true
ORDER BY m.id DESC

-- --- keeping the index (push/link/indexer.c) --------------------------------------
-- Those that read messages give id, conversation and text, the latter NULL when the
-- message is not to be found.

-- Ids that may have no words yet.  Columns: low, high, fold, the last id, whether
-- anything has changed
-- :name indexer_state
SELECT s.low, s.high, s.fold,
       coalesce((SELECT id FROM messages ORDER BY id DESC LIMIT 1), 0),
       CASE WHEN EXISTS (SELECT 1 FROM chat_search_changed) THEN 1 ELSE 0 END
FROM chat_search_state s WHERE s.one = 1

-- Another folding: from the beginning. Two statements.  $1 fold
-- :name indexer_clear
DELETE FROM chat_search

-- :name indexer_restart
UPDATE chat_search_state
SET fold = $1,
    low = coalesce((SELECT id FROM messages ORDER BY id DESC LIMIT 1), 0),
    high = coalesce((SELECT id FROM messages ORDER BY id DESC LIMIT 1), 0)
WHERE one = 1

-- $1 above which id, $2 up to which, $3 limit
-- :name indexer_new sqlite
SELECT id, request_id,
       CASE WHEN deleted_at IS NULL AND request_id IS NOT NULL
            THEN CAST(body AS TEXT) END
FROM messages WHERE id > $1 AND id <= $2 ORDER BY id LIMIT $3

-- :name indexer_new pgsql
SELECT id, request_id,
       CASE WHEN deleted_at IS NULL AND request_id IS NOT NULL THEN body END
FROM messages WHERE id > $1::bigint AND id <= $2::bigint ORDER BY id LIMIT $3

-- $1 up to which id, $2 limit.  Newest first
-- :name indexer_old sqlite
SELECT id, request_id,
       CASE WHEN deleted_at IS NULL AND request_id IS NOT NULL
            THEN CAST(body AS TEXT) END
FROM messages WHERE id <= $1 ORDER BY id DESC LIMIT $2

-- :name indexer_old pgsql
SELECT id, request_id,
       CASE WHEN deleted_at IS NULL AND request_id IS NOT NULL THEN body END
FROM messages WHERE id <= $1::bigint ORDER BY id DESC LIMIT $2

-- Ids that were under way when their neighbours were read.
-- $1 above which id, $2 up to which, $3 limit
-- :name indexer_missed pgsql
SELECT m.id, m.request_id, m.body
FROM messages m
WHERE m.id > $1::bigint AND m.id <= $2::bigint
  AND m.deleted_at IS NULL AND m.request_id IS NOT NULL
  AND m.body NOT LIKE 'sealed:%'
  AND NOT EXISTS (SELECT 1 FROM chat_search s WHERE s.message_id = m.id)
ORDER BY m.id LIMIT $3

-- Fourth column: the row of the list, to be removed when its message is done.
-- $1 limit
-- :name indexer_changed sqlite
SELECT k.message_id, m.request_id,
       CASE WHEN m.deleted_at IS NULL AND m.request_id IS NOT NULL
            THEN CAST(m.body AS TEXT) END,
       k.id
FROM (SELECT id, message_id FROM chat_search_changed ORDER BY id LIMIT $1) AS k
LEFT JOIN messages m ON m.id = k.message_id
ORDER BY k.id

-- :name indexer_changed pgsql
SELECT k.message_id, m.request_id,
       CASE WHEN m.deleted_at IS NULL AND m.request_id IS NOT NULL
            THEN m.body END,
       k.id
FROM (SELECT id, message_id FROM chat_search_changed ORDER BY id LIMIT $1) AS k
LEFT JOIN messages m ON m.id = k.message_id
ORDER BY k.id

-- In the order of ids: FTS5 begins a new segment whenever a row is below the one
-- before it.  $1 JSON list of [id, "words"]
-- :name indexer_put sqlite
INSERT OR REPLACE INTO chat_search (rowid, words)
SELECT json_extract(value, '$[0]'), json_extract(value, '$[1]')
FROM json_each($1)
ORDER BY 1

-- :name indexer_put pgsql
INSERT INTO chat_search (message_id, words)
SELECT DISTINCT ON (1) (e ->> 0)::bigint, array_to_tsvector(string_to_array(e ->> 1, ' '))
FROM json_array_elements($1::json) AS k (e)
ON CONFLICT (message_id) DO UPDATE SET words = EXCLUDED.words

-- $1 JSON list of message ids
-- :name indexer_drop sqlite
DELETE FROM chat_search WHERE rowid IN (SELECT value FROM json_each($1))

-- :name indexer_drop pgsql
DELETE FROM chat_search
WHERE message_id IN (SELECT id::bigint
                     FROM json_array_elements_text($1::json) AS k (id))

-- $1 JSON list of rows of the list
-- :name indexer_done sqlite
DELETE FROM chat_search_changed WHERE id IN (SELECT value FROM json_each($1))

-- :name indexer_done pgsql
DELETE FROM chat_search_changed
WHERE id IN (SELECT id::bigint FROM json_array_elements_text($1::json) AS k (id))

-- Several chat-pushes may do this at once: none takes back what another has done.
-- $1 the last id
-- :name indexer_up sqlite
UPDATE chat_search_state SET high = $1 WHERE one = 1 AND high < $1

-- :name indexer_up pgsql
UPDATE chat_search_state SET high = $1::bigint WHERE one = 1 AND high < $1::bigint

-- $1 the id below which words are still missing, less one
-- :name indexer_down sqlite
UPDATE chat_search_state SET low = $1 WHERE one = 1 AND low > $1

-- :name indexer_down pgsql
UPDATE chat_search_state SET low = $1::bigint WHERE one = 1 AND low > $1::bigint
