-- SPDX-License-Identifier: GPL-3.0-or-later
-- What is said in rooms elsewhere, and what our users say there (decision 0069). What a user of ours says is in the log when
-- it is accepted, and has been said when the room sends it back.

-- ---- Out --------------------------------------------------------------------------------------------

-- What a message of p_conversation carries, of which content_accept() made p_content: one that the room has not sent back yet
-- says so. p_came: it came by XMPP.
CREATE FUNCTION guest_content(p_content jsonb, p_came boolean) RETURNS jsonb
LANGUAGE plpgsql IMMUTABLE AS $$
BEGIN
  RETURN CASE WHEN p_came OR p_content ? 'refused' THEN p_content ELSE coalesce(p_content, '{}') || '{"sending": true}' END;
END $$;

-- A message is stored: it goes to the room, unless it came from there.
CREATE FUNCTION guest_tell_message(p_position bigint, p_conversation uuid, p_sender uuid, p_message uuid) RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
  INSERT INTO guest_out (position, conversation_id, user_id, wire, kind, message_id)
    SELECT p_position, p_conversation, u.id, p_message::text, 'message', p_message FROM users u
      WHERE u.id = p_sender AND u.kind <> 'remote' AND NOT EXISTS (SELECT FROM guest_ids i WHERE i.target = p_message);
END $$;

-- The same of an entry.
CREATE FUNCTION guest_tell_entry(e entries) RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
  INSERT INTO guest_out (position, conversation_id, user_id, wire, kind, message_id, payload)
    SELECT e.position, e.conversation_id, u.id, e.id::text, e.kind, e.target, e.payload FROM users u
      WHERE u.id = e.sender_id AND u.kind <> 'remote' AND e.sender_address IS NULL AND e.target IS NOT NULL
        AND e.kind IN ('edit', 'reaction', 'retraction', 'part');
  IF e.kind = 'retraction' THEN -- what was not sent need not be
    DELETE FROM guest_out o WHERE o.message_id = e.target AND o.kind <> 'retraction' AND NOT o.sent;
  END IF;
END $$;

-- What is to be said now, in order: at most p_limit. What is about a message that the room has
-- not named yet waits for that. target: what the room calls the message that it is about; payload: of a message
-- message_wire(), else of the entry.
CREATE FUNCTION guest_say(p_limit int)
RETURNS TABLE (jid text, room text, wire text, kind text, target text, payload text)
LANGUAGE plpgsql AS $$
#variable_conflict use_column
BEGIN
  RETURN QUERY
    WITH taken AS (
      UPDATE guest_out o SET sent = true
        FROM (SELECT x.position FROM guest_out x
                JOIN guest_seats s ON s.conversation_id = x.conversation_id AND s.user_id = x.user_id AND s.state = 'in'
                JOIN guest_rooms g ON g.conversation_id = x.conversation_id AND g.live
                WHERE NOT x.sent
                  AND (x.kind IN ('message', 'edit') OR EXISTS (SELECT FROM guest_ids i WHERE i.target = x.message_id))
                ORDER BY x.position LIMIT p_limit FOR UPDATE OF x SKIP LOCKED) next
        WHERE o.position = next.position
        RETURNING o.*)
    SELECT u.jid, c.remote_jid, t.wire, t.kind, (SELECT i.wire FROM guest_ids i WHERE i.target = t.message_id LIMIT 1),
           (CASE t.kind WHEN 'message' THEN message_wire(m, c) - 'sending' ELSE t.payload END)::text
      FROM taken t
      JOIN users u ON u.id = t.user_id
      JOIN conversations c ON c.id = t.conversation_id
      JOIN messages m ON m.id = t.message_id
      WHERE t.kind <> 'message' OR m.deleted_at IS NULL
      ORDER BY t.position;
END $$;

-- ---- In ---------------------------------------------------------------------------------------------

