-- SPDX-License-Identifier: GPL-3.0-or-later
-- How long messages and files are kept (decision 0095). Of each conversation the oldest messages go, in two steps: from
-- the first on nobody sees them (conversations.base_seq, members.cleared_seq), which is one change; then a job removes
-- them, some at a time. What a legal hold keeps is not removed, but is not seen either.
--
-- Of what was said up to base_seq some rows stay, without anything that was said: the newest message, and of
-- conversations of many the newest of each sender. They say how many there were, by which what is unread is counted.

-- ---- Nobody sees them any more --------------------------------------------------------------------------

-- Conversations whose oldest message is older than p_seconds, at most p_few of at most p_limit that are looked at, with
-- ids after the payload's; at the end it begins again. ids: as JSON. The job has looked at all of them when more is false.
CREATE FUNCTION retention_due(p_payload jsonb, p_seconds bigint, p_limit int, p_few int,
                              OUT ids text, OUT more boolean, OUT payload jsonb)
LANGUAGE plpgsql STABLE AS $$
DECLARE
  old CONSTANT timestamptz := clock_timestamp() - make_interval(secs => p_seconds);
  page uuid[];
  due uuid[];
  last uuid;
BEGIN
  page := ARRAY(SELECT c.id FROM conversations c
                  WHERE c.id > coalesce((p_payload->>'after')::uuid, '00000000-0000-0000-0000-000000000000')
                  ORDER BY c.id LIMIT p_limit);
  due := ARRAY(SELECT c.id FROM unnest(page) p (id) JOIN conversations c ON c.id = p.id
                 WHERE (SELECT m.created_at FROM messages m WHERE m.conversation_id = c.id AND m.seq > c.base_seq
                          ORDER BY m.seq LIMIT 1) < old
                 ORDER BY c.id LIMIT p_few);
  last := CASE WHEN cardinality(due) >= p_few THEN due[p_few] ELSE page[cardinality(page)] END;
  more := cardinality(due) >= p_few OR cardinality(page) >= p_limit;
  ids := nullif(to_jsonb(due), '[]')::text;
  payload := CASE WHEN more THEN jsonb_build_object('after', last, 'looked', coalesce((p_payload->>'looked')::bigint, 0)
                                                      + array_position(page, last)) ELSE '{}' END;
END $$;

-- How many others than p_user have written in c up to the message p_seq.
CREATE FUNCTION retention_others(c conversations, p_user uuid, p_seq bigint) RETURNS bigint
LANGUAGE plpgsql STABLE AS $$
BEGIN
  RETURN (SELECT CASE WHEN m.many THEN others_counted(c.id, p_user, p_seq)
                      WHEN m.sender_id = p_user THEN m.seq - m.sender_seq ELSE m.sender_seq END
            FROM messages m WHERE m.conversation_id = c.id AND m.seq = p_seq);
END $$;

-- From now on nobody sees the messages of c up to p_seq, and none of them is unread.
CREATE FUNCTION retention_hide(c conversations, p_seq bigint) RETURNS void
LANGUAGE plpgsql AS $$
DECLARE
  were_unread boolean := EXISTS (
    SELECT FROM members m WHERE m.conversation_id = c.id AND m.read_seq < p_seq AND m.cleared_seq < p_seq);
BEGIN
  UPDATE conversations x SET base_seq = p_seq WHERE x.id = c.id;
  INSERT INTO purges (conversation_id, seq) VALUES (c.id, p_seq)
    ON CONFLICT (conversation_id) DO UPDATE SET seq = excluded.seq, done = 0;
  UPDATE members m SET cleared_seq = p_seq,
      others_seen = CASE WHEN m.read_seq >= p_seq THEN m.others_seen
                         ELSE greatest(m.others_seen, retention_others(c, m.user_id, p_seq)) END
    WHERE m.conversation_id = c.id AND m.cleared_seq < p_seq;
  PERFORM event_add('conversation.expired', 'members', c.id, NULL,
                    json_build_object('conversation_id', c.id, 'up_to_seq', p_seq));
  -- The list shows something else if the newest is gone, or less is unread.
  IF were_unread OR message_last(c.id) <= p_seq THEN
    PERFORM expiry_updated((SELECT x FROM conversations x WHERE x.id = c.id), NULL);
  END IF;
