-- SPDX-License-Identifier: Apache-2.0
--
-- Staff open conversations of which they are no members (mod_chat/route/break_glass.c).

-- $1 conversation, $2 user
-- :name break_glass_open sqlite
SELECT 1 FROM chat_break_glass
WHERE conversation_id = $1 AND user_id = $2
  AND until > strftime('%Y-%m-%d %H:%M:%f', 'now')
LIMIT 1

-- :name break_glass_open pgsql
SELECT 1 FROM chat_break_glass
WHERE conversation_id = $1 AND user_id = $2 AND until > (now() AT TIME ZONE 'UTC')
LIMIT 1

-- $1 conversation, $2 user, $3 reason, $4 seconds
-- :name break_glass sqlite
INSERT INTO chat_break_glass (conversation_id, user_id, reason, until)
VALUES ($1, $2, $3, strftime('%Y-%m-%d %H:%M:%f', 'now', '+' || $4 || ' seconds'))
RETURNING id, strftime('%Y-%m-%dT%H:%M:%fZ', until)

-- :name break_glass pgsql
INSERT INTO chat_break_glass (conversation_id, user_id, reason, until)
VALUES ($1, $2, $3, (now() AT TIME ZONE 'UTC') + make_interval(secs => $4))
RETURNING id, chat_time(until)
