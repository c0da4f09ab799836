-- SPDX-License-Identifier: GPL-3.0-or-later
-- Managing rooms by XMPP (XEP-0045 sections 7.8, 7.10, 9 and 10; decision 0066). Who may do what is decided by the
-- changes of groups, as for everybody else: here is what their outcomes are to somebody on XMPP, and what a room
-- has that a group has not.
--
-- Changes are those of an address, as in room_enter.sql: arguments have room, from, address, and domain, the one
-- of app users; a refusal is a result as of room_refusal().

-- An outcome of a change as a stanza error; NULL: it was carried out.
CREATE FUNCTION room_outcome(p_outcome int, p_result jsonb) RETURNS jsonb
LANGUAGE sql IMMUTABLE AS $$
  SELECT CASE
    WHEN coalesce(p_outcome, 0) <= 1 THEN NULL
    WHEN p_outcome = 2 THEN room_refusal('cancel', 'item-not-found')
    WHEN p_outcome = 3 AND p_result->>'error_reason' = 'full'
      THEN room_refusal('modify', 'not-acceptable', p_result->>'detail')
    WHEN p_outcome = 3 THEN room_refusal('cancel', 'conflict', p_result->>'detail')
    WHEN p_outcome = 4 THEN room_refusal('cancel', 'not-acceptable', 'Somebody among them is not to be had')
    WHEN p_outcome = 5 THEN room_refusal('auth', 'forbidden')
    WHEN p_outcome = 6 THEN room_refusal('modify', 'not-acceptable', p_result->>'detail')
    ELSE room_refusal('wait', 'policy-violation') END
$$;

-- Undoes what this change has done so far, and refuses it: see room_all().
CREATE FUNCTION room_undo(p_refusal jsonb) RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
  IF p_refusal IS NOT NULL THEN
    RAISE EXCEPTION 'refused' USING ERRCODE = 'TR045', DETAIL = p_refusal::text;
  END IF;
END $$;

-- ---- People ---------------------------------------------------------------------------------------

-- Whom an item names, { jid } or { nick }; who is on XMPP and unknown here is made.
CREATE FUNCTION room_target(c conversations, p_actor users, p_item jsonb) RETURNS users
LANGUAGE plpgsql AS $$
BEGIN
  IF p_item ? 'jid' THEN
    RETURN (SELECT named.ret_user FROM relation_named(p_actor.id, jsonb_build_object(
              'jid', p_item->'jid', 'domain', p_item->'domain'), true) named);
  END IF;
  RETURN (SELECT u FROM nicks n JOIN users u ON u.id = n.user_id
            WHERE n.conversation_id = c.id AND n.nick = p_item->>'nick' AND n.key IS NOT NULL);
END $$;

-- Why the item { jid or nick, affiliation or role, reason, domain } is not carried out; NULL: it was.
CREATE FUNCTION room_item(p_conversation uuid, p_actor users, p_item jsonb) RETURNS jsonb
LANGUAGE plpgsql AS $$
DECLARE
  c conversations := membership_group(p_conversation);
  target users := room_target(c, p_actor, p_item);
  mine members := membership_of(c, p_actor);
  old members := membership_of(c, target);
  bad jsonb := room_refusal('modify', 'bad-request');
BEGIN
  RETURN CASE
    WHEN mine.state IS DISTINCT FROM 'joined' THEN room_refusal('auth', 'forbidden')
    WHEN target.id IS NULL THEN room_refusal('cancel', 'item-not-found')
    WHEN p_item ? 'affiliation' THEN room_affiliate(c, p_actor, mine, old, p_item)
    WHEN old.state IS DISTINCT FROM 'joined' THEN room_refusal('cancel', 'item-not-found')
    WHEN p_item->>'role' = 'none' THEN room_kick(c, mine, old, p_item->>'reason')
    WHEN p_item ? 'role' THEN room_voice(c, mine, old, p_item)
    ELSE bad END;
END $$;

-- Makes the affiliation of old that of the item.
CREATE FUNCTION room_affiliate(c conversations, p_actor users, mine members, old members, p_item jsonb) RETURNS jsonb
LANGUAGE plpgsql AS $$
DECLARE
  wanted text := p_item->>'affiliation';
  asked jsonb := jsonb_strip_nulls(jsonb_build_object(
    'conversation_id', c.id, 'user_id', old.user_id, 'reason', p_item->'reason', 'domain', p_item->'domain'));
  refusal jsonb;
