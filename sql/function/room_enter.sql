-- SPDX-License-Identifier: GPL-3.0-or-later
-- Entering rooms, being in them, and leaving (XEP-0045 section 7).
--
-- All are changes of nobody in particular: who acts is the address that a stanza came from. A refusal has the
-- result { condition, type, text }, a stanza error (RFC 6120 section 8.3); without one, outcome 2 is
-- item-not-found.

CREATE FUNCTION room_refusal(p_type text, p_condition text, p_text text DEFAULT NULL) RETURNS jsonb
LANGUAGE sql IMMUTABLE AS $$
  SELECT jsonb_strip_nulls(jsonb_build_object('type', p_type, 'condition', p_condition, 'text', p_text))
$$;

-- How many sessions may be in one room, and how many of them may be one user's.
CREATE FUNCTION room_sessions_max() RETURNS int LANGUAGE sql IMMUTABLE AS 'SELECT 1024';
CREATE FUNCTION room_sessions_each() RETURNS int LANGUAGE sql IMMUTABLE AS 'SELECT 16';

-- Why somebody with this membership (NULL: none) may not be in the room; NULL: may.
CREATE FUNCTION room_closed_to(c conversations, m members) RETURNS jsonb
LANGUAGE plpgsql STABLE AS $$
BEGIN
  RETURN CASE
    WHEN m.state = 'banned' THEN room_refusal('auth', 'forbidden', 'You are banned from this room')
    WHEN m.state IN ('joined', 'invited') OR c.public THEN NULL
    ELSE room_refusal('auth', 'registration-required', 'Only members may enter this room') END;
END $$;

-- Why somebody may not be called so; NULL: may. Nobody else is called so, and all sessions of one user are
-- called alike.
CREATE FUNCTION room_nick_refusal(p_conversation uuid, p_user uuid, p_nick text) RETURNS jsonb
LANGUAGE plpgsql STABLE AS $$
BEGIN
  RETURN CASE
    WHEN nick_key(p_nick) = '' THEN room_refusal('modify', 'not-acceptable', 'The nick shows nothing')
    WHEN octet_length(p_nick) > 255 THEN room_refusal('modify', 'not-acceptable', 'The nick is too long')
    WHEN nick_is_taken(p_conversation, p_user, p_nick)
      THEN room_refusal('cancel', 'conflict', 'Somebody else is called so, or nearly so') END;
END $$;

-- The history that somebody who enters is sent, { max_stanzas, max_chars, seconds, since (microseconds) }, each
-- may be missing: the newest messages that fit, at most 50, and 20 when nothing is said.
CREATE FUNCTION room_history(p_position bigint, c conversations, m members, p_to text, p_asked jsonb) RETURNS void
LANGUAGE plpgsql AS $$
DECLARE
  most int := least(coalesce((p_asked->>'max_stanzas')::int, CASE WHEN p_asked = '{}' THEN 20 ELSE 50 END), 50);
  since timestamptz := greatest(
    now() - make_interval(secs => (p_asked->>'seconds')::int),
    to_timestamp((p_asked->>'since')::float8 / 1000000));
BEGIN
  INSERT INTO outbox (position, n, kind, from_user, to_address, message_id, origin)
    SELECT p_position, (SELECT room_next(p_position)) + row_number() OVER (ORDER BY h.seq) - 1, 'room_history', h.sender_id,
           p_to, h.id, group_jid(c.room)
      FROM (SELECT x.*, sum(octet_length(x.body) + 300) OVER (ORDER BY x.seq DESC) AS chars
              FROM messages x
              WHERE x.conversation_id = c.id AND x.seq > room_window(c, m) AND coalesce(x.body, x.details::text) IS NOT NULL
                AND x.deleted_at IS NULL AND x.sender_id IS NOT NULL AND (since IS NULL OR x.created_at >= since)
              ORDER BY x.seq DESC LIMIT most) h
      WHERE p_asked->>'max_chars' IS NULL OR h.chars <= (p_asked->>'max_chars')::bigint;
  PERFORM room_history_edits(p_position, c, p_to);
END $$;

