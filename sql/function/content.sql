-- SPDX-License-Identifier: GPL-3.0-or-later
-- What messages carry besides their text (decision 0061). messages.details is NULL of a text to which nothing
-- was ever done; then none of this is asked.

-- ---- Which message is meant -----------------------------------------------------------------------------

-- The message, if p_user sees it; else a row of NULLs.
CREATE FUNCTION message_for(p_user uuid, p_message uuid) RETURNS messages
LANGUAGE plpgsql STABLE AS $$
DECLARE
  m messages;
BEGIN
  SELECT x.* INTO m FROM messages x
    JOIN member_row(x.conversation_id, p_user) o ON o.state = 'joined' AND x.seq > o.cleared_seq
    WHERE x.id = p_message AND NOT (o.hides AND hidden_is(p_user, x.conversation_id, x.seq));
  RETURN m;
END $$;

-- The id by which clients on XMPP know the message. In a room it is that of the archive; between two it is ours if
-- one of ours wrote it, else the one that it came with. NULL: none, or it was never on the wire.
CREATE FUNCTION message_wire_id(m messages, c conversations) RETURNS text
LANGUAGE sql STABLE AS $$
  SELECT CASE WHEN c.kind = 'direct' AND (m.foreign_id IS NOT NULL OR (m.sender_id = c.remote_user AND c.reach IS NULL))
                THEN m.foreign_id
              WHEN guest_is(c) THEN (SELECT i.wire FROM guest_ids i WHERE i.target = m.id LIMIT 1)
              WHEN m.kind NOT IN ('call', 'system') THEN m.id::text END
$$;

-- The message that somebody on XMPP means by an id which was on the wire, of the conversation c; else a row of NULLs.
-- In a room that is the archive's. Between two it is ours by our id; theirs by the origin-id (p_origin:
-- messages.dedupe made of it) or, among the newest 1000, by the id that it came with. Both may be meant by that of an
-- edit, which is how Converse knows an edited message in a room.
CREATE FUNCTION message_named(c conversations, p_id text, p_origin uuid) RETURNS messages
LANGUAGE plpgsql STABLE
SET enable_bitmapscan = off AS $$ -- as in contact_consents()
DECLARE
  uuid_form CONSTANT text := '^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$';
  m messages;
BEGIN
  IF guest_is(c) THEN
    RETURN guest_message(c, p_id);
  END IF;
  IF p_id ~ uuid_form THEN
    SELECT x.* INTO m FROM messages x
      WHERE x.id = p_id::uuid AND x.conversation_id IS NOT DISTINCT FROM c.id
        AND (c.kind <> 'direct' OR x.sender_id IS DISTINCT FROM c.remote_user OR c.reach IS NOT NULL);
  END IF;
  IF m.id IS NULL AND c.kind = 'direct' THEN
    SELECT x.* INTO m FROM messages x
      WHERE x.sender_id = c.remote_user AND x.dedupe = p_origin AND x.conversation_id IS NOT DISTINCT FROM c.id;
    IF m.id IS NULL THEN
      SELECT x.* INTO m FROM (SELECT y.* FROM messages y WHERE y.conversation_id = c.id
                                ORDER BY y.seq DESC LIMIT 1000) x
        WHERE (x.sender_id = c.remote_user OR c.reach IS NOT NULL) AND x.foreign_id = p_id ORDER BY x.seq DESC LIMIT 1;
    END IF;
    IF m.id IS NULL THEN
      SELECT x.* INTO m FROM message_versions v JOIN messages x ON x.id = v.message_id
        WHERE v.wire = p_id AND x.conversation_id IS NOT DISTINCT FROM c.id LIMIT 1;
    END IF;
  ELSIF m.id IS NULL AND p_id ~ uuid_form THEN
    SELECT x.* INTO m FROM entries e JOIN messages x ON x.id = e.target
      WHERE e.id = p_id::uuid AND e.conversation_id = c.id AND e.kind = 'edit';
  END IF;
  RETURN m;
END $$;

-- Where something that came by XMPP happened, and who said it: { from, to (bare JIDs), room (the localpart, if it was
-- said to a room), came: { address, … } } as changes have it. c is a row of NULLs: nowhere; nobody is to learn why.
CREATE FUNCTION place_of(p_arguments jsonb, OUT c conversations, OUT source uuid)
LANGUAGE plpgsql STABLE AS $$
DECLARE
  target uuid;
  place record;
