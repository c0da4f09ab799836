-- SPDX-License-Identifier: GPL-3.0-or-later
-- Forwarding: what somebody sees, said again by him elsewhere.

-- Why a message cannot be said again, as content_refused() has it; NULL: it can.
CREATE FUNCTION forward_refusal(m messages) RETURNS jsonb
LANGUAGE sql IMMUTABLE AS $$
  SELECT CASE WHEN m.deleted_at IS NOT NULL THEN content_refused('', 'it was deleted', 3)
              WHEN m.kind NOT IN ('text', 'location', 'media', 'file', 'voice') THEN content_refused('', 'it cannot be said again', 3)
              WHEN m.details ? 'expires_in' THEN content_refused('', 'it will disappear', 3) END
$$;

-- Arguments: message_id, conversation_ids (no two the same), ids (one new id for each), client_id (or NULL), limited
-- (not to strangers just now). All or none. The result: { items: the messages, strangers: how many count as ones to
-- strangers }. A user forwards a message 5 times at most, with whatever requests.
CREATE FUNCTION change_message_forward(p_user uuid, p_arguments jsonb, OUT outcome int, OUT result jsonb)
LANGUAGE plpgsql AS $$
DECLARE
  m messages := message_for(p_user, (p_arguments->>'message_id')::uuid);
  targets uuid[] := ARRAY(SELECT x::uuid FROM jsonb_array_elements_text(p_arguments->'conversation_ids') x);
  ids uuid[] := ARRAY(SELECT x::uuid FROM jsonb_array_elements_text(p_arguments->'ids') x);
  client text := p_arguments->>'client_id';
  details jsonb;
  fresh int;
BEGIN
  IF m.id IS NULL THEN
    outcome := 2;
    RETURN;
  END IF;
  result := forward_refusal(m);
  IF result IS NOT NULL THEN
    outcome := (result->>'refused')::int;
    RETURN;
  END IF;
  details := coalesce(m.details, '{}') - '{sent,was,mentions,correction_of,scheduled_id,transcription}'::text[]
      #- '{location,live_until}' #- '{location,moved_at}' #- '{location,ended_at}' #- '{link_preview,image_file_id}' -- where it was, not where somebody is
    || jsonb_build_object('forwarded', true, 'forwards', coalesce(m.forward_count, 0) + 1);
  IF m.kind <> 'text' THEN
    details := details || jsonb_build_object('type', m.kind);
  END IF;
  BEGIN
    outcome := 0;
    SELECT count(*) FILTER (WHERE s.outcome = 0), max(s.outcome),
           jsonb_build_object('ids', jsonb_agg(s.id ORDER BY array_position(targets, s.conversation_id)), 'strangers', count(*) FILTER (WHERE s.outcome = 0 AND s.unanswered),
             'awaited', jsonb_agg(s.conversation_id) FILTER (WHERE s.awaited))
      INTO fresh, outcome, result
      FROM forward_store(p_user, m, targets, ids, client, details, (p_arguments->>'limited')::boolean) s;
    IF outcome > 1 THEN
      RAISE no_data_found;
    ELSIF fresh > 0 THEN
      INSERT INTO forwards AS f (user_id, message_id, count) VALUES (p_user, m.id, fresh)
        ON CONFLICT (user_id, message_id) DO UPDATE SET count = f.count + fresh;
      IF (SELECT f.count FROM forwards f WHERE f.user_id = p_user AND f.message_id = m.id) > 5 THEN
        outcome := 3;
        RAISE no_data_found;
      END IF;
    END IF;
  EXCEPTION WHEN no_data_found THEN -- nothing of it has happened
    result := CASE WHEN outcome = 3 THEN '{"detail": "it was forwarded 5 times, or you block who would get it"}'::jsonb
                   WHEN outcome = 6 THEN '{"pointer": "/client_id", "detail": "was used for another message"}'::jsonb END;
    RETURN;
  END;
  IF jsonb_typeof(result->'awaited') = 'array' THEN
    PERFORM change_conversation_appear(NULL, jsonb_build_object('conversation_ids', result->'awaited'));
  END IF;
  result := jsonb_build_object('strangers', result->'strangers', 'items', (
    SELECT jsonb_agg(to_jsonb(message_get(p_user, x.id::uuid)) ORDER BY x.n)
      FROM jsonb_array_elements_text(result->'ids') WITH ORDINALITY x (id, n)));
  outcome := CASE WHEN fresh > 0 THEN 0 ELSE 1 END;
END $$;

-- Stores them, and tells of those that are new.
CREATE FUNCTION forward_store(p_user uuid, m messages, p_targets uuid[], p_ids uuid[], p_client text, p_details jsonb,
                              p_limited boolean)
RETURNS TABLE (outcome int, id uuid, conversation_id uuid, unanswered boolean, awaited boolean)
LANGUAGE plpgsql AS $$
#variable_conflict use_column
DECLARE
  s record;
BEGIN
  FOR s IN SELECT x.* FROM message_store(
      p_ids, p_targets, ARRAY(SELECT p_user FROM unnest(p_targets)), ARRAY(SELECT m.body FROM unnest(p_targets)),
      ARRAY(SELECT p_client FROM unnest(p_targets)),
      ARRAY(SELECT CASE WHEN p_client IS NULL THEN p_ids[k]
                        ELSE md5(concat_ws(' ', 'forward', p_user, p_client, p_targets[k]))::uuid END
              FROM generate_subscripts(p_targets, 1) k ORDER BY k),
      true, p_limited => ARRAY(SELECT p_limited FROM unnest(p_targets)),
      p_details => ARRAY(SELECT p_details FROM unnest(p_targets)), p_judging => 'alone') x LOOP
    IF s.outcome = 0 THEN
      UPDATE messages x SET forward_count = (p_details->>'forwards')::int, details = x.details - 'forwards'
        WHERE x.id = s.id;
      INSERT INTO events (position, type, audience, conversation_id, user_id, payload, at)
        VALUES (s.position, 'message.new', CASE WHEN s.held THEN 'user' ELSE 'members' END, s.conversation_id, p_user,
                json_build_object('message_id', s.id, 'seq', s.seq), s.created_at);
    END IF;
    outcome := s.outcome;
    id := s.id;
    conversation_id := s.conversation_id;
    unanswered := coalesce(s.unanswered, false);
    awaited := coalesce(s.awaited, false);
    RETURN NEXT;
  END LOOP;
END $$;
