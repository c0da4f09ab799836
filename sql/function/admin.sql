-- SPDX-License-Identifier: GPL-3.0-or-later
-- What administrators see of users and do to them, by whatever door. Whether they may is asked before
-- (audit_admit(), audit_refuses()).

-- The user whom p_reference names, wherever they are at home: by id, by address, or by the app's own id, in that order.
CREATE FUNCTION user_named(p_reference text) RETURNS users
LANGUAGE sql STABLE AS $$
  SELECT u FROM users u
    WHERE u.id = coalesce((SELECT x.id FROM users x WHERE x.id = user_id_of(p_reference)),
                          (SELECT x.id FROM users x WHERE x.jid = p_reference),
                          (SELECT x.id FROM users x WHERE x.external_id = p_reference))
$$;

-- The id of the one of ours whom p_reference names; NULL: nobody of ours.
CREATE FUNCTION admin_user(p_reference text) RETURNS uuid
LANGUAGE sql STABLE AS $$
  SELECT u.id FROM user_named(p_reference) u WHERE u.kind IN ('hosted', 'bound') AND u.deleted_at IS NULL
$$;

-- Whether nobody may come in as that user now.
CREATE FUNCTION access_is_suspended(a user_access) RETURNS boolean
LANGUAGE plpgsql STABLE AS $$ -- in SQL it would be planned for each request: what asks the clock becomes no part of a plan
BEGIN
  RETURN coalesce(a.suspended_at IS NOT NULL AND coalesce(a.suspended_until > clock_timestamp(), true), false);
END $$;

CREATE FUNCTION admin_user_json(u users) RETURNS jsonb
LANGUAGE sql STABLE AS $$
  SELECT jsonb_build_object('user_id', u.id, 'jid', u.jid, 'external_id', u.external_id, 'username', user_username(u),
           'name', user_name(u), 'kind', u.kind, 'staff', u.staff, 'created_at', api_time(u.created_at), 'delete_at', api_time(u.leaves_at),
           'last_seen_at', api_time(u.last_seen_at), 'suspended', access_is_suspended(a),
           'suspended_at', CASE WHEN access_is_suspended(a) THEN api_time(a.suspended_at) END,
           'suspended_until', CASE WHEN access_is_suspended(a) THEN api_time(a.suspended_until) END,
           'suspend_reason', CASE WHEN access_is_suspended(a) THEN a.suspend_reason END)
    FROM (SELECT 1) one LEFT JOIN user_access a ON a.user_id = u.id
$$;

-- Users by address: { items, has_more, next }. p_q: what the address begins with, the app's own id, or the beginning of a
-- word of the names; p_state: suspended, staff or all.
CREATE FUNCTION admin_user_list(p_q text, p_state text, p_limit int, p_after text) RETURNS text
LANGUAGE sql STABLE AS $$
  WITH chosen AS (
    (SELECT u.id, u.jid FROM users u
      WHERE p_state = 'all' AND p_q IS NULL AND u.kind IN ('hosted', 'bound') AND u.deleted_at IS NULL AND u.jid > coalesce(p_after, '')
      ORDER BY u.jid LIMIT p_limit + 1)
    UNION
    (SELECT u.id, u.jid FROM users u
      WHERE p_state = 'all' AND u.kind IN ('hosted', 'bound') AND u.deleted_at IS NULL AND u.jid > coalesce(p_after, '')
        AND u.jid >= lower(p_q) AND u.jid < lower(p_q) || chr(1114111) COLLATE "C"
      ORDER BY u.jid LIMIT p_limit + 1)
    UNION
    (SELECT u.id, u.jid FROM users u
      WHERE p_state = 'all' AND p_q IS NOT NULL AND u.id = admin_user(p_q) AND u.jid > coalesce(p_after, ''))
    UNION
    (SELECT u.id, u.jid FROM user_words w JOIN users u ON u.id = w.user_id
      WHERE p_state = 'all' AND w.word >= lower(p_q) AND w.word < lower(p_q) || chr(1114111) COLLATE "C"
        AND u.kind IN ('hosted', 'bound') AND u.deleted_at IS NULL AND u.jid > coalesce(p_after, '')
      ORDER BY u.jid LIMIT p_limit + 1)
    UNION
    (SELECT u.id, u.jid FROM user_access a JOIN users u ON u.id = a.user_id
      WHERE p_state = 'suspended' AND a.suspended_at IS NOT NULL AND access_is_suspended(a) AND u.jid > coalesce(p_after, '')
        AND (p_q IS NULL OR starts_with(u.jid, lower(p_q)))
      ORDER BY u.jid LIMIT p_limit + 1)
    UNION
    (SELECT u.id, u.jid FROM users u
      WHERE p_state = 'staff' AND u.staff <> '{}' AND u.jid > coalesce(p_after, '')
        AND (p_q IS NULL OR starts_with(u.jid, lower(p_q)))
      ORDER BY u.jid LIMIT p_limit + 1)
  ), page AS (
    SELECT u, c.jid, row_number() OVER (ORDER BY c.jid) AS k
      FROM (SELECT * FROM chosen ORDER BY jid LIMIT p_limit + 1) c JOIN users u ON u.id = c.id
  )
  SELECT json_build_object(
    'items', coalesce(json_agg(admin_user_json(u) ORDER BY k) FILTER (WHERE k <= p_limit), '[]'),
    'has_more', count(*) > p_limit,
    'next', CASE WHEN count(*) > p_limit THEN max(jid) FILTER (WHERE k = p_limit) END)::text
  FROM page
