-- SPDX-License-Identifier: GPL-3.0-or-later
-- What a user missed. One look at each of the user's conversations, and one at each that has
-- something new; decision 0016 says why there is no index over positions.

-- From which seq on p_user has not seen the messages of which conversations, newest conversation
-- history last. missed stops at p_limit + 1.
CREATE FUNCTION event_unseen(p_user uuid, p_position bigint, p_limit int,
                             OUT conversations uuid[], OUT seqs bigint[], OUT missed int)
LANGUAGE plpgsql STABLE AS $$
DECLARE
  changed record;
  step bigint;
  fresh bigint;
  first bigint;
BEGIN
  conversations := '{}';
  seqs := '{}';
  missed := 0;
  FOR changed IN
    SELECT mine.conversation_id, mine.cleared_seq, last.seq AS newest FROM members mine
      JOIN LATERAL (SELECT x.position, x.seq FROM messages x
                      WHERE x.conversation_id = mine.conversation_id
                        -- From the watermark on: an index scan reads all that fits on a page before
                        -- it yields the first.
                        AND x.seq >= greatest(mine.delivered_seq, mine.read_seq)
                      ORDER BY x.seq DESC LIMIT 1) last
        ON last.position > p_position AND last.seq > mine.cleared_seq
      WHERE mine.user_id = p_user AND mine.state = 'joined'
        AND mine.request IS DISTINCT FROM 'pending' AND mine.request IS DISTINCT FROM 'declined'
  LOOP
    -- Positions rise with seq, and seq has no gaps: look back further and further until the user has
    -- seen something. Ranges, for the planner would sort the whole conversation to walk it.
    step := least(8, p_limit + 1 - missed);
    LOOP
      SELECT count(*), min(x.seq) INTO fresh, first FROM messages x
        WHERE x.conversation_id = changed.conversation_id AND x.position > p_position
          AND x.seq > greatest(changed.cleared_seq, changed.newest - step);
      EXIT WHEN fresh < step OR missed + fresh > p_limit;
      step := least(step * 8, p_limit + 1 - missed);
    END LOOP;
    missed := least(missed + fresh, p_limit + 1);
    IF missed > p_limit THEN
      RETURN;
    END IF;
    conversations := conversations || changed.conversation_id;
    seqs := seqs || first;
  END LOOP;
END $$;

-- Events proper that p_user hears of. Where few were added, they are tried one by one; else each of
-- the user's conversations is asked.
CREATE FUNCTION event_heard(p_user uuid, p_position bigint, p_limit int) RETURNS SETOF events
LANGUAGE plpgsql STABLE AS $$
DECLARE
  added bigint := (SELECT count(*) FROM (SELECT FROM events x WHERE x.position > p_position LIMIT 1001) few);
BEGIN
  IF added = 0 THEN
    RETURN;
  ELSIF added <= 1000 THEN
    RETURN QUERY
      SELECT x.* FROM events x
        WHERE x.position > p_position
          AND CASE WHEN x.audience = 'members' THEN EXISTS (
                     SELECT FROM members m
                       WHERE m.conversation_id = x.conversation_id AND m.user_id = p_user
                         AND m.state = 'joined')
                   WHEN x.user_id = p_user THEN true
                   WHEN x.audience = 'partners' THEN member_together(p_user, x.user_id)
                     AND relation_hears(p_user, (SELECT u FROM users u WHERE u.id = x.user_id)) END
        ORDER BY x.position LIMIT p_limit;
    RETURN;
  END IF;
  RETURN QUERY
    SELECT e.* FROM (
        SELECT x.* FROM events x WHERE x.user_id = p_user AND x.audience <> 'members'
          AND x.position > p_position
        UNION ALL
        -- OFFSET 0: events are looked up for each conversation, and each partner, even if there were none when this was planned.
        SELECT x.* FROM members mine CROSS JOIN LATERAL (
            SELECT y.* FROM events y WHERE y.conversation_id = mine.conversation_id AND y.audience = 'members'
              AND y.position > p_position OFFSET 0) x
          WHERE mine.user_id = p_user AND mine.state = 'joined'
        UNION ALL
        SELECT x.* FROM (SELECT DISTINCT o.user_id FROM members mine
            JOIN members o ON o.conversation_id = mine.conversation_id AND o.user_id <> p_user
              AND o.state = 'joined'
            WHERE mine.user_id = p_user AND mine.state = 'joined') partner
          CROSS JOIN LATERAL (
            SELECT y.* FROM events y WHERE y.user_id = partner.user_id AND y.audience <> 'members' AND y.audience = 'partners'
              AND y.position > p_position OFFSET 0) x
          WHERE relation_hears(p_user, (SELECT u FROM users u WHERE u.id = x.user_id))) e
      ORDER BY e.position LIMIT p_limit;
