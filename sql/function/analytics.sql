-- SPDX-License-Identifier: GPL-3.0-or-later
-- Figures of conversations (decision 0097): counted of days that are over, from the columns of messages that say when
-- they came, where, and from whom; never from what they say. Who does not share figures is counted without a name.

-- ---- The scale of times ---------------------------------------------------------------------------------

-- Where a time of p_seconds stands on a scale with eight steps for each doubling.
CREATE FUNCTION activity_step(p_seconds double precision) RETURNS int
LANGUAGE sql IMMUTABLE AS $$
  SELECT floor(8 * log(2, greatest(p_seconds, 0)::numeric + 1))::int
$$;

-- The middle of the step, in seconds.
CREATE FUNCTION activity_seconds(p_step int) RETURNS int
LANGUAGE sql IMMUTABLE AS $$
  SELECT round(2 ^ ((p_step + 0.5) / 8.0) - 1)::int
$$;

-- ---- Counting -------------------------------------------------------------------------------------------

-- Counts what stands at the next p_limit positions of the log, of days that are over, and no longer ago than p_days. The first
-- time it begins p_back positions before the end. As reap.sql has it; removed is how many positions it has come on. In one transaction
-- with how far it has come: what is cut off is counted once.
CREATE FUNCTION activity_count(p_limit int, p_back bigint, p_days int, OUT removed bigint, OUT more boolean, OUT payload jsonb)
LANGUAGE plpgsql AS $$
DECLARE
  today CONSTANT date := (clock_timestamp() AT TIME ZONE 'UTC')::date;
  head CONSTANT bigint := (SELECT h.position FROM log_head h);
  s activity_state;
  high bigint;
  edge bigint;
  next date;
BEGIN
  removed := 0;
  more := false;
  INSERT INTO activity_state (position, salt)
    SELECT greatest(head - p_back, 0), gen_random_uuid() WHERE NOT EXISTS (SELECT FROM activity_state) -- a conflict would wait
    ON CONFLICT DO NOTHING;
  SELECT x.* INTO s FROM activity_state x FOR UPDATE SKIP LOCKED;
  IF s.position IS NULL THEN
    RETURN; -- somebody else is at it
  END IF;
  high := greatest(least(s.position + p_limit, head), s.position);
  next := (SELECT (m.created_at AT TIME ZONE 'UTC')::date FROM messages m
             WHERE m.position > s.position AND m.position <= high ORDER BY m.position LIMIT 1);
  -- One day at a time: with it ends what its names are made with.
  IF next < today AND next IS DISTINCT FROM s.day THEN
    s.salt := gen_random_uuid();
    s.day := next;
  END IF;
  edge := CASE WHEN next >= today THEN s.position
               ELSE coalesce((SELECT m.position - 1 FROM messages m
                                WHERE m.position > s.position AND m.position <= high
                                  AND (m.created_at AT TIME ZONE 'UTC')::date > s.day ORDER BY m.position LIMIT 1), high) END;
  IF next IS NOT NULL AND s.day >= today - p_days THEN
    PERFORM activity_add(s, edge);
    PERFORM activity_add_answers(s, edge);
  END IF;
  removed := edge - s.position;
  more := removed > 0 AND edge < head;
  UPDATE activity_state x SET position = edge, day = s.day, salt = s.salt;
END $$;

-- Adds who has written at the positions behind s.position up to p_high, on the day s.day.
CREATE FUNCTION activity_add(s activity_state, p_high bigint) RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
  INSERT INTO activity AS a (conversation_id, day, who, named, messages, first_at, last_at)
    SELECT w.conversation_id, s.day, CASE WHEN u.shares THEN w.sender_id ELSE activity_name(s, w.conversation_id, w.sender_id) END,
           u.shares, w.count, CASE WHEN u.shares THEN w.first END, CASE WHEN u.shares THEN w.last END
      FROM (SELECT m.conversation_id, m.sender_id, count(*) AS count, min(m.created_at) AS first, max(m.created_at) AS last
              FROM messages m WHERE m.position > s.position AND m.position <= p_high AND m.sender_id IS NOT NULL AND archive_shows(m.kind)
              GROUP BY m.conversation_id, m.sender_id) w
      CROSS JOIN LATERAL (SELECT activity_names(w.sender_id) AS shares OFFSET 0) u
    ON CONFLICT (conversation_id, day, who) DO UPDATE
      SET messages = a.messages + excluded.messages, last_at = excluded.last_at;
END $$;

