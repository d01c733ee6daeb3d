-- SPDX-License-Identifier: Apache-2.0
--
-- What `chatctl migrate` asks (ctl/migrate.c, ctl/check.c). The schema itself is in
-- the scripts beside this folder.

-- What kind of database this is: whether it has our table of versions; a table that
-- it has where ours would go; whether it is a Laravel application's, where patients
-- are profiles.
-- :name migrate_shape sqlite
SELECT EXISTS (SELECT 1 FROM sqlite_master
               WHERE type = 'table' AND name = 'chat_schema'),
       (SELECT min(name) FROM sqlite_master
        WHERE type IN ('table', 'view')
          AND name IN ('users', 'treatment_requests', 'messages')),
       0

-- :name migrate_shape pgsql
SELECT (to_regclass('chat_schema') IS NOT NULL)::int,
       (SELECT min(name) FROM unnest(ARRAY['users', 'treatment_requests',
                                           'messages']) AS ours (name)
        WHERE to_regclass(name) IS NOT NULL),
       ((to_regclass('migrations') IS NOT NULL
         OR (to_regclass('doctors') IS NOT NULL
             AND to_regclass('treatment_request_doctors') IS NOT NULL))
        AND to_regclass('patients') IS NOT NULL
        AND EXISTS (SELECT FROM pg_attribute
                    WHERE attrelid = to_regclass('treatment_requests')
                      AND attname = 'patient_id' AND NOT attisdropped)
        AND NOT EXISTS (
            SELECT FROM pg_constraint k
            JOIN pg_attribute a ON a.attrelid = k.conrelid
                               AND a.attnum = ANY (k.conkey)
            WHERE k.contype = 'f' AND a.attname = 'patient_id'
              AND k.conrelid = to_regclass('treatment_requests')
              AND k.confrelid <> to_regclass('patients')))::int

-- :name migrate_version
SELECT max(version) FROM chat_schema

-- The columns that an earlier version's tables lack, each as the statement that adds
-- it: SQLite has no ADD COLUMN IF NOT EXISTS. They stand as in schema.sqlite.sql,
-- which runs afterwards. New columns are NULL or have a constant default.
-- :name migrate_columns sqlite
SELECT 'ALTER TABLE ' || w.tab || ' ADD COLUMN ' || w.col || ' ' || w.type
FROM (SELECT 'messages' AS tab, 'edited_at' AS col, 'TEXT' AS type
      UNION ALL SELECT 'messages', 'reply_to_id', 'INTEGER'
      UNION ALL SELECT 'messages', 'file_ids', 'TEXT'
      UNION ALL SELECT 'messages', 'detailed', 'INTEGER'
      UNION ALL SELECT 'messages', 'plan_id', 'TEXT'
      UNION ALL SELECT 'messages', 'plan_status', 'TEXT'
      UNION ALL SELECT 'treatment_plans', 'valid_days', 'INTEGER'
      UNION ALL SELECT 'treatment_plans', 'expires_at', 'TEXT'
      UNION ALL SELECT 'treatment_plans', 'submitted_at', 'TEXT'
      UNION ALL SELECT 'treatment_plans', 'decided_at', 'TEXT'
      UNION ALL SELECT 'treatment_plans', 'reason', 'TEXT'
      UNION ALL SELECT 'treatment_plans', 'must_acknowledge', 'INTEGER NOT NULL DEFAULT 0'
      UNION ALL SELECT 'treatment_plans', 'acknowledged_at', 'TEXT'
      UNION ALL SELECT 'treatment_plans', 'reminders', 'INTEGER NOT NULL DEFAULT 0'
      UNION ALL SELECT 'treatment_plans', 'reminded_at', 'TEXT'
      UNION ALL SELECT 'treatment_plans', 'client_id', 'TEXT'
      UNION ALL SELECT 'treatment_plans', 'client_digest', 'TEXT'
      UNION ALL SELECT 'chat_attachments', 'sent_sha256', 'TEXT'
      UNION ALL SELECT 'chat_attachments', 'key_id', 'INTEGER'
      UNION ALL SELECT 'chat_read_marks', 'below', 'INTEGER'
      UNION ALL SELECT 'chat_events', 'message_id', 'INTEGER'
      UNION ALL SELECT 'chat_events', 'quotes_id', 'INTEGER'
      UNION ALL SELECT 'users', 'avatar', 'TEXT') AS w
JOIN sqlite_master t ON t.type = 'table' AND t.name = w.tab
WHERE NOT EXISTS (SELECT 1 FROM pragma_table_info(w.tab) AS c
                  WHERE c.name = w.col)

