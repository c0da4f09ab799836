-- SPDX-License-Identifier: GPL-3.0-or-later
-- Reactions to messages (decision 0054). Who reacts has a row in reactions; what all of them come to stands
-- in messages.reactions. Functions that write are for the holder of the log.
-- What is asked for each message of a page is in PL/pgSQL, which keeps its plans, see relation.sql.

-- An emoji as two are compared: in whatever manner it is drawn (U+FE0F).
CREATE FUNCTION reaction_key(p_emoji text) RETURNS text
LANGUAGE sql IMMUTABLE AS $$
  SELECT replace(p_emoji, U&'\FE0F', '')
$$;

CREATE FUNCTION reaction_keys(p_emoji text[]) RETURNS text[]
LANGUAGE plpgsql IMMUTABLE AS $$
BEGIN
  RETURN ARRAY(SELECT reaction_key(e.emoji) FROM unnest(p_emoji) e (emoji));
END $$;

-- Of how many users of an emoji the ids are shown, when a message has p_kinds different ones.
CREATE FUNCTION reaction_named_max(p_kinds int) RETURNS int
LANGUAGE sql IMMUTABLE AS $$
  SELECT greatest(4, least(100, 200 / greatest(p_kinds, 1)))
$$;

-- An element of messages.reactions, made anew: { emoji, count, users, since }, where the first that came is the first, and
-- is shown as it came. since: the position of that. NULL: nobody says it.
CREATE FUNCTION reaction_group(p_message uuid, p_key text, p_named int) RETURNS jsonb
LANGUAGE plpgsql STABLE AS $$
BEGIN
  RETURN (
    SELECT CASE WHEN count(*) > 0 THEN jsonb_build_object(
             'emoji', (array_agg(e.emoji ORDER BY e.since, r.user_id))[1], 'count', count(*),
             'users', to_jsonb((array_agg(r.user_id ORDER BY e.since, r.user_id))[1:p_named]), 'since', min(e.since)) END
      FROM reactions r CROSS JOIN LATERAL unnest(r.emoji, r.since) e (emoji, since)
      WHERE r.message_id = p_message AND reaction_key(e.emoji) = p_key);
END $$;

-- messages.reactions, made anew.
CREATE FUNCTION reaction_summary(p_message uuid) RETURNS jsonb
LANGUAGE plpgsql STABLE AS $$
BEGIN
  RETURN (
    SELECT reaction_sorted(array_agg(jsonb_build_object('emoji', g.emoji, 'count', g.count, 'users', to_jsonb(g.users[1:g.named]),
                                                        'since', g.since)))
      FROM (SELECT (array_agg(e.emoji ORDER BY e.since, r.user_id))[1] AS emoji, count(*) AS count,
                   array_agg(r.user_id ORDER BY e.since, r.user_id) AS users, min(e.since) AS since,
                   reaction_named_max((count(*) OVER ())::int) AS named
              FROM reactions r CROSS JOIN LATERAL unnest(r.emoji, r.since) e (emoji, since)
              WHERE r.message_id = p_message GROUP BY reaction_key(e.emoji)) g);
END $$;

-- Those groups, the first that came first; NULL: there are none.
CREATE FUNCTION reaction_sorted(p_groups jsonb[]) RETURNS jsonb
LANGUAGE plpgsql IMMUTABLE AS $$
BEGIN
  RETURN (SELECT jsonb_agg(g ORDER BY (g->>'since')::bigint, g->>'emoji') FROM unnest(p_groups) g);
END $$;

-- messages.reactions when p_user says p_one as well (from p_since on), or no longer. What many say costs as little as what
-- few do, but for the first ones who take it back.
CREATE FUNCTION reaction_counted(p_message uuid, p_reactions jsonb, p_user uuid, p_one text, p_since bigint) RETURNS jsonb
LANGUAGE plpgsql STABLE AS $$
DECLARE
  groups jsonb[] := ARRAY(SELECT g FROM jsonb_array_elements(p_reactions) g);
  n int;
  g jsonb;
  named int;
