-- SPDX-License-Identifier: GPL-3.0-or-later
-- What groups were about (decision 0111): asked of the service of the operator's by a job, once somebody wants to know, if all
-- members let their messages be handed to it. Labels are stored, for a week; texts are not.

-- Whether all members of the conversation let that service have what they write.
CREATE FUNCTION topics_shared(c conversations) RETURNS boolean
LANGUAGE plpgsql STABLE AS $$
BEGIN
  RETURN NOT EXISTS (SELECT FROM unnest(c.member_ids) m (id) WHERE NOT coalesce(user_shares(m.id, 'assist'), false));
END $$;

-- The topics of the conversation on those days, of which only such count that are over; if there are none, why: not_available (there is no
-- service for that, or somebody writes encrypted), not_shared (a member does not want it, or it is a talk of two), pending (the service is
-- being asked, from now on), failed (it did not answer within the last hour, or was asked about ten ranges of days within one day); NULL:
-- there is nothing of which they could be.
CREATE FUNCTION topics_show(c conversations, p_first date, p_last date, OUT topics jsonb, OUT reason text)
LANGUAGE plpgsql AS $$
DECLARE
  last CONSTANT date := least(p_last, (clock_timestamp() AT TIME ZONE 'UTC')::date - 1);
  t conversation_topics;
BEGIN
  topics := '[]';
  reason := CASE WHEN coalesce(current_setting('trestle.assist_topics', true), '') <> 'on' THEN 'not_available'
                 WHEN c.kind = 'direct' OR NOT topics_shared(c) THEN 'not_shared' END;
  IF reason IS NOT NULL OR p_first > last THEN
    RETURN;
  END IF;
  SELECT x.* INTO t FROM conversation_topics x WHERE x.conversation_id = c.id AND x.first_day = p_first AND x.last_day = last;
  IF t.id IS NULL OR t.at < clock_timestamp() - (CASE WHEN t.state = 'failed' THEN interval '1 hour' ELSE interval '7 days' END) THEN
    t.state := CASE WHEN topics_ask(c.id, p_first, last) THEN 'asked' ELSE 'failed' END;
  END IF;
  CASE t.state
    WHEN 'asked' THEN reason := 'pending';
    WHEN 'failed' THEN reason := 'failed';
    WHEN 'encrypted' THEN reason := 'not_available';
    ELSE topics := t.topics;
  END CASE;
END $$;

-- The service is to be asked. False: it has been about too many ranges of days of this conversation.
CREATE FUNCTION topics_ask(p_conversation uuid, p_first date, p_last date) RETURNS boolean
LANGUAGE plpgsql AS $$
DECLARE
  key uuid;
BEGIN
  IF (SELECT count(*) FROM conversation_topics x
        WHERE x.conversation_id = p_conversation AND x.at > clock_timestamp() - interval '1 day') >= 10 THEN
    RETURN false;
  END IF;
  INSERT INTO conversation_topics AS x (conversation_id, first_day, last_day, state, at)
    VALUES (p_conversation, p_first, p_last, 'asked', clock_timestamp())
    ON CONFLICT (conversation_id, first_day, last_day) DO UPDATE
      SET state = 'asked', topics = '[]', attempts = 0, at = excluded.at WHERE x.at < excluded.at - interval '1 hour'
    RETURNING x.id INTO key;
  IF key IS NOT NULL THEN -- else somebody else has asked just now
    PERFORM job_add('conversation.topics', key::text, clock_timestamp());
  END IF;
  RETURN true;
END $$;

-- What the service may see of those days: the newest 200 texts, of 2,000 characters and 32 KiB together at most, the oldest first, of the
-- last 2,000 messages. Not what disappears, nor what somebody wrote who does not want that. encrypted: one of them is.
CREATE FUNCTION topics_inputs(c conversations, p_first date, p_last date, OUT inputs jsonb, OUT encrypted boolean)
LANGUAGE plpgsql STABLE AS $$
DECLARE
  high CONSTANT bigint := archive_seq(c.id, NULL, (p_last + 1)::timestamp AT TIME ZONE 'UTC');
  low CONSTANT bigint := greatest(archive_seq(c.id, NULL, p_first::timestamp AT TIME ZONE 'UTC'), high - 2000, c.base_seq);
  bytes int := 0;
  m record;
