-- SPDX-License-Identifier: Apache-2.0
--
-- Treatment plans: what mod_chat reads and changes of them (mod_chat/route/plan.c), and what
-- chat-push does when their time comes (push/link/due.c).
--
-- A state changes by one UPDATE that says from which state and by whom. Of two that
-- race, the second waits for the first, looks again and finds nothing. The triggers do
-- the rest: times, the card in the conversation, the event.

-- Those the user may see, newest first: drafts are their doctor's alone, while that is
-- the conversation's doctor.
-- $1 conversation, $2 user, $3 how many, $4 how many to pass over.  The plan as JSON
-- :name plan_list sqlite
SELECT json FROM chat_plans
WHERE conversation_id = $1
  AND (offered
       OR doctor_id = $2
          AND EXISTS (SELECT 1 FROM chat_conversations c
                      WHERE c.id = $1 AND c.doctor_id = $2))
ORDER BY created_at DESC, id DESC
LIMIT $3 OFFSET $4

-- :name plan_list pgsql
SELECT chat_plan_json(p) FROM treatment_plans p
WHERE p.treatment_request_id = $1 AND p.deleted_at IS NULL
  AND (chat_plan_mark(p) <> 'draft'
       AND (chat_plan_mark(p) <> 'cancelled' OR p.submitted_at IS NOT NULL)
       OR chat_plan_doctor(p) = $2
          AND EXISTS (SELECT FROM chat_conversations c
                      WHERE c.id = $1 AND c.doctor_id = $2))
ORDER BY p.created_at DESC NULLS LAST, p.id DESC
LIMIT $3 OFFSET $4

-- One plan and what the user is to it. $1 plan, $2 user.  Columns: id, the plan as
-- JSON, its state, what the row says it is; conversation; 1 or 0 for: the user may read
-- the conversation, the plan was offered, the user is the plan's doctor and still the
-- conversation's, the patient, the conversation's doctor; the plan's doctor is the
-- conversation's no more
-- :name plan_find sqlite
SELECT p.id, p.json, p.status, p.marked, p.conversation_id,
       EXISTS (SELECT 1 FROM chat_members m
               WHERE m.conversation_id = p.conversation_id AND m.user_id = $2),
       p.offered, p.doctor_id = $2 AND c.doctor_id IS $2, c.patient_id IS $2,
       c.doctor_id IS $2, c.doctor_id IS NOT p.doctor_id
FROM chat_plans p
JOIN chat_conversations c ON c.id = p.conversation_id
WHERE p.id = $1

-- :name plan_find pgsql
SELECT p.id, j.plan, j.plan ->> 'status', chat_plan_mark(p), c.id,
       EXISTS (SELECT FROM chat_members m
               WHERE m.conversation_id = c.id AND m.user_id = $2)::int,
       (chat_plan_mark(p) <> 'draft'
        AND (chat_plan_mark(p) <> 'cancelled'
             OR p.submitted_at IS NOT NULL))::int,
       (chat_plan_doctor(p) = $2 AND c.doctor_id = $2 IS TRUE)::int,
       (c.patient_id = $2 IS TRUE)::int,
       (c.doctor_id = $2 IS TRUE)::int,
       (c.doctor_id IS DISTINCT FROM chat_plan_doctor(p))::int
FROM treatment_plans p
CROSS JOIN LATERAL (SELECT chat_plan_json(p) AS plan) AS j
JOIN chat_conversations c ON c.id = p.treatment_request_id
WHERE p.id = $1 AND p.deleted_at IS NULL

-- By the conversation's doctor. No row, or NULL: somebody else, or the client_id has
-- been used.  $1 conversation, $2 doctor, $3 draft or submitted, $4 title,
-- $5 description, $6 price, $7 currency, $8 days, $9 valid days, $10 end, $11 1: must
-- be acknowledged, $12 client_id, $13 digest of all that, $14 in which status a
-- conversation is closed, as |completed|cancelled|: nothing is offered there, and who
-- closes it does so before this or after it.  The plan's id
-- :name plan_insert sqlite
INSERT INTO treatment_plans (
    treatment_request_id, doctor_id, status, title, description, price_cents,
    currency, duration_days, valid_days, expires_at, must_acknowledge,
    client_id, client_digest)
SELECT c.id, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13
FROM chat_conversations c
WHERE c.id = $1 AND c.doctor_id = $2
  AND (instr($14, '|' || c.status || '|') > 0) IS NOT TRUE
