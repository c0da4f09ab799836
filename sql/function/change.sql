-- SPDX-License-Identifier: GPL-3.0-or-later
-- Changes: what is rare, adds to the log and is neither a message nor a watermark.
--
-- A change NAME is a function change_NAME(p_user uuid, p_arguments jsonb, OUT outcome int,
-- OUT result jsonb). It does the whole thing, tells others by event_add(), and yields the same
-- result when it is carried out again. What the daemon has to do besides is the member follows of the
-- result, from change_follows(); it is taken off before anybody sees the result.
--   outcome, as in bridge/archive/outcome.def: 0 done, 1 was so already, 2 not found, 3 conflict, 4 refused, 5 forbidden,
--            6 unprocessable (result: {"pointer", "detail"}), 7 strangers, 8 conversations: that limit is used up, 9 too early (slow mode)

-- What follows a change of p_user's: p_user stands otherwise to others than before; and p_watchers (an
-- array of bare JIDs), if the change was not carried out before, are told p_user's presence: as it is
-- (p_last_seen: since when offline, microseconds since 1970), or, not p_shown, that there is none.
CREATE FUNCTION change_follows(p_user uuid, p_watchers jsonb DEFAULT NULL, p_shown boolean DEFAULT true,
                               p_last_seen bigint DEFAULT 0) RETURNS jsonb
LANGUAGE sql IMMUTABLE AS $$
  SELECT jsonb_build_object('follows', jsonb_build_object(
    'relations', jsonb_build_array(p_user), 'watchers', coalesce(p_watchers, '[]'),
    'shown', p_shown, 'last_seen', p_last_seen))
$$;

-- Adds an event to the log. p_audience: 'user' (p_user alone), 'members' (of p_conversation) or
-- 'partners' (p_user, and all who have a conversation with p_user and hear of p_user, see
-- relation_hears). p_payload: facts; what is shown of them is decided by event_payload(), whenever
-- somebody is told.
CREATE FUNCTION event_add(p_type text, p_audience text, p_conversation uuid, p_user uuid,
                          p_payload json DEFAULT '{}') RETURNS bigint
LANGUAGE plpgsql AS $$
DECLARE
  taken record;
  head bigint;
  stamp timestamptz;
BEGIN
  taken := log_advance(1);
  head := taken.ret_before;
  stamp := taken.ret_stamp;
  INSERT INTO events (position, type, audience, conversation_id, user_id, payload, at)
    VALUES (head + 1, p_type, p_audience, p_conversation, p_user, p_payload, stamp);
  RETURN head + 1;
END $$;

-- The users with a login who hear of an event, at most 10000. One about a message (its seq is among the facts) is
-- not for members who have cleared that.
CREATE FUNCTION event_audience(e events) RETURNS uuid[]
LANGUAGE plpgsql STABLE AS $$
BEGIN
  IF e.audience = 'user' THEN -- most of them
    RETURN ARRAY(SELECT u.id FROM users u WHERE u.id = e.user_id AND u.kind <> 'remote');
  END IF;
  RETURN ARRAY(
    SELECT u.id FROM (
        SELECT e.user_id AS id WHERE e.audience <> 'members'
        UNION
        SELECT m.user_id FROM members m
          WHERE e.audience = 'members' AND m.conversation_id = e.conversation_id
            AND m.state = 'joined'
            AND m.cleared_seq < coalesce((e.payload::jsonb->>'seq')::bigint, m.cleared_seq + 1)
        UNION
        SELECT o.user_id FROM members m
          JOIN members o ON o.conversation_id = m.conversation_id AND o.state = 'joined'
          WHERE e.audience = 'partners' AND m.user_id = e.user_id AND m.state = 'joined') heard
      JOIN users u ON u.id = heard.id AND u.kind <> 'remote'
      WHERE e.audience <> 'partners' OR u.id = e.user_id
        OR relation_hears(u.id, (SELECT x FROM users x WHERE x.id = e.user_id))
      LIMIT 10000);
END $$;

