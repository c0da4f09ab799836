-- SPDX-License-Identifier: GPL-3.0-or-later
-- Calls: what is kept of them. Who may do what when is decided by bridge/call/machine.c, and written here
-- only if the row is still the one it was decided on; whether there may be a call at all is decided here.

-- ---- How a call looks ----------------------------------------------------------------------------------

CREATE FUNCTION call_duration(c calls) RETURNS bigint
LANGUAGE sql STABLE AS $$
  SELECT extract(epoch FROM c.ended_at - c.started_at)::bigint
$$;

CREATE FUNCTION call_participants_json(p_call uuid) RETURNS jsonb
LANGUAGE plpgsql STABLE AS $$
BEGIN
  RETURN (SELECT coalesce(jsonb_agg(jsonb_build_object(
            'user_id', p.user_id, 'joined_at', api_time(p.joined_at), 'left_at', api_time(p.left_at),
            'muted', p.muted, 'video', p.video, 'screen', p.screen, 'on_hold', p.on_hold,
            'quality', p.quality) ORDER BY p.joined_at NULLS LAST, p.user_id), '[]')
            FROM call_participants p WHERE p.call_id = p_call);
END $$;

-- The Call object as p_viewer, who takes part, sees it.
CREATE FUNCTION call_json(p_viewer uuid, c calls) RETURNS jsonb
LANGUAGE plpgsql STABLE AS $$
BEGIN
  RETURN jsonb_build_object(
    'id', c.id, 'conversation_id', c.conversation_id, 'message_id', c.message_id,
    'caller', (SELECT user_json(p_viewer, u) FROM users u WHERE u.id = c.caller_id),
    'callee', (SELECT user_json(p_viewer, u) FROM users u WHERE u.id = c.callee_id),
    'initiator_id', c.caller_id, 'call_type', c.call_type, 'status', c.status,
    'direction', CASE WHEN c.caller_id = p_viewer THEN 'outgoing' ELSE 'incoming' END,
    'started_at', api_time(c.started_at), 'ended_at', api_time(c.ended_at),
    'duration_seconds', call_duration(c), 'end_reason', c.end_reason,
    'error_reason', CASE WHEN c.status = 'failed' OR c.end_reason = 'busy' THEN c.end_reason END,
    'created_at', api_time(c.created_at), 'replaces', c.replaces, 'participants', call_participants_json(c.id));
END $$;

-- Whether u, who takes part, is told of it in an app. An account of another server that calls by one of its own clients is not.
CREATE FUNCTION call_is_here(c calls, u users) RETURNS boolean
LANGUAGE sql IMMUTABLE AS $$
  SELECT u.kind = 'hosted' OR u.kind = 'bound' AND (u.id = c.callee_id OR u.id = c.local_id)
$$;

-- Whether an app calls an account of another server that has one, too.
CREATE FUNCTION call_is_forked(c calls) RETURNS boolean
LANGUAGE plpgsql STABLE AS $$
BEGIN
  RETURN c.peer IS NOT NULL AND c.local_id = c.caller_id
    AND EXISTS (SELECT FROM users u WHERE u.id = c.callee_id AND u.kind = 'bound');
END $$;

-- All that the daemon has to know to go on with it.
-- hosted: the side is in an app. forked: it rings at an account of another server, in its app and at its clients; once one of
-- those has answered, live.by says which kind it is.
CREATE FUNCTION call_row(c calls) RETURNS text
LANGUAGE plpgsql STABLE AS $$
BEGIN
  RETURN jsonb_build_object(
    'id', c.id, 'conversation_id', c.conversation_id, 'sid', c.sid, 'call_type', c.call_type,
    'status', c.status, 'silent', c.silent, 'version', c.version, 'live', c.live, 'reason', c.end_reason,
    'due', (extract(epoch FROM c.due_at) * 1000000)::bigint,
    'forked', call_is_forked(c) AND NOT coalesce(c.live ? 'by', false),
    'caller', (SELECT jsonb_build_object('id', u.id, 'jid', u.jid, 'hosted', call_is_here(c, u))
                 FROM users u WHERE u.id = c.caller_id),
    'callee', (SELECT jsonb_build_object('id', u.id, 'jid', u.jid, 'hosted', call_is_here(c, u)
                                           AND NOT (call_is_forked(c) AND coalesce(c.live->>'by' = 'xmpp', false)))
                 FROM users u WHERE u.id = c.callee_id))::text;
END $$;

