-- SPDX-License-Identifier: GPL-3.0-or-later
-- Messages: storing, and reading. Functions that add to the log take its head first.

-- Stores a batch; the one place that inserts messages. Arrays are parallel; optional ones may be
-- NULL as a whole. The sender must be a member of the conversation: nobody else learns whether it
-- exists. A repetition (same sender and dedupe) yields the first row.
--   outcome, as in bridge/archive/outcome.def: 0 stored, 1 repeated, 2 no such conversation for this sender,
--            3 the sender blocks the other, 4 the other does not want it,
--            6 the same client_id was used for another message,
--            7 limited, and the other has neither written yet nor accepted the sender,
--            10 spam, 11 the hook has to be asked first: refusal is the question (see spam_pass())
-- member_ids, member_numbers: who takes part, the sender too; direct: it is a conversation of two.
-- p_limited: the sender may not write to strangers just now. unanswered: the other of a direct conversation
-- has not written in it, so that the message counts as one to a stranger.
-- held: nobody but the sender is told, the other having not accepted the conversation. events: what else
-- this added to the log, as in change_apply.
-- awaited: the message brings the conversation into a member's list, see change_conversation_appear; of a
-- repetition too, as long as nobody has seen to that: the first answer may have been lost.
-- closed_to: members to whom the sender's profile is closed, NULL: none; shown: the sender as
-- they see it.
-- p_judging, p_verdicts: what strangers say is looked at, see spam_pass(), and what the hook said; NULL: it is not.
-- p_details: what messages carry besides their text, see content_accept(); NULL as a whole: nothing. seen: such a
-- message, without its sender. refusal: why it may not carry that, { pointer, detail }.
-- sender_seq: as it is stored, of a direct conversation. n: which of the input a row is about. Rows come in any order: to sort them would be a thirtieth of the work.
-- outbox: copies must go to the remote member, or to a room.
-- position is always the message's own; outbox_position that of the stanza which waits in the outbox,
-- if one does: a repetition has its receipt sent anew, behind everything sent before.
-- The caller never puts two rows with the same (sender, dedupe) into one batch. With p_careful,
-- repetitions are looked for; without, one is a unique violation that fails the whole batch, and the
-- caller comes back with p_careful: repetitions are rare, and the look-up costs a fifth of the work.
CREATE FUNCTION message_store(
  p_ids uuid[], p_conversations uuid[], p_senders uuid[], p_bodies text[], p_client_ids text[],
  p_dedupes uuid[], p_careful boolean, p_addresses text[] DEFAULT NULL, p_foreign_ids text[] DEFAULT NULL,
  p_markables boolean[] DEFAULT NULL, p_stanzas text[] DEFAULT NULL,
  p_receipts boolean[] DEFAULT NULL, p_limited boolean[] DEFAULT NULL,
  p_details jsonb[] DEFAULT NULL, p_judging text DEFAULT NULL, p_verdicts jsonb[] DEFAULT NULL)
RETURNS TABLE (outcome int, id uuid, seq bigint, "position" bigint, created_at timestamptz,
               conversation_id uuid, sender_id uuid, member_ids uuid[], member_numbers bigint[],
               direct boolean, remote_jid text, outbox boolean,
               awaited boolean, held boolean, events text, unanswered boolean, closed_to uuid[],
               shown user_view, seen message_view, outbox_position bigint, refusal text, sender_seq bigint, n int)
LANGUAGE plpgsql AS $$
#variable_conflict use_column
DECLARE
  taken record;
  head bigint;
  stamp timestamptz;
  contents jsonb[];
  -- What is in contents, as arrays: to look for the operators of JSON would cost every batch.
  of_kinds text[];
  of_replies uuid[];
  of_threads uuid[];
  of_refused int[];
  of_refusals text[];
