-- SPDX-License-Identifier: GPL-3.0-or-later
-- Files of messages (decision 0076): details.attachments is [file id], in the order in which they are shown. The table
-- attachments says the same the other way round. On XMPP each file is a stanza of its own, and so is a text beside them:
-- the first one is the message's, the others are entries of kind part. Functions that write are for the holder of the log.

-- What kind of message one with these files is.
CREATE FUNCTION attachment_type(p_files files[]) RETURNS text
LANGUAGE sql STABLE AS $$
  SELECT CASE WHEN bool_and(f.purpose = 'voice') THEN 'voice'
              WHEN bool_and(f.kind IN ('image', 'video')) THEN 'media' ELSE 'file' END
    FROM unnest(p_files) f
$$;

-- What a message may carry of files; see content_accept(). Own ones that are there, or, of what is said again
-- (forwarded), any: who says it sees the message that has them.
CREATE FUNCTION attachment_accept(o members, p_details jsonb) RETURNS jsonb
LANGUAGE plpgsql STABLE AS $$
DECLARE
  f files;
  found_ files[] := '{}';
  one record;
  type text;
BEGIN
  FOR one IN SELECT x.id, x.n - 1 AS n FROM jsonb_array_elements_text(p_details->'attachments') WITH ORDINALITY x (id, n)
               ORDER BY x.n LOOP
    SELECT * INTO f FROM files x WHERE x.id = one.id::uuid AND (x.user_id = o.user_id OR p_details ? 'forwarded');
    IF f.id IS NULL THEN
      RETURN content_refused('/attachments/' || one.n, 'is no file of yours');
    ELSIF f.state = 'uploading' THEN
      RETURN content_refused('/attachments/' || one.n, 'is not complete yet', 3);
    ELSIF (f.state = 'processing' AND f.kind IN ('image', 'audio')) OR f.scan = 'pending' THEN -- its sender waits for that
      RETURN content_refused('/attachments/' || one.n, 'is still being looked at', 3) || '{"wait": true}';
    ELSIF f.state NOT IN ('processing', 'complete', 'remote') OR f.expires_at <= now() OR f.due_at <= now() + interval '10 seconds' THEN
      RETURN content_refused('/attachments/' || one.n, 'is gone', 3);
    ELSIF f.scan = 'infected' THEN
      RETURN content_refused('/attachments/' || one.n, 'is infected');
    ELSIF f.scan = 'held' THEN
      RETURN content_refused('/attachments/' || one.n, 'is held back', 3);
    END IF;
    found_ := found_ || f;
  END LOOP;
  type := p_details->>'type';
  IF type = 'voice' AND (cardinality(found_) > 1 OR found_[1].kind <> 'audio') THEN
    RETURN content_refused('/message_type', 'a voice message is one sound');
  END IF;
  RETURN p_details || jsonb_build_object('type', CASE WHEN type IN ('voice', 'file') THEN type ELSE attachment_type(found_) END);
END $$;

-- The message m is stored, with what p_content says: its files are its own now. p_came: by XMPP, and p_content->'files'
-- says what is known of them.
CREATE FUNCTION attachment_follow(m messages, p_content jsonb, p_came boolean) RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
  IF p_came THEN
    INSERT INTO files (id, user_id, state, purpose, kind, name, type, size, sha256, width, height, duration, waveform, url)
      SELECT x.id, m.sender_id, 'remote', x.purpose, x.kind, x.name, x.type, coalesce(x.size, 0), x.sha256, x.width, x.height, x.duration,
             x.waveform, x.url
        FROM jsonb_to_recordset(p_content->'files') x (id uuid, purpose text, kind text, name text, type text, size bigint,
               sha256 text, width int, height int, duration int, waveform text, url text)
      ON CONFLICT (id) DO NOTHING;
    IF current_setting('trestle.files', true) = 'fetch' THEN
      PERFORM job_add('file.fetch', f.id::text, now()) FROM jsonb_array_elements_text(p_content->'attachments') x (id)
        JOIN files f ON f.id = x.id::uuid AND f.state = 'remote' AND f.problem IS NULL;
    END IF;
  END IF;
  INSERT INTO attachments (message_id, n, file_id, conversation_id, seq, kind)
    SELECT m.id, x.n, f.id, m.conversation_id, m.seq,
           CASE WHEN f.purpose = 'voice' THEN 'voice' WHEN f.kind = 'audio' THEN 'file' ELSE f.kind END
      FROM jsonb_array_elements_text(p_content->'attachments') WITH ORDINALITY x (id, n)
      JOIN files f ON f.id = x.id::uuid
    ON CONFLICT DO NOTHING;
  UPDATE files f SET due_at = f.expires_at
    FROM jsonb_array_elements_text(p_content->'attachments') x (id) WHERE f.id = x.id::uuid AND f.state <> 'removed';
  IF NOT p_came THEN
    PERFORM attachment_parts(m, (SELECT c FROM conversations c WHERE c.id = m.conversation_id));
  END IF;
