-- SPDX-License-Identifier: GPL-3.0-or-later
-- Hosted groups as rooms of XMPP (XEP-0045, decision 0063): what is said to those who are in one.
--
-- It waits in the outbox, one row for each session, behind the event that caused it, the answer to entering
-- included: so that all see one order, and nobody misses anything. Functions that write are for the holder of
-- the log.

-- ---- Who is what ------------------------------------------------------------------------------------

-- A member's affiliation; of nobody's row: 'none'.
CREATE FUNCTION room_affiliation(m members) RETURNS text
LANGUAGE sql IMMUTABLE AS $$
  SELECT CASE m.state WHEN 'banned' THEN 'outcast' WHEN 'joined' THEN m.role WHEN 'invited' THEN m.role
              ELSE 'none' END
$$;

-- What a member may do in the room.
CREATE FUNCTION room_role(c conversations, m members) RETURNS text
LANGUAGE plpgsql STABLE AS $$
BEGIN
  RETURN CASE WHEN m.state IS DISTINCT FROM 'joined' THEN 'none'
              WHEN group_may(c, m, 'remove_members') THEN 'moderator'
              WHEN group_may(c, m, 'send_messages') THEN 'participant' ELSE 'visitor' END;
END $$;

-- ---- Queueing ---------------------------------------------------------------------------------------

-- Behind what p_position has already. Of many rows it is asked once: (SELECT room_next()).
CREATE FUNCTION room_next(p_position bigint) RETURNS int
LANGUAGE plpgsql STABLE AS $$
BEGIN
  RETURN coalesce((SELECT o.n + 1 FROM outbox o WHERE o.position = p_position ORDER BY o.n DESC LIMIT 1), 0);
END $$;

-- Tells everybody who is in the room by XMPP: a stanza of p_kind (a row of struct outgoing, of SERVICE_ROOMS)
-- from p_user's place in the room, or from the room itself if p_user is NULL. p_position: of the event that
-- causes it, of this transaction. p_payload and p_message are up to the kind; reference is the occupant id.
CREATE FUNCTION room_tell(p_position bigint, c conversations, p_kind text, p_user uuid,
                          p_payload jsonb DEFAULT NULL, p_message uuid DEFAULT NULL) RETURNS void
LANGUAGE plpgsql AS $$
DECLARE
  own nicks;
BEGIN
  IF NOT c.occupied THEN
    RETURN;
  END IF;
  SELECT * INTO own FROM nicks n WHERE n.conversation_id = c.id AND n.user_id = p_user;
  INSERT INTO outbox (position, n, kind, from_user, to_address, message_id, reference, payload, origin)
    SELECT p_position, (SELECT room_next(p_position)) + row_number() OVER (ORDER BY o.joined_at, o.address) - 1,
           p_kind, p_user, o.address, p_message, own.occupant, p_payload::text,
           group_jid(c.room) || coalesce('/' || own.nick, '')
      FROM occupants o WHERE o.conversation_id = c.id;
END $$;

-- Tells them of a message that is just stored. True.
CREATE FUNCTION room_tell_message(p_position bigint, p_conversation uuid, p_sender uuid, p_message uuid)
RETURNS boolean
LANGUAGE plpgsql AS $$
BEGIN
  IF (SELECT guest_is(c) FROM conversations c WHERE c.id = p_conversation) THEN
    PERFORM guest_tell_message(p_position, p_conversation, p_sender, p_message);
    RETURN true;
  END IF;
  INSERT INTO outbox (position, n, kind, from_user, to_address, message_id)
    SELECT p_position, row_number() OVER (ORDER BY o.joined_at, o.address) - 1, 'room_message', p_sender,
           o.address, p_message
      FROM occupants o WHERE o.conversation_id = p_conversation;
  RETURN true;
END $$;

-- The same to one session.
CREATE FUNCTION room_tell_one(p_position bigint, c conversations, p_to text, p_kind text, p_payload jsonb)
RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
  INSERT INTO outbox (position, n, kind, to_address, payload, origin)
    VALUES (p_position, room_next(p_position), p_kind, p_to, p_payload::text, group_jid(c.room));
END $$;

