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
           AND r.chat_doctor_id IS DISTINCT FROM r.chat_patient_id', alive[2]);
END $$;

-- Deleted ones too: they may come back. Plain columns of one table, so that an
-- UPDATE of the view is one of the table; it takes the row lock.
CREATE OR REPLACE VIEW chat_counters AS
SELECT id, message_count, updated_at
FROM treatment_requests;

-- --- plans -------------------------------------------------------------------------
-- The shape clients know; what the application has not is null. Without the table
-- or its main columns there are no events of plans.

DO $$
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
    EXECUTE format(
        'CREATE OR REPLACE FUNCTION chat_plan_json(p treatment_plans)
         RETURNS json LANGUAGE sql STABLE PARALLEL SAFE
         AS $f$
             SELECT json_build_object(
                 ''id'', p.id, ''title'', p.title, ''status'', p.status,
                 ''description'', %s,
                 ''price_cents'', %s, ''currency'', %s,
                 ''duration_days'', %s,
                 ''doctor_id'',
                 (SELECT d.user_id FROM doctors d WHERE d.id = p.doctor_id),
                 ''consultation_id'', p.treatment_request_id)
         $f$',
        CASE WHEN chat_has('treatment_plans', 'description')
             THEN 'p.description' ELSE 'NULL' END,
        CASE WHEN chat_has('treatment_plans', 'total_cost')
             THEN 'round(p.total_cost * 100)::bigint' ELSE 'NULL' END,
        CASE WHEN chat_has('treatment_plans', 'currency')
             THEN 'p.currency' ELSE 'NULL' END,
        CASE WHEN chat_has('treatment_plans', 'estimated_duration_days')
             THEN 'p.estimated_duration_days' ELSE 'NULL' END);
END $$;

-- >>> shared ------------------------------------------------------------------------
-- From here to the other mark, schema.pgsql.sql and laravel.pgsql.sql are the same
-- word for word; a site with tables of its own runs this part behind its views.
-- It names chat_users, chat_conversations, chat_members, chat_counters, messages,
-- and no other table; ids have the types that the views give them.

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

-- --- shapes ------------------------------------------------------------------------
-- SQL functions of one expression, which PostgreSQL writes into the statement
-- that calls them.

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
                               THEN coalesce(CASE WHEN x.body LIKE 'sealed:1:%'
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

-- The plan whose card it is.
CREATE OR REPLACE FUNCTION chat_message_plan_json(m messages) RETURNS json
LANGUAGE sql STABLE PARALLEL SAFE
AS $$ SELECT NULL::json FROM (SELECT m.id) AS one $$;

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
        'reply_to', CASE WHEN m.detailed IS NOT NULL
                         THEN chat_message_reply_json(m) END,
        'reactions', CASE WHEN m.detailed IS NULL THEN '[]'::json
                          ELSE chat_message_reactions_json(m) END,
        'attachments', CASE WHEN m.detailed IS NULL THEN '[]'::json
                            ELSE chat_message_attachments_json(m) END,
        'plan', CASE WHEN m.detailed IS NOT NULL
                     THEN chat_message_plan_json(m) END)
$$;

-- --- writing events ------------------------------------------------------------------

-- A name for the log: what triggers call. The channels are the conversation's and
-- its members'. The caller holds the conversation's row lock.
CREATE OR REPLACE FUNCTION chat_event_write(
    name text, conversation chat_conversations.id%TYPE, data json)
RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO chat_events (event, conversation_id, channels, payload)
    SELECT name, conversation,
           ('["private-conversation.' || conversation || '"'
            || coalesce((SELECT string_agg(
                             ',"private-user.' || m.user_id || '"', '')
                         FROM chat_members m
                         WHERE m.conversation_id = conversation), '')
            || ']')::json,
           data;
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
    INSERT INTO chat_events (event, conversation_id, channels, payload)
    SELECT 'MessageSent', c.id,
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
                         FROM chat_members m
                         WHERE m.conversation_id = NEW.request_id
                           AND m.role NOT IN ('patient', 'doctor')
                           AND m.user_id IS DISTINCT FROM NEW.from_user_id
                           AND m.user_id IS DISTINCT FROM NEW.to_user_id), '')
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
-- version (detailed is NULL), is none.
CREATE OR REPLACE FUNCTION messages_recounted() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
    IF OLD.deleted_at IS NULL OR OLD.detailed IS NOT NULL THEN
        UPDATE chat_counters SET message_count = message_count - 1
        WHERE id = OLD.request_id;
    END IF;
    IF TG_OP = 'UPDATE'
       AND (NEW.deleted_at IS NULL OR NEW.detailed IS NOT NULL) THEN
        UPDATE chat_counters SET message_count = message_count + 1
        WHERE id = NEW.request_id;
    END IF;
    RETURN NULL;
END $$;

