-- SPDX-License-Identifier: GPL-3.0-or-later
-- What is said in rooms besides messages of the group; those are message_receive()'s.

-- Who hears now what p_address, which is in the room, says there without a text: its place, and all sessions. No row:
-- it is not in the room, or may not speak.
CREATE FUNCTION room_audience(p_room text, p_address text)
RETURNS TABLE (room text, nick text, occupant text, address text)
LANGUAGE plpgsql STABLE AS $$
#variable_conflict use_column
DECLARE
  c conversations;
  own nicks;
BEGIN
  SELECT * INTO c FROM conversations x WHERE x.room = p_room;
  SELECT n.* INTO own FROM occupants o
    JOIN nicks n ON n.conversation_id = o.conversation_id AND n.user_id = o.user_id
    JOIN members m ON m.conversation_id = o.conversation_id AND m.user_id = o.user_id AND group_may(c, m, 'send_messages')
    WHERE o.conversation_id = c.id AND o.address = p_address;
  RETURN QUERY
    SELECT group_jid(c.room), own.nick, own.occupant, o.address FROM occupants o
      WHERE o.conversation_id = own.conversation_id ORDER BY o.joined_at, o.address;
END $$;

-- Whom it is told that somebody types in a group: p_user in p_conversation, or who is in p_room from p_address. Each row
-- has the typist, and one of the hosted members (but for the typist) or one session in the room; the first row has
-- neither. No row: that one is not there.
CREATE FUNCTION group_typing(p_conversation uuid, p_user uuid, p_room text, p_address text)
RETURNS TABLE (conversation uuid, actor uuid, number bigint, member uuid, room text, nick text, occupant text, address text)
LANGUAGE plpgsql STABLE AS $$
#variable_conflict use_column
DECLARE
  c conversations;
  m members;
  own nicks;
BEGIN
  IF p_room IS NULL THEN
    SELECT * INTO c FROM conversations x WHERE x.id = p_conversation;
  ELSIF p_room LIKE '%@%' THEN -- elsewhere; p_address is a place there
    RETURN QUERY SELECT t.* FROM guest_typing(p_room, substr(p_address, length(p_room) + 2)) t;
    RETURN;
  ELSE
    SELECT * INTO c FROM conversations x WHERE x.room = p_room;
  END IF;
  SELECT x.* INTO m FROM members x
    WHERE x.conversation_id = c.id AND x.state = 'joined' AND c.kind <> 'direct'
      AND x.user_id = CASE WHEN p_room IS NULL THEN p_user
                           ELSE (SELECT o.user_id FROM occupants o
                                   WHERE o.conversation_id = c.id AND o.address = p_address) END;
  IF m.user_id IS NULL OR NOT group_may(c, m, 'send_messages') THEN
    RETURN;
  END IF;
  SELECT * INTO own FROM nicks n WHERE n.conversation_id = c.id AND n.user_id = m.user_id;
  RETURN QUERY SELECT c.id, m.user_id, m.number, NULL::uuid, NULL::text, NULL::text, NULL::text, NULL::text;
  RETURN QUERY SELECT c.id, m.user_id, m.number, x.user_id, NULL::text, NULL::text, NULL::text, NULL::text
    FROM members x WHERE x.conversation_id = c.id AND x.state = 'joined' AND x.kind = 'hosted' AND x.user_id <> m.user_id;
  RETURN QUERY SELECT c.id, m.user_id, m.number, NULL::uuid, group_jid(c.room), own.nick, own.occupant, o.address
    FROM occupants o WHERE c.occupied AND o.conversation_id = c.id AND own.nick IS NOT NULL;
  RETURN QUERY SELECT c.id, m.user_id, m.number, NULL::uuid, m.jid || '/rest', NULL::text, NULL::text, c.remote_jid
    FROM guest_seats s -- the room passes it on
    WHERE guest_is(c) AND s.conversation_id = c.id AND s.user_id = m.user_id AND s.state = 'in';
END $$;

-- To whom it is shown that p_user, one of ours, has read up to p_message: all sessions in a private room, the newest
-- message up to there that is in its archive, and an id for the stanza.
CREATE FUNCTION room_mark(p_conversation uuid, p_user uuid, p_message uuid)
RETURNS TABLE (room text, nick text, occupant text, address text, message text, id text)
LANGUAGE plpgsql STABLE AS $$
#variable_conflict use_column
DECLARE
  c conversations;
  own nicks;
  target uuid;
