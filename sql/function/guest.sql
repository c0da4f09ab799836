-- SPDX-License-Identifier: GPL-3.0-or-later
-- Groups that are rooms elsewhere (decision 0069): our users' places there, who else is there, invitations.
--
-- Whoever is there is told by the room, to each of our users; the program hears one of them (bridge/guest). What came
-- from a room is told by changes of nobody in particular, with { room, to (bare JIDs), … }; of a place that there is
-- not they know nothing: outcome 2. Functions that write are for the holder of the log.

-- How many of those who are in a room are kept, in how many rooms one user may be, and by how many may be asked.
CREATE FUNCTION guest_people_max() RETURNS int LANGUAGE sql IMMUTABLE AS 'SELECT 256';
CREATE FUNCTION guest_rooms_max() RETURNS int LANGUAGE sql IMMUTABLE AS 'SELECT 100';
CREATE FUNCTION guest_asked_max() RETURNS int LANGUAGE sql IMMUTABLE AS 'SELECT 50';

-- Whether the group is a room elsewhere.
CREATE FUNCTION guest_is(c conversations) RETURNS boolean
LANGUAGE sql IMMUTABLE AS $$
  SELECT c.kind = 'group' AND c.remote_jid IS NOT NULL
$$;

-- Why the API cannot do that to such a group.
CREATE FUNCTION guest_closed() RETURNS jsonb
LANGUAGE sql IMMUTABLE AS $$
  SELECT '{"detail": "the group is a room of another service, which decides that", "error_reason": "elsewhere"}'::jsonb
$$;

-- The group that is the room with that address; a row of NULLs: there is none yet.
CREATE FUNCTION guest_group(p_room text) RETURNS conversations
LANGUAGE plpgsql STABLE AS $$
DECLARE
  c conversations;
BEGIN
  SELECT * INTO c FROM conversations x WHERE x.kind = 'group' AND x.remote_jid = p_room AND x.destroyed_at IS NULL;
  RETURN c;
END $$;

-- The same, made if there is none.
CREATE FUNCTION guest_make(p_room text) RETURNS conversations
LANGUAGE plpgsql AS $$
DECLARE
  c conversations := guest_group(p_room);
  taken record;
BEGIN
  IF c.id IS NULL THEN
    taken := log_advance(1);
    INSERT INTO conversations (id, kind, name, member_ids, member_numbers, plain, remote_jid, occupied, position, created_at)
      VALUES (gen_random_uuid(), 'group', split_part(p_room, '@', 1), '{}', '{}', false, p_room, true,
              taken.ret_before + 1, taken.ret_stamp)
      RETURNING * INTO c;
    INSERT INTO guest_rooms (conversation_id) VALUES (c.id);
  END IF;
  RETURN c;
END $$;

-- The place that is meant by { room, to }.
CREATE FUNCTION guest_find(p_arguments jsonb, OUT c conversations, OUT g guest_rooms, OUT u users, OUT s guest_seats)
LANGUAGE plpgsql STABLE AS $$
BEGIN
  c := guest_group(p_arguments->>'room');
  SELECT * INTO g FROM guest_rooms x WHERE x.conversation_id = c.id;
  SELECT * INTO u FROM users x WHERE x.jid = p_arguments->>'to' AND x.kind <> 'remote';
  SELECT * INTO s FROM guest_seats x WHERE x.conversation_id = c.id AND x.user_id = u.id AND x.state <> 'asked';
END $$;

-- ---- How it looks -----------------------------------------------------------------------------------

-- Conversation.elsewhere for its member mine. NULL: the group is ours.
CREATE FUNCTION guest_shown(c conversations, mine members) RETURNS jsonb
LANGUAGE plpgsql STABLE AS $$
BEGIN
  IF NOT guest_is(c) THEN
    RETURN NULL;
  END IF;
  RETURN (
    SELECT jsonb_build_object('state', CASE s.state WHEN 'asked' THEN 'invited' WHEN 'leaving' THEN NULL ELSE s.state END,
                              'nick', s.nick, 'problem', s.error, 'anonymous', g.anonymous,
                              'archived', coalesce(g.archived, false), 'subject', g.subject)
      FROM guest_rooms g
      LEFT JOIN guest_seats s ON s.conversation_id = c.id AND s.user_id = mine.user_id
      WHERE g.conversation_id = c.id);
END $$;

-- ---- Invitations ------------------------------------------------------------------------------------

-- Somebody asks a user into a room: { room, to, inviter (bare JID), by_room (the room passes it on), reason, password }. It
-- is a request of the user's; blocks and privacy hold as for a message. Outcome 4: it is not wanted; 1: nothing new.
CREATE FUNCTION change_guest_invited(p_user uuid, p_arguments jsonb, OUT outcome int, OUT result jsonb)
LANGUAGE plpgsql AS $$
DECLARE
  room text := p_arguments->>'room';
  inviter text := p_arguments->>'inviter';
  target users := (SELECT u FROM users u WHERE u.jid = p_arguments->>'to' AND u.kind <> 'remote');
  c conversations;
  old members;
  m members;
  source uuid;
