-- SPDX-License-Identifier: GPL-3.0-or-later
-- Files: what is known of them; their bytes lie in the store (bridge/media).

-- What is handed out in place of the file as it came: { name, type, size, width, height, sha256 }. NULL: itself.
CREATE FUNCTION file_clean(f files) RETURNS jsonb
LANGUAGE sql IMMUTABLE AS $$
  SELECT jsonb_path_query_first(f.parts, '$[*] ? (@.name == "clean")')
$$;

CREATE FUNCTION file_facts(f files) RETURNS file_view
LANGUAGE sql STABLE AS $$
  SELECT ROW(f.id, f.user_id, f.kind, f.purpose, f.name, coalesce(file_clean(f)->>'type', f.type), coalesce((file_clean(f)->>'size')::bigint, f.size), f.received,
             f.state, f.scan, f.width, f.height, f.duration, f.waveform,
             CASE WHEN f.state <> 'uploading' THEN coalesce(file_clean(f)->>'sha256', f.sha256) END,
             jsonb_path_query_array(f.parts, '$[*] ? (@.name != "clean")'), f.lock IS NOT NULL,
             f.expires_at, f.created_at, f.url, f.problem)::file_view
$$;

-- Makes room for p_size bytes of p_user's. False: there is none, of 0 the more.
CREATE FUNCTION file_reserve(p_user uuid, p_size bigint, p_most bigint) RETURNS boolean
LANGUAGE plpgsql AS $$
BEGIN
  INSERT INTO file_usage AS u (user_id, bytes) SELECT p_user, p_size WHERE p_most = 0 OR p_size <= p_most
    ON CONFLICT (user_id) DO UPDATE SET bytes = u.bytes + p_size WHERE p_most = 0 OR u.bytes + p_size <= p_most;
  RETURN FOUND;
END $$;

-- Of users counts what they have uploaded, as they know it; of all (the nil id) what lies in the store, so that what is made of
-- a file may go beyond quota_total: the next upload does not (decision 0101).
CREATE FUNCTION file_release(f files) RETURNS void
LANGUAGE sql AS $$
  UPDATE file_usage u SET bytes = greatest(u.bytes - f.size - CASE WHEN u.user_id = f.user_id THEN 0 ELSE f.made END, 0)
    WHERE u.user_id IN (f.user_id, '00000000-0000-0000-0000-000000000000')
$$;

-- In the store lies what parts say, and the file as it came, unless p_came is false.
CREATE FUNCTION file_measure(f files, p_came boolean) RETURNS void
LANGUAGE plpgsql AS $$
DECLARE
  made_ bigint := (SELECT coalesce(sum((x->>'size')::bigint), 0) FROM jsonb_array_elements(f.parts) x) - CASE WHEN p_came THEN 0 ELSE f.size END;
BEGIN
  IF made_ <> f.made THEN
    UPDATE files x SET made = made_ WHERE x.id = f.id;
    UPDATE file_usage u SET bytes = greatest(u.bytes + made_ - f.made, 0) WHERE u.user_id = '00000000-0000-0000-0000-000000000000';
  END IF;
END $$;

-- p_user is about to upload a file: { id, name, type, kind, size, sha256, purpose, key, key_name, path } and
-- quota_user, quota_total, seconds. outcome, as in change.sql: 0; 3: too many uploads are under way; 8: no room, of the
-- user; 9: of all.
CREATE FUNCTION file_create(p_user uuid, p_arguments jsonb, OUT outcome int, OUT file file_view)
LANGUAGE plpgsql AS $$
DECLARE
  all_ CONSTANT uuid := '00000000-0000-0000-0000-000000000000';
  f files := jsonb_populate_record(NULL::files, p_arguments);
BEGIN
  IF (SELECT count(*) FROM (SELECT FROM files x WHERE x.user_id = p_user AND x.state = 'uploading' AND x.due_at > now()
                              LIMIT 100) few) >= 100 THEN
    outcome := 3;
    RETURN;
  END IF;
  outcome := 8;
  IF NOT file_reserve(p_user, f.size, (p_arguments->>'quota_user')::bigint) THEN
    RETURN;
  END IF;
  outcome := 9;
  IF NOT file_reserve(all_, f.size, (p_arguments->>'quota_total')::bigint) THEN
    UPDATE file_usage u SET bytes = u.bytes - f.size WHERE u.user_id = p_user;
    RETURN;
  END IF;
  outcome := 0;
  INSERT INTO files AS n (id, user_id, state, purpose, kind, name, type, size, sha256, key, key_name, path, due_at)
    VALUES (f.id, p_user, 'uploading', f.purpose, f.kind, f.name, f.type, f.size, f.sha256, f.key, f.key_name, f.path,
            now() + make_interval(secs => (p_arguments->>'seconds')::bigint))
    RETURNING * INTO f;
  file := file_facts(f);