CREATE FUNCTION call_clock(p_seconds bigint) RETURNS text
LANGUAGE sql IMMUTABLE AS $$
  SELECT CASE WHEN p_seconds < 3600 THEN format('%s:%s', p_seconds / 60, lpad((p_seconds % 60)::text, 2, '0'))
    ELSE format('%s:%s:%s', p_seconds / 3600, lpad((p_seconds / 60 % 60)::text, 2, '0'),
                lpad((p_seconds % 60)::text, 2, '0')) END
$$;

-- What its message says.
CREATE FUNCTION call_text(c calls) RETURNS text
LANGUAGE sql STABLE AS $$
  SELECT CASE c.status WHEN 'missed' THEN format('Missed %s call', c.call_type)
                       WHEN 'declined' THEN format('Declined %s call', c.call_type)
                       WHEN 'failed' THEN format('Failed %s call', c.call_type)
                       WHEN 'ended' THEN CASE WHEN c.started_at IS NULL THEN format('%s call, answered elsewhere', initcap(c.call_type))
                         ELSE format('%s call - %s', initcap(c.call_type), call_clock(call_duration(c))) END
                       ELSE format('%s call', initcap(c.call_type)) END
$$;

-- Has its message say how it stands.
CREATE FUNCTION call_note(c calls) RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
  UPDATE messages m SET kind = 'call', body = call_text(c), metadata = jsonb_build_object(
      'system_type', 'call', 'call_id', c.id, 'call_type', c.call_type, 'status', c.status,
      'duration_seconds', call_duration(c), 'reason', c.end_reason)
    WHERE m.id = c.message_id;
END $$;

-- ---- Telling -------------------------------------------------------------------------------------------

-- Tells somebody who is here; p_facts: besides what call_event() shows.
CREATE FUNCTION call_tell(c calls, p_type text, p_user uuid, p_facts jsonb DEFAULT '{}') RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
  PERFORM event_add(p_type, 'user', c.conversation_id, p_user,
                    (p_facts || jsonb_build_object('call_id', c.id))::json);
END $$;

-- What an event of a call shows p_user now; NULL: it is out of date.
CREATE FUNCTION call_event(p_user uuid, e events) RETURNS text
LANGUAGE plpgsql STABLE AS $$
BEGIN
  IF e.type = 'call.transfer' THEN
    RETURN call_offer_event(p_user, e);
  END IF;
  RETURN (
    SELECT (e.payload::jsonb || jsonb_build_object(
             'call_id', c.id, 'conversation_id', c.conversation_id, 'call_type', c.call_type,
             'status', c.status, 'reason', c.end_reason, 'duration_seconds', call_duration(c),
             'call', call_json(p_user, c)))::text
      FROM calls c
      WHERE c.id = (e.payload::jsonb->>'call_id')::uuid
        AND CASE e.type WHEN 'call.ringing' THEN c.status = 'ringing'
                        WHEN 'call.answered' THEN c.status = 'active' ELSE true END);
END $$;

-- The call's message was stored: tells those who are here. p_held: the callee has not accepted the caller.
-- The event has the message's own position, and is told only now: whoever resumes finds the message.
CREATE FUNCTION call_message_event(c calls, p_position bigint, p_held boolean) RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
  INSERT INTO events (position, type, audience, conversation_id, user_id, payload, at)
    SELECT p_position, 'message.new', CASE WHEN p_held THEN 'user' ELSE 'members' END, c.conversation_id,
           c.local_id, json_build_object('message_id', c.message_id), c.created_at
      WHERE NOT p_held OR c.local_id = c.caller_id;
END $$;

-- ---- Beginning -----------------------------------------------------------------------------------------

CREATE FUNCTION call_begin(c calls, p_position bigint, p_held boolean, p_callee_open boolean) RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
  INSERT INTO calls SELECT c.*;
  INSERT INTO call_participants (call_id, user_id, open, joined_at, video)
    SELECT c.id, u.id, call_is_here(c, u) AND (u.id = c.caller_id OR p_callee_open) AND c.live IS NOT NULL,
           CASE WHEN u.id = c.caller_id THEN c.created_at END,
           u.id = c.caller_id AND c.call_type = 'video'
      FROM users u WHERE u.id IN (c.caller_id, c.callee_id);
  INSERT INTO call_events (call_id, at, actor, event, reason)
    VALUES (c.id, c.created_at, c.caller_id, 'initiate', NULL);
  PERFORM call_note(c);
  PERFORM call_message_event(c, p_position, p_held);
END $$;

-- A call that is over before it rang.
CREATE FUNCTION call_over(c calls, p_status text, p_reason text) RETURNS calls
LANGUAGE plpgsql AS $$
BEGIN
  c.status := p_status;
  c.end_reason := p_reason;
  c.ended_at := c.created_at;
  c.live := NULL;
  c.due_at := NULL;
  RETURN c;
END $$;

