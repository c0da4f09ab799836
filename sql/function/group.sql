-- SPDX-License-Identifier: GPL-3.0-or-later
-- Groups: what one is, what it allows, and its making and end (decision 0062). Who is in one is in
-- membership.sql. Reading and writing groups is in message.sql, mark.sql and conversation.sql, where they are
-- like all other conversations. Functions that write are for the holder of the log.

-- The address of the room that a group is (conversations.room); NULL: this installation has no domain for rooms.
CREATE FUNCTION group_jid(p_room text) RETURNS text
LANGUAGE sql STABLE AS $$
  SELECT p_room || '@' || nullif(current_setting('trestle.rooms_domain', true), '')
$$;

-- A name for a room that nobody guesses.
CREATE FUNCTION group_room() RETURNS text
LANGUAGE sql VOLATILE AS $$
  SELECT substr(md5(gen_random_uuid()::text), 1, 16)
$$;

-- With how many members at most all of them are shown and told of each other's marks.
CREATE FUNCTION group_small() RETURNS int
LANGUAGE sql IMMUTABLE AS $$
  SELECT 32
$$;

-- ---- What a group allows --------------------------------------------------------------------------

-- All settings: p_settings, those that were made, and the others as they are by default.
CREATE FUNCTION group_settings(p_settings jsonb) RETURNS jsonb
LANGUAGE plpgsql IMMUTABLE AS $$
BEGIN
  RETURN '{"who_can_send": "everyone", "who_can_add": "admins_only", "history": "visible", "max_members": 256}'::jsonb
         || coalesce(p_settings, '{}')
         || jsonb_build_object('moderation', '{"filter": "off", "slow_mode_seconds": 0, "new_member_wait": 0, "media": "all"}'::jsonb
                                             || coalesce(p_settings->'moderation', '{}'));
END $$;

-- The same as the API shows it.
CREATE FUNCTION group_settings_shown(c conversations) RETURNS jsonb
LANGUAGE plpgsql IMMUTABLE AS $$
BEGIN
  RETURN group_settings(c.settings) || jsonb_build_object('public', c.public);
END $$;

-- What is wrong with p_asked, settings of a request; NULL: nothing. The pointer is into the request.
CREATE FUNCTION group_settings_problem(p_asked jsonb) RETURNS jsonb
LANGUAGE sql IMMUTABLE AS $$
  SELECT coalesce(
    (SELECT jsonb_build_object('pointer', '/settings', 'detail', 'must be an object')
       WHERE jsonb_typeof(p_asked) <> 'object'),
    (SELECT jsonb_build_object('pointer', left('/settings/' || s.name, 60), 'detail', coalesce(r.wrong, 'is not known here'))
       FROM (SELECT e.key AS name, e.value FROM jsonb_each(
                 CASE WHEN jsonb_typeof(p_asked) = 'object' THEN p_asked - 'moderation' ELSE '{}' END) e
             UNION ALL
             SELECT 'moderation/' || e.key, e.value FROM jsonb_each(
                 CASE WHEN jsonb_typeof(p_asked->'moderation') = 'object' THEN p_asked->'moderation' ELSE '{}' END) e
             UNION ALL
             SELECT 'moderation', p_asked->'moderation'
               WHERE jsonb_typeof(p_asked) = 'object' AND p_asked ? 'moderation'
                 AND jsonb_typeof(p_asked->'moderation') <> 'object') s
       LEFT JOIN (VALUES
           ('who_can_send', '["everyone", "admins_only"]'::jsonb, NULL::int, NULL::int, 'must be everyone or admins_only'),
           ('who_can_add', '["everyone", "admins_only"]', NULL, NULL, 'must be everyone or admins_only'),
           ('history', '["visible", "hidden"]', NULL, NULL, 'must be visible or hidden'),
           ('public', '[true, false]', NULL, NULL, 'must be true or false'),
           ('max_members', NULL, 2, 256, 'must be a whole number from 2 to 256'),
           ('moderation/filter', '["off", "links", "strict"]', NULL, NULL, 'must be off, links or strict'),
           ('moderation/slow_mode_seconds', NULL, 0, 86400, 'must be a whole number from 0 to 86400'),
           ('moderation/new_member_wait', NULL, 0, 604800, 'must be a whole number from 0 to 604800'),
           ('moderation/media', '["all", "members", "none"]', NULL, NULL, 'must be all, members or none'),
           ('moderation', NULL, NULL, NULL, 'must be an object')) r (name, words, least, most, wrong)
         ON r.name = s.name
       WHERE r.name IS NULL OR r.name = 'moderation'
         OR (r.words IS NOT NULL AND NOT r.words @> jsonb_build_array(s.value))
         OR (r.least IS NOT NULL AND CASE WHEN jsonb_typeof(s.value) = 'number'
               THEN s.value::text !~ '^[0-9]+$' -- 5.0 is none: it is read as an integer
                 OR s.value::numeric NOT BETWEEN r.least AND r.most ELSE true END)
       ORDER BY s.name LIMIT 1))
