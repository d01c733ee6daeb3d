-- SPDX-License-Identifier: Apache-2.0
--
-- The existing application's tables, and what they hold for the measurements.
-- The same on every run: nothing here is random. psql variables: users,
-- conversations, messages.
--
-- Names and types are those its migrations give; secondary indexes follow in
-- index.peer.sql, because only the database of the PHP stand-in gets them.
--
-- A twentieth of the users are doctors, ten are staff, the others patients.
-- Doctor 1 has the conversations 1 to 200. A quarter of all messages is in
-- conversation 1; those of the others lie among each other by id, as in life. The
-- last 0 to 5 messages of each conversation are unread.

CREATE TABLE users (
    id uuid NOT NULL,
    name varchar(255) NOT NULL,
    email varchar(255) NOT NULL,
    email_verified_at timestamp(0),
    fcm_tokens json,
    phone varchar(255),
    password varchar(255) NOT NULL,
    role varchar(255) NOT NULL DEFAULT 'patient',
    locale varchar(5) NOT NULL DEFAULT 'en',
    status varchar(255) NOT NULL DEFAULT 'pending',
    remember_token varchar(100),
    created_at timestamp(0), updated_at timestamp(0), deleted_at timestamp(0));
CREATE TABLE patients (
    id uuid NOT NULL,
    user_id uuid NOT NULL,
    date_of_birth date NOT NULL,
    gender varchar(255) NOT NULL,
    created_at timestamp(0), updated_at timestamp(0), deleted_at timestamp(0));
CREATE TABLE doctors (
    id uuid NOT NULL,
    user_id uuid NOT NULL,
    license_number varchar(255) NOT NULL,
    specialty varchar(255) NOT NULL,
    created_at timestamp(0), updated_at timestamp(0), deleted_at timestamp(0));
CREATE TABLE treatment_requests (
    id uuid NOT NULL,
    patient_id uuid NOT NULL,
    title varchar(255) NOT NULL,
    description text NOT NULL,
    urgency varchar(255) NOT NULL,
    symptoms jsonb, affected_teeth jsonb, photos jsonb,
    status varchar(255) NOT NULL DEFAULT 'pending',
    preferred_date timestamp(0),
    preferred_times jsonb,
    is_emergency boolean NOT NULL DEFAULT false,
    notes text,
    created_at timestamp(0), updated_at timestamp(0), deleted_at timestamp(0));
CREATE TABLE treatment_request_doctors (
    id bigserial NOT NULL,
    treatment_request_id uuid NOT NULL,
    doctor_id uuid NOT NULL,
    dispatch_order integer NOT NULL,
    dispatch_score double precision NOT NULL,
    status varchar(255) NOT NULL DEFAULT 'pending',
    notified_at timestamp(0), responded_at timestamp(0),
    decline_reason text,
    created_at timestamp(0), updated_at timestamp(0));
CREATE TABLE treatment_plans (
    id uuid NOT NULL,
    treatment_request_id uuid NOT NULL,
    doctor_id uuid NOT NULL,
    title varchar(255) NOT NULL,
    description text,
    status varchar(255) NOT NULL DEFAULT 'draft',
    total_cost numeric(10, 2),
    currency varchar(3) NOT NULL DEFAULT 'USD',
    estimated_duration_days integer,
    created_at timestamp(0), updated_at timestamp(0), deleted_at timestamp(0));
CREATE TABLE messages (
    id bigserial NOT NULL,
    from_user_id uuid NOT NULL,
    to_user_id uuid NOT NULL,
    request_id uuid,
    body text NOT NULL,
    attachments_json json,
    read_at timestamp(0),
    type varchar(255) NOT NULL DEFAULT 'text',
    attachment_path varchar(255),
    created_at timestamp(0), updated_at timestamp(0), deleted_at timestamp(0));
CREATE TABLE personal_access_tokens (
    id bigserial NOT NULL,
    tokenable_type varchar(255) NOT NULL,
    tokenable_id uuid NOT NULL,
    name varchar(255) NOT NULL,
    token varchar(64) NOT NULL,
    abilities text,
    last_used_at timestamp(0), expires_at timestamp(0),
    created_at timestamp(0), updated_at timestamp(0));

