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
