-- SPDX-License-Identifier: Apache-2.0
--
-- The same people and messages in the stand-alone schema, whose ids are integers
-- (SCHEMA=standalone). The existing application's tables lie in the schema `seed`,
-- sql/schema.pgsql.sql has made its own. Triggers are off meanwhile: what is long
-- past makes no events.
SET session_replication_role = replica;

INSERT INTO users (id, name, email, phone, password, role, status, created_at, updated_at)
SELECT substr(email, 2, strpos(email, '@') - 2)::bigint, name, email, phone,
       password, role, status, created_at, updated_at
FROM seed.users ORDER BY 1;
CREATE TEMP TABLE who AS
SELECT s.id AS old, u.id FROM seed.users s JOIN users u USING (email);
INSERT INTO personal_access_tokens (tokenable_id, name, token, abilities)
SELECT w.id, t.name, t.token, t.abilities
FROM seed.personal_access_tokens t JOIN who w ON w.old = t.tokenable_id ORDER BY t.id;
INSERT INTO treatment_requests (id, patient_id, doctor_id, title, status, message_count,
                                created_at, updated_at)
SELECT p.n, a.id, b.id, 'Request ' || p.n, 'in_progress', 0, m.first, m.last
FROM seed.bench_pick p JOIN who a ON a.old = p.patient_user
JOIN who b ON b.old = p.doctor_user
LEFT JOIN (SELECT request_id, min(created_at) AS first, max(created_at) AS last
           FROM seed.messages GROUP BY 1) AS m ON m.request_id = p.conversation
ORDER BY p.n;
INSERT INTO messages (id, from_user_id, to_user_id, request_id, body, read_at,
                      created_at, updated_at)
SELECT m.id, a.id, b.id, p.n, m.body, m.read_at, m.created_at, m.updated_at
FROM seed.messages m JOIN seed.bench_pick p ON p.conversation = m.request_id
JOIN who a ON a.old = m.from_user_id JOIN who b ON b.old = m.to_user_id
ORDER BY m.id;
UPDATE treatment_requests r SET message_count = m.n
FROM (SELECT request_id, count(*) AS n FROM messages GROUP BY 1) AS m
WHERE m.request_id = r.id;
CREATE TABLE bench_pick AS
SELECT p.n, p.n AS conversation, p.patient_token, p.doctor_token,
       a.id AS patient_user, b.id AS doctor_user
FROM seed.bench_pick p JOIN who a ON a.old = p.patient_user
JOIN who b ON b.old = p.doctor_user;
SELECT setval(pg_get_serial_sequence(t, 'id'), 1000000000)
FROM unnest(ARRAY['users', 'treatment_requests', 'messages']) AS t;
DROP SCHEMA seed CASCADE;
