-- SPDX-License-Identifier: GPL-3.0-or-later
-- Rooms of accounts of other servers (decision 0084). Which ones they are is said by the account's bookmarks, which its server
-- keeps for all of its clients: what is changed there is done here, and who comes and goes in the app changes them.

CREATE FUNCTION bound_bookmarks_max() RETURNS int LANGUAGE sql IMMUTABLE AS 'SELECT 500';

-- What of a bookmark goes to the account's server.
CREATE FUNCTION bound_bookmark_wire(b bound_bookmarks) RETURNS text
LANGUAGE plpgsql STABLE AS $$
BEGIN
  RETURN jsonb_strip_nulls(jsonb_build_object('name', b.name, 'nick', b.nick, 'password', b.password, 'autojoin', b.autojoin,
    'extensions', b.extensions))::text;
END $$;

-- The account's server is told b; one that has no node for bookmarks yet when it has.
CREATE FUNCTION bound_bookmark_send(b bound_bookmarks) RETURNS void
LANGUAGE plpgsql AS $$
DECLARE
  there boolean := (SELECT x.bookmarks FROM bound_accounts x WHERE x.user_id = b.user_id);
BEGIN
  UPDATE bound_bookmarks x SET unsent = NOT there WHERE x.user_id = b.user_id AND x.room = b.room AND x.unsent = there;
  IF there THEN
    PERFORM outbox_add((log_advance(1)).ret_before + 1, 'bookmark', b.user_id, ARRAY[b.room], NULL, NULL, bound_bookmark_wire(b));
  END IF;
END $$;

-- The user has come into the group by the app (p_autojoin), or has left it: if the account is another server's, that is told.
CREATE FUNCTION bound_bookmark_write(c conversations, p_user uuid, p_autojoin boolean) RETURNS void
LANGUAGE plpgsql AS $$
DECLARE
  room_ text := coalesce(c.remote_jid, group_jid(c.room));
  b bound_bookmarks;
BEGIN
  IF room_ IS NULL OR NOT bound_is(p_user) THEN
    RETURN;
  END IF;
  UPDATE bound_bookmarks x SET autojoin = p_autojoin WHERE x.user_id = p_user AND x.room = room_ AND x.autojoin <> p_autojoin
    RETURNING * INTO b;
  IF b.room IS NULL AND p_autojoin AND (SELECT count(*) FROM bound_bookmarks x WHERE x.user_id = p_user) < bound_bookmarks_max() THEN
    INSERT INTO bound_bookmarks (user_id, room, name, nick, autojoin)
      VALUES (p_user, room_, c.name, (SELECT s.wanted FROM guest_seats s WHERE s.conversation_id = c.id AND s.user_id = p_user), true)
      ON CONFLICT DO NOTHING RETURNING * INTO b;
  END IF;
  IF b.room IS NOT NULL THEN
    PERFORM bound_bookmark_send(b);
  END IF;
END $$;

-- The bookmark wants the user to be in the room, or (p_autojoin false) not any more. A room that is not to be had is left alone.
CREATE FUNCTION bound_bookmark_follow(b bound_bookmarks, p_autojoin boolean) RETURNS void
LANGUAGE plpgsql AS $$
DECLARE
  c conversations := CASE WHEN relation_domain(b.room) = relation_domain(group_jid('x'))
                          THEN (SELECT x FROM conversations x WHERE x.room = split_part(b.room, '@', 1) AND x.destroyed_at IS NULL)
                          ELSE guest_group(b.room) END;
  joined boolean := EXISTS (SELECT FROM members m WHERE m.conversation_id = c.id AND m.user_id = b.user_id AND m.state = 'joined'
                              AND (NOT guest_is(c) OR guest_sits(c.id, b.user_id)));
BEGIN
  IF p_autojoin AND NOT joined AND c.remote_jid IS NULL AND c.id IS NOT NULL THEN
    PERFORM change_member_join(b.user_id, jsonb_build_object('conversation_id', c.id));
  ELSIF p_autojoin AND NOT joined AND relation_domain(b.room) IS DISTINCT FROM relation_domain(group_jid('x'))
      AND NOT relation_blocks(b.user_id, b.room) THEN
    PERFORM guest_sit(guest_make(b.room), b.user_id, b.nick, b.password);
  ELSIF NOT p_autojoin AND joined AND c.remote_jid IS NOT NULL THEN -- a group of ours is left by leaving it
    PERFORM change_member_leave(b.user_id, jsonb_build_object('conversation_id', c.id));
  END IF;
