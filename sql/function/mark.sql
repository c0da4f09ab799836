-- SPDX-License-Identifier: GPL-3.0-or-later
-- Watermarks: delivered, read, and what is unread.

-- Moves watermarks. Per row, the member is p_users[n], or the user with bare JID p_jids[n]; the
-- mark reaches to message p_messages[n], or to the newest one when that is NULL (then
-- p_conversations[n] says where). Watermarks never go back.
--   outcome: 0 moved, 1 was there already, 2 nothing this member may mark
-- What is said first of a message counts: a mark by XMPP that names one which has failed counts for nothing.
-- member_ids, member_numbers, direct: as in message_store. tells: the others are to hear of it (see mark_is_told()). What may not be told has no row in marks, and the member is quiet
-- until the next one that may.
-- A member's read mark goes to a remote peer as a displayed marker (outbox), naming the peer's
-- newest message that asked for one.
-- marked: the member who reads has marked the conversation as unread, which is to be taken back.
CREATE FUNCTION mark_store(p_users uuid[], p_jids text[], p_conversations uuid[],
                           p_messages uuid[], p_kinds text[])
RETURNS TABLE (outcome int, conversation_id uuid, user_id uuid, kind text, seq bigint,
               message_id uuid, "position" bigint, at timestamptz, member_ids uuid[],
               member_numbers bigint[], direct boolean, unread bigint, marker_to text,
               marker_reference text, tells boolean, marked boolean)
LANGUAGE plpgsql AS $$
#variable_conflict use_column
DECLARE
  taken record;
  head bigint;
  stamp timestamptz;