$$;

-- What there is of a user: numbers up to 10000, the sessions by cookie; not whether the user is online, which processes
-- know. No row: nobody of ours.
CREATE FUNCTION admin_user_show(p_user text) RETURNS SETOF text
LANGUAGE sql STABLE AS $$
  SELECT (admin_user_json(u) || jsonb_build_object(
    'conversations', (SELECT count(*) FROM (SELECT FROM members m WHERE m.user_id = u.id AND m.state = 'joined' LIMIT 10000) x),
    'contacts', (SELECT count(*) FROM (SELECT FROM contacts k WHERE k.user_id = u.id AND (k.to_peer OR k.from_peer) LIMIT 10000) x),
    'reputation', spam_reputation(u), 'reports', spam_reports(u.id),
    'phone_verified_at', (SELECT api_time(v.verified_at) FROM verifications v WHERE v.user_id = u.id AND v.kind = 'phone'),
    'blocked', (SELECT count(*) FROM (SELECT FROM blocks b WHERE b.user_id = u.id LIMIT 10000) x),
    'blocked_by', (SELECT count(*) FROM (SELECT FROM blocks b WHERE b.peer = u.jid AND b.created_at > '-infinity' LIMIT 10000) x),
    'sessions', coalesce((SELECT jsonb_agg(jsonb_build_object('created_at', api_time(s.created_at),
                                                              'expires_at', api_time(s.expires_at)) ORDER BY s.created_at)
                            FROM (SELECT * FROM sessions s WHERE s.user_id = u.id AND s.expires_at > clock_timestamp()
                                    ORDER BY s.created_at LIMIT 100) s), '[]')))::text
    FROM users u WHERE u.id = admin_user(p_user)
$$;

-- How many users there are, up to 100000 of each: { registered, online: p_online, suspended }.
CREATE FUNCTION admin_user_count(p_online bigint) RETURNS text
LANGUAGE sql STABLE AS $$
  SELECT json_build_object(
    'registered', (SELECT count(*) FROM (SELECT FROM users u WHERE u.external_id IS NOT NULL LIMIT 100000) x),
    'online', least(p_online, 100000),
    'suspended', (SELECT count(*) FROM (SELECT FROM user_access a WHERE a.suspended_at IS NOT NULL AND access_is_suspended(a)
                                          LIMIT 100000) x))::text
$$;

-- { user_id, jid, last_seen_at }; no row: nobody of ours.
CREATE FUNCTION admin_last_login(p_user text) RETURNS SETOF text
LANGUAGE sql STABLE AS $$
  SELECT json_build_object('user_id', u.id, 'jid', u.jid, 'last_seen_at', api_time(u.last_seen_at))::text
    FROM users u WHERE u.id = admin_user(p_user)
$$;

-- What a token for the user has to say. No row: nobody of ours, or one who signs in otherwise.
CREATE FUNCTION admin_token_claims(p_user text)
RETURNS TABLE (external_id text, username text, name text)
LANGUAGE sql STABLE AS $$
  SELECT u.external_id, u.username, u.name FROM users u WHERE u.id = admin_user(p_user) AND u.external_id IS NOT NULL
$$;

-- Who may give commands by XMPP: an account of a server that has a role here, and whoever is suspended. No row: neither.
CREATE FUNCTION admin_by_jid(p_jid text)
RETURNS TABLE (id uuid, jid text, name text, facts text, kind text, number bigint, staff text, suspended boolean)
LANGUAGE sql STABLE AS $$
  SELECT u.id, u.jid, u.name, to_json(user_facts(u, false))::text, u.kind, u.number, array_to_string(u.staff, ' '),
         access_is_suspended(a)
    FROM users u LEFT JOIN user_access a ON a.user_id = u.id
    WHERE u.jid = p_jid AND (u.kind = 'bound' OR a.suspended_at IS NOT NULL)
$$;

-- ---- Changes ----------------------------------------------------------------------------------------------------

