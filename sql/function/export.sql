-- SPDX-License-Identifier: GPL-3.0-or-later
-- Copies for users to take away: of their account, or of a conversation if all in it agree. A job (bridge/personal/export_job.c) makes
-- them page by page of export_rows() and export_messages(), and keeps the pieces by export_keep(). See decision 0093.
-- trestle.exports: for how many days they are kept, and for how many the others are waited for.

CREATE FUNCTION export_days(p_n int) RETURNS interval
LANGUAGE sql STABLE AS $$
  SELECT make_interval(days => split_part(coalesce(nullif(current_setting('trestle.exports', true), ''), '7/7'), '/', p_n)::int)
$$;

-- What is told of one. consents: of the export of a conversation, who was asked.
CREATE FUNCTION export_json(x exports) RETURNS jsonb
LANGUAGE sql STABLE AS $$
  SELECT jsonb_build_object('id', x.id, 'user_id', x.user_id, 'conversation_id', x.conversation_id, 'state', x.state,
    'progress', x.progress, 'size', x.size, 'url', CASE WHEN x.state = 'ready' THEN '/api/exports/' || x.path END,
    'created_at', api_time(x.created_at), 'ended_at', api_time(x.ended_at), 'expires_at', api_time(x.expires_at),
    'consents', coalesce((SELECT jsonb_agg(jsonb_build_object('user_id', c.user_id, 'state', c.state) ORDER BY c.user_id)
                            FROM export_consents c WHERE c.export_id = x.id), '[]'))
$$;

-- The same for p_user: of somebody else's not where it is. It holds what that one sees, which may be more than p_user does.
CREATE FUNCTION export_shown(p_user uuid, x exports) RETURNS jsonb
LANGUAGE sql STABLE AS $$
  SELECT export_json(x) || CASE WHEN x.user_id = p_user THEN '{}' ELSE '{"url": null, "size": null}'::jsonb END
$$;

-- p_user: for whom, as export_shown() has it; NULL: for staff.
CREATE FUNCTION export_page(p_user uuid, p_found exports[], p_limit int) RETURNS text
LANGUAGE sql STABLE AS $$
  SELECT jsonb_build_object('items', coalesce((SELECT jsonb_agg(CASE WHEN p_user IS NULL THEN export_json(x) ELSE export_shown(p_user, x) END ORDER BY x.created_at DESC, x.id DESC) FROM unnest(p_found[:p_limit]) x), '[]'),
    'has_more', cardinality(p_found) > p_limit,
    'next', CASE WHEN cardinality(p_found) > p_limit
                 THEN (SELECT time_to_microseconds(p_found[p_limit].created_at) || ' ' || p_found[p_limit].id) END)::text
$$;

CREATE FUNCTION export_place(p_after text, OUT at timestamptz, OUT id uuid)
LANGUAGE sql IMMUTABLE AS $$
  SELECT CASE WHEN p_after ~ '^[0-9]{1,17} ' THEN time_from_microseconds(split_part(p_after, ' ', 1)::bigint) ELSE 'infinity' END,
         user_id_of(split_part(p_after, ' ', 2))
$$;

-- What p_user has asked for, newest first.
CREATE FUNCTION export_list(p_user uuid, p_limit int, p_after text) RETURNS text
LANGUAGE plpgsql STABLE AS $$
DECLARE
  place record := export_place(p_after);
BEGIN
  RETURN export_page(p_user, ARRAY(
    SELECT x FROM exports x WHERE x.user_id = p_user AND x.asked_by IS NULL AND x.expires_at > '-infinity' AND (x.created_at, x.id) < (place.at, coalesce(place.id, x.id))
      ORDER BY x.created_at DESC, x.id DESC LIMIT p_limit + 1), p_limit);
END $$;

-- What others have asked for that p_user is or was asked about, and which may still be refused, newest first.
CREATE FUNCTION export_list_of_asked(p_user uuid, p_limit int, p_after text) RETURNS text
LANGUAGE plpgsql STABLE AS $$
DECLARE
  place record := export_place(p_after);
BEGIN
  RETURN export_page(p_user, ARRAY(
    SELECT x FROM export_consents c JOIN exports x ON x.id = c.export_id
      WHERE c.user_id = p_user AND c.state <> 'refused' AND x.state IN ('waiting', 'running', 'ready') AND x.expires_at > '-infinity'
        AND (x.created_at, x.id) < (place.at, coalesce(place.id, x.id))
      ORDER BY x.created_at DESC, x.id DESC LIMIT p_limit + 1), p_limit);
END $$;

-- What staff has asked for, newest first.
CREATE FUNCTION export_list_of_staff(p_limit int, p_after text) RETURNS text
LANGUAGE plpgsql STABLE AS $$
DECLARE
  place record := export_place(p_after);