-- Behind the history: what its messages say now, the last edit of each.
CREATE FUNCTION room_history_edits(p_position bigint, c conversations, p_to text) RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
  INSERT INTO outbox (position, n, kind, from_user, to_address, message_id, reference, payload, origin)
    SELECT p_position, (SELECT room_next(p_position)) + row_number() OVER (ORDER BY e.position) - 1, 'room_history_entry',
           e.sender_id, p_to, e.target,
           (SELECT n.occupant FROM nicks n WHERE n.conversation_id = c.id AND n.user_id = e.sender_id),
           (room_entry_facts(e) || jsonb_build_object('at', (extract(epoch FROM e.created_at) * 1000000)::bigint))::text,
           group_jid(c.room) || coalesce('/' || nick_at(c.id, e.sender_id, e.position), '')
      FROM outbox o
      CROSS JOIN LATERAL (SELECT x.* FROM entries x WHERE x.target = o.message_id AND x.kind = 'edit'
                            AND coalesce(x.stanza, x.payload::text) IS NOT NULL
                            ORDER BY x.position DESC LIMIT 1) e
      WHERE o.position = p_position AND o.kind = 'room_history' AND o.to_address = p_to;
END $$;

-- Up to which message a member does not see what was said: as the API has it. Whether the history is hidden from who
-- comes in is decided when somebody does (membership_begin()).
CREATE FUNCTION room_window(c conversations, m members) RETURNS bigint
LANGUAGE sql IMMUTABLE AS $$
  SELECT greatest(c.base_seq, m.cleared_seq)
$$;

-- Whether what came from an address, to a room, finds it there.
CREATE FUNCTION room_find(p_arguments jsonb, OUT c conversations, OUT u users, OUT m members, OUT o occupants)
LANGUAGE plpgsql STABLE AS $$
BEGIN
  SELECT * INTO c FROM conversations x WHERE x.room = p_arguments->>'room' AND x.destroyed_at IS NULL;
  SELECT * INTO u FROM users x WHERE x.jid = p_arguments->>'from';
  SELECT * INTO m FROM members x WHERE x.conversation_id = c.id AND x.user_id = u.id;
  SELECT * INTO o FROM occupants x WHERE x.conversation_id = c.id AND x.address = p_arguments->>'address';
END $$;

-- Enters a room: { room (localpart), from (bare JID), address (full), nick, stanza (its presence, as it is passed
-- on), history (see room_history()), create (makes a room that is not there) }. Who is in it already is answered anew.
CREATE FUNCTION change_room_enter(p_user uuid, p_arguments jsonb, OUT outcome int, OUT result jsonb)
LANGUAGE plpgsql AS $$
DECLARE
  f record;
  c conversations;
  u users;
  m members;
  o occupants;
  own nicks;
  place bigint;
  codes jsonb := '[110]';
  others boolean;
BEGIN
  SELECT * INTO f FROM room_find(p_arguments);
  c := f.c;
  u := f.u;
  m := f.m;
  o := f.o;
  outcome := 2;
  IF c.id IS NULL AND (p_arguments->>'create')::boolean
      AND NOT EXISTS (SELECT FROM conversations x WHERE x.room = p_arguments->>'room') THEN
    c := room_make(p_arguments);
    IF c.id IS NULL THEN
      outcome := 5;
      result := room_refusal('wait', 'resource-constraint', 'You own as many rooms as one may');
      RETURN;
    END IF;
    codes := '[201, 110]';
    SELECT * INTO m FROM members x WHERE x.conversation_id = c.id;
  END IF;
  IF c.id IS NULL OR m.role IS DISTINCT FROM 'owner' AND (room_of(c.id)).locked THEN
    RETURN;
  END IF;
  outcome := 5;
  result := coalesce(room_closed_to(c, m), room_full(c, m, p_arguments));
  IF result IS NOT NULL THEN
    RETURN;
  END IF;
  u.id := user_remote(p_arguments->>'from');
  place := (log_advance(1)).ret_before + 1;
  PERFORM nick_all(place, c.id);
  SELECT * INTO own FROM nicks n WHERE n.conversation_id = c.id AND n.user_id = u.id;
  others := EXISTS (SELECT FROM occupants x WHERE x.conversation_id = c.id AND x.user_id = u.id
                      AND x.address <> p_arguments->>'address');
  IF own.key IS NULL OR NOT others THEN
    result := room_nick_refusal(c.id, u.id, p_arguments->>'nick');
    IF result IS NOT NULL THEN
      RETURN;
    END IF;
    own := nick_set(place, c.id, u.id, p_arguments->>'nick');
  ELSIF own.nick <> p_arguments->>'nick' THEN
    codes := codes || '[210]';
  END IF;
  IF m.state IS DISTINCT FROM 'joined' THEN
    SELECT * INTO u FROM users x WHERE x.id = u.id;
    m := membership_change(c, membership_of(c, u), 'joined', coalesce(CASE WHEN m.state = 'invited' THEN m.role END, 'member'),
                           CASE WHEN m.state = 'invited' THEN m.permissions END, u.id);
    place := (log_advance(1)).ret_before + 1;
  END IF;
  INSERT INTO occupants AS x (conversation_id, address, user_id, joined_at, presence)
    SELECT c.id, p_arguments->>'address', u.id, h.stamp, p_arguments->>'stanza' FROM log_head h
    ON CONFLICT (conversation_id, address) DO UPDATE SET presence = excluded.presence;
  UPDATE conversations x SET occupied = true WHERE x.id = c.id RETURNING * INTO c;
  PERFORM room_welcome(place, c, m, own, p_arguments || jsonb_build_object('codes', codes, 'new', o.address IS NULL));
  outcome := 0;
  result := '{}';
