-- SPDX-License-Identifier: GPL-3.0-or-later
-- Who is in a group: coming, going, roles and permissions (decision 0062). The same for app users and for people
-- on XMPP, who change memberships by way of the room: who may do what is decided here, for p_user.
--
-- Functions that write are for the holder of the log. Everything that a membership goes through is told by
-- membership_tell(): to the members, to whom it concerns, to the room, and in the group itself.

-- Whom a group still has room for.
CREATE FUNCTION membership_room(c conversations) RETURNS int
LANGUAGE plpgsql STABLE AS $$
BEGIN
  RETURN (group_settings(c.settings)->>'max_members')::int
    - (SELECT count(*) FROM members m WHERE m.conversation_id = c.id AND m.state IN ('joined', 'invited'));
END $$;

CREATE FUNCTION membership_full() RETURNS jsonb
LANGUAGE sql IMMUTABLE AS $$
  SELECT '{"detail": "the group has as many members as it may have", "error_reason": "full"}'::jsonb
$$;

-- How u is in c: hosted: by an app. An account of another server is so in our groups, and in rooms where its session has a place.
CREATE FUNCTION membership_kind(c conversations, u users) RETURNS text
LANGUAGE plpgsql STABLE AS $$
BEGIN
  RETURN CASE WHEN u.kind = 'hosted' OR u.kind = 'bound' AND (NOT guest_is(c) OR guest_sits(c.id, u.id)) THEN 'hosted'
              ELSE 'remote' END;
END $$;

-- u's membership of c; of somebody who never was in it one without a state.
CREATE FUNCTION membership_of(c conversations, u users) RETURNS members
LANGUAGE plpgsql STABLE AS $$
DECLARE
  m members;
BEGIN
  SELECT x.* INTO m FROM members x WHERE x.conversation_id = c.id AND x.user_id = u.id;
  IF m.user_id IS NULL AND u.id IS NOT NULL THEN
    m.conversation_id := c.id;
    m.user_id := u.id;
    m.jid := u.jid;
    m.number := u.number;
  END IF;
  m.kind := membership_kind(c, u);
  RETURN m;
END $$;

-- The same, as it was before there was one.
CREATE FUNCTION membership_before(m members) RETURNS members
LANGUAGE plpgsql IMMUTABLE AS $$
DECLARE
  old members;
BEGIN
  old.conversation_id := m.conversation_id;
  old.user_id := m.user_id;
  old.kind := m.kind;
  old.jid := m.jid;
  old.number := m.number;
  RETURN old;
END $$;

-- The group as it is now: what was read of it may be older.
CREATE FUNCTION membership_group(p_conversation uuid) RETURNS conversations
LANGUAGE plpgsql STABLE AS $$
BEGIN
  RETURN (SELECT c FROM conversations c WHERE c.id = p_conversation);
END $$;

-- ---- Writing --------------------------------------------------------------------------------------

-- Makes the membership p_old what p_state, p_role and p_permissions say; yields it. p_by: who did it. Who joins
-- has nothing unread, and, where the history is hidden from new members, does not see what was said before.
CREATE FUNCTION membership_put(c conversations, p_old members, p_state text, p_role text, p_permissions text[],
                               p_by uuid) RETURNS members
LANGUAGE plpgsql AS $$
DECLARE
  m members;
  newest bigint := group_newest(c);
  stamp timestamptz := (SELECT h.stamp FROM log_head h);
  kind_ text := membership_kind(c, (SELECT u FROM users u WHERE u.id = p_old.user_id)); -- p_old may be older
BEGIN
  INSERT INTO members AS x (conversation_id, user_id, kind, jid, number, role, state, permissions, request, grouped,
                            joined_at, left_seq, invited_by)
    VALUES (c.id, p_old.user_id, kind_, p_old.jid, p_old.number, p_role, p_state, p_permissions,
            CASE p_state WHEN 'invited' THEN 'pending' END, true, stamp,
            CASE WHEN p_state NOT IN ('joined', 'invited') THEN 0 END, p_by)
    ON CONFLICT (conversation_id, user_id) DO UPDATE
      SET kind = kind_, role = p_role, state = p_state, permissions = p_permissions,
          request = CASE WHEN p_state = 'invited' THEN 'pending'
                         WHEN x.state = 'invited' THEN CASE p_state WHEN 'joined' THEN 'accepted'
                                                                    WHEN 'left' THEN 'declined' END
                         ELSE x.request END,
          left_seq = CASE WHEN p_state IN ('joined', 'invited') THEN NULL
                          WHEN x.state = 'joined' THEN newest ELSE coalesce(x.left_seq, 0) END,
          invited_by = CASE WHEN p_state = x.state THEN x.invited_by ELSE p_by END
    RETURNING * INTO m;
  IF p_state = 'joined' AND p_old.state IS DISTINCT FROM 'joined' THEN
    m := membership_begin(c, m, newest, stamp);
  ELSIF p_state <> 'joined' AND p_old.state = 'joined' THEN
    UPDATE conversations x SET member_ids = array_remove(x.member_ids, m.user_id),
        member_numbers = array_remove(x.member_numbers, m.number)
      WHERE x.id = c.id;
  END IF;
  PERFORM group_guard(c.id);
  RETURN m;