BEGIN
  RETURN export_page(NULL, ARRAY(
    SELECT x FROM exports x WHERE x.asked_by IS NOT NULL AND x.expires_at > '-infinity' AND (x.created_at, x.id) < (place.at, coalesce(place.id, x.id))
      ORDER BY x.created_at DESC, x.id DESC LIMIT p_limit + 1), p_limit);
END $$;

CREATE FUNCTION export_get(p_user uuid, p_id uuid) RETURNS SETOF text
LANGUAGE sql STABLE AS $$
  SELECT export_json(x)::text FROM exports x WHERE x.id = p_id AND x.user_id = p_user AND x.asked_by IS NULL AND x.expires_at > '-infinity'
$$;

-- The export of a conversation of p_user's that waits for its members. No row: there is none, for p_user.
CREATE FUNCTION export_of_conversation(p_user uuid, p_conversation uuid) RETURNS SETOF text
LANGUAGE sql STABLE AS $$
  SELECT export_shown(p_user, x)::text FROM exports x
    WHERE x.conversation_id = p_conversation AND x.state = 'waiting'
      AND EXISTS (SELECT FROM members m WHERE m.conversation_id = p_conversation AND m.user_id = p_user AND m.state = 'joined')
    LIMIT 1
$$;

-- The member of event export.ready, export.failed or export.consent.
CREATE FUNCTION export_event(p_user uuid, e events) RETURNS text
LANGUAGE plpgsql STABLE AS $$
BEGIN
  RETURN (SELECT export_shown(p_user, x)::text FROM exports x WHERE x.id = (e.payload::jsonb->>'id')::uuid
            AND (x.user_id = p_user OR EXISTS (SELECT FROM export_consents c WHERE c.export_id = x.id AND c.user_id = p_user)));
END $$;

-- ---- Asking ---------------------------------------------------------------------------------------------

CREATE FUNCTION export_is_open(p_user uuid) RETURNS boolean
LANGUAGE plpgsql STABLE AS $$
BEGIN
  RETURN EXISTS (SELECT FROM exports x WHERE x.user_id = p_user AND x.state IN ('waiting', 'running') AND x.asked_by IS NULL);
END $$;

-- p_arguments: id. p_staff: who of the staff asks, in words; NULL: p_user.
CREATE FUNCTION export_add(p_user uuid, p_conversation uuid, p_arguments jsonb, p_staff text, p_state text) RETURNS exports
LANGUAGE plpgsql AS $$
DECLARE
  x exports;
BEGIN
  INSERT INTO exports (id, user_id, conversation_id, asked_by, state, path, created_at, expires_at)
    VALUES (coalesce((p_arguments->>'id')::uuid, gen_random_uuid()), p_user, p_conversation, p_staff, p_state,
            replace(gen_random_uuid()::text, '-', ''), clock_timestamp(),
            clock_timestamp() + export_days(CASE WHEN p_state = 'waiting' THEN 2 ELSE 1 END))
    RETURNING * INTO x;
  IF p_state = 'running' THEN
    PERFORM job_add('export.run', x.id::text, clock_timestamp());
  END IF;
  RETURN x;
END $$;

-- A copy of p_user's account: id. One at a time (outcome 3).
CREATE FUNCTION change_export_account(p_user uuid, p_arguments jsonb, OUT outcome int, OUT result jsonb)
LANGUAGE plpgsql AS $$
DECLARE
  x exports := (SELECT y FROM exports y WHERE y.id = (p_arguments->>'id')::uuid AND y.user_id = p_user);
BEGIN
  outcome := CASE WHEN x.id IS NOT NULL THEN 1 WHEN export_is_open(p_user) THEN 3 ELSE 0 END;
  result := CASE outcome WHEN 1 THEN export_json(x) WHEN 3 THEN '{"detail": "one is being made already"}'
                         ELSE export_json(export_add(p_user, NULL, p_arguments, NULL, 'running')) END;
END $$;

-- The same of user (a reference), for the staff: actor. 3: one of that user is being made, or too many are there.
CREATE FUNCTION change_export_user(p_user uuid, p_arguments jsonb, OUT outcome int, OUT result jsonb)
LANGUAGE plpgsql AS $$
DECLARE
  whom uuid := admin_user(p_arguments->>'user');
  problem text;
BEGIN
  problem := CASE WHEN EXISTS (SELECT FROM exports x WHERE x.user_id = whom AND x.state = 'running' AND x.asked_by IS NOT NULL)
                  THEN 'one of this user is being made already'
                  WHEN (SELECT count(*) FROM exports x WHERE x.asked_by IS NOT NULL AND x.state = 'running') >= 10
                  THEN 'ten are being made already'
                  WHEN (SELECT count(*) FROM exports x WHERE x.asked_by IS NOT NULL AND x.state = 'ready' AND x.user_id <> whom) >= 100
                  THEN 'a hundred are there already: remove some' END;
  outcome := CASE WHEN whom IS NULL THEN 2 WHEN problem IS NOT NULL THEN 3 ELSE 0 END;
  result := CASE outcome WHEN 3 THEN jsonb_build_object('detail', problem)
                         WHEN 0 THEN export_json(export_add(whom, NULL, p_arguments, coalesce(p_arguments->>'actor', ''), 'running')) END;