END $$;

-- The same for the account p_jid of another server. p_bound: only if it uses the app; 5: it does not.
CREATE FUNCTION slot_create(p_jid text, p_bound boolean, p_arguments jsonb, OUT outcome int, OUT path text)
LANGUAGE plpgsql AS $$
DECLARE
  owner uuid := (SELECT u.id FROM users u WHERE u.jid = p_jid AND u.kind = 'bound');
BEGIN
  IF owner IS NULL AND p_bound THEN
    outcome := 5;
    RETURN;
  END IF;
  outcome := (SELECT x.outcome FROM file_create(coalesce(owner, user_remote(p_jid)), p_arguments) x);
  path := CASE WHEN outcome = 0 THEN p_arguments->>'path' END;
END $$;

-- A part of the upload p_id comes: nothing of an earlier one is kept any more. p_again: from its beginning. p_user NULL:
-- whoever it is of. key NULL: there is no such upload of p_user's. state: gone, if it took too long.
CREATE FUNCTION file_open(p_user uuid, p_id uuid, p_again boolean)
RETURNS TABLE (state text, size bigint, received bigint, turn bigint, key text, key_name text, type text, sha256 text,
               created bigint, user_id uuid)
LANGUAGE plpgsql AS $$
#variable_conflict use_column
BEGIN
  RETURN QUERY
    UPDATE files f SET turn = CASE WHEN f.state = 'uploading' THEN f.turn + 1 ELSE f.turn END,
        received = CASE WHEN p_again AND f.state = 'uploading' THEN 0 ELSE f.received END
      WHERE f.id = p_id AND f.user_id = coalesce(p_user, f.user_id) AND f.key IS NOT NULL
      RETURNING CASE WHEN f.state = 'removed' OR (f.state = 'uploading' AND f.due_at <= now()) THEN 'gone' ELSE f.state END,
                f.size, f.received, f.turn, f.key, f.key_name, f.type, f.sha256,
                (extract(epoch FROM f.created_at) * 1000000)::bigint, f.user_id;
END $$;

-- What of it is on the disk. False: another part has begun since.
CREATE FUNCTION file_keep(p_id uuid, p_turn bigint, p_received bigint) RETURNS boolean
LANGUAGE plpgsql AS $$
BEGIN
  UPDATE files f SET received = p_received WHERE f.id = p_id AND f.turn = p_turn AND f.state = 'uploading';
  RETURN FOUND;
END $$;

-- All of it is there. Arguments: id, turn, sha256, state (processing or complete), scan, keep (seconds for which it waits
-- for a message; missing: as it was made). The result: the file. 3: another
-- part has begun since.
CREATE FUNCTION change_file_finish(p_user uuid, p_arguments jsonb, OUT outcome int, OUT result jsonb)
LANGUAGE plpgsql AS $$
DECLARE
  f files;
BEGIN
  UPDATE files x SET state = p_arguments->>'state', received = x.size, sha256 = p_arguments->>'sha256',
      scan = p_arguments->>'scan', due_at = coalesce(now() + make_interval(secs => (p_arguments->>'keep')::bigint), x.due_at)
    WHERE x.id = (p_arguments->>'id')::uuid AND x.user_id = p_user AND x.state = 'uploading'
      AND x.turn = (p_arguments->>'turn')::bigint
    RETURNING * INTO f;
  outcome := CASE WHEN f.id IS NULL THEN 3 ELSE 0 END;
  IF outcome = 0 THEN
    IF f.state = 'processing' OR f.scan = 'pending' THEN
      PERFORM job_add('media.process', f.id::text, now());
    END IF;
    PERFORM event_add('file.updated', 'user', NULL, p_user, json_build_object('file_id', f.id));
    result := to_jsonb(file_facts(f));
  END IF;
END $$;

-- It is not what it was said to be, or nobody wants it any more: its bytes go. Arguments: file_id, state (error, or
-- removed). Messages that have it show that it is gone. The result: the file.
CREATE FUNCTION change_file_remove(p_user uuid, p_arguments jsonb, OUT outcome int, OUT result jsonb)
LANGUAGE plpgsql AS $$
DECLARE
  f files;
  was text;