CREATE FUNCTION call_is_busy(p_user uuid) RETURNS boolean
LANGUAGE plpgsql STABLE AS $$
BEGIN
  RETURN EXISTS (SELECT FROM call_participants p WHERE p.user_id = p_user AND p.open);
END $$;

-- Whether p_user, who is called, knows p_other: as a contact, or by having accepted the conversation or
-- written in it. Of somebody on XMPP the subscriptions tell.
CREATE FUNCTION call_knows(p_user users, p_other users, p_conversation uuid) RETURNS boolean
LANGUAGE plpgsql STABLE AS $$
BEGIN
  RETURN relation_contact(p_user.id, p_other.jid)
    OR (p_user.kind <> 'hosted' AND EXISTS (SELECT FROM contacts x WHERE x.user_id = p_other.id
          AND x.peer = p_user.jid AND (x.to_peer OR x.from_peer)))
    OR EXISTS (SELECT FROM members m WHERE m.conversation_id = p_conversation AND m.user_id = p_user.id
                 AND m.request = 'accepted')
    -- Of two, the count of the newest message tells both.
    OR EXISTS (SELECT FROM (SELECT m.sender_id, m.seq, m.sender_seq FROM messages m
                              WHERE m.conversation_id = p_conversation ORDER BY m.seq DESC LIMIT 1) newest
                 WHERE newest.sender_id = p_user.id OR newest.seq > newest.sender_seq);
END $$;

-- The live facts of a call whose message is stored. strangers: the callee does not know the caller.
CREATE FUNCTION call_live(c calls) RETURNS jsonb
LANGUAGE plpgsql STABLE AS $$
BEGIN
  RETURN (SELECT c.live || jsonb_build_object('strangers', NOT call_knows(callee, caller, c.conversation_id))
            FROM users callee, users caller WHERE callee.id = c.callee_id AND caller.id = c.caller_id);
END $$;

-- Whether a message of p_user's would be held: message_store() comes to the same.
CREATE FUNCTION call_is_held(v conversations, p_user uuid, p_target users) RETURNS boolean
LANGUAGE plpgsql STABLE AS $$
DECLARE
  asked text := (SELECT m.request FROM members m WHERE m.conversation_id = v.id AND m.user_id = p_target.id);
BEGIN
  RETURN CASE WHEN asked = 'declined' THEN true WHEN asked = 'accepted' THEN false
              WHEN relation_started(v) THEN coalesce(asked = 'pending', false)
              ELSE relation_first(p_target.id, (SELECT u.jid FROM users u WHERE u.id = p_user)) IN ('pending', 'declined') END;
END $$;

-- p_user calls the other one of a direct conversation: { id, message_id, conversation_id, call_type, live,
-- seconds until it has rung for too long, reachable }. It passes where a message of p_user's would; a
-- stranger's does not ring, and looks to the caller as if it did, whether or not anybody is there.
--   outcome: 0, 2 no such conversation, 3 (result.error_reason: busy, offline; none: p_user blocks
--            the other), 4 refused, 6 it is no conversation of two
-- result: { call, row }
CREATE FUNCTION change_call_initiate(p_user uuid, p_arguments jsonb, OUT outcome int, OUT result jsonb)
LANGUAGE plpgsql AS $$
DECLARE
  c calls;
  target users;
  stored record;
  v conversations;