-- Whether anybody is in there.
-- :name migrate_people
SELECT count(*) FROM (SELECT 1 FROM users LIMIT 1) AS anybody

-- One migrates at a time: until the transaction ends. The two numbers are a name.
-- :name migrate_lock pgsql
SELECT pg_advisory_xact_lock(1667785076, 1)

-- $1 how long to wait for a lock from here to the end of the transaction
-- :name migrate_patience pgsql
SELECT set_config('lock_timeout', $1, true)

-- $1 the kind of schema, for check.pgsql.sql
-- :name migrate_adapt pgsql
SELECT set_config('chat.adapt', $1, true)

-- Of an adapted application, what an operator should know: plans that raise no
-- events, conversations of which several doctors say they have it.
-- :name migrate_notes pgsql
SELECT (to_regproc('chat_plan_json') IS NULL)::int,
       (SELECT count(*)
        FROM (SELECT FROM treatment_request_doctors WHERE status = 'accepted'
              GROUP BY treatment_request_id HAVING count(*) > 1) AS several)

-- Everything there is: kind, key, name, state, definition (ctl/inventory.h). What
-- the search_path shows; names in definitions have no schema then. An index and a
-- CHECK are known by what they do, a foreign key by its columns, none by its name; a
-- constraint that is not validated holds for what is written. SQLite's is
-- objects.sqlite.sql.
-- :name migrate_objects pgsql
WITH tables AS (
    SELECT c.oid, c.relname, c.relkind FROM pg_class c
    JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE c.relkind IN ('r', 'p', 'v') AND pg_table_is_visible(c.oid)
      AND n.nspname NOT IN ('pg_catalog', 'information_schema'))
SELECT CASE relkind WHEN 'v' THEN 'view' ELSE 'table' END AS kind,
       relname::text AS key, relname::text AS name, '' AS state,
       CASE relkind WHEN 'v' THEN pg_get_viewdef(oid, true) ELSE '' END AS text
FROM tables
UNION ALL
SELECT 'column', t.relname || '.' || a.attname, t.relname || '.' || a.attname,
       '',
       regexp_replace(format_type(a.atttypid, a.atttypmod), '^.*\.', '')
       || CASE WHEN a.attnotnull THEN ' NOT NULL' ELSE '' END
FROM tables t
JOIN pg_attribute a ON a.attrelid = t.oid
WHERE t.relkind <> 'v' AND a.attnum > 0 AND NOT a.attisdropped
UNION ALL
SELECT 'function', f.signature, f.signature, '',
       f.prosrc || ' ' || f.provolatile::text || ' ' || f.result
FROM (SELECT p.proname || '(' || pg_get_function_identity_arguments(p.oid)
             || ')' AS signature,
             p.prosrc, p.provolatile,
             regexp_replace(format_type(p.prorettype, NULL), '^.*\.', '')
                 AS result
      FROM pg_proc p
      JOIN pg_namespace n ON n.oid = p.pronamespace
      WHERE pg_function_is_visible(p.oid) AND p.prokind = 'f'
        AND n.nspname NOT IN ('pg_catalog', 'information_schema')) AS f
UNION ALL
SELECT 'trigger', t.relname || '.' || g.tgname, t.relname || '.' || g.tgname,
       CASE WHEN g.tgenabled IN ('O', 'A') THEN '' ELSE 'disabled' END,
       pg_get_triggerdef(g.oid, true)
FROM tables t
JOIN pg_trigger g ON g.tgrelid = t.oid
WHERE NOT g.tgisinternal
UNION ALL
SELECT 'index',
       CASE WHEN i.indisunique THEN 'UNIQUE ' ELSE '' END || t.relname || ' '
       || regexp_replace(pg_get_indexdef(i.indexrelid, 0, true),
                         '^.*? USING ', ''),
       x.relname::text,
       CASE WHEN i.indisvalid THEN '' ELSE 'invalid' END, ''
FROM tables t
JOIN pg_index i ON i.indrelid = t.oid
JOIN pg_class x ON x.oid = i.indexrelid
UNION ALL
SELECT 'constraint',
       k.relname || ' ' || regexp_replace(k.def, ' REFERENCES .*$', ''),
       k.relname || '.' || k.conname, '', k.def
FROM (SELECT t.relname, c.conname,
             regexp_replace(pg_get_constraintdef(c.oid, true),
                            ' NOT VALID$', '') AS def
      FROM tables t
      JOIN pg_constraint c ON c.conrelid = t.oid
      WHERE c.contype IN ('f', 'c')) AS k
