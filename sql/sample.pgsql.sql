-- SPDX-License-Identifier: Apache-2.0
--
-- The rows of sample.sql on PostgreSQL. Runs once, behind it in one session, on a
-- fresh schema.pgsql.sql.

-- One bcrypt hash of cost 10 for all.
INSERT INTO users (id, name, email, email_verified_at, password, role, locale,
                   created_at, updated_at)
SELECT id, name, email, now() AT TIME ZONE 'UTC' - interval '60 days',
       '$2y$10$SqIaLcfhlZpFJphas30cy.i7Q1AJuBseA4VXrUSvVc/YE47J32Eqm',
       role, locale,
       now() AT TIME ZONE 'UTC' - interval '60 days' + id * interval '1 hour',
       now() AT TIME ZONE 'UTC' - interval '60 days' + id * interval '1 hour'
FROM sample_person ORDER BY id;

INSERT INTO treatment_requests (id, patient_id, doctor_id, title, urgency,
                                status)
SELECT id, patient_id, doctor_id, title, urgency, status
FROM sample_talk ORDER BY id;

-- From the oldest to the newest, so that ids rise with time as they do in life.
INSERT INTO messages (from_user_id, to_user_id, request_id, body, type, read_at,
                      created_at, updated_at)
SELECT author, recipient, talk, body, 'text',
       at + read_after * interval '1 second', at, at
FROM (SELECT *, now() AT TIME ZONE 'UTC' - ago * interval '1 minute'
                + seconds * interval '1 second' AS at
      FROM sample_time) AS lines
ORDER BY ago DESC, id;

INSERT INTO treatment_plans (treatment_request_id, doctor_id, title, description,
                             status, price_cents, currency, duration_days,
                             created_at, updated_at)
SELECT talk, doctor_id, title, description, status, price_cents, 'USD',
       duration_days, now() AT TIME ZONE 'UTC' - ago * interval '1 minute',
       now() AT TIME ZONE 'UTC' - ago * interval '1 minute'
FROM sample_plan ORDER BY id;

-- Their cards were read, and are as old as the last words beside them.
UPDATE messages m SET
    created_at = (SELECT max(x.created_at) FROM messages x
                  WHERE x.request_id = m.request_id AND x.type <> 'plan'),
    read_at = now() AT TIME ZONE 'UTC'
WHERE type = 'plan';
UPDATE treatment_plans SET
    submitted_at = CASE WHEN submitted_at IS NOT NULL THEN created_at END,
    decided_at = CASE WHEN decided_at IS NOT NULL THEN created_at END;

-- As if it had happened: the counters are right already; times and the log are of
-- this minute. What is long past is no news: the log starts empty, and its ids go
-- on where they were.
UPDATE treatment_requests r SET
    created_at = coalesce((SELECT min(created_at) FROM messages
                           WHERE request_id = r.id),
                          now() AT TIME ZONE 'UTC' - interval '50 minutes')
                 - interval '5 minutes',
    updated_at = coalesce((SELECT max(created_at) FROM messages
                           WHERE request_id = r.id),
                          now() AT TIME ZONE 'UTC' - interval '55 minutes');
DELETE FROM chat_events;

-- Ids were given by hand: the next ones go on behind them.
SELECT setval(pg_get_serial_sequence('users', 'id'), max(id)) FROM users;
SELECT setval(pg_get_serial_sequence('treatment_requests', 'id'), max(id))
FROM treatment_requests;

DROP TABLE sample_person, sample_talk, sample_line, sample_plan, sample_time;

COMMIT;
