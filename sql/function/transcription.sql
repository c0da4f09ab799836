-- SPDX-License-Identifier: GPL-3.0-or-later
-- What is said in voice messages, as text (decision 0100). A row of transcriptions stands for one that is under way; what came of it
-- is details.transcription of the message: { status: complete or failed, language, text, provider }, seen by all who see the message,
-- and goes with it. Functions that write are for the holder of the log.

-- The sound of a voice message. A row of NULLs: it has none, nobody gets it, or it was encrypted for who hears it.
CREATE FUNCTION transcription_file(m messages) RETURNS files
LANGUAGE plpgsql STABLE AS $$
DECLARE
  f files;
BEGIN
  IF m.kind = 'voice' AND m.deleted_at IS NULL THEN
    SELECT x.* INTO f FROM attachments a JOIN files x ON x.id = a.file_id
      WHERE a.message_id = m.id AND a.n = 1 AND x.kind = 'audio' AND x.key IS NOT NULL AND x.lock IS NULL
        AND x.state IN ('processing', 'complete') AND coalesce(x.scan, 'clean') IN ('pending', 'clean')
        AND coalesce(x.url, '') NOT LIKE 'aesgcm:%' AND coalesce(x.expires_at > now(), true);
  END IF;
  RETURN f;
END $$;

-- What the API answers.
CREATE FUNCTION transcription_shown(p_message uuid, p_said jsonb) RETURNS jsonb
LANGUAGE sql IMMUTABLE AS $$
  SELECT jsonb_build_object('message_id', p_message, 'status', coalesce(p_said->>'status', 'pending'), 'language', p_said->'language',
                            'text', p_said->'text', 'provider', p_said->'provider')
$$;

-- p_said becomes what is known of the sound of m, and all who see m are told.
CREATE FUNCTION transcription_keep(m messages, p_said jsonb) RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
  DELETE FROM transcriptions t WHERE t.message_id = m.id;
  UPDATE messages x SET details = coalesce(x.details, '{}') || jsonb_build_object('transcription', p_said) WHERE x.id = m.id;
  PERFORM message_changed(m, (SELECT c FROM conversations c WHERE c.id = m.conversation_id));
END $$;

-- p_user wants to read a voice message. Arguments: message_id, language (that is spoken; may be missing), off (there is no service). The
-- result is its transcription: pending (0), or what there is already (1, or 0 if only now), of it or of another message with the same
-- sound; or { off }. 2: for p_user there is no such message; 3: it is no sound that the service may have; 5: somebody does not want that:
-- { refused } as of assist_refusal().
CREATE FUNCTION change_transcription_ask(p_user uuid, p_arguments jsonb, OUT outcome int, OUT result jsonb)
LANGUAGE plpgsql AS $$
DECLARE
  m messages := message_for(p_user, (p_arguments->>'message_id')::uuid);
  f files := transcription_file(m);
  said jsonb := m.details->'transcription';
  refused text := assist_refusal(p_user, coalesce(m.sender_id, p_user));
BEGIN
  outcome := CASE WHEN m.id IS NULL THEN 2
                  WHEN said->>'status' = 'complete' AND m.deleted_at IS NULL THEN 1
                  WHEN f.id IS NULL AND NOT (p_arguments ? 'off' AND m.kind = 'voice') THEN 3
                  WHEN refused IS NOT NULL THEN 5 ELSE 0 END;
  IF outcome = 5 THEN
    result := jsonb_build_object('refused', refused);
    RETURN;
  ELSIF outcome = 0 AND p_arguments ? 'off' THEN
    result := '{"off": true}';
    RETURN;
  ELSIF outcome = 0 AND NOT EXISTS (SELECT FROM transcriptions t WHERE t.message_id = m.id) THEN
    said := (SELECT x.details->'transcription' FROM attachments a JOIN messages x ON x.id = a.message_id
               WHERE a.file_id = f.id AND x.details->'transcription'->>'status' = 'complete' LIMIT 1);
    IF said IS NULL THEN
      INSERT INTO transcriptions (message_id, state, language) VALUES (m.id, 'asked', p_arguments->>'language');
      PERFORM job_add('message.transcribe', m.id::text, now());
    ELSE
      PERFORM transcription_keep(m, said);
    END IF;
  END IF;
  IF outcome < 2 THEN
    result := transcription_shown(m.id, CASE WHEN said->>'status' = 'complete' THEN said END);
  END IF;
END $$;