END $$;

-- Messages older than seconds are seen no longer, in the conversations ids. The result: { conversations, messages }: in how
-- many there were some, and how many.
CREATE FUNCTION change_retention_expire(p_user uuid, p_arguments jsonb, OUT outcome int, OUT result jsonb)
LANGUAGE plpgsql AS $$
DECLARE
  old CONSTANT timestamptz := clock_timestamp() - make_interval(secs => (p_arguments->>'seconds')::bigint);
  c conversations;
  upto bigint;
  talks int := 0;
  said bigint := 0;
BEGIN
  FOR c IN SELECT x.* FROM jsonb_array_elements_text(p_arguments->'ids') i (id) JOIN conversations x ON x.id = i.id::uuid LOOP
    upto := archive_seq(c.id, NULL, old);
    IF upto > c.base_seq THEN
      PERFORM retention_hide(c, upto);
      talks := talks + 1;
      said := said + upto - c.base_seq;
    END IF;
  END LOOP;
  outcome := CASE WHEN talks > 0 THEN 0 ELSE 1 END;
  result := jsonb_build_object('conversations', talks, 'messages', said);
END $$;

-- ---- They go --------------------------------------------------------------------------------------------

-- Whether m, which is to go with all up to p_seq, has to be counted still.
CREATE FUNCTION retention_counts(m messages, p_seq bigint) RETURNS boolean
LANGUAGE plpgsql STABLE AS $$
BEGIN
  IF NOT m.many THEN
    RETURN m.seq = p_seq;
  ELSIF m.sender_id IS NULL THEN
    RETURN NOT EXISTS (SELECT FROM messages x WHERE x.many AND x.conversation_id = m.conversation_id
                         AND x.sender_id IS NULL AND x.seq > m.seq AND x.seq <= p_seq);
  END IF;
  RETURN NOT EXISTS (SELECT FROM messages x WHERE x.many AND x.conversation_id = m.conversation_id
                       AND x.sender_id = m.sender_id AND x.seq > m.seq AND x.seq <= p_seq);
END $$;

-- Removes messages that nobody sees any more, at most p_limit of one conversation, as reap.sql has it; those after the payload's
-- come first, and at the end it begins again. A conversation that a legal hold keeps waits until that has ended.
CREATE FUNCTION reap_messages(p_payload jsonb, p_limit int, OUT removed bigint, OUT more boolean, OUT payload jsonb)
LANGUAGE plpgsql AS $$
DECLARE
  any_held CONSTANT boolean := holds_any();
  p purges;
  said messages[];
  kept uuid[];
BEGIN
  PERFORM FROM log_head FOR UPDATE; -- retention_hide() has it, too
  SELECT x.* INTO p FROM purges x
    WHERE x.conversation_id >= coalesce((p_payload->>'at')::uuid, '00000000-0000-0000-0000-000000000000')
      AND NOT (any_held AND conversation_held(x.conversation_id))
    ORDER BY x.conversation_id LIMIT 1;
  removed := 0;
  more := p.conversation_id IS NOT NULL;
  payload := '{}';
  IF NOT more THEN
    RETURN;
  END IF;
  said := ARRAY(SELECT m FROM messages m WHERE m.conversation_id = p.conversation_id AND m.seq > p.done AND m.seq <= p.seq
                  ORDER BY m.seq LIMIT p_limit);
  kept := ARRAY(SELECT m.id FROM unnest(said) m WHERE retention_counts(m, p.seq));
  PERFORM reap_said(ARRAY(SELECT m.id FROM unnest(said) m WHERE NOT m.id = ANY (kept)), kept);
  removed := cardinality(said) - cardinality(kept);
  payload := jsonb_build_object('at', p.conversation_id, 'removed', removed + coalesce((p_payload->>'removed')::bigint, 0));
  IF cardinality(said) >= p_limit THEN
    UPDATE purges x SET done = said[cardinality(said)].seq WHERE x.conversation_id = p.conversation_id;
  ELSE
    PERFORM retention_end(p.conversation_id, p.seq);
    DELETE FROM purges x WHERE x.conversation_id = p.conversation_id;
  END IF;
