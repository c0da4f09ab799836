-- SPDX-License-Identifier: GPL-3.0-or-later
-- Messages that are to be sent later (decision 0064). One job, scheduled.send, is due when the first of them
-- is. Functions that write are for the holder of the log.

-- ---- Time -------------------------------------------------------------------------------------------

-- The moment at which the clocks of p_zone, an IANA name, show p_local. Where they are put back and show it
-- twice, the first; where they are put forward and skip it, as if they had not been yet (as RFC 5545,
-- section 3.3.5). NULL: there is no such zone, or no such moment. PostgreSQL also takes abbreviations and
-- POSIX rules for zones; what could be one is refused here.
CREATE FUNCTION scheduled_moment(p_local timestamp, p_zone text) RETURNS timestamptz
LANGUAGE plpgsql STABLE AS $$
DECLARE
  -- Of a time that comes twice, the later one.
  moment timestamptz;
BEGIN
  IF p_zone !~ '^([A-Za-z_]+(/[A-Za-z_-]+)+|UTC|GMT|Etc/GMT(\+([1-9]|1[0-2])|-([1-9]|1[0-4])|0))$' THEN
    RETURN NULL;
  END IF;
  moment := p_local AT TIME ZONE p_zone;
  RETURN coalesce((SELECT min(moment - make_interval(mins => m)) FROM unnest(ARRAY[20, 30, 40, 60, 120, 180]) m
                     WHERE (moment - make_interval(mins => m)) AT TIME ZONE p_zone = p_local), moment);
EXCEPTION WHEN invalid_parameter_value OR datetime_field_overflow THEN
  RETURN NULL;
END $$;

-- Due, and what is to be read of it, from the arguments scheduled_for, or local_time and time_zone: not in
-- the past, and within a year. problem: what is wrong with which field; NULL: nothing.
CREATE FUNCTION scheduled_when(p_arguments jsonb, OUT due timestamptz, OUT local timestamp, OUT zone text,
                               OUT problem jsonb)
LANGUAGE plpgsql STABLE AS $$
DECLARE
  named text := CASE WHEN p_arguments->>'local_time' IS NULL THEN '/scheduled_for' ELSE '/local_time' END;
  wrong text;
BEGIN
  IF (p_arguments->>'local_time' IS NULL) <> (p_arguments->>'time_zone' IS NULL) THEN
    named := CASE WHEN p_arguments->>'local_time' IS NULL THEN '/local_time' ELSE '/time_zone' END;
    wrong := 'is required: a local time and its zone belong together';
  ELSIF p_arguments->>'local_time' IS NULL AND p_arguments->>'scheduled_for' IS NULL THEN
    wrong := 'is required, or a local_time and a time_zone';
  ELSIF p_arguments->>'local_time' IS NOT NULL AND p_arguments->>'scheduled_for' IS NOT NULL THEN
    wrong := 'and a scheduled_for are given, of which only one may be';
  ELSIF p_arguments->>'local_time' IS NULL THEN
    due := (p_arguments->>'scheduled_for')::timestamptz;
  ELSE
    local := (p_arguments->>'local_time')::timestamp;
    zone := p_arguments->>'time_zone';
    due := scheduled_moment(local, zone);
    IF due IS NULL THEN
      named := '/time_zone';
      wrong := 'is not the name of a time zone, such as Europe/Berlin';
    END IF;
  END IF;
  IF wrong IS NULL AND due < clock_timestamp() - interval '1 second' THEN
    wrong := 'has passed';
  ELSIF wrong IS NULL AND due > clock_timestamp() + interval '366 days' THEN
    wrong := 'is more than a year ahead';
  END IF;
  problem := jsonb_build_object('pointer', named, 'detail', wrong);
  IF wrong IS NULL THEN
    problem := NULL;
  END IF;
END $$;

-- Has the job run when the first that waits is due; not again before, if it runs now.
CREATE FUNCTION scheduled_alarm() RETURNS void
LANGUAGE plpgsql AS $$
DECLARE
  first timestamptz := (SELECT s.due_at FROM scheduled s WHERE s.status = 'pending' ORDER BY s.due_at LIMIT 1);
BEGIN
  IF first IS NOT NULL THEN
    PERFORM job_add('scheduled.send', '', first);
  END IF;
END $$;

-- Those that wait and whose zone's rules have changed, of the next two days: what comes earlier now must not
-- come late. What comes later now is put off when it would have been sent.
CREATE FUNCTION scheduled_resolve() RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
  UPDATE scheduled s SET due_at = m.moment
    FROM (SELECT x.id, scheduled_moment(x.local_time, x.time_zone) AS moment FROM scheduled x
            WHERE x.status = 'pending' AND x.local_time IS NOT NULL
              AND x.due_at < clock_timestamp() + interval '2 days') m
    WHERE s.id = m.id AND s.due_at <> m.moment;
