-- SPDX-License-Identifier: GPL-3.0-or-later
-- Reactions to messages (decision 0054). Who reacts has a row in reactions; what all of them come to stands
-- in messages.reactions. Functions that write are for the holder of the log.

-- An emoji as two are compared: in whatever manner it is drawn (U+FE0F).
CREATE FUNCTION reaction_key(p_emoji text) RETURNS text
LANGUAGE sql IMMUTABLE AS $$
  SELECT replace(p_emoji, U&'\FE0F', '')
$$;

CREATE FUNCTION reaction_keys(p_emoji text[]) RETURNS text[]
LANGUAGE sql IMMUTABLE AS $$
  SELECT coalesce(array_agg(reaction_key(e.emoji)), '{}') FROM unnest(p_emoji) e (emoji)
$$;

-- messages.reactions, made anew: the first that came is the first, and is shown as it came. users: of each
-- emoji at most 100, the first.
CREATE FUNCTION reaction_summary(p_message uuid) RETURNS jsonb
LANGUAGE plpgsql STABLE AS $$
BEGIN
  RETURN (
    SELECT jsonb_agg(jsonb_build_object('emoji', g.emoji, 'count', g.count, 'users', to_jsonb(g.users[1:100]))
                     ORDER BY g.since, g.emoji)
      FROM (SELECT (array_agg(e.emoji ORDER BY e.since, r.user_id))[1] AS emoji, count(*) AS count,
                   array_agg(r.user_id ORDER BY e.since, r.user_id) AS users, min(e.since) AS since
              FROM reactions r CROSS JOIN LATERAL unnest(r.emoji, r.since) e (emoji, since)
              WHERE r.message_id = p_message GROUP BY reaction_key(e.emoji)) g);
END $$;

-- p_reactions, those of the message, as p_viewer sees them: with me, whether p_viewer is one of them. Never
-- NULL.
CREATE FUNCTION reaction_shown(p_viewer uuid, p_message uuid, p_reactions jsonb) RETURNS jsonb
LANGUAGE plpgsql STABLE AS $$
DECLARE
  mine text[] := reaction_keys((SELECT r.emoji FROM reactions r
                                  WHERE r.message_id = p_message AND r.user_id = p_viewer));
BEGIN
  RETURN coalesce((
    SELECT jsonb_agg(g.reaction || jsonb_build_object('me', reaction_key(g.reaction->>'emoji') = ANY (mine))
                     ORDER BY g.n)
      FROM jsonb_array_elements(p_reactions) WITH ORDINALITY g (reaction, n)), '[]');
END $$;

-- What message.reaction tells p_user, as things stand now. NULL: nothing any more. Who is meant by "me" is
-- up to who reads it: one event is for all members.
CREATE FUNCTION reaction_event(p_user uuid, e events) RETURNS reaction_view
LANGUAGE plpgsql STABLE AS $$
DECLARE
  facts jsonb := e.payload::jsonb;
BEGIN
  RETURN (
    SELECT ROW(m.id, m.conversation_id, f.user_id, f.emoji,
               reaction_key(f.emoji) = ANY (reaction_keys((
                 SELECT r.emoji FROM reactions r WHERE r.message_id = m.id AND r.user_id = f.user_id))),
               m.reactions)::reaction_view
      FROM (SELECT (facts->>'user_id')::uuid AS user_id, facts->>'emoji' AS emoji) f
      JOIN messages m ON m.id = (facts->>'message_id')::uuid
      JOIN members o ON o.conversation_id = m.conversation_id AND o.user_id = p_user
        AND o.state = 'joined' AND m.seq > o.cleared_seq);
END $$;

-- Makes p_emoji, no two of one key, the whole of what p_user says of the message; false: it was so before.
-- Tells the members, the remote one by the outbox, and the archive. p_quiet: nobody but p_user is told.
-- p_said: when it was said. p_came: as entry_add() has it.
CREATE FUNCTION reaction_put(m messages, c conversations, p_user uuid, p_emoji text[], p_quiet boolean,
                             p_said timestamptz, p_came jsonb DEFAULT NULL) RETURNS boolean
LANGUAGE plpgsql AS $$
DECLARE
  old reactions;
  old_keys text[];
  new_keys text[] := reaction_keys(p_emoji);
  changed text[];
  first bigint := (SELECT h.position + 1 FROM log_head h);
  last bigint;
  one text;