BEGIN
  inputs := '[]';
  encrypted := false;
  FOR m IN SELECT left(x.body, 2000) AS body, x.sender_id, x.expires_at,
                  coalesce(x.stanza ~ 'urn:xmpp:eme:0|axolotl|urn:xmpp:omemo|urn:xmpp:openpgp', false) AS sealed
             FROM messages x
             WHERE x.conversation_id = c.id AND x.seq > low AND x.seq <= high AND x.kind = 'text' AND x.deleted_at IS NULL
               AND x.body <> '' AND x.sender_id IS NOT NULL
             ORDER BY x.seq DESC LOOP
    encrypted := encrypted OR m.sealed;
    CONTINUE WHEN m.expires_at IS NOT NULL OR NOT coalesce(user_shares(m.sender_id, 'assist'), false);
    bytes := bytes + octet_length(m.body);
    EXIT WHEN encrypted OR bytes > 32768 OR jsonb_array_length(inputs) >= 200;
    inputs := jsonb_build_array(m.body) || inputs;
  END LOOP;
END $$;

-- The service is about to be asked. No row: it need not be.
CREATE FUNCTION topics_begin(p_id uuid) RETURNS TABLE (conversation_id uuid, inputs text)
LANGUAGE plpgsql AS $$
#variable_conflict use_column
DECLARE
  t conversation_topics;
  c conversations;
  said record;
BEGIN
  SELECT x.* INTO t FROM conversation_topics x WHERE x.id = p_id AND x.state = 'asked' FOR UPDATE;
  SELECT x.* INTO c FROM conversations x WHERE x.id = t.conversation_id;
  IF c.id IS NULL OR NOT topics_shared(c) THEN
    DELETE FROM conversation_topics x WHERE x.id = t.id;
    RETURN;
  END IF;
  SELECT x.inputs, x.encrypted INTO said FROM topics_inputs(c, t.first_day, t.last_day) x;
  IF said.encrypted OR said.inputs = '[]' THEN
    UPDATE conversation_topics x SET state = CASE WHEN said.encrypted THEN 'encrypted' ELSE 'complete' END, at = clock_timestamp()
      WHERE x.id = t.id;
    RETURN;
  END IF;
  UPDATE conversation_topics x SET attempts = x.attempts + 1 WHERE x.id = t.id;
  RETURN QUERY SELECT c.id, said.inputs::text;
END $$;

-- What came of it: p_topics, a JSON array of texts that were checked; NULL: nothing, p_final if it is of no use to ask again. True: it is
-- to be asked once more, since that was not the third time.
CREATE FUNCTION topics_end(p_id uuid, p_topics text, p_final boolean) RETURNS boolean
LANGUAGE plpgsql AS $$
DECLARE
  t conversation_topics;
BEGIN
  SELECT x.* INTO t FROM conversation_topics x WHERE x.id = p_id AND x.state = 'asked' FOR UPDATE;
  IF t.id IS NULL THEN
    RETURN false;
  ELSIF NOT topics_shared((SELECT c FROM conversations c WHERE c.id = t.conversation_id)) THEN
    DELETE FROM conversation_topics x WHERE x.id = t.id;
    RETURN false;
  ELSIF p_topics IS NULL AND NOT p_final AND t.attempts < 3 THEN
    RETURN true;
  END IF;
  UPDATE conversation_topics x SET state = CASE WHEN p_topics IS NULL THEN 'failed' ELSE 'complete' END,
      topics = coalesce(p_topics::jsonb, '[]'), at = clock_timestamp() WHERE x.id = t.id;
  RETURN false;
END $$;

-- What is older than a week, at most p_limit. As reap.sql has it.
CREATE FUNCTION reap_topics(p_limit int, OUT removed bigint, OUT more boolean, OUT payload jsonb)
LANGUAGE plpgsql AS $$
BEGIN
  DELETE FROM conversation_topics WHERE id IN (
    SELECT x.id FROM conversation_topics x WHERE x.at < clock_timestamp() - interval '7 days' ORDER BY x.at LIMIT p_limit);
  GET DIAGNOSTICS removed = ROW_COUNT;
  more := removed >= p_limit;
END $$;
