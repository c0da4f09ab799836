-- SPDX-License-Identifier: GPL-3.0-or-later
-- What is to happen to messages later (decision 0064): a row for each, and one job, message.deadline, that is due
-- with the first of them. Functions that write are for the holder of the log. By kind:
--   retell    all are told that the message shows something else
--   poll      it takes no votes any more
--   location  where its sender is is shown no longer
--   expiry    it is time to look whether it goes

CREATE FUNCTION deadline_set(p_kind text, p_message uuid, p_due timestamptz) RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
  INSERT INTO deadlines (kind, message_id, due_at) VALUES (p_kind, p_message, p_due)
    ON CONFLICT (kind, message_id) DO UPDATE SET due_at = excluded.due_at;
  IF NOT EXISTS (SELECT FROM deadlines d WHERE d.due_at < p_due) THEN
    PERFORM job_add('message.deadline', '', p_due);
  END IF;
END $$;

CREATE FUNCTION deadline_drop(p_kind text, p_message uuid) RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
  DELETE FROM deadlines d WHERE d.kind = p_kind AND d.message_id = p_message;
END $$;

-- At most p_limit that are due, the first first. key: kind and message.
CREATE FUNCTION deadline_due(p_limit int) RETURNS TABLE (key text)
LANGUAGE plpgsql STABLE AS $$
BEGIN
  RETURN QUERY SELECT d.kind || ' ' || d.message_id FROM deadlines d WHERE d.due_at <= clock_timestamp()
    ORDER BY d.due_at LIMIT p_limit;
END $$;

-- What was to happen happens: { key }. Twice is as good as once.
CREATE FUNCTION change_deadline_meet(p_user uuid, p_arguments jsonb, OUT outcome int, OUT result jsonb)
LANGUAGE plpgsql AS $$
DECLARE
  d deadlines;
  m messages;
  c conversations;
BEGIN
  DELETE FROM deadlines x WHERE x.kind = split_part(p_arguments->>'key', ' ', 1)
      AND x.message_id = split_part(p_arguments->>'key', ' ', 2)::uuid AND x.due_at <= clock_timestamp()
    RETURNING * INTO d;
  SELECT * INTO m FROM messages x WHERE x.id = d.message_id AND x.deleted_at IS NULL;
  outcome := CASE WHEN m.id IS NULL THEN 1 ELSE 0 END;
  IF outcome > 0 THEN
    RETURN;
  END IF;
  SELECT * INTO c FROM conversations x WHERE x.id = m.conversation_id;
  CASE d.kind
    WHEN 'retell' THEN PERFORM retell_now(m, c);
    WHEN 'poll' THEN PERFORM poll_end(m, c, NULL);
    WHEN 'location' THEN PERFORM location_end(m, c);
    WHEN 'expiry' THEN PERFORM expiry_look(m, c);
  END CASE;
END $$;

-- The run of the job is over: the next is due with the first that waits.
CREATE FUNCTION change_deadline_rest(p_user uuid, p_arguments jsonb, OUT outcome int, OUT result jsonb)
LANGUAGE plpgsql AS $$
DECLARE
  first timestamptz := (SELECT d.due_at FROM deadlines d ORDER BY d.due_at LIMIT 1);
BEGIN
  IF first IS NOT NULL THEN
    PERFORM job_add('message.deadline', '', first);
  END IF;
  outcome := 0;
END $$;

-- ---- Telling now and then -------------------------------------------------------------------------------

-- All members are told that the message shows something else.
CREATE FUNCTION retell_now(m messages, c conversations) RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
  IF m.kind = 'poll' THEN
    PERFORM poll_count(m);
  END IF;
  INSERT INTO retold (message_id, at) VALUES (m.id, clock_timestamp())
    ON CONFLICT (message_id) DO UPDATE SET at = excluded.at;
  PERFORM message_changed(m, c);
END $$;

-- The same, at most once in p_every, and less often where many are told: now, or when that is over.
CREATE FUNCTION retell(m messages, c conversations, p_every interval) RETURNS void
LANGUAGE plpgsql AS $$
DECLARE
  last timestamptz := (SELECT r.at FROM retold r WHERE r.message_id = m.id);
  every_ interval := greatest(p_every, cardinality(c.member_ids) * interval '10 milliseconds');
BEGIN
  IF EXISTS (SELECT FROM deadlines d WHERE d.kind = 'retell' AND d.message_id = m.id) THEN
    RETURN;
  ELSIF last + every_ > clock_timestamp() THEN
    PERFORM deadline_set('retell', m.id, last + every_);
  ELSE
    PERFORM retell_now(m, c);
  END IF;
END $$;

-- See reap.sql.
CREATE FUNCTION reap_retold(p_limit int, OUT removed bigint, OUT more boolean, OUT payload jsonb)
LANGUAGE plpgsql AS $$
BEGIN
  PERFORM FROM log_head FOR UPDATE;
  DELETE FROM retold WHERE message_id IN (
    SELECT r.message_id FROM retold r WHERE r.at < clock_timestamp() - interval '1 hour' LIMIT p_limit);
  GET DIAGNOSTICS removed = ROW_COUNT;
  more := removed >= p_limit;
END $$;