-- Whether figures have p_user by name: who shares them, and is a user still.
CREATE FUNCTION activity_names(p_user uuid) RETURNS boolean
LANGUAGE plpgsql STABLE AS $$
BEGIN
  RETURN coalesce((SELECT user_shares(u.id, 'analytics') AND u.deleted_at IS NULL FROM users u WHERE u.id = p_user), false);
END $$;

-- By which name p_user is counted there on that day.
CREATE FUNCTION activity_name(s activity_state, p_conversation uuid, p_user uuid) RETURNS uuid
LANGUAGE sql IMMUTABLE AS $$
  SELECT encode(substr(sha256(convert_to(concat_ws(' ', s.salt, s.day, p_conversation, p_user), 'UTF8')), 1, 16), 'hex')::uuid
$$;

-- Adds after how long somebody said the next thing who had not said the one before; what took a day or more is no answer.
CREATE FUNCTION activity_add_answers(s activity_state, p_high bigint) RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
  INSERT INTO activity_answers AS a (conversation_id, day, step, count)
    SELECT w.conversation_id, s.day, w.step, count(*)
      FROM (SELECT m.conversation_id, activity_step(extract(epoch FROM m.created_at - before.created_at)) AS step
              FROM messages m
              JOIN messages before ON before.conversation_id = m.conversation_id AND before.seq = m.seq - 1
                AND before.sender_id <> m.sender_id AND archive_shows(before.kind)
                AND before.created_at > m.created_at - interval '1 day'
              WHERE m.position > s.position AND m.position <= p_high AND m.sender_id IS NOT NULL AND archive_shows(m.kind)) w
      GROUP BY w.conversation_id, w.step
    ON CONFLICT (conversation_id, day, step) DO UPDATE SET count = a.count + excluded.count;
END $$;

-- ---- Forgetting -----------------------------------------------------------------------------------------

-- The user shares figures no longer: those that there are lose the name, at most p_limit at a time. As reap.sql has it.
CREATE FUNCTION activity_forget(p_user uuid, p_limit int, OUT removed bigint, OUT more boolean, OUT payload jsonb)
LANGUAGE plpgsql AS $$
DECLARE
  d record;
BEGIN
  removed := 0;
  IF NOT activity_names(p_user) THEN
    -- Row by row: as one UPDATE it may look through all that there is of p_user for each of them.
    FOR d IN SELECT x.conversation_id, x.day FROM activity x WHERE x.who = p_user AND x.named LIMIT p_limit LOOP
      UPDATE activity a SET who = gen_random_uuid(), named = false, first_at = NULL, last_at = NULL
        WHERE a.conversation_id = d.conversation_id AND a.day = d.day AND a.who = p_user AND a.named;
      removed := removed + FOUND::int;
    END LOOP;
  END IF;
  more := removed >= p_limit;
END $$;

-- Figures of days longer ago than p_days, at most p_limit rows of each kind. As reap.sql has it.
CREATE FUNCTION reap_activity(p_days int, p_limit int, OUT removed bigint, OUT more boolean, OUT payload jsonb)
LANGUAGE plpgsql AS $$
DECLARE
  old CONSTANT date := (clock_timestamp() AT TIME ZONE 'UTC')::date - p_days;
  count bigint;
BEGIN
  DELETE FROM activity WHERE (conversation_id, day, who) IN (
    SELECT a.conversation_id, a.day, a.who FROM activity a WHERE a.day < old ORDER BY a.day LIMIT p_limit);
  GET DIAGNOSTICS removed = ROW_COUNT;
  more := removed >= p_limit;
  DELETE FROM activity_answers WHERE (conversation_id, day, step) IN (
    SELECT a.conversation_id, a.day, a.step FROM activity_answers a WHERE a.day < old ORDER BY a.day LIMIT p_limit);
  GET DIAGNOSTICS count = ROW_COUNT;
  removed := removed + count;
  more := more OR count >= p_limit;
END $$;

-- ---- Reading --------------------------------------------------------------------------------------------

-- The time by which p_share of the answers between those days had come, in seconds; NULL: there was none. Right to a
-- twentieth, as the scale is.
CREATE FUNCTION activity_quantile(p_conversation uuid, p_from date, p_to date, p_share double precision) RETURNS int
LANGUAGE plpgsql STABLE AS $$
BEGIN
  RETURN (SELECT activity_seconds(x.step)
            FROM (SELECT a.step, sum(sum(a.count)) OVER (ORDER BY a.step) AS reached, sum(sum(a.count)) OVER () AS all_
                    FROM activity_answers a WHERE a.conversation_id = p_conversation AND a.day BETWEEN p_from AND p_to
                    GROUP BY a.step) x
            WHERE x.reached >= ceil(x.all_ * p_share) ORDER BY x.step LIMIT 1);
