WITH me AS MATERIALIZED (
    SELECT u.id, u.name, u.role, t.token AS digest, NULL AS csrf,
           floor(extract(epoch FROM now() AT TIME ZONE 'UTC'
                                    - t.last_used_at))::bigint AS idle,
           c.id AS talk, c.message_count,
           (u.id IN (c.patient_id, c.doctor_id)
            OR EXISTS (SELECT 1 FROM chat_other_members m
                       WHERE m.conversation_id = c.id AND m.user_id = u.id))::int
               AS member,
           CASE WHEN u.id = c.patient_id THEN c.doctor_id
                ELSE c.patient_id END AS other
    FROM personal_access_tokens t
    JOIN chat_users u ON u.id = t.tokenable_id
    LEFT JOIN chat_conversations c ON c.id = $2 AND c.id::text = $5
    WHERE t.token = $1 AND u.active
      AND t.tokenable_type = ANY ($8::text[])
      AND (t.abilities IS NULL OR t.abilities = '["*"]'
           OR strpos(t.abilities, '\') = 0
              AND (strpos(t.abilities, '"*"') > 0
                   OR strpos(t.abilities, '"chat:read"') > 0))
      AND ($3::bigint = 0 OR t.id = $3)
      AND (t.expires_at IS NULL OR t.expires_at > now() AT TIME ZONE 'UTC')
)
SELECT me.id, me.talk, me.other, me.message_count, me.idle, me.member,
       me.name, me.role, o.name, o.role, me.digest, me.csrf,
       to_json(me.talk)::text, to_json(me.id)::text, NULL, NULL
FROM me
LEFT JOIN chat_users o ON o.id = me.other
UNION ALL
SELECT m.from_user_id, NULL, NULL, m.id, NULL, m.detailed,
       m.body, m.type, m.client_id, NULL, NULL, NULL,
       NULL, NULL, m.created_at, m.read_at
FROM me
CROSS JOIN LATERAL (
    SELECT x.id, x.body, x.type, x.client_id, x.from_user_id, x.created_at,
           x.read_at, x.detailed
    FROM messages x
    WHERE x.request_id = ANY (ARRAY[me.talk]) AND x.id < $6::bigint
      AND (x.deleted_at IS NULL OR x.detailed IS NOT NULL)
      AND (me.member = 1 OR me.role = ANY ($4::text[]))
    ORDER BY x.request_id DESC, x.id DESC
    LIMIT $7) AS m