BEGIN
  SELECT x.n INTO n FROM unnest(groups) WITH ORDINALITY x (g, n) WHERE reaction_key(x.g->>'emoji') = reaction_key(p_one);
  named := reaction_named_max(cardinality(groups) + CASE WHEN n IS NULL THEN 1 ELSE 0 END);
  g := groups[n];
  IF p_since IS NULL AND (g->'users' ? p_user::text OR (g->>'count')::int < 2) THEN
    g := reaction_group(p_message, reaction_key(p_one), named);
  ELSIF p_since IS NULL THEN
    g := jsonb_set(g, '{count}', to_jsonb((g->>'count')::int - 1));
  ELSIF n IS NULL THEN
    g := jsonb_build_object('emoji', p_one, 'count', 1, 'users', jsonb_build_array(p_user), 'since', p_since);
  ELSE
    IF jsonb_array_length(g->'users') < named AND jsonb_array_length(g->'users') = (g->>'count')::int THEN -- all are named
      g := jsonb_set(g, '{users}', g->'users' || to_jsonb(p_user));
    END IF;
    g := jsonb_set(g, '{count}', to_jsonb((g->>'count')::int + 1));
  END IF;
  groups := CASE WHEN n IS NULL THEN groups || g WHEN g IS NULL THEN groups[:n - 1] || groups[n + 1:]
                 ELSE groups[:n - 1] || g || groups[n + 1:] END;
  RETURN reaction_sorted(ARRAY(
    SELECT CASE WHEN jsonb_array_length(x->'users') > named
                THEN jsonb_set(x, '{users}', jsonb_path_query_array(x->'users', '$[0 to $last]', jsonb_build_object('last', named - 1)))
                ELSE x END
      FROM unnest(groups) x));
END $$;

-- messages.reactions as all see it.
CREATE FUNCTION reaction_plain(p_reactions jsonb) RETURNS jsonb
LANGUAGE plpgsql IMMUTABLE AS $$
BEGIN
  RETURN (SELECT jsonb_agg(g - 'since' ORDER BY n) FROM jsonb_array_elements(p_reactions) WITH ORDINALITY x (g, n));
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
    SELECT jsonb_agg((g.reaction - 'since') || jsonb_build_object('me', reaction_key(g.reaction->>'emoji') = ANY (mine))
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
               reaction_plain(m.reactions))::reaction_view
      FROM (SELECT (facts->>'user_id')::uuid AS user_id, facts->>'emoji' AS emoji) f
      JOIN messages m ON m.id = (facts->>'message_id')::uuid
      JOIN member_row(m.conversation_id, p_user) o ON o.state = 'joined' AND m.seq > o.cleared_seq);
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
  summary jsonb := m.reactions;
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
  FOREACH one IN ARRAY changed LOOP
    summary := reaction_counted(m.id, summary, p_user, one, CASE WHEN reaction_key(one) = ANY (new_keys) THEN first END);
  END LOOP;
  -- What is from before there was since is made anew.
  UPDATE messages x SET reactions = CASE WHEN jsonb_path_exists(summary, '$[*] ? (!exists(@.since))') THEN reaction_summary(m.id)
                                         ELSE summary END
    WHERE x.id = m.id;
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
LANGUAGE plpgsql STABLE AS $$
BEGIN
  RETURN CASE WHEN NOT p_added
              THEN ARRAY(SELECT e FROM unnest(p_emoji) e WHERE reaction_key(e) <> reaction_key(p_one))
              WHEN reaction_key(p_one) = ANY (reaction_keys(p_emoji)) THEN p_emoji
              WHEN cardinality(p_emoji) < 20 AND reaction_fitting(m, ARRAY[p_one]) <> '{}' THEN p_emoji || p_one END;
END $$;

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
