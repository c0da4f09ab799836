-- SPDX-License-Identifier: GPL-3.0-or-later
-- What a user missed.

-- What p_user missed after p_position, oldest first, at most p_limit + 1 rows (the last one then
-- says: too much). The first row has type NULL and carries the head of the log in this snapshot.
-- Watermarks appear once, where they stand now. actor and peer are whole numbers of users, as in
-- core/event.h.
CREATE FUNCTION event_resume(p_user uuid, p_position bigint, p_limit int)
RETURNS TABLE ("position" bigint, type text, at timestamptz, payload text,
               conversation_id uuid, message_id uuid, sender_id uuid, actor bigint, peer bigint)
LANGUAGE plpgsql STABLE AS $$
#variable_conflict use_column
DECLARE
  conversation record;
  m messages;
  total int := 0;
BEGIN
  RETURN QUERY SELECT h.position, NULL::text, h.stamp, NULL::text, NULL::uuid, NULL::uuid, NULL::uuid,
                      NULL::bigint, NULL::bigint
    FROM log_head h;
  RETURN QUERY
    SELECT k.position, k.type, k.at,
           json_build_object('conversation_id', k.conversation_id, 'user_id', k.user_id,
             'message_id', x.id, 'seq', k.seq, 'at', api_time(k.at))::text,
           k.conversation_id, x.id, NULL::uuid,
           CASE WHEN k.user_id = c.user_a THEN c.number_a ELSE c.number_b END,
           CASE WHEN k.user_id = c.user_a THEN c.number_b ELSE c.number_a END
      FROM members mine
      JOIN conversations c ON c.id = mine.conversation_id
      JOIN LATERAL (
        SELECT o.conversation_id, o.user_id, 'message.delivered' AS type, o.delivered_seq AS seq,
               o.delivered_position AS position, o.delivered_at AS at
          FROM members o WHERE o.conversation_id = mine.conversation_id AND o.user_id <> p_user
            AND NOT o.quiet AND o.delivered_position > p_position AND o.delivered_position <> o.read_position
        UNION ALL
        SELECT o.conversation_id, o.user_id, 'message.read', o.read_seq, o.read_position, o.read_at
          FROM members o WHERE o.conversation_id = mine.conversation_id
            AND o.read_position > p_position AND (NOT o.quiet OR o.user_id = p_user)) k ON true
      JOIN messages x ON x.conversation_id = k.conversation_id AND x.seq = k.seq
      WHERE mine.user_id = p_user
      LIMIT p_limit + 1;
  FOR conversation IN
    SELECT c FROM members mine JOIN conversations c ON c.id = mine.conversation_id
      JOIN LATERAL (SELECT x.position FROM messages x WHERE x.conversation_id = c.id
                      ORDER BY x.seq DESC LIMIT 1) last ON last.position > p_position
      WHERE mine.user_id = p_user
        AND mine.request IS DISTINCT FROM 'pending' AND mine.request IS DISTINCT FROM 'declined'
  LOOP
    -- Positions rise with seq: walk back until what the user has seen.
    FOR m IN SELECT x.* FROM messages x WHERE x.conversation_id = (conversation.c).id
               ORDER BY x.seq DESC LOOP
      EXIT WHEN m.position <= p_position;
      total := total + 1;
      RETURN QUERY SELECT m.position, 'message.new'::text, m.created_at,
                          message_object(m, conversation.c)::text,
                          m.conversation_id, m.id, m.sender_id,
                          CASE WHEN m.sender_id = (conversation.c).user_a
                               THEN (conversation.c).number_a ELSE (conversation.c).number_b END,
                          CASE WHEN m.sender_id = (conversation.c).user_a
                               THEN (conversation.c).number_b ELSE (conversation.c).number_a END;
      IF total > p_limit THEN
        RETURN;
      END IF;
    END LOOP;
  END LOOP;
  RETURN QUERY
    SELECT f.failed_position, 'message.failed'::text, h.stamp,
           json_build_object('conversation_id', f.conversation_id, 'message_id', f.id,
             'client_id', f.client_id, 'code', 'xmpp_unreachable',
             'xmpp_condition', f.failed_condition)::text,
           f.conversation_id, f.id, NULL::uuid,
           CASE WHEN p_user = c.user_a THEN c.number_b ELSE c.number_a END,
           CASE WHEN p_user = c.user_a THEN c.number_a ELSE c.number_b END
      FROM messages f JOIN conversations c ON c.id = f.conversation_id, log_head h
      WHERE f.sender_id = p_user AND f.failed_position > p_position
      ORDER BY f.failed_position LIMIT p_limit + 1;
  RETURN QUERY
    SELECT e.position, e.type, e.at, e.payload, e.conversation_id, NULL::uuid, NULL::uuid,
           NULL::bigint, NULL::bigint
      FROM (
        SELECT x.* FROM events x WHERE x.user_id = p_user AND x.audience <> 'members'
          AND x.position > p_position
        UNION ALL
        SELECT x.* FROM members mine JOIN events x ON x.conversation_id = mine.conversation_id
          AND x.audience = 'members' AND x.position > p_position WHERE mine.user_id = p_user
        UNION ALL
        SELECT x.* FROM members mine JOIN conversations c ON c.id = mine.conversation_id
          JOIN events x ON x.user_id = CASE WHEN c.user_a = p_user THEN c.user_b ELSE c.user_a END
          AND x.audience <> 'members' AND x.position > p_position
          WHERE mine.user_id = p_user AND x.audience = 'partners') e
      ORDER BY e.position LIMIT p_limit + 1;
END $$;
