-- SPDX-License-Identifier: GPL-3.0-or-later
-- Reports, and what is done about them. Functions that write are for the holder of the log.

-- ---- Reports ----------------------------------------------------------------------------------------------------

CREATE FUNCTION report_json(r reports, p_whole boolean) RETURNS jsonb
LANGUAGE sql STABLE AS $$
  SELECT jsonb_build_object('id', r.id, 'created_at', api_time(r.at), 'origin', r.origin, 'state', r.state,
           'target_type', r.target_type, 'target_id', r.target, 'reason', r.reason, 'comment', r.comment,
           'conversation_id', r.conversation_id, 'reporter_id', r.reporter, 'reporter_jid', r.reporter_jid,
           'offender_id', r.offender, 'offender_jid', (SELECT u.jid FROM users u WHERE u.id = r.offender),
           'taken_by', r.taken_by, 'note', r.note, 'closed_at', api_time(r.closed_at))
    || CASE WHEN NOT p_whole THEN '{}' ELSE jsonb_build_object(
         'evidence', r.evidence, 'spam', (SELECT spam_json(s) FROM spam_checks s WHERE s.id = r.target AND s.reasons <> '{}'),
         'reputation', (SELECT spam_reputation(u) FROM users u WHERE u.id = r.offender),
         'reports_of_offender', (SELECT count(*) FROM (SELECT FROM reports x WHERE x.offender = r.offender LIMIT 1000) n),
         'actions', coalesce((SELECT jsonb_agg(action_json(a) ORDER BY a.id DESC) FROM (
                       SELECT * FROM moderation_actions y WHERE y.target = r.offender ORDER BY y.id DESC LIMIT 20) a), '[]')) END
$$;

-- Tells those who moderate, up to 100 of them.
CREATE FUNCTION moderation_tell(p_type text, p_payload jsonb) RETURNS void
LANGUAGE plpgsql AS $$
DECLARE
  who uuid;
BEGIN
  FOR who IN SELECT u.id FROM users u WHERE u.staff <> '{}' AND u.staff && '{moderator,admin}' ORDER BY u.jid LIMIT 100 LOOP
    PERFORM event_add(p_type, 'user', NULL, who, p_payload::json);
  END LOOP;
END $$;

-- What an event of moderation shows p_user now; NULL: nothing any more.
CREATE FUNCTION moderation_event(p_user uuid, e events) RETURNS text
LANGUAGE plpgsql STABLE AS $$
DECLARE
  facts jsonb := e.payload::jsonb;
  a moderation_actions;
BEGIN
  IF facts ? 'report_id' THEN
    RETURN (SELECT report_json(r, false)::text FROM reports r
              WHERE r.id = (facts->>'report_id')::uuid AND staff_has(p_user, 'moderator'));
  END IF;
  SELECT * INTO a FROM moderation_actions x WHERE x.id = (facts->>'action_id')::uuid;
  RETURN CASE WHEN a.target = p_user THEN action_shown(a)::text
              WHEN staff_has(p_user, 'moderator') THEN action_json(a)::text END;
END $$;

-- A message as it is kept with a report.
CREATE FUNCTION evidence_of(m messages) RETURNS jsonb
LANGUAGE sql STABLE AS $$
  SELECT jsonb_build_object('message_id', m.id, 'seq', m.seq, 'sender_id', m.sender_id,
           'sender_jid', (SELECT u.jid FROM users u WHERE u.id = m.sender_id), 'content', m.body, 'message_type', m.kind,
           'created_at', api_time(m.created_at))
$$;

CREATE FUNCTION message_files(m messages) RETURNS uuid[]
LANGUAGE plpgsql STABLE AS $$
BEGIN
  RETURN ARRAY(SELECT a.file_id FROM attachments a WHERE a.message_id = m.id ORDER BY a.n LIMIT 10);
END $$;

-- Whether moderators are still to look at the file: its bytes stay, and nobody else gets them.
CREATE FUNCTION report_has_file(p_file uuid) RETURNS boolean
LANGUAGE plpgsql STABLE AS $$
BEGIN
  RETURN EXISTS (SELECT FROM report_files x JOIN reports r ON r.id = x.report_id
                   WHERE x.file_id = p_file AND r.state IN ('open', 'taken'));
END $$;

-- A file as it is kept with a report.
CREATE FUNCTION file_evidence(f files) RETURNS jsonb
LANGUAGE sql STABLE AS $$
  SELECT jsonb_build_object('file_id', f.id, 'owner_id', f.user_id, 'filename', f.name, 'mime_type', f.type, 'size', f.size,
                            'sha256', f.sha256, 'scan_status', f.scan)
$$;

-- What p_user sees around m: five messages before it and itself; and p_ids, of the same conversation.
CREATE FUNCTION evidence_around(p_user uuid, m messages, p_ids jsonb) RETURNS jsonb
LANGUAGE sql STABLE AS $$
  SELECT coalesce(jsonb_agg(evidence_of(x) ORDER BY x.seq), '[]') FROM (
    SELECT n.* FROM messages n WHERE n.conversation_id = m.conversation_id AND n.seq BETWEEN m.seq - 5 AND m.seq
      AND (message_for(p_user, n.id)).id IS NOT NULL
    UNION
    SELECT n.* FROM jsonb_array_elements_text(coalesce(p_ids, '[]')) i
      JOIN messages n ON n.id = user_id_of(i) AND n.conversation_id = m.conversation_id
      WHERE (message_for(p_user, n.id)).id IS NOT NULL) x