BEGIN
  taken := log_advance(cardinality(p_ids));
  head := taken.ret_before;
  stamp := taken.ret_stamp;
  IF p_details IS NOT NULL THEN
    contents := content_accept_all(p_conversations, p_senders, p_details, p_bodies);
    SELECT * INTO of_kinds, of_replies, of_threads, of_refused, of_refusals
      FROM content_columns(contents);
  END IF;
  RETURN QUERY
  WITH resolved AS (
    -- Subscripts, not unnest: each array that unnest takes costs a tuplestore.
    SELECT i.n, p_ids[i.n] AS id, p_senders[i.n] AS sender_id, p_bodies[i.n] AS body,
           c.id AS conversation_id, c.member_ids, c.member_numbers, c.kind, c.plain, c.base_seq,
           c.awaited, c.guarded, c.occupied, c.rested,
           -- What one of ours does in another server's account leaves through its session there, unless it came from there.
           CASE WHEN c.reach IS NULL THEN coalesce(c.remote_user <> p_senders[i.n], false)
                ELSE conversation_reach(c, p_senders[i.n]) IS NOT NULL AND p_addresses[i.n] IS NULL END AS leaves,
           CASE WHEN c.reach IS NULL THEN c.remote_jid ELSE conversation_reach(c, p_senders[i.n]) END AS remote_jid,
           c.remote_user IS NULL AND (c.closed OR NOT c.plain OR privacy_value(NULL, 'profile') <> 'everyone')
             AS may_be_closed,
           old.id AS old_id, old.seq AS old_seq, old.position AS old_position,
           old.created_at AS old_created_at,
           -- One that comes back under the id that it had here is that message, whatever has become of what it carries.
           coalesce(old.conversation_id = c.id AND CASE
             WHEN old.id = p_ids[i.n] THEN true
             WHEN old.details IS NULL AND contents[i.n] IS NULL THEN old.body IS NOT DISTINCT FROM p_bodies[i.n]
             ELSE content_same(old.details, old.body, contents[i.n], p_bodies[i.n]) END, false) AS old_same,
           CASE WHEN c.remote_jid IS NOT NULL AND NOT c.plain THEN guest_content(contents[i.n], p_addresses[i.n] IS NOT NULL)
                WHEN c.disappearing IS NULL THEN contents[i.n]
                ELSE expiry_content(contents[i.n], c.disappearing) END AS content,
           of_refused[i.n] AS refused,
           last.seq AS last_seq, stranger.unanswered,
           -- How many the first of two members has written.
           CASE WHEN last.sender_id = c.member_ids[1] THEN last.sender_seq
                ELSE last.seq - last.sender_seq END AS of_first
      FROM generate_series(1, cardinality(p_ids)) AS i (n)
      LEFT JOIN LATERAL (
        SELECT m.id, m.seq, m.position, m.created_at, m.conversation_id, m.body, m.details FROM messages m
          WHERE p_careful AND m.sender_id = p_senders[i.n] AND m.dedupe = p_dedupes[i.n]
            AND m.dedupe IS NOT NULL) old ON true
      LEFT JOIN LATERAL (SELECT m.seq, m.sender_id, m.sender_seq,
                                m.sender_id = p_senders[i.n] AND m.sender_seq = m.seq AS alone
                           FROM messages m
                           WHERE m.conversation_id = p_conversations[i.n]
                           ORDER BY m.seq DESC LIMIT 1) last ON true
      -- Last, because each join hands on all columns that it has.
      LEFT JOIN conversations c
        ON c.id = p_conversations[i.n]
          -- Whose message a room elsewhere has passed on is up to that.
          AND (p_senders[i.n] = ANY (c.member_ids) OR c.remote_jid IS NOT NULL AND NOT c.plain AND p_addresses[i.n] IS NOT NULL)
      CROSS JOIN LATERAL (
        SELECT c.plain AND coalesce(last.alone, c.base_seq = 0) AS unanswered) stranger
  ), planned AS MATERIALIZED (
    SELECT r.*,
           CASE WHEN r.conversation_id IS NULL THEN 2
                WHEN r.old_id IS NULL THEN coalesce((r.passage->>'outcome')::int, r.refused, 0)
                WHEN r.old_same THEN 1
                ELSE 6 END AS outcome,
           r.conversation_id IS NOT NULL AND r.old_id IS NULL AND r.refused IS NULL
             AND (r.passage IS NULL OR r.passage->>'outcome' = '0') AS fresh,
           coalesce((r.passage->>'held')::boolean, r.guarded AND r.old_id IS NOT NULL
                      AND relation_held(r.conversation_id, r.sender_id), false) AS held,
           coalesce(r.last_seq, r.base_seq) + row_number() OVER fresh AS new_seq,
           coalesce(r.of_first, 0)
             + count(*) FILTER (WHERE r.sender_id = r.member_ids[1]) OVER fresh AS new_of_first,
           head + r.n AS new_position
      FROM (SELECT x.*, CASE
                     WHEN p_verdicts IS NOT NULL AND x.conversation_id IS NOT NULL AND x.old_id IS NULL AND x.refused IS NULL
                          AND spam_blocks_all(p_verdicts[x.n])
                       THEN spam_forbids_all(x.conversation_id, x.sender_id, p_dedupes[x.n], p_verdicts[x.n])
                     WHEN p_limited[x.n] AND x.unanswered AND x.old_id IS NULL
                          AND relation_stranger(x.conversation_id, x.sender_id, p_dedupes[x.n])
                       THEN '{"outcome": 7}'
                     WHEN x.guarded AND x.old_id IS NULL AND x.refused IS NULL
                       THEN relation_pass(x.conversation_id, x.sender_id, x.id, x.body, head + x.n, stamp,
                                          p_dedupes[x.n], x.content, p_judging, p_verdicts[x.n], p_stanzas[x.n])
                   END AS passage
              FROM resolved x) r
      -- The same words as above: so it is computed once.
      WINDOW fresh AS (PARTITION BY r.conversation_id, r.conversation_id IS NOT NULL AND r.old_id IS NULL AND r.refused IS NULL
                         AND (r.passage IS NULL OR r.passage->>'outcome' = '0')
                       ORDER BY r.n ROWS UNBOUNDED PRECEDING)
  ), stored AS (
    INSERT INTO messages (id, conversation_id, seq, position, sender_id, created_at, body,
                          client_id, dedupe, sender_address, foreign_id, markable, stanza, many,
                          sender_seq, kind, details, reply_to, thread_id)
    SELECT p.id, p.conversation_id, p.new_seq, p.new_position, p.sender_id, stamp, p.body,
           p_client_ids[p.n], p_dedupes[p.n], p_addresses[p.n], p_foreign_ids[p.n],
           p_markables[p.n], p_stanzas[p.n], NOT p.plain,
           -- Of two, one count tells both.
           CASE WHEN NOT p.plain
                THEN message_sender_seq(p.conversation_id, p.sender_id, p.n,
                                        p_conversations, p_senders, CASE WHEN p_careful THEN p_dedupes END,
                                        contents)
                WHEN p.sender_id = p.member_ids[1] THEN p.new_of_first
                ELSE p.new_seq - p.new_of_first END,
           coalesce(of_kinds[p.n], 'text'),
           CASE WHEN p.content IS NOT NULL THEN content_details(p.content) END,
           of_replies[p.n], of_threads[p.n]
      FROM planned p WHERE p.fresh
  ), queued AS (
    INSERT INTO outbox (position, kind, from_user, to_address, message_id, reference)
    -- What leaves asks for no receipt: in one scan, since to begin another costs every batch.
    SELECT p.new_position,
           CASE WHEN NOT p.leaves THEN 'received' WHEN p.content IS NULL THEN 'message' ELSE 'content' END,
           CASE WHEN p.leaves THEN p.sender_id ELSE pair_other(p.member_ids, p.sender_id) END,
           CASE WHEN p.leaves THEN p.remote_jid ELSE p_addresses[p.n] END, coalesce(p.old_id, p.id),
           CASE WHEN p.leaves THEN NULL ELSE p_foreign_ids[p.n] END
      FROM planned p
      WHERE CASE WHEN p.leaves THEN p.fresh
                 ELSE p_receipts[p.n] AND (p.fresh OR p.old_same) AND NOT p.held END
  )
  SELECT p.outcome, coalesce(p.old_id, p.id), coalesce(p.old_seq, p.new_seq),
         coalesce(p.old_position, p.new_position),
         coalesce(p.old_created_at, stamp), p.conversation_id, p.sender_id, p.member_ids,
         p.member_numbers, p.kind = 'direct', p.remote_jid,
         -- To everybody who is in the room by XMPP, the sender too; in a function, as most batches have none.
         CASE WHEN NOT p.fresh THEN false
              WHEN p.occupied THEN room_tell_message(p.new_position, p.conversation_id, p.sender_id, p.id)
              ELSE p.leaves END,
         CASE WHEN p.rested AND p.fresh THEN conversation_wake(p.conversation_id, p.awaited)
              ELSE p.awaited AND (p.fresh OR p.old_same) END, p.held,
         CASE WHEN p.fresh AND p.content IS NOT NULL
              THEN content_events(p.passage, p.id, p.conversation_id, p.new_seq, p.new_position, p.sender_id,
                                  stamp, p.body, p.content, p_addresses[p.n] IS NOT NULL, p.held)
              ELSE p.passage->>'events' END, p.unanswered,
         CASE WHEN p.may_be_closed AND (p.fresh OR p.old_same) AND NOT p.held
              THEN user_closed_to(p.member_ids, p.sender_id) END,
         CASE WHEN p.may_be_closed AND (p.fresh OR p.old_same) AND NOT p.held
              THEN user_closed_facts(p.member_ids, p.sender_id) END,
         CASE WHEN p.content IS NOT NULL AND (p.fresh OR p.old_same)
              THEN content_stored(p.old_id, p.id, p.conversation_id, p.new_seq, p.new_position, p.sender_id,
                                  stamp, p.body, p.content) END,
         -- What it carries may have made more stanzas, behind it.
         CASE WHEN p.fresh AND p.content IS NOT NULL AND (p.leaves OR p.occupied) THEN log_reached() ELSE p.new_position END,
         CASE WHEN NOT (p.fresh OR p.old_same) THEN coalesce(of_refusals[p.n], p.passage->>'refusal') END,
         CASE WHEN NOT (p.plain AND p.fresh) THEN NULL WHEN p.sender_id = p.member_ids[1] THEN p.new_of_first
              ELSE p.new_seq - p.new_of_first END, p.n
    FROM planned p;