-- The room has sent back a message of ours, and calls it p_wire (may be NULL).
CREATE FUNCTION guest_said(m messages, p_wire text) RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
  IF p_wire IS NOT NULL THEN
    INSERT INTO guest_ids (conversation_id, wire, target) VALUES (m.conversation_id, p_wire, m.id) ON CONFLICT DO NOTHING;
  END IF;
  DELETE FROM guest_out o WHERE o.wire = m.id::text AND o.conversation_id = m.conversation_id;
  IF m.details ? 'sending' THEN
    UPDATE messages x SET details = nullif(x.details - 'sending', '{}') WHERE x.id = m.id;
    PERFORM event_add('message.updated', 'user', m.conversation_id, m.sender_id,
                      json_build_object('message_id', m.id, 'seq', m.seq));
  END IF;
END $$;

-- Which message of a user of ours that is, by the ids that it had when we sent it; else a row of NULLs. Who says it has the
-- place of the one who wrote it: anybody may use such an id.
CREATE FUNCTION guest_own(c conversations, p_arguments jsonb) RETURNS messages
LANGUAGE plpgsql STABLE AS $$
DECLARE
  who jsonb := p_arguments->'who';
  m messages;
BEGIN
  SELECT x.* INTO m FROM messages x
    JOIN guest_seats s ON s.conversation_id = x.conversation_id AND s.user_id = x.sender_id
    WHERE x.id IN (user_id_of(p_arguments->>'id'), user_id_of(p_arguments->>'origin')) AND x.conversation_id = c.id
      AND x.sender_address IS NULL
      AND (guest_is_seat(s, who->>'nick', who->>'occupant', false) OR s.nick = who->>'nick' AND (who->>'past')::boolean)
    LIMIT 1;
  RETURN m;
END $$;

-- How the room's messages are counted: what came is here, up to that one.
CREATE FUNCTION guest_heard(c conversations, p_wire text, p_at timestamptz) RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
  UPDATE guest_rooms g SET newest = coalesce(p_wire, g.newest), heard_at = greatest(g.heard_at, coalesce(p_at, clock_timestamp()))
    WHERE g.conversation_id = c.id;
END $$;

