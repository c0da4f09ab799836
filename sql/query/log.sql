-- SPDX-License-Identifier: GPL-3.0-or-later
-- The log and the outbox.

-- name: log_state
SELECT * FROM log_state()

-- name: log_open
SELECT * FROM log_open($1::text, $2::bigint)

-- name: log_watch
SELECT * FROM log_watch($1::text, $2::bigint)

-- name: event_resume
SELECT position, type, (extract(epoch FROM at) * 1000000)::bigint, payload,
       conversation_id, message_id, sender_id, actor, peer
  FROM event_resume($1::uuid, $2::bigint, $3::int, $4::bigint)

-- name: outbox_page
SELECT * FROM outbox_page($1::bigint, $2::int)

-- name: outbox_delivered
SELECT outbox_delivered($1::bigint, $2::bigint, $3::text)

-- name: change_apply
SELECT * FROM change_apply($1::text[], $2::uuid[], $3::text[])