-- --- who there is ----------------------------------------------------------------

-- A UUID of version 4 that is always the same for a kind and a number.
CREATE FUNCTION pg_temp.uid(kind text, n bigint) RETURNS uuid LANGUAGE sql IMMUTABLE
AS $$ SELECT overlay(overlay(md5(kind || ':' || n) PLACING '4' FROM 13)
                     PLACING 'a' FROM 17)::uuid $$;

CREATE TEMP TABLE person AS
SELECT n, pg_temp.uid('user', n) AS id,
       CASE WHEN n <= :users / 20 THEN 'doctor'
            WHEN n <= :users / 20 + 10 THEN 'admin' ELSE 'patient' END AS role
FROM generate_series(1, :users) AS n;

CREATE TEMP TABLE talk AS
SELECT c, pg_temp.uid('conversation', c) AS id,
       :users / 20 + 10 + 1 + (c - 1) % (:users - :users / 20 - 10) AS patient,
       CASE WHEN c <= 200 THEN 1
            ELSE 2 + (c::bigint * 2654435761 / 4096) % (:users / 20 - 1) END AS doctor
FROM generate_series(1, :conversations) AS c;

\set made '''2023-09-07 00:00:00'''
INSERT INTO users (id, name, email, email_verified_at, phone, password, role,
                   status, created_at, updated_at)
SELECT id, initcap(role) || ' Name ' || n, 'u' || n || '@example.test', :made,
       '+9627' || lpad(n::text, 8, '0'), '$2y$12$' || repeat('x', 53), role,
       'active', :made, :made
FROM person ORDER BY n;
INSERT INTO doctors SELECT pg_temp.uid('doctor', n), id, 'LIC' || n, 'general', :made, :made
FROM person WHERE role = 'doctor' ORDER BY n;
INSERT INTO patients SELECT pg_temp.uid('patient', n), id, '1990-01-01', 'other', :made, :made
FROM person WHERE role = 'patient' ORDER BY n;
INSERT INTO personal_access_tokens (tokenable_type, tokenable_id, name, token,
                                    abilities, created_at, updated_at)
SELECT 'App\Models\User', id, 'mobile',
       encode(sha256(convert_to('chat' || md5('secret:' || n), 'UTF8')), 'hex'),
       '["*"]', :made, :made
FROM person ORDER BY n;
INSERT INTO treatment_requests (id, patient_id, title, description, urgency,
                                symptoms, affected_teeth, photos, status,
                                created_at, updated_at)
SELECT id, pg_temp.uid('patient', patient), 'Request ' || c,
       'Pain in a tooth, see photos.', 'medium', '{"pain": 5}', '[11]', '[]',
       'accepted', :made, :made
FROM talk ORDER BY c;
INSERT INTO treatment_request_doctors (treatment_request_id, doctor_id,
                                       dispatch_order, dispatch_score, status,
                                       notified_at, responded_at, created_at,
                                       updated_at)
SELECT id, pg_temp.uid('doctor', doctor), 1, 0.75, 'accepted', :made, :made, :made, :made
FROM talk ORDER BY c;

-- --- what they wrote -------------------------------------------------------------
-- mix() scatters a number; bodies are pieces of two texts, about 80 characters.

CREATE FUNCTION pg_temp.mix(k bigint, salt bigint) RETURNS bigint LANGUAGE sql IMMUTABLE
AS $$ SELECT ((k * 2654435761 + salt * 40503) % 4294967291 * 48271) % 2147483647 $$;

CREATE TEMP TABLE words AS SELECT
    repeat('hello doctor tooth pain since yesterday upper left molar swelling '
        'gum bleeding appointment tomorrow morning please take this medicine '
        'twice after food x-ray photo attached root canal crown filling braces '
        'whitening price plan accepted thanks you are welcome see the clinic at '
        'five how long does it hurt when cold water ', 2) AS en,
    repeat('مرحبا دكتور عندي ألم في السن منذ أمس موعد غدا شكرا جزيلا تورم اللثة '
        'حشوة عصب تقويم السعر الخطة العلاجية ', 4) AS ar;