END $$;

-- The columns of a message that is about to be stored.
CREATE FUNCTION message_fresh(p_id uuid, p_conversation uuid, p_seq bigint, p_position bigint, p_sender uuid,
                              p_at timestamptz, p_body text, p_content jsonb) RETURNS jsonb
LANGUAGE plpgsql STABLE AS $$
BEGIN
  RETURN jsonb_build_object(
    'id', p_id, 'conversation_id', p_conversation, 'seq', p_seq, 'position', p_position, 'sender_id', p_sender,
    'created_at', p_at, 'body', p_body, 'kind', coalesce(p_content->>'type', 'text'),
    'details', content_details(p_content), 'reply_to', p_content->'reply_to',
    'thread_id', p_content->'thread_id');
END $$;

-- The how many-th of its sender the p_n-th of these messages is, where the sender's messages are counted: in a
-- conversation of many. p_dedupes: those that were stored before do not count; NULL: there are none. p_contents: nor do
-- those that were refused; NULL: there are none.
CREATE FUNCTION message_sender_seq(p_conversation uuid, p_sender uuid, p_n int, p_conversations uuid[],
                                   p_senders uuid[], p_dedupes uuid[], p_contents jsonb[] DEFAULT NULL)
RETURNS bigint
LANGUAGE plpgsql STABLE AS $$
BEGIN
  RETURN coalesce((SELECT m.sender_seq FROM messages m WHERE m.many AND m.conversation_id = p_conversation
                     AND m.sender_id = p_sender ORDER BY m.seq DESC LIMIT 1), 0)
    + (SELECT count(*) FROM generate_series(1, p_n) k
         WHERE p_conversations[k] = p_conversation AND p_senders[k] = p_sender
           AND p_contents[k]->'refused' IS NULL
           AND (p_dedupes IS NULL OR NOT EXISTS (
                  SELECT FROM messages m WHERE m.sender_id = p_sender AND m.dedupe = p_dedupes[k])));
