-- SPDX-License-Identifier: GPL-3.0-or-later
-- What an export lists besides conversations and messages, a line of JSON each: export_rows() reads it page by page. Whatever has a
-- column that says who somebody is stands here, or in tests/sql/test_exports.py with the reason why not. See decisions 0093 and 0123.

-- What is known of p_user himself, of which there is one.
CREATE FUNCTION export_profile(p_user uuid) RETURNS jsonb
LANGUAGE sql STABLE AS $$
  SELECT account_json(u) || jsonb_build_object('external_id', u.external_id, 'username', u.username, 'name', u.name, 'bio', u.bio,
      'avatar_url', user_picture(u), 'last_seen_at', api_time(u.last_seen_at), 'created_at', api_time(u.created_at), 'staff', u.staff,
      'privacy', privacy_json(u), 'data_sharing', sharing_json(u), 'retention', retention_json(u.id),
      'verifications', coalesce((SELECT jsonb_agg(jsonb_build_object('kind', v.kind, 'verified_at', api_time(v.verified_at)) ORDER BY v.kind)
                                   FROM verifications v WHERE v.user_id = u.id), '[]'),
      'limits', coalesce((SELECT jsonb_object_agg(l.name, l.rate) FROM user_limits l WHERE l.user_id = u.id), '{}'),
      'access', (SELECT jsonb_build_object('signed_out_at', api_time(a.signed_out_at), 'suspended_at', api_time(a.suspended_at),
                                           'suspended_until', api_time(a.suspended_until), 'reason', a.suspend_reason)
                   FROM user_access a WHERE a.user_id = u.id),
      'accepted_by', (SELECT s.accepted FROM standings s WHERE s.user_id = u.id),
      'bytes_of_files', (SELECT f.bytes FROM file_usage f WHERE f.user_id = u.id),
      'bound_since', (SELECT api_time(b.created_at) FROM bound_accounts b WHERE b.user_id = u.id))
    FROM users u WHERE u.id = p_user
$$;

-- ---- Files ----------------------------------------------------------------------------------------------

-- Where the file is in the archive. Names are somebody's, and no paths.
CREATE FUNCTION export_path(f files) RETURNS text
LANGUAGE sql IMMUTABLE AS $$
  SELECT 'files/' || f.id || '/' || coalesce(nullif(regexp_replace(left(regexp_replace(f.name,
    '[\u0001-\u001f\u007f-\u009f\u200e\u200f\u2028-\u202e\u2066-\u2069/\\:*?"<>|]', '_', 'g'), 100), '^[. ]+|[. ]+$', '', 'g'), ''), 'file')
$$;

-- Why the bytes are not in an export of p_user's; NULL: they are, if they are there when it is fetched.
CREATE FUNCTION export_without(p_user uuid, f files) RETURNS text
LANGUAGE sql STABLE AS $$
  SELECT CASE WHEN f.url IS NOT NULL AND f.key IS NULL THEN 'elsewhere'
              WHEN f.state IN ('uploading', 'error') THEN f.state
              WHEN f.key IS NULL OR f.state NOT IN ('processing', 'complete') OR f.expires_at <= now() THEN 'gone'
              WHEN f.scan IN ('infected', 'held', 'pending') THEN f.scan
              WHEN f.state = 'processing' AND f.kind = 'image' THEN 'pending' -- it still says where it was taken
              WHEN f.lock IS NOT NULL AND f.user_id <> p_user THEN 'locked' END
$$;

-- Files of p_user's, or, in the conversation p_only, those of messages that p_user sees there: each once, and none that are younger
-- than p_until.
CREATE FUNCTION export_has(p_user uuid, p_only uuid, p_after text, p_limit int, p_until timestamptz DEFAULT 'infinity')
RETURNS TABLE (key text, file files)
LANGUAGE plpgsql STABLE AS $$
#variable_conflict use_column
DECLARE
  last uuid := coalesce(user_id_of(p_after), '00000000-0000-0000-0000-000000000000');
  seq_ bigint := 0;
  n_ int := 0;
