-- SPDX-License-Identifier: Apache-2.0
--
-- How a site with other tables joins: a worked example. A help desk has accounts,
-- tickets and ticket_agents; customers and agents shall chat about tickets.
-- README.md beside this file says how to run it.

-- What the help desk has. (A real site has it already.)
CREATE TABLE IF NOT EXISTS accounts (
    id bigserial PRIMARY KEY, full_name text NOT NULL, mail text NOT NULL,
    pw_hash text NOT NULL, kind text NOT NULL, blocked boolean DEFAULT false);
CREATE TABLE IF NOT EXISTS tickets (
    id bigserial PRIMARY KEY, subject text NOT NULL, state text NOT NULL,
    customer bigint NOT NULL REFERENCES accounts (id),
    owner bigint REFERENCES accounts (id), opened_at timestamp);
CREATE TABLE IF NOT EXISTS ticket_agents (
    ticket bigint REFERENCES tickets (id), agent bigint REFERENCES accounts (id),
    PRIMARY KEY (ticket, agent));
CREATE INDEX IF NOT EXISTS tickets_customer ON tickets (customer);
CREATE INDEX IF NOT EXISTS tickets_owner ON tickets (owner);
CREATE INDEX IF NOT EXISTS ticket_agents_agent ON ticket_agents (agent);

-- What a conversation needs besides.
ALTER TABLE tickets ADD COLUMN IF NOT EXISTS message_count bigint NOT NULL DEFAULT 0;
ALTER TABLE tickets ADD COLUMN IF NOT EXISTS updated_at timestamp;

-- Tables that are mod_chat's, here with the keys of accounts and tickets.
CREATE TABLE IF NOT EXISTS messages (
    id bigserial PRIMARY KEY,
    from_user_id bigint NOT NULL REFERENCES accounts (id),
    to_user_id bigint NOT NULL REFERENCES accounts (id),
    request_id bigint REFERENCES tickets (id) ON DELETE CASCADE,
    body text NOT NULL, type text NOT NULL DEFAULT 'text', client_id text,
    read_at timestamp, created_at timestamp, updated_at timestamp,
    deleted_at timestamp, edited_at timestamp, reply_to_id bigint, file_ids text,
    detailed integer);
CREATE INDEX IF NOT EXISTS messages_history ON messages (request_id, id);
CREATE INDEX IF NOT EXISTS messages_unread ON messages (to_user_id, request_id)
    WHERE read_at IS NULL AND deleted_at IS NULL;
CREATE UNIQUE INDEX IF NOT EXISTS messages_client_id
    ON messages (request_id, from_user_id, client_id) WHERE client_id IS NOT NULL;
CREATE TABLE IF NOT EXISTS personal_access_tokens (
    id bigserial PRIMARY KEY, tokenable_type text NOT NULL,
    tokenable_id bigint NOT NULL, name text NOT NULL, token text NOT NULL UNIQUE,
    abilities text, last_used_at timestamp, expires_at timestamp,
    created_at timestamp, updated_at timestamp);
CREATE TABLE IF NOT EXISTS chat_sessions (
    token_hash text PRIMARY KEY, user_id bigint NOT NULL, csrf_token text NOT NULL,
    created_at timestamp NOT NULL DEFAULT (now() AT TIME ZONE 'UTC'),
    last_seen_at timestamp NOT NULL DEFAULT (now() AT TIME ZONE 'UTC'),
    expires_at timestamp NOT NULL, address text, user_agent text);

-- The three views, and what is counted and locked: columns of one table, so that
-- it can be updated.
CREATE OR REPLACE VIEW chat_users AS
SELECT id, full_name AS name, mail AS email, pw_hash AS password, kind AS role,
       'en'::text AS locale, NOT blocked AS active
FROM accounts;

CREATE OR REPLACE VIEW chat_conversations AS
SELECT id, subject AS title, state AS status, customer AS patient_id,
       owner AS doctor_id, message_count, opened_at AS created_at, updated_at
FROM tickets;

CREATE OR REPLACE VIEW chat_members AS
SELECT id AS conversation_id, customer AS user_id, 'patient' AS role FROM tickets
UNION ALL
SELECT id, owner, 'doctor' FROM tickets WHERE owner IS NOT NULL
UNION ALL
SELECT a.ticket, a.agent, 'agent'
FROM ticket_agents a JOIN tickets t ON t.id = a.ticket
WHERE a.agent <> t.customer AND a.agent IS DISTINCT FROM t.owner;

CREATE OR REPLACE VIEW chat_counters AS
SELECT id, message_count, updated_at FROM tickets;

-- >>> shared: that part of schema.pgsql.sql comes here

-- Messages raise their events by now; so does a ticket whose state changes.
DROP TRIGGER IF EXISTS tickets_updated ON tickets;
CREATE TRIGGER tickets_updated AFTER UPDATE OF state ON tickets
FOR EACH ROW WHEN (OLD.state IS DISTINCT FROM NEW.state)
EXECUTE FUNCTION conversation_updated();
