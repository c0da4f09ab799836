-- SPDX-License-Identifier: GPL-3.0-or-later
-- Previews of links (decision 0089): details.link_preview of a message is { url, title, description, site_name, image_hash or
-- image_file_id }, from its sender's app; or { url, fetch }: what the page says is added when it is known. link_previews
-- is what is known of pages. Functions that write to messages are for the holder of the log.

CREATE FUNCTION link_digest(p_url text) RETURNS bytea
LANGUAGE sql IMMUTABLE AS $$
  SELECT sha256(convert_to(p_url, 'UTF8'))
$$;

-- What is known of the page; found false: that there is nothing. No row: it is not known, or not any more.
CREATE FUNCTION link_find(p_url text) RETURNS TABLE (found boolean, preview preview_view)
LANGUAGE plpgsql STABLE AS $$
BEGIN
  RETURN QUERY
    SELECT l.found, CASE WHEN l.found THEN ROW(l.url, l.title, l.description, l.site, l.image_hash, NULL)::preview_view END
      FROM link_previews l WHERE l.digest = link_digest(p_url) AND l.expires_at > now();
END $$;

-- What p_facts ({ title, description, site, image_hash }; NULL: nothing) says of the page is believed for p_seconds.
CREATE FUNCTION link_store(p_url text, p_facts jsonb, p_seconds bigint) RETURNS preview_view
LANGUAGE plpgsql AS $$
DECLARE
  l link_previews;
BEGIN
  INSERT INTO link_previews AS x (digest, url, title, description, site, image_hash, found, expires_at)
    VALUES (link_digest(p_url), p_url, p_facts->>'title', p_facts->>'description', p_facts->>'site',
            (SELECT p.hash FROM pictures p WHERE p.hash = p_facts->>'image_hash'), p_facts IS NOT NULL,
            now() + make_interval(secs => p_seconds))
    ON CONFLICT (digest) DO UPDATE SET title = excluded.title, description = excluded.description, site = excluded.site,
      image_hash = excluded.image_hash, found = excluded.found, expires_at = excluded.expires_at
    RETURNING * INTO l;
  RETURN CASE WHEN l.found THEN ROW(l.url, l.title, l.description, l.site, l.image_hash, NULL)::preview_view END;
END $$;

-- Whether the message may have the preview that it comes with; carried_accept() goes on here.
CREATE FUNCTION link_accept(o members, p_details jsonb) RETURNS jsonb
LANGUAGE plpgsql STABLE AS $$
DECLARE
  f files;
