-- SPDX-License-Identifier: Apache-2.0
--
-- Adapts an existing Laravel database on PostgreSQL 13 or later: users with
-- patients and doctors as profiles, treatment_requests, the accepted doctor in
-- treatment_request_doctors, messages, treatment_plans, personal_access_tokens;
-- UUID or integer keys. README.md beside this file explains it.
--
--   psql -v ON_ERROR_STOP=1 -f laravel.pgsql.sql postgresql://…/application
--
-- Run it as the role that owns the application's tables, with its search_path. It
-- only adds: columns, indexes, views, functions, triggers, tables of its own. It
-- may be run again; laravel-undo.pgsql.sql takes all of it away. Everything is one
-- transaction, and what is missing is said before anything changes.
--
-- WHAT IS OURS has a name that begins with chat_ or a comment that begins with
-- "mod_chat:"; the undo goes by these.
--
-- TYPES. What depends on the application's columns (the type of its ids, whether a
-- column is there) is made by EXECUTE; the rest is schema.pgsql.sql's, word for
-- word. The views name only columns they need, because a column that a view names
-- cannot change its type while the view is there.

BEGIN;
SET LOCAL client_min_messages = warning; -- not what IF EXISTS passes over

-- A database of a later release keeps what that has made.
DO $$
DECLARE
    found integer;
BEGIN
    IF to_regclass('chat_schema') IS NOT NULL THEN
        SELECT max(version) INTO found FROM chat_schema;
        IF found > 4 THEN
            RAISE EXCEPTION 'the database is at schema version %, and this script knows 4: take that of its release', found;
        END IF;
    END IF;
END $$;

-- --- what has to be there ------------------------------------------------------------

-- Whether a table of the search_path has a column. Gone again before COMMIT.
CREATE OR REPLACE FUNCTION chat_has(tab text, col text) RETURNS boolean
LANGUAGE sql STABLE
AS $$ SELECT EXISTS (
    SELECT FROM pg_attribute
    WHERE attrelid = to_regclass(tab) AND attname = col
      AND attnum > 0 AND NOT attisdropped) $$;

-- "x.deleted_at IS NULL" where a table, called x, has such a column. Likewise.
CREATE OR REPLACE FUNCTION chat_alive(tab text, x text) RETURNS text
LANGUAGE sql STABLE
AS $$ SELECT CASE WHEN chat_has(tab, 'deleted_at')
                  THEN x || '.deleted_at IS NULL' ELSE 'true' END $$;

DO $$
DECLARE
    lacking text;
BEGIN
    SELECT string_agg(
               CASE WHEN to_regclass(tab) IS NULL THEN 'the table ' || tab
                    ELSE 'the column ' || tab || '.' || col END,
               ', ' ORDER BY nr)
    INTO lacking
    FROM (SELECT min(nr) AS nr, tab,
                 CASE WHEN to_regclass(tab) IS NOT NULL THEN col END AS col
          FROM (SELECT need.ordinality AS nr,
                       split_part(need.name, '.', 1) AS tab,
                       split_part(need.name, '.', 2) AS col
                FROM unnest(ARRAY[
                    'users.id', 'users.name', 'users.email',
                    'users.password', 'users.role',
                    'patients.id', 'patients.user_id',
                    'doctors.id', 'doctors.user_id',
                    'treatment_requests.id', 'treatment_requests.patient_id',
                    'treatment_requests.title', 'treatment_requests.status',
                    'treatment_requests.created_at',
                    'treatment_requests.updated_at',
                    'treatment_request_doctors.id',
                    'treatment_request_doctors.treatment_request_id',
                    'treatment_request_doctors.doctor_id',
                    'treatment_request_doctors.status',
                    'messages.id', 'messages.from_user_id',
                    'messages.to_user_id', 'messages.request_id',
                    'messages.body', 'messages.read_at',
                    'messages.created_at', 'messages.updated_at',
                    'personal_access_tokens.tokenable_type',
                    'personal_access_tokens.tokenable_id',
                    'personal_access_tokens.name',
                    'personal_access_tokens.token',
                    'personal_access_tokens.abilities',
                    'personal_access_tokens.last_used_at',
                    'personal_access_tokens.expires_at', -- since Sanctum 3
                    'personal_access_tokens.created_at',
                    'personal_access_tokens.updated_at'])
                    WITH ORDINALITY AS need (name, ordinality)) AS split
          WHERE NOT chat_has(tab, col)
            -- made below where there is none
            AND (tab <> 'personal_access_tokens'
                 OR to_regclass(tab) IS NOT NULL)
          GROUP BY 2, 3) AS missing;
    IF lacking IS NOT NULL THEN
        RAISE EXCEPTION 'mod_chat cannot adapt this database: it lacks %',
            lacking
            USING HINT = 'Does the search_path name the application''s schema?';
    END IF;

    -- One type for all ids of people, one for all of conversations.
    SELECT string_agg(format('%s is %s, but %s is %s', a.name, a.type,
                             b.name, b.type), '; ')
    INTO lacking
    FROM (VALUES ('users.id', 'patients.user_id'),
                 ('users.id', 'doctors.user_id'),
                 ('users.id', 'messages.from_user_id'),
                 ('users.id', 'messages.to_user_id'),
                 ('users.id', 'personal_access_tokens.tokenable_id'),
                 ('patients.id', 'treatment_requests.patient_id'),
                 ('treatment_requests.id', 'messages.request_id'),
                 ('treatment_requests.id',
                  'treatment_request_doctors.treatment_request_id')
         ) AS pair (one, other)
    CROSS JOIN LATERAL (
        SELECT pair.one AS name, format_type(atttypid, NULL) AS type
        FROM pg_attribute
        WHERE attrelid = to_regclass(split_part(pair.one, '.', 1))
          AND attname = split_part(pair.one, '.', 2)) AS a
    CROSS JOIN LATERAL (
        SELECT pair.other AS name, format_type(atttypid, NULL) AS type
        FROM pg_attribute
        WHERE attrelid = to_regclass(split_part(pair.other, '.', 1))
          AND attname = split_part(pair.other, '.', 2)) AS b
    WHERE (a.type = 'uuid' OR b.type = 'uuid'
           OR a.type NOT IN ('bigint', 'integer')
           OR b.type NOT IN ('bigint', 'integer'))
      AND NOT (a.type = 'uuid' AND b.type = 'uuid');
    IF lacking IS NOT NULL THEN
        RAISE EXCEPTION
            'mod_chat knows UUIDs and integers as ids, of one kind: %', lacking;
    END IF;

    SELECT string_agg(format('%s.%s is %s', attrelid::regclass, attname,
                             format_type(atttypid, atttypmod)), '; ')
    INTO lacking
    FROM pg_attribute
    WHERE attrelid IN (to_regclass('messages'),
                       to_regclass('treatment_requests'),
                       to_regclass('personal_access_tokens'))
      AND attname IN ('created_at', 'updated_at', 'read_at', 'last_used_at',
                      'expires_at')
      AND atttypid <> 'timestamp'::regtype;
    IF lacking IS NOT NULL THEN
        RAISE EXCEPTION
            'mod_chat knows timestamps without a zone, in UTC, only: %', lacking;
    END IF;

    -- Columns we would add and the application has already, as its own.
    SELECT string_agg(name, ', ') INTO lacking
    FROM (VALUES ('messages', 'client_id'),
                 ('messages', 'edited_at'),
                 ('messages', 'reply_to_id'),
                 ('messages', 'file_ids'),
                 ('messages', 'detailed'),
                 ('messages', 'plan_id'),
                 ('messages', 'plan_status'),
                 ('treatment_requests', 'message_count'),
                 ('treatment_requests', 'chat_patient_id'),
                 ('treatment_requests', 'chat_doctor_id')) AS ours (tab, col)
    CROSS JOIN LATERAL (SELECT tab || '.' || col AS name, (
        SELECT col_description(attrelid, attnum) FROM pg_attribute
        WHERE attrelid = to_regclass(tab) AND attname = col
          AND NOT attisdropped) AS mark) AS there
    WHERE chat_has(tab, col) AND coalesce(mark, '') NOT LIKE 'mod_chat:%';
    IF lacking IS NOT NULL THEN
        RAISE EXCEPTION
            'mod_chat needs %, which the application has for itself', lacking;
    END IF;
END $$;

-- --- columns -------------------------------------------------------------------------
-- Each with a mark, by which the undo knows it. A table is locked only when it
-- lacks one: until COMMIT nobody writes then, so the counters start right.

DO $$
BEGIN
    IF NOT chat_has('messages', 'client_id') THEN
        ALTER TABLE messages ADD COLUMN client_id text;
        COMMENT ON COLUMN messages.client_id IS
            'mod_chat: the sender''s own name for it; a retried POST finds it';
    END IF;
    IF NOT chat_has('messages', 'type') THEN
        ALTER TABLE messages
            ADD COLUMN type varchar(255) NOT NULL DEFAULT 'text';
        COMMENT ON COLUMN messages.type IS 'mod_chat: kind of message';
    END IF;
    IF NOT chat_has('messages', 'deleted_at') THEN
        ALTER TABLE messages ADD COLUMN deleted_at timestamp(0);
        COMMENT ON COLUMN messages.deleted_at IS 'mod_chat: not shown any more';
    END IF;
    IF NOT chat_has('messages', 'edited_at') THEN
        ALTER TABLE messages ADD COLUMN edited_at timestamp(3);
        COMMENT ON COLUMN messages.edited_at IS
            'mod_chat: when the text was last changed';
    END IF;
    IF NOT chat_has('messages', 'reply_to_id') THEN
        EXECUTE format(
            'ALTER TABLE messages ADD COLUMN reply_to_id %s',
            (SELECT format_type(atttypid, atttypmod) FROM pg_attribute
             WHERE attrelid = 'messages'::regclass AND attname = 'id'));
        COMMENT ON COLUMN messages.reply_to_id IS
            'mod_chat: the message it answers, which may be gone';
    END IF;
    IF NOT chat_has('messages', 'file_ids') THEN
        ALTER TABLE messages ADD COLUMN file_ids text;
        COMMENT ON COLUMN messages.file_ids IS
            'mod_chat: JSON list, the attachments it was sent with';
    END IF;
    IF NOT chat_has('messages', 'detailed') THEN
        ALTER TABLE messages ADD COLUMN detailed integer;
        COMMENT ON COLUMN messages.detailed IS
            'mod_chat: NULL, the row says all there is to say of it';
    END IF;
    IF NOT chat_has('messages', 'plan_id') THEN
        ALTER TABLE messages ADD COLUMN plan_id text,
                             ADD COLUMN plan_status text;
        COMMENT ON COLUMN messages.plan_id IS
            'mod_chat: the plan a message of type plan is a card of';
        COMMENT ON COLUMN messages.plan_status IS
            'mod_chat: what that plan had become';
    END IF;
    IF NOT chat_has('treatment_requests', 'message_count') THEN
        LOCK TABLE messages IN SHARE MODE;
        ALTER TABLE treatment_requests
            ADD COLUMN message_count bigint NOT NULL DEFAULT 0;
        COMMENT ON COLUMN treatment_requests.message_count IS
            'mod_chat: messages not deleted; triggers keep it';
        UPDATE treatment_requests r SET message_count = counted.n
        FROM (SELECT request_id, count(*) AS n FROM messages
              WHERE request_id IS NOT NULL AND deleted_at IS NULL
              GROUP BY request_id) AS counted
        WHERE r.id = counted.request_id;
    END IF;
    -- Who they are by their user's id; filled below, when their triggers are there.
    IF NOT chat_has('treatment_requests', 'chat_patient_id') THEN
        EXECUTE format(
            'ALTER TABLE treatment_requests ADD COLUMN chat_patient_id %s,
                                            ADD COLUMN chat_doctor_id %s',
            (SELECT format_type(atttypid, atttypmod) FROM pg_attribute
             WHERE attrelid = 'patients'::regclass AND attname = 'user_id'),
            (SELECT format_type(atttypid, atttypmod) FROM pg_attribute
             WHERE attrelid = 'doctors'::regclass AND attname = 'user_id'));
        COMMENT ON COLUMN treatment_requests.chat_patient_id IS
            'mod_chat: the patient''s user; triggers keep it';
        COMMENT ON COLUMN treatment_requests.chat_doctor_id IS
            'mod_chat: the user of the doctor who accepted; triggers keep it';
    END IF;
END $$;

-- --- who is asking -----------------------------------------------------------------

DO $$
DECLARE
    person text := (SELECT format_type(atttypid, atttypmod) FROM pg_attribute
                    WHERE attrelid = 'users'::regclass AND attname = 'id');
BEGIN
    -- Sanctum's table, when the application has none. token is the SHA-256 of the
    -- plain text, in hex.
    IF to_regclass('personal_access_tokens') IS NULL THEN
        EXECUTE format(
            'CREATE TABLE personal_access_tokens (
                 id bigserial PRIMARY KEY,
                 tokenable_type varchar(255) NOT NULL,
                 tokenable_id %s NOT NULL,
                 name varchar(255) NOT NULL,
                 token varchar(64) NOT NULL UNIQUE,
                 abilities text,
                 last_used_at timestamp(0),
                 expires_at timestamp(0),
                 created_at timestamp(0),
                 updated_at timestamp(0))', person);
        CREATE INDEX personal_access_tokens_tokenable_type_tokenable_id_index
            ON personal_access_tokens (tokenable_type, tokenable_id);
        COMMENT ON TABLE personal_access_tokens IS
            'mod_chat: bearer tokens, as Sanctum keeps them';
    END IF;

    -- Browsers that are logged in. token_hash is the SHA-256 of the cookie, in hex.
    EXECUTE format(
        'CREATE TABLE IF NOT EXISTS chat_sessions (
             token_hash text PRIMARY KEY,
             user_id %s NOT NULL REFERENCES users (id) ON DELETE CASCADE,
             csrf_token text NOT NULL,
             created_at timestamp(3) NOT NULL
                 DEFAULT (now() AT TIME ZONE ''UTC''),
             last_seen_at timestamp(3) NOT NULL
                 DEFAULT (now() AT TIME ZONE ''UTC''),
             expires_at timestamp(3) NOT NULL,
             address text,
             user_agent text
         ) WITH (fillfactor = 70)', person);

    -- Whom a name means that Apache has authenticated, for ChatUserBy table.
    EXECUTE format(
        'CREATE TABLE IF NOT EXISTS chat_logins (
             name text PRIMARY KEY,
             user_id %s NOT NULL REFERENCES users (id) ON DELETE CASCADE
         )', person);
END $$;
DO $$
DECLARE
    kinds text[] := ARRAY(
        SELECT (SELECT format_type(atttypid, atttypmod) FROM pg_attribute
                WHERE attrelid = w.tab::regclass AND attname = 'id')
        FROM unnest(ARRAY['treatment_requests', 'users', 'users'])
             WITH ORDINALITY AS w (tab, nr) ORDER BY nr);
BEGIN
    -- Whoever is in a conversation besides its patient and doctor. Deleting a row
    -- ends the membership, at once and on open sockets too.
    EXECUTE format(
        'CREATE TABLE IF NOT EXISTS chat_conversation_members (
             conversation_id %s NOT NULL
                 REFERENCES treatment_requests (id) ON DELETE CASCADE,
             user_id %s NOT NULL REFERENCES users (id) ON DELETE CASCADE,
             role text NOT NULL DEFAULT ''member''
                 CHECK (role NOT IN (''patient'', ''doctor'')),
             added_by %s,  -- a user
             created_at timestamp(3) DEFAULT (now() AT TIME ZONE ''UTC''),
             PRIMARY KEY (conversation_id, user_id))', VARIADIC kinds);
END $$;
CREATE INDEX IF NOT EXISTS chat_conversation_members_user
    ON chat_conversation_members (user_id);
CREATE INDEX IF NOT EXISTS chat_sessions_user ON chat_sessions (user_id);
CREATE INDEX IF NOT EXISTS chat_sessions_expires
    ON chat_sessions (expires_at);

-- --- indexes -------------------------------------------------------------------------

-- History, newest first, by keyset on id (created_at has whole seconds).
CREATE INDEX IF NOT EXISTS chat_messages_history ON messages (request_id, id);
-- Unread counts: holds unread rows only, so it stays small.
CREATE INDEX IF NOT EXISTS chat_messages_unread
    ON messages (to_user_id, request_id)
    WHERE read_at IS NULL AND deleted_at IS NULL;
CREATE UNIQUE INDEX IF NOT EXISTS chat_messages_client_id
    ON messages (request_id, from_user_id, client_id)
    WHERE client_id IS NOT NULL;
-- Logging in by address, whatever its letters' case.
CREATE INDEX IF NOT EXISTS chat_users_email ON users (lower(email));

-- From people to conversations.
CREATE INDEX IF NOT EXISTS chat_requests_patient_user
    ON treatment_requests (chat_patient_id);
CREATE INDEX IF NOT EXISTS chat_requests_doctor_user
    ON treatment_requests (chat_doctor_id);
-- What earlier versions of this script made, and nobody reads by now.
DROP INDEX IF EXISTS chat_patients_user, chat_doctors_user;

-- Names, tokens, and from profiles to what they are in, where the application has
-- no index that does it.
DO $$
DECLARE
    want record;