BEGIN
  outcome := 4;
  IF relation_refuses(target.id, inviter) OR relation_blocks(target.id, room) OR user_is_suspended(target) THEN
    RETURN;
  END IF;
  c := guest_group(room);
  old := membership_of(c, target);
  outcome := 1;
  IF old.state IN ('joined', 'invited')
      OR old.state = 'left' AND old.request = 'declined' AND NOT relation_contact(target.id, inviter) THEN
    UPDATE guest_seats s SET password = coalesce(p_arguments->>'password', s.password)
      WHERE s.conversation_id = c.id AND s.user_id = target.id AND s.state = 'asked';
    RETURN;
  ELSIF (SELECT count(*) FROM guest_seats s WHERE s.user_id = target.id AND s.state = 'asked') >= guest_asked_max() THEN
    outcome := 4;
    RETURN;
  END IF;
  outcome := 0;
  c := guest_make(room);
  source := user_remote(inviter);
  old := membership_of(c, target);
  IF NOT EXISTS (SELECT FROM members x WHERE x.conversation_id = c.id AND x.user_id = source) THEN -- so that it is shown who asks
    PERFORM membership_put(c, membership_of(c, (SELECT u FROM users u WHERE u.id = source)), 'left', 'member', NULL, source);
  END IF;
  INSERT INTO guest_seats AS s (conversation_id, user_id, state, password, inviter)
    VALUES (c.id, target.id, 'asked', p_arguments->>'password', CASE WHEN (p_arguments->>'by_room')::boolean THEN inviter END)
    ON CONFLICT (conversation_id, user_id) DO UPDATE
      SET state = 'asked', password = excluded.password, inviter = excluded.inviter, due_at = NULL, error = NULL;
  m := membership_put(c, old, 'invited', 'member', NULL, source);
  PERFORM event_add('request.new', 'user', c.id, target.id,
                    json_build_object('subscription', false, 'note', left(p_arguments->>'reason', 1000)));
END $$;

-- The user asks others into the room, which passes it on, if the user may: { members, domain, reason, strangers_max } as of
-- change_members_add().
CREATE FUNCTION guest_invite(c conversations, p_by users, p_arguments jsonb, OUT outcome int, OUT result jsonb)
LANGUAGE plpgsql AS $$
DECLARE
  named record := group_named(p_by, p_arguments->'members', p_arguments->>'domain');
BEGIN
  outcome := named.outcome;
  result := named.problem;
  IF outcome IS NULL AND NOT EXISTS (SELECT FROM guest_seats s WHERE s.conversation_id = c.id AND s.user_id = p_by.id AND s.state = 'in') THEN
    outcome := 3;
    result := '{"detail": "you are not in the room yet"}';
  ELSIF outcome IS NULL AND named.strangers > (p_arguments->>'strangers_max')::int THEN
    outcome := 7;
  END IF;
  IF outcome IS NOT NULL THEN
    RETURN;
  END IF;
  outcome := 0;
  PERFORM outbox_add((log_advance(1)).ret_before + 1, 'guest_invitation', p_by.id, ARRAY[c.remote_jid], NULL, u.jid, p_arguments->>'reason')
    FROM users u WHERE u.id = ANY (named.ids);
  result := jsonb_build_object('conversation', to_jsonb(conversation_get(p_by.id, c.id)), 'strangers', named.strangers);
END $$;

-- The user does not come: who asked by way of the room is told by it.
CREATE FUNCTION guest_decline(c conversations, p_user uuid) RETURNS void
LANGUAGE plpgsql AS $$
DECLARE
  s guest_seats;
BEGIN
  DELETE FROM guest_seats x WHERE x.conversation_id = c.id AND x.user_id = p_user AND x.state = 'asked' RETURNING * INTO s;
  IF s.inviter IS NOT NULL THEN
    PERFORM outbox_add((SELECT h.position FROM log_head h), 'guest_declined', p_user, ARRAY[c.remote_jid], NULL, s.inviter);
  END IF;
END $$;

-- ---- Coming and going -------------------------------------------------------------------------------

-- The user wants to be in the room, as p_nick (NULL: by name). The membership is there at once; the place is, when the
-- room has let the user in. Outcome 0, or 3 with why.
CREATE FUNCTION guest_sit(c conversations, p_user uuid, p_nick text, p_password text, OUT outcome int, OUT result jsonb)
LANGUAGE plpgsql AS $$
DECLARE
  u users := (SELECT x FROM users x WHERE x.id = p_user);
  old members := membership_of(c, u);
  m members;