BEGIN
  IF wanted = 'outcast' OR old.state = 'banned' THEN
    refusal := room_outcome(membership_refusal(c, mine, old, '{"banned": true}'), NULL);
    IF refusal IS NULL AND (old.state = 'banned') <> (wanted = 'outcast') OR refusal IS NULL AND old.state IS NULL THEN
      refusal := (SELECT room_outcome(b.outcome, b.result) FROM membership_ban(
                    c, old, p_actor.id, asked || jsonb_build_object('banned', wanted = 'outcast')) b);
    END IF;
    IF refusal IS NOT NULL OR wanted IN ('outcast', 'none') THEN
      RETURN refusal;
    END IF;
    c := membership_group(c.id);
    SELECT m.* INTO old FROM members m WHERE m.conversation_id = c.id AND m.user_id = old.user_id;
  END IF;
  IF wanted = 'none' THEN
    RETURN CASE WHEN old.state IN ('joined', 'invited')
                THEN (SELECT room_outcome(r.outcome, r.result) FROM change_member_remove(p_actor.id, asked) r)
                WHEN group_rank(mine.role) < 2 THEN room_refusal('auth', 'forbidden') END;
  END IF;
  IF old.state IS NULL OR old.state NOT IN ('joined', 'invited') THEN
    refusal := (SELECT room_outcome(a.outcome, a.result) FROM change_members_add(p_actor.id, jsonb_build_object(
      'conversation_id', c.id, 'domain', p_item->'domain',
      'members', jsonb_build_array(jsonb_build_object('jid', old.jid)))) a);
    IF refusal IS NOT NULL OR wanted = 'member' THEN
      RETURN refusal;
    END IF;
  END IF;
  RETURN (SELECT room_outcome(s.outcome, s.result)
            FROM change_member_set(p_actor.id, asked || jsonb_build_object('role', wanted)) s);
END $$;

-- Puts somebody out of the room: one who is there by XMPP goes, and stays a member of a private group. A user of
-- ours is always there, and who is in a public room is its member by that alone: those are taken out of the group.
CREATE FUNCTION room_kick(c conversations, mine members, old members, p_reason text) RETURNS jsonb
LANGUAGE plpgsql AS $$
DECLARE
  own nicks;
  place bigint;
  person jsonb;
BEGIN
  IF NOT group_may(c, mine, 'remove_members') THEN
    RETURN room_refusal('auth', 'forbidden');
  ELSIF NOT membership_above(mine, old) OR old.user_id = mine.user_id AND old.role = 'owner' THEN
    RETURN room_refusal('cancel', 'not-allowed');
  ELSIF c.public OR old.kind = 'hosted' THEN
    RETURN (SELECT room_outcome(r.outcome, r.result) FROM change_member_remove(mine.user_id, jsonb_strip_nulls(
      jsonb_build_object('conversation_id', c.id, 'user_id', old.user_id, 'reason', p_reason))) r);
  END IF;
  SELECT * INTO own FROM nicks n WHERE n.conversation_id = c.id AND n.user_id = old.user_id;
  place := (log_advance(1)).ret_before + 1;
  person := (room_person(c, old) - 'stanza') || jsonb_strip_nulls(jsonb_build_object(
    'type', 'unavailable', 'role', 'none', 'codes', '[307]'::jsonb, 'reason', p_reason,
    'actor', nick_at(c.id, mine.user_id, place)));
  PERFORM room_show(place, c, old.user_id, own.nick, person, room_address(c, old), '{"codes": [307, 110]}');
  PERFORM room_take_out(place, c, old.user_id);
  RETURN NULL;
END $$;

-- Gives or takes voice, or what moderators may: as permissions, for there is no role that ends with a visit.
CREATE FUNCTION room_voice(c conversations, mine members, old members, p_item jsonb) RETURNS jsonb
LANGUAGE plpgsql AS $$
DECLARE
  wanted text := p_item->>'role';
  manages CONSTANT text[] := '{remove_members,delete_messages}';
  rights text[] := group_rights(c, old);
