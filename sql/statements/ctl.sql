-- SPDX-License-Identifier: Apache-2.0
--
-- The statements of chatctl's commands user, token and tail (ctl/). What doctor and
-- migrate ask stands in files of their own.

-- --- people (user.c) -------------------------------------------------------------
-- Id as JSON, name, e-mail, role, language, 1 for who may log in, sessions that are
-- open, tokens that are good, last sign of them.

-- By e-mail, some at a time.  $1 role or NULL, $2 the last e-mail seen or NULL
-- :name ctl_users sqlite
SELECT json_quote(u.id), u.name, u.email, u.role, u.locale, u.active,
       (SELECT count(*) FROM chat_sessions s WHERE s.user_id = u.id
          AND s.expires_at > strftime('%Y-%m-%d %H:%M:%f', 'now')),
       (SELECT count(*) FROM personal_access_tokens t
        WHERE t.tokenable_id = u.id
          AND (t.expires_at IS NULL
               OR t.expires_at > strftime('%Y-%m-%d %H:%M:%f', 'now'))),
       strftime('%Y-%m-%dT%H:%M:%fZ', max(
           coalesce((SELECT max(s.last_seen_at) FROM chat_sessions s
                     WHERE s.user_id = u.id), ''),
           coalesce((SELECT max(t.last_used_at) FROM personal_access_tokens t
                     WHERE t.tokenable_id = u.id), '')))
FROM chat_users u
WHERE ($1 IS NULL OR u.role = $1) AND ($2 IS NULL OR u.email > $2)
ORDER BY u.email
LIMIT 200

-- :name ctl_users pgsql
SELECT to_json(u.id), u.name, u.email, u.role, u.locale, u.active::int,
       (SELECT count(*) FROM chat_sessions s WHERE s.user_id = u.id
          AND s.expires_at > now() AT TIME ZONE 'UTC'),
       (SELECT count(*) FROM personal_access_tokens t
        WHERE t.tokenable_id = u.id
          AND (t.expires_at IS NULL
               OR t.expires_at > now() AT TIME ZONE 'UTC')),
       chat_time(greatest(
           (SELECT max(s.last_seen_at) FROM chat_sessions s
            WHERE s.user_id = u.id),
           (SELECT max(t.last_used_at) FROM personal_access_tokens t
            WHERE t.tokenable_id = u.id)))
FROM chat_users u
WHERE ($1::text IS NULL OR u.role = $1)
  AND ($2::text IS NULL OR u.email > $2)
ORDER BY u.email
LIMIT 200

-- Whom an operator means: id as text, id as JSON, e-mail, name.
-- $1 an e-mail address or an id
-- :name ctl_user sqlite
SELECT CAST(u.id AS TEXT), json_quote(u.id), u.email, u.name
FROM chat_users u
WHERE u.email = $1 OR CAST(u.id AS TEXT) = $1
ORDER BY u.email = $1 DESC
LIMIT 2

-- :name ctl_user pgsql
SELECT u.id::text, to_json(u.id), u.email, u.name
FROM chat_users u
WHERE lower(u.email) = lower($1) OR u.id::text = $1
ORDER BY lower(u.email) = lower($1) DESC
LIMIT 2

-- $1 name, $2 e-mail, $3 hash of the password, $4 role, $5 language
-- :name ctl_user_add sqlite
INSERT INTO users (name, email, password, role, locale)
VALUES ($1, $2, $3, $4, $5)
RETURNING json_quote(id)

-- :name ctl_user_add pgsql
INSERT INTO users (name, email, password, role, locale)
VALUES ($1, $2, $3, $4, $5)
RETURNING to_json(id)

-- $1 id as text, $2 hash
-- :name ctl_user_password sqlite
UPDATE users SET password = $2,
       updated_at = strftime('%Y-%m-%d %H:%M:%f', 'now')
WHERE CAST(id AS TEXT) = $1
RETURNING 1

-- :name ctl_user_password pgsql
UPDATE users SET password = $2, updated_at = now() AT TIME ZONE 'UTC'
WHERE id::text = $1
RETURNING 1

-- $1 id as text, $2 active or suspended
-- :name ctl_user_status sqlite
UPDATE users SET status = $2,
       updated_at = strftime('%Y-%m-%d %H:%M:%f', 'now')
WHERE CAST(id AS TEXT) = $1
RETURNING 1

-- :name ctl_user_status pgsql
UPDATE users SET status = $2, updated_at = now() AT TIME ZONE 'UTC'
WHERE id::text = $1
RETURNING 1

-- All log-ins of a user; sockets end with them.  $1 id as text
-- :name ctl_sessions_end sqlite
DELETE FROM chat_sessions WHERE CAST(user_id AS TEXT) = $1