END $$;

-- Whom else in the conversation has to be asked, and has not been.
CREATE FUNCTION export_ask(x exports) RETURNS boolean
LANGUAGE plpgsql AS $$
DECLARE
  whom uuid;
BEGIN
  FOR whom IN SELECT m.user_id FROM members m JOIN users u ON u.id = m.user_id AND u.deleted_at IS NULL
                WHERE m.conversation_id = x.conversation_id AND m.state = 'joined' AND m.user_id <> x.user_id
                  AND NOT EXISTS (SELECT FROM export_consents c WHERE c.export_id = x.id AND c.user_id = m.user_id)
                ORDER BY m.user_id LOOP
    INSERT INTO export_consents (export_id, user_id, state, at) VALUES (x.id, whom, 'asked', clock_timestamp());
    PERFORM event_add('export.consent', 'user', NULL, whom, json_build_object('id', x.id));
  END LOOP;
  RETURN EXISTS (SELECT FROM export_consents c JOIN members m ON m.conversation_id = x.conversation_id AND m.user_id = c.user_id
                   WHERE c.export_id = x.id AND c.state = 'asked' AND m.state = 'joined');
END $$;

-- All have agreed, or nobody has to any more: it is made.
CREATE FUNCTION export_begin(x exports) RETURNS exports
LANGUAGE plpgsql AS $$
BEGIN
  IF x.state = 'waiting' AND NOT export_ask(x) THEN
    UPDATE exports y SET state = 'running', expires_at = clock_timestamp() + export_days(1) WHERE y.id = x.id RETURNING * INTO x;
    PERFORM job_add('export.run', x.id::text, clock_timestamp());
  END IF;
  RETURN x;
END $$;

-- It ends without a result: nobody gets what was made, which goes by a job, for there may be much of it.
CREATE FUNCTION export_drop(x exports, p_state text) RETURNS exports
LANGUAGE plpgsql AS $$
BEGIN
  PERFORM job_add('export.purge', x.id::text, clock_timestamp());
  DELETE FROM jobs j WHERE j.kind = 'export.run' AND j.key = x.id::text;
  UPDATE exports y SET state = p_state, path = NULL, size = NULL, ended_at = clock_timestamp(), expires_at = clock_timestamp() + export_days(1)
    WHERE y.id = x.id RETURNING * INTO x;
  RETURN x;
END $$;

-- Nobody is told of it any more; the row goes with the last of what was made.
CREATE FUNCTION export_remove(x exports) RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
  PERFORM export_drop(x, 'cancelled');
  UPDATE exports y SET expires_at = '-infinity' WHERE y.id = x.id;
END $$;

-- At most p_limit pieces of one that has ended, as reap.sql has it. Pieces are nobody else's: the log is not needed.
CREATE FUNCTION export_purge(p_id uuid, p_limit int, OUT removed bigint, OUT more boolean, OUT payload jsonb)
LANGUAGE plpgsql AS $$
BEGIN
  DELETE FROM export_parts p WHERE p.export_id = p_id AND p.n IN (
    SELECT x.n FROM export_parts x WHERE x.export_id = p_id AND NOT EXISTS (
        SELECT FROM exports y WHERE y.id = p_id AND y.state IN ('waiting', 'running', 'ready')) ORDER BY x.n LIMIT p_limit);
  GET DIAGNOSTICS removed = ROW_COUNT;
  more := removed >= p_limit;
  IF NOT more THEN
    DELETE FROM exports y WHERE y.id = p_id AND y.expires_at = '-infinity';
  END IF;
END $$;

-- The same of whichever waits for that. True: there may be more.
CREATE FUNCTION export_purge_any(p_limit int) RETURNS boolean
LANGUAGE plpgsql AS $$
DECLARE
  waits text := (SELECT j.key FROM jobs j WHERE j.kind = 'export.purge' ORDER BY j.key LIMIT 1);
BEGIN
  IF waits IS NOT NULL AND NOT (SELECT p.more FROM export_purge(waits::uuid, p_limit) p) THEN
    DELETE FROM jobs j WHERE j.kind = 'export.purge' AND j.key = waits;
  END IF;
  RETURN waits IS NOT NULL;
END $$;

-- How much is in it: before it is ready, and without the log.
CREATE FUNCTION export_measure(p_id uuid) RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
  UPDATE exports y SET size = (SELECT coalesce(sum(octet_length(p.content)), 0) FROM export_parts p WHERE p.export_id = y.id) + export_bytes(y)
    WHERE y.id = p_id AND y.state = 'running';