END $$;

CREATE FUNCTION membership_begin(c conversations, p_member members, p_newest bigint, p_at timestamptz) RETURNS members
LANGUAGE plpgsql AS $$
DECLARE
  m members;
BEGIN
  UPDATE conversations x SET member_ids = x.member_ids || p_member.user_id,
      member_numbers = x.member_numbers || p_member.number
    WHERE x.id = c.id;
  UPDATE members x SET joined_at = p_at, joined_seq = p_newest, hidden_seq = NULL, archived_at = NULL, spoke_at = NULL,
      cleared_seq = CASE WHEN group_settings(c.settings)->>'history' = 'hidden' THEN p_newest
                         ELSE greatest(x.cleared_seq, c.base_seq) END,
      delivered_seq = p_newest, delivered_at = p_at, read_seq = p_newest, read_at = p_at,
      others_seen = others_count(c.id, x.user_id)
    WHERE x.conversation_id = c.id AND x.user_id = p_member.user_id
    RETURNING * INTO m;
  INSERT INTO marks (conversation_id, user_id, kind, seq, at)
    SELECT c.id, m.user_id, k.kind, p_newest, p_at FROM (VALUES ('delivered'), ('read')) k (kind) WHERE p_newest > 0
    ON CONFLICT DO NOTHING;
  RETURN m;
END $$;

-- ---- Telling --------------------------------------------------------------------------------------

-- Adds member.added, member.updated or member.removed for all members. Yields its position.
CREATE FUNCTION membership_event(c conversations, p_old members, m members, p_by uuid) RETURNS bigint
LANGUAGE plpgsql AS $$
DECLARE
  was boolean := coalesce(p_old.state IN ('joined', 'invited'), false);
  is_in boolean := m.state IN ('joined', 'invited');
BEGIN
  RETURN event_add(CASE WHEN is_in AND NOT was THEN 'member.added'
                        WHEN is_in OR NOT was AND m.state = 'removed' THEN 'member.updated'
                        ELSE 'member.removed' END,
                   'members', c.id, p_by,
                   json_build_object('user_id', m.user_id, 'by', p_by, 'state', m.state, 'role', m.role,
                                     'permissions', group_rights(c, m), 'seq', group_newest(c) + 1));
END $$;

-- Asks somebody who is invited. Yields the position of what was told last.
CREATE FUNCTION membership_ask(c conversations, m members) RETURNS bigint
LANGUAGE plpgsql AS $$
BEGIN
  RETURN CASE WHEN m.kind = 'hosted'
              THEN event_add('request.new', 'user', c.id, m.user_id, json_build_object('subscription', false))
              ELSE (SELECT h.position FROM log_head h) END;
END $$;

-- Tells the one whose membership it is. p_why: as conversation.removed has it.
CREATE FUNCTION membership_notify(c conversations, p_old members, m members) RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
  IF m.kind <> 'hosted' OR m.state = p_old.state THEN
    RETURN;
  ELSIF m.state = 'joined' THEN
    PERFORM event_add('conversation.new', 'user', c.id, m.user_id);
  ELSIF m.state = 'invited' THEN
    PERFORM membership_ask(c, m);
  ELSIF p_old.state IN ('joined', 'invited') THEN
    PERFORM event_add('conversation.removed', 'user', c.id, m.user_id,
                      json_build_object('conversation_id', c.id, 'reason', CASE
                        WHEN m.state = 'left' AND p_old.state = 'invited' THEN 'declined' ELSE m.state END));
  END IF;
END $$;

-- Tells everybody whom it concerns that the membership p_old has become m. p_by: who did it, NULL: the system.
CREATE FUNCTION membership_tell(c conversations, p_old members, m members, p_by uuid, p_reason text DEFAULT NULL)
RETURNS void
LANGUAGE plpgsql AS $$
DECLARE
  position bigint := membership_event(c, p_old, m, p_by);
BEGIN
  PERFORM membership_notify(c, p_old, m);
  PERFORM room_member_changed(position, c, p_old, p_by, p_reason);
  IF m.state IS DISTINCT FROM p_old.state THEN
    PERFORM export_members_changed(c.id);
  END IF;
END $$;