END $$;

-- ---- How it looks -----------------------------------------------------------------------------------

CREATE FUNCTION scheduled_json(s scheduled) RETURNS jsonb
LANGUAGE sql STABLE AS $$
  SELECT jsonb_build_object('id', s.id, 'conversation_id', s.conversation_id, 'message_id', s.message_id,
    'client_id', s.client_id, 'content', s.content, 'message_type', coalesce(s.details->>'type', 'text'),
    'carries', nullif(s.details - '{type}'::text[], '{}'), 'scheduled_for', api_time(s.due_at),
    'local_time', to_char(s.local_time, 'YYYY-MM-DD"T"HH24:MI:SS'), 'time_zone', s.time_zone,
    'status', s.status, 'reason', s.reason, 'created_at', api_time(s.created_at),
    'updated_at', api_time(s.updated_at))
$$;

-- What scheduled.updated tells p_user.
CREATE FUNCTION scheduled_event(p_user uuid, e events) RETURNS text
LANGUAGE plpgsql STABLE AS $$
BEGIN
  RETURN (SELECT scheduled_json(s)::text FROM scheduled s
            WHERE s.id = (e.payload::jsonb->>'id')::uuid AND s.user_id = p_user);
END $$;

-- What p_user has scheduled in p_conversation, of p_status ('all': any), by time: { items, has_more, next }.
-- NULL: p_user is no member. p_after: next of an earlier page.
CREATE FUNCTION scheduled_page(p_user uuid, p_conversation uuid, p_status text, p_limit int, p_after text)
RETURNS text
LANGUAGE plpgsql STABLE AS $$
DECLARE
  since timestamptz := '-infinity';
  last uuid := '00000000-0000-0000-0000-000000000000';
BEGIN
  IF NOT EXISTS (SELECT FROM members m WHERE m.conversation_id = p_conversation AND m.user_id = p_user
                   AND m.state = 'joined') THEN
    RETURN NULL;
  END IF;
  IF p_after ~ '^[0-9]{1,17}\.[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$' THEN
    since := time_from_microseconds(split_part(p_after, '.', 1)::bigint);
    last := split_part(p_after, '.', 2)::uuid;
  END IF;
  RETURN (
    WITH page AS (
      SELECT x.s, row_number() OVER (ORDER BY (x.s).due_at, (x.s).id) AS k
        FROM (SELECT s FROM scheduled s
                WHERE s.user_id = p_user AND s.conversation_id = p_conversation AND (s.due_at, s.id) > (since, last)
                  AND (p_status = 'all' OR s.status = p_status)
                ORDER BY s.due_at, s.id LIMIT p_limit + 1) x)
    SELECT json_build_object(
      'items', coalesce(json_agg(scheduled_json(s) ORDER BY k) FILTER (WHERE k <= p_limit), '[]'),
      'has_more', count(*) > p_limit,
      'next', CASE WHEN count(*) > p_limit THEN max(time_to_microseconds((s).due_at) || '.' || (s).id)
                     FILTER (WHERE k = p_limit) END)::text
      FROM page);
END $$;

-- ---- Changes ----------------------------------------------------------------------------------------

CREATE FUNCTION scheduled_told(s scheduled) RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
  PERFORM event_add('scheduled.updated', 'user', s.conversation_id, s.user_id, json_build_object('id', s.id));
END $$;

-- What was planned with that client_id: outcome 1; 6: it was something else; 0: nothing.
CREATE FUNCTION scheduled_again(p_user uuid, p_arguments jsonb, p_due timestamptz, OUT outcome int, OUT result jsonb)
LANGUAGE plpgsql STABLE AS $$
DECLARE
  old scheduled;
BEGIN
  SELECT * INTO old FROM scheduled x WHERE x.user_id = p_user AND x.client_id = p_arguments->>'client_id';
  outcome := CASE WHEN old.id IS NULL THEN 0
    WHEN old.conversation_id <> (p_arguments->>'conversation_id')::uuid
      -- What was changed since cannot be compared.
      OR (old.updated_at = old.created_at AND (old.due_at <> p_due OR old.content IS DISTINCT FROM p_arguments->>'content'
        OR old.details IS DISTINCT FROM nullif(p_arguments->'details', 'null'))) THEN 6
    ELSE 1 END;
  result := CASE outcome WHEN 1 THEN jsonb_build_object('scheduled', scheduled_json(old), 'stranger', false)
    WHEN 6 THEN '{"pointer": "/client_id", "detail": "was used for another message"}' END;