-- The service is about to be asked about a message; p_token: digest of what it may answer by. No row: nobody wants that any more. late: it has
-- not answered in time; without a file: there is no sound any more.
CREATE FUNCTION transcription_begin(p_message uuid, p_token text)
RETURNS TABLE (late boolean, language text, file_id uuid, name text, type text, size bigint, duration int, ready boolean)
LANGUAGE plpgsql AS $$
#variable_conflict use_column
DECLARE
  f files := transcription_file((SELECT m FROM messages m WHERE m.id = p_message));
BEGIN
  RETURN QUERY
    UPDATE transcriptions t SET token = CASE WHEN t.state = 'asked' THEN p_token ELSE t.token END,
        attempts = t.attempts + CASE WHEN f.state = 'complete' THEN 1 ELSE 0 END
      WHERE t.message_id = p_message
      RETURNING t.state = 'waiting', t.language, f.id, f.name, coalesce(file_clean(f)->>'type', f.type),
                coalesce((file_clean(f)->>'size')::bigint, f.size), f.duration,
                coalesce(f.state = 'complete' AND coalesce(f.scan, 'clean') = 'clean', false);
END $$;

-- It answers later, within p_seconds. (It may have done so already.)
CREATE FUNCTION transcription_wait(p_message uuid, p_token text, p_seconds int) RETURNS boolean
LANGUAGE plpgsql AS $$
BEGIN
  UPDATE transcriptions t SET state = 'waiting' WHERE t.message_id = p_message AND t.token = p_token;
  IF NOT FOUND THEN
    RETURN false;
  END IF;
  PERFORM job_add('message.transcribe', p_message::text, now() + make_interval(secs => p_seconds));
  RETURN true;
END $$;

-- What came of it: { token (the digest), or message_id, and text, language, provider; or problem: again (it did not answer), or never }.
-- The result is { again }: it is to be asked once more, since that was not the third time. 2: nobody waits for that.
CREATE FUNCTION change_transcription_end(p_user uuid, p_arguments jsonb, OUT outcome int, OUT result jsonb)
LANGUAGE plpgsql AS $$
DECLARE
  t transcriptions;
  m messages;
  again boolean;
BEGIN
  SELECT * INTO t FROM transcriptions x
    WHERE x.token = p_arguments->>'token' OR (x.message_id = (p_arguments->>'message_id')::uuid AND NOT p_arguments ? 'token') FOR UPDATE;
  SELECT * INTO m FROM messages x WHERE x.id = t.message_id AND x.deleted_at IS NULL;
  outcome := CASE WHEN m.id IS NULL THEN 2 ELSE 0 END;
  IF outcome = 2 THEN
    DELETE FROM transcriptions x WHERE x.message_id = t.message_id;
    RETURN;
  END IF;
  again := coalesce(p_arguments->>'problem' = 'again' AND t.attempts < 3, false);
  result := jsonb_build_object('again', again);
  IF NOT again THEN
    PERFORM transcription_keep(m, jsonb_strip_nulls(jsonb_build_object(
      'status', CASE WHEN p_arguments ? 'problem' THEN 'failed' ELSE 'complete' END, 'language', p_arguments->'language',
      'text', p_arguments->'text', 'provider', p_arguments->'provider')));
  END IF;
END $$;

-- The sound of p_user's that is to be written down while p_user waits. One row, by outcome as in change.sql: 2: p_user has no such
-- file; 3: it is no sound that the service may have, or nobody has looked at it yet; 5: p_user does not let the service have it.
CREATE FUNCTION dictation_find(p_user uuid, p_file uuid)
RETURNS TABLE (outcome int, name text, type text, size bigint, duration int)
LANGUAGE plpgsql STABLE AS $$
#variable_conflict use_column
DECLARE
  f files;
BEGIN
  SELECT x.* INTO f FROM files x WHERE x.id = p_file AND x.user_id = p_user;
  RETURN QUERY SELECT
    CASE WHEN f.id IS NULL THEN 2
         WHEN f.kind <> 'audio' OR f.key IS NULL OR f.lock IS NOT NULL OR f.url IS NOT NULL OR f.state <> 'complete'
              OR coalesce(f.scan, 'clean') <> 'clean' OR f.expires_at <= now() THEN 3
         WHEN assist_refusal(p_user, p_user) IS NOT NULL THEN 5 ELSE 0 END,
    f.name, coalesce(file_clean(f)->>'type', f.type), coalesce((file_clean(f)->>'size')::bigint, f.size), f.duration;
END $$;