END $$;

-- What is known of messages by their seq, up to p_seq, when they are gone. Of marks the newest of each stays: it says how far
-- somebody has come.
CREATE FUNCTION retention_end(p_conversation uuid, p_seq bigint) RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
  DELETE FROM marks k WHERE k.conversation_id = p_conversation AND k.seq <= p_seq
    AND EXISTS (SELECT FROM marks x WHERE x.conversation_id = k.conversation_id AND x.user_id = k.user_id
                  AND x.kind = k.kind AND x.seq > k.seq);
  DELETE FROM hidden h WHERE h.conversation_id = p_conversation AND h.seq <= p_seq;
  DELETE FROM mentioned x USING members m
    WHERE m.conversation_id = p_conversation AND x.user_id = m.user_id AND x.conversation_id = p_conversation AND x.seq <= p_seq;
  DELETE FROM entries e WHERE e.conversation_id = p_conversation AND e.seq < p_seq AND e.target IS NULL
    AND e.position < (SELECT m.position FROM messages m WHERE m.conversation_id = p_conversation AND m.seq = p_seq);
END $$;

-- Takes what they say off messages that stay to be counted.
CREATE FUNCTION retention_empty(p_messages uuid[]) RETURNS void
LANGUAGE sql AS $$
  UPDATE messages m SET kind = 'text', body = NULL, client_id = NULL, dedupe = NULL, sender_address = NULL, foreign_id = NULL,
      markable = NULL, stanza = NULL, failed_condition = NULL, failed_position = NULL, sent_at = NULL, metadata = NULL,
      reactions = NULL, details = NULL, reply_to = NULL, thread_id = NULL, forward_count = NULL, edited_at = NULL,
      deleted_at = m.created_at, deleted_by = NULL, expires_at = NULL
    WHERE m.id = ANY (p_messages) AND (m.deleted_at IS NULL OR m.dedupe IS NOT NULL OR m.details IS NOT NULL
                                       OR m.deleted_at <> m.created_at)
$$;

-- A message that nobody sees any more and that is not removed yet, as if it had been deleted when its time was over; a row of
-- NULLs: there is none with that id.
CREATE FUNCTION retention_kept(p_message uuid) RETURNS removed_content
LANGUAGE plpgsql STABLE AS $$
DECLARE
  m messages;
  kept removed_content;
BEGIN
  SELECT x.* INTO m FROM messages x JOIN conversations c ON c.id = x.conversation_id AND x.seq <= c.base_seq
    WHERE x.id = p_message AND x.deleted_at IS NULL;
  IF m.id IS NOT NULL THEN
    kept.message_id := m.id;
    kept.conversation_id := m.conversation_id;
    kept.sender_id := m.sender_id;
    kept.reason := 'expired';
    kept.removed_at := m.created_at + make_interval(days => coalesce(retention_most(), 0));
    kept.content := removed_words(m);
  END IF;
  RETURN kept;
END $$;

-- ---- Files ----------------------------------------------------------------------------------------------

-- Files that came more than seconds ago, at most limit, are gone for everybody; messages show that. Their bytes go by file_due(),
-- which asks for legal holds. The result: { files, more }.
CREATE FUNCTION change_retention_media(p_user uuid, p_arguments jsonb, OUT outcome int, OUT result jsonb)
LANGUAGE plpgsql AS $$
DECLARE
  most CONSTANT int := (p_arguments->>'limit')::int;
  gone files[];