-- ---- Presences --------------------------------------------------------------------------------------

-- What a member is besides the affiliation, as hats (XEP-0317): [{ uri, title }]; NULL: nothing.
CREATE FUNCTION room_hats(m members) RETURNS jsonb
LANGUAGE sql IMMUTABLE AS $$
  SELECT CASE WHEN m.state = 'joined' AND m.role = 'member' AND m.permissions && '{remove_members,delete_messages}'
              THEN '[{"uri": "urn:trestle:hat:moderator", "title": "Moderator"}]'::jsonb END
$$;

-- What a presence says of one of the room's people: { affiliation, role, hats, occupant, stanza (what that one shows,
-- NULL: is just there) }. p_address: of the session that shows it; NULL: the newest.
CREATE FUNCTION room_person(c conversations, m members, p_address text DEFAULT NULL) RETURNS jsonb
LANGUAGE plpgsql STABLE AS $$
BEGIN
  RETURN jsonb_strip_nulls(jsonb_build_object(
    'affiliation', room_affiliation(m), 'role', room_role(c, m), 'hats', room_hats(m),
    'occupant', (SELECT n.occupant FROM nicks n WHERE n.conversation_id = c.id AND n.user_id = m.user_id),
    'stanza', (SELECT o.presence FROM occupants o
                 WHERE o.conversation_id = c.id AND o.user_id = m.user_id
                   AND o.address = coalesce(p_address, o.address)
                 ORDER BY o.joined_at DESC LIMIT 1)));
END $$;

-- The address behind a nick, for who may see it: of the session p_address, else of the newest, or of the one
-- that a user of ours has.
CREATE FUNCTION room_address(c conversations, m members, p_address text DEFAULT NULL) RETURNS text
LANGUAGE plpgsql STABLE AS $$
BEGIN
  RETURN coalesce(p_address, (SELECT o.address FROM occupants o
                                WHERE o.conversation_id = c.id AND o.user_id = m.user_id
                                ORDER BY o.joined_at DESC LIMIT 1),
                  m.jid || CASE WHEN m.kind = 'hosted' THEN '/rest' ELSE '' END);
END $$;

-- Sends everybody in the room the presence p_person (of room_person(), and what else occupant_build() in
-- bridge/room/occupant.c knows) of p_user, who is called p_nick. p_jid: whose address that is; in a public room
-- moderators alone see it. p_own: what p_user's own sessions are told in place of the same members.
CREATE FUNCTION room_show(p_position bigint, c conversations, p_user uuid, p_nick text, p_person jsonb,
                          p_jid text, p_own jsonb) RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
  INSERT INTO outbox (position, n, kind, from_user, to_address, payload, origin)
    SELECT p_position, (SELECT room_next(p_position)) + row_number() OVER (ORDER BY o.joined_at, o.address) - 1,
           'room_presence', p_user, o.address,
           (CASE WHEN o.user_id = p_user THEN p_person || p_own ELSE p_person END
            || CASE WHEN NOT c.public OR o.user_id = p_user OR room_role(c, m) = 'moderator'
                    THEN jsonb_build_object('jid', p_jid) ELSE '{}' END)::text,
           group_jid(c.room) || '/' || p_nick
      FROM occupants o
      LEFT JOIN members m ON m.conversation_id = o.conversation_id AND m.user_id = o.user_id
      WHERE o.conversation_id = c.id;
END $$;

-- Sends p_to, a session of p_viewer's, the presences of all others who are there: as room_person() and room_address() have
-- them, in one go over the sessions, for a room fills up at once.
CREATE FUNCTION room_show_others(p_position bigint, c conversations, p_viewer members, p_to text) RETURNS void
LANGUAGE plpgsql AS $$
DECLARE
  sees boolean := NOT c.public OR room_role(c, p_viewer) = 'moderator';
  room text := group_jid(c.room) || '/';
