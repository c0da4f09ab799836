-- SPDX-License-Identifier: GPL-3.0-or-later
-- Translations of messages (decision 0081). Who sees a message may have it in another language; what the service has said
-- of this version of it is kept, and goes with the message. Functions that write are for the holder of the log.

-- How often the message was edited.
CREATE FUNCTION translation_version(m messages) RETURNS int
LANGUAGE sql STABLE AS $$
  SELECT coalesce((SELECT max(v.version) FROM message_versions v WHERE v.message_id = m.id), 0)
$$;

-- What the API shows of one.
CREATE FUNCTION translation_shown(t translations) RETURNS jsonb
LANGUAGE sql IMMUTABLE AS $$
  SELECT jsonb_build_object('message_id', t.message_id, 'language', t.language, 'content', t.content, 'source_language', t.source,
                            'provider', t.provider)
$$;

-- One row: shown: it is there already; else, by outcome as in change.sql: 0: body, of that version, is to be translated; 2: for
-- p_user there is no such message; 3: it has no text; 5: somebody does not want that, `refused` as of assist_refusal().
CREATE FUNCTION translation_find(p_user uuid, p_message uuid, p_language text)
RETURNS TABLE (outcome int, shown jsonb, body text, version int, refused text)
LANGUAGE plpgsql STABLE AS $$
#variable_conflict use_column
DECLARE
  m messages := message_for(p_user, p_message);
  now_ int := translation_version(m);
  refused_ text := assist_refusal(p_user, coalesce(m.sender_id, p_user));
BEGIN
  RETURN QUERY SELECT CASE WHEN m.id IS NULL THEN 2 WHEN m.body IS NULL OR m.deleted_at IS NOT NULL THEN 3
                           WHEN refused_ IS NOT NULL THEN 5 ELSE 0 END,
    (SELECT translation_shown(t) FROM translations t
       WHERE t.message_id = m.id AND t.language = p_language AND t.version = now_ AND m.deleted_at IS NULL),
    m.body, now_, refused_;
END $$;

-- The service has said it: { message_id, language, version, content, source, provider }. 2: the message is gone meanwhile, or
-- hidden from p_user. What is of an older version is told, and not kept; of a message at most 50 are.
CREATE FUNCTION change_translation_put(p_user uuid, p_arguments jsonb, OUT outcome int, OUT result jsonb)
LANGUAGE plpgsql AS $$
DECLARE
  t translations := jsonb_populate_record(NULL::translations, p_arguments);
  m messages := message_for(p_user, t.message_id);
BEGIN
  outcome := CASE WHEN m.id IS NULL OR m.deleted_at IS NOT NULL THEN 2 ELSE 1 END;
  IF outcome = 2 THEN
    RETURN;
  END IF;
  t.at := clock_timestamp();
  result := translation_shown(t);
  IF t.version = translation_version(m)
     AND (SELECT count(*) FROM translations x WHERE x.message_id = m.id AND x.language <> t.language) < 50 THEN
    INSERT INTO translations SELECT t.*
      ON CONFLICT (message_id, language) DO UPDATE SET version = excluded.version, content = excluded.content,
        source = excluded.source, provider = excluded.provider, at = excluded.at;
  END IF;
END $$;
