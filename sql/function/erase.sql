-- SPDX-License-Identifier: GPL-3.0-or-later
-- Erasing what a user has said and left, wherever it is kept, for staff. A user of ours is deleted first (user_delete.sql); of
-- one at home elsewhere the address stays. A job does it piece by piece (change_user_erase_step()); counts before are what
-- would go. See decision 0094.

-- How many there are of each, at most 100000: what goes, and what stays (conversations_held: by others' legal holds; audit_kept).
CREATE FUNCTION erase_counts(u users) RETURNS jsonb
LANGUAGE plpgsql STABLE AS $$
BEGIN
  RETURN jsonb_build_object(
    'messages', (SELECT count(*) FROM (SELECT FROM messages m WHERE m.sender_id = u.id AND m.dedupe IS NOT NULL AND m.deleted_at IS NULL
                                         AND m.kind NOT IN ('call', 'system') LIMIT 100000) x),
    'removed_messages', (SELECT count(*) FROM (SELECT FROM removed_content r WHERE r.sender_id = u.id LIMIT 100000) x),
    'files', (SELECT count(*) FROM (SELECT FROM files f WHERE f.user_id = u.id AND f.url IS NULL LIMIT 100000) x),
    'bytes', coalesce((SELECT f.bytes FROM file_usage f WHERE f.user_id = u.id), 0),
    'reactions', (SELECT count(*) FROM (SELECT FROM reactions r WHERE r.user_id = u.id AND r.emoji <> '{}' LIMIT 100000) x),
    'votes', (SELECT count(*) FROM (SELECT FROM votes v WHERE v.user_id = u.id LIMIT 100000) x),
    'calls', (SELECT count(*) FROM (SELECT FROM call_participants p WHERE p.user_id = u.id LIMIT 100000) x),
    'reports', (SELECT count(*) FROM (SELECT FROM reports r WHERE r.reporter = u.id UNION ALL
                                      SELECT FROM reports r WHERE r.offender = u.id LIMIT 100000) x),
    'actions', (SELECT count(*) FROM (SELECT FROM moderation_actions a WHERE a.target = u.id LIMIT 100000) x),
    'scheduled', (SELECT count(*) FROM (SELECT FROM scheduled s WHERE s.user_id = u.id LIMIT 100000) x),
    'stars', (SELECT count(*) FROM (SELECT FROM stars s WHERE s.user_id = u.id LIMIT 100000) x),
    'contacts', (SELECT count(*) FROM (SELECT FROM contacts c WHERE c.user_id = u.id LIMIT 100000) x),
    'conversations', (SELECT count(*) FROM (SELECT FROM members m WHERE m.user_id = u.id LIMIT 100000) x),
    'exports', (SELECT count(*) FROM (SELECT FROM exports e WHERE e.user_id = u.id LIMIT 100000) x),
    'conversations_held', (SELECT count(*) FROM (SELECT FROM members m WHERE holds_any() AND m.user_id = u.id AND conversation_held(m.conversation_id)
                                                   LIMIT 100000) x),
    'audit_kept', (SELECT count(*) FROM (SELECT FROM audit a WHERE a.object = u.id LIMIT 100000) x));
END $$;

-- { user_id, jid, kind, deleted_at, held, state (NULL: nobody has asked for it), reason, asked_by, created_at, ended_at,
-- counts: as things are; erased: as they were when it was asked for }.
CREATE FUNCTION erase_json(u users) RETURNS jsonb
LANGUAGE plpgsql STABLE AS $$
BEGIN
  RETURN (SELECT jsonb_build_object('user_id', u.id, 'jid', u.jid, 'kind', u.kind, 'deleted_at', api_time(u.deleted_at), 'held', user_held(u.id),
      'state', e.state, 'reason', e.reason, 'asked_by', e.asked_by, 'created_at', api_time(e.created_at),
      'ended_at', api_time(e.ended_at), 'counts', erase_counts(u), 'erased', e.counts)
    FROM (SELECT 1) one LEFT JOIN erasures e ON e.user_id = u.id);
END $$;

-- Of the user whom p_user names. No row: nobody.
CREATE FUNCTION erase_show(p_user text) RETURNS SETOF text
LANGUAGE sql STABLE AS $$
  SELECT erase_json(u)::text FROM user_named(p_user) u WHERE u.id IS NOT NULL
$$;

-- Begins to erase user (a reference): reason, actor; dry_run: says what would go, and does nothing. 3: there is a legal hold.
-- Again: what has come since goes, too.
CREATE FUNCTION change_user_erase(p_user uuid, p_arguments jsonb, OUT outcome int, OUT result jsonb)
LANGUAGE plpgsql AS $$
DECLARE
  u users := user_named(p_arguments->>'user');
  dry CONSTANT boolean := coalesce((p_arguments->>'dry_run')::boolean, false);
BEGIN
  outcome := CASE WHEN u.id IS NULL THEN 2 WHEN dry THEN 1 WHEN u.id = p_user THEN 3 WHEN user_held(u.id) THEN 3
    WHEN EXISTS (SELECT FROM erasures e WHERE e.user_id = u.id AND e.state = 'running') THEN 1 ELSE 0 END;
  IF outcome = 3 THEN
    result := jsonb_build_object('detail', CASE WHEN u.id = p_user THEN 'that is you' ELSE 'there is a legal hold' END);
    RETURN;
  ELSIF outcome = 0 THEN
    INSERT INTO erasures AS e (user_id, asked_by, reason, state, counts, created_at)
      VALUES (u.id, coalesce(p_arguments->>'actor', ''), p_arguments->>'reason', 'running', erase_counts(u), clock_timestamp())
      ON CONFLICT (user_id) DO UPDATE SET asked_by = excluded.asked_by, reason = excluded.reason, state = 'running',
        counts = excluded.counts, upto = NULL, created_at = excluded.created_at, ended_at = NULL;
    PERFORM user_delete(u.id); -- if it is ours, and still there
    PERFORM job_add('user.erase', u.id::text, clock_timestamp());
    SELECT * INTO u FROM users x WHERE x.id = u.id;
  END IF;
  IF outcome <= 1 THEN
    result := erase_json(u);
  END IF;
END $$;

-- The next p_limit messages of the user's. Content goes as by deletion, but for nobody to read; what others' holds keep lies
-- with what was deleted. True: there are more.
CREATE FUNCTION erase_messages(u users, p_limit int) RETURNS boolean
LANGUAGE plpgsql AS $$
DECLARE
  last uuid := (SELECT e.upto FROM erasures e WHERE e.user_id = u.id);
  n int := 0;
  m messages;
BEGIN
  FOR m IN SELECT x.* FROM messages x WHERE x.sender_id = u.id AND x.dedupe IS NOT NULL
             AND x.dedupe > coalesce(last, '00000000-0000-0000-0000-000000000000') ORDER BY x.dedupe LIMIT p_limit LOOP
    n := n + 1;
    last := m.dedupe;
    CONTINUE WHEN m.kind IN ('call', 'system');
    IF m.deleted_at IS NULL THEN
      PERFORM content_remove(m, c, NULL, 'sender', NULL, false) FROM conversations c WHERE c.id = m.conversation_id;
    END IF;
    -- Nor digests of it, nor what its client called it.
    UPDATE messages x SET details = '{}', client_id = NULL, sender_address = NULL, failed_condition = NULL WHERE x.id = m.id;
    DELETE FROM message_versions v WHERE v.message_id = m.id;
    DELETE FROM retold r WHERE r.message_id = m.id;
    UPDATE threads t SET topic = NULL WHERE t.id = m.id;
    UPDATE entries e SET payload = NULL, stanza = NULL, sender_address = NULL WHERE e.target = m.id AND e.sender_id = u.id;
  END LOOP;
  UPDATE erasures e SET upto = last WHERE e.user_id = u.id;
  RETURN n >= p_limit;
END $$;

-- What moderators may still read of it, but for what others' holds keep.
CREATE FUNCTION erase_removed(u users, p_limit int) RETURNS boolean
LANGUAGE plpgsql AS $$
DECLARE
  gone int;
BEGIN
  DELETE FROM removed_content r WHERE r.message_id IN (
    SELECT x.message_id FROM removed_content x WHERE x.sender_id = u.id AND NOT (holds_any() AND conversation_held(x.conversation_id))
      LIMIT p_limit);
  GET DIAGNOSTICS gone = ROW_COUNT;
  RETURN gone >= p_limit;
END $$;

-- Reactions and votes.
CREATE FUNCTION erase_reactions(u users, p_limit int) RETURNS boolean
LANGUAGE plpgsql AS $$
DECLARE
  n int := 0;
  m messages;
  c conversations;
  gone uuid;
BEGIN
  FOR gone IN SELECT r.message_id FROM reactions r WHERE r.user_id = u.id LIMIT p_limit LOOP
    n := n + 1;
    DELETE FROM reactions r WHERE r.message_id = gone AND r.user_id = u.id;
    DELETE FROM entries e WHERE e.target = gone AND e.kind = 'reaction' AND e.sender_id = u.id;
    UPDATE messages x SET reactions = reaction_summary(gone) WHERE x.id = gone RETURNING * INTO m;
    SELECT * INTO c FROM conversations k WHERE k.id = m.conversation_id;
    IF c.id IS NOT NULL THEN
      PERFORM message_changed(m, c);
    END IF;
  END LOOP;
  FOR gone IN SELECT v.message_id FROM votes v WHERE v.user_id = u.id LIMIT p_limit LOOP
    n := n + 1;
    DELETE FROM votes v WHERE v.message_id = gone AND v.user_id = u.id;
    SELECT x.* INTO m FROM messages x WHERE x.id = gone AND x.deleted_at IS NULL;
    SELECT * INTO c FROM conversations k WHERE k.id = m.conversation_id;
    IF c.id IS NOT NULL THEN
      PERFORM poll_count(m);
      PERFORM message_changed(m, c);
    END IF;
  END LOOP;
  RETURN n >= p_limit;
END $$;

-- What was reported by and about the user, and what was done about that; of reports about others what the user had said.
CREATE FUNCTION erase_reports(u users, p_limit int) RETURNS boolean
LANGUAGE plpgsql AS $$
DECLARE
  n int;
  gone int;
  emptied int;
BEGIN
  DELETE FROM reports r WHERE r.id IN (
    (SELECT x.id FROM reports x WHERE x.reporter = u.id AND NOT user_held(x.offender) LIMIT p_limit)
    UNION (SELECT x.id FROM reports x WHERE x.offender = u.id AND NOT user_held(x.reporter) LIMIT p_limit));
  GET DIAGNOSTICS n = ROW_COUNT;
  DELETE FROM moderation_actions a WHERE a.id IN (SELECT x.id FROM moderation_actions x WHERE x.target = u.id LIMIT p_limit);
  GET DIAGNOSTICS gone = ROW_COUNT;
  UPDATE reports r SET evidence = jsonb_set(jsonb_set(r.evidence, '{messages}',
          jsonb_path_query_array(r.evidence, '$.messages[*] ? (@.sender_id != $id)', jsonb_build_object('id', u.id))),
        '{files}', jsonb_path_query_array(r.evidence, '$.files[*] ? (@.owner_id != $id)', jsonb_build_object('id', u.id)))
    WHERE r.id IN (SELECT x.id FROM members m JOIN reports x ON x.conversation_id = m.conversation_id
                     WHERE m.user_id = u.id AND NOT (holds_any() AND conversation_held(m.conversation_id))
                       AND (x.evidence @> jsonb_build_object('messages', jsonb_build_array(jsonb_build_object('sender_id', u.id)))
                            OR x.evidence @> jsonb_build_object('files', jsonb_build_array(jsonb_build_object('owner_id', u.id))))
                     LIMIT p_limit);
  GET DIAGNOSTICS emptied = ROW_COUNT;
  RETURN greatest(n, gone, emptied) >= p_limit;
END $$;

-- Copies in which it is: the user's own, and those of everybody who has a conversation with the user.
CREATE FUNCTION erase_exports(u users) RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
  PERFORM export_drop(x, 'cancelled') FROM exports x
    WHERE x.state IN ('running', 'ready') AND (x.user_id = u.id OR EXISTS (
      SELECT FROM members m CROSS JOIN member_row(m.conversation_id, x.user_id) o WHERE m.user_id = u.id))
      AND x.expires_at > '-infinity';
  PERFORM export_remove(x) FROM exports x WHERE x.user_id = u.id AND x.expires_at > '-infinity';
END $$;

-- The next p_limit of what archives that servers keep here hold of what the user said, but for those of whom there is a legal hold
-- on: a tombstone stays in its place. True: there may be more.
CREATE FUNCTION erase_archives(u users, p_limit int) RETURNS boolean
LANGUAGE plpgsql AS $$
DECLARE
  o mam_owners;
  left_over int := p_limit;
  said uuid[];
BEGIN
  FOR o IN SELECT x.* FROM mam_owners x WHERE x.id > 0 AND NOT EXISTS (SELECT FROM holds h WHERE h.jid = x.jid) ORDER BY x.id LOOP
    IF o.jid = u.jid THEN
      said := ARRAY(SELECT h.uid FROM mam_holders h JOIN mam_stanzas s ON s.uid = h.uid
        WHERE h.owner_id = o.id AND NOT h.gone AND split_part(s.sender, '/', 1) = u.jid LIMIT left_over);
    ELSE -- by its index
      said := ARRAY(SELECT h.uid FROM mam_holders h JOIN mam_stanzas s ON s.uid = h.uid
        WHERE h.owner_id = o.id AND h.peer = u.jid AND NOT h.gone AND split_part(s.sender, '/', 1) = u.jid LIMIT left_over);
    END IF;
    UPDATE mam_holders h SET gone = true WHERE h.owner_id = o.id AND h.uid = ANY (said);
    PERFORM mam_drop(said);
    left_over := left_over - cardinality(said);
    IF left_over <= 0 THEN
      RETURN true;
    END IF;
  END LOOP;
  RETURN false;
END $$;

-- What the user had where, that deleting alone leaves.
CREATE FUNCTION erase_rest(u users) RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
  DELETE FROM scheduled x WHERE x.user_id = u.id;
  DELETE FROM stars x WHERE x.user_id = u.id;
  DELETE FROM spam_checks x WHERE x.sender = u.id;
  DELETE FROM idempotency x WHERE x.subject = u.id;
  DELETE FROM call_samples x USING call_participants p
    WHERE p.user_id = u.id AND x.call_id = p.call_id AND x.user_id = u.id AND NOT (holds_any() AND call_held(p.call_id));
  UPDATE call_participants x SET quality = NULL WHERE x.user_id = u.id AND x.quality IS NOT NULL;
  UPDATE past_nicks x SET nick = user_deleted_name() FROM members m
    WHERE m.user_id = u.id AND x.conversation_id = m.conversation_id AND x.user_id = u.id;
  UPDATE members x SET draft = NULL, draft_at = NULL WHERE x.user_id = u.id AND x.draft IS NOT NULL;
  UPDATE entries x SET stanza = NULL, sender_address = NULL FROM members m
    WHERE m.user_id = u.id AND x.conversation_id = m.conversation_id AND x.sender_id = u.id
      AND (x.stanza IS NOT NULL OR x.sender_address IS NOT NULL);
END $$;

-- A part of it, of user_id: { more }. Harmless when done again. While there is a hold nothing is done; its end asks again.
CREATE FUNCTION change_user_erase_step(p_user uuid, p_arguments jsonb, OUT outcome int, OUT result jsonb)
LANGUAGE plpgsql AS $$
DECLARE
  u users := (SELECT x FROM users x JOIN erasures e ON e.user_id = x.id AND e.state = 'running' WHERE x.id = (p_arguments->>'user_id')::uuid);
  more boolean := false;
BEGIN
  outcome := CASE WHEN u.id IS NULL OR user_held(u.id) THEN 1 ELSE 0 END;
  IF outcome = 0 THEN
    more := erase_messages(u, 100);
    more := erase_removed(u, 500) OR more;
    more := erase_reactions(u, 50) OR more;
    more := erase_reports(u, 50) OR more;
    more := user_remove_files(u.id, 50) OR more;
    more := more OR erase_archives(u, 1000); -- which looks at each archive
    IF NOT more THEN
      PERFORM erase_exports(u);
      more := export_purge_any(50);
    END IF;
    IF NOT more THEN
      PERFORM erase_rest(u);
      UPDATE erasures e SET state = 'done', ended_at = clock_timestamp() WHERE e.user_id = u.id;
    END IF;
  END IF;
  result := jsonb_build_object('more', more);
END $$;