-- What user.updated shows p_user: the one whose profile has changed, the own roles, or a contact and how
-- they stand.
CREATE FUNCTION event_user(p_user uuid, e events) RETURNS text
LANGUAGE plpgsql STABLE AS $$
BEGIN
  IF e.audience = 'partners' THEN
    RETURN (SELECT user_json(p_user, u)::text FROM users u WHERE u.id = e.user_id);
  END IF;
  IF e.payload::jsonb ? 'staff' THEN
    RETURN user_self(p_user);
  END IF;
  RETURN (SELECT (user_json(p_user, u)
                  || jsonb_build_object('contact', contact_json(p_user, u) - 'user'))::text
            FROM users u WHERE u.id = (e.payload::jsonb->>'user_id')::uuid);
END $$;

-- What request.new tells p_user. p_first: the message that asks, when it is not stored yet.
CREATE FUNCTION event_request(p_user uuid, e events, p_first messages) RETURNS request_view
LANGUAGE plpgsql STABLE AS $$
DECLARE
  c conversations;
  told request_view;
BEGIN
  SELECT * INTO c FROM conversations WHERE id = e.conversation_id;
  told.conversation := conversation_get(p_user, c.id);
  IF (told.conversation).id IS NULL THEN
    RETURN NULL;
  END IF;
  IF p_first.conversation_id = c.id THEN
    told.conversation.last_message := message_seen(p_user, p_first, c);
    told.conversation.last_at := p_first.created_at;
    told.conversation.unread := 1;
  END IF;
  told.subscription := coalesce((e.payload::jsonb->>'subscription')::boolean, false);
  told.note := coalesce(e.payload::jsonb->>'note', (
    SELECT k.note FROM contacts k JOIN users u ON u.jid = k.peer
      WHERE told.subscription AND k.user_id = p_user AND k.pending_in
        AND u.id = pair_other(c.member_ids, p_user)));
  RETURN told;
END $$;

-- What conversation.new tells p_user, when a message has brought the conversation into the list: that one
-- as the last message, as it stood then, for what came behind it is told behind it.
CREATE FUNCTION event_appeared(p_user uuid, e events) RETURNS conversation_view
LANGUAGE plpgsql STABLE AS $$
DECLARE
  told conversation_view := conversation_get(p_user, e.conversation_id);
  said message_view := (
    SELECT message_seen(p_user, m, c)
      FROM members o
      JOIN conversations c ON c.id = o.conversation_id
      JOIN messages m ON m.conversation_id = c.id AND m.seq > o.cleared_seq
        AND m.seq = (e.payload::jsonb->>'seq')::bigint
      WHERE o.conversation_id = e.conversation_id AND o.user_id = p_user AND o.state = 'joined');
BEGIN
  IF told.id IS NULL THEN
    RETURN NULL;
  ELSIF said.id IS NOT NULL THEN
    said.read_at := CASE WHEN said.read_at < e.at THEN said.read_at END;
    said.delivered_at := CASE WHEN said.delivered_at < e.at THEN said.delivered_at END;
    told.last_message := said;
    told.last_at := said.created_at;
  END IF;
  RETURN told;
END $$;

-- What e tells p_user as things stand now: the facts, if bridge/view writes what the event carries, else the
-- payload itself. NULL: nothing any more.
CREATE FUNCTION event_payload(p_user uuid, e events, p_first messages DEFAULT NULL) RETURNS text
LANGUAGE plpgsql STABLE AS $$
BEGIN
  RETURN CASE
    WHEN e.type = 'conversation.new' AND e.payload::jsonb ? 'seq'
      THEN to_json(event_appeared(p_user, e))::text
    WHEN e.type IN ('conversation.new', 'conversation.updated')
      THEN to_json(conversation_get(p_user, e.conversation_id))::text
    WHEN e.type = 'request.new' THEN to_json(event_request(p_user, e, p_first))::text
    WHEN e.type = 'user.updated' THEN event_user(p_user, e)
    WHEN e.type = 'message.updated'
      THEN to_json(message_get(p_user, (e.payload::jsonb->>'message_id')::uuid))::text
    WHEN e.type LIKE 'member.%' THEN to_json(membership_shown(p_user, e))::text
    WHEN e.type = 'message.reaction' THEN to_json(reaction_event(p_user, e))::text
    WHEN e.type = 'thread.updated' THEN to_json(thread_event(p_user, e))::text
    WHEN e.type IN ('message.new', 'message.failed') THEN NULL -- whoever resumes finds the message itself
    WHEN e.type = 'message.starred' THEN star_event(p_user, e)
    WHEN e.type = 'draft.updated' THEN draft_json(p_user, e.conversation_id)::text
    WHEN e.type = 'scheduled.updated' THEN scheduled_event(p_user, e)
    WHEN e.type LIKE 'call.%' THEN call_event(p_user, e)
    WHEN e.type LIKE 'export.%' THEN export_event(p_user, e)
    WHEN e.type = 'account.updated' THEN account_get(p_user)
    WHEN e.type LIKE 'moderation.%' THEN moderation_event(p_user, e)
    WHEN e.type = 'file.updated' THEN file_event(e)
    WHEN e.type = 'settings.updated' THEN settings_event(p_user, e)
    WHEN e.type = 'relation.updated' THEN relation_event(p_user, e)
    ELSE e.payload END;