END $$;

-- Why there is no place for one more session; NULL: there is.
CREATE FUNCTION room_full(c conversations, m members, p_arguments jsonb) RETURNS jsonb
LANGUAGE plpgsql STABLE AS $$
DECLARE
  sessions int;
  own int;
BEGIN
  SELECT count(*), count(*) FILTER (WHERE o.user_id = m.user_id) INTO sessions, own
    FROM occupants o WHERE o.conversation_id = c.id AND o.address <> p_arguments->>'address';
  IF own >= room_sessions_each() THEN
    RETURN room_refusal('wait', 'resource-constraint', 'You are in this room too often');
  ELSIF sessions >= room_sessions_max()
      OR (coalesce(m.state, '') NOT IN ('joined', 'invited') AND membership_room(c) <= 0) THEN
    RETURN room_refusal('wait', 'service-unavailable', 'The room is full');
  END IF;
  RETURN NULL;
END $$;

-- Which picture the room has (XEP-0153): { hash }, '' for none.
CREATE FUNCTION room_photo(c conversations) RETURNS jsonb
LANGUAGE sql IMMUTABLE AS $$
  SELECT jsonb_build_object('hash', coalesce(c.icon_hash, ''))
$$;

-- What follows on entering, in the order that XEP-0045 section 7.2 has: who is there, oneself, what was said, the
-- subject; and the others are told. p_arguments: those of change_room_enter(), with codes, and new: was not there.
CREATE FUNCTION room_welcome(p_position bigint, c conversations, m members, own nicks, p_arguments jsonb) RETURNS void
LANGUAGE plpgsql AS $$
DECLARE
  session text := p_arguments->>'address';
  person jsonb := room_person(c, m, session) || jsonb_build_object('jid', session);
  r rooms := room_of(c.id);
BEGIN
  PERFORM room_show_others(p_position, c, m, session);
  INSERT INTO outbox (position, n, kind, from_user, to_address, payload, origin)
    SELECT p_position, (SELECT room_next(p_position)) + row_number() OVER (ORDER BY o.address = session DESC, o.joined_at) - 1,
           'room_presence', m.user_id, o.address,
           ((person || CASE
              WHEN o.address = session THEN jsonb_build_object('codes', CASE WHEN c.public THEN '[170]'::jsonb
                ELSE '[100, 170]' END || (p_arguments->'codes'))
              WHEN o.user_id = m.user_id THEN '{"codes": [110]}'
              ELSE '{}' END)
            - CASE WHEN NOT c.public OR o.user_id = m.user_id OR room_role(c, v) = 'moderator'
                   THEN '' ELSE 'jid' END)::text,
           group_jid(c.room) || '/' || own.nick
      FROM occupants o
      LEFT JOIN members v ON v.conversation_id = o.conversation_id AND v.user_id = o.user_id
      WHERE o.conversation_id = c.id AND (o.address = session OR (p_arguments->>'new')::boolean);
  IF c.icon_hash IS NOT NULL THEN
    PERFORM room_tell_one(p_position, c, session, 'room_photo', room_photo(c));
  END IF;
  PERFORM room_history(p_position, c, m, session, coalesce(p_arguments->'history', '{}'));
  PERFORM room_tell_one(p_position, c, session, 'room_subject', jsonb_strip_nulls(jsonb_build_object(
    'subject', coalesce(r.subject, ''), 'nick', r.subject_nick,
    'at', (extract(epoch FROM r.subject_at) * 1000000)::bigint)));