$$;

-- Tells the server of somebody on XMPP of a report of an app user's, if trestle.report_peers lets it (XEP-0377): whom it is
-- about, and why.
CREATE FUNCTION report_pass_on(r reports) RETURNS void
LANGUAGE plpgsql AS $$
DECLARE
  offender users := (SELECT u FROM users u WHERE u.id = r.offender AND u.kind = 'remote' AND u.jid LIKE '%@%' AND u.jid NOT LIKE '%/%');
BEGIN
  IF offender.id IS NOT NULL AND r.origin = 'app' AND current_setting('trestle.report_peers', true) = 'on'
     AND EXISTS (SELECT FROM users u WHERE u.id = r.reporter AND u.kind = 'hosted') THEN
    PERFORM outbox_add((log_advance(1)).ret_before + 1, 'report', r.reporter, ARRAY[relation_domain(offender.jid)], NULL, NULL,
      jsonb_build_object('jid', offender.jid, 'reason', CASE r.reason WHEN 'spam' THEN 'spam' ELSE 'abuse' END)::text);
  END IF;
END $$;

-- Stores a report of somebody (p_user; NULL: p_jid, who is no user here). What was reported already is not again.
CREATE FUNCTION report_put(p_user uuid, p_jid text, p_origin text, p_type text, p_target uuid, p_offender uuid,
                           p_conversation uuid, p_evidence jsonb, p_arguments jsonb, p_files uuid[] DEFAULT '{}',
                           OUT outcome int, OUT result jsonb)
LANGUAGE plpgsql AS $$
DECLARE
  r reports;
BEGIN
  SELECT * INTO r FROM reports x
    WHERE x.reporter_jid = p_jid AND x.target_type = p_type AND x.target = p_target AND x.state IN ('open', 'taken');
  outcome := CASE WHEN r.id IS NULL THEN 0 ELSE 1 END;
  IF outcome = 0 THEN
    INSERT INTO reports (id, at, origin, reporter, reporter_jid, target_type, target, offender, conversation_id, reason,
                         comment, evidence)
      VALUES (gen_random_uuid(), clock_timestamp(), p_origin, p_user, p_jid, p_type, p_target, p_offender, p_conversation,
              p_arguments->>'reason', p_arguments->>'comment',
              jsonb_build_object('messages', p_evidence, 'claims', coalesce(p_arguments->'plaintext', '[]'), 'files',
                coalesce((SELECT jsonb_agg(file_evidence(f) ORDER BY f.id) FROM files f WHERE f.id = ANY (p_files)), '[]')))
      RETURNING * INTO r;
    INSERT INTO report_files (file_id, report_id) SELECT f.id, r.id FROM files f WHERE f.id = ANY (p_files);
    PERFORM moderation_tell('moderation.report', jsonb_build_object('report_id', r.id));
    IF (p_arguments->>'pass_on')::boolean THEN
      PERFORM report_pass_on(r);
    END IF;
  END IF;
  result := jsonb_build_object('id', r.id, 'state', r.state, 'created_at', api_time(r.at));
END $$;

-- Arguments: exactly one of message_id, user_id, conversation_id, call_id, file_id; reason, comment, message_ids, plaintext, pass_on. What
-- p_user cannot see is not there.
CREATE FUNCTION change_report(p_user uuid, p_arguments jsonb, OUT outcome int, OUT result jsonb)
LANGUAGE plpgsql AS $$
DECLARE
  me users := (SELECT u FROM users u WHERE u.id = p_user);
  m messages;
  c conversations;
  f files;
  target uuid;
  offender uuid;
BEGIN
  outcome := 2;
  IF p_arguments ? 'file_id' THEN
    SELECT x.* INTO f FROM files x WHERE x.id = (p_arguments->>'file_id')::uuid AND file_is_seen(p_user, x.id);
    SELECT x.* INTO m FROM attachments a JOIN messages x ON x.id = a.message_id
      WHERE a.file_id = f.id AND x.sender_id IS DISTINCT FROM p_user AND (message_for(p_user, x.id)).id IS NOT NULL
      ORDER BY x.id LIMIT 1;
    IF m.id IS NOT NULL THEN
      SELECT p.outcome, p.result INTO outcome, result FROM report_put(p_user, me.jid, 'app', 'file', f.id, m.sender_id,
        m.conversation_id, evidence_around(p_user, m, p_arguments->'message_ids'), p_arguments, ARRAY[f.id]) p;
    END IF;
  ELSIF p_arguments ? 'message_id' THEN
    m := message_for(p_user, (p_arguments->>'message_id')::uuid);
    IF m.id IS NOT NULL AND m.sender_id IS DISTINCT FROM p_user THEN
      SELECT p.outcome, p.result INTO outcome, result FROM report_put(p_user, me.jid, 'app', 'message', m.id, m.sender_id,
        m.conversation_id, evidence_around(p_user, m, p_arguments->'message_ids'), p_arguments, message_files(m)) p;
    END IF;
  ELSIF p_arguments ? 'user_id' THEN
    SELECT u.id INTO target FROM users u WHERE u.id = (p_arguments->>'user_id')::uuid AND u.id <> p_user
      AND user_visible(p_user, u);
    IF target IS NOT NULL THEN
      SELECT p.outcome, p.result INTO outcome, result FROM report_put(p_user, me.jid, 'app', 'user', target, target, NULL,
        coalesce((SELECT evidence_around(p_user, x, p_arguments->'message_ids') FROM messages x
                    WHERE x.id = user_id_of(p_arguments->'message_ids'->>0)), '[]'), p_arguments) p;
    END IF;
  ELSIF p_arguments ? 'conversation_id' THEN
    SELECT x.* INTO c FROM members o JOIN conversations x ON x.id = o.conversation_id
      WHERE o.user_id = p_user AND o.state = 'joined' AND x.id = (p_arguments->>'conversation_id')::uuid;
    IF c.id IS NOT NULL THEN
      SELECT x.* INTO m FROM messages x WHERE x.conversation_id = c.id ORDER BY x.seq DESC LIMIT 1;
      offender := CASE WHEN c.kind = 'direct' THEN pair_other(c.member_ids, p_user)
                       ELSE (SELECT o.user_id FROM members o WHERE o.conversation_id = c.id AND o.role = 'owner'
                               ORDER BY o.joined_at LIMIT 1) END;
      SELECT p.outcome, p.result INTO outcome, result FROM report_put(p_user, me.jid, 'app', 'conversation', c.id,
        nullif(offender, p_user), c.id, CASE WHEN m.id IS NULL THEN '[]'
          ELSE evidence_around(p_user, m, p_arguments->'message_ids') END, p_arguments) p;
    END IF;
  ELSE
    SELECT p.call_id, o.user_id INTO target, offender FROM call_participants p
      LEFT JOIN call_participants o ON o.call_id = p.call_id AND o.user_id <> p_user
      WHERE p.call_id = (p_arguments->>'call_id')::uuid AND p.user_id = p_user LIMIT 1;
    IF target IS NOT NULL THEN
      SELECT p.outcome, p.result INTO outcome, result FROM report_put(p_user, me.jid, 'app', 'call', target, offender, NULL,
        '[]', p_arguments) p;
    END IF;
  END IF;
