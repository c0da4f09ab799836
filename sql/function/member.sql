-- SPDX-License-Identifier: GPL-3.0-or-later
-- Who takes part in a conversation, and who has written how much of it.

-- The key of the direct conversation of two users: conversations.member_ids.
CREATE FUNCTION pair_key(p_one uuid, p_other uuid) RETURNS uuid[]
LANGUAGE sql IMMUTABLE AS $$
  SELECT ARRAY[least(p_one, p_other), greatest(p_one, p_other)]
$$;

-- The other of the two members of a direct conversation.
CREATE FUNCTION pair_other(p_members uuid[], p_user uuid) RETURNS uuid
LANGUAGE sql IMMUTABLE AS $$
  SELECT CASE WHEN p_members[1] = p_user THEN p_members[2] ELSE p_members[1] END
$$;

-- The users.number of a member, and that of the other member of a direct conversation (p_plain), else NULL.
CREATE FUNCTION member_number(p_members uuid[], p_numbers bigint[], p_user uuid) RETURNS bigint
LANGUAGE sql IMMUTABLE AS $$
  SELECT p_numbers[array_position(p_members, p_user)]
$$;

CREATE FUNCTION member_peer_number(p_plain boolean, p_members uuid[], p_numbers bigint[], p_user uuid)
RETURNS bigint
LANGUAGE sql IMMUTABLE AS $$
  SELECT CASE WHEN p_plain THEN CASE WHEN p_members[1] = p_user THEN p_numbers[2] ELSE p_numbers[1] END END
$$;

-- What p_user is in the conversation, for joins; it becomes part of the plan of who asks. OFFSET 0: a row is looked up by both halves of
-- the key. With statistics from before there were many, a join may look through all conversations of p_user for each row instead.
CREATE FUNCTION member_row(p_conversation uuid, p_user uuid) RETURNS SETOF members
LANGUAGE sql STABLE ROWS 1 AS $$
  SELECT m.* FROM members m WHERE m.conversation_id = p_conversation AND m.user_id = p_user OFFSET 0
$$;

-- The conversation of the two, likewise.
CREATE FUNCTION pair_row(p_one uuid, p_other uuid) RETURNS SETOF conversations
LANGUAGE sql STABLE ROWS 1 AS $$
  SELECT c.* FROM conversations c WHERE c.kind = 'direct' AND c.member_ids = pair_key(p_one, p_other) OFFSET 0
$$;

-- Whether two users are in a conversation of many.
CREATE FUNCTION member_share_group(p_one uuid, p_other uuid) RETURNS boolean
LANGUAGE plpgsql STABLE AS $$
BEGIN
  RETURN EXISTS (SELECT FROM members m
                   JOIN member_row(m.conversation_id, p_other) o ON o.state = 'joined'
                   WHERE m.user_id = p_one AND m.grouped AND m.state = 'joined');
END $$;

-- Whether two users are in any conversation with each other.
CREATE FUNCTION member_together(p_one uuid, p_other uuid) RETURNS boolean
LANGUAGE plpgsql STABLE AS $$
BEGIN
  RETURN EXISTS (SELECT FROM conversations c
                   WHERE c.kind = 'direct' AND c.member_ids = pair_key(p_one, p_other))
    OR member_share_group(p_one, p_other);
END $$;

-- How many messages up to p_seq somebody else than p_user has written, where that does not follow from
-- the message itself: what the system says counts for nobody.
CREATE FUNCTION others_counted(p_conversation uuid, p_user uuid, p_seq bigint) RETURNS bigint
LANGUAGE plpgsql STABLE AS $$
BEGIN
  RETURN p_seq
    - coalesce((SELECT m.sender_seq FROM messages m WHERE m.many AND m.conversation_id = p_conversation
                  AND m.sender_id = p_user AND m.seq <= p_seq ORDER BY m.seq DESC LIMIT 1), 0)
    - coalesce((SELECT m.sender_seq FROM messages m WHERE m.many AND m.conversation_id = p_conversation
                  AND m.sender_id IS NULL AND m.seq <= p_seq ORDER BY m.seq DESC LIMIT 1), 0);
END $$;

-- The same up to the newest message. Less what a member has seen, that is what is unread.
CREATE FUNCTION others_count(p_conversation uuid, p_user uuid) RETURNS bigint
LANGUAGE plpgsql STABLE AS $$
BEGIN
  RETURN coalesce((
    SELECT CASE WHEN m.many THEN others_counted(p_conversation, p_user, m.seq)
                WHEN m.sender_id = p_user THEN m.seq - m.sender_seq ELSE m.sender_seq END
      FROM messages m WHERE m.conversation_id = p_conversation ORDER BY m.seq DESC LIMIT 1), 0);
END $$;

-- How many messages p_user has written.
CREATE FUNCTION own_count(p_conversation uuid, p_user uuid) RETURNS bigint
LANGUAGE plpgsql STABLE AS $$
BEGIN
  RETURN coalesce((
    SELECT CASE WHEN m.sender_id = p_user THEN m.sender_seq
                WHEN m.many THEN (SELECT x.sender_seq FROM messages x WHERE x.many AND x.conversation_id = p_conversation
                                    AND x.sender_id = p_user ORDER BY x.seq DESC LIMIT 1)
                ELSE m.seq - m.sender_seq END
      FROM messages m WHERE m.conversation_id = p_conversation ORDER BY m.seq DESC LIMIT 1), 0);
END $$;

-- How far all joined members but p_user have come, delivered or read: the slowest one's watermark, and when
-- that one got there. Of people on XMPP those who say so: many clients never do. No row: there is nobody else, or one has not begun.
CREATE FUNCTION member_slowest(p_conversation uuid, p_user uuid, p_kind text, OUT seq bigint, OUT at timestamptz)
RETURNS SETOF record
LANGUAGE plpgsql STABLE AS $$
BEGIN
  RETURN QUERY
    SELECT w.seq, w.at FROM (
        SELECT CASE WHEN m.quiet THEN coalesce(told.seq, 0)
                    WHEN p_kind = 'read' THEN m.read_seq ELSE m.delivered_seq END AS seq,
               CASE WHEN m.quiet THEN told.at
                    WHEN p_kind = 'read' THEN m.read_at ELSE m.delivered_at END AS at
          FROM members m
          LEFT JOIN LATERAL ( -- as far as others were told
            SELECT k.seq, k.at FROM marks k
              WHERE m.quiet AND k.conversation_id = m.conversation_id AND k.user_id = m.user_id
                AND k.kind = p_kind
              ORDER BY k.seq DESC LIMIT 1) told ON true
          WHERE m.conversation_id = p_conversation AND m.user_id <> p_user AND m.state = 'joined'
            AND (m.kind = 'hosted' OR m.delivered_seq > m.joined_seq)) w
      ORDER BY w.seq, w.at DESC LIMIT 1;
END $$;