END $$;

-- Plans a message: { id, message_id (both new), conversation_id, content, client_id, details (as message_store() has
-- them); scheduled_for, or
-- local_time and time_zone }. May p_user write there now? If not, the outcome is that of a message; what
-- stands in the way later shows when it is time. 200 may wait in all. strangers_max: 0 if p_user may not
-- write to strangers just now.
-- result: { scheduled, stranger }
CREATE FUNCTION change_scheduled_add(p_user uuid, p_arguments jsonb, OUT outcome int, OUT result jsonb)
LANGUAGE plpgsql AS $$
DECLARE
  s scheduled;
  c conversations;
  at record;
  refused jsonb;
  stranger boolean;
  now_ timestamptz := date_trunc('milliseconds', clock_timestamp());
BEGIN
  SELECT x.* INTO c FROM conversations x
    WHERE x.id = (p_arguments->>'conversation_id')::uuid AND p_user = ANY (x.member_ids);
  outcome := CASE WHEN c.id IS NULL THEN 2 ELSE 0 END;
  IF outcome > 0 THEN
    RETURN;
  END IF;
  at := scheduled_when(p_arguments);
  SELECT a.outcome, a.result INTO outcome, result FROM scheduled_again(p_user, p_arguments, at.due) a;
  IF outcome > 0 THEN
    RETURN;
  END IF;
  refused := content_accept(c.id, p_user, nullif(p_arguments->'details', 'null'), p_arguments->>'content');
  stranger := c.plain AND others_count(c.id, p_user) = 0;
  outcome := scheduled_refusal(p_user, c);
  IF outcome > 0 THEN
    RETURN;
  ELSIF at.problem IS NOT NULL THEN
    outcome := 6;
    result := at.problem;
  ELSIF refused ? 'refused' THEN
    outcome := (refused->>'refused')::int;
    result := refused - 'refused';
  ELSIF (SELECT count(*) FROM (SELECT FROM scheduled x WHERE x.user_id = p_user AND x.status = 'pending'
                                 LIMIT 200) few) = 200 THEN
    outcome := 3;
    result := '{"detail": "200 messages are scheduled, which is as many as may be"}';
  ELSIF stranger AND (p_arguments->>'strangers_max')::int = 0 THEN
    outcome := 7;
  END IF;
  IF outcome > 0 THEN
    RETURN;
  END IF;
  INSERT INTO scheduled (id, message_id, conversation_id, user_id, client_id, content, details, local_time,
                         time_zone, due_at, created_at, updated_at)
    VALUES ((p_arguments->>'id')::uuid, (p_arguments->>'message_id')::uuid, c.id, p_user,
            p_arguments->>'client_id', p_arguments->>'content', nullif(p_arguments->'details', 'null'), at.local,
            at.zone, at.due, now_, now_)
    RETURNING * INTO s;
  PERFORM scheduled_told(s);
  PERFORM scheduled_alarm();
  result := jsonb_build_object('scheduled', scheduled_json(s), 'stranger', stranger);
END $$;

-- Why a message of p_user's would not be stored, as an outcome; 0: it would. As relation_pass() comes to it.
CREATE FUNCTION scheduled_refusal(p_user uuid, c conversations) RETURNS int
LANGUAGE plpgsql STABLE AS $$
DECLARE
  own users;
  other users;
BEGIN
  IF NOT c.guarded OR c.kind <> 'direct' THEN
    RETURN 0;
  END IF;
  SELECT * INTO own FROM users u WHERE u.id = p_user;
  SELECT * INTO other FROM users u WHERE u.id = pair_other(c.member_ids, p_user);
  RETURN CASE WHEN relation_blocks(own.id, other.jid) THEN 3
              WHEN relation_blocks(other.id, own.jid) OR other.deleted_at IS NOT NULL THEN 4
              WHEN relation_started(c) OR EXISTS (
                SELECT FROM members m WHERE m.conversation_id = c.id AND m.user_id = other.id
                  AND m.request IN ('declined', 'accepted')) THEN 0
              WHEN relation_first(other.id, own.jid) = 'refused' THEN 4 ELSE 0 END;
END $$;

