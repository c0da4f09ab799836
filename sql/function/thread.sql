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
    JOIN members o ON o.conversation_id = x.conversation_id AND o.user_id = p_user AND o.state = 'joined'
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
    JOIN members o ON o.conversation_id = x.conversation_id AND o.user_id = p_user AND o.state = 'joined'
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