BEGIN
  outcome := 3;
  IF (SELECT count(*) FROM guest_seats s WHERE s.user_id = p_user AND s.state <> 'asked') >= guest_rooms_max() THEN
    result := '{"detail": "you are in as many rooms of other services as one may be", "error_reason": "full"}';
    RETURN;
  END IF;
  outcome := 0;
  INSERT INTO guest_seats AS s (conversation_id, user_id, state, nick, wanted, password, due_at)
    VALUES (c.id, p_user, 'entering', coalesce(p_nick, nick_wanted(old, u)), coalesce(p_nick, nick_wanted(old, u)), p_password,
            clock_timestamp())
    ON CONFLICT (conversation_id, user_id) DO UPDATE
      SET state = 'entering', nick = excluded.nick, wanted = excluded.wanted, password = coalesce(p_password, s.password),
          tries = 0, due_at = clock_timestamp(), error = NULL, affiliation = NULL, occupant = NULL, at = now();
  m := membership_put(c, old, 'joined', 'member', NULL, p_user);
  PERFORM membership_tell(membership_group(c.id), old, m, p_user);
END $$;

-- Comes into a room by its address: { jid (bare), nick, password }. One of ours is a public group. The result is
-- { conversation }.
CREATE FUNCTION change_guest_join(p_user uuid, p_arguments jsonb, OUT outcome int, OUT result jsonb)
LANGUAGE plpgsql AS $$
DECLARE
  room text := p_arguments->>'jid';
  c conversations;
BEGIN
  IF relation_domain(room) = relation_domain(group_jid('x')) THEN
    SELECT j.outcome, j.result INTO outcome, result FROM change_member_join(p_user, jsonb_build_object('conversation_id', (
      SELECT x.id FROM conversations x WHERE x.room = split_part(p_arguments->>'jid', '@', 1)))) j;
    RETURN;
  ELSIF relation_blocks(p_user, room) THEN
    outcome := 3;
    result := '{"detail": "you block it"}';
    RETURN;
  END IF;
  c := guest_make(room);
  outcome := 1;
  IF NOT EXISTS (SELECT FROM members m WHERE m.conversation_id = c.id AND m.user_id = p_user AND m.state = 'joined' AND m.kind = 'hosted') THEN
    SELECT s.outcome, s.result INTO outcome, result FROM guest_sit(c, p_user, p_arguments->>'nick', p_arguments->>'password') s;
  END IF;
  IF outcome <= 1 THEN
    PERFORM bound_bookmark_write(c, p_user, true);
    result := jsonb_build_object('conversation', to_jsonb(conversation_get(p_user, c.id))) || change_follows(p_user);
  END IF;
END $$;

-- The user goes; the room is told by the program.
CREATE FUNCTION guest_leave(c conversations, p_user uuid) RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
  UPDATE guest_seats s SET state = 'leaving', due_at = clock_timestamp(), tries = 0
    WHERE s.conversation_id = c.id AND s.user_id = p_user;
  PERFORM guest_forget(c, p_user);
END $$;

-- What the user has said and the room has not heard will not be said any more.
CREATE FUNCTION guest_forget(c conversations, p_user uuid) RETURNS void
LANGUAGE plpgsql AS $$
DECLARE
  o guest_out;
BEGIN
  FOR o IN DELETE FROM guest_out x WHERE x.conversation_id = c.id AND x.user_id = p_user RETURNING * LOOP
    IF o.kind = 'message' THEN
      PERFORM guest_failed(o, 'not-acceptable');
    END IF;
  END LOOP;
END $$;

-- A message could not be said. Who resumes finds it by its position.
CREATE FUNCTION guest_failed(o guest_out, p_condition text) RETURNS void
LANGUAGE plpgsql AS $$
DECLARE
  place bigint;
  m messages := (SELECT x FROM messages x WHERE x.id = o.message_id AND x.failed_condition IS NULL);
BEGIN
  IF m.id IS NOT NULL THEN
    place := event_add('message.failed', 'user', m.conversation_id, m.sender_id, json_build_object(
      'conversation_id', m.conversation_id, 'message_id', m.id, 'client_id', m.client_id, 'condition', p_condition));
    UPDATE messages x SET failed_condition = p_condition, failed_position = place, details = nullif(x.details - 'sending', '{}')
      WHERE x.id = m.id;
  END IF;
END $$;

-- The user is out, and not by own will: as p_state (removed or banned) says. p_why: a stanza error's condition or NULL.
CREATE FUNCTION guest_out_of(c conversations, u users, p_state text, p_why text) RETURNS void
LANGUAGE plpgsql AS $$
DECLARE
  old members := membership_of(c, u);
  m members;
BEGIN
  DELETE FROM guest_seats s WHERE s.conversation_id = c.id AND s.user_id = u.id;
  PERFORM guest_forget(c, u.id);
  IF old.state IN ('joined', 'invited') THEN
    m := membership_put(c, old, p_state, 'member', NULL, NULL);
    PERFORM membership_event(membership_group(c.id), old, m, NULL);
    PERFORM event_add('conversation.removed', 'user', c.id, u.id, json_build_object(
      'conversation_id', c.id, 'reason', p_state, 'condition', p_why));
  END IF;
END $$;