-- The one of the words for a system message that fits; NULL: nothing is said.
CREATE FUNCTION membership_word(p_old members, m members, p_by uuid) RETURNS text
LANGUAGE sql IMMUTABLE AS $$
  SELECT CASE WHEN m.state = p_old.state THEN CASE WHEN m.role <> p_old.role THEN 'role_changed'
                                                   WHEN m.permissions IS DISTINCT FROM p_old.permissions
                                                   THEN 'permissions_changed' END
              WHEN m.state = 'joined' THEN CASE WHEN p_by = m.user_id THEN 'member_joined' ELSE 'member_added' END
              WHEN m.state = 'invited' THEN 'member_invited'
              WHEN m.state = 'banned' THEN 'member_banned'
              WHEN p_old.state = 'banned' THEN 'member_unbanned'
              WHEN p_old.state = 'joined' THEN CASE m.state WHEN 'left' THEN 'member_left' ELSE 'member_removed' END END
$$;

CREATE FUNCTION membership_say(c conversations, p_old members, m members, p_by uuid, p_reason text) RETURNS void
LANGUAGE plpgsql AS $$
DECLARE
  word text := membership_word(p_old, m, p_by);
BEGIN
  IF word IS NOT NULL AND c.member_ids <> '{}' THEN
    PERFORM group_say(c, word, p_by, m.user_id, jsonb_strip_nulls(jsonb_build_object(
      'role', CASE word WHEN 'role_changed' THEN m.role END,
      'permissions', CASE word WHEN 'permissions_changed' THEN to_jsonb(group_rights(c, m)) END,
      'reason', p_reason)));
  END IF;
END $$;

-- All of it: writes the membership, and tells. Yields it.
CREATE FUNCTION membership_change(c conversations, p_old members, p_state text, p_role text, p_permissions text[],
                                  p_by uuid, p_reason text DEFAULT NULL) RETURNS members
LANGUAGE plpgsql AS $$
DECLARE
  m members := membership_put(c, p_old, p_state, p_role, p_permissions, p_by);
  now_ conversations := membership_group(c.id);
BEGIN
  PERFORM membership_tell(now_, p_old, m, p_by, p_reason);
  PERFORM membership_say(now_, p_old, m, p_by, p_reason);
  RETURN m;
END $$;

-- What member.added, member.updated and member.removed show p_user; NULL: nothing, it was before p_user's time.
CREATE FUNCTION membership_shown(p_user uuid, e events) RETURNS member_view
LANGUAGE plpgsql STABLE AS $$
DECLARE
  facts jsonb := e.payload::jsonb;
BEGIN
  RETURN (SELECT ROW(e.conversation_id, user_open(u), (facts->>'by')::uuid, facts->>'state', facts->>'role',
                     facts->'permissions')::member_view
            FROM users u WHERE u.id = (facts->>'user_id')::uuid
              AND (p_user IS NULL OR NOT EXISTS (
                     SELECT FROM members m WHERE m.conversation_id = e.conversation_id AND m.user_id = p_user
                       AND m.cleared_seq >= (facts->>'seq')::bigint)));
END $$;

-- ---- Adding ---------------------------------------------------------------------------------------

-- In which state p_named (as group_admits() has it) comes, who has been what p_old says: who went is asked, and
-- who declined is only asked again by a contact. NULL: not at all; what is so already stays.
CREATE FUNCTION membership_entry(p_old members, p_named text, p_by users) RETURNS text
LANGUAGE plpgsql STABLE AS $$
BEGIN
  RETURN CASE WHEN p_old.state IN ('joined', 'invited') THEN p_old.state
              WHEN p_old.state = 'left' AND p_old.request = 'declined'
                THEN CASE WHEN relation_contact(p_old.user_id, p_by.jid) THEN 'invited' END
              WHEN p_old.state = 'left' THEN 'invited'
              ELSE p_named END;
END $$;

-- Adds { conversation_id, members: [{ user_id } or { jid }], reason, domain, strangers_max } as change_group_create() does;
-- all of them or none. Who is in already stays as they are. The result is { conversation, strangers }.
CREATE FUNCTION change_members_add(p_user uuid, p_arguments jsonb, OUT outcome int, OUT result jsonb)
LANGUAGE plpgsql AS $$
DECLARE
  found_ record := group_open(p_user, (p_arguments->>'conversation_id')::uuid);
  c conversations := found_.c;
  actor users := (SELECT u FROM users u WHERE u.id = p_user);
  named record;
  olds members[];
