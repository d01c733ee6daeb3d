-- SPDX-License-Identifier: Apache-2.0
--
-- A person's own affairs: passwords, sessions and tokens (account.c), and what
-- others see of them (broadcasting.c). A session's public name is the half of its
-- digest that common/identity.h makes names of: it opens nothing.

-- The address of a picture, for presence channels; a view of a site's own may have
-- none.  $1 user
-- :name user_avatar sqlite
SELECT CAST(avatar AS TEXT) FROM chat_users WHERE id = $1

-- :name user_avatar pgsql
SELECT to_jsonb(u) ->> 'avatar' FROM chat_users u WHERE u.id = $1

-- --- whom Apache means (auth.c), beside who_name --------------------------------------
-- The ways of ChatUserBy.  $1 what Apache says; one row, the user's id, or none

-- :name user_by_email sqlite
SELECT id FROM chat_users WHERE email = $1

-- :name user_by_email pgsql
SELECT id FROM chat_users WHERE lower(email) = lower($1)

-- :name user_by_name sqlite
SELECT min(id) FROM chat_users WHERE name = $1 HAVING count(*) = 1

-- :name user_by_name pgsql
SELECT (array_agg(id))[1] FROM chat_users WHERE name = $1 HAVING count(*) = 1

-- :name user_by_table
SELECT user_id FROM chat_logins WHERE name = $1

-- $1 the user's id, $2 conversation id or NULL; columns as those of who_name
-- :name who_id sqlite
SELECT u.id, u.name, u.email, u.role,
       json_object('id', u.id, 'name', CAST(u.name AS TEXT), 'role', CAST(u.role AS TEXT)),
       json_object('id', u.id, 'name', CAST(u.name AS TEXT), 'email', CAST(u.email AS TEXT),
                   'role', CAST(u.role AS TEXT)),
       NULL, NULL, NULL,
       c.id, json_quote(c.id), c.message_count,
       EXISTS (SELECT 1 FROM chat_members m
               WHERE m.conversation_id = c.id AND m.user_id = u.id)
FROM chat_users u
LEFT JOIN chat_conversations c ON c.id = $2
WHERE u.active AND u.id = $1

-- :name who_id pgsql
SELECT u.id, u.name, u.email, u.role, chat_person_json(u),
       json_build_object('id', u.id, 'name', u.name, 'email', u.email,
                         'role', u.role),
       NULL, NULL, NULL,
       c.id, to_json(c.id), c.message_count,
       (u.id IN (c.patient_id, c.doctor_id)
        OR EXISTS (SELECT 1 FROM chat_members m
                   WHERE m.conversation_id = c.id AND m.user_id = u.id
                     AND m.role NOT IN ('patient', 'doctor')))::int
FROM chat_users u
LEFT JOIN chat_conversations c ON c.id = $2
WHERE u.active AND u.id = $1

-- --- what the site says of log-ins (logins.c) -------------------------------------------
-- $1 names of types, a JSON list, the first for new tokens; $2 1: a hash of another
-- kind is the same password

-- One row when the database says so already.
-- :name login_settings_are sqlite
SELECT 1 FROM chat_login_settings
WHERE rehash = $2
  AND json($1) = (SELECT json_group_array(name)
                  FROM (SELECT name FROM chat_token_types ORDER BY place))

-- :name login_settings_are pgsql
SELECT 1 FROM chat_login_settings
WHERE rehash = ($2::int = 1)
  AND $1::jsonb = (SELECT jsonb_agg(name ORDER BY place) FROM chat_token_types)

-- :name token_types_add sqlite
INSERT INTO chat_token_types (name, place)
SELECT value, key FROM json_each($1) WHERE true
ON CONFLICT (name) DO UPDATE SET place = excluded.place

-- :name token_types_add pgsql
INSERT INTO chat_token_types (name, place)
SELECT name, place FROM json_array_elements_text($1::json)
                        WITH ORDINALITY AS said (name, place)
ON CONFLICT (name) DO UPDATE SET place = excluded.place