-- What p_user has scheduled and waits; outcome 2: there is no such, 3: it waits no longer.
CREATE FUNCTION scheduled_waiting(p_user uuid, p_id text, OUT outcome int, OUT s scheduled, OUT result jsonb)
LANGUAGE plpgsql AS $$
BEGIN
  SELECT x.* INTO s FROM scheduled x
    JOIN member_row(x.conversation_id, p_user) m ON m.state = 'joined'
    WHERE x.id = p_id::uuid AND x.user_id = p_user;
  outcome := CASE WHEN s.id IS NULL THEN 2 WHEN s.status <> 'pending' THEN 3 ELSE 0 END;
  IF outcome = 3 THEN
    result := jsonb_build_object('detail', 'it is ' || s.status || ' already');
  END IF;
END $$;

-- Changes what is given of { content, scheduled_for, local_time, time_zone }: a new time takes the place of the
-- whole old one, but a local_time or time_zone alone of that part.
CREATE FUNCTION change_scheduled_update(p_user uuid, p_arguments jsonb, OUT outcome int, OUT result jsonb)
LANGUAGE plpgsql AS $$
DECLARE
  s scheduled;
  old scheduled;
  waiting record;
  at record;
  said jsonb := p_arguments;
BEGIN
  waiting := scheduled_waiting(p_user, p_arguments->>'scheduled_id');
  outcome := waiting.outcome;
  s := waiting.s;
  result := waiting.result;
  IF outcome > 0 THEN
    RETURN;
  END IF;
  old := s;
  IF s.content IS NULL AND said ? 'content' THEN
    outcome := 6;
    result := '{"pointer": "/content", "detail": "does not go with what else it is"}';
    RETURN;
  END IF;
  IF said ? 'scheduled_for' OR said ? 'local_time' OR said ? 'time_zone' THEN
    IF NOT said ? 'scheduled_for' AND s.local_time IS NOT NULL THEN
      said := jsonb_build_object('local_time', s.local_time, 'time_zone', s.time_zone) || said;
    END IF;
    at := scheduled_when(said);
    IF at.problem IS NOT NULL THEN
      outcome := 6;
      result := at.problem;
      RETURN;
    END IF;
    s.due_at := at.due;
    s.local_time := at.local;
    s.time_zone := at.zone;
  END IF;
  s.content := coalesce(said->>'content', s.content);
  outcome := CASE WHEN s IS DISTINCT FROM old THEN 0 ELSE 1 END;
  IF outcome = 0 THEN
    s.updated_at := date_trunc('milliseconds', clock_timestamp());
    UPDATE scheduled x SET content = s.content, due_at = s.due_at, local_time = s.local_time,
        time_zone = s.time_zone, updated_at = s.updated_at WHERE x.id = s.id;
    PERFORM scheduled_told(s);
    PERFORM scheduled_alarm();
  END IF;
  result := scheduled_json(s);
END $$;

-- Ends one that waits: sent, cancelled or failed (p_reason).
CREATE FUNCTION scheduled_over(s scheduled, p_status text, p_reason text DEFAULT NULL) RETURNS scheduled
LANGUAGE plpgsql AS $$
BEGIN
  s.status := p_status;
  s.reason := p_reason;
  s.updated_at := date_trunc('milliseconds', clock_timestamp());
  UPDATE scheduled x SET status = s.status, reason = s.reason, updated_at = s.updated_at WHERE x.id = s.id;
  PERFORM scheduled_told(s);
  RETURN s;
END $$;

CREATE FUNCTION change_scheduled_cancel(p_user uuid, p_arguments jsonb, OUT outcome int, OUT result jsonb)
LANGUAGE plpgsql AS $$
DECLARE
  s scheduled;
  waiting record;
BEGIN
  waiting := scheduled_waiting(p_user, p_arguments->>'scheduled_id');
  outcome := waiting.outcome;
  s := waiting.s;
  result := waiting.result;
  IF s.status = 'cancelled' THEN
    outcome := 1;
    result := scheduled_json(s);
  ELSIF outcome = 0 THEN
    result := scheduled_json(scheduled_over(s, 'cancelled'));
  END IF;
END $$;

-- ---- When it is time --------------------------------------------------------------------------------

-- At most p_limit that are due, the first first.
CREATE FUNCTION scheduled_due(p_limit int) RETURNS TABLE (id uuid)
LANGUAGE plpgsql STABLE AS $$
BEGIN
  RETURN QUERY SELECT s.id FROM scheduled s WHERE s.status = 'pending' AND s.due_at <= clock_timestamp()
    ORDER BY s.due_at, s.id LIMIT p_limit;
END $$;

-- The run of the job is over: the next is due with the next message.
CREATE FUNCTION change_scheduled_rest(p_user uuid, p_arguments jsonb, OUT outcome int, OUT result jsonb)
LANGUAGE plpgsql AS $$
BEGIN
  PERFORM scheduled_alarm();
  outcome := 0;