END $$;

-- Whose numbers an event carries and whether its conversation is one of many, as core/event.h has it, for
-- dialects that name the parties otherwise than the payload does.
CREATE FUNCTION event_parties(e events, OUT actor bigint, OUT peer bigint, OUT many boolean)
LANGUAGE plpgsql STABLE AS $$
DECLARE
  acting uuid := CASE e.type
    WHEN 'message.reaction' THEN (e.payload::jsonb->>'user_id')::uuid
    WHEN 'message.new' THEN (SELECT m.sender_id FROM messages m
                               WHERE m.id = (e.payload::jsonb->>'message_id')::uuid) END;
BEGIN
  SELECT member_number(c.member_ids, c.member_numbers, acting),
         CASE WHEN acting IS NOT NULL
              THEN member_peer_number(c.plain, c.member_ids, c.member_numbers, acting) END, NOT c.plain
    INTO actor, peer, many
    FROM conversations c WHERE c.id = e.conversation_id;
END $$;

-- The message of a message.new for those who hear of it: those to whom its sender's profile is closed get
-- another sender, and who does not see what it answers no quote. So is what conversation_told() tells; all other events show everybody the same.
CREATE FUNCTION event_message(e events) RETURNS TABLE (shown text, users uuid[])
LANGUAGE plpgsql STABLE AS $$
DECLARE
  said messages;
  heard uuid[] := event_audience(e);
  closed uuid[];
  blind uuid[];
BEGIN
  SELECT * INTO said FROM messages m WHERE m.id = (e.payload::jsonb->>'message_id')::uuid;
  closed := coalesce(user_closed_to(heard, said.sender_id), '{}');
  blind := coalesce(content_blind(said, heard), '{}');
  RETURN QUERY
    SELECT to_json(message_get(g.ids[1], said.id))::text, g.ids
      FROM (SELECT array_agg(id) AS ids FROM unnest(heard) id GROUP BY id = ANY (closed), id = ANY (blind)) g;
END $$;

-- What the log has after a position, up to p_until if that is not NULL, as change_apply tells it; NULL: nothing. For the holder of the log.
-- In PL/pgSQL, which keeps its plan, as is everything that a change or a message calls by itself;
-- conversations, of which there may be many at a time, are in the plan. p_first as in event_request().
CREATE FUNCTION event_list(p_after bigint, p_first messages DEFAULT NULL, p_until bigint DEFAULT NULL) RETURNS text
LANGUAGE plpgsql STABLE AS $$
BEGIN
  RETURN (
    SELECT json_agg(json_build_object('position', e.position, 'type', e.type,
             'at', (extract(epoch FROM e.at) * 1000000)::bigint,
             'payload', p.shown::json, 'conversation_id', e.conversation_id,
             'actor', t.actor, 'peer', t.peer, 'many', t.many,
             'users', p.users) ORDER BY e.position)::text
      FROM events e
      CROSS JOIN LATERAL event_parties(e) t
      CROSS JOIN LATERAL (
        SELECT CASE WHEN e.type IN ('conversation.new', 'conversation.updated') THEN coalesce((
            SELECT to_json(o.object)::text FROM (SELECT user_facts(u, false) AS facts FROM users u
                                                   WHERE u.id = e.user_id OFFSET 0) self
              CROSS JOIN LATERAL conversation_direct(e.user_id, self.facts, e.conversation_id) o
              WHERE NOT e.payload::jsonb ? 'seq'),
            event_payload(e.user_id, e, p_first))
          ELSE event_payload(e.user_id, e, p_first) END AS shown, event_audience(e) AS users
          WHERE e.type <> 'message.new' AND NOT (
            e.audience = 'members' AND e.type IN ('conversation.new', 'conversation.updated', 'message.updated'))
        UNION ALL
        SELECT u.shown, u.users FROM event_updated(e) u WHERE e.type = 'message.updated' AND e.audience = 'members'
        UNION ALL
        SELECT g.shown, g.users FROM conversation_told(e) g WHERE e.audience = 'members' AND e.type IN ('conversation.new', 'conversation.updated')
        UNION ALL
        SELECT m.shown, m.users FROM event_message(e) m WHERE e.type = 'message.new'
        UNION ALL
        SELECT e.payload::text, event_audience(e) WHERE e.type = 'message.failed') p
      WHERE e.position > p_after AND e.position <= coalesce(p_until, e.position) AND p.shown IS NOT NULL);
