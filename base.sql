WITH me AS MATERIALIZED (
    SELECT u.id, u.name, u.role, t.token AS digest, NULL AS csrf,
           floor(extract(epoch FROM now() AT TIME ZONE 'UTC'
                                    - t.last_used_at))::bigint AS idle,
           c.id AS talk, c.message_count,
           (u.id IN (c.patient_id, c.doctor_id)
            OR EXISTS (SELECT 1 FROM chat_members m
                       WHERE m.conversation_id = c.id AND m.user_id = u.id
                         AND m.role NOT IN ('patient', 'doctor')))::int
               AS member,
           c.patient_id, c.doctor_id
    FROM personal_access_tokens t
    JOIN chat_users u ON u.id = t.tokenable_id
    LEFT JOIN chat_conversations c ON c.id = $2 AND c.id::text = $5
    WHERE t.token = $1 AND u.active
      AND t.tokenable_type = 'App\Models\User'
      AND ($3::bigint = 0 OR t.id = $3)
      AND (t.expires_at IS NULL OR t.expires_at > now() AT TIME ZONE 'UTC')
)
SELECT me.id, me.name, NULL, me.role, NULL, NULL, me.digest, me.csrf, me.idle,
       me.talk, to_json(me.talk), me.message_count, me.member,
       to_json(me.id), p.id, p.name, p.role, d.id, d.name, d.role, NULL, NULL
FROM me
LEFT JOIN chat_users p ON p.id = me.patient_id
LEFT JOIN chat_users d ON d.id = me.doctor_id
UNION ALL
SELECT m.from_user_id, u.name, m.body, u.role, m.type, m.client_id, NULL, NULL,
       m.id, NULL, NULL, NULL, NULL,
       NULL, NULL, NULL, NULL, NULL, NULL, NULL, m.created_at, m.read_at
FROM me
CROSS JOIN LATERAL (
    SELECT x.id, x.body, x.type, x.client_id, x.from_user_id, x.created_at,
           x.read_at
    FROM messages x
    WHERE x.request_id = me.talk AND x.id < $6::bigint AND x.deleted_at IS NULL
      AND (me.member = 1 OR me.role = ANY ($4::text[]))
    ORDER BY x.id DESC
    LIMIT $7) AS m
LEFT JOIN chat_users u
    ON u.id = CASE WHEN m.from_user_id IN (me.patient_id, me.doctor_id)
                   THEN NULL ELSE m.from_user_id END