-- SPDX-License-Identifier: GPL-3.0-or-later
-- Requests that make something and carry an Idempotency-Key: asked again, they make nothing. What was
-- made is kept, not what was answered: an answer shows what the caller may see when it is given.
-- p_once: { key, fingerprint } of the request.

-- What p_subject has made with that key in the last day. same: by the same request.
CREATE FUNCTION once_find(p_subject uuid, p_once jsonb, p_operation text, OUT known boolean,
                          OUT same boolean, OUT object text)
LANGUAGE plpgsql STABLE AS $$
BEGIN
  SELECT true, i.operation = p_operation AND i.fingerprint = (p_once->>'fingerprint')::uuid, i.object
    INTO known, same, object
    FROM idempotency i
    WHERE i.subject = p_subject AND i.key = p_once->>'key'
      AND i.at > clock_timestamp() - interval '24 hours';
  known := coalesce(known, false);
END $$;

-- Keeps the thousand newest of each subject.
CREATE FUNCTION once_keep(p_subject uuid, p_once jsonb, p_operation text, p_object text) RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
  INSERT INTO idempotency (subject, key, operation, fingerprint, object, at)
    VALUES (p_subject, p_once->>'key', p_operation, (p_once->>'fingerprint')::uuid, p_object,
            clock_timestamp())
    ON CONFLICT (subject, key) DO UPDATE
      SET operation = excluded.operation, fingerprint = excluded.fingerprint,
          object = excluded.object, at = excluded.at;
  DELETE FROM idempotency i
    WHERE i.subject = p_subject
      AND i.at < (SELECT o.at FROM idempotency o WHERE o.subject = p_subject
                    ORDER BY o.at DESC OFFSET 999 LIMIT 1);
END $$;

-- Whether a change makes something that can be asked for again; how it is called in its result.
CREATE FUNCTION once_object(p_change text, p_result jsonb) RETURNS text
LANGUAGE sql IMMUTABLE AS $$
  SELECT CASE p_change WHEN 'conversation_open' THEN p_result->>'id'
                       WHEN 'group_create' THEN p_result #>> '{conversation,id}'
                       WHEN 'call_initiate' THEN p_result #>> '{call,id}'
                       WHEN 'contact_add' THEN p_result #>> '{contact,user,id}' END
$$;

-- As p_user may see it now; NULL: no longer at all.
CREATE FUNCTION once_show(p_user uuid, p_change text, p_object text) RETURNS jsonb
LANGUAGE plpgsql STABLE AS $$
BEGIN
  RETURN CASE p_change
    WHEN 'conversation_open' THEN to_jsonb(conversation_get(p_user, p_object::uuid))
    WHEN 'group_create' THEN (
      SELECT jsonb_build_object('conversation', to_jsonb(g), 'strangers', 0)
        FROM conversation_get(p_user, p_object::uuid) g WHERE g.id IS NOT NULL)
    WHEN 'call_initiate' THEN (
      SELECT jsonb_build_object('call', call_json(p_user, c), 'row', call_row(c)::jsonb) FROM calls c
        WHERE c.id = p_object::uuid)
    WHEN 'contact_add' THEN (
      SELECT jsonb_build_object('contact', contact_json(p_user, u), 'stranger', false) || change_follows(p_user)
        FROM users u WHERE u.id = p_object::uuid)
  END;
END $$;

-- Carries out a change of which p_arguments say that it is to happen once (see change_apply).
CREATE FUNCTION once_change(p_change text, p_user uuid, p_arguments jsonb, OUT outcome int,
                            OUT result jsonb)
LANGUAGE plpgsql AS $$
DECLARE
  found_ record := once_find(p_user, p_arguments->'once', p_change);
BEGIN
  IF found_.known AND NOT found_.same THEN
    outcome := 6;
    result := jsonb_build_object('detail', 'Idempotency-Key was used for another request');
  ELSIF found_.known THEN
    result := once_show(p_user, p_change, found_.object);
    outcome := CASE WHEN result IS NULL THEN 2 ELSE 1 END;
  ELSE
    EXECUTE format('SELECT outcome, result FROM %I($1, $2)', 'change_' || p_change)
      INTO outcome, result USING p_user, p_arguments;
    IF outcome <= 1 THEN
      PERFORM once_keep(p_user, p_arguments->'once', p_change, once_object(p_change, result));
    END IF;
  END IF;
END $$;

-- user_provision() for a server key that may ask again. repeated: 0 carried out, 1 asked again: as the
-- user is now, 2 the key was used for another request.
CREATE FUNCTION user_create(p_external_id text, p_localpart text, p_domain text, p_username text,
                            p_name text, p_avatar_url text, p_once jsonb)
RETURNS TABLE (id uuid, jid text, name text, facts text, created boolean, number bigint,
               repeated int)
LANGUAGE plpgsql AS $$
DECLARE
  subject uuid := (p_once->>'subject')::uuid;
  found_ record;
  made record;
BEGIN
  IF p_once IS NOT NULL THEN
    PERFORM pg_advisory_xact_lock(hashtextextended(p_once->>'key', 0));
    found_ := once_find(subject, p_once, 'user_create');
    IF found_.known AND EXISTS (SELECT FROM users u WHERE u.id = found_.object::uuid) THEN
      RETURN QUERY SELECT r.id, r.jid, r.name, r.facts, false, r.number,
                          CASE WHEN found_.same THEN 1 ELSE 2 END
                     FROM user_row(found_.object::uuid) r;
      RETURN;
    END IF;
  END IF;
  SELECT * INTO made FROM user_provision(p_external_id, p_localpart, p_domain, p_username, p_name,
                                         p_avatar_url);
  IF made.id IS NOT NULL THEN
    IF p_once IS NOT NULL THEN
      PERFORM once_keep(subject, p_once, 'user_create', made.id::text);
    END IF;
    RETURN QUERY SELECT made.id, made.jid, made.name, made.facts, made.created, made.number, 0;
  END IF;
END $$;