DROP TRIGGER IF EXISTS messages_removed ON messages;
CREATE TRIGGER messages_removed AFTER DELETE ON messages
FOR EACH ROW WHEN (OLD.request_id IS NOT NULL
                   AND (OLD.deleted_at IS NULL OR OLD.detailed IS NOT NULL))
EXECUTE FUNCTION messages_recounted();

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
FOR EACH ROW WHEN (OLD.body IS DISTINCT FROM NEW.body
                   OR (OLD.deleted_at IS NULL) <> (NEW.deleted_at IS NULL))
EXECUTE FUNCTION messages_changing();

-- Rows of messages are locked before conversations by everybody. A row that is
-- removed for good is told like one that is deleted; with its conversation, not.
CREATE OR REPLACE FUNCTION messages_changed() RETURNS trigger
LANGUAGE plpgsql AS $$
DECLARE
    m messages;
    talk record;
    author chat_users;
BEGIN
    IF TG_OP = 'DELETE' THEN
        m := OLD;
        m.deleted_at := now() AT TIME ZONE 'UTC';
        m.detailed := 1;
    ELSE
        m := NEW;
        IF OLD.deleted_at IS NOT NULL AND NEW.deleted_at IS NOT NULL THEN
            RETURN NULL;
        END IF;
        IF m.deleted_at IS NULL AND OLD.body IS DISTINCT FROM NEW.body THEN
            INSERT INTO chat_message_edits (message_id, body, edited_by)
            VALUES (OLD.id, OLD.body,
                    CASE WHEN current_setting('application_name') = 'mod_chat'
                         THEN OLD.from_user_id END);
        END IF;
    END IF;
    SELECT id, status INTO talk FROM chat_conversations
    WHERE id = m.request_id FOR NO KEY UPDATE;
    IF NOT FOUND THEN
        RETURN NULL;
    END IF;
    SELECT * INTO author FROM chat_users WHERE id = m.from_user_id;
    PERFORM chat_event_write(
        CASE WHEN m.deleted_at IS NULL THEN 'MessageEdited'
             ELSE 'MessageDeleted' END,
        talk.id,
        json_build_object(
            'message', chat_message_json(m, author),
            'consultation',
            json_build_object('id', talk.id, 'status', talk.status)));
    RETURN NULL;
END $$;

DROP TRIGGER IF EXISTS messages_changed ON messages;
CREATE TRIGGER messages_changed
AFTER UPDATE OF body, deleted_at ON messages
FOR EACH ROW WHEN (OLD.body IS DISTINCT FROM NEW.body
                   OR (OLD.deleted_at IS NULL) <> (NEW.deleted_at IS NULL))
EXECUTE FUNCTION messages_changed();

DROP TRIGGER IF EXISTS messages_gone ON messages;
CREATE TRIGGER messages_gone AFTER DELETE ON messages
FOR EACH ROW WHEN (OLD.request_id IS NOT NULL AND OLD.deleted_at IS NULL)
EXECUTE FUNCTION messages_changed();

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
BEGIN
    FOR marked IN
        SELECT n.request_id, n.to_user_id, max(n.read_at) AS read_at,
               json_agg(n.id ORDER BY n.id) AS ids
        FROM new_rows n JOIN old_rows o ON o.id = n.id
        WHERE o.read_at IS NULL AND n.read_at IS NOT NULL
          AND n.request_id IS NOT NULL AND n.deleted_at IS NULL
        GROUP BY n.request_id, n.to_user_id
        ORDER BY n.request_id, n.to_user_id
    LOOP
        SELECT id INTO talk FROM chat_conversations
        WHERE id = marked.request_id FOR NO KEY UPDATE;
        CONTINUE WHEN NOT FOUND;
        SELECT * INTO reader FROM chat_users WHERE id = marked.to_user_id;
        PERFORM chat_event_write(
            'MessageRead', talk,
            json_build_object(
                'consultation_id', talk, 'user_id', reader.id,
                'user', chat_person_json(reader),
                'message_ids', marked.ids,
                'read_at', chat_time(marked.read_at)));
    END LOOP;
    RETURN NULL;
END $$;

DROP TRIGGER IF EXISTS messages_read ON messages;
CREATE TRIGGER messages_read AFTER UPDATE ON messages
REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows
FOR EACH STATEMENT EXECUTE FUNCTION messages_read();

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

-- The doctor submits, the patient decides: each event also goes to the other
-- one's own channel. chat_plan_json() names the doctor by user id.
CREATE OR REPLACE FUNCTION treatment_plans_event() RETURNS trigger
LANGUAGE plpgsql AS $$
DECLARE
    talk record;
    plan json;
