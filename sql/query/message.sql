-- SPDX-License-Identifier: GPL-3.0-or-later
-- Messages and watermarks.

-- name: message_store
SELECT outcome, id, seq, position, created_at, conversation_id, sender_id, member_ids, member_numbers,
       direct, remote_jid, outbox, outbox_position, awaited, held, events, unanswered, closed_to, shown,
       seen, refusal, sender_seq, n
  FROM message_store($1::uuid[], $2::uuid[], $3::uuid[], $4::text[], $5::text[], $6::uuid[],
                     $10::boolean, p_limited => $7::boolean[], p_details => $8::text[]::jsonb[], p_judging => 'ask',
                     p_verdicts => $9::text[]::jsonb[])

-- The common batch: texts in conversations of two app users in which nothing has to be asked, the head of each being
-- known. In the order of the input, with the numbers that the caller says; a number that was given out already fails
-- the batch, as a repetition does. What is to be asked is decided here: of a conversation in which something is, nothing is stored and
-- there is no row, and the caller turns to message_store(). By itself, not in a function, which would be begun besides.
-- With several instances log_before, in its transaction, has seen to it that this looks at what was there when it got the log.
-- name: message_put
WITH head AS (
  UPDATE log_head SET position = position + cardinality($1::uuid[]),
      stamp = greatest(stamp, date_trunc('milliseconds', clock_timestamp()))
    RETURNING position - cardinality($1::uuid[]) AS before, stamp
)
INSERT INTO messages (id, conversation_id, seq, position, sender_id, created_at, body, client_id, dedupe, sender_seq)
SELECT ($1::uuid[])[i.n], c.id, ($7::bigint[])[i.n], head.before + i.n, ($3::uuid[])[i.n], head.stamp,
       ($4::text[])[i.n], ($5::text[])[i.n], ($6::uuid[])[i.n], ($8::bigint[])[i.n]
  FROM head CROSS JOIN generate_series(1, cardinality($1::uuid[])) i (n)
  JOIN conversations c ON c.id = ($2::uuid[])[i.n]
  WHERE c.kind = 'direct' AND c.plain AND NOT c.guarded AND NOT c.awaited AND NOT c.rested AND NOT c.closed AND c.remote_user IS NULL
    AND c.disappearing IS NULL AND c.base_seq < ($7::bigint[])[i.n] AND ($3::uuid[])[i.n] = ANY (c.member_ids)
RETURNING id, position, created_at

-- name: message_receive
SELECT outcome, id, seq, position, created_at, conversation_id, sender_id, member_ids, member_numbers,
       direct, remote_jid, outbox, outbox_position, awaited, held, events, sender, receipt, seen,
       refusal
  FROM message_receive($1::uuid[], $2::text[], $3::text[], $4::text[], $5::uuid[],
                       $6::text[], $7::text[], $8::boolean[], $9::text[], $10::boolean[],
                       $11::text[], $12::uuid[], $13::text[], $14::text[]::jsonb[], $15::text[]::jsonb[])

-- name: message_fail
SELECT outcome, id, conversation_id, sender_id, client_id, position, at
  FROM message_fail($1::uuid[], $2::text[], $3::text[])

-- name: message_page
SELECT head, id, client_id, seq, sender_id, body, kind, metadata, sent_at, failed, created_at, reactions, content
  FROM message_page(:caller::uuid, :conversation_id::uuid, :limit::int, :before::text, :after::text,
                    :around::text)

-- name: message_get
SELECT message_get(:caller::uuid, :message_id::uuid) AS message

-- name: mark_store
SELECT outcome, conversation_id, user_id, kind, seq, message_id, position, at, member_ids,
       member_numbers, direct, unread, marker_to, marker_reference, tells, marked
  FROM mark_store($1::uuid[], $2::text[], $3::uuid[], $4::uuid[], $5::text[])

-- The common batch of marks, as message_put is of messages: messages that app users got in conversations of two in
-- which nothing has to be asked. What moves nothing, or needs more, has no row, and is mark_store()'s.
-- name: mark_put
WITH head AS (
  UPDATE log_head SET position = position + cardinality($1::uuid[]),
      stamp = greatest(stamp, date_trunc('milliseconds', clock_timestamp()))
    RETURNING position - cardinality($1::uuid[]) AS before, stamp
), moved AS (
  UPDATE members o
     SET delivered_seq = m.seq, delivered_position = head.before + i.n, delivered_at = head.stamp, quiet = false
    FROM head CROSS JOIN generate_series(1, cardinality($1::uuid[])) i (n)
      JOIN messages m ON m.id = ($3::uuid[])[i.n] AND m.conversation_id = ($2::uuid[])[i.n] AND NOT m.many
      JOIN conversations c ON c.id = m.conversation_id
      JOIN users reader ON reader.id = ($1::uuid[])[i.n]
    WHERE c.kind = 'direct' AND NOT c.guarded AND o.conversation_id = c.id AND o.user_id = reader.id
      AND o.state = 'joined' AND o.delivered_seq < m.seq AND reader.kind = 'hosted'
      AND privacy_receipts(reader.privacy_receipts)
    RETURNING m.id, o.conversation_id, o.user_id, o.delivered_seq AS seq, o.delivered_position AS position,
              o.delivered_at AS at, c.member_ids, c.member_numbers
), history AS (
  INSERT INTO marks (conversation_id, user_id, kind, seq, at)
    SELECT p.conversation_id, p.user_id, 'delivered', p.seq, p.at FROM moved p
)
SELECT id, user_id, seq, position, at, member_ids, member_numbers FROM moved

-- name: poll_page
SELECT message, more, next
  FROM poll_page(:caller::uuid, :conversation_id::uuid, :state::text, :limit::int, :before::bigint)

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

-- name: translation_find
SELECT outcome, shown, body, version, refused FROM translation_find($1::uuid, $2::uuid, $3::text)

-- name: dictation_find
SELECT outcome, name, type, size, duration FROM dictation_find($1::uuid, $2::uuid)

-- name: transcription_begin
SELECT late, language, file_id, name, type, size, duration, ready FROM transcription_begin($1::uuid, $2::text)

-- name: transcription_wait
SELECT transcription_wait($1::uuid, $2::text, $3::int) AS waits