BEGIN
  SELECT * INTO old FROM reactions r WHERE r.message_id = m.id AND r.user_id = p_user;
  old_keys := reaction_keys(old.emoji);
  changed := ARRAY(SELECT e FROM unnest(old.emoji) e WHERE reaction_key(e) <> ALL (new_keys))
             || ARRAY(SELECT e FROM unnest(p_emoji) e WHERE reaction_key(e) <> ALL (old_keys));
  IF changed <> '{}' OR old.message_id IS NOT NULL THEN
    INSERT INTO reactions AS r (message_id, user_id, emoji, since, said_at)
      SELECT m.id, p_user, coalesce(array_agg(e.emoji ORDER BY e.n), '{}'), coalesce(array_agg(
               coalesce(old.since[array_position(old_keys, reaction_key(e.emoji))], first) ORDER BY e.n), '{}'),
             p_said
        FROM unnest(p_emoji) WITH ORDINALITY e (emoji, n)
      ON CONFLICT (message_id, user_id) DO UPDATE
        SET emoji = EXCLUDED.emoji, since = EXCLUDED.since, said_at = greatest(r.said_at, p_said);
  END IF;
  IF changed = '{}' THEN
    RETURN false;
  END IF;
  UPDATE messages x SET reactions = reaction_summary(m.id) WHERE x.id = m.id;
  FOREACH one IN ARRAY changed LOOP
    last := event_add('message.reaction', CASE WHEN p_quiet THEN 'user' ELSE 'members' END, c.id, p_user,
                      json_build_object('message_id', m.id, 'seq', m.seq, 'user_id', p_user, 'emoji', one));
  END LOOP;
  PERFORM entry_add(last, c.id, 'reaction', p_user, m.id, to_jsonb(p_emoji), p_came);
  IF p_came IS NULL AND conversation_reach(c, p_user) IS NOT NULL AND message_wire_id(m, c) IS NOT NULL THEN
    DELETE FROM outbox o WHERE o.kind = 'reaction' AND o.message_id = m.id AND o.from_user = p_user;
    PERFORM outbox_add(last, 'reaction', p_user, ARRAY[conversation_reach(c, p_user)], m.id, message_wire_id(m, c),
                       array_to_string(p_emoji, ' '));
  END IF;
  RETURN true;
END $$;

-- Why the user cannot react to what is seen, as an outcome; 0: can. To react is not to write: it accepts no
-- request, and begins nothing.
CREATE FUNCTION reaction_refusal(m messages, c conversations, p_user uuid) RETURNS int
LANGUAGE plpgsql STABLE AS $$
DECLARE
  own users;
  other users;
BEGIN
  IF m.failed_condition IS NOT NULL OR m.deleted_at IS NOT NULL THEN
    RETURN 3;
  ELSIF NOT c.guarded OR c.kind <> 'direct' THEN
    RETURN 0;
  END IF;
  SELECT * INTO own FROM users u WHERE u.id = p_user;
  SELECT * INTO other FROM users u WHERE u.id = pair_other(c.member_ids, p_user);
  RETURN CASE WHEN relation_blocks(own.id, other.jid)
                OR EXISTS (SELECT FROM members o WHERE o.conversation_id = c.id AND o.user_id = p_user
                             AND o.request IN ('pending', 'declined')) THEN 3
              WHEN relation_blocks(other.id, own.jid) THEN 4 ELSE 0 END;
END $$;

-- The set with one emoji more, or one less. NULL: it is full, or the message has 50 different ones.
CREATE FUNCTION reaction_changed(m messages, p_emoji text[], p_one text, p_added boolean) RETURNS text[]
LANGUAGE sql STABLE AS $$
  SELECT CASE WHEN NOT p_added
              THEN ARRAY(SELECT e FROM unnest(p_emoji) e WHERE reaction_key(e) <> reaction_key(p_one))
              WHEN reaction_key(p_one) = ANY (reaction_keys(p_emoji)) THEN p_emoji
              WHEN cardinality(p_emoji) < 20 AND reaction_fitting(m, ARRAY[p_one]) <> '{}' THEN p_emoji || p_one END
$$;

-- Those of p_emoji that the message has, or has room for: 50 different ones are shown.
CREATE FUNCTION reaction_fitting(m messages, p_emoji text[]) RETURNS text[]
LANGUAGE plpgsql STABLE AS $$
DECLARE
  there text[] := ARRAY(SELECT reaction_key(g->>'emoji') FROM jsonb_array_elements(m.reactions) g);