BEGIN
  taken := log_advance(cardinality(p_kinds));
  head := taken.ret_before;
  stamp := taken.ret_stamp;
  RETURN QUERY
  WITH named AS MATERIALIZED (
    SELECT i.n, p_kinds[i.n] AS kind, m.id AS message_id, m.seq, m.sender_id, m.sender_seq, m.many,
           coalesce(p_users[i.n], (SELECT u.id FROM users u WHERE u.jid = p_jids[i.n])) AS user_id,
           coalesce(m.conversation_id, p_conversations[i.n]) AS conversation_id,
           p_messages[i.n] IS NOT NULL AND m.id IS NULL AS missing
      FROM generate_series(1, cardinality(p_kinds)) AS i (n)
      LEFT JOIN LATERAL (
        SELECT x.id, x.seq, x.sender_id, x.sender_seq, x.many, x.conversation_id FROM messages x
          WHERE x.id = p_messages[i.n]
            AND (p_conversations[i.n] IS NULL OR x.conversation_id = p_conversations[i.n])
            AND (p_jids[i.n] IS NULL OR x.failed_condition IS NULL)
        UNION ALL
        (SELECT x.id, x.seq, x.sender_id, x.sender_seq, x.many, x.conversation_id FROM messages x
          WHERE p_messages[i.n] IS NULL AND x.conversation_id = p_conversations[i.n]
          ORDER BY x.seq DESC LIMIT 1)) m ON true
  ), reached AS MATERIALIZED (
    -- Of several marks of one member in the batch, the furthest moves the watermark.
    SELECT a.n, a.kind, a.message_id, a.seq, a.user_id, a.sender_id, o.conversation_id, c.member_ids,
           c.member_numbers, c.kind = 'direct' AS direct, c.remote_user, conversation_reach(c, a.user_id) AS remote_jid, o.delivered_seq, o.read_seq,
           o.user_id IS NULL OR a.missing
             OR (c.guarded AND a.user_id = c.remote_user AND NOT relation_tells(c, a.user_id))
             AS refused,
           (reader.kind <> 'hosted' OR privacy_receipts(reader.privacy_receipts))
             AND (NOT c.guarded OR relation_tells(c, a.user_id)) AS tells,
           a.kind = 'read' AND o.unread_own IS NOT NULL AS marked,
           -- Where the batch leaves the member, whichever row moves the watermark.
           greatest(o.read_seq, max(a.seq) FILTER (WHERE a.kind = 'read') OVER member) AS read_to,
           greatest(o.delivered_seq, max(a.seq) OVER member) AS delivered_to,
           greatest(o.others_seen, max(count.others) FILTER (WHERE a.kind = 'read') OVER member)
             AS others_to,
           coalesce(a.seq > CASE a.kind WHEN 'read' THEN o.read_seq ELSE o.delivered_seq END, false)
             AND row_number() OVER (PARTITION BY o.conversation_id, a.user_id, a.kind
                                    ORDER BY a.seq DESC, a.n) = 1 AS moved
      FROM named a
      -- OFFSET 0: by key, also in a plan that was made while there were few members.
      LEFT JOIN LATERAL (SELECT x.* FROM members x WHERE x.conversation_id = a.conversation_id
                           AND x.user_id = a.user_id AND x.state = 'joined' OFFSET 0) o ON true
      LEFT JOIN conversations c ON c.id = o.conversation_id
      LEFT JOIN users reader ON reader.id = o.user_id
      LEFT JOIN LATERAL (SELECT CASE WHEN a.many
                                     THEN others_counted(a.conversation_id, a.user_id, a.seq)
                                     WHEN a.user_id = a.sender_id THEN a.seq - a.sender_seq
                                     ELSE a.sender_seq END AS others) count ON true
      WINDOW member AS (PARTITION BY o.conversation_id, a.user_id)
  ), furthest AS MATERIALIZED (
    -- At most one row of each kind has moved. The positions of both watermarks are the same only
    -- when the read mark took the delivered one along.
    SELECT r.conversation_id, r.user_id, max(r.seq) AS delivered,
           max(r.seq) FILTER (WHERE r.kind = 'read') AS read,
           max(r.n) FILTER (WHERE r.kind = 'read') AS read_n,
           max(r.n) FILTER (WHERE r.kind = 'delivered') AS delivered_n,
           max(r.delivered_seq) AS old_delivered, bool_and(r.tells) AS tells,
           max(r.others_to) AS others
      FROM reached r WHERE r.moved AND NOT r.refused GROUP BY r.conversation_id, r.user_id
  ), watermarks AS (
    UPDATE members o
       SET delivered_seq = greatest(o.delivered_seq, f.delivered),
           delivered_position = CASE WHEN f.delivered <= o.delivered_seq THEN o.delivered_position
                                     WHEN f.delivered = f.read THEN head + f.read_n
                                     ELSE head + f.delivered_n END,
           delivered_at = CASE WHEN f.delivered > o.delivered_seq THEN stamp
                               ELSE o.delivered_at END,
           read_seq = coalesce(f.read, o.read_seq),
           read_position = CASE WHEN f.read IS NULL THEN o.read_position
                                ELSE head + f.read_n END,
           read_at = CASE WHEN f.read IS NULL THEN o.read_at ELSE stamp END,
           quiet = NOT f.tells, others_seen = f.others
      FROM furthest f WHERE o.conversation_id = f.conversation_id AND o.user_id = f.user_id
  ), history AS (
    INSERT INTO marks (conversation_id, user_id, kind, seq, at)
    SELECT f.conversation_id, f.user_id, 'delivered', f.delivered, stamp FROM furthest f
      WHERE f.delivered > f.old_delivered AND f.tells
    UNION ALL
    SELECT f.conversation_id, f.user_id, 'read', f.read, stamp FROM furthest f
      WHERE f.read IS NOT NULL AND f.tells
  ), marked AS MATERIALIZED (
    SELECT r.*, peer.foreign_id, peer.id AS peer_id
      FROM reached r
      LEFT JOIN LATERAL (
        SELECT x.id, x.foreign_id FROM messages x
          WHERE r.moved AND r.tells AND r.kind = 'read' AND r.remote_jid IS NOT NULL AND p_jids[r.n] IS NULL -- it was not said by XMPP
            AND x.conversation_id = r.conversation_id AND x.seq <= r.seq AND x.seq > r.seq - 100
            AND x.sender_id <> r.user_id AND x.markable AND x.foreign_id IS NOT NULL
          ORDER BY x.seq DESC LIMIT 1) peer ON true
  ), queued AS (
    INSERT INTO outbox (position, kind, from_user, to_address, message_id, reference)
    SELECT head + k.n, 'displayed', k.user_id, k.remote_jid, k.peer_id, k.foreign_id
      FROM marked k WHERE k.peer_id IS NOT NULL
  )
  SELECT CASE WHEN k.refused THEN 2 WHEN k.moved THEN 0 ELSE 1 END, k.conversation_id, k.user_id,
         k.kind, CASE WHEN k.moved THEN k.seq WHEN k.kind = 'read' THEN k.read_to
                      ELSE k.delivered_to END,
         k.message_id, head + k.n, stamp, k.member_ids, k.member_numbers, k.direct,
         CASE WHEN k.kind = 'read' AND NOT k.refused
              THEN greatest(0, others_count(k.conversation_id, k.user_id) - k.others_to)
         END,
         CASE WHEN k.peer_id IS NOT NULL THEN k.remote_jid END, k.foreign_id,
         coalesce(k.tells, false)
           AND CASE WHEN k.direct OR cardinality(k.member_ids) <= group_small() THEN true
                    -- Of several in the batch it is the last one after whom nobody is left.
                    ELSE mark_is_told(k.conversation_id, k.kind, k.seq, k.sender_id || ARRAY(
                           SELECT r.user_id FROM reached r
                             WHERE r.n <= k.n AND r.conversation_id = k.conversation_id AND r.seq >= k.seq
                               AND (r.kind = k.kind OR k.kind = 'delivered'))) END, k.marked AND NOT k.refused
    FROM marked k ORDER BY k.n;
