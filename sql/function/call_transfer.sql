-- SPDX-License-Identifier: GPL-3.0-or-later
-- Handing a call on to somebody else, the guest: who is asked, and calls the one who stays in place of the call
-- that is over then. Nobody is handed on to whom it could not be said "I call you".

CREATE FUNCTION call_pair(p_one uuid, p_other uuid) RETURNS uuid
LANGUAGE plpgsql STABLE AS $$
BEGIN
  RETURN (SELECT v.id FROM conversations v WHERE v.kind = 'direct' AND v.member_ids = pair_key(p_one, p_other));
END $$;

-- Whether neither refuses the other, or is a stranger.
CREATE FUNCTION call_meets(p_one users, p_other users) RETURNS boolean
LANGUAGE plpgsql STABLE AS $$
DECLARE
  pair uuid := call_pair(p_one.id, p_other.id);
BEGIN
  RETURN NOT relation_blocks(p_one.id, p_other.jid) AND NOT relation_blocks(p_other.id, p_one.jid)
    AND NOT (p_one.kind = 'hosted' AND relation_refuses(p_one.id, p_other.jid))
    AND NOT (p_other.kind = 'hosted' AND relation_refuses(p_other.id, p_one.jid))
    AND call_knows(p_one, p_other, pair) AND call_knows(p_other, p_one, pair);
END $$;

-- How many calls this one is in place of, one behind the other, up to p_most.
CREATE FUNCTION call_hops(c calls, p_most int) RETURNS int
LANGUAGE plpgsql STABLE AS $$
DECLARE
  hops int := 0;
  before uuid := c.replaces;
BEGIN
  WHILE before IS NOT NULL AND hops < p_most LOOP
    hops := hops + 1;
    before := (SELECT x.replaces FROM calls x WHERE x.id = before);
  END LOOP;
  RETURN hops;
END $$;

-- Whether p_by, who takes part, may hand the call on to p_guest: outcome NULL, or as of change_call_step().
-- Who is not known, or not willing, looks the same.
CREATE FUNCTION call_refuses_guest(c calls, p_by uuid, p_guest uuid, p_reachable boolean,
                                   OUT outcome int, OUT result jsonb)
LANGUAGE plpgsql STABLE AS $$
DECLARE
  mover users;
  other users;
  guest users;
BEGIN
  SELECT * INTO mover FROM users u WHERE u.id = p_by;
  SELECT * INTO other FROM users u WHERE u.id IN (c.caller_id, c.callee_id) AND u.id <> p_by;
  SELECT * INTO guest FROM users u WHERE u.id = p_guest;
  IF guest.id IN (c.caller_id, c.callee_id) THEN
    outcome := 6;
    result := jsonb_build_object('pointer', '/user_id', 'detail', 'takes part in the call');
  ELSIF guest.id IS NULL OR NOT call_meets(mover, guest) OR NOT call_meets(other, guest) THEN
    outcome := 4;
  ELSIF call_hops(c, 5) >= 5 THEN
    outcome := 3;
    result := jsonb_build_object('error_reason', 'hops');
  ELSIF guest.kind = 'hosted' AND call_is_busy(guest.id) THEN
    outcome := 3;
    result := jsonb_build_object('error_reason', 'busy');
  ELSIF NOT p_reachable THEN
    outcome := 3;
    result := jsonb_build_object('error_reason', 'offline');
  END IF;
END $$;

-- What p_viewer is told of who is asked to take the call over.
CREATE FUNCTION call_offer_json(p_viewer uuid, c calls, p_by uuid, p_guest uuid, p_status text) RETURNS jsonb
LANGUAGE plpgsql STABLE AS $$
BEGIN
  RETURN jsonb_build_object(
    'call_id', c.id, 'call_type', c.call_type, 'status', p_status,
    'from', (SELECT user_json(p_viewer, u) FROM users u WHERE u.id = p_by),
    'to', (SELECT user_json(p_viewer, u) FROM users u WHERE u.id = p_guest),
    'with', (SELECT user_json(p_viewer, u) FROM users u WHERE u.id IN (c.caller_id, c.callee_id) AND u.id <> p_by));