ON CONFLICT DO NOTHING
RETURNING id

-- :name plan_insert pgsql
WITH talk AS MATERIALIZED (
    SELECT id FROM chat_conversations
    WHERE id = $1 AND (strpos($14, '|' || status || '|') > 0) IS NOT TRUE
    FOR NO KEY UPDATE
), made AS MATERIALIZED (
    SELECT chat_plan_insert($1, $2, $3, $4, $5, $6, $7, $8, $9, $10,
                            $11::int = 1, $12, $13) AS id
    FROM talk)
SELECT id FROM made WHERE id IS NOT NULL

-- What the client_id was used for.  $1 conversation, $2 doctor, $3 client_id.
-- Columns: the plan's id, the digest
-- :name plan_sent sqlite
SELECT id, client_digest FROM treatment_plans
WHERE treatment_request_id = $1 AND doctor_id = $2 AND client_id = $3

-- :name plan_sent pgsql
SELECT p.id, p.client_digest FROM treatment_plans p
WHERE p.treatment_request_id = $1 AND chat_plan_doctor(p) = $2
  AND p.client_id = $3

-- Other words for a draft. $1 plan, $2 doctor, $3 to $10 as $4 to $11 above.  Its id
-- :name plan_edit sqlite
UPDATE treatment_plans
SET title = $3, description = $4, price_cents = $5, currency = $6,
    duration_days = $7, valid_days = $8, expires_at = $9,
    must_acknowledge = $10, updated_at = strftime('%Y-%m-%d %H:%M:%f', 'now')
WHERE id = $1 AND doctor_id = $2 AND status = 'draft' AND deleted_at IS NULL
RETURNING id

-- :name plan_edit pgsql
WITH done AS MATERIALIZED (
    SELECT chat_plan_edit($1, $2, $3, $4, $5, $6, $7, $8, $9,
                          $10::int = 1) AS id)
SELECT id FROM done WHERE id IS NOT NULL

-- --- changes of state ------------------------------------------------------------------
-- $1 plan, $2 who.  A row when it was done, now and by this statement

-- $3 as $14 of plan_insert
-- :name plan_submit sqlite
UPDATE treatment_plans
SET status = 'submitted', updated_at = strftime('%Y-%m-%d %H:%M:%f', 'now')
WHERE id = $1 AND status = 'draft' AND deleted_at IS NULL AND doctor_id = $2
  AND (expires_at IS NULL OR julianday(expires_at) > julianday('now'))
  AND EXISTS (SELECT 1 FROM chat_conversations c
              WHERE c.id = treatment_request_id AND c.doctor_id = $2
                AND (instr($3, '|' || c.status || '|') > 0) IS NOT TRUE)
RETURNING id

-- The plan's row is locked before the conversation's, as by all who decide.
-- :name plan_submit pgsql
WITH mine AS MATERIALIZED (
    SELECT id, treatment_request_id FROM treatment_plans
    WHERE id = $1 AND status = 'draft'
    FOR NO KEY UPDATE
), talk AS MATERIALIZED (
    SELECT c.id FROM mine
    JOIN chat_conversations c ON c.id = mine.treatment_request_id
    WHERE c.doctor_id = $2
      AND (strpos($3, '|' || c.status || '|') > 0) IS NOT TRUE
    FOR NO KEY UPDATE OF c
)
UPDATE treatment_plans p
SET status = 'submitted', updated_at = now() AT TIME ZONE 'UTC'
FROM talk
WHERE p.id = $1 AND p.treatment_request_id = talk.id AND p.status = 'draft' AND chat_plan_mark(p) = 'draft'
  AND p.deleted_at IS NULL AND chat_plan_doctor(p) = $2
  AND (p.expires_at IS NULL OR p.expires_at > clock_timestamp() AT TIME ZONE 'UTC')
RETURNING p.id

-- :name plan_accept sqlite
UPDATE treatment_plans
SET status = 'accepted', updated_at = strftime('%Y-%m-%d %H:%M:%f', 'now')
WHERE id = $1 AND status = 'submitted' AND deleted_at IS NULL
  AND (expires_at IS NULL OR julianday(expires_at) > julianday('now'))
  AND EXISTS (SELECT 1 FROM chat_conversations c
              WHERE c.id = treatment_request_id AND c.patient_id = $2)