END $$;

-- A batch that came by XMPP: from and to are bare JIDs; rooms: the localpart of the room that one came to, where the
-- sender's address must be, NULL: it came to a user, empty: it is out of the archive of an account elsewhere. Unknown senders become remote users, new
-- pairs become conversations. A recipient who is not a hosted user, is suspended, or does not want to hear of the
-- sender, yields outcome 2: nothing is stored, and the way there has the same steps.
-- Further arrays and results as in message_store; sender is the sender as the recipient
-- sees it; receipt: one waits in the outbox. p_sent: when a message was sent, RFC 3339, if its sender's side says so.
-- p_earlier: what p_dedupes would have been one REPETITION_PERIOD of core/message.c ago, for what is recognised
-- for that long only; such a repetition counts if the first is not older. p_details: see content_arrived(); a message
-- that has some is the first of its batch, for it may be about one that came before. An id that its dedupe is, too, was given
-- by a server: if it is that of another sender's message, or of another conversation, the message is stored under another one.
CREATE FUNCTION message_receive(
  p_ids uuid[], p_from text[], p_to text[], p_bodies text[], p_dedupes uuid[], p_addresses text[],
  p_foreign_ids text[], p_markables boolean[], p_stanzas text[], p_receipts boolean[],
  p_sent text[] DEFAULT NULL, p_earlier uuid[] DEFAULT NULL, p_rooms text[] DEFAULT NULL,
  p_details jsonb[] DEFAULT NULL, p_verdicts jsonb[] DEFAULT NULL)
RETURNS TABLE (outcome int, id uuid, seq bigint, "position" bigint, created_at timestamptz,
               conversation_id uuid, sender_id uuid, member_ids uuid[], member_numbers bigint[],
               direct boolean, remote_jid text, outbox boolean, outbox_position bigint,
               awaited boolean, held boolean, events text, sender user_view, receipt boolean, seen message_view,
               refusal text)
LANGUAGE plpgsql AS $$
#variable_conflict use_column
DECLARE
  senders uuid[] := '{}';
  pairs uuid[] := '{}';
  receipts boolean[] := '{}';
  ids uuid[] := p_ids;
  dedupes uuid[] := p_dedupes;
  other messages;
  bodies text[] := p_bodies;
  details jsonb[];
  carried record;
  target users;
  source uuid;
  pair uuid;
  asked boolean;
