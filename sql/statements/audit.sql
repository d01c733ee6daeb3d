-- SPDX-License-Identifier: Apache-2.0
--
-- The audit log: adding to it (common/audit_log.c), what the spools have given
-- (mod_chat/audit.c), and what chatctl asks (ctl/audit.c). Rows are written in
-- transactions that hold chat_audit_head.

-- :name audit_head sqlite
SELECT seq, hash, purged_to, purged_hash FROM chat_audit_head

-- :name audit_head pgsql
SELECT seq, hash, purged_to, purged_hash FROM chat_audit_head FOR UPDATE

-- $1 seq, $2 to $11 the fields, $12 hash
-- :name audit_insert sqlite
INSERT INTO chat_audit (seq, at, user_id, via, action, conversation_id, object,
                        address, agent, status, request_id, hash)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)

-- $1 rows, a line each, the same columns between TABs
-- :name audit_insert_rows pgsql
INSERT INTO chat_audit (seq, at, user_id, via, action, conversation_id, object,
                        address, agent, status, request_id, hash)
SELECT f[1]::bigint, f[2], f[3], f[4], f[5], f[6], f[7], f[8], f[9], f[10],
       f[11], f[12]
FROM (SELECT string_to_array(line, chr(9)) AS f
      FROM unnest(string_to_array($1::text, chr(10))) AS line OFFSET 0) AS rows

-- $1 seq, $2 hash
-- :name audit_head_move
UPDATE chat_audit_head SET seq = $1, hash = $2

-- $1 name
-- :name audit_spool
SELECT upto FROM chat_audit_spools WHERE name = $1

-- $1 name, $2 bytes
-- :name audit_spool_move
INSERT INTO chat_audit_spools (name, upto) VALUES ($1, $2)
ON CONFLICT (name) DO UPDATE SET upto = excluded.upto

-- $1 name
-- :name audit_spool_gone
DELETE FROM chat_audit_spools WHERE name = $1

-- For chatctl, which holds nothing.
-- :name audit_state
SELECT seq, hash, purged_to, purged_hash FROM chat_audit_head

-- $1 seq behind which, $2 limit
-- :name audit_page
SELECT seq, at, user_id, via, action, conversation_id, object, address, agent,
       status, request_id, hash
FROM chat_audit WHERE seq > $1 ORDER BY seq LIMIT $2

-- $1 seq behind which, $2 limit, $3 user, $4 conversation, $5 action, $6 since, $7
-- until; NULL: any
-- :name audit_list sqlite
SELECT seq, at, user_id, via, action, conversation_id, object, address, agent,
       status, request_id, hash
FROM chat_audit
WHERE seq > $1 AND ($3 IS NULL OR user_id = $3)
  AND ($4 IS NULL OR conversation_id = $4)
  AND ($5 IS NULL OR action = $5 OR substr(action, 1, length($5) + 1) = $5 || '.')
  AND ($6 IS NULL OR at >= $6) AND ($7 IS NULL OR at < $7)
ORDER BY seq LIMIT $2

-- :name audit_list pgsql
SELECT seq, at, user_id, via, action, conversation_id, object, address, agent,
       status, request_id, hash
FROM chat_audit
WHERE seq > $1 AND ($3::text IS NULL OR user_id = $3)
  AND ($4::text IS NULL OR conversation_id = $4)
  AND ($5::text IS NULL OR action = $5 OR starts_with(action, $5 || '.'))
  AND ($6::text IS NULL OR at >= $6) AND ($7::text IS NULL OR at < $7)
ORDER BY seq LIMIT $2

-- The last entry before a time.  $1 time
-- :name audit_before
SELECT seq, hash FROM chat_audit
WHERE seq = (SELECT max(seq) FROM chat_audit WHERE at < $1)

-- $1 seq, $2 hash
-- :name audit_purge_mark
UPDATE chat_audit_head SET purged_to = $1, purged_hash = $2

-- $1 seq up to which
-- :name audit_purge
DELETE FROM chat_audit WHERE seq <= $1

-- Whether the last entry is no seal.
-- :name audit_unsealed
SELECT 1 FROM chat_audit
WHERE seq = (SELECT seq FROM chat_audit_head) AND action <> 'audit.sealed'

-- Whether anything was ever sealed: the newest thousand entries say it.
-- :name audit_any_seal
SELECT 1 FROM chat_audit
WHERE seq > (SELECT seq FROM chat_audit_head) - 1000 AND action = 'audit.sealed'
LIMIT 1