-- A room that nobody of ours has ever been in, or is asked into, is forgotten: there may be none.
CREATE FUNCTION guest_tidy(c conversations) RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
  IF NOT EXISTS (SELECT FROM messages m WHERE m.conversation_id = c.id)
      AND NOT EXISTS (SELECT FROM guest_seats s WHERE s.conversation_id = c.id)
      AND NOT EXISTS (SELECT FROM members m WHERE m.conversation_id = c.id AND m.kind = 'hosted'
                        AND (m.state IN ('joined', 'invited', 'banned') OR m.request = 'declined')) THEN
    PERFORM reap_group(c.id);
  END IF;
END $$;

-- p_user has somebody put out of the room, or (p_bans) banned: the room is asked, and tells by presences what it has done.
-- p_bans NULL: what is wanted is not to be had. Outcome, as of a change: 5: not yours to ask for.
CREATE FUNCTION guest_manage(c conversations, p_user uuid, p_target members, p_bans boolean, p_reason text) RETURNS int
LANGUAGE plpgsql AS $$
DECLARE
  s guest_seats;
  nick_ text := coalesce((SELECT x.nick FROM guest_seats x WHERE x.conversation_id = c.id AND x.user_id = p_target.user_id AND x.state = 'in'),
                         (SELECT o.nick FROM guest_occupants o WHERE o.conversation_id = c.id AND o.user_id = p_target.user_id LIMIT 1));
BEGIN
  SELECT * INTO s FROM guest_seats x WHERE x.conversation_id = c.id AND x.user_id = p_user AND x.state = 'in';
  IF p_target.user_id IS NULL THEN
    RETURN 2;
  ELSIF p_bans IS NULL OR s.role IS DISTINCT FROM 'moderator' OR p_target.user_id = p_user
      OR p_bans AND (s.affiliation NOT IN ('owner', 'admin') OR p_target.jid LIKE '%/%') THEN
    RETURN 5;
  ELSIF NOT p_bans AND nick_ IS NULL THEN
    RETURN 1;
  END IF;
  PERFORM outbox_add((log_advance(1)).ret_before + 1, 'guest_manage', p_user, ARRAY[c.remote_jid], NULL, NULL, jsonb_strip_nulls(
    CASE WHEN p_bans THEN jsonb_build_object('jid', p_target.jid, 'affiliation', 'outcast') ELSE jsonb_build_object('nick', nick_, 'role', 'none') END
    || jsonb_build_object('reason', p_reason))::text);
  RETURN 0;
END $$;

-- ---- What the program does about places -------------------------------------------------------------

-- The program has a way to the rooms, and none of our users is in one, as far as is known.
CREATE FUNCTION guest_reset() RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
  UPDATE guest_seats SET state = 'entering', tries = 0, due_at = clock_timestamp() WHERE state IN ('in', 'entering');
  UPDATE guest_rooms SET live = false WHERE live;
  UPDATE guest_out SET sent = false WHERE sent;
END $$;

-- The places about which something is to be done now, at most p_limit: they come again later, unless it has been done by
-- then. state: entering: enter the room; in: ask whether one is there still; leaving: say so. Who has said something a
-- minute ago that did not come back is not there, whatever the room answers.
CREATE FUNCTION guest_take(p_limit int)
RETURNS TABLE (state text, jid text, room text, nick text, password text, heard_at bigint)
LANGUAGE plpgsql AS $$
#variable_conflict use_column
BEGIN
  RETURN QUERY
    UPDATE guest_seats s SET state = CASE WHEN s.state = 'in' AND EXISTS (
          SELECT FROM guest_out o JOIN messages m ON m.id = o.message_id
            WHERE o.conversation_id = s.conversation_id AND o.user_id = s.user_id AND o.sent
              AND m.created_at < clock_timestamp() - interval '1 minute') THEN 'entering' ELSE s.state END,
        tries = CASE s.state WHEN 'in' THEN 0 ELSE s.tries + 1 END,
        due_at = CASE WHEN s.state = 'in' THEN clock_timestamp() + interval '5 minutes'
                      WHEN s.state = 'leaving' AND s.tries > 4 THEN NULL
                      ELSE clock_timestamp() + make_interval(secs => least(3600, 15 * 2 ^ least(s.tries, 10))) END
      FROM (SELECT x.conversation_id, x.user_id FROM guest_seats x WHERE x.due_at <= clock_timestamp()
              ORDER BY x.due_at LIMIT p_limit FOR UPDATE SKIP LOCKED) due,
           users u, conversations c, guest_rooms g
      WHERE s.conversation_id = due.conversation_id AND s.user_id = due.user_id AND u.id = s.user_id
        AND c.id = s.conversation_id AND g.conversation_id = c.id
      RETURNING s.state, u.jid, c.remote_jid, s.nick, s.password, time_to_microseconds(g.heard_at);
END $$;

-- Where the archive of the room is to be asked on; no row: there is no such room.
CREATE FUNCTION guest_archive(p_room text) RETURNS TABLE (newest text, archived boolean, heard_at bigint)
LANGUAGE plpgsql STABLE AS $$
#variable_conflict use_column
BEGIN
  RETURN QUERY SELECT g.newest, g.archived, time_to_microseconds(g.heard_at) FROM guest_rooms g
    WHERE g.conversation_id = (guest_group(p_room)).id;