BEGIN
  SELECT * INTO f FROM files x WHERE x.id = (p_arguments->>'file_id')::uuid AND x.user_id = p_user AND x.url IS NULL FOR UPDATE;
  IF f.id IS NULL THEN
    outcome := 2;
    RETURN;
  END IF;
  was := f.state;
  outcome := CASE WHEN was IN ('removed', 'error') THEN 1 ELSE 0 END;
  IF outcome = 0 THEN
    UPDATE files x SET state = coalesce(p_arguments->>'state', 'removed'), due_at = now() WHERE x.id = f.id RETURNING * INTO f;
    PERFORM event_add('file.updated', 'user', NULL, p_user, json_build_object('file_id', f.id));
    PERFORM file_retell(f.id);
  END IF;
  result := to_jsonb(file_facts(f));
END $$;

-- Arguments: file_id, and of expires_at (or null) and lock (or null) those that change. The result: the file.
CREATE FUNCTION change_file_update(p_user uuid, p_arguments jsonb, OUT outcome int, OUT result jsonb)
LANGUAGE plpgsql AS $$
DECLARE
  f files;
BEGIN
  SELECT * INTO f FROM files x WHERE x.id = (p_arguments->>'file_id')::uuid AND x.user_id = p_user AND x.url IS NULL FOR UPDATE;
  outcome := CASE WHEN f.id IS NULL THEN 2 WHEN f.state IN ('removed', 'error') THEN 3 ELSE 0 END;
  IF outcome = 0 AND (p_arguments->>'expires_at')::timestamptz <= now() THEN
    outcome := 6;
    result := '{"pointer": "/expires_at", "detail": "has passed"}';
  END IF;
  IF outcome > 0 THEN
    RETURN;
  END IF;
  UPDATE files x SET
      expires_at = CASE WHEN p_arguments ? 'expires_at' THEN (p_arguments->>'expires_at')::timestamptz ELSE x.expires_at END,
      lock = CASE WHEN p_arguments ? 'lock' THEN p_arguments->>'lock' ELSE x.lock END
    WHERE x.id = f.id RETURNING * INTO f;
  UPDATE files x SET due_at = file_due_at(x) WHERE x.id = f.id AND x.state <> 'uploading';
  PERFORM event_add('file.updated', 'user', NULL, p_user, json_build_object('file_id', f.id));
  PERFORM file_retell(f.id);
  result := to_jsonb(file_facts(f));
END $$;

-- When a file is removed: what a message has, when its owner wants that.
CREATE FUNCTION file_due_at(f files) RETURNS timestamptz
LANGUAGE sql STABLE AS $$
  SELECT CASE WHEN EXISTS (SELECT FROM attachments a WHERE a.file_id = f.id) THEN f.expires_at
              ELSE least(f.due_at, f.expires_at) END
$$;

-- What file.updated tells.
CREATE FUNCTION file_event(e events) RETURNS text
LANGUAGE plpgsql STABLE AS $$
BEGIN
  RETURN (SELECT to_json(file_facts(f))::text FROM files f WHERE f.id = (e.payload::jsonb->>'file_id')::uuid);
END $$;

-- The members of conversations with messages that have the file are told what it is now. For the holder of the log.
CREATE FUNCTION file_retell(p_file uuid) RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
  PERFORM message_changed(m, c) FROM (
      SELECT DISTINCT a.message_id FROM attachments a WHERE a.file_id = p_file LIMIT 100) x
    JOIN messages m ON m.id = x.message_id JOIN conversations c ON c.id = m.conversation_id;
END $$;

-- Whether p_user sees a message that has the file.
CREATE FUNCTION file_is_seen(p_user uuid, p_file uuid) RETURNS boolean
LANGUAGE plpgsql STABLE AS $$
BEGIN
  RETURN EXISTS (
    SELECT FROM attachments a
      JOIN member_row(a.conversation_id, p_user) o ON o.state = 'joined' AND a.seq > o.cleared_seq
      WHERE a.file_id = p_file AND NOT (o.hides AND hidden_is(p_user, a.conversation_id, a.seq)));
END $$;

-- The file as p_user sees it, whose it is or who sees a message that has it. NULL: there is none.
CREATE FUNCTION file_get(p_user uuid, p_file uuid) RETURNS file_view
LANGUAGE plpgsql STABLE AS $$
DECLARE
  f files;
