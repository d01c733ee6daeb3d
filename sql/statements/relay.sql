-- SPDX-License-Identifier: Apache-2.0
--
-- What chat-push does with the event log: it reads it (push/link/tail.c) and removes
-- what is old (push/link/retention.c).

-- The log's name, its last id ever, the oldest id still kept (NULL when no row
-- is). sqlite_sequence remembers the last id when retention took all rows.
-- :name relay_head sqlite
SELECT epoch,
       coalesce((SELECT seq FROM sqlite_sequence WHERE name = 'chat_events'),
                0),
       (SELECT min(id) FROM chat_events)
FROM chat_log

-- The last id that was committed, also when retention has taken it since: the
-- sequence would count what is under way, and a log that is empty would then miss
-- every id of a large transaction at once. The oldest transaction that is running
-- comes with it, see push/link/gaps.h.
-- :name relay_head pgsql
SELECT epoch,
       greatest((SELECT id FROM chat_events ORDER BY id DESC LIMIT 1), pruned_to),
       pruned_to + 1,
       pg_snapshot_xmin(pg_current_snapshot())
FROM chat_log

-- Younger than every transaction that has taken an event id so far.
-- :name relay_fence pgsql
SELECT pg_current_xact_id()

-- $1 last id seen, $2 up to which id the log is complete.  The LIMIT bounds the
-- memory of one batch; PUSH_TAIL_BATCH is the same number. A payload that is no
-- JSON (somebody else wrote into the log) comes as NULL.
-- :name relay_events sqlite
SELECT id, event, channels, CASE WHEN json_valid(payload) THEN payload END
FROM chat_events
WHERE id > $1 AND id <= $2
ORDER BY id
LIMIT 500

-- $3 and $4 are the first and the last ids of ranges that were missing. LATERAL with
-- a LIMIT of its own: for each range a look into the index, whatever the planner
-- thinks of ranges.
-- :name relay_events pgsql
(SELECT late.id, late.event, late.channels, late.payload
 FROM unnest($3::bigint[], $4::bigint[]) AS gap (first, last),
      LATERAL (SELECT id, event, channels, payload
               FROM chat_events
               WHERE id BETWEEN gap.first AND gap.last
               ORDER BY id
               LIMIT 500) AS late
 ORDER BY late.id
 LIMIT 500)
UNION ALL
(SELECT id, event, channels, payload
 FROM chat_events
 WHERE id > $1 AND id <= $2
 ORDER BY id
 LIMIT 500)
ORDER BY id

-- --- retention -------------------------------------------------------------------------
-- The log loses its beginning and nothing else: whoever reads takes it that all is
-- gone up to the last id that is gone. A batch is what is old among the first 500
-- rows (PUSH_RETENTION_BATCH is the same number), up to the first that is not.

-- The age of the oldest row in seconds; NULL when its time cannot be read.
-- :name retention_oldest sqlite
SELECT CAST((julianday('now') - julianday(created_at)) * 86400 AS INTEGER)
FROM chat_events
ORDER BY id
LIMIT 1

-- :name retention_oldest pgsql
SELECT floor(extract(epoch FROM now() AT TIME ZONE 'UTC' - created_at))::bigint
FROM chat_events
ORDER BY id
LIMIT 1

-- $1 seconds that rows are kept, $2 the last id that may go. A row whose time cannot
-- be read keeps nobody here.
-- :name retention_remove sqlite
DELETE FROM chat_events
WHERE id IN (SELECT id FROM chat_events ORDER BY id LIMIT 500)
  AND id <= $2
  AND id < coalesce((SELECT min(id)
                     FROM (SELECT id, created_at FROM chat_events
                           ORDER BY id LIMIT 500)
                     WHERE julianday(created_at)
                           > julianday('now') - $1 / 86400.0),
                    9223372036854775807)
RETURNING id

-- Rows are locked in the order of their ids, so that two who do this at once wait
-- for each other and never in a circle.
-- :name retention_remove pgsql
WITH head AS MATERIALIZED (
    SELECT id,
           created_at > now() AT TIME ZONE 'UTC'
                        - $1::bigint * interval '1 second' AS young
    FROM chat_events
    WHERE id <= $2
    ORDER BY id
    LIMIT 500
), old AS MATERIALIZED (
    SELECT id
    FROM chat_events
    WHERE id <= (SELECT max(id) FROM head
                 WHERE id < coalesce((SELECT min(id) FROM head WHERE young),
                                     9223372036854775807))
    ORDER BY id
    FOR UPDATE
)
DELETE FROM chat_events WHERE id IN (SELECT id FROM old)
RETURNING id