END $$;

-- The files of a message, as they are now.
CREATE FUNCTION attachment_views(m messages) RETURNS file_view[]
LANGUAGE plpgsql STABLE AS $$
BEGIN
  RETURN ARRAY(SELECT file_facts(f) FROM jsonb_array_elements_text(m.details->'attachments') WITH ORDINALITY x (id, n)
                 JOIN files f ON f.id = x.id::uuid ORDER BY x.n);
END $$;

-- The messages are gone: so are their files that no other message has. What somebody on XMPP has uploaded is known there by its
-- link, and not for whoever else has sent that here to take away: it stays for a while, as it would have without them.
CREATE FUNCTION attachment_forget(p_messages uuid[]) RETURNS void
LANGUAGE plpgsql AS $$
DECLARE
  lost uuid[];
  linked uuid[];
BEGIN
  IF holds_any() THEN
    INSERT INTO hold_files (file_id, conversation_id)
      SELECT DISTINCT a.file_id, a.conversation_id FROM attachments a
        WHERE a.message_id = ANY (p_messages) AND conversation_held(a.conversation_id)
      ON CONFLICT DO NOTHING;
  END IF;
  WITH gone AS (DELETE FROM attachments a WHERE a.message_id = ANY (p_messages) RETURNING a.file_id, a.message_id)
    SELECT array_agg(g.file_id), array_agg(g.file_id) FILTER (WHERE f.url IS NULL AND u.kind <> 'hosted' AND m.sender_id <> u.id)
      INTO lost, linked
      FROM gone g JOIN messages m ON m.id = g.message_id JOIN files f ON f.id = g.file_id JOIN users u ON u.id = f.user_id;
  UPDATE files f SET state = CASE WHEN f.id = ANY (linked) THEN f.state ELSE 'removed' END,
      due_at = CASE WHEN f.id = ANY (linked) AND f.state <> 'removed' THEN least(now() + interval '30 days', f.expires_at) ELSE now() END
    WHERE f.id = ANY (lost) AND NOT EXISTS (SELECT FROM attachments a WHERE a.file_id = f.id);
  PERFORM link_forget(p_messages);
END $$;

-- ---- XMPP -----------------------------------------------------------------------------------------------

-- What a message that came by XMPP carries, and what its text is then. p_details: attachments (ids), files: [{ id, url,
-- name, type, kind, size, … }], caption: what else it says (or missing).
CREATE FUNCTION attachment_arrived(p_details jsonb, OUT details jsonb, OUT body text)
LANGUAGE plpgsql STABLE AS $$
DECLARE
  -- What was uploaded here, by whoever knows its path, is no file of others.
  ours jsonb := (SELECT jsonb_object_agg(x->>'id', f.id) FROM jsonb_array_elements(p_details->'files') x
                   JOIN files f ON f.path = substring(x->>'url' from '/f/([A-Za-z0-9_-]{22})[./]') AND f.state IN ('processing', 'complete'));
BEGIN
  details := p_details - 'caption' || jsonb_build_object('type', (
    SELECT CASE WHEN bool_and(x->>'purpose' = 'voice') THEN 'voice' WHEN bool_and(x->>'kind' IN ('image', 'video')) THEN 'media'
                ELSE 'file' END FROM jsonb_array_elements(p_details->'files') x));
  body := p_details->>'caption';
  IF ours IS NOT NULL THEN
    details := details || jsonb_build_object(
      'files', (SELECT coalesce(jsonb_agg(x), '[]') FROM jsonb_array_elements(p_details->'files') x WHERE NOT ours ? (x->>'id')),
      'attachments', (SELECT jsonb_agg(coalesce(ours->>x.id, x.id) ORDER BY x.n)
                        FROM jsonb_array_elements_text(p_details->'attachments') WITH ORDINALITY x (id, n)));
  END IF;
