-- SPDX-License-Identifier: GPL-3.0-or-later
-- Many who come back at once: most of them have missed nothing, which one statement says of all. See decision 0118.

-- Which of p_users, by their place in the array, may have missed something after their p_positions: all for whom
-- event_resume() would yield more than its first row, and at times one for whom it would not. The others have
-- everything up to position.
CREATE FUNCTION event_waiting(p_users uuid[], p_positions bigint[], OUT "position" bigint, OUT waiting int[])
LANGUAGE plpgsql STABLE
-- What was added to the log is looked up for each conversation of each user: that must not be a list to walk.
SET enable_hashjoin = on
-- One or two rows by an index are cheaper without a bitmap, which the planner prefers.
SET enable_bitmapscan = off AS $$
DECLARE
  -- Beyond so many events each user is asked for by itself, which finds them by indexes of its own.
  most int := 1000 + 50 * cardinality(p_users);
  oldest bigint := (SELECT min(p) FROM unnest(p_positions) p);
  added bigint;
  head log_head;
BEGIN
  SELECT * INTO head FROM log_head;
  position := head.position;
  IF oldest >= head.position AND oldest >= head.events_from THEN
    waiting := '{}';
    RETURN;
  END IF;
  added := (SELECT count(*) FROM (SELECT FROM events x WHERE x.position > oldest LIMIT most + 1) few);
  IF added > most THEN
    waiting := ARRAY(SELECT generate_series(1, cardinality(p_users)));
    RETURN;
  END IF;
  waiting := ARRAY(
    WITH asked AS MATERIALIZED (
      SELECT a.n::int AS n, a.id, a.position
        FROM unnest(p_users, p_positions) WITH ORDINALITY a (id, position, n)
    ), told AS MATERIALIZED ( -- conversations in which all members were told something, and up to where
      SELECT x.conversation_id, max(x.position) AS newest FROM events x
        WHERE x.position > oldest AND x.audience = 'members' GROUP BY x.conversation_id
    ), own AS MATERIALIZED (
      SELECT x.user_id, max(x.position) AS newest FROM events x
        WHERE x.position > oldest AND x.audience <> 'members' GROUP BY x.user_id
    ), shown AS MATERIALIZED (
      SELECT x.user_id, max(x.position) AS newest FROM events x
        WHERE x.position > oldest AND x.audience = 'partners' GROUP BY x.user_id
    )
    SELECT a.n FROM asked a
      WHERE a.position < head.events_from
        OR EXISTS (SELECT FROM messages f WHERE f.sender_id = a.id AND f.failed_position > a.position)
        OR EXISTS (SELECT FROM shown s WHERE s.newest > a.position AND member_together(a.id, s.user_id))
    UNION
    SELECT a.n FROM asked a JOIN own o ON o.user_id = a.id AND o.newest > a.position
    UNION
    SELECT a.n
      FROM asked a JOIN members mine ON mine.user_id = a.id AND mine.state = 'joined'
        LEFT JOIN told e ON e.conversation_id = mine.conversation_id
      WHERE e.newest > a.position
        OR mine.read_position > a.position AND mine.read_seq > mine.cleared_seq
        OR mine.request IS DISTINCT FROM 'pending' AND mine.request IS DISTINCT FROM 'declined'
           -- As in event_unseen().
           AND EXISTS (SELECT FROM (SELECT x.position, x.seq FROM messages x
                                      WHERE x.conversation_id = mine.conversation_id
                                        AND x.seq >= greatest(mine.delivered_seq, mine.read_seq)
                                      ORDER BY x.seq DESC LIMIT 1) last
                         WHERE last.position > a.position AND last.seq > mine.cleared_seq)
        -- Of a large group, nobody waits for the marks of all others.
        OR (NOT mine.grouped OR (SELECT cardinality(c.member_ids) <= group_small() FROM conversations c
                                   WHERE c.id = mine.conversation_id))
           AND EXISTS (SELECT FROM members o
                         WHERE o.conversation_id = mine.conversation_id AND o.user_id <> mine.user_id AND NOT o.quiet
                           AND (o.read_position > a.position
                                OR o.delivered_position > a.position AND o.delivered_position <> o.read_position)));
END $$;
