-- SPDX-License-Identifier: GPL-3.0-or-later
-- Hosted groups as rooms of XMPP (XEP-0045, decision 0063).
--
-- What is said to those who are in a room waits in the outbox, one row for each session, behind the event that
-- caused it. Functions that write are for the holder of the log.

-- Tells everybody who is in the room by XMPP: a stanza of p_kind (a row of struct outgoing, of SERVICE_ROOMS)
-- from p_user's place in the room, or from the room itself if p_user is NULL. p_position: of the event that
-- causes it, of this transaction. p_payload and p_message are up to the kind.
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
    SELECT p_position,
           coalesce((SELECT max(x.n) + 1 FROM outbox x WHERE x.position = p_position), 0)
             + row_number() OVER (ORDER BY o.joined_at, o.address) - 1,
           p_kind, p_user, o.address, p_message, own.occupant, p_payload::text,
           c.room || coalesce('/' || own.nick, '')
      FROM occupants o WHERE o.conversation_id = c.id;
END $$;

-- Tells the room that a membership has come, changed or gone. p_member: as it was, NULL: it is new. p_actor: who did
-- it, NULL: the system.
CREATE FUNCTION room_member_changed(p_position bigint, c conversations, p_member members, p_actor uuid,
                                    p_reason text) RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
  RETURN;
END $$;

-- Tells the room that its name, description, icon or settings have changed.
CREATE FUNCTION room_changed(p_position bigint, c conversations, p_actor uuid) RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
  RETURN;
END $$;
