-- SPDX-License-Identifier: Apache-2.0
--
-- The stand-alone schema for SQLite 3.40 and later: people, consultations,
-- messages, treatment plans, tokens and sessions, the event log, and the
-- triggers that write it. README.md beside this file explains the tables.
--
--   sqlite3 chat.db <schema.sqlite.sql
--
-- May be run again on the same database: rows and tables stay as they are, views and
-- triggers are renewed. One of an earlier version may lack columns, which SQLite cannot
-- add where they are missing: `chatctl migrate` does that first, all in one
-- transaction with the question which version is there.
--
-- Tables and columns have the names of the existing system, so that programs
-- which know it can write here: a messages row with from_user_id, to_user_id,
-- request_id, body, type, created_at and updated_at is complete. Triggers use
-- built-in functions only, because any program may be the writer.
--
-- Times are UTC text, 'YYYY-MM-DD HH:MM:SS' with or without '.mmm'.
--
-- ONE MESSAGE SHAPE. A message is the same JSON object wherever it appears: events
-- have it from the view chat_message_json below, answers from mod_chat. The casts
-- are for programs that bind text as bytes: JSON cannot hold a BLOB, and a trigger
-- that fails would refuse their row.

PRAGMA journal_mode = WAL;
PRAGMA foreign_keys = ON;

BEGIN IMMEDIATE;

-- --- people ------------------------------------------------------------------

CREATE TABLE IF NOT EXISTS users (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    name TEXT NOT NULL,
    email TEXT NOT NULL COLLATE NOCASE UNIQUE,
    email_verified_at TEXT,
    phone TEXT,
    password TEXT NOT NULL,                 -- bcrypt, "$2y$10$…"
    role TEXT NOT NULL DEFAULT 'patient'
        CHECK (role IN ('patient', 'doctor', 'admin')),
    locale TEXT NOT NULL DEFAULT 'en',      -- 'en', 'ar', …
    status TEXT NOT NULL DEFAULT 'active',  -- 'suspended': may not log in
    fcm_tokens TEXT,                        -- JSON list
    remember_token TEXT,
    avatar TEXT,                            -- address of a picture
    created_at TEXT DEFAULT (strftime('%Y-%m-%d %H:%M:%f', 'now')),
    updated_at TEXT DEFAULT (strftime('%Y-%m-%d %H:%M:%f', 'now')),
    deleted_at TEXT
);

-- --- consultations ---------------------------------------------------------------
-- The existing system keeps patients and doctors in tables of their own; alone,
-- a consultation names the two users. It may wait for its doctor.

CREATE TABLE IF NOT EXISTS treatment_requests (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    patient_id INTEGER NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    doctor_id INTEGER REFERENCES users (id) ON DELETE SET NULL,
    title TEXT NOT NULL DEFAULT '',
    description TEXT NOT NULL DEFAULT '',
    urgency TEXT NOT NULL DEFAULT 'normal',
    status TEXT NOT NULL DEFAULT 'pending',    -- pending, in_progress, completed, cancelled
    message_count INTEGER NOT NULL DEFAULT 0,  -- messages not deleted; triggers keep it
    created_at TEXT DEFAULT (strftime('%Y-%m-%d %H:%M:%f', 'now')),
    updated_at TEXT DEFAULT (strftime('%Y-%m-%d %H:%M:%f', 'now')),
    deleted_at TEXT,
    CHECK (patient_id IS NOT doctor_id)
);
CREATE INDEX IF NOT EXISTS treatment_requests_patient
    ON treatment_requests (patient_id);
CREATE INDEX IF NOT EXISTS treatment_requests_doctor
    ON treatment_requests (doctor_id) WHERE doctor_id IS NOT NULL;

-- --- messages --------------------------------------------------------------------

CREATE TABLE IF NOT EXISTS messages (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    from_user_id INTEGER NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    to_user_id INTEGER NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    request_id INTEGER REFERENCES treatment_requests (id) ON DELETE CASCADE,
    body TEXT NOT NULL,
    type TEXT NOT NULL DEFAULT 'text',
    attachment_path TEXT,
    attachments_json TEXT,
    client_id TEXT,  -- the sender's own name for it: a retried POST finds it
    read_at TEXT,    -- when the recipient read it
    created_at TEXT DEFAULT (strftime('%Y-%m-%d %H:%M:%f', 'now')),
    updated_at TEXT DEFAULT (strftime('%Y-%m-%d %H:%M:%f', 'now')),
    deleted_at TEXT,
    edited_at TEXT,       -- when the text was last changed
    reply_to_id INTEGER,  -- the message it answers, which may be gone
    file_ids TEXT,        -- JSON list: the attachments it was sent with
    detailed INTEGER,     -- NULL: the row says all there is to say of it
    plan_id TEXT,         -- type 'plan': the plan this is a card of
    plan_status TEXT      -- and what it had become
);
-- History, newest first, by keyset on id (created_at may have whole seconds).
CREATE INDEX IF NOT EXISTS messages_request_id_id
    ON messages (request_id, id);
-- Unread counts: holds unread rows only, so it stays small.
CREATE INDEX IF NOT EXISTS messages_unread
    ON messages (to_user_id, request_id)
    WHERE read_at IS NULL AND deleted_at IS NULL;
CREATE UNIQUE INDEX IF NOT EXISTS messages_client_id
    ON messages (request_id, from_user_id, client_id)
    WHERE client_id IS NOT NULL;

-- --- further members, receipts ---------------------------------------------------------
-- Patient and doctor are members by their consultation's row; whoever comes besides has a
-- row here. Deleting it ends the membership, at once and on open sockets too.