BEGIN
    FOR want IN
        SELECT * FROM (VALUES
            ('chat_users_name', 'users', 'name'),
            ('chat_requests_patient', 'treatment_requests', 'patient_id'),
            ('chat_dispatch_doctor', 'treatment_request_doctors', 'doctor_id'),
            ('chat_tokens_token', 'personal_access_tokens', 'token')
        ) AS list (name, tab, col)
    LOOP
        CONTINUE WHEN EXISTS (
            SELECT FROM pg_index i
            JOIN pg_class x ON x.oid = i.indexrelid
            JOIN pg_am am ON am.oid = x.relam AND am.amname = 'btree'
            JOIN pg_attribute a ON a.attrelid = i.indrelid
                               AND a.attnum = i.indkey[0]
            WHERE i.indrelid = to_regclass(want.tab) AND a.attname = want.col
              AND i.indpred IS NULL AND i.indisvalid);
        EXECUTE format('CREATE INDEX %I ON %I (%I)',
                       want.name, want.tab, want.col);
    END LOOP;
END $$;

-- --- the people of a conversation ----------------------------------------------------
-- A request knows its patient and its doctors by their profiles, one and two tables
-- away, and every statement of a chat asks who they are. So the request has their
-- users' ids itself, and triggers on all four tables keep them.
--
-- The doctor is the one who accepted first: the application may let several accept,
-- and then a conversation still has one doctor. A profile that is deleted is nobody's.
--
-- Whoever brings a profile into a request locks it (FOR SHARE), so that who deletes
-- it meanwhile comes before or after, and finds the request. What is read behind a
-- request's lock is what had been committed by then. Locks are taken in the order
-- profile, requests by id. Only a request that moves to another patient has its own row
-- first, because PostgreSQL locks a row before its triggers run. Who changes that
-- patient does not wait for it, since it is not one of theirs yet. So a circle needs a
-- request that has just left the patient and comes back, or two that change places, while
-- the patient is changed: PostgreSQL ends one of them as a deadlock.

DO $$
DECLARE
    alive text[] := ARRAY[chat_alive('patients', 'p'), chat_alive('doctors', 'd')];
    first text := CASE WHEN chat_has('treatment_request_doctors',
                                     'responded_at')
                       THEN 'x.responded_at, x.id' ELSE 'x.id' END;
    doctor text;
    request text := (SELECT format_type(atttypid, atttypmod) FROM pg_attribute
                     WHERE attrelid = 'treatment_requests'::regclass
                       AND attname = 'id');
    several bigint;
