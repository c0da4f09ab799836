-- SPDX-License-Identifier: GPL-3.0-or-later
-- Messages that disappear (XEP-0466, decision 0064): a timer after all others have read them, and two after they were
-- sent at the latest. Functions that write are for the holder of the log.

-- What a message carries, with the timer of its conversation if it has none of its own.
CREATE FUNCTION expiry_content(p_content jsonb, p_timer int) RETURNS jsonb
LANGUAGE plpgsql IMMUTABLE AS $$
BEGIN
  RETURN CASE WHEN p_timer IS NULL OR p_content ?| '{refused,expires_in}' THEN p_content
              ELSE coalesce(p_content, '{}') || jsonb_build_object('expires_in', p_timer) END;
END $$;

-- A message that disappears is stored: it cannot go sooner than a timer after that.
CREATE FUNCTION expiry_begin(p_message uuid, p_sent timestamptz, p_seconds int) RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
  PERFORM deadline_set('expiry', p_message, p_sent + make_interval(secs => p_seconds));
END $$;

-- When it goes at the latest. STABLE, as what it adds up is: so it becomes part of the plan.
CREATE FUNCTION expiry_latest(p_sent timestamptz, p_seconds int) RETURNS timestamptz
LANGUAGE sql STABLE AS $$
  SELECT p_sent + make_interval(secs => 2.0 * p_seconds)
$$;

-- It is time to look whether the message goes. If it was not read a timer ago, it is looked at again when it must go.
-- Who hides what was read hides it here, too: that counts as not read.
CREATE FUNCTION expiry_look(m messages, c conversations) RETURNS void
LANGUAGE plpgsql AS $$
DECLARE
  timer int := (m.details->>'expires_in')::int;
  latest timestamptz := expiry_latest(m.created_at, timer);
  read_at timestamptz := message_mark(c, m.sender_id, m.sender_id, m.seq, 'read');
  goes timestamptz := least(latest, read_at + make_interval(secs => timer));
BEGIN
  IF goes <= clock_timestamp() THEN
    PERFORM message_expire(m, c);
  ELSE
    UPDATE messages x SET expires_at = goes WHERE x.id = m.id AND x.expires_at IS DISTINCT FROM goes;
    PERFORM deadline_set('expiry', m.id, goes);
  END IF;
END $$;

-- ---- The timer of a conversation ------------------------------------------------------------------------

-- Why o cannot have messages go after p_seconds, as an outcome and what is wrong; 1: can. Whoever takes part in a
-- conversation of two can, and in a group who may change its settings.
CREATE FUNCTION expiry_refusal(p_conversation uuid, o members, p_seconds int, OUT outcome int, OUT result jsonb)
LANGUAGE plpgsql STABLE AS $$
DECLARE
  c conversations := (SELECT x FROM conversations x WHERE x.id = p_conversation);
BEGIN
  outcome := 1;
  IF guest_is(c) THEN
    outcome := 5;
    result := guest_closed();
  ELSIF p_seconds BETWEEN 1 AND 29 THEN
    outcome := 6;
    result := '{"pointer": "/disappearing_seconds", "detail": "is too small: 30 at least, or 0"}';
  ELSIF c.kind <> 'direct' AND NOT group_may(c, o, 'change_settings') THEN
    outcome := 5;
    result := '{"detail": "the group''s settings are not yours to change"}';
  ELSIF c.kind = 'direct' AND c.guarded THEN
    outcome := greatest(reaction_refusal(NULL, c, o.user_id), 1);
    IF outcome = 1 AND relation_held(c.id, o.user_id) THEN -- a request that waits is for its receiver to decide
      outcome := 3;
    END IF;
  END IF;
END $$;

-- Messages from now on go after p_seconds, 0: they stay; o, who may, says so. p_came: it came by XMPP. 0; 1: it was
-- so; 4: the other one is not to be written to. p_wire: the id of the stanza, if it came to a room.
CREATE FUNCTION expiry_set(p_conversation uuid, o members, p_seconds int, p_came boolean, p_wire text DEFAULT NULL) RETURNS int
LANGUAGE plpgsql AS $$
DECLARE
  c conversations := (SELECT x FROM conversations x WHERE x.id = p_conversation);
  place bigint;