END $$;

-- The room is about to tell a user who is there: { room, archived, anonymous, name, description }, what it says of itself;
-- what is missing stays as it was.
CREATE FUNCTION change_guest_described(p_user uuid, p_arguments jsonb, OUT outcome int, OUT result jsonb)
LANGUAGE plpgsql AS $$
DECLARE
  old conversations := guest_group(p_arguments->>'room');
  c conversations := old;
  archived boolean := (p_arguments->>'archived')::boolean;
BEGIN
  outcome := 2;
  IF c.id IS NULL THEN
    RETURN;
  END IF;
  outcome := 0;
  UPDATE guest_rooms g SET archived = coalesce(p_arguments->'archived', to_jsonb(g.archived))::boolean, round = g.round + 1,
      live = false, anonymous = coalesce((p_arguments->>'anonymous')::boolean, g.anonymous)
    WHERE g.conversation_id = c.id;
  c.name := coalesce(nullif(p_arguments->>'name', ''), c.name);
  c.description := coalesce(nullif(p_arguments->>'description', ''), c.description);
  -- Who comes later sees what the room's archive shows; without one nothing of before.
  c.settings := CASE WHEN archived IS FALSE THEN '{"history": "hidden"}'::jsonb WHEN archived THEN NULL ELSE c.settings END;
  IF c IS DISTINCT FROM old THEN
    UPDATE conversations x SET name = c.name, description = c.description, settings = c.settings WHERE x.id = c.id;
    PERFORM group_updated_event(c, NULL);
  END IF;
END $$;

-- A user is in the room: { nick, affiliation, role, occupant, codes, all (those who are there were told before, to this
-- user) }. Also when what the user is there has changed.
CREATE FUNCTION change_guest_entered(p_user uuid, p_arguments jsonb, OUT outcome int, OUT result jsonb)
LANGUAGE plpgsql AS $$
DECLARE
  f record := guest_find(p_arguments);
  c conversations := f.c;
  s guest_seats := f.s;
  fresh boolean := s.state = 'entering';
  gone uuid;
BEGIN
  outcome := 2;
  IF s.user_id IS NULL OR s.state = 'leaving' THEN
    RETURN;
  END IF;
  outcome := 0;
  UPDATE guest_seats x SET state = 'in', nick = p_arguments->>'nick', affiliation = p_arguments->>'affiliation',
      role = p_arguments->>'role', occupant = coalesce(p_arguments->>'occupant', x.occupant), tries = 0, error = NULL,
      due_at = clock_timestamp() + interval '5 minutes'
    WHERE x.conversation_id = c.id AND x.user_id = s.user_id;
  PERFORM guest_nick(c.id, s.user_id, p_arguments->>'nick', p_arguments->>'occupant');
  FOR gone IN DELETE FROM guest_occupants o WHERE o.conversation_id = c.id AND o.nick = p_arguments->>'nick'
                RETURNING o.user_id LOOP -- the others were told earlier than the user
    PERFORM guest_absent(c, gone, 'left', NOT (f.g).live);
  END LOOP;
  IF fresh THEN
    UPDATE guest_rooms g SET anonymous = NOT p_arguments->'codes' @> '100' WHERE g.conversation_id = c.id;
    UPDATE guest_out o SET sent = false WHERE o.conversation_id = c.id AND o.user_id = s.user_id;
  END IF;
  IF (p_arguments->>'all')::boolean THEN
    PERFORM guest_sweep(c, (f.g).round);
  END IF;
  PERFORM guest_member(c, f.u, 'joined', guest_role(p_arguments->>'affiliation'), guest_rights(p_arguments->>'role'), true);
  IF fresh OR s.affiliation IS DISTINCT FROM p_arguments->>'affiliation' OR s.role IS DISTINCT FROM p_arguments->>'role'
      OR s.nick IS DISTINCT FROM p_arguments->>'nick' THEN
    PERFORM event_add('conversation.updated', 'user', c.id, s.user_id);
  END IF;
END $$;

-- The room does not let a user in: { condition, type (of the stanza error) }. A nick that somebody else has is changed; what
-- may be otherwise later is tried again.
CREATE FUNCTION change_guest_refused(p_user uuid, p_arguments jsonb, OUT outcome int, OUT result jsonb)
LANGUAGE plpgsql AS $$
DECLARE
  f record := guest_find(p_arguments);
  s guest_seats := f.s;
  why text := p_arguments->>'condition';
  known boolean := s.affiliation IS NOT NULL;