$$;

-- The settings with those of p_asked, which were checked, in their place; what is so by default is left out.
CREATE FUNCTION group_settings_merge(p_settings jsonb, p_asked jsonb) RETURNS jsonb
LANGUAGE sql IMMUTABLE AS $$
  SELECT nullif(coalesce((
    SELECT jsonb_object_agg(e.key, e.value)
      FROM jsonb_each(group_settings(p_settings) || (p_asked - 'public')
             || jsonb_build_object('moderation', group_settings(p_settings)->'moderation'
                                                 || coalesce(p_asked->'moderation', '{}'))) e
      WHERE e.value <> group_settings(NULL)->e.key), '{}'), '{}')
$$;

CREATE FUNCTION group_rank(p_role text) RETURNS int
LANGUAGE sql IMMUTABLE AS $$
  SELECT CASE p_role WHEN 'owner' THEN 3 WHEN 'admin' THEN 2 WHEN 'member' THEN 1 ELSE 0 END
$$;

-- What a member may do while joined. Owners may do everything; others what was given to them in person, else
-- what their role and the settings say.
CREATE FUNCTION group_rights(c conversations, m members) RETURNS text[]
LANGUAGE sql IMMUTABLE AS $$
  SELECT CASE WHEN m.role = 'owner' OR (m.role = 'admin' AND m.permissions IS NULL)
                THEN '{send_messages,add_members,remove_members,change_settings,delete_messages}'::text[]
              WHEN m.permissions IS NOT NULL THEN m.permissions
              -- As group_settings() has it, for what is not the default.
              ELSE CASE WHEN c.settings ? 'who_can_send' THEN '{}' ELSE '{send_messages}'::text[] END
                   || CASE WHEN c.settings ? 'who_can_add' THEN '{add_members}'::text[] ELSE '{}' END END
$$;

CREATE FUNCTION group_may(c conversations, m members, p_right text) RETURNS boolean
LANGUAGE sql IMMUTABLE AS $$
  SELECT coalesce(m.state = 'joined' AND p_right = ANY (group_rights(c, m)), false)
$$;

-- Sets conversations.guarded: whether a message of a group has to ask group_pass().
CREATE FUNCTION group_guard(p_conversation uuid) RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
  UPDATE conversations c SET guarded = g.guarded
    FROM (SELECT x.id, coalesce(x.settings ?| '{who_can_send,moderation}', false)
                 OR EXISTS (SELECT FROM members m WHERE m.conversation_id = x.id AND m.state = 'joined'
                              AND 'send_messages' <> ALL (m.permissions)) AS guarded
            FROM conversations x WHERE x.id = p_conversation) g
    WHERE c.id = g.id AND c.guarded <> g.guarded;
END $$;

-- Whether a text has what the filter of a group keeps out: links, or (strict) addresses too.
CREATE FUNCTION group_filtered(p_filter text, p_body text) RETURNS boolean
LANGUAGE sql IMMUTABLE AS $$
  SELECT coalesce(p_filter <> 'off' AND (
    p_body ~* '\m(https?|ftp|xmpp|mailto|tel|geo|magnet):\S|\mwww\.\S'
    OR (p_filter = 'strict' AND p_body ~* '\S@\S+\.\S|\m[a-z0-9-]+\.(com|net|org|info|io|app|me|[a-z]{2})\M')), false)
$$;