BEGIN
  SELECT * INTO f FROM files x WHERE x.id = p_file AND (x.user_id = p_user OR file_is_seen(p_user, p_file));
  RETURN CASE WHEN f.id IS NOT NULL THEN file_facts(f) END;
END $$;

-- What is needed to hand out the file that a link names, by p_id or by p_path. No row: there never was one, or nobody
-- may have it. state gone: there was; reported: the same for all but moderators. keep: for how many seconds its bytes stay
-- what they are, at least; 0: not even now.
CREATE FUNCTION file_serve(p_id uuid, p_path text)
RETURNS TABLE (id uuid, state text, type text, name text, size bigint, key text, key_name text, parts text,
               locked boolean, sha256 text, keep int)
LANGUAGE plpgsql STABLE AS $$
#variable_conflict use_column
DECLARE
  f files;
BEGIN
  IF p_path IS NOT NULL THEN
    SELECT x.* INTO f FROM files x WHERE x.path = p_path;
  ELSE
    SELECT x.* INTO f FROM files x WHERE x.id = p_id;
  END IF;
  IF f.state NOT IN ('processing', 'complete', 'removed') OR f.id IS NULL OR (f.url IS NOT NULL AND f.key IS NULL) THEN
    RETURN;
  END IF;
  RETURN QUERY
    SELECT f.id, CASE WHEN f.key IS NOT NULL AND (f.state = 'removed' OR f.expires_at <= now()) AND report_has_file(f.id) THEN 'reported'
                      WHEN f.state = 'removed' OR f.key IS NULL OR f.expires_at <= now() THEN 'gone'
                      WHEN f.scan IN ('infected', 'held', 'pending') THEN f.scan
                      WHEN f.state = 'processing' AND f.kind = 'image' THEN 'pending' -- it still says where it was taken
                      ELSE f.state END,
           f.type, f.name, coalesce((file_clean(f)->>'size')::bigint, f.size), f.key, f.key_name, f.parts::text,
           f.lock IS NOT NULL, coalesce(file_clean(f)->>'sha256', f.sha256),
           CASE WHEN f.state = 'complete'
                THEN least(extract(epoch FROM least(f.expires_at, f.due_at, now() + interval '1 year') - now()), 31536000)::int ELSE 0 END;
END $$;

-- ---- The end --------------------------------------------------------------------------------------------

-- Files whose time has come, at most p_limit, but for those that a legal hold keeps: from now on nobody gets them any more.
-- parts: what else of them is in the store.
CREATE FUNCTION file_due(p_limit int) RETURNS TABLE (id uuid, parts text)
LANGUAGE plpgsql AS $$
#variable_conflict use_column
DECLARE
  any_held CONSTANT boolean := holds_any();
BEGIN
  RETURN QUERY
    UPDATE files f SET state = CASE WHEN f.state = 'error' THEN f.state ELSE 'removed' END
      FROM (SELECT x.id FROM files x WHERE x.due_at <= now() AND NOT (any_held AND x.state <> 'uploading' AND hold_has_file(x))
                AND NOT report_has_file(x.id)
              ORDER BY x.due_at LIMIT p_limit FOR UPDATE SKIP LOCKED) d
      WHERE f.id = d.id RETURNING f.id, f.parts::text;
END $$;

-- Their bytes are gone. What a message still has stays as a name.
CREATE FUNCTION file_gone(p_ids uuid[]) RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
  PERFORM file_release(f) FROM files f WHERE f.id = ANY (p_ids) AND f.key IS NOT NULL AND f.due_at <= now();
  DELETE FROM hold_files h WHERE h.file_id = ANY (p_ids);
  DELETE FROM files f WHERE f.id = ANY (p_ids) AND f.due_at <= now()
    AND NOT EXISTS (SELECT FROM attachments a WHERE a.file_id = f.id);
  UPDATE files f SET key = NULL, key_name = NULL, path = NULL, due_at = NULL, lock = NULL, parts = '[]', made = 0
    WHERE f.id = ANY (p_ids) AND f.due_at <= now();
END $$;

-- ---- What is made of files, and what is found in them -----------------------------------------------------

