-- SPDX-License-Identifier: Apache-2.0
--
-- Data for the durable SQLite rate, in the stand-alone schema: 1,000 people, 500
-- consultations, 100,000 messages. Its triggers count and log while it is filled;
-- the log is emptied again.
PRAGMA synchronous = OFF;
BEGIN;
INSERT INTO users (id, name, email, password, role)
WITH RECURSIVE s (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM s WHERE n < 1000)
SELECT n, 'Name ' || n, 'u' || n || '@example.test', '$2y$12$x',
       CASE WHEN n <= 50 THEN 'doctor' ELSE 'patient' END FROM s;
INSERT INTO treatment_requests (id, patient_id, doctor_id, title, status)
WITH RECURSIVE s (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM s WHERE n < 500)
SELECT n, 50 + n, 1 + n * 7 % 50, 'Request ' || n, 'in_progress' FROM s;
INSERT INTO messages (from_user_id, to_user_id, request_id, body, type, read_at)
WITH RECURSIVE s (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM s WHERE n < 100000)
SELECT r.patient_id, r.doctor_id, r.id,
       'hello doctor, the pain is back since yesterday morning ' || n, 'text',
       '2025-01-01 00:00:00'
FROM s JOIN treatment_requests r ON r.id = 1 + s.n * 7919 % 500 ORDER BY n;
DELETE FROM chat_events;
COMMIT;
ANALYZE;
