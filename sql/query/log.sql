-- SPDX-License-Identifier: GPL-3.0-or-later
-- The log and the outbox.

-- name: log_state
SELECT epoch, position, schema, functions, refusal, past FROM log_state()

-- name: log_open
SELECT epoch, position, schema, functions, refusal, past FROM log_open($1::text, $2::bigint)

-- name: log_watch
SELECT epoch, position, schema, functions, refusal, past FROM log_watch($1::text, $2::bigint)

-- name: wal_flushed
SELECT wal_flushed() AS flushed

-- name: wal_replayed
SELECT wal_replayed() AS replayed

-- name: event_resume
SELECT position, type, at, payload, message, mark, failure,
       conversation_id, message_id, sender_id, actor, peer, many
  FROM event_resume($1::uuid, $2::bigint, $3::int, $4::bigint)

-- name: event_missed
SELECT event_missed($1::bigint, $2::bigint) AS events

-- name: event_waiting
SELECT w.position, n FROM event_waiting($1::uuid[], $2::bigint[]) w LEFT JOIN unnest(w.waiting) n ON true

-- name: outbox_page
SELECT position, n, kind, from_jid, to_address, message_id, reference, payload, created
  FROM outbox_page($1::bigint, $2::int, $3::int, $4::text[], $5::text[])

-- name: outbox_delivered
SELECT outbox_delivered($1::bigint, $2::int, $3::bigint, $4::text, $5::text[]) AS cleared

-- name: change_apply
SELECT outcome, result, position, at, events, follows
  FROM change_apply($1::text[], $2::uuid[], $3::text[])