BEGIN
  outcome := 2;
  IF s.state IS DISTINCT FROM 'entering' THEN
    RETURN;
  END IF;
  outcome := 0;
  IF why = 'conflict' AND s.tries < 20 THEN
    UPDATE guest_seats x SET nick = s.wanted || ' ' || (s.tries + 1), due_at = clock_timestamp()
      WHERE x.conversation_id = s.conversation_id AND x.user_id = s.user_id;
  ELSIF why IN ('forbidden', 'registration-required', 'not-authorized', 'item-not-found', 'not-allowed', 'gone', 'conflict',
                'jid-malformed', 'not-acceptable', 'redirect', 'feature-not-implemented')
      OR (NOT known AND s.tries > CASE WHEN why = 'remote-server-not-found' THEN 1 ELSE 4 END) THEN
    PERFORM guest_out_of(f.c, f.u, CASE why WHEN 'forbidden' THEN 'banned' ELSE 'removed' END, why);
    IF NOT known THEN
      PERFORM guest_tidy(f.c);
    END IF;
  ELSE
    UPDATE guest_seats x SET error = why WHERE x.conversation_id = s.conversation_id AND x.user_id = s.user_id;
    IF s.error IS DISTINCT FROM why THEN
      PERFORM event_add('conversation.updated', 'user', s.conversation_id, s.user_id);
    END IF;
  END IF;
END $$;

-- The room says that a user is not there any more: { codes, destroyed, nick (a new one, with 303) }; without a code, or
-- because of the room's own trouble, the user comes again.
CREATE FUNCTION change_guest_gone(p_user uuid, p_arguments jsonb, OUT outcome int, OUT result jsonb)
LANGUAGE plpgsql AS $$
DECLARE
  f record := guest_find(p_arguments);
  c conversations := f.c;
  s guest_seats := f.s;
  codes jsonb := p_arguments->'codes';
BEGIN
  outcome := 2;
  IF s.user_id IS NULL THEN
    RETURN;
  END IF;
  outcome := 0;
  IF s.state = 'leaving' THEN
    DELETE FROM guest_seats x WHERE x.conversation_id = c.id AND x.user_id = s.user_id;
  ELSIF (p_arguments->>'destroyed')::boolean THEN
    DELETE FROM guest_seats x WHERE x.conversation_id = c.id;
    DELETE FROM guest_occupants x WHERE x.conversation_id = c.id;
    PERFORM guest_forget(c, x.user_id) FROM (SELECT DISTINCT o.user_id FROM guest_out o WHERE o.conversation_id = c.id) x;
    PERFORM group_end(c, NULL);
  ELSIF codes @> '303' THEN
    UPDATE guest_seats x SET nick = p_arguments->>'nick' WHERE x.conversation_id = c.id AND x.user_id = s.user_id;
  ELSIF codes @> '301' THEN
    PERFORM guest_out_of(c, f.u, 'banned', NULL);
  ELSIF (codes @> '307' OR codes @> '321' OR codes @> '322') AND NOT codes @> '333' THEN
    PERFORM guest_out_of(c, f.u, 'removed', NULL);
  ELSE
    UPDATE guest_seats x SET state = 'entering', tries = 0,
        due_at = clock_timestamp() + make_interval(secs => CASE WHEN codes @> '332' THEN 10 ELSE 1 END)
      WHERE x.conversation_id = c.id AND x.user_id = s.user_id;
    PERFORM event_add('conversation.updated', 'user', c.id, s.user_id);
  END IF;
END $$;

-- ---- Who is there -----------------------------------------------------------------------------------

CREATE FUNCTION guest_role(p_affiliation text) RETURNS text
LANGUAGE sql IMMUTABLE AS $$
  SELECT CASE WHEN p_affiliation IN ('owner', 'admin') THEN p_affiliation ELSE 'member' END
$$;

-- What somebody with that role in the room may do of what the API can do there. NULL: what all may.
CREATE FUNCTION guest_rights(p_role text) RETURNS text[]
LANGUAGE sql IMMUTABLE AS $$
  SELECT CASE p_role WHEN 'visitor' THEN '{}'::text[] END
$$;

-- Makes u's membership what is said. p_quiet: the others are not told, for they are told all at once.
CREATE FUNCTION guest_member(c conversations, u users, p_state text, p_role text, p_rights text[], p_quiet boolean) RETURNS void
LANGUAGE plpgsql AS $$
DECLARE
  old members := membership_of(c, u);
  m members;
BEGIN
  IF old.state = p_state AND (p_state <> 'joined' OR old.role = p_role AND old.permissions IS NOT DISTINCT FROM p_rights)
      OR old.state IS NULL AND p_state IN ('left', 'removed') THEN
    RETURN;
  END IF;
  m := membership_put(c, old, p_state, CASE p_state WHEN 'joined' THEN p_role ELSE 'member' END,
                      CASE p_state WHEN 'joined' THEN p_rights END, u.id);
  IF NOT p_quiet THEN
    PERFORM membership_event(membership_group(c.id), old, m, u.id);
  END IF;
END $$;

