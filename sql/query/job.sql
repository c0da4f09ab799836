-- SPDX-License-Identifier: GPL-3.0-or-later
-- Jobs, and what the first of them do.

-- name: job_add
SELECT job_add($1::text, $2::text, time_from_microseconds($3::bigint), $4::jsonb)

-- name: job_ensure
SELECT job_ensure($1::text[])

-- name: job_take
SELECT kind, key, payload, attempts, lock FROM job_take($1::text[], $2::int[], $3::int, $4::text)

-- name: job_release
SELECT job_release($1::text[]) AS released

-- name: job_end
SELECT job_end($1::text, $2::text, $3::bigint, $4::int, $5::text, $6::jsonb) AS ended

-- name: job_state
SELECT due, late, failing FROM job_state()

-- name: job_list
SELECT job_list(:kind::text, :limit::int, :after::text) AS page

-- name: reap_events
SELECT removed, more, payload FROM reap_events($1::bigint, $2::int)

-- name: reap_users
SELECT removed, more, payload FROM reap_users($1::jsonb, $2::bigint, $3::int)

-- name: reap_entries
SELECT removed, more, payload FROM reap_entries($1::jsonb, $2::int)

-- name: reap_archives
SELECT removed, more, payload FROM reap_archives($1::jsonb, $2::bigint, $3::int)

-- name: reap_pictures
SELECT removed, more, payload FROM reap_pictures($1::int)

-- name: reap_sessions
SELECT removed, more, payload FROM reap_sessions($1::int)

-- name: deadline_due
SELECT key FROM deadline_due($1::int)

-- name: reap_retold
SELECT removed, more, payload FROM reap_retold($1::int)

-- name: table_sizes
SELECT name, size FROM table_sizes()

-- name: retention_due
SELECT ids, more, payload FROM retention_due($1::jsonb, $2::bigint, $3::int, $4::int)

-- name: retention_own_due
SELECT ids, places, more, payload FROM retention_own_due($1::jsonb, $2::int, $3::int)

-- name: retention_state
SELECT retention_state($1::json, $2::int) AS state

-- name: reap_messages
SELECT removed, more, payload FROM reap_messages($1::jsonb, $2::int)

-- name: activity_count
SELECT removed, more, payload FROM activity_count($1::int, $2::bigint, $3::int)

-- name: activity_forget
SELECT removed, more, payload FROM activity_forget($1::uuid, $2::int)

-- name: topics_begin
SELECT conversation_id, inputs FROM topics_begin($1::uuid)

-- name: topics_end
SELECT topics_end($1::uuid, $2::text, $3::boolean) AS again

-- name: reap_topics
SELECT removed, more, payload FROM reap_topics($1::int)

-- name: reap_activity
SELECT removed, more, payload FROM reap_activity($1::int, $2::int)