-- :name token_types_keep sqlite
DELETE FROM chat_token_types
WHERE name NOT IN (SELECT value FROM json_each($1))

-- :name token_types_keep pgsql
DELETE FROM chat_token_types
WHERE name NOT IN (SELECT json_array_elements_text($1::json))

-- $1 1 or 0
-- :name login_settings_set sqlite
UPDATE chat_login_settings SET rehash = $1

-- :name login_settings_set pgsql
UPDATE chat_login_settings SET rehash = ($1::int = 1)

-- --- passwords ------------------------------------------------------------------------

-- $1 user
-- :name password_of
SELECT password FROM chat_users WHERE id = $1

-- One row when it was done. The third is there no more when somebody else was quicker.
-- $1 user, $2 the new hash, $3 the hash that was looked at, $4 digest of the log-in
-- that stays, "" for none
-- :name password_set sqlite
INSERT INTO chat_password_changes (user_id, password, keep)
SELECT id, $2, $4 FROM chat_users WHERE id = $1 AND password = $3
RETURNING 1

-- :name password_set pgsql
SELECT 1 WHERE chat_password_set($1, $3, $2, $4)

-- --- sessions ----------------------------------------------------------------------------

-- Each as JSON, the latest used first.  $1 user, $2 digest of the caller's own, "" for
-- none
-- :name session_list sqlite
SELECT json_object(
    'id', substr(token_hash, 1, 32),
    'address', CAST(address AS TEXT), 'user_agent', CAST(user_agent AS TEXT),
    'created_at', strftime('%Y-%m-%dT%H:%M:%fZ', created_at),
    'last_seen_at', strftime('%Y-%m-%dT%H:%M:%fZ', last_seen_at),
    'expires_at', strftime('%Y-%m-%dT%H:%M:%fZ', expires_at),
    'current', json(CASE WHEN token_hash = $2 THEN 'true' ELSE 'false' END))
FROM chat_sessions
WHERE user_id = $1 AND expires_at > strftime('%Y-%m-%d %H:%M:%f', 'now')
ORDER BY last_seen_at DESC, token_hash
LIMIT 200

-- :name session_list pgsql
SELECT json_build_object(
    'id', left(token_hash, 32), 'address', address, 'user_agent', user_agent,
    'created_at', chat_time(created_at), 'last_seen_at', chat_time(last_seen_at),
    'expires_at', CASE WHEN isfinite(expires_at) THEN chat_time(expires_at) END,
    'current', token_hash = $2)
FROM chat_sessions
WHERE user_id = $1 AND expires_at > now() AT TIME ZONE 'UTC'
ORDER BY last_seen_at DESC, token_hash
LIMIT 200

-- One of a user's, by its public name.  $1 user, $2 name
-- :name session_end sqlite
DELETE FROM chat_sessions
WHERE user_id = $1 AND substr(token_hash, 1, 32) = $2
RETURNING token_hash

-- :name session_end pgsql
DELETE FROM chat_sessions
WHERE user_id = $1 AND left(token_hash, 32) = $2
RETURNING token_hash

-- All of a user's but one.  $1 user, $2 digest of the one that stays, "" for none
-- :name session_end_others
DELETE FROM chat_sessions WHERE user_id = $1 AND token_hash <> $2 RETURNING 1

-- --- tokens ------------------------------------------------------------------------------

-- Each as JSON, the newest first.  $1 user, $2 digest of the caller's own, "" for none
-- :name token_list sqlite
SELECT json_object(
    'id', id, 'name', CAST(name AS TEXT),
    'abilities', json(CASE WHEN json_valid(abilities) THEN abilities
                           ELSE '["*"]' END),
    'last_used_at', strftime('%Y-%m-%dT%H:%M:%fZ', last_used_at),
    'created_at', strftime('%Y-%m-%dT%H:%M:%fZ', created_at),
    'expires_at', strftime('%Y-%m-%dT%H:%M:%fZ', expires_at),
    'current', json(CASE WHEN token = $2 THEN 'true' ELSE 'false' END))