END $$;

-- Whether a mark of a large group is told to the others. Each would be as many events as there are members, each to all:
-- it is told if nobody is left who has not come that far, but for p_but. See decision 0062.
CREATE FUNCTION mark_is_told(p_conversation uuid, p_kind text, p_seq bigint, p_but uuid[]) RETURNS boolean
LANGUAGE plpgsql STABLE AS $$
BEGIN
  RETURN NOT EXISTS (
    SELECT FROM members o WHERE o.conversation_id = p_conversation AND o.state = 'joined'
      AND (o.kind = 'hosted' OR o.delivered_seq > o.joined_seq)
      AND CASE p_kind WHEN 'read' THEN o.read_seq ELSE o.delivered_seq END < p_seq
      AND NOT o.user_id = ANY (array_remove(p_but, NULL)));
END $$;

-- Who has got and read a message, and when, as far as p_user, who sees it, may know: those who were members when it
-- was written, but for its sender. A page by number of user, after p_after. The first row has more and next, and no
-- item; no row: there is no such message for p_user.
CREATE FUNCTION message_receipts(p_user uuid, p_message uuid, p_limit int, p_after bigint)
RETURNS TABLE (item receipt_view, more boolean, next text)
LANGUAGE plpgsql STABLE AS $$
DECLARE
  m messages;
  numbers bigint[];
BEGIN
  SELECT x.* INTO m FROM messages x
    JOIN member_row(x.conversation_id, p_user) o ON o.state = 'joined' AND x.seq > o.cleared_seq
    WHERE x.id = p_message;
  IF m.id IS NULL THEN
    RETURN;
  END IF;
  numbers := ARRAY(
    SELECT o.number FROM members o
      WHERE o.conversation_id = m.conversation_id AND o.state = 'joined' AND o.joined_seq < m.seq
        AND o.user_id IS DISTINCT FROM m.sender_id AND o.number > coalesce(p_after, 0)
      ORDER BY o.number LIMIT p_limit + 1);
  RETURN QUERY SELECT NULL::receipt_view, cardinality(numbers) > p_limit,
                      CASE WHEN cardinality(numbers) > p_limit THEN numbers[p_limit]::text END;
  RETURN QUERY
    SELECT ROW(user_seen(p_user, u), coalesce(got.at, read.at), read.at)::receipt_view, NULL::boolean, NULL::text
      FROM members o JOIN users u ON u.id = o.user_id
      LEFT JOIN LATERAL (SELECT k.at FROM marks k
                           WHERE k.conversation_id = m.conversation_id AND k.user_id = o.user_id
                             AND k.kind = 'delivered' AND k.seq >= m.seq ORDER BY k.seq LIMIT 1) got ON true
      LEFT JOIN LATERAL (SELECT k.at FROM marks k
                           WHERE k.conversation_id = m.conversation_id AND k.user_id = o.user_id
                             AND k.kind = 'read' AND k.seq >= m.seq ORDER BY k.seq LIMIT 1) read ON true
      WHERE o.conversation_id = m.conversation_id AND o.number = ANY (numbers[1:p_limit])
        AND m.failed_condition IS NULL
      ORDER BY o.number;
END $$;

-- How far others may know that the member has read, when quiet.
CREATE FUNCTION told_read_seq(p_conversation uuid, p_user uuid) RETURNS bigint
LANGUAGE plpgsql STABLE AS $$
BEGIN
  RETURN coalesce((SELECT k.seq FROM marks k WHERE k.conversation_id = p_conversation
    AND k.user_id = p_user AND k.kind = 'read' ORDER BY k.seq DESC LIMIT 1), 0);
END $$;