BEGIN
  IF wanted = room_role(c, old) THEN
    RETURN CASE WHEN NOT group_may(c, mine, 'remove_members') THEN room_refusal('auth', 'forbidden') END;
  ELSIF group_rank(old.role) > 1 THEN
    RETURN CASE WHEN group_may(c, mine, 'remove_members') THEN room_refusal('cancel', 'not-allowed')
                ELSE room_refusal('auth', 'forbidden') END;
  END IF;
  rights := ARRAY(SELECT r FROM unnest(rights) r WHERE r <> ALL (manages) AND r <> 'send_messages')
    || CASE WHEN wanted <> 'visitor' THEN '{send_messages}'::text[] ELSE '{}' END
    || CASE WHEN wanted = 'moderator' THEN manages ELSE '{}' END;
  RETURN (SELECT room_outcome(s.outcome, s.result) FROM change_member_set(mine.user_id, jsonb_strip_nulls(
    jsonb_build_object('conversation_id', c.id, 'user_id', old.user_id, 'permissions', to_jsonb(rights),
                       'reason', p_item->'reason'))) s);
END $$;

-- Carries out what p_list of the arguments asks for, all or none: items, see room_item(), or people, see room_bring().
-- Members may ask.
CREATE FUNCTION room_all(p_arguments jsonb, p_list text, OUT outcome int, OUT result jsonb)
LANGUAGE plpgsql AS $$
DECLARE
  f record;
  one jsonb;
  refusal text;
BEGIN
  SELECT * INTO f FROM room_find(p_arguments);
  outcome := CASE WHEN (f.c).id IS NULL THEN 2 WHEN (f.m).state IS DISTINCT FROM 'joined' THEN 5 ELSE 0 END;
  result := CASE outcome WHEN 5 THEN room_refusal('auth', 'forbidden') ELSE '{}' END;
  IF outcome > 0 THEN
    RETURN;
  END IF;
  FOR one IN SELECT x || jsonb_build_object('domain', p_arguments->'domain')
               FROM jsonb_array_elements(p_arguments->p_list) x LOOP
    PERFORM room_undo(CASE p_list WHEN 'items' THEN room_item((f.c).id, f.u, one)
                                  ELSE room_bring((f.c).id, f.u, one) END);
  END LOOP;
EXCEPTION WHEN SQLSTATE 'TR045' THEN
  GET STACKED DIAGNOSTICS refusal = PG_EXCEPTION_DETAIL;
  outcome := 5;
  result := refusal::jsonb;
END $$;

CREATE FUNCTION change_room_admin(p_user uuid, p_arguments jsonb, OUT outcome int, OUT result jsonb)
LANGUAGE plpgsql AS $$
BEGIN
  SELECT a.outcome, a.result INTO outcome, result FROM room_all(p_arguments, 'items') a;
END $$;

-- The people of a room with that affiliation, or that role of those who are there, at most 500. The first row says
-- whether who asks may know; no row: there is no such room. Admins may, and members of a private room may see
-- who else is a member; roles are for who may put people out.
CREATE FUNCTION room_people(p_room text, p_address text, p_from text, p_affiliation text, p_role text)
RETURNS TABLE (allowed boolean, jid text, nick text, affiliation text, role text)
LANGUAGE plpgsql STABLE AS $$
#variable_conflict use_column
DECLARE
  f record;
  c conversations;
  mine members;
BEGIN
  SELECT * INTO f FROM room_find(jsonb_build_object('room', p_room, 'address', p_address, 'from', p_from));
  c := f.c;
  mine := f.m;
  IF c.id IS NULL THEN
    RETURN;
  END IF;
  allowed := coalesce(mine.state = 'joined' AND CASE
    WHEN p_affiliation IS NULL THEN group_may(c, mine, 'remove_members')
    ELSE group_rank(mine.role) > 1 OR NOT c.public AND p_affiliation IN ('owner', 'admin', 'member') END, false);
  RETURN QUERY SELECT allowed, NULL::text, NULL::text, NULL::text, NULL::text;
  IF allowed THEN
    RETURN QUERY
      SELECT NULL::boolean, m.jid, n.nick, room_affiliation(m), room_role(c, m)
        FROM members m LEFT JOIN nicks n ON n.conversation_id = c.id AND n.user_id = m.user_id AND n.key IS NOT NULL
        WHERE m.conversation_id = c.id AND CASE
          WHEN p_affiliation IS NOT NULL THEN room_affiliation(m) = p_affiliation AND p_affiliation <> 'none'
          ELSE m.state = 'joined' AND room_role(c, m) = p_role AND (m.kind = 'hosted' OR EXISTS (
                 SELECT FROM occupants o WHERE o.conversation_id = c.id AND o.user_id = m.user_id)) END
        ORDER BY m.number LIMIT 500;
  END IF;