END $$;

-- What the account's server says of its bookmarks: { items: [{ room, name, nick, password, autojoin, extensions, gone }], whole: there
-- are no others, there: the node is }. The result is { page: of the account's bookmarks, as
-- text }; outcome 1: nothing has changed.
CREATE FUNCTION change_bound_bookmarks(p_user uuid, p_arguments jsonb, OUT outcome int, OUT result jsonb)
LANGUAGE plpgsql AS $$
DECLARE
  item jsonb;
  old bound_bookmarks;
  b bound_bookmarks;
  gone bound_bookmarks[];
BEGIN
  outcome := 1;
  UPDATE bound_accounts x SET bookmarks = (p_arguments->>'there')::boolean
    WHERE x.user_id = p_user AND p_arguments ? 'there' AND x.bookmarks <> (p_arguments->>'there')::boolean;
  FOR item IN SELECT e FROM jsonb_array_elements(p_arguments->'items') e WHERE NOT coalesce((e->>'gone')::boolean, false)
                LIMIT bound_bookmarks_max() LOOP
    SELECT * INTO old FROM bound_bookmarks x WHERE x.user_id = p_user AND x.room = item->>'room';
    CONTINUE WHEN old.unsent; -- what was done here is newer
    INSERT INTO bound_bookmarks AS x (user_id, room, name, nick, password, autojoin, extensions)
      VALUES (p_user, item->>'room', item->>'name', item->>'nick', item->>'password', coalesce((item->>'autojoin')::boolean, false),
              item->>'extensions')
      ON CONFLICT (user_id, room) DO UPDATE SET name = excluded.name, nick = excluded.nick, password = excluded.password,
        autojoin = excluded.autojoin, extensions = excluded.extensions
      RETURNING * INTO b;
    IF b IS DISTINCT FROM old THEN
      outcome := 0;
    END IF;
    IF b.autojoin OR old.autojoin THEN
      PERFORM bound_bookmark_follow(b, b.autojoin);
    END IF;
  END LOOP;
  WITH deleted AS (
    DELETE FROM bound_bookmarks x WHERE x.user_id = p_user AND NOT x.unsent
      AND CASE WHEN (p_arguments->>'whole')::boolean
               THEN NOT EXISTS (SELECT FROM jsonb_array_elements(p_arguments->'items') e WHERE e->>'room' = x.room)
               ELSE EXISTS (SELECT FROM jsonb_array_elements(p_arguments->'items') e
                              WHERE e->>'room' = x.room AND (e->>'gone')::boolean) END
      RETURNING x AS row_)
  SELECT coalesce(array_agg(d.row_), '{}') INTO gone FROM deleted d;
  FOREACH b IN ARRAY gone LOOP
    outcome := 0;
    IF b.autojoin THEN
      PERFORM bound_bookmark_follow(b, false);
    END IF;
  END LOOP;
  FOR b IN SELECT x.* FROM bound_bookmarks x WHERE x.user_id = p_user AND x.unsent AND (p_arguments->>'there')::boolean LOOP
    PERFORM bound_bookmark_send(b);
  END LOOP;
  result := change_follows(p_user) || jsonb_build_object('page', bound_bookmark_list(p_user));
END $$;

-- The rooms that the account knows, by address: { items: [{ jid, name, nick, autojoin, conversation_id }] }.
CREATE FUNCTION bound_bookmark_list(p_user uuid) RETURNS text
LANGUAGE plpgsql STABLE AS $$
BEGIN
  RETURN (SELECT jsonb_build_object('items', coalesce(jsonb_agg(jsonb_build_object(
            'jid', b.room, 'name', b.name, 'nick', b.nick, 'autojoin', b.autojoin,
            'conversation_id', (SELECT m.conversation_id FROM members m
              WHERE m.user_id = p_user AND m.grouped AND m.state = 'joined' AND m.kind = 'hosted'
                AND m.conversation_id = (SELECT c.id FROM conversations c WHERE c.kind = 'group' AND c.destroyed_at IS NULL
                  AND (c.remote_jid = b.room OR c.room = split_part(b.room, '@', 1)
                         AND relation_domain(b.room) = relation_domain(group_jid('x'))) LIMIT 1))) ORDER BY b.room), '[]'))::text
            FROM bound_bookmarks b WHERE b.user_id = p_user);