BEGIN
  gone := ARRAY(SELECT f FROM files f
                  WHERE f.created_at < clock_timestamp() - make_interval(secs => (p_arguments->>'seconds')::bigint)
                    AND f.state IN ('processing', 'complete') AND f.url IS NULL
                  ORDER BY f.created_at LIMIT most);
  UPDATE files x SET state = 'removed', due_at = now() FROM unnest(gone) f WHERE x.id = f.id;
  PERFORM event_add('file.updated', 'user', NULL, f.user_id, json_build_object('file_id', f.id)), file_retell(f.id)
    FROM unnest(gone) f;
  outcome := CASE WHEN gone <> '{}' THEN 0 ELSE 1 END;
  result := jsonb_build_object('files', cardinality(gone), 'more', cardinality(gone) >= most);
END $$;

-- ---- Of one user ----------------------------------------------------------------------------------------

-- The longest that messages are kept here, in days; NULL: for good.
CREATE FUNCTION retention_most() RETURNS int
LANGUAGE sql STABLE AS $$
  SELECT nullif(coalesce(nullif(current_setting('trestle.retention_messages', true), '')::int, 0), 0)
$$;

-- { messages_days: after how many days messages of p_user's go, 0: as those of all; messages_days_max: after how many
-- those of all do, 0: never }.
CREATE FUNCTION retention_json(p_user uuid) RETURNS jsonb
LANGUAGE plpgsql STABLE AS $$
BEGIN
  RETURN jsonb_build_object('messages_days', coalesce((SELECT r.days FROM retention_users r WHERE r.user_id = p_user), 0),
                            'messages_days_max', coalesce(retention_most(), 0));
END $$;

CREATE FUNCTION retention_get(p_user uuid) RETURNS text
LANGUAGE sql STABLE AS $$
  SELECT retention_json(p_user)::text
$$;

-- Argument: messages_days, 0: as those of all. The result: retention_json().
CREATE FUNCTION change_retention(p_user uuid, p_arguments jsonb, OUT outcome int, OUT result jsonb)
LANGUAGE plpgsql AS $$
DECLARE
  was CONSTANT int := coalesce((SELECT r.days FROM retention_users r WHERE r.user_id = p_user), 0);
  wanted CONSTANT int := coalesce((p_arguments->>'messages_days')::int, was);
BEGIN
  outcome := CASE WHEN wanted = was THEN 1 WHEN wanted > retention_most() THEN 6 ELSE 0 END;
  IF outcome = 6 THEN
    result := jsonb_build_object('pointer', '/messages_days',
                                 'detail', format('is longer than messages are kept here, which is %s days', retention_most()));
    RETURN;
  ELSIF outcome = 0 THEN
    IF wanted = 0 THEN
      DELETE FROM retention_users r WHERE r.user_id = p_user;
    ELSE
      INSERT INTO retention_users (user_id, days) VALUES (p_user, wanted) ON CONFLICT (user_id) DO UPDATE SET days = excluded.days;
    END IF;
    PERFORM event_add('settings.updated', 'user', NULL, p_user, '{"setting": "retention"}');
  END IF;
  result := retention_json(p_user);
END $$;

-- What settings.updated tells p_user: { setting, value }, as things stand.
CREATE FUNCTION settings_event(p_user uuid, e events) RETURNS text
LANGUAGE plpgsql STABLE AS $$
DECLARE
  setting CONSTANT text := e.payload::jsonb->>'setting';
BEGIN
  RETURN (SELECT jsonb_build_object('setting', setting, 'value', CASE setting
             WHEN 'retention' THEN retention_json(p_user) WHEN 'privacy' THEN privacy_json(u)::jsonb
             WHEN 'data_sharing' THEN sharing_json(u) END)::text
            FROM users u WHERE u.id = p_user);
END $$;

-- Messages of a user in c between two places, at most p_limit, that are to go because of their age.
CREATE FUNCTION retention_own(p_user uuid, c conversations, p_low bigint, p_high bigint, p_limit int)
RETURNS TABLE (id uuid, seq bigint)
LANGUAGE plpgsql STABLE SET enable_sort = off SET enable_bitmapscan = off AS $$
#variable_conflict use_column
BEGIN
  IF c.kind = 'direct' THEN
    RETURN QUERY SELECT m.id, m.seq FROM messages m
      WHERE m.conversation_id = c.id AND m.seq > p_low AND m.seq <= p_high AND m.sender_id = p_user
        AND m.deleted_at IS NULL AND archive_shows(m.kind)
      ORDER BY m.seq LIMIT p_limit;
  ELSE
    RETURN QUERY SELECT m.id, m.seq FROM messages m
      WHERE m.many AND m.conversation_id = c.id AND m.sender_id = p_user AND m.seq > p_low AND m.seq <= p_high
        AND m.deleted_at IS NULL AND archive_shows(m.kind)
      ORDER BY m.seq LIMIT p_limit;
  END IF;