END $$;

-- ---- Configuration --------------------------------------------------------------------------------

-- What an owner may change. allowed: who asks is one. No row: there is no such room.
CREATE FUNCTION room_configuration(p_room text, p_address text, p_from text)
RETURNS TABLE (allowed boolean, name text, description text, public boolean, moderated boolean, invites boolean,
               members_max int)
LANGUAGE plpgsql STABLE AS $$
#variable_conflict use_column
DECLARE
  f record;
  c conversations;
  settings jsonb;
BEGIN
  SELECT * INTO f FROM room_find(jsonb_build_object('room', p_room, 'address', p_address, 'from', p_from));
  c := f.c;
  settings := group_settings(c.settings);
  IF c.id IS NOT NULL THEN
    RETURN QUERY SELECT coalesce((f.m).state = 'joined' AND (f.m).role = 'owner', false), c.name, c.description, c.public,
      settings->>'who_can_send' = 'admins_only', settings->>'who_can_add' = 'everyone', (settings->>'max_members')::int;
  END IF;
END $$;

-- Opens a room that was made by XMPP, and changes { name, description, settings, members_only, listed } as far as
-- they are there. A private room is opened to all when it is not for members only any more; a public one is closed
-- also when it is not to be listed, for what is hidden and open to all there is not.
CREATE FUNCTION change_room_configure(p_user uuid, p_arguments jsonb, OUT outcome int, OUT result jsonb)
LANGUAGE plpgsql AS $$
DECLARE
  f record;
BEGIN
  SELECT * INTO f FROM room_find(p_arguments);
  outcome := CASE WHEN (f.c).id IS NULL THEN 2
                  WHEN (f.m).state IS DISTINCT FROM 'joined' OR (f.m).role <> 'owner' THEN 5 ELSE 0 END;
  IF outcome = 0 THEN
    UPDATE rooms r SET locked = false WHERE r.conversation_id = (f.c).id AND r.locked;
    SELECT g.outcome, g.result INTO outcome, result
      FROM group_change((f.u).id, p_arguments || jsonb_build_object('conversation_id', (f.c).id,
        'settings', p_arguments->'settings' || jsonb_build_object('public',
          NOT coalesce((p_arguments->>'members_only')::boolean, NOT (f.c).public)
          AND (NOT (f.c).public OR coalesce((p_arguments->>'listed')::boolean, true))))) g;
  END IF;
  result := coalesce(room_outcome(outcome, result), '{}');
END $$;

-- Gives the room the picture { icon_hash (NULL: none) }, which is stored. Who may change the settings may.
CREATE FUNCTION change_room_icon(p_user uuid, p_arguments jsonb, OUT outcome int, OUT result jsonb)
LANGUAGE plpgsql AS $$
DECLARE
  f record;
BEGIN
  SELECT * INTO f FROM room_find(p_arguments);
  outcome := CASE WHEN (f.c).id IS NULL THEN 2 WHEN (f.m).state IS DISTINCT FROM 'joined' THEN 5 ELSE 0 END;
  IF outcome = 0 THEN
    SELECT g.outcome, g.result INTO outcome, result FROM group_change((f.u).id, jsonb_build_object(
      'conversation_id', (f.c).id, 'icon_hash', p_arguments->'icon_hash')) g;
  END IF;
  result := coalesce(room_outcome(outcome, result), '{}');
END $$;

-- Somebody who has no voice asks for it: those who may give it hear of that, on XMPP by a form (section 8.6).
CREATE FUNCTION change_room_voice_ask(p_user uuid, p_arguments jsonb, OUT outcome int, OUT result jsonb)
LANGUAGE plpgsql AS $$
DECLARE
  f record;
  place bigint;
  moderator uuid;