BEGIN
  SELECT * INTO c FROM conversations x WHERE x.id = p_conversation AND x.occupied AND NOT x.public;
  IF c.id IS NULL THEN
    RETURN;
  ELSIF guest_is(c) THEN
    RETURN QUERY SELECT t.* FROM guest_mark(c, p_user, p_message) t;
    RETURN;
  END IF;
  SELECT n.* INTO own FROM nicks n
    JOIN members m ON m.conversation_id = n.conversation_id AND m.user_id = n.user_id AND m.kind = 'hosted' AND m.state = 'joined'
    WHERE n.conversation_id = c.id AND n.user_id = p_user;
  target := (SELECT x.id FROM messages x WHERE x.conversation_id = c.id AND x.sender_id IS NOT NULL
               AND x.seq <= (SELECT y.seq FROM messages y WHERE y.id = p_message) ORDER BY x.seq DESC LIMIT 1);
  RETURN QUERY
    SELECT group_jid(c.room), own.nick, own.occupant, o.address, target::text, 'mark-' || target || '-' || left(md5(own.occupant), 8)
      FROM occupants o WHERE o.conversation_id = own.conversation_id AND target IS NOT NULL ORDER BY o.joined_at, o.address;
END $$;

-- Sets the subject, '' takes it away: { room, from, address, subject }. Moderators may.
CREATE FUNCTION change_room_subject(p_user uuid, p_arguments jsonb, OUT outcome int, OUT result jsonb)
LANGUAGE plpgsql AS $$
DECLARE
  f record;
  c conversations;
  m members;
  r rooms;
  own nicks;
  head log_head;
BEGIN
  SELECT * INTO f FROM room_find(p_arguments);
  c := f.c;
  m := f.m;
  outcome := 3; -- is not in it
  IF (f.o).address IS NULL THEN
    RETURN;
  END IF;
  outcome := 5;
  IF room_role(c, m) <> 'moderator' THEN
    result := room_refusal('auth', 'forbidden', 'Only moderators change the subject');
    RETURN;
  END IF;
  outcome := 0;
  result := '{}';
  PERFORM log_advance(1);
  SELECT * INTO head FROM log_head;
  r := room_of(c.id);
  SELECT * INTO own FROM nicks n WHERE n.conversation_id = c.id AND n.user_id = m.user_id;
  UPDATE rooms x SET subject = p_arguments->>'subject', subject_nick = own.nick, subject_at = head.stamp
    WHERE x.conversation_id = c.id;
  PERFORM room_tell(head.position, c, 'room_subject', NULL, jsonb_build_object(
    'subject', p_arguments->>'subject', 'nick', own.nick));
END $$;

-- Passes a private message on: { room, from, address, nick (for whom), stanza (as text) }. App users have no place for
-- one: who wants to talk with them writes to them.
CREATE FUNCTION change_room_private(p_user uuid, p_arguments jsonb, OUT outcome int, OUT result jsonb)
LANGUAGE plpgsql AS $$
DECLARE
  f record;
  c conversations;
  own nicks;
  target members;
  place bigint;
BEGIN
  SELECT * INTO f FROM room_find(p_arguments);
  c := f.c;
  outcome := 3; -- is not in it
  IF (f.o).address IS NULL THEN
    RETURN;
  END IF;
  outcome := 5;
  SELECT m.* INTO target FROM nicks n
    JOIN members m ON m.conversation_id = n.conversation_id AND m.user_id = n.user_id AND m.state = 'joined'
    WHERE n.conversation_id = c.id AND n.key IS NOT NULL AND n.nick = p_arguments->>'nick';
  SELECT * INTO own FROM nicks n WHERE n.conversation_id = c.id AND n.user_id = (f.o).user_id;
  IF target.kind = 'hosted' AND NOT EXISTS (SELECT FROM occupants o WHERE o.conversation_id = c.id AND o.user_id = target.user_id) THEN
    result := room_refusal('cancel', 'service-unavailable', CASE WHEN c.public
      THEN 'Private messages to users of this service are not passed on'
      ELSE 'Write to ' || target.jid || ' instead' END);
    RETURN;
  ELSIF NOT EXISTS (SELECT FROM occupants o WHERE o.conversation_id = c.id AND o.user_id = target.user_id) THEN
    result := room_refusal('cancel', 'item-not-found', 'Nobody of that name is in the room');
    RETURN;
  END IF;
  outcome := 0;
  result := '{}';
  place := (log_advance(1)).ret_before + 1;
  INSERT INTO outbox (position, n, kind, from_user, to_address, reference, payload, origin)
    SELECT place, row_number() OVER (ORDER BY o.joined_at, o.address) - 1, 'room_private', own.user_id, o.address,
           own.occupant, p_arguments->>'stanza', group_jid(c.room) || '/' || own.nick
      FROM occupants o WHERE o.conversation_id = c.id AND o.user_id = target.user_id;
END $$;