END $$;

-- Those of p_heard that still tell p_user something, by position, with what they show now as payload:
-- a right that was lost since is gone from them too. Ends behind p_bytes of text.
CREATE FUNCTION event_shown(p_user uuid, p_heard events[], p_bytes bigint) RETURNS events[]
LANGUAGE plpgsql STABLE AS $$
DECLARE
  e events;
  shown events[] := '{}';
  size bigint := 0;
BEGIN
  FOR e IN SELECT x.* FROM unnest(p_heard) x ORDER BY x.position LOOP
    e.payload := event_payload(p_user, e);
    CONTINUE WHEN e.payload IS NULL;
    shown := array_append(shown, e);
    size := size + octet_length(e.payload);
    EXIT WHEN size > p_bytes;
  END LOOP;
  RETURN shown;
END $$;

-- The position at which more than p_bytes of text have come, of those messages and events; NULL: there
-- are no more than that.
CREATE FUNCTION event_cut(p_conversations uuid[], p_seqs bigint[], p_heard events[], p_bytes bigint)
RETURNS bigint
LANGUAGE plpgsql STABLE AS $$
BEGIN
  RETURN (SELECT min(g.position) FROM (
    SELECT t.position, sum(t.size) OVER (ORDER BY t.position) AS size
      FROM (SELECT m.position, octet_length(m.body) AS size
              FROM unnest(p_conversations, p_seqs) u (id, seq)
              -- OFFSET 0: seq is a part of the look-up, not a filter over the whole conversation.
              CROSS JOIN LATERAL (SELECT x.position, x.body FROM messages x
                                    WHERE x.conversation_id = u.id AND x.seq >= u.seq OFFSET 0) m
            UNION ALL
            SELECT e.position, octet_length(e.payload) FROM unnest(p_heard) e) t) g
    WHERE g.size > p_bytes);
END $$;

-- What p_user missed after p_position, at most p_limit + 1 rows of each kind, messages newest first, the
-- rest in no order. The first row carries the head of the log in this snapshot; its type is NULL, or
-- 'resync': there is more than p_limit, or events may have been removed since, and nothing follows. Its
-- actor is NULL, or a position: up to there everything is here, and there was no room for more, as p_bytes
-- of text had been exceeded or more than p_limit events looked through; what is behind it must not be
-- looked at. Watermarks appear once, where they stand now. What the user has cleared does not appear. One
-- of payload, message, mark and failure says what happened. actor, peer and many are as in core/event.h.
CREATE FUNCTION event_resume(p_user uuid, p_position bigint, p_limit int, p_bytes bigint)
RETURNS TABLE ("position" bigint, type text, at timestamptz, payload text, message message_view,
               mark mark_view, failure failure_view, conversation_id uuid, message_id uuid, sender_id uuid, actor bigint, peer bigint,
               many boolean)
LANGUAGE plpgsql STABLE
-- One or two rows by an index are cheaper without a bitmap, which the planner prefers.
SET enable_bitmapscan = off AS $$
#variable_conflict use_column
DECLARE
  unseen record;
  heard events[];
  cut bigint;