-- Whom the references p_users name, in their order; missing: the references that name nobody.
CREATE FUNCTION admin_users_named(p_users jsonb, OUT found uuid[], OUT missing text[])
LANGUAGE sql STABLE AS $$
  WITH named AS MATERIALIZED (
    SELECT who, k, admin_user(who) AS id FROM jsonb_array_elements_text(p_users) WITH ORDINALITY x (who, k)
  )
  SELECT coalesce(array_agg(id ORDER BY k) FILTER (WHERE id IS NOT NULL), '{}'),
         coalesce(array_agg(who ORDER BY k) FILTER (WHERE id IS NULL), '{}')
    FROM named
$$;

-- Lets nobody in as these users: users (references), reason, until (a time; NULL or forever: until it is taken back).
-- { items: suspensions, missing: those who are nobody }.
CREATE FUNCTION change_users_suspend(p_user uuid, p_arguments jsonb, OUT outcome int, OUT result jsonb)
LANGUAGE plpgsql AS $$
DECLARE
  named record;
  ending timestamptz := nullif(p_arguments->>'until', 'forever')::timestamptz;
BEGIN
  SELECT * INTO named FROM admin_users_named(p_arguments->'users');
  outcome := CASE WHEN named.found = '{}' THEN 2 ELSE 0 END;
  result := (SELECT jsonb_build_object('missing', named.missing, 'items',
                      coalesce(jsonb_agg(user_suspend(x.id, p_arguments->>'reason', ending)::jsonb ORDER BY x.k), '[]'))
               FROM unnest(named.found) WITH ORDINALITY x (id, k));
END $$;

CREATE FUNCTION change_users_restore(p_user uuid, p_arguments jsonb, OUT outcome int, OUT result jsonb)
LANGUAGE plpgsql AS $$
DECLARE
  named record;
BEGIN
  SELECT * INTO named FROM admin_users_named(p_arguments->'users');
  outcome := CASE WHEN named.found = '{}' THEN 2 ELSE 0 END;
  result := (SELECT jsonb_build_object('missing', named.missing, 'items',
                      coalesce(jsonb_agg(user_restore(x.id)::jsonb ORDER BY x.k), '[]'))
               FROM unnest(named.found) WITH ORDINALITY x (id, k));
END $$;

-- Signs these users out everywhere.
CREATE FUNCTION change_users_sign_out(p_user uuid, p_arguments jsonb, OUT outcome int, OUT result jsonb)
LANGUAGE plpgsql AS $$
DECLARE
  named record;
BEGIN
  SELECT * INTO named FROM admin_users_named(p_arguments->'users');
  PERFORM session_close_all(id) FROM unnest(named.found) id;
  outcome := CASE WHEN named.found = '{}' THEN 2 ELSE 0 END;
  result := (SELECT jsonb_build_object('missing', named.missing, 'signed_out', coalesce(jsonb_agg(u.jid ORDER BY x.k), '[]'))
               FROM unnest(named.found) WITH ORDINALITY x (id, k) JOIN users u ON u.id = x.id);
END $$;

-- user (a reference), roles.
CREATE FUNCTION change_admin_staff(p_user uuid, p_arguments jsonb, OUT outcome int, OUT result jsonb)
LANGUAGE plpgsql AS $$
DECLARE
  found uuid := admin_user(p_arguments->>'user');
BEGIN
  SELECT s.outcome, s.result INTO outcome, result FROM change_staff(p_user, jsonb_build_object(
    'user_id', found, 'roles', coalesce(p_arguments->'roles', '[]'))) s;
END $$;

-- ---- Limits -----------------------------------------------------------------------------------------------------

-- Limits that users have of their own, at most 10000.
CREATE FUNCTION admin_limits() RETURNS TABLE (user_id uuid, name text, rate text)
LANGUAGE sql STABLE AS $$
  SELECT l.user_id, l.name, l.rate FROM user_limits l ORDER BY l.user_id, l.name LIMIT 10000
$$;

CREATE FUNCTION admin_limits_json(p_user uuid) RETURNS jsonb
LANGUAGE sql STABLE AS $$
  SELECT jsonb_build_object('jid', u.jid, 'items', coalesce((
           SELECT jsonb_agg(jsonb_build_object('name', l.name, 'rate', l.rate) ORDER BY l.name) FROM user_limits l
             WHERE l.user_id = u.id), '[]'))
    FROM users u WHERE u.id = p_user
$$;

CREATE FUNCTION admin_limits_of(p_user text) RETURNS SETOF text
LANGUAGE sql STABLE AS $$
  SELECT admin_limits_json(u.id)::text FROM users u WHERE u.id = admin_user(p_user)
$$;