-- The file p_id, which is to be looked at. No row: that has been done, or it is gone.
CREATE FUNCTION file_process(p_id uuid)
RETURNS TABLE (id uuid, state text, scan text, purpose text, type text, size bigint, key text, key_name text)
LANGUAGE plpgsql STABLE AS $$
#variable_conflict use_column
BEGIN
  RETURN QUERY
    SELECT f.id, f.state, f.scan, f.purpose, f.type, f.size, f.key, f.key_name FROM files f
      WHERE f.id = p_id AND f.key IS NOT NULL AND (f.state = 'processing' OR (f.state = 'complete' AND f.scan = 'pending'));
END $$;

-- What was found: { id, and of these what is known: parts, width, height, duration, waveform; scan; reasons; state }.
-- classify: it is as it will be, and the classifier is to see it before anybody else does.
CREATE FUNCTION change_file_processed(p_user uuid, p_arguments jsonb, OUT outcome int, OUT result jsonb)
LANGUAGE plpgsql AS $$
DECLARE
  f files;
BEGIN
  UPDATE files x SET
      state = coalesce(p_arguments->>'state', x.state),
      scan = CASE WHEN p_arguments ? 'classify' THEN 'pending' ELSE coalesce(p_arguments->>'scan', x.scan) END,
      scan_reasons = coalesce(p_arguments->'reasons', x.scan_reasons),
      parts = coalesce(p_arguments->'parts', x.parts), width = coalesce((p_arguments->>'width')::int, x.width),
      height = coalesce((p_arguments->>'height')::int, x.height), duration = coalesce((p_arguments->>'duration')::int, x.duration),
      waveform = coalesce(p_arguments->>'waveform', x.waveform),
      problem = coalesce(p_arguments->>'problem', x.problem),
      due_at = CASE WHEN p_arguments->>'state' = 'error' THEN now() ELSE x.due_at END
    WHERE x.id = (p_arguments->>'id')::uuid AND x.state IN ('processing', 'complete') RETURNING * INTO f;
  outcome := CASE WHEN f.id IS NULL THEN 2 ELSE 0 END;
  IF outcome = 0 THEN
    PERFORM file_measure(f, true);
    IF p_arguments ? 'classify' THEN
      PERFORM job_add('media.classify', f.id::text, now());
    END IF;
    PERFORM event_add('file.updated', 'user', NULL, f.user_id, json_build_object('file_id', f.id));
    PERFORM file_retell(f.id);
  END IF;
END $$;

-- The file p_id, which the classifier is to see, and whose it is. No row: it has seen it, or it is gone.
CREATE FUNCTION file_classify(p_id uuid)
RETURNS TABLE (id uuid, name text, type text, kind text, purpose text, size bigint, sha256 text, parts text, owner text)
LANGUAGE plpgsql STABLE AS $$
#variable_conflict use_column
BEGIN
  RETURN QUERY
    SELECT f.id, f.name, coalesce(file_clean(f)->>'type', f.type), f.kind, f.purpose, coalesce((file_clean(f)->>'size')::bigint, f.size),
           coalesce(file_clean(f)->>'sha256', f.sha256), f.parts::text,
           jsonb_build_object('id', u.id, 'jid', u.jid, 'external_id', u.external_id, 'kind', u.kind)::text
      FROM files f JOIN users u ON u.id = f.user_id
      WHERE f.id = p_id AND f.key IS NOT NULL AND f.state = 'complete' AND f.scan = 'pending';
END $$;

-- The file that lies elsewhere and is to be fetched from there. No row: it is not, or not any more.
CREATE FUNCTION file_remote(p_id uuid) RETURNS TABLE (url text, type text, size bigint, sha256 text)
LANGUAGE sql STABLE AS $$
  SELECT f.url, f.type, f.size, f.sha256 FROM files f WHERE f.id = p_id AND f.state = 'remote' AND f.problem IS NULL
$$;

-- It lies here now: { id, key, key_name, size, sha256, type, kind, state, scan } and quota_user, quota_total, as of
-- file_create(); or it cannot: { id, problem }. The result is { kept }; false: the row does not know of any bytes.
CREATE FUNCTION change_file_fetched(p_user uuid, p_arguments jsonb, OUT outcome int, OUT result jsonb)
LANGUAGE plpgsql AS $$
DECLARE
  all_ CONSTANT uuid := '00000000-0000-0000-0000-000000000000';
  f files;
  problem_ text := p_arguments->>'problem';