BEGIN
  SELECT * INTO v FROM conversations x WHERE x.id = (p_arguments->>'conversation_id')::uuid
    AND p_user = ANY (x.member_ids);
  IF v.id IS NULL THEN
    outcome := 2;
  ELSIF v.kind <> 'direct' THEN
    outcome := 6;
    result := jsonb_build_object('pointer', '/conversation_id', 'detail', 'is not a conversation of two');
  ELSIF call_is_busy(p_user) THEN
    outcome := 3;
    result := jsonb_build_object('error_reason', 'busy');
  END IF;
  IF outcome IS NOT NULL THEN
    RETURN;
  END IF;
  SELECT * INTO target FROM users u WHERE u.id = pair_other(v.member_ids, p_user);
  c.id := (p_arguments->>'id')::uuid;
  c.message_id := (p_arguments->>'message_id')::uuid;
  c.conversation_id := v.id;
  c.caller_id := p_user;
  c.callee_id := target.id;
  c.local_id := p_user;
  c.peer := CASE WHEN target.kind <> 'hosted' THEN target.jid END;
  c.sid := c.id;
  c.call_type := p_arguments->>'call_type';
  c.status := 'ringing';
  c.version := 1;
  c.live := p_arguments->'live';
  IF NOT relation_refuses(target.id, (SELECT u.jid FROM users u WHERE u.id = p_user))
     AND NOT relation_blocks(p_user, target.jid) AND NOT coalesce((p_arguments->>'reachable')::boolean, true)
     AND NOT call_is_held(v, p_user, target) THEN
    outcome := 3;
    result := jsonb_build_object('error_reason', 'offline');
    RETURN;
  END IF;
  SELECT * INTO stored FROM message_store(ARRAY[c.message_id], ARRAY[c.conversation_id], ARRAY[p_user],
    ARRAY[call_text(c)], NULL, ARRAY[c.id], true);
  IF stored.outcome <> 0 THEN
    outcome := stored.outcome;
    RETURN;
  END IF;
  DELETE FROM outbox o WHERE o.message_id = c.message_id; -- the peer is called, not written to
  c.created_at := stored.created_at;
  c.due_at := c.created_at + make_interval(secs => (p_arguments->>'seconds')::int);
  c.silent := stored.held AND target.kind <> 'remote';
  c.live := call_live(c);
  IF target.kind <> 'remote' AND NOT c.silent AND call_is_busy(target.id) THEN
    c := call_over(c, 'declined', 'busy');
  END IF;
  PERFORM call_begin(c, stored.position, stored.held, NOT c.silent);
  IF c.status = 'declined' THEN
    PERFORM call_tell(c, 'call.declined', p_user);
  ELSIF target.kind <> 'remote' AND NOT c.silent THEN
    PERFORM call_tell(c, 'call.ringing', c.callee_id);
  END IF;
  IF stored.awaited THEN
    PERFORM change_conversation_appear(NULL, jsonb_build_object('conversation_ids', jsonb_build_array(c.conversation_id)));
  END IF;
  outcome := 0;
  result := jsonb_build_object('call', call_json(p_user, c), 'row', call_row(c)::jsonb);
END $$;

-- Somebody on XMPP calls: { id, message_id, from, to (bare JIDs), address, sid, call_type, live, seconds, tie }.
--   outcome: 0, 1 it is known, 2 nobody here, or nobody who wants to hear of it, 3 (only if tie) the one who is called
--            calls the other one at the same time
-- result: { row }, of 3 that of the call that goes the other way; the row's status may be declined (busy) at once, and silent says that it must not ring.
CREATE FUNCTION change_call_arrive(p_user uuid, p_arguments jsonb, OUT outcome int, OUT result jsonb)
LANGUAGE plpgsql AS $$
DECLARE
  c calls;
  old calls;
  stored record;
BEGIN
  SELECT x.* INTO old FROM calls x JOIN users u ON u.id = x.local_id AND u.jid = p_arguments->>'to'
    WHERE x.peer = p_arguments->>'from' AND x.sid = p_arguments->>'sid';
  IF old.id IS NOT NULL THEN
    outcome := 1;
    result := jsonb_build_object('row', call_row(old)::jsonb);
    RETURN;
  END IF;
  IF (p_arguments->>'tie')::boolean THEN
    SELECT x.* INTO old FROM users u JOIN call_participants p ON p.user_id = u.id AND p.open
      JOIN calls x ON x.id = p.call_id
      WHERE u.jid = p_arguments->>'to' AND x.caller_id = u.id AND x.peer = p_arguments->>'from'
        AND x.status = 'ringing';
    IF old.id IS NOT NULL THEN
      outcome := 3;
      result := jsonb_build_object('row', call_row(old)::jsonb);
      RETURN;
    END IF;
  END IF;
  c.id := (p_arguments->>'id')::uuid;
  c.message_id := (p_arguments->>'message_id')::uuid;
  c.peer := p_arguments->>'from';
  c.sid := p_arguments->>'sid';
  c.call_type := p_arguments->>'call_type';
  c.status := 'ringing';
  c.version := 1;
  c.live := p_arguments->'live';
  SELECT * INTO stored FROM message_receive(ARRAY[c.message_id], ARRAY[c.peer], ARRAY[p_arguments->>'to'],
    ARRAY[call_text(c)], ARRAY[c.id], ARRAY[p_arguments->>'address'], ARRAY[c.sid], ARRAY[false],
    ARRAY[NULL::text], ARRAY[false], NULL, NULL,
    CASE WHEN EXISTS (SELECT FROM users u WHERE u.jid = p_arguments->>'to' AND u.kind = 'bound') THEN ARRAY[''] END);
  IF stored.outcome <> 0 THEN
    outcome := 2;
    RETURN;
  END IF;
  c.conversation_id := stored.conversation_id;
  c.caller_id := stored.sender_id;
  c.callee_id := pair_other(stored.member_ids, stored.sender_id);
  c.local_id := c.callee_id;
  c.created_at := stored.created_at;
  c.due_at := c.created_at + make_interval(secs => (p_arguments->>'seconds')::int);
  c.silent := stored.held;
  c.live := call_live(c);
  IF NOT c.silent AND call_is_busy(c.callee_id) THEN
    c := call_over(c, 'declined', 'busy');
  ELSIF c.silent THEN
    c := call_over(c, 'missed', 'no_answer');
  END IF;
  PERFORM call_begin(c, stored.position, stored.held, true);
  IF c.status = 'ringing' THEN
    PERFORM call_tell(c, 'call.ringing', c.callee_id);
  END IF;
  IF stored.awaited THEN
    PERFORM change_conversation_appear(NULL, jsonb_build_object('conversation_ids', jsonb_build_array(c.conversation_id)));
  END IF;
  outcome := 0;
  result := jsonb_build_object('row', call_row(c)::jsonb);
