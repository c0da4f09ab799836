-- SPDX-License-Identifier: GPL-3.0-or-later
-- Jobs, and what the first of them do.

-- name: job_add
SELECT job_add($1::text, $2::text, time_from_microseconds($3::bigint), $4::jsonb)

-- name: job_ensure
SELECT job_ensure($1::text[])

-- name: job_take
SELECT kind, key, payload, attempts, lock FROM job_take($1::text[], $2::int[], $3::int)

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