BEGIN
  IF guest_is(c) THEN
    SELECT i.outcome, i.result INTO outcome, result FROM guest_invite(c, actor, p_arguments) i;
    RETURN;
  END IF;
  outcome := CASE WHEN c.id IS NULL THEN 2 WHEN NOT group_may(c, found_.mine, 'add_members') THEN 5 END;
  IF outcome IS NOT NULL THEN
    RETURN;
  END IF;
  SELECT * INTO named FROM group_named(actor, p_arguments->'members', p_arguments->>'domain');
  olds := ARRAY(SELECT membership_of(c, u) FROM unnest(named.ids) WITH ORDINALITY t (id, n)
                  JOIN users u ON u.id = t.id ORDER BY t.n);
  outcome := named.outcome;
  result := named.problem;
  IF outcome IS NULL THEN
    SELECT CASE WHEN bool_or(o.state = 'banned') THEN 3
                WHEN bool_or(membership_entry(o, s.state, actor) IS NULL) THEN 4
                WHEN count(*) FILTER (WHERE o.state IS NULL OR o.state NOT IN ('joined', 'invited')) > membership_room(c)
                  THEN 3
                WHEN named.strangers > (p_arguments->>'strangers_max')::int THEN 7 END,
           CASE WHEN bool_or(o.state = 'banned')
                THEN '{"detail": "somebody among them is banned", "error_reason": "banned"}'::jsonb
                WHEN count(*) FILTER (WHERE o.state IS NULL OR o.state NOT IN ('joined', 'invited')) > membership_room(c)
                THEN membership_full() END
      INTO outcome, result
      FROM unnest(olds) o JOIN unnest(named.ids, named.states) s (id, state) ON s.id = o.user_id;
  END IF;
  IF outcome IS NULL THEN
    outcome := CASE WHEN membership_enter(c, olds, named.states, actor, p_arguments->>'reason') THEN 0 ELSE 1 END;
    result := jsonb_build_object('conversation', to_jsonb(conversation_get(p_user, c.id)), 'strangers',
                                 CASE outcome WHEN 0 THEN named.strangers ELSE 0 END);
  END IF;
END $$;

-- Makes members of p_olds, each in its state of p_states or what membership_entry() makes of it; one system message
-- says all. False: they all were.
CREATE FUNCTION membership_enter(c conversations, p_olds members[], p_states text[], p_by users, p_reason text)
RETURNS boolean
LANGUAGE plpgsql AS $$
DECLARE
  old members;
  m members;
  state text;
  now_ conversations;
  added uuid[] := '{}';
  asked uuid[] := '{}';
BEGIN
  FOR n IN 1 .. cardinality(p_olds) LOOP
    old := p_olds[n];
    state := membership_entry(old, p_states[n], p_by);
    CONTINUE WHEN old.state IN ('joined', 'invited');
    m := membership_put(c, old, state, 'member', NULL, p_by.id);
    now_ := membership_group(c.id);
    PERFORM membership_tell(now_, old, m, p_by.id, p_reason);
    IF state = 'joined' THEN
      added := added || m.user_id;
    ELSE
      asked := asked || m.user_id;
    END IF;
  END LOOP;
  IF added <> '{}' THEN
    PERFORM group_say(now_, 'member_added', p_by.id, added[1], jsonb_build_object('targets', added));
  END IF;
  IF asked <> '{}' THEN
    PERFORM group_say(now_, 'member_invited', p_by.id, asked[1], jsonb_build_object('targets', asked));
  END IF;
  RETURN added <> '{}' OR asked <> '{}';
END $$;

-- ---- Changing -------------------------------------------------------------------------------------

-- Whether what p_actor has the right to may be done to p_target: by owners to everybody, by others to plain members
-- and those who are none.
CREATE FUNCTION membership_above(p_actor members, p_target members) RETURNS boolean
LANGUAGE sql IMMUTABLE AS $$
  SELECT p_actor.role = 'owner' OR coalesce(p_target.state NOT IN ('joined', 'invited'), true)
    OR p_target.role = 'member'
$$;

-- Whether the group would be without an owner if m were none.
CREATE FUNCTION membership_is_last(c conversations, m members) RETURNS boolean
LANGUAGE plpgsql STABLE AS $$
BEGIN
  RETURN m.role = 'owner' AND m.state = 'joined' AND NOT EXISTS (
    SELECT FROM members o WHERE o.conversation_id = c.id AND o.user_id <> m.user_id
      AND o.state = 'joined' AND o.role = 'owner');
END $$;

CREATE FUNCTION membership_last() RETURNS jsonb
LANGUAGE sql IMMUTABLE AS $$
  SELECT '{"detail": "the group would have nobody who manages it: name a successor", "error_reason": "last_admin"}'::jsonb
$$;