-- Somebody says something: { room, to, who (as guest_known() has it), message (a new id), id and origin (the stanza's), wire
-- (the room's id for it), address (room/nick), body, details, stanza, sent (RFC 3339), markable }. Outcome 1: it is here
-- already; a message of ours has been said then.
CREATE FUNCTION change_guest_message(p_user uuid, p_arguments jsonb, OUT outcome int, OUT result jsonb)
LANGUAGE plpgsql AS $$
DECLARE
  f record := guest_find(p_arguments);
  c conversations := f.c;
  made uuid := (p_arguments->>'message')::uuid;
  wire text := p_arguments->>'wire';
  sent timestamptz := (p_arguments->>'sent')::timestamptz;
  own messages;
BEGIN
  outcome := 2;
  IF (f.s).user_id IS NULL THEN
    RETURN;
  END IF;
  outcome := 1;
  PERFORM guest_heard(c, wire, sent);
  IF EXISTS (SELECT FROM guest_ids i WHERE i.conversation_id = c.id AND i.wire = p_arguments->>'wire') THEN
    RETURN;
  END IF;
  own := guest_own(c, p_arguments);
  IF own.id IS NOT NULL THEN
    PERFORM guest_said(own, wire);
  ELSIF p_arguments->>'body' IS NOT NULL THEN
    outcome := guest_store(c, guest_person(c, f.g, p_arguments->'who', false), made, p_arguments);
  END IF;
END $$;

-- Stores it; yields the outcome.
CREATE FUNCTION guest_store(c conversations, p_sender uuid, p_id uuid, p_arguments jsonb) RETURNS int
LANGUAGE plpgsql AS $$
DECLARE
  stored record;
  carried record;
  wire text := coalesce(p_arguments->>'wire', 'none:' || p_id);
  dedupe uuid := CASE WHEN p_arguments ? 'wire' OR p_arguments->>'id' IS NULL THEN p_id
    ELSE md5(concat_ws(' ', c.id, p_arguments->>'address', p_arguments->>'id', p_arguments->>'body'))::uuid END;
BEGIN
  IF NOT EXISTS (SELECT FROM members m WHERE m.conversation_id = c.id AND m.user_id = p_sender) THEN -- is kept as long as it is said
    PERFORM membership_put(c, membership_of(c, (SELECT u FROM users u WHERE u.id = p_sender)), 'left', 'member', NULL, p_sender);
    PERFORM guest_nick(c.id, p_sender, p_arguments #>> '{who,nick}', p_arguments #>> '{who,occupant}');
  END IF;
  SELECT * INTO carried FROM content_arrived(c, p_sender, coalesce(nullif(p_arguments->'details', 'null'), '{}'), p_arguments->>'body');
  INSERT INTO guest_ids (conversation_id, wire, target) VALUES (c.id, wire, p_id);
  SELECT * INTO stored FROM message_store(ARRAY[p_id], ARRAY[c.id], ARRAY[p_sender], ARRAY[carried.body], NULL, ARRAY[dedupe],
    true, ARRAY[p_arguments->>'address'], ARRAY[p_arguments->>'id'], ARRAY[(p_arguments->>'markable')::boolean],
    ARRAY[p_arguments->>'stanza'], NULL, NULL, CASE WHEN carried.details IS NOT NULL THEN ARRAY[carried.details] END);
  IF stored.outcome <> 0 THEN
    DELETE FROM guest_ids i WHERE i.conversation_id = c.id AND i.target = p_id;
    RETURN stored.outcome;
  END IF;
  UPDATE messages m SET sent_at = (p_arguments->>'sent')::timestamptz WHERE m.id = p_id AND p_arguments->>'sent' IS NOT NULL;
  INSERT INTO events (position, type, audience, conversation_id, user_id, payload, at)
    VALUES (stored.position, 'message.new', 'members', c.id, p_sender,
            json_build_object('message_id', p_id, 'seq', stored.seq), stored.created_at);
  IF stored.awaited THEN
    PERFORM change_conversation_appear(NULL, jsonb_build_object('conversation_ids', jsonb_build_array(c.id)));
  END IF;
  RETURN 0;
END $$;

-- What is no message came back to who of ours has said it: { id }.
CREATE FUNCTION change_guest_echo(p_user uuid, p_arguments jsonb, OUT outcome int, OUT result jsonb)
LANGUAGE plpgsql AS $$
BEGIN
  DELETE FROM guest_out o USING guest_seats s
    WHERE o.wire = p_arguments->>'id' AND o.kind <> 'message' AND o.conversation_id = (guest_group(p_arguments->>'room')).id
      AND s.conversation_id = o.conversation_id AND s.user_id = o.user_id
      AND guest_is_seat(s, p_arguments #>> '{who,nick}', p_arguments #>> '{who,occupant}', false);
  outcome := CASE WHEN FOUND THEN 0 ELSE 1 END;
END $$;

-- The room does not take what a user of ours said: { id, condition }. Who is not in it comes in again, and then says it again.
CREATE FUNCTION change_guest_bounced(p_user uuid, p_arguments jsonb, OUT outcome int, OUT result jsonb)
LANGUAGE plpgsql AS $$
DECLARE
  f record := guest_find(p_arguments);
  o guest_out;
BEGIN
  SELECT * INTO o FROM guest_out x
    WHERE x.wire = p_arguments->>'id' AND x.conversation_id = (f.c).id AND x.user_id = (f.s).user_id;
  outcome := 2;
  IF o.position IS NULL THEN
    RETURN;
  END IF;
  outcome := 0;
  IF p_arguments->>'condition' IN ('not-acceptable', 'recipient-unavailable', 'remote-server-timeout', 'resource-constraint') THEN
    UPDATE guest_seats s SET state = 'entering', tries = 0, due_at = clock_timestamp()
      WHERE s.conversation_id = o.conversation_id AND s.user_id = o.user_id AND s.state = 'in';
    RETURN;
  END IF;
  DELETE FROM guest_out x WHERE x.position = o.position;
  IF o.kind = 'message' THEN
    PERFORM guest_failed(o, p_arguments->>'condition');
  END IF;
END $$;

-- The room's subject: { subject }.
CREATE FUNCTION change_guest_subject(p_user uuid, p_arguments jsonb, OUT outcome int, OUT result jsonb)
LANGUAGE plpgsql AS $$
DECLARE
  f record := guest_find(p_arguments);
  c conversations := f.c;
BEGIN
  outcome := 2;
  IF (f.s).user_id IS NULL THEN
    RETURN;
  END IF;
  outcome := 1;
  UPDATE guest_rooms g SET subject = nullif(p_arguments->>'subject', '')
    WHERE g.conversation_id = c.id AND g.subject IS DISTINCT FROM nullif(p_arguments->>'subject', '');
  IF FOUND THEN
    outcome := 0;
    PERFORM group_updated_event(c, NULL);
  END IF;
END $$;

-- All that was said is here: what waits may be said. { newest: the last id in the archive that was looked at, first: there was
-- nothing here before, so that what came was said before our users came }.
CREATE FUNCTION change_guest_live(p_user uuid, p_arguments jsonb, OUT outcome int, OUT result jsonb)
LANGUAGE plpgsql AS $$
DECLARE
  c conversations := guest_group(p_arguments->>'room');
  newest messages;
BEGIN
  outcome := CASE WHEN c.id IS NULL THEN 2 ELSE 0 END;
  UPDATE guest_rooms g SET live = true, newest = coalesce(p_arguments->>'newest', g.newest) WHERE g.conversation_id = c.id;
  IF (p_arguments->>'first')::boolean THEN
    SELECT * INTO newest FROM messages m WHERE m.conversation_id = c.id ORDER BY m.seq DESC LIMIT 1;
    UPDATE members m SET read_seq = newest.seq, delivered_seq = newest.seq, read_at = newest.created_at,
        delivered_at = newest.created_at, others_seen = others_count(c.id, m.user_id)
      WHERE m.conversation_id = c.id AND m.kind = 'hosted' AND m.state = 'joined' AND m.read_seq < newest.seq;
  END IF;
  IF outcome = 0 THEN
    PERFORM group_updated_event(membership_group(c.id), NULL);
  END IF;
END $$;

-- A moderator there has taken a message away: { id (the room's), reason, by (a nick) }.
CREATE FUNCTION change_guest_moderated(p_user uuid, p_arguments jsonb, OUT outcome int, OUT result jsonb)
LANGUAGE plpgsql AS $$
DECLARE
  f record := guest_find(p_arguments);
  c conversations := f.c;
  m messages := message_named(c, p_arguments->>'id', NULL);
  by_ uuid := (SELECT n.user_id FROM nicks n WHERE n.conversation_id = c.id AND n.nick = p_arguments->>'by' LIMIT 1);
BEGIN
  outcome := 2;
  IF (f.s).user_id IS NULL OR m.id IS NULL OR removal_refusal(m) IS NOT NULL THEN
    RETURN;
  END IF;
  outcome := 1;
  DELETE FROM guest_out o WHERE o.message_id = m.id;
  IF m.deleted_at IS NULL THEN
    outcome := 0;
    PERFORM content_remove(m, c, by_, 'moderator', p_arguments->>'reason', true);
  END IF;
END $$;

-- ---- What entries and edits ask ---------------------------------------------------------------------

-- The same as place_of(), of { from: the room, to, who }.
CREATE FUNCTION guest_place(p_arguments jsonb, OUT c conversations, OUT source uuid)
LANGUAGE plpgsql STABLE AS $$
DECLARE
  f record := guest_find(p_arguments || jsonb_build_object('room', p_arguments->'from'));
BEGIN
  source := guest_known(f.c, f.g, p_arguments->'who');
  IF (f.s).user_id IS NOT NULL AND source IS NOT NULL THEN
    c := f.c;
  END IF;
END $$;

-- The message that the room calls so.
CREATE FUNCTION guest_message(c conversations, p_wire text) RETURNS messages
LANGUAGE plpgsql STABLE AS $$
DECLARE
  m messages;
BEGIN
  SELECT x.* INTO m FROM guest_ids i JOIN messages x ON x.id = i.target WHERE i.conversation_id = c.id AND i.wire = p_wire;
  RETURN m;
END $$;

-- ---- What is worth something now only ---------------------------------------------------------------

-- As group_typing(), when somebody else types there under p_nick.
CREATE FUNCTION guest_typing(p_room text, p_nick text)
RETURNS TABLE (conversation uuid, actor uuid, number bigint, member uuid, room text, nick text, occupant text, address text)
LANGUAGE plpgsql STABLE AS $$
#variable_conflict use_column
DECLARE
  c conversations := guest_group(p_room);
  u users;
BEGIN
  SELECT x.* INTO u FROM guest_occupants o JOIN users x ON x.id = o.user_id WHERE o.conversation_id = c.id AND o.nick = p_nick;
  IF u.id IS NULL OR guest_sits(c.id, u.id) THEN
    RETURN;
  END IF;
  RETURN QUERY SELECT c.id, u.id, u.number, NULL::uuid, NULL::text, NULL::text, NULL::text, NULL::text;
  RETURN QUERY SELECT c.id, u.id, u.number, m.user_id, NULL::text, NULL::text, NULL::text, NULL::text
    FROM members m WHERE m.conversation_id = c.id AND m.state = 'joined' AND m.kind = 'hosted';
END $$;

-- As room_mark(): to the room, where everybody sees who is who, as the room calls the message.
CREATE FUNCTION guest_mark(c conversations, p_user uuid, p_message uuid)
RETURNS TABLE (room text, nick text, occupant text, address text, message text, id text)
LANGUAGE plpgsql STABLE AS $$
#variable_conflict use_column
BEGIN
  RETURN QUERY
    SELECT u.jid || '/rest', NULL::text, NULL::text, c.remote_jid, i.wire, 'mark-' || x.id || '-' || left(md5(u.jid), 8)
      FROM guest_seats s
      JOIN users u ON u.id = s.user_id
      JOIN guest_rooms g ON g.conversation_id = s.conversation_id AND NOT g.anonymous
      CROSS JOIN LATERAL (SELECT y.* FROM messages y WHERE y.conversation_id = c.id AND y.sender_id IS NOT NULL
                            AND y.seq <= (SELECT z.seq FROM messages z WHERE z.id = p_message)
                            ORDER BY y.seq DESC LIMIT 1) x
      JOIN guest_ids i ON i.target = x.id AND i.wire NOT LIKE 'none:%'
      WHERE s.conversation_id = c.id AND s.user_id = p_user AND s.state = 'in' LIMIT 1;
END $$;

-- Somebody else there has displayed a message: { room, who, wire }. The result says who has read which: { jid, message }. A change,
-- so that it comes behind the message.
CREATE FUNCTION change_guest_displayed(p_user uuid, p_arguments jsonb, OUT outcome int, OUT result jsonb)
LANGUAGE plpgsql AS $$
DECLARE
  c conversations := guest_group(p_arguments->>'room');
BEGIN
  SELECT jsonb_build_object('jid', u.jid, 'message', i.target) INTO result
    FROM guest_occupants o
    JOIN users u ON u.id = o.user_id
    JOIN guest_ids i ON i.conversation_id = c.id AND i.wire = p_arguments->>'wire'
    WHERE o.conversation_id = c.id AND o.nick = p_arguments #>> '{who,nick}';
  outcome := CASE WHEN result IS NULL THEN 2 ELSE 1 END;
END $$;