BEGIN
  RETURN ARRAY(
    SELECT f.emoji FROM (
        SELECT e.emoji, e.n, e.known, count(*) FILTER (WHERE NOT e.known) OVER (ORDER BY e.n) AS fresh
          FROM (SELECT x.emoji, x.n, reaction_key(x.emoji) = ANY (there) AS known
                  FROM unnest(p_emoji) WITH ORDINALITY x (emoji, n)) e) f
      WHERE f.known OR f.fresh <= 50 - cardinality(there) ORDER BY f.n);
END $$;

-- Adds an emoji, or takes it back: change_react() and change_unreact().
CREATE FUNCTION reaction_change(p_user uuid, p_arguments jsonb, p_added boolean, OUT outcome int,
                                OUT result jsonb)
LANGUAGE plpgsql AS $$
DECLARE
  m messages;
  c conversations;
  emoji text[];
  done boolean;
BEGIN
  m := message_for(p_user, (p_arguments->>'message_id')::uuid);
  IF m.id IS NULL THEN
    outcome := 2;
    RETURN;
  END IF;
  SELECT * INTO c FROM conversations x WHERE x.id = m.conversation_id;
  outcome := reaction_refusal(m, c, p_user);
  IF outcome > 0 THEN
    RETURN;
  END IF;
  emoji := reaction_changed(m, coalesce((SELECT r.emoji FROM reactions r WHERE r.message_id = m.id
                                           AND r.user_id = p_user), '{}'),
                            p_arguments->>'emoji', p_added);
  IF emoji IS NULL THEN
    outcome := 6;
    result := '{"pointer": "/emoji", "detail": "there are as many on the message as there may be"}';
    RETURN;
  END IF;
  done := reaction_put(m, c, p_user, emoji, relation_held(c.id, p_user) AND c.guarded,
                       (SELECT h.stamp FROM log_head h));
  outcome := CASE WHEN done THEN 0 ELSE 1 END;
  result := jsonb_build_object('message_id', m.id, 'reactions', reaction_shown(p_user, m.id, (
    SELECT x.reactions FROM messages x WHERE x.id = m.id)));
END $$;

-- Arguments: message_id, emoji. The result: { message_id, reactions }.
CREATE FUNCTION change_react(p_user uuid, p_arguments jsonb, OUT outcome int, OUT result jsonb)
LANGUAGE sql AS $$
  SELECT * FROM reaction_change(p_user, p_arguments, true)
$$;

CREATE FUNCTION change_unreact(p_user uuid, p_arguments jsonb, OUT outcome int, OUT result jsonb)
LANGUAGE sql AS $$
  SELECT * FROM reaction_change(p_user, p_arguments, false)
$$;

-- What came by XMPP from one bare JID to another: { from, to, id, origin (see message_named), emoji (a list,
-- no two of one key), sent (RFC 3339, if it came late), came (see entry_add) }. What is not about a message
-- between the two changes nothing, and says nothing.
CREATE FUNCTION change_reactions_arrived(p_user uuid, p_arguments jsonb, OUT outcome int, OUT result jsonb)
LANGUAGE plpgsql AS $$
DECLARE
  place record;
  source uuid;
  said timestamptz := (p_arguments->>'sent')::timestamptz;
  c conversations;
  m messages;
  old reactions;
  emoji text[] := ARRAY(SELECT jsonb_array_elements_text(p_arguments->'emoji'));
BEGIN
  outcome := 2;
  place := place_of(p_arguments);
  c := place.c;
  source := place.source;
  IF c.id IS NULL THEN
    RETURN;
  END IF;
  m := message_named(c, p_arguments->>'id', (p_arguments->>'origin')::uuid);
  IF m.id IS NULL OR m.failed_condition IS NOT NULL OR m.deleted_at IS NOT NULL THEN
    RETURN;
  END IF;
  SELECT * INTO old FROM reactions r WHERE r.message_id = m.id AND r.user_id = source;
  outcome := 1;
  IF said <= old.said_at THEN
    RETURN;
  END IF;
  PERFORM poll_reacted(m, c, source, old.emoji, emoji);
  IF reaction_put(m, c, source, reaction_fitting(m, emoji), c.guarded AND relation_held(c.id, source),
                  coalesce(said, (SELECT h.stamp FROM log_head h)), p_arguments->'came') THEN
    outcome := 0;
  END IF;
END $$;