-- Why mine may not make of old what p_arguments want, as an outcome; NULL: may. Roles are given by owners;
-- permissions of members by those above them; bans by admins who may remove. To give the role that somebody has is
-- to take permissions back, so that this is for owners, too.
CREATE FUNCTION membership_refusal(c conversations, mine members, old members, p_arguments jsonb) RETURNS int
LANGUAGE sql IMMUTABLE AS $$
  SELECT CASE
    WHEN p_arguments ? 'banned' AND (old.user_id = mine.user_id OR group_rank(mine.role) < 2
           OR NOT membership_above(mine, old) OR NOT group_may(c, mine, 'remove_members')) THEN 5
    WHEN p_arguments ? 'role' AND mine.role <> 'owner'
        AND (p_arguments->>'role' IS DISTINCT FROM coalesce(old.role, 'member')
             OR old.permissions IS NOT NULL AND NOT p_arguments ? 'permissions') THEN 5
    WHEN p_arguments ? 'permissions' AND (group_rank(mine.role) < 2 OR NOT membership_above(mine, old)
           OR old.user_id = mine.user_id) THEN 5
  END
$$;

-- The membership of the one whom { user_id } or { jid, domain } names: somebody who is in the group or was, or whom p_user
-- knows otherwise. p_make: people elsewhere who are unknown are made.
CREATE FUNCTION membership_named(c conversations, p_user uuid, p_arguments jsonb, p_make boolean) RETURNS members
LANGUAGE plpgsql AS $$
DECLARE
  m members;
  u users;
BEGIN
  SELECT x.* INTO m FROM members x WHERE x.conversation_id = c.id
    AND CASE WHEN p_arguments ? 'jid' THEN x.jid = p_arguments->>'jid'
             ELSE x.user_id = user_id_of(p_arguments->>'user_id') END;
  IF m.user_id IS NULL AND p_make THEN
    SELECT (named.ret_user).* INTO u FROM relation_named(p_user, p_arguments, true) named;
    m := membership_of(c, u);
  END IF;
  RETURN m;
END $$;

-- Changes { conversation_id, user_id or jid, role, permissions, banned, reason, domain }, as far as they are there, of a
-- member; somebody who is none is added first, or banned. A role that is given anew brings its own permissions, unless some are
-- given with it. The result is { participant, strangers }, the latter as of change_members_add().
CREATE FUNCTION change_member_set(p_user uuid, p_arguments jsonb, OUT outcome int, OUT result jsonb)
LANGUAGE plpgsql AS $$
DECLARE
  found_ record := group_open(p_user, (p_arguments->>'conversation_id')::uuid);
  c conversations := found_.c;
  old members;
BEGIN
  IF c.id IS NULL THEN
    outcome := 2;
    RETURN;
  ELSIF guest_is(c) THEN
    old := membership_named(c, p_user, p_arguments, false);
    outcome := guest_manage(c, p_user, old, CASE WHEN p_arguments @> '{"banned": true}' AND NOT p_arguments ?| '{role,permissions}'
                                                      THEN true END, p_arguments->>'reason');
    result := CASE WHEN outcome > 2 THEN guest_closed() ELSE jsonb_build_object(
      'participant', to_jsonb(membership_get(p_user, c.id, old.user_id)), 'strangers', 0) END;
    RETURN;
  END IF;
  old := membership_named(c, p_user, p_arguments, true);
  outcome := CASE WHEN old.user_id IS NULL THEN 2
                  ELSE membership_refusal(c, found_.mine, old, p_arguments) END;
  IF outcome IS NOT NULL THEN
    RETURN;
  ELSIF p_arguments ? 'banned' THEN
    SELECT b.outcome, b.result INTO outcome, result FROM membership_ban(c, old, p_user, p_arguments) b;
  ELSE
    SELECT s.outcome, s.result INTO outcome, result FROM membership_assign(c, old, p_user, p_arguments) s;
  END IF;
  IF outcome <= 1 THEN
    result := jsonb_build_object('participant', to_jsonb(membership_get(p_user, c.id, old.user_id)),
                                 'strangers', coalesce(result->'strangers', '0'));
  END IF;
END $$;

-- Bans, or takes a ban back. Who is banned keeps no role.
CREATE FUNCTION membership_ban(c conversations, old members, p_by uuid, p_arguments jsonb, OUT outcome int,
                               OUT result jsonb)
LANGUAGE plpgsql AS $$
DECLARE
  banned boolean := (p_arguments->>'banned')::boolean;
BEGIN
  IF banned AND membership_is_last(c, old) THEN
    outcome := 3;
    result := membership_last();
  ELSIF (old.state IS NOT DISTINCT FROM 'banned') = banned THEN
    outcome := CASE WHEN old.state IS NULL THEN 2 ELSE 1 END;
  ELSE
    outcome := 0;
    PERFORM membership_change(c, old, CASE WHEN banned THEN 'banned' ELSE 'removed' END, 'member', NULL, p_by,
                              p_arguments->>'reason');
  END IF;
END $$;