END $$;

-- Whether there are people on other servers in the conversation, who cannot be asked.
CREATE FUNCTION export_cannot_ask(p_conversation uuid) RETURNS boolean
LANGUAGE plpgsql STABLE AS $$
BEGIN
  RETURN EXISTS (SELECT FROM members m JOIN users u ON u.id = m.user_id AND u.kind = 'remote'
                   WHERE m.conversation_id = p_conversation AND m.state = 'joined');
END $$;

-- Somebody has come into the conversation, has left it or is nobody any more: what waits there for consents, or is being made, goes
-- on. Whoever is no member takes no copy; whoever comes is asked, or, if that cannot be, refuses.
CREATE FUNCTION export_members_changed(p_conversation uuid) RETURNS void
LANGUAGE plpgsql AS $$
DECLARE
  x exports;
  was text;
BEGIN
  FOR x IN SELECT y.* FROM exports y WHERE y.conversation_id = p_conversation AND y.state IN ('waiting', 'running') FOR UPDATE LOOP
    was := x.state;
    x := CASE WHEN NOT EXISTS (SELECT FROM members m WHERE m.conversation_id = p_conversation AND m.user_id = x.user_id AND m.state = 'joined')
              THEN export_drop(x, 'cancelled')
              WHEN was = 'waiting' AND export_cannot_ask(p_conversation) THEN export_drop(x, 'refused') ELSE export_begin(x) END;
    IF x.state <> was THEN
      PERFORM event_add('export.consent', 'user', NULL, x.user_id, json_build_object('id', x.id));
    END IF;
  END LOOP;
END $$;

-- p_user is deleted, and cannot answer any more.
CREATE FUNCTION export_asks_no_more(p_user uuid) RETURNS void
LANGUAGE plpgsql AS $$
DECLARE
  asked CONSTANT uuid[] := ARRAY(SELECT c.export_id FROM export_consents c WHERE c.user_id = p_user AND c.state = 'asked');
BEGIN
  DELETE FROM export_consents c WHERE c.user_id = p_user AND c.state = 'asked';
  PERFORM export_members_changed(x.conversation_id) FROM exports x WHERE x.id = ANY (asked) AND x.state = 'waiting';
END $$;

-- A copy of a conversation, if all the others agree: conversation_id, id. 3: one of p_user's is under way, or of the
-- conversation, or somebody is elsewhere and cannot be asked.
CREATE FUNCTION change_export_conversation(p_user uuid, p_arguments jsonb, OUT outcome int, OUT result jsonb)
LANGUAGE plpgsql AS $$
DECLARE
  c conversations;
  known exports := (SELECT y FROM exports y WHERE y.id = (p_arguments->>'id')::uuid AND y.user_id = p_user);
BEGIN
  SELECT k.* INTO c FROM conversations k JOIN members m ON m.conversation_id = k.id AND m.user_id = p_user AND m.state = 'joined'
    WHERE k.id = (p_arguments->>'conversation_id')::uuid FOR NO KEY UPDATE OF k;
  outcome := CASE WHEN c.id IS NULL THEN 2 WHEN known.id IS NOT NULL THEN 1 WHEN export_is_open(p_user) THEN 3
    WHEN EXISTS (SELECT FROM exports x WHERE x.conversation_id = c.id AND x.state = 'waiting') THEN 3
    WHEN export_cannot_ask(c.id) THEN 4 ELSE 0 END;
  IF outcome = 3 THEN
    result := '{"detail": "one is under way already"}';
  ELSIF outcome = 4 THEN
    outcome := 3;
    result := '{"detail": "there are people on other servers in it, who cannot be asked"}';
  ELSIF outcome = 0 THEN
    known := export_begin(export_add(p_user, c.id, p_arguments, NULL, 'waiting'));
    result := export_json(known); -- by itself: it sees who was asked
  ELSIF outcome = 1 THEN
    result := export_json(known);
  END IF;
END $$;

-- p_user, who was asked, agrees (consent: true), or does not, or does no longer: then there is no copy any more.
CREATE FUNCTION change_export_consent(p_user uuid, p_arguments jsonb, OUT outcome int, OUT result jsonb)
LANGUAGE plpgsql AS $$
DECLARE
  x exports;
  answer text := CASE WHEN (p_arguments->>'consent')::boolean THEN 'given' ELSE 'refused' END;
  was text;