FROM personal_access_tokens
WHERE tokenable_id = $1 AND tokenable_type IN (SELECT name FROM chat_token_types)
ORDER BY id DESC
LIMIT 500

-- :name token_list pgsql
SELECT json_build_object(
    'id', id, 'name', name,
    'abilities', coalesce(abilities::text, '["*"]')::json,
    'last_used_at', chat_time(last_used_at), 'created_at', chat_time(created_at),
    'expires_at', CASE WHEN isfinite(expires_at) THEN chat_time(expires_at) END,
    'current', token = $2)
FROM personal_access_tokens
WHERE tokenable_id = $1 AND tokenable_type IN (SELECT name FROM chat_token_types)
ORDER BY id DESC
LIMIT 500

-- $1 user, $2 the token's id
-- :name token_end
DELETE FROM personal_access_tokens
WHERE tokenable_id = $1 AND tokenable_type IN (SELECT name FROM chat_token_types) AND id = $2
RETURNING 1

-- $1 user, $2 digest of the one that stays, "" for none
-- :name token_end_others
DELETE FROM personal_access_tokens
WHERE tokenable_id = $1 AND tokenable_type IN (SELECT name FROM chat_token_types) AND token <> $2
RETURNING 1

-- Somebody has done something.  $1 digest, $2 seconds that a session lasts at most, $3
-- seconds that it lasts from now on
-- :name session_extend sqlite
UPDATE chat_sessions
SET last_seen_at = strftime('%Y-%m-%d %H:%M:%f', 'now'),
    expires_at = min(strftime('%Y-%m-%d %H:%M:%f', created_at, '+' || $2 || ' seconds'),
                     strftime('%Y-%m-%d %H:%M:%f', 'now', '+' || $3 || ' seconds'))
WHERE token_hash = $1

-- :name session_extend pgsql
UPDATE chat_sessions
SET last_seen_at = now() AT TIME ZONE 'UTC',
    expires_at = least(created_at + $2::bigint * interval '1 second',
                       now() AT TIME ZONE 'UTC'
                       + $3::bigint * interval '1 second')
WHERE token_hash = (SELECT token_hash FROM chat_sessions WHERE token_hash = $1
                    FOR NO KEY UPDATE SKIP LOCKED)

-- --- sessions of a Laravel application (auth.c) ------------------------------------------
-- Its table `sessions`. Columns as those of who_session, without a CSRF token.
-- $1 the session's id, $2 conversation id or NULL, $3 seconds that a session
-- lasts without a request
-- :name who_laravel pgsql
SELECT u.id, u.name, u.email, u.role, chat_person_json(u),
       json_build_object('id', u.id, 'name', u.name, 'email', u.email,
                         'role', u.role),
       encode(sha256(convert_to(s.id, 'UTF8')), 'hex'), NULL,
       floor(extract(epoch FROM now()))::bigint - s.last_activity,
       c.id, to_json(c.id), c.message_count,
       (u.id IN (c.patient_id, c.doctor_id)
        OR EXISTS (SELECT 1 FROM chat_members m
                   WHERE m.conversation_id = c.id AND m.user_id = u.id
                     AND m.role NOT IN ('patient', 'doctor')))::int
FROM sessions s
JOIN chat_users u ON u.id = s.user_id
LEFT JOIN chat_conversations c ON c.id = $2
WHERE s.id = $1 AND u.active
  AND s.last_activity > floor(extract(epoch FROM now()))::bigint - $3::bigint

-- $1 the session's id
-- :name laravel_touch pgsql
UPDATE sessions SET last_activity = floor(extract(epoch FROM now()))::int
WHERE id = (SELECT id FROM sessions WHERE id = $1
            FOR NO KEY UPDATE SKIP LOCKED)

-- What a session holds, for the token in it (csrf.c).  $1 the session's id, $2 bytes
-- that are looked at at most
-- :name laravel_payload pgsql
SELECT payload FROM sessions WHERE id = $1 AND octet_length(payload) <= $2

-- $1 the session's id
-- :name laravel_end pgsql
DELETE FROM sessions WHERE id = $1