BEGIN
  IF p_only IS NULL THEN
    RETURN QUERY SELECT f.id::text, f FROM files f WHERE f.user_id = p_user AND f.id > last AND f.created_at <= p_until ORDER BY f.id LIMIT p_limit;
    RETURN;
  END IF;
  IF p_after IS NOT NULL THEN
    seq_ := split_part(p_after, ' ', 1)::bigint;
    n_ := split_part(p_after, ' ', 2)::int;
  END IF;
  RETURN QUERY
    SELECT a.seq || ' ' || a.n, f FROM members o
      JOIN attachments a ON a.conversation_id = o.conversation_id AND (a.seq, a.n) > (seq_, n_) AND a.seq > o.cleared_seq
      JOIN files f ON f.id = a.file_id AND f.created_at <= p_until
      WHERE o.conversation_id = p_only AND o.user_id = p_user AND o.state = 'joined'
        AND NOT (o.hides AND hidden_is(p_user, a.conversation_id, a.seq))
        AND NOT EXISTS (SELECT FROM attachments b WHERE b.file_id = a.file_id AND b.conversation_id = a.conversation_id
                          AND b.seq > o.cleared_seq AND (b.seq, b.n) < (a.seq, a.n)
                          AND NOT (o.hides AND hidden_is(p_user, b.conversation_id, b.seq)))
      ORDER BY a.seq, a.n LIMIT p_limit;
END $$;

CREATE FUNCTION export_rows_files(p_user uuid, p_only uuid, p_after text, p_limit int) RETURNS TABLE (key text, line text)
LANGUAGE sql STABLE AS $$
  SELECT h.key, (jsonb_build_object('id', (h.file).id, 'user_id', (h.file).user_id, 'filename', (h.file).name, 'mime_type', (h.file).type,
      'size', (h.file).size, 'sha256', (h.file).sha256, 'kind', (h.file).kind, 'purpose', (h.file).purpose, 'state', (h.file).state,
      'url', (h.file).url, 'created_at', api_time((h.file).created_at), 'expires_at', api_time((h.file).expires_at))
      || CASE WHEN w.without IS NULL THEN jsonb_build_object('path', export_path(h.file)) ELSE jsonb_build_object('without', w.without) END)::text
    FROM export_has(p_user, p_only, p_after, p_limit) h CROSS JOIN LATERAL (SELECT export_without(p_user, h.file) AS without OFFSET 0) w
$$;

-- ---- What p_user has done -------------------------------------------------------------------------------

-- By which p_user stands where: groups that were left, and invitations, are among them.
CREATE FUNCTION export_rows_memberships(p_user uuid, p_after uuid, p_limit int) RETURNS TABLE (key text, line text)
LANGUAGE sql STABLE AS $$
  SELECT m.conversation_id::text, jsonb_strip_nulls(jsonb_build_object('conversation_id', m.conversation_id, 'kind', c.kind, 'name', c.name,
      'role', m.role, 'state', m.state, 'permissions', m.permissions, 'joined_at', api_time(m.joined_at), 'invited_by', m.invited_by,
      'request', m.request, 'read_seq', m.read_seq, 'read_at', api_time(m.read_at), 'delivered_seq', m.delivered_seq,
      'delivered_at', api_time(m.delivered_at), 'cleared_seq', m.cleared_seq, 'nick', n.nick,
      'past_nicks', (SELECT jsonb_agg(DISTINCT p.nick) FROM past_nicks p WHERE p.conversation_id = m.conversation_id AND p.user_id = m.user_id),
      'elsewhere', CASE WHEN g.user_id IS NOT NULL THEN jsonb_build_object('state', g.state, 'nick', g.nick, 'inviter', g.inviter,
                                                                           'affiliation', g.affiliation, 'role', g.role) END))::text
    FROM members m JOIN conversations c ON c.id = m.conversation_id
    LEFT JOIN nicks n ON n.conversation_id = m.conversation_id AND n.user_id = m.user_id
    LEFT JOIN guest_seats g ON g.conversation_id = m.conversation_id AND g.user_id = m.user_id
    WHERE m.user_id = p_user AND m.conversation_id > p_after ORDER BY m.conversation_id LIMIT p_limit