-- Gives a role and permissions, to somebody who is added if need be.
CREATE FUNCTION membership_assign(c conversations, old members, p_by uuid, p_arguments jsonb, OUT outcome int,
                                  OUT result jsonb)
LANGUAGE plpgsql AS $$
DECLARE
  role text := coalesce(p_arguments->>'role', old.role, 'member');
  given text[] := CASE WHEN p_arguments ? 'permissions' THEN ARRAY(
    SELECT DISTINCT p FROM jsonb_array_elements_text(p_arguments->'permissions') p ORDER BY p) END;
  permissions text[] := coalesce(given, CASE WHEN NOT p_arguments ? 'role' THEN old.permissions END);
  m members := old;
  added jsonb;
BEGIN
  IF role = 'owner' AND given IS NOT NULL THEN
    outcome := 6;
    result := '{"pointer": "/permissions", "detail": "are not for owners, who may do everything"}';
    RETURN;
  ELSIF role <> 'owner' AND membership_is_last(c, old) THEN
    outcome := 3;
    result := membership_last();
    RETURN;
  ELSIF old.state IS NULL OR old.state NOT IN ('joined', 'invited') THEN
    SELECT a.outcome, a.result INTO outcome, added FROM change_members_add(p_by, jsonb_build_object(
      'conversation_id', c.id, 'members', jsonb_build_array(jsonb_build_object('user_id', old.user_id)),
      'domain', p_arguments->'domain', 'strangers_max', p_arguments->'strangers_max')) a;
    result := added;
    IF outcome > 1 THEN
      RETURN;
    END IF;
    SELECT x.* INTO m FROM members x WHERE x.conversation_id = c.id AND x.user_id = old.user_id;
    c := membership_group(c.id);
    role := coalesce(p_arguments->>'role', 'member');
    permissions := given;
  END IF;
  IF role = m.role AND permissions IS NOT DISTINCT FROM m.permissions THEN
    outcome := coalesce(outcome, 1);
  ELSE
    outcome := 0;
    PERFORM membership_change(c, m, m.state, role, permissions, p_by, p_arguments->>'reason');
  END IF;
END $$;

-- ---- Going ----------------------------------------------------------------------------------------

-- Takes { conversation_id, user_id or jid, reason } out of the group, or an invitation or a ban back. Oneself: as
-- change_member_leave(). The result is { conversation_id, user_id, state }.
CREATE FUNCTION change_member_remove(p_user uuid, p_arguments jsonb, OUT outcome int, OUT result jsonb)
LANGUAGE plpgsql AS $$
DECLARE
  found_ record := group_open(p_user, (p_arguments->>'conversation_id')::uuid);
  c conversations := found_.c;
  mine members := found_.mine;
  old members := membership_named(found_.c, p_user, p_arguments, false);
BEGIN
  IF old.user_id IS NULL OR old.state IN ('left', 'removed') AND old.user_id <> p_user THEN
    outcome := CASE WHEN old.user_id IS NULL THEN 2 ELSE 1 END;
  ELSIF old.user_id = p_user THEN
    SELECT l.outcome, l.result INTO outcome, result FROM change_member_leave(p_user, p_arguments) l;
    IF outcome > 1 THEN
      RETURN;
    END IF;
    old.state := 'left';
  ELSIF guest_is(c) THEN
    outcome := guest_manage(c, p_user, old, false, p_arguments->>'reason');
    IF outcome > 1 THEN
      result := guest_closed();
      RETURN;
    END IF;
  ELSIF old.state = 'banned' THEN
    SELECT s.outcome, s.result INTO outcome, result
      FROM change_member_set(p_user, p_arguments || '{"banned": false}') s;
  ELSIF NOT (old.state = 'invited' AND old.invited_by = p_user)
        AND NOT (group_may(c, mine, 'remove_members') AND membership_above(mine, old)) THEN
    outcome := 5;
  ELSE
    outcome := 0;
    PERFORM membership_change(c, old, 'removed', 'member', NULL, p_user, p_arguments->>'reason');
  END IF;
  IF outcome <= 1 THEN
    result := jsonb_build_object('conversation_id', c.id, 'user_id', old.user_id,
                                 'state', CASE old.state WHEN 'left' THEN 'left' ELSE 'removed' END);
  END IF;
END $$;

-- p_user leaves { conversation_id, successor }. The last owner makes successor (a joined member) the owner; without
-- one, the longest-serving admin becomes it, and where there is none either nothing happens (outcome 3, error_reason
-- last_admin). With the last member the group ends. The result is as of conversation_hide.
CREATE FUNCTION change_member_leave(p_user uuid, p_arguments jsonb, OUT outcome int, OUT result jsonb)
LANGUAGE plpgsql AS $$
DECLARE
  found_ record := group_open(p_user, (p_arguments->>'conversation_id')::uuid);
  c conversations := found_.c;
  heir members;