BEGIN
  IF coalesce(c.disappearing, 0) = p_seconds THEN
    RETURN 1;
  END IF;
  place := expiry_say(c, o, p_seconds);
  IF place IS NULL THEN
    RETURN 4;
  END IF;
  UPDATE conversations x SET disappearing = nullif(p_seconds, 0) WHERE x.id = c.id;
  c.disappearing := nullif(p_seconds, 0);
  IF conversation_reach(c, o.user_id) IS NOT NULL AND NOT p_came THEN
    PERFORM outbox_add(place, 'timer', o.user_id, ARRAY[conversation_reach(c, o.user_id)], NULL, NULL, p_seconds::text);
  ELSIF c.kind <> 'direct' THEN
    PERFORM room_tell(place, c, 'room_timer', o.user_id, jsonb_build_object('seconds', p_seconds, 'wire', p_wire));
  END IF;
  PERFORM expiry_updated(c, o.user_id);
  RETURN 0;
END $$;

-- Says in the conversation that o has set the timer; the position of that, NULL: it may not be said. Of two, each
-- message has a sender, from which both are counted.
CREATE FUNCTION expiry_say(c conversations, o members, p_seconds int) RETURNS bigint
LANGUAGE plpgsql AS $$
DECLARE
  said uuid := entry_id((SELECT h.stamp FROM log_head h));
  stored record;
BEGIN
  IF c.kind <> 'direct' THEN
    RETURN group_say(c, 'disappearing_changed', o.user_id, NULL, jsonb_build_object('seconds', p_seconds));
  END IF;
  SELECT * INTO stored FROM message_store(ARRAY[said], ARRAY[c.id], ARRAY[o.user_id], ARRAY[NULL::text], NULL,
                                          ARRAY[said], true);
  IF stored.outcome <> 0 THEN
    RETURN NULL;
  END IF;
  DELETE FROM outbox x WHERE x.message_id = said;
  DELETE FROM deadlines d WHERE d.message_id = said;
  UPDATE messages m SET kind = 'system', details = NULL, metadata = jsonb_build_object(
      'system_type', 'disappearing_changed', 'actor', o.user_id, 'target', NULL, 'seconds', p_seconds)
    WHERE m.id = said;
  INSERT INTO events (position, type, audience, conversation_id, user_id, payload, at)
    VALUES (stored.position, 'message.new', CASE WHEN stored.held THEN 'user' ELSE 'members' END, c.id, o.user_id,
            json_build_object('message_id', said), stored.created_at);
  RETURN (SELECT h.position FROM log_head h);
END $$;

-- The timer came by XMPP: { from, to, seconds, came }, see place_of().
CREATE FUNCTION change_timer_arrived(p_user uuid, p_arguments jsonb, OUT outcome int, OUT result jsonb)
LANGUAGE plpgsql AS $$
DECLARE
  place record := place_of(p_arguments);
  c conversations := place.c;
  o members;
BEGIN
  SELECT * INTO o FROM members x WHERE x.conversation_id = c.id AND x.user_id = place.source AND x.state = 'joined';
  outcome := 2;
  IF o.user_id IS NULL OR (c.guarded AND relation_held(c.id, o.user_id)) THEN
    RETURN;
  END IF;
  outcome := (expiry_refusal(c.id, o, CASE p_arguments->>'seconds' WHEN '0' THEN 0 ELSE 30 END)).outcome;
  IF outcome <= 1 THEN
    outcome := expiry_set(c.id, o, (p_arguments->>'seconds')::int, true);
  END IF;
END $$;

-- All members are told that p_user has changed the conversation.
CREATE FUNCTION expiry_updated(c conversations, p_user uuid) RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
  IF c.kind <> 'direct' THEN
    PERFORM group_updated_event(c, p_user);
  ELSE
    PERFORM conversation_event('conversation.updated', c.id, m.user_id) FROM members m
      WHERE m.conversation_id = c.id AND m.state = 'joined' AND m.kind = 'hosted';
  END IF;
END $$;

-- ---- The end --------------------------------------------------------------------------------------------

-- The message goes: what it said, and all that is known of it. Its place in the order stays.
CREATE FUNCTION message_expire(m messages, c conversations) RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
  PERFORM content_remove(m, c, NULL, 'expired', NULL, false);
END $$;