$$;

-- What p_user has said where p_user is no more, or has cleared: what is seen is in messages.
CREATE FUNCTION export_rows_said(p_user uuid, p_after uuid, p_limit int) RETURNS TABLE (key text, line text)
LANGUAGE sql STABLE AS $$
  SELECT m.dedupe::text, CASE WHEN m.deleted_at IS NULL AND NOT EXISTS (
        SELECT FROM members o WHERE o.conversation_id = m.conversation_id AND o.user_id = p_user AND o.state = 'joined' AND o.cleared_seq < m.seq)
      AND m.seq > c.base_seq
      THEN jsonb_strip_nulls(jsonb_build_object('id', m.id, 'conversation_id', m.conversation_id, 'message_type', m.kind, 'content', m.body, 'details', m.details,
        'created_at', api_time(m.created_at), 'edited_at', api_time(m.edited_at)))::text END
    FROM messages m JOIN conversations c ON c.id = m.conversation_id
    WHERE m.sender_id = p_user AND m.dedupe IS NOT NULL AND m.dedupe > p_after ORDER BY m.dedupe LIMIT p_limit
$$;

CREATE FUNCTION export_rows_done(p_user uuid, p_kind text, p_after text, p_limit int) RETURNS TABLE (key text, line text)
LANGUAGE plpgsql STABLE AS $$
#variable_conflict use_column
DECLARE
  last uuid := coalesce(user_id_of(split_part(p_after, ' ', 1)), '00000000-0000-0000-0000-000000000000');