BEGIN
  IF c.id IS NULL THEN
    outcome := 2;
    RETURN;
  ELSIF guest_is(c) THEN
    outcome := 0;
    PERFORM guest_leave(c, p_user);
    PERFORM membership_tell(membership_group(c.id), found_.mine, membership_put(c, found_.mine, 'left', 'member', NULL, p_user), p_user);
    PERFORM bound_bookmark_write(c, p_user, false);
    result := jsonb_build_object('conversation_id', c.id, 'reason', 'left');
    RETURN;
  END IF;
  SELECT m.* INTO heir FROM members m
    WHERE m.conversation_id = c.id AND m.state = 'joined' AND m.user_id <> p_user
      AND CASE WHEN p_arguments ? 'successor' THEN m.user_id = (p_arguments->>'successor')::uuid ELSE m.role = 'admin' END
    ORDER BY m.joined_at, m.number LIMIT 1;
  IF p_arguments ? 'successor' AND (heir.user_id IS NULL OR (found_.mine).role <> 'owner') THEN
    outcome := CASE WHEN heir.user_id IS NULL THEN 6 ELSE 5 END;
    result := CASE outcome WHEN 6 THEN '{"pointer": "/successor", "detail": "is not another member"}'::jsonb END;
    RETURN;
  END IF;
  outcome := 0;
  IF cardinality(c.member_ids) = 1 THEN
    PERFORM group_end(c, p_user);
  ELSIF NOT p_arguments ? 'successor' AND NOT membership_is_last(c, found_.mine) THEN
    PERFORM membership_change(c, found_.mine, 'left', 'member', NULL, p_user, p_arguments->>'reason');
  ELSIF heir.user_id IS NULL THEN
    outcome := 3;
    result := membership_last();
    RETURN;
  ELSE
    IF heir.role <> 'owner' THEN
      PERFORM membership_change(c, heir, 'joined', 'owner', NULL, p_user);
    END IF;
    PERFORM membership_change(membership_group(c.id), found_.mine, 'left', 'member', NULL, p_user, p_arguments->>'reason');
  END IF;
  PERFORM bound_bookmark_write(c, p_user, false);
  result := jsonb_build_object('conversation_id', c.id, 'reason', 'left');
END $$;

-- ---- Coming ---------------------------------------------------------------------------------------

-- p_user, app user or on XMPP, comes into { conversation_id }: who was invited, and, where the group is public,
-- everybody who is not banned. The result is { conversation }.
CREATE FUNCTION change_member_join(p_user uuid, p_arguments jsonb, OUT outcome int, OUT result jsonb)
LANGUAGE plpgsql AS $$
DECLARE
  c conversations := membership_group((p_arguments->>'conversation_id')::uuid);
  old members;
BEGIN
  IF c.kind IS DISTINCT FROM 'group' OR c.destroyed_at IS NOT NULL THEN
    outcome := 2;
    RETURN;
  END IF;
  old := membership_of(c, (SELECT u FROM users u WHERE u.id = p_user));
  IF guest_is(c) AND old.state = 'invited' THEN
    SELECT s.outcome, s.result INTO outcome, result FROM guest_sit(c, p_user, p_arguments->>'nick', p_arguments->>'password') s;
    IF outcome = 0 THEN
      PERFORM bound_bookmark_write(c, p_user, true);
      result := jsonb_build_object('conversation', to_jsonb(conversation_get(p_user, c.id))) || change_follows(p_user);
    END IF;
    RETURN;
  END IF;
  outcome := CASE WHEN old.state = 'joined' THEN 1
                  WHEN old.state = 'invited' THEN 0
                  WHEN NOT c.public OR old.user_id IS NULL THEN 2
                  WHEN old.state = 'banned' THEN 5
                  WHEN membership_room(c) < 1 THEN 3
                  ELSE 0 END;
  IF outcome = 0 THEN
    PERFORM membership_change(c, old, 'joined', CASE old.state WHEN 'invited' THEN old.role ELSE 'member' END,
                              CASE old.state WHEN 'invited' THEN old.permissions END, p_user);
    PERFORM bound_bookmark_write(c, p_user, true);
  END IF;
  result := CASE WHEN outcome = 3 THEN membership_full()
                 WHEN outcome <= 1 THEN jsonb_build_object('conversation', to_jsonb(conversation_get(p_user, c.id)))
                                        || change_follows(p_user) END;
END $$;

-- p_user does not come. The result is the conversation as it was.
CREATE FUNCTION membership_decline(p_user uuid, p_conversation uuid, OUT outcome int, OUT result jsonb)
LANGUAGE plpgsql AS $$
DECLARE
  c conversations := membership_group(p_conversation);
  old members;
