-- SPDX-License-Identifier: GPL-3.0-or-later
-- Edits (XEP-0308): what a message says changes, its place does not. message_versions has what it said before, and every
-- id by which a version was on the wire. Functions that write are for the holder of the log.

-- The message of p_source's in c that is meant by an id which its sender gave to any version of it (@id, or origin-id:
-- p_origin, see message_named()); else a row of NULLs.
CREATE FUNCTION message_said(c conversations, p_source uuid, p_id text, p_origin uuid) RETURNS messages
LANGUAGE plpgsql STABLE
SET enable_bitmapscan = off AS $$ -- as in contact_consents()
DECLARE
  m messages;
BEGIN
  SELECT x.* INTO m FROM messages x
    WHERE x.sender_id = p_source AND x.dedupe = p_origin AND x.conversation_id IS NOT DISTINCT FROM c.id;
  IF m.id IS NULL THEN
    SELECT x.* INTO m FROM (SELECT y.* FROM messages y WHERE y.conversation_id = c.id
                              ORDER BY y.seq DESC LIMIT 1000) x
      WHERE x.sender_id = p_source AND x.foreign_id = p_id ORDER BY x.seq DESC LIMIT 1;
  END IF;
  IF m.id IS NULL AND p_source IS NOT NULL THEN -- what has no sender is the system's
    SELECT x.* INTO m FROM message_versions v JOIN messages x ON x.id = v.message_id
      WHERE v.wire = p_id AND x.sender_id IS NOT DISTINCT FROM p_source AND x.conversation_id IS NOT DISTINCT FROM c.id LIMIT 1;
  END IF;
  RETURN m;
END $$;

-- The id that the sender gave to the stanza of the first version.
CREATE FUNCTION message_own_id(m messages) RETURNS text
LANGUAGE sql IMMUTABLE AS $$
  SELECT coalesce(m.foreign_id, m.id::text)
$$;

-- Says that what is found at that position has changed: search_index() makes its block anew.
CREATE FUNCTION search_forget(p_position bigint) RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
  INSERT INTO search_stale (block) VALUES (p_position >> 6) ON CONFLICT DO NOTHING;
END $$;

-- Why p_user cannot edit the message, which he sees: { refused, detail } as content_refused() has it; NULL: can.
-- p_window: seconds.
CREATE FUNCTION edit_refusal(m messages, c conversations, p_user uuid, p_body text, p_window bigint) RETURNS jsonb
LANGUAGE plpgsql STABLE AS $$
DECLARE
  o members;
  outcome int;