BEGIN
  SELECT y.* INTO x FROM exports y WHERE y.id = (p_arguments->>'export_id')::uuid
    AND y.conversation_id = (p_arguments->>'conversation_id')::uuid FOR UPDATE;
  was := (SELECT c.state FROM export_consents c WHERE c.export_id = x.id AND c.user_id = p_user);
  outcome := CASE WHEN was IS NULL THEN 2 WHEN x.state NOT IN ('waiting', 'running', 'ready') THEN 3
                  WHEN was = answer THEN 1 ELSE 0 END;
  IF outcome = 0 THEN
    UPDATE export_consents c SET state = answer, at = clock_timestamp() WHERE c.export_id = x.id AND c.user_id = p_user;
    x := CASE WHEN answer = 'given' THEN export_begin(x) ELSE export_drop(x, 'refused') END;
    PERFORM event_add('export.consent', 'user', NULL, x.user_id, json_build_object('id', x.id));
  END IF;
  IF outcome <= 1 THEN
    result := export_shown(p_user, x);
  END IF;
END $$;

-- The staff wants one of theirs no more: export_id. What was made is removed.
CREATE FUNCTION change_export_remove(p_user uuid, p_arguments jsonb, OUT outcome int, OUT result jsonb)
LANGUAGE plpgsql AS $$
DECLARE
  x exports;
BEGIN
  SELECT * INTO x FROM exports y WHERE y.id = (p_arguments->>'export_id')::uuid AND y.asked_by IS NOT NULL AND y.expires_at > '-infinity' FOR UPDATE;
  outcome := CASE WHEN x.id IS NULL THEN 2 WHEN x.state IN ('running', 'ready') THEN 0 ELSE 1 END;
  IF outcome = 0 THEN
    x := export_drop(x, 'cancelled');
  END IF;
  IF outcome <= 1 THEN
    result := export_json(x);
  END IF;
END $$;

-- p_user wants it no more: export_id. What was made is removed.
CREATE FUNCTION change_export_cancel(p_user uuid, p_arguments jsonb, OUT outcome int, OUT result jsonb)
LANGUAGE plpgsql AS $$
DECLARE
  x exports;
BEGIN
  SELECT * INTO x FROM exports y WHERE y.id = (p_arguments->>'export_id')::uuid AND y.user_id = p_user AND y.asked_by IS NULL
    AND y.expires_at > '-infinity' FOR UPDATE;
  outcome := CASE WHEN x.id IS NULL THEN 2 WHEN x.state IN ('waiting', 'running', 'ready') THEN 0 ELSE 1 END;
  IF outcome = 0 THEN
    x := export_drop(x, 'cancelled');
  END IF;
  IF outcome <= 1 THEN
    result := export_json(x);
  END IF;
END $$;

-- ---- Making ---------------------------------------------------------------------------------------------

-- What is to be made. No row: it is not any more.
CREATE FUNCTION export_find(p_id uuid) RETURNS TABLE (user_id uuid, jid text, conversation_id uuid, total bigint)
LANGUAGE plpgsql STABLE AS $$
#variable_conflict use_column
BEGIN
  RETURN QUERY
    SELECT x.user_id, u.jid, x.conversation_id,
           (SELECT coalesce(sum((SELECT m.seq FROM messages m WHERE m.conversation_id = o.conversation_id ORDER BY m.seq DESC LIMIT 1)
                                - o.cleared_seq), 0)::bigint
              FROM members o WHERE o.user_id = x.user_id AND o.state = 'joined'
                AND (x.conversation_id IS NULL OR o.conversation_id = x.conversation_id))
      FROM exports x JOIN users u ON u.id = x.user_id WHERE x.id = p_id AND x.state = 'running';
END $$;

-- At most p_limit rows of a kind, behind p_after (key of the last one): lines of JSON; NULL: the row says nothing.
CREATE FUNCTION export_rows(p_user uuid, p_kind text, p_only uuid, p_after text, p_limit int) RETURNS TABLE (key text, line text)
LANGUAGE plpgsql STABLE AS $$
#variable_conflict use_column
DECLARE
  last uuid := coalesce(user_id_of(p_after), '00000000-0000-0000-0000-000000000000');