BEGIN
    EXECUTE format(
        'CREATE INDEX IF NOT EXISTS chat_dispatch_accepted
             ON treatment_request_doctors (treatment_request_id, %s)
             WHERE status = ''accepted''', replace(first, 'x.', ''));
    EXECUTE
        'SELECT count(*) FROM (
             SELECT FROM treatment_request_doctors
             WHERE status = ''accepted'' GROUP BY treatment_request_id
             HAVING count(*) > 1) AS many' INTO several;
    IF several > 0 THEN
        RAISE WARNING '% treatment requests have several doctors that accepted: '
            'the first of each is the one who chats', several;
    END IF;

    -- The user who is doctor of the request %s.
    doctor := '(SELECT d.user_id
                FROM treatment_request_doctors x
                JOIN doctors d ON d.id = x.doctor_id
                WHERE x.treatment_request_id = %s AND x.status = ''accepted''
                  AND ' || alive[2] || ' ORDER BY ' || first || ' LIMIT 1)';

    EXECUTE format(
        'CREATE OR REPLACE FUNCTION chat_people_set() RETURNS trigger
         LANGUAGE plpgsql AS $f$
         BEGIN
             IF TG_OP = ''UPDATE''
                AND NEW.patient_id IS NOT DISTINCT FROM OLD.patient_id THEN
                 RETURN NEW; -- and the patient is not locked
             END IF;
             SELECT p.user_id INTO NEW.chat_patient_id FROM patients p
             WHERE p.id = NEW.patient_id AND %s FOR SHARE;
             IF TG_OP = ''INSERT'' THEN
                 NEW.chat_doctor_id := %s;
             END IF;
             RETURN NEW;
         END $f$', alive[1], format(doctor, 'NEW.id'));
    EXECUTE format(
        'CREATE OR REPLACE FUNCTION chat_doctor_renew(request %s) RETURNS void
         LANGUAGE plpgsql AS $f$
         BEGIN
             PERFORM FROM treatment_requests WHERE id = request
             FOR NO KEY UPDATE;
             UPDATE treatment_requests r SET chat_doctor_id = found.who
             FROM (SELECT %s AS who) AS found
             WHERE r.id = request
               AND r.chat_doctor_id IS DISTINCT FROM found.who;
         END $f$', request, format(doctor, 'request'));
    EXECUTE format(
        'CREATE OR REPLACE FUNCTION chat_patient_changed() RETURNS trigger
         LANGUAGE plpgsql AS $f$
         BEGIN
             IF TG_OP = ''UPDATE''
                AND (NEW.id, NEW.user_id, %1$s)
                    IS NOT DISTINCT FROM (OLD.id, OLD.user_id, %2$s) THEN
                 RETURN NULL;
             END IF;
             PERFORM FROM treatment_requests r
             WHERE r.patient_id IN (OLD.id, NEW.id)
             ORDER BY r.id FOR NO KEY UPDATE;
             UPDATE treatment_requests r
             SET chat_patient_id = (SELECT p.user_id FROM patients p
                                    WHERE p.id = r.patient_id AND %3$s)
             WHERE r.patient_id IN (OLD.id, NEW.id);
             RETURN NULL;
         END $f$', replace(alive[1], 'p.', 'NEW.'),
        replace(alive[1], 'p.', 'OLD.'), alive[1]);
    EXECUTE format(
        'CREATE OR REPLACE FUNCTION chat_doctor_changed() RETURNS trigger
         LANGUAGE plpgsql AS $f$
         BEGIN
             IF TG_OP = ''UPDATE''
                AND (NEW.id, NEW.user_id, %s)
                    IS NOT DISTINCT FROM (OLD.id, OLD.user_id, %s) THEN
                 RETURN NULL;
             END IF;
             PERFORM chat_doctor_renew(theirs.request)
             FROM (SELECT DISTINCT x.treatment_request_id AS request
                   FROM treatment_request_doctors x
                   WHERE x.doctor_id IN (OLD.id, NEW.id)
                     AND x.status = ''accepted''
                   ORDER BY 1) AS theirs;
             RETURN NULL;
         END $f$', replace(alive[2], 'd.', 'NEW.'), replace(alive[2], 'd.', 'OLD.'));
END $$;

-- Only who is accepted matters, and what stays the same is not written.
CREATE OR REPLACE FUNCTION chat_dispatch_changed() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'TRUNCATE' THEN
        UPDATE treatment_requests SET chat_doctor_id = NULL
        WHERE chat_doctor_id IS NOT NULL;
        RETURN NULL;
    END IF;
    IF TG_OP <> 'DELETE' AND NEW.status = 'accepted' THEN
        PERFORM FROM doctors WHERE id = NEW.doctor_id FOR SHARE;
        PERFORM chat_doctor_renew(NEW.treatment_request_id);
    END IF;
    IF TG_OP <> 'INSERT' AND OLD.status = 'accepted' THEN
        PERFORM chat_doctor_renew(OLD.treatment_request_id);
    END IF;
    RETURN NULL;
END $$;

DROP TRIGGER IF EXISTS chat_people_set ON treatment_requests;
CREATE TRIGGER chat_people_set BEFORE INSERT OR UPDATE OF patient_id
ON treatment_requests FOR EACH ROW EXECUTE FUNCTION chat_people_set();

DROP TRIGGER IF EXISTS chat_dispatch_emptied ON treatment_request_doctors;
CREATE TRIGGER chat_dispatch_emptied AFTER TRUNCATE
ON treatment_request_doctors
FOR EACH STATEMENT EXECUTE FUNCTION chat_dispatch_changed();

-- The columns are named, so that a migration which drops one is refused.
DO $$
DECLARE
    want record;
BEGIN
    FOR want IN
        SELECT * FROM (VALUES
            ('chat_dispatch_changed', 'treatment_request_doctors',
             'id, treatment_request_id, doctor_id, status', 'responded_at'),
            ('chat_patient_changed', 'patients', 'id, user_id', 'deleted_at'),
            ('chat_doctor_changed', 'doctors', 'id, user_id', 'deleted_at')
        ) AS list (name, tab, cols, more)
    LOOP
        EXECUTE format('DROP TRIGGER IF EXISTS %I ON %I', want.name, want.tab);
        EXECUTE format(
            'CREATE TRIGGER %1$I AFTER INSERT OR DELETE OR UPDATE OF %2$s
             ON %3$I FOR EACH ROW EXECUTE FUNCTION %1$I()',
            want.name,
            want.cols || CASE WHEN chat_has(want.tab, want.more)
                              THEN ', ' || want.more ELSE '' END,
            want.tab);
    END LOOP;
END $$;

-- What is there now, and what was written while triggers were off, by a restore or
-- a replica.
DO $$
DECLARE
    alive text[] := ARRAY[chat_alive('patients', 'p'), chat_alive('doctors', 'd')];
BEGIN
    EXECUTE format(
        'UPDATE treatment_requests r
         SET chat_patient_id = people.patient, chat_doctor_id = people.doctor
         FROM (SELECT q.id, p.user_id AS patient, a.user_id AS doctor
               FROM treatment_requests q
               LEFT JOIN patients p ON p.id = q.patient_id AND %s
               LEFT JOIN (SELECT DISTINCT ON (x.treatment_request_id)
                                 x.treatment_request_id, d.user_id
                          FROM treatment_request_doctors x
                          JOIN doctors d ON d.id = x.doctor_id
                          WHERE x.status = ''accepted'' AND %s
                          ORDER BY x.treatment_request_id, %s) AS a
                   ON a.treatment_request_id = q.id) AS people
         WHERE people.id = r.id
           AND (r.chat_patient_id, r.chat_doctor_id)
               IS DISTINCT FROM (people.patient, people.doctor)',
        alive[1], alive[2],
        CASE WHEN chat_has('treatment_request_doctors', 'responded_at')
             THEN 'x.responded_at, x.id' ELSE 'x.id' END);
END $$;

-- --- the views -----------------------------------------------------------------------
-- What mod_chat reads people and conversations from. Texts are cast, so that the
-- views stay the same whatever lengths and enums the application gives them.

DO $$
DECLARE
    alive text[] := ARRAY[chat_alive('users', 'u'), chat_alive('treatment_requests', 'r')];
BEGIN
    EXECUTE format(
        'CREATE OR REPLACE VIEW chat_users AS
         SELECT u.id, u.name::text AS name, u.email::text AS email,
                u.password::text AS password, u.role::text AS role,
                %s AS locale, %s AND %s AS active, %s AS avatar
         FROM users u',
        CASE WHEN chat_has('users', 'locale')
             THEN 'u.locale::text' ELSE '''en''::text' END,
        alive[1],
        CASE WHEN chat_has('users', 'status')
             THEN 'coalesce(u.status::text, '''')
                   NOT IN (''suspended'', ''inactive'')'
             ELSE 'true' END,
        CASE WHEN chat_has('users', 'avatar')
             THEN 'u.avatar::text' ELSE 'NULL::text' END);

    EXECUTE format(
        'CREATE OR REPLACE VIEW chat_conversations AS
         SELECT r.id, r.title::text AS title, r.status::text AS status,
                r.chat_patient_id AS patient_id, r.chat_doctor_id AS doctor_id,
                r.message_count, r.created_at, r.updated_at
         FROM treatment_requests r
         WHERE %s', alive[2]);

    -- Who is patient and doctor in one is there once.
    EXECUTE format(
        'CREATE OR REPLACE VIEW chat_members AS
         SELECT r.id AS conversation_id, r.chat_patient_id AS user_id,
                ''patient'' AS role
         FROM treatment_requests r
         WHERE r.chat_patient_id IS NOT NULL AND %1$s
         UNION ALL
         SELECT r.id, r.chat_doctor_id, ''doctor''
         FROM treatment_requests r
         WHERE r.chat_doctor_id IS NOT NULL AND %1$s
           AND r.chat_doctor_id IS DISTINCT FROM r.chat_patient_id
         UNION ALL
         SELECT x.conversation_id, x.user_id, x.role
         FROM chat_conversation_members x
         JOIN treatment_requests r ON r.id = x.conversation_id
         WHERE %1$s AND x.user_id IS DISTINCT FROM r.chat_patient_id
           AND x.user_id IS DISTINCT FROM r.chat_doctor_id', alive[2]);
END $$;

-- Deleted ones too: they may come back. Plain columns of one table, so that an
-- UPDATE of the view is one of the table; it takes the row lock.
CREATE OR REPLACE VIEW chat_counters AS
SELECT id, message_count, updated_at
FROM treatment_requests;

-- --- plans -------------------------------------------------------------------------
-- The application's table, with our columns where it has none of that name. What it
-- has is read and written under the application's names: total_cost,
-- estimated_duration_days, doctor_id of doctors; what it has not is null. A table whose
-- CHECK knows no state 'cancelled' gets cancelled_at and 'expired'. Without the table
-- or its main columns there are no plans.

DO $$
DECLARE
    ours record;
    odd text;
    -- How a plan's doctor is found by the plan.
    doctor text := '(SELECT d.user_id FROM doctors d WHERE d.id = p.doctor_id)';
BEGIN
    IF NOT (chat_has('treatment_plans', 'id')
            AND chat_has('treatment_plans', 'title')
            AND chat_has('treatment_plans', 'status')
            AND chat_has('treatment_plans', 'doctor_id')
            AND chat_has('treatment_plans', 'treatment_request_id')) THEN
        RAISE WARNING 'treatment_plans is not there, or not in the shape this '
            'script knows: plans will raise no events';
        RETURN;
    END IF;
    SELECT string_agg(attname || ' ' || format_type(atttypid, NULL), ', ')
    INTO odd
    FROM pg_attribute
    WHERE attrelid = 'treatment_plans'::regclass AND NOT attisdropped
      AND (attname ~ '^(expires|submitted|decided|acknowledged|reminded|cancelled|deleted)_at$'
           AND atttypid <> 'timestamp'::regtype
           OR attname IN ('valid_days', 'reminders')
           AND atttypid <> 'integer'::regtype
           OR attname = 'must_acknowledge' AND atttypid <> 'boolean'::regtype
           OR attname IN ('status', 'reason', 'client_id', 'client_digest')
           AND atttypid NOT IN ('text'::regtype, 'varchar'::regtype));
    IF odd IS NOT NULL THEN
        RAISE WARNING 'treatment_plans has columns of another kind than this '
            'script knows (%): plans will raise no events', odd;
        RETURN;
    END IF;
    FOR ours IN
        SELECT * FROM (VALUES
            ('valid_days', 'integer', 'how long it can be accepted'),
            ('expires_at', 'timestamp(3)', 'cannot be accepted from then on'),
            ('submitted_at', 'timestamp(3)', 'when the patient was shown it'),
            ('decided_at', 'timestamp(3)', 'when it was decided'),
            ('cancelled_at', 'timestamp(3)', 'when it was cancelled'),
            ('deleted_at', 'timestamp(3)', 'not shown any more'),
            ('reason', 'text', 'why it was rejected or cancelled'),
            ('must_acknowledge', 'boolean NOT NULL DEFAULT false',
             'the patient is reminded'),
            ('acknowledged_at', 'timestamp(3)', 'the patient has seen it'),
            ('reminders', 'integer NOT NULL DEFAULT 0', 'how many there were'),
            ('reminded_at', 'timestamp(3)', 'the last of them'),
            ('client_id', 'text', 'the doctor''s own name for it'),
            ('client_digest', 'text', 'of what was sent under that name')
        ) AS list (col, type, about)
    LOOP
        CONTINUE WHEN chat_has('treatment_plans', ours.col);
        EXECUTE format('ALTER TABLE treatment_plans ADD COLUMN %I %s',
                       ours.col, ours.type);
        EXECUTE format('COMMENT ON COLUMN treatment_plans.%I IS %L',
                       ours.col, 'mod_chat: ' || ours.about);
    END LOOP;
    CREATE INDEX IF NOT EXISTS chat_plans_request
        ON treatment_plans (treatment_request_id);
    CREATE INDEX IF NOT EXISTS chat_plans_open
        ON treatment_plans (id) WHERE status = 'submitted';
    CREATE UNIQUE INDEX IF NOT EXISTS chat_plans_client_id
        ON treatment_plans (treatment_request_id, doctor_id, client_id)
        WHERE client_id IS NOT NULL;
    EXECUTE 'SELECT string_agg(id::text, '', '') FROM (
                 SELECT treatment_request_id AS id FROM treatment_plans
                 WHERE status = ''accepted'' AND deleted_at IS NULL
                   AND cancelled_at IS NULL
                 GROUP BY 1 HAVING count(*) > 1 ORDER BY 1 LIMIT 10) AS d'
    INTO odd;
    IF odd IS NOT NULL THEN
        RAISE WARNING 'treatment requests have several accepted plans: %. '
            'They stay; from now on a second one is refused', odd;
    END IF;

    CREATE OR REPLACE FUNCTION chat_plan_mark(p treatment_plans) RETURNS text
    LANGUAGE sql STABLE
    AS $f$ SELECT CASE WHEN p.cancelled_at IS NOT NULL
                       THEN 'cancelled' ELSE p.status::text END $f$;

    -- Looked up when it is needed: the application's CHECK may change.
    CREATE OR REPLACE FUNCTION chat_plan_word(state text) RETURNS text
    LANGUAGE sql STABLE
    AS $f$
        SELECT w FROM unnest(
            CASE state WHEN 'cancelled' THEN ARRAY['cancelled', 'expired']
                       ELSE ARRAY[state] END) WITH ORDINALITY AS u (w, nr)
        WHERE NOT EXISTS (
            SELECT FROM pg_constraint k
            JOIN pg_attribute a ON a.attrelid = k.conrelid
                               AND a.attnum = ANY (k.conkey)
            WHERE k.conrelid = 'treatment_plans'::regclass
              AND k.contype = 'c' AND a.attname = 'status'
              AND position(quote_literal(w) IN pg_get_constraintdef(k.oid)) = 0)
        ORDER BY nr LIMIT 1 $f$;

    EXECUTE format(
        'CREATE OR REPLACE FUNCTION chat_plan_doctor(p treatment_plans)
         RETURNS chat_users.id%%TYPE LANGUAGE sql STABLE AS $f$ SELECT %s $f$',
        doctor);

    EXECUTE format(
        'CREATE OR REPLACE FUNCTION chat_plan_json(p treatment_plans)
         RETURNS json LANGUAGE plpgsql STABLE PARALLEL SAFE AS $f$
         BEGIN
             RETURN json_build_object(
                 ''id'', p.id, ''title'', p.title,
                 ''status'',
                 CASE WHEN p.cancelled_at IS NOT NULL THEN ''cancelled''
                      WHEN p.status = ''submitted''
                       AND p.expires_at <= clock_timestamp() AT TIME ZONE ''UTC''
                      THEN ''expired'' ELSE p.status END,
                 ''description'', %s,
                 ''price_cents'', %s, ''currency'', %s,
                 ''duration_days'', %s,
                 ''doctor_id'', %s,
                 ''consultation_id'', p.treatment_request_id,
                 ''reason'', p.reason, ''valid_days'', p.valid_days,
                 ''expires_at'', chat_time(p.expires_at),
                 ''submitted_at'', chat_time(p.submitted_at),
                 ''decided_at'', chat_time(p.decided_at),
                 ''must_acknowledge'', p.must_acknowledge,
                 ''acknowledged_at'', chat_time(p.acknowledged_at),
                 ''created_at'', %s, ''updated_at'', %s);
         END $f$',
        CASE WHEN chat_has('treatment_plans', 'description')
             THEN 'p.description' ELSE 'NULL' END,
        CASE WHEN chat_has('treatment_plans', 'total_cost')
             THEN 'round(p.total_cost * 100)::bigint' ELSE 'NULL' END,
        CASE WHEN chat_has('treatment_plans', 'currency')
             THEN 'p.currency' ELSE 'NULL' END,
        CASE WHEN chat_has('treatment_plans', 'estimated_duration_days')
             THEN 'p.estimated_duration_days' ELSE 'NULL' END,
        doctor,
        CASE WHEN chat_has('treatment_plans', 'created_at')
             THEN 'chat_time(p.created_at)' ELSE 'NULL' END,
        CASE WHEN chat_has('treatment_plans', 'updated_at')
             THEN 'chat_time(p.updated_at)' ELSE 'NULL' END);

    -- What the application wants besides and we do not know is empty, 0 or now; a
    -- column that can be none of these refuses the plan.
    CREATE OR REPLACE FUNCTION chat_plan_insert(
        talk chat_conversations.id%TYPE, who chat_users.id%TYPE, state text,
        its_title text, its_text text, price bigint, money text, days integer,
        valid integer, ends timestamp, must boolean, client text, digest text)
    RETURNS treatment_plans.id%TYPE LANGUAGE plpgsql AS $f$
    DECLARE
        given jsonb;
        col record;
        cols text[];
        vals text[];
        made treatment_plans.id%TYPE;
        profile text;
        at text := (clock_timestamp() AT TIME ZONE 'UTC')::text;
    BEGIN
        SELECT d.id INTO profile FROM chat_conversations c
        JOIN doctors d ON d.user_id = c.doctor_id
        WHERE c.id = talk AND c.doctor_id = who ORDER BY d.id LIMIT 1;
        IF NOT FOUND THEN
            RETURN NULL;
        END IF;
        given := jsonb_build_object(
            'treatment_request_id', talk, 'doctor_id', profile,
            'status', state, 'title', its_title, 'description', its_text,
            'total_cost', price / 100.0, 'currency', money,
            'estimated_duration_days', days, 'valid_days', valid,
            'expires_at', ends, 'must_acknowledge', must,
            'client_id', client, 'client_digest', digest,
            'created_at', at, 'updated_at', at);
        FOR col IN
            SELECT a.attname AS name, a.attnotnull AS wanted,
                   a.atthasdef OR a.attidentity <> '' AS filled,
                   t.typcategory AS kind, t.typname AS type
            FROM pg_attribute a JOIN pg_type t ON t.oid = a.atttypid
            WHERE a.attrelid = 'treatment_plans'::regclass
              AND a.attnum > 0 AND NOT a.attisdropped
              AND a.attgenerated = ''
        LOOP
            IF given ->> col.name IS NOT NULL THEN
                vals := vals || quote_literal(given ->> col.name);
            ELSIF col.filled OR NOT col.wanted THEN
                CONTINUE;
            ELSIF col.name = 'id' AND col.type = 'uuid' THEN
                vals := vals || quote_literal(gen_random_uuid());
            ELSIF col.kind = 'S' THEN
                vals := vals || quote_literal('');
            ELSIF col.kind = 'N' THEN
                vals := vals || quote_literal('0');
            ELSIF col.kind = 'B' THEN
                vals := vals || quote_literal('false');
            ELSIF col.kind = 'D' THEN
                vals := vals || quote_literal(at);
            ELSIF col.type IN ('json', 'jsonb') THEN
                vals := vals || quote_literal('[]');
            ELSE
                CONTINUE;
            END IF;
            cols := cols || quote_ident(col.name);
        END LOOP;
        EXECUTE format(
            'INSERT INTO treatment_plans (%s) VALUES (%s)
             ON CONFLICT (treatment_request_id, doctor_id, client_id)
                 WHERE client_id IS NOT NULL DO NOTHING RETURNING id',
            array_to_string(cols, ', '), array_to_string(vals, ', '))
        INTO made;
        RETURN made;
    END $f$;

    CREATE OR REPLACE FUNCTION chat_plan_edit(
        plan treatment_plans.id%TYPE, who chat_users.id%TYPE,
        its_title text, its_text text, price bigint, money text, days integer,
        valid integer, ends timestamp, must boolean)
    RETURNS treatment_plans.id%TYPE LANGUAGE plpgsql AS $f$
    DECLARE
        given jsonb := jsonb_build_object(
            'title', its_title, 'description', its_text,
            'total_cost', price / 100.0, 'currency', money,
            'estimated_duration_days', days, 'valid_days', valid,
            'expires_at', ends, 'must_acknowledge', must,
            'updated_at', clock_timestamp() AT TIME ZONE 'UTC');
        done treatment_plans.id%TYPE;
        changes text;
    BEGIN
        SELECT string_agg(
                   format('%I = %s', a.attname,
                          CASE WHEN given ->> a.attname IS NOT NULL
                               THEN quote_literal(given ->> a.attname)
                               WHEN NOT a.attnotnull THEN 'NULL'
                               ELSE quote_literal('0') END), ', ')
        INTO changes
        FROM pg_attribute a
        WHERE a.attrelid = 'treatment_plans'::regclass
          AND a.attnum > 0 AND NOT a.attisdropped AND given ? a.attname;
        EXECUTE format(
            'UPDATE treatment_plans p SET %s
             WHERE p.id = $1 AND chat_plan_doctor(p) = $2
               AND chat_plan_mark(p) = ''draft'' AND p.deleted_at IS NULL
             RETURNING p.id', changes)
        INTO done USING plan, who;
        RETURN done;
    END $f$;

    CREATE OR REPLACE FUNCTION chat_plan_cancel(
        plan treatment_plans.id%TYPE, who chat_users.id%TYPE, why text)
    RETURNS treatment_plans.id%TYPE LANGUAGE plpgsql AS $f$
    DECLARE
        done treatment_plans.id%TYPE;
    BEGIN
        UPDATE treatment_plans p
        SET status = coalesce(chat_plan_word('cancelled'), p.status),
            cancelled_at = clock_timestamp() AT TIME ZONE 'UTC',
            reason = why, updated_at = now() AT TIME ZONE 'UTC'
        WHERE p.id = plan AND chat_plan_doctor(p) IS NOT DISTINCT FROM who
          AND p.deleted_at IS NULL AND p.cancelled_at IS NULL
          AND (p.status = 'draft'
               OR p.status = 'submitted'
                  AND (p.expires_at IS NULL
                       OR p.expires_at > clock_timestamp() AT TIME ZONE 'UTC'))
        RETURNING p.id INTO done;
        RETURN done;
    END $f$;
END $$;

-- >>> shared ------------------------------------------------------------------------
-- From here to the other mark, schema.pgsql.sql and laravel.pgsql.sql are the same
-- word for word; a site with tables of its own runs this part behind its views.
-- It names chat_users, chat_conversations, chat_members, chat_counters, messages,
-- and, in functions that nobody calls where there is none, treatment_plans; ids have
-- the types that the views give them.

-- Who belongs to a conversation besides its two. Whoever asks has the conversation, so it
-- need not be said again that this is there: for every message and every page that is what
-- asking chat_members costs most. Where further members come from one table, the view is
-- that table (behind this part).
CREATE OR REPLACE VIEW chat_other_members AS
SELECT conversation_id, user_id
FROM chat_members
WHERE role NOT IN ('patient', 'doctor');

-- --- the event log -----------------------------------------------------------------
-- Append-only; written by triggers and by nobody else. chat-push reads it upwards
-- by id, GET /chat/sync by conversation and id.

DO $$
BEGIN
    EXECUTE format(
        'CREATE TABLE IF NOT EXISTS chat_events (
             id bigint GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY,
             event text NOT NULL,        -- ''MessageSent'', …
             conversation_id %s,         -- NULL: of no conversation
             channels json NOT NULL,     -- list of channel names
             payload json NOT NULL,      -- object: the data but id and cursor
             created_at timestamp(3) NOT NULL
                 DEFAULT (now() AT TIME ZONE ''UTC'')
         ) WITH (autovacuum_vacuum_scale_factor = 0,
                 autovacuum_vacuum_threshold = 5000)',
        (SELECT format_type(atttypid, atttypmod) FROM pg_attribute
         WHERE attrelid = 'chat_conversations'::regclass AND attname = 'id'));
END $$;
CREATE INDEX IF NOT EXISTS chat_events_conversation
    ON chat_events (conversation_id, id);

-- The message whose text an event carries, and the one that it quotes: whoever edits or
-- deletes one finds by them what the log says of it. NULL where there is no such text.
-- Ids of messages rise, so an entry goes to the end of its index; a quote's index has
-- answers only. An index of payload's own values would read the JSON with every message.
DO $$
DECLARE
    message text := (SELECT format_type(atttypid, atttypmod) FROM pg_attribute
                     WHERE attrelid = 'messages'::regclass
                       AND attname = 'id');
BEGIN
    IF NOT EXISTS (SELECT FROM pg_attribute
                   WHERE attrelid = 'chat_events'::regclass
                     AND attname = 'message_id' AND NOT attisdropped) THEN
        EXECUTE format('ALTER TABLE chat_events ADD COLUMN message_id %1$s,
                                                ADD COLUMN quotes_id %1$s',
                       message);
        EXECUTE format('UPDATE chat_events
                        SET message_id = (payload #>> ''{message,id}'')::%1$s,
                            quotes_id = (payload #>> ''{message,reply_to,id}'')::%1$s
                        WHERE event IN (''MessageSent'', ''MessageEdited'')',
                       message);
    END IF;
END $$;
CREATE INDEX IF NOT EXISTS chat_events_message
    ON chat_events (message_id) WHERE message_id IS NOT NULL;
CREATE INDEX IF NOT EXISTS chat_events_quotes
    ON chat_events (quotes_id) WHERE quotes_id IS NOT NULL;

-- One row: the name of this log, part of every cursor. A database that is made
-- anew has another, so old cursors are found out. And the last id that retention
-- took: the lowest id there says nothing, because the one before it may still be
-- under way.
CREATE TABLE IF NOT EXISTS chat_log (
    one integer PRIMARY KEY CHECK (one = 1),
    epoch text NOT NULL,
    pruned_to bigint NOT NULL DEFAULT 0
);
INSERT INTO chat_log (one, epoch)
VALUES (1, substr(replace(gen_random_uuid()::text, '-', ''), 1, 16))
ON CONFLICT DO NOTHING;

-- Whoever deletes events, by age or all of them.
CREATE OR REPLACE FUNCTION chat_events_pruned() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'TRUNCATE' THEN
        UPDATE chat_log SET pruned_to = coalesce(pg_sequence_last_value(
            pg_get_serial_sequence('chat_events', 'id')::regclass), 0);
    ELSE
        UPDATE chat_log SET pruned_to = gone.id
        FROM (SELECT max(id) AS id FROM old_rows) AS gone
        WHERE gone.id > pruned_to;
    END IF;
    RETURN NULL;
END $$;

DROP TRIGGER IF EXISTS chat_events_pruned ON chat_events;
CREATE TRIGGER chat_events_pruned AFTER DELETE ON chat_events
REFERENCING OLD TABLE AS old_rows
FOR EACH STATEMENT EXECUTE FUNCTION chat_events_pruned();

DROP TRIGGER IF EXISTS chat_events_emptied ON chat_events;
CREATE TRIGGER chat_events_emptied AFTER TRUNCATE ON chat_events
FOR EACH STATEMENT EXECUTE FUNCTION chat_events_pruned();

-- A site with tables of its own need not have further members of ours; statements name
-- the table all the same.
DO $$
BEGIN
    IF to_regclass('chat_conversation_members') IS NULL THEN
        EXECUTE format(
            'CREATE TABLE chat_conversation_members (
                 conversation_id %s NOT NULL, user_id %s NOT NULL,
                 role text NOT NULL DEFAULT ''member'', added_by %2$s,
                 created_at timestamp(3) DEFAULT (now() AT TIME ZONE ''UTC''),
                 PRIMARY KEY (conversation_id, user_id))',
            (SELECT format_type(atttypid, NULL) FROM pg_attribute
             WHERE attrelid = 'chat_conversations'::regclass
               AND attname = 'id'),
            (SELECT format_type(atttypid, NULL) FROM pg_attribute
             WHERE attrelid = 'chat_users'::regclass AND attname = 'id'));
    END IF;
END $$;

-- How far somebody has got in a conversation, in steps: at this time all messages up to
-- this one had been delivered to them, or read. Steps are added and never changed, so for
-- each message and person the time can be told. 'joined': what was said before they came,
-- which is not unread to them. The one a message is written to has messages.read_at for
-- the reading; steps 'read' are those of the others. 'looked': up to here there was
-- nothing of that kind. Kept are the last 50 steps of a kind and from before that the
-- last one of each day, so of what is old the time may be told up to a day late; of
-- 'joined' and 'looked' the last one.
DO $$
DECLARE
    kinds text[] := ARRAY(
        SELECT (SELECT format_type(atttypid, NULL) FROM pg_attribute
                WHERE attrelid = w.tab::regclass AND attname = 'id')
        FROM unnest(ARRAY['chat_conversations', 'chat_users', 'messages'])
             WITH ORDINALITY AS w (tab, nr) ORDER BY nr);
BEGIN
    EXECUTE format(
        'CREATE TABLE IF NOT EXISTS chat_receipts (
             conversation_id %s NOT NULL,
             user_id %s NOT NULL,
             kind text NOT NULL
                 CHECK (kind IN (''joined'', ''delivered'', ''read'',
                                 ''looked'')),
             up_to %s NOT NULL,  -- a message
             at timestamp(3) NOT NULL DEFAULT (now() AT TIME ZONE ''UTC''),
             PRIMARY KEY (conversation_id, user_id, kind, up_to))',
        VARIADIC kinds);
END $$;

-- Conversations in which others than patient and doctor write or have written: members,
-- staff. What is written to others is unread there by steps, for everybody.
DO $$
BEGIN
    IF to_regclass('chat_many_voices') IS NULL THEN
        EXECUTE format(
            'CREATE TABLE chat_many_voices (conversation_id %s PRIMARY KEY)',
            (SELECT format_type(atttypid, NULL) FROM pg_attribute
             WHERE attrelid = 'chat_conversations'::regclass
               AND attname = 'id'));
        INSERT INTO chat_many_voices (conversation_id)
        SELECT DISTINCT conversation_id FROM chat_other_members;
    END IF;
END $$;

-- Who has opened a conversation with so much unread that the request marked the newest
-- only: what is to them and older than `below` is read, since `read_at`. chat-push marks
-- it by and by, downwards, and has come to `next`; then the row goes. Nobody is told again.
DO $$
DECLARE
    kinds text[] := ARRAY(
        SELECT (SELECT format_type(atttypid, atttypmod) FROM pg_attribute
                WHERE attrelid = w.tab::regclass AND attname = 'id')
        FROM unnest(ARRAY['chat_conversations', 'chat_users', 'messages',
                          'messages'])
             WITH ORDINALITY AS w (tab, nr) ORDER BY nr);
BEGIN
    EXECUTE format(
        'CREATE TABLE IF NOT EXISTS chat_read_due (
             conversation_id %s NOT NULL,
             user_id %s NOT NULL,
             below %s NOT NULL,
             next %s NOT NULL,
             read_at timestamp(3) NOT NULL
                 DEFAULT (now() AT TIME ZONE ''UTC''),
             PRIMARY KEY (user_id, conversation_id))',
        VARIADIC kinds);
END $$;

-- --- what a message may have besides ---------------------------------------------------
-- Its earlier texts, what people think of it, what is attached. Tables of ours, with
-- the types of the ids that they name.

DO $$
DECLARE
    message text := (SELECT format_type(atttypid, atttypmod) FROM pg_attribute
                     WHERE attrelid = 'messages'::regclass
                       AND attname = 'id');
    person text := (SELECT format_type(atttypid, atttypmod) FROM pg_attribute
                    WHERE attrelid = 'chat_users'::regclass
                      AND attname = 'id');
    talk text := (SELECT format_type(atttypid, atttypmod) FROM pg_attribute
                  WHERE attrelid = 'chat_conversations'::regclass
                    AND attname = 'id');
BEGIN
    EXECUTE format(
        'CREATE TABLE IF NOT EXISTS chat_message_edits (
             id bigint GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY,
             message_id %s NOT NULL REFERENCES messages (id) ON DELETE CASCADE,
             body text NOT NULL,      -- what it said until then
             edited_by %s,            -- NULL: another program, which did not say
             edited_at timestamp(3) NOT NULL
                 DEFAULT (now() AT TIME ZONE ''UTC''))', message, person);
    EXECUTE format(
        'CREATE TABLE IF NOT EXISTS chat_message_reactions (
             message_id %s NOT NULL REFERENCES messages (id) ON DELETE CASCADE,
             user_id %s NOT NULL,
             emoji text NOT NULL,
             created_at timestamp(3) NOT NULL
                 DEFAULT (now() AT TIME ZONE ''UTC''),
             PRIMARY KEY (message_id, user_id, emoji))', message, person);
    EXECUTE format(
        'CREATE TABLE IF NOT EXISTS chat_attachments (
             id text PRIMARY KEY,     -- 32 hex digits, random
             conversation_id %s NOT NULL,
             user_id %s NOT NULL,     -- who uploaded it
             message_id %s,           -- NULL: not sent yet
             name text,
             mime text,
             kind text CHECK (kind IN (''image'', ''voice'', ''file'')),
             size bigint,             -- bytes
             sha256 text,             -- hex
             width integer,
             height integer,
             thumb integer NOT NULL DEFAULT 0,  -- 1: there is a small picture
             state text NOT NULL DEFAULT ''pending''
                 CHECK (state IN (''pending'', ''clean'', ''infected'',
                                  ''failed'')),
             why text,
             created_at timestamp(3) NOT NULL
                 DEFAULT (now() AT TIME ZONE ''UTC''))', talk, person, message);
END $$;
CREATE INDEX IF NOT EXISTS chat_message_edits_message
    ON chat_message_edits (message_id, id);
CREATE INDEX IF NOT EXISTS chat_message_reactions_user
    ON chat_message_reactions (user_id);
CREATE INDEX IF NOT EXISTS chat_attachments_message
    ON chat_attachments (message_id);
CREATE INDEX IF NOT EXISTS chat_attachments_conversation
    ON chat_attachments (conversation_id);
CREATE INDEX IF NOT EXISTS chat_attachments_user
    ON chat_attachments (user_id);

-- The keys that texts and files of conversations are sealed with, where a site does so
-- (ChatKeys), each wrapped by a key that is not in the database.
DO $$
BEGIN
    EXECUTE format(
        'CREATE TABLE IF NOT EXISTS chat_keys (
             id bigint GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY,
             conversation_id %s NOT NULL,
             wrapped text NOT NULL,
             created_at timestamp(3) NOT NULL
                 DEFAULT (now() AT TIME ZONE ''UTC''))',
        (SELECT format_type(atttypid, atttypmod) FROM pg_attribute
         WHERE attrelid = 'chat_conversations'::regclass AND attname = 'id'));
END $$;
CREATE INDEX IF NOT EXISTS chat_keys_conversation
    ON chat_keys (conversation_id, id);
-- --- files -----------------------------------------------------------------------------
-- What uploads take: a row for each account ('u7') and each conversation ('c12'), kept
-- by triggers. Whoever adds a file holds both rows until the end of its transaction,
-- the account's first: two uploads at once cannot pass a quota together. And messages
-- whose files are still being looked at, as they are to be inserted.

ALTER TABLE chat_attachments
    ADD COLUMN IF NOT EXISTS sent_sha256 text; -- of the bytes that came, hex; sha256
                                               -- is that of what became of them
ALTER TABLE chat_attachments
    ADD COLUMN IF NOT EXISTS key_id bigint; -- it is sealed with; 0: is to be sealed,
                                            -- NULL: lies as it came
CREATE INDEX IF NOT EXISTS chat_attachments_list
    ON chat_attachments (conversation_id, created_at, id);
CREATE INDEX IF NOT EXISTS chat_attachments_pending
    ON chat_attachments (created_at) WHERE state = 'pending';
CREATE INDEX IF NOT EXISTS chat_attachments_unsent
    ON chat_attachments (created_at) WHERE message_id IS NULL;
CREATE INDEX IF NOT EXISTS chat_attachments_unsealed
    ON chat_attachments (id) WHERE key_id = 0;

CREATE TABLE IF NOT EXISTS chat_file_usage (
    owner text PRIMARY KEY,
    bytes bigint NOT NULL
) WITH (fillfactor = 70);

DO $$
DECLARE
    message text := (SELECT format_type(atttypid, atttypmod) FROM pg_attribute
                     WHERE attrelid = 'messages'::regclass
                       AND attname = 'id');
    person text := (SELECT format_type(atttypid, atttypmod) FROM pg_attribute
                    WHERE attrelid = 'chat_users'::regclass
                      AND attname = 'id');
    talk text := (SELECT format_type(atttypid, atttypmod) FROM pg_attribute
                  WHERE attrelid = 'chat_conversations'::regclass
                    AND attname = 'id');
BEGIN
    EXECUTE format(
        'CREATE TABLE IF NOT EXISTS chat_held_messages (
             id bigint GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY,
             conversation_id %s NOT NULL,
             user_id %s NOT NULL,
             body text NOT NULL,
             type text NOT NULL,
             client_id text,
             reply_to_id %s,
             file_ids text NOT NULL,
             created_at timestamp(3) NOT NULL
                 DEFAULT (now() AT TIME ZONE ''UTC''))', talk, person, message);
END $$;
CREATE UNIQUE INDEX IF NOT EXISTS chat_held_messages_client_id
    ON chat_held_messages (conversation_id, user_id, client_id)
    WHERE client_id IS NOT NULL;

-- Of all files of a statement together, accounts before conversations and each by name:
-- two statements never wait for each other in a circle, however many files they touch.
CREATE OR REPLACE FUNCTION chat_files_count(moved json) RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO chat_file_usage AS x (owner, bytes)
    SELECT f.owner, sum(f.bytes)
    FROM (SELECT 'u' || (m ->> 'u') AS owner, (m ->> 'n')::bigint AS bytes
          FROM json_array_elements(moved) AS m
          UNION ALL
          SELECT 'c' || (m ->> 'c'), (m ->> 'n')::bigint
          FROM json_array_elements(moved) AS m) AS f
    GROUP BY f.owner
    ORDER BY left(f.owner, 1) DESC, f.owner COLLATE "C"
    ON CONFLICT (owner) DO UPDATE SET bytes = x.bytes + excluded.bytes;
END $$;

CREATE OR REPLACE FUNCTION chat_attachments_counted() RETURNS trigger
LANGUAGE plpgsql AS $$
DECLARE
    moved json;
BEGIN
    IF TG_OP = 'INSERT' THEN
        SELECT json_agg(json_build_object('u', user_id, 'c', conversation_id,
                                          'n', coalesce(size, 0)))
        INTO moved FROM new_rows;
    ELSIF TG_OP = 'DELETE' THEN
        SELECT json_agg(json_build_object('u', user_id, 'c', conversation_id,
                                          'n', -coalesce(size, 0)))
        INTO moved FROM old_rows;
    ELSE
        SELECT json_agg(json_build_object('u', n.user_id, 'c', n.conversation_id,
                                          'n', coalesce(n.size, 0)
                                               - coalesce(o.size, 0)))
        INTO moved
        FROM new_rows n JOIN old_rows o ON o.id = n.id
        WHERE n.size IS DISTINCT FROM o.size;
    END IF;
    IF moved IS NOT NULL THEN
        PERFORM chat_files_count(moved);
    END IF;
    RETURN NULL;
END $$;

DROP TRIGGER IF EXISTS chat_attachments_counted ON chat_attachments;
CREATE TRIGGER chat_attachments_counted AFTER INSERT ON chat_attachments
REFERENCING NEW TABLE AS new_rows
FOR EACH STATEMENT EXECUTE FUNCTION chat_attachments_counted();

DROP TRIGGER IF EXISTS chat_attachments_uncounted ON chat_attachments;
CREATE TRIGGER chat_attachments_uncounted AFTER DELETE ON chat_attachments
REFERENCING OLD TABLE AS old_rows
FOR EACH STATEMENT EXECUTE FUNCTION chat_attachments_counted();

DROP TRIGGER IF EXISTS chat_attachments_resized ON chat_attachments;
CREATE TRIGGER chat_attachments_resized AFTER UPDATE ON chat_attachments
REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows
FOR EACH STATEMENT EXECUTE FUNCTION chat_attachments_counted();

-- A file that is not to be had: its sender hears it, and nobody else.
CREATE OR REPLACE FUNCTION chat_attachments_rejected() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
    PERFORM 1 FROM chat_conversations
    WHERE id = NEW.conversation_id FOR NO KEY UPDATE;
    IF NOT FOUND THEN
        RETURN NULL;
    END IF;
    INSERT INTO chat_events (event, conversation_id, channels, payload)
    VALUES ('AttachmentRejected', NEW.conversation_id,
            json_build_array('private-user.' || NEW.user_id),
            json_build_object(
                'attachment', json_build_object('id', NEW.id,
                                                'state', NEW.state),
                'user_id', NEW.user_id,
                'consultation_id', NEW.conversation_id));
    IF current_setting('application_name') <> 'mod_chat' THEN
        NOTIFY chat_events;
    END IF;
    RETURN NULL;
END $$;

DROP TRIGGER IF EXISTS chat_attachments_rejected ON chat_attachments;
CREATE TRIGGER chat_attachments_rejected
AFTER UPDATE OF state ON chat_attachments
FOR EACH ROW WHEN (OLD.state = 'pending' AND NEW.state IN ('infected', 'failed'))
EXECUTE FUNCTION chat_attachments_rejected();

-- When somebody was last seen by a log-in that has ended since; chat_sessions and
-- personal_access_tokens say it of those that have not.
DO $$
BEGIN
    EXECUTE format(
        'CREATE TABLE IF NOT EXISTS chat_last_seen (
             user_id %s PRIMARY KEY,
             at timestamp(3) NOT NULL)',
        (SELECT format_type(atttypid, NULL) FROM pg_attribute
         WHERE attrelid = 'chat_users'::regclass AND attname = 'id'));
END $$;

-- --- shapes ------------------------------------------------------------------------
-- SQL functions of one expression, which PostgreSQL writes into the statement
-- that calls them.

-- Whether `chatctl keys reseal` is at it: the same texts under another key, which is
-- no change that anybody is told of. It says so for its own transaction.
CREATE OR REPLACE FUNCTION chat_resealing() RETURNS boolean
LANGUAGE sql STABLE PARALLEL SAFE
AS $$ SELECT current_setting('mod_chat.resealing', true) IS NOT DISTINCT FROM 'on' $$;

-- A time in RFC 3339.
CREATE OR REPLACE FUNCTION chat_time(t timestamp) RETURNS text
LANGUAGE sql STABLE PARALLEL SAFE
AS $$ SELECT to_char(t, 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"') $$;

CREATE OR REPLACE FUNCTION chat_time(t timestamptz) RETURNS text
LANGUAGE sql STABLE PARALLEL SAFE
AS $$ SELECT to_char(t AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"') $$;

CREATE OR REPLACE FUNCTION chat_person_json(u chat_users) RETURNS json
LANGUAGE sql STABLE PARALLEL SAFE
AS $$ SELECT json_build_object('id', u.id, 'name', u.name, 'role', u.role) $$;

-- What only a row with `detailed` has to say, a function for each key; each has a
-- FROM, so that it stays a call and costs nothing where it is not called. A deleted
-- message says nothing but that it is. The statement message_details uses them, too.

-- What it answers: a message of the same conversation, which may be gone.
CREATE OR REPLACE FUNCTION chat_message_reply_json(m messages) RETURNS json
LANGUAGE sql STABLE PARALLEL SAFE
AS $$
    SELECT json_build_object(
               'id', m.reply_to_id,
               'content', CASE WHEN x.deleted_at IS NULL
                               THEN coalesce(CASE WHEN x.body LIKE 'sealed:2:%'
                                                  THEN x.body
                                                  ELSE left(x.body, 140) END,
                                             '')
                               ELSE '' END,
               'user', CASE WHEN u.id IS NOT NULL
                            THEN json_build_object('id', u.id, 'name', u.name,
                                                   'role', u.role) END,
               'deleted', x.id IS NULL OR x.deleted_at IS NOT NULL)
    FROM (SELECT 1 WHERE m.reply_to_id IS NOT NULL
                     AND m.deleted_at IS NULL) AS one
    LEFT JOIN messages x ON x.id = m.reply_to_id
                        AND x.request_id = m.request_id
    LEFT JOIN chat_users u ON u.id = x.from_user_id
$$;

-- Those who reacted, the first emoji first.
CREATE OR REPLACE FUNCTION chat_message_reactions_json(m messages) RETURNS json
LANGUAGE sql STABLE PARALLEL SAFE
AS $$
    SELECT coalesce(json_agg(json_build_object(
               'emoji', g.emoji, 'count', g.n, 'user_ids', g.ids)
               ORDER BY g.since, g.emoji COLLATE "C"), '[]'::json)
    FROM (SELECT x.emoji, count(*) AS n, min(x.created_at) AS since,
                 json_agg(x.user_id ORDER BY x.created_at, x.user_id) AS ids
          FROM chat_message_reactions x
          WHERE x.message_id = m.id AND m.deleted_at IS NULL
          GROUP BY x.emoji) AS g
$$;

-- Its files, in the order in which they were named.
CREATE OR REPLACE FUNCTION chat_message_attachments_json(m messages)
RETURNS json LANGUAGE sql STABLE PARALLEL SAFE
AS $$
    SELECT coalesce(json_agg(json_build_object(
               'id', a.id, 'name', a.name, 'mime', a.mime, 'kind', a.kind,
               'size', a.size, 'width', a.width, 'height', a.height,
               'state', a.state, 'thumb', a.thumb <> 0)
               ORDER BY position(a.id IN m.file_ids), a.id COLLATE "C"),
               '[]'::json)
    FROM chat_attachments a
    WHERE a.message_id = m.id AND m.deleted_at IS NULL
$$;

-- The plan whose card it is, as it is now; `card` is what it had become then.
CREATE OR REPLACE FUNCTION chat_message_plan_json(m messages) RETURNS json
LANGUAGE plpgsql STABLE PARALLEL SAFE AS $$
BEGIN
    IF m.plan_id IS NULL OR m.deleted_at IS NOT NULL THEN
        RETURN NULL;
    END IF;
    RETURN left(chat_plan_of(m.plan_id)::text, -1) || ', "card" : '
           || coalesce(to_json(m.plan_status)::text, 'null') || '}';
END $$;

-- Each call of those is planned anew, which takes longer than all the rest: none is made
-- for what the row says itself.
CREATE OR REPLACE FUNCTION chat_message_json(m messages, u chat_users)
RETURNS json LANGUAGE sql STABLE PARALLEL SAFE
AS $$
    SELECT json_build_object(
        'id', m.id,
        'content', CASE WHEN m.deleted_at IS NULL THEN m.body ELSE '' END,
        'type', m.type,
        'client_id', m.client_id, 'user_id', m.from_user_id,
        'consultation_id', m.request_id,
        'created_at', chat_time(m.created_at),
        'read_at', chat_time(m.read_at),
        'user', json_build_object('id', u.id, 'name', u.name, 'role', u.role),
        'edited_at', CASE WHEN m.detailed IS NOT NULL AND m.deleted_at IS NULL
                          THEN chat_time(m.edited_at) END,
        'deleted_at', CASE WHEN m.detailed IS NOT NULL
                           THEN chat_time(m.deleted_at) END,
        'reply_to', CASE WHEN m.detailed IS NOT NULL AND m.deleted_at IS NULL
                              AND m.reply_to_id IS NOT NULL
                         THEN chat_message_reply_json(m) END,
        'reactions', CASE WHEN m.detailed IS NULL OR m.deleted_at IS NOT NULL
                          THEN '[]'::json
                          ELSE chat_message_reactions_json(m) END,
        'attachments', CASE WHEN m.detailed IS NULL OR m.deleted_at IS NOT NULL
                            THEN '[]'::json
                            ELSE chat_message_attachments_json(m) END,
        'plan', CASE WHEN m.detailed IS NOT NULL AND m.deleted_at IS NULL
                          AND m.plan_id IS NOT NULL
                     THEN chat_message_plan_json(m) END)
$$;

-- --- writing events ------------------------------------------------------------------

-- The channels of a conversation and of its members.
CREATE OR REPLACE FUNCTION chat_channels(conversation chat_conversations.id%TYPE)
RETURNS json LANGUAGE plpgsql STABLE AS $$
BEGIN
    RETURN ('["private-conversation.' || conversation || '"'
            || coalesce((SELECT string_agg(
                             ',"private-user.' || m.user_id || '"', '')
                         FROM chat_members m
                         WHERE m.conversation_id = conversation), '')
            || ']')::json;
END $$;

-- A name for the log: what triggers call. The channels are the conversation's and
-- its members'. The caller holds the conversation's row lock.
CREATE OR REPLACE FUNCTION chat_event_write(
    name text, conversation chat_conversations.id%TYPE, data json)
RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO chat_events (event, conversation_id, channels, payload)
    VALUES (name, conversation, chat_channels(conversation), data);
    -- mod_chat wakes chat-push itself. NOTIFY would make all commits of the
    -- cluster go one by one, so it is for other programs' rows only.
    IF current_setting('application_name') <> 'mod_chat' THEN
        NOTIFY chat_events;
    END IF;
END $$;

-- --- triggers: messages --------------------------------------------------------------
-- A message without a conversation, or one that is deleted already, is a row like
-- any other and raises no event: a foreign writer is never refused.

-- Runs for every message, so it is made to be cheap. The first statement counts and
-- takes the row lock; the second sees what is committed by then. Patient and doctor
-- come from chat_conversations; members with another role are looked for only where
-- chat_members can have any: elsewhere the planner drops that part. There is no
-- WHEN clause, which would be parsed anew with every INSERT.
CREATE OR REPLACE FUNCTION messages_sent() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.request_id IS NULL OR NEW.deleted_at IS NOT NULL THEN
        RETURN NULL;
    END IF;
    IF NEW.created_at IS NULL THEN
        NEW.created_at := now() AT TIME ZONE 'UTC';
        UPDATE messages SET created_at = NEW.created_at WHERE id = NEW.id;
    END IF;
    IF NEW.file_ids IS NOT NULL THEN
        -- Before the conversation is locked, as everybody who changes a file.
        UPDATE chat_attachments a SET message_id = NEW.id
        WHERE a.message_id IS NULL AND a.user_id = NEW.from_user_id
          AND a.conversation_id = NEW.request_id
          AND position('"' || a.id || '"' IN NEW.file_ids) > 0;
    END IF;
    IF NEW.detailed IS NULL
       AND (NEW.reply_to_id IS NOT NULL OR NEW.file_ids IS NOT NULL) THEN
        NEW.detailed := 1;
        UPDATE messages SET detailed = 1 WHERE id = NEW.id;
    END IF;
    UPDATE chat_counters
    SET message_count = message_count + 1,
        updated_at = now() AT TIME ZONE 'UTC'
    WHERE id = NEW.request_id;
    INSERT INTO chat_events (event, conversation_id, message_id, quotes_id,
                             channels, payload)
    SELECT 'MessageSent', c.id, NEW.id, NEW.reply_to_id,
           ('["private-conversation.' || c.id
            || coalesce('","private-user.' || NEW.to_user_id, '')
            || CASE WHEN NEW.from_user_id = NEW.to_user_id THEN ''
                    ELSE coalesce('","private-user.' || NEW.from_user_id, '')
               END
            || CASE WHEN c.patient_id = NEW.from_user_id
                      OR c.patient_id = NEW.to_user_id THEN ''
                    ELSE coalesce('","private-user.' || c.patient_id, '') END
            || CASE WHEN c.doctor_id = NEW.from_user_id
                      OR c.doctor_id = NEW.to_user_id THEN ''
                    ELSE coalesce('","private-user.' || c.doctor_id, '') END
            || coalesce((SELECT string_agg(
                             '","private-user.' || m.user_id, '')
                         FROM chat_other_members m
                         WHERE m.conversation_id = NEW.request_id
                           AND m.user_id IS DISTINCT FROM NEW.from_user_id
                           AND m.user_id IS DISTINCT FROM NEW.to_user_id
                           AND m.user_id IS DISTINCT FROM c.patient_id
                           AND m.user_id IS DISTINCT FROM c.doctor_id), '')
            || '"]')::json,
           json_build_object(
               'message', chat_message_json(NEW, u),
               'consultation',
               json_build_object('id', c.id, 'status', c.status))
    FROM chat_conversations c
    LEFT JOIN chat_users u ON u.id = NEW.from_user_id
    WHERE c.id = NEW.request_id;
    IF current_setting('application_name') <> 'mod_chat' THEN
        NOTIFY chat_events;
    END IF;
    RETURN NULL;
END $$;

DROP TRIGGER IF EXISTS messages_sent ON messages;
CREATE TRIGGER messages_sent AFTER INSERT ON messages
FOR EACH ROW EXECUTE FUNCTION messages_sent();

-- The counter follows rows that come and go. A message that is deleted stays as a
-- mark, and is counted; one that had been deleted when it came, or by an earlier
-- version (detailed is NULL), is none. Rows that are removed: messages_gone() below.
CREATE OR REPLACE FUNCTION messages_recounted() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
    IF OLD.deleted_at IS NULL OR OLD.detailed IS NOT NULL THEN
        UPDATE chat_counters SET message_count = message_count - 1
        WHERE id = OLD.request_id;
    END IF;
    IF NEW.deleted_at IS NULL OR NEW.detailed IS NOT NULL THEN
        UPDATE chat_counters SET message_count = message_count + 1
        WHERE id = NEW.request_id;
    END IF;
    RETURN NULL;
END $$;

DROP TRIGGER IF EXISTS messages_removed ON messages; -- of earlier versions
DROP TRIGGER IF EXISTS messages_recounted ON messages;
CREATE TRIGGER messages_recounted
AFTER UPDATE OF deleted_at, request_id ON messages
FOR EACH ROW WHEN (OLD.request_id IS DISTINCT FROM NEW.request_id
                   OR (OLD.deleted_at IS NULL OR OLD.detailed IS NOT NULL)
                      <> (NEW.deleted_at IS NULL OR NEW.detailed IS NOT NULL))
EXECUTE FUNCTION messages_recounted();

-- --- triggers: messages that change ----------------------------------------------------
-- Another text or a deletion, whoever's. A program that knows nothing of edited_at has
-- it set; one that sets it is mod_chat, on behalf of the author. What is changed in a
-- message that is deleted (somebody erases it) is nobody's business.

CREATE OR REPLACE FUNCTION messages_changing() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
    NEW.detailed := coalesce(NEW.detailed, 1);
    IF NEW.deleted_at IS NULL AND OLD.body IS DISTINCT FROM NEW.body
       AND OLD.edited_at IS NOT DISTINCT FROM NEW.edited_at THEN
        NEW.edited_at := now() AT TIME ZONE 'UTC';
    END IF;
    RETURN NEW;
END $$;

DROP TRIGGER IF EXISTS messages_changing ON messages;
CREATE TRIGGER messages_changing
BEFORE UPDATE OF body, deleted_at ON messages
FOR EACH ROW WHEN ((OLD.body IS DISTINCT FROM NEW.body
                    OR (OLD.deleted_at IS NULL) <> (NEW.deleted_at IS NULL))
                   AND NOT chat_resealing())
EXECUTE FUNCTION messages_changing();

-- What has become of the rows of a statement, whether one or 100,000: events are written
-- for all of them at once. Rows of messages are locked before conversations by everybody.
-- The two states of a row are joined by FULL JOIN behind OFFSET 0, which hashes: the plan is
-- kept for the session, and one that was made for a single row would compare each with each.
CREATE OR REPLACE FUNCTION messages_changed() RETURNS trigger
LANGUAGE plpgsql AS $$
DECLARE
    edited bigint[];
    told bigint[];
BEGIN
    IF chat_resealing() THEN
        RETURN NULL;
    END IF;
    SELECT array_agg(c.id) FILTER (WHERE c.edited),
           array_agg(c.id) FILTER (WHERE c.edited OR c.moved)
    INTO edited, told
    FROM (SELECT n.id,
                 n.deleted_at IS NULL AND o.body IS DISTINCT FROM n.body AS edited,
                 (o.deleted_at IS NULL) <> (n.deleted_at IS NULL) AS moved
          FROM new_rows n FULL JOIN old_rows o ON o.id = n.id OFFSET 0) AS c;
    IF edited IS NOT NULL THEN
        INSERT INTO chat_message_edits (message_id, body, edited_by)
        SELECT o.id, o.body,
               CASE WHEN current_setting('application_name') = 'mod_chat'
                    THEN o.from_user_id END
        FROM old_rows o WHERE o.id = ANY (edited) ORDER BY o.id;
    END IF;
    IF told IS NULL THEN
        RETURN NULL;
    END IF;
    PERFORM FROM chat_conversations c
    WHERE c.id IN (SELECT n.request_id FROM new_rows n)
    ORDER BY c.id FOR NO KEY UPDATE;
    WITH talks AS MATERIALIZED (
        SELECT c.id, chat_channels(c.id) AS channels,
               json_build_object('id', c.id, 'status', c.status) AS shown
        FROM chat_conversations c
        WHERE c.id IN (SELECT n.request_id FROM new_rows n)
    )
    INSERT INTO chat_events (event, conversation_id, message_id, quotes_id,
                             channels, payload)
    SELECT CASE WHEN m.deleted_at IS NULL THEN 'MessageEdited'
                ELSE 'MessageDeleted' END,
           t.id,
           CASE WHEN m.deleted_at IS NULL THEN m.id END,
           CASE WHEN m.deleted_at IS NULL THEN m.reply_to_id END,
           t.channels,
           json_build_object('message', chat_message_json(m, u),
                             'consultation', t.shown)
    FROM unnest(told) AS x (id)
    JOIN messages m ON m.id = x.id
    JOIN talks t ON t.id = m.request_id
    LEFT JOIN chat_users u ON u.id = m.from_user_id
    ORDER BY m.id;
    IF FOUND AND current_setting('application_name') <> 'mod_chat' THEN
        NOTIFY chat_events;
    END IF;
    RETURN NULL;
END $$;

DROP TRIGGER IF EXISTS messages_changed ON messages;
CREATE TRIGGER messages_changed AFTER UPDATE ON messages
REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows
FOR EACH STATEMENT EXECUTE FUNCTION messages_changed();

-- Rows that are removed for good are told like those that are deleted; with their
-- conversation, not. They are counted no more, and leave the index of searches.
CREATE OR REPLACE FUNCTION messages_gone() RETURNS trigger
LANGUAGE plpgsql AS $$
DECLARE
    lost record;
    m messages;
    author chat_users;
    asked messages.request_id%TYPE;  -- what the next three are about
    talk chat_conversations.id%TYPE; -- NULL: it is gone, too
    channels json;
    shown json;
    told boolean := false;
BEGIN
    INSERT INTO chat_search_changed (message_id) SELECT o.id FROM old_rows o;
    FOR lost IN
        SELECT o.request_id AS id, count(*) AS n FROM old_rows o
        WHERE o.request_id IS NOT NULL
          AND (o.deleted_at IS NULL OR o.detailed IS NOT NULL)
        GROUP BY o.request_id ORDER BY o.request_id
    LOOP
        UPDATE chat_counters SET message_count = message_count - lost.n
        WHERE id = lost.id; -- and it is locked
    END LOOP;
    FOR m IN
        SELECT * FROM old_rows o
        WHERE o.request_id IS NOT NULL AND o.deleted_at IS NULL
        ORDER BY o.request_id, o.id
    LOOP
        IF asked IS DISTINCT FROM m.request_id THEN
            asked := m.request_id;
            SELECT c.id, chat_channels(c.id),
                   json_build_object('id', c.id, 'status', c.status)
            INTO talk, channels, shown
            FROM chat_conversations c WHERE c.id = m.request_id;
        END IF;
        CONTINUE WHEN talk IS NULL;
        IF author.id IS DISTINCT FROM m.from_user_id THEN
            SELECT * INTO author FROM chat_users WHERE id = m.from_user_id;
        END IF;
        m.deleted_at := now() AT TIME ZONE 'UTC';
        m.detailed := 1;
        INSERT INTO chat_events (event, conversation_id, channels, payload)
        VALUES ('MessageDeleted', talk, channels,
                json_build_object('message', chat_message_json(m, author),
                                  'consultation', shown));
        told := true;
    END LOOP;
    IF told AND current_setting('application_name') <> 'mod_chat' THEN
        NOTIFY chat_events;
    END IF;
    RETURN NULL;
END $$;

DROP TRIGGER IF EXISTS messages_gone ON messages;
CREATE TRIGGER messages_gone AFTER DELETE ON messages
REFERENCING OLD TABLE AS old_rows
FOR EACH STATEMENT EXECUTE FUNCTION messages_gone();

-- Somebody reacts, or no more. The message's row is locked first.
CREATE OR REPLACE FUNCTION chat_reacted() RETURNS trigger
LANGUAGE plpgsql AS $$
DECLARE
    x chat_message_reactions;
    m messages;
    talk chat_conversations.id%TYPE;
    person chat_users;
BEGIN
    IF TG_OP = 'DELETE' THEN x := OLD; ELSE x := NEW; END IF;
    -- Held until the event is there: whoever deletes the message comes before or after.
    SELECT * INTO m FROM messages WHERE id = x.message_id FOR NO KEY UPDATE;
    UPDATE messages SET detailed = 1
    WHERE id = x.message_id AND detailed IS NULL;
    SELECT * INTO m FROM messages
    WHERE id = x.message_id AND deleted_at IS NULL;
    IF NOT FOUND THEN
        RETURN NULL;
    END IF;
    SELECT id INTO talk FROM chat_conversations
    WHERE id = m.request_id FOR NO KEY UPDATE;
    IF NOT FOUND THEN
        RETURN NULL;
    END IF;
    SELECT * INTO person FROM chat_users WHERE id = x.user_id;
    PERFORM chat_event_write(
        'MessageReaction', talk,
        json_build_object(
            'message_id', m.id, 'consultation_id', talk,
            'user', chat_person_json(person),
            'emoji', x.emoji, 'removed', TG_OP = 'DELETE',
            'reactions', chat_message_reactions_json(m)));
    RETURN NULL;
END $$;

DROP TRIGGER IF EXISTS chat_reacted ON chat_message_reactions;
CREATE TRIGGER chat_reacted AFTER INSERT OR DELETE ON chat_message_reactions
FOR EACH ROW EXECUTE FUNCTION chat_reacted();

-- One event for each conversation and reader, however many rows a statement
-- marks. Message rows are locked before conversations by everybody who marks.
CREATE OR REPLACE FUNCTION messages_read() RETURNS trigger
LANGUAGE plpgsql AS $$
DECLARE
    marked record;
    talk chat_conversations.id%TYPE;
    reader chat_users;
    data json;
BEGIN
    FOR marked IN
        SELECT n.request_id, n.to_user_id, max(n.read_at) AS read_at,
               json_agg(n.id ORDER BY n.id) AS ids
        FROM (SELECT n.id, n.request_id, n.to_user_id, n.read_at, n.deleted_at,
                     o.read_at IS NULL AND n.read_at IS NOT NULL AS now_read
              FROM new_rows n FULL JOIN old_rows o ON o.id = n.id
              OFFSET 0) AS n
        WHERE n.now_read
          AND n.request_id IS NOT NULL AND n.deleted_at IS NULL
          AND NOT EXISTS (SELECT FROM chat_read_due d
                          WHERE d.user_id = n.to_user_id
                            AND d.conversation_id = n.request_id
                            AND n.id < d.below) -- that was told before
        GROUP BY n.request_id, n.to_user_id
        ORDER BY n.request_id, n.to_user_id
    LOOP
        SELECT id INTO talk FROM chat_conversations
        WHERE id = marked.request_id FOR NO KEY UPDATE;
        CONTINUE WHEN NOT FOUND;
        SELECT * INTO reader FROM chat_users WHERE id = marked.to_user_id;
        data := json_build_object(
            'consultation_id', talk, 'user_id', reader.id,
            'user', chat_person_json(reader),
            'message_ids', marked.ids, 'up_to', marked.ids -> -1,
            'read_at', chat_time(marked.read_at));
        IF EXISTS (SELECT FROM chat_read_due d
                   WHERE d.user_id = marked.to_user_id
                     AND d.conversation_id = marked.request_id) THEN
            data := (data::jsonb || '{"older": true}')::json;
        END IF;
        PERFORM chat_event_write('MessageRead', talk, data);
    END LOOP;
    RETURN NULL;
END $$;

DROP TRIGGER IF EXISTS messages_read ON messages;
CREATE TRIGGER messages_read AFTER UPDATE ON messages
REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows
FOR EACH STATEMENT EXECUTE FUNCTION messages_read();

-- --- triggers: members -----------------------------------------------------------------
-- Functions only: which table they hang on is said behind the mark. A site whose members
-- are rows of its own tables calls chat_member_came() and chat_member_went() from triggers
-- there. Both take the conversation's row lock before they take an event's id.
--
-- chat:member is for chat-push alone, as chat:session below: a conversation that somebody
-- (user_id null: everybody) is no member of any more. Its sockets leave the channels.

CREATE OR REPLACE FUNCTION chat_member_event(
    event_name text, conversation chat_conversations.id%TYPE,
    person chat_users.id%TYPE, kind text)
RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO chat_events (event, conversation_id, channels, payload)
    SELECT event_name, c.id,
           (SELECT json_agg(w.channel)
            FROM (SELECT 'private-conversation.' || c.id AS channel
                  UNION SELECT 'private-user.' || person
                  UNION SELECT 'private-user.' || m.user_id
                  FROM chat_members m WHERE m.conversation_id = c.id) AS w),
           json_build_object(
               'consultation_id', c.id, 'user_id', person,
               'user', json_build_object('id', u.id, 'name', u.name,
                                         'role', u.role),
               'role', kind)
    FROM chat_conversations c LEFT JOIN chat_users u ON u.id = person
    WHERE c.id = conversation;
    IF current_setting('application_name') <> 'mod_chat' THEN
        NOTIFY chat_events;
    END IF;
END $$;

-- Somebody, NULL: everybody, is out: for chat-push.
CREATE OR REPLACE FUNCTION chat_member_out(conversation text, person text)
RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO chat_events (event, channels, payload)
    VALUES ('chat:member', '[]',
            json_build_object('conversation_id', conversation,
                              'user_id', person));
    IF current_setting('application_name') <> 'mod_chat' THEN
        NOTIFY chat_events;
    END IF;
END $$;

CREATE OR REPLACE FUNCTION chat_member_came(
    conversation chat_conversations.id%TYPE,
    person chat_users.id%TYPE, kind text)
RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    PERFORM FROM chat_conversations WHERE id = conversation
    FOR NO KEY UPDATE;
    IF kind NOT IN ('patient', 'doctor') THEN
        INSERT INTO chat_many_voices (conversation_id) VALUES (conversation)
        ON CONFLICT DO NOTHING;
    END IF;
    INSERT INTO chat_receipts (conversation_id, user_id, kind, up_to)
    SELECT conversation, person, 'joined', m.id FROM messages m
    WHERE m.request_id = conversation ORDER BY m.id DESC LIMIT 1
    ON CONFLICT DO NOTHING;
    IF EXISTS (SELECT FROM chat_members
               WHERE conversation_id = conversation AND user_id = person) THEN
        PERFORM chat_member_event('MemberAdded', conversation, person, kind);
    END IF;
END $$;

CREATE OR REPLACE FUNCTION chat_member_went(
    conversation chat_conversations.id%TYPE,
    person chat_users.id%TYPE, kind text)
RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    PERFORM FROM chat_conversations WHERE id = conversation
    FOR NO KEY UPDATE;
    IF person IS NOT NULL AND NOT EXISTS (
        SELECT FROM chat_members
        WHERE conversation_id = conversation AND user_id = person) THEN
        PERFORM chat_member_out(conversation::text, person::text);
        PERFORM chat_member_event('MemberRemoved', conversation, person, kind);
    END IF;
END $$;

-- Rows of chat_conversation_members.
CREATE OR REPLACE FUNCTION chat_conversation_members_moved() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'UPDATE'
       AND (OLD.conversation_id, OLD.user_id)
           IS NOT DISTINCT FROM (NEW.conversation_id, NEW.user_id) THEN
        RETURN NULL;
    END IF;
    IF TG_OP <> 'INSERT' THEN
        PERFORM chat_member_went(OLD.conversation_id, OLD.user_id, OLD.role);
    END IF;
    IF TG_OP <> 'DELETE' THEN
        PERFORM chat_member_came(NEW.conversation_id, NEW.user_id, NEW.role);
    END IF;
    RETURN NULL;
END $$;

-- Another patient or doctor. The trigger's arguments name the columns that say who they
-- are; the row's id is the conversation's.
CREATE OR REPLACE FUNCTION conversation_people_moved() RETURNS trigger
LANGUAGE plpgsql AS $$
DECLARE
    was json := to_json(OLD);
    is_now json := to_json(NEW);
    person chat_users.id%TYPE;
    patient chat_users.id%TYPE := is_now ->> TG_ARGV[0];
    before chat_users.id%TYPE := was ->> TG_ARGV[1]; -- the doctor
    fresh messages.id%TYPE; -- the oldest that is new to the one who comes
BEGIN
    FOR i IN 0 .. 1 LOOP
        CONTINUE WHEN was ->> TG_ARGV[i]
                      IS NOT DISTINCT FROM is_now ->> TG_ARGV[i];
        person := was ->> TG_ARGV[i];
        PERFORM chat_member_went(NEW.id, person,
                                 (ARRAY['patient', 'doctor'])[i + 1]);
    END LOOP;
    FOR i IN 0 .. 1 LOOP
        person := is_now ->> TG_ARGV[i];
        CONTINUE WHEN person IS NULL
                   OR is_now ->> TG_ARGV[i] = was ->> TG_ARGV[0]
                   OR is_now ->> TG_ARGV[i] = was ->> TG_ARGV[1];
        PERFORM chat_member_event('MemberAdded', NEW.id, person,
                                  (ARRAY['patient', 'doctor'])[i + 1]);
    END LOOP;
    -- What the patient wrote while there was no doctor is addressed to the patient.
    -- Like what the doctor before has not read, it is new to the one who comes. The
    -- conversation is locked already, so no row of a message is waited for.
    person := is_now ->> TG_ARGV[1];
    IF person IS NOT NULL AND person IS DISTINCT FROM before THEN
        UPDATE messages SET to_user_id = person
        WHERE id IN (SELECT m.id FROM messages m
                     WHERE m.to_user_id IN (patient, before)
                       AND m.request_id = NEW.id AND m.read_at IS NULL
                       AND m.deleted_at IS NULL AND m.from_user_id = patient
                     FOR UPDATE SKIP LOCKED);
        -- What was said to others before that is not unread to who comes, unless they
        -- were in already.
        fresh := (SELECT min(m.id) FROM messages m
                  WHERE m.to_user_id = person AND m.request_id = NEW.id
                    AND m.read_at IS NULL AND m.deleted_at IS NULL);
        INSERT INTO chat_receipts (conversation_id, user_id, kind, up_to)
        SELECT NEW.id, person, 'looked', said.id
        FROM (SELECT max(m.id) AS id FROM messages m
              WHERE m.request_id = NEW.id
                AND (fresh IS NULL OR m.id < fresh)) AS said
        WHERE said.id IS NOT NULL AND person IS DISTINCT FROM patient
          AND NOT EXISTS (SELECT FROM chat_conversation_members x
                          WHERE x.conversation_id = NEW.id
                            AND x.user_id = person)
          AND NOT EXISTS (SELECT FROM chat_receipts r
                          WHERE r.conversation_id = NEW.id
                            AND r.user_id = person
                            AND r.kind IN ('read', 'joined', 'looked')
                            AND r.up_to >= said.id)
        ON CONFLICT DO NOTHING;
    END IF;
    RETURN NULL;
END $$;

-- A conversation goes, and with it everybody's membership.
CREATE OR REPLACE FUNCTION conversation_gone() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
    IF NOT EXISTS (SELECT FROM chat_conversations WHERE id = OLD.id) THEN
        PERFORM chat_member_out(OLD.id::text, NULL);
    END IF;
    RETURN NULL;
END $$;

-- --- triggers: receipts ----------------------------------------------------------------

CREATE OR REPLACE FUNCTION chat_receipts_told() RETURNS trigger
LANGUAGE plpgsql AS $$
DECLARE
    talk chat_conversations.id%TYPE;
    reader chat_users;
BEGIN
    -- A step that is not among the last 50 any more goes, when another follows it on
    -- the same day. Each passes here once, so the table stays small without anybody
    -- who looks for what is old.
    IF NEW.kind NOT IN ('delivered', 'read') THEN
        DELETE FROM chat_receipts
        WHERE conversation_id = NEW.conversation_id AND user_id = NEW.user_id
          AND kind = NEW.kind AND up_to < NEW.up_to;
        RETURN NULL;
    END IF;
    DELETE FROM chat_receipts o
    USING (SELECT array_agg(r.up_to) AS ids, count(DISTINCT r.at::date) AS days
           FROM (SELECT x.up_to, x.at FROM chat_receipts x
                 WHERE x.conversation_id = NEW.conversation_id
                   AND x.user_id = NEW.user_id AND x.kind = NEW.kind
                 ORDER BY x.up_to DESC LIMIT 2 OFFSET 49) AS r) AS two
    WHERE o.conversation_id = NEW.conversation_id AND o.user_id = NEW.user_id
      AND o.kind = NEW.kind AND o.up_to = two.ids[2] AND two.days = 1;
    SELECT id INTO talk FROM chat_conversations
    WHERE id = NEW.conversation_id FOR NO KEY UPDATE;
    IF NOT FOUND THEN
        RETURN NULL;
    END IF;
    SELECT * INTO reader FROM chat_users WHERE id = NEW.user_id;
    PERFORM chat_event_write(
        CASE NEW.kind WHEN 'read' THEN 'MessageRead' ELSE 'MessageDelivered' END,
        talk,
        json_build_object(
            'consultation_id', talk, 'user_id', reader.id,
            'user', chat_person_json(reader),
            'message_ids', '[]'::json, 'up_to', NEW.up_to,
            CASE NEW.kind WHEN 'read' THEN 'read_at' ELSE 'delivered_at' END,
            chat_time(NEW.at)));
    RETURN NULL;
END $$;

DROP TRIGGER IF EXISTS chat_receipts_told ON chat_receipts;
CREATE TRIGGER chat_receipts_told AFTER INSERT ON chat_receipts
FOR EACH ROW EXECUTE FUNCTION chat_receipts_told();

-- --- triggers: conversations and plans -------------------------------------------------
-- Functions only: which table they hang on is said behind the mark.

-- The row that was updated has the conversation's id as `id`; what it shows comes
-- from the view, which holds no deleted ones.
CREATE OR REPLACE FUNCTION conversation_updated() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
    PERFORM chat_event_write(
        'ConversationUpdated', c.id,
        json_build_object(
            'consultation',
            json_build_object('id', c.id, 'status', c.status,
                              'title', c.title)))
    FROM chat_conversations c
    WHERE c.id = NEW.id;
    RETURN NULL;
END $$;

-- Plans: what is the same for whatever table they are in, whose functions
-- chat_plan_mark() and chat_plan_json() say what a row is.

-- One row: whether a plan's changes are told in the conversation, as messages. An
-- application that cannot show messages of type 'plan' switches them off here.
CREATE TABLE IF NOT EXISTS chat_plan_settings (
    one integer PRIMARY KEY CHECK (one = 1),
    cards boolean NOT NULL DEFAULT true
);
INSERT INTO chat_plan_settings (one) VALUES (1) ON CONFLICT DO NOTHING;

-- Whether they are; never where a CHECK of messages.type would refuse them, because
-- that would refuse the plan's change as well.
CREATE OR REPLACE FUNCTION chat_plan_cards() RETURNS boolean
LANGUAGE sql STABLE
AS $$
    SELECT EXISTS (SELECT FROM chat_plan_settings WHERE cards)
       AND NOT EXISTS (
           SELECT FROM pg_constraint k
           JOIN pg_attribute a ON a.attrelid = k.conrelid
                              AND a.attnum = ANY (k.conkey)
           WHERE k.conrelid = 'messages'::regclass AND k.contype = 'c'
             AND a.attname = 'type'
             AND pg_get_constraintdef(k.oid) NOT LIKE '%''plan''%')
$$;

-- Times that follow from a state, and one accepted plan for each conversation: who
-- accepts holds the conversation's row lock, then looks.
CREATE OR REPLACE FUNCTION treatment_plans_stamp() RETURNS trigger
LANGUAGE plpgsql AS $$
DECLARE
    state text := chat_plan_mark(NEW);
    at timestamp := clock_timestamp() AT TIME ZONE 'UTC';
BEGIN
    IF TG_OP = 'UPDATE' AND chat_plan_mark(OLD) = state THEN
        RETURN NEW;
    END IF;
    IF state = 'submitted' THEN
        NEW.submitted_at := coalesce(NEW.submitted_at, at);
        NEW.expires_at := coalesce(NEW.expires_at,
                                   at + NEW.valid_days * interval '1 day');
    ELSIF state <> 'draft' THEN
        NEW.decided_at := coalesce(NEW.decided_at, at);
    END IF;
    IF state = 'accepted' AND NEW.deleted_at IS NULL THEN
        PERFORM FROM chat_counters WHERE id = NEW.treatment_request_id
        FOR NO KEY UPDATE;
        PERFORM FROM treatment_plans o
        WHERE o.treatment_request_id = NEW.treatment_request_id
          AND o.id <> NEW.id AND o.deleted_at IS NULL
          AND o.status = 'accepted' AND chat_plan_mark(o) = 'accepted';
        IF FOUND THEN
            RAISE unique_violation USING MESSAGE =
                'another plan of this consultation is accepted';
        END IF;
    END IF;
    RETURN NEW;
END $$;

-- The doctor submits and cancels, the patient decides, time expires. Each change is
-- a message in the conversation, the card, from who made it, and an event that also
-- goes to the other one's own channel. What was never submitted ends in silence.
CREATE OR REPLACE FUNCTION treatment_plans_event() RETURNS trigger
LANGUAGE plpgsql AS $$
DECLARE
    state text := chat_plan_mark(NEW);
    was text;
    news text[];
    what text;
    talk record;
    plan json;
    doctor chat_users.id%TYPE;
    by_patient boolean; -- who made the change
BEGIN
    IF NEW.deleted_at IS NOT NULL THEN
        RETURN NULL;
    END IF;
    IF TG_OP = 'UPDATE' THEN
        was := chat_plan_mark(OLD);
        IF NEW.reminders > OLD.reminders THEN
            news := news || 'reminder'::text;
        END IF;
        IF OLD.acknowledged_at IS NULL AND NEW.acknowledged_at IS NOT NULL THEN
            news := news || 'acknowledged'::text;
        END IF;
    END IF;
    IF was IS DISTINCT FROM state
       AND (state IN ('submitted', 'accepted', 'rejected')
            OR state IN ('cancelled', 'expired') AND was <> 'draft') THEN
        news := news || state;
    END IF;
    IF news IS NULL THEN
        RETURN NULL;
    END IF;
    SELECT id, status, patient_id, doctor_id INTO talk FROM chat_conversations
    WHERE id = NEW.treatment_request_id
    FOR NO KEY UPDATE;
    IF NOT FOUND THEN
        RETURN NULL;
    END IF;
    plan := chat_plan_json(NEW);
    doctor := plan ->> 'doctor_id';
    -- Who is in the conversation no more hears nothing of it: the doctor there is now
    -- does, and without one what the patient decides waits for the next. Only the doctor
    -- there is now takes an offer back.
    IF state = 'cancelled' AND talk.doctor_id IS NOT NULL THEN
        doctor := talk.doctor_id;
    ELSIF NOT EXISTS (SELECT FROM chat_members m
                      WHERE m.conversation_id = talk.id
                        AND m.user_id = doctor) THEN
        doctor := coalesce(talk.doctor_id, talk.patient_id);
    END IF;
    FOREACH what IN ARRAY news LOOP
        by_patient := what IN ('accepted', 'rejected', 'acknowledged');
        IF what NOT IN ('reminder', 'acknowledged')
           AND doctor IS NOT NULL AND talk.patient_id IS NOT NULL
           AND chat_plan_cards() THEN
            INSERT INTO messages (from_user_id, to_user_id, request_id, body,
                                  type, detailed, plan_id, plan_status,
                                  created_at, updated_at)
            VALUES (CASE WHEN by_patient THEN talk.patient_id ELSE doctor END,
                    CASE WHEN by_patient THEN doctor ELSE talk.patient_id END,
                    talk.id,
                    CASE what WHEN 'submitted' THEN 'Treatment plan offered'
                              WHEN 'accepted' THEN 'Treatment plan accepted'
                              WHEN 'rejected' THEN 'Treatment plan declined'
                              WHEN 'cancelled' THEN 'Treatment plan withdrawn'
                              ELSE 'Treatment plan expired' END
                    || CASE WHEN NEW.title LIKE 'sealed:2:%' THEN ''
                            ELSE ': ' || NEW.title END,
                    'plan', 1, NEW.id::text, what,
                    clock_timestamp() AT TIME ZONE 'UTC',
                    clock_timestamp() AT TIME ZONE 'UTC');
        END IF;
        INSERT INTO chat_events (event, conversation_id, channels, payload)
        VALUES ('Plan' || upper(left(what, 1)) || substr(what, 2), talk.id,
                array_to_json(array_remove(ARRAY[
                    CASE WHEN what <> 'reminder'
                         THEN 'private-conversation.' || talk.id END,
                    CASE WHEN NOT by_patient
                         THEN 'private-user.' || talk.patient_id END,
                    CASE WHEN by_patient OR what = 'expired'
                         THEN 'private-user.' || doctor END], NULL)),
                json_build_object(
                    'plan', plan,
                    'consultation',
                    json_build_object('id', talk.id, 'status', talk.status)));
    END LOOP;
    IF current_setting('application_name') <> 'mod_chat' THEN
        NOTIFY chat_events;
    END IF;
    RETURN NULL;
END $$;

-- What a card shows of its plan. A site without plans has no cards.
DO $do$
BEGIN
    IF to_regproc('chat_plan_json') IS NULL THEN
        CREATE OR REPLACE FUNCTION chat_plan_of(plan text) RETURNS json
        LANGUAGE sql STABLE AS $$ SELECT NULL::json $$;
    ELSE
        CREATE OR REPLACE FUNCTION chat_plan_of(plan text) RETURNS json
        LANGUAGE plpgsql STABLE AS $$
        DECLARE
            its treatment_plans.id%TYPE;
        BEGIN
            its := plan;
            RETURN (SELECT chat_plan_json(p) FROM treatment_plans p
                    WHERE p.id = its AND p.deleted_at IS NULL);
        EXCEPTION WHEN invalid_text_representation THEN
            RETURN NULL; -- another program has written something else
        END $$;
    END IF;
END $do$;

-- --- log-ins: what the site has said -------------------------------------------------
-- mod_chat keeps these two as its directives are, each time that it starts.

-- What personal_access_tokens.tokenable_type says of people (ChatTokenType). New tokens
-- get the first.
CREATE TABLE IF NOT EXISTS chat_token_types (
    name text PRIMARY KEY,
    place integer NOT NULL
);
INSERT INTO chat_token_types (name, place)
SELECT 'App\Models\User', 0 WHERE NOT EXISTS (SELECT FROM chat_token_types);

-- One row. rehash: a password's hash of another kind is the same password
-- (ChatForeignRehash).
CREATE TABLE IF NOT EXISTS chat_login_settings (
    one integer PRIMARY KEY CHECK (one = 1),
    rehash boolean NOT NULL DEFAULT false
);
INSERT INTO chat_login_settings (one) VALUES (1) ON CONFLICT DO NOTHING;

-- --- triggers: log-ins -----------------------------------------------------------------
-- A log-in that ends, or is to end at another time, is told to chat-push, which has
-- sockets that came by it. Such an event is for nobody else: it has no channel and
-- no conversation. The log-in's name is made as common/identity.h says; `until` is
-- in Unix seconds, 0: it has ended, null: it does not end by itself, as 'infinity' says,
-- too. What ends by its time alone needs no event.

DO $$
BEGIN
    IF (SELECT attnotnull FROM pg_attribute
        WHERE attrelid = 'chat_events'::regclass
          AND attname = 'conversation_id') THEN
        ALTER TABLE chat_events ALTER COLUMN conversation_id DROP NOT NULL;
    END IF;
END $$;

CREATE OR REPLACE FUNCTION chat_session_write(session text, until bigint)
RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO chat_events (event, channels, payload)
    VALUES ('chat:session', '[]',
            json_build_object('session', session, 'until', until));
    IF current_setting('application_name') <> 'mod_chat' THEN
        NOTIFY chat_events;
    END IF;
END $$;

CREATE OR REPLACE FUNCTION chat_sessions_moved() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
    PERFORM chat_session_write(
        's' || left(OLD.token_hash, 32),
        CASE WHEN TG_OP = 'DELETE' THEN 0
             WHEN OLD.token_hash <> NEW.token_hash
               OR OLD.user_id <> NEW.user_id THEN 0
             WHEN NEW.expires_at = '-infinity' THEN 0
             WHEN isfinite(NEW.expires_at)
             THEN floor(extract(epoch FROM NEW.expires_at)) END::bigint);
    RETURN NULL;
END $$;

DROP TRIGGER IF EXISTS chat_sessions_ended ON chat_sessions;
CREATE TRIGGER chat_sessions_ended AFTER DELETE ON chat_sessions
FOR EACH ROW WHEN (OLD.expires_at > now() AT TIME ZONE 'UTC')
EXECUTE FUNCTION chat_sessions_moved();

DROP TRIGGER IF EXISTS chat_sessions_moved ON chat_sessions;
CREATE TRIGGER chat_sessions_moved
AFTER UPDATE OF token_hash, user_id, expires_at ON chat_sessions
FOR EACH ROW
WHEN ((OLD.token_hash, OLD.user_id, OLD.expires_at)
      IS DISTINCT FROM (NEW.token_hash, NEW.user_id, NEW.expires_at))
EXECUTE FUNCTION chat_sessions_moved();

CREATE OR REPLACE FUNCTION chat_tokens_moved() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
    PERFORM chat_session_write(
        't' || left(OLD.token, 32),
        CASE WHEN TG_OP = 'DELETE' THEN 0
             WHEN OLD.token <> NEW.token
               OR OLD.tokenable_id <> NEW.tokenable_id
               OR OLD.tokenable_type <> NEW.tokenable_type THEN 0
             WHEN NEW.expires_at = '-infinity' THEN 0
             WHEN isfinite(NEW.expires_at)
             THEN floor(extract(epoch FROM NEW.expires_at)) END::bigint);
    RETURN NULL;
END $$;

DROP TRIGGER IF EXISTS chat_tokens_ended ON personal_access_tokens;
CREATE TRIGGER chat_tokens_ended AFTER DELETE ON personal_access_tokens
FOR EACH ROW WHEN (OLD.expires_at IS NULL
                   OR OLD.expires_at > now() AT TIME ZONE 'UTC')
EXECUTE FUNCTION chat_tokens_moved();

DROP TRIGGER IF EXISTS chat_tokens_moved ON personal_access_tokens;
CREATE TRIGGER chat_tokens_moved
AFTER UPDATE OF token, tokenable_type, tokenable_id, expires_at
ON personal_access_tokens
FOR EACH ROW
WHEN ((OLD.token, OLD.tokenable_type, OLD.tokenable_id, OLD.expires_at)
      IS DISTINCT FROM
      (NEW.token, NEW.tokenable_type, NEW.tokenable_id, NEW.expires_at))
EXECUTE FUNCTION chat_tokens_moved();

-- All log-ins of a user, who may or may not use them from now on. Which changes of
-- a row of people may mean that is said behind the mark. With an argument: another role,
-- which may hear other channels; sockets end, and the log-ins stay good for new ones.
CREATE OR REPLACE FUNCTION chat_users_moved() RETURNS trigger
LANGUAGE plpgsql AS $$
DECLARE
    may boolean := false;
    stays boolean;
BEGIN
    IF TG_OP = 'UPDATE' THEN
        SELECT u.active INTO may FROM chat_users u WHERE u.id = NEW.id;
    END IF;
    IF TG_OP = 'DELETE' THEN
        DELETE FROM chat_last_seen WHERE user_id = OLD.id;
    END IF;
    FOREACH stays IN ARRAY CASE WHEN may AND TG_NARGS > 0
                                THEN ARRAY[false, true] ELSE ARRAY[may] END
    LOOP
        PERFORM chat_session_write(mine.session,
                                   CASE WHEN stays THEN mine.until ELSE 0 END)
        FROM (SELECT 's' || left(token_hash, 32) AS session,
                     CASE WHEN isfinite(expires_at)
                          THEN floor(extract(epoch FROM expires_at))::bigint
                     END AS until
              FROM chat_sessions WHERE user_id = OLD.id
              UNION ALL
              SELECT 't' || left(token, 32),
                     CASE WHEN isfinite(expires_at)
                          THEN floor(extract(epoch FROM expires_at))::bigint END
              FROM personal_access_tokens
              WHERE tokenable_type IN (SELECT name FROM chat_token_types) AND tokenable_id = OLD.id
              UNION ALL
              SELECT 'u' || OLD.id, NULL) AS mine;
        IF EXISTS (SELECT FROM pg_trigger WHERE tgname = 'chat_laravel_ended'
                   AND tgrelid = to_regclass('sessions')) THEN
            EXECUTE 'SELECT chat_session_write(
                         ''l'' || left(encode(sha256(convert_to(id, ''UTF8'')),
                                            ''hex''), 32), $2)
                     FROM sessions WHERE user_id = $1'
            USING OLD.id, CASE WHEN stays THEN NULL ELSE 0::bigint END;
        END IF;
    END LOOP;
    RETURN NULL;
END $$;

-- --- sessions of a Laravel application ---------------------------------------------------
-- Its database session driver's table, where there is one (ChatLaravelKey): a log-in of
-- it ends when the row goes or is somebody else's. The name is made of the id's digest.
CREATE OR REPLACE FUNCTION chat_laravel_ended() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
    PERFORM chat_session_write(
        'l' || left(encode(sha256(convert_to(OLD.id, 'UTF8')), 'hex'), 32), 0);
    RETURN NULL;
END $$;

DO $$
BEGIN
    IF (SELECT count(*) FROM pg_attribute
        WHERE attrelid = to_regclass('sessions') AND NOT attisdropped
          AND attname IN ('user_id', 'last_activity')) = 2 THEN
        DROP TRIGGER IF EXISTS chat_laravel_ended ON sessions;
        CREATE TRIGGER chat_laravel_ended AFTER DELETE ON sessions
        FOR EACH ROW WHEN (OLD.user_id IS NOT NULL)
        EXECUTE FUNCTION chat_laravel_ended();
        DROP TRIGGER IF EXISTS chat_laravel_moved ON sessions;
        CREATE TRIGGER chat_laravel_moved AFTER UPDATE OF user_id ON sessions
        FOR EACH ROW WHEN (OLD.user_id IS NOT NULL
                           AND OLD.user_id IS DISTINCT FROM NEW.user_id)
        EXECUTE FUNCTION chat_laravel_ended();
    END IF;
END $$;

-- --- passwords ---------------------------------------------------------------------------
-- Another password ends a user's log-ins: all but one when it was mod_chat that changed
-- it (chat_password_set, behind the mark), all when it was somebody else. A log-in of
-- Laravel's may only hash the same password anew, because the site wants another
-- algorithm or cost, and from outside that looks as a change does. Where the site says
-- that it happens (ChatForeignRehash), nothing ends when these differ from those before
-- and remember_token has not changed, as it does when a password is reset.

-- Algorithm and cost of a hash.
CREATE OR REPLACE FUNCTION chat_hash_kind(hash text) RETURNS text
LANGUAGE sql IMMUTABLE AS $$
    SELECT CASE WHEN hash LIKE '$argon2%'
                THEN regexp_replace(hash, '\$[^$]*\$[^$]*$', '')
                ELSE left(hash, 7) END
$$;

-- The sockets of a person's Laravel sessions end. The sessions stay good for new ones:
-- whether they end is the application's to say, and the one that asked for the other
-- password is among them.
CREATE OR REPLACE FUNCTION chat_laravel_reopened(who chat_users.id%TYPE)
RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (SELECT FROM pg_trigger WHERE tgname = 'chat_laravel_ended'
               AND tgrelid = to_regclass('sessions')) THEN
        EXECUTE 'SELECT chat_session_write(
                     ''l'' || left(encode(sha256(convert_to(s.id, ''UTF8'')),
                                        ''hex''), 32), until)
                 FROM (SELECT id FROM sessions WHERE user_id = $1) s,
                      (VALUES (1, 0::bigint), (2, NULL)) AS told (step, until)
                 ORDER BY step'
        USING who;
    END IF;
END $$;

CREATE OR REPLACE FUNCTION chat_users_password() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
    IF current_setting('chat.password_of', true) = NEW.id::text
       OR (chat_hash_kind(OLD.password::text)
           IS DISTINCT FROM chat_hash_kind(NEW.password::text)
           AND to_jsonb(OLD) ->> 'remember_token'
               IS NOT DISTINCT FROM to_jsonb(NEW) ->> 'remember_token'
           AND EXISTS (SELECT FROM chat_login_settings WHERE rehash)) THEN
        RETURN NULL;
    END IF;
    DELETE FROM chat_sessions WHERE user_id = NEW.id;
    DELETE FROM personal_access_tokens
    WHERE tokenable_type IN (SELECT name FROM chat_token_types)
      AND tokenable_id = NEW.id;
    PERFORM chat_laravel_reopened(NEW.id);
    RETURN NULL;
END $$;

-- --- searching ---------------------------------------------------------------------------
-- The words of messages, folded (common/words.h), as chat-push has put them in: all
-- of low < id <= high. mod_chat reads the rest itself. An INSERT of a message costs
-- nothing; what changes or removes one is noted here, for chat-push to follow.

CREATE TABLE IF NOT EXISTS chat_search (
    message_id bigint PRIMARY KEY,
    words tsvector NOT NULL
);
CREATE INDEX IF NOT EXISTS chat_search_words ON chat_search USING gin (words);

CREATE TABLE IF NOT EXISTS chat_search_state (
    one integer PRIMARY KEY CHECK (one = 1),
    low bigint NOT NULL,
    high bigint NOT NULL,
    fold integer NOT NULL DEFAULT 0  -- by which CHAT_FOLD_VERSION; 0: nothing yet
);
INSERT INTO chat_search_state (one, low, high)
SELECT 1, coalesce(max(id), 0), coalesce(max(id), 0) FROM messages
ON CONFLICT DO NOTHING;

CREATE TABLE IF NOT EXISTS chat_search_changed (
    id bigint GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY,
    message_id bigint NOT NULL
);
CREATE INDEX IF NOT EXISTS chat_search_changed_message
    ON chat_search_changed (message_id);

-- Rows that are removed: messages_gone().
CREATE OR REPLACE FUNCTION chat_search_followed() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
    IF OLD.body IS DISTINCT FROM NEW.body
       OR OLD.request_id IS DISTINCT FROM NEW.request_id
       OR (OLD.deleted_at IS NULL) <> (NEW.deleted_at IS NULL) THEN
        INSERT INTO chat_search_changed (message_id) VALUES (NEW.id);
    END IF;
    RETURN NULL;
END $$;

DROP TRIGGER IF EXISTS chat_search_followed ON messages;
CREATE TRIGGER chat_search_followed
AFTER UPDATE OF body, deleted_at, request_id ON messages
FOR EACH ROW EXECUTE FUNCTION chat_search_followed();

-- --- the audit log -----------------------------------------------------------------
-- Who did what, when, from where, and how it was answered; never what was written.
-- Append-only: httpd's children and chatctl add entries behind the last one, each
-- with the hash of the one before it (common/audit_entry.h says how), and triggers refuse
-- the rest. Ids are text, for entries outlive what they name.

CREATE TABLE IF NOT EXISTS chat_audit (
    seq bigint PRIMARY KEY,         -- 1, 2, 3 …, without gaps
    at text NOT NULL,               -- '2026-11-29T16:32:58.123Z'
    user_id text NOT NULL,          -- '': nobody known
    via text NOT NULL,              -- session, token, apache, none, chatctl
    action text NOT NULL,           -- 'messages.read', …
    conversation_id text NOT NULL,  -- '': none
    object text NOT NULL,           -- id of a message, file, token …
    address text NOT NULL,
    agent text NOT NULL,            -- the beginning of User-Agent
    status text NOT NULL,           -- of the answer; below 400: ok
    request_id text NOT NULL,
    hash text NOT NULL              -- of this entry and the hash before it
);

-- One row: the last entry, and the last one that was purged.
CREATE TABLE IF NOT EXISTS chat_audit_head (
    one integer PRIMARY KEY CHECK (one = 1),
    seq bigint NOT NULL,
    hash text NOT NULL,
    purged_to bigint NOT NULL DEFAULT 0,
    purged_hash text NOT NULL
) WITH (fillfactor = 50);
INSERT INTO chat_audit_head (one, seq, hash, purged_hash)
VALUES (1, 0, repeat('0', 64), repeat('0', 64)) ON CONFLICT DO NOTHING;

-- How far each spool file has been taken in, so that a crash repeats nothing.
CREATE TABLE IF NOT EXISTS chat_audit_spools (
    name text PRIMARY KEY,
    upto bigint NOT NULL            -- bytes
);

CREATE OR REPLACE FUNCTION chat_audit_guard() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
    -- chatctl audit purge moves the mark first, and leaves an entry that says so.
    IF TG_OP = 'DELETE' THEN
        IF OLD.seq <= (SELECT purged_to FROM chat_audit_head) THEN
            RETURN OLD;
        END IF;
    END IF;
    RAISE EXCEPTION 'chat_audit is append-only';
END $$;

DROP TRIGGER IF EXISTS chat_audit_kept ON chat_audit;
CREATE TRIGGER chat_audit_kept BEFORE UPDATE OR DELETE ON chat_audit
FOR EACH ROW EXECUTE FUNCTION chat_audit_guard();

DROP TRIGGER IF EXISTS chat_audit_emptied ON chat_audit;
CREATE TRIGGER chat_audit_emptied BEFORE TRUNCATE ON chat_audit
FOR EACH STATEMENT EXECUTE FUNCTION chat_audit_guard();

-- --- retention, legal holds -----------------------------------------------------------

-- How long a conversation's content is kept after its last change, by its status;
-- '*': those that have no row of their own. No row: for ever. `chatctl purge` does it.
CREATE TABLE IF NOT EXISTS chat_retention (
    status text PRIMARY KEY,
    days integer NOT NULL CHECK (days > 0)
);

-- A row that is not released keeps the content of a conversation, whoever wants it
-- removed: purge and erasure pass it over.
CREATE TABLE IF NOT EXISTS chat_legal_holds (
    id bigint GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY,
    conversation_id text NOT NULL,
    why text NOT NULL,
    placed_by text NOT NULL,
    placed_at text NOT NULL,
    released_by text,
    released_at text
);
CREATE UNIQUE INDEX IF NOT EXISTS chat_legal_holds_open
    ON chat_legal_holds (conversation_id) WHERE released_at IS NULL;

-- Nobody who catches up is told any more what a message said before it was edited
-- or deleted: the log of events says then what the message says now, also where
-- another one answers it.
CREATE OR REPLACE FUNCTION chat_events_scrub() RETURNS trigger
LANGUAGE plpgsql AS $$
DECLARE
    gone boolean := true;
    content text := '';
    over jsonb;
BEGIN
    IF current_setting('chat.wiping', true) = 'on' THEN
        RETURN NULL; -- chatctl empties the log as a whole, see care_scrub
    END IF;
    -- Behind whoever is quoting it in an answer at this moment: what they have written
    -- is there then.
    PERFORM FROM chat_conversations WHERE id = OLD.request_id
    FOR NO KEY UPDATE;
    IF TG_OP = 'UPDATE' AND NEW.deleted_at IS NULL THEN
        gone := false;
        content := NEW.body;
        over := jsonb_build_object('content', content);
    ELSE
        over := jsonb_build_object(
            'content', '', 'edited_at', NULL, 'reply_to', NULL, 'plan', NULL,
            'deleted_at', chat_time(now()), 'reactions', '[]'::jsonb,
            'attachments', '[]'::jsonb);
    END IF;
    UPDATE chat_events
    SET payload = jsonb_set(payload::jsonb, '{message}',
                            (payload::jsonb -> 'message') || over)::json
    WHERE message_id = OLD.id;
    UPDATE chat_events
    SET payload = jsonb_set(payload::jsonb, '{message,reply_to}',
                            (payload::jsonb #> '{message,reply_to}')
                            || jsonb_build_object(
                                'content', CASE WHEN content LIKE 'sealed:2:%'
                                                THEN content
                                                ELSE left(content, 140) END,
                                'deleted', gone))::json
    WHERE quotes_id = OLD.id
      AND json_typeof(payload #> '{message,reply_to}') = 'object';
    RETURN NULL;
END $$;

DROP TRIGGER IF EXISTS chat_messages_scrubbed ON messages;
CREATE TRIGGER chat_messages_scrubbed AFTER UPDATE OF deleted_at, body ON messages
FOR EACH ROW WHEN (OLD.request_id IS NOT NULL AND NOT chat_resealing()
                   AND (OLD.body IS DISTINCT FROM NEW.body
                        OR (NEW.deleted_at IS NOT NULL AND OLD.deleted_at IS NULL)))
EXECUTE FUNCTION chat_events_scrub();

DROP TRIGGER IF EXISTS chat_messages_scrubbed_gone ON messages;
CREATE TRIGGER chat_messages_scrubbed_gone AFTER DELETE ON messages
FOR EACH ROW WHEN (OLD.request_id IS NOT NULL)
EXECUTE FUNCTION chat_events_scrub();

-- --- erasing -------------------------------------------------------------------------
-- What chatctl erase and purge take besides messages and files: the words of plans, the
-- sentences of their cards, the conversation's title and description, and all that in
-- the log of events. Who, when and what became of it stays. `who`: that person's words
-- only (of a conversation its patient's); NULL: everybody's. How many plans had any.
CREATE OR REPLACE FUNCTION chat_words_erase(
    talk chat_conversations.id%TYPE, who text)
RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
    patient text := (SELECT patient_id::text FROM chat_conversations
                     WHERE id = talk);
    changes text;
    words text;
    n bigint := 0;
    more bigint;
BEGIN
    SELECT string_agg(format('%I = %s', attname,
                             CASE attname WHEN 'client_digest' THEN 'NULL'
                                          ELSE '''''' END), ', '),
           string_agg(format('p.%I <> ''''', attname), ' OR ')
               FILTER (WHERE attname <> 'client_digest')
    INTO changes, words
    FROM pg_attribute
    WHERE attrelid = to_regclass('treatment_plans') AND attnum > 0
      AND NOT attisdropped
      AND attname IN ('title', 'description', 'client_digest');
    IF words IS NOT NULL AND to_regproc('chat_plan_doctor') IS NOT NULL THEN
        EXECUTE format(
            'UPDATE treatment_plans p SET %s
             WHERE p.treatment_request_id = $1
               AND ($2 IS NULL OR chat_plan_doctor(p)::text = $2) AND (%s)',
            changes, words) USING talk, who;
        GET DIAGNOSTICS n = ROW_COUNT;
        UPDATE treatment_plans p SET reason = NULL
        WHERE p.treatment_request_id = talk AND p.reason IS NOT NULL
          AND (who IS NULL
               OR CASE WHEN chat_plan_mark(p) = 'rejected' THEN patient
                       ELSE chat_plan_doctor(p)::text END = who);
        GET DIAGNOSTICS more = ROW_COUNT;
        n := greatest(n, more);
        -- Not an edit: nothing is to remember what it said.
        PERFORM set_config('mod_chat.resealing', 'on', true);
        UPDATE messages m SET body = split_part(m.body, ': ', 1)
        FROM treatment_plans p
        WHERE m.request_id = talk AND m.plan_id = p.id::text
          AND p.treatment_request_id = talk AND p.title = ''
          AND m.body LIKE '%: %';
        PERFORM set_config('mod_chat.resealing', 'off', true);
        UPDATE chat_events e
        SET payload = jsonb_set(e.payload::jsonb, '{plan}',
                                (e.payload::jsonb -> 'plan') || x.words)::json
        FROM (SELECT p.id, jsonb_build_object(
                         'title', j.plan -> 'title',
                         'description', j.plan -> 'description',
                         'reason', j.plan -> 'reason') AS words
              FROM treatment_plans p
              CROSS JOIN LATERAL (SELECT chat_plan_json(p)::jsonb AS plan) AS j
              WHERE p.treatment_request_id = talk) AS x
        WHERE e.conversation_id = talk
          AND e.payload #>> '{plan,id}' = x.id::text;
        UPDATE chat_events e
        SET payload = jsonb_set(jsonb_set(e.payload::jsonb, '{message,plan}',
                                          (e.payload::jsonb #> '{message,plan}')
                                          || x.words),
                                '{message,content}', to_jsonb(m.body))::json
        FROM (SELECT p.id, jsonb_build_object(
                         'title', j.plan -> 'title',
                         'description', j.plan -> 'description',
                         'reason', j.plan -> 'reason') AS words
              FROM treatment_plans p
              CROSS JOIN LATERAL (SELECT chat_plan_json(p)::jsonb AS plan) AS j
              WHERE p.treatment_request_id = talk) AS x
        JOIN messages m ON m.request_id = talk AND m.plan_id = x.id::text
        WHERE e.conversation_id = talk
          AND e.payload #>> '{message,id}' = m.id::text
          AND e.payload #>> '{message,plan,id}' = x.id::text;
        UPDATE chat_events e
        SET payload = jsonb_set(e.payload::jsonb, '{message,reply_to,content}',
                                to_jsonb(m.body))::json
        FROM messages m
        WHERE e.conversation_id = talk AND m.request_id = talk
          AND m.plan_id IS NOT NULL
          AND e.payload #>> '{message,reply_to,id}' = m.id::text;
    END IF;
    IF to_regproc('chat_subject_erase') IS NOT NULL
       AND (who IS NULL OR who = patient) THEN
        EXECUTE 'SELECT chat_subject_erase($1)' USING talk;
        UPDATE chat_events
        SET payload = jsonb_set(payload::jsonb, '{consultation,title}',
                                '""')::json
        WHERE conversation_id = talk
          AND payload #>> '{consultation,title}' <> '';
    END IF;
    RETURN n;
END $$;

-- Whether a conversation's plans have any words left; an adapted database may have no
-- such table.
CREATE OR REPLACE FUNCTION chat_plan_words(talk chat_conversations.id%TYPE)
RETURNS boolean LANGUAGE plpgsql STABLE AS $$
BEGIN
    IF to_regclass('treatment_plans') IS NULL
       OR to_regproc('chat_plan_doctor') IS NULL THEN
        RETURN false;
    END IF;
    RETURN EXISTS (
        SELECT FROM treatment_plans p
        CROSS JOIN LATERAL (SELECT to_jsonb(p) AS plan) AS j
        WHERE p.treatment_request_id = talk
          AND (j.plan ->> 'title' <> '' OR j.plan ->> 'description' <> ''
               OR j.plan ->> 'reason' <> ''));
END $$;

-- --- break-glass -----------------------------------------------------------------------
-- Staff who are no members of a conversation open it for a while and say why; its
-- people are told, by an event and by a line in the thread. Why is for those who
-- read this table.

DO $$
DECLARE
    person text := (SELECT format_type(atttypid, atttypmod) FROM pg_attribute
                    WHERE attrelid = 'chat_users'::regclass
                      AND attname = 'id');
    talk text := (SELECT format_type(atttypid, atttypmod) FROM pg_attribute
                  WHERE attrelid = 'chat_conversations'::regclass
                    AND attname = 'id');
BEGIN
    EXECUTE format(
        'CREATE TABLE IF NOT EXISTS chat_break_glass (
             id bigint GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY,
             conversation_id %s NOT NULL,
             user_id %s NOT NULL,
             reason text NOT NULL,
             created_at timestamp(3) NOT NULL
                 DEFAULT (now() AT TIME ZONE ''UTC''),
             until timestamp(3) NOT NULL)', talk, person);
END $$;
CREATE INDEX IF NOT EXISTS chat_break_glass_open
    ON chat_break_glass (user_id, conversation_id, until);

CREATE OR REPLACE FUNCTION chat_break_glass_tell() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO chat_many_voices (conversation_id) VALUES (NEW.conversation_id)
    ON CONFLICT DO NOTHING;
    BEGIN
        INSERT INTO messages (from_user_id, to_user_id, request_id, body, type,
                              created_at, updated_at)
        SELECT NEW.user_id, coalesce(c.patient_id, c.doctor_id), c.id,
               'This conversation was opened by staff.', 'system',
               NEW.created_at, NEW.created_at
        FROM chat_conversations c WHERE c.id = NEW.conversation_id;
    EXCEPTION WHEN integrity_constraint_violation OR data_exception THEN
        NULL; -- an application that knows no such type: the event has to do
    END;
    INSERT INTO chat_events (event, conversation_id, channels, payload)
    SELECT 'BreakGlass', NEW.conversation_id,
           ('["private-conversation.' || NEW.conversation_id
            || '","private-notifications.admins"'
            || coalesce((SELECT string_agg(
                             ',"private-user.' || m.user_id || '"', '')
                         FROM chat_members m
                         WHERE m.conversation_id = NEW.conversation_id), '')
            || ']')::json,
           json_build_object('consultation_id', NEW.conversation_id,
                             'user', chat_person_json(u),
                             'at', chat_time(NEW.created_at),
                             'until', chat_time(NEW.until))
    FROM chat_users u WHERE u.id = NEW.user_id;
    RETURN NULL;
END $$;

DROP TRIGGER IF EXISTS chat_break_glass_told ON chat_break_glass;
CREATE TRIGGER chat_break_glass_told AFTER INSERT ON chat_break_glass
FOR EACH ROW EXECUTE FUNCTION chat_break_glass_tell();

-- --- triggers: last seen ---------------------------------------------------------------
-- What a log-in knew of it outlives the log-in.

CREATE OR REPLACE FUNCTION chat_last_seen_keep() RETURNS trigger
LANGUAGE plpgsql AS $$
DECLARE
    gone json := to_json(OLD);
    person chat_users.id%TYPE;
    seen timestamp;
BEGIN
    IF gone ->> 'tokenable_type' NOT IN (SELECT name FROM chat_token_types) THEN
        RETURN NULL; -- a token of no person
    END IF;
    person := coalesce(gone ->> 'user_id', gone ->> 'tokenable_id');
    seen := coalesce(gone ->> 'last_seen_at', gone ->> 'last_used_at');
    INSERT INTO chat_last_seen AS l (user_id, at)
    SELECT u.id, seen FROM chat_users u
    WHERE u.id = person AND seen IS NOT NULL
    ON CONFLICT (user_id) DO UPDATE SET at = greatest(l.at, excluded.at);
    RETURN NULL;
END $$;

DROP TRIGGER IF EXISTS chat_sessions_last_seen ON chat_sessions;
CREATE TRIGGER chat_sessions_last_seen AFTER DELETE ON chat_sessions
FOR EACH ROW EXECUTE FUNCTION chat_last_seen_keep();

DROP TRIGGER IF EXISTS chat_tokens_last_seen ON personal_access_tokens;
CREATE TRIGGER chat_tokens_last_seen AFTER DELETE ON personal_access_tokens
FOR EACH ROW EXECUTE FUNCTION chat_last_seen_keep();

-- --- version -------------------------------------------------------------------------

CREATE TABLE IF NOT EXISTS chat_schema (
    version integer PRIMARY KEY,
    applied_at timestamp(3) NOT NULL DEFAULT (now() AT TIME ZONE 'UTC')
);
INSERT INTO chat_schema (version) VALUES (4) ON CONFLICT DO NOTHING;

-- <<< shared ------------------------------------------------------------------------

CREATE OR REPLACE VIEW chat_other_members AS
SELECT conversation_id, user_id
FROM chat_conversation_members;

-- What the patient has said a consultation is about (chat_words_erase).
CREATE OR REPLACE FUNCTION chat_subject_erase(talk chat_conversations.id%TYPE)
RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    changes text;
    words text;
BEGIN
    SELECT string_agg(format('%I = ''''', attname), ', '),
           string_agg(format('%I <> ''''', attname), ' OR ')
    INTO changes, words
    FROM pg_attribute a JOIN pg_type t ON t.oid = a.atttypid
    WHERE attrelid = 'treatment_requests'::regclass AND attnum > 0
      AND NOT attisdropped AND t.typcategory = 'S'
      AND attname IN ('title', 'description');
    IF words IS NOT NULL THEN
        EXECUTE format('UPDATE treatment_requests SET %s
                        WHERE id = $1 AND (%s)', changes, words) USING talk;
    END IF;
END $$;

DROP TRIGGER IF EXISTS treatment_requests_updated ON treatment_requests;
CREATE TRIGGER treatment_requests_updated
AFTER UPDATE OF status ON treatment_requests
FOR EACH ROW WHEN (OLD.status IS DISTINCT FROM NEW.status)
EXECUTE FUNCTION conversation_updated();

DROP TRIGGER IF EXISTS chat_conversation_members_moved
    ON chat_conversation_members;
CREATE TRIGGER chat_conversation_members_moved
AFTER INSERT OR DELETE OR UPDATE OF conversation_id, user_id
ON chat_conversation_members
FOR EACH ROW EXECUTE FUNCTION chat_conversation_members_moved();

-- patient_id, because chat_people_set() changes chat_patient_id with it.
DROP TRIGGER IF EXISTS chat_people_moved ON treatment_requests;
CREATE TRIGGER chat_people_moved
AFTER UPDATE OF patient_id, chat_patient_id, chat_doctor_id ON treatment_requests
FOR EACH ROW
WHEN ((OLD.chat_patient_id, OLD.chat_doctor_id)
      IS DISTINCT FROM (NEW.chat_patient_id, NEW.chat_doctor_id))
EXECUTE FUNCTION conversation_people_moved('chat_patient_id',
                                           'chat_doctor_id');

DO $$
BEGIN
    DROP TRIGGER IF EXISTS chat_conversation_closed_away ON treatment_requests;
    IF chat_has('treatment_requests', 'deleted_at') THEN
        CREATE TRIGGER chat_conversation_closed_away
        AFTER UPDATE OF deleted_at ON treatment_requests
        FOR EACH ROW WHEN (OLD.deleted_at IS NULL AND NEW.deleted_at IS NOT NULL)
        EXECUTE FUNCTION conversation_gone();
    END IF;
END $$;

DROP TRIGGER IF EXISTS chat_conversation_gone ON treatment_requests;
CREATE TRIGGER chat_conversation_gone AFTER DELETE ON treatment_requests
FOR EACH ROW EXECUTE FUNCTION conversation_gone();

DO $$
BEGIN
    IF to_regproc('chat_plan_json') IS NULL THEN
        RETURN;
    END IF;
    DROP TRIGGER IF EXISTS treatment_plans_stamp ON treatment_plans;
    CREATE TRIGGER treatment_plans_stamp
    BEFORE INSERT OR UPDATE ON treatment_plans
    FOR EACH ROW EXECUTE FUNCTION treatment_plans_stamp();
    DROP TRIGGER IF EXISTS treatment_plans_event ON treatment_plans;
    CREATE TRIGGER treatment_plans_event
    AFTER INSERT OR UPDATE ON treatment_plans
    FOR EACH ROW EXECUTE FUNCTION treatment_plans_event();
END $$;

-- Whatever of it the application has; which value means what is chat_users' affair.
DO $$
DECLARE
    cols text[] := array_remove(ARRAY[
        CASE WHEN chat_has('users', 'status') THEN 'status' END,
        CASE WHEN chat_has('users', 'deleted_at') THEN 'deleted_at' END], NULL);
BEGIN
    DROP TRIGGER IF EXISTS chat_users_moved ON users;
    IF cardinality(cols) > 0 THEN
        EXECUTE format(
            'CREATE TRIGGER chat_users_moved AFTER UPDATE OF %s ON users
             FOR EACH ROW WHEN (%s) EXECUTE FUNCTION chat_users_moved()',
            array_to_string(cols, ', '),
            (SELECT string_agg(format('OLD.%1$I IS DISTINCT FROM NEW.%1$I', c),
                               ' OR ' ORDER BY c)
             FROM unnest(cols) AS c));
    END IF;
    DROP TRIGGER IF EXISTS chat_users_role ON users;
    IF chat_has('users', 'role') THEN
        CREATE TRIGGER chat_users_role AFTER UPDATE OF role ON users
        FOR EACH ROW WHEN (OLD.role IS DISTINCT FROM NEW.role)
        EXECUTE FUNCTION chat_users_moved('role');
    END IF;
END $$;

DROP TRIGGER IF EXISTS chat_users_ended ON users;
CREATE TRIGGER chat_users_ended AFTER DELETE ON users
FOR EACH ROW EXECUTE FUNCTION chat_users_moved();

-- Give a user another password, if it is still the one that was looked at, and end all
-- log-ins but the one whose digest is `keep`. Whether that was done.
DO $do$
BEGIN
    EXECUTE format($fn$
CREATE OR REPLACE FUNCTION chat_password_set(who chat_users.id%%TYPE, old text,
                                             new text, keep text)
RETURNS boolean LANGUAGE plpgsql AS $$
DECLARE
    done boolean;
BEGIN
    PERFORM set_config('chat.password_of', who::text, true);
    UPDATE users SET password = new%s
    WHERE id = who AND password = old;
    done := FOUND;
    PERFORM set_config('chat.password_of', '', true);
    IF done THEN
        DELETE FROM chat_sessions WHERE user_id = who AND token_hash <> keep;
        DELETE FROM personal_access_tokens
        WHERE tokenable_type IN (SELECT name FROM chat_token_types) AND tokenable_id = who
          AND token <> keep;
        IF to_regclass('sessions') IS NOT NULL THEN -- the application's
            EXECUTE 'DELETE FROM sessions WHERE user_id = $1
                     AND encode(sha256(convert_to(id, ''UTF8'')), ''hex'') <> $2'
            USING who, keep;
        END IF;
    END IF;
    RETURN done;
END $$;
$fn$, CASE WHEN chat_has('users', 'remember_token')
           THEN ', remember_token = NULL' ELSE '' END
      || CASE WHEN chat_has('users', 'updated_at')
              THEN ', updated_at = now() AT TIME ZONE ''UTC''' ELSE '' END);
END $do$;

DROP TRIGGER IF EXISTS chat_users_password ON users;
CREATE TRIGGER chat_users_password AFTER UPDATE OF password ON users
FOR EACH ROW WHEN (OLD.password IS DISTINCT FROM NEW.password)
EXECUTE FUNCTION chat_users_password();

DROP FUNCTION chat_alive(text, text);
DROP FUNCTION chat_has(text, text);

COMMIT;