BEGIN
  INSERT INTO outbox (position, n, kind, from_user, to_address, payload, origin)
    SELECT p_position, (SELECT room_next(p_position)) + row_number() OVER (ORDER BY n.nick) - 1,
           'room_presence', m.user_id, p_to,
           jsonb_strip_nulls(jsonb_build_object(
             'affiliation', room_affiliation(m), 'role', room_role(c, m), 'hats', room_hats(m), 'occupant', n.occupant,
             'stanza', newest.presence, 'jid', CASE WHEN sees THEN coalesce(
               newest.address, m.jid || CASE WHEN m.kind = 'hosted' THEN '/rest' ELSE '' END) END))::text, room || n.nick
      FROM members m
      JOIN nicks n ON n.conversation_id = m.conversation_id AND n.user_id = m.user_id
      LEFT JOIN (SELECT DISTINCT ON (o.user_id) o.user_id, o.address, o.presence FROM occupants o
                   WHERE o.conversation_id = c.id ORDER BY o.user_id, o.joined_at DESC) newest ON newest.user_id = m.user_id
      WHERE m.conversation_id = c.id AND m.user_id <> p_viewer.user_id AND m.state = 'joined'
        AND (m.kind = 'hosted' OR newest.address IS NOT NULL);
END $$;

-- ---- Messages ---------------------------------------------------------------------------------------

-- From what the stanza of a message is made, for bridge/room/groupchat.h: { id (its id in the archive, and
-- stanza-id), wire (the stanza's id), room (its address), nick (as it was then), occupant, body, stanza (as it
-- came, if it came by XMPP), content (message_wire(), if it is an app's and carries something), at (microseconds since
-- 1970) }.
CREATE FUNCTION room_message_facts(m messages, c conversations) RETURNS jsonb
LANGUAGE plpgsql STABLE AS $$
BEGIN
  RETURN jsonb_strip_nulls(jsonb_build_object(
    'id', m.id, 'wire', coalesce(m.foreign_id, m.id::text), 'room', group_jid(c.room),
    'nick', nick_at(c.id, m.sender_id, m.position),
    'occupant', (SELECT n.occupant FROM nicks n WHERE n.conversation_id = c.id AND n.user_id = m.sender_id),
    'body', m.body, 'stanza', m.stanza,
    'content', CASE WHEN m.stanza IS NULL AND m.details IS NOT NULL THEN message_wire(m, c) END, 'at', (extract(epoch FROM m.created_at) * 1000000)::bigint));
END $$;

-- What an entry says on its way to a room: { id, wire, kind, target, payload, stanza (as it came, if it came by XMPP) }.
CREATE FUNCTION room_entry_facts(e entries) RETURNS jsonb
LANGUAGE plpgsql IMMUTABLE AS $$
BEGIN
  RETURN jsonb_strip_nulls(jsonb_build_object(
      'id', e.id, 'wire', coalesce(e.foreign_id, e.id::text), 'kind', e.kind, 'target', e.target, 'stanza', e.stanza))
    || jsonb_build_object('payload', e.payload);
END $$;

-- The same of what is no message, but has a place in the archive as well: its facts.
CREATE FUNCTION room_tell_entry(c conversations, e entries) RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
  IF guest_is(c) THEN
    PERFORM guest_tell_entry(e);
    RETURN;
  END IF;
  PERFORM room_tell(e.position, c, 'room_entry', e.sender_id, room_entry_facts(e), e.target);
END $$;

-- ---- What groups tell rooms -------------------------------------------------------------------------

-- Takes p_user's sessions out of the room, after p_person was shown to all.
CREATE FUNCTION room_take_out(p_position bigint, c conversations, p_user uuid) RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
  DELETE FROM occupants o WHERE o.conversation_id = c.id AND o.user_id = p_user;
  UPDATE conversations x SET occupied = EXISTS (SELECT FROM occupants o WHERE o.conversation_id = c.id)
    WHERE x.id = c.id;
END $$;

-- Tells the room that a membership has come, changed or gone; the row of members is as it is now. p_member: as it
-- was, with its user_id in any case; state NULL: there was none. p_actor: who did it, NULL: the system.
CREATE FUNCTION room_member_changed(p_position bigint, c conversations, p_member members, p_actor uuid,
                                    p_reason text) RETURNS void
LANGUAGE plpgsql AS $$
DECLARE
  m members;
  own nicks;
  person jsonb;
  was_in boolean := coalesce(p_member.state, '') = 'joined';
  seen boolean;