BEGIN
  CASE p_kind
    WHEN 'profile' THEN
      RETURN QUERY SELECT 'profile'::text, export_profile(p_user)::text WHERE p_after IS NULL;
    WHEN 'contacts' THEN
      RETURN QUERY SELECT c.peer, jsonb_build_object('jid', c.peer, 'name', u.name, 'called', c.name, 'groups', c.groups, 'ask', c.ask, 'subscription',
          CASE WHEN c.to_peer AND c.from_peer THEN 'both' WHEN c.to_peer THEN 'to' WHEN c.from_peer THEN 'from' ELSE 'none' END)::text
        FROM contacts c LEFT JOIN users u ON u.jid = c.peer WHERE c.user_id = p_user AND c.peer > coalesce(p_after, '') ORDER BY c.peer LIMIT p_limit;
    WHEN 'blocked' THEN
      RETURN QUERY SELECT b.peer, jsonb_build_object('jid', b.peer, 'blocked_at', api_time(b.created_at))::text
        FROM blocks b WHERE b.user_id = p_user AND b.peer > coalesce(p_after, '') ORDER BY b.peer LIMIT p_limit;
    WHEN 'restricted' THEN
      RETURN QUERY SELECT r.peer, jsonb_build_object('jid', r.peer)::text
        FROM restrictions r WHERE r.user_id = p_user AND r.peer > coalesce(p_after, '') ORDER BY r.peer LIMIT p_limit;
    WHEN 'sessions' THEN
      RETURN QUERY SELECT s.digest::text, jsonb_build_object('created_at', api_time(s.created_at), 'expires_at', api_time(s.expires_at))::text
        FROM sessions s WHERE s.user_id = p_user AND s.digest > last ORDER BY s.digest LIMIT p_limit;
    WHEN 'files' THEN
      RETURN QUERY SELECT * FROM export_rows_files(p_user, p_only, p_after, p_limit);
    WHEN 'memberships' THEN
      RETURN QUERY SELECT * FROM export_rows_memberships(p_user, last, p_limit);
    WHEN 'said' THEN
      RETURN QUERY SELECT * FROM export_rows_said(p_user, last, p_limit);
    WHEN 'calls' THEN
      RETURN QUERY SELECT c.id::text, call_json(p_user, c)::text FROM call_participants p JOIN calls c ON c.id = p.call_id
        WHERE p.user_id = p_user AND p.call_id > last AND call_is_mine(p_user, c) ORDER BY p.call_id LIMIT p_limit;
    WHEN 'starred' THEN
      RETURN QUERY SELECT s.message_id::text, jsonb_build_object('message_id', s.message_id, 'starred_at', api_time(s.at))::text
        FROM stars s WHERE s.user_id = p_user AND s.message_id > last ORDER BY s.message_id LIMIT p_limit;
    WHEN 'drafts' THEN
      RETURN QUERY SELECT m.conversation_id::text, jsonb_build_object('conversation_id', m.conversation_id, 'draft', m.draft)::text
        FROM members m WHERE m.user_id = p_user AND m.draft IS NOT NULL AND m.conversation_id > last ORDER BY m.conversation_id LIMIT p_limit;
    WHEN 'scheduled' THEN
      RETURN QUERY SELECT s.conversation_id || ' ' || time_to_microseconds(s.due_at) || ' ' || s.id, scheduled_json(s)::text FROM scheduled s
        WHERE s.user_id = p_user AND (p_after IS NULL OR (s.conversation_id, s.due_at, s.id) > (user_id_of(split_part(p_after, ' ', 1)),
          time_from_microseconds(split_part(p_after, ' ', 2)::bigint), user_id_of(split_part(p_after, ' ', 3))))
        ORDER BY s.conversation_id, s.due_at, s.id LIMIT p_limit;
    WHEN 'moderation' THEN
      RETURN QUERY SELECT time_to_microseconds(a.at) || ' ' || a.id, action_shown(a)::text FROM moderation_actions a
        WHERE a.target = p_user AND (p_after IS NULL OR (a.at, a.id) > (time_from_microseconds(split_part(p_after, ' ', 1)::bigint),
                                                                        user_id_of(split_part(p_after, ' ', 2))))
        ORDER BY a.at, a.id LIMIT p_limit;
    WHEN 'members' THEN
      RETURN QUERY SELECT m.user_id::text, jsonb_build_object('user_id', m.user_id, 'jid', u.jid, 'name', user_name(u), 'role', m.role,
          'joined_at', api_time(m.joined_at))::text
        FROM members m JOIN users u ON u.id = m.user_id
        WHERE m.conversation_id = p_only AND m.state = 'joined' AND m.user_id > last ORDER BY m.user_id LIMIT p_limit;
    ELSE
      RETURN QUERY SELECT * FROM export_rows_done(p_user, p_kind, p_after, p_limit);
  END CASE;
END $$;

-- Conversations of p_user's, or p_only: as p_user sees them.
CREATE FUNCTION export_conversations(p_user uuid, p_only uuid, p_after text, p_limit int)
RETURNS TABLE (key text, conversation conversation_view)
LANGUAGE plpgsql STABLE AS $$
#variable_conflict use_column
BEGIN
  RETURN QUERY
    SELECT m.conversation_id::text, conversation_get(p_user, m.conversation_id) FROM members m
      WHERE m.user_id = p_user AND m.state = 'joined' AND (p_only IS NULL OR m.conversation_id = p_only)
        AND m.conversation_id > coalesce(user_id_of(p_after), '00000000-0000-0000-0000-000000000000')
      ORDER BY m.conversation_id LIMIT p_limit;
END $$;