END $$;

-- See reap.sql: those that have been over for p_seconds. Looks after the zones, too.
CREATE FUNCTION reap_scheduled(p_seconds bigint, p_limit int, OUT removed bigint, OUT more boolean,
                               OUT payload jsonb)
LANGUAGE plpgsql AS $$
BEGIN
  PERFORM FROM log_head FOR UPDATE;
  PERFORM scheduled_resolve();
  PERFORM scheduled_alarm();
  DELETE FROM scheduled WHERE id IN (
    SELECT s.id FROM scheduled s WHERE s.status <> 'pending'
        AND s.updated_at < clock_timestamp() - make_interval(secs => p_seconds)
      ORDER BY s.updated_at LIMIT p_limit);
  GET DIAGNOSTICS removed = ROW_COUNT;
  more := removed >= p_limit;
END $$;

-- Whether its time has not come. If it moved, since the zone's rules have changed, that is told.
CREATE FUNCTION scheduled_is_early(s scheduled) RETURNS boolean
LANGUAGE plpgsql AS $$
DECLARE
  moment timestamptz := coalesce(scheduled_moment(s.local_time, s.time_zone), s.due_at);
BEGIN
  IF moment > clock_timestamp() AND moment <> s.due_at THEN
    UPDATE scheduled x SET due_at = moment WHERE x.id = s.id;
    PERFORM scheduled_told(s);
  END IF;
  RETURN moment > clock_timestamp();
END $$;

-- Sends a message whose time has come: { id, content_max }. When that is, and whether it may be sent, is decided
-- now: by the zone's rules of today, and as for any message. Its id was known since it was planned: carried out
-- twice, this sends once.
CREATE FUNCTION change_scheduled_send(p_user uuid, p_arguments jsonb, OUT outcome int, OUT result jsonb)
LANGUAGE plpgsql AS $$
DECLARE
  s scheduled;
  stored record;
  reason text;
BEGIN
  SELECT x.* INTO s FROM scheduled x WHERE x.id = (p_arguments->>'id')::uuid;
  outcome := 1;
  IF s.status IS DISTINCT FROM 'pending' OR scheduled_is_early(s) THEN
    RETURN;
  END IF;
  reason := CASE WHEN EXISTS (SELECT FROM user_access a WHERE a.user_id = s.user_id AND access_is_suspended(a))
                 THEN 'forbidden'
                 WHEN octet_length(s.content) > (p_arguments->>'content_max')::bigint THEN 'too_large' END;
  IF reason IS NULL THEN
    SELECT * INTO stored FROM message_store(ARRAY[s.message_id], ARRAY[s.conversation_id], ARRAY[s.user_id],
      ARRAY[s.content], ARRAY[s.client_id], ARRAY[s.message_id], true,
      p_details => CASE WHEN s.details IS NOT NULL THEN ARRAY[s.details] END, p_judging => 'alone');
    reason := CASE stored.outcome WHEN 0 THEN NULL WHEN 1 THEN NULL WHEN 2 THEN 'not_found' WHEN 3 THEN 'conflict'
                                  WHEN 5 THEN 'forbidden' WHEN 6 THEN 'unprocessable' WHEN 7 THEN 'rate_limited'
                                  WHEN 10 THEN 'spam' WHEN 11 THEN 'unavailable' ELSE 'refused' END;
  END IF;
  outcome := 0;
  IF reason IS NOT NULL THEN
    PERFORM scheduled_over(s, 'failed', reason);
    RETURN;
  END IF;
  UPDATE messages m SET metadata = coalesce(m.metadata, '{}') || jsonb_build_object('scheduled_id', s.id)
    WHERE m.id = s.message_id;
  PERFORM scheduled_stored(s, stored.position, stored.created_at, stored.held);
  IF stored.awaited THEN
    PERFORM change_conversation_appear(NULL, jsonb_build_object('conversation_ids', jsonb_build_array(s.conversation_id)));
  END IF;
  PERFORM scheduled_over(s, 'sent');
  result := change_follows(s.user_id);
END $$;

-- Tells those who are here of the message. The event has the message's own position: whoever resumes finds
-- the message itself.
CREATE FUNCTION scheduled_stored(s scheduled, p_position bigint, p_at timestamptz, p_held boolean) RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
  INSERT INTO events (position, type, audience, conversation_id, user_id, payload, at)
    VALUES (p_position, 'message.new', CASE WHEN p_held THEN 'user' ELSE 'members' END, s.conversation_id,
            s.user_id, json_build_object('message_id', s.message_id), p_at)
    ON CONFLICT DO NOTHING;
END $$;