-- :name ctl_sessions_end pgsql
DELETE FROM chat_sessions WHERE user_id::text = $1

-- :name ctl_tokens_end sqlite
DELETE FROM personal_access_tokens
WHERE CAST(tokenable_id AS TEXT) = $1
  AND tokenable_type IN (SELECT name FROM chat_token_types)

-- :name ctl_tokens_end pgsql
DELETE FROM personal_access_tokens
WHERE tokenable_id::text = $1
  AND tokenable_type IN (SELECT name FROM chat_token_types)

-- --- tokens (token.c) --------------------------------------------------------------

-- $1 id of the user as text or NULL: of all, $2 the last token's id seen.  Id, user's
-- id as JSON, e-mail, name, abilities, created, last used, ends
-- :name ctl_tokens sqlite
SELECT t.id, json_quote(t.tokenable_id), u.email, t.name, t.abilities,
       strftime('%Y-%m-%dT%H:%M:%fZ', t.created_at),
       strftime('%Y-%m-%dT%H:%M:%fZ', t.last_used_at),
       strftime('%Y-%m-%dT%H:%M:%fZ', t.expires_at)
FROM personal_access_tokens t
LEFT JOIN chat_users u ON u.id = t.tokenable_id
WHERE ($1 IS NULL OR CAST(t.tokenable_id AS TEXT) = $1) AND t.id > $2
  AND t.tokenable_type IN (SELECT name FROM chat_token_types)
ORDER BY t.id
LIMIT 200

-- :name ctl_tokens pgsql
SELECT t.id, to_json(t.tokenable_id), u.email, t.name, t.abilities,
       chat_time(t.created_at), chat_time(t.last_used_at),
       chat_time(t.expires_at)
FROM personal_access_tokens t
LEFT JOIN chat_users u ON u.id = t.tokenable_id
WHERE ($1::text IS NULL OR t.tokenable_id::text = $1) AND t.id > $2::bigint
  AND t.tokenable_type IN (SELECT name FROM chat_token_types)
ORDER BY t.id
LIMIT 200

-- $1 id of the user as text, $2 name, $3 digest, $4 abilities (JSON list), $5 seconds
-- until it ends, 0: it does not
-- :name ctl_token_add sqlite
INSERT INTO personal_access_tokens (tokenable_type, tokenable_id, name, token,
                                    abilities, expires_at)
SELECT (SELECT name FROM chat_token_types ORDER BY place LIMIT 1),
       u.id, $2, $3, $4,
       CASE WHEN $5 > 0
            THEN strftime('%Y-%m-%d %H:%M:%f', 'now', '+' || $5 || ' seconds')
       END
FROM chat_users u WHERE CAST(u.id AS TEXT) = $1
RETURNING id

-- :name ctl_token_add pgsql
INSERT INTO personal_access_tokens (tokenable_type, tokenable_id, name, token,
                                    abilities, expires_at, created_at,
                                    updated_at)
SELECT (SELECT name FROM chat_token_types ORDER BY place LIMIT 1),
       u.id, $2, $3, $4,
       CASE WHEN $5::bigint > 0
            THEN now() AT TIME ZONE 'UTC' + $5 * interval '1 second' END,
       now() AT TIME ZONE 'UTC', now() AT TIME ZONE 'UTC'
FROM chat_users u WHERE u.id::text = $1
RETURNING id

-- $1 its id
-- :name ctl_token_end
DELETE FROM personal_access_tokens
WHERE id = $1 AND tokenable_type IN (SELECT name FROM chat_token_types)
RETURNING 1

-- --- events as they pass (tail.c) ----------------------------------------------------

-- :name ctl_tail_head
SELECT coalesce(max(id), 0) FROM chat_events

-- $1 the last id, $2 conversation as text or NULL, $3 event or NULL.  Id, event,
-- conversation as JSON, channels, time, payload
-- :name ctl_tail sqlite
SELECT e.id, e.event, json_quote(e.conversation_id), e.channels,
       strftime('%Y-%m-%dT%H:%M:%fZ', e.created_at), e.payload
FROM chat_events e
WHERE e.id > $1 AND ($2 IS NULL OR CAST(e.conversation_id AS TEXT) = $2)
  AND ($3 IS NULL OR e.event = $3)
ORDER BY e.id
LIMIT 500

-- :name ctl_tail pgsql
SELECT e.id, e.event, to_json(e.conversation_id), e.channels,
       chat_time(e.created_at), e.payload
FROM chat_events e
WHERE e.id > $1::bigint AND ($2::text IS NULL OR e.conversation_id::text = $2)
  AND ($3::text IS NULL OR e.event = $3)
ORDER BY e.id
LIMIT 500
