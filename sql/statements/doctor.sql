-- SPDX-License-Identifier: Apache-2.0
--
-- What `chatctl doctor` asks (ctl/doctor_db.c); the schema is asked by migrate's own.

-- The newest event.
-- :name doctor_events
SELECT coalesce(max(id), 0) FROM chat_events

-- The server's clock in milliseconds since 1970, its version as a number, how many
-- connections it takes of ordinary roles, and synchronous_commit.
-- :name doctor_server pgsql
SELECT (extract(epoch FROM clock_timestamp()) * 1000)::bigint,
       current_setting('server_version_num')::int,
       current_setting('max_connections')::int
       - current_setting('superuser_reserved_connections')::int,
       current_setting('synchronous_commit'),
       pg_is_in_recovery()::int

-- How many rules of retention there are, and how many conversations have had content
-- two days longer than theirs lets them: `chatctl purge run` comes every night.
-- :name doctor_overdue sqlite
SELECT (SELECT count(*) FROM chat_retention),
       (SELECT count(*) FROM chat_conversations c
        JOIN chat_retention r
          ON r.status = c.status
          OR (r.status = '*'
              AND NOT EXISTS (SELECT 1 FROM chat_retention x
                              WHERE x.status = c.status))
        WHERE coalesce(c.updated_at, c.created_at)
              < strftime('%Y-%m-%d %H:%M:%f', 'now', '-' || (r.days + 2) || ' days')
          AND NOT EXISTS (SELECT 1 FROM chat_legal_holds h
                          WHERE h.conversation_id = CAST(c.id AS TEXT)
                            AND h.released_at IS NULL)
          AND EXISTS (SELECT 1 FROM messages m
                      WHERE m.request_id = c.id
                        AND (m.deleted_at IS NULL OR m.body <> '')))

-- :name doctor_overdue pgsql
SELECT (SELECT count(*) FROM chat_retention),
       (SELECT count(*) FROM chat_conversations c
        JOIN chat_retention r
          ON r.status = c.status::text
          OR (r.status = '*'
              AND NOT EXISTS (SELECT FROM chat_retention x
                              WHERE x.status = c.status::text))
        WHERE coalesce(c.updated_at, c.created_at)
              < (now() AT TIME ZONE 'UTC') - make_interval(days => r.days + 2)
          AND NOT EXISTS (SELECT FROM chat_legal_holds h
                          WHERE h.conversation_id = c.id::text
                            AND h.released_at IS NULL)
          AND EXISTS (SELECT FROM messages m
                      WHERE m.request_id = c.id
                        AND (m.deleted_at IS NULL OR m.body <> '')))