BEGIN
  PERFORM FROM log_head FOR UPDATE;
  FOR n IN 1 .. cardinality(p_ids) LOOP
    IF p_rooms[n] = '' THEN
      SELECT f.source, f.pair INTO source, pair FROM fold_pair(p_from[n], p_to[n]) f;
    ELSIF p_rooms[n] IS NOT NULL THEN
      SELECT c.id, o.user_id INTO pair, source FROM conversations c
        JOIN occupants o ON o.conversation_id = c.id AND o.address = p_addresses[n]
        WHERE c.room = p_rooms[n];
    ELSE
      SELECT u.* INTO target FROM users u WHERE u.jid = p_to[n] AND u.kind = 'hosted';
      SELECT u.id INTO source FROM users u WHERE u.jid = p_from[n];
      SELECT c.id, c.guarded INTO pair, asked FROM conversations c
        WHERE c.kind = 'direct' AND c.member_ids = pair_key(source, target.id);
    END IF;
    IF p_rooms[n] IS NULL AND (pair IS NULL OR asked OR target.suspended_until IS NOT NULL) THEN
      IF relation_refuses(target.id, p_from[n]) OR user_is_suspended(target) THEN
        pair := NULL;
        source := NULL;
      ELSE
        source := user_remote(p_from[n]);
        SELECT ret_id INTO pair FROM conversation_pair(source, target.id);
      END IF;
    END IF;
    senders := senders || source;
    pairs := pairs || pair;
    receipts := receipts || (p_receipts[n] AND p_rooms[n] IS NULL AND privacy_receipts(target.privacy_receipts));
    IF p_dedupes[n] = p_ids[n] THEN -- an id that somebody else may have given it
      SELECT m.* INTO other FROM messages m WHERE m.id = p_ids[n];
      IF other.id IS NULL THEN -- perhaps another stanza of one that was said here
        SELECT m.* INTO other FROM entries e JOIN messages m ON m.id = e.target
          WHERE e.id = p_ids[n] AND e.kind = 'part' AND e.sender_id = source AND e.conversation_id = pair;
        ids[n] := coalesce(other.id, p_ids[n]);
      END IF;
      IF other.id IS NULL OR other.sender_id = source AND other.conversation_id = pair THEN
        dedupes[n] := coalesce(other.dedupe, p_dedupes[n]);
      ELSE -- it is another message's: this one has one of its own, the same whenever it comes again
        ids[n] := md5(concat_ws(' ', p_ids[n], p_from[n], p_to[n]))::uuid;
        dedupes[n] := ids[n];
      END IF;
    END IF;
    IF p_earlier[n] IS NOT NULL AND EXISTS (
        SELECT FROM messages m WHERE m.sender_id = source AND m.dedupe = p_earlier[n]
          AND m.created_at > now() - interval '10 minutes') THEN
      dedupes[n] := p_earlier[n];
    END IF;
    IF p_details[n] IS NOT NULL AND pair IS NOT NULL THEN
      carried := content_arrived((SELECT c FROM conversations c WHERE c.id = pair), source, p_details[n], p_bodies[n]);
      details[n] := carried.details;
      bodies[n] := carried.body;
    END IF;
  END LOOP;
  RETURN QUERY
    SELECT s.outcome, s.id, s.seq, s.position, s.created_at, s.conversation_id, s.sender_id,
           s.member_ids, s.member_numbers, s.direct, s.remote_jid, s.outbox, s.outbox_position,
           s.awaited, s.held, s.events,
           CASE WHEN u.privacy_profile IS NULL THEN user_facts(u, false)
                ELSE user_seen(pair_other(s.member_ids, s.sender_id), u) END,
           receipts[s.n] AND NOT s.held, s.seen, s.refusal
      FROM message_store(ids, pairs, senders, bodies, NULL, dedupes, true,
                         p_addresses, p_foreign_ids, p_markables, p_stanzas, receipts, NULL, details, 'ask', p_verdicts)
           AS s
      LEFT JOIN users u ON u.id = s.sender_id
      ORDER BY s.n;
  IF array_remove(p_sent, NULL) <> '{}' THEN -- rare: the way of all others has no column for it
    UPDATE messages m SET sent_at = late.at::timestamptz FROM unnest(p_ids, p_sent) AS late (id, at)
      WHERE m.id = late.id AND late.at IS NOT NULL;
  END IF;
END $$;

-- A bounce: the message p_ids[n] that a hosted user sent could not be delivered; p_from is the bare
-- JID the error came from and must be the conversation's remote member. What is said first of a message
-- counts: one that the member's watermark has reached does not fail any more, and one that has failed stays
-- so, whatever the watermark does later. The first condition stays.
--   outcome: 0 recorded, 1 was recorded, 2 no such message that could fail
CREATE FUNCTION message_fail(p_ids uuid[], p_from text[], p_conditions text[])
RETURNS TABLE (outcome int, id uuid, conversation_id uuid, sender_id uuid, client_id text,
               "position" bigint, at timestamptz)
LANGUAGE plpgsql AS $$
#variable_conflict use_column
DECLARE
  taken record;
  head bigint;
  stamp timestamptz;
  m messages;