END $$;

-- What the stanza of the n-th file of a message says.
CREATE FUNCTION attachment_file_wire(m messages, p_n int) RETURNS jsonb
LANGUAGE plpgsql STABLE AS $$
DECLARE
  f files;
  shown jsonb;
BEGIN
  SELECT * INTO f FROM files x WHERE x.id = (m.details #>> ARRAY['attachments', (p_n - 1)::text])::uuid;
  -- What every client can show stands for what few can.
  shown := (SELECT x FROM jsonb_array_elements(f.parts) x WHERE x->>'name' IN ('wide.jpeg', 'wide.png', 'wide.mp4', 'wide.ogg') LIMIT 1);
  shown := coalesce(shown, file_clean(f));
  RETURN jsonb_strip_nulls(jsonb_build_object(
    'url', f.url, 'path', f.path, 'part', nullif(shown->>'name', 'clean'), 'name', f.name, 'type', coalesce(shown->>'type', f.type),
    'size', CASE WHEN shown IS NOT NULL THEN (shown->>'size')::bigint WHEN f.state <> 'processing' THEN nullif(f.size, 0) END, 'kind', f.kind, 'voice', nullif(f.purpose = 'voice', false),
    'width', coalesce((shown->>'width')::int, f.width), 'height', coalesce((shown->>'height')::int, f.height), 'duration', f.duration,
    'waveform', f.waveform, 'locked', nullif(f.lock IS NOT NULL, false), 'sha256', CASE WHEN shown IS NOT NULL THEN shown->>'sha256' WHEN f.state <> 'processing' THEN f.sha256 END,
    'thumbnail', (SELECT x FROM jsonb_array_elements(f.parts) x WHERE x->>'name' = '300.jpeg')));
END $$;

-- What the n-th stanza of a message says, of which there are attachment_count(): its n-th file, or the text.
CREATE FUNCTION attachment_part(m messages, p_n int) RETURNS jsonb
LANGUAGE plpgsql STABLE AS $$
DECLARE
  album jsonb := jsonb_build_object('id', m.id, 'n', p_n, 'of', attachment_count(m));
BEGIN
  RETURN CASE WHEN p_n <= jsonb_array_length(m.details->'attachments')
              THEN jsonb_build_object('file', attachment_file_wire(m, p_n))
              ELSE jsonb_build_object('body', m.body) END
      || CASE WHEN attachment_count(m) > 1 THEN jsonb_build_object('album', album) ELSE '{}' END;
END $$;

CREATE FUNCTION attachment_count(m messages) RETURNS int
LANGUAGE sql IMMUTABLE AS $$
  SELECT jsonb_array_length(m.details->'attachments') + CASE WHEN m.body IS NULL THEN 0 ELSE 1 END
$$;

-- What the message's own stanza says: its first file, without a quote, since its text has to be the link alone.
CREATE FUNCTION attachment_wire(m messages, p_wire jsonb) RETURNS jsonb
LANGUAGE plpgsql STABLE AS $$
BEGIN
  RETURN (p_wire - '{attachments,files,body,mentions}'::text[]) || attachment_part(m, 1)
      || CASE WHEN p_wire ? 'reply' THEN jsonb_build_object('reply', (p_wire->'reply') - 'quote') ELSE '{}' END;
END $$;

-- The other stanzas of the message, each behind the one before, and behind the message.
CREATE FUNCTION attachment_parts(m messages, c conversations) RETURNS void
LANGUAGE plpgsql AS $$
DECLARE
  place bigint;
  wire jsonb;
  made uuid;
BEGIN
  FOR n IN 2 .. attachment_count(m) LOOP
    place := (log_advance(1)).ret_before + 1;
    wire := attachment_part(m, n);
    made := entry_add(place, c.id, 'part', m.sender_id, m.id, jsonb_build_object('content', wire));
    IF conversation_reach(c, m.sender_id) IS NOT NULL THEN
      PERFORM outbox_add(place, 'part', m.sender_id, ARRAY[conversation_reach(c, m.sender_id)], m.id, made::text, wire::text);
    END IF;
  END LOOP;
END $$;