END $$;

-- A session goes: { room, address, stanza (the presence with which it went, if it said something), codes (why, if it
-- did not itself: it is gone from all its rooms then) }. outcome 1: it was not there.
CREATE FUNCTION change_room_leave(p_user uuid, p_arguments jsonb, OUT outcome int, OUT result jsonb)
LANGUAGE plpgsql AS $$
DECLARE
  c conversations;
  o occupants;
BEGIN
  outcome := 1;
  result := '{}';
  FOR o IN SELECT x.* FROM occupants x JOIN conversations y ON y.id = x.conversation_id
             WHERE x.address = p_arguments->>'address' AND (p_arguments ? 'codes' OR y.room = p_arguments->>'room') LOOP
    outcome := 0;
    SELECT * INTO c FROM conversations x WHERE x.id = o.conversation_id;
    PERFORM room_goes((log_advance(1)).ret_before + 1, c, o, p_arguments);
  END LOOP;
END $$;

-- The session goes; others hear of it if it was the user's last one in the room.
CREATE FUNCTION room_goes(p_position bigint, c conversations, o occupants, p_arguments jsonb) RETURNS void
LANGUAGE plpgsql AS $$
DECLARE
  m members;
  own nicks;
  person jsonb;
  codes jsonb := coalesce(p_arguments->'codes', '[]');
BEGIN
  SELECT * INTO m FROM members x WHERE x.conversation_id = c.id AND x.user_id = o.user_id;
  SELECT * INTO own FROM nicks n WHERE n.conversation_id = c.id AND n.user_id = o.user_id;
  person := (room_person(c, m) - 'stanza') || jsonb_strip_nulls(jsonb_build_object(
    'type', 'unavailable', 'role', 'none', 'stanza', p_arguments->'stanza', 'codes', codes));
  IF EXISTS (SELECT FROM occupants x WHERE x.conversation_id = c.id AND x.user_id = o.user_id
               AND x.address <> o.address) THEN
    INSERT INTO outbox (position, n, kind, from_user, to_address, payload, origin)
      VALUES (p_position, room_next(p_position), 'room_presence', o.user_id, o.address,
              person || jsonb_build_object('jid', o.address, 'codes', codes || '[110]'), group_jid(c.room) || '/' || own.nick);
    DELETE FROM occupants x WHERE x.conversation_id = c.id AND x.address = o.address;
  ELSE
    PERFORM room_show(p_position, c, o.user_id, own.nick, person, o.address,
                      jsonb_build_object('codes', codes || '[110]'));
    PERFORM room_take_out(p_position, c, o.user_id);
  END IF;
END $$;

-- Somebody who is in the room shows something else, or wants to be called otherwise: { room, from, address, nick,
-- stanza }. Outcome 3: is not in it.
CREATE FUNCTION change_room_show(p_user uuid, p_arguments jsonb, OUT outcome int, OUT result jsonb)
LANGUAGE plpgsql AS $$
DECLARE
  f record;
  c conversations;
  u users;
  m members;
  o occupants;
  own nicks;
  place bigint;
  asked text := p_arguments->>'nick';