BEGIN
  IF p_details->'link_preview' ? 'image_file_id' THEN
    SELECT * INTO f FROM files x
      WHERE x.id = (p_details #>> '{link_preview,image_file_id}')::uuid AND x.user_id = o.user_id AND x.kind = 'image';
    IF f.id IS NULL THEN
      RETURN content_refused('/link_preview/image_file_id', 'is no picture of yours');
    ELSIF f.state = 'processing' OR f.scan = 'pending' THEN
      RETURN content_refused('/link_preview/image_file_id', 'is still being looked at', 3) || '{"wait": true}';
    ELSIF f.state <> 'complete' OR f.scan IN ('infected', 'held') OR f.due_at <= now() + interval '10 seconds' THEN
      RETURN content_refused('/link_preview/image_file_id', 'is not there, or nobody may have it', 3);
    END IF;
  END IF;
  RETURN p_details;
END $$;

-- The message is stored: its picture is kept for as long, and what is to be fetched is.
CREATE FUNCTION link_follow(m messages) RETURNS void
LANGUAGE plpgsql AS $$
DECLARE
  preview jsonb := m.details->'link_preview';
BEGIN
  IF preview ? 'image_file_id' THEN
    INSERT INTO attachments (message_id, n, file_id, conversation_id, seq, kind)
      VALUES (m.id, 0, (preview->>'image_file_id')::uuid, m.conversation_id, m.seq, 'preview') ON CONFLICT DO NOTHING;
    UPDATE files f SET due_at = f.expires_at WHERE f.id = (preview->>'image_file_id')::uuid AND f.state <> 'removed';
  ELSIF preview ? 'image_hash' THEN
    INSERT INTO message_pictures (message_id, image_hash) VALUES (m.id, preview->>'image_hash') ON CONFLICT DO NOTHING;
  ELSIF preview ? 'fetch' THEN
    PERFORM job_add('link.preview', m.id::text, now());
  END IF;
END $$;

-- The message shows no preview any more.
CREATE FUNCTION link_forget(p_messages uuid[]) RETURNS void
LANGUAGE plpgsql AS $$
DECLARE
  lost uuid[];
BEGIN
  WITH gone AS (DELETE FROM attachments a WHERE a.message_id = ANY (p_messages) AND a.kind = 'preview' RETURNING a.file_id)
    SELECT array_agg(g.file_id) INTO lost FROM gone g;
  UPDATE files f SET state = 'removed', due_at = now()
    WHERE f.id = ANY (lost) AND NOT EXISTS (SELECT FROM attachments a WHERE a.file_id = f.id);
  DELETE FROM message_pictures x WHERE x.message_id = ANY (p_messages); -- reap_pictures() does the rest
END $$;

-- What the message shows of its link.
CREATE FUNCTION link_shown(m messages) RETURNS preview_view
LANGUAGE plpgsql STABLE AS $$
DECLARE
  l jsonb := m.details->'link_preview';
BEGIN
  RETURN ROW(l->>'url', l->>'title', l->>'description', l->>'site_name', l->>'image_hash',
             (SELECT file_facts(f) FROM files f WHERE f.id = (l->>'image_file_id')::uuid))::preview_view;
END $$;

-- The link of which the message waits to show something. No row: none.
CREATE FUNCTION link_wanted(p_message uuid) RETURNS TABLE (url text)
LANGUAGE sql STABLE AS $$
  SELECT m.details #>> '{link_preview,url}' FROM messages m
    WHERE m.id = p_message AND m.details->'link_preview' ? 'fetch' AND m.deleted_at IS NULL
$$;

-- It is known, or not to be known, what that page says. Arguments: message_id. 3: nobody has asked it.
CREATE FUNCTION change_link_arrived(p_user uuid, p_arguments jsonb, OUT outcome int, OUT result jsonb)
LANGUAGE plpgsql AS $$
DECLARE
  m messages;
  l link_previews;
BEGIN
  SELECT * INTO m FROM messages x WHERE x.id = (p_arguments->>'message_id')::uuid AND x.details->'link_preview' ? 'fetch'
    AND x.deleted_at IS NULL FOR UPDATE;
  outcome := CASE WHEN m.id IS NULL THEN 1 ELSE 0 END;
  IF outcome > 0 THEN
    RETURN;
  END IF;
  SELECT * INTO l FROM link_previews x WHERE x.digest = link_digest(m.details #>> '{link_preview,url}') AND x.expires_at > now();
  IF l.digest IS NULL THEN
    outcome := 3;
    RETURN;
  END IF;
  UPDATE messages x SET details = CASE WHEN NOT l.found THEN x.details - 'link_preview' ELSE jsonb_set(x.details, '{link_preview}',
      jsonb_strip_nulls(jsonb_build_object('url', l.url, 'title', l.title, 'description', l.description, 'site_name', l.site,
                                           'image_hash', l.image_hash))) END
    WHERE x.id = m.id RETURNING * INTO m;
  IF l.image_hash IS NOT NULL THEN
    PERFORM link_follow(m);
  END IF;
  PERFORM message_changed(m, c) FROM conversations c WHERE c.id = m.conversation_id;
END $$;

-- Previews that nobody believes any more, at most p_limit.
CREATE FUNCTION reap_links(p_limit int, OUT removed bigint, OUT more boolean, OUT payload jsonb)
LANGUAGE plpgsql AS $$
BEGIN
  DELETE FROM link_previews l WHERE l.digest IN (
    SELECT x.digest FROM link_previews x WHERE x.expires_at < now() ORDER BY x.expires_at LIMIT p_limit FOR UPDATE SKIP LOCKED);
  GET DIAGNOSTICS removed = ROW_COUNT;
  more := removed >= p_limit;
END $$;

-- ---- Pictures of users ----------------------------------------------------------------------------------------

-- Where the picture of p_user lies that nobody has got yet. No row: there is none.
CREATE FUNCTION avatar_wanted(p_user uuid) RETURNS TABLE (url text)
LANGUAGE sql STABLE AS $$
  SELECT u.avatar_url FROM users u WHERE u.id = p_user AND u.avatar_copy = '' AND u.avatar_url IS NOT NULL
$$;

-- It has come. Arguments: user_id, url, hash.
CREATE FUNCTION change_avatar_arrived(p_user uuid, p_arguments jsonb, OUT outcome int, OUT result jsonb)
LANGUAGE plpgsql AS $$
DECLARE
  u users;
BEGIN
  UPDATE users x SET avatar_copy = p_arguments->>'hash', updated_at = now()
    WHERE x.id = (p_arguments->>'user_id')::uuid AND x.avatar_url = p_arguments->>'url' AND x.avatar_copy = ''
      AND EXISTS (SELECT FROM pictures p WHERE p.hash = p_arguments->>'hash')
    RETURNING * INTO u;
  outcome := CASE WHEN u.id IS NULL THEN 1 ELSE 0 END;
  IF outcome = 0 THEN
    PERFORM event_add('user.updated', 'partners', NULL, u.id);
    result := to_jsonb(user_facts(u, false));
  END IF;
END $$;