RETURNING id

-- :name plan_accept pgsql
UPDATE treatment_plans p
SET status = 'accepted', updated_at = now() AT TIME ZONE 'UTC'
WHERE p.id = $1 AND p.status = 'submitted' AND chat_plan_mark(p) = 'submitted'
  AND p.deleted_at IS NULL
  AND (p.expires_at IS NULL OR p.expires_at > clock_timestamp() AT TIME ZONE 'UTC')
  AND EXISTS (SELECT FROM chat_conversations c
              WHERE c.id = p.treatment_request_id AND c.patient_id = $2)
RETURNING p.id

-- $3 reason
-- :name plan_reject sqlite
UPDATE treatment_plans
SET status = 'rejected', reason = $3,
    updated_at = strftime('%Y-%m-%d %H:%M:%f', 'now')
WHERE id = $1 AND status = 'submitted' AND deleted_at IS NULL
  AND (expires_at IS NULL OR julianday(expires_at) > julianday('now'))
  AND EXISTS (SELECT 1 FROM chat_conversations c
              WHERE c.id = treatment_request_id AND c.patient_id = $2)
RETURNING id

-- :name plan_reject pgsql
UPDATE treatment_plans p
SET status = 'rejected', reason = $3, updated_at = now() AT TIME ZONE 'UTC'
WHERE p.id = $1 AND p.status = 'submitted' AND chat_plan_mark(p) = 'submitted'
  AND p.deleted_at IS NULL
  AND (p.expires_at IS NULL OR p.expires_at > clock_timestamp() AT TIME ZONE 'UTC')
  AND EXISTS (SELECT FROM chat_conversations c
              WHERE c.id = p.treatment_request_id AND c.patient_id = $2)
RETURNING p.id

-- By the doctor of plan and conversation. What was offered by one before, the
-- conversation's doctor takes back, too, and staff.  $3 reason, $4 1: staff
-- :name plan_cancel sqlite
UPDATE treatment_plans
SET status = 'cancelled', reason = $3,
    updated_at = strftime('%Y-%m-%d %H:%M:%f', 'now')
WHERE id = $1 AND status IN ('draft', 'submitted') AND deleted_at IS NULL
  AND (expires_at IS NULL OR julianday(expires_at) > julianday('now')
       OR status = 'draft')
  AND EXISTS (SELECT 1 FROM chat_conversations c
              WHERE c.id = treatment_request_id
                AND CASE WHEN c.doctor_id IS treatment_plans.doctor_id
                         THEN c.doctor_id = $2
                         ELSE treatment_plans.status = 'submitted'
                              AND ($4 = 1 OR c.doctor_id = $2) END)
RETURNING id

-- The plan's row is locked before the conversation's, as by all who decide.
-- :name plan_cancel pgsql
WITH its AS MATERIALIZED (
    SELECT p AS plan FROM treatment_plans p
    WHERE p.id = $1
    FOR NO KEY UPDATE
), mine AS MATERIALIZED (
    SELECT (plan).treatment_request_id AS talk, chat_plan_doctor(plan) AS doctor,
           chat_plan_mark(plan) = 'submitted' AS offered
    FROM its
), talk AS MATERIALIZED (
    SELECT mine.doctor FROM mine
    JOIN chat_conversations c ON c.id = mine.talk
    WHERE CASE WHEN c.doctor_id = mine.doctor THEN c.doctor_id = $2
               ELSE mine.offered AND ($4::int = 1 OR c.doctor_id = $2) END
    FOR NO KEY UPDATE OF c
), done AS MATERIALIZED (
    SELECT chat_plan_cancel($1, doctor, $3) AS id FROM talk)
SELECT id FROM done WHERE id IS NOT NULL

-- The patient has seen it.
-- :name plan_acknowledge sqlite
UPDATE treatment_plans
SET acknowledged_at = strftime('%Y-%m-%d %H:%M:%f', 'now')
WHERE id = $1 AND acknowledged_at IS NULL AND deleted_at IS NULL
  AND status <> 'draft'
  AND EXISTS (SELECT 1 FROM chat_conversations c
              WHERE c.id = treatment_request_id AND c.patient_id = $2)
RETURNING id