END $$;

-- The next messages that go because who wrote them wants that, at most p_few, in at most p_limit conversations of one user,
-- as retention_due(). ids: as JSON; places: { conversation: up to which seq they are all of them }, for change_retention_own().
-- The payload: { user, conversation }: all before are done.
CREATE FUNCTION retention_own_due(p_payload jsonb, p_limit int, p_few int,
                                  OUT ids text, OUT places text, OUT more boolean, OUT payload jsonb)
LANGUAGE plpgsql STABLE AS $$
DECLARE
  nobody CONSTANT uuid := '00000000-0000-0000-0000-000000000000';
  r retention_users;
  c conversations;
  found_ jsonb := '[]';
  reached jsonb := '{}';
  upto bigint;
  low bigint;
  part record;
  looked int := 0;
  after_ uuid := coalesce((p_payload->>'conversation')::uuid, nobody);
BEGIN
  SELECT x.* INTO r FROM retention_users x WHERE x.user_id >= coalesce((p_payload->>'user')::uuid, nobody)
    ORDER BY x.user_id LIMIT 1;
  more := r.user_id IS NOT NULL;
  payload := '{}';
  IF NOT more THEN
    RETURN;
  ELSIF r.user_id IS DISTINCT FROM (p_payload->>'user')::uuid THEN
    after_ := nobody;
  END IF;
  FOR c IN SELECT x.* FROM members m JOIN conversations x ON x.id = m.conversation_id
             WHERE m.user_id = r.user_id AND m.conversation_id > after_ ORDER BY m.conversation_id LIMIT p_limit LOOP
    looked := looked + 1;
    low := greatest(c.base_seq, (SELECT p.seq FROM retention_places p WHERE p.user_id = r.user_id AND p.conversation_id = c.id));
    upto := archive_seq(c.id, NULL, clock_timestamp() - make_interval(days => r.days));
    IF upto > low THEN
      SELECT coalesce(jsonb_agg(o.id), '[]') AS ids, max(o.seq) AS last INTO part
        FROM retention_own(r.user_id, c, low, upto, p_few - jsonb_array_length(found_)) o;
      found_ := found_ || part.ids;
      IF jsonb_array_length(found_) >= p_few THEN
        reached := reached || jsonb_build_object(c.id, part.last);
        EXIT; -- there may be more of this one
      END IF;
      reached := reached || jsonb_build_object(c.id, upto);
    END IF;
    after_ := c.id;
  END LOOP;
  ids := found_::text;
  places := CASE WHEN reached <> '{}' THEN jsonb_build_object(r.user_id, reached)::text END;
  IF looked < p_limit AND jsonb_array_length(found_) < p_few THEN -- the next user
    SELECT x.user_id INTO after_ FROM retention_users x WHERE x.user_id > r.user_id ORDER BY x.user_id LIMIT 1;
    more := FOUND;
    payload := CASE WHEN more THEN jsonb_build_object('user', after_) ELSE '{}' END;
  ELSE
    payload := jsonb_build_object('user', r.user_id, 'conversation', after_);
  END IF;
END $$;

-- The messages ids go because who wrote them wants that, as those that disappear do; places: as above. The result: { messages }.
CREATE FUNCTION change_retention_own(p_user uuid, p_arguments jsonb, OUT outcome int, OUT result jsonb)
LANGUAGE plpgsql AS $$
DECLARE
  gone CONSTANT int := (
    SELECT count(message_expired(m, c)) FROM jsonb_array_elements_text(p_arguments->'ids') i (id)
      JOIN messages m ON m.id = i.id::uuid AND m.deleted_at IS NULL
      JOIN conversations c ON c.id = m.conversation_id
      JOIN retention_users r ON r.user_id = m.sender_id);