BEGIN
    IF TG_OP = 'UPDATE' AND OLD.status IS NOT DISTINCT FROM NEW.status THEN
        RETURN NULL;
    END IF;
    SELECT id, status, patient_id INTO talk FROM chat_conversations
    WHERE id = NEW.treatment_request_id
    FOR NO KEY UPDATE;
    IF NOT FOUND THEN
        RETURN NULL;
    END IF;
    plan := chat_plan_json(NEW);
    INSERT INTO chat_events (event, conversation_id, channels, payload)
    VALUES (CASE NEW.status WHEN 'submitted' THEN 'PlanSubmitted'
                            WHEN 'accepted' THEN 'PlanAccepted'
                            ELSE 'PlanRejected' END,
            talk.id,
            json_build_array(
                'private-conversation.' || talk.id,
                'private-user.' || CASE NEW.status
                    WHEN 'submitted' THEN talk.patient_id::text
                    ELSE plan ->> 'doctor_id' END),
            json_build_object(
                'plan', plan,
                'consultation',
                json_build_object('id', talk.id, 'status', talk.status)));
    IF current_setting('application_name') <> 'mod_chat' THEN
        NOTIFY chat_events;
    END IF;
    RETURN NULL;
END $$;

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
-- a row of people may mean that is said behind the mark.
CREATE OR REPLACE FUNCTION chat_users_moved() RETURNS trigger
LANGUAGE plpgsql AS $$
DECLARE
    may boolean := false;
BEGIN
    IF TG_OP = 'UPDATE' THEN
        SELECT u.active INTO may FROM chat_users u WHERE u.id = NEW.id;
    END IF;
    PERFORM chat_session_write(mine.session,
                               CASE WHEN may THEN mine.until ELSE 0 END)
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
          WHERE tokenable_type = 'App\Models\User' AND tokenable_id = OLD.id
          UNION ALL
          SELECT 'u' || OLD.id, NULL) AS mine;
    IF EXISTS (SELECT FROM pg_trigger WHERE tgname = 'chat_laravel_ended'
               AND tgrelid = to_regclass('sessions')) THEN
        EXECUTE 'SELECT chat_session_write(
                     ''l'' || left(encode(sha256(convert_to(id, ''UTF8'')),
                                        ''hex''), 32), $2)
                 FROM sessions WHERE user_id = $1'
        USING OLD.id, CASE WHEN may THEN NULL ELSE 0::bigint END;
    END IF;
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
-- algorithm or cost: then these differ from those before, and nobody is logged out,
-- unless remember_token has changed too, as it does when a password is reset.

-- Algorithm and cost of a hash.
CREATE OR REPLACE FUNCTION chat_hash_kind(hash text) RETURNS text
LANGUAGE sql IMMUTABLE AS $$
    SELECT CASE WHEN hash LIKE '$argon2%'
                THEN regexp_replace(hash, '\$[^$]*\$[^$]*$', '')
                ELSE left(hash, 7) END
$$;

CREATE OR REPLACE FUNCTION chat_users_password() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
    IF current_setting('chat.password_of', true) = NEW.id::text
       OR (chat_hash_kind(OLD.password::text)
           IS DISTINCT FROM chat_hash_kind(NEW.password::text)
           AND to_jsonb(OLD) ->> 'remember_token'
               IS NOT DISTINCT FROM to_jsonb(NEW) ->> 'remember_token') THEN
        RETURN NULL;
    END IF;
    DELETE FROM chat_sessions WHERE user_id = NEW.id;
    DELETE FROM personal_access_tokens
    WHERE tokenable_type = 'App\Models\User' AND tokenable_id = NEW.id;
    RETURN NULL;
END $$;

-- --- version -------------------------------------------------------------------------

CREATE TABLE IF NOT EXISTS chat_schema (
    version integer PRIMARY KEY,
    applied_at timestamp(3) NOT NULL DEFAULT (now() AT TIME ZONE 'UTC')
);
INSERT INTO chat_schema (version) VALUES (4) ON CONFLICT DO NOTHING;

-- <<< shared ------------------------------------------------------------------------

DROP TRIGGER IF EXISTS treatment_requests_updated ON treatment_requests;
CREATE TRIGGER treatment_requests_updated
AFTER UPDATE OF status ON treatment_requests
FOR EACH ROW WHEN (OLD.status IS DISTINCT FROM NEW.status)
EXECUTE FUNCTION conversation_updated();

DO $$
BEGIN
    IF to_regproc('chat_plan_json') IS NULL THEN
        RETURN;
    END IF;
    DROP TRIGGER IF EXISTS treatment_plans_event ON treatment_plans;
    EXECUTE format(
        'CREATE TRIGGER treatment_plans_event
         AFTER INSERT OR UPDATE OF status ON treatment_plans
         FOR EACH ROW
         WHEN (NEW.status IN (''submitted'', ''accepted'', ''rejected'') AND %s)
         EXECUTE FUNCTION treatment_plans_event()',
        CASE WHEN chat_has('treatment_plans', 'deleted_at')
             THEN 'NEW.deleted_at IS NULL' ELSE 'true' END);
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
        WHERE tokenable_type = 'App\Models\User' AND tokenable_id = who
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