-- user (a reference), limit, rate; without a rate: as the configuration has it.
CREATE FUNCTION change_admin_limit(p_user uuid, p_arguments jsonb, OUT outcome int, OUT result jsonb)
LANGUAGE plpgsql AS $$
DECLARE
  found uuid := admin_user(p_arguments->>'user');
BEGIN
  outcome := CASE WHEN found IS NULL THEN 2 WHEN NOT p_arguments ? 'rate' THEN 0
                  WHEN EXISTS (SELECT FROM user_limits l WHERE l.user_id = found AND l.name = p_arguments->>'limit') THEN 0
                  WHEN (SELECT count(*) FROM (SELECT FROM user_limits LIMIT 10000) x) >= 10000 THEN 3 ELSE 0 END;
  IF outcome <> 0 THEN
    RETURN;
  ELSIF p_arguments ? 'rate' THEN
    INSERT INTO user_limits (user_id, name, rate) VALUES (found, p_arguments->>'limit', p_arguments->>'rate')
      ON CONFLICT (user_id, name) DO UPDATE SET rate = excluded.rate;
  ELSE
    DELETE FROM user_limits l WHERE l.user_id = found AND l.name = p_arguments->>'limit';
  END IF;
  result := admin_limits_json(found);
END $$;

-- ---- Keys of backends -------------------------------------------------------------------------------------------

CREATE FUNCTION server_key_json(k server_keys) RETURNS jsonb
LANGUAGE sql STABLE AS $$
  SELECT jsonb_build_object('name', k.name, 'scopes', k.scopes, 'created_at', api_time(k.created_at),
                            'revoked_at', api_time(k.revoked_at))
$$;

-- At most 1000.
CREATE FUNCTION admin_key_list() RETURNS text
LANGUAGE sql STABLE AS $$
  SELECT json_build_object('items', coalesce(json_agg(server_key_json(k) ORDER BY k.name), '[]'))::text
    FROM (SELECT * FROM server_keys ORDER BY name LIMIT 1000) k
$$;

-- name, scopes, digest (hex of the SHA-256). 3: there is one of that name.
CREATE FUNCTION change_key_make(p_user uuid, p_arguments jsonb, OUT outcome int, OUT result jsonb)
LANGUAGE plpgsql AS $$
BEGIN
  IF EXISTS (SELECT FROM server_keys k WHERE k.name = p_arguments->>'name' AND k.revoked_at IS NULL) THEN
    outcome := 3;
    RETURN;
  END IF;
  PERFORM server_key_create(p_arguments->>'name', decode(p_arguments->>'digest', 'hex'),
                            ARRAY(SELECT DISTINCT jsonb_array_elements_text(p_arguments->'scopes')));
  outcome := 0;
END $$;

CREATE FUNCTION change_key_revoke(p_user uuid, p_arguments jsonb, OUT outcome int, OUT result jsonb)
LANGUAGE plpgsql AS $$
BEGIN
  outcome := CASE WHEN server_key_revoke(p_arguments->>'name') THEN 0 ELSE 2 END;
  result := (SELECT server_key_json(k) FROM server_keys k WHERE k.name = p_arguments->>'name');
END $$;

-- ---- Rooms ------------------------------------------------------------------------------------------------------

-- Groups by the name of their room: { items, has_more, next }.
CREATE FUNCTION admin_room_list(p_q text, p_limit int, p_after text) RETURNS text
LANGUAGE sql STABLE AS $$
  WITH page AS (
    SELECT c.*, row_number() OVER (ORDER BY c.room) AS k FROM conversations c
      WHERE c.room IS NOT NULL AND c.room > coalesce(p_after, '') AND c.destroyed_at IS NULL
        AND (p_q IS NULL OR (c.room >= lower(p_q) AND c.room < lower(p_q) || chr(1114111) COLLATE "C"))
      ORDER BY c.room LIMIT p_limit + 1
  )
  SELECT json_build_object(
    'items', coalesce(json_agg(json_build_object('conversation_id', id, 'room', coalesce(group_jid(room), room), 'name', name,
        'public', public, 'created_at', api_time(created_at),
        'members', (SELECT count(*) FROM (SELECT FROM members m WHERE m.conversation_id = page.id AND m.state = 'joined'
                                            LIMIT 10000) x),
        'owners', (SELECT coalesce(json_agg(u.jid), '[]') FROM (
                     SELECT m.user_id FROM members m WHERE m.conversation_id = page.id AND m.role = 'owner' LIMIT 20) o
                     JOIN users u ON u.id = o.user_id)) ORDER BY k) FILTER (WHERE k <= p_limit), '[]'),
    'has_more', count(*) > p_limit,
    'next', CASE WHEN count(*) > p_limit THEN max(room) FILTER (WHERE k = p_limit) END)::text
  FROM page
$$;
