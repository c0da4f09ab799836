-- SPDX-License-Identifier: GPL-3.0-or-later
-- What a badge shows of everything that is unread.

-- messages, conversations: of those that are neither archived, muted nor requests; mentions and missed calls: of all but
-- requests, at most 100 of each in a conversation. Each conversation of p_user that does not rest is looked into once, as conversation_list() does.
-- In PL/pgSQL, which keeps its plan.
CREATE FUNCTION unread_count(p_user uuid) RETURNS unread_view
LANGUAGE plpgsql STABLE AS $$
BEGIN
  RETURN (
    WITH mine AS MATERIALIZED (
      SELECT m.*, coalesce(m.request = 'pending', false) AS asked, CASE WHEN m.rested IS NULL THEN last.seq ELSE m.rested_seq END AS newest,
             greatest(0, coalesce(CASE WHEN m.rested IS NOT NULL THEN m.rested_others END, (
               SELECT CASE WHEN x.many THEN others_counted(m.conversation_id, p_user, x.seq)
                           WHEN x.sender_id = p_user THEN x.seq - x.sender_seq
                           ELSE x.sender_seq END FROM messages x WHERE x.ctid = last.place), 0) - m.others_seen) AS unread,
             CASE WHEN m.unread_own IS NULL THEN false
                  ELSE m.unread_own = own_count(m.conversation_id, p_user) END AS marked
        FROM members m
        LEFT JOIN LATERAL (SELECT x.seq, x.ctid AS place FROM messages x
                             WHERE m.rested IS NULL AND x.conversation_id = m.conversation_id AND x.seq >= greatest(m.delivered_seq, m.read_seq)
                             ORDER BY x.seq DESC LIMIT 1) last ON true
        WHERE m.user_id = p_user AND (m.state = 'joined' OR (m.state = 'invited' AND m.request = 'pending'))
          AND (m.request IS NULL OR m.request IN ('pending', 'accepted'))
          AND (m.hidden_seq IS NULL OR m.hidden_seq = 0 AND m.request = 'pending'
               OR CASE WHEN m.rested IS NULL THEN last.seq ELSE m.rested_seq END > m.hidden_seq)
    ), heard AS (
      SELECT unread, marked FROM mine
        WHERE NOT asked AND archived_at IS NULL AND notify IS DISTINCT FROM 'none'
          AND (muted_until IS NULL OR muted_until <= clock_timestamp())
    ), behind AS (
      SELECT conversation_id, greatest(read_seq, cleared_seq) AS seen FROM mine WHERE NOT asked AND newest > read_seq
    )
    SELECT ROW(
      (SELECT coalesce(sum(unread), 0) FROM heard), (SELECT count(*) FROM heard WHERE unread > 0 OR marked),
      (SELECT count(*) FROM mine WHERE asked),
      (SELECT count(*) FROM behind b CROSS JOIN LATERAL (
         SELECT FROM mentioned x WHERE x.user_id = p_user AND x.conversation_id = b.conversation_id AND x.seq > b.seen LIMIT 100) n),
      (SELECT count(*) FROM behind b CROSS JOIN LATERAL (
         SELECT k.message_id FROM calls k WHERE k.conversation_id = b.conversation_id AND k.callee_id = p_user
             AND k.status = 'missed' ORDER BY k.id DESC LIMIT 100) k
         WHERE EXISTS (SELECT FROM messages x WHERE x.id = k.message_id AND x.seq > b.seen)))::unread_view);
END $$;