BEGIN
  SELECT * INTO f FROM room_find(p_arguments);
  outcome := 3; -- is not in it
  result := '{}';
  IF (f.o).address IS NULL THEN
    RETURN;
  ELSIF room_role(f.c, f.m) <> 'visitor' THEN
    outcome := 5;
    result := room_refusal('cancel', 'not-allowed', 'You have voice');
    RETURN;
  END IF;
  outcome := 0;
  place := (log_advance(1)).ret_before + 1;
  INSERT INTO outbox (position, n, kind, to_address, payload, origin)
    SELECT place, row_number() OVER (ORDER BY o.joined_at, o.address) - 1, 'room_voice_form', o.address,
           jsonb_build_object('jid', (f.u).jid, 'nick', (SELECT n.nick FROM nicks n WHERE n.conversation_id = (f.c).id
                                                           AND n.user_id = (f.u).id))::text, group_jid((f.c).room)
      FROM occupants o JOIN members m ON m.conversation_id = o.conversation_id AND m.user_id = o.user_id
      WHERE o.conversation_id = (f.c).id AND group_rank(m.role) > 1 AND room_role(f.c, m) = 'moderator';
  FOR moderator IN SELECT m.user_id FROM members m
                     WHERE m.conversation_id = (f.c).id AND m.kind <> 'remote' AND group_rank(m.role) > 1 AND room_role(f.c, m) = 'moderator'
                     ORDER BY group_rank(m.role) DESC, m.number LIMIT 32 LOOP
    PERFORM event_add('member.voice_asked', 'user', (f.c).id, moderator, json_build_object(
      'user_id', (f.u).id, 'by', (f.u).id, 'state', (f.m).state, 'role', (f.m).role,
      'permissions', group_rights(f.c, f.m), 'seq', group_newest(f.c) + 1));
  END LOOP;
END $$;

-- Sets when messages go (XEP-0466), { seconds, id (of the stanza) }: see expiry.sql.
CREATE FUNCTION change_room_timer(p_user uuid, p_arguments jsonb, OUT outcome int, OUT result jsonb)
LANGUAGE plpgsql AS $$
DECLARE
  f record;
BEGIN
  SELECT * INTO f FROM room_find(p_arguments);
  outcome := 3; -- is not in it
  result := '{}';
  IF (f.o).address IS NULL OR (f.m).state <> 'joined' THEN
    RETURN;
  END IF;
  outcome := (expiry_refusal((f.c).id, f.m, 0)).outcome;
  IF outcome <= 1 THEN
    outcome := expiry_set((f.c).id, f.m, (p_arguments->>'seconds')::int, true, p_arguments->>'id');
  END IF;
  result := coalesce(room_outcome(outcome, NULL), '{}');
END $$;

-- Ends the room, { reason, place (a room instead of it) }: those who are in it are told why, and who asks (id: of the
-- IQ) is answered behind that. of: 'locked' ends it only while it waits for its first configuration.
CREATE FUNCTION change_room_destroy(p_user uuid, p_arguments jsonb, OUT outcome int, OUT result jsonb)
LANGUAGE plpgsql AS $$
DECLARE
  f record;
  place bigint;
BEGIN
  SELECT * INTO f FROM room_find(p_arguments);
  outcome := CASE WHEN (f.c).id IS NULL THEN 2
                  WHEN (f.m).state IS DISTINCT FROM 'joined' OR (f.m).role <> 'owner' THEN 5
                  WHEN p_arguments->>'of' = 'locked' AND NOT (room_of((f.c).id)).locked THEN 1 ELSE 0 END;
  IF outcome = 0 THEN
    place := (log_advance(1)).ret_before + 1;
    PERFORM room_end(place, f.c, p_arguments);
    PERFORM room_tell_one(place, f.c, p_arguments->>'address', 'room_result', jsonb_build_object('id', p_arguments->'id'));
    SELECT d.outcome, d.result INTO outcome, result
      FROM change_group_destroy((f.u).id, jsonb_build_object('conversation_id', (f.c).id)) d;
  END IF;
  result := coalesce(room_outcome(outcome, result), jsonb_build_object('answered', outcome = 0));
END $$;