END $$;

CREATE FUNCTION call_offer_event(p_user uuid, e events) RETURNS text
LANGUAGE plpgsql STABLE AS $$
DECLARE
  said jsonb := e.payload::jsonb;
BEGIN
  RETURN (SELECT call_offer_json(p_user, c, (said->>'by')::uuid, (said->>'guest')::uuid, said->>'status')::text
            FROM calls c
            WHERE c.id = (said->>'call_id')::uuid
              AND (said->>'status' <> 'offered' OR c.live->>'guest' = said->>'guest'));
END $$;

CREATE FUNCTION call_offer_tell(c calls, p_user uuid, p_by uuid, p_guest uuid, p_status text) RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
  PERFORM event_add('call.transfer', 'user', NULL, p_user, json_build_object(
    'call_id', c.id, 'by', p_by, 'guest', p_guest, 'status', p_status));
END $$;

-- The step p_event has been written: tells those whom an offer to a guest concerns what has become of it.
-- p_before: as the call was.
CREATE FUNCTION call_offer_follow(p_before calls, c calls, p_event text) RETURNS void
LANGUAGE plpgsql AS $$
DECLARE
  old uuid := (p_before.live->>'guest')::uuid;
  new uuid := (c.live->>'guest')::uuid;
  status text;
  mover uuid;
BEGIN
  IF old IS NOT NULL AND old IS DISTINCT FROM new THEN
    mover := CASE p_before.live->>'moving' WHEN 'caller' THEN c.caller_id ELSE c.callee_id END;
    status := CASE WHEN c.end_reason = 'transferred' THEN 'accepted' WHEN p_event = 'decline' THEN 'declined'
                   WHEN p_event = 'timeout' AND c.live IS NOT NULL THEN 'expired' ELSE 'withdrawn' END;
    PERFORM call_offer_tell(c, old, mover, old, status);
    IF status IN ('declined', 'expired') THEN
      PERFORM call_offer_tell(c, mover, mover, old, status);
    END IF;
  END IF;
  IF new IS NOT NULL AND new IS DISTINCT FROM old THEN
    mover := CASE c.live->>'moving' WHEN 'caller' THEN c.caller_id ELSE c.callee_id END;
    PERFORM call_offer_tell(c, new, mover, new, 'offered');
  END IF;
END $$;

-- Ends the call, and begins the next one in its place: next { id, message_id, caller, callee, live, seconds }.
-- If that cannot begin, nothing has happened. result: { call (of the caller), row } of the next one.
CREATE FUNCTION call_pass_on(INOUT c calls, p_arguments jsonb, OUT outcome int, OUT result jsonb)
LANGUAGE plpgsql AS $$
DECLARE
  before calls := c;
  next jsonb := p_arguments->'next';
  begun record;
BEGIN
  c := call_step_write(c, p_arguments);
  SELECT * INTO begun FROM change_call_initiate((next->>'caller')::uuid, next || jsonb_build_object(
    'conversation_id', (SELECT p.ret_id FROM conversation_pair((next->>'caller')::uuid, (next->>'callee')::uuid) p),
    'call_type', c.call_type, 'reachable', true));
  outcome := begun.outcome;
  result := begun.result;
  IF outcome = 0 AND result #>> '{row,silent}' = 'true' THEN
    outcome := 4;
  END IF;
  IF outcome <> 0 THEN
    RAISE EXCEPTION USING ERRCODE = 'TRPAS';
  END IF;
  UPDATE calls x SET replaces = c.id WHERE x.id = (next->>'id')::uuid;
  result := jsonb_set(result, '{call,replaces}', to_jsonb(c.id));
EXCEPTION WHEN SQLSTATE 'TRPAS' THEN
  c := before;
END $$;