END $$;

-- Somebody on XMPP reports one of ours (XEP-0377): from (bare), offender (bare), reason, comment, ids (of messages, as that
-- one's client knows them). At most 100 about one user wait for moderators from people to whom that user has said nothing.
CREATE FUNCTION change_report_arrived(p_user uuid, p_arguments jsonb, OUT outcome int, OUT result jsonb)
LANGUAGE plpgsql AS $$
DECLARE
  offender users := (SELECT u FROM users u WHERE u.jid = p_arguments->>'offender' AND u.kind <> 'remote');
  reporter users := (SELECT u FROM users u WHERE u.jid = p_arguments->>'from');
  c conversations;
  m messages;
BEGIN
  outcome := 2;
  IF offender.id IS NULL THEN
    RETURN;
  END IF;
  IF reporter.id IS NOT NULL THEN
    SELECT x.* INTO c FROM conversations x WHERE x.kind = 'direct' AND x.member_ids = pair_key(reporter.id, offender.id);
    SELECT x.* INTO m FROM messages x WHERE x.conversation_id = c.id AND x.sender_id = offender.id
      AND (jsonb_array_length(p_arguments->'ids') = 0
           OR x.id IN (SELECT user_id_of(i) FROM jsonb_array_elements_text(p_arguments->'ids') i))
      ORDER BY x.seq DESC LIMIT 1;
  END IF;
  IF m.id IS NULL AND (SELECT count(*) FROM (SELECT FROM reports x WHERE x.offender = offender.id AND x.origin = 'xmpp'
      AND x.target_type = 'user' AND x.state IN ('open', 'taken') LIMIT 100) n) >= 100 THEN
    RETURN; -- whoever runs a server has as many addresses as wanted
  END IF;
  SELECT p.outcome, p.result INTO outcome, result FROM report_put(reporter.id, p_arguments->>'from', 'xmpp',
    CASE WHEN m.id IS NULL THEN 'user' ELSE 'message' END, coalesce(m.id, offender.id), offender.id, c.id,
    CASE WHEN m.id IS NULL THEN '[]' ELSE evidence_around(reporter.id, m, p_arguments->'ids') END, p_arguments, message_files(m)) p;
END $$;

-- Reports, oldest first, of p_state (NULL: open and taken), and of a conversation: { items, has_more, next }.
CREATE FUNCTION report_list(p_state text, p_conversation uuid, p_limit int, p_after text) RETURNS text
LANGUAGE sql STABLE AS $$
  WITH chosen AS (
    SELECT r AS c, r.at, r.id FROM reports r
      WHERE r.state = ANY (CASE WHEN p_state IS NULL THEN '{open,taken}' ELSE ARRAY[p_state] END)
        AND (p_conversation IS NULL OR r.conversation_id = p_conversation)
        AND (p_after IS NULL OR (r.at, r.id) > (time_from_microseconds(split_part(p_after, ' ', 1)::bigint),
                                                user_id_of(split_part(p_after, ' ', 2))))
      ORDER BY r.at, r.id LIMIT p_limit + 1
  ), page AS (SELECT *, row_number() OVER (ORDER BY at, id) AS k FROM chosen)
  SELECT json_build_object(
    'items', coalesce(json_agg(report_json(c, false) ORDER BY k) FILTER (WHERE k <= p_limit), '[]'),
    'has_more', count(*) > p_limit,
    'next', CASE WHEN count(*) > p_limit THEN max(time_to_microseconds(at) || ' ' || id) FILTER (WHERE k = p_limit) END)::text
  FROM page
$$;

-- The same of a group, for p_user, who is an owner or admin there: not by whom, and with those messages that p_user may see
-- there. No row: not for p_user.
CREATE FUNCTION report_list_of_group(p_user uuid, p_conversation uuid, p_state text, p_limit int, p_after text)
RETURNS SETOF text
LANGUAGE sql STABLE AS $$
  SELECT jsonb_set(x.page, '{items}', coalesce((
           SELECT jsonb_agg((r.item - '{origin,reporter_id,reporter_jid,conversation_id,offender_jid,taken_by,note,closed_at}'::text[])
                            || jsonb_build_object('messages', (
                                 SELECT coalesce(jsonb_agg(e ORDER BY k), '[]') FROM reports y,
                                     jsonb_array_elements(y.evidence->'messages') WITH ORDINALITY z (e, k)
                                   WHERE y.id = user_id_of(r.item->>'id') AND (e->>'seq')::bigint > m.cleared_seq)) ORDER BY r.k)
             FROM jsonb_array_elements(x.page->'items') WITH ORDINALITY r (item, k)), '[]'))::text
    FROM members m, LATERAL (SELECT report_list(p_state, p_conversation, p_limit, p_after)::jsonb AS page) x
    WHERE m.conversation_id = p_conversation AND m.user_id = p_user AND m.state = 'joined' AND m.role IN ('owner', 'admin')
      AND m.grouped
$$;

CREATE FUNCTION report_get(p_report uuid) RETURNS SETOF text
LANGUAGE sql STABLE AS $$
  SELECT report_json(r, true)::text FROM reports r WHERE r.id = p_report
$$;

-- report_id, state, note; actor: who does it, in words.
CREATE FUNCTION change_report_state(p_user uuid, p_arguments jsonb, OUT outcome int, OUT result jsonb)
LANGUAGE plpgsql AS $$
DECLARE
  r reports;
  wanted text := p_arguments->>'state';
BEGIN
  SELECT * INTO r FROM reports x WHERE x.id = (p_arguments->>'report_id')::uuid FOR UPDATE;
  IF r.id IS NULL THEN
    outcome := 2;
    RETURN;
  END IF;
  outcome := CASE WHEN r.state = wanted AND NOT p_arguments ? 'note' THEN 1
                  WHEN r.state IN ('resolved', 'dismissed') AND wanted <> 'open' AND r.state <> wanted THEN 3 ELSE 0 END;
  IF outcome = 0 THEN
    IF wanted = 'open' AND EXISTS (SELECT FROM reports x WHERE x.reporter_jid = r.reporter_jid AND x.target_type = r.target_type
         AND x.target = r.target AND x.id <> r.id AND x.state IN ('open', 'taken')) THEN
      outcome := 3; -- it was reported anew meanwhile
      RETURN;
    END IF;
    UPDATE reports x SET state = wanted, note = coalesce(p_arguments->>'note', x.note),
        taken_by = CASE WHEN wanted = 'open' THEN NULL ELSE p_arguments->>'actor' END,
        closed_at = CASE WHEN wanted IN ('resolved', 'dismissed') THEN clock_timestamp() END
      WHERE x.id = r.id RETURNING * INTO r;
  END IF;
  IF outcome <= 1 THEN
    result := report_json(r, false);
  END IF;
END $$;

-- Whether moderators have kept the user from beginning conversations.
CREATE FUNCTION moderation_restricts(p_user uuid) RETURNS boolean
LANGUAGE plpgsql STABLE AS $$
BEGIN
  RETURN EXISTS (SELECT FROM moderation_actions a WHERE a.target = p_user AND a.type = 'restrict' AND a.state = 'active'
                   AND coalesce(a.ends_at > clock_timestamp(), true));
END $$;

-- What such a user is told. p_name: how the caller calls the outcome.
CREATE FUNCTION moderation_restricted(p_name text) RETURNS jsonb
LANGUAGE sql STABLE AS $$
  SELECT jsonb_build_object(p_name, 5, 'refusal', '{"pointer": "", "detail": "you may not begin conversations"}'::jsonb)
$$;

-- ---- Actions ----------------------------------------------------------------------------------------------------

-- As the one to whom it was done is told: not who did it.
CREATE FUNCTION action_shown(a moderation_actions) RETURNS jsonb
LANGUAGE sql STABLE AS $$
  SELECT jsonb_build_object('id', a.id, 'created_at', api_time(a.at), 'type', a.type, 'target_id', a.target,
           'message_id', a.message_id, 'conversation_id', a.conversation_id, 'reason', a.reason,
           'ends_at', api_time(a.ends_at), 'appealable', a.appealable, 'state', a.state, 'appeal', a.appeal,
           'appealed_at', api_time(a.appealed_at), 'decision', a.decision, 'decision_note', a.decision_note,
           'decided_at', api_time(a.decided_at))
$$;

CREATE FUNCTION action_json(a moderation_actions) RETURNS jsonb
LANGUAGE sql STABLE AS $$
  SELECT action_shown(a) || jsonb_build_object('actor_id', a.actor, 'actor', a.actor_name, 'report_id', a.report_id,
           'target_jid', (SELECT u.jid FROM users u WHERE u.id = a.target))
$$;

CREATE FUNCTION action_refused(p_pointer text, p_detail text) RETURNS jsonb
LANGUAGE sql IMMUTABLE AS $$
  SELECT jsonb_build_object('pointer', p_pointer, 'detail', p_detail)
$$;

-- Does to a member what p_type says; yields what was before, NULL: it cannot be done (to the last owner, to whom it was done).
CREATE FUNCTION moderation_member(p_type text, c conversations, old members, p_by uuid, p_reason text) RETURNS jsonb
LANGUAGE plpgsql AS $$
DECLARE
  muted text[];
BEGIN
  IF old.role = 'owner' AND (p_type = 'mute' OR membership_is_last(c, old)) THEN
    RETURN NULL;
  ELSIF p_type = 'mute' THEN
    IF NOT group_may(c, old, 'send_messages') THEN
      RETURN NULL;
    END IF;
    muted := array_remove(group_rights(c, old), 'send_messages');
    PERFORM membership_change(c, old, old.state, old.role, muted, p_by, p_reason);
    RETURN jsonb_build_object('permissions', to_jsonb(old.permissions), 'muted', to_jsonb(muted));
  ELSIF p_type = 'kick' AND old.state = 'joined' THEN
    PERFORM membership_change(c, old, 'removed', 'member', NULL, p_by, p_reason);
    RETURN '{}';
  ELSIF p_type = 'ban' AND old.state <> 'banned' THEN
    PERFORM membership_change(c, old, 'banned', 'member', NULL, p_by, p_reason);
    RETURN '{}';
  END IF;
  RETURN NULL;
END $$;

-- Tells the one whom a concerns, if they can sign in here.
CREATE FUNCTION action_tell(p_type text, a moderation_actions) RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
  IF EXISTS (SELECT FROM users u WHERE u.id = a.target AND u.kind <> 'remote') THEN
    PERFORM event_add(p_type, 'user', NULL, a.target, json_build_object('action_id', a.id));
  END IF;
END $$;

-- Stores an action, and says so to the one it concerns.
CREATE FUNCTION action_put(a moderation_actions) RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
  INSERT INTO moderation_actions SELECT a.*;
  IF a.ends_at IS NOT NULL THEN
    PERFORM job_add('moderation.end', a.id::text, a.ends_at);
  END IF;
  PERFORM action_tell('moderation.action', a);
END $$;

-- Suspends who has had too many actions lately, as the setting trestle.strikes has it (count/days/days; 0: never).
CREATE FUNCTION moderation_strike(p_target users) RETURNS void
LANGUAGE plpgsql AS $$
DECLARE
  rule int[] := string_to_array(coalesce(nullif(current_setting('trestle.strikes', true), ''), '0/0/0'), '/')::int[];
  why text := 'too many actions against this user';
  ends timestamptz;
BEGIN
  IF rule[1] = 0 OR p_target.kind = 'remote' OR p_target.staff <> '{}'
     OR access_is_suspended((SELECT x FROM user_access x WHERE x.user_id = p_target.id))
     OR (SELECT count(*) FROM (SELECT FROM moderation_actions x WHERE x.target = p_target.id AND x.state <> 'taken_back'
           AND x.type <> 'suspend' AND x.at > clock_timestamp() - make_interval(days => rule[2])
           ORDER BY x.id LIMIT 1000) n) < rule[1] THEN
    RETURN;
  END IF;
  ends := clock_timestamp() + make_interval(days => rule[3]);
  PERFORM user_suspend(p_target.id, why, ends);
  PERFORM action_by_rule('suspend', p_target.id, 'the rule of strikes', why, ends);
END $$;

-- Suspends until p_until (NULL: for good). False: somebody has suspended p_target for that long or longer, which stays.
CREATE FUNCTION moderation_suspend(p_target uuid, p_reason text, p_until timestamptz) RETURNS boolean
LANGUAGE plpgsql AS $$
BEGIN
  IF EXISTS (SELECT FROM user_access a WHERE a.user_id = p_target AND access_is_suspended(a)
               AND coalesce(a.suspended_until, 'infinity') >= coalesce(p_until, 'infinity')) THEN
    RETURN false;
  END IF;
  PERFORM user_suspend(p_target, p_reason, p_until);
  RETURN true;
END $$;

-- Why p_user cannot have that done to target, as an outcome and what is wrong; NULL: can. p_arguments: of change_moderation_act().
CREATE FUNCTION action_refusal(p_user uuid, target users, p_arguments jsonb, OUT outcome int, OUT result jsonb)
LANGUAGE plpgsql STABLE AS $$
DECLARE
  type text := p_arguments->>'type';
BEGIN
  outcome := 6;
  IF type = 'delete' AND NOT p_arguments ? 'message_id' THEN
    result := action_refused('/message_id', 'is required to delete a message');
  ELSIF type <> 'delete' AND NOT p_arguments ? 'user' THEN
    result := action_refused('/user', 'is required');
  ELSIF type IN ('mute', 'kick', 'ban') AND NOT p_arguments ? 'conversation_id' THEN
    result := action_refused('/conversation_id', 'is required: it is done in a group');
  ELSIF p_arguments ? 'duration_seconds' AND NOT action_lasts(type) THEN
    result := action_refused('/duration_seconds', 'is of mute, ban, suspend and restrict only');
  ELSIF target.id IS NULL THEN
    outcome := 2;
  ELSIF target.staff <> '{}' AND p_user IS NOT NULL AND NOT staff_has(p_user, 'admin') THEN
    outcome := 5;
    result := action_refused('', 'that is one of the staff');
  ELSIF type = 'suspend' AND target.kind = 'remote' THEN
    result := action_refused('/user', 'is at home elsewhere: block the address or ban it from groups');
  ELSE
    outcome := NULL;
  END IF;
END $$;

-- Whether an action of that type goes on until it ends or is taken back.
CREATE FUNCTION action_lasts(p_type text) RETURNS boolean
LANGUAGE sql IMMUTABLE AS $$
  SELECT p_type IN ('mute', 'ban', 'suspend', 'restrict')
$$;

-- Does what a says to its target, m being the message that is deleted; yields the outcome, and what was before.
CREATE FUNCTION action_do(a moderation_actions, m messages, OUT outcome int, OUT undo jsonb)
LANGUAGE plpgsql AS $$
DECLARE
  c conversations := (SELECT x FROM conversations x WHERE x.id = a.conversation_id);
  old members;
BEGIN
  outcome := 0;
  undo := '{}';
  CASE a.type
    WHEN 'delete' THEN
      outcome := CASE WHEN removal_refusal(m) IS NOT NULL OR m.deleted_at IS NOT NULL THEN 3 ELSE 0 END;
      IF outcome = 0 THEN
        PERFORM removal_put(m, c, a.actor, true, a.reason, gen_random_uuid()::text, false);
      END IF;
    WHEN 'suspend' THEN
      outcome := CASE WHEN moderation_suspend(a.target, a.reason, a.ends_at) THEN 0 ELSE 3 END;
    WHEN 'restrict' THEN -- the row itself does it, see moderation_restricts()
      outcome := CASE WHEN moderation_restricts(a.target) THEN 3 ELSE 0 END;
    WHEN 'warn' THEN
      NULL;
    ELSE
      SELECT x.* INTO old FROM members x WHERE x.conversation_id = c.id AND x.user_id = a.target AND c.kind = 'group';
      undo := CASE WHEN old.user_id IS NOT NULL THEN moderation_member(a.type, c, old, a.actor, a.reason) END;
      outcome := CASE WHEN old.user_id IS NULL THEN 2 WHEN undo IS NULL THEN 3 ELSE 0 END;
  END CASE;
END $$;

-- Arguments: type, user (a reference) or message_id, conversation_id, reason, duration_seconds, appealable, report_id; actor: who does it, in words.
CREATE FUNCTION change_moderation_act(p_user uuid, p_arguments jsonb, OUT outcome int, OUT result jsonb)
LANGUAGE plpgsql AS $$
DECLARE
  a moderation_actions;
  target users;
  m messages;
  done record;
BEGIN
  a.type := p_arguments->>'type';
  IF a.type = 'delete' THEN
    SELECT x.* INTO m FROM messages x WHERE x.id = (p_arguments->>'message_id')::uuid;
    SELECT u.* INTO target FROM users u WHERE u.id = m.sender_id;
  ELSE
    target := user_named(p_arguments->>'user');
  END IF;
  SELECT r.outcome, r.result INTO outcome, result FROM action_refusal(p_user, target, p_arguments) r;
  IF outcome IS NOT NULL THEN
    RETURN;
  END IF;
  a.id := gen_random_uuid();
  a.at := clock_timestamp();
  a.target := target.id;
  a.message_id := m.id;
  a.conversation_id := CASE WHEN a.type = 'delete' THEN m.conversation_id ELSE (p_arguments->>'conversation_id')::uuid END;
  a.report_id := (p_arguments->>'report_id')::uuid;
  a.actor := p_user;
  a.actor_name := p_arguments->>'actor';
  a.reason := p_arguments->>'reason';
  a.ends_at := a.at + make_interval(secs => (p_arguments->>'duration_seconds')::int);
  a.appealable := coalesce((p_arguments->>'appealable')::boolean, true);
  a.state := CASE WHEN action_lasts(a.type) THEN 'active' ELSE 'done' END;
  SELECT * INTO done FROM action_do(a, m);
  outcome := done.outcome;
  IF outcome <> 0 THEN
    RETURN;
  END IF;
  a.undo := done.undo;
  PERFORM action_put(a);
  UPDATE reports r SET state = 'resolved', closed_at = a.at, taken_by = a.actor_name
    WHERE r.id = a.report_id AND r.state IN ('open', 'taken');
  PERFORM moderation_strike(target);
  result := action_json(a);
END $$;

-- An action by itself, without anybody of the staff, and a row of the audit.
CREATE FUNCTION action_by_rule(p_type text, p_target uuid, p_rule text, p_reason text, p_ends timestamptz) RETURNS void
LANGUAGE plpgsql AS $$
DECLARE
  a moderation_actions := jsonb_populate_record(NULL::moderation_actions, jsonb_build_object('id', gen_random_uuid(),
    'at', clock_timestamp(), 'type', p_type, 'target', p_target, 'actor_name', p_rule, 'reason', p_reason, 'ends_at', p_ends,
    'appealable', true, 'state', 'active', 'undo', '{}'::jsonb));
BEGIN
  PERFORM action_put(a);
  INSERT INTO audit (actor_name, action, object, door, outcome, reason)
    VALUES (p_rule, 'moderation.' || p_type, p_target, 'system', 'done', p_reason);
END $$;

-- user_id, who has had more messages taken for spam than is borne, may not begin conversations for seconds.
CREATE FUNCTION change_spam_restrict(p_user uuid, p_arguments jsonb, OUT outcome int, OUT result jsonb)
LANGUAGE plpgsql AS $$
DECLARE
  target users := (SELECT u FROM users u WHERE u.id = (p_arguments->>'user_id')::uuid);
BEGIN
  outcome := CASE WHEN target.id IS NULL OR target.staff <> '{}' OR moderation_restricts(target.id) THEN 1 ELSE 0 END;
  IF outcome = 0 THEN
    PERFORM action_by_rule('restrict', target.id, 'the spam checks', 'too many messages that look like spam',
                           clock_timestamp() + make_interval(secs => (p_arguments->>'seconds')::int));
    PERFORM moderation_strike(target);
  END IF;
END $$;

-- Ends the suspension that a is, unless another one has taken its place, as an administrator's. Another action's that was
-- shorter and still goes on is in force again.
CREATE FUNCTION moderation_restore(a moderation_actions) RETURNS void
LANGUAGE plpgsql AS $$
DECLARE
  other moderation_actions;
BEGIN
  IF NOT EXISTS (SELECT FROM user_access x WHERE x.user_id = a.target AND x.suspended_until IS NOT DISTINCT FROM a.ends_at
                   AND x.suspend_reason IS NOT DISTINCT FROM a.reason) THEN
    RETURN;
  END IF;
  SELECT * INTO other FROM moderation_actions x
    WHERE x.target = a.target AND x.id <> a.id AND x.type = 'suspend' AND x.state = 'active'
    ORDER BY x.ends_at DESC NULLS FIRST LIMIT 1;
  IF other.id IS NULL THEN
    PERFORM user_restore(a.target);
  ELSE
    UPDATE user_access x SET suspended_until = other.ends_at, suspend_reason = other.reason WHERE x.user_id = a.target;
    PERFORM user_suspension_keep(a.target);
  END IF;
END $$;

-- Takes back what an action has done and still does.
CREATE FUNCTION action_undo(a moderation_actions, p_by uuid) RETURNS void
LANGUAGE plpgsql AS $$
DECLARE
  c conversations := membership_group(a.conversation_id);
  m members := (SELECT x FROM members x WHERE x.conversation_id = a.conversation_id AND x.user_id = a.target);
BEGIN
  IF a.state <> 'active' THEN
    RETURN;
  ELSIF a.type = 'suspend' THEN
    PERFORM moderation_restore(a);
  ELSIF a.type = 'ban' AND m.state = 'banned' THEN
    PERFORM membership_change(c, m, 'removed', 'member', NULL, p_by, NULL);
  ELSIF a.type = 'mute' AND m.state = 'joined' AND to_jsonb(m.permissions) = a.undo->'muted' THEN
    PERFORM membership_change(c, m, m.state, m.role, CASE WHEN jsonb_typeof(a.undo->'permissions') = 'array'
      THEN ARRAY(SELECT jsonb_array_elements_text(a.undo->'permissions')) END, p_by, NULL);
  END IF;
END $$;

CREATE FUNCTION action_end(a moderation_actions, p_state text, p_by uuid) RETURNS moderation_actions
LANGUAGE plpgsql AS $$
BEGIN
  PERFORM action_undo(a, p_by);
  UPDATE moderation_actions x SET state = p_state WHERE x.id = a.id RETURNING * INTO a;
  DELETE FROM jobs j WHERE j.kind = 'moderation.end' AND j.key = a.id::text AND p_state = 'taken_back';
  PERFORM action_tell('moderation.action', a);
  RETURN a;
END $$;

-- Whether p_user may take back or judge what a does: not one's own matter, and that of staff is for administrators.
CREATE FUNCTION action_forbids(p_user uuid, a moderation_actions) RETURNS boolean
LANGUAGE sql STABLE AS $$
  SELECT p_user IS NOT NULL AND (a.target = p_user
    OR (NOT staff_has(p_user, 'admin') AND EXISTS (SELECT FROM users u WHERE u.id = a.target AND u.staff <> '{}')))
$$;

-- action_id. What is done and over (a kick, a deletion) stays, but counts no more.
CREATE FUNCTION change_moderation_undo(p_user uuid, p_arguments jsonb, OUT outcome int, OUT result jsonb)
LANGUAGE plpgsql AS $$
DECLARE
  a moderation_actions;
BEGIN
  SELECT * INTO a FROM moderation_actions x WHERE x.id = (p_arguments->>'action_id')::uuid FOR UPDATE;
  outcome := CASE WHEN a.id IS NULL THEN 2 WHEN action_forbids(p_user, a) THEN 5 WHEN a.state = 'taken_back' THEN 1 ELSE 0 END;
  IF outcome = 0 THEN
    a := action_end(a, 'taken_back', p_user);
  END IF;
  IF outcome <= 1 THEN
    result := action_json(a);
  END IF;
END $$;

-- The time of action_id is over.
CREATE FUNCTION change_moderation_end(p_user uuid, p_arguments jsonb, OUT outcome int, OUT result jsonb)
LANGUAGE plpgsql AS $$
DECLARE
  a moderation_actions;
BEGIN
  SELECT * INTO a FROM moderation_actions x WHERE x.id = (p_arguments->>'action_id')::uuid AND x.state = 'active' FOR UPDATE;
  outcome := CASE WHEN a.id IS NULL THEN 1 ELSE 0 END;
  IF outcome = 0 THEN
    PERFORM action_end(a, 'ended', NULL);
  END IF;
END $$;

-- p_user, to whom action_id was done, asks for it to be looked at again: text. p_user NULL: the app's backend, for who
-- cannot come in.
CREATE FUNCTION change_moderation_appeal(p_user uuid, p_arguments jsonb, OUT outcome int, OUT result jsonb)
LANGUAGE plpgsql AS $$
DECLARE
  a moderation_actions;
BEGIN
  SELECT * INTO a FROM moderation_actions x
    WHERE x.id = (p_arguments->>'action_id')::uuid AND (x.target = p_user OR p_user IS NULL) FOR UPDATE;
  outcome := CASE WHEN a.id IS NULL THEN 2 WHEN NOT a.appealable THEN 5 WHEN a.appeal = p_arguments->>'text' THEN 1
                  WHEN a.appeal IS NOT NULL OR a.state = 'taken_back' THEN 3 ELSE 0 END;
  IF outcome = 0 THEN
    UPDATE moderation_actions x SET appeal = p_arguments->>'text', appealed_at = clock_timestamp()
      WHERE x.id = a.id RETURNING * INTO a;
    PERFORM moderation_tell('moderation.appeal', jsonb_build_object('action_id', a.id));
  END IF;
  IF outcome <= 1 THEN
    result := action_shown(a);
  END IF;
END $$;

-- action_id, decision (granted, which takes it back, or denied), note.
CREATE FUNCTION change_moderation_decide(p_user uuid, p_arguments jsonb, OUT outcome int, OUT result jsonb)
LANGUAGE plpgsql AS $$
DECLARE
  a moderation_actions;
BEGIN
  SELECT * INTO a FROM moderation_actions x WHERE x.id = (p_arguments->>'action_id')::uuid FOR UPDATE;
  outcome := CASE WHEN a.id IS NULL THEN 2 WHEN action_forbids(p_user, a) THEN 5 WHEN a.decision = p_arguments->>'decision' THEN 1
                  WHEN a.appeal IS NULL OR a.decision IS NOT NULL THEN 3 ELSE 0 END;
  IF outcome = 0 THEN
    UPDATE moderation_actions x SET decision = p_arguments->>'decision', decision_note = p_arguments->>'note',
        decided_at = clock_timestamp() WHERE x.id = a.id RETURNING * INTO a;
    IF a.decision = 'granted' AND a.state <> 'taken_back' THEN
      a := action_end(a, 'taken_back', p_user);
    END IF;
    PERFORM action_tell('moderation.appeal', a);
  END IF;
  IF outcome <= 1 THEN
    result := action_json(a);
  END IF;
END $$;

-- Actions, newest first: of a user (a reference; NULL: all), those with an open appeal, or all.
CREATE FUNCTION action_list(p_user text, p_appealed boolean, p_limit int, p_after text) RETURNS text
LANGUAGE sql STABLE AS $$
  WITH chosen AS (
    SELECT a AS c, a.at, a.id FROM moderation_actions a
      WHERE (p_user IS NULL OR a.target = (user_named(p_user)).id)
        AND (p_appealed IS NOT TRUE OR (a.appeal IS NOT NULL AND a.decision IS NULL))
        AND (p_after IS NULL OR (a.at, a.id) < (time_from_microseconds(split_part(p_after, ' ', 1)::bigint),
                                                user_id_of(split_part(p_after, ' ', 2))))
      ORDER BY a.at DESC, a.id DESC LIMIT p_limit + 1
  ), page AS (SELECT *, row_number() OVER (ORDER BY at DESC, id DESC) AS k FROM chosen)
  SELECT json_build_object(
    'items', coalesce(json_agg(action_json(c) ORDER BY k) FILTER (WHERE k <= p_limit), '[]'),
    'has_more', count(*) > p_limit,
    'next', CASE WHEN count(*) > p_limit THEN max(time_to_microseconds(at) || ' ' || id) FILTER (WHERE k = p_limit) END)::text
  FROM page
$$;

-- What was done to p_user, newest first, at most 100.
CREATE FUNCTION action_own(p_user uuid) RETURNS text
LANGUAGE sql STABLE AS $$
  SELECT json_build_object('items', coalesce(json_agg(action_shown(a) ORDER BY at DESC, id DESC), '[]'))::text
    FROM (SELECT x AS a, x.at, x.id FROM moderation_actions x WHERE x.target = p_user
            ORDER BY x.at DESC, x.id DESC LIMIT 100) y
$$;

-- As reap.sql has it: reports that were closed p_seconds ago, with their evidence, and actions of that age that hold no longer
-- and about which nothing is to be decided.
CREATE FUNCTION reap_reports(p_seconds bigint, p_limit int, OUT removed bigint, OUT more boolean, OUT payload jsonb)
LANGUAGE plpgsql AS $$
DECLARE
  any_held CONSTANT boolean := holds_any();
  before timestamptz := clock_timestamp() - make_interval(secs => p_seconds);
  actions bigint;
BEGIN
  PERFORM FROM log_head FOR UPDATE;
  DELETE FROM reports r WHERE r.id IN (
    SELECT x.id FROM reports x
      WHERE x.state IN ('resolved', 'dismissed') AND x.at < before AND x.closed_at < before
        AND NOT (any_held AND (user_held(x.offender) OR user_held(x.reporter))) LIMIT p_limit);
  GET DIAGNOSTICS removed = ROW_COUNT;
  DELETE FROM moderation_actions a WHERE a.id IN (
    SELECT x.id FROM moderation_actions x
      WHERE x.at < before AND x.state <> 'active' AND (x.ends_at IS NULL OR x.ends_at < before)
        AND (x.appeal IS NULL OR x.decided_at < before) AND NOT (any_held AND user_held(x.target))
      ORDER BY x.at, x.id LIMIT p_limit);
  GET DIAGNOSTICS actions = ROW_COUNT;
  more := greatest(removed, actions) >= p_limit;
  removed := removed + actions;
END $$;