-- Tells everybody who is in the room that it is no more. Its name is not given again: clients that enter it by themselves
-- would make another room for whoever comes first. p_arguments: { reason, place }.
CREATE FUNCTION room_end(p_position bigint, c conversations, p_arguments jsonb) RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
  INSERT INTO outbox (position, n, kind, from_user, to_address, payload, origin)
    SELECT p_position, (SELECT room_next(p_position)) + row_number() OVER (ORDER BY o.joined_at, o.address) - 1,
           'room_presence', o.user_id, o.address,
           jsonb_build_object('type', 'unavailable', 'affiliation', 'none', 'role', 'none', 'codes', '[110]'::jsonb,
             'destroy', jsonb_strip_nulls(jsonb_build_object('reason', p_arguments->'reason', 'jid', p_arguments->'place')))::text,
           group_jid(c.room) || '/' || n.nick
      FROM occupants o
      JOIN nicks n ON n.conversation_id = o.conversation_id AND n.user_id = o.user_id
      WHERE o.conversation_id = c.id;
  DELETE FROM occupants o WHERE o.conversation_id = c.id;
  UPDATE conversations x SET occupied = false WHERE x.id = c.id;
END $$;

-- Makes the group that somebody on XMPP enters as the first: { room, from }. NULL: may not, for it would be one too
-- many. It is public, as rooms are everywhere that nobody has configured: clients that want a private one say so.
CREATE FUNCTION room_make(p_arguments jsonb) RETURNS conversations
LANGUAGE plpgsql AS $$
DECLARE
  source uuid := user_remote(p_arguments->>'from');
  owner users := (SELECT u FROM users u WHERE u.id = source); -- by itself: it may have been made just now
  made uuid := gen_random_uuid();
BEGIN
  -- Those that the owner has, and those that were ended in the last day: a name is not given again for a while.
  IF (SELECT count(*) FROM members m JOIN conversations c ON c.id = m.conversation_id
        WHERE m.user_id = owner.id AND m.grouped AND m.role = 'owner'
          AND (m.state = 'joined' OR c.destroyed_at > clock_timestamp() - interval '1 day')) >= 100 THEN
    RETURN NULL;
  END IF;
  PERFORM group_make(made, owner, jsonb_build_object('name', p_arguments->'room',
    'settings', '{"public": true}'::jsonb), '{}', '{}');
  UPDATE conversations x SET room = p_arguments->>'room' WHERE x.id = made;
  PERFORM room_of(made);
  UPDATE rooms r SET locked = true WHERE r.conversation_id = made;
  RETURN membership_group(made);
END $$;

-- ---- Invitations ----------------------------------------------------------------------------------

CREATE FUNCTION change_room_invite(p_user uuid, p_arguments jsonb, OUT outcome int, OUT result jsonb)
LANGUAGE plpgsql AS $$
BEGIN
  SELECT a.outcome, a.result INTO outcome, result FROM room_all(p_arguments, 'people') a;
END $$;

-- Invites { jid, reason, domain }, who becomes a member who is asked; who is one already is sent the invitation again.
-- Why not; NULL: it is done.
CREATE FUNCTION room_bring(p_conversation uuid, p_actor users, p_one jsonb) RETURNS jsonb
LANGUAGE plpgsql AS $$
DECLARE
  c conversations := membership_group(p_conversation);
  mine members := membership_of(c, p_actor);
  m members;
  refusal jsonb;
BEGIN
  SELECT x.* INTO m FROM members x JOIN users u ON u.id = x.user_id
    WHERE x.conversation_id = c.id AND u.jid = p_one->>'jid' AND x.state IN ('joined', 'invited');
  IF NOT group_may(c, mine, 'add_members') THEN
    RETURN room_refusal('auth', 'forbidden');
  ELSIF m.user_id IS NULL THEN
    RETURN (SELECT room_outcome(a.outcome, a.result) FROM change_members_add(p_actor.id, jsonb_build_object(
      'conversation_id', c.id, 'domain', p_one->'domain',
      'reason', p_one->'reason', 'members', jsonb_build_array(jsonb_build_object('jid', p_one->'jid')))) a);
  END IF;
  IF m.kind <> 'hosted' THEN
    PERFORM room_invite((log_advance(1)).ret_before + 1, c, m, p_actor.id, p_one->>'reason');
  END IF;
  RETURN NULL;