BEGIN
  taken := log_advance(cardinality(p_ids));
  head := taken.ret_before;
  stamp := taken.ret_stamp;
  FOR n IN 1 .. cardinality(p_ids) LOOP
    SELECT x.* INTO m FROM messages x JOIN conversations c ON c.id = x.conversation_id
      JOIN member_row(c.id, pair_other(c.member_ids, x.sender_id)) o ON true
      WHERE x.id = p_ids[n] AND c.kind IS NOT DISTINCT FROM 'direct'
        AND conversation_reach(c, x.sender_id) = p_from[n]
        AND (x.failed_condition IS NOT NULL OR greatest(o.delivered_seq, o.read_seq) < x.seq);
    IF m.id IS NOT NULL AND m.failed_condition IS NULL THEN
      UPDATE messages x SET failed_condition = p_conditions[n], failed_position = head + n
        WHERE x.id = m.id;
    END IF;
    RETURN QUERY SELECT
      CASE WHEN m.id IS NULL THEN 2 WHEN m.failed_condition IS NULL THEN 0 ELSE 1 END,
      p_ids[n], m.conversation_id, m.sender_id, m.client_id, head + n, stamp;
  END LOOP;
END $$;

-- When message p_seq was got to, as p_viewer is told; NULL: not yet. One's own by all others, another's by
-- p_viewer. The others of a group are known together only as far as the slowest of them has come.
CREATE FUNCTION message_mark(c conversations, p_viewer uuid, p_sender uuid, p_seq bigint, p_kind text)
RETURNS timestamptz
LANGUAGE plpgsql STABLE AS $$
BEGIN
  IF c.kind <> 'direct' AND p_sender = p_viewer THEN
    RETURN (SELECT w.at FROM member_slowest(c.id, p_viewer, p_kind) w WHERE w.seq >= p_seq);
  END IF;
  RETURN (SELECT k.at FROM marks k WHERE k.conversation_id = c.id
            AND k.user_id = CASE WHEN p_sender = p_viewer THEN pair_other(c.member_ids, p_viewer)
                                 ELSE p_viewer END
            AND k.kind = p_kind AND k.seq >= p_seq ORDER BY k.seq LIMIT 1);
END $$;

-- The same where the conversation is not at hand.
CREATE FUNCTION message_mark_in(p_conversation uuid, p_viewer uuid, p_sender uuid, p_seq bigint, p_kind text)
RETURNS timestamptz
LANGUAGE plpgsql STABLE AS $$
BEGIN
  RETURN message_mark((SELECT c FROM conversations c WHERE c.id = p_conversation), p_viewer, p_sender, p_seq, p_kind);
END $$;

-- What is known of a message, for p_viewer. p_delivered, p_read: when the recipient's watermarks got to it; NULL: not yet.
CREATE FUNCTION message_facts(m messages, p_viewer uuid, p_sender user_view, p_delivered timestamptz,
                              p_read timestamptz)
RETURNS message_view
LANGUAGE sql STABLE AS $$
  SELECT ROW(m.id, m.client_id, m.conversation_id, m.seq, p_sender, m.sender_id, m.body, m.kind,
             CASE WHEN m.details IS NULL THEN m.metadata ELSE content_metadata(m, p_viewer) END,
             m.sent_at, m.failed_condition IS NOT NULL, p_delivered, p_read, m.created_at,
             CASE WHEN m.reactions IS NOT NULL THEN reaction_shown(p_viewer, m.id, m.reactions) END,
             CASE WHEN m.details IS NOT NULL THEN content_facts(m, p_viewer) END)::message_view
$$;

-- A message as p_viewer sees it, with its sender and the recipient's marks looked up. OFFSET 0 makes a column
-- of what user_facts() takes: it becomes part of the plan only then, and is planned anew for each call otherwise.
CREATE FUNCTION message_seen(p_viewer uuid, m messages, c conversations) RETURNS message_view
LANGUAGE plpgsql STABLE AS $$
BEGIN
  RETURN (
    SELECT message_facts(m, p_viewer, CASE WHEN m.sender_id IS NOT NULL THEN user_facts(s.u, s.closed) END,
                         s.delivered_at, s.read_at)
      FROM (SELECT u, -- Who blocks the other has guarded the conversation, if it is a direct one.
                   CASE WHEN c.guarded OR c.kind <> 'direct'
                             OR privacy_value(u.privacy_profile, 'profile') <> 'everyone'
                        THEN user_is_closed(p_viewer, u) ELSE false END AS closed,
                   message_mark(c, p_viewer, m.sender_id, m.seq, 'delivered') AS delivered_at,
                   message_mark(c, p_viewer, m.sender_id, m.seq, 'read') AS read_at
              FROM (VALUES (1)) one LEFT JOIN users u ON u.id = m.sender_id OFFSET 0) s);
END $$;

-- Whom message_page() shows of a conversation of many: who has written something, else p_user.
CREATE FUNCTION message_writers(p_user uuid, p_conversation uuid, p_low bigint, p_high bigint) RETURNS uuid[]
LANGUAGE plpgsql STABLE AS $$
BEGIN
  RETURN coalesce((SELECT array_agg(DISTINCT m.sender_id) FROM messages m
                     WHERE m.conversation_id = p_conversation AND m.seq BETWEEN p_low AND p_high
                       AND m.sender_id IS NOT NULL), ARRAY[p_user]);