BEGIN
  SELECT m.* INTO old FROM members m WHERE m.conversation_id = p_conversation AND m.user_id = p_user
    AND m.state = 'invited';
  outcome := CASE WHEN old.user_id IS NULL THEN 2 ELSE 0 END;
  IF outcome = 0 THEN
    result := to_jsonb(conversation_get(p_user, c.id)) || '{"request": "declined"}';
    PERFORM membership_change(c, old, 'left', 'member', NULL, p_user);
    IF guest_is(c) THEN
      PERFORM guest_decline(c, p_user);
    END IF;
  END IF;
END $$;

-- ---- Reading --------------------------------------------------------------------------------------

-- A member as p_viewer sees them. NULL: nobody of that id is in it, or p_viewer is not.
CREATE FUNCTION membership_get(p_viewer uuid, p_conversation uuid, p_user uuid) RETURNS participant_view
LANGUAGE plpgsql STABLE AS $$
BEGIN
  RETURN (SELECT membership_facts(p_viewer, c, m) FROM conversations c
            JOIN members m ON m.conversation_id = c.id AND m.user_id = p_user
            JOIN members mine ON mine.conversation_id = c.id AND mine.user_id = p_viewer AND mine.state = 'joined'
            WHERE c.id = p_conversation
              AND (m.state IN ('joined', 'invited') OR (m.state = 'banned' AND group_rank(mine.role) > 1)
                   OR m.state = 'removed' AND group_rank(mine.role) > 1));
END $$;

CREATE FUNCTION membership_facts(p_viewer uuid, c conversations, m members) RETURNS participant_view
LANGUAGE plpgsql STABLE AS $$
BEGIN
  RETURN (
    SELECT ROW(user_seen(p_viewer, u), m.role, m.joined_at,
               CASE WHEN m.state <> 'joined' THEN 0
                    WHEN m.quiet AND m.user_id <> p_viewer THEN told_read_seq(m.conversation_id, m.user_id)
                    ELSE m.read_seq END,
               m.state, to_jsonb(group_rights(c, m)),
               CASE WHEN u.kind = 'hosted' AND (u.id = p_viewer OR (
                      SELECT s.last_seen FROM relation_side(u, v.jid, true, NULL) s)) THEN u.last_seen_at END
              )::participant_view
      FROM users u, users v WHERE u.id = m.user_id AND v.id = p_viewer);
END $$;

-- A page of the members of a conversation, of p_state ('joined', 'invited' or 'banned', which only admins are
-- told; NULL: joined and invited), with p_text (NULL: any) in a name or in what the room calls them, by number of user, after p_after. The first
-- row has more and next, and no item; no row: p_user is not a member.
CREATE FUNCTION membership_page(p_user uuid, p_conversation uuid, p_state text, p_text text, p_limit int, p_after bigint)
RETURNS TABLE (item participant_view, more boolean, next text)
LANGUAGE plpgsql STABLE AS $$
DECLARE
  mine members;
  line text := text_line(p_text);
  numbers bigint[];
BEGIN
  SELECT m.* INTO mine FROM members m
    WHERE m.conversation_id = p_conversation AND m.user_id = p_user AND m.state = 'joined';
  IF mine.user_id IS NULL THEN
    RETURN;
  END IF;
  numbers := ARRAY(
    SELECT m.number FROM members m JOIN users u ON u.id = m.user_id
      WHERE m.conversation_id = p_conversation AND m.number > coalesce(p_after, 0)
        AND CASE WHEN p_state IS NULL THEN m.state IN ('joined', 'invited')
                 ELSE m.state = p_state AND (p_state <> 'banned' OR group_rank(mine.role) > 1) END
        AND (p_text IS NULL OR CASE WHEN u.kind = 'hosted' OR user_is_closed(p_user, u) IS FALSE
               THEN strpos(coalesce(u.folded, user_lines(u)), line) > 0
               ELSE strpos(text_line(split_part(u.jid, '@', 1)), line) > 0 END
             OR EXISTS (SELECT FROM nicks n WHERE n.conversation_id = m.conversation_id AND n.user_id = m.user_id
                          AND strpos(text_line(n.nick), line) > 0))
      ORDER BY m.number LIMIT p_limit + 1);
  RETURN QUERY SELECT NULL::participant_view, cardinality(numbers) > p_limit,
                      CASE WHEN cardinality(numbers) > p_limit THEN numbers[p_limit]::text END;
  RETURN QUERY SELECT membership_facts(p_user, c, m), NULL::boolean, NULL::text
    FROM conversations c JOIN members m ON m.conversation_id = c.id AND m.number = ANY (numbers[1:p_limit])
    WHERE c.id = p_conversation ORDER BY m.number;
END $$;