BEGIN
  IF m.sender_id IS DISTINCT FROM p_user THEN
    RETURN content_refused('', 'it is not yours', 5);
  ELSIF m.deleted_at IS NOT NULL THEN
    RETURN content_refused('', 'it was deleted', 3);
  ELSIF m.kind <> 'text' THEN
    RETURN content_refused('', 'it is no text', 3);
  ELSIF m.failed_condition IS NOT NULL THEN
    RETURN content_refused('', 'it could not be delivered', 3);
  ELSIF m.created_at < (SELECT h.stamp FROM log_head h) - make_interval(secs => p_window) THEN
    RETURN content_refused('', 'it is too old', 5);
  ELSIF (SELECT count(*) FROM message_versions v WHERE v.message_id = m.id) > 100 THEN
    RETURN content_refused('', 'it was edited 100 times', 3);
  END IF;
  IF c.kind <> 'direct' THEN
    SELECT * INTO o FROM members x WHERE x.conversation_id = c.id AND x.user_id = p_user;
    RETURN CASE WHEN NOT group_may(c, o, 'send_messages')
                  OR (group_rank(o.role) < 2
                      AND group_filtered(group_settings(c.settings) #>> '{moderation,filter}', p_body))
                THEN content_refused('', 'you may not write that here', 5) END;
  END IF;
  IF spam_forbids(c, p_user, p_body) THEN
    RETURN content_refused('', 'it looks like spam', 10);
  END IF;
  outcome := reaction_refusal(m, c, p_user);
  RETURN CASE WHEN outcome > 0 THEN jsonb_build_object('refused', outcome) END;
END $$;

-- Makes p_body what the message says. p_stanza: the id of the stanza that says so; p_quiet: nobody but p_user is told;
-- p_came: as entry_add() has it.
CREATE FUNCTION edit_put(m messages, c conversations, p_user uuid, p_body text, p_stanza text, p_quiet boolean,
                         p_came jsonb DEFAULT NULL) RETURNS void
LANGUAGE plpgsql AS $$
DECLARE
  stamp timestamptz;
  last bigint;
  version int := (SELECT max(v.version) FROM message_versions v WHERE v.message_id = m.id);
  entry uuid;
BEGIN
  last := event_add('message.updated', CASE WHEN p_quiet THEN 'user' ELSE 'members' END, c.id, p_user,
                    json_build_object('message_id', m.id, 'seq', m.seq));
  stamp := (SELECT h.stamp FROM log_head h);
  IF version IS NULL THEN
    version := 0;
    INSERT INTO message_versions (message_id, version, wire, body, details, at)
      VALUES (m.id, 0, message_own_id(m), m.body, m.details, m.created_at);
  END IF;
  INSERT INTO message_versions (message_id, version, wire, body, details, at)
    VALUES (m.id, version + 1, p_stanza, p_body, NULL, stamp);
  UPDATE messages x SET body = p_body, edited_at = stamp,
      details = CASE WHEN m.details IS NULL THEN jsonb_build_object('was', md5(m.body))
                     ELSE m.details - '{mentions,link_preview}'::text[] END
    WHERE x.id = m.id;
  IF m.details ? 'link_preview' THEN -- it was of what was said before
    PERFORM link_forget(ARRAY[m.id]);
  END IF;
  DELETE FROM mentioned x WHERE x.conversation_id = m.conversation_id AND x.seq = m.seq; -- their places are not known now
  PERFORM search_forget(m.position);
  entry := entry_add(last, c.id, 'edit', p_user, m.id, jsonb_build_object('body', p_body, 'replace', message_own_id(m)), p_came);
  IF p_came IS NULL AND conversation_reach(c, p_user) IS NOT NULL AND message_wire_id(m, c) IS NOT NULL THEN
    DELETE FROM outbox o WHERE o.kind = 'edit' AND o.message_id = m.id;
    PERFORM outbox_add(last, 'edit', p_user, ARRAY[conversation_reach(c, p_user)], m.id, p_stanza);
  ELSIF c.kind <> 'direct' AND p_came IS NULL THEN -- as the room has told it
    UPDATE message_versions v SET wire = entry::text WHERE v.message_id = m.id AND v.wire = p_stanza;
  END IF;
END $$;

-- Arguments: message_id, content; window (seconds) and stanza (an id for it on the wire) are the program's. The
-- result is the Message.
CREATE FUNCTION change_message_edit(p_user uuid, p_arguments jsonb, OUT outcome int, OUT result jsonb)
LANGUAGE plpgsql AS $$
DECLARE
  m messages := message_for(p_user, (p_arguments->>'message_id')::uuid);
  c conversations;
BEGIN
  IF m.id IS NULL THEN
    outcome := 2;
    RETURN;
  END IF;
  SELECT * INTO c FROM conversations x WHERE x.id = m.conversation_id;
  result := edit_refusal(m, c, p_user, p_arguments->>'content', (p_arguments->>'window')::bigint);
  IF result IS NOT NULL THEN
    outcome := (result->>'refused')::int;
    RETURN;
  END IF;
  outcome := 1;
  IF m.body IS DISTINCT FROM p_arguments->>'content' THEN
    outcome := 0;
    PERFORM edit_put(m, c, p_user, p_arguments->>'content', p_arguments->>'stanza',
                     c.guarded AND relation_held(c.id, p_user));
  END IF;
  result := to_jsonb(message_get(p_user, m.id));
END $$;

-- What came by XMPP: { from, to, room, id (of any version), origin (see message_named), body, bare (without a quote),
-- stanza (its own id), window (seconds), came }. 2: it concerns no message, or one that is too old: it is one of its
-- own. 5: not allowed.
CREATE FUNCTION change_edit_arrived(p_user uuid, p_arguments jsonb, OUT outcome int, OUT result jsonb)
LANGUAGE plpgsql AS $$
DECLARE
  place record := place_of(p_arguments);
  c conversations := place.c;
  m messages;
  body text := p_arguments->>'body';
BEGIN
  outcome := 2;
  IF c.id IS NULL THEN
    RETURN;
  END IF;
  m := message_said(c, place.source, p_arguments->>'id', (p_arguments->>'origin')::uuid);
  IF m.id IS NULL OR m.created_at < (SELECT h.stamp FROM log_head h)
                                    - make_interval(secs => (p_arguments->>'window')::bigint) THEN
    RETURN;
  ELSIF m.deleted_at IS NOT NULL OR m.kind <> 'text'
        OR EXISTS (SELECT FROM message_versions v WHERE v.message_id = m.id AND v.wire = p_arguments->>'stanza') THEN
    outcome := 1;
    RETURN;
  END IF;
  IF m.reply_to IS NOT NULL THEN
    body := coalesce(p_arguments->>'bare', body);
  END IF;
  IF c.kind <> 'direct' AND NOT guest_is(c) THEN
    result := edit_refusal(m, c, place.source, body, (p_arguments->>'window')::bigint);
    IF result IS NOT NULL THEN
      outcome := 5;
      RETURN;
    END IF;
  ELSIF (SELECT count(*) FROM message_versions v WHERE v.message_id = m.id) > 100 OR spam_forbids(c, place.source, body) THEN
    outcome := 5;
    RETURN;
  END IF;
  outcome := 0;
  PERFORM edit_put(m, c, place.source, body, p_arguments->>'stanza', c.guarded AND relation_held(c.id, place.source),
                   p_arguments->'came');
END $$;

-- What the message said, oldest first, as p_user sees it: a page of { version, content, created_at }, the last of which is
-- what it says now. NULL: there is no such message for him.
CREATE FUNCTION message_history(p_user uuid, p_message uuid) RETURNS text
LANGUAGE plpgsql STABLE AS $$
DECLARE
  m messages := message_for(p_user, p_message);
BEGIN
  IF m.id IS NULL THEN
    RETURN NULL;
  END IF;
  RETURN json_build_object('items', coalesce((
    SELECT json_agg(json_build_object('version', v.version, 'content', v.body, 'created_at', api_time(v.at))
                    ORDER BY v.version)
      FROM message_versions v WHERE v.message_id = m.id AND m.deleted_at IS NULL),
    CASE WHEN m.deleted_at IS NOT NULL THEN '[]'::json ELSE json_build_array(json_build_object(
      'version', 0, 'content', m.body, 'created_at', api_time(m.created_at))) END), 'has_more', false, 'next', NULL);
END $$;