END $$;

-- How far the others of a group have come together, for message_page().
CREATE FUNCTION message_slowest(p_user uuid, p_conversation uuid) RETURNS reach_view[]
LANGUAGE plpgsql STABLE AS $$
BEGIN
  RETURN ARRAY(SELECT ROW(false, k.kind = 'read', w.seq, w.at)::reach_view
                 FROM (VALUES ('delivered'), ('read')) k (kind)
                 CROSS JOIN LATERAL member_slowest(p_conversation, p_user, k.kind) w);
END $$;

-- Where a page of p_conversation begins, as seq, for somebody who has read up to p_read and sees what is above p_cleared:
-- p_place is the id of a message, seq:N, time:T (the first message from then on) or unread. p_after: what is to be read
-- begins behind it, and with what was sent at T. NULL: there is no such message.
CREATE FUNCTION message_place(p_conversation uuid, p_cleared bigint, p_read bigint, p_place text, p_after boolean)
RETURNS bigint
LANGUAGE plpgsql STABLE AS $$
BEGIN
  IF p_place = 'unread' THEN
    RETURN p_read + 1;
  ELSIF p_place LIKE 'seq:%' THEN
    RETURN least(substr(p_place, 5)::bigint, message_last(p_conversation) + (NOT p_after)::int);
  ELSIF p_place LIKE 'time:%' THEN
    RETURN message_since(p_conversation, p_cleared, substr(p_place, 6)::timestamptz) - p_after::int;
  END IF;
  RETURN (SELECT m.seq FROM messages m
            WHERE m.id = p_place::uuid AND m.conversation_id IS NOT DISTINCT FROM p_conversation AND m.seq > p_cleared);
END $$;

-- The newest seq of a conversation; 0: it has no message.
CREATE FUNCTION message_last(p_conversation uuid) RETURNS bigint
LANGUAGE plpgsql STABLE AS $$
BEGIN
  RETURN coalesce((SELECT m.seq FROM messages m WHERE m.conversation_id = p_conversation ORDER BY m.seq DESC LIMIT 1), 0);
END $$;

-- The seq of the first message above p_low that came at p_time or later; one more than the last when there is none. Times
-- follow seq, but for archives that were taken over: halving finds one of several borders there.
CREATE FUNCTION message_since(p_conversation uuid, p_low bigint, p_time timestamptz) RETURNS bigint
LANGUAGE plpgsql STABLE AS $$
DECLARE
  low bigint := p_low + 1;
  high bigint := greatest(message_last(p_conversation), p_low) + 1;
  middle bigint;
BEGIN
  WHILE low < high LOOP
    middle := (low + high) / 2;
    IF (SELECT m.created_at FROM messages m WHERE m.conversation_id = p_conversation AND m.seq = middle) >= p_time THEN
      high := middle;
    ELSE
      low := middle + 1;
    END IF;
  END LOOP;
  RETURN low;
END $$;

-- One page of a conversation. At most one of p_before, p_after, p_around is set, see message_place(). No row:
-- no such conversation for this user, or the message is not in it. Messages oldest first, at most p_limit + 2: one
-- more than the page holds at each end shows that there is more. Without an id: there are none. Without a kind: p_user has hidden it, it holds
-- a place only. head: in the first row, what is known of all:
--   senders: the members of a direct conversation, else those who have written something on the page;
--     without any it is p_user
--   place: the seq that the page begins at; NULL: it is that of the newest messages
--   marks: watermarks by side and kind, of each by rising seq: everything up to seq was got to at that time. Those
--     within the page, and the next one above it. own: p_user's, else those of the other member, or of the others
--     together as in message_mark().
-- Columns, as to make composite values of so many messages, and to send those, would cost a fifth of a message. In SQL
-- and STABLE, as conversation_list(): it becomes part of the statement that calls it, and each row is sent as it is
-- found. To begin the plan is half of what a page costs, and each column of each of its parts counts there: that is why
-- head is a value in the first row, and not rows of their own.
CREATE FUNCTION message_page(p_user uuid, p_conversation uuid, p_limit int, p_before text,
                             p_after text, p_around text)
RETURNS TABLE (head page_view, id uuid, client_id text, seq bigint, sender_id uuid, body text, kind text, metadata jsonb,
               sent_at timestamptz, failed boolean, created_at timestamptz, reactions jsonb, content content_view)
