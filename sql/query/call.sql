-- SPDX-License-Identifier: GPL-3.0-or-later
-- Calls.

-- name: call_get
SELECT call_get(:caller::uuid, :call_id::uuid) AS call

-- name: call_active
SELECT call_active(:caller::uuid, :conversation_id::uuid) AS answer

-- name: call_list
SELECT call_list(:caller::uuid, :limit::int, :before::uuid) AS page

-- name: call_load
SELECT call_load($1::uuid, $2::text, $3::text, $4::text) AS call

-- name: call_open
SELECT call FROM call_open($1::int, $2::int) AS o (call)

-- name: call_event_list
SELECT call_event_list(:caller::uuid, :call_id::uuid) AS page

-- name: call_event_audit
SELECT call_event_audit(:call_id::uuid) AS page

-- name: call_sample_add
SELECT call_sample_add($1::uuid, $2::uuid, $3::text) AS added

-- name: call_report
SELECT call_report(:caller::uuid, :call_id::uuid) AS report

-- name: reap_calls
SELECT removed, more, payload FROM reap_calls($1::bigint, $2::int)
