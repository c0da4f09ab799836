-- SPDX-License-Identifier: GPL-3.0-or-later
-- Changes: what is rare, adds to the log and is neither a message nor a watermark.
--
-- A change NAME is a function change_NAME(p_user uuid, p_arguments jsonb, OUT outcome int,
-- OUT result jsonb). It does the whole thing, tells others by event_add(), and yields the same
-- result when it is carried out again.
--   outcome: 0 done, 1 was so already, 2 not found, 3 conflict, 4 refused, 5 forbidden,
--            6 unprocessable (result: {"pointer", "detail"}), 7 rate limited

-- Adds an event to the log. p_audience: 'user' (p_user alone), 'members' (of p_conversation) or
-- 'partners' (p_user, and all who have a conversation with p_user and may see the profile).
CREATE FUNCTION event_add(p_type text, p_audience text, p_conversation uuid, p_user uuid,
                          p_payload json) RETURNS bigint
LANGUAGE plpgsql AS $$
DECLARE
  taken record;
  head bigint;
  stamp timestamptz;
BEGIN
  taken := log_advance(1);
  head := taken.ret_before;
  stamp := taken.ret_stamp;
  INSERT INTO events (position, type, audience, conversation_id, user_id, payload, at)
    VALUES (head + 1, p_type, p_audience, p_conversation, p_user, p_payload, stamp);
  RETURN head + 1;
END $$;

-- The hosted users who hear of an event, at most 10000.
CREATE FUNCTION event_audience(e events) RETURNS uuid[]
LANGUAGE plpgsql STABLE AS $$
BEGIN
  IF e.audience = 'user' THEN -- most of them
    RETURN ARRAY(SELECT u.id FROM users u WHERE u.id = e.user_id AND u.kind = 'hosted');
  END IF;
  RETURN ARRAY(
    SELECT u.id FROM (
        SELECT e.user_id AS id WHERE e.audience <> 'members'
        UNION
        SELECT m.user_id FROM members m
          WHERE e.audience = 'members' AND m.conversation_id = e.conversation_id
        UNION
        SELECT CASE WHEN c.user_a = e.user_id THEN c.user_b ELSE c.user_a END
          FROM members m JOIN conversations c ON c.id = m.conversation_id
          WHERE e.audience = 'partners' AND m.user_id = e.user_id) heard
      JOIN users u ON u.id = heard.id AND u.kind = 'hosted'
      WHERE e.audience <> 'partners' OR u.id = e.user_id
        OR relation_profile(u.id, (SELECT x FROM users x WHERE x.id = e.user_id))
      LIMIT 10000);
END $$;

-- What the log has after a position, as change_apply tells it; NULL: nothing. For the holder of the log.
-- In PL/pgSQL, which keeps its plan, as is everything that a change or a message calls by itself.
CREATE FUNCTION event_list(p_after bigint) RETURNS text
LANGUAGE plpgsql STABLE AS $$
BEGIN
  RETURN (
    SELECT json_agg(json_build_object('position', e.position, 'type', e.type,
             'at', (extract(epoch FROM e.at) * 1000000)::bigint,
             'payload', e.payload::json, 'conversation_id', e.conversation_id,
             'users', event_audience(e)) ORDER BY e.position)::text
      FROM events e WHERE e.position > p_after);
END $$;

-- Carries out changes, one after the other. events: what each added to the log, a JSON array of
-- { position, type, at (microseconds since 1970), payload, conversation_id, users }.
CREATE FUNCTION change_apply(p_names text[], p_users uuid[], p_arguments text[])
RETURNS TABLE (outcome int, result text, "position" bigint, at timestamptz, events text)
LANGUAGE plpgsql AS $$
#variable_conflict use_column
DECLARE
  before bigint;
  done record;
BEGIN
  FOR n IN 1 .. cardinality(p_names) LOOP
    SELECT h.position INTO before FROM log_head h FOR UPDATE;
    EXECUTE format('SELECT outcome, result FROM %I($1, $2)', 'change_' || p_names[n])
      INTO done USING p_users[n], p_arguments[n]::jsonb;
    RETURN QUERY
      SELECT done.outcome, done.result::text, h.position, h.stamp,
             event_list(before)
        FROM log_head h;
  END LOOP;
END $$;
