-- SPDX-License-Identifier: GPL-3.0-or-later
-- Stars: messages that a user wants to find again. Nobody else knows of them.

-- Whether p_user sees the message.
CREATE FUNCTION star_sees(p_user uuid, p_message uuid) RETURNS boolean
LANGUAGE plpgsql STABLE AS $$
BEGIN
  RETURN (message_get(p_user, p_message)).id IS NOT NULL;
END $$;

-- { message_id, conversation_id, starred, starred_at } as things stand.
CREATE FUNCTION star_json(p_user uuid, p_message uuid) RETURNS jsonb
LANGUAGE plpgsql STABLE AS $$
BEGIN
  RETURN (SELECT jsonb_build_object('message_id', m.id, 'conversation_id', m.conversation_id,
                                    'starred', s.at IS NOT NULL, 'starred_at', api_time(s.at))
            FROM messages m LEFT JOIN stars s ON s.user_id = p_user AND s.message_id = m.id
            WHERE m.id = p_message);
END $$;

-- What message.starred tells p_user; NULL: nothing, the message is seen no longer.
CREATE FUNCTION star_event(p_user uuid, e events) RETURNS text
LANGUAGE plpgsql STABLE AS $$
DECLARE
  message uuid := (e.payload::jsonb->>'message_id')::uuid;
BEGIN
  RETURN CASE WHEN star_sees(p_user, message) THEN star_json(p_user, message)::text END;
END $$;

CREATE FUNCTION star_change(p_user uuid, p_arguments jsonb, p_starred boolean, OUT outcome int, OUT result jsonb)
LANGUAGE plpgsql AS $$
DECLARE
  message uuid := (p_arguments->>'message_id')::uuid;
  conversation uuid := (SELECT m.conversation_id FROM messages m WHERE m.id = message);
  place bigint;
BEGIN
  IF NOT star_sees(p_user, message) THEN
    outcome := 2;
    RETURN;
  ELSIF p_starred = EXISTS (SELECT FROM stars s WHERE s.user_id = p_user AND s.message_id = message) THEN
    outcome := 1;
  ELSIF p_starred AND (SELECT count(*) FROM (SELECT FROM stars s WHERE s.user_id = p_user LIMIT 5000) few) = 5000 THEN
    outcome := 3;
    result := '{"detail": "there are 5000 stars, which is as many as there may be"}';
    RETURN;
  ELSE
    outcome := 0;
    place := event_add('message.starred', 'user', conversation, p_user, json_build_object('message_id', message));
    IF p_starred THEN
      INSERT INTO stars (user_id, message_id, position, at) SELECT p_user, message, place, h.stamp FROM log_head h;
    ELSE
      DELETE FROM stars s WHERE s.user_id = p_user AND s.message_id = message;
    END IF;
  END IF;
  result := star_json(p_user, message);
END $$;

-- Arguments: message_id. The result: star_json().
CREATE FUNCTION change_star(p_user uuid, p_arguments jsonb, OUT outcome int, OUT result jsonb)
LANGUAGE sql AS $$
  SELECT * FROM star_change(p_user, p_arguments, true)
$$;

CREATE FUNCTION change_unstar(p_user uuid, p_arguments jsonb, OUT outcome int, OUT result jsonb)
LANGUAGE sql AS $$
  SELECT * FROM star_change(p_user, p_arguments, false)
$$;

-- p_user's stars (in p_conversation only, unless NULL), what was starred last first, as view_reply() has a
-- page: it ends early when its texts are long. Messages that are seen no longer are left out. p_before: next
-- of an earlier page.
CREATE FUNCTION star_page(p_user uuid, p_limit int, p_before bigint, p_conversation uuid)
RETURNS TABLE (message message_view, more boolean, next text)
LANGUAGE plpgsql STABLE AS $$
DECLARE
  found message_view[] := '{}';
  shown message_view;
  below bigint;
  rest boolean := false;
  size bigint := 0;
  s record;
BEGIN
  FOR s IN SELECT x.message_id, x.position FROM stars x
             WHERE x.user_id = p_user AND x.position < coalesce(p_before, 9223372036854775807)
             ORDER BY x.position DESC LOOP
    CONTINUE WHEN p_conversation IS NOT NULL AND p_conversation IS DISTINCT FROM (
      SELECT m.conversation_id FROM messages m WHERE m.id = s.message_id);
    shown := message_get(p_user, s.message_id);
    CONTINUE WHEN shown.id IS NULL;
    size := size + coalesce(octet_length(shown.body), 0);
    rest := cardinality(found) >= p_limit OR (size > 4000000 AND below IS NOT NULL);
    EXIT WHEN rest;
    found := found || shown;
    below := s.position;
  END LOOP;
  RETURN QUERY SELECT NULL::message_view, rest, CASE WHEN rest THEN below::text END;
  RETURN QUERY SELECT f::message_view, NULL::boolean, NULL::text FROM unnest(found) f;
END $$;