CREATE TABLE IF NOT EXISTS chat_conversation_members (
    conversation_id INTEGER NOT NULL
        REFERENCES treatment_requests (id) ON DELETE CASCADE,
    user_id INTEGER NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    role TEXT NOT NULL DEFAULT 'member'
        CHECK (role NOT IN ('patient', 'doctor')),
    added_by INTEGER,  -- a user
    created_at TEXT DEFAULT (strftime('%Y-%m-%d %H:%M:%f', 'now')),
    PRIMARY KEY (conversation_id, user_id)
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS chat_conversation_members_user
    ON chat_conversation_members (user_id);

-- How far somebody has got in a conversation, in steps: at this time all messages up to
-- this one had been delivered to them, or read. Steps are added and never changed, so for
-- each message and person the time can be told. 'joined': what was said before they came,
-- which is not unread to them. The one a message is written to has messages.read_at for
-- the reading; steps 'read' are those of the others. 'looked': up to here there was
-- nothing of that kind. Kept are the last 50 steps of a kind and from before that the
-- last one of each day, so of what is old the time may be told up to a day late; of
-- 'joined' and 'looked' the last one.
CREATE TABLE IF NOT EXISTS chat_receipts (
    conversation_id INTEGER NOT NULL
        REFERENCES treatment_requests (id) ON DELETE CASCADE,
    user_id INTEGER NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    kind TEXT NOT NULL
        CHECK (kind IN ('joined', 'delivered', 'read', 'looked')),
    up_to INTEGER NOT NULL,  -- a message's id
    at TEXT NOT NULL DEFAULT (strftime('%Y-%m-%d %H:%M:%f', 'now')),
    PRIMARY KEY (conversation_id, user_id, kind, up_to)
) WITHOUT ROWID;

-- Conversations in which others than patient and doctor write or have written: members,
-- staff. What is written to others is unread there by steps, for everybody.
CREATE TABLE IF NOT EXISTS chat_many_voices (
    conversation_id INTEGER PRIMARY KEY
        REFERENCES treatment_requests (id) ON DELETE CASCADE
);
INSERT OR IGNORE INTO chat_many_voices (conversation_id)
SELECT conversation_id FROM chat_conversation_members;

-- --- what a message may have besides -------------------------------------------------
-- Its earlier texts, what people think of it, what is attached.

CREATE TABLE IF NOT EXISTS chat_message_edits (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    message_id INTEGER NOT NULL REFERENCES messages (id) ON DELETE CASCADE,
    body TEXT NOT NULL,  -- what it said until then
    edited_by INTEGER,   -- NULL: another program, which did not say
    edited_at TEXT NOT NULL DEFAULT (strftime('%Y-%m-%d %H:%M:%f', 'now'))
);
CREATE INDEX IF NOT EXISTS chat_message_edits_message
    ON chat_message_edits (message_id, id);

CREATE TABLE IF NOT EXISTS chat_message_reactions (
    message_id INTEGER NOT NULL REFERENCES messages (id) ON DELETE CASCADE,
    user_id INTEGER NOT NULL,
    emoji TEXT NOT NULL,
    created_at TEXT NOT NULL DEFAULT (strftime('%Y-%m-%d %H:%M:%f', 'now')),
    PRIMARY KEY (message_id, user_id, emoji)
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS chat_message_reactions_user
    ON chat_message_reactions (user_id);

CREATE TABLE IF NOT EXISTS chat_attachments (
    id TEXT PRIMARY KEY NOT NULL,  -- 32 hex digits, random
    conversation_id INTEGER NOT NULL,
    user_id INTEGER NOT NULL,      -- who uploaded it
    message_id INTEGER,            -- NULL: not sent yet
    name TEXT,
    mime TEXT,
    kind TEXT CHECK (kind IN ('image', 'voice', 'file')),
    size INTEGER,                  -- bytes
    sha256 TEXT,                   -- hex
    sent_sha256 TEXT,              -- of the bytes that came; sha256 is that of what
                                   -- became of them
    width INTEGER,
    height INTEGER,
    thumb INTEGER NOT NULL DEFAULT 0,  -- 1: there is a small picture
    state TEXT NOT NULL DEFAULT 'pending'
        CHECK (state IN ('pending', 'clean', 'infected', 'failed')),
    why TEXT,
    key_id INTEGER,                -- it is sealed with; 0: is to be sealed, NULL: lies
                                   -- as it came
    created_at TEXT NOT NULL DEFAULT (strftime('%Y-%m-%d %H:%M:%f', 'now'))
);
CREATE INDEX IF NOT EXISTS chat_attachments_message
    ON chat_attachments (message_id);
CREATE INDEX IF NOT EXISTS chat_attachments_conversation
    ON chat_attachments (conversation_id);
CREATE INDEX IF NOT EXISTS chat_attachments_user ON chat_attachments (user_id);

-- --- files -----------------------------------------------------------------------------
-- What uploads take: a row for each account ('u7') and each conversation ('c12'), kept
-- by triggers. And messages whose files are still being looked at, as they are to be
-- inserted.

CREATE INDEX IF NOT EXISTS chat_attachments_list
    ON chat_attachments (conversation_id, created_at, id);
CREATE INDEX IF NOT EXISTS chat_attachments_pending
    ON chat_attachments (created_at) WHERE state = 'pending';
CREATE INDEX IF NOT EXISTS chat_attachments_unsent
    ON chat_attachments (created_at) WHERE message_id IS NULL;
CREATE INDEX IF NOT EXISTS chat_attachments_unsealed
    ON chat_attachments (id) WHERE key_id = 0;

CREATE TABLE IF NOT EXISTS chat_file_usage (
    owner TEXT PRIMARY KEY NOT NULL,
    bytes INTEGER NOT NULL
) WITHOUT ROWID;

CREATE TABLE IF NOT EXISTS chat_held_messages (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    conversation_id INTEGER NOT NULL,
    user_id INTEGER NOT NULL,
    body TEXT NOT NULL,
    type TEXT NOT NULL,
    client_id TEXT,
    reply_to_id INTEGER,
    file_ids TEXT NOT NULL,
    created_at TEXT NOT NULL DEFAULT (strftime('%Y-%m-%d %H:%M:%f', 'now'))
);
CREATE UNIQUE INDEX IF NOT EXISTS chat_held_messages_client_id
    ON chat_held_messages (conversation_id, user_id, client_id)
    WHERE client_id IS NOT NULL;

-- --- treatment plans ---------------------------------------------------------------
-- A doctor offers, the patient decides. From draft to submitted, from there to
-- accepted, rejected, cancelled or expired; nothing leads back. Triggers note the times.

CREATE TABLE IF NOT EXISTS treatment_plans (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    treatment_request_id INTEGER NOT NULL
        REFERENCES treatment_requests (id) ON DELETE CASCADE,
    doctor_id INTEGER NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    title TEXT NOT NULL,
    description TEXT NOT NULL DEFAULT '',
    status TEXT NOT NULL DEFAULT 'draft',   -- draft, submitted, accepted, rejected, cancelled, expired
    price_cents INTEGER,                    -- in hundredths of the currency
    currency TEXT NOT NULL DEFAULT 'USD',   -- ISO 4217
    duration_days INTEGER,
    created_at TEXT DEFAULT (strftime('%Y-%m-%d %H:%M:%f', 'now')),
    updated_at TEXT DEFAULT (strftime('%Y-%m-%d %H:%M:%f', 'now')),
    deleted_at TEXT,
    valid_days INTEGER,    -- how long it can be accepted, unless expires_at says it
    expires_at TEXT,       -- cannot be accepted from then on
    submitted_at TEXT,     -- NULL: the patient has not seen it
    decided_at TEXT,       -- when it was accepted, rejected, cancelled or expired
    reason TEXT,           -- why it was rejected or cancelled
    must_acknowledge INTEGER NOT NULL DEFAULT 0, -- 1: the patient is reminded
    acknowledged_at TEXT,  -- when the patient said it was seen
    reminders INTEGER NOT NULL DEFAULT 0,        -- how many there were
    reminded_at TEXT,      -- the last of them
    client_id TEXT,        -- the doctor's own name for it, as of messages
    client_digest TEXT     -- SHA-256 of what was sent under that name, in hex
);
CREATE INDEX IF NOT EXISTS treatment_plans_request
    ON treatment_plans (treatment_request_id);
CREATE UNIQUE INDEX IF NOT EXISTS treatment_plans_one_accepted
    ON treatment_plans (treatment_request_id)
    WHERE status = 'accepted' AND deleted_at IS NULL;
-- Who waits for the patient: few, looked at every minute.
CREATE INDEX IF NOT EXISTS treatment_plans_open
    ON treatment_plans (id) WHERE status = 'submitted';
CREATE UNIQUE INDEX IF NOT EXISTS treatment_plans_client_id
    ON treatment_plans (treatment_request_id, doctor_id, client_id)
    WHERE client_id IS NOT NULL;

-- One row: whether a plan's changes are told in the conversation, as messages.
CREATE TABLE IF NOT EXISTS chat_plan_settings (
    one INTEGER PRIMARY KEY CHECK (one = 1),
    cards INTEGER NOT NULL DEFAULT 1
);
INSERT OR IGNORE INTO chat_plan_settings (one) VALUES (1);

-- An instruction, not a record, as chat_read_marks below: a plan has become `status`
-- (or 'reminder', 'acknowledged'). The row is gone when the INSERT returns.
CREATE TABLE IF NOT EXISTS chat_plan_marks (
    id INTEGER PRIMARY KEY,
    plan_id INTEGER NOT NULL,
    status TEXT NOT NULL
);

-- --- who is asking -----------------------------------------------------------------

-- Sanctum's table. token is the SHA-256 of the plain text, in hex.
CREATE TABLE IF NOT EXISTS personal_access_tokens (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    tokenable_type TEXT NOT NULL DEFAULT 'App\Models\User',
    tokenable_id INTEGER NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    name TEXT NOT NULL,
    token TEXT NOT NULL UNIQUE,
    abilities TEXT,
    last_used_at TEXT,
    expires_at TEXT,
    created_at TEXT DEFAULT (strftime('%Y-%m-%d %H:%M:%f', 'now')),
    updated_at TEXT DEFAULT (strftime('%Y-%m-%d %H:%M:%f', 'now'))
);
CREATE INDEX IF NOT EXISTS personal_access_tokens_tokenable
    ON personal_access_tokens (tokenable_type, tokenable_id);

-- Browsers that are logged in. token_hash is the SHA-256 of the cookie, in hex.
CREATE TABLE IF NOT EXISTS chat_sessions (
    token_hash TEXT PRIMARY KEY,
    user_id INTEGER NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    csrf_token TEXT NOT NULL,
    created_at TEXT NOT NULL DEFAULT (strftime('%Y-%m-%d %H:%M:%f', 'now')),
    last_seen_at TEXT NOT NULL DEFAULT (strftime('%Y-%m-%d %H:%M:%f', 'now')),
    expires_at TEXT NOT NULL,
    address TEXT,
    user_agent TEXT
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS chat_sessions_user ON chat_sessions (user_id);
CREATE INDEX IF NOT EXISTS chat_sessions_expires
    ON chat_sessions (expires_at);

-- When somebody was last seen by a log-in that has ended since; chat_sessions and
-- personal_access_tokens say it of those that have not.
CREATE TABLE IF NOT EXISTS chat_last_seen (
    user_id INTEGER PRIMARY KEY REFERENCES users (id) ON DELETE CASCADE,
    at TEXT NOT NULL
);

-- Whom a name means that Apache has authenticated, for ChatUserBy table.
CREATE TABLE IF NOT EXISTS chat_logins (
    name TEXT PRIMARY KEY,
    user_id INTEGER NOT NULL REFERENCES users (id) ON DELETE CASCADE
) WITHOUT ROWID;

-- What the site has said of log-ins: mod_chat keeps these two as its directives are, each time that it starts.

-- What personal_access_tokens.tokenable_type says of people (ChatTokenType). New tokens
-- get the first.
CREATE TABLE IF NOT EXISTS chat_token_types (
    name TEXT PRIMARY KEY,
    place INTEGER NOT NULL
);
INSERT INTO chat_token_types (name, place)
SELECT 'App\Models\User', 0 WHERE NOT EXISTS (SELECT 1 FROM chat_token_types);

-- One row. rehash: a password's hash of another kind is the same password
-- (ChatForeignRehash).
CREATE TABLE IF NOT EXISTS chat_login_settings (
    one INTEGER PRIMARY KEY CHECK (one = 1),
    rehash INTEGER NOT NULL DEFAULT 0
);
INSERT OR IGNORE INTO chat_login_settings (one) VALUES (1);

-- An instruction: give a user another password and end all log-ins but the one whose
-- digest is `keep`. Always empty; the trigger below carries it out.
CREATE TABLE IF NOT EXISTS chat_password_changes (
    user_id INTEGER NOT NULL,
    password TEXT NOT NULL,
    keep TEXT NOT NULL
);

-- --- the event log -----------------------------------------------------------------
-- Append-only; written by the triggers below and by nobody else. chat-push reads
-- it upwards by id, GET /chat/sync by conversation and id.

CREATE TABLE IF NOT EXISTS chat_events (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    event TEXT NOT NULL,        -- 'MessageSent', …
    conversation_id INTEGER NOT NULL,
    channels TEXT NOT NULL,     -- JSON list of channel names
    payload TEXT NOT NULL,      -- JSON object: the event's data but id and cursor
    created_at TEXT NOT NULL DEFAULT (strftime('%Y-%m-%d %H:%M:%f', 'now')),
    message_id INTEGER,         -- whose text is in it; NULL: nobody's
    quotes_id INTEGER           -- the message that one quotes
);
CREATE INDEX IF NOT EXISTS chat_events_conversation
    ON chat_events (conversation_id, id);
-- Whoever edits or deletes a message finds by these what the log says of it. Ids rise, so
-- an entry goes to the end of its index; that of quotes has answers only.
CREATE INDEX IF NOT EXISTS chat_events_message
    ON chat_events (message_id) WHERE message_id IS NOT NULL;
CREATE INDEX IF NOT EXISTS chat_events_quotes
    ON chat_events (quotes_id) WHERE quotes_id IS NOT NULL;
-- Of earlier versions, once.
UPDATE chat_events
SET message_id = json_extract(payload, '$.message.id'),
    quotes_id = json_extract(payload, '$.message.reply_to.id')
WHERE event IN ('MessageSent', 'MessageEdited') AND json_valid(payload)
  AND NOT EXISTS (SELECT 1 FROM chat_events WHERE message_id IS NOT NULL);

-- One row: the name of this log, part of every cursor. A database that is made
-- anew has another, so old cursors are found out.
CREATE TABLE IF NOT EXISTS chat_log (
    one INTEGER PRIMARY KEY CHECK (one = 1),
    epoch TEXT NOT NULL
);
INSERT OR IGNORE INTO chat_log (one, epoch)
VALUES (1, lower(hex(randomblob(8))));

-- A row is here while `chatctl keys reseal` is at it, within one transaction: the same
-- texts under another key, which is no change that anybody is told of.
CREATE TABLE IF NOT EXISTS chat_resealing (
    one INTEGER PRIMARY KEY CHECK (one = 1)
);

-- The keys that texts and files of conversations are sealed with, where a site does so
-- (ChatKeys), each wrapped by a key that is not in the database.
CREATE TABLE IF NOT EXISTS chat_keys (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    conversation_id INTEGER NOT NULL,
    wrapped TEXT NOT NULL,
    created_at TEXT NOT NULL DEFAULT (strftime('%Y-%m-%d %H:%M:%f', 'now'))
);
CREATE INDEX IF NOT EXISTS chat_keys_conversation
    ON chat_keys (conversation_id, id);

-- An instruction, not a record: inserting a row marks the conversation's messages
-- to user_id read (only those of message_ids, a JSON list, when it is given) and
-- writes one event; the row is gone when the INSERT returns. `marked` is not
-- read by the trigger: the inserter counts first and has it RETURNed.
CREATE TABLE IF NOT EXISTS chat_read_marks (
    id INTEGER PRIMARY KEY,
    conversation_id INTEGER NOT NULL,
    user_id INTEGER NOT NULL,
    message_ids TEXT,
    marked INTEGER NOT NULL DEFAULT 0,
    read_at TEXT NOT NULL DEFAULT (strftime('%Y-%m-%d %H:%M:%f', 'now')),
    below INTEGER  -- what is older is read as well: becomes a row of chat_read_due
);

-- Who has opened a conversation with so much unread that the request marked the newest
-- only: what is to them and older than `below` is read, since `read_at`. chat-push marks
-- it by and by, downwards, and has come to `next`; then the row goes. Nobody is told again.
CREATE TABLE IF NOT EXISTS chat_read_due (
    conversation_id INTEGER NOT NULL,
    user_id INTEGER NOT NULL,
    below INTEGER NOT NULL,
    next INTEGER NOT NULL,
    read_at TEXT NOT NULL DEFAULT (strftime('%Y-%m-%d %H:%M:%f', 'now')),
    PRIMARY KEY (user_id, conversation_id)
);

-- An instruction, not a record, as chat_read_marks: somebody has come into a
-- conversation (added 1) or may have gone (0). Its trigger tells chat-push, which takes
-- the sockets of whoever has gone out of the conversation's channels, and the others.
CREATE TABLE IF NOT EXISTS chat_member_moves (
    id INTEGER PRIMARY KEY,
    conversation_id INTEGER NOT NULL,
    user_id INTEGER NOT NULL,
    role TEXT NOT NULL,
    added INTEGER NOT NULL
);

-- --- the three views ---------------------------------------------------------------
-- What mod_chat reads people and conversations from. A site with other tables
-- writes these three itself.

DROP VIEW IF EXISTS chat_users;
CREATE VIEW chat_users AS
SELECT id, name, email, password, role, locale,
       deleted_at IS NULL AND status <> 'suspended' AS active, avatar
FROM users;

DROP VIEW IF EXISTS chat_conversations;
CREATE VIEW chat_conversations AS
SELECT id, title, status, patient_id, doctor_id, message_count,
       created_at, updated_at
FROM treatment_requests
WHERE deleted_at IS NULL;

DROP VIEW IF EXISTS chat_members;
CREATE VIEW chat_members AS
SELECT id AS conversation_id, patient_id AS user_id, 'patient' AS role
FROM treatment_requests
WHERE deleted_at IS NULL
UNION ALL
SELECT id, doctor_id, 'doctor'
FROM treatment_requests
WHERE deleted_at IS NULL AND doctor_id IS NOT NULL
UNION ALL
SELECT x.conversation_id, x.user_id, +x.role
FROM chat_conversation_members x
WHERE EXISTS (SELECT 1 FROM treatment_requests r  -- a JOIN is planned worse
              WHERE r.id = x.conversation_id AND r.deleted_at IS NULL
                AND x.user_id <> r.patient_id
                AND x.user_id IS NOT r.doctor_id);

-- --- a message as JSON -----------------------------------------------------------------

-- Who speaks and hears for a plan's doctor, who may be in the conversation no more:
-- then the doctor there is now, and without one what the patient decides waits for the
-- next.
DROP VIEW IF EXISTS chat_plan_voices;
CREATE VIEW chat_plan_voices AS
SELECT p.id AS plan_id,
       CASE WHEN EXISTS (SELECT 1 FROM chat_members m
                         WHERE m.conversation_id = r.id
                           AND m.user_id = p.doctor_id)
            THEN p.doctor_id
            ELSE coalesce(r.doctor_id, r.patient_id) END AS doctor_id
FROM treatment_plans p
JOIN treatment_requests r ON r.id = p.treatment_request_id;

-- Plans as clients see them. One whose time is over is expired, whether or not
-- anybody has marked it yet; `marked` is what the row says.
DROP VIEW IF EXISTS chat_plans;
CREATE VIEW chat_plans AS
SELECT id, treatment_request_id AS conversation_id, doctor_id, state AS status,
       status AS marked, created_at,
       status <> 'draft'
       AND (status <> 'cancelled' OR submitted_at IS NOT NULL) AS offered,
       json_object(
           'id', id, 'title', CAST(title AS TEXT),
           'status', CAST(state AS TEXT),
           'description', CAST(description AS TEXT),
           'price_cents', CAST(price_cents AS INTEGER),
           'currency', CAST(currency AS TEXT),
           'duration_days', CAST(duration_days AS INTEGER),
           'doctor_id', doctor_id, 'consultation_id', treatment_request_id,
           'reason', CAST(reason AS TEXT),
           'valid_days', CAST(valid_days AS INTEGER),
           'expires_at', strftime('%Y-%m-%dT%H:%M:%fZ', expires_at),
           'submitted_at', strftime('%Y-%m-%dT%H:%M:%fZ', submitted_at),
           'decided_at', strftime('%Y-%m-%dT%H:%M:%fZ', decided_at),
           'must_acknowledge',
           json(CASE WHEN must_acknowledge THEN 'true' ELSE 'false' END),
           'acknowledged_at', strftime('%Y-%m-%dT%H:%M:%fZ', acknowledged_at),
           'created_at', strftime('%Y-%m-%dT%H:%M:%fZ', created_at),
           'updated_at', strftime('%Y-%m-%dT%H:%M:%fZ', updated_at)) AS json
FROM (SELECT *, CASE WHEN status = 'submitted'
                     AND julianday(expires_at) <= julianday('now')
                    THEN 'expired' ELSE status END AS state
      FROM treatment_plans
      WHERE deleted_at IS NULL);

-- What only a row with `detailed` has to say: a column of JSON for each key, NULL is
-- null. A deleted message says nothing but that it is. What it answers is of the same
-- conversation, and may be gone.
DROP VIEW IF EXISTS chat_message_json;
DROP VIEW IF EXISTS chat_message_details;
CREATE VIEW chat_message_details AS
SELECT m.id AS id,
       CASE WHEN m.deleted_at IS NULL
            THEN json_quote(strftime('%Y-%m-%dT%H:%M:%fZ', m.edited_at)) END
           AS edited_at,
       json_quote(strftime('%Y-%m-%dT%H:%M:%fZ', m.deleted_at)) AS deleted_at,
       CASE WHEN m.reply_to_id IS NOT NULL AND m.deleted_at IS NULL THEN
           (SELECT json_object(
                       'id', m.reply_to_id,
                       'content', CASE WHEN x.deleted_at IS NULL
                                       THEN coalesce(CASE WHEN x.body LIKE 'sealed:2:%' THEN x.body ELSE substr(CAST(x.body AS TEXT), 1, 140) END, '')
                                       ELSE '' END,
                       'user', CASE WHEN u.id IS NOT NULL
                                    THEN json_object('id', u.id, 'name', CAST(u.name AS TEXT),
                                                     'role', CAST(u.role AS TEXT)) END,
                       'deleted', json(CASE WHEN x.id IS NULL OR x.deleted_at IS NOT NULL
                                            THEN 'true' ELSE 'false' END))
            FROM (SELECT 1)
            LEFT JOIN messages x ON x.id = m.reply_to_id
                                AND x.request_id = m.request_id
            LEFT JOIN chat_users u ON u.id = x.from_user_id) END
           AS reply_to,
       (SELECT json_group_array(json_object(
                   'emoji', emoji, 'count', n, 'user_ids', json(ids)))
        FROM (SELECT emoji, count(*) AS n, min(created_at) AS since,
                     json_group_array(user_id) AS ids
              FROM (SELECT CAST(x.emoji AS TEXT) AS emoji, x.user_id, x.created_at
                    FROM chat_message_reactions x
                    WHERE x.message_id = m.id AND m.deleted_at IS NULL
                    ORDER BY x.emoji, x.created_at, x.user_id)
              GROUP BY emoji
              ORDER BY since, emoji))
           AS reactions,
       (SELECT json_group_array(json(one))
        FROM (SELECT json_object(
                         'id', CAST(a.id AS TEXT), 'name', CAST(a.name AS TEXT),
                         'mime', CAST(a.mime AS TEXT), 'kind', CAST(a.kind AS TEXT),
                         'size', a.size, 'width', a.width, 'height', a.height,
                         'state', CAST(a.state AS TEXT),
                         'thumb', json(CASE WHEN a.thumb <> 0 THEN 'true'
                                            ELSE 'false' END)) AS one
              FROM chat_attachments a
              WHERE a.message_id = m.id AND m.deleted_at IS NULL
              ORDER BY (SELECT instr(x.file_ids, a.id) FROM messages x
                        WHERE x.id = a.message_id), a.id))
           AS attachments,
       (SELECT json_set(p.json, '$.card', CAST(m.plan_status AS TEXT))
        FROM chat_plans p
        WHERE p.id = m.plan_id AND m.deleted_at IS NULL) AS plan
FROM messages m;

-- The object that events carry; those of whoever has no row of people have none.
CREATE VIEW chat_message_json AS
SELECT m.id AS id,
       json_object('id', m.id,
                   'content', CASE WHEN m.deleted_at IS NULL
                                   THEN CAST(m.body AS TEXT) ELSE '' END,
                   'type', CAST(m.type AS TEXT),
                   'client_id', CAST(m.client_id AS TEXT),
                   'user_id', m.from_user_id, 'consultation_id', m.request_id,
                   'created_at', strftime('%Y-%m-%dT%H:%M:%fZ', m.created_at),
                   'read_at', strftime('%Y-%m-%dT%H:%M:%fZ', m.read_at),
                   'user', json_object('id', u.id, 'name', CAST(u.name AS TEXT),
                                       'role', CAST(u.role AS TEXT)),
                   'edited_at', CASE WHEN m.detailed IS NOT NULL THEN
                       json((SELECT d.edited_at FROM chat_message_details d
                             WHERE d.id = m.id)) END,
                   'deleted_at', CASE WHEN m.detailed IS NOT NULL THEN
                       json((SELECT d.deleted_at FROM chat_message_details d
                             WHERE d.id = m.id)) END,
                   'reply_to', CASE WHEN m.detailed IS NOT NULL THEN
                       json((SELECT d.reply_to FROM chat_message_details d
                             WHERE d.id = m.id)) END,
                   'reactions', CASE WHEN m.detailed IS NULL THEN json('[]') ELSE
                       json((SELECT d.reactions FROM chat_message_details d
                             WHERE d.id = m.id)) END,
                   'attachments', CASE WHEN m.detailed IS NULL THEN json('[]') ELSE
                       json((SELECT d.attachments FROM chat_message_details d
                             WHERE d.id = m.id)) END,
                   'plan', CASE WHEN m.detailed IS NOT NULL THEN
                       json((SELECT d.plan FROM chat_message_details d
                             WHERE d.id = m.id)) END) AS message
FROM messages m
JOIN users u ON u.id = m.from_user_id;

-- --- triggers: messages --------------------------------------------------------------
-- A message without a conversation, or one that is deleted already, is a row like
-- any other and raises no event: a foreign writer is never refused.

DROP TRIGGER IF EXISTS messages_sent;
CREATE TRIGGER messages_sent AFTER INSERT ON messages
WHEN NEW.request_id IS NOT NULL AND NEW.deleted_at IS NULL
BEGIN
    UPDATE messages
    SET created_at = coalesce(created_at, strftime('%Y-%m-%d %H:%M:%f', 'now')),
        detailed = CASE WHEN reply_to_id IS NULL AND file_ids IS NULL
                        THEN detailed ELSE coalesce(detailed, 1) END
    WHERE id = NEW.id
      AND (created_at IS NULL
           OR (detailed IS NULL
               AND (reply_to_id IS NOT NULL OR file_ids IS NOT NULL)));
    UPDATE chat_attachments SET message_id = NEW.id
    WHERE NEW.file_ids IS NOT NULL AND message_id IS NULL
      AND user_id = NEW.from_user_id AND conversation_id = NEW.request_id
      AND instr(CAST(NEW.file_ids AS TEXT), '"' || id || '"') > 0;
    UPDATE treatment_requests
    SET message_count = message_count + 1,
        updated_at = strftime('%Y-%m-%d %H:%M:%f', 'now')
    WHERE id = NEW.request_id;
    INSERT INTO chat_events (event, conversation_id, message_id, quotes_id,
                             channels, payload)
    SELECT 'MessageSent', m.request_id, m.id, m.reply_to_id,
           (SELECT json_group_array(name)
            FROM (SELECT 'private-conversation.' || m.request_id AS name
                  UNION ALL
                  SELECT 'private-user.' || m.to_user_id
                  UNION ALL
                  SELECT 'private-user.' || m.from_user_id
                  WHERE m.from_user_id <> m.to_user_id
                  UNION ALL
                  SELECT 'private-user.' || x.user_id FROM chat_members x
                  WHERE x.conversation_id = m.request_id
                    AND x.user_id NOT IN (m.to_user_id, m.from_user_id))),
           json_object(
               'message',
               json(j.message),
               'consultation', json_object('id', r.id, 'status', CAST(r.status AS TEXT)))
    FROM messages m
    JOIN chat_message_json j ON j.id = m.id
    JOIN treatment_requests r ON r.id = m.request_id
    WHERE m.id = NEW.id AND r.deleted_at IS NULL;
END;

-- The counter follows rows that come and go. A message that is deleted stays as a
-- mark, and is counted; one that had been deleted when it came, or by an earlier
-- version (detailed is NULL), is none.
DROP TRIGGER IF EXISTS messages_removed;
CREATE TRIGGER messages_removed AFTER DELETE ON messages
WHEN OLD.request_id IS NOT NULL
 AND (OLD.deleted_at IS NULL OR OLD.detailed IS NOT NULL)
BEGIN
    UPDATE treatment_requests SET message_count = message_count - 1
    WHERE id = OLD.request_id;
END;

DROP TRIGGER IF EXISTS messages_recounted;
CREATE TRIGGER messages_recounted
AFTER UPDATE OF deleted_at, request_id ON messages
WHEN OLD.request_id IS NOT NEW.request_id
  OR (OLD.deleted_at IS NOT NULL AND OLD.detailed IS NULL
      AND NEW.deleted_at IS NULL)
BEGIN
    UPDATE treatment_requests SET message_count = message_count - 1
    WHERE id = OLD.request_id
      AND (OLD.deleted_at IS NULL OR OLD.detailed IS NOT NULL);
    UPDATE treatment_requests SET message_count = message_count + 1
    WHERE id = NEW.request_id
      AND (NEW.deleted_at IS NULL OR NEW.detailed IS NOT NULL
           OR OLD.deleted_at IS NULL);
END;

-- --- triggers: messages that change ----------------------------------------------------
-- Another text or a deletion, whoever's. A program that knows nothing of edited_at has
-- it set; one that sets it is mod_chat, on behalf of the author. What is changed in a
-- message that is deleted (somebody erases it) is nobody's business.

DROP TRIGGER IF EXISTS messages_edited;
CREATE TRIGGER messages_edited AFTER UPDATE OF body, deleted_at ON messages
WHEN NEW.deleted_at IS NULL
 AND (OLD.body IS NOT NEW.body OR OLD.deleted_at IS NOT NULL)
 AND NOT EXISTS (SELECT 1 FROM chat_resealing)
BEGIN
    INSERT INTO chat_message_edits (message_id, body, edited_by)
    SELECT OLD.id, CAST(OLD.body AS TEXT),
           CASE WHEN NEW.edited_at IS NOT OLD.edited_at
                THEN OLD.from_user_id END
    WHERE OLD.body IS NOT NEW.body;
    UPDATE messages
    SET detailed = coalesce(detailed, 1),
        edited_at = CASE WHEN OLD.body IS NEW.body
                           OR NEW.edited_at IS NOT OLD.edited_at THEN edited_at
                         ELSE strftime('%Y-%m-%d %H:%M:%f', 'now') END
    WHERE id = NEW.id;
    INSERT INTO chat_events (event, conversation_id, message_id, quotes_id,
                             channels, payload)
    SELECT 'MessageEdited', r.id, NEW.id, NEW.reply_to_id,
           (SELECT json_group_array(name)
            FROM (SELECT 'private-conversation.' || r.id AS name
                  UNION ALL
                  SELECT 'private-user.' || user_id FROM chat_members
                  WHERE conversation_id = r.id)),
           json_object(
               'message', json(j.message),
               'consultation', json_object('id', r.id, 'status', CAST(r.status AS TEXT)))
    FROM chat_message_json j
    JOIN treatment_requests r ON r.id = NEW.request_id
    WHERE j.id = NEW.id AND r.deleted_at IS NULL;
END;

DROP TRIGGER IF EXISTS messages_deleted;
CREATE TRIGGER messages_deleted AFTER UPDATE OF deleted_at ON messages
WHEN OLD.deleted_at IS NULL AND NEW.deleted_at IS NOT NULL
BEGIN
    UPDATE messages SET detailed = coalesce(detailed, 1) WHERE id = NEW.id;
    INSERT INTO chat_events (event, conversation_id, channels, payload)
    SELECT 'MessageDeleted', r.id,
           (SELECT json_group_array(name)
            FROM (SELECT 'private-conversation.' || r.id AS name
                  UNION ALL
                  SELECT 'private-user.' || user_id FROM chat_members
                  WHERE conversation_id = r.id)),
           json_object(
               'message', json(j.message),
               'consultation', json_object('id', r.id, 'status', CAST(r.status AS TEXT)))
    FROM chat_message_json j
    JOIN treatment_requests r ON r.id = NEW.request_id
    WHERE j.id = NEW.id AND r.deleted_at IS NULL;
END;

-- A row that is removed for good is told like one that is deleted; with its
-- conversation, not.
DROP TRIGGER IF EXISTS messages_gone;
CREATE TRIGGER messages_gone BEFORE DELETE ON messages
WHEN OLD.request_id IS NOT NULL AND OLD.deleted_at IS NULL
BEGIN
    INSERT INTO chat_events (event, conversation_id, channels, payload)
    SELECT 'MessageDeleted', r.id,
           (SELECT json_group_array(name)
            FROM (SELECT 'private-conversation.' || r.id AS name
                  UNION ALL
                  SELECT 'private-user.' || user_id FROM chat_members
                  WHERE conversation_id = r.id)),
           json_object(
               'message',
               json_set(j.message, '$.content', '', '$.edited_at', NULL,
                        '$.deleted_at', strftime('%Y-%m-%dT%H:%M:%fZ', 'now'),
                        '$.reply_to', NULL, '$.reactions', json('[]'),
                        '$.attachments', json('[]'), '$.plan', NULL),
               'consultation', json_object('id', r.id, 'status', CAST(r.status AS TEXT)))
    FROM chat_message_json j
    JOIN treatment_requests r ON r.id = OLD.request_id
    WHERE j.id = OLD.id AND r.deleted_at IS NULL;
END;

-- Somebody reacts, or no more. The two differ in when they fire only.
DROP TRIGGER IF EXISTS chat_reacted;
CREATE TRIGGER chat_reacted AFTER INSERT ON chat_message_reactions
BEGIN
    UPDATE messages SET detailed = 1
    WHERE id = NEW.message_id AND detailed IS NULL;
    INSERT INTO chat_events (event, conversation_id, channels, payload)
    SELECT 'MessageReaction', r.id,
           (SELECT json_group_array(name)
            FROM (SELECT 'private-conversation.' || r.id AS name
                  UNION ALL
                  SELECT 'private-user.' || user_id FROM chat_members
                  WHERE conversation_id = r.id)),
           json_object(
               'message_id', m.id, 'consultation_id', r.id,
               'user', json_object('id', u.id, 'name', CAST(u.name AS TEXT),
                                   'role', CAST(u.role AS TEXT)),
               'emoji', CAST(NEW.emoji AS TEXT), 'removed', json('false'),
               'reactions', json(d.reactions))
    FROM messages m
    JOIN chat_message_details d ON d.id = m.id
    JOIN treatment_requests r ON r.id = m.request_id
    JOIN users u ON u.id = NEW.user_id
    WHERE m.id = NEW.message_id AND m.deleted_at IS NULL
      AND r.deleted_at IS NULL;
END;

DROP TRIGGER IF EXISTS chat_reacted_no_more;
CREATE TRIGGER chat_reacted_no_more AFTER DELETE ON chat_message_reactions
BEGIN
    UPDATE messages SET detailed = 1
    WHERE id = OLD.message_id AND detailed IS NULL;
    INSERT INTO chat_events (event, conversation_id, channels, payload)
    SELECT 'MessageReaction', r.id,
           (SELECT json_group_array(name)
            FROM (SELECT 'private-conversation.' || r.id AS name
                  UNION ALL
                  SELECT 'private-user.' || user_id FROM chat_members
                  WHERE conversation_id = r.id)),
           json_object(
               'message_id', m.id, 'consultation_id', r.id,
               'user', json_object('id', u.id, 'name', CAST(u.name AS TEXT),
                                   'role', CAST(u.role AS TEXT)),
               'emoji', CAST(OLD.emoji AS TEXT), 'removed', json('true'),
               'reactions', json(d.reactions))
    FROM messages m
    JOIN chat_message_details d ON d.id = m.id
    JOIN treatment_requests r ON r.id = m.request_id
    JOIN users u ON u.id = OLD.user_id
    WHERE m.id = OLD.message_id AND m.deleted_at IS NULL
      AND r.deleted_at IS NULL;
END;

-- A program that sets read_at itself: one event for each row. Silent while an
-- instruction row stands, because its trigger writes the one event for all.
DROP TRIGGER IF EXISTS messages_read;
CREATE TRIGGER messages_read AFTER UPDATE OF read_at ON messages
WHEN OLD.read_at IS NULL AND NEW.read_at IS NOT NULL
  AND NEW.request_id IS NOT NULL AND NEW.deleted_at IS NULL
  AND NOT EXISTS (SELECT 1 FROM chat_read_marks)
  AND NOT EXISTS (SELECT 1 FROM chat_read_due d
                  WHERE d.user_id = NEW.to_user_id
                    AND d.conversation_id = NEW.request_id
                    AND NEW.id < d.below) -- that was told before
BEGIN
    INSERT INTO chat_events (event, conversation_id, channels, payload)
    SELECT 'MessageRead', r.id,
           (SELECT json_group_array(name)
            FROM (SELECT 'private-conversation.' || r.id AS name
                  UNION ALL
                  SELECT 'private-user.' || user_id FROM chat_members
                  WHERE conversation_id = r.id)),
           json_object('consultation_id', r.id, 'user_id', u.id,
                       'user', json_object('id', u.id, 'name', CAST(u.name AS TEXT),
                                           'role', CAST(u.role AS TEXT)),
                       'message_ids', json_array(NEW.id), 'up_to', NEW.id,
                       'read_at',
                       strftime('%Y-%m-%dT%H:%M:%fZ', NEW.read_at))
    FROM treatment_requests r
    JOIN users u ON u.id = NEW.to_user_id
    WHERE r.id = NEW.request_id AND r.deleted_at IS NULL;
END;

DROP TRIGGER IF EXISTS chat_read_marks_carried_out;
CREATE TRIGGER chat_read_marks_carried_out
AFTER INSERT ON chat_read_marks
BEGIN
    INSERT INTO chat_read_due (conversation_id, user_id, below, next, read_at)
    SELECT NEW.conversation_id, NEW.user_id, NEW.below, NEW.below, NEW.read_at
    WHERE NEW.below IS NOT NULL
    ON CONFLICT (user_id, conversation_id) DO UPDATE
    SET below = max(below, excluded.below), next = max(next, excluded.below);
    INSERT INTO chat_events (event, conversation_id, channels, payload)
    SELECT 'MessageRead', r.id,
           (SELECT json_group_array(name)
            FROM (SELECT 'private-conversation.' || r.id AS name
                  UNION ALL
                  SELECT 'private-user.' || user_id FROM chat_members
                  WHERE conversation_id = r.id)),
           json_patch(
               json_object('consultation_id', r.id, 'user_id', u.id,
                           'user', json_object('id', u.id, 'name', CAST(u.name AS TEXT),
                                               'role', CAST(u.role AS TEXT)),
                           'message_ids', json(found.ids),
                           'up_to', json_extract(found.ids, '$[#-1]'),
                           'read_at',
                           strftime('%Y-%m-%dT%H:%M:%fZ', NEW.read_at)),
               CASE WHEN EXISTS (SELECT 1 FROM chat_read_due d
                                 WHERE d.user_id = u.id
                                   AND d.conversation_id = r.id)
                    THEN '{"older":true}' ELSE '{}' END)
    FROM (SELECT json_group_array(id) AS ids, count(*) AS n
          FROM (SELECT id FROM messages
                WHERE to_user_id = NEW.user_id
                  AND request_id = NEW.conversation_id
                  AND read_at IS NULL AND deleted_at IS NULL
                  AND (NEW.message_ids IS NULL
                       OR id IN (SELECT value
                                 FROM json_each(NEW.message_ids)))
                ORDER BY id)) AS found
    JOIN treatment_requests r ON r.id = NEW.conversation_id
    JOIN users u ON u.id = NEW.user_id
    WHERE found.n > 0 AND r.deleted_at IS NULL;
    UPDATE messages SET read_at = NEW.read_at
    WHERE to_user_id = NEW.user_id AND request_id = NEW.conversation_id
      AND read_at IS NULL AND deleted_at IS NULL
      AND (NEW.message_ids IS NULL
           OR id IN (SELECT value FROM json_each(NEW.message_ids)));
    DELETE FROM chat_read_marks WHERE id = NEW.id;
END;

-- --- triggers: members -----------------------------------------------------------------
-- chat:member is for chat-push alone, as chat:session below: a conversation that somebody
-- (user_id null: everybody) is no member of any more.

DROP TRIGGER IF EXISTS chat_member_moves_carried_out;
CREATE TRIGGER chat_member_moves_carried_out
AFTER INSERT ON chat_member_moves
BEGIN
    INSERT INTO chat_events (event, conversation_id, channels, payload)
    SELECT 'chat:member', 0, '[]',
           json_object('conversation_id', '' || NEW.conversation_id,
                       'user_id', '' || NEW.user_id)
    WHERE NEW.added = 0
      AND NOT EXISTS (SELECT 1 FROM chat_members
                      WHERE conversation_id = NEW.conversation_id
                        AND user_id = NEW.user_id);
    INSERT INTO chat_events (event, conversation_id, channels, payload)
    SELECT CASE NEW.added WHEN 1 THEN 'MemberAdded' ELSE 'MemberRemoved' END,
           r.id,
           (SELECT json_group_array(name)
            FROM (SELECT 'private-conversation.' || r.id AS name
                  UNION ALL
                  SELECT 'private-user.' || user_id FROM chat_members
                  WHERE conversation_id = NEW.conversation_id
                    AND user_id <> NEW.user_id
                  UNION ALL
                  SELECT 'private-user.' || NEW.user_id)),
           json_object('consultation_id', r.id, 'user_id', NEW.user_id,
                       'user', json_object('id', u.id, 'name', CAST(u.name AS TEXT),
                                           'role', CAST(u.role AS TEXT)),
                       'role', CAST(NEW.role AS TEXT))
    FROM treatment_requests r
    LEFT JOIN users u ON u.id = NEW.user_id
    WHERE r.id = NEW.conversation_id AND r.deleted_at IS NULL
      AND NEW.added = EXISTS (SELECT 1 FROM chat_members
                              WHERE conversation_id = r.id
                                AND user_id = NEW.user_id);
    DELETE FROM chat_member_moves WHERE id = NEW.id;
END;

DROP TRIGGER IF EXISTS chat_conversation_members_came;
CREATE TRIGGER chat_conversation_members_came
AFTER INSERT ON chat_conversation_members
BEGIN
    INSERT INTO chat_many_voices (conversation_id)
    SELECT NEW.conversation_id
    WHERE NOT EXISTS (SELECT 1 FROM chat_many_voices
                      WHERE conversation_id = NEW.conversation_id);
    INSERT INTO chat_receipts (conversation_id, user_id, kind, up_to)
    SELECT NEW.conversation_id, NEW.user_id, 'joined', last.id
    FROM (SELECT max(id) AS id FROM messages
          WHERE request_id = NEW.conversation_id) AS last
    WHERE last.id IS NOT NULL
      AND NOT EXISTS (SELECT 1 FROM chat_receipts
                      WHERE conversation_id = NEW.conversation_id
                        AND user_id = NEW.user_id AND kind = 'joined'
                        AND up_to = last.id);
    INSERT INTO chat_member_moves (conversation_id, user_id, role, added)
    VALUES (NEW.conversation_id, NEW.user_id, NEW.role, 1);
END;

DROP TRIGGER IF EXISTS chat_conversation_members_went;
CREATE TRIGGER chat_conversation_members_went
AFTER DELETE ON chat_conversation_members
BEGIN
    INSERT INTO chat_member_moves (conversation_id, user_id, role, added)
    VALUES (OLD.conversation_id, OLD.user_id, OLD.role, 0);
END;

DROP TRIGGER IF EXISTS chat_conversation_members_moved;
CREATE TRIGGER chat_conversation_members_moved
AFTER UPDATE OF conversation_id, user_id ON chat_conversation_members
WHEN OLD.conversation_id <> NEW.conversation_id OR OLD.user_id <> NEW.user_id
BEGIN
    INSERT INTO chat_many_voices (conversation_id)
    SELECT NEW.conversation_id
    WHERE NOT EXISTS (SELECT 1 FROM chat_many_voices
                      WHERE conversation_id = NEW.conversation_id);
    INSERT INTO chat_member_moves (conversation_id, user_id, role, added)
    VALUES (OLD.conversation_id, OLD.user_id, OLD.role, 0);
    INSERT INTO chat_member_moves (conversation_id, user_id, role, added)
    VALUES (NEW.conversation_id, NEW.user_id, NEW.role, 1);
END;

-- Another patient or doctor.
DROP TRIGGER IF EXISTS treatment_requests_people_moved;
CREATE TRIGGER treatment_requests_people_moved
AFTER UPDATE OF patient_id, doctor_id ON treatment_requests
WHEN OLD.patient_id IS NOT NEW.patient_id OR OLD.doctor_id IS NOT NEW.doctor_id
BEGIN
    INSERT INTO chat_member_moves (conversation_id, user_id, role, added)
    SELECT NEW.id, OLD.patient_id, 'patient', 0
    WHERE OLD.patient_id <> NEW.patient_id
      AND OLD.patient_id IS NOT NEW.doctor_id;
    INSERT INTO chat_member_moves (conversation_id, user_id, role, added)
    SELECT NEW.id, OLD.doctor_id, 'doctor', 0
    WHERE OLD.doctor_id IS NOT NEW.doctor_id AND OLD.doctor_id IS NOT NULL
      AND OLD.doctor_id IS NOT NEW.patient_id;
    INSERT INTO chat_member_moves (conversation_id, user_id, role, added)
    SELECT NEW.id, NEW.patient_id, 'patient', 1
    WHERE OLD.patient_id <> NEW.patient_id
      AND NEW.patient_id IS NOT OLD.doctor_id;
    INSERT INTO chat_member_moves (conversation_id, user_id, role, added)
    SELECT NEW.id, NEW.doctor_id, 'doctor', 1
    WHERE OLD.doctor_id IS NOT NEW.doctor_id AND NEW.doctor_id IS NOT NULL
      AND NEW.doctor_id IS NOT OLD.patient_id;
    -- What the patient wrote while there was no doctor is addressed to the
    -- patient. Like what the doctor before has not read, it is new to the one
    -- who comes.
    UPDATE messages SET to_user_id = NEW.doctor_id
    WHERE OLD.doctor_id IS NOT NEW.doctor_id AND NEW.doctor_id IS NOT NULL
      AND to_user_id IN (NEW.patient_id, OLD.doctor_id)
      AND request_id = NEW.id AND read_at IS NULL AND deleted_at IS NULL
      AND from_user_id = NEW.patient_id;
    -- What was said to others before that is not unread to who comes, unless they
    -- were in already.
    INSERT INTO chat_receipts (conversation_id, user_id, kind, up_to)
    SELECT NEW.id, NEW.doctor_id, 'looked', last.id
    FROM (SELECT max(id) AS id FROM messages
          WHERE request_id = NEW.id
            AND id < coalesce((SELECT min(id) FROM messages
                               WHERE to_user_id = NEW.doctor_id
                                 AND request_id = NEW.id
                                 AND read_at IS NULL AND deleted_at IS NULL),
                              9223372036854775807)) AS last
    WHERE OLD.doctor_id IS NOT NEW.doctor_id AND NEW.doctor_id IS NOT NULL
      AND NEW.doctor_id IS NOT OLD.patient_id AND last.id IS NOT NULL
      AND NOT EXISTS (SELECT 1 FROM chat_conversation_members
                      WHERE conversation_id = NEW.id
                        AND user_id = NEW.doctor_id)
      AND NOT EXISTS (SELECT 1 FROM chat_receipts
                      WHERE conversation_id = NEW.id
                        AND user_id = NEW.doctor_id
                        AND kind IN ('read', 'joined', 'looked')
                        AND up_to >= last.id);
END;

-- A conversation goes, and with it everybody's membership.
DROP TRIGGER IF EXISTS treatment_requests_closed_away;
CREATE TRIGGER treatment_requests_closed_away
AFTER UPDATE OF deleted_at ON treatment_requests
WHEN OLD.deleted_at IS NULL AND NEW.deleted_at IS NOT NULL
BEGIN
    INSERT INTO chat_events (event, conversation_id, channels, payload)
    VALUES ('chat:member', 0, '[]',
            json_object('conversation_id', '' || NEW.id, 'user_id', NULL));
END;

DROP TRIGGER IF EXISTS treatment_requests_gone;
CREATE TRIGGER treatment_requests_gone AFTER DELETE ON treatment_requests
BEGIN
    INSERT INTO chat_events (event, conversation_id, channels, payload)
    VALUES ('chat:member', 0, '[]',
            json_object('conversation_id', '' || OLD.id, 'user_id', NULL));
END;

-- --- triggers: receipts ----------------------------------------------------------------

DROP TRIGGER IF EXISTS chat_receipts_told;
CREATE TRIGGER chat_receipts_told AFTER INSERT ON chat_receipts
WHEN NEW.kind IN ('delivered', 'read')
BEGIN
    INSERT INTO chat_events (event, conversation_id, channels, payload)
    SELECT CASE NEW.kind WHEN 'read' THEN 'MessageRead' ELSE 'MessageDelivered' END,
           r.id,
           (SELECT json_group_array(name)
            FROM (SELECT 'private-conversation.' || r.id AS name
                  UNION ALL
                  SELECT 'private-user.' || user_id FROM chat_members
                  WHERE conversation_id = r.id)),
           json_object('consultation_id', r.id, 'user_id', u.id,
                       'user', json_object('id', u.id, 'name', CAST(u.name AS TEXT),
                                           'role', CAST(u.role AS TEXT)),
                       'message_ids', json_array(), 'up_to', NEW.up_to,
                       CASE NEW.kind WHEN 'read' THEN 'read_at' ELSE 'delivered_at' END,
                       strftime('%Y-%m-%dT%H:%M:%fZ', NEW.at))
    FROM treatment_requests r
    JOIN users u ON u.id = NEW.user_id
    WHERE r.id = NEW.conversation_id AND r.deleted_at IS NULL;
END;

-- A step that is not among the last 50 any more goes, when another follows it on the
-- same day. Each passes here once, so the table stays small without anybody who looks
-- for what is old.
DROP TRIGGER IF EXISTS chat_receipts_thinned;
CREATE TRIGGER chat_receipts_thinned AFTER INSERT ON chat_receipts
BEGIN
    DELETE FROM chat_receipts
    WHERE conversation_id = NEW.conversation_id AND user_id = NEW.user_id
      AND kind = NEW.kind AND NEW.kind IN ('joined', 'looked')
      AND up_to < NEW.up_to;
    DELETE FROM chat_receipts
    WHERE conversation_id = NEW.conversation_id AND user_id = NEW.user_id
      AND kind = NEW.kind
      AND up_to = (SELECT r.up_to FROM chat_receipts r
                   WHERE r.conversation_id = NEW.conversation_id
                     AND r.user_id = NEW.user_id AND r.kind = NEW.kind
                   ORDER BY r.up_to DESC LIMIT 1 OFFSET 50)
      AND substr(at, 1, 10) = (SELECT substr(r.at, 1, 10) FROM chat_receipts r
                               WHERE r.conversation_id = NEW.conversation_id
                                 AND r.user_id = NEW.user_id
                                 AND r.kind = NEW.kind
                               ORDER BY r.up_to DESC LIMIT 1 OFFSET 49);
END;

-- --- triggers: consultations and plans -------------------------------------------------

DROP TRIGGER IF EXISTS treatment_requests_updated;
CREATE TRIGGER treatment_requests_updated
AFTER UPDATE OF status ON treatment_requests
WHEN OLD.status IS NOT NEW.status AND NEW.deleted_at IS NULL
BEGIN
    INSERT INTO chat_events (event, conversation_id, channels, payload)
    SELECT 'ConversationUpdated', NEW.id,
           (SELECT json_group_array(name)
            FROM (SELECT 'private-conversation.' || NEW.id AS name
                  UNION ALL
                  SELECT 'private-user.' || user_id FROM chat_members
                  WHERE conversation_id = NEW.id)),
           json_object('consultation',
                       json_object('id', NEW.id, 'status', CAST(NEW.status AS TEXT),
                                   'title', CAST(NEW.title AS TEXT)));
END;

-- The doctor submits and cancels, the patient decides, time expires. Each change is
-- a message in the conversation, the card, from who made it, and an event that also
-- goes to the other one's own channel. What was never submitted ends in silence.
DROP TRIGGER IF EXISTS treatment_plans_made;
CREATE TRIGGER treatment_plans_made
AFTER INSERT ON treatment_plans
WHEN NEW.status IN ('submitted', 'accepted', 'rejected')
  AND NEW.deleted_at IS NULL
BEGIN
    INSERT INTO chat_plan_marks (plan_id, status)
    VALUES (NEW.id, NEW.status);
END;

DROP TRIGGER IF EXISTS treatment_plans_decided;
CREATE TRIGGER treatment_plans_decided
AFTER UPDATE OF status ON treatment_plans
WHEN OLD.status IS NOT NEW.status
  AND (NEW.status IN ('submitted', 'accepted', 'rejected')
       OR NEW.status IN ('cancelled', 'expired') AND OLD.status <> 'draft')
  AND NEW.deleted_at IS NULL
BEGIN
    INSERT INTO chat_plan_marks (plan_id, status)
    VALUES (NEW.id, NEW.status);
END;

DROP TRIGGER IF EXISTS treatment_plans_reminded;
CREATE TRIGGER treatment_plans_reminded
AFTER UPDATE OF reminders ON treatment_plans
WHEN NEW.reminders > OLD.reminders AND NEW.deleted_at IS NULL
BEGIN
    INSERT INTO chat_plan_marks (plan_id, status)
    VALUES (NEW.id, 'reminder');
END;

DROP TRIGGER IF EXISTS treatment_plans_acknowledged;
CREATE TRIGGER treatment_plans_acknowledged
AFTER UPDATE OF acknowledged_at ON treatment_plans
WHEN OLD.acknowledged_at IS NULL AND NEW.acknowledged_at IS NOT NULL
  AND NEW.deleted_at IS NULL
BEGIN
    INSERT INTO chat_plan_marks (plan_id, status)
    VALUES (NEW.id, 'acknowledged');
END;

DROP TRIGGER IF EXISTS chat_plan_marks_carried_out;
CREATE TRIGGER chat_plan_marks_carried_out
AFTER INSERT ON chat_plan_marks
BEGIN
    UPDATE treatment_plans
    SET submitted_at = coalesce(submitted_at,
                                strftime('%Y-%m-%d %H:%M:%f', 'now')),
        expires_at = coalesce(expires_at,
                              strftime('%Y-%m-%d %H:%M:%f', 'now',
                                       '+' || valid_days || ' days'))
    WHERE id = NEW.plan_id AND NEW.status = 'submitted';
    UPDATE treatment_plans
    SET decided_at = coalesce(decided_at,
                              strftime('%Y-%m-%d %H:%M:%f', 'now'))
    WHERE id = NEW.plan_id
      AND NEW.status IN ('accepted', 'rejected', 'cancelled', 'expired');
    INSERT INTO messages (from_user_id, to_user_id, request_id, body, type,
                          detailed, plan_id, plan_status, created_at,
                          updated_at)
    SELECT CASE WHEN NEW.status IN ('accepted', 'rejected') THEN r.patient_id
                -- only the doctor there is now takes an offer back
                WHEN NEW.status = 'cancelled'
                THEN coalesce(r.doctor_id, v.doctor_id)
                ELSE v.doctor_id END,
           CASE WHEN NEW.status IN ('accepted', 'rejected')
                THEN v.doctor_id ELSE r.patient_id END,
           r.id,
           CASE NEW.status WHEN 'submitted' THEN 'Treatment plan offered'
                           WHEN 'accepted' THEN 'Treatment plan accepted'
                           WHEN 'rejected' THEN 'Treatment plan declined'
                           WHEN 'cancelled' THEN 'Treatment plan withdrawn'
                           ELSE 'Treatment plan expired' END
           || CASE WHEN p.title LIKE 'sealed:2:%' THEN ''
                   ELSE ': ' || CAST(p.title AS TEXT) END,
           'plan', 1, p.id, NEW.status,
           strftime('%Y-%m-%d %H:%M:%f', 'now'),
           strftime('%Y-%m-%d %H:%M:%f', 'now')
    FROM treatment_plans p
    JOIN treatment_requests r ON r.id = p.treatment_request_id
    JOIN chat_plan_voices v ON v.plan_id = p.id
    WHERE p.id = NEW.plan_id AND r.deleted_at IS NULL
      AND NEW.status NOT IN ('reminder', 'acknowledged')
      AND EXISTS (SELECT 1 FROM chat_plan_settings WHERE cards);
    INSERT INTO chat_events (event, conversation_id, channels, payload)
    SELECT CASE NEW.status WHEN 'submitted' THEN 'PlanSubmitted'
                           WHEN 'accepted' THEN 'PlanAccepted'
                           WHEN 'rejected' THEN 'PlanRejected'
                           WHEN 'cancelled' THEN 'PlanCancelled'
                           WHEN 'expired' THEN 'PlanExpired'
                           WHEN 'reminder' THEN 'PlanReminder'
                           ELSE 'PlanAcknowledged' END,
           r.id,
           (SELECT json_group_array(name)
            FROM (SELECT 'private-conversation.' || r.id AS name
                  WHERE NEW.status <> 'reminder'
                  UNION ALL
                  SELECT 'private-user.' || r.patient_id
                  WHERE NEW.status IN ('submitted', 'cancelled', 'expired',
                                       'reminder')
                  UNION ALL
                  SELECT 'private-user.' || v.doctor_id
                  WHERE NEW.status IN ('accepted', 'rejected', 'expired',
                                       'acknowledged'))),
           json_object(
               'plan', json(p.json),
               'consultation', json_object('id', r.id, 'status', CAST(r.status AS TEXT)))
    FROM chat_plans p
    JOIN treatment_requests r ON r.id = p.conversation_id
    JOIN chat_plan_voices v ON v.plan_id = p.id
    WHERE p.id = NEW.plan_id AND r.deleted_at IS NULL;
    DELETE FROM chat_plan_marks WHERE id = NEW.id;
END;

-- --- triggers: files -------------------------------------------------------------------

DROP TRIGGER IF EXISTS chat_attachments_added;
CREATE TRIGGER chat_attachments_added AFTER INSERT ON chat_attachments
BEGIN
    INSERT INTO chat_file_usage (owner, bytes)
    VALUES ('u' || NEW.user_id, coalesce(NEW.size, 0)),
           ('c' || NEW.conversation_id, coalesce(NEW.size, 0))
    ON CONFLICT (owner) DO UPDATE SET bytes = bytes + excluded.bytes;
END;

DROP TRIGGER IF EXISTS chat_attachments_resized;
CREATE TRIGGER chat_attachments_resized AFTER UPDATE OF size ON chat_attachments
WHEN OLD.size IS NOT NEW.size
BEGIN
    UPDATE chat_file_usage
    SET bytes = bytes + coalesce(NEW.size, 0) - coalesce(OLD.size, 0)
    WHERE owner IN ('u' || NEW.user_id, 'c' || NEW.conversation_id);
END;

DROP TRIGGER IF EXISTS chat_attachments_removed;
CREATE TRIGGER chat_attachments_removed AFTER DELETE ON chat_attachments
BEGIN
    UPDATE chat_file_usage SET bytes = bytes - coalesce(OLD.size, 0)
    WHERE owner IN ('u' || OLD.user_id, 'c' || OLD.conversation_id);
END;

-- A file that is not to be had: its sender hears it, and nobody else.
DROP TRIGGER IF EXISTS chat_attachments_rejected;
CREATE TRIGGER chat_attachments_rejected AFTER UPDATE OF state ON chat_attachments
WHEN OLD.state = 'pending' AND NEW.state IN ('infected', 'failed')
BEGIN
    INSERT INTO chat_events (event, conversation_id, channels, payload)
    SELECT 'AttachmentRejected', r.id,
           json_array('private-user.' || NEW.user_id),
           json_object('attachment',
                       json_object('id', NEW.id, 'state', NEW.state),
                       'user_id', NEW.user_id, 'consultation_id', r.id)
    FROM treatment_requests r
    WHERE r.id = NEW.conversation_id AND r.deleted_at IS NULL;
END;

-- --- triggers: log-ins -----------------------------------------------------------------
-- A log-in that ends, or is to end at another time, is told to chat-push, which has
-- sockets that came by it. Such an event is for nobody else: it has no channel and
-- no conversation (0). The log-in's name is made as common/identity.h says; `until`
-- is in Unix seconds, 0: it has ended, null: it does not end by itself. What ends
-- by its time alone needs no event.

DROP TRIGGER IF EXISTS chat_sessions_ended;
CREATE TRIGGER chat_sessions_ended AFTER DELETE ON chat_sessions
WHEN OLD.expires_at > strftime('%Y-%m-%d %H:%M:%f', 'now')
BEGIN
    INSERT INTO chat_events (event, conversation_id, channels, payload)
    VALUES ('chat:session', 0, '[]',
            json_object('session', 's' || substr(OLD.token_hash, 1, 32),
                        'until', 0));
END;

DROP TRIGGER IF EXISTS chat_sessions_moved;
CREATE TRIGGER chat_sessions_moved
AFTER UPDATE OF token_hash, user_id, expires_at ON chat_sessions
WHEN OLD.token_hash IS NOT NEW.token_hash OR OLD.user_id IS NOT NEW.user_id
  OR OLD.expires_at IS NOT NEW.expires_at
BEGIN
    INSERT INTO chat_events (event, conversation_id, channels, payload)
    VALUES ('chat:session', 0, '[]',
            json_object('session', 's' || substr(OLD.token_hash, 1, 32),
                        'until',
                        CASE WHEN OLD.token_hash IS NOT NEW.token_hash
                               OR OLD.user_id IS NOT NEW.user_id THEN 0
                             ELSE CAST(strftime('%s', NEW.expires_at)
                                       AS INTEGER) END));
END;

DROP TRIGGER IF EXISTS chat_tokens_ended;
CREATE TRIGGER chat_tokens_ended AFTER DELETE ON personal_access_tokens
WHEN OLD.expires_at IS NULL
  OR OLD.expires_at > strftime('%Y-%m-%d %H:%M:%f', 'now')
BEGIN
    INSERT INTO chat_events (event, conversation_id, channels, payload)
    VALUES ('chat:session', 0, '[]',
            json_object('session', 't' || substr(OLD.token, 1, 32),
                        'until', 0));
END;

DROP TRIGGER IF EXISTS chat_tokens_moved;
CREATE TRIGGER chat_tokens_moved
AFTER UPDATE OF token, tokenable_type, tokenable_id, expires_at
ON personal_access_tokens
WHEN OLD.token IS NOT NEW.token OR OLD.tokenable_id IS NOT NEW.tokenable_id
  OR OLD.tokenable_type IS NOT NEW.tokenable_type
  OR OLD.expires_at IS NOT NEW.expires_at
BEGIN
    INSERT INTO chat_events (event, conversation_id, channels, payload)
    VALUES ('chat:session', 0, '[]',
            json_object('session', 't' || substr(OLD.token, 1, 32),
                        'until',
                        CASE WHEN OLD.token IS NOT NEW.token
                               OR OLD.tokenable_id IS NOT NEW.tokenable_id
                               OR OLD.tokenable_type IS NOT NEW.tokenable_type
                             THEN 0
                             ELSE CAST(strftime('%s', NEW.expires_at)
                                       AS INTEGER) END));
END;

-- All log-ins of a user, who may or may not use them from now on.
DROP TRIGGER IF EXISTS chat_users_moved;
CREATE TRIGGER chat_users_moved AFTER UPDATE OF status, deleted_at ON users
WHEN (OLD.deleted_at IS NULL AND OLD.status <> 'suspended')
  <> (NEW.deleted_at IS NULL AND NEW.status <> 'suspended')
BEGIN
    INSERT INTO chat_events (event, conversation_id, channels, payload)
    SELECT 'chat:session', 0, '[]',
           json_object('session', session, 'until',
                       CASE WHEN NEW.deleted_at IS NULL
                             AND NEW.status <> 'suspended'
                            THEN CAST(strftime('%s', ends) AS INTEGER)
                            ELSE 0 END)
    FROM (SELECT 's' || substr(token_hash, 1, 32) AS session,
                 expires_at AS ends
          FROM chat_sessions WHERE user_id = NEW.id
          UNION ALL
          SELECT 't' || substr(token, 1, 32), expires_at
          FROM personal_access_tokens
          WHERE tokenable_type IN (SELECT name FROM chat_token_types) AND tokenable_id = NEW.id
          UNION ALL
          SELECT 'u' || NEW.id, NULL);
END;

-- Another role may hear other channels: sockets end, and the log-ins stay good for new
-- ones.
DROP TRIGGER IF EXISTS chat_users_role;
CREATE TRIGGER chat_users_role AFTER UPDATE OF role ON users
WHEN OLD.role IS NOT NEW.role
 AND NEW.deleted_at IS NULL AND NEW.status <> 'suspended'
BEGIN
    INSERT INTO chat_events (event, conversation_id, channels, payload)
    SELECT 'chat:session', 0, '[]',
           json_object('session', session, 'until',
                       CASE WHEN stays THEN CAST(strftime('%s', ends) AS INTEGER)
                            ELSE 0 END)
    FROM (SELECT 's' || substr(token_hash, 1, 32) AS session,
                 expires_at AS ends
          FROM chat_sessions WHERE user_id = NEW.id
          UNION ALL
          SELECT 't' || substr(token, 1, 32), expires_at
          FROM personal_access_tokens
          WHERE tokenable_type IN (SELECT name FROM chat_token_types) AND tokenable_id = NEW.id
          UNION ALL
          SELECT 'u' || NEW.id, NULL),
         (SELECT 0 AS stays UNION ALL SELECT 1)
    ORDER BY stays;
END;

DROP TRIGGER IF EXISTS chat_users_ended;
CREATE TRIGGER chat_users_ended AFTER DELETE ON users
BEGIN
    INSERT INTO chat_events (event, conversation_id, channels, payload)
    SELECT 'chat:session', 0, '[]',
           json_object('session', session, 'until', 0)
    FROM (SELECT 's' || substr(token_hash, 1, 32) AS session
          FROM chat_sessions WHERE user_id = OLD.id
          UNION ALL
          SELECT 't' || substr(token, 1, 32) FROM personal_access_tokens
          WHERE tokenable_type IN (SELECT name FROM chat_token_types) AND tokenable_id = OLD.id
          UNION ALL
          SELECT 'u' || OLD.id);
END;

-- --- searching ---------------------------------------------------------------------------
-- The words of messages, folded (common/words.h), as chat-push has put them in: all
-- of low < id <= high. mod_chat reads the rest itself. No trigger names the index,
-- so a program whose SQLite lacks FTS5 writes messages all the same; it only notes
-- what was changed. README.md beside this file says more.

CREATE VIRTUAL TABLE IF NOT EXISTS chat_search
USING fts5(words, detail=none, columnsize=0, tokenize="ascii tokenchars '-_'");

CREATE TABLE IF NOT EXISTS chat_search_state (
    one INTEGER PRIMARY KEY CHECK (one = 1),
    low INTEGER NOT NULL,
    high INTEGER NOT NULL,
    fold INTEGER NOT NULL DEFAULT 0  -- by which CHAT_FOLD_VERSION; 0: nothing yet
);
INSERT OR IGNORE INTO chat_search_state (one, low, high)
SELECT 1, coalesce(max(id), 0), coalesce(max(id), 0) FROM messages;

CREATE TABLE IF NOT EXISTS chat_search_changed (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    message_id INTEGER NOT NULL
);
CREATE INDEX IF NOT EXISTS chat_search_changed_message
    ON chat_search_changed (message_id);

DROP TRIGGER IF EXISTS chat_search_followed;
CREATE TRIGGER chat_search_followed
AFTER UPDATE OF body, deleted_at, request_id ON messages
WHEN OLD.body IS NOT NEW.body OR OLD.request_id IS NOT NEW.request_id
  OR (OLD.deleted_at IS NULL) <> (NEW.deleted_at IS NULL)
BEGIN
    INSERT INTO chat_search_changed (message_id) VALUES (NEW.id);
END;

DROP TRIGGER IF EXISTS chat_search_removed;
CREATE TRIGGER chat_search_removed AFTER DELETE ON messages
BEGIN
    INSERT INTO chat_search_changed (message_id) VALUES (OLD.id);
END;

-- --- the audit log -----------------------------------------------------------------
-- Who did what, when, from where, and how it was answered; never what was written.
-- Append-only: httpd's children and chatctl add entries behind the last one, each
-- with the hash of the one before it (common/audit_entry.h says how), and triggers refuse
-- the rest. Ids are text, for entries outlive what they name.

CREATE TABLE IF NOT EXISTS chat_audit (
    seq INTEGER PRIMARY KEY,        -- 1, 2, 3 …, without gaps
    at TEXT NOT NULL,               -- '2026-11-29T16:32:58.123Z'
    user_id TEXT NOT NULL,          -- '': nobody known
    via TEXT NOT NULL,              -- session, token, apache, none, chatctl
    action TEXT NOT NULL,           -- 'messages.read', …
    conversation_id TEXT NOT NULL,  -- '': none
    object TEXT NOT NULL,           -- id of a message, file, token …
    address TEXT NOT NULL,
    agent TEXT NOT NULL,            -- the beginning of User-Agent
    status TEXT NOT NULL,           -- of the answer; below 400: ok
    request_id TEXT NOT NULL,
    hash TEXT NOT NULL              -- of this entry and the hash before it
);

-- One row: the last entry, and the last one that was purged.
CREATE TABLE IF NOT EXISTS chat_audit_head (
    one INTEGER PRIMARY KEY CHECK (one = 1),
    seq INTEGER NOT NULL,
    hash TEXT NOT NULL,
    purged_to INTEGER NOT NULL DEFAULT 0,
    purged_hash TEXT NOT NULL
);
INSERT OR IGNORE INTO chat_audit_head (one, seq, hash, purged_hash)
VALUES (1, 0, printf('%064d', 0), printf('%064d', 0));

-- How far each spool file has been taken in, so that a crash repeats nothing.
CREATE TABLE IF NOT EXISTS chat_audit_spools (
    name TEXT PRIMARY KEY,
    upto INTEGER NOT NULL            -- bytes
);

DROP TRIGGER IF EXISTS chat_audit_unchanged;
CREATE TRIGGER chat_audit_unchanged BEFORE UPDATE ON chat_audit
BEGIN
    SELECT RAISE(ABORT, 'chat_audit is append-only');
END;

-- chatctl audit purge moves the mark first, and leaves an entry that says so.
DROP TRIGGER IF EXISTS chat_audit_kept;
CREATE TRIGGER chat_audit_kept BEFORE DELETE ON chat_audit
WHEN OLD.seq > (SELECT purged_to FROM chat_audit_head)
BEGIN
    SELECT RAISE(ABORT, 'chat_audit is append-only');
END;

-- --- retention, legal holds -----------------------------------------------------------

-- How long a conversation's content is kept after its last change, by its status;
-- '*': those that have no row of their own. No row: for ever. `chatctl purge` does it.
CREATE TABLE IF NOT EXISTS chat_retention (
    status TEXT PRIMARY KEY,
    days INTEGER NOT NULL CHECK (days > 0)
);

-- A row that is not released keeps the content of a conversation, whoever wants it
-- removed: purge and erasure pass it over.
CREATE TABLE IF NOT EXISTS chat_legal_holds (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    conversation_id TEXT NOT NULL,
    why TEXT NOT NULL,
    placed_by TEXT NOT NULL,
    placed_at TEXT NOT NULL,
    released_by TEXT,
    released_at TEXT
);
CREATE UNIQUE INDEX IF NOT EXISTS chat_legal_holds_open
    ON chat_legal_holds (conversation_id) WHERE released_at IS NULL;

-- Nobody who catches up is told any more what a message said before it was edited
-- or deleted: the log of events says then what the message says now, also where
-- another one answers it.
-- A mark, not a record: while there is a row, chatctl empties the log as a whole
-- (care_scrub); it is gone when that transaction ends.
CREATE TABLE IF NOT EXISTS chat_wipes (one INTEGER PRIMARY KEY CHECK (one = 1));

DROP TRIGGER IF EXISTS chat_messages_scrubbed;
CREATE TRIGGER chat_messages_scrubbed AFTER UPDATE OF deleted_at ON messages
WHEN OLD.request_id IS NOT NULL AND NOT EXISTS (SELECT 1 FROM chat_wipes)
 AND NEW.deleted_at IS NOT NULL AND OLD.deleted_at IS NULL
BEGIN
    UPDATE chat_events
    SET payload = json_set(payload, '$.message.content', '',
                           '$.message.edited_at', NULL, '$.message.reply_to', NULL,
                           '$.message.plan', NULL, '$.message.deleted_at',
                           strftime('%Y-%m-%dT%H:%M:%fZ', 'now'),
                           '$.message.reactions', json('[]'),
                           '$.message.attachments', json('[]'))
    WHERE message_id = OLD.id AND json_valid(payload);
    UPDATE chat_events
    SET payload = json_set(payload, '$.message.reply_to.content', '',
                           '$.message.reply_to.deleted', json('true'))
    WHERE quotes_id = OLD.id AND json_valid(payload)
      AND json_type(payload, '$.message.reply_to') = 'object';
END;

DROP TRIGGER IF EXISTS chat_messages_scrubbed_edited;
CREATE TRIGGER chat_messages_scrubbed_edited AFTER UPDATE OF body ON messages
WHEN OLD.request_id IS NOT NULL AND OLD.body IS NOT NEW.body
 AND NEW.deleted_at IS NULL AND NOT EXISTS (SELECT 1 FROM chat_resealing)
BEGIN
    UPDATE chat_events
    SET payload = json_set(payload, '$.message.content', CAST(NEW.body AS TEXT))
    WHERE message_id = OLD.id AND json_valid(payload);
    UPDATE chat_events
    SET payload = json_set(payload, '$.message.reply_to.content',
                           CASE WHEN NEW.body LIKE 'sealed:2:%' THEN NEW.body
                                ELSE substr(CAST(NEW.body AS TEXT), 1, 140) END,
                           '$.message.reply_to.deleted', json('false'))
    WHERE quotes_id = OLD.id AND json_valid(payload)
      AND json_type(payload, '$.message.reply_to') = 'object';
END;

DROP TRIGGER IF EXISTS chat_messages_scrubbed_gone;
CREATE TRIGGER chat_messages_scrubbed_gone AFTER DELETE ON messages
WHEN OLD.request_id IS NOT NULL
BEGIN
    UPDATE chat_events
    SET payload = json_set(payload, '$.message.content', '',
                           '$.message.edited_at', NULL, '$.message.reply_to', NULL,
                           '$.message.plan', NULL, '$.message.deleted_at',
                           strftime('%Y-%m-%dT%H:%M:%fZ', 'now'),
                           '$.message.reactions', json('[]'),
                           '$.message.attachments', json('[]'))
    WHERE message_id = OLD.id AND json_valid(payload);
    UPDATE chat_events
    SET payload = json_set(payload, '$.message.reply_to.content', '',
                           '$.message.reply_to.deleted', json('true'))
    WHERE quotes_id = OLD.id AND json_valid(payload)
      AND json_type(payload, '$.message.reply_to') = 'object';
END;

-- --- break-glass -----------------------------------------------------------------------
-- Staff who are no members of a conversation open it for a while and say why; its
-- people are told, by an event and by a line in the thread. Why is for those who
-- read this table.

CREATE TABLE IF NOT EXISTS chat_break_glass (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    conversation_id INTEGER NOT NULL,
    user_id INTEGER NOT NULL,
    reason TEXT NOT NULL,
    created_at TEXT NOT NULL DEFAULT (strftime('%Y-%m-%d %H:%M:%f', 'now')),
    until TEXT NOT NULL
);
CREATE INDEX IF NOT EXISTS chat_break_glass_open
    ON chat_break_glass (user_id, conversation_id, until);

DROP TRIGGER IF EXISTS chat_break_glass_told;
CREATE TRIGGER chat_break_glass_told AFTER INSERT ON chat_break_glass
BEGIN
    INSERT INTO chat_many_voices (conversation_id)
    SELECT NEW.conversation_id
    WHERE NOT EXISTS (SELECT 1 FROM chat_many_voices
                      WHERE conversation_id = NEW.conversation_id);
    INSERT INTO messages (from_user_id, to_user_id, request_id, body, type,
                          created_at, updated_at)
    SELECT NEW.user_id, coalesce(c.patient_id, c.doctor_id), c.id,
           'This conversation was opened by staff.', 'system',
           NEW.created_at, NEW.created_at
    FROM chat_conversations c WHERE c.id = NEW.conversation_id;
    INSERT INTO chat_events (event, conversation_id, channels, payload)
    SELECT 'BreakGlass', NEW.conversation_id,
           (SELECT json_group_array(name)
            FROM (SELECT 'private-conversation.' || NEW.conversation_id AS name
                  UNION ALL
                  SELECT 'private-notifications.admins'
                  UNION ALL
                  SELECT 'private-user.' || user_id FROM chat_members
                  WHERE conversation_id = NEW.conversation_id)),
           json_object('consultation_id', NEW.conversation_id,
                       'user', json_object('id', u.id, 'name', CAST(u.name AS TEXT),
                                           'role', CAST(u.role AS TEXT)),
                       'at', strftime('%Y-%m-%dT%H:%M:%fZ', NEW.created_at),
                       'until', strftime('%Y-%m-%dT%H:%M:%fZ', NEW.until))
    FROM chat_users u WHERE u.id = NEW.user_id;
END;

-- --- triggers: last seen ---------------------------------------------------------------
-- What a log-in knew of it outlives the log-in.

DROP TRIGGER IF EXISTS chat_sessions_last_seen;
CREATE TRIGGER chat_sessions_last_seen AFTER DELETE ON chat_sessions
BEGIN
    INSERT INTO chat_last_seen (user_id, at)
    SELECT u.id, OLD.last_seen_at FROM users u WHERE u.id = OLD.user_id
    ON CONFLICT (user_id) DO UPDATE SET at = max(at, excluded.at);
END;

DROP TRIGGER IF EXISTS chat_tokens_last_seen;
CREATE TRIGGER chat_tokens_last_seen AFTER DELETE ON personal_access_tokens
WHEN OLD.last_used_at IS NOT NULL
  AND OLD.tokenable_type IN (SELECT name FROM chat_token_types)
BEGIN
    INSERT INTO chat_last_seen (user_id, at)
    SELECT u.id, OLD.last_used_at FROM users u WHERE u.id = OLD.tokenable_id
    ON CONFLICT (user_id) DO UPDATE SET at = max(at, excluded.at);
END;

-- --- triggers: passwords -----------------------------------------------------------------

-- Ours.
DROP TRIGGER IF EXISTS chat_password_change;
CREATE TRIGGER chat_password_change AFTER INSERT ON chat_password_changes
BEGIN
    UPDATE users SET password = NEW.password, remember_token = NULL,
                     updated_at = strftime('%Y-%m-%d %H:%M:%f', 'now')
    WHERE id = NEW.user_id;
    DELETE FROM chat_sessions
    WHERE user_id = NEW.user_id AND token_hash <> NEW.keep;
    DELETE FROM personal_access_tokens
    WHERE tokenable_id = NEW.user_id AND token <> NEW.keep
      AND tokenable_type IN (SELECT name FROM chat_token_types);
    DELETE FROM chat_password_changes WHERE user_id = NEW.user_id;
END;

-- Somebody else's ends all log-ins. A log-in of Laravel's may only hash the same
-- password anew, because the site wants another algorithm or cost, and from outside that
-- looks as a change does. Where the site says that it happens (ChatForeignRehash),
-- nothing ends when these differ from those before and remember_token has not changed,
-- as it does when a password is reset.
DROP TRIGGER IF EXISTS chat_users_password;
CREATE TRIGGER chat_users_password AFTER UPDATE OF password ON users
WHEN OLD.password <> NEW.password
 AND NOT EXISTS (SELECT 1 FROM chat_password_changes WHERE user_id = NEW.id)
 AND (NOT EXISTS (SELECT 1 FROM chat_login_settings WHERE rehash)
      OR OLD.remember_token IS NOT NEW.remember_token
      OR CASE WHEN OLD.password LIKE '$argon2%'
              THEN substr(OLD.password, 1, instr(OLD.password, ',p=') + 4)
              ELSE substr(OLD.password, 1, 7) END
       = CASE WHEN NEW.password LIKE '$argon2%'
              THEN substr(NEW.password, 1, instr(NEW.password, ',p=') + 4)
              ELSE substr(NEW.password, 1, 7) END)
BEGIN
    DELETE FROM chat_sessions WHERE user_id = NEW.id;
    DELETE FROM personal_access_tokens
    WHERE tokenable_id = NEW.id AND tokenable_type IN (SELECT name FROM chat_token_types);
END;

-- --- version -------------------------------------------------------------------------

CREATE TABLE IF NOT EXISTS chat_schema (
    version INTEGER PRIMARY KEY,
    applied_at TEXT NOT NULL DEFAULT (strftime('%Y-%m-%d %H:%M:%f', 'now'))
);
INSERT OR IGNORE INTO chat_schema (version) VALUES (4);

COMMIT;