BEGIN
  SELECT * INTO f FROM files x WHERE x.id = (p_arguments->>'id')::uuid AND x.state = 'remote' FOR UPDATE;
  outcome := CASE WHEN f.id IS NULL THEN 1 ELSE 0 END;
  IF outcome > 0 THEN -- another run got it, or nobody wants it any more
    result := jsonb_build_object('kept', EXISTS (SELECT FROM files x WHERE x.id = (p_arguments->>'id')::uuid AND x.key IS NOT NULL));
    RETURN;
  END IF;
  IF problem_ IS NULL AND NOT file_reserve(f.user_id, (p_arguments->>'size')::bigint, (p_arguments->>'quota_user')::bigint) THEN
    problem_ := 'there is no room for it';
  ELSIF problem_ IS NULL AND NOT file_reserve(all_, (p_arguments->>'size')::bigint, (p_arguments->>'quota_total')::bigint) THEN
    UPDATE file_usage u SET bytes = u.bytes - (p_arguments->>'size')::bigint WHERE u.user_id = f.user_id;
    problem_ := 'there is no room for it';
  END IF;
  result := jsonb_build_object('kept', problem_ IS NULL);
  IF problem_ IS NOT NULL THEN
    UPDATE files x SET problem = problem_ WHERE x.id = f.id;
  ELSE
    UPDATE files x SET key = p_arguments->>'key', key_name = p_arguments->>'key_name', size = (p_arguments->>'size')::bigint,
        received = (p_arguments->>'size')::bigint, sha256 = p_arguments->>'sha256', type = p_arguments->>'type',
        kind = p_arguments->>'kind', state = p_arguments->>'state', scan = p_arguments->>'scan'
      WHERE x.id = f.id RETURNING * INTO f;
    UPDATE attachments a SET kind = CASE WHEN f.purpose = 'voice' THEN 'voice' WHEN f.kind = 'audio' THEN 'file' ELSE f.kind END
      WHERE a.file_id = f.id;
    IF f.state = 'processing' OR f.scan = 'pending' THEN
      PERFORM job_add('media.process', f.id::text, now());
    END IF;
  END IF;
  PERFORM file_retell(f.id);
END $$;

-- What opens the file, for p_user, whose it is or who sees a message that has it; NULL: nothing is needed. No row: there is
-- none for p_user.
CREATE FUNCTION file_lock(p_user uuid, p_file uuid) RETURNS TABLE (lock text, name text)
LANGUAGE plpgsql STABLE AS $$
#variable_conflict use_column
BEGIN
  RETURN QUERY
    SELECT CASE WHEN f.user_id <> p_user THEN f.lock END, f.name FROM files f
      WHERE f.id = p_file AND f.state IN ('processing', 'complete') AND (f.user_id = p_user OR file_is_seen(p_user, p_file));
END $$;

-- ---- What is held back --------------------------------------------------------------------------------------

CREATE FUNCTION file_held_json(f files) RETURNS jsonb
LANGUAGE sql STABLE AS $$
  SELECT jsonb_build_object('id', f.id, 'owner_id', f.user_id, 'owner_jid', (SELECT u.jid FROM users u WHERE u.id = f.user_id),
           'filename', f.name, 'mime_type', f.type, 'size', f.size, 'sha256', f.sha256, 'scan_status', f.scan, 'reasons', coalesce(f.scan_reasons, '[]'), 'created_at', api_time(f.created_at))
$$;

-- Files that are held back, the oldest first. p_after: next of an earlier page.
CREATE FUNCTION file_held_list(p_limit int, p_after uuid) RETURNS text
LANGUAGE plpgsql STABLE AS $$
DECLARE
  found_ files[] := ARRAY(SELECT f FROM files f WHERE f.scan = 'held' AND f.key IS NOT NULL AND f.state <> 'removed' AND f.id > coalesce(p_after, '00000000-0000-0000-0000-000000000000')
                            ORDER BY f.id LIMIT p_limit + 1);
BEGIN
  RETURN jsonb_build_object(
    'items', coalesce((SELECT jsonb_agg(file_held_json(f) ORDER BY f.id) FROM unnest(found_[:p_limit]) f), '[]'),
    'has_more', cardinality(found_) > p_limit, 'next', CASE WHEN cardinality(found_) > p_limit THEN found_[p_limit].id END);
END $$;

-- One of them, or one of what was reported and is not decided. No row: it is neither.
CREATE FUNCTION file_held(p_id uuid) RETURNS TABLE (name text)
LANGUAGE sql STABLE AS $$
  SELECT f.name FROM files f WHERE f.id = p_id AND f.key IS NOT NULL
      AND (f.scan = 'held' AND f.state <> 'removed' OR report_has_file(f.id))