-- What p_user sees in those, behind p_after (key of the last one): at most p_limit, and no more once they say more than
-- p_bytes. versions: lines of JSON, of one that was edited; sender and receiver: addresses, in conversations of two.
CREATE FUNCTION export_messages(p_user uuid, p_only uuid, p_after text, p_limit int, p_bytes bigint)
RETURNS TABLE (key text, message message_view, versions text, sender text, receiver text, id text, origin text, body text, at timestamptz)
LANGUAGE plpgsql STABLE AS $$
DECLARE
  place uuid := coalesce(user_id_of(split_part(p_after, ' ', 1)), '00000000-0000-0000-0000-000000000000');
  upto bigint := coalesce(nullif(split_part(p_after, ' ', 2), '')::bigint, 0);
  left_rows int := p_limit;
  left_bytes bigint := p_bytes;
  o members;
  c conversations;
  m messages;
BEGIN
  FOR o IN SELECT x.* FROM members x WHERE x.user_id = p_user AND x.state = 'joined' AND x.conversation_id >= place
             AND (p_only IS NULL OR x.conversation_id = p_only) ORDER BY x.conversation_id LOOP
    SELECT k.* INTO c FROM conversations k WHERE k.id = o.conversation_id;
    FOR m IN SELECT x.* FROM messages x WHERE x.conversation_id = c.id
               AND x.seq > greatest(o.cleared_seq, CASE WHEN c.id = place THEN upto ELSE 0 END) ORDER BY x.seq LIMIT left_rows LOOP
      key := c.id || ' ' || m.seq;
      id := m.id::text;
      at := m.created_at;
      message := CASE WHEN NOT (o.hides AND hidden_is(p_user, c.id, m.seq)) THEN message_seen(p_user, m, c) END;
      versions := CASE WHEN (message).id IS NOT NULL AND m.edited_at IS NOT NULL THEN (
        SELECT string_agg(jsonb_build_object('message_id', m.id, 'version', v.version, 'content', v.body, 'created_at', api_time(v.at))::text,
                          E'\n' ORDER BY v.version) FROM message_versions v WHERE v.message_id = m.id) END;
      body := CASE WHEN (message).id IS NOT NULL THEN m.body END;
      origin := coalesce(m.foreign_id, m.id::text);
      sender := CASE WHEN c.kind = 'direct' THEN (SELECT u.jid FROM users u WHERE u.id = m.sender_id) END;
      receiver := CASE WHEN c.kind = 'direct' THEN (SELECT u.jid FROM users u WHERE u.id = pair_other(c.member_ids, m.sender_id)) END;
      RETURN NEXT;
      left_rows := left_rows - 1;
      left_bytes := left_bytes - coalesce(octet_length(m.body), 0) - 500;
      IF left_rows <= 0 OR left_bytes <= 0 THEN
        RETURN;
      END IF;
    END LOOP;
  END LOOP;
END $$;

-- Keeps pieces that were made; harmless when done again. False: nobody wants them any more.
CREATE FUNCTION export_keep(p_id uuid, p_progress int, p_parts jsonb) RETURNS boolean
LANGUAGE plpgsql AS $$
BEGIN
  UPDATE exports x SET progress = p_progress WHERE x.id = p_id AND x.state = 'running';
  IF NOT FOUND THEN
    RETURN false;
  END IF;
  INSERT INTO export_parts (export_id, n, file, content)
    SELECT p_id, (p->>'n')::int, p->>'file', p->>'content' FROM jsonb_array_elements(p_parts) p
    ON CONFLICT (export_id, n) DO UPDATE SET file = excluded.file, content = excluded.content;
  RETURN true;
END $$;

-- All of it is there: export_id. Whoever asked is told.
CREATE FUNCTION change_export_done(p_user uuid, p_arguments jsonb, OUT outcome int, OUT result jsonb)
LANGUAGE plpgsql AS $$
DECLARE
  x exports;
BEGIN
  UPDATE exports y SET state = 'ready', progress = 100, ended_at = clock_timestamp(), expires_at = clock_timestamp() + export_days(1)
    WHERE y.id = (p_arguments->>'export_id')::uuid AND y.state = 'running' RETURNING * INTO x;
  outcome := CASE WHEN FOUND THEN 0 ELSE 1 END;
  IF outcome = 0 THEN -- there is one at a time
    PERFORM export_remove(y) FROM exports y WHERE y.user_id = x.user_id AND y.state = 'ready' AND y.id <> x.id
      AND y.conversation_id IS NOT DISTINCT FROM x.conversation_id AND (y.asked_by IS NULL) = (x.asked_by IS NULL);
  END IF;
  IF outcome = 0 AND x.asked_by IS NULL THEN
    PERFORM event_add('export.ready', 'user', NULL, x.user_id, json_build_object('id', x.id));
  END IF;
END $$;