END $$;

-- What changes between two positions, the later one included, have added whose answers were lost.
CREATE FUNCTION event_missed(p_after bigint, p_until bigint) RETURNS text
LANGUAGE sql STABLE AS $$
  SELECT event_list(p_after, NULL, p_until)
$$;

-- Two of them, either of which may be NULL.
CREATE FUNCTION event_lists(p_one text, p_other text) RETURNS text
LANGUAGE plpgsql STABLE AS $$
BEGIN
  RETURN CASE WHEN p_one IS NOT NULL AND p_other IS NOT NULL THEN (p_one::jsonb || p_other::jsonb)::text
              ELSE coalesce(p_one, p_other) END;
END $$;

-- Carries out changes, one after the other. Arguments with a member once: those that happen once. events: what each added to the log, a JSON array of
-- { position, type, at (microseconds since 1970), payload, conversation_id, actor, peer, many, users }. follows: what
-- change_follows() has said, and as outbox the newest position of what waits there because of the change
-- (for a repeated one, of all that waits); or NULL.
CREATE FUNCTION change_apply(p_names text[], p_users uuid[], p_arguments text[])
RETURNS TABLE (outcome int, result text, "position" bigint, at timestamptz, events text, follows text)
LANGUAGE plpgsql AS $$
#variable_conflict use_column
DECLARE
  before bigint;
  done record;
  follows jsonb;
  audit jsonb; -- of those that are audited: who asks, see sql/function/audit.sql
BEGIN
  FOR n IN 1 .. cardinality(p_names) LOOP
    SELECT h.position INTO before FROM log_head h FOR UPDATE;
    audit := p_arguments[n]::jsonb->'audit';
    EXECUTE CASE WHEN audit IS NOT NULL AND audit_refuses(p_users[n], audit) THEN 'SELECT 5 AS outcome, NULL::jsonb AS result'
        WHEN p_arguments[n]::jsonb ? 'once'
        THEN format('SELECT outcome, result FROM once_change(%L, $1, $2)', p_names[n])
        ELSE format('SELECT outcome, result FROM %I($1, $2)', 'change_' || p_names[n]) END
      INTO done USING p_users[n], CASE WHEN audit IS NULL THEN p_arguments[n]::jsonb
        ELSE p_arguments[n]::jsonb - 'audit' || jsonb_build_object('actor', audit_actor(p_users[n], audit)) END;
    IF audit IS NOT NULL THEN
      PERFORM audit_change(p_users[n], audit, done.outcome, done.result);
    END IF;
    follows := NULL;
    IF done.outcome <= 1 AND jsonb_typeof(done.result) = 'object' THEN
      follows := done.result->'follows';
      done.result := done.result - 'follows';
    END IF;
    IF done.outcome <= 1 THEN
      follows := nullif(jsonb_strip_nulls(coalesce(follows, '{}') || jsonb_build_object('outbox', (
        SELECT max(o.position) FROM outbox o
          WHERE o.position > CASE WHEN done.outcome = 0 THEN before ELSE 0 END),
        'guests', CASE WHEN EXISTS (SELECT FROM guest_out g WHERE NOT g.sent)
                         OR EXISTS (SELECT FROM guest_seats s WHERE s.due_at <= clock_timestamp()) THEN true END)), '{}');
    END IF;
    RETURN QUERY
      SELECT done.outcome, done.result::text, h.position, h.stamp, event_list(before), follows::text
        FROM log_head h;
  END LOOP;
END $$;