BEGIN
  IF p_arguments->>'room' = '' THEN -- out of the archive of an account elsewhere
    place := fold_place(p_arguments->>'from', p_arguments->>'to');
    c := place.c;
    source := place.source;
    RETURN;
  ELSIF p_arguments ? 'who' THEN
    place := guest_place(p_arguments);
    c := place.c;
    source := place.source;
    RETURN;
  ELSIF p_arguments->>'room' IS NOT NULL THEN
    source := (SELECT o.user_id FROM conversations x JOIN occupants o ON o.conversation_id = x.id
                 WHERE x.room = p_arguments->>'room' AND o.address = p_arguments #>> '{came,address}');
    SELECT x.* INTO c FROM conversations x WHERE x.room = p_arguments->>'room' AND source = ANY (x.member_ids);
    RETURN;
  END IF;
  target := (SELECT u.id FROM users u WHERE u.jid = p_arguments->>'to' AND u.kind = 'hosted' AND NOT user_is_suspended(u));
  source := (SELECT u.id FROM users u WHERE u.jid = p_arguments->>'from');
  SELECT x.* INTO c FROM conversations x
    WHERE x.kind = 'direct' AND x.member_ids = pair_key(source, target) AND x.remote_user = source;
  IF c.guarded AND relation_blocks(target, c.remote_jid) THEN
    c := NULL;
  END IF;
END $$;

-- ---- In -------------------------------------------------------------------------------------------------

CREATE FUNCTION content_refused(p_pointer text, p_detail text, p_outcome int DEFAULT 6) RETURNS jsonb
LANGUAGE sql STABLE AS $$
  SELECT jsonb_build_object('refused', p_outcome, 'pointer', p_pointer, 'detail', p_detail)
$$;

-- What a message of p_sender's in p_conversation is to carry, as messages.details has it, with what stands in
-- columns of its own: reply_to, thread_id and type (messages.kind). { refused: an outcome, pointer, detail }: it may
-- not. NULL: p_sender is not there, or p_details is NULL. sent: tells a repetition from another message; was, of one
-- that was a text only, what it said first.
CREATE FUNCTION content_accept(p_conversation uuid, p_sender uuid, p_details jsonb, p_body text) RETURNS jsonb
LANGUAGE plpgsql STABLE AS $$
DECLARE
  carried jsonb := p_details;
  o members;
  other messages;
BEGIN
  SELECT * INTO o FROM members x
    WHERE x.conversation_id = p_conversation AND x.user_id = p_sender AND x.state = 'joined';
  IF o.user_id IS NULL OR carried IS NULL THEN
    RETURN NULL;
  ELSIF NOT carried ? 'sent' THEN
    carried := carried || jsonb_build_object('sent', md5(concat(p_details, p_body)));
  END IF;
  IF carried ? 'reply_to' THEN
    SELECT x.* INTO other FROM messages x WHERE x.id = (carried->>'reply_to')::uuid
      AND x.conversation_id IS NOT DISTINCT FROM p_conversation AND x.seq > o.cleared_seq;
    IF other.id IS NULL THEN
      RETURN content_refused('/reply_to', NULL, 2);
    ELSIF other.deleted_at IS NOT NULL THEN
      RETURN content_refused('/reply_to', 'the message that it answers was deleted', 3);
    END IF;
  END IF;
  IF carried ? 'thread_id' THEN
    SELECT x.* INTO other FROM messages x WHERE x.id = (carried->>'thread_id')::uuid
      AND x.conversation_id IS NOT DISTINCT FROM p_conversation AND x.seq > o.cleared_seq;
    IF other.id IS NULL AND (thread_for(p_sender, (carried->>'thread_id')::uuid)).conversation_id = p_conversation THEN
      NULL; -- it goes on, though what it began at is gone
    ELSIF other.id IS NULL THEN
      RETURN content_refused('/thread_id', NULL, 2);
    ELSIF other.thread_id IS NOT NULL THEN -- threads have no threads
      carried := carried || jsonb_build_object('thread_id', other.thread_id);
    ELSIF other.deleted_at IS NOT NULL AND NOT EXISTS (SELECT FROM threads t WHERE t.id = other.id) THEN
      RETURN content_refused('/thread_id', 'the message of the thread was deleted', 3);
    END IF;
  END IF;
  RETURN carried_accept(o, carried);
END $$;

-- The same of many; NULL as a whole when nothing carries anything.
CREATE FUNCTION content_accept_all(p_conversations uuid[], p_senders uuid[], p_details jsonb[], p_bodies text[])
RETURNS jsonb[]
LANGUAGE plpgsql STABLE AS $$
BEGIN
  IF p_details IS NULL THEN
    RETURN NULL;
  END IF;
  RETURN ARRAY(SELECT CASE WHEN d.details IS NOT NULL
                           THEN content_accept(p_conversations[d.n], p_senders[d.n], d.details, p_bodies[d.n]) END
                 FROM unnest(p_details) WITH ORDINALITY d (details, n) ORDER BY d.n);
END $$;

-- What of it goes into messages.details.
CREATE FUNCTION content_details(p_content jsonb) RETURNS jsonb
LANGUAGE plpgsql IMMUTABLE AS $$
BEGIN
  RETURN p_content - '{type,reply_to,thread_id,thread,files}'::text[];
END $$;

-- Its results as arrays of what has a column in messages, and of what it refuses.
CREATE FUNCTION content_columns(p_contents jsonb[], OUT kinds text[], OUT replies uuid[],
                                OUT threads uuid[], OUT refused int[], OUT refusals text[])
LANGUAGE plpgsql STABLE AS $$
BEGIN
  SELECT array_agg(x.c->>'type' ORDER BY x.n),
         array_agg((x.c->>'reply_to')::uuid ORDER BY x.n), array_agg((x.c->>'thread_id')::uuid ORDER BY x.n),
         array_agg((x.c->>'refused')::int ORDER BY x.n),
         array_agg(CASE WHEN x.c ? 'refused' THEN (x.c - 'refused')::text END ORDER BY x.n)
    INTO kinds, replies, threads, refused, refusals
    FROM unnest(p_contents) WITH ORDINALITY x (c, n);
END $$;

-- Whether a message is the one that was stored before with p_old and p_old_body: what it was sent as, whatever has
-- become of it since. p_new: as content_accept() made it. In PL/pgSQL, so that it becomes no part of message_store().
CREATE FUNCTION content_same(p_old jsonb, p_old_body text, p_new jsonb, p_body text) RETURNS boolean
LANGUAGE plpgsql IMMUTABLE AS $$
BEGIN
  RETURN CASE WHEN p_old ? 'sent' OR p_new IS NOT NULL THEN coalesce(p_old->>'sent' = p_new->>'sent', false)
              WHEN p_old ? 'was' THEN p_old->>'was' = md5(p_body)
              ELSE p_old_body IS NOT DISTINCT FROM p_body END;
END $$;

-- What content_accept() is given of a message that came by XMPP, and what its text is then: what names something
-- that is not there is left out. { reply: { id, origin, bare }, thread: { id }, correction: { id, origin } }:
-- it corrects that, if that is there; ids as message_named()
-- takes them; bare: the text without the quote, which is left out only if it is known what is quoted.
CREATE FUNCTION content_arrived(c conversations, p_sender uuid, p_details jsonb, p_body text, OUT details jsonb, OUT body text)
LANGUAGE plpgsql STABLE AS $$
DECLARE
  other messages;
  more record;
  thread text := p_details #>> '{thread,id}';
BEGIN
  details := p_details - '{reply,thread,correction}'::text[];
  body := p_body;
  IF p_details ? 'reply' THEN
    other := message_named(c, p_details #>> '{reply,id}', (p_details #>> '{reply,origin}')::uuid);
    IF other.deleted_at IS NULL AND other.id IS NOT NULL THEN
      details := details || jsonb_build_object('reply_to', other.id);
      body := coalesce(p_details #>> '{reply,bare}', body);
    END IF;
  END IF;
  IF p_details ? 'correction' THEN
    details := details || jsonb_build_object('correction_of', (
      message_said(c, p_sender, p_details #>> '{correction,id}', (p_details #>> '{correction,origin}')::uuid)).id);
  END IF;
  IF thread IS NOT NULL THEN
    details := details || thread_arrived(c, thread, other);
  END IF;
  IF details ?| '{mentions,location,attachments}' THEN
    more := carried_arrived(c, p_sender, details, body);
    details := more.details;
    body := more.body;
  END IF;
  details := CASE WHEN details <> '{}'
                  THEN details || jsonb_build_object('sent', md5(concat(p_details, p_body))) END;
END $$;

-- ---- Out ------------------------------------------------------------------------------------------------

-- What is shown of the message p_id where another one answers it, to p_viewer, a member of its conversation; NULL, or
-- nobody there: to who sees all of it. Who does not see that message is shown one that is not there.
CREATE FUNCTION content_quote(p_id uuid, p_viewer uuid) RETURNS jsonb
LANGUAGE plpgsql STABLE AS $$
BEGIN
  RETURN coalesce((
    SELECT jsonb_build_object('message_id', m.id, 'sender_id', m.sender_id, 'content', left(m.body, 300),
                              'message_type', m.kind, 'deleted', m.deleted_at IS NOT NULL)
      FROM messages m
      LEFT JOIN member_row(m.conversation_id, p_viewer) o ON true
      WHERE m.id = p_id AND m.seq > coalesce(o.cleared_seq, 0)
        AND NOT (coalesce(o.hides, false) AND hidden_is(p_viewer, m.conversation_id, m.seq))),
    jsonb_build_object('message_id', p_id, 'sender_id', NULL, 'content', NULL, 'message_type', 'text',
                       'deleted', true));
END $$;

-- What p_viewer sees of what a message carries, which has details.
CREATE FUNCTION content_facts(m messages, p_viewer uuid) RETURNS content_view
LANGUAGE plpgsql STABLE AS $$
BEGIN
  RETURN ROW(m.reply_to, CASE WHEN m.reply_to IS NOT NULL THEN content_quote(m.reply_to, p_viewer) END, m.thread_id,
             m.details->'mentions', coalesce((m.details->>'forwarded')::boolean, false), m.forward_count,
             m.edited_at, m.deleted_at, coalesce(m.expires_at, expiry_latest(m.created_at, (m.details->>'expires_in')::int)),
             NULL, CASE WHEN m.details ? 'attachments' THEN attachment_views(m) END,
             coalesce((m.details->>'sending')::boolean, false),
             CASE WHEN m.details ? 'link_preview' THEN link_shown(m) END)::content_view;
END $$;

-- Those of p_heard who do not see the message that m answers; NULL: nobody.
CREATE FUNCTION content_blind(m messages, p_heard uuid[]) RETURNS uuid[]
LANGUAGE plpgsql STABLE AS $$
BEGIN
  IF m.reply_to IS NULL THEN
    RETURN NULL;
  END IF;
  RETURN (
    SELECT array_agg(o.user_id) FROM messages x
      JOIN members o ON o.conversation_id = x.conversation_id AND o.user_id = ANY (p_heard)
      WHERE x.id = m.reply_to AND (x.seq <= o.cleared_seq OR (o.hides AND hidden_is(o.user_id, x.conversation_id, x.seq))));
END $$;

-- Message.metadata of such a message.
CREATE FUNCTION content_metadata(m messages, p_viewer uuid) RETURNS jsonb
LANGUAGE plpgsql STABLE AS $$
DECLARE
  shown jsonb := coalesce(m.metadata, '{}');
BEGIN
  IF m.details ? 'correction_of' THEN
    shown := shown || jsonb_build_object('correction_of', m.details->'correction_of');
  END IF;
  IF m.details ? 'transcription' THEN
    shown := shown || jsonb_build_object('transcription', m.details->'transcription');
  END IF;
  RETURN nullif(shown || carried_metadata(m, p_viewer), '{}');
END $$;

-- A message that carries something, as message_store() has just stored it, or, with p_old, did before.
CREATE FUNCTION content_stored(p_old uuid, p_id uuid, p_conversation uuid, p_seq bigint, p_position bigint,
                               p_sender uuid, p_at timestamptz, p_body text, p_content jsonb) RETURNS message_view
LANGUAGE plpgsql VOLATILE AS $$ -- it sees what content_follow() has just made
DECLARE
  m messages;
  seen message_view;
BEGIN
  IF p_old IS NOT NULL THEN
    SELECT * INTO m FROM messages x WHERE x.id = p_old;
    RETURN message_facts(m, m.sender_id, NULL, NULL, NULL);
  END IF;
  m := jsonb_populate_record(NULL::messages, message_fresh(p_id, p_conversation, p_seq, p_position, p_sender,
                                                           p_at, p_body, p_content));
  seen := message_facts(m, m.sender_id, NULL, NULL, NULL);
  IF m.reply_to IS NOT NULL THEN
    seen.content.blind := to_jsonb(content_blind(m, (SELECT c.member_ids FROM conversations c WHERE c.id = p_conversation)));
  END IF;
  RETURN seen;
END $$;

-- What follows when a message that carries something is stored, by the holder of the log: p_row: its columns, p_content
-- as content_accept() made it, p_came: by XMPP, p_quiet: nobody but its sender is told. Yields events as
-- change_apply() has them.
CREATE FUNCTION content_follow(p_row jsonb, p_content jsonb, p_came boolean, p_quiet boolean) RETURNS text
LANGUAGE plpgsql AS $$
DECLARE
  m messages := jsonb_populate_record(NULL::messages, p_row);
  told text;
BEGIN
  IF m.thread_id IS NOT NULL THEN
    told := thread_follow(m.conversation_id, m.sender_id, p_content, m.seq, m.position, m.created_at, p_quiet);
  END IF;
  IF p_content ? 'attachments' THEN
    PERFORM attachment_follow(m, p_content, p_came);
  END IF;
  RETURN event_lists(told, carried_follow(m, p_came));
END $$;

-- The events of a message with these columns that message_store() stores: those of p_passage (of relation_pass()), and
-- what follows.
CREATE FUNCTION content_events(p_passage jsonb, p_id uuid, p_conversation uuid, p_seq bigint, p_position bigint,
                               p_sender uuid, p_at timestamptz, p_body text, p_content jsonb, p_came boolean,
                               p_quiet boolean) RETURNS text
LANGUAGE plpgsql AS $$
BEGIN
  RETURN event_lists(p_passage->>'events', content_follow(
    message_fresh(p_id, p_conversation, p_seq, p_position, p_sender, p_at, p_body, p_content), p_content, p_came,
    p_quiet));
END $$;

-- Who wrote the message, as clients on XMPP call that one: a JID, in a room the address without its domain. NULL: the
-- system.
CREATE FUNCTION message_author(m messages, c conversations) RETURNS text
LANGUAGE plpgsql STABLE AS $$
BEGIN
  IF c.kind <> 'direct' THEN
    RETURN coalesce(c.room, split_part(c.remote_jid, '@', 1)) || '/' || nick_at(c.id, m.sender_id, m.position);
  END IF;
  RETURN coalesce(m.sender_address, (SELECT u.jid FROM users u WHERE u.id = m.sender_id));
END $$;

-- Whether some member of c came in behind m and is not to see it: what goes to all must not quote it.
CREATE FUNCTION content_is_past(m messages, c conversations) RETURNS boolean
LANGUAGE plpgsql STABLE AS $$
BEGIN
  RETURN c.kind <> 'direct' AND EXISTS (
    SELECT FROM members o WHERE o.conversation_id = c.id AND o.state = 'joined' AND o.kind = 'remote'
      AND o.joined_seq >= m.seq AND o.cleared_seq >= m.seq);
END $$;

-- The message p_id as one that is answered on the wire: { id, to, quote: { name, text } }; NULL: it was never there.
CREATE FUNCTION content_wire_reply(p_id uuid, c conversations) RETURNS jsonb
LANGUAGE plpgsql STABLE AS $$
DECLARE
  m messages;
  name text;
BEGIN
  SELECT * INTO m FROM messages x WHERE x.id = p_id;
  IF m.id IS NULL OR message_wire_id(m, c) IS NULL THEN
    RETURN NULL;
  END IF;
  -- The nick of then: what is sent once more, or from the archive, is the same.
  name := CASE WHEN c.kind <> 'direct' THEN nick_at(c.id, m.sender_id, m.position)
               ELSE (SELECT (user_facts(u, false)).name FROM users u WHERE u.id = m.sender_id) END;
  RETURN jsonb_strip_nulls(jsonb_build_object('id', message_wire_id(m, c), 'to', message_author(m, c), 'quote',
    CASE WHEN m.body IS NOT NULL AND m.deleted_at IS NULL AND NOT content_is_past(m, c)
         THEN jsonb_build_object('name', name, 'text', left(m.body, 1000)) END));
END $$;

-- What the stanza of a message says: { id, body, reply: content_wire_reply(), thread: { id } }, and what else it
-- carries as it stands in details. Each member is put into the stanza by the row of that key (struct content).
CREATE FUNCTION message_wire(m messages, c conversations) RETURNS jsonb
LANGUAGE plpgsql STABLE AS $$
DECLARE
  wire jsonb;
BEGIN
  wire := jsonb_strip_nulls(coalesce(m.details, '{}') - '{sent,was,payload,transcription}'::text[] || jsonb_build_object(
    'id', m.id, 'body', m.body,
    'reply', CASE WHEN coalesce(m.reply_to, m.thread_id) IS NOT NULL
                  THEN content_wire_reply(coalesce(m.reply_to, m.thread_id), c) END,
    'thread', CASE WHEN m.thread_id IS NOT NULL THEN thread_wire(m.thread_id) END)) || carried_wire(m, c);
  RETURN CASE WHEN m.details ? 'attachments' THEN attachment_wire(m, wire) ELSE wire END;
END $$;

-- The same of an edit of it, the stanza p_stanza; replace: the id of the first version.
CREATE FUNCTION edit_wire(m messages, c conversations, p_stanza text) RETURNS jsonb
LANGUAGE plpgsql STABLE AS $$
BEGIN
  RETURN message_wire(m, c) || jsonb_build_object('id', p_stanza, 'replace', jsonb_build_object('id', message_own_id(m)));
END $$;
