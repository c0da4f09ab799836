-- SPDX-License-Identifier: GPL-3.0-or-later
-- Messages and watermarks.

-- name: message_store
SELECT outcome, id, seq, position, created_at, conversation_id, sender_id, member_ids, member_numbers,
       direct, remote_jid, outbox, outbox_position, awaited, held, events, unanswered, closed_to, shown,
       seen, refusal, n
  FROM message_store($1::uuid[], $2::uuid[], $3::uuid[], $4::text[], $5::text[], $6::uuid[],
                     $9::boolean, p_limited => $7::boolean[], p_details => $8::text[]::jsonb[])

-- name: message_receive
SELECT outcome, id, seq, position, created_at, conversation_id, sender_id, member_ids, member_numbers,
       direct, remote_jid, outbox, outbox_position, awaited, held, events, sender, receipt, seen
  FROM message_receive($1::uuid[], $2::text[], $3::text[], $4::text[], $5::uuid[],
                       $6::text[], $7::text[], $8::boolean[], $9::text[], $10::boolean[],
                       $11::text[], $12::uuid[], $13::text[], $14::text[]::jsonb[])

-- name: message_fail
SELECT outcome, id, conversation_id, sender_id, client_id, position, at
  FROM message_fail($1::uuid[], $2::text[], $3::text[])

-- name: message_page
SELECT part, id, client_id, conversation_id, seq, sender, sender_id, body, kind, metadata, sent_at, failed,
       delivered_at, read_at, created_at, reactions, content
  FROM message_page(:caller::uuid, :conversation_id::uuid, :limit::int, :before::uuid, :after::uuid,
                    :around::uuid)

-- name: message_get
SELECT message_get(:caller::uuid, :message_id::uuid) AS message

-- name: mark_store
SELECT outcome, conversation_id, user_id, kind, seq, message_id, position, at, member_ids,
       member_numbers, direct, unread, marker_to, marker_reference, tells, marked
  FROM mark_store($1::uuid[], $2::text[], $3::uuid[], $4::uuid[], $5::text[])

-- name: star_page
SELECT message, more, next
  FROM star_page(:caller::uuid, :limit::int, :before::bigint, :conversation_id::uuid)

-- name: scheduled_page
SELECT scheduled_page(:caller::uuid, :conversation_id::uuid, :status::text, :limit::int, :after::text) AS page

-- name: scheduled_due
SELECT id FROM scheduled_due($1::int)

-- name: reap_scheduled
SELECT removed, more, payload FROM reap_scheduled($1::bigint, $2::int)

-- name: message_receipts
SELECT item, more, next
  FROM message_receipts(:caller::uuid, :message_id::uuid, :limit::int, :after::bigint)

-- name: message_history
SELECT message_history(:caller::uuid, :message_id::uuid) AS page

-- name: thread_list
SELECT thread, more, next FROM thread_list(:caller::uuid, :conversation_id::uuid, :limit::int, :before::bigint)

-- name: thread_page
SELECT message, more, next FROM thread_page(:caller::uuid, :message_id::uuid, :limit::int, :after::uuid)

-- name: reap_removed
SELECT removed, more, payload FROM reap_removed($1::bigint, $2::int)