BEGIN
  CASE p_kind
    WHEN 'reactions' THEN
      RETURN QUERY SELECT r.message_id::text, jsonb_build_object('message_id', r.message_id, 'emoji', r.emoji, 'at', api_time(r.said_at))::text
        FROM reactions r WHERE r.user_id = p_user AND r.message_id > last ORDER BY r.message_id LIMIT p_limit;
    WHEN 'votes' THEN
      RETURN QUERY SELECT v.message_id::text, jsonb_build_object('message_id', v.message_id, 'options', v.options, 'at', api_time(v.at))::text
        FROM votes v WHERE v.user_id = p_user AND v.message_id > last ORDER BY v.message_id LIMIT p_limit;
    WHEN 'forwarded' THEN
      RETURN QUERY SELECT x.message_id::text, jsonb_build_object('message_id', x.message_id, 'times', x.count)::text
        FROM forwards x WHERE x.user_id = p_user AND x.message_id > last ORDER BY x.message_id LIMIT p_limit;
    WHEN 'reports' THEN
      RETURN QUERY SELECT r.id::text, jsonb_build_object('id', r.id, 'at', api_time(r.at), 'target_type', r.target_type, 'target', r.target,
          'conversation_id', r.conversation_id, 'reason', r.reason, 'comment', r.comment, 'state', r.state, 'closed_at', api_time(r.closed_at))::text
        FROM reports r WHERE r.reporter = p_user AND r.id > last ORDER BY r.id LIMIT p_limit;
    WHEN 'hidden' THEN
      RETURN QUERY SELECT h.conversation_id || ' ' || h.seq, jsonb_build_object('conversation_id', h.conversation_id, 'message_id', h.message_id)::text
        FROM members m CROSS JOIN LATERAL (
          SELECT x.* FROM hidden x WHERE x.conversation_id = m.conversation_id AND x.user_id = p_user
              AND (x.conversation_id, x.seq) > (last, coalesce(nullif(split_part(p_after, ' ', 2), '')::bigint, 0)) ORDER BY x.seq LIMIT p_limit) h
        WHERE m.user_id = p_user AND m.conversation_id >= last ORDER BY m.conversation_id, h.seq LIMIT p_limit;
    WHEN 'found' THEN
      RETURN QUERY SELECT f.peer_id::text, jsonb_build_object('user_id', f.peer_id, 'jid', u.jid, 'at', api_time(f.at))::text
        FROM found f JOIN users u ON u.id = f.peer_id WHERE f.user_id = p_user AND f.peer_id > last ORDER BY f.peer_id LIMIT p_limit;
    WHEN 'consents' THEN
      RETURN QUERY SELECT c.export_id::text, jsonb_build_object('export_id', c.export_id, 'conversation_id', x.conversation_id, 'state', c.state,
          'at', api_time(c.at))::text
        FROM export_consents c JOIN exports x ON x.id = c.export_id WHERE c.user_id = p_user AND c.export_id > last ORDER BY c.export_id LIMIT p_limit;
    WHEN 'exports' THEN
      RETURN QUERY SELECT x.id::text, jsonb_build_object('id', x.id, 'conversation_id', x.conversation_id, 'state', x.state,
          'created_at', api_time(x.created_at), 'ended_at', api_time(x.ended_at))::text
        FROM exports x WHERE x.user_id = p_user AND x.asked_by IS NULL AND x.expires_at > '-infinity' AND x.id > last ORDER BY x.id LIMIT p_limit;
    WHEN 'bookmarks' THEN
      RETURN QUERY SELECT b.room, jsonb_build_object('room', b.room, 'name', b.name, 'nick', b.nick, 'autojoin', b.autojoin)::text
        FROM bound_bookmarks b WHERE b.user_id = p_user AND b.room > coalesce(p_after, '') ORDER BY b.room LIMIT p_limit;
    WHEN 'audit' THEN -- what p_user has done, as staff, and when p_user has signed in; not what was done about p_user
      RETURN QUERY SELECT a.id::text, jsonb_build_object('at', api_time(a.at), 'action', a.action, 'reason', a.reason)::text
        FROM users u JOIN audit a ON a.actor_name = u.jid AND a.id > coalesce(p_after, '0')::bigint
        WHERE u.id = p_user AND a.actor = p_user ORDER BY a.id LIMIT p_limit;
    WHEN 'activity' THEN
      RETURN QUERY SELECT to_char(a.day, 'YYYY-MM-DD') || ' ' || a.conversation_id, jsonb_build_object('conversation_id', a.conversation_id, 'day', a.day,
          'messages', a.messages, 'first_at', api_time(a.first_at), 'last_at', api_time(a.last_at))::text
        FROM activity a WHERE a.who = p_user AND a.named AND (p_after IS NULL OR (a.day, a.conversation_id)
            > (split_part(p_after, ' ', 1)::date, user_id_of(split_part(p_after, ' ', 2)))) ORDER BY a.day, a.conversation_id LIMIT p_limit;
    WHEN 'call-quality' THEN
      RETURN QUERY SELECT s.call_id || ' ' || time_to_microseconds(s.at), jsonb_build_object('call_id', s.call_id, 'at', api_time(s.at), 'rtt_ms', s.rtt_ms,
          'jitter_ms', s.jitter_ms, 'loss', s.loss, 'bitrate', s.bitrate)::text
        FROM call_participants p CROSS JOIN LATERAL (
          SELECT x.* FROM call_samples x WHERE x.call_id = p.call_id AND x.user_id = p_user
              AND (x.call_id, x.at) > (last, time_from_microseconds(coalesce(nullif(split_part(p_after, ' ', 2), ''), '0')::bigint)) ORDER BY x.at LIMIT p_limit) s
        WHERE p.user_id = p_user AND p.call_id >= last ORDER BY p.call_id, s.at LIMIT p_limit;
  END CASE;
END $$;