CREATE TEMP TABLE line AS
SELECT k, t.id, t.c, p.id AS patient, d.id AS doctor
FROM (SELECT k, CASE WHEN k % 4 = 0 THEN 1
                     ELSE 2 + pg_temp.mix(k, 1) % (:conversations - 1) END AS c
      FROM generate_series(1, :messages::bigint) AS k) AS m
JOIN talk t USING (c)
JOIN person p ON p.n = t.patient JOIN person d ON d.n = t.doctor;

INSERT INTO messages (id, from_user_id, to_user_id, request_id, body, read_at,
                      created_at, updated_at)
SELECT k, CASE WHEN mine THEN patient ELSE doctor END,
       CASE WHEN mine THEN doctor ELSE patient END, id,
       'm ' || btrim(CASE WHEN pg_temp.mix(k, 3) % 10 < 3
                     THEN substr(ar, 1 + (pg_temp.mix(k, 4) % 200)::int,
                                 20 + (pg_temp.mix(k, 5) % 120)::int)
                     ELSE substr(en, 1 + (pg_temp.mix(k, 4) % 320)::int,
                                 20 + (pg_temp.mix(k, 5) % 130)::int) END),
       CASE WHEN behind >= c % 6 THEN at END, at, at
FROM (SELECT *, pg_temp.mix(k, 2) % 2 = 0 AS mine,
             timestamp :made + k * interval '730 days' / :messages AS at,
             row_number() OVER (PARTITION BY c ORDER BY k DESC) - 1 AS behind
      FROM line) AS m, words
ORDER BY k;
SELECT setval('messages_id_seq', :messages);

-- --- keys ---------------------------------------------------------------------------

ALTER TABLE users ADD PRIMARY KEY (id);
ALTER TABLE patients ADD PRIMARY KEY (id),
    ADD FOREIGN KEY (user_id) REFERENCES users (id) ON DELETE CASCADE;
ALTER TABLE doctors ADD PRIMARY KEY (id), ADD UNIQUE (license_number),
    ADD FOREIGN KEY (user_id) REFERENCES users (id) ON DELETE CASCADE;
ALTER TABLE treatment_requests ADD PRIMARY KEY (id),
    ADD FOREIGN KEY (patient_id) REFERENCES patients (id) ON DELETE CASCADE;
ALTER TABLE treatment_request_doctors ADD PRIMARY KEY (id),
    ADD UNIQUE (treatment_request_id, doctor_id),
    ADD FOREIGN KEY (treatment_request_id) REFERENCES treatment_requests (id) ON DELETE CASCADE,
    ADD FOREIGN KEY (doctor_id) REFERENCES doctors (id) ON DELETE CASCADE;
ALTER TABLE treatment_plans ADD PRIMARY KEY (id),
    ADD FOREIGN KEY (treatment_request_id) REFERENCES treatment_requests (id) ON DELETE CASCADE,
    ADD FOREIGN KEY (doctor_id) REFERENCES doctors (id) ON DELETE CASCADE;
ALTER TABLE messages ADD PRIMARY KEY (id),
    ADD FOREIGN KEY (from_user_id) REFERENCES users (id) ON DELETE CASCADE,
    ADD FOREIGN KEY (to_user_id) REFERENCES users (id) ON DELETE CASCADE,
    ADD FOREIGN KEY (request_id) REFERENCES treatment_requests (id) ON DELETE CASCADE;
ALTER TABLE personal_access_tokens ADD PRIMARY KEY (id);
CREATE UNIQUE INDEX users_email_unique ON users (email);
CREATE INDEX treatment_requests_status ON treatment_requests (status);
CREATE UNIQUE INDEX personal_access_tokens_token ON personal_access_tokens (token);
CREATE INDEX personal_access_tokens_tokenable
    ON personal_access_tokens (tokenable_type, tokenable_id);

-- Who the load generator speaks as: conversation, patient's token, doctor's token.
CREATE TABLE bench_pick AS
SELECT c AS n, id AS conversation,
       'chat' || md5('secret:' || patient) AS patient_token,
       'chat' || md5('secret:' || doctor) AS doctor_token,
       pg_temp.uid('user', patient) AS patient_user,
       pg_temp.uid('user', doctor) AS doctor_user
FROM talk ORDER BY c;
