-- SPDX-License-Identifier: GPL-3.0-or-later
-- Threads: what is said about one message, whose id is that of the thread (RFC 6121 section 5.2.5, XEP-0201).

CREATE FUNCTION thread_facts(t threads) RETURNS thread_view
LANGUAGE sql STABLE AS $$
  SELECT ROW(t.id, t.conversation_id, t.id, t.topic, t.is_resolved, to_jsonb(t.participants), t.message_count,
             t.last_at)::thread_view
$$;

-- The thread, if p_user sees what is in it; else a row of NULLs.
CREATE FUNCTION thread_for(p_user uuid, p_thread uuid) RETURNS threads
LANGUAGE plpgsql STABLE AS $$
DECLARE
  t threads;
BEGIN
  SELECT x.* INTO t FROM threads x
    JOIN member_row(x.conversation_id, p_user) o ON o.state = 'joined'
    WHERE x.id = p_thread AND EXISTS (
      SELECT FROM messages m WHERE m.thread_id = x.id AND m.seq > o.cleared_seq);
  RETURN t;
END $$;

-- What thread.updated tells p_user. NULL: nothing any more.
CREATE FUNCTION thread_event(p_user uuid, e events) RETURNS thread_view
LANGUAGE plpgsql STABLE AS $$
DECLARE
  t threads;
BEGIN
  SELECT x.* INTO t FROM threads x
    JOIN member_row(x.conversation_id, p_user) o ON o.state = 'joined'
    WHERE x.id = (e.payload::jsonb->>'thread_id')::uuid;
  RETURN CASE WHEN t.id IS NOT NULL THEN thread_facts(t) END;
END $$;

-- How clients on XMPP name the thread: { id }.
CREATE FUNCTION thread_wire(p_thread uuid) RETURNS jsonb
LANGUAGE plpgsql STABLE AS $$
BEGIN
  RETURN jsonb_build_object('id', coalesce((SELECT t.wire FROM threads t WHERE t.id = p_thread), p_thread::text));
END $$;

-- In which thread a message is that came by XMPP with p_wire, and answers p_answered (its id NULL: nothing): what to
-- add to its details. What names no thread of ours begins one only by an answer: some clients give one name to all
-- that they send.
CREATE FUNCTION thread_arrived(c conversations, p_wire text, p_answered messages) RETURNS jsonb
LANGUAGE plpgsql STABLE AS $$
DECLARE
  found_ uuid := (SELECT t.id FROM threads t WHERE t.conversation_id = c.id AND t.wire = p_wire);
BEGIN
  IF found_ IS NULL AND p_wire ~ '^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$' THEN
    found_ := (SELECT t.id FROM threads t WHERE t.id = p_wire::uuid AND t.conversation_id = c.id);
  END IF;
  IF found_ IS NOT NULL THEN
    RETURN jsonb_build_object('thread_id', found_);
  ELSIF p_answered.id IS NULL OR p_answered.deleted_at IS NOT NULL THEN
    RETURN '{}';
  END IF;
  RETURN jsonb_build_object('thread_id', coalesce(p_answered.thread_id, p_answered.id), 'thread', p_wire);
END $$;

-- A message is stored in the thread p_details->thread_id, for the holder of the log; the first makes it, and yields
-- events as change_apply() has them. p_quiet: nobody but p_sender is told.
CREATE FUNCTION thread_follow(p_conversation uuid, p_sender uuid, p_details jsonb, p_seq bigint, p_position bigint,
                              p_at timestamptz, p_quiet boolean) RETURNS text
LANGUAGE plpgsql AS $$
DECLARE
  thread uuid := (p_details->>'thread_id')::uuid;
  before bigint;
BEGIN
  UPDATE threads t SET position = p_position, message_count = t.message_count + 1, last_at = p_at,
      participants = CASE WHEN p_sender = ANY (t.participants) OR cardinality(t.participants) >= 100
                          THEN t.participants ELSE t.participants || p_sender END
    WHERE t.id = thread;
  IF FOUND THEN
    RETURN NULL;
  END IF;
  INSERT INTO threads (id, conversation_id, position, wire, message_count, last_at, participants)
    VALUES (thread, p_conversation, p_position, p_details->>'thread', 1, p_at, ARRAY[p_sender]);
  before := (SELECT h.position FROM log_head h);
  PERFORM event_add('thread.updated', CASE WHEN p_quiet THEN 'user' ELSE 'members' END, p_conversation, p_sender,
                    json_build_object('thread_id', thread, 'seq', p_seq));
  RETURN event_list(before);
END $$;

-- ---- What apps ask ---------------------------------------------------------------------------------------

-- The threads of a conversation, what was written last first, as view_reply() has a page. p_before: a position. No row:
-- no such conversation for p_user.
CREATE FUNCTION thread_list(p_user uuid, p_conversation uuid, p_limit int, p_before bigint)
RETURNS TABLE (thread thread_view, more boolean, next text)
LANGUAGE plpgsql STABLE AS $$
DECLARE
  o members;
  found_ threads[];
