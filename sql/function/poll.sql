-- SPDX-License-Identifier: GPL-3.0-or-later
-- Polls (decision 0064). What is asked is in messages.details, what has been voted in votes; messages show what
-- it came to when all were told last, which is at most once a second. Functions that write are for the holder of
-- the log.

CREATE FUNCTION poll_is_closed(m messages, p polls) RETURNS boolean
LANGUAGE plpgsql STABLE AS $$ -- in SQL it would be planned for each message, as location_shown()
BEGIN
  RETURN p.closed_at IS NOT NULL OR coalesce((m.details #>> '{poll,closes_at}')::timestamptz <= clock_timestamp(), false);
END $$;

-- What has been voted: { votes: [of each option], users: [of each option, the first 100; none if it is anonymous],
-- voters }.
CREATE FUNCTION poll_summary(m messages) RETURNS jsonb
LANGUAGE plpgsql STABLE AS $$
BEGIN
  RETURN (
    SELECT jsonb_build_object(
      'votes', jsonb_agg(coalesce(v.count, 0) ORDER BY o.n),
      'users', CASE WHEN NOT (m.details #>> '{poll,anonymous}')::boolean
                    THEN jsonb_agg(to_jsonb(coalesce(v.users, '{}')) ORDER BY o.n) END,
      'voters', (SELECT count(*) FROM votes x WHERE x.message_id = m.id))
      FROM generate_series(1, jsonb_array_length(m.details #> '{poll,options}')) o (n)
      LEFT JOIN (SELECT u.option, count(*) AS count, (array_agg(x.user_id ORDER BY x.at, x.user_id))[1:100] AS users
                   FROM votes x CROSS JOIN LATERAL unnest(x.options) u (option)
                   WHERE x.message_id = m.id GROUP BY u.option) v ON v.option = o.n);
END $$;

-- The same, as messages show it from now on.
CREATE FUNCTION poll_count(m messages) RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
  INSERT INTO polls (message_id, summary) VALUES (m.id, poll_summary(m))
    ON CONFLICT (message_id) DO UPDATE SET summary = excluded.summary;
END $$;

-- Message.metadata.poll: with me, what p_viewer has voted, unless p_viewer is NULL. p_fresh: as things stand now.
CREATE FUNCTION poll_shown(m messages, p_viewer uuid, p_fresh boolean DEFAULT false) RETURNS jsonb
LANGUAGE plpgsql STABLE AS $$
DECLARE
  p polls;
  asked jsonb := m.details->'poll';
  summary jsonb;
  mine int[] := (SELECT v.options FROM votes v WHERE v.message_id = m.id AND v.user_id = p_viewer);
BEGIN
  SELECT * INTO p FROM polls x WHERE x.message_id = m.id;
  summary := CASE WHEN p_fresh THEN poll_summary(m) ELSE p.summary END;
  RETURN jsonb_build_object('question', asked->'question', 'multiple', asked->'multiple', 'anonymous', asked->'anonymous',
    'closes_at', asked->'closes_at', 'closed', poll_is_closed(m, p), 'voters', coalesce((summary->>'voters')::bigint, 0),
    'options', (
      SELECT jsonb_agg(jsonb_build_object('id', o.n, 'text', o.text, 'votes', coalesce(summary->'votes'->(o.n::int - 1), '0'))
                       || CASE WHEN (asked->>'anonymous')::boolean THEN '{}'
                               ELSE jsonb_build_object('users', coalesce(summary->'users'->(o.n::int - 1), '[]')) END
                       || CASE WHEN p_viewer IS NULL THEN '{}'
                               ELSE jsonb_build_object('me', coalesce(o.n = ANY (mine), false)) END ORDER BY o.n)
        FROM jsonb_array_elements_text(asked->'options') WITH ORDINALITY o (text, n)));
END $$;

-- The message of a poll is stored: it will be closed.
CREATE FUNCTION poll_begin(p_message uuid, p_poll jsonb) RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
  IF p_poll->>'closes_at' IS NOT NULL THEN
    PERFORM deadline_set('poll', p_message, (p_poll->>'closes_at')::timestamptz);
  END IF;
END $$;

-- ---- Voting ---------------------------------------------------------------------------------------------

-- Makes p_options, numbers of options from 1, rising, the vote of p_user; empty: none. False: it was that before.
CREATE FUNCTION poll_vote(m messages, c conversations, p_user uuid, p_options int[]) RETURNS boolean
LANGUAGE plpgsql AS $$
DECLARE
  old int[] := (SELECT v.options FROM votes v WHERE v.message_id = m.id AND v.user_id = p_user);
BEGIN
  IF coalesce(old, '{}') = p_options THEN
    RETURN false;
  ELSIF p_options = '{}' THEN
    DELETE FROM votes v WHERE v.message_id = m.id AND v.user_id = p_user;
  ELSE
    INSERT INTO votes (message_id, user_id, options, at) VALUES (m.id, p_user, p_options, clock_timestamp())
      ON CONFLICT (message_id, user_id) DO UPDATE SET options = excluded.options, at = excluded.at;
  END IF;
  PERFORM retell(m, c, interval '1 second');
  -- The own devices learn what was voted; all others only what it came to.
  PERFORM event_add('message.updated', 'user', c.id, p_user, json_build_object('message_id', m.id, 'seq', m.seq));
  RETURN true;
END $$;

-- Why p_user cannot vote, as an outcome and a detail; 0: can. As for a reaction: to vote is not to write.
CREATE FUNCTION poll_refusal(m messages, c conversations, p_user uuid, OUT outcome int, OUT result jsonb)
LANGUAGE plpgsql STABLE AS $$
DECLARE
  p polls;
BEGIN
  SELECT * INTO p FROM polls x WHERE x.message_id = m.id;
  outcome := reaction_refusal(m, c, p_user);
  IF outcome = 0 AND (m.kind <> 'poll' OR m.deleted_at IS NOT NULL) THEN
    outcome := 3;
    result := '{"detail": "it is no poll"}';
  ELSIF outcome = 0 AND poll_is_closed(m, p) THEN
    outcome := 3;
    result := '{"detail": "the poll is closed"}';
  END IF;
END $$;

-- Arguments: message_id, options (ids of options; absent: takes the vote back). The result: the message.
CREATE FUNCTION change_vote(p_user uuid, p_arguments jsonb, OUT outcome int, OUT result jsonb)
LANGUAGE plpgsql AS $$
DECLARE
  m messages := message_for(p_user, (p_arguments->>'message_id')::uuid);
  c conversations;
  refusal record;
  chosen int[];
  all_ int := jsonb_array_length(m.details #> '{poll,options}');
BEGIN
  outcome := 2;
  IF m.id IS NULL THEN
    RETURN;
  END IF;
  SELECT * INTO c FROM conversations x WHERE x.id = m.conversation_id;
  refusal := poll_refusal(m, c, p_user);
  outcome := refusal.outcome;
  result := refusal.result;
  IF outcome > 0 THEN
    RETURN;
  END IF;
  chosen := ARRAY(SELECT DISTINCT o::numeric::int FROM jsonb_array_elements_text(p_arguments->'options') o ORDER BY 1);
  IF chosen[1] < 1 OR chosen[cardinality(chosen)] > all_ THEN
    outcome := 6;
    result := '{"pointer": "/options", "detail": "holds the id of no option"}';
  ELSIF cardinality(chosen) > 1 AND NOT (m.details #>> '{poll,multiple}')::boolean THEN
    outcome := 6;
    result := '{"pointer": "/options", "detail": "holds several, of which only one can be chosen"}';
  ELSE
    outcome := CASE WHEN poll_vote(m, c, p_user, chosen) THEN 0 ELSE 1 END;
    result := to_jsonb(poll_message(p_user, m));
  END IF;
END $$;

-- The message as p_user sees it, who has just voted: as things stand now.
CREATE FUNCTION poll_message(p_user uuid, m messages) RETURNS message_view
LANGUAGE plpgsql STABLE AS $$
DECLARE
  seen message_view := message_get(p_user, m.id);
BEGIN
  seen.metadata := seen.metadata || jsonb_build_object('poll', poll_shown(m, p_user, true));
  RETURN seen;
END $$;

-- ---- Finding them again ---------------------------------------------------------------------------------

-- Polls of a conversation that p_user sees, the newest first, as view_reply() has a page; p_state: open (they can be voted
-- in) or closed; NULL: all. p_before: next of an earlier page. No row: there is no such conversation for p_user.
CREATE FUNCTION poll_page(p_user uuid, p_conversation uuid, p_state text, p_limit int, p_before bigint)
RETURNS TABLE (message message_view, more boolean, next text)
LANGUAGE plpgsql STABLE AS $$
DECLARE
  o members;
  c conversations := (SELECT x FROM conversations x WHERE x.id = p_conversation);
  page messages[];
BEGIN
  SELECT * INTO o FROM members x WHERE x.conversation_id = p_conversation AND x.user_id = p_user AND x.state = 'joined';
  IF o.user_id IS NULL THEN
    RETURN;
  END IF;
  page := ARRAY(
    SELECT m FROM messages m LEFT JOIN polls p ON p.message_id = m.id
      WHERE m.conversation_id = p_conversation AND m.kind = 'poll' AND m.deleted_at IS NULL
        AND m.seq > o.cleared_seq AND m.seq < coalesce(p_before, 9223372036854775807)
        AND NOT (o.hides AND hidden_is(p_user, p_conversation, m.seq))
        AND (p_state IS NULL OR poll_is_closed(m, p) = (p_state = 'closed'))
      ORDER BY m.seq DESC LIMIT p_limit + 1);
  RETURN QUERY SELECT NULL::message_view, cardinality(page) > p_limit,
                      CASE WHEN cardinality(page) > p_limit THEN (page[p_limit]).seq::text END;
  RETURN QUERY SELECT message_seen(p_user, m, c), NULL::boolean, NULL::text FROM unnest(page[:p_limit]) m ORDER BY (m).seq DESC;
END $$;

-- ---- Votes of clients that know no polls ----------------------------------------------------------------

-- The options that a text names by their numbers ("2", "1, 3", "2.", "#2") or by what one of them says; NULL: none.
CREATE FUNCTION poll_named(p_poll jsonb, p_text text) RETURNS int[]
LANGUAGE plpgsql STABLE AS $$
DECLARE
  said text := btrim(p_text, E' \t\r\n');
  found_ int[];
BEGIN
  IF length(said) > 300 THEN
    RETURN NULL;
  END IF;
  found_ := ARRAY(SELECT o.n::int FROM jsonb_array_elements_text(p_poll->'options') WITH ORDINALITY o (text, n)
                    WHERE text_fold(o.text) = text_fold(said));
  IF found_ = '{}' AND said ~ '^[#(]?[0-9]{1,2}[.)]?([ ,;+&]+[#(]?[0-9]{1,2}[.)]?)*$' THEN
    found_ := ARRAY(SELECT DISTINCT x.n[1]::int FROM regexp_matches(said, '([0-9]{1,2})', 'g') x (n) ORDER BY 1);
  END IF;
  RETURN poll_valid(p_poll, found_);
END $$;

-- Those of keycap emoji 1️⃣ to 9️⃣; NULL: there are none.
CREATE FUNCTION poll_keycaps(p_poll jsonb, p_emoji text[]) RETURNS int[]
LANGUAGE sql STABLE AS $$
  SELECT poll_valid(p_poll, ARRAY(SELECT DISTINCT left(e, 1)::int FROM unnest(p_emoji) e
                                    WHERE e ~ U&'^[1-9]\FE0F?\20E3$' ORDER BY 1))
$$;

-- p_options if they can be chosen together; NULL: they cannot, or are none.
CREATE FUNCTION poll_valid(p_poll jsonb, p_options int[]) RETURNS int[]
LANGUAGE sql IMMUTABLE AS $$
  SELECT CASE WHEN cardinality(p_options) > 0 AND p_options[1] >= 1
                AND p_options[cardinality(p_options)] <= jsonb_array_length(p_poll->'options')
                AND (cardinality(p_options) = 1 OR (p_poll->>'multiple')::boolean) THEN p_options END
$$;

-- A message came by XMPP that answers p_message: if that is a poll, and the text names options, it is a vote, too. The
-- last word counts.
CREATE FUNCTION poll_answered(p_message uuid, p_user uuid, p_text text) RETURNS void
LANGUAGE plpgsql AS $$
DECLARE
  m messages := (SELECT x FROM messages x WHERE x.id = p_message AND x.kind = 'poll');
  chosen int[] := poll_named(m.details->'poll', p_text);
  c conversations := (SELECT x FROM conversations x WHERE x.id = m.conversation_id);
BEGIN
  IF chosen IS NOT NULL AND (poll_refusal(m, c, p_user)).outcome = 0 THEN
    PERFORM poll_vote(m, c, p_user, chosen);
  END IF;
END $$;

-- Likewise of the emoji by which somebody on XMPP reacts now, and did before.
CREATE FUNCTION poll_reacted(m messages, c conversations, p_user uuid, p_old text[], p_new text[]) RETURNS void
LANGUAGE plpgsql AS $$
DECLARE
  had boolean := EXISTS (SELECT FROM unnest(p_old) e WHERE e ~ U&'^[1-9]\FE0F?\20E3$');
  new int[];
BEGIN
  IF m.kind <> 'poll' OR (poll_refusal(m, c, p_user)).outcome <> 0 THEN
    RETURN;
  END IF;
  new := poll_keycaps(m.details->'poll', p_new);
  -- Who puts another one beside the first, of which only one counts, means the other.
  IF new IS NULL AND NOT (m.details #>> '{poll,multiple}')::boolean THEN
    new := poll_keycaps(m.details->'poll', ARRAY(SELECT e FROM unnest(p_new) e WHERE e <> ALL (coalesce(p_old, '{}'))));
  END IF;
  IF new IS NOT NULL OR had THEN
    PERFORM poll_vote(m, c, p_user, coalesce(new, '{}'));
  END IF;
END $$;

-- ---- The end --------------------------------------------------------------------------------------------

-- It takes no votes any more; what it came to is said on XMPP by an edit.
CREATE FUNCTION poll_end(m messages, c conversations, p_by uuid) RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
  IF EXISTS (SELECT FROM polls p WHERE p.message_id = m.id AND p.closed_at IS NOT NULL) THEN
    RETURN;
  END IF;
  INSERT INTO polls (message_id, summary, closed_at) VALUES (m.id, poll_summary(m), clock_timestamp())
    ON CONFLICT (message_id) DO UPDATE SET summary = excluded.summary, closed_at = excluded.closed_at;
  PERFORM deadline_drop('poll', m.id);
  PERFORM deadline_drop('retell', m.id);
  PERFORM message_corrected(m, c, retell_position(m, c));
END $$;

-- Tells all members now; the position of that.
CREATE FUNCTION retell_position(m messages, c conversations) RETURNS bigint
LANGUAGE plpgsql AS $$
BEGIN
  PERFORM retell_now(m, c);
  RETURN (SELECT h.position FROM log_head h);
END $$;

-- Arguments: message_id. By its author, and by who may delete messages in the group. The result: the message.
CREATE FUNCTION change_poll_close(p_user uuid, p_arguments jsonb, OUT outcome int, OUT result jsonb)
LANGUAGE plpgsql AS $$
DECLARE
  m messages := message_for(p_user, (p_arguments->>'message_id')::uuid);
  c conversations;
  o members;
BEGIN
  outcome := 2;
  IF m.id IS NULL THEN
    RETURN;
  END IF;
  SELECT * INTO c FROM conversations x WHERE x.id = m.conversation_id;
  SELECT * INTO o FROM members x WHERE x.conversation_id = c.id AND x.user_id = p_user;
  IF m.kind <> 'poll' OR m.deleted_at IS NOT NULL THEN
    outcome := 3;
    result := '{"detail": "it is no poll"}';
  ELSIF m.sender_id <> p_user AND NOT group_may(c, o, 'delete_messages') THEN
    outcome := 5;
    result := '{"detail": "the poll is somebody else''s"}';
  ELSE
    outcome := CASE WHEN poll_is_closed(m, (SELECT p FROM polls p WHERE p.message_id = m.id)) THEN 1 ELSE 0 END;
    IF outcome = 0 THEN
      PERFORM poll_end(m, c, p_user);
    END IF;
    result := to_jsonb(poll_message(p_user, m));
  END IF;
END $$;

-- What the stanza of a poll says: what is asked, and, when it is closed, what it came to.
CREATE FUNCTION poll_wire(m messages) RETURNS jsonb
LANGUAGE plpgsql STABLE AS $$
DECLARE
  p polls;
BEGIN
  SELECT * INTO p FROM polls x WHERE x.message_id = m.id;
  RETURN (m.details->'poll') || jsonb_build_object('id', m.id)
    || CASE WHEN p.closed_at IS NOT NULL THEN jsonb_build_object('votes', p.summary->'votes', 'voters', p.summary->'voters')
            ELSE '{}' END;
END $$;