-- :name plan_acknowledge pgsql
UPDATE treatment_plans p
SET acknowledged_at = clock_timestamp() AT TIME ZONE 'UTC'
WHERE p.id = $1 AND p.acknowledged_at IS NULL AND p.deleted_at IS NULL
  AND p.status <> 'draft'
  AND EXISTS (SELECT FROM chat_conversations c
              WHERE c.id = p.treatment_request_id AND c.patient_id = $2)
RETURNING p.id

-- --- time (push/link/due.c; plan.c, for a plan that is looked at) -------------------------
-- Several processes may do this at once: what one has changed the other finds changed.

-- Whether there is anything to do, asked first because it takes no lock.
-- $1 seconds between two reminders (0: there are none), $2 how many for a plan
-- :name plan_due sqlite
SELECT 1 FROM treatment_plans
WHERE status = 'submitted' AND deleted_at IS NULL
  AND (julianday(expires_at) <= julianday('now')
       OR must_acknowledge AND acknowledged_at IS NULL AND reminders < $2
          AND $1 > 0 AND julianday(coalesce(reminded_at, submitted_at))
                         <= julianday('now') - $1 / 86400.0)
LIMIT 1

-- :name plan_due pgsql
SELECT 1 FROM treatment_plans p
WHERE p.status = 'submitted' AND chat_plan_mark(p) = 'submitted'
  AND p.deleted_at IS NULL
  AND (p.expires_at <= now() AT TIME ZONE 'UTC'
       AND chat_plan_word('expired') IS NOT NULL
       OR p.must_acknowledge AND p.acknowledged_at IS NULL
          AND p.reminders < $2::bigint
          AND $1::bigint > 0 AND coalesce(p.reminded_at, p.submitted_at)
              <= now() AT TIME ZONE 'UTC' - $1::bigint * interval '1 second')
LIMIT 1

-- Those whose time is over.
-- :name plan_expire sqlite
UPDATE treatment_plans
SET status = 'expired', updated_at = strftime('%Y-%m-%d %H:%M:%f', 'now')
WHERE id IN (SELECT id FROM treatment_plans
             WHERE status = 'submitted' AND deleted_at IS NULL
               AND julianday(expires_at) <= julianday('now')
             ORDER BY id LIMIT 100)
RETURNING id

-- :name plan_expire pgsql
UPDATE treatment_plans
SET status = chat_plan_word('expired'), updated_at = now() AT TIME ZONE 'UTC'
WHERE id IN (SELECT p.id FROM treatment_plans p
             WHERE p.status = 'submitted' AND chat_plan_mark(p) = 'submitted'
               AND p.deleted_at IS NULL
               AND p.expires_at <= now() AT TIME ZONE 'UTC'
               AND chat_plan_word('expired') IS NOT NULL
             ORDER BY p.id LIMIT 100
             FOR NO KEY UPDATE SKIP LOCKED)
RETURNING id

-- Those the patient is to be reminded of. Values as of plan_due
-- :name plan_remind sqlite
UPDATE treatment_plans
SET reminders = reminders + 1,
    reminded_at = strftime('%Y-%m-%d %H:%M:%f', 'now')
WHERE id IN (SELECT id FROM treatment_plans
             WHERE status = 'submitted' AND deleted_at IS NULL
               AND must_acknowledge AND acknowledged_at IS NULL
               AND reminders < $2 AND $1 > 0
               AND (expires_at IS NULL
                    OR julianday(expires_at) > julianday('now'))
               AND julianday(coalesce(reminded_at, submitted_at))
                   <= julianday('now') - $1 / 86400.0
             ORDER BY id LIMIT 100)
RETURNING id

-- :name plan_remind pgsql
UPDATE treatment_plans
SET reminders = reminders + 1, reminded_at = now() AT TIME ZONE 'UTC'
WHERE id IN (SELECT p.id FROM treatment_plans p
             WHERE p.status = 'submitted' AND chat_plan_mark(p) = 'submitted'
               AND p.deleted_at IS NULL
               AND p.must_acknowledge AND p.acknowledged_at IS NULL
               AND p.reminders < $2::bigint AND $1::bigint > 0
               AND (p.expires_at IS NULL
                    OR p.expires_at > now() AT TIME ZONE 'UTC')
               AND coalesce(p.reminded_at, p.submitted_at)
                   <= now() AT TIME ZONE 'UTC'
                      - $1::bigint * interval '1 second'
             ORDER BY p.id LIMIT 100
             FOR NO KEY UPDATE SKIP LOCKED)
RETURNING id