END $$;

-- ---- Going on ------------------------------------------------------------------------------------------

-- Whoever has answered a call need not be shown it as unread; nothing is said of having read. While something
-- older is unread, it counts with that.
CREATE FUNCTION call_count_seen(c calls) RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
  UPDATE members m SET others_seen = said.sender_seq
    FROM messages said, users u
    WHERE said.id = c.message_id AND u.id = c.callee_id AND call_is_here(c, u)
      AND m.conversation_id = c.conversation_id AND m.user_id = c.callee_id
      AND m.others_seen = said.sender_seq - 1;
  IF FOUND THEN
    PERFORM event_add('conversation.updated', 'user', c.conversation_id, c.callee_id);
  END IF;
END $$;

-- The call has got to another state; its row is written by call_step_write(). p_next: the call that goes on in its
-- place (see call_pass_on()), NULL: none.
CREATE FUNCTION call_enter(c calls, p_before text, p_next jsonb) RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
  IF c.status = 'active' THEN
    UPDATE call_participants p SET joined_at = c.started_at
      WHERE p.call_id = c.id AND p.user_id = c.callee_id;
    PERFORM call_tell(c, 'call.answered', u.id, jsonb_build_object('session_id', c.live #> '{callee,session}'))
      FROM users u WHERE u.id IN (c.caller_id, c.callee_id) AND call_is_here(c, u) ORDER BY u.id;
    IF p_before <> 'active' THEN
      PERFORM call_count_seen(c);
    END IF;
  ELSE
    IF c.started_at IS NULL AND c.end_reason = 'answered_elsewhere' THEN
      PERFORM call_count_seen(c);
    END IF;
    UPDATE call_participants p SET open = false, left_at = CASE WHEN p.joined_at IS NOT NULL THEN c.ended_at END
      WHERE p.call_id = c.id;
    PERFORM call_tell(c, CASE c.status WHEN 'declined' THEN 'call.declined' ELSE 'call.ended' END, u.id,
                      CASE WHEN u.id::text IN (p_next->>'caller', p_next->>'callee')
                           THEN jsonb_build_object('next_call_id', p_next->'id') ELSE '{}' END)
      FROM users u
      WHERE u.id IN (c.caller_id, c.callee_id) AND call_is_here(c, u) AND NOT (c.silent AND u.id = c.callee_id)
      ORDER BY u.id;
  END IF;
  PERFORM call_note(c);
  PERFORM event_add('message.updated', 'user', c.conversation_id, u.id,
                    json_build_object('message_id', c.message_id))
    FROM users u
    WHERE u.id IN (c.caller_id, c.callee_id) AND u.kind <> 'remote' AND NOT (c.silent AND u.id = c.callee_id)
    ORDER BY u.id;
END $$;

-- Writes the step, if that is possible, and tells of it. p_arguments as of change_call_step().
CREATE FUNCTION call_step_write(c calls, p_arguments jsonb) RETURNS calls
LANGUAGE plpgsql AS $$
DECLARE
  old calls := c;
  said jsonb := p_arguments->'participant';
  stamp timestamptz := date_trunc('milliseconds', clock_timestamp());
BEGIN
  c.version := c.version + 1;
  c.status := p_arguments->>'status';
  c.live := nullif(p_arguments->'live', 'null');
  c.due_at := coalesce(stamp + make_interval(secs => (p_arguments->>'seconds')::int), c.due_at);
  IF c.status = 'active' THEN
    c.started_at := coalesce(c.started_at, stamp);
  ELSIF c.status <> 'ringing' THEN
    c.ended_at := stamp;
    c.end_reason := p_arguments->>'reason';
    c.live := NULL;
    c.due_at := NULL;
  END IF;
  UPDATE calls x SET version = c.version, status = c.status, live = c.live, due_at = c.due_at,
      started_at = c.started_at, ended_at = c.ended_at, end_reason = c.end_reason WHERE x.id = c.id;
  IF said IS NOT NULL THEN
    UPDATE call_participants p SET muted = coalesce((said->>'muted')::boolean, p.muted),
        video = coalesce((said->>'video')::boolean, p.video),
        screen = coalesce((said->>'screen')::boolean, p.screen),
        on_hold = coalesce((said->>'on_hold')::boolean, p.on_hold),
        quality = coalesce(nullif(said->'quality', 'null'), p.quality)
      WHERE p.call_id = c.id AND p.user_id = (said->>'user_id')::uuid;
  END IF;
  IF p_arguments->>'event' IS NOT NULL THEN
    INSERT INTO call_events (call_id, at, actor, event, reason)
      VALUES (c.id, stamp, (p_arguments->>'actor')::uuid, p_arguments->>'event', p_arguments->>'event_reason');
  END IF;
  IF c.status <> old.status THEN
    PERFORM call_enter(c, old.status, p_arguments->'next');
  END IF;
  PERFORM call_offer_follow(old, c, p_arguments->>'event');
  RETURN c;
END $$;

-- Writes the step that the daemon has decided on: { id, version (of the row it knew), after (the step that
-- made that row, its live.step; two instances may count alike), status, reason, live,
-- seconds (of the timer; NULL: the one that runs goes on), event, actor, event_reason, participant { user_id, muted … },
-- reachable (of a new live.guest), next (see call_pass_on()) }. p_user, if any, has to take part, or to be the guest.
--   outcome: 0, 2 no such call, 3 the row is another one by now, or the call is over; of a guest (result.error_reason):
--            busy, offline, hops; 4 the guest is refused, 6 takes part
-- result: { call, row, next (row) }, as it is now; call is what p_user sees: of a guest who accepts the next one, of one who
-- declines the offer.
CREATE FUNCTION change_call_step(p_user uuid, p_arguments jsonb, OUT outcome int, OUT result jsonb)
LANGUAGE plpgsql AS $$
DECLARE
  c calls;
  mover uuid;
  guest uuid; -- who was asked before
  asked uuid := (p_arguments #>> '{live,guest}')::uuid;
  passed record;
  begun jsonb; -- of the next call
BEGIN
  SELECT * INTO c FROM calls x WHERE x.id = (p_arguments->>'id')::uuid
    AND (p_user IS NULL OR p_user IN (x.caller_id, x.callee_id) OR p_user::text = x.live->>'guest') FOR UPDATE;
  IF c.id IS NULL THEN
    outcome := 2;
    RETURN;
  ELSIF c.live IS NULL OR c.version <> (p_arguments->>'version')::int
        OR (p_arguments ? 'after' AND c.live->>'step' IS DISTINCT FROM p_arguments->>'after')
        OR (c.status = 'active' AND p_arguments->>'status' = 'ringing') THEN
    outcome := 3;
    result := jsonb_build_object('row', call_row(c)::jsonb);
    RETURN;
  END IF;
  guest := (c.live->>'guest')::uuid;
  mover := CASE WHEN p_user IS DISTINCT FROM guest THEN p_user WHEN c.live->>'moving' = 'caller' THEN c.caller_id ELSE c.callee_id END;
  IF p_arguments ? 'next' OR (asked IS NOT NULL AND asked IS DISTINCT FROM guest) THEN
    SELECT x.outcome, x.result INTO outcome, result
      FROM call_refuses_guest(c, mover, coalesce((p_arguments #>> '{next,guest}')::uuid, asked),
                              coalesce((p_arguments->>'reachable')::boolean, true)) x;
  END IF;
  IF outcome IS NOT NULL THEN
    result := coalesce(result, '{}') || jsonb_build_object('row', call_row(c)::jsonb);
    RETURN;
  ELSIF p_arguments ? 'next' THEN
    SELECT * INTO passed FROM call_pass_on(c, p_arguments);
    c := passed.c;
    begun := passed.result;
    outcome := passed.outcome;
    IF outcome <> 0 THEN
      result := coalesce(begun, '{}') || jsonb_build_object('row', call_row(c)::jsonb);
      RETURN;
    END IF;
  ELSE
    c := call_step_write(c, p_arguments);
  END IF;
  outcome := 0;
  result := jsonb_build_object(
    'row', call_row(c)::jsonb, 'next', begun->'row',
    'call', CASE WHEN p_user IN (c.caller_id, c.callee_id) THEN call_json(p_user, c)
                 WHEN begun IS NOT NULL THEN begun->'call'
                 WHEN p_user IS NOT NULL THEN call_offer_json(p_user, c, mover, p_user, 'declined') END);
END $$;

-- ---- Reading -------------------------------------------------------------------------------------------

-- Whether p_user may know of the call.
CREATE FUNCTION call_is_mine(p_user uuid, c calls) RETURNS boolean
LANGUAGE sql STABLE AS $$
  SELECT p_user = c.caller_id OR (p_user = c.callee_id AND NOT c.silent)
$$;

CREATE FUNCTION call_get(p_user uuid, p_call uuid) RETURNS text
LANGUAGE plpgsql STABLE AS $$
BEGIN
  RETURN (SELECT call_json(p_user, c)::text FROM calls c WHERE c.id = p_call AND call_is_mine(p_user, c));
END $$;

-- The call that rings or goes on in a conversation: { call }, NULL in it when there is none. NULL: no such
-- conversation.
CREATE FUNCTION call_active(p_user uuid, p_conversation uuid) RETURNS text
LANGUAGE plpgsql STABLE AS $$
BEGIN
  RETURN (
    SELECT jsonb_build_object('call', (
        SELECT call_json(p_user, c) FROM calls c
          WHERE c.conversation_id = v.id AND c.live IS NOT NULL AND call_is_mine(p_user, c)
          ORDER BY c.id DESC LIMIT 1))::text
      FROM conversations v
      JOIN members m ON m.conversation_id = v.id AND m.user_id = p_user AND m.state = 'joined'
      WHERE v.id = p_conversation);
END $$;

-- A page of p_user's calls, newest first.
CREATE FUNCTION call_list(p_user uuid, p_limit int, p_before uuid) RETURNS text
LANGUAGE plpgsql STABLE AS $$
DECLARE
  found_ calls[];
BEGIN
  found_ := ARRAY(
    SELECT c FROM call_participants p JOIN calls c ON c.id = p.call_id
      WHERE p.user_id = p_user AND (p_before IS NULL OR p.call_id < p_before) AND call_is_mine(p_user, c)
      ORDER BY p.call_id DESC LIMIT p_limit + 1);
  RETURN jsonb_build_object(
    'items', (SELECT coalesce(jsonb_agg(call_json(p_user, c) ORDER BY n), '[]')
                FROM unnest(found_[1:p_limit]) WITH ORDINALITY AS x (id, conversation_id, message_id, caller_id,
                  callee_id, local_id, peer, sid, call_type, status, silent, version, live, due_at, created_at,
                  started_at, ended_at, end_reason, replaces, n)
                CROSS JOIN LATERAL (SELECT y FROM calls y WHERE y.id = x.id) AS k (c)),
    'has_more', cardinality(found_) > p_limit,
    'next', CASE WHEN cardinality(found_) > p_limit THEN found_[p_limit].id END)::text;
END $$;

-- The row of a call, by its id, or by session: the bare JIDs of who is here and of the peer, and the sid.
CREATE FUNCTION call_load(p_call uuid, p_local text, p_peer text, p_sid text) RETURNS text
LANGUAGE plpgsql STABLE AS $$
BEGIN
  IF p_call IS NOT NULL THEN
    RETURN (SELECT call_row(c) FROM calls c WHERE c.id = p_call);
  END IF;
  RETURN (SELECT call_row(c) FROM calls c
            WHERE c.peer = p_peer AND c.sid = p_sid
              AND c.local_id = (SELECT u.id FROM users u WHERE u.jid = p_local));
END $$;

-- The rows of calls that are not over, the ones due first, of those due within p_seconds (NULL: all).
CREATE FUNCTION call_open(p_seconds int, p_limit int) RETURNS SETOF text
LANGUAGE plpgsql STABLE AS $$
BEGIN
  RETURN QUERY
    SELECT call_row(c) FROM calls c
      WHERE c.live IS NOT NULL
        AND c.due_at < coalesce(now() + make_interval(secs => p_seconds), 'infinity')
      ORDER BY c.due_at LIMIT p_limit;
END $$;

-- What happened in a call. p_user NULL: an auditor asks.
CREATE FUNCTION call_event_list(p_user uuid, p_call uuid) RETURNS text
LANGUAGE plpgsql STABLE AS $$
BEGIN
  RETURN (
    SELECT jsonb_build_object('items', (
        SELECT coalesce(jsonb_agg(jsonb_build_object('at', api_time(e.at), 'actor', e.actor, 'event', e.event,
                                                     'reason', e.reason) ORDER BY e.n), '[]')
          FROM (SELECT * FROM call_events x WHERE x.call_id = c.id ORDER BY x.n DESC LIMIT 1000) e),
        'has_more', false, 'next', NULL)::text
      FROM calls c WHERE c.id = p_call AND (p_user IS NULL OR call_is_mine(p_user, c)));
END $$;

CREATE FUNCTION call_event_audit(p_call uuid) RETURNS text
LANGUAGE plpgsql STABLE AS $$
BEGIN
  RETURN call_event_list(NULL, p_call);
END $$;

-- Adds what p_user has measured: [{ at, rtt_ms, jitter_ms, loss, bitrate }]. At most 10000 of each side are
-- kept. How many were new; NULL: no such call.
CREATE FUNCTION call_sample_add(p_user uuid, p_call uuid, p_samples text) RETURNS bigint
LANGUAGE plpgsql AS $$
DECLARE
  added bigint;
BEGIN
  PERFORM FROM calls c WHERE c.id = p_call AND call_is_mine(p_user, c) FOR SHARE;
  IF NOT FOUND THEN
    RETURN NULL;
  END IF;
  INSERT INTO call_samples (call_id, user_id, at, rtt_ms, jitter_ms, loss, bitrate)
    SELECT p_call, p_user, x.at, round(x.rtt_ms, 3)::real, round(x.jitter_ms, 3)::real,
           round(x.loss, 6)::real, round(x.bitrate)::bigint
      FROM jsonb_to_recordset(p_samples::jsonb)
           AS x (at timestamptz, rtt_ms numeric, jitter_ms numeric, loss numeric, bitrate numeric)
      WHERE (SELECT count(*) FROM call_samples s WHERE s.call_id = p_call AND s.user_id = p_user) < 10000
    ON CONFLICT DO NOTHING;
  GET DIAGNOSTICS added = ROW_COUNT;
  RETURN added;
END $$;

-- How the media was, for each side.
CREATE FUNCTION call_report(p_user uuid, p_call uuid) RETURNS text
LANGUAGE plpgsql STABLE AS $$
BEGIN
  RETURN (
    SELECT jsonb_build_object('call_id', c.id, 'sides', (
        SELECT coalesce(jsonb_agg(s.side ORDER BY s.user_id), '[]') FROM (
            SELECT x.user_id, jsonb_build_object(
                'user_id', x.user_id, 'samples', count(*), 'from', api_time(min(x.at)), 'to', api_time(max(x.at)),
                'rtt_ms', jsonb_build_object('mean', round(avg(x.rtt_ms)::numeric, 1), 'max', max(x.rtt_ms)),
                'jitter_ms', jsonb_build_object('mean', round(avg(x.jitter_ms)::numeric, 1), 'max', max(x.jitter_ms)),
                'loss', jsonb_build_object('mean', round(avg(x.loss)::numeric, 4), 'max', max(x.loss)),
                'bitrate', jsonb_build_object('mean', round(avg(x.bitrate)), 'max', max(x.bitrate))) AS side
              FROM call_samples x WHERE x.call_id = c.id GROUP BY x.user_id) s))::text
      FROM calls c WHERE c.id = p_call AND call_is_mine(p_user, c));
END $$;

-- What has been kept long enough: samples after 30 days, what happened and the calls themselves after
-- p_seconds. As in reap.sql.
CREATE FUNCTION reap_calls(p_seconds bigint, p_limit int, OUT removed bigint, OUT more boolean,
                           OUT payload jsonb)
LANGUAGE plpgsql AS $$
DECLARE
  any_held CONSTANT boolean := holds_any();
  old timestamptz := clock_timestamp() - make_interval(secs => p_seconds);
  count bigint;
BEGIN
  DELETE FROM call_samples s WHERE (s.call_id, s.user_id, s.at) IN (
    SELECT x.call_id, x.user_id, x.at FROM call_samples x
      WHERE x.at < clock_timestamp() - interval '30 days' AND NOT (any_held AND call_held(x.call_id)) ORDER BY x.at LIMIT p_limit);
  GET DIAGNOSTICS removed = ROW_COUNT;
  more := removed >= p_limit;
  DELETE FROM call_events e WHERE (e.call_id, e.n) IN (
    SELECT x.call_id, x.n FROM call_events x
      WHERE x.at < least(old, now() - interval '30 days') AND NOT (any_held AND call_held(x.call_id))
      ORDER BY x.at LIMIT p_limit);
  GET DIAGNOSTICS count = ROW_COUNT;
  removed := removed + count;
  more := more OR count >= p_limit;
  DELETE FROM calls c WHERE c.id IN (
    SELECT x.id FROM calls x
      WHERE x.live IS NULL AND x.created_at < old AND NOT (any_held AND call_held(x.id)) ORDER BY x.created_at LIMIT p_limit);
  GET DIAGNOSTICS count = ROW_COUNT;
  removed := removed + count;
  more := more OR count >= p_limit;
END $$;