BEGIN
  IF p_position < (SELECT h.events_from FROM log_head h) THEN
    SELECT p_limit + 1 AS missed INTO unseen;
  ELSE
    SELECT * INTO unseen FROM event_unseen(p_user, p_position, p_limit);
  END IF;
  IF unseen.missed <= p_limit THEN
    heard := ARRAY(SELECT e FROM event_heard(p_user, p_position, p_limit + 1) e);
    IF cardinality(heard) > p_limit THEN -- there may be more behind them, and some may tell nothing
      cut := (SELECT max(e.position) FROM unnest(heard) e);
    END IF;
    IF heard <> '{}' THEN
      heard := event_shown(p_user, heard, p_bytes);
    END IF;
    -- Most who come back have missed little: what they have not is not asked for.
    IF heard <> '{}' OR unseen.conversations <> '{}' THEN
      cut := least(cut, event_cut(unseen.conversations, unseen.seqs, heard, p_bytes));
    END IF;
  END IF;
  RETURN QUERY
    SELECT h.position, CASE WHEN unseen.missed > p_limit THEN 'resync' END,
           greatest(h.stamp, 'epoch'), NULL::text,
           NULL::message_view, NULL::mark_view, NULL::failure_view, NULL::uuid, NULL::uuid, NULL::uuid, cut, NULL::bigint,
           NULL::boolean
      FROM log_head h;
  IF unseen.missed > p_limit THEN
    RETURN;
  END IF;
  IF unseen.conversations <> '{}' THEN
    RETURN QUERY
      SELECT m.position, 'message.new'::text, m.created_at, NULL::text, message_seen(p_user, m, c),
             NULL::mark_view, NULL::failure_view, m.conversation_id, m.id, m.sender_id,
             member_number(c.member_ids, c.member_numbers, m.sender_id),
             member_peer_number(c.plain, c.member_ids, c.member_numbers, m.sender_id), NOT c.plain
        FROM unnest(unseen.conversations, unseen.seqs) u (id, seq)
        JOIN conversations c ON c.id = u.id
        -- As in event_cut().
        CROSS JOIN LATERAL (SELECT x.* FROM messages x
                              WHERE x.conversation_id = u.id AND x.seq >= u.seq OFFSET 0) m
        WHERE cut IS NULL OR m.position <= cut
        ORDER BY m.position DESC;
  END IF;
  RETURN QUERY
    SELECT k.position, k.type, k.at, NULL::text, NULL::message_view,
           ROW(moved.conversation_id, moved.user_id, x.id, k.seq, k.at,
               CASE WHEN moved.user_id = p_user
                    THEN to_jsonb(greatest(0, others_count(c.id, p_user) - moved.others_seen)) END)::mark_view, NULL::failure_view,
           moved.conversation_id, x.id, NULL::uuid,
           member_number(c.member_ids, c.member_numbers, moved.user_id),
           member_peer_number(c.plain, c.member_ids, c.member_numbers, moved.user_id), NOT c.plain
      FROM (SELECT o.*, mine.cleared_seq AS cleared FROM members mine
              JOIN members o ON o.conversation_id = mine.conversation_id
                AND (o.read_position > p_position OR o.delivered_position > p_position)
              WHERE mine.user_id = p_user AND mine.state = 'joined' OFFSET 0) moved
      JOIN LATERAL (
        SELECT 'message.delivered' AS type, moved.delivered_seq AS seq,
               moved.delivered_position AS position, moved.delivered_at AS at
          WHERE moved.user_id <> p_user AND NOT moved.quiet AND moved.delivered_position > p_position
            AND moved.delivered_position <> moved.read_position
        UNION ALL
        SELECT 'message.read', moved.read_seq, moved.read_position, moved.read_at
          WHERE moved.read_position > p_position
            AND (NOT moved.quiet OR moved.user_id = p_user)) k ON k.seq > moved.cleared
      JOIN conversations c ON c.id = moved.conversation_id
        -- Of a large group, nobody waits for those of all others.
        AND (moved.user_id = p_user OR cardinality(c.member_ids) <= group_small())
      JOIN messages x ON x.conversation_id = moved.conversation_id AND x.seq = k.seq
      LIMIT p_limit + 1;
  IF EXISTS (SELECT FROM messages f WHERE f.sender_id = p_user AND f.failed_position > p_position) THEN
    RETURN QUERY
      SELECT f.failed_position, 'message.failed'::text, h.stamp, NULL::text, NULL::message_view,
             NULL::mark_view, ROW(f.conversation_id, f.id, f.client_id, f.failed_condition)::failure_view,
             f.conversation_id, f.id, NULL::uuid,
             member_peer_number(c.plain, c.member_ids, c.member_numbers, p_user),
             member_number(c.member_ids, c.member_numbers, p_user), NOT c.plain
        FROM messages f JOIN conversations c ON c.id = f.conversation_id
          JOIN member_row(f.conversation_id, p_user) mine ON mine.state = 'joined' AND f.seq > mine.cleared_seq, log_head h
        WHERE f.sender_id = p_user AND f.failed_position > p_position
        ORDER BY f.failed_position LIMIT p_limit + 1;
  END IF;
  IF heard <> '{}' THEN
    RETURN QUERY
      SELECT e.position, e.type, e.at, e.payload::text, NULL::message_view, NULL::mark_view,
             NULL::failure_view, e.conversation_id, NULL::uuid, NULL::uuid,
             t.actor, t.peer, t.many
        FROM unnest(heard) e CROSS JOIN LATERAL event_parties(e) t
        WHERE cut IS NULL OR e.position <= cut;
  END IF;
END $$;