-- What somebody is called there. The id is the room's own, if it gives any.
CREATE FUNCTION guest_nick(p_conversation uuid, p_user uuid, p_nick text, p_occupant text) RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
  INSERT INTO past_nicks (conversation_id, user_id, upto, nick)
    SELECT n.conversation_id, n.user_id, h.position + 1, n.nick FROM nicks n, log_head h
      WHERE n.conversation_id = p_conversation AND n.user_id = p_user AND n.nick <> p_nick
    ON CONFLICT DO NOTHING;
  INSERT INTO nicks AS n (conversation_id, user_id, nick, key, occupant)
    VALUES (p_conversation, p_user, p_nick, p_user::text, coalesce(p_occupant, ''))
    ON CONFLICT (conversation_id, user_id) DO UPDATE
      SET nick = excluded.nick, occupant = coalesce(nullif(excluded.occupant, ''), n.occupant)
      WHERE n.nick <> excluded.nick OR n.occupant <> excluded.occupant;
END $$;

-- The address under which somebody of whom the room shows none is kept: nobody can write to it.
CREATE FUNCTION guest_address(c conversations, p_nick text, p_occupant text) RETURNS text
LANGUAGE sql IMMUTABLE AS $$
  SELECT c.remote_jid || '/' || coalesce(p_occupant, p_nick)
$$;

-- Who is kept under such an address has that nick as a name.
CREATE FUNCTION guest_call(p_user uuid, p_nick text) RETURNS void
LANGUAGE plpgsql AS $$
DECLARE
  called users;
BEGIN
  UPDATE users u SET name = p_nick, username = p_nick
    WHERE u.id = p_user AND u.jid LIKE '%/%' AND u.name IS DISTINCT FROM p_nick RETURNING * INTO called;
  IF called.id IS NOT NULL THEN
    PERFORM user_words_update(called);
  END IF;
END $$;

-- Whether a place of that nick, or occupant id, is that user's. p_past: it was said some time ago, when the nick may have
-- been another's.
CREATE FUNCTION guest_is_seat(s guest_seats, p_nick text, p_occupant text, p_past boolean) RETURNS boolean
LANGUAGE sql IMMUTABLE AS $$
  SELECT coalesce(CASE WHEN p_occupant IS NOT NULL AND s.occupant IS NOT NULL THEN s.occupant = p_occupant
                       ELSE s.nick = p_nick AND s.state = 'in' AND NOT p_past END, false)
$$;

-- Who that is: { nick, occupant, jid (bare, believed where addresses are shown to everybody), past }; NULL: nobody who is
-- known. A user of ours is only who has the place.
CREATE FUNCTION guest_known(c conversations, g guest_rooms, p_who jsonb) RETURNS uuid
LANGUAGE plpgsql STABLE AS $$
DECLARE
  past boolean := coalesce((p_who->>'past')::boolean, false);
  found uuid;
BEGIN
  SELECT s.user_id INTO found FROM guest_seats s
    WHERE s.conversation_id = c.id AND guest_is_seat(s, p_who->>'nick', p_who->>'occupant', past) LIMIT 1;
  IF found IS NULL AND NOT g.anonymous AND p_who->>'jid' IS NOT NULL THEN
    SELECT u.id INTO found FROM users u
      WHERE u.jid = p_who->>'jid' AND (u.kind <> 'hosted' OR past AND EXISTS (
              SELECT FROM members m WHERE m.conversation_id = c.id AND m.user_id = u.id));
    RETURN found;
  END IF;
  IF found IS NULL AND NOT past THEN
    SELECT o.user_id INTO found FROM guest_occupants o WHERE o.conversation_id = c.id AND o.nick = p_who->>'nick';
  END IF;
  IF found IS NULL AND p_who->>'occupant' IS NOT NULL THEN
    SELECT n.user_id INTO found FROM nicks n WHERE n.conversation_id = c.id AND n.occupant = p_who->>'occupant' LIMIT 1;
  END IF;
  RETURN coalesce(found, (SELECT u.id FROM users u WHERE u.jid = guest_address(c, p_who->>'nick', p_who->>'occupant')));
END $$;

-- The same; who is not known is from now on. p_here: they are there now.
CREATE FUNCTION guest_person(c conversations, g guest_rooms, p_who jsonb, p_here boolean) RETURNS uuid
LANGUAGE plpgsql AS $$
DECLARE
  found uuid := CASE WHEN NOT p_here THEN guest_known(c, g, p_who) END;
  shown text := CASE WHEN NOT g.anonymous THEN p_who->>'jid' END;
BEGIN
  IF found IS NULL AND p_here THEN -- a nick that somebody else had
    SELECT s.user_id INTO found FROM guest_seats s
      WHERE s.conversation_id = c.id AND guest_is_seat(s, p_who->>'nick', p_who->>'occupant', false) LIMIT 1;
  END IF;
  IF found IS NULL THEN
    SELECT u.id INTO found FROM users u WHERE u.jid = shown AND u.kind = 'hosted';
    IF found IS NOT NULL AND guest_sits(c.id, found) THEN -- is on the way in
      RETURN found;
    END IF;
    shown := CASE WHEN found IS NULL AND shown IS NOT NULL THEN shown ELSE guest_address(c, p_who->>'nick', p_who->>'occupant') END;
    found := user_remote(shown);
    PERFORM guest_call(found, p_who->>'nick');
  END IF;
  RETURN found;