END $$;

-- How lively the conversation was between those days, 0 to 100: the mean of three shares, of the days on which anything was said, of the
-- members who wrote on such a day, and of the answers that came within an hour.
CREATE FUNCTION activity_score(c conversations, p_from date, p_to date) RETURNS int
LANGUAGE plpgsql STABLE AS $$
DECLARE
  days CONSTANT int := p_to - p_from + 1;
  said record;
  quick double precision;
BEGIN
  SELECT count(*) AS days, coalesce(avg(least(d.writers::float / greatest(cardinality(c.member_ids), 1), 1)), 0) AS share INTO said
    FROM (SELECT count(*) AS writers FROM activity a WHERE a.conversation_id = c.id AND a.day BETWEEN p_from AND p_to GROUP BY a.day) d;
  quick := (SELECT coalesce(sum(a.count) FILTER (WHERE a.step <= activity_step(3600))::float / sum(a.count), 0)
              FROM activity_answers a WHERE a.conversation_id = c.id AND a.day BETWEEN p_from AND p_to);
  RETURN CASE WHEN days > 0 THEN round(100 * (said.days::float / days + said.share + quick) / 3) ELSE 0 END;
END $$;

-- What is known of the conversation between two times, of whole days that have been counted: p_to missing is now, p_from a month before
-- that; a year at most; asks for its topics, see topics.sql. For p_user, an owner or admin of the group, or, if that is NULL, for staff. No row: there is none for them.
CREATE FUNCTION conversation_analytics(p_user uuid, p_conversation uuid, p_from text, p_to text) RETURNS SETOF text
LANGUAGE plpgsql AS $$
DECLARE
  c conversations := (SELECT x FROM conversations x WHERE x.id = p_conversation AND (p_user IS NULL OR EXISTS (
    SELECT FROM member_row(x.id, p_user) m WHERE m.state = 'joined' AND m.grouped
      AND m.role IN ('owner', 'admin'))));
  counted CONSTANT date := (SELECT s.day FROM activity_state s);
  last CONSTANT date := (coalesce(p_to::timestamptz, clock_timestamp()) AT TIME ZONE 'UTC' - interval '1 microsecond')::date;
  first CONSTANT date := greatest(coalesce((p_from::timestamptz AT TIME ZONE 'UTC')::date, last - 29), last - 365);
  about record;
BEGIN
  IF c.id IS NULL THEN
    RETURN;
  END IF;
  SELECT t.topics, t.reason INTO about FROM topics_show(c, first, last) t;
  RETURN QUERY
    WITH known AS MATERIALIZED (
      SELECT a.*, a.named AND activity_names(a.who) AS shown FROM activity a
        WHERE a.conversation_id = c.id AND a.day BETWEEN first AND last
    )
    SELECT jsonb_build_object(
      'conversation_id', c.id, 'from', first, 'to', last, 'counted_to', counted,
      'message_count', (SELECT coalesce(sum(k.messages), 0) FROM known k),
      'participants', coalesce((
        SELECT jsonb_agg(jsonb_build_object('user_id', p.who, 'messages', p.messages, 'first', api_time(p.first), 'last', api_time(p.last))
                         ORDER BY p.messages DESC, p.who)
          FROM (SELECT k.who, sum(k.messages) AS messages, min(k.first_at) AS first, max(k.last_at) AS last FROM known k
                  WHERE k.shown GROUP BY k.who ORDER BY 2 DESC, 1 LIMIT 100) p), '[]'),
      'unnamed', jsonb_build_object('messages', (SELECT coalesce(sum(k.messages), 0) FROM known k WHERE NOT k.shown)),
      'response_time', jsonb_build_object(
        'count', (SELECT coalesce(sum(a.count), 0) FROM activity_answers a
                    WHERE a.conversation_id = c.id AND a.day BETWEEN first AND last),
        'median', activity_quantile(c.id, first, last, 0.5), 'p90', activity_quantile(c.id, first, last, 0.9)),
      'engagement_score', activity_score(c, first, last),
      'topics', about.topics, 'topics_reason', about.reason)::text;
END $$;

CREATE FUNCTION admin_analytics(p_conversation uuid, p_from text, p_to text) RETURNS SETOF text
LANGUAGE sql AS $$
  SELECT x.x FROM conversation_analytics(NULL, p_conversation, p_from, p_to) x
$$;