BEGIN
  INSERT INTO retention_places (user_id, conversation_id, seq)
    SELECT r.user_id, c.id, k.value::text::bigint
      FROM jsonb_each(p_arguments->'places') u JOIN retention_users r ON r.user_id = u.key::uuid
      CROSS JOIN LATERAL jsonb_each(u.value) k JOIN conversations c ON c.id = k.key::uuid
    ON CONFLICT (user_id, conversation_id) DO UPDATE SET seq = greatest(retention_places.seq, excluded.seq);
  outcome := CASE WHEN gone > 0 THEN 0 ELSE 1 END;
  result := jsonb_build_object('messages', gone);
END $$;

-- As message_expire(), and yields the message's id.
CREATE FUNCTION message_expired(m messages, c conversations) RETURNS uuid
LANGUAGE plpgsql AS $$
BEGIN
  PERFORM message_expire(m, c);
  RETURN m.id;
END $$;

-- ---- For administrators ---------------------------------------------------------------------------------

-- What waits to go. p_days: { kind: days }, 0: for good; of the kinds messages and media it is counted, in at most
-- p_limit conversations, or files.
CREATE FUNCTION retention_state(p_days json, p_limit int) RETURNS text
LANGUAGE plpgsql STABLE AS $$
DECLARE
  any_held CONSTANT boolean := holds_any();
  shown jsonb;
BEGIN
  SELECT jsonb_agg(jsonb_build_object('kind', d.key, 'days', d.value, 'waiting', w.waiting, 'more', coalesce(w.more, false)) ORDER BY d.n)
    INTO shown
    FROM json_each(p_days) WITH ORDINALITY d (key, value, n)
    CROSS JOIN LATERAL retention_waiting(d.key, d.value::text::int, p_limit) w;
  RETURN jsonb_build_object('items', shown, 'removing', (
    SELECT jsonb_build_object('conversations', count(*),
                              'held', count(*) FILTER (WHERE any_held AND conversation_held(x.conversation_id)))
      FROM (SELECT p.conversation_id FROM purges p ORDER BY p.conversation_id LIMIT p_limit) x))::text;
END $$;

-- How many of a kind have been kept for longer than that; NULL: nobody counts. more: at least so many.
CREATE FUNCTION retention_waiting(p_kind text, p_days int, p_limit int, OUT waiting bigint, OUT more boolean)
LANGUAGE plpgsql STABLE AS $$
DECLARE
  old CONSTANT timestamptz := clock_timestamp() - make_interval(days => p_days);
BEGIN
  IF p_kind = 'messages' THEN
    SELECT coalesce(sum(greatest(archive_seq(c.id, NULL, old) - c.base_seq, 0)) FILTER (WHERE p_days > 0), 0), count(*) >= p_limit
      INTO waiting, more
      FROM (SELECT x.id, x.base_seq FROM conversations x ORDER BY x.id LIMIT p_limit) c;
    more := more AND p_days > 0;
  ELSIF p_kind = 'media' THEN
    waiting := CASE WHEN p_days > 0 THEN (SELECT count(*) FROM (
      SELECT FROM files f WHERE f.created_at < old AND f.state IN ('processing', 'complete') AND f.url IS NULL LIMIT p_limit) x) ELSE 0 END;
    more := waiting >= p_limit;
  END IF;
END $$;

-- Argument: kind (messages, media, own). The job looks now, from the beginning. The result: { kind, due_at }.
CREATE FUNCTION change_retention_run(p_user uuid, p_arguments jsonb, OUT outcome int, OUT result jsonb)
LANGUAGE plpgsql AS $$
DECLARE
  now_ CONSTANT timestamptz := clock_timestamp();
BEGIN
  PERFORM job_add('retention.' || (p_arguments->>'kind'), '', now_);
  outcome := 0;
  result := jsonb_build_object('kind', 'retention.' || (p_arguments->>'kind'), 'due_at', api_time(now_));
END $$;