END $$;

-- Whether the user is there by a place of ours: the room's word about that place counts.
CREATE FUNCTION guest_sits(p_conversation uuid, p_user uuid) RETURNS boolean
LANGUAGE plpgsql STABLE AS $$
BEGIN
  RETURN EXISTS (SELECT FROM guest_seats s WHERE s.conversation_id = p_conversation AND s.user_id = p_user AND s.state <> 'asked');
END $$;

-- The room tells of somebody else's place: { who: as guest_known() has it, type (unavailable, or nothing), affiliation, role,
-- codes, nick (a new one, with 303) }.
CREATE FUNCTION change_guest_presence(p_user uuid, p_arguments jsonb, OUT outcome int, OUT result jsonb)
LANGUAGE plpgsql AS $$
DECLARE
  f record := guest_find(p_arguments);
  c conversations := f.c;
  g guest_rooms := f.g;
  who jsonb := p_arguments->'who';
  person uuid;
  u users;
BEGIN
  outcome := 2;
  IF (f.s).user_id IS NULL THEN
    RETURN;
  END IF;
  outcome := 0;
  IF p_arguments->>'type' = 'unavailable' THEN
    PERFORM guest_departed(c, g, p_arguments);
    RETURN;
  END IF;
  outcome := 1;
  IF NOT EXISTS (SELECT FROM guest_occupants o WHERE o.conversation_id = c.id AND o.nick = who->>'nick')
      AND (SELECT count(*) FROM guest_occupants o WHERE o.conversation_id = c.id) >= guest_people_max() THEN
    RETURN;
  END IF;
  outcome := 0;
  person := guest_person(c, g, who, true);
  SELECT * INTO u FROM users x WHERE x.id = person;
  INSERT INTO guest_occupants AS o (conversation_id, nick, user_id, affiliation, role, round)
    VALUES (c.id, who->>'nick', u.id, p_arguments->>'affiliation', p_arguments->>'role', g.round)
    ON CONFLICT (conversation_id, nick) DO UPDATE
      SET user_id = excluded.user_id, affiliation = excluded.affiliation, role = excluded.role, round = excluded.round;
  IF NOT guest_sits(c.id, u.id) THEN
    PERFORM guest_nick(c.id, u.id, who->>'nick', who->>'occupant');
    PERFORM guest_member(c, u, 'joined', guest_role(p_arguments->>'affiliation'), guest_rights(p_arguments->>'role'), NOT g.live);
  END IF;
END $$;

-- Somebody else has gone, or is called otherwise.
CREATE FUNCTION guest_departed(c conversations, g guest_rooms, p_arguments jsonb) RETURNS void
LANGUAGE plpgsql AS $$
DECLARE
  nick_ text := p_arguments #>> '{who,nick}';
  codes jsonb := p_arguments->'codes';
  o guest_occupants;
BEGIN
  DELETE FROM guest_occupants x WHERE x.conversation_id = c.id AND x.nick = nick_ RETURNING * INTO o;
  IF o.user_id IS NULL THEN
    RETURN;
  ELSIF codes @> '303' AND p_arguments->>'nick' IS NOT NULL THEN
    INSERT INTO guest_occupants SELECT c.id, p_arguments->>'nick', o.user_id, o.affiliation, o.role, o.round
      ON CONFLICT (conversation_id, nick) DO UPDATE SET user_id = excluded.user_id, round = excluded.round;
    IF NOT guest_sits(c.id, o.user_id) THEN
      PERFORM guest_nick(c.id, o.user_id, p_arguments->>'nick', NULL);
      PERFORM guest_call(o.user_id, p_arguments->>'nick');
    END IF;
  ELSE
    PERFORM guest_absent(c, o.user_id, CASE WHEN codes @> '301' THEN 'banned' WHEN codes @> '307' OR codes @> '321' THEN 'removed'
                                            ELSE 'left' END, NOT g.live);
  END IF;
END $$;

-- Somebody is not there any more, unless it is by another place.
CREATE FUNCTION guest_absent(c conversations, p_user uuid, p_state text, p_quiet boolean) RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
  IF NOT guest_sits(c.id, p_user)
      AND NOT EXISTS (SELECT FROM guest_occupants x WHERE x.conversation_id = c.id AND x.user_id = p_user) THEN
    PERFORM guest_member(c, (SELECT u FROM users u WHERE u.id = p_user), p_state, 'member', NULL, p_quiet);
  END IF;
END $$;

-- Who was not told in that list of all is not there.
CREATE FUNCTION guest_sweep(c conversations, p_round bigint) RETURNS void
LANGUAGE plpgsql AS $$
DECLARE
  gone uuid;
BEGIN
  FOR gone IN DELETE FROM guest_occupants o WHERE o.conversation_id = c.id AND o.round < p_round RETURNING o.user_id LOOP
    PERFORM guest_absent(c, gone, 'left', true);
  END LOOP;
END $$;
