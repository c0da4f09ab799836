-- SPDX-License-Identifier: GPL-3.0-or-later
-- Mentions, places, polls, payloads and timers of messages: where the ways of all messages (content.sql, message.sql)
-- meet them. Each has a file of its own.

-- Whether the message may carry what it carries of these: content_accept() goes on here.
CREATE FUNCTION carried_accept(o members, p_details jsonb) RETURNS jsonb
LANGUAGE plpgsql STABLE AS $$
DECLARE
  c conversations;
  carried jsonb := p_details;
BEGIN
  IF carried ? 'attachments' AND NOT carried ? 'files' THEN -- those that came by XMPP become files only now
    carried := attachment_accept(o, carried);
  END IF;
  IF carried ? 'link_preview' THEN
    carried := link_accept(o, carried);
  END IF;
  IF carried ? 'refused' OR NOT carried ?| '{mentions,location,poll}' THEN
    RETURN carried;
  END IF;
  SELECT * INTO c FROM conversations x WHERE x.id = o.conversation_id;
  IF carried ? 'mentions' THEN
    carried := mention_accept(c, o, carried);
  END IF;
  IF carried ? 'location' THEN
    carried := location_accept(c, o.user_id, carried);
  END IF;
  IF (carried #>> '{poll,closes_at}')::timestamptz <= clock_timestamp() THEN
    RETURN content_refused('/poll', 'closes_at has passed');
  ELSIF (carried #>> '{poll,closes_at}')::timestamptz > clock_timestamp() + interval '366 days' THEN
    RETURN content_refused('/poll', 'closes_at is more than a year ahead');
  END IF;
  RETURN carried;
END $$;

-- What a message that came by XMPP from p_sender carries, and what its text is then; content_arrived() goes on here.
CREATE FUNCTION carried_arrived(c conversations, p_sender uuid, p_details jsonb, p_body text, OUT details jsonb, OUT body text)
LANGUAGE plpgsql STABLE AS $$
DECLARE
  mentions jsonb;
BEGIN
  details := p_details - '{mentions}'::text[];
  body := p_body;
  IF p_details ? 'mentions' THEN
    mentions := mention_arrived(c, p_sender, p_details->'mentions', body);
    details := details || CASE WHEN mentions IS NULL THEN '{}' ELSE jsonb_build_object('mentions', mentions) END;
  END IF;
  IF p_details ? 'attachments' THEN
    SELECT * INTO details, body FROM attachment_arrived(details);
  END IF;
  IF p_details ? 'location' THEN
    -- A text that only says where it is, is not shown beside it.
    body := CASE WHEN NOT (p_details #>> '{location,alone}')::boolean THEN body END;
    details := details || jsonb_build_object('type', 'location', 'location', (p_details->'location') - 'alone');
  END IF;
END $$;

-- The message m is stored, by the holder of the log: what follows. p_came: by XMPP. Yields events as change_apply()
-- has them.
CREATE FUNCTION carried_follow(m messages, p_came boolean) RETURNS text
LANGUAGE plpgsql AS $$
DECLARE
  before bigint := (SELECT h.position FROM log_head h);
BEGIN
  IF m.details ? 'mentions' THEN
    PERFORM mention_note((SELECT c FROM conversations c WHERE c.id = m.conversation_id), m.sender_id, m.seq,
                         m.details->'mentions');
  END IF;
  IF m.details ? 'poll' THEN
    PERFORM poll_begin(m.id, m.details->'poll');
  END IF;
  IF m.details ? 'location' THEN
    PERFORM location_begin(m.id, m.details->'location');
  END IF;
  IF m.details ? 'expires_in' THEN
    PERFORM expiry_begin(m.id, m.created_at, (m.details->>'expires_in')::int);
  END IF;
  IF m.details ? 'link_preview' THEN
    PERFORM link_follow(m);
  END IF;
  IF p_came AND m.reply_to IS NOT NULL THEN
    PERFORM poll_answered(m.reply_to, m.sender_id, m.body);
  END IF;
  RETURN event_list(before);
END $$;

-- Message.metadata of these.
CREATE FUNCTION carried_metadata(m messages, p_viewer uuid) RETURNS jsonb
LANGUAGE plpgsql STABLE AS $$
BEGIN
  RETURN CASE WHEN m.details ? 'location' THEN jsonb_build_object('location', location_shown(m)) ELSE '{}' END
      || CASE WHEN m.details ? 'poll' THEN jsonb_build_object('poll', poll_shown(m, p_viewer)) ELSE '{}' END
      || CASE WHEN m.details ? 'payload' THEN jsonb_build_object('payload', m.details->'payload') ELSE '{}' END
      || CASE WHEN m.details ? 'expires_in' THEN jsonb_build_object('expires_in', m.details->'expires_in') ELSE '{}' END;
END $$;

-- What the stanza of a message says of these otherwise than details do.
CREATE FUNCTION carried_wire(m messages, c conversations) RETURNS jsonb
LANGUAGE plpgsql STABLE AS $$
BEGIN
  RETURN CASE WHEN m.details ? 'mentions' THEN jsonb_build_object('mentions', mention_wire(m, c)) ELSE '{}' END
      || CASE WHEN m.details ? 'poll' THEN jsonb_build_object('poll', poll_wire(m)) ELSE '{}' END
      || CASE WHEN m.details ? 'payload' THEN jsonb_build_object('payload', m.details->'payload') ELSE '{}' END;
END $$;

-- ---- Telling ----------------------------------------------------------------------------------------------

-- All members are told that the message shows something else; the position of that.
CREATE FUNCTION message_changed(m messages, c conversations) RETURNS bigint
LANGUAGE plpgsql AS $$
BEGIN
  RETURN event_add('message.updated', CASE WHEN c.guarded AND relation_held(c.id, m.sender_id) THEN 'user' ELSE 'members' END,
                   c.id, m.sender_id, json_build_object('message_id', m.id, 'seq', m.seq));
END $$;

-- A message.updated of all members, as each of them sees the message: what is the same for all is made once, and what
-- is the same for all who voted alike, too.
CREATE FUNCTION event_updated(e events) RETURNS TABLE (shown text, users uuid[])
LANGUAGE plpgsql STABLE AS $$
DECLARE
  m messages := (SELECT x FROM messages x WHERE x.id = (e.payload::jsonb->>'message_id')::uuid);
  c conversations := (SELECT x FROM conversations x WHERE x.id = m.conversation_id);
  heard uuid[] := event_audience(e);
  -- Who sees another sender, and who is told how far all others have come.
  apart uuid[] := coalesce(user_closed_to(heard, m.sender_id), '{}') || m.sender_id || content_blind(m, heard);
  nobody CONSTANT uuid := '00000000-0000-0000-0000-000000000000';
  base jsonb := to_jsonb(message_facts(m, nobody, (SELECT user_facts(u, false) FROM users u WHERE u.id = m.sender_id),
                                       NULL, NULL));
BEGIN
  IF m.id IS NULL THEN
    RETURN;
  END IF;
  RETURN QUERY
    WITH alike AS MATERIALIZED (
      SELECT v.options, content_metadata(m, (array_agg(v.user_id))[1]) AS metadata FROM votes v
        WHERE v.message_id = m.id GROUP BY v.options)
    SELECT CASE WHEN h = ANY (apart) THEN to_json(message_seen(h, m, c))::text
                ELSE (base || jsonb_build_object('delivered_at', d.at, 'read_at', r.at,
                        'metadata', coalesce(a.metadata, base->'metadata'), 'reactions',
                        CASE WHEN m.reactions IS NOT NULL THEN reaction_shown(h, m.id, m.reactions) END))::text END,
           ARRAY[h]
      FROM unnest(heard) h
      LEFT JOIN votes v ON v.message_id = m.id AND v.user_id = h
      LEFT JOIN alike a ON a.options = v.options
      LEFT JOIN LATERAL (SELECT k.at FROM marks k WHERE k.conversation_id = c.id AND k.user_id = h
                           AND k.kind = 'delivered' AND k.seq >= m.seq ORDER BY k.seq LIMIT 1) d ON true
      LEFT JOIN LATERAL (SELECT k.at FROM marks k WHERE k.conversation_id = c.id AND k.user_id = h
                           AND k.kind = 'read' AND k.seq >= m.seq ORDER BY k.seq LIMIT 1) r ON true;
END $$;

-- Members on XMPP are sent what the message says now, as an edit of it (XEP-0308), behind p_position.
CREATE FUNCTION message_corrected(m messages, c conversations, p_position bigint) RETURNS void
LANGUAGE plpgsql AS $$
DECLARE
  stanza uuid := entry_id((SELECT h.stamp FROM log_head h));
BEGIN
  PERFORM entry_add(p_position, c.id, 'edit', m.sender_id, m.id,
                    CASE WHEN c.kind <> 'direct' THEN jsonb_build_object('content', edit_wire(m, c, m.id::text)) END);
  IF conversation_reach(c, m.sender_id) IS NOT NULL AND message_wire_id(m, c) IS NOT NULL THEN
    PERFORM outbox_add(p_position, 'edit', m.sender_id, ARRAY[conversation_reach(c, m.sender_id)], m.id, stanza::text);
  END IF;
END $$;
