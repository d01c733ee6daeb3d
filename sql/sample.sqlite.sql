-- SPDX-License-Identifier: Apache-2.0
--
-- The rows of sample.sql on SQLite. Runs once, behind it in one session, on a
-- fresh schema.sqlite.sql.

-- One bcrypt hash of cost 10 for all.
INSERT INTO users (id, name, email, email_verified_at, password, role, locale,
                   created_at, updated_at)
SELECT id, name, email, strftime('%Y-%m-%d %H:%M:%f', 'now', '-60 days'),
       '$2y$10$SqIaLcfhlZpFJphas30cy.i7Q1AJuBseA4VXrUSvVc/YE47J32Eqm',
       role, locale,
       strftime('%Y-%m-%d %H:%M:%f', 'now', '-60 days', '+' || id || ' hours'),
       strftime('%Y-%m-%d %H:%M:%f', 'now', '-60 days', '+' || id || ' hours')
FROM sample_person ORDER BY id;

INSERT INTO treatment_requests (id, patient_id, doctor_id, title, urgency,
                                status)
SELECT id, patient_id, doctor_id, title, urgency, status
FROM sample_talk ORDER BY id;

-- From the oldest to the newest, so that ids rise with time as they do in life.
INSERT INTO messages (from_user_id, to_user_id, request_id, body, type, read_at,
                      created_at, updated_at)
SELECT author, recipient, talk, body, 'text',
       strftime('%Y-%m-%d %H:%M:%f', 'now', '-' || ago || ' minutes',
                '+' || (seconds + read_after) || ' seconds'),
       strftime('%Y-%m-%d %H:%M:%f', 'now', '-' || ago || ' minutes',
                '+' || seconds || ' seconds'),
       strftime('%Y-%m-%d %H:%M:%f', 'now', '-' || ago || ' minutes',
                '+' || seconds || ' seconds')
FROM sample_time
ORDER BY ago DESC, id;

INSERT INTO treatment_plans (treatment_request_id, doctor_id, title, description,
                             status, price_cents, currency, duration_days,
                             created_at, updated_at)
SELECT talk, doctor_id, title, description, status, price_cents, 'USD',
       duration_days,
       strftime('%Y-%m-%d %H:%M:%f', 'now', '-' || ago || ' minutes'),
       strftime('%Y-%m-%d %H:%M:%f', 'now', '-' || ago || ' minutes')
FROM sample_plan ORDER BY id;

-- Their cards were read, and are as old as the last words beside them.
UPDATE messages SET
    created_at = (SELECT max(x.created_at) FROM messages x
                  WHERE x.request_id = messages.request_id
                    AND x.type <> 'plan'),
    read_at = strftime('%Y-%m-%d %H:%M:%f', 'now')
WHERE type = 'plan';

UPDATE treatment_plans SET
    submitted_at = CASE WHEN submitted_at IS NOT NULL THEN created_at END,
    decided_at = CASE WHEN decided_at IS NOT NULL THEN created_at END;

-- As if it had happened: the counters are right already; times and the log are of
-- this minute. What is long past is no news: the log starts empty, and its ids go
-- on where they were.
UPDATE treatment_requests SET
    created_at = strftime('%Y-%m-%d %H:%M:%f',
        coalesce((SELECT min(created_at) FROM messages
                  WHERE request_id = treatment_requests.id),
                 strftime('%Y-%m-%d %H:%M:%f', 'now', '-50 minutes')),
        '-5 minutes'),
    updated_at =
        coalesce((SELECT max(created_at) FROM messages
                  WHERE request_id = treatment_requests.id),
                 strftime('%Y-%m-%d %H:%M:%f', 'now', '-55 minutes'));
DELETE FROM chat_events;

DROP TABLE sample_person;
DROP TABLE sample_talk;
DROP TABLE sample_line;
DROP TABLE sample_plan;
DROP TABLE sample_time;

COMMIT;