-- It cannot be made: export_id. Whoever asked is told.
CREATE FUNCTION change_export_fail(p_user uuid, p_arguments jsonb, OUT outcome int, OUT result jsonb)
LANGUAGE plpgsql AS $$
DECLARE
  x exports;
BEGIN
  SELECT * INTO x FROM exports y WHERE y.id = (p_arguments->>'export_id')::uuid AND y.state = 'running' FOR UPDATE;
  outcome := CASE WHEN x.id IS NULL THEN 1 ELSE 0 END;
  IF outcome = 0 THEN
    x := export_drop(x, 'failed');
    IF x.asked_by IS NULL THEN
      PERFORM event_add('export.failed', 'user', NULL, x.user_id, json_build_object('id', x.id));
    END IF;
  END IF;
END $$;

-- ---- Handing out, and the end ---------------------------------------------------------------------------

-- The files of what has that path, in order.
CREATE FUNCTION export_files(p_path text) RETURNS TABLE (id uuid, made bigint, file text, size bigint)
LANGUAGE plpgsql STABLE AS $$
#variable_conflict use_column
BEGIN
  RETURN QUERY
    SELECT x.id, time_to_microseconds(x.ended_at), p.file, sum(octet_length(p.content))::bigint
      FROM exports x JOIN export_parts p ON p.export_id = x.id
      WHERE x.path = p_path AND x.state = 'ready' AND x.expires_at > clock_timestamp()
      GROUP BY x.id, p.file ORDER BY min(p.n);
END $$;

-- The file behind p_after (key of the last one), of what was there when p_id was made, with what is needed to read it (part: of
-- it; sealed: its key). without: why its bytes are not to be had; line: what a list says of it. key NULL: there is no such export
-- any more.
CREATE FUNCTION export_file(p_id uuid, p_after text)
RETURNS TABLE (key text, id uuid, path text, part text, size bigint, sealed text, key_name text, without text, line text)
LANGUAGE plpgsql STABLE AS $$
#variable_conflict use_column
DECLARE
  x exports;
BEGIN
  SELECT y.* INTO x FROM exports y WHERE y.id = p_id AND y.state = 'ready' AND y.expires_at > clock_timestamp();
  IF x.id IS NULL THEN
    RETURN QUERY SELECT NULL::text, NULL::uuid, NULL::text, NULL::text, NULL::bigint, NULL::text, NULL::text, NULL::text, NULL::text;
    RETURN;
  END IF;
  RETURN QUERY
    SELECT h.key, (h.file).id, export_path(h.file), CASE WHEN file_clean(h.file) IS NULL THEN '' ELSE 'clean' END,
           coalesce((file_clean(h.file)->>'size')::bigint, (h.file).size), (h.file).key, (h.file).key_name, export_without(x.user_id, h.file),
           jsonb_build_object('id', (h.file).id, 'filename', (h.file).name, 'path', export_path(h.file), 'size', (h.file).size)::text
      FROM export_has(x.user_id, x.conversation_id, p_after, 1, coalesce(x.ended_at, 'infinity')) h;
END $$;

-- The bytes of files that are in it as things stand.
CREATE FUNCTION export_bytes(x exports) RETURNS bigint
LANGUAGE sql STABLE AS $$
  SELECT coalesce(sum(coalesce((file_clean(h.file)->>'size')::bigint, (h.file).size)) FILTER (WHERE export_without(x.user_id, h.file) IS NULL), 0)::bigint
    FROM export_has(x.user_id, x.conversation_id, NULL, 20000) h
$$;

-- The piece behind p_after.
CREATE FUNCTION export_part(p_id uuid, p_after int) RETURNS TABLE (n int, file text, content text)
LANGUAGE plpgsql STABLE AS $$
#variable_conflict use_column
BEGIN
  RETURN QUERY SELECT p.n, p.file, p.content FROM export_parts p WHERE p.export_id = p_id AND p.n > p_after ORDER BY p.n LIMIT 1;
END $$;

-- What has had its time, at most 20: what waited for consent is refused, the rest is removed. { more }.
CREATE FUNCTION change_export_expire(p_user uuid, p_arguments jsonb, OUT outcome int, OUT result jsonb)
LANGUAGE plpgsql AS $$
DECLARE
  x exports;
  n int := 0;
BEGIN
  FOR x IN SELECT y.* FROM exports y WHERE y.expires_at > '-infinity' AND y.expires_at <= clock_timestamp() ORDER BY y.expires_at LIMIT 20 FOR UPDATE LOOP
    n := n + 1;
    IF x.state = 'waiting' THEN
      PERFORM export_drop(x, 'refused');
      PERFORM event_add('export.consent', 'user', NULL, x.user_id, json_build_object('id', x.id));
    ELSE
      PERFORM export_remove(x);
    END IF;
  END LOOP;
  outcome := 0;
  result := jsonb_build_object('more', n >= 20);
END $$;
