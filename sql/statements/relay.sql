-- SPDX-License-Identifier: Apache-2.0
--
-- What chat-push reads: the event log (push/link/tail.c). Nothing here writes.

-- The log's name, the last id ever given, the oldest id still kept (NULL when no
-- row is). sqlite_sequence remembers the last id when retention took all rows.
-- :name relay_head sqlite
SELECT epoch,
       coalesce((SELECT seq FROM sqlite_sequence WHERE name = 'chat_events'),
                0),
       (SELECT min(id) FROM chat_events)
FROM chat_log

-- The oldest transaction that is running comes with it, see push/link/gaps.h.
-- :name relay_head pgsql
SELECT epoch,
       coalesce((SELECT max(id) FROM chat_events),
                pg_sequence_last_value(
                    pg_get_serial_sequence('chat_events', 'id')::regclass), 0),
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

-- $3 ids that were missing, as an array
-- :name relay_events pgsql
(SELECT id, event, channels, payload
 FROM chat_events
 WHERE id = ANY ($3::bigint[]))
UNION ALL
(SELECT id, event, channels, payload
 FROM chat_events
 WHERE id > $1 AND id <= $2
 ORDER BY id
 LIMIT 500)
ORDER BY id