LANGUAGE sql STABLE AS $$
  SELECT CASE WHEN m.seq IS NULL OR m.seq = p.first THEN ROW(
             ARRAY(SELECT user_facts(s.u, s.closed)
                     FROM (SELECT u, -- Who blocks the other has guarded the conversation.
                                  CASE WHEN p.guarded OR NOT p.direct
                                         OR privacy_value(u.privacy_profile, 'profile') <> 'everyone'
                                       THEN user_is_closed(p_user, u) ELSE false END AS closed
                             FROM users u
                             WHERE u.id = ANY (CASE WHEN p.direct THEN p.member_ids
                                                    ELSE message_writers(p_user, p_conversation, p.low, p.high) END)
                             OFFSET 0) s),
             ARRAY(SELECT ROW(w.own, w.kind = 'read', k.seq, k.at)::reach_view
                     FROM (VALUES (true, p_user, 'delivered', p.delivered), (true, p_user, 'read', p.read),
                                  (false, p.other, 'delivered', NULL), (false, p.other, 'read', NULL)) w (own, id, kind, seq)
                     CROSS JOIN LATERAL (
                       SELECT x.seq, x.at FROM marks x WHERE x.conversation_id = p_conversation AND x.user_id = w.id
                           AND x.kind = w.kind AND x.seq >= p.low AND x.seq < p.high
                       UNION ALL
                       (SELECT x.seq, x.at FROM marks x WHERE x.conversation_id = p_conversation AND x.user_id = w.id
                           AND x.kind = w.kind AND x.seq >= p.high ORDER BY x.seq LIMIT 1)) k
                     WHERE CASE WHEN w.own THEN w.seq >= p.low ELSE p.direct END) -- no mark is above the watermark
               || CASE WHEN NOT p.direct THEN message_slowest(p_user, p_conversation) END, p.place)::page_view END,
         m.id, m.client_id, m.seq, m.sender_id, m.body,
         CASE WHEN p.hides AND hidden_is(p_user, p_conversation, m.seq) THEN NULL ELSE m.kind END,
         m.metadata, m.sent_at, m.failed, m.created_at, m.reactions, m.content
    FROM (SELECT h.*, greatest(h.lowest, h.high - h.size) AS low, -- without gaps, seq says where a page ends
                 (SELECT x.seq FROM messages x WHERE x.conversation_id = p_conversation
                    AND x.seq BETWEEN greatest(h.lowest, h.high - h.size) AND h.high ORDER BY x.seq LIMIT 1) AS first
            FROM (SELECT c.kind = 'direct' AS direct, c.member_ids, c.guarded, pair_other(c.member_ids, p_user) AS other,
                         o.hides, o.delivered_seq AS delivered, o.read_seq AS read,
                         a.seq AS place, CASE WHEN a.seq IS NULL THEN p_limit ELSE p_limit + 1 END AS size,
                         CASE WHEN p_after IS NOT NULL THEN greatest(a.seq, o.cleared_seq + 1)
                              ELSE o.cleared_seq + 1 END AS lowest,
                         CASE WHEN p_after IS NOT NULL THEN greatest(a.seq, o.cleared_seq + 1) + p_limit + 1
                              WHEN p_before IS NOT NULL THEN a.seq
                              -- Half a page on each side; a cursor continues with before or after.
                              WHEN p_around IS NOT NULL
                              THEN least(a.seq + (p_limit - 1) / 2, message_last(p_conversation)) + 1
                              -- From the watermark on: an index scan reads all that fits on a page before it yields the first.
                              ELSE (SELECT x.seq FROM messages x WHERE x.conversation_id = p_conversation
                                      AND x.seq >= greatest(o.delivered_seq, o.read_seq)
                                      ORDER BY x.seq DESC LIMIT 1) END AS high
                    FROM members o
                    JOIN conversations c ON c.id = o.conversation_id
                    CROSS JOIN LATERAL (
                      SELECT CASE WHEN coalesce(p_before, p_after, p_around) IS NOT NULL
                                  THEN message_place(p_conversation, o.cleared_seq, o.read_seq,
                                                     coalesce(p_before, p_after, p_around), p_after IS NOT NULL) END AS seq
                        OFFSET 0) a
                    WHERE o.conversation_id = p_conversation AND o.user_id = p_user AND p_user = ANY (c.member_ids)
                      AND (a.seq IS NOT NULL OR coalesce(p_before, p_after, p_around) IS NULL)
                    OFFSET 0) h
            OFFSET 0) p
    LEFT JOIN LATERAL (SELECT f.* FROM messages x CROSS JOIN LATERAL (SELECT (message_facts(x, p_user, NULL, NULL, NULL)).*) f
                         WHERE x.conversation_id = p_conversation AND x.seq BETWEEN p.low AND p.high
                         ORDER BY x.seq) m ON true
$$;

-- One message as p_user sees it. NULL: there is none for him.
CREATE FUNCTION message_get(p_user uuid, p_message uuid) RETURNS message_view
LANGUAGE plpgsql STABLE AS $$
BEGIN
  RETURN (SELECT message_seen(p_user, m, c)
            FROM messages m
            JOIN member_row(m.conversation_id, p_user) o ON o.state = 'joined'
            JOIN conversations c ON c.id = m.conversation_id
            WHERE m.id = p_message AND m.seq > o.cleared_seq
              AND NOT (o.hides AND hidden_is(p_user, m.conversation_id, m.seq)));
END $$;