BEGIN
  IF guest_is(c) THEN -- which says who is there by itself
    RETURN;
  END IF;
  SELECT * INTO m FROM members x WHERE x.conversation_id = c.id AND x.user_id = p_member.user_id;
  IF m.state = 'joined' AND m.kind = 'hosted' THEN
    own := nick_give(p_position, c.id, m.user_id, nick_wanted(m, (SELECT u FROM users u WHERE u.id = m.user_id)));
  ELSE
    SELECT * INTO own FROM nicks n WHERE n.conversation_id = c.id AND n.user_id = p_member.user_id;
  END IF;
  IF m.state IS DISTINCT FROM 'joined' AND m.state IS DISTINCT FROM 'invited' THEN
    UPDATE nicks n SET key = NULL WHERE n.conversation_id = c.id AND n.user_id = p_member.user_id;
  END IF;
  IF m.state = 'invited' AND NOT EXISTS (SELECT FROM users u WHERE u.id = m.user_id AND u.kind = 'hosted') AND p_member.state IS DISTINCT FROM 'invited' THEN
    PERFORM room_invite(p_position, c, m, p_actor, p_reason);
  END IF;
  IF NOT c.occupied OR own.nick IS NULL THEN
    RETURN;
  END IF;
  person := room_person(c, m) || jsonb_strip_nulls(jsonb_build_object(
    'reason', p_reason, 'actor', nick_at(c.id, p_actor, p_position)));
  seen := p_member.kind = 'hosted' OR m.kind = 'hosted' OR EXISTS (
    SELECT FROM occupants o WHERE o.conversation_id = c.id AND o.user_id = p_member.user_id);
  IF m.state = 'joined' AND seen THEN
    IF NOT was_in OR p_member.role <> m.role OR p_member.permissions IS DISTINCT FROM m.permissions THEN
      PERFORM room_show(p_position, c, m.user_id, own.nick, person, room_address(c, m), '{"codes": [110]}');
    END IF;
  ELSIF was_in AND seen AND m.state IS DISTINCT FROM 'joined' THEN
    person := person || jsonb_build_object('type', 'unavailable', 'role', 'none', 'codes', CASE
      WHEN m.state = 'banned' THEN '[301]'::jsonb
      WHEN m.state = 'removed' AND c.public THEN '[307]' WHEN m.state = 'removed' THEN '[321]' ELSE '[]' END);
    PERFORM room_show(p_position, c, p_member.user_id, own.nick, person - 'stanza',
                      room_address(c, p_member),
                      jsonb_build_object('codes', (person->'codes') || '[110]'));
    PERFORM room_take_out(p_position, c, p_member.user_id);
  END IF;
END $$;

-- Asks somebody on XMPP into the room, in both ways that clients know: from the member who asks (XEP-0249), and from the
-- room (XEP-0045 section 7.8.2).
CREATE FUNCTION room_invite(p_position bigint, c conversations, m members, p_actor uuid, p_reason text) RETURNS void
LANGUAGE plpgsql AS $$
DECLARE
  actor users := (SELECT u FROM users u WHERE u.id = p_actor);
BEGIN
  IF group_jid(c.room) IS NULL THEN
    RETURN;
  END IF;
  IF actor.kind <> 'remote' THEN
    PERFORM outbox_add(p_position, 'invitation', p_actor, ARRAY[m.jid], NULL, group_jid(c.room), coalesce(p_reason, c.name));
  END IF;
  PERFORM room_tell_one(p_position, c, m.jid, 'room_invitation', jsonb_strip_nulls(jsonb_build_object(
    'from', coalesce(actor.jid, group_jid(c.room)), 'reason', coalesce(p_reason, c.name))));
END $$;

-- Tells the room that its name, description, icon or settings have changed, or that it is no more.
CREATE FUNCTION room_changed(p_position bigint, c conversations, p_actor uuid) RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
  IF guest_is(c) THEN
    RETURN;
  ELSIF c.destroyed_at IS NOT NULL THEN
    PERFORM room_end(p_position, c, '{}');
  ELSE
    PERFORM room_tell(p_position, c, 'room_status', NULL, '{"codes": [104]}');
  END IF;
END $$;