-- All that a message says in words: its text, and those of what it carries.
CREATE FUNCTION group_words(p_body text, p_content jsonb) RETURNS text
LANGUAGE plpgsql IMMUTABLE AS $$
BEGIN
  RETURN concat_ws(E'\n', p_body, CASE WHEN p_content ?| '{poll,location,payload}' THEN (
    SELECT string_agg(t #>> '{}', E'\n')
      FROM jsonb_path_query(jsonb_build_array(p_content->'poll', p_content->'location', p_content->'payload'),
                            'strict $.** ? (@.type() == "string")') t) END);
END $$;

-- Which rule of a group keeps a message of m's out, as content_refused() has it; NULL: none. Files of who has been there for less
-- than a day are not those of members.
CREATE FUNCTION group_rule(m members, p_rules jsonb, p_body text, p_at timestamptz, p_content jsonb) RETURNS jsonb
LANGUAGE plpgsql IMMUTABLE AS $$
BEGIN
  IF p_at < m.joined_at + make_interval(secs => (p_rules->>'new_member_wait')::int) THEN
    RETURN '{"pointer": "", "detail": "you have not been in the group for long enough"}';
  ELSIF group_filtered(p_rules->>'filter', group_words(p_body, p_content)) THEN
    RETURN '{"pointer": "", "detail": "links are not wanted in this group"}';
  ELSIF p_content ? 'attachments' AND (p_rules->>'media' = 'none'
          OR p_rules->>'media' = 'members' AND p_at < m.joined_at + interval '1 day') THEN
    RETURN '{"pointer": "/attachments", "detail": "files are not wanted in this group"}';
  END IF;
  RETURN NULL;
END $$;

-- As relation_pass(), of a guarded group: who may not write just now is told so (outcome 5), or that it is too
-- early (9). Admins may always, unless it was taken from them. p_came: by XMPP, where a rule of the group is another thing
-- than a voice that one has not (10).
CREATE FUNCTION group_pass(c conversations, p_sender uuid, p_body text, p_at timestamptz, p_dedupe uuid,
                           p_content jsonb, p_came boolean DEFAULT false)
RETURNS jsonb
LANGUAGE plpgsql AS $$
DECLARE
  m members;
  rules jsonb := group_settings(c.settings)->'moderation';
  verdict int;
  refusal jsonb;
BEGIN
  SELECT * INTO m FROM members x WHERE x.conversation_id = c.id AND x.user_id = p_sender;
  IF guest_is(c) AND (SELECT u.kind FROM users u WHERE u.id = p_sender) = 'remote' THEN
    RETURN NULL; -- the room has let it pass
  ELSIF NOT group_may(c, m, 'send_messages') THEN
    verdict := 5;
  ELSIF group_rank(m.role) > 1 THEN
    RETURN NULL;
  ELSE
    refusal := group_rule(m, rules, p_body, p_at, p_content);
    verdict := CASE WHEN refusal IS NOT NULL THEN CASE WHEN p_came THEN 10 ELSE 5 END
                    WHEN p_at < m.spoke_at + make_interval(secs => (rules->>'slow_mode_seconds')::int) THEN 9 END;
  END IF;
  IF verdict IS NOT NULL THEN
    PERFORM relation_repeated(p_sender, p_dedupe);
    RETURN jsonb_strip_nulls(jsonb_build_object('outcome', verdict, 'refusal', refusal));
  END IF;
  IF (rules->>'slow_mode_seconds')::int > 0 THEN
    UPDATE members x SET spoke_at = p_at WHERE x.conversation_id = c.id AND x.user_id = p_sender;
  END IF;
  RETURN NULL;
END $$;

-- ---- What a group says ----------------------------------------------------------------------------

-- What nobody says: { system_type, actor, target, … }. Yields its position. It counts as unread for nobody.
CREATE FUNCTION group_say(c conversations, p_type text, p_actor uuid, p_target uuid DEFAULT NULL,
                          p_more jsonb DEFAULT '{}') RETURNS bigint
LANGUAGE plpgsql AS $$
DECLARE
  said uuid;
  taken record := log_advance(1);
  newest bigint := group_newest(c);
BEGIN
  said := entry_id(taken.ret_stamp);
  INSERT INTO messages (id, conversation_id, seq, position, created_at, kind, metadata, many, sender_seq)
    SELECT said, c.id, newest + 1, taken.ret_before + 1, taken.ret_stamp, 'system',
           jsonb_build_object('system_type', p_type, 'actor', p_actor, 'target', p_target) || p_more, true,
           1 + coalesce((SELECT m.sender_seq FROM messages m WHERE m.many AND m.conversation_id = c.id
                           AND m.sender_id IS NULL ORDER BY m.seq DESC LIMIT 1), 0);
  INSERT INTO events (position, type, audience, conversation_id, user_id, payload, at)
    VALUES (taken.ret_before + 1, 'message.new', 'members', c.id, p_actor,
            json_build_object('message_id', said, 'seq', newest + 1), taken.ret_stamp);
  IF (SELECT x.rested FROM conversations x WHERE x.id = c.id) THEN
    PERFORM conversation_wake(c.id);
  END IF;
  IF (SELECT x.awaited FROM conversations x WHERE x.id = c.id) THEN
    PERFORM change_conversation_appear(NULL, jsonb_build_object('conversation_ids', jsonb_build_array(c.id)));
  END IF;
  RETURN taken.ret_before + 1;
END $$;

-- The newest seq of the conversation.
CREATE FUNCTION group_newest(c conversations) RETURNS bigint
LANGUAGE plpgsql STABLE AS $$
BEGIN
  RETURN coalesce((SELECT m.seq FROM messages m WHERE m.conversation_id = c.id ORDER BY m.seq DESC LIMIT 1),
                  c.base_seq);
END $$;

-- Tells all members what the group looks like now.
CREATE FUNCTION group_updated_event(c conversations, p_by uuid) RETURNS bigint
LANGUAGE plpgsql AS $$
BEGIN
  RETURN event_add('conversation.updated', 'members', c.id, p_by, json_build_object('by', p_by));
END $$;

-- ---- Making ---------------------------------------------------------------------------------------

-- How p_source may bring p_target into a group: 'joined' at once, as a message between them would pass and be
-- shown; 'invited', to be asked; NULL: not at all.
CREATE FUNCTION group_admits(p_source users, p_target users) RETURNS text
LANGUAGE plpgsql STABLE AS $$
DECLARE
  asked text := (SELECT m.request FROM conversations c
                   JOIN members m ON m.conversation_id = c.id AND m.user_id = p_target.id
                   WHERE c.kind = 'direct' AND c.member_ids = pair_key(p_source.id, p_target.id));
  first text := relation_first(p_target.id, p_source.jid);
BEGIN
  RETURN CASE WHEN p_target.id IS NULL OR relation_refuses(p_target.id, p_source.jid) OR first = 'refused'
                OR relation_blocks(p_source.id, p_target.jid) OR 'declined' IN (asked, first) THEN NULL
              WHEN p_target.kind <> 'hosted' OR first = 'pending' OR asked = 'pending' THEN 'invited'
              ELSE 'joined' END;
END $$;

-- Those whom a request names: p_asked is [{ user_id } or { jid }], as relation_named() has them, for p_source.
-- Who is named twice, or is p_source, counts once. outcome: NULL, or as of a change, of the first that will not
-- do: 4 is unknown or does not want p_source, 6 cannot be a member (problem). strangers: how many have not let
-- p_source in otherwise.
CREATE FUNCTION group_named(p_source users, p_asked jsonb, p_domain text, OUT outcome int, OUT problem jsonb,
                            OUT ids uuid[], OUT states text[], OUT strangers int)
LANGUAGE plpgsql AS $$
DECLARE
  asked jsonb;
  u users;
  state text;
  n int := 0;
  wrong text;
BEGIN
  ids := '{}';
  states := '{}';
  strangers := 0;
  FOR asked IN SELECT x FROM jsonb_array_elements(p_asked) x LOOP
    SELECT (named.ret_user).* INTO u FROM relation_named(p_source.id, asked || jsonb_build_object('domain', p_domain),
                                                         true) named;
    IF u.id IS NULL OR (u.id <> p_source.id AND u.id <> ALL (ids)) THEN
      state := group_admits(p_source, u);
      wrong := CASE WHEN u.kind <> 'remote' THEN NULL
                    WHEN group_jid('x') IS NULL THEN 'is not a user of this service, which has no domain for rooms'
                    WHEN u.jid NOT LIKE '%@%' OR relation_domain(u.jid) = relation_domain(group_jid('x'))
                      THEN 'is nobody who could be a member' END;
      IF state IS NULL THEN
        outcome := 4;
      ELSIF wrong IS NOT NULL THEN
        outcome := coalesce(outcome, 6);
        problem := coalesce(problem, jsonb_build_object('pointer', '/members/' || n, 'detail', wrong));
      ELSE
        ids := ids || u.id;
        states := states || state;
        strangers := strangers + relation_unasked(p_source, u)::int;
      END IF;
    END IF;
    n := n + 1;
  END LOOP;
END $$;

-- Makes the group { id, name, description, members: [{ user_id } or { jid }], settings, domain }; id is new, and
-- makes a repetition recognisable. p_user is its owner. Refused as a whole when somebody is unknown or does not
-- let p_user in (one outcome for all). strangers_max: how many members may be strangers, who have not let p_user
-- in otherwise (outcome 7 if there are more; NULL: all may). The result is { conversation, strangers }; it is in
-- the lists of all members at once, and a request of those who are asked.
CREATE FUNCTION change_group_create(p_user uuid, p_arguments jsonb, OUT outcome int, OUT result jsonb)
LANGUAGE plpgsql AS $$
DECLARE
  made uuid := (p_arguments->>'id')::uuid;
  asked jsonb := coalesce(p_arguments->'settings', '{}');
  owner users;
  named record;
  c conversations;
BEGIN
  IF EXISTS (SELECT FROM conversations x WHERE x.id = made) THEN
    outcome := 1;
    result := jsonb_build_object('conversation', to_jsonb(conversation_get(p_user, made)), 'strangers', 0);
    RETURN;
  END IF;
  SELECT * INTO owner FROM users x WHERE x.id = p_user;
  result := group_settings_problem(asked);
  IF result IS NOT NULL THEN
    outcome := 6;
    RETURN;
  END IF;
  SELECT * INTO named FROM group_named(owner, p_arguments->'members', p_arguments->>'domain');
  outcome := named.outcome;
  result := named.problem;
  IF outcome IS NULL AND named.strangers > (p_arguments->>'strangers_max')::int THEN
    outcome := 7;
  ELSIF outcome IS NULL AND cardinality(named.ids) >= (group_settings(asked)->>'max_members')::int THEN
    outcome := 6;
    result := '{"pointer": "/members", "detail": "has more than settings.max_members"}';
  END IF;
  IF outcome IS NOT NULL THEN
    RETURN;
  END IF;
  c := group_make(made, owner, p_arguments, named.ids, named.states);
  PERFORM bound_bookmark_write(c, owner.id, true);
  outcome := 0;
  result := jsonb_build_object('conversation', to_jsonb(conversation_get(p_user, made)),
                               'strangers', named.strangers);
END $$;

-- Makes it, and tells whom it concerns: set by set, for all writes wait meanwhile.
CREATE FUNCTION group_make(p_id uuid, p_owner users, p_arguments jsonb, p_ids uuid[], p_states text[])
RETURNS conversations
LANGUAGE plpgsql AS $$
DECLARE
  taken record := log_advance(1);
  c conversations;
  joined uuid[] := p_owner.id || ARRAY(SELECT t.id FROM unnest(p_ids, p_states) t (id, state) WHERE t.state = 'joined');
  invited uuid[] := ARRAY(SELECT t.id FROM unnest(p_ids, p_states) t (id, state) WHERE t.state = 'invited');
  last bigint;
  m members;
BEGIN
  INSERT INTO conversations (id, kind, name, description, member_ids, member_numbers, plain, room, public, settings,
                             position, created_at)
    SELECT p_id, 'group', p_arguments->>'name', p_arguments->>'description', joined,
           ARRAY(SELECT u.number FROM unnest(joined) WITH ORDINALITY j (id, n) JOIN users u ON u.id = j.id ORDER BY j.n),
           false, group_room(), coalesce((p_arguments #>> '{settings,public}')::boolean, false),
           group_settings_merge(NULL, coalesce(p_arguments->'settings', '{}')), taken.ret_before + 1, taken.ret_stamp;
  INSERT INTO members (conversation_id, user_id, kind, jid, number, role, state, request, grouped, joined_at, invited_by)
    SELECT p_id, u.id, CASE u.kind WHEN 'remote' THEN u.kind ELSE 'hosted' END, u.jid, u.number, CASE WHEN u.id = p_owner.id THEN 'owner' ELSE 'member' END,
           CASE WHEN u.id = ANY (joined) THEN 'joined' ELSE 'invited' END,
           CASE WHEN u.id = ANY (invited) THEN 'pending' END, true, taken.ret_stamp,
           CASE WHEN u.id <> p_owner.id THEN p_owner.id END
      FROM users u WHERE u.id = ANY (joined || invited);
  PERFORM group_guard(p_id);
  SELECT * INTO c FROM conversations x WHERE x.id = p_id;
  last := event_add('conversation.new', 'members', p_id, p_owner.id);
  FOR m IN SELECT x.* FROM members x WHERE x.conversation_id = p_id AND x.state = 'invited' LOOP
    last := membership_ask(c, m);
    PERFORM room_member_changed(last, c, membership_before(m), p_owner.id, NULL);
  END LOOP;
  RETURN c;
END $$;

-- ---- Changing and ending --------------------------------------------------------------------------

-- The group, and p_user's membership; no c: there is none that p_user is in.
CREATE FUNCTION group_open(p_user uuid, p_conversation uuid, OUT c conversations, OUT mine members)
LANGUAGE plpgsql STABLE AS $$
BEGIN
  SELECT x.* INTO mine FROM members x
    WHERE x.conversation_id = p_conversation AND x.user_id = p_user AND x.grouped AND x.state = 'joined';
  SELECT x.* INTO c FROM conversations x WHERE x.id = mine.conversation_id AND x.kind = 'group';
END $$;

-- Changes what p_arguments have of name, description, icon_hash (null: none) and settings, which all members share.
-- Outcome 0, 1, 2, 5, 6, or 3 when the picture has gone meanwhile. What is said of it: a system message for each.
CREATE FUNCTION group_change(p_user uuid, p_arguments jsonb, OUT outcome int, OUT result jsonb)
LANGUAGE plpgsql AS $$
DECLARE
  found_ record := group_open(p_user, (p_arguments->>'conversation_id')::uuid);
  old conversations := found_.c;
  c conversations := found_.c;
  asked jsonb := coalesce(nullif(p_arguments->'settings', 'null'), '{}');
  last bigint;
BEGIN
  result := CASE WHEN c.id IS NOT NULL THEN group_settings_problem(asked) END;
  IF guest_is(c) THEN
    outcome := 5;
    result := guest_closed();
    RETURN;
  END IF;
  outcome := CASE WHEN c.id IS NULL THEN 2
                  WHEN NOT group_may(c, found_.mine, 'change_settings') THEN 5
                  WHEN result IS NOT NULL THEN 6
                  WHEN nullif(p_arguments->'icon_hash', 'null') IS NOT NULL AND NOT EXISTS (
                    SELECT FROM pictures p WHERE p.hash = p_arguments->>'icon_hash') THEN 3 END;
  IF outcome IS NOT NULL THEN
    RETURN;
  END IF;
  IF p_arguments ? 'name' THEN c.name := p_arguments->>'name'; END IF;
  IF p_arguments ? 'description' THEN c.description := p_arguments->>'description'; END IF;
  IF p_arguments ? 'icon_hash' THEN c.icon_hash := p_arguments->>'icon_hash'; END IF;
  c.public := coalesce((asked->>'public')::boolean, c.public);
  c.settings := group_settings_merge(c.settings, asked);
  IF c IS NOT DISTINCT FROM old THEN
    outcome := 1;
    RETURN;
  END IF;
  outcome := 0;
  UPDATE conversations x SET name = c.name, description = c.description, icon_hash = c.icon_hash,
      public = c.public, settings = c.settings
    WHERE x.id = c.id;
  PERFORM group_guard(c.id);
  IF old.icon_hash IS DISTINCT FROM c.icon_hash THEN
    PERFORM picture_release(old.icon_hash);
  END IF;
  PERFORM group_say_change(old, c, p_user);
  last := group_updated_event(c, p_user);
  PERFORM room_changed(last, membership_group(c.id), p_user);
  IF old.icon_hash IS DISTINCT FROM c.icon_hash THEN
    PERFORM room_tell(last, membership_group(c.id), 'room_photo', NULL, room_photo(c));
  END IF;
END $$;

CREATE FUNCTION group_say_change(p_old conversations, p_new conversations, p_user uuid) RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
  IF p_old.name IS DISTINCT FROM p_new.name THEN
    PERFORM group_say(p_new, 'name_changed', p_user, NULL, jsonb_build_object('name', p_new.name));
  END IF;
  IF p_old.description IS DISTINCT FROM p_new.description THEN
    PERFORM group_say(p_new, 'description_changed', p_user, NULL, jsonb_build_object('description', p_new.description));
  END IF;
  IF p_old.icon_hash IS DISTINCT FROM p_new.icon_hash THEN
    PERFORM group_say(p_new, 'icon_changed', p_user);
  END IF;
  IF group_settings_shown(p_old) <> group_settings_shown(p_new) THEN
    PERFORM group_say(p_new, 'settings_changed', p_user, NULL, jsonb_build_object('settings', (
      SELECT jsonb_object_agg(e.key, e.value) FROM jsonb_each(group_settings_shown(p_new)) e
        WHERE e.value <> group_settings_shown(p_old)->e.key)));
  END IF;
END $$;

-- Sets or (icon_hash null) removes the icon of { conversation_id, icon_hash }. The result is the conversation.
CREATE FUNCTION change_group_icon(p_user uuid, p_arguments jsonb, OUT outcome int, OUT result jsonb)
LANGUAGE plpgsql AS $$
BEGIN
  SELECT g.outcome, g.result INTO outcome, result FROM group_change(p_user, p_arguments) g;
  IF outcome <= 1 THEN
    result := to_jsonb(conversation_get(p_user, (p_arguments->>'conversation_id')::uuid));
  END IF;
END $$;

-- Ends { conversation_id }: nobody is a member any more, and nobody comes back. Only an owner may. The result is
-- as of conversation_hide.
CREATE FUNCTION change_group_destroy(p_user uuid, p_arguments jsonb, OUT outcome int, OUT result jsonb)
LANGUAGE plpgsql AS $$
DECLARE
  found_ record := group_open(p_user, (p_arguments->>'conversation_id')::uuid);
BEGIN
  outcome := CASE WHEN (found_.c).id IS NULL THEN 2 WHEN guest_is(found_.c) OR (found_.mine).role <> 'owner' THEN 5 ELSE 0 END;
  result := CASE WHEN guest_is(found_.c) THEN guest_closed() END;
  IF outcome = 0 THEN
    PERFORM group_end(found_.c, p_user);
    result := jsonb_build_object('conversation_id', (found_.c).id, 'reason', 'destroyed');
  END IF;
END $$;

CREATE FUNCTION group_end(c conversations, p_by uuid) RETURNS void
LANGUAGE plpgsql AS $$
DECLARE
  gone uuid[] := ARRAY(SELECT m.user_id FROM members m WHERE m.conversation_id = c.id AND m.state IN ('joined', 'invited'));
  taken record := log_advance(cardinality(gone));
BEGIN
  UPDATE members m SET state = 'removed', left_seq = group_newest(c), request = NULL
    WHERE m.conversation_id = c.id AND m.state IN ('joined', 'invited');
  UPDATE conversations x SET member_ids = '{}', member_numbers = '{}', destroyed_at = taken.ret_stamp, icon_hash = NULL
    WHERE x.id = c.id;
  PERFORM picture_release(c.icon_hash);
  INSERT INTO events (position, type, audience, conversation_id, user_id, payload, at)
    SELECT taken.ret_before + g.n, 'conversation.removed', 'user', c.id, g.id,
           json_build_object('conversation_id', c.id, 'reason', 'destroyed'), taken.ret_stamp
      FROM unnest(gone) WITH ORDINALITY g (id, n);
  PERFORM room_changed(taken.ret_before + cardinality(gone), membership_group(c.id), p_by);
  PERFORM export_members_changed(c.id);
END $$;