$$;

-- A moderator has decided. Arguments: file_id, decision (release or remove). 3: it is not held back any more.
CREATE FUNCTION change_file_decide(p_user uuid, p_arguments jsonb, OUT outcome int, OUT result jsonb)
LANGUAGE plpgsql AS $$
DECLARE
  f files;
BEGIN
  SELECT * INTO f FROM files x WHERE x.id = (p_arguments->>'file_id')::uuid AND x.key IS NOT NULL FOR UPDATE;
  outcome := CASE WHEN f.id IS NULL THEN 2 WHEN f.scan IS DISTINCT FROM 'held' OR f.state = 'removed' THEN 3 ELSE 0 END;
  IF outcome > 0 THEN
    RETURN;
  END IF;
  IF p_arguments->>'decision' = 'remove' THEN
    UPDATE files x SET state = 'removed', due_at = now() WHERE x.id = f.id RETURNING * INTO f;
  ELSE -- a picture still says where it was taken, unless the classifier has seen it as it is handed out: what came is gone then
    UPDATE files x SET scan = 'clean', moved = false,
        state = CASE WHEN x.kind = 'image' AND file_clean(x) IS NULL THEN 'processing' ELSE x.state END
      WHERE x.id = f.id RETURNING * INTO f;
    IF f.state = 'processing' THEN
      PERFORM job_add('media.process', f.id::text, now());
    END IF;
  END IF;
  PERFORM event_add('file.updated', 'user', NULL, f.user_id, json_build_object('file_id', f.id));
  PERFORM file_retell(f.id);
  result := file_held_json(f);
END $$;

-- ---- Keys, and room ---------------------------------------------------------------------------------------

-- Files whose keys another master key than p_newest has encrypted.
CREATE FUNCTION file_old_keys(p_newest text, p_limit int) RETURNS TABLE (id uuid, key text, key_name text)
LANGUAGE plpgsql STABLE AS $$
#variable_conflict use_column
BEGIN
  RETURN QUERY
    (SELECT f.id, f.key, f.key_name FROM files f WHERE f.key_name < p_newest ORDER BY f.key_name LIMIT p_limit)
    UNION ALL
    (SELECT f.id, f.key, f.key_name FROM files f WHERE f.key_name > p_newest ORDER BY f.key_name LIMIT p_limit)
    LIMIT p_limit;
END $$;

-- Their keys, encrypted by p_newest: how many.
CREATE FUNCTION file_rewrap(p_ids uuid[], p_keys text[], p_newest text) RETURNS bigint
LANGUAGE plpgsql AS $$
DECLARE
  renewed bigint;
BEGIN
  UPDATE files f SET key = p_keys[array_position(p_ids, f.id)], key_name = p_newest
    WHERE f.id = ANY (p_ids) AND f.key IS NOT NULL;
  GET DIAGNOSTICS renewed = ROW_COUNT;
  RETURN renewed;
END $$;

-- What p_user has uploaded; NULL: what all files take.
CREATE FUNCTION file_used(p_user uuid) RETURNS bigint
LANGUAGE plpgsql STABLE AS $$
BEGIN
  RETURN coalesce((SELECT u.bytes FROM file_usage u
                     WHERE u.user_id = coalesce(p_user, '00000000-0000-0000-0000-000000000000')), 0);
END $$;

-- ---- Where files lie --------------------------------------------------------------------------------------

-- Files that are complete and may have to go elsewhere, with what was made of them.
CREATE FUNCTION file_unmoved(p_limit int) RETURNS TABLE (id uuid, parts text)
LANGUAGE plpgsql STABLE AS $$
#variable_conflict use_column
BEGIN
  RETURN QUERY SELECT f.id, f.parts::text FROM files f
    WHERE NOT f.moved AND f.state = 'complete' AND (f.scan IS NULL OR f.scan <> 'pending') AND f.key IS NOT NULL
    ORDER BY f.id LIMIT p_limit;
END $$;

CREATE FUNCTION file_moved(p_ids uuid[]) RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
  PERFORM file_measure(f, file_clean(f) IS NULL) FROM files f WHERE f.id = ANY (p_ids) AND f.key IS NOT NULL;
  UPDATE files f SET moved = true WHERE f.id = ANY (p_ids);
END $$;
