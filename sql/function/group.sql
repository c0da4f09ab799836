-- SPDX-License-Identifier: GPL-3.0-or-later
-- Conversations of many. Reading and writing them is in message.sql, mark.sql and conversation.sql, where
-- they are like all others.

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

-- Whether p_source may make p_target a member without asking: as a message between them would pass and be shown.
CREATE FUNCTION group_admits(p_source users, p_target users) RETURNS boolean
LANGUAGE plpgsql STABLE AS $$
BEGIN
  RETURN NOT relation_refuses(p_target.id, p_source.jid)
    AND relation_first(p_target.id, p_source.jid) = 'open'
    AND NOT relation_blocks(p_source.id, p_target.jid)
    AND NOT EXISTS (SELECT FROM conversations c
                      JOIN members m ON m.conversation_id = c.id AND m.user_id = p_target.id
                      WHERE c.kind = 'direct' AND c.member_ids = pair_key(p_source.id, p_target.id)
                        AND m.request IN ('pending', 'declined'));
END $$;

-- Makes the group { id, name, description, members: [{ user_id }] }; id is new, and makes a repetition
-- recognisable. p_user is its owner. user_id as in relation_refer(); who is named twice, or is p_user, counts
-- once. Refused as a whole when somebody is unknown or does not let p_user in (one outcome for all). strangers_max:
-- how many members may be strangers, who have not let p_user in otherwise (outcome 7 if there are more; NULL: all
-- may). The result is { conversation, strangers }; it is in the lists of all members at once.
CREATE FUNCTION change_group_create(p_user uuid, p_arguments jsonb, OUT outcome int, OUT result jsonb)
LANGUAGE plpgsql AS $$
DECLARE
  made uuid := (p_arguments->>'id')::uuid;
  owner users;
  u users;
  asked jsonb;
  n int := 0;
  strangers int := 0;
  all_ids uuid[] := ARRAY[p_user];
  numbers bigint[];
  taken record;
BEGIN
  IF EXISTS (SELECT FROM conversations c WHERE c.id = made) THEN
    outcome := 1;
    result := jsonb_build_object('conversation', to_jsonb(conversation_get(p_user, made)), 'strangers', 0);
    RETURN;
  END IF;
  SELECT * INTO owner FROM users x WHERE x.id = p_user;
  numbers := ARRAY[owner.number];
  FOR asked IN SELECT x FROM jsonb_array_elements(p_arguments->'members') x LOOP
    SELECT x.* INTO u FROM users x WHERE x.id = relation_refer(p_user, asked->'user_id');
    IF u.id IS DISTINCT FROM p_user AND NOT group_admits(owner, u) THEN
      outcome := 4;
    ELSIF u.kind <> 'hosted' THEN
      outcome := coalesce(outcome, 6);
      result := coalesce(result, jsonb_build_object('pointer', '/members/' || n,
                                                    'detail', 'is not a user of this service'));
    ELSIF u.id <> ALL (all_ids) THEN
      all_ids := all_ids || u.id;
      numbers := numbers || u.number;
      strangers := strangers + relation_unasked(owner, u)::int;
    END IF;
    n := n + 1;
  END LOOP;
  IF outcome IS NULL AND strangers > (p_arguments->>'strangers_max')::int THEN
    outcome := 7;
  END IF;
  IF outcome IS NOT NULL THEN
    RETURN;
  END IF;
  taken := log_advance(1 + cardinality(all_ids));
  INSERT INTO conversations (id, kind, name, description, member_ids, member_numbers, plain, room,
                             position, created_at)
    VALUES (made, 'group', p_arguments->>'name', p_arguments->>'description', all_ids, numbers, false,
            group_room(), taken.ret_before + 1, taken.ret_stamp);
  INSERT INTO members (conversation_id, user_id, kind, jid, number, role, grouped, joined_at)
    SELECT made, x.id, x.kind, x.jid, x.number, CASE WHEN x.id = p_user THEN 'owner' ELSE 'member' END,
           true, taken.ret_stamp
      FROM users x WHERE x.id = ANY (all_ids);
  INSERT INTO events (position, type, audience, conversation_id, user_id, payload, at)
    SELECT taken.ret_before + 1 + m.n, 'conversation.new', 'user', made, m.id, '{}', taken.ret_stamp
      FROM unnest(all_ids) WITH ORDINALITY AS m (id, n);
  outcome := 0;
  result := jsonb_build_object('conversation', to_jsonb(conversation_get(p_user, made)), 'strangers', strangers);
END $$;