END $$;

-- The account's session is there (p_here): its places in rooms elsewhere are taken anew; or it is not, and nor are those.
CREATE FUNCTION bound_seats(p_jid text, p_here boolean) RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
  UPDATE guest_out o SET sent = false FROM users u WHERE u.jid = p_jid AND o.user_id = u.id AND o.sent;
  UPDATE guest_seats s SET state = CASE s.state WHEN 'in' THEN 'entering' ELSE s.state END, tries = 0,
      due_at = CASE WHEN p_here THEN clock_timestamp() END
    FROM users u WHERE u.jid = p_jid AND s.user_id = u.id AND s.state <> 'asked' AND (p_here OR s.state <> 'leaving');
END $$;

-- ---- What its clients have read (XEP-0490) -----------------------------------------------------------

-- What the account's clients call the newest message up to p_message that p_user has read: the conversation's address, who has
-- given the id (the account's archive, or the room), and the id. No row: nobody has.
CREATE FUNCTION bound_displayed(p_user uuid, p_conversation uuid, p_message uuid) RETURNS TABLE (jid text, by text, id text)
LANGUAGE plpgsql STABLE AS $$
#variable_conflict use_column
DECLARE
  c conversations := (SELECT x FROM conversations x WHERE x.id = p_conversation);
  me users := (SELECT u FROM users u WHERE u.id = p_user);
  upto bigint := (SELECT m.seq FROM messages m WHERE m.id = p_message AND m.conversation_id IS NOT DISTINCT FROM p_conversation);
  archive bigint := (SELECT o.id FROM mam_owners o WHERE o.jid = me.jid);
BEGIN
  IF c.kind = 'direct' THEN
    RETURN QUERY SELECT peer.jid, me.jid, m.id::text FROM messages m
      JOIN mam_holders h ON h.owner_id = archive AND h.uid = m.id
      JOIN users peer ON peer.id = pair_other(c.member_ids, p_user)
      WHERE m.conversation_id = c.id AND m.seq <= upto AND m.seq > upto - 50 ORDER BY m.seq DESC LIMIT 1;
  ELSIF guest_is(c) THEN
    RETURN QUERY SELECT c.remote_jid, c.remote_jid, i.wire FROM messages m JOIN guest_ids i ON i.target = m.id AND i.wire NOT LIKE 'none:%'
      WHERE m.conversation_id = c.id AND m.seq <= upto AND m.seq > upto - 50 ORDER BY m.seq DESC LIMIT 1;
  ELSIF group_jid(c.room) IS NOT NULL THEN
    RETURN QUERY SELECT group_jid(c.room), group_jid(c.room), p_message::text WHERE upto IS NOT NULL;
  END IF;
END $$;

-- Which message a room calls { room, wire }: the result is { message }.
CREATE FUNCTION change_bound_displayed(p_user uuid, p_arguments jsonb, OUT outcome int, OUT result jsonb)
LANGUAGE plpgsql AS $$
DECLARE
  room_ text := p_arguments->>'room';
  m messages;
BEGIN
  IF relation_domain(room_) = relation_domain(group_jid('x')) THEN
    SELECT x.* INTO m FROM messages x JOIN conversations c ON c.id = x.conversation_id
      WHERE x.id = user_id_of(p_arguments->>'wire') AND c.room = split_part(room_, '@', 1);
  ELSE
    m := guest_message(guest_group(room_), p_arguments->>'wire');
  END IF;
  outcome := CASE WHEN m.id IS NULL THEN 2 ELSE 1 END;
  result := CASE WHEN m.id IS NOT NULL THEN jsonb_build_object('message', m.id) END;
END $$;