BEGIN
  SELECT * INTO o FROM members m
    WHERE m.conversation_id = p_conversation AND m.user_id = p_user AND m.state = 'joined';
  IF o.user_id IS NULL THEN
    RETURN;
  END IF;
  found_ := ARRAY(
    SELECT x FROM threads x WHERE x.conversation_id = p_conversation AND (p_before IS NULL OR x.position < p_before)
        AND EXISTS (SELECT FROM messages m WHERE m.thread_id = x.id AND m.seq > o.cleared_seq)
      ORDER BY x.position DESC LIMIT p_limit + 1);
  RETURN QUERY SELECT NULL::thread_view, cardinality(found_) > p_limit,
                      CASE WHEN cardinality(found_) > p_limit THEN (found_[p_limit]).position END::text;
  RETURN QUERY SELECT thread_facts(t), NULL::boolean, NULL::text FROM unnest(found_[1:p_limit]) t ORDER BY t.position DESC;
END $$;

-- The messages of the thread that begins at a message, or to which it belongs, oldest first, without the one at which
-- it begins; after the message p_after. As view_reply() has a page. No row: p_user sees no such message, nor anything in a
-- thread that began at it.
CREATE FUNCTION thread_page(p_user uuid, p_message uuid, p_limit int, p_after uuid)
RETURNS TABLE (message message_view, more boolean, next text)
LANGUAGE plpgsql STABLE AS $$
DECLARE
  parent messages := message_for(p_user, p_message);
  thread CONSTANT uuid := coalesce(parent.thread_id, parent.id, (thread_for(p_user, p_message)).id);
  c conversations;
  found_ messages[];
  after_ bigint;
BEGIN
  IF thread IS NULL THEN
    RETURN;
  END IF;
  SELECT * INTO c FROM conversations x
    WHERE x.id = coalesce(parent.conversation_id, (SELECT t.conversation_id FROM threads t WHERE t.id = thread));
  IF p_after IS NOT NULL AND (message_for(p_user, p_after)).conversation_id IS DISTINCT FROM c.id THEN
    RETURN;
  END IF;
  after_ := coalesce((SELECT m.seq FROM messages m WHERE m.id = p_after), 0);
  found_ := ARRAY(
    SELECT x FROM messages x
      JOIN members o ON o.conversation_id = c.id AND o.user_id = p_user
      WHERE x.thread_id = thread AND x.seq > greatest(after_, o.cleared_seq)
        AND NOT (o.hides AND hidden_is(p_user, c.id, x.seq))
      ORDER BY x.seq LIMIT p_limit + 1);
  RETURN QUERY SELECT NULL::message_view, cardinality(found_) > p_limit,
                      CASE WHEN cardinality(found_) > p_limit THEN (found_[p_limit]).id END::text;
  RETURN QUERY SELECT message_seen(p_user, m, c), NULL::boolean, NULL::text FROM unnest(found_[1:p_limit]) m ORDER BY m.seq;
END $$;

-- Arguments: thread_id, topic (null takes it away), is_resolved. The result is the Thread. Who may write in the
-- conversation may.
CREATE FUNCTION change_thread_update(p_user uuid, p_arguments jsonb, OUT outcome int, OUT result jsonb)
LANGUAGE plpgsql AS $$
DECLARE
  t threads := thread_for(p_user, (p_arguments->>'thread_id')::uuid);
  c conversations;
  o members;
  new_topic text := t.topic;
  resolved boolean := t.is_resolved;
BEGIN
  IF t.id IS NULL THEN
    outcome := 2;
    RETURN;
  END IF;
  SELECT * INTO c FROM conversations x WHERE x.id = t.conversation_id;
  SELECT * INTO o FROM members m WHERE m.conversation_id = c.id AND m.user_id = p_user;
  IF c.kind <> 'direct' AND (NOT group_may(c, o, 'send_messages') OR group_rank(o.role) < 2
       AND group_filtered(group_settings(c.settings) #>> '{moderation,filter}', p_arguments->>'topic')) THEN
    outcome := 5;
    RETURN;
  END IF;
  IF p_arguments ? 'topic' THEN
    new_topic := p_arguments->>'topic';
  END IF;
  resolved := coalesce((p_arguments->>'is_resolved')::boolean, resolved);
  outcome := CASE WHEN (new_topic, resolved) IS NOT DISTINCT FROM (t.topic, t.is_resolved) THEN 1 ELSE 0 END;
  IF outcome = 0 THEN
    UPDATE threads x SET topic = new_topic, is_resolved = resolved WHERE x.id = t.id RETURNING x.* INTO t;
    PERFORM event_add('thread.updated', CASE WHEN c.guarded AND c.kind = 'direct' AND relation_held(c.id, p_user)
                                             THEN 'user' ELSE 'members' END, c.id, p_user,
                      json_build_object('thread_id', t.id));
  END IF;
  result := to_jsonb(thread_facts(t));
END $$;