BEGIN
  SELECT * INTO f FROM room_find(p_arguments);
  c := f.c;
  u := f.u;
  m := f.m;
  o := f.o;
  outcome := CASE WHEN c.id IS NULL THEN 2 ELSE 3 END;
  IF o.address IS NULL THEN
    RETURN;
  END IF;
  SELECT * INTO own FROM nicks n WHERE n.conversation_id = c.id AND n.user_id = u.id;
  IF own.nick = asked AND o.presence = p_arguments->>'stanza' THEN
    outcome := 1; -- said again: nobody needs to hear it
    RETURN;
  ELSIF own.nick <> asked THEN
    result := room_nick_refusal(c.id, u.id, asked);
    IF result IS NOT NULL THEN
      outcome := 5;
      RETURN;
    END IF;
  END IF;
  outcome := 0;
  place := (log_advance(1)).ret_before + 1;
  UPDATE occupants x SET presence = p_arguments->>'stanza'
    WHERE x.conversation_id = c.id AND x.address = o.address;
  IF own.nick <> asked THEN
    PERFORM room_show(place, c, u.id, own.nick, room_person(c, m, o.address) - 'stanza'
                        || jsonb_build_object('type', 'unavailable', 'nick', asked, 'codes', '[303]'::jsonb),
                      o.address, '{"codes": [303, 110]}');
    own := nick_set(place, c.id, u.id, asked);
  END IF;
  PERFORM room_show(place, c, u.id, own.nick, room_person(c, m, o.address), o.address,
                    '{"codes": [110]}');
END $$;

-- What one room is to who asks from p_address, of p_from (bare JID): no row if there is none. nick: as whom
-- p_address is in it, NULL: is not. occupants: people who are there. photo: the icon's hash.
CREATE FUNCTION room_scene(p_room text, p_address text, p_from text)
RETURNS TABLE (conversation uuid, name text, description text, subject text, public boolean, moderated boolean,
               affiliation text, role text, nick text, occupants bigint, photo text)
LANGUAGE plpgsql STABLE AS $$
#variable_conflict use_column
DECLARE
  f record;
  c conversations;
  m members;
BEGIN
  SELECT * INTO f FROM room_find(jsonb_build_object('room', p_room, 'address', p_address, 'from', p_from));
  c := f.c;
  m := f.m;
  IF c.id IS NOT NULL THEN
    RETURN QUERY SELECT c.id, c.name, c.description, (SELECT r.subject FROM rooms r WHERE r.conversation_id = c.id),
      c.public, group_settings(c.settings)->>'who_can_send' <> 'everyone', room_affiliation(m), room_role(c, m),
      CASE WHEN f.o IS NOT NULL
           THEN (SELECT n.nick FROM nicks n WHERE n.conversation_id = c.id AND n.user_id = m.user_id) END,
      (SELECT count(*) FROM members x WHERE x.conversation_id = c.id AND x.state = 'joined'
         AND (x.kind = 'hosted' OR EXISTS (SELECT FROM occupants o
                                             WHERE o.conversation_id = c.id AND o.user_id = x.user_id))),
      c.icon_hash;
  END IF;
END $$;

-- Asks all sessions whether they are still there: each once, whatever the number of its rooms, and none while some are
-- asked already. An error that comes back to one room takes it out of all.
CREATE FUNCTION change_room_probe(p_user uuid, p_arguments jsonb, OUT outcome int, OUT result jsonb)
LANGUAGE plpgsql AS $$
BEGIN
  outcome := 1;
  result := '{}';
  IF EXISTS (SELECT FROM occupants) AND NOT EXISTS (SELECT FROM outbox q WHERE q.kind = 'room_probe') THEN
    outcome := 0;
    INSERT INTO outbox (position, n, kind, to_address, origin)
      SELECT taken.ret_before + 1, row_number() OVER (ORDER BY o.address) - 1, 'room_probe', o.address, o.room
        FROM (SELECT x.address, min(group_jid(c.room)) AS room FROM occupants x
                JOIN conversations c ON c.id = x.conversation_id
                GROUP BY x.address) o
        CROSS JOIN (SELECT * FROM log_advance(1)) taken;
  END IF;
END $$;

-- The rooms that are shown to everybody, at most 1000.
CREATE FUNCTION room_public() RETURNS TABLE (room text, name text)
LANGUAGE sql STABLE AS $$
  SELECT group_jid(c.room), c.name FROM conversations c
    WHERE c.public AND c.room IS NOT NULL AND c.destroyed_at IS NULL ORDER BY c.room LIMIT 1000
$$;