END $$;

-- Somebody who was invited does not come: { reason }. Who has asked is told, if that one is there.
CREATE FUNCTION change_room_decline(p_user uuid, p_arguments jsonb, OUT outcome int, OUT result jsonb)
LANGUAGE plpgsql AS $$
DECLARE
  f record;
  o occupants;
  place bigint;
BEGIN
  SELECT * INTO f FROM room_find(p_arguments);
  SELECT d.outcome INTO outcome FROM membership_decline((f.u).id, (f.c).id) d;
  result := '{}';
  IF outcome = 0 THEN
    place := (log_advance(1)).ret_before + 1;
    FOR o IN SELECT x.* FROM occupants x WHERE x.conversation_id = (f.c).id AND x.user_id = (f.m).invited_by LOOP
      PERFORM room_tell_one(place, f.c, o.address, 'room_declined', jsonb_strip_nulls(jsonb_build_object(
        'from', (f.u).jid, 'reason', p_arguments->'reason')));
    END LOOP;
  END IF;
END $$;

-- ---- Registration (section 7.10) ------------------------------------------------------------------

-- Makes who asks a member called { nick }, as far as the room lets them in; without nick they leave for good.
CREATE FUNCTION change_room_register(p_user uuid, p_arguments jsonb, OUT outcome int, OUT result jsonb)
LANGUAGE plpgsql AS $$
DECLARE
  f record;
  asked text := p_arguments->>'nick';
  own nicks;
  place bigint;
BEGIN
  SELECT * INTO f FROM room_find(p_arguments);
  result := CASE WHEN (f.c).id IS NULL THEN room_refusal('cancel', 'item-not-found')
                 WHEN asked IS NOT NULL THEN coalesce(room_closed_to(f.c, f.m),
                                                      room_nick_refusal((f.c).id, (f.u).id, asked),
                   CASE WHEN NOT nick_fits(asked) -- no server has looked at it yet
                        THEN room_refusal('modify', 'not-acceptable', 'The nick cannot be part of an address') END) END;
  IF result IS NULL AND asked IS NULL THEN
    result := (SELECT room_outcome(l.outcome, l.result) FROM change_member_leave((f.u).id, jsonb_build_object(
      'conversation_id', (f.c).id)) l);
  ELSIF result IS NULL AND (f.m).state IS DISTINCT FROM 'joined' THEN
    result := (SELECT room_outcome(j.outcome, j.result) FROM change_member_join(user_remote(p_arguments->>'from'),
      jsonb_build_object('conversation_id', (f.c).id)) j);
  END IF;
  outcome := CASE WHEN result IS NULL THEN 0 ELSE 5 END;
  IF outcome = 0 AND asked IS NOT NULL THEN
    SELECT * INTO f FROM room_find(p_arguments);
    place := (log_advance(1)).ret_before + 1;
    SELECT n.* INTO own FROM nicks n WHERE n.conversation_id = (f.c).id AND n.user_id = (f.u).id;
    PERFORM room_rename(place, f.c, f.m, own, asked);
  END IF;
  result := coalesce(result, '{}');
END $$;

-- Calls a member otherwise; those who are in the room are told if the member is.
CREATE FUNCTION room_rename(p_position bigint, c conversations, m members, own nicks, p_nick text) RETURNS void
LANGUAGE plpgsql AS $$
DECLARE
  there boolean := m.kind = 'hosted' OR EXISTS (SELECT FROM occupants o WHERE o.conversation_id = c.id
                                                  AND o.user_id = m.user_id);
BEGIN
  IF own.nick IS NOT DISTINCT FROM p_nick THEN
    RETURN;
  END IF;
  IF there AND own.nick IS NOT NULL THEN
    PERFORM room_show(p_position, c, m.user_id, own.nick, (room_person(c, m) - 'stanza')
      || jsonb_build_object('type', 'unavailable', 'nick', p_nick, 'codes', '[303]'::jsonb),
      room_address(c, m), '{"codes": [303, 110]}');
  END IF;
  PERFORM nick_set(p_position, c.id, m.user_id, p_nick);
  IF there THEN
    PERFORM room_show(p_position, c, m.user_id, p_nick, room_person(c, m), room_address(c, m), '{"codes": [110]}');
  END IF;
END $$;
