-- SPDX-License-Identifier: GPL-3.0-or-later
-- What users want others to see and do. The deployment's defaults are settings of the daemon's
-- connections, trestle.privacy_*; without them everything is open.

-- A user's own setting, or the default of that name.
CREATE FUNCTION privacy_value(p_own text, p_name text) RETURNS text
LANGUAGE sql STABLE AS $$
  SELECT coalesce(p_own, nullif(current_setting('trestle.privacy_' || p_name, true), ''), 'everyone')
$$;

-- Whether others are told what the user got and read.
CREATE FUNCTION privacy_receipts(p_own boolean) RETURNS boolean
LANGUAGE sql STABLE AS $$
  SELECT coalesce(p_own, nullif(current_setting('trestle.privacy_receipts', true), '')::boolean, true)
$$;

-- Whether the setting p_value lets somebody in who is, or is not, a contact.
CREATE FUNCTION privacy_allows(p_value text, p_contact boolean) RETURNS boolean
LANGUAGE sql IMMUTABLE AS $$
  SELECT p_value = 'everyone' OR (p_value = 'contacts' AND p_contact)
$$;

CREATE FUNCTION privacy_json(u users) RETURNS json
LANGUAGE sql STABLE AS $$
  SELECT json_build_object('messages', privacy_value(u.privacy_messages, 'messages'),
    'presence', privacy_value(u.privacy_presence, 'presence'),
    'last_seen', privacy_value(u.privacy_last_seen, 'last_seen'),
    'receipts', privacy_receipts(u.privacy_receipts),
    'profile', privacy_value(u.privacy_profile, 'profile'),
    'location', privacy_value(u.privacy_location, 'location'))
$$;

CREATE FUNCTION privacy_get(p_user uuid) RETURNS text
LANGUAGE sql STABLE AS $$
  SELECT privacy_json(u)::text FROM users u WHERE u.id = p_user
$$;

-- Changes the settings that p_arguments has; they were checked. The result is { privacy }. The first 1000
-- contacts are told anew whether they see the presence.
CREATE FUNCTION change_privacy(p_user uuid, p_arguments jsonb, OUT outcome int, OUT result jsonb)
LANGUAGE plpgsql AS $$
DECLARE
  old users;
  u users;
  hidden boolean;
  was_hidden boolean;
BEGIN
  SELECT * INTO old FROM users WHERE id = p_user FOR UPDATE;
  u := old;
  u.privacy_messages := coalesce(CASE p_arguments->>'messages' WHEN 'requests' THEN 'contacts' WHEN 'no_one' THEN 'nobody'
    ELSE p_arguments->>'messages' END, old.privacy_messages);
  u.privacy_presence := coalesce(p_arguments->>'presence', old.privacy_presence);
  u.privacy_last_seen := coalesce(p_arguments->>'last_seen', old.privacy_last_seen);
  u.privacy_location := coalesce(p_arguments->>'location', old.privacy_location);
  u.privacy_profile := coalesce(p_arguments->>'profile', old.privacy_profile);
  u.privacy_receipts := coalesce((p_arguments->>'receipts')::boolean, old.privacy_receipts);
  outcome := CASE WHEN u IS DISTINCT FROM old THEN 0 ELSE 1 END;
  IF outcome = 0 THEN
    UPDATE users SET privacy_messages = u.privacy_messages, privacy_presence = u.privacy_presence,
        privacy_last_seen = u.privacy_last_seen, privacy_profile = u.privacy_profile,
        privacy_receipts = u.privacy_receipts, privacy_location = u.privacy_location
      WHERE id = p_user;
    PERFORM event_add('settings.updated', 'user', NULL, p_user, '{"setting": "privacy"}');
    IF u.privacy_profile IS NOT NULL THEN -- whoever set it while an older version ran has not done this
      UPDATE conversations c SET closed = true FROM members m
        WHERE m.user_id = p_user AND c.id = m.conversation_id AND NOT c.closed;
    END IF;
  END IF;
  hidden := privacy_value(u.privacy_presence, 'presence') = 'nobody';
  was_hidden := privacy_value(old.privacy_presence, 'presence') = 'nobody';
  result := jsonb_build_object('privacy', privacy_json(u))
    || change_follows(p_user, CASE WHEN hidden <> was_hidden THEN (
      SELECT jsonb_agg(c.peer) FROM (
        SELECT x.peer FROM contacts x WHERE x.user_id = p_user AND x.from_peer
          AND NOT relation_blocks(p_user, x.peer) ORDER BY x.peer LIMIT 1000) c) END, NOT hidden);
END $$;
